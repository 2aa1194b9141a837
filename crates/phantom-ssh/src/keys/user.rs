//! Public keys that clients offer, and their signatures.

use p256::ecdsa::signature::Verifier;
use sha2::{Sha256, Sha512};

use super::number;
use crate::wire::Reader;

/// A public key that can check signatures.
pub struct UserKey(Kind);

enum Kind {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl UserKey {
    /// Parses a public key blob; `None` when it is malformed or of a type that is not supported (DSA, FIDO).
    /// RSA below 1024 bits is refused as OpenSSH does.
    pub fn parse(blob: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(blob);
        let kind = reader.string()?;
        let kind = match kind {
            b"ssh-rsa" => {
                let (e, n) = (reader.mpint()?, reader.mpint()?);
                if n.len() < 128 || n.len() > 2048 || e.len() > 8 {
                    return None;
                }
                Kind::Rsa(rsa::PublicKey::new_with_size_limits(number(n)?, number(e)?, 1024..=16384).ok()?)
            }
            b"ssh-ed25519" => {
                let bytes = reader.string()?.try_into().ok()?;
                Kind::Ed25519(ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()?)
            }
            b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521" => {
                let (curve, point) = (reader.string()?, reader.string()?);
                if Some(curve) != kind.strip_prefix(b"ecdsa-sha2-") {
                    return None;
                }
                match curve {
                    b"nistp256" => Kind::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?),
                    b"nistp384" => Kind::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?),
                    _ => Kind::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?),
                }
            }
            _ => return None,
        };
        reader.end()?;
        Some(Self(kind))
    }

    /// Whether `algorithm` (as named in a request) may be used with this key. `ssh-rsa`, which is SHA-1, is
    /// refused as OpenSSH 8.8 and later do.
    pub fn accepts(&self, algorithm: &[u8]) -> bool {
        match self.0 {
            Kind::Rsa(_) => matches!(algorithm, b"rsa-sha2-256" | b"rsa-sha2-512"),
            Kind::P256(_) => algorithm == b"ecdsa-sha2-nistp256",
            Kind::P384(_) => algorithm == b"ecdsa-sha2-nistp384",
            Kind::P521(_) => algorithm == b"ecdsa-sha2-nistp521",
            Kind::Ed25519(_) => algorithm == b"ssh-ed25519",
        }
    }

    /// Whether `blob` is this key's signature of `data` by `algorithm`.
    pub fn verify(&self, algorithm: &[u8], data: &[u8], blob: &[u8]) -> bool {
        self.accepts(algorithm) && self.verify_inner(algorithm, data, blob).is_some()
    }

    fn verify_inner(&self, algorithm: &[u8], data: &[u8], blob: &[u8]) -> Option<()> {
        let mut reader = Reader::new(blob);
        if reader.string()? != algorithm {
            return None;
        }
        let signature = reader.string()?;
        reader.end()?;
        match &self.0 {
            Kind::Rsa(key) if algorithm == b"rsa-sha2-256" => {
                key.pkcs1v15_verify::<Sha256>(data, signature).ok()
            }
            Kind::Rsa(key) => key.pkcs1v15_verify::<Sha512>(data, signature).ok(),
            Kind::Ed25519(key) => {
                key.verify_strict(data, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
            }
            Kind::P256(key) => {
                key.verify(data, &p256::ecdsa::Signature::from_slice(&pair(signature, 32)?).ok()?).ok()
            }
            Kind::P384(key) => {
                key.verify(data, &p384::ecdsa::Signature::from_slice(&pair(signature, 48)?).ok()?).ok()
            }
            Kind::P521(key) => {
                key.verify(data, &p521::ecdsa::Signature::from_slice(&pair(signature, 66)?).ok()?).ok()
            }
        }
    }
}

/// The two numbers of an ECDSA signature blob, each padded to `size` bytes.
fn pair(signature: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut reader = Reader::new(signature);
    let mut out = vec![0; size * 2];
    for half in out.chunks_mut(size) {
        let number = reader.mpint()?;
        half.get_mut(size.checked_sub(number.len())?..)?.copy_from_slice(number);
    }
    reader.end()?;
    Some(out)
}
