//! Host keys: made from a seed, kept in OpenSSH's private key format, used to sign; and the keys that
//! clients offer.

mod pem;
mod rsa_pair;
mod user;

use p256::ecdsa::signature::Signer;
use rand_core::{CryptoRng, SeedableRng};
use rsa::BoxedUint;
use sha2::{Digest, Sha256};
use thiserror::Error;

use rsa_pair::RsaPair;
pub use user::UserKey;

use crate::wire::{Put, trim};

/// Why stored host keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No key in the text at all.
    #[error("no private key found")]
    Missing,
    /// Not an unencrypted `openssh-key-v1`.
    #[error("private key {0} is malformed or encrypted")]
    Malformed(usize),
    /// A type other than RSA, ECDSA P-256 and Ed25519.
    #[error("private key {0} is of an unsupported type")]
    Unsupported(usize),
    /// The RSA key could not be generated.
    #[error("cannot generate rsa key")]
    Generate,
}

enum HostKey {
    Rsa(Box<RsaPair>),
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// The keys a server proves itself with, in OpenSSH's order: RSA, ECDSA, Ed25519.
pub struct HostKeys(Vec<HostKey>);

impl HostKeys {
    /// RSA-3072, ECDSA P-256 and Ed25519, as Debian's `ssh-keygen -A` makes them. The same seed makes the same
    /// keys with the same version of this crate only: keep [`HostKeys::to_pem`], not the seed.
    ///
    /// # Errors
    /// [`KeyError::Generate`] if no RSA key comes out.
    pub fn generate(seed: [u8; 32]) -> Result<Self, KeyError> {
        let mut rng = chacha20::ChaCha20Rng::from_seed(seed);
        let ed25519 = Self::random_ed25519(&mut rng);
        let p256 = Self::random_p256(&mut rng);
        let rsa = rsa::PrivateKey::new(&mut rng, 3072).ok().and_then(RsaPair::new);
        Ok(Self(vec![HostKey::Rsa(Box::new(rsa.ok_or(KeyError::Generate)?)), p256, ed25519]))
    }

    /// ECDSA P-256 and Ed25519 only: what a test can make in a millisecond.
    pub fn generate_elliptic(seed: [u8; 32]) -> Self {
        let mut rng = chacha20::ChaCha20Rng::from_seed(seed);
        let ed25519 = Self::random_ed25519(&mut rng);
        Self(vec![Self::random_p256(&mut rng), ed25519])
    }

    fn random_ed25519(rng: &mut impl CryptoRng) -> HostKey {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        HostKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    fn random_p256(rng: &mut impl CryptoRng) -> HostKey {
        loop {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&secret) {
                return HostKey::P256(Box::new(key));
            }
        }
    }

    /// Unencrypted OpenSSH private keys, one after the other, as `ssh-keygen` writes and reads them.
    pub fn to_pem(&self) -> String {
        self.0.iter().map(|key| pem::write(&key.public(), &key.private())).collect()
    }

    /// Reads what [`HostKeys::to_pem`] or `ssh-keygen` wrote, one or more keys.
    ///
    /// # Errors
    /// [`KeyError`] names the key by its number, from 1.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut keys = pem::read(text)?;
        if keys.is_empty() {
            return Err(KeyError::Missing);
        }
        keys.sort_by_key(|key| match key {
            HostKey::Rsa(_) => 0,
            HostKey::P256(_) => 1,
            HostKey::Ed25519(_) => 2,
        });
        Ok(Self(keys))
    }

    /// The public key blobs (RFC 4253 section 6.6), in order.
    pub fn public_blobs(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(HostKey::public).collect()
    }

    /// The number of the key that signs with this algorithm.
    pub(crate) fn for_algorithm(&self, algorithm: &str) -> Option<usize> {
        self.0.iter().position(|key| key.signs(algorithm))
    }

    pub(crate) fn public(&self, index: usize) -> Option<Vec<u8>> {
        self.0.get(index).map(HostKey::public)
    }

    /// A signature blob over `data`.
    pub(crate) fn sign(&self, index: usize, algorithm: &str, data: &[u8]) -> Option<Vec<u8>> {
        self.0.get(index)?.sign(algorithm, data)
    }
}

impl HostKey {
    fn signs(&self, algorithm: &str) -> bool {
        match self {
            Self::Rsa(_) => matches!(algorithm, "rsa-sha2-512" | "rsa-sha2-256"),
            Self::P256(_) => algorithm == "ecdsa-sha2-nistp256",
            Self::Ed25519(_) => algorithm == "ssh-ed25519",
        }
    }

    fn public(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Rsa(key) => {
                out.put_string(b"ssh-rsa");
                out.put_mpint(&key.exponent());
                out.put_mpint(&key.modulus());
            }
            Self::P256(key) => {
                out.put_string(b"ecdsa-sha2-nistp256");
                out.put_string(b"nistp256");
                out.put_string(key.verifying_key().to_sec1_point(false).as_bytes());
            }
            Self::Ed25519(key) => {
                out.put_string(b"ssh-ed25519");
                out.put_string(key.verifying_key().as_bytes());
            }
        }
        out
    }

    /// The private section of `openssh-key-v1`, without check numbers, comment and padding.
    fn private(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Rsa(key) => {
                out.put_string(b"ssh-rsa");
                key.private().iter().for_each(|number| out.put_mpint(number));
            }
            Self::P256(key) => {
                out = self.public();
                out.put_mpint(&key.to_bytes());
            }
            Self::Ed25519(key) => {
                out = self.public();
                out.put_string(&key.to_keypair_bytes());
            }
        }
        out
    }

    fn sign(&self, algorithm: &str, data: &[u8]) -> Option<Vec<u8>> {
        let mut signature = Vec::new();
        match (self, algorithm) {
            (Self::Rsa(key), "rsa-sha2-512" | "rsa-sha2-256") => signature = key.sign(algorithm, data)?,
            (Self::P256(key), "ecdsa-sha2-nistp256") => {
                let made: p256::ecdsa::Signature = key.try_sign(data).ok()?;
                let (r, s) = made.split_bytes();
                signature.put_mpint(&r);
                signature.put_mpint(&s);
            }
            (Self::Ed25519(key), "ssh-ed25519") => signature = key.try_sign(data).ok()?.to_bytes().to_vec(),
            _ => return None,
        }
        let mut blob = Vec::new();
        blob.put_string(algorithm.as_bytes());
        blob.put_string(&signature);
        Some(blob)
    }
}

/// `SHA256:` and the unpadded base64 of the digest of a public key blob, as `ssh-keygen -l` shows it.
pub fn fingerprint(blob: &[u8]) -> String {
    use base64ct::{Base64Unpadded, Encoding};
    format!("SHA256:{}", Base64Unpadded::encode_string(&Sha256::digest(blob)))
}

fn number(bytes: &[u8]) -> Option<BoxedUint> {
    let bytes = trim(bytes);
    let bits = u32::try_from(bytes.len()).ok()?.checked_mul(8)?;
    BoxedUint::from_be_slice(bytes, bits.next_multiple_of(64)).ok()
}
