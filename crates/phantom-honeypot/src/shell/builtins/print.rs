//! echo, printf and their escapes.

use super::quoting::backslashed;
use super::{dash_ends, text_of};
use crate::shell::io::Stop;
use crate::shell::{Shell, arith, facts};

/// Backslash escapes of `echo -e`, `printf` and `$'...'`; the flag says that `\c` ended the output.
pub(in crate::shell) fn unescape(text: &[u8]) -> (Vec<u8>, bool) {
    unescape_by(text, false)
}

/// As `echo` has them: numbers begin with a zero, and quotes need no backslash.
fn unescape_by(text: &[u8], echo: bool) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let digits = |at: usize, most: usize, radix: u32| {
        let count = text.iter().skip(at).take(most).take_while(|b| char::from(**b).is_digit(radix)).count();
        let value = text
            .iter()
            .skip(at)
            .take(count)
            .fold(0u32, |n, b| n * radix + char::from(*b).to_digit(radix).unwrap_or(0));
        (value as u8, count)
    };
    while let Some(byte) = text.get(at) {
        at += 1;
        let (b'\\', Some(escape)) = (*byte, text.get(at)) else {
            out.push(*byte);
            continue;
        };
        at += 1;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'e' | b'E' => out.push(27),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'c' => return (out, true),
            b'x' => match digits(at, 2, 16) {
                (_, 0) => out.extend_from_slice(b"\\x"),
                (value, count) => {
                    out.push(value);
                    at += count;
                }
            },
            b'u' | b'U' => {
                let most = if *escape == b'u' { 4 } else { 8 };
                let count = text.iter().skip(at).take(most).take_while(|b| b.is_ascii_hexdigit()).count();
                let value = text.iter().skip(at).take(count).fold(0u32, |n, b| {
                    n.wrapping_mul(16).wrapping_add(char::from(*b).to_digit(16).unwrap_or(0))
                });
                match char::from_u32(value).filter(|_| count > 0) {
                    Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => out.extend_from_slice(&[b'\\', *escape]),
                }
                at += count;
            }
            b'0'..=b'7' if *escape == b'0' || !echo => {
                let from = if *escape == b'0' { at } else { at - 1 };
                let (value, count) = digits(from, 3, 8);
                out.push(value);
                at = from + count;
            }
            b'\\' => out.push(*escape),
            b'\'' | b'"' if !echo => out.push(*escape),
            other => out.extend_from_slice(&[b'\\', *other]),
        }
    }
    (out, false)
}

