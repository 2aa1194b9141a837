//! Reading.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};

use crate::node::{RECORD, Raw, u32_at, u64_at};
use crate::{HEAD, ImageError, Kind, MAGIC, MAX_NODES, Node, TABLES};

/// Blocks kept unpacked: 4 MiB a process. Programs read files front to back, so a few would do.
const KEPT: usize = 64;
/// Largest block a file may ask us to unpack.
const MAX_BLOCK: u32 = 1 << 20;

/// A tree, read-only; cheap to share between threads.
pub struct Image {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    nodes: u32,
    blocks: u32,
    block: u32,
    contents: u64,
    label: (u32, u32),
    /// Where the table of blocks, the strings and the blocks start.
    at: [usize; 3],
    unpacked: Mutex<VecDeque<(u32, Arc<[u8]>)>>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} nodes, {:?})", self.nodes, self.label())
    }
}

impl Image {
    /// Number of `/`.
    pub const ROOT: u32 = 0;

    /// Checks everything but the blocks: a few milliseconds for a server's tree.
    ///
    /// # Errors
    /// What is wrong with it, as a line for people.
    pub fn open(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Self, ImageError> {
        let file: &[u8] = (*bytes).as_ref();
        let head = file.first_chunk::<HEAD>().ok_or(ImageError::Magic)?;
        if !head.starts_with(MAGIC) {
            return Err(ImageError::Magic);
        }
        let long = |at| u64_at(head, at).unwrap_or(0);
        let word = |at| u32_at(head, at).unwrap_or(0);
        let (has, wants) = (file.len() as u64, long(8));
        if has != wants {
            return Err(ImageError::Length { has, wants });
        }
        let [nodes, blocks, strings, block] = [16, 20, 24, 28].map(word);
        if nodes == 0 || nodes > MAX_NODES || block == 0 || block > MAX_BLOCK {
            return Err(ImageError::Index("impossible counts"));
        }
        let table = TABLES + nodes as usize * RECORD;
        let names = table + (blocks as usize + 1) * 8;
        let data = names + strings as usize;
        let image = Self {
            nodes,
            blocks,
            block,
            contents: long(40),
            label: (word(32), word(36)),
            at: [table, names, data],
            unpacked: Mutex::default(),
            bytes: Arc::clone(&bytes),
        };
        let tables = file.get(TABLES..data).ok_or(ImageError::Index("tables longer than the file"))?;
        let sum = Sha256::new().chain_update(head).chain_update(tables).finalize();
        if file.get(HEAD..TABLES) != Some(sum.as_slice()) {
            return Err(ImageError::Checksum);
        }
        image.check().map_err(ImageError::Index)?;
        Ok(image)
    }

    /// What was written into it about itself.
    pub fn label(&self) -> String {
        String::from_utf8_lossy(self.string(self.label).unwrap_or_default()).into_owned()
    }

    /// How many nodes; their numbers go from 0 to one below.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Bytes of all contents, unpacked and each stored once.
    pub fn contents(&self) -> u64 {
        self.contents
    }

    /// The node of this number.
    pub fn node(&self, ino: u32) -> Option<Node<'_>> {
        let raw = self.raw(ino)?;
        Some(Node {
            kind: raw.kind,
            mode: raw.mode,
            uid: raw.uid,
            gid: raw.gid,
            mtime: raw.mtime,
            nlink: raw.nlink,
            size: raw.size,
            parent: raw.parent,
            name: self.string(raw.name)?,
            place: raw.place,
        })
    }

