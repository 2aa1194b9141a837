//! What readers may ask for.

use std::net::IpAddr;

use phantom_core::event::Severity;
use phantom_core::{SessionId, Timestamp};
use serde::Serialize;

use crate::{Result, StoreError, Triage};

/// Most rows of one page.
pub const MAX_LIMIT: usize = 1000;

/// Which part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// Nothing before this instant.
    pub since: Option<Timestamp>,
    /// Nothing at or after this instant.
    pub until: Option<Timestamp>,
    /// Rows of the page; clamped to 1..=[`MAX_LIMIT`].
    pub limit: usize,
    /// [`Page::next`] of the page before; absent for the first page.
    pub cursor: Option<String>,
}

impl Default for Paging {
    fn default() -> Self {
        Self { since: None, until: None, limit: 100, cursor: None }
    }
}

impl Paging {
    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT)
    }

    /// The parts of the cursor: an instant or score as a number, and what parts equals.
    pub(crate) fn after(&self) -> Result<Option<(i64, &str)>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let (number, rest) = cursor.split_once('_').ok_or(StoreError::PageCursor)?;
        let number = number.parse().map_err(|_| StoreError::PageCursor)?;
        Ok(Some((number, rest)))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Opaque; hand it back in [`Paging::cursor`] for the page after this one. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Any of these kinds; all when empty.
    pub kinds: Vec<String>,
    /// Of this service.
    pub service: Option<String>,
    /// Of this source.
    pub src: Option<IpAddr>,
    /// Of this visit.
    pub session: Option<SessionId>,
}

/// Which visits; the instant of a visit is when it opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Of this service.
    pub service: Option<String>,
    /// Of this source.
    pub src: Option<IpAddr>,
    /// Whether a login was accepted.
    pub accepted: Option<bool>,
}

/// Which alerts; the instant of an alert is when it fired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Exactly this severity.
    pub severity: Option<Severity>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Accusing this source.
    pub src: Option<IpAddr>,
    /// In this state of triage.
    pub status: Option<Triage>,
}

/// Which sources, the highest score first; `since` and `until` keep sources seen within them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceQuery {
    /// Which part of the list.
    pub page: Paging,
    /// At least this score.
    pub min_score: Option<f64>,
    /// Exactly this level.
    pub level: Option<Severity>,
    /// [`crate::SourceRow::blocked`] is told as of this instant.
    pub now: Timestamp,
}

/// Which packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PacketQuery {
    /// Which part of the list.
    pub page: Paging,
    /// From this address.
    pub src: Option<IpAddr>,
    /// To this address.
    pub dst: Option<IpAddr>,
    /// Of this protocol, as [`crate::PacketLog::protocol`] names it: `tcp`, `udp`, `icmp`, or a number.
    pub protocol: Option<String>,
    /// From or to this port.
    pub port: Option<u16>,
}

/// Which journalled flows; the instant of a flow is when it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Started by this source.
    pub src: Option<IpAddr>,
    /// Of this recognised protocol.
    pub app: Option<String>,
}

/// Which blocks; the instant of a block is when it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Only blocks that stand at this instant.
    pub active_at: Option<Timestamp>,
}

/// Which actions of the response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionQuery {
    /// Which part of the list.
    pub page: Paging,
    /// Acting on this address or network, as written.
    pub target: Option<String>,
}
