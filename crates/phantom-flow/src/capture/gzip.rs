//! gzip (RFC 1952) that gives every byte before a fault: flate2's own readers drop what they made in the read that
//! met the damage, and with it sound packets.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// No less than the decompressor's window of 32 KiB, so that nothing waits inside it when it fails.
const OUT: usize = 64 * 1024;

const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Reads the members of a gzip file as one stream.
#[derive(Debug)]
pub(super) struct Gzip<R> {
    inner: R,
    inflate: Decompress,
    crc: Crc,
    out: Box<[u8]>,
    start: usize,
    end: usize,
    stage: Stage,
    fault: Option<io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Body,
    Trailer,
    Done,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            out: vec![0; OUT].into_boxed_slice(),
            start: 0,
            end: 0,
            stage: Stage::Header,
            fault: None,
        }
    }

    /// One step: afterwards there is output, or the stage changed, or it failed.
    fn step(&mut self) -> io::Result<()> {
        match self.stage {
            Stage::Header => {
                self.header()?;
                self.inflate.reset(false);
                self.crc.reset();
                self.stage = Stage::Body;
            }
            Stage::Body => self.body()?,
            Stage::Trailer => {
                let [a, b, c, d, e, f, g, h] = self.take::<8>()?;
                if u32::from_le_bytes([a, b, c, d]) != self.crc.sum() {
                    return Err(damaged("its checksum does not match"));
                }
                if u32::from_le_bytes([e, f, g, h]) != self.crc.amount() {
                    return Err(damaged("its length does not match"));
                }
                self.stage = if self.fill()?.is_empty() { Stage::Done } else { Stage::Header };
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn body(&mut self) -> io::Result<()> {
        let input = fill(&mut self.inner)?;
        let ended = input.is_empty();
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, &mut self.out, FlushDecompress::None);
        let read = (self.inflate.total_in() - read) as usize;
        self.inner.consume(read);
        self.start = 0;
        self.end = (self.inflate.total_out() - made) as usize;
        self.crc.update(self.out.get(..self.end).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => self.stage = Stage::Trailer,
            Ok(_) if ended && self.end == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(_) => return Err(damaged("its compressed data is damaged")),
        }
        Ok(())
    }

    fn header(&mut self) -> io::Result<()> {
        let [one, two, method, flags, ..] = self.take::<10>()?;
        if (one, two, method) != (0x1f, 0x8b, 8) || flags & RESERVED != 0 {
            return Err(damaged("no gzip member begins here"));
        }
        if flags & EXTRA != 0 {
            let len = u16::from_le_bytes(self.take()?);
            for _ in 0..len {
                self.take::<1>()?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && self.take()? != [0] {}
        }
        if flags & HEADER_CRC != 0 {
            self.take::<2>()?;
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        fill(&mut self.inner)
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.start == self.end && self.stage != Stage::Done && !buf.is_empty() {
            if let Some(fault) = self.fault.take() {
                self.stage = Stage::Done;
                return Err(fault);
            }
            // Told once what was made before it has been read.
            self.fault = self.step().err();
        }
        let mut ready = self.out.get(self.start..self.end).unwrap_or_default();
        let got = ready.read(buf)?;
        self.start += got;
        Ok(got)
    }
}

fn fill<R: BufRead>(inner: &mut R) -> io::Result<&[u8]> {
    loop {
        match inner.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Asked again because the borrow of the first answer would outlive the loop.
            Ok(_) => return inner.fill_buf(),
            Err(error) => return Err(error),
        }
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
