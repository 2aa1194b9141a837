//! What a child gives up before it sees a hostile byte.
//!
//! Each protection is tried on its own and reported on its own: where the kernel, a container or a missing
//! privilege denies one, the others still stand and the node says plainly which is off.

mod filter;
mod isolate;

use std::io;
use std::os::fd::AsRawFd;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use thiserror::Error;

use crate::spawn::Inherited;

/// What a child is for, and so what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Talks to attackers over inherited listeners: no file system, no network of its own, no new processes,
    /// and no system call that a single-threaded asynchronous runtime does not need.
    Honeypot,
    /// Reads the inherited packet ring: as above, and it can send on nothing but its first inherited
    /// descriptor, the channel to the core.
    Capture,
    /// Engine, journal, store and API: unprivileged, keeps the file system, the network and threads.
    Core,
}

/// How a child is locked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jail {
    /// What it is for.
    pub role: Role,
    /// Unprivileged user and group to become where the child starts as root.
    pub identity: Option<Identity>,
    /// Most open descriptors; lowered to what the parent was allowed.
    pub max_files: u64,
    /// Most bytes of private writable memory (`RLIMIT_DATA`).
    pub max_memory: u64,
    /// Whether Landlock and the system call filter are wanted: off only to find out what a new dependency
    /// calls, or whether the namespaces hold by themselves.
    pub harden: bool,
}

impl Jail {
    /// The usual jail of a role: 8192 descriptors and 1 GiB for honeypots, 64 descriptors and 512 MiB for
    /// capture, no limits of its own for the core. As root, user and group become `nobody`'s 65534.
    pub fn new(role: Role) -> Self {
        let (max_files, max_memory) = match role {
            Role::Honeypot => (8192, 1 << 30),
            Role::Capture => (64, 512 << 20),
            Role::Core => (u64::MAX, u64::MAX),
        };
        Self {
            role,
            identity: Some(Identity { uid: 65534, gid: 65534 }),
            max_files,
            max_memory,
            harden: true,
        }
    }
}

/// Gives root up for this user and group, for good. Call it while the process has one thread: later ones inherit it.
///
/// # Errors
/// When the system refuses, or either is 0.
pub fn leave_root(identity: Identity) -> io::Result<()> {
    isolate::become_user(identity.uid, identity.gid)
}

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Whether one protection holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// `network namespace`, `empty root`, `system calls`, ...
    pub name: String,
    /// Whether it holds.
    pub held: bool,
    /// How it is done, or why it is off.
    pub why: String,
}

/// Which protections hold, in the order in which they were tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protections(pub Vec<Protection>);

impl Protections {
    /// Those that are off.
    pub fn missing(&self) -> impl Iterator<Item = &Protection> {
        self.0.iter().filter(|protection| !protection.held)
    }

