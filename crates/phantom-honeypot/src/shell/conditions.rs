//! What the expressions of `[[` are worth.

use std::future::Future;
use std::pin::Pin;

use super::ast::Cond;
use super::io::Stop;
use super::{Shell, builtins, glob};

impl Shell {
    pub(super) fn cond<'a>(
        &'a mut self,
        cond: &'a Cond,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Stop>> + Send + 'a>> {
        Box::pin(async move {
            self.io.step(1)?;
            Ok(match cond {
                Cond::Not(inner) => !self.cond(inner).await?,
                Cond::Group(inner) => self.cond(inner).await?,
                Cond::And(a, b) => self.cond(a).await? && self.cond(b).await?,
                Cond::Or(a, b) => self.cond(a).await? || self.cond(b).await?,
                Cond::Unary(op, word) => {
                    let value = self.single(word).await?;
                    if self.xtrace {
                        let shown = builtins::quote_trace(&value);
                        self.trace_line(&[b"[[ ", op.as_slice(), b" ", &shown, b" ]]"].concat())?;
                    }
                    builtins::unary(self, op, &value).unwrap_or(false)
                }
                Cond::Binary(left, op, right) => {
                    let left = self.single(left).await?;
                    if self.xtrace {
                        let shown = builtins::quote_trace(&left);
                        let text = [b"[[ ", shown.as_slice(), b" ", op, b" ", &right.raw, b" ]]"].concat();
                        self.trace_line(&text)?;
                    }
                    match op.as_slice() {
                        b"==" | b"=" | b"!=" => {
                            let pattern = self.pattern(right).await?;
                            let yes = self.fits(&pattern, &left);
                            yes == (op != b"!=")
                        }
                        b"=~" => {
                            let pattern = self.pattern(right).await?;
                            self.regex(&left, &pattern)?
                        }
                        b"-eq" | b"-ne" | b"-lt" | b"-le" | b"-gt" | b"-ge" => {
                            let right = self.single(right).await?;
                            let a = self.compute_for(&left, Some("[["))?;
                            let b = self.compute_for(&right, Some("[["))?;
                            builtins::compare(op, a, b).unwrap_or(false)
                        }
                        _ => {
                            let right = self.single(right).await?;
                            match builtins::binary(self, &left, op, &right) {
                                Ok(Some(yes)) => yes,
                                _ => {
                                    let op = String::from_utf8_lossy(op).into_owned();
                                    self.complain(&format!(
                                        "conditional binary operator expected near `{op}'"
                                    ))?;
                                    return Err(Stop::Discard(2));
                                }
                            }
                        }
                    }
                }
            })
        })
    }

    /// Whether a text is one that a pattern of `case` or `[[` means.
    pub(super) fn fits(&self, pattern: &[(u8, bool)], text: &[u8]) -> bool {
        if !self.shopt(b"nocasematch") {
            return glob::matches_extended(pattern, text);
        }
        let lower: Vec<(u8, bool)> =
            pattern.iter().map(|(b, live)| (b.to_ascii_lowercase(), *live)).collect();
        glob::matches_extended(&lower, &text.to_ascii_lowercase())
    }

    /// `=~`, which fills BASH_REMATCH.
    fn regex(&mut self, text: &[u8], pattern: &[(u8, bool)]) -> Result<bool, Stop> {
        self.io.step(1 + (text.len() * pattern.len()) as u64 / 256)?;
        let mut source = String::new();
        let bytes: Vec<u8> = pattern.iter().map(|p| p.0).collect();
        let plain = String::from_utf8_lossy(&bytes).into_owned();
        if bytes.is_ascii() {
            for (byte, live) in pattern {
                if !live && !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace() && *byte != b'_' {
                    source.push('\\');
                }
                source.push(char::from(*byte));
            }
        } else {
            source.push_str(&plain);
        }
        let regex = regex_lite::RegexBuilder::new(&source).size_limit(1 << 20).build();
        let Ok(regex) = regex else { return Err(Stop::Discard(2)) };
        let text = String::from_utf8_lossy(text).into_owned();
        let found = regex.captures(&text);
        self.clear_array(b"BASH_REMATCH", false);
        if let Some(found) = &found {
            for n in 0..found.len().min(64) {
                let part = found.get(n).map_or("", |m| m.as_str());
                self.set_item(b"BASH_REMATCH", n.to_string().as_bytes(), part.as_bytes(), false);
            }
        }
        Ok(found.is_some())
    }
}
