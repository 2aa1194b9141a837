//! What the API sees of the running core, and how it asks for something.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use phantom_api::{
    BlockOrder, Component, Counter, CounterKind, HoneypotStatus, Live, Node, NodeError, PolicyView,
};
use phantom_core::event::Action;
use phantom_core::frame::HostStatus;
use phantom_core::{Event, SessionId, Timestamp, from_micros};
use phantom_flow::WireCounters;
use phantom_respond::Mode;
use tokio::sync::broadcast;

use super::health::Health;
use super::intake::Intake;
use crate::control::{CoreOrders, Places};

/// How long the API waits for the desk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something an operator wants done; the answer goes back through the channel.
pub(crate) enum Order {
    Block(BlockOrder, SyncSender<Result<Action, NodeError>>),
    Unblock { ip: IpAddr, by: String, reply: SyncSender<Result<Action, NodeError>> },
}

/// The core as the API sees it.
pub(crate) struct Handle {
    live: broadcast::Sender<Live>,
    health: Arc<Health>,
    desk: SyncSender<Intake>,
    policy: PolicyView,
    recordings: PathBuf,
    view: Mutex<View>,
}

#[derive(Default)]
struct View {
    roles: BTreeMap<String, Role>,
    kinds: BTreeMap<String, u64>,
    wire: WireCounters,
    holding: bool,
}

#[derive(Default, Clone)]
struct Role {
    listen: Vec<String>,
    started: Option<Timestamp>,
    ended: Option<String>,
    missing: Vec<String>,
    status: HostStatus,
    last_event: Option<Timestamp>,
}

impl Handle {
    pub(crate) fn new(
        orders: &CoreOrders,
        live: broadcast::Sender<Live>,
        health: Arc<Health>,
        desk: SyncSender<Intake>,
    ) -> Self {
        let mut view = View::default();
        for (service, addresses) in &orders.plan.honeypots {
            let listen = addresses.iter().map(ToString::to_string).collect();
            view.roles.insert(format!("honeypot.{service}"), Role { listen, ..Role::default() });
        }
        if orders.capture {
            view.roles.insert("capture".into(), Role::default());
        }
        let recordings = Places(orders.plan.data_dir.clone()).recordings();
        Self { live, health, desk, policy: policy_view(orders), recordings, view: Mutex::new(view) }
    }

    pub(crate) fn started(&self, role: &str, at: i64, missing: Vec<String>) {
        let mut view = self.view();
        if let Some(role) = view.roles.get_mut(role) {
            (role.started, role.ended, role.missing) = (Some(from_micros(at)), None, missing);
        }
    }

    pub(crate) fn ended(&self, role: &str, how: &str) {
        let mut view = self.view();
        if let Some(role) = view.roles.get_mut(role) {
            (role.started, role.ended, role.status) = (None, Some(how.to_owned()), HostStatus::default());
        }
    }

    pub(crate) fn status(&self, role: &str, status: HostStatus) {
        if let Some(role) = self.view().roles.get_mut(role) {
            role.status = status;
        }
    }

    pub(crate) fn holding(&self, holding: bool) {
        self.view().holding = holding;
    }

    pub(crate) fn wire(&self, counters: &WireCounters) {
        self.view().wire.add(counters);
    }

    /// Counts an event that was journalled and hands it to whoever watches.
    pub(crate) fn show(&self, event: &Arc<Event>) {
        {
            let mut view = self.view();
            *view.kinds.entry(event.body.kind().to_owned()).or_default() += 1;
            if let (Some(service), true) = (&event.service, event.body.is_deed())
                && let Some(role) = view.roles.get_mut(&format!("honeypot.{service}"))
            {
                role.last_event = Some(event.at);
            }
        }
        // Nobody watching is no error.
        let _ = self.live.send(Live::Event(event.clone()));
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(
        &self,
        order: impl FnOnce(SyncSender<Result<Action, NodeError>>) -> Order,
    ) -> Result<Action, NodeError> {
        let (reply, answer) = sync_channel(1);
        self.desk
            .try_send(Intake::Order(order(reply)))
            .map_err(|_| NodeError::Unavailable("the core is busy".into()))?;
        answer.recv_timeout(PATIENCE).map_err(|_| NodeError::Unavailable("the core did not answer".into()))?
    }
}

impl Node for Handle {
    fn honeypots(&self) -> Vec<HoneypotStatus> {
        let view = self.view();
        let roles =
            view.roles.iter().filter_map(|(name, role)| Some((name.strip_prefix("honeypot.")?, role)));
        roles
            .map(|(service, role)| {
                let (state, detail) = match (&role.ended, role.started) {
                    (Some(how), _) => ("down", Some(how.clone())),
                    (None, None) => ("starting", None),
                    (None, Some(_)) if view.holding => {
                        ("holding", Some("evidence cannot be stored".to_owned()))
                    }
                    (None, Some(_)) => ("up", None),
                };
                HoneypotStatus {
                    service: service.to_owned(),
                    state: state.to_owned(),
                    detail,
                    listen: role.listen.clone(),
                    since: role.started,
                    open: role.status.open.into(),
                    sessions: role.status.sessions,
                    refused: role.status.refused,
                    last_event: role.last_event,
                }
            })
            .collect()
    }

