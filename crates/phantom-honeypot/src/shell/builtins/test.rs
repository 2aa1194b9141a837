//! Conditions: test(1) and what `[[ ]]` shares with it.

use crate::shell::{Shell, arith};
use crate::vfs::{Kind, join};

/// test(1): `None` for what is no expression.
pub(in crate::shell) fn test(sh: &Shell, args: &[Vec<u8>]) -> Option<i32> {
    if let Some(at) = args.iter().rposition(|a| a == b"-o").filter(|at| *at > 0 && args.len() > 3) {
        let (left, right) = args.split_at_checked(at)?;
        return Some(i32::from(test(sh, left)? != 0 && test(sh, right.get(1..)?)? != 0));
    }
    if let Some(at) = args.iter().rposition(|a| a == b"-a").filter(|at| *at > 0 && args.len() > 3) {
        let (left, right) = args.split_at_checked(at)?;
        return Some(i32::from(test(sh, left)? != 0 || test(sh, right.get(1..)?)? != 0));
    }
    let yes = match args {
        [] => false,
        [one] => !one.is_empty(),
        [not, rest @ ..] if not == b"!" => test(sh, rest)? != 0,
        [op, arg] => {
            let vfs = sh.vfs();
            let path = join(&sh.cwd, arg);
            let stat = vfs.stat(&sh.account.cred, &path);
            match op.as_slice() {
                b"-n" => !arg.is_empty(),
                b"-z" => arg.is_empty(),
                b"-e" | b"-a" => stat.is_ok(),
                b"-f" => stat.is_ok_and(|s| s.kind == Kind::File),
                b"-d" => stat.is_ok_and(|s| s.kind == Kind::Dir),
                b"-c" => stat.is_ok_and(|s| s.kind == Kind::Device),
                b"-s" => stat.is_ok_and(|s| s.size > 0),
                b"-L" | b"-h" => vfs.lstat(&sh.account.cred, &path).is_ok_and(|s| s.kind == Kind::Link),
                b"-r" => vfs.access(&sh.account.cred, &path, 4).is_ok(),
                b"-w" => vfs.access(&sh.account.cred, &path, 2).is_ok(),
                b"-x" => vfs.access(&sh.account.cred, &path, 1).is_ok(),
                b"-t" => sh.io.lock().pty,
                _ => return None,
            }
        }
        [a, op, b] => {
            let numbers = || Some((arith::number(a)?, arith::number(b)?));
            match op.as_slice() {
                b"=" | b"==" => a == b,
                b"!=" => a != b,
                b"<" => a < b,
                b">" => a > b,
                b"-eq" => numbers().is_some_and(|(a, b)| a == b),
                b"-ne" => numbers().is_some_and(|(a, b)| a != b),
                b"-lt" => numbers().is_some_and(|(a, b)| a < b),
                b"-le" => numbers().is_some_and(|(a, b)| a <= b),
                b"-gt" => numbers().is_some_and(|(a, b)| a > b),
                b"-ge" => numbers().is_some_and(|(a, b)| a >= b),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(i32::from(!yes))
}
