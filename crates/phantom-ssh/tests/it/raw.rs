//! A client of our own that says whatever it is told, well formed or not, with or without keys.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{KeyInit, Mac};
use sha2::{Digest, Sha256};

type Ctr = ctr::Ctr128BE<aes::Aes128>;
type HmacSha256 = hmac::Hmac<Sha256>;

pub(crate) const VERSION: &[u8] = b"SSH-2.0-probe";
/// curve25519-sha256, ssh-ed25519, aes128-ctr and hmac-sha2-256: what the keyed probes speak.
pub(crate) const LISTS: [&str; 4] = ["curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha2-256"];

struct Direction {
    cipher: Ctr,
    mac: Vec<u8>,
}

pub(crate) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Length of a packet whose first block is decrypted.
    pending: Option<usize>,
    out: Option<Direction>,
    inward: Option<Direction>,
    sent: u32,
    received: u32,
    pub(crate) closed: bool,
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

pub(crate) fn kexinit(lists: [&str; 4]) -> Vec<u8> {
    let mut payload = vec![20; 17];
    let [kex, key, cipher, mac] = lists;
    for list in [kex, key, cipher, cipher, mac, mac, "none", "none", "", ""] {
        payload.extend(string(list.as_bytes()));
    }
    payload.extend([0; 5]);
    payload
}

/// Binary packet without a MAC; `block` is the cipher's.
pub(crate) fn packet(payload: &[u8], block: usize) -> Vec<u8> {
    let mut padding = block - (5 + payload.len()) % block;
    if padding < 4 {
        padding += block;
    }
    let mut out = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
    out.push(padding as u8);
    out.extend(payload);
    out.extend(vec![0; padding]);
    out
}

