//! The SSH server side as OpenSSH speaks it: bytes in, bytes out, randomness passed in.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod crypto;
mod event;
pub mod fuzz;
mod keys;
mod packet;
mod profile;
mod server;
mod wire;

pub use event::{AuthAttempt, Credential, Event, Program, Size};
pub use keys::{HostKeys, KeyError, UserKey, fingerprint};
pub use packet::{MAX_PACKET, PacketError};
pub use profile::Profile;
pub use server::{CHANNEL_BUFFER, Config, Server};
pub use wire::Reader;
