//! Packets to flows, by event time alone.

mod entry;
mod list;
mod pair;

use std::hash::{BuildHasher, Hasher as _};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::content::Counts;
use crate::packet::{LinkType, Packet, decode};
use crate::wire::{Ended, FlowNotice, PacketRow, WireBatch};
use entry::{Class, Entry};
use list::{List, Thread};
use pair::Pair;

/// How a flow table behaves. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowConfig {
    /// A flow silent for this long is closed.
    pub idle: i64,
    /// The record of a flow that goes on longer is cut, at the first packet after this long.
    pub active: i64,
    /// How long a flow lingers after both FINs, for what is still under way.
    pub linger_fin: i64,
    /// How long a flow lingers after a RST.
    pub linger_rst: i64,
    /// Most flows held, at about half a kibibyte each; beyond it unanswered ones are evicted first, the longest silent
    /// before others.
    pub max_flows: usize,
    /// A packet older than the newest by more than this sets the clock back and closes all flows: another capture has
    /// begun. Smaller steps back are tolerated.
    pub max_backwards: i64,
    /// Whether each packet becomes a [`PacketRow`].
    pub packet_rows: bool,
    /// Seeds the hash that places flows, so that a peer cannot aim at one slot. It changes no output.
    pub seed: u64,
}

impl Default for FlowConfig {
    /// Idle 60 s, active 120 s, linger 2 s and 1 s, 262,144 flows, an hour back, rows, seed 0 (pass a random one live).
    fn default() -> Self {
        Self {
            idle: 60 * SECOND,
            active: 120 * SECOND,
            linger_fin: 2 * SECOND,
            linger_rst: SECOND,
            max_flows: 262_144,
            max_backwards: 3600 * SECOND,
            packet_rows: true,
            seed: 0,
        }
    }
}

const SECOND: i64 = 1_000_000;
/// How long activity is gathered before it is told.
const GATHER: i64 = SECOND;

/// The flows under way.
///
/// - The initiator is the sender of the first packet, unless that packet is a SYN-ACK, or an ACK or RST-ACK from a port
///   below 1024 to one above (a conversation joined midway). A SYN later settles it.
/// - Fragments after the first, packets without a transport header and ICMP errors belong to no flow; they are counted
///   and have a row with `flow_id` 0.
/// - All ICMP between two hosts is one flow, as is all of any other protocol without ports.
/// - Nothing but the packets' instants moves time. Whether packets come one by one or in batches, with or without
///   [`Self::advance`] between, the notices are the same in the same order (as long as `advance` is not told of a time
///   later than the next packet's). A live host calls `advance` at least once a second, or quiet wires tell late.
#[derive(Debug)]
pub struct FlowTable {
    config: FlowConfig,
    hash: FixedState,
    index: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// In the order of [`Class`].
    lists: [List; Class::COUNT],
    pending: List,
    /// Flows ever opened.
    opened: u64,
    clock: i64,
    /// No deadline is earlier than this.
    next_due: i64,
}

impl FlowTable {
    /// An empty table.
    pub fn new(config: FlowConfig) -> Self {
        Self {
            hash: FixedState::with_seed(config.seed),
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            lists: std::array::from_fn(|_| List::new(Thread::Class)),
            pending: List::new(Thread::Pending),
            opened: 0,
            clock: i64::MIN,
            next_due: i64::MAX,
            config,
        }
    }

    /// Decodes a captured frame, counts it and what was odd about it, and pushes its packet.
    #[inline]
    pub fn frame(&mut self, at: i64, link: LinkType, bytes: &[u8], wire_len: u32, out: &mut WireBatch) {
        let decoded = decode(link, bytes, wire_len);
        out.counters.frames += 1;
        decoded.findings.count(&mut out.counters);
        if let Some(packet) = &decoded.packet {
            self.push(at, packet, out);
        }
    }

    /// Takes the next packet.
    #[inline]
    pub fn push(&mut self, at: i64, packet: &Packet<'_>, out: &mut WireBatch) {
        out.counters.packets += 1;
        out.counters.bytes += u64::from(packet.length);
        self.tick(at, out);
        let flow_id = if !packet.whole {
            0
        } else if packet.is_icmp_error() {
            out.counters.icmp_errors += 1;
            0
        } else {
            self.track(at, packet, out)
        };
        if self.config.packet_rows {
            out.packets.push(PacketRow {
                at,
                src: packet.src,
                dst: packet.dst,
                src_port: packet.src_port,
                dst_port: packet.dst_port,
                protocol: packet.protocol,
                length: packet.length,
                ttl: packet.ttl,
                tcp_flags: packet.tcp_flags,
                payload_len: packet.payload_len,
                flow_id,
            });
        }
    }

