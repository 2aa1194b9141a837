//! Programs that find, watch and end processes.

use super::accounts::user_name;
use super::registry::{Row, Waits, bin, sbin, waits};
use super::{Ctx, Need, has_flag, show};
use crate::machine::{Process, cpu_ticks};
use crate::shell::Shell;
use crate::shell::builtins::{SIGNALS, signal};
use crate::shell::io::Stop;

pub(super) const PROGRAMS: &[Row] = &[
    bin("killall", "psmisc", 32_720, killall),
    bin("pgrep", "procps", 35_248, pgrep),
    bin("pidof", "sysvinit-utils", 0, pidof).linked("../sbin/killall5"),
    bin("pkill", "procps", 0, pgrep).linked("pgrep"),
    bin("pstree", "psmisc", 36_640, pstree),
    bin("pwdx", "procps", 14_648, pwdx),
    sbin("killall5", "sysvinit-utils", 26_944, pidof),
    waits("top", "procps", 134_736, (|sh, name, args| Box::pin(top(sh, name, args))) as Waits),
];

impl Shell {
    /// kill(2) of a process by number; the error is worded as errno(3) words it.
    pub(in crate::shell) fn signal(&mut self, pid: i64, number: usize) -> Result<(), &'static str> {
        let uid = self.account.cred.uid;
        let own = (self.pid, self.ticket.pid);
        let targets: Vec<Process> = self.look(|view| {
            let all = view.processes().into_iter();
            match pid {
                -1 => all.filter(|p| p.pid > 1 && !p.is_kernel()).cloned().collect(),
                0 => Vec::new(),
                _ => all.filter(|p| i64::from(p.pid) == pid.abs()).cloned().collect(),
            }
        });
        if targets.is_empty() {
            return if pid == 0 { Ok(()) } else { Err("No such process") };
        }
        if uid != 0 && targets.iter().all(|p| p.uid != uid) {
            return Err("Operation not permitted");
        }
        // Signal 0 asks only; HUP, USR1, WINCH, CHLD and CONT end no service here.
        if matches!(number, 0 | 10 | 12 | 17..=28) || (number == 1 && pid != -1) {
            return Ok(());
        }
        let host: Vec<Process> = self.look(|view| view.host.processes.clone());
        let sshd = self.live().visits().iter().find(|v| v.shell == own.1).map(|v| v.sshd);
        for target in targets.iter().filter(|p| uid == 0 || p.uid == uid) {
            if target.is_kernel() || target.pid == 1 {
                continue;
            }
            if host.iter().any(|p| p.pid == target.pid) {
                self.live().kill(&host, target.pid);
            } else if pid != -1 && (Some(target.pid) == sshd || (target.pid == own.1 && own.0 != own.1)) {
                // The connection goes with its server.
                self.io.lock().hungup = true;
            }
        }
        Ok(())
    }
}

fn all(ctx: &Ctx<'_>) -> Vec<Process> {
    ctx.sh.look(|view| view.processes().into_iter().cloned().collect())
}

