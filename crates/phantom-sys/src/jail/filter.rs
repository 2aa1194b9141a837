//! The system call filters: an allow-list a role, and a short list of calls that only an intruder makes.
//!
//! A call that is not allowed fails with `EPERM`, so that a library which tries something harmless and new
//! degrades instead of ending every session. A call that runs programs, traces, mounts or loads code kills
//! the process, so that the node sees a successful break-in as a dead role with `SIGSYS`.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::Role;

/// Compiled filters, to be installed last.
pub(super) struct Filters(Vec<BpfProgram>);

/// Compiles the filters of a role. `report` is the descriptor on which protections are reported.
pub(super) fn compile(role: Role, report: RawFd) -> Result<Filters, seccompiler::BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let allowed = match role {
        Role::Honeypot => honeypot()?,
        Role::Capture => capture(report)?,
        Role::Core => return Ok(Filters(Vec::new())),
    };
    let eperm = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let allow = SeccompFilter::new(allowed, eperm, SeccompAction::Allow, arch)?;
    let deadly = DEADLY.iter().map(|number| (*number, Vec::new())).collect();
    let kill = SeccompFilter::new(deadly, SeccompAction::Allow, SeccompAction::KillProcess, arch)?;
    // The deadly list first: installing it is the last `seccomp` call but one, and the allow-list has none.
    Ok(Filters(vec![kill.try_into()?, allow.try_into()?]))
}

impl Filters {
    /// Installs them on the calling thread, which is the only one.
    pub(super) fn install(&self) -> Result<(), seccompiler::Error> {
        self.0.iter().try_for_each(|program| seccompiler::apply_filter(program))
    }
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// Memory, time, waiting and ending: what any Rust process does after its start.
const COMMON: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// What an asynchronous runtime over sockets needs beside it.
const RUNTIME: &[libc::c_long] = &[
    libc::SYS_accept4,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    // Two ends within the process, to nobody else: a runtime built with signal handling makes such a pair at start.
    libc::SYS_socketpair,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

/// Calls that only an intruder makes.
const DEADLY: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_open_by_handle_at,
];

fn honeypot() -> Result<Rules, seccompiler::BackendError> {
    let mut rules = common()?;
    rules.extend(RUNTIME.iter().map(|number| (*number, Vec::new())));
    // No `connect`, `bind` or `listen`. Sockets that were accepted live in the host's network namespace, and
    // two calls could turn one into a way out: `shutdown` brings a listener back to the closed state and
    // MSG_FASTOPEN connects a closed socket while sending (tcp_sendmsg_fastopen). So no address may be given
    // to `sendto`, and the flag neither there nor to `sendmsg`.
    rules.insert(
        libc::SYS_sendto,
        vec![all(vec![masked(3, libc::MSG_FASTOPEN, 0)?, equals(4, 0, SeccompCmpArgLen::Qword)?])?],
    );
    rules.insert(libc::SYS_sendmsg, vec![all(vec![masked(2, libc::MSG_FASTOPEN, 0)?])?]);
    rules.insert(libc::SYS_ioctl, vec![all(vec![equals(1, libc::FIONBIO, SeccompCmpArgLen::Dword)?])?]);
    let fcntl = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD_CLOEXEC]
        .map(|command| all(vec![is(1, command)?]));
    rules.insert(libc::SYS_fcntl, fcntl.into_iter().collect::<Result<_, _>>()?);
    let options = [
        (libc::SOL_SOCKET, libc::SO_LINGER),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
        (libc::SOL_SOCKET, libc::SO_RCVBUF),
        (libc::SOL_SOCKET, libc::SO_SNDBUF),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    ]
    .map(|(level, option)| all(vec![is(1, level)?, is(2, option)?]));
    rules.insert(libc::SYS_setsockopt, options.into_iter().collect::<Result<_, _>>()?);
    Ok(rules)
}

/// The packet ring is a socket that could send as well. So nothing may be written but to standard error and
/// the report, and nothing sent but on the first inherited descriptor; without `dup` or `fcntl` no other
/// descriptor can take one of these numbers.
fn capture(report: RawFd) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = common()?;
    let write = [libc::STDERR_FILENO, report].map(|fd| all(vec![is(0, fd)?]));
    rules.insert(libc::SYS_write, write.into_iter().collect::<Result<_, _>>()?);
    for number in [libc::SYS_sendto, libc::SYS_sendmsg] {
        rules.insert(number, vec![all(vec![is(0, crate::spawn::FIRST_FD)?])?]);
    }
    Ok(rules)
}

fn common() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = COMMON.iter().map(|number| (*number, Vec::new())).collect();
    // Memory is never both written and executed, nor executed at all if it was not at the start.
    rules.insert(libc::SYS_mmap, vec![all(vec![masked(2, libc::PROT_EXEC, 0)?])?]);
    rules.insert(libc::SYS_mprotect, vec![all(vec![masked(2, libc::PROT_EXEC, 0)?])?]);
    // Only this process may be signalled, as `abort` does.
    rules.insert(libc::SYS_tgkill, vec![all(vec![is(0, std::process::id().cast_signed())?])?]);
    Ok(rules)
}

fn all(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions)
}

fn is(argument: u8, value: i32) -> Result<SeccompCondition, seccompiler::BackendError> {
    equals(argument, u64::from(value.cast_unsigned()), SeccompCmpArgLen::Dword)
}

fn equals(
    argument: u8,
    value: u64,
    length: SeccompCmpArgLen,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: i32, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    let mask = u64::from(mask.cast_unsigned());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_compiles_and_no_call_is_both_allowed_and_deadly() {
        for role in [Role::Honeypot, Role::Capture, Role::Core] {
            assert_eq!(compile(role, 9).unwrap().0.len(), if role == Role::Core { 0 } else { 2 });
        }
        for rules in [honeypot().unwrap(), capture(9).unwrap()] {
            assert!(DEADLY.iter().all(|number| !rules.contains_key(number)));
            for way_out in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_openat] {
                assert!(!rules.contains_key(&way_out));
            }
        }
    }
}
