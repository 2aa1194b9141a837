//! The connection protocol (RFC 4254): global requests, channels and their requests.

use std::net::IpAddr;

use super::Server;
use super::channel::{Channel, MAX_DATA, WINDOW};
use crate::event::{Event, Program, Size};
use crate::wire::{Put, Reader, message, msg};

/// `SSH2_OPEN_CONNECT_FAILED`, which OpenSSH answers to everything it does not open.
const CONNECT_FAILED: u32 = 2;

/// Signals that a client may send (RFC 4254 section 6.9, as far as OpenSSH knows them).
const SIGNALS: [&[u8]; 12] =
    [b"ABRT", b"ALRM", b"FPE", b"HUP", b"INT", b"KILL", b"PIPE", b"QUIT", b"SEGV", b"TERM", b"USR1", b"USR2"];

/// A request on a session channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChannelRequest<'a> {
    Pty { term: &'a [u8], size: Size },
    Env { name: &'a [u8], value: &'a [u8] },
    Start(Program),
    Resize(Size),
    Signal(&'a [u8]),
    Break,
    Agent,
    X11,
    Other,
}

impl<'a> ChannelRequest<'a> {
    /// Parses what follows `want reply`; `None` when it is malformed.
    pub(crate) fn parse(kind: &[u8], mut body: Reader<'a>) -> Option<Self> {
        let size = |body: &mut Reader<'a>| {
            let (columns, rows) = (body.u32()?, body.u32()?);
            body.take(8)?;
            Some(Size { columns, rows })
        };
        let request = match kind {
            b"pty-req" => {
                let term = body.cstring()?;
                let size = size(&mut body)?;
                body.string()?;
                Self::Pty { term, size }
            }
            b"env" => Self::Env { name: body.cstring()?, value: body.cstring()? },
            b"shell" => Self::Start(Program::Shell),
            b"exec" => Self::Start(Program::Exec(body.cstring()?.to_vec())),
            b"subsystem" => Self::Start(Program::Subsystem(body.cstring()?.to_vec())),
            b"window-change" => Self::Resize(size(&mut body)?),
            b"signal" => Self::Signal(body.cstring()?),
            b"break" => {
                body.u32()?;
                Self::Break
            }
            b"auth-agent-req@openssh.com" => Self::Agent,
            b"x11-req" => {
                body.bool()?;
                body.string()?;
                body.string()?;
                body.u32()?;
                Self::X11
            }
            _ => return Some(Self::Other),
        };
        body.end()?;
        Some(request)
    }
}

impl Server {
    /// Answers the [`Event::Start`] that was returned last. Does nothing when none waits.
    pub fn start_reply(&mut self, accept: bool) {
        let Some((channel, wanted)) = self.starting.take() else { return };
        let Some(c) = self.channel_mut(channel) else { return };
        let peer = c.peer;
        if accept {
            c.open = true;
            c.local_window += WINDOW;
            let mut payload = message(msg::CHANNEL_WINDOW_ADJUST);
            payload.put_u32(peer);
            payload.put_u32(WINDOW);
            self.send(&payload);
        }
        if wanted {
            self.send_simple(if accept { msg::CHANNEL_SUCCESS } else { msg::CHANNEL_FAILURE }, peer);
        }
    }

    /// What OpenSSH sends right after authentication: all host keys, so that clients may learn them.
    pub(super) fn announce_host_keys(&mut self) {
        let mut payload = message(msg::GLOBAL_REQUEST);
        payload.put_string(b"hostkeys-00@openssh.com");
        payload.put_bool(false);
        for blob in self.config.keys.public_blobs() {
            payload.put_string(&blob);
        }
        self.send(&payload);
    }

