//! Append-only JSON Lines segments with cursors: the truth everything else is rebuilt from.

mod cursor;

pub use cursor::Cursor;
