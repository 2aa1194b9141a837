//! Commands: lists, pipelines, compound and simple commands.

use std::sync::Arc;

use super::{ALIASES, Parsed, Parser, RESERVED, Wrong, quoted_word};
use crate::shell::ast::{Arm, Assign, Node, Piece, Redir, RedirOp, Simple, Value, Word};

/// Builtins whose arguments may be assignments.
const DECLARING: [&[u8]; 6] = [b"declare", b"typeset", b"local", b"export", b"readonly", b"alias"];

impl Parser {
    /// Commands up to one of the keywords, `)`, `;;` or the end.
    pub(super) fn list(&mut self, until: &[&[u8]]) -> Parsed<Node> {
        self.deeper(|p| {
            let mut all = Vec::new();
            loop {
                p.lines();
                let ends = p.peek().is_none_or(|b| b == b')')
                    || p.rest().starts_with(b";;")
                    || p.rest().starts_with(b";&")
                    || p.keyword().is_some_and(|word| until.contains(&word));
                if ends {
                    return Ok(Node::List(all));
                }
                let node = p.and_or()?;
                p.blanks();
                let background = !p.rest().starts_with(b"&&") && p.eat(b"&");
                all.push((Arc::new(node), background));
                p.blanks();
                let case = p.rest().starts_with(b";;") || p.rest().starts_with(b";&");
                if !background && !case && !p.eat(b";") && !matches!(p.peek(), None | Some(b'\n' | b')')) {
                    return Err(p.near(None));
                }
            }
        })
    }

    fn block(&mut self, until: &[&[u8]], wanted: &'static str) -> Parsed<Node> {
        let node = self.list(until)?;
        match &node {
            Node::List(all) if all.is_empty() => {
                Err(self.near(Some(wanted).filter(|_| self.at >= self.text.len())))
            }
            _ => Ok(node),
        }
    }

    pub(super) fn and_or(&mut self) -> Parsed<Node> {
        let mut left = self.pipeline()?;
        loop {
            self.blanks();
            let and = self.eat(b"&&");
            if !and && !self.eat(b"||") {
                return Ok(left);
            }
            self.lines();
            let right = Box::new(self.pipeline()?);
            left = if and { Node::And(Box::new(left), right) } else { Node::Or(Box::new(left), right) };
        }
    }

    fn pipeline(&mut self) -> Parsed<Node> {
        if self.is_word(b"time") {
            self.at += 4;
            self.blanks();
            let posix = self.rest().starts_with(b"-p")
                && self.text.get(self.at + 2).is_none_or(|b| b" \n;".contains(b));
            self.at += if posix { 2 } else { 0 };
            self.blanks();
            let alone = self.peek().is_none_or(|b| b"\n;&|)".contains(&b));
            let node = if alone { None } else { Some(Box::new(self.deeper(Self::pipeline)?)) };
            return Ok(Node::Time(node, posix));
        }
        let mut not = None;
        while self.is_word(b"!") {
            self.at += 1;
            not = Some(!not.unwrap_or(false));
            self.blanks();
        }
        if not.is_some() && self.bash && self.peek().is_none_or(|b| b"\n;".contains(&b)) {
            let empty = Node::List(Vec::new());
            return Ok(if not == Some(true) { Node::Not(Box::new(empty)) } else { empty });
        }
        let mut all = vec![self.command()?];
        loop {
            self.blanks();
            if self.rest().starts_with(b"||") || !self.eat(b"|") {
                break;
            }
            if self.bash
                && self.eat(b"&")
                && let Some(last) = all.pop()
            {
                let word =
                    Word { pieces: vec![Piece::Plain(b"1".to_vec())], raw: b"1".to_vec(), assign: None };
                let redir = Redir { fd: Some(2), name: None, op: RedirOp::Dup, word };
                all.push(Node::Redirected(Box::new(last), vec![redir]));
            }
            self.lines();
            all.push(self.command()?);
        }
        let node = if all.len() == 1 { all.remove(0) } else { Node::Pipe(all) };
        Ok(match not {
            Some(true) => Node::Not(Box::new(node)),
            _ => node,
        })
    }

