//! The same command lines over the same small files, in the machine's own programs and in the shell: what they
//! print on both outputs and their status must be the same, whole line by whole line.
//!
//! Lines stand in `tools/*.txt`, `␤` for a newline within one, those of `dash` for that shell; those in `tools/differences.txt` differ, each with its reason.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use phantom_core::{Timestamp, from_micros};
use phantom_honeypot::shell::Visitor;
use phantom_honeypot::vfs::SetAttr;
use phantom_honeypot::{Console, Cred, Emit, Machine, Persona, Shell};

use crate::text;

/// When the files were written, and the shell's clock: both in 2025.
const WRITTEN: i64 = 1_750_000_000;
const NOW: i64 = 1_763_900_000;

macro_rules! groups {
    ($($name:ident)*) => {
        const CASES: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("tools/", stringify!($name), ".txt")))),*];
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}
groups! { archives awk bash builtins copy dash files grammar grep ls plain sed sort }

/// Lines that differ, each behind a comment that says why.
const DIFFERENCES: &str = include_str!("tools/differences.txt");

/// Name, content; a name ending in `/` is a directory.
const FILES: &[(&str, &[u8])] = &[
    ("dir/", b""),
    ("dir/sub/", b""),
    ("dir/one.txt", b"one\n"),
    ("dir/sub/two.sh", b"#!/bin/sh\necho two\n"),
    ("dir/sub/.hidden", b"x"),
    ("passwd", b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nadmin:x:1000:1000:Admin,,,:/home/admin:/bin/bash\n"),
    ("words", b"the quick brown fox\njumps over the lazy dog\n\nThe END of it\nfoo bar foo baz\n"),
    ("numbers", b"10\n9\n2\n33\n-4\n1.5\n1e3\n\nabc\n10\n"),
    ("table", b"alice 30 4.5\nbob 25 3.25\ncarol 41 -7\ndave 25 0\n"),
    ("csv", b"id,name,score\n1,ann,10\n2,bob,7\n3,cy,\n"),
    ("nonl", b"first\nlast without newline"),
    ("empty", b""),
    ("bin", b"\x7fELF\x02\x01\x01\x00\x00\x01\x02abc\xff\xfe\x00tail of it\x00xyz"),
    ("tabs", b"a\tb\tc\n\tx\ty\nlong word\tz\n"),
    ("log", b"Jan  1 00:00:01 host sshd[11]: Failed password for root from 10.0.0.1 port 22\nJan  1 00:00:02 host sshd[12]: Accepted password for admin from 10.0.0.2 port 23\nJan  1 00:00:03 host cron[13]: job\n"),
    ("sorted1", b"apple\nbanana\ncherry\n"),
    ("sorted2", b"banana\ncherry\ndate\n"),
    ("script.sed", b"s/o/0/g\n/^the/{\n  p\n  d\n}\n$!N\nP\nD\n"),
    ("prog.awk", b"BEGIN { FS = \":\" }\n{ count[$7]++ }\nEND { for (s in count) n++; print n, NR }\n"),
];

fn at(seconds: i64) -> Timestamp {
    from_micros(seconds * 1_000_000)
}

type Said = (String, String, i32);

/// Runs it in `w` of a home of its own, and calls that home `/root` in what it says.
fn real(home: &Path, line: &str) -> Said {
    let output = Command::new("timeout")
        .args(["20", "bash", "-c", line])
        .current_dir(home.join("w"))
        .env_clear()
        .envs([("LC_ALL", "C.UTF-8"), ("PATH", "/usr/sbin:/usr/bin"), ("TZ", "UTC")])
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = |bytes: &[u8]| text(bytes).replace(&*home.to_string_lossy(), "/root");
    (said(&output.stdout), said(&output.stderr), output.status.code().unwrap_or(-1))
}

fn fill(dir: &Path) {
    let when = SystemTime::UNIX_EPOCH + Duration::from_secs(WRITTEN.unsigned_abs());
    for (name, content) in FILES {
        let path = dir.join(name);
        if name.ends_with('/') {
            std::fs::create_dir(&path).unwrap();
        } else {
            std::fs::write(&path, content).unwrap();
        }
    }
    for (name, _) in FILES.iter().rev() {
        std::fs::File::open(dir.join(name)).unwrap().set_modified(when).unwrap();
    }
}

fn ours(machine: &Arc<Machine>, line: &str) -> Said {
    let (vfs, account) = machine.login(b"root", at(WRITTEN));
    {
        let mut vfs = vfs.lock().unwrap();
        let root = Cred::root();
        vfs.mkdir(&root, b"/root/w", 0o755).unwrap();
        for (name, content) in FILES {
            let path = format!("/root/w/{name}");
            if name.ends_with('/') {
                vfs.mkdir(&root, path.as_bytes(), 0o755).unwrap();
            } else {
                let ino = vfs.create(&root, path.as_bytes(), 0o644, true).unwrap();
                vfs.write(ino, Some(0), content).unwrap();
            }
        }
        for (name, _) in FILES.iter().rev() {
            let set = SetAttr { mtime: Some(at(WRITTEN)), ..SetAttr::default() };
            vfs.set_attr(&root, format!("/root/w/{name}").as_bytes(), set).unwrap();
        }
        vfs.set_now(at(NOW));
    }
    let visitor = Visitor {
        peer: "198.51.100.7:40000".parse().unwrap(),
        local: "192.0.2.1:22".parse().unwrap(),
        at: at(NOW),
        seed: [9; 32],
    };
    let shell = Shell::new(Arc::clone(machine), vfs, account, visitor);
    let before = "cd w; unset OLDPWD; export LC_ALL=C.UTF-8 TZ=UTC; ";
    let line = format!("{before}{line}");
    let mut console = Console::exec(shell, line.as_bytes(), false);
    let mut out = Vec::new();
    console.start(at(NOW), &mut out);
    console.end_of_input(at(NOW), &mut out);
    let (mut stdout, mut stderr, mut status, mut done) = (Vec::new(), Vec::new(), -1, 0);
    while done < out.len() {
        match out[done].clone() {
            Emit::Stdout(b) => stdout.extend(b),
            Emit::Stderr(b) => stderr.extend(b),
            Emit::Exit(s) => status = s,
            Emit::Wake(Some(when)) => console.wake(when, &mut out),
            _ => {}
        }
        done += 1;
    }
    // A complaint about the grammar repeats the line.
    (text(&stdout), text(&stderr).replace(before, ""), status)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What differs of a group's lines, in words.
fn compare(group: &str, cases: &str) -> Vec<String> {
    let machine = Machine::new(Arc::new(Persona::generate([3; 32], at(NOW))));
    let differs: Vec<&str> = lines(DIFFERENCES).collect();
    let all: Vec<&str> = lines(cases).collect();
    let wrong = Mutex::new(Vec::new());
    for line in all {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("w")).unwrap();
        fill(&home.path().join("w"));
        let text = line.replace('␤', "\n");
        let text = match group {
            "dash" => format!("sh -c '{}'", text.replace('\'', r"'\''")),
            _ => text,
        };
        let (theirs, own) = (real(home.path(), &text), ours(&machine, &text));
        if theirs != own && !differs.contains(&line) {
            wrong.lock().unwrap().push(format!("{group}: {line}\n  real {theirs:?}\n  ours {own:?}"));
        }
    }
    wrong.into_inner().unwrap()
}

fn check(group: &str) {
    let cases = CASES.iter().find(|(name, _)| *name == group).unwrap().1;
    let wrong = compare(group, cases);
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), lines(cases).count(), wrong.join("\n"));
}

