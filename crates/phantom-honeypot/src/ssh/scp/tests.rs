//! Debian's own scp says the same to the same bytes, and leaves the same files.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use phantom_core::{Body, from_micros};
use proptest::prelude::*;

use super::options::{Mode, parse};
use super::{Scp, Step};
use crate::shell::Emit;
use crate::ssh::calls::Calls;
use crate::vfs::{Cred, Kind, SetAttr};
use crate::{Machine, Persona};

const NOW: i64 = 1_763_900_000_000_000;

static MACHINE: LazyLock<Arc<Machine>> =
    LazyLock::new(|| Machine::new(Arc::new(Persona::generate([7; 32], from_micros(NOW)))));

/// A file of the setting: name, content (none: a directory) and mode. All are of 9 September 2001.
const FILES: &[(&str, Option<&str>, u32)] = &[
    ("f", Some("hello\n"), 0o644),
    ("x", Some("#!/bin/sh\n"), 0o4755),
    ("ro", Some("old"), 0o400),
    ("d", None, 0o755),
    ("d/e", Some(""), 0o600),
    ("d/deep", None, 0o700),
    ("d/deep/g", Some("g"), 0o640),
];

const WHEN: i64 = 1_000_000_000;

#[derive(Debug, PartialEq, Default)]
struct Outcome {
    status: i32,
    stdout: String,
    stderr: String,
    /// Name, mode, time of change if it was set, content.
    files: Vec<(String, u32, Option<i64>, Vec<u8>)>,
}

fn args(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').filter(|a| !a.is_empty()).map(|a| a.as_bytes().to_vec()).collect()
}

fn calls() -> Calls {
    let (vfs, _) = MACHINE.login(b"root", from_micros(NOW));
    let own = std::fs::metadata("/proc/self").unwrap();
    let who = Cred { uid: own.uid(), gid: own.gid(), groups: Vec::new() };
    {
        let mut vfs = vfs.lock().unwrap();
        vfs.mkdir(&Cred::root(), b"/tmp/w", 0o755).unwrap();
        let set = SetAttr { uid: Some(who.uid), gid: Some(who.gid), ..SetAttr::default() };
        vfs.set_attr(&Cred::root(), b"/tmp/w", set).unwrap();
        for (name, content, _) in FILES {
            let path = format!("/tmp/w/{name}");
            match content {
                Some(content) => {
                    let ino = vfs.create(&who, path.as_bytes(), 0o600, true).unwrap();
                    vfs.write(ino, None, content.as_bytes()).unwrap();
                }
                None => _ = vfs.mkdir(&who, path.as_bytes(), 0o700).unwrap(),
            }
        }
        for (name, _, mode) in FILES {
            let at = Some(from_micros(WHEN * 1_000_000));
            let set = SetAttr { mode: Some(*mode), mtime: at, atime: at, ..SetAttr::default() };
            vfs.set_attr(&who, format!("/tmp/w/{name}").as_bytes(), set).unwrap();
        }
        vfs.settle();
    }
    Calls { vfs, who, cwd: b"/tmp/w".to_vec(), umask: 0o22, order: 7 }
}

/// Everything emitted, and the status.
fn play(calls: &Calls, line: &str, pieces: &[&[u8]]) -> (Vec<Emit>, i32) {
    let mut scp = Scp::new(calls.clone(), &args(line)).expect("a server is asked for");
    let mut out = Vec::new();
    let mut pieces = pieces.iter();
    loop {
        match scp.step(from_micros(NOW), &mut out) {
            Step::Exit(status) => return (out, status),
            Step::Went => {}
            Step::Idle => match pieces.next() {
                Some(piece) => scp.input(piece),
                None => scp.end_of_input(),
            },
        }
    }
}

fn text(emits: &[Emit]) -> (String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for emit in emits {
        match emit {
            Emit::Stdout(bytes) => stdout.extend_from_slice(bytes),
            Emit::Stderr(bytes) => stderr.extend_from_slice(bytes),
            _ => {}
        }
    }
    (stdout.escape_ascii().to_string(), stderr.escape_ascii().to_string())
}

