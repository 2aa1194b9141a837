//! The live stream.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use phantom_api::Live;
use phantom_core::Timestamp;
use phantom_store::Role;
use serde_json::Value;

use crate::seed;
use crate::world::World;

struct Reader(BufReader<TcpStream>);

impl Reader {
    fn open(world: &World, kinds: &str) -> Self {
        let before = world.node.live.receiver_count();
        let mut stream = TcpStream::connect(world.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let token = world.token(Role::Viewer);
        write!(
            stream,
            "GET /api/v1/stream{kinds} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        let mut reader = Self(BufReader::new(stream));
        let head: Vec<String> =
            std::iter::from_fn(|| Some(reader.line()).filter(|line| !line.is_empty())).collect();
        assert!(head[0].contains("200"), "{head:?}");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        assert_eq!(world.node.live.receiver_count(), before + 1);
        reader
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next message: its name and its data.
    fn message(&mut self) -> (String, Value) {
        let mut name = String::new();
        for _ in 0..1000 {
            let line = self.line();
            if let Some(given) = line.strip_prefix("event: ") {
                name = given.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).unwrap());
            }
        }
        panic!("no message");
    }
}

fn of_kind(kind: &str) -> Live {
    let events = seed::events(Timestamp::now());
    Live::Event(events.into_iter().find(|event| event.body.kind() == kind).unwrap())
}

#[test]
fn events_come_under_the_name_of_their_kind() {
    let world = World::new();
    let mut reader = Reader::open(&world, "");
    for (kind, name) in [("login", "event"), ("score", "score"), ("alert", "alert"), ("action", "action")] {
        world.node.live.send(of_kind(kind)).unwrap();
        let (given, event) = reader.message();
        assert_eq!((given.as_str(), &event["kind"]), (name, &Value::from(kind)));
        assert!(event[kind].is_object());
    }
}

#[test]
fn only_what_was_asked_for_comes() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?kinds=alert");
    for kind in ["login", "score", "action", "alert"] {
        world.node.live.send(of_kind(kind)).unwrap();
    }
    assert_eq!(reader.message().0, "alert");
}

#[test]
fn packets_come_in_batches_and_a_flood_is_thinned_and_counted() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?kinds=packet");
    let batch = Arc::new(seed::packets(Timestamp::now(), 150));
    world.node.live.send(Live::Packets(Arc::clone(&batch))).unwrap();
    let (name, rows) = reader.message();
    assert_eq!((name.as_str(), rows.as_array().unwrap().len()), ("packet", 100));
    assert_eq!(rows[0]["src_ip"], batch[0].src.to_string());
    assert_eq!((&rows[0]["protocol"], &rows[1]["protocol"]), (&Value::from("tcp"), &Value::from("tcp")));
    let (name, skipped) = reader.message();
    assert_eq!((name.as_str(), skipped), ("skipped", serde_json::json!({"messages": 0, "packets": 50})));
}

#[test]
fn a_slow_reader_is_told_how_much_it_lost() {
    let world = World::new();
    let mut reader = Reader::open(&world, "?kinds=alert");
    // More than the socket's buffers and the feed hold while nobody reads.
    let Live::Event(event) = of_kind("alert") else { panic!() };
    let mut big = (*event).clone();
    big.extra.insert("filler".to_owned(), "x".repeat(100_000).into());
    let big = Live::Event(Arc::new(big));
    for _ in 0..400 {
        world.node.live.send(big.clone()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut told = 0;
    let lost = loop {
        match reader.message() {
            (name, data) if name == "skipped" => break data["messages"].as_u64().unwrap(),
            _ => told += 1,
        }
    };
    assert!(lost > 0 && told + lost <= 400, "told {told}, lost {lost}");
}

#[test]
fn the_end_of_the_node_ends_the_stream() {
    let mut world = World::new();
    let mut reader = Reader::open(&world, "");
    let start = std::time::Instant::now();
    world.end();
    assert!(start.elapsed() < Duration::from_secs(4), "took {:?}", start.elapsed());
    assert!((0..20).any(|_| reader.line() == "0" || reader.0.fill_buf().is_ok_and(<[u8]>::is_empty)));
}
