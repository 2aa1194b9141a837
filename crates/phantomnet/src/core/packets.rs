//! Packet rows into the database, in bulk. Packets are no evidence: when the database is behind or away they are
//! dropped and counted.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use phantom_flow::PacketRow;
use phantom_store::Store;

use super::health::Health;

/// Rows of one insertion.
const BATCH: usize = 20_000;

/// Writes until the senders are gone.
pub(crate) fn write(store: &Store, health: &Health, rows: &Receiver<Arc<Vec<PacketRow>>>) {
    while let Ok(first) = rows.recv() {
        let mut batch = Vec::clone(&first);
        while batch.len() < BATCH {
            match rows.try_recv() {
                Ok(more) => batch.extend_from_slice(&more),
                Err(_) => break,
            }
        }
        match store.insert_packets(&batch) {
            Ok(()) => health.set("packets", Ok(String::new())),
            Err(error) => {
                tracing::warn!(%error, dropped = batch.len(), "packets were not stored");
                health.set("packets", Err(error.to_string()));
            }
        }
    }
}
