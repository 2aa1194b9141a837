use super::*;
use phantom_testkit::packet::{PacketBuilder, SYN, ethernet};
use proptest::prelude::*;

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.2";

fn raw(bytes: &[u8]) -> Decoded<'_> {
    decode(LinkType::RAW, bytes, bytes.len() as u32)
}

fn packet(bytes: &[u8]) -> Packet<'_> {
    raw(bytes).packet.expect("a packet")
}

#[test]
fn a_segment_is_read_whole() {
    let bytes = PacketBuilder::new(A, B).ttl(9).tcp((1234, 80), SYN, 7, 8, b"hello");
    let packet = packet(&bytes);
    assert_eq!((packet.src.to_string(), packet.dst.to_string()), (A.to_owned(), B.to_owned()));
    assert_eq!((packet.src_port, packet.dst_port, packet.tcp_flags, packet.window), (1234, 80, SYN, 64_240));
    assert_eq!((packet.seq, packet.ack, packet.ttl, packet.length), (7, 8, 9, 45));
    assert_eq!((packet.payload, packet.payload_len, packet.whole), (&b"hello"[..], 5, true));
}

#[test]
fn every_link_leads_to_the_same_packet() {
    for ip in [
        PacketBuilder::new(A, B).udp((1, 2), b"x"),
        PacketBuilder::new("2001:db8::1", "2001:db8::2").udp((1, 2), b"x"),
    ] {
        let kind: [u8; 2] = if ip[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        let before = |head: &[u8]| [head, &ip].concat();
        for (link, frame) in [
            (LinkType::ETHERNET, ethernet(&ip, &[])),
            (LinkType::ETHERNET, ethernet(&ip, &[7])),
            (LinkType::ETHERNET, ethernet(&ip, &[7, 8])),
            (LinkType::LINUX_SLL, before(&[&[0; 14], &kind[..]].concat())),
            (LinkType::LINUX_SLL2, before(&[&kind[..], &[0; 18]].concat())),
            (LinkType::NULL, before(&[2, 0, 0, 0])),
            (LinkType::LOOP, before(&[0, 0, 0, 30])),
            (LinkType::RAW, ip.clone()),
            (LinkType(12), ip.clone()),
        ] {
            let decoded = decode(link, &frame, frame.len() as u32);
            assert_eq!(decoded.packet, Some(packet(&ip)), "{link:?}");
            assert_eq!(decoded.findings, Findings::default(), "{link:?}");
        }
    }
}

#[test]
fn options_extensions_and_padding_are_passed_over() {
    let bytes = PacketBuilder::new(A, B).options(&[1, 1, 1, 1, 0]).udp((1, 2), b"x");
    assert_eq!((packet(&bytes).payload, packet(&bytes).length), (&b"x"[..], 37));
    assert!(raw(&bytes).findings.has(Findings::OPTIONS));

    let udp = PacketBuilder::new("2001:db8::1", "2001:db8::2").udp((1, 2), b"x");
    let mut chain = vec![60, 0, 0, 0, 0, 0, 0, 0, 51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 4];
    chain.extend([0; 22]);
    chain.extend(&udp[40..]);
    let bytes = PacketBuilder::new("2001:db8::1", "2001:db8::2").ip(0, &chain);
    assert_eq!(
        (packet(&bytes).protocol, packet(&bytes).dst_port, packet(&bytes).payload),
        (17, 2, &b"x"[..])
    );

    // Ethernet pads to 60 bytes: padding is no payload.
    let mut frame = ethernet(&PacketBuilder::new(A, B).udp((1, 2), b"x"), &[]);
    frame.resize(60, 0xee);
    assert_eq!(decode(LinkType::ETHERNET, &frame, 60).packet.unwrap().payload, b"x");
}

#[test]
fn fragments_are_told_apart() {
    let first = PacketBuilder::new(A, B).fragment(0, true).udp((1, 2), b"start");
    let later = PacketBuilder::new(A, B).fragment(3, false).ip(17, b"not a header at all");
    assert!(packet(&first).whole && packet(&first).dst_port == 2);
    assert!(!packet(&later).whole && packet(&later).dst_port == 0 && packet(&later).payload_len == 19);
    assert!(raw(&first).findings.has(Findings::FRAGMENT) && raw(&later).findings.has(Findings::FRAGMENT));
    let v6 = |field: u8| {
        PacketBuilder::new("2001:db8::1", "2001:db8::2")
            .ip(44, &[17, 0, 0, field, 0, 0, 0, 1, 0, 1, 0, 2, 0, 9, 0, 0, b'x'])
    };
    assert!(packet(&v6(0)).whole && raw(&v6(0)).findings == Findings::OPTIONS);
    assert!(packet(&v6(1)).whole && raw(&v6(1)).findings.has(Findings::FRAGMENT));
    assert!(!packet(&v6(8)).whole && packet(&v6(8)).protocol == 17);
}

#[test]
fn lies_about_length_are_findings() {
    let whole = PacketBuilder::new(A, B).tcp((1, 2), SYN, 0, 0, b"hello");
    let with = |at: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes.splice(at..at + value.len(), value.iter().copied());
        bytes
    };
    assert!(raw(&with(2, &[0, 10])).findings.has(Findings::BAD_LENGTH));
    let longer = with(2, &[1, 0]);
    assert!(raw(&longer).findings.has(Findings::BAD_LENGTH));
    assert_eq!((packet(&longer).length, packet(&longer).payload_len), (256, 5));
    assert!(raw(&with(0, &[0x44])).findings.has(Findings::BAD_HEADER));
    assert!(raw(&with(0, &[0x75])).findings.has(Findings::BAD_HEADER));
    let offset = with(32, &[0x40]);
    assert!(raw(&offset).findings.has(Findings::BAD_HEADER) && !packet(&offset).whole);
    // Segmentation offload: the length is the frame's.
    assert_eq!((packet(&with(2, &[0, 0])).length, packet(&with(2, &[0, 0])).payload_len), (45, 5));
    let udp = PacketBuilder::new(A, B).udp((1, 2), b"hello");
    let mut lying = udp.clone();
    lying[25] = 200;
    assert!(raw(&lying).findings.has(Findings::BAD_LENGTH));
    lying[25] = 10;
    assert_eq!((packet(&lying).payload_len, packet(&lying).payload), (2, &b"he"[..]));
    assert!(raw(&udp[..24]).findings.has(Findings::BAD_LENGTH));
}

