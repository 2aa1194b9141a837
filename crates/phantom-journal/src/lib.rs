//! Append-only JSON Lines segments with cursors: the truth everything else is rebuilt from.
