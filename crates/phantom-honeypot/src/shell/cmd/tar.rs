//! tar(1) of GNU tar 1.34: making, listing and unpacking, plain and through gzip.

use phantom_core::from_micros;

use super::ctx::{Ctx, Need, show};
use super::files::owner;
use super::getopt::{Parsed, Spec, parse};
use super::registry::{Row, bin};
use crate::shell::facts::strftime;
use crate::shell::glob;
use crate::shell::io::BUFFER;
use crate::vfs::{Errno, Kind, SetAttr, join};

pub(super) const PROGRAMS: &[Row] = &[bin("tar", "tar", 531_984, tar)];

/// Members of an archive that are looked at.
const MEMBERS: usize = 10_000;

const SPEC: Spec = Spec {
    shorts: "cxtrujJzZaf:vkOpP?C:T:X:hmoSwWlBb:",
    longs: &[
        ("create", b'c'),
        ("extract", b'x'),
        ("get", b'x'),
        ("list", b't'),
        ("file=", b'f'),
        ("gzip", b'z'),
        ("gunzip", b'z'),
        ("bzip2", b'j'),
        ("xz", b'J'),
        ("verbose", b'v'),
        ("directory=", b'C'),
        ("exclude=", 200),
        ("strip-components=", 201),
        ("to-stdout", b'O'),
        ("absolute-names", b'P'),
        ("keep-old-files", b'k'),
        ("version", 202),
        ("no-same-owner", 203),
        ("same-owner", 203),
        ("no-same-permissions", 203),
        ("preserve-permissions", b'p'),
        ("overwrite", 203),
        ("auto-compress", b'a'),
        ("wildcards", 203),
        ("owner=", 204),
        ("group=", 204),
        ("files-from=", b'T'),
        ("dereference", b'h'),
        ("touch", b'm'),
    ],
};

struct Member {
    name: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    user: String,
    group: String,
    mtime: i64,
    kind: u8,
    link: Vec<u8>,
    data: (usize, usize),
}

/// `tar xzf FILE`: the letters of the first word take their values from the words behind it.
fn modern(args: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    let Some((first, rest)) = args.split_first() else { return Ok(Vec::new()) };
    if first.starts_with(b"-") {
        return Ok(args.to_vec());
    }
    let mut rest = rest.to_vec();
    let mut out = Vec::new();
    for letter in first {
        out.push(vec![b'-', *letter]);
        if b"fCTXb".contains(letter) {
            if rest.is_empty() {
                return Err(format!("Old option '{}' requires an argument.", char::from(*letter)));
            }
            out.push(rest.remove(0));
        }
    }
    out.extend(rest);
    Ok(out)
}

fn tar(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const HELP: &str = "Try 'tar --help' or 'tar --usage' for more information.";
    let parsed = match modern(&ctx.args).and_then(|args| parse(&args, &SPEC)) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&format!("{why}\n{HELP}"));
            return Ok(2);
        }
    };
    if parsed.has(202) {
        let text = super::ctx::version("tar", "GNU tar", "1.34", "John Gilmore and Jay Fenlason");
        ctx.print(&text.replace("(C) 2022", "(C) 2021"));
        return Ok(0);
    }
    match parsed.given.iter().find(|(c, _)| matches!(c, b'c' | b'x' | b't' | b'r' | b'u')).map(|(c, _)| *c) {
        Some(b'c') => create(ctx, &parsed),
        Some(mode @ (b'x' | b't')) => unpack(ctx, &parsed, mode == b'x'),
        Some(_) => {
            ctx.fail(
                "Cannot update compressed archives\nTry 'tar --help' or 'tar --usage' for more information.",
            );
            Ok(2)
        }
        None => {
            ctx.fail(&format!(
                "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\n{HELP}"
            ));
            Ok(2)
        }
    }
}

fn fatal(ctx: &mut Ctx<'_>) -> i32 {
    ctx.fail("Error is not recoverable: exiting now");
    2
}

fn failed(ctx: &mut Ctx<'_>) -> i32 {
    ctx.fail("Exiting with failure status due to previous errors");
    2
}

/// Where files are taken from and put to: `-C`.
fn base(ctx: &Ctx<'_>, parsed: &Parsed) -> Vec<u8> {
    parsed.value(b'C').map_or_else(|| ctx.sh.cwd.clone(), |dir| ctx.path(dir))
}

