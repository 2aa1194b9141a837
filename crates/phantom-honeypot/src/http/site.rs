//! What the server serves: files, a sign-in page and an area behind a password, as data.

use std::borrow::Cow;

use phantom_core::{Timestamp, from_micros};

/// A static file.
#[derive(Debug, Clone)]
pub struct File {
    /// Absolute, normalised, such as `/index.html`.
    pub path: Cow<'static, str>,
    /// Its bytes.
    pub content: Cow<'static, [u8]>,
    /// When it was last changed, in seconds since the Unix epoch.
    pub modified: i64,
}

impl File {
    /// nginx's entity tag: modification time and size in hexadecimal.
    pub fn etag(&self) -> String {
        format!("\"{:x}-{:x}\"", self.modified, self.content.len())
    }

    /// The `Last-Modified` date.
    pub fn last_modified(&self) -> String {
        http_date(from_micros(self.modified.saturating_mul(1_000_000)))
    }

    /// By its ending, from the `mime.types` of Debian's nginx 1.22.1.
    pub fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html" | "htm") => "text/html",
            Some("css") => "text/css",
            Some("js") => "application/javascript",
            Some("txt") => "text/plain",
            Some("json") => "application/json",
            Some("xml") => "text/xml",
            Some("png") => "image/png",
            Some("ico") => "image/x-icon",
            Some("svg") => "image/svg+xml",
            Some("zip") => "application/zip",
            Some("gz") => "application/gzip",
            Some("pdf") => "application/pdf",
            _ => "application/octet-stream",
        }
    }
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7).
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Everything one server serves.
#[derive(Debug, Clone)]
pub struct Site {
    /// The static files; directories follow from their paths.
    pub files: Vec<File>,
    /// Where the sign-in form lives; its page holds `<!--MESSAGE-->` where a refusal is shown.
    pub login: (Cow<'static, str>, Cow<'static, str>),
    /// Everything under this path (ending in `/`) asks for a password of this realm.
    pub protected: (Cow<'static, str>, Cow<'static, str>),
}

/// What lies at a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Nothing,
    File(&'a File),
    /// A directory named with its slash, and its `index.html`.
    Directory(Option<&'a File>),
    /// A directory named without its slash.
    Bare,
    Login,
    Protected,
}

impl Site {
    pub(super) fn at(&self, path: &[u8]) -> Place<'_> {
        let Ok(path) = std::str::from_utf8(path) else { return Place::Nothing };
        if path.starts_with(&*self.protected.0) {
            return Place::Protected;
        }
        if path == self.login.0 {
            return Place::Login;
        }
        if let Some(file) = self.files.iter().find(|file| file.path == path) {
            return Place::File(file);
        }
        let inside = |directory: &str| {
            self.files.iter().any(|file| file.path.starts_with(directory)) || self.protected.0 == directory
        };
        if path.ends_with('/') {
            let index = self.files.iter().find(|file| file.path.strip_suffix("index.html") == Some(path));
            return if inside(path) { Place::Directory(index) } else { Place::Nothing };
        }
        if inside(&format!("{path}/")) { Place::Bare } else { Place::Nothing }
    }

    /// The sign-in page, with a refusal or without.
    pub(super) fn login_page(&self, refused: bool) -> String {
        let message = if refused { "<p class=\"wrong\">User name or password is wrong.</p>" } else { "" };
        self.login.1.replace("<!--MESSAGE-->", message)
    }
}

/// 2025-03-11 08:42:07 UTC: when the files of the built-in site were last changed.
const BUILT_IN_MODIFIED: i64 = 1_741_682_527;

impl Default for Site {
    /// A small facility desk of our own writing.
    fn default() -> Self {
        let file = |path: &'static str, content: &'static str, age: i64| File {
            path: path.into(),
            content: content.as_bytes().into(),
            modified: BUILT_IN_MODIFIED - age,
        };
        Self {
            files: vec![
                file("/index.html", include_str!("site/index.html"), 0),
                file("/hours.html", include_str!("site/hours.html"), 311),
                file("/assets/desk.css", include_str!("site/desk.css"), 90_402),
                file("/robots.txt", include_str!("site/robots.txt"), 90_120),
            ],
            login: ("/login".into(), include_str!("site/login.html").into()),
            protected: ("/admin/".into(), "Administration".into()),
        }
    }
}
