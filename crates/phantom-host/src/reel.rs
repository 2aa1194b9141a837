//! The recording of one session on its way to the core.

use phantom_core::frame::RECORDING_CHUNK;
use phantom_core::recording::{Cue, Entry, LINE};

/// Collects lines until they are queued. Takes no memory before the first and never more than a chunk.
#[derive(Debug, Default)]
pub(crate) struct Reel {
    /// Whole lines not yet queued.
    waiting: Vec<u8>,
    /// Bytes queued.
    queued: u64,
    full: bool,
}

impl Reel {
    /// Takes down what passed `at` microseconds after the session began, as far as `limit` bytes allow; the last line
    /// says that there was more. What does not fit the chunk is given back: queue it and come again.
    pub(crate) fn take(&mut self, at: u64, channel: u32, cue: Cue, limit: u64) -> Option<Cue> {
        if self.full || limit == 0 {
            return None;
        }
        // Data are parted into lines of this cap, so what is left over begins where a line would.
        let (now, later) = parted(cue);
        for line in (Entry { at, channel, cue: now }).lines() {
            if self.len() + line.len() as u64 > limit {
                self.full = true;
                let cue = Cue::Mark(b"the recording is full".to_vec());
                self.waiting.extend((Entry { at, channel, cue }).lines().flat_map(String::into_bytes));
                return None;
            }
            self.waiting.extend_from_slice(line.as_bytes());
        }
        later
    }

    /// Whether it must be queued before more is taken.
    pub(crate) fn is_due(&self) -> bool {
        self.waiting.len() + LINE > RECORDING_CHUNK
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, and where it stands in the recording.
    pub(crate) fn queue(&mut self) -> (u64, Vec<u8>) {
        let (offset, bytes) = (self.queued, std::mem::take(&mut self.waiting));
        self.queued += bytes.len() as u64;
        (offset, bytes)
    }

    /// Bytes of the whole recording.
    pub(crate) fn len(&self) -> u64 {
        self.queued + self.waiting.len() as u64
    }
}

/// A line's worth of data, and the rest.
fn parted(cue: Cue) -> (Cue, Option<Cue>) {
    const PIECE: usize = phantom_core::recording::PIECE;
    match cue {
        Cue::Input(mut data) if data.len() > PIECE => {
            let rest = data.split_off(PIECE);
            (Cue::Input(data), Some(Cue::Input(rest)))
        }
        Cue::Output(mut data) if data.len() > PIECE => {
            let rest = data.split_off(PIECE);
            (Cue::Output(data), Some(Cue::Output(rest)))
        }
        cue => (cue, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_core::recording::read;

    #[test]
    fn long_output_comes_in_chunks_that_join() {
        let mut reel = Reel::default();
        let data: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let (mut whole, mut chunks) = (Vec::new(), 0);
        let mut rest = Some(Cue::Output(data.clone()));
        while let Some(cue) = rest.take() {
            rest = reel.take(7, 1, cue, u64::MAX);
            if reel.is_due() || rest.is_none() {
                let (offset, bytes) = reel.queue();
                assert_eq!(offset, whole.len() as u64);
                assert!(bytes.len() <= RECORDING_CHUNK);
                whole.extend(bytes);
                chunks += 1;
            }
        }
        assert!(chunks > 1 && reel.is_empty() && reel.len() == whole.len() as u64);
        let played: Vec<u8> = read(&whole)
            .flat_map(|entry| match entry.cue {
                Cue::Output(bytes) => bytes,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(played, data);
    }

    #[test]
    fn a_full_recording_says_so_once_and_stops() {
        let mut reel = Reel::default();
        for _ in 0..100 {
            reel.take(0, 0, Cue::Input(b"x".to_vec()), 100);
        }
        let (_, bytes) = reel.queue();
        assert!(bytes.len() < 200, "{}", bytes.len());
        let last = read(&bytes).last().unwrap();
        assert_eq!(last.cue, Cue::Mark(b"the recording is full".to_vec()));
        assert_eq!(read(&bytes).filter(|entry| entry.cue == last.cue).count(), 1);
    }
}
