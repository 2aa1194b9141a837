//! The only process that keeps capabilities: it binds, opens, passes descriptors, answers the few things a role
//! may ask, and restarts what died. It parses nothing but settings and capped frames.

mod firewall;
mod keeper;
mod prepare;
mod side;

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use phantom_sys::channel::{self, Channel};

use crate::control::{CaptureOrders, CoreOrders, Ended, HoneypotOrders, Orders, Told};
use crate::core::now;
use crate::plan::Plan;
use crate::settings::KeepPackets;
use firewall::Wall;
use keeper::{Keeper, Work};

/// Ends remembered for a core that restarts; older ones it has long acted on.
const ENDED: usize = 1_024;
/// How long the core may take to finish what was begun.
const FAREWELL: Duration = Duration::from_secs(10);

/// What the supervisor's threads share.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) stopping: AtomicBool,
    /// Whether the node was up once.
    pub(crate) announced: AtomicBool,
    pub(crate) wall: Mutex<Wall>,
    /// The core's control channel, while it runs.
    core: Mutex<Option<Channel>>,
    ended: Mutex<VecDeque<Ended>>,
    /// The latest start of each role, for a core that restarts.
    started: Mutex<Vec<Told>>,
    verdict: SyncSender<Outcome>,
}

/// What ends the wait of the main thread.
enum Outcome {
    Ready(Option<String>),
    Failed(String),
    Signal,
}

/// Runs the node until a signal or a fault that no restart mends.
///
/// # Errors
/// One line naming what could not be bound, opened or started.
pub(crate) fn run(plan: Plan, one_process: bool, log: &str) -> Result<()> {
    prepare::data_dir(&plan.data_dir)?;
    let persona = prepare::persona(&plan.data_dir)?;
    let listeners = prepare::listeners(&plan)?;
    let api = TcpListener::bind(plan.settings.api.listen)
        .with_context(|| format!("api.listen: cannot bind {}", plan.settings.api.listen))?;
    let mut remarks = Vec::new();
    let network = prepare::network(&plan, &mut remarks);
    let ring = prepare::ring(&plan, &mut remarks);
    let identity = prepare::core_identity(&plan.data_dir, one_process, &mut remarks)?;
    let wall = Wall::open(&plan, network.never_block.clone(), network.home_net.clone(), &mut remarks);

    let (verdict, outcomes) = sync_channel(16);
    let shared = Arc::new(Shared {
        stopping: AtomicBool::new(false),
        announced: AtomicBool::new(false),
        core: Mutex::new(None),
        ended: Mutex::new(VecDeque::new()),
        started: Mutex::new(Vec::new()),
        verdict: verdict.clone(),
        wall: Mutex::new(wall),
        plan,
    });
    on_signal(verdict)?;

    let mut keepers = Vec::new();
    let mut evidence: Vec<OwnedFd> = Vec::new();
    let mut services = Vec::new();
    for (service, sockets) in listeners {
        let (core_end, host_end) = channel::pair()?;
        evidence.push(core_end.into());
        let orders = Orders::Honeypot(Box::new(HoneypotOrders {
            service: service.clone(),
            sensor: shared.plan.sensor.clone(),
            persona: persona.clone(),
            login: shared.plan.settings.honeypot.login.clone(),
            limits: shared.plan.settings.honeypot.limits.clone(),
            recording: shared.plan.settings.recordings.session_bytes,
        }));
        let mut fds: Vec<OwnedFd> = vec![host_end.into()];
        fds.extend(sockets.into_iter().map(OwnedFd::from));
        let role = format!("honeypot.{service}");
        keepers.push(Keeper { role, fds, identity: None, work: Work::Fixed(Box::new(orders)) });
        services.push(service);
    }
    let interface = ring.as_ref().map(|(interface, _)| interface.clone());
    if let Some((_, ring)) = ring {
        let (core_end, host_end) = channel::pair()?;
        evidence.push(core_end.into());
        let packet_rows = shared.plan.settings.capture.keep_packets != KeepPackets::None;
        let orders = Orders::Capture(CaptureOrders { packet_rows });
        let fds = vec![host_end.into(), ring];
        keepers.push(Keeper {
            role: "capture".into(),
            fds,
            identity: None,
            work: Work::Fixed(Box::new(orders)),
        });
    }
    let orders = CoreOrders {
        plan: shared.plan.clone(),
        hosts: services,
        capture: interface.is_some(),
        node_started: now().as_microsecond(),
        ended: Vec::new(),
        never_block: network.never_block,
        home_net: network.home_net,
        no_firewall: shared.wall().missing(),
        remarks: remarks.clone(),
    };
    let mut fds: Vec<OwnedFd> = vec![api.into()];
    fds.extend(evidence);
    keepers.push(Keeper { role: "core".into(), fds, identity, work: Work::Core(Box::new(orders)) });

    let threads: Vec<_> = keepers
        .into_iter()
        .map(|keeper| {
            let (shared, log) = (shared.clone(), log.to_owned());
            let name = keeper.role.clone();
            let core = name == "core";
            let run = move || if one_process { keeper.join_in(&shared) } else { keeper.keep(&shared, &log) };
            std::thread::Builder::new().name(name).spawn(run).map(|thread| (core, thread))
        })
        .collect::<std::io::Result<_>>()?;

    let ended = attend(&shared, &outcomes, interface.as_deref(), &remarks);
    shared.stopping.store(true, Ordering::SeqCst);
    shared.tell(&Told::Stop);
    // The jailed roles end at once; the core writes down what is still under way. Threads of a joint process end with
    // it, but for the core's.
    for (core, thread) in threads {
        if core || !one_process {
            let _ = thread.join();
        }
    }
    shared.wall().close();
    ended
}

