//! HTTP/1 (RFC 9112) as far as counting needs: request lines, status lines, and where bodies end, so that a body that
//! looks like a request is none.
//!
//! A request counts when its line is complete and names version 1.0 or 1.1. A 401 counts as a refused login unless it
//! answers a GET, HEAD or OPTIONS that carried no `Authorization`: that is a server asking, not refusing. A body
//! without a length (a response until close, a tunnel, an upgrade) is passed over until a segment begins with a start
//! line.

use super::Counts;
use super::line::Line;

/// Methods of RFC 9110, RFC 5789 and WebDAV (RFC 4918) that scanners send.
const METHODS: [&[u8]; 15] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"SEARCH",
    b"MOVE",
    b"COPY",
];

/// Requests in flight whose kind is remembered; browsers do not pipeline, and floods need no more.
const IN_FLIGHT: u32 = 32;

#[derive(Debug, Clone, Default)]
pub(super) struct Http {
    out: Side,
    back: Side,
    flight: Flight,
}

/// Two bits for each request not yet answered, the oldest lowest.
#[derive(Debug, Clone, Default)]
struct Flight {
    kinds: u64,
    len: u32,
}

const OFFERS_LOGIN: u64 = 1;
const HEAD_METHOD: u64 = 2;

#[derive(Debug, Clone, Default)]
struct Side {
    line: Line,
    phase: Phase,
    message: Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Start,
    Headers,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// Until a segment begins with a start line.
    Adrift,
}

/// What the message in progress has said.
#[derive(Debug, Clone, Copy, Default)]
struct Message {
    length: Option<u64>,
    chunked: bool,
    offers_login: bool,
    head_method: bool,
    /// 0 for a request.
    status: u16,
}

impl Http {
    pub(super) fn feed(&mut self, from_initiator: bool, hole: bool, mut bytes: &[u8]) -> Counts {
        let mut counts = Counts::default();
        let side = if from_initiator { &mut self.out } else { &mut self.back };
        if hole {
            side.phase = Phase::Adrift;
            side.line.clear();
            self.flight = Flight::default();
        }
        let starts = if from_initiator { begins_request(bytes) } else { begins_response(bytes) };
        // The answer to a HEAD that was missed has a length and no body, so a status line may also end a body.
        let overdue = !from_initiator && matches!(side.phase, Phase::Body(_));
        if starts && (side.phase == Phase::Adrift || overdue) {
            side.phase = Phase::Start;
            side.line.clear();
        }
        while !bytes.is_empty() {
            if let Phase::Body(left) | Phase::Chunk(left) = side.phase {
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(step..).unwrap_or_default();
                let left = left - step as u64;
                side.phase = match side.phase {
                    Phase::Body(_) if left > 0 => Phase::Body(left),
                    Phase::Body(_) => Phase::Start,
                    _ if left > 0 => Phase::Chunk(left),
                    _ => Phase::ChunkEnd,
                };
                continue;
            }
            if side.phase == Phase::Adrift {
                break;
            }
            let Some(rest) = side.line.take(bytes) else { break };
            bytes = rest;
            side.end_line(from_initiator, &mut self.flight, &mut counts);
            side.line.clear();
        }
        counts
    }
}

