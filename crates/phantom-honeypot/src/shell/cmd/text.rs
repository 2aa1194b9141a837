//! Programs over text.

use sha2::{Digest, Sha256};

use super::registry::{Row, bin};
use super::{Ctx, Need, has_flag, show};

pub(super) const PROGRAMS: &[Row] = &[
    bin("head", "coreutils", 48_080, ends),
    bin("tail", "coreutils", 76_944, ends),
    bin("wc", "coreutils", 52_280, wc),
    bin("grep", "grep", 203_152, grep),
    bin("egrep", "grep", 41, grep),
    bin("sort", "coreutils", 118_456, sort),
    bin("uniq", "coreutils", 48_080, uniq),
    bin("cut", "coreutils", 48_112, cut),
    bin("base64", "coreutils", 48_016, base64),
    bin("sha256sum", "coreutils", 60_368, sha256sum),
    bin("seq", "coreutils", 60_336, seq),
];

/// A file's name, empty for the input, and its content.
type Named = (Vec<u8>, Vec<u8>);

/// The contents of the operands, or the input; failures are worded and skipped.
fn contents(ctx: &mut Ctx<'_>, files: &[Vec<u8>]) -> Result<(Vec<Named>, i32), Need> {
    let mut status = 0;
    let mut all = Vec::new();
    if files.is_empty() {
        all.push((Vec::new(), ctx.input()?));
    }
    for file in files {
        match ctx.content(file)? {
            Ok(bytes) => all.push((file.clone(), bytes)),
            Err(errno) => {
                let text = match ctx.name.as_str() {
                    "head" | "tail" => format!("cannot open '{}' for reading: {errno}", show(file)),
                    _ => format!("{}: {errno}", show(file)),
                };
                status = ctx.fail(&text);
            }
        }
    }
    Ok((all, status))
}

pub(super) fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    if all.last().is_some_and(|l| l.is_empty()) {
        all.pop();
    }
    all
}

fn put(ctx: &mut Ctx<'_>, line: &[u8]) {
    ctx.out.extend_from_slice(line);
    ctx.out.push(b'\n');
}

fn ends(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    // `-5` is an old way of saying `-n 5`.
    for arg in &mut ctx.args {
        if arg.len() > 1 && arg.starts_with(b"-") && arg.iter().skip(1).all(u8::is_ascii_digit) {
            arg.insert(1, b'n');
        }
    }
    let (flags, files) = ctx.options(b"nc");
    let value = |letter| flags.iter().find(|(l, _)| *l == letter).map(|(_, v)| show(v));
    let from_start = value(b'n').is_some_and(|v| v.starts_with('+'));
    let count = |v: Option<String>| v.and_then(|v| v.trim_start_matches(['-', '+']).parse::<usize>().ok());
    let (all, status) = contents(ctx, &files)?;
    let tail = ctx.name == "tail";
    let headed = all.len() > 1;
    for (index, (name, bytes)) in all.into_iter().enumerate() {
        if headed {
            let gap = if index > 0 { "\n" } else { "" };
            ctx.print(&format!("{gap}==> {} <==\n", show(&name)));
        }
        if let Some(n) = count(value(b'c')) {
            let part = if tail {
                bytes.get(bytes.len().saturating_sub(n)..)
            } else {
                bytes.get(..n.min(bytes.len()))
            };
            ctx.out.extend_from_slice(part.unwrap_or(&[]));
            continue;
        }
        let n = count(value(b'n')).unwrap_or(10);
        let all: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        let part = match (tail, from_start) {
            (true, true) => all.get(n.saturating_sub(1)..),
            (true, false) => all.get(all.len().saturating_sub(n)..),
            _ => all.get(..n.min(all.len())),
        };
        ctx.out.extend(part.unwrap_or(&[]).concat());
    }
    Ok(status)
}

fn wc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, files) = ctx.options(b"");
    let (all, status) = contents(ctx, &files)?;
    let mut rows: Vec<([usize; 3], Vec<u8>)> = all
        .into_iter()
        .map(|(name, b)| {
            let words = b.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).count();
            ([b.iter().filter(|b| **b == b'\n').count(), words, b.len()], name)
        })
        .collect();
    if rows.len() > 1 {
        let sum = rows.iter().fold([0; 3], |[a, b, c], ([x, y, z], _)| [a + x, b + y, c + z]);
        rows.push((sum, b"total".to_vec()));
    }
    let chosen: Vec<bool> =
        [b'l', b'w', b'c'].iter().map(|l| flags.is_empty() || has_flag(&flags, *l)).collect();
    let one = chosen.iter().filter(|c| **c).count() == 1 && rows.len() == 1;
    let largest = rows.iter().flat_map(|r| r.0).max().unwrap_or(0).to_string().len();
    let width = if one {
        1
    } else if files.is_empty() {
        7
    } else {
        largest
    };
    for (counts, name) in rows {
        let cells: Vec<String> =
            counts.iter().zip(&chosen).filter(|(_, c)| **c).map(|(n, _)| format!("{n:>width$}")).collect();
        let name = if name.is_empty() { String::new() } else { format!(" {}", show(&name)) };
        ctx.print(&format!("{}{name}\n", cells.join(" ")));
    }
    Ok(status)
}

