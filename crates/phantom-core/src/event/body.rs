//! What a peer did. The variants name deeds, never protocols: a new protocol leaves them untouched.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Transport;
use crate::time::serde_rfc3339;
use crate::{EventId, SessionId, Timestamp, Untrusted};

/// The closed list of deeds, plus whatever a newer version may name.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A peer connected.
    Opened(Opened),
    /// A peer offered credentials.
    Login(Login),
    /// A peer asked for something in words.
    Command(Command),
    /// A peer sent a request with a head and a body.
    Request(Request),
    /// A file came or went.
    Transfer(Transfer),
    /// Something worth knowing about the peer that is no deed of its own: a version string, an oddity.
    Note(Note),
    /// A conversation seen on the wire ended.
    Flow(Flow),
    /// A source's threat score changed.
    Score(Score),
    /// A detector fired.
    Alert(Alert),
    /// The response did, or would have done, something.
    Action(Action),
    /// Something of ours failed.
    Fault(Fault),
    /// A peer's visit ended.
    Closed(Closed),
    /// A kind this version does not know, verbatim.
    Unknown {
        /// The event's `kind`.
        kind: String,
        /// The object named as the kind.
        value: Value,
    },
}

impl Body {
    /// The event's `kind`.
    pub fn kind(&self) -> &str {
        match self {
            Self::Opened(_) => "opened",
            Self::Login(_) => "login",
            Self::Command(_) => "command",
            Self::Request(_) => "request",
            Self::Transfer(_) => "transfer",
            Self::Note(_) => "note",
            Self::Flow(_) => "flow",
            Self::Score(_) => "score",
            Self::Alert(_) => "alert",
            Self::Action(_) => "action",
            Self::Fault(_) => "fault",
            Self::Closed(_) => "closed",
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// Whether a honeypot host may report it; everything else is for the core to say.
    pub fn is_deed(&self) -> bool {
        matches!(
            self,
            Self::Opened(_)
                | Self::Login(_)
                | Self::Command(_)
                | Self::Request(_)
                | Self::Transfer(_)
                | Self::Note(_)
                | Self::Closed(_)
        )
    }
}

/// A peer connected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Opened {}

/// Credentials offered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// At most [`Login::CAP`] bytes.
    pub username: Untrusted,
    /// Password, key fingerprint or token; empty where the method has none. At most [`Login::CAP`] bytes.
    pub secret: Untrusted,
    /// `password`, `publickey`, `keyboard-interactive`, `basic`, `form`, ...
    pub method: String,
    /// What the peer was told.
    pub accepted: bool,
}

impl Login {
    /// Longest user name or secret kept, in bytes.
    pub const CAP: usize = 1024;
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Command {
    /// The line as sent, without its end. At most [`Command::CAP`] bytes.
    pub line: Untrusted,
    /// Whether the honeypot had an answer for it.
    pub accepted: bool,
}

impl Command {
    /// Longest line kept, in bytes.
    pub const CAP: usize = 16 * 1024;
}

/// A request with a head and a body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// `GET`; at most [`Request::METHOD_CAP`] bytes.
    pub method: Untrusted,
    /// As sent; at most [`Request::TARGET_CAP`] bytes.
    pub target: Untrusted,
    /// `HTTP/1.1`, as sent; at most [`Request::METHOD_CAP`] bytes.
    pub version: Untrusted,
    /// In the order and case sent; together at most [`Request::HEADERS_CAP`] bytes.
    pub headers: Vec<(Untrusted, Untrusted)>,
    /// The first [`Request::BODY_CAP`] bytes of the body.
    pub body_head: Untrusted,
    /// Of the whole body, lower-case hexadecimal; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// What was answered.
    pub status: u16,
}

impl Request {
    /// Longest method and version kept, in bytes.
    pub const METHOD_CAP: usize = 64;
    /// Longest target kept, in bytes.
    pub const TARGET_CAP: usize = 8 * 1024;
    /// All headers together, in bytes.
    pub const HEADERS_CAP: usize = 8 * 1024;
    /// Head of the body kept, in bytes.
    pub const BODY_CAP: usize = 16 * 1024;
}

/// Which way a file went, seen from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the peer to us.
    Upload,
    /// From us to the peer.
    Download,
}