/// `$'...'`: as [`unescape`], with `\\'`, `\\cX` and no early end.
pub(in crate::shell) fn ansi(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        match (byte, next) {
            (b'\\', Some(b'c')) => {
                out.extend(text.get(at + 2).map(|b| b.to_ascii_uppercase() ^ 64));
                at += 3;
            }
            (b'\\', Some(b'0'..=b'7')) => {
                let digits: Vec<u8> = text
                    .iter()
                    .skip(at + 1)
                    .take(3)
                    .copied()
                    .take_while(|b| (b'0'..=b'7').contains(b))
                    .collect();
                out.push(digits.iter().fold(0u32, |n, b| n * 8 + u32::from(b - b'0')) as u8);
                at += 1 + digits.len();
            }
            (b'\\', Some(quote @ (b'"' | b'?'))) => {
                out.push(quote);
                at += 2;
            }
            (b'\\', Some(_)) => {
                let length = match next {
                    Some(b'x') => 4,
                    Some(b'u') => 6,
                    Some(b'U') => 10,
                    _ => 2,
                };
                let hex =
                    text.iter().skip(at + 2).take(length - 2).take_while(|b| b.is_ascii_hexdigit()).count();
                let end = if length > 2 { at + 2 + hex } else { at + 2 };
                out.extend(unescape(text.get(at..end).unwrap_or(&[])).0);
                at = end;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// `$'...'` of a value.
pub(super) fn ansi_quote(word: &[u8]) -> Vec<u8> {
    let mut out = b"$'".to_vec();
    for byte in word {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            7 => out.extend_from_slice(b"\\a"),
            8 => out.extend_from_slice(b"\\b"),
            27 => out.extend_from_slice(b"\\E"),
            12 => out.extend_from_slice(b"\\f"),
            11 => out.extend_from_slice(b"\\v"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            32..=126 => out.push(*byte),
            other => out.extend_from_slice(format!("\\{other:03o}").as_bytes()),
        }
    }
    out.push(b'\'');
    out
}

pub(super) fn echo(args: &[Vec<u8>], dash: bool) -> Vec<u8> {
    let known: &[u8] = if dash { b"n" } else { b"neE" };
    let flags = args
        .iter()
        .take_while(|a| a.len() > 1 && a.starts_with(b"-") && a.iter().skip(1).all(|b| known.contains(b)));
    let count = flags.clone().count();
    let letters: Vec<u8> = flags.flatten().copied().collect();
    let text = args.get(count..).unwrap_or(&[]).join(&b' ');
    let last = letters.iter().rev().find(|l| b"eE".contains(l));
    let (mut out, stop) = if last == Some(&b'e') || dash { unescape_by(&text, true) } else { (text, false) };
    if !letters.contains(&b'n') && !stop {
        out.push(b'\n');
    }
    out
}

/// What one `%` asks for.
struct Spec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn text(&self, body: &[u8]) -> Vec<u8> {
        let body = body.get(..self.precision.unwrap_or(body.len()).min(body.len())).unwrap_or(body);
        self.pad(body, b' ')
    }

    fn pad(&self, body: &[u8], fill: u8) -> Vec<u8> {
        let missing = self.width.saturating_sub(body.len());
        let pad = vec![fill; missing];
        if self.left { [body, &vec![b' '; missing]].concat() } else { [pad.as_slice(), body].concat() }
    }

    fn number(&self, sign: &str, prefix: &str, digits: &str) -> Vec<u8> {
        let mut digits = digits.to_owned();
        if let Some(precision) = self.precision {
            digits = "0".repeat(precision.saturating_sub(digits.len())) + &digits;
        }
        let head = format!("{sign}{prefix}");
        if self.zero && !self.left && self.precision.is_none() {
            digits = "0".repeat(self.width.saturating_sub(head.len() + digits.len())) + &digits;
        }
        self.pad(format!("{head}{digits}").as_bytes(), b' ')
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }
}

/// Bytes one printf may make of its fields' widths.
const WIDEST: usize = 65_536;

pub(super) fn printf(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut args = args;
    let mut into = None;
    const USAGE: &str = "printf [-v var] format [arguments]";
    if sh.bash && args.first().is_some_and(|a| a == b"-v") {
        let Some(name) = args.get(1).cloned() else {
            sh.complain("printf: -v: option requires an argument")?;
            sh.write(2, format!("printf: usage: {USAGE}\n").as_bytes())?;
            return Ok(2);
        };
        let base = name.split(|b| *b == b'[').next().unwrap_or(&[]);
        if !crate::shell::vars::is_name(base) {
            sh.complain(&format!("printf: `{}': not a valid identifier", text_of(&name)))?;
            return Ok(2);
        }
        into = Some(name);
        args = args.get(2..).unwrap_or(&[]);
    }
    match args.first().map(Vec::as_slice) {
        Some(b"--") => args = args.get(1..).unwrap_or(&[]),
        Some(option) if sh.bash && super::is_option(option) => {
            let option = text_of(option.get(..2).unwrap_or(option));
            return super::bad_option(sh, "printf", &option, USAGE);
        }
        _ => {}
    }
    let Some((format, values)) = args.split_first() else {
        if !sh.bash {
            sh.complain("printf: usage: printf format [arg ...]")?;
            return dash_ends(sh);
        }
        sh.write(2, b"printf: usage: printf [-v var] format [arguments]\n")?;
        return Ok(2);
    };
    let mut values = values.iter();
    let mut out = Vec::new();
    let mut status = 0;
    loop {
        let before = values.len();
        let ended = pass(sh, format, &mut values, &mut out, &mut status)?;
        sh.io.step(1 + out.len() as u64 / 4096)?;
        if ended || values.len() == 0 || values.len() == before || out.len() > crate::shell::io::BUFFER {
            break;
        }
    }
    match into {
        Some(name) => match name.iter().position(|b| *b == b'[').filter(|_| name.ends_with(b"]")) {
            Some(at) => {
                let (base, key) = name.split_at_checked(at).unwrap_or((&name, b""));
                let key = key.get(1..key.len().saturating_sub(1)).unwrap_or(&[]).to_vec();
                let keyed = sh.is_keyed(base);
                sh.set_item(base, &key, &out, keyed);
            }
            None => sh.assign(&name, &out)?,
        },
        None => sh.write(1, &out)?,
    }
    Ok(status)
}

/// The format once; `true`: nothing is printed after this.
fn pass(
    sh: &mut Shell,
    format: &[u8],
    values: &mut std::slice::Iter<'_, Vec<u8>>,
    out: &mut Vec<u8>,
    status: &mut i32,
) -> Result<bool, Stop> {
    let mut at = 0;
    while let Some(byte) = format.get(at) {
        at += 1;
        if *byte == b'\\' {
            let digits = format.iter().skip(at).take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let length = match format.get(at) {
                Some(b'x') => {
                    1 + format.iter().skip(at + 1).take(2).take_while(|b| b.is_ascii_hexdigit()).count()
                }
                Some(b'u') => {
                    1 + format.iter().skip(at + 1).take(4).take_while(|b| b.is_ascii_hexdigit()).count()
                }
                Some(b'U') => {
                    1 + format.iter().skip(at + 1).take(8).take_while(|b| b.is_ascii_hexdigit()).count()
                }
                // Only `%b` and dash know an early end.
                Some(b'c') if sh.bash => {
                    out.push(b'\\');
                    continue;
                }
                _ => digits.max(1),
            };
            let (text, stop) = unescape(format.get(at - 1..(at + length).min(format.len())).unwrap_or(&[]));
            out.extend(text);
            if stop {
                return Ok(true);
            }
            at += length;
            continue;
        }
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let start = at - 1;
        let mut spec = Spec {
            left: false,
            zero: false,
            plus: false,
            space: false,
            sharp: false,
            width: 0,
            precision: None,
        };
        while let Some(flag) = format.get(at) {
            match flag {
                b'-' => spec.left = true,
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.sharp = true,
                _ => break,
            }
            at += 1;
        }
        let mut size = |at: &mut usize| -> i64 {
            if format.get(*at) == Some(&b'*') {
                *at += 1;
                return values.next().and_then(|v| arith::decimal(v)).unwrap_or(0);
            }
            let digits = format.iter().skip(*at).take_while(|b| b.is_ascii_digit()).count();
            let text = format.get(*at..*at + digits).unwrap_or(&[]);
            *at += digits;
            arith::decimal(text).unwrap_or(0)
        };
        let width = size(&mut at);
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(WIDEST);
        if format.get(at) == Some(&b'.') {
            at += 1;
            spec.precision = usize::try_from(size(&mut at)).ok().map(|n| n.min(WIDEST));
        }
        let mut when = None;
        if format.get(at) == Some(&b'(') {
            let rest = format.get(at + 1..).unwrap_or(&[]);
            if let Some(end) = rest.iter().position(|b| *b == b')') {
                when = Some(text_of(rest.get(..end).unwrap_or(&[])));
                at += end + 2;
            }
        }
        while format.get(at).is_some_and(|b| b"hlLqjzt".contains(b)) && format.get(at) != Some(&b'q') {
            at += 1;
        }
        let kind = format.get(at).copied().unwrap_or(0);
        at += 1;
        if kind == b'%' {
            out.push(b'%');
            continue;
        }
        if !b"diouxXcsbqQeEfFgGaAT".contains(&kind) || (!sh.bash && b"qQT".contains(&kind)) {
            let text = text_of(format.get(start..at.min(format.len())).unwrap_or(&[]));
            let text = if kind == 0 { "%".to_owned() } else { text };
            let said = if kind == 0 || b"z".contains(&kind) {
                "missing format character"
            } else {
                "invalid format character"
            };
            let said = match (sh.bash, kind) {
                (false, _) => format!("printf: {text}: invalid directive"),
                (true, 0) => format!(
                    "printf: `{}': missing format character",
                    text_of(format.get(start..).unwrap_or(&[]))
                ),
                (true, other) if said.starts_with("invalid") => {
                    format!("printf: `{}': {said}", char::from(other))
                }
                _ => format!("printf: `{text}': {said}"),
            };
            sh.complain(&said)?;
            *status = if sh.bash { 1 } else { 2 };
            return Ok(true);
        }
        let value = values.next().cloned();
        let given = value.is_some();
        let value = value.unwrap_or_default();
        match kind {
            b's' => out.extend(spec.text(&value)),
            b'c' => out.extend(spec.text(value.get(..1).unwrap_or(&[]))),
            b'q' | b'Q' => out.extend(spec.text(&backslashed(&value))),
            b'b' => {
                let (text, stop) = unescape(&value);
                out.extend(spec.text(&text));
                if stop {
                    return Ok(true);
                }
            }
            b'T' => {
                let seconds = arith::decimal(&value).filter(|n| *n >= 0 && given);
                let at = seconds
                    .map_or_else(|| sh.io.now(), |n| phantom_core::from_micros(n.saturating_mul(1_000_000)));
                let format = when.filter(|w| !w.is_empty()).unwrap_or_else(|| "%H:%M:%S".to_owned());
                out.extend(spec.text(facts::strftime(at, &format).as_bytes()));
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
                let text = text_of(&value);
                let number = match text.trim().parse::<f64>() {
                    Ok(number) => number,
                    Err(_) if text.is_empty() => 0.0,
                    Err(_) => {
                        let digits = text
                            .trim()
                            .bytes()
                            .take_while(|b| b.is_ascii_digit() || *b == b'.' || *b == b'-')
                            .count();
                        sh.complain(&format!("printf: {text}: invalid number"))?;
                        *status = 1;
                        text.trim().get(..digits).and_then(|t| t.parse().ok()).unwrap_or(0.0)
                    }
                };
                let digits = real(number.abs(), kind, spec.precision);
                let sign = spec.sign(number.is_sign_negative());
                spec.precision = None;
                out.extend(spec.number(sign, "", &digits));
            }
            _ => {
                let number = integer(sh, &value, status)?;
                let (sign, prefix, digits) = match kind {
                    b'd' | b'i' => (spec.sign(number < 0), "", number.unsigned_abs().to_string()),
                    b'u' => ("", "", (number as u64).to_string()),
                    b'o' => ("", if spec.sharp { "0" } else { "" }, format!("{number:o}")),
                    b'x' => ("", if spec.sharp && number != 0 { "0x" } else { "" }, format!("{number:x}")),
                    _ => ("", if spec.sharp && number != 0 { "0X" } else { "" }, format!("{number:X}")),
                };
                out.extend(spec.number(sign, prefix, &digits));
            }
        }
    }
    Ok(false)
}

/// The number an argument stands for; what is wrong with it is said.
fn integer(sh: &mut Shell, value: &[u8], status: &mut i32) -> Result<i64, Stop> {
    if let Some((b'\'' | b'"', rest)) = value.split_first() {
        let first = std::str::from_utf8(rest).ok().and_then(|s| s.chars().next());
        return Ok(first.map_or(0, |c| i64::from(u32::from(c))));
    }
    if value.is_empty() {
        return Ok(0);
    }
    let text = text_of(value);
    let digits = text.trim_start().trim_start_matches(['+', '-']);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') {
        // strtoimax(3) stops at what it can tell.
        return match text.trim_start().parse::<i64>() {
            Ok(number) => Ok(number),
            Err(_) => {
                let what = if sh.bash { format!("warning: {text}: ") } else { format!("{text}: ") };
                sh.complain(&format!("printf: {what}Numerical result out of range"))?;
                Ok(if text.trim_start().starts_with('-') { i64::MIN } else { i64::MAX })
            }
        };
    }
    if let Some(number) = arith::number(value).filter(|_| !value.contains(&b'#')) {
        return Ok(number);
    }
    let text = text_of(value);
    let digits = text
        .trim_start()
        .bytes()
        .enumerate()
        .take_while(|(n, b)| b.is_ascii_digit() || (*n == 0 && b"+-".contains(b)))
        .count();
    let head = text.trim_start().get(..digits).unwrap_or("").to_owned();
    let what = match (sh.bash, head.is_empty()) {
        (true, _) => "invalid number",
        (false, true) => "expected numeric value",
        (false, false) => "not completely converted",
    };
    sh.complain(&format!("printf: {text}: {what}"))?;
    *status = 1;
    Ok(arith::number(head.as_bytes()).unwrap_or(0))
}

/// A real number without its sign, as C's `%f`, `%e` and `%g` have it.
fn real(number: f64, kind: u8, precision: Option<usize>) -> String {
    let places = precision.unwrap_or(6).min(60);
    let scientific = |places: usize| {
        let text = format!("{number:.places$e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(e) => ('-', e),
            None => ('+', exponent),
        };
        format!("{digits}e{sign}{exponent:0>2}")
    };
    let text = match kind {
        b'f' | b'F' => format!("{number:.places$}"),
        b'e' | b'E' => scientific(places),
        _ => {
            let places = places.max(1);
            let exponent = if number == 0.0 { 0 } else { number.log10().floor() as i32 };
            let trim = |text: String| {
                if text.contains('.') {
                    text.trim_end_matches('0').trim_end_matches('.').to_owned()
                } else {
                    text
                }
            };
            if exponent < -4 || exponent >= places as i32 {
                let text = scientific(places - 1);
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
                format!("{}e{exponent}", trim(digits.to_owned()))
            } else {
                let after = usize::try_from(places as i32 - 1 - exponent).unwrap_or(0);
                trim(format!("{number:.after$}"))
            }
        }
    };
    if kind.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}
