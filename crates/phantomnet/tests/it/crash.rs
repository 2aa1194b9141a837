//! `kill -9` of any process in the middle of a thousand sessions loses nothing that a client saw answered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::node::{Node, Options};

const SESSIONS: usize = 1_000;
/// Many, because a refused FTP login is answered after three seconds, as by the server it imitates.
const CLIENTS: usize = 64;

/// What clients saw: the name of each thing whose reply arrived.
type Seen = Arc<Mutex<BTreeSet<String>>>;

#[test]
fn no_event_whose_reply_was_seen_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(Options::in_dir(dir.path()));
    let (http, ftp) = (node.options.http, node.options.ftp);
    let seen: Seen = Arc::default();
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (seen, next) = (seen.clone(), next.clone());
            std::thread::spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= SESSIONS {
                        return;
                    }
                    // A broken visit is what a crash looks like from outside; what it saw answered still counts.
                    let _ = if n.is_multiple_of(2) { browse(http, n, &seen) } else { upload(ftp, n, &seen) };
                }
            })
        })
        .collect();

    // Each role in turn, then the whole node, spread over the sessions.
    let victims = ["core", "honeypot.http", "honeypot.ftp", "core", "node", "honeypot.http", "core", "node"];
    for (round, victim) in victims.iter().enumerate() {
        let due = SESSIONS * (round + 1) / (victims.len() + 2);
        while next.load(Ordering::Relaxed) < due {
            std::thread::sleep(Duration::from_millis(5));
        }
        if *victim == "node" {
            node = node.kill_and_restart();
        } else {
            kill_role(&node, victim);
        }
    }
    for client in clients {
        client.join().unwrap();
    }
    let seen = seen.lock().unwrap().clone();
    assert!(seen.len() > SESSIONS / 2, "only {} replies were seen", seen.len());
    node.until("/api/health", "the store has caught up", |health| {
        let parts = health["components"].as_array().unwrap();
        health["ok"] == true && parts.iter().any(|part| part["name"] == "store" && part["detail"].is_null())
    });
    std::thread::sleep(Duration::from_secs(2));
    check(&seen, &named(node.all("/api/v1/events")), "database");
    check(&seen, &named(journal(dir.path())), "journal");
    node.stop();
}

/// Every name seen stands there, and no name stands there twice.
fn check(seen: &BTreeSet<String>, held: &BTreeMap<String, usize>, place: &str) {
    let lost: Vec<_> = seen.iter().filter(|name| !held.contains_key(*name)).collect();
    assert!(
        lost.is_empty(),
        "{} of {} lost from the {place}: {:?}",
        lost.len(),
        seen.len(),
        &lost[..lost.len().min(5)]
    );
    let doubled: Vec<_> = held.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "doubled in the {place}: {doubled:?}");
}

/// The names that clients gave to what they did, as the evidence holds them.
fn named(events: Vec<serde_json::Value>) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for event in events {
        let name = match event["kind"].as_str().unwrap() {
            "request" => event["request"]["target"].as_str().unwrap().to_owned(),
            "login" => event["login"]["username"].as_str().unwrap().to_owned(),
            _ => continue,
        };
        *names.entry(name).or_insert(0) += 1;
    }
    names
}

fn journal(dir: &std::path::Path) -> Vec<serde_json::Value> {
    let mut segments: Vec<_> = std::fs::read_dir(dir.join("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    segments.sort();
    segments
        .iter()
        .flat_map(|path| {
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

fn kill_role(node: &Node, role: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some((_, pid)) = node.children().into_iter().find(|(name, _)| name == role) {
            phantom_testkit::netns::run("kill", ["-9", &pid.to_string()]);
            return;
        }
        assert!(Instant::now() < deadline, "there is no {role} to kill; there are {:?}", node.children());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                stream.set_write_timeout(Some(Duration::from_secs(30)))?;
                return Ok(stream);
            }
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Three requests on one connection, each named.
fn browse(address: SocketAddr, n: usize, seen: &Seen) -> std::io::Result<()> {
    let mut stream = BufReader::new(connect(address)?);
    for step in 0..3 {
        let name = format!("/visit/{n}/{step}");
        stream.get_mut().write_all(format!("GET {name} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        seen.lock().unwrap().insert(name);
    }
    Ok(())
}

/// A login under a name of its own, which is refused or not: the reply is what counts.
fn upload(address: SocketAddr, n: usize, seen: &Seen) -> std::io::Result<()> {
    let mut stream = BufReader::new(connect(address)?);
    let name = format!("visitor{n}");
    let mut reply = String::new();
    stream.read_line(&mut reply)?;
    for line in [format!("USER {name}\r\n"), "PASS guess\r\n".to_owned()] {
        stream.get_mut().write_all(line.as_bytes())?;
        reply.clear();
        if stream.read_line(&mut reply)? == 0 {
            return Ok(());
        }
    }
    if reply.starts_with("530") || reply.starts_with("230") {
        seen.lock().unwrap().insert(name);
    }
    Ok(())
}
