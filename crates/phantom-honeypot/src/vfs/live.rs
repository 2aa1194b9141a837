//! The running machine behind /proc and /sys.

use std::sync::{Arc, PoisonError};

use super::{Errno, Ino, Vfs};
use crate::machine::{SharedLive, View};

impl Vfs {
    /// The running machine as this visit sees it now.
    pub(crate) fn with_machine<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        look(View { host: &self.base.host, live: &live, now: self.now })
    }

    /// What the visit changes of the running machine.
    pub(crate) fn live(&self) -> SharedLive {
        Arc::clone(&self.live)
    }

    /// Whether chattr(1) made a file unchangeable.
    pub(super) fn immutable(&self, ino: Ino) -> bool {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.flags.get(&ino).is_some_and(|flags| flags.contains('i'))
    }

    /// Remembers the password that a user logged in with: su and sudo ask for it.
    pub(crate) fn learn(&self, user: &str, secret: &[u8]) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).learn(user, secret);
    }

    /// A write to a file of /proc or /sys: settings of the kernel are kept, others take it.
    pub(super) fn write_setting(&mut self, ino: Ino, bytes: &[u8]) -> Result<(), Errno> {
        let Some(path) = self.with_machine(|view| view.setting(ino).map(str::to_owned)) else {
            return Ok(());
        };
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if path == "/proc/sys/kernel/hostname" {
            let name = String::from_utf8_lossy(bytes);
            live.hostname = name.lines().next().map(|name| name.chars().take(64).collect());
        } else if path != "/proc/sys/vm/drop_caches" && live.sysctl.len() < 256 {
            let mut value = bytes.get(..bytes.len().min(4096)).unwrap_or(bytes).to_vec();
            if !value.ends_with(b"\n") {
                value.push(b'\n');
            }
            live.sysctl.insert(path, value);
        }
        Ok(())
    }
}
