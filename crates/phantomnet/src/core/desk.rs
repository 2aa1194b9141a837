//! The desk where everything lands: a batch is journalled, acknowledged, judged, answered and shown, in this order.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use phantom_api::{Live, NodeError};
use phantom_core::event::{Action, Fault, Service};
use phantom_core::frame::{FromCore, ToCore, encode};
use phantom_core::{Body, Event, EventId, Timestamp, derived_id, from_micros};
use phantom_detect::{Engine, Input};
use phantom_flow::{FlowNotice, FlowRecord, PacketRow, WireBatch};
use phantom_journal::{Cursor, Item, Journal};
use phantom_respond::{Decision, Ledger, What};
use phantom_sys::channel::Channel;
use tokio::sync::broadcast;

use super::artifacts::{Artifacts, Piece};
use super::health::Health;
use super::intake::Intake;
use super::live::{Handle, Order, effective};
use super::now;
use super::recordings::Recordings;
use super::visits::Visits;
use crate::control::{Ask, CoreOrders, Ended, Told};
use crate::settings::KeepPackets;

/// Most messages of one round: one write to the journal, one round of acknowledgements.
const ROUND: usize = 512;
/// How much of the journal engine, ledger and visits are restored from: the engine's longest rate window, and the
/// time after which a visit cannot be open any more.
const RESTORED: Duration = Duration::from_secs(86_400);
/// How often a full disk is tried again.
const FULL_RETRY: Duration = Duration::from_millis(500);
/// Faults of one host told in this time: one. A captured host could otherwise fill the journal with them.
const FAULT_QUIET: Duration = Duration::from_secs(60);

/// What the desk is made of.
pub(crate) struct Parts<'a> {
    pub(crate) orders: &'a CoreOrders,
    pub(crate) journal: Arc<Mutex<Journal>>,
    pub(crate) artifacts: Artifacts,
    pub(crate) recordings: Recordings,
    pub(crate) evidence: Vec<Channel>,
    pub(crate) control: Channel,
    pub(crate) handle: Arc<Handle>,
    pub(crate) health: Arc<Health>,
    pub(crate) live: broadcast::Sender<Live>,
    pub(crate) rows: SyncSender<Arc<Vec<PacketRow>>>,
    pub(crate) news: SyncSender<()>,
    pub(crate) end: Arc<AtomicU64>,
    pub(crate) passed: Arc<AtomicU64>,
    /// Set with a [`Told::Stop`], for a desk that waits for space and does not read.
    pub(crate) stop: Arc<AtomicBool>,
}

/// The core's one thread of decisions.
pub(crate) struct Desk<'a> {
    parts: Parts<'a>,
    sensor: Arc<str>,
    ports: Vec<u16>,
    engine: Engine,
    ledger: Ledger,
    visits: Visits,
    hosts: Vec<Host>,
    /// Decisions that the supervisor has not answered yet.
    asked: BTreeMap<String, Decision>,
    stopping: bool,
}

/// A host's evidence, as far as it came.
#[derive(Default)]
struct Host {
    /// Unknown until its `Hello`: what it sent to a core before us, it will send again.
    process: Option<u64>,
    /// Last evidence taken in this round.
    taken: u64,
    /// Last evidence acknowledged.
    acknowledged: u64,
    last_fault: Option<Instant>,
}

/// What a round gathers.
#[derive(Default)]
struct Round {
    events: Vec<Arc<Event>>,
    wire: Vec<FlowNotice>,
    orders: Vec<Order>,
}

impl<'a> Desk<'a> {
    /// Restores engine, ledger and visits from the journal, and greets the hosts.
    pub(crate) fn open(parts: Parts<'a>) -> Result<Self> {
        let orders = parts.orders;
        let sensor: Arc<str> = orders.plan.sensor.as_str().into();
        let mut detect = orders.plan.settings.detect.clone();
        detect.home_net.extend(orders.home_net.iter().copied());
        let mut policy = orders.plan.settings.response.policy.clone();
        policy.mode = effective(orders);
        policy.never_block.clone_from(&orders.never_block);
        policy.home_net.clone_from(&orders.home_net);
        let mut desk = Self {
            ports: orders.plan.honeypot_ports(),
            engine: Engine::new(detect, sensor.clone()),
            ledger: Ledger::new(policy, sensor.clone())?,
            visits: Visits::new(),
            hosts: parts.evidence.iter().map(|_| Host::default()).collect(),
            asked: BTreeMap::new(),
            stopping: false,
            sensor,
            parts,
        };
        desk.restore()?;
        for channel in &desk.parts.evidence {
            channel.send(&encode(&FromCore::Hello)?)?;
        }
        Ok(desk)
    }

