//! Numbered, embedded migrations, each in a transaction of its own.

use rusqlite::Connection;

use crate::postgres::PgConn;
use crate::sqlite::failed;
use crate::{Result, StoreError};

const SQLITE: &[&str] = &[include_str!("../migrations/sqlite_0001.sql")];
const POSTGRES: &[&str] = &[include_str!("../migrations/postgres_0001.sql")];

/// Keeps two processes from migrating one PostgreSQL database at once; the bytes of "phantom".
const LOCK: i64 = 0x70_68_61_6e_74_6f_6d;

fn check(database: &str, found: i64, known: &[&str]) -> Result<usize> {
    match usize::try_from(found) {
        Ok(done) if done <= known.len() => Ok(done),
        _ => Err(StoreError::TooNew { database: database.to_owned(), found, known: known.len() as i64 }),
    }
}

pub(crate) fn sqlite(conn: &Connection, database: &str) -> Result<()> {
    let failed = |error| failed(database, &error);
    loop {
        conn.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let step = (|| {
            let found = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
            let done = check(database, found, SQLITE)?;
            if let Some(migration) = SQLITE.get(done) {
                conn.execute_batch(migration).map_err(failed)?;
                conn.execute_batch(&format!("PRAGMA user_version = {}", done + 1)).map_err(failed)?;
            }
            conn.execute_batch("COMMIT").map_err(failed)?;
            Ok(done < SQLITE.len())
        })();
        match step {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                if !conn.is_autocommit() {
                    conn.execute_batch("ROLLBACK").map_err(failed)?;
                }
                return Err(error);
            }
        }
    }
}

pub(crate) fn postgres(conn: &mut PgConn, database: &str) -> Result<()> {
    loop {
        conn.batch("BEGIN")?;
        // A failure leaves the transaction to the connection's end: the caller drops it.
        conn.batch(&format!("SELECT pg_advisory_xact_lock({LOCK})"))?;
        conn.batch("CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)")?;
        let found = conn.one_number("SELECT coalesce(max(version), 0) FROM schema_version")?;
        let done = check(database, found, POSTGRES)?;
        if let Some(migration) = POSTGRES.get(done) {
            conn.batch(migration)?;
            conn.batch(&format!("INSERT INTO schema_version VALUES ({})", done + 1))?;
        }
        conn.batch("COMMIT")?;
        if done >= POSTGRES.len() {
            return Ok(());
        }
    }
}
