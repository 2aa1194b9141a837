//! Programs that run another: xargs of findutils 4.9, timeout, nice, stdbuf of coreutils 9.1, setsid and ionice of
//! util-linux 2.38, chroot.

use phantom_core::{from_micros, micros};

use super::ctx::show;
use super::find::command;
use super::getopt::{Parsed, Spec, parse};
use super::registry::{Row, waits};
use crate::shell::Shell;
use crate::shell::io::{BUFFER, Desc, Stop};
use crate::vfs::join;

pub(super) const PROGRAMS: &[Row] = &[
    waits("chroot", "coreutils", 48_112, |sh, name, args| Box::pin(chroot(sh, name, args))).in_sbin(),
    waits("ionice", "util-linux", 35_136, |sh, name, args| Box::pin(prefix(sh, name, args))),
    waits("nice", "coreutils", 43_888, |sh, name, args| Box::pin(nice(sh, name, args))),
    waits("setsid", "util-linux", 14_648, |sh, name, args| Box::pin(prefix(sh, name, args))),
    waits("stdbuf", "coreutils", 60_336, |sh, name, args| Box::pin(prefix(sh, name, args))),
    waits("timeout", "coreutils", 48_632, |sh, name, args| Box::pin(timeout(sh, name, args))),
    waits("xargs", "findutils", 72_136, |sh, name, args| Box::pin(xargs(sh, name, args))),
];

/// Commands that one xargs runs.
const COMMANDS: u32 = 2000;
/// Bytes of one command line (GNU's default is 128 KiB).
const LINE: usize = 131_072;

pub(super) async fn refuse(sh: &mut Shell, name: &str, what: &str, status: i32) -> Result<i32, Stop> {
    sh.write(2, format!("{name}: {what}\nTry '{name} --help' for more information.\n").as_bytes())?;
    Ok(status)
}

const XARGS: Spec = Spec {
    shorts: "+0a:d:E:e::I:i::L:l::n:oP:prs:tx",
    longs: &[
        ("null", b'0'),
        ("arg-file=", b'a'),
        ("delimiter=", b'd'),
        ("replace?", b'i'),
        ("max-lines?", b'l'),
        ("max-args=", b'n'),
        ("max-procs=", b'P'),
        ("interactive", b'p'),
        ("no-run-if-empty", b'r'),
        ("max-chars=", b's'),
        ("verbose", b't'),
        ("exit", b'x'),
        ("eof?", b'e'),
        ("show-limits", 200),
        ("open-tty", b'o'),
    ],
};

/// Words with shell-like quotes, each with whether a line ended behind it.
fn words(input: &[u8], whole_lines: bool) -> (Vec<(Vec<u8>, bool)>, Option<&'static str>) {
    let mut all: Vec<(Vec<u8>, bool)> = Vec::new();
    let (mut word, mut any) = (Vec::new(), false);
    let mut bytes = input.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => {
                if any {
                    all.push((std::mem::take(&mut word), true));
                    any = false;
                } else if let Some(last) = all.last_mut() {
                    last.1 = true;
                }
            }
            b' ' | b'\t' if whole_lines => {
                if any {
                    word.push(*byte);
                }
            }
            b' ' | b'\t' => {
                if any {
                    all.push((std::mem::take(&mut word), false));
                    any = false;
                }
            }
            b'\'' | b'"' => {
                any = true;
                loop {
                    match bytes.next() {
                        Some(b) if b == byte => break,
                        Some(b'\n') | None => {
                            return (all, Some(if *byte == b'"' { "double" } else { "single" }));
                        }
                        Some(b) => word.push(*b),
                    }
                }
            }
            b'\\' => {
                any = true;
                word.extend(bytes.next());
            }
            other => {
                any = true;
                word.push(*other);
            }
        }
    }
    if any {
        all.push((word, true));
    }
    (all, None)
}