/// pgrep and pkill: patterns over names or command lines.
fn pgrep(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut number = 15;
    let mut args = ctx.args.clone();
    let kills = ctx.name == "pkill";
    args.retain(|arg| {
        let text = show(arg);
        match text.strip_prefix('-').and_then(signal).filter(|n| kills && *n > 0 && text.len() > 2) {
            Some(n) => {
                number = n;
                false
            }
            None => true,
        }
    });
    if let Some(at) = args.iter().position(|a| {
        kills && a.len() == 2 && a.starts_with(b"-") && a.iter().skip(1).all(u8::is_ascii_digit)
    }) {
        number = show(&args.remove(at)).trim_start_matches('-').parse().unwrap_or(15);
    }
    args.iter_mut().for_each(|arg| {
        let short: &[u8] = match arg.as_slice() {
            b"--full" => b"-f",
            b"--exact" => b"-x",
            b"--list-name" => b"-l",
            b"--list-full" => b"-a",
            b"--newest" => b"-n",
            b"--oldest" => b"-o",
            b"--count" => b"-c",
            b"--ignore-case" => b"-i",
            _ => return,
        };
        *arg = short.to_vec();
    });
    ctx.args = args;
    let (flags, rest) = ctx.options(b"uUPtgGsd");
    let flag = |letter| has_flag(&flags, letter);
    let value = |letters: &[u8]| flags.iter().find(|(l, _)| letters.contains(l)).map(|(_, v)| show(v));
    let (user, parent, tty) = (value(b"uU"), value(b"P"), value(b"t"));
    let pattern = rest.first().map(|p| show(p));
    if pattern.is_none() && user.is_none() && parent.is_none() && tty.is_none() {
        let name = ctx.name.clone();
        let text =
            format!("{name}: no matching criteria specified\nTry `{name} --help' for more information.\n");
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(2);
    }
    if rest.len() > 1 {
        let name = ctx.name.clone();
        let text =
            format!("{name}: only one pattern can be provided\nTry `{name} --help' for more information.\n");
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(2);
    }
    let matcher = match pattern.as_deref().map(|p| {
        let p = if flag(b'x') { format!("^({p})$") } else { p.to_owned() };
        regex_lite::RegexBuilder::new(&p).case_insensitive(flag(b'i')).size_limit(1 << 18).build()
    }) {
        Some(Ok(regex)) => Some(regex),
        Some(Err(_)) => {
            ctx.fail("Invalid preceding regular expression");
            return Ok(2);
        }
        None => None,
    };
    let me = ctx.sh.live().current();
    let all = all(ctx);
    let mut found: Vec<&Process> = all
        .iter()
        .filter(|p| p.pid != me)
        .filter(|p| {
            let whole = if flag(b'f') && !p.is_kernel() { p.command() } else { p.comm.clone() };
            matcher.as_ref().is_none_or(|m| m.is_match(&whole))
                && user.as_ref().is_none_or(|u| {
                    let name = user_name(ctx.sh, p.uid);
                    u.split(',').any(|u| u == name || u == p.uid.to_string())
                })
                && parent.as_ref().is_none_or(|v| v.split(',').any(|v| v == p.ppid.to_string()))
                && tty.as_ref().is_none_or(|v| v.split(',').any(|v| v == p.tty.name()))
        })
        .collect();
    if flag(b'n') {
        found = found.into_iter().max_by_key(|p| (p.start, p.pid)).into_iter().collect();
    } else if flag(b'o') {
        found = found.into_iter().min_by_key(|p| (p.start, p.pid)).into_iter().collect();
    }
    let none = found.is_empty();
    if kills {
        let pids: Vec<(u32, String)> = found.iter().map(|p| (p.pid, p.comm.clone())).collect();
        for (pid, comm) in pids {
            match ctx.sh.signal(pid.into(), number) {
                Ok(()) if flag(b'e') => ctx.print(&format!("{comm} killed (pid {pid})\n")),
                // Workers end with their master.
                Ok(()) | Err("No such process") => {}
                Err(why) => {
                    ctx.fail(&format!("killing pid {pid} failed: {why}"));
                }
            }
        }
    } else if flag(b'c') {
        let text = format!("{}\n", found.len());
        ctx.print(&text);
    } else {
        let text: String = found
            .iter()
            .map(|p| match (flag(b'a'), flag(b'l')) {
                (true, _) => {
                    format!("{} {}\n", p.pid, if p.is_kernel() { p.comm.clone() } else { p.command() })
                }
                (_, true) => format!("{} {}\n", p.pid, p.comm),
                _ => format!("{}\n", p.pid),
            })
            .collect();
        ctx.print(&text);
    }
    Ok(i32::from(none))
}

fn pidof(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"o");
    let me = ctx.sh.live().current();
    let mut pids: Vec<u32> = Vec::new();
    for name in rest.iter().map(|name| show(name)) {
        let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let mut of: Vec<u32> = all(ctx)
            .iter()
            .filter(|p| !p.is_kernel() && p.pid != me)
            .filter(|p| {
                p.comm == base
                    || p.exe.rsplit('/').next() == Some(&base)
                    || (name.contains('/') && p.exe == name)
            })
            .map(|p| p.pid)
            .collect();
        of.reverse();
        pids.extend(of);
    }
    if has_flag(&flags, b's') {
        pids.truncate(1);
    }
    if pids.is_empty() {
        return Ok(1);
    }
    if !has_flag(&flags, b'q') {
        let text: Vec<String> = pids.iter().map(u32::to_string).collect();
        ctx.print(&format!("{}\n", text.join(" ")));
    }
    Ok(0)
}

