//! Regular expressions as the GNU C library matches them: POSIX basic and extended syntax with GNU's
//! extensions over bytes of UTF-8, leftmost-longest, in time linear in pattern times text (back-references
//! excepted, which have fuel).
//!
//! Syntax: regex(7), "Regular expressions" of GNU grep 3.8 and the regex sources' dialect bits, measured.

mod backtrack;
mod compile;
mod parse;
mod perl;
mod vm;

pub(super) use parse::{Dialect, Wrong, escape};

/// Instructions a compiled expression may have: bounds time and memory of matching.
const SIZE: usize = 6000;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Regex {
    program: Vec<Inst>,
    groups: usize,
    /// Slots for group ends, and behind them one for every loop whose turns may be empty.
    slots: usize,
    /// It has what only the matcher with fuel knows: back-references, look-around, lazy loops.
    has_back: bool,
    /// Perl's choice of ways: the first, not the longest.
    perl: bool,
    /// Bytes a match can begin with; `None` where it may be empty or begin with an assertion.
    first: Option<Box<[bool; 256]>>,
    /// A match can only begin at the start of the text.
    anchored: bool,
    icase: bool,
    newline: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inst {
    Byte(u8),
    Set(Box<[u64; 4]>),
    /// Both ways, the first preferred.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Assert(Assertion),
    Back(usize),
    /// Remembers the place in a slot; a loop's turn begins.
    Mark(usize),
    /// A turn that ends where it began is no turn.
    Progress(usize),
    /// Look-around or an atomic group: the instructions up to the number are a program of their own.
    Look(Look, usize),
    /// `\\K`: what was matched so far is not part of the match.
    Keep,
    Match,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Assertion {
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    WordEdge,
    NotWordEdge,
    WordStart,
    WordEnd,
    /// No word character before, none behind: the ends of `grep -w`.
    NoWordBefore,
    NoWordAfter,
    /// The end, or before the newline that is last: `$` and `\\Z` of Perl.
    PerlEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Ahead,
    NotAhead,
    Behind,
    NotBehind,
    Atomic,
}

/// What must stand around a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    Any,
    /// `grep -w`.
    Word,
    /// `grep -x`.
    Line,
}

/// Where the groups matched; the whole match is the first.
pub(super) type Spans = Vec<Option<(usize, usize)>>;

/// How an expression is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    pub(super) dialect: Dialect,
    pub(super) icase: bool,
    /// `^` and `$` also match within the text, at its newlines (sed's `M`).
    pub(super) multiline: bool,
    pub(super) whole: Whole,
}

impl Flags {
    /// A dialect with nothing special.
    pub(super) fn of(dialect: Dialect) -> Self {
        Self { dialect, icase: false, multiline: false, whole: Whole::Any }
    }
}

impl Regex {
    /// Compiles.
    pub(super) fn new(pattern: &[u8], flags: Flags) -> Result<Self, Wrong> {
        let (node, groups) = parse::parse(pattern, flags)?;
        let mut compiler = compile::Compiler { out: Vec::new(), slots: 2 * (groups + 1) };
        compiler.whole(&node, flags.whole)?;
        let compile::Compiler { out: program, slots } = compiler;
        let perl = flags.dialect == Dialect::Perl;
        let has_back = perl || program.iter().any(|i| matches!(i, Inst::Back(_)));
        let mut regex = Self {
            program,
            groups,
            slots,
            has_back,
            perl,
            first: None,
            anchored: false,
            icase: flags.icase,
            newline: flags.multiline,
        };
        regex.first = vm::first_bytes(&regex.program).map(Box::new);
        regex.anchored = !flags.multiline && vm::anchored(&regex.program);
        Ok(regex)
    }

    /// How many groups there are, the whole not counted.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The leftmost-longest match at or after `from`, without groups.
    pub(super) fn find_at(&self, text: &[u8], from: usize, fuel: &mut u64) -> Option<(usize, usize)> {
        if self.has_back {
            return self.captures_at(text, from, fuel).and_then(|s| s.first().copied().flatten());
        }
        vm::find(self, text, from, fuel)
    }

    /// Whether there is a match.
    pub(super) fn is_match(&self, text: &[u8], fuel: &mut u64) -> bool {
        if self.has_back { self.find_at(text, 0, fuel).is_some() } else { vm::is_match(self, text, fuel) }
    }

    /// The leftmost-longest match at or after `from` with its groups.
    pub(super) fn captures_at(&self, text: &[u8], from: usize, fuel: &mut u64) -> Option<Spans> {
        if self.has_back {
            return backtrack::find(self, text, from, fuel);
        }
        let (start, end) = vm::find(self, text, from, fuel)?;
        if self.groups == 0 {
            return Some(vec![Some((start, end))]);
        }
        Some(vm::groups(self, text, start, end, fuel))
    }

    fn holds(&self, assertion: Assertion, text: &[u8], at: usize) -> bool {
        let word = |n: Option<usize>| {
            n.and_then(|n| text.get(n)).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80)
        };
        let (before, after) = (word(at.checked_sub(1)), word(Some(at)));
        let previous = at.checked_sub(1).and_then(|n| text.get(n));
        match assertion {
            Assertion::LineStart => at == 0 || (self.newline && previous == Some(&b'\n')),
            Assertion::LineEnd => at == text.len() || (self.newline && text.get(at) == Some(&b'\n')),
            Assertion::TextStart => at == 0,
            Assertion::TextEnd => at == text.len(),
            Assertion::WordEdge => before != after,
            Assertion::NotWordEdge => before == after,
            Assertion::WordStart => !before && after,
            Assertion::WordEnd => before && !after,
            Assertion::NoWordBefore => !before,
            Assertion::NoWordAfter => !after,
            Assertion::PerlEnd => at == text.len() || (at + 1 == text.len() && text.get(at) == Some(&b'\n')),
        }
    }
}

fn in_set(set: &[u64; 4], byte: u8) -> bool {
    set.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
}

#[cfg(test)]
mod tests;
