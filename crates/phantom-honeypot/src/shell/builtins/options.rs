//! set, shopt, trap, getopts, umask, history.

use super::jobs::{SIGNALS, signal};
use super::quoting::quote_set;
use super::{bad_option, dash_ends, fail, is_option, quote_value, text_of};
use crate::shell::io::Stop;
use crate::shell::options::{DASH_OPTIONS, OPTIONS, SHOPTS};
use crate::shell::{Shell, arith};
use crate::vfs::join;

/// Builtins whose settings show nowhere else in this shell.
pub(super) fn quiet(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if name == "bind" && !sh.interactive {
        sh.complain("bind: warning: line editing not enabled")?;
    }
    if name == "caller" {
        return Ok(i32::from(sh.calls.is_empty()));
    }
    if name == "help"
        && let Some(topic) = args.first()
    {
        let topic = text_of(topic);
        return fail(
            sh,
            "help",
            &format!(
                "no help topics match `{topic}'.  Try `help help' or `man -k {topic}' or `info {topic}'."
            ),
        );
    }
    Ok(0)
}

pub(super) fn set(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if args.is_empty() {
        let mut all: Vec<Vec<u8>> = sh
            .vars
            .iter()
            .filter(|(n, v)| !v.unset && !n.starts_with(b"!"))
            .map(|(n, _)| n.clone())
            .collect();
        all.sort();
        let mut text = Vec::new();
        for name in all {
            if sh.vars.get(&name).is_some_and(|v| v.array.is_some()) {
                let line = sh.declaration(&name).unwrap_or_default();
                let at = line.iter().skip(8).position(|b| *b == b' ').map_or(0, |n| n + 9);
                text.extend_from_slice(line.get(at..).unwrap_or(&[]));
            } else {
                let value = sh.get(&name).unwrap_or_default();
                let value = if sh.bash { quote_set(&value) } else { quote_value(&value) };
                text.extend([name.as_slice(), b"=", &value].concat());
            }
            text.push(b'\n');
        }
        sh.write(1, &text)?;
        return Ok(0);
    }
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let on = first.starts_with(b"-");
        if first == b"--" {
            sh.args = tail.to_vec();
            return Ok(0);
        }
        if first == b"-" {
            sh.xtrace = false;
            sh.verbose = false;
            if !tail.is_empty() {
                sh.args = tail.to_vec();
            }
            return Ok(0);
        }
        if first.len() < 2 || !(on || first.starts_with(b"+")) {
            sh.args = rest.to_vec();
            return Ok(0);
        }
        rest = tail;
        for letter in first.iter().skip(1) {
            if *letter == b'o' {
                let Some((name, tail)) = rest.split_first() else {
                    show_options(sh, on)?;
                    return Ok(0);
                };
                rest = tail;
                if !sh.set_long_option(name, on) {
                    let name = text_of(name);
                    if !sh.bash {
                        sh.complain(&format!("set: Illegal option -o {name}"))?;
                        return dash_ends(sh);
                    }
                    sh.complain(&format!("set: {name}: invalid option name"))?;
                    return Ok(2);
                }
            } else if !sh.set_option(*letter, on) {
                let option = format!("{}{}", if on { "-" } else { "+" }, char::from(*letter));
                return bad_option(
                    sh,
                    "set",
                    &option,
                    "set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]",
                );
            }
        }
    }
    Ok(0)
}

fn show_options(sh: &mut Shell, words: bool) -> Result<(), Stop> {
    let mut text = String::new();
    if !sh.bash {
        text += if words { "Current option settings\n" } else { "" };
        for (name, letter) in DASH_OPTIONS {
            let on = match name {
                "interactive" => sh.interactive,
                "stdin" => !sh.given && sh.files.is_empty() && sh.args.is_empty(),
                _ => sh.option(letter, name),
            };
            text += &if words {
                format!("{name:<16}{}\n", if on { "on" } else { "off" })
            } else {
                format!("set {}o {name}\n", if on { "-" } else { "+" })
            };
        }
        return sh.write(1, text.as_bytes());
    }
    for (name, letter) in OPTIONS {
        let on = sh.option(letter, name);
        text += &if words {
            format!("{name:<15}\t{}\n", if on { "on" } else { "off" })
        } else {
            format!("set {}o {name}\n", if on { "-" } else { "+" })
        };
    }
    sh.write(1, text.as_bytes())
}

