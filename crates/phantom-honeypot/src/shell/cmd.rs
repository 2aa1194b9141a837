//! Builtins and programs.

mod ctx;
mod files;
mod jobs;
mod more;
mod registry;
mod runners;
mod system;
mod text;

pub(crate) use registry::{Form, rows};

use super::Shell;
use super::io::Stop;
use crate::vfs::{Errno, Kind, join};
use ctx::{Ctx, Need, has_flag, show};
use registry::{Plain, Run, program};

const BUILTINS: &[&str] = &[
    ":", ".", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit",
    "export", "false", "fg", "history", "jobs", "kill", "let", "local", "logout", "printf", "pwd", "read",
    "readonly", "return", "set", "shift", "source", "test", "trap", "true", "type", "ulimit", "umask",
    "unalias", "unset", "wait",
];

/// Whether we have this command.
pub(super) fn has(name: &[u8]) -> bool {
    let name = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    BUILTINS.iter().any(|builtin| builtin.as_bytes() == name) || program(name).is_some()
}

/// Runs a builtin, or a program found on $PATH or at a path.
pub(super) async fn run(sh: &mut Shell, name: &[u8], args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let text = show(name);
    if name.contains(&b'/') {
        return Box::pin(by_path(sh, name, name, args)).await;
    }
    if let Some(status) = Box::pin(builtin(sh, &text, &args)).await? {
        return Ok(status);
    }
    match find(sh, name) {
        Some(path) => Box::pin(by_path(sh, name, path.as_bytes(), args)).await,
        None => {
            sh.complain_plain(&format!("{text}: command not found"))?;
            Ok(127)
        }
    }
}

/// Where a program lies on $PATH.
pub(super) fn find(sh: &Shell, name: &[u8]) -> Option<String> {
    let path = sh.get(b"PATH")?;
    let vfs = sh.vfs();
    let who = &sh.account.cred;
    path.split(|b| *b == b':')
        .take(32)
        .map(|dir| join(dir, name))
        .find(|path| {
            vfs.access(who, path, 1).is_ok() && vfs.stat(who, path).is_ok_and(|s| s.kind != Kind::Dir)
        })
        .map(|p| show(&p))
}

async fn plain(sh: &mut Shell, name: String, args: Vec<Vec<u8>>, f: Plain) -> Result<i32, Stop> {
    let mut input = None;
    loop {
        let mut ctx = Ctx {
            sh,
            name: name.clone(),
            args: args.clone(),
            input: input.take(),
            out: Vec::new(),
            err: Vec::new(),
        };
        let result = f(&mut ctx);
        let (out, err) = (ctx.out, ctx.err);
        match result {
            Ok(status) => {
                sh.write(2, &err)?;
                sh.write(1, &out)?;
                return Ok(status);
            }
            Err(Need) => input = Some(sh.read_all().await?),
        }
    }
}

/// Runs the file at `path`; `name` is what was typed, and what the program takes for its own name.
async fn by_path(sh: &mut Shell, name: &[u8], path: &[u8], args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let path = join(&sh.cwd, path);
    let found = sh.vfs().stat(&sh.account.cred, &path);
    let why = match found {
        Err(errno) => Some((errno.to_string(), 127)),
        Ok(stat) if stat.kind == Kind::Dir => Some(("Is a directory".to_owned(), 126)),
        Ok(_) => sh.vfs().access(&sh.account.cred, &path, 1).err().map(|errno| (errno.to_string(), 126)),
    };
    if let Some((why, status)) = why {
        sh.complain(&format!("{}: {why}", show(name)))?;
        return Ok(status);
    }
    let own = sh.vfs().program_at(&sh.account.cred, &path);
    let base = |path: &[u8]| path.rsplit(|b| *b == b'/').next().unwrap_or(path).to_vec();
    if let Some(own) = own {
        // A file of several names does what the name says; renamed or copied it stays what it was.
        let (real, typed) = (program(&base(&own)), program(&base(name)));
        let row = typed.filter(|typed| real.is_none_or(|real| real.file() == typed.file())).or(real);
        if let Some(row) = row {
            return match row.run {
                Run::Plain(f) => Box::pin(plain(sh, row.name.to_owned(), args, f)).await,
                Run::Waits(f) => f(sh, row.name, args).await,
                Run::Builtin => Ok(Box::pin(builtin(sh, row.name, &args)).await?.unwrap_or(0)),
            };
        }
    }
    let head = sh.vfs().read(&sh.account.cred, &path, 0, 1 << 20).unwrap_or_default();
    if head.starts_with(b"\x7fELF") || head.contains(&0) {
        // What was brought along is not run: it fails as a program of another architecture does.
        sh.complain(&format!("{}: cannot execute binary file: Exec format error", show(name)))?;
        return Ok(126);
    }
    let mut child = sh.fork()?;
    child.args = args;
    child.name = name.to_vec();
    child.interactive = false;
    ended(child.run_text(&head).await)
}

