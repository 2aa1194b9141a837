//! What a script does with its lines.

use std::collections::HashMap;

use super::substitute::listed;
use super::{Address, Command, Flags, Regex, Verb, show};
use crate::shell::cmd::ctx::{Ctx, Need};
use crate::shell::io::BUFFER;
use crate::vfs::{Ino, Kind};

/// Commands one run may execute: an endless loop ends as if killed.
const STEPS: u64 = 3_000_000;
/// Matching steps of one run.
const FUEL: u64 = 60_000_000;
/// Bytes pattern and hold space may have.
pub(super) const SPACE: usize = 1 << 20;
/// Exit status of what a signal killed.
const KILLED: i32 = 137;

pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
    pub(super) name: Vec<u8>,
}

pub(super) struct Run<'a, 'b> {
    ctx: &'a mut Ctx<'b>,
    flags: &'a Flags,
    pub(super) inputs: std::collections::VecDeque<Lines>,
    pub(super) pattern: Vec<u8>,
    hold: Vec<u8>,
    line: u64,
    name: Vec<u8>,
    /// Whether the line read last had its newline.
    ended: bool,
    pub(super) out: Vec<u8>,
    after: Vec<Vec<u8>>,
    files: HashMap<Vec<u8>, (Ino, bool)>,
    /// For every command with two addresses: where its range ends, if it is in one.
    ranges: Vec<Option<u64>>,
    pub(super) last_regex: Option<&'a Regex>,
    readers: HashMap<Vec<u8>, (Vec<u8>, usize)>,
    pub(super) fuel: u64,
    pub(super) steps: u64,
    pub(super) quit_early: bool,
    /// The last line written lacks its newline.
    unended: bool,
}

enum Next {
    Cycle,
    /// A new cycle without reading a line.
    Again,
    Quit(i32, bool),
}

pub(super) fn run(
    ctx: &mut Ctx<'_>,
    commands: &[Command],
    flags: &Flags,
    files: &[Vec<u8>],
) -> Result<i32, Need> {
    let mut status = 0;
    let mut inputs = std::collections::VecDeque::new();
    for file in files {
        if let Some(suffix) = flags.in_place.as_deref().filter(|_| file != b"-") {
            match super::inplace::edit(ctx, commands, flags, file, suffix)? {
                (code @ (2 | 4), false) => status = code,
                (code, true) => return Ok(code),
                _ => {}
            }
            continue;
        }
        let path = ctx.path(file);
        let is_dir =
            file != b"-" && ctx.sh.vfs().stat(&ctx.sh.account.cred, &path).is_ok_and(|s| s.kind == Kind::Dir);
        if is_dir {
            ctx.fail(&format!("read error on {}: Is a directory", show(file)));
            status = 4;
            continue;
        }
        match ctx.content(file)? {
            Ok(bytes) => inputs.push_back(Lines { bytes, at: 0, name: file.clone() }),
            Err(errno) => {
                ctx.fail(&format!("can't read {}: {errno}", show(file)));
                status = 2;
            }
        }
    }
    if flags.in_place.is_some() && inputs.is_empty() {
        return Ok(status);
    }
    let mut run = Run::new(ctx, commands, flags, inputs);
    let code = run.all(commands);
    let out = std::mem::take(&mut run.out);
    ctx.out.extend(out);
    Ok(if code != 0 { code } else { status })
}

impl<'a, 'b> Run<'a, 'b> {
    pub(super) fn new(
        ctx: &'a mut Ctx<'b>,
        commands: &[Command],
        flags: &'a Flags,
        inputs: std::collections::VecDeque<Lines>,
    ) -> Self {
        Self {
            ctx,
            flags,
            inputs,
            pattern: Vec::new(),
            hold: Vec::new(),
            line: 0,
            name: b"-".to_vec(),
            ended: true,
            out: Vec::new(),
            after: Vec::new(),
            files: HashMap::new(),
            ranges: commands.iter().map(|_| None).collect(),
            last_regex: None,
            readers: HashMap::new(),
            fuel: FUEL,
            steps: STEPS,
            quit_early: false,
            unended: false,
        }
    }

