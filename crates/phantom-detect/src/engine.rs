//! A batch in, verdicts out.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use phantom_core::event::{Alert, Body, Endpoint, Reason, Score, Severity};
use phantom_core::{BoundedMap, Event, EventId, Timestamp, derived_id, from_micros, micros};
use phantom_flow::FlowNotice;

use crate::detector::{Detector, Finding, Seen, Subject, plain};
use crate::detectors;
use crate::given::{Due, Given};
use crate::score::{Source, tenths};
use crate::settings::{Settings, span};

/// Alerts held back while the journal is replayed; more than this many unjournalled ones cannot be owed, since only
/// the last batch before a crash can be. When full, the oldest is let go.
const OWED: usize = 4_096;

/// One observation, in intake order.
#[derive(Debug, Clone)]
pub enum Input {
    /// Out of the journal: a honeypot's deed, or a verdict given earlier.
    Event(Arc<Event>),
    /// From the wire.
    Wire(FlowNotice),
}

/// What is known of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceScore {
    /// Whose.
    pub ip: IpAddr,
    /// 0 to 100.
    pub value: f64,
    /// The band of the value.
    pub level: Severity,
    /// What adds up to the value, the weightiest first.
    pub reasons: Vec<Reason>,
    /// Its first evidence still remembered.
    pub first: Timestamp,
    /// Its latest.
    pub last: Timestamp,
}

/// All detectors and the score of every source. Verdicts depend on the observations and their order alone: not on
/// how they are cut into batches, and not on when they are given.
pub struct Engine {
    sensor: Arc<str>,
    home_net: Vec<IpNet>,
    trusted: Vec<IpNet>,
    half_life: i64,
    detectors: Vec<Box<dyn Detector>>,
    given: Given,
    sources: BoundedMap<IpAddr, Source>,
    /// The latest instant seen, in microseconds.
    now: i64,
    found: Vec<Finding>,
    owed: BoundedMap<(&'static str, Subject), Event>,
}

impl Engine {
    /// An engine that has seen nothing. Settings outside what [`Settings::check`] allows are clamped.
    pub fn new(settings: Settings, sensor: Arc<str>) -> Self {
        let detectors = detectors::all(&settings);
        Self {
            sensor,
            half_life: span(settings.score.half_life),
            given: Given::new(detectors.iter().map(|d| (d.rule(), d.cooldown())).collect()),
            detectors,
            sources: BoundedMap::new(settings.score.sources.clamp(1, 1 << 20) as usize),
            home_net: settings.home_net,
            trusted: settings.trusted,
            now: i64::MIN,
            found: Vec::new(),
            owed: BoundedMap::new(OWED),
        }
    }

    /// Takes observations in intake order and gives the verdicts on them: alerts and scores, in the order of the
    /// observations that decided them. An alert or score among the observations counts as given.
    pub fn step(&mut self, batch: &[Input]) -> Vec<Event> {
        let mut out = Vec::new();
        for input in batch {
            for (alert, _) in self.take(input) {
                out.push(alert);
            }
            if let Some((ip, at)) = self.subject_of(input)
                && let Some(score) = self.sources.get_mut(&ip).and_then(|s| s.news(at, self.half_life))
            {
                out.push(self.score_event(ip, at, score));
            }
        }
        out
    }

