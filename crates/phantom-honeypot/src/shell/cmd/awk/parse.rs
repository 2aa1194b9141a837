//! From tokens to instructions: statements.

use super::code::{Code, Function, Op, Place, Redirect, Target};
use super::lex::{Placed, Token, tokens};
use super::value::Value;

/// Statements and expressions within each other.
const DEPTH: u32 = 60;
/// Instructions of a program.
const OPS: usize = 100_000;

pub(super) struct Parser {
    pub(super) tokens: Vec<Placed>,
    pub(super) at: usize,
    pub(super) code: Code,
    /// Parameters of the function being read.
    pub(super) locals: Vec<Vec<u8>>,
    in_function: bool,
    /// In BEGIN or END.
    outside: bool,
    loops: Vec<Loop>,
    pub(super) depth: u32,
    /// `>` and `in` mean a redirection and a loop here.
    pub(super) no_gt: bool,
    pub(super) no_in: bool,
    pub(super) braces: u32,
}

#[derive(Default)]
struct Loop {
    breaks: Vec<usize>,
    continues: Vec<usize>,
    is_for_in: bool,
}

pub(super) type Parsed<T> = Result<T, String>;

/// Compiles a program; the error is the line behind `awk: `.
pub(super) fn compile(text: &[u8]) -> Parsed<Code> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        code: Code::new(),
        locals: Vec::new(),
        in_function: false,
        outside: false,
        loops: Vec::new(),
        depth: 0,
        no_gt: false,
        no_in: false,
        braces: 0,
    };
    loop {
        parser.ends();
        if *parser.token() == Token::End {
            break;
        }
        parser.item()?;
    }
    let line = parser.line();
    if let Some(missing) = parser.code.functions.iter().find(|f| !f.defined) {
        return Err(format!(
            "line {line}: function {} never defined",
            String::from_utf8_lossy(&missing.name)
        ));
    }
    parser.code.settle();
    Ok(parser.code)
}

impl Parser {
    pub(super) fn token(&self) -> &Token {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(&Token::End, |p| &p.token)
    }

    pub(super) fn ahead(&self, by: usize) -> &Token {
        self.tokens.get(self.at + by).map_or(&Token::End, |p| &p.token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |p| p.line)
    }

    pub(super) fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    pub(super) fn is(&self, op: &str) -> bool {
        matches!(self.token(), Token::Op(o) if *o == op)
    }

    fn word(&self, word: &str) -> bool {
        matches!(self.token(), Token::Keyword(w) if *w == word)
    }

