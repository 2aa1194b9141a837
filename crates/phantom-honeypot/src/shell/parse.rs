//! Text to [`Node`]s: one pass over the bytes, as POSIX 2.10 and bash's extensions that people use; dash's
//! smaller grammar where that is asked for.

mod commands;
mod conditions;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Node, Piece, Redir, RedirOp, Word};

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The text ended: the bracket or quote that was not closed, the line to name, what dash wanted to see.
    End { open: Option<u8>, line: u32, wanted: Option<&'static str> },
    /// This token stands where none such may.
    Near { token: Vec<u8>, line: u32, wanted: Option<&'static str> },
    /// A complaint of its own wording, and the status it ends with.
    Said { text: String, line: u32, status: i32 },
}

impl Wrong {
    /// Whether more lines might mend it.
    pub(super) fn is_incomplete(&self) -> bool {
        matches!(self, Self::End { .. })
    }
}

pub(super) type Parsed<T> = Result<T, Wrong>;

/// Nesting of commands, substitutions and words.
const DEPTH: u32 = 40;
/// Aliases that one text may have put in.
const ALIASES: u32 = 64;

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
    b"select",
    b"time",
];

/// Words that dash takes for commands.
const BASH_ONLY: &[&[u8]] = &[b"function", b"[[", b"select", b"time"];

/// Parses a whole text of bash.
pub(super) fn parse(text: &[u8]) -> Parsed<Node> {
    let mut p = Parser::new(text, 1, true);
    p.more = true;
    p.whole()
}

/// A here-document's text or `$(( ))`: expansions as between double quotes.
pub(super) fn quoted_word(text: &[u8]) -> Parsed<Word> {
    let mut p = Parser::new(text, 1, true);
    let mut pieces = Vec::new();
    p.double(&mut pieces, None)?;
    Ok(Word { pieces, raw: text.to_vec(), assign: None })
}

/// A text as one word, blanks and all.
pub(super) fn loose_word(text: &[u8]) -> Parsed<Word> {
    Parser::new(text, 1, true).word_until(b"").map(Option::unwrap_or_default)
}

/// The elements of `(...)`, as `declare 'a=(1 2)'` is given them.
pub(super) fn elements(text: &[u8]) -> Parsed<Vec<(Option<Word>, bool, Word)>> {
    let mut p = Parser::new(text, 1, true);
    p.eat(b"(");
    p.array()
}

pub(super) struct Parser {
    text: Vec<u8>,
    at: usize,
    depth: u32,
    bash: bool,
    /// Whether more lines may come: an open here-document is then incomplete, not ended.
    pub(super) more: bool,
    base: u32,
    counted: (usize, u32),
    aliases: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Names of aliases whose text is being read, with the number of bytes left after that text.
    within: Vec<(Vec<u8>, usize)>,
    put_in: u32,
    /// Bytes left after an alias's text that ended in a blank: the word there may be an alias as well.
    alias_next: Option<usize>,
    /// Ends of the here-documents whose bodies begin at the next line.
    heres: Vec<usize>,
    /// Things to be said that are no errors: line and text.
    pub(super) warnings: Vec<(u32, String)>,
}

