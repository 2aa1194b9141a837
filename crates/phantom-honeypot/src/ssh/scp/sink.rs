//! `scp -t`: files come in.

use super::records::{Header, Screwup, header, times};
use super::{Common, MODES, PIECE, Quit, acknowledge};
use crate::shell::Emit;
use crate::ssh::sftp::Step;
use crate::vfs::{Errno, Ino, Kind, OpenFlags, SetAttr};

/// Directories within each other.
const DEPTH: usize = 256;

pub(super) struct Sink {
    names: Vec<Vec<u8>>,
    directory: bool,
    /// The directory being filled, last, and those around it.
    levels: Vec<Level>,
    state: State,
    /// Noted by `note_err`, told after the file.
    noted: Option<Vec<u8>>,
}

#[derive(Default)]
struct Level {
    target: Vec<u8>,
    is_dir: bool,
    /// Of the next file or directory.
    times: Option<SetAttr>,
    /// Whether a record has come.
    begun: bool,
    /// The mode that the target gets in the end.
    mode: Option<u32>,
}

enum State {
    Start,
    Record,
    Body(Incoming),
    /// After the file its sender says how it went.
    Response(Incoming),
}

struct Incoming {
    ino: Ino,
    path: Vec<u8>,
    size: u64,
    left: u64,
    place: u64,
    failed: bool,
    /// What stood there before.
    before: Option<Kind>,
    mode: u32,
}

impl Sink {
    pub(super) fn new(names: Vec<Vec<u8>>, directory: bool) -> Self {
        Self { names, directory, levels: Vec::new(), state: State::Start, noted: None }
    }

    pub(super) fn step(&mut self, common: &mut Common, out: &mut Vec<Emit>) -> Result<Step, Quit> {
        match std::mem::replace(&mut self.state, State::Record) {
            State::Start => {
                let [target] = self.names.as_slice() else {
                    common.fail(&[b"ambiguous target"], out);
                    return Err(Quit);
                };
                let target = target.clone();
                if common.times {
                    common.calls.umask = 0;
                }
                self.enter(Level { target, ..Level::default() }, common, out)?;
                Ok(Step::Went)
            }
            State::Record => self.record(common, out),
            State::Body(file) => self.body(file, common, out),
            State::Response(file) => match common.response() {
                Ok(Some(_)) => {
                    self.finish(&file, common, out);
                    Ok(Step::Went)
                }
                Ok(None) => {
                    self.state = State::Response(file);
                    Ok(Step::Idle)
                }
                Err(Quit) => {
                    self.state = State::Response(file);
                    Err(Quit)
                }
            },
        }
    }

    pub(super) fn close(&mut self, common: &Common) {
        if let State::Body(file) | State::Response(file) = &self.state {
            common.calls.lock().release(file.ino);
        }
        self.state = State::Record;
    }

    fn enter(&mut self, mut level: Level, common: &mut Common, out: &mut Vec<Emit>) -> Result<(), Quit> {
        let kind = common.calls.stat(&level.target).map(|stat| stat.kind);
        if self.directory && kind != Ok(Kind::Dir) {
            common.fail_errno(&level.target, kind.err().unwrap_or(Errno::ENOTDIR), out);
            return Err(Quit);
        }
        acknowledge(out);
        level.is_dir = kind == Ok(Kind::Dir);
        self.levels.push(level);
        Ok(())
    }

    /// The directory is whole, or the input at its end.
    fn leave(&mut self, common: &mut Common) -> Step {
        let Some(level) = self.levels.pop() else { return Step::Exit(0) };
        let Some(around) = self.levels.last_mut() else { return Step::Exit(0) };
        // What utimes(2) and chmod(2) say here is of no interest there either.
        if let Some(times) = around.times.take() {
            let _ = common.calls.set(&level.target, times, true);
        }
        if let Some(mode) = level.mode {
            let set = SetAttr { mode: Some(mode & MODES), ..SetAttr::default() };
            let _ = common.calls.set(&level.target, set, true);
        }
        Step::Went
    }

    fn record(&mut self, common: &mut Common, out: &mut Vec<Emit>) -> Result<Step, Quit> {
        match common.waiting().first() {
            None if common.ended => return Ok(self.leave(common)),
            None => return Ok(Step::Idle),
            Some(b'\n') => return screwup(Screwup("unexpected <newline>"), common, out),
            Some(_) => {}
        }
        let line = match common.line() {
            Some(line) => line,
            None if common.ended => return screwup(Screwup("lost connection"), common, out),
            None => return Ok(Step::Idle),
        };
        let Some(level) = self.levels.last_mut() else { return Ok(Step::Exit(0)) };
        let first = !std::mem::replace(&mut level.begun, true);
        let shown = line.split(|b| *b == 0).next().unwrap_or(&[]);
        common.trace(&[b"Sink: ", shown], out);
        match line.first() {
            Some(1) => {
                common.errors = true;
                return Ok(Step::Went);
            }
            Some(2) => return Err(Quit),
            Some(b'E') => {
                acknowledge(out);
                return Ok(self.leave(common));
            }
            _ => {}
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = line.split(|b| *b == 0).next().unwrap_or(&[]);
        match text.first() {
            Some(b'T') => match times(text) {
                Ok(set) => {
                    level.times = set;
                    acknowledge(out);
                    Ok(Step::Went)
                }
                Err(why) => screwup(why, common, out),
            },
            Some(b'C' | b'D') => match header(text) {
                Ok(header) => self.begin(text.first() == Some(&b'D'), &header, common, out),
                Err(why) => screwup(why, common, out),
            },
            // What a remote shell says instead of a record comes through like this.
            _ if first => {
                common.fail(&[text], out);
                Err(Quit)
            }
            _ => screwup(Screwup("expected control record"), common, out),
        }
    }

    fn begin(
        &mut self,
        directory: bool,
        header: &Header<'_>,
        common: &mut Common,
        out: &mut Vec<Emit>,
    ) -> Result<Step, Quit> {
        let Some(level) = self.levels.last() else { return Ok(Step::Exit(0)) };
        let Header { mode, size, name } = *header;
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
            common.fail(&[b"error: unexpected filename: ", name], out);
            return Err(Quit);
        }
        // Without -p set-id bits do not come along.
        let mode = mode & !common.calls.umask & if common.times { MODES } else { 0o777 };
        let slash: &[u8] = if level.target == b"/" { b"" } else { b"/" };
        let path = if level.is_dir { [&level.target, slash, name].concat() } else { level.target.clone() };
        let before = common.calls.stat(&path).ok().map(|stat| stat.kind);
        if directory {
            return self.descend(path, mode, before, common, out);
        }
        let flags = OpenFlags { write: true, create: true, ..OpenFlags::default() };
        match common.calls.open(&path, flags, mode | 0o200) {
            Ok(ino) => {
                acknowledge(out);
                let (left, place, failed) = (size, 0, false);
                self.state = State::Body(Incoming { ino, path, size, left, place, failed, before, mode });
            }
            Err(errno) => common.fail_errno(&path, errno, out),
        }
        Ok(Step::Went)
    }

