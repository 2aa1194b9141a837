//! One record of the index.

/// Bytes of a record.
pub(crate) const RECORD: usize = 48;

/// What kind of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link.
    Link,
    /// A further name of a file that has its own node.
    Hard,
}

impl Kind {
    const ALL: [Self; 4] = [Self::File, Self::Dir, Self::Link, Self::Hard];
}

/// One node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; 0: whenever the machine was installed.
    pub mtime: u32,
    /// Names a file has; names of directories, `.` and `..` included, that a directory has.
    pub nlink: u32,
    /// Bytes of content or target; of a directory, how many names are in it.
    pub size: u64,
    /// Number of the directory it is in; that of `/` is its own.
    pub parent: u32,
    /// Its last name; that of `/` is empty.
    pub name: &'a [u8],
    /// File: where in the contents. Directory: its first child. Link: where in the strings. Hard: whose name.
    pub(crate) place: u64,
}

/// A record before its name was looked up.
pub(crate) struct Raw {
    pub(crate) kind: Kind,
    pub(crate) nlink: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u32,
    pub(crate) parent: u32,
    pub(crate) name: (u32, u32),
    pub(crate) size: u64,
    pub(crate) place: u64,
}

impl Raw {
    /// Kind and link count (u16 each), mode and length of the name (u16 each), owner, group, time, parent, place
    /// of the name (u32 each), four zeros, size and place (u64 each).
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let kind = Kind::ALL.iter().position(|kind| *kind == self.kind).unwrap_or(0);
        for short in [kind as u32, self.nlink, self.mode, self.name.1] {
            out.extend_from_slice(&u16::try_from(short).unwrap_or(u16::MAX).to_le_bytes());
        }
        for word in [self.uid, self.gid, self.mtime, self.parent, self.name.0, 0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.place.to_le_bytes());
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let short = |at: usize| Some(u32::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
        Some(Self {
            kind: *Kind::ALL.get(short(0)? as usize)?,
            nlink: short(2)?,
            mode: short(4)?,
            uid: u32_at(bytes, 8)?,
            gid: u32_at(bytes, 12)?,
            mtime: u32_at(bytes, 16)?,
            parent: u32_at(bytes, 20)?,
            name: (u32_at(bytes, 24)?, short(6)?),
            size: u64_at(bytes, 32)?,
            place: u64_at(bytes, 40)?,
        })
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
