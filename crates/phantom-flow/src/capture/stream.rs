//! Compressed input, recognised by its first bytes.

use std::io::{self, BufReader, Chain, Cursor, Read};

use super::gzip::Gzip;

/// An input with its first bytes put back.
type Sniffed<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// An input that is decompressed if it is gzip.
#[derive(Debug)]
pub struct Stream<R>(Kind<R>);

#[derive(Debug)]
enum Kind<R> {
    Unread(Option<R>),
    Plain(Chain<Cursor<Vec<u8>>, R>),
    Gzip(Gzip<Sniffed<R>>),
}

/// Looks at the first two bytes at the first read: gzip (RFC 1952, any number of members) is decompressed, all else
/// passed on. What comes before damage is read, then the error. Memory is bounded whatever the input expands to.
pub fn open_stream<R: Read>(inner: R) -> Stream<R> {
    Stream(Kind::Unread(Some(inner)))
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Kind::Unread(inner) = &mut self.0 {
            let Some(mut inner) = inner.take() else { return Ok(0) };
            let mut head = Vec::with_capacity(2);
            let sniffed = inner.by_ref().take(2).read_to_end(&mut head);
            let gzip = head == [0x1f, 0x8b];
            let chain = Cursor::new(head).chain(inner);
            self.0 = if gzip {
                Kind::Gzip(Gzip::new(BufReader::with_capacity(64 * 1024, chain)))
            } else {
                Kind::Plain(chain)
            };
            sniffed?;
        }
        match &mut self.0 {
            Kind::Plain(inner) => inner.read(buf),
            Kind::Gzip(inner) => inner.read(buf),
            Kind::Unread(_) => Ok(0),
        }
    }
}