fn killall(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut number = 15;
    let mut quiet = false;
    let mut names = Vec::new();
    let mut args = ctx.args.clone().into_iter().map(|arg| show(&arg));
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-l" | "--list" => {
                let text = SIGNALS.join(" ");
                ctx.print(&format!("{text}\n"));
                return Ok(0);
            }
            "-q" | "--quiet" => quiet = true,
            "-s" | "--signal" => number = args.next().and_then(|n| signal(&n)).unwrap_or(15),
            "-u" | "--user" | "-o" | "-y" => {
                args.next();
            }
            "-e" | "-g" | "-i" | "-I" | "-r" | "-v" | "-w" | "--exact" | "--wait" | "--verbose" => {}
            flag if flag.starts_with('-') => match signal(flag.trim_start_matches('-')) {
                Some(n) => number = n,
                None => {
                    let text = format!(
                        "{}: unknown signal; killall -l lists signals.\n",
                        flag.trim_start_matches('-')
                    );
                    ctx.err.extend_from_slice(text.as_bytes());
                    return Ok(1);
                }
            },
            _ => names.push(arg),
        }
    }
    if names.is_empty() {
        ctx.err.extend_from_slice(b"Usage: killall [OPTION]... [--] NAME...\n       killall -l, --list\n       killall -V, --version\n\n  -e,--exact          require exact match for very long names\n  -I,--ignore-case    case insensitive process name match\n  -g,--process-group  kill process group instead of process\n  -y,--younger-than   kill processes younger than TIME\n  -o,--older-than     kill processes older than TIME\n  -i,--interactive    ask for confirmation before killing\n  -l,--list           list all known signal names\n  -q,--quiet          don't print complaints\n  -r,--regexp         interpret NAME as an extended regular expression\n  -s,--signal SIGNAL  send this signal instead of SIGTERM\n  -u,--user USER      kill only process(es) running as USER\n  -v,--verbose        report if the signal was successfully sent\n  -V,--version        display version information\n  -w,--wait           wait for processes to die\n  -n,--ns PID         match processes that belong to the same namespaces\n                      as PID\n\n");
        return Ok(1);
    }
    let mut status = 0;
    for name in names {
        let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let found: Vec<(u32, String)> =
            all(ctx).iter().filter(|p| p.comm == base).map(|p| (p.pid, p.comm.clone())).collect();
        if found.is_empty() {
            if !quiet {
                ctx.err.extend_from_slice(format!("{name}: no process found\n").as_bytes());
            }
            status = 1;
        }
        for (pid, comm) in found {
            if let Err(why) = ctx.sh.signal(pid.into(), number)
                && why != "No such process"
            {
                ctx.err.extend_from_slice(format!("{comm}({pid}): {why}\n").as_bytes());
                status = 1;
            }
        }
    }
    Ok(status)
}

fn pwdx(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.is_empty() {
        ctx.err.extend_from_slice(b"\nUsage:\n pwdx [options] pid...\n\nOptions:\n -h, --help     display this help and exit\n -V, --version  output version information and exit\n\nFor more details see pwdx(1).\n");
        return Ok(1);
    }
    let mut status = 0;
    for arg in ctx.args.clone() {
        let text = show(&arg);
        let pid = text.trim_start_matches("/proc/").parse::<u32>();
        let found =
            pid.as_ref().ok().and_then(|pid| ctx.sh.look(|view| view.process(*pid).map(|p| p.cwd.clone())));
        match (pid, found) {
            (Err(_), _) => {
                ctx.fail(&format!("invalid process id: {text}"));
                return Ok(1);
            }
            (_, Some(cwd)) => ctx.print(&format!("{text}: {}\n", show(&cwd))),
            (_, None) => {
                ctx.err.extend_from_slice(format!("{text}: No such process\n").as_bytes());
                status = 1;
            }
        }
    }
    Ok(status)
}

/// pstree: the tree of user processes, with numbers for -p and command lines for -a.
fn pstree(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"");
    let all = all(ctx);
    let mut text = String::new();
    let label = |p: &Process| {
        let mut name = if has_flag(&flags, b'a') && !p.is_kernel() { p.command() } else { p.comm.clone() };
        if has_flag(&flags, b'p') {
            name += &if has_flag(&flags, b'a') { format!(",{}", p.pid) } else { format!("({})", p.pid) };
        }
        name
    };
    let Some(init) = all.iter().find(|p| p.pid == 1) else { return Ok(1) };
    let mut stack = vec![(init, String::new(), String::new())];
    while let Some((process, head, below)) = stack.pop() {
        text += &format!("{head}{}\n", label(process));
        let children: Vec<&Process> = all.iter().filter(|p| p.ppid == process.pid).collect();
        for (index, child) in children.iter().enumerate().rev() {
            let last = index + 1 == children.len();
            let (branch, bar) = if last { ("  `-", "    ") } else { ("  |-", "  | ") };
            stack.push((child, format!("{below}{branch}"), format!("{below}{bar}")));
        }
        if text.len() > 1 << 18 {
            break;
        }
    }
    ctx.print(&text);
    Ok(0)
}

