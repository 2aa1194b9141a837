//! One store over SQLite or PostgreSQL: migrations, ingestion from the journal, queries.

mod access;
mod error;
mod query;
mod rows;
mod store;
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
