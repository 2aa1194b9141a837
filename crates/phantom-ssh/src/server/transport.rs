//! Identification strings, key exchange and new keys.

use md5::{Digest, Md5};

use super::Server;
use crate::crypto::cipher::CipherAlg;
use crate::crypto::hash::Hash;
use crate::crypto::kex::{Group, KexAlg};
use crate::crypto::mac::MacAlg;
use crate::event::Event;
use crate::packet::Keys;
use crate::wire::{Put, Reader, message, msg};

/// Longest identification line, as OpenSSH's `SSH_MAX_BANNER_LEN`, in bytes.
const MAX_VERSION: usize = 8192;

const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
const EXT_INFO_CLIENT: &str = "ext-info-c";

/// The state of key exchange.
#[derive(Default)]
pub(super) struct Kex {
    ours: Option<Vec<u8>>,
    theirs: Option<Vec<u8>>,
    chosen: Option<Chosen>,
    group: Option<(Group, [u8; 12])>,
    /// Keys for what the client sends after its NEWKEYS.
    incoming: Option<(Keys, bool)>,
    pub(super) session: Option<Vec<u8>>,
    strict: bool,
    client_extensions: bool,
    /// The client guessed wrongly: its next packet is to be ignored (RFC 4253 section 7).
    pub(super) skip_next: bool,
    /// What waits for our NEWKEYS.
    pub(super) held: Option<Vec<Vec<u8>>>,
    pub(super) held_bytes: usize,
    received: u64,
    done_once: bool,
}

struct Chosen {
    kex: KexAlg,
    host_key: (usize, &'static str),
    ciphers: [CipherAlg; 2],
    macs: [Option<MacAlg>; 2],
    compressed: [bool; 2],
}

impl Kex {
    /// No key exchange has been completed yet.
    pub(super) fn is_first(&self) -> bool {
        !self.done_once
    }

    /// Strict key exchange is agreed and this is the first one: no other message may come.
    pub(super) fn is_strict_now(&self) -> bool {
        self.strict && self.is_first()
    }

    /// Proposals have been exchanged, keys not yet.
    pub(super) fn running(&self) -> bool {
        self.chosen.is_some() || self.incoming.is_some()
    }
}

impl Server {
    /// Reads the client's identification as OpenSSH's `kex_exchange_identification` does, byte by byte.
    pub(super) fn read_version(&mut self) -> bool {
        let unread = self.opener.unread();
        let mut line = Vec::new();
        let mut expect_newline = false;
        let mut ended = None;
        let mut invalid = false;
        for (index, byte) in unread.iter().enumerate() {
            match byte {
                b'\r' => expect_newline = true,
                b'\n' => {
                    ended = Some(index + 1);
                    break;
                }
                0 => invalid = true,
                _ if expect_newline => invalid = true,
                byte => line.push(*byte),
            }
            if invalid || line.len() > MAX_VERSION {
                invalid = true;
                break;
            }
        }
        if invalid {
            self.refuse_version(&line, "Invalid SSH identification string.\r\n");
            return true;
        }
        let Some(used) = ended else { return false };
        self.opener.skip(used);
        match version(&line) {
            Some(2) => {}
            Some(1) if line.starts_with(b"SSH-1.99-") => {}
            Some(_) => {
                self.refuse_version(&line, "Protocol major versions differ.\r\n");
                return true;
            }
            None => {
                self.refuse_version(&line, "Invalid SSH identification string.\r\n");
                return true;
            }
        }
        self.events.push_back(Event::ClientVersion(line.clone()));
        if is_scanner(&line) {
            self.close();
            return true;
        }
        self.client_version = Some(line);
        self.send_kexinit();
        true
    }

    fn refuse_version(&mut self, line: &[u8], answer: &str) {
        self.odd("invalid_version", line);
        self.output.extend_from_slice(answer.as_bytes());
        self.close();
    }

    fn send_kexinit(&mut self) {
        let mut payload = message(msg::KEXINIT);
        let mut cookie = [0; 16];
        rand_core::Rng::fill_bytes(&mut self.rng, &mut cookie);
        payload.extend_from_slice(&cookie);
        let profile = &self.config.profile;
        let keys = &self.config.keys;
        let host_keys: Vec<&str> =
            profile.host_keys.iter().copied().filter(|name| keys.for_algorithm(name).is_some()).collect();
        let lists: [&[&str]; 8] = [
            &profile.kex,
            &host_keys,
            &profile.ciphers,
            &profile.ciphers,
            &profile.macs,
            &profile.macs,
            &profile.compression,
            &profile.compression,
        ];
        for list in lists {
            payload.put_string(list.join(",").as_bytes());
        }
        payload.put_string(b"");
        payload.put_string(b"");
        payload.put_bool(false);
        payload.put_u32(0);
        self.seal(&payload);
        self.kex.ours = Some(payload);
        self.kex.held.get_or_insert_default();
    }

