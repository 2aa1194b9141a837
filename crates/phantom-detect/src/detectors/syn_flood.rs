//! Half-open connections that nobody completes. The sender of a SYN may be forged, so a source is accused only where
//! it sent most of the flood itself; otherwise one alert names the target and accuses nobody.

use std::net::IpAddr;

use phantom_core::BoundedMap;
use phantom_core::event::{Endpoint, Severity, Transport};
use phantom_flow::{FlowNotice, FlowRecord};

use crate::detector::{Detector, Finding, Seen, Subject, plain, words};
use crate::given::Given;
use crate::settings::{Settings, span};
use crate::window::{Buckets, Hit};

pub(super) const RULE: &str = "syn_flood";
/// Targets watched; when full, the one silent for longest is forgotten. About 20 KiB each at most.
const TARGETS: usize = 1_024;
/// Sources counted a target; forged ones push each other out, a real one keeps being touched.
const SOURCES: usize = 256;

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.syn_flood;
    Box::new(SynFlood {
        need: u64::from(s.attempts.max(1)),
        span: span(s.window),
        ratio: u64::from(s.ratio.max(1)),
        cooldown: span(s.cooldown),
        targets: BoundedMap::new(TARGETS),
    })
}

struct SynFlood {
    need: u64,
    span: i64,
    ratio: u64,
    cooldown: i64,
    targets: BoundedMap<Endpoint, Target>,
}

struct Target {
    half_open: Buckets,
    completed: Buckets,
    /// Half-open since the flood began.
    total: u64,
    sources: BoundedMap<IpAddr, u64>,
}

/// How a connection attempt went.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    HalfOpen,
    Completed,
}

/// A SYN without an answer, or one whose SYN-ACK was never acknowledged: by silence, or by the RST of a host that
/// never asked. A refusal is an answer and costs the target nothing.
fn attempt(record: &FlowRecord) -> Option<Attempt> {
    let flow = &record.flow;
    let silent = flow.payload_out == 0 && flow.payload_in == 0;
    match flow.state.as_str() {
        _ if record.key.transport != Transport::Tcp => None,
        "S0" | "RSTOS0" if silent => Some(Attempt::HalfOpen),
        "S1" if silent && flow.packets_out == 1 => Some(Attempt::HalfOpen),
        "RSTO" | "RSTR" if silent && flow.packets_out <= 2 => Some(Attempt::HalfOpen),
        "S1" | "S2" | "S3" | "SF" | "RSTO" | "RSTR" => Some(Attempt::Completed),
        _ => None,
    }
}

impl Target {
    fn new(span: i64) -> Self {
        Self {
            half_open: Buckets::new(span),
            completed: Buckets::new(span),
            total: 0,
            sources: BoundedMap::new(SOURCES),
        }
    }

    /// The source that sent most of what is remembered.
    fn loudest(&self) -> Option<(IpAddr, u64)> {
        self.sources.iter().map(|(ip, n)| (*ip, *n)).max_by_key(|(ip, n)| (*n, *ip))
    }
}

impl SynFlood {
    fn finding(&self, target: &Target, dst: Endpoint, subject: Subject, hit: Hit) -> Finding {
        let took = words(hit.last.saturating_sub(hit.first));
        let sources = target.sources.len() as u64 + target.sources.evicted();
        let mut evidence = vec![plain(format!(
            "{} half-open connections to {} port {} in {took}; the rule allows fewer than {} in {}, or fewer than {} times \
             the completed ones",
            hit.count,
            dst.ip,
            dst.port,
            self.need,
            words(self.span),
            self.ratio
        ))];
        let title = match subject {
            Subject::Source(ip) => {
                let own = target.sources.get(&ip).copied().unwrap_or(0);
                evidence
                    .push(plain(format!("{own} of {} since it began are from this source", target.total)));
                format!(
                    "SYN flood of {} port {}: {} half-open connections in {took}",
                    dst.ip, dst.port, hit.count
                )
            }
            Subject::Target(_) => {
                let seen = if target.sources.evicted() > 0 {
                    format!("more than {SOURCES}")
                } else {
                    sources.to_string()
                };
                evidence.push(plain(format!("{seen} sources, none of which sent most of it: likely forged")));
                format!(
                    "SYN flood of {} port {} from many sources: {} half-open connections in {took}",
                    dst.ip, dst.port, hit.count
                )
            }
        };
        let severity = if matches!(subject, Subject::Source(_)) { Severity::Medium } else { Severity::High };
        Finding {
            subject,
            service: None,
            transport: Some(Transport::Tcp),
            dst: Some(dst),
            severity,
            title,
            technique: vec!["T1499.001"],
            evidence,
            hit,
        }
    }
}

impl Detector for SynFlood {
    fn rule(&self) -> &'static str {
        RULE
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let Seen::Wire(FlowNotice::Closed(record)) = seen else { return };
        let Some(attempt) = attempt(record) else { return };
        let (span, at, dst) = (self.span, record.last, record.key.dst);
        let (target, _) = self.targets.touch(dst, || Target::new(span));
        if attempt == Attempt::Completed {
            target.completed.add(at, 1);
            return;
        }
        if target.half_open.add(at, 1) {
            target.total = 0;
            target.sources = BoundedMap::new(SOURCES);
        }
        target.total = target.total.saturating_add(1);
        *target.sources.touch(record.key.src.ip, || 0).0 += 1;
        let (count, first) = target.half_open.count(at);
        if count < self.need || count < self.ratio.saturating_mul(target.completed.count(at).0) {
            return;
        }
        let subject = match target.loudest() {
            Some((ip, own)) if own >= self.need && own.saturating_mul(2) > target.total => {
                Subject::Source(ip)
            }
            _ => Subject::Target(dst),
        };
        let hit = Hit { count, first, last: at.max(first) };
        if given.is_due(RULE, subject, hit)
            && let Some(target) = self.targets.get(&dst)
        {
            out.push(self.finding(target, dst, subject, hit));
        }
    }
}