pub(super) fn shopt(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let letters: Vec<u8> = args.iter().take_while(|a| is_option(a)).flatten().copied().collect();
    let has = |letter: u8| letters.contains(&letter);
    let names: Vec<Vec<u8>> = args.iter().skip_while(|a| is_option(a)).cloned().collect();
    let mut status = 0;
    let state = |on: bool| if on { "on" } else { "off" };
    if names.is_empty() {
        let mut text = String::new();
        for (name, _) in SHOPTS {
            let on = sh.shopt(name.as_bytes());
            if (has(b's') && !on) || (has(b'u') && on) || has(b'q') {
                continue;
            }
            text += &if has(b'p') {
                format!("shopt -{} {name}\n", if on { "s" } else { "u" })
            } else {
                format!("{name:<15}\t{}\n", state(on))
            };
        }
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    }
    for name in names {
        let shown = text_of(&name);
        if has(b'o') {
            let on = OPTIONS.iter().find(|o| o.0 == shown).map(|o| sh.option(o.1, o.0));
            if has(b's') || has(b'u') {
                sh.set_long_option(&name, has(b's'));
                continue;
            }
            let Some(on) = on else {
                sh.complain(&format!("shopt: {shown}: invalid option name"))?;
                status = 1;
                continue;
            };
            status |= i32::from(!on);
            if !has(b'q') {
                sh.write(1, format!("{shown:<15}\t{}\n", state(on)).as_bytes())?;
            }
            continue;
        }
        if !SHOPTS.iter().any(|s| s.0 == shown) {
            sh.complain(&format!("shopt: {shown}: invalid shell option name"))?;
            status = 1;
            continue;
        }
        if has(b's') || has(b'u') {
            sh.shopts.insert(name, has(b's'));
            continue;
        }
        let on = sh.shopt(&name);
        status |= i32::from(!on);
        if !has(b'q') {
            let text = if has(b'p') {
                format!("shopt -{} {shown}\n", if on { "s" } else { "u" })
            } else {
                format!("{shown:<15}\t{}\n", state(on))
            };
            sh.write(1, text.as_bytes())?;
        }
    }
    Ok(status)
}

fn condition(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    match upper.strip_prefix("SIG").unwrap_or(&upper) {
        "EXIT" | "0" => Some("EXIT".to_owned()),
        name @ ("ERR" | "DEBUG" | "RETURN") => Some(name.to_owned()),
        _ => signal(text).and_then(|n| SIGNALS.get(n.wrapping_sub(1))).map(|s| (*s).to_owned()),
    }
}

pub(super) fn trap(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let (mut rest, mut print) = (args, false);
    while let Some((first, tail)) = rest.split_first() {
        match first.as_slice() {
            b"-l" if sh.bash => return super::jobs::list(sh, &[]),
            b"-p" if sh.bash => print = true,
            b"--" => {
                rest = tail;
                break;
            }
            option if is_option(option) && sh.bash => {
                let option = text_of(option.get(..2).unwrap_or(option));
                return bad_option(sh, "trap", &option, "trap [-lp] [[arg] signal_spec ...]");
            }
            _ => break,
        }
        rest = tail;
    }
    if rest.is_empty() || print {
        let order = |name: &[u8]| match name {
            b"EXIT" => 0,
            name => SIGNALS.iter().position(|s| s.as_bytes() == name).map_or(99, |n| n + 1),
        };
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = sh.traps.iter().map(|(n, a)| (n.clone(), a.clone())).collect();
        all.sort_by_key(|(name, _)| order(name));
        let wanted: Vec<String> = rest.iter().filter_map(|a| condition(&text_of(a))).collect();
        for (name, action) in all {
            let name = text_of(&name);
            if !wanted.is_empty() && !wanted.contains(&name) {
                continue;
            }
            let pseudo = matches!(name.as_str(), "EXIT" | "ERR" | "DEBUG" | "RETURN");
            let prefix = if pseudo || !sh.bash { "" } else { "SIG" };
            let text =
                [b"trap -- ", quote_value(&action).as_slice(), format!(" {prefix}{name}\n").as_bytes()]
                    .concat();
            sh.write(1, &text)?;
        }
        return Ok(0);
    }
    let (action, names) = match rest.split_first() {
        Some((action, names)) if !names.is_empty() && arith::decimal(action).is_none() => {
            (action.clone(), names)
        }
        _ => (b"-".to_vec(), rest),
    };
    let mut status = 0;
    for name in names {
        let shown = text_of(name);
        let Some(name) = condition(&shown) else {
            if sh.bash {
                sh.complain(&format!("trap: {shown}: invalid signal specification"))?;
            } else {
                sh.write(2, format!("trap: {shown}: bad trap\n").as_bytes())?;
            }
            status = 1;
            continue;
        };
        if action == b"-" {
            sh.traps.remove(name.as_bytes());
        } else if action.len() <= 65_536 {
            sh.traps.insert(name.into_bytes(), action.clone());
        }
    }
    Ok(status)
}