#[test]
fn enough_is_compared() {
    let count: usize = CASES.iter().map(|(_, cases)| lines(cases).count()).sum();
    assert!(count >= 300, "{count}");
    for line in lines(DIFFERENCES) {
        assert!(CASES.iter().any(|(_, cases)| lines(cases).any(|l| l == line)), "no such line: {line}");
    }
}

/// What never ends, or grows without end, ends all the same.
#[test]
fn endless_programs_end() {
    let machine = Machine::new(Arc::new(Persona::generate([3; 32], at(NOW))));
    for line in [
        "awk 'BEGIN{while(1);}'",
        "awk 'BEGIN{while(1)print \"y\"}' | head -1",
        "awk 'function f(){f()} BEGIN{f()}'",
        "awk 'BEGIN{x=\"a\";while(1)x=x x}'",
        "awk 'BEGIN{while(1)a[i++]=i}'",
        "sed ':a;ba' words",
        "sed ':a;s/^/x/;ta' words",
        "sed ':a;G;h;ba' words",
        "grep -E '((a{50}){50}){50}' words",
        "printf '%5000s' | tr ' ' a | grep -E '(a*)*(a*)*b'",
        "printf '%5000s' | tr ' ' a | grep -P '(a+)+b'",
        "yes | head -1",
        "find / -exec true {} \\; | wc -l",
        "seq 1 100000000 | tail -1",
        "head -c 1000000000 /dev/zero | wc -c",
    ] {
        let (out, err, _) = ours(&machine, line);
        assert!(out.len() + err.len() <= 16 << 20, "{line}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn any_program_is_answered(
        awk in "[{}()$a-c0-9+;=\"/~! -]{0,24}",
        sed in "[a-z0-9/;{}!$,&*. -]{0,16}",
        find in "[-a-z!() *]{0,16}",
    ) {
        let machine = Machine::new(Arc::new(Persona::generate([3; 32], at(NOW))));
        for (program, text) in [("awk", awk), ("sed", sed), ("find", find)] {
            ours(&machine, &format!("{program} '{text}' words"));
        }
    }
}
