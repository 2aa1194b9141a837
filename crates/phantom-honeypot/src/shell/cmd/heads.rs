//! Parts and counts of files: head, tail, wc, nl, tac, rev, split of coreutils 9.1 and util-linux 2.38.

use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::{contents, lines, put, size};

pub(super) const PROGRAMS: &[Row] = &[
    bin("head", "coreutils", 48_080, ends),
    bin("nl", "coreutils", 113_776, nl),
    bin("rev", "util-linux", 14_648, rev),
    bin("split", "coreutils", 60_984, split),
    bin("tac", "coreutils", 113_712, tac),
    bin("tail", "coreutils", 76_944, ends),
    bin("wc", "coreutils", 52_280, wc),
];

const ENDS: Spec = Spec {
    shorts: "c:fFn:qs:vz",
    longs: &[
        ("bytes=", b'c'),
        ("lines=", b'n'),
        ("quiet", b'q'),
        ("silent", b'q'),
        ("verbose", b'v'),
        ("zero-terminated", b'z'),
        ("follow?", b'f'),
        ("retry", 200),
        ("pid=", 201),
        ("sleep-interval=", b's'),
    ],
};

fn ends(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    // `-5` is an old way of saying `-n 5`; tail has `+5` too.
    let tail = ctx.name == "tail";
    if let Some(arg) = ctx.args.first_mut() {
        let old = arg.len() > 1 && arg.iter().skip(1).all(u8::is_ascii_digit);
        if old && arg.starts_with(b"-") {
            arg.insert(1, b'n');
        } else if old && tail && arg.starts_with(b"+") {
            arg.splice(..0, *b"-n");
        }
    }
    let parsed = match ctx.getopt(&ENDS, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let chosen = parsed.given.iter().rev().find(|(c, _)| matches!(c, b'c' | b'n'));
    let (by_bytes, text) = chosen.map_or((false, "10".to_owned()), |(c, v)| (*c == b'c', show(v)));
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.chars().next(), digits),
        None => (None, text.as_str()),
    };
    let Some(count) = size(digits) else {
        let what = if by_bytes { "bytes" } else { "lines" };
        return Ok(ctx.fail(&format!("invalid number of {what}: ‘{digits}’")));
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (all, status) = contents(ctx, &parsed.rest)?;
    let headed = parsed.has(b'v') || (parsed.rest.len() > 1 && !parsed.has(b'q'));
    let end = if parsed.has(b'z') { 0 } else { b'\n' };
    for (index, (name, bytes)) in all.into_iter().enumerate() {
        if headed {
            let gap = if index > 0 { "\n" } else { "" };
            let shown =
                if name.is_empty() || name == b"-" { "standard input".to_owned() } else { show(&name) };
            ctx.print(&format!("{gap}==> {shown} <==\n"));
        }
        // Where each unit begins.
        let starts: Vec<usize> = if by_bytes {
            Vec::new()
        } else {
            let mut all = vec![0];
            all.extend(bytes.iter().enumerate().filter(|(_, b)| **b == end).map(|(n, _)| n + 1));
            if all.last() == Some(&bytes.len()) {
                all.pop();
            }
            all
        };
        let units = if by_bytes { bytes.len() } else { starts.len() };
        let place = |n: usize| {
            if by_bytes { n.min(bytes.len()) } else { starts.get(n).copied().unwrap_or(bytes.len()) }
        };
        let (from, to) = match (tail, sign) {
            (true, Some('+')) => (place(count.saturating_sub(1)), bytes.len()),
            (true, _) => (place(units.saturating_sub(count)), bytes.len()),
            (false, Some('-')) => (0, place(units.saturating_sub(count))),
            (false, _) => (0, place(count)),
        };
        ctx.out.extend_from_slice(bytes.get(from..to).unwrap_or(&[]));
    }
    Ok(status)
}

const WC: Spec = Spec {
    shorts: "clLmw",
    longs: &[
        ("bytes", b'c'),
        ("chars", b'm'),
        ("lines", b'l'),
        ("words", b'w'),
        ("max-line-length", b'L'),
        ("files0-from=", 200),
    ],
};

