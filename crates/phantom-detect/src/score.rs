//! The threat score of a source: 0 to 100, with reasons that add up to it.
//!
//! Every kind of evidence k has a strength p between 0 and 1. They combine as independent chances that the source is
//! hostile: `value = 100 * (1 - product of (1 - p))`. With `L = -ln(1 - p)` the strengths add, so each kind's points
//! are its share of the sum of L. Deeds saturate, `p = weight * (1 - exp(-n / scale))`, where n loses half in every
//! half-life. Alerts grow with the count, `p = 1 - (1 - base) * count^-0.1`, and their L loses half in every
//! half-life. Alerts of medium severity rest on what can be forged or is inferred: together they count at most
//! [`SOFT_CAP`], so that they never make a source `high` alone.

use phantom_core::Event;
use phantom_core::event::{Alert, Body, Direction, Reason, Score, Service, Severity};

use crate::detector::is_guess;

/// What medium alerts together are worth at most: below the band `high`.
const SOFT_CAP: f64 = 0.55;
/// Alerts remembered a source; there are fewer rules than this.
const ALERTS: usize = 16;
/// Services named in a reason.
const SERVICES: usize = 8;
/// A score is told again when it moved by this many tenths of a point.
const STEP: i64 = 50;

/// The band of a value: below 30 low, below 60 medium, below 85 high, critical above.
pub fn level_of(value: f64) -> Severity {
    match value {
        v if v < 30.0 => Severity::Low,
        v if v < 60.0 => Severity::Medium,
        v if v < 85.0 => Severity::High,
        _ => Severity::Critical,
    }
}

/// Evidence that is counted. Weight: what it is worth when there is plenty; scale: how many make 63% of that.
struct Kind {
    name: &'static str,
    weight: f64,
    scale: f64,
}

const TOUCH: usize = 0;
const FAILED: usize = 1;
const ACCEPTED: usize = 2;
const COMMANDS: usize = 3;
const UPLOADS: usize = 4;
const DOWNLOADS: usize = 5;
const REQUESTS: usize = 6;

/// In the order of the indices above.
const KINDS: [Kind; 7] = [
    Kind { name: "honeypot_touch", weight: 0.35, scale: 1.0 },
    Kind { name: "failed_logins", weight: 0.65, scale: 8.0 },
    Kind { name: "accepted_logins", weight: 0.5, scale: 0.7 },
    Kind { name: "commands", weight: 0.6, scale: 5.0 },
    Kind { name: "uploads", weight: 0.8, scale: 0.7 },
    Kind { name: "downloads", weight: 0.3, scale: 2.0 },
    Kind { name: "requests", weight: 0.4, scale: 40.0 },
];

/// What is known of one source. Bounded: about 1.5 KiB at most.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Amounts as they weigh at `last`.
    amounts: [f64; KINDS.len()],
    totals: [u64; KINDS.len()],
    services: Vec<Service>,
    alerts: Vec<Mark>,
    /// Tenths of a point and band last told.
    told: (i64, Severity),
    /// Evidence has come since it was last weighed.
    changed: bool,
}

/// What a share of the score rests on: an index into [`KINDS`] or the source's alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Kind(usize),
    Alert(usize),
}

#[derive(Debug, Clone)]
struct Mark {
    rule: String,
    severity: Severity,
    count: u64,
    last: i64,
    title: String,
}

fn decay(from: i64, to: i64, half_life: i64) -> f64 {
    0.5f64.powf(to.saturating_sub(from).max(0) as f64 / half_life.max(1) as f64)
}

impl Source {
    pub(crate) fn new(at: i64) -> Self {
        Self {
            first: at,
            last: at,
            amounts: [0.0; KINDS.len()],
            totals: [0; KINDS.len()],
            services: Vec::new(),
            alerts: Vec::new(),
            told: (0, Severity::Low),
            changed: false,
        }
    }

