//! What a program is compiled to: instructions for a stack machine that can stop while a command runs.

use std::collections::HashMap;
use std::sync::Arc;

use super::value::Value;
use crate::shell::cmd::regex::Regex;

/// Where an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Global(usize),
    Local(usize),
}

/// What can be assigned to. Fields and elements find their number or key on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Variable(Place),
    Field,
    Element(Place),
}

impl Target {
    /// Whether a key lies on the stack.
    pub(super) fn keyed(self) -> bool {
        !matches!(self, Self::Variable(_))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Main,
    File,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirect {
    None,
    File,
    Append,
    Command,
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Push(Value),
    /// Whether $0 matches.
    MatchLine(Arc<Regex>),
    /// The text of an expression that is matched against something else.
    Pattern(Arc<Regex>, Arc<[u8]>),
    Load(Target),
    /// Takes the value (and key), leaves the value.
    Store(Target),
    DupKey,
    /// Adds to a target, leaves the old value (`after`) or the new one.
    Step {
        target: Target,
        by: f64,
        after: bool,
    },
    Binary(u8),
    Compare(&'static str),
    Match {
        not: bool,
    },
    Not,
    Negate,
    Number,
    Truth,
    Concat,
    /// Joins that many subscripts.
    Subscript(usize),
    In(Place),
    Delete(Place),
    DeleteAll(Place),
    Jump(usize),
    JumpIf(usize),
    JumpUnless(usize),
    Pop,
    /// A variable as argument: an array if it is one or the callee wants one.
    Argument(Place, usize, usize),
    Call(usize, usize),
    Return,
    Builtin(&'static str, usize),
    /// `split(s, a [, fs])`: whether a separator was given.
    Split(Place, bool),
    Length(Place),
    Substitute {
        global: bool,
        target: Target,
    },
    Print(usize, Redirect),
    Printf(usize, Redirect),
    Getline(Source, Option<Target>),
    ForStart(Place),
    ForNext(Target, usize),
    ForEnd,
    Range(usize, usize, usize),
    Next,
    Exit(bool),
    /// The end of a rule or of BEGIN.
    Done,
}

#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: Vec<u8>,
    pub(super) start: usize,
    pub(super) params: usize,
    pub(super) defined: bool,
    /// Which parameters are used as arrays.
    pub(super) arrays: Vec<bool>,
}

/// A compiled program.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) ops: Vec<Op>,
    pub(super) functions: Vec<Function>,
    pub(super) globals: Vec<Vec<u8>>,
    pub(super) by_name: HashMap<Vec<u8>, usize>,
    pub(super) begin: Vec<usize>,
    pub(super) rules: Vec<usize>,
    pub(super) end: Vec<usize>,
    pub(super) ranges: usize,
    /// Which globals are arrays.
    pub(super) arrays: Vec<bool>,
}

/// Variables that the machine itself reads and writes, at these places among the globals.
pub(super) const SPECIAL: &[&str] = &[
    "NR", "NF", "FNR", "FS", "OFS", "ORS", "RS", "FILENAME", "SUBSEP", "RSTART", "RLENGTH", "CONVFMT",
    "OFMT", "ENVIRON", "ARGC", "ARGV",
];

/// Places of [`SPECIAL`].
pub(super) mod special {
    pub(in super::super) const NR: usize = 0;
    pub(in super::super) const NF: usize = 1;
    pub(in super::super) const FNR: usize = 2;
    pub(in super::super) const FS: usize = 3;
    pub(in super::super) const OFS: usize = 4;
    pub(in super::super) const ORS: usize = 5;
    pub(in super::super) const RS: usize = 6;
    pub(in super::super) const FILENAME: usize = 7;
    pub(in super::super) const SUBSEP: usize = 8;
    pub(in super::super) const RSTART: usize = 9;
    pub(in super::super) const RLENGTH: usize = 10;
    pub(in super::super) const CONVFMT: usize = 11;
    pub(in super::super) const OFMT: usize = 12;
    pub(in super::super) const ENVIRON: usize = 13;
    pub(in super::super) const ARGC: usize = 14;
    pub(in super::super) const ARGV: usize = 15;
}

impl Code {
    pub(super) fn new() -> Self {
        let mut code = Self::default();
        for name in SPECIAL {
            code.global(name.as_bytes());
        }
        code.arrays = vec![false; SPECIAL.len()];
        for at in [special::ENVIRON, special::ARGV] {
            if let Some(slot) = code.arrays.get_mut(at) {
                *slot = true;
            }
        }
        code
    }

    /// The place of a global, made if it is new.
    pub(super) fn global(&mut self, name: &[u8]) -> usize {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        let at = self.globals.len();
        self.globals.push(name.to_vec());
        self.by_name.insert(name.to_vec(), at);
        at
    }

    /// Finds out which globals and parameters are arrays: those used as such, and those handed on to such.
    pub(super) fn settle(&mut self) {
        self.arrays.resize(self.globals.len(), false);
        for function in &mut self.functions {
            function.arrays = vec![false; function.params];
        }
        let starts: Vec<(usize, usize)> =
            self.functions.iter().enumerate().filter(|(_, f)| f.defined).map(|(n, f)| (f.start, n)).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            let mut here = None;
            for at in 0..self.ops.len() {
                if let Some((_, function)) = starts.iter().find(|(start, _)| *start == at) {
                    here = Some(*function);
                }
                let place = match self.ops.get(at) {
                    Some(
                        Op::In(p) | Op::Delete(p) | Op::DeleteAll(p) | Op::Split(p, _) | Op::ForStart(p),
                    ) => *p,
                    Some(
                        Op::Load(Target::Element(p))
                        | Op::Store(Target::Element(p))
                        | Op::Step { target: Target::Element(p), .. }
                        | Op::Substitute { target: Target::Element(p), .. }
                        | Op::Getline(_, Some(Target::Element(p)))
                        | Op::ForNext(Target::Element(p), _),
                    ) => *p,
                    Some(Op::Argument(p, function, index))
                        if self
                            .functions
                            .get(*function)
                            .and_then(|f| f.arrays.get(*index))
                            .copied()
                            .unwrap_or(false) =>
                    {
                        *p
                    }
                    // A function's body ends where the next rule begins.
                    Some(Op::Done) => {
                        here = None;
                        continue;
                    }
                    _ => continue,
                };
                let slot = match place {
                    Place::Global(n) => self.arrays.get_mut(n),
                    Place::Local(n) => {
                        here.and_then(|f| self.functions.get_mut(f)).and_then(|f| f.arrays.get_mut(n))
                    }
                };
                if let Some(slot) = slot
                    && !*slot
                {
                    *slot = true;
                    changed = true;
                }
            }
        }
    }
}