    fn mark(&self) -> u8 {
        if self.flags.zero { 0 } else { b'\n' }
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mark = self.mark();
        loop {
            let lines = self.inputs.front_mut()?;
            let rest = lines.bytes.get(lines.at..).unwrap_or(&[]);
            if rest.is_empty() {
                self.inputs.pop_front();
                if self.flags.separate {
                    self.line = 0;
                }
                continue;
            }
            let end = rest.iter().position(|b| *b == mark);
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or(&[]).to_vec();
            lines.at += line.len() + usize::from(end.is_some());
            self.ended = end.is_some();
            self.name.clone_from(&lines.name);
            self.line += 1;
            return Some(line);
        }
    }

    fn last(&self) -> bool {
        let mut left = self.inputs.iter().map(|l| l.at >= l.bytes.len());
        if self.flags.separate { left.next().unwrap_or(true) } else { left.all(|empty| empty) }
    }

    fn put(&mut self, text: &[u8], newline: bool) {
        let room = BUFFER.saturating_sub(self.out.len());
        self.out.extend(text.iter().take(room));
        if newline {
            self.out.push(self.mark());
        }
    }

    /// A line of output; the input's last line keeps its missing newline.
    fn line_out(&mut self, text: &[u8]) {
        // What follows a line without its newline begins on a new one.
        if self.missing() {
            self.out.push(self.mark());
        }
        let whole = self.ended || !self.last();
        self.put(text, whole);
        self.unended = !whole;
    }

    fn missing(&mut self) -> bool {
        std::mem::take(&mut self.unended)
    }

    fn flush_after(&mut self) {
        for text in std::mem::take(&mut self.after) {
            if !text.is_empty() {
                if self.missing() {
                    self.out.push(self.mark());
                }
                self.put(&text, false);
            }
        }
    }

    pub(super) fn all(&mut self, commands: &'a [Command]) -> i32 {
        let mut again = false;
        loop {
            if !again {
                match self.read() {
                    Some(line) => self.pattern = line,
                    None => return 0,
                }
            }
            match self.cycle(commands) {
                Ok(Next::Cycle) => {
                    if !self.flags.quiet {
                        let text = std::mem::take(&mut self.pattern);
                        self.line_out(&text);
                    }
                    again = false;
                }
                Ok(Next::Again) => again = true,
                Ok(Next::Quit(status, silent)) => {
                    self.quit_early = true;
                    if !silent {
                        if !self.flags.quiet {
                            let text = std::mem::take(&mut self.pattern);
                            self.line_out(&text);
                        }
                        self.flush_after();
                    }
                    return status;
                }
                Err(Deleted) => again = false,
            }
            self.flush_after();
            if self.steps == 0 || self.fuel == 0 || self.out.len() >= BUFFER {
                return KILLED;
            }
        }
    }

