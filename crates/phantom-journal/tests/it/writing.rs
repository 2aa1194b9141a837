use std::fs;
use std::time::{Duration, SystemTime};

use phantom_journal::{Cursor, Journal, JournalError, MAX_LINE, Options};

use crate::{all, event, events, expected, lines, put};

#[test]
fn what_is_appended_is_read_back_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal =
        Journal::open(dir.path(), Options { segment_bytes: 600, ..Options::default() }).unwrap();
    for n in 0..20 {
        assert_eq!(put(&mut journal, [n]).seqs, [Some(n + 1)]);
    }
    assert!(dir.path().join("000000000001.jsonl").exists());
    assert!(fs::read_dir(dir.path()).unwrap().count() > 5);
    for entry in fs::read_dir(dir.path()).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().len() <= 600);
    }
    assert_eq!(events(&all(dir.path())), expected(0..20));
    assert_eq!(journal.end(), Cursor { seq: 21 });
}

#[test]
fn events_delivered_again_are_dropped_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 1000, ..Options::default() };
    let mut journal = Journal::open(dir.path(), options.clone()).unwrap();
    put(&mut journal, 0..10);
    let again = put(&mut journal, [3, 10, 10, 4]);
    assert_eq!((again.seqs, again.duplicates), (vec![None, Some(11), None, None], 3));
    drop(journal);
    let mut journal = Journal::open(dir.path(), options).unwrap();
    let again = put(&mut journal, [0, 11, 10]);
    assert_eq!((again.seqs, again.duplicates), (vec![None, Some(12), None], 2));
    assert_eq!(events(&all(dir.path())), expected(0..12));
}

#[test]
fn memory_of_ids_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { recent_ids: 3, ..Options::default() };
    put(&mut Journal::open(dir.path(), options.clone()).unwrap(), 0..10);
    let mut journal = Journal::open(dir.path(), options).unwrap();
    assert_eq!(put(&mut journal, [7, 8, 9]).duplicates, 3);
    assert_eq!(put(&mut journal, [0]).duplicates, 0);
}

#[test]
fn a_second_writer_is_told_who_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), Options::default()).unwrap();
    let error = Journal::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
    drop(journal);
    Journal::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn a_bad_line_refuses_its_whole_batch() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
    let good = lines(&[event(0), event(1)]);
    for bad in [&b"a\nb"[..], b"", &vec![b'x'; MAX_LINE + 1]] {
        let batch = [(good[0].0, good[0].1.as_bytes()), (good[1].0, bad)];
        let error = journal.append(batch).unwrap_err();
        assert!(matches!(error, JournalError::Line { position: 1, .. }), "{error}");
    }
    assert_eq!(all(dir.path()), []);
    assert_eq!(put(&mut journal, [0, 1]).duplicates, 0);
}

#[test]
fn the_numbers_a_consumer_has_seen_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    put(&mut Journal::open(dir.path(), Options::default()).unwrap(), 0..3);
    let options = Options { next_at_least: 9, ..Options::default() };
    let mut journal = Journal::open(dir.path(), options).unwrap();
    assert_eq!(put(&mut journal, [5]).seqs, [Some(9)]);
    journal.sync().unwrap();
}

#[test]
fn retention_deletes_whole_segments_that_every_cursor_has_passed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options { segment_bytes: 1, ..Options::default() }).unwrap();
    for n in 0..6 {
        put(&mut journal, [n]);
    }
    let one = journal.bytes().unwrap() / 6;
    assert!(journal.retain(Some(u64::MAX), None, &[]).unwrap().is_empty());
    assert_eq!(journal.retain(Some(one * 4 + 3), None, &[Cursor { seq: 9 }]).unwrap().len(), 2);
    assert!(journal.retain(Some(0), None, &[Cursor { seq: 9 }, Cursor { seq: 3 }]).unwrap().is_empty());
    let future = SystemTime::now() + Duration::from_secs(3600);
    let past = SystemTime::now() - Duration::from_secs(3600);
    assert!(journal.retain(None, Some(past), &[]).unwrap().is_empty());
    assert_eq!(journal.retain(None, Some(future), &[Cursor { seq: 4 }]).unwrap().len(), 1);
    assert_eq!(journal.retain(Some(0), None, &[]).unwrap().len(), 2);
    assert!(dir.path().join("000000000006.jsonl").exists(), "the one being written stays");
    assert_eq!(put(&mut journal, [6]).seqs, [Some(7)]);
}