pub(super) fn getopts(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let [spec, name, given @ ..] = args else {
        if !sh.bash {
            sh.complain("getopts: Usage: getopts optstring var [arg...]")?;
            return dash_ends(sh);
        }
        sh.write(2, b"getopts: usage: getopts optstring name [arg ...]\n")?;
        return Ok(2);
    };
    let list: Vec<Vec<u8>> = if given.is_empty() { sh.args.clone() } else { given.to_vec() };
    let silent = spec.starts_with(b":");
    let index = sh.get(b"OPTIND").and_then(|v| arith::decimal(&v)).unwrap_or(1).max(1);
    let mut index = usize::try_from(index).unwrap_or(1);
    let current = list.get(index - 1).cloned().unwrap_or_default();
    if sh.getopts_at == 0 {
        if !is_option(&current) || current == b"--" {
            if current == b"--" {
                index += 1;
            }
            sh.set(b"OPTIND", index.to_string().as_bytes());
            sh.set(name, b"?");
            sh.unset(b"OPTARG");
            return Ok(1);
        }
        sh.getopts_at = 1;
    }
    let letter = current.get(sh.getopts_at).copied().unwrap_or(b'?');
    sh.getopts_at += 1;
    let mut at = sh.getopts_at;
    let place = spec.iter().position(|b| *b == letter && *b != b':');
    let takes = place.is_some_and(|n| spec.get(n + 1) == Some(&b':'));
    let mut found = vec![letter];
    sh.unset(b"OPTARG");
    let who = text_of(&sh.zero());
    let quiet = silent || sh.get(b"OPTERR").is_some_and(|v| v == b"0");
    if place.is_none() {
        found = b"?".to_vec();
        if silent {
            sh.set(b"OPTARG", &[letter]);
        } else if !quiet {
            let letter = char::from(letter);
            let said = if sh.bash {
                format!("{who}: illegal option -- {letter}\n")
            } else {
                format!("Illegal option -{letter}\n")
            };
            sh.write(2, said.as_bytes())?;
        }
    } else if takes {
        let tail = current.get(at..).unwrap_or(&[]).to_vec();
        at = current.len();
        if !tail.is_empty() {
            sh.set(b"OPTARG", &tail);
        } else if let Some(value) = list.get(index).cloned() {
            index += 1;
            sh.set(b"OPTARG", &value);
        } else if silent {
            found = b":".to_vec();
            sh.set(b"OPTARG", &[letter]);
        } else {
            found = b"?".to_vec();
            let letter = char::from(letter);
            let said = if sh.bash {
                format!("{who}: option requires an argument -- {letter}\n")
            } else {
                format!("No arg for -{letter} option\n")
            };
            if !quiet {
                sh.write(2, said.as_bytes())?;
            }
        }
    }
    if at >= current.len() {
        index += 1;
        at = 0;
    }
    sh.set(b"OPTIND", index.to_string().as_bytes());
    sh.getopts_at = at;
    sh.set(name, &found);
    Ok(0)
}

