//! The conversation: lines, data connections, transfers.

use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, MAX_ARTIFACT, SideEvent, Visit};
use phantom_core::event::{Body, Direction, Note, Transfer};
use phantom_core::{Timestamp, Untrusted};
use sha2::{Digest, Sha256};

use super::Ftp;
use super::session::Session;
use crate::http::hex;

/// A line with its line feed: vsftpd 3.0.3 answers 500 and hangs up at 4,097 bytes.
const MAX_LINE: usize = 4096;
/// Control bytes kept while a data connection is being served, as the kernel would keep them.
const MAX_QUEUE: usize = 64 * 1024;
/// Upload bytes that may come before the command that wants them.
const MAX_EARLY: usize = 256 * 1024;
/// A piece of a download; the next follows when it has left.
const PIECE: usize = 64 * 1024;

pub(super) struct FtpDialogue {
    pub(super) ftp: Ftp,
    pub(super) visit: Visit,
    queue: Vec<u8>,
    pub(super) busy: Busy,
    pub(super) data: Data,
    pub(super) session: Option<Session>,
    pub(super) user: Vec<u8>,
    pub(super) failures: u32,
    pub(super) restart: u64,
    pub(super) rename_from: Option<Vec<u8>>,
    pub(super) binary: bool,
    pub(super) epsv_all: bool,
    closed: bool,
    last_active: Timestamp,
    deadline: Timestamp,
}

/// What the dialogue waits for before it reads the next line.
pub(super) enum Busy {
    No,
    /// A listener, to be told as `PASV` (false) or `EPSV` (true) does.
    Listener(bool),
    /// The data connection, for this.
    Opening(Job),
    Sending(Job, usize),
    Receiving(Upload),
}

/// How the next data connection comes about.
pub(super) enum Data {
    None,
    Passive { connected: bool, early: Vec<u8>, ended: bool, failed: bool },
    Active(u16),
}

/// What a data connection is for.
pub(super) enum Job {
    /// A directory listing.
    List(Vec<u8>),
    /// A file: its name as given, its path, where to begin and its size.
    Retrieve {
        name: Vec<u8>,
        path: Vec<u8>,
        offset: u64,
        size: u64,
    },
    Store(Upload),
}

/// A file coming in.
pub(super) struct Upload {
    pub(super) name: Vec<u8>,
    pub(super) ino: u64,
    pub(super) offset: Option<u64>,
    pub(super) greeting: String,
    pub(super) hash: Sha256,
    pub(super) bytes: u64,
    pub(super) kept: Vec<u8>,
}

impl FtpDialogue {
    pub(super) fn new(ftp: Ftp, visit: Visit) -> Self {
        let at = visit.at;
        Self {
            ftp,
            visit,
            queue: Vec::new(),
            busy: Busy::No,
            data: Data::None,
            session: None,
            user: Vec::new(),
            failures: 0,
            restart: 0,
            rename_from: None,
            binary: false,
            epsv_all: false,
            closed: false,
            last_active: at,
            deadline: at,
        }
    }

    pub(super) fn close(&mut self, out: &mut Actions) {
        self.closed = true;
        self.queue = Vec::new();
        self.busy = Busy::No;
        self.drop_data(out);
        out.push(Action::Wake(None));
        out.close();
    }

    pub(super) fn drop_data(&mut self, out: &mut Actions) {
        if matches!(self.data, Data::Passive { .. }) {
            out.push(Action::SideClose);
        }
        self.data = Data::None;
    }

    fn timeout(&self) -> Duration {
        match self.busy {
            Busy::Opening(_) | Busy::Listener(_) => self.ftp.options.open_timeout,
            Busy::Sending(..) | Busy::Receiving(_) => self.ftp.options.data_timeout,
            Busy::No => self.ftp.options.idle_timeout,
        }
    }

    fn alarm(&mut self, now: Timestamp, out: &mut Actions) {
        self.last_active = now;
        self.deadline = now.checked_add(self.timeout()).unwrap_or(Timestamp::MAX);
        out.push(Action::Wake(Some(self.deadline)));
    }

    /// Lines as long as nothing is waited for.
    fn lines(&mut self, now: Timestamp, out: &mut Actions) {
        while !self.closed && matches!(self.busy, Busy::No) {
            let Some(end) = self.queue.iter().take(MAX_LINE).position(|b| *b == b'\n') else {
                if self.queue.len() >= MAX_LINE {
                    self.too_long(out);
                }
                return;
            };
            let mut line: Vec<u8> = self.queue.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            self.command(now, &line, out);
        }
    }

    fn too_long(&mut self, out: &mut Actions) {
        let value = Untrusted::capped(&self.queue, 1024);
        out.record(Body::Note(Note { name: "oversized_line".into(), value }));
        out.send("500 Input line too long.\r\n");
        self.close(out);
    }

