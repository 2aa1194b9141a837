//! The immutable tree under every session.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use phantom_core::{Timestamp, from_micros, micros};
use phantom_image::{Image, Kind as ImageKind, Node};

use super::node::{Attr, Errno, Kind};
use crate::Persona;
use crate::machine::Host;

/// The tree of the machine before anybody touched it; shared by all sessions. What the installation made of
/// itself lies over the image of its packages, which may be absent.
#[derive(Debug)]
pub struct Base {
    pub(super) host: Host,
    /// When the machine was installed.
    pub(super) installed: Timestamp,
    pub(super) image: Option<Arc<Image>>,
    /// Our own nodes; their numbers follow those of the image.
    pub(super) nodes: Vec<BaseNode>,
    /// What we put into directories of the image, or in place of what stands there.
    pub(super) over: HashMap<u64, BTreeMap<Vec<u8>, u64>>,
}

#[derive(Debug)]
pub(super) struct BaseNode {
    pub(super) attr: Attr,
    pub(super) path: Vec<u8>,
    pub(super) body: BaseBody,
}

#[derive(Debug)]
pub(super) enum BaseBody {
    Dir(BTreeMap<Vec<u8>, u64>),
    Bytes(Vec<u8>),
    /// A program: an ELF header and bytes drawn from the path, this many in all.
    Program(u64),
    /// Reads as zeros.
    Zeros,
    /// A file of the image with more at its end.
    Tail(u64, Vec<u8>),
}

impl Base {
    /// Number of `/`.
    pub(super) const ROOT: u64 = Image::ROOT as u64;

    /// The persona's tree in our own words.
    pub fn debian(persona: Arc<Persona>) -> Arc<Self> {
        Self::over(persona, None)
    }

    /// The persona's tree over the image of its packages.
    pub fn over(persona: Arc<Persona>, image: Option<Arc<Image>>) -> Arc<Self> {
        Arc::new(super::debian::tree(persona, image))
    }

    /// Number of our first own node.
    pub(super) fn first(&self) -> u64 {
        self.image.as_ref().map_or(0, |image| u64::from(image.nodes()))
    }

