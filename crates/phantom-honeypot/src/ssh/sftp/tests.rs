//! Debian's own sftp-server answers the same requests; what differs is only what a file system may choose.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};

use phantom_core::{Body, from_micros};
use proptest::prelude::*;

use super::wire::Reader;
use super::{Disk, Sftp, Step};
use crate::shell::Emit;
use crate::ssh::calls::Calls;
use crate::vfs::{Cred, SetAttr};
use crate::{Machine, Persona};

const SERVER: &str = "/usr/lib/openssh/sftp-server";
const NOW: i64 = 1_763_900_000_000_000;

static MACHINE: LazyLock<Arc<Machine>> =
    LazyLock::new(|| Machine::new(Arc::new(Persona::generate([7; 32], from_micros(NOW)))));

/// Ours, in `/tmp/base/work`.
struct Ours(Sftp, Calls);

impl Ours {
    fn new(who: &Cred) -> Self {
        let (vfs, _) = MACHINE.login(b"root", from_micros(NOW));
        let own = SetAttr { uid: Some(who.uid), gid: Some(who.gid), ..SetAttr::default() };
        for dir in [&b"/tmp/base"[..], b"/tmp/base/work"] {
            let mut vfs = vfs.lock().unwrap();
            vfs.mkdir(&Cred::root(), dir, 0o755).unwrap();
            vfs.set_attr(&Cred::root(), dir, own).unwrap();
        }
        let cwd = b"/tmp/base/work".to_vec();
        let calls = Calls { vfs, who: who.clone(), cwd, umask: 0o22, order: 7 };
        let disk = Disk { size: 40 << 20, used: 4 << 20, id: 9 };
        Self(Sftp::new(calls.clone(), b"/root".to_vec(), disk), calls)
    }

    fn ask(&mut self, message: &[u8]) -> (Vec<Emit>, Step) {
        let mut out = Vec::new();
        self.0.input(message);
        loop {
            match self.0.step(from_micros(NOW), &mut out) {
                Step::Went => {}
                step => return (out, step),
            }
        }
    }

    fn reply(&mut self, message: &[u8]) -> Vec<u8> {
        let said = |emit| if let Emit::Stdout(bytes) = emit { Some(bytes) } else { None };
        self.ask(message).0.into_iter().filter_map(said).flatten().skip(4).collect()
    }
}

/// Debian's, in `base/work` of a directory of its own.
struct Theirs {
    child: Child,
    dir: tempfile::TempDir,
}

