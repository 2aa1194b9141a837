//! Values as a shell would have to be given them.

use super::print::ansi_quote;

fn is_odd(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| *b < 32 || *b == 127) || std::str::from_utf8(bytes).is_err()
}

/// `'...'`, with `$'...'` where control characters stand: `${x@Q}`, `printf -v`, arrays.
pub(in crate::shell) fn quote_value(word: &[u8]) -> Vec<u8> {
    if is_odd(word) {
        return ansi_quote(word);
    }
    let mut out = b"'".to_vec();
    for byte in word {
        if *byte == b'\'' { out.extend_from_slice(b"'\\''") } else { out.push(*byte) }
    }
    out.push(b'\'');
    out
}

/// As `set -x` shows a word: quoted only where it must be.
pub(in crate::shell) fn quote_trace(word: &[u8]) -> Vec<u8> {
    let special = b" \t\n'\"\\|&;()<>!{}*[]?^$`";
    let first = word.first().is_some_and(|b| b"#~".contains(b));
    if word.is_empty() || first || word.iter().any(|b| special.contains(b) || *b < 32 || *b == 127) {
        quote_value(word)
    } else {
        word.to_vec()
    }
}

/// `set`: bare where nothing needs quoting.
pub(super) fn quote_set(word: &[u8]) -> Vec<u8> {
    if word.is_empty() { Vec::new() } else { quote_trace(word) }
}

/// `"..."`, as `declare -p` shows values.
pub(super) fn double(word: &[u8]) -> Vec<u8> {
    if is_odd(word) {
        return ansi_quote(word);
    }
    let mut out = b"\"".to_vec();
    for byte in word {
        if b"\"\\$`".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

/// Backslashes, as `printf %q` has it.
pub(super) fn backslashed(word: &[u8]) -> Vec<u8> {
    if word.is_empty() {
        return b"''".to_vec();
    }
    if is_odd(word) {
        return ansi_quote(word);
    }
    let mut out = Vec::new();
    for (n, byte) in word.iter().enumerate() {
        if b" '\"\\|&;()<>!{}*[]?^$`,".contains(byte) || (n == 0 && b"#~".contains(byte)) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}