impl Parser {
    pub(super) fn new(text: &[u8], line: u32, bash: bool) -> Self {
        Self {
            text: text.to_vec(),
            at: 0,
            depth: 0,
            bash,
            more: false,
            base: line,
            counted: (0, line),
            aliases: BTreeMap::new(),
            within: Vec::new(),
            put_in: 0,
            alias_next: None,
            heres: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The aliases that hold from here on.
    pub(super) fn set_aliases(&mut self, aliases: BTreeMap<Vec<u8>, Vec<u8>>) {
        self.aliases = aliases;
    }

    /// Everything up to the end.
    pub(super) fn whole(&mut self) -> Parsed<Node> {
        let node = self.list(&[])?;
        if self.at < self.text.len() {
            return Err(self.near(None));
        }
        self.bodies();
        Ok(node)
    }

    /// The commands of the next line, more lines where these go on; `None` at the end.
    pub(super) fn next_line(&mut self) -> Parsed<Option<Node>> {
        self.lines();
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let mut all = Vec::new();
        loop {
            let node = self.and_or()?;
            self.blanks();
            let background = !self.rest().starts_with(b"&&") && self.eat(b"&");
            all.push((Arc::new(node), background));
            self.blanks();
            let ended = background || (!self.rest().starts_with(b";;") && self.eat(b";"));
            self.blanks();
            match self.peek() {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    self.bodies();
                    break;
                }
                Some(_) if ended => {}
                Some(_) => return Err(self.near(None)),
            }
        }
        Ok(Some(Node::List(all)))
    }

    /// The number of the line reached.
    pub(super) fn line(&mut self) -> u32 {
        let (from, count) = if self.counted.0 > self.at { (0, self.base) } else { self.counted };
        let passed = self.text.get(from..self.at).unwrap_or(&[]);
        let more = passed.iter().filter(|b| **b == b'\n').count();
        self.counted = (self.at, count.saturating_add(u32::try_from(more).unwrap_or(0)));
        self.counted.1
    }

    /// The line that the place reached is in: what bash quotes beneath a syntax error.
    pub(super) fn line_text(&self) -> Vec<u8> {
        let at = self.at.min(self.text.len());
        let head = self.text.get(..at).unwrap_or(&[]);
        let start = head.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        let tail = self.text.get(start..).unwrap_or(&[]);
        tail.iter().copied().take_while(|b| *b != b'\n').collect()
    }

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

    /// The text ended.
    fn end(&mut self, open: Option<u8>, wanted: Option<&'static str>) -> Wrong {
        let at = std::mem::replace(&mut self.at, self.text.len());
        let line = self.line();
        self.at = at;
        let after = u32::from(!self.text.ends_with(b"\n"));
        Wrong::End { open, line: line + after, wanted }
    }

    /// A quote that began at line `line` was not closed.
    fn unclosed(open: u8, line: u32) -> Wrong {
        Wrong::End { open: Some(open), line, wanted: None }
    }

    fn near(&mut self, wanted: Option<&'static str>) -> Wrong {
        let line = self.line();
        let rest = self.rest();
        let ops: [&[u8]; 17] = [
            b"&&", b"||", b";;", b"|&", b"|", b"&>", b"&", b";", b")", b"(", b"<<<", b"<<", b">>", b"<&",
            b">&", b"<", b">",
        ];
        if rest.is_empty() {
            return self.end(None, wanted);
        }
        if rest.starts_with(b"\n") {
            return Wrong::Near { token: b"newline".to_vec(), line, wanted };
        }
        let end = rest.iter().position(|b| b" \t\n;|&()<>".contains(b)).unwrap_or(rest.len()).max(1);
        let token = ops.into_iter().find(|op| rest.starts_with(op)).or(rest.get(..end)).unwrap_or(rest);
        Wrong::Near { token: token.to_vec(), line, wanted }
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            let line = self.line();
            return Err(Wrong::Near { token: b"(".to_vec(), line, wanted: None });
        }
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// Blanks, continued lines and comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\\') if self.rest().starts_with(b"\\\n") => self.at += 2,
                Some(b'#') if self.begins_word() => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
    }

