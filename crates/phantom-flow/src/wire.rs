//! What the capture host tells the core: flow notices, packet rows and counters, in bounded batches.
//!
//! The encoding is postcard. It crosses from a jailed process that hostile packets may have captured, so decoding is
//! strict: one batch, nothing after it, and names of applications and states only out of the closed sets
//! [`App`] and [`State`].

use std::net::IpAddr;

use phantom_core::event::{Endpoint, Flow, Transport};
use phantom_core::frame::MAX_FRAME;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::counters::WireCounters;
use crate::names::{App, State};

/// Longest encoded batch in bytes: what fits in a `ToCore::Wire` frame with its tag and length.
pub const MAX_BATCH: usize = MAX_FRAME - 16;

/// Upper bound of an encoded [`FlowNotice`] in bytes: key 41, two instants 20, nine counters 80, names 4, tags 4.
const NOTICE_BOUND: usize = 160;
/// Upper bound of an encoded [`PacketRow`] in bytes: instant 10, addresses 34, ports 6, lengths 10, three bytes 3, id 10.
const PACKET_BOUND: usize = 80;
/// Upper bound of the encoded counters and the two list lengths in bytes.
const FIXED_BOUND: usize = 10 * WireCounters::FIELDS + 20;

/// Who talked to whom, as seen from the initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FlowKey {
    /// How.
    pub transport: Transport,
    /// The initiator.
    pub src: Endpoint,
    /// The responder.
    pub dst: Endpoint,
}

/// Something worth telling about a flow. Instants are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FlowNotice {
    /// The first packet of a new flow.
    Opened {
        /// Instant of that packet.
        at: i64,
        /// Who and whom.
        key: FlowKey,
        /// Flags of that packet, 0 unless TCP (RFC 9293 section 3.1, CWR highest).
        tcp_flags: u8,
    },
    /// Increments since the last such notice of this flow: at most one a second per flow, never of nothing, and always
    /// before [`FlowNotice::Closed`].
    Activity {
        /// Instant of the last packet that is counted here.
        at: i64,
        /// Who and whom.
        key: FlowKey,
        /// HTTP requests that began.
        http_requests: u32,
        /// Logins that the server refused (FTP 530, HTTP 401).
        login_failures: u32,
    },
    /// The flow ended, or its record was cut (see [`Ended::Active`]).
    Closed(FlowRecord),
}

/// A flow from its first to its last packet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// Who and whom.
    pub key: FlowKey,
    /// Instant of the first packet, in microseconds since the epoch.
    pub first: i64,
    /// Instant of the last packet, in microseconds since the epoch.
    pub last: i64,
    /// Application, state and counters.
    #[serde(with = "flow_wire")]
    pub flow: Flow,
    /// All HTTP requests of this record.
    pub http_requests: u32,
    /// All refused logins of this record.
    pub login_failures: u32,
    /// Why the record ends.
    pub ended: Ended,
}

/// Why a flow record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ended {
    /// Both sides sent FIN.
    Fin,
    /// One side sent RST.
    Rst,
    /// Silence for the idle timeout.
    Idle,
    /// The record was cut at the active timeout while the conversation goes on: the next record of the same key
    /// follows without another [`FlowNotice::Opened`].
    Active,
    /// A new SYN took over the same addresses and ports.
    Reused,
    /// The table was full.
    Evicted,
    /// The capture ended, or its clock was set back.
    Capture,
}

/// One packet as a row of `packet_logs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRow {
    /// Microseconds since the Unix epoch.
    pub at: i64,
    /// Sender.
    pub src: IpAddr,
    /// Addressee.
    pub dst: IpAddr,
    /// 0 where the protocol has no ports or the packet is not the first fragment.
    pub src_port: u16,
    /// 0 where the protocol has no ports or the packet is not the first fragment.
    pub dst_port: u16,
    /// IANA protocol number of what IP carries, extension headers skipped.
    pub protocol: u8,
    /// IP total length as on the wire, in bytes.
    pub length: u32,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// 0 unless TCP.
    pub tcp_flags: u8,
    /// Bytes after the transport header, as on the wire.
    pub payload_len: u32,
    /// The flow it belongs to; 0 when it belongs to none (see [`crate::FlowTable`]).
    pub flow_id: u64,
}

