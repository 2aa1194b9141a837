//! What a name stands for.

use super::{BUILTINS, bad_option, fail, is_builtin, is_named, is_option, text_of};
use crate::shell::cmd::{find, run_program};
use crate::shell::io::Stop;
use crate::shell::{Shell, show};

const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done",
    "in", "function", "time", "{", "}", "!", "[[", "]]", "coproc",
];

enum Found {
    Alias(Vec<u8>),
    Keyword,
    Function,
    Builtin,
    File(String),
}

fn all(sh: &Shell, name: &[u8]) -> Vec<Found> {
    let text = text_of(name);
    let mut found = Vec::new();
    if let Some(value) =
        sh.aliases.get(name).filter(|_| sh.interactive || sh.shopt(b"expand_aliases") || !sh.bash)
    {
        found.push(Found::Alias(value.clone()));
    }
    if KEYWORDS.contains(&text.as_str()) {
        found.push(Found::Keyword);
    }
    if sh.functions.contains_key(name) {
        found.push(Found::Function);
    }
    if is_builtin(sh, &text) {
        found.push(Found::Builtin);
    }
    found.extend(find(sh, name).map(Found::File));
    found
}

pub(super) fn kind(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let letters: Vec<u8> = args.iter().take_while(|a| is_option(a)).flatten().copied().collect();
    if let Some(bad) = letters.iter().find(|l| !b"-afptP".contains(l)).filter(|_| sh.bash) {
        let option = format!("-{}", char::from(*bad));
        return bad_option(sh, "type", &option, "type [-afptP] name [name ...]");
    }
    let names: Vec<Vec<u8>> = args.iter().skip_while(|a| is_option(a) && sh.bash).cloned().collect();
    described(sh, "type", &names, &letters)
}

/// `type` and `command -V`: with the first, all names must be found, with the other one.
fn described(sh: &mut Shell, by: &str, names: &[Vec<u8>], letters: &[u8]) -> Result<i32, Stop> {
    let (mut status, mut any) = (0, false);
    for name in names {
        let shown = text_of(name);
        let mut found = all(sh, name);
        if letters.contains(&b'P') {
            found.retain(|f| matches!(f, Found::File(_)));
        }
        if !letters.contains(&b'a') {
            found.truncate(1);
        }
        if found.is_empty() {
            status = if sh.bash { 1 } else { 127 };
            if !sh.bash {
                sh.write(1, format!("{shown}: not found\n").as_bytes())?;
            } else if !letters.iter().any(|l| b"tpP".contains(l)) {
                sh.complain(&format!("{by}: {shown}: not found"))?;
            }
            continue;
        }
        any = true;
        for one in found {
            let text = if letters.contains(&b't') {
                match one {
                    Found::Alias(_) => "alias\n".to_owned(),
                    Found::Keyword => "keyword\n".to_owned(),
                    Found::Function => "function\n".to_owned(),
                    Found::Builtin => "builtin\n".to_owned(),
                    Found::File(_) => "file\n".to_owned(),
                }
            } else if letters.iter().any(|l| b"pP".contains(l)) {
                match one {
                    Found::File(path) => format!("{path}\n"),
                    _ => String::new(),
                }
            } else {
                match one {
                    Found::Alias(value) if sh.bash => {
                        format!("{shown} is aliased to `{}'\n", text_of(&value))
                    }
                    Found::Alias(value) => format!("{shown} is an alias for {}\n", text_of(&value)),
                    Found::Keyword => format!("{shown} is a shell keyword\n"),
                    Found::Function if sh.bash => {
                        let body = sh.functions.get(name).cloned();
                        let body = body.map(|b| show::function(name, &b)).unwrap_or_default();
                        format!("{shown} is a function\n{}", text_of(&body))
                    }
                    Found::Function => format!("{shown} is a shell function\n"),
                    Found::Builtin if !sh.bash && special(&shown) => {
                        format!("{shown} is a special shell builtin\n")
                    }
                    Found::Builtin => format!("{shown} is a shell builtin\n"),
                    Found::File(path) if sh.hashed.contains_key(name) && sh.bash => {
                        format!("{shown} is hashed ({path})\n")
                    }
                    Found::File(path) => format!("{shown} is {path}\n"),
                }
            };
            sh.write(1, text.as_bytes())?;
        }
    }
    Ok(if by == "command" && any && sh.bash { 0 } else { status })
}

