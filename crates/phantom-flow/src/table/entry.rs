//! One flow under way.

use phantom_core::event::{Endpoint, Flow, Transport};

use super::list::Link;
use super::pair::Pair;
use crate::content::{Content, Counts, datagram};
use crate::names::{App, State};
use crate::packet::{Packet, tcp};
use crate::wire::{Ended, FlowKey, FlowRecord};

/// By what deadline a flow ends, and in which order flows are evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing has come back.
    Unanswered,
    /// Both sides have spoken.
    Answered,
    /// Both sides sent FIN.
    Fin,
    /// One side sent RST.
    Rst,
}

impl Class {
    pub(super) const COUNT: usize = 4;
}

/// One side of a TCP conversation, as Zeek tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum End {
    #[default]
    Inactive,
    SynSent,
    SynAckSent,
    /// Spoke without a handshake having been seen.
    Partial,
    Established,
    Closed,
    Reset,
}

#[derive(Debug, Clone, Copy, Default)]
struct Side {
    packets: u64,
    bytes: u64,
    payload: u64,
    end: End,
    /// Sequence number of its SYN.
    isn: Option<u32>,
    /// Sequence number of its next byte.
    next: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pair: Pair,
    pub(super) hash: u64,
    pub(super) key: FlowKey,
    pub(super) id: u64,
    /// Counts entries as they are made.
    pub(super) number: u64,
    /// Whether the initiator is the smaller end of the pair.
    pub(super) forward: bool,
    pub(super) class: Class,
    pub(super) by_class: Link,
    pub(super) by_pending: Link,
    /// The table's clock at the last packet, which never goes back.
    pub(super) touched: i64,
    pub(super) first: i64,
    last: i64,
    out: Side,
    back: Side,
    app: Option<App>,
    totals: Counts,
    pub(super) pending: Counts,
    pub(super) pending_since: i64,
    /// Instant of the last thing counted in `pending`.
    pub(super) activity: i64,
    pub(super) content: Option<Box<Content>>,
}

impl Entry {
    /// A flow whose first packet this is, not yet counted.
    pub(super) fn new(pair: Pair, hash: u64, at: i64, packet: &Packet<'_>, forward: bool) -> Self {
        let from = Endpoint::new(packet.src, packet.src_port);
        let to = Endpoint::new(packet.dst, packet.dst_port);
        let reversed = comes_from_responder(packet);
        let (src, dst) = if reversed { (to, from) } else { (from, to) };
        Self {
            pair,
            hash,
            key: FlowKey { transport: packet.transport(), src, dst },
            id: pair.id(at),
            number: 0,
            forward: forward != reversed,
            class: Class::Unanswered,
            by_class: Link::default(),
            by_pending: Link::default(),
            touched: at,
            first: at,
            last: at,
            out: Side::default(),
            back: Side::default(),
            app: None,
            totals: Counts::default(),
            pending: Counts::default(),
            pending_since: at,
            activity: at,
            content: None,
        }
    }

    /// Whether the current record holds any packet.
    pub(super) fn has_packets(&self) -> bool {
        self.out.packets + self.back.packets > 0
    }

    /// Whether a packet begins another conversation between the same ends, and how this one ends then.
    #[inline]
    pub(super) fn superseded(&self, packet: &Packet<'_>, forward: bool) -> Option<Ended> {
        if self.key.transport != Transport::Tcp
            || packet.tcp_flags & (tcp::SYN | tcp::ACK | tcp::RST) != tcp::SYN
        {
            return None;
        }
        match self.class {
            Class::Fin => return Some(Ended::Fin),
            Class::Rst => return Some(Ended::Rst),
            Class::Unanswered | Class::Answered => {}
        }
        let side = if forward == self.forward { &self.out } else { &self.back };
        let settled = |end: End| !matches!(end, End::Inactive | End::SynSent | End::SynAckSent);
        let midway = self.out.isn.is_none() && self.back.isn.is_none();
        let other = settled(self.out.end) && settled(self.back.end) && side.isn != Some(packet.seq);
        (midway || other).then_some(Ended::Reused)
    }

