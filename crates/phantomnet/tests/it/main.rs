//! The whole node, as its users and its attackers meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod attack;
mod cli;
mod crash;
mod limits;
mod node;
mod recording;
mod response;
mod visits;
