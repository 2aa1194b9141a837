//! What the API needs of the running node.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use phantom_core::event::Action;
use phantom_core::{Event, SessionId, Timestamp, rfc3339};
use phantom_flow::PacketRow;
use serde::{Serialize, Serializer};
use thiserror::Error;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// The running node, as far as the API may see and move it. Every method may block for a moment; the API calls
/// them from threads that may.
pub trait Node: Send + Sync + 'static {
    /// One entry a honeypot of the settings, also those switched off.
    fn honeypots(&self) -> Vec<HoneypotStatus>;
    /// One entry a part that can fail.
    fn health(&self) -> Vec<Component>;
    /// What Prometheus is told, beside the API's own counters.
    fn counters(&self) -> Vec<Counter>;
    /// A new reader of the live feed. A reader that falls behind loses the oldest and is told how many.
    fn subscribe(&self) -> broadcast::Receiver<Live>;
    /// The recording of a visit ([`phantom_core::recording`]), if it has one.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`] when it cannot be read.
    fn recording(&self, session: SessionId) -> Result<Option<Vec<u8>>, NodeError>;
    /// The response's policy now in force.
    fn policy(&self) -> PolicyView;
    /// Blocks an address by hand.
    ///
    /// # Errors
    /// [`NodeError`]; a block that policy answers with a dry run is no error and says so in its outcome.
    fn block(&self, order: &BlockOrder) -> Result<Action, NodeError>;
    /// Lifts a block by hand; `by` is who asked.
    ///
    /// # Errors
    /// [`NodeError`].
    fn unblock(&self, ip: IpAddr, by: &str) -> Result<Action, NodeError>;
}

/// One message of the live feed.
#[derive(Debug, Clone)]
pub enum Live {
    /// Something that happened, or a verdict.
    Event(Arc<Event>),
    /// Packets of the wire, in the order of capture.
    Packets(Arc<Vec<PacketRow>>),
}

/// How a honeypot is doing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoneypotStatus {
    /// `ssh`, `http`, `ftp`, ...
    pub service: String,
    /// `up`, `starting`, `holding` (evidence cannot be stored), `down`, `off`.
    pub state: String,
    /// Why, where the state is not `up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where it listens.
    pub listen: Vec<String>,
    /// When its process started; absent while it does not run.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Sessions open now.
    pub open: u64,
    /// Sessions since its process started.
    pub sessions: u64,
    /// Peers turned away because a limit was reached.
    pub refused: u64,
    /// When its latest event happened.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_event: Option<Timestamp>,
}

/// How a part of the node is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Component {
    /// `store`, `journal`, `honeypot.ssh`, `capture`, ...
    pub name: String,
    /// Whether it does what the settings ask of it.
    pub ok: bool,
    /// In words; told only to those who are logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A number for Prometheus.
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    /// `phantomnet_events_total`; letters, digits and `_`.
    pub name: String,
    /// What it counts, in a line.
    pub help: String,
    /// Whether it can fall.
    pub kind: CounterKind,
    /// Label names and values.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

/// Whether a number can fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Only grows while the process runs.
    Counter,
    /// Grows and falls.
    Gauge,
}

/// The response's policy.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PolicyView {
    /// `off`, `dry-run`, `enforce`: as set.
    pub mode: String,
    /// What is in force now: `enforce` falls back to `dry-run` where it cannot be done or was not confirmed.
    pub effective: String,
    /// Why the two differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether blocks also hide the honeypots.
    pub block_honeypots: bool,
    /// Whether sources of the home network are blocked.
    pub block_internal: bool,
    /// Addresses and networks that are never blocked, as resolved.
    pub never_block: Vec<String>,
    /// How long the first, second, ... block of a source lasts, in seconds.
    pub ladder: Vec<u64>,
}

/// A block by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockOrder {
    /// Whom.
    pub ip: IpAddr,
    /// For how long; absent: as the policy has it for a first block.
    pub ttl: Option<Duration>,
    /// In the words of whoever asked.
    pub why: String,
    /// Who asked: a user's name or `token:NAME`.
    pub by: String,
}

/// Why the node did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NodeError {
    /// Policy forbids it: a never-block address, the response is off.
    #[error("refused: {0}")]
    Refused(String),
    /// No such block.
    #[error("{0} is not blocked")]
    NotBlocked(IpAddr),
    /// The part that does it cannot be reached now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

fn maybe_instant<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(s)
}