    fn advance(&mut self, at: i64, half_life: i64) {
        self.changed = true;
        let factor = decay(self.last, at, half_life);
        self.amounts.iter_mut().for_each(|n| *n *= factor);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }

    /// Takes what the source did at a honeypot.
    pub(crate) fn deed(&mut self, at: i64, service: &Service, event: &Event, half_life: i64) {
        self.advance(at, half_life);
        let kind = match &event.body {
            Body::Login(login) if login.accepted => Some(ACCEPTED),
            Body::Login(login) if is_guess(login) => Some(FAILED),
            Body::Command(_) => Some(COMMANDS),
            Body::Transfer(transfer) if transfer.direction == Direction::Upload => Some(UPLOADS),
            Body::Transfer(_) => Some(DOWNLOADS),
            Body::Request(_) => Some(REQUESTS),
            _ => None,
        };
        let is_new = self.totals.first() == Some(&0);
        let touch = (matches!(event.body, Body::Opened(_)) || is_new).then_some(TOUCH);
        for kind in kind.into_iter().chain(touch) {
            if let (Some(amount), Some(total)) = (self.amounts.get_mut(kind), self.totals.get_mut(kind)) {
                *amount += 1.0;
                *total += 1;
            }
        }
        if !self.services.contains(service) && self.services.len() < SERVICES {
            self.services.push(service.clone());
            self.services.sort();
        }
    }

    /// Takes an alert, or the growth of one; the same one twice changes nothing.
    pub(crate) fn alert(&mut self, alert: &Alert, half_life: i64) {
        let last = phantom_core::micros(alert.last);
        self.advance(last, half_life);
        if alert.severity == Severity::Low {
            return;
        }
        if let Some(mark) = self.alerts.iter_mut().find(|mark| mark.rule == alert.rule) {
            mark.severity = mark.severity.max(alert.severity);
            mark.last = mark.last.max(last);
            if alert.count >= mark.count {
                mark.count = alert.count;
                mark.title.clone_from(&alert.title);
            }
        } else if self.alerts.len() < ALERTS {
            self.alerts.push(Mark {
                rule: alert.rule.clone(),
                severity: alert.severity,
                count: alert.count,
                last,
                title: alert.title.clone(),
            });
        }
    }

    /// The score as it stands at `at`.
    pub(crate) fn score(&self, at: i64, half_life: i64) -> Score {
        let (tenths, parts) = self.weigh(at, half_life);
        let value = tenths as f64 / 10.0;
        Score { value, level: level_of(value), reasons: self.share(tenths, parts) }
    }

    /// The value in tenths, and the L of what it is made of.
    fn weigh(&self, at: i64, half_life: i64) -> (i64, Vec<(f64, Part)>) {
        let fading = decay(self.last, at, half_life);
        let mut parts = Vec::with_capacity(KINDS.len() + self.alerts.len());
        for (i, (kind, amount)) in KINDS.iter().zip(&self.amounts).enumerate() {
            let strength = kind.weight * (1.0 - (-amount * fading / kind.scale).exp());
            if strength > 0.0 {
                parts.push((-(1.0 - strength).ln(), Part::Kind(i)));
            }
        }
        let weights: Vec<f64> = self.alerts.iter().map(|mark| mark.strength(at, half_life)).collect();
        let soft: f64 = self.alerts.iter().zip(&weights).filter(|(m, _)| m.is_soft()).map(|(_, l)| l).sum();
        let damp = (-(1.0 - SOFT_CAP).ln() / soft.max(f64::MIN_POSITIVE)).min(1.0);
        for (i, (mark, weight)) in self.alerts.iter().zip(weights).enumerate() {
            parts.push((if mark.is_soft() { weight * damp } else { weight }, Part::Alert(i)));
        }
        let sum: f64 = parts.iter().map(|(l, _)| l).sum();
        ((1000.0 * (1.0 - (-sum).exp())).round() as i64, parts)
    }

