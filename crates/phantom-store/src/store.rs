//! The store itself: which arm, and what keeps and deletes.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use phantom_core::{BoundedMap, EventId, Timestamp, from_micros, micros};

use crate::packets::hour_of;
use crate::postgres::{Postgres, without_secrets};
use crate::sql::{Conflict, Conn, Kind, Sql, Table, Value};
use crate::sqlite::Sqlite;
use crate::{Result, StoreError, Triage};

/// Scores remembered for [`Store::insert_packets`]; beyond that the one touched longest ago is forgotten, and its packets
/// are logged without a score.
const SCORES: usize = 64 << 10;
/// Rows deleted by one transaction of retention, so that ingestion never waits long.
const PIECE: u64 = 5000;

/// An open database.
///
/// Every method blocks; call it from a thread that may (`spawn_blocking`). All of them may be called at once from
/// several threads: one writes at a time, a few read.
#[derive(Debug)]
pub struct Store {
    pub(crate) arm: Arm,
    scores: Mutex<BoundedMap<IpAddr, f64>>,
}

#[derive(Debug)]
pub(crate) enum Arm {
    Sqlite(Box<Sqlite>),
    Postgres(Box<Postgres>),
}

/// What retention deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Events.
    pub events: u64,
    /// Partitions of packets.
    pub partitions: u64,
}

const TRIAGE: Table = Table {
    name: "triage",
    columns: &[
        ("alert", Kind::Uuid),
        ("status", Kind::Text),
        ("note", Kind::Text),
        ("actor", Kind::Text),
        ("time", Kind::Time),
    ],
    conflict: Conflict::Replace { key: "alert" },
};

