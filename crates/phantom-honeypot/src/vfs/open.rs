//! Open files: reached by inode number, as by a descriptor, whatever becomes of their names.

use std::collections::HashMap;

use super::{Cred, Errno, Ino, Kind, SetAttr, Vfs};

/// What open(2) is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenFlags {
    /// To be read (`O_RDONLY`, `O_RDWR`).
    pub read: bool,
    /// To be written (`O_WRONLY`, `O_RDWR`).
    pub write: bool,
    /// Made where it is not there (`O_CREAT`).
    pub create: bool,
    /// Emptied (`O_TRUNC`).
    pub truncate: bool,
    /// With `create`: it must not be there (`O_EXCL`).
    pub exclusive: bool,
}

/// How often each inode is open: a file without a name lives until the last of them is released.
pub(super) type Held = HashMap<Ino, u32>;

impl Vfs {
    /// Opens a file or directory as open(2): `mode` is that of a new file, without what the umask takes away.
    /// It stays until [`Vfs::release`], also when its name is removed.
    ///
    /// # Errors
    /// `EEXIST` where it must be new, `EISDIR`, `EACCES`, `EROFS`, `ENOSPC`; as [`Vfs::lookup`].
    pub fn open(&mut self, who: &Cred, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Ino, Errno> {
        let new = flags.create && flags.exclusive;
        if flags.create && path.ends_with(b"/") {
            let parent = self.stat(who, super::split(path).0)?;
            self.access(who, super::split(path).0, 1)?;
            return Err(if parent.kind == Kind::Dir { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        let ino = match self.lookup(who, path, !new) {
            Ok(_) if new => return Err(Errno::EEXIST),
            Ok(ino) => {
                self.may_open(who, ino, flags)?;
                ino
            }
            Err(Errno::ENOENT) if flags.create => {
                // Links that lead to nothing are gone through to where the last of them points.
                let mut at = path.to_vec();
                for _ in 0..40 {
                    let Ok(target) = self.readlink(who, &at) else { break };
                    at = super::join(super::split(&at).0, &target);
                }
                self.create(who, &at, mode, false)?
            }
            Err(error) => return Err(error),
        };
        if flags.truncate && self.attr(ino)?.kind == Kind::File {
            self.resize(ino, 0)?;
        }
        *self.held.entry(ino).or_default() += 1;
        Ok(ino)
    }

    fn may_open(&self, who: &Cred, ino: Ino, flags: OpenFlags) -> Result<(), Errno> {
        let attr = self.attr(ino)?;
        let writes = flags.write || flags.truncate;
        match attr.kind {
            Kind::Dir if writes || flags.create => Err(Errno::EISDIR),
            _ if (flags.read || !flags.write) && !attr.allows(who, 4) => Err(Errno::EACCES),
            _ if writes && !attr.allows(who, 2) => Err(Errno::EACCES),
            _ => Ok(()),
        }
    }

    /// Gives back what [`Vfs::open`] gave.
    pub fn release(&mut self, ino: Ino) {
        let Some(count) = self.held.get_mut(&ino) else { return };
        *count = count.saturating_sub(1);
        if *count > 0 {
            return;
        }
        self.held.remove(&ino);
        if self.changed.get(&ino).is_some_and(|node| node.attr.nlink == 0) {
            self.bury(ino);
        }
    }

    /// Gives back everything: nobody is there any more who could.
    pub(super) fn release_all(&mut self) {
        let held: Vec<Ino> = std::mem::take(&mut self.held).into_keys().collect();
        for ino in held {
            if self.changed.get(&ino).is_some_and(|node| node.attr.nlink == 0) {
                self.bury(ino);
            }
        }
    }

    /// At most `len` bytes from `offset` of an open file.
    ///
    /// # Errors
    /// `EISDIR`; `EIO` where the image is damaged.
    pub fn read_open(&self, ino: Ino, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        match self.attr(ino)?.kind {
            Kind::Dir => Err(Errno::EISDIR),
            _ => self.content(ino, offset, len),
        }
    }

    /// Cuts or grows an open file.
    ///
    /// # Errors
    /// `EINVAL` where it is no file; `ENOSPC`.
    pub fn resize(&mut self, ino: Ino, size: u64) -> Result<(), Errno> {
        if self.attr(ino)?.kind != Kind::File {
            return Err(Errno::EINVAL);
        }
        let path = self.path_of(ino);
        self.truncate_ino(ino, &path, usize::try_from(size).map_err(|_| Errno::ENOSPC)?)
    }

    /// [`Vfs::set_attr`] of an inode.
    ///
    /// # Errors
    /// `EPERM` where `who` is neither the owner nor root; `EROFS`, `ENOSPC`.
    pub fn set_attr_open(&mut self, who: &Cred, ino: Ino, set: SetAttr) -> Result<(), Errno> {
        let path = self.path_of(ino);
        self.set_attr_ino(who, ino, &path, set)
    }

    /// The names of an open directory, `.` and `..` among them, in the order in which `key` puts them, from
    /// behind `after` on: at most `most`. ext4 gives names in the order of a hash that differs between
    /// file systems, the dots among the others as long as the directory fits a block.
    pub fn entries(
        &self,
        ino: Ino,
        key: impl Fn(&[u8]) -> u64,
        after: Option<&(u64, Vec<u8>)>,
        most: usize,
    ) -> Vec<(u64, Vec<u8>)> {
        let dots = [b".".to_vec(), b"..".to_vec()];
        let names = self.names(ino).into_iter().map(|(name, _)| name);
        let mut all: Vec<(u64, Vec<u8>)> = dots.into_iter().chain(names).map(|n| (key(&n), n)).collect();
        all.retain(|entry| after.is_none_or(|after| entry > after));
        all.sort_unstable();
        all.truncate(most);
        all
    }

    fn path_of(&self, ino: Ino) -> Vec<u8> {
        self.changed.get(&ino).map_or_else(|| self.base.path(ino), |node| node.path.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use phantom_core::from_micros;

    use super::*;
    use crate::vfs::{Base, Limits};
    use crate::{Persona, vfs};

    const NOW: i64 = 1_763_900_000_000_000;

    fn vfs() -> Vfs {
        let persona = Arc::new(Persona::generate([7; 32], from_micros(NOW)));
        Vfs::new(Base::debian(persona), Limits::default(), from_micros(NOW))
    }

    const NEW: OpenFlags =
        OpenFlags { read: true, write: true, create: true, truncate: false, exclusive: true };

    #[test]
    fn a_file_without_a_name_lives_until_it_is_released() {
        let (mut vfs, root) = (vfs(), Cred::root());
        let ino = vfs.open(&root, b"/tmp/a", NEW, 0o600).unwrap();
        assert_eq!(vfs.open(&root, b"/tmp/a", NEW, 0o600), Err(Errno::EEXIST));
        vfs.unlink(&root, b"/tmp/a").unwrap();
        vfs.write(ino, Some(2), b"xy").unwrap();
        assert_eq!(vfs.read_open(ino, 0, 9).unwrap(), b"\0\0xy");
        assert_eq!(vfs.stat_ino(ino).unwrap().nlink, 0);
        assert!(vfs.take_written(ino).unwrap().removed);
        vfs.release(ino);
        assert_eq!(vfs.read_open(ino, 0, 9), Err(Errno::ENOENT));
        let kept = vfs.take_dropped();
        assert!(
            vfs.take_dropped().is_empty() && vfs.held().0 <= 2,
            "each once, and no more than its name is held"
        );
        assert_eq!((kept[0].content.as_slice(), kept[0].removed), (&b"\0\0xy"[..], true));
    }

    #[test]
    fn opening_keeps_to_what_open_allows() {
        let (mut vfs, root) = (vfs(), Cred::root());
        let other = Cred { uid: 1000, gid: 1000, groups: Vec::new() };
        let write = OpenFlags { write: true, ..OpenFlags::default() };
        assert_eq!(vfs.open(&root, b"/tmp", write, 0), Err(Errno::EISDIR));
        assert_eq!(vfs.open(&root, b"/tmp/new/", NEW, 0o600), Err(Errno::EISDIR));
        assert_eq!(vfs.open(&other, b"/etc/shadow", OpenFlags::default(), 0), Err(Errno::EACCES));
        assert_eq!(vfs.open(&other, b"/etc/passwd", write, 0), Err(Errno::EACCES));
        assert!(vfs.open(&other, b"/etc/passwd", OpenFlags::default(), 0).is_ok());
        let dir = vfs.open(&root, b"/tmp", OpenFlags::default(), 0).unwrap();
        assert_eq!(vfs.read_open(dir, 0, 1), Err(Errno::EISDIR));
        assert_eq!(vfs.resize(dir, 0), Err(Errno::EINVAL));
    }

    #[test]
    fn entries_go_on_where_they_ended() {
        let vfs = vfs();
        let etc = vfs.lookup(&Cred::root(), b"/etc", true).unwrap();
        let key = |name: &[u8]| name.iter().rev().fold(7u64, |sum, b| sum.wrapping_mul(31) ^ u64::from(*b));
        let all = vfs.entries(etc, key, None, usize::MAX);
        assert_eq!(all.len(), vfs.readdir(&Cred::root(), b"/etc").unwrap().len() + 2);
        let first = vfs.entries(etc, key, None, 3);
        let rest = vfs.entries(etc, key, first.last(), usize::MAX);
        assert_eq!([first, rest].concat(), all);
        assert_eq!(vfs::split(b"/a/b/").1, b"b");
    }
}
