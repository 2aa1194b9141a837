//! The order of strings in the locale of a session: en_US.UTF-8 as glibc 2.36 has it, or bytes.

use std::cmp::Ordering;

use super::Shell;

/// Whether strings go by the locale: not where LC_ALL, LC_COLLATE or LANG name C, POSIX or C.UTF-8.
pub(super) fn by_locale(sh: &Shell) -> bool {
    let name = [b"LC_ALL".as_slice(), b"LC_COLLATE", b"LANG"]
        .iter()
        .find_map(|name| sh.get(name).filter(|value| !value.is_empty()))
        .unwrap_or_default();
    !(name.is_empty() || name == b"POSIX" || name == b"C" || name.starts_with(b"C."))
}

/// Compares: punctuation counts only where all else is equal, digits come before letters, lower case before upper.
pub(super) fn compare(a: &[u8], b: &[u8], locale: bool) -> Ordering {
    if !locale {
        return a.cmp(b);
    }
    let weighty = |c: &&u8| c.is_ascii_alphanumeric() || **c >= 0x80 || **c == b'$';
    let letters = |text: &[u8]| text.iter().filter(weighty).map(rank).collect::<Vec<_>>();
    let cases = |text: &[u8]| text.iter().filter(weighty).map(u8::is_ascii_uppercase).collect::<Vec<_>>();
    let marks =
        |text: &[u8]| text.iter().map(|c| if weighty(&c) { 256 } else { u16::from(*c) }).collect::<Vec<_>>();
    letters(a)
        .cmp(&letters(b))
        .then_with(|| cases(a).cmp(&cases(b)))
        .then_with(|| marks(a).cmp(&marks(b)))
        .then_with(|| a.cmp(b))
}

fn rank(c: &u8) -> u8 {
    // `$` weighs less than any digit.
    if *c == b'$' { 1 } else { c.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order that sort(1) of Debian 12 gives in en_US.UTF-8.
    #[test]
    fn as_in_english() {
        let wanted = [
            "1", "10", "2", ".a", "_a", "a", "A", "a1", "aa", "a b", "a-b", "ab", "a.c", "b", ".B", "B",
            "#x", "x", "X", "z",
        ];
        let mut all = wanted;
        all.sort_unstable();
        all.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes(), true));
        assert_eq!(all, wanted);
        assert_eq!(compare(b"B", b"a", false), Ordering::Less);
    }
}
