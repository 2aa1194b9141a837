//! Which alerts have been given, so that none is given twice.

use phantom_core::BoundedMap;

use crate::detector::Subject;
use crate::window::Hit;

/// Rule and subject pairs remembered; when full, the one untouched for longest may alert again. About 10 MiB.
const REMEMBERED: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Last {
    /// When the alert was given, in microseconds.
    at: i64,
    /// The largest count told since.
    count: u64,
}

/// The alerts given, by rule and subject.
#[derive(Debug)]
pub(crate) struct Given {
    last: BoundedMap<(&'static str, Subject), Last>,
    cooldown: Vec<(&'static str, i64)>,
}

/// What a hit amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing new.
    Nothing,
    /// An alert.
    Alert,
    /// An alert was given; the count has doubled since it was last told.
    Growth,
}

impl Given {
    pub(crate) fn new(cooldown: Vec<(&'static str, i64)>) -> Self {
        Self { last: BoundedMap::new(REMEMBERED), cooldown }
    }

    /// What this hit amounts to.
    pub(crate) fn due(&self, rule: &'static str, subject: Subject, hit: Hit) -> Due {
        match self.last.get(&(rule, subject)) {
            None => Due::Alert,
            Some(last) if hit.last >= last.at.saturating_add(self.cooldown_of(rule)) => Due::Alert,
            Some(last) if hit.count >= last.count.saturating_mul(2) => Due::Growth,
            Some(_) => Due::Nothing,
        }
    }

    /// Whether a finding is worth describing.
    pub(crate) fn is_due(&self, rule: &'static str, subject: Subject, hit: Hit) -> bool {
        self.due(rule, subject, hit) != Due::Nothing
    }

    /// Notes that an alert was given, or that its growth was told.
    pub(crate) fn tell(&mut self, rule: &'static str, subject: Subject, hit: Hit, due: Due) {
        let (last, _) = self.last.touch((rule, subject), || Last { at: hit.last, count: hit.count });
        if due == Due::Alert {
            *last = Last { at: hit.last, count: hit.count };
        } else {
            last.count = last.count.max(hit.count);
        }
    }

    /// Notes an alert out of the journal. False when it, or one that stands for it, was given already.
    pub(crate) fn recall(&mut self, rule: &'static str, subject: Subject, at: i64, count: u64) -> bool {
        let cooldown = self.cooldown_of(rule);
        let known = self.last.get(&(rule, subject)).is_some_and(|last| at < last.at.saturating_add(cooldown));
        if !known {
            self.last.insert((rule, subject), Last { at, count });
        }
        !known
    }

    /// The rule of that name, if this version has it.
    pub(crate) fn rule(&self, name: &str) -> Option<&'static str> {
        self.cooldown.iter().map(|(rule, _)| *rule).find(|rule| *rule == name)
    }

    /// How long one alert of the rule stands.
    pub(crate) fn cooldown_of(&self, rule: &str) -> i64 {
        self.cooldown.iter().find(|(name, _)| *name == rule).map_or(0, |(_, cooldown)| *cooldown)
    }
}
