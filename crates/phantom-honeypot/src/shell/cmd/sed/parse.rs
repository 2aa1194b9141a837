//! From the script to commands.

use super::escape::{characters, escapes, replacement};
use super::{Address, Command, Flags, Part, Substitute, Verb, show};
use crate::shell::cmd::regex::{Dialect, Flags as RegexFlags, Regex};

/// Commands a script may have.
const COMMANDS: usize = 10_000;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    flags: &'a Flags,
    /// `-e expression #1, char ` or `file F line `.
    place: &'a str,
}

type Labels = Vec<(usize, Vec<u8>)>;

/// Parses all pieces; the error is the whole line behind `sed: `.
pub(super) fn script(pieces: &[(Vec<u8>, String)], flags: &Flags) -> Result<Vec<Command>, String> {
    let mut all = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut labels: Vec<(Vec<u8>, usize)> = Vec::new();
    let mut jumps: Labels = Vec::new();
    for (text, place) in pieces {
        let mut parser = Parser { text, at: 0, flags, place };
        while parser.command(&mut all, &mut open, &mut labels, &mut jumps)? {
            if all.len() > COMMANDS {
                return Err("couldn't allocate memory".to_owned());
            }
        }
    }
    if let Some((_, place)) = open.pop() {
        return Err(format!("{place}0: unmatched `{{'"));
    }
    for (at, label) in jumps {
        let Some((_, to)) = labels.iter().find(|(name, _)| *name == label) else {
            return Err(format!("can't find label for jump to `{}'", show(&label)));
        };
        if let Some(Command { verb: Verb::Branch(t) | Verb::BranchIf(t) | Verb::BranchIfNot(t), .. }) =
            all.get_mut(at)
        {
            *t = Some(*to);
        }
    }
    Ok(all)
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() && b != b'\n') {
            self.at += 1;
        }
    }

    fn fail<T>(&self, what: &str) -> Result<T, String> {
        let number = if self.place.starts_with("file") {
            let line = self.text.iter().take(self.at).filter(|b| **b == b'\n').count() + 1;
            format!("{line}")
        } else {
            self.at.to_string()
        };
        Err(format!("{}{number}: {what}", self.place))
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            self.at += 1;
            value = Some(value.unwrap_or(0u64).saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        }
        value
    }

    fn regex(&self, pattern: &[u8], icase: bool, multiline: bool) -> Result<Option<Regex>, String> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let dialect = if self.flags.extended {
            Dialect::Extended { strict: true }
        } else {
            Dialect::Basic { strict: true }
        };
        match Regex::new(pattern, RegexFlags { icase, multiline, ..RegexFlags::of(dialect) }) {
            Ok(regex) => Ok(Some(regex)),
            Err(why) => self.fail(why),
        }
    }

    /// Text up to `mark`, which `\mark` stands for; `\n` becomes a newline.
    fn delimited(&mut self, mark: u8, regex: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut bracket = 0;
        loop {
            let byte = self.next()?;
            if byte == mark && bracket == 0 {
                return Some(out);
            }
            if byte == b'\n' && regex {
                return None;
            }
            if byte == b'\\' && bracket == 0 {
                let escape = self.next()?;
                if escape == mark {
                    // `s,a\,b,`: the mark itself, with the meaning it has when bare.
                    out.push(mark);
                } else if escape == b'n' && regex {
                    out.push(b'\n');
                } else {
                    out.extend_from_slice(&[b'\\', escape]);
                }
                continue;
            }
            if regex && mark != b'[' && mark != b']' {
                // Within brackets the mark is itself only for a well-formed expression.
                match (byte, bracket) {
                    (b'[', 0) => bracket = 1,
                    (b'\\', 1..) if self.peek() == Some(b'n') => {
                        self.at += 1;
                        out.push(b'\n');
                        bracket += 1;
                        continue;
                    }
                    (b'\\', 1..) if self.peek() == Some(b't') => {
                        self.at += 1;
                        out.push(b'\t');
                        bracket += 1;
                        continue;
                    }
                    (b']', 2..) => bracket = 0,
                    (b'^', 1) => {}
                    (_, 1..) => bracket += 1,
                    _ => {}
                }
            }
            out.push(byte);
        }
    }

    fn address(&mut self, second: bool) -> Result<Option<Address>, String> {
        let Some(byte) = self.peek() else { return Ok(None) };
        Ok(Some(match byte {
            b'0'..=b'9' => {
                let line = self.number().unwrap_or(0);
                if self.peek() == Some(b'~') && !second {
                    self.at += 1;
                    Address::Step(line, self.number().unwrap_or(0))
                } else {
                    Address::Line(line)
                }
            }
            b'$' => {
                self.at += 1;
                Address::Last
            }
            b'+' if second => {
                self.at += 1;
                match self.number() {
                    Some(n) => Address::Plus(n),
                    None => return self.fail("expected number"),
                }
            }
            b'~' if second => {
                self.at += 1;
                Address::Multiple(self.number().unwrap_or(0))
            }
            b'/' | b'\\' => {
                self.at += 1;
                let mark = if byte == b'\\' { self.next().unwrap_or(b'\n') } else { b'/' };
                let Some(pattern) = self.delimited(mark, true) else {
                    return self.fail("unterminated address regex");
                };
                let (mut icase, mut multiline) = (false, false);
                loop {
                    match self.peek() {
                        Some(b'I') => icase = true,
                        Some(b'M') => multiline = true,
                        _ => break,
                    }
                    self.at += 1;
                }
                Address::Match(self.regex(&escapes(&pattern), icase, multiline)?.map(Box::new))
            }
            _ => return Ok(None),
        }))
    }

    /// One command; `false` at the end.
    fn command(
        &mut self,
        all: &mut Vec<Command>,
        open: &mut Vec<(usize, String)>,
        labels: &mut Vec<(Vec<u8>, usize)>,
        jumps: &mut Labels,
    ) -> Result<bool, String> {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() || b == b';') {
            self.at += 1;
        }
        if self.peek().is_none() {
            return Ok(false);
        }
        let first = self.address(false)?;
        let mut second = None;
        if first.is_some() {
            self.blanks();
            if self.peek() == Some(b',') {
                self.at += 1;
                self.blanks();
                second = self.address(true)?;
                if second.is_none() {
                    self.at += usize::from(self.peek().is_some());
                    return self.fail("unexpected `,'");
                }
            }
        }
        if matches!(first, Some(Address::Line(0))) && !matches!(second, Some(Address::Match(_))) {
            self.at += usize::from(self.peek().is_some());
            return self.fail("invalid usage of line address 0");
        }
        self.blanks();
        let mut not = false;
        while self.peek() == Some(b'!') {
            self.at += 1;
            if not {
                return self.fail("multiple `!'s");
            }
            not = true;
            self.blanks();
        }
        let Some(letter) = self.next() else { return self.fail("missing command") };
        let here = all.len();
        let verb = match letter {
            b'{' => {
                open.push((here, self.place.to_owned()));
                Verb::Open(0)
            }
            b'}' => {
                let Some((at, _)) = open.pop() else { return self.fail("unexpected `}'") };
                if first.is_some() {
                    return self.fail("} doesn't want any addresses");
                }
                if let Some(Command { verb: Verb::Open(end), .. }) = all.get_mut(at) {
                    *end = here;
                }
                self.end_of_command()?;
                Verb::Close
            }
            b'#' => {
                if first.is_some() {
                    return self.fail("comments don't accept any addresses");
                }
                while self.next().is_some_and(|b| b != b'\n') {}
                return Ok(true);
            }
            b':' => {
                if first.is_some() {
                    return self.fail(": doesn't want any addresses");
                }
                self.blanks();
                let label = self.word(false);
                if label.is_empty() {
                    return self.fail("\":\" lacks a label");
                }
                labels.push((label, here));
                Verb::Nothing
            }
            b'b' | b't' | b'T' => {
                self.blanks();
                let label = self.word(true);
                if !label.is_empty() {
                    jumps.push((here, label));
                }
                self.end_of_command()?;
                match letter {
                    b'b' => Verb::Branch(None),
                    b't' => Verb::BranchIf(None),
                    _ => Verb::BranchIfNot(None),
                }
            }
            b'a' | b'i' | b'c' => {
                let text = self.text_argument()?;
                match letter {
                    b'a' => Verb::Append(text),
                    b'i' => Verb::Insert(text),
                    _ => Verb::Change(text),
                }
            }
            b'q' | b'Q' | b'l' | b'L' => {
                self.blanks();
                let number = self.number();
                self.end_of_command()?;
                match letter {
                    b'l' => Verb::List(number.and_then(|n| usize::try_from(n).ok())),
                    _ if second.is_some() => return self.fail("command only uses one address"),
                    _ => Verb::Quit(number.unwrap_or(0) as u8 as i32, letter == b'Q'),
                }
            }
            b'r' | b'R' | b'w' | b'W' => {
                self.blanks();
                let name = self.rest_of_line();
                if name.is_empty() {
                    return self.fail("missing filename in r/R/w/W commands");
                }
                match letter {
                    b'r' => Verb::Read(name),
                    b'R' => Verb::ReadLine(name),
                    b'w' => Verb::Write(name, false),
                    _ => Verb::Write(name, true),
                }
            }
            b's' => Verb::Substitute(Box::new(self.substitute()?)),
            b'y' => self.translate()?,
            _ => {
                let verb = match letter {
                    b'=' => Verb::Equals,
                    b'd' => Verb::Delete,
                    b'D' => Verb::DeleteFirst,
                    b'g' => Verb::Get,
                    b'G' => Verb::GetAppend,
                    b'h' => Verb::Hold,
                    b'H' => Verb::HoldAppend,
                    b'n' => Verb::Next,
                    b'N' => Verb::NextAppend,
                    b'p' => Verb::Print,
                    b'P' => Verb::PrintFirst,
                    b'x' => Verb::Exchange,
                    b'z' => Verb::Zap,
                    b'F' => Verb::FileName,
                    b'\n' | b';' => return self.fail("missing command"),
                    other => return self.fail(&format!("unknown command: `{}'", char::from(other))),
                };
                self.end_of_command()?;
                verb
            }
        };
        all.push(Command { first, second, not, verb });
        Ok(true)
    }

    /// A label: up to a semicolon or white space; `:` takes semicolons in.
    fn word(&mut self, semicolon: bool) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(byte) = self.peek() {
            if byte.is_ascii_whitespace() || (byte == b';' && (semicolon || !self.flags.posix)) {
                break;
            }
            out.push(byte);
            self.at += 1;
        }
        out
    }

    fn rest_of_line(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(byte) = self.next() {
            if byte == b'\n' {
                break;
            }
            out.push(byte);
        }
        out
    }

    fn end_of_command(&mut self) -> Result<(), String> {
        self.blanks();
        match self.peek() {
            None | Some(b'}' | b'#') => Ok(()),
            Some(b'\n' | b';') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => {
                self.at += 1;
                self.fail("extra characters after command")
            }
        }
    }

    /// The text of `a`, `i` and `c`: GNU's one-line form or behind a backslash and newline.
    fn text_argument(&mut self) -> Result<Vec<u8>, String> {
        self.blanks();
        if self.peek().is_none() {
            return self.fail("expected \\ after `a', `c' or `i'");
        }
        if self.peek() == Some(b'\\') {
            self.at += 1;
            let behind = self.at;
            self.blanks();
            if self.peek() == Some(b'\n') {
                self.at += 1;
            } else if self.peek().is_some() {
                // The one-line form with a backslash keeps the blanks behind it.
                self.at = behind;
            } else if self.peek().is_none() {
                return self.fail("expected \\ after `a', `c' or `i'");
            }
        }
        let mut out = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'\\' => match self.next() {
                    Some(b't') => out.push(b'\t'),
                    Some(escape) => out.push(escape),
                    None => {}
                },
                b'\n' => break,
                other => out.push(other),
            }
        }
        out.push(b'\n');
        Ok(out)
    }

    fn substitute(&mut self) -> Result<Substitute, String> {
        let Some(mark) = self.next().filter(|m| !matches!(m, b'\n' | b'\\')) else {
            return self.fail("unterminated `s' command");
        };
        let (Some(pattern), Some(with)) = (self.delimited(mark, true), self.delimited(mark, false)) else {
            return self.fail("unterminated `s' command");
        };
        let (mut number, mut global, mut print, mut icase, mut multiline) = (0, false, false, false, false);
        let mut write = None;
        loop {
            match self.peek() {
                Some(b'g') if global => {
                    self.at += 1;
                    return self.fail("multiple `g' options to `s' command");
                }
                Some(b'p') if print => {
                    self.at += 1;
                    return self.fail("multiple `p' options to `s' command");
                }
                Some(b'g') => global = true,
                Some(b'p') => print = true,
                Some(b'i' | b'I') => icase = true,
                Some(b'm' | b'M') => multiline = true,
                Some(b'0'..=b'9') => {
                    if number > 0 {
                        self.at += 1;
                        return self.fail("multiple number options to `s' command");
                    }
                    number = self.number().unwrap_or(0);
                    if number == 0 {
                        return self.fail("number option to `s' command may not be zero");
                    }
                    continue;
                }
                Some(b'w') => {
                    self.at += 1;
                    self.blanks();
                    write = Some(self.rest_of_line());
                    break;
                }
                Some(b'e') => {
                    self.at += 1;
                    return self.fail("e/r/w commands disabled in sandbox mode");
                }
                Some(b'\n' | b';') => {
                    self.at += 1;
                    break;
                }
                None | Some(b'}' | b'#') => break,
                Some(b) if b.is_ascii_whitespace() => {}
                Some(_) => {
                    self.at += 1;
                    return self.fail("unknown option to `s'");
                }
            }
            self.at += 1;
        }
        let regex = self.regex(&escapes(&pattern), icase, multiline)?;
        let with = replacement(&with);
        let most = with.iter().map(|p| if let Part::Group(n) = p { *n } else { 0 }).max().unwrap_or(0);
        if regex.as_ref().is_some_and(|r| most > r.groups()) {
            return self.fail(&format!("invalid reference \\{most} on `s' command's RHS"));
        }
        Ok(Substitute { regex, with, number, global, print, write })
    }

    fn translate(&mut self) -> Result<Verb, String> {
        let mark = self.next();
        let both = mark.and_then(|mark| Some((self.delimited(mark, false)?, self.delimited(mark, false)?)));
        let Some((from, to)) = both else { return self.fail("unterminated `y' command") };
        let (from, to) = (characters(&from), characters(&to));
        if from.len() != to.len() {
            return self.fail("strings for `y' command are different lengths");
        }
        self.end_of_command()?;
        Ok(Verb::Translate(from.into_iter().zip(to).collect()))
    }
}
