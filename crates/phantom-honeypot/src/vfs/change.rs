//! What a session changes: only this takes memory, and all of it is counted.

use std::collections::BTreeMap;

use super::{Attr, Body, Cred, Dropped, Errno, Ino, Kind, Node, Vfs, join, split};
use crate::machine::is_proc;
use phantom_core::Timestamp;

/// What [`Vfs::set_attr`] changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetAttr {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Time of last change.
    pub mtime: Option<Timestamp>,
    /// Time of last access.
    pub atime: Option<Timestamp>,
}

impl Vfs {
    /// Parent directory (writable by `who`), last name, and what stands there now.
    fn place(&self, who: &Cred, path: &[u8]) -> Result<(Ino, Vec<u8>, Option<Ino>), Errno> {
        let (parent, name) = split(path);
        let dir = self.lookup(who, parent, true)?;
        let attr = self.attr(dir)?;
        if attr.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        if !attr.allows(who, 1) {
            return Err(Errno::EACCES);
        }
        if name.len() > self.limits.name {
            return Err(Errno::ENAMETOOLONG);
        }
        if matches!(name, b"" | b"." | b"..") {
            return Err(if name.is_empty() { Errno::EEXIST } else { Errno::EINVAL });
        }
        Ok((dir, name.to_vec(), self.child(dir, name)))
    }

    fn may_write(&self, who: &Cred, dir: Ino, old: Option<Ino>) -> Result<(), Errno> {
        let attr = self.attr(dir)?;
        if is_proc(dir) || old.is_some_and(is_proc) {
            // Nothing is made in /proc; what is there is not removed.
            return Err(if old.is_some() { Errno::EPERM } else { Errno::ENOENT });
        }
        if !attr.allows(who, 3) {
            return Err(Errno::EACCES);
        }
        if self.immutable(dir) || old.is_some_and(|old| self.immutable(old)) {
            return Err(Errno::EPERM);
        }
        match old {
            Some(old) if attr.mode & 0o1000 != 0 && who.uid != 0 && who.uid != attr.uid => {
                if self.attr(old)?.uid == who.uid { Ok(()) } else { Err(Errno::EPERM) }
            }
            _ => Ok(()),
        }
    }

    /// The session's own copy of a node, its content included only if `content`.
    fn own(&mut self, ino: Ino, path: &[u8], content: bool) -> Result<&mut Node, Errno> {
        if is_proc(ino) {
            return Err(Errno::EPERM);
        }
        if !self.changed.contains_key(&ino) {
            self.room(0, 1)?;
            let attr = self.attr(ino)?;
            let body = if attr.kind == Kind::Dir { Body::Dir(BTreeMap::new()) } else { Body::Base };
            self.changed.insert(ino, Node { attr, path: path.to_vec(), written: None, body });
        }
        if content && matches!(self.changed.get(&ino).map(|n| &n.body), Some(Body::Base)) {
            let size = usize::try_from(self.base.size(ino)).unwrap_or(usize::MAX);
            self.room(size, 0)?;
            let bytes = self.base.read(ino, 0, size)?;
            self.bytes += bytes.len();
            if let Some(node) = self.changed.get_mut(&ino) {
                node.body = Body::File(bytes);
            }
        }
        self.changed.get_mut(&ino).ok_or(Errno::ENOENT)
    }