    /// Counts a packet and follows the handshake.
    #[inline]
    pub(super) fn count(&mut self, at: i64, packet: &Packet<'_>, from_initiator: bool) {
        self.last = self.last.max(at);
        let (side, peer) =
            if from_initiator { (&mut self.out, &mut self.back) } else { (&mut self.back, &mut self.out) };
        side.packets += 1;
        side.bytes += u64::from(packet.length);
        side.payload += u64::from(packet.payload_len);
        if self.key.transport == Transport::Tcp {
            follow(side, peer, packet);
        }
    }

    /// Reads the payload: recognises the application and counts what it says.
    #[inline]
    pub(super) fn read(&mut self, packet: &Packet<'_>, from_initiator: bool) -> Counts {
        if packet.payload_len == 0 {
            return Counts::default();
        }
        match self.key.transport {
            Transport::Tcp => self.read_segment(packet, from_initiator),
            Transport::Udp => {
                // The first datagram each way; what follows would only repeat it.
                let side = if from_initiator { &self.out } else { &self.back };
                if self.app.is_none() && side.packets == 1 {
                    self.app = datagram(packet.payload);
                }
                Counts::default()
            }
            Transport::Icmp | Transport::Other => Counts::default(),
        }
    }

    fn read_segment(&mut self, packet: &Packet<'_>, from_initiator: bool) -> Counts {
        let side = if from_initiator { &mut self.out } else { &mut self.back };
        // Data in a SYN (RFC 7413) begins one later.
        let seq = packet.seq.wrapping_add(u32::from(packet.tcp_flags & tcp::SYN != 0));
        let (mut payload, mut hole) = (packet.payload, side.next.is_none());
        if let Some(next) = side.next {
            let ahead = seq.wrapping_sub(next).cast_signed();
            // Further off than any window is no retransmission but another numbering, as after a forged segment.
            let far = ahead.unsigned_abs() > FAR;
            hole = ahead > 0 || far;
            if ahead < 0 && !far {
                let seen = ahead.unsigned_abs();
                if seen >= packet.payload_len {
                    return Counts::default();
                }
                payload = payload.get(seen as usize..).unwrap_or_default();
            }
        }
        let end = seq.wrapping_add(packet.payload_len);
        // What was not captured is a hole before the next segment.
        let complete = packet.payload.len() == packet.payload_len as usize;
        side.next = complete.then_some(end);
        let content = self.content.get_or_insert_with(|| Box::new(Content::new()));
        let (app, counts) = content.feed(from_initiator, hole, payload);
        self.app = self.app.or(app);
        counts
    }

    /// Adds what is to be told.
    pub(super) fn gather(&mut self, at: i64, counts: Counts) {
        self.pending.add(counts);
        self.totals.add(counts);
        self.activity = at;
    }

    /// Where the flow stands now.
    #[inline]
    pub(super) fn next_class(&self) -> Class {
        match (self.out.end, self.back.end) {
            (End::Reset, _) | (_, End::Reset) => Class::Rst,
            (End::Closed, End::Closed) => Class::Fin,
            // Answered stays so when a record is cut.
            _ if self.back.packets > 0 && self.out.packets > 0 => Class::Answered,
            _ => self.class,
        }
    }

    /// The record as it stands.
    pub(super) fn record(&self, ended: Ended) -> FlowRecord {
        let duration = self.last.saturating_sub(self.first) / 1000;
        FlowRecord {
            key: self.key,
            first: self.first,
            last: self.last,
            flow: Flow {
                app: self.app.map(|app| app.as_str().to_owned()),
                state: self.state().as_str().to_owned(),
                duration_ms: u64::try_from(duration).unwrap_or(0),
                packets_out: self.out.packets,
                packets_in: self.back.packets,
                bytes_out: self.out.bytes,
                bytes_in: self.back.bytes,
                payload_out: self.out.payload,
                payload_in: self.back.payload,
            },
            http_requests: self.totals.http_requests,
            login_failures: self.totals.login_failures,
            ended,
        }
    }

