//! Detectors, windows and the threat score of every source.
//!
//! [`Engine::step`] takes what honeypots and the wire saw, in intake order, and gives verdicts back: alerts and
//! scores. This crate reads no clock, opens no file or socket and draws no random number; every instant is that of
//! the observation, so a replay of the same evidence gives the same verdicts with the same ids. Adding a detector is
//! one file in `detectors/` and one line in its registry.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod detector;
mod detectors;
mod engine;
mod given;
mod score;
pub mod settings;
mod window;

pub use detectors::rules;
pub use engine::{Engine, Input, SourceScore};
pub use score::level_of;
pub use settings::{Settings, SettingsError};
