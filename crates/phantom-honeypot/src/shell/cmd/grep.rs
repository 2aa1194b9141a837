//! grep(1), as GNU grep 3.8.

mod search;

use super::ctx::{Ctx, Need, show, version};
use super::getopt::{Parsed, Spec, parse};
use super::regex::{Dialect, Flags, Regex, Whole, escape};
use super::registry::{Row, bin};
use crate::shell::glob;
use crate::vfs::{Errno, Kind, join};

pub(super) const PROGRAMS: &[Row] = &[
    bin("grep", "grep", 203_152, grep),
    bin("egrep", "grep", 41, grep),
    bin("fgrep", "grep", 41, grep),
    bin("rgrep", "grep", 30, grep),
];

/// Patterns that one run may have, and files it looks into.
const PATTERNS: usize = 1000;
const FILES: usize = 20_000;

const SPEC: Spec = Spec {
    shorts: "0123456789A:B:C:D:EFGHILPTUVX:abcd:e:f:hiLlm:noqRrsuvwxyZz",
    longs: &[
        ("after-context=", b'A'),
        ("basic-regexp", b'G'),
        ("before-context=", b'B'),
        ("binary-files=", 200),
        ("byte-offset", b'b'),
        ("color?", 201),
        ("colour?", 201),
        ("context=", b'C'),
        ("count", b'c'),
        ("devices=", b'D'),
        ("directories=", b'd'),
        ("exclude-dir=", 202),
        ("exclude-from=", 203),
        ("exclude=", 204),
        ("extended-regexp", b'E'),
        ("file=", b'f'),
        ("files-with-matches", b'l'),
        ("files-without-match", b'L'),
        ("fixed-strings", b'F'),
        ("help", 209),
        ("ignore-case", b'i'),
        ("include=", 205),
        ("initial-tab", b'T'),
        ("invert-match", b'v'),
        ("label=", 206),
        ("line-buffered", 207),
        ("line-number", b'n'),
        ("line-regexp", b'x'),
        ("max-count=", b'm'),
        ("no-filename", b'h'),
        ("no-ignore-case", 208),
        ("no-messages", b's'),
        ("null", b'Z'),
        ("null-data", b'z'),
        ("only-matching", b'o'),
        ("perl-regexp", b'P'),
        ("quiet", b'q'),
        ("recursive", b'r'),
        ("dereference-recursive", b'R'),
        ("regexp=", b'e'),
        ("silent", b'q'),
        ("text", b'a'),
        ("version", b'V'),
        ("with-filename", b'H'),
        ("word-regexp", b'w'),
    ],
};

/// What is looked for and what is told of it.
struct Job {
    patterns: Vec<Regex>,
    invert: bool,
    count: bool,
    list: Option<bool>,
    quiet: bool,
    silent: bool,
    only: bool,
    numbers: bool,
    offsets: bool,
    names: bool,
    tab: bool,
    null_names: bool,
    end: u8,
    text: bool,
    skip_binary: bool,
    color: bool,
    before: usize,
    after: usize,
    context: bool,
    most: u64,
    label: Vec<u8>,
}

fn usage(ctx: &mut Ctx<'_>) -> i32 {
    ctx.err.extend_from_slice(
        b"Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n",
    );
    2
}

