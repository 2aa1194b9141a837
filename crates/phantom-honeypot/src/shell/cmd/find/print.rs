//! `-printf` and `-ls`.

use super::{Here, letter, show};
use crate::shell::Shell;
use crate::shell::cmd::files::owner_of;
use crate::shell::cmd::float::Conversion;
use crate::shell::facts::strftime;
use crate::vfs::Kind;

pub(super) fn listed(sh: &Shell, here: &Here<'_>) -> Vec<u8> {
    let stat = &here.stat;
    let age = sh.io.now().as_second() - stat.mtime.as_second();
    let when = strftime(stat.mtime, if (0..15_778_476).contains(&age) { "%b %e %H:%M" } else { "%b %e  %Y" });
    let target = match stat.kind {
        Kind::Link => {
            format!(" -> {}", show(&sh.vfs().readlink(&sh.account.cred, &here.path).unwrap_or_default()))
        }
        _ => String::new(),
    };
    format!(
        "{:9} {:6} {} {:3} {:<8} {:<8} {:8} {when} {}{target}\n",
        stat.ino,
        blocks(here) / 2,
        stat.mode_string(),
        stat.nlink,
        owner_of(sh, stat.uid, false),
        owner_of(sh, stat.gid, true),
        stat.size,
        show(here.shown)
    )
    .into_bytes()
}

/// Blocks of 512 bytes, in whole pages.
fn blocks(here: &Here<'_>) -> u64 {
    if here.stat.kind == Kind::Link { 0 } else { here.stat.size.div_ceil(4096) * 8 }
}

pub(super) fn formatted(sh: &Shell, format: &[u8], here: &Here<'_>) -> Vec<u8> {
    let stat = &here.stat;
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = format.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                let escape = format.get(at).copied().unwrap_or(b'\\');
                at += 1;
                let made = match escape {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0'..=b'7' => {
                        let digits: Vec<u8> = format
                            .iter()
                            .skip(at)
                            .take(2)
                            .copied()
                            .take_while(|b| (b'0'..=b'7').contains(b))
                            .collect();
                        at += digits.len();
                        digits.iter().fold(u32::from(escape - b'0'), |n, b| n * 8 + u32::from(b - b'0')) as u8
                    }
                    b'a' => 7,
                    b'r' => b'\r',
                    b'f' => 12,
                    b'v' => 11,
                    b'\\' => b'\\',
                    b'c' => return out,
                    other => {
                        out.push(b'\\');
                        other
                    }
                };
                out.push(made);
            }
            b'%' => {
                let spec: Vec<u8> =
                    format.iter().skip(at).take_while(|b| b"-0123456789.+ #".contains(b)).copied().collect();
                at += spec.len();
                let kind = format.get(at).copied().unwrap_or(b'%');
                at += 1;
                let conversion = Conversion::parse(&spec).unwrap_or_default();
                let text = match kind {
                    b'%' => b"%".to_vec(),
                    b'p' => here.shown.to_vec(),
                    b'f' => {
                        let base = here.shown.rsplit(|b| *b == b'/').find(|p| !p.is_empty());
                        base.unwrap_or(here.shown).to_vec()
                    }
                    b'h' => match here.shown.iter().rposition(|b| *b == b'/') {
                        Some(0) => Vec::new(),
                        Some(end) => here.shown.get(..end).unwrap_or(&[]).to_vec(),
                        None => b".".to_vec(),
                    },
                    b'P' => {
                        let rest = here.shown.strip_prefix(here.root).unwrap_or(here.shown);
                        rest.strip_prefix(b"/").unwrap_or(rest).to_vec()
                    }
                    b'H' => here.root.to_vec(),
                    b's' => stat.size.to_string().into_bytes(),
                    b'm' => format!("{:o}", stat.mode).into_bytes(),
                    b'M' => stat.mode_string().into_bytes(),
                    b'u' => owner_of(sh, stat.uid, false).into_bytes(),
                    b'g' => owner_of(sh, stat.gid, true).into_bytes(),
                    b'U' => stat.uid.to_string().into_bytes(),
                    b'G' => stat.gid.to_string().into_bytes(),
                    b'd' => here.level.to_string().into_bytes(),
                    b'y' => vec![letter(stat.kind)],
                    // What a link leads to; N where there is nothing, L where it leads to itself.
                    b'Y' => {
                        let there = sh.vfs().stat(&sh.account.cred, &here.path);
                        match there {
                            Ok(stat) => vec![letter(stat.kind)],
                            Err(crate::vfs::Errno::ELOOP) => b"L".to_vec(),
                            Err(_) => b"N".to_vec(),
                        }
                    }
                    b'n' => stat.nlink.to_string().into_bytes(),
                    b'i' => stat.ino.to_string().into_bytes(),
                    b'b' => blocks(here).to_string().into_bytes(),
                    b'k' => (blocks(here) / 2).to_string().into_bytes(),
                    b'l' => match stat.kind {
                        Kind::Link => sh.vfs().readlink(&sh.account.cred, &here.path).unwrap_or_default(),
                        _ => Vec::new(),
                    },
                    b't' | b'a' | b'c' => {
                        let when = if kind == b'a' { stat.atime } else { stat.mtime };
                        strftime(when, "%a %b %e %H:%M:%S.%N0 %Y").into_bytes()
                    }
                    b'T' | b'A' | b'C' => {
                        let what = format.get(at).copied().unwrap_or(b'+');
                        at += 1;
                        let when = if kind == b'A' { stat.atime } else { stat.mtime };
                        match what {
                            b'@' => strftime(when, "%s.%N0"),
                            b'+' => strftime(when, "%F+%T.%N0"),
                            b'S' => strftime(when, "%S.%N0"),
                            b'T' => strftime(when, "%T.%N0"),
                            other => strftime(when, &format!("%{}", char::from(other))),
                        }
                        .into_bytes()
                    }
                    other => vec![b'%', other],
                };
                out.extend(conversion.text(&text));
            }
            other => out.push(*other),
        }
    }
    out
}