/// A file came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which way.
    pub direction: Direction,
    /// The name the peer gave it. At most [`Command::CAP`] bytes.
    #[serde(default)]
    pub name: Untrusted,
    /// Where it was said to come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Untrusted>,
    /// Its size.
    #[serde(default)]
    pub bytes: u64,
    /// Of its exact bytes, lower-case hexadecimal; names the stored artifact of an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Something worth knowing about the peer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// What it is, snake_case: `client_version`, `oversized_line`, `garbage`.
    pub name: String,
    /// At most [`Command::CAP`] bytes.
    pub value: Untrusted,
}

/// A bidirectional conversation seen on the wire; "out" is from the initiator, "in" is towards it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// Protocol recognised by content (`ssh`, `http`, `ftp`, ...), if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Handshake state as Zeek names it: `S0`, `S1`, `SF`, `REJ`, `RSTO`, `RSTR`, `OTH`.
    pub state: String,
    /// First to last packet, in milliseconds of event time.
    pub duration_ms: u64,
    /// Packets from the initiator.
    pub packets_out: u64,
    /// Packets to the initiator.
    pub packets_in: u64,
    /// IP bytes from the initiator.
    pub bytes_out: u64,
    /// IP bytes to the initiator.
    pub bytes_in: u64,
    /// Payload bytes from the initiator.
    pub payload_out: u64,
    /// Payload bytes to the initiator.
    pub payload_in: u64,
}

/// A source's threat score.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Score {
    /// 0 to 100.
    pub value: f64,
    /// The band the value falls in.
    pub level: Severity,
    /// What adds up to it, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// One thing that a score rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reason {
    /// Stable snake_case name of the evidence.
    pub name: String,
    /// In words an analyst understands; holds no attacker bytes.
    pub text: String,
    /// Its share of the value, in points.
    pub points: f64,
}

/// How bad; also the level of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Low,
    /// Worth a look.
    Medium,
    /// Worth acting on.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A detector fired. The event's `src` is the source it accuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable snake_case name of the rule.
    pub rule: String,
    /// One line for a person.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// The source's score when the rule fired, 0 to 100.
    pub score: f64,
    /// MITRE ATT&CK ids.
    pub technique: Vec<String>,
    /// What the verdict rests on.
    pub evidence: Vec<Evidence>,
    /// How many observations the window held.
    pub count: u64,
    /// The first of them.
    #[serde(with = "serde_rfc3339")]
    pub first: Timestamp,
    /// The last of them.
    #[serde(with = "serde_rfc3339")]
    pub last: Timestamp,
}

/// One thing that an alert rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// In words; attacker bytes in it are escaped for display.
    pub text: String,
    /// The event that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The session that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

/// What the response did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Action {
    /// `block`, `unblock`.
    pub what: String,
    /// The address or network acted on.
    pub target: String,
    /// For how long, in seconds; absent where it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Why, in words.
    pub reason: String,
    /// `dry_run`, `enforced`, `refused: WHY`, `failed: WHY`, `expired`.
    pub outcome: String,
}

/// Something of ours failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// Which part: `honeypot.ssh`, `capture`, `store`, ...
    pub role: String,
    /// What happened.
    pub message: String,
}

/// A visit ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Closed {
    /// From `opened`, in milliseconds.
    pub duration_ms: u64,
    /// Bytes the peer sent.
    pub bytes_in: u64,
    /// Bytes sent to the peer.
    pub bytes_out: u64,
    /// Why, where it was not the peer's or the protocol's own ending: `idle`, `host_lost`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Size of the visit's recording, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<u64>,
}

impl Transport {
    /// The IANA protocol number's transport.
    pub fn from_protocol(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 | 58 => Self::Icmp,
            _ => Self::Other,
        }
    }
}
