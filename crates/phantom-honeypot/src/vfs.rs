//! A copy-on-write file system: one immutable base for all sessions, and what a session changed.

mod base;
mod change;
mod debian;
mod evidence;
mod live;
mod node;
mod open;
mod past;
mod path;
mod share;

pub use base::Base;
pub use change::SetAttr;
pub(crate) use debian::SYSTEM;
pub use node::{Cred, Errno, Kind, Limits, Stat};
pub use open::OpenFlags;
pub use path::{join, split};
pub use share::{Memory, Remember, SharedVfs};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use phantom_core::Timestamp;

use crate::machine::{ProcAttr, SharedLive, is_proc};
use node::Attr;
use path::parts;

/// Number of a node: its inode number.
pub type Ino = u64;

/// One session's file system. A write costs the bytes of the file written, never a copy of the tree.
/// Paths are bytes and start with `/`; [`join`] makes them so.
#[derive(Debug, Clone)]
pub struct Vfs {
    base: Arc<Base>,
    limits: Limits,
    now: Timestamp,
    changed: HashMap<Ino, Node>,
    next: Ino,
    bytes: usize,
    held: open::Held,
    live: SharedLive,
    /// Files written since they were last taken as evidence.
    unkept: BTreeSet<Ino>,
    /// Files that are gone, kept as evidence until their visit ends.
    removed: Vec<(u64, Dropped)>,
    /// The visit that acts now.
    visit: u64,
}

#[derive(Debug, Clone)]
struct Node {
    attr: Attr,
    /// Where it was made or last renamed to, for evidence.
    path: Vec<u8>,
    /// The visit that wrote it, until that visit ends.
    written: Option<u64>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    File(Vec<u8>),
    /// `None` hides the base's entry of that name.
    Dir(BTreeMap<Vec<u8>, Option<Ino>>),
    Link(Vec<u8>),
    /// A file of the base whose attributes alone changed.
    Base,
}

/// A file the session wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Where it was made.
    pub path: Vec<u8>,
    /// What it held last.
    pub content: Vec<u8>,
    /// Whether it was removed again.
    pub removed: bool,
}

impl Vfs {
    /// A session's view of `base` at `now`.
    pub fn new(base: Arc<Base>, limits: Limits, now: Timestamp) -> Self {
        let next = base.len();
        Self {
            base,
            limits,
            now,
            changed: HashMap::new(),
            next,
            bytes: 0,
            removed: Vec::new(),
            held: HashMap::new(),
            live: SharedLive::default(),
            unkept: BTreeSet::new(),
            visit: 0,
        }
    }

    /// Sets the clock: the time of writes and of what /proc tells.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The latest time it was told.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Finds a node.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP` after 40 links (as Linux, path_resolution(7)), `ENAMETOOLONG`.
    pub fn lookup(&self, who: &Cred, path: &[u8], follow: bool) -> Result<Ino, Errno> {
        self.walk(who, path, follow).map(|(ino, _)| ino)
    }

    /// The absolute path without links, `.` or `..`.
    ///
    /// # Errors
    /// As [`Vfs::lookup`].
    pub fn canonical(&self, who: &Cred, path: &[u8]) -> Result<Vec<u8>, Errno> {
        self.walk(who, path, true).map(|(_, path)| path)
    }

