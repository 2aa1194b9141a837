//! What a line means.

use std::sync::Arc;

/// A part of a word, quoting already understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Taken as it is: quoted or escaped, never split or matched.
    Quoted(Vec<u8>),
    /// Plain text, in which `* ? [ {` and a leading `~` mean something.
    Plain(Vec<u8>),
    /// `$name`, `${name op word}`.
    Param { param: Box<Param>, quoted: bool },
    /// `$(...)` and backquotes.
    Command { body: Arc<Node>, quoted: bool },
    /// `$(( ))`: expanded, then computed.
    Arith { text: Word, quoted: bool },
    /// `<(...)`, and `>(...)` with `out`.
    Process { body: Arc<Node>, out: bool },
}

/// Which elements of an array are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Index {
    /// `[@]`
    All,
    /// `[*]`
    Joined,
    At(Word),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Param {
    pub(super) name: Vec<u8>,
    pub(super) index: Option<Index>,
    /// `${!name}`.
    pub(super) indirect: bool,
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
    /// `/pattern/text`, `//pattern/text`, `/#pattern/text`, `/%pattern/text`: how is 0, `/`, `#` or `%`.
    Replace {
        how: u8,
        pattern: Word,
        text: Word,
    },
    /// `:offset:length`.
    Slice {
        offset: Word,
        length: Option<Word>,
    },
    /// `^`, `^^`, `,`, `,,`, `~`, `~~`.
    Case {
        how: u8,
        all: bool,
        pattern: Option<Word>,
    },
    /// `@Q` and its kin.
    Transform(u8),
    /// `${!prefix@}` and `${!prefix*}`.
    Names {
        joined: bool,
    },
    /// `${!name[@]}`.
    Keys {
        joined: bool,
    },
    /// What no expansion is; said when it is reached.
    Bad(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// As it was typed.
    pub(super) raw: Vec<u8>,
    /// An argument of `declare` and its kin that is an assignment.
    pub(super) assign: Option<Box<Assign>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Scalar(Word),
    /// Elements with their subscripts where these were given; `true`: `+=`.
    Array(Vec<(Option<Word>, bool, Word)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assign {
    pub(super) name: Vec<u8>,
    pub(super) index: Option<Word>,
    pub(super) add: bool,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RedirOp {
    In,
    Out,
    /// `>|`
    Clobber,
    Append,
    ReadWrite,
    /// `<&` and `>&`.
    Dup,
    /// `&>` and `&>>`.
    Both {
        append: bool,
    },
    /// `<<`: delimiter, as typed, and whether tabs are stripped; the body is the word.
    Here {
        delimiter: Vec<u8>,
        tabs: bool,
    },
    /// `<<<`
    Line,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Redir {
    /// `None`: the operator's own.
    pub(super) fd: Option<u32>,
    /// `{name}>`: a free descriptor, its number put into the variable.
    pub(super) name: Option<Vec<u8>>,
    pub(super) op: RedirOp,
    pub(super) word: Word,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Simple {
    pub(super) assigns: Vec<Assign>,
    pub(super) words: Vec<Word>,
    pub(super) redirs: Vec<Redir>,
    pub(super) line: u32,
}

/// A `[[ ]]` expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cond {
    Not(Box<Cond>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    /// A word alone is `-n word`.
    Unary(Vec<u8>, Word),
    Binary(Word, Vec<u8>, Word),
    Group(Box<Cond>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Word>,
    pub(super) body: Node,
    /// `;`: ends the `case`; `&`: falls into the next body (`;&`); `t`: goes on testing (`;;&`).
    pub(super) end: u8,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Simple(Simple),
    /// Its commands; `true`: `time` stands before.
    Pipe(Vec<Node>),
    Time(Option<Box<Node>>, bool),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// In order; `true`: in the background.
    List(Vec<(Arc<Node>, bool)>),
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
        select: bool,
        line: u32,
    },
    /// `for ((a; b; c))`.
    Count {
        parts: [Word; 3],
        body: Box<Node>,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Function {
        name: Vec<u8>,
        body: Arc<Node>,
    },
    Group(Box<Node>),
    Subshell(Box<Node>),
    Arith(Word, u32),
    /// `[[ ... ]]`.
    Test(Cond, u32),
    Redirected(Box<Node>, Vec<Redir>),
}
