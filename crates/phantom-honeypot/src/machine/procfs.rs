//! /proc and /sys: trees that are made when they are read. A node is a number: bit 62, the process (0: the
//! machine's own), and the place in that process's or the machine's table.

use phantom_core::Timestamp;

use super::{Process, View, text};
use crate::Persona;
use crate::vfs::{Ino, Kind};

const BIT: Ino = 1 << 62;
/// Descriptors lie above the table.
const FD: u32 = 1000;
/// Room for a process's table and descriptors.
const SPAN: u32 = 1 << 16;

/// Makes the text of a file of the machine.
type Make = fn(&View<'_>) -> String;
/// Makes the text of a file of a process.
type OfProcess = fn(&View<'_>, &Process) -> Vec<u8>;

#[derive(Debug, Clone)]
enum Body {
    Dir,
    Text(Make),
    Fixed(String),
    Link(Make),
}

#[derive(Debug)]
struct Entry {
    path: String,
    mode: u32,
    body: Body,
}

/// The machine's own nodes.
#[derive(Debug)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
enum Own {
    Dir,
    Text(OfProcess),
    Link(OfProcess),
}

const THREAD: &str = "task/*";

/// The files of a process, as proc(5) has them.
const OWN: &[(&str, u32, Own)] = &[
    ("", 0o555, Own::Dir),
    ("cgroup", 0o444, Own::Text(|_, p| text::cgroup(p))),
    ("cmdline", 0o444, Own::Text(|_, p| p.cmdline.clone())),
    ("comm", 0o644, Own::Text(|_, p| format!("{}\n", p.comm).into_bytes())),
    ("cwd", 0o777, Own::Link(|_, p| p.cwd.clone())),
    ("environ", 0o400, Own::Text(|_, _| Vec::new())),
    ("exe", 0o777, Own::Link(|_, p| p.exe.clone().into_bytes())),
    ("fd", 0o500, Own::Dir),
    ("limits", 0o444, Own::Text(|v, _| text::limits(v).into_bytes())),
    ("loginuid", 0o644, Own::Text(|_, p| text::login_uid(p).into_bytes())),
    ("maps", 0o444, Own::Text(|_, p| text::maps(p).into_bytes())),
    ("mem", 0o600, Own::Text(|_, _| Vec::new())),
    ("mountinfo", 0o444, Own::Text(|v, _| text::mount_info(v).into_bytes())),
    ("mounts", 0o444, Own::Text(|v, _| text::mounts(v).into_bytes())),
    ("net", 0o555, Own::Dir),
    ("oom_score", 0o444, Own::Text(|_, _| b"0\n".to_vec())),
    ("oom_score_adj", 0o644, Own::Text(|_, _| b"0\n".to_vec())),
    ("root", 0o777, Own::Link(|_, _| b"/".to_vec())),
    ("stat", 0o444, Own::Text(|v, p| text::stat_of(v, p).into_bytes())),
    ("statm", 0o444, Own::Text(|_, p| text::statm(p).into_bytes())),
    ("status", 0o444, Own::Text(|v, p| text::status(v, p).into_bytes())),
    ("task", 0o555, Own::Dir),
    // The one thread, whose files are those of the process.
    (THREAD, 0o555, Own::Dir),
    ("net/arp", 0o444, Own::Text(|v, _| text::arp(v).into_bytes())),
    ("net/dev", 0o444, Own::Text(|v, _| text::net_dev(v).into_bytes())),
    ("net/if_inet6", 0o444, Own::Text(|v, _| text::if_inet6(v.persona()).into_bytes())),
    ("net/route", 0o444, Own::Text(|v, _| text::route(v).into_bytes())),
    ("net/tcp", 0o444, Own::Text(|v, _| text::table(v, "tcp").into_bytes())),
    ("net/tcp6", 0o444, Own::Text(|v, _| text::table(v, "tcp6").into_bytes())),
    ("net/udp", 0o444, Own::Text(|v, _| text::table(v, "udp").into_bytes())),
    ("net/udp6", 0o444, Own::Text(|v, _| text::table(v, "udp6").into_bytes())),
];

/// What stat(2) tells of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attr {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
}

/// Whether a number is one of ours.
pub(crate) fn is_proc(ino: Ino) -> bool {
    ino & BIT != 0
}

fn number(pid: u32, index: u32) -> Ino {
    BIT | (Ino::from(pid) * Ino::from(SPAN)) | Ino::from(index)
}

fn parts(ino: Ino) -> (u32, u32) {
    let plain = ino & !BIT;
    let span = Ino::from(SPAN);
    (u32::try_from(plain / span).unwrap_or(0), u32::try_from(plain % span).unwrap_or(0))
}

impl Tree {
    pub(super) fn new(p: &Persona) -> Self {
        let mut tree = Self { entries: Vec::new() };
        for (path, mode, make) in text::FILES {
            tree.add(path, *mode, Body::Text(*make));
        }
        tree.add("/proc/self", 0o777, Body::Link(|v| v.live.current().to_string()));
        tree.add("/proc/thread-self", 0o777, Body::Link(|v| format!("{0}/task/{0}", v.live.current())));
        tree.add("/proc/mounts", 0o777, Body::Link(|_| "self/mounts".to_owned()));
        tree.add("/proc/net", 0o777, Body::Link(|_| "self/net".to_owned()));
        for (path, mode, value) in text::fixed(p) {
            tree.add(&path, mode, Body::Fixed(value));
        }
        tree
    }

    fn add(&mut self, path: &str, mode: u32, body: Body) {
        let mut at = 0;
        while let Some(end) = path.get(at + 1..).and_then(|rest| rest.find('/')).map(|n| n + at + 1) {
            let parent = path.get(..end).unwrap_or(path);
            if !self.entries.iter().any(|entry| entry.path == parent) {
                self.entries.push(Entry { path: parent.to_owned(), mode: 0o555, body: Body::Dir });
            }
            at = end;
        }
        self.entries.push(Entry { path: path.to_owned(), mode, body });
    }

    fn at(&self, path: &str) -> Option<u32> {
        self.entries.iter().position(|entry| entry.path == path).and_then(|n| u32::try_from(n).ok())
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The node that is mounted over this name of the root directory.
    pub(crate) fn mounted(&self, name: &[u8]) -> Option<Ino> {
        match name {
            b"proc" => self.at("/proc").map(|n| number(0, n)),
            b"sys" => self.at("/sys").map(|n| number(0, n)),
            _ => None,
        }
    }
}

impl View<'_> {
    pub(crate) fn node(&self, ino: Ino) -> Option<Attr> {
        let (pid, index) = parts(ino);
        let persona = self.persona();
        if pid == 0 {
            let entry = self.host.tree.entry(index)?;
            let kind = match entry.body {
                Body::Dir => Kind::Dir,
                Body::Link(_) => Kind::Link,
                Body::Text(_) | Body::Fixed(_) => Kind::File,
            };
            let mtime = if kind == Kind::Dir { persona.boot } else { self.now };
            return Some(Attr { kind, mode: entry.mode, uid: 0, gid: 0, mtime });
        }
        let process = self.process(pid)?;
        let (kind, mode) = match index {
            FD.. => (Kind::Link, 0o700),
            _ => {
                let (_, mode, own) = own(index)?;
                let kind = match own {
                    Own::Dir => Kind::Dir,
                    Own::Text(_) => Kind::File,
                    Own::Link(_) => Kind::Link,
                };
                (kind, *mode)
            }
        };
        Some(Attr { kind, mode, uid: process.uid, gid: process.gid, mtime: process.start })
    }

    pub(crate) fn child(&self, dir: Ino, name: &[u8]) -> Option<Ino> {
        let name = std::str::from_utf8(name).ok()?;
        let (pid, index) = parts(dir);
        if pid == 0 {
            let entry = self.host.tree.entry(index)?;
            let found = self.host.tree.at(&format!("{}/{name}", entry.path));
            if let Some(found) = found {
                return Some(number(0, found));
            }
            let pid = name.parse::<u32>().ok().filter(|pid| entry.path == "/proc" && *pid > 0)?;
            return (pid < 1 << 22 && pid.to_string() == name && self.process(pid).is_some())
                .then(|| number(pid, 0));
        }
        let (dir, _, _) = own(index)?;
        match *dir {
            "fd" => {
                let fd = name.parse::<u32>().ok()?;
                self.descriptors(pid).iter().any(|(n, _)| *n == fd).then(|| number(pid, FD + fd))
            }
            "task" => (name == pid.to_string()).then(|| place(THREAD)).flatten().map(|at| number(pid, at)),
            THREAD => place(name).filter(|at| is_text(*at)).map(|at| number(pid, at)),
            _ => {
                let whole = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
                place(&whole).filter(|_| whole != THREAD).map(|at| number(pid, at))
            }
        }
    }

    pub(crate) fn names(&self, dir: Ino) -> Vec<(Vec<u8>, Ino)> {
        let (pid, index) = parts(dir);
        let below = |path: &str, dir: &str| {
            let rest = if dir.is_empty() { Some(path) } else { path.strip_prefix(dir)?.strip_prefix('/') };
            rest.filter(|name| !name.is_empty() && !name.contains('/')).map(|name| name.as_bytes().to_vec())
        };
        if pid == 0 {
            let Some(entry) = self.host.tree.entry(index) else { return Vec::new() };
            let own = self.host.tree.entries.iter().enumerate();
            let mut all: Vec<(Vec<u8>, Ino)> = own
                .filter_map(|(n, e)| Some((below(&e.path, &entry.path)?, number(0, u32::try_from(n).ok()?))))
                .collect();
            if entry.path == "/proc" {
                all.extend(
                    self.processes().iter().map(|p| (p.pid.to_string().into_bytes(), number(p.pid, 0))),
                );
            }
            return all;
        }
        match own(index).map(|(dir, _, _)| *dir) {
            Some("fd") => self
                .descriptors(pid)
                .iter()
                .map(|(n, _)| (n.to_string().into_bytes(), number(pid, FD + n)))
                .collect(),
            Some("task") => {
                place(THREAD).map(|at| (pid.to_string().into_bytes(), number(pid, at))).into_iter().collect()
            }
            Some(THREAD) => OWN
                .iter()
                .filter(|(path, _, own)| !path.contains('/') && matches!(own, Own::Text(_)))
                .filter_map(|(path, _, _)| Some((path.as_bytes().to_vec(), number(pid, place(path)?))))
                .collect(),
            Some(dir) => OWN
                .iter()
                .enumerate()
                .filter_map(|(n, (path, _, _))| {
                    Some((below(path, dir)?, number(pid, u32::try_from(n).ok()?)))
                })
                .collect(),
            None => Vec::new(),
        }
    }

    /// What stat(2) tells: nothing in /proc, a page for a file of /sys.
    pub(crate) fn size(&self, ino: Ino) -> u64 {
        let (pid, index) = parts(ino);
        match self.host.tree.entry(index).filter(|entry| pid == 0 && entry.path.starts_with("/sys/")) {
            Some(Entry { body: Body::Dir | Body::Link(_), .. }) | None => 0,
            Some(_) => 4096,
        }
    }

    /// The text of a file, or where a link points.
    pub(crate) fn text(&self, ino: Ino) -> Vec<u8> {
        let (pid, index) = parts(ino);
        if pid == 0 {
            let Some(entry) = self.host.tree.entry(index) else { return Vec::new() };
            if let Some(value) = self.live.sysctl.get(&entry.path) {
                return value.clone();
            }
            return match &entry.body {
                Body::Dir => Vec::new(),
                Body::Text(make) | Body::Link(make) => make(self).into_bytes(),
                Body::Fixed(value) => value.clone().into_bytes(),
            };
        }
        let Some(process) = self.process(pid) else { return Vec::new() };
        if let Some(fd) = index.checked_sub(FD) {
            let held = self.descriptors(pid);
            return held
                .into_iter()
                .find(|(n, _)| *n == fd)
                .map(|(_, to)| to.into_bytes())
                .unwrap_or_default();
        }
        match own(index).map(|(_, _, own)| own) {
            Some(Own::Text(make) | Own::Link(make)) => make(self, process),
            _ => Vec::new(),
        }
    }

    /// The path that a file below /proc/sys is kept under, if it is one.
    pub(crate) fn setting(&self, ino: Ino) -> Option<&str> {
        let (pid, index) = parts(ino);
        let entry = self.host.tree.entry(index).filter(|_| pid == 0)?;
        entry.path.starts_with("/proc/sys/").then_some(entry.path.as_str())
    }

    /// What a process has open: number and where /proc/PID/fd/N points.
    pub(crate) fn descriptors(&self, pid: u32) -> Vec<(u32, String)> {
        let Some(process) = self.process(pid).filter(|p| !p.is_kernel()) else { return Vec::new() };
        let base = match process.tty {
            super::Tty::Pts(n) => format!("/dev/pts/{n}"),
            super::Tty::Console(n) => format!("/dev/tty{n}"),
            super::Tty::None if process.unit.starts_with("session") => format!("pipe:[{}]", 20_000 + pid),
            super::Tty::None => "/dev/null".to_owned(),
        };
        let mut all: Vec<(u32, String)> = (0..3).map(|n| (n, base.clone())).collect();
        if process.comm == "bash" {
            all.push((255, base));
        }
        for socket in super::sockets(self) {
            let here = socket.holders.iter().filter(|(holder, _)| *holder == pid);
            all.extend(here.map(|(_, fd)| (*fd, format!("socket:[{}]", socket.inode))));
        }
        all.sort();
        all.dedup_by_key(|(n, _)| *n);
        all
    }
}

fn place(path: &str) -> Option<u32> {
    let at = OWN.iter().position(|(own, _, _)| !path.is_empty() && *own == path)?;
    u32::try_from(at).ok()
}

fn is_text(index: u32) -> bool {
    own(index).is_some_and(|(path, _, own)| !path.contains('/') && matches!(own, Own::Text(_)))
}

fn own(index: u32) -> Option<&'static (&'static str, u32, Own)> {
    OWN.get(usize::try_from(index).ok()?)
}
