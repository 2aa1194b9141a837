//! Programs that change or list files.

use super::registry::{Row, bin};
use super::{Ctx, Need, has_flag, show};
use crate::vfs::{Errno, Kind, join, split};

pub(super) const PROGRAMS: &[Row] = &[
    bin("mkdir", "coreutils", 97_552, mkdir),
    bin("rmdir", "coreutils", 56_240, rmdir),
    bin("rm", "coreutils", 72_752, rm),
    bin("cp", "coreutils", 151_152, cp),
    bin("mv", "coreutils", 142_968, mv),
    bin("ln", "coreutils", 72_824, ln),
    bin("tee", "coreutils", 43_984, tee),
    bin("readlink", "coreutils", 52_112, readlink),
];

/// Name of a user or group number, as /etc/passwd has it.
pub(super) fn owner(ctx: &Ctx<'_>, uid: u32, group: bool) -> String {
    if group { super::accounts::group_name(ctx.sh, uid) } else { super::accounts::user_name(ctx.sh, uid) }
}

/// The same for those that have the shell alone.
pub(super) fn owner_of(sh: &crate::shell::Shell, id: u32, group: bool) -> String {
    if group { super::accounts::group_name(sh, id) } else { super::accounts::user_name(sh, id) }
}

/// A user's or group's number, by the session's own /etc/passwd or /etc/group.
pub(super) fn number_of(sh: &crate::shell::Shell, name: &str, group: bool) -> Option<u32> {
    let file: &[u8] = if group { b"/etc/group" } else { b"/etc/passwd" };
    let text = sh.vfs().read(&crate::Cred::root(), file, 0, 1 << 20).unwrap_or_default();
    let found = super::text::lines(&text).into_iter().find_map(|line| {
        let line = show(line);
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1).and_then(|n| n.parse().ok())).flatten()
    });
    found.or_else(|| name.parse().ok())
}

pub(super) fn human(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["", "K", "M", "G"] {
        if value < 1024.0 {
            return if unit.is_empty() {
                format!("{size}")
            } else if value < 10.0 {
                format!("{:.1}{unit}", (value * 10.0).ceil() / 10.0)
            } else {
                format!("{:.0}{unit}", value.ceil())
            };
        }
        value /= 1024.0;
    }
    format!("{value:.0}T")
}

/// Runs an operation on each operand and words its failure.
fn each(
    ctx: &mut Ctx<'_>,
    args: Vec<Vec<u8>>,
    verb: &str,
    mut run: impl FnMut(&mut Ctx<'_>, &[u8]) -> Result<(), Errno>,
) -> i32 {
    if args.is_empty() {
        let text = format!("missing operand\nTry '{} --help' for more information.", ctx.name);
        return ctx.fail(&text);
    }
    let mut status = 0;
    for arg in args {
        let path = ctx.path(&arg);
        if let Err(errno) = run(ctx, &path) {
            status = ctx.fail(&format!("{verb} '{}': {errno}", show(&arg)));
        }
    }
    status
}

fn mkdir(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"m");
    Ok(each(ctx, rest, "cannot create directory", |ctx, path| {
        let who = ctx.sh.account.cred.clone();
        let mode = 0o777 & !ctx.sh.umask;
        if has_flag(&flags, b'p') {
            for (at, _) in path.iter().enumerate().filter(|(at, b)| **b == b'/' && *at > 0) {
                match ctx.sh.vfs().mkdir(&who, path.get(..at).unwrap_or(path), mode) {
                    Ok(_) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
            }
            if ctx.sh.vfs().stat(&who, path).is_ok_and(|s| s.kind == Kind::Dir) {
                return Ok(());
            }
        }
        ctx.sh.vfs().mkdir(&who, path, mode).map(|_| ())
    }))
}

fn rmdir(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"");
    Ok(each(ctx, rest, "failed to remove", |ctx, path| {
        let who = ctx.sh.account.cred.clone();
        ctx.sh.vfs().rmdir(&who, path)
    }))
}

fn rm(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let force = has_flag(&flags, b'f');
    let deep = has_flag(&flags, b'r') || has_flag(&flags, b'R');
    if rest.is_empty() && force {
        return Ok(0);
    }
    if deep && rest.iter().any(|a| ctx.path(a) == b"/") {
        ctx.fail("it is dangerous to operate recursively on '/'");
        return Ok(ctx.fail("use --no-preserve-root to override this failsafe"));
    }
    Ok(each(ctx, rest, "cannot remove", |ctx, path| {
        let mut left = 4096;
        match remove(ctx, path, deep, &mut left) {
            Err(Errno::ENOENT) if force => Ok(()),
            other => other,
        }
    }))
}