    /// Begins another record of the same conversation at this instant.
    pub(super) fn cut(&mut self, at: i64) {
        for side in [&mut self.out, &mut self.back] {
            (side.packets, side.bytes, side.payload) = (0, 0, 0);
        }
        self.totals = Counts::default();
        (self.first, self.last) = (at, at);
    }

    /// As Zeek's `conn_state` decides it (`base/protocols/conn/main.zeek`), with UDP's rules for all without a state.
    fn state(&self) -> State {
        if self.key.transport != Transport::Tcp {
            return match (self.out.packets > 0, self.back.packets > 0) {
                (true, false) => State::S0,
                (true, true) => State::Sf,
                (false, true) => State::Shr,
                (false, false) => State::Oth,
            };
        }
        let (out, back) = (self.out.end, self.back.end);
        let inactive = |end: End| matches!(end, End::Inactive | End::Partial);
        match (out, back) {
            (End::SynSent | End::SynAckSent, End::Reset) => State::Rej,
            (End::Reset, End::Reset) if self.out.payload + self.back.payload == 0 => State::Rej,
            (_, End::Reset) if inactive(out) => State::Rstrh,
            (_, End::Reset) => State::Rstr,
            (End::Reset, _) if inactive(back) => State::Rstos0,
            (End::Reset, _) => State::Rsto,
            (End::Closed, End::Closed) => State::Sf,
            (End::Closed, _) if inactive(back) => State::Sh,
            (End::Closed, _) => State::S2,
            (_, End::Closed) if inactive(out) => State::Shr,
            (_, End::Closed) => State::S3,
            (End::SynSent, End::Inactive) => State::S0,
            (End::Established, End::Established) => State::S1,
            _ => State::Oth,
        }
    }
}

/// A distance in sequence numbers that no window spans, in bytes; receive buffers of Linux end at 6 MiB by default.
const FAR: u32 = 16 * 1024 * 1024;

/// Whether a conversation's first packet seen comes from its responder.
fn comes_from_responder(packet: &Packet<'_>) -> bool {
    if packet.transport() != Transport::Tcp || packet.tcp_flags & tcp::ACK == 0 {
        return false;
    }
    packet.tcp_flags & tcp::SYN != 0 || (packet.src_port < 1024 && packet.dst_port >= 1024)
}

/// Follows the handshake by a packet of `side`.
#[inline]
fn follow(side: &mut Side, peer: &mut Side, packet: &Packet<'_>) {
    let flags = packet.tcp_flags;
    if flags & tcp::RST != 0 {
        side.end = End::Reset;
        return;
    }
    if flags & tcp::SYN != 0 {
        if side.isn.is_none() || side.end == End::SynSent {
            side.isn = Some(packet.seq);
            side.next = Some(packet.seq.wrapping_add(1));
        }
        match (side.end, peer.end) {
            (End::Inactive | End::SynSent, End::SynSent) if flags & tcp::ACK != 0 => {
                (side.end, peer.end) = (End::Established, End::Established);
            }
            (End::Inactive, _) => {
                side.end = if flags & tcp::ACK != 0 { End::SynAckSent } else { End::SynSent };
            }
            _ => {}
        }
        return;
    }
    match (side.end, peer.end) {
        (End::Reset | End::Closed, _) => {}
        _ if flags & tcp::FIN != 0 => side.end = End::Closed,
        (End::Inactive, End::SynAckSent) => (side.end, peer.end) = (End::Established, End::Established),
        (End::Inactive, _) => side.end = End::Partial,
        _ => {}
    }
}
