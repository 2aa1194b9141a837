//! cd and the directory stack.

use super::{bad_option, fail, is_option, text_of};
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
            None if !sh.bash => {
                said = true;
                sh.cwd.clone()
            }
            None => return fail(sh, "cd", "OLDPWD not set"),
        },
        Some(to) => to.to_vec(),
    };
    match go(sh, &target) {
        Ok(()) => {
            if said {
                let shown = if target.is_empty() { &target } else { &sh.cwd };
                let text = [shown.as_slice(), b"\n"].concat();
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

/// A place in the directory stack as `+N` and `-N` name it.
fn place(sh: &Shell, text: &str) -> Option<Option<usize>> {
    let (sign, digits) = text.split_at_checked(1)?;
    let number = digits.parse::<usize>().ok()?;
    let last = sh.dirs.len();
    Some(if sign == "+" { Some(number).filter(|n| *n <= last) } else { last.checked_sub(number) })
}

/// pushd, popd and dirs; `pushd.def` of bash 5.2.
pub(super) fn stack(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let usage = match name {
        "pushd" => "pushd [-n] [+N | -N | dir]",
        "popd" => "popd [-n] [+N | -N]",
        _ => "dirs [-clpv] [+N] [-N]",
    };
    let wrong = |sh: &mut Shell, what: String| {
        sh.complain(&format!("{name}: {what}"))?;
        sh.write(2, format!("{name}: usage: {usage}\n").as_bytes())?;
        Ok(2)
    };
    let letters = if name == "dirs" { "clpv" } else { "n" };
    let (mut flags, mut at, mut rest) = (String::new(), None, args);
    while let Some((first, tail)) = rest.split_first() {
        let text = text_of(first);
        match text.strip_prefix(['-', '+']) {
            Some("-") => {
                rest = tail;
                break;
            }
            Some("") if name == "pushd" => break,
            Some(one) if text.starts_with('-') && one.len() == 1 && letters.contains(one) => {
                flags.push_str(one);
            }
            Some(number) => match place(sh, &text) {
                None => return wrong(sh, format!("{text}: invalid number")),
                Some(Some(place)) => at = Some((place, number.to_owned())),
                Some(None) if sh.dirs.is_empty() => return fail(sh, name, "directory stack empty"),
                Some(None) => {
                    let shown = if name == "dirs" { number } else { &text };
                    return fail(sh, name, &format!("{shown}: directory stack index out of range"));
                }
            },
            None if name == "pushd" => break,
            None if name == "popd" => return wrong(sh, format!("{text}: invalid argument")),
            None => return wrong(sh, format!("{text}: invalid option")),
        }
        rest = tail;
    }
    let stay = flags.contains('n');
    let to = match name {
        "dirs" if flags.contains('c') => {
            sh.dirs.clear();
            return Ok(0);
        }
        "dirs" => return list(sh, &flags, at.map(|a| a.0)),
        "popd" if sh.dirs.is_empty() => return fail(sh, name, "directory stack empty"),
        "popd" => match at {
            Some((place @ 1.., _)) => {
                sh.dirs.remove(place - 1);
                None
            }
            _ => Some(sh.dirs.remove(0)),
        },
        _ => match (at, rest.first()) {
            (Some((place, _)), _) => {
                let mut all = [vec![sh.cwd.clone()], sh.dirs.clone()].concat();
                all.rotate_left(place);
                let top = all.remove(0);
                sh.dirs = all;
                Some(top)
            }
            (None, None) if sh.dirs.is_empty() => return fail(sh, name, "no other directory"),
            (None, None) => {
                let top = sh.dirs.remove(0);
                sh.dirs.insert(0, sh.cwd.clone());
                Some(top)
            }
            (None, Some(dir)) => {
                let old = sh.cwd.clone();
                let back = dir == b"-";
                let dir = if back { sh.get(b"OLDPWD").unwrap_or_default() } else { dir.clone() };
                if !stay && let Err(errno) = go(sh, &dir) {
                    return fail(sh, name, &format!("{}: {errno}", text_of(&dir)));
                }
                if back {
                    let text = [sh.cwd.as_slice(), b"\n"].concat();
                    sh.write(1, &text)?;
                }
                if sh.dirs.len() < STACK {
                    sh.dirs.insert(0, if stay { dir } else { old });
                }
                None
            }
        },
    };
    if let Some(to) = to.filter(|_| !stay)
        && let Err(errno) = go(sh, &to)
    {
        return fail(sh, name, &format!("{}: {errno}", text_of(&to)));
    }
    list(sh, "", None)
}

/// Directories remembered.
const STACK: usize = 64;

fn list(sh: &mut Shell, flags: &str, only: Option<usize>) -> Result<i32, Stop> {
    let home = sh.get(b"HOME").unwrap_or_default();
    let shorten = |dir: &Vec<u8>| match dir.strip_prefix(home.as_slice()) {
        Some(rest)
            if home.len() > 1 && (rest.is_empty() || rest.starts_with(b"/")) && !flags.contains('l') =>
        {
            [b"~", rest].concat()
        }
        _ => dir.clone(),
    };
    let numbered = flags.contains('v');
    let all: Vec<Vec<u8>> = std::iter::once(&sh.cwd)
        .chain(&sh.dirs)
        .map(shorten)
        .enumerate()
        .filter(|(n, _)| only.is_none_or(|only| only == *n))
        .map(|(n, dir)| {
            let number = if numbered { format!("{n:2}  ") } else { String::new() };
            [number.as_bytes(), &dir].concat()
        })
        .collect();
    let joint: &[u8] = if numbered || flags.contains('p') { b"\n" } else { b" " };
    let text = [all.join(joint).as_slice(), b"\n"].concat();
    sh.write(1, &text)?;
    Ok(0)
}