    pub(super) fn on_connection(&mut self, kind: u8, mut body: Reader<'_>, seq: u32) -> Option<()> {
        match kind {
            msg::GLOBAL_REQUEST => return self.on_global(body),
            msg::CHANNEL_OPEN => return self.on_open(body),
            msg::REQUEST_SUCCESS | msg::REQUEST_FAILURE => return Some(()),
            msg::CHANNEL_OPEN_CONFIRMATION..=msg::CHANNEL_FAILURE => {}
            _ => return self.unimplemented(kind, seq),
        }
        let channel = body.u32()?;
        if self.channel(channel).is_none() {
            self.odd("unknown_channel", &channel.to_be_bytes());
            let told = match kind {
                msg::CHANNEL_WINDOW_ADJUST | msg::CHANNEL_SUCCESS | msg::CHANNEL_FAILURE => return Some(()),
                msg::CHANNEL_REQUEST => format!("server_input_channel_req: unknown channel {channel}"),
                _ => format!("{} packet referred to nonexistent channel {channel}", name(kind)),
            };
            self.disconnect(&told);
            return Some(());
        }
        match kind {
            msg::CHANNEL_WINDOW_ADJUST => {
                let amount = body.u32()?;
                body.end()?;
                let c = self.channel_mut(channel)?;
                let Some(window) = c.remote_window.checked_add(amount) else {
                    // OpenSSH's `fatal`: no word to the peer.
                    self.odd("window_overflow", &amount.to_be_bytes());
                    return None;
                };
                c.remote_window = window;
                self.pump(channel);
            }
            msg::CHANNEL_DATA => {
                let bytes = body.string()?;
                body.end()?;
                self.on_data(channel, bytes, true);
            }
            msg::CHANNEL_EXTENDED_DATA => {
                // A server has no use for it; it still takes room in the window.
                body.u32()?;
                let bytes = body.string()?;
                body.end()?;
                self.on_data(channel, bytes, false);
            }
            msg::CHANNEL_EOF => {
                body.end()?;
                let c = self.channel_mut(channel)?;
                let news = c.takes_input();
                c.eof_received = true;
                if news {
                    self.events.push_back(Event::Eof { channel });
                }
            }
            msg::CHANNEL_CLOSE => {
                body.end()?;
                self.on_close(channel);
            }
            msg::CHANNEL_REQUEST => return self.on_channel_request(channel, body),
            _ => {
                self.odd("unexpected_message", &[kind]);
            }
        }
        Some(())
    }

