//! The requests of version 3.

use phantom_core::Timestamp;

use super::handles::{File, Handle, What};
use super::wire::{Attrs, Fatal, Message, Reader, fxp, instant};
use super::{MAX_DATA, Sftp, Status, names};
use crate::shell::Emit;
use crate::ssh::calls::Calls;
use crate::vfs::{Errno, Ino, Kind, OpenFlags, SetAttr};

/// `SSH2_FXF_*`, the flags of OPEN.
const READ: u32 = 1;
const WRITE: u32 = 2;
const APPEND: u32 = 4;
const CREATE: u32 = 8;
const TRUNCATE: u32 = 16;
const EXCLUSIVE: u32 = 32;

/// Names in one reply to READDIR.
const BATCH: usize = 100;

/// What a request is answered with, or `Fatal`.
type Reply = Result<Vec<u8>, Fatal>;

impl Sftp {
    pub(super) fn request(
        &mut self,
        now: Timestamp,
        kind: u8,
        id: u32,
        body: &mut Reader<'_>,
        out: &mut Vec<Emit>,
    ) -> Reply {
        match kind {
            fxp::OPEN => self.open(id, body, out),
            fxp::CLOSE => {
                let handle = handle(body)?;
                Ok(match self.handles.close(handle) {
                    Some(handle) => {
                        self.closed(handle, out);
                        self.status(id, Status::Ok)
                    }
                    None => self.status(id, Status::NoSuchFile),
                })
            }
            fxp::READ => self.read(id, body),
            fxp::WRITE => self.write(id, body, out),
            fxp::STAT | fxp::LSTAT => {
                let path = body.text()?;
                let stat = if kind == fxp::STAT { self.calls.stat(path) } else { self.calls.lstat(path) };
                Ok(self.attributes(id, stat.map(|stat| Attrs::from(&stat)).map_err(Status::from)))
            }
            fxp::FSTAT => {
                let handle = handle(body)?;
                let ino = self.handles.file(handle).map(|(ino, _)| ino).ok_or(Status::Failure);
                let stat = ino.and_then(|ino| self.calls.lock().stat_ino(ino).map_err(Status::from));
                Ok(self.attributes(id, stat.map(|stat| Attrs::from(&stat))))
            }
            fxp::SETSTAT => {
                let (path, attrs) = (body.text()?, body.attrs()?);
                self.note_set(path, &attrs, out);
                let status = changes(
                    &attrs,
                    |size| self.calls.truncate(path, size),
                    |set| self.calls.set(path, set, true),
                );
                Ok(self.status(id, status))
            }
            fxp::FSETSTAT => self.fsetstat(id, body, out),
            fxp::OPENDIR => self.opendir(id, body, out),
            fxp::READDIR => self.readdir(now, id, body),
            fxp::REALPATH => {
                let path = body.text()?;
                Ok(self.resolved(id, if path.is_empty() { b"." } else { path }))
            }
            fxp::READLINK => {
                let path = body.text()?;
                Ok(match self.calls.readlink(path) {
                    Ok(target) => Self::name(id, &target),
                    Err(errno) => self.status(id, errno),
                })
            }
            fxp::REMOVE | fxp::MKDIR | fxp::RMDIR | fxp::RENAME | fxp::SYMLINK => {
                self.change(kind, id, body, out)
            }
            // Logged as unknown, and never answered.
            _ => Ok(Vec::new()),
        }
    }

    fn attributes(&self, id: u32, attrs: Result<Attrs, Status>) -> Vec<u8> {
        match attrs {
            Ok(attrs) => {
                let mut message = Message::new(fxp::ATTRS, id);
                message.attrs(&attrs);
                message.done()
            }
            Err(status) => self.status(id, status),
        }
    }

    /// The reply to REALPATH.
    pub(super) fn resolved(&self, id: u32, path: &[u8]) -> Vec<u8> {
        match self.calls.realpath(path) {
            Ok(path) => Self::name(id, &path),
            Err(errno) => self.status(id, errno),
        }
    }

