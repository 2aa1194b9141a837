//! The head of a request, byte by byte, with the rules of nginx 1.22.1 (`ngx_http_parse.c`, asked on loopback).

use super::buffers::{HeaderBuffers, Overflow};

/// A request line and its headers as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The first word of the line.
    pub method: Vec<u8>,
    /// The second word, as sent.
    pub target: Vec<u8>,
    /// Where the path begins in `target`: 0, or behind `scheme://host`.
    pub path_at: usize,
    /// The third word, as sent; empty for HTTP/0.9.
    pub version: Vec<u8>,
    /// Major and minor number; (0, 9) without a third word.
    pub number: (u32, u32),
    /// The host of an absolute target.
    pub host: Option<Vec<u8>>,
    /// Name and value, in the order sent; values trimmed.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Head {
    /// The first header of this name (lower case), if its name is one nginx heeds.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// How many headers have this name.
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).count()
    }

    /// Path and query of the target.
    pub fn path(&self) -> &[u8] {
        match self.target.get(self.path_at..) {
            Some(path) if path.starts_with(b"/") => path,
            _ => b"/",
        }
    }

    /// Whether the request is of HTTP/0.9, answered by a bare body.
    pub fn is_09(&self) -> bool {
        self.number == (0, 9)
    }
}

/// What is wrong with a head; nginx answers each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// No request line at all: the bytes are not HTTP.
    Garbage,
    /// A header line that cannot be.
    BadHeader,
    /// HTTP/0.9 with a method other than GET.
    Method09,
    /// A major version above 1.
    Version,
    /// The request line is longer than a buffer.
    LongLine,
    /// A header line is longer than a buffer, or all of them exceed the buffers.
    LongHeaders,
}

/// What a byte led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// The request line is complete, headers follow.
    Line,
    /// The head is complete.
    Done,
    /// The head is not acceptable.
    Bad(HeadError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Method,
    BeforeTarget,
    Scheme,
    SchemeSlash,
    SchemeSlashSlash,
    Host,
    Port,
    Path,
    AfterTarget,
    Protocol(usize),
    Major,
    MoreMajor,
    Minor,
    MoreMinor,
    AfterVersion,
    LineFeed,
    Header,
}

/// Reads one head; bounded by the buffers nginx would use (at most 33 KiB).
#[derive(Debug)]
pub struct HeadParser {
    at: At,
    head: Head,
    line: Vec<u8>,
    host_at: usize,
    buffers: HeaderBuffers,
}

impl Default for HeadParser {
    fn default() -> Self {
        Self {
            at: At::Start,
            head: Head { number: (1, 0), ..Head::default() },
            line: Vec::new(),
            host_at: 0,
            buffers: HeaderBuffers::default(),
        }
    }
}

impl HeadParser {
    /// One more byte.
    pub fn push(&mut self, byte: u8) -> Step {
        if self.at == At::Start && (byte == b'\r' || byte == b'\n') {
            return Step::More;
        }
        self.line.push(byte);
        let step = if self.at == At::Header { self.header_byte(byte) } else { self.line_byte(byte) };
        if step != Step::More && step != Step::Line {
            return step;
        }
        match self.buffers.byte(self.line.len()) {
            Ok(()) => step,
            Err(Overflow) if self.at == At::Header => Step::Bad(HeadError::LongHeaders),
            Err(Overflow) => Step::Bad(HeadError::LongLine),
        }
    }

    /// Whether a byte of a request has come.
    pub fn begun(&self) -> bool {
        self.at != At::Start
    }

    /// Whether the line just completed names a path that nginx refuses.
    pub fn line_is_bad(&self) -> bool {
        normalise(self.head.path()).is_none()
    }

    /// What was understood so far, and the bytes of the line being read.
    pub fn take(&mut self) -> (Head, Vec<u8>) {
        let parser = std::mem::take(self);
        (parser.head, parser.line)
    }

