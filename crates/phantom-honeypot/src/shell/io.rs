//! What a running command reads and writes, and how it waits: the evaluator is a future that is polled by
//! hand whenever a byte, an instant or an end of input has come. No runtime is involved.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use phantom_core::{Body, Timestamp};

use super::console::Emit;
use crate::vfs::Ino;

pub use crate::vfs::SharedVfs;

/// Output bytes one line may print before it is killed.
pub(super) const OUTPUT: usize = 4 << 20;
/// Bytes a pipe, substitution or command may hold.
pub(super) const BUFFER: usize = 4 << 20;
/// Input held for a command that does not read it (a pty holds 4096); more is thrown away.
const PENDING: usize = 4 << 20;

/// Why evaluation unwinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Exit(i32),
    Return(i32),
    Break(u32),
    Continue(u32),
    /// An error that ends the line, or the text after `-c`.
    Discard(i32),
    /// ^C.
    Interrupt,
    /// A limit of ours was reached: as if killed.
    Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The shell's own line editor.
    Edit,
    /// The terminal driver's line mode while a command runs.
    Cooked { echo: bool },
    /// No terminal.
    Raw,
}

#[derive(Debug)]
pub(super) struct Io {
    pub(super) out: Vec<Emit>,
    pub(super) now: Timestamp,
    pub(super) input: VecDeque<u8>,
    pub(super) eof: bool,
    pub(super) mode: Mode,
    pub(super) line: Option<Option<Vec<u8>>>,
    pub(super) prompt: Vec<u8>,
    pub(super) interrupted: bool,
    pub(super) hungup: bool,
    /// Instants that are waited for, and the one that was asked for last.
    pub(super) sleepers: BTreeMap<u64, Timestamp>,
    pub(super) next_sleeper: u64,
    pub(super) announced: Option<Timestamp>,
    /// Nobody waits any more: sleeping is left out.
    pub(super) fast: bool,
    /// Processes that begin beside the one that runs.
    pub(super) spawned: Vec<Spawned>,
    /// Processes beside this one may go on without waiting: nothing is read before they have, so that how the
    /// input is cut changes nothing.
    pub(super) unsettled: bool,
    /// Steps of the line before the present turn, and pipelines let off.
    pub(super) total: u64,
    pub(super) graces: u32,
    pub(super) printed: usize,
    pub(super) steps: u64,
    pub(super) pty: bool,
    pub(super) size: (u32, u32),
    pub(super) history: Vec<Vec<u8>>,
    pub(super) hints: Option<Hints>,
    /// Output bytes that may still leave; `None`: any.
    pub(super) window: Option<usize>,
    /// Whether a program waits for the window.
    pub(super) held_up: bool,
}

/// What tab completion needs of the shell at the prompt.
#[derive(Clone)]
pub(super) struct Hints {
    pub(super) vfs: SharedVfs,
    pub(super) cred: crate::Cred,
    pub(super) cwd: Vec<u8>,
    pub(super) home: Vec<u8>,
}

impl std::fmt::Debug for Hints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hints")
    }
}

impl Io {
    pub(super) fn emit(&mut self, stderr: bool, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut text = Vec::with_capacity(bytes.len() + 8);
        for byte in bytes {
            if self.pty && *byte == b'\n' {
                text.push(b'\r');
            }
            text.push(*byte);
        }
        if let Some(window) = &mut self.window {
            *window = window.saturating_sub(text.len());
        }
        let stderr = stderr && !self.pty;
        match self.out.last_mut() {
            Some(Emit::Stdout(last)) if !stderr => last.extend_from_slice(&text),
            Some(Emit::Stderr(last)) if stderr => last.extend_from_slice(&text),
            _ => self.out.push(if stderr { Emit::Stderr(text) } else { Emit::Stdout(text) }),
        }
    }

    pub(super) fn feed(&mut self, bytes: impl IntoIterator<Item = u8>) {
        let room = PENDING.saturating_sub(self.input.len());
        self.input.extend(bytes.into_iter().take(room));
    }
}

#[derive(Clone)]
pub(super) struct IoHandle(Arc<Mutex<Io>>);

impl Default for IoHandle {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Io {
            out: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
            input: VecDeque::new(),
            eof: false,
            mode: Mode::Raw,
            line: None,
            prompt: Vec::new(),
            interrupted: false,
            hungup: false,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
            announced: None,
            fast: false,
            spawned: Vec::new(),
            unsettled: false,
            total: 0,
            graces: 0,
            printed: 0,
            steps: 0,
            pty: false,
            size: (80, 24),
            history: Vec::new(),
            hints: None,
            window: None,
            held_up: false,
        })))
    }
}

