//! What every handler holds on to.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phantom_store::Store;
use tokio::sync::{Semaphore, watch};

use crate::access::Throttle;
use crate::problem::Problem;
use crate::{Counter, CounterKind, Node};

/// How the API answers.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Names a browser may know the node by, beside loopback names and plain addresses: without this check a
    /// foreign page could rebind its own name to the node's address.
    pub hosts: Vec<String>,
    /// Whether browsers reach the node over TLS: marks the session cookie `Secure`.
    pub tls: bool,
    /// How long a browser's session lasts.
    pub session: Duration,
    /// Connections held at once; half of them at most from one address that is not loopback.
    pub connections: usize,
    /// How long a handler may take before the client is told that it took too long.
    pub timeout: Duration,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            tls: false,
            session: Duration::from_secs(12 * 3600),
            connections: 256,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The API's state; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    node: Arc<dyn Node>,
    settings: ApiSettings,
    throttle: Mutex<Throttle>,
    hashing: Semaphore,
    streams: Arc<Semaphore>,
    counts: Counts,
    closing: watch::Sender<bool>,
}

/// The API's own counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) problems: AtomicU64,
    pub(crate) logins_failed: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) skipped: AtomicU64,
}

/// One Argon2 computation takes 19 MiB and a core; two at once leave the node able to work.
const HASHING: usize = 2;

/// Live streams held at once.
pub(crate) const STREAMS: usize = 64;

impl ApiState {
    /// From an open store and the node.
    pub fn new(store: Arc<Store>, node: Arc<dyn Node>, settings: ApiSettings) -> Self {
        Self(Arc::new(Inner {
            store,
            node,
            settings,
            throttle: Mutex::new(Throttle::default()),
            hashing: Semaphore::new(HASHING),
            streams: Arc::new(Semaphore::new(STREAMS)),
            counts: Counts::default(),
            closing: watch::Sender::new(false),
        }))
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    pub(crate) fn hashing(&self) -> &Semaphore {
        &self.0.hashing
    }

    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    pub(crate) fn node(&self) -> &Arc<dyn Node> {
        &self.0.node
    }

    pub(crate) fn closing(&self) -> &watch::Sender<bool> {
        &self.0.closing
    }

    pub(crate) fn throttle<R>(&self, of: impl FnOnce(&mut Throttle) -> R) -> R {
        of(&mut self.0.throttle.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Asks the store on a thread that may block.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> phantom_store::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.0.store);
        blocking(move || ask(&store)).await?.map_err(Problem::from)
    }

    /// Asks the node on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Node) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let node = Arc::clone(&self.0.node);
        blocking(move || ask(&*node)).await
    }
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn list(&self) -> Vec<Counter> {
        let of = |name: &str, help: &str, value: &AtomicU64| Counter {
            name: format!("phantomnet_api_{name}_total"),
            help: help.to_owned(),
            kind: CounterKind::Counter,
            labels: Vec::new(),
            #[expect(clippy::cast_precision_loss, reason = "Prometheus numbers are floats")]
            value: value.load(Ordering::Relaxed) as f64,
        };
        vec![
            of("requests", "HTTP requests answered", &self.requests),
            of("problems", "HTTP requests answered with a problem document", &self.problems),
            of("logins_failed", "Logins with a wrong name or password", &self.logins_failed),
            of("logins_throttled", "Logins refused because of too many tries", &self.throttled),
            of(
                "connections_turned_away",
                "Connections closed because a limit was reached",
                &self.turned_away,
            ),
            of("stream_skipped", "Live messages and packets that a reader was not sent", &self.skipped),
        ]
    }
}

/// Runs what blocks.
pub(crate) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(run).await.map_err(|error| {
        tracing::error!(%error, "a blocking call did not come back");
        Problem::internal()
    })
}

/// The address a request came from; put there by [`crate::serve`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);