impl Side {
    fn end_line(&mut self, request: bool, flight: &mut Flight, counts: &mut Counts) {
        let line = self.line.head();
        self.phase = match self.phase {
            // RFC 9112 section 2.2: empty lines before a start line are passed over.
            Phase::Start if line.is_empty() => Phase::Start,
            Phase::Start if request && begins_request(line) && is_version(self.line.tail()) => {
                let offers_login = ![&b"GET "[..], b"HEAD ", b"OPTIONS "].iter().any(|m| line.starts_with(m));
                let head_method = line.starts_with(b"HEAD ");
                self.message = Message { offers_login, head_method, ..Message::default() };
                counts.http_requests = counts.http_requests.saturating_add(1);
                Phase::Headers
            }
            Phase::Start if !request && begins_response(line) => {
                let digits = line.get(9..12).unwrap_or_default();
                self.message = Message { status: decimal(digits).unwrap_or(0) as u16, ..Message::default() };
                Phase::Headers
            }
            Phase::Headers if line.is_empty() => self.end_headers(request, flight, counts),
            Phase::Headers => {
                if let Some(value) = value_of(line, b"content-length") {
                    self.message.length = decimal(value);
                } else if let Some(value) = value_of(line, b"transfer-encoding") {
                    self.message.chunked = value.windows(7).any(|word| word.eq_ignore_ascii_case(b"chunked"));
                } else if value_of(line, b"authorization").is_some() {
                    self.message.offers_login = true;
                }
                Phase::Headers
            }
            Phase::ChunkSize => match hexadecimal(line) {
                Some(0) => Phase::Trailers,
                Some(size) => Phase::Chunk(size),
                None => Phase::Adrift,
            },
            Phase::ChunkEnd if line.is_empty() => Phase::ChunkSize,
            Phase::Trailers if line.is_empty() => Phase::Start,
            Phase::Trailers => Phase::Trailers,
            _ => Phase::Adrift,
        };
    }

    fn end_headers(&mut self, request: bool, flight: &mut Flight, counts: &mut Counts) -> Phase {
        let message = self.message;
        let mut bodiless = false;
        if request {
            flight.push(message);
        } else {
            match message.status {
                101 => return Phase::Adrift,
                100..=199 => return Phase::Start,
                _ => {}
            }
            let asked = flight.pop();
            let challenge = asked.is_some_and(|kind| kind & OFFERS_LOGIN == 0);
            if message.status == 401 && !challenge {
                counts.login_failures = counts.login_failures.saturating_add(1);
            }
            bodiless =
                matches!(message.status, 204 | 304) || asked.is_some_and(|kind| kind & HEAD_METHOD != 0);
        }
        match message.length {
            _ if bodiless => Phase::Start,
            _ if message.chunked => Phase::ChunkSize,
            Some(0) => Phase::Start,
            Some(length) => Phase::Body(length),
            None if request => Phase::Start,
            None => Phase::Adrift,
        }
    }
}

impl Flight {
    fn push(&mut self, message: Message) {
        if self.len < IN_FLIGHT {
            let kind =
                u64::from(message.offers_login) * OFFERS_LOGIN + u64::from(message.head_method) * HEAD_METHOD;
            self.kinds |= kind << (2 * self.len);
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<u64> {
        self.len = self.len.checked_sub(1)?;
        let kind = self.kinds & 3;
        self.kinds >>= 2;
        Some(kind)
    }
}

/// Whether this begins as a request line does: a known method and a target in one of RFC 9112's four forms.
pub(super) fn begins_request(head: &[u8]) -> bool {
    METHODS.iter().any(|method| {
        let Some([b' ', target, ..]) = head.strip_prefix(*method) else { return false };
        match target {
            b'/' | b'*' => true,
            b'h' | b'H' => {
                head.get(method.len() + 1..).is_some_and(|rest| *method == b"CONNECT" || is_http_url(rest))
            }
            other => *method == b"CONNECT" && (other.is_ascii_alphanumeric() || *other == b'['),
        }
    })
}

/// `http:` or `https:`, as far as it has come.
fn is_http_url(rest: &[u8]) -> bool {
    rest.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http:") || scheme.eq_ignore_ascii_case(b"https"))
}

/// Whether this begins as a status line does: a version of 1 and three digits.
pub(super) fn begins_response(head: &[u8]) -> bool {
    matches!(head, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', a, b, c, ..]
        if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit())
}

fn is_version(tail: &[u8]) -> bool {
    tail.ends_with(b" HTTP/1.1") || tail.ends_with(b" HTTP/1.0")
}

/// The value of a header line of that lower-case name, as far as it was kept.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    head.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A chunk's size, extensions after `;` left out.
fn hexadecimal(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
