use super::*;
use phantom_testkit::packet::{pcap, pcapng, pcapng_block, pcapng_interface, pcapng_section};
use proptest::prelude::*;
use std::io::Write as _;

/// Instant, link type, length on the wire, bytes.
type Row = (i64, u16, u32, Vec<u8>);

/// Everything before the end or the fault, and the fault.
fn read(bytes: &[u8]) -> (Vec<Row>, Option<CaptureError>) {
    read_from(bytes)
}

fn read_from(source: impl Read) -> (Vec<Row>, Option<CaptureError>) {
    let mut reader = CaptureReader::new(open_stream(source));
    let mut packets = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(found)) => packets.push((found.at, found.link.0, found.wire_len, found.bytes.to_vec())),
            Ok(None) => return (packets, None),
            Err(fault) => {
                assert!(matches!(reader.next_packet(), Ok(None)), "after a fault comes the end");
                return (packets, Some(fault));
            }
        }
    }
}

/// Gives its bytes in pieces of this many.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(buf.len());
        self.0.take(len as u64).read(buf).inspect(|got| self.0 = &self.0[*got..])
    }
}

fn sample() -> Vec<(i64, &'static [u8])> {
    vec![(1_700_000_000_000_001, b"one"), (1_700_000_001_000_000, b""), (1_700_000_001_000_002, b"three")]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gzip member of stored blocks (RFC 1951, 3.2.4) without its end.
fn deflate_stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for block in bytes.chunks(60_000) {
        let len = block.len() as u16;
        out.push(0);
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out
}

#[test]
fn all_four_magics_say_the_same() {
    let words = |magic: u32, fraction: u32, big: bool| {
        let words = [magic, 0x0004_0002, 0, 0, 65_535, 0x1000_0001, 7, fraction, 2, 60];
        let mut bytes: Vec<u8> =
            words.iter().flat_map(|w: &u32| if big { w.to_be_bytes() } else { w.to_le_bytes() }).collect();
        bytes.extend(b"ab");
        bytes
    };
    for (magic, fraction) in [(0xa1b2_c3d4, 5), (0xa1b2_3c4d, 5999)] {
        for big in [false, true] {
            let (packets, fault) = read(&words(magic, fraction, big));
            assert!(fault.is_none());
            assert_eq!(packets, [(7_000_005, 1, 60, b"ab".to_vec())]);
        }
    }
}

#[test]
fn both_formats_and_gzip_carry_the_same_packets() {
    let expected: Vec<_> =
        sample().into_iter().map(|(at, bytes)| (at, 101, bytes.len() as u32, bytes.to_vec())).collect();
    for file in [pcap(101, sample()), pcapng(101, sample())] {
        for bytes in [file.clone(), gzip(&file)] {
            let (packets, fault) = read(&bytes);
            assert!(fault.is_none());
            assert_eq!(packets, expected);
        }
    }
    let file = pcap(101, sample());
    let (head, tail) = file.split_at(40);
    assert_eq!(read(&[gzip(head), gzip(tail)].concat()).0, expected, "members of one gzip file join");
    assert!(read(b"").0.is_empty() && read(b"").1.is_none());
}

#[test]
fn a_cut_gives_what_came_before_and_names_its_byte() {
    let file = pcap(1, sample());
    for len in 1..file.len() {
        let (packets, fault) = read(&file[..len]);
        match fault {
            Some(CaptureError::Unknown) => assert!(len < 4),
            Some(CaptureError::Truncated { offset, what }) => {
                let expected = match len {
                    ..24 => (0, 0, "the file header"),
                    24..40 => (0, 24, "a packet header"),
                    40..43 => (0, 24, "a packet"),
                    43..59 => (1, 43, "a packet header"),
                    59..75 => (2, 59, "a packet header"),
                    _ => (2, 59, "a packet"),
                };
                assert_eq!((packets.len(), offset, what), expected, "{len}");
            }
            None => assert!(matches!(len, 24 | 43 | 59)),
            other => panic!("{len}: {other:?}"),
        }
    }
    let file = pcapng(1, sample());
    let (packets, fault) = read(&file[..file.len() - 1]);
    assert_eq!(packets.len(), 2);
    assert_eq!(fault.unwrap().to_string(), "cut off at byte 116 within a block");
}

#[test]
fn a_damaged_gzip_gives_what_came_before() {
    // Random-looking packets, so that the compressed form is long enough to be cut in the middle.
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = pcap(1, noise.chunks(1000).map(|bytes| (0, bytes)));
    let zipped = gzip(&file);
    let half = zipped.len() / 2;
    let (before, fault) = read(&zipped[..half]);
    assert!(before.len() > 50 && before.len() < 200);
    assert!(matches!(fault, Some(CaptureError::Io { offset, .. }) if offset > 1000));
    // A block of a kind that does not exist, right behind what was sound: not one byte less is read.
    let mut broken = deflate_stored(&file[..100_024]);
    broken.extend([0xff; 100]);
    for size in [1, 7, 1 << 20] {
        let mut reader = CaptureReader::new(open_stream(Dribble(&broken, size)));
        let sound = std::iter::from_fn(|| reader.next_packet().ok().flatten().map(|_| ())).count();
        assert_eq!(sound, 100_000 / 1016, "reads of {size} bytes");
    }
}

#[test]
fn gzip_headers_and_trailers_are_held_to_their_format() {
    let file = pcap(101, sample());
    let plain = gzip(&file);
    let mut full = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 2, 0, b'x', b'y'];
    full.extend(b"name\0comment\0\0\0");
    full.extend(&plain[10..]);
    let (packets, fault) = read(&full);
    assert!(packets.len() == 3 && fault.is_none(), "{fault:?}");
    let spoilt = |at: usize, with: u8| {
        let mut bytes = plain.clone();
        bytes[at] ^= with;
        let (packets, fault) = read(&bytes);
        (packets.len(), fault.map(|fault| fault.to_string()).unwrap_or_default())
    };
    let end = plain.len();
    assert!(spoilt(end - 8, 1).1.ends_with("its checksum does not match"), "{:?}", spoilt(end - 8, 1));
    assert_eq!(spoilt(end - 8, 1).0, 3, "the packets were sound as far as anyone can know");
    assert!(spoilt(end - 1, 1).1.ends_with("its length does not match"));
    assert!(spoilt(2, 1).1.ends_with("no gzip member begins here"));
    assert!(spoilt(3, 0x80).1.ends_with("no gzip member begins here"));
    assert!(read(&[plain, b"tail of something".to_vec()].concat()).1.is_some());
}

