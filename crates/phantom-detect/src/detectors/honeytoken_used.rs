//! A pair of user name and password that stands nowhere but where a thief would find it. Nobody guesses it, so one use
//! is proof that somebody read what it was laid in.

use phantom_core::event::{Body, Evidence, Severity};
use phantom_core::pattern::Pair;

use crate::detector::{Detector, Finding, Seen, Subject};
use crate::given::Given;
use crate::settings::{Settings, span};
use crate::window::Hit;

pub(super) const RULE: &str = "honeytoken_used";

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let settings = &settings.honeytoken_used;
    let pairs = settings.pairs.iter().flat_map(|pair| Pair::parse_narrow(pair)).collect();
    Box::new(HoneytokenUsed { pairs, cooldown: span(settings.cooldown) })
}

struct HoneytokenUsed {
    pairs: Vec<Pair>,
    cooldown: i64,
}

impl Detector for HoneytokenUsed {
    fn rule(&self) -> &'static str {
        RULE
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let Seen::Deed { at, source, service, event } = seen else { return };
        let Body::Login(login) = &event.body else { return };
        let (user, secret) = (login.username.as_bytes(), login.secret.as_bytes());
        if !self.pairs.iter().any(|pair| pair.matches(user, secret)) {
            return;
        }
        let (subject, hit) = (Subject::Source(source), Hit { count: 1, first: at, last: at });
        if !given.is_due(RULE, subject, hit) {
            return;
        }
        let answer = if login.accepted { "let in" } else { "refused" };
        out.push(Finding {
            subject,
            service: Some(service.clone()),
            transport: event.transport,
            dst: event.dst,
            severity: Severity::Critical,
            title: format!("A honeytoken was used at the {service} honeypot"),
            technique: vec!["T1078"],
            // The secret stays where it is: alerts are sent on to places that evidence is not.
            evidence: vec![Evidence {
                text: format!("the pair laid out for \"{}\", {answer}", login.username),
                event: Some(event.id),
                session: event.session,
            }],
            hit,
        });
    }
}
