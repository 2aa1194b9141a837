//! Leaving loops, functions and shells; running other texts.

use super::{dash_ends, fail, text_of};
use crate::shell::io::Stop;
use crate::shell::{Shell, arith, cmd};
use crate::vfs::{Kind, join};

pub(super) fn leave(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let args = if args.first().is_some_and(|a| a == b"--") { args.get(1..).unwrap_or(&[]) } else { args };
    if name == "logout" && !sh.login {
        return fail(sh, "logout", "not login shell: use `exit'");
    }
    let given = args.first().map(|arg| (arg, arith::decimal(arg)));
    let looping = matches!(name, "break" | "continue");
    if looping && sh.loops == 0 {
        if sh.bash {
            sh.complain(&format!("{name}: only meaningful in a `for', `while', or `until' loop"))?;
        }
        return Ok(0);
    }
    if name == "return" && sh.calls.is_empty() && sh.sourced == 0 && sh.bash {
        sh.complain("return: can only `return' from a function or sourced script")?;
        return Ok(2);
    }
    if matches!(name, "exit" | "logout") && sh.interactive && sh.subshells == 0 {
        let word: &[u8] = if sh.login { b"logout\n" } else { b"exit\n" };
        sh.write(2, word)?;
    }
    let number = match given {
        Some((arg, None)) => {
            let arg = text_of(arg);
            if !sh.bash {
                sh.complain(&format!("{name}: Illegal number: {arg}"))?;
                return dash_ends(sh);
            }
            sh.complain(&format!("{name}: {arg}: numeric argument required"))?;
            return Err(if looping && sh.interactive {
                Stop::Break(u32::MAX)
            } else if looping {
                Stop::Exit(128)
            } else if name == "return" {
                Stop::Return(2)
            } else {
                Stop::Exit(2)
            });
        }
        Some((_, Some(n))) => Some(n),
        None => None,
    };
    if args.len() > 1 && sh.bash {
        if name == "exit" && !sh.interactive {
            fail(sh, name, "too many arguments")?;
            return Err(Stop::Exit(1));
        }
        return fail(sh, name, "too many arguments");
    }
    if looping {
        let n = number.unwrap_or(1);
        if n < 1 {
            sh.complain(&format!("{name}: {n}: loop count out of range"))?;
            sh.status = 1;
            return Err(Stop::Break(sh.loops));
        }
        let n = u32::try_from(n).unwrap_or(u32::MAX).min(sh.loops);
        return Err(if name == "break" { Stop::Break(n) } else { Stop::Continue(n) });
    }
    let status = (number.unwrap_or(i64::from(sh.status)) & 255) as i32;
    Err(if name == "return" { Stop::Return(status) } else { Stop::Exit(status) })
}

pub(super) fn shift(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let count = match args.first() {
        None => 1,
        Some(arg) => match arith::decimal(arg) {
            Some(n) => n,
            None => {
                let arg = text_of(arg);
                if !sh.bash {
                    sh.complain(&format!("shift: Illegal number: {arg}"))?;
                    return dash_ends(sh);
                }
                return fail(sh, "shift", &format!("{arg}: numeric argument required"));
            }
        },
    };
    if count < 0 {
        return fail(sh, "shift", &format!("{count}: shift count out of range"));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > sh.args.len() {
        if !sh.bash {
            sh.complain("shift: can't shift that many")?;
            return dash_ends(sh);
        }
        return Ok(1);
    }
    sh.args.drain(..count);
    Ok(0)
}

pub(super) async fn exec(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        match first.as_slice() {
            b"--" => {
                rest = tail;
                break;
            }
            b"-c" | b"-l" | b"-cl" if sh.bash => rest = tail,
            b"-a" if sh.bash => rest = tail.get(1..).unwrap_or(&[]),
            _ => break,
        }
    }
    let Some((program, rest)) = rest.split_first() else {
        sh.keep_fds = true;
        return Ok(0);
    };
    let shown = text_of(program);
    let end = |sh: &Shell, status| if sh.interactive { Ok(status) } else { Err(Stop::Exit(status)) };
    if !program.contains(&b'/') && cmd::find(sh, program).is_none() {
        sh.complain(&format!("exec: {shown}: not found"))?;
        return end(sh, 127);
    }
    if program.contains(&b'/') && sh.bash {
        let path = join(&sh.cwd, program);
        let found = sh.vfs().stat(&sh.account.cred, &path);
        match found {
            Err(errno) => {
                sh.complain(&format!("{shown}: {errno}"))?;
                return end(sh, 127);
            }
            Ok(stat) if stat.kind == Kind::Dir => {
                let whole = text_of(&path);
                sh.complain(&format!("{whole}: Is a directory"))?;
                sh.complain(&format!("exec: {whole}: cannot execute: Is a directory"))?;
                return end(sh, 126);
            }
            Ok(_) if sh.vfs().access(&sh.account.cred, &path, 1).is_err() => {
                let whole = text_of(&path);
                sh.complain(&format!("{whole}: Permission denied"))?;
                sh.complain(&format!("exec: {whole}: cannot execute: Permission denied"))?;
                return end(sh, 126);
            }
            Ok(_) => {}
        }
    }
    if program.contains(&b'/') && !sh.bash {
        let path = join(&sh.cwd, program);
        let (found, allowed) = {
            let vfs = sh.vfs();
            (vfs.stat(&sh.account.cred, &path), vfs.access(&sh.account.cred, &path, 1).is_ok())
        };
        let (why, status) = match found {
            Err(_) => ("not found", 127),
            Ok(stat) if stat.kind == Kind::Dir || !allowed => ("Permission denied", 126),
            Ok(_) => ("", 0),
        };
        if status != 0 {
            sh.complain(&format!("exec: {shown}: {why}"))?;
            return end(sh, status);
        }
    }
    sh.traps.clear();
    let status = cmd::run_program(sh, program, rest.to_vec()).await?;
    Err(Stop::Exit(status))
}

