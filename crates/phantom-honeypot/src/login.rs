//! Which passwords open the door.

use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use phantom_core::BoundedMap;
use phantom_core::pattern::Pair;
use serde::{Deserialize, Serialize};

use crate::Persona;
use crate::persona::Draw;

/// The operator's choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginRules {
    /// `user:password` patterns that are let in; `*` stands for any run of characters. The first `:` parts them.
    pub accept: Vec<String>,
    /// Patterns that are never let in, whatever the rest says.
    pub refuse: Vec<String>,
    /// A source's so-manieth distinct try for an account that exists is accepted, whatever it is.
    pub after_attempts: Option<u32>,
    /// So many tries more, at most: each source has a number of its own, so that counting tells little.
    pub after_attempts_spread: u32,
    /// Whether the password that let a source in is, for that source, the account's only one from then on.
    pub remember: bool,
    /// Whether FTP lets `anonymous` in.
    pub anonymous_ftp: bool,
}

impl Default for LoginRules {
    fn default() -> Self {
        Self {
            accept: Vec::new(),
            refuse: Vec::new(),
            after_attempts: None,
            after_attempts_spread: 0,
            remember: true,
            anonymous_ftp: true,
        }
    }
}

/// Patterns of a list: each login is held against all of them.
const MAX_PAIRS: usize = 4096;

impl LoginRules {
    /// Whether the rules can be followed.
    ///
    /// # Errors
    /// The key and what is wrong with its value.
    pub fn check(&self) -> Result<(), String> {
        for (key, list) in [("accept", &self.accept), ("refuse", &self.refuse)] {
            if list.len() > MAX_PAIRS {
                return Err(format!("{key}: at most {MAX_PAIRS} pairs"));
            }
            for pair in list {
                Pair::parse(pair).map_err(|error| format!("{key}: {error}"))?;
            }
        }
        if self.after_attempts == Some(0) {
            return Err("after_attempts: from 1; to let everybody in at once, accept = [\"*:*\"]".to_owned());
        }
        let most = u64::from(self.after_attempts.unwrap_or(1)) + u64::from(self.after_attempts_spread);
        if most > TRIES as u64 {
            return Err(format!("after_attempts: at most {TRIES}, with after_attempts_spread"));
        }
        Ok(())
    }
}

/// Sources remembered at once, the one silent for longest forgotten first: some 100 bytes each, 2 KiB for one that has
/// used up its tries, so 64 MiB at the very most.
const SOURCES: usize = 32_768;
/// Distinct tries counted a source.
const TRIES: usize = 64;
/// Accounts of a source whose password is remembered.
const KNOWN: usize = 16;

/// The rules and what each source has tried; one for all listeners of a process. Deterministic: the same
/// tries in the same order are answered the same.
#[derive(Debug)]
pub struct LoginPolicy {
    accept: Vec<Pair>,
    refuse: Vec<Pair>,
    rules: LoginRules,
    accounts: Vec<Vec<u8>>,
    /// Sets the number of tries of a source apart from that at other installations.
    seed: u64,
    memory: Mutex<BoundedMap<IpAddr, Source>>,
}

#[derive(Debug, Default)]
struct Source {
    tried: HashSet<u64>,
    /// The password that let it in, by account.
    known: BTreeMap<u64, u64>,
    /// Whether it was let in by the number of its tries, which happens once.
    lucky: bool,
}

/// Weak passwords that real machines are found with; an installation takes few of them.
const WEAK: &[&str] = &[
    "123456", "password", "12345678", "qwerty", "1234", "admin123", "Passw0rd", "P@ssw0rd", "changeme",
    "letmein", "root123", "toor", "1q2w3e4r", "abc123", "welcome1", "server", "123qwe", "test123", "pass123",
    "qwe123",
];

impl LoginPolicy {
    /// `accounts`: the names for which `after_attempts` may open the door. Pairs that are none are left out; see
    /// [`LoginRules::check`].
    pub fn new(rules: LoginRules, accounts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let pairs =
            |list: &[String]| list.iter().flat_map(|pair| Pair::parse(pair)).take(MAX_PAIRS).collect();
        Self {
            accept: pairs(&rules.accept),
            refuse: pairs(&rules.refuse),
            rules,
            accounts: accounts.into_iter().collect(),
            seed: 0,
            memory: Mutex::new(BoundedMap::new(SOURCES)),
        }
    }

