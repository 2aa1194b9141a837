//! One session: a dialogue and the socket that carries it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, MAX_ARTIFACT, Protocol, SideEvent, Visit};
use phantom_core::event::{Closed, Endpoint, Note, Opened, Service, Transport};
use phantom_core::frame::{ARTIFACT_CHUNK, FrameError, ToCore, ToSupervisor};
use phantom_core::{Body, Event, EventId, SessionId, Timestamp, micros};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::Host;
use crate::link::Granted;
use crate::reel::Reel;
use crate::side::{Happening, Side, canonical};

/// Serves one peer from `opened` to `closed`.
pub(crate) async fn run(host: &Host, protocol: &dyn Protocol, stream: TcpStream, peer: SocketAddr) {
    let opened = Timestamp::now();
    let begun = Instant::now();
    let Some((mut session, seed)) = Session::new(host, protocol.service(), stream, peer, opened) else {
        return;
    };
    // A peer accepted just before the queue was full waits here, unread.
    host.outbox.room(session.token).await;
    session.record(Body::Opened(Opened {}));
    let mut dialogue = protocol.open(Visit {
        session: session.id,
        peer: SocketAddr::new(canonical(peer), peer.port()),
        local: session.local,
        at: opened,
        seed,
    });
    let clock = Clock { active: Cell::new(begun), ours: Cell::new(false), kept: Cell::new(false) };
    let end = {
        let talk = session.talk(dialogue.as_mut(), &clock);
        limited(talk, &clock, begun, host.limits.idle, host.limits.length).await
    };
    session.wind_up(dialogue.as_mut(), end).await;
    drop(dialogue);
    host.outbox.room(session.token).await;
    let duration = begun.elapsed();
    session.record(Body::Closed(Closed {
        duration_ms: duration.as_millis().try_into().unwrap_or(u64::MAX),
        bytes_in: session.bytes_in,
        bytes_out: session.bytes_out,
        why: end.why().map(str::to_owned),
        recording: Some(session.reel.len()).filter(|bytes| *bytes > 0),
    }));
    session.farewell().await;
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The dialogue closed it.
    Dialogue,
    /// The peer ended it.
    Peer,
    /// The connection broke.
    Broken,
    /// Nothing happened for too long.
    Idle,
    /// It lasted too long.
    Length,
}

impl End {
    fn why(self) -> Option<&'static str> {
        match self {
            Self::Dialogue | Self::Peer => None,
            Self::Broken => Some("reset"),
            Self::Idle => Some("idle"),
            Self::Length => Some("length"),
        }
    }
}

/// What the time limits look at.
struct Clock {
    /// When a byte last went either way.
    active: Cell<Instant>,
    /// Waiting for something of ours, for which the peer is not to blame.
    ours: Cell<bool>,
    /// The dialogue has asked for a wake-up and so keeps its own time.
    kept: Cell<bool>,
}

/// Runs `talk` until it ends or a limit does it.
async fn limited(
    talk: impl Future<Output = End>,
    clock: &Clock,
    begun: Instant,
    idle: Duration,
    length: Duration,
) -> End {
    let mut talk = pin!(talk);
    let mut timer = pin!(sleep(idle.min(length)));
    let last = begun + length;
    poll_fn(|cx| {
        if let Poll::Ready(end) = talk.as_mut().poll(cx) {
            return Poll::Ready(end);
        }
        while timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now >= last {
                return Poll::Ready(End::Length);
            }
            let excused = clock.ours.get() || clock.kept.get();
            let due = if excused { now + idle } else { clock.active.get() + idle };
            if now >= due {
                return Poll::Ready(End::Idle);
            }
            timer.as_mut().reset(due.min(last));
        }
        Poll::Pending
    })
    .await
}

/// What wakes a session whose actions are all done.
enum Wakeup {
    Input(usize),
    EndOfInput,
    Broken,
    Timer,
    Side(Happening),
    Drained,
}

struct Session<'a> {
    host: &'a Host,
    token: u64,
    id: SessionId,
    service: Service,
    peer: SocketAddr,
    local: SocketAddr,
    stream: TcpStream,
    pending: VecDeque<Action>,
    timer: Option<Pin<Box<Sleep>>>,
    side: Side,
    /// Side bytes went out since the dialogue was last told that all were taken.
    drained: bool,
    /// An artifact partly queued: its bytes and how many went out.
    artifact: Option<Upload>,
    begun: Instant,
    reel: Reel,
    /// Of the last frame of this session.
    evidence: u64,
    ended: bool,
    bytes_in: u64,
    bytes_out: u64,
}

/// An artifact on its way to the core.
struct Upload {
    bytes: Vec<u8>,
    sha256: String,
    offset: usize,
}

