//! The shapes of what the store and the journal give, for the OpenAPI document alone: they serialise
//! themselves. A test holds every answer against these shapes, so they cannot drift.
#![expect(dead_code, reason = "only their schemas are used")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

macro_rules! page {
    ($name:ident of $item:ty, $what:literal) => {
        #[doc = concat!("A page of ", $what, ".")]
        #[derive(ToSchema)]
        pub(crate) struct $name {
            items: Vec<$item>,
            /// Hand it back as `cursor` for the page after this one; absent on the last page.
            #[schema(required = false)]
            next: Option<String>,
        }
    };
}

page!(EventPage of Event, "events, newest first");
page!(SessionPage of Session, "visits, newest first");
page!(AlertPage of Alert, "alerts, newest first");
page!(SourcePage of Source, "sources, the highest score first");
page!(PacketPage of Packet, "packets, newest first");
page!(FlowPage of Flow, "flows tied to a honeypot or an alert, newest first");
page!(BlockPage of Block, "blocks, newest first");
page!(ActionPage of Action, "actions of the response, newest first");
page!(AuditPage of Audit, "the audit trail, newest first");

/// An address and a port; port 0 where there is none.
#[derive(ToSchema)]
pub(crate) struct Endpoint {
    ip: String,
    port: u16,
}

/// One thing that happened: the journal's line. It holds one more object, named as its `kind`. Bytes that an
/// attacker chose are strings in which U+F780 to U+F7FF stand for the raw bytes 0x80 to 0xff.
#[derive(ToSchema, Serialize)]
pub(crate) struct Event {
    /// Layout version.
    v: u32,
    id: String,
    #[schema(format = DateTime)]
    time: String,
    sensor: String,
    /// `opened`, `login`, `command`, `request`, `transfer`, `note`, `flow`, `score`, `alert`, `action`, `fault`,
    /// `closed`, or one of a newer version.
    kind: String,
    #[schema(required = false, nullable = false)]
    service: Option<String>,
    #[schema(required = false, nullable = false)]
    session: Option<String>,
    #[schema(required = false, nullable = false, value_type = Endpoint)]
    src: Option<()>,
    #[schema(required = false, nullable = false, value_type = Endpoint)]
    dst: Option<()>,
    #[schema(required = false, nullable = false)]
    transport: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    body: BTreeMap<String, ()>,
}

/// One visit of one peer to one service.
#[derive(ToSchema)]
pub(crate) struct Session {
    id: String,
    sensor: String,
    service: Option<String>,
    src: Option<Endpoint>,
    dst: Option<Endpoint>,
    transport: Option<String>,
    #[schema(format = DateTime)]
    opened: String,
    /// Absent while open.
    #[schema(format = DateTime)]
    closed: Option<String>,
    /// 0 while open.
    duration_ms: u64,
    /// Bytes the peer sent; 0 while open.
    bytes_in: u64,
    /// Bytes sent to the peer; 0 while open.
    bytes_out: u64,
    /// Why it closed, where that was out of the ordinary.
    why: Option<String>,
    events: u64,
    logins: u64,
    commands: u64,
    requests: u64,
    transfers: u64,
    /// Whether a login was accepted.
    accepted: bool,
    /// The user name accepted last, or else tried last: attacker's bytes.
    username: Option<String>,
}

/// What an alert rests on.
#[derive(ToSchema)]
pub(crate) struct Evidence {
    text: String,
    /// The event that shows it.
    #[schema(required = false)]
    event: Option<String>,
    /// The session that shows it.
    #[schema(required = false)]
    session: Option<String>,
}

/// An alert and its triage.
#[derive(ToSchema)]
pub(crate) struct Alert {
    id: String,
    /// Its place in the journal.
    seq: u64,
    #[schema(format = DateTime)]
    time: String,
    sensor: String,
    service: Option<String>,
    session: Option<String>,
    /// The source accused.
    src: Option<String>,
    dst: Option<Endpoint>,
    rule: String,
    title: String,
    severity: Severity,
    /// The source's score when the rule fired, 0 to 100.
    score: f64,
    /// MITRE ATT&CK ids.
    technique: Vec<String>,
    evidence: Vec<Evidence>,
    /// Observations in the window.
    count: u64,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    status: Triage,
    note: String,
    triaged_by: Option<String>,
    #[schema(format = DateTime)]
    triaged_at: Option<String>,
}

/// How bad.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// What an analyst thinks of an alert.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Triage {
    Open,
    Acknowledged,
    Resolved,
    FalsePositive,
}

/// One thing that a score rests on.
#[derive(ToSchema)]
pub(crate) struct Reason {
    name: String,
    text: String,
    points: f64,
}

