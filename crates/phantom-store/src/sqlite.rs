//! The embedded arm: evidence in one file, packets in one file an hour beside it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use phantom_core::BoundedMap;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use crate::pool::Pool;
use crate::sql::{Conn, Dialect, Row, Sql, Table, Value};
use crate::{Result, StoreError, migrate};

/// How long a connection waits for another one's lock.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that read at once.
const READERS: usize = 4;
/// Packet files kept open for writing; rows come mostly in order, so that more than two are rarely wanted.
const OPEN_PARTITIONS: usize = 4;

#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    name: String,
    writer: Mutex<Connection>,
    readers: Pool<Connection>,
    /// `FILE.packets/HOUR.db`
    packets: PathBuf,
    partitions: Mutex<BoundedMap<i64, Connection>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        let writer = connect(path, &name, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        writer
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            .map_err(|error| failed(&name, &error))?;
        migrate::sqlite(&writer, &name)?;
        let mut packets = path.as_os_str().to_owned();
        packets.push(".packets");
        let packets = PathBuf::from(packets);
        make_dir(&packets)?;
        Ok(Self {
            path: path.to_owned(),
            name,
            writer: Mutex::new(writer),
            readers: Pool::new(READERS),
            packets,
            partitions: Mutex::new(BoundedMap::new(OPEN_PARTITIONS)),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        let reader = self.readers.get(|| {
            let conn = connect(&self.path, &self.name, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            Ok(conn)
        })?;
        transaction(&reader, &self.name, "BEGIN", f)
    }

    pub(crate) fn write<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T>) -> Result<T> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        transaction(&writer, &self.name, "BEGIN IMMEDIATE", f)
    }

    /// Puts rows into the packet file of `hour`, made if absent.
    pub(crate) fn put_packets(&self, hour: i64, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        let mut open = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.partition(hour);
        let name = path.display().to_string();
        if open.get(&hour).is_none() {
            let conn =
                connect(&path, &name, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
            // Packets are lossy by design: a power failure may cost the last of them, never the file.
            conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
                .and_then(|()| conn.execute_batch(include_str!("../migrations/sqlite_packets.sql")))
                .map_err(|error| failed(&name, &error))?;
            open.insert(hour, conn);
        }
        let (conn, _) = open.touch(hour, || unreachable!("inserted above"));
        transaction(conn, &name, "BEGIN IMMEDIATE", |conn| conn.put(table, rows).map(drop))
    }

    /// The hours that have a packet file, newest first.
    pub(crate) fn packet_hours(&self) -> Result<Vec<i64>> {
        let io = |source| StoreError::Io { path: self.packets.display().to_string(), source };
        let mut hours = Vec::new();
        for entry in std::fs::read_dir(&self.packets).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            hours.extend(
                name.to_str().and_then(|n| n.strip_suffix(".db")).and_then(|n| n.parse::<i64>().ok()),
            );
        }
        hours.sort_unstable_by(|a, b| b.cmp(a));
        Ok(hours)
    }

    /// Reads one packet file; `None` when retention has just deleted it.
    pub(crate) fn read_packets<T>(
        &self,
        hour: i64,
        f: impl FnOnce(&mut dyn Conn) -> Result<T>,
    ) -> Result<Option<T>> {
        let path = self.partition(hour);
        let name = path.display().to_string();
        match connect(&path, &name, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            Ok(conn) => transaction(&conn, &name, "BEGIN", f).map(Some),
            Err(_) if !path.exists() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn drop_packets(&self, hour: i64) -> Result<()> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(&hour);
        let path = self.partition(hour);
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.clone().into_os_string();
            file.push(suffix);
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { path: PathBuf::from(file).display().to_string(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn partition(&self, hour: i64) -> PathBuf {
        self.packets.join(format!("{hour}.db"))
    }
}

fn make_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|source| StoreError::Io { path: dir.display().to_string(), source })
}

fn connect(path: &Path, name: &str, flags: OpenFlags) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| failed(name, &error))?;
    conn.busy_timeout(PATIENCE).map_err(|error| failed(name, &error))?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(conn)
}

pub(crate) fn failed(database: &str, error: &rusqlite::Error) -> StoreError {
    let (database, why) = (database.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::CannotOpen,
        ) => StoreError::Unreachable { database, why },
        _ => StoreError::Database { database, why },
    }
}

fn transaction<T>(
    conn: &Connection,
    name: &str,
    begin: &str,
    f: impl FnOnce(&mut dyn Conn) -> Result<T>,
) -> Result<T> {
    let run = |text: &str| conn.execute_batch(text).map_err(|error| failed(name, &error));
    run(begin)?;
    let done = f(&mut Within { conn, name }).and_then(|value| run("COMMIT").map(|()| value));
    if done.is_err() && !conn.is_autocommit() {
        // The first error is the one to tell.
        let _ = run("ROLLBACK");
    }
    done
}

struct Within<'a> {
    conn: &'a Connection,
    name: &'a str,
}

impl Within<'_> {
    fn collect(&self, text: &str, params: &[Value]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.conn.prepare_cached(text)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(match row.get_ref(column)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(n) => Value::Int(n),
                    ValueRef::Real(x) => Value::Real(x),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                });
            }
            out.push(Row::new(values));
        }
        Ok(out)
    }
}

impl Conn for Within<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>> {
        self.collect(&sql.text, &sql.params).map_err(|error| failed(self.name, &error))
    }

    fn run(&mut self, sql: &Sql) -> Result<u64> {
        self.conn
            .prepare_cached(&sql.text)
            .and_then(|mut statement| statement.execute(params_from_iter(&sql.params)))
            .map(|n| n as u64)
            .map_err(|error| failed(self.name, &error))
    }

    fn put(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<Vec<Row>> {
        let places: Vec<_> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
        let text = table.insert(&format!("VALUES ({})", places.join(", ")));
        let mut out = Vec::new();
        for row in rows {
            out.extend(self.collect(&text, &row).map_err(|error| failed(self.name, &error))?);
        }
        Ok(out)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(b) => i64::from(*b).into(),
            Self::Int(n) | Self::Time(n) => (*n).into(),
            Self::Real(x) => (*x).into(),
            Self::Text(text) | Self::Json(text) => text.as_str().into(),
            Self::Bytes(bytes) => bytes.as_slice().into(),
            Self::Ip(ip) => ip.to_string().into(),
            Self::Uuid(id) => id.to_string().into(),
        })
    }
}
