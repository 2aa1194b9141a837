//! Choices drawn from a seed: the same label of the same seed gives the same choices for ever.

use sha2::{Digest, Sha256};

/// A stream of choices: SHA-256 of seed, label and counter.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    state: [u8; 32],
}

impl Draw {
    pub(crate) fn new(seed: &[u8; 32], label: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(label.as_bytes());
        Self { state: hash.finalize().into() }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = Sha256::digest(self.state).into();
        self.state.iter().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b))
    }

    /// From `low` to below `high`.
    pub(crate) fn unsigned(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % high.saturating_sub(low).max(1)
    }

    /// From `low` to below `high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.next() % u64::try_from(high - low).unwrap_or(1).max(1)).unwrap_or(0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes().first().copied().unwrap_or(0)
    }

    /// The last number of an ordinary host's address.
    pub(crate) fn host(&mut self) -> u8 {
        u8::try_from(self.unsigned(10, 240)).unwrap_or(10)
    }

    /// One of a few; the default of an empty list.
    pub(crate) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let index = self.next() % u64::try_from(list.len()).unwrap_or(1).max(1);
        usize::try_from(index).ok().and_then(|i| list.get(i)).copied().unwrap_or_default()
    }

    /// So many random bytes in lower-case hexadecimal.
    pub(crate) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.byte())).collect()
    }
}

/// 32 bytes as hexadecimal digits.
pub(super) mod hex32 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok())).collect();
        let pairs: Vec<u8> = digits
            .filter(|digits| digits.len() == 64)
            .ok_or_else(|| D::Error::custom("seed is not 64 hexadecimal digits"))?
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit))
            .collect();
        pairs.try_into().map_err(|_| D::Error::custom("seed is not 32 bytes"))
    }
}

/// An instant as RFC 3339.
pub(super) mod instant {
    use phantom_core::{Timestamp, rfc3339};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&rfc3339(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}