impl<'a> Session<'a> {
    /// `None` when the peer is gone already or the system has no randomness.
    fn new(
        host: &'a Host,
        service: Service,
        stream: TcpStream,
        peer: SocketAddr,
        at: Timestamp,
    ) -> Option<(Self, [u8; 32])> {
        let local = stream.local_addr().ok()?;
        // An answer goes out when the dialogue gives it, as interactive servers do.
        let _ = stream.set_nodelay(true);
        let mut random = host.random.borrow_mut();
        let id = SessionId::new(at, random.bytes().ok()?);
        let seed = random.bytes().ok()?;
        let session = Self {
            host,
            token: host.token(),
            id,
            service,
            peer,
            local: SocketAddr::new(canonical(local), local.port()),
            stream,
            pending: VecDeque::new(),
            timer: None,
            side: Side::None,
            drained: false,
            artifact: None,
            begun: Instant::now(),
            reel: Reel::default(),
            evidence: 0,
            ended: false,
            bytes_in: 0,
            bytes_out: 0,
        };
        Some((session, seed))
    }

    /// The whole conversation; may be dropped at any wait.
    async fn talk(&mut self, dialogue: &mut dyn Dialogue, clock: &Clock) -> End {
        let mut out = Actions::new();
        dialogue.start(Timestamp::now(), &mut out);
        loop {
            self.pending.extend(out.take());
            if let Some(end) = self.perform(dialogue, clock).await {
                return end;
            }
            clock.kept.set(self.timer.is_some());
            let host = self.host;
            let wakeup = self.next().await;
            let now = Timestamp::now();
            let scratch = host.scratch.borrow();
            match wakeup {
                Wakeup::Input(length) => {
                    clock.active.set(Instant::now());
                    self.bytes_in += length as u64;
                    dialogue.input(now, scratch.get(..length).unwrap_or_default(), &mut out);
                }
                Wakeup::EndOfInput => {
                    drop(scratch);
                    self.ended = true;
                    dialogue.end_of_input(now, &mut out);
                    self.pending.extend(out.take());
                    return self.perform(dialogue, clock).await.unwrap_or(End::Peer);
                }
                Wakeup::Broken => return End::Broken,
                Wakeup::Timer => {
                    self.timer = None;
                    dialogue.wake(now, &mut out);
                }
                Wakeup::Drained => {
                    self.drained = false;
                    dialogue.side(now, SideEvent::Drained, &mut out);
                }
                Wakeup::Side(happening) => {
                    clock.active.set(Instant::now());
                    let event = match happening {
                        Happening::Connected => SideEvent::Connected,
                        Happening::Bytes(length) => {
                            self.bytes_in += length as u64;
                            SideEvent::Bytes(scratch.get(..length).unwrap_or_default())
                        }
                        Happening::Ended => SideEvent::Ended,
                        Happening::Failed => SideEvent::Failed,
                    };
                    dialogue.side(now, event, &mut out);
                }
            }
        }
    }

