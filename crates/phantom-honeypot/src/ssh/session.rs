//! One visit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, MAX_ARTIFACT, Visit};
use phantom_core::event::{Command, Direction, Login, Note, Transfer};
use phantom_core::recording::Cue;
use phantom_core::{Body, Timestamp, Untrusted};
use phantom_ssh::{AuthAttempt, Credential, Event, Program, Server, Size};
use sha2::{Digest, Sha256};

use super::{Shared, derived};
use crate::shell::{Account, SharedVfs, Visitor};
use crate::vfs::Dropped;
use crate::{Console, Emit, Shell};

/// Notes of one visit; a peer that does odd things without end is noted once more and then no longer.
const MAX_NOTES: u32 = 256;

/// Output that waits for a peer that does not read; more ends the connection.
const MAX_BACKLOG: usize = 4 << 20;

/// Output that a program which sends files may have waiting, besides what the channel took.
const WINDOW: usize = 256 << 10;

/// Files known to be stored; when more have come, one that is met again is told again.
const MAX_KEPT: usize = 4096;

/// Recorded input of programs without a terminal, in bytes.
const MAX_LOOSE_INPUT: usize = 64 << 10;

/// One conversation.
pub(super) struct SshDialogue {
    shared: Arc<Shared>,
    visit: Visit,
    server: Server,
    /// The machine as the visitor left it and who it is, once logged in; shared by all channels.
    seat: Option<(SharedVfs, Account)>,
    terminals: BTreeMap<u32, (Vec<u8>, Size)>,
    running: BTreeMap<u32, Running>,
    started: u32,
    notes: u32,
    /// How much more input of programs without a terminal is recorded.
    loose: usize,
    /// When the conversation is ended if nothing happens.
    deadline: Option<Timestamp>,
    asked: Option<Timestamp>,
    kept: BTreeSet<(Vec<u8>, [u8; 32])>,
    over: bool,
}

/// A program on a channel.
struct Running {
    console: Console,
    wake: Option<Timestamp>,
    /// What the channel did not take: standard error where `true`.
    backlog: Vec<(bool, Vec<u8>)>,
    exit: Option<u32>,
    /// Whether what passes is recorded: what programs that carry files say is for programs, and the files are kept.
    taped: bool,
}

impl Running {
    fn say(&mut self, channel: u32, stderr: bool, bytes: Vec<u8>, out: &mut Actions) {
        if self.taped {
            out.tape(channel, Cue::Output(bytes.clone()));
        }
        self.backlog.push((stderr, bytes));
    }

    /// How many bytes of output it may have waiting.
    fn window(&self) -> usize {
        let waiting: usize = self.backlog.iter().map(|(_, bytes)| bytes.len()).sum();
        if self.exit.is_some() { 0 } else { WINDOW.saturating_sub(waiting) }
    }
}

impl Dialogue for SshDialogue {
    fn start(&mut self, now: Timestamp, out: &mut Actions) {
        self.server.start();
        self.deadline = after(now, self.shared.times.grace);
        self.settle(now, out);
    }

    fn input(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions) {
        if self.server.is_authenticated() {
            self.deadline = after(now, self.shared.times.idle);
        }
        self.server.input(bytes);
        self.settle(now, out);
    }

    fn end_of_input(&mut self, now: Timestamp, out: &mut Actions) {
        self.settle(now, out);
        self.finish(now, out);
    }

    fn wake(&mut self, now: Timestamp, out: &mut Actions) {
        self.asked = None;
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            // OpenSSH says nothing when its patience ends.
            let name = if self.server.is_authenticated() { "idle_timeout" } else { "login_grace_timeout" };
            self.note(name, b"", out);
            return self.finish(now, out);
        }
        let due = |r: &Running| r.wake.is_some_and(|wake| wake <= now);
        let channels: Vec<u32> = self.running.iter().filter(|(_, r)| due(r)).map(|(c, _)| *c).collect();
        for channel in channels {
            self.turn(channel, out, |console, emits| console.wake(now, emits));
        }
        self.settle(now, out);
    }
}

impl SshDialogue {
    pub(super) fn new(shared: Arc<Shared>, visit: Visit) -> Self {
        let server = Server::new(Arc::clone(&shared.config), derived(&visit.seed, b"ssh transport"));
        Self {
            shared,
            visit,
            server,
            seat: None,
            terminals: BTreeMap::new(),
            running: BTreeMap::new(),
            started: 0,
            notes: 0,
            loose: MAX_LOOSE_INPUT,
            deadline: None,
            asked: None,
            kept: BTreeSet::new(),
            over: false,
        }
    }

