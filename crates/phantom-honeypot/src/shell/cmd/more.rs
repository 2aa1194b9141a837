//! Small programs that scripts lean on.

use super::ctx::version;
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::lines;
use super::{Ctx, Need, has_flag, show, unescape};
use crate::vfs::SetAttr;

pub(super) const PROGRAMS: &[Row] = &[
    bin("basename", "coreutils", 43_856, basename),
    bin("chgrp", "coreutils", 68_656, chown),
    bin("chown", "coreutils", 72_752, chown),
    bin("dirname", "coreutils", 39_760, dirname),
    bin("printenv", "coreutils", 35_664, printenv),
    bin("tr", "coreutils", 56_208, tr),
];

fn missing(ctx: &mut Ctx<'_>, what: &str) -> i32 {
    let name = ctx.name.clone();
    ctx.fail(&format!("missing operand{what}\nTry '{name} --help' for more information."))
}

/// The last part of a path.
fn base(text: &str) -> &str {
    let trimmed = text.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None if !text.is_empty() => "/",
        other => other.unwrap_or(""),
    }
}

fn basename(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "+as:z",
        longs: &[("multiple", b'a'), ("suffix=", b's'), ("zero", b'z'), ("version", 200)],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(200) {
        ctx.print(&version("basename", "GNU coreutils", "9.1", "David MacKenzie"));
        return Ok(0);
    }
    let mut names: Vec<String> = parsed.rest.iter().map(|a| show(a)).collect();
    let mut suffix = parsed.value(b's').map(show).unwrap_or_default();
    if names.is_empty() {
        return Ok(missing(ctx, ""));
    }
    if !parsed.has(b'a') && !parsed.has(b's') {
        if let Some(extra) = names.get(2) {
            let text = format!("extra operand ‘{extra}’\nTry 'basename --help' for more information.");
            return Ok(ctx.fail(&text));
        }
        if names.len() == 2 {
            suffix = names.pop().unwrap_or_default();
        }
    }
    let end = if parsed.has(b'z') { "\0" } else { "\n" };
    for name in &names {
        let name = base(name);
        let name = name.strip_suffix(&suffix).filter(|rest| !rest.is_empty()).unwrap_or(name);
        ctx.print(&format!("{name}{end}"));
    }
    Ok(0)
}

fn dirname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec { shorts: "z", longs: &[("zero", b'z'), ("version", 200)] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(200) {
        ctx.print(&version("dirname", "GNU coreutils", "9.1", "David MacKenzie and Jim Meyering"));
        return Ok(0);
    }
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, ""));
    }
    let end = if parsed.has(b'z') { "\0" } else { "\n" };
    for path in &parsed.rest {
        let text = show(path);
        let dir = match text.trim_end_matches('/').rsplit_once('/') {
            Some((dir, _)) if dir.trim_end_matches('/').is_empty() => "/",
            Some((dir, _)) => dir.trim_end_matches('/'),
            None if text.starts_with('/') => "/",
            None => ".",
        };
        ctx.print(&format!("{dir}{end}"));
    }
    Ok(0)
}

fn printenv(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec { shorts: "+0", longs: &[("null", b'0'), ("version", 200)] };
    let parsed = match ctx.getopt(&SPEC, 2) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(200) {
        ctx.print(&version("printenv", "GNU coreutils", "9.1", "David MacKenzie and Richard Mlynarik"));
        return Ok(0);
    }
    let end = if parsed.has(b'0') { "\0" } else { "\n" };
    let mut status = 0;
    let mut rows: Vec<(Vec<u8>, Vec<u8>)> =
        ctx.sh.vars.iter().filter(|(_, v)| v.exported).map(|(n, v)| (n.clone(), v.value.clone())).collect();
    rows.sort();
    if parsed.rest.is_empty() {
        for (name, value) in &rows {
            ctx.print(&format!("{}={}{end}", show(name), show(value)));
        }
    }
    for wanted in &parsed.rest {
        match rows.iter().find(|(name, _)| name == wanted) {
            Some((_, value)) => ctx.print(&format!("{}{end}", show(value))),
            None => status = 1,
        }
    }
    Ok(status)
}

