//! Every threshold by name, with its default and where that comes from.
//!
//! These are the `[detect]` section of the settings file. Unknown keys are refused.

use std::time::Duration;

use ipnet::IpNet;
use phantom_core::pattern::Pair;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest threshold of a rule that remembers every observation of its window: 1,024 instants are 8 KiB a source.
pub const MAX_ATTEMPTS: u32 = 1024;
/// Honeytokens: each login at a honeypot is held against all of them.
pub const MAX_HONEYTOKENS: usize = 4096;
/// Longest window and half-life: evidence older than the default retention of 90 days explains nothing.
pub const MAX_SPAN: Duration = Duration::from_secs(90 * 86_400);

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

section!(
    /// The `[detect]` section.
    Settings {
        /// Networks that are ours. Verdicts about a source within them say so.
        home_net: Vec<IpNet> = Vec::new(),
        /// Sources that are never accused and never scored, such as one's own vulnerability scanner.
        trusted: Vec<IpNet> = Vec::new(),
        /// `[detect.score]`.
        score: ScoreSettings = ScoreSettings::default(),
        /// `[detect.honeypot_touch]`.
        honeypot_touch: HoneypotTouch = HoneypotTouch::default(),
        /// `[detect.honeytoken_used]`.
        honeytoken_used: HoneytokenUsed = HoneytokenUsed::default(),
        /// `[detect.ssh_bruteforce]`.
        ssh_bruteforce: SshBruteforce = SshBruteforce::default(),
        /// `[detect.ftp_bruteforce]`.
        ftp_bruteforce: FtpBruteforce = FtpBruteforce::default(),
        /// `[detect.http_bruteforce]`.
        http_bruteforce: HttpBruteforce = HttpBruteforce::default(),
        /// `[detect.http_flood]`.
        http_flood: HttpFlood = HttpFlood::default(),
        /// `[detect.port_scan]`.
        port_scan: PortScan = PortScan::default(),
        /// `[detect.syn_flood]`.
        syn_flood: SynFlood = SynFlood::default(),
    }
);

section!(
    /// How the threat score forgets and how many sources it holds.
    ScoreSettings {
        /// Evidence weighs half as much after this long. A day: in the honeypot logs measured, sources that come
        /// back do so within days, and an address changes hands within weeks.
        #[serde(with = "phantom_core::duration")]
        half_life: Duration = secs(DAY),
        /// Sources remembered; when full, the one untouched for longest is forgotten. About 1.5 KiB each.
        sources: u32 = 32_768,
    }
);

section!(
    /// First contact with a honeypot.
    HoneypotTouch {
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(DAY),
    }
);

