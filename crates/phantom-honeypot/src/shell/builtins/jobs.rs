//! Builtins about processes and limits. What runs in the background has ended before the prompt returns, so
//! the list of jobs is empty, and says so in bash's words.

use crate::shell::Shell;
use crate::shell::cmd::show;
use crate::shell::io::Stop;

/// Signals by number, as bash 5.2 prints them.
pub(in crate::shell) const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Signal number of a name with or without SIG, or of a number.
pub(in crate::shell) fn signal(text: &str) -> Option<usize> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    match text.parse::<usize>() {
        Ok(n) => (n <= 64).then_some(n),
        Err(_) => SIGNALS.iter().position(|s| *s == name).map(|n| n + 1),
    }
}

/// Limits of Debian 12 for a login: letter, description with unit, value.
fn limits(sh: &Shell) -> Vec<(char, &'static str, String)> {
    let no = || "unlimited".to_owned();
    // The kernel allows a thread for each 128 KiB of memory, and a user half of them.
    let processes = (sh.machine.persona().memory_kib / 256).to_string();
    vec![
        ('R', "real-time non-blocking time  (microseconds, -R) ", no()),
        ('c', "core file size              (blocks, -c) ", "0".to_owned()),
        ('d', "data seg size               (kbytes, -d) ", no()),
        ('e', "scheduling priority                 (-e) ", "0".to_owned()),
        ('f', "file size                   (blocks, -f) ", no()),
        ('i', "pending signals                     (-i) ", processes.clone()),
        ('l', "max locked memory           (kbytes, -l) ", (sh.machine.persona().memory_kib / 8).to_string()),
        ('m', "max memory size             (kbytes, -m) ", no()),
        ('n', "open files                          (-n) ", "1024".to_owned()),
        ('p', "pipe size                (512 bytes, -p) ", "8".to_owned()),
        ('q', "POSIX message queues         (bytes, -q) ", "819200".to_owned()),
        ('r', "real-time priority                  (-r) ", "0".to_owned()),
        ('s', "stack size                  (kbytes, -s) ", "8192".to_owned()),
        ('t', "cpu time                   (seconds, -t) ", no()),
        ('u', "max user processes                  (-u) ", processes),
        ('v', "virtual memory              (kbytes, -v) ", no()),
        ('x', "file locks                          (-x) ", no()),
    ]
}

pub(super) fn ulimit(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let rows = limits(sh);
    let mut wanted = Vec::new();
    for arg in args {
        let text = show(arg);
        let Some(letters) = text.strip_prefix('-') else {
            // A limit that binds nothing would pretend; a soft one may not be raised here.
            sh.complain("ulimit: open files: cannot modify limit: Operation not permitted")?;
            return Ok(1);
        };
        for letter in letters.chars() {
            match letter {
                'a' => wanted.extend(rows.iter().map(|r| r.0)),
                'S' | 'H' => {}
                _ if rows.iter().any(|r| r.0 == letter) => wanted.push(letter),
                _ => {
                    sh.complain(&format!("ulimit: -{letter}: invalid option"))?;
                    sh.write(2, b"ulimit: usage: ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]\n")?;
                    return Ok(2);
                }
            }
        }
    }
    let one = wanted.len() < 2;
    if wanted.is_empty() {
        wanted.push('f');
    }
    let text: String = wanted
        .iter()
        .filter_map(|letter| rows.iter().find(|r| r.0 == *letter))
        .map(|(_, about, value)| if one { format!("{value}\n") } else { format!("{about}{value}\n") })
        .collect();
    sh.write(1, text.as_bytes())?;
    Ok(0)
}

pub(super) fn bg(sh: &mut Shell, name: &str, first: Option<&[u8]>) -> Result<i32, Stop> {
    let what = match first {
        _ if !sh.interactive => format!("{name}: no job control"),
        Some(job) => format!("{name}: {}: no such job", show(job)),
        None => format!("{name}: current: no such job"),
    };
    sh.complain(&what)?;
    Ok(1)
}

pub(super) fn jobs(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if let Some(job) = args.iter().find(|a| !a.starts_with(b"-")) {
        sh.complain(&format!("jobs: {}: no such job", show(job)))?;
        return Ok(1);
    }
    Ok(0)
}