    fn begins_word(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|n| self.text.get(n));
        before.is_none_or(|b| b" \t\n;|&()<>`".contains(b))
    }

    /// Blanks and newlines.
    fn lines(&mut self) {
        loop {
            self.blanks();
            if !self.eat(b"\n") {
                return;
            }
            self.bodies();
        }
    }

    /// Steps over the bodies of here-documents: they were read when their operator was.
    fn bodies(&mut self) {
        for end in std::mem::take(&mut self.heres) {
            self.at = self.at.max(end);
        }
    }

    fn keyword(&mut self) -> Option<&'static [u8]> {
        self.blanks();
        let rest = self.rest();
        RESERVED
            .iter()
            .copied()
            .find(|word| {
                rest.strip_prefix(*word)
                    .is_some_and(|rest| rest.first().is_none_or(|b| b" \t\r\n;|&()<>".contains(b)))
            })
            .filter(|word| self.bash || !BASH_ONLY.contains(word))
    }

    fn is_word(&mut self, word: &[u8]) -> bool {
        self.keyword() == Some(word)
    }

    fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.lines();
        if self.is_word(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.near(Some(word)))
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let length = self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = self.rest().get(..length).unwrap_or(&[]).to_vec();
        self.at += length;
        name
    }

    fn redirection(&mut self) -> Parsed<Option<Redir>> {
        let start = self.at;
        let mut name = None;
        if self.bash && self.eat(b"{") {
            let found = self.name();
            if !found.is_empty() && self.eat(b"}") && matches!(self.peek(), Some(b'<' | b'>')) {
                name = Some(found);
            } else {
                self.at = start;
                return Ok(None);
            }
        }
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let after = self.rest().get(digits..).unwrap_or(&[]);
        let both = self.bash && digits == 0 && after.starts_with(b"&>");
        let process = self.bash && (after.starts_with(b"<(") || after.starts_with(b">("));
        if !both && !matches!(after.first(), Some(b'<' | b'>')) || process {
            return Ok(None);
        }
        let fd = std::str::from_utf8(self.rest().get(..digits).unwrap_or(&[])).ok();
        let fd = fd.and_then(|s| s.parse::<u32>().ok());
        self.at += digits;
        let here = |tabs| RedirOp::Here { delimiter: Vec::new(), tabs };
        let table: [(&[u8], RedirOp); 12] = [
            (b"&>>", RedirOp::Both { append: true }),
            (b"&>", RedirOp::Both { append: false }),
            (b"<<<", RedirOp::Line),
            (b"<<-", here(true)),
            (b"<<", here(false)),
            (b"<&", RedirOp::Dup),
            (b"<>", RedirOp::ReadWrite),
            (b"<", RedirOp::In),
            (b">>", RedirOp::Append),
            (b">&", RedirOp::Dup),
            (b">|", RedirOp::Clobber),
            (b">", RedirOp::Out),
        ];
        let found = table.into_iter().find(|row| self.rest().starts_with(row.0));
        let Some((token, mut op)) = found else { return Ok(None) };
        if op == RedirOp::Line && !self.bash {
            let line = self.line();
            return Err(Wrong::Near { token: b"<<<".to_vec(), line, wanted: None });
        }
        self.at += token.len();
        self.blanks();
        let Some(mut word) = self.word()? else { return Err(self.near(None)) };
        let input = token.first() == Some(&b'<');
        if let RedirOp::Here { delimiter, tabs } = &mut op {
            let quoted = word.raw.iter().any(|b| b"'\"\\".contains(b));
            *delimiter = word.raw.iter().copied().filter(|b| !b"'\"\\".contains(b)).collect();
            let body = self.here(delimiter, *tabs)?;
            word = if quoted {
                Word { raw: body.clone(), pieces: vec![Piece::Quoted(body)], assign: None }
            } else {
                quoted_word(&body)?
            };
        }
        if op == RedirOp::Dup && !input && fd.is_none() && name.is_none() && self.bash && !is_fd(&word) {
            op = RedirOp::Both { append: false };
        }
        let usual = u32::from(!input);
        Ok(Some(Redir { fd: if name.is_some() { None } else { Some(fd.unwrap_or(usual)) }, name, op, word }))
    }

    /// The body that begins after this line, or after the bodies asked for before.
    fn here(&mut self, delimiter: &[u8], tabs: bool) -> Parsed<Vec<u8>> {
        let begun = self.line();
        let begin = match self.heres.last() {
            Some(end) => *end,
            None => match self.rest().iter().position(|b| *b == b'\n') {
                Some(n) => self.at + n + 1,
                None => self.text.len(),
            },
        };
        let mut body = Vec::new();
        let mut at = begin;
        loop {
            let rest = self.text.get(at..).unwrap_or(&[]);
            if rest.is_empty() {
                if self.more {
                    return Err(self.end(None, None));
                }
                if self.bash {
                    let lines = self.text.iter().filter(|b| **b == b'\n').count();
                    let line = self.base + u32::try_from(lines).unwrap_or(0);
                    let wanted = String::from_utf8_lossy(delimiter).into_owned();
                    let text = format!(
                        "warning: here-document at line {begun} delimited by end-of-file (wanted `{wanted}')"
                    );
                    self.warnings.push((line, text));
                }
                self.heres.push(at);
                return Ok(body);
            }
            let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let mut line = rest.get(..length).unwrap_or(&[]);
            let ended = length < rest.len();
            at = (at + length + 1).min(self.text.len());
            while tabs && line.first() == Some(&b'\t') {
                line = line.get(1..).unwrap_or(&[]);
            }
            if line == delimiter {
                self.heres.push(at);
                return Ok(body);
            }
            body.extend_from_slice(line);
            if ended || self.bash {
                body.push(b'\n');
            }
        }
    }
}

fn is_fd(word: &Word) -> bool {
    match word.pieces.as_slice() {
        [Piece::Plain(text)] => text.iter().all(|b| b.is_ascii_digit() || *b == b'-'),
        [Piece::Param { .. }, ..] => true,
        _ => false,
    }
}
