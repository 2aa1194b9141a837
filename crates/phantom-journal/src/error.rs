//! What can go wrong with a journal.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the journal could not do something.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another writer holds the directory.
    #[error("journal {dir} is in use by {holder}")]
    Locked {
        /// The journal.
        dir: PathBuf,
        /// What the holder wrote about itself: its process id.
        holder: String,
    },
    /// No space (ENOSPC, EDQUOT, EFBIG). Nothing of the batch was kept; the same call succeeds once there is space.
    #[error("no space to append to {path}: {source}")]
    Full {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that cannot stand in a segment; nothing of the batch was written.
    #[error("line {position} of the batch {why}")]
    Line {
        /// Position in the batch, from 0.
        position: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A cursor behind the end of the journal: the journal lost lines (power failure, another directory).
    #[error("cursor {cursor} is ahead of journal {dir}, whose next line is {next}")]
    Ahead {
        /// The journal.
        dir: PathBuf,
        /// The cursor's sequence number.
        cursor: u64,
        /// The next number the journal would give.
        next: u64,
    },
    /// Any other failure of the system.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl JournalError {
    /// Whether space is all that is missing.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// A result of the journal.
pub type Result<T, E = JournalError> = std::result::Result<T, E>;
