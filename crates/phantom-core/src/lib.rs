//! Events, untrusted bytes, identifiers, child-process frames and the seams every other crate meets at.
//!
//! This crate reads no clock, opens no file or socket and draws no random number: time, randomness and
//! bytes are arguments.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bounded;
mod bytes;
pub mod dialogue;
pub mod duration;
pub mod event;
pub mod frame;
mod id;
pub mod pattern;
pub mod recording;
mod tame;
mod time;

pub use bounded::BoundedMap;
pub use bytes::Untrusted;
pub use event::{Body, Event};
pub use id::{EventId, SessionId, derived_id};
pub use tame::Tamer;
pub use time::{Timestamp, from_micros, micros, rfc3339};