    fn open(&mut self, id: u32, body: &mut Reader<'_>, out: &mut Vec<Emit>) -> Reply {
        let (name, asked, attrs) = (body.text()?, body.u32()?, body.attrs()?);
        let has = |flag: u32| asked & flag != 0;
        let mode = attrs.mode.unwrap_or(0o666);
        let flags = [
            (READ, "READ"),
            (WRITE, "WRITE"),
            (APPEND, "APPEND"),
            (CREATE, "CREATE"),
            (TRUNCATE, "TRUNCATE"),
            (EXCLUSIVE, "EXCL"),
        ];
        let told: Vec<&str> = flags.iter().filter(|(flag, _)| has(*flag)).map(|(_, text)| *text).collect();
        let tail = format!("\" flags {} mode 0{mode:o}", told.join(","));
        self.note(&[b"open \"", name, tail.as_bytes()], out);
        if self.handles.full() {
            return Ok(self.status(id, Errno::EMFILE));
        }
        let flags = OpenFlags {
            read: has(READ),
            write: has(WRITE),
            create: has(CREATE),
            truncate: has(TRUNCATE),
            exclusive: has(EXCLUSIVE),
        };
        let new = flags.truncate || (flags.create && self.calls.stat(name).is_err());
        Ok(match self.calls.open(name, flags, mode) {
            Ok(ino) => {
                let file = File {
                    read: flags.read || !flags.write,
                    write: flags.write,
                    append: has(APPEND),
                    touched: new,
                    ..File::default()
                };
                self.given(id, ino, name, What::File(file))
            }
            Err(errno) => self.status(id, errno),
        })
    }

    fn given(&mut self, id: u32, ino: Ino, name: &[u8], what: What) -> Vec<u8> {
        let number = self.handles.add(Handle { ino, name: name.to_vec(), what });
        let mut message = Message::new(fxp::HANDLE, id);
        message.string(&number.to_be_bytes());
        message.done()
    }

    fn read(&mut self, id: u32, body: &mut Reader<'_>) -> Reply {
        let (handle, offset, length) = (handle(body)?, body.u64()?, body.u32()?);
        let Some((ino, file)) = self.handles.file(handle) else {
            return Ok(self.status(id, Status::Failure));
        };
        let length = usize::try_from(length).unwrap_or(MAX_DATA).min(MAX_DATA);
        let read = Calls::seek(offset).and_then(|offset| match length {
            0 => Ok(Vec::new()),
            _ if !file.read => Err(Errno::EBADF),
            _ => self.calls.lock().read_open(ino, offset, length),
        });
        Ok(match read {
            Err(errno) => self.status(id, errno),
            Ok(bytes) if bytes.is_empty() && length > 0 => self.status(id, Status::Eof),
            Ok(bytes) => {
                file.sent.add(offset, &bytes);
                let mut message = Message::new(fxp::DATA, id);
                message.string(&bytes);
                message.done()
            }
        })
    }

    fn write(&mut self, id: u32, body: &mut Reader<'_>, out: &mut Vec<Emit>) -> Reply {
        let (handle, offset, bytes) = (handle(body)?, body.u64()?, body.string()?);
        let Some((ino, file)) = self.handles.file(handle) else {
            return Ok(self.status(id, Status::Failure));
        };
        let result = put(&self.calls, ino, file, offset, bytes);
        // What is kept of the file is not all that came: the evidence says so, once.
        if result == Err(Errno::ENOSPC) && !std::mem::replace(&mut file.full, true) {
            let name = self.handles.get(handle).map(|handle| handle.name.clone()).unwrap_or_default();
            self.note(&[b"write \"", &name, b"\" No space left on device"], out);
        }
        Ok(self.status(id, result))
    }

    fn fsetstat(&mut self, id: u32, body: &mut Reader<'_>, out: &mut Vec<Emit>) -> Reply {
        let (handle, attrs) = (handle(body)?, body.attrs()?);
        let Some(name) = self.handles.file(handle).is_some().then(|| self.handles.get(handle)).flatten()
        else {
            return Ok(self.status(id, Status::Failure));
        };
        let name = name.name.clone();
        self.note_set(&name, &attrs, out);
        let Some((ino, file)) = self.handles.file(handle) else {
            return Ok(self.status(id, Status::Failure));
        };
        let calls = &self.calls;
        let status = changes(
            &attrs,
            |size| {
                if !file.write {
                    return Err(Errno::EINVAL);
                }
                file.touched = true;
                calls.resize(ino, size)
            },
            |set| calls.set_open(ino, set),
        );
        Ok(self.status(id, status))
    }

    fn note_set(&mut self, name: &[u8], attrs: &Attrs, out: &mut Vec<Emit>) {
        let mut note = |text: String| self.note(&[b"set \"", name, b"\" ", text.as_bytes()], out);
        if let Some(size) = attrs.size {
            note(format!("size {size}"));
        }
        if let Some(mode) = attrs.mode {
            note(format!("mode {mode:04o}"));
        }
        if let Some((user, group)) = attrs.owner {
            note(format!("owner {user} group {group}"));
        }
    }

