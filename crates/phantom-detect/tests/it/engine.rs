//! What holds for all detectors: batches, ids, replays and restarts.

use std::sync::Arc;

use phantom_core::Event;
use phantom_core::event::Service;
use phantom_detect::{Input, rules as names};
use proptest::prelude::*;

use super::{SECOND, alerts, attempt, closed, command, engine, login, opened, request, rules, talk};

fn any_input() -> impl Strategy<Value = Input> {
    (0u8..8, 0u8..3, 0i64..400, 1u16..60).prop_map(|(what, host, tenths, port)| {
        let (ip, at) = (format!("198.51.100.{host}"), tenths * SECOND / 10);
        match what {
            0 => opened(&ip, at),
            1 | 2 => login(Service::SSH, &ip, at, &format!("u{port}"), port % 9 == 0),
            3 => login(Service::FTP, &ip, at, "ftp", false),
            4 => request(&ip, at),
            5 => command(&ip, at),
            6 => closed(attempt(&ip, port, at, "REJ")),
            _ => closed(talk(&ip, 22, at, "ssh", 2000)),
        }
    })
}

fn deeds(inputs: &[Input]) -> Vec<Input> {
    inputs.iter().filter(|i| matches!(i, Input::Event(_))).cloned().collect()
}

/// What the journal holds when the engine took the inputs one batch of `size` after the other.
fn journal(inputs: &[Input], size: usize) -> (Vec<Input>, Vec<Event>) {
    let (mut engine, mut journal, mut verdicts) = (engine(), Vec::new(), Vec::new());
    for batch in inputs.chunks(size) {
        let out = engine.step(batch);
        journal.extend(deeds(batch));
        journal.extend(out.iter().map(|event| Input::Event(Arc::new(event.clone()))));
        verdicts.extend(out);
    }
    (journal, verdicts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn batches_never_change_a_verdict(inputs in prop::collection::vec(any_input(), 0..300), size in 1usize..20) {
        let whole = engine().step(&inputs);
        prop_assert_eq!(&journal(&inputs, size).1, &whole);
        let ids: std::collections::BTreeSet<_> = whole.iter().map(|event| event.id).collect();
        prop_assert_eq!(ids.len(), whole.len(), "no id twice");
    }

    #[test]
    fn a_restart_owes_nothing_that_was_journalled(inputs in prop::collection::vec(any_input(), 0..300), size in 1usize..20) {
        let (journal, _) = journal(&inputs, size);
        let mut again = engine();
        again.restore(&journal);
        let owed = again.restored();
        prop_assert!(alerts(&owed).is_empty(), "{:?}", owed);
        prop_assert!(again.restored().is_empty());
    }

    #[test]
    fn a_restart_over_deeds_alone_is_as_if_nothing_happened(
        before in prop::collection::vec(any_input(), 0..200),
        after in prop::collection::vec(any_input(), 0..100),
        size in 1usize..20,
    ) {
        let (before, after) = (deeds(&before), deeds(&after));
        let mut first = engine();
        first.step(&before);
        let mut second = engine();
        second.restore(&journal(&before, size).0);
        prop_assert_eq!(second.restored(), vec![]);
        prop_assert_eq!(first.sources(), second.sources());
        prop_assert_eq!(first.step(&after), second.step(&after));
    }

    #[test]
    fn verdicts_lost_in_a_crash_are_made_up_with_the_same_ids(before in prop::collection::vec(any_input(), 1..200)) {
        let before = deeds(&before);
        let given = engine().step(&before);
        let mut again = engine();
        again.restore(&before);
        let owed = again.restored();
        let ids = |events: &[Event]| {
            let mut ids: Vec<_> = alerts(events).iter().map(|(event, _)| event.id).collect();
            ids.sort();
            ids
        };
        prop_assert_eq!(ids(&owed), ids(&given));
    }
}

#[test]
fn the_engines_own_verdicts_fed_back_change_nothing() {
    let guesses: Vec<Input> =
        (0..20).map(|i| login(Service::SSH, "198.51.100.7", i * SECOND, "root", false)).collect();
    let mut engine = engine();
    let out = engine.step(&guesses);
    let before = engine.sources();
    let echo: Vec<Input> = out.into_iter().map(|event| Input::Event(Arc::new(event))).collect();
    assert!(engine.step(&echo).is_empty());
    assert_eq!(engine.sources(), before);
}

#[test]
fn an_alert_that_only_the_journal_knows_feeds_the_score_and_holds_back_its_repeat() {
    let scan = |from: i64| {
        (1..=20).map(|port| closed(attempt("198.51.100.7", port, from, "REJ"))).collect::<Vec<_>>()
    };
    let out = engine().step(&scan(0));
    let mut later = engine();
    later.restore(&out.iter().map(|event| Input::Event(Arc::new(event.clone()))).collect::<Vec<_>>());
    assert!(later.restored().is_empty());
    assert_eq!(later.sources()[0].reasons[0].name, "port_scan");
    assert!(rules(&later.step(&scan(60 * SECOND))).is_empty(), "within the hour");
    assert_eq!(rules(&later.step(&scan(3601 * SECOND))), ["port_scan"]);
}

#[test]
fn every_rule_has_one_name() {
    let mut all: Vec<&str> = names().collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8);
    assert!(all.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
}

#[test]
fn a_flood_of_sources_is_bounded() {
    let settings = phantom_detect::Settings {
        score: phantom_detect::settings::ScoreSettings { sources: 100, ..Default::default() },
        ..Default::default()
    };
    let mut engine = phantom_detect::Engine::new(settings, "s1".into());
    for i in 0..1000u32 {
        engine.step(&[opened(&std::net::Ipv4Addr::from(0x0b00_0000 + i).to_string(), i64::from(i))]);
    }
    assert_eq!(engine.sources().len(), 100);
}
