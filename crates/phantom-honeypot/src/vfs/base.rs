//! The immutable tree under every session.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::Attr;
use crate::Persona;
use crate::machine::Host;

/// The tree of the machine before anybody touched it; shared by all sessions.
#[derive(Debug)]
pub struct Base {
    pub(super) host: Host,
    pub(super) nodes: Vec<BaseNode>,
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
}

impl Base {
    /// Number of `/`.
    pub(super) const ROOT: u64 = 0;

    /// The persona's tree.
    pub fn debian(persona: Arc<Persona>) -> Arc<Self> {
        Arc::new(super::debian::tree(persona))
    }

    /// The machine that runs on it.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    fn node(&self, ino: u64) -> Option<&BaseNode> {
        self.nodes.get(usize::try_from(ino).ok()?)
    }

    /// How many nodes; also the first inode number that is free.
    pub(super) fn len(&self) -> u64 {
        self.nodes.len() as u64
    }

    pub(super) fn attr(&self, ino: u64) -> Option<Attr> {
        self.node(ino).map(|node| node.attr)
    }

    pub(super) fn path(&self, ino: u64) -> Vec<u8> {
        self.node(ino).map(|node| node.path.clone()).unwrap_or_default()
    }

    pub(super) fn child(&self, ino: u64, name: &[u8]) -> Option<u64> {
        match &self.node(ino)?.body {
            BaseBody::Dir(names) => names.get(name).copied(),
            _ => None,
        }
    }

    pub(super) fn children(&self, ino: u64) -> impl Iterator<Item = (&[u8], u64)> {
        let names = match self.node(ino).map(|node| &node.body) {
            Some(BaseBody::Dir(names)) => Some(names),
            _ => None,
        };
        names.into_iter().flatten().map(|(name, ino)| (name.as_slice(), *ino))
    }

    pub(super) fn size(&self, ino: u64) -> u64 {
        match self.node(ino).map(|node| &node.body) {
            Some(BaseBody::Bytes(bytes)) => bytes.len() as u64,
            Some(BaseBody::Program(size)) => *size,
            Some(BaseBody::Dir(_)) => 4096,
            _ => 0,
        }
    }

    pub(super) fn read(&self, ino: u64, offset: u64, len: usize) -> Vec<u8> {
        let Some(node) = self.node(ino) else { return Vec::new() };
        let bytes: &[u8] = match &node.body {
            BaseBody::Bytes(bytes) => bytes,
            BaseBody::Program(size) => return program(&node.path, *size, offset, len),
            BaseBody::Zeros => return vec![0; len.min(1 << 20)],
            BaseBody::Dir(_) => return Vec::new(),
        };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(len).min(bytes.len());
        bytes.get(from..to).unwrap_or(&[]).to_vec()
    }
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
