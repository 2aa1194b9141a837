//! The production arm: a PostgreSQL database, packets in partitions of an hour.

mod value;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::config::Host;
use postgres::error::SqlState;
use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls, Statement};

use crate::packets::hour_start;
use crate::pool::Pool;
use crate::sql::{Conn, Dialect, Kind, Row, Sql, Table, Value};
use crate::{Result, StoreError, migrate};

/// How long connecting may take, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(5);
/// Connections that read at once.
const READERS: usize = 6;
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Postgres {
    config: Config,
    name: String,
    writer: Pool<PgConn>,
    readers: Pool<PgConn>,
    /// Hours whose partition is known to exist.
    hours: Mutex<HashSet<i64>>,
}

impl Postgres {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let mut config: Config = url.parse().map_err(|_| StoreError::Url {
            url: without_secrets(url),
            why: "not of the form postgres://user@host/database".to_owned(),
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("phantomnet");
        }
        let store = Self {
            name: name_of(&config),
            config,
            writer: Pool::new(1),
            readers: Pool::new(READERS),
            hours: Mutex::default(),
        };
        let mut writer = store.connect(false)?;
        let encoding = writer.one_text("SHOW server_encoding")?;
        if encoding != "UTF8" {
            return Err(store.broken(format!("its encoding is {encoding}, it must be UTF8")));
        }
        migrate::postgres(&mut writer, &store.name)?;
        store.writer.get(|| Ok(writer))?;
        Ok(store)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        self.transaction(&self.readers, true, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |conn| {
            f(conn)
        })
    }

    pub(crate) fn write<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        self.transaction(&self.writer, false, "BEGIN", |conn| f(conn))
    }

    /// Copies packets in bulk, making the partitions of `hours`, and runs `also` in the same transaction.
    pub(crate) fn put_packets(
        &self,
        hours: &[i64],
        table: &Table,
        types: &[Type],
        rows: &[Vec<Value>],
        also: impl FnOnce(&mut dyn Conn) -> Result<()>,
    ) -> Result<()> {
        let known = self.hours.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh: Vec<_> = hours.iter().copied().filter(|hour| !known.contains(hour)).collect();
        self.transaction(&self.writer, false, "BEGIN", |conn| {
            for hour in &fresh {
                conn.batch(&format!(
                    "CREATE TABLE IF NOT EXISTS {} PARTITION OF packet_logs FOR VALUES FROM ('{}') TO ('{}')",
                    partition(*hour),
                    hour_start(*hour),
                    hour_start(hour + 1),
                ))?;
            }
            conn.copy(table, types, rows)?;
            also(conn)
        })?;
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).extend(fresh);
        Ok(())
    }

    /// Drops the packet partitions of hours before `hour`. Returns how many.
    pub(crate) fn drop_packets_before(&self, hour: i64) -> Result<u64> {
        let dropped = self.transaction(&self.writer, false, "BEGIN", |conn| {
            let rows = conn.rows(&Sql::new(
                "SELECT CAST(child.relname AS text) FROM pg_inherits \
                 JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'packet_logs'::regclass",
            ))?;
            let mut dropped = Vec::new();
            for mut row in rows {
                let name = row.text()?;
                let held = name.strip_prefix("packet_logs_").and_then(|held| held.parse::<i64>().ok());
                dropped.extend(held.filter(|held| *held < hour));
            }
            for old in &dropped {
                conn.batch(&format!("DROP TABLE {}", partition(*old)))?;
            }
            Ok(dropped)
        })?;
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| *held >= hour);
        Ok(dropped.len() as u64)
    }

    fn transaction<T>(
        &self,
        pool: &Pool<PgConn>,
        read_only: bool,
        begin: &str,
        f: impl FnOnce(&mut PgConn) -> Result<T>,
    ) -> Result<T> {
        let mut conn = pool.get(|| self.connect(read_only))?;
        if let Err(error) = conn.batch(begin) {
            if !conn.client.is_closed() && !error.is_transient() {
                return Err(error);
            }
            // The server was restarted while the connection lay idle.
            *conn = match self.connect(read_only) {
                Ok(fresh) => fresh,
                Err(error) => {
                    conn.discard();
                    return Err(error);
                }
            };
            conn.batch(begin)?;
        }
        let done = f(&mut conn).and_then(|value| conn.batch("COMMIT").map(|()| value));
        if done.is_err() && (conn.client.is_closed() || conn.batch("ROLLBACK").is_err()) {
            conn.discard();
        }
        done
    }

    fn connect(&self, read_only: bool) -> Result<PgConn> {
        let client = self
            .config
            .connect(NoTls)
            .map_err(|error| StoreError::Unreachable { database: self.name.clone(), why: explain(&error) })?;
        let mut conn = PgConn { client, name: self.name.clone(), statements: HashMap::new() };
        conn.batch("SET client_min_messages = warning")?;
        if read_only {
            conn.batch("SET statement_timeout = '60s'")?;
        }
        Ok(conn)
    }

    fn broken(&self, why: String) -> StoreError {
        StoreError::Database { database: self.name.clone(), why }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A client ends its own small runtime, which is not allowed on a thread that runs another one.
        let clients = (self.writer.drain(), self.readers.drain());
        let _ = std::thread::spawn(move || drop(clients)).join();
    }
}

