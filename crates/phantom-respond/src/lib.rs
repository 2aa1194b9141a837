//! From alert to block: the ledger with expiry, caps and the never-block list.
