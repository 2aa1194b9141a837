//! The writing end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use phantom_core::{BoundedMap, Event, EventId};
use rustix::fs::FallocateFlags;

use crate::recover::{self, Torn};
use crate::segment::{self, MAX_LINE, Segment};
use crate::{Cursor, JournalError, Reader, Result};

/// How a journal is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A segment is closed before it would grow past this many bytes.
    pub segment_bytes: u64,
    /// Ids remembered to recognise events delivered again; at least as many as all hosts together may hold
    /// unacknowledged.
    pub recent_ids: usize,
    /// The next line gets at least this number. Give the furthest cursor of all consumers: after a power failure the
    /// journal may have lost lines that a consumer already has, and their numbers must not be given again.
    pub next_at_least: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, recent_ids: 64 << 10, next_at_least: 1 }
    }
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// For each event given, its number; `None` where its id was already held.
    pub seqs: Vec<Option<u64>>,
    /// How many were already held.
    pub duplicates: usize,
    /// Where the journal stands now.
    pub end: Cursor,
}

/// The one writer of a journal directory.
///
/// What [`Journal::append`] has returned for survives the death of any process. It survives a power failure once
/// [`Journal::sync`] has returned: whoever owns the journal calls that once a batch or at least every
/// [`Journal::SYNC_INTERVAL`], and that interval is the window of loss. A full segment is synced before the next.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    options: Options,
    /// Held for its lock.
    _lock: File,
    current: Segment,
    file: File,
    len: u64,
    next: u64,
    /// A failed append left bytes behind `len` that could not be cut off yet.
    ragged: bool,
    unsynced: bool,
    recent: BoundedMap<EventId, ()>,
    /// Mirrors `next` for readers of this process.
    end: Arc<AtomicU64>,
    torn: Option<Torn>,
}

impl Journal {
    /// How often to [`Journal::sync`] at least.
    pub const SYNC_INTERVAL: Duration = Duration::from_millis(200);

    /// Opens or creates the journal in `dir`, mends its end and remembers its latest ids.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another writer holds it, [`JournalError::Io`] otherwise.
    pub fn open(dir: &Path, options: Options) -> Result<Self> {
        fs::create_dir_all(dir).map_err(JournalError::io(dir))?;
        let lock = lock(dir)?;
        let segments = segment::list(dir)?;
        let last =
            segments.last().cloned().unwrap_or_else(|| Segment::new(dir, options.next_at_least.max(1)));
        let file = open_segment(&last, dir)?;
        let tail = recover::mend(&last)?;
        let recent = recover::recent_ids(&segments, options.recent_ids.max(1))?;
        let mut journal = Self {
            dir: dir.to_owned(),
            _lock: lock,
            current: last,
            file,
            len: tail.len,
            next: tail.next,
            ragged: false,
            // What a killed predecessor wrote may not be on the disk yet.
            unsynced: true,
            recent,
            end: Arc::new(AtomicU64::new(tail.next)),
            torn: tail.torn,
            options,
        };
        if journal.next < journal.options.next_at_least {
            journal.rotate(journal.options.next_at_least)?;
        }
        Ok(journal)
    }

