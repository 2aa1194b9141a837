//! The capture child: packets to flows to the core.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use phantom_core::frame::{HostStatus, ToCore, encode};
use phantom_core::{Timestamp, micros};
use phantom_flow::{FlowConfig, FlowTable, LinkType, WireBatch, wire};
use phantom_sys::channel::Channel;
use phantom_sys::ring::Ring;

use crate::random::Random;
use crate::{HostError, system};

/// How the capture child works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Flows held at most (see [`FlowConfig::max_flows`]).
    pub max_flows: usize,
    /// Whether each packet becomes a row.
    pub packet_rows: bool,
}

impl Default for CaptureOptions {
    /// As [`FlowConfig::default`].
    fn default() -> Self {
        let FlowConfig { max_flows, packet_rows, .. } = FlowConfig::default();
        Self { max_flows, packet_rows }
    }
}

/// Observations wait so long for others to share their frame.
const FLUSH: Duration = Duration::from_millis(50);

/// ... or until so many packets: about a hundred bytes each, so a few fit a frame.
const FLUSH_PACKETS: usize = 1024;

/// Turns packets into wire observations until the core's channel or the ring ends. Nothing waits for the core:
/// what it does not take at once is dropped and counted.
///
/// # Errors
/// [`HostError`] says why it ended; it never ends otherwise.
pub fn run_capture(ring: OwnedFd, core: Channel, options: CaptureOptions) -> Result<(), HostError> {
    let mut ring = Ring::from_fd(ring)?;
    let link = if ring.is_ethernet() { LinkType::ETHERNET } else { LinkType::RAW };
    let mut random = Random::new();
    let process = u64::from_le_bytes(random.bytes().map_err(system("getrandom"))?);
    let seed = u64::from_le_bytes(random.bytes().map_err(system("getrandom"))?);
    core.send(&encode(&ToCore::Hello { process })?)?;
    let mut sender = Sender { core, status: HostStatus::default(), buffer: vec![0; 64] };
    let config = FlowConfig {
        max_flows: options.max_flows,
        packet_rows: options.packet_rows,
        seed,
        ..FlowConfig::default()
    };
    let mut table = FlowTable::new(config);
    let mut batch = WireBatch::default();
    let mut flushed = Instant::now();
    let mut reported = Instant::now();
    loop {
        let left = FLUSH.saturating_sub(flushed.elapsed());
        if let Some(frame) = ring.next(left)? {
            sender.status.packets += 1;
            table.frame(frame.at / 1000, link, frame.bytes, frame.wire_len, &mut batch);
            // The clock is asked once in a while, not for each packet.
            if batch.counters.frames % 64 != 0 && batch.packets.len() < FLUSH_PACKETS {
                continue;
            }
        }
        if flushed.elapsed() < FLUSH && batch.packets.len() < FLUSH_PACKETS {
            continue;
        }
        flushed = Instant::now();
        // Packets wait in the ring for up to a block's time, so the table's clock stays behind the wall's by
        // more than that, and no packet seems to come from the past.
        table.advance(micros(Timestamp::now()) - LAG, &mut batch);
        sender.flush(&mut batch)?;
        if reported.elapsed() >= Duration::from_secs(1) {
            reported = Instant::now();
            sender.status.kernel_drops += u64::from(ring.counters()?.drops);
            sender.report(process)?;
        }
    }
}

/// In microseconds; the ring hands blocks over after 20 ms at the latest.
const LAG: i64 = 200_000;

struct Sender {
    core: Channel,
    status: HostStatus,
    buffer: Vec<u8>,
}

impl Sender {
    fn flush(&mut self, batch: &mut WireBatch) -> Result<(), HostError> {
        if batch.is_empty() {
            return Ok(());
        }
        match wire::encode_all(batch) {
            Ok(pieces) => {
                for piece in pieces {
                    if !self.core.try_send(&encode(&ToCore::Wire(piece))?)? {
                        self.status.dropped += 1;
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "wire observations lost");
                self.status.dropped += 1;
            }
        }
        batch.clear();
        Ok(())
    }

    /// Says how it is going, and introduces the process again to a core that has restarted.
    fn report(&mut self, process: u64) -> Result<(), HostError> {
        // Nothing the core says matters here but that it has restarted, which its Hello says.
        let mut restarted = false;
        while self.core.try_recv(&mut self.buffer)?.is_some() {
            restarted = true;
        }
        if restarted {
            self.core.try_send(&encode(&ToCore::Hello { process })?)?;
        }
        self.core.try_send(&encode(&ToCore::Status(self.status))?)?;
        Ok(())
    }
}
