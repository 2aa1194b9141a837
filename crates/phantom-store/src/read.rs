//! Lists and single rows of evidence.

use std::net::IpAddr;

use phantom_core::event::{Endpoint, Severity, Transport};
use phantom_core::{Event, EventId, SessionId, Timestamp, Untrusted, from_micros, micros};
use uuid::Uuid;

use crate::sql::{Conn, Dialect, Row, Sql, Value};
use crate::{
    ActionQuery, ActionRow, AlertQuery, AlertRow, BlockQuery, BlockRow, EventQuery, FlowQuery, FlowRow, Page,
    Paging, Result, SessionQuery, SessionRow, SourceQuery, SourceRow, Store, StoreError, StoredEvent, Triage,
};

/// The kind under which rollups count packets; their service is the protocol.
pub(crate) const PACKET: &str = "packet";
const MINUTE: i64 = 60_000_000;

pub(crate) const SESSION: &str = "id, sensor, service, src_ip, src_port, dst_ip, dst_port, transport, opened, \
    closed, duration_ms, bytes_in, bytes_out, why, events, logins, commands, requests, transfers, accepted, username";
pub(crate) const SOURCE: &str = "ip, score, level, first, last, events, sessions, services, rules, reasons";
pub(crate) const BLOCK: &str = "target, since, until, ended, reason, outcome";
const ALERT: &str = "alerts.id, alerts.seq, alerts.sensor, alerts.service, alerts.session, alerts.src_ip, \
    alerts.dst_ip, alerts.dst_port, alerts.doc, triage.status, triage.note, triage.actor, triage.time";

/// What parts rows of the same instant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tie {
    Number,
    Uuid,
    Text,
}

/// The page of `select TIME, TIE, ... WHERE ...` that `page` asks for, newest first.
pub(crate) fn newest<T>(
    conn: &mut dyn Conn,
    mut sql: Sql,
    page: &Paging,
    (time, tie): (&str, &str),
    kind: Tie,
    read: impl Fn(Timestamp, &mut Row) -> Result<T>,
) -> Result<Page<T>> {
    if let Some(since) = page.since {
        sql.and(&format!("{time} >="), Value::time(since));
    }
    if let Some(until) = page.until {
        sql.and(&format!("{time} <"), Value::time(until));
    }
    if let Some((at, rest)) = page.after()? {
        let rest = match kind {
            Tie::Number => rest.parse().ok().map(Value::Int),
            Tie::Uuid => Uuid::parse_str(rest).ok().map(Value::Uuid),
            Tie::Text => Some(Value::text(rest)),
        };
        let rest = rest.ok_or(StoreError::PageCursor)?;
        sql.push(&format!(" AND ({time}, {tie}) < (")).bind(Value::time(from_micros(at))).push(", ");
        sql.bind(rest).push(")");
    }
    let limit = page.limit();
    sql.push(&format!(" ORDER BY {time} DESC, {tie} DESC LIMIT {}", limit + 1));
    let mut rows = conn.rows(&sql)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let mut items = Vec::with_capacity(rows.len());
    let mut last = None;
    for mut row in rows {
        let at = row.time()?;
        let rest = match kind {
            Tie::Number => row.int()?.to_string(),
            Tie::Uuid => row.uuid()?.to_string(),
            Tie::Text => row.text()?,
        };
        items.push(read(at, &mut row)?);
        last = Some((at, rest));
    }
    let next = last.filter(|_| more).map(|(at, rest)| format!("{}_{rest}", micros(at)));
    Ok(Page { items, next })
}

/// The start of the minute an instant falls in, both in microseconds.
pub(crate) fn minute(at: i64) -> i64 {
    at.div_euclid(MINUTE) * MINUTE
}

/// Keeps the rollups of the minutes that a window touches.
pub(crate) fn minutes(sql: &mut Sql, since: Timestamp, until: Timestamp) -> &mut Sql {
    sql.and("minute >=", Value::time(from_micros(minute(micros(since))))).and("minute <", Value::time(until))
}

fn endpoint(row: &mut Row) -> Result<Option<Endpoint>> {
    match row.maybe_ip()? {
        Some(ip) => Ok(Some(Endpoint { ip, port: row.number()? })),
        // The port beside it is null too.
        None => row.maybe_micros().map(|_| None),
    }
}

fn transport(row: &mut Row) -> Result<Option<Transport>> {
    let name = row.maybe_text()?;
    let known = [Transport::Tcp, Transport::Udp, Transport::Icmp, Transport::Other];
    match name {
        None => Ok(None),
        Some(name) => known.into_iter().find(|t| t.as_str() == name).map(Some).ok_or_else(|| row.odd(name)),
    }
}

fn severity(name: &str) -> Option<Severity> {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|level| level.as_str() == name)
}