#[test]
fn a_short_snapshot_keeps_the_lengths_of_the_wire() {
    let frame = ethernet(&PacketBuilder::new(A, B).tcp((1, 2), SYN, 0, 0, &[b'x'; 1000]), &[]);
    let decoded = decode(LinkType::ETHERNET, &frame[..96], frame.len() as u32);
    let packet = decoded.packet.unwrap();
    assert_eq!((packet.payload.len(), packet.payload_len, packet.length), (42, 1000, 1040));
    assert_eq!(decoded.findings, Findings::default());
    let cut = decode(LinkType::ETHERNET, &frame[..40], frame.len() as u32);
    assert!(cut.findings.has(Findings::TRUNCATED) && !cut.packet.unwrap().whole);
}

#[test]
fn icmp_tells_errors_from_messages() {
    let v4 = |kind| PacketBuilder::new(A, B).icmp(kind, 1, b"data");
    assert_eq!((packet(&v4(3)).icmp, packet(&v4(3)).is_icmp_error()), ([3, 1], true));
    assert!(!packet(&v4(8)).is_icmp_error());
    let v6 = |kind| PacketBuilder::new("2001:db8::1", "2001:db8::2").icmp(kind, 0, b"data");
    assert!(packet(&v6(1)).is_icmp_error() && !packet(&v6(128)).is_icmp_error());
    assert_eq!((packet(&v6(128)).protocol, packet(&v6(128)).payload_len), (58, 4));
    assert_eq!(packet(&PacketBuilder::new(A, B).ip(47, b"gre")).transport(), Transport::Other);
}

#[test]
fn every_beginning_of_a_frame_is_survived_and_said() {
    let tcp =
        ethernet(&PacketBuilder::new("2001:db8::1", "2001:db8::2").tcp((1, 2), SYN, 0, 0, b"hello"), &[1, 2]);
    for len in 0..tcp.len() {
        let decoded = decode(LinkType::ETHERNET, &tcp[..len], tcp.len() as u32);
        let whole = decoded.packet.is_some_and(|packet| packet.whole);
        assert_eq!(whole, !decoded.findings.has(Findings::TRUNCATED), "{len}");
    }
    assert!(decode(LinkType::NULL, &[1, 2], 2).findings.has(Findings::TRUNCATED));
    assert!(decode(LinkType::NULL, &[9; 30], 30).findings.has(Findings::NOT_IP));
    assert!(decode(LinkType::ETHERNET, &[0; 30], 30).findings.has(Findings::NOT_IP));
    let endless =
        PacketBuilder::new("2001:db8::1", "2001:db8::2").ip(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(40));
    assert!(raw(&endless).findings.has(Findings::BAD_HEADER));
}

proptest! {
    #[test]
    fn no_bytes_panic_the_decoder(link in 0..300u16, first: u8, mut bytes: Vec<u8>, wire: u32) {
        let _ = decode(LinkType(link), &bytes, wire);
        bytes.insert(0, [0x45, 0x60][usize::from(first % 2)]);
        let decoded = decode(LinkType::RAW, &bytes, wire);
        if let Some(packet) = decoded.packet {
            prop_assert!(packet.payload.len() <= packet.payload_len as usize);
        }
    }
}