impl Theirs {
    fn new(who: &Cred) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let work = dir.path().join("base/work");
        std::fs::create_dir_all(&work).unwrap();
        let mut command = Command::new("bash");
        for dir in [&dir.path().join("base"), &work] {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
            if may_change_user() {
                chown(dir, Some(who.uid), Some(who.gid)).unwrap();
            }
        }
        if may_change_user() {
            command.uid(who.uid).gid(who.gid);
        }
        // sshd hands it three descriptors and no more.
        let close =
            "for f in /proc/self/fd/*; do n=${f##*/}; if ((n > 2)); then eval \"exec $n>&-\"; fi; done";
        let line = format!("{close}; umask 022; ulimit -Sn 1024; exec {SERVER}");
        let child = command
            .args(["-c", &line])
            .current_dir(work)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian's openssh-sftp-server is installed");
        Self { child, dir }
    }

    fn send(&mut self, message: &[u8]) {
        // One that has ended reads no more.
        let _ = self.child.stdin.as_mut().unwrap().write_all(message);
    }

    fn reply(&mut self, message: &[u8]) -> Vec<u8> {
        self.send(message);
        let mut length = [0; 4];
        let stdout = self.child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut length).expect("it answers");
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        stdout.read_exact(&mut reply).unwrap();
        reply
    }

    /// Its status, while its input stays open.
    fn status(&mut self) -> i32 {
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("it does not end");
    }

    fn base(&self) -> Vec<u8> {
        self.dir.path().join("base").to_str().unwrap().as_bytes().to_vec()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the tests run as root, so that the real server can be run as somebody.
fn may_change_user() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Who the servers are run as: root and an ordinary user, or whoever runs the tests.
fn users() -> Vec<Cred> {
    let own = std::fs::metadata("/proc/self").unwrap();
    let user = |uid, gid| Cred { uid, gid, groups: Vec::new() };
    if own.uid() == 0 { vec![user(0, 0), user(65_534, 65_534)] } else { vec![user(own.uid(), own.gid())] }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn message(kind: u8, body: &[Vec<u8>]) -> Vec<u8> {
    let body = [vec![kind], vec![0, 0, 1, 2], body.concat()].concat();
    string(&body)
}

fn extended(name: &str, body: &[Vec<u8>]) -> Vec<u8> {
    message(200, &[vec![string(name.as_bytes())], body.to_vec()].concat())
}

fn init(version: u32) -> Vec<u8> {
    string(&[vec![1], version.to_be_bytes().to_vec()].concat())
}

fn number(value: u32) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

fn long(value: u64) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

/// Attributes, all absent.
fn none() -> Vec<u8> {
    number(0)
}

/// A reply in words; times of the run itself, sizes of directories and the order of names left out.
fn told(reply: &[u8], base: &[u8]) -> String {
    let mut body = Reader(reply);
    let (kind, id) = (body.u8().unwrap(), body.u32().unwrap());
    let mut out = format!("{kind} {id:x}");
    match kind {
        105 => attributes(&mut body, &mut out),
        104 => {
            let mut names = Vec::new();
            for _ in 0..body.u32().unwrap() {
                let mut name = String::new();
                let (short, long) = (body.string().unwrap(), body.string().unwrap());
                let replaced = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    text.replace(&*String::from_utf8_lossy(base), "BASE")
                };
                let (short, long) = (replaced(short), replaced(long));
                let directory = long.starts_with('d');
                // A date of the run itself and the size of a directory are the file system's own.
                let long = if long == short {
                    long
                } else {
                    let size = if directory { "" } else { long.get(34..42).unwrap_or("") };
                    format!("{}{size}{}", long.get(..33).unwrap(), long.get(55..).unwrap())
                };
                write!(name, " [{short:?} {long:?}").unwrap();
                attributes(&mut body, &mut name);
                names.push(name + "]");
            }
            names.sort();
            out += &names.concat();
        }
        _ => write!(out, " {}", body.0.escape_ascii()).unwrap(),
    }
    out
}

fn attributes(body: &mut Reader<'_>, out: &mut String) {
    let attrs = body.attrs().unwrap();
    let directory = attrs.mode.is_some_and(|mode| mode & 0o170_000 == 0o040_000);
    let size = attrs.size.filter(|_| !directory);
    let set = |time: u32| if time < 1_700_000_000 { time } else { 0 };
    // Times that were not set are those of the run.
    let times = attrs.times.map(|(_, change)| set(change));
    write!(out, " {size:?} {:?} {:o} {times:?}", attrs.owner, attrs.mode.unwrap_or(0)).unwrap();
}

/// Splitmix64: the sequences are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.roll() as usize % list.len()].clone()
    }

    fn path(&mut self) -> Vec<u8> {
        let paths: &[&[u8]] = &[
            b"a",
            b"a",
            b"b",
            b"b",
            b"c",
            b"d",
            b"d",
            b"d/e",
            b"d/f",
            b"l",
            b"m",
            b"l/e",
            b"a/x",
            b"none/x",
            b"",
            b".",
            b"..",
            b"a/",
            b"d/",
            b"d/.",
            b"d/..",
            b"./a",
            b"d//f",
            b"../work/a",
            b"new/",
            b"a\\b",
            b"\xff\xfe",
            b"loop",
            b"l/",
        ];
        if self.roll().is_multiple_of(40) { vec![b'n'; 256] } else { self.pick(paths).to_vec() }
    }

    fn handle(&mut self) -> Vec<u8> {
        let odd: &[&[u8]] = &[b"", b"abc", b"\0\0\0\x09", b"\xff\xff\xff\xff", b"\0\0\0\0\0"];
        if self.roll().is_multiple_of(12) {
            return string(self.pick(odd));
        }
        string(&(self.roll() as u32 % 4).to_be_bytes())
    }

    fn offset(&mut self) -> Vec<u8> {
        long(self.pick(&[0, 0, 0, 1, 5, 7, 100, 32_768, 1 << 63, u64::MAX]))
    }

    fn attrs(&mut self, owner: u32) -> Vec<u8> {
        let flags = self.pick(&[0, 0, 4, 4, 8, 1, 2, 5, 12, 13, 0x8000_0004]);
        let mut out = vec![number(flags)];
        if flags & 1 != 0 {
            out.push(long(self.pick(&[0, 3, 9, 40_000, 1 << 63, u64::MAX])));
        }
        if flags & 2 != 0 {
            out.extend([number(self.pick(&[owner, 0, u32::MAX])), number(self.pick(&[owner, u32::MAX]))]);
        }
        if flags & 4 != 0 {
            out.push(number(self.pick(&[0o644, 0o600, 0o755, 0o777, 0o100_640, 0, 0o4755, 0o2775, 0o1777])));
        }
        if flags & 8 != 0 {
            out.extend([number(1_000_000_000), number(self.pick(&[0, 1, 1_234_567_890]))]);
        }
        if flags >> 31 != 0 {
            out.extend([number(1), string(b"acl@x"), string(b"\0")]);
        }
        out.concat()
    }

    fn request(&mut self, owner: u32) -> Vec<u8> {
        let (one, two) = (string(&self.path()), string(&self.path()));
        let kinds =
            [3, 3, 3, 3, 4, 5, 5, 6, 6, 6, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200];
        match self.pick(&kinds) {
            3 if one != string(b"..") => {
                let flags = number(self.pick(&[1, 2, 3, 10, 26, 27, 42, 11, 14, 0, 8, 17, 46]));
                message(3, &[one, flags, self.attrs(owner)])
            }
            kind @ (4 | 8 | 12) => message(kind, &[self.handle()]),
            5 => {
                let (handle, offset) = (self.handle(), self.offset());
                message(5, &[handle, offset, number(self.pick(&[0, 1, 10, 40_000, u32::MAX]))])
            }
            6 => {
                let (handle, offset) = (self.handle(), self.offset());
                let bytes: &[&[u8]] = &[b"hello", b"", b"wo\0ld\n", &[7; 3000]];
                message(6, &[handle, offset, string(self.pick(bytes))])
            }
            // Ours knows its directory by name: whether the one around it may be searched matters to it alone.
            3 | 9 if one == string(b"..") => message(7, &[one]),
            kind @ (9 | 14) => message(kind, &[one, self.attrs(owner)]),
            10 => message(10, &[self.handle(), self.attrs(owner)]),
            18 => message(18, &[one, two]),
            20 => {
                // A link whose target ends with a slash is opened in its own way by the kernel.
                let mut target = self.path();
                while target.ends_with(b"/") {
                    target.pop();
                }
                if target == b".." {
                    target.pop();
                }
                message(20, &[string(&target), two])
            }
            200 => match self.roll() % 10 {
                0 | 1 => extended("posix-rename@openssh.com", &[one, two]),
                2 => extended("hardlink@openssh.com", &[one, two]),
                3 => extended("fsync@openssh.com", &[self.handle()]),
                4 if one == string(b"..") => extended("fsync@openssh.com", &[self.handle()]),
                4 => extended("lsetstat@openssh.com", &[one, self.attrs(owner)]),
                5 => {
                    let lengths = [0, 1, 3, 100_000];
                    let (from, start, length) = (self.handle(), self.offset(), long(self.pick(&lengths)));
                    extended("copy-data", &[from, start, length, self.handle(), self.offset()])
                }
                6 => {
                    let paths: &[&[u8]] = &[b"", b"~", b"~/d", b"a/../d", b"~nosuchuser/x", b"~root/x"];
                    extended("expand-path@openssh.com", &[string(self.pick(paths))])
                }
                7 => extended(
                    "users-groups-by-id@openssh.com",
                    &[string(&[0; 4]), string(b"\0\0\0\0\xff\xff\xff\xfe")],
                ),
                8 => extended("home-directory", &[string(self.pick(&[&b"nosuchuser"[..], b"nobody2"]))]),
                _ => extended("no-such@example.com", &[one]),
            },
            kind => message(kind, &[one]),
        }
    }
}

