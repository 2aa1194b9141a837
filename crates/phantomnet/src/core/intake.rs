//! From the channels to the desk: one thread a channel, each message decoded and passed on in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread;

use anyhow::Result;
use phantom_core::frame::{MAX_FRAME, ToCore, decode};
use phantom_flow::WireBatch;
use phantom_sys::channel::Channel;

use crate::control::{CoreOrders, Told};
use crate::core::live::Order;

/// What lands on the desk.
pub(crate) enum Intake {
    /// A frame of a host, which may be captured.
    Frame { host: usize, frame: ToCore },
    /// Wire observations that were decoded.
    Wire(Box<WireBatch>),
    /// The supervisor's word.
    Told(Told),
    /// An operator's, through the API.
    Order(Order),
}

/// Starts the reading threads; they end with their channels.
pub(crate) fn start(
    orders: &CoreOrders,
    evidence: Vec<Channel>,
    control: Channel,
    desk: &SyncSender<Intake>,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    for (host, channel) in evidence.into_iter().enumerate() {
        let capture = orders.capture && host == orders.hosts.len();
        let desk = desk.clone();
        let read = move || {
            if capture { read_wire(host, &channel, &desk) } else { read_evidence(host, &channel, &desk) }
        };
        thread::Builder::new().name(format!("intake-{host}")).spawn(read)?;
    }
    let (desk, stop) = (desk.clone(), stop.clone());
    thread::Builder::new().name("told".into()).spawn(move || {
        let mut buffer = vec![0; MAX_FRAME];
        while let Ok(length) = control.recv(&mut buffer) {
            let told = serde_json::from_slice(buffer.get(..length).unwrap_or_default());
            let Ok(told) = told else { continue };
            stop.fetch_or(matches!(told, Told::Stop), Ordering::Relaxed);
            if desk.send(Intake::Told(told)).is_err() {
                return;
            }
        }
        // Without a supervisor there is nobody to work for.
        stop.store(true, Ordering::Relaxed);
        let _ = desk.send(Intake::Told(Told::Stop));
    })?;
    Ok(())
}

fn read_evidence(host: usize, channel: &Channel, desk: &SyncSender<Intake>) {
    let mut buffer = vec![0; MAX_FRAME];
    while let Ok(length) = channel.recv(&mut buffer) {
        match decode(buffer.get(..length).unwrap_or_default()) {
            // A full desk makes this wait, the host's channel fill, and in the end the attacker wait.
            Ok(frame) => {
                if desk.send(Intake::Frame { host, frame }).is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(host, %error, "a host sent what is no frame"),
        }
    }
}

/// Wire observations are never waited for.
fn read_wire(host: usize, channel: &Channel, desk: &SyncSender<Intake>) {
    let mut buffer = vec![0; MAX_FRAME];
    let mut dropped: u64 = 0;
    while let Ok(length) = channel.recv(&mut buffer) {
        let intake = match decode(buffer.get(..length).unwrap_or_default()) {
            Ok(ToCore::Wire(bytes)) => match phantom_flow::wire::decode(&bytes) {
                Ok(batch) => Intake::Wire(Box::new(batch)),
                Err(error) => {
                    tracing::error!(%error, "the capture host sent what is no batch");
                    continue;
                }
            },
            Ok(ToCore::Status(mut status)) => {
                status.dropped += dropped;
                Intake::Frame { host, frame: ToCore::Status(status) }
            }
            Ok(frame @ ToCore::Hello { .. }) => Intake::Frame { host, frame },
            // The capture host has no evidence to give.
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(%error, "the capture host sent what is no frame");
                continue;
            }
        };
        match desk.try_send(intake) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => dropped += 1,
            Err(TrySendError::Disconnected(_)) => return,
        }
    }
}
