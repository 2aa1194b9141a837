//! What opening does to a journal whose writer was killed or whose machine lost power.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use phantom_core::{BoundedMap, EventId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::segment::Segment;
use crate::{JournalError, Result};

/// Bytes moved aside while opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The segment they stood at the end of.
    pub segment: PathBuf,
    /// Where they stood in it, in bytes.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
    /// The file that holds them now.
    pub moved_to: PathBuf,
}

/// The end of the last segment, made whole.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Bytes of whole lines.
    pub(crate) len: u64,
    /// Number of the line to come.
    pub(crate) next: u64,
    pub(crate) torn: Option<Torn>,
}

/// Moves whatever stands behind the last whole JSON line of `segment` to a `.torn` file.
pub(crate) fn mend(segment: &Segment) -> Result<Tail> {
    let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
    let keep = whole_lines(&bytes);
    let (kept, rest) = bytes.split_at(keep);
    let lines = kept.iter().filter(|b| **b == b'\n').count() as u64;
    let mut torn = None;
    if !rest.is_empty() {
        let moved_to = segment.path.with_extension(format!("{keep}.torn"));
        let mut aside = File::create(&moved_to).map_err(JournalError::io(&moved_to))?;
        aside.write_all(rest).and_then(|()| aside.sync_all()).map_err(JournalError::io(&moved_to))?;
        let file =
            OpenOptions::new().write(true).open(&segment.path).map_err(JournalError::io(&segment.path))?;
        file.set_len(keep as u64).and_then(|()| file.sync_all()).map_err(JournalError::io(&segment.path))?;
        torn = Some(Torn {
            segment: segment.path.clone(),
            offset: keep as u64,
            bytes: rest.len() as u64,
            moved_to,
        });
    }
    Ok(Tail { len: keep as u64, next: segment.first + lines, torn })
}

/// Length of `bytes` without the lines at its end that are cut off or are no JSON.
fn whole_lines(bytes: &[u8]) -> usize {
    let mut end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    while let Some(line_end) = end.checked_sub(1) {
        let start = bytes[..line_end].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if serde_json::from_slice::<IgnoredAny>(&bytes[start..line_end]).is_ok() {
            break;
        }
        end = start;
    }
    end
}

/// The ids of the last `cap` events, the oldest first in line for eviction.
pub(crate) fn recent_ids(segments: &[Segment], cap: usize) -> Result<BoundedMap<EventId, ()>> {
    #[derive(Deserialize)]
    struct Id {
        id: EventId,
    }
    let mut newest_first = Vec::new();
    for segment in segments.iter().rev() {
        let bytes = fs::read(&segment.path).map_err(JournalError::io(&segment.path))?;
        let lines = bytes.rsplit(|b| *b == b'\n').filter(|line| !line.is_empty());
        newest_first.extend(
            lines
                .filter_map(|line| serde_json::from_slice::<Id>(line).ok())
                .map(|line| line.id)
                .take(cap - newest_first.len()),
        );
        if newest_first.len() >= cap {
            break;
        }
    }
    let mut ids = BoundedMap::new(cap);
    newest_first.into_iter().rev().for_each(|id| {
        ids.insert(id, ());
    });
    Ok(ids)
}
