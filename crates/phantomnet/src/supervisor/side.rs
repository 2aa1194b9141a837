//! Side connections for a host that has no network: the supervisor opens them, and reads both addresses from the
//! session's own control connection, so that a captured host can reach nobody but the peer that is already there.

use std::os::fd::{AsFd, OwnedFd};

use phantom_core::frame::{FromSupervisor, MAX_FRAME, ToSupervisor, decode, encode};
use phantom_sys::channel::Channel;
use phantom_sys::net;

use super::Shared;

/// Answers a honeypot host until it is gone.
pub(super) fn serve(control: &Channel, shared: &Shared) {
    let mut buffer = vec![0; MAX_FRAME];
    while let Ok((length, attached)) = control.recv_with_fd(&mut buffer) {
        let ask = decode::<ToSupervisor>(buffer.get(..length).unwrap_or_default());
        let (reply, fd) = match (ask, attached) {
            (Ok(ask), Some(connection)) if !shared.is_stopping() => open(ask, &connection),
            _ => (FromSupervisor::Failed, None),
        };
        let Ok(frame) = encode(&reply) else { return };
        let sent = match &fd {
            Some(fd) => control.send_with_fd(&frame, fd.as_fd()),
            None => control.send(&frame),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn open(ask: ToSupervisor, connection: &OwnedFd) -> (FromSupervisor, Option<OwnedFd>) {
    let opened = match ask {
        ToSupervisor::Listen => net::side_listener(connection.as_fd())
            .map(|(listener, address)| (FromSupervisor::Listening(address), Some(listener))),
        ToSupervisor::Connect { port } => net::side_connection(connection.as_fd(), port)
            .map(|connection| (FromSupervisor::Connecting, Some(connection))),
    };
    opened.unwrap_or_else(|error| {
        tracing::debug!(%error, "no side connection");
        (FromSupervisor::Failed, None)
    })
}