    pub(super) fn command(&mut self) -> Parsed<Node> {
        self.deeper(|p| {
            p.alias();
            let node = p.compound()?;
            let Some(node) = node else { return p.simple() };
            let mut redirs = Vec::new();
            loop {
                p.blanks();
                match p.redirection()? {
                    Some(found) => redirs.push(found),
                    None => break,
                }
            }
            Ok(if redirs.is_empty() { node } else { Node::Redirected(Box::new(node), redirs) })
        })
    }

    /// Puts the text of an alias in where its name stands as a command.
    fn alias(&mut self) {
        loop {
            self.blanks();
            if self.aliases.is_empty() || self.put_in >= ALIASES {
                return;
            }
            let left = self.text.len() - self.at.min(self.text.len());
            self.within.retain(|(_, end)| *end < left);
            let length = self.rest().iter().take_while(|b| !b" \t\n;|&()<>$`'\"\\".contains(b)).count();
            let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
            let Some(value) = self.aliases.get(&name).cloned() else { return };
            if self.within.iter().any(|(n, _)| *n == name) {
                return;
            }
            self.put_in += 1;
            self.within.push((name, left - length));
            let grown = value.len();
            self.alias_next = value.last().is_some_and(|b| b" \t".contains(b)).then_some(left - length);
            self.text.splice(self.at..self.at + length, value);
            for end in &mut self.heres {
                *end = (*end + grown).saturating_sub(length);
            }
        }
    }

    fn compound(&mut self) -> Parsed<Option<Node>> {
        self.blanks();
        let line = self.line();
        if self.bash && self.rest().starts_with(b"((") {
            let start = self.at;
            self.at += 2;
            if let Some(text) = self.until_double()? {
                return Ok(Some(Node::Arith(quoted_word(&text)?, line)));
            }
            self.at = start;
        }
        if self.eat(b"(") {
            let body = self.block(&[], ")")?;
            if self.eat(b")") {
                return Ok(Some(Node::Subshell(Box::new(body))));
            }
            return Err(self.near(Some(")")));
        }
        let Some(word) = self.keyword() else { return Ok(None) };
        self.at += word.len();
        Ok(Some(match word {
            b"{" => {
                let body = self.block(&[b"}"], "}")?;
                self.expect("}")?;
                Node::Group(Box::new(body))
            }
            b"if" => self.branches()?,
            b"while" | b"until" => {
                let condition = Box::new(self.block(&[b"do"], "do")?);
                Node::Loop { until: word == b"until", condition, body: self.body()? }
            }
            b"for" | b"select" => self.for_loop(word == b"select")?,
            b"case" => self.case()?,
            b"function" => {
                self.blanks();
                let length = self.rest().iter().take_while(|b| !b" \t\n;|&()<>$`'\"\\".contains(b)).count();
                let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
                if name.is_empty() {
                    return Err(self.newline());
                }
                self.at += length;
                self.blanks();
                if self.eat(b"(") {
                    self.blanks();
                    self.eat(b")");
                }
                self.function(name)?
            }
            b"[[" => {
                let cond = self.cond_or()?;
                self.lines();
                if !self.eat(b"]]") {
                    let word = !self.peek().is_none_or(|b| b"\n;|&()<>".contains(&b));
                    return Err(self.cond_wrong(|token| match word {
                        true => "syntax error in conditional expression".to_owned(),
                        false => {
                            format!("syntax error in conditional expression: unexpected token `{token}'")
                        }
                    }));
                }
                Node::Test(cond, line)
            }
            _ => {
                self.at -= word.len();
                return Err(self.near(None));
            }
        }))
    }

    /// bash takes the end of a line that its text ends with for a newline.
    fn newline(&mut self) -> Wrong {
        match self.near(None) {
            Wrong::End { .. } => {
                let line = self.line();
                Wrong::Near { token: b"newline".to_vec(), line, wanted: None }
            }
            other => other,
        }
    }

    fn function(&mut self, name: Vec<u8>) -> Parsed<Node> {
        self.lines();
        let start = self.at;
        let node = self.command()?;
        if matches!(node, Node::Simple(_)) && self.bash {
            self.at = start;
            return Err(self.near(None));
        }
        Ok(Node::Function { name, body: Arc::new(node) })
    }

