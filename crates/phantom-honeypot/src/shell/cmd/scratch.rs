//! Making, cutting, overwriting and naming files: dd, link, mktemp, realpath, shred, sync, truncate and unlink of
//! coreutils 9.1.

use super::attrs::{follow, inside, missing};
use super::ctx::{Ctx, Need, show};
use super::files::human;
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::size;
use crate::shell::io::BUFFER;
use crate::vfs::{Errno, Kind, join, split};

pub(super) const PROGRAMS: &[Row] = &[
    bin("dd", "coreutils", 89_240, dd),
    bin("link", "coreutils", 39_760, link),
    bin("mktemp", "coreutils", 43_952, mktemp),
    bin("realpath", "coreutils", 52_144, realpath),
    bin("shred", "coreutils", 64_656, shred),
    bin("sync", "coreutils", 39_824, sync),
    bin("truncate", "coreutils", 43_920, truncate),
    bin("unlink", "coreutils", 39_760, unlink),
];

fn truncate(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec =
        Spec { shorts: "cor:s:", longs: &[("no-create", b'c'), ("reference=", b'r'), ("size=", b's')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let reference = match parsed.value(b'r') {
        Some(name) => match follow(ctx, name) {
            Ok(stat) => Some(stat.size),
            Err(errno) => return Ok(ctx.fail(&format!("cannot stat '{}': {errno}", show(name)))),
        },
        None => None,
    };
    let text = parsed.value(b's').map(show);
    if text.is_none() && reference.is_none() {
        return Ok(ctx.fail(
            "you must specify either ‘--size’ or ‘--reference’\nTry 'truncate --help' for more information.",
        ));
    }
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, "file operand"));
    }
    let text = text.unwrap_or_else(|| "+0".to_owned());
    let sign = text.chars().next().filter(|c| "+-<>/%".contains(*c));
    let Some(amount) = size(text.trim_start_matches(|c| "+-<>/%".contains(c))) else {
        return Ok(ctx.fail(&format!("Invalid number: ‘{text}’")));
    };
    let mut status = 0;
    for name in &parsed.rest {
        let path = ctx.path(name);
        let who = ctx.sh.account.cred.clone();
        let mode = 0o666 & !ctx.sh.umask;
        let mut vfs = ctx.sh.vfs();
        let old = vfs.stat(&who, &path).map(|s| s.size);
        if old.is_err() && parsed.has(b'c') {
            continue;
        }
        let old = reference.or(old.ok()).unwrap_or(0);
        let new = match sign {
            Some('+') => old.saturating_add(amount),
            Some('-') => old.saturating_sub(amount),
            Some('<') => old.min(amount),
            Some('>') => old.max(amount),
            Some('/') => old.checked_div(amount).unwrap_or(0) * amount,
            Some('%') => old.checked_next_multiple_of(amount.max(1)).unwrap_or(old),
            _ => amount,
        };
        let made = vfs.create(&who, &path, mode, false).map(|_| ());
        let done = made.and_then(|()| vfs.truncate(&who, &path, new));
        drop(vfs);
        if let Err(errno) = done {
            let text = if errno == Errno::ENOSPC {
                format!("failed to truncate '{}' at {new} bytes: File too large", show(name))
            } else {
                format!("cannot open '{}' for writing: {errno}", show(name))
            };
            status = ctx.fail(&text);
        }
    }
    Ok(status)
}

