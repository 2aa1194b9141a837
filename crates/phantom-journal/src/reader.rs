//! The reading end.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use phantom_core::Event;

use crate::segment::{self, MAX_LINE, Segment};
use crate::{Cursor, JournalError, Result};

/// What a reader comes across.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An event.
    Event {
        /// Its number.
        seq: u64,
        /// Its line as it stands, without the newline.
        line: Vec<u8>,
        /// The line read.
        event: Box<Event>,
    },
    /// Bytes that are no event; reading goes on behind them.
    Corrupt {
        /// The number of the line they take the place of.
        seq: u64,
        /// The file.
        segment: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong with them.
        why: String,
    },
    /// Lines that are no longer (retention) or never were (power failure) in the journal.
    Missing {
        /// The first of them.
        from: u64,
        /// The first line after them.
        to: u64,
    },
}

/// Reads a journal from a cursor on and follows its growth across segments, without missing or doubling a line.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    seq: u64,
    open: Option<Open>,
    /// Lines from this number on are not settled yet.
    bound: Option<Arc<AtomicU64>>,
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    file: File,
    /// Where in the file the buffer starts.
    base: u64,
    /// What was read from `base` on.
    buffer: Vec<u8>,
    /// Start of the line to come within the buffer.
    at: usize,
    /// Lines from this number on were not settled when the buffer was filled.
    settled: u64,
    /// Where an overlong line starts whose end has not come yet.
    skipping: Option<u64>,
}

/// A line, or what stands in its place.
enum Raw {
    Line { offset: u64, line: Vec<u8> },
    TooLong { offset: u64 },
    Cut { offset: u64 },
    Missing { from: u64, to: u64 },
}

impl Reader {
    /// Bytes read at a time.
    const CHUNK: usize = 64 << 10;

    /// A reader of the journal in `dir`, which may be one that no process writes or that another one writes. Of a
    /// journal open in this process take [`crate::Journal::reader`].
    ///
    /// # Errors
    /// [`JournalError::Ahead`] when the cursor lies behind the end, [`JournalError::Io`] otherwise.
    pub fn from(dir: &Path, cursor: Cursor) -> Result<Self> {
        Self::bounded(dir, cursor, None)
    }

    pub(crate) fn bounded(dir: &Path, cursor: Cursor, bound: Option<Arc<AtomicU64>>) -> Result<Self> {
        let wanted = cursor.seq.max(1);
        let segments = segment::list(dir)?;
        let start = segments.iter().rev().find(|s| s.first <= wanted).or(segments.first());
        let mut reader = Self { dir: dir.to_owned(), seq: wanted, open: None, bound };
        let Some(start) = start else {
            return if wanted == 1 { Ok(reader) } else { Err(Self { seq: 1, ..reader }.ahead(wanted)) };
        };
        if start.first > wanted {
            // The oldest segment begins behind the cursor: the first item says so.
            return Ok(reader);
        }
        reader.open = Some(Open::new(start.clone())?);
        reader.seq = start.first;
        while reader.seq < wanted {
            match reader.raw()? {
                // The cursor stands in a gap before the next segment, which the first item will tell.
                Some(Raw::Missing { .. }) => reader.seq = wanted,
                Some(Raw::Line { .. } | Raw::TooLong { .. }) => reader.seq += 1,
                Some(Raw::Cut { .. }) => {}
                None => return Err(reader.ahead(wanted)),
            }
        }
        Ok(reader)
    }

    /// Behind the last item.
    pub fn cursor(&self) -> Cursor {
        Cursor { seq: self.seq }
    }