fn ended(result: Result<i32, Stop>) -> Result<i32, Stop> {
    match result {
        Err(Stop::Exit(status) | Stop::Return(status)) => Ok(status),
        other => other,
    }
}

async fn builtin(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<Option<i32>, Stop> {
    let first = args.first().map(Vec::as_slice);
    let number = |default: i64| first.and_then(super::arith::number).unwrap_or(default);
    Ok(Some(match name {
        ":" | "true" | "trap" => 0,
        "jobs" => jobs::jobs(sh, args)?,
        "bg" | "fg" => jobs::bg(sh, name, first)?,
        "wait" => jobs::wait(sh, args)?,
        "ulimit" => jobs::ulimit(sh, args)?,
        "kill" => jobs::kill(sh, args)?,
        "false" => 1,
        "exit" | "logout" => {
            if sh.interactive && sh.depth == 0 {
                sh.io.print(
                    false,
                    if sh.get(b"SHLVL").as_deref() == Some(b"1") { b"logout\n" } else { b"exit\n" },
                )?;
            }
            return Err(Stop::Exit((number(i64::from(sh.status)) & 255) as i32));
        }
        "return" => return Err(Stop::Return((number(i64::from(sh.status)) & 255) as i32)),
        "break" => return Err(Stop::Break(u32::try_from(number(1)).unwrap_or(1).max(1))),
        "continue" => return Err(Stop::Continue(u32::try_from(number(1)).unwrap_or(1).max(1))),
        "cd" => cd(sh, first)?,
        "pwd" => {
            let text = [sh.cwd.as_slice(), b"\n"].concat();
            sh.write(1, &text)?;
            0
        }
        "echo" => {
            let text = echo(args);
            sh.write(1, &text)?;
            0
        }
        "printf" => {
            let text = printf(args);
            sh.write(1, &text)?;
            0
        }
        "test" | "[" => {
            let mut args = args.to_vec();
            if name == "[" && args.pop().as_deref() != Some(b"]") {
                sh.complain("[: missing `]'")?;
                return Ok(Some(2));
            }
            match test(sh, &args) {
                Some(status) => status,
                None => {
                    sh.complain(&format!("{name}: too many arguments"))?;
                    2
                }
            }
        }
        "export" | "readonly" | "local" => {
            for arg in args.iter().filter(|arg| !arg.starts_with(b"-")) {
                let end = arg.iter().position(|b| *b == b'=');
                let (key, value) = arg.split_at_checked(end.unwrap_or(arg.len())).unwrap_or((arg, b""));
                if end.is_some() {
                    sh.set(key, value.get(1..).unwrap_or(&[]));
                }
                let var = sh.vars.entry(key.to_vec()).or_default();
                var.exported |= name == "export";
                var.readonly |= name == "readonly";
            }
            if args.is_empty() {
                let mut text = String::new();
                let mut vars: Vec<_> = sh.vars.iter().filter(|(_, v)| v.exported).collect();
                vars.sort_by_key(|(n, _)| (*n).clone());
                for (key, var) in vars {
                    text += &format!("declare -x {}=\"{}\"\n", show(key), show(&var.value));
                }
                sh.write(1, text.as_bytes())?;
            }
            0
        }
        "unset" => {
            for arg in args {
                sh.vars.remove(arg);
                sh.functions.remove(arg);
            }
            0
        }
        "set" => {
            match first {
                Some(b"-e") => sh.errexit = true,
                Some(b"+e") => sh.errexit = false,
                Some(b"--") => sh.args = args.get(1..).unwrap_or(&[]).to_vec(),
                Some(flag) if !flag.starts_with(b"-") && !flag.starts_with(b"+") => sh.args = args.to_vec(),
                _ => {}
            }
            0
        }
        "shift" => {
            let count = usize::try_from(number(1)).unwrap_or(0);
            if count > sh.args.len() {
                return Ok(Some(1));
            }
            sh.args.drain(..count);
            0
        }
        "alias" => {
            for arg in args {
                if let Some(at) = arg.iter().position(|b| *b == b'=')
                    && sh.aliases.len() < 256
                {
                    let (key, value) = arg.split_at_checked(at).unwrap_or((arg, b""));
                    sh.aliases.insert(key.to_vec(), value.get(1..).unwrap_or(&[]).to_vec());
                }
            }
            0
        }
        "unalias" => i32::from(first.is_none_or(|name| sh.aliases.remove(name).is_none())),
        "history" if first == Some(b"-c") => {
            sh.history.clear();
            0
        }
        "history" => {
            let mut text = Vec::new();
            for (index, line) in sh.history.iter().enumerate() {
                text.extend_from_slice(format!("{:5}  ", index + 1).as_bytes());
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            sh.write(1, &text)?;
            0
        }
        "umask" => {
            match first.and_then(|v| u32::from_str_radix(&show(v), 8).ok()) {
                Some(mask) => sh.umask = mask & 0o777,
                None => sh.write(1, format!("{:04o}\n", sh.umask).as_bytes())?,
            }
            0
        }
        "let" => {
            let mut value = 0;
            for arg in args {
                value = sh.compute(arg)?;
            }
            i32::from(value == 0)
        }
        "eval" => sh.run_text(&args.join(&b' ')).await?,
        "exec" => {
            let Some(program) = args.first() else { return Ok(Some(0)) };
            let status = sh.invoke(program, args.get(1..).unwrap_or(&[]).to_vec()).await?;
            return Err(Stop::Exit(status));
        }
        "command" | "type" => {
            let query = name == "type" || matches!(first, Some(b"-v" | b"-V"));
            if !query {
                let Some(program) = first else { return Ok(Some(0)) };
                return Box::pin(run(sh, program, args.get(1..).unwrap_or(&[]).to_vec())).await.map(Some);
            }
            which(sh, args, name == "type")?
        }
        "." | "source" => {
            let Some(file) = first else { return Ok(Some(2)) };
            let read = sh.vfs().read(&sh.account.cred, &join(&sh.cwd, file), 0, 1 << 20);
            match read {
                Ok(text) => match sh.run_text(&text).await {
                    Err(Stop::Return(status)) => status,
                    other => other?,
                },
                Err(errno) => {
                    sh.complain(&format!("{}: {errno}", show(file)))?;
                    1
                }
            }
        }
        "read" => {
            let mut names: Vec<&Vec<u8>> = Vec::new();
            let mut skip = false;
            for arg in args {
                match arg.as_slice() {
                    _ if skip => skip = false,
                    b"-p" | b"-t" | b"-n" | b"-d" | b"-u" => skip = true,
                    flag if flag.starts_with(b"-") => {}
                    _ => names.push(arg),
                }
            }
            let line = sh.read_line().await?;
            let status = i32::from(!line.as_ref().is_some_and(|l| l.ends_with(b"\n")));
            let line = show(&line.unwrap_or_default());
            let mut rest = line.trim();
            let count = names.len();
            if names.is_empty() {
                sh.set(b"REPLY", rest.as_bytes());
            }
            for (index, name) in names.into_iter().enumerate() {
                let (word, tail) = match rest.split_once(char::is_whitespace) {
                    Some((word, tail)) if index + 1 < count => (word, tail.trim_start()),
                    _ => (rest, ""),
                };
                sh.set(name, word.as_bytes());
                rest = tail;
            }
            status
        }
        _ => return Ok(None),
    }))
}

fn which(sh: &mut Shell, args: &[Vec<u8>], words: bool) -> Result<i32, Stop> {
    let mut status = 0;
    for arg in args.iter().filter(|arg| !arg.starts_with(b"-")) {
        let name = show(arg);
        let text = if BUILTINS.contains(&name.as_str()) {
            if words { format!("{name} is a shell builtin") } else { name }
        } else if let Some(path) = find(sh, arg) {
            if words { format!("{name} is {path}") } else { path }
        } else {
            status = 1;
            if words {
                sh.complain(&format!("type: {name}: not found"))?;
            }
            continue;
        };
        sh.write(1, format!("{text}\n").as_bytes())?;
    }
    Ok(status)
}

fn cd(sh: &mut Shell, to: Option<&[u8]>) -> Result<i32, Stop> {
    let target = match to {
        None => sh.get(b"HOME").unwrap_or_default(),
        Some(b"-") => sh.get(b"OLDPWD").unwrap_or_default(),
        Some(to) => to.to_vec(),
    };
    let result = {
        let vfs = sh.vfs();
        let path = join(&sh.cwd, &target);
        vfs.canonical(&sh.account.cred, &path).and_then(|whole| {
            match vfs.stat(&sh.account.cred, &whole)?.kind {
                Kind::Dir => vfs.access(&sh.account.cred, &whole, 1).map(|()| whole),
                _ => Err(Errno::ENOTDIR),
            }
        })
    };
    match result {
        Ok(path) => {
            let old = std::mem::replace(&mut sh.cwd, path.clone());
            sh.set(b"OLDPWD", &old);
            sh.set(b"PWD", &path);
            Ok(0)
        }
        Err(errno) => {
            sh.complain(&format!("cd: {}: {errno}", show(&target)))?;
            Ok(1)
        }
    }
}

impl Shell {
    /// `-bash: what` in a login, `bash: line 1: what` elsewhere: how an unknown command is answered.
    fn complain_plain(&mut self, what: &str) -> Result<(), Stop> {
        if self.name == b"sh" {
            let what = what.replace(": command not found", ": not found");
            return self.complain(&what);
        }
        self.complain(what)
    }
}

pub(super) fn quote(word: &[u8]) -> Vec<u8> {
    let mut out = b"'".to_vec();
    for byte in word {
        if *byte == b'\'' { out.extend_from_slice(b"'\\''") } else { out.push(*byte) }
    }
    out.push(b'\'');
    out
}

/// Backslash escapes of `echo -e`, `printf` and `$'...'`; the flag says that `\c` ended the output.
pub(super) fn unescape(text: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let digits = |at: usize, most: usize, radix: u32| {
        let count = text.iter().skip(at).take(most).take_while(|b| char::from(**b).is_digit(radix)).count();
        let value = text
            .iter()
            .skip(at)
            .take(count)
            .fold(0u32, |n, b| n * radix + char::from(*b).to_digit(radix).unwrap_or(0));
        (value as u8, count)
    };
    while let Some(byte) = text.get(at) {
        at += 1;
        let (b'\\', Some(escape)) = (*byte, text.get(at)) else {
            out.push(*byte);
            continue;
        };
        at += 1;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'e' | b'E' => out.push(27),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'c' => return (out, true),
            b'x' => match digits(at, 2, 16) {
                (_, 0) => out.extend_from_slice(b"\\x"),
                (value, count) => {
                    out.push(value);
                    at += count;
                }
            },
            b'0'..=b'7' => {
                let from = if *escape == b'0' { at } else { at - 1 };
                let (value, count) = digits(from, 3, 8);
                out.push(value);
                at = from + count;
            }
            b'\\' | b'\'' | b'"' => out.push(*escape),
            other => out.extend_from_slice(&[b'\\', *other]),
        }
    }
    (out, false)
}

fn echo(args: &[Vec<u8>]) -> Vec<u8> {
    let flags = args
        .iter()
        .take_while(|a| a.len() > 1 && a.starts_with(b"-") && a.iter().skip(1).all(|b| b"neE".contains(b)));
    let count = flags.clone().count();
    let letters: Vec<u8> = flags.flatten().copied().collect();
    let text = args.get(count..).unwrap_or(&[]).join(&b' ');
    let (mut out, stop) = if letters.contains(&b'e') { unescape(&text) } else { (text, false) };
    if !letters.contains(&b'n') && !stop {
        out.push(b'\n');
    }
    out
}

fn printf(args: &[Vec<u8>]) -> Vec<u8> {
    let Some(format) = args.first() else { return Vec::new() };
    let (format, _) = unescape(format);
    let mut values = args.iter().skip(1).peekable();
    let mut out = Vec::new();
    loop {
        let before = values.len();
        let mut at = 0;
        while let Some(byte) = format.get(at) {
            at += 1;
            if *byte != b'%' {
                out.push(*byte);
                continue;
            }
            let spec: Vec<u8> =
                format.iter().skip(at).take_while(|b| b"-0123456789.+ #".contains(b)).copied().collect();
            at += spec.len() + 1;
            let kind = format.get(at - 1).copied().unwrap_or(b'%');
            if kind == b'%' {
                out.push(b'%');
                continue;
            }
            let value = values.next().cloned().unwrap_or_default();
            let number = super::arith::number(&value).unwrap_or(0);
            let body = match kind {
                b'd' | b'i' | b'u' => number.to_string().into_bytes(),
                b'x' => format!("{number:x}").into_bytes(),
                b'X' => format!("{number:X}").into_bytes(),
                b'o' => format!("{number:o}").into_bytes(),
                b'c' => value.iter().copied().take(1).collect(),
                b'b' => unescape(&value).0,
                _ => value,
            };
            let text = show(&spec);
            let left = text.starts_with('-');
            let zero = text.starts_with('0');
            let width = text
                .trim_start_matches(['-', '+', ' ', '#', '0'])
                .split('.')
                .next()
                .and_then(|w| w.parse::<usize>().ok());
            let fill = width.unwrap_or(0).min(4096).saturating_sub(body.len());
            let pad = vec![if zero && !left { b'0' } else { b' ' }; fill];
            let parts: [&[u8]; 2] = if left { [&body, &pad] } else { [&pad, &body] };
            out.extend(parts.concat());
        }
        if values.peek().is_none() || values.len() == before {
            return out;
        }
    }
}

/// test(1): `None` for what is no expression.
pub(super) fn test(sh: &Shell, args: &[Vec<u8>]) -> Option<i32> {
    if let Some(at) = args.iter().rposition(|a| a == b"-o").filter(|at| *at > 0 && args.len() > 3) {
        let (left, right) = args.split_at_checked(at)?;
        return Some(i32::from(test(sh, left)? != 0 && test(sh, right.get(1..)?)? != 0));
    }
    if let Some(at) = args.iter().rposition(|a| a == b"-a").filter(|at| *at > 0 && args.len() > 3) {
        let (left, right) = args.split_at_checked(at)?;
        return Some(i32::from(test(sh, left)? != 0 || test(sh, right.get(1..)?)? != 0));
    }
    let yes = match args {
        [] => false,
        [one] => !one.is_empty(),
        [not, rest @ ..] if not == b"!" => test(sh, rest)? != 0,
        [op, arg] => {
            let vfs = sh.vfs();
            let path = join(&sh.cwd, arg);
            let stat = vfs.stat(&sh.account.cred, &path);
            match op.as_slice() {
                b"-n" => !arg.is_empty(),
                b"-z" => arg.is_empty(),
                b"-e" | b"-a" => stat.is_ok(),
                b"-f" => stat.is_ok_and(|s| s.kind == Kind::File),
                b"-d" => stat.is_ok_and(|s| s.kind == Kind::Dir),
                b"-c" => stat.is_ok_and(|s| s.kind == Kind::Device),
                b"-s" => stat.is_ok_and(|s| s.size > 0),
                b"-L" | b"-h" => vfs.lstat(&sh.account.cred, &path).is_ok_and(|s| s.kind == Kind::Link),
                b"-r" => vfs.access(&sh.account.cred, &path, 4).is_ok(),
                b"-w" => vfs.access(&sh.account.cred, &path, 2).is_ok(),
                b"-x" => vfs.access(&sh.account.cred, &path, 1).is_ok(),
                b"-t" => sh.io.lock().pty,
                _ => return None,
            }
        }
        [a, op, b] => {
            let numbers = || Some((super::arith::number(a)?, super::arith::number(b)?));
            match op.as_slice() {
                b"=" | b"==" => a == b,
                b"!=" => a != b,
                b"<" => a < b,
                b">" => a > b,
                b"-eq" => numbers().is_some_and(|(a, b)| a == b),
                b"-ne" => numbers().is_some_and(|(a, b)| a != b),
                b"-lt" => numbers().is_some_and(|(a, b)| a < b),
                b"-le" => numbers().is_some_and(|(a, b)| a <= b),
                b"-gt" => numbers().is_some_and(|(a, b)| a > b),
                b"-ge" => numbers().is_some_and(|(a, b)| a >= b),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(i32::from(!yes))
}