fn excluded(parsed: &Parsed, name: &[u8]) -> bool {
    parsed.given.iter().filter(|(c, _)| *c == 200).any(|(_, pattern)| {
        let pattern: Vec<(u8, bool)> = pattern.iter().map(|b| (*b, true)).collect();
        let trimmed = name.strip_suffix(b"/").unwrap_or(name);
        glob::matches(&pattern, trimmed)
            || trimmed.split(|b| *b == b'/').any(|part| glob::matches(&pattern, part))
    })
}

fn octal(value: u64, width: usize) -> Vec<u8> {
    let digits = width - 1;
    let mut text = format!("{value:0digits$o}").into_bytes();
    text.truncate(digits);
    text.push(0);
    text
}

fn header(member: &Member, size: u64, out: &mut Vec<u8>) {
    if member.name.len() > 100 {
        let long = Member {
            name: b"././@LongLink".to_vec(),
            kind: b'L',
            mode: 0,
            mtime: 0,
            uid: 0,
            gid: 0,
            user: "root".into(),
            group: "root".into(),
            link: Vec::new(),
            data: (0, 0),
        };
        header(&long, member.name.len() as u64 + 1, out);
        out.extend_from_slice(&member.name);
        out.push(0);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    let start = out.len();
    let field = |out: &mut Vec<u8>, text: &[u8], width: usize| {
        out.extend(text.iter().copied().chain(std::iter::repeat(0)).take(width));
    };
    field(out, member.name.get(..100).unwrap_or(&member.name), 100);
    for (value, width) in [
        (u64::from(member.mode), 8),
        (u64::from(member.uid), 8),
        (u64::from(member.gid), 8),
        (size, 12),
        (member.mtime.max(0).unsigned_abs(), 12),
    ] {
        out.extend(octal(value, width));
    }
    out.extend_from_slice(b"        ");
    out.push(member.kind);
    field(out, &member.link, 100);
    field(out, b"ustar  ", 8);
    field(out, member.user.as_bytes(), 32);
    field(out, member.group.as_bytes(), 32);
    out.resize(start + 512, 0);
    let sum: u64 = out.get(start..).unwrap_or(&[]).iter().map(|b| u64::from(*b)).sum();
    let text = [octal(sum, 7), vec![b' ']].concat();
    if let Some(place) = out.get_mut(start + 148..start + 156) {
        place.copy_from_slice(&text);
    }
}

/// How much of a name leads out of where an archive is unpacked: a slash at its start, and all up to its last `..`.
fn beyond(name: &[u8]) -> usize {
    let (mut end, mut at) = (0, 0);
    for part in name.split(|b| *b == b'/') {
        at = (at + part.len() + 1).min(name.len());
        if part == b".." {
            end = at;
        }
    }
    while name.get(end) == Some(&b'/') {
        end += 1;
    }
    end
}

fn create(ctx: &mut Ctx<'_>, parsed: &Parsed) -> Result<i32, Need> {
    if parsed.rest.is_empty() && !parsed.has(b'T') {
        ctx.fail("Cowardly refusing to create an empty archive\nTry 'tar --help' or 'tar --usage' for more information.");
        return Ok(2);
    }
    let dir = base(ctx, parsed);
    let who = ctx.sh.account.cred.clone();
    let mut out = Vec::new();
    let mut bad = false;
    let mut told = Vec::new();
    let mut stack: Vec<Vec<u8>> = parsed.rest.iter().rev().cloned().collect();
    let mut warned = Vec::new();
    // Files of several names, by their number: what comes later is a link to the first.
    let mut links: Vec<(u64, Vec<u8>)> = Vec::new();
    for _ in 0..MEMBERS {
        let Some(name) = stack.pop() else { break };
        if excluded(parsed, &name) || out.len() > BUFFER {
            continue;
        }
        let mut stored = name.clone();
        let outside = if parsed.has(b'P') { 0 } else { beyond(&name) };
        if outside > 0 {
            let (head, tail) = name.split_at_checked(outside).unwrap_or((b"", &name));
            stored = if tail.is_empty() { b"./".to_vec() } else { tail.to_vec() };
            if !warned.contains(&head.to_vec()) {
                warned.push(head.to_vec());
                ctx.fail(&format!("Removing leading `{}' from member names", show(head)));
            }
        }
        let path = join(&dir, &name);
        let found = ctx.sh.vfs().lstat(&who, &path);
        let stat = match found {
            Ok(stat) => stat,
            Err(errno) => {
                ctx.fail(&format!("{}: Cannot stat: {errno}", show(&name)));
                bad = true;
                continue;
            }
        };
        let (mut content, mut link, mut kind) = (Vec::new(), Vec::new(), b'0');
        match stat.kind {
            Kind::Dir => {
                kind = b'5';
                if !stored.ends_with(b"/") {
                    stored.push(b'/');
                }
                let entries = ctx.sh.vfs().readdir(&who, &path).unwrap_or_default();
                stack.extend(entries.into_iter().rev().map(|(e, _)| super::attrs::inside(&name, &e)));
            }
            Kind::Link => {
                kind = b'2';
                link = ctx.sh.vfs().readlink(&who, &path).unwrap_or_default();
            }
            Kind::Device => kind = b'3',
            Kind::File if links.iter().any(|(ino, _)| *ino == stat.ino) => {
                kind = b'1';
                link =
                    links.iter().find(|(ino, _)| *ino == stat.ino).map(|l| l.1.clone()).unwrap_or_default();
            }
            Kind::File => {
                if stat.nlink > 1 {
                    links.push((stat.ino, stored.clone()));
                }
                let read = ctx.sh.vfs().read(&who, &path, 0, BUFFER);
                match read {
                    Ok(bytes) => content = bytes,
                    Err(errno) => {
                        ctx.fail(&format!("{}: Cannot open: {errno}", show(&name)));
                        bad = true;
                        continue;
                    }
                }
            }
        }
        let member = Member {
            name: stored,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            user: owner(ctx, stat.uid, false),
            group: owner(ctx, stat.gid, true),
            mtime: stat.mtime.as_second(),
            kind,
            link,
            data: (0, content.len()),
        };
        header(&member, content.len() as u64, &mut out);
        out.extend(content);
        out.resize(out.len().next_multiple_of(512), 0);
        if parsed.has(b'v') {
            told.extend(line(&member, parsed));
        }
    }
    out.resize((out.len() + 1024).next_multiple_of(10_240), 0);
    let file = parsed.value(b'f').filter(|f| *f != b"-").map(<[u8]>::to_vec);
    let by_name =
        parsed.has(b'a') && file.as_ref().is_some_and(|f| f.ends_with(b".gz") || f.ends_with(b".tgz"));
    if parsed.has(b'z') || by_name {
        out = super::gzip::pack(&out, None, 0, 6);
    }
    match file {
        Some(name) => {
            ctx.out = told;
            if let Err(errno) = ctx.write_file(&name, &out, false) {
                ctx.fail(&format!("{}: Cannot open: {errno}", show(&name)));
                return Ok(fatal(ctx));
            }
        }
        None => {
            ctx.err.extend(told);
            ctx.out = out;
        }
    }
    Ok(if bad { failed(ctx) } else { 0 })
}

fn number(field: &[u8]) -> u64 {
    // Base 256, where the first bit is set.
    if let Some((_, rest)) = field.split_first().filter(|(f, _)| **f & 0x80 != 0) {
        return rest.iter().rev().take(8).rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    }
    field
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(0u64, |n, b| n.wrapping_mul(8).wrapping_add(u64::from(b - b'0')))
}

fn text(field: &[u8]) -> Vec<u8> {
    field.iter().take_while(|b| **b != 0).copied().collect()
}

/// All members; `None` where it is no archive. Whether it ended early is told beside them.
fn members(bytes: &[u8]) -> Option<(Vec<Member>, bool)> {
    let mut all = Vec::new();
    let (mut at, mut long, mut long_link) = (0, None, None);
    while all.len() < MEMBERS {
        let Some(block) = bytes.get(at..at + 512) else {
            return if all.is_empty() { None } else { Some((all, at != bytes.len())) };
        };
        at += 512;
        if block.iter().all(|b| *b == 0) {
            return Some((all, false));
        }
        let part = |from: usize, to: usize| block.get(from..to).unwrap_or(&[]);
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(n, b)| if (148..156).contains(&n) { 32 } else { u64::from(*b) })
            .sum();
        if sum != number(part(148, 156)) {
            return if all.is_empty() { None } else { Some((all, true)) };
        }
        let size = usize::try_from(number(part(124, 136))).unwrap_or(usize::MAX);
        let kind = block.get(156).copied().unwrap_or(b'0');
        let holds = !matches!(kind, b'1'..=b'6');
        let end = if holds { at.checked_add(size).filter(|e| *e <= bytes.len()) } else { Some(at) };
        let Some(end) = end else { return Some((all, true)) };
        let data = (at, end);
        at = end.next_multiple_of(512);
        match kind {
            b'L' => long = Some(text(bytes.get(data.0..data.1).unwrap_or(&[]))),
            b'K' => long_link = Some(text(bytes.get(data.0..data.1).unwrap_or(&[]))),
            b'x' => {
                // `LEN path=VALUE\n`
                for record in bytes.get(data.0..data.1).unwrap_or(&[]).split(|b| *b == b'\n') {
                    let value = record.splitn(2, |b| *b == b' ').nth(1).unwrap_or(&[]);
                    if let Some(path) = value.strip_prefix(b"path=") {
                        long = Some(path.to_vec());
                    } else if let Some(path) = value.strip_prefix(b"linkpath=") {
                        long_link = Some(path.to_vec());
                    }
                }
            }
            b'g' => {}
            _ => {
                let prefix = if part(257, 263) == b"ustar\0" { text(part(345, 500)) } else { Vec::new() };
                let short = text(part(0, 100));
                let name = if prefix.is_empty() { short } else { [prefix.as_slice(), b"/", &short].concat() };
                all.push(Member {
                    name: long.take().unwrap_or(name),
                    mode: number(part(100, 108)) as u32 & 0o7777,
                    uid: number(part(108, 116)) as u32,
                    gid: number(part(116, 124)) as u32,
                    user: show(&text(part(265, 297))),
                    group: show(&text(part(297, 329))),
                    mtime: i64::try_from(number(part(136, 148))).unwrap_or(0).min(1 << 40),
                    kind,
                    link: long_link.take().unwrap_or_else(|| text(part(157, 257))),
                    data,
                });
            }
        }
    }
    Some((all, false))
}