    /// Handles all that has come, sends what came of it and asks to be woken.
    fn settle(&mut self, now: Timestamp, out: &mut Actions) {
        if self.over {
            return;
        }
        loop {
            while let Some(event) = self.server.take_event() {
                self.handle(now, event, out);
            }
            self.drain();
            out.send(self.server.take_output());
            if self.go_on(now, out) {
                continue;
            }
            if !self.server.step() {
                // Handing over the end of a program may have closed a channel.
                let Some(event) = self.server.take_event() else { break };
                self.handle(now, event, out);
            }
        }
        if self.server.closed() {
            return self.finish(now, out);
        }
        let wakes = self.running.values().filter_map(|running| running.wake);
        let wake = wakes.chain(self.deadline).min();
        if wake != self.asked {
            self.asked = wake;
            out.push(Action::Wake(wake));
        }
    }

    fn finish(&mut self, now: Timestamp, out: &mut Actions) {
        if self.over {
            return;
        }
        self.over = true;
        for channel in self.running.keys().copied().collect::<Vec<_>>() {
            self.hang_up(now, channel, out);
        }
        self.keep_files(out);
        self.running.clear();
        out.send(self.server.take_output());
        out.close();
    }

    fn handle(&mut self, now: Timestamp, event: Event, out: &mut Actions) {
        match event {
            Event::ClientVersion(version) => self.note("client_version", &version, out),
            Event::ClientKexInit { hassh, algorithms } => {
                self.note("hassh", hassh.as_bytes(), out);
                self.note("hassh_algorithms", &algorithms, out);
            }
            Event::Auth(attempt) => self.login(now, attempt, out),
            Event::Opened { .. } => {}
            Event::Env { name, value, .. } => self.note("env", &[&name[..], b"=", &value].concat(), out),
            Event::Pty { channel, term, size } => {
                self.note("terminal", &term, out);
                self.terminals.insert(channel, (term, size));
            }
            Event::Resize { channel, size } => {
                if let Some((_, known)) = self.terminals.get_mut(&channel) {
                    *known = size;
                }
                if let Some(running) = self.running.get_mut(&channel) {
                    running.console.resize(size.columns, size.rows);
                    out.tape(channel, Cue::Resize { columns: size.columns, rows: size.rows });
                }
            }
            Event::Start { channel, program } => self.start_program(now, channel, program, out),
            Event::Data { channel, bytes } => {
                self.tape_input(channel, &bytes, out);
                self.turn(channel, out, |console, emits| console.input(now, &bytes, emits));
            }
            Event::Eof { channel } => {
                self.turn(channel, out, |console, emits| console.end_of_input(now, emits));
            }
            Event::Signal { channel, name } => {
                self.note("signal", &name, out);
                if name == b"INT" {
                    self.turn(channel, out, |console, emits| console.interrupt(now, emits));
                }
            }
            Event::Closed { channel } => {
                self.hang_up(now, channel, out);
                self.keep_files(out);
                self.running.remove(&channel);
                self.terminals.remove(&channel);
            }
            Event::Forward { host, port } => self.note_target("direct_tcpip", &host, port, out),
            Event::Listen { address, port } => self.note_target("tcpip_forward", &address, port, out),
            Event::Oddity { name, value } => self.note(name, &value, out),
            Event::Disconnected { reason, text } => {
                self.note("disconnect", &[reason.to_string().as_bytes(), b" ", &text].concat(), out);
            }
        }
    }

    fn login(&mut self, now: Timestamp, attempt: AuthAttempt, out: &mut Actions) {
        let AuthAttempt { user, credential } = attempt;
        let (secret, method) = match credential {
            Credential::None => {
                self.note("auth_none", &user, out);
                return self.server.auth_reply(false);
            }
            // No key is ever let in, as on a machine whose authorized_keys lists none of the visitor's.
            Credential::KeyOffered { algorithm, fingerprint } => {
                let value = [&user[..], b" ", &algorithm, b" ", fingerprint.as_bytes()].concat();
                self.note("offered_key", &value, out);
                return self.server.auth_reply(false);
            }
            Credential::KeyProved { fingerprint, .. } => {
                out.record(login(&user, fingerprint.as_bytes(), "publickey", false));
                return self.server.auth_reply(false);
            }
            Credential::Password(secret) => (secret, "password"),
            Credential::KeyboardInteractive(secret) => (secret, "keyboard-interactive"),
        };
        let accepted = self.shared.login.check(self.visit.peer.ip(), &user, &secret);
        // What was answered before must not wait for this answer's delay.
        out.send(self.server.take_output());
        out.record(login(&user, &secret, method, accepted));
        let delay = if accepted { self.shared.times.success } else { self.shared.refusal(&user) };
        if !delay.is_zero() {
            out.push(Action::Pause(delay));
        }
        self.server.auth_reply(accepted);
        if accepted && self.server.is_authenticated() {
            let seat = self.shared.machine.visit(self.visit.peer.ip(), &user, now);
            seat.0.lock().unwrap_or_else(PoisonError::into_inner).learn(&seat.1.name, &secret);
            self.seat = Some(seat);
            self.deadline = after(now, self.shared.times.idle);
        }
    }

