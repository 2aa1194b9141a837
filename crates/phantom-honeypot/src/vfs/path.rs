//! Paths as bytes.

use super::node::normal;

/// An absolute path of `path` as seen from `cwd`, `.` and empty parts left out, `..` kept for the walk.
pub fn join(cwd: &[u8], path: &[u8]) -> Vec<u8> {
    let mut out = if path.starts_with(b"/") { Vec::new() } else { cwd.to_vec() };
    for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if !out.ends_with(b"/") {
            out.push(b'/');
        }
        out.extend_from_slice(part);
    }
    if out.is_empty() { b"/".to_vec() } else { out }
}

/// Parent and last name of a path; trailing slashes do not count.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |n| n + 1);
    let path = path.get(..end).unwrap_or(path);
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (path.get(..at.max(1)).unwrap_or(b"/"), path.get(at + 1..).unwrap_or(b"")),
        None => (b"/", path),
    }
}

/// The parts of a path, `.` and empty ones left out.
pub(super) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|part| normal(part))
}