/// enable: which builtins stand before programs of their name.
pub(super) fn enable(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let letters: Vec<u8> =
        args.iter().take_while(|a| is_option(a)).flat_map(|a| a.iter().skip(1)).copied().collect();
    if let Some(bad) = letters.iter().find(|l| !b"anpsdf".contains(l)) {
        let option = format!("-{}", char::from(*bad));
        return bad_option(sh, "enable", &option, "enable [-a] [-dnps] [-f filename] [name ...]");
    }
    let has = |letter: u8| letters.contains(&letter);
    let names: Vec<String> = args.iter().skip_while(|a| is_option(a)).map(|a| text_of(a)).collect();
    if names.is_empty() || has(b'p') {
        let mut all: Vec<&str> = BUILTINS.to_vec();
        all.sort_unstable();
        let mut text = String::new();
        for name in all.into_iter().filter(|name| !has(b's') || special(name) || *name == "source") {
            let off = sh.disabled.contains(name);
            if has(b'a') || off == has(b'n') {
                text += &format!("enable {}{name}\n", if off { "-n " } else { "" });
            }
        }
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    }
    let mut status = 0;
    for name in names {
        if !is_named(sh, &name) {
            sh.complain(&format!("enable: {name}: not a shell builtin"))?;
            status = 1;
        } else if has(b'n') {
            sh.disabled.insert(name);
        } else {
            sh.disabled.remove(&name);
        }
    }
    Ok(status)
}

/// POSIX's special builtins, to whose errors a shell ends.
pub(super) fn special(name: &str) -> bool {
    matches!(
        name,
        "." | ":"
            | "break"
            | "continue"
            | "eval"
            | "exec"
            | "exit"
            | "export"
            | "readonly"
            | "return"
            | "set"
            | "shift"
            | "times"
            | "trap"
            | "unset"
    )
}

pub(super) async fn command(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut rest = args;
    let mut ask = 0;
    while let Some((first, tail)) = rest.split_first() {
        match first.as_slice() {
            b"--" => {
                rest = tail;
                break;
            }
            b"-v" | b"-V" | b"-p" if name == "command" => {
                if first != b"-p" {
                    ask = first.get(1).copied().unwrap_or(0);
                }
                rest = tail;
            }
            option if is_option(option) => {
                let option = text_of(option.get(..2).unwrap_or(option));
                let usage = if name == "command" {
                    "command [-pVv] command [arg ...]"
                } else {
                    "builtin [shell-builtin [arg ...]]"
                };
                return bad_option(sh, name, &option, usage);
            }
            _ => break,
        }
    }
    if ask == b'V' {
        let count = if sh.bash { rest.len() } else { rest.len().min(1) };
        return described(sh, "command", rest.get(..count).unwrap_or(rest), &[]);
    }
    if ask == b'v' {
        let mut status = i32::from(rest.is_empty());
        let missing = if sh.bash { 1 } else { 127 };
        // dash looks at the first name alone.
        let count = if sh.bash { rest.len() } else { 1 };
        for name in rest.iter().take(count) {
            let shown = text_of(name);
            let text = if name.contains(&b'/') {
                let path = crate::vfs::join(&sh.cwd, name);
                sh.vfs().access(&sh.account.cred, &path, 1).ok().map(|()| shown)
            } else {
                all(sh, name).into_iter().next().map(|found| match found {
                    Found::Alias(value) => format!("alias {shown}='{}'", text_of(&value)),
                    Found::File(path) => path,
                    _ => shown,
                })
            };
            match text {
                Some(text) => sh.write(1, format!("{text}\n").as_bytes())?,
                None => status = missing,
            }
        }
        return Ok(status);
    }
    let Some((program, rest)) = rest.split_first() else { return Ok(0) };
    let text = text_of(program);
    if is_builtin(sh, &text) {
        return Ok(super::builtin(sh, &text, rest).await?.unwrap_or(0));
    }
    if name == "builtin" {
        return fail(sh, "builtin", &format!("{text}: not a shell builtin"));
    }
    run_program(sh, program, rest.to_vec()).await
}

