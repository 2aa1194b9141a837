//! Handles, numbered as OpenSSH's server numbers them: the one closed last is given out first.

use sha2::{Digest, Sha256};

use crate::vfs::Ino;

/// Descriptors that `LimitNOFILE`'s soft 1024 leaves beside standard input, output and error.
pub(super) const MAX: usize = 1021;

/// An open file or directory.
pub(super) struct Handle {
    pub(super) ino: Ino,
    /// As the peer gave it.
    pub(super) name: Vec<u8>,
    pub(super) what: What,
}

pub(super) enum What {
    File(File),
    /// The place reached in it.
    Dir(Option<(u64, Vec<u8>)>),
}

/// A file's ways in and out.
#[derive(Default)]
pub(super) struct File {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
    /// Whether this handle made or changed the file.
    pub(super) touched: bool,
    /// Whether it was told that the disk is full.
    pub(super) full: bool,
    /// What was sent, as long as it came in order from the start.
    pub(super) sent: Sent,
}

/// What left by one handle.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: u64,
    next: u64,
    hash: Option<Sha256>,
    broken: bool,
}

impl Sent {
    pub(super) fn add(&mut self, offset: u64, bytes: &[u8]) {
        self.broken |= offset != self.next;
        self.bytes += bytes.len() as u64;
        self.next = self.next.saturating_add(bytes.len() as u64);
        if self.broken {
            self.hash = None;
        } else {
            self.hash.get_or_insert_default().update(bytes);
        }
    }

    /// SHA-256 of the bytes sent, where they are one piece from the start of the file.
    pub(super) fn sha256(&mut self) -> Option<[u8; 32]> {
        self.hash.take().map(|hash| hash.finalize().into())
    }
}

/// All handles of a visit.
#[derive(Default)]
pub(super) struct Handles {
    slots: Vec<Option<Handle>>,
    free: Vec<u32>,
}

impl Handles {
    /// Whether no further one can be had.
    pub(super) fn full(&self) -> bool {
        self.slots.len().saturating_sub(self.free.len()) >= MAX
    }

    pub(super) fn add(&mut self, handle: Handle) -> u32 {
        match self.free.pop() {
            Some(number) => {
                if let Some(slot) = self.slot(number) {
                    *slot = Some(handle);
                }
                number
            }
            None => {
                self.slots.push(Some(handle));
                u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
            }
        }
    }

    fn slot(&mut self, number: u32) -> Option<&mut Option<Handle>> {
        self.slots.get_mut(usize::try_from(number).ok()?)
    }

    pub(super) fn get(&mut self, number: Option<u32>) -> Option<&mut Handle> {
        self.slot(number?)?.as_mut()
    }

    pub(super) fn file(&mut self, number: Option<u32>) -> Option<(Ino, &mut File)> {
        match self.get(number)? {
            Handle { ino, what: What::File(file), .. } => Some((*ino, file)),
            _ => None,
        }
    }

    pub(super) fn close(&mut self, number: Option<u32>) -> Option<Handle> {
        let number = number?;
        let handle = self.slot(number)?.take()?;
        self.free.push(number);
        Some(handle)
    }

    /// Every handle that is still open.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Handle> + use<> {
        self.free.clear();
        std::mem::take(&mut self.slots).into_iter().flatten()
    }
}
