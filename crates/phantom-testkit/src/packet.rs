//! Builds frames, TCP conversations and captures, with correct lengths and checksums.

use std::net::IpAddr;

/// FIN flag.
pub const FIN: u8 = 0x01;
/// SYN flag.
pub const SYN: u8 = 0x02;
/// RST flag.
pub const RST: u8 = 0x04;
/// PSH flag.
pub const PSH: u8 = 0x08;
/// ACK flag.
pub const ACK: u8 = 0x10;

/// One IP packet in the making. Both addresses must be of the same version.
#[derive(Debug, Clone)]
pub struct PacketBuilder {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    options: Vec<u8>,
    fragment: u16,
}

impl PacketBuilder {
    /// From one address to another, with a TTL of 64.
    ///
    /// # Panics
    /// When an address cannot be parsed.
    pub fn new(src: &str, dst: &str) -> Self {
        Self::between(src.parse().expect("source address"), dst.parse().expect("destination address"))
    }

    /// From one address to another, with a TTL of 64.
    pub fn between(src: IpAddr, dst: IpAddr) -> Self {
        Self { src, dst, ttl: 64, options: Vec::new(), fragment: 0 }
    }

    /// Sets the time to live or hop limit.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets IPv4 options, padded to four bytes with zeros.
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self.options.resize(options.len().next_multiple_of(4), 0);
        self
    }

    /// Makes it an IPv4 fragment: offset in units of eight bytes, and whether more follow.
    pub fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.fragment = offset | u16::from(more) << 13;
        self
    }

    /// A TCP segment with a window of 64,240.
    pub fn tcp(&self, ports: (u16, u16), flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let mut segment = Vec::with_capacity(20 + payload.len());
        segment.extend(ports.0.to_be_bytes());
        segment.extend(ports.1.to_be_bytes());
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags]);
        segment.extend(64_240u16.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(payload);
        self.sealed(6, segment, 16)
    }

    /// A UDP datagram.
    pub fn udp(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(8 + payload.len());
        datagram.extend(ports.0.to_be_bytes());
        datagram.extend(ports.1.to_be_bytes());
        datagram.extend((8 + payload.len() as u16).to_be_bytes());
        datagram.extend([0; 2]);
        datagram.extend(payload);
        self.sealed(17, datagram, 6)
    }

    /// An ICMP or ICMPv6 message (by the addresses' version), the four bytes after the checksum zero.
    pub fn icmp(&self, kind: u8, code: u8, payload: &[u8]) -> Vec<u8> {
        let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
        message.extend(payload);
        self.sealed(if self.src.is_ipv6() { 58 } else { 1 }, message, 2)
    }

    /// An IP packet of any protocol.
    pub fn ip(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(40 + payload.len());
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let header_len = 20 + self.options.len();
                packet.extend([0x40 | (header_len / 4) as u8, 0]);
                packet.extend(((header_len + payload.len()) as u16).to_be_bytes());
                packet.extend([0, 0]);
                packet.extend(self.fragment.to_be_bytes());
                packet.extend([self.ttl, protocol, 0, 0]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
                packet.extend(&self.options);
                let sum = checksum(&[&packet]);
                packet.splice(10..12, sum.to_be_bytes());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                packet.extend([0x60, 0, 0, 0]);
                packet.extend((payload.len() as u16).to_be_bytes());
                packet.extend([protocol, self.ttl]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
            }
            _ => panic!("addresses of two versions"),
        }
        packet.extend(payload);
        packet
    }

    /// Puts the checksum at `at` and the IP header in front.
    fn sealed(&self, protocol: u8, mut payload: Vec<u8>, at: usize) -> Vec<u8> {
        let mut pseudo = Vec::new();
        // ICMP over IPv4 has no pseudo-header (RFC 792).
        if protocol != 1 {
            for address in [self.src, self.dst] {
                match address {
                    IpAddr::V4(address) => pseudo.extend(address.octets()),
                    IpAddr::V6(address) => pseudo.extend(address.octets()),
                }
            }
            pseudo.extend((payload.len() as u32).to_be_bytes());
            pseudo.extend([0, 0, 0, protocol]);
        }
        let sum = checksum(&[&pseudo, &payload]);
        // A UDP checksum of zero would mean "none" (RFC 768).
        let sum = if protocol == 17 && sum == 0 { 0xffff } else { sum };
        payload.splice(at..at + 2, sum.to_be_bytes());
        self.ip(protocol, &payload)
    }
}

