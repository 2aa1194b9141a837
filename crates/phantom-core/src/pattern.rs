//! Patterns that operators write to name user names and passwords.

/// Whether `text` matches `pattern`, in which `*` stands for any run of bytes. Takes at most the product of
/// both lengths.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
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

/// Why a pair is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// Nothing says where the user name ends.
    #[error("{0:?} is no pair: user:password is wanted, where * stands for anything")]
    NoColon(String),
    /// Stands for every login there is.
    #[error("{0:?} stands for every login")]
    Everything(String),
}

/// A `user:password` pattern; the first `:` parts them and `*` stands for any run of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    user: Box<[u8]>,
    secret: Box<[u8]>,
}

impl Pair {
    /// As an operator writes it.
    ///
    /// # Errors
    /// [`PairError::NoColon`].
    pub fn parse(text: &str) -> Result<Self, PairError> {
        let (user, secret) = text.split_once(':').ok_or_else(|| PairError::NoColon(text.to_owned()))?;
        Ok(Self { user: user.as_bytes().into(), secret: secret.as_bytes().into() })
    }

    /// As [`Pair::parse`], where one that stands for every login would be a mistake.
    ///
    /// # Errors
    /// [`PairError`].
    pub fn parse_narrow(text: &str) -> Result<Self, PairError> {
        let pair = Self::parse(text)?;
        let any = |pattern: &[u8]| !pattern.is_empty() && pattern.iter().all(|byte| *byte == b'*');
        if any(&pair.user) && any(&pair.secret) {
            Err(PairError::Everything(text.to_owned()))
        } else {
            Ok(pair)
        }
    }

    /// Whether this login is one of those meant.
    pub fn matches(&self, user: &[u8], secret: &[u8]) -> bool {
        glob(&self.user, user) && glob(&self.secret, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_backtrack() {
        assert!(glob(b"a*b*c", b"axxbyybc"));
        assert!(!glob(b"a*b*c", b"axxbyyb"));
        assert!(glob(b"**", b"") && !glob(b"", b"x"));
    }

    #[test]
    fn pairs_match_whole_names_and_secrets() {
        let matches = |pair, user: &str, secret: &str| {
            Pair::parse(pair).unwrap().matches(user.as_bytes(), secret.as_bytes())
        };
        assert!(matches("root:12*6", "root", "123456") && !matches("root:12*6", "root", "1234567"));
        assert!(!matches("root:12*6", "toor", "123456"));
        assert!(matches("*:any:thing", "x", "any:thing"));
        assert!(matches("empty:", "empty", "") && !matches("empty:", "empty", "x"));
    }

    #[test]
    fn what_is_no_pair_says_why() {
        assert!(Pair::parse("root").unwrap_err().to_string().starts_with("\"root\" is no pair"));
        assert_eq!(Pair::parse_narrow("*:**"), Err(PairError::Everything("*:**".into())));
        assert!(Pair::parse_narrow("*:").is_ok() && Pair::parse_narrow("svc:*").is_ok());
    }
}
