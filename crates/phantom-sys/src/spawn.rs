//! The binary re-executes itself: a child starts with nothing but the descriptors it is given.
//!
//! The parent calls [`Spawn::start`], the child [`inherited`] as the first thing in `main`, then
//! [`crate::jail::enter`], which reports back which protections hold; the parent reads that with
//! [`Child::protections`].

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;

use crate::channel::wait;
use crate::jail::Protections;

/// First argument of a re-executed child.
pub const CHILD_ARGUMENT: &str = "__child";

/// Number of the first inherited descriptor; the others follow in the order given.
pub const FIRST_FD: RawFd = 3;

/// More descriptors than any role needs.
const MAX_FDS: usize = 256;

/// Why a child could not be started or could not take over what it was given.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// More descriptors than a role may have.
    #[error("spawn {role}: {count} descriptors are over the cap of {MAX_FDS}")]
    TooMany {
        /// Of the child.
        role: String,
        /// How many were given.
        count: usize,
    },
    /// The program could not be started.
    #[error("spawn {role}: {source}")]
    Start {
        /// Of the child.
        role: String,
        /// What the system said.
        source: io::Error,
    },
    /// The arguments are not those of a child, or the descriptors they speak of are not there.
    #[error("child: {0}")]
    Inherited(&'static str),
    /// The child did not say which protections hold.
    #[error("child {role}: no report of its protections: {source}")]
    Report {
        /// Of the child.
        role: String,
        /// What happened instead.
        source: io::Error,
    },
}

/// A child to be started.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// Its role, as [`Inherited::role`] gives it back.
    pub role: &'a str,
    /// Further arguments.
    pub args: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Descriptors it inherits, numbered from [`FIRST_FD`]: by custom the channel to the core, the channel to
    /// the supervisor, then listeners or the packet ring.
    pub fds: Vec<BorrowedFd<'a>>,
    /// What to execute; `None` is this very program, even when its file has been replaced.
    pub program: Option<PathBuf>,
}

impl<'a> Spawn<'a> {
    /// A child of this role with these descriptors, no arguments and an empty environment.
    pub fn new(role: &'a str, fds: Vec<BorrowedFd<'a>>) -> Self {
        Self { role, args: Vec::new(), env: Vec::new(), fds, program: None }
    }

    /// Starts the child in its own process group, with standard error kept and no other descriptor open.
    ///
    /// The kernel kills the child when **the calling thread** ends, so call it from a thread that lives as
    /// long as the node, such as the main one.
    ///
    /// # Errors
    /// [`SpawnError`]; no child is left behind.
    pub fn start(&self) -> Result<Child, SpawnError> {
        if self.fds.len() > MAX_FDS {
            return Err(SpawnError::TooMany { role: self.role.into(), count: self.fds.len() });
        }
        self.start_inner().map_err(|source| SpawnError::Start { role: self.role.into(), source })
    }