    fn start_program(&mut self, now: Timestamp, channel: u32, program: Program, out: &mut Actions) {
        let Some((vfs, account)) = self.seat.clone() else { return self.server.start_reply(false) };
        self.started += 1;
        let visitor = Visitor {
            peer: self.visit.peer,
            local: self.visit.local,
            at: now,
            seed: derived(&self.visit.seed, format!("shell {}", self.started).as_bytes()),
        };
        let shell = Shell::new(Arc::clone(&self.shared.machine), vfs, account, visitor);
        let terminal = self.terminals.get(&channel).cloned();
        let taped = match &program {
            Program::Subsystem(_) => false,
            Program::Exec(line) => !line.starts_with(b"scp "),
            Program::Shell => true,
        };
        let (mut console, line) = match program {
            Program::Subsystem(name) => {
                self.note("subsystem", &name, out);
                if name != b"sftp" {
                    return self.server.start_reply(false);
                }
                out.tape(channel, Cue::Mark(b"sftp".to_vec()));
                (Console::sftp(shell), None)
            }
            Program::Exec(line) => (Console::exec(shell, &line, terminal.is_some()), Some(line)),
            Program::Shell => match &terminal {
                Some((term, size)) => (Console::interactive(shell, term, size.columns, size.rows), None),
                None => (Console::script(shell), None),
            },
        };
        if let Some((_, size)) = &terminal {
            out.tape(channel, Cue::Resize { columns: size.columns, rows: size.rows });
        }
        match &line {
            Some(line) => out.tape(channel, Cue::Mark([b"exec: ", &line[..]].concat())),
            None if taped => out.tape(channel, Cue::Mark(b"shell".to_vec())),
            None => {}
        }
        let mut emits = Vec::new();
        console.window(WINDOW);
        console.start(now, &mut emits);
        // Evidence first, also of a line that the shell itself found nothing in to record.
        let records = emits.iter().take_while(|emit| matches!(emit, Emit::Record(_))).count();
        let told = |emit: &Emit| matches!(emit, Emit::Record(Body::Command(_)));
        if let Some(line) = line.filter(|_| !emits.iter().take(records).any(told)) {
            let line = Untrusted::capped(&line, Command::CAP);
            out.record(Body::Command(Command { line, accepted: true }));
        }
        for emit in emits.drain(..records) {
            if let Emit::Record(body) = emit {
                out.record(body);
            }
        }
        self.server.start_reply(true);
        self.running.insert(channel, Running { console, wake: None, backlog: Vec::new(), exit: None, taped });
        self.emit(channel, emits, out);
    }

    /// The peer of a program is gone. One without a terminal reads the end of its pipe and goes on from there, as behind
    /// a real server: what a file transfer took or brought until then is evidence.
    fn hang_up(&mut self, now: Timestamp, channel: u32, out: &mut Actions) {
        if !self.terminals.contains_key(&channel) {
            self.turn(channel, out, |console, emits| console.end_of_input(now, emits));
        }
    }

    fn turn(&mut self, channel: u32, out: &mut Actions, act: impl FnOnce(&mut Console, &mut Vec<Emit>)) {
        let Some(running) = self.running.get_mut(&channel) else { return };
        let mut emits = Vec::new();
        running.wake = None;
        running.console.window(running.window());
        act(&mut running.console, &mut emits);
        self.emit(channel, emits, out);
    }

    fn emit(&mut self, channel: u32, emits: Vec<Emit>, out: &mut Actions) {
        let mut ended = false;
        for emit in emits {
            let Some(running) = self.running.get_mut(&channel) else { return };
            match emit {
                Emit::Record(body) => {
                    // Output that stands before it may leave before it is stored, what follows may not.
                    self.drain();
                    out.send(self.server.take_output());
                    out.record(body);
                }
                Emit::Wrote(file) => {
                    self.drain();
                    out.send(self.server.take_output());
                    self.keep(file, out);
                }
                Emit::Stdout(bytes) => running.say(channel, false, bytes, out),
                Emit::Stderr(bytes) => running.say(channel, true, bytes, out),
                Emit::Wake(at) => running.wake = at,
                Emit::Exit(status) => {
                    let status = status.unsigned_abs() & 0xff;
                    out.tape(channel, Cue::Mark(format!("exit {status}").into_bytes()));
                    running.exit = Some(status);
                    running.wake = None;
                    ended = true;
                }
            }
        }
        if ended {
            self.keep_files(out);
        }
        self.drain();
        let waiting: usize =
            self.running.values().flat_map(|r| &r.backlog).map(|(_, bytes)| bytes.len()).sum();
        if waiting > MAX_BACKLOG {
            self.note("unread_output", b"", out);
            self.server.disconnect("Packet corrupt");
        }
    }