async fn top(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|arg| show(arg)).collect();
    let batch = words.iter().any(|w| w.starts_with('-') && w.contains('b'));
    let letters_of = |w: &str| w.strip_prefix('-').map(str::to_owned);
    let count = words.iter().enumerate().find_map(|(at, w)| {
        let letters = letters_of(w)?;
        let (_, tail) = letters.split_once('n')?;
        if tail.is_empty() { words.get(at + 1)?.parse().ok() } else { tail.parse::<u32>().ok() }
    });
    let terminal = sh.io.lock().pty;
    if !batch && !terminal {
        sh.write(2, b"top: failed tty get\n")?;
        return Ok(1);
    }
    for turn in 0..count.unwrap_or(200).min(1000) {
        if turn > 0 {
            let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()) + 3_000_000);
            sh.io.sleep_until(until).await?;
            let now = sh.io.now();
            sh.vfs().set_now(now);
            sh.write(1, b"\n")?;
        }
        let (_, rows) = sh.io.lock().size;
        let limit = if batch { usize::MAX } else { usize::try_from(rows).unwrap_or(24).max(8) };
        let text = screen(sh);
        let text: String = text.lines().take(limit).map(|line| format!("{line}\n")).collect();
        sh.write(1, if batch { text } else { format!("\x1b[H\x1b[2J{text}") }.as_bytes())?;
    }
    Ok(0)
}

fn screen(sh: &Shell) -> String {
    let head = super::logins::uptime_line(sh);
    let (mut all, memory, ticks, total): (Vec<Process>, _, _, u64) = sh.look(|view| {
        let all: Vec<Process> = view.processes().into_iter().cloned().collect();
        (all, view.memory(), cpu_ticks(&view), view.persona().memory_kib)
    });
    let now = sh.io.now();
    let running = all.iter().filter(|p| p.state == 'R').count();
    let whole = ticks.iter().sum::<u64>().max(1) as f64;
    let part = |n: usize| ticks.get(n).map_or(0.0, |t| *t as f64 * 100.0 / whole);
    let mib = |kib: u64| kib as f64 / 1024.0;
    let mut text = format!(
        "top -{head}Tasks: {:3} total, {running:3} running, {:3} sleeping,   0 stopped,   0 zombie\n%Cpu(s): {:4.1} us, {:4.1} sy, {:4.1} ni, {:4.1} id, {:4.1} wa, {:4.1} hi, {:4.1} si, {:4.1} st \nMiB Mem : {:8.1} total, {:8.1} free, {:8.1} used, {:8.1} buff/cache     \nMiB Swap: {:8.1} total, {:8.1} free, {:8.1} used. {:8.1} avail Mem \n\n    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n",
        all.len(),
        all.len() - running,
        part(0),
        part(2),
        part(1),
        part(3),
        part(4),
        part(5),
        part(6),
        part(7),
        mib(memory.total),
        mib(memory.free),
        mib(memory.used()),
        mib(memory.buff_cache()),
        mib(memory.swap),
        mib(memory.swap),
        0.0,
        mib(memory.available)
    );
    all.sort_by_key(|p| (p.state != 'R', p.pid));
    for p in &all {
        let user: String = user_name(sh, p.uid);
        let user =
            if user.len() > 8 { format!("{}+", user.chars().take(7).collect::<String>()) } else { user };
        let ticks = p.ticks(now);
        let priority = if p.comm.starts_with("migration") {
            "rt".to_owned()
        } else {
            (20 + i32::from(p.nice)).to_string()
        };
        let comm = if p.comm.chars().count() > 15 {
            format!("{}+", p.comm.chars().take(14).collect::<String>())
        } else {
            p.comm.clone()
        };
        text += &format!(
            "{:>7} {user:<8} {priority:>3} {:>3} {:>7} {:>6} {:>6} {} {:>5.1} {:>5.1} {:>9} {comm}\n",
            p.pid,
            p.nice,
            p.vsz_kib,
            p.rss_kib,
            p.rss_kib * 3 / 4,
            p.state,
            0.0,
            p.rss_kib as f64 * 100.0 / total as f64,
            format!("{}:{:02}.{:02}", ticks / 6000, ticks / 100 % 60, ticks % 100),
        );
    }
    text
}