    /// Starts a key exchange when enough has gone over the wire with the same keys.
    pub(super) fn rekey_if_due(&mut self) {
        let limit = self.config.rekey_bytes;
        let due = self.sealer.sealed > limit || self.kex.received > limit;
        if due && self.auth.done && self.kex.ours.is_none() && !self.kex.running() {
            self.kex.received = 0;
            self.send_kexinit();
        }
    }

    pub(super) fn count_received(&mut self, bytes: usize) {
        self.kex.received += bytes as u64;
    }

    pub(super) fn on_kexinit(&mut self, payload: &[u8], seq: u32) -> Option<()> {
        if self.kex.running() {
            return self.unimplemented(msg::KEXINIT, seq);
        }
        if self.kex.ours.is_none() {
            self.send_kexinit();
        }
        let proposal = Proposal::parse(payload)?;
        let first = self.kex.is_first();
        if first {
            let algorithms = proposal.hassh();
            let hassh = Md5::digest(&algorithms).iter().map(|b| format!("{b:02x}")).collect();
            self.events.push_back(Event::ClientKexInit { hassh, algorithms });
            self.kex.client_extensions = proposal.offers(0, EXT_INFO_CLIENT);
            self.kex.strict = proposal.offers(0, STRICT_CLIENT)
                && self.config.profile.kex.contains(&"kex-strict-s-v00@openssh.com");
            if self.kex.strict && seq != 0 {
                self.disconnect("strict KEX violation: KEXINIT was not the first packet");
                return Some(());
            }
        }
        let Some(chosen) = self.choose(&proposal) else {
            self.odd("no_common_algorithm", b"");
            return None;
        };
        let profile = &self.config.profile;
        let right = proposal.first(0) == profile.kex.first().map(|name| name.as_bytes())
            && proposal.first(1) == profile.host_keys.first().map(|name| name.as_bytes());
        self.kex.skip_next = proposal.guessed && !right;
        self.kex.chosen = Some(chosen);
        self.kex.theirs = Some(payload.to_vec());
        Some(())
    }

    fn choose(&self, proposal: &Proposal<'_>) -> Option<Chosen> {
        let profile = &self.config.profile;
        let kex = proposal.choose(0, &profile.kex, KexAlg::named)?;
        let host_key = proposal.choose(1, &profile.host_keys, |name| {
            let name = profile.host_keys.iter().find(|known| **known == name)?;
            Some((self.config.keys.for_algorithm(name)?, *name))
        })?;
        let cipher = |list| proposal.choose(list, &profile.ciphers, CipherAlg::named);
        let ciphers = [cipher(2)?, cipher(3)?];
        let mac = |list, cipher: CipherAlg| match cipher.is_aead() {
            true => Some(None),
            false => proposal.choose(list, &profile.macs, MacAlg::named).map(Some),
        };
        let macs = [mac(4, ciphers[0])?, mac(5, ciphers[1])?];
        let compression = |list| proposal.choose(list, &profile.compression, |name| Some(name != "none"));
        let compressed = [compression(6)?, compression(7)?];
        Some(Chosen { kex, host_key, ciphers, macs, compressed })
    }

