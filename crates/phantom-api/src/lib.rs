//! The HTTP API, live stream, authentication and the embedded dashboard.
//!
//! [`serve`] answers on a listener until told to stop. What it shows comes from the [`phantom_store::Store`],
//! and what only the running node knows comes through the [`Node`] trait, which the binary implements.
//! Every answer that is not a success is an RFC 9457 problem document, except where a request is so malformed
//! that no HTTP message can be made of it (hyper answers 400 or 431 without a body then).

mod access;
mod assets;
mod docs;
mod extract;
mod guard;
mod metrics;
mod node;
mod problem;
mod routes;
mod serve;
mod shape;
mod state;

pub use access::{PasswordError, hash_password, new_token};
pub use docs::openapi;
pub use node::{
    BlockOrder, Component, Counter, CounterKind, HoneypotStatus, Live, Node, NodeError, PolicyView,
};
pub use serve::serve;
pub use state::{ApiSettings, ApiState};