    /// As [`Engine::step`], for the journal's events at start: verdicts are held back, since the journal most likely
    /// holds them too. Call [`Engine::restored`] at the journal's end.
    pub fn restore(&mut self, batch: &[Input]) {
        for input in batch {
            for (alert, key) in self.take(input) {
                self.owed.insert(key, alert);
            }
            if let Input::Event(event) = input {
                match &event.body {
                    Body::Alert(alert) => self.settle(event, alert),
                    Body::Score(score) => {
                        if let Some(source) = event.source().and_then(|ip| self.sources.get_mut(&ip)) {
                            source.was_told(score);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// The verdicts that the journal should hold and does not, because a crash came between evidence and verdict.
    pub fn restored(&mut self) -> Vec<Event> {
        let owed = std::mem::replace(&mut self.owed, BoundedMap::new(OWED));
        let mut out: Vec<Event> = owed.iter().map(|(_, event)| event.clone()).collect();
        let half_life = self.half_life;
        let mut scores = Vec::new();
        for (ip, source) in self.sources.iter() {
            // A lower value than told is evidence from the wire that the journal does not hold, or time passing:
            // no news.
            if tenths(source.score(source.last, half_life).value) > source.told() {
                scores.push((*ip, source.last));
            }
        }
        for (ip, at) in scores {
            if let Some(score) = self.sources.get_mut(&ip).and_then(|s| s.news(at, half_life)) {
                out.push(self.score_event(ip, at, score));
            }
        }
        out.sort_by_key(|event| event.at);
        out
    }

    /// Every source remembered, as its score stands at the latest instant seen; from the longest silent to the latest.
    pub fn sources(&self) -> Vec<SourceScore> {
        self.sources_at(from_micros(self.now))
    }

    /// Every source remembered, as its score stands at `at`.
    pub fn sources_at(&self, at: Timestamp) -> Vec<SourceScore> {
        self.sources.iter().map(|(ip, source)| self.snapshot(*ip, source, micros(at))).collect()
    }

    /// One source as its score stands at `at`.
    pub fn source_at(&self, ip: IpAddr, at: Timestamp) -> Option<SourceScore> {
        self.sources.get(&ip).map(|source| self.snapshot(ip, source, micros(at)))
    }

    fn snapshot(&self, ip: IpAddr, source: &Source, at: i64) -> SourceScore {
        let Score { value, level, reasons } = source.score(at.max(source.last), self.half_life);
        SourceScore {
            ip,
            value,
            level,
            reasons,
            first: from_micros(source.first),
            last: from_micros(source.last),
        }
    }

    /// Takes one observation; the alerts it decides.
    fn take(&mut self, input: &Input) -> Vec<(Event, (&'static str, Subject))> {
        let Some((source, at)) = self.subject_of(input) else { return Vec::new() };
        self.now = self.now.max(at);
        let seen = match input {
            Input::Event(event) => match (&event.body, &event.service) {
                (Body::Alert(alert), _) => {
                    self.recall(event, source, alert);
                    return Vec::new();
                }
                (body, Some(service)) if body.is_deed() => {
                    let (known, _) = self.sources.touch(source, || Source::new(at));
                    known.deed(at, service, event, self.half_life);
                    Seen::Deed { at, source, service, event }
                }
                _ => return Vec::new(),
            },
            Input::Wire(notice) => Seen::Wire(notice),
        };
        let mut found = std::mem::take(&mut self.found);
        let mut alerts = Vec::new();
        for detector in &mut self.detectors {
            detector.observe(seen, &self.given, &mut found);
            let rule = detector.rule();
            for finding in found.drain(..) {
                let due = self.given.due(rule, finding.subject, finding.hit);
                self.given.tell(rule, finding.subject, finding.hit, due);
                alerts.push((rule, finding, due));
            }
        }
        self.found = found;
        alerts.into_iter().filter_map(|(rule, finding, due)| self.verdict(rule, finding, due, at)).collect()
    }

    /// Feeds the score, and words the alert if it is one.
    fn verdict(
        &mut self,
        rule: &'static str,
        finding: Finding,
        due: Due,
        at: i64,
    ) -> Option<(Event, (&'static str, Subject))> {
        let subject = finding.subject;
        let mut alert = Alert {
            rule: rule.to_owned(),
            title: finding.title,
            severity: finding.severity,
            score: 0.0,
            technique: finding.technique.into_iter().map(str::to_owned).collect(),
            evidence: finding.evidence,
            count: finding.hit.count,
            first: from_micros(finding.hit.first),
            last: from_micros(finding.hit.last),
        };
        if let Subject::Source(ip) = subject {
            let (source, _) = self.sources.touch(ip, || Source::new(at));
            source.alert(&alert, self.half_life);
            alert.score = source.score(at.max(source.last), self.half_life).value;
            if self.home_net.iter().any(|net| net.contains(&ip)) {
                alert.evidence.push(plain("the source is within the home network".to_owned()));
            }
        }
        if due != Due::Alert {
            return None;
        }
        let whom = match subject {
            Subject::Source(ip) => ip.to_string(),
            Subject::Target(dst) => format!("towards {} {}", dst.ip, dst.port),
        };
        let id = derived_id(&["alert", rule, &self.sensor, &whom, &at.to_string()]);
        let mut event = Event::new(id, from_micros(at), self.sensor.clone(), Body::Alert(alert));
        event.src = match subject {
            Subject::Source(ip) => Some(Endpoint::new(ip, 0)),
            Subject::Target(_) => None,
        };
        (event.dst, event.service, event.transport) = (finding.dst, finding.service, finding.transport);
        Some((event, (rule, subject)))
    }

    /// Counts an alert of the journal as given, unless the same evidence has given it already.
    fn recall(&mut self, event: &Event, source: IpAddr, alert: &Alert) {
        let Some(rule) = self.given.rule(&alert.rule) else { return };
        let subject = subject_of_alert(event, source);
        let (at, count) = (micros(event.at), alert.count);
        if self.given.recall(rule, subject, at, count)
            && let Subject::Source(ip) = subject
        {
            let (source, _) = self.sources.touch(ip, || Source::new(at));
            source.alert(alert, self.half_life);
        }
    }

    /// An alert of the journal stands for the one held back.
    fn settle(&mut self, event: &Event, alert: &Alert) {
        let source = event.src.or(event.dst).map(|endpoint| endpoint.ip);
        let (Some(rule), Some(source)) = (self.given.rule(&alert.rule), source) else { return };
        let key = (rule, subject_of_alert(event, source));
        let cooldown = self.given.cooldown_of(rule);
        let stands =
            self.owed.get(&key).is_some_and(|owed| (micros(owed.at) - micros(event.at)).abs() < cooldown);
        if stands {
            self.owed.remove(&key);
        }
    }

    /// Whom an observation is about and when it was; `None` for those that say nothing or whose source is trusted.
    fn subject_of(&self, input: &Input) -> Option<(IpAddr, i64)> {
        let (ip, at) = match input {
            Input::Event(event) => {
                let target = if matches!(event.body, Body::Alert(_)) { event.dst } else { None };
                (event.src.or(target)?.ip, micros(event.at))
            }
            Input::Wire(FlowNotice::Opened { at, key, .. } | FlowNotice::Activity { at, key, .. }) => {
                (key.src.ip, *at)
            }
            Input::Wire(FlowNotice::Closed(record)) => (record.key.src.ip, record.last),
        };
        (!self.trusted.iter().any(|net| net.contains(&ip))).then_some((ip, at))
    }

    fn score_event(&self, ip: IpAddr, at: i64, score: Score) -> Event {
        let id: EventId = derived_id(&[
            "score",
            &self.sensor,
            &ip.to_string(),
            &at.to_string(),
            &tenths(score.value).to_string(),
        ]);
        let mut event = Event::new(id, from_micros(at), self.sensor.clone(), Body::Score(score));
        event.src = Some(Endpoint::new(ip, 0));
        event
    }
}

fn subject_of_alert(event: &Event, source: IpAddr) -> Subject {
    match (event.src, event.dst) {
        (None, Some(target)) => Subject::Target(target),
        _ => Subject::Source(source),
    }
}
