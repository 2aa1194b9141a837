//! Passwords, tokens and the throttle on guessing them.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use phantom_core::BoundedMap;
use phantom_store::Role;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Why a password cannot be hashed.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// Too short to withstand guessing, or longer than anybody types.
    #[error("password has {0} bytes, not {MIN_PASSWORD} to {MAX_PASSWORD}")]
    Length(usize),
    /// The system gave no randomness, or Argon2 no hash.
    #[error("password cannot be hashed: {0}")]
    Hash(String),
}

const MIN_PASSWORD: usize = 12;
/// Longer passwords are refused before Argon2 is fed with them.
pub(crate) const MAX_PASSWORD: usize = 1024;

/// Argon2id with 19 MiB, two passes, one lane: OWASP's first recommendation for interactive logins.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The PHC string to store for a password. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// [`PasswordError`].
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&password.len()) {
        return Err(PasswordError::Length(password.len()));
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    match argon2().hash_password_with_salt(password.as_bytes(), &salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}

/// Whether the password is that of `hash`. Without a hash (no such user) it works as long and says no, so that
/// the time taken does not tell which names exist.
pub(crate) fn verify_password(password: &str, hash: Option<&str>) -> bool {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let matches = argon2().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    matches && hash.is_some()
}

/// A fresh secret token (256 random bits, `pnt_` in front so that scanners for leaked secrets can know it) and
/// the SHA-256 under which it is stored.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_token() -> Result<(String, [u8; 32]), PasswordError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let token = random.iter().fold("pnt_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let hash = hash_token(&token);
    Ok((token, hash))
}

/// What a token is looked up by. Comparing hashes of secrets, not secrets, tells a timing observer nothing of
/// use: they cannot choose the hash's prefix.
pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// A user's name, or `token:NAME`.
    pub(crate) name: String,
    /// The user behind it, if any.
    pub(crate) user: Option<String>,
    pub(crate) role: Role,
    /// The token used.
    pub(crate) token: i64,
    /// Whether it came in a cookie.
    pub(crate) browser: bool,
    pub(crate) hash: [u8; 32],
}

/// Failed logins by source: [`Throttle::BURST`] at once, then one every [`Throttle::REFILL`]. An IPv6 source is its /64.
#[derive(Debug)]
pub(crate) struct Throttle {
    failures: BoundedMap<IpAddr, (f64, Instant)>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { failures: BoundedMap::new(Self::SOURCES) }
    }
}

impl Throttle {
    const BURST: f64 = 5.0;
    const REFILL: Duration = Duration::from_secs(10);
    const SOURCES: usize = 10_000;

    /// Takes one try, or says how long to wait. Taken before the password is looked at, so that tries at the
    /// same time do not slip through.
    pub(crate) fn take(&mut self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let ((spent, at), _) = self.failures.touch(key(from), || (0.0, now));
        *spent =
            (*spent - now.saturating_duration_since(*at).as_secs_f64() / Self::REFILL.as_secs_f64()).max(0.0);
        *at = now;
        if *spent + 1.0 > Self::BURST {
            return Err(Self::REFILL.mul_f64(*spent + 1.0 - Self::BURST));
        }
        *spent += 1.0;
        Ok(())
    }

    /// Gives the try back: it was a good one.
    pub(crate) fn succeeded(&mut self, from: IpAddr) {
        if let Some((spent, _)) = self.failures.get_mut(&key(from)) {
            *spent = (*spent - 1.0).max(0.0);
        }
    }
}

fn key(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_verify_and_nobody_never_does() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify_password("correct horse battery", Some(&hash)));
        assert!(!verify_password("correct horse batterz", Some(&hash)));
        assert!(!verify_password("correct horse battery", None));
        assert!(matches!(hash_password("short"), Err(PasswordError::Length(5))));
    }

    #[test]
    fn the_hash_of_nobody_costs_a_whole_computation() {
        let of = |hash| {
            let start = Instant::now();
            verify_password("correct horse battery", hash);
            start.elapsed()
        };
        let hash = hash_password("another password").unwrap();
        assert!(of(None) > of(Some(&hash)) / 4, "an unparsable stand-in would return at once");
    }

    #[test]
    fn guessing_is_slowed_and_a_slash_64_is_one_source() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let ips: Vec<IpAddr> = (1..=6).map(|n| format!("2001:db8::{n}").parse().unwrap()).collect();
        for ip in &ips[..5] {
            assert_eq!(throttle.take(*ip, start), Ok(()));
        }
        let wait = throttle.take(ips[5], start).unwrap_err();
        assert_eq!(wait, Throttle::REFILL);
        assert_eq!(throttle.take("2001:db8:0:1::1".parse().unwrap(), start), Ok(()));
        assert_eq!(throttle.take(ips[0], start + wait), Ok(()));
        assert!(throttle.take(ips[0], start + wait).is_err());
        throttle.succeeded(ips[0]);
        assert_eq!(throttle.take(ips[0], start + wait), Ok(()));
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (a, hash) = new_token().unwrap();
        let (b, _) = new_token().unwrap();
        assert_ne!(a, b);
        assert_eq!(a.len(), 68);
        assert_eq!(hash_token(&a), hash);
    }
}
