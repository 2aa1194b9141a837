//! Uploaded files, kept once each under the SHA-256 of their bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use phantom_core::BoundedMap;
use sha2::{Digest, Sha256};

/// Uploads in progress at once, of all hosts together; a host sends one after the other, so this is generous.
const IN_PROGRESS: usize = 64;

/// The folder of artifacts: `ab/abcdef...`, each written elsewhere and moved into place whole.
#[derive(Debug)]
pub(crate) struct Artifacts {
    dir: PathBuf,
    open: BoundedMap<(usize, String), Partial>,
}

#[derive(Debug)]
struct Partial {
    file: File,
    path: PathBuf,
    hash: Sha256,
    written: u64,
}

/// A piece as a host sent it; the host may be captured, so everything is checked.
pub(crate) struct Piece<'a> {
    pub(crate) sha256: &'a str,
    pub(crate) offset: u64,
    pub(crate) total: u64,
    pub(crate) bytes: &'a [u8],
}

impl Artifacts {
    /// Opens the folder; what a crash left half-written is cleared away, since its host sends it again.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        let partial = dir.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        Ok(Self { dir, open: BoundedMap::new(IN_PROGRESS) })
    }

    /// Where an artifact stands, if its name is one.
    pub(crate) fn path(&self, sha256: &str) -> Option<PathBuf> {
        let hex =
            sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        hex.then(|| self.dir.join(&sha256[..2]).join(sha256))
    }

    /// Takes a piece from `host`.
    ///
    /// # Errors
    /// `InvalidData` where the host broke the rules (the upload is dropped); anything else is the disk's.
    pub(crate) fn take(&mut self, host: usize, piece: &Piece<'_>) -> io::Result<()> {
        let broken = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let target = self.path(piece.sha256).ok_or_else(|| broken("an artifact's name is no SHA-256"))?;
        if piece.total > phantom_core::dialogue::MAX_ARTIFACT as u64 {
            return Err(broken("an artifact is over the cap"));
        }
        if target.exists() {
            return Ok(());
        }
        let key = (host, piece.sha256.to_owned());
        if piece.offset == 0 {
            let path = self.dir.join("partial").join(format!("{host}-{}", piece.sha256));
            let partial = Partial { file: File::create(&path)?, path, hash: Sha256::new(), written: 0 };
            if let Some((_, evicted)) = self.open.insert(key.clone(), partial) {
                let _ = fs::remove_file(evicted.path);
            }
        }
        let partial =
            self.open.get_mut(&key).ok_or_else(|| broken("an artifact's first piece is missing"))?;
        if piece.offset < partial.written {
            // Sent again after a core's restart.
            return Ok(());
        }
        if piece.offset != partial.written || piece.offset + piece.bytes.len() as u64 > piece.total {
            self.drop_partial(&key);
            return Err(broken("an artifact's pieces do not join"));
        }
        if let Err(error) = partial.file.write_all(piece.bytes) {
            self.drop_partial(&key);
            return Err(error);
        }
        partial.hash.update(piece.bytes);
        partial.written += piece.bytes.len() as u64;
        if partial.written < piece.total {
            return Ok(());
        }
        self.finish(&key, &target)
    }

    fn finish(&mut self, key: &(usize, String), target: &Path) -> io::Result<()> {
        let Some(partial) = self.open.remove(key) else { return Ok(()) };
        let hash: String = partial.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != key.1 {
            let _ = fs::remove_file(&partial.path);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an artifact's bytes have another SHA-256",
            ));
        }
        partial.file.sync_data()?;
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&partial.path, target)
    }

    fn drop_partial(&mut self, key: &(usize, String)) {
        if let Some(partial) = self.open.remove(key) {
            let _ = fs::remove_file(partial.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn piece<'a>(sha256: &'a str, offset: u64, total: u64, bytes: &'a [u8]) -> Piece<'a> {
        Piece { sha256, offset, total, bytes }
    }

    #[test]
    fn pieces_become_one_file_under_their_hash() {
        let dir = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::open(dir.path().into()).unwrap();
        artifacts.take(0, &piece(HELLO, 0, 5, b"he")).unwrap();
        artifacts.take(0, &piece(HELLO, 0, 5, b"he")).unwrap();
        artifacts.take(0, &piece(HELLO, 2, 5, b"llo")).unwrap();
        assert_eq!(fs::read(artifacts.path(HELLO).unwrap()).unwrap(), b"hello");
        artifacts.take(1, &piece(HELLO, 3, 5, b"xx")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("partial")).unwrap().count(), 0);
    }

    #[test]
    fn a_captured_host_can_write_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::open(dir.path().into()).unwrap();
        for wrong in [
            piece("../../etc/passwd", 0, 1, b"x"),
            piece(HELLO, 0, u64::MAX, b"x"),
            piece(HELLO, 0, 5, b"jello"),
            piece(HELLO, 4, 5, b"o"),
            piece(HELLO, 0, 2, b"hello"),
        ] {
            let error = artifacts.take(0, &wrong).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        assert!(!artifacts.path(HELLO).unwrap().exists());
        assert_eq!(fs::read_dir(dir.path().join("partial")).unwrap().count(), 0);
    }
}
