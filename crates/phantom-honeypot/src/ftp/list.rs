//! Directory listings as vsftpd writes them.

use phantom_core::pattern::glob;
use phantom_core::{Timestamp, micros};

use super::session::Session;
use crate::vfs::{Kind, Stat};

/// Entries of one listing at most: every entry costs some 80 bytes of answer.
const MAX_ENTRIES: usize = 10_000;

/// What a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `LIST` and `STAT`: a line of attributes.
    Long,
    /// `NLST`: the name.
    Names,
}

/// The lines of `LIST ARGUMENT`, each with its CRLF; nothing where nothing is found.
pub(super) fn listing(session: &Session, argument: &[u8], form: Form, all: bool, now: Timestamp) -> Vec<u8> {
    let (options, path) = split_options(argument);
    let all = all || options.contains(&b'a');
    let vfs = session.vfs(now);
    let who = session.cred();
    let shown = if path.is_empty() { b".".as_slice() } else { path };
    let Ok(mut real) = session.real(shown) else { return Vec::new() };
    let mut filter = None;
    let is_dir = vfs.stat(who, &real).is_ok_and(|stat| stat.kind == Kind::Dir);
    if !is_dir {
        let (parent, name) = crate::vfs::split(&real);
        filter = Some(name.to_vec());
        real = parent.to_vec();
    }
    let Ok(mut entries) = vfs.readdir(who, &real) else { return Vec::new() };
    if all {
        for name in [b".".as_slice(), b".."] {
            if let Ok(ino) = vfs.lookup(who, &crate::vfs::join(&real, b"."), true) {
                let parent = vfs.lookup(who, &[&real, b"/..".as_slice()].concat(), true);
                let kept_in = session.anonymous && session.cwd == b"/";
                entries.push((
                    name.to_vec(),
                    if name == b".." && !kept_in { parent.unwrap_or(ino) } else { ino },
                ));
            }
        }
    }
    entries.retain(|(name, _)| match &filter {
        Some(pattern) => glob(pattern, name) && (all || !name.starts_with(b".") || pattern.starts_with(b".")),
        None => all || !name.starts_with(b"."),
    });
    let mut rows: Vec<(Vec<u8>, Stat)> =
        entries.into_iter().filter_map(|(name, ino)| Some((name, vfs.stat_ino(ino).ok()?))).collect();
    if options.contains(&b't') {
        rows.sort_by(|a, b| b.1.mtime.cmp(&a.1.mtime).then_with(|| a.0.cmp(&b.0)));
    } else {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if options.contains(&b'r') {
        rows.reverse();
    }
    let mut out = Vec::new();
    for (name, stat) in rows.into_iter().take(MAX_ENTRIES) {
        if form == Form::Long {
            let owner = |id: u32| if session.anonymous { "ftp".to_owned() } else { id.to_string() };
            let row = format!(
                "{} {:>4} {:<8} {:<8} {:>8} {} ",
                stat.mode_string(),
                stat.nlink,
                owner(stat.uid),
                owner(stat.gid),
                stat.size,
                date(stat.mtime, now)
            );
            out.extend_from_slice(row.as_bytes());
        }
        out.extend_from_slice(&name);
        if form == Form::Long
            && stat.kind == Kind::Link
            && let Ok(target) = vfs.readlink(who, &crate::vfs::join(&real, &name))
        {
            out.extend_from_slice(b" -> ");
            out.extend_from_slice(&target);
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// `-la NAME` into letters and name.
fn split_options(argument: &[u8]) -> (&[u8], &[u8]) {
    let Some(rest) = argument.strip_prefix(b"-") else { return (b"", argument) };
    let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
    let (letters, path) = rest.split_at(end);
    (letters, path.strip_prefix(b" ").unwrap_or(path))
}

/// Files of more than half a year ago, or of the future, show the year: 182 days, as vsftpd counts.
fn date(at: Timestamp, now: Timestamp) -> String {
    let age = micros(now).saturating_sub(micros(at)) / 1_000_000;
    let form = if (0..=182 * 86_400).contains(&age) { "%b %d %H:%M" } else { "%b %d  %Y" };
    at.strftime(form).to_string()
}
