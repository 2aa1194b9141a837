//! sort(1) of coreutils 9.1.

use std::cmp::Ordering;

use super::awk::decimal;
use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::contents;
use crate::shell::collate;

pub(super) const PROGRAMS: &[Row] = &[bin("sort", "coreutils", 118_456, sort)];

#[derive(Debug, Clone, Copy, Default)]
struct Order {
    numeric: bool,
    general: bool,
    human: bool,
    month: bool,
    version: bool,
    reverse: bool,
    fold: bool,
    dictionary: bool,
    blanks: bool,
    random: bool,
}

impl Order {
    fn letter(&mut self, letter: u8) -> bool {
        match letter {
            b'n' => self.numeric = true,
            b'g' => self.general = true,
            b'h' => self.human = true,
            b'M' => self.month = true,
            b'V' => self.version = true,
            b'r' => self.reverse = true,
            b'f' => self.fold = true,
            b'd' | b'i' => self.dictionary = true,
            b'b' => self.blanks = true,
            b'R' => self.random = true,
            _ => return false,
        }
        true
    }

    fn is_plain(self) -> bool {
        !(self.numeric
            || self.general
            || self.human
            || self.month
            || self.version
            || self.reverse
            || self.fold
            || self.dictionary
            || self.blanks
            || self.random)
    }
}

#[derive(Debug, Clone)]
struct Key {
    from: (usize, usize),
    to: Option<(usize, usize)>,
    order: Order,
}

const SPEC: Spec = Spec {
    shorts: "bcCdfghik:mMno:rRsS:t:T:uVz",
    longs: &[
        ("ignore-leading-blanks", b'b'),
        ("check?", b'c'),
        ("compress-program=", 200),
        ("debug", 201),
        ("dictionary-order", b'd'),
        ("ignore-case", b'f'),
        ("files0-from=", 202),
        ("general-numeric-sort", b'g'),
        ("human-numeric-sort", b'h'),
        ("ignore-nonprinting", b'i'),
        ("key=", b'k'),
        ("merge", b'm'),
        ("month-sort", b'M'),
        ("numeric-sort", b'n'),
        ("version-sort", b'V'),
        ("random-sort", b'R'),
        ("random-source=", 203),
        ("sort=", 204),
        ("output=", b'o'),
        ("reverse", b'r'),
        ("stable", b's'),
        ("batch-size=", 205),
        ("buffer-size=", b'S'),
        ("field-separator=", b't'),
        ("temporary-directory=", b'T'),
        ("unique", b'u'),
        ("zero-terminated", b'z'),
        ("parallel=", 206),
    ],
};

fn key(text: &str, global: Order) -> Option<Key> {
    let position = |text: &str| -> Option<(usize, usize, Order, bool)> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let field = text.get(..digits)?.parse().ok()?;
        let mut rest = text.get(digits..)?;
        let mut character = 0;
        if let Some(tail) = rest.strip_prefix('.') {
            let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            character = tail.get(..digits)?.parse().ok()?;
            rest = tail.get(digits..)?;
        }
        let mut order = Order::default();
        for letter in rest.bytes() {
            if !order.letter(letter) {
                return None;
            }
        }
        Some((field, character, order, !rest.is_empty()))
    };
    let (first, second) = match text.split_once(',') {
        Some((first, second)) => (position(first)?, Some(position(second)?)),
        None => (position(text)?, None),
    };
    if first.0 == 0 {
        return None;
    }
    let own = first.3 || second.is_some_and(|s| s.3);
    let order = match second {
        Some(second) if !first.3 => second.2,
        _ => first.2,
    };
    Some(Key {
        from: (first.0, first.1.max(1)),
        to: second.map(|s| (s.0, s.1)),
        order: if own { order } else { global },
    })
}

