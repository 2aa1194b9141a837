//! Who is logged in and how the file system looks to them.

use std::sync::{MutexGuard, PoisonError};

use phantom_core::Timestamp;

use crate::shell::{Account, SharedVfs};
use crate::vfs::{self, Cred, Errno, Vfs};

/// A login that was let in.
pub(super) struct Session {
    pub(super) account: Account,
    vfs: SharedVfs,
    /// What `/` means: the real root, or the directory an anonymous visitor is kept in.
    root: Vec<u8>,
    /// As the peer sees it.
    pub(super) cwd: Vec<u8>,
    pub(super) anonymous: bool,
    pub(super) umask: u32,
}

/// Where Debian's package keeps anonymous visitors.
const ANONYMOUS_ROOT: &[u8] = b"/srv/ftp";

impl Session {
    pub(super) fn new(vfs: SharedVfs, account: Account) -> Self {
        let home = account.home.clone().into_bytes();
        let mut session =
            Self { account, vfs, root: Vec::new(), cwd: b"/".to_vec(), anonymous: false, umask: 0o22 };
        if session.chdir(&home).is_err() {
            session.cwd = b"/".to_vec();
        }
        session
    }

    pub(super) fn anonymous(vfs: SharedVfs, mut account: Account) -> Self {
        account.name = "ftp".to_owned();
        {
            let mut locked = vfs.lock().unwrap_or_else(PoisonError::into_inner);
            // Where they exist already this changes nothing.
            let _ = locked.mkdir(&Cred::root(), b"/srv", 0o755);
            let _ = locked.mkdir(&Cred::root(), ANONYMOUS_ROOT, 0o755);
        }
        let root = ANONYMOUS_ROOT.to_vec();
        Self { account, vfs, root, cwd: b"/".to_vec(), anonymous: true, umask: 0o77 }
    }

    pub(super) fn vfs(&self, now: Timestamp) -> MutexGuard<'_, Vfs> {
        let mut vfs = self.vfs.lock().unwrap_or_else(PoisonError::into_inner);
        vfs.set_now(now);
        vfs
    }

    pub(super) fn cred(&self) -> &Cred {
        &self.account.cred
    }

    /// The path as the peer sees it, absolute.
    pub(super) fn shown(&self, argument: &[u8]) -> Vec<u8> {
        let home = self.account.home.as_bytes();
        let argument = match argument.strip_prefix(b"~") {
            Some(rest) if !self.anonymous && (rest.is_empty() || rest.starts_with(b"/")) => {
                [home, rest].concat()
            }
            _ => argument.to_vec(),
        };
        vfs::join(&self.cwd, &argument)
    }

    /// The path in the file system; an empty argument is a path that does not exist, as for the kernel.
    pub(super) fn real(&self, argument: &[u8]) -> Result<Vec<u8>, Errno> {
        if argument.is_empty() || argument.contains(&0) {
            return Err(Errno::ENOENT);
        }
        let shown = self.shown(argument);
        if self.root.is_empty() {
            return Ok(shown);
        }
        // Within the kept directory `..` is resolved by name: it holds no links, and none can be made.
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in shown.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
            if part == b".." {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        let mut out = self.root.clone();
        for part in parts {
            out.push(b'/');
            out.extend_from_slice(part);
        }
        Ok(out)
    }

    pub(super) fn chdir(&mut self, argument: &[u8]) -> Result<(), Errno> {
        let real = self.real(argument)?;
        let canonical = {
            let vfs = self.vfs.lock().unwrap_or_else(PoisonError::into_inner);
            let canonical = vfs.canonical(self.cred(), &real)?;
            vfs.readdir(self.cred(), &canonical).map(|_| ()).or_else(|error| match error {
                Errno::EACCES => vfs.access(self.cred(), &canonical, 1),
                other => Err(other),
            })?;
            canonical
        };
        let shown = canonical.strip_prefix(self.root.as_slice()).unwrap_or(b"/");
        self.cwd = if shown.is_empty() { b"/".to_vec() } else { shown.to_vec() };
        Ok(())
    }
}
