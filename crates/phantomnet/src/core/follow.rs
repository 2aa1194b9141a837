//! The database follows the journal: it reads from the cursor that it keeps in the same transaction as the
//! rows, so each event stands there once, whatever dies in between.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use phantom_core::{Event, Timestamp};
use phantom_journal::{Cursor, Item, Journal, Reader};
use phantom_store::{Store, StoreError};

use super::health::Health;

/// Events of one transaction.
const BATCH: usize = 1_000;
/// Pause after a failure, so that an unreachable database is not hammered.
const RETRY: Duration = Duration::from_secs(2);
/// How often retention looks.
const RETAIN_EVERY: Duration = Duration::from_secs(600);

/// What the follower needs.
pub(crate) struct Follower {
    pub(crate) store: Arc<Store>,
    pub(crate) journal: Arc<Mutex<Journal>>,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) retain: Duration,
    pub(crate) retain_packets: Duration,
    /// The first number the journal will give next, as the desk last saw it: what "caught up" is measured by.
    pub(crate) end: Arc<AtomicU64>,
    /// How far the database has come, for the journal's retention.
    pub(crate) passed: Arc<AtomicU64>,
}

impl Follower {
    /// Follows until told to stop; `news` wakes it.
    pub(crate) fn run(self, news: &Receiver<()>) {
        let mut last_retained: Option<Instant> = None;
        while !self.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.follow(news, &mut last_retained) {
                self.health.set("store", Err(error.clone()));
                tracing::warn!(%error, "the database does not follow; retrying");
                std::thread::sleep(RETRY);
            }
        }
        // What was recorded while stopping.
        if let Ok(mut reader) = self.reader() {
            while self.deliver(&mut reader).is_ok_and(|lines| lines > 0) {}
        }
    }

    fn reader(&self) -> Result<Reader, String> {
        let cursor = self.store.cursor().map_err(|error| error.to_string())?;
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.reader(cursor).map_err(|error| error.to_string())
    }

    fn follow(&self, news: &Receiver<()>, last_retained: &mut Option<Instant>) -> Result<(), String> {
        let text = |error: StoreError| error.to_string();
        let mut reader = self.reader()?;
        while !self.stop.load(Ordering::Relaxed) {
            if self.deliver(&mut reader)? == 0 {
                let behind = self.end.load(Ordering::Relaxed).saturating_sub(reader.cursor().seq);
                self.health.set(
                    "store",
                    if behind == 0 { Ok(String::new()) } else { Ok(format!("{behind} behind")) },
                );
                if last_retained.is_none_or(|at| at.elapsed() > RETAIN_EVERY) {
                    *last_retained = Some(Instant::now());
                    self.store.retain(now(), self.retain, self.retain_packets).map_err(text)?;
                }
                match news.recv_timeout(Duration::from_millis(200)) {
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// One batch; returns how many lines were dealt with.
    fn deliver(&self, reader: &mut Reader) -> Result<usize, String> {
        let mut events: Vec<(u64, Arc<Event>)> = Vec::new();
        let mut lines = 0;
        while lines < BATCH {
            match reader.next_item().map_err(|error| error.to_string())? {
                Some(Item::Event { seq, event, .. }) => events.push((seq, Arc::from(event))),
                Some(Item::Corrupt { segment, offset, why, .. }) => {
                    tracing::error!(segment = %segment.display(), offset, %why, "the journal is corrupt here");
                }
                Some(Item::Missing { from, to }) => {
                    tracing::error!(from, to, "the journal lacks these lines")
                }
                None => break,
            }
            lines += 1;
        }
        if lines > 0 {
            let cursor: Cursor = reader.cursor();
            self.store.ingest(&events, &cursor).map_err(|error| error.to_string())?;
            self.passed.store(cursor.seq, Ordering::Relaxed);
        }
        Ok(lines)
    }
}

/// The wall clock; only edges of the node read it.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}
