//! Doubly linked lists through the entries of a table: a deadline moves in constant time, and nothing is scanned.

use super::entry::Entry;

/// No entry.
const NONE: u32 = u32::MAX;

/// An entry's neighbours in one list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    before: u32,
    after: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { before: NONE, after: NONE }
    }
}

/// Which of an entry's links a list runs through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thread {
    /// By class; an entry is in exactly one such list.
    Class,
    /// Entries with activity to tell.
    Pending,
}

#[derive(Debug)]
pub(super) struct List {
    thread: Thread,
    front: u32,
    back: u32,
}

impl List {
    pub(super) fn new(thread: Thread) -> Self {
        Self { thread, front: NONE, back: NONE }
    }

    #[inline]
    pub(super) fn front(&self) -> Option<u32> {
        (self.front != NONE).then_some(self.front)
    }

    #[inline]
    pub(super) fn is_back(&self, slot: u32) -> bool {
        self.back == slot
    }

    pub(super) fn push_back(&mut self, entries: &mut [Entry], slot: u32) {
        let back = std::mem::replace(&mut self.back, slot);
        if let Some(link) = self.link(entries, slot) {
            *link = Link { before: back, after: NONE };
        }
        match self.link(entries, back) {
            Some(link) => link.after = slot,
            None => self.front = slot,
        }
    }

    pub(super) fn remove(&mut self, entries: &mut [Entry], slot: u32) {
        let Some(Link { before, after }) = self.link(entries, slot).map(std::mem::take) else {
            return;
        };
        match self.link(entries, before) {
            Some(link) => link.after = after,
            None => self.front = after,
        }
        match self.link(entries, after) {
            Some(link) => link.before = before,
            None => self.back = before,
        }
    }

    #[inline]
    fn link<'a>(&self, entries: &'a mut [Entry], slot: u32) -> Option<&'a mut Link> {
        let entry = entries.get_mut(slot as usize)?;
        Some(match self.thread {
            Thread::Class => &mut entry.by_class,
            Thread::Pending => &mut entry.by_pending,
        })
    }
}