    /// Waits for the next thing that concerns the dialogue. Input comes first and the news that side bytes
    /// were taken last, so that a peer can break off a long transfer.
    async fn next(&mut self) -> Wakeup {
        let wakeup = poll_fn(|cx| self.poll_next(cx)).await;
        self.host.outbox.forget(self.token);
        wakeup
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Wakeup> {
        if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Wakeup::Timer);
        }
        // While evidence has no room nobody's bytes are read: neither here nor on the side.
        ready!(self.host.outbox.poll_room(self.token, cx));
        let mut scratch = self.host.scratch.borrow_mut();
        while let Poll::Ready(ready) = self.stream.poll_read_ready(cx) {
            match ready.and_then(|()| self.stream.try_read(&mut scratch)) {
                Ok(0) => return Poll::Ready(Wakeup::EndOfInput),
                Ok(length) => return Poll::Ready(Wakeup::Input(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(Wakeup::Broken),
            }
        }
        match self.side.poll(canonical(self.peer), &mut scratch, cx) {
            Poll::Ready(happening) => Poll::Ready(Wakeup::Side(happening)),
            Poll::Pending if self.drained => Poll::Ready(Wakeup::Drained),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Performs pending actions in order; how the session ended, if one of them ended it.
    async fn perform(&mut self, dialogue: &mut dyn Dialogue, clock: &Clock) -> Option<End> {
        let mut out = Actions::new();
        while let Some(action) = self.pending.pop_front() {
            match action {
                Action::Record(_) | Action::Artifact(_) | Action::Tape { .. } => {
                    clock.ours.set(true);
                    self.testify(action).await;
                    clock.ours.set(false);
                }
                Action::Send(bytes) => {
                    self.journalled(clock).await;
                    if write(&mut self.stream, &bytes, &mut self.bytes_out, clock).await.is_err() {
                        return Some(End::Broken);
                    }
                }
                Action::SideSend(bytes) => {
                    self.journalled(clock).await;
                    let sent = match &mut self.side {
                        Side::Open(stream) | Side::Ended(stream) => {
                            write(stream, &bytes, &mut self.bytes_out, clock).await
                        }
                        // The dialogue learns of a side connection that is gone by its own event.
                        _ => continue,
                    };
                    if sent.is_ok() {
                        self.drained = true;
                    } else {
                        self.side = Side::None;
                        self.drained = false;
                        dialogue.side(Timestamp::now(), SideEvent::Failed, &mut out);
                    }
                }
                Action::Pause(time) => {
                    clock.ours.set(true);
                    sleep(time).await;
                    clock.ours.set(false);
                }
                Action::Wake(at) => self.wake_at(at),
                Action::Listen => self.open_side(ToSupervisor::Listen, dialogue, &mut out).await,
                Action::Connect(port) => {
                    self.open_side(ToSupervisor::Connect { port }, dialogue, &mut out).await;
                }
                Action::SideClose => {
                    self.drained = false;
                    // Dropping alone would do, were it not for bytes of the peer nobody read: they would turn
                    // the end into a reset that can overtake what was sent.
                    if let Side::Open(mut stream) | Side::Ended(mut stream) = std::mem::take(&mut self.side) {
                        let _ = stream.shutdown().await;
                    }
                }
                Action::Close => {
                    self.journalled(clock).await;
                    self.pending.clear();
                    return Some(End::Dialogue);
                }
            }
            self.pending.extend(out.take());
        }
        clock.ours.set(true);
        self.queue_reel().await;
        clock.ours.set(false);
        None
    }

    /// Waits until all evidence of this session is in the journal, and its recording stored.
    async fn journalled(&mut self, clock: &Clock) {
        clock.ours.set(true);
        self.queue_reel().await;
        self.host.outbox.acknowledged(self.evidence).await;
        clock.ours.set(false);
    }

    fn wake_at(&mut self, at: Option<Timestamp>) {
        self.timer = at.map(|at| {
            let micros = micros(at).saturating_sub(micros(Timestamp::now()));
            // A year is as good as never, and later instants overflow timers.
            let wait =
                Duration::from_micros(micros.try_into().unwrap_or(0)).min(Duration::from_secs(31_536_000));
            Box::pin(sleep_until(Instant::now() + wait))
        });
    }

    /// Asks the supervisor for a side connection; the dialogue hears of it before any later action.
    async fn open_side(&mut self, wish: ToSupervisor, dialogue: &mut dyn Dialogue, out: &mut Actions) {
        self.side = Side::None;
        self.drained = false;
        let granted = match self.stream.as_fd().try_clone_to_owned() {
            Ok(control) => self.host.supervisor.ask(wish, control).await,
            Err(_) => None,
        };
        let now = Timestamp::now();
        match granted {
            Some(Granted::Listener(address, fd)) => match Side::listening(fd) {
                Ok(side) => {
                    self.side = side;
                    let address = SocketAddr::new(canonical(address), address.port());
                    dialogue.side(now, SideEvent::Listening(address), out);
                }
                Err(_) => dialogue.side(now, SideEvent::Failed, out),
            },
            Some(Granted::Connection(fd)) => match Side::connecting(fd) {
                Ok(side) => self.side = side,
                Err(_) => dialogue.side(now, SideEvent::Failed, out),
            },
            None => dialogue.side(now, SideEvent::Failed, out),
        }
    }

    /// Queues evidence, waiting for room. When the wait is given up, [`Session::finish`] goes on from there.
    async fn testify(&mut self, action: Action) {
        match action {
            Action::Record(body) => {
                // Back in its place until there is room, so that it survives the end of this wait.
                self.pending.push_front(Action::Record(body));
                self.host.outbox.room(self.token).await;
                if let Some(Action::Record(body)) = self.pending.pop_front() {
                    self.record(body);
                }
            }
            Action::Tape { channel, cue } => {
                let at = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                let rest = self.reel.take(at, channel, cue, self.host.limits.recording);
                if let Some(cue) = rest {
                    self.pending.push_front(Action::Tape { channel, cue });
                }
                if self.reel.is_due() {
                    self.queue_reel().await;
                }
            }
            Action::Artifact(bytes) => {
                if bytes.len() > MAX_ARTIFACT {
                    tracing::error!(service = %self.service, bytes = bytes.len(), "artifact over the cap dropped");
                    return;
                }
                let sha256 = hex(&Sha256::digest(&bytes));
                self.artifact = Some(Upload { bytes, sha256, offset: 0 });
                self.upload().await;
            }
            _ => {}
        }
    }

    /// Queues what is left of an artifact.
    async fn upload(&mut self) {
        while self.artifact.is_some() {
            self.host.outbox.room(self.token).await;
            let Some(upload) = &mut self.artifact else { return };
            let end = upload.bytes.len().min(upload.offset + ARTIFACT_CHUNK);
            let piece = upload.bytes.get(upload.offset..end).unwrap_or_default().to_vec();
            let (offset, total) = (upload.offset as u64, upload.bytes.len() as u64);
            let sha256 = upload.sha256.clone();
            upload.offset = end;
            if end == upload.bytes.len() {
                self.artifact = None;
            }
            let queued =
                self.host.outbox.push(|seq| ToCore::Artifact { seq, sha256, offset, total, bytes: piece });
            self.queued(queued);
        }
    }

    /// Queues what was recorded and not yet queued.
    async fn queue_reel(&mut self) {
        if self.reel.is_empty() {
            return;
        }
        self.host.outbox.room(self.token).await;
        let (offset, bytes) = self.reel.queue();
        let session = self.id;
        let queued = self.host.outbox.push(|seq| ToCore::Recording { seq, session, offset, bytes });
        self.queued(queued);
    }

    fn record(&mut self, body: Body) {
        let queued = self.push(body);
        let queued = match queued {
            Err(FrameError::TooLong(bytes)) => {
                // The caps of the bodies keep events below a frame; a dialogue that breaks them must not be
                // able to hide what its peer did.
                tracing::error!(service = %self.service, bytes, "event over the cap of a frame");
                let note = Note { name: "event_too_long".into(), value: bytes.to_string().as_str().into() };
                self.push(Body::Note(note))
            }
            queued => queued,
        };
        self.queued(queued);
    }

    fn push(&self, body: Body) -> Result<u64, FrameError> {
        let at = Timestamp::now();
        // The generator was asked before and does not stop working once it has begun (getrandom(2)).
        let random = self.host.random.borrow_mut().bytes().unwrap_or_default();
        let mut event = Event::new(EventId::new(at, random), at, self.host.sensor.clone(), body);
        event.service = Some(self.service.clone());
        event.session = Some(self.id);
        event.src = Some(Endpoint::from(self.peer));
        event.dst = Some(Endpoint::from(self.local));
        event.transport = Some(Transport::Tcp);
        self.host.outbox.push(|seq| ToCore::Event { seq, json: event.to_json().into_bytes() })
    }

    fn queued(&mut self, queued: Result<u64, FrameError>) {
        match queued {
            Ok(seq) => self.evidence = seq,
            Err(error) => tracing::error!(service = %self.service, %error, "evidence lost"),
        }
    }

    /// After the conversation: the dialogue's last words that are evidence are still taken down, those for
    /// the peer are not said.
    async fn wind_up(&mut self, dialogue: &mut dyn Dialogue, end: End) {
        if end != End::Dialogue && !self.ended {
            let mut out = Actions::new();
            dialogue.end_of_input(Timestamp::now(), &mut out);
            self.pending.extend(out.take());
        }
        self.upload().await;
        while let Some(action) = self.pending.pop_front() {
            match action {
                Action::Close => break,
                action => self.testify(action).await,
            }
        }
        self.queue_reel().await;
    }

    /// Ends the connection so that the peer gets all that was sent: bytes it sent meanwhile are read and
    /// thrown away for a moment, since closing over them resets the connection.
    async fn farewell(mut self) {
        self.side = Side::None;
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let host = self.host;
        let discard = poll_fn(|cx| {
            loop {
                if ready!(self.stream.poll_read_ready(cx)).is_err() {
                    return Poll::Ready(());
                }
                match self.stream.try_read(&mut host.scratch.borrow_mut()) {
                    Ok(0) => return Poll::Ready(()),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(()),
                    _ => {}
                }
            }
        });
        let _ = tokio::time::timeout(LINGER, discard).await;
    }
}

/// Half of nginx's `lingering_timeout` default, since each lingering peer holds a place.
const LINGER: Duration = Duration::from_millis(2500);

/// Writes everything, counting bytes and noting progress.
async fn write(stream: &mut TcpStream, mut bytes: &[u8], count: &mut u64, clock: &Clock) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = stream.write(bytes).await?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        clock.active.set(Instant::now());
        *count += sent as u64;
        bytes = bytes.get(sent..).unwrap_or_default();
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