/// Some files to begin with, made by requests.
fn setting() -> Vec<Vec<u8>> {
    let file = |name: &[u8], content: &[u8]| {
        let open = message(3, &[string(name), number(26), number(4), number(0o644)]);
        let zero = string(&[0; 4]);
        [open, message(6, &[zero.clone(), long(0), string(content)]), message(4, &[zero])]
    };
    let mut all = vec![init(3), message(14, &[string(b"d"), none()])];
    all.extend(file(b"a", b"content of a\n"));
    all.extend(file(b"d/e", &[b'e'; 70_000]));
    all.extend(
        [(&b"d"[..], &b"l"[..]), (b"missing", b"m"), (b"loop", b"loop")]
            .map(|(target, name)| message(20, &[string(target), string(name)])),
    );
    all
}

#[test]
fn debians_server_answers_the_same() {
    // Other and more sequences: PHANTOM_SFTP_FROM=1000 PHANTOM_SFTP_CASES=1000.
    let told_by = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let (from, cases) = (told_by("PHANTOM_SFTP_FROM", 0), told_by("PHANTOM_SFTP_CASES", 60));
    let (mut asked, mut seen) = (0, std::collections::BTreeMap::new());
    for who in users() {
        for seed in from..from + cases {
            let (mut dice, mut ours, mut theirs) = (Dice(seed), Ours::new(&who), Theirs::new(&who));
            let base = theirs.base();
            let mut log = Vec::new();
            let settled = setting();
            let rolled: Vec<Vec<u8>> = (0..60).map(|_| dice.request(who.uid)).collect();
            for request in settled.into_iter().chain(rolled) {
                let (own, real) = (ours.reply(&request), theirs.reply(&request));
                log.push(request.get(4..request.len().min(90)).unwrap_or(&[]).escape_ascii().to_string());
                let (own, real) = (told(&own, b"/tmp/base"), told(&real, &base));
                asked += 1;
                *seen.entry((request[4], real.split(' ').next().unwrap_or("").to_owned())).or_insert(0) += 1;
                let log = log[log.len().saturating_sub(70)..].join("\n");
                assert_eq!(own, real, "user {}, seed {seed}, left ours, after\n{log}", who.uid);
            }
        }
    }
    assert!(asked > 60 * cases);
    assert!(seen.len() > 30, "{seen:?}");
}

