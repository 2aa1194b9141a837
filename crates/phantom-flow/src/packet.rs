//! One frame to one [`Packet`]: link, network and transport headers in a single pass, without allocation.
//!
//! Hostile or damaged headers are findings, never errors: what could be read is returned with what was odd.

mod ip;
mod link;
mod transport;

use std::net::{IpAddr, Ipv4Addr};

use phantom_core::event::Transport;

use crate::WireCounters;
pub use link::LinkType;

/// Flags of a TCP header (RFC 9293 section 3.1).
pub mod tcp {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
}

/// An IP packet's headers and what was captured of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Sender.
    pub src: IpAddr,
    /// Addressee.
    pub dst: IpAddr,
    /// IANA protocol number of what IP carries, extension headers skipped.
    pub protocol: u8,
    /// IP total length as on the wire, in bytes.
    pub length: u32,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// 0 where there are no ports.
    pub src_port: u16,
    /// 0 where there are no ports.
    pub dst_port: u16,
    /// 0 unless TCP.
    pub tcp_flags: u8,
    /// Sequence number; 0 unless TCP.
    pub seq: u32,
    /// Acknowledgement number; 0 unless TCP.
    pub ack: u32,
    /// Window, not scaled; 0 unless TCP.
    pub window: u16,
    /// Type and code; 0 unless ICMP.
    pub icmp: [u8; 2],
    /// Bytes after the transport header, as on the wire.
    pub payload_len: u32,
    /// As many of them as were captured.
    pub payload: &'a [u8],
    /// Whether the transport header is there to assign the packet to a flow: false for fragments after the first and
    /// for packets cut off or damaged before their ports.
    pub whole: bool,
}

impl Packet<'_> {
    /// The transport by its number.
    #[inline]
    pub fn transport(&self) -> Transport {
        match self.protocol {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            1 | 58 => Transport::Icmp,
            _ => Transport::Other,
        }
    }

    /// Whether it is an ICMP error about another packet (RFC 1122 section 3.2.2, RFC 4443 section 2.1).
    #[inline]
    pub fn is_icmp_error(&self) -> bool {
        let [kind, _] = self.icmp;
        match self.protocol {
            1 => matches!(kind, 3 | 4 | 5 | 11 | 12),
            58 => matches!(kind, 1..=127),
            _ => false,
        }
    }
}

/// What a frame turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The IP packet, if there is one whose addresses can be read.
    pub packet: Option<Packet<'a>>,
    /// What was odd.
    pub findings: Findings,
}

/// A set of oddities of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings(u16);

impl Findings {
    /// An ARP frame.
    pub const ARP: Self = Self(1);
    /// Neither IP nor ARP.
    pub const NOT_IP: Self = Self(1 << 1);
    /// A link type that is not understood.
    pub const UNKNOWN_LINK: Self = Self(1 << 2);
    /// The captured bytes end before the headers do.
    pub const TRUNCATED: Self = Self(1 << 3);
    /// Length fields contradict each other or the frame.
    pub const BAD_LENGTH: Self = Self(1 << 4);
    /// An impossible version, header length or data offset.
    pub const BAD_HEADER: Self = Self(1 << 5);
    /// A fragment.
    pub const FRAGMENT: Self = Self(1 << 6);
    /// IPv4 options or IPv6 extension headers.
    pub const OPTIONS: Self = Self(1 << 7);

    /// Whether all of `other` were found.
    #[inline]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other`.
    #[inline]
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Counts them.
    #[inline]
    pub fn count(self, counters: &mut WireCounters) {
        if self.0 == 0 {
            return;
        }
        for (finding, counter) in [
            (Self::ARP, &mut counters.arp),
            (Self::NOT_IP, &mut counters.not_ip),
            (Self::UNKNOWN_LINK, &mut counters.unknown_link),
            (Self::TRUNCATED, &mut counters.truncated),
            (Self::BAD_LENGTH, &mut counters.bad_length),
            (Self::BAD_HEADER, &mut counters.bad_header),
            (Self::FRAGMENT, &mut counters.fragments),
            (Self::OPTIONS, &mut counters.options),
        ] {
            *counter += u64::from(self.has(finding));
        }
    }
}

/// Decodes one frame of `link`, of which `bytes` were captured and `wire_len` were on the wire.
#[inline]
pub fn decode(link: LinkType, bytes: &[u8], wire_len: u32) -> Decoded<'_> {
    let mut findings = Findings::default();
    let packet = link::strip(link, bytes, &mut findings).and_then(|ip| {
        let stripped = bytes.len() - ip.len();
        let on_wire = (wire_len as usize).max(bytes.len()) - stripped;
        ip::decode(ip, on_wire, &mut findings)
    });
    Decoded { packet, findings }
}

/// A packet of nothing, to be filled in.
fn blank<'a>() -> Packet<'a> {
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Packet {
        src: nobody,
        dst: nobody,
        protocol: 0,
        length: 0,
        ttl: 0,
        src_port: 0,
        dst_port: 0,
        tcp_flags: 0,
        seq: 0,
        ack: 0,
        window: 0,
        icmp: [0; 2],
        payload_len: 0,
        payload: &[],
        whole: false,
    }
}

#[cfg(test)]
mod tests;