    /// The rules with the persona's accounts.
    pub fn for_persona(rules: LoginRules, persona: &Persona) -> Self {
        let users = persona.users.iter().map(|user| user.name.clone().into_bytes());
        let mut policy = Self::new(rules, std::iter::once(b"root".to_vec()).chain(users));
        policy.seed = fingerprint(&(persona.seed, "login"));
        policy
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

    /// Whether this try is let in. Every call counts as a try of `source`; an IPv6 source is its /64.
    pub fn check(&self, source: IpAddr, user: &[u8], password: &[u8]) -> bool {
        let any = |pairs: &[Pair]| pairs.iter().any(|pair| pair.matches(user, password));
        if any(&self.refuse) {
            return false;
        }
        let listed = any(&self.accept);
        if self.rules.after_attempts.is_none() && !(self.rules.remember && listed) {
            // Nothing to count, and nothing that could differ from what is remembered.
            return listed;
        }
        let key = subscriber(source);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, _) = memory.touch(key, Source::default);
        let (account, secret) = (fingerprint(user), fingerprint(password));
        if let Some(known) = source.known.get(&account) {
            return *known == secret;
        }
        let accepted = listed || self.is_lucky(key, source, user, fingerprint(&(user, password)));
        let kept = self.rules.remember || !listed;
        if accepted && kept && source.known.len() < KNOWN {
            source.known.insert(account, secret);
        }
        accepted
    }

    /// Counts a try; whether it is the one that is let in.
    fn is_lucky(&self, key: IpAddr, source: &mut Source, user: &[u8], pair: u64) -> bool {
        let Some(needed) = self.rules.after_attempts.filter(|_| !source.lucky) else { return false };
        if source.tried.len() < TRIES {
            source.tried.insert(pair);
        }
        let spread = u64::from(self.rules.after_attempts_spread) + 1;
        let needed = u64::from(needed) + fingerprint(&(self.seed, key)) % spread;
        let exists = self.accounts.iter().any(|name| name == user);
        source.lucky = exists && source.tried.len() as u64 >= needed;
        if source.lucky {
            source.tried = HashSet::new();
        }
        source.lucky
    }

    /// Whether FTP lets `anonymous` in.
    pub fn anonymous_ftp(&self) -> bool {
        self.rules.anonymous_ftp
    }
}