/// Waits for the first start to succeed, says so, and then for the end.
fn attend(
    shared: &Shared,
    outcomes: &Receiver<Outcome>,
    interface: Option<&str>,
    remarks: &[String],
) -> Result<()> {
    while let Ok(outcome) = outcomes.recv() {
        let announced = shared.announced.load(Ordering::SeqCst);
        match outcome {
            Outcome::Ready(password) if !announced => {
                shared.announced.store(true, Ordering::SeqCst);
                announce(&shared.plan, interface, password.as_deref(), remarks);
            }
            Outcome::Ready(_) => tracing::info!("the core is back"),
            Outcome::Failed(why) if !announced => bail!(why),
            Outcome::Failed(why) => tracing::error!(%why, "the core cannot work; trying again"),
            Outcome::Signal => return Ok(()),
        }
    }
    Ok(())
}

/// What a person at the terminal wants to know; a closed standard output is no reason to stop.
fn announce(plan: &Plan, interface: Option<&str>, password: Option<&str>, remarks: &[String]) {
    let mut text = String::new();
    for (service, addresses) in &plan.honeypots {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        text.push_str(&format!("honeypot {service:<5} {}\n", list.join(" ")));
    }
    if let Some(interface) = interface {
        text.push_str(&format!("capture        {interface}\n"));
    }
    for remark in remarks {
        text.push_str(&format!("note: {remark}\n"));
    }
    text.push_str(&format!("data           {}\n", plan.data_dir.display()));
    text.push_str(&format!("dashboard      http://{}\n", plan.settings.api.listen));
    if let Some(password) = password {
        text.push_str(&format!("user admin, one-time password: {password}\n"));
    }
    text.push_str("ready\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn on_signal(verdict: SyncSender<Outcome>) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in &mut signals {
            let _ = verdict.try_send(Outcome::Signal);
        }
    })?;
    Ok(())
}

impl Shared {
    pub(crate) fn wall(&self) -> MutexGuard<'_, Wall> {
        self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Tells the core, if it runs and listens. What it must not miss is told again in its orders.
    pub(crate) fn tell(&self, told: &Told) {
        match told {
            Told::Ended(ended) => {
                let mut list = lock(&self.ended);
                if list.len() >= ENDED {
                    list.pop_front();
                }
                list.push_back(ended.clone());
            }
            Told::Started { role, .. } => {
                let mut list = lock(&self.started);
                list.retain(|other| !matches!(other, Told::Started { role: there, .. } if there == role));
                list.push(told.clone());
            }
            _ => {}
        }
        let Ok(frame) = serde_json::to_vec(told) else { return };
        if let Some(core) = lock(&self.core).as_ref() {
            let _ = core.try_send(&frame);
        }
    }

    /// Gives a core that starts its orders, what it may have missed, and who runs. Others tell it something only after
    /// that, since its orders have to come first.
    fn give_core_orders(&self, control: &Channel, orders: &mut Box<CoreOrders>) -> Result<()> {
        let mut core = lock(&self.core);
        orders.ended = lock(&self.ended).iter().cloned().collect();
        control.send(&serde_json::to_vec(&Orders::Core(orders.clone()))?)?;
        for told in lock(&self.started).iter() {
            control.send(&serde_json::to_vec(told)?)?;
        }
        *core = Some(control.try_clone()?);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Borrowed descriptors in the order a child gets them: evidence channel or API listener first, then its control
/// channel, then the rest.
fn order_of<'a>(fds: &'a [OwnedFd], control: &'a Channel) -> Vec<std::os::fd::BorrowedFd<'a>> {
    let mut order: Vec<_> = fds.iter().take(1).map(AsFd::as_fd).collect();
    order.push(control.as_fd());
    order.extend(fds.iter().skip(1).map(AsFd::as_fd));
    order
}
