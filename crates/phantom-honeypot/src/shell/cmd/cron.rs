//! crontab and at: what is to run later is kept where cron and atd look for it.

use super::getopt::{Spec, parse};
use super::registry::{Row, Waits, bin, waits};
use super::{Ctx, Need, has_flag, show};
use crate::shell::Shell;
use crate::shell::facts::strftime;
use crate::shell::io::Stop;
use crate::vfs::{Cred, SetAttr};
use phantom_core::{Timestamp, from_micros, micros};

pub(super) const PROGRAMS: &[Row] = &[
    waits("at", "at", 59_768, (|sh, name, args| Box::pin(at(sh, name, args))) as Waits).mode(0o6755),
    bin("atq", "at", 0, atq).linked("at"),
    bin("atrm", "at", 0, atrm).linked("at"),
    waits("batch", "at", 0, (|sh, name, args| Box::pin(at(sh, name, args))) as Waits).linked("at"),
    waits("crontab", "cron", 43_648, (|sh, name, args| Box::pin(crontab(sh, name, args))) as Waits)
        .mode(0o2755),
];

/// Largest table that is taken.
const MAX: usize = 256 * 1024;
const SPOOL: &str = "/var/spool/cron/crontabs";
const JOBS: &str = "/var/spool/cron/atjobs";
/// What crontab -e opens where there is no table yet.
const TEMPLATE: &str =
    "# Edit this file to introduce tasks to be run by cron.\n# \n# m h  dom mon dow   command\n";

/// Writes a file as root and gives it to somebody.
fn keep(sh: &mut Shell, path: &str, owner: (u32, u32), mode: u32, text: &[u8]) -> Result<(), String> {
    let root = Cred::root();
    let mut vfs = sh.vfs();
    let result = vfs.create(&root, path.as_bytes(), mode, true).and_then(|ino| {
        vfs.write(ino, Some(0), text)?;
        let set = SetAttr { uid: Some(owner.0), gid: Some(owner.1), mode: Some(mode), ..SetAttr::default() };
        vfs.set_attr(&root, path.as_bytes(), set)
    });
    result.map_err(|errno| errno.to_string())
}

async fn crontab(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec { shorts: "u:lerin", longs: &[] };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            sh.write(2, format!("crontab: {why}\n").as_bytes())?;
            return usage(sh, "unrecognized option");
        }
    };
    let mut user = sh.account.name.clone();
    if let Some(other) = parsed.value(b'u').map(show) {
        if sh.account.cred.uid != 0 && other != user {
            sh.write(2, b"must be privileged to use -u\n")?;
            return Ok(1);
        }
        user = other;
    }
    let acts: Vec<u8> = parsed.given.iter().map(|g| g.0).filter(|l| b"ler".contains(l)).collect();
    if acts.len() > 1 {
        return usage(sh, "only one operation permitted");
    }
    let act = acts.first().map(|letter| format!("-{}", char::from(*letter)));
    let file = parsed.rest.first().map(|name| show(name));
    if act.is_some() && file.is_some() {
        return usage(sh, "no arguments permitted after this option");
    }
    let Some(account) = super::accounts::account(sh, &user) else {
        sh.write(2, format!("crontab:  user `{user}' unknown\n").as_bytes())?;
        return Ok(1);
    };
    let path = format!("{SPOOL}/{user}");
    let old = sh.vfs().read(&Cred::root(), path.as_bytes(), 0, MAX).ok();
    let (own, uid) = (account.cred.clone(), account.cred.uid);
    match act.as_deref() {
        Some("-l") => match old {
            Some(text) => {
                // The three lines crontab heads its file with are not shown.
                let shown: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
                let head = shown.iter().take(3).take_while(|l| l.starts_with(b"# ")).count();
                let skip =
                    if shown.first().is_some_and(|l| l.starts_with(b"# DO NOT EDIT")) { head } else { 0 };
                sh.write(1, &shown.get(skip..).unwrap_or(&[]).concat())?;
                Ok(0)
            }
            None => none(sh, &user),
        },
        Some("-r") => {
            let gone = sh.vfs().unlink(&Cred::root(), path.as_bytes());
            if gone.is_err() { none(sh, &user) } else { Ok(0) }
        }
        Some(_) => {
            if old.is_none() {
                sh.write(2, format!("no crontab for {user} - using an empty one\n").as_bytes())?;
            }
            // The editor needs a terminal of its own; what comes from a pipe is no edit.
            let text = old.unwrap_or_else(|| TEMPLATE.as_bytes().to_vec());
            let temporary = format!("/tmp/crontab.{}", &strftime(sh.io.now(), "%s").get(4..).unwrap_or("x"));
            let _ = keep(sh, &temporary, (uid, own.gid), 0o600, &text);
            let editor = sh
                .get(b"VISUAL")
                .or_else(|| sh.get(b"EDITOR"))
                .unwrap_or_else(|| b"/usr/bin/editor".to_vec());
            let line = [editor.as_slice(), b" ", temporary.as_bytes()].concat();
            let status = if sh.io.lock().pty || sh.get(b"EDITOR").is_some() || sh.get(b"VISUAL").is_some() {
                sh.run_text(&line).await?
            } else {
                0
            };
            let after = sh.vfs().read(&Cred::root(), temporary.as_bytes(), 0, MAX).unwrap_or_default();
            let _ = sh.vfs().unlink(&Cred::root(), temporary.as_bytes());
            if status != 0 || after == text {
                sh.write(2, if status == 0 { b"No modification made\n" } else { b"crontab: edit failed\n" })?;
                return Ok(i32::from(status != 0));
            }
            install(sh, &user, &temporary, &after, uid)
        }
        None => {
            let name = file.unwrap_or_else(|| "-".to_owned());
            let text = if name == "-" {
                sh.read_all().await?
            } else {
                let path = crate::vfs::join(&sh.cwd, name.as_bytes());
                let read = sh.vfs().read(&sh.account.cred, &path, 0, MAX);
                match read {
                    Ok(text) => text,
                    Err(errno) => {
                        sh.write(2, format!("{name}: {errno}\n").as_bytes())?;
                        return Ok(1);
                    }
                }
            };
            install(sh, &user, &name, &text, uid)
        }
    }
}

