//! From arguments to an expression.

use super::{Compare, Node, Plan, Test, reference, show};
use crate::shell::Shell;
use crate::shell::cmd::files::number_of;
use crate::shell::cmd::modes;
use crate::shell::cmd::regex::{Dialect, Flags, Regex};

/// Parentheses and negations within each other.
const DEPTH: u32 = 60;

struct Parser<'a> {
    sh: &'a Shell,
    args: &'a [Vec<u8>],
    at: usize,
    tests: Vec<Test>,
    acts: bool,
    most: usize,
    least: usize,
    depth_first: bool,
    follow: u8,
    gatherers: usize,
    depth: u32,
    dialect: Dialect,
}

/// Reads all arguments; the error is the line behind `find: `.
pub(super) fn plan(sh: &Shell, args: &[Vec<u8>]) -> Result<Plan, String> {
    let mut follow = b'P';
    let mut args = args;
    while let Some((first, rest)) = args.split_first() {
        match first.as_slice() {
            b"-H" | b"-L" | b"-P" => follow = first.get(1).copied().unwrap_or(b'P'),
            b"--" => {}
            o if o.starts_with(b"-O") || o == b"-D" => {}
            _ => break,
        }
        args = rest;
    }
    let begins = |a: &Vec<u8>| (a.starts_with(b"-") && a.len() > 1) || matches!(a.as_slice(), b"(" | b"!");
    let split = args.iter().position(begins).unwrap_or(args.len());
    let (roots, expression) = args.split_at_checked(split).unwrap_or((args, &[]));
    let mut roots = roots.to_vec();
    if roots.is_empty() {
        roots.push(b".".to_vec());
    }
    let mut parser = Parser {
        sh,
        args: expression,
        at: 0,
        tests: Vec::new(),
        acts: false,
        most: usize::MAX,
        least: 0,
        depth_first: false,
        follow,
        gatherers: 0,
        depth: 0,
        dialect: Dialect::Basic { strict: false },
    };
    let mut node = if expression.is_empty() { None } else { Some(parser.comma()?) };
    if let Some(extra) = parser.peek() {
        return Err(match extra {
            b")" => "invalid expression; you have too many ')'".to_owned(),
            other => format!("paths must precede expression: `{}'", show(other)),
        });
    }
    if !parser.acts {
        let print = parser.leaf(Test::Print(b'\n'));
        node = Some(match node {
            Some(node) => Node::And(Box::new(node), Box::new(print)),
            None => print,
        });
    }
    let Parser { tests, most, least, depth_first, follow, gatherers, .. } = parser;
    let node = node.unwrap_or(Node::Test(usize::MAX));
    Ok(Plan { roots, tests, node, most, least, depth_first, follow, gatherers })
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a [u8]> {
        self.args.get(self.at).map(Vec::as_slice)
    }

    fn leaf(&mut self, test: Test) -> Node {
        self.tests.push(test);
        Node::Test(self.tests.len() - 1)
    }

    fn comma(&mut self) -> Result<Node, String> {
        let mut left = self.or()?;
        while self.peek() == Some(b",") {
            self.at += 1;
            left = Node::Comma(Box::new(left), Box::new(self.or()?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Node, String> {
        let mut left = self.and()?;
        while matches!(self.peek(), Some(b"-o" | b"-or")) {
            self.at += 1;
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, String> {
        let mut left = self.unary()?;
        loop {
            match self.peek() {
                Some(b"-a" | b"-and") => self.at += 1,
                None | Some(b"-o" | b"-or" | b")" | b",") => return Ok(left),
                Some(word) if !word.starts_with(b"-") && !matches!(word, b"(" | b"!") => return Ok(left),
                _ => {}
            }
            left = Node::And(Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("expression too complicated".to_owned());
        }
        let node = match self.peek() {
            Some(b"!" | b"-not") => {
                let shown = show(self.peek().unwrap_or(b"!"));
                self.at += 1;
                if self.peek().is_none() {
                    return Err(format!("expected an expression after '{shown}'"));
                }
                Node::Not(Box::new(self.unary()?))
            }
            Some(b"(") => {
                self.at += 1;
                if self.peek() == Some(b")") {
                    return Err("invalid expression; empty parentheses are not allowed.".to_owned());
                }
                if self.peek().is_none() {
                    return Err(LACKS.to_owned());
                }
                let inner = self.comma()?;
                if self.peek() != Some(b")") {
                    return Err(LACKS.to_owned());
                }
                self.at += 1;
                inner
            }
            Some(b"-o" | b"-or" | b"-a" | b"-and") => {
                let shown = show(self.peek().unwrap_or(b""));
                return Err(format!(
                    "invalid expression; you have used a binary operator '{shown}' with nothing before it."
                ));
            }
            Some(b")") => return Err("invalid expression; you have too many ')'".to_owned()),
            Some(_) => self.primary()?,
            None => {
                let before = self.at.checked_sub(1).and_then(|n| self.args.get(n)).map(|w| show(w));
                return Err(format!("expected an expression after '{}'", before.unwrap_or_default()));
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn value(&mut self, name: &str) -> Result<&'a [u8], String> {
        let value = self.peek().ok_or_else(|| format!("missing argument to `{name}'"))?;
        self.at += 1;
        Ok(value)
    }

    fn compare(&mut self, name: &str) -> Result<Compare, String> {
        let text = show(self.value(name)?);
        number(&text).ok_or_else(|| format!("invalid argument `{text}' to `{name}'"))
    }

    fn primary(&mut self) -> Result<Node, String> {
        let word = self.peek().unwrap_or(b"");
        let name = show(word);
        if !word.starts_with(b"-") {
            return Err(format!("paths must precede expression: `{name}'"));
        }
        self.at += 1;
        let test = match name.as_str() {
            "-true" => Test::True,
            "-false" => Test::False,
            "-name" | "-iname" => Test::Name(self.value(&name)?.to_vec(), name == "-iname"),
            "-path" | "-wholename" | "-ipath" | "-iwholename" => {
                Test::Path(self.value(&name)?.to_vec(), name.starts_with("-i"))
            }
            "-lname" | "-ilname" => Test::LinkName(self.value(&name)?.to_vec(), name == "-ilname"),
            "-regextype" => {
                let kind = show(self.value(&name)?);
                self.dialect = match kind.as_str() {
                    "posix-extended" | "egrep" | "posix-egrep" | "awk" | "gnu-awk" | "posix-awk" => {
                        Dialect::Extended { strict: false }
                    }
                    "emacs"
                    | "findutils-default"
                    | "grep"
                    | "posix-basic"
                    | "ed"
                    | "sed"
                    | "posix-minimal-basic" => Dialect::Basic { strict: false },
                    _ => {
                        return Err(format!(
                            "Unknown regular expression type ‘{kind}’; valid types are ‘findutils-default’, ‘ed’, ‘emacs’, ‘gnu-awk’, ‘grep’, ‘posix-awk’, ‘awk’, ‘posix-basic’, ‘posix-egrep’, ‘egrep’, ‘posix-extended’, ‘posix-minimal-basic’, ‘sed’."
                        ));
                    }
                };
                Test::True
            }
            "-regex" | "-iregex" => {
                let text = self.value(&name)?;
                let flags = Flags { icase: name == "-iregex", ..Flags::of(self.dialect) };
                // The default dialect is that of Emacs: `+` and `?` repeat.
                let text =
                    if matches!(self.dialect, Dialect::Basic { .. }) { emacs(text) } else { text.to_vec() };
                let regex = Regex::new(&text, flags).map_err(|why| {
                    format!("failed to compile regular expression '{}': {why}", show(&text))
                })?;
                Test::Regex(Box::new(regex))
            }
            "-type" | "-xtype" => {
                let text = self.value(&name)?;
                let letters: Vec<u8> = text.split(|b| *b == b',').flatten().copied().collect();
                if let Some(odd) = letters.iter().find(|l| !b"bcdpflsD".contains(l)) {
                    return Err(format!("Unknown argument to {name}: {}", char::from(*odd)));
                }
                Test::Type(letters)
            }
            "-size" => {
                let text = show(self.value(&name)?);
                let (digits, unit) = match text.chars().last() {
                    Some('c') => (text.trim_end_matches('c'), 1),
                    Some('w') => (text.trim_end_matches('w'), 2),
                    Some('b') => (text.trim_end_matches('b'), 512),
                    Some('k') => (text.trim_end_matches('k'), 1 << 10),
                    Some('M') => (text.trim_end_matches('M'), 1 << 20),
                    Some('G') => (text.trim_end_matches('G'), 1 << 30),
                    Some(c) if c.is_ascii_digit() => (text.as_str(), 512),
                    Some(c) => return Err(format!("invalid -size type `{c}'")),
                    None => return Err("invalid null argument to -size".to_owned()),
                };
                let compare = number(digits).ok_or_else(|| format!("Invalid argument `{text}' to -size"))?;
                Test::Size(compare, unit)
            }
            "-perm" => {
                let text = show(self.value(&name)?);
                let sign = text.chars().next().filter(|c| matches!(c, '-' | '/')).unwrap_or('=');
                let rest = text.strip_prefix(['-', '/']).unwrap_or(&text);
                let mode = modes::parse(rest, 0, false, 0).ok_or_else(|| format!("invalid mode ‘{text}’"))?;
                Test::Perm(sign, mode)
            }
            "-user" | "-group" => {
                let text = show(self.value(&name)?);
                let group = name == "-group";
                let id = number_of(self.sh, &text, group);
                let kind = if group { "an existing group" } else { "a known user" };
                let id = id.ok_or_else(|| format!("‘{text}’ is not the name of {kind}"))?;
                let compare = Compare { sign: '=', value: u64::from(id) };
                if group { Test::Gid(compare) } else { Test::Uid(compare) }
            }
            "-uid" => Test::Uid(self.compare(&name)?),
            "-gid" => Test::Gid(self.compare(&name)?),
            "-nouser" => Test::NoOwner(false),
            "-nogroup" => Test::NoOwner(true),
            "-mtime" | "-atime" | "-ctime" => {
                Test::Age(word.get(1).copied().unwrap_or(b'm'), self.compare(&name)?, 86_400)
            }
            "-mmin" | "-amin" | "-cmin" => {
                Test::Age(word.get(1).copied().unwrap_or(b'm'), self.compare(&name)?, 60)
            }
            "-newer" | "-anewer" | "-cnewer" | "-newermm" => {
                let file = self.value(&name)?;
                let stat = reference(self.sh, file).map_err(|errno| format!("‘{}’: {errno}", show(file)))?;
                Test::Newer(phantom_core::micros(stat.mtime))
            }
            "-newermt" | "-newerat" | "-newerct" => {
                let text = show(self.value(&name)?);
                let at = modes::date(&text, self.sh.io.now());
                let at = at.ok_or_else(|| {
                    format!("I cannot figure out how to interpret ‘{text}’ as a date or time")
                })?;
                Test::Newer(phantom_core::micros(at))
            }
            "-empty" => Test::Empty,
            "-links" => Test::Links(self.compare(&name)?),
            "-inum" => Test::Inum(self.compare(&name)?),
            "-readable" => Test::Access(4),
            "-writable" => Test::Access(2),
            "-executable" => Test::Access(1),
            "-samefile" => {
                let file = self.value(&name)?;
                let stat = reference(self.sh, file).map_err(|errno| format!("‘{}’: {errno}", show(file)))?;
                Test::SameFile(stat.ino)
            }
            "-maxdepth" | "-mindepth" => {
                let text = show(self.value(&name)?);
                let depth = text.parse::<usize>();
                let depth = depth.map_err(|_| {
                    format!("Expected a positive decimal integer argument to {name}, but got ‘{text}’")
                })?;
                if name == "-maxdepth" {
                    self.most = depth
                } else {
                    self.least = depth
                }
                Test::True
            }
            "-depth" | "-d" => {
                self.depth_first = true;
                Test::True
            }
            "-xdev" | "-mount" | "-noleaf" | "-daystart" | "-warn" | "-nowarn" | "-ignore_readdir_race" => {
                Test::True
            }
            "-follow" => {
                self.follow = b'L';
                Test::True
            }
            "-prune" => Test::Prune,
            "-print" | "-print0" | "-ls" | "-printf" | "-delete" | "-quit" | "-exec" | "-execdir" | "-ok"
            | "-okdir" => {
                self.acts |= name != "-quit";
                match name.as_str() {
                    "-print" => Test::Print(b'\n'),
                    "-print0" => Test::Print(0),
                    "-ls" => Test::List,
                    "-printf" => Test::Printf(self.value(&name)?.to_vec()),
                    "-quit" => Test::Quit,
                    "-delete" => {
                        self.depth_first = true;
                        Test::Delete
                    }
                    _ => self.exec(&name)?,
                }
            }
            _ => return Err(format!("unknown predicate `{name}'")),
        };
        Ok(self.leaf(test))
    }

    fn exec(&mut self, name: &str) -> Result<Test, String> {
        let mut words = Vec::new();
        loop {
            let word = self.value(name)?;
            if word == b";" {
                break;
            }
            words.push(word.to_vec());
            if word == b"{}" && self.peek() == Some(b"+") && words.len() > 1 {
                self.at += 1;
                self.gatherers += 1;
                return Ok(Test::Exec { words, gather: Some(self.gatherers - 1), in_dir: false, ask: false });
            }
        }
        if words.is_empty() {
            return Err(format!("missing argument to `{name}'"));
        }
        Ok(Test::Exec { words, gather: None, in_dir: name.ends_with("dir"), ask: name.starts_with("-ok") })
    }
}

const LACKS: &str = "invalid expression; expected to find a ')' but didn't see one. Perhaps you need an extra predicate after '('";

fn number(text: &str) -> Option<Compare> {
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-')).unwrap_or('=');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    Some(Compare { sign, value: digits.parse().ok()? })
}

/// `+` and `?` repeat, bare.
fn emacs(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.iter();
    let mut bracket = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if !bracket => {
                out.push(b'\\');
                out.extend(bytes.next());
                continue;
            }
            b'[' => bracket = true,
            b']' => bracket = false,
            b'+' | b'?' if !bracket => out.push(b'\\'),
            _ => {}
        }
        out.push(*byte);
    }
    out
}