    fn walk(&self, who: &Cred, path: &[u8], follow: bool) -> Result<(Ino, Vec<u8>), Errno> {
        if path.len() > self.limits.path {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut todo: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut trail: Vec<(Ino, Vec<u8>)> = Vec::new();
        let mut links = 0;
        let must_be_dir = path.ends_with(b"/") || path.ends_with(b"/.");
        while let Some(part) = todo.pop() {
            let here = trail.last().map_or(Base::ROOT, |(ino, _)| *ino);
            let attr = self.attr(here)?;
            if attr.kind != Kind::Dir {
                return Err(Errno::ENOTDIR);
            }
            if !attr.allows(who, 1) {
                return Err(Errno::EACCES);
            }
            if part == b".." {
                trail.pop();
                continue;
            }
            if part.len() > self.limits.name {
                return Err(Errno::ENAMETOOLONG);
            }
            let ino = self.child(here, &part).ok_or(Errno::ENOENT)?;
            let last = todo.is_empty();
            if self.attr(ino)?.kind == Kind::Link && (!last || follow || must_be_dir) {
                links += 1;
                if links > 40 {
                    return Err(Errno::ELOOP);
                }
                let target = self.target(ino);
                if target.starts_with(b"/") {
                    trail.clear();
                }
                todo.extend(parts(&target).rev().map(<[u8]>::to_vec));
                continue;
            }
            if trail.len() >= self.limits.depth {
                return Err(Errno::ENAMETOOLONG);
            }
            trail.push((ino, part));
        }
        let ino = trail.last().map_or(Base::ROOT, |(ino, _)| *ino);
        if must_be_dir && self.attr(ino)?.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        let mut whole = Vec::new();
        for (_, part) in &trail {
            whole.push(b'/');
            whole.extend_from_slice(part);
        }
        Ok((ino, if whole.is_empty() { b"/".to_vec() } else { whole }))
    }

    fn attr(&self, ino: Ino) -> Result<Attr, Errno> {
        if is_proc(ino) {
            let told = self.with_machine(|view| view.node(ino)).ok_or(Errno::ENOENT)?;
            let ProcAttr { kind, mode, uid, gid, mtime } = told;
            return Ok(Attr { kind, mode, uid, gid, mtime, atime: None, nlink: 1 });
        }
        match self.changed.get(&ino) {
            Some(node) => Ok(node.attr),
            None => self.base.attr(ino).ok_or(Errno::ENOENT),
        }
    }

    fn child(&self, dir: Ino, name: &[u8]) -> Option<Ino> {
        if is_proc(dir) {
            return self.with_machine(|view| view.child(dir, name));
        }
        if dir == Base::ROOT
            && let Some(mounted) = self.base.host.tree.mounted(name)
        {
            return Some(mounted);
        }
        if let Some(Node { body: Body::Dir(names), .. }) = self.changed.get(&dir)
            && let Some(own) = names.get(name)
        {
            return *own;
        }
        self.base.child(dir, name)
    }

    fn target(&self, ino: Ino) -> Vec<u8> {
        if is_proc(ino) {
            return self.with_machine(|view| view.text(ino));
        }
        match self.changed.get(&ino) {
            Some(Node { body: Body::Link(target), .. }) => target.clone(),
            // A link of the image lies in its index, which was checked: nothing to fail.
            _ => self.base.read(ino, 0, self.limits.path).unwrap_or_default(),
        }
    }

    /// What is known of a node; the size is that of its content.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn stat_ino(&self, ino: Ino) -> Result<Stat, Errno> {
        let attr = self.attr(ino)?;
        let size = match self.changed.get(&ino).map(|node| &node.body) {
            Some(Body::File(bytes) | Body::Link(bytes)) => bytes.len() as u64,
            Some(Body::Dir(_)) => self.base.size(ino).max(4096),
            None if is_proc(ino) => self.with_machine(|view| view.size(ino)),
            Some(Body::Base) | None => self.base.size(ino),
        };
        let plain = !self.changed.contains_key(&ino) && ino != Base::ROOT && !is_proc(ino);
        let nlink = if attr.kind == Kind::Dir && plain {
            self.base.dir_links(ino)
        } else if attr.kind == Kind::Dir {
            2 + self
                .names(ino)
                .iter()
                .filter(|(_, ino)| self.attr(*ino).is_ok_and(|a| a.kind == Kind::Dir))
                .count() as u32
        } else {
            attr.nlink
        };
        Ok(Stat {
            ino,
            kind: attr.kind,
            mode: attr.mode,
            uid: attr.uid,
            gid: attr.gid,
            size,
            nlink,
            mtime: attr.mtime,
            atime: attr.atime.unwrap_or(attr.mtime),
        })
    }

    /// What is known of a path, links followed.
    ///
    /// # Errors
    /// As [`Vfs::lookup`].
    pub fn stat(&self, who: &Cred, path: &[u8]) -> Result<Stat, Errno> {
        self.stat_ino(self.lookup(who, path, true)?)
    }

