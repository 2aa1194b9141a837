//! The ledger from outside: what verdicts lead to, and what they never lead to.

mod never;
mod rules;

use std::net::IpAddr;

use phantom_core::event::{Alert, Body, Endpoint, Score, Severity};
use phantom_core::{Event, Timestamp, derived_id, from_micros};
use phantom_respond::{Ledger, Mode, Policy};

/// `seconds` after a fixed instant.
fn at(seconds: i64) -> Timestamp {
    from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

fn verdict(ip: &str, seconds: i64, body: Body) -> Event {
    let id = derived_id(&[ip, &seconds.to_string(), body.kind()]);
    let mut event = Event::new(id, at(seconds), "s".into(), body);
    event.src = Some(Endpoint::new(ip.parse::<IpAddr>().unwrap(), 0));
    event
}

fn alert(ip: &str, seconds: i64, severity: Severity) -> Event {
    let body = Body::Alert(Alert {
        rule: "ssh_bruteforce".into(),
        title: "Password guessing".into(),
        severity,
        score: 70.0,
        technique: vec![],
        evidence: vec![],
        count: 8,
        first: at(seconds),
        last: at(seconds),
    });
    verdict(ip, seconds, body)
}

fn score(ip: &str, seconds: i64, value: f64, level: Severity) -> Event {
    verdict(ip, seconds, Body::Score(Score { value, level, reasons: vec![] }))
}

fn enforcing() -> Policy {
    Policy { mode: Mode::Enforce, home_net: vec!["10.0.0.0/8".parse().unwrap()], ..Policy::default() }
}

fn ledger(policy: Policy) -> Ledger {
    Ledger::new(policy, "s".into()).unwrap()
}

fn action(event: &Event) -> &phantom_core::event::Action {
    match &event.body {
        Body::Action(action) => action,
        other => panic!("not an action: {other:?}"),
    }
}
