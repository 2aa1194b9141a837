//! `$(( ))`: 64-bit whole numbers, with bash's operators and complaints, or dash's.

use super::Shell;
use super::io::Stop;

/// Nesting of parentheses, operators and variables that hold expressions.
const DEPTH: u32 = 40;

impl Shell {
    /// Computes an expression whose `$` parts are already expanded.
    pub(super) fn compute(&mut self, text: &[u8]) -> Result<i64, Stop> {
        self.compute_for(text, None)
    }

    /// The same for a builtin, which stands before the complaint.
    pub(super) fn compute_for(&mut self, text: &[u8], who: Option<&str>) -> Result<i64, Stop> {
        self.io.step(1 + text.len() as u64 / 64)?;
        let mut p =
            Arith { sh: self, text: text.to_vec(), at: 0, last: 0, token: Token::End, quiet: 0, depth: 0 };
        match p.top() {
            Ok(value) => Ok(value),
            Err(why) => {
                if self.io.step(0).is_err() {
                    return Err(Stop::Limit);
                }
                if self.bash {
                    let who = who.map(|w| format!("{w}: ")).unwrap_or_default();
                    self.complain(&format!("{who}{}", why.text))?;
                    Err(Stop::Discard(1))
                } else {
                    self.complain(&why.text)?;
                    Err(if self.interactive { Stop::Discard(2) } else { Stop::Exit(2) })
                }
            }
        }
    }
}

/// What is wrong, as it is said.
struct Why {
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    End,
    Number(i64),
    /// A variable, and its subscript's text.
    Name(Vec<u8>, Option<Vec<u8>>),
    Op(&'static [u8]),
}

struct Arith<'a> {
    sh: &'a mut Shell,
    text: Vec<u8>,
    at: usize,
    /// Where the token in hand began.
    last: usize,
    token: Token,
    /// Above 0 in a branch that is not taken.
    quiet: u32,
    depth: u32,
}

const OPS: [&[u8]; 38] = [
    b"<<=", b">>=", b"&&", b"||", b"==", b"!=", b"<=", b">=", b"<<", b">>", b"**", b"++", b"--", b"+=",
    b"-=", b"*=", b"/=", b"%=", b"&=", b"|=", b"^=", b"+", b"-", b"*", b"/", b"%", b"<", b">", b"=", b"!",
    b"~", b"&", b"|", b"^", b"?", b":", b",", b"(",
];

/// Binary operators by how tightly they bind.
const LEVELS: [&[&[u8]]; 10] = [
    &[b"||"],
    &[b"&&"],
    &[b"|"],
    &[b"^"],
    &[b"&"],
    &[b"==", b"!="],
    &[b"<=", b">=", b"<", b">"],
    &[b"<<", b">>"],
    &[b"+", b"-"],
    &[b"*", b"/", b"%"],
];

type Value = Result<i64, Why>;