    /// What is known of a path, a last link not followed.
    ///
    /// # Errors
    /// As [`Vfs::lookup`].
    pub fn lstat(&self, who: &Cred, path: &[u8]) -> Result<Stat, Errno> {
        self.stat_ino(self.lookup(who, path, false)?)
    }

    /// Whether `who` may do all of `want` (4 read, 2 write, 1 execute or search).
    ///
    /// # Errors
    /// As [`Vfs::lookup`], and `EACCES`.
    pub fn access(&self, who: &Cred, path: &[u8], want: u8) -> Result<(), Errno> {
        let ino = self.lookup(who, path, true)?;
        if self.attr(ino)?.allows(who, want) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// Where a link points.
    ///
    /// # Errors
    /// `EINVAL` where it is no link; as [`Vfs::lookup`].
    pub fn readlink(&self, who: &Cred, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let ino = self.lookup(who, path, false)?;
        if self.attr(ino)?.kind == Kind::Link { Ok(self.target(ino)) } else { Err(Errno::EINVAL) }
    }

    /// At most `len` bytes from `offset` of a file.
    ///
    /// # Errors
    /// `EISDIR`, `EACCES`; `EIO` where the image is damaged; as [`Vfs::lookup`].
    pub fn read(&self, who: &Cred, path: &[u8], offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let ino = self.lookup(who, path, true)?;
        let attr = self.attr(ino)?;
        if attr.kind == Kind::Dir {
            return Err(Errno::EISDIR);
        }
        if !attr.allows(who, 4) {
            return Err(Errno::EACCES);
        }
        self.content(ino, offset, len)
    }

    fn content(&self, ino: Ino, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        if is_proc(ino) {
            let text = self.with_machine(|view| view.text(ino));
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
            return Ok(text.get(from..from.saturating_add(len).min(text.len())).unwrap_or(&[]).to_vec());
        }
        match self.changed.get(&ino).map(|node| &node.body) {
            Some(Body::File(bytes) | Body::Link(bytes)) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let to = from.saturating_add(len).min(bytes.len());
                Ok(bytes.get(from..to).unwrap_or(&[]).to_vec())
            }
            Some(Body::Dir(_)) => Ok(Vec::new()),
            Some(Body::Base) | None => self.base.read(ino, offset, len),
        }
    }

    /// The names of a directory in byte order, without `.` and `..`.
    ///
    /// # Errors
    /// `ENOTDIR`, `EACCES`; as [`Vfs::lookup`].
    pub fn readdir(&self, who: &Cred, path: &[u8]) -> Result<Vec<(Vec<u8>, Ino)>, Errno> {
        let ino = self.lookup(who, path, true)?;
        let attr = self.attr(ino)?;
        if attr.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        if !attr.allows(who, 4) {
            return Err(Errno::EACCES);
        }
        Ok(self.names(ino))
    }

    fn names(&self, ino: Ino) -> Vec<(Vec<u8>, Ino)> {
        if is_proc(ino) {
            let mut all = self.with_machine(|view| view.names(ino));
            all.sort();
            return all;
        }
        let none = BTreeMap::new();
        let own = match self.changed.get(&ino) {
            Some(Node { body: Body::Dir(names), .. }) => names,
            _ => &none,
        };
        let mounted = |name: &[u8]| {
            if ino == Base::ROOT { self.base.host.tree.mounted(name) } else { None }
        };
        let base = self.base.children(ino).into_iter();
        let base = base.filter(|(name, _)| !own.contains_key(*name) && mounted(name).is_none());
        let mounts = [&b"proc"[..], b"sys"].into_iter().filter_map(|name| Some((name, mounted(name)?)));
        let own = own.iter().filter_map(|(name, ino)| Some((name.as_slice(), (*ino)?)));
        let mut all: Vec<(Vec<u8>, Ino)> =
            base.chain(mounts).chain(own).map(|(name, ino)| (name.to_vec(), ino)).collect();
        // Sorted already but where something was added.
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests;
