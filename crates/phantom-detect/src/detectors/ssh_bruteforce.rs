//! Password guessing over SSH. On the wire the outcome of a login is encrypted: short connections stand for failed
//! ones, which is why that evidence is weaker.

use phantom_core::event::Severity;
use phantom_flow::{Ended, FlowNotice, FlowRecord};

use super::brute_force::{BruteForce, Rate, Rule, WireLogins};
use crate::detector::{Detector, Finding, Seen};
use crate::given::Given;
use crate::settings::{Settings, attempts, span};

pub(super) const RULE: &str = "ssh_bruteforce";

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.ssh_bruteforce;
    Box::new(SshBruteforce {
        cooldown: span(s.cooldown),
        payload: s.wire_payload,
        duration: u64::try_from(s.wire_duration.as_millis()).unwrap_or(u64::MAX),
        guesses: BruteForce::new(Rule {
            name: RULE,
            protocol: "ssh",
            services: &["ssh"],
            fast: Rate { need: attempts(s.attempts), span: span(s.window) },
            slow: Rate { need: attempts(s.slow_attempts), span: span(s.slow_window) },
            wire: Rate { need: attempts(s.wire_attempts), span: span(s.wire_window) },
            wire_words: "short connections",
            wire_severity: Severity::Medium,
        }),
    })
}

struct SshBruteforce {
    cooldown: i64,
    payload: u64,
    duration: u64,
    guesses: BruteForce,
}

impl SshBruteforce {
    /// Whether both sides spoke, and no more than a refused login takes.
    fn is_short(&self, record: &FlowRecord) -> bool {
        let flow = &record.flow;
        flow.app.as_deref() == Some("ssh")
            && record.ended != Ended::Active
            && flow.payload_out.min(flow.payload_in) > 0
            && flow.payload_out.max(flow.payload_in) <= self.payload
            && flow.duration_ms <= self.duration
    }
}

impl Detector for SshBruteforce {
    fn rule(&self) -> &'static str {
        self.guesses.name()
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        match seen {
            Seen::Wire(FlowNotice::Closed(record)) if self.is_short(record) => {
                let (source, dst) = (record.key.src.ip, record.key.dst);
                let logins = WireLogins { source, dst, n: 1, first: record.last, last: record.last };
                self.guesses.wire(logins, given, out);
            }
            seen => self.guesses.deed(seen, given, out),
        }
    }
}