    /// The machine that runs on it.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    fn node(&self, ino: u64) -> Option<&BaseNode> {
        self.nodes.get(usize::try_from(ino.checked_sub(self.first())?).ok()?)
    }

    fn below(&self, ino: u64) -> Option<(&Image, u32, Node<'_>)> {
        let image = self.image.as_deref()?;
        let ino = u32::try_from(ino).ok()?;
        Some((image, ino, image.node(ino)?))
    }

    /// How many nodes; also the first inode number that is free.
    pub(super) fn len(&self) -> u64 {
        self.first() + self.nodes.len() as u64
    }

    pub(super) fn attr(&self, ino: u64) -> Option<Attr> {
        let Some((_, _, node)) = self.below(ino) else { return self.node(ino).map(|node| node.attr) };
        let kind = match node.kind {
            ImageKind::File | ImageKind::Hard => Kind::File,
            ImageKind::Dir => Kind::Dir,
            ImageKind::Link => Kind::Link,
        };
        let mtime = match node.mtime {
            // Spread over the quarter of an hour that an installation takes.
            0 => micros(self.installed) + (ino as i64 * 7_919_000 + 131_071) % 900_000_000,
            seconds => i64::from(seconds) * 1_000_000,
        };
        let (mode, uid, gid) = (node.mode, node.uid, node.gid);
        let more =
            self.over.get(&ino).map_or(0, |over| over.values().filter(|own| self.is_dir(**own)).count());
        let nlink = node.nlink + more as u32;
        Some(Attr { kind, mode, uid, gid, mtime: from_micros(mtime), atime: None, nlink })
    }

    /// Of our own nodes only.
    fn is_dir(&self, ino: u64) -> bool {
        self.node(ino).is_some_and(|node| node.attr.kind == Kind::Dir)
    }

    /// Link count of a directory: its own two names and one a directory in it.
    pub(super) fn dir_links(&self, ino: u64) -> u32 {
        match self.node(ino).map(|node| &node.body) {
            Some(BaseBody::Dir(names)) => 2 + names.values().filter(|ino| self.is_dir(**ino)).count() as u32,
            _ => self.attr(ino).map_or(2, |attr| attr.nlink),
        }
    }

    pub(super) fn path(&self, ino: u64) -> Vec<u8> {
        let Some((image, mut at, mut node)) = self.below(ino) else {
            return self.node(ino).map(|node| node.path.clone()).unwrap_or_default();
        };
        let mut names = Vec::new();
        while at != Image::ROOT {
            names.push(node.name);
            at = node.parent;
            let Some(parent) = image.node(at) else { break };
            node = parent;
        }
        let path: Vec<u8> =
            names.iter().rev().flat_map(|name| [&b"/"[..], name]).flatten().copied().collect();
        if path.is_empty() { b"/".to_vec() } else { path }
    }

    pub(super) fn child(&self, ino: u64, name: &[u8]) -> Option<u64> {
        if let Some(own) = self.over.get(&ino).and_then(|over| over.get(name)) {
            return Some(*own);
        }
        match self.below(ino) {
            Some((image, dir, _)) => image.child(dir, name).map(u64::from),
            None => match &self.node(ino)?.body {
                BaseBody::Dir(names) => names.get(name).copied(),
                _ => None,
            },
        }
    }

    /// Names of a directory, in byte order.
    pub(super) fn children(&self, ino: u64) -> Vec<(&[u8], u64)> {
        let Some((image, dir, _)) = self.below(ino) else {
            return match self.node(ino).map(|node| &node.body) {
                Some(BaseBody::Dir(names)) => {
                    names.iter().map(|(name, ino)| (name.as_slice(), *ino)).collect()
                }
                _ => Vec::new(),
            };
        };
        let mut all: Vec<(&[u8], u64)> =
            image.children(dir).map(|(name, ino)| (name, u64::from(ino))).collect();
        if let Some(over) = self.over.get(&ino) {
            all.retain(|(name, _)| !over.contains_key(*name));
            all.extend(over.iter().map(|(name, ino)| (name.as_slice(), *ino)));
            all.sort_unstable_by_key(|(name, _)| *name);
        }
        all
    }

    pub(super) fn size(&self, ino: u64) -> u64 {
        if let Some((_, _, node)) = self.below(ino) {
            return match node.kind {
                // As ext4 lays names out: some 24 bytes each in blocks of 4096, which it leaves a third empty
                // where there are several.
                ImageKind::Dir => match node.size * 24 / 4096 {
                    0 => 4096,
                    full => (full + 1) * 4 / 3 * 4096,
                },
                _ => node.size,
            };
        }
        match self.node(ino).map(|node| &node.body) {
            Some(BaseBody::Bytes(bytes)) => bytes.len() as u64,
            Some(BaseBody::Program(size)) => *size,
            Some(BaseBody::Tail(image, tail)) => self.size(*image) + tail.len() as u64,
            Some(BaseBody::Dir(_)) => 4096,
            _ => 0,
        }
    }

    /// # Errors
    /// `EIO` where the image is damaged there.
    pub(super) fn read(&self, ino: u64, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        if let Some((image, number, node)) = self.below(ino) {
            return match node.kind {
                ImageKind::Link => Ok(cut(image.target(number).unwrap_or_default(), offset, len)),
                _ => image.read(number, offset, len).map_err(|_| Errno::EIO),
            };
        }
        let Some(node) = self.node(ino) else { return Ok(Vec::new()) };
        Ok(match &node.body {
            BaseBody::Bytes(bytes) => cut(bytes, offset, len),
            BaseBody::Program(size) => program(&node.path, *size, offset, len),
            BaseBody::Zeros => vec![0; len.min(1 << 20)],
            BaseBody::Dir(_) => Vec::new(),
            BaseBody::Tail(image, tail) => {
                let mut bytes = self.read(*image, offset, len)?;
                let from = (offset + bytes.len() as u64).saturating_sub(self.size(*image));
                bytes.extend_from_slice(&cut(tail, from, len - bytes.len()));
                bytes
            }
        })
    }
}

fn cut(bytes: &[u8], offset: u64, len: usize) -> Vec<u8> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let to = from.saturating_add(len).min(bytes.len());
    bytes.get(from..to).unwrap_or(&[]).to_vec()
}

/// ELF64, little-endian, x86-64, position-independent, entry 0x1040: what every program of Debian begins with.
const ELF: [u8; 64] = [
    0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0, 1, 0, 0, 0, 0x40, 0x10, 0, 0, 0,
    0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 56, 0, 13, 0, 64, 0, 31, 0,
    30, 0,
];

fn program(path: &[u8], size: u64, offset: u64, len: usize) -> Vec<u8> {
    let name = path
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |sum, b| (sum ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    let end = size.min(offset.saturating_add(len as u64));
    (offset..end.max(offset))
        .map(|at| match usize::try_from(at).ok().and_then(|at| ELF.get(at)) {
            Some(byte) => *byte,
            None => {
                let mixed = (name ^ (at >> 3)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (mixed >> ((at & 7) * 8)) as u8
            }
        })
        .collect()
}