/// How a member is told: its name, or as `ls -l` where `v` was said twice or the archive is listed.
fn line(member: &Member, parsed: &Parsed) -> Vec<u8> {
    let verbose = parsed.given.iter().filter(|(c, _)| *c == b'v').count();
    let long = if parsed.has(b't') { verbose > 0 } else { verbose > 1 };
    if !long {
        return [member.name.as_slice(), b"\n"].concat();
    }
    let kind = match member.kind {
        b'5' => 'd',
        b'2' => 'l',
        b'1' => 'h',
        b'3' => 'c',
        _ => '-',
    };
    let mut bits = String::new();
    for shift in [6, 3, 0] {
        let three = member.mode >> shift & 7;
        let special = member.mode & (0o1000 << (shift / 3)) != 0;
        bits.push(if three & 4 != 0 { 'r' } else { '-' });
        bits.push(if three & 2 != 0 { 'w' } else { '-' });
        bits.push(match (three & 1 != 0, special, shift) {
            (true, true, 0) => 't',
            (false, true, 0) => 'T',
            (true, true, _) => 's',
            (false, true, _) => 'S',
            (true, false, _) => 'x',
            _ => '-',
        });
    }
    let own = |name: &str, id: u32| if name.is_empty() { id.to_string() } else { name.to_owned() };
    let who = format!("{}/{}", own(&member.user, member.uid), own(&member.group, member.gid));
    let size = (member.data.1 - member.data.0).to_string();
    let width = 18usize.saturating_sub(who.len()).max(size.len());
    let when = strftime(from_micros(member.mtime.saturating_mul(1_000_000)), "%F %R");
    let target = match member.kind {
        b'2' => format!(" -> {}", show(&member.link)),
        b'1' => format!(" link to {}", show(&member.link)),
        _ => String::new(),
    };
    format!("{kind}{bits} {who} {size:>width$} {when} {}{target}\n", show(&member.name)).into_bytes()
}

