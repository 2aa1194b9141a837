//! Key exchange methods, the server's side.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use p256::elliptic_curve::sec1::ToSec1Point;
use rand_core::CryptoRng;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::hash::Hash;
use super::sntrup;
use crate::wire::{Put, trim};

/// A method by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KexAlg {
    Sntrup,
    Curve25519,
    P256,
    P384,
    P521,
    GroupExchange,
    Group14,
    Group16,
    Group18,
}

/// The server's half and the secret, encoded as both hashes and key derivation take it.
pub(crate) struct Reply {
    pub(crate) public: Vec<u8>,
    pub(crate) secret: Vec<u8>,
}

impl KexAlg {
    /// `None` for a name that is not implemented.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sntrup761x25519-sha512" | "sntrup761x25519-sha512@openssh.com" => Self::Sntrup,
            "curve25519-sha256" | "curve25519-sha256@libssh.org" => Self::Curve25519,
            "ecdh-sha2-nistp256" => Self::P256,
            "ecdh-sha2-nistp384" => Self::P384,
            "ecdh-sha2-nistp521" => Self::P521,
            "diffie-hellman-group-exchange-sha256" => Self::GroupExchange,
            "diffie-hellman-group14-sha256" => Self::Group14,
            "diffie-hellman-group16-sha512" => Self::Group16,
            "diffie-hellman-group18-sha512" => Self::Group18,
            _ => return None,
        })
    }

    pub(crate) fn hash(self) -> Hash {
        match self {
            Self::Sntrup | Self::P521 | Self::Group16 | Self::Group18 => Hash::Sha512,
            Self::P384 => Hash::Sha384,
            Self::Curve25519 | Self::P256 | Self::GroupExchange | Self::Group14 => Hash::Sha256,
        }
    }

    /// The fixed group, for the methods that have one.
    pub(crate) fn group(self) -> Option<Group> {
        match self {
            Self::Group14 => Group::fixed(2048),
            Self::Group16 => Group::fixed(4096),
            Self::Group18 => Group::fixed(8192),
            _ => None,
        }
    }

    /// Answers the client's public value of the elliptic-curve methods; `None` when it is not acceptable.
    pub(crate) fn answer(self, client: &[u8], rng: &mut impl CryptoRng) -> Option<Reply> {
        match self {
            Self::Sntrup => {
                let (public, point) = client.split_first_chunk::<{ sntrup::PUBLIC_KEY }>()?;
                let (mut ciphertext, kem) = sntrup::encapsulate(public, rng);
                let (ours, shared) = curve25519(point, rng)?;
                ciphertext.extend_from_slice(&ours);
                let mut secret = Vec::new();
                secret.put_string(&Hash::Sha512.of(&[&kem, &shared]));
                Some(Reply { public: ciphertext, secret })
            }
            Self::Curve25519 => {
                let (ours, shared) = curve25519(client, rng)?;
                Some(reply(ours.to_vec(), &shared))
            }
            Self::P256 => p256(client, rng),
            Self::P384 => p384(client, rng),
            Self::P521 => p521(client, rng),
            _ => None,
        }
    }
}

fn reply(public: Vec<u8>, shared: &[u8]) -> Reply {
    let mut secret = Vec::new();
    secret.put_mpint(shared);
    Reply { public, secret }
}

/// RFC 8731; an all-zero secret is refused.
fn curve25519(client: &[u8], rng: &mut impl CryptoRng) -> Option<([u8; 32], [u8; 32])> {
    let client: [u8; 32] = client.try_into().ok()?;
    let mut scalar = [0; 32];
    rng.fill_bytes(&mut scalar);
    let shared = x25519(scalar, client);
    (shared != [0; 32]).then(|| (x25519(scalar, X25519_BASEPOINT_BYTES), shared))
}

macro_rules! ecdh {
    ($name:ident, $curve:ident) => {
        /// RFC 5656 section 4.
        fn $name(client: &[u8], rng: &mut impl CryptoRng) -> Option<Reply> {
            // OpenSSH accepts uncompressed points only.
            if client.first() != Some(&4) {
                return None;
            }
            let client = $curve::PublicKey::from_sec1_bytes(client).ok()?;
            let mut secret = $curve::FieldBytes::default();
            let ours = loop {
                rng.fill_bytes(&mut secret);
                if stringify!($curve) == "p521" {
                    // 521 bits in 66 bytes: the top byte holds one.
                    if let Some(top) = secret.first_mut() {
                        *top &= 1;
                    }
                }
                if let Ok(ours) = $curve::SecretKey::from_bytes(&secret) {
                    break ours;
                }
            };
            let shared = client.to_projective() * *ours.to_nonzero_scalar();
            let shared = shared.to_affine().to_sec1_point(false);
            Some(reply(ours.public_key().to_sec1_point(false).as_bytes().to_vec(), shared.x()?))
        }
    };
}

ecdh!(p256, p256);
ecdh!(p384, p384);
ecdh!(p521, p521);

