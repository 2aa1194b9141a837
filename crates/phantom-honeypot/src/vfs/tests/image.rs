//! The installation's own files over an image of packages.

use phantom_image::{Builder, Image, Meta};

use super::*;

fn meta(mode: u32) -> Meta {
    Meta { mode, uid: 0, gid: 0, mtime: 1_600_000_000 }
}

/// A machine with two packages, whose status dpkg knows.
fn packages() -> Vec<u8> {
    let mut b = Builder::new(meta(0o755));
    for dir in ["/proc", "/tmp", "/home", "/var/lib/dpkg"] {
        b.dir(dir.as_bytes(), Meta { mtime: 0, ..meta(0o755) }).unwrap();
    }
    b.dir(b"/tmp", meta(0o1777)).unwrap();
    for name in ["bin", "sbin", "lib", "lib64"] {
        b.dir(format!("/usr/{name}").as_bytes(), meta(0o755)).unwrap();
        b.link(format!("/{name}").as_bytes(), meta(0o777), format!("usr/{name}").as_bytes()).unwrap();
    }
    b.file(b"/usr/bin/ls", meta(0o755), &[b"\x7fELF".to_vec(), vec![7; 150_000]].concat()).unwrap();
    b.file(b"/usr/bin/perl", meta(0o755), b"\x7fELFperl").unwrap();
    b.hard(b"/usr/bin/perl5.36.0", b"/usr/bin/perl").unwrap();
    b.file(b"/etc/debian_version", meta(0o644), b"12.99\n").unwrap();
    b.file(b"/var/lib/dpkg/status", meta(0o644), b"Package: coreutils\n\n").unwrap();
    let mut bytes = Vec::new();
    b.write("two packages", &mut bytes).unwrap();
    bytes
}

fn machine(seed: u8, bytes: Vec<u8>) -> Vfs {
    let image = Arc::new(Image::open(Arc::new(bytes)).unwrap());
    let persona = Arc::new(Persona::generate([seed; 32], at()));
    Vfs::new(Base::over(persona, Some(image)), Limits::default(), at())
}

fn text(vfs: &Vfs, path: &str) -> String {
    String::from_utf8(vfs.read(&Cred::root(), path.as_bytes(), 0, 1 << 20).unwrap()).unwrap()
}

#[test]
fn packages_give_their_files_and_the_installation_its_own() {
    let (vfs, root) = (machine(3, packages()), Cred::root());
    let persona = Persona::generate([3; 32], at());
    // The package's, in place of our words.
    assert_eq!(text(&vfs, "/etc/debian_version"), "12.99\n");
    assert_eq!(vfs.stat(&root, b"/bin/ls").unwrap().size, 150_004);
    assert_eq!(vfs.stat(&root, b"/bin/ls").unwrap().mtime, phantom_core::from_micros(1_600_000_000_000_000));
    // The installation's, which no package has.
    assert_eq!(text(&vfs, "/etc/hostname"), format!("{}\n", persona.hostname));
    assert!(text(&vfs, "/etc/passwd").contains(&persona.users[0].name));
    assert!(text(&vfs, "/proc/version").contains(&persona.kernel_release));
    // Both in one directory, in order, each name once.
    let names: Vec<_> = vfs.readdir(&root, b"/etc").unwrap().into_iter().map(|(name, _)| name).collect();
    assert!(
        names.is_sorted()
            && names.contains(&b"debian_version".to_vec())
            && names.contains(&b"shadow".to_vec())
    );
    assert_eq!(names.iter().filter(|name| *name == b"debian_version").count(), 1);
    // dpkg knows the kernel that this installation runs.
    let status = text(&vfs, "/var/lib/dpkg/status");
    assert!(status.starts_with("Package: coreutils\n\nPackage: linux-image-"), "{status}");
    assert!(status.contains(&format!(
        "Package: linux-image-{}\nStatus: install ok installed\n",
        persona.kernel_release
    )));
    assert_eq!(vfs.stat(&root, b"/var/lib/dpkg/status").unwrap().size, status.len() as u64);
    assert_eq!(vfs.read(&root, b"/var/lib/dpkg/status", 16, 12).unwrap(), b"ls\n\nPackage:");
    assert_eq!(vfs.read(&root, b"/var/lib/dpkg/status", 30, 5).unwrap(), status.as_bytes()[30..35]);
    // Two names, one file.
    let (one, two) =
        (vfs.stat(&root, b"/usr/bin/perl").unwrap(), vfs.stat(&root, b"/usr/bin/perl5.36.0").unwrap());
    assert_eq!((one.ino, one.nlink), (two.ino, 2));
    assert_eq!(vfs.program_at(&root, b"/bin/ls"), Some(b"/usr/bin/ls".to_vec()));
    assert_eq!(vfs.canonical(&root, b"/bin/../bin/ls").unwrap(), b"/usr/bin/ls");
    // Nobody makes anything in /proc, though the directory is the image's.
    let mut vfs = vfs;
    assert_eq!(vfs.create(&root, b"/proc/x", 0o644, true).unwrap_err(), Errno::ENOENT);
}

