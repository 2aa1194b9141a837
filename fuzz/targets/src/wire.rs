//! Packets and captures: what a hostile network or a hostile file may hold.

use std::io::Read;

use phantom_flow::capture::{CaptureReader, open_stream};
use phantom_flow::fuzz;

/// A capture, plain or compressed; reading it a few bytes at a time gives the same packets and the same end.
pub(crate) fn capture(bytes: &[u8]) {
    let whole = walk(bytes);
    assert_eq!(whole.packets, fuzz::capture(bytes));
    let pieces = walk(Dribble { rest: bytes, size: 1 + bytes.len() % 8 });
    assert_eq!(whole, pieces, "reads of {} bytes", 1 + bytes.len() % 8);
}

/// A frame: what is said to be captured of the payload is no longer than what was on the wire.
pub(crate) fn packet(bytes: &[u8]) {
    assert!(fuzz::packet(bytes), "payload longer than on the wire");
}

/// Frames through a small flow table: every flow opened is closed, and nothing is left.
pub(crate) fn table(bytes: &[u8]) {
    assert!(fuzz::table(bytes), "a flow was opened and not closed, or left behind");
}

/// A batch from the capture host: what was read survives being written.
pub(crate) fn batch(bytes: &[u8]) {
    assert!(fuzz::batch(bytes), "a batch that was read does not survive being written");
}

/// What came out of a capture.
#[derive(Debug, Default, PartialEq)]
struct Walk {
    packets: u64,
    /// FNV-1a over all packets, instead of holding what a compressed capture expands to.
    sum: u64,
    end: Option<String>,
}

fn walk(input: impl Read) -> Walk {
    let mut reader = CaptureReader::new(open_stream(input));
    let mut walk = Walk { sum: 0xcbf2_9ce4_8422_2325, ..Walk::default() };
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                walk.packets += 1;
                let head = [packet.at as u64, u64::from(packet.link.0), u64::from(packet.wire_len)];
                let head = head.iter().flat_map(|number| number.to_le_bytes());
                for byte in head.chain(packet.bytes.iter().copied()) {
                    walk.sum = (walk.sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
            Ok(None) => return walk,
            Err(error) => {
                walk.end = Some(error.to_string());
                assert!(matches!(reader.next_packet(), Ok(None)), "after an error comes the end");
                return walk;
            }
        }
    }
}

/// A file that gives at most so many bytes at a time.
struct Dribble<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let most = self.size.min(buf.len());
        self.rest.read(&mut buf[..most])
    }
}
