//! A window over the input that grows no further than one block.

use std::io::{ErrorKind, Read};

use super::CaptureError;

/// Bytes asked of the input at once.
const CHUNK: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Buffer<R> {
    inner: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` in the input.
    offset: u64,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, bytes: Vec::new(), start: 0, end: 0, offset: 0 }
    }

    /// Offset of what [`Self::peek`] begins with.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is at hand.
    pub(super) fn peek(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Makes `want` bytes available if the input has them; returns how many are.
    #[inline]
    pub(super) fn fill(&mut self, want: usize) -> Result<usize, CaptureError> {
        if self.end - self.start < want { self.refill(want) } else { Ok(self.end - self.start) }
    }

    /// As [`Self::fill`], but fewer than `want` bytes are an error; `None` if the input ends exactly here.
    #[inline]
    pub(super) fn need(&mut self, want: usize, what: &'static str) -> Result<Option<()>, CaptureError> {
        match self.fill(want)? {
            have if have >= want => Ok(Some(())),
            0 => Ok(None),
            _ => Err(CaptureError::Truncated { offset: self.offset, what }),
        }
    }

    /// Lets go of `len` bytes that are at hand; they stay readable by [`Self::consumed`] until the next fill.
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Where [`Self::peek`] begins, for [`Self::consumed`].
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// Bytes by position.
    pub(super) fn consumed(&self, from: usize, len: usize) -> &[u8] {
        self.bytes.get(from..from + len).unwrap_or_default()
    }

    /// Lets go of `len` bytes, at hand or not; false if the input ends before.
    pub(super) fn skip(&mut self, mut len: u64) -> Result<bool, CaptureError> {
        while len > 0 {
            let have = self.fill(1)?;
            if have == 0 {
                return Ok(false);
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(have);
            self.consume(step);
            len -= step as u64;
        }
        Ok(true)
    }

    #[cold]
    fn refill(&mut self, want: usize) -> Result<usize, CaptureError> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < want.max(CHUNK) {
            self.bytes.resize(want.max(CHUNK), 0);
        }
        while self.end < want {
            let Some(space) = self.bytes.get_mut(self.end..) else { break };
            match self.inner.read(space) {
                Ok(0) => break,
                Ok(got) => self.end = (self.end + got).min(self.bytes.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(CaptureError::Io { offset: self.offset + self.end as u64, source });
                }
            }
        }
        Ok(self.end)
    }
}