fn none(sh: &mut Shell, user: &str) -> Result<i32, Stop> {
    sh.write(2, format!("no crontab for {user}\n").as_bytes())?;
    Ok(1)
}

fn usage(sh: &mut Shell, what: &str) -> Result<i32, Stop> {
    let text = format!(
        "crontab: usage error: {what}\nusage:\tcrontab [-u user] [-n] file\n\tcrontab [ -u user ] [ -i ] {{ -e | -l | -r }}\n\t\t(default operation is replace, per 1003.2)\n\t-e\t(edit user's crontab)\n\t-l\t(list user's crontab)\n\t-r\t(delete user's crontab)\n\t-i\t(prompt before deleting user's crontab)\n"
    );
    sh.write(2, text.as_bytes())?;
    Ok(1)
}

fn install(sh: &mut Shell, user: &str, from: &str, text: &[u8], uid: u32) -> Result<i32, Stop> {
    for (number, line) in show(text).lines().enumerate() {
        if let Some(why) = fault(line) {
            // cron counts the line ends before what it stumbled over.
            let text = format!("\"{from}\":{number}: {why}\nerrors in crontab file, can't install.\n");
            sh.write(2, text.as_bytes())?;
            return Ok(1);
        }
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        sh.write(2, b"new crontab file is missing newline before EOF, can't install.\n")?;
        return Ok(1);
    }
    let when = strftime(sh.io.now(), "%a %b %e %T %Y");
    let head = format!(
        "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# ({from} installed on {when})\n# (Cron version -- $Id: crontab.c,v 2.13 1994/01/17 03:20:37 vixie Exp $)\n"
    );
    let whole = [head.as_bytes(), text].concat();
    // The group crontab, 101, may look into the directory.
    match keep(sh, &format!("{SPOOL}/{user}"), (uid, 101), 0o600, &whole) {
        Ok(()) => Ok(0),
        Err(why) => {
            sh.write(2, format!("{SPOOL}/{user}: {why}\n").as_bytes())?;
            Ok(1)
        }
    }
}