fn mktemp(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "dp:qtuV",
        longs: &[
            ("directory", b'd'),
            ("quiet", b'q'),
            ("dry-run", b'u'),
            ("suffix=", 200),
            ("tmpdir?", b'p'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.len() > 1 {
        return Ok(ctx.fail("too many templates\nTry 'mktemp --help' for more information."));
    }
    let temporary = ctx.sh.get(b"TMPDIR").filter(|d| !d.is_empty()).unwrap_or_else(|| b"/tmp".to_vec());
    let dir = parsed.value(b'p').filter(|d| !d.is_empty()).map(<[u8]>::to_vec).unwrap_or(temporary);
    let template = parsed.rest.first().cloned();
    let in_dir = template.is_none() || parsed.has(b'p') || parsed.has(b't');
    let template = template.unwrap_or_else(|| b"tmp.XXXXXXXXXX".to_vec());
    let suffix = parsed.value(200).unwrap_or(b"").to_vec();
    let end = template.iter().rposition(|b| *b == b'X').map_or(0, |n| n + 1);
    let run = template.iter().take(end).rev().take_while(|b| **b == b'X').count();
    if run < 3 {
        return Ok(ctx.fail(&format!("too few X's in template ‘{}’", show(&template))));
    }
    const SET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let drawn: Vec<u8> = (0..run).map(|_| ctx.sh.draw.pick(SET)).collect();
    let head = template.get(..end - run).unwrap_or(&[]);
    let tail = template.get(end..).unwrap_or(&[]);
    let name = [head, &drawn, tail, &suffix].concat();
    let name = if in_dir { inside(&dir, &name) } else { name };
    if !parsed.has(b'u') {
        let path = ctx.path(&name);
        let who = ctx.sh.account.cred.clone();
        let made = if parsed.has(b'd') {
            ctx.sh.vfs().mkdir(&who, &path, 0o700).map(|_| ())
        } else {
            ctx.sh.vfs().create(&who, &path, 0o600, false).map(|_| ())
        };
        if let Err(errno) = made {
            let kind = if parsed.has(b'd') { "directory" } else { "file" };
            let shown = if in_dir { inside(&dir, &template) } else { template };
            return Ok(ctx.fail(&format!("failed to create {kind} via template ‘{}’: {errno}", show(&shown))));
        }
    }
    ctx.out = [name.as_slice(), b"\n"].concat();
    Ok(0)
}

fn realpath(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "eLmPqsz",
        longs: &[
            ("canonicalize-existing", b'e'),
            ("canonicalize-missing", b'm'),
            ("no-symlinks", b's'),
            ("quiet", b'q'),
            ("strip", b's'),
            ("zero", b'z'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, "operand"));
    }
    let mut status = 0;
    for name in &parsed.rest {
        let path = ctx.path(name);
        let who = ctx.sh.account.cred.clone();
        let found = {
            let vfs = ctx.sh.vfs();
            // The last part need not be there.
            vfs.canonical(&who, &path).or_else(|errno| match errno {
                Errno::ENOENT if !parsed.has(b'e') => {
                    vfs.canonical(&who, split(&path).0).map(|dir| join(&dir, split(&path).1))
                }
                other => Err(other),
            })
        };
        let found = if parsed.has(b'm') { found.or(Ok(path)) } else { found };
        match found {
            Ok(whole) => {
                ctx.out.extend(whole);
                ctx.out.push(if parsed.has(b'z') { 0 } else { b'\n' });
            }
            Err(errno) => {
                status = 1;
                if !parsed.has(b'q') {
                    ctx.fail(&format!("{}: {errno}", show(name)));
                }
            }
        }
    }
    Ok(status)
}

fn shred(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "fn:s:uvxz",
        longs: &[
            ("force", b'f'),
            ("iterations=", b'n'),
            ("size=", b's'),
            ("remove?", b'u'),
            ("verbose", b'v'),
            ("exact", b'x'),
            ("zero", b'z'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, "file operand"));
    }
    if let Some(count) = parsed.value(b'n').map(show).filter(|count| count.parse::<u64>().is_err()) {
        return Ok(ctx.fail(&format!("invalid number of passes: ‘{count}’")));
    }
    let passes = parsed.value(b'n').and_then(|v| show(v).parse::<u64>().ok()).unwrap_or(3);
    let mut status = 0;
    for name in &parsed.rest {
        let shown = show(name);
        let stat = match follow(ctx, name) {
            Ok(stat) => stat,
            Err(errno) => {
                status = ctx.fail(&format!("{shown}: failed to open for writing: {errno}"));
                continue;
            }
        };
        if stat.kind != Kind::File {
            let why = if stat.kind == Kind::Dir {
                "failed to open for writing: Is a directory"
            } else {
                "invalid file type"
            };
            status = ctx.fail(&format!("{shown}: {why}"));
            continue;
        }
        let length = if parsed.has(b'x') { stat.size } else { stat.size.div_ceil(4096) * 4096 };
        let length = usize::try_from(length).unwrap_or(0).min(BUFFER);
        // What it held stays evidence: it is removed and made anew, as a wipe that was asked for.
        let mut word = ctx.sh.draw.unsigned(1, u64::MAX >> 1);
        let noise: Vec<u8> = (0..length)
            .map(|_| {
                word ^= word << 13;
                word ^= word >> 7;
                word ^= word << 17;
                if parsed.has(b'z') { 0 } else { word as u8 }
            })
            .collect();
        let all = passes + u64::from(parsed.has(b'z'));
        if parsed.has(b'v') {
            for pass in 1..=all {
                let kind = if pass > passes { "000000" } else { "random" };
                ctx.err
                    .extend_from_slice(format!("shred: {shown}: pass {pass}/{all} ({kind})...\n").as_bytes());
            }
        }
        let path = ctx.path(name);
        let who = ctx.sh.account.cred.clone();
        let done = {
            let mut vfs = ctx.sh.vfs();
            vfs.create(&who, &path, 0o644, false).and_then(|_| {
                vfs.unlink(&who, &path)?;
                if parsed.has(b'u') {
                    return Ok(());
                }
                let ino = vfs.create(&who, &path, stat.mode, true)?;
                vfs.write(ino, Some(0), &noise)
            })
        };
        match done {
            Err(errno) => status = ctx.fail(&format!("{shown}: failed to open for writing: {errno}")),
            Ok(()) if parsed.has(b'u') && parsed.has(b'v') => {
                let base = show(split(name).1);
                let dir = shown.strip_suffix(base.as_str()).unwrap_or("");
                ctx.err.extend_from_slice(format!("shred: {shown}: removing\n").as_bytes());
                let mut last = shown.clone();
                for length in (1..=base.len().min(64)).rev() {
                    let new = format!("{dir}{}", "0".repeat(length));
                    ctx.err.extend_from_slice(format!("shred: {last}: renamed to {new}\n").as_bytes());
                    last = new;
                }
                ctx.err.extend_from_slice(format!("shred: {shown}: removed\n").as_bytes());
            }
            Ok(()) => {}
        }
    }
    Ok(status)
}