pub(super) fn hash(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut status = 0;
    if args.is_empty() {
        if !sh.bash {
            let text: String = sh.hashed.values().map(|(path, _)| format!("{path}\n")).collect();
            sh.write(1, text.as_bytes())?;
            return Ok(0);
        }
        if sh.hashed.is_empty() {
            sh.write(1, b"hash: hash table empty\n")?;
            return Ok(0);
        }
        let mut text = "hits\tcommand\n".to_owned();
        for (path, hits) in sh.hashed.values() {
            text += &format!("{hits:4}\t{path}\n");
        }
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    }
    const USAGE: &str = "hash [-lr] [-p pathname] [-dt] [name ...]";
    let (mut letters, mut path, mut rest) = (Vec::new(), None, args);
    while let Some((first, tail)) = rest.split_first().filter(|(first, _)| is_option(first)) {
        rest = tail;
        match first.as_slice() {
            b"-p" => match rest.split_first() {
                Some((value, tail)) => (path, rest) = (Some(text_of(value)), tail),
                None => return fail(sh, "hash", "-p: option requires an argument"),
            },
            option => {
                if let Some(bad) = option.iter().skip(1).find(|l| !b"lrdt".contains(l)) {
                    return bad_option(sh, "hash", &format!("-{}", char::from(*bad)), USAGE);
                }
                letters.extend(option.iter().skip(1).copied());
            }
        }
    }
    let has = |letter: u8| letters.contains(&letter);
    if has(b'r') {
        sh.hashed.clear();
    }
    if rest.is_empty() && has(b'l') {
        let line = |(name, (path, _)): (&Vec<u8>, &(String, u32))| {
            format!("builtin hash -p {path} {}\n", text_of(name))
        };
        let text: String = sh.hashed.iter().map(line).collect();
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    }
    for arg in rest {
        let known = sh.hashed.get(arg).cloned();
        let new = path.clone().or_else(|| find(sh, arg));
        let known = match (has(b't'), has(b'd'), known, new) {
            (true, _, Some((path, _)), _) => {
                let shown = text_of(arg);
                let name = if rest.len() > 1 { format!("{shown}\t") } else { String::new() };
                sh.write(1, format!("{name}{path}\n").as_bytes())?;
                true
            }
            (_, true, Some(_), _) => sh.hashed.remove(arg).is_some(),
            (false, false, _, Some(path)) => {
                if sh.hashed.len() < 256 {
                    sh.hashed.insert(arg.clone(), (path, 0));
                }
                true
            }
            _ => false,
        };
        if !known {
            let name = text_of(arg);
            sh.complain(&format!("hash: {name}: not found"))?;
            status = 1;
        }
    }
    Ok(status)
}

pub(super) fn alias(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let line = |sh: &Shell, name: &[u8], value: &[u8]| {
        let head: &[u8] = if sh.bash { b"alias " } else { b"" };
        [head, name, b"=", &super::quote_value(value), b"\n"].concat()
    };
    let args: Vec<&Vec<u8>> = args.iter().filter(|a| *a != b"-p" && *a != b"--").collect();
    if args.is_empty() {
        let text: Vec<u8> = sh.aliases.iter().flat_map(|(n, v)| line(sh, n, v)).collect();
        sh.write(1, &text)?;
        return Ok(0);
    }
    let mut status = 0;
    for arg in args {
        match arg.iter().position(|b| *b == b'=').filter(|at| *at > 0) {
            Some(at) => {
                let (key, value) = arg.split_at_checked(at).unwrap_or((arg, b""));
                let size: usize = sh.aliases.values().map(Vec::len).sum();
                if sh.aliases.len() < 256 && size + value.len() < 65_536 {
                    sh.aliases.insert(key.to_vec(), value.get(1..).unwrap_or(&[]).to_vec());
                }
            }
            None => match sh.aliases.get(arg.as_slice()).cloned() {
                Some(value) => {
                    let text = line(sh, arg, &value);
                    sh.write(1, &text)?;
                }
                None => {
                    let name = text_of(arg);
                    if sh.bash {
                        sh.complain(&format!("alias: {name}: not found"))?;
                    } else {
                        sh.write(2, format!("alias: {name} not found\n").as_bytes())?;
                    }
                    status = 1;
                }
            },
        }
    }
    Ok(status)
}

