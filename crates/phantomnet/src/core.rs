//! The core: journal, engine, ledger, store, API. It holds no capability and may only ask the supervisor.

mod artifacts;
mod desk;
mod follow;
mod health;
mod intake;
mod live;
mod packets;
mod recordings;
mod visits;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result};
use phantom_api::{ApiSettings, ApiState};
use phantom_journal::{Journal, Options, Torn};
use phantom_store::Store;
use phantom_sys::channel::Channel;

use crate::access;
use crate::control::{Ask, CoreOrders, Places};
use desk::Desk;
use follow::Follower;
pub(crate) use follow::now;
use health::Health;
use live::Handle;
pub(crate) use recordings::read as read_recording;

/// Ids that the journal remembers: more events than all hosts together may hold unacknowledged.
const RECENT_IDS: usize = 262_144;
/// Messages on their way to the desk; full means that hosts' channels fill.
const INTAKE: usize = 1_024;
/// Live messages that a slow reader may be behind before it is skipped.
const LIVE: usize = 4_096;
/// Batches of packet rows on their way to the database; full means dropped and counted.
const PACKET_BATCHES: usize = 64;

/// Works until told to stop. A failure before the API listens is told to the supervisor in one line.
pub(crate) fn run(
    orders: CoreOrders,
    api: TcpListener,
    evidence: Vec<Channel>,
    control: Channel,
) -> Result<()> {
    let asks = control.try_clone()?;
    let result = work(orders, api, evidence, control);
    if let Err(error) = &result {
        let _ = asks.send(&serde_json::to_vec(&Ask::Failed { why: format!("{error:#}") })?);
    }
    result
}

fn work(orders: CoreOrders, api: TcpListener, evidence: Vec<Channel>, control: Channel) -> Result<()> {
    let places = Places(orders.plan.data_dir.clone());
    let settings = &orders.plan.settings;
    let store = Arc::new(Store::open(&settings.store.url, &orders.plan.data_dir).context("store.url")?);
    let password = access::first_user(&store)?;
    let cursor = store.cursor().context("store")?;
    let journal = Journal::open(
        &places.journal(),
        Options {
            segment_bytes: settings.journal.segment_bytes,
            recent_ids: RECENT_IDS,
            next_at_least: cursor.seq,
        },
    )?;
    let torn = journal.torn().map(describe);
    let end = Arc::new(AtomicU64::new(journal.end().seq));
    let journal = Arc::new(Mutex::new(journal));
    let artifacts =
        artifacts::Artifacts::open(places.artifacts()).context("cannot open the folder of artifacts")?;

    let recordings =
        recordings::Recordings::open(places.recordings(), settings.recordings, settings.store.retain)
            .context("cannot open the folder of recordings")?;

    let health = Arc::new(Health::default());
    // Two, since the database follows to the end of what the desk wrote.
    let (stop, stop_desk) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let passed = Arc::new(AtomicU64::new(cursor.seq));
    let (to_desk, at_desk) = sync_channel(INTAKE);
    let (news, follow_news) = sync_channel(1);
    let (live, _) = tokio::sync::broadcast::channel(LIVE);
    let (rows, at_rows) = sync_channel(PACKET_BATCHES);
    let handle = Arc::new(Handle::new(&orders, live.clone(), health.clone(), to_desk.clone()));

    let follower = Follower {
        store: store.clone(),
        journal: journal.clone(),
        health: health.clone(),
        stop: stop.clone(),
        retain: settings.store.retain,
        retain_packets: settings.store.retain_packets,
        end: end.clone(),
        passed: passed.clone(),
    };
    let following = thread::Builder::new().name("follow".into()).spawn(move || follower.run(&follow_news))?;
    let packet_store = store.clone();
    let packet_health = health.clone();
    let writing = thread::Builder::new()
        .name("packets".into())
        .spawn(move || packets::write(&packet_store, &packet_health, &at_rows))?;

    let mut desk = Desk::open(desk::Parts {
        orders: &orders,
        journal,
        artifacts,
        recordings,
        evidence: evidence.iter().map(Channel::try_clone).collect::<Result<_, _>>()?,
        control: control.try_clone()?,
        handle: handle.clone(),
        health: health.clone(),
        live,
        rows,
        news,
        end,
        passed,
        stop: stop_desk.clone(),
    })?;
    if let Some(torn) = torn {
        desk.fault("journal", &torn)?;
    }
    intake::start(&orders, evidence, control.try_clone()?, &to_desk, &stop_desk)?;
    drop(to_desk);

    let serving = serve(&orders, api, store, handle)?;
    control.send(&serde_json::to_vec(&Ask::Ready { password })?)?;
    let worked = desk.work(&at_desk);
    drop(desk);
    stop.store(true, Ordering::Relaxed);
    serving.stop();
    let _ = following.join();
    let _ = writing.join();
    worked
}

/// A torn end in words.
fn describe(torn: &Torn) -> String {
    format!(
        "{} bytes at the end of {} (offset {}) were no whole line; they are kept in {}",
        torn.bytes,
        torn.segment.display(),
        torn.offset,
        torn.moved_to.display()
    )
}

/// The API's runtime on threads of its own.
struct Serving {
    shutdown: tokio::sync::oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Serving {
    fn stop(self) {
        let _ = self.shutdown.send(());
        let _ = self.thread.join();
    }
}

fn serve(
    orders: &CoreOrders,
    listener: TcpListener,
    store: Arc<Store>,
    handle: Arc<Handle>,
) -> Result<Serving> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("api")
        .build()
        .context("cannot start the API's runtime")?;
    let settings = ApiSettings { hosts: orders.plan.settings.api.hosts.clone(), ..ApiSettings::default() };
    let state = ApiState::new(store, handle, settings);
    let (shutdown, stopped) = tokio::sync::oneshot::channel();
    let thread = thread::Builder::new().name("api".into()).spawn(move || {
        let ended = runtime.block_on(phantom_api::serve(listener, state, async {
            let _ = stopped.await;
        }));
        if let Err(error) = ended {
            tracing::error!(%error, "the API ended");
        }
    })?;
    Ok(Serving { shutdown, thread })
}
