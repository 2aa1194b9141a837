//! The connection as a state machine.

mod auth;
mod channel;
mod connection;
pub(crate) mod fuzzing;
mod transport;

use std::collections::VecDeque;
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::event::{AuthAttempt, Event};
use crate::keys::HostKeys;
use crate::packet::{Opener, PacketError, Sealer};
use crate::profile::Profile;
use crate::wire::{Put, Reader, message, msg};
use auth::{AuthState, Pending};
use channel::Channel;
use transport::Kex;

/// What all connections of a server share.
pub struct Config {
    /// Its face.
    pub profile: Profile,
    /// Its host keys.
    pub keys: HostKeys,
    /// Authentication methods offered, in order: `publickey`, `password`, `keyboard-interactive`.
    pub auth_methods: Vec<&'static str>,
    /// Failures before the connection ends (`MaxAuthTries`, 6 in OpenSSH).
    pub max_auth_tries: u32,
    /// Session channels at once (`MaxSessions`, 10 in OpenSSH).
    pub max_sessions: usize,
    /// Start a new key exchange after so many bytes either way. OpenSSH without `RekeyLimit` takes 1 GiB with
    /// ChaCha20 and 64 GiB with AES; here one limit serves all.
    pub rekey_bytes: u64,
}

impl Config {
    /// Debian 12's OpenSSH with its shipped `sshd_config`.
    pub fn debian_12(keys: HostKeys) -> Self {
        Self {
            profile: Profile::openssh_9_2_debian_12(),
            keys,
            auth_methods: vec!["publickey", "password"],
            max_auth_tries: 6,
            max_sessions: 10,
            rekey_bytes: 1 << 30,
        }
    }
}

/// Bytes a program may have waiting for the peer's window, on each channel.
pub const CHANNEL_BUFFER: usize = 1 << 20;

/// Bytes of unsolicited answers (to pings, requests and refused channels) waiting for [`Server::take_output`]
/// beyond which no further input is processed.
const OUTPUT_PAUSE: usize = 4 << 20;

/// Messages held back while keys are exchanged; a peer that exchanges no keys and goes on asking is cut off.
const MAX_HELD: usize = 8 << 20;

/// One connection: bytes in with [`Server::input`], deeds out with [`Server::next_event`], bytes out with
/// [`Server::take_output`].
pub struct Server {
    config: Arc<Config>,
    rng: ChaCha20Rng,
    opener: Opener,
    sealer: Sealer,
    output: Vec<u8>,
    events: VecDeque<Event>,
    /// The client's identification, once it has come.
    client_version: Option<Vec<u8>>,
    kex: Kex,
    auth: AuthState,
    channels: Vec<Option<Channel>>,
    no_more_sessions: bool,
    /// The channel whose program is asked for, and whether an answer is wanted.
    starting: Option<(u32, bool)>,
    closed: bool,
}

impl Server {
    /// A connection with its own randomness; nothing is sent before [`Server::start`].
    pub fn new(config: Arc<Config>, seed: [u8; 32]) -> Self {
        Self {
            config,
            rng: ChaCha20Rng::from_seed(seed),
            opener: Opener::default(),
            sealer: Sealer::default(),
            output: Vec::new(),
            events: VecDeque::new(),
            client_version: None,
            kex: Kex::default(),
            auth: AuthState::default(),
            channels: Vec::new(),
            no_more_sessions: false,
            starting: None,
            closed: false,
        }
    }

