//! What a line means.

use std::sync::Arc;

/// A part of a word, quoting already understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Taken as it is: quoted or escaped, never split or matched.
    Quoted(Vec<u8>),
    /// Plain text, in which `* ? [` and a leading `~` mean something.
    Plain(Vec<u8>),
    /// `$name`, `${name op word}`.
    Param { param: Param, quoted: bool },
    /// `$(...)` and backquotes.
    Command { body: Arc<Node>, quoted: bool },
    /// `$(( ))`: expanded, then computed.
    Arith { text: Word, quoted: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Param {
    pub(super) name: Vec<u8>,
    pub(super) op: ParamOp,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ParamOp {
    Value,
    Length,
    /// `-`, `=`, `?`, `+`; with `:` also for the empty value.
    Test {
        op: u8,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%`, `%%`.
    Strip {
        prefix: bool,
        longest: bool,
        word: Word,
    },
    /// `/pattern/text`, `//pattern/text`.
    Replace {
        all: bool,
        pattern: Word,
        text: Word,
    },
    /// `:offset:length`.
    Slice {
        offset: Word,
        length: Option<Word>,
    },
}

pub(super) type Word = Vec<Piece>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RedirOp {
    In,
    Out,
    Append,
    ReadWrite,
    Dup,
    /// `&>` and `&>>`.
    Both {
        append: bool,
    },
    /// `<<` with its body, and `<<<`.
    Here,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Redir {
    pub(super) fd: u32,
    pub(super) op: RedirOp,
    pub(super) word: Word,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Simple {
    pub(super) assigns: Vec<(Vec<u8>, bool, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) redirs: Vec<Redir>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Simple(Simple),
    Pipe(Vec<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// In order; `true`: in the background.
    List(Vec<(Node, bool)>),
    If {
        arms: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Loop {
        until: bool,
        condition: Box<Node>,
        body: Box<Node>,
    },
    For {
        name: Vec<u8>,
        words: Option<Vec<Word>>,
        body: Box<Node>,
    },
    /// `for ((a; b; c))`.
    Count {
        parts: [Word; 3],
        body: Box<Node>,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, Node)>,
    },
    Function {
        name: Vec<u8>,
        body: Arc<Node>,
    },
    Group(Box<Node>),
    Subshell(Box<Node>),
    Arith(Word),
    /// `[[ ... ]]`.
    Test(Vec<Word>),
    Redirected(Box<Node>, Vec<Redir>),
}