    pub(super) fn on_kex(&mut self, kind: u8, mut body: Reader<'_>, seq: u32) -> Option<()> {
        if kind == msg::NEWKEYS {
            let Some((keys, compressed)) = self.kex.incoming.take() else {
                return self.unimplemented(kind, seq);
            };
            body.end()?;
            self.opener.rekey(keys, compressed && self.auth.done);
            if self.kex.strict {
                self.opener.seq = 0;
            }
            self.kex.received = 0;
            self.kex.done_once = true;
            return Some(());
        }
        let Some(chosen) = &self.kex.chosen else { return self.unimplemented(kind, seq) };
        match (chosen.kex, kind) {
            (KexAlg::GroupExchange, msg::GEX_REQUEST) if self.kex.group.is_none() => {
                self.on_gex_request(body)
            }
            (KexAlg::GroupExchange, msg::GEX_INIT) => {
                let (group, request) = self.kex.group.take()?;
                let e = body.mpint()?.to_vec();
                body.end()?;
                let reply = group.answer(&e, &mut self.rng)?;
                let mut hashed = request.to_vec();
                hashed.put_mpint(&group.prime);
                hashed.put_mpint(&[group.generator]);
                hashed.put_mpint(&e);
                hashed.put_mpint(&reply.public);
                self.finish(msg::GEX_REPLY, &hashed, &reply.public, true, &reply.secret)
            }
            (KexAlg::GroupExchange, _) => self.unimplemented(kind, seq),
            (alg, msg::KEX_INIT) => {
                let mut hashed = Vec::new();
                let reply = match alg.group() {
                    Some(group) => {
                        let e = body.mpint()?;
                        let reply = group.answer(e, &mut self.rng)?;
                        hashed.put_mpint(e);
                        hashed.put_mpint(&reply.public);
                        reply
                    }
                    None => {
                        let theirs = body.string()?;
                        let reply = alg.answer(theirs, &mut self.rng)?;
                        hashed.put_string(theirs);
                        hashed.put_string(&reply.public);
                        reply
                    }
                };
                body.end()?;
                self.finish(msg::KEX_REPLY, &hashed, &reply.public, alg.group().is_some(), &reply.secret)
            }
            _ => self.unimplemented(kind, seq),
        }
    }

    /// RFC 4419; the bounds are those of OpenSSH's `input_kex_dh_gex_request`.
    fn on_gex_request(&mut self, mut body: Reader<'_>) -> Option<()> {
        let request: [u8; 12] = body.rest().try_into().ok()?;
        let (min, wanted, max) = (body.u32()?, body.u32()?, body.u32()?);
        let (low, high) = (min.max(2048), max.min(8192));
        let wanted = wanted.clamp(2048, 8192);
        if max < min || wanted < min || max < wanted {
            return None;
        }
        let group = Group::exchange(low, wanted, high, &mut self.rng)?;
        let mut payload = message(msg::GEX_GROUP);
        payload.put_mpint(&group.prime);
        payload.put_mpint(&[group.generator]);
        self.send(&payload);
        self.kex.group = Some((group, request));
        Some(())
    }

    /// As if a first key exchange had been completed, in the clear: for fuzzing what comes after.
    pub(super) fn assume_keys(&mut self) {
        self.client_version = Some(Vec::new());
        self.kex.session = Some(vec![0; 32]);
        self.kex.done_once = true;
    }

    /// Signs the exchange, answers and takes the new keys into use for sending.
    fn finish(&mut self, kind: u8, publics: &[u8], ours: &[u8], number: bool, secret: &[u8]) -> Option<()> {
        let chosen = self.kex.chosen.take()?;
        let (index, algorithm) = chosen.host_key;
        let host_key = self.config.keys.public(index)?;
        let mut head = Vec::new();
        head.put_string(self.client_version.as_deref()?);
        head.put_string(self.config.profile.banner.as_bytes());
        head.put_string(&self.kex.theirs.take()?);
        head.put_string(&self.kex.ours.take()?);
        head.put_string(&host_key);
        let hash = chosen.kex.hash();
        let exchange = hash.of(&[&head, publics, secret]);
        let first = self.kex.session.is_none();
        let session = self.kex.session.get_or_insert_with(|| exchange.clone()).clone();
        let signature = self.config.keys.sign(index, algorithm, &exchange)?;
        let mut payload = message(kind);
        payload.put_string(&host_key);
        if number {
            payload.put_mpint(ours);
        } else {
            payload.put_string(ours);
        }
        payload.put_string(&signature);
        self.seal(&payload);
        self.seal(&message(msg::NEWKEYS));
        let material = Material { hash, secret, exchange: &exchange, session: &session };
        let incoming = material.keys(chosen.ciphers[0], chosen.macs[0], *b"ACE")?;
        let outgoing = material.keys(chosen.ciphers[1], chosen.macs[1], *b"BDF")?;
        self.auth.compression = chosen.compressed;
        self.sealer.rekey(outgoing, chosen.compressed[1] && self.auth.done);
        if self.kex.strict {
            self.sealer.seq = 0;
        }
        self.kex.incoming = Some((incoming, chosen.compressed[0]));
        if first && self.kex.client_extensions {
            self.send_extensions();
        }
        self.kex.held_bytes = 0;
        for payload in self.kex.held.take().unwrap_or_default() {
            self.seal(&payload);
        }
        Some(())
    }

