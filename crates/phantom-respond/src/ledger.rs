//! The block ledger.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use phantom_core::event::{Action, Body, Endpoint};
use phantom_core::{BoundedMap, Event, Timestamp, derived_id, from_micros, micros};
use thiserror::Error;

use crate::guard::{Guard, Protected};
use crate::policy::{Mode, Policy, PolicyError};

/// Sources whose earlier blocks and refusals are remembered; when full, the one untouched for longest starts at the
/// first rung again. About 10 MiB.
const REMEMBERED: usize = 65_536;
/// A refusal is told once an hour a target: a storm of verdicts must not become a storm of refusals.
const REFUSAL_QUIET: i64 = 3_600_000_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Drop what comes from the target until the time is over.
    Block,
    /// Stop dropping.
    Unblock,
    /// Nothing; the refusal is only told.
    Refuse,
}

/// One decision: journal [`Decision::event`], then carry it out where `enforce` says so. When the firewall fails,
/// [`Ledger::failed`] gives the event that says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is to be done.
    pub what: What,
    /// To whom.
    pub target: IpNet,
    /// For how long, of a block.
    pub ttl: Option<Duration>,
    /// Why, in words.
    pub reason: String,
    /// Whether a firewall is to do it; false in a dry run and for refusals.
    pub enforce: bool,
    /// The action to journal.
    pub event: Event,
}

/// A block in force, or one that would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whom.
    pub target: IpNet,
    /// When it was decided.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why, in words.
    pub reason: String,
    /// False in a dry run.
    pub enforced: bool,
    /// Which block of this target it is, from 1.
    pub repeat: u32,
}

/// Why a block by hand was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The policy's mode is `off`.
    #[error("response is off")]
    Off,
    /// The target is, or holds, someone protected.
    #[error("the target is {}", .0.as_str())]
    Protected(Protected),
    /// [`Policy::max_blocks`].
    #[error("{0} blocks are in force, which is the cap")]
    Full(u32),
    /// [`Policy::max_per_minute`].
    #[error("{0} new blocks in a minute, which is the cap")]
    Storm(u32),
    /// Shorter than a second.
    #[error("a block lasts at least a second")]
    NoTime,
}

/// Earlier blocks of a target.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    blocks: u32,
    /// Microseconds when the last one ended or will end.
    until: i64,
    /// Microseconds when a refusal was last told.
    refused: Option<i64>,
}

/// Which blocks are in force, and until when.
#[derive(Debug)]
pub struct Ledger {
    policy: Policy,
    guard: Guard,
    sensor: Arc<str>,
    blocks: BTreeMap<IpNet, Block>,
    past: BoundedMap<IpNet, Past>,
    /// Instants of new blocks within the last minute, in microseconds; at most [`Policy::max_per_minute`].
    recent: VecDeque<i64>,
}