    /// The node of this name in a directory; of a hard link, the file's own.
    pub fn child(&self, dir: u32, name: &[u8]) -> Option<u32> {
        let (mut low, mut high) = self.range(dir)?;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.node(middle)?.name.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.own(middle)),
            }
        }
        None
    }

    /// Names of a directory in byte order, with their nodes.
    pub fn children(&self, dir: u32) -> impl Iterator<Item = (&[u8], u32)> {
        let (from, to) = self.range(dir).unwrap_or_default();
        (from..to).filter_map(|ino| Some((self.node(ino)?.name, self.own(ino))))
    }

    /// Where a symbolic link points.
    pub fn target(&self, ino: u32) -> Option<&[u8]> {
        let raw = self.raw(ino).filter(|raw| raw.kind == Kind::Link)?;
        self.string((u32::try_from(raw.place).ok()?, u32::try_from(raw.size).ok()?))
    }

    /// At most `len` bytes of a file from `offset`.
    ///
    /// # Errors
    /// [`ImageError::Block`].
    pub fn read(&self, ino: u32, offset: u64, len: usize) -> Result<Vec<u8>, ImageError> {
        let Some(raw) = self.raw(ino).filter(|raw| raw.kind == Kind::File && offset < raw.size) else {
            return Ok(Vec::new());
        };
        let len = (raw.size - offset).min(len as u64);
        let (mut at, end) = (raw.place + offset, raw.place + offset + len);
        let mut out = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        let block = u64::from(self.block);
        while at < end {
            let number = u32::try_from(at / block).unwrap_or(u32::MAX);
            let unpacked = self.unpack(number)?;
            let from = usize::try_from(at % block).unwrap_or(usize::MAX);
            let to = from.saturating_add(usize::try_from(end - at).unwrap_or(usize::MAX)).min(unpacked.len());
            let part = unpacked.get(from..to).filter(|part| !part.is_empty());
            let part = part.ok_or(ImageError::Block(number))?;
            out.extend_from_slice(part);
            at += part.len() as u64;
        }
        Ok(out)
    }

    fn file(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    fn raw(&self, ino: u32) -> Option<Raw> {
        if ino >= self.nodes {
            return None;
        }
        let at = TABLES + ino as usize * RECORD;
        Raw::read(self.file().get(at..at + RECORD)?)
    }

    fn string(&self, (at, len): (u32, u32)) -> Option<&[u8]> {
        let [_, names, data] = self.at;
        self.file().get(names..data)?.get(at as usize..(at as usize).checked_add(len as usize)?)
    }

    fn own(&self, ino: u32) -> u32 {
        match self.raw(ino) {
            Some(raw) if raw.kind == Kind::Hard => u32::try_from(raw.place).unwrap_or(ino),
            _ => ino,
        }
    }

    fn range(&self, dir: u32) -> Option<(u32, u32)> {
        let raw = self.raw(dir).filter(|raw| raw.kind == Kind::Dir)?;
        let from = u32::try_from(raw.place).ok()?;
        Some((from, from.checked_add(u32::try_from(raw.size).ok()?)?))
    }

    /// Where a block's compressed bytes lie.
    fn packed(&self, number: u32) -> Option<&[u8]> {
        let [table, _, data] = self.at;
        let at = table + number as usize * 8;
        let (from, to) = (u64_at(self.file(), at)?, u64_at(self.file(), at + 8)?);
        self.file().get(data..)?.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    fn unpack(&self, number: u32) -> Result<Arc<[u8]>, ImageError> {
        let held = |mut kept: std::sync::MutexGuard<'_, VecDeque<(u32, Arc<[u8]>)>>| {
            let at = kept.iter().position(|(there, _)| *there == number)?;
            let found = kept.remove(at)?;
            kept.push_back(found.clone());
            Some(found.1)
        };
        if let Some(found) = held(self.unpacked.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let start = u64::from(number) * u64::from(self.block);
        let length = self.contents.saturating_sub(start).min(u64::from(self.block)) as usize;
        let packed = self.packed(number).filter(|_| number < self.blocks);
        let packed = packed.ok_or(ImageError::Block(number))?;
        // One byte more than there should be shows a block that holds too much.
        let mut bytes = Vec::with_capacity(length + 1);
        let status = Decompress::new(true).decompress_vec(packed, &mut bytes, FlushDecompress::Finish);
        if !matches!(status, Ok(Status::StreamEnd)) || bytes.len() != length {
            return Err(ImageError::Block(number));
        }
        let bytes: Arc<[u8]> = bytes.into();
        let mut kept = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((number, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// Every record once: after that no number in the index leads outside or in a circle.
    fn check(&self) -> Result<(), &'static str> {
        let [table, _, data] = self.at;
        let blocks = u64::from(self.blocks);
        let mut last = 0;
        for number in 0..=self.blocks as usize {
            let at = u64_at(self.file(), table + number * 8).ok_or("a block is missing")?;
            if at < last || at > (self.file().len() - data) as u64 {
                return Err("a block lies outside");
            }
            last = at;
        }
        if self.contents.div_ceil(u64::from(self.block)) != blocks {
            return Err("another number of blocks than its contents fill");
        }
        self.string(self.label).ok_or("the label lies outside")?;
        let mut next = 1;
        for ino in 0..self.nodes {
            let node = self.node(ino).ok_or("a record cannot be read")?;
            match node.kind {
                Kind::File if node.place.checked_add(node.size).is_none_or(|end| end > self.contents) => {
                    return Err("a file lies outside the contents");
                }
                Kind::Link if self.target(ino).is_none_or(<[u8]>::is_empty) => {
                    return Err("a link without a target");
                }
                Kind::Hard => {
                    let file = u32::try_from(node.place).ok().and_then(|own| self.raw(own));
                    if file.is_none_or(|file| file.kind != Kind::File) {
                        return Err("a hard link to no file");
                    }
                }
                Kind::Dir => next = self.check_dir(ino, &node, next)?,
                Kind::File | Kind::Link => {}
            }
            if ino == Self::ROOT && node.kind != Kind::Dir {
                return Err("its root is no directory");
            }
        }
        if next == self.nodes { Ok(()) } else { Err("nodes in no directory") }
    }

    /// A directory's children follow those of the directory before: `next` is where; so each node has one place,
    /// below its parent.
    fn check_dir(&self, ino: u32, node: &Node<'_>, next: u32) -> Result<u32, &'static str> {
        let end = u64::from(next).checked_add(node.size).ok_or("a directory lies outside")?;
        if node.size > 0 && (node.place != u64::from(next) || next <= ino || end > u64::from(self.nodes)) {
            return Err("a directory lies outside");
        }
        let end = u32::try_from(end).map_err(|_| "a directory lies outside")?;
        let mut before: Option<&[u8]> = None;
        for child in next..end {
            let child = self.node(child).ok_or("a record cannot be read")?;
            if child.parent != ino {
                return Err("a node in another directory than it says");
            }
            if child.name.is_empty()
                || matches!(child.name, b"." | b"..")
                || child.name.iter().any(|b| matches!(b, b'/' | 0))
            {
                return Err("an impossible name");
            }
            if before.is_some_and(|before| before >= child.name) {
                return Err("names out of order");
            }
            before = Some(child.name);
        }
        Ok(end)
    }
}
