//! Frames between the processes of a node: one frame a message of a `SOCK_SEQPACKET` socket pair, so that a
//! process killed in the middle of one leaves no half frame behind.
//!
//! Each child has two channels: one to the core (evidence and wire observations up, acknowledgements down)
//! and one to the supervisor (the few things a jailed process may ask for). The supervisor keeps its own
//! copies of all ends, so either side can be restarted without the other noticing more than a
//! [`FromCore::Hello`] or [`ToCore::Hello`].
//!
//! Evidence is delivered at least once: a host keeps every frame until it is acknowledged and sends all of
//! them again after a [`FromCore::Hello`]. The journal drops an event whose id it already holds.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::SessionId;

/// Longest frame in bytes, on every channel. An event of the largest `request` (32 KiB of attacker bytes,
/// each at most six bytes of JSON) fits; the socket buffers are sized for it.
pub const MAX_FRAME: usize = 208 * 1024;

/// Bytes of an artifact carried by one frame.
pub const ARTIFACT_CHUNK: usize = 64 * 1024;

/// Bytes of a recording carried by one frame: more than one entry's line, which is at most
/// [`crate::recording::LINE`].
pub const RECORDING_CHUNK: usize = 128 * 1024;

/// From a honeypot host or the capture host to the core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToCore {
    /// The sender has just started; sessions of its predecessor are over. `process` differs at every start.
    Hello {
        /// Identifies this start.
        process: u64,
    },
    /// One event as its JSON line. `seq` counts all evidence frames of this process from 1, without gaps.
    Event {
        /// Acknowledged by [`FromCore::Ack`].
        seq: u64,
        /// [`crate::Event::to_json`].
        json: Vec<u8>,
    },
    /// A piece of an uploaded file; complete when `offset + bytes.len() == total`.
    Artifact {
        /// Acknowledged by [`FromCore::Ack`].
        seq: u64,
        /// Of the whole, lower-case hexadecimal; the core verifies it.
        sha256: String,
        /// Where the piece starts.
        offset: u64,
        /// Size of the whole.
        total: u64,
        /// At most [`ARTIFACT_CHUNK`].
        bytes: Vec<u8>,
    },
    /// A piece of a session's recording ([`crate::recording`]), which only ever grows.
    Recording {
        /// Acknowledged by [`FromCore::Ack`].
        seq: u64,
        /// Whose.
        session: SessionId,
        /// Bytes of the recording before this piece.
        offset: u64,
        /// Whole lines, at most [`RECORDING_CHUNK`].
        bytes: Vec<u8>,
    },
    /// A batch of wire observations, in `phantom-flow`'s encoding; not acknowledged, dropped and counted when
    /// the core is behind.
    Wire(Vec<u8>),
    /// How the sender is doing, once a second.
    Status(HostStatus),
}

/// How a child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostStatus {
    /// Sessions open now.
    pub open: u32,
    /// Sessions since the process started.
    pub sessions: u64,
    /// Peers turned away because a limit was reached.
    pub refused: u64,
    /// Wire batches dropped because the core was behind.
    pub dropped: u64,
    /// Packets seen (capture).
    pub packets: u64,
    /// Packets the kernel dropped (capture).
    pub kernel_drops: u64,
}

/// From the core to a honeypot host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromCore {
    /// The core has just started: send everything unacknowledged again.
    Hello,
    /// Everything up to and including `through` of the process `process` is in the journal.
    Ack {
        /// As in [`ToCore::Hello`]; an acknowledgement for another process is ignored.
        process: u64,
        /// The last `seq` journalled.
        through: u64,
    },
    /// Evidence cannot be stored (disk full): stop accepting until `false`.
    Hold(bool),
}

/// From a honeypot host to the supervisor, with the descriptor of the session's control connection attached,
/// from which the supervisor reads both addresses itself. Answered in order by one [`FromSupervisor`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSupervisor {
    /// A listener on the control connection's local address.
    Listen,
    /// A connection to this port of the control connection's peer.
    Connect {
        /// Ports below 1024 are refused: bounce.
        port: u16,
    },
}

/// The supervisor's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSupervisor {
    /// The descriptor of a listener is attached.
    Listening(SocketAddr),
    /// The descriptor of a connection in progress (non-blocking) is attached.
    Connecting,
    /// Refused or failed.
    Failed,
}

/// Why bytes are not a frame.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`].
    #[error("frame of {0} bytes is over the cap of {MAX_FRAME}")]
    TooLong(usize),
    /// Not of this shape.
    #[error("malformed frame: {0}")]
    Malformed(#[from] postcard::Error),
}

/// Encodes a frame.
///
/// # Errors
/// [`FrameError::TooLong`] when it does not fit.
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let bytes = postcard::to_stdvec(frame)?;
    if bytes.len() > MAX_FRAME { Err(FrameError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Decodes a frame from another process, which may be captured: anything but exactly one frame is refused.
///
/// # Errors
/// [`FrameError`] says how it is not a frame.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    if bytes.len() > MAX_FRAME {
        return Err(FrameError::TooLong(bytes.len()));
    }
    match postcard::take_from_bytes(bytes)? {
        (frame, []) => Ok(frame),
        _ => Err(FrameError::Malformed(postcard::Error::DeserializeBadEncoding)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_survive_and_trailing_bytes_do_not() {
        let frame = ToCore::Event { seq: 7, json: b"{}".to_vec() };
        let mut bytes = encode(&frame).unwrap();
        assert_eq!(decode::<ToCore>(&bytes).unwrap(), frame);
        bytes.push(0);
        assert!(decode::<ToCore>(&bytes).is_err());
        assert!(matches!(encode(&ToCore::Wire(vec![0; MAX_FRAME])), Err(FrameError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_the_decoder(bytes: Vec<u8>) {
            let _ = decode::<ToCore>(&bytes);
            let _ = decode::<FromCore>(&bytes);
            let _ = decode::<ToSupervisor>(&bytes);
        }
    }
}
