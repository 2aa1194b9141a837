//! `{a,b}` and `{1..9}`.

use crate::shell::Shell;
use crate::shell::ast::{Piece, Word};
use crate::shell::io::Stop;

/// A byte in which braces count, or something that is taken whole.
#[derive(Clone)]
enum Unit {
    Byte(u8),
    Piece(Piece),
}

/// Words that one may grow to. bash would go on until memory ends, and says so.
const MOST: usize = super::FIELDS;
/// Braces within braces.
const DEEP: u32 = 12;

impl Shell {
    /// The words that the braces of one stand for.
    pub(super) fn braces(&mut self, word: &Word) -> Result<Vec<Vec<Piece>>, Stop> {
        let has = |piece: &Piece| matches!(piece, Piece::Plain(text) if text.contains(&b'{'));
        if !word.pieces.iter().any(has) {
            return Ok(vec![word.pieces.clone()]);
        }
        let mut units = Vec::new();
        for piece in &word.pieces {
            match piece {
                Piece::Plain(text) => units.extend(text.iter().map(|b| Unit::Byte(*b))),
                other => units.push(Unit::Piece(other.clone())),
            }
        }
        Ok(self.spread(&units, 0)?.into_iter().map(joined).collect())
    }

    fn spread(&mut self, units: &[Unit], depth: u32) -> Result<Vec<Vec<Unit>>, Stop> {
        self.io.step(1 + units.len() as u64 / 64)?;
        let mut from = 0;
        while depth < DEEP
            && let Some(open) = find(units, from, b'{')
        {
            let close = closing(units, open);
            let choices = match close {
                Some(close) => self.choices(units.get(open + 1..close).unwrap_or(&[]), depth)?,
                None => None,
            };
            let (Some(close), Some(choices)) = (close, choices) else {
                from = open + 1;
                continue;
            };
            let head = units.get(..open).unwrap_or(&[]);
            let tails = self.spread(units.get(close + 1..).unwrap_or(&[]), depth)?;
            if choices.len().saturating_mul(tails.len()) > MOST {
                return Err(Stop::Limit);
            }
            let size = (head.len() + tails.first().map_or(0, Vec::len) + 4) as u64;
            self.io.step(1 + choices.len() as u64 * tails.len() as u64 * size / 256)?;
            let mut all = Vec::new();
            for choice in &choices {
                for tail in &tails {
                    all.push([head, choice, tail].concat());
                }
            }
            return Ok(all);
        }
        Ok(vec![units.to_vec()])
    }

    fn choices(&mut self, inner: &[Unit], depth: u32) -> Result<Option<Vec<Vec<Unit>>>, Stop> {
        let mut parts: Vec<Vec<Unit>> = vec![Vec::new()];
        let mut level = 0;
        for unit in inner {
            match unit {
                Unit::Byte(b'{') => level += 1,
                Unit::Byte(b'}') => level -= 1,
                Unit::Byte(b',') if level == 0 => {
                    parts.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = parts.last_mut() {
                last.push(unit.clone());
            }
        }
        if parts.len() > 1 {
            let mut all = Vec::new();
            for part in parts {
                all.extend(self.spread(&part, depth + 1)?);
            }
            return Ok(Some(all));
        }
        let mut text = Vec::new();
        for unit in inner {
            let Unit::Byte(byte) = unit else { return Ok(None) };
            text.push(*byte);
        }
        let Some(count) = range(&text) else { return Ok(None) };
        if count.count > MOST as u64 {
            let n = count.count;
            self.complain(&format!("brace expansion: failed to allocate memory for {n} elements"))?;
            return Ok(None);
        }
        self.io.step(count.count / 16)?;
        let all = (0..count.count)
            // A backslash on the way from `Z` to `a` quotes what follows, which is nothing.
            .map(|n| count.at(n).into_iter().filter(|b| *b != b'\\').map(Unit::Byte).collect())
            .collect();
        Ok(Some(all))
    }
}

/// `low..high..step`.
struct Range {
    low: i64,
    step: i64,
    count: u64,
    letters: bool,
    width: usize,
}

impl Range {
    fn at(&self, n: u64) -> Vec<u8> {
        let value = self.low.wrapping_add(self.step.wrapping_mul(n as i64));
        if self.letters {
            return vec![u8::try_from(value).unwrap_or(b'?')];
        }
        let (sign, digits) = if value < 0 { ("-", self.width.saturating_sub(1)) } else { ("", self.width) };
        format!("{sign}{:0digits$}", value.unsigned_abs()).into_bytes()
    }
}

fn range(text: &[u8]) -> Option<Range> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split("..");
    let (low, high, step) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let step: i64 = step.map_or(Ok(1), str::parse).ok()?;
    let letter = |s: &str| match s.as_bytes() {
        [b] if b.is_ascii_alphabetic() => Some(i64::from(*b)),
        _ => None,
    };
    let (from, to, letters) = match (low.parse::<i64>(), high.parse::<i64>()) {
        (Ok(from), Ok(to)) => (from, to, false),
        _ => (letter(low)?, letter(high)?, true),
    };
    let padded = |s: &str| s.trim_start_matches('-').len() > 1 && s.trim_start_matches('-').starts_with('0');
    let width = if !letters && (padded(low) || padded(high)) { low.len().max(high.len()) } else { 0 };
    let size = step.unsigned_abs().max(1);
    let count = from.abs_diff(to) / size + 1;
    let size = i64::try_from(size).ok()?;
    Some(Range {
        low: from,
        step: if from <= to { size } else { -size },
        count,
        letters,
        width: width.min(32),
    })
}

fn find(units: &[Unit], from: usize, byte: u8) -> Option<usize> {
    units
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, u)| matches!(u, Unit::Byte(b) if *b == byte))
        .map(|(n, _)| n)
}

fn closing(units: &[Unit], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (n, unit) in units.iter().enumerate().skip(open) {
        match unit {
            Unit::Byte(b'{') => depth += 1,
            Unit::Byte(b'}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(n);
                }
            }
            _ => {}
        }
    }
    None
}

fn joined(units: Vec<Unit>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for unit in units {
        match (unit, pieces.last_mut()) {
            (Unit::Byte(b), Some(Piece::Plain(text))) => text.push(b),
            (Unit::Byte(b), _) => pieces.push(Piece::Plain(vec![b])),
            (Unit::Piece(piece), _) => pieces.push(piece),
        }
    }
    pieces
}
