//! Events into tables. What a batch changes is worked out here, once for both arms, and written back whole.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use phantom_core::event::{Action, Endpoint, Event};
use phantom_core::{Body, SessionId, Timestamp, micros};
use phantom_journal::Cursor;
use uuid::Uuid;

use crate::read::{self, BLOCK, SESSION, SOURCE};
use crate::sql::{Conflict, Conn, Kind, Sql, Table, Value};
use crate::{BlockRow, Result, SessionRow, SourceRow, Store};

const EVENTS: Table = Table {
    name: "events",
    columns: &[
        ("id", Kind::Uuid),
        ("seq", Kind::Int),
        ("time", Kind::Time),
        ("kind", Kind::Text),
        ("service", Kind::Text),
        ("session", Kind::Uuid),
        ("src_ip", Kind::Ip),
        ("username", Kind::Text),
        ("secret", Kind::Text),
        ("accepted", Kind::Bool),
        ("doc", Kind::Json),
    ],
    conflict: Conflict::Keep { returning: "id" },
};

const SESSIONS: Table = Table {
    name: "sessions",
    columns: &[
        ("id", Kind::Uuid),
        ("sensor", Kind::Text),
        ("service", Kind::Text),
        ("src_ip", Kind::Ip),
        ("src_port", Kind::Int),
        ("dst_ip", Kind::Ip),
        ("dst_port", Kind::Int),
        ("transport", Kind::Text),
        ("opened", Kind::Time),
        ("closed", Kind::Time),
        ("duration_ms", Kind::Int),
        ("bytes_in", Kind::Int),
        ("bytes_out", Kind::Int),
        ("why", Kind::Text),
        ("events", Kind::Int),
        ("logins", Kind::Int),
        ("commands", Kind::Int),
        ("requests", Kind::Int),
        ("transfers", Kind::Int),
        ("accepted", Kind::Bool),
        ("username", Kind::Text),
    ],
    conflict: Conflict::Replace { key: "id" },
};

const ALERTS: Table = Table {
    name: "alerts",
    columns: &[
        ("id", Kind::Uuid),
        ("seq", Kind::Int),
        ("time", Kind::Time),
        ("sensor", Kind::Text),
        ("service", Kind::Text),
        ("session", Kind::Uuid),
        ("src_ip", Kind::Ip),
        ("dst_ip", Kind::Ip),
        ("dst_port", Kind::Int),
        ("rule", Kind::Text),
        ("severity", Kind::Text),
        ("score", Kind::Real),
        ("doc", Kind::Json),
    ],
    conflict: Conflict::Replace { key: "id" },
};

const FLOWS: Table = Table {
    name: "flows",
    columns: &[
        ("id", Kind::Uuid),
        ("seq", Kind::Int),
        ("time", Kind::Time),
        ("src_ip", Kind::Ip),
        ("src_port", Kind::Int),
        ("dst_ip", Kind::Ip),
        ("dst_port", Kind::Int),
        ("transport", Kind::Text),
        ("app", Kind::Text),
        ("doc", Kind::Json),
    ],
    conflict: Conflict::Replace { key: "id" },
};

const SOURCES: Table = Table {
    name: "sources",
    columns: &[
        ("ip", Kind::Ip),
        ("score", Kind::Real),
        ("level", Kind::Text),
        ("first", Kind::Time),
        ("last", Kind::Time),
        ("events", Kind::Int),
        ("sessions", Kind::Int),
        ("services", Kind::Json),
        ("rules", Kind::Json),
        ("reasons", Kind::Json),
    ],
    conflict: Conflict::Replace { key: "ip" },
};

const BLOCKS: Table = Table {
    name: "blocks",
    columns: &[
        ("target", Kind::Text),
        ("since", Kind::Time),
        ("until", Kind::Time),
        ("ended", Kind::Time),
        ("reason", Kind::Text),
        ("outcome", Kind::Text),
    ],
    conflict: Conflict::Replace { key: "target" },
};

const ACTIONS: Table = Table {
    name: "actions",
    columns: &[
        ("id", Kind::Uuid),
        ("seq", Kind::Int),
        ("time", Kind::Time),
        ("target", Kind::Text),
        ("doc", Kind::Json),
    ],
    conflict: Conflict::Replace { key: "id" },
};

pub(crate) const ROLLUPS: Table = Table {
    name: "rollups",
    columns: &[
        ("minute", Kind::Time),
        ("kind", Kind::Text),
        ("service", Kind::Text),
        ("count", Kind::Int),
        ("bytes", Kind::Int),
    ],
    conflict: Conflict::Update {
        key: "minute, kind, service",
        set: "count = rollups.count + excluded.count, bytes = rollups.bytes + excluded.bytes",
    },
};