#[test]
fn hostile_lengths_are_refused_before_memory_is_taken() {
    let mut file = pcap(1, sample());
    file[32..36].copy_from_slice(&(MAX_PACKET as u32 + 1).to_le_bytes());
    assert_eq!(read(&file).1.unwrap().to_string(), "corrupt at byte 24: a packet longer than 256 KiB");
    let head = [pcapng_section(), pcapng_interface(1, &[])].concat();
    let with = |kind: u32, body: &[u8]| {
        read(&[head.clone(), pcapng_block(kind, body)].concat()).1.unwrap().to_string()
    };
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(with(6, &words(&[0, 0, 0, 90, 90])), "corrupt at byte 48: a packet longer than its block");
    assert_eq!(with(6, &words(&[0, 0, 0, u32::MAX, 9])), "corrupt at byte 48: a packet longer than 256 KiB");
    assert!(with(6, &words(&[1, 0, 0, 0, 0])).ends_with("an interface that was never described"));
    assert!(with(6, &words(&[0])).ends_with("a packet block that is too short"));
    assert!(with(1, &[1]).ends_with("an interface block that is too short"));
    let huge = words(&[6, 0x7fff_fff0, 0]);
    assert!(read(&[head.clone(), huge].concat()).1.unwrap().to_string().ends_with("longer than 512 KiB"));
    let odd = words(&[6, 13, 0]);
    assert!(read(&[head.clone(), odd].concat()).1.unwrap().to_string().ends_with("that is impossible"));
    let mut differs = [head.clone(), pcapng_block(6, &words(&[0, 0, 0, 0, 0]))].concat();
    *differs.last_mut().unwrap() = 9;
    assert!(read(&differs).1.unwrap().to_string().ends_with("whose two lengths differ"));
    let many = [head, pcapng_interface(1, &[]).repeat(5000)].concat();
    assert!(read(&many).1.unwrap().to_string().ends_with("more than 4096 interfaces in a section"));
    assert!(matches!(read(b"GET / HTTP/1.1\r\n").1, Some(CaptureError::Unknown)));
}