#[test]
fn greetings_handles_and_limits_are_the_same_bytes() {
    let who = users().remove(0);
    let (mut ours, mut theirs) = (Ours::new(&who), Theirs::new(&who));
    for version in [3, 0, 2, 6] {
        assert_eq!(ours.reply(&init(version)), theirs.reply(&init(version)));
        let missing = message(17, &[string(b"missing")]);
        assert_eq!(ours.reply(&missing), theirs.reply(&missing), "version {version}");
    }
    let limits = extended("limits@openssh.com", &[]);
    assert_eq!(ours.reply(&limits), theirs.reply(&limits));
    let open = message(3, &[string(b"x"), number(10), none()]);
    for round in 0..1100 {
        assert_eq!(ours.reply(&open), theirs.reply(&open), "handle {round}");
    }
    let failure = b"\x65\0\0\x01\x02\0\0\0\x04\0\0\0\x07Failure\0\0\0\0";
    assert_eq!(ours.reply(&open), failure, "there is an end of them");
    for closed in [3u32, 1020, 7] {
        let close = message(4, &[string(&closed.to_be_bytes())]);
        assert_eq!(ours.reply(&close), theirs.reply(&close));
    }
    assert_eq!(ours.reply(&open), theirs.reply(&open), "the one closed last comes first");
}

