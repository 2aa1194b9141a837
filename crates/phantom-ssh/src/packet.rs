//! The binary packet layer of RFC 4253 section 6, with OpenSSH's encrypt-then-MAC modes and AEADs.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use rand_core::Rng;

use crate::crypto::cipher::{Aead, Cipher, CipherAlg, TAG};
use crate::crypto::mac::Mac;

/// Longest packet, as OpenSSH's `PACKET_MAX_SIZE`, in bytes.
pub const MAX_PACKET: u32 = 256 * 1024;

/// Longest payload after decompression, in bytes.
const MAX_INFLATED: usize = 256 * 1024;

/// Why a packet is no packet. OpenSSH ends the connection silently on every one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Shorter than 5 or longer than [`MAX_PACKET`] bytes.
    #[error("bad packet length {0}")]
    Length(u32),
    /// Not a multiple of the cipher's block.
    #[error("packet length {0} is not a multiple of the block size")]
    Alignment(u32),
    /// The authentication code is wrong.
    #[error("corrupted mac")]
    Mac,
    /// Less than four bytes of padding or more than the packet holds.
    #[error("corrupted padding length {0}")]
    Padding(u8),
    /// The compressed payload is broken or inflates beyond 256 KiB.
    #[error("broken compression")]
    Compression,
}

/// The keys of one direction, not yet in use.
pub(crate) struct Keys {
    pub(crate) alg: CipherAlg,
    pub(crate) cipher: Cipher,
    /// Absent with ciphers that authenticate by themselves.
    pub(crate) mac: Option<Mac>,
}

impl Keys {
    fn aad(&self) -> bool {
        self.alg.is_aead() || self.mac.as_ref().is_some_and(|mac| mac.alg.etm)
    }
}

/// Turns bytes into payloads.
#[derive(Default)]
pub(crate) struct Opener {
    buffer: Vec<u8>,
    used: usize,
    /// Length of the packet under way, once its first block has been decrypted in place.
    length: Option<u32>,
    keys: Option<Keys>,
    inflate: Option<Decompress>,
    pub(crate) seq: u32,
}

