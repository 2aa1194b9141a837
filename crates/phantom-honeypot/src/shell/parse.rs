//! Text to [`Node`]s: one pass over the bytes, as POSIX 2.10 and bash's extensions that people use.

use std::sync::Arc;

use super::ast::{Node, Param, ParamOp, Piece, Redir, RedirOp, Simple, Word};

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// More lines are needed.
    Incomplete,
    /// This token stands where none such may.
    Near(Vec<u8>),
}

type Parsed<T> = Result<T, Wrong>;

/// Nesting of commands, substitutions and words.
const DEPTH: u32 = 40;
const RESERVED: &[&[u8]] = &[
    b"then",
    b"else",
    b"elif",
    b"fi",
    b"do",
    b"done",
    b"esac",
    b"}",
    b"in",
    b"{",
    b"if",
    b"while",
    b"until",
    b"for",
    b"case",
    b"!",
    b"function",
    b"[[",
];

/// Parses a whole text.
pub(super) fn parse(text: &[u8]) -> Parsed<Node> {
    let mut p = Parser { text, at: 0, depth: 0, heres: Vec::new() };
    let node = p.list(&[])?;
    if p.at < text.len() {
        return Err(p.near());
    }
    if p.heres.is_empty() { Ok(node) } else { p.bodies().map(|()| node) }
}

