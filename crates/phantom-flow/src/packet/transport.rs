//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, RFC 4443); all else is payload.

use super::{Findings, Packet};

/// Fills in the transport's part: `bytes` were captured of the `room` that IP carries; `more` fragments follow.
#[inline]
pub(super) fn decode<'a>(
    packet: &mut Packet<'a>,
    bytes: &'a [u8],
    room: usize,
    more: bool,
    findings: &mut Findings,
) {
    let at_hand = bytes.get(..room).unwrap_or(bytes);
    let short = if room > bytes.len() { Findings::TRUNCATED } else { Findings::BAD_LENGTH };
    match packet.protocol {
        6 => {
            let Some(header) = at_hand.first_chunk::<20>() else {
                findings.add(short);
                return;
            };
            let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = *header;
            let header_len = usize::from(offset >> 4) * 4;
            packet.src_port = u16::from_be_bytes([s0, s1]);
            packet.dst_port = u16::from_be_bytes([d0, d1]);
            packet.seq = u32::from_be_bytes([q0, q1, q2, q3]);
            packet.ack = u32::from_be_bytes([a0, a1, a2, a3]);
            packet.tcp_flags = flags;
            packet.window = u16::from_be_bytes([w0, w1]);
            if header_len < 20 || header_len > room {
                findings.add(Findings::BAD_HEADER);
                return;
            }
            payload(packet, at_hand.get(header_len..).unwrap_or_default(), room - header_len);
        }
        17 => {
            let Some(([s0, s1, d0, d1, l0, l1, _, _], rest)) = at_hand.split_first_chunk::<8>() else {
                findings.add(short);
                return;
            };
            packet.src_port = u16::from_be_bytes([*s0, *s1]);
            packet.dst_port = u16::from_be_bytes([*d0, *d1]);
            let claimed = usize::from(u16::from_be_bytes([*l0, *l1]));
            let mut len = room - 8;
            // 0 means "to the end" in a jumbogram; a first fragment holds less than the header says.
            if claimed != 0 && (claimed < 8 || (claimed > room && !more)) {
                findings.add(Findings::BAD_LENGTH);
            } else if claimed != 0 {
                len = len.min(claimed - 8);
            }
            payload(packet, rest, len);
        }
        1 | 58 => {
            let Some(([kind, code, ..], rest)) = at_hand.split_first_chunk::<8>() else {
                findings.add(short);
                return;
            };
            packet.icmp = [*kind, *code];
            payload(packet, rest, room - 8);
        }
        _ => payload(packet, at_hand, room),
    }
}

/// A packet of which no transport header is at hand.
pub(super) fn opaque<'a>(packet: &mut Packet<'a>, bytes: &'a [u8], room: usize) {
    payload(packet, bytes, room);
    packet.whole = false;
}

#[inline]
fn payload<'a>(packet: &mut Packet<'a>, captured: &'a [u8], len: usize) {
    packet.payload = captured.get(..len).unwrap_or(captured);
    packet.payload_len = u32::try_from(len).unwrap_or(u32::MAX);
    packet.whole = true;
}
