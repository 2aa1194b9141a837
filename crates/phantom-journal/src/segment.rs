//! Files of a journal directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{JournalError, Result};

/// Longest line in bytes, without its newline: five times the longest frame a child may send, so that no event is
/// ever refused, and a bound for every reader's memory.
pub const MAX_LINE: usize = 1 << 20;

/// A segment file; its name is the sequence number of its first line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

impl Segment {
    pub(crate) fn new(dir: &Path, first: u64) -> Self {
        Self { first, path: dir.join(format!("{first:012}.jsonl")) }
    }
}

/// The segments of `dir`, oldest first. Other files are none of ours.
pub(crate) fn list(dir: &Path) -> Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(JournalError::io(dir))? {
        let path = entry.map_err(JournalError::io(dir))?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".jsonl"))
            .filter(|stem| stem.len() >= 12 && stem.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|stem| stem.parse::<u64>().ok());
        if let Some(first) = number {
            found.push(Segment { first, path });
        }
    }
    found.sort();
    Ok(found)
}