impl Ledger {
    /// An empty ledger that writes events in the name of `sensor`.
    ///
    /// # Errors
    /// [`PolicyError`] when the policy makes no sense.
    pub fn new(policy: Policy, sensor: Arc<str>) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self {
            guard: Guard::new(&policy),
            policy,
            sensor,
            blocks: BTreeMap::new(),
            past: BoundedMap::new(REMEMBERED),
            recent: VecDeque::new(),
        })
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Changes the policy. Blocks that it no longer allows are lifted: all of them when it is `off`, those of
    /// targets that it protects, and dry ones when it enforces (the next verdict decides anew) or the reverse.
    ///
    /// # Errors
    /// [`PolicyError`] when the new policy makes no sense; the old one stays.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) -> Result<Vec<Decision>, PolicyError> {
        policy.check()?;
        self.guard = Guard::new(&policy);
        self.policy = policy;
        let enforce = self.policy.mode == Mode::Enforce;
        let off = self.policy.mode == Mode::Off;
        let guard = &self.guard;
        let lifted: Vec<IpNet> = self
            .blocks
            .values()
            .filter(|block| off || block.enforced != enforce || guard.allows(&block.target).is_err())
            .map(|block| block.target)
            .collect();
        let lift = |target| self.lift(target, now, "the policy changed", None);
        Ok(lifted.into_iter().filter_map(lift).collect())
    }

    /// What a verdict leads to: nothing, a block, or a refusal that says why.
    ///
    /// `now` is the instant of the decision; give the verdict's own instant in a replay.
    pub fn decide(&mut self, verdict: &Event, now: Timestamp) -> Vec<Decision> {
        let mut out = self.expire(now);
        let Some((ip, reason)) = self.accused(verdict) else { return out };
        let cause = verdict.id.to_string();
        let target = match self.guard.target(ip) {
            Ok(target) => target,
            Err(why) => {
                out.extend(self.refuse(IpNet::from(ip), Refusal::Protected(why), &reason, now, &cause));
                return out;
            }
        };
        if self.covering(&target).is_some() {
            return out;
        }
        let (repeat, ttl) = self.rung(&target, now);
        out.extend(match self.admit(now) {
            Ok(()) => Some(self.block(target, ttl, repeat, reason, now, &cause)),
            Err(why) => self.refuse(target, why, &reason, now, &cause),
        });
        out
    }

    /// A block by a person's hand, for `ttl` or the ladder's next rung. It renews one in force. Neither never-block
    /// list nor caps give way to a hand.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    pub fn block_by_hand(
        &mut self,
        target: IpNet,
        ttl: Option<Duration>,
        why: &str,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        if self.policy.mode == Mode::Off {
            return Err(Refusal::Off);
        }
        let target = match target.addr().to_canonical() {
            ip if target.prefix_len() == target.max_prefix_len() => IpNet::from(ip),
            _ => target.trunc(),
        };
        self.guard.allows(&target).map_err(Refusal::Protected)?;
        if ttl.is_some_and(|ttl| ttl < Duration::from_secs(1)) {
            return Err(Refusal::NoTime);
        }
        let (repeat, rung) = self.rung(&target, now);
        if !self.blocks.contains_key(&target) {
            self.admit(now)?;
        }
        Ok(self.block(target, ttl.unwrap_or(rung), repeat, format!("by hand: {why}"), now, "hand"))
    }

    /// Lifts a block by a person's hand; `None` where there is none.
    pub fn unblock(&mut self, target: IpNet, why: &str, now: Timestamp) -> Option<Decision> {
        self.lift(target.trunc(), now, &format!("by hand: {why}"), None)
    }

    /// Lifts the blocks whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Decision> {
        let over: Vec<IpNet> = self.blocks.values().filter(|b| b.until <= now).map(|b| b.target).collect();
        let lift = |target| self.lift(target, now, "its time is over", Some("expired"));
        over.into_iter().filter_map(lift).collect()
    }

    /// The blocks in force, by target.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.values()
    }

    /// When [`Ledger::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.blocks.values().map(|block| block.until).min()
    }

    /// The firewall did not do it: a failed block is no longer in the ledger, and the event says so.
    pub fn failed(&mut self, decision: &Decision, why: &str, now: Timestamp) -> Event {
        if decision.what == What::Block {
            self.blocks.remove(&decision.target);
        }
        let what = if decision.what == What::Block { "block" } else { "unblock" };
        let cause = decision.event.id.to_string();
        self.event(
            what,
            decision.target,
            decision.ttl,
            &decision.reason,
            &format!("failed: {why}"),
            now,
            &cause,
        )
    }

    /// Takes an action out of the journal, in the journal's order, at start. Other events are ignored. Afterwards
    /// call [`Ledger::expire`], and compare [`Ledger::blocks`] with the firewall's list.
    ///
    /// A block that the present policy would not allow is not taken over: the firewall's list then holds one too many.
    pub fn restore(&mut self, event: &Event) {
        let Body::Action(action) = &event.body else { return };
        let Ok(target) = action.target.parse::<IpNet>() else { return };
        let at = micros(event.at);
        let (mode, enforced) = match action.outcome.as_str() {
            "enforced" => (Mode::Enforce, true),
            _ => (Mode::DryRun, false),
        };
        match (action.what.as_str(), action.outcome.as_str()) {
            ("block", "enforced" | "dry_run") => {
                let until = after(at, Duration::from_secs(action.ttl.unwrap_or(0)));
                let repeat = self.note(target, at, until);
                self.recent.push_back(at);
                self.trim(at);
                if mode == self.policy.mode && self.guard.allows(&target).is_ok() {
                    let (since, until) = (event.at, from_micros(until));
                    let reason = action.reason.clone();
                    self.blocks.insert(target, Block { target, since, until, reason, enforced, repeat });
                }
            }
            ("block", outcome) if outcome.starts_with("failed") => {
                self.blocks.remove(&target);
            }
            ("block", outcome) if outcome.starts_with("refused") => {
                self.past.touch(target, Past::default).0.refused = Some(at);
            }
            ("unblock", outcome) if !outcome.starts_with("failed") => {
                self.blocks.remove(&target);
            }
            _ => {}
        }
    }

    /// Whom the verdict accuses, if the policy acts on it, and why in words.
    fn accused(&self, verdict: &Event) -> Option<(IpAddr, String)> {
        let ip = verdict.source().filter(|_| self.policy.mode != Mode::Off)?;
        match &verdict.body {
            Body::Alert(alert) if self.policy.alert_severity.is_some_and(|s| alert.severity >= s) => {
                Some((ip, format!("{}: {}", alert.rule, alert.title)))
            }
            Body::Score(score) if self.policy.score_level.is_some_and(|s| score.level >= s) => {
                let first = score.reasons.first().map_or("", |reason| reason.text.as_str());
                Some((ip, format!("score {:.1} ({}): {first}", score.value, score.level.as_str())))
            }
            _ => None,
        }
    }

    fn covering(&self, target: &IpNet) -> Option<&Block> {
        self.blocks.values().find(|block| block.target.contains(target))
    }

    /// Which block this would be, and how long.
    fn rung(&self, target: &IpNet, now: Timestamp) -> (u32, Duration) {
        let forget = i64::try_from(self.policy.forget.as_micros()).unwrap_or(i64::MAX);
        let before = match self.past.get(target) {
            Some(past) if micros(now) <= past.until.saturating_add(forget) => past.blocks,
            _ => 0,
        };
        let last = self.policy.ladder.len().saturating_sub(1);
        let rung = self.policy.ladder.get((before as usize).min(last)).copied();
        (before.saturating_add(1), rung.unwrap_or(Duration::from_secs(3600)))
    }

    /// Whether the caps leave room for one more.
    fn admit(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.trim(micros(now));
        if self.blocks.len() >= self.policy.max_blocks as usize {
            return Err(Refusal::Full(self.policy.max_blocks));
        }
        if self.recent.len() >= self.policy.max_per_minute as usize {
            return Err(Refusal::Storm(self.policy.max_per_minute));
        }
        Ok(())
    }

    /// Keeps the last minute, and no more instants than the cap asks for.
    fn trim(&mut self, now: i64) {
        while self.recent.front().is_some_and(|at| at.saturating_add(MINUTE) <= now)
            || self.recent.len() > self.policy.max_per_minute as usize
        {
            self.recent.pop_front();
        }
    }

    fn note(&mut self, target: IpNet, at: i64, until: i64) -> u32 {
        let forget = i64::try_from(self.policy.forget.as_micros()).unwrap_or(i64::MAX);
        let (past, _) = self.past.touch(target, Past::default);
        if at > past.until.saturating_add(forget) {
            past.blocks = 0;
        }
        past.blocks = past.blocks.saturating_add(1);
        past.until = until;
        past.blocks
    }

    fn block(
        &mut self,
        target: IpNet,
        ttl: Duration,
        repeat: u32,
        reason: String,
        now: Timestamp,
        cause: &str,
    ) -> Decision {
        // Whole seconds, as the journal holds them: a restart then restores the same end.
        let ttl = Duration::from_secs(ttl.as_secs());
        let enforced = self.policy.mode == Mode::Enforce;
        let until = after(micros(now), ttl);
        self.note(target, micros(now), until);
        self.recent.push_back(micros(now));
        let outcome = if enforced { "enforced" } else { "dry_run" };
        let event = self.event("block", target, Some(ttl), &reason, outcome, now, cause);
        let block =
            Block { target, since: now, until: from_micros(until), reason: reason.clone(), enforced, repeat };
        self.blocks.insert(target, block);
        Decision { what: What::Block, target, ttl: Some(ttl), reason, enforce: enforced, event }
    }

    fn lift(&mut self, target: IpNet, now: Timestamp, why: &str, outcome: Option<&str>) -> Option<Decision> {
        let block = self.blocks.remove(&target)?;
        let done = if block.enforced { "enforced" } else { "dry_run" };
        let cause = micros(block.since).to_string();
        let event = self.event("unblock", target, None, why, outcome.unwrap_or(done), now, &cause);
        let reason = why.to_owned();
        Some(Decision { what: What::Unblock, target, ttl: None, reason, enforce: block.enforced, event })
    }

    fn refuse(
        &mut self,
        target: IpNet,
        why: Refusal,
        reason: &str,
        now: Timestamp,
        cause: &str,
    ) -> Option<Decision> {
        let at = micros(now);
        let (past, _) = self.past.touch(target, Past::default);
        if past.refused.is_some_and(|last| at < last.saturating_add(REFUSAL_QUIET)) {
            return None;
        }
        past.refused = Some(at);
        let event = self.event("block", target, None, reason, &format!("refused: {why}"), now, cause);
        Some(Decision {
            what: What::Refuse,
            target,
            ttl: None,
            reason: reason.to_owned(),
            enforce: false,
            event,
        })
    }

    #[allow(clippy::too_many_arguments)] // The fields of one event; a struct would only name them twice.
    fn event(
        &self,
        what: &str,
        target: IpNet,
        ttl: Option<Duration>,
        reason: &str,
        outcome: &str,
        now: Timestamp,
        cause: &str,
    ) -> Event {
        let target_text = target.to_string();
        let at = micros(now).to_string();
        let id = derived_id(&["action", &self.sensor, what, &target_text, outcome, &at, cause]);
        let action = Action {
            what: what.to_owned(),
            target: target_text,
            ttl: ttl.map(|ttl| ttl.as_secs()),
            reason: reason.to_owned(),
            outcome: outcome.to_owned(),
        };
        let mut event = Event::new(id, now, self.sensor.clone(), Body::Action(action));
        event.src = Some(Endpoint::new(target.addr(), 0));
        event
    }
}

fn after(at: i64, ttl: Duration) -> i64 {
    at.saturating_add(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX))
}
