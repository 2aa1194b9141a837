//! What hostile bytes may reach, one entry each for the fuzz targets. None may panic; what more each holds is said.

use crate::capture::{CaptureReader, open_stream};
use crate::packet::{LinkType, decode};
use crate::wire::{self, FlowNotice, WireBatch};
use crate::{FlowConfig, FlowTable};

/// A capture file of any kind, compressed or not: how many packets came before the end or the fault.
pub fn capture(bytes: &[u8]) -> u64 {
    let mut reader = CaptureReader::new(open_stream(bytes));
    let mut count = 0;
    while let Ok(Some(_)) = reader.next_packet() {
        count += 1;
    }
    count
}

/// A frame: its first byte picks the link type. Returns whether the payload captured is no longer than on the wire.
pub fn packet(bytes: &[u8]) -> bool {
    let Some((pick, frame)) = bytes.split_first() else { return true };
    let decoded = decode(link(*pick), frame, 0);
    decoded.packet.is_none_or(|packet| packet.payload.len() <= packet.payload_len as usize)
}

/// Frames, each behind a step in time, a link type and a length, into a small flow table. Returns whether every flow
/// that was opened was closed and nothing is left.
pub fn table(mut bytes: &[u8]) -> bool {
    let mut table = FlowTable::new(FlowConfig { max_flows: 8, ..FlowConfig::default() });
    let (mut out, mut at) = (WireBatch::default(), 0i64);
    while let Some(([step, pick, len], rest)) = bytes.split_first_chunk::<3>() {
        let (frame, rest) = rest.split_at_checked(usize::from(*len)).unwrap_or((rest, &[]));
        at = at.saturating_add((i64::from(*step) - 16) << (step & 31));
        table.frame(at, link(*pick), frame, 0, &mut out);
        bytes = rest;
    }
    table.finish(&mut out);
    let opened = out.notices.iter().filter(|notice| matches!(notice, FlowNotice::Opened { .. })).count();
    let closed = out.notices.iter().filter(|notice| matches!(notice, FlowNotice::Closed(_))).count();
    table.is_empty() && opened <= closed
}

/// An encoded batch. Returns whether what was read survives being written.
pub fn batch(bytes: &[u8]) -> bool {
    let Ok(batch) = wire::decode(bytes) else { return true };
    match wire::encode(&batch) {
        Ok(again) => wire::decode(&again).is_ok_and(|read| read == batch),
        // Numbers may have been written longer than need be, never shorter.
        Err(_) => false,
    }
}

fn link(pick: u8) -> LinkType {
    [
        LinkType::ETHERNET,
        LinkType::RAW,
        LinkType::LINUX_SLL,
        LinkType::LINUX_SLL2,
        LinkType::NULL,
        LinkType::LOOP,
        LinkType::IPV6,
    ]
    .get(usize::from(pick))
    .copied()
    .unwrap_or(LinkType(u16::from(pick)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_testkit::packet::{TcpConversation, pcap};
    use proptest::prelude::*;

    #[test]
    fn sound_input_goes_all_the_way() {
        let mut talk = TcpConversation::new(("192.0.2.1", 1), ("192.0.2.2", 80), 0, 1);
        talk.open().client(b"GET / HTTP/1.1\r\n\r\n").close();
        assert_eq!(capture(&pcap(101, talk.packets().iter().map(|(at, bytes)| (*at, &bytes[..])))), 8);
        let frames: Vec<u8> =
            talk.packets().iter().flat_map(|(_, b)| [&[17, 1, b.len() as u8], &b[..]].concat()).collect();
        assert!(table(&frames));
        assert!(packet(&frames[1..]));
        assert!(batch(&wire::encode(&WireBatch::default()).unwrap()));
    }

    proptest! {
        #[test]
        fn any_input_holds(bytes: Vec<u8>) {
            capture(&bytes);
            prop_assert!(packet(&bytes));
            prop_assert!(table(&bytes));
            prop_assert!(batch(&bytes));
        }
    }
}
