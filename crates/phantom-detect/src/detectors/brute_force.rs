//! Password guessing, whatever the protocol: failed logins at honeypots in a short and a long window, and, counted
//! apart, what the wire shows of logins at real servers.

use std::net::IpAddr;

use phantom_core::event::{Body, Endpoint, Evidence, Service, Severity, Transport};
use phantom_core::{BoundedMap, Event, EventId, SessionId, Untrusted};

use crate::detector::{Finding, Seen, Subject, is_guess, plain, words};
use crate::given::Given;
use crate::window::{Hit, Sliding};

/// Sources counted at honeypots, and as many on the wire; when full, the one silent for longest is forgotten. They
/// are apart so that forged packets cannot push out who was met face to face. About 3 KiB each at the defaults.
const SOURCES: usize = 8_192;
/// User names remembered a source, and bytes of each.
const NAMES: usize = 32;
const NAME_BYTES: usize = 64;
/// Events named in an alert: the first and the latest.
const SAMPLES: usize = 3;
/// User names named in an alert.
const SHOWN_NAMES: usize = 5;

/// A threshold and its window in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) need: usize,
    pub(super) span: i64,
}

/// What one protocol's rule counts.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// In words: `ssh`.
    pub(super) protocol: &'static str,
    /// Services whose failed logins count.
    pub(super) services: &'static [&'static str],
    pub(super) fast: Rate,
    pub(super) slow: Rate,
    pub(super) wire: Rate,
    /// What is counted on the wire, in words.
    pub(super) wire_words: &'static str,
    /// How sure the wire is.
    pub(super) wire_severity: Severity,
}

pub(super) struct BruteForce {
    rule: Rule,
    met: BoundedMap<IpAddr, Met>,
    wire: BoundedMap<IpAddr, Sliding>,
}

/// A source met at honeypots.
struct Met {
    fast: Sliding,
    slow: Sliding,
    last: i64,
    names: BoundedMap<Box<[u8]>, u64>,
    first_events: Vec<(EventId, Option<SessionId>)>,
    last_event: (EventId, Option<SessionId>),
}

impl BruteForce {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, met: BoundedMap::new(SOURCES), wire: BoundedMap::new(SOURCES) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.rule.name
    }

    /// A failed login at a honeypot.
    pub(super) fn deed(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let Seen::Deed { at, source, service, event } = seen else { return };
        let Body::Login(login) = &event.body else { return };
        if !is_guess(login) || !self.rule.services.contains(&service.as_str()) {
            return;
        }
        let rule = &self.rule;
        let (met, _) = self.met.touch(source, || Met::new(rule, event));
        if at.saturating_sub(met.last) > rule.slow.span {
            *met = Met::new(rule, event);
        }
        met.note(at, event, login.username.as_bytes());
        let fast = met.fast.add(at).map(|hit| (hit, rule.fast));
        let slow = met.slow.add(at).map(|hit| (hit, rule.slow));
        let Some((hit, rate)) = fast.or(slow) else { return };
        let subject = Subject::Source(source);
        if given.is_due(rule.name, subject, hit) {
            out.push(met.finding(rule, subject, service, event, hit, rate));
        }
    }

    /// `n` failed logins on the wire, spread from `first` to `last`.
    pub(super) fn wire(&mut self, flow: WireLogins, given: &Given, out: &mut Vec<Finding>) {
        let rule = &self.rule;
        let (window, _) = self.wire.touch(flow.source, || Sliding::new(rule.wire.need, rule.wire.span));
        // More than the threshold needs no counting one by one; what a record can claim is bounded here.
        let n = i64::from(flow.n.min(crate::settings::MAX_ATTEMPTS));
        let length = flow.last.saturating_sub(flow.first).max(0);
        let mut hit = None;
        for i in 1..=n {
            hit = window.add(flow.first.saturating_add((length / n).saturating_mul(i)));
        }
        let subject = Subject::Source(flow.source);
        let Some(hit) = hit.filter(|hit| given.is_due(rule.name, subject, *hit)) else { return };
        out.push(Finding {
            subject,
            service: Some(Service::known(rule.protocol)),
            transport: Some(Transport::Tcp),
            dst: Some(flow.dst),
            severity: rule.wire_severity,
            title: format!(
                "Password guessing over {} on the wire: {} {} in {}",
                rule.protocol,
                hit.count,
                rule.wire_words,
                words(hit.last.saturating_sub(hit.first))
            ),
            technique: vec!["T1110.001"],
            evidence: vec![
                plain(format!(
                    "{} {} seen on the wire; the rule allows fewer than {} in {}",
                    hit.count,
                    rule.wire_words,
                    rule.wire.need,
                    words(rule.wire.span)
                )),
                plain(format!("latest at {} port {}", flow.dst.ip, flow.dst.port)),
            ],
            hit,
        });
    }
}

/// Failed logins seen on one flow.
pub(super) struct WireLogins {
    pub(super) source: IpAddr,
    pub(super) dst: Endpoint,
    pub(super) n: u32,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Met {
    fn new(rule: &Rule, event: &Event) -> Self {
        Self {
            fast: Sliding::new(rule.fast.need, rule.fast.span),
            slow: Sliding::new(rule.slow.need, rule.slow.span),
            last: i64::MIN,
            names: BoundedMap::new(NAMES),
            first_events: Vec::new(),
            last_event: (event.id, event.session),
        }
    }

    fn note(&mut self, at: i64, event: &Event, name: &[u8]) {
        self.last = self.last.max(at);
        *self.names.touch(name.get(..NAME_BYTES).unwrap_or(name).into(), || 0).0 += 1;
        if self.first_events.len() < SAMPLES {
            self.first_events.push((event.id, event.session));
        }
        self.last_event = (event.id, event.session);
    }

    fn finding(
        &self,
        rule: &Rule,
        subject: Subject,
        service: &Service,
        event: &Event,
        hit: Hit,
        rate: Rate,
    ) -> Finding {
        let names = self.names.evicted() + self.names.len() as u64;
        let known = if self.names.evicted() > 0 { format!("over {NAMES}") } else { names.to_string() };
        let plural = if names == 1 { "" } else { "s" };
        let took = words(hit.last.saturating_sub(hit.first));
        let mut evidence = vec![
            plain(format!(
                "{} failed logins at the {service} honeypot in {took}; the rule allows fewer than {} in {}",
                hit.count,
                rate.need,
                words(rate.span)
            )),
            plain(format!("user names tried most: {}", self.top_names())),
        ];
        let events = self
            .first_events
            .iter()
            .chain([&self.last_event].into_iter().filter(|last| !self.first_events.contains(last)));
        evidence.extend(events.map(|(id, session)| Evidence {
            text: "failed login".to_owned(),
            event: Some(*id),
            session: *session,
        }));
        // One password for many names is spraying, many passwords for few names guessing.
        let spraying = names >= 5 && names.saturating_mul(2) > hit.count;
        Finding {
            subject,
            service: Some(service.clone()),
            transport: event.transport,
            dst: event.dst,
            severity: Severity::High,
            title: format!(
                "Password guessing over {}: {} failed logins in {took}, {known} user name{plural}",
                rule.protocol, hit.count
            ),
            technique: vec![if spraying { "T1110.003" } else { "T1110.001" }],
            evidence,
            hit,
        }
    }

    /// Most tried first, escaped for display.
    fn top_names(&self) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let shown = names
            .iter()
            .take(SHOWN_NAMES)
            .map(|(name, n)| format!("\"{}\" ({n})", Untrusted::capped(name, NAME_BYTES)));
        shown.collect::<Vec<_>>().join(", ")
    }
}
