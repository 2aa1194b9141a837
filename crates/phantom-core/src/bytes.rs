//! Attacker bytes wear a type: capped when made, escaped when shown, lossless when stored.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that a peer chose. They are capped when made, escaped by [`fmt::Display`] and lossless in JSON.
///
/// In JSON they are a string: valid UTF-8 stands as it is, and every byte that is not part of valid UTF-8
/// becomes the private-use character U+F700 + byte (so U+F780 to U+F7FF). A peer's own characters of that
/// range are written byte by byte in the same way, so decoding is unambiguous and any byte string survives.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Untrusted(Box<[u8]>);

/// Where the raw bytes 0x80 to 0xff stand in JSON: U+F780 to U+F7FF.
const RAW_BASE: u32 = 0xf700;

impl Untrusted {
    /// At most the first `cap` of `bytes`.
    pub fn capped(bytes: &[u8], cap: usize) -> Self {
        Self(bytes.get(..cap).unwrap_or(bytes).into())
    }

    /// The bytes as the peer sent them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The string that stands for these bytes in JSON and in database columns (see the type's description).
    /// It may hold control characters: it is for storage, not for showing.
    pub fn to_lossless(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if (RAW_BASE + 0x80..=RAW_BASE + 0xff).contains(&u32::from(c)) {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().for_each(|b| push_raw(&mut out, b));
                } else {
                    out.push(c);
                }
            }
            chunk.invalid().iter().for_each(|b| push_raw(&mut out, *b));
        }
        out
    }

    /// The inverse of [`Untrusted::to_lossless`].
    pub fn from_lossless(text: &str) -> Self {
        let mut out = Vec::with_capacity(text.len());
        for c in text.chars() {
            match u32::from(c).checked_sub(RAW_BASE).map(u8::try_from) {
                Some(Ok(byte)) if byte >= 0x80 => out.push(byte),
                _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Self(out.into())
    }
}

fn push_raw(out: &mut String, byte: u8) {
    if let Some(c) = char::from_u32(RAW_BASE + u32::from(byte)) {
        out.push(c);
    }
}

/// Shows the bytes so that no terminal, page or log line can be attacked with them: control characters,
/// backslashes, bidirectional and invisible format characters and raw bytes are escaped.
impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    c if is_deceptive(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// C1 controls, line and paragraph separators, bidirectional and zero-width characters, tags and private use.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// How many bytes stand before a character that has only begun.
pub(crate) fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => {
            let last = bytes.utf8_chunks().last().map_or(&b""[..], |chunk| chunk.invalid());
            // An end that could still become a character, behind bytes that are none.
            let begun = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
            bytes.len() - if begun { last.len() } else { 0 }
        }
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<Vec<u8>> for Untrusted {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_lossless())
    }
}

impl<'de> Deserialize<'de> for Untrusted {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from_lossless(&std::borrow::Cow::<'de, str>::deserialize(d)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shown_bytes_cannot_steer_a_terminal() {
        let shown = Untrusted::from(b"a\x1b[2J\xff\\ \xe2\x80\xae\xc2\x9b\r\n".to_vec()).to_string();
        assert_eq!(shown, "a\\x1b[2J\\xff\\\\ \\u{202e}\\u{9b}\\r\\n");
    }

    #[test]
    fn a_peers_own_private_use_characters_survive() {
        let own = Untrusted::from("\u{f7ff}x");
        assert_eq!(Untrusted::from_lossless(&own.to_lossless()), own);
        assert_ne!(own.to_lossless(), "\u{f7ff}x");
    }

    #[test]
    fn the_cap_holds() {
        assert_eq!(Untrusted::capped(b"abcdef", 3).as_bytes(), b"abc");
    }

    proptest! {
        #[test]
        fn any_bytes_survive_json(bytes: Vec<u8>) {
            let original = Untrusted::from(bytes);
            let json = serde_json::to_string(&original).unwrap();
            prop_assert_eq!(serde_json::from_str::<Untrusted>(&json).unwrap(), original);
        }

        #[test]
        fn shown_text_holds_no_control_character(bytes: Vec<u8>) {
            prop_assert!(!Untrusted::from(bytes).to_string().chars().any(|c| c.is_control()));
        }
    }
}
