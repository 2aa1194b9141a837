//! seq, factor, expr, shuf and yes of coreutils 9.1.

use super::awk::number_prefix;
use super::ctx::{Ctx, Need, show};
use super::float::{self, Conversion};
use super::getopt::Spec;
use super::regex::{Dialect, Flags, Regex};
use super::registry::{Row, bin};
use super::text::{contents, lines, put};
use crate::shell::io::{BUFFER, Desc};

pub(super) const PROGRAMS: &[Row] = &[
    bin("expr", "coreutils", 117_808, expr),
    bin("factor", "coreutils", 85_200, factor),
    bin("seq", "coreutils", 60_336, seq),
    bin("shuf", "coreutils", 60_400, shuf),
    bin("yes", "coreutils", 39_760, yes),
];

fn missing(ctx: &mut Ctx<'_>) -> i32 {
    let name = ctx.name.clone();
    ctx.fail(&format!("missing operand\nTry '{name} --help' for more information."))
}

fn seq(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const LONGS: &[(&str, u8)] = &[("equal-width", b'w'), ("format=", b'f'), ("separator=", b's')];
    // Negative numbers are no options.
    let mut args: Vec<Vec<u8>> = Vec::new();
    let mut operands: Vec<String> = Vec::new();
    let mut wants = false;
    for arg in &ctx.args {
        let negative = arg.len() > 1
            && arg.starts_with(b"-")
            && arg.get(1).is_some_and(|b| b.is_ascii_digit() || *b == b'.');
        if !wants && (negative || !arg.starts_with(b"-") || arg == b"-") {
            operands.push(show(arg));
            continue;
        }
        wants = !wants && matches!(arg.as_slice(), b"-f" | b"-s" | b"--format" | b"--separator");
        args.push(arg.clone());
    }
    ctx.args = args;
    let parsed = match ctx.getopt(&Spec { shorts: "f:s:w", longs: LONGS }, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if operands.is_empty() {
        return Ok(missing(ctx));
    }
    if let Some(extra) = operands.get(3) {
        return Ok(ctx.fail(&format!("extra operand ‘{extra}’\nTry 'seq --help' for more information.")));
    }
    let mut numbers = Vec::new();
    for text in &operands {
        let (value, length) = number_prefix(text.as_bytes());
        if length == 0 || length < text.len() {
            return Ok(ctx.fail(&format!(
                "invalid floating point argument: ‘{text}’\nTry 'seq --help' for more information."
            )));
        }
        numbers.push(value);
    }
    let decimals = |text: &String| text.split_once('.').map_or(0, |(_, d)| d.len());
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1.0, 1.0, *last),
        [first, last] => (*first, 1.0, *last),
        [first, step, last] => (*first, *step, *last),
        _ => return Ok(missing(ctx)),
    };
    if step == 0.0 {
        let shown = operands.get(1).cloned().unwrap_or_default();
        return Ok(ctx.fail(&format!(
            "invalid Zero increment value: ‘{shown}’\nTry 'seq --help' for more information."
        )));
    }
    let places = operands.iter().take(operands.len().max(2) - 1).map(decimals).max().unwrap_or(0);
    let places = if operands.len() == 1 { 0 } else { places };
    let separator = parsed.value(b's').unwrap_or(b"\n").to_vec();
    let plain = |value: f64| format!("{:.places$}", if value == 0.0 { 0.0 } else { value });
    let width = if parsed.has(b'w') { plain(first).len().max(plain(last).len()) } else { 0 };
    let format = parsed.value(b'f').map(show);
    let mut n = 0u64;
    loop {
        let value = first + step * n as f64;
        let slack = step.abs() * 1e-9;
        if (step > 0.0 && value > last + slack) || (step < 0.0 && value < last - slack) {
            break;
        }
        if ctx.out.len() > BUFFER {
            break;
        }
        if n > 0 {
            ctx.out.extend_from_slice(&separator);
        }
        let text = match &format {
            None => {
                let text = plain(value);
                let fill = "0".repeat(width.saturating_sub(text.len()));
                match text.strip_prefix('-') {
                    Some(rest) => format!("-{fill}{rest}"),
                    None => format!("{fill}{text}"),
                }
            }
            Some(format) => {
                let (head, rest) = format.split_once('%').unwrap_or((format, ""));
                let at = rest.find(|c: char| "eEfFgG".contains(c)).unwrap_or(rest.len());
                let Some(conversion) = Conversion::parse(rest.get(..at).unwrap_or("").as_bytes()) else {
                    return Ok(ctx.fail(&format!(
                        "format ‘{format}’ has unknown %{} directive",
                        rest.get(..1).unwrap_or("")
                    )));
                };
                let kind = rest.as_bytes().get(at).copied().unwrap_or(b'g');
                format!(
                    "{head}{}{}",
                    show(&float::format(&conversion, kind, value)),
                    rest.get(at + 1..).unwrap_or("")
                )
            }
        };
        ctx.print(&text);
        n += 1;
    }
    if n > 0 {
        ctx.out.push(b'\n');
    }
    Ok(0)
}

