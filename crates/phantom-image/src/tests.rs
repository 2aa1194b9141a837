use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const ROOT: Meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

fn image(builder: Builder) -> Vec<u8> {
    let mut out = Vec::new();
    builder.write("a test", &mut out).unwrap();
    out
}

fn open(bytes: Vec<u8>) -> Result<Image, ImageError> {
    Image::open(Arc::new(bytes))
}

/// Not compressible, so that it spans blocks also when packed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(len)
    .collect()
}

fn sample() -> Builder {
    let mut b = Builder::new(ROOT);
    let file = Meta { mode: 0o4755, uid: 1, gid: 2, mtime: 1_700_000_000 };
    b.file(b"/usr/bin/b", file, &noise(200_000)).unwrap();
    b.file(b"/usr/bin/a", file, b"short").unwrap();
    b.file(b"/usr/bin/copy", file, &noise(200_000)).unwrap();
    b.hard(b"/usr/bin/c", b"/usr/bin/b").unwrap();
    b.hard(b"/usr/bin/d", b"/usr/bin/c").unwrap();
    b.link(b"/bin", Meta { mode: 0o777, ..ROOT }, b"usr/bin").unwrap();
    b.dir(b"/usr/bin", Meta { mode: 0o2775, gid: 50, ..ROOT }).unwrap();
    b.file(b"/empty", file, b"").unwrap();
    b
}

fn walk(image: &Image, path: &str) -> u32 {
    path.split('/')
        .filter(|p| !p.is_empty())
        .fold(0, |dir, name| image.child(dir, name.as_bytes()).unwrap_or_else(|| panic!("no {name}")))
}

#[test]
fn what_was_put_in_comes_out() {
    let image = open(image(sample())).unwrap();
    assert_eq!((image.label().as_str(), image.nodes()), ("a test", 10));
    // Equal contents are stored once.
    assert_eq!(image.contents(), 200_005);
    let b = walk(&image, "usr/bin/b");
    let node = image.node(b).unwrap();
    assert_eq!((node.kind, node.mode, node.uid, node.gid), (Kind::File, 0o4755, 1, 2));
    assert_eq!((node.mtime, node.nlink, node.size, node.name), (1_700_000_000, 3, 200_000, &b"b"[..]));
    assert_eq!(image.read(b, 0, usize::MAX).unwrap(), noise(200_000));
    assert_eq!(image.read(b, 65_000, 2_000).unwrap(), noise(200_000)[65_000..67_000]);
    assert_eq!(image.read(b, 199_999, 10).unwrap().len(), 1);
    assert!(image.read(b, 200_000, 10).unwrap().is_empty());
    assert!(image.read(b, u64::MAX, 10).unwrap().is_empty());
    for name in ["c", "d"] {
        assert_eq!(walk(&image, &format!("usr/bin/{name}")), b);
    }
    assert_eq!(image.target(walk(&image, "bin")), Some(&b"usr/bin"[..]));
    assert_eq!(image.target(b), None);
    let dir = walk(&image, "usr/bin");
    assert_eq!((image.node(dir).unwrap().mode, image.node(dir).unwrap().gid), (0o2775, 50));
    let names: Vec<_> = image.children(dir).map(|(name, _)| name.to_vec()).collect();
    assert_eq!(names, [&b"a"[..], b"b", b"c", b"copy", b"d"]);
    assert_eq!(image.node(Image::ROOT).unwrap().nlink, 3);
    assert_eq!(image.child(dir, b"nothing"), None);
    assert_eq!(image.child(b, b"a"), None);
    assert_eq!(image.children(b).count(), 0);
    assert!(image.node(image.nodes()).is_none());
    assert!(image.read(walk(&image, "empty"), 0, 9).unwrap().is_empty());
}

