//! The packet ring and the firewall on real packets, in network namespaces made for them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use phantom_sys::nft::{Change, Nft};
use phantom_sys::ring::{self, Ring};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        apart("ring::loopback_packets_come_once_and_in_order", loopback),
        apart("ring::vlan_tags_are_put_back", vlan),
        apart("ring::an_interface_that_goes_down_is_an_error", down),
        apart("nft::blocked_sources_reach_the_bait_alone_until_their_time_is_up", firewall),
    ]
}

/// Runs the test again in a user and network namespace of its own, which needs no root but a kernel that lets
/// users make namespaces, and `unshare` of util-linux.
fn apart(name: &'static str, test: fn() -> Result<(), Failed>) -> Trial {
    Trial::test(name, move || {
        if std::env::var_os("PHANTOM_APART").is_some() {
            return test();
        }
        let run = Command::new("unshare")
            .args(["-Urn", "--"])
            .arg(std::env::current_exe()?)
            .args(["--exact", name, "--nocapture"])
            .env("PHANTOM_APART", "1")
            .output()?;
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        if run.status.success() && text.contains("1 passed") { Ok(()) } else { Err(text.into()) }
    })
}

fn ip(args: &str) -> Result<(), Failed> {
    let done = Command::new("ip").args(args.split(' ')).output()?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("ip {args}: {}", String::from_utf8_lossy(&done.stderr)).into())
    }
}

fn loopback() -> Result<(), Failed> {
    ip("link set lo up")?;
    let mut ring = Ring::from_fd(ring::open("lo")?)?;
    assert!(ring.is_ethernet());
    assert!(ring.next(Duration::from_millis(30))?.is_none());
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let count = 5000u32;
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos() as i64;
    let mut seen = 0;
    for number in 0..count {
        a.send_to(&number.to_be_bytes(), b.local_addr()?)?;
        // Read now and then, so that every block of the ring comes round.
        if number % 500 == 499 {
            while let Some(frame) = ring.next(Duration::from_millis(50))? {
                // Ethernet, IPv4 and UDP headers: 14, 20 and 8 bytes.
                assert_eq!(frame.wire_len, 46);
                assert_eq!(frame.bytes.len(), 46);
                assert_eq!(frame.bytes[42..], u32::to_be_bytes(seen));
                assert!(frame.at >= before && frame.at < before + 60_000_000_000);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, count);
    let counters = ring.counters()?;
    // The kernel counts what it sent as well.
    assert_eq!((counters.packets, counters.drops), (2 * count, 0));
    Ok(())
}

fn vlan() -> Result<(), Failed> {
    for command in ["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"] {
        ip(command)?;
    }
    let mut ring = Ring::from_fd(ring::open("v1")?)?;
    // Another ring's socket serves to send a frame with a tag, which the kernel takes off on the way in.
    let sender = ring::open("v0")?;
    let mut sent = vec![0xff; 6];
    sent.extend_from_slice(&[2, 0, 0, 0, 0, 1, 0x81, 0, 0, 5, 8, 0]);
    sent.extend_from_slice(&[b'x'; 50]);
    rustix::net::send(&sender, &sent, rustix::net::SendFlags::empty())?;
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        let Some(frame) = ring.next(Duration::from_millis(100))? else { continue };
        if frame.bytes.ends_with(b"xxxx") {
            assert_eq!(frame.bytes, sent);
            assert_eq!(frame.wire_len as usize, frame.bytes.len());
            return Ok(());
        }
    }
    Err("the tagged packet was not seen".into())
}

fn down() -> Result<(), Failed> {
    ip("link add v0 type veth peer name v1")?;
    ip("link set v0 up")?;
    let mut ring = Ring::from_fd(ring::open("v0")?)?;
    ip("link delete v0")?;
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if let Err(error) = ring.next(Duration::from_millis(100)) {
            assert!(error.to_string().contains("Network is down"), "{error}");
            return Ok(());
        }
    }
    Err("the interface is gone and nobody said so".into())
}

/// Whether a connection from this address to that one stands within a third of a second.
fn connects(from: &str, to: SocketAddr) -> Result<bool, Failed> {
    let from: IpAddr = from.parse()?;
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK, None)?;
    rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
    match rustix::net::connect(&socket, &to) {
        Ok(()) => return Ok(true),
        Err(rustix::io::Errno::INPROGRESS) => {}
        Err(errno) => return Err(io::Error::from(errno).into()),
    }
    let mut fds = [rustix::event::PollFd::new(&socket, rustix::event::PollFlags::OUT)];
    let third = rustix::event::Timespec { tv_sec: 0, tv_nsec: 333_000_000 };
    Ok(rustix::event::poll(&mut fds, Some(&third))? == 1)
}

fn firewall() -> Result<(), Failed> {
    ip("link set lo up")?;
    for address in ["fd00::1/128", "fd00::2/128"] {
        ip(&format!("address add {address} dev lo nodad"))?;
    }
    let (real, bait) = (TcpListener::bind("[::]:0")?, TcpListener::bind("[::]:0")?);
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let at = |host: &str, port: u16| SocketAddr::new(host.parse().expect("address"), port);
    let (server, lure) = (at("127.0.0.1", port(&real)?), at("127.0.0.1", port(&bait)?));
    let nft = Nft::find()?;
    assert!(nft.list().is_err());
    nft.install(&[lure.port()])?;
    assert!(connects("127.0.0.2", server)?);

    nft.apply(&[Change::Block("127.0.0.2/32".parse()?, Some(Duration::from_secs(2)))])?;
    let blocked = Instant::now();
    assert!(!connects("127.0.0.2", server)?, "blocked");
    assert!(connects("127.0.0.2", lure)?, "the bait stays in reach");
    assert!(connects("127.0.0.3", server)?, "nobody else is blocked");
    // Installing again keeps what stands.
    nft.install(&[lure.port()])?;
    let list = nft.list()?;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].net, "127.0.0.2/32".parse()?);
    assert!(list[0].left.is_some_and(|left| left <= Duration::from_secs(2)), "{list:?}");
    std::thread::sleep(Duration::from_millis(2600).saturating_sub(blocked.elapsed()));
    assert!(connects("127.0.0.2", server)?, "its time is up");

    let net = "127.0.1.0/24".parse()?;
    let six = "fd00::2/128".parse()?;
    let hour = Some(Duration::from_secs(3600));
    nft.apply(&[Change::Block(net, hour), Change::Block(net, hour), Change::Block(six, None)])?;
    assert!(!connects("127.0.1.9", server)? && !connects("fd00::2", at("fd00::1", port(&real)?))?);
    assert_eq!(nft.list()?.len(), 2);
    nft.apply(&[Change::Unblock(net), Change::Unblock(six), Change::Unblock("192.0.2.0/24".parse()?)])?;
    assert!(connects("127.0.1.9", server)? && connects("fd00::2", at("fd00::1", port(&real)?))?);
    let overlap = [Change::Block("10.0.0.0/8".parse()?, None), Change::Block("10.1.0.0/16".parse()?, None)];
    assert!(nft.apply(&overlap).is_err());
    assert!(nft.list()?.is_empty(), "all or nothing");

    nft.apply(&[Change::Block("127.0.0.2/32".parse()?, None)])?;
    nft.remove()?;
    nft.remove()?;
    assert!(connects("127.0.0.2", server)?);
    Ok(())
}
