//! From the text of an expression to its instructions.

use super::{Assertion, Flags, Look, in_set};

/// Which of the C library's syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shell::cmd) enum Dialect {
    /// Basic, with GNU's `\+ \? \|`; `strict` refuses what sed refuses and grep takes literally.
    Basic { strict: bool },
    /// Extended; `strict` as above.
    Extended { strict: bool },
    /// mawk 1.3.4: extended without intervals and back-references.
    Awk,
    /// `grep -P`.
    Perl,
}

/// Why an expression is refused, in the C library's words.
pub(in crate::shell::cmd) type Wrong = &'static str;

const BRACKET: Wrong = "Unmatched [, [^, [:, [., or [=";
pub(super) const OPEN: Wrong = "Unmatched ( or \\(";
const CLOSE: Wrong = "Unmatched ) or \\)";
const PRECEDING: Wrong = "Invalid preceding regular expression";
const BRACE: Wrong = "Unmatched \\{";
const CONTENT: Wrong = "Invalid content of \\{\\}";
pub(super) const BIG: Wrong = "Regular expression too big";
/// Highest count of an interval (RE_DUP_MAX of glibc).
const DUP_MAX: u32 = 32_767;
/// Groups within groups.
const DEPTH: u32 = 64;

#[derive(Debug, Clone)]
pub(super) enum Node {
    Empty,
    Byte(u8),
    Set(Box<[u64; 4]>),
    Cat(Vec<Node>),
    Alt(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
    /// As few turns as will do.
    Lazy(Box<Node>, u32, Option<u32>),
    Look(Look, Box<Node>),
    Keep,
    Group(Box<Node>, usize),
    Assert(Assertion),
    Back(usize),
}

/// An expression that matches `text` itself.
pub(in crate::shell::cmd) fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        if br"\.[]*+?(){}|^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) flags: Flags,
    pub(super) groups: usize,
    pub(super) closed: Vec<usize>,
    depth: u32,
}

/// The expression's tree and how many groups it has.
pub(super) fn parse(text: &[u8], flags: Flags) -> Result<(Node, usize), Wrong> {
    let mut parser = Parser { text, at: 0, flags, groups: 0, closed: Vec::new(), depth: 0 };
    let node = parser.alternatives()?;
    if parser.at < text.len() {
        return Err(CLOSE);
    }
    Ok((node, parser.groups))
}