#[test]
fn directories_come_in_batches_of_a_hundred() {
    let who = users().remove(0);
    let (mut ours, mut theirs) = (Ours::new(&who), Theirs::new(&who));
    let mut names = Vec::new();
    for request in [init(3)]
        .into_iter()
        .chain((0..230).map(|n| message(14, &[string(format!("n{n}").as_bytes()), none()])))
    {
        assert_eq!(ours.reply(&request), theirs.reply(&request));
    }
    let opened = (ours.reply(&message(11, &[string(b".")])), theirs.reply(&message(11, &[string(b".")])));
    assert_eq!(opened.0, opened.1);
    let next = message(12, &[string(&[0; 4])]);
    loop {
        let (own, real) = (ours.reply(&next), theirs.reply(&next));
        assert_eq!(own[..9], real[..9], "kind, number and count");
        if own[0] == 101 {
            assert_eq!(own, real);
            break;
        }
        let mut body = Reader(&own[9..]);
        while !body.0.is_empty() {
            names.push(body.string().unwrap().to_vec());
            body.string().unwrap();
            body.attrs().unwrap();
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 232);
}

/// What ends the real server, and with what.
#[test]
fn what_cannot_be_read_ends_it_with_the_same_status() {
    let whole = message(17, &[string(b"a")]);
    let cases: Vec<Vec<u8>> = vec![
        message(17, &[string(b"a")]),
        extended("limits@openssh.com", &[]),
        [init(3), string(&[])].concat().into_iter().chain([9]).collect(),
        [init(3), vec![0, 4, 0, 1, 17]].concat(),
        [init(3), vec![0xff, 0xff, 0xff, 0xff, 17]].concat(),
        [init(3), string(&whole[4..whole.len() - 1])].concat(),
        [init(3), message(17, &[string(b"a\0b")])].concat(),
        [init(3), message(17, &[number(u32::MAX)])].concat(),
        [init(3), message(4, &[])].concat(),
        [init(3), message(3, &[string(b"a"), number(1), number(1)])].concat(),
        [init(3), extended("users-groups-by-id@openssh.com", &[string(b"abc"), string(b"")])].concat(),
        string(&[1]),
    ];
    for case in cases {
        let who = users().remove(0);
        let (mut ours, mut theirs) = (Ours::new(&who), Theirs::new(&who));
        let (_, step) = ours.ask(&case);
        theirs.send(&case);
        let status = theirs.status();
        assert_eq!(step, Step::Exit(status), "{}", case.escape_ascii());
    }
}

#[test]
fn a_file_written_out_of_order_is_kept_once_with_its_exact_bytes() {
    let mut ours = Ours::new(&Cred::root());
    let handle = string(&[0; 4]);
    ours.ask(&init(3));
    ours.ask(&message(3, &[string(b"x"), number(26), none()]));
    for (offset, bytes) in [(6, b"world!"), (0, b"hello "), (3, b"p mild")] {
        ours.ask(&message(6, &[handle.clone(), long(offset), string(bytes)]));
    }
    let (emits, _) = ours.ask(&message(4, &[handle]));
    let [Emit::Wrote(file), Emit::Stdout(_)] = emits.as_slice() else { panic!("{emits:?}") };
    assert_eq!(
        (file.path.as_slice(), file.content.as_slice()),
        (&b"/tmp/base/work/x"[..], &b"help mildld!"[..])
    );
}

#[test]
fn what_leaves_is_recorded_with_its_hash() {
    let mut ours = Ours::new(&Cred::root());
    let handle = string(&[0; 4]);
    for request in [init(3), message(3, &[string(b"/etc/hostname"), number(1), none()])] {
        ours.ask(&request);
    }
    ours.ask(&message(5, &[handle.clone(), long(0), number(32_768)]));
    let (emits, _) = ours.ask(&message(4, std::slice::from_ref(&handle)));
    let Emit::Record(Body::Transfer(transfer)) = &emits[0] else { panic!("{emits:?}") };
    let name = ours.1.lock().read(&Cred::root(), b"/etc/hostname", 0, 99).unwrap();
    assert_eq!((transfer.name.as_bytes(), transfer.bytes), (&b"/etc/hostname"[..], name.len() as u64));
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&name);
    assert_eq!(
        transfer.sha256.as_deref(),
        Some(&*sum.iter().map(|b| format!("{b:02x}")).collect::<String>())
    );
    // What was read in pieces out of order has a size and no hash.
    ours.ask(&message(3, &[string(b"/etc/passwd"), number(1), none()]));
    ours.ask(&message(5, &[handle.clone(), long(9), number(5)]));
    ours.ask(&message(5, &[handle, long(0), number(5)]));
    let mut out = Vec::new();
    ours.0.end(&mut out);
    let Emit::Record(Body::Transfer(transfer)) = &out[0] else { panic!("{out:?}") };
    assert_eq!((transfer.bytes, &transfer.sha256), (10, &None));
}

