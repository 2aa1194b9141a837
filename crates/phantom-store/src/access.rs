//! Who may use the node: users, tokens and the audit trail.

use phantom_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::time::{instant, maybe_instant};

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