    /// Lets time pass without a packet: tells what is due up to `now`. Never turns the clock back.
    pub fn advance(&mut self, now: i64, out: &mut WireBatch) {
        if now > self.clock {
            self.clock = now;
        }
        if self.next_due <= self.clock {
            self.expire(out);
        }
    }

    /// Closes every flow, the earliest first: the capture has ended. The table can be used on.
    pub fn finish(&mut self, out: &mut WireBatch) {
        let mut all: Vec<u32> = self.index.iter().copied().collect();
        all.sort_unstable_by_key(|at| {
            self.entries.get(*at as usize).map(|entry| (entry.first, entry.number))
        });
        for at in all {
            let ended = self.entries.get(at as usize).map(|entry| match entry.class {
                Class::Fin => Ended::Fin,
                Class::Rst => Ended::Rst,
                Class::Unanswered | Class::Answered => Ended::Capture,
            });
            self.close(at, ended.unwrap_or(Ended::Capture), out);
        }
        self.clock = i64::MIN;
        self.next_due = i64::MAX;
    }

    /// Flows held now.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    #[inline]
    fn tick(&mut self, at: i64, out: &mut WireBatch) {
        if at < self.clock {
            out.counters.backwards += 1;
            if at < self.clock.saturating_sub(self.config.max_backwards) {
                out.counters.clock_resets += 1;
                self.finish(out);
                self.clock = at;
            }
            return;
        }
        self.clock = at;
        if self.next_due <= at {
            self.expire(out);
        }
    }

    /// The id of the packet's flow.
    #[inline]
    fn track(&mut self, at: i64, packet: &Packet<'_>, out: &mut WireBatch) -> u64 {
        let (pair, forward) = Pair::of(packet);
        let hash = self.hash_of(&pair);
        let entries = &self.entries;
        let same = |slot: &u32| entries.get(*slot as usize).is_some_and(|entry| entry.pair == pair);
        if let Some(slot) = self.index.find(hash, same).copied() {
            match self.entries.get(slot as usize).and_then(|entry| entry.superseded(packet, forward)) {
                Some(ended) => self.close(slot, ended, out),
                None => return self.update(slot, at, packet, forward, out),
            }
        }
        let slot = self.open(at, pair, hash, packet, forward, out);
        self.update(slot, at, packet, forward, out)
    }

    fn open(
        &mut self,
        at: i64,
        pair: Pair,
        hash: u64,
        packet: &Packet<'_>,
        forward: bool,
        out: &mut WireBatch,
    ) -> u32 {
        if self.index.len() >= self.config.max_flows.max(1) {
            let [unanswered, answered, fin, rst] = &self.lists;
            let victim = unanswered.front().or(rst.front()).or(fin.front()).or(answered.front());
            if let Some(victim) = victim {
                out.counters.flows_evicted += 1;
                self.close(victim, Ended::Evicted, out);
            }
        }
        out.counters.flows_opened += 1;
        let mut entry = Entry::new(pair, hash, at, packet, forward);
        self.opened += 1;
        entry.number = self.opened;
        entry.touched = self.clock;
        let key = entry.key;
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.entries.get_mut(slot as usize) {
                    *place = entry;
                }
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.index
            .insert_unique(hash, slot, |slot| entries.get(*slot as usize).map_or(0, |entry| entry.hash));
        self.list_in(slot, Class::Unanswered);
        out.notices.push(FlowNotice::Opened { at, key, tcp_flags: packet.tcp_flags });
        slot
    }

    #[inline]
    fn update(&mut self, slot: u32, at: i64, packet: &Packet<'_>, forward: bool, out: &mut WireBatch) -> u64 {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return 0 };
        if at.saturating_sub(entry.first) >= self.config.active && entry.has_packets() {
            if entry.pending != Counts::default() {
                self.pending.remove(&mut self.entries, slot);
                self.tell(slot, out);
            }
            let Some(entry) = self.entries.get_mut(slot as usize) else { return 0 };
            out.counters.flows_closed += 1;
            out.notices.push(FlowNotice::Closed(entry.record(Ended::Active)));
            entry.cut(at);
        }
        let Some(entry) = self.entries.get_mut(slot as usize) else { return 0 };
        let from_initiator = forward == entry.forward;
        entry.count(at, packet, from_initiator);
        let counts = entry.read(packet, from_initiator);
        let id = entry.id;
        let (was, is) = (entry.class, entry.next_class());
        // What lingers does not start its wait again.
        let lingering = was == is && matches!(is, Class::Fin | Class::Rst);
        if !lingering {
            entry.touched = self.clock;
            if was != is || !self.list(was).is_back(slot) {
                self.list_out(slot, was);
                self.list_in(slot, is);
            }
        }
        if counts != Counts::default() {
            self.gather(slot, at, counts);
        }
        id
    }