/// What cron's parser finds wrong with a line, if anything.
fn fault(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    if let Some(name) = line.strip_prefix('@') {
        let word = name.split_whitespace().next().unwrap_or("");
        let known = ["reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        return (!known.contains(&word)).then_some("bad time specifier");
    }
    let name = line.split(['=', ' ', '\t']).next().unwrap_or("");
    if line.contains('=')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && line.trim_start_matches(name).trim_start().starts_with('=')
    {
        return None;
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    let limits = [
        (0, 59, "bad minute"),
        (0, 23, "bad hour"),
        (1, 31, "bad day-of-month"),
        (1, 12, "bad month"),
        (0, 7, "bad day-of-week"),
    ];
    for (index, (low, high, why)) in limits.iter().enumerate() {
        let field = fields.get(index).copied().unwrap_or("");
        if !field.split(',').all(|part| range(part, *low, *high, index)) {
            return Some(why);
        }
    }
    (fields.len() < 6).then_some("bad command")
}

fn range(part: &str, low: u32, high: u32, index: usize) -> bool {
    let (span, step) = part.split_once('/').map_or((part, None), |(a, b)| (a, Some(b)));
    if step.is_some_and(|s| s.parse::<u32>().is_ok_and(|n| n == 0) || s.parse::<u32>().is_err()) {
        return false;
    }
    let names: &[&str] = match index {
        3 => &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        4 => &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        _ => &[],
    };
    let one = |text: &str| {
        text.parse::<u32>().is_ok_and(|n| (low..=high).contains(&n))
            || names.contains(&text.to_ascii_lowercase().as_str())
    };
    span == "*" || span.split_once('-').map_or_else(|| one(span), |(a, b)| one(a) && one(b))
}

/// Jobs that wait: number, when, whose.
fn jobs(sh: &Shell) -> Vec<(u32, Timestamp, String, String)> {
    let entries = sh.vfs().readdir(&Cred::root(), JOBS.as_bytes()).unwrap_or_default();
    let mut all: Vec<(u32, Timestamp, String, String)> = entries
        .iter()
        .filter_map(|(name, ino)| {
            let name = show(name);
            let number = u32::from_str_radix(name.get(1..6)?, 16).ok()?;
            let minutes = i64::from_str_radix(name.get(6..)?, 16).ok()?;
            let owner = sh.vfs().stat_ino(*ino).ok()?.uid;
            let user = super::accounts::user_name(sh, owner);
            Some((number, from_micros(minutes * 60_000_000), user, name))
        })
        .collect();
    all.sort_by_key(|job| job.0);
    all
}

async fn at(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|a| show(a)).collect();
    let first = words.first().map(String::as_str);
    match first {
        Some("-l") => return list(sh),
        Some("-d" | "-r") => return drop_jobs(sh, words.get(1..).unwrap_or(&[])),
        Some("-c") => {
            for number in words.iter().skip(1) {
                let job = jobs(sh).into_iter().find(|job| job.0.to_string() == *number);
                let Some((_, _, _, file)) = job else {
                    sh.write(2, format!("Cannot find jobid {number}\n").as_bytes())?;
                    return Ok(1);
                };
                let text = sh.vfs().read(&Cred::root(), format!("{JOBS}/{file}").as_bytes(), 0, MAX);
                sh.write(1, &text.unwrap_or_default())?;
            }
            return Ok(0);
        }
        _ => {}
    }
    let from = words.iter().position(|w| w == "-f").and_then(|n| words.get(n + 1)).cloned();
    let time: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(n, w)| {
            !w.starts_with('-')
                && n.checked_sub(1).and_then(|n| words.get(n)).is_none_or(|p| p != "-f" && p != "-q")
        })
        .map(|(_, w)| w.as_str())
        .collect();
    let when = if name == "batch" { Some(sh.io.now()) } else { moment(&time, sh.io.now()) };
    let Some(when) = when else {
        let text: &[u8] = if time.is_empty() {
            b"Garbled time\n"
        } else {
            b"syntax error. Last token seen: \nGarbled time\n"
        };
        sh.write(2, text)?;
        return Ok(1);
    };
    let terminal = sh.io.lock().pty && from.is_none();
    sh.write(2, b"warning: commands will be executed using /bin/sh\n")?;
    if terminal {
        sh.write(1, format!("at {}\nat> ", strftime(when, "%a %b %e %T %Y")).as_bytes())?;
    }
    let text = match from {
        Some(file) => {
            let path = crate::vfs::join(&sh.cwd, file.as_bytes());
            let read = sh.vfs().read(&sh.account.cred, &path, 0, MAX);
            match read {
                Ok(text) => text,
                Err(errno) => {
                    sh.write(2, format!("Cannot open input file {file}: {errno}\n").as_bytes())?;
                    return Ok(1);
                }
            }
        }
        None => sh.read_all().await?,
    };
    if terminal {
        sh.write(1, b"<EOT>\n")?;
    }
    let number = jobs(sh).last().map_or(1, |job| job.0 + 1);
    let minutes = micros(when) / 60_000_000;
    let (uid, gid) = (sh.account.cred.uid, sh.account.cred.gid);
    let head = format!(
        "#!/bin/sh\n# atrun uid={uid} gid={gid}\n# mail {} 0\numask {:o}\ncd {} || {{\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}}\n",
        sh.account.name,
        sh.umask,
        show(&sh.cwd)
    );
    let whole = [head.as_bytes(), text.as_slice()].concat();
    if keep(sh, &format!("{JOBS}/a{number:05x}{minutes:08x}"), (uid, 1), 0o700, &whole).is_err() {
        sh.write(2, b"Cannot create atjob file: No space left on device\n")?;
        return Ok(1);
    }
    sh.write(2, format!("job {number} at {}\n", strftime(when, "%a %b %e %T %Y")).as_bytes())?;
    Ok(0)
}

