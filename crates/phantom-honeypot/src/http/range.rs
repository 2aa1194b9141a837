//! Ranges and conditions as nginx 1.22.1 judges them.

use super::parse::Head;
use super::site::File;
use phantom_core::Timestamp;

/// What the conditions of a request ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// The file.
    Send,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Conditions in nginx's order (`ngx_http_not_modified_filter_module.c`), with `if_modified_since exact`.
pub(super) fn condition(head: &Head, file: &File) -> Condition {
    let modified = file.last_modified();
    let etag = file.etag();
    if let Some(date) = head.header("if-unmodified-since") {
        let unchanged = parse_date(date).is_some_and(|at| file.modified <= at);
        if !unchanged {
            return Condition::Failed;
        }
    }
    if head.header("if-match").is_some_and(|list| !etag_matches(list, &etag, false)) {
        return Condition::Failed;
    }
    let since = head.header("if-modified-since");
    let none = head.header("if-none-match");
    if since.is_none() && none.is_none() {
        return Condition::Send;
    }
    let changed =
        since.is_some_and(|date| date != modified.as_bytes() && parse_date(date) != Some(file.modified));
    let other = none.is_some_and(|list| !etag_matches(list, &etag, true));
    if changed || other { Condition::Send } else { Condition::NotModified }
}

fn parse_date(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok()?.strip_suffix(" GMT")?;
    let at = Timestamp::strptime("%a, %d %b %Y %H:%M:%S %z", format!("{text} +0000")).ok()?;
    Some(at.as_second())
}

fn etag_matches(list: &[u8], etag: &str, weak: bool) -> bool {
    list == b"*"
        || list.split(|b| *b == b',').any(|item| {
            let item = item.trim_ascii();
            let item = if weak { item.strip_prefix(b"W/").unwrap_or(item) } else { item };
            item == etag.as_bytes()
        })
}

/// What a `Range` header comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ranges {
    /// The whole file.
    Whole,
    /// 416.
    Unsatisfiable,
    /// These, start and end (exclusive); never empty.
    Parts(Vec<(u64, u64)>),
}

/// Judges the range of a request for a file of this length (`ngx_http_range_parse`).
pub(super) fn ranges(head: &Head, file: &File) -> Ranges {
    let Some(value) = head.header("range") else { return Ranges::Whole };
    if let Some(condition) = head.header("if-range") {
        let holds = condition == file.etag().as_bytes() || condition == file.last_modified().as_bytes();
        if !holds {
            return Ranges::Whole;
        }
    }
    let length = file.content.len() as u64;
    match value.split_at_checked(6) {
        Some((unit, set)) if unit.eq_ignore_ascii_case(b"bytes=") => parse(set, length),
        _ => Ranges::Whole,
    }
}

fn parse(set: &[u8], length: u64) -> Ranges {
    let mut parts = Vec::new();
    let mut total = 0u64;
    for item in set.split(|b| *b == b',') {
        let item = item.trim_ascii();
        let Some(dash) = item.iter().position(|b| *b == b'-') else { return Ranges::Unsatisfiable };
        let (first, last) = item.split_at(dash);
        let (first, last) = (first.trim_ascii(), last.get(1..).unwrap_or_default().trim_ascii());
        let (start, end) = match (first.is_empty(), last.is_empty()) {
            (true, _) => match number(last) {
                Some(suffix) => (length.saturating_sub(suffix), length),
                None => return Ranges::Unsatisfiable,
            },
            (false, true) => match number(first) {
                Some(start) => (start, length),
                None => return Ranges::Unsatisfiable,
            },
            (false, false) => match (number(first), number(last)) {
                (Some(start), Some(end)) => (start, end.saturating_add(1).min(length)),
                _ => return Ranges::Unsatisfiable,
            },
        };
        if start < end {
            parts.push((start, end));
            total += end - start;
        } else if start == 0 {
            return Ranges::Whole;
        }
    }
    match parts.is_empty() {
        true => Ranges::Unsatisfiable,
        false if total > length => Ranges::Whole,
        false => Ranges::Parts(parts),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_judged_as_nginx_does() {
        for (set, expected) in [
            ("0-3", Ranges::Parts(vec![(0, 4)])),
            ("990-", Ranges::Parts(vec![(990, 1000)])),
            ("-5", Ranges::Parts(vec![(995, 1000)])),
            ("0-1, 4-5", Ranges::Parts(vec![(0, 2), (4, 6)])),
            ("2000-", Ranges::Unsatisfiable),
            ("5-1", Ranges::Unsatisfiable),
            ("x", Ranges::Unsatisfiable),
            ("-", Ranges::Unsatisfiable),
            ("1x-2", Ranges::Unsatisfiable),
            ("0-,0-", Ranges::Whole),
            ("0-5000", Ranges::Parts(vec![(0, 1000)])),
        ] {
            assert_eq!(parse(set.as_bytes(), 1000), expected, "{set}");
        }
    }
}
