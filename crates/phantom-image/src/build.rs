//! Making.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress};
use sha2::{Digest, Sha256};

use crate::node::Raw;
use crate::{BLOCK, HEAD, Kind, MAGIC, MAX_NODES, TABLES};

/// What is known of a node besides its name and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; 0: whenever the machine was installed.
    pub mtime: u32,
}

/// Why something cannot be put into a tree.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// It stands below something that is not a directory, or there is already something else.
    #[error("{}: something else is in the way", String::from_utf8_lossy(.0))]
    InTheWay(Vec<u8>),
    /// An empty name, `.`, `..`, or one of more than 255 bytes.
    #[error("{}: not a name", String::from_utf8_lossy(.0))]
    Name(Vec<u8>),
    /// A second name of something that is no file here.
    #[error("{}: a second name of no file", String::from_utf8_lossy(.0))]
    NoFile(Vec<u8>),
    /// Too much for the format's numbers.
    #[error("too large for an image")]
    TooLarge,
    /// It could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Debug)]
enum Body {
    File { place: u64, size: u64 },
    Dir(BTreeMap<Vec<u8>, usize>),
    Link(Vec<u8>),
    Hard(usize),
}

#[derive(Debug)]
struct Entry {
    meta: Meta,
    nlink: u32,
    body: Body,
}

/// A tree in the making. Contents are packed as they come; equal ones are stored once.
#[derive(Debug)]
pub struct Builder {
    entries: Vec<Entry>,
    same: HashMap<[u8; 32], u64>,
    open: Vec<u8>,
    contents: u64,
    blocks: Vec<u64>,
    packed: Vec<u8>,
}

impl Builder {
    /// An empty tree with this root directory.
    pub fn new(root: Meta) -> Self {
        let entries = vec![Entry { meta: root, nlink: 2, body: Body::Dir(BTreeMap::new()) }];
        let (same, open, packed) = (HashMap::new(), Vec::with_capacity(BLOCK), Vec::new());
        Self { entries, same, open, contents: 0, blocks: vec![0], packed }
    }

