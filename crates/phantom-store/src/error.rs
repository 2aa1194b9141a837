//! What can go wrong with a database.

use thiserror::Error;

/// Why the store could not do something. No message holds a password or another secret of the URL.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The URL is of no form that [`crate::Store::open`] knows.
    #[error("store url {url:?}: {why}")]
    Url {
        /// The URL without its password and parameters.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database cannot be reached now; trying again later may help.
    #[error("database {database} is unreachable: {why}")]
    Unreachable {
        /// Host and database name, or the file.
        database: String,
        /// What the driver said.
        why: String,
    },
    /// A newer version of this program wrote the schema.
    #[error(
        "database {database} has schema version {found}, newer than {known}, the newest this version knows"
    )]
    TooNew {
        /// Host and database name, or the file.
        database: String,
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The database answered with an error.
    #[error("database {database}: {why}")]
    Database {
        /// Host and database name, or the file.
        database: String,
        /// What the driver said.
        why: String,
    },
    /// A row holds what this version never writes.
    #[error("column {column} of a stored row holds {found}")]
    Row {
        /// The column, or its position.
        column: String,
        /// What was found.
        found: String,
    },
    /// A page cursor that this store did not hand out for this list.
    #[error("page cursor is not one of this list")]
    PageCursor,
    /// What the caller asked for cannot be: a name twice, no such user.
    #[error("{0}")]
    Refused(String),
    /// A file or directory beside the database.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything but the database's health.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
