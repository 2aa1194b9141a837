//! Lines of a byte stream, of which only the beginning and the end are kept.

/// Bytes kept of a line's beginning; the longest needed is a header name and a number.
const KEEP: usize = 48;
/// Bytes kept of a line's end: ` HTTP/1.1` and CR.
const TAIL: usize = 10;

#[derive(Debug, Clone)]
pub(super) struct Line {
    head: [u8; KEEP],
    len: u8,
    tail: [u8; TAIL],
    /// Bytes since the line began, saturating.
    total: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self { head: [0; KEEP], len: 0, tail: [0; TAIL], total: 0 }
    }
}

impl Line {
    /// Takes bytes up to and including the next LF; returns the rest if a line is complete, else `None`.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (bytes.get(..end)?, Some(bytes.get(end + 1..)?)),
            None => (bytes, None),
        };
        let room = self.head.get_mut(usize::from(self.len)..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(line) {
            *to = *from;
            self.len += 1;
        }
        let last = line.get(line.len().saturating_sub(TAIL)..).unwrap_or(line);
        self.tail.rotate_left(last.len());
        for (to, from) in self.tail.iter_mut().rev().zip(last.iter().rev()) {
            *to = *from;
        }
        self.total = self.total.saturating_add(u32::try_from(line.len()).unwrap_or(u32::MAX));
        rest
    }

    /// The line's beginning, without its CR.
    pub(super) fn head(&self) -> &[u8] {
        let head = self.head.get(..usize::from(self.len)).unwrap_or_default();
        head.strip_suffix(b"\r").unwrap_or(head)
    }

    /// The line's last bytes, without its CR; bytes of earlier lines never count.
    pub(super) fn tail(&self) -> &[u8] {
        let len = TAIL.min(self.total as usize);
        let tail = self.tail.get(TAIL - len..).unwrap_or_default();
        tail.strip_suffix(b"\r").unwrap_or(tail)
    }

    /// Begins another.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.total = 0;
    }
}
