//! Patterns of file names and `case`.

/// Whether `text` matches; a byte of `pattern` is special only where `live` says so. Iterative with one
/// backtrack point, so at most the product of both lengths.
pub(super) fn matches(pattern: &[(u8, bool)], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        let step = match pattern.get(p) {
            Some((b'*', true)) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some((b'?', true)) => Some(1),
            Some((b'[', true)) => match class(pattern.get(p..).unwrap_or(&[]), *byte) {
                Some((true, length)) => Some(length),
                Some((false, _)) => None,
                None => (*byte == b'[').then_some(1),
            },
            Some((wanted, _)) if wanted == byte => Some(1),
            _ => None,
        };
        match (step, &mut star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((from, at))) => {
                *at += 1;
                t = *at;
                p = *from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == (b'*', true))
}

/// Whether `byte` is in the bracket expression at the start, and how long that is; `None` where it is none.
fn class(pattern: &[(u8, bool)], byte: u8) -> Option<(bool, usize)> {
    let mut at = 1;
    let get = |at: usize| pattern.get(at).map(|c| c.0);
    let not = matches!(get(at), Some(b'!' | b'^'));
    at += usize::from(not);
    let mut found = false;
    let first = at;
    loop {
        let low = get(at)?;
        if low == b']' && at > first {
            return Some((found != not, at + 1));
        }
        if low == b'[' && get(at + 1) == Some(b':') {
            let name: Vec<u8> =
                pattern.iter().skip(at + 2).map(|c| c.0).take_while(|b| *b != b':').take(12).collect();
            found |= named(&name, byte);
            at += name.len() + 4;
            continue;
        }
        match (get(at + 1), get(at + 2)) {
            (Some(b'-'), Some(high)) if high != b']' => {
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                found |= low == byte;
                at += 1;
            }
        }
    }
}

/// POSIX character classes, in the C locale.
pub(in crate::shell) fn named(name: &[u8], byte: u8) -> bool {
    match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase(),
        b"lower" => byte.is_ascii_lowercase(),
        b"space" => byte.is_ascii_whitespace() || byte == 11,
        b"blank" => byte == b' ' || byte == b'\t',
        b"punct" => byte.is_ascii_punctuation(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        b"print" => (32..127).contains(&byte),
        b"cntrl" => byte.is_ascii_control(),
        _ => false,
    }
}