#[test]
fn links_of_directories_are_counted() {
    let (vfs, root) = (machine(3, packages()), Cred::root());
    let mut stack = vec![b"/".to_vec()];
    while let Some(dir) = stack.pop() {
        let below: Vec<_> =
            vfs.readdir(&root, &dir).unwrap().into_iter().map(|(name, _)| join(&dir, &name)).collect();
        let dirs: Vec<_> =
            below.into_iter().filter(|path| vfs.lstat(&root, path).unwrap().kind == Kind::Dir).collect();
        assert_eq!(
            vfs.lstat(&root, &dir).unwrap().nlink as usize,
            2 + dirs.len(),
            "{}",
            String::from_utf8_lossy(&dir)
        );
        stack.extend(dirs);
    }
}

#[test]
fn installations_share_packages_and_nothing_else() {
    let (a, b) = (machine(3, packages()), machine(4, packages()));
    for path in
        ["/etc/hostname", "/etc/machine-id", "/etc/shadow", "/etc/fstab", "/proc/uptime", "/var/log/syslog"]
    {
        assert_ne!(text(&a, path), text(&b, path), "{path}");
    }
    let time = |vfs: &Vfs, path: &[u8]| vfs.stat(&Cred::root(), path).unwrap().mtime;
    assert_ne!(time(&a, b"/home"), time(&b, b"/home"));
    assert_eq!(time(&a, b"/bin/ls"), time(&b, b"/bin/ls"));
}

#[test]
fn writes_lie_over_the_image() {
    let (mut vfs, root) = (machine(3, packages()), Cred::root());
    let other = vfs.clone();
    vfs.set_attr(&root, b"/bin/ls", SetAttr { mode: Some(0), ..SetAttr::default() }).unwrap();
    assert!(vfs.held().0 < 100, "permissions alone cost no content");
    vfs.rename(&root, b"/bin/ls", b"/tmp/ls").unwrap();
    assert_eq!(vfs.stat(&root, b"/tmp/ls").unwrap().size, 150_004);
    assert_eq!(vfs.lookup(&root, b"/bin/ls", true), Err(Errno::ENOENT));
    let ino = vfs.create(&root, b"/etc/debian_version", 0o644, false).unwrap();
    vfs.write(ino, None, b"more\n").unwrap();
    assert_eq!(text(&vfs, "/etc/debian_version"), "12.99\nmore\n");
    vfs.unlink(&root, b"/usr/bin/perl").unwrap();
    assert_eq!(vfs.stat(&root, b"/usr/bin/perl5.36.0").unwrap().size, 8, "its other name is still there");
    assert!(vfs.held().0 < 200, "{:?}", vfs.held());
    assert_eq!(text(&other, "/etc/debian_version"), "12.99\n");
    assert!(other.lookup(&root, b"/bin/ls", true).is_ok());
}

#[test]
fn a_damaged_block_is_an_input_output_error() {
    let mut bytes = packages();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    let (mut vfs, root) = (machine(3, bytes), Cred::root());
    let read = |vfs: &Vfs, path: &[u8]| vfs.read(&root, path, 0, 1 << 20);
    assert!(
        [&b"/usr/bin/ls"[..], b"/etc/debian_version"].iter().any(|path| read(&vfs, path) == Err(Errno::EIO))
    );
    assert_eq!(read(&vfs, b"/etc/hostname").map(|text| text.is_empty()), Ok(false));
    assert_eq!(vfs.canonical(&root, b"/bin/ls").unwrap(), b"/usr/bin/ls", "names and links are whole");
    let ino = vfs.create(&root, b"/etc/debian_version", 0o644, false).unwrap();
    assert_eq!(vfs.write(ino, None, b"x"), Err(Errno::EIO));
}
