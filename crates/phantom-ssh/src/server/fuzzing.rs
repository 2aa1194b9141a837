//! Ways into the inner parsers that no peer has.

use std::sync::Arc;

use super::auth::Request;
use super::connection::ChannelRequest;
use super::transport::Proposal;
use super::{Config, Server};
use crate::event::Event;
use crate::wire::Reader;

pub(crate) fn payloads(config: Arc<Config>, accept: bool, bytes: &[u8]) -> Vec<Event> {
    let mut server = Server::new(config, [0; 32]);
    server.assume_keys();
    let mut events = Vec::new();
    let mut rest = bytes;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(tail.len());
        let (payload, tail) = tail.split_at_checked(length).unwrap_or((tail, &[]));
        rest = tail;
        if server.closed() {
            break;
        }
        if server.dispatch(payload, 0).is_none() {
            server.close();
        }
        while let Some(event) = server.next_event() {
            match &event {
                Event::Auth(_) => server.auth_reply(accept),
                Event::Start { channel, .. } => {
                    server.start_reply(true);
                    server.write(*channel, b"output");
                }
                Event::Data { channel, bytes } => {
                    server.write_stderr(*channel, bytes);
                    server.exit(*channel, 0);
                }
                _ => {}
            }
            events.push(event);
        }
        server.take_output();
    }
    events
}

pub(crate) fn parsers(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let names: [&[u8]; 13] = [
        b"none",
        b"password",
        b"publickey",
        b"publickey-hostbound-v00@openssh.com",
        b"keyboard-interactive",
        b"pty-req",
        b"env",
        b"exec",
        b"window-change",
        b"signal",
        b"break",
        b"x11-req",
        b"other",
    ];
    let name = names.get(usize::from(*choice) % names.len()).copied().unwrap_or_default();
    Request::parse(name, Reader::new(rest));
    ChannelRequest::parse(name, Reader::new(rest));
    if let Some(proposal) = Proposal::parse(rest) {
        proposal.hassh();
    }
    crate::UserKey::parse(rest);
}
