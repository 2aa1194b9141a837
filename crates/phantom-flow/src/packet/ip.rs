//! IPv4 (RFC 791) and IPv6 (RFC 8200).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Findings, Packet, blank, transport};

/// Extension headers of one packet that are followed; RFC 8504 section 5.3 lets hosts stop at eight.
const MAX_EXTENSIONS: usize = 16;

/// Decodes an IP packet of which `bytes` were captured and `on_wire` were on the wire, link padding included.
#[inline]
pub(super) fn decode<'a>(bytes: &'a [u8], on_wire: usize, findings: &mut Findings) -> Option<Packet<'a>> {
    match bytes.first().map(|byte| byte >> 4) {
        Some(4) => v4(bytes, on_wire, findings),
        Some(6) => v6(bytes, on_wire, findings),
        Some(_) => {
            findings.add(Findings::BAD_HEADER);
            None
        }
        None => {
            findings.add(Findings::TRUNCATED);
            None
        }
    }
}

#[inline]
fn v4<'a>(bytes: &'a [u8], on_wire: usize, findings: &mut Findings) -> Option<Packet<'a>> {
    let Some(header) = bytes.first_chunk::<20>() else {
        findings.add(Findings::TRUNCATED);
        return None;
    };
    let [first, _, l0, l1, _, _, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let header_len = usize::from(first & 0x0f) * 4;
    let claimed = usize::from(u16::from_be_bytes([l0, l1]));
    let mut packet = Packet {
        src: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        dst: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        ttl,
        ..blank()
    };
    // A length of 0 is what Linux shows of a packet that the network card will cut (segmentation offload).
    let total = if claimed == 0 { on_wire } else { claimed };
    packet.length = u32::try_from(total).unwrap_or(u32::MAX);
    if header_len < 20 {
        findings.add(Findings::BAD_HEADER);
        return Some(packet);
    }
    if header_len > 20 {
        findings.add(Findings::OPTIONS);
    }
    if total < header_len {
        findings.add(Findings::BAD_LENGTH);
        return Some(packet);
    }
    if total > on_wire {
        findings.add(Findings::BAD_LENGTH);
    }
    let room = total.min(on_wire).saturating_sub(header_len);
    let fragment = u16::from_be_bytes([f0, f1]);
    let (more, offset) = (fragment & 0x2000 != 0, fragment & 0x1fff);
    if more || offset != 0 {
        findings.add(Findings::FRAGMENT);
    }
    let Some(rest) = bytes.get(header_len..) else {
        findings.add(Findings::TRUNCATED);
        return Some(packet);
    };
    if offset != 0 {
        transport::opaque(&mut packet, rest, room);
    } else {
        transport::decode(&mut packet, rest, room, more, findings);
    }
    Some(packet)
}

#[inline]
fn v6<'a>(bytes: &'a [u8], on_wire: usize, findings: &mut Findings) -> Option<Packet<'a>> {
    let Some((header, mut rest)) = bytes.split_first_chunk::<40>() else {
        findings.add(Findings::TRUNCATED);
        return None;
    };
    let [_, _, _, _, l0, l1, mut next, ttl, addresses @ ..] = *header;
    let (src, dst) = addresses.split_at(16);
    let address = |half: &[u8]| {
        let octets: [u8; 16] = half.try_into().unwrap_or_default();
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    let claimed = usize::from(u16::from_be_bytes([l0, l1]));
    // A length of 0 is a jumbogram (RFC 2675) or segmentation offload.
    let total = if claimed == 0 { on_wire } else { 40 + claimed };
    let mut packet = Packet { src: address(src), dst: address(dst), ttl, ..blank() };
    packet.length = u32::try_from(total).unwrap_or(u32::MAX);
    if total > on_wire {
        findings.add(Findings::BAD_LENGTH);
    }
    let mut room = total.min(on_wire).saturating_sub(40);
    let (mut more, mut later) = (false, false);
    for _ in 0..MAX_EXTENSIONS {
        packet.protocol = next;
        if !matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
            if later {
                transport::opaque(&mut packet, rest, room);
            } else {
                transport::decode(&mut packet, rest, room, more, findings);
            }
            return Some(packet);
        }
        findings.add(Findings::OPTIONS);
        let Some(&[following, len, f0, f1]) = rest.first_chunk::<4>() else {
            findings.add(if room < 4 { Findings::BAD_LENGTH } else { Findings::TRUNCATED });
            return Some(packet);
        };
        let size = match next {
            44 => 8,
            51 => (usize::from(len) + 2) * 4,
            _ => (usize::from(len) + 1) * 8,
        };
        if size > room {
            findings.add(Findings::BAD_LENGTH);
            return Some(packet);
        }
        if next == 44 {
            let field = u16::from_be_bytes([f0, f1]);
            more |= field & 1 != 0;
            later |= field & 0xfff8 != 0;
            // An "atomic" fragment (RFC 6946) is a whole packet.
            if more || later {
                findings.add(Findings::FRAGMENT);
            }
        }
        let Some(inner) = rest.get(size..) else {
            findings.add(Findings::TRUNCATED);
            return Some(packet);
        };
        (rest, room, next) = (inner, room - size, following);
        if later {
            packet.protocol = next;
            transport::opaque(&mut packet, rest, room);
            return Some(packet);
        }
    }
    findings.add(Findings::BAD_HEADER);
    Some(packet)
}
