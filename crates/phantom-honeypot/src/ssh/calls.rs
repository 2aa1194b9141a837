//! System calls of a process of the visitor's: paths as the kernel takes them, over a session's file system.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use phantom_core::Timestamp;

use crate::shell::SharedVfs;
use crate::vfs::{Cred, Errno, Ino, Kind, OpenFlags, SetAttr, Stat, Vfs};

/// Longest path with its NUL (`PATH_MAX`).
pub(super) const PATH_MAX: usize = 4096;

/// Largest file that ext4 with blocks of 4096 bytes holds; no offset lies beyond it.
const MAX_FILE: u64 = 0xfff_ffff_f000;

/// Looks at names that one [`Calls::realpath`] may take: links within long paths multiply.
const MAX_LOOKS: u32 = 4096;

/// A process: who it is, where it is, and what it takes from the modes of new files.
#[derive(Clone)]
pub struct Calls {
    /// The machine's files.
    pub vfs: SharedVfs,
    /// Who calls.
    pub who: Cred,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// Mode bits that new files do not get.
    pub umask: u32,
    /// Sets the order of names in directories; the same in all visits of an installation.
    pub order: u64,
}

/// How a path ends.
struct Last {
    whole: Vec<u8>,
    slash: bool,
    special: Option<Special>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Root,
    Dot,
    DotDot,
}

impl Calls {
    /// The file system, at `now`.
    pub(super) fn lock(&self) -> MutexGuard<'_, Vfs> {
        self.vfs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the clock.
    pub(super) fn clock(&self, now: Timestamp) {
        self.lock().set_now(now);
    }

    fn at(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let path = match path.first() {
            None => return Err(Errno::ENOENT),
            _ if path.len() >= PATH_MAX => return Err(Errno::ENAMETOOLONG),
            Some(b'/') => path.to_vec(),
            _ => [&self.cwd, &b"/"[..], path].concat(),
        };
        // A dot at the end is looked for in the directory before it.
        let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
        if let Some(dir) = path.get(..end).and_then(|path| path.strip_suffix(b"/.")) {
            let (vfs, dir) = (self.lock(), if dir.is_empty() { b"/" } else { dir });
            if vfs.stat(&self.who, dir)?.kind == Kind::Dir {
                vfs.access(&self.who, dir, 1)?;
            }
        }
        Ok(path)
    }

    fn last(&self, path: &[u8]) -> Result<Last, Errno> {
        let mut whole = self.at(path)?;
        let slash = whole.ends_with(b"/");
        while whole.len() > 1 && whole.ends_with(b"/") {
            whole.pop();
        }
        let special = match whole.rsplit(|b| *b == b'/').next() {
            Some(b"") | None => Some(Special::Root),
            Some(b".") => Some(Special::Dot),
            Some(b"..") => Some(Special::DotDot),
            _ => None,
        };
        // The directory before it is looked up before anything is said of the name.
        if let Some(Special::Dot | Special::DotDot) = special {
            let parent = whole.get(..whole.iter().rposition(|b| *b == b'/').unwrap_or(0) + 1);
            let (vfs, parent) = (self.lock(), parent.unwrap_or(b"/"));
            vfs.stat(&self.who, parent)?;
            vfs.access(&self.who, parent, 1)?;
        }
        Ok(Last { whole, slash, special })
    }

