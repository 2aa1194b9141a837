//! What the two arms have in common: values, statements with `$1` parameters, rows, and the connection they run on.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::vec::IntoIter;

use phantom_core::{Timestamp, from_micros, micros};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{Result, StoreError};

/// 0001-01-01T00:00:00Z, the earliest instant that both arms can hold; earlier ones are stored as this.
const EARLIEST: i64 = -62_135_596_800_000_000;

/// A parameter or a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Microseconds since the Unix epoch.
    Time(i64),
    Ip(IpAddr),
    Uuid(Uuid),
    /// JSON text.
    Json(String),
}

impl Value {
    pub(crate) fn time(at: Timestamp) -> Self {
        Self::Time(micros(at).max(EARLIEST))
    }

    /// Numbers above the largest signed one are stored as that.
    pub(crate) fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn json<T: Serialize>(value: &T) -> Self {
        // Maps with text keys and finite numbers only, which cannot fail.
        Self::Json(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    pub(crate) fn maybe<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, make)
    }
}

/// Column types, where an arm must name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Real,
    Text,
    Time,
    Ip,
    Uuid,
    Json,
}

/// Where rows are put, and what happens to those that are there already.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    pub(crate) conflict: Conflict,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Conflict {
    /// The old row stays; `put` returns this column of the rows that were new.
    Keep { returning: &'static str },
    /// The new row takes the place of the old one with the same value of this column.
    Replace { key: &'static str },
    /// The written-out `DO UPDATE`.
    Update { key: &'static str, set: &'static str },
}

impl Table {
    /// `INSERT INTO t (..) SOURCE ON CONFLICT ..`; the same text for both arms but for the source of the rows.
    pub(crate) fn insert(&self, source: &str) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let tail = match self.conflict {
            Conflict::Keep { returning } => format!("DO NOTHING RETURNING {returning}"),
            Conflict::Update { key, set } => format!("({key}) DO UPDATE SET {set}"),
            Conflict::Replace { key } => {
                let set: Vec<_> =
                    names.iter().filter(|n| **n != key).map(|n| format!("{n} = excluded.{n}")).collect();
                format!("({key}) DO UPDATE SET {}", set.join(", "))
            }
        };
        format!("INSERT INTO {} ({}) {source} ON CONFLICT {tail}", self.name, names.join(", "))
    }
}

/// A statement under construction. Each parameter is written once, in order, so that `$1` means the same to both arms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) params: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), params: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn bind(&mut self, value: Value) -> &mut Self {
        self.params.push(value);
        self.text.push_str(&format!("${}", self.params.len()));
        self
    }

    /// `AND condition $n`
    pub(crate) fn and(&mut self, condition: &str, value: Value) -> &mut Self {
        self.push(" AND ").push(condition).push(" ").bind(value)
    }

    /// `AND column IN (..)`. The list is padded to a power of two so that few statements differ.
    pub(crate) fn and_in(&mut self, column: &str, values: Vec<Value>) -> &mut Self {
        let Some(last) = values.last().cloned() else { return self.push(" AND FALSE") };
        let padded = values.len().next_power_of_two();
        self.push(" AND ").push(column).push(" IN (");
        let all = values.into_iter().chain(std::iter::repeat(last)).take(padded);
        for (i, value) in all.enumerate() {
            self.push(if i == 0 { "" } else { ", " }).bind(value);
        }
        self.push(")")
    }
}

/// Where the arms' languages differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// An address column as text that sorts bytewise.
    pub(crate) fn ip_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("(host({column}) COLLATE \"C\")"),
        }
    }

    /// Which slice of `width` microseconds since `origin` an instant at or after it falls in.
    pub(crate) fn slice(self, column: &str, origin: i64, width: i64) -> String {
        match self {
            Self::Sqlite => format!("(({column} - ({origin})) / {width})"),
            Self::Postgres => {
                format!(
                    "CAST(floor((extract(epoch FROM {column}) * 1000000 - ({origin})) / {width}) AS bigint)"
                )
            }
        }
    }
}