    /// Greets.
    pub fn start(&mut self) {
        self.output.extend_from_slice(self.config.profile.banner.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Takes bytes from the peer. Call [`Server::next_event`] until it returns `None` before giving it more.
    pub fn input(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.opener.push(bytes);
        }
    }

    /// The next thing the peer did. `None`: more input, an answer or [`Server::take_output`] is needed.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.take_event() {
                return Some(event);
            }
            if !self.step() {
                return None;
            }
        }
    }

    /// Something the peer did that has already been processed. With [`Server::step`] the finer form of
    /// [`Server::next_event`]: what is to be sent after one step answers the events of that step, so that a
    /// caller who records before it sends does the same however the input was cut.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Processes one line or packet. `false` when there is none, or nothing may be processed now.
    pub fn step(&mut self) -> bool {
        !self.closed && !self.is_waiting() && self.output.len() <= OUTPUT_PAUSE && self.advance()
    }

    /// Whether [`Server::auth_reply`] or [`Server::start_reply`] is due.
    pub fn is_waiting(&self) -> bool {
        self.auth.pending.is_some() || self.starting.is_some()
    }

    /// Whether the peer has proved who it is, or was believed to.
    pub fn is_authenticated(&self) -> bool {
        self.auth.done
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether the connection is over: close it once the output is sent.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Ends the connection with a DISCONNECT of reason 2, as OpenSSH's `ssh_packet_disconnect` does.
    pub fn disconnect(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut payload = message(msg::DISCONNECT);
        payload.put_u32(2);
        payload.put_string(text.as_bytes());
        payload.put_string(b"");
        self.seal(&payload);
        self.close();
    }

    /// Processes one line or packet; `false` when there is none.
    fn advance(&mut self) -> bool {
        if self.client_version.is_none() {
            return self.read_version();
        }
        match self.opener.open() {
            Ok(None) => false,
            Ok(Some(payload)) => {
                let seq = self.opener.seq.wrapping_sub(1);
                self.count_received(payload.len());
                match self.dispatch(&payload, seq) {
                    Some(()) => self.rekey_if_due(),
                    None => self.close(),
                }
                true
            }
            Err(error) => {
                self.odd("corrupt_packet", error.to_string().as_bytes());
                if let PacketError::Padding(length @ 0..4) = error {
                    self.disconnect(&format!("Corrupted padlen {length} on input."));
                }
                self.close();
                true
            }
        }
    }

    /// `None`: malformed, so the connection ends silently, as OpenSSH's `sshpkt_fatal` leaves nothing sent.
    fn dispatch(&mut self, payload: &[u8], seq: u32) -> Option<()> {
        let (kind, _) = payload.split_first()?;
        let mut body = Reader::new(payload);
        body.u8()?;
        if !(1..192).contains(kind) {
            self.odd("invalid_packet_type", &[*kind]);
            self.disconnect(&format!("Invalid ssh2 packet type: {kind}"));
            return Some(());
        }
        if *kind == msg::DISCONNECT {
            let (reason, text) = (body.u32()?, body.string()?.to_vec());
            self.events.push_back(Event::Disconnected { reason, text });
            self.close();
            return Some(());
        }
        if self.kex.skip_next && *kind >= msg::KEX_INIT {
            self.kex.skip_next = false;
            return Some(());
        }
        match *kind {
            msg::IGNORE | msg::DEBUG | msg::UNIMPLEMENTED if !self.kex.is_strict_now() => Some(()),
            // OpenSSH forgets its handler of key exchanges when authentication begins, up to its end.
            msg::KEXINIT if self.kex.is_first() || self.auth.done => self.on_kexinit(payload, seq),
            1..50 if self.kex.running() => self.on_kex(*kind, body, seq),
            _ if self.kex.is_first() => {
                // OpenSSH has no handler at all for what comes after the transport layer's numbers.
                if *kind >= 50 {
                    self.odd("message_before_keys", &[*kind]);
                    return None;
                }
                self.unimplemented(*kind, seq)
            }
            _ if !self.auth.done => self.on_auth(*kind, body, seq),
            _ => self.on_connection(*kind, body, seq),
        }
    }

    fn unimplemented(&mut self, kind: u8, seq: u32) -> Option<()> {
        self.odd("unexpected_message", &[kind]);
        if self.kex.is_strict_now() {
            self.disconnect(&format!("strict KEX violation: unexpected packet type {kind} (seqnr {seq})"));
            return Some(());
        }
        let mut payload = message(msg::UNIMPLEMENTED);
        payload.put_u32(seq);
        self.send(&payload);
        Some(())
    }

    /// Sends, or holds back while keys are exchanged.
    fn send(&mut self, payload: &[u8]) {
        if self.kex.held.is_some() && payload.first().is_none_or(|kind| *kind >= 50) {
            self.kex.held_bytes += payload.len();
            if self.kex.held_bytes > MAX_HELD {
                self.close();
            } else if let Some(held) = &mut self.kex.held {
                held.push(payload.to_vec());
            }
            return;
        }
        self.seal(payload);
        self.rekey_if_due();
    }

    fn seal(&mut self, payload: &[u8]) {
        if !self.closed {
            self.sealer.seal(payload, &mut self.rng, &mut self.output);
        }
    }

    fn odd(&mut self, name: &'static str, value: &[u8]) {
        let value = value.get(..1024).unwrap_or(value).to_vec();
        self.events.push_back(Event::Oddity { name, value });
    }

    fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.auth.pending = None;
        self.starting = None;
        self.opener.clear();
        for (channel, slot) in self.channels.iter_mut().enumerate() {
            if slot.take().is_some() {
                self.events.push_back(Event::Closed { channel: u32::try_from(channel).unwrap_or(u32::MAX) });
            }
        }
    }

    fn attempt(&mut self, pending: Pending, attempt: AuthAttempt) {
        self.auth.pending = Some(pending);
        self.events.push_back(Event::Auth(attempt));
    }
}