/// A here-document's text or `$(( ))`: expansions as between double quotes.
pub(super) fn quoted_word(text: &[u8]) -> Parsed<Word> {
    let mut p = Parser { text, at: 0, depth: 0, heres: Vec::new() };
    let mut word = Word::new();
    p.double(&mut word, None)?;
    Ok(word)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    /// Here-documents whose bodies begin at the next line: delimiter, strip tabs, quoted.
    heres: Vec<(Vec<u8>, bool, bool, usize)>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or(&[])
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn near(&self) -> Wrong {
        let rest = self.rest();
        let ops: [&[u8]; 8] = [b"&&", b"||", b";;", b"|", b"&", b";", b")", b"("];
        if rest.is_empty() {
            return Wrong::Incomplete;
        }
        if rest.starts_with(b"\n") {
            return Wrong::Near(b"newline".to_vec());
        }
        let end = rest.iter().position(|b| b" \t\n;|&()<>".contains(b)).unwrap_or(rest.len()).max(1);
        let token = ops.into_iter().find(|op| rest.starts_with(op)).or(rest.get(..end)).unwrap_or(rest);
        Wrong::Near(token.to_vec())
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Wrong::Near(b"(".to_vec()));
        }
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// Blanks, continued lines and comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.rest().starts_with(b"\\\n") => self.at += 2,
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
    }

    fn lines(&mut self) -> Parsed<()> {
        loop {
            self.blanks();
            if !self.eat(b"\n") {
                return Ok(());
            }
            self.bodies()?;
        }
    }

    /// Steps over the bodies of here-documents: they were read when their operator was.
    fn bodies(&mut self) -> Parsed<()> {
        for (_, _, _, end) in std::mem::take(&mut self.heres) {
            self.at = self.at.max(end);
        }
        Ok(())
    }

    fn keyword(&mut self) -> Option<&'static [u8]> {
        self.blanks();
        RESERVED.iter().copied().find(|word| {
            self.rest()
                .strip_prefix(*word)
                .is_some_and(|rest| rest.first().is_none_or(|b| b" \t\r\n;|&()<>".contains(b)))
        })
    }

    fn is_word(&mut self, word: &[u8]) -> bool {
        self.keyword() == Some(word)
    }

    fn expect(&mut self, word: &[u8]) -> Parsed<()> {
        self.lines()?;
        if self.is_word(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.near())
        }
    }

    /// Commands up to one of the keywords, `)`, `;;` or the end.
    fn list(&mut self, until: &[&[u8]]) -> Parsed<Node> {
        self.deeper(|p| {
            let mut all = Vec::new();
            loop {
                p.lines()?;
                let ends = p.peek().is_none_or(|b| b == b')')
                    || p.rest().starts_with(b";;")
                    || p.keyword().is_some_and(|word| until.contains(&word));
                if ends {
                    return Ok(Node::List(all));
                }
                let node = p.and_or()?;
                p.blanks();
                let background = !p.rest().starts_with(b"&&") && p.eat(b"&");
                all.push((node, background));
                p.blanks();
                if !background
                    && !p.rest().starts_with(b";;")
                    && !p.eat(b";")
                    && !matches!(p.peek(), None | Some(b'\n' | b')'))
                {
                    return Err(p.near());
                }
            }
        })
    }

    fn block(&mut self, until: &[&[u8]]) -> Parsed<Node> {
        let node = self.list(until)?;
        match &node {
            Node::List(all) if all.is_empty() => Err(self.near()),
            _ => Ok(node),
        }
    }

    fn and_or(&mut self) -> Parsed<Node> {
        let mut left = self.pipeline()?;
        loop {
            self.blanks();
            let and = self.eat(b"&&");
            if !and && !self.eat(b"||") {
                return Ok(left);
            }
            self.lines()?;
            let right = Box::new(self.pipeline()?);
            left = if and { Node::And(Box::new(left), right) } else { Node::Or(Box::new(left), right) };
        }
    }

    fn pipeline(&mut self) -> Parsed<Node> {
        let mut not = false;
        while self.is_word(b"!") {
            self.at += 1;
            not = !not;
        }
        let mut all = vec![self.command()?];
        loop {
            self.blanks();
            if self.rest().starts_with(b"||") || !self.eat(b"|") {
                break;
            }
            if self.eat(b"&")
                && let Some(last) = all.pop()
            {
                let redir = Redir { fd: 2, op: RedirOp::Dup, word: vec![Piece::Plain(b"1".to_vec())] };
                all.push(Node::Redirected(Box::new(last), vec![redir]));
            }
            self.lines()?;
            all.push(self.command()?);
        }
        let node = if all.len() == 1 { all.remove(0) } else { Node::Pipe(all) };
        Ok(if not { Node::Not(Box::new(node)) } else { node })
    }

    fn command(&mut self) -> Parsed<Node> {
        self.deeper(|p| {
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

    fn compound(&mut self) -> Parsed<Option<Node>> {
        self.blanks();
        if self.eat(b"((") {
            let text = self.until_double()?;
            return Ok(Some(Node::Arith(quoted_word(&text)?)));
        }
        if self.eat(b"(") {
            let body = self.block(&[])?;
            return if self.eat(b")") { Ok(Some(Node::Subshell(Box::new(body)))) } else { Err(self.near()) };
        }
        let Some(word) = self.keyword() else { return Ok(None) };
        self.at += word.len();
        Ok(Some(match word {
            b"{" => {
                let body = self.block(&[b"}"])?;
                self.expect(b"}")?;
                Node::Group(Box::new(body))
            }
            b"if" => self.branches()?,
            b"while" | b"until" => {
                let condition = Box::new(self.block(&[b"do"])?);
                Node::Loop { until: word == b"until", condition, body: self.body()? }
            }
            b"for" => self.for_loop()?,
            b"case" => self.case()?,
            b"function" => {
                self.blanks();
                let name = self.name();
                self.blanks();
                if self.eat(b"(") {
                    self.blanks();
                    self.eat(b")");
                }
                self.lines()?;
                Node::Function { name, body: Arc::new(self.command()?) }
            }
            b"[[" => {
                let mut words = Vec::new();
                loop {
                    self.lines()?;
                    if self.eat(b"]]") {
                        break;
                    }
                    let ops: [&[u8]; 6] = [b"&&", b"||", b"(", b")", b"<", b">"];
                    if let Some(op) = ops.into_iter().find(|op| self.rest().starts_with(op)) {
                        self.at += op.len();
                        words.push(vec![Piece::Plain(op.to_vec())]);
                    } else {
                        words.push(self.word()?.ok_or_else(|| self.near())?);
                    }
                }
                Node::Test(words)
            }
            _ => {
                self.at -= word.len();
                return Err(self.near());
            }
        }))
    }

    fn branches(&mut self) -> Parsed<Node> {
        let mut arms = Vec::new();
        loop {
            let condition = self.block(&[b"then"])?;
            self.expect(b"then")?;
            arms.push((condition, self.block(&[b"elif", b"else", b"fi"])?));
            if self.is_word(b"elif") {
                self.at += 4;
                continue;
            }
            let mut otherwise = None;
            if self.is_word(b"else") {
                self.at += 4;
                otherwise = Some(Box::new(self.block(&[b"fi"])?));
            }
            self.expect(b"fi")?;
            return Ok(Node::If { arms, otherwise });
        }
    }

    fn body(&mut self) -> Parsed<Box<Node>> {
        self.expect(b"do")?;
        let body = self.block(&[b"done"])?;
        self.expect(b"done")?;
        Ok(Box::new(body))
    }

    fn for_loop(&mut self) -> Parsed<Node> {
        self.blanks();
        if self.eat(b"((") {
            let text = self.until_double()?;
            let mut parts = text.split(|b| *b == b';');
            let mut next = || quoted_word(parts.next().unwrap_or(b""));
            let parts = [next()?, next()?, next()?];
            self.blanks();
            self.eat(b";");
            return Ok(Node::Count { parts, body: self.body()? });
        }
        let name = self.name();
        if name.is_empty() {
            return Err(self.near());
        }
        self.lines()?;
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
        }
        self.blanks();
        self.eat(b";");
        Ok(Node::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Parsed<Node> {
        self.blanks();
        let word = self.word()?.ok_or_else(|| self.near())?;
        self.expect(b"in")?;
        let mut arms = Vec::new();
        loop {
            self.lines()?;
            if self.is_word(b"esac") {
                self.at += 4;
                return Ok(Node::Case { word, arms });
            }
            self.eat(b"(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?.ok_or_else(|| self.near())?);
                self.blanks();
                if !self.eat(b"|") {
                    break;
                }
            }
            if !self.eat(b")") {
                return Err(self.near());
            }
            let body = self.list(&[b"esac"])?;
            arms.push((patterns, body));
            self.eat(b";;");
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let length = self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
        self.at += length;
        name
    }

    fn simple(&mut self) -> Parsed<Node> {
        let mut simple = Simple::default();
        loop {
            self.blanks();
            if let Some(redir) = self.redirection()? {
                simple.redirs.push(redir);
                continue;
            }
            let start = self.at;
            if simple.words.is_empty() {
                let name = self.name();
                let add = self.eat(b"+=");
                if !name.is_empty()
                    && !name.first().is_some_and(u8::is_ascii_digit)
                    && (add || self.eat(b"="))
                {
                    let value = self.word()?.unwrap_or_default();
                    simple.assigns.push((name, add, value));
                    continue;
                }
                self.at = start + name.len();
                self.blanks();
                if !name.is_empty() && simple.assigns.is_empty() && self.eat(b"(") {
                    self.blanks();
                    if !self.eat(b")") {
                        return Err(self.near());
                    }
                    self.lines()?;
                    return Ok(Node::Function { name, body: Arc::new(self.command()?) });
                }
                self.at = start;
                // `:(){ ...` and other names that are no identifiers.
                let odd = self.rest().iter().take_while(|b| !b" \t\n;|&()<>$`'\"\\".contains(b)).count();
                if odd > 0 && self.rest().get(odd..).is_some_and(|rest| rest.starts_with(b"()")) {
                    let name = self.rest().get(..odd).unwrap_or(&[]).to_vec();
                    self.at += odd + 2;
                    self.lines()?;
                    return Ok(Node::Function { name, body: Arc::new(self.command()?) });
                }
            }
            match self.word()? {
                Some(word) => simple.words.push(word),
                None => break,
            }
        }
        if simple == Simple::default() { Err(self.near()) } else { Ok(Node::Simple(simple)) }
    }

    fn redirection(&mut self) -> Parsed<Option<Redir>> {
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let after = self.rest().get(digits..).unwrap_or(&[]);
        let both = digits == 0 && (after.starts_with(b"&>"));
        if !both && !matches!(after.first(), Some(b'<' | b'>'))
            || after.starts_with(b"<(")
            || after.starts_with(b">(")
        {
            return Ok(None);
        }
        let fd = std::str::from_utf8(self.rest().get(..digits).unwrap_or(&[]))
            .ok()
            .and_then(|s| s.parse::<u32>().ok());
        self.at += digits;
        let table: [(&[u8], RedirOp, u32); 12] = [
            (b"&>>", RedirOp::Both { append: true }, 1),
            (b"&>", RedirOp::Both { append: false }, 1),
            (b"<<<", RedirOp::Here, 0),
            (b"<<-", RedirOp::Here, 0),
            (b"<<", RedirOp::Here, 0),
            (b"<&", RedirOp::Dup, 0),
            (b"<>", RedirOp::ReadWrite, 0),
            (b"<", RedirOp::In, 0),
            (b">>", RedirOp::Append, 1),
            (b">&", RedirOp::Dup, 1),
            (b">|", RedirOp::Out, 1),
            (b">", RedirOp::Out, 1),
        ];
        let Some((token, op, usual)) = table.into_iter().find(|row| self.rest().starts_with(row.0)) else {
            return Ok(None);
        };
        self.at += token.len();
        self.blanks();
        let start = self.at;
        let Some(mut word) = self.word()? else { return Err(self.near()) };
        if token == b"<<<" {
            word.push(Piece::Quoted(b"\n".to_vec()));
        } else if op == RedirOp::Here {
            let raw = self.text.get(start..self.at).unwrap_or(&[]);
            let quoted = raw.iter().any(|b| b"'\"\\".contains(b));
            let delimiter: Vec<u8> = raw.iter().copied().filter(|b| !b"'\"\\".contains(b)).collect();
            let body = self.here(&delimiter, token == b"<<-")?;
            word = if quoted { vec![Piece::Quoted(body)] } else { quoted_word(&body)? };
        }
        let op = match op {
            RedirOp::Dup if token == b">&" && fd.is_none() && !is_fd(&word) => {
                RedirOp::Both { append: false }
            }
            op => op,
        };
        Ok(Some(Redir { fd: fd.unwrap_or(usual), op, word }))
    }

    /// The body that begins after this line, or after the bodies asked for before.
    fn here(&mut self, delimiter: &[u8], tabs: bool) -> Parsed<Vec<u8>> {
        let begin = match self.heres.last() {
            Some((_, _, _, end)) => *end,
            None => match self.rest().iter().position(|b| *b == b'\n') {
                Some(n) => self.at + n + 1,
                None => return Err(Wrong::Incomplete),
            },
        };
        let mut body = Vec::new();
        let mut at = begin;
        loop {
            let rest = self.text.get(at..).unwrap_or(&[]);
            if rest.is_empty() {
                return Err(Wrong::Incomplete);
            }
            let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let mut line = rest.get(..length).unwrap_or(&[]);
            at = (at + length + 1).min(self.text.len());
            while tabs && line.first() == Some(&b'\t') {
                line = line.get(1..).unwrap_or(&[]);
            }
            if line == delimiter {
                self.heres.push((delimiter.to_vec(), tabs, false, at));
                return Ok(body);
            }
            body.extend_from_slice(line);
            body.push(b'\n');
        }
    }

    fn until_double(&mut self) -> Parsed<Vec<u8>> {
        let start = self.at;
        let mut depth = 0u32;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 && self.rest().starts_with(b"))") => {
                    let text = self.text.get(start..self.at).unwrap_or(&[]).to_vec();
                    self.at += 2;
                    return Ok(text);
                }
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        Err(Wrong::Incomplete)
    }

    fn word(&mut self) -> Parsed<Option<Word>> {
        self.deeper(|p| p.word_until(b" \t\r\n;|&()<>"))
    }

    fn word_until(&mut self, ends: &[u8]) -> Parsed<Option<Word>> {
        let mut word = Word::new();
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b if ends.contains(&b) => break,
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'\n') => {}
                        Some(byte) => word.push(Piece::Quoted(vec![byte])),
                        None => return Err(Wrong::Incomplete),
                    }
                    self.at += 1;
                }
                b'\'' => {
                    self.at += 1;
                    let length = self.rest().iter().position(|b| *b == b'\'').ok_or(Wrong::Incomplete)?;
                    word.push(Piece::Quoted(self.rest().get(..length).unwrap_or(&[]).to_vec()));
                    self.at += length + 1;
                }
                b'"' => {
                    self.at += 1;
                    word.push(Piece::Quoted(Vec::new()));
                    self.double(&mut word, Some(b'"'))?;
                }
                b'$' if self.rest().starts_with(b"$'") => {
                    self.at += 2;
                    let start = self.at;
                    while self.peek().is_some_and(|b| b != b'\'') {
                        self.at += if self.peek() == Some(b'\\') { 2 } else { 1 };
                    }
                    let text = self.text.get(start..self.at).ok_or(Wrong::Incomplete)?;
                    word.push(Piece::Quoted(super::builtins::unescape(text).0));
                    if !self.eat(b"'") {
                        return Err(Wrong::Incomplete);
                    }
                }
                b'$' | b'`' => self.dollar(&mut word, false)?,
                byte => {
                    self.at += 1;
                    match word.last_mut() {
                        Some(Piece::Plain(text)) => text.push(byte),
                        _ => word.push(Piece::Plain(vec![byte])),
                    }
                }
            }
        }
        Ok((self.at > start).then_some(word))
    }

    /// Between double quotes, or to the end.
    fn double(&mut self, word: &mut Word, end: Option<u8>) -> Parsed<()> {
        loop {
            match self.peek() {
                None if end.is_none() => return Ok(()),
                None => return Err(Wrong::Incomplete),
                byte if byte == end => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') if self.text.get(self.at + 1).is_some_and(|b| b"$`\"\\\n".contains(b)) => {
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

    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        if self.eat(b"`") {
            let mut text = Vec::new();
            loop {
                match self.peek().ok_or(Wrong::Incomplete)? {
                    b'`' => break,
                    b'\\' if self.text.get(self.at + 1).is_some_and(|b| b"$`\\".contains(b)) => self.at += 1,
                    _ => {}
                }
                text.extend(self.peek());
                self.at += 1;
            }
            self.at += 1;
            let mut inner = Parser { text: &text, at: 0, depth: self.depth + 1, heres: Vec::new() };
            let body = inner.list(&[])?;
            if inner.at < text.len() {
                return Err(inner.near());
            }
            word.push(Piece::Command { body: Arc::new(body), quoted });
            return Ok(());
        }
        if self.rest().starts_with(b"$((") {
            let start = self.at;
            self.at += 3;
            if let Ok(text) = self.until_double() {
                word.push(Piece::Arith { text: quoted_word(&text)?, quoted });
                return Ok(());
            }
            self.at = start;
        }
        if self.eat(b"$(") {
            let heres = std::mem::take(&mut self.heres);
            let body = self.list(&[])?;
            self.heres = heres;
            if !self.eat(b")") {
                return Err(self.near());
            }
            word.push(Piece::Command { body: Arc::new(body), quoted });
            return Ok(());
        }
        if self.eat(b"${") {
            let param = self.braced()?;
            word.push(Piece::Param { param, quoted });
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
        word.push(if name.is_empty() {
            Piece::Quoted(b"$".to_vec())
        } else {
            Piece::Param { param: Param { name, op: ParamOp::Value }, quoted }
        });
        Ok(())
    }

    fn braced(&mut self) -> Parsed<Param> {
        let length = self.rest().starts_with(b"#") && !self.rest().starts_with(b"#}");
        self.at += usize::from(length);
        let name = match self.peek().filter(|b| b"@*#?-$!".contains(b)) {
            Some(byte) => {
                self.at += 1;
                vec![byte]
            }
            None => self.name(),
        };
        let part =
            |p: &mut Self, ends: &[u8]| p.deeper(|p| p.word_until(ends)).map(Option::unwrap_or_default);
        let op = if length {
            ParamOp::Length
        } else if self.peek() == Some(b'}') {
            ParamOp::Value
        } else if self.eat(b"//") || self.eat(b"/") {
            let all = self.text.get(self.at.saturating_sub(2)..self.at) == Some(b"//");
            let pattern = part(self, b"/}")?;
            let text = if self.eat(b"/") { part(self, b"}")? } else { Word::new() };
            ParamOp::Replace { all, pattern, text }
        } else if let Some(op) = self.peek().filter(|b| b"#%".contains(b)) {
            self.at += 1;
            let longest = self.eat(&[op]);
            ParamOp::Strip { prefix: op == b'#', longest, word: part(self, b"}")? }
        } else {
            let colon = self.eat(b":");
            match self.peek().ok_or(Wrong::Incomplete)? {
                op @ (b'-' | b'=' | b'?' | b'+') => {
                    self.at += 1;
                    ParamOp::Test { op, colon, word: part(self, b"}")? }
                }
                _ if colon => {
                    let offset = part(self, b":}")?;
                    let length = if self.eat(b":") { Some(part(self, b"}")?) } else { None };
                    ParamOp::Slice { offset, length }
                }
                _ => return Err(Wrong::Near(self.rest().iter().copied().take(16).collect())),
            }
        };
        match self.peek() {
            Some(b'}') if !name.is_empty() => {
                self.at += 1;
                Ok(Param { name, op })
            }
            None => Err(Wrong::Incomplete),
            _ => Err(Wrong::Near(b"${".to_vec())),
        }
    }
}

fn is_fd(word: &Word) -> bool {
    matches!(word.as_slice(), [Piece::Plain(text)] if text.iter().all(|b| b.is_ascii_digit() || *b == b'-'))
}
