//! What the journal promises, tried on real files and real processes.

mod crash;
mod reading;
mod space;
mod writing;

use std::path::Path;

use phantom_core::event::{Command, Event};
use phantom_core::{Body, EventId, Untrusted, from_micros};
use phantom_journal::{Cursor, Item, Reader};

/// The event number `n`; the same number gives the same event.
pub(crate) fn event(n: u64) -> Event {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.to_be_bytes());
    let at = from_micros(1_700_000_000_000_000 + i64::try_from(n).unwrap());
    let line = Untrusted::from(format!("echo {n} \u{0}").into_bytes());
    Event::new(EventId::new(at, random), at, "test".into(), Body::Command(Command { line, accepted: true }))
}

pub(crate) fn lines(events: &[Event]) -> Vec<(EventId, String)> {
    events.iter().map(|event| (event.id, event.to_json())).collect()
}

/// Appends the events numbered so.
pub(crate) fn put(
    journal: &mut phantom_journal::Journal,
    numbers: impl IntoIterator<Item = u64>,
) -> phantom_journal::Appended {
    let events: Vec<_> = numbers.into_iter().map(|n| std::sync::Arc::new(event(n))).collect();
    journal.append_events(&events).unwrap()
}

/// Everything readable now.
pub(crate) fn drain(reader: &mut Reader) -> Vec<Item> {
    std::iter::from_fn(|| reader.next_item().unwrap()).collect()
}

/// Everything in the directory.
pub(crate) fn all(dir: &Path) -> Vec<Item> {
    drain(&mut Reader::from(dir, Cursor::START).unwrap())
}

/// The items as numbered events; anything else fails the test.
pub(crate) fn events(items: &[Item]) -> Vec<(u64, Event)> {
    items
        .iter()
        .map(|item| match item {
            Item::Event { seq, event, .. } => (*seq, (**event).clone()),
            other => panic!("not an event: {other:?}"),
        })
        .collect()
}

/// The events of these numbers, numbered from 1.
pub(crate) fn expected(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, Event)> {
    (1..).zip(numbers.into_iter().map(event)).collect()
}
