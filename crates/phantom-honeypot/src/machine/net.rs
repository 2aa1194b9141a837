//! Interfaces and sockets.

pub(crate) mod links;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use phantom_core::Timestamp;

use super::View;
use crate::Persona;
use crate::persona::Draw;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// A socket of the internet families.
#[derive(Debug, Clone)]
pub(crate) struct Socket {
    pub(crate) transport: Transport,
    pub(crate) local: SocketAddr,
    /// `None` for one that listens.
    pub(crate) peer: Option<SocketAddr>,
    /// Takes IPv4 as well, though its address is of version 6.
    pub(crate) dual: bool,
    pub(crate) uid: u32,
    pub(crate) inode: u64,
    /// Its processes with the descriptor it is there.
    pub(crate) holders: Vec<(u32, u32)>,
    pub(crate) backlog: u32,
}

/// The port we are seen to listen on, whatever the listener is bound to behind the address translation.
pub(crate) const SSH_PORT: u16 = 22;

/// Our own address as a peer sees it: the persona's, like everything that `ip` tells.
pub(crate) fn address(p: &Persona, local: IpAddr) -> IpAddr {
    match local.to_canonical() {
        IpAddr::V4(_) => IpAddr::V4(p.ip),
        v6 => v6,
    }
}

/// All sockets, listening ones first.
pub(crate) fn sockets(view: &View<'_>) -> Vec<Socket> {
    let p = view.persona();
    let mut draw = Draw::new(&p.seed, "sockets");
    let any4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let mut all = Vec::new();
    let rows: [(Transport, IpAddr, u16, &str, u32, u32); 6] = [
        (Transport::Tcp, any4, 22, "ssh.service", 3, 128),
        (Transport::Tcp, any4, 80, "nginx.service", 5, 511),
        (Transport::Udp, any4, 68, "ifup@", 7, 0),
        (Transport::Tcp, any6, 21, "vsftpd.service", 3, 32),
        (Transport::Tcp, any6, 22, "ssh.service", 4, 128),
        (Transport::Tcp, any6, 80, "nginx.service", 6, 511),
    ];
    for (transport, ip, port, unit, fd, backlog) in rows {
        let inode = draw.unsigned(12_000, 19_000);
        let of_unit = view.processes().into_iter().filter(|process| process.unit.starts_with(unit));
        let holders: Vec<(u32, u32)> = of_unit.map(|process| (process.pid, fd)).collect();
        if !holders.is_empty() {
            all.push(Socket {
                transport,
                local: SocketAddr::new(ip, port),
                peer: None,
                dual: port == 21,
                uid: 0,
                inode,
                holders,
                backlog,
            });
        }
    }
    for visit in view.live.visits() {
        let mut holders = vec![(visit.sshd, 4)];
        let child = |process: &&super::Process| process.ppid == visit.sshd && process.comm == "sshd";
        holders.extend(view.live.processes().filter(child).map(|process| (process.pid, 4)));
        all.push(Socket {
            transport: Transport::Tcp,
            local: SocketAddr::new(address(p, visit.local), SSH_PORT),
            peer: Some(SocketAddr::new(visit.peer.ip().to_canonical(), visit.peer.port())),
            dual: false,
            uid: 0,
            inode: u64::from(visit.sshd) * 7 % 900_000 + 20_000,
            holders,
            backlog: 0,
        });
    }
    all
}

/// The text of /proc/net/tcp, tcp6, udp or udp6 (proc(5)).
pub(crate) fn table(view: &View<'_>, transport: Transport, v6: bool) -> String {
    let wide = if v6 { 37 } else { 13 };
    let mut lines = vec![format!(
        "{}",
        if v6 {
            "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
        } else if transport == Transport::Udp {
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             "
        } else {
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     "
        }
    )];
    let ours = sockets(view).into_iter().filter(|s| s.transport == transport && s.local.is_ipv6() == v6);
    for (index, socket) in ours.enumerate() {
        let none =
            SocketAddr::new(if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }, 0);
        let state = match (transport, socket.peer) {
            (Transport::Udp, _) => 7,
            (_, Some(_)) => 1,
            _ => 10,
        };
        let (local, peer) = (hex(socket.local), hex(socket.peer.unwrap_or(none)));
        let pointer = format!("{:016x}", socket.inode.wrapping_mul(0x9e37_79b9) & 0xffff_ffff);
        let common = format!(
            "{local:<wide$} {peer:<wide$} {state:02X} 00000000:00000000 {} 00000000 {:>5}        0 {}",
            if socket.peer.is_some() { "02:000A7B42" } else { "00:00000000" },
            socket.uid,
            socket.inode
        );
        lines.push(match transport {
            Transport::Udp => format!("{index:>5}: {common} 2 {pointer} 0         "),
            Transport::Tcp => {
                let tail =
                    if socket.peer.is_some() { "2 POINTER 20 4 30 10 -1" } else { "1 POINTER 100 0 0 10 0" };
                let line = format!("{index:>4}: {common} {}", tail.replace("POINTER", &pointer));
                if v6 { line } else { format!("{line:<149}") }
            }
        });
    }
    lines.join("\n") + "\n"
}

/// Address and port as /proc has them: words of 32 bits in the order of the processor.
fn hex(address: SocketAddr) -> String {
    let words = |bytes: &[u8]| -> String {
        bytes.chunks(4).flat_map(|word| word.iter().rev().map(|byte| format!("{byte:02X}"))).collect()
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    format!("{ip}:{:04X}", address.port())
}

/// Bytes and packets received and sent since boot.
fn traffic(p: &Persona, now: Timestamp) -> [u64; 4] {
    let up = u64::try_from(now.as_second() - p.boot.as_second()).unwrap_or(0);
    let rate = Draw::new(&p.seed, "traffic").unsigned(300, 4000);
    let (rx, tx) = (up * rate, up * rate / 3);
    [rx, rx / 410, tx, tx / 380]
}

/// The link-local address that the kernel makes of the hardware address (RFC 4291, appendix A).
pub(crate) fn link_local(p: &Persona) -> Ipv6Addr {
    let mac: Vec<u8> = p.mac.split(':').filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let at = |n: usize| u16::from(mac.get(n).copied().unwrap_or(0));
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        (at(0) ^ 2) << 8 | at(1),
        at(2) << 8 | 0xff,
        0xfe00 | at(3),
        at(4) << 8 | at(5),
    )
}

/// The gateway's hardware address.
pub(crate) fn gateway_mac(p: &Persona) -> String {
    let mut draw = Draw::new(&p.seed, "gateway");
    format!(
        "{}:{:02x}:{:02x}:{:02x}",
        draw.pick(&["00:1a:8c", "f4:92:bf", "bc:24:11"]),
        draw.byte(),
        draw.byte(),
        draw.byte()
    )
}

/// What went over an interface since boot, as [`traffic`] has it.
pub(crate) fn counters(view: &View<'_>, link: u32) -> [u64; 4] {
    if link == links::LOOPBACK { [18_420, 212, 18_420, 212] } else { traffic(view.persona(), view.now) }
}
