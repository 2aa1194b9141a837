//! A host with a core and a supervisor that the test plays.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use phantom_core::frame::{
    FromCore, FromSupervisor, HostStatus, MAX_FRAME, ToCore, ToSupervisor, decode, encode,
};
use phantom_core::{Body, Event};
use phantom_host::{Bait, CaptureOptions, HostError, Limits, run_capture, run_honeypot};
use phantom_sys::channel::{Channel, ChannelError, pair};
use phantom_sys::jail::{Jail, Role, enter};
use phantom_sys::spawn::{Child, Inherited, Spawn};

use crate::bait::Lines;

/// What the core has received.
#[derive(Default)]
pub(crate) struct Journal {
    /// By id, in order of arrival: redelivered events are dropped.
    pub(crate) events: Vec<Event>,
    ids: BTreeSet<String>,
    pub(crate) redelivered: usize,
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
    pub(crate) recordings: BTreeMap<String, Vec<u8>>,
    pub(crate) hellos: Vec<u64>,
    pub(crate) status: HostStatus,
    pub(crate) wire: Vec<Vec<u8>>,
    last: u64,
    withheld: bool,
}

impl Journal {
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.events.iter().map(|event| event.body.kind().to_owned()).collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match &event.body {
                Body::Command(command) => Some(command.line.to_string()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn closed(&self) -> Vec<phantom_core::event::Closed> {
        self.events
            .iter()
            .filter_map(|event| match &event.body {
                Body::Closed(closed) => Some(closed.clone()),
                _ => None,
            })
            .collect()
    }
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) core: Arc<Channel>,
    pub(crate) journal: Arc<Mutex<Journal>>,
    host: Option<JoinHandle<Result<(), HostError>>>,
    pub(crate) child: Option<Child>,
}

impl World {
    /// A host within this process.
    pub(crate) fn new(limits: Limits) -> Self {
        let (ours, theirs) = pair().expect("pair");
        let (supervisor, asking) = pair().expect("pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let baits = vec![Bait { protocol: Arc::new(Lines), listener: listener.into() }];
        let host = std::thread::spawn(move || run_honeypot(baits, theirs, asking, "test", limits));
        std::thread::spawn(move || supervise(&supervisor));
        let mut world = Self::with_core(ours, address);
        world.host = Some(host);
        world
    }

    /// A host in a jailed process of its own.
    pub(crate) fn jailed() -> Self {
        let (ours, theirs) = pair().expect("pair");
        let (supervisor, asking) = pair().expect("pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let child = Spawn::new("honeypot", vec![theirs.as_fd(), asking.as_fd(), listener.as_fd()])
            .start()
            .expect("start");
        let held = child.protections(Duration::from_secs(10)).expect("report");
        assert_eq!(held.missing().count(), 0, "{held:?}");
        std::thread::spawn(move || supervise(&supervisor));
        let mut world = Self::with_core(ours, address);
        world.child = Some(child);
        world
    }

    pub(crate) fn with_core(core: Channel, address: SocketAddr) -> Self {
        let core = Arc::new(core);
        let journal = Arc::new(Mutex::new(Journal::default()));
        let (channel, book) = (core.clone(), journal.clone());
        std::thread::spawn(move || keep(&channel, &book));
        Self { address, core, journal, host: None, child: None }
    }

    pub(crate) fn tell(&self, frame: FromCore) {
        self.core.send(&encode(&frame).expect("encode")).expect("send");
    }

    /// Stops acknowledging, or catches up.
    pub(crate) fn withhold(&self, withheld: bool) {
        let mut journal = self.journal.lock().expect("lock");
        journal.withheld = withheld;
        if let (false, Some(process)) = (withheld, journal.hellos.last()) {
            self.tell(FromCore::Ack { process: *process, through: journal.last });
        }
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).expect("connect"))
    }