/// The Internet checksum (RFC 1071) of the parts joined; every part but the last must be of even length.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IP packet in an Ethernet frame, with VLAN tags from the outermost.
pub fn ethernet(ip: &[u8], vlans: &[u16]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (depth, vlan) in vlans.iter().enumerate() {
        let outer = depth + 1 < vlans.len();
        frame.extend(if outer { [0x88, 0xa8] } else { [0x81, 0x00] });
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(if ip.first().is_some_and(|byte| byte >> 4 == 6) { [0x86, 0xdd] } else { [0x08, 0x00] });
    frame.extend(ip);
    frame
}

/// A TCP conversation, packet by packet, each as an IP packet with its instant in microseconds.
#[derive(Debug, Clone)]
pub struct TcpConversation {
    client: PacketBuilder,
    server: PacketBuilder,
    ports: (u16, u16),
    seq: [u32; 2],
    now: i64,
    step: i64,
    packets: Vec<(i64, Vec<u8>)>,
}

impl TcpConversation {
    /// Nothing sent yet; each packet advances time by `step` microseconds.
    ///
    /// # Panics
    /// When an address cannot be parsed.
    pub fn new(client: (&str, u16), server: (&str, u16), start: i64, step: i64) -> Self {
        Self {
            client: PacketBuilder::new(client.0, server.0),
            server: PacketBuilder::new(server.0, client.0),
            ports: (client.1, server.1),
            seq: [1000, 500_000],
            now: start,
            step,
            packets: Vec::new(),
        }
    }

    /// SYN, SYN-ACK, ACK.
    pub fn open(&mut self) -> &mut Self {
        self.raw(true, SYN, b"").raw(false, SYN | ACK, b"").raw(true, ACK, b"")
    }

    /// Data from the client and the server's ACK.
    pub fn client(&mut self, data: &[u8]) -> &mut Self {
        self.raw(true, PSH | ACK, data).raw(false, ACK, b"")
    }

    /// Data from the server and the client's ACK.
    pub fn server(&mut self, data: &[u8]) -> &mut Self {
        self.raw(false, PSH | ACK, data).raw(true, ACK, b"")
    }

    /// FIN from the client, FIN from the server, ACK.
    pub fn close(&mut self) -> &mut Self {
        self.raw(true, FIN | ACK, b"").raw(false, FIN | ACK, b"").raw(true, ACK, b"")
    }

    /// RST from one side.
    pub fn reset(&mut self, from_client: bool) -> &mut Self {
        self.raw(from_client, RST | ACK, b"")
    }

    /// One segment of any flags at the right sequence numbers.
    pub fn raw(&mut self, from_client: bool, flags: u8, data: &[u8]) -> &mut Self {
        let [client, server] = self.seq;
        let packet = if from_client {
            let ack = if flags & ACK == 0 { 0 } else { server };
            self.client.tcp(self.ports, flags, client, ack, data)
        } else {
            let ack = if flags & ACK == 0 { 0 } else { client };
            self.server.tcp((self.ports.1, self.ports.0), flags, server, ack, data)
        };
        let advance = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        let side = usize::from(!from_client);
        self.seq[side] = self.seq[side].wrapping_add(advance);
        self.packets.push((self.now, packet));
        self.now += self.step;
        self
    }

    /// Lets time pass, in microseconds.
    pub fn wait(&mut self, micros: i64) -> &mut Self {
        self.now += micros;
        self
    }

    /// What was sent so far: instants in microseconds and IP packets.
    pub fn packets(&self) -> &[(i64, Vec<u8>)] {
        &self.packets
    }
}

/// A pcap file (little-endian, microseconds) of these instants and frames.
pub fn pcap<'a>(link: u32, packets: impl IntoIterator<Item = (i64, &'a [u8])>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, link] {
        file.extend(word.to_le_bytes());
    }
    for (at, bytes) in packets {
        for word in [(at / 1_000_000) as u32, (at % 1_000_000) as u32, bytes.len() as u32, bytes.len() as u32]
        {
            file.extend(word.to_le_bytes());
        }
        file.extend(bytes);
    }
    file
}

/// One pcapng block (little-endian): its length fields and padding put around `body`.
pub fn pcapng_block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = (12 + body.len().next_multiple_of(4)) as u32;
    let mut block = Vec::new();
    block.extend(kind.to_le_bytes());
    block.extend(len.to_le_bytes());
    block.extend(body);
    block.resize(len as usize - 4, 0);
    block.extend(len.to_le_bytes());
    block
}

/// A pcapng file of one section and one interface with microseconds.
pub fn pcapng<'a>(link: u16, packets: impl IntoIterator<Item = (i64, &'a [u8])>) -> Vec<u8> {
    let mut file = pcapng_section();
    file.extend(pcapng_interface(link, &[]));
    for (at, bytes) in packets {
        let mut body = Vec::new();
        for word in [0, (at >> 32) as u32, at as u32, bytes.len() as u32, bytes.len() as u32] {
            body.extend(word.to_le_bytes());
        }
        body.extend(bytes);
        file.extend(pcapng_block(6, &body));
    }
    file
}

/// A section header block (little-endian).
pub fn pcapng_section() -> Vec<u8> {
    let mut body = 0x1a2b_3c4du32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    pcapng_block(0x0a0d_0d0a, &body)
}

/// An interface description block (little-endian) with options already encoded.
pub fn pcapng_interface(link: u16, options: &[u8]) -> Vec<u8> {
    let mut body = link.to_le_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(262_144u32.to_le_bytes());
    body.extend(options);
    pcapng_block(1, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_verify_to_zero() {
        let packet =
            PacketBuilder::new("192.0.2.1", "192.0.2.2").ttl(3).options(&[1]).tcp((1, 2), SYN, 7, 0, b"abc");
        assert_eq!(checksum(&[&packet[..24]]), 0);
        assert_eq!((packet[0], packet[8], packet.len()), (0x46, 3, 24 + 23));
        let pseudo = [&packet[12..20], &[0, 0, 0, 23, 0, 0, 0, 6]].concat();
        assert_eq!(checksum(&[&pseudo, &packet[24..]]), 0);
        let v6 = PacketBuilder::new("2001:db8::1", "2001:db8::2").icmp(128, 0, b"x");
        let pseudo = [&v6[8..40], &[0, 0, 0, 9, 0, 0, 0, 58]].concat();
        assert_eq!(checksum(&[&pseudo, &v6[40..]]), 0);
    }

    #[test]
    fn a_conversation_numbers_its_segments() {
        let mut talk = TcpConversation::new(("192.0.2.1", 4000), ("192.0.2.2", 80), 0, 10);
        talk.open().client(b"hello").close();
        let seq = |index: usize| u32::from_be_bytes(talk.packets()[index].1[24..28].try_into().unwrap());
        assert_eq!((seq(0), seq(3), seq(5)), (1000, 1001, 1006));
        assert_eq!(talk.packets().last().unwrap().0, 70);
    }
}