fn partition(hour: i64) -> String {
    format!("packet_logs_{hour}")
}

/// Host, port and database.
fn name_of(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config.get_hostaddrs().first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let db = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
    format!("postgres://{host}:{port}/{db}")
}

/// A URL that could not be read, without what may be a password or a parameter.
pub(crate) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let rest = rest.trim_start_matches('/');
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', ' ']).next().unwrap_or_default();
    if scheme.is_empty() { "...".to_owned() } else { format!("{scheme}://{rest}") }
}

/// The driver's own words stop at "db error".
fn explain(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text.push_str(": ");
                    text.push_str(&inner_text);
                }
                source = inner.source();
            }
            text
        }
    }
}

/// A connection and its prepared statements.
pub(crate) struct PgConn {
    client: Client,
    name: String,
    statements: HashMap<String, Statement>,
}

impl std::fmt::Debug for PgConn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgConn({})", self.name)
    }
}

impl PgConn {
    pub(crate) fn batch(&mut self, text: &str) -> Result<()> {
        let done = self.client.batch_execute(text);
        self.told(done)
    }

    pub(crate) fn one_number(&mut self, text: &str) -> Result<i64> {
        let row = self.client.query_one(text, &[]);
        Ok(self.told(row)?.get(0))
    }

    fn one_text(&mut self, text: &str) -> Result<String> {
        let row = self.client.query_one(text, &[]);
        Ok(self.told(row)?.get(0))
    }

    fn told<T>(&self, done: Result<T, postgres::Error>) -> Result<T> {
        done.map_err(|error| {
            let (database, why) = (self.name.clone(), explain(&error));
            let gone = error.code().is_none_or(|code| {
                [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::DISK_FULL,
                ]
                .contains(code)
            });
            if self.client.is_closed() || (gone && error.as_db_error().is_some()) || error.is_closed() {
                StoreError::Unreachable { database, why }
            } else {
                StoreError::Database { database, why }
            }
        })
    }

    fn prepared(&mut self, text: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        let prepared = self.client.prepare(text);
        let statement = self.told(prepared)?;
        self.statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    fn collect(&mut self, text: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.prepared(text)?;
        let rows = self.client.query(&statement, params);
        let rows = self.told(rows)?;
        rows.iter()
            .map(|row| {
                let values: Result<Vec<Value>, _> = (0..row.len()).map(|i| row.try_get(i)).collect();
                self.told(values).map(Row::new)
            })
            .collect()
    }

    fn copy(&mut self, table: &Table, types: &[Type], rows: &[Vec<Value>]) -> Result<()> {
        let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        let text = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, names.join(", "));
        let done = (|| {
            let mut writer = BinaryCopyInWriter::new(self.client.copy_in(&text)?, types);
            for row in rows {
                let row: Vec<&(dyn ToSql + Sync)> = row.iter().map(|v| v as _).collect();
                writer.write(&row)?;
            }
            writer.finish()
        })();
        self.told(done).map(drop)
    }
}

fn refs(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

impl Conn for PgConn {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>> {
        self.collect(&sql.text, &refs(&sql.params))
    }

    fn run(&mut self, sql: &Sql) -> Result<u64> {
        let statement = self.prepared(&sql.text)?;
        let done = self.client.execute(&statement, &refs(&sql.params));
        self.told(done)
    }

    fn put(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<Vec<Row>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        // One array a column: a single round trip however many rows, and ON CONFLICT still works.
        let mut columns: Vec<Vec<Value>> =
            table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let arrays: Vec<_> = (1..)
            .zip(table.columns)
            .map(|(n, (_, kind))| {
                let of = match kind {
                    Kind::Bool => "boolean",
                    Kind::Int => "bigint",
                    Kind::Real => "double precision",
                    Kind::Text => "text",
                    Kind::Time => "timestamptz",
                    Kind::Ip => "inet",
                    Kind::Uuid => "uuid",
                    Kind::Json => "jsonb",
                };
                format!("${n}::{of}[]")
            })
            .collect();
        let text = table.insert(&format!("SELECT * FROM unnest({})", arrays.join(", ")));
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.collect(&text, &params)
    }
}
