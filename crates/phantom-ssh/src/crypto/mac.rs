//! Message authentication codes of the packet layer.

use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::umac::Umac;

/// A MAC by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MacAlg {
    kind: Kind,
    /// Whether the MAC covers the ciphertext.
    pub(crate) etm: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sha1,
    Sha256,
    Sha512,
    Umac64,
    Umac128,
}

impl MacAlg {
    /// `None` for a name that is not implemented.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (base, etm) = match name.strip_suffix("-etm@openssh.com") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let kind = match base {
            "hmac-sha1" => Kind::Sha1,
            "hmac-sha2-256" => Kind::Sha256,
            "hmac-sha2-512" => Kind::Sha512,
            "umac-64" if etm => Kind::Umac64,
            "umac-128" if etm => Kind::Umac128,
            "umac-64@openssh.com" => Kind::Umac64,
            "umac-128@openssh.com" => Kind::Umac128,
            _ => return None,
        };
        Some(Self { kind, etm })
    }

    /// Bytes of key.
    pub(crate) fn key_len(self) -> usize {
        match self.kind {
            Kind::Sha1 => 20,
            Kind::Sha256 => 32,
            Kind::Sha512 => 64,
            Kind::Umac64 | Kind::Umac128 => 16,
        }
    }

    /// Bytes of tag.
    pub(crate) fn tag_len(self) -> usize {
        match self.kind {
            Kind::Umac64 => 8,
            Kind::Umac128 => 16,
            _ => self.key_len(),
        }
    }

    /// `None` when the key is not [`MacAlg::key_len`] bytes.
    pub(crate) fn keyed(self, key: &[u8]) -> Option<Mac> {
        let inner = match self.kind {
            Kind::Sha1 => Keyed::Sha1(Hmac::new_from_slice(key).ok()?),
            Kind::Sha256 => Keyed::Sha256(Hmac::new_from_slice(key).ok()?),
            Kind::Sha512 => Keyed::Sha512(Box::new(Hmac::new_from_slice(key).ok()?)),
            Kind::Umac64 => Keyed::Umac(Box::new(Umac::new(key.try_into().ok()?, 2))),
            Kind::Umac128 => Keyed::Umac(Box::new(Umac::new(key.try_into().ok()?, 4))),
        };
        Some(Mac { alg: self, inner })
    }
}

/// A MAC with its key.
pub(crate) struct Mac {
    pub(crate) alg: MacAlg,
    inner: Keyed,
}

enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
    Umac(Box<Umac>),
}

impl Mac {
    /// The tag of `parts` in a row as the packet numbered `seq`.
    pub(crate) fn tag(&self, seq: u32, parts: &[&[u8]]) -> Vec<u8> {
        fn run<M: hmac::Mac + Clone>(mac: &M, seq: u32, parts: &[&[u8]]) -> Vec<u8> {
            let mut mac = mac.clone();
            mac.update(&seq.to_be_bytes());
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        }
        match &self.inner {
            Keyed::Sha1(mac) => run(mac, seq, parts),
            Keyed::Sha256(mac) => run(mac, seq, parts),
            Keyed::Sha512(mac) => run(mac.as_ref(), seq, parts),
            Keyed::Umac(umac) => umac.tag(u64::from(seq).to_be_bytes(), parts),
        }
    }

    /// Whether `tag` is right, in constant time.
    pub(crate) fn verify(&self, seq: u32, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.tag(seq, parts).ct_eq(tag).into()
    }
}
