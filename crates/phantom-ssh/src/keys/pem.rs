//! OpenSSH's private key file (PROTOCOL.key in its source).

use base64ct::{Base64, Encoding};

use super::{HostKey, KeyError, RsaPair, number};
use crate::wire::{Put, Reader};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

pub(super) fn write(public: &[u8], private: &[u8]) -> String {
    let mut section = Vec::new();
    // The two check numbers only have to be equal; they guard decryption, and nothing is encrypted here.
    section.put_u32(0);
    section.put_u32(0);
    section.extend_from_slice(private);
    section.put_string(b"");
    for padding in 1u8.. {
        if section.len().is_multiple_of(8) {
            break;
        }
        section.push(padding);
    }
    let mut blob = MAGIC.to_vec();
    blob.put_string(b"none");
    blob.put_string(b"none");
    blob.put_string(b"");
    blob.put_u32(1);
    blob.put_string(public);
    blob.put_string(&section);
    let text = Base64::encode_string(&blob);
    let mut out = format!("{BEGIN}\n");
    for line in text.as_bytes().chunks(70) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + END + "\n"
}

pub(super) fn read(text: &str) -> Result<Vec<HostKey>, KeyError> {
    let mut keys = Vec::new();
    for (index, part) in text.split(BEGIN).skip(1).enumerate() {
        let index = index + 1;
        let (body, _) = part.split_once(END).ok_or(KeyError::Malformed(index))?;
        let body: String = body.split_whitespace().collect();
        let blob = Base64::decode_vec(&body).map_err(|_| KeyError::Malformed(index))?;
        let (kind, private) = section(&blob).ok_or(KeyError::Malformed(index))?;
        let key = match kind {
            b"ssh-rsa" => rsa_key(private),
            b"ecdsa-sha2-nistp256" => p256_key(private),
            b"ssh-ed25519" => ed25519_key(private),
            _ => return Err(KeyError::Unsupported(index)),
        };
        keys.push(key.ok_or(KeyError::Malformed(index))?);
    }
    Ok(keys)
}

/// The type of the key and what follows it in the private section.
fn section(blob: &[u8]) -> Option<(&[u8], Reader<'_>)> {
    let mut reader = Reader::new(blob.strip_prefix(MAGIC)?);
    if (reader.string()?, reader.string()?) != (b"none", b"none") {
        return None;
    }
    reader.string()?;
    if reader.u32()? != 1 {
        return None;
    }
    reader.string()?;
    let mut private = Reader::new(reader.string()?);
    if private.u32()? != private.u32()? {
        return None;
    }
    Some((private.string()?, private))
}

fn rsa_key(mut private: Reader<'_>) -> Option<HostKey> {
    let (n, e, d) = (private.mpint()?, private.mpint()?, private.mpint()?);
    let _inverse = private.mpint()?;
    let primes = vec![number(private.mpint()?)?, number(private.mpint()?)?];
    let key = rsa::PrivateKey::from_components(number(n)?, number(e)?, number(d)?, primes).ok()?;
    Some(HostKey::Rsa(Box::new(RsaPair::new(key)?)))
}

fn p256_key(mut private: Reader<'_>) -> Option<HostKey> {
    let (_curve, _point, scalar) = (private.string()?, private.string()?, private.mpint()?);
    let mut bytes = [0; 32];
    let at = bytes.len().checked_sub(scalar.len())?;
    bytes.get_mut(at..)?.copy_from_slice(scalar);
    Some(HostKey::P256(Box::new(p256::ecdsa::SigningKey::from_slice(&bytes).ok()?)))
}

fn ed25519_key(mut private: Reader<'_>) -> Option<HostKey> {
    let (_public, pair) = (private.string()?, private.string()?);
    let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair.try_into().ok()?).ok()?;
    Some(HostKey::Ed25519(Box::new(key)))
}