fn unpack(ctx: &mut Ctx<'_>, parsed: &Parsed, extract: bool) -> Result<i32, Need> {
    let mut bytes = match parsed.value(b'f').filter(|f| *f != b"-") {
        None => ctx.input()?,
        Some(name) => match ctx.content(name)? {
            Ok(bytes) => bytes,
            Err(Errno::EISDIR) => {
                ctx.fail(&format!("{}: Cannot read: Is a directory", show(name)));
                ctx.fail("At beginning of tape, quitting now");
                return Ok(fatal(ctx));
            }
            Err(errno) => {
                ctx.fail(&format!("{}: Cannot open: {errno}", show(name)));
                return Ok(fatal(ctx));
            }
        },
    };
    if parsed.has(b'z') || bytes.starts_with(&[0x1f, 0x8b]) {
        match super::gzip::unpack(&bytes) {
            Ok(plain) => bytes = plain,
            Err(why) => {
                ctx.err.extend_from_slice(format!("\ngzip: stdin: {why}\n").as_bytes());
                ctx.fail("Child returned status 1");
                return Ok(fatal(ctx));
            }
        }
    }
    let Some((all, cut)) = members(&bytes) else {
        ctx.fail("This does not look like a tar archive");
        return Ok(failed(ctx));
    };
    let dir = base(ctx, parsed);
    if extract && ctx.sh.vfs().stat(&ctx.sh.account.cred, &dir).is_err() {
        let shown = show(parsed.value(b'C').unwrap_or(b""));
        ctx.fail(&format!("{shown}: Cannot open: No such file or directory"));
        return Ok(fatal(ctx));
    }
    let strip = parsed.value(201).and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(0);
    let mut bad = false;
    let mut matched = vec![false; parsed.rest.len()];
    let mut warned = false;
    for member in &all {
        let chosen = parsed.rest.is_empty()
            || parsed.rest.iter().zip(matched.iter_mut()).any(|(wanted, seen)| {
                let wanted = wanted.strip_suffix(b"/").unwrap_or(wanted);
                let name = member.name.strip_suffix(b"/").unwrap_or(&member.name);
                let yes =
                    name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(b"/"));
                *seen |= yes;
                yes
            });
        if !chosen || excluded(parsed, &member.name) {
            continue;
        }
        if !extract || parsed.has(b'v') {
            let text = line(member, parsed);
            if parsed.has(b'O') { ctx.err.extend(text) } else { ctx.out.extend(text) }
        }
        if !extract {
            continue;
        }
        if member.name.split(|b| *b == b'/').any(|part| part == b"..") && !parsed.has(b'P') {
            ctx.fail(&format!("{}: Member name contains '..', skipping", show(&member.name)));
            bad = true;
            continue;
        }
        let content = bytes.get(member.data.0..member.data.1).unwrap_or(&[]);
        if parsed.has(b'O') {
            ctx.out.extend_from_slice(content);
            continue;
        }
        let mut name = member.name.as_slice();
        if name.starts_with(b"/") && !parsed.has(b'P') {
            if !std::mem::replace(&mut warned, true) {
                ctx.fail("Removing leading `/' from member names");
            }
            while let Some(rest) = name.strip_prefix(b"/") {
                name = rest;
            }
        }
        let parts: Vec<&[u8]> = name.split(|b| *b == b'/').filter(|p| !p.is_empty()).collect();
        let Some(kept) = parts.get(strip..).filter(|k| !k.is_empty()) else { continue };
        let lead: &[u8] = if name.starts_with(b"/") { b"/" } else { b"" };
        let path = join(&dir, &[lead, &kept.join(&b'/')].concat());
        if let Err(errno) = put(ctx, member, content, &path, &dir) {
            ctx.fail(&format!("{}: Cannot open: {errno}", show(&member.name)));
            bad = true;
        }
    }
    for (wanted, seen) in parsed.rest.iter().zip(&matched) {
        if !seen {
            ctx.fail(&format!("{}: Not found in archive", show(wanted)));
            bad = true;
        }
    }
    if cut {
        ctx.fail("Unexpected EOF in archive");
        return Ok(fatal(ctx));
    }
    Ok(if bad { failed(ctx) } else { 0 })
}

