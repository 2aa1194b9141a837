//! Writes the seeds that are built rather than recorded: `cargo run -p phantom-fuzz --example seeds`.

use std::io::Write as _;
use std::path::Path;

use phantom_core::frame::{FromCore, FromSupervisor, HostStatus, ToCore, ToSupervisor, encode};
use phantom_flow::{FlowConfig, FlowTable, LinkType, WireBatch, wire};
use phantom_testkit::packet::{PacketBuilder, SYN, TcpConversation, ethernet, pcap, pcapng};

type Frames = Vec<(i64, Vec<u8>)>;

const START: i64 = 1_700_000_000_000_000;

fn main() -> std::io::Result<()> {
    let talks = [("http", http()), ("ftp", ftp()), ("scan", scan()), ("odd", odd())];
    for (name, frames) in &talks {
        let lent = || frames.iter().map(|(at, bytes)| (*at, &bytes[..]));
        let plain = pcap(1, lent());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&plain)?;
        seed("capture", &format!("{name}.pcap"), &plain)?;
        seed("capture", &format!("{name}.pcapng"), &pcapng(1, lent()))?;
        seed("capture", &format!("{name}.pcap.gz"), &gzip.finish()?)?;
        // A step of 0 (16 means none), Ethernet, a length in one byte.
        let short = lent().filter(|(_, bytes)| bytes.len() < 256);
        let table: Vec<u8> = short.flat_map(|(_, b)| [&[17, 0, b.len() as u8], b].concat()).collect();
        seed("table", name, &table)?;
        let mut flows = FlowTable::new(FlowConfig::default());
        let mut batch = WireBatch::default();
        for (at, bytes) in lent() {
            flows.frame(at, LinkType::ETHERNET, bytes, 0, &mut batch);
        }
        flows.finish(&mut batch);
        let batch = wire::encode(&batch).map_err(std::io::Error::other)?;
        seed("batch", name, &batch)?;
        seed("engine", &format!("wire-{name}"), &batch)?;
    }
    for (number, (_, bytes)) in odd().iter().chain(&http()[..4]).enumerate() {
        seed("packet", &format!("ethernet-{number}"), &[&[0], &bytes[..]].concat())?;
        seed("packet", &format!("raw-{number}"), &[&[1], bytes.get(14..).unwrap_or_default()].concat())?;
    }
    frames()
}

fn frames() -> std::io::Result<()> {
    let put =
        |name: &str, bytes: Result<Vec<u8>, _>| seed("frame", name, &bytes.map_err(std::io::Error::other)?);
    put("event", encode(&ToCore::Event { seq: 1, json: b"{}".to_vec() }))?;
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    put(
        "artifact",
        encode(&ToCore::Artifact { seq: 2, sha256, offset: 0, total: 3, bytes: b"abc".to_vec() }),
    )?;
    put("wire", encode(&ToCore::Wire(vec![0; 8])))?;
    put("status", encode(&ToCore::Status(HostStatus { open: 1, sessions: 300, ..HostStatus::default() })))?;
    put("ack", encode(&FromCore::Ack { process: u64::MAX, through: 70_000 }))?;
    put("connect", encode(&ToSupervisor::Connect { port: 50_000 }))?;
    put("listening", encode(&FromSupervisor::Listening(([192, 0, 2, 2], 50_000).into())))
}

fn framed(talk: &TcpConversation, vlans: &[u16]) -> Frames {
    talk.packets().iter().map(|(at, ip)| (*at, ethernet(ip, vlans))).collect()
}

fn http() -> Frames {
    let mut talk = TcpConversation::new(("192.0.2.1", 40_000), ("192.0.2.2", 80), START, 1000);
    talk.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    talk.client(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b");
    talk.server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").close();
    framed(&talk, &[])
}

fn ftp() -> Frames {
    let mut talk = TcpConversation::new(("2001:db8::1", 40_001), ("2001:db8::2", 21), START, 1000);
    talk.open().server(b"220 (vsFTPd 3.0.3)\r\n");
    for _ in 0..3 {
        talk.client(b"USER a\r\n").server(b"331 Please specify the password.\r\n");
        talk.client(b"PASS b\r\n").server(b"530 Login incorrect.\r\n");
    }
    talk.reset(true);
    framed(&talk, &[7, 8])
}

fn scan() -> Frames {
    let packet = PacketBuilder::new("198.51.100.7", "192.0.2.2");
    (1..=40)
        .map(|port| {
            (START + i64::from(port) * 1000, ethernet(&packet.tcp((50_000, port), SYN, 1, 0, b""), &[]))
        })
        .collect()
}

/// What ordinary conversations do not hold: fragments, options, UDP, ICMP of both versions, unknown protocols.
fn odd() -> Frames {
    let (v4, v6) =
        (PacketBuilder::new("192.0.2.1", "192.0.2.2"), PacketBuilder::new("2001:db8::1", "2001:db8::2"));
    let dns = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
    let lost = v4.clone().ttl(1).udp((50_000, 33_434), b"trace");
    let packets = [
        v4.udp((5353, 53), dns),
        v6.udp((5353, 53), dns),
        v4.icmp(8, 0, b"ping"),
        v4.icmp(11, 0, &lost),
        v6.icmp(128, 0, b"ping"),
        v4.clone().options(&[7, 7, 4, 0, 0, 0, 0]).tcp((1, 2), SYN, 1, 0, b""),
        v4.clone().fragment(0, true).udp((1, 2), &[0; 24]),
        v4.clone().fragment(4, false).ip(17, &[0; 24]),
        v6.ip(0, b"\x3a\0\x05\x02\0\0\0\0\x80\0\0\0\0\0\0\0"),
        v6.ip(44, b"\x11\0\0\x01\0\0\0\x01\0\x01\0\x02\0\x08\0\0"),
        v4.ip(47, &[0, 0, 8, 0]),
    ];
    (0i64..).zip(packets).map(|(at, ip)| (START + at * 1000, ethernet(&ip, &[]))).collect()
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(target);
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join(name), bytes)
}
