//! Events, frames and journals: what a captured child or a power failure may leave.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use phantom_core::event::{Body, Note};
use phantom_core::frame::{FromCore, FromSupervisor, ToCore, ToSupervisor, decode, encode};
use phantom_core::recording::{Entry, Show, asciicast, read};
use phantom_core::{Event, SessionId, Tamer, Timestamp, Untrusted, derived_id};
use phantom_journal::{Cursor, Item, Journal, Options, Reader};

/// A journal line, and the line made of what was read; and the bytes themselves as an attacker's, in a line.
pub(crate) fn event(bytes: &[u8]) {
    if let Ok(event) = Event::from_json(bytes) {
        let again = Event::from_json(event.to_json().as_bytes());
        assert_eq!(again.ok(), Some(event), "an event that was read survives being written");
    }
    let hostile = Untrusted::capped(bytes, 4096);
    let text = hostile.to_lossless();
    assert_eq!(Untrusted::from_lossless(&text), hostile, "{text:?}");
    let note = marker(bytes, hostile);
    let line = note.to_json();
    assert!(!line.contains('\n'), "one event is one line");
    assert_eq!(Event::from_json(line.as_bytes()).ok(), Some(note), "attacker bytes are lossless");
}

/// A frame of any of the channels between processes; what was read survives being written.
pub(crate) fn frame(bytes: &[u8]) {
    fn round<T: serde::Serialize + for<'a> serde::Deserialize<'a> + PartialEq + std::fmt::Debug>(
        bytes: &[u8],
    ) {
        if let Ok(frame) = decode::<T>(bytes) {
            let again = encode(&frame).expect("no longer than what was read");
            assert_eq!(decode::<T>(&again).ok(), Some(frame));
        }
    }
    round::<ToCore>(bytes);
    round::<FromCore>(bytes);
    round::<ToSupervisor>(bytes);
    round::<FromSupervisor>(bytes);
}

/// A segment that holds these bytes: it opens, the next event lands behind what is whole, a reader numbers every line
/// without a gap and ends with that event, and what was mended needs no mending again.
pub(crate) fn journal(bytes: &[u8]) {
    static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        // Memory where there is some: this target syncs files at every input.
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        parent.join(format!("phantom-fuzz-journal-{}", std::process::id()))
    });
    // The target is one thread in a fuzzer and under `cargo nextest`, so one directory serves all inputs.
    let _ = fs::remove_dir_all(&*DIR);
    fs::create_dir_all(&*DIR).expect("a directory");
    fs::write(DIR.join("000000000001.jsonl"), bytes).expect("a segment");
    let mut journal =
        Journal::open(&DIR, Options::default()).expect("whatever stands in a journal, it opens");
    // The event's id is made of all the bytes, so that they cannot hold it already.
    let event = Arc::new(marker(bytes, Untrusted::capped(b"marker", 16)));
    let appended = journal.append_events(&[Arc::clone(&event)]).expect("room for an event");
    let seq = appended.seqs.first().copied().flatten().expect("an id not seen before");
    assert_eq!(journal.append_events(&[Arc::clone(&event)]).expect("room").duplicates, 1, "once each");
    let end = journal.end();
    drop(journal);
    let mut reader = Reader::from(&DIR, Cursor::START).expect("a reader");
    let (mut next, mut last) = (1, None);
    while let Some(item) = reader.next_item().expect("reading goes on behind what is corrupt") {
        let at = match &item {
            Item::Event { seq, .. } | Item::Corrupt { seq, .. } => *seq,
            Item::Missing { .. } => panic!("nothing was removed"),
        };
        assert_eq!(at, next, "numbers without a gap");
        next += 1;
        last = Some(item);
    }
    let Some(Item::Event { seq: at, event: read, .. }) = last else {
        panic!("the event is last, not {last:?}")
    };
    assert_eq!((at, &*read), (seq, &*event));
    let again = Journal::open(&DIR, Options::default()).expect("it opens again");
    assert_eq!((again.torn(), again.end()), (None, end));
    drop(again);
    let _ = fs::remove_dir_all(&*DIR);
}

/// An event whose id depends on all of `bytes`.
fn marker(bytes: &[u8], value: Untrusted) -> Event {
    let id = derived_id(&["fuzz", &Untrusted::capped(bytes, bytes.len()).to_lossless()]);
    let note = Note { name: "fuzz".into(), value };
    Event::new(id, Timestamp::UNIX_EPOCH, "fuzz".into(), Body::Note(note))
}

/// A recording by a captured host, and any bytes as what an attacker made a terminal show.
pub(crate) fn recording(bytes: &[u8]) {
    let session = SessionId::new(phantom_core::from_micros(0), [0; 10]);
    for show in [Show::default(), Show { channel: Some(1), raw: true }] {
        let cast = asciicast(bytes, session, show);
        // Each byte of data is at most a line of its own, some thirty bytes long.
        assert!(cast.len() <= 300 + bytes.len() * 40, "{} from {}", cast.len(), bytes.len());
    }
    for entry in read(bytes) {
        let lines: String = entry.lines().collect();
        let again: Vec<Entry> = read(lines.as_bytes()).collect();
        assert!(again.len() != 1 || again[0] == entry, "{entry:?} became {again:?}");
    }
    let tamed = Tamer::new().tame(bytes);
    assert!(!tamed.contains(|c: char| c.is_control() && !"\t\n\r\u{8}\u{1b}".contains(c)), "{tamed:?}");
    for hostile in ["\x1b]", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b[c", "\x1b[>", "\x1b[="] {
        assert!(!tamed.contains(hostile), "{tamed:?}");
    }
    assert_eq!(Tamer::new().tame(tamed.as_bytes()), tamed, "tamed text is tame");
    let mut tamer = Tamer::new();
    let pieces: String = bytes.chunks(1 + bytes.len() % 8).map(|piece| tamer.tame(piece)).collect();
    assert_eq!(pieces, tamed, "cutting changes nothing");
}
