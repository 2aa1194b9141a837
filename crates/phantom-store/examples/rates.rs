//! Prints the rates of ingestion and packet logging: `rates URL DIR`.
#![expect(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use phantom_core::event::{Body, Endpoint, Event, Login, Service};
use phantom_core::{EventId, SessionId, from_micros};
use phantom_flow::PacketRow;
use phantom_journal::Cursor;
use phantom_store::{Result, Store};

const BATCH: u32 = 1000;
const BATCHES: u32 = 100;
const T0: i64 = 1_700_000_000_000_000;

fn login(n: u32) -> Event {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    let at = from_micros(T0 + i64::from(n) * 1000);
    let body = Login { username: "root".into(), secret: "hunter2".into(), ..Login::default() };
    let mut event = Event::new(EventId::new(at, random), at, "s".into(), Body::Login(body));
    event.service = Some(Service::SSH);
    event.session = Some(SessionId::new(from_micros(T0), [u8::try_from(n / 8 % 251).unwrap_or(0); 10]));
    event.src = Some(Endpoint::new(std::net::Ipv4Addr::from(0x0a00_0000 + n / 8 % 5000).into(), 4000));
    event
}

fn packet(n: u32) -> PacketRow {
    PacketRow {
        at: T0 + i64::from(n) * 100,
        src: std::net::Ipv4Addr::from(0x0a00_0000 + n % 5000).into(),
        dst: std::net::Ipv4Addr::LOCALHOST.into(),
        src_port: 4000,
        dst_port: 22,
        protocol: 6,
        length: 60,
        ttl: 64,
        tcp_flags: 2,
        payload_len: 0,
        flow_id: n.into(),
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (url, dir) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let store = Store::open(&url, Path::new(&dir))?;
    let start = Instant::now();
    for batch in 0..BATCHES {
        let events: Vec<_> =
            (batch * BATCH..).take(BATCH as usize).map(|n| (u64::from(n) + 1, Arc::new(login(n)))).collect();
        store.ingest(&events, &Cursor::after(u64::from((batch + 1) * BATCH)))?;
    }
    let rate = |start: Instant, rows: u32| f64::from(rows) / start.elapsed().as_secs_f64();
    println!("ingest: {:.0} events/s", rate(start, BATCH * BATCHES));
    let start = Instant::now();
    for batch in 0..BATCHES {
        let rows: Vec<_> = (batch * 4 * BATCH..).take(4 * BATCH as usize).map(packet).collect();
        store.insert_packets(&rows)?;
    }
    println!("packets: {:.0} rows/s", rate(start, 4 * BATCH * BATCHES));
    Ok(())
}