fn remove(ctx: &mut Ctx<'_>, path: &[u8], deep: bool, left: &mut u32) -> Result<(), Errno> {
    let who = ctx.sh.account.cred.clone();
    *left = left.checked_sub(1).ok_or(Errno::ENOSPC)?;
    let stat = ctx.sh.vfs().lstat(&who, path)?;
    if stat.kind != Kind::Dir {
        return ctx.sh.vfs().unlink(&who, path);
    }
    if !deep {
        return Err(Errno::EISDIR);
    }
    let entries = ctx.sh.vfs().readdir(&who, path)?;
    for (name, _) in entries {
        remove(ctx, &join(path, &name), deep, left)?;
    }
    ctx.sh.vfs().rmdir(&who, path)
}

/// Where a copy goes: into a directory under its own name.
fn destination(ctx: &Ctx<'_>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let to = ctx.path(to);
    match ctx.sh.vfs().stat(&ctx.sh.account.cred, &to) {
        Ok(stat) if stat.kind == Kind::Dir => join(&to, split(from).1),
        _ => to,
    }
}

fn pairs(
    ctx: &mut Ctx<'_>,
    mut run: impl FnMut(&mut Ctx<'_>, &[u8], &[u8]) -> Result<(), Errno>,
    verb: &str,
) -> i32 {
    let (_, mut rest) = ctx.options(b"");
    rest.retain(|a| !a.starts_with(b"--"));
    let Some(to) = rest.pop().filter(|_| !rest.is_empty()) else {
        let text = format!("missing file operand\nTry '{} --help' for more information.", ctx.name);
        return ctx.fail(&text);
    };
    let mut status = 0;
    for from in rest {
        let path = ctx.path(&from);
        let target = destination(ctx, &path, &to);
        if let Err(errno) = run(ctx, &path, &target) {
            status = ctx.fail(&format!("{verb} '{}': {errno}", show(&from)));
        }
    }
    status
}

fn cp(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"");
    let deep = [b'r', b'R', b'a'].iter().any(|l| has_flag(&flags, *l));
    Ok(pairs(ctx, |ctx, from, to| copy(ctx, from, to, deep, 0), "cannot stat"))
}

fn copy(ctx: &mut Ctx<'_>, from: &[u8], to: &[u8], deep: bool, depth: u32) -> Result<(), Errno> {
    let who = ctx.sh.account.cred.clone();
    let stat = ctx.sh.vfs().stat(&who, from)?;
    if stat.kind == Kind::Dir {
        if !deep || depth > 32 {
            return Err(Errno::EISDIR);
        }
        let entries = ctx.sh.vfs().readdir(&who, from)?;
        match ctx.sh.vfs().mkdir(&who, to, stat.mode) {
            Ok(_) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
        return entries
            .iter()
            .try_for_each(|(name, _)| copy(ctx, &join(from, name), &join(to, name), deep, depth + 1));
    }
    let mut vfs = ctx.sh.vfs();
    let bytes = vfs.read(&who, from, 0, crate::shell::io::BUFFER)?;
    let ino = vfs.create(&who, to, stat.mode & !ctx.sh.umask, true)?;
    vfs.write(ino, Some(0), &bytes)
}

fn mv(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let who = ctx.sh.account.cred.clone();
    Ok(pairs(ctx, |ctx, from, to| ctx.sh.vfs().rename(&who, from, to), "cannot move"))
}

fn ln(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let [from, to] = rest.as_slice() else { return Ok(ctx.fail("missing file operand")) };
    let who = ctx.sh.account.cred.clone();
    let target = destination(ctx, from, to);
    let mut vfs = ctx.sh.vfs();
    if has_flag(&flags, b'f') {
        let _ = vfs.unlink(&who, &target);
    }
    let result = if has_flag(&flags, b's') {
        vfs.symlink(&who, from, &target).map(|_| ())
    } else {
        vfs.link(&who, &join(&ctx.sh.cwd, from), &target)
    };
    drop(vfs);
    Ok(match result {
        Ok(()) => 0,
        Err(errno) => ctx.fail(&format!(
            "failed to create {}link '{}': {errno}",
            if has_flag(&flags, b's') { "symbolic " } else { "hard " },
            show(to)
        )),
    })
}

fn readlink(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let Some(arg) = rest.first() else { return Ok(ctx.fail("missing operand")) };
    let path = ctx.path(arg);
    let vfs = ctx.sh.vfs();
    let who = &ctx.sh.account.cred;
    let found = if has_flag(&flags, b'f') { vfs.canonical(who, &path) } else { vfs.readlink(who, &path) };
    drop(vfs);
    Ok(match found {
        Ok(text) => {
            ctx.out = [text.as_slice(), b"\n"].concat();
            0
        }
        Err(_) => 1,
    })
}

fn tee(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let input = ctx.input()?;
    let mut status = 0;
    for arg in rest {
        let path = ctx.path(&arg);
        let who = ctx.sh.account.cred.clone();
        let append = has_flag(&flags, b'a');
        let result = {
            let mut vfs = ctx.sh.vfs();
            vfs.create(&who, &path, 0o644, !append)
                .and_then(|ino| vfs.write(ino, if append { None } else { Some(0) }, &input))
        };
        if let Err(errno) = result {
            status = ctx.fail(&format!("{}: {errno}", show(&arg)));
        }
    }
    ctx.out = input;
    Ok(status)
}
