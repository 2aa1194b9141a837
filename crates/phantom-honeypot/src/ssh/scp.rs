//! The far side of the old copy protocol, as `scp -t` and `scp -f` of OpenSSH 9.2p1 speak it for `scp -O` and
//! for every client older than 9.0. Bytes in, [`Emit`]s out.

mod options;
mod records;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use phantom_core::Timestamp;

use super::calls::Calls;
use super::sftp::Step;
use crate::shell::Emit;
use crate::vfs::Errno;
pub(crate) use options::{Mode, Options, parse};
use sink::Sink;
use source::Source;

/// Longest record or answer (`char buf[2048]`, less the last).
const MAX_LINE: usize = 2047;

/// Bytes read and written at a time (`COPY_BUFLEN`).
const PIECE: usize = 16 * 1024;

/// Modes that records tell.
const MODES: u32 = 0o7777;

/// One server.
pub struct Scp {
    common: Common,
    side: Side,
}

enum Side {
    Sink(Sink),
    Source(Source),
}

/// What both sides have.
struct Common {
    calls: Calls,
    recursive: bool,
    times: bool,
    verbose: bool,
    input: Vec<u8>,
    /// Of `input`, what was taken already.
    done: usize,
    ended: bool,
    errors: bool,
}

/// Why a server ends at once with status 1.
struct Quit;

impl Scp {
    /// A server with the arguments of a command line; `None` where they ask for none (neither `-t` nor `-f`).
    pub fn new(calls: Calls, arguments: &[Vec<u8>]) -> Option<Self> {
        match parse(arguments) {
            Ok(options) => Self::with(calls, options),
            Err(_) => None,
        }
    }

    pub(crate) fn with(calls: Calls, options: Options) -> Option<Self> {
        let Options { mode, recursive, times, verbose, directory, names } = options;
        let side = match mode {
            Mode::To => Side::Sink(Sink::new(names, directory)),
            Mode::From => Side::Source(Source::new(names)),
            Mode::Client => return None,
        };
        let (input, done) = (Vec::new(), 0);
        let common = Common { calls, recursive, times, verbose, input, done, ended: false, errors: false };
        Some(Self { common, side })
    }

    /// Takes bytes from the peer. Call [`Scp::step`] until it is idle before giving it more.
    pub fn input(&mut self, bytes: &[u8]) {
        self.common.input.drain(..self.common.done);
        self.common.done = 0;
        self.common.input.extend_from_slice(bytes);
    }

    /// The peer sends no more.
    pub fn end_of_input(&mut self) {
        self.common.ended = true;
    }

    /// Goes on, by one record or one piece of a file.
    pub fn step(&mut self, now: Timestamp, out: &mut Vec<Emit>) -> Step {
        self.common.calls.clock(now);
        let went = match &mut self.side {
            Side::Sink(sink) => sink.step(&mut self.common, out),
            Side::Source(source) => source.step(&mut self.common, out),
        };
        match went {
            Ok(Step::Exit(_)) => Step::Exit(i32::from(self.common.errors)),
            Ok(step) => step,
            Err(Quit) => {
                self.close();
                Step::Exit(1)
            }
        }
    }

    /// Lets go of what is open.
    pub fn close(&mut self) {
        match &mut self.side {
            Side::Sink(sink) => sink.close(&self.common),
            Side::Source(source) => source.close(&self.common),
        }
    }
}

/// A connection that breaks leaves nothing open: the files outlive it.
impl Drop for Scp {
    fn drop(&mut self) {
        self.close();
    }
}

impl Common {
    fn waiting(&self) -> &[u8] {
        self.input.get(self.done..).unwrap_or(&[])
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.waiting().get(..count).unwrap_or(&[]).to_vec();
        self.done += taken.len();
        taken
    }

    /// A line that starts at the next byte, with its end; cut where the real one's buffer is full.
    fn line(&mut self) -> Option<Vec<u8>> {
        let waiting = self.waiting();
        // The first byte is taken for itself: a newline there ends nothing.
        let end = waiting.iter().skip(1).take(MAX_LINE - 1).position(|b| *b == b'\n').map(|at| at + 2);
        match end {
            Some(end) => Some(self.take(end)),
            None if waiting.len() >= MAX_LINE => Some(self.take(MAX_LINE)),
            None => None,
        }
    }

    /// The answer of the peer: `None` while it is not whole; `false` where it tells an error.
    fn response(&mut self) -> Result<Option<bool>, Quit> {
        match self.waiting().first() {
            None if self.ended => Err(Quit),
            None => Ok(None),
            Some(0) => {
                self.take(1);
                Ok(Some(true))
            }
            Some(kind) => {
                let kind = *kind;
                match self.line() {
                    None if self.ended => Err(Quit),
                    None => Ok(None),
                    Some(_) if kind == 1 => {
                        self.errors = true;
                        Ok(Some(false))
                    }
                    Some(_) => Err(Quit),
                }
            }
        }
    }

    /// `run_err`: told to the peer.
    fn fail(&mut self, text: &[&[u8]], out: &mut Vec<Emit>) {
        self.errors = true;
        out.push(Emit::Stdout([b"\x01scp: ", text.concat().as_slice(), b"\n"].concat()));
    }

    fn fail_errno(&mut self, name: &[u8], errno: Errno, out: &mut Vec<Emit>) {
        self.fail(&[name, b": ", errno.to_string().as_bytes()], out);
    }

    fn trace(&self, text: &[&[u8]], out: &mut Vec<Emit>) {
        if self.verbose {
            out.push(Emit::Stderr(text.concat()));
        }
    }
}

fn acknowledge(out: &mut Vec<Emit>) {
    out.push(Emit::Stdout(vec![0]));
}