#[test]
fn what_cannot_stand_there_is_refused() {
    let mut b = sample();
    assert!(matches!(b.file(b"/empty/x", ROOT, b""), Err(BuildError::InTheWay(_))));
    assert!(matches!(b.file(b"/usr", ROOT, b""), Err(BuildError::InTheWay(_))));
    assert!(matches!(b.dir(b"/empty", ROOT), Err(BuildError::InTheWay(_))));
    assert!(matches!(b.file(b"/usr/..", ROOT, b""), Err(BuildError::Name(_))));
    assert!(matches!(b.file(&[b'a'; 256], ROOT, b""), Err(BuildError::Name(_))));
    assert!(matches!(b.hard(b"/x", b"/usr"), Err(BuildError::NoFile(_))));
    assert!(matches!(b.hard(b"/x", b"/nowhere"), Err(BuildError::NoFile(_))));
    assert!(matches!(b.own(b"/nowhere", 0, 0, 0), Err(BuildError::NoFile(_))));
    assert!(matches!(b.link(b"/x", ROOT, b""), Err(BuildError::Name(_))));
    b.own(b"/empty", 0o600, 3, 4).unwrap();
    b.file(b"/bin", ROOT, b"now a file").unwrap();
    assert!(b.has(b"/usr/bin/a") && !b.has(b"/usr/bin/z") && !b.is_empty());
    assert_eq!(b.len(), 10);
    let image = open(image(b)).unwrap();
    let node = image.node(walk(&image, "empty")).unwrap();
    assert_eq!((node.mode, node.uid, node.gid), (0o600, 3, 4));
    assert_eq!(image.read(walk(&image, "bin"), 0, 99).unwrap(), b"now a file");
}

#[test]
fn a_damaged_file_says_what_is_wrong() {
    let whole = image(sample());
    assert_eq!(open(b"MZ".to_vec()).unwrap_err(), ImageError::Magic);
    assert_eq!(open(vec![0; 200]).unwrap_err(), ImageError::Magic);
    let (has, wants) = (whole.len() as u64 - 1, whole.len() as u64);
    let cut = open(whole[..whole.len() - 1].to_vec()).unwrap_err();
    assert_eq!(cut, ImageError::Length { has, wants });
    assert_eq!(cut.to_string(), format!("truncated: {has} bytes of {wants}"));
    // Any byte of the tables.
    for at in [16, 41, 70, 100, 200, 400, 520] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        assert!(matches!(open(bad), Err(ImageError::Checksum | ImageError::Index(_))), "byte {at}");
    }
    // A byte of the contents: everything else is still there.
    let mut bad = whole;
    let at = bad.len() - 100_000;
    bad[at] ^= 1;
    let image = open(bad).unwrap();
    let b = walk(&image, "usr/bin/b");
    assert_eq!(image.read(b, 0, usize::MAX).unwrap_err(), ImageError::Block(1));
    assert_eq!(image.read(b, 0, 10).unwrap(), noise(10));
}

/// As an enemy would: the checksum is right, the rest is not.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let end = TABLES + word(16) * node::RECORD + (word(20) + 1) * 8 + word(24);
    if let Some(tables) = bytes.get(TABLES..end) {
        let sum = Sha256::new().chain_update(&bytes[..HEAD]).chain_update(tables).finalize();
        bytes[HEAD..TABLES].copy_from_slice(&sum);
    }
    bytes
}

/// Everything a reader can ask of an image that opens.
fn use_all(image: &Image) {
    for ino in 0..image.nodes() {
        let node = image.node(ino).unwrap();
        assert!(node.parent < ino || ino == 0);
        for (name, child) in image.children(ino) {
            assert_eq!(image.child(ino, name), Some(child));
        }
        let _ = image.target(ino);
        let _ = image.read(ino, 0, 1 << 20);
    }
}

proptest! {
    #[test]
    fn a_forged_index_leads_nowhere(at in 8usize..700, value in any::<u8>()) {
        let mut bytes = image(sample());
        bytes[at] = value;
        if let Ok(image) = open(sealed(bytes)) {
            use_all(&image);
        }
    }

    #[test]
    fn random_bytes_do_not_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let magic = bytes.len().min(MAGIC.len());
        bytes[..magic].copy_from_slice(&MAGIC[..magic]);
        if let Ok(image) = open(bytes) {
            use_all(&image);
        }
    }

    #[test]
    fn any_tree_survives(names in prop::collection::btree_map("[a-c]{1,3}(/[a-c]{1,2}){0,2}", prop::collection::vec(any::<u8>(), 0..50), 1..20)) {
        let mut b = Builder::new(ROOT);
        let mut put = Vec::new();
        for (name, content) in &names {
            if b.file(name.as_bytes(), ROOT, content).is_ok() {
                put.push((name, content));
            }
        }
        let image = open(image(b)).unwrap();
        use_all(&image);
        for (name, content) in put {
            prop_assert_eq!(&image.read(walk(&image, name), 0, usize::MAX).unwrap(), content);
        }
    }
}
