use proptest::prelude::*;

use super::*;
use crate::Persona;

fn at() -> Timestamp {
    phantom_core::from_micros(1_763_900_000_000_000)
}

fn fresh(limits: Limits) -> Vfs {
    Vfs::new(Base::debian(Arc::new(Persona::generate([3; 32], at()))), limits, at())
}

mod image;
mod share;

const USER: fn() -> Cred = || Cred { uid: 1000, gid: 1000, groups: vec![] };

#[test]
fn links_and_sizes_are_true() {
    let vfs = fresh(Limits::default());
    let root = Cred::root();
    assert_eq!(vfs.canonical(&root, b"/bin/../bin/sh").unwrap(), b"/usr/bin/dash");
    let mut stack = vec![b"/".to_vec()];
    let mut seen = 0;
    while let Some(dir) = stack.pop() {
        for (name, _) in vfs.readdir(&root, &dir).unwrap() {
            let path = join(&dir, &name);
            let stat = vfs.lstat(&root, &path).unwrap();
            seen += 1;
            match stat.kind {
                Kind::Dir => stack.push(path),
                // Files of /sys tell a page, whatever they hold.
                Kind::File if path.starts_with(b"/sys/") => assert_eq!(stat.size, 4096),
                Kind::File if !path.starts_with(b"/proc") => {
                    let mut read = 0;
                    while let Ok(part) = vfs.read(&root, &path, read, 1 << 20) {
                        read += part.len() as u64;
                        if part.is_empty() {
                            break;
                        }
                    }
                    assert_eq!(read, stat.size, "{}", String::from_utf8_lossy(&path));
                }
                _ => {}
            }
        }
    }
    assert!(seen > 180, "{seen}");
}

#[test]
fn permissions_hold() {
    let mut vfs = fresh(Limits::default());
    let user = USER();
    assert_eq!(vfs.read(&user, b"/etc/shadow", 0, 10), Err(Errno::EACCES));
    assert_eq!(vfs.readdir(&user, b"/root").unwrap_err(), Errno::EACCES);
    assert_eq!(vfs.create(&user, b"/etc/x", 0o644, true), Err(Errno::EACCES));
    assert_eq!(vfs.unlink(&user, b"/etc/passwd"), Err(Errno::EACCES));
    let ino = vfs.create(&Cred::root(), b"/tmp/r", 0o644, true).unwrap();
    vfs.write(ino, Some(3), b"abc").unwrap();
    assert_eq!(vfs.read(&user, b"/tmp/r", 0, 99).unwrap(), b"\0\0\0abc");
    assert_eq!(vfs.unlink(&user, b"/tmp/r"), Err(Errno::EPERM), "sticky");
    let own = SetAttr { mode: Some(0o600), ..SetAttr::default() };
    assert_eq!(vfs.set_attr(&user, b"/tmp/r", own), Err(Errno::EPERM));
    vfs.set_attr(&Cred::root(), b"/tmp/r", own).unwrap();
    assert_eq!(vfs.stat(&user, b"/tmp/r").unwrap().mode_string(), "-rw-------");
}

#[test]
fn one_sessions_writes_are_its_own() {
    let mut a = fresh(Limits::default());
    let b = Vfs::new(Arc::clone(&a.base), Limits::default(), at());
    let root = Cred::root();
    let ino = a.create(&root, b"/etc/hostname", 0o644, false).unwrap();
    a.write(ino, None, b"more").unwrap();
    assert!(a.read(&root, b"/etc/hostname", 0, 99).unwrap().ends_with(b"\nmore"));
    assert!(!b.read(&root, b"/etc/hostname", 0, 99).unwrap().ends_with(b"more"));
    assert!(a.held().0 < 100, "{:?}", a.held());
    a.rename(&root, b"/etc/nginx", b"/srv/nginx").unwrap();
    assert!(a.stat(&root, b"/srv/nginx/nginx.conf").is_ok() && a.stat(&root, b"/etc/nginx").is_err());
    assert_eq!(a.rename(&root, b"/srv/nginx", b"/srv/nginx/conf.d/x"), Err(Errno::EINVAL));
    assert_eq!(a.rmdir(&root, b"/srv/nginx"), Err(Errno::ENOTEMPTY));
    a.symlink(&root, b"/tmp/loop", b"/tmp/loop").unwrap();
    assert_eq!(a.lookup(&root, b"/tmp/loop", true), Err(Errno::ELOOP));
}

#[test]
fn caps_hold_and_removed_evidence_makes_room() {
    let mut vfs = fresh(Limits { bytes: 1000, nodes: 12, ..Limits::default() });
    let root = Cred::root();
    for _ in 0..5 {
        let ino = vfs.create(&root, b"/tmp/a", 0o644, true).unwrap();
        vfs.write(ino, None, &[7; 600]).unwrap();
        assert_eq!(vfs.write(ino, None, &[7; 600]), Err(Errno::ENOSPC));
        vfs.unlink(&root, b"/tmp/a").unwrap();
    }
    assert!(vfs.held().0 <= 1000 && vfs.dropped_files().len() == 1);
    let made = (0..50).filter(|n| vfs.mkdir(&root, format!("/tmp/{n}").as_bytes(), 0o755).is_ok()).count();
    assert!((1..12).contains(&made), "{made}");
    assert_eq!(
        vfs.mkdir(&root, &[b"/tmp/".as_slice(), &[b'a'; 256]].concat(), 0o755),
        Err(Errno::ENAMETOOLONG)
    );
}

proptest! {
    #[test]
    fn any_operations_keep_the_caps(ops in proptest::collection::vec((0u8..8, "[ab./]{0,9}", "[ab./]{0,9}"), 0..60)) {
        let mut vfs = fresh(Limits { bytes: 4096, nodes: 40, ..Limits::default() });
        let who = Cred::root();
        for (op, a, b) in ops {
            let (a, b) = (join(b"/tmp", a.as_bytes()), join(b"/tmp", b.as_bytes()));
            let _ = match op {
                0 => vfs.create(&who, &a, 0o644, true).and_then(|ino| vfs.write(ino, Some(9), &b)),
                1 => vfs.mkdir(&who, &a, 0o755).map(|_| ()),
                2 => vfs.unlink(&who, &a),
                3 => vfs.rmdir(&who, &a),
                4 => vfs.rename(&who, &a, &b),
                5 => vfs.symlink(&who, &b, &a).map(|_| ()),
                6 => vfs.link(&who, &a, &b),
                _ => vfs.truncate(&who, &a, 77),
            };
            let (bytes, nodes) = vfs.held();
            prop_assert!(bytes <= 4096 + 64 && nodes <= 44);
        }
    }
}