    pub(super) fn eat(&mut self, op: &str) -> bool {
        let yes = self.is(op);
        if yes {
            match op {
                "{" => self.braces += 1,
                "}" => self.braces = self.braces.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
        yes
    }

    pub(super) fn expect(&mut self, op: &str) -> Parsed<()> {
        if self.eat(op) { Ok(()) } else { self.wrong() }
    }

    pub(super) fn wrong<T>(&self) -> Parsed<T> {
        let line = self.line();
        Err(match self.tokens.get(self.at) {
            Some(Placed { token: Token::End, .. }) | None if self.braces > 0 => {
                format!("line {line}: missing }} near end of file")
            }
            Some(Placed { token: Token::End, .. }) | None => {
                format!("line {line}: syntax error at or near end of file")
            }
            Some(Placed { token: Token::Newline, .. }) => {
                format!("line {line}: unexpected newline near end of line")
            }
            Some(placed) => {
                format!("line {line}: syntax error at or near {}", String::from_utf8_lossy(&placed.text))
            }
        })
    }

    pub(super) fn emit(&mut self, op: Op) -> usize {
        self.code.ops.push(op);
        self.code.ops.len() - 1
    }

    pub(super) fn here(&self) -> usize {
        self.code.ops.len()
    }

    /// Lets a jump lead to the end of what there is.
    pub(super) fn land(&mut self, at: usize) {
        let end = self.here();
        self.lead(at, end);
    }

    fn lead(&mut self, at: usize, end: usize) {
        if let Some(
            Op::Jump(to) | Op::JumpIf(to) | Op::JumpUnless(to) | Op::ForNext(_, to) | Op::Range(_, to, _),
        ) = self.code.ops.get_mut(at)
        {
            *to = end;
        }
    }

    pub(super) fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH || self.code.ops.len() > OPS {
            return Err(format!("line {}: yacc stack overflow", self.line()));
        }
        Ok(())
    }

    pub(super) fn newlines(&mut self) {
        while *self.token() == Token::Newline {
            self.advance();
        }
    }

    fn ends(&mut self) {
        while *self.token() == Token::Newline || self.is(";") {
            self.advance();
        }
    }

    pub(super) fn place(&mut self, name: &[u8]) -> Place {
        match self.locals.iter().position(|local| local == name) {
            Some(at) => Place::Local(at),
            None => Place::Global(self.code.global(name)),
        }
    }

    pub(super) fn function(&mut self, name: &[u8]) -> usize {
        match self.code.functions.iter().position(|f| f.name == name) {
            Some(at) => at,
            None => {
                self.code.functions.push(Function { name: name.to_vec(), ..Function::default() });
                self.code.functions.len() - 1
            }
        }
    }

    fn item(&mut self) -> Parsed<()> {
        if self.word("function") {
            return self.definition();
        }
        let start = self.here();
        if self.word("BEGIN") || self.word("END") {
            let begin = self.word("BEGIN");
            self.advance();
            if !self.is("{") {
                return self.wrong();
            }
            self.outside = true;
            self.block()?;
            self.outside = false;
            self.emit(Op::Done);
            let list = if begin { &mut self.code.begin } else { &mut self.code.end };
            list.push(start);
            return Ok(());
        }
        let mut skip = None;
        if !self.is("{") {
            self.expression()?;
            if self.eat(",") {
                self.newlines();
                // first: range begins; second: it ends with this record.
                let range = self.code.ranges;
                self.code.ranges += 1;
                let first = self.code.ops.split_off(start);
                let jump = self.emit(Op::Range(range, 0, 0));
                let shift = self.here() - start;
                let moved: Vec<Op> = first.into_iter().map(|op| shifted(op, start, shift)).collect();
                self.code.ops.extend(moved);
                let unless = self.emit(Op::JumpUnless(0));
                let second = self.here();
                self.expression()?;
                self.emit(Op::Range(range, 0, 1));
                let body = self.here();
                if let Some(Op::Range(_, to, _)) = self.code.ops.get_mut(jump) {
                    *to = second;
                }
                let _ = body;
                skip = Some(unless);
            } else {
                skip = Some(self.emit(Op::JumpUnless(0)));
            }
        }
        if self.is("{") {
            self.block()?;
        } else {
            self.emit(Op::Print(0, Redirect::None));
        }
        if let Some(skip) = skip {
            self.land(skip);
        }
        self.emit(Op::Done);
        self.code.rules.push(start);
        Ok(())
    }

    fn definition(&mut self) -> Parsed<()> {
        self.advance();
        let (Token::Name(name) | Token::FuncName(name)) = self.token().clone() else { return self.wrong() };
        self.advance();
        self.expect("(")?;
        let mut locals = Vec::new();
        while let Token::Name(local) = self.token().clone() {
            locals.push(local);
            self.advance();
            if !self.eat(",") {
                break;
            }
            self.newlines();
        }
        self.expect(")")?;
        self.newlines();
        let index = self.function(&name);
        let start = self.here();
        if let Some(function) = self.code.functions.get_mut(index) {
            function.start = start;
            function.params = locals.len();
            function.defined = true;
        }
        self.locals = locals;
        self.in_function = true;
        if !self.is("{") {
            return self.wrong();
        }
        self.block()?;
        self.emit(Op::Push(Value::Unset));
        self.emit(Op::Return);
        self.emit(Op::Done);
        self.in_function = false;
        self.locals.clear();
        Ok(())
    }

    fn block(&mut self) -> Parsed<()> {
        self.expect("{")?;
        loop {
            self.ends();
            if self.eat("}") {
                return Ok(());
            }
            self.statement()?;
        }
    }

    /// What may follow a simple statement.
    fn terminated(&mut self) -> Parsed<()> {
        if self.is("}") || *self.token() == Token::End && self.braces == 0 {
            return Ok(());
        }
        if self.eat(";") || *self.token() == Token::Newline {
            self.newlines();
            return Ok(());
        }
        self.wrong()
    }

    fn body(&mut self) -> Parsed<()> {
        self.newlines();
        if self.eat(";") {
            return Ok(());
        }
        self.statement()
    }

    fn statement(&mut self) -> Parsed<()> {
        self.enter()?;
        let result = self.statement_inner();
        self.depth -= 1;
        result
    }

    fn statement_inner(&mut self) -> Parsed<()> {
        if self.is("{") {
            return self.block();
        }
        let Token::Keyword(word) = *self.token() else {
            self.simple()?;
            return self.terminated();
        };
        match word {
            "if" => {
                self.advance();
                self.expect("(")?;
                self.grouped()?;
                self.expect(")")?;
                let unless = self.emit(Op::JumpUnless(0));
                self.body()?;
                let back = self.at;
                self.ends();
                if self.word("else") {
                    self.advance();
                    let jump = self.emit(Op::Jump(0));
                    self.land(unless);
                    self.body()?;
                    self.land(jump);
                } else {
                    self.at = back;
                    self.land(unless);
                }
                Ok(())
            }
            "while" => {
                self.advance();
                let top = self.here();
                self.expect("(")?;
                self.grouped()?;
                self.expect(")")?;
                let unless = self.emit(Op::JumpUnless(0));
                self.loops.push(Loop::default());
                self.body()?;
                self.emit(Op::Jump(top));
                self.land(unless);
                self.close_loop(top);
                Ok(())
            }
            "do" => {
                self.advance();
                let top = self.here();
                self.loops.push(Loop::default());
                self.body()?;
                self.ends();
                if !self.word("while") {
                    return self.wrong();
                }
                self.advance();
                let test = self.here();
                self.expect("(")?;
                self.grouped()?;
                self.expect(")")?;
                self.emit(Op::JumpIf(top));
                self.close_loop(test);
                self.terminated()
            }
            "for" => self.for_loop(),
            _ => {
                self.simple()?;
                self.terminated()
            }
        }
    }

    fn close_loop(&mut self, again: usize) {
        if let Some(done) = self.loops.pop() {
            done.breaks.into_iter().for_each(|at| self.land(at));
            done.continues.into_iter().for_each(|at| self.lead(at, again));
        }
    }

    fn for_loop(&mut self) -> Parsed<()> {
        self.advance();
        self.expect("(")?;
        if let (Token::Name(name), Token::Keyword("in"), Token::Name(array), Token::Op(")")) =
            (self.token().clone(), self.ahead(1).clone(), self.ahead(2).clone(), self.ahead(3))
        {
            (0..4).for_each(|_| self.advance());
            let (variable, array) = (self.place(&name), self.place(&array));
            self.emit(Op::ForStart(array));
            let next = self.emit(Op::ForNext(Target::Variable(variable), 0));
            self.loops.push(Loop { is_for_in: true, ..Loop::default() });
            self.body()?;
            self.emit(Op::Jump(next));
            self.close_loop(next);
            self.land(next);
            self.emit(Op::ForEnd);
            return Ok(());
        }
        if !self.is(";") {
            self.simple()?;
        }
        self.expect(";")?;
        self.newlines();
        let test = self.here();
        let mut unless = None;
        if !self.is(";") {
            self.expression()?;
            unless = Some(self.emit(Op::JumpUnless(0)));
        }
        self.expect(";")?;
        self.newlines();
        let over = self.emit(Op::Jump(0));
        let step = self.here();
        if !self.is(")") {
            self.simple()?;
        }
        self.expect(")")?;
        self.emit(Op::Jump(test));
        self.land(over);
        self.loops.push(Loop::default());
        self.body()?;
        self.emit(Op::Jump(step));
        if let Some(unless) = unless {
            self.land(unless);
        }
        self.close_loop(step);
        Ok(())
    }

    /// A statement without others in it.
    fn simple(&mut self) -> Parsed<()> {
        let Token::Keyword(word) = *self.token() else {
            self.expression()?;
            self.emit(Op::Pop);
            return Ok(());
        };
        let done = |p: &Self| p.is(";") || p.is("}") || matches!(p.token(), Token::Newline | Token::End);
        match word {
            "print" | "printf" => return self.print(word == "printf"),
            "next" if self.outside => {
                return Err(format!("line {}: improper use of next", self.line()));
            }
            "next" => {
                self.advance();
                self.emit(Op::Next);
            }
            "exit" => {
                self.advance();
                let valued = !done(self);
                if valued {
                    self.expression()?;
                }
                self.emit(Op::Exit(valued));
            }
            "return" if self.in_function => {
                self.advance();
                if done(self) {
                    self.emit(Op::Push(Value::Unset));
                } else {
                    self.expression()?;
                }
                self.emit(Op::Return);
            }
            "break" | "continue" => {
                let Some(_) = self.loops.last() else {
                    return Err(format!("line {}: improper use of {word}", self.line()));
                };
                self.advance();
                let at = self.emit(Op::Jump(0));
                if let Some(inner) = self.loops.last_mut() {
                    if word == "break" {
                        inner.breaks.push(at)
                    } else {
                        inner.continues.push(at)
                    }
                    let _ = inner.is_for_in;
                }
            }
            "delete" => {
                self.advance();
                let Token::Name(name) = self.token().clone() else { return self.wrong() };
                self.advance();
                let place = self.place(&name);
                if self.eat("[") {
                    self.subscript()?;
                    self.emit(Op::Delete(place));
                } else {
                    self.emit(Op::DeleteAll(place));
                }
            }
            "getline" | "in" => {
                self.expression()?;
                self.emit(Op::Pop);
            }
            "nextfile" => return Err(format!("line {}: improper use of nextfile", self.line())),
            _ => return self.wrong(),
        }
        Ok(())
    }
}

/// An instruction that was moved `by` behind: its jumps move along.
fn shifted(op: Op, from: usize, by: usize) -> Op {
    let to = |n: usize| if n >= from { n + by } else { n };
    match op {
        Op::Jump(n) => Op::Jump(to(n)),
        Op::JumpIf(n) => Op::JumpIf(to(n)),
        Op::JumpUnless(n) => Op::JumpUnless(to(n)),
        other => other,
    }
}