/// Prime factors, by trial up to what a moment allows; beyond, by Pollard's rho.
fn factors(mut n: u128) -> Vec<u128> {
    let mut all = Vec::new();
    let mut p = 2u128;
    while p * p <= n && p < 1 << 16 {
        while n.is_multiple_of(p) {
            all.push(p);
            n /= p;
        }
        p += if p == 2 { 1 } else { 2 };
    }
    let mut stack = vec![n];
    while let Some(n) = stack.pop() {
        if n == 1 {
            continue;
        }
        match if prime(n) { None } else { rho(n) } {
            Some(d) => stack.extend([d, n / d]),
            None => all.push(n),
        }
    }
    all.sort_unstable();
    all
}

fn multiply(a: u128, b: u128, m: u128) -> u128 {
    match a.checked_mul(b) {
        Some(product) => product % m,
        None => {
            let (mut a, mut b, mut sum) = (a, b, 0u128);
            while b > 0 {
                if b & 1 == 1 {
                    sum = (sum + a) % m;
                }
                a = (a << 1) % m;
                b >>= 1;
            }
            sum
        }
    }
}

fn power(mut base: u128, mut by: u128, m: u128) -> u128 {
    let mut result = 1;
    base %= m;
    while by > 0 {
        if by & 1 == 1 {
            result = multiply(result, base, m);
        }
        base = multiply(base, base, m);
        by >>= 1;
    }
    result
}

fn prime(n: u128) -> bool {
    if n < 2 || n.is_multiple_of(2) {
        return n == 2;
    }
    let s = (n - 1).trailing_zeros();
    let d = (n - 1) >> s;
    [2u128, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37].iter().all(|a| {
        if a % n == 0 {
            return true;
        }
        let mut x = power(*a, d, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        (1..s).any(|_| {
            x = multiply(x, x, n);
            x == n - 1
        })
    })
}

fn rho(n: u128) -> Option<u128> {
    let gcd = |mut a: u128, mut b: u128| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (1..20u128).find_map(|c| {
        let (mut x, mut y) = (2u128, 2u128);
        // 200,000 turns find factors of numbers up to 64 bits.
        for _ in 0..200_000 {
            x = (multiply(x, x, n) + c) % n;
            y = (multiply(y, y, n) + c) % n;
            y = (multiply(y, y, n) + c) % n;
            let d = gcd(x.abs_diff(y), n);
            if d == n {
                return None;
            }
            if d > 1 {
                return Some(d);
            }
        }
        None
    })
}

fn factor(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<Vec<u8>> = if ctx.args.is_empty() {
        let input = ctx.input()?;
        input
            .split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty())
            .take(1000)
            .map(<[u8]>::to_vec)
            .collect()
    } else {
        ctx.args.clone()
    };
    let mut status = 0;
    for word in words {
        let text = show(&word);
        // 64 bits: what needs more takes the real program long, too.
        match text.trim_start_matches('+').parse::<u64>() {
            Ok(n) => {
                let list: String = if n < 2 {
                    String::new()
                } else {
                    factors(u128::from(n)).iter().map(|f| format!(" {f}")).collect()
                };
                ctx.print(&format!("{n}:{list}\n"));
            }
            Err(_) => status = ctx.fail(&format!("‘{text}’ is not a valid positive integer")),
        }
    }
    Ok(status)
}

fn yes(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let line =
        if ctx.args.is_empty() { b"y\n".to_vec() } else { [ctx.args.join(&b' '), b"\n".to_vec()].concat() };
    // What reads a pipe reads no more than it holds; after that comes SIGPIPE.
    let piped = matches!(ctx.sh.fds.get(&1), Some(Desc::Pipe(_)));
    let room = if piped { BUFFER / 4 } else { BUFFER + 1 };
    ctx.out = line.repeat((room / line.len()).max(1));
    Ok(if piped { 141 } else { 137 })
}