    fn descend(
        &mut self,
        path: Vec<u8>,
        mode: u32,
        before: Option<Kind>,
        common: &mut Common,
        out: &mut Vec<Emit>,
    ) -> Result<Step, Quit> {
        if !common.recursive {
            return screwup(Screwup("received directory without -r"), common, out);
        }
        let made = match before {
            _ if self.levels.len() >= DEPTH => Err(Errno::ENAMETOOLONG),
            Some(Kind::Dir) => Ok(()),
            Some(_) => Err(Errno::ENOTDIR),
            None => common.calls.mkdir(&path, mode | 0o700),
        };
        if let Err(errno) = made {
            common.fail_errno(&path, errno, out);
            return Ok(Step::Went);
        }
        if common.times && before.is_some() {
            let set = SetAttr { mode: Some(mode & MODES), ..SetAttr::default() };
            let _ = common.calls.set(&path, set, true);
        }
        let mode = (common.times || before.is_none()).then_some(mode);
        self.enter(Level { target: path, mode, ..Level::default() }, common, out)?;
        Ok(Step::Went)
    }

    fn body(&mut self, mut file: Incoming, common: &mut Common, out: &mut Vec<Emit>) -> Result<Step, Quit> {
        if file.left > 0 {
            let want = usize::try_from(file.left).unwrap_or(PIECE).min(PIECE);
            if common.waiting().len() < want && !common.ended {
                self.state = State::Body(file);
                return Ok(Step::Idle);
            }
            let piece = common.take(want);
            if !file.failed && !piece.is_empty() {
                let written = common.calls.write(file.ino, Some(file.place), &piece);
                if let Err(errno) = written {
                    file.failed = true;
                    self.note(common, &[&file.path, b": ", errno.to_string().as_bytes()]);
                }
            }
            file.left -= piece.len() as u64;
            file.place = file.place.saturating_add(piece.len() as u64);
            if piece.len() < want {
                common.fail(&[b"Broken pipe"], out);
                self.state = State::Body(file);
                return Err(Quit);
            }
            if file.left > 0 {
                self.state = State::Body(file);
                return Ok(Step::Went);
            }
        }
        common.trace(&[b"scp: debug1: fd 0 clearing O_NONBLOCK\r\n"], out);
        if !file.failed
            && file.before.is_none_or(|kind| kind == Kind::File)
            && let Err(errno) = common.calls.resize(file.ino, file.size)
        {
            self.note(common, &[&file.path, b": truncate: ", errno.to_string().as_bytes()]);
        }
        // The owner's right to write was added when it was opened.
        let added = file.mode & 0o200 == 0;
        let changes =
            if common.times { added || file.before.is_some() } else { added && file.before.is_none() };
        if changes {
            let set = SetAttr { mode: Some(file.mode & MODES), ..SetAttr::default() };
            if let Err(errno) = common.calls.set_open(file.ino, set) {
                self.note(common, &[&file.path, b": set mode: ", errno.to_string().as_bytes()]);
            }
        }
        self.state = State::Response(file);
        Ok(Step::Went)
    }

    /// After the sender's answer: times, the evidence, and how it went.
    fn finish(&mut self, file: &Incoming, common: &mut Common, out: &mut Vec<Emit>) {
        let times = if file.failed { None } else { self.levels.last_mut().and_then(|l| l.times.take()) };
        if let Some(times) = times
            && let Err(errno) = common.calls.set(&file.path, times, true)
        {
            self.note(common, &[&file.path, b": set times: ", errno.to_string().as_bytes()]);
        }
        let written = common.calls.lock().take_written(file.ino);
        common.calls.lock().release(file.ino);
        out.extend(written.map(Emit::Wrote));
        match self.noted.take() {
            None => acknowledge(out),
            Some(text) => common.fail(&[&text], out),
        }
    }

    /// `note_err`: the first is kept.
    fn note(&mut self, common: &mut Common, text: &[&[u8]]) {
        common.errors = true;
        self.noted.get_or_insert_with(|| text.concat());
    }
}

fn screwup(why: Screwup, common: &mut Common, out: &mut Vec<Emit>) -> Result<Step, Quit> {
    common.fail(&[b"protocol error: ", why.0.as_bytes()], out);
    Err(Quit)
}
