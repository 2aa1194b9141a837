//! What the attacker talks to: one dialogue machine a protocol, the shell and the file system behind it.
//!
//! - [`Persona`]: what this installation pretends to be, derived once from its seed and kept by the node.
//! - [`LoginPolicy`]: which passwords open the door.
//! - [`Machine`]: the persona with its immutable base file tree; one for all sessions of a process.
//! - [`Vfs`]: one session's copy-on-write view of that tree.
//! - [`Shell`] and [`Console`]: commands over them, for a terminal, an `exec` request or a script.
//! - [`protocols`]: the registry, one line a protocol.
//!
//! This crate reads no clock, opens no file or socket and draws no random number.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod ftp;
pub mod http;
pub mod login;
mod machine;
pub mod persona;
pub mod shell;
pub mod ssh;
pub mod vfs;

pub use login::{LoginPolicy, LoginRules};
pub use persona::Persona;
pub use phantom_image::{Image, ImageError};
pub use shell::{Console, Emit, Machine, Shell};
pub use vfs::{Cred, Errno, Remember, Vfs};

use std::sync::Arc;

use phantom_core::dialogue::Protocol;

/// What the protocols of one process share.
#[derive(Clone)]
pub struct Options {
    /// Which passwords open the door.
    pub login: Arc<LoginPolicy>,
    /// The machine behind all of them.
    pub machine: Arc<Machine>,
}

impl Options {
    /// The persona's own default policy and a fresh machine.
    pub fn new(persona: &Arc<Persona>) -> Self {
        Self { login: Arc::new(LoginPolicy::believable(persona)), machine: Machine::new(Arc::clone(persona)) }
    }
}

/// The registry: one line a protocol.
pub fn protocols(persona: Arc<Persona>, options: &Options) -> Vec<Box<dyn Protocol>> {
    let mut all: Vec<Box<dyn Protocol>> = vec![
        Box::new(ftp::Ftp::new(
            ftp::FtpOptions::default(),
            Arc::clone(&options.login),
            Arc::clone(&options.machine),
        )),
        Box::new(http::Http::default()),
    ];
    // Host keys that cannot be read leave SSH out: whoever loads a persona checks them.
    if let Ok(ssh) = ssh::SshProtocol::new(&persona, options) {
        all.push(Box::new(ssh));
    }
    all
}
