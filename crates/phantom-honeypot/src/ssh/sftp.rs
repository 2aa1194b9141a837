//! The SFTP server that OpenSSH 9.2p1 of Debian 12 runs for the subsystem `sftp`: version 3
//! (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions. Bytes in, [`Emit`]s out.
//!
//! The tests ask the installed server the same. What differs is known:
//! - A visit's files share 32 MiB, so that a write far behind the end of a file fails where ext4 makes a hole.
//! - `copy-data` from a device that never ends moves 64 MiB and fails.
//! - Names of a directory come in the order of a hash of this installation's, as on ext4 of that file system's;
//!   names that come or go while it is read are noticed at once, not after 32 KiB of entries.
//! - Requests that came together with the end of the input, or before a malformed one, are still answered; the real
//!   server drops answers that it has not yet written.
//! - The working directory is known by name: taking away the right to search the one around it matters here.
//! - A link whose target ends with a slash is opened as if it did not.

mod extended;
mod handles;
mod names;
mod requests;
#[cfg(test)]
mod tests;
mod wire;

use phantom_core::event::{Command, Direction, Note, Transfer};
use phantom_core::{Body, Timestamp, Untrusted};

use super::calls::Calls;
use crate::shell::Emit;
use crate::vfs::{Errno, Ino};
use handles::{Handle, Handles, What};
use wire::{Fatal, Message, Reader, fxp};

/// Longest message (`SFTP_MAX_MSG_LENGTH`); a longer one ends the server.
pub(super) const MAX_MESSAGE: usize = 256 * 1024;

/// Most bytes of one READ, and of one WRITE as `limits@openssh.com` tells.
const MAX_DATA: usize = MAX_MESSAGE - 1024;

/// Notes of what the peer asked for; more of them say nothing new.
const MAX_NOTES: u32 = 256;

/// What the machine tells of its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Size of the root file system, KiB.
    pub size: u64,
    /// Used of it, KiB.
    pub used: u64,
    /// Its number (`f_fsid`).
    pub id: u64,
}

/// How far one step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// No whole message is there.
    Idle,
    /// A message was handled.
    Went,
    /// The server ended with this status; nothing follows.
    Exit(i32),
}

/// One server.
pub struct Sftp {
    calls: Calls,
    home: Vec<u8>,
    disk: Disk,
    input: Vec<u8>,
    /// Of `input`, what was handled already.
    done: usize,
    /// The client's, once it has said it.
    version: Option<u32>,
    handles: Handles,
    notes: u32,
}

/// A status (draft section 7), named as in the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Eof,
    NoSuchFile,
    PermissionDenied,
    Failure,
    BadMessage,
    OpUnsupported,
}

impl Status {
    fn code_and_text(self) -> (u32, &'static str) {
        match self {
            Self::Ok => (0, "Success"),
            Self::Eof => (1, "End of file"),
            Self::NoSuchFile => (2, "No such file"),
            Self::PermissionDenied => (3, "Permission denied"),
            Self::Failure => (4, "Failure"),
            Self::BadMessage => (5, "Bad message"),
            Self::OpUnsupported => (8, "Operation unsupported"),
        }
    }
}

/// `errno_to_portable` of sftp-server.c.
impl From<Errno> for Status {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR | Errno::EBADF | Errno::ELOOP => Self::NoSuchFile,
            Errno::EPERM | Errno::EACCES => Self::PermissionDenied,
            Errno::ENAMETOOLONG | Errno::EINVAL => Self::BadMessage,
            _ => Self::Failure,
        }
    }
}

impl From<Result<(), Errno>> for Status {
    fn from(result: Result<(), Errno>) -> Self {
        result.map_or_else(Self::from, |()| Self::Ok)
    }
}

impl Sftp {
    /// A server of the process `calls`, whose user has this home; nothing is sent before a message has come.
    pub fn new(calls: Calls, home: Vec<u8>, disk: Disk) -> Self {
        let (input, handles) = (Vec::new(), Handles::default());
        Self { calls, home, disk, input, done: 0, version: None, handles, notes: 0 }
    }

    /// Takes bytes from the peer. Call [`Sftp::step`] until it is idle before giving it more.
    pub fn input(&mut self, bytes: &[u8]) {
        self.input.drain(..self.done);
        self.done = 0;
        self.input.extend_from_slice(bytes);
    }

