//! The seam between a honeypot protocol and whatever carries its bytes.
//!
//! A [`Dialogue`] is one conversation: bytes and instants in, [`Action`]s out. It never touches a socket, a
//! clock or a file. The host performs the actions **in order**, and that order is the promise on which
//! evidence rests: nothing is sent to the peer before every [`Action::Record`] and [`Action::Artifact`] that
//! stands in front of it has been acknowledged by the journal, and every [`Action::Tape`] has been stored.

use std::net::SocketAddr;
use std::time::Duration;

use crate::recording::Cue;
use crate::{Body, SessionId, Timestamp};

/// Who came, and the randomness of the visit.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Names the visit.
    pub session: SessionId,
    /// The peer.
    pub peer: SocketAddr,
    /// Our side of the connection.
    pub local: SocketAddr,
    /// When it connected.
    pub at: Timestamp,
    /// Fresh random bytes: the only source of randomness the dialogue has.
    pub seed: [u8; 32],
}

/// A honeypot protocol: one registry line each.
pub trait Protocol: Send + Sync {
    /// Its name in events and settings.
    fn service(&self) -> crate::event::Service;
    /// A conversation with a new peer. Nothing may be recorded or sent before [`Dialogue::start`].
    fn open(&self, visit: Visit) -> Box<dyn Dialogue>;
}

/// One conversation with one peer. The host records `opened` before `start` and `closed` at the end itself.
///
/// Implementations hold bounded memory whatever arrives, and give the same actions however the bytes are cut
/// into calls of [`Dialogue::input`].
pub trait Dialogue: Send {
    /// The connection stands.
    fn start(&mut self, now: Timestamp, out: &mut Actions);
    /// Bytes from the peer, at least one. Not called while a [`Action::Pause`] runs or actions are held back.
    fn input(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions);
    /// The peer will send no more. The host closes once the actions of this call are done.
    fn end_of_input(&mut self, now: Timestamp, out: &mut Actions);
    /// The instant asked for by [`Action::Wake`] has come.
    fn wake(&mut self, now: Timestamp, out: &mut Actions);
    /// Something happened on the side connection asked for by [`Action::Listen`] or [`Action::Connect`].
    /// Protocols without side connections keep the default.
    fn side(&mut self, now: Timestamp, event: SideEvent<'_>, out: &mut Actions) {
        let _ = (now, event, out);
    }
}

/// What a dialogue wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write to the peer.
    Send(Vec<u8>),
    /// Put evidence in the journal.
    Record(Body),
    /// Store the whole of an uploaded file under the SHA-256 of its bytes, before the event that names it.
    /// At most [`MAX_ARTIFACT`] bytes.
    Artifact(Vec<u8>),
    /// Add to the recording of the visit, stored before anything further is sent. The host bounds what it keeps.
    Tape {
        /// Which of the visit's programs it belongs to.
        channel: u32,
        /// What passed.
        cue: Cue,
    },
    /// Do nothing further for this long: later actions wait, and no input is read.
    Pause(Duration),
    /// Call [`Dialogue::wake`] at this instant; replaces an earlier wish, `None` cancels it.
    Wake(Option<Timestamp>),
    /// Open a listener for one side connection from the peer's address (FTP passive mode);
    /// answered by [`SideEvent::Listening`] or [`SideEvent::Failed`]. Replaces an earlier one.
    Listen,
    /// Connect to this port of the peer's own address (FTP active mode); answered by
    /// [`SideEvent::Connected`] or [`SideEvent::Failed`]. No other host can be reached.
    Connect(u16),
    /// Write to the side connection; evidence in front of it is acknowledged first, as with `Send`.
    SideSend(Vec<u8>),
    /// Close the side connection or its listener once what was sent has left.
    SideClose,
    /// Close the connection once everything before has been sent; what follows is ignored.
    Close,
}

/// Largest artifact a dialogue may keep in memory and store, in bytes. Larger uploads are recorded by size
/// and hash with a note that the content was not kept.
pub const MAX_ARTIFACT: usize = 16 * 1024 * 1024;

/// What happened on a side connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideEvent<'a> {
    /// The listener stands at this address.
    Listening(SocketAddr),
    /// The side connection stands.
    Connected,
    /// Bytes from the peer.
    Bytes(&'a [u8]),
    /// Everything sent so far has been taken by the kernel, more may be sent. Use it to send large answers
    /// piece by piece instead of holding them in memory.
    Drained,
    /// The peer ended the side connection.
    Ended,
    /// It could not be opened, or broke.
    Failed,
}

/// The list a dialogue writes its wishes into.
#[derive(Debug, Default)]
pub struct Actions(Vec<Action>);

impl Actions {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Any action.
    pub fn push(&mut self, action: Action) {
        self.0.push(action);
    }

    /// [`Action::Send`], joined to a `Send` directly before it; nothing for no bytes.
    pub fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Action::Send(before)) => before.extend_from_slice(&bytes),
            _ => self.0.push(Action::Send(bytes)),
        }
    }

    /// [`Action::Record`].
    pub fn record(&mut self, body: Body) {
        self.0.push(Action::Record(body));
    }

    /// [`Action::Tape`], joined to one of the same channel and direction directly before it.
    pub fn tape(&mut self, channel: u32, cue: Cue) {
        let before = match self.0.last_mut() {
            Some(Action::Tape { channel: same, cue: before }) if *same == channel => Some(before),
            _ => None,
        };
        match (before, cue) {
            (Some(Cue::Input(before)), Cue::Input(bytes))
            | (Some(Cue::Output(before)), Cue::Output(bytes)) => {
                before.extend_from_slice(&bytes);
            }
            (_, cue) => self.0.push(Action::Tape { channel, cue }),
        }
    }

    /// [`Action::Close`].
    pub fn close(&mut self) {
        self.0.push(Action::Close);
    }

    /// What was asked for so far.
    pub fn as_slice(&self) -> &[Action] {
        &self.0
    }

    /// Takes everything out.
    pub fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_join_and_records_part_them() {
        let mut out = Actions::new();
        out.send("a");
        out.send("");
        out.send("b");
        out.record(Body::Note(crate::event::Note::default()));
        out.send("c");
        assert_eq!(out.as_slice().len(), 3);
        assert_eq!(out.as_slice().first(), Some(&Action::Send(b"ab".to_vec())));
        assert_eq!(out.take().len(), 3);
        out.tape(1, Cue::Output(b"a".to_vec()));
        out.tape(1, Cue::Output(b"b".to_vec()));
        out.tape(1, Cue::Input(b"c".to_vec()));
        out.tape(2, Cue::Input(b"d".to_vec()));
        assert_eq!(
            out.as_slice().first(),
            Some(&Action::Tape { channel: 1, cue: Cue::Output(b"ab".to_vec()) })
        );
        assert_eq!(out.take().len(), 3);
        assert!(out.as_slice().is_empty());
    }
}
