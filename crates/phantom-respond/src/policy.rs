//! What may be blocked, for how long, and what never.

use std::time::Duration;

use ipnet::IpNet;
use phantom_core::event::Severity;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whether blocks happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing is decided.
    Off,
    /// Everything is decided and journalled, nothing is dropped.
    #[default]
    DryRun,
    /// Decisions are carried out.
    Enforce,
}

/// The response policy. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether blocks happen.
    pub mode: Mode,
    /// Never blocked, and no block overlaps them. Names such as `gateway` are resolved by the caller.
    pub never_block: Vec<IpNet>,
    /// Networks that are ours.
    pub home_net: Vec<IpNet>,
    /// Whether sources within `home_net` may be blocked.
    pub block_internal: bool,
    /// Whether blocked sources are kept from the honeypots too. For the firewall: the ledger does not read it.
    pub block_honeypots: bool,
    /// Alerts of at least this severity block their source; absent: alerts block nobody. High: alerts that rest on
    /// what can be forged or is inferred are medium.
    pub alert_severity: Option<Severity>,
    /// Scores of at least this level block their source; absent: scores block nobody.
    pub score_level: Option<Severity>,
    /// How long the first, second, ... block of a source lasts; the last rung repeats. An hour at first, since
    /// addresses are shared and change hands.
    #[serde(with = "spans")]
    pub ladder: Vec<Duration>,
    /// A source not blocked for this long starts at the first rung again.
    #[serde(with = "phantom_core::duration")]
    pub forget: Duration,
    /// Blocks at one time; more are refused. A table of 4,096 is small for nftables and more than one node's
    /// attackers of a day.
    pub max_blocks: u32,
    /// New blocks a minute of event time; more are refused. Against a storm of verdicts, from a fault or by forgery.
    pub max_per_minute: u32,
    /// Blocks of IPv6 sources cover this prefix: a customer commonly holds a /64 (RFC 6177) and can use a new address
    /// for every packet. Where it would cover anything protected, the address alone is blocked. 64 to 128.
    pub ipv6_prefix: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::DryRun,
            never_block: vec![
                IpNet::from(std::net::IpAddr::from([127, 0, 0, 0])).supernet_of_length(8),
                IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
            ],
            home_net: Vec::new(),
            block_internal: false,
            block_honeypots: false,
            alert_severity: Some(Severity::High),
            score_level: Some(Severity::High),
            ladder: [1, 4, 24, 168].map(|hours| Duration::from_secs(hours * 3600)).to_vec(),
            forget: Duration::from_secs(30 * 86_400),
            max_blocks: 4_096,
            max_per_minute: 60,
            ipv6_prefix: 64,
        }
    }
}

/// Widening a network to a shorter prefix.
trait Supernet {
    fn supernet_of_length(self, prefix: u8) -> Self;
}

impl Supernet for IpNet {
    fn supernet_of_length(self, prefix: u8) -> Self {
        Self::new(self.addr(), prefix).map_or(self, |net| net.trunc())
    }
}

/// Why a policy makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// No rung, or one shorter than a second or longer than a year.
    #[error("response.ladder must hold 1 to 16 spans, each between 1s and 365d")]
    Ladder,
    /// Shorter than a /64 or longer than an address.
    #[error("response.ipv6_prefix must be between 64 and 128")]
    Prefix,
    /// More than fits in memory.
    #[error("response.max_blocks must be at most 1000000")]
    MaxBlocks,
}

impl Policy {
    /// Whether the policy makes sense; [`crate::Ledger::new`] refuses one that does not.
    ///
    /// # Errors
    /// [`PolicyError`] names the key.
    pub fn check(&self) -> Result<(), PolicyError> {
        let year = Duration::from_secs(365 * 86_400);
        let fits = |rung: &Duration| (Duration::from_secs(1)..=year).contains(rung);
        if !(1..=16).contains(&self.ladder.len()) || !self.ladder.iter().all(fits) {
            return Err(PolicyError::Ladder);
        }
        if !(64..=128).contains(&self.ipv6_prefix) {
            return Err(PolicyError::Prefix);
        }
        if self.max_blocks > 1_000_000 { Err(PolicyError::MaxBlocks) } else { Ok(()) }
    }
}

mod spans {
    use std::borrow::Cow;
    use std::time::Duration;

    use phantom_core::duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(spans: &[Duration], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(spans.iter().map(|span| duration::format(*span)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Duration>, D::Error> {
        let texts = Vec::<Cow<'de, str>>::deserialize(d)?;
        texts.iter().map(|text| duration::parse(text).map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_safe_and_written_as_they_are_read() {
        let policy = Policy::default();
        assert_eq!((policy.mode, policy.block_internal, policy.check()), (Mode::DryRun, false, Ok(())));
        let text = toml::to_string(&policy).unwrap();
        assert!(text.contains(r#"never_block = ["127.0.0.0/8", "::1/128"]"#), "{text}");
        assert!(text.contains(r#"ladder = ["1h", "4h", "1d", "7d"]"#), "{text}");
        assert_eq!(toml::from_str::<Policy>(&text).unwrap(), policy);
        assert!(toml::from_str::<Policy>("mod = \"enforce\"").is_err());
        assert_eq!(toml::from_str::<Policy>("mode = \"enforce\"").unwrap().mode, Mode::Enforce);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |change: fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy.check().unwrap_err()
        };
        assert_eq!(refused(|p| p.ladder.clear()), PolicyError::Ladder);
        assert_eq!(refused(|p| p.ladder = vec![Duration::ZERO]), PolicyError::Ladder);
        assert_eq!(refused(|p| p.ipv6_prefix = 32), PolicyError::Prefix);
        assert_eq!(refused(|p| p.max_blocks = u32::MAX), PolicyError::MaxBlocks);
    }
}
