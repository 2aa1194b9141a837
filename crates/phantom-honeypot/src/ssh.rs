//! Secure shell: `phantom-ssh`'s transport before the persona's shell.

pub mod calls;
pub mod scp;
mod session;
pub mod sftp;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::{Dialogue, Protocol, Visit};
use phantom_core::event::Service;
use phantom_ssh::{Config, HostKeys, KeyError};
use sha2::{Digest, Sha256};

use crate::{LoginPolicy, Machine, Options, Persona};
use session::SshDialogue;

/// How long things take, which is what an attacker can measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTimes {
    /// Least delay of a refused password. Measured on Debian 12: 1.6 to 3.4 s, for one user name always the
    /// same to 2 ms, since PAM's delay goes by the process and the name.
    pub refusal: Duration,
    /// How far user names are apart above [`SshTimes::refusal`].
    pub refusal_spread: Duration,
    /// Delay of an accepted password: 149 ms measured (yescrypt and PAM's session).
    pub success: Duration,
    /// Time to log in (`LoginGraceTime`: 120 s).
    pub grace: Duration,
    /// Time without input after which a session is ended. OpenSSH has none by default; a session held for
    /// nothing costs memory.
    pub idle: Duration,
}

impl Default for SshTimes {
    fn default() -> Self {
        Self {
            refusal: Duration::from_millis(1600),
            refusal_spread: Duration::from_millis(1800),
            success: Duration::from_millis(149),
            grace: Duration::from_secs(120),
            idle: Duration::from_secs(30 * 60),
        }
    }
}

/// The protocol.
pub struct SshProtocol {
    shared: Arc<Shared>,
}

/// What all its conversations share.
struct Shared {
    config: Arc<Config>,
    login: Arc<LoginPolicy>,
    machine: Arc<Machine>,
    times: SshTimes,
    /// Sets the delays of this installation apart from those of any other.
    seed: [u8; 32],
}

impl SshProtocol {
    /// With the persona's host keys and version, and a real server's times. A persona without host keys gets
    /// those of its seed, which takes a second or so: keep what [`Persona::with_host_keys`] makes.
    ///
    /// # Errors
    /// [`KeyError`] when [`Persona::host_keys`] cannot be read.
    pub fn new(persona: &Persona, options: &Options) -> Result<Self, KeyError> {
        Self::with_times(persona, options, SshTimes::default())
    }

    /// As [`SshProtocol::new`], with other times.
    ///
    /// # Errors
    /// As [`SshProtocol::new`].
    pub fn with_times(persona: &Persona, options: &Options, times: SshTimes) -> Result<Self, KeyError> {
        let keys = match persona.host_keys.as_str() {
            "" => HostKeys::from_pem(&persona.clone().with_host_keys()?.host_keys)?,
            kept => HostKeys::from_pem(kept)?,
        };
        let mut config = Config::debian_12(keys);
        config.profile.banner = format!("SSH-2.0-{}", persona.versions.ssh);
        let shared = Shared {
            config: Arc::new(config),
            login: Arc::clone(&options.login),
            machine: Arc::clone(&options.machine),
            times,
            seed: derived(&persona.seed, b"ssh delays"),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Protocol for SshProtocol {
    fn service(&self) -> Service {
        Service::SSH
    }

    fn open(&self, visit: Visit) -> Box<dyn Dialogue> {
        Box::new(SshDialogue::new(Arc::clone(&self.shared), visit))
    }
}

impl Shared {
    /// How long a refusal of this user takes.
    fn refusal(&self, user: &[u8]) -> Duration {
        let share =
            derived(&self.seed, user).first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let spread = u64::try_from(self.times.refusal_spread.as_micros()).unwrap_or(u64::MAX);
        let micros = (u128::from(spread) * u128::from(share)) >> 32;
        self.times.refusal + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Randomness for one purpose, out of a seed that serves several.
fn derived(seed: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(seed).chain_update(purpose).finalize().into()
}
