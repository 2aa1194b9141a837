use phantom_core::event::*;
use phantom_journal::Cursor;
use phantom_store::*;
use proptest::prelude::*;

use crate::{Db, alert, at, event, login, numbered};

fn body() -> impl Strategy<Value = Body> {
    let bytes =
        || proptest::collection::vec(prop_oneof![Just(0u8), Just(0xff), Just(b'a'), any::<u8>()], 0..6);
    prop_oneof![
        Just(Body::Opened(Opened {})),
        (bytes(), bytes(), any::<bool>()).prop_map(|(name, secret, ok)| login(&name, &secret, ok)),
        bytes().prop_map(|line| Body::Command(Command { line: line.into(), accepted: false })),
        bytes().prop_map(|value| Body::Note(Note { name: "\u{f700}0\0".into(), value: value.into() })),
        Just(Body::Closed(Closed { duration_ms: 1, ..Closed::default() })),
        prop_oneof![Just("port_scan"), Just("http_flood")].prop_map(|rule| alert(rule, Severity::Medium)),
        (0u8..101).prop_map(|n| Body::Score(Score { value: n.into(), ..Score::default() })),
        (any::<bool>(), 0u64..99, prop_oneof![Just("dry_run"), Just("expired"), Just("refused: x")])
            .prop_map(|(block, ttl, outcome)| {
                Body::Action(Action {
                    what: if block { "block" } else { "unblock" }.into(),
                    target: "192.0.2.1".into(),
                    ttl: Some(ttl),
                    reason: "r\0".into(),
                    outcome: outcome.into(),
                })
            }),
        (0u64..1 << 40).prop_map(|n| Body::Flow(Flow { bytes_in: n, ..Flow::default() })),
    ]
}

/// Everything a reader can see.
fn answers(store: &Store) -> String {
    let now = at(30);
    format!(
        "{:?}",
        (
            store.cursor().unwrap(),
            store.events(&EventQuery::default()).unwrap(),
            store.sessions(&SessionQuery::default()).unwrap(),
            store.alerts(&AlertQuery::default()).unwrap(),
            store.sources(&SourceQuery { now, ..Default::default() }).unwrap(),
            store.flows(&FlowQuery::default()).unwrap(),
            store.blocks(&BlockQuery { active_at: Some(now), ..Default::default() }).unwrap(),
            store.actions(&ActionQuery::default()).unwrap(),
            store.summary(at(0), at(60)).unwrap(),
            store.timeline(at(0), at(60), std::time::Duration::ZERO).unwrap(),
            store.credentials(at(0), at(60), None, 3).unwrap(),
        )
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_arms_answer_alike_however_the_history_was_cut_and_repeated(
        history in proptest::collection::vec((0u8..4, proptest::option::of(0u8..3), body()), 1..40),
        cuts in proptest::collection::vec((0usize..40, 0usize..40), 0..6),
    ) {
        let events: Vec<_> = (0..)
            .zip(history)
            .map(|(n, (host, session, body))| event(n, host, session, body))
            .collect();
        let events = numbered(events);
        let end = Cursor { seq: events.len() as u64 + 1 };
        let (lite, big, whole) = (Db::sqlite(), Db::postgres(), Db::sqlite());
        let (lite, big, whole) = (&lite.open(), &big.open(), &whole.open());
        // Batches go forward, but each may begin again before the end of the one before it.
        let mut done = 0;
        for (back, forward) in cuts.iter().copied().chain([(0, events.len())]) {
            let start = done - back.min(done);
            done = (done + forward).min(events.len());
            for store in [lite, big] {
                store.ingest(&events[start..done], &Cursor { seq: done as u64 + 1 }).unwrap();
            }
        }
        whole.ingest(&events, &end).unwrap();
        let expected = answers(whole);
        prop_assert_eq!(&answers(lite), &expected);
        prop_assert_eq!(&answers(big), &expected);
    }
}
