//! The newer format (draft-ietf-opsawg-pcapng): sections of blocks, each with its own byte order and interfaces.

use std::io::Read;

use super::buffer::Buffer;
use super::{CaptureError, MAX_PACKET, Place};
use crate::packet::LinkType;

/// Type of a section header block; the same in either byte order.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Longest block that is looked into, in bytes: the largest packet and as much again for options.
const MAX_BLOCK: u32 = 2 * MAX_PACKET as u32;
/// Most interfaces of one section; Wireshark's own files have a handful.
const MAX_INTERFACES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct PcapNg {
    big: bool,
    begun: bool,
    interfaces: Vec<Interface>,
    /// Instant of the last packet, for simple packets, which have none.
    last: i64,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    resolution: u8,
    offset_seconds: i64,
}

impl PcapNg {
    pub(super) fn next<R: Read>(&mut self, buffer: &mut Buffer<R>) -> Result<Option<Place>, CaptureError> {
        loop {
            if buffer.need(12, "a block header")?.is_none() {
                return Ok(None);
            }
            let offset = buffer.offset();
            let corrupt = |what| CaptureError::Corrupt { offset, what };
            let head = buffer.peek();
            let section = head.starts_with(&SECTION);
            if section {
                self.big = match head.get(8..12) {
                    Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                    Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                    _ => return Err(corrupt("a section without its byte-order magic")),
                };
            }
            let kind = self.u32(head, 0);
            let len = self.u32(head, 4);
            if len < 12 || !len.is_multiple_of(4) {
                return Err(corrupt("a block length that is impossible"));
            }
            let looked_into =
                section || matches!(kind, INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
            if len > MAX_BLOCK || !looked_into {
                if looked_into {
                    return Err(corrupt("a block longer than 512 KiB"));
                }
                if !buffer.skip(u64::from(len))? {
                    return Err(CaptureError::Truncated { offset, what: "a block" });
                }
                continue;
            }
            let len = len as usize;
            if buffer.fill(len)? < len {
                return Err(CaptureError::Truncated { offset, what: "a block" });
            }
            let block = buffer.peek().get(..len).unwrap_or_default();
            if self.u32(block, len - 4) as usize != len {
                return Err(corrupt("a block whose two lengths differ"));
            }
            let body = block.get(8..len - 4).unwrap_or_default();
            if section {
                self.begun = true;
                self.interfaces.clear();
                buffer.consume(len);
                continue;
            }
            if !self.begun {
                return Err(corrupt("a block before the first section"));
            }
            if kind == INTERFACE {
                let interface =
                    self.interface(body).ok_or(corrupt("an interface block that is too short"))?;
                if self.interfaces.len() >= MAX_INTERFACES {
                    return Err(corrupt("more than 4096 interfaces in a section"));
                }
                self.interfaces.push(interface);
                buffer.consume(len);
                continue;
            }
            let packet = self.packet(kind, body).map_err(corrupt)?;
            self.last = packet.at;
            let from = buffer.position() + 8 + packet.from;
            buffer.consume(len);
            return Ok(Some(Place { from, ..packet }));
        }
    }

    /// A packet block's body; `from` counts from the body's start.
    fn packet(&self, kind: u32, body: &[u8]) -> Result<Place, &'static str> {
        let (interface, from) = match kind {
            SIMPLE_PACKET => (0, 4),
            OBSOLETE_PACKET => (usize::from(self.u16(body, 0)), 20),
            _ => (self.u32(body, 0) as usize, 20),
        };
        let room = body.len().checked_sub(from).ok_or("a packet block that is too short")?;
        let interface =
            self.interfaces.get(interface).ok_or("a packet of an interface that was never described")?;
        let (at, kept, wire_len) = if kind == SIMPLE_PACKET {
            let wire_len = self.u32(body, 0);
            let snap = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
            (self.last, (wire_len.min(snap) as usize).min(room), wire_len)
        } else {
            let ticks = u64::from(self.u32(body, 4)) << 32 | u64::from(self.u32(body, 8));
            (interface.micros(ticks), self.u32(body, 12) as usize, self.u32(body, 16))
        };
        if kept > MAX_PACKET {
            return Err("a packet longer than 256 KiB");
        }
        if kept > room {
            return Err("a packet longer than its block");
        }
        Ok(Place { at, link: interface.link, wire_len, from, len: kept })
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let mut options = body.get(8..)?;
        let mut interface = Interface {
            link: LinkType(self.u16(body, 0)),
            snap_len: self.u32(body, 4),
            resolution: 6,
            offset_seconds: 0,
        };
        while options.len() >= 4 {
            let (code, len) = (self.u16(options, 0), usize::from(self.u16(options, 2)));
            let Some(value) = options.get(4..4 + len) else { break };
            match (code, value) {
                (0, _) => break,
                (9, [resolution]) => interface.resolution = *resolution,
                (14, value) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                        interface.offset_seconds =
                            if self.big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
                    }
                }
                _ => {}
            }
            options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self.big { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) }
    }
}

impl Interface {
    /// Ticks to microseconds since the epoch; instants out of range are clamped.
    fn micros(&self, ticks: u64) -> i64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let micros = if self.resolution & 0x80 != 0 {
            // Beyond 2^-84 seconds nothing is left of a 64-bit counter.
            (u128::from(ticks) * 1_000_000).checked_shr(exponent).unwrap_or(0)
        } else {
            match exponent {
                0..=6 => u128::from(ticks) * u128::from(10u32.pow(6 - exponent)),
                9 => u128::from(ticks / 1000),
                _ => 10u128.checked_pow(exponent - 6).map_or(0, |unit| u128::from(ticks) / unit),
            }
        };
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        micros.saturating_add(self.offset_seconds.saturating_mul(1_000_000))
    }
}
