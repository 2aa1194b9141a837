//! Packet bytes to headers to flows, and reading of capture files.
//!
//! This crate reads no clock, opens no file or socket and draws no random number: packets bring their own instants,
//! capture files come as `impl Read`, and the hash seed is an argument.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod capture;
mod content;
mod counters;
pub mod fuzz;
mod names;
pub mod packet;
mod table;
pub mod wire;

pub use names::{App, State};
pub use packet::{Decoded, Findings, LinkType, Packet};
pub use table::{FlowConfig, FlowTable};
pub use wire::{Ended, FlowKey, FlowNotice, FlowRecord, PacketRow, WireBatch, WireCounters};
