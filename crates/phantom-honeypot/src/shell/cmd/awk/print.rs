//! From tokens to instructions: print and printf.

use super::code::{Op, Redirect};
use super::lex::Token;
use super::parse::{Parsed, Parser};

impl Parser {
    pub(super) fn print(&mut self, formatted: bool) -> Parsed<()> {
        self.advance();
        let mut count = 0;
        let done = |p: &Self| {
            p.is(";")
                || p.is("}")
                || p.is(">")
                || p.is(">>")
                || p.is("|")
                || matches!(p.token(), Token::Newline | Token::End)
        };
        if self.is("(") && self.whole_list() {
            self.advance();
            let outer = std::mem::replace(&mut self.no_gt, false);
            self.newlines();
            while !self.is(")") {
                self.expression()?;
                count += 1;
                if !self.eat(",") {
                    break;
                }
                self.newlines();
            }
            self.expect(")")?;
            self.no_gt = outer;
        } else if !done(self) {
            let outer = std::mem::replace(&mut self.no_gt, true);
            loop {
                self.expression()?;
                count += 1;
                if !self.eat(",") {
                    break;
                }
                self.newlines();
            }
            self.no_gt = outer;
        }
        let redirect = if self.eat(">") {
            Redirect::File
        } else if self.eat(">>") {
            Redirect::Append
        } else if self.eat("|") {
            Redirect::Command
        } else {
            Redirect::None
        };
        if redirect != Redirect::None {
            let outer = std::mem::replace(&mut self.no_gt, true);
            self.expression()?;
            self.no_gt = outer;
        }
        if formatted && count == 0 {
            return self.wrong();
        }
        self.emit(if formatted { Op::Printf(count, redirect) } else { Op::Print(count, redirect) });
        Ok(())
    }

    /// Whether the parenthesis here closes just before the end of the statement or a redirection.
    fn whole_list(&self) -> bool {
        let mut level = 0;
        let mut at = self.at;
        loop {
            match self.tokens.get(at).map(|p| &p.token) {
                Some(Token::Op("(")) => level += 1,
                Some(Token::Op(")")) => {
                    level -= 1;
                    if level == 0 {
                        break;
                    }
                }
                Some(Token::End) | None => return false,
                _ => {}
            }
            at += 1;
        }
        matches!(
            self.tokens.get(at + 1).map(|p| &p.token),
            None | Some(Token::End | Token::Newline | Token::Op(";" | "}" | ">" | ">>" | "|"))
        )
    }
}