    fn cycle(&mut self, commands: &'a [Command]) -> Result<Next, Deleted> {
        let mut at = 0;
        let mut replaced = false;
        while let Some(command) = commands.get(at) {
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 || self.fuel == 0 {
                return Ok(Next::Quit(KILLED, true));
            }
            let here = at;
            at += 1;
            if self.selects(here, command) == command.not {
                if let Verb::Open(end) = command.verb {
                    at = end;
                }
                continue;
            }
            match &command.verb {
                Verb::Open(_) | Verb::Close | Verb::Nothing => {}
                Verb::Equals => {
                    let text = self.line.to_string();
                    if self.missing() {
                        self.out.push(b'\n');
                    }
                    self.put(text.as_bytes(), false);
                    self.out.push(b'\n');
                }
                Verb::Append(text) => self.after.push(text.clone()),
                Verb::Insert(text) => self.put(text, false),
                Verb::Change(text) => {
                    if command.second.is_none()
                        || command.not
                        || self.ranges.get(here).is_none_or(Option::is_none)
                    {
                        self.put(text, false);
                    }
                    return Err(Deleted);
                }
                Verb::Branch(to) => at = to.unwrap_or(commands.len()),
                Verb::BranchIf(to) => {
                    if std::mem::take(&mut replaced) {
                        at = to.unwrap_or(commands.len());
                    }
                }
                Verb::BranchIfNot(to) => {
                    if !std::mem::take(&mut replaced) {
                        at = to.unwrap_or(commands.len());
                    }
                }
                Verb::Delete => return Err(Deleted),
                Verb::DeleteFirst => match self.pattern.iter().position(|b| *b == b'\n') {
                    Some(end) => {
                        self.pattern.drain(..=end);
                        return Ok(Next::Again);
                    }
                    None => return Err(Deleted),
                },
                Verb::Get => self.pattern.clone_from(&self.hold),
                Verb::GetAppend => {
                    if self.pattern.len() + self.hold.len() < SPACE {
                        self.pattern.push(b'\n');
                        self.pattern.extend_from_slice(&self.hold);
                    } else {
                        self.steps = 0;
                    }
                }
                Verb::Hold => self.hold.clone_from(&self.pattern),
                Verb::HoldAppend => {
                    if self.pattern.len() + self.hold.len() < SPACE {
                        self.hold.push(b'\n');
                        self.hold.extend_from_slice(&self.pattern);
                    } else {
                        self.steps = 0;
                    }
                }
                Verb::List(width) => {
                    let text = listed(&self.pattern, width.unwrap_or(self.flags.line_length));
                    self.put(&text, false);
                }
                Verb::Next => {
                    if self.last() && !self.flags.posix {
                        return Ok(Next::Quit(0, false));
                    }
                    if !self.flags.quiet {
                        let text = std::mem::take(&mut self.pattern);
                        self.line_out(&text);
                    }
                    self.flush_after();
                    match self.read() {
                        Some(line) => self.pattern = line,
                        None => return Ok(Next::Quit(0, true)),
                    }
                }
                Verb::NextAppend => {
                    if self.last() {
                        return Ok(Next::Quit(0, self.flags.posix));
                    }
                    self.flush_after();
                    if let Some(line) = self.read() {
                        self.pattern.push(self.mark());
                        self.pattern.extend(line);
                        if self.pattern.len() > SPACE {
                            self.steps = 0;
                        }
                    }
                }
                Verb::Print => {
                    let text = self.pattern.clone();
                    self.line_out(&text);
                }
                Verb::PrintFirst => {
                    let end = self.pattern.iter().position(|b| *b == b'\n');
                    let text = self.pattern.get(..end.unwrap_or(self.pattern.len())).unwrap_or(&[]).to_vec();
                    if self.missing() {
                        self.out.push(b'\n');
                    }
                    self.put(&text, true);
                }
                Verb::Quit(status, silent) => return Ok(Next::Quit(*status, *silent)),
                Verb::Read(name) => {
                    let text = self.ctx.content(name).ok().and_then(Result::ok).unwrap_or_default();
                    self.after.push(text);
                }
                Verb::ReadLine(name) => {
                    if !self.readers.contains_key(name) && self.readers.len() < 16 {
                        let text = self.ctx.content(name).ok().and_then(Result::ok).unwrap_or_default();
                        self.readers.insert(name.clone(), (text, 0));
                    }
                    if let Some((text, at)) = self.readers.get_mut(name) {
                        let rest = text.get(*at..).unwrap_or(&[]);
                        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
                        let mut line = rest.get(..end).unwrap_or(&[]).to_vec();
                        *at += end;
                        if !line.is_empty() && !line.ends_with(b"\n") {
                            line.push(b'\n');
                        }
                        self.after.push(line);
                    }
                }
                Verb::Write(name, first) => {
                    let end = self.pattern.iter().position(|b| *b == b'\n').filter(|_| *first);
                    let text = self.pattern.get(..end.unwrap_or(self.pattern.len())).unwrap_or(&[]).to_vec();
                    self.write(name, &text);
                }
                Verb::Exchange => std::mem::swap(&mut self.pattern, &mut self.hold),
                Verb::Zap => self.pattern.clear(),
                Verb::FileName => {
                    let name = self.name.clone();
                    self.put(&name, false);
                    self.out.push(b'\n');
                }
                Verb::Translate(map) => {
                    let mut out = Vec::with_capacity(self.pattern.len());
                    let mut rest = self.pattern.as_slice();
                    while let Some(byte) = rest.first() {
                        let found = map.iter().find(|(from, _)| rest.starts_with(from));
                        let (bytes, length): (&[u8], usize) = match found {
                            Some((from, to)) => (to, from.len()),
                            None => (std::slice::from_ref(byte), 1),
                        };
                        out.extend_from_slice(bytes);
                        rest = rest.get(length..).unwrap_or(&[]);
                    }
                    self.pattern = out;
                }
                Verb::Substitute(what) => {
                    if self.substitute(what) {
                        replaced = true;
                        if what.print {
                            let text = self.pattern.clone();
                            self.line_out(&text);
                        }
                        if let Some(name) = &what.write {
                            let text = self.pattern.clone();
                            self.write(name, &text);
                        }
                    }
                }
            }
        }
        Ok(Next::Cycle)
    }

