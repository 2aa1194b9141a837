//! From tokens to instructions: expressions, from the loosest operator to the tightest.

use std::sync::Arc;

use super::code::{Op, Place, Source, Target};
use super::lex::Token;
use super::parse::{Parsed, Parser};
use super::value::Value;
use crate::shell::cmd::regex::{Dialect, Flags, Regex};

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<()> {
        self.enter()?;
        let result = self.ternary();
        self.depth -= 1;
        result
    }

    /// Within parentheses, where `>` and `in` mean what they say.
    pub(super) fn grouped(&mut self) -> Parsed<()> {
        let outer = (std::mem::replace(&mut self.no_gt, false), std::mem::replace(&mut self.no_in, false));
        let result = self.expression();
        (self.no_gt, self.no_in) = outer;
        result
    }

    fn ternary(&mut self) -> Parsed<()> {
        let start = self.here();
        self.or()?;
        if self.eat("?") {
            self.newlines();
            let unless = self.emit(Op::JumpUnless(0));
            self.expression()?;
            self.newlines();
            self.expect(":")?;
            self.newlines();
            let jump = self.emit(Op::Jump(0));
            self.land(unless);
            self.expression()?;
            self.land(jump);
            return Ok(());
        }
        let op = match self.token() {
            Token::Op(op @ ("=" | "+=" | "-=" | "*=" | "/=" | "%=" | "^=")) => *op,
            _ => return Ok(()),
        };
        // What was read last must be something that can be assigned to.
        let Some(Op::Load(target)) = self.code.ops.last().cloned() else { return self.wrong() };
        if self.here() <= start {
            return self.wrong();
        }
        self.code.ops.pop();
        self.advance();
        self.newlines();
        if op == "=" {
            self.expression()?;
        } else {
            if target.keyed() {
                self.emit(Op::DupKey);
            }
            self.emit(Op::Load(target));
            self.expression()?;
            self.emit(Op::Binary(op.as_bytes().first().copied().unwrap_or(b'+')));
        }
        self.emit(Op::Store(target));
        Ok(())
    }

    fn or(&mut self) -> Parsed<()> {
        self.and()?;
        while self.eat("||") {
            self.newlines();
            self.short(true, Self::and)?;
        }
        Ok(())
    }

    fn and(&mut self) -> Parsed<()> {
        self.membership()?;
        while self.eat("&&") {
            self.newlines();
            self.short(false, Self::membership)?;
        }
        Ok(())
    }

    fn short(&mut self, or: bool, right: fn(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let jump = self.emit(if or { Op::JumpIf(0) } else { Op::JumpUnless(0) });
        right(self)?;
        self.emit(Op::Truth);
        let end = self.emit(Op::Jump(0));
        self.land(jump);
        self.emit(Op::Push(Value::Number(f64::from(u8::from(or)))));
        self.land(end);
        Ok(())
    }

    fn membership(&mut self) -> Parsed<()> {
        self.matching()?;
        while !self.no_in && *self.token() == Token::Keyword("in") {
            self.advance();
            let Token::Name(name) = self.token().clone() else { return self.wrong() };
            self.advance();
            let place = self.place(&name);
            self.emit(Op::In(place));
        }
        Ok(())
    }

    fn matching(&mut self) -> Parsed<()> {
        self.comparison()?;
        while self.is("~") || self.is("!~") {
            let not = self.is("!~");
            self.advance();
            self.newlines();
            self.pattern(Self::comparison)?;
            self.emit(Op::Match { not });
        }
        Ok(())
    }

    /// An operand that stands for an expression to match with: a literal one is not matched against $0.
    fn pattern(&mut self, other: fn(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if let Token::Regex(text) = self.token().clone() {
            let next = self.ahead(1);
            let alone = matches!(
                next,
                Token::Op(")" | "," | ";" | "}" | "{" | "&&" | "||" | "?" | ":")
                    | Token::Newline
                    | Token::End
            );
            if alone {
                self.advance();
                let regex = self.regex(&text)?;
                self.emit(Op::Pattern(regex, Arc::from(text)));
                return Ok(());
            }
        }
        other(self)
    }

    fn regex(&self, text: &[u8]) -> Parsed<Arc<Regex>> {
        compile_regex(text).map(Arc::new)
    }

    fn comparison(&mut self) -> Parsed<()> {
        self.concatenation()?;
        loop {
            let op = match self.token() {
                Token::Op(op @ ("<" | "<=" | "==" | "!=" | ">=")) => *op,
                Token::Op(">") if !self.no_gt => ">",
                Token::Op("|") if *self.ahead(1) == Token::Keyword("getline") => {
                    self.advance();
                    self.advance();
                    let target = self.optional_target()?;
                    self.emit(Op::Getline(Source::Command, target));
                    continue;
                }
                _ => return Ok(()),
            };
            self.advance();
            self.concatenation()?;
            self.emit(Op::Compare(op));
        }
    }

    pub(super) fn concatenation(&mut self) -> Parsed<()> {
        self.additive()?;
        loop {
            let begins = match self.token() {
                Token::Number(_)
                | Token::Text(_)
                | Token::Name(_)
                | Token::FuncName(_)
                | Token::Builtin(_) => true,
                Token::Op(op) => matches!(*op, "$" | "!" | "(" | "-" | "+" | "++" | "--"),
                _ => false,
            };
            if !begins {
                return Ok(());
            }
            self.additive()?;
            self.emit(Op::Concat);
        }
    }

    fn additive(&mut self) -> Parsed<()> {
        self.product()?;
        while self.is("+") || self.is("-") {
            let op = if self.is("+") { b'+' } else { b'-' };
            self.advance();
            self.product()?;
            self.emit(Op::Binary(op));
        }
        Ok(())
    }

    fn product(&mut self) -> Parsed<()> {
        self.unary()?;
        loop {
            let op = match self.token() {
                Token::Op("*") => b'*',
                Token::Op("/") => b'/',
                Token::Op("%") => b'%',
                _ => return Ok(()),
            };
            self.advance();
            self.unary()?;
            self.emit(Op::Binary(op));
        }
    }

    fn unary(&mut self) -> Parsed<()> {
        self.enter()?;
        let op = match self.token() {
            Token::Op("!") => Some(Op::Not),
            Token::Op("-") => Some(Op::Negate),
            Token::Op("+") => Some(Op::Number),
            _ => None,
        };
        match op {
            Some(op) => {
                self.advance();
                self.unary()?;
                self.emit(op);
            }
            None => self.power()?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn power(&mut self) -> Parsed<()> {
        self.postfix()?;
        if self.eat("^") {
            // Right to left, and a sign may stand before the exponent.
            self.unary()?;
            self.emit(Op::Binary(b'^'));
        }
        Ok(())
    }

    fn postfix(&mut self) -> Parsed<()> {
        self.primary()?;
        let by = match self.token() {
            Token::Op("++") => 1.0,
            Token::Op("--") => -1.0,
            _ => return Ok(()),
        };
        if let Some(Op::Load(target)) = self.code.ops.last().cloned() {
            self.code.ops.pop();
            self.advance();
            self.emit(Op::Step { target, by, after: true });
        }
        Ok(())
    }

    /// A variable, element or field, as something to assign to.
    fn target(&mut self) -> Parsed<Target> {
        self.primary()?;
        match self.code.ops.last().cloned() {
            Some(Op::Load(target)) => {
                self.code.ops.pop();
                Ok(target)
            }
            _ => self.wrong(),
        }
    }

    fn optional_target(&mut self) -> Parsed<Option<Target>> {
        if matches!(self.token(), Token::Name(_)) || self.is("$") {
            self.target().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The subscripts up to `]`, joined.
    pub(super) fn subscript(&mut self) -> Parsed<()> {
        let outer = (std::mem::replace(&mut self.no_gt, false), std::mem::replace(&mut self.no_in, false));
        let mut count = 0;
        loop {
            self.expression()?;
            count += 1;
            if !self.eat(",") {
                break;
            }
            self.newlines();
        }
        (self.no_gt, self.no_in) = outer;
        self.expect("]")?;
        if count > 1 {
            self.emit(Op::Subscript(count));
        }
        Ok(())
    }

    fn primary(&mut self) -> Parsed<()> {
        let token = self.token().clone();
        match token {
            Token::Number(n) => {
                self.advance();
                self.emit(Op::Push(Value::Number(n)));
            }
            Token::Text(text) => {
                self.advance();
                self.emit(Op::Push(Value::text(&text)));
            }
            Token::Regex(text) => {
                self.advance();
                let regex = self.regex(&text)?;
                self.emit(Op::MatchLine(regex));
            }
            Token::Op("$") => {
                self.advance();
                let step = match self.token() {
                    Token::Op("++") => Some(1.0),
                    Token::Op("--") => Some(-1.0),
                    _ => None,
                };
                if let Some(by) = step {
                    self.advance();
                    let target = self.target()?;
                    self.emit(Op::Step { target, by, after: false });
                } else if self.is("-") || self.is("+") || self.is("!") {
                    self.unary()?;
                } else {
                    self.primary()?;
                }
                self.emit(Op::Load(Target::Field));
            }
            Token::Op(op @ ("++" | "--")) => {
                self.advance();
                let target = self.target()?;
                let by = if op == "++" { 1.0 } else { -1.0 };
                self.emit(Op::Step { target, by, after: false });
            }
            Token::Op("(") => {
                self.advance();
                self.newlines();
                self.grouped()?;
                let mut count = 1;
                while self.eat(",") {
                    self.newlines();
                    self.grouped()?;
                    count += 1;
                }
                self.newlines();
                self.expect(")")?;
                if count > 1 {
                    if *self.token() != Token::Keyword("in") {
                        return self.wrong();
                    }
                    self.emit(Op::Subscript(count));
                }
                // A variable in parentheses is a value.
                if matches!(self.code.ops.last(), Some(Op::Load(_))) && !self.assigns() {
                    let jump = self.emit(Op::Jump(0));
                    self.land(jump);
                }
            }
            Token::Name(name) => {
                self.advance();
                let place = self.place(&name);
                if self.eat("[") {
                    self.subscript()?;
                    self.emit(Op::Load(Target::Element(place)));
                } else {
                    self.emit(Op::Load(Target::Variable(place)));
                }
            }
            Token::FuncName(name) => self.call(&name)?,
            Token::Builtin(name) => self.builtin(name)?,
            Token::Keyword("getline") => {
                self.advance();
                let target = self.optional_target()?;
                if self.eat("<") {
                    self.postfix()?;
                    self.emit(Op::Getline(Source::File, target));
                } else {
                    self.emit(Op::Getline(Source::Main, target));
                }
            }
            _ => return self.wrong(),
        }
        Ok(())
    }

    fn assigns(&self) -> bool {
        matches!(self.token(), Token::Op("=" | "+=" | "-=" | "*=" | "/=" | "%=" | "^=" | "++" | "--"))
    }

    fn call(&mut self, name: &[u8]) -> Parsed<()> {
        self.advance();
        self.expect("(")?;
        let function = self.function(name);
        let mut count = 0;
        self.newlines();
        while !self.is(")") {
            let bare = match (self.token().clone(), self.ahead(1)) {
                (Token::Name(name), Token::Op("," | ")")) => Some(name),
                _ => None,
            };
            match bare {
                Some(name) => {
                    self.advance();
                    let place = self.place(&name);
                    self.emit(Op::Argument(place, function, count));
                }
                None => self.grouped()?,
            }
            count += 1;
            if !self.eat(",") {
                break;
            }
            self.newlines();
        }
        self.newlines();
        self.expect(")")?;
        self.emit(Op::Call(function, count));
        Ok(())
    }

    fn array_name(&mut self) -> Parsed<Place> {
        let Token::Name(name) = self.token().clone() else { return self.wrong() };
        self.advance();
        Ok(self.place(&name))
    }

    fn builtin(&mut self, name: &'static str) -> Parsed<()> {
        self.advance();
        if name == "length" && !self.is("(") {
            self.emit(Op::Builtin("length", 0));
            return Ok(());
        }
        self.expect("(")?;
        self.newlines();
        match name {
            "split" => {
                self.grouped()?;
                self.expect(",")?;
                self.newlines();
                let place = self.array_name()?;
                let separated = self.eat(",");
                if separated {
                    self.newlines();
                    self.pattern(Self::grouped)?;
                }
                self.expect(")")?;
                self.emit(Op::Split(place, separated));
            }
            "sub" | "gsub" => {
                self.pattern(Self::grouped)?;
                self.expect(",")?;
                self.newlines();
                self.grouped()?;
                let target = if self.eat(",") {
                    self.newlines();
                    self.target()?
                } else {
                    self.emit(Op::Push(Value::Number(0.0)));
                    Target::Field
                };
                self.expect(")")?;
                self.emit(Op::Substitute { global: name == "gsub", target });
            }
            "match" => {
                self.grouped()?;
                self.expect(",")?;
                self.newlines();
                self.pattern(Self::grouped)?;
                self.expect(")")?;
                self.emit(Op::Builtin("match", 2));
            }
            _ => {
                let mut count = 0;
                if name == "length"
                    && let (Token::Name(array), Token::Op(")")) = (self.token().clone(), self.ahead(1))
                {
                    self.advance();
                    self.advance();
                    let place = self.place(&array);
                    self.emit(Op::Length(place));
                    return Ok(());
                }
                while !self.is(")") {
                    self.grouped()?;
                    count += 1;
                    if !self.eat(",") {
                        break;
                    }
                    self.newlines();
                }
                self.newlines();
                self.expect(")")?;
                let (least, most) = match name {
                    "length" | "srand" | "fflush" => (0, 1),
                    "rand" | "systime" => (0, 0),
                    "index" | "atan2" => (2, 2),
                    "substr" => (2, 3),
                    "sprintf" => (1, usize::MAX),
                    "strftime" => (0, 3),
                    _ => (1, 1),
                };
                if count < least || count > most {
                    return Err("line 1: syntax error at or near )".to_owned());
                }
                self.emit(Op::Builtin(name, count));
            }
        }
        Ok(())
    }
}

/// An expression of the program or made while it runs.
pub(super) fn compile_regex(text: &[u8]) -> Result<Regex, String> {
    Regex::new(text, Flags::of(Dialect::Awk)).map_err(|why| {
        let why = match why {
            "Unmatched ( or \\(" => "missing ')'",
            "Unmatched ) or \\)" => "missing '('",
            "Invalid preceding regular expression" => "missing operand",
            "Unmatched [, [^, [:, [., or [=" => "bad class -- [], [^] or [",
            other => other,
        };
        format!("line 1: regular expression compile failed ({why})\n{}", String::from_utf8_lossy(text))
    })
}
