//! A shell and what carries it: a terminal with its line discipline, an `exec` request, or a script.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use phantom_core::{Body, Timestamp};

use super::io::{Hints, IoHandle, Mode, Spawned};
use super::{SharedVfs, Shell};
use crate::vfs::{Dropped, join, split};

/// What a console wants done, in order: evidence stands before the output it led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Emit {
    /// Evidence.
    Record(Body),
    /// A file is whole: it is kept, and recorded, before what follows is sent.
    Wrote(Dropped),
    /// Bytes for standard output; everything, with `\r\n`, on a terminal.
    Stdout(Vec<u8>),
    /// Bytes for standard error.
    Stderr(Vec<u8>),
    /// Call [`Console::wake`] at this instant; replaces an earlier wish, `None` cancels it.
    Wake(Option<Timestamp>),
    /// The shell has ended with this status; nothing follows.
    Exit(i32),
}

type Task = Pin<Box<dyn Future<Output = i32> + Send>>;

/// Longest line edited, in bytes. More is ignored, as by a terminal driver (N_TTY: 4095).
const LINE: usize = 4095;

/// One running shell. Bytes in, [`Emit`]s out; how the bytes are cut changes nothing.
pub struct Console {
    io: IoHandle,
    vfs: SharedVfs,
    task: Option<Task>,
    beside: Vec<Spawned>,
    pending: VecDeque<u8>,
    edit: Vec<u8>,
    cursor: usize,
    escape: Vec<u8>,
    after_cr: bool,
    history_at: usize,
    stash: Vec<u8>,
}

impl Console {
    /// A login shell on a terminal of this size: message of the day, prompt, line editing.
    pub fn interactive(shell: Shell, term: &[u8], columns: u32, rows: u32) -> Self {
        let mut shell = shell;
        shell.set_exported(b"TERM", term);
        {
            let mut io = shell.io.lock();
            io.pty = true;
            io.size = (columns.clamp(1, 4096), rows.clamp(1, 4096));
        }
        Self::with(shell, |shell| Box::pin(shell.login()))
    }

    /// `bash -c line`, as an `exec` request runs it; `pty`: the client asked for a terminal as well.
    pub fn exec(shell: Shell, line: &[u8], pty: bool) -> Self {
        {
            let mut io = shell.io.lock();
            io.pty = pty;
            io.mode = if pty { Mode::Cooked { echo: true } } else { Mode::Raw };
        }
        let line = line.to_vec();
        Self::with(shell, |shell| Box::pin(shell.exec_line(line)))
    }

    /// The program of the subsystem `sftp`, as `bash -c /usr/lib/openssh/sftp-server` runs it.
    pub fn sftp(shell: Shell) -> Self {
        Self::with(shell, |shell| Box::pin(shell.sftp_server()))
    }

    /// A shell without terminal that reads its commands from the input.
    pub fn script(shell: Shell) -> Self {
        Self::with(shell, |shell| Box::pin(shell.script()))
    }

    fn with(shell: Shell, make: impl FnOnce(Shell) -> Task) -> Self {
        Self {
            io: shell.io.clone(),
            vfs: shell.vfs.clone(),
            task: Some(make(shell)),
            beside: Vec::new(),
            pending: VecDeque::new(),
            edit: Vec::new(),
            cursor: 0,
            escape: Vec::new(),
            after_cr: false,
            history_at: 0,
            stash: Vec::new(),
        }
    }

    /// Begins; call once, first.
    pub fn start(&mut self, now: Timestamp, out: &mut Vec<Emit>) {
        self.turn(now, out);
    }

    /// Bytes from the peer.
    pub fn input(&mut self, now: Timestamp, bytes: &[u8], out: &mut Vec<Emit>) {
        self.clock(now);
        if self.io.lock().pty {
            self.pending.extend(bytes);
            self.drain();
        } else {
            // One byte is as good as many: what is read goes by lines or by what a command takes whole.
            self.io.lock().feed(bytes.iter().copied());
            self.poll();
        }
        out.append(&mut self.io.lock().out);
    }

    /// The peer sends no more.
    pub fn end_of_input(&mut self, now: Timestamp, out: &mut Vec<Emit>) {
        self.clock(now);
        {
            let mut io = self.io.lock();
            io.eof = true;
            if io.pty && io.mode == Mode::Edit {
                io.line = Some(None);
            }
        }
        self.poll();
        out.append(&mut self.io.lock().out);
    }