    fn start_inner(&self) -> io::Result<Child> {
        let (report, report_writer) = io::pipe()?;
        let given: Vec<BorrowedFd<'_>> = self.fds.iter().copied().chain([report_writer.as_fd()]).collect();
        let end = FIRST_FD + RawFd::try_from(given.len()).map_err(io::Error::other)?;
        // Copies above the numbers they will have, so that putting one in place never overwrites another.
        let high: Vec<OwnedFd> =
            given.iter().map(|fd| fcntl_dupfd_cloexec(fd, end)).collect::<Result<_, _>>()?;
        // Every number below is taken while the child is started, so that the pipe by which the standard
        // library learns of a failed exec cannot get one of them.
        let mut taken = Vec::new();
        loop {
            let fd = fcntl_dupfd_cloexec(&report, FIRST_FD)?;
            if fd.as_raw_fd() >= end {
                break;
            }
            taken.push(fd);
        }

        let parent = rustix::process::getpid();
        let moves: Vec<RawFd> = high.iter().map(AsRawFd::as_raw_fd).collect();
        let mut command = Command::new(self.program.as_deref().unwrap_or("/proc/self/exe".as_ref()));
        command
            .arg0("phantomnet")
            .arg(CHILD_ARGUMENT)
            .arg(self.role)
            .arg(self.fds.len().to_string())
            .arg(parent.as_raw_nonzero().to_string())
            .args(&self.args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .process_group(0);
        // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are allowed: it
        // makes system calls on numbers it owns and allocates nothing.
        unsafe {
            command.pre_exec(move || before_exec(parent, &moves));
        }
        let inner = command.spawn()?;
        let pid = Pid::from_raw(inner.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Child { role: self.role.into(), pid, inner, handle, report: report.into() })
    }
}

/// Runs in the forked child: dies with its parent and puts the descriptors in place.
fn before_exec(parent: Pid, moves: &[RawFd]) -> io::Result<()> {
    die_with(parent)?;
    for (from, to) in moves.iter().zip(FIRST_FD..) {
        // SAFETY: `from` is open (its owner outlives the fork) and above every `to`; whatever has the number
        // `to` in this forked child is a placeholder nobody refers to.
        if unsafe { libc::dup2(*from, to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let first_unwanted = FIRST_FD + RawFd::try_from(moves.len()).unwrap_or(RawFd::MAX);
    close_on_exec_from(first_unwanted);
    Ok(())
}

/// Marks everything from `first` on close-on-exec, also what some library or the shell left open.
fn close_on_exec_from(first: RawFd) {
    // SAFETY: setting a flag on descriptors touches no memory.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, first.cast_unsigned(), u32::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    if done != 0 {
        // Linux before 5.11 lacks the flag; 65536 is as far as the soft limit of any sane parent reaches.
        for fd in first..65_536 {
            // SAFETY: as above; numbers that are not open fail harmlessly.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// Asks the kernel to kill this process when its parent ends, and fails if it has ended already.
pub(crate) fn die_with(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that ended before the line above is seen here: the child has been given to another by then.
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// A child that was started. Dropping it does not end it.
#[derive(Debug)]
pub struct Child {
    role: String,
    pid: Pid,
    inner: std::process::Child,
    handle: OwnedFd,
    report: OwnedFd,
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Its role.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Readable once the child has ended (a pidfd).
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Kills it; nothing when it has ended already.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.handle, Signal::KILL) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner.try_wait()
    }

    /// Waits for it to end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.inner.wait()
    }

    /// Waits until the child has entered its jail and says which protections hold.
    ///
    /// # Errors
    /// [`SpawnError::Report`] when it ended or said nothing within the time.
    pub fn protections(&self, within: Duration) -> Result<Protections, SpawnError> {
        self.read_report(within).map_err(|source| SpawnError::Report { role: self.role.clone(), source })
    }

    fn read_report(&self, within: Duration) -> io::Result<Protections> {
        let until = std::time::Instant::now() + within;
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while text.len() < MAX_REPORT {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if !wait(self.report.as_fd(), PollFlags::IN, left)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match rustix::io::read(&self.report, &mut piece)? {
                0 => break,
                got => text.extend_from_slice(piece.get(..got).unwrap_or_default()),
            }
        }
        Protections::decode(&text).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// In words, for faults: `exit status 1`, `signal 31 (bad system call)`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (_, Some(libc::SIGSYS)) => format!("signal {} (forbidden system call)", libc::SIGSYS),
        (_, Some(libc::SIGKILL)) => format!("signal {} (killed)", libc::SIGKILL),
        (_, Some(libc::SIGSEGV)) => format!("signal {} (invalid memory access)", libc::SIGSEGV),
        (_, Some(libc::SIGABRT)) => format!("signal {} (aborted)", libc::SIGABRT),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "unknown".into(),
    }
}

/// Longest report, in bytes.
const MAX_REPORT: usize = 16 * 1024;

/// What a child was given.
#[derive(Debug)]
pub struct Inherited {
    /// [`Spawn::role`].
    pub role: String,
    /// [`Spawn::args`].
    pub args: Vec<OsString>,
    /// [`Spawn::fds`], in order, now close-on-exec.
    pub fds: Vec<OwnedFd>,
    pub(crate) parent: Pid,
    pub(crate) report: Option<OwnedFd>,
}

/// Whether the inherited numbers have been taken over.
static CLAIMED: AtomicBool = AtomicBool::new(false);

/// Takes over what [`Spawn::start`] gave; `None` when this process is not such a child. Call it first in
/// `main` with the process's arguments, before anything opens a file.
///
/// # Errors
/// [`SpawnError::Inherited`] when the arguments are malformed, a descriptor is missing, or it was called twice.
pub fn inherited(args: impl IntoIterator<Item = OsString>) -> Result<Option<Inherited>, SpawnError> {
    let mut args = args.into_iter().skip(1);
    if args.next().as_deref() != Some(OsStr::new(CHILD_ARGUMENT)) {
        return Ok(None);
    }
    let mut text = || args.next().and_then(|arg| arg.into_string().ok());
    let role = text().ok_or(SpawnError::Inherited("no role"))?;
    let count: usize =
        text().and_then(|arg| arg.parse().ok()).ok_or(SpawnError::Inherited("no count of descriptors"))?;
    let parent = text()
        .and_then(|arg| arg.parse().ok())
        .and_then(Pid::from_raw)
        .ok_or(SpawnError::Inherited("no parent"))?;
    if count > MAX_FDS {
        return Err(SpawnError::Inherited("too many descriptors"));
    }
    if CLAIMED.swap(true, Ordering::SeqCst) {
        return Err(SpawnError::Inherited("descriptors were taken over before"));
    }
    let mut fds = Vec::with_capacity(count + 1);
    for number in (FIRST_FD..).take(count + 1) {
        // SAFETY: the number is only borrowed for a call that fails harmlessly when it is not open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl_setfd(borrowed, FdFlags::CLOEXEC)
            .map_err(|_| SpawnError::Inherited("a descriptor is missing"))?;
        // SAFETY: open, as just seen, and put there by the parent for this process alone; `CLAIMED` makes
        // this the only owner.
        fds.push(unsafe { OwnedFd::from_raw_fd(number) });
    }
    let report = fds.pop();
    Ok(Some(Inherited { role, args: args.collect(), fds, parent, report }))
}