async fn xargs(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let parsed = match parse(&args, &XARGS) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 1).await,
    };
    let number = |code: u8| parsed.value(code).map(show);
    let mut limits = [None; 2];
    for (slot, code) in limits.iter_mut().zip([b'n', b'L']) {
        if let Some(text) = number(code) {
            match text.parse::<usize>() {
                Ok(0) => {
                    let what = format!("value 0 for -{} option should be >= 1", char::from(code));
                    return refuse(sh, name, &what, 1).await;
                }
                Ok(n) => *slot = Some(n),
                Err(_) => {
                    let what = format!("invalid number \"{text}\" for -{} option", char::from(code));
                    return refuse(sh, name, &what, 1).await;
                }
            }
        }
    }
    let [most, mut lines] = limits;
    if parsed.has(b'l') {
        lines = Some(number(b'l').and_then(|t| t.parse().ok()).unwrap_or(1));
    }
    let mark = if parsed.has(b'i') && parsed.value(b'i') == Some(b"") {
        Some(b"{}".to_vec())
    } else {
        parsed.value(b'I').or(parsed.value(b'i')).map(<[u8]>::to_vec)
    };
    let input = match parsed.value(b'a') {
        Some(file) => {
            let read = sh.vfs().read(&sh.account.cred, &join(&sh.cwd, file), 0, BUFFER);
            match read {
                Ok(bytes) => bytes,
                Err(errno) => {
                    let text = format!("xargs: Cannot open input file ‘{}’: {errno}\n", show(file));
                    sh.write(2, text.as_bytes())?;
                    return Ok(1);
                }
            }
        }
        None => sh.read_all().await?,
    };
    let delimiter = if parsed.has(b'0') {
        Some(0)
    } else {
        parsed.value(b'd').and_then(|d| crate::shell::cmd::unescape(d).0.first().copied())
    };
    let mut unmatched = None;
    let items = match delimiter {
        Some(by) => {
            let mut all: Vec<(Vec<u8>, bool)> =
                input.split(|b| *b == by).map(|p| (p.to_vec(), true)).collect();
            if all.last().is_some_and(|(p, _)| p.is_empty()) {
                all.pop();
            }
            all
        }
        None => {
            let (all, open) = words(&input, mark.is_some());
            unmatched = open;
            all
        }
    };
    let mut program = parsed.rest.clone();
    if program.is_empty() {
        program.push(b"echo".to_vec());
    }
    let mut lists: Vec<Vec<Vec<u8>>> = Vec::new();
    if let Some(mark) = &mark {
        for (item, _) in &items {
            lists.push(program.iter().map(|w| substitute(w, mark, item)).collect());
        }
    } else {
        let mut current: Vec<Vec<u8>> = Vec::new();
        let (mut ended, mut size) = (0, 0);
        for (item, end) in &items {
            if !current.is_empty()
                && (most.is_some_and(|m| current.len() >= m)
                    || lines.is_some_and(|l| ended >= l)
                    || size + item.len() > LINE)
            {
                lists.push([program.clone(), std::mem::take(&mut current)].concat());
                (ended, size) = (0, 0);
            }
            current.push(item.clone());
            size += item.len() + 1;
            ended += usize::from(*end);
        }
        if !current.is_empty() || (items.is_empty() && unmatched.is_none() && !parsed.has(b'r')) {
            lists.push([program.clone(), current].concat());
        }
    }
    let mut status = 0;
    let mut left = COMMANDS;
    for list in lists {
        left = left.saturating_sub(1);
        if left == 0 {
            return Err(Stop::Limit);
        }
        if parsed.has(b't') {
            sh.write(2, &[list.join(&b' '), b"\n".to_vec()].concat())?;
        }
        let mut child = sh.fork()?;
        if !parsed.has(b'o') && parsed.value(b'a').is_none() {
            child.fds.insert(0, Desc::Null);
        }
        let shown = list.first().map(|w| show(w)).unwrap_or_default();
        match Box::pin(command(&mut child, list, "xargs")).await? {
            0 => {}
            code @ (126 | 127) => return Ok(code),
            255 => {
                let text = format!("xargs: {shown}: exited with status 255; aborting\n");
                sh.write(2, text.as_bytes())?;
                return Ok(124);
            }
            _ => status = 123,
        }
    }
    if let Some(quote) = unmatched {
        let text = format!(
            "xargs: unmatched {quote} quote; by default quotes are special to xargs unless you use the -0 option\n"
        );
        sh.write(2, text.as_bytes())?;
        return Ok(1);
    }
    Ok(status)
}

fn substitute(word: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.windows(mark.len().max(1)).position(|w| w == mark) {
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        out.extend_from_slice(with);
        rest = rest.get(at + mark.len()..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
    out
}

/// Options of a program that only starts another, by name.
fn spec(name: &str) -> Spec {
    match name {
        "stdbuf" => {
            Spec { shorts: "+i:o:e:", longs: &[("input=", b'i'), ("output=", b'o'), ("error=", b'e')] }
        }
        "ionice" => Spec {
            shorts: "+c:n:p:P:tu:",
            longs: &[("class=", b'c'), ("classdata=", b'n'), ("pid=", b'p'), ("ignore", b't')],
        },
        _ => Spec { shorts: "+cfw", longs: &[("ctty", b'c'), ("fork", b'f'), ("wait", b'w')] },
    }
}

async fn prefix(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let parsed: Parsed = match parse(&args, &spec(name)) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, if name == "stdbuf" { 125 } else { 1 }).await,
    };
    if parsed.rest.is_empty() {
        return match name {
            "stdbuf" => refuse(sh, name, "missing operand", 125).await,
            "ionice" => {
                sh.write(1, b"none: prio 0\n")?;
                Ok(0)
            }
            _ => refuse(sh, name, "no command specified", 1).await,
        };
    }
    let mut child = sh.fork()?;
    let by = if name == "setsid" { "setsid: failed to execute" } else { name };
    Box::pin(command(&mut child, parsed.rest, by)).await
}

