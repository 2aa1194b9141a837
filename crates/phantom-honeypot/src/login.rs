//! Which passwords open the door.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use phantom_core::BoundedMap;
use serde::{Deserialize, Serialize};

use crate::Persona;
use crate::persona::Draw;

/// The operator's choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginRules {
    /// `user:password` patterns; `*` stands for any run of characters. The first `:` parts them.
    pub accept: Vec<String>,
    /// A source's so-manieth distinct try for an account that exists is accepted, whatever it is.
    pub after_attempts: Option<u32>,
    /// Whether FTP lets `anonymous` in.
    pub anonymous_ftp: bool,
}

impl Default for LoginRules {
    fn default() -> Self {
        Self { accept: Vec::new(), after_attempts: None, anonymous_ftp: true }
    }
}

/// Sources remembered at once: some 100 bytes each, so a few MB.
const SOURCES: usize = 32_768;
/// Distinct tries counted a source. More are not told apart, so `after_attempts` beyond this never fires.
const TRIES: usize = 256;

/// The rules and what each source has tried; one for all services of a process. Deterministic: the same
/// tries in the same order are answered the same.
#[derive(Debug)]
pub struct LoginPolicy {
    rules: LoginRules,
    accounts: Vec<Vec<u8>>,
    memory: Mutex<BoundedMap<IpAddr, Source>>,
}

#[derive(Debug, Default)]
struct Source {
    tried: HashSet<u64>,
    /// The pair that worked by number of tries, which goes on working.
    won: Option<(Vec<u8>, Vec<u8>)>,
}

/// Weak passwords that real machines are found with; an installation takes few of them.
const WEAK: &[&str] = &[
    "123456", "password", "12345678", "qwerty", "1234", "admin123", "Passw0rd", "P@ssw0rd", "changeme",
    "letmein", "root123", "toor", "1q2w3e4r", "abc123", "welcome1", "server", "123qwe", "test123", "pass123",
    "qwe123",
];

impl LoginPolicy {
    /// `accounts`: the names for which `after_attempts` may open the door.
    pub fn new(rules: LoginRules, accounts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let accounts = accounts.into_iter().collect();
        Self { rules, accounts, memory: Mutex::new(BoundedMap::new(SOURCES)) }
    }

    /// The rules with the persona's accounts.
    pub fn for_persona(rules: LoginRules, persona: &Persona) -> Self {
        let users = persona.users.iter().map(|user| user.name.clone().into_bytes());
        Self::new(rules, std::iter::once(b"root".to_vec()).chain(users))
    }

    /// The default: two weak passwords for root and one for each account, other ones on every installation.
    pub fn believable(persona: &Persona) -> Self {
        Self::for_persona(Self::believable_rules(persona), persona)
    }

    /// The rules behind [`LoginPolicy::believable`], to be shown or changed.
    pub fn believable_rules(persona: &Persona) -> LoginRules {
        let mut draw = Draw::new(&persona.seed, "login");
        let mut accept = vec![format!("root:{}", draw.pick(WEAK)), format!("root:{}", draw.pick(WEAK))];
        for (index, user) in persona.users.iter().enumerate() {
            // The last user is the one made for a job, the kind whose password is its name.
            let own = index + 1 == persona.users.len();
            accept.push(format!("{0}:{1}", user.name, if own { &user.name } else { draw.pick(WEAK) }));
        }
        accept.dedup();
        LoginRules { accept, ..LoginRules::default() }
    }

    /// Whether this try is let in. Every call counts as a try of `source`.
    pub fn check(&self, source: IpAddr, user: &[u8], password: &[u8]) -> bool {
        let listed = self.rules.accept.iter().any(|pair| {
            let (name, secret) = pair.split_once(':').unwrap_or((pair, ""));
            glob(name.as_bytes(), user) && glob(secret.as_bytes(), password)
        });
        let Some(needed) = self.rules.after_attempts else { return listed };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, _) = memory.touch(source.to_canonical(), Source::default);
        if source.won.as_ref().is_some_and(|(name, secret)| name == user && secret == password) || listed {
            return true;
        }
        if source.won.is_some() {
            return false;
        }
        if source.tried.len() < TRIES {
            source.tried.insert(fingerprint(user, password));
        }
        let enough = u32::try_from(source.tried.len()).unwrap_or(u32::MAX) >= needed;
        let exists = self.accounts.iter().any(|name| name == user);
        if enough && exists {
            source.won = Some((user.to_vec(), password.to_vec()));
            source.tried = HashSet::new();
        }
        enough && exists
    }

    /// Whether FTP lets `anonymous` in.
    pub fn anonymous_ftp(&self) -> bool {
        self.rules.anonymous_ftp
    }
}

/// A number for a pair. Not secret: a source that finds two pairs of one number only delays itself.
fn fingerprint(user: &[u8], password: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (user, password).hash(&mut hasher);
    hasher.finish()
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of bytes. Takes at most the product of
/// both lengths.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if wanted == byte => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((from, at)) => {
                    *at += 1;
                    t = *at;
                    p = *from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(accept: &[&str], after: Option<u32>) -> LoginPolicy {
        let rules = LoginRules {
            accept: accept.iter().map(|&s| s.to_owned()).collect(),
            after_attempts: after,
            anonymous_ftp: false,
        };
        LoginPolicy::new(rules, [b"root".to_vec()])
    }
    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn patterns_match_whole_names_and_secrets() {
        let policy = rules(&["root:12*6", "*:any:thing", "empty:"], None);
        assert!(policy.check(A, b"root", b"123456"));
        assert!(!policy.check(A, b"root", b"1234567"));
        assert!(!policy.check(A, b"toor", b"123456"));
        assert!(policy.check(A, b"x", b"any:thing"));
        assert!(policy.check(A, b"empty", b"") && !policy.check(A, b"empty", b"x"));
        assert!(!policy.anonymous_ftp());
    }

    #[test]
    fn stars_backtrack() {
        assert!(glob(b"a*b*c", b"axxbyybc"));
        assert!(!glob(b"a*b*c", b"axxbyyb"));
        assert!(glob(b"**", b"") && !glob(b"", b"x"));
    }

    #[test]
    fn the_third_distinct_try_wins_and_goes_on_winning() {
        let policy = rules(&[], Some(3));
        assert!(!policy.check(A, b"root", b"a"));
        assert!(!policy.check(A, b"root", b"a"));
        assert!(!policy.check(A, b"root", b"b"));
        assert!(!policy.check(B, b"root", b"c"), "another source starts anew");
        assert!(!policy.check(A, b"nosuch", b"c"), "an account must exist");
        assert!(policy.check(A, b"root", b"d"));
        assert!(policy.check(A, b"root", b"d"));
        assert!(!policy.check(A, b"root", b"e"));
    }

    #[test]
    fn the_default_is_weak_but_not_open() {
        let at = phantom_core::from_micros(1_763_900_000_000_000);
        let persona = Persona::generate([1; 32], at);
        let policy = LoginPolicy::believable(&persona);
        let open = WEAK.iter().filter(|secret| policy.check(A, b"root", secret.as_bytes())).count();
        assert!((1..=2).contains(&open));
        let job = persona.users.last().unwrap();
        assert!(policy.check(A, job.name.as_bytes(), job.name.as_bytes()));
        assert!(!policy.check(A, b"root", b"zz-never") && policy.anonymous_ftp());
        let other = LoginPolicy::believable_rules(&Persona::generate([2; 32], at));
        assert_ne!(other, LoginPolicy::believable_rules(&persona));
    }
}