    fn send_extensions(&mut self) {
        let extensions = &self.config.profile.extensions;
        let mut payload = message(msg::EXT_INFO);
        payload.put_u32(u32::try_from(extensions.len()).unwrap_or(0));
        for (name, value) in extensions {
            payload.put_string(name.as_bytes());
            payload.put_string(value.as_bytes());
        }
        self.seal(&payload);
    }
}

/// The major version of an identification string, as `sscanf("SSH-%d.%d-%[^\n]")` finds it.
fn version(line: &[u8]) -> Option<u64> {
    fn integer(text: &[u8]) -> Option<(u64, &[u8])> {
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = text.split_at_checked(digits)?;
        Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
    }
    let (major, rest) = integer(line.strip_prefix(b"SSH-")?)?;
    let (_, rest) = integer(rest.strip_prefix(b".")?)?;
    rest.strip_prefix(b"-").filter(|software| !software.is_empty()).map(|_| major)
}

/// What OpenSSH's `compat.c` knows as probes and scanners and leaves without a word.
fn is_scanner(line: &[u8]) -> bool {
    let software = software(line);
    software.starts_with(b"Probe-") || software.windows(18).any(|part| part == b"SSH_Version_Mapper")
}

/// What follows the protocol's version in an identification string.
pub(super) fn software(line: &[u8]) -> &[u8] {
    line.splitn(3, |byte| *byte == b'-').nth(2).unwrap_or_default()
}

struct Material<'a> {
    hash: Hash,
    secret: &'a [u8],
    exchange: &'a [u8],
    session: &'a [u8],
}

impl Material<'_> {
    /// Letters: initialisation vector, cipher key, MAC key.
    fn keys(&self, alg: CipherAlg, mac: Option<MacAlg>, letters: [u8; 3]) -> Option<Keys> {
        let [iv, key, integrity] = letters;
        let derive =
            |letter, length| self.hash.derive(self.secret, self.exchange, letter, self.session, length);
        let cipher = alg.keyed(&derive(key, alg.key_len()), &derive(iv, alg.iv_len()))?;
        let mac = match mac {
            Some(mac) => Some(mac.keyed(&derive(integrity, mac.key_len()))?),
            None => None,
        };
        Some(Keys { alg, cipher, mac })
    }
}

/// A client's KEXINIT.
pub(crate) struct Proposal<'a> {
    lists: [&'a [u8]; 10],
    guessed: bool,
}

impl<'a> Proposal<'a> {
    /// Parses a whole KEXINIT payload.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut body = Reader::new(payload);
        body.take(17)?;
        let mut lists = [&[][..]; 10];
        for list in &mut lists {
            *list = body.string()?;
        }
        let guessed = body.bool()?;
        body.u32()?;
        body.end()?;
        Some(Self { lists, guessed })
    }

    fn list(&self, index: usize) -> &'a [u8] {
        self.lists.get(index).copied().unwrap_or_default()
    }

    fn names(&self, index: usize) -> impl Iterator<Item = &'a [u8]> {
        self.list(index).split(|b| *b == b',')
    }

    fn first(&self, index: usize) -> Option<&'a [u8]> {
        self.names(index).next()
    }

    fn offers(&self, index: usize, name: &str) -> bool {
        self.names(index).any(|offered| offered == name.as_bytes())
    }

    /// The first of the client's names that we offer too and can do.
    fn choose<T>(&self, index: usize, ours: &[&str], make: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.names(index)
            .filter_map(|name| std::str::from_utf8(name).ok())
            .filter(|name| ours.contains(name))
            .find_map(make)
    }

    /// What HASSH hashes.
    pub(crate) fn hassh(&self) -> Vec<u8> {
        [self.list(0), self.list(2), self.list(4), self.list(6)].join(&b';')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_sscanf_reads_them() {
        for (line, want) in [
            ("SSH-2.0-x", Some(2)),
            ("SSH-2.2-foo", Some(2)),
            ("SSH-1.5-x", Some(1)),
            ("SSH-3.0-", None),
            ("SSH-3.0-x", Some(3)),
            ("SSH-1337-x", None),
            ("SSH-", None),
            ("", None),
            ("GET / HTTP/1.1", None),
        ] {
            assert_eq!(version(line.as_bytes()), want, "{line}");
        }
    }
}
