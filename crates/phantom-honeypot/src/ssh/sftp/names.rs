//! The long names of a directory's entries: OpenSSH's `ls_file`.

use std::collections::BTreeMap;

use phantom_core::{Timestamp, micros};

use crate::ssh::calls::Calls;
use crate::vfs::Stat;

/// Who owns what, by name.
pub(super) struct Owners(BTreeMap<u32, Vec<u8>>, BTreeMap<u32, Vec<u8>>);

impl Owners {
    pub(super) fn new(calls: &Calls) -> Self {
        Self(calls.names(b"/etc/passwd"), calls.names(b"/etc/group"))
    }

    /// Names of user and group, or their numbers.
    fn of(&self, stat: &Stat) -> (String, String) {
        let known = |names: &BTreeMap<u32, Vec<u8>>, id: u32| {
            names.get(&id).map_or_else(|| id.to_string(), |name| String::from_utf8_lossy(name).into_owned())
        };
        (known(&self.0, stat.uid), known(&self.1, stat.gid))
    }
}

/// Half of 365 days: older files show their year.
const RECENT: i64 = 365 * 24 * 60 * 60 / 2;

/// `drwxr-xr-x    5 markus   markus       1024 Jan 13 18:39 .ssh`, at most 1023 bytes of it.
pub(super) fn long(owners: &Owners, name: &[u8], stat: &Stat, now: Timestamp) -> Vec<u8> {
    let (now, at) = (micros(now).div_euclid(1_000_000), micros(stat.mtime).div_euclid(1_000_000));
    let recent = now - RECENT < at && now >= at;
    let date = stat.mtime.strftime(if recent { "%b %e %H:%M" } else { "%b %e  %Y" });
    let (user, group) = owners.of(stat);
    let head =
        format!("{}  {:>3} {user:<8} {group:<8} {:>8} {date} ", stat.mode_string(), stat.nlink, stat.size);
    let mut line = head.into_bytes();
    line.extend_from_slice(name);
    line.truncate(1023);
    line
}