/// Somebody who touched us.
#[derive(ToSchema)]
pub(crate) struct Source {
    ip: String,
    /// 0 to 100.
    score: f64,
    level: Severity,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    events: u64,
    sessions: u64,
    services: Vec<String>,
    rules: Vec<String>,
    /// The weightiest first.
    reasons: Vec<Reason>,
    /// Whether a block of exactly this address stands.
    blocked: bool,
}

/// A row of `packet_logs`.
#[derive(ToSchema)]
pub(crate) struct Packet {
    #[schema(format = DateTime)]
    time: String,
    src_ip: String,
    dst_ip: String,
    src_port: u16,
    dst_port: u16,
    /// `tcp`, `udp`, `icmp`, or the IANA number.
    protocol: String,
    /// IP total length in bytes.
    length: u32,
    ttl: u8,
    /// 0 unless TCP.
    tcp_flags: u8,
    payload_len: u32,
    flow_id: u64,
    /// The sender's threat score when the row was written.
    score: Option<f64>,
}

/// A conversation seen on the wire; "out" is from the initiator.
#[derive(ToSchema)]
pub(crate) struct Flow {
    id: String,
    /// When it ended.
    #[schema(format = DateTime)]
    time: String,
    src: Option<Endpoint>,
    dst: Option<Endpoint>,
    transport: Option<String>,
    /// Protocol recognised by content.
    #[schema(required = false)]
    app: Option<String>,
    /// As Zeek names it: `S0`, `S1`, `SF`, `REJ`, `RSTO`, `RSTR`, `OTH`.
    state: String,
    duration_ms: u64,
    packets_out: u64,
    packets_in: u64,
    bytes_out: u64,
    bytes_in: u64,
    payload_out: u64,
    payload_in: u64,
}

/// A block, standing or past.
#[derive(ToSchema)]
pub(crate) struct Block {
    /// An address or network.
    target: String,
    #[schema(format = DateTime)]
    since: String,
    /// Absent where it has no end.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// When it was lifted or expired, if it was.
    #[schema(format = DateTime)]
    ended: Option<String>,
    reason: String,
    /// `dry_run` or `enforced`.
    outcome: String,
}

/// Something the response did.
#[derive(ToSchema)]
pub(crate) struct Action {
    id: String,
    #[schema(format = DateTime)]
    time: String,
    /// `block`, `unblock`.
    what: String,
    target: String,
    /// Seconds; absent where it has no end.
    #[schema(required = false)]
    ttl: Option<u64>,
    reason: String,
    /// `dry_run`, `enforced`, `refused: WHY`, `failed: WHY`, `expired`.
    outcome: String,
}

/// What the response did when asked by hand.
#[derive(ToSchema)]
pub(crate) struct Done {
    /// `block`, `unblock`.
    what: String,
    target: String,
    /// Seconds; absent where it has no end.
    #[schema(required = false)]
    ttl: Option<u64>,
    reason: String,
    /// `dry_run`, `enforced`, `refused: WHY`, `failed: WHY`, `expired`.
    outcome: String,
}

/// Something somebody did with the node.
#[derive(ToSchema)]
pub(crate) struct Audit {
    #[schema(format = DateTime)]
    time: String,
    /// A user, `token:NAME`, or `cli`.
    actor: String,
    action: String,
    target: String,
    detail: String,
}

/// A slice of time.
#[derive(ToSchema)]
pub(crate) struct Bucket {
    #[schema(format = DateTime)]
    time: String,
    events: u64,
    alerts: u64,
    sessions: u64,
    packets: u64,
}

/// Packets of one protocol.
#[derive(ToSchema)]
pub(crate) struct ProtocolCount {
    protocol: String,
    packets: u64,
    /// IP lengths added up.
    bytes: u64,
}

/// What was guessed most.
#[derive(ToSchema)]
pub(crate) struct Credentials {
    usernames: Vec<Guess>,
    secrets: Vec<Guess>,
}

/// One guess: attacker's bytes.
#[derive(ToSchema)]
pub(crate) struct Guess {
    value: String,
    count: u64,
    accepted: u64,
}

/// Somebody who may log in.
#[derive(ToSchema)]
pub(crate) struct User {
    name: String,
    role: Role,
    #[schema(format = DateTime)]
    created: String,
}

/// A bearer token or a browser's session, without its secret.
#[derive(ToSchema)]
pub(crate) struct Token {
    id: i64,
    name: String,
    user: Option<String>,
    role: Role,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// Whether it is a browser's session.
    browser: bool,
}

/// What somebody may do; each role may do what the ones before it may.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Role {
    Viewer,
    Analyst,
    Admin,
}