impl Opener {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What has not been opened.
    pub(crate) fn unread(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Skips `n` unread bytes.
    pub(crate) fn skip(&mut self, n: usize) {
        self.used = (self.used + n).min(self.buffer.len());
    }

    /// Drops everything that was not opened.
    pub(crate) fn clear(&mut self) {
        self.buffer = Vec::new();
        self.used = 0;
    }

    pub(crate) fn rekey(&mut self, keys: Keys, compressed: bool) {
        self.keys = Some(keys);
        self.inflate = compressed.then(|| Decompress::new(true));
    }

    pub(crate) fn compress(&mut self) {
        self.inflate.get_or_insert_with(|| Decompress::new(true));
    }

    /// The next payload, `None` while bytes are missing.
    pub(crate) fn open(&mut self) -> Result<Option<Vec<u8>>, PacketError> {
        let seq = self.seq;
        let Some(payload) = self.open_packet(seq)? else { return Ok(None) };
        self.seq = seq.wrapping_add(1);
        match &mut self.inflate {
            Some(inflate) => inflated(inflate, &payload).map(Some),
            None => Ok(Some(payload)),
        }
    }

    fn open_packet(&mut self, seq: u32) -> Result<Option<Vec<u8>>, PacketError> {
        let Self { buffer, used, length, keys, .. } = self;
        let unread = buffer.get_mut(*used..).unwrap_or_default();
        let block = keys.as_ref().map_or(8, |keys| keys.alg.block());
        let aad = keys.as_ref().is_some_and(Keys::aad);
        let tag_len = match keys {
            Some(keys) if keys.alg.is_aead() => TAG,
            Some(keys) => keys.mac.as_ref().map_or(0, |mac| mac.alg.tag_len()),
            None => 0,
        };
        let packet_length = match *length {
            Some(known) => known,
            None => {
                // With the length outside the encryption four bytes tell it, else a whole block.
                let Some(head) = unread.get_mut(..if aad { 4 } else { block }) else { return Ok(None) };
                if let (Some(Keys { cipher: Cipher::Ctr(stream), .. }), false) = (keys.as_mut(), aad) {
                    stream.apply_keystream(head);
                }
                let Some(first) = head.first_chunk::<4>() else { return Ok(None) };
                let told = match keys {
                    Some(Keys { cipher: Cipher::Aead(aead), .. }) => aead.length(seq, *first),
                    _ => u32::from_be_bytes(*first),
                };
                if !(5..=MAX_PACKET).contains(&told) {
                    return Err(PacketError::Length(told));
                }
                if !(if aad { told } else { told + 4 }).is_multiple_of(u32::try_from(block).unwrap_or(8)) {
                    return Err(PacketError::Alignment(told));
                }
                *length = Some(told);
                told
            }
        };
        let body_len = usize::try_from(packet_length).unwrap_or(usize::MAX);
        let Some((packet, rest)) = unread.split_at_mut_checked(4 + body_len) else { return Ok(None) };
        let Some(tag) = rest.get(..tag_len) else { return Ok(None) };
        if let Some(keys) = keys {
            decrypt(keys, seq, packet, tag, block)?;
        }
        let Some((_, body)) = packet.split_first_chunk::<4>() else { return Ok(None) };
        let Some((padding, body)) = body.split_first() else { return Ok(None) };
        let payload = body.len().checked_sub(usize::from(*padding)).and_then(|n| body.get(..n));
        let payload = payload.filter(|_| *padding >= 4).ok_or(PacketError::Padding(*padding))?.to_vec();
        *used += 4 + body_len + tag_len;
        *length = None;
        Ok(Some(payload))
    }
}

/// Decrypts and authenticates a whole packet in place.
fn decrypt(
    keys: &mut Keys,
    seq: u32,
    packet: &mut [u8],
    tag: &[u8],
    block: usize,
) -> Result<(), PacketError> {
    match &mut keys.cipher {
        Cipher::Aead(aead) => {
            let (Some((length, body)), Ok(tag)) = (packet.split_first_chunk_mut::<4>(), tag.try_into())
            else {
                return Err(PacketError::Mac);
            };
            if aead.open(seq, *length, body, tag) { Ok(()) } else { Err(PacketError::Mac) }
        }
        Cipher::Ctr(stream) => {
            let Some(mac) = &keys.mac else { return Err(PacketError::Mac) };
            if mac.alg.etm {
                if !mac.verify(seq, &[packet], tag) {
                    return Err(PacketError::Mac);
                }
                stream.apply_keystream(packet.get_mut(4..).unwrap_or_default());
                return Ok(());
            }
            // The first block was decrypted to learn the length.
            stream.apply_keystream(packet.get_mut(block..).unwrap_or_default());
            if mac.verify(seq, &[packet], tag) { Ok(()) } else { Err(PacketError::Mac) }
        }
    }
}

fn inflated(inflate: &mut Decompress, mut input: &[u8]) -> Result<Vec<u8>, PacketError> {
    let mut out = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(input, &mut chunk, FlushDecompress::Sync);
        let taken = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
        let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        out.extend_from_slice(chunk.get(..made).unwrap_or_default());
        if out.len() > MAX_INFLATED {
            return Err(PacketError::Compression);
        }
        match status {
            Ok(Status::Ok | Status::BufError) if taken == 0 && made == 0 => return Ok(out),
            Ok(Status::Ok | Status::BufError) => {}
            // A stream that ends, or is none.
            Ok(Status::StreamEnd) | Err(_) => return Err(PacketError::Compression),
        }
    }
}

/// Turns payloads into bytes.
#[derive(Default)]
pub(crate) struct Sealer {
    keys: Option<Keys>,
    deflate: Option<Compress>,
    pub(crate) seq: u32,
    /// Bytes sealed since the keys were taken into use.
    pub(crate) sealed: u64,
}

impl Sealer {
    pub(crate) fn rekey(&mut self, keys: Keys, compressed: bool) {
        self.keys = Some(keys);
        self.deflate = compressed.then(|| Compress::new(Compression::default(), true));
        self.sealed = 0;
    }

    pub(crate) fn compress(&mut self) {
        self.deflate.get_or_insert_with(|| Compress::new(Compression::default(), true));
    }

    /// Appends the packet of `payload` to `out`.
    pub(crate) fn seal(&mut self, payload: &[u8], rng: &mut impl Rng, out: &mut Vec<u8>) {
        let deflated = self.deflate.as_mut().map(|deflate| deflated(deflate, payload));
        let payload = deflated.as_deref().unwrap_or(payload);
        let block = self.keys.as_ref().map_or(8, |keys| keys.alg.block());
        let counted = 5 + payload.len() - if self.keys.as_ref().is_some_and(Keys::aad) { 4 } else { 0 };
        let mut padding = block - counted % block;
        if padding < 4 {
            padding += block;
        }
        let mut length = u32::try_from(1 + payload.len() + padding).unwrap_or(u32::MAX).to_be_bytes();
        let mut body = Vec::with_capacity(1 + payload.len() + padding);
        body.push(u8::try_from(padding).unwrap_or(u8::MAX));
        body.extend_from_slice(payload);
        body.resize(1 + payload.len() + padding, 0);
        // OpenSSH pads with zeros as long as it does not encrypt.
        if let (Some(_), Some(tail)) = (&self.keys, body.get_mut(1 + payload.len()..)) {
            rng.fill_bytes(tail);
        }
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        self.sealed += 4 + body.len() as u64;
        let tag = self.keys.as_mut().and_then(|keys| encrypt(keys, seq, &mut length, &mut body));
        out.extend_from_slice(&length);
        out.extend_from_slice(&body);
        out.extend_from_slice(&tag.unwrap_or_default());
    }
}