impl IoHandle {
    pub(super) fn lock(&self) -> MutexGuard<'_, Io> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.lock().now
    }

    pub(super) fn record(&self, body: Body) {
        self.lock().out.push(Emit::Record(body));
    }

    /// Counts one step and notices ^C.
    pub(super) fn step(&self, cost: u64) -> Result<(), Stop> {
        let mut io = self.lock();
        io.steps = io.steps.saturating_add(cost);
        if io.interrupted {
            Err(Stop::Interrupt)
        } else if io.steps > super::STEPS || io.hungup {
            Err(Stop::Limit)
        } else {
            Ok(())
        }
    }

    /// Prints to the console, within the line's allowance.
    pub(super) fn print(&self, stderr: bool, bytes: &[u8]) -> Result<(), Stop> {
        let mut io = self.lock();
        let room = OUTPUT.saturating_sub(io.printed);
        let part = bytes.get(..room).unwrap_or(bytes);
        io.printed += part.len();
        io.emit(stderr, part);
        if part.len() < bytes.len() { Err(Stop::Limit) } else { Ok(()) }
    }

    /// A line of console input with its newline; `None` at its end.
    pub(super) async fn read_line(&self) -> Result<Option<Vec<u8>>, Stop> {
        poll_fn(|_| {
            let mut io = self.lock();
            if io.interrupted {
                return Poll::Ready(Err(Stop::Interrupt));
            }
            if io.hungup {
                return Poll::Ready(Err(Stop::Exit(129)));
            }
            if io.unsettled {
                return Poll::Pending;
            }
            if let Some(end) = io.input.iter().position(|b| *b == b'\n') {
                return Poll::Ready(Ok(Some(io.input.drain(..=end).collect())));
            }
            if !io.eof {
                return Poll::Pending;
            }
            // On a terminal ^D ends one reading, not the terminal.
            if io.pty {
                io.eof = false;
            }
            let rest: Vec<u8> = io.input.drain(..).collect();
            Poll::Ready(Ok((!rest.is_empty()).then_some(rest)))
        })
        .await
    }

    /// What has arrived, at least one byte; `None` at the end.
    pub(super) async fn read_some(&self) -> Result<Option<Vec<u8>>, Stop> {
        if self.lock().pty {
            return self.read_line().await;
        }
        poll_fn(|_| {
            let mut io = self.lock();
            if io.hungup {
                Poll::Ready(Err(Stop::Exit(129)))
            } else if io.unsettled {
                Poll::Pending
            } else if !io.input.is_empty() {
                Poll::Ready(Ok(Some(io.input.drain(..).collect())))
            } else if io.eof {
                Poll::Ready(Ok(None))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// A line from the shell's line editor; `None` for ^D on an empty line.
    pub(super) async fn edit_line(&self, prompt: Vec<u8>) -> Result<Option<Vec<u8>>, Stop> {
        {
            let mut io = self.lock();
            io.interrupted = false;
            io.mode = Mode::Edit;
            io.emit(false, &prompt);
            io.prompt = prompt;
        }
        poll_fn(|_| {
            let mut io = self.lock();
            if io.hungup {
                return Poll::Ready(Err(Stop::Exit(129)));
            }
            if io.interrupted {
                io.interrupted = false;
                return Poll::Ready(Err(Stop::Interrupt));
            }
            if io.unsettled {
                return Poll::Pending;
            }
            match io.line.take() {
                Some(line) => Poll::Ready(Ok(line)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits until output may leave.
    pub(super) async fn room(&self) -> Result<(), Stop> {
        poll_fn(|_| {
            let mut io = self.lock();
            io.held_up = io.window == Some(0) && !io.interrupted && !io.hungup;
            // A peer that goes on asking without reading is served no longer.
            if io.interrupted || io.hungup || (io.held_up && io.input.len() >= PENDING) {
                Poll::Ready(Err(Stop::Exit(255)))
            } else if io.held_up {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            }
        })
        .await
    }

    /// Waits for an instant.
    pub(super) async fn sleep_until(&self, at: Timestamp) -> Result<(), Stop> {
        let mut sleeper = Sleeper { io: self.clone(), id: None };
        poll_fn(|_| {
            let mut io = self.lock();
            if io.interrupted {
                Poll::Ready(Err(Stop::Interrupt))
            } else if io.hungup {
                Poll::Ready(Err(Stop::Exit(129)))
            } else if io.now >= at || io.fast {
                Poll::Ready(Ok(()))
            } else {
                if sleeper.id.is_none() {
                    io.next_sleeper += 1;
                    let id = io.next_sleeper;
                    io.sleepers.insert(id, at);
                    sleeper.id = Some(id);
                }
                Poll::Pending
            }
        })
        .await
    }

    /// Lets a line that works long rest between its turns, so that no other session waits for it.
    pub(super) async fn pace(&self) -> Result<(), Stop> {
        let until = {
            let mut io = self.lock();
            if io.steps < super::TURN {
                return Ok(());
            }
            io.total += std::mem::take(&mut io.steps);
            if io.total > super::TOTAL {
                return Err(Stop::Limit);
            }
            phantom_core::from_micros(phantom_core::micros(io.now).saturating_add(super::REST))
        };
        self.sleep_until(until).await
    }

    /// Whether a process that reached a limit within a pipeline may be let off as one whose reader has gone.
    pub(super) fn grace(&self) -> bool {
        let mut io = self.lock();
        io.graces += 1;
        if io.graces > 4 || io.printed >= OUTPUT || io.hungup {
            return false;
        }
        io.steps = 0;
        io.total = 0;
        true
    }
}

/// Forgets its instant when it is dropped.
struct Sleeper {
    io: IoHandle,
    id: Option<u64>,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.io.lock().sleepers.remove(&id);
        }
    }
}

/// A process beside the one that runs, and where its status is put.
pub(super) struct Spawned {
    pub(super) task: Pin<Box<dyn Future<Output = i32> + Send>>,
    pub(super) done: Arc<Mutex<Option<i32>>>,
}

impl std::fmt::Debug for Spawned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spawned")
    }
}

/// What a file descriptor stands for.
#[derive(Debug, Clone)]
pub(super) enum Desc {
    /// The console: 0 input, 1 output, 2 errors.
    Console(u8),
    /// Bytes to read, with the place reached; shared by all who inherited it.
    Input(Arc<Mutex<VecDeque<u8>>>),
    /// A pipe or substitution being filled.
    Pipe(Arc<Mutex<Vec<u8>>>),
    /// A file being written; the place is shared, `None` always the end.
    File(Ino, Arc<Mutex<Option<u64>>>),
    /// Reads nothing, takes everything.
    Null,
}