impl Arith<'_> {
    fn why(&self, what: &str) -> Why {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        if !self.sh.bash {
            let what = match what {
                "division by 0" => "division by zero",
                "syntax error in expression" | "syntax error: invalid arithmetic operator" => "expecting EOF",
                _ => "expecting primary",
            };
            return Why { text: format!("arithmetic expression: {what}: \"{text}\"") };
        }
        let token = String::from_utf8_lossy(self.text.get(self.last..).unwrap_or(&[])).into_owned();
        Why { text: format!("{}: {what} (error token is \"{token}\")", text.trim_start()) }
    }

    fn top(&mut self) -> Value {
        self.next()?;
        if self.token == Token::End {
            return Ok(0);
        }
        let value = self.comma()?;
        if self.token == Token::End { Ok(value) } else { Err(self.why("syntax error in expression")) }
    }

    fn next(&mut self) -> Result<(), Why> {
        while self.text.get(self.at).is_some_and(|b| b.is_ascii_whitespace() || *b == b'"') {
            self.at += 1;
        }
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let Some(first) = rest.first().copied() else {
            self.token = Token::End;
            return Ok(());
        };
        self.last = self.at;
        if first.is_ascii_digit() {
            let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_#@".contains(b)).count();
            let word = rest.get(..length).unwrap_or(&[]).to_vec();
            self.at += length;
            self.token = match numeral(&word) {
                Ok(value) => Token::Number(value),
                Err(what) => return Err(self.why(what)),
            };
        } else if first.is_ascii_alphabetic() || first == b'_' {
            let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            let name = rest.get(..length).unwrap_or(&[]).to_vec();
            let after = rest.get(length..).unwrap_or(&[]);
            let mut index = None;
            let mut taken = length;
            if after.first() == Some(&b'[') && self.sh.bash {
                let mut depth = 0;
                let close = after.iter().position(|b| {
                    depth += i32::from(*b == b'[') - i32::from(*b == b']');
                    depth == 0
                });
                let Some(close) = close else { return Err(self.why("bad array subscript")) };
                index = Some(after.get(1..close).unwrap_or(&[]).to_vec());
                taken += close + 1;
            }
            self.at += taken;
            self.token = Token::Name(name, index);
        } else if first == b')' {
            self.at += 1;
            self.token = Token::Op(b")");
        } else {
            let plain = |op: &&&[u8]| self.sh.bash || !matches!(**op, b"**" | b"++" | b"--");
            match OPS.iter().filter(plain).find(|op| rest.starts_with(op)) {
                Some(op) => {
                    self.at += op.len();
                    self.token = Token::Op(op);
                }
                None => {
                    let what = if self.token == Token::End || matches!(self.token, Token::Op(_)) {
                        "syntax error: operand expected"
                    } else {
                        "syntax error: invalid arithmetic operator"
                    };
                    return Err(self.why(what));
                }
            }
        }
        Ok(())
    }

    fn is(&self, op: &[u8]) -> bool {
        matches!(self.token, Token::Op(found) if found == op)
    }

    fn nested(&mut self, run: impl FnOnce(&mut Self) -> Value) -> Value {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.why("expression recursion level exceeded"));
        }
        let value = run(self);
        self.depth -= 1;
        value
    }

    fn comma(&mut self) -> Value {
        let mut value = self.assign()?;
        while self.sh.bash && self.is(b",") {
            self.next()?;
            value = self.assign()?;
        }
        Ok(value)
    }

    fn assign(&mut self) -> Value {
        self.nested(|p| {
            let target = p.token.clone();
            let value = p.choice()?;
            let op: &[u8] = match p.token {
                Token::Op(op) if op.last() == Some(&b'=') && !matches!(op, b"==" | b"!=" | b"<=" | b">=") => {
                    op
                }
                _ => return Ok(value),
            };
            // What was computed must have been the name alone.
            let Token::Name(name, index) = target else {
                return Err(p.why("attempted assignment to non-variable"));
            };
            p.next()?;
            if p.token == Token::End {
                return Err(p.why("syntax error: operand expected"));
            }
            let right = p.assign()?;
            let new = match op.split_last() {
                Some((_, b"")) | None => right,
                Some((_, op)) => p.apply(op, value, right)?,
            };
            p.store(&name, index.as_deref(), new)?;
            Ok(new)
        })
    }

    fn choice(&mut self) -> Value {
        let test = self.binary(0)?;
        if !self.is(b"?") {
            return Ok(test);
        }
        self.next()?;
        if self.token == Token::End || self.is(b":") {
            return Err(self.why("expression expected"));
        }
        let yes = self.hushed(test == 0, Self::comma)?;
        if !self.is(b":") {
            return Err(self.why("`:' expected for conditional expression"));
        }
        self.next()?;
        if self.token == Token::End {
            return Err(self.why("expression expected"));
        }
        let no = self.hushed(test != 0, |p| p.nested(Self::choice))?;
        Ok(if test != 0 { yes } else { no })
    }

    fn hushed(&mut self, quiet: bool, run: impl FnOnce(&mut Self) -> Value) -> Value {
        self.quiet += u32::from(quiet);
        let value = run(self);
        self.quiet -= u32::from(quiet);
        value
    }

    fn binary(&mut self, level: usize) -> Value {
        let Some(ops) = LEVELS.get(level) else { return self.power() };
        let mut left = self.binary(level + 1)?;
        loop {
            let op = match self.token {
                Token::Op(op) if ops.contains(&op) => op,
                _ => return Ok(left),
            };
            self.next()?;
            let known = match op {
                b"&&" if left == 0 => Some(0),
                b"||" if left != 0 => Some(1),
                _ => None,
            };
            let right = self.hushed(known.is_some(), |p| p.binary(level + 1))?;
            left = match known {
                Some(value) => value,
                None => self.apply(op, left, right)?,
            };
        }
    }

    fn power(&mut self) -> Value {
        let base = self.unary()?;
        if !self.is(b"**") {
            return Ok(base);
        }
        self.next()?;
        let exponent = self.nested(Self::power)?;
        if exponent < 0 {
            return Err(self.why("exponent less than 0"));
        }
        let (mut result, mut base, mut left) = (1i64, base, exponent);
        while left > 0 {
            if left & 1 == 1 {
                result = result.wrapping_mul(base);
            }
            base = base.wrapping_mul(base);
            left >>= 1;
        }
        Ok(result)
    }

    fn unary(&mut self) -> Value {
        self.nested(|p| {
            let Token::Op(op) = p.token else { return p.primary() };
            match op {
                b"!" => {
                    p.next()?;
                    Ok(i64::from(p.unary()? == 0))
                }
                b"~" => {
                    p.next()?;
                    Ok(!p.unary()?)
                }
                b"-" => {
                    p.next()?;
                    Ok(p.unary()?.wrapping_neg())
                }
                b"+" => {
                    p.next()?;
                    p.unary()
                }
                b"++" | b"--" => {
                    p.next()?;
                    let Token::Name(name, index) = p.token.clone() else {
                        let value = p.unary()?;
                        return Ok(value);
                    };
                    let old = p.load(&name, index.as_deref())?;
                    let new = old.wrapping_add(if op == b"++" { 1 } else { -1 });
                    p.store(&name, index.as_deref(), new)?;
                    p.next()?;
                    Ok(new)
                }
                b"(" => {
                    p.next()?;
                    let value = p.comma()?;
                    if !p.is(b")") {
                        return Err(p.why("missing `)'"));
                    }
                    p.next()?;
                    Ok(value)
                }
                _ => Err(p.why("syntax error: operand expected")),
            }
        })
    }

    fn primary(&mut self) -> Value {
        match self.token.clone() {
            Token::Number(value) => {
                self.next()?;
                Ok(value)
            }
            Token::Name(name, index) => {
                let (mark, token) = (self.at, self.token.clone());
                self.next()?;
                let plain = matches!(self.token, Token::Op(b"="));
                let old = if plain { 0 } else { self.load(&name, index.as_deref())? };
                if self.is(b"++") || self.is(b"--") {
                    let more = if self.is(b"++") { 1 } else { -1 };
                    self.store(&name, index.as_deref(), old.wrapping_add(more))?;
                    self.next()?;
                } else {
                    let _ = (mark, token);
                }
                Ok(old)
            }
            _ => Err(self.why("syntax error: operand expected")),
        }
    }

    fn key(&mut self, name: &[u8], index: &[u8]) -> Result<Vec<u8>, Why> {
        if self.sh.is_keyed(name) {
            return Ok(index.to_vec());
        }
        let n = self.inner(index)?;
        Ok(n.to_string().into_bytes())
    }

    /// The value of another text that stands for a number: a subscript, or a variable's content.
    fn inner(&mut self, text: &[u8]) -> Value {
        self.nested(|p| {
            if p.sh.io.step(1).is_err() {
                return Err(p.why("expression recursion level exceeded"));
            }
            let outer = (std::mem::replace(&mut p.text, text.to_vec()), p.at, p.last, p.token.clone());
            (p.at, p.last, p.token) = (0, 0, Token::End);
            let value = p.top()?;
            (p.text, p.at, p.last, p.token) = outer;
            Ok(value)
        })
    }

    fn load(&mut self, name: &[u8], index: Option<&[u8]>) -> Value {
        let value = match index {
            Some(index) => {
                let key = self.key(name, index)?;
                self.sh.item(name, &key)
            }
            None => self.sh.get(name),
        };
        let Some(value) = value else {
            if self.sh.nounset && self.quiet == 0 {
                return Err(Why { text: format!("{}: unbound variable", String::from_utf8_lossy(name)) });
            }
            return Ok(0);
        };
        match number(&value) {
            Some(value) => Ok(value),
            None if !self.sh.bash => {
                let text = String::from_utf8_lossy(&value).into_owned();
                Err(Why { text: format!("Illegal number: {text}") })
            }
            None => self.inner(&value),
        }
    }

    fn store(&mut self, name: &[u8], index: Option<&[u8]>, value: i64) -> Result<(), Why> {
        if self.quiet > 0 {
            return Ok(());
        }
        if self.sh.is_readonly(name) {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Why { text: format!("{name}: readonly variable") });
        }
        let text = value.to_string().into_bytes();
        match index {
            Some(index) => {
                let key = self.key(name, index)?;
                let keyed = self.sh.is_keyed(name);
                self.sh.set_item(name, &key, &text, keyed);
            }
            None => self.sh.set(name, &text),
        }
        Ok(())
    }

    fn apply(&self, op: &[u8], a: i64, b: i64) -> Value {
        Ok(match op {
            b"+" => a.wrapping_add(b),
            b"-" => a.wrapping_sub(b),
            b"*" => a.wrapping_mul(b),
            b"/" | b"%" if b == 0 => {
                if self.quiet > 0 {
                    0
                } else {
                    return Err(self.why("division by 0"));
                }
            }
            b"/" => a.wrapping_div(b),
            b"%" => a.wrapping_rem(b),
            b"<<" => a.wrapping_shl(u32::try_from(b & 63).unwrap_or(0)),
            b">>" => a.wrapping_shr(u32::try_from(b & 63).unwrap_or(0)),
            b"&" => a & b,
            b"|" => a | b,
            b"^" => a ^ b,
            b"==" => i64::from(a == b),
            b"!=" => i64::from(a != b),
            b"<=" => i64::from(a <= b),
            b">=" => i64::from(a >= b),
            b"<" => i64::from(a < b),
            b">" => i64::from(a > b),
            b"&&" => i64::from(a != 0 && b != 0),
            b"||" => i64::from(a != 0 || b != 0),
            _ => b,
        })
    }
}

