//! The store itself.
#![expect(unused_variables)]

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use phantom_core::{Event, EventId, SessionId, Timestamp};
use phantom_flow::PacketRow;
use phantom_journal::Cursor;

use crate::*;

/// An open database.
///
/// Every method blocks; call it from a thread that may (`spawn_blocking`). All of them may be called at once
/// from several threads.
#[derive(Debug)]
pub struct Store {}

/// What retention deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Events.
    pub events: u64,
    /// Partitions of packets.
    pub partitions: u64,
}

impl Store {
    /// Opens `sqlite:FILE` (relative to `data_dir`) or `postgres://...` and brings its schema up to date.
    pub fn open(url: &str, data_dir: &Path) -> Result<Self> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Host and database name, or the file; without secrets.
    pub fn database(&self) -> &str {
        ""
    }

    /// Where ingestion stands: hand it to the journal's reader.
    pub fn cursor(&self) -> Result<Cursor> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Records events and the cursor behind them, all or nothing; events already held are left out. Returns how many were new.
    pub fn ingest(&self, events: &[(u64, Arc<Event>)], cursor: &Cursor) -> Result<usize> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Records packets in bulk.
    pub fn insert_packets(&self, rows: &[PacketRow]) -> Result<()> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Events, newest first.
    pub fn events(&self, query: &EventQuery) -> Result<Page<StoredEvent>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Visits, newest first.
    pub fn sessions(&self, query: &SessionQuery) -> Result<Page<SessionRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// One visit.
    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Alerts, newest first.
    pub fn alerts(&self, query: &AlertQuery) -> Result<Page<AlertRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// One alert.
    pub fn alert(&self, id: EventId) -> Result<Option<AlertRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Triages an alert. Returns whether there is such an alert.
    pub fn triage(&self, id: EventId, status: Triage, note: &str, by: &str, at: Timestamp) -> Result<bool> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Sources, the highest score first.
    pub fn sources(&self, query: &SourceQuery) -> Result<Page<SourceRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// One source; `blocked` as of `now`.
    pub fn source(&self, ip: IpAddr, now: Timestamp) -> Result<Option<SourceRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Packets, newest first.
    pub fn packets(&self, query: &PacketQuery) -> Result<Page<PacketLog>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Journalled flows, newest first.
    pub fn flows(&self, query: &FlowQuery) -> Result<Page<FlowRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Blocks, newest first.
    pub fn blocks(&self, query: &BlockQuery) -> Result<Page<BlockRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Actions of the response, newest first.
    pub fn actions(&self, query: &ActionQuery) -> Result<Page<ActionRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// The first screen of the window from `since` up to but not including `until`.
    pub fn summary(&self, since: Timestamp, until: Timestamp) -> Result<Summary> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// The window in slices of `bucket`, also the empty ones; at most 2,000 of them.
    pub fn timeline(&self, since: Timestamp, until: Timestamp, bucket: Duration) -> Result<Vec<Bucket>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Packets by protocol, the most frequent first.
    pub fn protocols(&self, since: Timestamp, until: Timestamp) -> Result<Vec<ProtocolCount>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// What was guessed most, of one service or of all.
    pub fn credentials(
        &self,
        since: Timestamp,
        until: Timestamp,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Credentials> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Adds a user; an existing name is refused.
    pub fn add_user(&self, user: &User) -> Result<()> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// One user.
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// All users by name.
    pub fn users(&self) -> Result<Vec<User>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Sets a user's password hash and ends their browser sessions. Returns whether there is such a user.
    pub fn set_password(&self, name: &str, hash: &str) -> Result<bool> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Removes a user and their tokens. Returns whether there was such a user.
    pub fn remove_user(&self, name: &str) -> Result<bool> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Stores a token and returns its id.
    pub fn add_token(&self, token: &NewToken) -> Result<i64> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// The token of this SHA-256 unless it has expired.
    pub fn token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Token>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// All tokens that have not expired, oldest first.
    pub fn tokens(&self, now: Timestamp) -> Result<Vec<Token>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Revokes a token. Returns whether there was such a token.
    pub fn revoke_token(&self, id: i64) -> Result<bool> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Adds to the audit trail.
    pub fn add_audit(&self, row: &AuditRow) -> Result<()> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// The audit trail, newest first.
    pub fn audit(&self, page: &Paging) -> Result<Page<AuditRow>> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Deletes evidence older than `evidence`, packets older than `packets`, and expired tokens.
    pub fn retain(&self, now: Timestamp, evidence: Duration, packets: Duration) -> Result<Retained> {
        Err(StoreError::Refused("not yet".to_owned()))
    }

    /// Deletes everything that the journal derives and sets the cursor back to its start. Users, tokens, audit, triage and packets stay.
    pub fn clear_derived(&self) -> Result<()> {
        Err(StoreError::Refused("not yet".to_owned()))
    }
}