    /// Works until the supervisor says stop.
    pub(crate) fn work(&mut self, intake: &Receiver<Intake>) -> Result<()> {
        let mut ticked = Instant::now();
        while !self.stopping {
            let mut round = Round::default();
            match intake.recv_timeout(Duration::from_millis(100)) {
                Ok(first) => {
                    self.take(first, &mut round)?;
                    for more in intake.try_iter().take(ROUND - 1) {
                        self.take(more, &mut round)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.settle(round)?;
            if ticked.elapsed() >= Duration::from_secs(1) {
                ticked = Instant::now();
                self.tick()?;
            }
        }
        self.journal().sync()?;
        Ok(())
    }

    /// Journals that something of ours failed.
    pub(crate) fn fault(&mut self, role: &str, message: &str) -> Result<()> {
        let event = self.fault_event(role, message, now());
        self.settle(Round { events: vec![Arc::new(event)], ..Round::default() })
    }

    fn take(&mut self, intake: Intake, round: &mut Round) -> Result<()> {
        match intake {
            Intake::Frame { host, frame } => self.frame(host, frame, round)?,
            Intake::Wire(batch) => self.wire(*batch, round),
            Intake::Told(told) => self.told(told, round)?,
            Intake::Order(order) => round.orders.push(order),
        }
        Ok(())
    }

    fn frame(&mut self, host: usize, frame: ToCore, round: &mut Round) -> Result<()> {
        match frame {
            ToCore::Hello { process } => {
                if let Some(state) = self.hosts.get_mut(host) {
                    *state = Host { process: Some(process), last_fault: state.last_fault, ..Host::default() };
                }
            }
            ToCore::Event { seq, json } if self.admits(host, seq) => {
                match self.bind(host, &json) {
                    Ok(event) => round.events.push(Arc::new(event)),
                    Err(why) => self.host_fault(host, &why, round),
                }
                self.taken(host, seq);
            }
            ToCore::Artifact { seq, sha256, offset, total, bytes } if self.admits(host, seq) => {
                let piece = Piece { sha256: &sha256, offset, total, bytes: &bytes };
                self.keep(host, seq, round, |parts| parts.artifacts.take(host, &piece))?;
            }
            ToCore::Recording { seq, session, offset, bytes } if self.admits(host, seq) => {
                self.keep(host, seq, round, |parts| parts.recordings.take(session, offset, &bytes))?;
            }
            ToCore::Status(status) => self.parts.handle.status(&self.role_of(host), status),
            ToCore::Event { .. } | ToCore::Artifact { .. } | ToCore::Recording { .. } | ToCore::Wire(_) => {}
        }
        Ok(())
    }

    /// Writes what is no event, waiting for space where there is none: what cannot be kept is not acknowledged.
    fn keep(
        &mut self,
        host: usize,
        seq: u64,
        round: &mut Round,
        mut write: impl FnMut(&mut Parts<'a>) -> io::Result<()>,
    ) -> Result<()> {
        while let Err(error) = write(&mut self.parts) {
            if error.kind() == io::ErrorKind::InvalidData {
                self.host_fault(host, &error.to_string(), round);
                break;
            }
            self.wait_for_space(&error.to_string())?;
            if self.stopping {
                return Ok(());
            }
        }
        self.release();
        self.taken(host, seq);
        Ok(())
    }

    /// Whether this is the evidence that comes next. What comes again was taken before; a gap cannot be on an
    /// ordered channel, so a host that leaves one is captured or broken and gets no acknowledgement.
    fn admits(&self, host: usize, seq: u64) -> bool {
        self.hosts.get(host).is_some_and(|state| {
            state.process.is_some() && (state.taken == 0 || seq == state.taken + 1) && seq > state.taken
        })
    }

    fn taken(&mut self, host: usize, seq: u64) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.taken = seq;
        }
    }

    /// The event a host reports, bound to what the host may speak of.
    fn bind(&self, host: usize, json: &[u8]) -> Result<Event, String> {
        let mut event = Event::from_json(json).map_err(|error| error.to_string())?;
        let service = self.parts.orders.hosts.get(host).ok_or("the capture host reported a deed")?;
        if event.service.as_ref().map(Service::as_str) != Some(service) {
            return Err("reported a deed of another service".into());
        }
        if !event.body.is_deed() || event.session.is_none() || event.src.is_none() {
            return Err(format!("reported a {}, which is not for a host to say", event.body.kind()));
        }
        event.sensor = self.sensor.clone();
        event.extra.clear();
        event.body_extra.clear();
        Ok(event)
    }

    fn host_fault(&mut self, host: usize, why: &str, round: &mut Round) {
        let role = self.role_of(host);
        let Some(state) = self.hosts.get_mut(host) else { return };
        if state.last_fault.is_none_or(|at| at.elapsed() > FAULT_QUIET) {
            state.last_fault = Some(Instant::now());
            let event = self.fault_event(&role, why, now());
            round.events.push(Arc::new(event));
        }
    }

    fn wire(&mut self, batch: WireBatch, round: &mut Round) {
        self.parts.handle.wire(&batch.counters);
        for notice in &batch.notices {
            if let FlowNotice::Closed(record) = notice
                && let Some(event) = self.flow_event(record)
            {
                round.events.push(Arc::new(event));
            }
        }
        round.wire.extend(batch.notices);
        let mut packets = batch.packets;
        if self.parts.orders.plan.settings.capture.keep_packets == KeepPackets::Honeypot {
            packets.retain(|row| self.ports.contains(&row.dst_port) || self.ports.contains(&row.src_port));
        }
        if !packets.is_empty() {
            let packets = Arc::new(packets);
            let _ = self.parts.live.send(Live::Packets(packets.clone()));
            if self.parts.rows.try_send(packets).is_err() {
                self.parts.health.set("packets", Err("the database is behind; packets are dropped".into()));
            }
        }
    }

    /// The journal holds flows of honeypot visits; half-open ones are left to the detectors, so that a flood cannot
    /// fill it.
    fn flow_event(&self, record: &FlowRecord) -> Option<Event> {
        let spoken = record.flow.packets_in > 0 && record.flow.payload_out + record.flow.payload_in > 0;
        if !spoken || !self.ports.contains(&record.key.dst.port) {
            return None;
        }
        let key = &record.key;
        let parts = [
            key.src.ip.to_string(),
            key.src.port.to_string(),
            key.dst.ip.to_string(),
            key.dst.port.to_string(),
            record.first.to_string(),
        ];
        let id = derived_id(&["flow", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4]]);
        let mut event =
            Event::new(id, from_micros(record.last), self.sensor.clone(), Body::Flow(record.flow.clone()));
        event.src = Some(key.src);
        event.dst = Some(key.dst);
        event.transport = Some(key.transport);
        event.service = record.flow.app.as_deref().and_then(Service::parse);
        Some(event)
    }

    fn told(&mut self, told: Told, round: &mut Round) -> Result<()> {
        match told {
            Told::Started { role, at, missing } => self.parts.handle.started(&role, at, missing),
            Told::Ended(ended) => {
                self.parts.handle.ended(&ended.role, &ended.how);
                round.events.extend(self.ended(&ended).into_iter().map(Arc::new));
            }
            Told::Outcome { target, failed } => {
                if let (Some(decision), Some(why)) = (self.asked.remove(&target.to_string()), failed) {
                    round.events.push(Arc::new(self.ledger.failed(&decision, &why, now())));
                }
            }
            Told::Stop => self.stopping = true,
        }
        Ok(())
    }

    /// A dead role is an event, and so is the end of each visit that died with it.
    fn ended(&mut self, ended: &Ended) -> Vec<Event> {
        let at = from_micros(ended.at);
        let mut events =
            vec![self.fault_event(&ended.role, &format!("the process ended: {}", ended.how), at)];
        if let Some(service) = ended.role.strip_prefix("honeypot.") {
            events.extend(self.visits.lost(Some(service), at, "host_lost", &mut self.parts.recordings));
        }
        events
    }

    /// Journal, acknowledge, judge, answer, show.
    fn settle(&mut self, round: Round) -> Result<()> {
        let fresh = self.append(round.events)?;
        if self.stopping && fresh.is_none() {
            return Ok(());
        }
        self.acknowledge()?;
        let fresh = fresh.unwrap_or_default();
        for event in &fresh {
            self.visits.see(event);
            if let (Body::Closed(_), Some(session)) = (&event.body, event.session) {
                self.parts.recordings.finish(session);
            }
            self.parts.handle.show(event);
        }
        let observations: Vec<Input> =
            fresh.into_iter().map(Input::Event).chain(round.wire.into_iter().map(Input::Wire)).collect();
        if !observations.is_empty() {
            let verdicts = self.engine.step(&observations);
            self.pronounce(verdicts)?;
        }
        for order in round.orders {
            self.obey(order)?;
        }
        Ok(())
    }

    /// Journals verdicts and what the ledger makes of them.
    fn pronounce(&mut self, verdicts: Vec<Event>) -> Result<()> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let fresh = self.append(verdicts.into_iter().map(Arc::new).collect())?.unwrap_or_default();
        let at = now();
        let mut decisions = Vec::new();
        for verdict in &fresh {
            self.parts.handle.show(verdict);
            decisions.extend(self.ledger.decide(verdict, at));
        }
        self.decide(decisions)
    }

