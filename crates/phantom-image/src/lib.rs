//! A file tree as one read-only file, made to be memory-mapped and shared by every process that shows the tree.
//!
//! - [`Image`]: looks names up and lists directories in the index as it lies in the file, without a copy;
//!   contents are read from independently compressed blocks through a small bounded cache.
//! - [`Builder`]: makes such a file.
//!
//! The file, all numbers little-endian:
//!
//! | bytes | holds |
//! |---|---|
//! | 64 | magic `PNTREE1\n`; length of the file (u64); nodes, blocks, length of strings, block size, label's place and length (u32 each); length of all contents (u64); 16 zeros less what the fields take |
//! | 32 | SHA-256 of those 64 bytes and the three tables |
//! | 48 a node | kind and link count, mode, owner, group, time, parent, name, size, place (see `node.rs`) |
//! | 8 a block, and one more | where its compressed bytes start |
//! | strings | names, link targets, the label |
//! | blocks | zlib, each of `block size` bytes of the contents laid end to end |
//!
//! Nodes stand breadth-first, those of one directory side by side in byte order of their names, so that a
//! directory is a range and a lookup a binary search. [`Image::open`] checks every record, after which nothing
//! in the index can lead astray; a block is checked (Adler-32, length) when it is read.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod build;
mod image;
mod node;
#[cfg(test)]
mod tests;

pub use build::{BuildError, Builder, Meta};
pub use image::Image;
pub use node::{Kind, Node};

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"PNTREE1\n";
/// Header without and with its checksum.
const HEAD: usize = 64;
const TABLES: usize = HEAD + 32;
/// Bytes of contents a block holds: what reading one byte costs at most.
const BLOCK: usize = 64 * 1024;
/// More nodes than any machine we pretend to be has; keeps numbers far from overflow.
const MAX_NODES: u32 = 1 << 24;

/// Why a file is not an image, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It does not begin as one.
    #[error("not a persona image")]
    Magic,
    /// The file is not as long as it says.
    #[error("truncated: {has} bytes of {wants}")]
    Length {
        /// Bytes there are.
        has: u64,
        /// Bytes there should be.
        wants: u64,
    },
    /// The tables are not those that were written.
    #[error("damaged: the checksum of its index is wrong")]
    Checksum,
    /// The tables contradict themselves.
    #[error("damaged: {0}")]
    Index(&'static str),
    /// A block of contents cannot be read.
    #[error("damaged: block {0} cannot be read")]
    Block(u32),
}
