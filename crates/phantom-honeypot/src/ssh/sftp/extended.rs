//! OpenSSH's extensions (its file PROTOCOL, section 4), in the order in which 9.2p1 announces them.

use super::handles::{Handle, What};
use super::requests::{changes, handle, put};
use super::wire::{Fatal, Message, Reader, fxp};
use super::{MAX_DATA, MAX_MESSAGE, Sftp, Status};
use crate::shell::Emit;
use crate::ssh::calls::Calls;
use crate::vfs::{Errno, Kind};

const EXTENSIONS: &[(&str, &str)] = &[
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
    ("copy-data", "1"),
    ("home-directory", "1"),
    ("users-groups-by-id@openssh.com", "1"),
];

/// `RLIMIT_NOFILE` of a session on Debian 12 less the five that the server keeps for itself.
const MAX_HANDLES: u64 = 1024 - 5;

/// Bytes that one `copy-data` reads at a time.
const PIECE: usize = 64 * 1024;

/// Bytes that one `copy-data` moves at most, so that `/dev/zero` comes to an end.
const MAX_COPY: usize = 64 << 20;

/// What INIT is answered with.
pub(super) fn greeting() -> Vec<u8> {
    // The version takes the place of a request's number.
    let mut message = Message::new(fxp::VERSION, 3);
    for (name, version) in EXTENSIONS {
        message.string(name.as_bytes());
        message.string(version.as_bytes());
    }
    message.done()
}

impl Sftp {
    pub(super) fn extended(
        &mut self,
        id: u32,
        body: &mut Reader<'_>,
        out: &mut Vec<Emit>,
    ) -> Result<Vec<u8>, Fatal> {
        Ok(match body.text()? {
            b"posix-rename@openssh.com" => {
                let (old, new) = (body.text()?, body.text()?);
                self.note(&[b"posix-rename old \"", old, b"\" new \"", new, b"\""], out);
                self.status(id, self.calls.rename(old, new))
            }
            b"hardlink@openssh.com" => {
                let (old, new) = (body.text()?, body.text()?);
                self.note(&[b"hardlink old \"", old, b"\" new \"", new, b"\""], out);
                self.status(id, self.calls.link(old, new))
            }
            b"statvfs@openssh.com" => {
                let path = body.text()?;
                self.note(&[b"statvfs \"", path, b"\""], out);
                match self.calls.stat(path).and_then(|_| self.calls.realpath(path)) {
                    Ok(path) => self.statvfs(id, &path),
                    Err(errno) => self.status(id, errno),
                }
            }
            b"fstatvfs@openssh.com" => {
                let handle = handle(body)?;
                let name = match self.handles.get(handle) {
                    Some(Handle { name, what: What::File(_), .. }) => name.clone(),
                    _ => return Ok(self.status(id, Status::Failure)),
                };
                // A file whose name is gone lies where the name stood.
                let path = self.calls.realpath(&name).unwrap_or_default();
                self.statvfs(id, &path)
            }
            b"fsync@openssh.com" => {
                let handle = handle(body)?;
                let open = self.handles.file(handle).is_some();
                self.status(id, if open { Status::Ok } else { Status::NoSuchFile })
            }
            b"lsetstat@openssh.com" => {
                let (path, attrs) = (body.text()?, body.attrs()?);
                if attrs.size.is_some() {
                    return Ok(self.status(id, Status::BadMessage));
                }
                let status = changes(&attrs, |_| Ok(()), |set| self.calls.set(path, set, false));
                self.status(id, status)
            }
            b"limits@openssh.com" => {
                let mut message = Message::new(fxp::EXTENDED_REPLY, id);
                message.u64(MAX_MESSAGE as u64);
                message.u64(MAX_DATA as u64);
                message.u64(MAX_DATA as u64);
                message.u64(MAX_HANDLES);
                message.done()
            }
            b"expand-path@openssh.com" => {
                let path = body.text()?;
                self.expand(id, path)
            }
            b"copy-data" => {
                let (from, start, length) = (handle(body)?, body.u64()?, body.u64()?);
                let (to, place) = (handle(body)?, body.u64()?);
                let status = self.copy(from, start, length, to, place);
                self.status(id, status)
            }
            b"home-directory" => {
                // Whoever is asked about, 9.2p1 tells the caller's own home.
                let user = body.text()?;
                match self.calls.account(b"/etc/passwd", 0, user, 0) {
                    Some(_) => Self::name(id, &self.home),
                    None => self.status(id, Status::Failure),
                }
            }
            b"users-groups-by-id@openssh.com" => self.names_by_id(id, body)?,
            _ => self.status(id, Status::OpUnsupported),
        })
    }