impl Key {
    fn part<'a>(&self, line: &'a [u8], separator: Option<u8>) -> &'a [u8] {
        let field = |number: usize| -> (usize, usize) {
            let mut start = 0;
            for n in 1..=number {
                let rest = line.get(start..).unwrap_or(&[]);
                let end = match separator {
                    Some(by) => rest.iter().position(|b| *b == by),
                    // Blanks before a field are its own.
                    None => {
                        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                        rest.iter().skip(blanks).position(|b| matches!(b, b' ' | b'\t')).map(|n| n + blanks)
                    }
                };
                let end = end.map_or(line.len(), |e| start + e);
                if n == number {
                    return (start, end);
                }
                start = (end + usize::from(separator.is_some())).min(line.len());
                if end == line.len() {
                    return (line.len(), line.len());
                }
            }
            (start, line.len())
        };
        let (mut start, _) = field(self.from.0);
        if self.order.blanks {
            start += line.iter().skip(start).take_while(|b| matches!(b, b' ' | b'\t')).count();
        }
        let start = (start + self.from.1 - 1).min(line.len());
        let end = match self.to {
            None => line.len(),
            Some((number, 0)) => field(number).1,
            Some((number, character)) => (field(number).0 + character).min(line.len()),
        };
        line.get(start..end.max(start)).unwrap_or(&[])
    }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    text.get(blanks..).unwrap_or(&[])
}

