//! The SSH transport, with and without keys.

use std::sync::{Arc, LazyLock};

use phantom_ssh::{Config, Event, HostKeys, Server, fuzz};

/// ECDSA and Ed25519 keys: an RSA key takes longer to make than all seeds to replay.
static CONFIG: LazyLock<Arc<Config>> =
    LazyLock::new(|| Arc::new(Config::debian_12(HostKeys::generate_elliptic([42; 32]))));

/// A connection up to its first keys; cutting the input changes neither what was seen nor what was answered.
pub(crate) fn connection(bytes: &[u8]) {
    let size = 1 + bytes.len() % 8;
    assert_eq!(
        converse(bytes.chunks(bytes.len().max(1))),
        converse(bytes.chunks(size)),
        "in pieces of {size}"
    );
}

/// Payloads as they come once there are keys: authentication, channels, requests. The lowest bit of the first byte
/// says whether every attempt is accepted.
pub(crate) fn payloads(bytes: &[u8]) {
    let Some((accept, script)) = bytes.split_first() else { return };
    fuzz::payloads(Arc::clone(&CONFIG), accept & 1 == 1, script);
}

/// The parsers of proposals, authentication and channel requests and user keys alone.
pub(crate) fn parsers(bytes: &[u8]) {
    fuzz::parsers(bytes);
}

fn converse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Vec<u8>, bool) {
    let mut server = Server::new(Arc::clone(&CONFIG), [0; 32]);
    server.start();
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for piece in pieces {
        server.input(piece);
        loop {
            while let Some(event) = server.next_event() {
                match event {
                    Event::Auth(_) => server.auth_reply(false),
                    Event::Start { .. } => server.start_reply(false),
                    _ => {}
                }
                events.push(event);
            }
            let output = server.take_output();
            if output.is_empty() {
                break;
            }
            sent.extend(output);
        }
    }
    (events, sent, server.closed())
}
