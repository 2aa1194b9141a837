//! One thread a role: it starts the role's process, answers what it asks, and starts it again when it died.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use phantom_sys::channel::{self, Channel};
use phantom_sys::jail::Identity;
use phantom_sys::spawn::{Child, Spawn, describe};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Outcome, Shared, order_of, side};
use crate::control::{Ask, CoreOrders, Ended, Orders, Told};
use crate::core::now;

/// First and longest pause before a restart; it doubles while the role keeps dying young.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// A role that lived so long starts with the first pause again.
const GROWN: Duration = Duration::from_secs(5);
/// How long a child may take to say which protections hold.
const REPORT: Duration = Duration::from_secs(10);

/// A role and what it is given at every start.
pub(super) struct Keeper {
    pub(super) role: String,
    /// Kept here, so that a channel outlives the process at either end.
    pub(super) fds: Vec<OwnedFd>,
    /// Whom the role becomes where we are root; absent: `nobody` for the jailed roles, nobody else for the core.
    pub(super) identity: Option<Identity>,
    pub(super) work: Work,
}

/// Whose orders change from start to start.
pub(super) enum Work {
    Fixed(Box<Orders>),
    Core(Box<CoreOrders>),
}

impl Keeper {
    /// Until the node stops: start, wait, tell, pause.
    pub(super) fn keep(mut self, shared: &Arc<Shared>, log: &str) {
        let mut pause = PAUSES.0;
        while !shared.is_stopping() {
            let began = Instant::now();
            let how = match self.start(shared, log) {
                Ok((child, control)) => self.wait(child, control, shared),
                Err(error) => format!("{error:#}"),
            };
            if shared.is_stopping() {
                return;
            }
            if matches!(self.work, Work::Core(_)) && !shared.announced.load(Ordering::SeqCst) {
                // What a restart will not mend: a database that is not there, data in use by another node.
                let _ = shared.verdict.try_send(Outcome::Failed(format!("the core did not start: {how}")));
                return;
            }
            tracing::warn!(role = %self.role, %how, "a role ended; starting it again");
            shared.tell(&Told::Ended(Ended { role: self.role.clone(), at: now().as_microsecond(), how }));
            pause = if began.elapsed() > GROWN { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            std::thread::sleep(pause);
        }
    }

    fn start(&mut self, shared: &Arc<Shared>, log: &str) -> Result<(Child, Channel)> {
        let (ours, theirs) = channel::pair()?;
        let mut spawn = Spawn::new(&self.role, order_of(&self.fds, &theirs));
        spawn.env.push(("RUST_LOG".into(), std::env::var_os("RUST_LOG").unwrap_or_else(|| "info".into())));
        spawn.env.push(("PHANTOMNET_LOG_FORMAT".into(), log.into()));
        if let Some(identity) = self.identity {
            spawn.args = vec![identity.uid.to_string().into(), identity.gid.to_string().into()];
        }
        // Where coverage is measured, children that may write take part.
        spawn
            .env
            .extend(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE".into(), file)));
        let child = spawn.start().with_context(|| format!("cannot start {}", self.role))?;
        drop(spawn);
        self.give_orders(&ours, shared)?;
        let missing = match child.protections(REPORT) {
            Ok(held) => held.missing().map(|p| format!("{}: {}", p.name, p.why)).collect(),
            Err(error) => {
                let _ = child.kill();
                return Err(error.into());
            }
        };
        for what in &missing {
            tracing::debug!(role = %self.role, %what, "a protection is off");
        }
        shared.tell(&Told::Started { role: self.role.clone(), at: now().as_microsecond(), missing });
        Ok((child, ours))
    }

    fn give_orders(&mut self, control: &Channel, shared: &Shared) -> Result<()> {
        match &mut self.work {
            Work::Fixed(orders) => control.send(&serde_json::to_vec(orders)?)?,
            Work::Core(orders) => shared.give_core_orders(control, orders)?,
        }
        Ok(())
    }

    /// Serves the child's control channel until the child ends; says how it ended.
    fn wait(&mut self, mut child: Child, control: Channel, shared: &Arc<Shared>) -> String {
        let core = matches!(self.work, Work::Core(_));
        let served = {
            let shared = shared.clone();
            std::thread::spawn(move || {
                if core { serve_core(&control, &shared) } else { side::serve(&control, &shared) }
            })
        };
        let mut deadline = None;
        let how = loop {
            match child.try_wait() {
                Ok(Some(status)) => break describe(status),
                Ok(None) => {}
                Err(error) => break error.to_string(),
            }
            if shared.is_stopping() {
                let patience = if core { super::FAREWELL } else { Duration::ZERO };
                let at = *deadline.get_or_insert_with(|| Instant::now() + patience);
                if Instant::now() >= at {
                    let _ = child.kill();
                }
            }
            sleep_until_ended(&child);
        };
        if core {
            *super::lock(&shared.core) = None;
        }
        let _ = served.join();
        how
    }

    /// For debugging: the role as a thread of this process, without a jail and without a restart.
    pub(super) fn join_in(mut self, shared: &Arc<Shared>) {
        let result = (|| -> Result<()> {
            let (ours, theirs) = channel::pair()?;
            self.give_orders(&ours, shared)?;
            shared.tell(&Told::Started {
                role: self.role.clone(),
                at: now().as_microsecond(),
                missing: vec!["every jail: the roles share one process".into()],
            });
            let core = matches!(self.work, Work::Core(_));
            let serving = shared.clone();
            std::thread::spawn(
                move || if core { serve_core(&ours, &serving) } else { side::serve(&ours, &serving) },
            );
            let mut fds = order_of(&self.fds, &theirs)
                .into_iter()
                .map(|fd| fd.try_clone_to_owned())
                .collect::<std::io::Result<Vec<_>>>()?;
            let control = Channel::from_fd(fds.remove(1))?;
            crate::roles::work(control, fds)
        })();
        if let Err(error) = result {
            let _ = shared.verdict.try_send(Outcome::Failed(format!("{}: {error:#}", self.role)));
        }
    }
}

/// Until the child ends, but not so long that a stop would go unnoticed.
fn sleep_until_ended(child: &Child) {
    let handle = child.handle();
    let mut waited = [PollFd::new(&handle, PollFlags::IN)];
    let timeout = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let _ = poll(&mut waited, Some(&timeout));
}

/// Answers the core until it is gone.
fn serve_core(control: &Channel, shared: &Shared) {
    let mut buffer = vec![0; phantom_core::frame::MAX_FRAME];
    while let Ok(length) = control.recv(&mut buffer) {
        let Ok(ask) = serde_json::from_slice::<Ask>(buffer.get(..length).unwrap_or_default()) else {
            tracing::warn!("the core asked for something that is not in its table");
            continue;
        };
        match ask {
            Ask::Block { target, seconds } => {
                let failed = shared.wall().block(target, Duration::from_secs(seconds)).err();
                answer(control, &Told::Outcome { target, failed });
            }
            Ask::Unblock { target } => {
                let failed = shared.wall().unblock(target).err();
                answer(control, &Told::Outcome { target, failed });
            }
            Ask::Ready { password } => {
                let _ = shared.verdict.try_send(Outcome::Ready(password));
            }
            Ask::Failed { why } => {
                let _ = shared.verdict.try_send(Outcome::Failed(why));
            }
        }
    }
}

fn answer(control: &Channel, told: &Told) {
    if let Ok(frame) = serde_json::to_vec(told) {
        let _ = control.try_send(&frame);
    }
}