pub(super) async fn source(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let Some((file, rest)) = args.split_first() else {
        if !sh.bash {
            return Ok(0);
        }
        sh.complain(&format!("{name}: filename argument required"))?;
        sh.write(2, format!("{name}: usage: {name} filename [arguments]\n").as_bytes())?;
        return Ok(2);
    };
    let shown = text_of(file);
    let found = if file.contains(&b'/') { None } else { on_path(sh, file) };
    let path = found.unwrap_or_else(|| join(&sh.cwd, file));
    let read = match sh.descriptor_content(file) {
        Some(text) => Ok(text),
        None => sh.vfs().read(&sh.account.cred, &path, 0, 1 << 20),
    };
    let text = match read {
        Ok(text) => text,
        Err(errno) => {
            if !sh.bash {
                let said = match (file.contains(&b'/'), errno) {
                    (false, _) => format!(".: {shown}: not found"),
                    (_, crate::vfs::Errno::ENOENT) => format!(".: cannot open {shown}: No such file"),
                    _ => format!(".: cannot open {shown}: {errno}"),
                };
                sh.complain(&said)?;
                return dash_ends(sh);
            }
            let said = if errno == crate::vfs::Errno::EISDIR {
                format!("{name}: {shown}: is a directory")
            } else {
                format!("{shown}: {errno}")
            };
            sh.complain(&said)?;
            return Ok(1);
        }
    };
    let text = match text.iter().filter(|b| **b == 0).count() {
        0 => text,
        // bash leaves out some, and takes what has more for a program.
        1..=256 => text.into_iter().filter(|b| *b != 0).collect(),
        _ => {
            sh.complain(&format!("{name}: {}: cannot execute binary file", text_of(&path)))?;
            return Ok(126);
        }
    };
    let rest = if sh.bash { rest } else { &[] };
    let outer = (!rest.is_empty()).then(|| std::mem::replace(&mut sh.args, rest.to_vec()));
    let line = sh.line;
    let typed = std::mem::replace(&mut sh.interactive, false);
    sh.sourced += 1;
    sh.files.push(file.clone());
    let result = sh.program(&text, None, false).await;
    sh.files.pop();
    sh.sourced -= 1;
    sh.interactive = typed;
    sh.line = line;
    if let Some(args) = outer {
        sh.args = args;
    }
    match result {
        Err(Stop::Return(status)) => Ok(status),
        other => other,
    }
}

fn on_path(sh: &Shell, file: &[u8]) -> Option<Vec<u8>> {
    let path = sh.get(b"PATH")?;
    let vfs = sh.vfs();
    path.split(|b| *b == b':')
        .take(32)
        .map(|dir| join(dir, file))
        .find(|path| vfs.stat(&sh.account.cred, path).is_ok_and(|s| s.kind == Kind::File))
}
