//! Encapsulation to a Streamlined NTRU Prime 761 public key, all that a server needs of it.
//!
//! The one published crate brings two generations of `sha2`, an assembler build and `rand` with it; this is
//! the arithmetic of the reference description (ntruprime.cr.yp.to, "sntrup761") alone. The random
//! polynomial is used once, and its sort takes variable time: no secret outlives the key exchange.
//!
//! Every index below is a loop constant over arrays of fixed size; a peer chooses their contents only.
#![allow(clippy::indexing_slicing)]

use rand_core::Rng;
use sha2::{Digest, Sha512};

const P: usize = 761;
const Q: i32 = 4591;
const Q12: i32 = (Q - 1) / 2;
const W: usize = 286;

/// Bytes of a public key.
pub(crate) const PUBLIC_KEY: usize = 1158;
const ROUNDED: usize = 1007;

/// The ciphertext (1039 bytes) and the shared secret.
pub(crate) fn encapsulate(public: &[u8; PUBLIC_KEY], rng: &mut impl Rng) -> (Vec<u8>, [u8; 32]) {
    let r = short_random(rng);
    let r_encoded = small_encode(&r);
    let mut h = [0i32; P];
    for (to, from) in h.iter_mut().zip(decode(public, &[Q as u32; P])) {
        *to = from as i32 - Q12;
    }
    let rounded: Vec<u32> = mult_small(&h, &r)
        .iter()
        .map(|a| {
            // Down or up to the nearest multiple of three.
            let rounded = (a + 1).div_euclid(3) * 3;
            (((rounded + Q12) * 10923) >> 15) as u32
        })
        .collect();
    let mut ciphertext = Vec::with_capacity(ROUNDED + 32);
    encode(rounded, vec![(Q as u32).div_ceil(3); P], &mut ciphertext);
    let r_hash = prefixed(3, &[&r_encoded]);
    ciphertext.extend_from_slice(&prefixed(2, &[&r_hash, &prefixed(4, &[public])]));
    let secret = prefixed(1, &[&r_hash, &ciphertext]);
    (ciphertext, secret)
}

fn prefixed(prefix: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha512::new();
    hash.update([prefix]);
    parts.iter().for_each(|part| hash.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(&hash.finalize()[..32]);
    out
}

/// A polynomial with exactly `W` coefficients of -1 or 1, in random places.
fn short_random(rng: &mut impl Rng) -> [i32; P] {
    let mut list = [0u32; P];
    for (i, word) in list.iter_mut().enumerate() {
        *word = if i < W { rng.next_u32() & !1 } else { rng.next_u32() & !2 | 1 };
    }
    list.sort_unstable();
    list.map(|word| (word & 3) as i32 - 1)
}

fn small_encode(r: &[i32; P]) -> Vec<u8> {
    r.chunks(4).map(|four| four.iter().rev().fold(0, |byte, c| byte << 2 | (c + 1) as u8)).collect()
}

/// `h * r` modulo `x^P - x - 1` and `Q`, coefficients from `-Q12` to `Q12`.
fn mult_small(h: &[i32; P], r: &[i32; P]) -> [i32; P] {
    let mut product = [0i32; 2 * P];
    for (i, c) in r.iter().enumerate() {
        for (to, from) in product[i..i + P].iter_mut().zip(h) {
            *to += c * from;
        }
    }
    for i in (P..2 * P - 1).rev() {
        product[i - P] += product[i];
        product[i - P + 1] += product[i];
    }
    let mut out = [0; P];
    for (to, from) in out.iter_mut().zip(product) {
        *to = (from + Q12).rem_euclid(Q) - Q12;
    }
    out
}

/// The reference's `Encode`: mixed-radix numbers folded in pairs.
fn encode(mut numbers: Vec<u32>, mut moduli: Vec<u32>, out: &mut Vec<u8>) {
    while numbers.len() > 1 {
        let mut next = (Vec::new(), Vec::new());
        for (r, m) in numbers.chunks(2).zip(moduli.chunks(2)) {
            let (mut value, mut modulus) = (r[0], m[0]);
            if let ([_, high], [_, radix]) = (r, m) {
                value += high * modulus;
                modulus *= radix;
                while modulus >= 16384 {
                    out.push(value as u8);
                    value >>= 8;
                    modulus = (modulus + 255) >> 8;
                }
            }
            next.0.push(value);
            next.1.push(modulus);
        }
        (numbers, moduli) = next;
    }
    let (mut value, mut modulus) = (numbers[0], moduli[0]);
    while modulus > 1 {
        out.push(value as u8);
        value >>= 8;
        modulus = (modulus + 255) >> 8;
    }
}

/// The reference's `Decode`; bytes that are missing count as zero, numbers out of range are reduced.
fn decode(bytes: &[u8], moduli: &[u32]) -> Vec<u32> {
    let byte = |i: usize| bytes.get(i).copied().map_or(0, u32::from);
    if let [modulus] = moduli {
        return vec![if *modulus <= 256 { byte(0) % modulus } else { (byte(0) + (byte(1) << 8)) % modulus }];
    }
    let (mut used, mut bottoms, mut next) = (0, Vec::new(), Vec::new());
    for pair in moduli.chunks(2) {
        let [a, b] = pair else {
            next.push(pair[0]);
            continue;
        };
        let mut modulus = a * b;
        let (mut value, mut radix) = (0, 1);
        while modulus >= 16384 {
            value += byte(used) * radix;
            radix <<= 8;
            used += 1;
            modulus = (modulus + 255) >> 8;
        }
        bottoms.push((value, radix));
        next.push(modulus);
    }
    let tops = decode(bytes.get(used..).unwrap_or_default(), &next);
    let mut out = Vec::with_capacity(moduli.len());
    for (i, pair) in moduli.chunks(2).enumerate() {
        match pair {
            [a, b] => {
                let (value, radix) = bottoms[i];
                let value = value.wrapping_add(radix.wrapping_mul(tops[i]));
                out.push(value % a);
                out.push(value / a % b);
            }
            _ => out.push(tops[i]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn lists_survive_the_mixed_radix() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let numbers: Vec<u32> = (0..P).map(|_| rng.next_u32() % Q as u32).collect();
        let mut bytes = Vec::new();
        encode(numbers.clone(), vec![Q as u32; P], &mut bytes);
        assert_eq!(bytes.len(), PUBLIC_KEY);
        assert_eq!(decode(&bytes, &[Q as u32; P]), numbers);
    }

    #[test]
    fn any_public_key_is_answered_in_the_right_size() {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let (ciphertext, _) = encapsulate(&[0xff; PUBLIC_KEY], &mut rng);
        assert_eq!(ciphertext.len(), ROUNDED + 32);
        let short = short_random(&mut rng);
        assert_eq!(short.iter().filter(|c| **c != 0).count(), W);
    }
}
