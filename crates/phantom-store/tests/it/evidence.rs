use std::time::Duration;

use phantom_core::event::*;
use phantom_journal::{Cursor, Item, Journal, Options};
use phantom_store::*;

use crate::{alert, at, both, event, login, numbered, session_id};

fn action(what: &str, ttl: Option<u64>, outcome: &str) -> Body {
    Body::Action(Action {
        what: what.into(),
        target: "192.0.2.2".into(),
        ttl,
        reason: "because".into(),
        outcome: outcome.into(),
    })
}

fn visit() -> Vec<Event> {
    vec![
        event(1, 2, Some(1), Body::Opened(Opened {})),
        event(2, 2, Some(1), login(b"root", b"", false)),
        event(3, 2, Some(1), login(b"ad\0min\xff", b"\0\xfe\xef\x9c\x80", true)),
        event(4, 2, Some(1), Body::Command(Command { line: "id".into(), accepted: true })),
        event(5, 2, Some(1), alert("ssh_bruteforce", Severity::High)),
        event(
            6,
            2,
            None,
            Body::Score(Score {
                value: 61.5,
                level: Severity::High,
                reasons: vec![Reason { name: "touch".into(), text: "t".into(), points: 61.5 }],
            }),
        ),
        event(7, 2, None, action("block", Some(3600), "dry_run")),
        event(8, 3, None, Body::Flow(Flow { app: Some("http".into()), bytes_in: 9, ..Flow::default() })),
        event(
            70,
            2,
            Some(1),
            Body::Closed(Closed {
                duration_ms: 69_000,
                bytes_in: 10,
                bytes_out: 20,
                why: Some("idle".into()),
                recording: None,
            }),
        ),
    ]
}

#[test]
fn a_visit_is_told_from_every_side() {
    both(|db| {
        let store = db.open();
        let events = numbered(visit());
        assert_eq!(store.cursor().unwrap(), Cursor::START);
        assert_eq!(store.ingest(&events, &Cursor { seq: 10 }).unwrap(), 9);
        assert_eq!(store.cursor().unwrap(), Cursor { seq: 10 });

        let page = store.events(&EventQuery::default()).unwrap();
        let held: Vec<_> = page.items.iter().rev().map(|s| (s.seq, s.event.clone())).collect();
        assert_eq!(held, events.iter().map(|(n, e)| (*n, (**e).clone())).collect::<Vec<_>>());

        let session = store.session(session_id(1)).unwrap().unwrap();
        assert_eq!((session.opened, session.closed), (at(1), Some(at(70))));
        assert_eq!((session.events, session.logins, session.commands), (5, 2, 1));
        assert_eq!((session.accepted, session.duration_ms), (true, 69_000));
        assert_eq!(session.username.as_ref().unwrap().as_bytes(), b"ad\0min\xff");
        assert_eq!(store.sessions(&SessionQuery::default()).unwrap().items, [session]);
        let none = SessionQuery { accepted: Some(false), ..Default::default() };
        assert!(store.sessions(&none).unwrap().items.is_empty());

        let source = store.source([192, 0, 2, 2].into(), at(100)).unwrap().unwrap();
        assert_eq!((source.score, source.level, source.blocked), (61.5, Severity::High, true));
        assert_eq!((source.first, source.last), (at(-5), at(70)));
        assert_eq!((source.events, source.sessions), (5, 1));
        assert!(source.rules.contains("ssh_bruteforce") && source.services.contains("ssh"));
        assert!(!store.source([192, 0, 2, 2].into(), at(3700)).unwrap().unwrap().blocked);
        let ranked = store.sources(&SourceQuery { now: at(100), ..Default::default() }).unwrap().items;
        assert_eq!(ranked.len(), 2);
        assert_eq!(ranked[0], source);
        let high = SourceQuery { min_score: Some(61.5), level: Some(Severity::High), ..Default::default() };
        assert_eq!(store.sources(&high).unwrap().items.len(), 1);

        let found = store.alerts(&AlertQuery::default()).unwrap().items;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].alert.evidence[0].text, "seen\0");
        assert_eq!(found[0].status, Triage::Open);
        assert!(store.triage(found[0].id, Triage::FalsePositive, "n\0", "ann", at(80)).unwrap());
        assert!(!store.triage(events[0].1.id, Triage::Open, "", "ann", at(80)).unwrap());
        let open = AlertQuery { status: Some(Triage::Open), ..Default::default() };
        assert!(store.alerts(&open).unwrap().items.is_empty());
        let row = store.alert(found[0].id).unwrap().unwrap();
        assert_eq!(
            (row.status, row.note.as_str(), row.triaged_at),
            (Triage::FalsePositive, "n\0", Some(at(80)))
        );
        assert!(serde_json::to_value(&row).unwrap()["rule"] == "ssh_bruteforce");

        let flows = store.flows(&FlowQuery { app: Some("http".into()), ..Default::default() }).unwrap().items;
        assert_eq!((flows.len(), flows[0].flow.bytes_in), (1, 9));
        assert_eq!(store.actions(&ActionQuery::default()).unwrap().items[0].action.what, "block");

        let summary = store.summary(at(0), at(120)).unwrap();
        assert_eq!((summary.events, summary.sessions, summary.alerts, summary.sources), (9, 1, 1, 2));
        assert_eq!((summary.kinds["login"], summary.services["ssh"], summary.severities["high"]), (2, 8, 1));
        assert_eq!(summary.top_sources[0].ip, source.ip);
        let timeline = store.timeline(at(0), at(120), Duration::from_secs(60)).unwrap();
        assert_eq!(timeline.iter().map(|b| b.events).collect::<Vec<_>>(), [8, 1]);
        assert!(store.timeline(at(0), at(1_000_000), Duration::ZERO).is_err());
        let guessed = store.credentials(at(0), at(60), Some("ssh"), 10).unwrap();
        assert_eq!((guessed.usernames.len(), guessed.secrets.len()), (2, 1));
        assert_eq!(guessed.secrets[0].value.as_bytes(), b"\0\xfe\xef\x9c\x80");
        assert_eq!((guessed.secrets[0].count, guessed.secrets[0].accepted), (1, 1));
    });
}