pub(super) fn wait(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut status = 0;
    for arg in args.iter().filter(|a| !a.starts_with(b"-")) {
        let text = show(arg);
        let child = text.parse::<u32>().ok();
        if child.is_some_and(|pid| pid > sh.pid && pid <= sh.last_background) {
            continue;
        }
        let what = match (child, text.starts_with('%')) {
            (Some(pid), _) => format!("wait: pid {pid} is not a child of this shell"),
            (_, true) => format!("wait: {text}: no such job"),
            _ => format!("wait: `{text}': not a pid or valid job spec"),
        };
        sh.complain(&what)?;
        status = if child.is_some() || text.starts_with('%') { 127 } else { 1 };
    }
    Ok(status)
}

/// kill: the shell itself ends, a service that root kills leaves this login's `ps`; others are denied.
pub(super) fn kill(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut number = 15;
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let text = show(first);
        let Some(name) = text.strip_prefix('-').filter(|n| !n.is_empty()) else { break };
        rest = tail;
        if name == "-" {
            break;
        }
        if name == "l" || name == "L" {
            return list(sh, rest);
        }
        let name = if matches!(name, "s" | "n") {
            let Some((value, tail)) = rest.split_first() else { return usage(sh) };
            rest = tail;
            show(value)
        } else {
            name.to_owned()
        };
        match signal(&name) {
            Some(n) => number = n,
            None => {
                sh.complain(&format!("kill: {name}: invalid signal specification"))?;
                return Ok(1);
            }
        }
    }
    if rest.is_empty() {
        return usage(sh);
    }
    let mut status = 0;
    for arg in rest {
        let text = show(arg);
        let pid = text.parse::<i64>().ok();
        let own = pid == Some(i64::from(sh.pid));
        let what = match pid {
            _ if text.starts_with('%') => format!("{text}: no such job"),
            None => format!("{text}: arguments must be process or job IDs"),
            Some(_) if own && number == 0 => continue,
            // An interactive bash ignores SIGTERM and what else a keyboard sends.
            Some(_) if own && sh.interactive && matches!(number, 2 | 3 | 15 | 20..=22) => continue,
            Some(_) if own => return Err(Stop::Exit(128 + i32::try_from(number).unwrap_or(9))),
            Some(pid) => match sh.signal(pid, number) {
                Ok(()) => continue,
                Err(why) => format!("({pid}) - {why}"),
            },
        };
        sh.complain(&format!("kill: {what}"))?;
        status = 1;
    }
    Ok(status)
}

fn usage(sh: &mut Shell) -> Result<i32, Stop> {
    sh.write(
        2,
        b"kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n",
    )?;
    Ok(2)
}

fn list(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut text = String::new();
    for arg in args {
        let arg = show(arg);
        match (arg.parse::<usize>(), signal(&arg)) {
            (Ok(n), _) => match SIGNALS.get((n & 127).wrapping_sub(1)) {
                Some(name) => text += &format!("{name}\n"),
                None => {
                    sh.complain(&format!("kill: {arg}: invalid signal specification"))?;
                    return Ok(1);
                }
            },
            (_, Some(n)) => text += &format!("{n}\n"),
            _ => {
                sh.complain(&format!("kill: {arg}: invalid signal specification"))?;
                return Ok(1);
            }
        }
    }
    if args.is_empty() {
        let real = (34..=64).map(|n| match n {
            34 => "RTMIN".to_owned(),
            35..=49 => format!("RTMIN+{}", n - 34),
            50..=63 => format!("RTMAX-{}", 64 - n),
            _ => "RTMAX".to_owned(),
        });
        let named = SIGNALS.iter().enumerate().map(|(n, s)| (n + 1, (*s).to_owned()));
        for (index, (n, name)) in named.chain((34..=64).zip(real)).enumerate() {
            let end = if index % 5 == 4 { "\n" } else { "\t" };
            text += &format!("{n:2}) SIG{name}{end}");
        }
        text.push('\n');
    }
    sh.write(1, text.as_bytes())?;
    Ok(0)
}
