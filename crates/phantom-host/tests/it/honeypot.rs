//! The promises of a honeypot host, seen from its peers, its core and its supervisor.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use phantom_core::frame::FromCore;
use phantom_core::recording::{Cue, Entry, read};
use phantom_host::Limits;

use crate::world::{Peer, World};

pub(crate) fn tests() -> Vec<Trial> {
    let test = |name: &str, run: fn() -> Result<(), Failed>| Trial::test(format!("honeypot::{name}"), run);
    vec![
        test("a_withheld_acknowledgement_withholds_the_reply", withheld),
        test("a_restarted_core_gets_everything_once", restart),
        test("five_hundred_sessions_at_once", crowd),
        test("a_full_queue_stops_reading_and_accepting", full),
        test("hold_stops_accepting_alone", hold),
        test("limits_turn_peers_away", limits),
        test("idle_and_endless_sessions_end", times),
        test("pauses_wakeups_and_closing_keep_their_order", order),
        test("slow_readers_and_resets_are_survived", rude),
        test("artifacts_come_before_the_event_that_names_them", artifacts),
        test("a_recording_is_stored_before_the_reply_and_once", recording),
        test("side_connections_of_the_peer_alone", side),
        test("the_same_within_the_jail", jailed),
    ]
}

fn withheld() -> Result<(), Failed> {
    let world = World::new(Limits::default());
    let mut peer = world.connect();
    assert!(peer.hear().starts_with("hello "));
    assert_eq!(peer.ask("one"), "ok one");
    world.withhold(true);
    peer.say("two");
    world.until("two is recorded", |journal| journal.lines() == ["one", "two"]);
    assert!(peer.silent(Duration::from_millis(200)), "replied without evidence");
    let mut late = world.connect();
    assert!(late.silent(Duration::from_millis(200)), "greeted without evidence");
    world.withhold(false);
    assert_eq!(peer.hear(), "ok two");
    assert!(late.hear().starts_with("hello "));
    Ok(())
}

fn restart() -> Result<(), Failed> {
    let world = World::new(Limits::default());
    let mut peer = world.connect();
    peer.hear();
    peer.ask("one");
    world.withhold(true);
    peer.say("two");
    world.until("two is recorded", |journal| journal.lines().len() == 2);
    world.tell(FromCore::Hello);
    world.until("sent again", |journal| journal.redelivered >= 1 && journal.hellos.len() == 2);
    world.withhold(false);
    assert_eq!(peer.hear(), "ok two");
    assert_eq!(peer.ask("quit"), "ok quit");
    world.until("closed", |journal| journal.kinds().last().is_some_and(|kind| kind == "closed"));
    let journal = world.journal.lock()?;
    assert_eq!(journal.kinds(), ["opened", "command", "command", "command", "closed"]);
    assert!(journal.hellos[0] == journal.hellos[1], "the process is still the same");
    let first = &journal.events[0];
    assert!(journal.events.iter().all(|event| event.session == first.session && event.src == first.src));
    assert_eq!(first.src.map(|src| src.port), Some(peer.stream.local_addr()?.port()));
    assert_eq!(first.dst.map(|dst| dst.port), Some(world.address.port()));
    Ok(())
}

fn recording() -> Result<(), Failed> {
    let world = World::new(Limits { recording: 300_000, ..Limits::default() });
    let mut peer = world.connect();
    peer.hear();
    world.withhold(true);
    peer.say("tape 200000");
    world.until("recorded", |journal| journal.recordings.values().any(|bytes| bytes.len() > 200_000));
    assert!(peer.silent(Duration::from_millis(200)), "replied without a recording");
    world.tell(FromCore::Hello);
    world.until("sent again", |journal| journal.hellos.len() == 2);
    world.withhold(false);
    assert_eq!(peer.hear(), "ok tape 200000");
    assert_eq!(peer.ask("tape 200000"), "ok tape 200000");
    assert_eq!(peer.ask("quit"), "ok quit");
    world.until("closed", |journal| !journal.closed().is_empty());
    let journal = world.journal.lock()?;
    let (session, bytes) = journal.recordings.first_key_value().ok_or("no recording")?;
    assert_eq!(Some(session), journal.events[0].session.map(|session| session.to_string()).as_ref());
    assert_eq!(journal.closed()[0].recording, Some(bytes.len() as u64));
    assert!(bytes.len() < 300_100, "{}", bytes.len());
    let entries: Vec<Entry> = read(bytes).collect();
    assert!(entries.iter().all(|entry| entry.channel == 3) && entries.is_sorted_by_key(|entry| entry.at));
    assert_eq!(entries[0].cue, Cue::Input(b"tape 200000".to_vec()));
    assert_eq!(entries.last().map(|entry| &entry.cue), Some(&Cue::Mark(b"the recording is full".to_vec())));
    let shown: usize =
        entries.iter().map(|entry| if let Cue::Output(o) = &entry.cue { o.len() } else { 0 }).sum();
    assert!((200_000..300_000).contains(&shown), "{shown}");
    Ok(())
}