    /// Starts what needs a data connection; it was checked that one was asked for.
    pub(super) fn begin(&mut self, now: Timestamp, job: Job, out: &mut Actions) {
        self.busy = Busy::Opening(job);
        match &self.data {
            Data::Active(port) => out.push(Action::Connect(*port)),
            Data::Passive { connected: true, .. } => return self.opened(now, out),
            Data::Passive { failed: true, .. } | Data::None => return self.not_opened(now, out),
            Data::Passive { .. } => {}
        }
        self.alarm(now, out);
    }

    fn not_opened(&mut self, now: Timestamp, out: &mut Actions) {
        self.busy = Busy::No;
        self.drop_data(out);
        out.send("425 Failed to establish connection.\r\n");
        self.alarm(now, out);
        self.lines(now, out);
    }

    /// The data connection stands.
    fn opened(&mut self, now: Timestamp, out: &mut Actions) {
        let Busy::Opening(job) = std::mem::replace(&mut self.busy, Busy::No) else { return };
        match job {
            Job::List(_) => {
                out.send("150 Here comes the directory listing.\r\n");
                self.busy = Busy::Sending(job, 0);
                self.send_piece(now, out);
            }
            Job::Retrieve { ref name, ref path, offset, size } => {
                let (bytes, sha256) = self.digest(now, path, offset);
                out.record(Body::Transfer(Transfer {
                    direction: Direction::Download,
                    name: Untrusted::from(name.clone()),
                    url: None,
                    bytes,
                    sha256: Some(sha256),
                }));
                let mode = b"150 Opening BINARY mode data connection for ";
                out.send(
                    [mode.as_slice(), name.as_slice(), format!(" ({size} bytes).\r\n").as_bytes()].concat(),
                );
                self.busy = Busy::Sending(job, 0);
                self.send_piece(now, out);
            }
            Job::Store(upload) => {
                out.send(upload.greeting.clone());
                self.busy = Busy::Receiving(upload);
                self.alarm(now, out);
                let (early, ended) = match &mut self.data {
                    Data::Passive { early, ended, .. } => (std::mem::take(early), *ended),
                    _ => (Vec::new(), false),
                };
                if !early.is_empty() {
                    self.receive(&early);
                }
                if ended {
                    self.received(now, out);
                }
            }
        }
    }

    /// Size and hash of what a download will send.
    fn digest(&self, now: Timestamp, path: &[u8], offset: u64) -> (u64, String) {
        let mut hash = Sha256::new();
        let mut at = offset;
        while let Some(piece) = self.read(now, path, at) {
            hash.update(&piece);
            at += piece.len() as u64;
        }
        (at - offset, hex(&hash.finalize()))
    }

    fn read(&self, now: Timestamp, path: &[u8], offset: u64) -> Option<Vec<u8>> {
        let session = self.session.as_ref()?;
        let piece = session.vfs(now).read(session.cred(), path, offset, PIECE).ok()?;
        (!piece.is_empty()).then_some(piece)
    }

    fn send_piece(&mut self, now: Timestamp, out: &mut Actions) {
        let Busy::Sending(job, sent) = &self.busy else { return };
        let sent = *sent;
        let piece = match job {
            Job::List(text) => {
                let end = text.len().min(sent.saturating_add(PIECE));
                text.get(sent..end).unwrap_or_default().to_vec()
            }
            Job::Retrieve { path, offset, .. } => {
                self.read(now, path, offset.saturating_add(sent as u64)).unwrap_or_default()
            }
            Job::Store(_) => Vec::new(),
        };
        let done = match job {
            Job::List(_) => "226 Directory send OK.\r\n",
            _ => "226 Transfer complete.\r\n",
        };
        let last = piece.len() < PIECE;
        if let Busy::Sending(_, sent) = &mut self.busy {
            *sent += piece.len();
        }
        if !piece.is_empty() {
            out.push(Action::SideSend(piece));
        }
        if last {
            self.busy = Busy::No;
            self.data = Data::None;
            out.push(Action::SideClose);
            out.send(done);
        }
        self.alarm(now, out);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let Busy::Receiving(upload) = &mut self.busy else { return };
        upload.hash.update(bytes);
        upload.bytes += bytes.len() as u64;
        if upload.bytes <= MAX_ARTIFACT as u64 {
            upload.kept.extend_from_slice(bytes);
        } else {
            upload.kept = Vec::new();
        }
    }

    /// The upload is whole: kept, recorded, answered.
    fn received(&mut self, now: Timestamp, out: &mut Actions) {
        let complete = self.store(now, out);
        self.data = Data::None;
        out.push(Action::SideClose);
        out.send(if complete {
            "226 Transfer complete.\r\n"
        } else {
            "451 Failure writing to local file.\r\n"
        });
        self.alarm(now, out);
    }