    fn branches(&mut self) -> Parsed<Node> {
        let mut arms = Vec::new();
        loop {
            let condition = self.block(&[b"then"], "then")?;
            self.expect("then")?;
            arms.push((condition, self.block(&[b"elif", b"else", b"fi"], "fi")?));
            if self.is_word(b"elif") {
                self.at += 4;
                continue;
            }
            let mut otherwise = None;
            if self.is_word(b"else") {
                self.at += 4;
                otherwise = Some(Box::new(self.block(&[b"fi"], "fi")?));
            }
            self.expect("fi")?;
            return Ok(Node::If { arms, otherwise });
        }
    }

    fn body(&mut self) -> Parsed<Box<Node>> {
        self.lines();
        if self.bash && self.is_word(b"{") {
            self.at += 1;
            let body = self.block(&[b"}"], "}")?;
            self.expect("}")?;
            return Ok(Box::new(body));
        }
        self.expect("do")?;
        let body = self.block(&[b"done"], "done")?;
        self.expect("done")?;
        Ok(Box::new(body))
    }

    fn for_loop(&mut self, select: bool) -> Parsed<Node> {
        self.blanks();
        let line = self.line();
        if !select && self.bash && self.eat(b"((") {
            let Some(text) = self.until_double()? else { return Err(self.near(None)) };
            if text.iter().filter(|b| **b == b';').count() < 2 {
                let shown = String::from_utf8_lossy(&text).into_owned();
                let text =
                    format!("syntax error: arithmetic expression required\nsyntax error: `(({shown}))'");
                return Err(Wrong::Said { text, line, status: 2 });
            }
            let mut parts = text.split(|b| *b == b';');
            let mut next = || quoted_word(parts.next().unwrap_or(b""));
            let parts = [next()?, next()?, next()?];
            self.blanks();
            self.eat(b";");
            return Ok(Node::Count { parts, body: self.body()? });
        }
        let Some(word) = self.word()? else {
            if !self.bash {
                return Err(Wrong::Said { text: "Bad for loop variable".to_owned(), line, status: 2 });
            }
            return Err(self.newline());
        };
        let name = word.raw;
        if !self.bash && !crate::shell::vars::is_name(&name) {
            return Err(Wrong::Said { text: "Bad for loop variable".to_owned(), line, status: 2 });
        }
        self.lines();
        let mut words = None;
        if self.is_word(b"in") {
            self.at += 2;
            let mut list = Vec::new();
            loop {
                self.blanks();
                match self.word()? {
                    Some(word) => list.push(word),
                    None => break,
                }
            }
            words = Some(list);
            self.blanks();
            if !self.eat(b";") && self.peek() != Some(b'\n') {
                return Err(self.near(None));
            }
        } else {
            self.blanks();
            self.eat(b";");
        }
        Ok(Node::For { name, words, body: self.body()?, select, line })
    }

