//! Link headers: everything before IP.

use super::Findings;

/// A link type by its number in the registry of draft-ietf-opsawg-pcaplinktype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: an address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// IP without a link header.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: an address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without a link header.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link header.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Tags of a frame that are followed; the standards know two.
const MAX_TAGS: usize = 4;

/// The IP packet within a frame.
#[inline]
pub(super) fn strip<'a>(link: LinkType, bytes: &'a [u8], findings: &mut Findings) -> Option<&'a [u8]> {
    let (kind, rest) = match link {
        LinkType::ETHERNET => (bytes.get(12..14), bytes.get(14..)),
        LinkType::LINUX_SLL => (bytes.get(14..16), bytes.get(16..)),
        LinkType::LINUX_SLL2 => (bytes.get(0..2), bytes.get(20..)),
        // 12 and 14 are what BSD systems write for RAW.
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => return Some(bytes),
        LinkType::NULL | LinkType::LOOP => return family(bytes, findings),
        _ => {
            findings.add(Findings::UNKNOWN_LINK);
            return None;
        }
    };
    let (Some(&[high, low]), Some(mut rest)) = (kind, rest) else {
        findings.add(Findings::TRUNCATED);
        return None;
    };
    let mut kind = u16::from_be_bytes([high, low]);
    for _ in 0..MAX_TAGS {
        // IEEE 802.1Q, 802.1ad, and the older QinQ.
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let Some(([_, _, high, low], inner)) = rest.split_first_chunk::<4>() else {
            findings.add(Findings::TRUNCATED);
            return None;
        };
        kind = u16::from_be_bytes([*high, *low]);
        rest = inner;
    }
    match kind {
        0x0800 | 0x86dd => Some(rest),
        0x0806 => {
            findings.add(Findings::ARP);
            None
        }
        _ => {
            findings.add(Findings::NOT_IP);
            None
        }
    }
}

/// The address family's number differs between systems and byte orders (2 for IPv4; 10, 24, 28, 30 for IPv6), so only
/// its place is used: IP itself says its version.
fn family<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<&'a [u8]> {
    let Some((family, rest)) = bytes.split_first_chunk::<4>() else {
        findings.add(Findings::TRUNCATED);
        return None;
    };
    let known = |n: u32| matches!(n, 2 | 10 | 24 | 28 | 30);
    if known(u32::from_be_bytes(*family)) || known(u32::from_le_bytes(*family)) {
        Some(rest)
    } else {
        findings.add(Findings::NOT_IP);
        None
    }
}