/// The bytes of a set of tr(1): ranges, classes and escapes.
fn set(text: &[u8]) -> Vec<u8> {
    let mut text = unescape(text).0;
    for (name, is) in [
        ("[:alnum:]", u8::is_ascii_alphanumeric as fn(&u8) -> bool),
        ("[:alpha:]", u8::is_ascii_alphabetic),
        ("[:digit:]", u8::is_ascii_digit),
        ("[:lower:]", u8::is_ascii_lowercase),
        ("[:upper:]", u8::is_ascii_uppercase),
        ("[:punct:]", u8::is_ascii_punctuation),
        ("[:space:]", |b| b.is_ascii_whitespace() || *b == 11),
        ("[:cntrl:]", u8::is_ascii_control),
        ("[:print:]", |b| (32..127).contains(b)),
    ] {
        let at = text.windows(name.len()).position(|part| part == name.as_bytes());
        if let Some(at) = at {
            let all: Vec<u8> = (0..=255).filter(is).collect();
            text.splice(at..at + name.len(), all);
        }
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(low) = text.get(at) {
        match (text.get(at + 1), text.get(at + 2)) {
            (Some(b'-'), Some(high)) if low <= high => {
                out.extend(*low..=*high);
                at += 3;
            }
            _ => {
                out.push(*low);
                at += 1;
            }
        }
    }
    out
}

fn tr(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let (delete, squeeze) = (has_flag(&flags, b'd'), has_flag(&flags, b's'));
    let Some(first) = rest.first() else { return Ok(missing(ctx, "")) };
    if rest.len() < 2 && !delete && !squeeze {
        let shown = show(first);
        return Ok(ctx.fail(&format!("missing operand after ‘{shown}’\nTwo strings must be given when translating.\nTry 'tr --help' for more information.")));
    }
    if let Some(extra) = rest.get(2) {
        let shown = show(extra);
        return Ok(ctx.fail(&format!("extra operand ‘{shown}’\nTry 'tr --help' for more information.")));
    }
    let mut from = set(first);
    if has_flag(&flags, b'c') || has_flag(&flags, b'C') {
        from = (0..=255).filter(|b| !from.contains(b)).collect();
    }
    let to = rest.get(1).map(|s| set(s));
    if let Some(to) = to.as_ref().filter(|_| has_flag(&flags, b't')) {
        from.truncate(to.len());
    }
    // What a byte becomes; the last of the second set stands for what it lacks.
    let mut map: Vec<Option<u8>> = (0..=255).map(Some).collect();
    for (n, byte) in from.iter().enumerate() {
        let Some(slot) = map.get_mut(usize::from(*byte)) else { continue };
        match &to {
            _ if delete => *slot = None,
            Some(to) => *slot = to.get(n).or(to.last()).copied().or(*slot),
            None => {}
        }
    }
    let squeezed = if squeeze { to.unwrap_or(from) } else { Vec::new() };
    let mut out: Vec<u8> = Vec::new();
    for byte in ctx.input()? {
        let Some(byte) = map.get(usize::from(byte)).copied().flatten() else { continue };
        if out.last() != Some(&byte) || !squeezed.contains(&byte) {
            out.push(byte);
        }
    }
    ctx.out = out;
    Ok(0)
}

/// A user's or group's number, by the session's own /etc/passwd or /etc/group.
fn number(ctx: &Ctx<'_>, name: &str, file: &[u8]) -> Option<u32> {
    let text = ctx.sh.vfs().read(&crate::Cred::root(), file, 0, 1 << 20).unwrap_or_default();
    let found = lines(&text).into_iter().find_map(|line| {
        let line = show(line);
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1).and_then(|n| n.parse().ok())).flatten()
    });
    found.or_else(|| name.parse().ok())
}

