//! Words: quoting and what `$` begins.

use std::sync::Arc;

use super::{Parsed, Parser, Wrong, quoted_word};
use crate::shell::ast::{Index, Param, ParamOp, Piece, Word};
use crate::shell::builtins::ansi;

/// What ends a word.
const ENDS: &[u8] = b" \t\n;|&()<>";

impl Parser {
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        self.deeper(|p| p.word_until(ENDS))
    }

    /// The right side of `=~`: parentheses and bars belong to it.
    pub(super) fn regex_word(&mut self) -> Parsed<Option<Word>> {
        self.deeper(|p| p.word_until(b" \t\n"))
    }

    /// A pattern in `[[ ]]`: `@(a|b)` belongs to it.
    pub(super) fn pattern_word(&mut self) -> Parsed<Option<Word>> {
        let mut whole: Option<Word> = None;
        loop {
            let Some(part) = self.word()? else { return Ok(whole) };
            let extended = part.raw.last().is_some_and(|b| b"?*+@!".contains(b)) && self.peek() == Some(b'(');
            let word = whole.get_or_insert_with(Word::default);
            word.pieces.extend(part.pieces);
            word.raw.extend(part.raw);
            if !extended {
                return Ok(whole);
            }
            let mut depth = 0;
            let length = self.rest().iter().position(|b| {
                depth += i32::from(*b == b'(') - i32::from(*b == b')');
                depth == 0
            });
            let Some(length) = length else { return Err(self.end(Some(b')'), None)) };
            let text = self.rest().get(..=length).unwrap_or(&[]).to_vec();
            self.at += length + 1;
            word.raw.extend_from_slice(&text);
            word.pieces.push(Piece::Plain(text));
        }
    }

    pub(super) fn word_until(&mut self, ends: &[u8]) -> Parsed<Option<Word>> {
        let mut pieces = Vec::new();
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'<' | b'>' if self.bash && ends == ENDS && self.text.get(self.at + 1) == Some(&b'(') => {
                    self.at += 2;
                    let body = self.list(&[])?;
                    if !self.eat(b")") {
                        return Err(self.near(None));
                    }
                    pieces.push(Piece::Process { body: Arc::new(body), out: byte == b'>' });
                }
                b if ends.contains(&b) => break,
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'\n') => {}
                        Some(byte) => pieces.push(Piece::Quoted(vec![byte])),
                        None if self.more => return Err(self.end(None, None)),
                        None => pieces.push(Piece::Quoted(b"\\".to_vec())),
                    }
                    self.at += 1;
                }
                b'\'' => {
                    let line = self.line();
                    self.at += 1;
                    let length = self.rest().iter().position(|b| *b == b'\'');
                    let length = length.ok_or_else(|| Self::unclosed(b'\'', line))?;
                    pieces.push(Piece::Quoted(self.rest().get(..length).unwrap_or(&[]).to_vec()));
                    self.at += length + 1;
                }
                b'"' => {
                    self.at += 1;
                    pieces.push(Piece::Quoted(Vec::new()));
                    self.double(&mut pieces, Some(b'"'))?;
                }
                b'$' if self.bash && self.rest().starts_with(b"$'") => {
                    let line = self.line();
                    self.at += 2;
                    let start = self.at;
                    while self.peek().is_some_and(|b| b != b'\'') {
                        self.at += if self.peek() == Some(b'\\') { 2 } else { 1 };
                    }
                    let text = self.text.get(start..self.at).ok_or_else(|| Self::unclosed(b'\'', line))?;
                    pieces.push(Piece::Quoted(ansi(text)));
                    if !self.eat(b"'") {
                        return Err(Self::unclosed(b'\'', line));
                    }
                }
                b'$' if self.bash && self.rest().starts_with(b"$\"") => self.at += 1,
                b'$' | b'`' => self.dollar(&mut pieces, false)?,
                byte => {
                    self.at += 1;
                    match pieces.last_mut() {
                        Some(Piece::Plain(text)) => text.push(byte),
                        _ => pieces.push(Piece::Plain(vec![byte])),
                    }
                }
            }
        }
        let end = self.at.min(self.text.len());
        self.at = end;
        let raw = self.text.get(start..end).unwrap_or(&[]).to_vec();
        Ok((end > start).then_some(Word { pieces, raw, assign: None }))
    }

    /// Between double quotes, or to the end.
    pub(super) fn double(&mut self, word: &mut Vec<Piece>, end: Option<u8>) -> Parsed<()> {
        let line = self.line();
        loop {
            match self.peek() {
                None if end.is_none() => return Ok(()),
                None => return Err(Self::unclosed(end.unwrap_or(b'"'), line)),
                byte if byte == end => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'"') if end == Some(b'}') => {
                    self.at += 1;
                    self.double(word, Some(b'"'))?;
                }
                Some(b'\\')
                    if self.text.get(self.at + 1).is_some_and(|b| {
                        b"$`\\\n".contains(b)
                            || (*b == b'"' && end.is_some())
                            || (*b == b'}' && end == Some(b'}'))
                    }) =>
                {
                    if let Some(byte) = self.text.get(self.at + 1).filter(|b| **b != b'\n') {
                        word.push(Piece::Quoted(vec![*byte]));
                    }
                    self.at += 2;
                }
                Some(b'$' | b'`') => self.deeper(|p| p.dollar(word, true))?,
                Some(byte) => {
                    self.at += 1;
                    match word.last_mut() {
                        Some(Piece::Quoted(text)) => text.push(byte),
                        _ => word.push(Piece::Quoted(vec![byte])),
                    }
                }
            }
        }
    }

    /// The text of `(( ))` up to its end; `None` where it does not end as one.
    pub(super) fn until_double(&mut self) -> Parsed<Option<Vec<u8>>> {
        let start = self.at;
        let line = self.line();
        let mut depth = 0u32;
        let mut quote = None;
        while let Some(byte) = self.peek() {
            match byte {
                b'\'' | b'"' if quote.is_none() => quote = Some(byte),
                _ if quote == Some(byte) => quote = None,
                _ if quote.is_some() => {}
                b'(' => depth += 1,
                b')' if depth == 0 && self.rest().starts_with(b"))") => {
                    let text = self.text.get(start..self.at).unwrap_or(&[]).to_vec();
                    self.at += 2;
                    return Ok(Some(text));
                }
                b')' if depth == 0 => return Ok(None),
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        Err(Self::unclosed(b')', line))
    }

    pub(super) fn dollar(&mut self, word: &mut Vec<Piece>, quoted: bool) -> Parsed<()> {
        let line = self.line();
        if self.eat(b"`") {
            let mut text = Vec::new();
            loop {
                match self.peek().ok_or_else(|| Self::unclosed(b'`', line))? {
                    b'`' => break,
                    b'\\'
                        if self
                            .text
                            .get(self.at + 1)
                            .is_some_and(|b| b"$`\\".contains(b) || (quoted && *b == b'"')) =>
                    {
                        self.at += 1;
                    }
                    _ => {}
                }
                text.extend(self.peek());
                self.at += 1;
            }
            self.at += 1;
            let mut inner = Self::new(&text, line, self.bash);
            inner.depth = self.depth + 1;
            inner.more = false;
            let body = inner.whole()?;
            word.push(Piece::Command { body: Arc::new(body), quoted });
            return Ok(());
        }
        if self.rest().starts_with(b"$((") {
            let start = self.at;
            self.at += 3;
            match self.until_double() {
                Ok(Some(text)) => {
                    word.push(Piece::Arith { text: quoted_word(&text)?, quoted });
                    return Ok(());
                }
                Ok(None) => self.at = start,
                Err(wrong) => return Err(wrong),
            }
        }
        if self.eat(b"$(") {
            let heres = std::mem::take(&mut self.heres);
            let body = self.list(&[]);
            self.heres = heres;
            let body = match body {
                Err(Wrong::End { open: None, line, wanted }) => {
                    return Err(Wrong::End { open: Some(b')'), line, wanted: wanted.or(Some(")")) });
                }
                other => other?,
            };
            if !self.eat(b")") {
                return Err(match self.near(Some(")")) {
                    Wrong::End { line, wanted, .. } => Wrong::End { open: Some(b')'), line, wanted },
                    other => other,
                });
            }
            word.push(Piece::Command { body: Arc::new(body), quoted });
            return Ok(());
        }
        if self.eat(b"${") {
            let start = self.at;
            match self.braced(quoted) {
                Ok(param) => word.push(Piece::Param { param: Box::new(param), quoted }),
                Err(Some(wrong)) => return Err(wrong),
                Err(None) => {
                    // What it is no expansion of is only said when it is reached.
                    self.at = start;
                    let mut depth = 0u32;
                    loop {
                        match self.peek() {
                            None => return Err(Self::unclosed(b'}', line)),
                            Some(b'{') => depth += 1,
                            Some(b'}') if depth == 0 => break,
                            Some(b'}') => depth -= 1,
                            Some(_) => {}
                        }
                        self.at += 1;
                    }
                    let text = self.text.get(start..self.at).unwrap_or(&[]).to_vec();
                    self.at += 1;
                    let param =
                        Param { name: Vec::new(), index: None, indirect: false, op: ParamOp::Bad(text) };
                    word.push(Piece::Param { param: Box::new(param), quoted });
                }
            }
            return Ok(());
        }
        self.at += 1;
        let special = self.peek().filter(|b| b"@*#?-$!0123456789".contains(b));
        let name = match special {
            Some(byte) => {
                self.at += 1;
                vec![byte]
            }
            None => self.name(),
        };
        word.push(match name.is_empty() {
            true if quoted => Piece::Quoted(b"$".to_vec()),
            true => Piece::Plain(b"$".to_vec()),
            false => {
                let param = Param { name, index: None, indirect: false, op: ParamOp::Value };
                Piece::Param { param: Box::new(param), quoted }
            }
        });
        Ok(())
    }

    /// The word after an operator within `${ }`.
    fn operand(&mut self, ends: &[u8], quoted: bool, literal: bool) -> Parsed<Word> {
        self.deeper(|p| {
            let start = p.at;
            if quoted && literal {
                let mut pieces = Vec::new();
                p.double(&mut pieces, Some(b'}'))?;
                p.at -= 1;
                let raw = p.text.get(start..p.at).unwrap_or(&[]).to_vec();
                return Ok(Word { pieces, raw, assign: None });
            }
            p.word_until(ends).map(Option::unwrap_or_default)
        })
    }

    /// A name or special parameter, and a subscript.
    fn parameter(&mut self) -> Result<(Vec<u8>, Option<Index>), Option<Wrong>> {
        let name = match self.peek().filter(|b| b"@*#?-$!".contains(b)) {
            Some(byte) => {
                self.at += 1;
                vec![byte]
            }
            None => self.name(),
        };
        let digits = name.iter().all(u8::is_ascii_digit);
        if name.is_empty() || (!digits && name.first().is_some_and(u8::is_ascii_digit)) {
            return Err(None);
        }
        let mut index = None;
        if self.bash && !digits && self.peek() == Some(b'[') {
            self.at += 1;
            let close = self.subscript_end().ok_or(None)?;
            let text = self.text.get(self.at..close).unwrap_or(&[]).to_vec();
            index = Some(match text.as_slice() {
                b"@" => Index::All,
                b"*" => Index::Joined,
                b"" => return Err(None),
                text => Index::At(super::loose_word(text)?),
            });
            self.at = close + 1;
        }
        Ok((name, index))
    }

    /// What stands in `${ }`; `Err(None)`: nothing that is known.
    fn braced(&mut self, quoted: bool) -> Result<Param, Option<Wrong>> {
        let line = self.line();
        let rest = self.rest();
        let after = rest.get(1).copied().unwrap_or(b'}');
        let length = rest.starts_with(b"#")
            && after != b'}'
            && !b":-+=?%".contains(&after)
            && !(after == b'#' && rest.get(2).is_some_and(|b| *b != b'}'));
        if length {
            self.at += 1;
            let (name, index) = self.parameter()?;
            return match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    Ok(Param { name, index, indirect: false, op: ParamOp::Length })
                }
                _ => Err(None),
            };
        }
        let indirect = self.bash
            && rest.starts_with(b"!")
            && (after.is_ascii_alphanumeric()
                || after == b'_'
                || (b"@*#?!".contains(&after) && rest.get(2) == Some(&b'}')));
        self.at += usize::from(indirect);
        let (name, index) = self.parameter()?;
        if indirect {
            let joined = self.rest().starts_with(b"*}");
            if joined || self.rest().starts_with(b"@}") {
                self.at += 2;
                return Ok(Param { name, index: None, indirect: false, op: ParamOp::Names { joined } });
            }
            if self.peek() == Some(b'}') && matches!(index, Some(Index::All | Index::Joined)) {
                self.at += 1;
                let joined = index == Some(Index::Joined);
                return Ok(Param { name, index: None, indirect: false, op: ParamOp::Keys { joined } });
            }
        }
        let op = self.operator(quoted)?;
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                Ok(Param { name, index, indirect, op })
            }
            None => Err(Some(Self::unclosed(b'}', line))),
            _ => Err(None),
        }
    }

    fn operator(&mut self, quoted: bool) -> Result<ParamOp, Option<Wrong>> {
        let line = self.line();
        Ok(match self.peek() {
            None => return Err(Some(Self::unclosed(b'}', line))),
            Some(b'}') => ParamOp::Value,
            Some(b'/') if self.bash => {
                self.at += 1;
                let how = self.peek().filter(|b| b"/#%".contains(b)).unwrap_or(0);
                self.at += usize::from(how != 0);
                // A pattern may begin with a slash.
                let pattern = self.operand(b"/}", quoted, false)?;
                let text = if self.eat(b"/") { self.operand(b"}", false, false)? } else { Word::default() };
                ParamOp::Replace { how, pattern, text }
            }
            Some(op @ (b'#' | b'%')) => {
                self.at += 1;
                let longest = self.eat(&[op]);
                ParamOp::Strip { prefix: op == b'#', longest, word: self.operand(b"}", quoted, false)? }
            }
            Some(op @ (b'^' | b',' | b'~')) if self.bash => {
                self.at += 1;
                let all = self.eat(&[op]);
                let pattern = self.operand(b"}", quoted, false)?;
                let pattern = (!pattern.raw.is_empty()).then_some(pattern);
                ParamOp::Case { how: op, all, pattern }
            }
            Some(b'@') if self.bash => {
                self.at += 1;
                let letter = self.peek().filter(|b| b"QEPAaUuLKk".contains(b)).ok_or(None)?;
                self.at += 1;
                ParamOp::Transform(letter)
            }
            Some(first) => {
                let colon = first == b':';
                self.at += usize::from(colon);
                match self.peek().ok_or_else(|| Some(Self::unclosed(b'}', line)))? {
                    op @ (b'-' | b'=' | b'?' | b'+') => {
                        self.at += 1;
                        ParamOp::Test { op, colon, word: self.operand(b"}", quoted, true)? }
                    }
                    _ if colon && self.bash => {
                        let offset = self.bounds()?;
                        let length = if self.eat(b":") { Some(self.bounds()?) } else { None };
                        ParamOp::Slice { offset, length }
                    }
                    _ => return Err(None),
                }
            }
        })
    }

    /// An expression up to `:` or `}`, in which `?:` and brackets may stand.
    fn bounds(&mut self) -> Parsed<Word> {
        let (mut depth, mut choices) = (0u32, 0u32);
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' | b'{' | b'[' => depth += 1,
                b'}' | b':' if depth == 0 && choices == 0 => break,
                b')' | b'}' | b']' => depth = depth.saturating_sub(1),
                b'?' => choices += 1,
                b':' => choices = choices.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or(&[]).to_vec();
        quoted_word(&text)
    }
}
