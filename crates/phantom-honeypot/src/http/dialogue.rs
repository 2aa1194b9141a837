//! The conversation: requests in, events and answers out.

use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, MAX_ARTIFACT, Visit};
use phantom_core::event::{Body, Note, Request};
use phantom_core::{Timestamp, Untrusted};
use sha2::{Digest, Sha256};

use super::HttpOptions;
use super::body::{BodyReader, Chunk, Framing, Progress};
use super::login;
use super::parse::{Head, HeadError, HeadParser, Step, host_is_valid, normalise};
use super::range::{Condition, condition, ranges};
use super::reply::{Reply, TOO_LARGE_HEADERS};
use super::site::Place;

/// How long a refused line waits for the rest of its head, for the sake of the event.
const HEAD_GRACE: Duration = Duration::from_millis(200);
/// nginx's `lingering_timeout` and `lingering_time`: how long unread bodies are read and dropped before the end.
const LINGER_IDLE: Duration = Duration::from_secs(5);
const LINGER_ALL: Duration = Duration::from_secs(30);
/// `keepalive_requests` of nginx 1.22.
const MAX_REQUESTS: u32 = 1000;

pub(super) struct HttpDialogue {
    options: Arc<HttpOptions>,
    visit: Visit,
    state: State,
    requests: u32,
    boundary: u64,
    last_input: Timestamp,
    deadline: Timestamp,
}

enum State {
    Head {
        parser: HeadParser,
        grace: bool,
    },
    Body(Box<Pending>),
    /// Answered; what still comes of the body is dropped, and the next request follows.
    Discard(BodyReader),
    Linger {
        until: Timestamp,
    },
    Closed,
}

struct Pending {
    head: Head,
    body: BodyReader,
}

impl HttpDialogue {
    pub(super) fn new(options: Arc<HttpOptions>, visit: Visit) -> Self {
        let at = visit.at;
        let state = State::Head { parser: HeadParser::default(), grace: false };
        Self { options, visit, state, requests: 0, boundary: 0, last_input: at, deadline: at }
    }

    fn alarm(&mut self, now: Timestamp, span: Duration, out: &mut Actions) {
        self.deadline = now.checked_add(span).unwrap_or(Timestamp::MAX);
        out.push(Action::Wake(Some(self.deadline)));
    }

    fn close(&mut self, out: &mut Actions) {
        self.state = State::Closed;
        out.push(Action::Wake(None));
        out.close();
    }