/// What was seen since the previous batch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WireBatch {
    /// In the order they came about.
    pub notices: Vec<FlowNotice>,
    /// In the order of capture.
    pub packets: Vec<PacketRow>,
    /// Increments since the previous batch.
    pub counters: WireCounters,
}

impl WireBatch {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.packets.is_empty() && self.counters == WireCounters::default()
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.notices.clear();
        self.packets.clear();
        self.counters = WireCounters::default();
    }

    /// Cuts it into batches that each encode to at most [`MAX_BATCH`] bytes, in order; counters go with the first.
    pub fn split(&self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = Self { counters: self.counters, ..Self::default() };
        let mut size = FIXED_BOUND;
        for notice in &self.notices {
            if size + NOTICE_BOUND > MAX_BATCH {
                pieces.push(std::mem::take(&mut piece));
                size = FIXED_BOUND;
            }
            size += NOTICE_BOUND;
            piece.notices.push(notice.clone());
        }
        for packet in &self.packets {
            if size + PACKET_BOUND > MAX_BATCH {
                pieces.push(std::mem::take(&mut piece));
                size = FIXED_BOUND;
            }
            size += PACKET_BOUND;
            piece.packets.push(*packet);
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }
}

/// Why a batch cannot be encoded or bytes are not a batch.
#[derive(Debug, Error)]
pub enum WireError {
    /// Longer than [`MAX_BATCH`].
    #[error("wire batch of {0} bytes is over the cap of {MAX_BATCH}")]
    TooLong(usize),
    /// Not of this shape, or with a name outside the closed sets.
    #[error("malformed wire batch: {0}")]
    Malformed(#[from] postcard::Error),
}

/// Encodes a batch for a `ToCore::Wire` frame.
///
/// # Errors
/// [`WireError::TooLong`] when it does not fit (use [`encode_all`]); [`WireError::Malformed`] when a flow's `app` or
/// `state` is not a name of [`App`] or [`State`].
pub fn encode(batch: &WireBatch) -> Result<Vec<u8>, WireError> {
    let bytes = postcard::to_stdvec(batch)?;
    if bytes.len() > MAX_BATCH { Err(WireError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Encodes a batch of any size as as many messages as it needs, in order; none when it is empty.
///
/// # Errors
/// As [`encode`], but never [`WireError::TooLong`].
pub fn encode_all(batch: &WireBatch) -> Result<Vec<Vec<u8>>, WireError> {
    batch.split().iter().map(encode).collect()
}

/// Decodes one batch from another process. Memory stays within a small multiple of the input's length.
///
/// # Errors
/// [`WireError`] says how the bytes are not exactly one batch.
pub fn decode(bytes: &[u8]) -> Result<WireBatch, WireError> {
    if bytes.len() > MAX_BATCH {
        return Err(WireError::TooLong(bytes.len()));
    }
    match postcard::take_from_bytes(bytes)? {
        (batch, []) => Ok(batch),
        _ => Err(WireError::Malformed(postcard::Error::DeserializeBadEncoding)),
    }
}

/// [`Flow`] for postcard: its JSON form leaves out an absent application, which an encoding without field names cannot
/// follow, and names travel as numbers.
mod flow_wire {
    use super::{App, Flow, State};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

    type Row = (Option<App>, State, [u64; 7]);

    pub(super) fn serialize<S: Serializer>(flow: &Flow, s: S) -> Result<S::Ok, S::Error> {
        let app = flow.app.as_deref().map(|name| App::parse(name).ok_or_else(|| S::Error::custom("app")));
        let state = State::parse(&flow.state).ok_or_else(|| S::Error::custom("state"))?;
        let counts = [
            flow.duration_ms,
            flow.packets_out,
            flow.packets_in,
            flow.bytes_out,
            flow.bytes_in,
            flow.payload_out,
            flow.payload_in,
        ];
        let row: Row = (app.transpose()?, state, counts);
        row.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Flow, D::Error> {
        let (app, state, counts) = Row::deserialize(d).map_err(D::Error::custom)?;
        let [duration_ms, packets_out, packets_in, bytes_out, bytes_in, payload_out, payload_in] = counts;
        Ok(Flow {
            app: app.map(|app| app.as_str().to_owned()),
            state: state.as_str().to_owned(),
            duration_ms,
            packets_out,
            packets_in,
            bytes_out,
            bytes_in,
            payload_out,
            payload_in,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> FlowKey {
        let src = Endpoint { ip: [0xffu8; 16].into(), port: u16::MAX };
        FlowKey { transport: Transport::Other, src, dst: src }
    }

    fn largest_notice() -> FlowNotice {
        let max = u64::MAX;
        FlowNotice::Closed(FlowRecord {
            key: key(),
            first: i64::MIN,
            last: i64::MIN,
            flow: Flow {
                app: Some("dns".into()),
                state: "OTH".into(),
                duration_ms: max,
                packets_out: max,
                packets_in: max,
                bytes_out: max,
                bytes_in: max,
                payload_out: max,
                payload_in: max,
            },
            http_requests: u32::MAX,
            login_failures: u32::MAX,
            ended: Ended::Capture,
        })
    }

    fn largest_row() -> PacketRow {
        PacketRow {
            at: i64::MIN,
            src: key().src.ip,
            dst: key().dst.ip,
            src_port: u16::MAX,
            dst_port: u16::MAX,
            protocol: 255,
            length: u32::MAX,
            ttl: 255,
            tcp_flags: 255,
            payload_len: u32::MAX,
            flow_id: u64::MAX,
        }
    }

    #[test]
    fn the_bounds_hold_for_the_largest_of_each() {
        assert!(postcard::to_stdvec(&largest_notice()).unwrap().len() <= NOTICE_BOUND);
        assert!(postcard::to_stdvec(&largest_row()).unwrap().len() <= PACKET_BOUND);
        assert!(postcard::to_stdvec(&WireCounters::all(u64::MAX)).unwrap().len() + 20 <= FIXED_BOUND);
    }

    #[test]
    fn a_large_batch_crosses_in_pieces_in_order() {
        let batch = WireBatch {
            notices: vec![largest_notice(); 3000],
            packets: (0..9000).map(|at| PacketRow { at, ..largest_row() }).collect(),
            counters: WireCounters::all(u64::MAX),
        };
        assert!(matches!(encode(&batch), Err(WireError::TooLong(_))));
        let frames = encode_all(&batch).unwrap();
        assert!(frames.len() > 3);
        let mut whole = WireBatch::default();
        for frame in frames {
            let enclosed = phantom_core::frame::ToCore::Wire(frame.clone());
            assert!(phantom_core::frame::encode(&enclosed).is_ok());
            let mut piece = decode(&frame).unwrap();
            whole.notices.append(&mut piece.notices);
            whole.packets.append(&mut piece.packets);
            whole.counters.add(&piece.counters);
        }
        assert_eq!(whole, batch);
        assert!(encode_all(&WireBatch::default()).unwrap().is_empty());
    }

    #[test]
    fn an_absent_application_survives_and_strange_names_do_not() {
        let record = |app: Option<&str>, state: &str| {
            let FlowNotice::Closed(mut record) = largest_notice() else { unreachable!() };
            record.flow.app = app.map(str::to_owned);
            record.flow.state = state.to_owned();
            WireBatch { notices: vec![FlowNotice::Closed(record)], ..WireBatch::default() }
        };
        let batch = record(None, "S0");
        assert_eq!(decode(&encode(&batch).unwrap()).unwrap(), batch);
        assert!(encode(&record(Some("<script>"), "S0")).is_err());
        assert!(encode(&record(None, "S9")).is_err());
    }

    #[test]
    fn trailing_bytes_and_long_input_are_refused() {
        let mut bytes = encode(&WireBatch { packets: vec![largest_row()], ..WireBatch::default() }).unwrap();
        bytes.push(0);
        assert!(decode(&bytes).is_err());
        assert!(matches!(decode(&vec![0; MAX_BATCH + 1]), Err(WireError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_the_decoder(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
