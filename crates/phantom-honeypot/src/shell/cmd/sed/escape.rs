//! Escapes of expressions, replacements and `y`.

use super::{Case, Part};

/// Characters of UTF-8, `\\` and `\n` resolved.
pub(super) fn characters(text: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, text.get(at)) {
            (b'\\', Some(b'n')) => {
                out.push(b"\n".to_vec());
                at += 1;
            }
            (b'\\', Some(b't')) => {
                out.push(b"\t".to_vec());
                at += 1;
            }
            (b'\\', Some(b'\\')) => {
                out.push(b"\\".to_vec());
                at += 1;
            }
            (0x80..=0xbf, _) => match out.last_mut() {
                Some(last) => last.push(*byte),
                None => out.push(vec![*byte]),
            },
            _ => out.push(vec![*byte]),
        }
    }
    out
}

/// Value of `\xHH`, `\oNNN`, `\dNNN` or `\cX` whose letter is at `at`, and how many bytes it takes.
fn numeric(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let (radix, most) = match text.get(at)? {
        b'x' => (16, 2),
        b'o' => (8, 3),
        b'd' => (10, 3),
        b'c' => return text.get(at + 1).map(|b| (b.to_ascii_uppercase() ^ 0x40, 2)),
        _ => return None,
    };
    let digits: Vec<u32> =
        text.iter().skip(at + 1).take(most).map_while(|b| char::from(*b).to_digit(radix)).collect();
    if digits.is_empty() {
        return None;
    }
    Some((digits.iter().fold(0, |n, d| n * radix + d) as u8, digits.len() + 1))
}

/// Escapes that sed resolves before the expression is compiled.
pub(super) fn escapes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        let (b'\\', Some(next)) = (byte, text.get(at)) else {
            out.push(*byte);
            continue;
        };
        match (next, numeric(text, at)) {
            (_, Some((value, length))) => {
                // `s/\x5e/b/` is a literal `^`.
                if br".*[]^$\/+?(){}|".contains(&value) {
                    out.push(b'\\');
                }
                out.push(value);
                at += length;
                continue;
            }
            (b't', _) => out.push(b'\t'),
            (b'f', _) => out.push(12),
            (b'v', _) => out.push(11),
            (b'a', _) => out.push(7),
            (b'r', _) => out.push(b'\r'),
            (other, _) => out.extend_from_slice(&[b'\\', *other]),
        }
        at += 1;
    }
    out
}

pub(super) fn replacement(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut held = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        let part = match (byte, text.get(at)) {
            (b'&', _) => Part::Group(0),
            (b'\\', Some(next)) => {
                if let Some((value, length)) = numeric(text, at) {
                    held.push(value);
                    at += length;
                    continue;
                }
                at += 1;
                match next {
                    b'0'..=b'9' => Part::Group(usize::from(next - b'0')),
                    b'U' => Part::Case(Case::Upper),
                    b'L' => Part::Case(Case::Lower),
                    b'u' => Part::Case(Case::UpperNext),
                    b'l' => Part::Case(Case::LowerNext),
                    b'E' => Part::Case(Case::End),
                    other => {
                        held.push(match other {
                            b'n' => b'\n',
                            b't' => b'\t',
                            b'f' => 12,
                            b'v' => 11,
                            b'a' => 7,
                            b'r' => b'\r',
                            other => *other,
                        });
                        continue;
                    }
                }
            }
            _ => {
                held.push(*byte);
                continue;
            }
        };
        if !held.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut held)));
        }
        parts.push(part);
    }
    if !held.is_empty() {
        parts.push(Part::Text(held));
    }
    parts
}