    /// Puts what came in into the file system and the journal; false where the disk is full.
    fn store(&mut self, now: Timestamp, out: &mut Actions) -> bool {
        let Busy::Receiving(upload) = std::mem::replace(&mut self.busy, Busy::No) else { return true };
        let whole = upload.kept.len() as u64 == upload.bytes;
        let written = match &self.session {
            Some(session) if whole => session.vfs(now).write(upload.ino, upload.offset, &upload.kept).is_ok(),
            _ => false,
        };
        if !whole {
            let value = Untrusted::capped(&upload.name, 4096);
            out.record(Body::Note(Note { name: "content_not_kept".into(), value }));
        } else if upload.bytes > 0 {
            out.push(Action::Artifact(upload.kept));
        }
        out.record(Body::Transfer(Transfer {
            direction: Direction::Upload,
            name: Untrusted::from(upload.name),
            url: None,
            bytes: upload.bytes,
            sha256: Some(hex(&upload.hash.finalize())),
        }));
        written
    }
}

impl Dialogue for FtpDialogue {
    fn start(&mut self, now: Timestamp, out: &mut Actions) {
        out.send("220 (vsFTPd 3.0.3)\r\n");
        self.alarm(now, out);
    }

    fn input(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions) {
        if matches!(self.busy, Busy::No) {
            self.last_active = now;
        }
        // Byte by byte, so that one call of many bytes is held to the same bounds as many calls of few.
        for byte in bytes {
            if self.closed {
                return;
            }
            self.queue.push(*byte);
            if *byte == b'\n' || self.queue.len() == MAX_LINE {
                self.lines(now, out);
            }
            if self.queue.len() > MAX_QUEUE {
                self.too_long(out);
            }
        }
    }

    fn end_of_input(&mut self, now: Timestamp, out: &mut Actions) {
        if self.closed {
            return;
        }
        if matches!(self.busy, Busy::Receiving(_)) {
            self.store(now, out);
        } else if !self.queue.is_empty() {
            let value = Untrusted::capped(&self.queue, 1024);
            out.record(Body::Note(Note { name: "unfinished_line".into(), value }));
        }
        self.close(out);
    }

    fn wake(&mut self, now: Timestamp, out: &mut Actions) {
        if self.closed {
            return;
        }
        let until = self.last_active.checked_add(self.timeout()).unwrap_or(Timestamp::MAX);
        if now < until {
            self.deadline = until;
            out.push(Action::Wake(Some(until)));
            return;
        }
        match self.busy {
            Busy::Opening(_) | Busy::Listener(_) => self.not_opened(now, out),
            Busy::No => {
                out.send("421 Timeout.\r\n");
                self.close(out);
            }
            Busy::Sending(..) | Busy::Receiving(_) => {
                self.store(now, out);
                out.push(Action::SideClose);
                self.data = Data::None;
                out.send("421 Data timeout. Reconnect. Sorry.\r\n");
                self.close(out);
            }
        }
    }

    fn side(&mut self, now: Timestamp, event: SideEvent<'_>, out: &mut Actions) {
        if self.closed {
            return;
        }
        self.last_active = now;
        match event {
            SideEvent::Listening(address) => {
                if let Busy::Listener(extended) = self.busy {
                    self.busy = Busy::No;
                    self.data =
                        Data::Passive { connected: false, early: Vec::new(), ended: false, failed: false };
                    out.send(self.passive_reply(address.port(), extended));
                    self.alarm(now, out);
                }
            }
            SideEvent::Connected => {
                if let Data::Passive { connected, .. } = &mut self.data {
                    *connected = true;
                }
                self.opened(now, out);
            }
            SideEvent::Bytes(bytes) => match (&self.busy, &mut self.data) {
                (Busy::Receiving(_), _) => self.receive(bytes),
                (_, Data::Passive { early, .. }) if early.len() + bytes.len() <= MAX_EARLY => {
                    early.extend_from_slice(bytes);
                }
                _ => {}
            },
            SideEvent::Drained => self.send_piece(now, out),
            SideEvent::Ended => match (&self.busy, &mut self.data) {
                (Busy::Receiving(_), _) => self.received(now, out),
                (_, Data::Passive { ended, .. }) => *ended = true,
                _ => {}
            },
            SideEvent::Failed => match (&self.busy, &mut self.data) {
                (Busy::Listener(_) | Busy::Opening(_), _) => return self.not_opened(now, out),
                (Busy::Sending(..), _) => {
                    self.busy = Busy::No;
                    self.data = Data::None;
                    out.push(Action::SideClose);
                    out.send("426 Failure writing network stream.\r\n");
                    self.alarm(now, out);
                }
                (Busy::Receiving(_), _) => {
                    self.store(now, out);
                    self.data = Data::None;
                    out.push(Action::SideClose);
                    out.send("426 Failure reading network stream.\r\n");
                    self.alarm(now, out);
                }
                (_, Data::Passive { failed, .. }) => *failed = true,
                _ => {}
            },
        }
        self.lines(now, out);
    }
}
