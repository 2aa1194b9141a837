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

/// As [`matches`], with `?(a|b)`, `*(..)`, `+(..)`, `@(..)` and `!(..)`: what `[[ == ]]` takes.
pub(super) fn matches_extended(pattern: &[(u8, bool)], text: &[u8]) -> bool {
    let begins = |n: usize| {
        matches!(pattern.get(n), Some((b'?' | b'*' | b'+' | b'@' | b'!', true)))
            && pattern.get(n + 1) == Some(&(b'(', true))
    };
    let Some(at) = (0..pattern.len()).find(|n| begins(*n)) else { return matches(pattern, text) };
    let mut depth = 0;
    let close = pattern.iter().enumerate().skip(at + 1).find(|(_, (b, live))| {
        depth += i32::from(*live && *b == b'(') - i32::from(*live && *b == b')');
        depth == 0
    });
    let Some((close, _)) = close else { return matches(pattern, text) };
    // Nested ones and long texts would multiply the work.
    if text.len() > 256 || pattern.len() > 128 {
        return false;
    }
    let head = pattern.get(..at).unwrap_or(&[]);
    let tail = pattern.get(close + 1..).unwrap_or(&[]);
    let choices: Vec<&[(u8, bool)]> =
        pattern.get(at + 2..close).unwrap_or(&[]).split(|c| *c == (b'|', true)).collect();
    let one = |part: &[u8]| choices.iter().any(|choice| matches(choice, part));
    let many = |part: &[u8]| {
        let mut reached = vec![false; part.len() + 1];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for end in 1..=part.len() {
            let found = (0..end)
                .any(|from| reached.get(from) == Some(&true) && one(part.get(from..end).unwrap_or(&[])));
            if let Some(slot) = reached.get_mut(end) {
                *slot = found;
            }
        }
        reached.last() == Some(&true)
    };
    let kind = pattern.get(at).map_or(b'@', |c| c.0);
    let further =
        tail.windows(2).any(|w| matches!(w, [(b'?' | b'*' | b'+' | b'@' | b'!', true), (b'(', true)]));
    for from in 0..=text.len() {
        if !matches(head, text.get(..from).unwrap_or(&[])) {
            continue;
        }
        for to in from..=text.len() {
            let part = text.get(from..to).unwrap_or(&[]);
            let inside = match kind {
                b'?' => part.is_empty() || one(part),
                b'*' => part.is_empty() || many(part),
                b'+' => one(part) || (!part.is_empty() && many(part)),
                b'!' => !one(part),
                _ => one(part),
            };
            let rest = text.get(to..).unwrap_or(&[]);
            if inside
                && (if further {
                    rest.len() < 64 && matches_extended(tail, rest)
                } else {
                    matches(tail, rest)
                })
            {
                return true;
            }
        }
    }
    false
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