    fn on_data(&mut self, channel: u32, bytes: &[u8], wanted: bool) {
        let Some(c) = self.channel_mut(channel) else { return };
        if !c.open || bytes.is_empty() {
            return;
        }
        if wanted && bytes.len() > MAX_DATA as usize {
            // OpenSSH drops what is larger than it said it takes, and says nothing.
            self.odd("large_packet", b"");
            return;
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if length > c.local_window {
            c.exceeded = c.exceeded.saturating_add(length - c.local_window);
            c.local_window = 0;
            // OpenSSH allows a tenth of grace before it ends the connection.
            if c.exceeded > WINDOW / 10 {
                self.disconnect(&format!("channel {channel}: peer ignored channel window"));
                return;
            }
        } else {
            c.local_window -= length;
            c.exceeded = 0;
        }
        c.consumed = c.consumed.saturating_add(length).min(WINDOW - c.local_window);
        let (news, peer, adjust) = (c.takes_input() && wanted, c.peer, c.replenish());
        if let Some(amount) = adjust {
            let mut payload = message(msg::CHANNEL_WINDOW_ADJUST);
            payload.put_u32(peer);
            payload.put_u32(amount);
            self.send(&payload);
        }
        if news {
            self.events.push_back(Event::Data { channel, bytes: bytes.to_vec() });
        }
    }

    fn on_open(&mut self, mut body: Reader<'_>) -> Option<()> {
        let kind = body.cstring()?;
        let (peer, remote_window, remote_max) = (body.u32()?, body.u32()?, body.u32()?);
        match kind {
            b"session" => {
                body.end()?;
                if self.no_more_sessions {
                    self.disconnect(
                        "Possible attack: attempt to open a session after additional sessions disabled",
                    );
                    return Some(());
                }
                if self.channels.iter().flatten().count() >= self.config.max_sessions {
                    self.odd("too_many_sessions", b"");
                    self.refuse(peer, "open failed");
                    return Some(());
                }
                let c = Channel::new(peer, remote_window, remote_max);
                let free = self.channels.iter().position(Option::is_none);
                let index = free.unwrap_or_else(|| {
                    self.channels.push(None);
                    self.channels.len() - 1
                });
                *self.channels.get_mut(index)? = Some(c);
                let channel = u32::try_from(index).ok()?;
                self.events.push_back(Event::Opened { channel });
                let mut payload = message(msg::CHANNEL_OPEN_CONFIRMATION);
                payload.put_u32(peer);
                payload.put_u32(channel);
                payload.put_u32(0);
                payload.put_u32(MAX_DATA);
                self.send(&payload);
            }
            b"direct-tcpip" => {
                let (host, port) = (body.cstring()?.to_vec(), body.u32()?);
                body.cstring()?;
                body.u32()?;
                body.end()?;
                // As behind a firewall that rejects what is not allowed out, and without a name server.
                let numeric = std::str::from_utf8(&host).is_ok_and(|host| host.parse::<IpAddr>().is_ok());
                let why = if numeric || host == b"localhost" {
                    "Connection refused"
                } else {
                    "Temporary failure in name resolution"
                };
                self.events.push_back(Event::Forward { host, port });
                self.refuse(peer, why);
            }
            b"tun@openssh.com" => {
                let mode = body.u32()?;
                body.u32()?;
                body.end()?;
                self.odd("channel_type", kind);
                let mut payload = message(msg::DEBUG);
                payload.put_bool(false);
                payload.put_string(match mode {
                    1 | 2 => b"Server has rejected tunnel device forwarding",
                    _ => b"Unsupported tunnel device mode.",
                });
                payload.put_string(b"");
                self.send(&payload);
                self.refuse(peer, "open failed");
            }
            other => {
                self.odd("channel_type", other);
                self.refuse(peer, "open failed");
            }
        }
        Some(())
    }

    fn refuse(&mut self, peer: u32, why: &str) {
        let mut payload = message(msg::CHANNEL_OPEN_FAILURE);
        payload.put_u32(peer);
        payload.put_u32(CONNECT_FAILED);
        payload.put_string(why.as_bytes());
        payload.put_string(b"");
        self.send(&payload);
    }

    fn on_channel_request(&mut self, channel: u32, mut body: Reader<'_>) -> Option<()> {
        let (kind, wanted) = (body.cstring()?, body.bool()?);
        if kind == b"eow@openssh.com" && !wanted {
            return body.end();
        }
        let request = ChannelRequest::parse(kind, body)?;
        let root = self.auth.is_root();
        let c = self.channel_mut(channel)?;
        let (larval, peer) = (!c.open, c.peer);
        let wanted = wanted && !c.closing();
        let accepted = match request {
            ChannelRequest::Start(program) if larval => {
                self.starting = Some((channel, wanted));
                self.events.push_back(Event::Start { channel, program });
                return Some(());
            }
            ChannelRequest::Pty { .. } if larval && c.pty => {
                self.odd("second_terminal", b"");
                self.disconnect("Protocol error: you already have a pty.");
                return Some(());
            }
            ChannelRequest::Pty { term, size } if larval => {
                c.pty = true;
                self.events.push_back(Event::Pty { channel, term: term.to_vec(), size });
                true
            }
            ChannelRequest::Env { name, value } if larval => {
                // Debian: AcceptEnv LANG LC_*
                let accepted = name == b"LANG" || name.starts_with(b"LC_");
                let (name, value) = (name.to_vec(), value.to_vec());
                self.events.push_back(Event::Env { channel, name, value, accepted });
                accepted
            }
            ChannelRequest::Agent => larval,
            ChannelRequest::Resize(size) => {
                self.events.push_back(Event::Resize { channel, size });
                true
            }
            // OpenSSH keeps no process of lower rights for root that could send it.
            ChannelRequest::Signal(name) if !larval && SIGNALS.contains(&name) && !root => {
                self.events.push_back(Event::Signal { channel, name: name.to_vec() });
                true
            }
            ChannelRequest::Break => c.pty,
            // Without `xauth`, which a server has no need of, OpenSSH refuses X11 as well.
            ChannelRequest::X11 => false,
            _ => {
                self.odd("channel_request", kind);
                false
            }
        };
        if wanted {
            self.send_simple(if accepted { msg::CHANNEL_SUCCESS } else { msg::CHANNEL_FAILURE }, peer);
        }
        Some(())
    }

    fn on_global(&mut self, mut body: Reader<'_>) -> Option<()> {
        let (kind, wanted) = (body.cstring()?, body.bool()?);
        let mut answer = None;
        match kind {
            b"tcpip-forward" => {
                let (address, asked) = (body.cstring()?.to_vec(), body.u32()?);
                if asked <= u32::from(u16::MAX) {
                    // Linux hands out ports from 32768 to 60999 by default.
                    let random = rand_core::Rng::next_u32(&mut self.rng) % (60_999 - 32_768);
                    let port = if asked == 0 { 32_768 + random } else { asked };
                    self.events.push_back(Event::Listen { address, port });
                    let mut payload = message(msg::REQUEST_SUCCESS);
                    if asked == 0 {
                        payload.put_u32(port);
                    }
                    answer = Some(payload);
                }
            }
            b"no-more-sessions@openssh.com" => {
                self.no_more_sessions = true;
                answer = Some(message(msg::REQUEST_SUCCESS));
            }
            b"hostkeys-prove-00@openssh.com" => answer = self.prove_host_keys(body),
            b"keepalive@openssh.com" => {}
            _ => self.odd("global_request", kind),
        }
        if wanted {
            self.send(&answer.unwrap_or_else(|| message(msg::REQUEST_FAILURE)));
        }
        Some(())
    }

    /// Signatures that prove the keys announced are ours (OpenSSH's PROTOCOL section 2.5).
    fn prove_host_keys(&mut self, mut body: Reader<'_>) -> Option<Vec<u8>> {
        let mut payload = message(msg::REQUEST_SUCCESS);
        let blobs = self.config.keys.public_blobs();
        // Each key once: a request for many signatures would be work for nothing.
        for _ in 0..=blobs.len() {
            if body.rest().is_empty() {
                return Some(payload);
            }
            let blob = body.string()?;
            let index = blobs.iter().position(|ours| ours == blob)?;
            let mut data = Vec::new();
            data.put_string(b"hostkeys-prove-00@openssh.com");
            data.put_string(self.kex.session.as_deref()?);
            data.put_string(blob);
            let algorithm = match Reader::new(blob).string()? {
                b"ssh-rsa" => "rsa-sha2-512",
                b"ssh-ed25519" => "ssh-ed25519",
                _ => "ecdsa-sha2-nistp256",
            };
            payload.put_string(&self.config.keys.sign(index, algorithm, &data)?);
        }
        None
    }
}

/// As in OpenSSH's log and disconnect texts.
fn name(kind: u8) -> &'static str {
    match kind {
        msg::CHANNEL_DATA => "data",
        msg::CHANNEL_EXTENDED_DATA => "extended data",
        msg::CHANNEL_EOF => "ieof",
        msg::CHANNEL_CLOSE => "oclose",
        msg::CHANNEL_WINDOW_ADJUST => "window adjust",
        msg::CHANNEL_OPEN_CONFIRMATION => "open confirmation",
        msg::CHANNEL_OPEN_FAILURE => "open failure",
        _ => "status confirm",
    }
}