fn unlink(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let args = ctx.args.clone();
    let [name] = args.as_slice() else {
        return Ok(match args.get(1) {
            None => missing(ctx, "operand"),
            Some(extra) => ctx
                .fail(&format!("extra operand ‘{}’\nTry 'unlink --help' for more information.", show(extra))),
        });
    };
    let path = ctx.path(name);
    let who = ctx.sh.account.cred.clone();
    let done = ctx.sh.vfs().unlink(&who, &path);
    Ok(match done {
        Ok(()) => 0,
        Err(errno) => ctx.fail(&format!("cannot unlink '{}': {errno}", show(name))),
    })
}

fn link(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let args = ctx.args.clone();
    let [from, to] = args.as_slice() else {
        let text =
            args.first().map_or_else(|| "operand".to_owned(), |a| format!("operand after ‘{}’", show(a)));
        return Ok(missing(ctx, &text));
    };
    let (a, b) = (ctx.path(from), ctx.path(to));
    let who = ctx.sh.account.cred.clone();
    let done = ctx.sh.vfs().link(&who, &a, &b);
    Ok(match done {
        Ok(()) => 0,
        Err(errno) => ctx.fail(&format!("cannot create link '{}' to '{}': {errno}", show(to), show(from))),
    })
}

fn sync(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut status = 0;
    for name in ctx.args.clone().iter().filter(|a| !a.starts_with(b"-")) {
        if let Err(errno) = follow(ctx, name) {
            status = ctx.fail(&format!("error opening '{}': {errno}", show(name)));
        }
    }
    Ok(status)
}

const CONVERSIONS: [&str; 17] = [
    "ascii",
    "ebcdic",
    "ibm",
    "block",
    "unblock",
    "lcase",
    "ucase",
    "sparse",
    "swab",
    "sync",
    "excl",
    "nocreat",
    "notrunc",
    "noerror",
    "fdatasync",
    "fsync",
    "",
];