const STATE: Table = Table {
    name: "state",
    columns: &[("name", Kind::Text), ("value", Kind::Int)],
    conflict: Conflict::Replace { key: "name" },
};

impl Store {
    /// Where ingestion stands: hand it to the journal's reader.
    ///
    /// # Errors
    /// [`crate::StoreError`].
    pub fn cursor(&self) -> Result<Cursor> {
        self.read(|conn| {
            let rows = conn.rows(&Sql::new("SELECT value FROM state WHERE name = 'cursor'"))?;
            match rows.into_iter().next() {
                Some(mut row) => Ok(Cursor { seq: row.number()? }),
                None => Ok(Cursor::START),
            }
        })
    }

    /// Records events with their numbers, and the cursor behind them, all or nothing; events already held are left out.
    /// Called in the order of the journal, it takes every event into account exactly once, whatever crashes in between.
    /// Returns how many were new.
    ///
    /// # Errors
    /// [`crate::StoreError`]; then nothing was recorded, and the same call may be made again.
    pub fn ingest(&self, events: &[(u64, Arc<Event>)], cursor: &Cursor) -> Result<usize> {
        let (fresh, scores) = self.write(|conn| {
            let mut seen = HashSet::new();
            let rows =
                events.iter().filter(|(_, e)| seen.insert(e.id)).map(|(seq, e)| event_row(*seq, e)).collect();
            let mut fresh = HashSet::new();
            for mut row in conn.put(&EVENTS, rows)? {
                fresh.insert(row.uuid()?);
            }
            let count = fresh.len();
            // Removing marks an event as taken, so that one given twice in a batch counts once.
            let new = events.iter().filter(|(_, e)| fresh.remove(&e.id.uuid()));
            let new: Vec<(u64, &Event)> = new.map(|(seq, e)| (*seq, &**e)).collect();
            let mut batch = Batch::load(conn, &new)?;
            new.iter().for_each(|(seq, event)| batch.take(*seq, event));
            let scores: Vec<_> = batch.sources.iter().map(|(ip, row)| (*ip, row.score)).collect();
            batch.write(conn)?;
            conn.put(&STATE, vec![vec![Value::text("cursor"), Value::count(cursor.seq)]])?;
            Ok((count, scores))
        })?;
        self.remember_scores(scores);
        Ok(fresh)
    }
}

fn event_row(seq: u64, event: &Event) -> Vec<Value> {
    let login = match &event.body {
        Body::Login(login) => Some(login),
        _ => None,
    };
    vec![
        Value::Uuid(event.id.uuid()),
        Value::count(seq),
        Value::time(event.at),
        Value::text(event.body.kind()),
        Value::maybe(event.service.as_ref(), |s| Value::text(s.as_str())),
        Value::maybe(event.session, |s| Value::Uuid(s.uuid())),
        Value::maybe(event.source(), Value::Ip),
        Value::maybe(login, |l| Value::Text(l.username.to_lossless())),
        Value::maybe(login, |l| Value::Text(l.secret.to_lossless())),
        Value::maybe(login, |l| Value::Bool(l.accepted)),
        Value::Json(event.to_json()),
    ]
}

/// The rows that a batch touches, as they will be.
#[derive(Default)]
struct Batch {
    sessions: BTreeMap<SessionId, SessionRow>,
    sources: BTreeMap<IpAddr, SourceRow>,
    blocks: BTreeMap<String, BlockRow>,
    rollups: BTreeMap<(i64, String, String), i64>,
    alerts: Vec<Vec<Value>>,
    flows: Vec<Vec<Value>>,
    actions: Vec<Vec<Value>>,
}

impl Batch {
    /// What is known already of the sessions, sources and blocks of `events`.
    fn load(conn: &mut dyn Conn, events: &[(u64, &Event)]) -> Result<Self> {
        let mut batch = Self::default();
        let sessions: HashSet<Uuid> =
            events.iter().filter_map(|(_, e)| e.session).map(SessionId::uuid).collect();
        let sessions: Vec<_> = sessions.into_iter().map(Value::Uuid).collect();
        for mut row in conn.rows_in(&format!("SELECT {SESSION} FROM sessions WHERE TRUE"), "id", &sessions)? {
            let session = read::session(&mut row)?;
            batch.sessions.insert(session.id, session);
        }
        let sources: HashSet<IpAddr> = events.iter().filter_map(|(_, e)| e.source()).collect();
        let sources: Vec<_> = sources.into_iter().map(Value::Ip).collect();
        for mut row in
            conn.rows_in(&format!("SELECT {SOURCE}, FALSE FROM sources WHERE TRUE"), "ip", &sources)?
        {
            let source = read::source(&mut row)?;
            batch.sources.insert(source.ip, source);
        }
        let targets: HashSet<&str> = events
            .iter()
            .filter_map(|(_, e)| if let Body::Action(a) = &e.body { Some(a.target.as_str()) } else { None })
            .collect();
        let targets: Vec<_> = targets.into_iter().map(Value::text).collect();
        for mut row in conn.rows_in(&format!("SELECT {BLOCK} FROM blocks WHERE TRUE"), "target", &targets)? {
            let block = read::block(&mut row)?;
            batch.blocks.insert(block.target.clone(), block);
        }
        Ok(batch)
    }