/// A connection of either arm, within a transaction.
pub(crate) trait Conn {
    fn dialect(&self) -> Dialect;
    fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>>;
    /// How many rows were touched.
    fn run(&mut self, sql: &Sql) -> Result<u64>;
    /// Inserts in bulk. Of a [`Conflict::Keep`] table, returns a row for each that was new.
    fn put(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<Vec<Row>>;

    /// The rows of `select ... AND column IN (keys)`, in pieces that both arms can take.
    fn rows_in(&mut self, select: &str, column: &str, keys: &[Value]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for piece in keys.chunks(512) {
            let mut sql = Sql::new(select);
            sql.and_in(column, piece.to_vec());
            rows.extend(self.rows(&sql)?);
        }
        Ok(rows)
    }
}

/// A row read, taken apart column by column from the left.
#[derive(Debug)]
pub(crate) struct Row {
    columns: IntoIter<Value>,
    taken: usize,
}

impl Row {
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self { columns: columns.into_iter(), taken: 0 }
    }

    fn next(&mut self) -> Value {
        self.taken += 1;
        self.columns.next().unwrap_or(Value::Null)
    }

    /// An error about the column taken last.
    pub(crate) fn odd(&self, found: impl std::fmt::Debug) -> StoreError {
        StoreError::Row { column: self.taken.to_string(), found: format!("{found:?}") }
    }

    pub(crate) fn int(&mut self) -> Result<i64> {
        match self.next() {
            Value::Int(n) => Ok(n),
            other => Err(self.odd(other)),
        }
    }

    /// An unsigned or narrower integer.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let n = self.int()?;
        T::try_from(n).map_err(|_| self.odd(n))
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        match self.next() {
            Value::Bool(b) => Ok(b),
            Value::Int(n) => Ok(n != 0),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn maybe_real(&mut self) -> Result<Option<f64>> {
        match self.next() {
            Value::Real(x) => Ok(Some(x)),
            // SQLite may hand back whole numbers so.
            Value::Int(n) => Ok(Some(n as f64)),
            Value::Null => Ok(None),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn real(&mut self) -> Result<f64> {
        self.maybe_real()?.ok_or_else(|| self.odd(Value::Null))
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.next() {
            Value::Text(text) | Value::Json(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.maybe_text()?.ok_or_else(|| self.odd(Value::Null))
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| self.odd(error))
    }

    /// A word of a closed list.
    pub(crate) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| self.odd(text))
    }

    pub(crate) fn maybe_micros(&mut self) -> Result<Option<i64>> {
        match self.next() {
            Value::Time(t) | Value::Int(t) => Ok(Some(t)),
            Value::Null => Ok(None),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn maybe_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.maybe_micros()?.map(from_micros))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.maybe_time()?.ok_or_else(|| self.odd(Value::Null))
    }

    pub(crate) fn maybe_ip(&mut self) -> Result<Option<IpAddr>> {
        match self.next() {
            Value::Ip(ip) => Ok(Some(ip)),
            Value::Text(text) => text.parse().map(Some).map_err(|_| self.odd(text)),
            Value::Null => Ok(None),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn ip(&mut self) -> Result<IpAddr> {
        self.maybe_ip()?.ok_or_else(|| self.odd(Value::Null))
    }

    pub(crate) fn maybe_uuid(&mut self) -> Result<Option<Uuid>> {
        match self.next() {
            Value::Uuid(id) => Ok(Some(id)),
            Value::Text(text) => text.parse().map(Some).map_err(|_| self.odd(text)),
            Value::Null => Ok(None),
            other => Err(self.odd(other)),
        }
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid> {
        self.maybe_uuid()?.ok_or_else(|| self.odd(Value::Null))
    }

    pub(crate) fn names(&mut self) -> Result<BTreeSet<String>> {
        self.json()
    }
}