fn ours(line: &str, input: &[u8]) -> Outcome {
    let calls = calls();
    let (emits, status) = play(&calls, line, &[input]);
    let (stdout, stderr) = text(&emits);
    let mut outcome = Outcome { status, stdout, stderr, files: Vec::new() };
    let mut todo = vec![String::new()];
    let root = Cred::root();
    while let Some(dir) = todo.pop() {
        let vfs = calls.vfs.lock().unwrap();
        for (name, ino) in vfs.readdir(&root, format!("/tmp/w{dir}").as_bytes()).unwrap() {
            let path = format!("{dir}/{}", String::from_utf8(name).unwrap());
            let stat = vfs.stat_ino(ino).unwrap();
            let at = phantom_core::micros(stat.mtime) / 1_000_000;
            let content =
                if stat.kind == Kind::Dir { Vec::new() } else { vfs.read_open(ino, 0, 1 << 20).unwrap() };
            outcome.files.push((path.clone(), stat.mode, (at < 1_700_000_000).then_some(at), content));
            if stat.kind == Kind::Dir {
                todo.push(path);
            }
        }
    }
    outcome.files.sort();
    outcome
}

fn theirs(line: &str, input: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    for (name, content, _) in FILES {
        let path = dir.path().join(name);
        match content {
            Some(content) => std::fs::write(path, content).unwrap(),
            None => std::fs::create_dir(path).unwrap(),
        }
    }
    let names: Vec<&str> = FILES.iter().map(|(name, ..)| *name).collect();
    for (name, _, mode) in FILES {
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(*mode)).unwrap();
    }
    let touched = Command::new("touch").args(["-d", "@1000000000"]).args(&names).current_dir(&dir).status();
    assert!(touched.unwrap().success());
    let close = "for f in /proc/self/fd/*; do n=${f##*/}; if ((n > 2)); then eval \"exec $n>&-\"; fi; done";
    let mut child = Command::new("bash")
        .args(["-c", &format!("{close}; umask 022; exec scp {line}")])
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that has ended reads no more.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let mut outcome = Outcome {
        status: output.status.code().unwrap(),
        stdout: output.stdout.escape_ascii().to_string(),
        stderr: output.stderr.escape_ascii().to_string(),
        files: Vec::new(),
    };
    let mut todo = vec![String::new()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(format!("{}{at}", dir.path().display())).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{at}/{}", entry.file_name().into_string().unwrap());
            let meta = entry.metadata().unwrap();
            let content = if meta.is_dir() { Vec::new() } else { std::fs::read(entry.path()).unwrap() };
            let time = (meta.mtime() < 1_700_000_000).then_some(meta.mtime());
            outcome.files.push((path.clone(), meta.mode() & 0o7777, time, content));
            if meta.is_dir() {
                todo.push(path);
            }
        }
    }
    outcome.files.sort();
    outcome
}

/// A file whose bytes fill more than one buffer.
fn large() -> Vec<u8> {
    let content: Vec<u8> = (0..40_000u32).flat_map(u32::to_le_bytes).collect();
    [format!("C0644 {} large\n", content.len()).as_bytes(), &content, b"\0"].concat()
}