    fn take(&mut self, seq: u64, event: &Event) {
        let service = event.service.as_ref().map_or("", |s| s.as_str());
        let minute = read::minute(stored_micros(event.at));
        *self.rollups.entry((minute, event.body.kind().to_owned(), service.to_owned())).or_default() += 1;
        let verdict =
            matches!(event.body, Body::Score(_) | Body::Alert(_) | Body::Action(_) | Body::Fault(_));
        if !verdict && let Some(id) = event.session {
            take_session(self.sessions.entry(id).or_insert_with(|| new_session(id, event)), event);
        }
        if !matches!(event.body, Body::Action(_) | Body::Fault(_))
            && let Some(ip) = event.source()
        {
            take_source(self.sources.entry(ip).or_insert_with(|| new_source(ip, event.at)), event);
        }
        let place = |endpoint: Option<Endpoint>| {
            [
                Value::maybe(endpoint, |e| Value::Ip(e.ip)),
                Value::maybe(endpoint, |e| Value::Int(e.port.into())),
            ]
        };
        let mut head = vec![Value::Uuid(event.id.uuid()), Value::count(seq), Value::time(event.at)];
        match &event.body {
            Body::Alert(alert) => {
                head.extend([
                    Value::text(&*event.sensor),
                    Value::maybe(event.service.as_ref(), |s| Value::text(s.as_str())),
                    Value::maybe(event.session, |s| Value::Uuid(s.uuid())),
                    Value::maybe(event.source(), Value::Ip),
                ]);
                head.extend(place(event.dst));
                head.extend([
                    Value::text(&alert.rule),
                    Value::text(alert.severity.as_str()),
                    Value::Real(alert.score),
                    Value::json(alert),
                ]);
                self.alerts.push(head);
            }
            Body::Flow(flow) => {
                head.extend(place(event.src));
                head.extend(place(event.dst));
                head.extend([
                    Value::maybe(event.transport, |t| Value::text(t.as_str())),
                    Value::maybe(flow.app.as_deref(), Value::text),
                    Value::json(flow),
                ]);
                self.flows.push(head);
            }
            Body::Action(action) => {
                head.extend([Value::text(&action.target), Value::json(action)]);
                self.actions.push(head);
                self.take_action(event.at, action);
            }
            _ => {}
        }
    }

    /// What was refused or failed changes no block.
    fn take_action(&mut self, at: Timestamp, action: &Action) {
        let done = matches!(action.outcome.as_str(), "dry_run" | "enforced");
        let over = action.outcome == "expired";
        if over || (done && action.what == "unblock") {
            if let Some(block) = self.blocks.get_mut(&action.target).filter(|block| block.ended.is_none()) {
                block.ended = Some(at);
            }
        } else if done && action.what == "block" {
            let standing = self
                .blocks
                .get(&action.target)
                .filter(|old| old.ended.is_none() && old.until.is_none_or(|until| until > at));
            let since = standing.map_or(at, |old| old.since);
            let seconds = action.ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX));
            // A span beyond the calendar has no end.
            let until = seconds
                .and_then(|s| s.checked_mul(1_000_000))
                .and_then(|span| micros(at).checked_add(span))
                .filter(|end| *end <= micros(Timestamp::MAX))
                .map(phantom_core::from_micros);
            let block = BlockRow {
                target: action.target.clone(),
                since,
                until,
                ended: None,
                reason: action.reason.clone(),
                outcome: action.outcome.clone(),
            };
            self.blocks.insert(action.target.clone(), block);
        }
    }

    fn write(self, conn: &mut dyn Conn) -> Result<()> {
        conn.put(&SESSIONS, self.sessions.into_values().map(session_row).collect())?;
        conn.put(&SOURCES, self.sources.into_values().map(source_row).collect())?;
        conn.put(&BLOCKS, self.blocks.into_values().map(block_row).collect())?;
        conn.put(&ALERTS, self.alerts)?;
        conn.put(&FLOWS, self.flows)?;
        conn.put(&ACTIONS, self.actions)?;
        let rollups = self.rollups.into_iter().map(|((minute, kind, service), count)| {
            vec![
                Value::Time(minute),
                Value::Text(kind),
                Value::Text(service),
                Value::Int(count),
                Value::Int(0),
            ]
        });
        conn.put(&ROLLUPS, rollups.collect())?;
        Ok(())
    }
}

