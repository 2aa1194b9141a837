//! Serde for instants of rows: RFC 3339 in UTC with six decimals.

pub(crate) mod instant {
    use phantom_core::{Timestamp, rfc3339};
    use serde::Serializer;

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&rfc3339(*at))
    }
}

pub(crate) mod maybe_instant {
    use phantom_core::{Timestamp, rfc3339};
    use serde::{Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        at.map(rfc3339).serialize(s)
    }
}
