//! One session channel: its windows, what waits to be sent, and how it ends.

use std::collections::VecDeque;

use super::{CHANNEL_BUFFER, Server};
use crate::wire::{Put, message, msg};

/// What OpenSSH opens a session's window to when its program starts, in bytes.
pub(super) const WINDOW: u32 = 2 * 1024 * 1024;

/// Longest piece of data either side may send at once on a session, in bytes.
pub(super) const MAX_DATA: u32 = 32 * 1024;

/// A session channel.
#[derive(Default)]
pub(super) struct Channel {
    pub(super) peer: u32,
    pub(super) remote_window: u32,
    pub(super) remote_max: u32,
    pub(super) local_window: u32,
    pub(super) consumed: u32,
    pub(super) exceeded: u32,
    /// Its program runs.
    pub(super) open: bool,
    pub(super) pty: bool,
    pub(super) eof_received: bool,
    close_received: bool,
    close_sent: bool,
    /// Pieces that wait for the window; `true` is standard error.
    waiting: VecDeque<(bool, Vec<u8>)>,
    waiting_bytes: usize,
    exit: Option<Exit>,
}

#[derive(Clone, Copy)]
enum Exit {
    Status(u32),
    /// Close without saying how the program ended.
    Silent,
}

impl Server {
    /// Sends standard output of a channel's program. Returns how many bytes were taken: what the peer's window
    /// does not hold waits, up to [`CHANNEL_BUFFER`].
    pub fn write(&mut self, channel: u32, bytes: &[u8]) -> usize {
        self.enqueue(channel, false, bytes)
    }

    /// As [`Server::write`], for standard error.
    pub fn write_stderr(&mut self, channel: u32, bytes: &[u8]) -> usize {
        self.enqueue(channel, true, bytes)
    }

    /// How many bytes [`Server::write`] would take now.
    pub fn writable(&self, channel: u32) -> usize {
        match self.channel(channel) {
            Some(c) if c.open && c.exit.is_none() && !c.close_sent => {
                CHANNEL_BUFFER.saturating_sub(c.waiting_bytes)
            }
            _ => 0,
        }
    }

    /// The program ended: once everything written has been sent, its status is told and the channel closed.
    pub fn exit(&mut self, channel: u32, status: u32) {
        self.finish_channel(channel, Exit::Status(status));
    }

    /// Closes the channel, once everything written has been sent, without an exit status.
    pub fn close_channel(&mut self, channel: u32) {
        self.finish_channel(channel, Exit::Silent);
    }

    pub(super) fn channel(&self, channel: u32) -> Option<&Channel> {
        self.channels.get(usize::try_from(channel).ok()?)?.as_ref()
    }

    pub(super) fn channel_mut(&mut self, channel: u32) -> Option<&mut Channel> {
        self.channels.get_mut(usize::try_from(channel).ok()?)?.as_mut()
    }

    fn enqueue(&mut self, channel: u32, stderr: bool, bytes: &[u8]) -> usize {
        let room = self.writable(channel);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let Some(c) = self.channel_mut(channel) else { return 0 };
        if c.close_received {
            // Nobody reads any more: written into the void, as by a program that is told so too late.
            return bytes.len();
        }
        c.waiting_bytes += bytes.len();
        match c.waiting.back_mut() {
            Some((kind, waiting)) if *kind == stderr => waiting.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => c.waiting.push_back((stderr, bytes.to_vec())),
        }
        self.pump(channel);
        bytes.len()
    }

    fn finish_channel(&mut self, channel: u32, exit: Exit) {
        if let Some(c) = self.channel_mut(channel) {
            c.exit.get_or_insert(exit);
            self.pump(channel);
        }
    }

