//! printf(3)'s conversions of numbers.

/// Flags, width and precision between `%` and the letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conversion {
    pub(super) left: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
    pub(super) alternate: bool,
    pub(super) zero: bool,
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
}

/// Widths and precisions are cut here.
const WIDEST: usize = 4096;

impl Conversion {
    /// Only a precision.
    pub(super) fn precision(precision: usize) -> Self {
        Self { precision: Some(precision), ..Self::default() }
    }

    /// What stands between `%` and the letter; `None` where it is malformed.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut made = Self::default();
        let mut rest = text;
        while let Some((first, tail)) = rest.split_first() {
            match first {
                b'-' => made.left = true,
                b'+' => made.plus = true,
                b' ' => made.space = true,
                b'#' => made.alternate = true,
                b'0' => made.zero = true,
                b'\'' => {}
                _ => break,
            }
            rest = tail;
        }
        let number = |rest: &mut &[u8]| {
            let mut value = None;
            while let Some((digit, tail)) = rest.split_first().filter(|(b, _)| b.is_ascii_digit()) {
                value = Some((value.unwrap_or(0usize) * 10 + usize::from(digit - b'0')).min(WIDEST));
                *rest = tail;
            }
            value
        };
        made.width = number(&mut rest).unwrap_or(0);
        if let Some(tail) = rest.strip_prefix(b".") {
            rest = tail;
            made.precision = Some(number(&mut rest).unwrap_or(0));
        }
        rest.is_empty().then_some(made)
    }

    /// Brings text to its width.
    pub(super) fn pad(&self, body: &[u8], zeros: bool) -> Vec<u8> {
        let fill = self.width.saturating_sub(body.len());
        if self.left {
            return [body, &vec![b' '; fill]].concat();
        }
        if zeros {
            let sign = usize::from(matches!(body.first(), Some(b'-' | b'+' | b' ')));
            let (sign, digits) = body.split_at_checked(sign).unwrap_or((b"", body));
            return [sign, &vec![b'0'; fill], digits].concat();
        }
        [&vec![b' '; fill], body].concat()
    }

    fn signed(&self, negative: bool, digits: String) -> Vec<u8> {
        let sign = match (negative, self.plus, self.space) {
            (true, _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        [sign.as_bytes(), digits.as_bytes()].concat()
    }

    /// `%d`.
    pub(super) fn integer(&self, value: i128) -> Vec<u8> {
        let digits = self.digits(value.unsigned_abs().to_string());
        self.pad(&self.signed(value < 0, digits), self.zero && self.precision.is_none())
    }

    /// `%u %o %x %X`.
    pub(super) fn unsigned(&self, kind: u8, value: u64) -> Vec<u8> {
        let (prefix, digits) = match kind {
            b'o' => (if self.alternate { "0" } else { "" }, format!("{value:o}")),
            b'x' => (if self.alternate && value > 0 { "0x" } else { "" }, format!("{value:x}")),
            b'X' => (if self.alternate && value > 0 { "0X" } else { "" }, format!("{value:X}")),
            _ => ("", value.to_string()),
        };
        let digits = self.digits(digits);
        if self.zero && !self.left && self.precision.is_none() {
            let fill = self.width.saturating_sub(prefix.len() + digits.len());
            return format!("{prefix}{}{digits}", "0".repeat(fill)).into_bytes();
        }
        self.pad(format!("{prefix}{digits}").as_bytes(), false)
    }

    fn digits(&self, digits: String) -> String {
        match self.precision {
            Some(0) if digits == "0" => String::new(),
            Some(least) if digits.len() < least => format!("{}{digits}", "0".repeat(least - digits.len())),
            _ => digits,
        }
    }

    /// `%s`.
    pub(super) fn text(&self, body: &[u8]) -> Vec<u8> {
        let most = self.precision.unwrap_or(body.len()).min(body.len());
        self.pad(body.get(..most).unwrap_or(body), false)
    }
}

/// `%e %f %g` and their capitals.
pub(super) fn format(conversion: &Conversion, kind: u8, value: f64) -> Vec<u8> {
    let negative = value.is_sign_negative();
    if !value.is_finite() {
        let word = if value.is_nan() { "nan" } else { "inf" };
        let word = if kind.is_ascii_uppercase() { word.to_uppercase() } else { word.to_owned() };
        return conversion.pad(&conversion.signed(negative, word), false);
    }
    let magnitude = value.abs();
    let precision = conversion.precision.unwrap_or(6);
    let body = match kind.to_ascii_lowercase() {
        b'f' => {
            let text = format!("{magnitude:.precision$}");
            if conversion.alternate && precision == 0 { text + "." } else { text }
        }
        b'e' => exponential(magnitude, precision),
        _ => general(magnitude, precision.max(1), conversion.alternate),
    };
    let body = if kind.is_ascii_uppercase() { body.to_uppercase() } else { body };
    conversion.pad(&conversion.signed(negative, body), conversion.zero)
}

fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let number: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if number < 0 { '-' } else { '+' }, number.abs())
}

fn general(value: f64, precision: usize, keep: bool) -> String {
    let text = exponential(value, precision - 1);
    let exponent: i32 = text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let trim = |text: &str| {
        if keep || !text.contains('.') {
            return text.to_owned();
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let (mantissa, tail) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{tail}", trim(mantissa));
    }
    let after = usize::try_from(i32::try_from(precision).unwrap_or(0) - 1 - exponent).unwrap_or(0);
    trim(&format!("{value:.after$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What printf(1) of Debian 12 prints.
    #[test]
    fn conversions() {
        let of = |spec: &str, kind: u8, value: f64| {
            let made = Conversion::parse(spec.as_bytes()).unwrap();
            String::from_utf8(format(&made, kind, value)).unwrap()
        };
        for (spec, kind, value, wanted) in [
            ("", b'g', 0.1, "0.1"),
            ("", b'g', 1e6, "1e+06"),
            ("", b'g', 123_456.7, "123457"),
            (".3", b'f', 2.0005, "2.001"),
            ("08.2", b'f', -3.24159, "-0003.24"),
            ("+", b'e', 12345.678, "+1.234568e+04"),
            ("-10", b'g', 0.0001, "0.0001    "),
            ("", b'g', 0.00001, "1e-05"),
            ("", b'G', f64::INFINITY, "INF"),
            ("#.0", b'f', 3.0, "3."),
        ] {
            assert_eq!(of(spec, kind, value), wanted, "%{spec}{}", kind as char);
        }
        let made = Conversion::parse(b"#08").unwrap();
        assert_eq!(made.unsigned(b'x', 255), b"0x0000ff");
        assert_eq!(Conversion::parse(b".5").unwrap().integer(-42), b"-00042");
        assert_eq!(Conversion::parse(b"x"), None);
    }
}