    /// Bytes of a head; how many were used.
    fn read_head(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            let State::Head { parser, grace } = &mut self.state else { return index };
            let fresh = !parser.begun();
            let step = parser.push(*byte);
            let begun = parser.begun();
            match step {
                Step::More if fresh && begun => {
                    let span = self.options.header_timeout;
                    self.alarm(now, span, out);
                }
                Step::More => {}
                Step::Line => {
                    if parser.line_is_bad() {
                        *grace = true;
                        self.alarm(now, HEAD_GRACE, out);
                    }
                }
                Step::Done => {
                    let (head, _) = parser.take();
                    self.judge(now, head, out);
                    return index + 1;
                }
                Step::Bad(error) => {
                    let (head, line) = parser.take();
                    self.refuse(now, error, head, &line, out);
                    return bytes.len();
                }
            }
        }
        bytes.len()
    }

    /// Answers a head that is none.
    fn refuse(&mut self, now: Timestamp, error: HeadError, mut head: Head, line: &[u8], out: &mut Actions) {
        let (status, note) = match error {
            HeadError::Garbage => (400, Some("garbage")),
            HeadError::LongLine => (414, Some("oversized_line")),
            HeadError::LongHeaders => (TOO_LARGE_HEADERS, Some("oversized_line")),
            HeadError::BadHeader | HeadError::Method09 => (400, None),
            HeadError::Version => (505, None),
        };
        if let Some(name) = note {
            let value = Untrusted::capped(line, 1024);
            out.record(Body::Note(Note { name: name.into(), value }));
        }
        if error != HeadError::Method09 && head.is_09() {
            head.number = (1, 0);
        }
        let reply = Reply::page(status, Some(&head));
        self.record(&head, None, reply.status, out);
        out.send(reply.write(now, false, false, head.is_09()));
        self.close(out);
    }

    /// A whole head: what it asks for, and whether a body comes first.
    fn judge(&mut self, now: Timestamp, head: Head, out: &mut Actions) {
        self.requests += 1;
        let framing = match framing(&head) {
            Ok(framing) => framing,
            Err(status) => return self.hang_up(now, &head, status, out),
        };
        if let Some(status) = self.early_refusal(&head) {
            return self.hang_up(now, &head, status, out);
        }
        let Some(framing) = framing else {
            let body = BodyReader::new(Framing::Length(0), 0);
            return self.answer(now, head, body, true, out);
        };
        if matches!(framing, Framing::Length(length) if length > self.options.max_body) {
            return self.too_large(now, &head, None, out);
        }
        let body = BodyReader::new(framing, self.options.max_body);
        let expects = head.number >= (1, 1)
            && head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        if expects {
            if self.plan(&head).is_refusal() {
                // The client waits, and nginx answers with the refusal instead of "100 Continue".
                return self.answer(now, head, body, false, out);
            }
            out.send("HTTP/1.1 100 Continue\r\n\r\n");
        }
        let span = self.options.body_timeout;
        self.alarm(now, span, out);
        self.state = State::Body(Box::new(Pending { head, body }));
    }

    fn early_refusal(&self, head: &Head) -> Option<u16> {
        if normalise(head.path()).is_none() {
            return Some(400);
        }
        let hosts = head.count("host");
        let bad_host = head.header("host").is_some_and(|host| !host_is_valid(host));
        if bad_host || hosts > 1 || (hosts == 0 && head.number >= (1, 1)) {
            return Some(400);
        }
        (head.method == b"TRACE" || head.method == b"CONNECT").then_some(405)
    }

    fn hang_up(&mut self, now: Timestamp, head: &Head, status: u16, out: &mut Actions) {
        let reply = Reply::page(status, Some(head));
        self.record(head, None, status, out);
        out.send(reply.write(now, false, head.method == b"HEAD", head.is_09()));
        self.close(out);
    }

    fn too_large(&mut self, now: Timestamp, head: &Head, body: Option<&BodyReader>, out: &mut Actions) {
        let reply = Reply::page(413, Some(head));
        if let Some(body) = body {
            out.record(Body::Note(Note {
                name: "oversized_body".into(),
                value: body.length.to_string().as_str().into(),
            }));
        }
        self.record(head, body, 413, out);
        out.send(reply.write(now, false, head.method == b"HEAD", head.is_09()));
        self.state = State::Linger { until: now.checked_add(LINGER_ALL).unwrap_or(Timestamp::MAX) };
        self.alarm(now, LINGER_IDLE, out);
    }

    fn read_body(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions) -> usize {
        let State::Body(pending) = &mut self.state else { return 0 };
        let (used, progress) = pending.body.push(bytes);
        if progress == Progress::More {
            return used;
        }
        let State::Body(pending) = std::mem::replace(&mut self.state, State::Closed) else { return used };
        let Pending { head, body } = *pending;
        match progress {
            Progress::TooLong => {
                self.too_large(now, &head, Some(&body), out);
                return bytes.len();
            }
            Progress::Broken => {
                let page = match self.plan(&head) {
                    Plan::Login => Reply::page(400, Some(&head)),
                    _ => self.reply(&head, &body, out),
                };
                self.finish(now, &head, &body, &page, false, out);
                return bytes.len();
            }
            Progress::Done | Progress::More => self.answer(now, head, body, true, out),
        }
        used
    }

    /// Answers a request; `whole` says whether its body has been read.
    fn answer(&mut self, now: Timestamp, head: Head, body: BodyReader, whole: bool, out: &mut Actions) {
        let reply = self.reply(&head, &body, out);
        let keep = keep_alive(&head) && self.requests < MAX_REQUESTS;
        self.finish(now, &head, &body, &reply, keep, out);
        if keep && !reply.hang_up {
            if whole {
                self.state = State::Head { parser: HeadParser::default(), grace: false };
            } else {
                self.state = State::Discard(body);
            }
            let span = self.options.keepalive_timeout;
            self.alarm(now, span, out);
        }
    }

    /// Evidence, then the answer; leaves the dialogue closed unless `keep`.
    fn finish(
        &mut self,
        now: Timestamp,
        head: &Head,
        body: &BodyReader,
        reply: &Reply,
        keep: bool,
        out: &mut Actions,
    ) {
        if worth_keeping(head, body) {
            out.push(Action::Artifact(body.kept.clone()));
        }
        self.record(head, Some(body), reply.status, out);
        out.send(reply.write(now, keep, head.method == b"HEAD", head.is_09()));
        if !keep || reply.hang_up {
            self.close(out);
        }
    }

    fn record(&self, head: &Head, body: Option<&BodyReader>, status: u16, out: &mut Actions) {
        let mut room = Request::HEADERS_CAP;
        let mut headers = Vec::new();
        for (name, value) in &head.headers {
            if room == 0 {
                break;
            }
            let name = Untrusted::capped(name, room);
            room -= name.len();
            let value = Untrusted::capped(value, room);
            room -= value.len();
            headers.push((name, value));
        }
        out.record(Body::Request(Request {
            method: Untrusted::capped(&head.method, Request::METHOD_CAP),
            target: Untrusted::capped(&head.target, Request::TARGET_CAP),
            version: Untrusted::capped(&head.version, Request::METHOD_CAP),
            headers,
            body_head: body.map(|b| Untrusted::capped(b.head(), Request::BODY_CAP)).unwrap_or_default(),
            body_sha256: body.and_then(BodyReader::sha256),
            status,
        }));
    }

    fn plan(&self, head: &Head) -> Plan {
        let Some((path, _)) = normalise(head.path()) else { return Plan::Page(400) };
        let readable = matches!(head.method.as_slice(), b"GET" | b"HEAD");
        let known = readable || head.method == b"POST";
        match self.options.site.at(&path) {
            Place::Nothing => Plan::Page(404),
            Place::Protected => Plan::Protected,
            Place::Login if known => Plan::Login,
            Place::Login => Plan::Page(405),
            _ if !known => Plan::Page(405),
            Place::Bare => Plan::Slash(path),
            Place::Directory(None) => Plan::Page(403),
            Place::File(_) | Place::Directory(Some(_)) if !readable => Plan::Page(405),
            Place::File(file) | Place::Directory(Some(file)) => Plan::File(file.path.clone().into_owned()),
        }
    }

    /// The answer; credentials in the request are recorded here.
    fn reply(&mut self, head: &Head, body: &BodyReader, out: &mut Actions) -> Reply {
        match self.plan(head) {
            Plan::Page(status) => Reply::page(status, Some(head)),
            Plan::Protected => {
                if let Some(pair) = head.header("authorization").and_then(login::basic) {
                    out.record(login::refused("basic", pair));
                }
                let mut reply = Reply::page(401, Some(head));
                let realm = format!("Basic realm=\"{}\"", self.options.site.protected.1);
                reply.tail.push(("WWW-Authenticate", realm));
                reply
            }
            Plan::Login => {
                let pair = if head.method == b"POST" { login::form(&body.kept) } else { None };
                let refused = pair.is_some();
                if let Some(pair) = pair {
                    out.record(login::refused("form", pair));
                }
                let mut headers = vec![("Cache-Control", "no-store".to_owned())];
                if head.header("cookie").is_none() {
                    headers.insert(0, ("Set-Cookie", format!("sid={}; Path=/; HttpOnly", self.cookie())));
                }
                Reply::application(200, self.options.site.login_page(refused), headers)
            }
            Plan::Slash(path) => Reply::redirect(301, self.location(head, &path), head),
            Plan::File(path) => self.file(head, &path),
        }
    }

    fn file(&mut self, head: &Head, path: &str) -> Reply {
        let options = Arc::clone(&self.options);
        let Some(file) = options.site.files.iter().find(|file| file.path == path) else {
            return Reply::page(404, Some(head));
        };
        match condition(head, file) {
            Condition::NotModified => Reply::not_modified(file),
            Condition::Failed => Reply { hang_up: true, ..Reply::page(412, Some(head)) },
            Condition::Send => {
                self.boundary += 1;
                Reply::file(file, &ranges(head, file), head, self.boundary)
            }
        }
    }

    /// nginx's absolute redirect: the host as sent, without its port, or our own address; our own port unless 80.
    fn location(&self, head: &Head, path: &[u8]) -> String {
        let host = head.host.as_deref().or_else(|| head.header("host"));
        let own = self.visit.local.ip().to_string();
        let host = match host {
            Some(host) if host.starts_with(b"[") => {
                let end = host.iter().position(|b| *b == b']').map_or(host.len(), |at| at + 1);
                String::from_utf8_lossy(host.get(..end).unwrap_or(host)).into_owned()
            }
            Some(host) => {
                let name = host.split(|b| *b == b':').next().unwrap_or_default();
                String::from_utf8_lossy(name).to_ascii_lowercase()
            }
            None if self.visit.local.is_ipv6() => format!("[{own}]"),
            None => own,
        };
        let port = match self.visit.local.port() {
            80 => String::new(),
            port => format!(":{port}"),
        };
        let query = normalise(head.path()).and_then(|(_, query)| query.map(String::from_utf8_lossy));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("http://{host}{port}{}/{query}", escape(path))
    }

    fn cookie(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.visit.seed);
        hash.update(self.requests.to_be_bytes());
        super::hex(hash.finalize().get(..16).unwrap_or_default())
    }
}