    /// The next item; `None` when there is nothing more for now.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        let Some(raw) = self.raw()? else { return Ok(None) };
        let (seq, segment) =
            (self.seq, self.open.as_ref().map(|o| o.segment.path.clone()).unwrap_or_default());
        Ok(Some(match raw {
            Raw::Missing { from, to } => {
                self.seq = to;
                Item::Missing { from, to }
            }
            Raw::Cut { offset } => {
                Item::Corrupt { seq, segment, offset, why: "line without an end".to_owned() }
            }
            Raw::TooLong { offset } => {
                self.seq += 1;
                Item::Corrupt { seq, segment, offset, why: format!("line of more than {MAX_LINE} bytes") }
            }
            Raw::Line { offset, line } => {
                self.seq += 1;
                match Event::from_json(&line) {
                    Ok(event) => Item::Event { seq, line, event: Box::new(event) },
                    Err(error) => Item::Corrupt { seq, segment, offset, why: error.to_string() },
                }
            }
        }))
    }

    fn raw(&mut self) -> Result<Option<Raw>> {
        loop {
            let bound = self.bound.as_ref().map_or(u64::MAX, |bound| bound.load(Ordering::Acquire));
            if let Some(open) = &mut self.open {
                if self.seq >= open.settled || self.seq >= bound {
                    open.forget();
                }
                if self.seq < open.segment.first {
                    return Ok(Some(Raw::Missing { from: self.seq, to: open.segment.first }));
                }
                if self.seq >= bound {
                    return Ok(None);
                }
                if let Some(raw) = open.line(bound)? {
                    return Ok(Some(raw));
                }
            }
            let current = self.open.as_ref().map(|open| open.segment.first);
            let segments = segment::list(&self.dir)?;
            let Some(next) = segments.into_iter().find(|s| current.is_none_or(|first| s.first > first))
            else {
                if let Some(open) = &mut self.open {
                    open.forget();
                }
                return Ok(None);
            };
            // The segment was finished before the next one came to be, but perhaps after it was last read.
            if let Some(open) = &mut self.open {
                if let Some(raw) = open.line(bound)? {
                    return Ok(Some(raw));
                }
                if let Some(offset) = open.leftover() {
                    return Ok(Some(Raw::Cut { offset }));
                }
            }
            // The name of a segment outweighs the count of lines, which damage may have changed.
            self.seq = if current.is_some() { self.seq.min(next.first) } else { self.seq };
            self.open = Some(Open::new(next)?);
        }
    }

    fn ahead(&self, cursor: u64) -> JournalError {
        JournalError::Ahead { dir: self.dir.clone(), cursor, next: self.seq }
    }
}

impl Open {
    fn new(segment: Segment) -> Result<Self> {
        let file = File::open(&segment.path).map_err(JournalError::io(&segment.path))?;
        Ok(Self { segment, file, base: 0, buffer: Vec::new(), at: 0, settled: 0, skipping: None })
    }

    /// The next whole line, or `None` when the file holds none now.
    fn line(&mut self, bound: u64) -> Result<Option<Raw>> {
        let mut searched = self.at;
        loop {
            if let Some(found) = self.buffer[searched..].iter().position(|b| *b == b'\n') {
                let (start, end) = (self.at, searched + found);
                self.at = end + 1;
                if let Some(offset) = self.skipping.take() {
                    return Ok(Some(Raw::TooLong { offset }));
                }
                let line = self.buffer[start..end].to_vec();
                let offset = self.base + start as u64;
                let fits = line.len() <= MAX_LINE;
                return Ok(Some(if fits { Raw::Line { offset, line } } else { Raw::TooLong { offset } }));
            }
            if self.buffer.len() - self.at > MAX_LINE || self.skipping.is_some() {
                self.skipping.get_or_insert(self.base + self.at as u64);
                self.at = self.buffer.len();
            }
            self.buffer.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
            searched = self.buffer.len();
            self.settled = bound;
            self.buffer.resize(searched + Reader::CHUNK, 0);
            let read = self.file.read_at(&mut self.buffer[searched..], self.base + searched as u64);
            self.buffer.truncate(searched + *read.as_ref().unwrap_or(&0));
            if read.map_err(JournalError::io(&self.segment.path))? == 0 {
                return Ok(None);
            }
        }
    }

    /// Forgets what was read ahead, since its writer may yet take it back.
    fn forget(&mut self) {
        self.base += self.at as u64;
        self.at = 0;
        self.buffer.clear();
    }

    /// Where bytes without a newline stand at the end of a finished segment, once.
    fn leftover(&mut self) -> Option<u64> {
        let offset = self.skipping.take().unwrap_or(self.base + self.at as u64);
        let end = self.base + self.buffer.len() as u64;
        self.at = self.buffer.len();
        (offset < end).then_some(offset)
    }
}
