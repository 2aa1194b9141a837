use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use phantom_journal::{Journal, Options};
use proptest::prelude::*;

use crate::{all, event, events, expected, put};

/// Not a test of its own: run by [`a_killed_writer_loses_nothing_it_returned_for`] as a child, which names a directory.
#[test]
fn child_appends_until_killed() {
    let Some(dir) = std::env::var_os("JOURNAL_KILL_DIR") else { return };
    let mut journal =
        Journal::open(Path::new(&dir), Options { segment_bytes: 20_000, ..Options::default() }).unwrap();
    let mut out = std::io::stdout();
    let start = journal.end().seq - 1;
    for n in (start..).step_by(7) {
        put(&mut journal, n..n + 7);
        writeln!(out, "appended {}", n + 7).unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_returned_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut promised = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_appends_until_killed", "--nocapture", "--test-threads=1"])
            .env("JOURNAL_KILL_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told = 0;
        for line in lines.by_ref() {
            if let Some((_, n)) = line.split_once("appended ") {
                promised = n.parse().unwrap();
                told += 1;
                if told == 3 + round * 5 {
                    child.kill().unwrap();
                    break;
                }
            }
        }
        // What it still told before it died counts as well.
        for line in lines {
            if let Some((_, n)) = line.split_once("appended ") {
                promised = n.parse().unwrap();
            }
        }
        child.wait().unwrap();
        let journal = Journal::open(dir.path(), Options::default()).unwrap();
        let held = journal.end().seq - 1;
        assert!(held >= promised, "{held} held, {promised} promised");
        assert_eq!(events(&all(dir.path())), expected(0..held));
    }
    assert!(promised > 500);
}

/// Cuts the only segment after `keep` bytes and says how many whole lines are left.
fn cut(dir: &Path, keep: usize) -> (usize, Vec<u8>) {
    let path = dir.join("000000000001.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(keep);
    fs::write(&path, &bytes).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    let tail = bytes.rsplit(|b| *b == b'\n').next().unwrap().to_vec();
    (lines, tail)
}

#[test]
fn a_journal_cut_at_any_byte_opens_with_all_whole_lines() {
    let full = tempfile::tempdir().unwrap();
    put(&mut Journal::open(full.path(), Options::default()).unwrap(), 0..3);
    let bytes = fs::read(full.path().join("000000000001.jsonl")).unwrap();
    for keep in 0..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("000000000001.jsonl"), &bytes).unwrap();
        let (lines, tail) = cut(dir.path(), keep);
        let mut journal = Journal::open(dir.path(), Options::default()).unwrap();
        match journal.torn() {
            None => assert!(tail.is_empty()),
            Some(torn) => {
                assert_eq!(fs::read(&torn.moved_to).unwrap(), tail);
                assert_eq!(torn.offset + torn.bytes, keep as u64);
            }
        }
        assert_eq!(put(&mut journal, 0..3).duplicates, lines, "cut at {keep}");
        assert_eq!(events(&all(dir.path())), expected(0..3), "cut at {keep}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_cut_and_a_page_of_zeros_lose_only_what_they_hit(keep in 0usize..1500, zeros in 0usize..64, newline: bool) {
        let dir = tempfile::tempdir().unwrap();
        put(&mut Journal::open(dir.path(), Options::default()).unwrap(), 0..8);
        let (lines, tail) = cut(dir.path(), keep);
        let mut junk = vec![0; zeros];
        if newline && !(tail.is_empty() && zeros == 0) {
            junk.push(b'\n');
        }
        let path = dir.path().join("000000000001.jsonl");
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&junk).unwrap();
        // A line cut exactly before its newline and given one back is whole again.
        let whole = !tail.is_empty() && tail == event(lines as u64).to_json().as_bytes() && zeros == 0 && newline;
        let lines = lines as u64 + u64::from(whole);
        let journal = Journal::open(dir.path(), Options::default()).unwrap();
        prop_assert_eq!(journal.end().seq, lines + 1);
        prop_assert_eq!(events(&all(dir.path())), expected(0..lines));
        prop_assert_eq!(journal.torn().map_or(0, |t| t.bytes), if whole { 0 } else { (tail.len() + junk.len()) as u64 });
    }
}