    /// Carries out first, since blocking waits for nothing, then journals.
    fn decide(&mut self, decisions: Vec<Decision>) -> Result<()> {
        let mut events = Vec::new();
        for decision in decisions {
            events.push(Arc::new(decision.event.clone()));
            if decision.enforce {
                self.ask_for(&decision)?;
                self.asked.insert(decision.target.to_string(), decision);
            }
        }
        for event in self.append(events)?.unwrap_or_default() {
            self.parts.handle.show(&event);
        }
        Ok(())
    }

    fn ask_for(&self, decision: &Decision) -> Result<()> {
        let target = decision.target;
        let ask = match decision.what {
            What::Block => Ask::Block { target, seconds: decision.ttl.unwrap_or_default().as_secs() },
            What::Unblock => Ask::Unblock { target },
            What::Refuse => return Ok(()),
        };
        Ok(self.parts.control.send(&serde_json::to_vec(&ask)?)?)
    }

    fn obey(&mut self, order: Order) -> Result<()> {
        let at = now();
        let (decision, reply) = match order {
            Order::Block(order, reply) => {
                let why = format!("{} ({})", order.why, order.by);
                let made = self.ledger.block_by_hand(order.ip.into(), order.ttl, &why, at);
                (made.map_err(|refusal| NodeError::Refused(refusal.to_string())), reply)
            }
            Order::Unblock { ip, by, reply } => {
                let target =
                    self.ledger.blocks().map(|block| block.target).find(|target| target.contains(&ip));
                let lifted = target.and_then(|target| self.ledger.unblock(target, &by, at));
                (lifted.ok_or(NodeError::NotBlocked(ip)), reply)
            }
        };
        let answer = match decision {
            Ok(decision) => {
                let action = action_of(&decision.event);
                self.decide(vec![decision])?;
                Ok(action)
            }
            Err(refused) => Err(refused),
        };
        // Whoever asked may have stopped waiting.
        let _ = reply.try_send(answer);
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        self.journal().sync()?;
        let expired = self.ledger.expire(now());
        self.decide(expired)?;
        self.acknowledge()?;
        self.parts.recordings.tidy();
        let settings = &self.parts.orders.plan.settings;
        let keep = [Cursor { seq: self.parts.passed.load(Ordering::Relaxed) }];
        let older = SystemTime::now().checked_sub(settings.store.retain);
        let gone = self.journal().retain(Some(settings.journal.max_bytes), older, &keep)?;
        for segment in gone {
            tracing::info!(segment = %segment.display(), "journal segment deleted by retention");
        }
        Ok(())
    }

