//! Values of AWK: strings, numbers, and strings of input that look like numbers.

use std::sync::Arc;

use crate::shell::cmd::float::{self, Conversion};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Unset,
    Number(f64),
    Text(Arc<[u8]>),
    /// From input; compared as a number.
    Numeric(Arc<[u8]>, f64),
    /// An array handed to a function: its place among all arrays.
    Array(usize),
}

impl Value {
    pub(super) fn text(bytes: &[u8]) -> Self {
        Self::Text(Arc::from(bytes))
    }

    /// A piece of input: a number too, if it looks like one.
    pub(super) fn input(bytes: &[u8]) -> Self {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n');
        let start = bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len());
        let end = bytes.iter().rposition(|b| !blank(b)).map_or(start, |n| n + 1);
        let core = bytes.get(start..end).unwrap_or(&[]);
        if core.first().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b)) {
            let (value, length) = number_prefix(core);
            if length == core.len() {
                return Self::Numeric(Arc::from(bytes), value);
            }
        }
        Self::text(bytes)
    }

    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Number(n) | Self::Numeric(_, n) => *n,
            Self::Text(text) => {
                let blanks = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
                number_prefix(text.get(blanks..).unwrap_or(&[])).0
            }
            Self::Unset | Self::Array(_) => 0.0,
        }
    }

    pub(super) fn bytes(&self, format: &[u8]) -> Arc<[u8]> {
        match self {
            Self::Text(text) | Self::Numeric(text, _) => Arc::clone(text),
            Self::Number(n) => Arc::from(number_text(*n, format)),
            Self::Unset | Self::Array(_) => Arc::from([].as_slice()),
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Number(n) | Self::Numeric(_, n) => *n != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Unset | Self::Array(_) => false,
        }
    }

    fn numeric(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    pub(super) fn compare(&self, other: &Self, format: &[u8]) -> Option<std::cmp::Ordering> {
        if self.numeric() && other.numeric() {
            return self.number().partial_cmp(&other.number());
        }
        Some(self.bytes(format).cmp(&other.bytes(format)))
    }
}

/// mawk prints what fits an `int` as one, all else by the format.
pub(super) fn number_text(n: f64, format: &[u8]) -> Vec<u8> {
    if n == n.trunc() && n.abs() < 2_147_483_648.0 {
        return format!("{}", n as i64).into_bytes();
    }
    let text = String::from_utf8_lossy(format);
    let spec = text.strip_prefix('%').and_then(|t| {
        let kind = t.chars().last()?;
        let conversion = Conversion::parse(t.strip_suffix(kind)?.as_bytes())?;
        Some((conversion, kind))
    });
    match spec {
        Some((conversion, kind)) => float::format(&conversion, kind as u8, n),
        None => float::format(&Conversion::precision(6), b'g', n),
    }
}

/// The decimal number at the start, and how long it is.
pub(in crate::shell::cmd) fn decimal(text: &[u8]) -> (f64, usize) {
    let mut at = 0;
    let digits = |at: &mut usize| {
        let from = *at;
        while text.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at - from
    };
    let mut count = digits(&mut at);
    if text.get(at) == Some(&b'.') {
        at += 1;
        count += digits(&mut at);
    }
    if count == 0 {
        return (0.0, 0);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let mut end = at + 1;
        if matches!(text.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        if digits(&mut end) > 0 {
            at = end;
        }
    }
    let shown = String::from_utf8_lossy(text.get(..at).unwrap_or(&[])).into_owned();
    (shown.parse().unwrap_or(0.0), at)
}

/// What strtod(3) reads at the start, and how long it is; 0 where there is no number.
pub(in crate::shell::cmd) fn number_prefix(text: &[u8]) -> (f64, usize) {
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let rest = text.get(sign..).unwrap_or(&[]);
    let (value, length) = if rest.len() > 2 && rest.starts_with(b"0x") || rest.starts_with(b"0X") {
        let digits: Vec<u32> =
            rest.iter().skip(2).take(16).map_while(|b| char::from(*b).to_digit(16)).collect();
        if digits.is_empty() {
            (0.0, 1)
        } else {
            (digits.iter().fold(0.0, |n, d| n * 16.0 + f64::from(*d)), digits.len() + 2)
        }
    } else if rest.len() >= 3 && rest.get(..3).is_some_and(|w| w.eq_ignore_ascii_case(b"inf")) {
        (f64::INFINITY, 3)
    } else if rest.len() >= 3 && rest.get(..3).is_some_and(|w| w.eq_ignore_ascii_case(b"nan")) {
        (f64::NAN, 3)
    } else {
        decimal(rest)
    };
    if length == 0 {
        return (0.0, 0);
    }
    (if negative { -value } else { value }, length + sign)
}