    /// Lets a program go on that waited for its output to leave; `false` where there is none.
    fn go_on(&mut self, now: Timestamp, out: &mut Actions) -> bool {
        let waits = |running: &Running| running.console.is_waiting_for_window() && running.window() > 0;
        let Some((channel, _)) = self.running.iter().find(|(_, running)| waits(running)) else {
            return false;
        };
        self.turn(*channel, out, |console, emits| console.wake(now, emits));
        true
    }

    /// Records what the visitor typed. What comes without a terminal is mostly files, which are kept as such.
    fn tape_input(&mut self, channel: u32, bytes: &[u8], out: &mut Actions) {
        if !self.running.get(&channel).is_some_and(|running| running.taped) {
            return;
        }
        let mut bytes = bytes;
        if !self.terminals.contains_key(&channel) {
            bytes = bytes.get(..self.loose).unwrap_or(bytes);
            self.loose -= bytes.len();
        }
        if !bytes.is_empty() {
            out.tape(channel, Cue::Input(bytes.to_vec()));
        }
    }

    /// Hands the channels what they take, and the end of programs whose output is all handed over.
    fn drain(&mut self) {
        let mut ended = Vec::new();
        for (channel, running) in &mut self.running {
            while let Some((stderr, bytes)) = running.backlog.first_mut() {
                let taken = match stderr {
                    true => self.server.write_stderr(*channel, bytes),
                    false => self.server.write(*channel, bytes),
                };
                if taken < bytes.len() {
                    bytes.drain(..taken);
                    break;
                }
                running.backlog.remove(0);
            }
            if let (Some(status), true) = (running.exit, running.backlog.is_empty()) {
                self.server.exit(*channel, status);
                ended.push(*channel);
            }
        }
        for channel in ended {
            self.running.remove(&channel);
        }
    }

    /// Stores what the visitor wrote, each state of a file once, before the event that names it.
    fn keep_files(&mut self, out: &mut Actions) {
        let Some((vfs, _)) = &self.seat else { return };
        let files = vfs.lock().unwrap_or_else(PoisonError::into_inner).take_dropped();
        files.into_iter().for_each(|file| self.keep(file, out));
    }

    fn keep(&mut self, file: Dropped, out: &mut Actions) {
        let sum: [u8; 32] = Sha256::digest(&file.content).into();
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        if !self.kept.insert((file.path.clone(), sum)) {
            return;
        }
        let bytes = file.content.len();
        let sha256 = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        if (1..=MAX_ARTIFACT).contains(&bytes) {
            out.push(Action::Artifact(file.content));
        }
        out.record(Body::Transfer(Transfer {
            direction: Direction::Upload,
            name: Untrusted::capped(&file.path, Command::CAP),
            url: None,
            bytes: bytes as u64,
            sha256: Some(sha256),
        }));
    }

    fn note_target(&mut self, name: &str, host: &[u8], port: u32, out: &mut Actions) {
        self.note(name, &[host, b":", port.to_string().as_bytes()].concat(), out);
    }

    fn note(&mut self, name: &str, value: &[u8], out: &mut Actions) {
        self.notes += 1;
        let (name, value) = match self.notes {
            ..MAX_NOTES => (name, value),
            MAX_NOTES => ("notes_suppressed", &b""[..]),
            _ => return,
        };
        out.record(Body::Note(Note { name: name.to_owned(), value: Untrusted::capped(value, Command::CAP) }));
    }
}

fn login(user: &[u8], secret: &[u8], method: &str, accepted: bool) -> Body {
    Body::Login(Login {
        username: Untrusted::capped(user, Login::CAP),
        secret: Untrusted::capped(secret, Login::CAP),
        method: method.to_owned(),
        accepted,
    })
}

fn after(now: Timestamp, span: Duration) -> Option<Timestamp> {
    let micros = i64::try_from(span.as_micros()).ok()?;
    Some(phantom_core::from_micros(phantom_core::micros(now).saturating_add(micros)))
}