impl Dialogue for HttpDialogue {
    fn start(&mut self, now: Timestamp, out: &mut Actions) {
        let span = self.options.header_timeout;
        self.alarm(now, span, out);
    }

    fn input(&mut self, now: Timestamp, bytes: &[u8], out: &mut Actions) {
        self.last_input = now;
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match &mut self.state {
                State::Head { .. } => self.read_head(now, rest, out),
                State::Body(_) => self.read_body(now, rest, out),
                State::Discard(body) => match body.push(rest) {
                    (used, Progress::More) => used,
                    (used, Progress::Done) => {
                        self.state = State::Head { parser: HeadParser::default(), grace: false };
                        used
                    }
                    (_, Progress::Broken | Progress::TooLong) => {
                        self.close(out);
                        return;
                    }
                },
                State::Linger { .. } | State::Closed => return,
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        // A body that needs no further byte (`Content-Length: 0` was told as none) never waits here.
    }

    fn end_of_input(&mut self, _now: Timestamp, out: &mut Actions) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Head { mut parser, .. } if parser.begun() => {
                let (head, _) = parser.take();
                self.record(&head, None, 400, out);
            }
            State::Body(pending) => self.record(&pending.head, Some(&pending.body), 400, out),
            _ => {}
        }
        out.push(Action::Wake(None));
        out.close();
    }

    fn wake(&mut self, now: Timestamp, out: &mut Actions) {
        if now < self.deadline {
            out.push(Action::Wake(Some(self.deadline)));
            return;
        }
        let idle = |span: Duration| self.last_input.checked_add(span).unwrap_or(Timestamp::MAX);
        match &mut self.state {
            State::Closed => {}
            State::Head { parser, grace: true } => {
                let (head, _) = parser.take();
                self.hang_up(now, &head, 400, out);
            }
            State::Head { parser, .. } => {
                // nginx says nothing: it logs 408 and closes.
                if parser.begun() {
                    let (head, _) = parser.take();
                    self.record(&head, None, 408, out);
                }
                self.close(out);
            }
            State::Body(_) | State::Discard(_) => {
                let until = idle(self.options.body_timeout);
                if now < until {
                    self.deadline = until;
                    out.push(Action::Wake(Some(until)));
                    return;
                }
                if let State::Body(pending) = std::mem::replace(&mut self.state, State::Closed) {
                    self.record(&pending.head, Some(&pending.body), 408, out);
                }
                self.close(out);
            }
            State::Linger { until } => {
                let next = idle(LINGER_IDLE).min(*until);
                if now < next {
                    self.deadline = next;
                    out.push(Action::Wake(Some(next)));
                } else {
                    self.close(out);
                }
            }
        }
    }
}

