//! What a child does: take over its descriptors, lock itself up, read its orders, work.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use phantom_core::dialogue::Protocol;
use phantom_core::frame::MAX_FRAME;
use phantom_honeypot::{LoginPolicy, Machine};
use phantom_host::{Bait, CaptureOptions, Limits};
use phantom_sys::channel::Channel;
use phantom_sys::jail::{self, Identity, Jail, Role};
use phantom_sys::spawn::Inherited;

use crate::control::{CaptureOrders, HoneypotOrders, Orders};
use crate::core;

/// Evidence of one host that may wait for the journal, in bytes. All hosts together hold fewer events than the
/// journal remembers ids of, since no event's line is shorter than 200 bytes.
const UNACKNOWLEDGED: usize = 16 << 20;

/// The whole life of a child process.
pub(crate) fn child(mut inherited: Inherited) -> Result<()> {
    let role = match inherited.role.as_str() {
        "core" => Role::Core,
        "capture" => Role::Capture,
        _ => Role::Honeypot,
    };
    let mut jail = Jail::new(role);
    if role == Role::Core {
        jail.identity = identity(&inherited.args)?;
    }
    jail::enter(&jail, &mut inherited)?;
    let mut fds = std::mem::take(&mut inherited.fds);
    if fds.len() < 2 {
        bail!("a child needs at least two descriptors and was given {}", fds.len());
    }
    let control = Channel::from_fd(fds.remove(1))?;
    work(control, fds)
}

/// A user and a group as the keeper gives them, if it does.
fn identity(args: &[OsString]) -> Result<Option<Identity>> {
    let number =
        |arg: &OsString| arg.to_str().and_then(|text| text.parse().ok()).context("an identity is no number");
    match args {
        [uid, gid] => Ok(Some(Identity { uid: number(uid)?, gid: number(gid)? })),
        _ => Ok(None),
    }
}

/// Reads the orders and carries them out. `fds` are those of the keeper, without the control channel.
pub(crate) fn work(control: Channel, mut fds: Vec<OwnedFd>) -> Result<()> {
    let mut buffer = vec![0; MAX_FRAME];
    let length = control.recv(&mut buffer)?;
    let orders = serde_json::from_slice(buffer.get(..length).unwrap_or_default()).context("orders")?;
    drop(buffer);
    match orders {
        Orders::Core(orders) => {
            let api = fds.remove(0).into();
            let evidence = fds.into_iter().map(Channel::from_fd).collect::<Result<Vec<_>, _>>()?;
            core::run(*orders, api, evidence, control)
        }
        Orders::Honeypot(orders) => {
            let core = Channel::from_fd(fds.remove(0))?;
            honeypot(&orders, core, control, fds)
        }
        Orders::Capture(orders) => {
            let core = Channel::from_fd(fds.remove(0))?;
            capture(&orders, core, fds.pop().context("the ring is missing")?)
        }
    }
}

fn honeypot(orders: &HoneypotOrders, core: Channel, control: Channel, listeners: Vec<OwnedFd>) -> Result<()> {
    let persona = Arc::new(orders.persona.clone());
    let rules = orders.login.clone().unwrap_or_else(|| LoginPolicy::believable_rules(&persona));
    let options = phantom_honeypot::Options {
        login: Arc::new(LoginPolicy::for_persona(rules, &persona)),
        machine: Machine::new(persona.clone()),
    };
    let protocol: Arc<dyn Protocol> = phantom_honeypot::protocols(persona, &options)
        .into_iter()
        .find(|protocol| protocol.service().as_str() == orders.service)
        .with_context(|| format!("there is no honeypot {:?}", orders.service))?
        .into();
    let baits = listeners.into_iter().map(|listener| Bait { protocol: protocol.clone(), listener }).collect();
    let limits = Limits {
        sessions: orders.limits.sessions as usize,
        sessions_per_source: orders.limits.sessions_per_source as usize,
        idle: orders.limits.idle,
        length: orders.limits.session,
        unacknowledged: UNACKNOWLEDGED,
        recording: orders.recording,
    };
    Ok(phantom_host::run_honeypot(baits, core, control, &orders.sensor, limits)?)
}

fn capture(orders: &CaptureOrders, core: Channel, ring: OwnedFd) -> Result<()> {
    let options = CaptureOptions { packet_rows: orders.packet_rows, ..CaptureOptions::default() };
    Ok(phantom_host::run_capture(ring, core, options)?)
}