async fn nice(sh: &mut Shell, name: &str, mut args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    // `-5` is an old way of saying `-n 5`.
    if let Some(first) = args.first_mut()
        && first.len() > 1
        && first.starts_with(b"-")
        && first.iter().skip(1).all(|b| b.is_ascii_digit() || *b == b'-')
        && first != b"--"
    {
        first.insert(1, b'n');
    }
    let parsed = match parse(&args, &Spec { shorts: "+n:", longs: &[("adjustment=", b'n')] }) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 125).await,
    };
    if let Some(text) = parsed.value(b'n').map(show)
        && text.parse::<i64>().is_err()
    {
        sh.write(2, format!("nice: invalid adjustment ‘{text}’\n").as_bytes())?;
        return Ok(125);
    }
    if parsed.rest.is_empty() {
        if parsed.has(b'n') {
            return refuse(sh, name, "a command must be given with an adjustment", 125).await;
        }
        sh.write(1, b"0\n")?;
        return Ok(0);
    }
    let mut child = sh.fork()?;
    Box::pin(command(&mut child, parsed.rest, "nice")).await
}

/// Microseconds of a number with an `s`, `m`, `h` or `d` behind it.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (digits, unit) = match text.chars().last()? {
        's' => (text.strip_suffix('s')?, 1.0),
        'm' => (text.strip_suffix('m')?, 60.0),
        'h' => (text.strip_suffix('h')?, 3600.0),
        'd' => (text.strip_suffix('d')?, 86_400.0),
        _ => (text, 1.0),
    };
    let value: f64 = digits.parse().ok()?;
    (value >= 0.0).then_some((value * unit * 1e6).min(1e15) as i64)
}

async fn timeout(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "+k:s:v",
        longs: &[
            ("kill-after=", b'k'),
            ("signal=", b's'),
            ("verbose", b'v'),
            ("foreground", 200),
            ("preserve-status", 201),
        ],
    };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 125).await,
    };
    let [limit, rest @ ..] = parsed.rest.as_slice() else {
        sh.write(2, b"Try 'timeout --help' for more information.\n")?;
        return Ok(125);
    };
    if rest.is_empty() {
        sh.write(2, b"Try 'timeout --help' for more information.\n")?;
        return Ok(125);
    }
    let text = show(limit);
    let Some(limit) = duration(&text) else {
        return refuse(sh, name, &format!("invalid time interval ‘{text}’"), 125).await;
    };
    let mut child = sh.fork()?;
    if limit == 0 {
        return Box::pin(command(&mut child, rest.to_vec(), "timeout")).await;
    }
    let until = from_micros(micros(sh.io.now()).saturating_add(limit));
    // Only waiting takes time here: a command still waiting at the instant is what would be killed.
    let mut running = Box::pin(command(&mut child, rest.to_vec(), "timeout"));
    let io = sh.io.clone();
    let mut over = Box::pin(async move { io.sleep_until(until).await });
    let done = std::future::poll_fn(|cx| {
        use std::task::Poll;
        if let Poll::Ready(result) = running.as_mut().poll(cx) {
            return Poll::Ready(Some(result));
        }
        match over.as_mut().poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(None),
            Poll::Ready(Err(stop)) => Poll::Ready(Some(Err(stop))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    match done {
        Some(result) => result,
        None if parsed.has(201) => Ok(143),
        None => Ok(124),
    }
}

async fn chroot(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec =
        Spec { shorts: "+", longs: &[("userspec=", 200), ("groups=", 201), ("skip-chdir", 202)] };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 125).await,
    };
    let Some(root) = parsed.rest.first() else { return refuse(sh, name, "missing operand", 125).await };
    let path = join(&sh.cwd, root);
    let entered = {
        let vfs = sh.vfs();
        let who = &sh.account.cred;
        vfs.canonical(who, &path).and_then(|whole| {
            if vfs.stat(who, &whole)?.kind != crate::vfs::Kind::Dir {
                return Err(crate::vfs::Errno::ENOTDIR);
            }
            if who.uid == 0 { Ok(whole) } else { Err(crate::vfs::Errno::EPERM) }
        })
    };
    let shown = show(root);
    match entered {
        Err(errno) => {
            sh.write(2, format!("chroot: cannot change root directory to '{shown}': {errno}\n").as_bytes())?;
            Ok(125)
        }
        // The tree itself is the only root that has programs.
        Ok(whole) if whole == b"/" => {
            let mut words = parsed.rest.get(1..).unwrap_or(&[]).to_vec();
            if words.is_empty() {
                words = vec![b"/bin/bash".to_vec(), b"-i".to_vec()];
            }
            let mut child = sh.fork()?;
            child.cwd = b"/".to_vec();
            Box::pin(command(&mut child, words, "chroot")).await
        }
        Ok(_) => {
            let program = parsed.rest.get(1).map_or_else(|| "/bin/bash".to_owned(), |w| show(w));
            let text = format!("chroot: failed to run command ‘{program}’: No such file or directory\n");
            sh.write(2, text.as_bytes())?;
            Ok(127)
        }
    }
}
