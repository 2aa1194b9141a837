//! Answers byte by byte as nginx 1.22.1 writes them: header order, status lines and error pages.

use phantom_core::Timestamp;

use super::parse::Head;
use super::range::Ranges;
use super::site::{File, http_date};

const SERVER: &str = "nginx/1.22.1";

/// An answer before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// `None` for 304, which has no `Content-Length`.
    pub(super) body: Option<Vec<u8>>,
    pub(super) location: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Headers behind `Connection`, each with its name.
    pub(super) tail: Vec<(&'static str, String)>,
    /// The connection ends although its header says otherwise (nginx after a failed condition).
    pub(super) hang_up: bool,
}

impl Reply {
    /// nginx's own page for this status.
    pub(super) fn page(status: u16, head: Option<&Head>) -> Self {
        let body = error_page(status, head.is_some_and(wants_padding));
        let status = if status == TOO_LARGE_HEADERS { 400 } else { status };
        Self { status, content_type: "text/html".into(), body: Some(body.into_bytes()), ..Self::default() }
    }

    /// A redirect to an absolute address.
    pub(super) fn redirect(status: u16, location: String, head: &Head) -> Self {
        Self { location: Some(location), ..Self::page(status, Some(head)) }
    }

    /// A page of the application behind nginx.
    pub(super) fn application(status: u16, page: String, headers: Vec<(&'static str, String)>) -> Self {
        Self {
            status,
            content_type: "text/html; charset=utf-8".into(),
            body: Some(page.into_bytes()),
            tail: headers,
            ..Self::default()
        }
    }

    /// A file, whole or in parts. `boundary` parts several ranges; nginx counts it up from 1.
    pub(super) fn file(file: &File, ranges: &Ranges, head: &Head, boundary: u64) -> Self {
        let length = file.content.len();
        let mut reply = Self {
            status: 200,
            content_type: file.content_type().into(),
            last_modified: Some(file.last_modified()),
            tail: vec![("ETag", file.etag())],
            ..Self::default()
        };
        let slice = |(start, end): (u64, u64)| {
            let bounds = usize::try_from(start).unwrap_or(length)..usize::try_from(end).unwrap_or(length);
            file.content.get(bounds).unwrap_or_default()
        };
        match ranges {
            Ranges::Whole => {
                reply.tail.push(("Accept-Ranges", "bytes".into()));
                reply.body = Some(file.content.to_vec());
            }
            Ranges::Unsatisfiable => {
                reply = Self::page(416, Some(head));
                reply.tail.push(("Content-Range", format!("bytes */{length}")));
            }
            Ranges::Parts(parts) => {
                reply.status = 206;
                let mut body = Vec::new();
                if let [only] = parts.as_slice() {
                    reply.tail.push(("Content-Range", content_range(*only, length)));
                    body.extend_from_slice(slice(*only));
                } else {
                    for part in parts {
                        let kind = file.content_type();
                        let range = content_range(*part, length);
                        body.extend_from_slice(
                            format!("\r\n--{boundary:020}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n")
                                .as_bytes(),
                        );
                        body.extend_from_slice(slice(*part));
                    }
                    body.extend_from_slice(format!("\r\n--{boundary:020}--\r\n").as_bytes());
                    reply.content_type = format!("multipart/byteranges; boundary={boundary:020}");
                }
                reply.body = Some(body);
            }
        }
        reply
    }

    /// 304 for this file.
    pub(super) fn not_modified(file: &File) -> Self {
        Self {
            status: 304,
            last_modified: Some(file.last_modified()),
            tail: vec![("ETag", file.etag())],
            ..Self::default()
        }
    }

    /// The bytes. `bare` is HTTP/0.9: a body and nothing else.
    pub(super) fn write(&self, now: Timestamp, keep_alive: bool, head_only: bool, bare: bool) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        if bare {
            return body.to_vec();
        }
        let mut out = format!(
            "HTTP/1.1 {}\r\nServer: {SERVER}\r\nDate: {}\r\n",
            status_line(self.status),
            http_date(now)
        );
        let mut header = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                out.push_str(part);
            }
        };
        if self.body.is_some() {
            header("Content-Type", &self.content_type);
            header("Content-Length", &body.len().to_string());
        }
        if let Some(date) = &self.last_modified {
            header("Last-Modified", date);
        }
        if let Some(location) = &self.location {
            header("Location", location);
        }
        header("Connection", if keep_alive { "keep-alive" } else { "close" });
        for (name, value) in &self.tail {
            header(name, value);
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        if !head_only {
            out.extend_from_slice(body);
        }
        out
    }
}

/// nginx's own number (494) for headers beyond its buffers; told as 400 with a page of its own.
pub(super) const TOO_LARGE_HEADERS: u16 = 494;

fn content_range((start, end): (u64, u64), length: usize) -> String {
    format!("bytes {start}-{}/{length}", end.saturating_sub(1))
}

fn status_line(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        206 => "206 Partial Content",
        301 => "301 Moved Permanently",
        302 => "302 Moved Temporarily",
        304 => "304 Not Modified",
        401 => "401 Unauthorized",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Not Allowed",
        412 => "412 Precondition Failed",
        413 => "413 Request Entity Too Large",
        414 => "414 Request-URI Too Large",
        416 => "416 Requested Range Not Satisfiable",
        501 => "501 Not Implemented",
        505 => "505 HTTP Version Not Supported",
        _ => "400 Bad Request",
    }
}

fn error_page(status: u16, padding: bool) -> String {
    let (title, heading, text) = match status {
        302 => ("302 Found", "302 Found", ""),
        401 => ("401 Authorization Required", "401 Authorization Required", ""),
        TOO_LARGE_HEADERS => (
            "400 Request Header Or Cookie Too Large",
            "400 Bad Request",
            "<center>Request Header Or Cookie Too Large</center>\r\n",
        ),
        status => (status_line(status), status_line(status), ""),
    };
    let mut page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{heading}</h1></center>\r\n\
         {text}<hr><center>{SERVER}</center>\r\n</body>\r\n</html>\r\n"
    );
    if padding && status >= 400 {
        page.push_str(&"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n".repeat(6));
    }
    page
}

/// Whether nginx takes the browser for one that hides short error pages (`ngx_http_process_user_agent`).
fn wants_padding(head: &Head) -> bool {
    let agent = head.header("user-agent").unwrap_or_default();
    let has = |needle: &[u8]| agent.windows(needle.len()).any(|window| window == needle);
    if has(b"Opera") {
        return false;
    }
    head.number.0 >= 1 && (has(b"MSIE ") || (has(b"Chrome/") && !has(b"Gecko/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_lengths_measured_on_nginx() {
        for (status, length) in [
            (301, 169),
            (302, 145),
            (400, 157),
            (401, 179),
            (403, 153),
            (404, 153),
            (405, 157),
            (412, 173),
            (413, 183),
            (414, 177),
            (416, 197),
            (494, 233),
            (501, 165),
            (505, 187),
        ] {
            assert_eq!(error_page(status, false).len(), length, "{status}");
        }
        assert_eq!(error_page(404, true).len(), 555);
    }
}
