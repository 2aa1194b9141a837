//! What a client cannot make the node hold.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use phantom_api::ApiSettings;

use crate::world::World;

fn talk(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The node may answer and close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn heads_are_bounded() {
    let world = World::new();
    let long = format!("GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(40_000));
    assert!(talk(&world, long.as_bytes()).starts_with("HTTP/1.1 431"));
    let many = format!("GET /api/health HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert!(talk(&world, many.as_bytes()).starts_with("HTTP/1.1 431"));
    assert!(talk(&world, b"\x16\x03\x01 garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
    let two =
        b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(talk(&world, two).starts_with("HTTP/1.1 421"));
}

#[test]
fn connections_are_bounded_and_places_come_back() {
    let world = World::with(ApiSettings { connections: 4, ..ApiSettings::default() });
    let ask = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let held: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(world.address).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(talk(&world, ask), "");
    drop(held);
    let answered = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        talk(&world, ask).starts_with("HTTP/1.1 200")
    });
    assert!(answered);
}
