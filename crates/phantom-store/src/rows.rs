//! What readers are given. In JSON, instants are RFC 3339 in UTC with six decimals.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use phantom_core::event::{Action, Alert, Endpoint, Flow, Reason, Severity, Transport};
use phantom_core::{Event, EventId, SessionId, Timestamp, Untrusted};
use serde::{Deserialize, Serialize};

use crate::time::{instant, maybe_instant};

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Intake sequence number.
    pub seq: u64,
    /// The event; [`Event::to_json`] gives it as the journal has it.
    pub event: Event,
}

/// One visit of one peer to one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// Names it.
    pub id: SessionId,
    /// The sensor visited.
    pub sensor: String,
    /// The service visited.
    pub service: Option<String>,
    /// The peer.
    pub src: Option<Endpoint>,
    /// What it addressed.
    pub dst: Option<Endpoint>,
    /// How.
    pub transport: Option<Transport>,
    /// When it opened, or the first event seen of it.
    #[serde(with = "instant")]
    pub opened: Timestamp,
    /// When it closed; absent while open.
    #[serde(with = "maybe_instant")]
    pub closed: Option<Timestamp>,
    /// How long it lasted, in milliseconds; 0 while open.
    pub duration_ms: u64,
    /// Bytes the peer sent; 0 while open.
    pub bytes_in: u64,
    /// Bytes sent to the peer; 0 while open.
    pub bytes_out: u64,
    /// Why it closed, where that was out of the ordinary.
    pub why: Option<String>,
    /// All its events.
    pub events: u64,
    /// Logins tried.
    pub logins: u64,
    /// Commands given.
    pub commands: u64,
    /// Requests sent.
    pub requests: u64,
    /// Files that came or went.
    pub transfers: u64,
    /// Whether a login was accepted.
    pub accepted: bool,
    /// The user name accepted last, or else the one tried last.
    pub username: Option<Untrusted>,
}

/// What an analyst thinks of an alert; kept by `rebuild`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Triage {
    /// Nobody has looked.
    #[default]
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// Dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl Triage {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::FalsePositive => "false_positive",
        }
    }

    /// The inverse of [`Triage::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Acknowledged, Self::Resolved, Self::FalsePositive]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// An alert and its triage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertRow {
    /// The id of the event that raised it.
    pub id: EventId,
    /// Its intake sequence number.
    pub seq: u64,
    /// When it fired.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// The sensor whose evidence it rests on.
    pub sensor: String,
    /// The service concerned.
    pub service: Option<String>,
    /// The visit concerned.
    pub session: Option<SessionId>,
    /// The source accused.
    pub src: Option<IpAddr>,
    /// What it addressed.
    pub dst: Option<Endpoint>,
    /// What the detector said.
    #[serde(flatten)]
    pub alert: Alert,
    /// State of triage.
    pub status: Triage,
    /// What the analyst wrote.
    pub note: String,
    /// Who triaged it last.
    pub triaged_by: Option<String>,
    /// When that was.
    #[serde(with = "maybe_instant")]
    pub triaged_at: Option<Timestamp>,
}

/// Somebody who touched us.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceRow {
    /// Who.
    pub ip: IpAddr,
    /// Latest threat score, 0 to 100.
    pub score: f64,
    /// The band it falls in.
    pub level: Severity,
    /// First seen.
    #[serde(with = "instant")]
    pub first: Timestamp,
    /// Last seen.
    #[serde(with = "instant")]
    pub last: Timestamp,
    /// Deeds and flows recorded (not our verdicts about them).
    pub events: u64,
    /// Visits.
    pub sessions: u64,
    /// Services touched, at most [`SourceRow::MAX_NAMES`].
    pub services: BTreeSet<String>,
    /// Rules that fired, at most [`SourceRow::MAX_NAMES`].
    pub rules: BTreeSet<String>,
    /// What the score adds up from, the weightiest first.
    pub reasons: Vec<Reason>,
    /// Whether a block of exactly this address stands.
    pub blocked: bool,
}

impl SourceRow {
    /// Most services and most rules kept a source.
    pub const MAX_NAMES: usize = 64;
}

/// A row of `packet_logs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PacketLog {
    /// When.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// Sender.
    pub src_ip: IpAddr,
    /// Addressee.
    pub dst_ip: IpAddr,
    /// 0 where the protocol has no ports.
    pub src_port: u16,
    /// 0 where the protocol has no ports.
    pub dst_port: u16,
    /// `tcp`, `udp`, `icmp`, or the IANA number.
    pub protocol: String,
    /// IP total length in bytes.
    pub length: u32,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// 0 unless TCP.
    pub tcp_flags: u8,
    /// Bytes of payload.
    pub payload_len: u32,
    /// The flow it belongs to.
    pub flow_id: u64,
    /// The sender's threat score when the row was written; absent where it had none.
    pub score: Option<f64>,
}

/// A journalled flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowRow {
    /// The event that recorded it.
    pub id: EventId,
    /// When it ended.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// The initiator.
    pub src: Option<Endpoint>,
    /// The responder.
    pub dst: Option<Endpoint>,
    /// How.
    pub transport: Option<Transport>,
    /// What was seen.
    #[serde(flatten)]
    pub flow: Flow,
}

/// A block, standing or past; one row a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockRow {
    /// The address or network, as the response wrote it.
    pub target: String,
    /// Since when.
    #[serde(with = "instant")]
    pub since: Timestamp,
    /// Until when; absent where it has no end.
    #[serde(with = "maybe_instant")]
    pub until: Option<Timestamp>,
    /// When it was lifted or expired, if it was.
    #[serde(with = "maybe_instant")]
    pub ended: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// `dry_run` or `enforced`.
    pub outcome: String,
}

/// Something the response did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionRow {
    /// The event that recorded it.
    pub id: EventId,
    /// When.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// The first screen for a window.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Events of all kinds.
    pub events: u64,
    /// Visits opened.
    pub sessions: u64,
    /// Alerts.
    pub alerts: u64,
    /// Packets logged.
    pub packets: u64,
    /// Sources whose time of activity reaches into the window.
    pub sources: u64,
    /// Events by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Events by service; those of none are left out.
    pub services: BTreeMap<String, u64>,
    /// Those sources by level.
    pub levels: BTreeMap<String, u64>,
    /// Alerts by severity.
    pub severities: BTreeMap<String, u64>,
    /// Alerts by rule.
    pub rules: BTreeMap<String, u64>,
    /// The highest scored of those sources, at most ten.
    pub top_sources: Vec<SourceRow>,
}

/// A slice of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Where it starts.
    #[serde(with = "instant")]
    pub time: Timestamp,
    /// Events of all kinds.
    pub events: u64,
    /// Alerts.
    pub alerts: u64,
    /// Visits opened.
    pub sessions: u64,
    /// Packets logged.
    pub packets: u64,
}

/// Packets of one protocol in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtocolCount {
    /// As in [`PacketLog::protocol`].
    pub protocol: String,
    /// How many.
    pub packets: u64,
    /// Their IP lengths, in bytes.
    pub bytes: u64,
}

/// What was guessed most in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Credentials {
    /// User names, the most frequent first.
    pub usernames: Vec<Guess>,
    /// Secrets of password-like logins, the most frequent first; empty ones are left out.
    pub secrets: Vec<Guess>,
}

/// One guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// As the peer sent it.
    pub value: Untrusted,
    /// How often.
    pub count: u64,
    /// How often it was accepted.
    pub accepted: u64,
}
