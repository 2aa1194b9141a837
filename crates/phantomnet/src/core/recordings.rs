//! Recordings of visits: a file each, which only grows, bounded in size and together.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use phantom_core::{BoundedMap, SessionId};

use crate::settings;

/// Files held open; one that is needed again is opened again.
const OPEN: usize = 256;
/// A recording's last line may stand beyond its limit: it says that there was more.
const SLACK: u64 = 256;
/// How often the folder is counted anew and what is too old goes.
const EVERY: Duration = Duration::from_secs(600);
/// Disk space of a file is counted in blocks of this size, so that many small files are bounded too.
const BLOCK: u64 = 4096;

/// The folder of recordings: `ab/SESSION.jsonl`, where `ab` ends the session's name.
#[derive(Debug)]
pub(crate) struct Recordings {
    dir: PathBuf,
    limits: settings::Recordings,
    retain: Duration,
    open: BoundedMap<SessionId, (File, u64)>,
    /// Disk space of all, as far as it is known between two counts.
    total: Arc<AtomicU64>,
    counting: Arc<AtomicBool>,
    counted: Option<Instant>,
}

impl Recordings {
    pub(crate) fn open(dir: PathBuf, limits: settings::Recordings, retain: Duration) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir,
            limits,
            retain,
            open: BoundedMap::new(OPEN),
            total: Arc::default(),
            counting: Arc::default(),
            counted: None,
        })
    }

    /// Adds a piece; what the file holds already, from before a crash, is not written again. A host may be captured: it
    /// can make a recording no longer than its limit, and leave no gap.
    ///
    /// # Errors
    /// `InvalidData` where the host broke the rules; anything else is the disk's.
    pub(crate) fn take(&mut self, session: SessionId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let broken = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.limits.session_bytes.saturating_add(SLACK) {
            return Err(broken("a recording is over its limit"));
        }
        if self.open.get(&session).is_none() {
            let path = path(&self.dir, session);
            let file = match OpenOptions::new().append(true).create(offset == 0).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && offset > 0 => {
                    // Its beginning was deleted to make room; the rest is of no use.
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    path.parent().map_or(Ok(()), fs::create_dir_all)?;
                    OpenOptions::new().append(true).create(true).open(&path)?
                }
                opened => opened?,
            };
            let length = file.metadata()?.len();
            self.open.insert(session, (file, length));
        }
        let Some((file, length)) = self.open.get_mut(&session) else { return Ok(()) };
        let known = length.checked_sub(offset).ok_or_else(|| broken("a recording's pieces do not join"))?;
        let mut rest = usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default();
        let before = *length;
        while !rest.is_empty() {
            // By hand, so that a write that a full disk cut short is gone on with.
            let written = file.write(rest)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *length += written as u64;
            rest = rest.get(written..).unwrap_or_default();
        }
        let grown = blocks(*length) - if before == 0 { 0 } else { blocks(before) };
        self.total.fetch_add(grown, Ordering::Relaxed);
        Ok(())
    }

    /// The visit is over; the size of its recording, if it has one.
    pub(crate) fn finish(&mut self, session: SessionId) -> Option<u64> {
        self.open.remove(&session);
        fs::metadata(path(&self.dir, session)).ok().map(|meta| meta.len())
    }

    /// Now and then, or when there is too much: deletes the oldest, in a thread of its own.
    pub(crate) fn tidy(&mut self) {
        let full = self.total.load(Ordering::Relaxed) > self.limits.max_bytes;
        if (!full && self.counted.is_some_and(|at| at.elapsed() < EVERY))
            || self.counting.swap(true, Ordering::Relaxed)
        {
            return;
        }
        self.counted = Some(Instant::now());
        let (dir, max, total, counting) =
            (self.dir.clone(), self.limits.max_bytes, self.total.clone(), self.counting.clone());
        let oldest = SystemTime::now().checked_sub(self.retain).unwrap_or(SystemTime::UNIX_EPOCH);
        let work = move || {
            match thin(&dir, max, oldest) {
                Ok(left) => total.store(left, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "recordings cannot be tidied"),
            }
            counting.store(false, Ordering::Relaxed);
        };
        if std::thread::Builder::new().name("recordings".into()).spawn(work).is_err() {
            self.counting.store(false, Ordering::Relaxed);
        }
    }
}