    /// The instant asked for by [`Emit::Wake`] has come.
    pub fn wake(&mut self, now: Timestamp, out: &mut Vec<Emit>) {
        self.turn(now, out);
    }

    /// The peer's window changed.
    pub fn resize(&mut self, columns: u32, rows: u32) {
        self.io.lock().size = (columns.clamp(1, 4096), rows.clamp(1, 4096));
    }

    /// ^C, or a signal request.
    pub fn interrupt(&mut self, now: Timestamp, out: &mut Vec<Emit>) {
        self.clock(now);
        self.io.lock().interrupted = true;
        self.poll();
        out.append(&mut self.io.lock().out);
    }

    /// How many bytes of output are taken without delay; a program that sends files waits while there are
    /// none. Tell it again whenever output left. Without it there is no limit.
    pub fn window(&mut self, bytes: usize) {
        self.io.lock().window = Some(bytes);
    }

    /// Whether a program waits for [`Console::window`] to open; [`Console::wake`] lets it go on.
    pub fn is_waiting_for_window(&self) -> bool {
        self.io.lock().held_up
    }

    /// Whether the shell has ended.
    pub fn is_done(&self) -> bool {
        self.task.is_none()
    }

    /// Files written in this visit, to be stored as artifacts when it ends.
    pub fn dropped_files(&self) -> Vec<Dropped> {
        self.vfs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).dropped_files()
    }

    fn clock(&self, now: Timestamp) {
        self.io.lock().now = now;
        self.vfs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).set_now(now);
    }

    fn turn(&mut self, now: Timestamp, out: &mut Vec<Emit>) {
        self.clock(now);
        self.poll();
        self.drain();
        out.append(&mut self.io.lock().out);
    }

    fn poll(&mut self) {
        let before = self.io.lock().mode;
        if self.task.is_none() {
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut status = None;
        // Each turn ends a process or begins one; both are bounded.
        for _ in 0..256 {
            if let Some(task) = &mut self.task
                && let Poll::Ready(ended) = task.as_mut().poll(&mut context)
            {
                self.task = None;
                status = Some(ended);
            }
            let started = std::mem::take(&mut self.io.lock().spawned);
            let mut moved = !started.is_empty();
            self.beside.extend(started);
            // ^C is for what stands in the foreground.
            let interrupted = std::mem::take(&mut self.io.lock().interrupted);
            self.beside.retain_mut(|one| {
                let slot = |status| {
                    *one.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(status)
                };
                if one.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some() {
                    return false;
                }
                match one.task.as_mut().poll(&mut context) {
                    Poll::Ready(status) => {
                        slot(status);
                        moved = true;
                        false
                    }
                    Poll::Pending => true,
                }
            });
            self.io.lock().interrupted |= interrupted;
            moved |= !self.io.lock().spawned.is_empty();
            let settles = std::mem::replace(&mut self.io.lock().unsettled, moved) && !moved;
            if !moved && !settles && (status.is_none() || self.beside.is_empty() || self.io.lock().fast) {
                break;
            }
            // The shell has gone; what it left running does its work without waiting.
            self.io.lock().fast = status.is_some();
        }
        if let Some(status) = status {
            self.beside.clear();
            self.io.lock().out.push(Emit::Exit(status));
        }
        {
            let mut io = self.io.lock();
            let next = io.sleepers.values().min().copied();
            if next != io.announced && (next.is_some() || self.task.is_some()) {
                io.announced = next;
                io.out.push(Emit::Wake(next));
            }
        }
        let mut io = self.io.lock();
        if io.mode == Mode::Edit && before != Mode::Edit {
            // What was typed ahead of the prompt belongs to the line editor now.
            let ahead: Vec<u8> = io.input.drain(..).chain(self.edit.drain(..)).collect();
            for byte in ahead.into_iter().rev() {
                self.pending.push_front(byte);
            }
            self.cursor = 0;
            self.history_at = io.history.len();
        }
    }

    fn drain(&mut self) {
        while self.task.is_some() {
            let Some(byte) = self.pending.pop_front() else { break };
            let mode = self.io.lock().mode;
            match mode {
                Mode::Edit => self.edit_byte(byte),
                Mode::Cooked { echo } => self.cooked_byte(byte, echo),
                Mode::Raw => self.io.lock().feed([byte]),
            }
        }
    }

    fn echo(&self, bytes: &[u8]) {
        self.io.lock().emit(false, bytes);
    }

    fn cooked_byte(&mut self, byte: u8, echo: bool) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => {
                let mut line = std::mem::take(&mut self.edit);
                line.push(b'\n');
                if echo {
                    self.echo(b"\n");
                }
                self.io.lock().feed(line);
                self.poll();
            }
            3 | 28 => {
                self.edit.clear();
                self.echo(if byte == 3 { b"^C" } else { b"^\\" });
                {
                    let mut io = self.io.lock();
                    io.interrupted = true;
                    io.input.clear();
                }
                self.poll();
            }
            4 => {
                let line = std::mem::take(&mut self.edit);
                {
                    let mut io = self.io.lock();
                    io.feed(line);
                    io.eof = true;
                }
                self.poll();
            }
            8 | 127 => {
                let gone = self.edit.pop().is_some();
                if gone && echo {
                    self.echo(b"\x08 \x08");
                }
            }
            21 => {
                let gone = std::mem::take(&mut self.edit).len();
                if echo {
                    self.echo(&b"\x08 \x08".repeat(gone));
                }
            }
            _ if self.edit.len() < LINE => {
                self.edit.push(byte);
                match byte {
                    _ if !echo => {}
                    0..=8 | 11..=31 => self.echo(&[b'^', byte + 64]),
                    _ => self.echo(&[byte]),
                }
            }
            _ => {}
        }
    }

    fn edit_byte(&mut self, byte: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        if !self.escape.is_empty() {
            self.escape.push(byte);
            let done = match self.escape.as_slice() {
                [27, b'[' | b'O'] => false,
                [27, b'[', rest @ ..] | [27, b'O', rest @ ..] => {
                    rest.len() >= 16 || rest.last().is_some_and(|b| (0x40..0x7f).contains(b))
                }
                _ => true,
            };
            if done {
                let key = std::mem::take(&mut self.escape);
                self.key(&key);
            }
            return;
        }
        match byte {
            27 => self.escape.push(27),
            b'\n' if after_cr => {}
            b'\r' | b'\n' => {
                let line = std::mem::take(&mut self.edit);
                self.cursor = 0;
                self.echo(b"\n");
                self.finish(Some(line));
            }
            3 => {
                self.edit.clear();
                self.cursor = 0;
                self.echo(b"^C\n");
                {
                    let mut io = self.io.lock();
                    io.interrupted = true;
                    io.mode = Mode::Cooked { echo: true };
                }
                self.poll();
            }
            4 if self.edit.is_empty() => self.finish(None),
            4 => self.erase(self.cursor, self.cursor + 1),
            1 => self.place(0),
            5 => self.place(self.edit.len()),
            2 => self.place(self.cursor.saturating_sub(1)),
            6 => self.place(self.cursor + 1),
            8 | 127 if self.cursor == 0 => self.echo(b"\x07"),
            8 | 127 => self.erase(self.cursor - 1, self.cursor),
            11 => self.erase(self.cursor, self.edit.len()),
            21 => self.erase(0, self.cursor),
            23 => {
                let head = self.edit.get(..self.cursor).unwrap_or(&[]);
                let word = head.iter().rposition(|b| *b != b' ').unwrap_or(0);
                let start = head.iter().take(word).rposition(|b| *b == b' ').map_or(0, |n| n + 1);
                self.erase(start, self.cursor);
            }
            12 => {
                self.echo(b"\x1b[H\x1b[2J");
                let prompt = self.io.lock().prompt.clone();
                self.echo(&prompt);
                self.echo(&self.edit);
                self.back(self.edit.len() - self.cursor);
            }
            14 => self.key(b"\x1b[B"),
            16 => self.key(b"\x1b[A"),
            9 => self.complete(),
            0..=31 => {}
            _ => self.insert(&[byte]),
        }
    }

    fn key(&mut self, key: &[u8]) {
        match key {
            [27, b'[' | b'O', b'A'] => self.recall(self.history_at.saturating_sub(1)),
            [27, b'[' | b'O', b'B'] => self.recall(self.history_at + 1),
            [27, b'[' | b'O', b'C'] => self.place(self.cursor + 1),
            [27, b'[' | b'O', b'D'] => self.place(self.cursor.saturating_sub(1)),
            [27, b'[' | b'O', b'H'] | b"\x1b[1~" => self.place(0),
            [27, b'[' | b'O', b'F'] | b"\x1b[4~" => self.place(self.edit.len()),
            b"\x1b[3~" => self.erase(self.cursor, self.cursor + 1),
            _ => {}
        }
    }

    fn finish(&mut self, line: Option<Vec<u8>>) {
        {
            let mut io = self.io.lock();
            io.line = Some(line);
            io.mode = Mode::Cooked { echo: true };
        }
        self.poll();
    }

    fn back(&self, count: usize) {
        self.echo(&vec![8; count]);
    }

    fn place(&mut self, to: usize) {
        let to = to.min(self.edit.len());
        if to < self.cursor {
            self.back(self.cursor - to);
        } else {
            self.echo(self.edit.get(self.cursor..to).unwrap_or(&[]));
        }
        self.cursor = to;
    }

    fn insert(&mut self, bytes: &[u8]) {
        if self.edit.len() + bytes.len() > LINE {
            return;
        }
        let tail = self.edit.split_off(self.cursor);
        self.edit.extend_from_slice(bytes);
        self.cursor += bytes.len();
        self.edit.extend_from_slice(&tail);
        self.echo(bytes);
        self.echo(&tail);
        self.back(tail.len());
    }

    fn erase(&mut self, from: usize, to: usize) {
        let to = to.min(self.edit.len());
        if from >= to {
            return;
        }
        self.place(from);
        self.edit.drain(from..to);
        let tail = self.edit.get(from..).unwrap_or(&[]).to_vec();
        self.echo(&tail);
        self.echo(&vec![b' '; to - from]);
        self.back(tail.len() + to - from);
    }

    fn recall(&mut self, to: usize) {
        let (count, entry) = {
            let io = self.io.lock();
            (io.history.len(), io.history.get(to).cloned())
        };
        if to > count || to == self.history_at {
            return self.echo(b"\x07");
        }
        if self.history_at == count {
            self.stash = self.edit.clone();
        }
        self.history_at = to;
        let line = entry.unwrap_or_else(|| std::mem::take(&mut self.stash));
        self.erase(0, self.edit.len());
        self.insert(&line);
    }

    /// Completes the path (or, in the first word, the program) before the cursor as far as it is one.
    fn complete(&mut self) {
        let Some(Hints { vfs, cred, cwd, home }) = self.io.lock().hints.clone() else { return };
        let head = self.edit.get(..self.cursor).unwrap_or(&[]);
        let start = head.iter().rposition(|b| b" ;|&<>=".contains(b)).map_or(0, |n| n + 1);
        let word = head.get(start..).unwrap_or(&[]).to_vec();
        let vfs = vfs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut found: Vec<Vec<u8>> = Vec::new();
        let first = head.iter().take(start).all(|b| *b == b' ') && !word.contains(&b'/');
        let dirs: Vec<Vec<u8>> = if first {
            vec![b"/usr/bin".to_vec(), b"/usr/sbin".to_vec()]
        } else {
            let whole = match word.strip_prefix(b"~") {
                Some(rest) => [home.as_slice(), rest].concat(),
                None => join(&cwd, &word),
            };
            vec![if word.ends_with(b"/") || word.is_empty() { whole } else { split(&whole).0.to_vec() }]
        };
        let stem = word.rsplit(|b| *b == b'/').next().unwrap_or(&[]).to_vec();
        for dir in dirs {
            for (name, ino) in vfs.readdir(&cred, &dir).unwrap_or_default() {
                if name.starts_with(&stem) && (name.first() != Some(&b'.') || stem.first() == Some(&b'.')) {
                    let is_dir =
                        vfs.stat(&cred, &join(&dir, &name)).is_ok_and(|s| s.kind == crate::vfs::Kind::Dir);
                    let _ = ino;
                    let mut name = name;
                    name.push(if is_dir { b'/' } else { b' ' });
                    found.push(name);
                }
            }
        }
        drop(vfs);
        let common = match found.as_slice() {
            [] => return self.echo(b"\x07"),
            [only] => only.clone(),
            [one, rest @ ..] => {
                let shared = |other: &Vec<u8>| one.iter().zip(other).take_while(|(a, b)| a == b).count();
                let length = rest.iter().map(shared).min().unwrap_or(0);
                one.get(..length).unwrap_or(&[]).to_vec()
            }
        };
        match common.get(stem.len()..) {
            Some(more) if !more.is_empty() => self.insert(more),
            _ => self.echo(b"\x07"),
        }
    }
}