fn dd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut given = std::collections::HashMap::new();
    for arg in ctx.args.clone() {
        let text = show(&arg);
        let known = [
            "if", "of", "bs", "ibs", "obs", "cbs", "count", "skip", "iseek", "seek", "oseek", "conv",
            "status", "iflag", "oflag",
        ];
        match text.split_once('=') {
            None if text == "--version" => {
                let by = "Paul Rubin, David MacKenzie, and Stuart Kemp";
                let text = super::ctx::version("dd", "coreutils", "9.1", by);
                ctx.print(&text);
                return Ok(0);
            }
            Some(("conv", value)) if value.split(',').any(|word| !CONVERSIONS.contains(&word)) => {
                let bad = value.split(',').find(|word| !CONVERSIONS.contains(word)).unwrap_or("");
                let text = format!("invalid conversion: ‘{bad}’\nTry 'dd --help' for more information.");
                return Ok(ctx.fail(&text));
            }
            Some((name, value)) if known.contains(&name) => {
                given.insert(name.to_owned(), value.to_owned());
            }
            _ => {
                return Ok(ctx
                    .fail(&format!("unrecognized operand ‘{text}’\nTry 'dd --help' for more information.")));
            }
        }
    }
    let mut amounts = [512u64, u64::MAX, 0, 0];
    for (slot, names) in
        amounts.iter_mut().zip([["bs", "ibs"], ["count", "count"], ["skip", "iseek"], ["seek", "oseek"]])
    {
        if let Some(text) = names.iter().find_map(|n| given.get(*n)) {
            match text.split('x').map(size).try_fold(1u64, |a, b| a.checked_mul(b?)) {
                Some(n) => *slot = n,
                None => return Ok(ctx.fail(&format!("invalid number: ‘{text}’"))),
            }
        }
    }
    let [block, count, skip, seek] = amounts;
    if block == 0 {
        return Ok(ctx.fail("invalid number: ‘0’"));
    }
    let flags: Vec<&str> = given.get("conv").map(|c| c.split(',').collect()).unwrap_or_default();
    let wanted = count.saturating_mul(block);
    let most = usize::try_from(wanted).unwrap_or(usize::MAX).min(BUFFER);
    let from = skip.saturating_mul(block);
    let input = match given.get("if") {
        None => {
            let all = ctx.input()?;
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(all.len());
            let rest = all.get(from..).unwrap_or(&[]);
            rest.get(..most.min(rest.len())).unwrap_or(&[]).to_vec()
        }
        Some(name) => {
            let path = ctx.path(name.as_bytes());
            let who = ctx.sh.account.cred.clone();
            let mut all = Vec::new();
            let mut failed = None;
            // Devices give a piece at a time.
            while all.len() < most && failed.is_none() {
                let read = ctx.sh.vfs().read(&who, &path, from + all.len() as u64, most - all.len());
                match read {
                    Ok(part) if part.is_empty() => break,
                    Ok(part) => all.extend(part),
                    Err(errno) => failed = Some(errno),
                }
            }
            if let Some(errno) = failed {
                return Ok(ctx.fail(&match errno {
                    Errno::EISDIR => {
                        format!("error reading '{name}': {errno}\n0+0 records in\n0+0 records out")
                    }
                    _ => format!("failed to open '{name}': {errno}"),
                }));
            }
            all
        }
    };
    let mut data = input.clone();
    if flags.contains(&"ucase") {
        data.make_ascii_uppercase();
    }
    if flags.contains(&"lcase") {
        data.make_ascii_lowercase();
    }
    if flags.contains(&"swab") {
        for pair in data.chunks_exact_mut(2) {
            pair.reverse();
        }
    }
    let block = usize::try_from(block).unwrap_or(usize::MAX);
    if flags.contains(&"sync") && !data.len().is_multiple_of(block) && block < BUFFER {
        data.resize(data.len().next_multiple_of(block), 0);
    }
    match given.get("of") {
        None => ctx.out.clone_from(&data),
        Some(name) => {
            let path = ctx.path(name.as_bytes());
            let who = ctx.sh.account.cred.clone();
            let mode = 0o666 & !ctx.sh.umask;
            let at = seek.saturating_mul(block as u64);
            let done = {
                let mut vfs = ctx.sh.vfs();
                let truncate = !flags.contains(&"notrunc");
                vfs.create(&who, &path, mode, truncate && seek == 0).and_then(|ino| {
                    if given.get("oflag").is_some_and(|f| f.contains("append")) {
                        return vfs.write(ino, None, &data);
                    }
                    vfs.write(ino, Some(at), &data)
                })
            };
            match done {
                Ok(()) => {}
                Err(Errno::ENOSPC) => {
                    return Ok(ctx.fail(&format!("error writing '{name}': No space left on device")));
                }
                Err(errno) => return Ok(ctx.fail(&format!("failed to open '{name}': {errno}"))),
            }
        }
    }
    let status = given.get("status").map(String::as_str);
    if status == Some("none") {
        return Ok(0);
    }
    let whole = |bytes: usize| (bytes / block, usize::from(!bytes.is_multiple_of(block)));
    let ((a, b), (c, d)) = (whole(input.len()), whole(data.len()));
    let mut text = format!("{a}+{b} records in\n{c}+{d} records out\n");
    if status != Some("noxfer") {
        let bytes = data.len();
        // Some 400 MB/s, and never less than a few microseconds.
        let seconds = (bytes as f64 / 4.1e8).max(0.000_041) + (bytes % 977) as f64 * 1e-8;
        let rate = |bytes: f64| {
            let units = ["B", "kB", "MB", "GB"];
            let mut value = bytes;
            let mut unit = 0;
            while value >= 1000.0 && unit < 3 {
                value /= 1000.0;
                unit += 1;
            }
            let name = units.get(unit).copied().unwrap_or("B");
            if value < 10.0 && unit > 0 { format!("{value:.1} {name}") } else { format!("{value:.0} {name}") }
        };
        let shown = super::float::format(&super::float::Conversion::precision(6), b'g', seconds);
        let iec = |n: usize| human(n as u64).replace('K', " Ki").replace('M', " Mi");
        let amount = match bytes {
            0..=999 => format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" }),
            1000..=1023 => format!("{bytes} bytes ({})", rate(bytes as f64)),
            _ => format!("{bytes} bytes ({}, {}B)", rate(bytes as f64), iec(bytes)),
        };
        text += &format!("{amount} copied, {} s, {}/s\n", show(&shown), rate(bytes as f64 / seconds));
    }
    ctx.err.extend_from_slice(text.as_bytes());
    Ok(0)
}
