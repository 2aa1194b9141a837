//! Namespaces, an empty root directory, and an identity without privileges.

use std::io;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::{DumpableBehavior, getegid, geteuid, pivot_root, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, UnshareFlags, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::{Identity, Jail, Protections, Role};

/// Leaves the host's namespaces and privileges behind as far as the system lets us, and notes each.
pub(super) fn isolate(jail: &Jail) -> Protections {
    let mut held = Protections::default();
    if jail.role == Role::Core {
        identity(jail.identity, &mut held);
        held.note("no capabilities", drop_capabilities());
        return held;
    }
    let privileged = has(CapabilitySet::SYS_ADMIN);
    if !privileged {
        // Root without the privilege, as in many containers: the user namespace must not map root.
        identity(jail.identity, &mut held);
        held.note("user namespace", user_namespace());
    }
    held.note("network namespace", unshare(UnshareFlags::NEWNET).map(|()| "no interface is up"));
    held.note("ipc namespace", unshare(UnshareFlags::NEWIPC).map(|()| "own"));
    held.note("uts namespace", unshare(UnshareFlags::NEWUTS).map(|()| "own"));
    held.note(
        "empty root",
        unshare(UnshareFlags::NEWNS).map_err(io::Error::from).and_then(|()| empty_root()),
    );
    if privileged {
        identity(jail.identity, &mut held);
    }
    held.note("no capabilities", drop_capabilities());
    held
}

fn has(capability: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: of all flags only CLONE_FILES gives a thread another descriptor table; it is never passed.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Becomes root of a user namespace in which nobody but this very user exists, so that the namespaces below
/// it can be made.
fn user_namespace() -> io::Result<&'static str> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    // The maps belong to root while the process is not dumpable, which a change of user makes it.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    unshare(UnshareFlags::NEWUSER)?;
    // Group lists must be given up before an unprivileged map of groups is taken (user_namespaces(7)).
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    Ok("one user, one group")
}

/// Replaces the root directory by an empty, read-only one.
fn empty_root() -> io::Result<&'static str> {
    // Nothing done here may be seen outside.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Any directory serves to hang the new root on: it disappears with the old one.
    let place = ["/tmp", "/proc", "/mnt", "/var"]
        .into_iter()
        .find(|place| mount("none", *place, "tmpfs", flags, c"size=4k,nr_inodes=2,mode=555").is_ok())
        .ok_or_else(|| io::Error::other("no place to mount an empty root"))?;
    rustix::process::chdir(place)?;
    match pivot_root(".", ".") {
        Ok(()) => {
            // The old root now lies over the new one.
            unmount(".", UnmountFlags::DETACH)?;
            rustix::process::chdir("/")?;
            empty("pivot_root")
        }
        // An initial RAM disk cannot be pivoted away from.
        Err(_) => {
            rustix::process::chroot(".")?;
            rustix::process::chdir("/")?;
            empty("chroot")
        }
    }
}

/// Says so only after having looked.
fn empty(how: &'static str) -> io::Result<&'static str> {
    let root =
        rustix::fs::open("/", rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC, Mode::empty())?;
    let mut entries = rustix::fs::Dir::new(root)?;
    let stranger = entries.find(|entry| {
        entry.as_ref().map_or(true, |entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))
    });
    if stranger.is_some() { Err(io::Error::other("root is not empty")) } else { Ok(how) }
}

/// Becomes the unprivileged user and group where the process is root.
fn identity(wanted: Option<Identity>, held: &mut Protections) {
    let name = "unprivileged user";
    match wanted {
        _ if !geteuid().is_root() && !has(CapabilitySet::SETUID) => {
            held.note(name, Ok::<_, io::Error>(format!("uid {}", geteuid().as_raw())));
        }
        Some(Identity { uid, gid }) => {
            held.note(name, become_user(uid, gid).map(|()| format!("uid {uid}, gid {gid}")));
        }
        None => {
            held.note(name, Err::<String, _>("told to stay root"));
        }
    }
}

pub(super) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    if uid == 0 || gid == 0 || uid == u32::MAX || gid == u32::MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Dropped from the bounding set first, for which CAP_SETPCAP is still there; failing is noted later.
    let _ = drop_bounding();
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    Ok(())
}

fn drop_bounding() -> Result<(), Errno> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // Keeps what the next step, changing the user, needs: it goes with the effective set.
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // The first number the kernel does not know ends the list.
            Err(_) => break,
        }
    }
    Ok(())
}

fn drop_capabilities() -> Result<&'static str, Errno> {
    if has(CapabilitySet::SETPCAP) {
        drop_bounding()?;
    }
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok("all sets empty")
}
