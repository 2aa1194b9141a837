//! The stream editor, as GNU sed 4.9 (`info sed`, and its wording measured).

mod escape;
mod inplace;
mod parse;
mod run;
mod substitute;

use super::ctx::{Ctx, Need, show, version};
use super::getopt::{Spec, parse as options};
use super::regex::Regex;
use super::registry::{Row, bin};

pub(super) const PROGRAMS: &[Row] = &[bin("sed", "sed", 126_424, sed)];

#[derive(Debug)]
enum Address {
    Line(u64),
    Last,
    /// A null expression means the one used last.
    Match(Option<Box<Regex>>),
    /// `first~step`.
    Step(u64, u64),
    /// As second address: this many lines more.
    Plus(u64),
    /// As second address: up to the next multiple.
    Multiple(u64),
}

#[derive(Debug)]
struct Command {
    first: Option<Address>,
    second: Option<Address>,
    not: bool,
    verb: Verb,
}

#[derive(Debug)]
enum Verb {
    /// Ends behind this index.
    Open(usize),
    Close,
    Equals,
    Append(Vec<u8>),
    Insert(Vec<u8>),
    Change(Vec<u8>),
    Branch(Option<usize>),
    BranchIf(Option<usize>),
    BranchIfNot(Option<usize>),
    Delete,
    DeleteFirst,
    Get,
    GetAppend,
    Hold,
    HoldAppend,
    List(Option<usize>),
    Next,
    NextAppend,
    Print,
    PrintFirst,
    Quit(i32, bool),
    Read(Vec<u8>),
    ReadLine(Vec<u8>),
    Write(Vec<u8>, bool),
    Exchange,
    Zap,
    FileName,
    Translate(Vec<(Vec<u8>, Vec<u8>)>),
    Substitute(Box<Substitute>),
    Nothing,
}

#[derive(Debug)]
struct Substitute {
    regex: Option<Regex>,
    with: Vec<Part>,
    number: u64,
    global: bool,
    print: bool,
    write: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(Case),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    UpperNext,
    LowerNext,
    End,
}

#[derive(Debug, Default)]
struct Flags {
    quiet: bool,
    extended: bool,
    separate: bool,
    in_place: Option<Vec<u8>>,
    zero: bool,
    posix: bool,
    line_length: usize,
}

const SPEC: Spec = Spec {
    shorts: "bsnrzuEe:f:l:i::s",
    longs: &[
        ("binary", b'b'),
        ("regexp-extended", b'E'),
        ("in-place?", b'i'),
        ("expression=", b'e'),
        ("file=", b'f'),
        ("line-length=", b'l'),
        ("null-data", b'z'),
        ("zero-terminated", b'z'),
        ("quiet", b'n'),
        ("posix", 200),
        ("silent", b'n'),
        ("sandbox", 201),
        ("separate", b's'),
        ("unbuffered", b'u'),
        ("version", 202),
        ("follow-symlinks", 204),
    ],
};

const AUTHORS: &str = "Jay Fenlason, Tom Lord, Ken Pizzini,\nPaolo Bonzini, Jim Meyering, and Assaf Gordon";

/// The first lines of what sed prints where it is used wrongly.
const USAGE: &str = "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n\n";

fn sed(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match options(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&why);
            ctx.err.extend_from_slice(USAGE.as_bytes());
            return Ok(1);
        }
    };
    if parsed.has(202) {
        ctx.print(&version("sed", "GNU sed", "4.9", AUTHORS));
        return Ok(0);
    }
    let flags = Flags {
        quiet: parsed.has(b'n'),
        extended: parsed.has(b'E') || parsed.has(b'r'),
        separate: parsed.has(b's') || parsed.has(b'i'),
        in_place: parsed.value(b'i').map(<[u8]>::to_vec),
        zero: parsed.has(b'z'),
        posix: parsed.has(200),
        line_length: parsed.value(b'l').and_then(|v| show(v).parse().ok()).unwrap_or(70),
    };
    let mut files = parsed.rest;
    let mut pieces: Vec<(Vec<u8>, String)> = Vec::new();
    let mut number = 0;
    for (code, value) in &parsed.given {
        match code {
            b'e' => {
                number += 1;
                // `-e 'a\' -e text`: the second is the first's next line.
                match pieces.last_mut() {
                    Some((text, _)) if text.ends_with(b"\\") => {
                        text.push(b'\n');
                        text.extend_from_slice(value);
                    }
                    _ => pieces.push((value.clone(), format!("-e expression #{number}, char "))),
                }
            }
            b'f' => match ctx.content(value)? {
                Ok(text) => pieces.push((text, format!("file {} line ", show(value)))),
                Err(errno) => {
                    ctx.fail(&format!("couldn't open file {}: {errno}", show(value)));
                    return Ok(4);
                }
            },
            _ => {}
        }
    }
    if pieces.is_empty() {
        if files.is_empty() {
            ctx.err.extend_from_slice(USAGE.as_bytes());
            return Ok(1);
        }
        pieces.push((files.remove(0), "-e expression #1, char ".to_owned()));
    }
    let mut quiet = flags.quiet;
    if pieces.first().is_some_and(|(t, _)| t == b"#n" || t.starts_with(b"#n\n")) {
        quiet = true;
    }
    let commands = match parse::script(&pieces, &flags) {
        Ok(commands) => commands,
        Err(why) => {
            ctx.fail(&why);
            return Ok(if why.starts_with("can't find label") { 4 } else { 1 });
        }
    };
    let flags = Flags { quiet, ..flags };
    if files.is_empty() {
        files.push(b"-".to_vec());
    }
    run::run(ctx, &commands, &flags, &files)
}