fn encrypt(keys: &mut Keys, seq: u32, length: &mut [u8; 4], body: &mut [u8]) -> Option<Vec<u8>> {
    match &mut keys.cipher {
        Cipher::Aead(aead) => Aead::seal(aead, seq, length, body).map(Vec::from),
        Cipher::Ctr(stream) => {
            let mac = keys.mac.as_ref()?;
            if mac.alg.etm {
                stream.apply_keystream(body);
                return Some(mac.tag(seq, &[length, body]));
            }
            let tag = mac.tag(seq, &[length, body]);
            stream.apply_keystream(length);
            stream.apply_keystream(body);
            Some(tag)
        }
    }
}

fn deflated(deflate: &mut Compress, mut input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() + 64);
    let mut chunk = [0; 4096];
    loop {
        let (before_in, before_out) = (deflate.total_in(), deflate.total_out());
        let status = deflate.compress(input, &mut chunk, FlushCompress::Partial);
        let taken = usize::try_from(deflate.total_in() - before_in).unwrap_or(usize::MAX);
        let made = usize::try_from(deflate.total_out() - before_out).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        out.extend_from_slice(chunk.get(..made).unwrap_or_default());
        if status.is_err() || input.is_empty() && made < chunk.len() {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mac::MacAlg;
    use crate::profile::Profile;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn keys(cipher: &str, mac: &str) -> Keys {
        let alg = CipherAlg::named(cipher).unwrap();
        let key: Vec<u8> = (0..64).collect();
        let mac = MacAlg::named(mac).unwrap();
        Keys {
            alg,
            cipher: alg.keyed(&key[..alg.key_len()], &key[..alg.iv_len()]).unwrap(),
            mac: (!alg.is_aead()).then(|| mac.keyed(&key[..mac.key_len()]).unwrap()),
        }
    }

    /// Every cipher with every MAC, with and without compression, cut into every small chunk.
    #[test]
    fn what_is_sealed_opens_however_it_is_cut() {
        let profile = Profile::openssh_9_2_debian_12();
        let mut rng = ChaCha20Rng::from_seed([9; 32]);
        for cipher in &profile.ciphers {
            for mac in &profile.macs {
                for compressed in [false, true] {
                    let mut sealer = Sealer::default();
                    sealer.rekey(keys(cipher, mac), compressed);
                    let payloads = [vec![5], vec![], vec![7; 3000], (0..200).collect::<Vec<u8>>()];
                    let mut wire = Vec::new();
                    payloads.iter().for_each(|p| sealer.seal(p, &mut rng, &mut wire));
                    let size = 1 + wire.len() % 8;
                    let mut opener = Opener::default();
                    opener.rekey(keys(cipher, mac), compressed);
                    let mut got = Vec::new();
                    for piece in wire.chunks(size) {
                        opener.push(piece);
                        while let Some(payload) = opener.open().unwrap() {
                            got.push(payload);
                        }
                    }
                    assert_eq!(got, payloads, "{cipher} {mac} {compressed}");
                    // One flipped bit in the body is noticed.
                    let mut broken = Opener::default();
                    broken.rekey(keys(cipher, mac), compressed);
                    wire[9] ^= 1;
                    broken.push(&wire);
                    assert_eq!(broken.open(), Err(PacketError::Mac), "{cipher} {mac}");
                }
            }
        }
    }

    #[test]
    fn lengths_are_judged_as_openssh_does() {
        let open = |bytes: &[u8]| {
            let mut opener = Opener::default();
            opener.push(bytes);
            opener.open()
        };
        assert_eq!(open(&[0; 7]), Ok(None), "a block is needed");
        assert_eq!(open(&[0; 8]), Err(PacketError::Length(0)));
        assert_eq!(open(&[0, 4, 0, 1, 0, 0, 0, 0]), Err(PacketError::Length(262_145)));
        assert_eq!(open(&[0, 0, 0, 13, 0, 0, 0, 0]), Err(PacketError::Alignment(13)));
        assert_eq!(open(&[0, 0, 0, 12, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(PacketError::Padding(3)));
        assert_eq!(open(&[0, 0, 0, 12, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(PacketError::Padding(12)));
        assert_eq!(open(&[0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(Some(vec![])));
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let mut deflate = Compress::new(Compression::best(), true);
        let bomb = deflated(&mut deflate, &vec![0; 10 << 20]);
        assert!(bomb.len() < 64 << 10);
        assert_eq!(inflated(&mut Decompress::new(true), &bomb), Err(PacketError::Compression));
        assert_eq!(inflated(&mut Decompress::new(true), b"no zlib"), Err(PacketError::Compression));
    }
}
