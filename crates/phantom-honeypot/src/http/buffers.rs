//! When nginx says "too large": its header buffers, counted but not allocated.

/// `client_header_buffer_size`, nginx's default.
const FIRST: usize = 1024;
/// `large_client_header_buffers 4 8k`, nginx's default.
const LARGE: usize = 8192;
const LARGE_COUNT: usize = 4;

/// The buffers are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

/// A line never spans two buffers: where one is full, the part of the line in it moves to the next.
#[derive(Debug)]
pub(super) struct HeaderBuffers {
    size: usize,
    used: usize,
    large: usize,
}

impl Default for HeaderBuffers {
    fn default() -> Self {
        Self { size: FIRST, used: 0, large: 0 }
    }
}

impl HeaderBuffers {
    /// One more byte came; the line being read is now `line` bytes long.
    pub(super) fn byte(&mut self, line: usize) -> Result<(), Overflow> {
        self.used += 1;
        if self.used < self.size {
            return Ok(());
        }
        if line >= LARGE || self.large == LARGE_COUNT {
            return Err(Overflow);
        }
        self.large += 1;
        self.size = LARGE;
        self.used = line;
        Ok(())
    }
}
