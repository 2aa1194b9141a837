//! `s`, and how `l` shows text.

use super::run::{Run, SPACE};
use super::{Case, Part, Substitute};

impl<'a> Run<'a, '_> {
    pub(super) fn substitute(&mut self, what: &'a Substitute) -> bool {
        let regex = what.regex.as_ref().or(self.last_regex);
        self.last_regex = regex;
        let Some(regex) = regex else { return false };
        let text = std::mem::take(&mut self.pattern);
        let mut out = Vec::new();
        let (mut at, mut count, mut done) = (0, 0, false);
        let mut tail = 0;
        while at <= text.len() {
            let Some(spans) = regex.captures_at(&text, at, &mut self.fuel) else { break };
            let Some(Some((from, to))) = spans.first().copied() else { break };
            // An empty match right behind the last one is none.
            if from == to && count > 0 && from == tail {
                let Some(byte) = text.get(from) else { break };
                out.push(*byte);
                at = from + 1;
                tail = usize::MAX;
                continue;
            }
            count += 1;
            out.extend_from_slice(text.get(at..from).unwrap_or(&[]));
            if count >= what.number.max(1) && (what.global || !done) {
                done = true;
                expand(&what.with, &text, &spans, &mut out);
            } else {
                out.extend_from_slice(text.get(from..to).unwrap_or(&[]));
            }
            at = to;
            tail = to;
            if out.len() > SPACE {
                self.steps = 0;
                break;
            }
            if done && !what.global {
                break;
            }
            if from == to {
                let Some(byte) = text.get(to) else { break };
                out.push(*byte);
                at = to + 1;
                tail = usize::MAX;
            }
        }
        out.extend_from_slice(text.get(at..).unwrap_or(&[]));
        self.pattern = if done { out } else { text };
        done
    }
}

fn expand(parts: &[Part], text: &[u8], spans: &[Option<(usize, usize)>], out: &mut Vec<u8>) {
    let (mut case, mut once) = (Case::End, Case::End);
    for part in parts {
        let bytes = match part {
            Part::Text(bytes) => bytes.as_slice(),
            Part::Group(n) => match spans.get(*n).copied().flatten() {
                Some((from, to)) => text.get(from..to).unwrap_or(&[]),
                None => continue,
            },
            Part::Case(what) => {
                match what {
                    Case::UpperNext | Case::LowerNext => once = *what,
                    Case::End => (case, once) = (Case::End, Case::End),
                    _ => case = *what,
                }
                continue;
            }
        };
        for byte in bytes {
            let byte = match (once, case) {
                (Case::UpperNext, _) => byte.to_ascii_uppercase(),
                (Case::LowerNext, _) => byte.to_ascii_lowercase(),
                (_, Case::Upper) => byte.to_ascii_uppercase(),
                (_, Case::Lower) => byte.to_ascii_lowercase(),
                _ => *byte,
            };
            once = Case::End;
            out.push(byte);
        }
    }
}

/// The unambiguous form of `l`.
pub(super) fn listed(text: &[u8], width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for byte in text {
        let shown = match byte {
            b'\\' => b"\\\\".to_vec(),
            7 => b"\\a".to_vec(),
            8 => b"\\b".to_vec(),
            12 => b"\\f".to_vec(),
            b'\n' => b"\\n".to_vec(),
            b'\r' => b"\\r".to_vec(),
            b'\t' => b"\\t".to_vec(),
            11 => b"\\v".to_vec(),
            32..=126 => vec![*byte],
            other => format!("\\{other:03o}").into_bytes(),
        };
        if width > 1 && column + shown.len() > width - 1 {
            out.extend_from_slice(b"\\\n");
            column = 0;
        }
        column += shown.len();
        out.extend(shown);
    }
    out.extend_from_slice(b"$\n");
    out
}