    /// The score, if it is worth telling again.
    pub(crate) fn news(&mut self, at: i64, half_life: i64) -> Option<Score> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let (tenths, parts) = self.weigh(at, half_life);
        let value = tenths as f64 / 10.0;
        let (told, level) = self.told;
        if level_of(value) == level && (tenths - told).abs() < STEP {
            return None;
        }
        self.told = (tenths, level_of(value));
        Some(Score { value, level: level_of(value), reasons: self.share(tenths, parts) })
    }

    /// Notes a score that was told before a restart.
    pub(crate) fn was_told(&mut self, score: &Score) {
        self.told = (tenths(score.value), score.level);
    }

    /// Tenths last told.
    pub(crate) fn told(&self) -> i64 {
        self.told.0
    }

    /// Deals out `tenths` by strength so that the points add up exactly; what rounds to nothing is no reason.
    fn share(&self, tenths: i64, mut parts: Vec<(f64, Part)>) -> Vec<Reason> {
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let sum = parts.iter().map(|(l, _)| l).sum::<f64>().max(f64::MIN_POSITIVE);
        let (mut before, mut dealt) = (0.0, 0);
        let mut reasons = Vec::new();
        let last = parts.len().saturating_sub(1);
        for (i, (strength, part)) in parts.into_iter().enumerate() {
            before += strength;
            let upto = if i == last { tenths } else { (tenths as f64 * (before / sum)).round() as i64 };
            if upto <= dealt {
                continue;
            }
            let (name, text) = match part {
                Part::Kind(kind) => (KINDS.get(kind).map_or("", |k| k.name).to_owned(), self.words(kind)),
                Part::Alert(i) => {
                    self.alerts.get(i).map(|m| (m.rule.clone(), m.title.clone())).unwrap_or_default()
                }
            };
            reasons.push(Reason { name, text, points: (upto - dealt) as f64 / 10.0 });
            dealt = upto;
        }
        reasons
    }

    fn words(&self, kind: usize) -> String {
        let n = self.totals.get(kind).copied().unwrap_or(0);
        let many = |one: &str, more: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {more}") };
        match kind {
            TOUCH => {
                let names: Vec<&str> = self.services.iter().map(Service::as_str).collect();
                let plural = if names.len() == 1 { "honeypot" } else { "honeypots" };
                let visits = if n == 1 { String::new() } else { format!(" ({n} visits)") };
                format!("touched the {} {plural}{visits}", names.join(", "))
            }
            FAILED => many("failed login at a honeypot", "failed logins at honeypots"),
            ACCEPTED => many("login a honeypot let in", "logins honeypots let in"),
            COMMANDS => many("command run in a honeypot", "commands run in honeypots"),
            UPLOADS => many("file left in a honeypot", "files left in honeypots"),
            DOWNLOADS => many("file taken from a honeypot", "files taken from honeypots"),
            _ => many("request to a honeypot", "requests to honeypots"),
        }
    }
}

impl Mark {
    fn is_soft(&self) -> bool {
        self.severity <= Severity::Medium
    }

    /// L of the module's description.
    fn strength(&self, at: i64, half_life: i64) -> f64 {
        let base: f64 = match self.severity {
            Severity::Low => 0.0,
            Severity::Medium => 0.3,
            Severity::High => 0.5,
            Severity::Critical => 0.7,
        };
        (-(1.0 - base).ln() + 0.1 * (self.count.max(1) as f64).ln()) * decay(self.last, at, half_life)
    }
}

