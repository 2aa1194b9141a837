//! Programs over sorted lines: uniq(1), comm(1) and join(1) of coreutils 9.1.

use std::cmp::Ordering;

use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::{contents, lines, put};
use crate::shell::collate;

pub(super) const PROGRAMS: &[Row] = &[
    bin("comm", "coreutils", 44_016, comm),
    bin("join", "coreutils", 52_208, join),
    bin("uniq", "coreutils", 48_080, uniq),
];

const UNIQ: Spec = Spec {
    shorts: "0123456789cdDf:is:uw:z",
    longs: &[
        ("count", b'c'),
        ("repeated", b'd'),
        ("all-repeated?", b'D'),
        ("skip-fields=", b'f'),
        ("ignore-case", b'i'),
        ("skip-chars=", b's'),
        ("unique", b'u'),
        ("check-chars=", b'w'),
        ("zero-terminated", b'z'),
    ],
};

fn uniq(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&UNIQ, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(extra) = parsed.rest.get(2) {
        let text = format!("extra operand ‘{}’\nTry 'uniq --help' for more information.", show(extra));
        return Ok(ctx.fail(&text));
    }
    let input: Vec<Vec<u8>> = parsed.rest.iter().take(1).cloned().collect();
    let (all, status) = contents(ctx, &input)?;
    if status != 0 {
        return Ok(status);
    }
    let number = |code: u8| parsed.value(code).and_then(|v| show(v).parse::<usize>().ok());
    let (fields, chars, most) = (number(b'f').unwrap_or(0), number(b's').unwrap_or(0), number(b'w'));
    let (fold, count) = (parsed.has(b'i'), parsed.has(b'c'));
    let end = if parsed.has(b'z') { 0 } else { b'\n' };
    let part = |line: &[u8]| -> Vec<u8> {
        let mut rest = line;
        for _ in 0..fields {
            let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let word = rest.iter().skip(blanks).take_while(|b| !matches!(b, b' ' | b'\t')).count();
            rest = rest.get(blanks + word..).unwrap_or(&[]);
        }
        let rest = rest.get(chars..).unwrap_or(&[]);
        let rest = rest.get(..most.unwrap_or(rest.len()).min(rest.len())).unwrap_or(&[]);
        if fold { rest.to_ascii_lowercase() } else { rest.to_vec() }
    };
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    let mut rows: Vec<&[u8]> = bytes.split(|b| *b == end).collect();
    if rows.last().is_some_and(|l| l.is_empty()) {
        rows.pop();
    }
    let mut out = Vec::new();
    for run in rows.chunk_by(|a, b| part(a) == part(b)) {
        let Some(line) = run.first() else { continue };
        let repeated = run.len() > 1;
        if (parsed.has(b'd') && !repeated) || (parsed.has(b'u') && repeated) {
            continue;
        }
        if parsed.has(b'D') {
            for line in run.iter().filter(|_| repeated) {
                out.extend_from_slice(line);
                out.push(end);
            }
            continue;
        }
        if count {
            out.extend_from_slice(format!("{:7} ", run.len()).as_bytes());
        }
        out.extend_from_slice(line);
        out.push(end);
    }
    match parsed.rest.get(1) {
        Some(name) => {
            if let Err(errno) = ctx.write_file(name, &out, false) {
                return Ok(ctx.fail(&format!("{}: {errno}", show(name))));
            }
        }
        None => ctx.out = out,
    }
    Ok(0)
}

const COMM: Spec = Spec {
    shorts: "123z",
    longs: &[("check-order", 200), ("nocheck-order", 201), ("output-delimiter=", 202), ("total", 203)],
};

/// Two files' contents, or the status where one cannot be had.
type Two = Result<(Vec<u8>, Vec<u8>), i32>;

fn two(ctx: &mut Ctx<'_>, rest: &[Vec<u8>]) -> Result<Two, Need> {
    if rest.len() < 2 {
        let name = ctx.name.clone();
        let what = match rest.first() {
            None => "missing operand".to_owned(),
            Some(one) => format!("missing operand after ‘{}’", show(one)),
        };
        return Ok(Err(ctx.fail(&format!("{what}\nTry '{name} --help' for more information."))));
    }
    if let Some(extra) = rest.get(2) {
        let name = ctx.name.clone();
        return Ok(Err(
            ctx.fail(&format!("extra operand ‘{}’\nTry '{name} --help' for more information.", show(extra)))
        ));
    }
    let mut both = Vec::new();
    for file in rest {
        match ctx.content(file)? {
            Ok(bytes) => both.push(bytes),
            Err(errno) => return Ok(Err(ctx.fail(&format!("{}: {errno}", show(file))))),
        }
    }
    let second = both.pop().unwrap_or_default();
    Ok(Ok((both.pop().unwrap_or_default(), second)))
}

