use std::fs;
use std::path::Path;
use std::process::Command;

use phantom_journal::{Journal, Options};

use crate::{all, event, events, expected, put};

/// Not a test of its own: run as a child where space is short.
#[test]
fn child_fills_its_space() {
    let Some(dir) = std::env::var_os("JOURNAL_FULL_DIR") else { return };
    let dir = Path::new(&dir);
    let filler = dir.join("filler");
    fs::write(&filler, vec![0; 8 << 10]).unwrap();
    let dir = &dir.join("journal");
    let mut journal = Journal::open(dir, Options::default()).unwrap();
    let mut reader = journal.reader(phantom_journal::Cursor::START).unwrap();
    let mut seen = 0;
    let batch = |n: u64| (n * 10..n * 10 + 10).map(|n| std::sync::Arc::new(event(n))).collect::<Vec<_>>();
    let mut full_at = None;
    for n in 0..1000 {
        match journal.append_events(&batch(n)) {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_full(), "{error}");
                assert!(error.to_string().contains(dir.to_str().unwrap()), "{error}");
                full_at = Some(n);
                break;
            }
        }
        while reader.next_item().unwrap().is_some() {
            seen += 1;
        }
    }
    let n = full_at.expect("space ran out");
    assert!(n > 2, "some batches fitted before");
    assert!(journal.append_events(&batch(n)).unwrap_err().is_full());
    assert_eq!(reader.next_item().unwrap(), None);
    assert_eq!(seen, n * 10);
    assert_eq!(events(&all(dir)), expected(0..n * 10), "nothing of the failed batch stayed");
    if std::env::var_os("JOURNAL_FULL_FREE").is_some() {
        fs::remove_file(&filler).unwrap();
        assert_eq!(put(&mut journal, n * 10..n * 10 + 10).duplicates, 0);
        assert_eq!(events(&all(dir)), expected(0..n * 10 + 10));
    }
    drop(journal);
    assert_eq!(Journal::open(dir, Options::default()).unwrap().torn(), None);
    fs::write(Path::new(&std::env::var_os("JOURNAL_FULL_DONE").unwrap()), b"done").unwrap();
}

fn run(script: &str, wrap: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let done = dir.path().join("done");
    fs::create_dir(dir.path().join("small")).unwrap();
    let test = "--exact space::child_fills_its_space --nocapture --test-threads=1";
    let mut words = wrap.to_vec();
    let script = format!("{script}; exec \"$0\" {test}");
    words.extend(["sh", "-ec", &script]);
    let output = Command::new(words[0])
        .args(&words[1..])
        .arg(std::env::current_exe().unwrap())
        .env("JOURNAL_FULL_DIR", dir.path().join("small"))
        .env("JOURNAL_FULL_DONE", &done)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(done.exists(), "the child ran its test");
}

#[test]
fn a_full_disk_keeps_whole_batches_and_the_journal_goes_on_when_space_returns() {
    run(
        "mount -t tmpfs -o size=64k none \"$JOURNAL_FULL_DIR\"; export JOURNAL_FULL_FREE=1",
        &["unshare", "--user", "--map-root-user", "--mount"],
    );
}

#[test]
fn a_short_write_at_the_largest_file_size_is_taken_back() {
    // 24 blocks of 512 bytes; ignored, SIGXFSZ turns into EFBIG after a short write.
    run("trap '' XFSZ; ulimit -f 24", &[]);
}