/// The number at the start, its sign apart from its value.
fn number(text: &[u8]) -> f64 {
    let text = skip_blanks(text);
    let (negative, rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let (value, _) = decimal(rest.get(..digits).unwrap_or(&[]));
    if negative { -value } else { value }
}

fn human(text: &[u8]) -> (i32, f64) {
    let text = skip_blanks(text);
    let value = number(text);
    let rest = text.iter().find(|b| !(b.is_ascii_digit() || b"-.".contains(b)));
    let power = rest.and_then(|b| b"KMGTPEZY".iter().position(|u| *u == b.to_ascii_uppercase()));
    let power = power.map_or(0, |p| p as i32 + 1);
    if value == 0.0 {
        (0, 0.0)
    } else if value < 0.0 {
        (-power, value)
    } else {
        (power, value)
    }
}

fn month(text: &[u8]) -> usize {
    const NAMES: [&[u8]; 12] =
        [b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC"];
    let head: Vec<u8> = skip_blanks(text).iter().take(3).map(u8::to_ascii_uppercase).collect();
    NAMES.iter().position(|n| *n == head.as_slice()).map_or(0, |n| n + 1)
}

/// Digits compare as numbers, the rest by bytes with letters before other characters and `~` before all.
pub(super) fn versions(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    loop {
        loop {
            let (x, y) = (a.first(), b.first());
            let done = |c: Option<&u8>| c.is_none_or(u8::is_ascii_digit);
            if done(x) && done(y) {
                break;
            }
            match weight(x).cmp(&weight(y)) {
                Ordering::Equal => {}
                other => return other,
            }
            a = a.get(1..).unwrap_or(&[]);
            b = b.get(1..).unwrap_or(&[]);
        }
        let take = |text: &mut &[u8]| -> Vec<u8> {
            let digits = text.iter().take_while(|c| c.is_ascii_digit()).count();
            let (head, tail) = text.split_at_checked(digits).unwrap_or((text, b""));
            *text = tail;
            head.iter().skip_while(|c| **c == b'0').copied().collect()
        };
        let (x, y) = (take(&mut a), take(&mut b));
        match x.len().cmp(&y.len()).then(x.cmp(&y)) {
            Ordering::Equal if a.is_empty() && b.is_empty() => return Ordering::Equal,
            Ordering::Equal => {}
            other => return other,
        }
    }
}

fn compare(a: &[u8], b: &[u8], order: Order, locale: bool) -> Ordering {
    let result = if order.numeric {
        number(a).total_cmp(&number(b))
    } else if order.general {
        let value = |t: &[u8]| {
            let t = skip_blanks(t);
            let (v, length) = super::awk::number_prefix(t);
            (length > 0, v)
        };
        let (x, y) = (value(a), value(b));
        x.0.cmp(&y.0).then(x.1.total_cmp(&y.1))
    } else if order.human {
        let (x, y) = (human(a), human(b));
        x.0.cmp(&y.0).then(x.1.total_cmp(&y.1))
    } else if order.month {
        month(a).cmp(&month(b))
    } else if order.version {
        versions(a, b)
    } else {
        let clean = |text: &[u8]| -> Vec<u8> {
            text.iter()
                .filter(|c| !order.dictionary || c.is_ascii_alphanumeric() || matches!(c, b' ' | b'\t'))
                .map(|c| if order.fold { c.to_ascii_uppercase() } else { *c })
                .collect()
        };
        if order.dictionary || order.fold {
            collate::compare(&clean(a), &clean(b), locale)
        } else {
            collate::compare(a, b, locale)
        }
    };
    if order.reverse { result.reverse() } else { result }
}

fn sort(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&SPEC, 2) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let mut global = Order::default();
    for (code, _) in &parsed.given {
        global.letter(*code);
    }
    match parsed.value(204).map(show).as_deref() {
        Some("numeric") => global.numeric = true,
        Some("general-numeric") => global.general = true,
        Some("human-numeric") => global.human = true,
        Some("version") => global.version = true,
        Some("month") => global.month = true,
        _ => {}
    }
    let mut keys = Vec::new();
    for (_, text) in parsed.given.iter().filter(|(c, _)| *c == b'k') {
        match key(&show(text), global) {
            Some(key) => keys.push(key),
            None => {
                let text = show(text);
                let what = if text.starts_with('0') {
                    format!("-: invalid field specification ‘{text}’")
                } else if text.chars().next().is_some_and(|c| c.is_ascii_digit()) {
                    format!("stray character in field spec: invalid field specification ‘{text}’")
                } else {
                    format!("invalid number at field start: invalid count at start of ‘{text}’")
                };
                let what = what.replace("-: ", "field number is zero: ");
                ctx.fail(&what);
                return Ok(2);
            }
        }
    }
    let separator = match parsed.value(b't') {
        None => None,
        Some(b"\\0") => Some(0),
        Some([one]) => Some(*one),
        Some([]) => {
            ctx.fail("empty tab");
            return Ok(2);
        }
        Some(many) => {
            ctx.fail(&format!("multi-character tab ‘{}’", show(many)));
            return Ok(2);
        }
    };
    let (all, status) = contents(ctx, &parsed.rest)?;
    if status != 0 {
        return Ok(2);
    }
    let end = if parsed.has(b'z') { 0 } else { b'\n' };
    let locale = collate::by_locale(ctx.sh);
    let bytes: Vec<u8> = all
        .into_iter()
        .flat_map(|(_, mut b)| {
            if !b.is_empty() && b.last() != Some(&end) {
                b.push(end);
            }
            b
        })
        .collect();
    let mut rows: Vec<&[u8]> = bytes.split(|b| *b == end).collect();
    rows.pop();
    let by_keys = |a: &&[u8], b: &&[u8]| -> Ordering {
        if keys.is_empty() {
            return compare(a, b, global, locale);
        }
        for key in &keys {
            let result = compare(key.part(a, separator), key.part(b, separator), key.order, locale);
            if result != Ordering::Equal {
                return result;
            }
        }
        Ordering::Equal
    };
    let unique = parsed.has(b'u');
    let last_resort = !parsed.has(b's') && !unique && (!keys.is_empty() || !global.is_plain());
    let full = |a: &&[u8], b: &&[u8]| {
        by_keys(a, b).then_with(|| {
            if !last_resort {
                return Ordering::Equal;
            }
            let result = collate::compare(a, b, locale);
            if global.reverse { result.reverse() } else { result }
        })
    };
    if parsed.has(b'c') || parsed.has(b'C') {
        let wrong = rows.windows(2).position(|w| match w {
            [a, b] => match full(a, b) {
                Ordering::Greater => true,
                Ordering::Equal => unique,
                Ordering::Less => false,
            },
            _ => false,
        });
        if let Some(at) = wrong {
            let name = parsed.rest.first().map_or_else(|| "-".to_owned(), |f| show(f));
            let line = rows.get(at + 1).map(|l| show(l)).unwrap_or_default();
            if parsed.has(b'c') && parsed.value(b'c') != Some(b"quiet") {
                ctx.fail(&format!("{name}:{}: disorder: {line}", at + 2));
            }
            return Ok(1);
        }
        return Ok(0);
    }
    if parsed.has(b'R') || keys.iter().any(|k| k.order.random) {
        let mut draw = ctx.sh.draw.clone();
        let seed = draw.unsigned(1, u64::MAX >> 1);
        let hash =
            |line: &[u8]| line.iter().fold(seed, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        rows.sort_by_key(|line| hash(line));
    } else {
        rows.sort_by(full);
    }
    if unique {
        rows.dedup_by(|b, a| by_keys(a, b) == Ordering::Equal);
    }
    let mut out = Vec::with_capacity(bytes.len());
    for row in rows {
        out.extend_from_slice(row);
        out.push(end);
    }
    match parsed.value(b'o') {
        None => ctx.out = out,
        Some(name) => {
            if let Err(errno) = ctx.write_file(name, &out, false) {
                ctx.fail(&format!("open failed: {}: {errno}", show(name)));
                return Ok(2);
            }
        }
    }
    Ok(0)
}
