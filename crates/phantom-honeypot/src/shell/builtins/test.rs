//! Conditions: test(1) and what `[[ ]]` shares with it.

use super::{dash_ends, text_of};
use crate::shell::io::{Desc, Stop};
use crate::shell::{Shell, arith};
use crate::vfs::{Kind, join};

/// What is wrong with an expression, or a limit.
enum Wrong {
    Said(String),
}

type Truth = Result<bool, Wrong>;

pub(super) fn command(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut args = args;
    if name == "[" {
        match args.split_last() {
            Some((last, rest)) if last == b"]" => args = rest,
            _ => {
                let what = if sh.bash { "[: missing `]'" } else { "[: missing ]" };
                sh.complain(what)?;
                return if sh.bash { Ok(2) } else { dash_ends(sh).or(Ok(2)) };
            }
        }
    }
    match judge(sh, args) {
        Ok(yes) => Ok(i32::from(!yes)),
        Err(Wrong::Said(what)) => {
            sh.complain(&format!("{name}: {what}"))?;
            Ok(2)
        }
    }
}

/// By the number of arguments, as POSIX has it; more than four are parsed.
fn judge(sh: &Shell, args: &[Vec<u8>]) -> Truth {
    match args {
        [] => Ok(false),
        [one] => Ok(!one.is_empty()),
        [not, one] if not == b"!" => Ok(one.is_empty()),
        [op, arg] => match unary(sh, op, arg) {
            Some(yes) => Ok(yes),
            None if sh.bash => Err(Wrong::Said(format!("{}: unary operator expected", text_of(op)))),
            None => Err(Wrong::Said(format!("{}: unexpected operator", text_of(op)))),
        },
        [a, op, b] => match two(sh, a, op, b)? {
            Some(yes) => Ok(yes),
            None if a == b"!" => judge(sh, args.get(1..).unwrap_or(&[])).map(|yes| !yes),
            None if a == b"(" && b == b")" => Ok(!op.is_empty()),
            None if sh.bash => Err(Wrong::Said(format!("{}: binary operator expected", text_of(op)))),
            None => Err(Wrong::Said(format!("{}: unexpected operator", text_of(a)))),
        },
        [not, rest @ ..] if not == b"!" && args.len() == 4 => judge(sh, rest).map(|yes| !yes),
        _ => {
            let mut p = Parse { sh, args, at: 0, depth: 0 };
            let value = p.or()?;
            if p.at < args.len() {
                return Err(Wrong::Said(if sh.bash {
                    "too many arguments".to_owned()
                } else {
                    format!("{}: unexpected operator", text_of(args.get(p.at).map_or(b"", Vec::as_slice)))
                }));
            }
            Ok(value)
        }
    }
}

struct Parse<'a> {
    sh: &'a Shell,
    args: &'a [Vec<u8>],
    at: usize,
    depth: u32,
}

impl Parse<'_> {
    fn is(&self, word: &[u8]) -> bool {
        self.args.get(self.at).is_some_and(|a| a == word)
    }

    fn or(&mut self) -> Truth {
        let mut left = self.and()?;
        while self.is(b"-o") {
            self.at += 1;
            let right = self.and()?;
            left |= right;
        }
        Ok(left)
    }

    fn and(&mut self) -> Truth {
        let mut left = self.term()?;
        while self.is(b"-a") {
            self.at += 1;
            let right = self.term()?;
            left &= right;
        }
        Ok(left)
    }

    fn term(&mut self) -> Truth {
        self.depth += 1;
        if self.depth > 64 {
            return Err(Wrong::Said("too many arguments".to_owned()));
        }
        let rest = self.args.get(self.at..).unwrap_or(&[]);
        let result = match rest {
            [] => Err(Wrong::Said("argument expected".to_owned())),
            [a, op, b, ..] if is_binary(op) => {
                self.at += 3;
                two(self.sh, a, op, b).map(|yes| yes.unwrap_or(false))
            }
            [not, ..] if not == b"!" => {
                self.at += 1;
                self.term().map(|yes| !yes)
            }
            [open, ..] if open == b"(" => {
                self.at += 1;
                let value = self.or()?;
                if !self.is(b")") {
                    // bash shows what it looks at, which past the end is the bracket that it has left out.
                    let found = self.args.get(self.at).map_or_else(|| "]".to_owned(), |a| text_of(a));
                    return Err(Wrong::Said(format!("`)' expected, found {found}")));
                }
                self.at += 1;
                Ok(value)
            }
            [op, arg, ..] if op.len() == 2 && op.starts_with(b"-") && unary(self.sh, op, arg).is_some() => {
                self.at += 2;
                Ok(unary(self.sh, op, arg).unwrap_or(false))
            }
            [one, ..] => {
                self.at += 1;
                Ok(!one.is_empty())
            }
        };
        self.depth -= 1;
        result
    }
}

fn is_binary(op: &[u8]) -> bool {
    matches!(
        op,
        b"=" | b"=="
            | b"!="
            | b"<"
            | b">"
            | b"-eq"
            | b"-ne"
            | b"-lt"
            | b"-le"
            | b"-gt"
            | b"-ge"
            | b"-nt"
            | b"-ot"
            | b"-ef"
    )
}

