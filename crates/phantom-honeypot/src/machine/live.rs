//! What a visit changes of the running machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use phantom_core::{Timestamp, from_micros, micros};

use super::process::{Process, Tty};
use super::processes::user;

/// Shared by the file system and all shells of a visit. Locked after the file system, never before it.
pub(crate) type SharedLive = Arc<Mutex<Live>>;

/// Shells a visit may have at a time, and programs they run at a time.
const MAX: usize = 64;
/// Bytes of a command line that are kept.
const LINE: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Processes of the machine that were ended.
    pub(crate) killed: BTreeSet<u32>,
    /// The name that root gave the machine.
    pub(crate) hostname: Option<String>,
    /// Units whose state was changed: running since, or stopped since.
    pub(crate) units: BTreeMap<String, (bool, Timestamp)>,
    /// Units of the machine that were enabled or disabled; at most as many as there are.
    pub(crate) enabled: BTreeMap<String, bool>,
    /// Rules of the packet filter.
    pub(crate) filter: crate::shell::cmd::firewall::Filter,
    /// File systems that were mounted.
    pub(crate) mounts: Vec<super::Mounted>,
    /// Addresses of the interfaces and routes that are of none, once they were changed.
    pub(crate) addresses: Option<Vec<super::Address>>,
    pub(crate) routes: Option<Vec<super::Route>>,
    /// Flags of chattr(1) by inode: letters.
    pub(crate) flags: BTreeMap<u64, String>,
    /// What was written below /proc/sys, by path.
    pub(crate) sysctl: BTreeMap<String, Vec<u8>>,
    /// When sudo was last given a password, in seconds since 1970.
    pub(crate) sudo: Option<i64>,
    /// Passwords of this visit: those logged in with and those set.
    secrets: BTreeMap<String, Vec<u8>>,
    visits: Vec<Visit>,
    running: Vec<Process>,
    last: u32,
}

/// One login shell: what sshd started for it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) peer: SocketAddr,
    pub(crate) local: IpAddr,
    pub(crate) at: Timestamp,
    pub(crate) user: String,
    pub(crate) shell: u32,
    pub(crate) sshd: u32,
    pub(crate) tty: Option<u8>,
    /// Its shell runs one program in its own place, as bash does with a single command.
    pub(crate) replaced: bool,
    processes: Vec<Process>,
}

/// Keeps an entry of [`Live`] as long as it is held.
#[derive(Debug)]
pub(crate) struct Ticket {
    live: SharedLive,
    pub(crate) pid: u32,
    whole: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if self.whole {
            live.visits.retain(|visit| visit.shell != self.pid);
        }
        live.running.retain(|process| process.pid != self.pid);
    }
}

/// Who comes.
pub(crate) struct Arrival<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) local: IpAddr,
    pub(crate) at: Timestamp,
    pub(crate) user: &'a str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: &'a [u8],
    /// Number of the listening sshd.
    pub(crate) parent: u32,
    /// The newest process number of the machine now.
    pub(crate) newest: u32,
}

impl Live {
    pub(crate) fn process(&self, pid: u32) -> Option<&Process> {
        self.processes().find(|p| p.pid == pid)
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.visits.iter().flat_map(|visit| &visit.processes).chain(&self.running)
    }

    pub(crate) fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// The newest process of the visit's own: what /proc/self is.
    pub(crate) fn current(&self) -> u32 {
        let shell = self.visits.last().map_or(1, |visit| visit.shell);
        self.running.last().map_or(shell, |process| process.pid)
    }

    /// Remembers what somebody's password is now.
    pub(crate) fn learn(&mut self, user: &str, secret: &[u8]) {
        if self.secrets.len() < MAX || self.secrets.contains_key(user) {
            let secret = secret.get(..secret.len().min(LINE)).unwrap_or(secret);
            self.secrets.insert(user.to_owned(), secret.to_vec());
        }
    }

    /// Whether this is the password of a user whose password is known.
    pub(crate) fn knows(&self, user: &str, secret: &[u8]) -> bool {
        self.secrets.get(user).is_some_and(|known| known == secret)
    }

    pub(crate) fn next_pid(&mut self, newest: u32) -> u32 {
        self.last = self.last.max(newest) + 1;
        self.last
    }

