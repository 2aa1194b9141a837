//! First contact with a honeypot. Nobody has business there, so the contact itself is evidence; it is low because a
//! lost colleague or a search engine touches one too.

use phantom_core::event::{Evidence, Severity};

use crate::detector::{Detector, Finding, Seen, Subject};
use crate::given::Given;
use crate::settings::{Settings, span};
use crate::window::Hit;

pub(super) const RULE: &str = "honeypot_touch";

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    Box::new(HoneypotTouch { cooldown: span(settings.honeypot_touch.cooldown) })
}

struct HoneypotTouch {
    cooldown: i64,
}

impl Detector for HoneypotTouch {
    fn rule(&self) -> &'static str {
        RULE
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let Seen::Deed { at, source, service, event } = seen else { return };
        let (subject, hit) = (Subject::Source(source), Hit { count: 1, first: at, last: at });
        if !given.is_due(RULE, subject, hit) {
            return;
        }
        out.push(Finding {
            subject,
            service: Some(service.clone()),
            transport: event.transport,
            dst: event.dst,
            severity: Severity::Low,
            title: format!("First contact with the {service} honeypot"),
            technique: vec!["T1595"],
            evidence: vec![Evidence {
                text: format!("{} at the {service} honeypot", event.body.kind()),
                event: Some(event.id),
                session: event.session,
            }],
            hit,
        });
    }
}
