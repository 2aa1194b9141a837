//! cd and the directory stack.

use super::{bad_option, dash_ends, fail, is_option, text_of};
use crate::shell::Shell;
use crate::shell::io::Stop;
use crate::vfs::{Errno, Kind, join};

pub(super) fn cd(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        match first.as_slice() {
            b"--" => {
                rest = tail;
                break;
            }
            b"-L" | b"-P" | b"-e" | b"-@" => rest = tail,
            option if is_option(option) => {
                let option = text_of(option.get(..2).unwrap_or(option));
                return bad_option(sh, "cd", &option, "cd [-L|[-P [-e]] [-@]] [dir]");
            }
            _ => break,
        }
    }
    if rest.len() > 1 && sh.bash {
        return fail(sh, "cd", "too many arguments");
    }
    let mut said = false;
    let target = match rest.first().map(Vec::as_slice) {
        None => match sh.get(b"HOME") {
            Some(home) => home,
            None => return fail(sh, "cd", "HOME not set"),
        },
        Some(b"-") => match sh.get(b"OLDPWD") {
            Some(old) => {
                said = true;
                old
            }
            None => return fail(sh, "cd", "OLDPWD not set"),
        },
        Some(to) => to.to_vec(),
    };
    match go(sh, &target) {
        Ok(()) => {
            if said {
                let text = [sh.cwd.as_slice(), b"\n"].concat();
                sh.write(1, &text)?;
            }
            Ok(0)
        }
        Err(errno) => {
            let target = text_of(&target);
            if !sh.bash {
                sh.complain(&format!("cd: can't cd to {target}"))?;
                return Ok(2);
            }
            fail(sh, "cd", &format!("{target}: {errno}"))
        }
    }
}

/// Changes the directory; links in the path are kept in its name, as `cd -L` does.
fn go(sh: &mut Shell, target: &[u8]) -> Result<(), Errno> {
    if target.is_empty() {
        return Ok(());
    }
    let path = logical(&join(&sh.cwd, target));
    {
        let vfs = sh.vfs();
        let who = &sh.account.cred;
        match vfs.stat(who, &path)?.kind {
            Kind::Dir => vfs.access(who, &path, 1)?,
            _ => return Err(Errno::ENOTDIR),
        }
    }
    let old = std::mem::replace(&mut sh.cwd, path.clone());
    sh.set_exported(b"OLDPWD", &old);
    sh.set(b"PWD", &path);
    Ok(())
}

fn logical(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b'/').as_slice()].concat()
}

pub(super) fn stack(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let first = args.iter().find(|a| !is_option(a)).cloned();
    match (name, first) {
        ("pushd", Some(dir)) if !dir.starts_with(b"+") => {
            let old = sh.cwd.clone();
            if let Err(errno) = go(sh, &dir) {
                let dir = text_of(&dir);
                return fail(sh, "pushd", &format!("{dir}: {errno}"));
            }
            if sh.dirs.len() < 64 {
                sh.dirs.insert(0, old);
            }
        }
        ("pushd", None) => {
            if sh.dirs.is_empty() {
                return fail(sh, "pushd", "no other directory");
            }
            let top = sh.dirs.remove(0);
            let old = sh.cwd.clone();
            if go(sh, &top).is_ok() {
                sh.dirs.insert(0, old);
            }
        }
        ("popd", None) => {
            if sh.dirs.is_empty() {
                return fail(sh, "popd", "directory stack empty");
            }
            let top = sh.dirs.remove(0);
            let _ = go(sh, &top);
        }
        ("dirs", None) if args.iter().any(|a| a == b"-c") => {
            sh.dirs.clear();
            return Ok(0);
        }
        ("dirs", None) => {}
        (_, Some(arg)) => {
            let arg = text_of(&arg);
            let what = if arg.starts_with(['+', '-']) {
                "directory stack index out of range"
            } else {
                "invalid argument"
            };
            return fail(sh, name, &format!("{arg}: {what}"));
        }
        _ => return dash_ends(sh),
    }
    let home = sh.get(b"HOME").unwrap_or_default();
    let shorten = |dir: &Vec<u8>| match dir.strip_prefix(home.as_slice()) {
        Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with(b"/")) => [b"~", rest].concat(),
        _ => dir.clone(),
    };
    let all: Vec<Vec<u8>> = std::iter::once(&sh.cwd).chain(&sh.dirs).map(shorten).collect();
    let joint: &[u8] = if args.iter().any(|a| a == b"-p") { b"\n" } else { b" " };
    let text = [all.join(joint).as_slice(), b"\n"].concat();
    sh.write(1, &text)?;
    Ok(0)
}