#[test]
fn blocks_follow_what_was_done_not_what_failed() {
    both(|db| {
        let store = db.open();
        let events = numbered(vec![
            event(1, 2, None, action("block", Some(100), "enforced")),
            event(2, 2, None, action("block", Some(600), "failed: nft")),
            event(50, 2, None, action("block", None, "enforced")),
        ]);
        store.ingest(&events, &Cursor { seq: 4 }).unwrap();
        let active =
            |at| store.blocks(&BlockQuery { active_at: Some(at), ..Default::default() }).unwrap().items;
        assert_eq!((active(at(60))[0].since, active(at(60))[0].until), (at(1), None));
        assert!(active(at(0)).is_empty());
        let over = vec![(4, event(99, 2, None, action("unblock", None, "enforced")).into())];
        store.ingest(&over, &Cursor { seq: 5 }).unwrap();
        assert!(active(at(100)).is_empty());
        assert_eq!(store.blocks(&BlockQuery::default()).unwrap().items[0].ended, Some(at(99)));
    });
}

#[test]
fn pages_join_without_gap_or_overlap() {
    both(|db| {
        let store = db.open();
        let mut events: Vec<_> =
            (0..23).map(|n| event(n, u8::try_from(n).unwrap(), Some(7), Body::Opened(Opened {}))).collect();
        events[4].at = events[5].at;
        store.ingest(&numbered(events), &Cursor { seq: 24 }).unwrap();
        let mut page = Paging { limit: 5, since: Some(at(2)), until: Some(at(20)), cursor: None };
        let mut seqs = Vec::new();
        loop {
            let got = store.events(&EventQuery { page: page.clone(), ..Default::default() }).unwrap();
            seqs.extend(got.items.iter().map(|s| s.seq));
            page.cursor = got.next;
            if page.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seqs, (3..=20).rev().collect::<Vec<_>>());
        let mut query = SourceQuery { page: Paging { limit: 4, ..Paging::default() }, ..Default::default() };
        let mut ips = std::collections::BTreeSet::new();
        loop {
            let got = store.sources(&query).unwrap();
            assert!(got.items.iter().all(|s| ips.insert(s.ip)));
            query.page.cursor = got.next;
            if query.page.cursor.is_none() {
                break;
            }
        }
        assert_eq!(ips.len(), 23);
        for bad in ["", "x", "1", "1_x", "1_2_3"] {
            page.cursor = Some(bad.into());
            let events = store.events(&EventQuery { page: page.clone(), ..Default::default() });
            assert!(matches!(events, Err(StoreError::PageCursor)), "{bad}");
        }
    });
}

#[test]
fn a_crash_between_journal_and_store_costs_and_doubles_nothing() {
    both(|db| {
        let dir = db.dir.path().join("journal");
        let mut journal = Journal::open(&dir, Options::default()).unwrap();
        let all: Vec<_> = visit().into_iter().map(std::sync::Arc::new).collect();
        journal.append_events(&all[..5]).unwrap();
        {
            let store = db.open();
            let first: Vec<_> = (1..).zip(all[..2].iter().cloned()).collect();
            store.ingest(&first, &Cursor { seq: 3 }).unwrap();
        }
        // Killed here: the journal holds more than the store. The hosts deliver again.
        journal.append_events(&all).unwrap();
        let store = db.open();
        for start in [store.cursor().unwrap(), Cursor::START] {
            let mut reader = journal.reader(start).unwrap();
            let mut batch = Vec::new();
            while let Some(Item::Event { seq, event, .. }) = reader.next_item().unwrap() {
                batch.push((seq, (*event).into()));
            }
            store.ingest(&batch, &reader.cursor()).unwrap();
        }
        assert_eq!(store.cursor().unwrap(), journal.end());
        assert_eq!(store.summary(at(0), at(120)).unwrap().events, 9);
        assert_eq!(store.session(session_id(1)).unwrap().unwrap().events, 5);
    });
}

#[test]
fn retention_drops_the_old_and_rebuild_keeps_what_people_made() {
    both(|db| {
        let store = db.open();
        let events = numbered(visit());
        store.ingest(&events, &Cursor { seq: 10 }).unwrap();
        let id = events[4].1.id;
        store.triage(id, Triage::Resolved, "", "ann", at(80)).unwrap();
        let before = store.summary(at(0), at(120)).unwrap();
        store.clear_derived().unwrap();
        assert_eq!(store.cursor().unwrap(), Cursor::START);
        assert_eq!(store.summary(at(0), at(120)).unwrap(), Summary::default());
        store.ingest(&events, &Cursor { seq: 10 }).unwrap();
        assert_eq!(store.summary(at(0), at(120)).unwrap(), before);
        assert_eq!(store.alert(id).unwrap().unwrap().status, Triage::Resolved);
        let day = Duration::from_secs(86_400);
        let done = store.retain(at(86_400 + 60), day, day).unwrap();
        assert_eq!(done.events, 8);
        assert_eq!(store.events(&EventQuery::default()).unwrap().items.len(), 1);
        assert!(store.session(session_id(1)).unwrap().is_some(), "it closed within the day");
        assert!(store.alerts(&AlertQuery::default()).unwrap().items.is_empty());
    });
}