pub(crate) fn session(row: &mut Row) -> Result<SessionRow> {
    Ok(SessionRow {
        id: SessionId::from_uuid(row.uuid()?),
        sensor: row.text()?,
        service: row.maybe_text()?,
        src: endpoint(row)?,
        dst: endpoint(row)?,
        transport: transport(row)?,
        opened: row.time()?,
        closed: row.maybe_time()?,
        duration_ms: row.number()?,
        bytes_in: row.number()?,
        bytes_out: row.number()?,
        why: row.maybe_text()?,
        events: row.number()?,
        logins: row.number()?,
        commands: row.number()?,
        requests: row.number()?,
        transfers: row.number()?,
        accepted: row.bool()?,
        username: row.maybe_text()?.map(|name| Untrusted::from_lossless(&name)),
    })
}

pub(crate) fn source(row: &mut Row) -> Result<SourceRow> {
    Ok(SourceRow {
        ip: row.ip()?,
        score: row.real()?,
        level: row.word(severity)?,
        first: row.time()?,
        last: row.time()?,
        events: row.number()?,
        sessions: row.number()?,
        services: row.names()?,
        rules: row.names()?,
        reasons: row.json()?,
        blocked: row.bool()?,
    })
}

pub(crate) fn block(row: &mut Row) -> Result<BlockRow> {
    Ok(BlockRow {
        target: row.text()?,
        since: row.time()?,
        until: row.maybe_time()?,
        ended: row.maybe_time()?,
        reason: row.text()?,
        outcome: row.text()?,
    })
}

fn alert(time: Timestamp, row: &mut Row) -> Result<AlertRow> {
    Ok(AlertRow {
        id: EventId::from_uuid(row.uuid()?),
        seq: row.number()?,
        time,
        sensor: row.text()?,
        service: row.maybe_text()?,
        session: row.maybe_uuid()?.map(SessionId::from_uuid),
        src: row.maybe_ip()?,
        dst: endpoint(row)?,
        alert: row.json()?,
        status: match row.maybe_text()? {
            None => Triage::Open,
            Some(name) => Triage::parse(&name).ok_or_else(|| row.odd(name))?,
        },
        note: row.maybe_text()?.unwrap_or_default(),
        triaged_by: row.maybe_text()?,
        triaged_at: row.maybe_time()?,
    })
}

/// `SELECT ..., whether a block of the address stands at an instant FROM sources WHERE TRUE`
pub(crate) fn select_sources(dialect: Dialect, now: Timestamp) -> Sql {
    let ip = dialect.ip_text("sources.ip");
    let mut sql = Sql::new(&format!(
        "SELECT {SOURCE}, EXISTS (SELECT 1 FROM blocks WHERE target = {ip} AND ended IS NULL \
         AND (until IS NULL OR until > "
    ));
    sql.bind(Value::time(now)).push(")) FROM sources WHERE TRUE");
    sql
}

pub(crate) fn seen_within(sql: &mut Sql, since: Option<Timestamp>, until: Option<Timestamp>) {
    if let Some(since) = since {
        sql.and("last >=", Value::time(since));
    }
    if let Some(until) = until {
        sql.and("first <", Value::time(until));
    }
}

