//! Entry points for fuzzing: each takes hostile bytes and must neither panic nor hold more than it was given.

use std::sync::Arc;

use crate::server::fuzzing as inner;
use crate::{Config, Event, Server};

/// A whole connection before its first keys: identification line, packets in the clear, KEXINIT.
pub fn connection(config: Arc<Config>, bytes: &[u8]) -> Vec<Event> {
    let mut server = Server::new(config, [0; 32]);
    server.start();
    server.input(bytes);
    let mut events = Vec::new();
    while let Some(event) = server.next_event() {
        events.push(event);
    }
    events
}

/// Payloads as they come once keys are in use, each led by its length in two bytes, so that authentication
/// and channels are reached. Every attempt is accepted when `accept` is set, and every program started.
pub fn payloads(config: Arc<Config>, accept: bool, bytes: &[u8]) -> Vec<Event> {
    inner::payloads(config, accept, bytes)
}

/// The parsers of KEXINIT, of authentication requests and of channel requests, by the first byte.
pub fn parsers(bytes: &[u8]) {
    inner::parsers(bytes);
}