    fn health(&self) -> Vec<Component> {
        let mut parts: Vec<Component> = self
            .health
            .all()
            .into_iter()
            .map(|(name, state)| Component {
                name: name.to_owned(),
                ok: state.is_ok(),
                detail: Some(state.unwrap_or_else(|why| why)).filter(|text| !text.is_empty()),
            })
            .collect();
        parts.extend(self.view().roles.iter().map(|(name, role)| Component {
            name: name.clone(),
            ok: role.started.is_some(),
            detail: role.ended.clone().or_else(|| {
                (!role.missing.is_empty()).then(|| format!("protections off: {}", role.missing.join("; ")))
            }),
        }));
        parts
    }

    fn counters(&self) -> Vec<Counter> {
        let view = self.view();
        let mut list = Vec::new();
        let mut add = |name: &str, help: &str, kind, labels: &[(&str, &str)], value: u64| {
            list.push(Counter {
                name: format!("phantomnet_{name}"),
                help: help.to_owned(),
                kind,
                labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                #[expect(clippy::cast_precision_loss, reason = "Prometheus numbers are floats")]
                value: value as f64,
            });
        };
        for (kind, count) in &view.kinds {
            add("events_total", "Events journalled", CounterKind::Counter, &[("kind", kind)], *count);
        }
        for (role, state) in &view.roles {
            let label: &[(&str, &str)] = &[("role", role)];
            add("sessions_open", "Sessions open now", CounterKind::Gauge, label, state.status.open.into());
            add(
                "sessions_refused_total",
                "Peers turned away by a limit",
                CounterKind::Counter,
                label,
                state.status.refused,
            );
            add(
                "wire_dropped_total",
                "Wire batches dropped",
                CounterKind::Counter,
                label,
                state.status.dropped,
            );
            add(
                "kernel_dropped_total",
                "Packets the kernel dropped",
                CounterKind::Counter,
                label,
                state.status.kernel_drops,
            );
        }
        for (name, count) in view.wire.iter() {
            add(
                "wire_total",
                "What the decoder and the flow table counted",
                CounterKind::Counter,
                &[("what", name)],
                count,
            );
        }
        list
    }

    fn subscribe(&self) -> broadcast::Receiver<Live> {
        self.live.subscribe()
    }

    fn recording(&self, session: SessionId) -> Result<Option<Vec<u8>>, NodeError> {
        super::read_recording(&self.recordings, session)
            .map_err(|error| NodeError::Unavailable(format!("the recording cannot be read: {error}")))
    }

    fn policy(&self) -> PolicyView {
        self.policy.clone()
    }

    fn block(&self, order: &BlockOrder) -> Result<Action, NodeError> {
        self.ask(|reply| Order::Block(order.clone(), reply))
    }

    fn unblock(&self, ip: IpAddr, by: &str) -> Result<Action, NodeError> {
        self.ask(|reply| Order::Unblock { ip, by: by.to_owned(), reply })
    }
}

/// The policy that is in force: enforcement that cannot be had is a dry run.
pub(crate) fn effective(orders: &CoreOrders) -> Mode {
    match orders.plan.settings.response.policy.mode {
        Mode::Enforce if orders.no_firewall.is_some() => Mode::DryRun,
        mode => mode,
    }
}

fn policy_view(orders: &CoreOrders) -> PolicyView {
    let policy = &orders.plan.settings.response.policy;
    let name = |mode| match mode {
        Mode::Off => "off",
        Mode::DryRun => "dry-run",
        Mode::Enforce => "enforce",
    };
    PolicyView {
        mode: name(policy.mode).into(),
        effective: name(effective(orders)).into(),
        detail: orders.no_firewall.clone(),
        block_honeypots: policy.block_honeypots,
        block_internal: policy.block_internal,
        never_block: orders.never_block.iter().map(ToString::to_string).collect(),
        ladder: policy.ladder.iter().map(Duration::as_secs).collect(),
    }
}
