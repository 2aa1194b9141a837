//! What a node is, who may touch it, and what can go wrong.

use phantom_core::Timestamp;

/// What kind of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link.
    Link,
    /// Character device: takes every write and reads as empty (`/dev/zero`: zeros).
    Device,
}

/// What stat(2) tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Inode number.
    pub ino: u64,
    /// What kind of node.
    pub kind: Kind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Names.
    pub nlink: u32,
    /// Time of last change.
    pub mtime: Timestamp,
    /// Time of last access.
    pub atime: Timestamp,
}

impl Stat {
    /// `drwxr-xr-x`, as ls prints it.
    pub fn mode_string(&self) -> String {
        let mut out = String::from(match self.kind {
            Kind::File => "-",
            Kind::Dir => "d",
            Kind::Link => "l",
            Kind::Device => "c",
        });
        for (shift, special, lower, upper) in
            [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
        {
            let bits = self.mode >> shift;
            out.push(if bits & 4 != 0 { 'r' } else { '-' });
            out.push(if bits & 2 != 0 { 'w' } else { '-' });
            out.push(match (bits & 1 != 0, self.mode & special != 0) {
                (true, true) => lower,
                (false, true) => upper,
                (true, false) => 'x',
                (false, false) => '-',
            });
        }
        out
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cred {
    /// User number; 0 may do anything.
    pub uid: u32,
    /// Group number of new files.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

impl Cred {
    /// The superuser.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether a member of the group.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attr {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    /// `None`: as `mtime`.
    pub(super) atime: Option<Timestamp>,
    pub(super) nlink: u32,
}

impl Attr {
    /// Whether all of `want` (4 read, 2 write, 1 execute) is allowed. Root executes only what somebody may.
    pub(super) fn allows(&self, who: &Cred, want: u8) -> bool {
        if who.uid == 0 {
            return want & 1 == 0 || self.kind == Kind::Dir || self.mode & 0o111 != 0;
        }
        let shift = if who.uid == self.uid {
            6
        } else if who.in_group(self.gid) {
            3
        } else {
            0
        };
        (self.mode >> shift) & u32::from(want) == u32::from(want)
    }
}

/// Caps of one session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of content, link targets and names.
    pub bytes: usize,
    /// Nodes made or changed.
    pub nodes: usize,
    /// Longest name, in bytes (Linux: NAME_MAX).
    pub name: usize,
    /// Longest path, in bytes (Linux: PATH_MAX less its NUL).
    pub path: usize,
    /// Directories below each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 32 * 1024 * 1024, nodes: 4096, name: 255, path: 4095, depth: 128 }
    }
}

pub(super) fn normal(part: &[u8]) -> bool {
    !part.is_empty() && part != b"."
}

/// Why a call failed, named and worded as on Linux (errno(3), glibc's strerror).
#[allow(missing_docs, clippy::upper_case_acronyms)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Errno {
    #[error("Operation not permitted")]
    EPERM,
    #[error("No such file or directory")]
    ENOENT,
    #[error("Permission denied")]
    EACCES,
    #[error("File exists")]
    EEXIST,
    #[error("Not a directory")]
    ENOTDIR,
    #[error("Is a directory")]
    EISDIR,
    #[error("Invalid argument")]
    EINVAL,
    #[error("No space left on device")]
    ENOSPC,
    #[error("Read-only file system")]
    EROFS,
    #[error("File name too long")]
    ENAMETOOLONG,
    #[error("Directory not empty")]
    ENOTEMPTY,
    #[error("Too many levels of symbolic links")]
    ELOOP,
    #[error("Input/output error")]
    EIO,
    #[error("Bad file descriptor")]
    EBADF,
    #[error("Device or resource busy")]
    EBUSY,
    #[error("File too large")]
    EFBIG,
    #[error("Too many open files")]
    EMFILE,
    #[error("Operation not supported")]
    EOPNOTSUPP,
}
