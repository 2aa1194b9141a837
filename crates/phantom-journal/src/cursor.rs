//! Where a reader stands.

use serde::{Deserialize, Serialize};

/// Where a reader stands: everything before `seq` has been dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The intake sequence number of the next line to read; the first line ever has number 1.
    pub seq: u64,
}

impl Cursor {
    /// Before the first line.
    pub const START: Self = Self { seq: 1 };

    /// Right behind the line `seq`.
    pub fn after(seq: u64) -> Self {
        Self { seq: seq.saturating_add(1) }
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::START
    }
}
