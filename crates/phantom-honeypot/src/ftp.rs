//! FTP as vsftpd 3.0.3 speaks it with Debian's settings and `write_enable=YES`; replies were taken from the
//! real server on loopback.
//!
//! As there, `TYPE A` changes no byte (`ascii_upload_enable` and `ascii_download_enable` are off) and the
//! control connection is not read during a transfer.

mod commands;
mod dialogue;
mod list;
mod session;

use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::{Actions, Dialogue, Protocol, Visit};
use phantom_core::event::Service;
use phantom_core::{SessionId, Timestamp};

use crate::{LoginPolicy, Machine};

/// What the operator or a test may set.
#[derive(Debug, Clone)]
pub struct FtpOptions {
    /// How long a refused password waits for its answer; `None` is vsftpd's 2.7 to 3.1 s, stable for a visit.
    pub failure_delay: Option<Duration>,
    /// `idle_session_timeout`.
    pub idle_timeout: Duration,
    /// `accept_timeout` and `connect_timeout`: how long a data connection may take to stand.
    pub open_timeout: Duration,
    /// `data_connection_timeout`: how long one may stall.
    pub data_timeout: Duration,
}

impl Default for FtpOptions {
    fn default() -> Self {
        Self {
            failure_delay: None,
            idle_timeout: Duration::from_secs(300),
            open_timeout: Duration::from_secs(60),
            data_timeout: Duration::from_secs(300),
        }
    }
}

/// The protocol's registry entry.
#[derive(Debug, Clone)]
pub struct Ftp {
    options: FtpOptions,
    login: Arc<LoginPolicy>,
    machine: Arc<Machine>,
}

impl Ftp {
    /// A server over this machine, opened by this policy.
    pub fn new(options: FtpOptions, login: Arc<LoginPolicy>, machine: Arc<Machine>) -> Self {
        Self { options, login, machine }
    }
}

impl Protocol for Ftp {
    fn service(&self) -> Service {
        Service::FTP
    }

    fn open(&self, visit: Visit) -> Box<dyn Dialogue> {
        Box::new(dialogue::FtpDialogue::new(self.clone(), visit))
    }
}

/// Fuzz entry: a whole conversation with this server from these bytes, data connections granted at once.
/// Returns how many actions it took.
pub fn fuzz_ftp(ftp: &Ftp, bytes: &[u8]) -> usize {
    use phantom_core::dialogue::{Action, SideEvent};
    let at = Timestamp::UNIX_EPOCH;
    let mut dialogue = ftp.open(Visit {
        session: SessionId::new(at, [0; 10]),
        peer: ([192, 0, 2, 1], 40_000).into(),
        local: ([192, 0, 2, 2], 21).into(),
        at,
        seed: [0; 32],
    });
    let mut out = Actions::new();
    dialogue.start(at, &mut out);
    let mut count = 0;
    for piece in bytes.chunks(64) {
        dialogue.input(at, piece, &mut out);
        // Each round answers what the last one asked for; a dialogue that asked for ever would be a finding.
        for _ in 0..64 {
            let actions = out.take();
            count += actions.len();
            for action in &actions {
                match action {
                    Action::Listen => {
                        let address = ([192, 0, 2, 2], 50_000).into();
                        dialogue.side(at, SideEvent::Listening(address), &mut out);
                        dialogue.side(at, SideEvent::Connected, &mut out);
                    }
                    Action::Connect(_) => dialogue.side(at, SideEvent::Connected, &mut out),
                    Action::SideSend(_) => dialogue.side(at, SideEvent::Drained, &mut out),
                    _ => {}
                }
            }
            dialogue.side(at, SideEvent::Bytes(piece), &mut out);
            dialogue.side(at, SideEvent::Ended, &mut out);
            if actions.is_empty() {
                break;
            }
        }
    }
    dialogue.end_of_input(at, &mut out);
    count + out.take().len()
}

#[cfg(test)]
mod tests;
