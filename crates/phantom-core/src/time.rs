//! Instants as they stand in events: UTC with microseconds.

pub use jiff::Timestamp;

/// Microseconds since the Unix epoch.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant so many microseconds after the Unix epoch; instants outside years -9999 to 9999 are clamped,
/// since a capture file may hold any number.
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// RFC 3339 in UTC with exactly six decimals, as every event prints it.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Serde for a [`Timestamp`] as RFC 3339 with six decimals: `#[serde(with = "crate::time::serde_rfc3339")]`.
pub(crate) mod serde_rfc3339 {
    use super::{Timestamp, rfc3339};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&rfc3339(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let at: Timestamp = text.parse().map_err(D::Error::custom)?;
        // Events have microseconds; finer digits of another's line would not survive being written.
        Ok(super::from_micros(super::micros(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decimals_always() {
        assert_eq!(rfc3339(from_micros(0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(from_micros(1_700_000_000_120_000)), "2023-11-14T22:13:20.120000Z");
    }

    #[test]
    fn absurd_instants_are_clamped() {
        assert_eq!(from_micros(i64::MAX), Timestamp::MAX);
        assert_eq!(from_micros(i64::MIN), Timestamp::MIN);
    }
}