    /// Whether the protection of this name holds.
    pub fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|protection| protection.name == name && protection.held)
    }

    fn note<E: std::fmt::Display>(&mut self, name: &str, done: Result<impl Into<String>, E>) -> bool {
        let (held, why) = match done {
            Ok(how) => (true, how.into()),
            Err(error) => (false, error.to_string()),
        };
        self.0.push(Protection { name: name.into(), held, why });
        held
    }

    fn encode(&self) -> String {
        let mut out = String::new();
        for Protection { name, held, why } in &self.0 {
            let clean = |text: &str| text.replace(['\t', '\n'], " ");
            out.push_str(&format!("{}\t{}\t{}\n", clean(name), u8::from(*held), clean(why)));
        }
        out.push_str(END);
        out
    }

    /// Reads what a child reported; `None` when it is cut off or of another shape.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix(END)?;
        text.lines()
            .map(|line| {
                let mut fields = line.split('\t');
                let (name, held, why) = (fields.next()?, fields.next()?, fields.next()?);
                let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
                Some(Protection { name: plain(name), held: held == "1", why: plain(why) })
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

/// Last line of a report, so that one cut off is not taken for whole.
const END: &str = "end\n";

/// Why a child must not go on.
#[derive(Debug, Error)]
pub enum JailError {
    /// The parent is gone.
    #[error("jail: parent ended before the child was ready")]
    Orphan,
    /// The report of protections could not be sent.
    #[error("jail: cannot report protections: {0}")]
    Report(io::Error),
}

/// Locks the process up for good and reports to the parent what holds. Call it while the process has one
/// thread, after [`crate::spawn::inherited`] and before the runtime.
///
/// # Errors
/// [`JailError`]; a protection that does not hold is no error but stands in the report.
pub fn enter(jail: &Jail, inherited: &mut Inherited) -> Result<Protections, JailError> {
    let mut held = isolate::isolate(jail);
    harden(jail, &mut held);
    // Changing the user clears the wish to die with the parent, so it is made again.
    crate::spawn::die_with(inherited.parent).map_err(|_| JailError::Orphan)?;
    held.note("dies with its parent", Ok::<_, io::Error>("SIGKILL"));
    let report = inherited.report.take();
    // The filter is the last step, since it forbids what the steps before need; the report goes out after it.
    if jail.role != Role::Core && jail.harden {
        let number = report.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        let filtered = filter::compile(jail.role, number)
            .map_err(|error| error.to_string())
            .and_then(|filters| filters.install().map_err(|error| error.to_string()))
            .map(|()| "allow-list; others fail, an intruder's kill");
        held.note("system calls", filtered);
    }
    if let Some(report) = report {
        let text = held.encode();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let sent = rustix::io::write(&report, rest).map_err(|errno| JailError::Report(errno.into()))?;
            rest = rest.get(sent..).unwrap_or_default();
        }
    }
    Ok(held)
}

/// Everything but namespaces, identity and the system call filter.
fn harden(jail: &Jail, held: &mut Protections) {
    held.note("no new privileges", rustix::thread::set_no_new_privs(true).map(|()| "execve grants nothing"));
    let limited = limits(jail);
    held.note("resource limits", limited);
    if jail.role != Role::Core && jail.harden {
        held.note("landlock", landlock_all());
    }
    held.note(
        "not traceable",
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map(|()| "no core dump, no ptrace by its user"),
    );
}

fn limits(jail: &Jail) -> io::Result<String> {
    lower(Resource::Core, 0)?;
    if jail.role == Role::Core {
        return Ok("core dumps 0".into());
    }
    lower(Resource::Nofile, jail.max_files)?;
    lower(Resource::Data, jail.max_memory)?;
    lower(Resource::Nproc, 0)?;
    lower(Resource::Msgqueue, 0)?;
    lower(Resource::Memlock, 0)?;
    // Standard error may be a file, and diagnostics must still reach it.
    let to_file = rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file());
    if !to_file {
        lower(Resource::Fsize, 0)?;
    }
    let files = if to_file { "unlimited (standard error is a file)" } else { "0" };
    Ok(format!(
        "descriptors {}, data {} MiB, processes 0, core dumps 0, file size {files}",
        jail.max_files,
        jail.max_memory >> 20
    ))
}

/// Lowers soft and hard limit to at most `most`; never raises.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let hard = least(now.maximum);
    // The soft limit of descriptors is raised to the hard one: 1024 is a default for programs that use select.
    let soft = if resource == Resource::Nofile { hard } else { least(now.current) };
    if most == u64::MAX {
        return Ok(());
    }
    Ok(setrlimit(resource, Rlimit { current: soft, maximum: hard })?)
}

/// Denies all access to files, TCP binding and connecting, and signals and abstract sockets of others.
fn landlock_all() -> Result<String, String> {
    // The newest interface this was tested against; older kernels enforce what they know of it.
    let abi = ABI::V7;
    let enforced = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match enforced.ruleset {
        RulesetStatus::FullyEnforced => Ok("files, TCP, signals and abstract sockets denied".into()),
        RulesetStatus::PartiallyEnforced => Ok("what this kernel's Landlock knows is denied".into()),
        RulesetStatus::NotEnforced => Err("the kernel has no Landlock".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_report_survives_and_a_cut_one_does_not() {
        let mut held = Protections::default();
        held.note("a", Ok::<_, io::Error>("how"));
        held.note("b", Err::<String, _>("not\tpermitted\n"));
        let text = held.encode();
        let read = Protections::decode(text.as_bytes()).unwrap();
        assert!(read.holds("a") && !read.holds("b"));
        assert_eq!(read.missing().map(|p| p.why.as_str()).collect::<Vec<_>>(), ["not permitted "]);
        assert!(Protections::decode(&text.as_bytes()[..text.len() - 1]).is_none());
    }

    proptest! {
        #[test]
        fn no_report_panics_the_parent(bytes: Vec<u8>) {
            let _ = Protections::decode(&bytes);
        }
    }
}
