//! More requests than a visitor makes, at honeypots and, counted apart, on the wire.

use std::net::IpAddr;

use phantom_core::BoundedMap;
use phantom_core::event::{Body, Endpoint, Service, Severity, Transport};
use phantom_flow::FlowNotice;

use crate::detector::{Detector, Finding, Seen, Subject, plain, words};
use crate::given::Given;
use crate::settings::{Settings, span};
use crate::window::{Buckets, Hit};

pub(super) const RULE: &str = "http_flood";
/// Sources counted on each side; when full, the one silent for longest is forgotten. About 200 bytes each.
const SOURCES: usize = 16_384;

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.http_flood;
    Box::new(HttpFlood {
        span: span(s.window),
        cooldown: span(s.cooldown),
        met: Side::new(s.requests),
        wire: Side::new(s.wire_requests),
    })
}

struct HttpFlood {
    span: i64,
    cooldown: i64,
    met: Side,
    wire: Side,
}

struct Side {
    need: u64,
    sources: BoundedMap<IpAddr, Buckets>,
}

impl Side {
    fn new(need: u32) -> Self {
        Self { need: u64::from(need.max(1)), sources: BoundedMap::new(SOURCES) }
    }

    fn add(&mut self, source: IpAddr, at: i64, n: u64, span: i64) -> Option<Hit> {
        let (buckets, _) = self.sources.touch(source, || Buckets::new(span));
        buckets.add(at, n);
        let (count, first) = buckets.count(at);
        (count >= self.need).then_some(Hit { count, first, last: at.max(first) })
    }
}

impl HttpFlood {
    fn finding(&self, subject: Subject, hit: Hit, dst: Option<Endpoint>, met: bool) -> Finding {
        let (place, need, severity) = if met {
            ("at the http honeypot", self.met.need, Severity::High)
        } else {
            ("on the wire", self.wire.need, Severity::Medium)
        };
        let took = words(hit.last.saturating_sub(hit.first));
        Finding {
            subject,
            service: Some(Service::HTTP),
            transport: Some(Transport::Tcp),
            dst,
            severity,
            title: format!("Flood of HTTP requests {place}: {} in {took}", hit.count),
            technique: vec!["T1499.002"],
            evidence: vec![plain(format!(
                "{} requests {place} in {took}; the rule allows fewer than {need} in {}",
                hit.count,
                words(self.span)
            ))],
            hit,
        }
    }
}

impl Detector for HttpFlood {
    fn rule(&self) -> &'static str {
        RULE
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let (source, hit, dst, met) = match seen {
            Seen::Deed { at, source, service, event } => {
                let is_http = matches!(service.as_str(), "http" | "https");
                if !is_http || !matches!(event.body, Body::Request(_)) {
                    return;
                }
                (source, self.met.add(source, at, 1, self.span), event.dst, true)
            }
            Seen::Wire(FlowNotice::Activity { at, key, http_requests, .. }) if *http_requests > 0 => {
                let hit = self.wire.add(key.src.ip, *at, u64::from(*http_requests), self.span);
                (key.src.ip, hit, Some(key.dst), false)
            }
            Seen::Wire(_) => return,
        };
        let subject = Subject::Source(source);
        if let Some(hit) = hit.filter(|hit| given.is_due(RULE, subject, *hit)) {
            out.push(self.finding(subject, hit, dst, met));
        }
    }
}
