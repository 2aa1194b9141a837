//! What the two directions of a conversation have in common.

use std::hash::Hasher;
use std::net::IpAddr;

use crate::packet::Packet;

/// Both ends of a conversation, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    low: u128,
    high: u128,
    /// Low port, high port, protocol.
    rest: u64,
}

impl Pair {
    /// The pair of a packet, and whether its sender is the smaller end.
    #[inline]
    pub(super) fn of(packet: &Packet<'_>) -> (Self, bool) {
        let (src, dst) = (number(packet.src), number(packet.dst));
        let (from, to) = (packet.src_port, packet.dst_port);
        // ICMP for IPv6 and IPv4 differ by number, so addresses of the two versions cannot meet.
        let forward = (src, from) <= (dst, to);
        let (low, high, ports) = if forward { (src, dst, (from, to)) } else { (dst, src, (to, from)) };
        let rest = u64::from(ports.0) << 32 | u64::from(ports.1) << 16 | u64::from(packet.protocol);
        (Self { low, high, rest }, forward)
    }

    #[inline]
    pub(super) fn hash(&self, hasher: &mut impl Hasher) {
        hasher.write_u128(self.low);
        hasher.write_u128(self.high);
        hasher.write_u64(self.rest);
    }

    /// A stable number for this conversation begun at this instant: the same in every run and version, whichever
    /// direction was seen first, and never 0. The mixing is splitmix64's (Steele, Lea and Flood, 2014).
    pub(super) fn id(&self, first: i64) -> u64 {
        let words = [
            (self.low >> 64) as u64,
            self.low as u64,
            (self.high >> 64) as u64,
            self.high as u64,
            self.rest,
            first.cast_unsigned(),
        ];
        let mixed = words.into_iter().fold(0u64, |state, word| {
            let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        });
        mixed.max(1)
    }
}

/// An address as a number; IPv4 as its IPv4-mapped IPv6 form.
#[inline]
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => 0xffff_0000_0000 | u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}
