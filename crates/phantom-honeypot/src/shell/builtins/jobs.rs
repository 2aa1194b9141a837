//! Builtins about processes, jobs and limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

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
    let mut rows = limits(sh);
    for row in &mut rows {
        if let Some(value) = sh.limits.get(&row.0) {
            row.2.clone_from(value);
        }
    }
    let mut wanted = Vec::new();
    for arg in args {
        let text = show(arg);
        let Some(letters) = text.strip_prefix('-') else {
            return set_limit(sh, wanted.last().copied().unwrap_or('f'), &text);
        };
        for letter in letters.chars() {
            match letter {
                'a' => wanted.extend(rows.iter().map(|r| r.0)),
                'S' | 'H' => {}
                _ if rows.iter().any(|r| r.0 == letter) => wanted.push(letter),
                _ if !sh.bash => {
                    sh.complain(&format!("ulimit: Illegal option -{letter}"))?;
                    return super::dash_ends(sh);
                }
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

/// Sets a limit for this shell; root alone may raise one.
fn set_limit(sh: &mut Shell, letter: char, text: &str) -> Result<i32, Stop> {
    let number = text.parse::<u64>().ok();
    if !matches!(text, "unlimited" | "hard" | "soft") && number.is_none() {
        let what =
            if sh.bash { format!("ulimit: {text}: invalid number") } else { "ulimit: bad number".to_owned() };
        sh.complain(&what)?;
        return if sh.bash { Ok(1) } else { super::dash_ends(sh) };
    }
    let rows = limits(sh);
    let row = rows.iter().find(|row| row.0 == letter);
    // The hard limit of open files is 1048576 (systemd's default for services), and no process may pass it.
    let most = if letter == 'n' { 1_048_576 } else { u64::MAX };
    let too_many = letter == 'n' && number.is_none_or(|n| n > most) && text == "unlimited"
        || number.is_some_and(|n| n > most);
    if too_many {
        let about = row.map_or("", |row| row.1.split("  ").next().unwrap_or(""));
        let about = about.split('(').next().unwrap_or("").trim().to_owned();
        sh.complain(&format!("ulimit: {about}: cannot modify limit: Operation not permitted"))?;
        return Ok(1);
    }
    if !matches!(text, "hard" | "soft") {
        sh.limits.insert(letter, text.to_owned());
    }
    Ok(0)
}

/// A process in the background, as its shell knows it.
#[derive(Debug, Clone)]
pub(in crate::shell) struct Job {
    pub(in crate::shell) id: u32,
    pub(in crate::shell) pid: u32,
    text: Vec<u8>,
    done: Arc<Mutex<Option<i32>>>,
}

impl Job {
    fn done(&self) -> Option<i32> {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jobs a shell may have.
const JOBS: usize = 64;

impl Shell {
    /// A new job; its status is put where the answer points.
    pub(in crate::shell) fn add_job(
        &mut self,
        pid: u32,
        text: Vec<u8>,
    ) -> Result<Arc<Mutex<Option<i32>>>, Stop> {
        if self.jobs.len() >= JOBS && !self.interactive {
            self.jobs.retain(|job| job.done().is_none());
        }
        if self.jobs.len() >= JOBS || self.io.lock().spawned.len() >= JOBS {
            self.complain("fork: retry: Resource temporarily unavailable")?;
            return Err(Stop::Limit);
        }
        let done = Arc::new(Mutex::new(None));
        let id = self.jobs.last().map_or(1, |job| job.id + 1);
        self.jobs.push(Job { id, pid, text, done: Arc::clone(&done) });
        Ok(done)
    }

    /// Says which jobs have ended since the last prompt.
    pub(in crate::shell) fn report_jobs(&mut self) -> Result<(), Stop> {
        let text = lines(&self.jobs, |job| job.done().is_some(), false);
        self.jobs.retain(|job| job.done().is_none());
        self.write(2, &text)
    }
}

fn lines(jobs: &[Job], which: impl Fn(&Job) -> bool, pids: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, job) in jobs.iter().enumerate().filter(|(_, job)| which(job)) {
        let mark = match jobs.len() - n {
            1 => '+',
            2 => '-',
            _ => ' ',
        };
        let state = match job.done() {
            None => "Running".to_owned(),
            Some(0) => "Done".to_owned(),
            Some(137) => "Killed".to_owned(),
            Some(143) => "Terminated".to_owned(),
            Some(status) => format!("Exit {status}"),
        };
        let pid = if pids { format!("{} ", job.pid) } else { String::new() };
        out.extend(format!("[{}]{mark}  {pid}{state:<24}", job.id).into_bytes());
        out.extend_from_slice(&job.text);
        if job.done().is_none() {
            out.extend_from_slice(b" &");
        }
        out.push(b'\n');
    }
    out
}

/// The job that `%1`, `%+`, `%text` or a process number means.
fn find(sh: &Shell, spec: &str) -> Option<Job> {
    let jobs = &sh.jobs;
    let Some(rest) = spec.strip_prefix('%') else {
        let pid = spec.parse::<u32>().ok()?;
        return jobs.iter().find(|job| job.pid == pid).cloned();
    };
    match rest {
        "" | "+" | "%" => jobs.last().cloned(),
        "-" => jobs.iter().rev().nth(1).or(jobs.last()).cloned(),
        rest => match rest.parse::<u32>() {
            Ok(id) => jobs.iter().find(|job| job.id == id).cloned(),
            Err(_) => jobs.iter().find(|job| job.text.starts_with(rest.as_bytes())).cloned(),
        },
    }
}

async fn ended(sh: &Shell, job: &Job) -> Result<i32, Stop> {
    let io = sh.io.clone();
    std::future::poll_fn(|_| {
        if let Some(status) = job.done() {
            return Poll::Ready(Ok(status));
        }
        let io = io.lock();
        if io.interrupted {
            Poll::Ready(Err(Stop::Interrupt))
        } else if io.hungup {
            Poll::Ready(Err(Stop::Exit(129)))
        } else {
            Poll::Pending
        }
    })
    .await
}

pub(super) async fn bg(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if !sh.interactive {
        if !sh.bash {
            sh.complain(&format!("{name}: No current job"))?;
            return super::dash_ends(sh);
        }
        return super::fail(sh, name, "no job control");
    }
    let spec = args.first().map(|a| show(a));
    let Some(job) = find(sh, spec.as_deref().unwrap_or("%+")) else {
        let spec = spec.unwrap_or_else(|| "current".to_owned());
        return super::fail(sh, name, &format!("{spec}: no such job"));
    };
    if name == "bg" {
        return super::fail(sh, "bg", &format!("job {} already in background", job.id)).map(|_| 0);
    }
    let text = [job.text.as_slice(), b"\n"].concat();
    sh.write(1, &text)?;
    let status = ended(sh, &job).await?;
    sh.jobs.retain(|j| j.pid != job.pid);
    Ok(status)
}

pub(super) fn jobs(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if !sh.interactive {
        // What ended is not told where nobody is told of it at once.
        sh.jobs.retain(|job| job.done().is_none());
    }
    let letters: Vec<u8> = args.iter().filter(|a| a.starts_with(b"-")).flatten().copied().collect();
    let specs: Vec<String> = args.iter().filter(|a| !a.starts_with(b"-")).map(|a| show(a)).collect();
    let mut wanted = Vec::new();
    for spec in specs {
        match find(sh, &spec) {
            Some(job) => wanted.push(job.pid),
            None => return super::fail(sh, "jobs", &format!("{spec}: no such job")),
        }
    }
    let which = |job: &Job| wanted.is_empty() || wanted.contains(&job.pid);
    let text = if letters.contains(&b'p') {
        sh.jobs.iter().filter(|j| which(j)).map(|j| format!("{}\n", j.pid)).collect::<String>().into_bytes()
    } else {
        lines(&sh.jobs, which, letters.contains(&b'l'))
    };
    sh.jobs.retain(|job| job.done().is_none());
    sh.write(1, &text)?;
    Ok(0)
}

pub(super) fn disown(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if args.iter().any(|a| a == b"-a" || a == b"-r") {
        sh.jobs.clear();
        return Ok(0);
    }
    let keep = args.iter().any(|a| a == b"-h");
    let spec = args.iter().find(|a| !a.starts_with(b"-")).map(|a| show(a));
    match find(sh, spec.as_deref().unwrap_or("%+")) {
        Some(job) => {
            sh.jobs.retain(|j| keep || j.pid != job.pid);
            Ok(0)
        }
        None => {
            let spec = spec.unwrap_or_else(|| "current".to_owned());
            super::fail(sh, "disown", &format!("{spec}: no such job"))
        }
    }
}

pub(super) async fn wait(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let next = args.iter().any(|a| a == b"-n");
    let specs: Vec<String> = args.iter().filter(|a| !a.starts_with(b"-")).map(|a| show(a)).collect();
    if specs.is_empty() {
        let mut status = 0;
        for job in sh.jobs.clone() {
            status = ended(sh, &job).await?;
            sh.jobs.retain(|j| j.pid != job.pid || sh.interactive);
            if next {
                return Ok(status);
            }
        }
        return Ok(if next && status == 0 && sh.jobs.is_empty() { 127 } else { 0 });
    }
    let mut status = 0;
    for text in specs {
        if let Some(job) = find(sh, &text) {
            status = ended(sh, &job).await?;
            continue;
        }
        let number = text.parse::<u32>().ok();
        if !sh.bash {
            if text.starts_with('%') {
                sh.complain(&format!("wait: No such job: {text}"))?;
                return super::dash_ends(sh);
            }
            status = 127;
            continue;
        }
        let what = match (number, text.starts_with('%')) {
            (Some(pid), _) => format!("wait: pid {pid} is not a child of this shell"),
            (_, true) => format!("wait: {text}: no such job"),
            _ => format!("wait: `{text}': not a pid or valid job spec"),
        };
        sh.complain(&what)?;
        status = if number.is_some() || text.starts_with('%') { 127 } else { 1 };
    }
    Ok(status)
}

/// kill: the shell itself ends, a service that root kills leaves this login's `ps`; others are denied.
pub(super) async fn kill(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
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
            let Some((value, tail)) = rest.split_first() else {
                return super::fail(sh, "kill", &format!("-{name}: option requires an argument"));
            };
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
        let own = pid == Some(i64::from(sh.pid)) || pid == Some(i64::from(sh.main_pid));
        if let Some(job) = find(sh, &text) {
            if number != 0 && job.done().is_none() && !matches!(number, 17..=19 | 23 | 28) {
                let status = 128 + i32::try_from(number).unwrap_or(9);
                *job.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
            }
            continue;
        }
        let name = SIGNALS.get(number.wrapping_sub(1)).copied().unwrap_or("");
        if own && number != 9 && sh.traps.contains_key(name.as_bytes()) {
            sh.run_trap(name.as_bytes()).await?;
            continue;
        }
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

/// The name of a signal for use by programs.
fn real_time(number: usize) -> Option<String> {
    Some(match number {
        34 => "RTMIN".to_owned(),
        35..=49 => format!("RTMIN+{}", number - 34),
        50..=63 => format!("RTMAX-{}", 64 - number),
        64 => "RTMAX".to_owned(),
        _ => return None,
    })
}

pub(super) fn list(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut text = String::new();
    for arg in args {
        let arg = show(arg);
        match (arg.parse::<usize>(), signal(&arg)) {
            (Ok(n), _) => match (SIGNALS.get((n & 127).wrapping_sub(1)), real_time(n & 127)) {
                (Some(name), _) => text += &format!("{name}\n"),
                (_, Some(name)) => text += &format!("{name}\n"),
                _ => {
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
        let real = (34..=64).filter_map(real_time);
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
