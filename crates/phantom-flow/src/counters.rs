//! Counts of what was seen, so that no oddity is silent.

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Increments since the previous batch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct WireCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl WireCounters {
            /// How many counters there are.
            pub const FIELDS: usize = [$(stringify!($name)),*].len();

            /// Adds another batch's; saturating.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }

            /// Name and value of each, for metrics and summaries.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            #[cfg(test)]
            pub(crate) fn all(value: u64) -> Self {
                Self { $($name: value,)* }
            }
        }
    };
}

counters!(
    /// Frames looked at.
    frames,
    /// IP packets among them.
    packets,
    /// IP bytes of those, as on the wire.
    bytes,
    /// ARP frames.
    arp,
    /// Frames that carry neither IP nor ARP.
    not_ip,
    /// Frames of a link type that is not understood.
    unknown_link,
    /// Packets whose captured bytes end before their headers do.
    truncated,
    /// Packets whose length fields contradict each other or the frame.
    bad_length,
    /// Packets with an impossible IP version, header length or data offset.
    bad_header,
    /// IP fragments; those after the first belong to no flow.
    fragments,
    /// Packets with IPv4 options or IPv6 extension headers.
    options,
    /// ICMP errors about another packet; they open no flow.
    icmp_errors,
    /// Packets older than the newest one before them.
    backwards,
    /// Times the clock was set back by more than the table tolerates, closing all flows.
    clock_resets,
    /// Flows opened.
    flows_opened,
    /// Flow records closed.
    flows_closed,
    /// Of those, evicted because the table was full.
    flows_evicted,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_is_by_field_and_never_wraps() {
        let mut sum = WireCounters { arp: 2, ..WireCounters::default() };
        sum.add(&WireCounters { arp: 3, frames: u64::MAX, ..WireCounters::default() });
        sum.add(&WireCounters { frames: 1, ..WireCounters::default() });
        assert_eq!((sum.arp, sum.frames), (5, u64::MAX));
        assert_eq!(sum.iter().find(|(name, _)| *name == "arp"), Some(("arp", 5)));
        assert_eq!(sum.iter().count(), WireCounters::FIELDS);
    }
}