pub(super) fn umask(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let symbolic = args.iter().any(|a| a == b"-S");
    let reusable = args.iter().any(|a| a == b"-p");
    if let Some(bad) = args.iter().find(|a| is_option(a) && !matches!(a.as_slice(), b"-S" | b"-p" | b"--")) {
        let option = text_of(bad.get(..2).unwrap_or(bad));
        return bad_option(sh, "umask", &option, "umask [-p] [-S] [mode]");
    }
    let Some(arg) = args.iter().find(|a| !is_option(a)) else {
        let mask = sh.umask;
        let text = if symbolic {
            let part = |shift: u32| {
                let bits = !mask >> shift & 7;
                let mut s = String::new();
                for (bit, c) in [(4, 'r'), (2, 'w'), (1, 'x')] {
                    s.extend((bits & bit != 0).then_some(c));
                }
                s
            };
            format!("u={},g={},o={}\n", part(6), part(3), part(0))
        } else if reusable {
            format!("umask {mask:04o}\n")
        } else {
            format!("{mask:04o}\n")
        };
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    };
    let text = text_of(arg);
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        match u32::from_str_radix(&text, 8) {
            Ok(mask) if mask <= 0o7777 => sh.umask = mask & 0o777,
            _ if !sh.bash => {
                sh.complain(&format!("umask: Illegal number: {text}"))?;
                return dash_ends(sh);
            }
            _ => return fail(sh, "umask", &format!("{text}: octal number out of range")),
        }
        return Ok(0);
    }
    let mut mask = sh.umask;
    for clause in text.split(',') {
        let at = clause.find(['=', '+', '-']);
        let Some((who, rest)) = at.and_then(|at| clause.split_at_checked(at)) else {
            if !sh.bash {
                return fail(sh, "umask", &format!("Illegal mode: {text}"));
            }
            let c = clause.chars().find(|c| !"ugoa".contains(*c)).unwrap_or(' ');
            return fail(sh, "umask", &format!("`{c}': invalid symbolic mode operator"));
        };
        let mut bits = 0;
        for c in rest.chars().skip(1) {
            bits |= match c {
                'r' => 4,
                'w' => 2,
                'x' => 1,
                c => return fail(sh, "umask", &format!("`{c}': invalid symbolic mode character")),
            };
        }
        for (letter, shift) in [('u', 6), ('g', 3), ('o', 0)] {
            if who.is_empty() || who.contains('a') || who.contains(letter) {
                let old = !mask >> shift & 7;
                let new = match rest.chars().next() {
                    Some('+') => old | bits,
                    Some('-') => old & !bits,
                    _ => bits,
                };
                mask = (mask & !(7 << shift)) | ((!new & 7) << shift);
            }
        }
    }
    sh.umask = mask & 0o777;
    Ok(0)
}

pub(super) fn history(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let file = |sh: &Shell| args.get(1).cloned().or_else(|| sh.get(b"HISTFILE"));
    match args.first().map(Vec::as_slice) {
        Some(b"-c") => sh.history.clear(),
        Some(b"-cw" | b"-wc") => {
            sh.history.clear();
            return history(sh, &[b"-w".to_vec()]);
        }
        Some(b"-d") => {
            let n = args.get(1).and_then(|a| arith::decimal(a)).unwrap_or(0);
            let index = if n < 0 { sh.history.len() as i64 + n } else { n - 1 };
            match usize::try_from(index).ok().filter(|n| *n < sh.history.len()) {
                Some(n) => {
                    sh.history.remove(n);
                }
                None => {
                    let n = args.get(1).map(|a| text_of(a)).unwrap_or_default();
                    return fail(sh, "history", &format!("{n}: history position out of range"));
                }
            }
        }
        Some(b"-a") => sh.save_history(),
        Some(b"-w") => {
            let Some(path) = file(sh).filter(|f| f != b"/dev/null") else { return Ok(0) };
            let mut text = sh.history.join(&b'\n');
            if !text.is_empty() {
                text.push(b'\n');
            }
            let path = join(&sh.cwd, &path);
            let mut vfs = sh.vfs();
            if let Ok(ino) = vfs.create(&sh.account.cred, &path, 0o600, true) {
                let _ = vfs.write(ino, Some(0), &text);
            }
            drop(vfs);
            sh.history_new = 0;
        }
        Some(b"-r" | b"-n" | b"-s" | b"-p") => {}
        Some(count) if args.len() > 1 && !is_option(count) => {
            fail(sh, "history", "too many arguments")?;
            return Err(Stop::Discard(1));
        }
        Some(option) if is_option(option) => {
            let option = text_of(option.get(..2).unwrap_or(option));
            return bad_option(
                sh,
                "history",
                &option,
                "history [-c] [-d offset] [n] or history -anrw [filename] or history -ps arg [arg...]",
            );
        }
        count => {
            let most = match count {
                Some(count) => match arith::decimal(count) {
                    Some(n) => usize::try_from(n).unwrap_or(0),
                    None => {
                        let count = text_of(count);
                        return fail(sh, "history", &format!("{count}: numeric argument required"));
                    }
                },
                None => usize::MAX,
            };
            let skip = sh.history.len().saturating_sub(most);
            let mut text = Vec::new();
            for (index, line) in sh.history.iter().enumerate().skip(skip) {
                text.extend_from_slice(format!("{:5}  ", index + 1).as_bytes());
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            sh.write(1, &text)?;
        }
    }
    Ok(0)
}
