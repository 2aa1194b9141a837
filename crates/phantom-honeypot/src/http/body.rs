//! The body of a request: framing, hash and what is kept of it.

use phantom_core::dialogue::MAX_ARTIFACT;
use phantom_core::event::Request;
use sha2::{Digest, Sha256};

use super::hex;

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// RFC 9112 section 7.1.
    Chunked(Chunk),
}

/// Where in the chunked coding we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the first digit of a size.
    Start,
    /// Within the size; so far this value.
    Size(u64),
    /// Behind the size, before its line feed; the chunk has this many bytes.
    Extension(u64),
    /// So many bytes of data to come.
    Data(u64),
    /// Behind the data: its line end.
    DataEnd,
    /// After the last chunk; whether the current trailer line is still empty, and the bytes of trailer seen.
    Trailer { empty: bool, seen: usize },
}

/// What a piece of input led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is to come.
    More,
    /// The body is whole.
    Done,
    /// Not the chunked coding.
    Broken,
    /// Longer than allowed.
    TooLong,
}

/// Trailers longer than this break the body: they are read and dropped, and have no use here.
const MAX_TRAILER: usize = 8192;

/// A body as it comes in. Holds at most [`MAX_ARTIFACT`] bytes.
pub(super) struct BodyReader {
    framing: Framing,
    limit: u64,
    hash: Sha256,
    /// Bytes of content so far.
    pub(super) length: u64,
    /// The content, as far as it fits.
    pub(super) kept: Vec<u8>,
}

impl BodyReader {
    pub(super) fn new(framing: Framing, limit: u64) -> Self {
        Self { framing, limit, hash: Sha256::new(), length: 0, kept: Vec::new() }
    }

    /// Reads from `input`; how many bytes were used, and where that led.
    pub(super) fn push(&mut self, input: &[u8]) -> (usize, Progress) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let wanted = match self.framing {
                Framing::Length(0) => return (used, Progress::Done),
                Framing::Length(n) | Framing::Chunked(Chunk::Data(n)) => n,
                Framing::Chunked(chunk) => {
                    let Some(byte) = rest.first() else { return (used, Progress::More) };
                    used += 1;
                    match chunk_byte(chunk, *byte) {
                        Ok(Some(next)) => self.framing = Framing::Chunked(next),
                        Ok(None) => return (used, Progress::Done),
                        Err(()) => return (used, Progress::Broken),
                    }
                    continue;
                }
            };
            if rest.is_empty() {
                return (used, Progress::More);
            }
            let room = wanted.min(self.limit.saturating_sub(self.length));
            if room == 0 {
                return (used, Progress::TooLong);
            }
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            self.content(rest.get(..take).unwrap_or_default());
            used += take;
            let left = wanted - take as u64;
            self.framing = match self.framing {
                Framing::Length(_) => Framing::Length(left),
                Framing::Chunked(_) if left == 0 => Framing::Chunked(Chunk::DataEnd),
                Framing::Chunked(_) => Framing::Chunked(Chunk::Data(left)),
            };
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        let room = MAX_ARTIFACT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// The head of the content, as an event keeps it.
    pub(super) fn head(&self) -> &[u8] {
        self.kept.get(..Request::BODY_CAP).unwrap_or(&self.kept)
    }

    /// SHA-256 of the content so far; `None` where there was none.
    pub(super) fn sha256(&self) -> Option<String> {
        (self.length > 0).then(|| hex(&self.hash.clone().finalize()))
    }
}

fn chunk_byte(chunk: Chunk, byte: u8) -> Result<Option<Chunk>, ()> {
    let digit = char::from(byte).to_digit(16).map(u64::from);
    Ok(Some(match (chunk, byte, digit) {
        (Chunk::Start, _, Some(digit)) => Chunk::Size(digit),
        (Chunk::Size(size), _, Some(digit)) => {
            Chunk::Size(size.checked_mul(16).and_then(|s| s.checked_add(digit)).ok_or(())?)
        }
        (Chunk::Size(0) | Chunk::Extension(0), b'\n', _) => Chunk::Trailer { empty: true, seen: 0 },
        (Chunk::Size(size) | Chunk::Extension(size), b'\n', _) => Chunk::Data(size),
        (Chunk::Size(size), b'\r' | b';' | b' ' | b'\t', _) | (Chunk::Extension(size), _, _) => {
            Chunk::Extension(size)
        }
        (Chunk::DataEnd, b'\r', _) => Chunk::DataEnd,
        (Chunk::DataEnd, b'\n', _) => Chunk::Start,
        (Chunk::Trailer { empty: true, .. }, b'\n', _) => return Ok(None),
        (Chunk::Trailer { seen, .. }, _, _) if seen >= MAX_TRAILER => return Err(()),
        (Chunk::Trailer { seen, .. }, b'\n', _) => Chunk::Trailer { empty: true, seen: seen + 1 },
        (Chunk::Trailer { empty, seen }, b'\r', _) => Chunk::Trailer { empty, seen: seen + 1 },
        (Chunk::Trailer { seen, .. }, _, _) => Chunk::Trailer { empty: false, seen: seen + 1 },
        _ => return Err(()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(input: &[u8], limit: u64) -> (usize, Progress, Vec<u8>) {
        let mut body = BodyReader::new(Framing::Chunked(Chunk::Start), limit);
        let (used, progress) = body.push(input);
        (used, progress, body.kept)
    }

    #[test]
    fn chunks_join_and_what_follows_is_left() {
        let (used, progress, kept) = chunked(b"2;x=y\r\nhi\r\n1\n!\n0\r\nT: v\r\n\r\nGET", 100);
        assert_eq!((used, progress, kept.as_slice()), (26, Progress::Done, &b"hi!"[..]));
    }

    #[test]
    fn what_is_no_chunk_breaks() {
        for bad in ["zz\r\n", "\r\n", "2\r\nhiX", "ffffffffffffffffff\r\n"] {
            assert_eq!(chunked(bad.as_bytes(), 100).1, Progress::Broken, "{bad}");
        }
        let endless = [b"0\r\n".as_slice(), &[b'a'; MAX_TRAILER + 1]].concat();
        assert_eq!(chunked(&endless, 100).1, Progress::Broken);
    }

    #[test]
    fn the_limit_is_the_last_byte_allowed() {
        assert_eq!(chunked(b"2\r\nhi\r\n0\r\n\r\n", 2).1, Progress::Done);
        assert_eq!(chunked(b"3\r\nhi!\r\n0\r\n\r\n", 2).1, Progress::TooLong);
    }
}