    /// Nodes so far.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing but its root.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 1
    }

    /// Puts a directory there, or gives the one that is there these permissions. Directories above that are
    /// missing are made, root's and 0755.
    ///
    /// # Errors
    /// [`BuildError::InTheWay`], [`BuildError::Name`].
    pub fn dir(&mut self, path: &[u8], meta: Meta) -> Result<(), BuildError> {
        let at = self.reach(path)?;
        if let Some(entry) = self.entries.get_mut(at) {
            entry.meta = meta;
        }
        Ok(())
    }

    /// Puts a file there, in place of a file or link of that name.
    ///
    /// # Errors
    /// As [`Builder::dir`].
    pub fn file(&mut self, path: &[u8], meta: Meta, content: &[u8]) -> Result<(), BuildError> {
        let size = content.len() as u64;
        let place = self.store(content);
        self.put(path, meta, Body::File { place, size }).map(drop)
    }

    /// Puts a symbolic link there.
    ///
    /// # Errors
    /// As [`Builder::dir`].
    pub fn link(&mut self, path: &[u8], meta: Meta, target: &[u8]) -> Result<(), BuildError> {
        if target.is_empty() {
            return Err(BuildError::Name(path.to_vec()));
        }
        self.put(path, meta, Body::Link(target.to_vec())).map(drop)
    }

    /// Gives the file `of` a further name.
    ///
    /// # Errors
    /// [`BuildError::NoFile`]; as [`Builder::dir`].
    pub fn hard(&mut self, path: &[u8], of: &[u8]) -> Result<(), BuildError> {
        let no_file = || BuildError::NoFile(of.to_vec());
        let own = self.find(of).ok_or_else(no_file)?;
        let own = match self.entries.get(own).map(|entry| &entry.body) {
            Some(Body::Hard(own)) => *own,
            Some(Body::File { .. }) => own,
            _ => return Err(no_file()),
        };
        let Some(entry) = self.entries.get_mut(own) else { return Err(no_file()) };
        entry.nlink += 1;
        let meta = entry.meta;
        self.put(path, meta, Body::Hard(own)).map(drop)
    }

    /// Changes permissions and owner of what is there.
    ///
    /// # Errors
    /// [`BuildError::NoFile`] where nothing is.
    pub fn own(&mut self, path: &[u8], mode: u32, uid: u32, gid: u32) -> Result<(), BuildError> {
        let at = self.find(path).ok_or_else(|| BuildError::NoFile(path.to_vec()))?;
        if let Some(entry) = self.entries.get_mut(at) {
            entry.meta = Meta { mode, uid, gid, ..entry.meta };
        }
        Ok(())
    }

    /// Whether something stands there (a last link is not followed).
    pub fn has(&self, path: &[u8]) -> bool {
        self.find(path).is_some()
    }

    /// Writes the file out: tables first, then blocks.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`], [`BuildError::Io`].
    pub fn write(mut self, label: &str, out: &mut impl Write) -> Result<(), BuildError> {
        self.flush();
        let order = self.order();
        let nodes = u32::try_from(order.len()).ok().filter(|n| *n <= MAX_NODES);
        let nodes = nodes.ok_or(BuildError::TooLarge)?;
        let mut strings = label.as_bytes().to_vec();
        let mut place = vec![0u32; self.entries.len()];
        for (at, (entry, ..)) in (0u32..).zip(&order) {
            if let Some(place) = place.get_mut(*entry) {
                *place = at;
            }
        }
        let mut records = Vec::new();
        let mut next = 1u64;
        for (entry, parent, name) in &order {
            let Some(entry) = self.entries.get(*entry) else { continue };
            let name = intern(&mut strings, name)?;
            let (kind, size, place) = match &entry.body {
                Body::File { place, size } => (Kind::File, *size, *place),
                Body::Dir(names) => {
                    let first = next;
                    next += names.len() as u64;
                    (Kind::Dir, names.len() as u64, first)
                }
                Body::Link(target) => {
                    let (at, len) = intern(&mut strings, target)?;
                    (Kind::Link, u64::from(len), u64::from(at))
                }
                Body::Hard(own) => (Kind::Hard, 0, u64::from(place.get(*own).copied().unwrap_or(0))),
            };
            let Meta { mode, uid, gid, mtime } = entry.meta;
            let nlink = entry.nlink;
            Raw { kind, nlink, mode, uid, gid, mtime, parent: *parent, name, size, place }
                .write(&mut records);
        }
        let mut tables = records;
        self.blocks.iter().for_each(|at| tables.extend_from_slice(&at.to_le_bytes()));
        tables.extend_from_slice(&strings);
        let total = (TABLES + tables.len() + self.packed.len()) as u64;
        let small = |n: usize| u32::try_from(n).map_err(|_| BuildError::TooLarge);
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&total.to_le_bytes());
        let words = [
            nodes,
            small(self.blocks.len() - 1)?,
            small(strings.len())?,
            BLOCK as u32,
            0,
            small(label.len())?,
        ];
        words.iter().for_each(|word| head.extend_from_slice(&word.to_le_bytes()));
        head.extend_from_slice(&self.contents.to_le_bytes());
        head.resize(HEAD, 0);
        let sum = Sha256::new().chain_update(&head).chain_update(&tables).finalize();
        for part in [&head[..], &sum, &tables, &self.packed] {
            out.write_all(part)?;
        }
        Ok(())
    }

    /// Entry, number of the parent and name of every node, breadth-first.
    fn order(&self) -> Vec<(usize, u32, Vec<u8>)> {
        let mut order = vec![(0, 0, Vec::new())];
        let mut at = 0;
        while let Some((entry, ..)) = order.get(at) {
            if let Some(Entry { body: Body::Dir(names), .. }) = self.entries.get(*entry) {
                let parent = u32::try_from(at).unwrap_or(u32::MAX);
                order.extend(names.iter().map(|(name, child)| (*child, parent, name.clone())));
            }
            at += 1;
        }
        order
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        parts(path).try_fold(0, |dir, name| match &self.entries.get(dir)?.body {
            Body::Dir(names) => names.get(name).copied(),
            _ => None,
        })
    }

    /// The directory at a path, made if it is missing.
    fn reach(&mut self, path: &[u8]) -> Result<usize, BuildError> {
        let in_the_way = || BuildError::InTheWay(path.to_vec());
        let mut dir = 0;
        for name in parts(path) {
            let Some(Entry { body: Body::Dir(names), .. }) = self.entries.get(dir) else {
                return Err(in_the_way());
            };
            dir = match names.get(name) {
                Some(there) => *there,
                None => {
                    let meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
                    self.enter(dir, name, meta, Body::Dir(BTreeMap::new()))?
                }
            };
        }
        match self.entries.get(dir) {
            Some(Entry { body: Body::Dir(_), .. }) => Ok(dir),
            _ => Err(in_the_way()),
        }
    }

    fn put(&mut self, path: &[u8], meta: Meta, body: Body) -> Result<usize, BuildError> {
        let end = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
        let (parent, name) = path.split_at(end);
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let dir = self.reach(parent)?;
        let there = match self.entries.get(dir).map(|entry| &entry.body) {
            Some(Body::Dir(names)) => names.get(name).copied(),
            _ => None,
        };
        let Some(there) = there else { return self.enter(dir, name, meta, body) };
        match self.entries.get_mut(there) {
            Some(entry) if !matches!(entry.body, Body::Dir(_)) => {
                (entry.meta, entry.body) = (meta, body);
                Ok(there)
            }
            _ => Err(BuildError::InTheWay(path.to_vec())),
        }
    }

    fn enter(&mut self, dir: usize, name: &[u8], meta: Meta, body: Body) -> Result<usize, BuildError> {
        if name.is_empty() || matches!(name, b"." | b"..") || name.len() > 255 || name.contains(&0) {
            return Err(BuildError::Name(name.to_vec()));
        }
        let own = self.entries.len();
        let is_dir = matches!(body, Body::Dir(_));
        if let Some(entry) = self.entries.get_mut(dir)
            && let Body::Dir(names) = &mut entry.body
        {
            names.insert(name.to_vec(), own);
            entry.nlink += u32::from(is_dir);
        }
        self.entries.push(Entry { meta, nlink: if is_dir { 2 } else { 1 }, body });
        Ok(own)
    }

    fn store(&mut self, content: &[u8]) -> u64 {
        let sum: [u8; 32] = Sha256::digest(content).into();
        if let Some(place) = self.same.get(&sum) {
            return *place;
        }
        let place = self.contents;
        self.same.insert(sum, place);
        self.contents += content.len() as u64;
        let mut rest = content;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.open.len()));
            self.open.extend_from_slice(now);
            rest = later;
            if self.open.len() == BLOCK {
                self.flush();
            }
        }
        place
    }

    fn flush(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut packer = Compress::new(Compression::new(6), true);
        // zlib's worst case is 5 bytes for each 16 KiB and 6 more; into room that suffices it cannot fail.
        let mut packed = Vec::with_capacity(self.open.len() + self.open.len() / 1000 + 128);
        let _ = packer.compress_vec(&self.open, &mut packed, FlushCompress::Finish);
        self.packed.extend_from_slice(&packed);
        self.blocks.push(self.packed.len() as u64);
        self.open.clear();
    }
}

fn intern(strings: &mut Vec<u8>, text: &[u8]) -> Result<(u32, u32), BuildError> {
    let at = u32::try_from(strings.len()).map_err(|_| BuildError::TooLarge)?;
    let len = u32::try_from(text.len()).map_err(|_| BuildError::TooLarge)?;
    strings.extend_from_slice(text);
    Ok((at, len))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|part| !part.is_empty())
}
