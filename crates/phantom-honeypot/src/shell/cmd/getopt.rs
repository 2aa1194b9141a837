//! Options as glibc's getopt_long(3) reads and refuses them.

use super::ctx::{Ctx, show};

/// An option's code (its letter; above 127 where it has only a long name) and its value.
pub(super) type Given = (u8, Vec<u8>);

/// What a program takes: `shorts` as for getopt(3) (`:` needs a value, `::` may have one attached; a leading
/// `+` stops at the first operand), and long names with their code, whose letter in `shorts` or whose suffix
/// `=` (needs a value) or `?` (may have one) says whether they take one.
pub(super) struct Spec {
    pub(super) shorts: &'static str,
    pub(super) longs: &'static [(&'static str, u8)],
}

/// Options and operands.
pub(super) struct Parsed {
    pub(super) given: Vec<Given>,
    pub(super) rest: Vec<Vec<u8>>,
}

impl Parsed {
    pub(super) fn has(&self, code: u8) -> bool {
        self.given.iter().any(|(c, _)| *c == code)
    }

    /// The last value given.
    pub(super) fn value(&self, code: u8) -> Option<&[u8]> {
        self.given.iter().rev().find(|(c, _)| *c == code).map(|(_, v)| v.as_slice())
    }
}

/// Reads arguments; the error is the line without the program's name.
pub(super) fn parse(args: &[Vec<u8>], spec: &Spec) -> Result<Parsed, String> {
    let ordered = spec.shorts.starts_with('+');
    let mut parsed = Parsed { given: Vec::new(), rest: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == b"--" {
            parsed.rest.extend(args.by_ref().cloned());
        } else if let Some(long) = arg.strip_prefix(b"--") {
            let eq = long.iter().position(|b| *b == b'=');
            let (name, value) = long.split_at_checked(eq.unwrap_or(long.len())).unwrap_or((long, b""));
            let value = eq.map(|_| value.get(1..).unwrap_or(&[]).to_vec());
            let (full, code, takes) = find_long(spec, &show(name))?;
            let value = match (takes, value) {
                (Takes::Nothing, Some(_)) => {
                    return Err(format!("option '--{full}' doesn't allow an argument"));
                }
                (Takes::Value, None) => {
                    let next = args.next().cloned();
                    next.ok_or_else(|| format!("option '--{full}' requires an argument"))?
                }
                (_, value) => value.unwrap_or_default(),
            };
            parsed.given.push((code, value));
        } else if arg.len() < 2 || arg.first() != Some(&b'-') {
            parsed.rest.push(arg.clone());
            if ordered {
                parsed.rest.extend(args.by_ref().cloned());
            }
        } else {
            for (at, letter) in arg.iter().enumerate().skip(1) {
                let tail = arg.get(at + 1..).unwrap_or(&[]);
                match short_takes(spec.shorts, *letter) {
                    None => return Err(format!("invalid option -- '{}'", char::from(*letter))),
                    Some(Takes::Nothing) => parsed.given.push((*letter, Vec::new())),
                    Some(Takes::Maybe) => {
                        parsed.given.push((*letter, tail.to_vec()));
                        break;
                    }
                    Some(Takes::Value) => {
                        let value = if tail.is_empty() { args.next().cloned() } else { Some(tail.to_vec()) };
                        let value = value.ok_or_else(|| {
                            format!("option requires an argument -- '{}'", char::from(*letter))
                        })?;
                        parsed.given.push((*letter, value));
                        break;
                    }
                }
            }
        }
    }
    Ok(parsed)
}

impl Ctx<'_> {
    /// [`parse`] of the own arguments; a refusal is worded with `try_help` and becomes `status`.
    pub(super) fn getopt(&mut self, spec: &Spec, status: i32) -> Result<Parsed, i32> {
        parse(&self.args, spec).map_err(|why| {
            let name = self.name.clone();
            let hint = match name.as_str() {
                // diffutils and gzip word it in their own ways.
                "cmp" | "diff" => format!("{name}: Try '{name} --help' for more information."),
                "gzip" | "gunzip" | "zcat" => format!("Try `{name} --help' for more information."),
                _ => format!("Try '{name} --help' for more information."),
            };
            self.fail(&format!("{why}\n{hint}"));
            status
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    Maybe,
}

fn short_takes(shorts: &str, letter: u8) -> Option<Takes> {
    let bytes = shorts.as_bytes();
    let at = bytes.iter().position(|b| *b == letter && !matches!(letter, b':' | b'+'))?;
    Some(match (bytes.get(at + 1), bytes.get(at + 2)) {
        (Some(b':'), Some(b':')) => Takes::Maybe,
        (Some(b':'), _) => Takes::Value,
        _ => Takes::Nothing,
    })
}

fn find_long(spec: &Spec, name: &str) -> Result<(&'static str, u8, Takes), String> {
    let takes = |long: &'static str, code: u8| {
        if let Some(full) = long.strip_suffix('=') {
            (full, code, Takes::Value)
        } else if let Some(full) = long.strip_suffix('?') {
            (full, code, Takes::Maybe)
        } else {
            (long, code, short_takes(spec.shorts, code).unwrap_or(Takes::Nothing))
        }
    };
    let all: Vec<_> = spec
        .longs
        .iter()
        .map(|(long, code)| takes(long, *code))
        .filter(|(full, _, _)| full.starts_with(name))
        .collect();
    if let Some(exact) = all.iter().find(|(full, _, _)| *full == name) {
        return Ok(*exact);
    }
    match all.as_slice() {
        [] => Err(format!("unrecognized option '--{name}'")),
        [one] => Ok(*one),
        [first, others @ ..] if others.iter().all(|o| o.1 == first.1) => Ok(*first),
        many => {
            let list: String = many.iter().map(|(full, _, _)| format!(" '--{full}'")).collect();
            Err(format!("option '--{name}' is ambiguous; possibilities:{list}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        shorts: "ab:c::",
        longs: &[("alpha", b'a'), ("beta", b'b'), ("bravo", b'x'), ("colour?", 200), ("delta=", 201)],
    };

    fn of(args: &[&str]) -> Result<Parsed, String> {
        parse(&args.iter().map(|a| a.as_bytes().to_vec()).collect::<Vec<_>>(), &SPEC)
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let p = of(&["-ab", "1", "x", "--bet=2", "-c", "--colour", "--", "-a"]).ok();
        let p = p.as_ref();
        assert_eq!(p.map(|p| p.rest.clone()), Some(vec![b"x".to_vec(), b"-a".to_vec()]));
        assert_eq!(p.and_then(|p| p.value(b'b')), Some(b"2".as_slice()));
        assert!(p.is_some_and(|p| p.has(b'a') && p.has(b'c') && p.has(200)));
    }

    /// Wording of glibc 2.36.
    #[test]
    fn refusals() {
        for (args, wanted) in [
            (["-z"].as_slice(), "invalid option -- 'z'"),
            (&["-b"], "option requires an argument -- 'b'"),
            (&["--zeta"], "unrecognized option '--zeta'"),
            (&["--alpha=1"], "option '--alpha' doesn't allow an argument"),
            (&["--delta"], "option '--delta' requires an argument"),
            (&["--b"], "option '--b' is ambiguous; possibilities: '--beta' '--bravo'"),
        ] {
            assert_eq!(of(args).err().as_deref(), Some(wanted));
        }
    }
}