    fn opendir(&mut self, id: u32, body: &mut Reader<'_>, out: &mut Vec<Emit>) -> Reply {
        let path = body.text()?;
        self.note(&[b"opendir \"", path, b"\""], out);
        let full = self.handles.full();
        let opened = if full { Err(Errno::EMFILE) } else { self.calls.opendir(path) };
        Ok(match opened {
            Ok(ino) => self.given(id, ino, path, What::Dir(None)),
            Err(errno) => self.status(id, errno),
        })
    }

    fn readdir(&mut self, now: Timestamp, id: u32, body: &mut Reader<'_>) -> Reply {
        let handle = handle(body)?;
        let Some(Handle { ino, name, what: What::Dir(place) }) = self.handles.get(handle) else {
            return Ok(self.status(id, Status::Failure));
        };
        let entries = self.calls.readdir(*ino, name, place, BATCH);
        if entries.is_empty() {
            return Ok(self.status(id, Status::Eof));
        }
        let owners = names::Owners::new(&self.calls);
        let mut message = Message::new(fxp::NAME, id);
        message.u32(u32::try_from(entries.len()).unwrap_or(0));
        for (name, stat) in &entries {
            message.string(name);
            message.string(&names::long(&owners, name, stat, now));
            message.attrs(&Attrs::from(stat));
        }
        Ok(message.done())
    }

    fn change(&mut self, kind: u8, id: u32, body: &mut Reader<'_>, out: &mut Vec<Emit>) -> Reply {
        let path = body.text()?;
        let result = match kind {
            fxp::REMOVE => {
                self.note(&[b"remove name \"", path, b"\""], out);
                self.calls.unlink(path)
            }
            fxp::RMDIR => {
                self.note(&[b"rmdir name \"", path, b"\""], out);
                self.calls.rmdir(path)
            }
            fxp::MKDIR => {
                let mode = body.attrs()?.mode.map_or(0o777, |mode| mode & 0o7777);
                self.note(&[b"mkdir name \"", path, format!("\" mode 0{mode:o}").as_bytes()], out);
                self.calls.mkdir(path, mode)
            }
            _ => {
                let new = body.text()?;
                let verb: &[u8] = if kind == fxp::RENAME { b"rename" } else { b"symlink" };
                self.note(&[verb, b" old \"", path, b"\" new \"", new, b"\""], out);
                if kind == fxp::SYMLINK {
                    self.calls.symlink(path, new)
                } else {
                    return Ok(self.status(id, self.renamed(path, new)));
                }
            }
        };
        Ok(self.status(id, result))
    }

    /// RENAME replaces nothing.
    fn renamed(&self, old: &[u8], new: &[u8]) -> Status {
        match self.calls.lstat(old) {
            Err(errno) => errno.into(),
            Ok(stat) if stat.kind == Kind::File => self.calls.move_to(old, new).into(),
            Ok(_) if self.calls.stat(new).is_ok() => Status::Failure,
            Ok(_) => self.calls.rename(old, new).into(),
        }
    }
}

/// Writes by a handle.
pub(super) fn put(calls: &Calls, ino: Ino, file: &mut File, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
    let offset = if file.append { None } else { Some(Calls::seek(offset)?) };
    if !file.write {
        return Err(Errno::EBADF);
    }
    if bytes.is_empty() {
        return Ok(());
    }
    calls.write(ino, offset, bytes)?;
    file.touched = true;
    Ok(())
}

/// A handle's number; `None` where it is none of ours.
pub(super) fn handle(body: &mut Reader<'_>) -> Result<Option<u32>, Fatal> {
    let bytes = body.string()?;
    Ok(<[u8; 4]>::try_from(bytes).ok().map(u32::from_be_bytes))
}

/// What SETSTAT and its kin do, each attribute for itself; the last failure is told.
pub(super) fn changes(
    attrs: &Attrs,
    mut resize: impl FnMut(u64) -> Result<(), Errno>,
    set: impl Fn(SetAttr) -> Result<(), Errno>,
) -> Status {
    let mut results = Vec::new();
    results.extend(attrs.size.map(&mut resize));
    results.extend(attrs.mode.map(|mode| set(SetAttr { mode: Some(mode & 0o7777), ..SetAttr::default() })));
    results.extend(attrs.times.map(|(access, change)| {
        let (atime, mtime) = (Some(instant(access)), Some(instant(change)));
        set(SetAttr { atime, mtime, ..SetAttr::default() })
    }));
    results.extend(
        attrs.owner.map(|(uid, gid)| set(SetAttr { uid: Some(uid), gid: Some(gid), ..SetAttr::default() })),
    );
    results.into_iter().rev().find(Result::is_err).unwrap_or(Ok(())).into()
}
