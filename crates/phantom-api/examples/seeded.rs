//! A dashboard with something to look at: `cargo run -p phantom-api --example seeded [ADDRESS]` serves the API
//! over a temporary store with users `viewer`, `analyst` and `admin`, and sends live traffic.
#![expect(clippy::print_stdout, reason = "tells the developer where it listens")]

mod seed;

use std::sync::Arc;
use std::time::Duration;

use phantom_api::{ApiSettings, ApiState, Live};
use phantom_core::Timestamp;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let dir = tempfile::tempdir()?;
    let store = seed::store(dir.path(), Timestamp::now());
    let node = seed::Seeded::new(Timestamp::now());
    let listener = std::net::TcpListener::bind(&address)?;
    println!(
        "http://{}/ as viewer, analyst or admin with the password {:?}",
        listener.local_addr()?,
        seed::PASSWORD
    );
    let live = node.live.clone();
    tokio::spawn(async move {
        for round in 0_usize.. {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let now = Timestamp::now();
            let events = seed::events(now);
            let mut event = (*events[round % events.len()]).clone();
            event.at = now;
            let _ = live.send(Live::Event(Arc::new(event)));
            let _ = live.send(Live::Packets(Arc::new(seed::packets(now, 1 + round % 7))));
        }
    });
    let state = ApiState::new(store, node, ApiSettings::default());
    phantom_api::serve(listener, state, std::future::pending()).await
}