fn chown(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "HLPRcfhv",
        longs: &[
            ("recursive", b'R'),
            ("changes", b'c'),
            ("dereference", 200),
            ("no-dereference", b'h'),
            ("from=", 201),
            ("no-preserve-root", 202),
            ("preserve-root", 203),
            ("quiet", b'f'),
            ("silent", b'f'),
            ("reference=", 204),
            ("verbose", b'v'),
            ("version", 205),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let group_only = ctx.name == "chgrp";
    if parsed.has(205) {
        let text = version(&ctx.name.clone(), "GNU coreutils", "9.1", "David MacKenzie and Jim Meyering");
        ctx.print(&text);
        return Ok(0);
    }
    let mut rest = parsed.rest.clone();
    let (mut ids, spec) = ([None, None], rest.first().map(|spec| show(spec)).unwrap_or_default());
    if let Some(name) = parsed.value(204) {
        match super::attrs::follow(ctx, name) {
            Ok(stat) => ids = [Some(stat.uid).filter(|_| !group_only), Some(stat.gid)],
            Err(errno) => {
                return Ok(ctx.fail(&format!("failed to get attributes of '{}': {errno}", show(name))));
            }
        }
    } else {
        if rest.is_empty() {
            return Ok(missing(ctx, ""));
        }
        rest.remove(0);
        if rest.is_empty() {
            return Ok(missing(ctx, &format!(" after ‘{spec}’")));
        }
        let (user, group) = match spec.split_once([':', '.']) {
            _ if group_only => ("", spec.as_str()),
            Some((user, group)) => (user, group),
            None => (spec.as_str(), ""),
        };
        let files = [(user, b"/etc/passwd".as_slice(), "user"), (group, b"/etc/group".as_slice(), "group")];
        for (id, (name, file, kind)) in ids.iter_mut().zip(files) {
            if !name.is_empty() {
                *id = number(ctx, name, file);
                if id.is_none() {
                    return Ok(ctx.fail(&format!("invalid {kind}: ‘{spec}’")));
                }
            }
        }
    }
    if rest.is_empty() {
        return Ok(missing(ctx, ""));
    }
    let [uid, gid] = ids;
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    let mut queue: Vec<(Vec<u8>, Vec<u8>)> = rest.iter().rev().map(|a| (a.clone(), ctx.path(a))).collect();
    for _ in 0..OWNED {
        let Some((name, path)) = queue.pop() else { break };
        let stat = ctx.sh.vfs().stat(&who, &path);
        let shown = show(&super::ls::quoted(&name));
        let stat = match stat {
            Ok(stat) => stat,
            Err(errno) => {
                if !parsed.has(b'f') {
                    ctx.fail(&format!("cannot access {shown}: {errno}"));
                }
                status = 1;
                continue;
            }
        };
        if stat.kind == crate::vfs::Kind::Dir && parsed.has(b'R') {
            let entries = ctx.sh.vfs().readdir(&who, &path).unwrap_or_default();
            queue.extend(
                entries.into_iter().map(|(e, _)| (crate::vfs::join(&name, &e), crate::vfs::join(&path, &e))),
            );
        }
        let set = SetAttr { uid, gid, ..SetAttr::default() };
        let done = ctx.sh.vfs().set_attr(&who, &path, set);
        let (what, noun) = if group_only { ("group", "group") } else { ("ownership", "ownership") };
        if let Err(errno) = done {
            if !parsed.has(b'f') {
                ctx.fail(&format!("changing {what} of {shown}: {errno}"));
            }
            status = 1;
            continue;
        }
        if !parsed.has(b'v') && !parsed.has(b'c') {
            continue;
        }
        let changed = uid.is_some_and(|uid| uid != stat.uid) || gid.is_some_and(|gid| gid != stat.gid);
        let words = |ctx: &Ctx<'_>, uid: u32, gid: u32| {
            let user = super::files::owner(ctx, uid, false);
            let group = super::files::owner(ctx, gid, true);
            match (ids[0].is_some() && !group_only, ids[1].is_some()) {
                (true, true) => format!("{user}:{group}"),
                (true, false) => user,
                _ => group,
            }
        };
        let new = words(ctx, uid.unwrap_or(stat.uid), gid.unwrap_or(stat.gid));
        if changed {
            let old = words(ctx, stat.uid, stat.gid);
            ctx.print(&format!("changed {noun} of {shown} from {old} to {new}\n"));
        } else if parsed.has(b'v') {
            ctx.print(&format!("{noun} of {shown} retained as {new}\n"));
        }
    }
    Ok(status)
}

/// Files that one call gives away.
const OWNED: usize = 50_000;
