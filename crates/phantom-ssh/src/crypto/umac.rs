//! UMAC-64 and UMAC-128 with AES-128 (RFC 4418), for messages of up to 16 MiB: packets are far shorter, so the
//! second stage of the polynomial hash, which only longer messages reach, is left out.
//!
//! Every index below is a loop constant over an array of fixed size; no length chosen by a peer reaches one.
#![allow(clippy::indexing_slicing)]

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

const L1_KEY: usize = 1024;
const MAX_ITERATIONS: usize = 4;
const P64: u128 = (1 << 64) - 59;
const P36: u64 = (1 << 36) - 5;

/// A keyed UMAC with a tag of 8 or 16 bytes.
pub(crate) struct Umac {
    pad: Aes128,
    l1: [u32; L1_KEY / 4 + (MAX_ITERATIONS - 1) * 4],
    l2: [u64; MAX_ITERATIONS],
    l3: [[u64; 8]; MAX_ITERATIONS],
    l3_mask: [u32; MAX_ITERATIONS],
    iterations: usize,
}

impl Umac {
    /// Tag of `iterations * 4` bytes: 2 for UMAC-64, 4 for UMAC-128.
    pub(crate) fn new(key: [u8; 16], iterations: usize) -> Self {
        let iterations = iterations.min(MAX_ITERATIONS);
        let aes = Aes128::new(&key.into());
        let mut umac = Self {
            pad: Aes128::new(&<[u8; 16]>::try_from(kdf(&aes, 0, 16)).unwrap_or_default().into()),
            l1: [0; L1_KEY / 4 + (MAX_ITERATIONS - 1) * 4],
            l2: [0; MAX_ITERATIONS],
            l3: [[0; 8]; MAX_ITERATIONS],
            l3_mask: [0; MAX_ITERATIONS],
            iterations,
        };
        for (to, from) in umac.l1.iter_mut().zip(kdf(&aes, 1, L1_KEY + (iterations - 1) * 16).chunks_exact(4))
        {
            *to = be(from) as u32;
        }
        for (to, from) in umac.l2.iter_mut().zip(kdf(&aes, 2, iterations * 24).chunks_exact(24)) {
            *to = be(&from[..8]) & 0x01ff_ffff_01ff_ffff;
        }
        for (to, from) in umac.l3.iter_mut().zip(kdf(&aes, 3, iterations * 64).chunks_exact(64)) {
            for (key, bytes) in to.iter_mut().zip(from.chunks_exact(8)) {
                *key = be(bytes) % P36;
            }
        }
        for (to, from) in umac.l3_mask.iter_mut().zip(kdf(&aes, 4, iterations * 4).chunks_exact(4)) {
            *to = be(from) as u32;
        }
        umac
    }

    /// The tag of `parts` joined, under an 8-byte nonce.
    pub(crate) fn tag(&self, nonce: [u8; 8], parts: &[&[u8]]) -> Vec<u8> {
        let mut tag = self.hash(parts);
        for (byte, pad) in tag.iter_mut().zip(self.pad(nonce)) {
            *byte ^= pad;
        }
        tag
    }

    fn pad(&self, mut nonce: [u8; 8]) -> Vec<u8> {
        let taken = if self.iterations == 2 { usize::from(nonce[7] & 1) * 8 } else { 0 };
        if self.iterations == 2 {
            nonce[7] &= !1;
        }
        let mut block = [0; 16];
        block[..8].copy_from_slice(&nonce);
        let mut block = block.into();
        self.pad.encrypt_block(&mut block);
        block[taken..].to_vec()
    }

    fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        let total: usize = parts.iter().map(|p| p.len()).sum();
        let mut first = [0u64; MAX_ITERATIONS];
        let mut poly = [1u128; MAX_ITERATIONS];
        let mut chunk = [0u8; L1_KEY];
        let mut filled = 0;
        let mut left = total;
        let mut hash_chunk = |chunk: &mut [u8; L1_KEY], len: usize| {
            let padded = len.next_multiple_of(32).max(32);
            chunk[len..padded].fill(0);
            for i in 0..self.iterations {
                let sum = nh(&self.l1[i * 4..], &chunk[..padded]).wrapping_add(len as u64 * 8);
                first[i] = sum;
                if total > L1_KEY {
                    poly[i] = step(u128::from(self.l2[i]), poly[i], sum);
                }
            }
        };
        for part in parts {
            let mut part = *part;
            while !part.is_empty() {
                let n = part.len().min(L1_KEY - filled);
                chunk[filled..filled + n].copy_from_slice(&part[..n]);
                filled += n;
                left -= n;
                part = &part[n..];
                if filled == L1_KEY && left > 0 {
                    hash_chunk(&mut chunk, L1_KEY);
                    filled = 0;
                }
            }
        }
        hash_chunk(&mut chunk, filled);
        let mut out = Vec::with_capacity(self.iterations * 4);
        for i in 0..self.iterations {
            let value = if total > L1_KEY { poly[i] as u64 } else { first[i] };
            out.extend_from_slice(&(self.l3_hash(i, value) ^ self.l3_mask[i]).to_be_bytes());
        }
        out
    }

    /// L3-HASH of eight zero bytes and the 64-bit value (RFC 4418 section 5.4).
    fn l3_hash(&self, i: usize, value: u64) -> u32 {
        let words = [value >> 48, value >> 32 & 0xffff, value >> 16 & 0xffff, value & 0xffff];
        let sum: u64 = words.iter().zip(&self.l3[i][4..]).map(|(m, k)| m * k % P36).sum();
        (sum % P36) as u32
    }
}

/// POLY of 64-bit words (RFC 4418 section 5.3.2).
fn step(key: u128, y: u128, word: u64) -> u128 {
    if word >= 0xffff_ffff_0000_0000 {
        let marked = (key * y % P64 + (P64 - 1)) % P64;
        (key * marked % P64 + u128::from(word - 59)) % P64
    } else {
        (key * y % P64 + u128::from(word)) % P64
    }
}

/// NH (RFC 4418 section 5.2.2) with the message's words little-endian, which is its ENDIAN-SWAP.
fn nh(key: &[u32], message: &[u8]) -> u64 {
    let mut sum = 0u64;
    for (block, key) in message.chunks_exact(32).zip(key.chunks_exact(8)) {
        let word = |i: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&block[i * 4..i * 4 + 4]);
            u64::from(u32::from_le_bytes(bytes).wrapping_add(key[i]))
        };
        for i in 0..4 {
            sum = sum.wrapping_add(word(i).wrapping_mul(word(i + 4)));
        }
    }
    sum
}

fn kdf(aes: &Aes128, index: u8, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 16);
    for counter in 1.. {
        if out.len() >= length {
            break;
        }
        let mut block = [0; 16];
        block[7] = index;
        block[8..].copy_from_slice(&u64::to_be_bytes(counter));
        let mut block = block.into();
        aes.encrypt_block(&mut block);
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    out
}

fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02X}")).collect()
    }

    /// RFC 4418 appendix, with its errata for UMAC-128.
    #[test]
    fn the_vectors_of_the_rfc() {
        let key = *b"abcdefghijklmnop";
        let (short, long) = (Umac::new(key, 2), Umac::new(key, 4));
        for (message, want64, want128) in [
            (vec![], "6E155FAD26900BE1", "32FEDB100C79AD58F07FF7643CC60465"),
            (b"a".repeat(3), "44B5CB542F220104", "185E4FE905CBA7BD85E4C2DC3D117D8D"),
            (b"a".repeat(1 << 10), "26BF2F5D60118BD9", "7A54ABE04AF82D60FB298C3CBD195BCB"),
            (b"a".repeat(1 << 15), "27F8EF643B0D118D", "7B136BD911E4B734286EF2BE501F2C3C"),
            (b"a".repeat(1 << 20), "A4477E87E9F55853", "F8ACFA3AC31CFEEA047F7B115B03BEF5"),
            (b"abc".to_vec(), "D4D7B9F6BD4FBFCF", "883C3D4B97A61976FFCF232308CBA5A5"),
            (b"abc".repeat(500), "D4CF26DDEFD5C01A", "8824A260C53C66A36C9260A62CB83AA1"),
        ] {
            assert_eq!(hex(&short.tag(*b"bcdefghi", &[&message])), want64);
            assert_eq!(hex(&long.tag(*b"bcdefghi", &[&message])), want128);
        }
    }

    #[test]
    fn parts_make_no_difference() {
        let umac = Umac::new([7; 16], 2);
        let message = vec![0x5a; 3000];
        let (a, b) = message.split_at(1024);
        assert_eq!(umac.tag([0; 8], &[&message]), umac.tag([0; 8], &[a, &[], b]));
    }

    #[test]
    fn words_beyond_the_marker_are_folded() {
        let word = 0xffff_ffff_0000_0000u64;
        assert_eq!(step(1, 1, word), u128::from(word) - 59);
    }
}
