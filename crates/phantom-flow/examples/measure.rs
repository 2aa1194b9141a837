//! Reads captures and prints what was in them and how fast each stage went: `measure FILE...`.
//! Each file is held in memory, so that the disk is not measured.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::time::Instant;

use phantom_flow::capture::{CaptureReader, open_stream};
use phantom_flow::{FlowConfig, FlowTable, WireBatch, packet};

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let mut reader = CaptureReader::new(open_stream(&bytes[..]));
        let (start, mut frames) = (Instant::now(), 0u64);
        while let Ok(Some(_)) = reader.next_packet() {
            frames += 1;
        }
        let reading = start.elapsed().as_secs_f64();

        let mut reader = CaptureReader::new(open_stream(&bytes[..]));
        let (start, mut length) = (Instant::now(), 0u64);
        while let Ok(Some(frame)) = reader.next_packet() {
            let decoded = packet::decode(frame.link, frame.bytes, frame.wire_len);
            length += decoded.packet.map_or(0, |packet| u64::from(packet.length));
        }
        let decoding = start.elapsed().as_secs_f64();

        let mut reader = CaptureReader::new(open_stream(&bytes[..]));
        let mut table = FlowTable::new(FlowConfig::default());
        let (mut batch, mut total) = (WireBatch::default(), WireBatch::default());
        let mut apps = std::collections::BTreeMap::<String, u64>::new();
        let (mut requests, mut failures) = (0, 0);
        let start = Instant::now();
        let fault = loop {
            match reader.next_packet() {
                Ok(Some(frame)) => table.frame(frame.at, frame.link, frame.bytes, frame.wire_len, &mut batch),
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
            if batch.packets.len() >= 1024 {
                tally(&mut batch, &mut total, &mut apps, &mut requests, &mut failures);
            }
        };
        table.finish(&mut batch);
        tally(&mut batch, &mut total, &mut apps, &mut requests, &mut failures);
        let tracking = start.elapsed().as_secs_f64();

        let rate = |seconds: f64| frames as f64 / seconds / 1e6;
        println!(
            "{path}: {frames} frames; M/s: read {:.1}, read+decode {:.1}, with flows and rows {:.2}",
            rate(reading),
            rate(decoding),
            rate(tracking)
        );
        let counts: Vec<_> = total.counters.iter().filter(|(_, n)| *n > 0).collect();
        println!("  {counts:?} length {length} requests {requests} failures {failures} apps {apps:?}");
        if let Some(fault) = fault {
            println!("  {fault}");
        }
    }
    Ok(())
}

fn tally(
    batch: &mut WireBatch,
    total: &mut WireBatch,
    apps: &mut std::collections::BTreeMap<String, u64>,
    requests: &mut u64,
    failures: &mut u64,
) {
    for notice in &batch.notices {
        if let phantom_flow::FlowNotice::Closed(record) = notice {
            *requests += u64::from(record.http_requests);
            *failures += u64::from(record.login_failures);
            if let Some(app) = &record.flow.app {
                *apps.entry(app.clone()).or_default() += 1;
            }
        }
    }
    total.counters.add(&batch.counters);
    batch.clear();
}