    fn room(&mut self, bytes: usize, nodes: usize) -> Result<(), Errno> {
        while self.bytes.saturating_add(bytes) > self.limits.bytes && !self.removed.is_empty() {
            self.bytes = self.bytes.saturating_sub(self.removed.remove(0).1.content.len());
        }
        let full = self.bytes.saturating_add(bytes) > self.limits.bytes
            || self.changed.len().saturating_add(nodes) > self.limits.nodes;
        if full { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    fn enter(&mut self, dir: Ino, name: Vec<u8>, ino: Option<Ino>) -> Result<(), Errno> {
        let now = self.now;
        let in_base = self.base.child(dir, &name).is_some();
        let node = self.own(dir, b"", false)?;
        node.attr.mtime = now;
        if let Body::Dir(names) = &mut node.body {
            if ino.is_some() || in_base {
                names.insert(name, ino);
            } else {
                names.remove(&name);
            }
        }
        Ok(())
    }

    fn make(&mut self, who: &Cred, path: &[u8], mode: u32, kind: Kind, body: Body) -> Result<Ino, Errno> {
        let (dir, name, old) = self.place(who, path)?;
        if old.is_some() {
            return Err(Errno::EEXIST);
        }
        self.may_write(who, dir, None)?;
        let size = if let Body::Link(target) = &body { target.len() } else { 0 };
        self.room(size + name.len() * 2, 2)?;
        let (parent, last) = split(path);
        let whole = join(&self.canonical(who, parent)?, last);
        let attr =
            Attr { kind, mode, uid: who.uid, gid: who.gid, mtime: self.now, atime: Some(self.now), nlink: 1 };
        let ino = self.next;
        self.next += 1;
        self.bytes += size + name.len() * 2;
        self.changed.insert(ino, Node { attr, path: whole, written: None, body });
        self.enter(dir, name, Some(ino))?;
        Ok(ino)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// `EEXIST`, `EACCES`, `ENOSPC`; as [`Vfs::lookup`].
    pub fn mkdir(&mut self, who: &Cred, path: &[u8], mode: u32) -> Result<Ino, Errno> {
        self.make(who, path, mode & 0o7777, Kind::Dir, Body::Dir(BTreeMap::new()))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As [`Vfs::mkdir`].
    pub fn symlink(&mut self, who: &Cred, target: &[u8], path: &[u8]) -> Result<Ino, Errno> {
        if target.len() > self.limits.path {
            return Err(Errno::ENAMETOOLONG);
        }
        self.make(who, path, 0o777, Kind::Link, Body::Link(target.to_vec()))
    }

    /// A second name for a file.
    ///
    /// # Errors
    /// `EPERM` for a directory; as [`Vfs::mkdir`].
    pub fn link(&mut self, who: &Cred, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let ino = self.lookup(who, from, false)?;
        if self.attr(ino)?.kind == Kind::Dir {
            return Err(Errno::EPERM);
        }
        let (dir, name, old) = self.place(who, to)?;
        if old.is_some() {
            return Err(Errno::EEXIST);
        }
        self.may_write(who, dir, None)?;
        self.room(name.len() * 2, 2)?;
        self.bytes += name.len() * 2;
        self.own(ino, from, false)?.attr.nlink += 1;
        self.enter(dir, name, Some(ino))
    }

    /// Opens a file for writing: made with `mode` if it is not there, emptied if `truncate`.
    ///
    /// # Errors
    /// `EISDIR`, `EACCES`, `EROFS`, `ENOSPC`; as [`Vfs::lookup`].
    pub fn create(&mut self, who: &Cred, path: &[u8], mode: u32, truncate: bool) -> Result<Ino, Errno> {
        match self.lookup(who, path, true) {
            Ok(ino) => {
                let attr = self.attr(ino)?;
                match attr.kind {
                    Kind::Dir => return Err(Errno::EISDIR),
                    Kind::Device => return if attr.allows(who, 2) { Ok(ino) } else { Err(Errno::EACCES) },
                    _ if !attr.allows(who, 2) => return Err(Errno::EACCES),
                    _ if is_proc(ino) => return Ok(ino),
                    _ if self.immutable(ino) => return Err(Errno::EPERM),
                    _ => {}
                }
                if truncate {
                    let path = self.canonical(who, path)?;
                    self.truncate_ino(ino, &path, 0)?;
                }
                Ok(ino)
            }
            Err(Errno::ENOENT) => {
                // A dangling link is written through, as open(2) with O_CREAT does.
                let path = match self.readlink(who, path) {
                    Ok(target) => join(split(path).0, &target),
                    Err(_) => path.to_vec(),
                };
                let ino = self.make(who, &path, mode & 0o7777, Kind::File, Body::File(Vec::new()))?;
                let visit = self.visit;
                if let Some(node) = self.changed.get_mut(&ino) {
                    node.written = Some(visit);
                }
                Ok(ino)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn truncate_ino(&mut self, ino: Ino, path: &[u8], size: usize) -> Result<(), Errno> {
        if is_proc(ino) {
            return Ok(());
        }
        if size == 0 && !self.changed.contains_key(&ino) {
            // No need to copy what is thrown away.
            self.own(ino, path, false)?.body = Body::File(Vec::new());
        }
        let before = match &self.own(ino, path, true)?.body {
            Body::File(bytes) => bytes.len(),
            _ => return Err(Errno::EINVAL),
        };
        self.room(size.saturating_sub(before), 0)?;
        self.unkept.insert(ino);
        let (now, visit) = (self.now, self.visit);
        let node = self.own(ino, path, true)?;
        node.attr.mtime = now;
        node.written = Some(visit);
        if let Body::File(bytes) = &mut node.body {
            bytes.resize(size, 0);
        }
        self.bytes = (self.bytes + size).saturating_sub(before);
        Ok(())
    }

    /// Cuts or grows a file.
    ///
    /// # Errors
    /// As [`Vfs::create`].
    pub fn truncate(&mut self, who: &Cred, path: &[u8], size: u64) -> Result<(), Errno> {
        self.access(who, path, 0)?;
        let ino = self.create(who, path, 0o644, false)?;
        let path = self.canonical(who, path)?;
        self.truncate_ino(ino, &path, usize::try_from(size).map_err(|_| Errno::ENOSPC)?)
    }

    /// Writes into a file got from [`Vfs::create`] at `offset`, or at its end; what lies between is zeros.
    ///
    /// # Errors
    /// `ENOSPC`, `EINVAL`.
    pub fn write(&mut self, ino: Ino, offset: Option<u64>, bytes: &[u8]) -> Result<(), Errno> {
        if self.attr(ino)?.kind == Kind::Device {
            return Ok(());
        }
        if is_proc(ino) {
            return self.write_setting(ino, bytes);
        }
        let size = usize::try_from(self.stat_ino(ino)?.size).map_err(|_| Errno::ENOSPC)?;
        let from = offset.map_or(Ok(size), usize::try_from).map_err(|_| Errno::ENOSPC)?;
        let end = from.checked_add(bytes.len()).ok_or(Errno::ENOSPC)?;
        self.room(end.saturating_sub(size), 0)?;
        let path = self.changed.get(&ino).map_or_else(|| self.base.path(ino), |node| node.path.clone());
        if end > size {
            self.truncate_ino(ino, &path, end)?;
        }
        self.unkept.insert(ino);
        let (now, visit) = (self.now, self.visit);
        let node = self.own(ino, &path, true)?;
        node.attr.mtime = now;
        node.written = Some(visit);
        if let Body::File(content) = &mut node.body
            && let Some(place) = content.get_mut(from..end)
        {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Removes a file's or link's name.
    ///
    /// # Errors
    /// `EISDIR`, `EACCES`, `EPERM`; as [`Vfs::lookup`].
    pub fn unlink(&mut self, who: &Cred, path: &[u8]) -> Result<(), Errno> {
        let (dir, name, old) = self.place(who, path)?;
        let ino = old.ok_or(Errno::ENOENT)?;
        self.may_write(who, dir, Some(ino))?;
        if self.attr(ino)?.kind == Kind::Dir {
            return Err(Errno::EISDIR);
        }
        self.enter(dir, name, None)?;
        self.forget(ino);
        Ok(())
    }

    fn forget(&mut self, ino: Ino) {
        let Some(node) = self.changed.get_mut(&ino) else { return };
        node.attr.nlink = node.attr.nlink.saturating_sub(1);
        if node.attr.nlink == 0 && !self.held.contains_key(&ino) {
            self.bury(ino);
        }
    }

    /// As [`Vfs::forget`], for an empty directory.
    fn forget_dir(&mut self, ino: Ino) {
        match self.changed.get_mut(&ino) {
            Some(node) if self.held.contains_key(&ino) => node.attr.nlink = 0,
            _ => _ = self.changed.remove(&ino),
        }
    }

    /// Takes a node out that has neither name nor descriptor.
    pub(super) fn bury(&mut self, ino: Ino) {
        self.unkept.remove(&ino);
        if let Some(node) = self.changed.remove(&ino) {
            match (node.body, node.written) {
                (Body::File(content), Some(visit)) if !content.is_empty() && self.removed.len() < 256 => {
                    self.removed.push((visit, Dropped { path: node.path, content, removed: true }));
                }
                (Body::File(bytes) | Body::Link(bytes), _) => {
                    self.bytes = self.bytes.saturating_sub(bytes.len());
                }
                _ => {}
            }
        }
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `ENOTDIR`, `ENOTEMPTY`, `EACCES`, `EPERM`; as [`Vfs::lookup`].
    pub fn rmdir(&mut self, who: &Cred, path: &[u8]) -> Result<(), Errno> {
        let (dir, name, old) = self.place(who, path)?;
        let ino = old.ok_or(Errno::ENOENT)?;
        if self.attr(ino)?.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        self.may_write(who, dir, Some(ino))?;
        if !self.names(ino).is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.enter(dir, name, None)?;
        self.forget_dir(ino);
        Ok(())
    }

    /// Gives a node another name, replacing what stood there as rename(2) does.
    ///
    /// # Errors
    /// `EINVAL` into itself, `EISDIR`, `ENOTDIR`, `ENOTEMPTY`, `EACCES`, `EPERM`; as [`Vfs::lookup`].
    pub fn rename(&mut self, who: &Cred, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let (from_dir, from_name, old) = self.place(who, from)?;
        let ino = old.ok_or(Errno::ENOENT)?;
        self.may_write(who, from_dir, Some(ino))?;
        let (to_dir, to_name, target) = self.place(who, to)?;
        self.may_write(who, to_dir, target)?;
        if target == Some(ino) {
            return Ok(());
        }
        let is_dir = self.attr(ino)?.kind == Kind::Dir;
        let whole = join(&self.canonical(who, split(to).0)?, &to_name);
        if is_dir {
            let mut inside = self.canonical(who, from)?;
            inside.push(b'/');
            if whole.starts_with(&inside) {
                return Err(Errno::EINVAL);
            }
        }
        self.room(to_name.len() * 2, 3)?;
        if let Some(target) = target {
            match (is_dir, self.attr(target)?.kind == Kind::Dir) {
                (false, true) => return Err(Errno::EISDIR),
                (true, false) => return Err(Errno::ENOTDIR),
                (true, true) if !self.names(target).is_empty() => return Err(Errno::ENOTEMPTY),
                (true, true) => self.forget_dir(target),
                (false, false) => self.forget(target),
            }
        }
        self.bytes += to_name.len() * 2;
        self.own(ino, &whole, false)?.path.clone_from(&whole);
        self.enter(from_dir, from_name, None)?;
        self.enter(to_dir, to_name, Some(ino))
    }

    /// Changes what is `Some`: mode bits, owner, group, time of change.
    ///
    /// # Errors
    /// `EPERM` where `who` is neither the owner nor root; as [`Vfs::lookup`].
    pub fn set_attr(&mut self, who: &Cred, path: &[u8], set: SetAttr) -> Result<(), Errno> {
        let ino = self.lookup(who, path, true)?;
        let path = self.canonical(who, path)?;
        self.set_attr_ino(who, ino, &path, set)
    }

    pub(super) fn set_attr_ino(
        &mut self,
        who: &Cred,
        ino: Ino,
        path: &[u8],
        set: SetAttr,
    ) -> Result<(), Errno> {
        let attr = self.attr(ino)?;
        let owner = who.uid == 0 || who.uid == attr.uid;
        let gives = set.uid.is_some_and(|uid| uid != attr.uid)
            || set.gid.is_some_and(|gid| gid != attr.gid && !who.in_group(gid));
        if !owner || (gives && who.uid != 0) {
            return Err(Errno::EPERM);
        }
        if is_proc(ino) {
            return Err(Errno::EPERM);
        }
        let node = self.own(ino, path, false)?;
        node.attr.mode = set.mode.map_or(node.attr.mode, |mode| mode & 0o7777);
        node.attr.uid = set.uid.unwrap_or(node.attr.uid);
        node.attr.gid = set.gid.unwrap_or(node.attr.gid);
        node.attr.mtime = set.mtime.unwrap_or(node.attr.mtime);
        node.attr.atime = set.atime.or(node.attr.atime);
        Ok(())
    }
}