    fn line_byte(&mut self, b: u8) -> Step {
        let head = &mut self.head;
        let token = |b: u8| b.is_ascii_uppercase() || b == b'_' || b == b'-';
        self.at = match (self.at, b) {
            (At::Start | At::Method, b) if token(b) => {
                head.method.push(b);
                At::Method
            }
            (At::Method, b' ') => At::BeforeTarget,
            (At::BeforeTarget, b' ') => At::BeforeTarget,
            (At::BeforeTarget, b'/') => {
                head.target.push(b);
                At::Path
            }
            (At::BeforeTarget | At::Scheme, b) if b.is_ascii_alphabetic() => {
                head.target.push(b);
                At::Scheme
            }
            (At::Scheme, b) if b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.') => {
                head.target.push(b);
                At::Scheme
            }
            (At::Scheme, b':') => {
                head.target.push(b);
                At::SchemeSlash
            }
            (At::SchemeSlash, b'/') => {
                head.target.push(b);
                At::SchemeSlashSlash
            }
            (At::SchemeSlashSlash, b'/') => {
                head.target.push(b);
                self.host_at = head.target.len();
                At::Host
            }
            (At::Host, b) if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'[' | b']' | b'_') => {
                head.target.push(b);
                At::Host
            }
            (At::Port, b) if b.is_ascii_digit() => {
                head.target.push(b);
                At::Port
            }
            (At::Host | At::Port, b':' | b'/' | b'?' | b' ') => {
                if head.host.is_none() {
                    head.host = head.target.get(self.host_at..).map(<[u8]>::to_vec);
                }
                head.path_at = head.target.len();
                match (self.at, b) {
                    (At::Host, b':') => {
                        head.target.push(b);
                        At::Port
                    }
                    (_, b':') => return Step::Bad(HeadError::Garbage),
                    (_, b' ') => At::AfterTarget,
                    _ => {
                        head.target.push(b);
                        At::Path
                    }
                }
            }
            (At::Path, b' ') => At::AfterTarget,
            (At::Path | At::AfterTarget, b'\r') => {
                head.number = (0, 9);
                At::LineFeed
            }
            (At::Path | At::AfterTarget, b'\n') => {
                head.number = (0, 9);
                return self.line_done();
            }
            (At::Path, b) if b >= 0x20 && b != 0x7f => {
                head.target.push(b);
                At::Path
            }
            (At::AfterTarget, b' ') => At::AfterTarget,
            (At::AfterTarget, b'H') => {
                head.version.push(b);
                At::Protocol(1)
            }
            (At::Protocol(n), b) if b"HTTP/".get(n) == Some(&b) => {
                head.version.push(b);
                if n == 4 { At::Major } else { At::Protocol(n + 1) }
            }
            (At::Major, b'1'..=b'9') | (At::MoreMajor, b'0'..=b'9') => {
                head.version.push(b);
                let before = if self.at == At::Major { 0 } else { head.number.0 };
                head.number.0 = before * 10 + u32::from(b - b'0');
                if head.number.0 > 1 {
                    return Step::Bad(HeadError::Version);
                }
                At::MoreMajor
            }
            (At::MoreMajor, b'.') => {
                head.version.push(b);
                At::Minor
            }
            (At::Minor, b'0'..=b'9') | (At::MoreMinor, b'0'..=b'9') => {
                head.version.push(b);
                let before = if self.at == At::Minor { 0 } else { head.number.1 };
                if before > 99 {
                    return Step::Bad(HeadError::Garbage);
                }
                head.number.1 = before * 10 + u32::from(b - b'0');
                At::MoreMinor
            }
            (At::MoreMinor | At::AfterVersion, b'\r') => At::LineFeed,
            (At::MoreMinor | At::AfterVersion | At::LineFeed, b'\n') => return self.line_done(),
            (At::MoreMinor | At::AfterVersion, b' ') => At::AfterVersion,
            _ => return Step::Bad(HeadError::Garbage),
        };
        Step::More
    }

    fn line_done(&mut self) -> Step {
        if self.head.is_09() {
            return if self.head.method == b"GET" { Step::Done } else { Step::Bad(HeadError::Method09) };
        }
        self.at = At::Header;
        self.line.clear();
        Step::Line
    }

    fn header_byte(&mut self, byte: u8) -> Step {
        if byte != b'\n' {
            return Step::More;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
        let line = line.get(..end).unwrap_or(line);
        if line.is_empty() {
            return Step::Done;
        }
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let bad_name = name.is_empty() || name.iter().any(|b| *b <= 0x20 || *b == 0x7f);
        if bad_name || value.iter().any(|b| *b == 0 || *b == b'\r') {
            return Step::Bad(HeadError::BadHeader);
        }
        let value = value.strip_prefix(b":").unwrap_or(value);
        self.head.headers.push((name.to_vec(), trim_spaces(value).to_vec()));
        Step::More
    }
}