fn crowd() -> Result<(), Failed> {
    let world = World::new(Limits { sessions_per_source: 600, ..Limits::default() });
    let mut peers: Vec<Peer> = (0..500).map(|_| world.connect()).collect();
    for peer in &mut peers {
        peer.hear();
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.say(&format!("n{number}"));
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        assert_eq!(peer.hear(), format!("ok n{number}"));
    }
    world.until("counted", |journal| journal.status.open == 500 && journal.status.sessions == 500);
    drop(peers);
    world.until("all closed", |journal| journal.closed().len() == 500);
    world.until("none open", |journal| journal.status.open == 0);
    assert_eq!(world.journal.lock()?.lines().len(), 500);
    Ok(())
}

fn full() -> Result<(), Failed> {
    let world = World::new(Limits { unacknowledged: 200_000, ..Limits::default() });
    let (mut peer, mut other) = (world.connect(), world.connect());
    peer.hear();
    other.hear();
    world.withhold(true);
    peer.say("artifact 1000000");
    std::thread::sleep(Duration::from_millis(300));
    let held: usize = world.journal.lock()?.artifacts.values().map(Vec::len).sum();
    // The frame that reaches the cap is the last: four pieces of 64 KiB.
    assert_eq!(held, 4 * 65536);
    let mut late = world.connect();
    late.say("late");
    other.say("unread");
    assert!(late.silent(Duration::from_millis(200)) && other.silent(Duration::from_millis(200)));
    world.until("two are open", |journal| journal.status.open == 2);
    assert_eq!(world.journal.lock()?.kinds(), ["opened", "opened"], "somebody was read or accepted");
    world.withhold(false);
    assert_eq!(peer.hear(), "ok artifact 1000000");
    assert_eq!(other.hear(), "ok unread");
    assert!(late.hear().starts_with("hello"));
    assert_eq!(late.hear(), "ok late");
    Ok(())
}

fn hold() -> Result<(), Failed> {
    let world = World::new(Limits::default());
    let mut peer = world.connect();
    peer.hear();
    world.tell(FromCore::Hold(true));
    assert_eq!(peer.ask("still"), "ok still");
    let mut late = world.connect();
    assert!(late.silent(Duration::from_millis(200)));
    world.tell(FromCore::Hold(false));
    assert!(late.hear().starts_with("hello"));
    Ok(())
}

fn limits() -> Result<(), Failed> {
    let world = World::new(Limits { sessions: 3, sessions_per_source: 2, ..Limits::default() });
    let mut peers = [world.connect(), world.connect()];
    for peer in &mut peers {
        assert!(peer.hear().starts_with("hello"));
    }
    assert_eq!(world.connect().rest(), b"");
    world.until("counted", |journal| journal.status.refused == 1 && journal.status.open == 2);
    drop(peers);
    world.until("closed", |journal| journal.closed().len() == 2);
    assert!(world.connect().hear().starts_with("hello"));
    Ok(())
}

fn times() -> Result<(), Failed> {
    let brief =
        Limits { idle: Duration::from_millis(300), length: Duration::from_millis(900), ..Limits::default() };
    let world = World::new(brief);
    let mut idle = world.connect();
    let begun = Instant::now();
    assert!(idle.rest().starts_with(b"hello"));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    world.until("idle", |journal| journal.closed().iter().any(|c| c.why.as_deref() == Some("idle")));
    let mut busy = world.connect();
    busy.hear();
    while busy.stream.write_all(b"x\n").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    world.until("length", |journal| journal.closed().iter().any(|c| c.why.as_deref() == Some("length")));
    // A dialogue that has asked to be woken keeps its own time.
    let mut waking = world.connect();
    waking.hear();
    assert_eq!(waking.ask("wake 600"), "awake");
    Ok(())
}