impl Store {
    /// Opens `sqlite:FILE` (relative to `data_dir`) or `postgres://...` (also `postgresql://`, and a socket's directory as
    /// the parameter `host`) and brings its schema up to date. The connection to PostgreSQL is not encrypted.
    ///
    /// # Errors
    /// [`StoreError::Url`], [`StoreError::Unreachable`], [`StoreError::TooNew`] for a schema of a later version.
    pub fn open(url: &str, data_dir: &Path) -> Result<Self> {
        let arm = if let Some(file) = url.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
            Arm::Sqlite(Box::new(Sqlite::open(&data_dir.join(file))?))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Arm::Postgres(Box::new(Postgres::open(url)?))
        } else {
            let why = "expected sqlite:FILE or postgres://user@host/database".to_owned();
            return Err(StoreError::Url { url: without_secrets(url), why });
        };
        let store = Self { arm, scores: Mutex::new(BoundedMap::new(SCORES)) };
        // The highest last, so that they are the last to be forgotten.
        let scores: Result<Vec<_>> = store.read(|conn| {
            conn.rows(&Sql::new(&format!(
                "SELECT ip, score FROM sources ORDER BY score DESC LIMIT {SCORES}"
            )))?
            .into_iter()
            .rev()
            .map(|mut row| Ok((row.ip()?, row.real()?)))
            .collect()
        });
        store.remember_scores(scores?);
        Ok(store)
    }

    /// Host and database name, or the file; without secrets.
    pub fn database(&self) -> &str {
        match &self.arm {
            Arm::Sqlite(arm) => arm.name(),
            Arm::Postgres(arm) => arm.name(),
        }
    }

    /// Triages an alert; nothing but the latest triage is kept here, the trail is the audit's. Returns whether there is
    /// such an alert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn triage(&self, id: EventId, status: Triage, note: &str, by: &str, at: Timestamp) -> Result<bool> {
        let row = vec![
            Value::Uuid(id.uuid()),
            Value::text(status.as_str()),
            Value::text(note),
            Value::text(by),
            Value::time(at),
        ];
        self.write(|conn| {
            let mut sql = Sql::new("SELECT 1 FROM alerts WHERE TRUE");
            let found = !conn.rows(sql.and("id =", Value::Uuid(id.uuid())))?.is_empty();
            if found {
                conn.put(&TRIAGE, vec![row])?;
            }
            Ok(found)
        })
    }

    /// Deletes evidence older than `evidence` (counted from its last sign of life), whole partitions of packets
    /// older than `packets`, and expired tokens.
    ///
    /// # Errors
    /// [`StoreError`]; what was deleted until then stays deleted.
    pub fn retain(&self, now: Timestamp, evidence: Duration, packets: Duration) -> Result<Retained> {
        let before =
            |span: Duration| micros(now).saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
        let cutoff = Value::time(from_micros(before(evidence)));
        let mut done = Retained { events: self.purge("events", "id", "time", &cutoff)?, partitions: 0 };
        self.purge("sessions", "id", "coalesce(closed, opened)", &cutoff)?;
        self.purge("alerts", "id", "time", &cutoff)?;
        self.purge("triage", "alert", "time", &cutoff)?;
        self.purge("flows", "id", "time", &cutoff)?;
        self.purge("actions", "id", "time", &cutoff)?;
        self.purge("sources", "ip", "last", &cutoff)?;
        self.purge("audit", "id", "time", &cutoff)?;
        self.write(|conn| {
            let mut sql = Sql::new("DELETE FROM rollups WHERE TRUE");
            conn.run(sql.and("minute <", cutoff.clone()))?;
            let mut sql = Sql::new("DELETE FROM blocks WHERE TRUE");
            conn.run(sql.and("coalesce(ended, until) <", cutoff.clone()))?;
            let mut sql = Sql::new("DELETE FROM tokens WHERE TRUE");
            conn.run(sql.and("expires <=", Value::time(now)))
        })?;
        let oldest = hour_of(before(packets));
        done.partitions = match &self.arm {
            Arm::Postgres(arm) => arm.drop_packets_before(oldest)?,
            Arm::Sqlite(arm) => {
                let old: Vec<_> = arm.packet_hours()?.into_iter().filter(|hour| *hour < oldest).collect();
                old.iter().try_for_each(|hour| arm.drop_packets(*hour))?;
                old.len() as u64
            }
        };
        Ok(done)
    }

    /// Deletes everything that the journal derives and sets the cursor back to its start. Users, tokens, audit, triage and
    /// packets stay.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was deleted.
    pub fn clear_derived(&self) -> Result<()> {
        self.write(|conn| {
            for table in ["events", "sessions", "alerts", "flows", "sources", "blocks", "actions", "state"] {
                conn.run(&Sql::new(&format!("DELETE FROM {table}")))?;
            }
            conn.run(&Sql::new("DELETE FROM rollups WHERE kind <> 'packet'"))
        })?;
        *self.scores.lock().unwrap_or_else(PoisonError::into_inner) = BoundedMap::new(SCORES);
        Ok(())
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        match &self.arm {
            Arm::Sqlite(arm) => arm.read(f),
            Arm::Postgres(arm) => arm.read(f),
        }
    }

    pub(crate) fn write<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        match &self.arm {
            Arm::Sqlite(arm) => arm.write(f),
            Arm::Postgres(arm) => arm.write(f),
        }
    }

    pub(crate) fn remember_scores(&self, scores: Vec<(IpAddr, f64)>) {
        let mut known = self.scores.lock().unwrap_or_else(PoisonError::into_inner);
        for (ip, score) in scores {
            *known.touch(ip, || score).0 = score;
        }
    }

    pub(crate) fn score_of(&self, ip: IpAddr) -> Option<f64> {
        self.scores.lock().unwrap_or_else(PoisonError::into_inner).get(&ip).copied()
    }

    /// Deletes the rows of `table` whose `time` lies before `cutoff`, piece by piece.
    fn purge(&self, table: &str, key: &str, time: &str, cutoff: &Value) -> Result<u64> {
        let mut total = 0;
        loop {
            let mut sql = Sql::new(&format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE TRUE"
            ));
            sql.and(&format!("{time} <"), cutoff.clone()).push(&format!(" LIMIT {PIECE})"));
            let deleted = self.write(|conn| conn.run(&sql))?;
            total += deleted;
            if deleted < PIECE {
                return Ok(total);
            }
        }
    }
}
