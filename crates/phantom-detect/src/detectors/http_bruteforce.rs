//! Password guessing over HTTP. The wire shows answers of 401, which honest clients of NTLM get too.

use phantom_core::event::Severity;
use phantom_flow::FlowNotice;

use super::brute_force::{BruteForce, Rate, Rule, WireLogins};
use crate::detector::{Detector, Finding, Seen};
use crate::given::Given;
use crate::settings::{Settings, attempts, span};

pub(super) const RULE: &str = "http_bruteforce";

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.http_bruteforce;
    let guesses = BruteForce::new(Rule {
        name: RULE,
        protocol: "http",
        services: &["http", "https"],
        fast: Rate { need: attempts(s.attempts), span: span(s.window) },
        slow: Rate { need: attempts(s.slow_attempts), span: span(s.slow_window) },
        wire: Rate { need: attempts(s.wire_attempts), span: span(s.wire_window) },
        wire_words: "answers 401",
        wire_severity: Severity::Medium,
    });
    Box::new(HttpBruteforce { cooldown: span(s.cooldown), guesses })
}

struct HttpBruteforce {
    cooldown: i64,
    guesses: BruteForce,
}

impl Detector for HttpBruteforce {
    fn rule(&self) -> &'static str {
        self.guesses.name()
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        match seen {
            Seen::Wire(FlowNotice::Closed(record))
                if record.flow.app.as_deref() == Some("http") && record.login_failures > 0 =>
            {
                let (source, dst) = (record.key.src.ip, record.key.dst);
                let n = record.login_failures;
                let logins = WireLogins { source, dst, n, first: record.first, last: record.last };
                self.guesses.wire(logins, given, out);
            }
            seen => self.guesses.deed(seen, given, out),
        }
    }
}