    /// Handles one message.
    pub fn step(&mut self, now: Timestamp, out: &mut Vec<Emit>) -> Step {
        let rest = self.input.get(self.done..).unwrap_or(&[]);
        let Some(length) = rest.first_chunk().map(|head| u32::from_be_bytes(*head) as usize) else {
            return Step::Idle;
        };
        if length > MAX_MESSAGE && rest.len() > 4 {
            return self.exit(11, out);
        }
        let message = match rest.get(4..length + 4) {
            Some(message) if rest.len() > 4 => message.to_vec(),
            _ => return Step::Idle,
        };
        self.done += length + 4;
        self.calls.clock(now);
        match self.message(now, &message, out) {
            Ok(()) => Step::Went,
            Err(Fatal) => self.exit(255, out),
        }
    }

    /// The peer sends no more: what is still open is closed, and kept as evidence.
    pub fn end(&mut self, out: &mut Vec<Emit>) {
        let open: Vec<Handle> = self.handles.drain().collect();
        open.into_iter().for_each(|handle| self.closed(handle, out));
    }

    fn exit(&mut self, status: i32, out: &mut Vec<Emit>) -> Step {
        self.end(out);
        Step::Exit(status)
    }

    fn message(&mut self, now: Timestamp, bytes: &[u8], out: &mut Vec<Emit>) -> Result<(), Fatal> {
        let mut body = Reader(bytes);
        let kind = body.u8()?;
        if kind == fxp::INIT {
            self.version = Some(body.u32()?);
            out.push(Emit::Stdout(extended::greeting()));
            return Ok(());
        }
        if self.version.is_none() {
            return Err(Fatal);
        }
        let id = body.u32()?;
        let reply = if kind == fxp::EXTENDED {
            self.extended(id, &mut body, out)?
        } else {
            self.request(now, kind, id, &mut body, out)?
        };
        if !reply.is_empty() {
            out.push(Emit::Stdout(reply));
        }
        Ok(())
    }

    fn status(&self, id: u32, status: impl Into<Status>) -> Vec<u8> {
        let (code, text) = status.into().code_and_text();
        self.status_text(id, code, text)
    }

    /// A status; clients that claim a version before 3 get no text.
    fn status_text(&self, id: u32, code: u32, text: &str) -> Vec<u8> {
        let mut message = Message::new(fxp::STATUS, id);
        message.u32(code);
        if self.version >= Some(3) {
            message.string(text.as_bytes());
            message.string(b"");
        }
        message.done()
    }

    /// A reply of one name without attributes.
    fn name(id: u32, name: &[u8]) -> Vec<u8> {
        let mut message = Message::new(fxp::NAME, id);
        message.u32(1);
        message.string(name);
        message.string(name);
        message.attrs(&wire::Attrs::default());
        message.done()
    }

    /// What the server's own log would say at level INFO.
    fn note(&mut self, line: &[&[u8]], out: &mut Vec<Emit>) {
        self.notes += 1;
        let (name, value) = match self.notes {
            ..MAX_NOTES => ("sftp", line.concat()),
            MAX_NOTES => ("sftp_suppressed", Vec::new()),
            _ => return,
        };
        let value = Untrusted::capped(&value, Command::CAP);
        out.push(Emit::Record(Body::Note(Note { name: name.to_owned(), value })));
    }

    /// A handle is closed: what it brought and what it took are evidence.
    fn closed(&mut self, handle: Handle, out: &mut Vec<Emit>) {
        if let What::File(mut file) = handle.what {
            if file.sent.bytes > 0 {
                let sha256 = file.sent.sha256();
                out.push(download(&handle.name, file.sent.bytes, sha256));
            }
            if file.touched
                && let Some(dropped) = self.calls.lock().take_written(handle.ino)
            {
                out.push(Emit::Wrote(dropped));
            }
        }
        self.calls.lock().release(handle.ino);
    }
}

/// A connection that breaks leaves nothing open: the files outlive it.
impl Drop for Sftp {
    fn drop(&mut self) {
        let open: Vec<Ino> = self.handles.drain().map(|handle| handle.ino).collect();
        let mut vfs = self.calls.lock();
        open.into_iter().for_each(|ino| vfs.release(ino));
    }
}

/// The event of a file that left.
pub(super) fn download(name: &[u8], bytes: u64, sha256: Option<[u8; 32]>) -> Emit {
    let sha256 = sha256.map(|sum| sum.iter().map(|byte| format!("{byte:02x}")).collect());
    Emit::Record(Body::Transfer(Transfer {
        direction: Direction::Download,
        name: Untrusted::capped(name, Command::CAP),
        url: None,
        bytes,
        sha256,
    }))
}
