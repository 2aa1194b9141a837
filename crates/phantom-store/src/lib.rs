//! One store over SQLite or PostgreSQL: migrations, ingestion from the journal, queries.
//!
//! The database is an index of the journal: [`Store::ingest`] records events and the cursor behind them in one
//! transaction, and whatever was derived from events can be derived again. What a batch changes is worked out in one
//! place for both arms; an arm only runs statements.

mod access;
mod error;
mod ingest;
mod migrate;
mod packets;
mod pool;
mod postgres;
mod query;
mod read;
mod rows;
mod sql;
mod sqlite;
mod store;
mod summary;
mod time;

pub use access::{AuditRow, NewToken, Role, Token, User};
pub use error::{Result, StoreError};
pub use query::{
    ActionQuery, AlertQuery, BlockQuery, EventQuery, FlowQuery, MAX_LIMIT, PacketQuery, Page, Paging,
    SessionQuery, SourceQuery,
};
pub use rows::{
    ActionRow, AlertRow, BlockRow, Bucket, Credentials, FlowRow, Guess, PacketLog, ProtocolCount, SessionRow,
    SourceRow, StoredEvent, Summary, Triage,
};
pub use store::{Retained, Store};