fn mpint(bytes: &[u8]) -> Vec<u8> {
    let from = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
    let mut number = bytes[from..].to_vec();
    if number.first().is_some_and(|b| b & 0x80 != 0) {
        number.insert(0, 0);
    }
    string(&number)
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
            pending: None,
            out: None,
            inward: None,
            sent: 0,
            received: 0,
            closed: false,
        }
    }

    /// Bytes as they are; what a closed peer does not take is lost.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// A payload in a packet of the state we are in.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let block = if self.out.is_some() { 16 } else { 8 };
        let mut wire = packet(payload, block);
        if let Some(out) = &mut self.out {
            let mut mac = HmacSha256::new_from_slice(&out.mac).unwrap();
            mac.update(&self.sent.to_be_bytes());
            mac.update(&wire);
            out.cipher.apply_keystream(&mut wire);
            wire.extend(mac.finalize().into_bytes());
        }
        self.sent = self.sent.wrapping_add(1);
        self.bytes(&wire);
    }

    /// Reads more, for at most this long; whether something came.
    fn more(&mut self, patience: Duration) -> bool {
        let mut chunk = [0; 65536];
        self.stream.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).unwrap();
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                return false;
            }
            Err(_) => self.closed = true,
        }
        true
    }

    /// A line up to `\n`, or what came before the end.
    pub(crate) fn line(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + patience;
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                return Some(self.buffer.drain(..=at).collect());
            }
            if self.closed || Instant::now() >= until {
                return (!self.buffer.is_empty()).then(|| std::mem::take(&mut self.buffer));
            }
            self.more(until - Instant::now());
        }
    }

    /// Text that is no packet: read until quiet or closed, and written down.
    pub(crate) fn plain(&mut self, told: &mut String, quiet: Duration) {
        while !self.closed && self.more(quiet) {}
        // A packet begins with a length below 2^18, so with a zero.
        if self.buffer.first().is_some_and(|byte| *byte != 0) {
            told.push_str(&format!("{}\n", std::mem::take(&mut self.buffer).trim_ascii_end().escape_ascii()));
        }
    }

    /// The next payload; none once it has been quiet for so long, or closed.
    pub(crate) fn payload(&mut self, quiet: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + quiet;
        loop {
            if let Some(payload) = self.take() {
                return Some(payload);
            }
            let now = Instant::now();
            if self.closed || now >= until {
                return None;
            }
            self.more(until - now);
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let (block, mac) = if self.inward.is_some() { (16, 32) } else { (8, 0) };
        if self.pending.is_none() {
            let head = self.buffer.get_mut(..block)?;
            if let Some(inward) = &mut self.inward {
                inward.cipher.apply_keystream(head);
            }
            self.pending = Some(u32::from_be_bytes(head[..4].try_into().unwrap()) as usize + 4);
        }
        let length = self.pending?;
        if self.buffer.len() < length + mac {
            return None;
        }
        self.pending = None;
        let mut wire: Vec<u8> = self.buffer.drain(..length + mac).collect();
        let tag = wire.split_off(length);
        if let Some(inward) = &mut self.inward {
            inward.cipher.apply_keystream(&mut wire[block..]);
            let mut mac = HmacSha256::new_from_slice(&inward.mac).unwrap();
            mac.update(&self.received.to_be_bytes());
            mac.update(&wire);
            mac.verify_slice(&tag).expect("the server's MAC is right");
        }
        self.received = self.received.wrapping_add(1);
        let padding = usize::from(wire[4]);
        Some(wire[5..length - padding].to_vec())
    }

    /// Versions and both KEXINITs; the two payloads that the exchange hash wants.
    pub(crate) fn greet(&mut self, lists: [&str; 4]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let patience = Duration::from_secs(10);
        self.bytes(&[VERSION, b"\r\n"].concat());
        let version = self.line(patience).expect("a version");
        let theirs = self.payload(patience).expect("KEXINIT");
        let ours = kexinit(lists);
        self.send(&ours);
        (version.trim_ascii_end().to_vec(), theirs, ours)
    }

    /// Through to new keys in both directions.
    pub(crate) fn keyed(&mut self) {
        let patience = Duration::from_secs(10);
        let (version, theirs, ours) = self.greet(LISTS);
        let secret = [7; 32];
        let public = x25519_dalek::x25519(secret, x25519_dalek::X25519_BASEPOINT_BYTES);
        self.send(&[&[30][..], &string(&public)].concat());
        let reply = self.payload(patience).expect("KEX_ECDH_REPLY");
        let mut fields = phantom_ssh::Reader::new(&reply[1..]);
        let host_key = fields.string().unwrap().to_vec();
        let their_public = fields.string().unwrap().to_vec();
        let point: [u8; 32] = their_public.as_slice().try_into().unwrap();
        let shared = mpint(&x25519_dalek::x25519(secret, point));
        let mut hash = Sha256::new();
        for part in [VERSION, &version, &ours, &theirs, &host_key, &public, &their_public] {
            hash.update(string(part));
        }
        hash.update(&shared);
        let hash = hash.finalize();
        let derive = |letter: u8| {
            let mut key = Sha256::new();
            key.update(&shared);
            key.update(hash);
            key.update([letter]);
            key.update(hash);
            key.finalize()
        };
        let direction = |iv: u8, key: u8, mac: u8| Direction {
            cipher: Ctr::new_from_slices(&derive(key)[..16], &derive(iv)[..16]).unwrap(),
            mac: derive(mac).to_vec(),
        };
        assert_eq!(self.payload(patience).expect("NEWKEYS"), [21]);
        self.send(&[21]);
        self.out = Some(direction(b'A', b'C', b'E'));
        self.inward = Some(direction(b'B', b'D', b'F'));
    }

    /// The authentication service, asked for and granted.
    pub(crate) fn service(&mut self) {
        self.keyed();
        self.send(&[&[5][..], &string(b"ssh-userauth")].concat());
        while self.payload(Duration::from_secs(10)).expect("SERVICE_ACCEPT")[0] != 6 {}
    }

    /// Logged in as root with the password `right`.
    pub(crate) fn login(&mut self) {
        self.service();
        self.send(&password(b"root", b"right"));
        while self.payload(Duration::from_secs(20)).expect("USERAUTH_SUCCESS")[0] != 52 {}
        // What a server says of itself after a login, up to its silence.
        while self.payload(Duration::from_millis(1000)).is_some() {}
    }

    /// A session channel with the number 0 on both sides.
    pub(crate) fn session(&mut self) {
        self.login();
        self.send(&open(b"session", 0));
        while self.payload(Duration::from_secs(10)).expect("CHANNEL_OPEN_CONFIRMATION")[0] != 91 {}
    }
}

pub(crate) fn auth(user: &[u8], service: &[u8], method: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[50][..], &string(user), &string(service), &string(method), rest].concat()
}

pub(crate) fn password(user: &[u8], password: &[u8]) -> Vec<u8> {
    auth(user, b"ssh-connection", b"password", &[&[0][..], &string(password)].concat())
}

pub(crate) fn open(kind: &[u8], number: u32) -> Vec<u8> {
    [&[90][..], &string(kind), &number.to_be_bytes(), &[0, 0x20, 0, 0], &[0, 0, 0x80, 0]].concat()
}

pub(crate) fn request(channel: u32, name: &[u8], reply: bool, rest: &[u8]) -> Vec<u8> {
    [&[98][..], &channel.to_be_bytes(), &string(name), &[u8::from(reply)], rest].concat()
}

pub(crate) fn global(name: &[u8], reply: bool, rest: &[u8]) -> Vec<u8> {
    [&[80][..], &string(name), &[u8::from(reply)], rest].concat()
}