/// A basic regular expression as an extended one: `\(` and `(` change places.
fn extended(basic: &str) -> String {
    let mut out = String::new();
    let mut chars = basic.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('(' | ')' | '{' | '}' | '|' | '+' | '?')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            '(' | ')' | '{' | '}' | '|' | '+' | '?' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn grep(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, mut rest) = ctx.options(b"eABCm");
    rest.retain(|a| !a.starts_with(b"--"));
    let flag = |letter| has_flag(&flags, letter);
    let pattern = match flags.iter().find(|(l, _)| *l == b'e') {
        Some((_, value)) => show(value),
        None if rest.is_empty() => {
            ctx.err.extend_from_slice(
                b"Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n",
            );
            return Ok(2);
        }
        None => show(&rest.remove(0)),
    };
    let text = if flag(b'F') {
        regex_lite::escape(&pattern)
    } else if flag(b'E') || ctx.name == "egrep" {
        pattern
    } else {
        extended(&pattern)
    };
    let text = if flag(b'w') { format!(r"\b(?:{text})\b") } else { text };
    // The size bounds the time: matching is linear in pattern times text.
    let Ok(regex) =
        regex_lite::RegexBuilder::new(&text).case_insensitive(flag(b'i')).size_limit(1 << 18).build()
    else {
        ctx.fail("Invalid regular expression");
        return Ok(2);
    };
    let (all, failed) = contents(ctx, &rest)?;
    let named = rest.len() > 1 && !flag(b'h');
    let mut found = false;
    for (name, bytes) in all {
        let mut count = 0;
        for (index, line) in lines(&bytes).into_iter().enumerate() {
            if regex.is_match(&show(line)) == flag(b'v') {
                continue;
            }
            found = true;
            count += 1;
            if flag(b'q') || flag(b'c') || flag(b'l') {
                continue;
            }
            if named {
                ctx.print(&format!("{}:", show(&name)));
            }
            if flag(b'n') {
                ctx.print(&format!("{}:", index + 1));
            }
            if flag(b'o') {
                for part in regex.find_iter(&show(line)) {
                    put(ctx, part.as_str().as_bytes());
                }
            } else {
                put(ctx, line);
            }
        }
        if flag(b'c') {
            let head = if named { format!("{}:", show(&name)) } else { String::new() };
            ctx.print(&format!("{head}{count}\n"));
        } else if flag(b'l') && count > 0 {
            put(ctx, &name);
        }
    }
    Ok(if failed != 0 { 2 } else { i32::from(!found) })
}

fn sort(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, files) = ctx.options(b"kto");
    let (all, status) = contents(ctx, &files)?;
    let bytes: Vec<u8> = all
        .into_iter()
        .flat_map(|(_, mut b)| {
            if !b.is_empty() && b.last() != Some(&b'\n') {
                b.push(b'\n');
            }
            b
        })
        .collect();
    let column = flags
        .iter()
        .find(|(l, _)| *l == b'k')
        .and_then(|(_, v)| show(v).split([',', 'n', 'r', '.']).next().and_then(|n| n.parse::<usize>().ok()));
    let by = flags.iter().find(|(l, _)| *l == b't').and_then(|(_, v)| v.first().copied());
    let key = |line: &[u8]| -> Vec<u8> {
        match (column, by) {
            (Some(n), Some(by)) => {
                line.split(|b| *b == by).skip(n.saturating_sub(1)).collect::<Vec<_>>().join(&by)
            }
            (Some(n), None) => line
                .split(u8::is_ascii_whitespace)
                .filter(|w| !w.is_empty())
                .skip(n.saturating_sub(1))
                .collect::<Vec<_>>()
                .join(&b' '),
            _ => line.to_vec(),
        }
    };
    let mut rows = lines(&bytes);
    let numeric = has_flag(&flags, b'n') || flags.iter().any(|(l, v)| *l == b'k' && v.contains(&b'n'));
    if numeric {
        let number = |line: &[u8]| {
            let text = show(&key(line));
            let end = text
                .trim_start()
                .find(|c: char| !c.is_ascii_digit() && c != '-')
                .unwrap_or(text.trim_start().len());
            text.trim_start().get(..end).and_then(|t| t.parse::<i64>().ok()).unwrap_or(0)
        };
        rows.sort_by_key(|line| (number(line), line.to_vec()));
    } else {
        rows.sort_by_key(|line| (key(line), line.to_vec()));
    }
    if has_flag(&flags, b'u') {
        rows.dedup();
    }
    if has_flag(&flags, b'r') {
        rows.reverse();
    }
    for row in rows {
        put(ctx, row);
    }
    Ok(status)
}

