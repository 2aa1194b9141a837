//! `$(( ))`: 64-bit whole numbers, as bash.

/// Computes; `get` and `set` reach the variables. `None` for what is no expression.
pub(super) fn compute(
    text: &[u8],
    get: &dyn Fn(&[u8]) -> i64,
    set: &mut dyn FnMut(&[u8], i64),
) -> Result<i64, &'static str> {
    let mut p = Arith { text, at: 0, depth: 0, get, set };
    p.blank();
    if p.at >= text.len() {
        return Ok(0);
    }
    let value = p.binary(0)?;
    if p.at < text.len() { Err("syntax error: invalid arithmetic operator") } else { Ok(value) }
}

struct Arith<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    get: &'a dyn Fn(&[u8]) -> i64,
    set: &'a mut dyn FnMut(&[u8], i64),
}

/// Operators by how tightly they bind; longer before shorter.
const LEVELS: [&[&[u8]]; 11] = [
    &[b","],
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

impl Arith<'_> {
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or(&[])
    }

    fn blank(&mut self) {
        self.at += self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        self.blank();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.blank();
        }
        found
    }

    fn binary(&mut self, level: usize) -> Result<i64, &'static str> {
        let Some(ops) = LEVELS.get(level) else { return self.unary() };
        let mut left = if level == 1 { self.choice()? } else { self.binary(level + 1)? };
        'next: loop {
            self.blank();
            for op in *ops {
                let rest = self.rest();
                let longer = match *op {
                    b"|" => rest.starts_with(b"||"),
                    b"&" => rest.starts_with(b"&&"),
                    b"<" => rest.starts_with(b"<<"),
                    b">" => rest.starts_with(b">>"),
                    _ => false,
                };
                if longer || !self.eat(op) {
                    continue;
                }
                let right = self.binary(level + 1)?;
                left = apply(op, left, right)?;
                continue 'next;
            }
            return Ok(left);
        }
    }

    /// `||` level with `?:` around it.
    fn choice(&mut self) -> Result<i64, &'static str> {
        let left = self.binary(2)?;
        if self.eat(b"?") {
            let yes = self.nested(|p| p.binary(1))?;
            if !self.eat(b":") {
                return Err("`:' expected for conditional expression");
            }
            let no = self.nested(|p| p.binary(1))?;
            return Ok(if left != 0 { yes } else { no });
        }
        Ok(left)
    }

    fn nested(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<i64, &'static str>,
    ) -> Result<i64, &'static str> {
        self.depth += 1;
        if self.depth > 24 {
            return Err("expression recursion level exceeded");
        }
        let value = run(self);
        self.depth -= 1;
        value
    }

    fn unary(&mut self) -> Result<i64, &'static str> {
        self.nested(|p| {
            for op in [b"++", b"--"] {
                if p.eat(op) {
                    let name = p.name();
                    let value = (p.get)(&name).wrapping_add(if op == b"++" { 1 } else { -1 });
                    (p.set)(&name, value);
                    return Ok(value);
                }
            }
            if p.eat(b"-") {
                return Ok(p.unary()?.wrapping_neg());
            }
            if p.eat(b"+") {
                return p.unary();
            }
            if p.eat(b"!") {
                return Ok(i64::from(p.unary()? == 0));
            }
            if p.eat(b"~") {
                return Ok(!p.unary()?);
            }
            if p.eat(b"(") {
                let value = p.binary(0)?;
                return if p.eat(b")") { Ok(value) } else { Err("missing `)'") };
            }
            p.primary()
        })
    }

    fn name(&mut self) -> Vec<u8> {
        self.blank();
        let length = self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
        self.at += length;
        self.blank();
        name
    }

    fn primary(&mut self) -> Result<i64, &'static str> {
        let name = self.name();
        match name.first() {
            None => Err("syntax error: operand expected"),
            Some(b'0'..=b'9') => number(&name).ok_or("value too great for base"),
            Some(_) => {
                let old = (self.get)(&name);
                for op in [b"+=".as_slice(), b"-=", b"*=", b"/=", b"%="] {
                    if self.eat(op) {
                        let right = self.nested(|p| p.binary(1))?;
                        let value = apply(op.get(..1).unwrap_or(op), old, right)?;
                        (self.set)(&name, value);
                        return Ok(value);
                    }
                }
                if self.eat(b"++") {
                    (self.set)(&name, old.wrapping_add(1));
                } else if self.eat(b"--") {
                    (self.set)(&name, old.wrapping_sub(1));
                } else if !self.rest().starts_with(b"==") && self.eat(b"=") {
                    let value = self.nested(|p| p.binary(1))?;
                    (self.set)(&name, value);
                    return Ok(value);
                }
                Ok(old)
            }
        }
    }
}

pub(super) fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return i64::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}

fn apply(op: &[u8], a: i64, b: i64) -> Result<i64, &'static str> {
    Ok(match op {
        b"+" => a.wrapping_add(b),
        b"-" => a.wrapping_sub(b),
        b"*" => a.wrapping_mul(b),
        b"/" | b"%" if b == 0 => return Err("division by 0"),
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