pub(crate) fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_core::event::{Command, Login, Opened};
    use phantom_core::{EventId, from_micros};
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    fn did(source: &mut Source, at: i64, body: Body) {
        let event = Event::new(EventId::new(from_micros(at), [0; 10]), from_micros(at), "s".into(), body);
        source.deed(at, &Service::SSH, &event, DAY);
    }

    fn alert(rule: &str, severity: Severity, count: u64) -> Alert {
        Alert {
            rule: rule.into(),
            title: format!("{count} of {rule}"),
            severity,
            score: 0.0,
            technique: vec![],
            evidence: vec![],
            count,
            first: from_micros(0),
            last: from_micros(0),
        }
    }

    #[test]
    fn one_touch_is_low_with_its_reason() {
        let mut source = Source::new(0);
        did(&mut source, 0, Body::Opened(Opened {}));
        let score = source.news(0, DAY).unwrap();
        assert_eq!((score.value, score.level), (22.1, Severity::Low));
        assert_eq!(score.reasons.len(), 1);
        assert_eq!(score.reasons[0].text, "touched the ssh honeypot");
        assert_eq!(source.news(0, DAY), None, "told once");
        assert_eq!(source.score(DAY, DAY).value, 13.8, "half the evidence after a half-life");
    }

    #[test]
    fn getting_in_and_acting_weighs_more() {
        let mut source = Source::new(0);
        did(&mut source, 0, Body::Opened(Opened {}));
        did(&mut source, 1, Body::Login(Login { accepted: true, ..Login::default() }));
        let inside = source.score(1, DAY);
        assert_eq!(inside.level, Severity::Medium);
        assert_eq!(inside.reasons[0].name, "accepted_logins");
        for i in 0..10 {
            did(&mut source, i, Body::Command(Command::default()));
        }
        assert_eq!(source.score(10, DAY).level, Severity::High);
    }

    #[test]
    fn what_can_be_forged_never_makes_a_source_high_alone() {
        let mut source = Source::new(0);
        for rule in ["port_scan", "syn_flood", "http_flood", "ssh_bruteforce"] {
            source.alert(&alert(rule, Severity::Medium, u64::MAX), DAY);
        }
        let score = source.score(0, DAY);
        assert_eq!((score.value, score.level), (55.0, Severity::Medium));
        assert_eq!(score.reasons.len(), 4);
        source.alert(&alert("ftp_bruteforce", Severity::High, 10), DAY);
        assert_eq!(source.score(0, DAY).level, Severity::High);
    }

    #[test]
    fn the_bands_meet_without_gaps() {
        let bands = [
            (29.9, Severity::Low),
            (30.0, Severity::Medium),
            (59.9, Severity::Medium),
            (60.0, Severity::High),
        ];
        for (value, level) in bands.into_iter().chain([(84.9, Severity::High), (85.0, Severity::Critical)]) {
            assert_eq!(level_of(value), level, "{value}");
        }
    }

    proptest! {
        #[test]
        fn reasons_add_up_and_values_stay_in_bounds(
            deeds in prop::collection::vec((0i64..10 * DAY, 0u8..6), 0..80),
            counts in prop::collection::vec((0u8..4, any::<u64>()), 0..20),
            later in 0i64..30 * DAY,
        ) {
            let mut source = Source::new(0);
            for (at, what) in deeds {
                did(&mut source, at, match what {
                    0 => Body::Opened(Opened {}),
                    1 => Body::Login(Login::default()),
                    2 => Body::Login(Login { accepted: true, ..Login::default() }),
                    3 => Body::Command(Command::default()),
                    4 => Body::Request(phantom_core::event::Request::default()),
                    _ => Body::Closed(phantom_core::event::Closed::default()),
                });
            }
            for (severity, count) in counts {
                let level = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][usize::from(severity)];
                source.alert(&alert(&format!("rule_{}", count % 20), level, count), DAY);
            }
            for at in [source.last, source.last + later] {
                let score = source.score(at, DAY);
                prop_assert!((0.0..=100.0).contains(&score.value));
                prop_assert_eq!(score.reasons.iter().map(|r| tenths(r.points)).sum::<i64>(), tenths(score.value));
                prop_assert!(score.reasons.iter().all(|r| r.points > 0.0));
            }
            prop_assert!(source.score(source.last + later, DAY).value <= source.score(source.last, DAY).value);
        }
    }
}
