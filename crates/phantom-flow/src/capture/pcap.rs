//! The classic format (draft-ietf-opsawg-pcap): four magic numbers, micro- or nanoseconds, either byte order.

use std::io::Read;

use super::buffer::Buffer;
use super::{CaptureError, MAX_PACKET, Place};
use crate::packet::LinkType;

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

#[derive(Debug, Clone, Copy)]
pub(super) struct Pcap {
    big: bool,
    nanos: bool,
    link: LinkType,
}

impl Pcap {
    pub(super) fn open<R: Read>(magic: [u8; 4], buffer: &mut Buffer<R>) -> Result<Self, CaptureError> {
        let (big, nanos) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
            _ => return Err(CaptureError::Unknown),
        };
        buffer.need(FILE_HEADER, "the file header")?;
        let word = buffer.peek().get(20..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        // The upper half of the word tells of frame check sequences.
        let [.., high, low] = if big { word } else { reversed(word) };
        buffer.consume(FILE_HEADER);
        Ok(Self { big, nanos, link: LinkType(u16::from_be_bytes([high, low])) })
    }

    #[inline]
    pub(super) fn next<R: Read>(&mut self, buffer: &mut Buffer<R>) -> Result<Option<Place>, CaptureError> {
        if buffer.need(RECORD_HEADER, "a packet header")?.is_none() {
            return Ok(None);
        }
        let Some(header) = buffer.peek().first_chunk::<RECORD_HEADER>() else { return Ok(None) };
        let [seconds, fraction, kept, wire_len] = words(header, self.big);
        let offset = buffer.offset();
        let len = kept as usize;
        if len > MAX_PACKET {
            return Err(CaptureError::Corrupt { offset, what: "a packet longer than 256 KiB" });
        }
        if buffer.fill(RECORD_HEADER + len)? < RECORD_HEADER + len {
            return Err(CaptureError::Truncated { offset, what: "a packet" });
        }
        let micros = if self.nanos { fraction / 1000 } else { fraction };
        let at = i64::from(seconds) * 1_000_000 + i64::from(micros);
        let from = buffer.position() + RECORD_HEADER;
        buffer.consume(RECORD_HEADER + len);
        Ok(Some(Place { at, link: self.link, wire_len, from, len }))
    }
}

#[inline]
fn words(header: &[u8; RECORD_HEADER], big: bool) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *header;
    let all = [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]];
    all.map(|word| if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

fn reversed([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    [d, c, b, a]
}