fn uniq(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, files) = ctx.options(b"");
    let (all, status) = contents(ctx, &files)?;
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    let rows = lines(&bytes);
    for run in rows.chunk_by(|a, b| a == b) {
        let Some(line) = run.first() else { continue };
        if has_flag(&flags, b'd') && run.len() < 2 {
            continue;
        }
        if has_flag(&flags, b'c') {
            ctx.print(&format!("{:7} ", run.len()));
        }
        put(ctx, line);
    }
    Ok(status)
}

fn cut(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, files) = ctx.options(b"dfc");
    let value = |letter| flags.iter().find(|(l, _)| *l == letter).map(|(_, v)| v.clone());
    let by = value(b'd').and_then(|v| v.first().copied()).unwrap_or(b'\t');
    let Some(list) = value(b'f').or_else(|| value(b'c')) else {
        return Ok(ctx.fail(
            "you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.",
        ));
    };
    let ranges: Vec<(usize, usize)> = show(&list)
        .split(',')
        .map(|part| match part.split_once('-') {
            Some((low, high)) => (low.parse().unwrap_or(1), high.parse().unwrap_or(usize::MAX)),
            None => (part.parse().unwrap_or(0), part.parse().unwrap_or(0)),
        })
        .collect();
    let wanted = |n: usize| ranges.iter().any(|(low, high)| (*low..=*high).contains(&n));
    let bytes_mode = value(b'f').is_none();
    let (all, status) = contents(ctx, &files)?;
    for (_, bytes) in all {
        for line in lines(&bytes) {
            if bytes_mode {
                let part: Vec<u8> =
                    line.iter().enumerate().filter(|(n, _)| wanted(n + 1)).map(|(_, b)| *b).collect();
                put(ctx, &part);
            } else if !line.contains(&by) {
                put(ctx, line);
            } else {
                let part: Vec<&[u8]> = line
                    .split(|b| *b == by)
                    .enumerate()
                    .filter(|(n, _)| wanted(n + 1))
                    .map(|(_, f)| f)
                    .collect();
                put(ctx, &part.join(&by));
            }
        }
    }
    Ok(status)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let decode = ctx.args.iter().any(|a| a == b"-d" || a == b"--decode" || a == b"-D");
    let (_, mut files) = ctx.options(b"w");
    files.retain(|a| !a.starts_with(b"--"));
    let (all, status) = contents(ctx, &files)?;
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    if decode {
        let (mut held, mut bits) = (0u32, 0);
        for byte in bytes.iter().filter(|b| !b.is_ascii_whitespace() && **b != b'=') {
            let Some(value) = DIGITS.iter().position(|d| d == byte) else {
                return Ok(ctx.fail("invalid input"));
            };
            held = held << 6 | u32::try_from(value).unwrap_or(0);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                ctx.out.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        return Ok(status);
    }
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let held = group.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for n in 0..4 {
            let digit = DIGITS.get((held >> (18 - 6 * n) & 63) as usize).copied().unwrap_or(b'A');
            text.push(if n <= group.len() { digit } else { b'=' });
        }
    }
    for line in text.chunks(76) {
        put(ctx, line);
    }
    Ok(status)
}

fn sha256sum(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, files) = ctx.options(b"");
    let (all, status) = contents(ctx, &files)?;
    for (name, bytes) in all {
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        ctx.print(&format!("{hash}  {}\n", if name.is_empty() { "-".to_owned() } else { show(&name) }));
    }
    Ok(status)
}

fn seq(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let numbers: Vec<i64> = ctx.args.iter().filter_map(|a| show(a).parse().ok()).collect();
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] if *step != 0 => (*first, *step, *last),
        _ => return Ok(ctx.fail("missing operand\nTry 'seq --help' for more information.")),
    };
    let mut n = first;
    for _ in 0..100_000 {
        if (step > 0 && n > last) || (step < 0 && n < last) {
            break;
        }
        ctx.print(&format!("{n}\n"));
        n = n.saturating_add(step);
    }
    Ok(0)
}