fn stored_micros(at: Timestamp) -> i64 {
    match Value::time(at) {
        Value::Time(micros) => micros,
        _ => micros(at),
    }
}

fn new_session(id: SessionId, event: &Event) -> SessionRow {
    SessionRow {
        id,
        sensor: event.sensor.to_string(),
        service: None,
        src: None,
        dst: None,
        transport: None,
        opened: event.at,
        closed: None,
        duration_ms: 0,
        bytes_in: 0,
        bytes_out: 0,
        why: None,
        events: 0,
        logins: 0,
        commands: 0,
        requests: 0,
        transfers: 0,
        accepted: false,
        username: None,
    }
}

fn take_session(row: &mut SessionRow, event: &Event) {
    row.service = row.service.take().or_else(|| event.service.as_ref().map(|s| s.as_str().to_owned()));
    row.src = row.src.or(event.src);
    row.dst = row.dst.or(event.dst);
    row.transport = row.transport.or(event.transport);
    row.opened = row.opened.min(event.at);
    row.events += 1;
    match &event.body {
        Body::Login(login) => {
            row.logins += 1;
            if login.accepted || !row.accepted {
                row.username = Some(login.username.clone());
            }
            row.accepted |= login.accepted;
        }
        Body::Command(_) => row.commands += 1,
        Body::Request(_) => row.requests += 1,
        Body::Transfer(_) => row.transfers += 1,
        Body::Closed(closed) => {
            row.closed = Some(event.at);
            row.duration_ms = closed.duration_ms;
            row.bytes_in = closed.bytes_in;
            row.bytes_out = closed.bytes_out;
            row.why = closed.why.clone();
        }
        _ => {}
    }
}

fn new_source(ip: IpAddr, at: Timestamp) -> SourceRow {
    SourceRow {
        ip,
        score: 0.0,
        level: Default::default(),
        first: at,
        last: at,
        events: 0,
        sessions: 0,
        services: Default::default(),
        rules: Default::default(),
        reasons: Vec::new(),
        blocked: false,
    }
}

fn take_source(row: &mut SourceRow, event: &Event) {
    match &event.body {
        // A score may change long after the source fell silent.
        Body::Score(score) => {
            row.score = score.value;
            row.level = score.level;
            row.reasons.clone_from(&score.reasons);
            return;
        }
        Body::Alert(alert) => {
            row.first = row.first.min(alert.first);
            row.last = row.last.max(alert.last);
            if row.rules.len() < SourceRow::MAX_NAMES {
                row.rules.insert(alert.rule.clone());
            }
            return;
        }
        Body::Opened(_) => row.sessions += 1,
        _ => {}
    }
    row.events += 1;
    row.first = row.first.min(event.at);
    row.last = row.last.max(event.at);
    if let Some(service) = &event.service
        && row.services.len() < SourceRow::MAX_NAMES
    {
        row.services.insert(service.as_str().to_owned());
    }
}

fn session_row(row: SessionRow) -> Vec<Value> {
    vec![
        Value::Uuid(row.id.uuid()),
        Value::Text(row.sensor),
        Value::maybe(row.service, Value::Text),
        Value::maybe(row.src, |e| Value::Ip(e.ip)),
        Value::maybe(row.src, |e| Value::Int(e.port.into())),
        Value::maybe(row.dst, |e| Value::Ip(e.ip)),
        Value::maybe(row.dst, |e| Value::Int(e.port.into())),
        Value::maybe(row.transport, |t| Value::text(t.as_str())),
        Value::time(row.opened),
        Value::maybe(row.closed, Value::time),
        Value::count(row.duration_ms),
        Value::count(row.bytes_in),
        Value::count(row.bytes_out),
        Value::maybe(row.why, Value::Text),
        Value::count(row.events),
        Value::count(row.logins),
        Value::count(row.commands),
        Value::count(row.requests),
        Value::count(row.transfers),
        Value::Bool(row.accepted),
        Value::maybe(row.username, |name| Value::Text(name.to_lossless())),
    ]
}

fn source_row(row: SourceRow) -> Vec<Value> {
    vec![
        Value::Ip(row.ip),
        Value::Real(row.score),
        Value::text(row.level.as_str()),
        Value::time(row.first),
        Value::time(row.last),
        Value::count(row.events),
        Value::count(row.sessions),
        Value::json(&row.services),
        Value::json(&row.rules),
        Value::json(&row.reasons),
    ]
}

fn block_row(row: BlockRow) -> Vec<Value> {
    vec![
        Value::Text(row.target),
        Value::time(row.since),
        Value::maybe(row.until, Value::time),
        Value::maybe(row.ended, Value::time),
        Value::Text(row.reason),
        Value::Text(row.outcome),
    ]
}
