//! Who finds what whom left.

use std::net::IpAddr;
use std::time::Duration;

use super::*;

const HOUR: i64 = 3_600_000_000;

fn memory(span: u64, bytes: usize) -> Arc<Memory> {
    Memory::new(Remember { span: Duration::from_secs(span), bytes })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A visit of `source` so many microseconds after the first instant.
fn enter(memory: &Arc<Memory>, source: &str, after: i64) -> SharedVfs {
    let now = phantom_core::from_micros(phantom_core::micros(at()) + after);
    let shared = memory.enter(ip(source), now, || fresh(Limits::default()));
    shared.lock().unwrap().set_now(now);
    shared
}

fn put(shared: &SharedVfs, path: &[u8], content: &[u8]) {
    let mut vfs = shared.lock().unwrap();
    let ino = vfs.create(&Cred::root(), path, 0o644, true).unwrap();
    vfs.write(ino, None, content).unwrap();
}

fn has(shared: &SharedVfs, path: &[u8]) -> bool {
    shared.lock().unwrap().lookup(&Cred::root(), path, true).is_ok()
}

#[test]
fn a_source_finds_what_it_left_and_nobody_else_does() {
    let memory = memory(86_400, 1 << 20);
    let first = enter(&memory, "192.0.2.1", 0);
    put(&first, b"/tmp/.x", b"mine");
    drop(first);
    assert!(has(&enter(&memory, "192.0.2.1", HOUR), b"/tmp/.x"));
    assert!(has(&enter(&memory, "::ffff:192.0.2.1", HOUR), b"/tmp/.x"), "the same address in other clothes");
    for other in ["192.0.2.2", "2001:db8::1", "127.0.0.1"] {
        assert!(!has(&enter(&memory, other, HOUR), b"/tmp/.x"), "{other}");
    }
    put(&enter(&memory, "2001:db8::1", HOUR), b"/tmp/six", b"x");
    assert!(has(&enter(&memory, "2001:db8::ffff:2", HOUR), b"/tmp/six"), "one customer's /64");
    assert!(!has(&enter(&memory, "2001:db8:0:1::1", HOUR), b"/tmp/six"));
}

#[test]
fn what_is_left_is_forgotten_after_its_time() {
    let memory = memory(86_400, 1 << 20);
    put(&enter(&memory, "192.0.2.1", 0), b"/tmp/a", b"x");
    put(&enter(&memory, "192.0.2.2", 23 * HOUR), b"/tmp/b", b"x");
    assert_eq!(memory.size().0, 2);
    assert!(!has(&enter(&memory, "192.0.2.1", 24 * HOUR), b"/tmp/a"));
    // A visit of anybody clears what is over.
    drop(enter(&memory, "192.0.2.9", 60 * HOUR));
    assert_eq!(memory.size(), (0, 0));
    let never = self::memory(0, 1 << 20);
    put(&enter(&never, "192.0.2.1", 0), b"/tmp/a", b"x");
    assert_eq!(never.size(), (0, 0));
}

#[test]
fn a_source_that_changed_nothing_costs_nothing() {
    let memory = memory(86_400, 1 << 20);
    let (one, two) = (enter(&memory, "192.0.2.1", 0), enter(&memory, "192.0.2.1", 0));
    assert_eq!(memory.size(), (1, 0));
    drop(one);
    assert_eq!(memory.size().0, 1, "another visit is under way");
    drop(two);
    assert_eq!(memory.size(), (0, 0));
}

#[test]
fn the_oldest_goes_when_the_bytes_are_full() {
    let memory = memory(86_400, 200_000);
    for n in 0..50 {
        put(&enter(&memory, &format!("192.0.2.{n}"), n), b"/tmp/big", &[1; 20_000]);
        assert!(memory.size().1 <= 200_000);
    }
    assert!((5..10).contains(&memory.size().0), "{:?}", memory.size());
    assert!(has(&enter(&memory, "192.0.2.49", 60), b"/tmp/big"));
    assert!(!has(&enter(&memory, "192.0.2.0", 60), b"/tmp/big"));
    // A visit that lasts keeps its own although it is the oldest.
    let long = enter(&memory, "192.0.2.200", 61);
    put(&long, b"/tmp/big", &[1; 20_000]);
    for n in 0..50 {
        put(&enter(&memory, &format!("192.0.2.{n}"), 62), b"/tmp/big", &[1; 20_000]);
    }
    assert!(has(&long, b"/tmp/big") && has(&enter(&memory, "192.0.2.200", 63), b"/tmp/big"));
}

#[test]
fn evidence_is_of_the_visit_that_wrote_it() {
    let memory = memory(86_400, 1 << 20);
    let files = |shared: &SharedVfs| -> Vec<Vec<u8>> {
        shared.lock().unwrap().dropped_files().into_iter().map(|file| file.path).collect()
    };
    let (one, two) = (enter(&memory, "192.0.2.1", 0), enter(&memory, "192.0.2.1", 0));
    put(&one, b"/tmp/one", b"1");
    put(&two, b"/tmp/two", b"2");
    put(&two, b"/tmp/gone", b"3");
    two.lock().unwrap().unlink(&Cred::root(), b"/tmp/gone").unwrap();
    assert!(has(&one, b"/tmp/two"), "one machine for both");
    assert_eq!(files(&one), [b"/tmp/one"]);
    assert_eq!(files(&two), [&b"/tmp/gone"[..], b"/tmp/two"]);
    drop((one, two));
    let three = enter(&memory, "192.0.2.1", 1);
    assert!(has(&three, b"/tmp/one") && files(&three).is_empty());
    put(&three, b"/tmp/one", b"changed");
    assert_eq!(files(&three), [b"/tmp/one"]);
}
