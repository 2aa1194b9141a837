//! Identifiers of events and sessions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{Timestamp, micros};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A UUIDv7 (RFC 9562 section 5.7) of this instant and ten random bytes.
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(micros(at) / 1000).unwrap_or(0);
                Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The UUID itself.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// From a UUID that was read back.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// Names one event for ever; a second delivery of the same event carries the same id.
    EventId
);
id!(
    /// Names one visit of one peer to one service.
    SessionId
);

/// The id of a verdict: a UUIDv8 (RFC 9562 section 5.8) of what it says, so that the same evidence replayed
/// after a crash yields the same id and no second alert. `parts` are length-prefixed before hashing.
pub fn derived_id(parts: &[&str]) -> EventId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0u8; 16];
    for (to, from) in bytes.iter_mut().zip(hash.finalize().iter()) {
        *to = *from;
    }
    EventId(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_micros;

    #[test]
    fn ids_sort_by_time_and_say_their_version() {
        let early = EventId::new(from_micros(1_000_000), [0xff; 10]);
        let late = EventId::new(from_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.uuid().get_version_num(), 7);
        assert_eq!(early.to_string().parse::<EventId>().unwrap(), early);
    }

    #[test]
    fn derived_ids_keep_their_parts_apart() {
        assert_eq!(derived_id(&["a", "b"]), derived_id(&["a", "b"]));
        assert_ne!(derived_id(&["ab", ""]), derived_id(&["a", "b"]));
        assert_eq!(derived_id(&[]).uuid().get_version_num(), 8);
    }
}
