use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::thread;

use phantom_core::EventId;
use phantom_journal::{Cursor, Item, Journal, JournalError, MAX_LINE, Options, Reader};
use proptest::prelude::*;

use crate::{all, drain, event, events, expected, put};

#[test]
fn a_reader_resumes_at_any_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal =
        Journal::open(dir.path(), Options { segment_bytes: 700, ..Options::default() }).unwrap();
    for n in 0..12 {
        put(&mut journal, [n]);
    }
    for seq in 1..=13 {
        let mut reader = Reader::from(dir.path(), Cursor { seq }).unwrap();
        let rest = events(&drain(&mut reader));
        assert_eq!(rest, expected(0..12)[usize::try_from(seq).unwrap() - 1..]);
        assert_eq!(reader.cursor(), Cursor { seq: 13 });
    }
    let error = Reader::from(dir.path(), Cursor { seq: 14 }).unwrap_err();
    assert!(matches!(error, JournalError::Ahead { cursor: 14, next: 13, .. }), "{error}");
}

#[test]
fn an_empty_journal_has_nothing_and_knows_a_stray_cursor() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(all(dir.path()), []);
    let error = Reader::from(dir.path(), Cursor { seq: 4 }).unwrap_err();
    assert!(matches!(error, JournalError::Ahead { cursor: 4, next: 1, .. }), "{error}");
}

#[test]
fn a_cursor_is_an_object_in_json() {
    assert_eq!(serde_json::to_string(&Cursor::after(6)).unwrap(), r#"{"seq":7}"#);
    assert_eq!(serde_json::from_str::<Cursor>(r#"{"seq":7}"#).unwrap(), Cursor { seq: 7 });
    assert_eq!(Cursor::default(), Cursor::START);
}

#[test]
fn readers_follow_a_writer_without_missing_or_doubling() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal =
        Journal::open(dir.path(), Options { segment_bytes: 3000, ..Options::default() }).unwrap();
    let own = journal.reader(Cursor::START).unwrap();
    let foreign = Reader::from(dir.path(), Cursor::START).unwrap();
    thread::scope(|scope| {
        let follow = |mut reader: Reader| {
            let mut seen = Vec::new();
            while seen.len() < 2000 {
                match reader.next_item().unwrap() {
                    Some(item) => seen.push(item),
                    None => thread::yield_now(),
                }
            }
            seen
        };
        let readers = [scope.spawn(move || follow(own)), scope.spawn(move || follow(foreign))];
        let mut n = 0;
        for size in (1..8).cycle() {
            let end = (n + size).min(2000);
            put(&mut journal, n..end);
            n = end;
            if n == 2000 {
                break;
            }
        }
        for reader in readers {
            assert_eq!(events(&reader.join().unwrap()), expected(0..2000));
        }
    });
}

#[test]
fn damage_in_the_middle_is_named_and_read_past() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
    put(&mut journal, 0..2);
    let path = dir.path().join("000000000001.jsonl");
    let offset = fs::metadata(&path).unwrap().len();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\xff{]\n{\"v\":1}\n").unwrap();
    file.write_all(&vec![b'x'; MAX_LINE * 3]).unwrap();
    file.write_all(format!("\n{}\n", event(5).to_json()).as_bytes()).unwrap();
    drop(journal);
    let items = all(dir.path());
    assert_eq!(items.len(), 6);
    assert!(
        matches!(&items[2], Item::Corrupt { seq: 3, segment, offset: o, .. } if *segment == path && *o == offset)
    );
    assert!(matches!(&items[3], Item::Corrupt { seq: 4, why, .. } if why.contains("missing field")));
    assert!(
        matches!(&items[4], Item::Corrupt { seq: 5, offset: o, why, .. } if *o == offset + 12 && why.contains("more than"))
    );
    assert!(matches!(&items[5], Item::Event { seq: 6, event: e, .. } if **e == event(5)));
    let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
    assert_eq!(journal.torn(), None, "damage before a whole line is left where it is");
    assert_eq!(put(&mut journal, [6, 5]).seqs, [Some(7), None]);
}

#[test]
fn bytes_without_an_end_in_a_finished_segment_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options { segment_bytes: 1, ..Options::default() }).unwrap();
    for n in 0..3 {
        put(&mut journal, [n]);
    }
    let path = dir.path().join("000000000002.jsonl");
    let offset = fs::metadata(&path).unwrap().len();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"v\"").unwrap();
    let items = all(dir.path());
    assert!(
        matches!(&items[2], Item::Corrupt { seq: 3, segment, offset: o, .. } if *segment == path && *o == offset)
    );
    assert!(matches!(&items[3], Item::Event { seq: 3, .. }));
    assert_eq!(items.len(), 4);
}

#[test]
fn lines_that_are_gone_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options { segment_bytes: 1, ..Options::default() }).unwrap();
    for n in 0..5 {
        put(&mut journal, [n]);
    }
    journal.retain(Some(0), None, &[Cursor { seq: 4 }]).unwrap();
    let items = all(dir.path());
    assert_eq!(items[0], Item::Missing { from: 1, to: 4 });
    assert_eq!(items.len(), 3);
    fs::remove_file(dir.path().join("000000000004.jsonl")).unwrap();
    put(&mut journal, [9]);
    drop(journal);
    put(&mut Journal::open(dir.path(), Options { next_at_least: 20, ..Options::default() }).unwrap(), [10]);
    let mut reader = Reader::from(dir.path(), Cursor { seq: 8 }).unwrap();
    let items = drain(&mut reader);
    assert_eq!(items[0], Item::Missing { from: 8, to: 20 });
    assert!(matches!(items[1], Item::Event { seq: 20, .. }));
    assert_eq!(all(dir.path()).iter().filter(|item| matches!(item, Item::Missing { .. })).count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_of_a_segment_upset_reader_or_writer(bytes: Vec<u8>, newline_every in 1usize..40) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = bytes;
        bytes.iter_mut().step_by(newline_every).for_each(|b| *b = b'\n');
        fs::write(dir.path().join("000000000001.jsonl"), &bytes).unwrap();
        all(dir.path());
        let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
        let seq = put(&mut journal, [1]).seqs[0].unwrap();
        let items = all(dir.path());
        let found = matches!(items.last(), Some(Item::Event { seq: s, event: e, .. }) if *s == seq && **e == event(1));
        prop_assert!(found);
    }
}

#[test]
fn an_append_through_raw_lines_keeps_them_verbatim() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
    let line = event(1).to_json().replace("{\"v\":1,", "{ \"v\": 1, \"new_field\": [1.50], ");
    let id: EventId = event(1).id;
    journal.append([(id, line.as_bytes())]).unwrap();
    assert!(matches!(&all(dir.path())[0], Item::Event { line: kept, .. } if *kept == line.as_bytes()));
}