    /// Sends as much as the peer's window takes, and the end once nothing waits.
    pub(super) fn pump(&mut self, channel: u32) {
        loop {
            let Some(c) = self.channel_mut(channel) else { return };
            if c.close_sent {
                return;
            }
            let Some((stderr, bytes)) = c.waiting.front_mut() else { break };
            let fits = c.remote_window.min(c.remote_max).min(MAX_DATA);
            let fits = usize::try_from(fits).unwrap_or(0).min(bytes.len());
            if fits == 0 {
                return;
            }
            let mut payload = message(if *stderr { msg::CHANNEL_EXTENDED_DATA } else { msg::CHANNEL_DATA });
            payload.put_u32(c.peer);
            if *stderr {
                payload.put_u32(1);
            }
            payload.put_string(bytes.get(..fits).unwrap_or_default());
            if fits == bytes.len() {
                c.waiting.pop_front();
            } else {
                bytes.drain(..fits);
            }
            c.waiting_bytes -= fits;
            c.remote_window -= u32::try_from(fits).unwrap_or(0);
            self.send(&payload);
        }
        let Some(c) = self.channel_mut(channel) else { return };
        let Some(exit) = c.exit else { return };
        let (peer, eof_received, close_received) = (c.peer, c.eof_received, c.close_received);
        c.close_sent = true;
        // Measured on Debian 12: where the client has ended its input the end of output comes first, else the
        // status does and with it the word that nobody reads the input any more.
        if eof_received && !close_received {
            self.send_simple(msg::CHANNEL_EOF, peer);
        }
        if let Exit::Status(status) = exit {
            let mut payload = message(msg::CHANNEL_REQUEST);
            payload.put_u32(peer);
            payload.put_string(b"exit-status");
            payload.put_bool(false);
            payload.put_u32(status);
            self.send(&payload);
            if !eof_received && !close_received && self.speaks_eow() {
                let mut payload = message(msg::CHANNEL_REQUEST);
                payload.put_u32(peer);
                payload.put_string(b"eow@openssh.com");
                payload.put_bool(false);
                self.send(&payload);
            }
        }
        if !eof_received && !close_received {
            self.send_simple(msg::CHANNEL_EOF, peer);
        }
        self.send_simple(msg::CHANNEL_CLOSE, peer);
        self.release(channel);
    }

    pub(super) fn on_close(&mut self, channel: u32) {
        let Some(c) = self.channel_mut(channel) else { return };
        c.close_received = true;
        c.waiting.clear();
        c.waiting_bytes = 0;
        // OpenSSH answers once the program has ended, which a close tells it by the end of its input.
        if c.open && c.exit.is_none() && !c.close_sent {
            if !std::mem::replace(&mut c.eof_received, true) {
                self.events.push_back(crate::Event::Eof { channel });
            }
            return;
        }
        if !c.close_sent {
            c.close_sent = true;
            let peer = c.peer;
            self.send_simple(msg::CHANNEL_CLOSE, peer);
        }
        self.release(channel);
    }

    /// Whether the client takes `eow@openssh.com`: OpenSSH from 5 on, by its `compat.c`.
    fn speaks_eow(&self) -> bool {
        let line = self.client_version.as_deref().unwrap_or_default();
        super::transport::software(line)
            .strip_prefix(b"OpenSSH")
            .is_some_and(|rest| ![b"_2", b"_3", b"_4"].iter().any(|old| rest.starts_with(*old)))
    }

    pub(super) fn send_simple(&mut self, kind: u8, peer: u32) {
        let mut payload = message(kind);
        payload.put_u32(peer);
        self.send(&payload);
    }

    /// Frees a channel that both sides have closed.
    fn release(&mut self, channel: u32) {
        if self.channel(channel).is_some_and(|c| c.close_sent && c.close_received) {
            if let Some(slot) = usize::try_from(channel).ok().and_then(|i| self.channels.get_mut(i)) {
                *slot = None;
            }
            if self.starting.is_some_and(|(starting, _)| starting == channel) {
                self.starting = None;
            }
            self.events.push_back(crate::Event::Closed { channel });
        }
    }
}

impl Channel {
    /// A channel the peer has just opened.
    pub(super) fn new(peer: u32, remote_window: u32, remote_max: u32) -> Self {
        Self { peer, remote_window, remote_max, ..Self::default() }
    }

    /// Whether we have closed it, so that nothing more may be said on it.
    pub(super) fn closing(&self) -> bool {
        self.close_sent
    }

    /// Whether input is still for the program.
    pub(super) fn takes_input(&self) -> bool {
        self.open && self.exit.is_none() && !self.close_sent && !self.eof_received
    }

    /// How far to open the window again, by OpenSSH's `channel_check_window`.
    pub(super) fn replenish(&mut self) -> Option<u32> {
        let used = WINDOW.saturating_sub(self.local_window);
        if self.close_sent || self.consumed == 0 || !(used > MAX_DATA * 3 || self.local_window < WINDOW / 2) {
            return None;
        }
        let amount = std::mem::take(&mut self.consumed);
        self.local_window += amount;
        Some(amount)
    }
}