    /// Waits until the journal looks like this.
    pub(crate) fn until(&self, what: &str, test: impl Fn(&Journal) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !test(&self.journal.lock().expect("lock")) {
            if Instant::now() > until {
                let journal = self.journal.lock().expect("lock");
                panic!("{what}: {:?} {:?}", journal.kinds(), journal.status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The core: journals, drops what it has, acknowledges.
fn keep(channel: &Channel, journal: &Mutex<Journal>) {
    let mut buffer = vec![0; MAX_FRAME];
    while let Ok(length) = channel.recv(&mut buffer) {
        let frame: ToCore = decode(&buffer[..length]).expect("frame");
        let mut book = journal.lock().expect("lock");
        let seq = match frame {
            ToCore::Hello { process } => {
                book.hellos.push(process);
                continue;
            }
            ToCore::Status(status) => {
                book.status = status;
                continue;
            }
            ToCore::Wire(bytes) => {
                book.wire.push(bytes);
                continue;
            }
            ToCore::Event { seq, json } => {
                let event = Event::from_json(&json).expect("event");
                if book.ids.insert(event.id.to_string()) {
                    book.events.push(event);
                } else {
                    book.redelivered += 1;
                }
                seq
            }
            ToCore::Artifact { seq, sha256, offset, total, bytes } => {
                let whole = book.artifacts.entry(sha256).or_default();
                if whole.len() as u64 == offset {
                    whole.extend_from_slice(&bytes);
                    assert!(whole.len() as u64 <= total);
                }
                seq
            }
            ToCore::Recording { seq, session, offset, bytes } => {
                let whole = book.recordings.entry(session.to_string()).or_default();
                assert!(offset <= whole.len() as u64, "a gap");
                let known = whole.len() - usize::try_from(offset).unwrap();
                whole.extend_from_slice(bytes.get(known..).unwrap_or_default());
                seq
            }
        };
        book.last = book.last.max(seq);
        if !book.withheld {
            let process = *book.hellos.last().expect("hello first");
            let ack = encode(&FromCore::Ack { process, through: seq }).expect("encode");
            if channel.send(&ack).is_err() {
                return;
            }
        }
    }
}

/// The supervisor: opens side connections.
fn supervise(channel: &Channel) {
    let mut buffer = vec![0; MAX_FRAME];
    loop {
        let (length, control) = match channel.recv_with_fd(&mut buffer) {
            Ok(received) => received,
            Err(ChannelError::Closed) => return,
            Err(error) => panic!("{error}"),
        };
        let control = control.expect("control connection");
        let (answer, fd) = match decode(&buffer[..length]).expect("frame") {
            ToSupervisor::Listen => {
                let (fd, address) = phantom_sys::net::side_listener(control.as_fd()).expect("listen");
                (FromSupervisor::Listening(address), Some(fd))
            }
            ToSupervisor::Connect { port } => {
                match phantom_sys::net::side_connection(control.as_fd(), port) {
                    Ok(fd) => (FromSupervisor::Connecting, Some(fd)),
                    Err(_) => (FromSupervisor::Failed, None),
                }
            }
        };
        let answer = encode(&answer).expect("encode");
        match fd {
            Some(fd) => channel.send_with_fd(&answer, fd.as_fd()),
            None => channel.send(&answer),
        }
        .expect("send");
    }
}

/// The child's side of [`World::jailed`] and of the capture tests.
pub(crate) fn child(mut inherited: Inherited) {
    let role = inherited.role.clone();
    let jail = Jail::new(if role == "capture" { Role::Capture } else { Role::Honeypot });
    let core = Channel::from_fd(inherited.fds.remove(0)).expect("core");
    enter(&jail, &mut inherited).expect("enter");
    if role == "capture" {
        let error = run_capture(inherited.fds.remove(0), core, CaptureOptions::default());
        assert!(matches!(error, Err(HostError::Channel(_))), "{error:?}");
        return;
    }
    let supervisor = Channel::from_fd(inherited.fds.remove(0)).expect("supervisor");
    let baits = vec![Bait { protocol: Arc::new(Lines), listener: inherited.fds.remove(0) }];
    let _ = run_honeypot(baits, core, supervisor, "test", Limits::default());
}

/// A client.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        let lines = BufReader::new(stream.try_clone().expect("clone"));
        Self { stream, lines }
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).expect("write");
    }

    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read");
        line.trim_end().to_owned()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// Whether nothing comes for a while.
    pub(crate) fn silent(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("timeout");
        let got = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        got.is_err()
    }

    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.lines.read_to_end(&mut rest);
        rest
    }
}