fn comm(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&COMM, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let (first, second) = match two(ctx, &parsed.rest)? {
        Ok(both) => both,
        Err(status) => return Ok(status),
    };
    let locale = collate::by_locale(ctx.sh);
    let tab = parsed.value(202).unwrap_or(b"\t").to_vec();
    let (mut a, mut b) = (lines(&first).into_iter().peekable(), lines(&second).into_iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return Ok(0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => collate::compare(x, y, locale),
        };
        let (line, column) = match order {
            Ordering::Less => (a.next(), 1),
            Ordering::Greater => (b.next(), 2),
            Ordering::Equal => {
                b.next();
                (a.next(), 3)
            }
        };
        if parsed.has(b'0' + column) {
            continue;
        }
        for before in 1..column {
            if !parsed.has(b'0' + before) {
                ctx.out.extend_from_slice(&tab);
            }
        }
        put(ctx, line.unwrap_or(b""));
    }
}

const JOIN: Spec = Spec {
    shorts: "a:e:i1:2:j:o:t:v:z",
    longs: &[("ignore-case", b'i'), ("header", 200), ("nocheck-order", 201)],
};

fn join(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&JOIN, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let (first, second) = match two(ctx, &parsed.rest)? {
        Ok(both) => both,
        Err(status) => return Ok(status),
    };
    let field = |code: u8| {
        let given = parsed.value(code).or(parsed.value(b'j'));
        given.and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(1).max(1)
    };
    let by = parsed.value(b't').and_then(|v| v.first().copied());
    let split = |line: &[u8]| -> Vec<Vec<u8>> {
        match by {
            Some(by) => line.split(|b| *b == by).map(<[u8]>::to_vec).collect(),
            None => line
                .split(|b| matches!(b, b' ' | b'\t'))
                .filter(|w| !w.is_empty())
                .map(<[u8]>::to_vec)
                .collect(),
        }
    };
    let (ka, kb) = (field(b'1'), field(b'2'));
    let a: Vec<_> = lines(&first).into_iter().map(split).collect();
    let b: Vec<_> = lines(&second).into_iter().map(split).collect();
    let empty = Vec::new();
    let key = |row: &Vec<Vec<u8>>, k: usize| row.get(k - 1).cloned().unwrap_or_default();
    let filler = parsed.value(b'e').unwrap_or(b"").to_vec();
    let list: Option<Vec<(usize, usize)>> = parsed.value(b'o').map(|text| {
        show(text)
            .split([',', ' '])
            .filter_map(|p| match p.split_once('.') {
                Some((f, n)) => Some((f.parse().ok()?, n.parse().ok()?)),
                None => Some((0, 0)),
            })
            .collect()
    });
    let only = parsed.value(b'v').map(show);
    let also: Vec<String> = parsed.given.iter().filter(|(c, _)| *c == b'a').map(|(_, v)| show(v)).collect();
    let sep = [by.unwrap_or(b' ')];
    let mut emit = |x: Option<&Vec<Vec<u8>>>, y: Option<&Vec<Vec<u8>>>| {
        let (rx, ry) = (x.unwrap_or(&empty), y.unwrap_or(&empty));
        let joined = x.map(|r| key(r, ka)).or(y.map(|r| key(r, kb))).unwrap_or_default();
        let cells: Vec<Vec<u8>> = match &list {
            Some(list) => list
                .iter()
                .map(|(f, n)| match (f, n.checked_sub(1)) {
                    (0, _) => joined.clone(),
                    (f, Some(n)) => {
                        (if *f == 1 { rx } else { ry }).get(n).cloned().unwrap_or_else(|| filler.clone())
                    }
                    _ => filler.clone(),
                })
                .collect(),
            None => {
                let others = |row: &[Vec<u8>], k: usize| -> Vec<Vec<u8>> {
                    row.iter().enumerate().filter(|(n, _)| n + 1 != k).map(|(_, c)| c.clone()).collect()
                };
                [vec![joined], others(rx, ka), others(ry, kb)].concat()
            }
        };
        put(ctx, &cells.join(&sep[..]));
    };
    let locale = false;
    let (mut i, mut j) = (0, 0);
    loop {
        let order = match (a.get(i), b.get(j)) {
            (None, None) => return Ok(0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => collate::compare(&key(x, ka), &key(y, kb), locale),
        };
        match order {
            Ordering::Less => {
                if only.as_deref() == Some("1") || also.iter().any(|f| f == "1") {
                    emit(a.get(i), None);
                }
                i += 1;
            }
            Ordering::Greater => {
                if only.as_deref() == Some("2") || also.iter().any(|f| f == "2") {
                    emit(None, b.get(j));
                }
                j += 1;
            }
            Ordering::Equal => {
                let same = a.get(i).map(|r| key(r, ka)).unwrap_or_default();
                let ends = |rows: &[Vec<Vec<u8>>], from: usize, k: usize| {
                    from + rows.iter().skip(from).take_while(|r| key(r, k) == same).count()
                };
                let (ei, ej) = (ends(&a, i, ka), ends(&b, j, kb));
                if only.is_none() && (ei - i).saturating_mul(ej - j) < 100_000 {
                    for x in a.get(i..ei).unwrap_or(&[]) {
                        for y in b.get(j..ej).unwrap_or(&[]) {
                            emit(Some(x), Some(y));
                        }
                    }
                }
                (i, j) = (ei, ej);
            }
        }
    }
}
