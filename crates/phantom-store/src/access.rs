//! Who may use the node: users, tokens and the audit trail.

use phantom_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::read::{self, Tie};
use crate::sql::{Conflict, Kind, Row, Sql, Table, Value};
use crate::time::{instant, maybe_instant};
use crate::{Page, Paging, Result, Store, StoreError};

/// What somebody may do; each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look.
    Viewer,
    /// May triage.
    Analyst,
    /// May change everything.
    Admin,
}

impl Role {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The inverse of [`Role::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Analyst, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Unique.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Password hash as the caller made it (PHC string); never serialised.
    #[serde(skip)]
    pub hash: String,
    /// Since when.
    #[serde(with = "instant")]
    pub created: Timestamp,
}

/// A token to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// SHA-256 of the token; the token itself is never stored.
    pub hash: [u8; 32],
    /// What a person calls it; empty for a browser's session.
    pub name: String,
    /// Whose it is: a browser's session or a user's own token. Removed with the user.
    pub user: Option<String>,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; absent where it has no end.
    pub expires: Option<Timestamp>,
    /// Whether it is a browser's session (a cookie) rather than a bearer token.
    pub browser: bool,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Names it for listing and revoking; no secret.
    pub id: i64,
    /// What a person calls it.
    pub name: String,
    /// Whose it is.
    pub user: Option<String>,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    #[serde(with = "instant")]
    pub created: Timestamp,
    /// When it ends.
    #[serde(with = "maybe_instant")]
    pub expires: Option<Timestamp>,
    /// Whether it is a browser's session.
    pub browser: bool,
}

/// Something somebody did with the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// When.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// Who: a user, `token:NAME`, or `cli`.
    pub actor: String,
    /// What: `login`, `login_failed`, `triage`, `block`, ...
    pub action: String,
    /// To what.
    pub target: String,
    /// Anything more, in words.
    pub detail: String,
}

const TOKEN: &str = "id, name, user_name, role, created, expires, browser";
const USERS: Table = Table {
    name: "users",
    columns: &[("name", Kind::Text), ("role", Kind::Text), ("hash", Kind::Text), ("created", Kind::Time)],
    conflict: Conflict::Keep { returning: "name" },
};

fn user(row: &mut Row) -> Result<User> {
    Ok(User { name: row.text()?, role: row.word(Role::parse)?, hash: row.text()?, created: row.time()? })
}

fn token(row: &mut Row) -> Result<Token> {
    Ok(Token {
        id: row.int()?,
        name: row.text()?,
        user: row.maybe_text()?,
        role: row.word(Role::parse)?,
        created: row.time()?,
        expires: row.maybe_time()?,
        browser: row.bool()?,
    })
}

fn unexpired(sql: &mut Sql, now: Timestamp) {
    sql.push(" AND (expires IS NULL OR expires > ").bind(Value::time(now)).push(")");
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the name is taken.
    pub fn add_user(&self, user: &User) -> Result<()> {
        let row = vec![
            Value::text(&user.name),
            Value::text(user.role.as_str()),
            Value::text(&user.hash),
            Value::time(user.created),
        ];
        match self.write(|conn| conn.put(&USERS, vec![row]))?.len() {
            0 => Err(StoreError::Refused(format!("there is a user {:?} already", user.name))),
            _ => Ok(()),
        }
    }

    /// One user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        let mut sql = Sql::new("SELECT name, role, hash, created FROM users WHERE TRUE");
        sql.and("name =", Value::text(name));
        self.read(|conn| conn.rows(&sql)?.first_mut().map(user).transpose())
    }

    /// All users by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn users(&self) -> Result<Vec<User>> {
        let sql = Sql::new("SELECT name, role, hash, created FROM users ORDER BY name");
        self.read(|conn| conn.rows(&sql)?.iter_mut().map(user).collect())
    }

    /// Sets a user's password hash and ends their browser sessions. Returns whether there is such a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_password(&self, name: &str, hash: &str) -> Result<bool> {
        self.write(|conn| {
            let mut sql = Sql::new("UPDATE users SET hash = ");
            sql.bind(Value::text(hash)).push(" WHERE name = ").bind(Value::text(name));
            let found = conn.run(&sql)? > 0;
            let mut sql = Sql::new("DELETE FROM tokens WHERE browser");
            conn.run(sql.and("user_name =", Value::text(name)))?;
            Ok(found)
        })
    }

    /// Removes a user and all their tokens. Returns whether there was such a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove_user(&self, name: &str) -> Result<bool> {
        self.write(|conn| {
            let mut sql = Sql::new("DELETE FROM tokens WHERE TRUE");
            conn.run(sql.and("user_name =", Value::text(name)))?;
            let mut sql = Sql::new("DELETE FROM users WHERE TRUE");
            Ok(conn.run(sql.and("name =", Value::text(name)))? > 0)
        })
    }

    /// Stores a token and returns its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_token(&self, token: &NewToken) -> Result<i64> {
        let mut sql =
            Sql::new("INSERT INTO tokens (hash, name, user_name, role, created, expires, browser) VALUES (");
        sql.bind(Value::Bytes(token.hash.to_vec())).push(", ").bind(Value::text(&token.name)).push(", ");
        sql.bind(Value::maybe(token.user.as_ref(), Value::text)).push(", ");
        sql.bind(Value::text(token.role.as_str())).push(", ").bind(Value::time(token.created)).push(", ");
        sql.bind(Value::maybe(token.expires, Value::time)).push(", ").bind(Value::Bool(token.browser));
        sql.push(") RETURNING id");
        self.write(|conn| conn.rows(&sql)?.first_mut().map_or(Ok(0), Row::int))
    }

    /// The token of this SHA-256 unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Token>> {
        let mut sql = Sql::new(&format!("SELECT {TOKEN} FROM tokens WHERE TRUE"));
        sql.and("hash =", Value::Bytes(hash.to_vec()));
        unexpired(&mut sql, now);
        self.read(|conn| conn.rows(&sql)?.first_mut().map(token).transpose())
    }

    /// All tokens that have not expired, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tokens(&self, now: Timestamp) -> Result<Vec<Token>> {
        let mut sql = Sql::new(&format!("SELECT {TOKEN} FROM tokens WHERE TRUE"));
        unexpired(&mut sql, now);
        sql.push(" ORDER BY id");
        self.read(|conn| conn.rows(&sql)?.iter_mut().map(token).collect())
    }

    /// Revokes a token. Returns whether there was such a token.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoke_token(&self, id: i64) -> Result<bool> {
        let mut sql = Sql::new("DELETE FROM tokens WHERE TRUE");
        sql.and("id =", Value::Int(id));
        Ok(self.write(|conn| conn.run(&sql))? > 0)
    }

    /// Adds to the audit trail.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_audit(&self, row: &AuditRow) -> Result<()> {
        let mut sql = Sql::new("INSERT INTO audit (time, actor, action, target, detail) VALUES (");
        sql.bind(Value::time(row.time));
        for text in [&row.actor, &row.action, &row.target, &row.detail] {
            sql.push(", ").bind(Value::text(text));
        }
        sql.push(")");
        self.write(|conn| conn.run(&sql)).map(drop)
    }

    /// The audit trail, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn audit(&self, page: &Paging) -> Result<Page<AuditRow>> {
        let sql = Sql::new("SELECT time, id, actor, action, target, detail FROM audit WHERE TRUE");
        self.read(|conn| {
            read::newest(conn, sql, page, ("time", "id"), Tie::Number, |time, row| {
                Ok(AuditRow {
                    time,
                    actor: row.text()?,
                    action: row.text()?,
                    target: row.text()?,
                    detail: row.text()?,
                })
            })
        })
    }
}