    /// What sshd starts for a login.
    pub(crate) fn arrive(shared: &SharedLive, who: &Arrival<'_>) -> Ticket {
        let mut live = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let first = live.visits.is_empty();
        let mut processes = Vec::new();
        let sshd = live.next_pid(who.newest);
        let before = |secs: i64| from_micros(micros(who.at) - secs * 1_000_000);
        let line =
            if who.uid == 0 { "sshd: root@notty".to_owned() } else { format!("sshd: {} [priv]", who.user) };
        let daemon = |pid, ppid, line: &str, uid, gid, start| Process {
            uid,
            gid,
            vsz_kib: 17_716,
            rss_kib: if uid == 0 { 10_900 } else { 6_700 },
            unit: format!("session-{}.scope", sshd % 900 + 3),
            ..user(pid, ppid, line, "/usr/sbin/sshd", start)
        };
        processes.push(daemon(sshd, who.parent, &line, 0, 0, before(1)));
        if first {
            let manager = live.next_pid(0);
            let pam = live.next_pid(0);
            let unit = format!("user@{}.service", who.uid);
            processes.push(Process {
                uid: who.uid,
                gid: who.gid,
                vsz_kib: 18_980,
                rss_kib: 10_740,
                unit: unit.clone(),
                ..user(manager, 1, "/lib/systemd/systemd --user", "/usr/lib/systemd/systemd", before(1))
            });
            processes.push(Process {
                uid: who.uid,
                gid: who.gid,
                sid: manager,
                comm: "(sd-pam)".to_owned(),
                cmdline: b"(sd-pam)\0".to_vec(),
                vsz_kib: 103_236,
                rss_kib: 3_180,
                unit,
                ..user(pam, manager, "(sd-pam)", "/usr/lib/systemd/systemd", before(1))
            });
        }
        let mut parent = sshd;
        if who.uid != 0 {
            parent = live.next_pid(0);
            let line = format!("sshd: {}@notty", who.user);
            let own = daemon(parent, sshd, &line, who.uid, who.gid, who.at);
            processes.push(Process { sid: sshd, ..own });
        }
        let shell = live.next_pid(0);
        processes.push(Process {
            uid: who.uid,
            gid: who.gid,
            cwd: who.home.to_vec(),
            vsz_kib: 7_968,
            rss_kib: 4_712,
            ..user(shell, parent, "-bash", "/usr/bin/bash", who.at)
        });
        if let Some(bash) = processes.last_mut() {
            bash.comm = "bash".to_owned();
            bash.unit = format!("session-{}.scope", sshd % 900 + 3);
        }
        if live.visits.len() >= MAX {
            live.visits.remove(0);
        }
        live.visits.push(Visit {
            peer: who.peer,
            local: who.local,
            at: who.at,
            user: who.user.to_owned(),
            shell,
            sshd,
            tty: None,
            replaced: false,
            processes,
        });
        Ticket { live: Arc::clone(shared), pid: shell, whole: true }
    }

    /// The login of `shell` got a terminal.
    pub(crate) fn set_terminal(&mut self, shell: u32) {
        let taken: Vec<u8> = self.visits.iter().filter_map(|visit| visit.tty).collect();
        let free = (0..=u8::MAX).find(|n| !taken.contains(n)).unwrap_or(0);
        let Some(visit) = self.visits.iter_mut().find(|v| v.shell == shell && v.tty.is_none()) else {
            return;
        };
        visit.tty = Some(free);
        for process in &mut visit.processes {
            if process.pid == shell {
                process.tty = Tty::Pts(free);
            }
            let text = String::from_utf8_lossy(&process.cmdline).replace("@notty", &format!("@pts/{free}"));
            process.cmdline = text.into_bytes();
        }
    }

    /// The shell of a login without terminal: what it was started with, and whether that is a single command,
    /// which then runs in its place.
    pub(crate) fn set_line(&mut self, shell: u32, cmdline: &[u8], single: bool) {
        let Some(visit) = self.visits.iter_mut().find(|visit| visit.shell == shell) else { return };
        visit.replaced = single;
        if let Some(process) = visit.processes.iter_mut().find(|p| p.pid == shell) {
            process.cmdline = cmdline.iter().copied().take(LINE).collect();
        }
    }

    /// A program that a shell of login `shell` starts.
    pub(crate) fn start(shared: &SharedLive, shell: u32, mut process: Process) -> Ticket {
        let mut live = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let visit = live.visits.iter().find(|visit| visit.shell == shell);
        process.tty = visit.and_then(|v| v.tty).map_or(Tty::None, Tty::Pts);
        process.sid = shell;
        process.unit = visit.map_or_else(String::new, |v| format!("session-{}.scope", v.sshd % 900 + 3));
        process.cmdline.truncate(LINE);
        if let Some(visit) = live.visits.iter_mut().find(|visit| visit.shell == shell && visit.replaced)
            && let Some(own) = visit.processes.iter_mut().find(|p| p.pid == shell)
        {
            process.pid = shell;
            process.ppid = own.ppid;
            *own = process;
            return Ticket { live: Arc::clone(shared), pid: 0, whole: false };
        }
        let pid = process.pid;
        if live.running.len() < MAX {
            live.running.push(process);
        }
        Ticket { live: Arc::clone(shared), pid, whole: false }
    }

    /// Ends a process of the machine, with the workers it started.
    pub(crate) fn kill(&mut self, processes: &[Process], pid: u32) {
        let family = processes.iter().filter(|p| p.pid == pid || (p.ppid == pid && pid > 2));
        self.killed.extend(family.map(|p| p.pid));
    }
}
