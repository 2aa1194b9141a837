//! What Perl's expressions have beyond extended ones (pcre2pattern(3)), as far as `grep -P` is used with.

use super::parse::{Node, OPEN, Parser, Wrong, multibyte, put};
use super::{Assertion, Look};

impl Parser<'_> {
    /// `(?...)`.
    pub(super) fn perl_group(&mut self) -> Result<Node, Wrong> {
        self.at += 2;
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let (look, skip) = match rest {
            [b':', ..] => (None, 1),
            [b'=', ..] => (Some(Look::Ahead), 1),
            [b'!', ..] => (Some(Look::NotAhead), 1),
            [b'>', ..] => (Some(Look::Atomic), 1),
            [b'<', b'=', ..] => (Some(Look::Behind), 2),
            [b'<', b'!', ..] => (Some(Look::NotBehind), 2),
            [b'<' | b'P', ..] => {
                let end = rest.iter().position(|b| *b == b'>').ok_or(OPEN)?;
                self.at += end + 1;
                self.groups += 1;
                let index = self.groups;
                let inner = self.alternatives()?;
                if !self.eat(b')') {
                    return Err(OPEN);
                }
                self.closed.push(index);
                return Ok(Node::Group(Box::new(inner), index));
            }
            _ => {
                // `(?i)`: from here on; `(?i:...)`: within.
                let end = rest.iter().position(|b| matches!(b, b')' | b':')).ok_or(OPEN)?;
                let letters = rest.get(..end).unwrap_or(&[]);
                let off = letters.iter().position(|b| *b == b'-').unwrap_or(letters.len());
                let before = self.flags.icase;
                if let Some(at) = letters.iter().position(|b| *b == b'i') {
                    self.flags.icase = at < off;
                }
                self.at += end + 1;
                if rest.get(end) == Some(&b')') {
                    return Ok(Node::Empty);
                }
                let inner = self.alternatives()?;
                self.flags.icase = before;
                return if self.eat(b')') { Ok(inner) } else { Err(OPEN) };
            }
        };
        self.at += skip;
        let inner = self.alternatives()?;
        if !self.eat(b')') {
            return Err(OPEN);
        }
        Ok(match look {
            None => inner,
            Some(look) => Node::Look(look, Box::new(inner)),
        })
    }

    /// `?` behind a quantifier makes it lazy, `+` possessive.
    pub(super) fn perl_suffix(&mut self, node: Node) -> Node {
        match (node, self.peek(0)) {
            (Node::Repeat(inner, low, high), Some(b'?')) => {
                self.at += 1;
                Node::Lazy(inner, low, high)
            }
            (node, Some(b'+')) => {
                self.at += 1;
                Node::Look(Look::Atomic, Box::new(node))
            }
            (node, _) => node,
        }
    }

    /// An escape whose letter was taken; `None` where Perl and POSIX agree.
    pub(super) fn perl_escape(&mut self, escape: u8) -> Option<Node> {
        let mut set = [0; 4];
        Some(match escape {
            b'd' | b'h' | b'R' | b'D' | b'N' => {
                let is = |b: u8| match escape {
                    b'd' => b.is_ascii_digit(),
                    b'D' => !b.is_ascii_digit(),
                    b'h' => matches!(b, b' ' | b'\t'),
                    b'N' => b != b'\n',
                    _ => matches!(b, b'\n' | b'\r' | 11 | 12),
                };
                (0..=127u8).filter(|b| is(*b)).for_each(|b| put(&mut set, b));
                let node = Node::Set(Box::new(set));
                if matches!(escape, b'D' | b'N') { Node::Alt(vec![node, multibyte()]) } else { node }
            }
            b't' => Node::Byte(b'\t'),
            b'n' => Node::Byte(b'\n'),
            b'r' => Node::Byte(b'\r'),
            b'f' => Node::Byte(12),
            b'e' => Node::Byte(27),
            b'a' => Node::Byte(7),
            b'A' | b'G' => Node::Assert(Assertion::TextStart),
            b'z' => Node::Assert(Assertion::TextEnd),
            b'Z' => Node::Assert(Assertion::PerlEnd),
            b'K' => Node::Keep,
            b'<' | b'>' | b'`' | b'\'' => Node::Byte(escape),
            b'x' => {
                let digits: Vec<u32> =
                    (0..2).map_while(|n| self.peek(n).and_then(|b| char::from(b).to_digit(16))).collect();
                self.at += digits.len();
                Node::Byte(digits.iter().fold(0, |n, d| n * 16 + d) as u8)
            }
            b'Q' => {
                let rest = self.text.get(self.at..).unwrap_or(&[]);
                let end = rest.windows(2).position(|w| w == br"\E").unwrap_or(rest.len());
                let all = rest.get(..end).unwrap_or(&[]).iter().map(|b| self.literal(*b)).collect();
                self.at = (self.at + end + 2).min(self.text.len());
                Node::Cat(all)
            }
            b'E' => Node::Empty,
            _ => return None,
        })
    }

    /// A class such as `\d` within brackets.
    pub(super) fn perl_class(&mut self, set: &mut [u64; 4]) -> bool {
        let is: fn(&u8) -> bool = match (self.peek(0), self.peek(1)) {
            (Some(b'\\'), Some(b'd')) => u8::is_ascii_digit,
            (Some(b'\\'), Some(b'D')) => |b| !b.is_ascii_digit(),
            (Some(b'\\'), Some(b's')) => |b| b.is_ascii_whitespace() || *b == 11,
            (Some(b'\\'), Some(b'S')) => |b| !b.is_ascii_whitespace() && *b != 11,
            (Some(b'\\'), Some(b'w')) => |b| b.is_ascii_alphanumeric() || *b == b'_',
            (Some(b'\\'), Some(b'W')) => |b| !b.is_ascii_alphanumeric() && *b != b'_',
            (Some(b'\\'), Some(b'h')) => |b| matches!(b, b' ' | b'\t'),
            _ => return false,
        };
        self.at += 2;
        (0..=127u8).filter(is).for_each(|b| put(set, b));
        true
    }
}

/// How far a look-behind reaches.
pub(super) const BEHIND: usize = 255;