#[test]
fn debians_scp_says_and_leaves_the_same() {
    let large = large();
    let cases: Vec<(&str, &[u8])> = vec![
        ("-t .", b"C0644 3 n\nabc\0"),
        ("-t .", b"C0666 3 n\nabc\0C0777 0 m\n\0"),
        ("-t .", &large),
        ("-t .", &large[..20_000]),
        ("-t f", b"C0600 3 other\nabc\0"),
        ("-p -t f", b"C0600 3 other\nabc\0"),
        ("-t ro", b"C0644 5 ro\nabcde\0"),
        ("-t n", b"C0444 1 n\nx\0"),
        ("-p -t n", b"C4755 1 n\nx\0"),
        ("-t n", b"C4755 1 n\nx\0"),
        ("-t .", b"C0644 3 n\nab"),
        ("-t .", b"C0644 3 n\nabc"),
        ("-t .", b"C0644 3 n\nabc\x01went wrong\n"),
        ("-t .", b"C0644 3 n\nabc\x02went wrong\n"),
        ("-t .", b"C0644 3 n\nabc?what\n"),
        ("-v -p -t .", b"T1 0 2 0\nC0644 3 n\nabc\0"),
        ("-t .", b"T1000 0 2 0\nC0644 3 n\nabc\0"),
        ("-t .", b"T99999999999999999999 0 2 0\nC0644 1 n\na\0"),
        ("-t .", b"T1 -0 2 +999999\nC0644 1 n\na\0"),
        ("-t .", b"Tx\n"),
        ("-t .", b"T1\n"),
        ("-t .", b"T1 0\n"),
        ("-t .", b"T1 0 \n"),
        ("-t .", b"T1 1000000 1 0\n"),
        ("-t .", b"T1 0 1 -1\n"),
        ("-t .", b"T1 0 1 0 1\n"),
        ("-t .", b"T1 x 1 0\n"),
        ("-t", b""),
        ("-t a b", b""),
        ("-t -d f", b""),
        ("-t -d nope", b""),
        ("-d -t d", b"C0644 1 n\na\0"),
        ("-t nope/n", b"C0644 3 n\nabc\0"),
        ("-t .", b"D0755 0 new\n"),
        ("-r -t .", b"D0755 0 f\n"),
        ("-r -t .", b"D0755 0 new\nC0644 1 n\nn\0D0500 0 in\nE\nE\nC0644 1 z\nz\0"),
        ("-r -v -p -t .", b"T1 0 2 0\nD0755 0 new\nT7 0 8 0\nC0400 1 q\nq\0E\n"),
        ("-r -p -t .", b"D0700 0 d\nE\n"),
        ("-r -t .", b"D0700 0 d\nE\n"),
        ("-r -d -t d", b"D0755 0 new\nE\nE\nC0644 1 z\nz\0"),
        ("-r -t .", b"D0755 0 new\n"),
        ("-t .", b"E\n"),
        ("-t .", b"bash: no\n"),
        ("-t .", b"C0644 0 n\n\0bash: no\n"),
        ("-t .", b"\n"),
        ("-t .", b"C0644 0 n"),
        ("-t .", b"\x01warned\nC0644 0 z\n\0"),
        ("-t .", b"\x02gone\n"),
        ("-t .", b"C0844 0 n\n"),
        ("-t .", b"C064\n"),
        ("-t .", b"C0644x0 n\n"),
        ("-t .", b"C0644 x n\n"),
        ("-t .", b"C0644 0n\n"),
        ("-t .", b"C0644 99999999999999999999 n\n"),
        ("-t .", b"C0644 9223372036854775808 n\n"),
        ("-t .", b"C0644 9 ../n\n"),
        ("-t .", b"C0644 9 ..\n"),
        ("-t .", b"C0644 9 \n"),
        ("-t .", b"C0644 1 a\0b\nx\0"),
        ("-t .", b"C0644 1 d\nx\0"),
        ("-f f", b"\0\0\0"),
        ("-f f x ro", b"\0\0\0\0\0\0\0"),
        ("-v -f f", b"\0\0\0"),
        ("-v -p -f x", b"\0\0\0\0"),
        ("-v -r -p -f d/deep", b"\0\0\0\0\0\0\0\0\0"),
        ("-r -f d/deep/", b"\0\0\0\0\0\0\0\0\0"),
        ("-f d", b"\0\0"),
        ("-v -f d", b"\0\0"),
        ("-f nope f", b"\0\0\0"),
        ("-f", b"\0"),
        ("-f f", b"\0\x01no\n"),
        ("-f f x", b"\0\x01no\n\0\0"),
        ("-f f", b"\0\x02no\n"),
        ("-f f", b"\0no\n"),
        ("-f f", b"\0\0"),
        ("-f f", b""),
        ("-f f", b"\x01no\n\0\0"),
        ("-p -f f", b"\0\x01no\n"),
        ("-r -p -f d/deep", b"\0\x01no\n"),
        ("-r -f d/deep", b"\0\x01no\n"),
        ("-q -C -B -P 9 -oX=y -f f", b"\0\0\0"),
        ("-f -- f", b"\0\0\0"),
    ];
    for (line, input) in cases {
        let shown = input.get(..60).unwrap_or(input).escape_ascii();
        let (own, real) = (ours(line, input), theirs(line, input));
        assert_eq!(own, real, "left ours: scp {line} < {shown}");
    }
}