    /// As `df` tells it: five in a hundred are kept for root.
    fn statvfs(&self, id: u32, path: &[u8]) -> Vec<u8> {
        let proc = path == b"/proc" || path.starts_with(b"/proc/");
        let disk = self.disk;
        let blocks = if proc { 0 } else { disk.size / 4 };
        let free = blocks.saturating_sub(if proc { 0 } else { disk.used / 4 });
        let available = free.saturating_sub(blocks / 20);
        // mke2fs makes an inode for each 16 KiB.
        let inodes = if proc { 0 } else { disk.size / 16 };
        let unused = inodes.saturating_sub(if proc { 0 } else { disk.used / 40 });
        let mut message = Message::new(fxp::EXTENDED_REPLY, id);
        for value in [4096, 4096, blocks, free, available, inodes, unused, unused] {
            message.u64(value);
        }
        message.u64(if proc { 0x15 } else { disk.id });
        // SSH2_FXE_STATVFS_ST_NOSUID
        message.u64(if proc { 2 } else { 0 });
        message.u64(255);
        message.done()
    }

    fn expand(&self, id: u32, path: &[u8]) -> Vec<u8> {
        let cwd = &self.calls.cwd;
        let slash = &b"/"[..];
        let path = match path {
            b"" => b".".to_vec(),
            b"~" => cwd.clone(),
            [b'~', b'/', rest @ ..] => [cwd, slash, rest].concat(),
            [b'~', rest @ ..] => {
                let mut parts = rest.splitn(2, |b| *b == b'/');
                let user = parts.next().unwrap_or(&[]);
                let Some(home) = self.calls.account(b"/etc/passwd", 0, user, 5) else {
                    return self.status_text(id, 2, "no such user");
                };
                match parts.next() {
                    Some(below) => [home.as_slice(), slash, below].concat(),
                    None => home,
                }
            }
            [b'/', ..] => path.to_vec(),
            _ => [cwd, slash, path].concat(),
        };
        self.resolved(id, &path)
    }

    /// `process_extended_copy_data`, in pieces of 64 KiB.
    fn copy(&mut self, from: Option<u32>, start: u64, length: u64, to: Option<u32>, place: u64) -> Status {
        let to_end = length == 0;
        let mut left = if to_end { u64::MAX - start } else { length };
        let named = |handle: Option<&mut Handle>| handle.map(|handle| handle.name.clone());
        let names = (named(self.handles.get(from)), named(self.handles.get(to)));
        let Some((source, reads)) = self.handles.file(from).map(|(ino, file)| (ino, file.read)) else {
            return Status::Failure;
        };
        let Some((target, file)) = self.handles.file(to) else { return Status::Failure };
        if from == to || names.0 == names.1 {
            return Status::Failure;
        }
        if let Err(errno) = Calls::seek(start) {
            return errno.into();
        }
        if let (false, Err(errno)) = (file.append, Calls::seek(place)) {
            return errno.into();
        }
        let mut moved = 0usize;
        while left > 0 || to_end {
            let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            left -= want as u64;
            let read = match reads {
                true => self.calls.lock().read_open(source, start.saturating_add(moved as u64), want),
                false => Err(Errno::EBADF),
            };
            // What went wrong is forgotten once all that was asked for has been asked of the source.
            let told = |status: Status| if left == 0 { Status::Ok } else { status };
            let bytes = match read {
                Ok(bytes) if bytes.is_empty() => return told(if to_end { Status::Ok } else { Status::Eof }),
                Ok(bytes) => bytes,
                Err(errno) => return told(errno.into()),
            };
            let at = place.saturating_add(moved as u64);
            if let Err(errno) = put(&self.calls, target, file, at, &bytes) {
                return told(errno.into());
            }
            moved += bytes.len();
            if moved >= MAX_COPY {
                let sink = self.calls.lock().stat_ino(target).is_ok_and(|stat| stat.kind == Kind::Device);
                return if sink && !to_end { Status::Ok } else { Status::Failure };
            }
        }
        Status::Ok
    }

    fn names_by_id(&self, id: u32, body: &mut Reader<'_>) -> Result<Vec<u8>, Fatal> {
        let mut message = Message::new(fxp::EXTENDED_REPLY, id);
        let files = [&b"/etc/passwd"[..], b"/etc/group"];
        for (file, numbers) in files.into_iter().zip([body.string()?, body.string()?]) {
            let known = self.calls.names(file);
            let mut numbers = Reader(numbers);
            let mut names = Vec::new();
            while !numbers.0.is_empty() {
                let number = numbers.u32()?;
                let name = known.get(&number).map_or(&b""[..], Vec::as_slice);
                names.extend_from_slice(&u32::try_from(name.len()).unwrap_or(0).to_be_bytes());
                names.extend_from_slice(name);
            }
            message.string(&names);
        }
        Ok(message.done())
    }
}
