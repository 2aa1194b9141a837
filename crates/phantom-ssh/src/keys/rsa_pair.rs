//! An RSA host key: its numbers, and the signing of the exchange that every connection costs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

/// A private key in the shape that gives its numbers and in the one that signs.
///
/// One signature by RSA-3072 is most of what an SSH session costs: AWS-LC takes 0.57 ms of a processor for it where
/// the `rsa` crate takes 3 ms. What is signed is the same for the same data, since PKCS #1 v1.5 (RFC 8017 section
/// 8.2) draws nothing at random; the random blinding inside shows in no byte.
pub(super) struct RsaPair {
    numbers: rsa::PrivateKey,
    signer: KeyPair,
}

impl RsaPair {
    /// `None` if the key is not one that AWS-LC signs with: two primes, 2048 to 8192 bits.
    pub(super) fn new(numbers: rsa::PrivateKey) -> Option<Self> {
        let der = numbers.to_pkcs1_der().ok()?;
        let signer = KeyPair::from_der(der.as_bytes()).ok()?;
        Some(Self { numbers, signer })
    }

    pub(super) fn exponent(&self) -> Vec<u8> {
        self.numbers.e_bytes().into()
    }

    pub(super) fn modulus(&self) -> Vec<u8> {
        self.numbers.n_bytes().into()
    }

    /// n, e, d, the inverse of q, p and q, as OpenSSH's private key format orders them.
    pub(super) fn private(&self) -> [Vec<u8>; 6] {
        let key = &self.numbers;
        let inverse = key.qinv().map(|form| form.retrieve().to_be_bytes().into()).unwrap_or_default();
        let prime = |i: usize| key.primes().get(i).map(|p| p.to_be_bytes().into()).unwrap_or_default();
        [self.modulus(), self.exponent(), key.d().to_be_bytes().into(), inverse, prime(0), prime(1)]
    }

    /// The signature by `rsa-sha2-256` or else `rsa-sha2-512` (RFC 8332 section 3).
    pub(super) fn sign(&self, algorithm: &str, data: &[u8]) -> Option<Vec<u8>> {
        let padding = if algorithm == "rsa-sha2-256" { &RSA_PKCS1_SHA256 } else { &RSA_PKCS1_SHA512 };
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer.sign(padding, &SystemRandom::new(), data, &mut signature).ok()?;
        Some(signature)
    }
}