#[test]
fn command_lines_are_read_as_debians() {
    for line in ["", "-Z -t x", "-t -P", "a", "-1 -t x", "-r", "-tfZ"] {
        let output = Command::new("scp").args(line.split(' ').filter(|a| !a.is_empty())).output().unwrap();
        let (text, status) = parse(&args(line)).unwrap_err();
        assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&output.stderr), "scp {line}");
        assert_eq!(Some(status), output.status.code(), "scp {line}");
    }
    let options = parse(&args("-rp -v x -t y")).unwrap();
    assert_eq!(options.mode, Mode::Client, "options end at the first name");
    assert_eq!(options.names.len(), 3);
}

#[test]
fn files_that_come_and_go_are_evidence_before_they_are_confirmed() {
    let calls = calls();
    let (emits, status) = play(&calls, "-t .", &[b"C0644 6 n\nabc", b"def\0"]);
    assert_eq!(status, 0);
    let [.., Emit::Wrote(file), Emit::Stdout(done)] = emits.as_slice() else { panic!("{emits:?}") };
    assert_eq!((file.path.as_slice(), file.content.as_slice()), (&b"/tmp/w/n"[..], &b"abcdef"[..]));
    assert_eq!(done, &[0]);
    let (emits, _) = play(&calls, "-f n", &[b"\0\0\0"]);
    let place = emits.iter().position(|emit| matches!(emit, Emit::Record(Body::Transfer(_)))).unwrap();
    let Emit::Record(Body::Transfer(transfer)) = &emits[place] else { unreachable!() };
    assert_eq!((transfer.name.as_bytes(), transfer.bytes), (&b"n"[..], 6));
    let sum = "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";
    assert_eq!(transfer.sha256.as_deref(), Some(sum), "sha256sum of abcdef");
    assert_eq!(emits[place + 1], Emit::Stdout(b"abcdef".to_vec()));
}

#[test]
fn a_broken_connection_leaves_nothing_open() {
    let calls = calls();
    let mut scp = Scp::new(calls.clone(), &args("-t n")).unwrap();
    scp.input(b"C0644 40000 n\n");
    scp.input(&[7; 20_000]);
    while scp.step(from_micros(NOW), &mut Vec::new()) == Step::Went {}
    let ino = calls.stat(b"n").unwrap().ino;
    calls.unlink(b"n").unwrap();
    drop(scp);
    assert!(calls.lock().stat_ino(ino).is_err());
    assert_eq!(calls.lock().take_dropped()[0].content.len(), 16_384, "what came in whole pieces is evidence");
}

#[test]
fn sizes_are_bounded() {
    let calls = calls();
    let (emits, status) = play(&calls, "-t n", &[b"C0644 9223372036854775807 n\nshort"]);
    assert_eq!(status, 1);
    assert!(text(&emits).0.ends_with("Broken pipe\\n"));
    let size = 40 << 20;
    let body = vec![7; size];
    let (emits, status) = play(&calls, "-t n", &[format!("C0644 {size} n\n").as_bytes(), &body, b"\0"]);
    assert_eq!((status, text(&emits).0.as_str()), (1, "\\x00\\x00\\x01scp: n: No space left on device\\n"));
    assert!(calls.vfs.lock().unwrap().held().0 <= 32 << 20);
    let deep = b"D0755 0 d\n".repeat(2000);
    let (_, status) = play(&calls, "-r -t .", &[&deep]);
    assert_eq!(status, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn chunking_changes_nothing(which in 0usize..6, tail: Vec<u8>, chunk in 1usize..9) {
        let (line, head): (&str, &[u8]) = [
            ("-r -p -v -t .", &b"T1 0 2 0\nD0755 0 new\nC0400 1 q\nq\0E\n"[..]),
            ("-t .", b"C0644 20000 n\n"),
            ("-t n", b"C0644 3 n\nabc\0"),
            ("-r -p -v -f d f", b"\0\0\0\0\0"),
            ("-f f", b"\0\x01"),
            ("-t .", b""),
        ][which];
        let input = [head, &tail].concat();
        let whole = play(&calls(), line, &[&input]);
        let pieces: Vec<&[u8]> = input.chunks(chunk).collect();
        prop_assert_eq!(whole, play(&calls(), line, &pieces));
    }
}