/// A number as it is written in an expression: decimal, `0x`, octal, `base#digits`.
fn numeral(text: &[u8]) -> Result<i64, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "invalid number")?;
    if let Some((base, digits)) = text.split_once('#') {
        let base: i64 = base.parse().map_err(|_| "invalid arithmetic base")?;
        if !(2..=64).contains(&base) {
            return Err("invalid arithmetic base");
        }
        if digits.is_empty() {
            return Err("invalid integer constant");
        }
        let mut value = 0i64;
        for c in digits.bytes() {
            let digit = match c {
                b'0'..=b'9' => i64::from(c - b'0'),
                b'a'..=b'z' => i64::from(c - b'a') + 10,
                b'A'..=b'Z' if base <= 36 => i64::from(c - b'A') + 10,
                b'A'..=b'Z' => i64::from(c - b'A') + 36,
                b'@' => 62,
                b'_' => 63,
                _ => return Err("invalid number"),
            };
            if digit >= base {
                return Err("value too great for base");
            }
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        return Ok(value);
    }
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text.get(1..).unwrap_or("0"), 8),
        None => (text, 10),
    };
    let mut value = 0i64;
    for c in digits.chars() {
        let digit = c.to_digit(radix).ok_or("value too great for base")?;
        value = value.wrapping_mul(i64::from(radix)).wrapping_add(i64::from(digit));
    }
    Ok(value)
}

/// A whole text as a number, sign and blanks allowed; `None` for anything else.
pub(super) fn number(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (minus, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let value = numeral(digits).ok()?;
    Some(if minus { value.wrapping_neg() } else { value })
}

/// A whole text as a decimal number, as test(1) and options take it.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}
