//! Which application speaks, by what it says first, and the few things counted in what it says next.
//!
//! Both directions are followed as in-order bytes; how they are cut into segments changes nothing. After a hole in the
//! sequence a direction is picked up again at the start of a segment.

mod dns;
mod ftp;
mod http;
mod line;

use crate::names::App;
use ftp::Ftp;
use http::Http;

/// Bytes of each direction that recognition looks at; the longest it needs is a DNS header and label over TCP.
const HEAD: usize = 48;

/// What a segment added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) http_requests: u32,
    pub(crate) login_failures: u32,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.http_requests = self.http_requests.saturating_add(other.http_requests);
        self.login_failures = self.login_failures.saturating_add(other.login_failures);
    }
}

/// What a stream conversation has said so far; a few hundred bytes, made at the first payload.
#[derive(Debug, Clone)]
pub(crate) struct Content(Stage);

#[derive(Debug, Clone)]
enum Stage {
    /// Not recognised: the first bytes from the initiator and from the responder.
    Heads([Head; 2]),
    Http(Http),
    Ftp(Ftp),
    /// Recognised, or given up on; nothing to count.
    Settled,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    bytes: [u8; HEAD],
    len: u8,
    /// The beginning is known and nothing is missing from it.
    sound: bool,
    /// More came than was kept.
    over: bool,
}

impl Content {
    pub(crate) fn new() -> Self {
        Self(Stage::Heads([Head { bytes: [0; HEAD], len: 0, sound: true, over: false }; 2]))
    }

    /// Takes the next payload bytes of a direction; `hole` when bytes before them are missing. Says which application
    /// was recognised, once, and what there was to count.
    pub(crate) fn feed(&mut self, from_initiator: bool, hole: bool, bytes: &[u8]) -> (Option<App>, Counts) {
        match &mut self.0 {
            Stage::Settled => (None, Counts::default()),
            Stage::Http(http) => (None, http.feed(from_initiator, hole, bytes)),
            Stage::Ftp(ftp) => (None, ftp.feed(from_initiator, hole, bytes)),
            Stage::Heads(heads) => {
                let [out, back] = heads;
                let head = if from_initiator { &mut *out } else { &mut *back };
                let rest = head.append(hole, bytes);
                let app = recognise(out.seen(), back.seen());
                let Some(app) = app else {
                    if out.over && back.over {
                        self.0 = Stage::Settled;
                    }
                    return (None, Counts::default());
                };
                let heads = *heads;
                let counts = self.settle(app, heads, from_initiator, rest);
                (Some(app), counts)
            }
        }
    }

    /// Follows the recognised application from the first byte: the heads, then what `rest` of the last segment.
    fn settle(&mut self, app: App, heads: [Head; 2], from_initiator: bool, rest: &[u8]) -> Counts {
        self.0 = match app {
            App::Http => Stage::Http(Http::default()),
            App::Ftp => Stage::Ftp(Ftp::default()),
            _ => Stage::Settled,
        };
        let mut counts = Counts::default();
        for (head, outward) in heads.iter().zip([true, false]) {
            counts.add(self.feed(outward, !head.sound, head.seen()).1);
            if outward == from_initiator {
                counts.add(self.feed(outward, false, rest).1);
            } else if head.over {
                counts.add(self.feed(outward, true, b"").1);
            }
        }
        counts
    }
}

impl Head {
    fn seen(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Keeps what fits and returns the rest.
    fn append<'a>(&mut self, hole: bool, bytes: &'a [u8]) -> &'a [u8] {
        if hole {
            *self = Self { bytes: [0; HEAD], len: 0, sound: false, over: false };
        }
        let room = self.bytes.get_mut(usize::from(self.len)..).unwrap_or_default();
        let kept = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len += kept as u8;
        let rest = bytes.get(kept..).unwrap_or_default();
        self.over |= !rest.is_empty();
        rest
    }
}

/// The application of a datagram, alone.
pub(crate) fn datagram(payload: &[u8]) -> Option<App> {
    dns::is_message(payload).then_some(App::Dns)
}

/// The application by the first bytes from the initiator and from the responder.
fn recognise(out: &[u8], back: &[u8]) -> Option<App> {
    if let Some(app) = either(out).or_else(|| either(back)) {
        return Some(app);
    }
    if http::begins_request(out) || http::begins_response(back) {
        return Some(App::Http);
    }
    if !(back.starts_with(b"220 ") || back.starts_with(b"220-")) {
        return None;
    }
    // FTP and SMTP greet with the same number: the greeting's words or the first command tell them apart.
    let said = |word: &[u8]| back.windows(word.len()).any(|at| at.eq_ignore_ascii_case(word));
    let first = |verb: &[u8]| {
        out.get(..verb.len()).is_some_and(|at| at.eq_ignore_ascii_case(verb))
            && matches!(out.get(verb.len()), Some(b' ' | b'\r' | b'\n'))
    };
    if [&b"EHLO"[..], b"HELO", b"LHLO", b"MAIL"].into_iter().any(first) {
        return Some(App::Smtp);
    }
    if [&b"USER"[..], b"AUTH", b"FEAT", b"SYST", b"OPTS", b"PASS", b"ACCT", b"PBSZ"].into_iter().any(first) {
        return Some(App::Ftp);
    }
    match (said(b"SMTP"), said(b"FTP")) {
        (true, false) => Some(App::Smtp),
        (false, true) => Some(App::Ftp),
        _ => None,
    }
}

/// Protocols whose first bytes tell whichever side speaks.
fn either(head: &[u8]) -> Option<App> {
    match head {
        [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..] => Some(App::Ssh),
        // A handshake record of a client or server hello that fits RFC 8446's largest fragment and slack.
        [0x16, 0x03, 0..=4, high, _, 1 | 2, ..] if *high <= 0x48 => Some(App::Tls),
        // IAC WILL, WONT, DO, DONT and an option that IANA has assigned, or a subnegotiation.
        [0xff, 0xfb..=0xfe, 0..=49 | 138..=140 | 255, ..] | [0xff, 0xfa, 0..=49, ..] => Some(App::Telnet),
        [_, _, message @ ..] if dns::begins_message(message) => Some(App::Dns),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