    fn gather(&mut self, slot: u32, at: i64, counts: Counts) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        let fresh = entry.pending == Counts::default();
        entry.gather(at, counts);
        if fresh {
            entry.pending_since = self.clock;
            self.next_due = self.next_due.min(self.clock.saturating_add(GATHER));
            self.pending.push_back(&mut self.entries, slot);
        }
    }

    /// Tells the pending activity of an entry that has just left the list.
    fn tell(&mut self, slot: u32, out: &mut WireBatch) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        let counts = std::mem::take(&mut entry.pending);
        out.notices.push(FlowNotice::Activity {
            at: entry.activity,
            key: entry.key,
            http_requests: counts.http_requests,
            login_failures: counts.login_failures,
        });
    }

    /// Handles deadlines up to the clock in their order, so that when it is called changes nothing.
    #[cold]
    fn expire(&mut self, out: &mut WireBatch) {
        loop {
            let pending = self.pending.front().and_then(|slot| {
                let entry = self.entries.get(slot as usize)?;
                Some((entry.pending_since.saturating_add(GATHER), slot, None))
            });
            let classes = self.lists.iter().filter_map(|list| {
                let slot = list.front()?;
                let entry = self.entries.get(slot as usize)?;
                Some((entry.touched.saturating_add(self.timeout(entry.class)), slot, Some(entry.class)))
            });
            // Of equal deadlines the first is taken: activity goes before closing.
            let Some((due, slot, class)) = pending.into_iter().chain(classes).min_by_key(|(due, ..)| *due)
            else {
                self.next_due = i64::MAX;
                return;
            };
            if due > self.clock {
                self.next_due = due;
                return;
            }
            match class {
                None => {
                    self.pending.remove(&mut self.entries, slot);
                    self.tell(slot, out);
                }
                Some(Class::Fin) => self.close(slot, Ended::Fin, out),
                Some(Class::Rst) => self.close(slot, Ended::Rst, out),
                Some(Class::Unanswered | Class::Answered) => self.close(slot, Ended::Idle, out),
            }
        }
    }

    fn close(&mut self, slot: u32, ended: Ended, out: &mut WireBatch) {
        let Some(entry) = self.entries.get(slot as usize) else { return };
        let (class, hash) = (entry.class, entry.hash);
        if entry.pending != Counts::default() {
            self.pending.remove(&mut self.entries, slot);
            self.tell(slot, out);
        }
        self.list_out(slot, class);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            out.counters.flows_closed += 1;
            out.notices.push(FlowNotice::Closed(entry.record(ended)));
            entry.content = None;
        }
        self.free.push(slot);
    }

    fn timeout(&self, class: Class) -> i64 {
        match class {
            Class::Unanswered | Class::Answered => self.config.idle,
            Class::Fin => self.config.linger_fin,
            Class::Rst => self.config.linger_rst,
        }
    }

    fn list_in(&mut self, slot: u32, class: Class) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.class = class;
            self.next_due = self.next_due.min(entry.touched.saturating_add(self.timeout(class)));
        }
        let Self { lists, entries, .. } = self;
        pick(lists, class).push_back(entries, slot);
    }

    fn list_out(&mut self, slot: u32, class: Class) {
        let Self { lists, entries, .. } = self;
        pick(lists, class).remove(entries, slot);
    }

    #[inline]
    fn list(&mut self, class: Class) -> &List {
        pick(&mut self.lists, class)
    }

    #[inline]
    fn hash_of(&self, pair: &Pair) -> u64 {
        let mut hasher = self.hash.build_hasher();
        pair.hash(&mut hasher);
        hasher.finish()
    }
}

#[inline]
fn pick(lists: &mut [List; Class::COUNT], class: Class) -> &mut List {
    let [unanswered, answered, fin, rst] = lists;
    match class {
        Class::Unanswered => unanswered,
        Class::Answered => answered,
        Class::Fin => fin,
        Class::Rst => rst,
    }
}

#[cfg(test)]
mod tests;
