//! Commands that the shell itself carries out.

mod jobs;
mod lookup;
mod print;
mod test;

pub(super) use jobs::{SIGNALS, signal};
pub(super) use print::{quote, unescape};
pub(super) use test::test;

use super::Shell;
use super::cmd::{run, show};
use super::io::Stop;
use crate::vfs::{Errno, Kind, join};
use print::{echo, printf};

/// What they are called.
pub(super) const BUILTINS: &[&str] = &[
    ":", ".", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit",
    "export", "false", "fg", "history", "jobs", "kill", "let", "local", "logout", "printf", "pwd", "read",
    "readonly", "return", "set", "shift", "source", "test", "trap", "true", "type", "ulimit", "umask",
    "unalias", "unset", "wait",
];

/// Runs the builtin of this name; `None`: there is none.
pub(super) async fn builtin(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<Option<i32>, Stop> {
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
            lookup::which(sh, args, name == "type")?
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
