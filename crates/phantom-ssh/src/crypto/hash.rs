//! Exchange hashes and the keys derived from them.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash of a key exchange method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Of all `parts` in a row.
    pub(crate) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha256 => run::<Sha256>(parts),
            Self::Sha384 => run::<Sha384>(parts),
            Self::Sha512 => run::<Sha512>(parts),
        }
    }

    /// `length` bytes of key material for a letter from `A` to `F` (RFC 4253 section 7.2). `secret` is encoded.
    pub(crate) fn derive(
        self,
        secret: &[u8],
        hash: &[u8],
        letter: u8,
        session: &[u8],
        length: usize,
    ) -> Vec<u8> {
        let mut out = self.of(&[secret, hash, &[letter], session]);
        while out.len() < length {
            let more = self.of(&[secret, hash, &out]);
            out.extend_from_slice(&more);
        }
        out.truncate(length);
        out
    }
}