/// An operator between two words, with `-a` and `-o`.
fn two(sh: &Shell, a: &[u8], op: &[u8], b: &[u8]) -> Result<Option<bool>, Wrong> {
    match op {
        b"-a" => Ok(Some(!a.is_empty() && !b.is_empty())),
        b"-o" => Ok(Some(!a.is_empty() || !b.is_empty())),
        b"==" if !sh.bash => Ok(None),
        _ => binary(sh, a, op, b).map_err(Wrong::Said),
    }
}

/// A comparison of two numbers.
pub(in crate::shell) fn compare(op: &[u8], a: i64, b: i64) -> Option<bool> {
    Some(match op {
        b"-eq" => a == b,
        b"-ne" => a != b,
        b"-lt" => a < b,
        b"-le" => a <= b,
        b"-gt" => a > b,
        b"-ge" => a >= b,
        _ => return None,
    })
}

/// `a op b`; `None` where that is no operator, `Err` for what is no number.
pub(in crate::shell) fn binary(sh: &Shell, a: &[u8], op: &[u8], b: &[u8]) -> Result<Option<bool>, String> {
    if compare(op, 0, 0).is_some() {
        let number = |text: &[u8]| {
            arith::decimal(text).ok_or_else(|| {
                let text = text_of(text);
                if sh.bash {
                    format!("{text}: integer expression expected")
                } else {
                    format!("Illegal number: {text}")
                }
            })
        };
        let (a, b) = (number(a)?, number(b)?);
        return Ok(compare(op, a, b));
    }
    let vfs = sh.vfs();
    let stat = |path: &[u8]| vfs.stat(&sh.account.cred, &join(&sh.cwd, path)).ok();
    Ok(Some(match op {
        b"=" | b"==" => a == b,
        b"!=" => a != b,
        b"<" => a < b,
        b">" => a > b,
        b"-nt" => match (stat(a), stat(b)) {
            (Some(a), Some(b)) => a.mtime > b.mtime,
            (a, b) => a.is_some() && b.is_none(),
        },
        b"-ot" => match (stat(a), stat(b)) {
            (Some(a), Some(b)) => a.mtime < b.mtime,
            (a, b) => a.is_none() && b.is_some(),
        },
        b"-ef" => matches!((stat(a), stat(b)), (Some(a), Some(b)) if a.ino == b.ino),
        _ => return Ok(None),
    }))
}

/// `op arg`; `None` where that is no operator.
pub(in crate::shell) fn unary(sh: &Shell, op: &[u8], arg: &[u8]) -> Option<bool> {
    match op {
        b"-n" => return Some(!arg.is_empty()),
        b"-z" => return Some(arg.is_empty()),
        b"-v" if sh.bash => {
            let at = arg.iter().position(|b| *b == b'[' && arg.ends_with(b"]"));
            return Some(match at {
                Some(at) => {
                    let key = arg.get(at + 1..arg.len() - 1).unwrap_or(&[]);
                    sh.item(arg.get(..at).unwrap_or(&[]), key).is_some()
                }
                None => sh.get(arg).is_some(),
            });
        }
        b"-o" if sh.bash => {
            let found = crate::shell::options::OPTIONS.iter().find(|o| o.0.as_bytes() == arg);
            return Some(found.is_some_and(|o| sh.option(o.1, o.0)));
        }
        b"-R" if sh.bash => return Some(sh.vars.get(arg).is_some_and(|v| v.reference)),
        b"-t" => {
            let fd = arith::decimal(arg).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX);
            return Some(matches!(sh.fds.get(&fd), Some(Desc::Console(_))) && sh.io.lock().pty);
        }
        _ => {}
    }
    let vfs = sh.vfs();
    let path = join(&sh.cwd, arg);
    let who = &sh.account.cred;
    let stat = if arg.is_empty() { None } else { vfs.stat(who, &path).ok() };
    let bit = |bit: u32| stat.as_ref().is_some_and(|s| s.mode & bit != 0);
    Some(match op {
        b"-e" | b"-a" => stat.is_some(),
        b"-f" => stat.is_some_and(|s| s.kind == Kind::File),
        b"-d" => stat.is_some_and(|s| s.kind == Kind::Dir),
        b"-c" => stat.is_some_and(|s| s.kind == Kind::Device),
        b"-b" | b"-p" | b"-S" => false,
        b"-s" => stat.is_some_and(|s| s.size > 0),
        b"-L" | b"-h" => vfs.lstat(who, &path).is_ok_and(|s| s.kind == Kind::Link),
        b"-r" => stat.is_some() && vfs.access(who, &path, 4).is_ok(),
        b"-w" => stat.is_some() && vfs.access(who, &path, 2).is_ok(),
        b"-x" => stat.is_some() && vfs.access(who, &path, 1).is_ok(),
        b"-u" => bit(0o4000),
        b"-g" => bit(0o2000),
        b"-k" => bit(0o1000),
        b"-O" => stat.is_some_and(|s| s.uid == who.uid),
        b"-G" => stat.is_some_and(|s| s.gid == who.gid),
        // Nothing here is known to have been read before it was changed.
        b"-N" => false,
        _ => return None,
    })
}
