//! Files, compressed or not, standard input, and what kind of thing they hold.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use phantom_flow::capture::open_stream;

/// Longest line of a journal; longer than any event.
const MAX_LINE: u64 = 1 << 20;

pub(super) enum Kind {
    Capture,
    Journal,
}

/// An opened input.
pub(super) struct Source {
    /// For messages.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) reader: Box<dyn Read>,
}

impl Source {
    /// Opens a file, or standard input for `-`, and looks at its first bytes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name =
            if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
            let size = file.metadata().map(|meta| meta.len()).unwrap_or(0);
            Box::new(Progress::new(file, size))
        };
        let mut reader = BufReader::with_capacity(256 * 1024, open_stream(raw));
        let kind = match reader.fill_buf().with_context(|| format!("cannot read {name}"))? {
            [] => bail!("{name} is empty"),
            [b'{', ..] => Kind::Journal,
            _ => Kind::Capture,
        };
        Ok(Self { name, kind, reader: Box::new(reader) })
    }
}

/// Lines with the byte offset at which they start.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    offset: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new(), offset: 0 }
    }

    /// The next line without its newline.
    ///
    /// # Errors
    /// When reading fails, a line is longer than any event, or the last one has no end.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>> {
        let start = self.offset;
        self.line.clear();
        let read = self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.line)? as u64;
        self.offset += read;
        match self.line.split_last() {
            None => Ok(None),
            Some((b'\n', line)) => Ok(Some((start, line))),
            Some(_) if read == MAX_LINE => bail!("byte {start}: a line longer than any event"),
            Some(_) => bail!("byte {start}: the last line is cut short"),
        }
    }
}

/// Shows on a terminal how far a large file has been read.
struct Progress<R> {
    inner: R,
    size: u64,
    read: u64,
    shown: Option<Instant>,
    terminal: bool,
}

impl<R> Progress<R> {
    fn new(inner: R, size: u64) -> Self {
        Self { inner, size, read: 0, shown: None, terminal: std::io::stderr().is_terminal() }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.read += got as u64;
        // A second passes before anything is shown: short work needs no bar.
        let started = *self.shown.get_or_insert_with(Instant::now);
        if self.terminal && started.elapsed() > Duration::from_secs(1) {
            use std::io::Write as _;
            self.shown = Some(Instant::now());
            let share = (self.read * 100).checked_div(self.size).map_or(100, |share| share.min(100));
            let filled = usize::try_from(share / 4).unwrap_or(0);
            let _ = write!(std::io::stderr(), "\r[{:<25}] {share:>3} %", "#".repeat(filled));
            if got == 0 {
                let _ = writeln!(std::io::stderr());
            }
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_where_they_start_and_the_last_needs_its_end() {
        let mut lines = Lines::new(&b"ab\n\nc\nrest"[..]);
        assert_eq!(lines.next_line().unwrap(), Some((0, &b"ab"[..])));
        assert_eq!(lines.next_line().unwrap(), Some((3, &b""[..])));
        assert_eq!(lines.next_line().unwrap(), Some((4, &b"c"[..])));
        assert_eq!(lines.next_line().unwrap_err().to_string(), "byte 6: the last line is cut short");
        assert!(Lines::new(&b""[..]).next_line().unwrap().is_none());
    }
}
