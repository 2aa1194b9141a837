//! How names are shown.

/// Quoting as gnulib's quotearg has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Literal,
    Shell,
    ShellAlways,
    ShellEscape,
    ShellEscapeAlways,
    C,
    /// As `C` where it must be.
    CMaybe,
    Escape,
    Locale,
    CLocale,
}

/// A name in a style.
pub(super) fn quote(name: &[u8], style: Style) -> Vec<u8> {
    match style {
        Style::Literal => name.to_vec(),
        Style::C => [b"\"", escaped(name, true).as_slice(), b"\""].concat(),
        Style::Escape => escaped(name, false),
        Style::Shell => shell(name, false, false),
        Style::ShellAlways => shell(name, true, false),
        Style::CMaybe if escaped(name, true) == name => name.to_vec(),
        Style::CMaybe => quote(name, Style::C),
        Style::Locale => ["‘".as_bytes(), &escaped(name, true), "’".as_bytes()].concat(),
        Style::CLocale => ["“".as_bytes(), &escaped(name, true), "”".as_bytes()].concat(),
        Style::ShellEscape => shell(name, false, true),
        Style::ShellEscapeAlways => shell(name, true, true),
    }
}

/// Characters with, for each, whether it can be printed.
fn characters(name: &[u8]) -> Vec<(&[u8], bool)> {
    let mut all = Vec::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().split_inclusive(|_| true) {
            let printable = c.chars().all(|c| !c.is_control());
            all.push((c.as_bytes(), printable));
        }
        all.extend(chunk.invalid().chunks(1).map(|byte| (byte, false)));
    }
    all
}

fn escape(byte: u8) -> String {
    match byte {
        7 => "\\a".to_owned(),
        8 => "\\b".to_owned(),
        9 => "\\t".to_owned(),
        10 => "\\n".to_owned(),
        11 => "\\v".to_owned(),
        12 => "\\f".to_owned(),
        13 => "\\r".to_owned(),
        byte => format!("\\{byte:03o}"),
    }
}

fn escaped(name: &[u8], quotes: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (c, printable) in characters(name) {
        match c {
            b"\\" => out.extend_from_slice(b"\\\\"),
            b"\"" if quotes => out.extend_from_slice(b"\\\""),
            b" " if !quotes => out.extend_from_slice(b"\\ "),
            c if printable => out.extend_from_slice(c),
            c => out.extend(c.iter().flat_map(|byte| escape(*byte).into_bytes())),
        }
    }
    out
}

fn shell(name: &[u8], always: bool, escapes: bool) -> Vec<u8> {
    let all = characters(name);
    let odd = escapes && all.iter().any(|(_, printable)| !printable);
    let special = |n: usize, c: &[u8]| match c {
        b"{" | b"}" => all.len() == 1,
        b"#" | b"~" => n == 0,
        c => matches!(c, [one] if b" !\"$&()*;<=>[^`|'?\\\n\t\r".contains(one)),
    };
    let needs = odd || name.is_empty() || all.iter().enumerate().any(|(n, (c, _))| special(n, c));
    if !always && !needs {
        return name.to_vec();
    }
    // An apostrophe among harmless characters goes between double quotes.
    let gentle = |c: &&(&[u8], bool)| !matches!(c.0, [one] if b"!\"$`\\".contains(one));
    if !odd && name.contains(&b'\'') && all.iter().all(|c| gentle(&c)) {
        return [b"\"", name, b"\""].concat();
    }
    let mut out = b"'".to_vec();
    let mut plain = true;
    for (c, printable) in all {
        if !printable && escapes {
            if plain {
                out.extend_from_slice(b"'$'");
                plain = false;
            }
            out.extend(c.iter().flat_map(|byte| escape(*byte).into_bytes()));
            continue;
        }
        if !plain {
            out.extend_from_slice(b"''");
            plain = true;
        }
        if c == b"'" { out.extend_from_slice(b"'\\''") } else { out.extend_from_slice(c) }
    }
    out.push(b'\'');
    out
}

/// Question marks for what cannot be printed.
pub(super) fn hidden(name: &[u8]) -> Vec<u8> {
    characters(name)
        .into_iter()
        .flat_map(|(c, printable)| if printable { c.to_vec() } else { b"?".to_vec() })
        .collect()
}

/// Columns of a terminal that a text takes.
pub(super) fn width(text: &[u8]) -> usize {
    characters(text).len()
}

/// A size in powers of 1000, rounded up.
pub(super) fn si(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["", "k", "M", "G", "T"] {
        if value < 1000.0 {
            return match unit {
                "" => size.to_string(),
                _ if value <= 9.9 => format!("{:.1}{unit}", (value * 10.0).ceil() / 10.0),
                _ => format!("{:.0}{unit}", value.ceil()),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.0}P")
}