impl Parser<'_> {
    fn basic(&self) -> bool {
        matches!(self.flags.dialect, Dialect::Basic { .. })
    }

    fn strict(&self) -> bool {
        matches!(
            self.flags.dialect,
            Dialect::Basic { strict: true } | Dialect::Extended { strict: true } | Dialect::Awk
        )
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Whether the operator stands here: in a basic expression with a backslash before it.
    fn operator(&self, op: u8) -> bool {
        if self.basic() {
            self.peek(0) == Some(b'\\') && self.peek(1) == Some(op)
        } else {
            self.peek(0) == Some(op)
        }
    }

    pub(super) fn eat(&mut self, op: u8) -> bool {
        let yes = self.operator(op);
        if yes {
            self.at += if self.basic() { 2 } else { 1 };
        }
        yes
    }

    pub(super) fn alternatives(&mut self) -> Result<Node, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(BIG);
        }
        let mut all = vec![self.sequence()?];
        loop {
            // A newline separates alternatives where several patterns were joined.
            if self.eat(b'|') {
                all.push(self.sequence()?);
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.pop().unwrap_or(Node::Empty) } else { Node::Alt(all) })
    }

    fn sequence(&mut self) -> Result<Node, Wrong> {
        let mut all: Vec<Node> = Vec::new();
        let mut start = true;
        while let Some(byte) = self.peek(0) {
            if self.operator(b'|') {
                break;
            }
            if self.operator(b')') {
                // An extended `)` that closes nothing is itself in grep and refused in sed.
                if self.depth > 1 || self.basic() || self.strict() {
                    break;
                }
            }
            let atom = if let Some(atom) = self.anchor(byte, start) {
                atom
            } else if start && byte == b'*' && self.basic() {
                self.at += 1;
                Node::Byte(b'*')
            } else if start && self.repeat_ahead() {
                if self.strict() {
                    return Err(PRECEDING);
                }
                // grep warns and goes on as if it were not there.
                self.repeat(Node::Empty)?;
                continue;
            } else {
                self.atom(byte)?
            };
            let anchored = matches!(atom, Node::Assert(Assertion::LineStart));
            if anchored && self.basic() {
                all.push(atom);
                continue;
            }
            start = false;
            let mut atom = atom;
            while self.repeat_ahead() {
                atom = self.repeat(atom)?;
                if self.flags.dialect == Dialect::Perl {
                    atom = self.perl_suffix(atom);
                }
            }
            all.push(atom);
        }
        Ok(match all.len() {
            0 if self.flags.dialect == Dialect::Awk && self.depth > 1 => return Err("missing operand"),
            0 => Node::Empty,
            1 => all.pop().unwrap_or(Node::Empty),
            _ => Node::Cat(all),
        })
    }

    fn anchor(&mut self, byte: u8, start: bool) -> Option<Node> {
        let node = match byte {
            b'^' if start || !self.basic() => Assertion::LineStart,
            b'$' if self.flags.dialect == Dialect::Perl => Assertion::PerlEnd,
            b'$' if !self.basic() => Assertion::LineEnd,
            b'$' => {
                let rest = self.text.get(self.at + 1..).unwrap_or(&[]);
                if !(rest.is_empty() || rest.starts_with(br"\)") || rest.starts_with(br"\|")) {
                    return None;
                }
                Assertion::LineEnd
            }
            _ => return None,
        };
        self.at += 1;
        Some(Node::Assert(node))
    }

    fn repeat_ahead(&self) -> bool {
        let braces = self.flags.dialect != Dialect::Awk;
        self.peek(0) == Some(b'*')
            || self.operator(b'+')
            || self.operator(b'?')
            || (braces && self.operator(b'{') && (self.basic() || self.strict() || self.interval_ahead()))
    }

    /// Whether a well-formed interval stands here; grep takes any other `{` literally.
    fn interval_ahead(&self) -> bool {
        let rest = self.text.get(self.at + 1..).unwrap_or(&[]);
        let end = rest.iter().position(|b| *b == b'}');
        end.and_then(|end| rest.get(..end)).is_some_and(|inner| {
            !inner.is_empty()
                && inner.iter().all(|b| b.is_ascii_digit() || *b == b',')
                && inner.iter().filter(|b| **b == b',').count() <= 1
        })
    }

    fn repeat(&mut self, node: Node) -> Result<Node, Wrong> {
        let node = Box::new(node);
        if self.peek(0) == Some(b'*') {
            self.at += 1;
            return Ok(Node::Repeat(node, 0, None));
        }
        if self.eat(b'+') {
            return Ok(Node::Repeat(node, 1, None));
        }
        if self.eat(b'?') {
            return Ok(Node::Repeat(node, 0, Some(1)));
        }
        self.eat(b'{');
        let low = self.number();
        let (low, high) = if self.peek(0) == Some(b',') {
            self.at += 1;
            (low.unwrap_or(0), self.number())
        } else {
            let Some(low) = low else {
                return Err(if self.peek(0).is_none() || !self.basic() { BRACE } else { CONTENT });
            };
            (low, Some(low))
        };
        if self.peek(0).is_none() {
            return Err(BRACE);
        }
        if !self.eat(b'}') {
            return Err(if self.basic() { CONTENT } else { BRACE });
        }
        if high.is_some_and(|high| high < low) {
            return Err(CONTENT);
        }
        if low > DUP_MAX || high.is_some_and(|high| high > DUP_MAX) {
            return Err(BIG);
        }
        Ok(Node::Repeat(node, low, high))
    }

    fn number(&mut self) -> Option<u32> {
        let mut value = None;
        while let Some(digit) = self.peek(0).filter(u8::is_ascii_digit) {
            self.at += 1;
            let before: u32 = value.unwrap_or(0);
            value = Some(before.saturating_mul(10).saturating_add(u32::from(digit - b'0')).min(99_999));
        }
        value
    }

    fn atom(&mut self, byte: u8) -> Result<Node, Wrong> {
        if self.flags.dialect == Dialect::Perl
            && self.text.get(self.at..).is_some_and(|t| t.starts_with(b"(?"))
        {
            return self.perl_group();
        }
        if self.eat(b'(') {
            self.groups += 1;
            let index = self.groups;
            let inner = self.alternatives()?;
            if !self.eat(b')') {
                return Err(OPEN);
            }
            self.closed.push(index);
            return Ok(Node::Group(Box::new(inner), index));
        }
        if self.basic() && self.operator(b')') {
            return Err(CLOSE);
        }
        self.at += 1;
        match byte {
            b'.' if self.flags.dialect == Dialect::Perl => Ok(not_newline()),
            b'.' => Ok(any_char(self.flags.dialect == Dialect::Awk)),
            b'[' => self.bracket(),
            b'\\' => {
                let Some(escape) = self.peek(0) else { return Err("Trailing backslash") };
                self.at += 1;
                self.escaped(escape)
            }
            b => Ok(self.literal(b)),
        }
    }

    pub(super) fn literal(&self, byte: u8) -> Node {
        if self.flags.icase && byte.is_ascii_alphabetic() {
            let mut set = [0; 4];
            put(&mut set, byte.to_ascii_lowercase());
            put(&mut set, byte.to_ascii_uppercase());
            return Node::Set(Box::new(set));
        }
        Node::Byte(byte)
    }

    fn escaped(&mut self, escape: u8) -> Result<Node, Wrong> {
        if self.flags.dialect == Dialect::Perl
            && let Some(node) = self.perl_escape(escape)
        {
            return Ok(node);
        }
        if self.flags.dialect == Dialect::Awk {
            return Ok(match escape {
                b'n' => Node::Byte(b'\n'),
                b't' => Node::Byte(b'\t'),
                b'r' => Node::Byte(b'\r'),
                b'f' => Node::Byte(12),
                b'v' => Node::Byte(11),
                b'a' => Node::Byte(7),
                b'b' => Node::Byte(8),
                b'0'..=b'7' => {
                    let mut value = u32::from(escape - b'0');
                    for _ in 0..2 {
                        if let Some(digit) = self.peek(0).filter(|b| (b'0'..=b'7').contains(b)) {
                            self.at += 1;
                            value = value * 8 + u32::from(digit - b'0');
                        }
                    }
                    Node::Byte(value as u8)
                }
                other => self.literal(other),
            });
        }
        let class = |name: &[u8], not: bool| {
            let mut set = [0; 4];
            for byte in 0..=127u8 {
                let is = crate::shell::glob::named(name, byte) || (name == b"alnum" && byte == b'_');
                if is != not {
                    put(&mut set, byte);
                }
            }
            let node = Node::Set(Box::new(set));
            if not || name == b"alnum" { Node::Alt(vec![node, multibyte()]) } else { node }
        };
        Ok(match escape {
            b'w' => class(b"alnum", false),
            b'W' => {
                let mut set = [0; 4];
                (0..=127u8)
                    .filter(|b| !b.is_ascii_alphanumeric() && *b != b'_')
                    .for_each(|b| put(&mut set, b));
                Node::Set(Box::new(set))
            }
            b's' => class(b"space", false),
            b'S' => class(b"space", true),
            b'b' => Node::Assert(Assertion::WordEdge),
            b'B' => Node::Assert(Assertion::NotWordEdge),
            b'<' => Node::Assert(Assertion::WordStart),
            b'>' => Node::Assert(Assertion::WordEnd),
            b'`' => Node::Assert(Assertion::TextStart),
            b'\'' => Node::Assert(Assertion::TextEnd),
            b'1'..=b'9' => {
                let group = usize::from(escape - b'0');
                if !self.closed.contains(&group) {
                    return Err("Invalid back reference");
                }
                Node::Back(group)
            }
            other => self.literal(other),
        })
    }

    fn bracket(&mut self) -> Result<Node, Wrong> {
        let not = self.peek(0) == Some(b'^');
        self.at += usize::from(not);
        let mut set = [0u64; 4];
        let mut wide: Vec<Node> = Vec::new();
        let first = self.at;
        loop {
            let byte = self.peek(0).ok_or(BRACKET)?;
            if byte == b']' && self.at > first {
                self.at += 1;
                break;
            }
            if byte == b'[' && self.peek(1) == Some(b':') {
                self.class(&mut set)?;
                continue;
            }
            if self.flags.dialect == Dialect::Perl && self.perl_class(&mut set) {
                continue;
            }
            let low = self.member()?;
            if self.peek(0) == Some(b'-') && self.peek(1).is_some_and(|b| b != b']') {
                self.at += 1;
                let high = self.member()?;
                match (low.as_slice(), high.as_slice()) {
                    ([low], [high]) if low <= high => (*low..=*high).for_each(|b| put(&mut set, b)),
                    ([low], [lead, ..]) if *lead >= 0x80 => {
                        (*low..=127).for_each(|b| put(&mut set, b));
                        wide.push(multibyte());
                    }
                    (low, high) if low.len() > 1 && low <= high => wide.push(multibyte()),
                    _ => return Err("Invalid range end"),
                }
                continue;
            }
            match low.as_slice() {
                [one] => put(&mut set, *one),
                many => wide.push(Node::Cat(many.iter().map(|b| Node::Byte(*b)).collect())),
            }
        }
        if self.flags.icase {
            for byte in b'a'..=b'z' {
                if in_set(&set, byte) || in_set(&set, byte.to_ascii_uppercase()) {
                    put(&mut set, byte);
                    put(&mut set, byte.to_ascii_uppercase());
                }
            }
        }
        if not {
            let mut other = [0u64; 4];
            let high = if self.flags.dialect == Dialect::Awk { 255 } else { 127 };
            (0..=high).filter(|b| !in_set(&set, *b)).for_each(|b| put(&mut other, b));
            let node = Node::Set(Box::new(other));
            return Ok(if high == 255 { node } else { Node::Alt(vec![node, multibyte()]) });
        }
        if wide.is_empty() {
            return Ok(Node::Set(Box::new(set)));
        }
        wide.insert(0, Node::Set(Box::new(set)));
        Ok(Node::Alt(wide))
    }

    /// One character of a bracket expression: a byte, a character of UTF-8, `[.x.]` or `[=x=]`.
    fn member(&mut self) -> Result<Vec<u8>, Wrong> {
        let byte = self.peek(0).ok_or(BRACKET)?;
        if byte == b'[' && matches!(self.peek(1), Some(b'.' | b'=')) {
            let mark = self.peek(1).unwrap_or(b'.');
            let rest = self.text.get(self.at + 2..).unwrap_or(&[]);
            let end = rest.windows(2).position(|w| w == [mark, b']']).ok_or(BRACKET)?;
            let inner = rest.get(..end).unwrap_or(&[]).to_vec();
            self.at += end + 4;
            return if inner.len() == 1 { Ok(inner) } else { Err("Invalid collation character") };
        }
        if matches!(self.flags.dialect, Dialect::Awk | Dialect::Perl)
            && byte == b'\\'
            && self.peek(1).is_some()
        {
            self.at += 1;
            let escape = self.peek(0).unwrap_or(b'\\');
            self.at += 1;
            return match self.escaped(escape)? {
                Node::Byte(b) => Ok(vec![b]),
                _ => Ok(vec![escape]),
            };
        }
        let length = match byte {
            _ if self.flags.dialect == Dialect::Awk => 1,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let bytes = self.text.get(self.at..self.at + length).unwrap_or(&[byte]).to_vec();
        self.at += bytes.len();
        Ok(bytes)
    }

    fn class(&mut self, set: &mut [u64; 4]) -> Result<(), Wrong> {
        const NAMES: [&[u8]; 12] = [
            b"alpha", b"digit", b"alnum", b"upper", b"lower", b"space", b"blank", b"punct", b"xdigit",
            b"print", b"cntrl", b"graph",
        ];
        let rest = self.text.get(self.at + 2..).unwrap_or(&[]);
        let end = rest.windows(2).position(|w| w == b":]").ok_or(BRACKET)?;
        let name = rest.get(..end).unwrap_or(&[]);
        if !NAMES.contains(&name) {
            return Err("Invalid character class name");
        }
        for byte in 0..=127u8 {
            if crate::shell::glob::named(name, byte) || (name == b"graph" && byte.is_ascii_graphic()) {
                put(set, byte);
            }
        }
        self.at += end + 4;
        Ok(())
    }
}

pub(super) fn put(set: &mut [u64; 4], byte: u8) {
    if let Some(word) = set.get_mut(usize::from(byte >> 6)) {
        *word |= 1 << (byte & 63);
    }
}

pub(super) fn range(low: u8, high: u8) -> Node {
    let mut set = [0; 4];
    (low..=high).for_each(|b| put(&mut set, b));
    Node::Set(Box::new(set))
}

/// A character of UTF-8 beyond ASCII. As long as possible: its continuation bytes begin no other match.
pub(super) fn multibyte() -> Node {
    Node::Cat(vec![range(0xc2, 0xf4), Node::Repeat(Box::new(range(0x80, 0xbf)), 1, None)])
}

fn any_char(bytes: bool) -> Node {
    if bytes { range(0, 255) } else { Node::Alt(vec![range(0, 127), multibyte()]) }
}

fn not_newline() -> Node {
    Node::Alt(vec![range(0, 9), range(11, 127), multibyte()])
}