    fn case(&mut self) -> Parsed<Node> {
        self.blanks();
        let Some(word) = self.word()? else { return Err(self.near(None)) };
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines();
            if self.is_word(b"esac") {
                self.at += 4;
                return Ok(Node::Case { word, arms });
            }
            self.eat(b"(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let Some(pattern) = self.word()? else { return Err(self.near(Some(")"))) };
                patterns.push(pattern);
                self.blanks();
                if !self.eat(b"|") {
                    break;
                }
            }
            if !self.eat(b")") {
                return Err(if self.bash && !self.more { self.newline() } else { self.near(Some(")")) });
            }
            let body = self.list(&[b"esac"])?;
            let end = match () {
                () if self.eat(b";;&") => b't',
                () if self.eat(b";;") => b';',
                () if self.eat(b";&") => b'&',
                () => {
                    if !self.is_word(b"esac") {
                        return Err(self.near(Some(";;")));
                    }
                    b';'
                }
            };
            arms.push(Arm { patterns, body, end });
        }
    }

    fn simple(&mut self) -> Parsed<Node> {
        self.blanks();
        let mut simple = Simple { line: self.line(), ..Simple::default() };
        let mut declares = false;
        loop {
            self.blanks();
            if let Some(redir) = self.redirection()? {
                simple.redirs.push(redir);
                continue;
            }
            if simple.words.is_empty() {
                if let Some(assign) = self.assignment()? {
                    simple.assigns.push(assign);
                    continue;
                }
                if simple.assigns.is_empty()
                    && simple.redirs.is_empty()
                    && let Some(name) = self.function_name()?
                {
                    return self.function(name);
                }
            }
            if !simple.words.is_empty()
                && let Some(left) = self.alias_next
                && self.text.len() - self.at <= left
            {
                self.alias_next = None;
                self.alias();
            }
            let start = self.at;
            if declares
                && self.bash
                && let Some(assign) = self.assignment()?
            {
                let raw = self.text.get(start..self.at).unwrap_or(&[]).to_vec();
                simple.words.push(Word { pieces: Vec::new(), raw, assign: Some(Box::new(assign)) });
                continue;
            }
            match self.word()? {
                Some(word) => {
                    declares |= simple.words.is_empty() && DECLARING.contains(&word.raw.as_slice());
                    simple.words.push(word);
                }
                None => break,
            }
        }
        let empty = simple.words.is_empty() && simple.assigns.is_empty() && simple.redirs.is_empty();
        if empty { Err(self.near(None)) } else { Ok(Node::Simple(simple)) }
    }

    /// `name=`, `name+=`, `name[subscript]=` with what follows.
    fn assignment(&mut self) -> Parsed<Option<Assign>> {
        let start = self.at;
        let name = self.name();
        if name.first().is_none_or(u8::is_ascii_digit) {
            self.at = start;
            return Ok(None);
        }
        let mut index = None;
        if self.bash && self.peek() == Some(b'[') {
            self.at += 1;
            let begin = self.at;
            let close = self.subscript_end();
            match close {
                Some(close) if matches!(self.text.get(close + 1), Some(b'=' | b'+')) => {
                    let text = self.text.get(begin..close).unwrap_or(&[]).to_vec();
                    index = Some(super::loose_word(&text)?);
                    self.at = close + 1;
                }
                _ => {
                    self.at = start;
                    return Ok(None);
                }
            }
        }
        let add = self.bash && self.eat(b"+=");
        if !add && !self.eat(b"=") {
            self.at = start;
            return Ok(None);
        }
        if self.bash && index.is_none() && self.eat(b"(") {
            let list = self.array()?;
            return Ok(Some(Assign { name, index, add, value: Value::Array(list) }));
        }
        let value = self.word()?.unwrap_or_default();
        Ok(Some(Assign { name, index, add, value: Value::Scalar(value) }))
    }

    /// Where the `]` of a subscript stands that began before the place reached.
    pub(super) fn subscript_end(&self) -> Option<usize> {
        let mut depth = 0u32;
        for (n, byte) in self.rest().iter().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' if depth == 0 => return Some(self.at + n),
                b']' => depth -= 1,
                b'\n' => return None,
                _ => {}
            }
        }
        None
    }

    /// What stands between the parentheses of an array, the closing one included.
    pub(super) fn array(&mut self) -> Parsed<Vec<(Option<Word>, bool, Word)>> {
        let line = self.line();
        let mut list = Vec::new();
        loop {
            self.lines();
            if self.eat(b")") {
                return Ok(list);
            }
            let start = self.at;
            let mut entry = None;
            if self.eat(b"[") {
                let begin = self.at;
                if let Some(close) = self.subscript_end()
                    && matches!(self.text.get(close + 1), Some(b'=' | b'+'))
                {
                    let text = self.text.get(begin..close).unwrap_or(&[]).to_vec();
                    self.at = close + 1;
                    let add = self.eat(b"+=");
                    if add || self.eat(b"=") {
                        entry = Some((Some(super::loose_word(&text)?), add));
                    }
                }
                if entry.is_none() {
                    self.at = start;
                }
            }
            match (entry, self.word()?) {
                (Some((index, add)), word) => list.push((index, add, word.unwrap_or_default())),
                (None, Some(word)) => list.push((None, false, word)),
                (None, None) if self.at >= self.text.len() => return Err(Self::unclosed(b')', line)),
                (None, None) => return Err(self.near(None)),
            }
        }
    }

    /// A name with `()` after it.
    fn function_name(&mut self) -> Parsed<Option<Vec<u8>>> {
        let length = self.rest().iter().take_while(|b| !b" \t\n;|&()<>$`'\"\\".contains(b)).count();
        let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
        if name.is_empty() || RESERVED.contains(&name.as_slice()) {
            return Ok(None);
        }
        let start = self.at;
        self.at += length;
        self.blanks();
        if !self.eat(b"(") {
            self.at = start;
            return Ok(None);
        }
        self.blanks();
        if !self.eat(b")") {
            return Err(self.near(Some(")")));
        }
        Ok(Some(name))
    }
}