#[test]
fn sections_interfaces_and_resolutions() {
    let packet = |interface: u32, ticks: u64| {
        let mut body = Vec::new();
        for word in [interface, (ticks >> 32) as u32, ticks as u32, 1, 1] {
            body.extend(word.to_le_bytes());
        }
        body.push(b'x');
        pcapng_block(6, &body)
    };
    let resolution = |value: u8| vec![9, 0, 1, 0, value, 0, 0, 0];
    let mut offset = vec![14, 0, 8, 0];
    offset.extend(100i64.to_le_bytes());
    let mut file = pcapng_section();
    for options in
        [resolution(9), resolution(3), resolution(0x80 | 10), offset, resolution(200), resolution(12)]
    {
        file.extend(pcapng_interface(1, &options));
    }
    file.extend(pcapng_block(0x0bad, &[0; 40]));
    for (interface, ticks) in [(0, 5_000_001_999), (1, 7), (2, 1536), (3, 9), (4, u64::MAX), (5, 3_000_000)] {
        file.extend(packet(interface, ticks));
    }
    // A simple packet takes the instant before it; the obsolete block has its own layout.
    let mut simple = 3u32.to_le_bytes().to_vec();
    simple.extend(b"abc");
    file.extend(pcapng_block(3, &simple));
    let mut obsolete = vec![1, 0, 0, 0];
    for word in [0u32, 8, 2, 9] {
        obsolete.extend(word.to_le_bytes());
    }
    obsolete.extend(b"ob");
    file.extend(pcapng_block(2, &obsolete));
    // A second section, big-endian: its interfaces are its own.
    let big = |words: &[u32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    file.extend(big(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, u32::MAX, u32::MAX, 28]));
    file.extend(big(&[1, 20, 101 << 16, 0, 20]));
    file.extend(big(&[6, 36, 0, 0, 77, 4, 4, 0x6162_6364, 36]));
    let (packets, fault) = read(&file);
    assert!(fault.is_none(), "{fault:?}");
    let instants: Vec<_> = packets.iter().map(|p| p.0).collect();
    assert_eq!(instants, [5_000_001, 7000, 1_500_000, 100_000_009, 3906, 3, 3, 8000, 77]);
    assert_eq!(
        (packets[6].3.as_slice(), packets[7].3.as_slice(), packets[7].2),
        (&b"abc"[..], &b"ob"[..], 9)
    );
    assert_eq!((packets[8].1, packets[8].3.as_slice()), (101, &b"abcd"[..]));
}

proptest! {
    #[test]
    fn pieces_of_any_size_change_nothing(size in 1..9usize, ng: bool, zip: bool) {
        let file = if ng { pcapng(1, sample()) } else { pcap(1, sample()) };
        let file = if zip { gzip(&file) } else { file };
        prop_assert_eq!(read_from(Dribble(&file, size)).0, read(&file).0);
    }

    #[test]
    fn no_bytes_panic_the_reader(kind in 0..6u8, mut bytes: Vec<u8>, flip: (u16, u8)) {
        let head = match kind {
            0 => vec![],
            1 => pcap(1, []),
            2 => [pcapng_section(), pcapng_interface(1, &[])].concat(),
            _ => pcapng(1, sample()),
        };
        bytes.splice(0..0, head);
        let at = usize::from(flip.0) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= flip.1;
        }
        crate::fuzz::capture(&bytes);
    }
}