/// The recording of a visit, if there is one.
pub(crate) fn read(dir: &Path, session: SessionId) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path(dir, session)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn path(dir: &Path, session: SessionId) -> PathBuf {
    let name = session.to_string();
    // The random end of a UUIDv7, since its begin is the time.
    dir.join(name.get(name.len().saturating_sub(2)..).unwrap_or_default()).join(format!("{name}.jsonl"))
}

fn blocks(length: u64) -> u64 {
    length.div_ceil(BLOCK).max(1) * BLOCK
}

/// Deletes what was last written before `oldest`, and the oldest of the rest until they take an eighth less than `max`
/// if they took more. Returns the disk space of what is left.
fn thin(dir: &Path, max: u64, oldest: SystemTime) -> io::Result<u64> {
    let mut all: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for folder in fs::read_dir(dir)?.flatten() {
        let Ok(files) = fs::read_dir(folder.path()) else { continue };
        for file in files.flatten() {
            if let Ok(meta) = file.metadata()
                && meta.is_file()
            {
                all.push((
                    meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    blocks(meta.size()),
                    file.path(),
                ));
            }
        }
    }
    all.sort();
    let mut total: u64 = all.iter().map(|(_, size, _)| size).sum();
    let goal = if total > max { max - max / 8 } else { u64::MAX };
    let mut gone = 0;
    for (written, size, path) in all {
        if written >= oldest && total <= goal {
            break;
        }
        match fs::remove_file(&path) {
            Ok(()) => (total, gone) = (total - size, gone + 1),
            Err(error) => tracing::warn!(path = %path.display(), %error, "a recording cannot be deleted"),
        }
    }
    if gone > 0 {
        tracing::info!(gone, "recordings deleted by retention");
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_core::from_micros;

    fn session(n: u8) -> SessionId {
        SessionId::new(from_micros(1_763_900_000_000_000), [n; 10])
    }

    fn open(dir: &Path) -> Recordings {
        let limits = settings::Recordings { session_bytes: 100, max_bytes: 1 << 20 };
        Recordings::open(dir.into(), limits, Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn pieces_join_and_what_comes_again_is_not_doubled() {
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = open(dir.path());
        recordings.take(session(1), 0, b"one\n").unwrap();
        recordings.take(session(1), 4, b"two\n").unwrap();
        // A core that died in the middle of a write, and its successor, which is sent both again.
        fs::write(path(dir.path(), session(1)), b"one\ntw").unwrap();
        let mut recordings = open(dir.path());
        recordings.take(session(1), 0, b"one\n").unwrap();
        recordings.take(session(1), 4, b"two\n").unwrap();
        recordings.finish(session(1));
        recordings.take(session(1), 4, b"two\n").unwrap();
        assert_eq!(read(dir.path(), session(1)).unwrap().unwrap(), b"one\ntwo\n");
        assert_eq!(read(dir.path(), session(2)).unwrap(), None);
        assert_eq!((recordings.finish(session(1)), recordings.finish(session(2))), (Some(8), None));
    }

    #[test]
    fn a_captured_host_fills_no_disk_and_leaves_no_gap() {
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = open(dir.path());
        recordings.take(session(1), 0, b"x").unwrap();
        for (offset, length) in [(2, 1), (0, 1000), (u64::MAX, 1)] {
            let error = recordings.take(session(1), offset, &vec![b'y'; length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        recordings.take(session(2), 5, b"no begin").unwrap();
        assert_eq!(read(dir.path(), session(2)).unwrap(), None);
        assert_eq!(read(dir.path(), session(1)).unwrap().unwrap(), b"x");
    }

    #[test]
    fn the_oldest_go_when_there_is_too_much_or_they_are_too_old() {
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = open(dir.path());
        let epoch = SystemTime::UNIX_EPOCH;
        for n in 1..=16 {
            recordings.take(session(n), 0, b"x").unwrap();
            let file = File::options().append(true).open(path(dir.path(), session(n))).unwrap();
            file.set_modified(epoch + Duration::from_secs(n.into())).unwrap();
        }
        let there = |n| path(dir.path(), session(n)).exists();
        assert_eq!(recordings.total.load(Ordering::Relaxed), 16 * BLOCK);
        assert_eq!(thin(dir.path(), 16 * BLOCK, epoch).unwrap(), 16 * BLOCK);
        assert_eq!(thin(dir.path(), 8 * BLOCK, epoch).unwrap(), 7 * BLOCK);
        assert!(!there(9) && there(10) && there(16));
        assert_eq!(thin(dir.path(), u64::MAX, epoch + Duration::from_secs(12)).unwrap(), 5 * BLOCK);
        assert!(!there(11) && there(12));
    }
}
