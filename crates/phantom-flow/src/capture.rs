//! Capture files as a stream of packets: pcap and pcapng, from any `Read`, in bounded memory.
//!
//! Everything before a fault is delivered, then the error that names the fault's byte offset, then the end.

mod buffer;
mod gzip;
mod pcap;
mod pcapng;
mod stream;

use std::io::{self, Read};

use thiserror::Error;

use crate::packet::LinkType;
use buffer::Buffer;
pub use stream::{Stream, open_stream};

/// Most bytes of one packet that are accepted, in bytes: libpcap's largest snapshot length (`MAXIMUM_SNAPLEN`).
pub const MAX_PACKET: usize = 256 * 1024;

/// One packet as captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured<'a> {
    /// Microseconds since the Unix epoch; finer resolutions are rounded down.
    pub at: i64,
    /// What the bytes begin with.
    pub link: LinkType,
    /// Length on the wire in bytes, of which `bytes` may be only the beginning.
    pub wire_len: u32,
    /// What was captured.
    pub bytes: &'a [u8],
}

/// Why a capture cannot be read on. Offsets count the bytes of the capture itself, after decompression.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// Reading failed, or the compressed data is damaged.
    #[error("reading failed at byte {offset}: {source}")]
    Io {
        /// How many bytes were read before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// Neither pcap nor pcapng.
    #[error("neither pcap nor pcapng")]
    Unknown,
    /// The input ends within something.
    #[error("cut off at byte {offset} within {what}")]
    Truncated {
        /// Where that something begins.
        offset: u64,
        /// What it is.
        what: &'static str,
    },
    /// The input contradicts its format.
    #[error("corrupt at byte {offset}: {what}")]
    Corrupt {
        /// Where.
        offset: u64,
        /// How.
        what: &'static str,
    },
}

/// Reads packets out of a capture.
#[derive(Debug)]
pub struct CaptureReader<R> {
    buffer: Buffer<R>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Unread,
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
    Ended,
}

/// Where a packet's bytes stand in the buffer.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: i64,
    link: LinkType,
    wire_len: u32,
    from: usize,
    len: usize,
}

impl<R: Read> CaptureReader<R> {
    /// A reader of uncompressed capture bytes (see [`open_stream`] for others). Nothing is read yet.
    pub fn new(inner: R) -> Self {
        Self { buffer: Buffer::new(inner), format: Format::Unread }
    }

    /// The next packet, or `None` at the end. After an error comes the end. An empty input is an empty capture.
    ///
    /// # Errors
    /// [`CaptureError`] says what is wrong and at which byte.
    pub fn next_packet(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        if matches!(self.format, Format::Unread) {
            self.format = Format::Ended;
            self.format = open(&mut self.buffer)?;
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.buffer),
            Format::PcapNg(pcapng) => pcapng.next(&mut self.buffer),
            Format::Unread | Format::Ended => Ok(None),
        };
        let Ok(Some(place)) = found else {
            self.format = Format::Ended;
            return found.map(|_| None);
        };
        let Place { at, link, wire_len, from, len } = place;
        let bytes = self.buffer.consumed(from, len);
        Ok(Some(Captured { at, link, wire_len, bytes }))
    }

    /// Bytes of the capture read so far, after decompression.
    pub fn offset(&self) -> u64 {
        self.buffer.offset()
    }
}

fn open<R: Read>(buffer: &mut Buffer<R>) -> Result<Format, CaptureError> {
    let have = buffer.fill(4)?;
    if have == 0 {
        return Ok(Format::Ended);
    }
    let Some(magic) = buffer.peek().first_chunk::<4>().copied() else { return Err(CaptureError::Unknown) };
    if magic == pcapng::SECTION {
        return Ok(Format::PcapNg(pcapng::PcapNg::default()));
    }
    pcap::Pcap::open(magic, buffer).map(Format::Pcap)
}

#[cfg(test)]
mod tests;