section!(
    /// Bait credentials that are met again at a honeypot.
    HoneytokenUsed {
        /// `user:password` patterns as in `honeypot.login.accept`; none stands for every login. At most
        /// [`MAX_HONEYTOKENS`].
        pairs: Vec<String> = Vec::new(),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// Password guessing over SSH.
    SshBruteforce {
        /// Failed logins at honeypots in `window`. 8: Wazuh's sshd rule counts 8 in 120 s, CrowdSec 5 leaking one in
        /// 10 s; a person who mistypes stops well before.
        attempts: u32 = 8,
        /// The short window.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(60),
        /// Failed logins at honeypots in `slow_window`. 10: today's guessers send a few an hour, which no short
        /// window sees.
        slow_attempts: u32 = 10,
        /// The long window.
        #[serde(with = "phantom_core::duration")]
        slow_window: Duration = secs(DAY),
        /// Short SSH connections to any host on the wire in `wire_window`. The wire cannot see whether a login
        /// failed, so this is higher: scripted administration makes bursts of short connections too.
        wire_attempts: u32 = 20,
        /// The window for the wire.
        #[serde(with = "phantom_core::duration")]
        wire_window: Duration = secs(60),
        /// A connection with more payload than this in either direction is no failed login, in bytes. Measured
        /// between OpenSSH 9.2 and itself: one refused password is 3,013 from the client and 2,841 to it, a login
        /// by key that runs one silent command 3,733 and 3,537; hydra 9.4 stays below 2,000.
        wire_payload: u64 = 3_500,
        /// A connection that lasts longer is no failed login. OpenSSH's `LoginGraceTime` is 120 s.
        #[serde(with = "phantom_core::duration")]
        wire_duration: Duration = secs(120),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// Password guessing over FTP.
    FtpBruteforce {
        /// Failed logins at honeypots in `window`; as for SSH.
        attempts: u32 = 8,
        /// The short window.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(60),
        /// Failed logins at honeypots in `slow_window`; as for SSH.
        slow_attempts: u32 = 10,
        /// The long window.
        #[serde(with = "phantom_core::duration")]
        slow_window: Duration = secs(DAY),
        /// Logins refused (reply 530) by any server on the wire in `wire_window`. 10: a client with a stale
        /// password retries a few times a minute; Zeek counts 20 in 15 min.
        wire_attempts: u32 = 10,
        /// The window for the wire.
        #[serde(with = "phantom_core::duration")]
        wire_window: Duration = secs(60),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// Password guessing over HTTP.
    HttpBruteforce {
        /// Failed logins at honeypots in `window`; as for SSH.
        attempts: u32 = 8,
        /// The short window.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(60),
        /// Failed logins at honeypots in `slow_window`; as for SSH.
        slow_attempts: u32 = 10,
        /// The long window.
        #[serde(with = "phantom_core::duration")]
        slow_window: Duration = secs(DAY),
        /// Requests answered 401 by any server on the wire in `wire_window`. 40: NTLM and Negotiate answer 401 once
        /// or twice on every new connection (RFC 4559 section 5), and a browser opens up to 30 of them.
        wire_attempts: u32 = 40,
        /// The window for the wire.
        #[serde(with = "phantom_core::duration")]
        wire_window: Duration = secs(30),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// More requests than a visitor makes.
    HttpFlood {
        /// Requests to honeypots in `window`. 100: nothing links there, and a page of a honeypot has few parts.
        requests: u32 = 100,
        /// Requests to any server on the wire in `window`. 500: a heavy page is 100 to 200 requests, and several
        /// people may share one address.
        wire_requests: u32 = 500,
        /// The window of both.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(10),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// Many ports of one host.
    PortScan {
        /// Distinct ports of one destination that were refused, silent or dropped unused, in `window`. 15: as
        /// CrowdSec's port scan; a client that looks for a moved service tries two or three.
        ports: u32 = 15,
        /// The short window. CrowdSec takes 5 s; nmap's polite template sends 150 probes in 60 s.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(60),
        /// Distinct ports of one destination in `slow_window`.
        slow_ports: u32 = 30,
        /// The long window: nmap's sneaky template sends one probe in 15 s, its paranoid one in five minutes.
        #[serde(with = "phantom_core::duration")]
        slow_window: Duration = secs(DAY),
        /// At most one alert a source in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

section!(
    /// Half-open connections that nobody completes.
    SynFlood {
        /// Half-open connections to one address and port in `window`. 200: ours; Linux queues 128 to 4,096 of them
        /// by default (`tcp_max_syn_backlog`), so a small server begins to suffer here.
        attempts: u32 = 200,
        /// The window.
        #[serde(with = "phantom_core::duration")]
        window: Duration = secs(10),
        /// Half-open connections must be this many times the completed ones.
        ratio: u32 = 3,
        /// At most one alert a source, or a target, in this time.
        #[serde(with = "phantom_core::duration")]
        cooldown: Duration = secs(HOUR),
    }
);

/// Why settings make no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// A threshold of nothing, or one that would need too much memory.
    #[error("detect.{key} must be between 1 and {max}")]
    Count {
        /// As in `ssh_bruteforce.attempts`.
        key: &'static str,
        /// Largest value allowed.
        max: u32,
    },
    /// A pair that is none, or too many.
    #[error("detect.honeytoken_used.pairs: {0}")]
    Honeytokens(String),
    /// A span of nothing, or one longer than [`MAX_SPAN`].
    #[error("detect.{key} must be between 1s and 90d")]
    Span {
        /// As in `ssh_bruteforce.window`.
        key: &'static str,
    },
}

impl Settings {
    /// Whether every threshold makes sense. [`crate::Engine::new`] clamps what does not.
    ///
    /// # Errors
    /// [`SettingsError`] names the first key that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        let (ssh, ftp, http) = (&self.ssh_bruteforce, &self.ftp_bruteforce, &self.http_bruteforce);
        for (key, value, max) in [
            ("score.sources", self.score.sources, 1 << 20),
            ("ssh_bruteforce.attempts", ssh.attempts, MAX_ATTEMPTS),
            ("ssh_bruteforce.slow_attempts", ssh.slow_attempts, MAX_ATTEMPTS),
            ("ssh_bruteforce.wire_attempts", ssh.wire_attempts, MAX_ATTEMPTS),
            ("ftp_bruteforce.attempts", ftp.attempts, MAX_ATTEMPTS),
            ("ftp_bruteforce.slow_attempts", ftp.slow_attempts, MAX_ATTEMPTS),
            ("ftp_bruteforce.wire_attempts", ftp.wire_attempts, MAX_ATTEMPTS),
            ("http_bruteforce.attempts", http.attempts, MAX_ATTEMPTS),
            ("http_bruteforce.slow_attempts", http.slow_attempts, MAX_ATTEMPTS),
            ("http_bruteforce.wire_attempts", http.wire_attempts, MAX_ATTEMPTS),
            ("http_flood.requests", self.http_flood.requests, u32::MAX),
            ("http_flood.wire_requests", self.http_flood.wire_requests, u32::MAX),
            ("port_scan.ports", self.port_scan.ports, MAX_ATTEMPTS),
            ("port_scan.slow_ports", self.port_scan.slow_ports, MAX_ATTEMPTS),
            ("syn_flood.attempts", self.syn_flood.attempts, u32::MAX),
            ("syn_flood.ratio", self.syn_flood.ratio, u32::MAX),
        ] {
            if value == 0 || value > max {
                return Err(SettingsError::Count { key, max });
            }
        }
        for (key, span) in [
            ("score.half_life", self.score.half_life),
            ("honeypot_touch.cooldown", self.honeypot_touch.cooldown),
            ("honeytoken_used.cooldown", self.honeytoken_used.cooldown),
            ("ssh_bruteforce.window", ssh.window),
            ("ssh_bruteforce.slow_window", ssh.slow_window),
            ("ssh_bruteforce.wire_window", ssh.wire_window),
            ("ssh_bruteforce.wire_duration", ssh.wire_duration),
            ("ssh_bruteforce.cooldown", ssh.cooldown),
            ("ftp_bruteforce.window", ftp.window),
            ("ftp_bruteforce.slow_window", ftp.slow_window),
            ("ftp_bruteforce.wire_window", ftp.wire_window),
            ("ftp_bruteforce.cooldown", ftp.cooldown),
            ("http_bruteforce.window", http.window),
            ("http_bruteforce.slow_window", http.slow_window),
            ("http_bruteforce.wire_window", http.wire_window),
            ("http_bruteforce.cooldown", http.cooldown),
            ("http_flood.window", self.http_flood.window),
            ("http_flood.cooldown", self.http_flood.cooldown),
            ("port_scan.window", self.port_scan.window),
            ("port_scan.slow_window", self.port_scan.slow_window),
            ("port_scan.cooldown", self.port_scan.cooldown),
            ("syn_flood.window", self.syn_flood.window),
            ("syn_flood.cooldown", self.syn_flood.cooldown),
        ] {
            if span < secs(1) || span > MAX_SPAN {
                return Err(SettingsError::Span { key });
            }
        }
        if self.honeytoken_used.pairs.len() > MAX_HONEYTOKENS {
            return Err(SettingsError::Honeytokens(format!("at most {MAX_HONEYTOKENS}")));
        }
        for pair in &self.honeytoken_used.pairs {
            Pair::parse_narrow(pair).map_err(|error| SettingsError::Honeytokens(error.to_string()))?;
        }
        Ok(())
    }
}

/// A span in microseconds, within what [`Settings::check`] allows.
pub(crate) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.clamp(secs(1), MAX_SPAN).as_micros()).unwrap_or(i64::MAX)
}

/// A threshold within what [`Settings::check`] allows.
pub(crate) fn attempts(n: u32) -> usize {
    n.clamp(1, MAX_ATTEMPTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_read() {
        let text = "home_net = [\"192.0.2.0/24\"]\n[ssh_bruteforce]\nattempts = 5\nwindow = \"10m\"";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!((settings.ssh_bruteforce.attempts, settings.ssh_bruteforce.window), (5, secs(600)));
        assert_eq!(settings.ssh_bruteforce.slow_attempts, SshBruteforce::default().slow_attempts);
        assert_eq!(settings.check(), Ok(()));
        let again: Settings = toml::from_str(&toml::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn unknown_keys_and_nonsense_are_refused() {
        assert!(toml::from_str::<Settings>("[ssh_bruteforce]\nattemps = 5").is_err());
        assert!(toml::from_str::<Settings>("[ssh_bruteforse]\nattempts = 5").is_err());
        let mut settings = Settings::default();
        settings.port_scan.ports = 0;
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "detect.port_scan.ports must be between 1 and 1024"
        );
        settings = Settings::default();
        settings.honeytoken_used.pairs = vec!["backup:x".into(), "*:*".into()];
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "detect.honeytoken_used.pairs: \"*:*\" stands for every login"
        );
        settings.honeytoken_used.pairs = vec!["a:b".into(); MAX_HONEYTOKENS + 1];
        assert!(settings.check().is_err());
        settings = Settings::default();
        settings.http_flood.window = Duration::ZERO;
        assert!(settings.check().unwrap_err().to_string().starts_with("detect.http_flood.window"));
    }
}