fn put(ctx: &mut Ctx<'_>, member: &Member, content: &[u8], path: &[u8], dir: &[u8]) -> Result<(), Errno> {
    let who = ctx.sh.account.cred.clone();
    let umask = ctx.sh.umask;
    let root = who.uid == 0;
    let mode = if root { member.mode } else { member.mode & !umask };
    let mut vfs = ctx.sh.vfs();
    // Directories on the way are made.
    for (at, _) in path.iter().enumerate().filter(|(at, b)| **b == b'/' && *at > 0) {
        let parent = path.get(..at).unwrap_or(path);
        if vfs.stat(&who, parent).is_err() {
            vfs.mkdir(&who, parent, 0o777 & !umask)?;
        }
    }
    match member.kind {
        b'5' => match vfs.mkdir(&who, path, mode) {
            Ok(_) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        },
        b'2' => {
            let _ = vfs.unlink(&who, path);
            vfs.symlink(&who, &member.link, path)?;
            return Ok(());
        }
        b'1' => {
            let _ = vfs.unlink(&who, path);
            return vfs.link(&who, &join(dir, &member.link), path);
        }
        b'0' | 0 | b'7' => {
            // What stood there is replaced, not written through; an empty directory as well.
            let _ = vfs.unlink(&who, path).or_else(|_| vfs.rmdir(&who, path));
            let ino = vfs.create(&who, path, mode, true)?;
            vfs.write(ino, Some(0), content)?;
        }
        _ => return Ok(()),
    }
    let mtime = Some(from_micros(member.mtime.saturating_mul(1_000_000)));
    let (uid, gid) = if root { (Some(member.uid), Some(member.gid)) } else { (None, None) };
    vfs.set_attr(&who, path, SetAttr { mode: Some(mode), uid, gid, mtime, ..SetAttr::default() })
}

#[cfg(test)]
mod tests;
