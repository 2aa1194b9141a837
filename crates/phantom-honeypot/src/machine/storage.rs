//! Disks and mounts.

use super::View;
use crate::Persona;
use crate::shell::facts::disk;

/// The swap partition that the installer makes on small machines, less its header page.
pub(crate) const SWAP_KIB: u64 = 998_396;

/// A mounted file system.
#[derive(Debug, Clone, Copy)]
struct Mount {
    source: &'static str,
    on: &'static str,
    kind: &'static str,
    /// `SIZE` stands for what the memory allows.
    options: &'static str,
}

const fn mount(source: &'static str, on: &'static str, kind: &'static str, options: &'static str) -> Mount {
    Mount { source, on, kind, options }
}

/// In the order of /proc/mounts after a boot of Debian 12.
const MOUNTS: &[Mount] = &[
    mount("sysfs", "/sys", "sysfs", "rw,nosuid,nodev,noexec,relatime"),
    mount("proc", "/proc", "proc", "rw,nosuid,nodev,noexec,relatime"),
    mount("udev", "/dev", "devtmpfs", "rw,nosuid,relatime,size=DEVk,nr_inodes=INODES,mode=755,inode64"),
    mount("devpts", "/dev/pts", "devpts", "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=000"),
    mount("tmpfs", "/run", "tmpfs", "rw,nosuid,nodev,noexec,relatime,size=RUNk,mode=755,inode64"),
    mount("/dev/sda1", "/", "ext4", "rw,relatime,errors=remount-ro"),
    mount("securityfs", "/sys/kernel/security", "securityfs", "rw,nosuid,nodev,noexec,relatime"),
    mount("tmpfs", "/dev/shm", "tmpfs", "rw,nosuid,nodev,inode64"),
    mount("tmpfs", "/run/lock", "tmpfs", "rw,nosuid,nodev,noexec,relatime,size=5120k,inode64"),
    mount(
        "cgroup2",
        "/sys/fs/cgroup",
        "cgroup2",
        "rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot",
    ),
    mount("pstore", "/sys/fs/pstore", "pstore", "rw,nosuid,nodev,noexec,relatime"),
    mount("bpf", "/sys/fs/bpf", "bpf", "rw,nosuid,nodev,noexec,relatime,mode=700"),
    mount(
        "systemd-1",
        "/proc/sys/fs/binfmt_misc",
        "autofs",
        "rw,relatime,fd=30,pgrp=1,timeout=0,minproto=5,maxproto=5,direct,pipe_ino=15363",
    ),
    mount("debugfs", "/sys/kernel/debug", "debugfs", "rw,nosuid,nodev,noexec,relatime"),
    mount("hugetlbfs", "/dev/hugepages", "hugetlbfs", "rw,relatime,pagesize=2M"),
    mount("tracefs", "/sys/kernel/tracing", "tracefs", "rw,nosuid,nodev,noexec,relatime"),
    mount("mqueue", "/dev/mqueue", "mqueue", "rw,nosuid,nodev,noexec,relatime"),
    mount("fusectl", "/sys/fs/fuse/connections", "fusectl", "rw,nosuid,nodev,noexec,relatime"),
    mount("configfs", "/sys/kernel/config", "configfs", "rw,nosuid,nodev,noexec,relatime"),
];

/// A file system as it is mounted now: one of [`MOUNTS`], or a visit's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) source: String,
    pub(crate) on: String,
    pub(crate) kind: String,
    pub(crate) options: String,
    /// Size and use in KiB, of those that df shows.
    pub(crate) size: Option<(u64, u64)>,
}

impl View<'_> {
    /// All that is mounted, in its order.
    pub(crate) fn mounts(&self) -> Vec<Mounted> {
        let p = self.persona();
        let own = MOUNTS.iter().map(|m| Mounted {
            source: m.source.to_owned(),
            on: m.on.to_owned(),
            kind: m.kind.to_owned(),
            options: m.options_of(p),
            size: m.size(p),
        });
        own.chain(self.live.mounts.iter().cloned()).collect()
    }
}

impl Mount {
    /// The options with the sizes of this machine.
    fn options_of(&self, p: &Persona) -> String {
        let dev = pages(p.memory_kib / 2 - 24_000);
        self.options
            .replace("DEV", &dev.to_string())
            .replace("INODES", &(dev / 4).to_string())
            .replace("RUN", &pages(p.memory_kib / 10).to_string())
    }

    /// Size and use in KiB, of those that df shows.
    fn size(&self, p: &Persona) -> Option<(u64, u64)> {
        Some(match self.on {
            "/dev" => (pages(p.memory_kib / 2 - 24_000), 0),
            "/run" => (pages(p.memory_kib / 10), 620),
            "/" => disk(p),
            "/dev/shm" => (pages(p.memory_kib / 2), 0),
            "/run/lock" => (5120, 0),
            _ => return None,
        })
    }
}

/// Whole pages of 4 KiB: what memory is counted in.
pub(crate) fn pages(kib: u64) -> u64 {
    kib / 4 * 4
}
