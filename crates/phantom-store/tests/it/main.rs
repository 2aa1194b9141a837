//! One contract, two arms: every test runs on SQLite and on PostgreSQL.

mod access;
mod evidence;
mod history;
mod opening;
mod packets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use phantom_core::event::*;
use phantom_core::{EventId, SessionId, Timestamp, from_micros};
use phantom_store::Store;
use tempfile::TempDir;

pub(crate) const T0: i64 = 1_700_000_040_000_000;

/// A database of its own, deleted with this value.
pub(crate) struct Db {
    pub(crate) dir: TempDir,
    pub(crate) url: String,
    schema: Option<String>,
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), url: "sqlite:test.db".into(), schema: None }
    }

    pub(crate) fn postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let schema = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        admin(&format!("CREATE SCHEMA {schema}"));
        let base = server();
        let mark = if base.contains('?') { '&' } else { '?' };
        let url = format!("{base}{mark}options=-csearch_path%3D{schema}");
        Self { dir: tempfile::tempdir().unwrap(), url, schema: Some(schema) }
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.url, self.dir.path()).unwrap()
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Some(schema) = &self.schema {
            admin(&format!("DROP SCHEMA {schema} CASCADE"));
        }
    }
}

pub(crate) fn server() -> String {
    std::env::var("PHANTOMNET_TEST_POSTGRES")
        .expect("PHANTOMNET_TEST_POSTGRES names no database: run `cargo xtask test`, which starts one")
}

pub(crate) fn admin(text: &str) {
    postgres::Client::connect(&server(), postgres::NoTls).unwrap().batch_execute(text).unwrap();
}

/// Runs a test on both arms.
pub(crate) fn both(test: impl Fn(&Db)) {
    test(&Db::sqlite());
    test(&Db::postgres());
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    from_micros(T0 + seconds * 1_000_000)
}

pub(crate) fn session_id(n: u8) -> SessionId {
    SessionId::new(at(0), [n; 10])
}

/// Event number `n` at `n` seconds, from 192.0.2.`host`.
pub(crate) fn event(n: u32, host: u8, session: Option<u8>, body: Body) -> Event {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    let when = at(n.into());
    let mut event = Event::new(EventId::new(when, random), when, "s1".into(), body);
    event.service = Some(if host.is_multiple_of(2) { Service::SSH } else { Service::HTTP });
    event.session = session.map(session_id);
    event.src = Some(Endpoint::new([192, 0, 2, host].into(), 4000));
    event.dst = Some(Endpoint::new([198, 51, 100, 1].into(), 22));
    event.transport = Some(Transport::Tcp);
    event
}

pub(crate) fn login(name: &[u8], secret: &[u8], accepted: bool) -> Body {
    Body::Login(Login {
        username: name.to_vec().into(),
        secret: secret.to_vec().into(),
        method: "password".into(),
        accepted,
    })
}

pub(crate) fn alert(rule: &str, severity: Severity) -> Body {
    Body::Alert(Alert {
        rule: rule.into(),
        title: "title".into(),
        severity,
        score: 42.5,
        technique: vec!["T1110".into()],
        evidence: vec![Evidence { text: "seen\0".into(), ..Evidence::default() }],
        count: 8,
        first: at(-5),
        last: at(1),
    })
}

pub(crate) fn numbered(events: Vec<Event>) -> Vec<(u64, Arc<Event>)> {
    (1..).zip(events.into_iter().map(Arc::new)).collect()
}