    /// Appends, waiting for space where there is none; `None` when told to stop meanwhile. Returns the events that the
    /// journal did not hold yet.
    fn append(&mut self, events: Vec<Arc<Event>>) -> Result<Option<Vec<Arc<Event>>>> {
        if events.is_empty() {
            return Ok(Some(events));
        }
        loop {
            let appended = self.journal().append_events(&events);
            match appended {
                Ok(appended) => {
                    self.parts.end.store(appended.end.seq, Ordering::Relaxed);
                    self.release();
                    let _ = self.parts.news.try_send(());
                    let fresh = events.into_iter().zip(&appended.seqs).filter(|(_, seq)| seq.is_some());
                    return Ok(Some(fresh.map(|(event, _)| event).collect()));
                }
                Err(error) if error.is_full() => {
                    self.wait_for_space(&error.to_string())?;
                    if self.stopping {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The disk is full: hosts stop accepting, nothing is acknowledged, everyone is told.
    fn wait_for_space(&mut self, why: &str) -> Result<()> {
        self.hold(true, why)?;
        std::thread::sleep(FULL_RETRY);
        self.stopping |= self.parts.stop.load(Ordering::Relaxed);
        Ok(())
    }

    fn hold(&mut self, hold: bool, why: &str) -> Result<()> {
        self.parts.health.set("journal", if hold { Err(why.to_owned()) } else { Ok(String::new()) });
        self.parts.handle.holding(hold);
        for channel in &self.parts.evidence {
            let _ = channel.try_send(&encode(&FromCore::Hold(hold))?);
        }
        if hold {
            tracing::error!(%why, "evidence cannot be stored: the honeypots stop accepting");
        }
        Ok(())
    }

    /// Space is back, or was never gone.
    fn release(&mut self) {
        let held = matches!(self.parts.health.all().get("journal"), Some(Err(_)) | None);
        if held {
            let _ = self.hold(false, "");
        }
    }

    /// Tells each host how far its evidence is in the journal. A host that does not read is not waited for: the
    /// number says it all, and is said again.
    fn acknowledge(&mut self) -> Result<()> {
        for (state, channel) in self.hosts.iter_mut().zip(&self.parts.evidence) {
            let Some(process) = state.process else { continue };
            if state.taken > state.acknowledged
                && channel.try_send(&encode(&FromCore::Ack { process, through: state.taken })?)?
            {
                state.acknowledged = state.taken;
            }
        }
        Ok(())
    }

    /// Brings back what the last day's journal says, and makes up for what a crash kept from being said.
    fn restore(&mut self) -> Result<()> {
        let since = SystemTime::now().checked_sub(RESTORED).unwrap_or(SystemTime::UNIX_EPOCH);
        let cursor = Cursor { seq: first_since(self.journal().dir(), since)? };
        let mut reader = self.journal().reader(cursor).context("journal")?;
        while let Some(item) = reader.next_item()? {
            let Item::Event { event, .. } = item else { continue };
            let event: Arc<Event> = Arc::from(event);
            self.visits.see(&event);
            self.ledger.restore(&event);
            self.engine.restore(&[Input::Event(event)]);
        }
        let verdicts = self.engine.restored();
        let mut events: Vec<Event> = Vec::new();
        let started = from_micros(self.parts.orders.node_started);
        events.extend(self.visits.lost(None, started, "node_stopped", &mut self.parts.recordings));
        for ended in &self.parts.orders.ended {
            events.extend(self.ended(ended));
        }
        self.settle(Round { events: events.into_iter().map(Arc::new).collect(), ..Round::default() })?;
        self.pronounce(verdicts)?;
        let expired = self.ledger.expire(now());
        self.decide(expired)?;
        self.enforce_again()
    }

    /// A supervisor that restarted has an empty table.
    fn enforce_again(&self) -> Result<()> {
        let at = now().as_microsecond();
        for block in self.ledger.blocks().filter(|block| block.enforced) {
            let left = block.until.as_microsecond().saturating_sub(at) / 1_000_000;
            let ask = Ask::Block { target: block.target, seconds: u64::try_from(left).unwrap_or(0).max(1) };
            self.parts.control.send(&serde_json::to_vec(&ask)?)?;
        }
        Ok(())
    }

    fn fault_event(&self, role: &str, message: &str, at: Timestamp) -> Event {
        let id: EventId = derived_id(&["fault", role, message, &at.to_string()]);
        let body = Body::Fault(Fault { role: role.to_owned(), message: message.to_owned() });
        Event::new(id, at, self.sensor.clone(), body)
    }

    fn role_of(&self, host: usize) -> String {
        self.parts
            .orders
            .hosts
            .get(host)
            .map_or_else(|| "capture".into(), |service| format!("honeypot.{service}"))
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.parts.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn action_of(event: &Event) -> Action {
    match &event.body {
        Body::Action(action) => action.clone(),
        _ => Action::default(),
    }
}

/// The first number of the oldest segment that was written to since then; a segment is named by its first number.
fn first_since(dir: &Path, since: SystemTime) -> Result<u64> {
    let mut first: Option<u64> = None;
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?.flatten() {
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse::<u64>().ok())
        else {
            continue;
        };
        let recent = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|written| written >= since);
        if recent && first.is_none_or(|least| number < least) {
            first = Some(number);
        }
    }
    Ok(first.unwrap_or(Cursor::START.seq))
}