fn wc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&WC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let any = parsed.given.iter().any(|(c, _)| *c < 128);
    let chosen = [b'l', b'w', b'm', b'c', b'L']
        .map(|c| if any { parsed.has(c) } else { matches!(c, b'l' | b'w' | b'c') });
    let mut rows: Vec<([usize; 5], Vec<u8>)> = Vec::new();
    let mut status = 0;
    let mut sizes = 0u64;
    let mut regular = true;
    let files = if parsed.rest.is_empty() { vec![Vec::new()] } else { parsed.rest.clone() };
    for file in &files {
        let read = if file.is_empty() { ctx.input().map(Ok)? } else { ctx.content(file)? };
        if !file.is_empty() && file != b"-" {
            let path = ctx.path(file);
            if let Ok(stat) = ctx.sh.vfs().stat(&ctx.sh.account.cred, &path) {
                regular &= stat.kind == crate::vfs::Kind::File;
                sizes += if stat.kind == crate::vfs::Kind::File { stat.size } else { 0 };
            }
        } else {
            regular = false;
        }
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(errno) => {
                status = ctx.fail(&format!("{}: {errno}", show(file)));
                if errno != crate::vfs::Errno::EISDIR {
                    continue;
                }
                Vec::new()
            }
        };
        let words = bytes.split(|b| b.is_ascii_whitespace() || *b == 11).filter(|w| !w.is_empty()).count();
        let newlines = bytes.iter().filter(|b| **b == b'\n').count();
        let characters = |part: &[u8]| part.iter().filter(|b| **b & 0xc0 != 0x80).count();
        let longest = bytes.split(|b| *b == b'\n').map(width).max().unwrap_or(0);
        rows.push(([newlines, words, characters(&bytes), bytes.len(), longest], file.clone()));
    }
    if files.len() > 1 {
        let mut sum = [0; 5];
        for (row, _) in &rows {
            for (n, (total, value)) in sum.iter_mut().zip(row).enumerate() {
                *total = if n == 4 { (*total).max(*value) } else { *total + value };
            }
        }
        rows.push((sum, b"total".to_vec()));
    }
    let one = chosen.iter().filter(|c| **c).count() == 1 && files.len() == 1;
    let width = if one {
        1
    } else if regular {
        sizes.to_string().len()
    } else {
        7
    };
    for (counts, name) in rows {
        let cells: Vec<String> =
            counts.iter().zip(&chosen).filter(|(_, c)| **c).map(|(n, _)| format!("{n:>width$}")).collect();
        let name = if name.is_empty() { String::new() } else { format!(" {}", show(&name)) };
        ctx.print(&format!("{}{name}\n", cells.join(" ")));
    }
    Ok(status)
}

/// Columns a line takes: tabs to the next eighth.
fn width(line: &[u8]) -> usize {
    line.iter().fold(0, |at, b| match b {
        b'\t' => at / 8 * 8 + 8,
        b if *b < 32 || b & 0xc0 == 0x80 => at,
        _ => at + 1,
    })
}

const NL: Spec = Spec {
    shorts: "b:d:f:h:i:l:n:ps:v:w:",
    longs: &[
        ("body-numbering=", b'b'),
        ("line-increment=", b'i'),
        ("number-format=", b'n'),
        ("number-separator=", b's'),
        ("starting-line-number=", b'v'),
        ("number-width=", b'w'),
    ],
};

fn nl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&NL, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let number = |code: u8, default: i64| {
        parsed.value(code).and_then(|v| show(v).parse::<i64>().ok()).unwrap_or(default)
    };
    let (mut n, step, wide) = (number(b'v', 1), number(b'i', 1), number(b'w', 6).clamp(1, 100) as usize);
    let style = parsed.value(b'b').unwrap_or(b"t").to_vec();
    if !matches!(style.first(), Some(b'a' | b't' | b'n' | b'p')) {
        let style = show(&style);
        ctx.fail(&format!("invalid body numbering style: ‘{style}’\nTry 'nl --help' for more information."));
        return Ok(1);
    }
    let separator = parsed.value(b's').map_or_else(|| "\t".to_owned(), show);
    let format = parsed.value(b'n').map_or_else(|| "rn".to_owned(), show);
    let (all, status) = contents(ctx, &parsed.rest)?;
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    for line in lines(&bytes) {
        let numbered = match style.first() {
            Some(b'a') => true,
            Some(b'n') => false,
            _ => !line.is_empty(),
        };
        if numbered {
            let cell = match format.as_str() {
                "ln" => format!("{n:<wide$}"),
                "rz" => format!("{n:0wide$}"),
                _ => format!("{n:>wide$}"),
            };
            ctx.print(&format!("{cell}{separator}"));
            n += step;
        } else {
            ctx.print(&" ".repeat(wide + separator.len()));
        }
        put(ctx, line);
    }
    Ok(status)
}

