//! What a hostile peer, a full disk or a lost database may cost.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use phantom_testkit::netns::{isolated, run};

use crate::node::{Node, Options};

/// What a honeypot host may grow by under one of these peers, in KiB.
const GROWTH_KIB: u64 = 24 * 1024;

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends until the other side has had enough or everything is gone, and reads what comes.
fn send(address: SocketAddr, chunk: &[u8], times: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    for _ in 0..times {
        if stream.write_all(chunk).is_err() {
            return;
        }
    }
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink), Ok(n) if n > 0) {}
}

#[test]
fn hostile_bytes_cost_bounded_memory_and_show_as_events() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Options::in_dir(dir.path()));
    for (service, address) in
        [("ssh", node.options.ssh), ("http", node.options.http), ("ftp", node.options.ftp)]
    {
        let role = format!("honeypot.{service}");
        let pid = node.children().into_iter().find(|(name, _)| *name == role).unwrap().1;
        let before = resident_kib(pid);
        // Nothing at all, half a message, garbage, and 64 MiB of one line.
        drop(TcpStream::connect(address).unwrap());
        send(address, b"GET / HT", 1);
        let garbage: Vec<u8> = (0..65_536_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        send(address, &garbage, 4);
        send(address, &[b'A'; 1 << 20], 64);
        let grown = resident_kib(pid).saturating_sub(before);
        assert!(grown < GROWTH_KIB, "{service} grew by {grown} KiB");
        assert!(
            node.children().iter().any(|(_, there)| *there == pid),
            "{service} is still the same process"
        );
        let ends = format!("/api/v1/events?kinds=closed&service={service}");
        node.until(&ends, "four visits", |page| page["items"].as_array().unwrap().len() >= 4);
        let events = node.all(&format!("/api/v1/events?service={service}"));
        let told =
            events.iter().any(|e| ["note", "request", "command"].contains(&e["kind"].as_str().unwrap()));
        assert!(told, "{service}: garbage shows as an event");
        let alive = TcpStream::connect(address);
        assert!(alive.is_ok(), "{service} still accepts");
    }
    node.stop();
}

#[test]
fn a_full_disk_stops_the_honeypots_and_loses_nothing() {
    if !isolated("limits::a_full_disk_stops_the_honeypots_and_loses_nothing") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    run("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", data.to_str().unwrap()]);
    let mut options = Options::in_dir(dir.path());
    options.more.push_str("[journal]\nsegment_bytes = 1048576\n");
    let node = Node::start(options);
    let http = node.options.http;
    let mut answered = Vec::new();
    for n in 0..4_000 {
        let filler = "x".repeat(3_000);
        match request(http, &format!("/{n}/{filler}")) {
            Some(_) => answered.push(n),
            None => break,
        }
    }
    assert!(answered.len() > 100 && answered.len() < 4_000, "the disk got full after {}", answered.len());
    let health = node.get("/api/health");
    assert_ne!(health["ok"], true, "{health}");
    run("mount", ["-o", "remount,size=256m", data.to_str().unwrap()]);
    node.until("/api/health", "space is back", |health| health["ok"] == true);
    assert!(request(http, "/after").is_some(), "the honeypots accept again");
    node.until("/api/v1/events?kinds=request&limit=1", "the last request", |page| {
        page["items"][0]["request"]["target"] == "/after"
    });
    let targets: std::collections::BTreeSet<String> = node
        .all("/api/v1/events?kinds=request")
        .iter()
        .map(|event| event["request"]["target"].as_str().unwrap().split('/').nth(1).unwrap().to_owned())
        .collect();
    for n in &answered {
        assert!(targets.contains(&n.to_string()), "request {n} was answered and is not in the evidence");
    }
    node.stop();
}

/// One request; `None` where no answer came within two seconds.
fn request(address: SocketAddr, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())
        .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    answer.starts_with(b"HTTP/1.1").then(|| String::from_utf8_lossy(&answer).into_owned())
}