#[test]
fn a_broken_connection_leaves_nothing_open() {
    let mut ours = Ours::new(&Cred::root());
    ours.ask(&init(3));
    ours.ask(&message(3, &[string(b"x"), number(26), none()]));
    ours.ask(&message(6, &[string(&[0; 4]), long(0), string(b"gone")]));
    let ino = ours.1.stat(b"x").unwrap().ino;
    ours.ask(&message(13, &[string(b"x")]));
    let Ours(server, calls) = ours;
    assert!(calls.lock().stat_ino(ino).is_ok(), "open, it lives without a name");
    drop(server);
    assert!(calls.lock().stat_ino(ino).is_err());
    assert_eq!(calls.lock().take_dropped()[0].content, b"gone", "and is evidence");
}

#[test]
fn hostile_sizes_are_bounded() {
    let mut ours = Ours::new(&Cred::root());
    let handle = |n: u32| string(&n.to_be_bytes());
    ours.ask(&init(3));
    ours.ask(&message(3, &[string(b"x"), number(26), none()]));
    let (emits, _) = ours.ask(&message(6, &[handle(0), long(1 << 40), string(b"x")]));
    let [Emit::Record(Body::Note(note)), Emit::Stdout(far)] = emits.as_slice() else { panic!("{emits:?}") };
    assert_eq!(note.value.as_bytes(), b"write \"x\" No space left on device");
    assert_eq!(far[12], 4, "no space for a terabyte");
    assert_eq!(ours.reply(&message(10, &[handle(0), number(1), long(1 << 40)]))[8], 4);
    ours.ask(&message(3, &[string(b"/dev/zero"), number(1), none()]));
    assert_eq!(ours.reply(&extended("copy-data", &[handle(1), long(0), long(0), handle(0), long(0)]))[8], 4);
    ours.ask(&message(3, &[string(b"/dev/null"), number(2), none()]));
    assert_eq!(ours.reply(&extended("copy-data", &[handle(1), long(0), long(0), handle(2), long(0)]))[8], 4);
    let (held, _) = ours.1.lock().held();
    assert!(held <= 33 << 20, "{held}");
    // A path of 2,000 steps through links that lead to links.
    let mut deep = b"/tmp/base/work".to_vec();
    for n in 0..40 {
        let target = [&b"s/"[..].repeat(600)[..], format!("k{}", n + 1).as_bytes()].concat();
        ours.ask(&message(20, &[string(&target), string(format!("k{n}").as_bytes())]));
    }
    ours.ask(&message(20, &[string(b"."), string(b"s")]));
    deep.extend(b"/s".repeat(1900));
    assert_eq!(ours.reply(&message(16, &[string(b"k0")]))[0], 101);
    assert_eq!(ours.reply(&message(16, &[string(&deep)]))[0], 101);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn chunking_changes_nothing(seed: u64, tail: Vec<u8>, chunk in 1usize..40) {
        let mut dice = Dice(seed);
        let mut bytes = setting().concat();
        (0..12).for_each(|_| bytes.extend(dice.request(0)));
        bytes.extend(tail);
        let (mut whole, mut cut) = (Ours::new(&Cred::root()), Ours::new(&Cred::root()));
        let (mut expected, mut out) = (whole.ask(&bytes), (Vec::new(), Step::Idle));
        whole.0.end(&mut expected.0);
        for piece in bytes.chunks(chunk) {
            if !matches!(out.1, Step::Exit(_)) {
                let (emits, step) = cut.ask(piece);
                out.0.extend(emits);
                out.1 = step;
            }
        }
        cut.0.end(&mut out.0);
        prop_assert_eq!(expected, out);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>, kind: u8) {
        let mut ours = Ours::new(&Cred::root());
        ours.ask(&init(3));
        ours.ask(&bytes);
        ours = Ours::new(&Cred::root());
        ours.ask(&init(3));
        ours.ask(&message(kind, &[bytes]));
    }
}
