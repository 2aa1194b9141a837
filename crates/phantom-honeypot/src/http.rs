//! HTTP/1.x as nginx 1.22.1 speaks it: own parser, own answers, a small site behind them.
//!
//! Where this differs from nginx on purpose: the answer to a request with a body comes when the body is whole
//! (nginx's static files answer at once), and a bad path or host is answered when the head is whole or
//! 200 ms after the last line, since the event must hold the evidence before the answer is sent.

mod body;
mod buffers;
mod dialogue;
mod login;
mod parse;
mod range;
mod reply;
mod site;

pub use parse::{Head, HeadError, HeadParser, Step, host_is_valid, normalise};
pub use site::{File, Site};

use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::{Actions, Dialogue, MAX_ARTIFACT, Protocol, Visit};
use phantom_core::event::Service;
use phantom_core::{SessionId, Timestamp};

/// What the operator or a test may set.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Name in events.
    pub service: Service,
    /// What is served.
    pub site: Site,
    /// Longest body taken, in bytes; more is answered 413 (`client_max_body_size`).
    pub max_body: u64,
    /// For the whole head of a request (`client_header_timeout`).
    pub header_timeout: Duration,
    /// Between two pieces of a body (`client_body_timeout`).
    pub body_timeout: Duration,
    /// Between two requests (`keepalive_timeout`).
    pub keepalive_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            service: Service::HTTP,
            site: Site::default(),
            max_body: MAX_ARTIFACT as u64,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(75),
        }
    }
}

/// The protocol's registry entry.
#[derive(Debug, Clone, Default)]
pub struct Http {
    options: Arc<HttpOptions>,
}

impl Http {
    /// A server with these options.
    pub fn new(options: HttpOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

impl Protocol for Http {
    fn service(&self) -> Service {
        self.options.service.clone()
    }

    fn open(&self, visit: Visit) -> Box<dyn Dialogue> {
        Box::new(dialogue::HttpDialogue::new(Arc::clone(&self.options), visit))
    }
}

/// Fuzz entry: a whole conversation from these bytes, then the end of input. Returns how many actions it took.
pub fn fuzz_http(bytes: &[u8]) -> usize {
    let at = Timestamp::UNIX_EPOCH;
    let mut dialogue = Http::default().open(Visit {
        session: SessionId::new(at, [0; 10]),
        peer: ([192, 0, 2, 1], 40_000).into(),
        local: ([192, 0, 2, 2], 80).into(),
        at,
        seed: [0; 32],
    });
    let mut out = Actions::new();
    dialogue.start(at, &mut out);
    for piece in bytes.chunks(1024) {
        dialogue.input(at, piece, &mut out);
    }
    dialogue.end_of_input(at, &mut out);
    out.take().len()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
