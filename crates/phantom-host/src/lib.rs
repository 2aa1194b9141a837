//! Drives honeypot dialogues and capture inside the jail: accept, limits, timeouts, evidence before reply.
//!
//! [`run_honeypot`] and [`run_capture`] are the whole life of a child: they return when the core's channel
//! ends and never start a thread. What they promise:
//!
//! - The actions of a dialogue are performed strictly in order, and nothing is sent to a peer before all
//!   evidence of its session is acknowledged by the journal and its recording so far is stored.
//! - Evidence is kept until acknowledged and sent again to a core that has restarted; when the queue is full,
//!   nobody's bytes are read and nobody is accepted.
//! - Wire observations are the opposite: never waited for, dropped and counted.

mod accept;
mod capture;
mod link;
mod outbox;
mod random;
mod reel;
mod session;
mod side;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::Protocol;
use phantom_core::frame::FrameError;
use phantom_sys::channel::{Channel, ChannelError};
use thiserror::Error;

pub use capture::{CaptureOptions, run_capture};

/// What one honeypot host may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once; peers beyond are closed at once and counted as refused.
    pub sessions: usize,
    /// Sessions at once of one source: an IPv4 address or an IPv6 /64.
    pub sessions_per_source: usize,
    /// A session ends when no byte went either way for so long, unless the dialogue has asked for a wake-up:
    /// then it keeps its own time.
    pub idle: Duration,
    /// A session ends after so long.
    pub length: Duration,
    /// Bytes of evidence that may wait for the journal, of all sessions together; see the crate's promises.
    pub unacknowledged: usize,
    /// Bytes of one session's recording, as stored; what passes after that is not recorded.
    pub recording: u64,
}

impl Default for Limits {
    /// 1024 sessions, 128 a source, 300 s idle (vsftpd 3.0.3's default), an hour, 32 MiB, 1 MiB.
    fn default() -> Self {
        Self {
            sessions: 1024,
            sessions_per_source: 128,
            idle: Duration::from_secs(300),
            length: Duration::from_secs(3600),
            unacknowledged: 32 << 20,
            recording: 1 << 20,
        }
    }
}

/// An inherited listener and the protocol spoken on it.
pub struct Bait {
    /// Opens the dialogues.
    pub protocol: Arc<dyn Protocol>,
    /// A listening TCP socket.
    pub listener: OwnedFd,
}

/// Why a child's work ended.
#[derive(Debug, Error)]
pub enum HostError {
    /// A channel failed; [`ChannelError::Closed`] is the ordinary end.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The other side of a channel sent something that is no frame.
    #[error("channel: {0}")]
    Frame(#[from] FrameError),
    /// The system refused something without which there is no work.
    #[error("{what}: {source}")]
    System {
        /// What was asked.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The packet ring failed.
    #[error(transparent)]
    Ring(#[from] phantom_sys::ring::RingError),
}

/// For `map_err`.
pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> HostError {
    move |source| HostError::System { what, source }
}

/// Serves honeypots until the core's channel ends.
///
/// # Errors
/// [`HostError`] says why it ended; it never ends otherwise.
pub fn run_honeypot(
    baits: Vec<Bait>,
    core: Channel,
    supervisor: Channel,
    sensor: &str,
    limits: Limits,
) -> Result<(), HostError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(system("start runtime"))?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(baits, core, supervisor, sensor, limits))
}

/// What all sessions of the process share.
pub(crate) struct Host {
    pub(crate) sensor: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) outbox: outbox::Outbox,
    pub(crate) random: RefCell<random::Random>,
    pub(crate) supervisor: link::Asker,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) census: accept::Census,
    pub(crate) tokens: Cell<u64>,
}

impl Host {
    /// A number of its own for everything that may wait.
    pub(crate) fn token(&self) -> u64 {
        self.tokens.replace(self.tokens.get() + 1)
    }
}

/// Read from a socket at once; 16 KiB is a TLS record and the largest SSH channel packet many clients send.
const SCRATCH: usize = 16 * 1024;

async fn serve(
    baits: Vec<Bait>,
    core: Channel,
    supervisor: Channel,
    sensor: &str,
    limits: Limits,
) -> Result<(), HostError> {
    let mut random = random::Random::new();
    let process = u64::from_le_bytes(random.bytes().map_err(system("getrandom"))?);
    let (asker, asked) = link::asker();
    let host = Rc::new(Host {
        sensor: sensor.into(),
        limits,
        outbox: outbox::Outbox::new(process, limits.unacknowledged),
        random: RefCell::new(random),
        supervisor: asker,
        scratch: RefCell::new(vec![0; SCRATCH].into()),
        census: accept::Census::default(),
        tokens: Cell::new(0),
    });
    let (ended, mut end) = tokio::sync::mpsc::channel(1);
    let report = move |result: Result<(), HostError>| {
        // Only the first reason counts: a full queue holds one already.
        let _ = ended.try_send(result);
    };
    let core = Rc::new(core.into_async().map_err(system("register core channel"))?);
    for work in [
        Box::pin(link::send(host.clone(), core.clone())) as std::pin::Pin<Box<dyn Future<Output = _>>>,
        Box::pin(link::receive(host.clone(), core.clone())),
        Box::pin(link::status(host.clone(), core.clone())),
        Box::pin(link::ask(supervisor, asked)),
    ] {
        let report = report.clone();
        tokio::task::spawn_local(async move { report(work.await) });
    }
    for bait in baits {
        let listener = accept::listener(bait.listener)?;
        tokio::task::spawn_local(accept::accept(host.clone(), bait.protocol, listener));
    }
    end.recv().await.unwrap_or(Ok(()))
}
