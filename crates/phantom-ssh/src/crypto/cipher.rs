//! Ciphers of the packet layer.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use ctr::Ctr128BE;
use poly1305::Poly1305;
use subtle::ConstantTimeEq;

/// A cipher by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CipherAlg {
    ChaChaPoly,
    Ctr128,
    Ctr192,
    Ctr256,
    Gcm128,
    Gcm256,
}

impl CipherAlg {
    /// `None` for a name that is not implemented.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "chacha20-poly1305@openssh.com" => Self::ChaChaPoly,
            "aes128-ctr" => Self::Ctr128,
            "aes192-ctr" => Self::Ctr192,
            "aes256-ctr" => Self::Ctr256,
            "aes128-gcm@openssh.com" => Self::Gcm128,
            "aes256-gcm@openssh.com" => Self::Gcm256,
            _ => return None,
        })
    }

    /// Whether it authenticates by itself, so that no MAC is used.
    pub(crate) fn is_aead(self) -> bool {
        matches!(self, Self::ChaChaPoly | Self::Gcm128 | Self::Gcm256)
    }

    /// Packets are padded to a multiple of this.
    pub(crate) fn block(self) -> usize {
        if self == Self::ChaChaPoly { 8 } else { 16 }
    }

    /// Bytes of key.
    pub(crate) fn key_len(self) -> usize {
        match self {
            Self::Ctr128 | Self::Gcm128 => 16,
            Self::Ctr192 => 24,
            Self::Ctr256 | Self::Gcm256 => 32,
            Self::ChaChaPoly => 64,
        }
    }

    /// Bytes of initialisation vector.
    pub(crate) fn iv_len(self) -> usize {
        match self {
            Self::ChaChaPoly => 0,
            Self::Gcm128 | Self::Gcm256 => 12,
            _ => 16,
        }
    }

    /// `None` when key or vector have the wrong length.
    pub(crate) fn keyed(self, key: &[u8], iv: &[u8]) -> Option<Cipher> {
        Some(match self {
            Self::Ctr128 => Cipher::Ctr(Box::new(Ctr128BE::<Aes128>::new_from_slices(key, iv).ok()?)),
            Self::Ctr192 => Cipher::Ctr(Box::new(Ctr128BE::<Aes192>::new_from_slices(key, iv).ok()?)),
            Self::Ctr256 => Cipher::Ctr(Box::new(Ctr128BE::<Aes256>::new_from_slices(key, iv).ok()?)),
            Self::Gcm128 => Cipher::Aead(Aead::Gcm128(
                Box::new(Aes128Gcm::new_from_slice(key).ok()?),
                Invocation(iv.try_into().ok()?),
            )),
            Self::Gcm256 => Cipher::Aead(Aead::Gcm256(
                Box::new(Aes256Gcm::new_from_slice(key).ok()?),
                Invocation(iv.try_into().ok()?),
            )),
            Self::ChaChaPoly => {
                let (main, header) = key.split_at_checked(32)?;
                Cipher::Aead(Aead::ChaChaPoly {
                    main: main.try_into().ok()?,
                    header: header.try_into().ok()?,
                })
            }
        })
    }
}

/// A cipher with its key, for one direction.
pub(crate) enum Cipher {
    Ctr(Box<dyn StreamCipher + Send>),
    Aead(Aead),
}

/// A cipher that authenticates; tags are 16 bytes.
pub(crate) enum Aead {
    Gcm128(Box<Aes128Gcm>, Invocation),
    Gcm256(Box<Aes256Gcm>, Invocation),
    ChaChaPoly { main: [u8; 32], header: [u8; 32] },
}

/// Bytes of an AEAD tag.
pub(crate) const TAG: usize = 16;

/// The nonce of RFC 5647: four fixed bytes and a counter of packets.
pub(crate) struct Invocation([u8; 12]);

impl Invocation {
    fn next(&mut self) -> [u8; 12] {
        let now = self.0;
        if let Some(counter) = self.0.last_chunk_mut::<8>() {
            *counter = u64::from_be_bytes(*counter).wrapping_add(1).to_be_bytes();
        }
        now
    }
}

impl Aead {
    /// The packet length that the first four bytes of the packet numbered `seq` stand for.
    pub(crate) fn length(&self, seq: u32, mut bytes: [u8; 4]) -> u32 {
        if let Self::ChaChaPoly { header, .. } = self {
            chacha(header, seq).apply_keystream(&mut bytes);
        }
        u32::from_be_bytes(bytes)
    }

    /// Encrypts `length || body` in place and returns the tag.
    pub(crate) fn seal(&mut self, seq: u32, length: &mut [u8; 4], body: &mut [u8]) -> Option<[u8; TAG]> {
        match self {
            Self::Gcm128(aead, nonce) => {
                aead.encrypt_inout_detached(&nonce.next().into(), length, body.into()).ok().map(Into::into)
            }
            Self::Gcm256(aead, nonce) => {
                aead.encrypt_inout_detached(&nonce.next().into(), length, body.into()).ok().map(Into::into)
            }
            Self::ChaChaPoly { main, header } => {
                chacha(header, seq).apply_keystream(length);
                let mut stream = chacha(main, seq);
                let key = one_time_key(&mut stream);
                stream.apply_keystream(body);
                Some(poly(key, length, body))
            }
        }
    }

    /// Decrypts `body` in place if the tag is right. `length` is as it was on the wire.
    pub(crate) fn open(&mut self, seq: u32, length: [u8; 4], body: &mut [u8], tag: [u8; TAG]) -> bool {
        match self {
            Self::Gcm128(aead, nonce) => {
                aead.decrypt_inout_detached(&nonce.next().into(), &length, body.into(), &tag.into()).is_ok()
            }
            Self::Gcm256(aead, nonce) => {
                aead.decrypt_inout_detached(&nonce.next().into(), &length, body.into(), &tag.into()).is_ok()
            }
            Self::ChaChaPoly { main, .. } => {
                let mut stream = chacha(main, seq);
                let key = one_time_key(&mut stream);
                let right: bool = poly(key, &length, body).ct_eq(&tag).into();
                if right {
                    stream.apply_keystream(body);
                }
                right
            }
        }
    }
}

/// The original ChaCha20 with the sequence number as its 64-bit nonce (OpenSSH's PROTOCOL.chacha20poly1305).
fn chacha(key: &[u8; 32], seq: u32) -> ChaCha20Legacy {
    ChaCha20Legacy::new(key.into(), &u64::from(seq).to_be_bytes().into())
}

/// The first 32 bytes of block 0; leaves the stream at block 1.
fn one_time_key(stream: &mut ChaCha20Legacy) -> [u8; 32] {
    let mut key = [0; 32];
    stream.apply_keystream(&mut key);
    stream.seek(64u64);
    key
}

fn poly(key: [u8; 32], length: &[u8; 4], body: &[u8]) -> [u8; TAG] {
    // Poly1305 pads only its last block, so the four bytes and the body have to be one piece.
    let mut all = Vec::with_capacity(4 + body.len());
    all.extend_from_slice(length);
    all.extend_from_slice(body);
    Poly1305::new(&key.into()).compute_unpadded(&all).into()
}