fn order() -> Result<(), Failed> {
    let world = World::new(Limits::default());
    let mut peer = world.connect();
    peer.hear();
    let begun = Instant::now();
    peer.say("pause 200\nnext");
    assert_eq!(peer.hear(), "ok pause 200");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(peer.hear(), "ok next");
    assert_eq!(peer.ask("wake 1"), "awake");
    peer.say("quit\nnever read");
    assert_eq!(peer.rest(), b"ok quit\n");
    world.until("closed", |journal| journal.closed().len() == 1);
    let closed = world.journal.lock()?.closed().remove(0);
    assert_eq!((closed.bytes_in, closed.why), (38, None));
    assert!(closed.duration_ms >= 200 && closed.bytes_out > 30);

    let mut half = world.connect();
    half.hear();
    half.stream.write_all(b"unfinished")?;
    half.stream.shutdown(Shutdown::Write)?;
    assert_eq!(half.rest(), b"bye\n");
    world.until("last words", |journal| journal.kinds().ends_with(&["note".into(), "closed".into()]));
    Ok(())
}

fn rude() -> Result<(), Failed> {
    let world = World::new(Limits { idle: Duration::from_millis(500), ..Limits::default() });
    // Asks for 32 MiB and reads nothing: the kernel's buffers take some, then time runs out.
    let mut slow = world.connect();
    slow.hear();
    slow.say("flood 33554432");
    // Sends bytes of no sense.
    let mut garbage = world.connect();
    let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    garbage.stream.write_all(&noise)?;
    garbage.stream.shutdown(Shutdown::Write)?;
    assert!(garbage.rest().ends_with(b"bye\n"));
    // Closes over unread bytes, which resets the connection.
    let reset = world.connect();
    std::thread::sleep(Duration::from_millis(100));
    drop(reset);
    world.until("all closed", |journal| journal.closed().len() == 3);
    let whys: Vec<_> = world.journal.lock()?.closed().into_iter().filter_map(|closed| closed.why).collect();
    assert!(whys.contains(&"idle".to_owned()) && whys.contains(&"reset".to_owned()), "{whys:?}");
    assert!(world.connect().hear().starts_with("hello"));
    Ok(())
}

fn artifacts() -> Result<(), Failed> {
    let world = World::new(Limits { unacknowledged: 300_000, ..Limits::default() });
    let mut peer = world.connect();
    peer.hear();
    assert_eq!(peer.ask("artifact 1000000"), "ok artifact 1000000");
    let journal = world.journal.lock()?;
    let (name, bytes) = journal.artifacts.iter().next().ok_or("no artifact")?;
    // sha256sum of a million letters a.
    assert_eq!(name, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_eq!(bytes.len(), 1_000_000);
    Ok(())
}

fn side() -> Result<(), Failed> {
    exercise_side(&World::new(Limits::default()))
}

fn exercise_side(world: &World) -> Result<(), Failed> {
    let mut peer = world.connect();
    peer.hear();
    let answer = peer.ask("listen");
    let address: SocketAddr = answer.strip_prefix("listening ").ok_or(answer.clone())?.parse()?;
    // Somebody else is turned away, and the peer still gets in.
    let stranger =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None)?;
    rustix::net::bind(&stranger, &"127.0.0.9:0".parse::<SocketAddr>()?)?;
    rustix::net::connect(&stranger, &address)?;
    assert_eq!(TcpStream::from(stranger).read(&mut [0])?, 0);
    let mut data = TcpStream::connect(address)?;
    assert_eq!(peer.hear(), "connected");
    data.write_all(b"file")?;
    world.until("upload", |journal| journal.kinds().contains(&"note".into()));
    peer.say("download 3000000");
    let mut file = Vec::new();
    data.read_to_end(&mut file)?;
    assert_eq!(file.len(), 3_000_000);
    assert_eq!(peer.hear(), "sent");

    let waiting = TcpListener::bind("127.0.0.1:0")?;
    peer.say(&format!("connect {}", waiting.local_addr()?.port()));
    let (active, _) = waiting.accept()?;
    assert_eq!(peer.hear(), "connected");
    active.shutdown(Shutdown::Write)?;
    assert_eq!(peer.hear(), "ended");
    drop(waiting);
    assert_eq!(peer.ask("connect 22"), "failed");
    assert_eq!(peer.ask("sideclose"), "ok sideclose");
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    assert_eq!(peer.ask(&format!("connect {port}")), "failed");
    Ok(())
}

fn jailed() -> Result<(), Failed> {
    let mut world = World::jailed();
    exercise_side(&world)?;
    let mut peer = world.connect();
    peer.hear();
    assert_eq!(peer.ask("artifact 100000"), "ok artifact 100000");
    assert_eq!(peer.ask("pause 10"), "ok pause 10");
    world.until("status", |journal| journal.status.sessions == 2);
    if let Some(child) = &mut world.child {
        assert!(child.try_wait()?.is_none(), "the child ended");
        child.kill()?;
        child.wait()?;
    }
    assert_eq!(peer.rest(), b"");
    Ok(())
}