    pub(super) fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let path = self.at(path)?;
        self.lock().stat(&self.who, &path)
    }

    pub(super) fn lstat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let path = self.at(path)?;
        self.lock().lstat(&self.who, &path)
    }

    pub(super) fn open(&self, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Ino, Errno> {
        let path = self.at(path)?;
        let emptied = flags.truncate && self.lock().stat(&self.who, &path).is_ok();
        let ino = self.lock().open(&self.who, &path, flags, mode & 0o7777 & !self.umask)?;
        if emptied {
            self.wrote(ino);
        }
        Ok(ino)
    }

    /// pwrite(2), or write(2) at the end where there is no offset.
    pub(super) fn write(&self, ino: Ino, offset: Option<u64>, bytes: &[u8]) -> Result<(), Errno> {
        self.lock().write(ino, offset, bytes)?;
        self.wrote(ino);
        Ok(())
    }

    /// Whoever changes a file without being root takes its set-id bits away.
    fn wrote(&self, ino: Ino) {
        let mut vfs = self.lock();
        if let Ok(stat) = vfs.stat_ino(ino)
            && self.who.uid != 0
            && stat.kind == Kind::File
        {
            let mode = plain(stat.mode);
            if mode != stat.mode {
                // It was just written to, so nothing can refuse this.
                let _ =
                    vfs.set_attr_open(&Cred::root(), ino, SetAttr { mode: Some(mode), ..SetAttr::default() });
            }
        }
    }

    /// opendir(3): a descriptor of a directory that may be read.
    pub(super) fn opendir(&self, path: &[u8]) -> Result<Ino, Errno> {
        let path = self.at(path)?;
        let mut vfs = self.lock();
        if vfs.stat(&self.who, &path)?.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        vfs.open(&self.who, &path, OpenFlags { read: true, ..OpenFlags::default() }, 0)
    }

    /// lseek(2) to `offset`.
    pub(super) fn seek(offset: u64) -> Result<u64, Errno> {
        if offset > MAX_FILE { Err(Errno::EINVAL) } else { Ok(offset) }
    }

    /// ftruncate(2).
    pub(super) fn resize(&self, ino: Ino, size: u64) -> Result<(), Errno> {
        match size {
            ..=MAX_FILE => {
                self.lock().resize(ino, size)?;
                self.wrote(ino);
                Ok(())
            }
            _ if i64::try_from(size).is_err() => Err(Errno::EINVAL),
            _ => Err(Errno::EFBIG),
        }
    }

    pub(super) fn truncate(&self, path: &[u8], size: u64) -> Result<(), Errno> {
        if i64::try_from(size).is_err() {
            return Err(Errno::EINVAL);
        }
        let stat = self.stat(path)?;
        match stat.kind {
            Kind::Dir => return Err(Errno::EISDIR),
            Kind::File => {}
            _ => return Err(Errno::EINVAL),
        }
        let path = self.at(path)?;
        self.lock().access(&self.who, &path, 2)?;
        self.resize(stat.ino, size)
    }

    /// chmod(2), chown(2) and utimes(2) in one; a last link is followed if `follow`.
    pub(super) fn set(&self, path: &[u8], set: SetAttr, follow: bool) -> Result<(), Errno> {
        let path = self.at(path)?;
        let vfs = self.lock();
        let ino = vfs.lookup(&self.who, &path, follow)?;
        if vfs.stat_ino(ino)?.kind == Kind::Link && set.mode.is_some() {
            return Err(Errno::EOPNOTSUPP);
        }
        drop(vfs);
        self.set_open(ino, set)
    }

    /// fchmod(2), fchown(2) and futimes(2) in one.
    pub(super) fn set_open(&self, ino: Ino, mut set: SetAttr) -> Result<(), Errno> {
        let mut vfs = self.lock();
        if set.uid.is_some() || set.gid.is_some() {
            let stat = vfs.stat_ino(ino)?;
            // The number -1 changes nothing; whoever changes owners takes set-id bits away.
            set.uid = set.uid.filter(|uid| *uid != u32::MAX);
            set.gid = set.gid.filter(|gid| *gid != u32::MAX);
            if stat.kind == Kind::File {
                set.mode = Some(plain(stat.mode));
            }
        }
        vfs.set_attr_open(&self.who, ino, set)
    }

    pub(super) fn unlink(&self, path: &[u8]) -> Result<(), Errno> {
        let last = self.last(path)?;
        if last.special.is_some() {
            return Err(Errno::EISDIR);
        }
        let mut vfs = self.lock();
        if last.slash && vfs.lstat(&self.who, &last.whole)?.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        vfs.unlink(&self.who, &last.whole)
    }

    pub(super) fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Errno> {
        let last = self.last(path)?;
        if last.special.is_some() {
            return Err(Errno::EEXIST);
        }
        self.lock().mkdir(&self.who, &last.whole, mode & 0o1777 & !self.umask).map(|_| ())
    }

    pub(super) fn rmdir(&self, path: &[u8]) -> Result<(), Errno> {
        let last = self.last(path)?;
        match last.special {
            Some(Special::Root) => Err(Errno::EBUSY),
            Some(Special::Dot) => Err(Errno::EINVAL),
            Some(Special::DotDot) => Err(Errno::ENOTEMPTY),
            None => self.lock().rmdir(&self.who, &last.whole),
        }
    }

    /// The place of a name that must not be there yet.
    fn vacant(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let last = self.last(path)?;
        if self.lock().stat(&self.who, crate::vfs::split(&last.whole).0)?.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        match self.lock().lstat(&self.who, &last.whole) {
            _ if last.special.is_some() => return Err(Errno::EEXIST),
            Ok(_) => return Err(Errno::EEXIST),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
        if last.slash { Err(Errno::ENOENT) } else { Ok(last.whole) }
    }

    pub(super) fn symlink(&self, target: &[u8], path: &[u8]) -> Result<(), Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let place = self.vacant(path)?;
        self.lock().symlink(&self.who, target, &place).map(|_| ())
    }

    pub(super) fn link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let old = self.at(old)?;
        self.lock().lookup(&self.who, &old, false)?;
        let new = self.vacant(new)?;
        self.lock().link(&self.who, &old, &new)
    }

    pub(super) fn rename(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let (old, new) = (self.last(old)?, self.last(new)?);
        let mut vfs = self.lock();
        for whole in [&old.whole, &new.whole] {
            let parent = crate::vfs::split(whole).0;
            if vfs.stat(&self.who, parent)?.kind != Kind::Dir {
                return Err(Errno::ENOTDIR);
            }
            vfs.access(&self.who, parent, 1)?;
        }
        if old.special.is_some() || new.special.is_some() {
            return Err(Errno::EBUSY);
        }
        let kind = vfs.lstat(&self.who, &old.whole)?.kind;
        if let Err(Errno::ENAMETOOLONG) = vfs.lstat(&self.who, &new.whole) {
            return Err(Errno::ENAMETOOLONG);
        }
        if (old.slash || new.slash) && kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        vfs.rename(&self.who, &old.whole, &new.whole)
    }

    /// link(2) to the new name and unlink(2) of the old: a rename that replaces nothing. The file keeps
    /// its newest name as evidence.
    pub(super) fn move_to(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let old = self.last(old)?;
        let new = self.vacant(new)?;
        self.lock().rename(&self.who, &old.whole, &new)
    }

    pub(super) fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let path = self.at(path)?;
        if path.ends_with(b"/") {
            self.lock().lookup(&self.who, &path, true)?;
            return Err(Errno::EINVAL);
        }
        self.lock().readlink(&self.who, &path)
    }

    /// The next names of an open directory with what `lstat` tells of them below `path`.
    pub(super) fn readdir(
        &self,
        ino: Ino,
        path: &[u8],
        after: &mut Option<(u64, Vec<u8>)>,
        most: usize,
    ) -> Vec<(Vec<u8>, Stat)> {
        let mut found = Vec::new();
        while found.len() < most {
            let key = |name: &[u8]| self.key(name);
            let names = self.lock().entries(ino, key, after.as_ref(), most - found.len());
            let Some(last) = names.last() else {
                // Who reached the end stays there, whatever comes into the directory.
                *after = Some((u64::MAX, vec![u8::MAX; 256]));
                break;
            };
            *after = Some(last.clone());
            for (_, name) in names {
                let slash: &[u8] = if path == b"/" { b"" } else { b"/" };
                if let Ok(stat) = self.lstat(&[path, slash, &name].concat()) {
                    found.push((name, stat));
                }
            }
        }
        found
    }

    /// Where a name stands in its directory.
    fn key(&self, name: &[u8]) -> u64 {
        let mut sum = self.order ^ 0xcbf2_9ce4_8422_2325;
        for byte in name {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            sum ^= sum >> 29;
        }
        (sum ^ (sum >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// OpenSSH's `sftp_realpath`: all links, `.` and `..` removed; the last name need not exist.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ENAMETOOLONG`, `ELOOP` after 33 links.
    pub(super) fn realpath(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut done = match path.first() {
            None => return Err(Errno::ENOENT),
            Some(b'/') => b"/".to_vec(),
            _ => self.cwd.clone(),
        };
        let mut left = path.strip_prefix(b"/").unwrap_or(path).to_vec();
        let (mut links, mut looks) = (0, 0);
        if left.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        while !left.is_empty() {
            let cut = left.iter().position(|b| *b == b'/');
            let token: Vec<u8> = left.drain(..cut.unwrap_or(left.len())).collect();
            if cut.is_some() {
                left.drain(..1);
            }
            if !done.ends_with(b"/") {
                done.push(b'/');
            }
            match token.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    pop(&mut done);
                    continue;
                }
                _ => done.extend_from_slice(&token),
            }
            looks += 1;
            if done.len() >= PATH_MAX || looks > MAX_LOOKS {
                return Err(Errno::ENAMETOOLONG);
            }
            let stat = match self.lstat(&done) {
                Err(Errno::ENOENT) if cut.is_none() => return Ok(done),
                other => other?,
            };
            if stat.kind != Kind::Link {
                continue;
            }
            links += 1;
            if links > 33 {
                return Err(Errno::ELOOP);
            }
            let mut target = self.readlink(&done)?;
            if target.starts_with(b"/") {
                done.truncate(1);
            } else {
                done.push(b'/');
                pop(&mut done);
            }
            if cut.is_some() {
                if !target.ends_with(b"/") {
                    target.push(b'/');
                }
                target.extend_from_slice(&left);
            }
            if target.len() >= PATH_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            left = target;
        }
        if done.len() > 1 && done.ends_with(b"/") {
            done.pop();
        }
        Ok(done)
    }

    /// The names of /etc/passwd or /etc/group by number; names of more than 32 bytes are none.
    pub(super) fn names(&self, file: &[u8]) -> BTreeMap<u32, Vec<u8>> {
        let text = self.lock().read(&Cred::root(), file, 0, 1 << 20).unwrap_or_default();
        let mut names = BTreeMap::new();
        for line in text.split(|b| *b == b'\n') {
            let mut fields = line.split(|b| *b == b':');
            let (name, number) = (fields.next().unwrap_or(&[]), fields.nth(1).unwrap_or(&[]));
            if let Ok(number) = String::from_utf8_lossy(number).parse()
                && name.len() <= 32
            {
                names.entry(number).or_insert_with(|| name.to_vec());
            }
        }
        names
    }

    /// A field of the line of /etc/passwd or /etc/group whose field `by` is `value`.
    pub(super) fn account(&self, file: &[u8], by: usize, value: &[u8], field: usize) -> Option<Vec<u8>> {
        let text = self.lock().read(&Cred::root(), file, 0, 1 << 20).ok()?;
        let line =
            text.split(|b| *b == b'\n').find(|line| line.split(|b| *b == b':').nth(by) == Some(value))?;
        Some(line.split(|b| *b == b':').nth(field)?.to_vec())
    }
}

/// A mode without set-id bits; that of the group stays where the group may not execute (mandatory locking).
fn plain(mode: u32) -> u32 {
    mode & !(0o4000 | if mode & 0o10 != 0 { 0o2000 } else { 0 })
}

/// Takes the last name off a path that ends with a slash, which it keeps.
fn pop(path: &mut Vec<u8>) {
    if path.len() > 1 {
        path.pop();
        let end = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        path.truncate(end);
    }
}
