//! chattr and lsattr of e2fsprogs 1.47.0.

use super::registry::{Row, bin};
use super::{Ctx, Need, show};

pub(super) const PROGRAMS: &[Row] =
    &[bin("chattr", "e2fsprogs", 14_584, chattr), bin("lsattr", "e2fsprogs", 14_584, lsattr)];

/// The letters in the order of lsattr's columns.
const COLUMNS: &str = "suSDiadAcEjItTeCxFNVPm";
/// Files whose flags are kept.
const MAX: usize = 256;

fn chattr(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let (mut add, mut drop, mut exact) = (String::new(), String::new(), None);
    let (mut quiet, mut files) = (false, Vec::new());
    for word in &words {
        match word.chars().next() {
            Some('+') => add += word.trim_start_matches('+'),
            Some('=') => exact = Some(word.trim_start_matches('=').to_owned()),
            Some('-') if word.len() > 1 => {
                for letter in word.chars().skip(1) {
                    match letter {
                        'R' | 'V' => {}
                        'f' => quiet = true,
                        other => drop.push(other),
                    }
                }
            }
            _ => files.push(word.clone()),
        }
    }
    if files.is_empty() || (add.is_empty() && drop.is_empty() && exact.is_none()) {
        let text = if files.is_empty() {
            "Usage: chattr [-RVf] [-+=aAcCdDeijPsStTuFx] [-p project] [-v version] files...\n"
        } else {
            "Must use '-v', =, - or +\n"
        };
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(1);
    }
    let mut status = 0;
    for file in files {
        let path = ctx.path(file.as_bytes());
        let who = ctx.sh.account.cred.clone();
        let found = ctx.sh.vfs().lookup(&who, &path, true);
        let ino = match found {
            Ok(ino) => ino,
            Err(errno) => {
                if !quiet {
                    ctx.fail(&format!("{errno} while trying to stat {file}"));
                }
                status = 1;
                continue;
            }
        };
        if who.uid != 0 {
            if !quiet {
                ctx.fail(&format!("Operation not permitted while setting flags on {file}"));
            }
            status = 1;
            continue;
        }
        let mut live = ctx.sh.live();
        let mut flags = exact.clone().unwrap_or_else(|| live.flags.get(&ino).cloned().unwrap_or_default());
        flags.retain(|c| !drop.contains(c));
        for letter in add.chars().filter(|c| COLUMNS.contains(*c)) {
            if !flags.contains(letter) {
                flags.push(letter);
            }
        }
        if flags.is_empty() {
            live.flags.remove(&ino);
        } else if live.flags.len() < MAX || live.flags.contains_key(&ino) {
            live.flags.insert(ino, flags);
        }
    }
    Ok(status)
}

fn lsattr(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, mut rest) = ctx.options(b"");
    let (whole, all) = (super::has_flag(&flags, b'd'), super::has_flag(&flags, b'a'));
    if rest.is_empty() {
        rest.push(b".".to_vec());
    }
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    for name in rest.iter().map(|name| show(name)) {
        let path = ctx.path(name.as_bytes());
        let found = ctx.sh.vfs().stat(&who, &path);
        let stat = match found {
            Ok(stat) => stat,
            Err(errno) => {
                status = ctx.fail(&format!("{errno} while trying to stat {name}"));
                continue;
            }
        };
        if stat.kind == crate::vfs::Kind::Dir && !whole {
            let mut entries = ctx.sh.vfs().readdir(&who, &path).unwrap_or_default();
            for (name, at) in [(b"..".as_slice(), crate::vfs::join(&path, b"..")), (b".", path.clone())] {
                if let Ok(ino) = ctx.sh.vfs().lookup(&who, &at, true) {
                    entries.insert(0, (name.to_vec(), ino));
                }
            }
            for (entry, ino) in entries.iter().filter(|(entry, _)| all || !entry.starts_with(b".")) {
                let text = line(ctx, *ino, &format!("{}/{}", name.trim_end_matches('/'), show(entry)));
                ctx.print(&text);
            }
        } else {
            let text = line(ctx, stat.ino, &name);
            ctx.print(&text);
        }
    }
    Ok(status)
}

fn line(ctx: &Ctx<'_>, ino: u64, name: &str) -> String {
    // Files of ext4 are mapped by extents.
    let set = ctx.sh.live().flags.get(&ino).cloned().unwrap_or_default() + "e";
    let cells: String = COLUMNS.chars().map(|c| if set.contains(c) { c } else { '-' }).collect();
    format!("{cells} {name}\n")
}