    /// What opening had to move aside, for the caller to report.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Behind the last line.
    pub fn end(&self) -> Cursor {
        Cursor { seq: self.next }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A reader of this journal that never sees a line before its append has returned.
    ///
    /// # Errors
    /// As [`Reader::from`].
    pub fn reader(&self, cursor: Cursor) -> Result<Reader> {
        Reader::bounded(&self.dir, cursor, Some(Arc::clone(&self.end)))
    }

    /// Appends events, each as [`Event::to_json`] writes it. See [`Journal::append`].
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_events<E: AsRef<Event>>(&mut self, events: &[E]) -> Result<Appended> {
        let lines: Vec<_> = events.iter().map(|e| (e.as_ref().id, e.as_ref().to_json())).collect();
        self.append(lines.iter().map(|(id, line)| (*id, line.as_bytes())))
    }

    /// Appends JSON lines with the ids they carry, all or none, by one `write()` done before this returns. Events whose
    /// id is remembered are left out: they were delivered again after a crash.
    ///
    /// # Errors
    /// [`JournalError::Full`] when there is no space, [`JournalError::Line`] for a line that is too long or
    /// holds a newline, [`JournalError::Io`] otherwise. In all cases nothing of the batch stays, and the
    /// journal remains usable.
    pub fn append<'a>(&mut self, lines: impl IntoIterator<Item = (EventId, &'a [u8])>) -> Result<Appended> {
        let mut buffer = Vec::new();
        let mut fresh = Vec::new();
        let mut seqs = Vec::new();
        let mut batch = std::collections::HashSet::new();
        for (position, (id, line)) in lines.into_iter().enumerate() {
            if line.len() > MAX_LINE {
                return Err(JournalError::Line { position, why: "is longer than a line may be" });
            }
            if line.is_empty() || line.contains(&b'\n') {
                return Err(JournalError::Line { position, why: "is empty or holds a newline" });
            }
            if self.recent.get(&id).is_some() || !batch.insert(id) {
                seqs.push(None);
                continue;
            }
            seqs.push(Some(self.next + fresh.len() as u64));
            fresh.push(id);
            buffer.extend_from_slice(line);
            buffer.push(b'\n');
        }
        if !buffer.is_empty() {
            self.write(&buffer)?;
            self.next += fresh.len() as u64;
            self.end.store(self.next, Ordering::Release);
        }
        let duplicates = seqs.len() - fresh.len();
        fresh.into_iter().for_each(|id| {
            self.recent.insert(id, ());
        });
        Ok(Appended { seqs, duplicates, end: self.end() })
    }

    /// Puts everything appended so far on the disk (`fdatasync`).
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync(&mut self) -> Result<()> {
        if self.unsynced {
            self.file.sync_data().map_err(JournalError::io(&self.current.path))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Bytes of all segments.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn bytes(&self) -> Result<u64> {
        let mut total = 0;
        for segment in segment::list(&self.dir)? {
            total += fs::metadata(&segment.path).map_err(JournalError::io(&segment.path))?.len();
        }
        Ok(total)
    }

    /// Deletes whole segments, oldest first: those last written to before `older_than`, and as many as bring the total
    /// down to `max_bytes`. Never the one being written, and never a line that one of `keep` has not passed.
    /// Returns the files deleted.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn retain(
        &mut self,
        max_bytes: Option<u64>,
        older_than: Option<SystemTime>,
        keep: &[Cursor],
    ) -> Result<Vec<PathBuf>> {
        let segments = segment::list(&self.dir)?;
        let passed = keep.iter().map(|cursor| cursor.seq).min().unwrap_or(u64::MAX);
        let mut total = self.bytes()?;
        let mut deleted = Vec::new();
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            let meta = fs::metadata(&segment.path).map_err(JournalError::io(&segment.path))?;
            let written = meta.modified().map_err(JournalError::io(&segment.path))?;
            let too_old = older_than.is_some_and(|limit| written < limit);
            let too_much = max_bytes.is_some_and(|limit| total > limit);
            if next.first > passed || !(too_old || too_much) {
                break;
            }
            fs::remove_file(&segment.path).map_err(JournalError::io(&segment.path))?;
            total -= meta.len();
            deleted.push(segment.path.clone());
        }
        Ok(deleted)
    }

    fn write(&mut self, buffer: &[u8]) -> Result<()> {
        self.cut()?;
        if self.len > 0 && self.len + buffer.len() as u64 > self.options.segment_bytes {
            self.rotate(self.next)?;
        }
        match self.write_all(buffer) {
            Ok(()) => {
                self.len += buffer.len() as u64;
                self.unsynced = true;
                Ok(())
            }
            Err(source) => {
                self.ragged = true;
                // If this fails too, the next append tries again before it writes.
                let _ = self.cut();
                Err(self.failed(source))
            }
        }
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        // Reserving first makes a full disk fail before a reader could see half a batch. Not every file system can.
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.len, buffer.len() as u64) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Cuts off what a failed append left behind.
    fn cut(&mut self) -> Result<()> {
        if self.ragged {
            self.file.set_len(self.len).map_err(JournalError::io(&self.current.path))?;
            self.ragged = false;
        }
        Ok(())
    }

    /// Starts the segment of line `first`.
    fn rotate(&mut self, first: u64) -> Result<()> {
        self.sync()?;
        let segment = Segment::new(&self.dir, first);
        self.file = open_segment(&segment, &self.dir).map_err(|error| match error {
            JournalError::Io { source, .. } => self.failed(source),
            other => other,
        })?;
        self.current = segment;
        self.len = 0;
        self.next = first;
        self.end.store(first, Ordering::Release);
        Ok(())
    }

    fn failed(&self, source: io::Error) -> JournalError {
        let path = self.current.path.clone();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                JournalError::Full { path, source }
            }
            _ => JournalError::Io { path, source },
        }
    }
}

fn open_segment(segment: &Segment, dir: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&segment.path)
        .map_err(JournalError::io(&segment.path))?;
    // The name itself must survive a power failure too.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(JournalError::io(dir))?;
    Ok(file)
}

/// Takes the lock that makes this the only writer. The kernel releases it when the process dies.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("writer.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(JournalError::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.take(64).read_to_string(&mut holder).map_err(JournalError::io(&path))?;
            let holder =
                if holder.is_empty() { "another process".to_owned() } else { holder.trim().to_owned() };
            return Err(JournalError::Locked { dir: dir.to_owned(), holder });
        }
        Err(fs::TryLockError::Error(source)) => return Err(JournalError::Io { path, source }),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "process {}", std::process::id()))
        .map_err(JournalError::io(&path))?;
    Ok(file)
}
