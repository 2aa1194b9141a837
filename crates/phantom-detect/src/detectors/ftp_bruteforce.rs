//! Password guessing over FTP. The wire shows refusals in clear (reply 530, RFC 959 section 4.2).

use phantom_core::event::Severity;
use phantom_flow::FlowNotice;

use super::brute_force::{BruteForce, Rate, Rule, WireLogins};
use crate::detector::{Detector, Finding, Seen};
use crate::given::Given;
use crate::settings::{Settings, attempts, span};

pub(super) const RULE: &str = "ftp_bruteforce";

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.ftp_bruteforce;
    let guesses = BruteForce::new(Rule {
        name: RULE,
        protocol: "ftp",
        services: &["ftp"],
        fast: Rate { need: attempts(s.attempts), span: span(s.window) },
        slow: Rate { need: attempts(s.slow_attempts), span: span(s.slow_window) },
        wire: Rate { need: attempts(s.wire_attempts), span: span(s.wire_window) },
        wire_words: "refused logins",
        wire_severity: Severity::High,
    });
    Box::new(FtpBruteforce { cooldown: span(s.cooldown), guesses })
}

struct FtpBruteforce {
    cooldown: i64,
    guesses: BruteForce,
}

impl Detector for FtpBruteforce {
    fn rule(&self) -> &'static str {
        self.guesses.name()
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        match seen {
            Seen::Wire(FlowNotice::Closed(record))
                if record.flow.app.as_deref() == Some("ftp") && record.login_failures > 0 =>
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