/// A Diffie-Hellman group over a safe prime.
pub(crate) struct Group {
    /// Big-endian.
    pub(crate) prime: Vec<u8>,
    /// 2 or 5.
    pub(crate) generator: u8,
}

/// Groups 14, 16 and 18 of RFC 3526, and some of those in Debian's `/etc/ssh/moduli`.
const FIXED: &str = include_str!("../../data/groups");
const MODULI: &str = include_str!("../../data/moduli");

fn parse(line: &str) -> Option<(u32, Group)> {
    let mut fields = line.split(' ');
    let bits = fields.next()?.parse().ok()?;
    let generator = fields.next()?.parse().ok()?;
    let digits = fields.next()?.as_bytes().chunks(2);
    let prime = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    Some((bits, Group { prime, generator }))
}

impl Group {
    fn fixed(bits: u32) -> Option<Self> {
        FIXED.lines().filter_map(parse).find_map(|(size, group)| (size == bits).then_some(group))
    }

    /// The group of a group exchange as OpenSSH's `choose_dh` picks it: the smallest size that is at least
    /// `wanted` bits, else the largest, within the bounds; among those of a size, a random one.
    pub(crate) fn exchange(min: u32, wanted: u32, max: u32, rng: &mut impl CryptoRng) -> Option<Self> {
        let size = |line: &str| line.split(' ').next().and_then(|bits| bits.parse::<u32>().ok());
        let sizes = || MODULI.lines().filter_map(size).filter(|bits| (min..=max).contains(bits));
        let best = match sizes().filter(|bits| *bits >= wanted).min() {
            Some(bits) => bits,
            None => sizes().max()?,
        };
        let lines: Vec<&str> = MODULI.lines().filter(|line| size(line) == Some(best)).collect();
        let index = usize::try_from(rng.next_u32()).unwrap_or(0) % lines.len().max(1);
        lines.get(index).and_then(|line| parse(line)).map(|(_, group)| group)
    }

    /// Answers the client's `e`; `None` when OpenSSH's `dh_pub_is_valid` would refuse it: it must lie between
    /// 1 and p-1 and have four bits set.
    pub(crate) fn answer(&self, client: &[u8], rng: &mut impl CryptoRng) -> Option<Reply> {
        let bits = u32::try_from(self.prime.len()).ok()? * 8;
        let prime = BoxedUint::from_be_slice(&self.prime, bits).ok()?;
        let client = trim(client);
        let ones: u32 = client.iter().map(|byte| byte.count_ones()).sum();
        let e = BoxedUint::from_be_slice(client, bits).ok()?;
        let last = prime.wrapping_sub(BoxedUint::one_with_precision(bits));
        if ones < 4 || e >= last {
            return None;
        }
        let params = BoxedMontyParams::new(Odd::new(prime).into_option()?);
        // OpenSSH takes twice the bits that the derived keys need; 64-byte MAC keys are the longest.
        let exponent_bits = 1024;
        let mut exponent = [0; 128];
        rng.fill_bytes(&mut exponent);
        let exponent = BoxedUint::from_be_slice(&exponent, exponent_bits).ok()?;
        let raise = |base: BoxedUint| {
            BoxedMontyForm::new(base, &params).pow_bounded_exp(&exponent, exponent_bits).retrieve()
        };
        let generator = BoxedUint::from_be_slice(&[self.generator], bits).ok()?;
        let public = raise(generator).to_be_bytes();
        Some(reply(trim(&public).to_vec(), &raise(e).to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn groups_are_chosen_as_openssh_does() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let bits = |min, wanted, max, rng: &mut ChaCha20Rng| {
            Group::exchange(min, wanted, max, rng).map(|g| g.prime.len() * 8)
        };
        assert_eq!(bits(2048, 3072, 8192, &mut rng), Some(3072));
        assert_eq!(bits(2048, 5000, 8192, &mut rng), Some(6144));
        assert_eq!(bits(2048, 8192, 8192, &mut rng), Some(8192));
        assert_eq!(bits(2048, 8192, 4096, &mut rng), Some(4096));
        assert_eq!(bits(2049, 2049, 2050, &mut rng), None);
    }

    #[test]
    fn bad_public_values_are_refused() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let group = KexAlg::Group14.group().unwrap();
        assert!(group.answer(&[1], &mut rng).is_none());
        assert!(group.answer(&[0; 300], &mut rng).is_none());
        assert!(group.answer(&[0xff; 256], &mut rng).is_none());
        assert!(group.answer(&[0xff; 300], &mut rng).is_none());
        assert!(group.answer(&[0x7f; 200], &mut rng).is_some());
        for (alg, bytes) in [
            (KexAlg::Curve25519, vec![0; 32]),
            (KexAlg::Curve25519, vec![9; 31]),
            (KexAlg::P256, vec![4; 65]),
            (KexAlg::P384, vec![0]),
            (KexAlg::P521, vec![]),
            (KexAlg::Sntrup, vec![0; 1158 + 32]),
            (KexAlg::Sntrup, vec![1; 1158]),
        ] {
            assert!(alg.answer(&bytes, &mut rng).is_none(), "{alg:?}");
        }
    }
}
