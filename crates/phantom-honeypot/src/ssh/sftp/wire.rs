//! Numbers, strings and attributes of SFTP messages (draft-ietf-secsh-filexfer-02, sections 3 and 5).

use phantom_core::{Timestamp, from_micros, micros};

use crate::vfs::{Kind, Stat};

/// Message types.
pub(super) mod fxp {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const VERSION: u8 = 2;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const LSTAT: u8 = 7;
    pub(in super::super) const FSTAT: u8 = 8;
    pub(in super::super) const SETSTAT: u8 = 9;
    pub(in super::super) const FSETSTAT: u8 = 10;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const MKDIR: u8 = 14;
    pub(in super::super) const RMDIR: u8 = 15;
    pub(in super::super) const REALPATH: u8 = 16;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const READLINK: u8 = 19;
    pub(in super::super) const SYMLINK: u8 = 20;
    pub(in super::super) const STATUS: u8 = 101;
    pub(in super::super) const HANDLE: u8 = 102;
    pub(in super::super) const DATA: u8 = 103;
    pub(in super::super) const NAME: u8 = 104;
    pub(in super::super) const ATTRS: u8 = 105;
    pub(in super::super) const EXTENDED: u8 = 200;
    pub(in super::super) const EXTENDED_REPLY: u8 = 201;
}

/// The message cannot be read, or asks for what comes later: OpenSSH's server ends with status 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fatal;

/// What is left of a message.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Fatal> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Fatal)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fatal> {
        self.take(1)?.first().copied().ok_or(Fatal)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fatal> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Fatal)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fatal> {
        self.take(8)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(Fatal)
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Fatal> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| Fatal)?)
    }

    /// A string for C: a NUL may stand at its end alone.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Fatal> {
        let bytes = self.string()?;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if bytes.contains(&0) { Err(Fatal) } else { Ok(bytes) }
    }

    pub(super) fn attrs(&mut self) -> Result<Attrs, Fatal> {
        let flags = self.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let attrs = Attrs {
            size: if has(SIZE) { Some(self.u64()?) } else { None },
            owner: if has(OWNER) { Some((self.u32()?, self.u32()?)) } else { None },
            mode: if has(MODE) { Some(self.u32()?) } else { None },
            times: if has(TIMES) { Some((self.u32()?, self.u32()?)) } else { None },
        };
        if has(EXTENDED) {
            for _ in 0..self.u32()? {
                self.text()?;
                self.string()?;
            }
        }
        Ok(attrs)
    }
}

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;

/// Attributes of a file, as far as they are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attrs {
    pub(super) size: Option<u64>,
    /// User and group.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<u32>,
    /// Of access and of change, in seconds.
    pub(super) times: Option<(u32, u32)>,
}

impl From<&Stat> for Attrs {
    fn from(stat: &Stat) -> Self {
        let kind = match stat.kind {
            Kind::File => 0o100_000,
            Kind::Dir => 0o040_000,
            Kind::Link => 0o120_000,
            Kind::Device => 0o020_000,
        };
        Self {
            size: Some(stat.size),
            owner: Some((stat.uid, stat.gid)),
            mode: Some(kind | stat.mode),
            times: Some((seconds(stat.atime), seconds(stat.mtime))),
        }
    }
}

/// The wire's times are the low 32 bits of the kernel's.
fn seconds(at: Timestamp) -> u32 {
    micros(at).div_euclid(1_000_000) as u32
}

/// The instant of a time on the wire.
pub(super) fn instant(seconds: u32) -> Timestamp {
    from_micros(i64::from(seconds) * 1_000_000)
}

/// A message being written, its length left to [`Message::done`].
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new(kind: u8, id: u32) -> Self {
        let mut message = Self(vec![0, 0, 0, 0, kind]);
        message.u32(id);
        message
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn string(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn attrs(&mut self, attrs: &Attrs) {
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        self.u32(
            flag(attrs.size.is_some(), SIZE)
                | flag(attrs.owner.is_some(), OWNER)
                | flag(attrs.mode.is_some(), MODE)
                | flag(attrs.times.is_some(), TIMES),
        );
        if let Some(size) = attrs.size {
            self.u64(size);
        }
        if let Some((user, group)) = attrs.owner {
            self.u32(user);
            self.u32(group);
        }
        if let Some(mode) = attrs.mode {
            self.u32(mode);
        }
        if let Some((access, change)) = attrs.times {
            self.u32(access);
            self.u32(change);
        }
    }

    pub(super) fn done(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(head) = self.0.first_chunk_mut() {
            *head = length.to_be_bytes();
        }
        self.0
    }
}
