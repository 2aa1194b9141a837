//! Append-only JSON Lines segments with cursors: the truth everything else is rebuilt from.
//!
//! A directory holds segments named by the intake sequence number of their first line (`000000000001.jsonl`); each
//! line is one event and has the number after the line before it. One [`Journal`] writes, any number of [`Reader`]s
//! follow. Nothing here spawns a thread or waits.

mod cursor;
mod error;
mod journal;
mod reader;
mod recover;
mod segment;

pub use cursor::Cursor;
pub use error::{JournalError, Result};
pub use journal::{Appended, Journal, Options};
pub use reader::{Item, Reader};
pub use recover::Torn;
pub use segment::MAX_LINE;