    fn write(&mut self, name: &[u8], text: &[u8]) {
        if name == b"/dev/stdout" {
            return self.line_out(text);
        }
        if name == b"/dev/stderr" {
            self.ctx.err.extend_from_slice(text);
            self.ctx.err.push(b'\n');
            return;
        }
        let path = self.ctx.path(name);
        let mode = 0o666 & !self.ctx.sh.umask;
        let who = self.ctx.sh.account.cred.clone();
        let first = !self.files.contains_key(name);
        let mut vfs = self.ctx.sh.vfs();
        if let Ok(ino) = vfs.create(&who, &path, mode, first) {
            let _ = vfs.write(ino, None, &[text, b"\n"].concat());
            drop(vfs);
            if self.files.len() < 64 {
                self.files.insert(name.to_vec(), (ino, true));
            }
        }
    }

    fn matches(&mut self, regex: Option<&'a Regex>) -> bool {
        let regex = regex.or(self.last_regex);
        self.last_regex = regex;
        regex.is_some_and(|regex| regex.is_match(&self.pattern, &mut self.fuel))
    }

    fn holds(&mut self, address: &'a Address) -> bool {
        match address {
            Address::Line(n) => *n == self.line,
            Address::Last => self.last(),
            Address::Match(regex) => self.matches(regex.as_deref()),
            Address::Step(first, 0) => *first == self.line,
            Address::Step(first, step) => self.line >= *first && (self.line - first).is_multiple_of(*step),
            Address::Plus(_) | Address::Multiple(_) => false,
        }
    }

    fn selects(&mut self, index: usize, command: &'a Command) -> bool {
        let (first, second) = match (&command.first, &command.second) {
            (None, _) => return true,
            (Some(first), None) => return self.holds(first),
            (Some(first), Some(second)) => (first, second),
        };
        let begun = self.ranges.get(index).copied().flatten();
        let (inside, ends): (bool, Option<u64>) = match begun {
            // `u64::MAX`: open until an expression matches.
            Some(end) => match second {
                Address::Match(regex) => {
                    let ends = self.matches(regex.as_deref());
                    (true, (!ends).then_some(end))
                }
                Address::Last => (true, (!self.last()).then_some(end)),
                _ if self.line > end => (self.holds(first), None),
                _ => (true, (self.line < end).then_some(end)),
            },
            None => {
                // `0,/re/` may end on the first line.
                let zero = matches!(first, Address::Line(0)) && self.line == 1;
                if zero {
                    let ends = matches!(second, Address::Match(regex) if self.matches(regex.as_deref()));
                    (true, (!ends).then_some(u64::MAX))
                } else if self.holds(first) {
                    let end = match second {
                        Address::Line(n) => *n,
                        Address::Plus(n) => self.line + n,
                        Address::Multiple(0) => self.line,
                        Address::Multiple(n) => self.line.div_ceil(*n) * n,
                        Address::Last if self.last() => 0,
                        _ => u64::MAX,
                    };
                    (true, (end > self.line).then_some(end))
                } else {
                    (false, None)
                }
            }
        };
        if let Some(place) = self.ranges.get_mut(index) {
            *place = ends;
        }
        inside
    }
}

/// The cycle ends without printing.
struct Deleted;