impl Store {
    /// Events, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn events(&self, query: &EventQuery) -> Result<Page<StoredEvent>> {
        let mut sql = Sql::new("SELECT time, seq, seq, doc FROM events WHERE TRUE");
        match query.kinds.as_slice() {
            [] => {}
            [kind] => drop(sql.and("kind =", Value::text(kind))),
            kinds => drop(sql.and_in("kind", kinds.iter().map(Value::text).collect())),
        }
        if let Some(service) = &query.service {
            sql.and("service =", Value::text(service));
        }
        if let Some(src) = query.src {
            sql.and("src_ip =", Value::Ip(src));
        }
        if let Some(session) = query.session {
            sql.and("session =", Value::Uuid(session.uuid()));
        }
        self.read(|conn| {
            newest(conn, sql, &query.page, ("time", "seq"), Tie::Number, |_, row| {
                let seq = row.number()?;
                let event = Event::from_json(row.text()?.as_bytes()).map_err(|error| row.odd(error))?;
                Ok(StoredEvent { seq, event })
            })
        })
    }

    /// Visits, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sessions(&self, query: &SessionQuery) -> Result<Page<SessionRow>> {
        let mut sql = Sql::new(&format!("SELECT opened, id, {SESSION} FROM sessions WHERE TRUE"));
        if let Some(service) = &query.service {
            sql.and("service =", Value::text(service));
        }
        if let Some(src) = query.src {
            sql.and("src_ip =", Value::Ip(src));
        }
        if let Some(accepted) = query.accepted {
            sql.and("accepted =", Value::Bool(accepted));
        }
        self.read(|conn| newest(conn, sql, &query.page, ("opened", "id"), Tie::Uuid, |_, row| session(row)))
    }

    /// One visit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        let mut sql = Sql::new(&format!("SELECT {SESSION} FROM sessions WHERE TRUE"));
        sql.and("id =", Value::Uuid(id.uuid()));
        self.read(|conn| conn.rows(&sql)?.first_mut().map(session).transpose())
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, query: &AlertQuery) -> Result<Page<AlertRow>> {
        let mut sql = Sql::new(&format!(
            "SELECT alerts.time, alerts.seq, {ALERT} FROM alerts LEFT JOIN triage ON triage.alert = alerts.id \
             WHERE TRUE"
        ));
        if let Some(severity) = query.severity {
            sql.and("severity =", Value::text(severity.as_str()));
        }
        if let Some(rule) = &query.rule {
            sql.and("rule =", Value::text(rule));
        }
        if let Some(src) = query.src {
            sql.and("src_ip =", Value::Ip(src));
        }
        if let Some(status) = query.status {
            sql.and("coalesce(triage.status, 'open') =", Value::text(status.as_str()));
        }
        self.read(|conn| newest(conn, sql, &query.page, ("alerts.time", "alerts.seq"), Tie::Number, alert))
    }

    /// One alert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alert(&self, id: EventId) -> Result<Option<AlertRow>> {
        let mut sql = Sql::new(&format!(
            "SELECT alerts.time, {ALERT} FROM alerts LEFT JOIN triage ON triage.alert = alerts.id WHERE TRUE"
        ));
        sql.and("alerts.id =", Value::Uuid(id.uuid()));
        self.read(|conn| {
            conn.rows(&sql)?.first_mut().map(|row| row.time().and_then(|time| alert(time, row))).transpose()
        })
    }

    /// Sources, the highest score first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sources(&self, query: &SourceQuery) -> Result<Page<SourceRow>> {
        self.read(|conn| {
            let dialect = conn.dialect();
            let ip = dialect.ip_text("ip");
            let mut sql = select_sources(dialect, query.now);
            seen_within(&mut sql, query.page.since, query.page.until);
            if let Some(score) = query.min_score {
                sql.and("score >=", Value::Real(score));
            }
            if let Some(level) = query.level {
                sql.and("level =", Value::text(level.as_str()));
            }
            if let Some((bits, rest)) = query.page.after()? {
                let (last, address) = rest.split_once('_').ok_or(StoreError::PageCursor)?;
                let last = last.parse().map_err(|_| StoreError::PageCursor)?;
                address.parse::<IpAddr>().map_err(|_| StoreError::PageCursor)?;
                sql.push(&format!(" AND (score, last, {ip}) < ("));
                sql.bind(Value::Real(f64::from_bits(bits.cast_unsigned()))).push(", ");
                sql.bind(Value::Time(last)).push(", ").bind(Value::text(address)).push(")");
            }
            let limit = query.page.limit();
            sql.push(&format!(" ORDER BY score DESC, last DESC, {ip} DESC LIMIT {}", limit + 1));
            let mut items = conn.rows(&sql)?.iter_mut().map(source).collect::<Result<Vec<_>>>()?;
            let more = items.len() > limit;
            items.truncate(limit);
            let next = items
                .last()
                .filter(|_| more)
                .map(|row| format!("{}_{}_{}", row.score.to_bits().cast_signed(), micros(row.last), row.ip));
            Ok(Page { items, next })
        })
    }

    /// One source; `blocked` as of `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn source(&self, ip: IpAddr, now: Timestamp) -> Result<Option<SourceRow>> {
        self.read(|conn| {
            let mut sql = select_sources(conn.dialect(), now);
            sql.and("ip =", Value::Ip(ip));
            conn.rows(&sql)?.first_mut().map(source).transpose()
        })
    }

    /// Journalled flows, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn flows(&self, query: &FlowQuery) -> Result<Page<FlowRow>> {
        let mut sql = Sql::new(
            "SELECT time, seq, id, src_ip, src_port, dst_ip, dst_port, transport, doc FROM flows WHERE TRUE",
        );
        if let Some(src) = query.src {
            sql.and("src_ip =", Value::Ip(src));
        }
        if let Some(app) = &query.app {
            sql.and("app =", Value::text(app));
        }
        self.read(|conn| {
            newest(conn, sql, &query.page, ("time", "seq"), Tie::Number, |time, row| {
                Ok(FlowRow {
                    id: EventId::from_uuid(row.uuid()?),
                    time,
                    src: endpoint(row)?,
                    dst: endpoint(row)?,
                    transport: transport(row)?,
                    flow: row.json()?,
                })
            })
        })
    }

    /// Blocks, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn blocks(&self, query: &BlockQuery) -> Result<Page<BlockRow>> {
        let mut sql = Sql::new(&format!("SELECT since, target, {BLOCK} FROM blocks WHERE TRUE"));
        if let Some(at) = query.active_at {
            sql.and("ended IS NULL AND since <=", Value::time(at));
            sql.push(" AND (until IS NULL OR until > ").bind(Value::time(at)).push(")");
        }
        self.read(|conn| newest(conn, sql, &query.page, ("since", "target"), Tie::Text, |_, row| block(row)))
    }

    /// Actions of the response, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn actions(&self, query: &ActionQuery) -> Result<Page<ActionRow>> {
        let mut sql = Sql::new("SELECT time, seq, id, doc FROM actions WHERE TRUE");
        if let Some(target) = &query.target {
            sql.and("target =", Value::text(target));
        }
        self.read(|conn| {
            newest(conn, sql, &query.page, ("time", "seq"), Tie::Number, |time, row| {
                Ok(ActionRow { id: EventId::from_uuid(row.uuid()?), time, action: row.json()? })
            })
        })
    }
}
