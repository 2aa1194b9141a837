//! From alert to block: the ledger with expiry, caps and the never-block list.
//!
//! A wrong block is the worst that can happen here, so every doubt is decided against blocking. The ledger only
//! decides: whoever holds it journals each [`Decision`] and hands it to a [`Firewall`]. This crate reads no clock,
//! opens no file or socket and draws no random number.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod firewall;
mod guard;
mod ledger;
mod policy;

pub use firewall::{Firewall, FirewallError};
pub use guard::{Guard, Protected};
pub use ledger::{Block, Decision, Ledger, Refusal, What};
pub use policy::{Mode, Policy, PolicyError};