/// The times that at(1) is given most: `now + N units`, `HH:MM`, `midnight`, `noon`, `tomorrow`.
fn moment(words: &[&str], now: Timestamp) -> Option<Timestamp> {
    let joined = words.join(" ").replace('+', " + ");
    let mut words = joined.split_whitespace().peekable();
    let minute = 60_000_000i64;
    let day = 86_400_000_000i64;
    let start = micros(now) / minute * minute;
    let clock = |minutes: i64| {
        let today = micros(now).div_euclid(day) * day + minutes * minute;
        if today <= micros(now) { today + day } else { today }
    };
    let mut at = match words.next()? {
        "now" => start,
        "midnight" => clock(0),
        "noon" => clock(720),
        "teatime" => clock(960),
        "tomorrow" => start + day,
        text => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let (hour, minutes) = match digits.len() {
                1 | 2 => (digits.parse::<i64>().ok()?, 0),
                3 | 4 => (
                    digits.get(..digits.len() - 2)?.parse().ok()?,
                    digits.get(digits.len() - 2..)?.parse().ok()?,
                ),
                _ => return None,
            };
            let late = text.to_ascii_lowercase().ends_with("pm") && hour < 12;
            if hour > 23 || minutes > 59 {
                return None;
            }
            clock((hour + if late { 12 } else { 0 }) * 60 + minutes)
        }
    };
    while let Some(word) = words.next() {
        match word {
            "+" => {
                let count: i64 = words.next()?.parse().ok().filter(|n| (0..100_000).contains(n))?;
                let unit = words.next()?;
                at += count
                    * match unit.trim_end_matches('s') {
                        "min" | "minute" => minute,
                        "hour" => 60 * minute,
                        "day" => day,
                        "week" => 7 * day,
                        "month" => 30 * day,
                        _ => return None,
                    };
            }
            "tomorrow" => at += day,
            "today" => {}
            _ => return None,
        }
    }
    Some(from_micros(at))
}

fn list(sh: &mut Shell) -> Result<i32, Stop> {
    let own = sh.account.name.clone();
    let text: String = jobs(sh)
        .iter()
        .filter(|job| own == "root" || job.2 == own)
        .map(|(number, at, user, _)| format!("{number}\t{} a {user}\n", strftime(*at, "%a %b %e %T %Y")))
        .collect();
    sh.write(1, text.as_bytes())?;
    Ok(0)
}

fn drop_jobs(sh: &mut Shell, numbers: &[String]) -> Result<i32, Stop> {
    let mut status = 0;
    for number in numbers {
        match jobs(sh).into_iter().find(|job| job.0.to_string() == *number) {
            Some((_, _, _, file)) => {
                let _ = sh.vfs().unlink(&Cred::root(), format!("{JOBS}/{file}").as_bytes());
            }
            None => {
                sh.write(2, format!("Cannot find jobid {number}\n").as_bytes())?;
                status = 1;
            }
        }
    }
    Ok(status)
}

fn atq(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let own = ctx.sh.account.name.clone();
    for (number, at, user, _) in jobs(ctx.sh).iter().filter(|job| own == "root" || job.2 == own) {
        ctx.print(&format!("{number}\t{} a {user}\n", strftime(*at, "%a %b %e %T %Y")));
    }
    Ok(0)
}

fn atrm(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    if rest.is_empty() || has_flag(&flags, b'h') {
        ctx.err.extend_from_slice(b"Usage: atrm [-V] id ...\n");
        return Ok(1);
    }
    let mut status = 0;
    for number in rest.iter().map(|n| show(n)) {
        match jobs(ctx.sh).into_iter().find(|job| job.0.to_string() == number) {
            Some((_, _, _, file)) => {
                let _ = ctx.sh.vfs().unlink(&Cred::root(), format!("{JOBS}/{file}").as_bytes());
            }
            None => {
                ctx.err.extend_from_slice(format!("Cannot find jobid {number}\n").as_bytes());
                status = 1;
            }
        }
    }
    Ok(status)
}
