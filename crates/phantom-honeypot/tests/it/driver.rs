//! Carries dialogues over loopback sockets for real clients: test-only, one thread a connection, every record
//! acknowledged at once and kept.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use phantom_core::dialogue::{Action, Actions, Dialogue, Protocol, SideEvent, Visit};
use phantom_core::{Body, SessionId, Timestamp, from_micros};

/// A protocol served on a free port of 127.0.0.1 until dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

/// What the dialogues recorded and stored.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) bodies: Vec<Body>,
    pub(crate) artifacts: Vec<Vec<u8>>,
}

impl Server {
    pub(crate) fn start(protocol: Arc<dyn Protocol>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (own_seen, own_stop) = (Arc::clone(&seen), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own_stop.load(Ordering::SeqCst) {
                    return;
                }
                let (protocol, seen) = (Arc::clone(&protocol), Arc::clone(&own_seen));
                std::thread::spawn(move || serve(&*protocol, stream.unwrap(), &seen));
            }
        });
        Self { address, seen, stop }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    from_micros(i64::try_from(since.as_micros()).unwrap())
}

struct Carrier<'a> {
    stream: TcpStream,
    seen: &'a Mutex<Seen>,
    listener: Option<TcpListener>,
    side: Option<TcpStream>,
    wake: Option<Timestamp>,
}

fn serve(protocol: &dyn Protocol, stream: TcpStream, seen: &Mutex<Seen>) {
    let (peer, local, at) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap(), now());
    let mut dialogue =
        protocol.open(Visit { session: SessionId::new(at, [1; 10]), peer, local, at, seed: [7; 32] });
    stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let mut carrier = Carrier { stream, seen, listener: None, side: None, wake: None };
    let mut out = Actions::new();
    dialogue.start(now(), &mut out);
    let started = Instant::now();
    while carrier.perform(&mut *dialogue, &mut out) && started.elapsed() < Duration::from_secs(30) {
        let mut buffer = [0; 16 * 1024];
        match carrier.stream.read(&mut buffer) {
            Ok(0) => {
                dialogue.end_of_input(now(), &mut out);
                carrier.perform(&mut *dialogue, &mut out);
                return;
            }
            Ok(n) => dialogue.input(now(), &buffer[..n], &mut out),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
        carrier.side_events(&mut *dialogue, &mut out);
        if carrier.wake.is_some_and(|at| at <= now()) {
            carrier.wake = None;
            dialogue.wake(now(), &mut out);
        }
    }
}

impl Carrier<'_> {
    /// False once the connection is to end.
    fn perform(&mut self, dialogue: &mut dyn Dialogue, out: &mut Actions) -> bool {
        loop {
            let actions = out.take();
            if actions.is_empty() {
                return true;
            }
            for action in actions {
                match action {
                    Action::Send(bytes) => {
                        if self.stream.write_all(&bytes).is_err() {
                            return false;
                        }
                    }
                    Action::Record(body) => self.seen.lock().unwrap().bodies.push(body),
                    Action::Artifact(bytes) => self.seen.lock().unwrap().artifacts.push(bytes),
                    Action::Pause(span) => std::thread::sleep(span),
                    Action::Tape { .. } => {}
                    Action::Wake(at) => self.wake = at,
                    Action::Listen => {
                        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                        listener.set_nonblocking(true).unwrap();
                        let address = listener.local_addr().unwrap();
                        (self.listener, self.side) = (Some(listener), None);
                        dialogue.side(now(), SideEvent::Listening(address), out);
                    }
                    Action::Connect(port) => match TcpStream::connect(("127.0.0.1", port)) {
                        Ok(side) => {
                            self.take_side(side);
                            dialogue.side(now(), SideEvent::Connected, out);
                        }
                        Err(_) => dialogue.side(now(), SideEvent::Failed, out),
                    },
                    Action::SideSend(bytes) => {
                        let sent = self.side.as_mut().is_some_and(|side| {
                            side.set_nonblocking(false).unwrap();
                            let sent = side.write_all(&bytes).is_ok();
                            side.set_nonblocking(true).unwrap();
                            sent
                        });
                        dialogue.side(now(), if sent { SideEvent::Drained } else { SideEvent::Failed }, out);
                    }
                    Action::SideClose => (self.listener, self.side) = (None, None),
                    Action::Close => return false,
                }
            }
        }
    }

    fn take_side(&mut self, side: TcpStream) {
        side.set_nonblocking(true).unwrap();
        self.side = Some(side);
    }

    fn side_events(&mut self, dialogue: &mut dyn Dialogue, out: &mut Actions) {
        if self.side.is_none()
            && let Some(listener) = &self.listener
            && let Ok((side, _)) = listener.accept()
        {
            self.listener = None;
            self.take_side(side);
            dialogue.side(now(), SideEvent::Connected, out);
        }
        let mut buffer = [0; 64 * 1024];
        let Some(side) = &mut self.side else { return };
        match side.read(&mut buffer) {
            Ok(0) => {
                self.side = None;
                dialogue.side(now(), SideEvent::Ended, out);
            }
            Ok(n) => dialogue.side(now(), SideEvent::Bytes(&buffer[..n]), out),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => {
                self.side = None;
                dialogue.side(now(), SideEvent::Failed, out);
            }
        }
    }
}