enum Plan {
    Page(u16),
    File(String),
    Slash(Vec<u8>),
    Login,
    Protected,
}

impl Plan {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Page(_) | Self::Slash(_) | Self::Protected)
    }
}

/// How the body of this request is told (`ngx_http_process_request_header`); `Err` is nginx's refusal.
fn framing(head: &Head) -> Result<Option<Framing>, u16> {
    if head.count("content-length") > 1 || head.count("transfer-encoding") > 1 {
        return Err(400);
    }
    let length = match head.header("content-length") {
        None => None,
        Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let length =
                std::str::from_utf8(digits).ok().and_then(|d| d.parse::<i64>().ok()).ok_or(400u16)?;
            Some(u64::try_from(length).map_err(|_| 400u16)?)
        }
        Some(_) => return Err(400),
    };
    match head.header("transfer-encoding") {
        None => Ok(length.filter(|length| *length > 0).map(Framing::Length)),
        Some(_) if head.number < (1, 1) || length.is_some() => Err(400),
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framing::Chunked(Chunk::Start))),
        Some(_) => Err(501),
    }
}

fn keep_alive(head: &Head) -> bool {
    let has = |token: &[u8]| {
        let value = head.header("connection").unwrap_or_default().to_ascii_lowercase();
        value.windows(token.len()).any(|window| window == token)
    };
    if head.number >= (1, 1) { !has(b"close") } else { has(b"keep-alive") && !has(b"close") && !head.is_09() }
}

/// Whether the whole body becomes an artifact: the event itself holds short ones.
fn worth_keeping(head: &Head, body: &BodyReader) -> bool {
    let kind = head.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let upload = head.method == b"PUT"
        || kind.starts_with(b"multipart/form-data")
        || kind.starts_with(b"application/octet-stream");
    body.length > 0
        && body.kept.len() as u64 == body.length
        && body.kept.len() <= MAX_ARTIFACT
        && (upload || body.kept.len() > Request::BODY_CAP)
}

/// A path in a `Location`, escaped as `ngx_escape_uri` does.
fn escape(path: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(path.len());
    for byte in path {
        if *byte <= 0x20
            || *byte >= 0x7f
            || matches!(
                byte,
                b'"' | b'#' | b'%' | b'?' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
            )
        {
            let _ = write!(out, "%{byte:02X}");
        } else {
            out.push(char::from(*byte));
        }
    }
    out
}