fn grep(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let called = std::mem::replace(&mut ctx.name, "grep".to_owned());
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&why);
            return Ok(usage(ctx));
        }
    };
    if parsed.has(b'V') {
        ctx.print(&version(
            "grep",
            "GNU grep",
            "3.8",
            "Mike Haertel and others; see\n<https://git.sv.gnu.org/cgit/grep.git/tree/AUTHORS>",
        ));
        return Ok(0);
    }
    let mut files = parsed.rest.clone();
    let mut patterns: Vec<Vec<u8>> = Vec::new();
    for (code, value) in &parsed.given {
        match code {
            b'e' => patterns.extend(value.split(|b| *b == b'\n').map(<[u8]>::to_vec)),
            b'f' => match ctx.content(value)? {
                Ok(mut text) => {
                    if text.last() == Some(&b'\n') {
                        text.pop();
                    } else if text.is_empty() {
                        continue;
                    }
                    patterns.extend(text.split(|b| *b == b'\n').map(<[u8]>::to_vec));
                }
                Err(errno) => {
                    ctx.fail(&format!("{}: {errno}", show(value)));
                    return Ok(2);
                }
            },
            _ => {}
        }
    }
    if !parsed.has(b'e') && !parsed.has(b'f') {
        if files.is_empty() {
            return Ok(usage(ctx));
        }
        patterns = files.remove(0).split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    }
    patterns.truncate(PATTERNS);
    let mode = parsed.given.iter().rev().find(|(c, _)| b"EFGP".contains(c)).map(|(c, _)| *c);
    let mode = mode.unwrap_or(match called.as_str() {
        "egrep" => b'E',
        "fgrep" => b'F',
        _ => b'G',
    });
    let mut job = match job(ctx, &parsed) {
        Ok(job) => job,
        Err(status) => return Ok(status),
    };
    let icase = parsed.given.iter().rev().find(|(c, _)| matches!(c, b'i' | b'y' | 208));
    let whole = if parsed.has(b'x') {
        Whole::Line
    } else if parsed.has(b'w') {
        Whole::Word
    } else {
        Whole::Any
    };
    let dialect = match mode {
        b'E' | b'F' => Dialect::Extended { strict: false },
        b'P' => Dialect::Perl,
        _ => Dialect::Basic { strict: false },
    };
    let flags = Flags { icase: icase.is_some_and(|(c, _)| *c != 208), whole, ..Flags::of(dialect) };
    for pattern in &patterns {
        let text = if mode == b'F' { escape(pattern) } else { pattern.clone() };
        if mode != b'F' && mode != b'P' {
            warn(ctx, pattern, mode == b'E');
            if pattern.starts_with(b"[:") && pattern.ends_with(b":]") {
                ctx.fail("character class syntax is [[:space:]], not [:space:]");
                return Ok(2);
            }
        }
        match Regex::new(&text, flags) {
            Ok(regex) => job.patterns.push(regex),
            Err(why) => {
                // grep's own parser words an open bracket otherwise than the C library.
                let why = if why.starts_with("Unmatched [") { "Invalid regular expression" } else { why };
                ctx.fail(why);
                return Ok(2);
            }
        }
    }
    let recursive = parsed.has(b'r') || parsed.has(b'R') || called == "rgrep";
    let bare = files.is_empty();
    if bare {
        files.push(if recursive { b".".to_vec() } else { b"-".to_vec() });
    }
    job.names = match parsed.given.iter().rev().find(|(c, _)| matches!(c, b'H' | b'h')) {
        Some((code, _)) => *code == b'H',
        None => recursive || files.len() > 1,
    };
    let globs = |code: u8| -> Vec<Vec<u8>> {
        parsed.given.iter().filter(|(c, _)| *c == code).map(|(_, v)| v.clone()).collect()
    };
    let walk = Walk {
        recursive,
        follow: parsed.has(b'R'),
        bare,
        skip_dirs: parsed.value(b'd') == Some(b"skip"),
        include: globs(205),
        exclude: globs(204),
        exclude_dir: globs(202),
    };
    let mut search = search::Search::new(&job);
    let mut failed = false;
    for file in &files {
        failed |= visit(ctx, &job, &walk, &mut search, file)?;
        if job.quiet && search.found {
            return Ok(0);
        }
    }
    Ok(match (failed, search.found) {
        (true, _) => 2,
        (false, found) => i32::from(!found),
    })
}

fn job(ctx: &mut Ctx<'_>, parsed: &Parsed) -> Result<Job, i32> {
    let number = |ctx: &mut Ctx<'_>, code: u8, what: &str| -> Result<Option<usize>, i32> {
        let Some(value) = parsed.value(code).map(show) else { return Ok(None) };
        match value.parse::<usize>() {
            Ok(n) => Ok(Some(n)),
            Err(_) => {
                let text =
                    if what.is_empty() { "invalid max count".to_owned() } else { format!("{value}: {what}") };
                ctx.fail(&text);
                Err(2)
            }
        }
    };
    const LENGTH: &str = "invalid context length argument";
    let digits: String =
        parsed.given.iter().filter(|(c, _)| c.is_ascii_digit()).map(|(c, _)| char::from(*c)).collect();
    let both = number(ctx, b'C', LENGTH)?.or(digits.parse().ok());
    let after = number(ctx, b'A', LENGTH)?.or(both);
    let before = number(ctx, b'B', LENGTH)?.or(both);
    let most = match parsed.value(b'm').map(show) {
        Some(text) if text.starts_with('-') => u64::MAX,
        Some(_) => number(ctx, b'm', "")?.map_or(u64::MAX, |n| n as u64),
        None => u64::MAX,
    };
    let binary = parsed.value(200);
    if binary.is_some_and(|b| !matches!(b, b"text" | b"without-match" | b"binary")) {
        ctx.fail(&format!("{}: unknown binary-files type", show(binary.unwrap_or(b""))));
        return Err(2);
    }
    let color = match parsed.value(201) {
        Some(b"always" | b"yes" | b"force") => true,
        Some(b"never" | b"no" | b"none") | None => false,
        Some(_) => ctx.terminal(),
    };
    Ok(Job {
        patterns: Vec::new(),
        invert: parsed.has(b'v'),
        count: parsed.has(b'c'),
        list: if parsed.has(b'l') { Some(true) } else { parsed.has(b'L').then_some(false) },
        quiet: parsed.has(b'q'),
        silent: parsed.has(b's'),
        only: parsed.has(b'o'),
        numbers: parsed.has(b'n'),
        offsets: parsed.has(b'b'),
        names: false,
        tab: parsed.has(b'T'),
        null_names: parsed.has(b'Z'),
        end: if parsed.has(b'z') { 0 } else { b'\n' },
        text: parsed.has(b'a') || binary == Some(b"text"),
        skip_binary: parsed.has(b'I') || binary == Some(b"without-match"),
        color,
        before: before.unwrap_or(0),
        after: after.unwrap_or(0),
        context: before.is_some() || after.is_some(),
        most,
        label: parsed.value(206).unwrap_or(b"(standard input)").to_vec(),
    })
}