fn shuf(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "ei:n:o:rz",
        longs: &[
            ("echo", b'e'),
            ("input-range=", b'i'),
            ("head-count=", b'n'),
            ("output=", b'o'),
            ("repeat", b'r'),
            ("random-source=", 200),
            ("zero-terminated", b'z'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(count) = parsed.value(b'n').map(show).filter(|count| count.parse::<usize>().is_err()) {
        return Ok(ctx.fail(&format!("invalid line count: ‘{count}’")));
    }
    if let Some(extra) = parsed.rest.get(1).filter(|_| !parsed.has(b'e')) {
        let text = format!("extra operand ‘{}’\nTry 'shuf --help' for more information.", show(extra));
        return Ok(ctx.fail(&text));
    }
    let mut rows: Vec<Vec<u8>> = if parsed.has(b'e') {
        parsed.rest.clone()
    } else if let Some(range) = parsed.value(b'i').map(show) {
        let bounds =
            range.split_once('-').and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
        match bounds {
            Some((low, high)) if low <= high => {
                (low..=high).take(100_000).map(|n| n.to_string().into_bytes()).collect()
            }
            Some(_) => return Ok(ctx.fail(&format!("invalid input range: ‘{range}’"))),
            None => {
                let first = range.split('-').next().unwrap_or("");
                return Ok(ctx.fail(&format!("invalid input range: ‘{first}’")));
            }
        }
    } else {
        let (all, status) = contents(ctx, &parsed.rest)?;
        if status != 0 {
            return Ok(status);
        }
        let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
        lines(&bytes).into_iter().map(<[u8]>::to_vec).collect()
    };
    let most = parsed.value(b'n').and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(rows.len());
    for at in (1..rows.len()).rev() {
        let other = ctx.sh.draw.unsigned(0, at as u64 + 1) as usize;
        rows.swap(at, other.min(at));
    }
    let end = if parsed.has(b'z') { 0 } else { b'\n' };
    let mut out = Vec::new();
    if parsed.has(b'r') {
        // Each anew from all of them.
        let most = if parsed.has(b'n') { most } else { 100_000 };
        for _ in 0..most.min(100_000) {
            let at = ctx.sh.draw.unsigned(0, rows.len().max(1) as u64) as usize;
            let Some(row) = rows.get(at.min(rows.len().saturating_sub(1))) else { break };
            out.extend_from_slice(row);
            out.push(end);
        }
    } else {
        for row in rows.into_iter().take(most) {
            out.extend_from_slice(&row);
            out.push(end);
        }
    }
    match parsed.value(b'o').map(<[u8]>::to_vec) {
        Some(name) => {
            if let Err(errno) = ctx.write_file(&name, &out, false) {
                return Ok(ctx.fail(&format!("{}: {errno}", show(&name))));
            }
        }
        None => ctx.out.extend(out),
    }
    Ok(0)
}

struct Expression<'a> {
    words: &'a [Vec<u8>],
    at: usize,
    depth: u32,
}

fn expr(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut args = ctx.args.clone();
    if args.first().is_some_and(|a| a == b"--") {
        args.remove(0);
    }
    if args.is_empty() {
        missing(ctx);
        return Ok(2);
    }
    let mut e = Expression { words: &args, at: 0, depth: 0 };
    let result = e.level(0).and_then(|value| match args.get(e.at) {
        None => Ok(value),
        Some(extra) => Err(format!("syntax error: unexpected argument ‘{}’", show(extra))),
    });
    match result {
        Ok(value) => {
            put(ctx, &value);
            Ok(i32::from(truth(&value)))
        }
        Err(why) => {
            ctx.fail(&why);
            Ok(2)
        }
    }
}

/// Whether a value is null or zero.
fn truth(value: &[u8]) -> bool {
    value.is_empty() || integer(value) == Some(0)
}

fn integer(value: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl Expression<'_> {
    fn peek(&self) -> Option<&[u8]> {
        self.words.get(self.at).map(Vec::as_slice)
    }

    fn level(&mut self, level: usize) -> Result<Vec<u8>, String> {
        const LEVELS: [&[&[u8]]; 6] = [
            &[b"|"],
            &[b"&"],
            &[b"<", b"<=", b"=", b"==", b"!=", b">=", b">"],
            &[b"+", b"-"],
            &[b"*", b"/", b"%"],
            &[b":"],
        ];
        let Some(ops) = LEVELS.get(level) else { return self.primary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = self.peek().filter(|w| ops.contains(w)).map(<[u8]>::to_vec) {
            self.at += 1;
            let right = self.level(level + 1)?;
            left = apply(&op, left, &right)?;
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Vec<u8>, String> {
        self.depth += 1;
        if self.depth > 200 {
            return Err("memory exhausted".to_owned());
        }
        let Some(word) = self.peek().map(<[u8]>::to_vec) else {
            let before =
                self.at.checked_sub(1).and_then(|n| self.words.get(n)).map(|w| show(w)).unwrap_or_default();
            return Err(format!("syntax error: missing argument after ‘{before}’"));
        };
        self.at += 1;
        let value = match word.as_slice() {
            b"(" => {
                let value = self.level(0)?;
                match self.peek() {
                    Some(b")") => self.at += 1,
                    Some(other) => {
                        return Err(format!("syntax error: expecting ')' instead of ‘{}’", show(other)));
                    }
                    None => {
                        let before = self.words.last().map(|w| show(w)).unwrap_or_default();
                        return Err(format!("syntax error: expecting ')' after ‘{before}’"));
                    }
                }
                value
            }
            b")" => return Err("syntax error: unexpected ')'".to_owned()),
            b"+" => self.peek().map(<[u8]>::to_vec).inspect(|_| self.at += 1).unwrap_or_default(),
            b"length" if self.peek().is_some() => {
                let value = self.primary()?;
                show(&value).chars().count().to_string().into_bytes()
            }
            b"match" if self.words.len() > self.at + 1 => {
                let (text, pattern) = (self.primary()?, self.primary()?);
                apply(b":", text, &pattern)?
            }
            b"index" if self.words.len() > self.at + 1 => {
                let (text, set) = (self.primary()?, self.primary()?);
                let at = text.iter().position(|b| set.contains(b)).map_or(0, |n| n + 1);
                at.to_string().into_bytes()
            }
            b"substr" if self.words.len() > self.at + 2 => {
                let text = self.primary()?;
                let (from, length) = (self.primary()?, self.primary()?);
                match (integer(&from), integer(&length)) {
                    (Some(from), Some(length)) if from > 0 && length > 0 => {
                        let from = usize::try_from(from).unwrap_or(usize::MAX) - 1;
                        let length = usize::try_from(length).unwrap_or(usize::MAX);
                        text.iter().skip(from).take(length).copied().collect()
                    }
                    _ => Vec::new(),
                }
            }
            _ => word,
        };
        self.depth -= 1;
        Ok(value)
    }
}

fn apply(op: &[u8], left: Vec<u8>, right: &[u8]) -> Result<Vec<u8>, String> {
    let flag = |yes: bool| Ok(if yes { b"1".to_vec() } else { b"0".to_vec() });
    match op {
        b"|" => {
            return Ok(if !truth(&left) {
                left
            } else if truth(right) {
                b"0".to_vec()
            } else {
                right.to_vec()
            });
        }
        b"&" => return Ok(if truth(&left) || truth(right) { b"0".to_vec() } else { left }),
        b":" => {
            let regex =
                Regex::new(right, Flags::of(Dialect::Basic { strict: false })).map_err(str::to_owned)?;
            let spans = regex.captures_at(&left, 0, &mut 1_000_000);
            let spans = spans.filter(|s| s.first().copied().flatten().is_some_and(|(from, _)| from == 0));
            return Ok(if regex.groups() > 0 {
                let span = spans.and_then(|s| s.get(1).copied().flatten());
                span.and_then(|(a, b)| left.get(a..b)).unwrap_or(&[]).to_vec()
            } else {
                let end = spans.and_then(|s| s.first().copied().flatten()).map_or(0, |(_, end)| end);
                end.to_string().into_bytes()
            });
        }
        _ => {}
    }
    let both = integer(&left).zip(integer(right));
    if matches!(op, b"<" | b"<=" | b"=" | b"==" | b"!=" | b">=" | b">") {
        let order = match both {
            Some((a, b)) => a.cmp(&b),
            None => left.as_slice().cmp(right),
        };
        return flag(match op {
            b"<" => order.is_lt(),
            b"<=" => order.is_le(),
            b">" => order.is_gt(),
            b">=" => order.is_ge(),
            b"!=" => order.is_ne(),
            _ => order.is_eq(),
        });
    }
    let Some((a, b)) = both else { return Err("non-integer argument".to_owned()) };
    let result = match op {
        b"+" => a.checked_add(b),
        b"-" => a.checked_sub(b),
        b"*" => a.checked_mul(b),
        _ if b == 0 => return Err("division by zero".to_owned()),
        b"/" => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    result.map(|n| n.to_string().into_bytes()).ok_or_else(|| "integer is too large".to_owned())
}
