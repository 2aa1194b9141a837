//! Whose file system it is: the visits of one source share one, and it is remembered for the next.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LockResult, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use phantom_core::{BoundedMap, Timestamp, micros};

use super::Vfs;

/// Sources remembered at once; the one untouched for longest goes.
const SOURCES: usize = 16_384;
/// What a source costs beside its own bytes and nodes, measured: maps, locks and counts.
const SOURCE_BYTES: usize = 1_024;
/// What a changed node costs beside its bytes: its record, its path, its place in two maps.
const NODE_BYTES: usize = 256;

/// How long and how much of what sources left is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remember {
    /// After the end of its last visit a source finds what it left for so long; zero: never.
    pub span: Duration,
    /// Bytes of all sources together that no visit holds; the source untouched for longest goes first.
    pub bytes: usize,
}

impl Default for Remember {
    fn default() -> Self {
        Self { span: Duration::from_secs(24 * 3600), bytes: 64 << 20 }
    }
}

/// The file systems of all sources.
#[derive(Debug)]
pub struct Memory {
    keep: Remember,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    sources: BoundedMap<IpAddr, Left>,
    bytes: usize,
    visits: u64,
}

#[derive(Debug)]
struct Left {
    fs: Arc<Mutex<Vfs>>,
    /// Visits that are under way.
    open: BTreeSet<u64>,
    /// Its share of the bytes; none while a visit is under way.
    bytes: usize,
    /// When the latest visit began, or what was last known of time.
    seen: Timestamp,
}

/// The file system of one visit, shared by all its channels and with the other visits of its source. What is
/// written through it is evidence of this visit.
#[derive(Debug, Clone)]
pub struct SharedVfs(Arc<Visit>);

#[derive(Debug)]
struct Visit {
    fs: Arc<Mutex<Vfs>>,
    number: u64,
    home: Option<(Arc<Memory>, IpAddr)>,
}

impl Memory {
    /// Nothing remembered yet.
    pub fn new(keep: Remember) -> Arc<Self> {
        let held = Held { sources: BoundedMap::new(SOURCES), bytes: 0, visits: 0 };
        Arc::new(Self { keep, held: Mutex::new(held) })
    }

    /// The file system of a source: what it left, if that is still known, else a fresh one.
    pub fn enter(self: &Arc<Self>, source: IpAddr, now: Timestamp, fresh: impl FnOnce() -> Vfs) -> SharedVfs {
        let key = key(source);
        let span = i64::try_from(self.keep.span.as_micros()).unwrap_or(i64::MAX);
        let mut guard = self.held();
        let held = &mut *guard;
        held.visits += 1;
        let number = held.visits;
        let stale =
            |left: &Left| left.open.is_empty() && micros(now).saturating_sub(micros(left.seen)) >= span;
        // From the oldest: what is over goes, also of sources that never come again.
        while let Some((old, _)) =
            held.sources.oldest().filter(|(_, left)| stale(left)).map(|(k, l)| (*k, l.bytes))
        {
            held.forget(old);
        }
        if held.sources.get(&key).is_some_and(stale) {
            held.forget(key);
        }
        let make = || Left { fs: Arc::new(Mutex::new(fresh())), open: BTreeSet::new(), bytes: 0, seen: now };
        let (left, evicted) = held.sources.touch(key, make);
        left.open.insert(number);
        left.seen = now;
        let (fs, freed) = (Arc::clone(&left.fs), std::mem::take(&mut left.bytes));
        held.bytes = held.bytes.saturating_sub(freed + evicted.map_or(0, |(_, left)| left.bytes));
        SharedVfs(Arc::new(Visit { fs, number, home: Some((Arc::clone(self), key)) }))
    }

    /// Sources remembered, and the bytes they take that no visit holds.
    pub fn size(&self) -> (usize, usize) {
        let held = self.held();
        (held.sources.len(), held.bytes)
    }

    fn leave(&self, key: IpAddr, visit: &Visit) {
        let alone = self.held().sources.get(&key).is_some_and(|left| left.open.len() <= 1);
        let (bytes, changed, latest) = {
            let mut fs = visit.fs.lock().unwrap_or_else(PoisonError::into_inner);
            if alone {
                fs.release_all();
            }
            fs.end_visit(visit.number);
            let (bytes, nodes) = fs.held();
            (SOURCE_BYTES + bytes + nodes * NODE_BYTES, fs.is_changed(), fs.now())
        };
        let mut held = self.held();
        let held = &mut *held;
        // The entry may be another by now: this one was evicted while the visit lasted.
        let Some(left) = held.sources.get_mut(&key).filter(|left| Arc::ptr_eq(&left.fs, &visit.fs)) else {
            return;
        };
        left.open.remove(&visit.number);
        if !left.open.is_empty() {
            return;
        }
        if micros(latest) > micros(left.seen) {
            left.seen = latest;
        }
        left.bytes = bytes;
        held.bytes += bytes;
        if !changed || self.keep.span.is_zero() {
            held.forget(key);
        }
        while held.bytes > self.keep.bytes {
            let idle = held.sources.iter().find(|(_, left)| left.open.is_empty()).map(|(key, _)| *key);
            let Some(idle) = idle else { break };
            held.forget(idle);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self, key: IpAddr) {
        if let Some(left) = self.sources.remove(&key) {
            self.bytes = self.bytes.saturating_sub(left.bytes);
        }
    }
}

impl SharedVfs {
    /// A file system of one visit alone, forgotten with it.
    pub fn alone(vfs: Vfs) -> Self {
        Self(Arc::new(Visit { fs: Arc::new(Mutex::new(vfs)), number: 0, home: None }))
    }

    /// The file system, for one step of this visit.
    ///
    /// # Errors
    /// [`PoisonError`] where another visit's step panicked; its file system is still whole enough to go on.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, Vfs>> {
        match self.0.fs.lock() {
            Ok(mut fs) => {
                fs.begin_step(self.0.number);
                Ok(fs)
            }
            Err(poisoned) => {
                let mut fs = poisoned.into_inner();
                fs.begin_step(self.0.number);
                Err(PoisonError::new(fs))
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some((memory, key)) = self.home.take() {
            memory.leave(key, self);
        }
    }
}

/// Who counts as one source: an IPv4 address, or the /64 of an IPv6 one, which is one customer's.
fn key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) >> 64 << 64)),
        v4 => v4,
    }
}
