//! echo, printf and their escapes.

use crate::shell::arith;
use crate::shell::cmd::show;

pub(in crate::shell) fn quote(word: &[u8]) -> Vec<u8> {
    let mut out = b"'".to_vec();
    for byte in word {
        if *byte == b'\'' { out.extend_from_slice(b"'\\''") } else { out.push(*byte) }
    }
    out.push(b'\'');
    out
}

/// Backslash escapes of `echo -e`, `printf` and `$'...'`; the flag says that `\c` ended the output.
pub(in crate::shell) fn unescape(text: &[u8]) -> (Vec<u8>, bool) {
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
            b'0'..=b'7' => {
                let from = if *escape == b'0' { at } else { at - 1 };
                let (value, count) = digits(from, 3, 8);
                out.push(value);
                at = from + count;
            }
            b'\\' | b'\'' | b'"' => out.push(*escape),
            other => out.extend_from_slice(&[b'\\', *other]),
        }
    }
    (out, false)
}

pub(super) fn echo(args: &[Vec<u8>]) -> Vec<u8> {
    let flags = args
        .iter()
        .take_while(|a| a.len() > 1 && a.starts_with(b"-") && a.iter().skip(1).all(|b| b"neE".contains(b)));
    let count = flags.clone().count();
    let letters: Vec<u8> = flags.flatten().copied().collect();
    let text = args.get(count..).unwrap_or(&[]).join(&b' ');
    let (mut out, stop) = if letters.contains(&b'e') { unescape(&text) } else { (text, false) };
    if !letters.contains(&b'n') && !stop {
        out.push(b'\n');
    }
    out
}

pub(super) fn printf(args: &[Vec<u8>]) -> Vec<u8> {
    let Some(format) = args.first() else { return Vec::new() };
    let (format, _) = unescape(format);
    let mut values = args.iter().skip(1).peekable();
    let mut out = Vec::new();
    loop {
        let before = values.len();
        let mut at = 0;
        while let Some(byte) = format.get(at) {
            at += 1;
            if *byte != b'%' {
                out.push(*byte);
                continue;
            }
            let spec: Vec<u8> =
                format.iter().skip(at).take_while(|b| b"-0123456789.+ #".contains(b)).copied().collect();
            at += spec.len() + 1;
            let kind = format.get(at - 1).copied().unwrap_or(b'%');
            if kind == b'%' {
                out.push(b'%');
                continue;
            }
            let value = values.next().cloned().unwrap_or_default();
            let number = arith::number(&value).unwrap_or(0);
            let body = match kind {
                b'd' | b'i' | b'u' => number.to_string().into_bytes(),
                b'x' => format!("{number:x}").into_bytes(),
                b'X' => format!("{number:X}").into_bytes(),
                b'o' => format!("{number:o}").into_bytes(),
                b'c' => value.iter().copied().take(1).collect(),
                b'b' => unescape(&value).0,
                _ => value,
            };
            let text = show(&spec);
            let left = text.starts_with('-');
            let zero = text.starts_with('0');
            let width = text
                .trim_start_matches(['-', '+', ' ', '#', '0'])
                .split('.')
                .next()
                .and_then(|w| w.parse::<usize>().ok());
            let fill = width.unwrap_or(0).min(4096).saturating_sub(body.len());
            let pad = vec![if zero && !left { b'0' } else { b' ' }; fill];
            let parts: [&[u8]; 2] = if left { [&body, &pad] } else { [&pad, &body] };
            out.extend(parts.concat());
        }
        if values.peek().is_none() || values.len() == before {
            return out;
        }
    }
}