fn trim_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b' ').unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| *b != b' ').map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// The decoded and normalised path, and the query if any, of a target's path; `None` where nginx answers 400:
/// a broken or zero escape, or a climb above the root.
pub fn normalise(target: &[u8]) -> Option<(Vec<u8>, Option<&[u8]>)> {
    let end = target.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(target.len());
    let query = target.get(end..).and_then(|rest| rest.strip_prefix(b"?"));
    let query = query.map(|q| q.split(|b| *b == b'#').next().unwrap_or_default());
    let decoded = percent_decode(target.get(..end)?)?;
    let mut out: Vec<u8> = Vec::with_capacity(decoded.len());
    let mut segments = decoded.split(|b| *b == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"" | b"." if last => out.push(b'/'),
            b"" | b"." => {}
            b".." => {
                let slash = out.iter().rposition(|b| *b == b'/')?;
                out.truncate(slash);
                if last {
                    out.push(b'/');
                }
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Some((out, query))
}

fn percent_decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let high = char::from(*rest.next()?).to_digit(16)?;
        let low = char::from(*rest.next()?).to_digit(16)?;
        match u8::try_from(high * 16 + low) {
            Ok(0) | Err(_) => return None,
            Ok(value) => out.push(value),
        }
    }
    Some(out)
}

/// Whether nginx takes this value for a host (`ngx_http_validate_host`).
pub fn host_is_valid(host: &[u8]) -> bool {
    let name = match host.first() {
        Some(b'[') => host,
        _ => host.split(|b| *b == b':').next().unwrap_or_default(),
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    !name.is_empty()
        && !name.windows(2).any(|pair| pair == b"..")
        && !host.iter().any(|b| *b <= 0x20 || *b == 0x7f || *b == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> Option<String> {
        normalise(target.as_bytes()).map(|(path, _)| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn paths_are_normalised_as_nginx_does() {
        for (target, expected) in [
            ("/", Some("/")),
            ("//a//b/", Some("/a/b/")),
            ("/a/./b/.", Some("/a/b/")),
            ("/a/../b", Some("/b")),
            ("/a/..", Some("/")),
            ("/..", None),
            ("/a/../../b", None),
            ("/%2e%2e/x", None),
            ("/a%2fb?c=%zz", Some("/a/b")),
            ("/%zz", None),
            ("/%00", None),
            ("/%4", None),
            ("/...", Some("/...")),
            ("/a#b", Some("/a")),
        ] {
            assert_eq!(path(target).as_deref(), expected, "{target}");
        }
        assert_eq!(normalise(b"/?q#f").unwrap().1, Some(&b"q"[..]));
        assert_eq!(normalise(b"/#f?q").unwrap().1, None);
    }

    #[test]
    fn hosts_are_judged_as_nginx_does() {
        for good in ["a", "a.", "a:80", "[::1]:80", "a:", "_"] {
            assert!(host_is_valid(good.as_bytes()), "{good}");
        }
        for bad in ["", ":80", "a b", "a/b", "a..b", "."] {
            assert!(!host_is_valid(bad.as_bytes()), "{bad}");
        }
    }
}