/// Whoever commonly shares one line: an IPv4 address, an IPv6 /64.
fn subscriber(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// A number for anything. Not secret: a source that finds two passwords of one number only gets in with another one.
fn fingerprint(of: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(accept: &[&str], after: Option<u32>) -> LoginRules {
        LoginRules {
            accept: accept.iter().map(|&s| s.to_owned()).collect(),
            after_attempts: after,
            anonymous_ftp: false,
            ..LoginRules::default()
        }
    }

    fn policy(rules: LoginRules) -> LoginPolicy {
        LoginPolicy::new(rules, [b"root".to_vec()])
    }
    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn the_lists_say_who_gets_in_and_refusing_wins() {
        let mut lists = rules(&["root:12*6", "*:any:thing"], None);
        lists.refuse = vec!["guest:*".into(), "root:12xx6".into()];
        let policy = policy(lists);
        assert!(policy.check(A, b"root", b"123456"));
        assert!(!policy.check(B, b"root", b"12xx6") && !policy.check(B, b"toor", b"123456"));
        assert!(policy.check(A, b"x", b"any:thing") && !policy.check(A, b"guest", b"any:thing"));
        assert!(!policy.anonymous_ftp());
    }

    #[test]
    fn the_password_that_worked_is_the_accounts_only_one_for_its_source() {
        let policy = policy(rules(&["*:*"], None));
        assert!(policy.check(A, b"root", b"first") && policy.check(A, b"root", b"first"));
        assert!(!policy.check(A, b"root", b"second"), "a real account has one password");
        assert!(policy.check(B, b"root", b"second"), "another source knows another one");
        assert!(policy.check(A, b"bob", b"second"), "and another account has another");
        let forgetful = LoginPolicy::new(LoginRules { remember: false, ..rules(&["*:*"], None) }, []);
        assert!(forgetful.check(A, b"root", b"first") && forgetful.check(A, b"root", b"second"));
    }

    #[test]
    fn the_third_distinct_try_wins_and_goes_on_winning() {
        for remember in [true, false] {
            let policy = policy(LoginRules { remember, ..rules(&[], Some(3)) });
            assert!(!policy.check(A, b"root", b"a"));
            assert!(!policy.check(A, b"root", b"a"));
            assert!(!policy.check(A, b"root", b"b"));
            assert!(!policy.check(B, b"root", b"c"), "another source starts anew");
            assert!(!policy.check(A, b"nosuch", b"c"), "an account must exist");
            assert!(policy.check(A, b"root", b"d"));
            assert!(policy.check(A, b"root", b"d"));
            assert!(!policy.check(A, b"root", b"e"));
        }
    }

    #[test]
    fn each_source_needs_a_number_of_tries_of_its_own() {
        let spread = LoginRules { after_attempts_spread: 5, ..rules(&[], Some(2)) };
        let tries = |seed: u8, host: u8| {
            let at = phantom_core::from_micros(1_763_900_000_000_000);
            let policy = LoginPolicy::for_persona(spread.clone(), &Persona::generate([seed; 32], at));
            let source = IpAddr::from([192, 0, 2, host]);
            (1..20).find(|n: &u8| policy.check(source, b"root", &[*n])).unwrap()
        };
        let counts: Vec<u8> = (0..100).map(|host| tries(1, host)).collect();
        assert_eq!(counts, (0..100).map(|host| tries(1, host)).collect::<Vec<_>>(), "the same every time");
        assert_ne!(counts, (0..100).map(|host| tries(2, host)).collect::<Vec<_>>(), "but not everywhere");
        let different: HashSet<u8> = counts.into_iter().collect();
        assert_eq!(different, (2..=7).collect());
    }

    #[test]
    fn a_subscribers_addresses_are_one_source() {
        let policy = policy(rules(&["*:*"], None));
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(policy.check(at("2001:db8::1"), b"root", b"x"));
        assert!(!policy.check(at("2001:db8::2"), b"root", b"y"));
        assert!(policy.check(at("2001:db8:0:1::2"), b"root", b"y"));
        assert!(policy.check(A, b"root", b"y") && !policy.check(at("::ffff:192.0.2.1"), b"root", b"x"));
    }

    #[test]
    fn memory_is_bounded_whatever_is_tried() {
        let policy = policy(rules(&["u*:*"], Some(64)));
        for n in 0..2_000u32 {
            policy.check(A, format!("u{n}").as_bytes(), b"p");
            policy.check(A, b"root", &n.to_le_bytes());
            policy.check(IpAddr::from((n + 0x0a00_0000).to_be_bytes()), b"root", b"x");
        }
        let memory = policy.memory.lock().unwrap();
        let most = memory.iter().map(|(_, source)| (source.tried.len(), source.known.len()));
        assert!(most.into_iter().all(|(tried, known)| tried <= TRIES && known <= KNOWN));
    }

    #[test]
    fn rules_that_cannot_be_followed_name_their_key() {
        assert_eq!(rules(&["root:x", "*:"], Some(64)).check(), Ok(()));
        for (wrong, expected) in [
            (rules(&["root"], None), "accept: \"root\" is no pair"),
            (LoginRules { refuse: vec!["x".into()], ..rules(&[], None) }, "refuse: \"x\" is no pair"),
            (rules(&[], Some(0)), "after_attempts: from 1"),
            (rules(&[], Some(65)), "after_attempts: at most 64"),
            (LoginRules { after_attempts_spread: 60, ..rules(&[], Some(5)) }, "after_attempts: at most 64"),
            (rules(&["a:b"; MAX_PAIRS + 1], None), "accept: at most 4096"),
        ] {
            let error = wrong.check().unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_default_is_weak_but_not_open() {
        let at = phantom_core::from_micros(1_763_900_000_000_000);
        let persona = Persona::generate([1; 32], at);
        let policy = LoginPolicy::believable(&persona);
        let open = WEAK.iter().filter(|secret| policy.check(A, b"root", secret.as_bytes())).count();
        assert_eq!(open, 1, "for one source root has one password");
        let job = persona.users.last().unwrap();
        assert!(policy.check(A, job.name.as_bytes(), job.name.as_bytes()));
        assert!(!policy.check(A, b"root", b"zz-never") && policy.anonymous_ftp());
        let other = LoginPolicy::believable_rules(&Persona::generate([2; 32], at));
        assert_ne!(other, LoginPolicy::believable_rules(&persona));
    }
}