pub(super) fn unalias(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut status = 0;
    for arg in args {
        if arg == b"-a" {
            sh.aliases.clear();
        } else if sh.aliases.remove(arg).is_none() {
            let name = text_of(arg);
            if sh.bash {
                sh.complain(&format!("unalias: {name}: not found"))?;
            } else {
                sh.write(2, format!("unalias: {name} not found\n").as_bytes())?;
            }
            status = 1;
        }
    }
    Ok(status)
}

pub(super) fn compgen(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut prefix: Vec<u8> = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_slice() {
            b"-b" => names.extend(BUILTINS.iter().map(|n| n.as_bytes().to_vec())),
            b"-k" => names.extend(KEYWORDS.iter().map(|n| n.as_bytes().to_vec())),
            b"-a" => names.extend(sh.aliases.keys().cloned()),
            b"-v" => names.extend(sh.vars.keys().cloned()),
            b"-e" => names.extend(sh.vars.iter().filter(|(_, v)| v.exported).map(|(n, _)| n.clone())),
            b"-W" => {
                let words = rest.next().cloned().unwrap_or_default();
                names.extend(
                    words.split(|b| b" \n\t".contains(b)).filter(|w| !w.is_empty()).map(<[u8]>::to_vec),
                );
            }
            b"-A" => match rest.next().map(Vec::as_slice) {
                Some(b"function") => names.extend(sh.functions.keys().cloned()),
                Some(b"builtin") => names.extend(BUILTINS.iter().map(|n| n.as_bytes().to_vec())),
                _ => {}
            },
            b"-c" => {
                names.extend(BUILTINS.iter().map(|n| n.as_bytes().to_vec()));
                for dir in ["/usr/bin", "/usr/sbin"] {
                    let found = sh.vfs().readdir(&sh.account.cred, dir.as_bytes()).unwrap_or_default();
                    names.extend(found.into_iter().map(|(name, _)| name));
                }
            }
            b"-f" | b"-d" => {
                let word = rest.clone().last().cloned().unwrap_or_default();
                let (dir, _) = crate::vfs::split(&word);
                let stem = if word.contains(&b'/') { dir.to_vec() } else { Vec::new() };
                let place = crate::vfs::join(&sh.cwd, &stem);
                let vfs = sh.vfs();
                let who = &sh.account.cred;
                for (name, _) in vfs.readdir(who, &place).unwrap_or_default() {
                    let path = if stem.is_empty() { name } else { crate::vfs::join(&stem, &name) };
                    let is_dir = vfs
                        .stat(who, &crate::vfs::join(&sh.cwd, &path))
                        .is_ok_and(|s| s.kind == crate::vfs::Kind::Dir);
                    names.extend((arg == b"-f" || is_dir).then_some(path));
                }
            }
            b"-u" => names.extend(crate::vfs::SYSTEM.iter().map(|row| row.0.as_bytes().to_vec())),
            option if is_option(option) => {
                let option = text_of(option);
                return bad_option(
                    sh,
                    "compgen",
                    &option,
                    "compgen [-abcdefgjksuv] [-o option] [-A action] [-G globpat] [-W wordlist] [-F function] [-C command] [-X filterpat] [-P prefix] [-S suffix] [word]",
                );
            }
            word => prefix = word.to_vec(),
        }
    }
    names.retain(|name| name.starts_with(&prefix));
    if names.is_empty() {
        return Ok(1);
    }
    let text: Vec<u8> = names
        .into_iter()
        .flat_map(|mut name| {
            name.push(b'\n');
            name
        })
        .collect();
    sh.write(1, &text)?;
    Ok(0)
}
