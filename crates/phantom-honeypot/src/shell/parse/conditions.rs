//! The expressions of `[[`.

use super::{Parsed, Parser, Wrong};
use crate::shell::ast::Cond;

/// Letters of the tests of one operand, and the operators between two, within `[[`.
const UNARY: &[u8] = b"abcdefghknoprstuvwxzGLNORS";
const BINARY: [&[u8]; 15] = [
    b"=", b"==", b"!=", b"=~", b"-eq", b"-ne", b"-lt", b"-le", b"-gt", b"-ge", b"-nt", b"-ot", b"-ef", b"-a",
    b"-o",
];

impl Parser {
    pub(super) fn cond_or(&mut self) -> Parsed<Cond> {
        self.deeper(|p| {
            let mut left = p.cond_and()?;
            loop {
                p.lines();
                if !p.eat(b"||") {
                    return Ok(left);
                }
                left = Cond::Or(Box::new(left), Box::new(p.cond_and()?));
            }
        })
    }

    fn cond_and(&mut self) -> Parsed<Cond> {
        let mut left = self.cond_term()?;
        loop {
            self.lines();
            if !self.eat(b"&&") {
                return Ok(left);
            }
            left = Cond::And(Box::new(left), Box::new(self.cond_term()?));
        }
    }

    /// What bash 5.2 says of the token that stands here within `[[`; it ends with status 0.
    pub(super) fn cond_wrong(&mut self, say: impl FnOnce(&str) -> String) -> Wrong {
        match self.near(None) {
            Wrong::Near { token, line, .. } => {
                let text = say(&String::from_utf8_lossy(&token));
                Wrong::Said { text, line, status: 0 }
            }
            Wrong::End { line, .. } if !self.more => {
                Wrong::Said { text: say("newline"), line: line.saturating_sub(1), status: 2 }
            }
            other => other,
        }
    }

    /// Something else than an operand.
    fn cond_operand(&mut self, kind: &str) -> Wrong {
        self.cond_wrong(|token| format!("unexpected argument `{token}' to conditional {kind} operator"))
    }

    fn cond_term(&mut self) -> Parsed<Cond> {
        self.deeper(|p| {
            p.lines();
            if p.is_word(b"!") {
                p.at += 1;
                return Ok(Cond::Not(Box::new(p.cond_term()?)));
            }
            if p.eat(b"(") {
                let inside = p.cond_or()?;
                p.lines();
                if !p.eat(b")") {
                    return Err(p.cond_wrong(|token| format!("unexpected token `{token}', expected `)'")));
                }
                return Ok(Cond::Group(Box::new(inside)));
            }
            if p.stands(b"]]") {
                let line = p.line();
                return Err(Wrong::Said { text: String::new(), line, status: 0 });
            }
            let Some(first) = p.word()? else {
                return Err(
                    p.cond_wrong(|token| format!("unexpected token `{token}' in conditional command"))
                );
            };
            p.blanks();
            let after = p.rest().get(..2).unwrap_or(p.rest()).to_vec();
            let closes = p.stands(b"]]");
            let ends = closes || after == b"&&" || after == b"||" || after.starts_with(b")");
            let dash = first.raw.first() == Some(&b'-') && first.raw.len() == 2;
            if dash && UNARY.contains(first.raw.get(1).unwrap_or(&0)) {
                let start = p.at;
                return match p.word()?.filter(|word| word.raw != b"]]") {
                    Some(word) => Ok(Cond::Unary(first.raw, word)),
                    None => {
                        p.at = start;
                        Err(p.cond_operand("unary"))
                    }
                };
            }
            if ends {
                return Ok(Cond::Unary(b"-n".to_vec(), first));
            }
            if !p.is_binary() {
                let word = !p.peek().is_none_or(|b| b"\n;|&()<>".contains(&b));
                return Err(p.cond_wrong(|token| match word {
                    true => "conditional binary operator expected".to_owned(),
                    false => format!("unexpected token `{token}', conditional binary operator expected"),
                }));
            }
            let op = match p.peek() {
                Some(b @ (b'<' | b'>')) => {
                    p.at += 1;
                    vec![b]
                }
                _ => p.word()?.map(|w| w.raw).unwrap_or_default(),
            };
            p.blanks();
            let start = p.at;
            let right = if op == b"=~" { p.regex_word()? } else { p.pattern_word()? };
            let Some(right) = right.filter(|w| w.raw != b"]]") else {
                p.at = start;
                return Err(p.cond_operand("binary"));
            };
            Ok(Cond::Binary(first, op, right))
        })
    }

    /// Whether an operator with two sides stands here within `[[`.
    fn is_binary(&self) -> bool {
        matches!(self.peek(), Some(b'<' | b'>')) || BINARY.iter().any(|op| self.stands(op))
    }

    /// Whether exactly this stands here as a word.
    fn stands(&self, word: &[u8]) -> bool {
        let after = self.rest().strip_prefix(word);
        after.is_some_and(|rest| rest.first().is_none_or(|b| b" \t\n;|&()<>".contains(b)))
    }
}