fn tac(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec { shorts: "brs:", longs: &[("separator=", b's'), ("before", b'b')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let by = parsed.value(b's').and_then(|v| v.first().copied()).unwrap_or(b'\n');
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (_, bytes) in all {
        let parts: Vec<&[u8]> = bytes.split_inclusive(|b| *b == by).collect();
        ctx.out.extend(parts.into_iter().rev().flatten());
    }
    Ok(status)
}

fn rev(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let files = ctx.args.clone();
    let (all, status) = contents(ctx, &files)?;
    for (_, bytes) in all {
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            let turned: String = show(body).chars().rev().collect();
            ctx.out.extend_from_slice(turned.as_bytes());
            if body.len() < line.len() {
                ctx.out.push(b'\n');
            }
        }
    }
    Ok(status)
}

const SPLIT: Spec = Spec {
    shorts: "0123456789a:b:C:del:n:t:ux",
    longs: &[
        ("bytes=", b'b'),
        ("lines=", b'l'),
        ("number=", b'n'),
        ("numeric-suffixes?", b'd'),
        ("suffix-length=", b'a'),
        ("additional-suffix=", 200),
        ("verbose", 201),
    ],
};

fn split(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&SPLIT, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let input: Vec<Vec<u8>> = parsed.rest.iter().take(1).cloned().collect();
    let bytes = match input.first().filter(|f| f.as_slice() != b"-") {
        None => ctx.input()?,
        Some(file) => match ctx.content(file)? {
            Ok(bytes) => bytes,
            Err(errno) => return Ok(ctx.fail(&format!("cannot open '{}' for reading: {errno}", show(file)))),
        },
    };
    let prefix = parsed.rest.get(1).cloned().unwrap_or_else(|| b"x".to_vec());
    let count =
        |code: u8| parsed.value(code).and_then(|v| size(&show(v))).and_then(|n| usize::try_from(n).ok());
    if let Some(count) = parsed.value(b'l').map(show) {
        match count.parse::<u64>() {
            Ok(0) => {
                let text = format!("invalid number of lines: ‘{count}’: Numerical result out of range");
                return Ok(ctx.fail(&text));
            }
            Err(_) if size(&count).is_none() => {
                return Ok(ctx.fail(&format!("invalid number of lines: ‘{count}’")));
            }
            _ => {}
        }
    }
    let digits: String =
        parsed.given.iter().filter(|(c, _)| c.is_ascii_digit()).map(|(c, _)| char::from(*c)).collect();
    let parts: Vec<Vec<u8>> = if let Some(n) = count(b'b') {
        bytes.chunks(n.max(1)).map(<[u8]>::to_vec).collect()
    } else if let Some(n) = count(b'n') {
        let each = bytes.len() / n.max(1);
        (0..n)
            .map(|k| {
                bytes
                    .get(k * each..if k + 1 == n { bytes.len() } else { (k + 1) * each })
                    .unwrap_or(&[])
                    .to_vec()
            })
            .take(676)
            .collect()
    } else {
        let n = count(b'l').or(digits.parse().ok()).unwrap_or(1000).max(1);
        let all: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        all.chunks(n).map(<[&[u8]]>::concat).collect()
    };
    let length = parsed.value(b'a').and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(2).clamp(1, 8);
    let (base, first) = if parsed.has(b'd') { (10u64, b'0') } else { (26, b'a') };
    let tail = parsed.value(200).unwrap_or(b"").to_vec();
    for (index, part) in parts.iter().enumerate() {
        let mut left = index as u64;
        let mut suffix = vec![first; length];
        for slot in suffix.iter_mut().rev() {
            *slot = first + (left % base) as u8;
            left /= base;
        }
        if left > 0 {
            return Ok(ctx.fail("output file suffixes exhausted"));
        }
        let name = [prefix.as_slice(), &suffix, &tail].concat();
        if parsed.has(201) {
            ctx.print(&format!("creating file '{}'\n", show(&name)));
        }
        if let Err(errno) = ctx.write_file(&name, part, false) {
            return Ok(ctx.fail(&format!("{}: {errno}", show(&name))));
        }
    }
    Ok(0)
}