/// What grep 3.8 says of repetitions of nothing (of stray backslashes Debian's says nothing).
fn warn(ctx: &mut Ctx<'_>, pattern: &[u8], extended: bool) {
    if extended {
        let mut start = true;
        let mut inside = false;
        let mut bytes = pattern.iter().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'[' if !inside => inside = true,
                b']' if inside => inside = false,
                b'\\' if !inside => {
                    bytes.next();
                }
                b'*' | b'+' | b'?' if start && !inside => {
                    ctx.fail(&format!("warning: {} at start of expression", char::from(*byte)));
                }
                b'{' if start && bytes.peek().is_some_and(|b| b.is_ascii_digit()) => {
                    ctx.fail("warning: {...} at start of expression");
                }
                _ => {}
            }
            start = matches!(byte, b'(' | b'|' | b'^') && !inside;
        }
    }
}

struct Walk {
    recursive: bool,
    follow: bool,
    /// No file was named: names are told without `./`.
    bare: bool,
    skip_dirs: bool,
    include: Vec<Vec<u8>>,
    exclude: Vec<Vec<u8>>,
    exclude_dir: Vec<Vec<u8>>,
}

impl Walk {
    fn any(globs: &[Vec<u8>], name: &[u8]) -> bool {
        let base = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
        globs.iter().any(|glob| {
            let pattern: Vec<(u8, bool)> = glob.iter().map(|b| (*b, true)).collect();
            glob::matches(&pattern, base) || glob::matches(&pattern, name)
        })
    }

    fn wants(&self, name: &[u8]) -> bool {
        (self.include.is_empty() || Self::any(&self.include, name)) && !Self::any(&self.exclude, name)
    }
}

/// Looks into an operand and, recursing, what is below; whether something failed.
fn visit(
    ctx: &mut Ctx<'_>,
    job: &Job,
    walk: &Walk,
    search: &mut search::Search<'_>,
    file: &[u8],
) -> Result<bool, Need> {
    let mut failed = false;
    let mut stack = vec![(file.to_vec(), 0)];
    let mut left = FILES;
    while let Some((name, level)) = stack.pop() {
        left -= 1;
        if left == 0 || search.spent() {
            break;
        }
        if name == b"-" {
            let input = ctx.input()?;
            search.file(ctx, &job.label, &input);
            continue;
        }
        let path = ctx.path(&name);
        let who = ctx.sh.account.cred.clone();
        let found = if level > 0 && !walk.follow {
            ctx.sh.vfs().lstat(&who, &path)
        } else {
            ctx.sh.vfs().stat(&who, &path)
        };
        let kind = found.map(|s| s.kind);
        let shown = if walk.bare && walk.recursive {
            name.strip_prefix(b"./").unwrap_or(&name).to_vec()
        } else {
            name.clone()
        };
        let read = match kind {
            Ok(Kind::Dir) if walk.recursive => {
                if level > 0 && Walk::any(&walk.exclude_dir, &name) {
                    continue;
                }
                let entries = ctx.sh.vfs().readdir(&who, &path);
                match entries {
                    Ok(entries) => {
                        for (entry, _) in entries.into_iter().rev() {
                            let whole =
                                if name == b"/" { join(b"/", &entry) } else { join_shown(&name, &entry) };
                            stack.push((whole, level + 1));
                        }
                        continue;
                    }
                    Err(errno) => Err(errno),
                }
            }
            Ok(Kind::Dir) if walk.skip_dirs => continue,
            Ok(Kind::Dir) => Err(Errno::EISDIR),
            Ok(Kind::Link | Kind::Device) if level > 0 => continue,
            _ if (level > 0 || walk.recursive) && !walk.wants(&name) => continue,
            _ => ctx.content(&name)?,
        };
        match read {
            Ok(bytes) => search.file(ctx, &shown, &bytes),
            Err(errno) => {
                if !job.silent {
                    ctx.fail(&format!("{}: {errno}", show(&shown)));
                }
                failed |= errno != Errno::EISDIR || !walk.recursive;
            }
        }
        if job.quiet && search.found {
            break;
        }
    }
    Ok(failed)
}

fn join_shown(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let sep: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, sep, name].concat()
}
