//! Programs that change passwords and how long they last.

use super::accounts::system_file;
use super::getopt::{Spec, parse};
use super::registry::{Row, Waits, bin, sbin, waits};
use super::users::{SHADOW, day, edit, set, today, user_of};
use super::{Ctx, Need, show};
use crate::shell::Shell;
use crate::shell::facts::strftime;
use crate::shell::io::{Desc, Stop};

pub(super) const PROGRAMS: &[Row] = &[
    bin("chage", "passwd", 80_376, chage).mode(0o2755),
    sbin("chpasswd", "passwd", 63_856, chpasswd),
    waits("passwd", "passwd", 68_248, (|sh, name, args| Box::pin(passwd(sh, name, args))) as Waits)
        .mode(0o4755),
];

/// An entry for a new password, by a method of crypt(5): drawn, as only its look is seen.
fn hash(sh: &Shell, secret: &[u8], method: &str) -> String {
    const SET: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let label: String = secret.iter().map(|b| format!("{b:02x}")).collect();
    let mut draw = crate::persona::Draw::new(&sh.visitor.seed, &label);
    let mut take = |n: usize| -> String { (0..n).map(|_| char::from(draw.pick(SET))).collect() };
    match method {
        "DES" => take(13),
        "MD5" => format!("$1${}${}", take(8), take(22)),
        "SHA256" => format!("$5${}${}", take(16), take(43)),
        "SHA512" => format!("$6${}${}", take(16), take(86)),
        _ => format!("$y$j9T${}${}", take(22), take(43)),
    }
}

/// Gives a user a password, which su and sudo then take.
fn set_secret(sh: &Shell, name: &str, secret: &[u8], method: &str) {
    let (hash, day) = (hash(sh, secret, method), today(sh).to_string());
    edit(sh, SHADOW, name, |fields| set(set(fields, 1, &hash)?, 2, &day));
    sh.live().learn(name, secret);
}

fn chage(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "d:E:hiI:lm:M:R:W:",
        longs: &[
            ("lastday=", b'd'),
            ("expiredate=", b'E'),
            ("iso8601", b'i'),
            ("inactive=", b'I'),
            ("list", b'l'),
            ("mindays=", b'm'),
            ("maxdays=", b'M'),
            ("root=", b'R'),
            ("warndays=", b'W'),
        ],
    };
    let usage = |ctx: &mut Ctx<'_>, what: Option<&str>| {
        if let Some(what) = what {
            ctx.fail(what);
        }
        ctx.err.extend_from_slice(b"Usage: chage [options] LOGIN\n");
        Ok(2)
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return usage(ctx, Some(&why)),
    };
    // The field of /etc/shadow, and what it is to be.
    let mut changes = Vec::new();
    for (letter, value) in &parsed.given {
        let value = show(value);
        match letter {
            b'm' | b'M' | b'W' | b'I' => match value.parse::<i64>() {
                Ok(days) => {
                    let at = match letter {
                        b'm' => 3,
                        b'M' => 4,
                        b'W' => 5,
                        _ => 6,
                    };
                    changes.push((at, if days < 0 { String::new() } else { days.to_string() }));
                }
                Err(_) => return usage(ctx, Some(&format!("invalid numeric argument '{value}'"))),
            },
            b'd' | b'E' => match day(ctx.sh, &value) {
                Some(days) => changes.push((if *letter == b'd' { 2 } else { 7 }, days)),
                None => return usage(ctx, Some(&format!("invalid date '{value}'"))),
            },
            _ => {}
        }
    }
    let [name] = parsed.rest.as_slice() else { return usage(ctx, None) };
    let name = show(name);
    if user_of(ctx.sh, &name).is_none() {
        ctx.fail(&format!("user '{name}' does not exist in /etc/passwd"));
        return Ok(1);
    }
    let own = ctx.sh.account.name == name;
    if ctx.sh.account.cred.uid != 0 && !(own && parsed.has(b'l')) {
        return Ok(ctx.fail("Permission denied."));
    }
    if parsed.has(b'l') {
        let text = ages(&fields(ctx.sh, &name), parsed.has(b'i'));
        ctx.print(&text);
        return Ok(0);
    }
    for (at, value) in changes {
        edit(ctx.sh, SHADOW, &name, |f| set(f, at, &value));
    }
    Ok(0)
}

/// A user's line of /etc/shadow.
fn fields(sh: &Shell, name: &str) -> Vec<String> {
    system_file(sh, SHADOW)
        .lines()
        .find(|line| line.split(':').next() == Some(name))
        .map(|line| line.split(':').map(str::to_owned).collect())
        .unwrap_or_default()
}

/// What `chage -l` tells of it.
fn ages(fields: &[String], iso: bool) -> String {
    let field = |n: usize| fields.get(n).and_then(|f| f.parse::<i64>().ok());
    let pattern = if iso { "%Y-%m-%d" } else { "%b %d, %Y" };
    let date = |days: i64| {
        strftime(phantom_core::from_micros(days.clamp(-1 << 20, 1 << 20) * 86_400_000_000), pattern)
    };
    let never = || "never".to_owned();
    let must = || "password must be changed".to_owned();
    let (last, most) = (field(2), field(4).filter(|most| *most < 10_000));
    let changed = last.map_or_else(never, |d| if d == 0 { must() } else { date(d) });
    let ends = |extra: Option<i64>| match (last, most, extra) {
        (Some(0), ..) => must(),
        (Some(last), Some(most), Some(extra)) => date(last.saturating_add(most).saturating_add(extra)),
        _ => never(),
    };
    format!(
        "Last password change\t\t\t\t\t: {changed}\nPassword expires\t\t\t\t\t: {}\nPassword inactive\t\t\t\t\t: {}\nAccount expires\t\t\t\t\t\t: {}\nMinimum number of days between password change\t\t: {}\nMaximum number of days between password change\t\t: {}\nNumber of days of warning before password expires\t: {}\n",
        ends(Some(0)),
        ends(field(6)),
        field(7).map_or_else(never, date),
        field(3).unwrap_or(-1),
        field(4).unwrap_or(-1),
        field(5).unwrap_or(-1)
    )
}

fn chpasswd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "c:ehmR:P:s:",
        longs: &[("crypt-method=", b'c'), ("encrypted", b'e'), ("md5", b'm'), ("sha-rounds=", b's')],
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&why);
            ctx.err.extend_from_slice(b"Usage: chpasswd [options]\n");
            return Ok(2);
        }
    };
    let encrypted = parsed.has(b'e');
    let method = parsed.value(b'c').map(show).unwrap_or_default();
    if !matches!(method.as_str(), "" | "NONE" | "DES" | "MD5" | "SHA256" | "SHA512" | "YESCRYPT") {
        ctx.fail(&format!("unsupported crypt method: {method}"));
        ctx.err.extend_from_slice(b"Usage: chpasswd [options]\n");
        return Ok(2);
    }
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Permission denied.\nchpasswd: cannot lock /etc/passwd; try again later."));
    }
    let input = ctx.input()?;
    let mut status = 0;
    for (number, line) in show(&input).lines().enumerate().take(1000) {
        let Some((name, secret)) = line.split_once(':') else {
            status = ctx.fail(&format!("line {}: missing new password", number + 1));
            continue;
        };
        if user_of(ctx.sh, name).is_none() {
            ctx.fail(&format!(
                "(user {name}) pam_chauthtok() failed, error:\nAuthentication token manipulation error"
            ));
            status = ctx.fail(&format!("(line {}, user {name}) password not changed", number + 1));
            continue;
        }
        if encrypted {
            edit(ctx.sh, SHADOW, name, |f| set(f, 1, secret));
        } else {
            set_secret(ctx.sh, name, secret.as_bytes(), &method);
        }
    }
    Ok(status)
}

/// A secret asked for as PAM asks: unseen on a terminal, from the input elsewhere.
pub(super) async fn ask(sh: &mut Shell, prompt: &str) -> Result<Vec<u8>, Stop> {
    ask_or_end(sh, prompt).await.map(Option::unwrap_or_default)
}

/// The same; `None` where the input has ended.
async fn ask_or_end(sh: &mut Shell, prompt: &str) -> Result<Option<Vec<u8>>, Stop> {
    let terminal = sh.io.lock().pty && matches!(sh.fds.get(&0), Some(Desc::Console(_)));
    let mut line = if terminal {
        sh.secret(prompt).await?
    } else {
        sh.write(2, prompt.as_bytes())?;
        let Some(line) = sh.read_line().await? else { return Ok(None) };
        line
    };
    while line.last().is_some_and(|b| *b == b'\n' || *b == b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

pub(super) async fn new_secret(sh: &mut Shell, name: &str) -> Result<i32, Stop> {
    const UNCHANGED: &str = "passwd: Authentication token manipulation error\npasswd: password unchanged\n";
    let Some(first) = ask_or_end(sh, "New password: ").await? else {
        sh.write(2, format!("Password change has been aborted.\n{UNCHANGED}").as_bytes())?;
        return Ok(10);
    };
    if first.is_empty() {
        sh.write(2, format!("No password has been supplied.\n{UNCHANGED}").as_bytes())?;
        return Ok(10);
    }
    let second = ask(sh, "Retype new password: ").await?;
    if first != second {
        sh.write(2, format!("Sorry, passwords do not match.\n{UNCHANGED}").as_bytes())?;
        return Ok(10);
    }
    set_secret(sh, name, &first, "");
    sh.write(2, b"passwd: password updated successfully\n")?;
    Ok(0)
}

async fn passwd(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "adehi:kln:qr:R:Suw:x:",
        longs: &[
            ("all", b'a'),
            ("delete", b'd'),
            ("expire", b'e'),
            ("inactive=", b'i'),
            ("keep-tokens", b'k'),
            ("lock", b'l'),
            ("mindays=", b'n'),
            ("quiet", b'q'),
            ("status", b'S'),
            ("unlock", b'u'),
            ("warndays=", b'w'),
            ("maxdays=", b'x'),
        ],
    };
    const USAGE: &str = "Usage: passwd [options] [LOGIN]\n";
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            sh.write(2, format!("{name}: {why}\n{USAGE}").as_bytes())?;
            return Ok(2);
        }
    };
    if parsed.rest.len() > 1 {
        sh.write(2, USAGE.as_bytes())?;
        return Ok(2);
    }
    let own = sh.account.name.clone();
    let name = parsed.rest.first().map_or_else(|| own.clone(), |name| show(name));
    let root = sh.account.cred.uid == 0;
    if user_of(sh, &name).is_none() {
        sh.write(2, format!("passwd: user '{name}' does not exist\n").as_bytes())?;
        return Ok(1);
    }
    let changes = parsed.given.iter().any(|(letter, _)| !b"Sqk".contains(letter));
    if !root && (name != own || changes) {
        let text = if name == own {
            "passwd: Permission denied.\n".to_owned()
        } else {
            format!("passwd: You may not view or modify password information for {name}.\n")
        };
        sh.write(2, text.as_bytes())?;
        return Ok(1);
    }
    let entry = fields(sh, &name);
    let secret = entry.get(1).cloned().unwrap_or_default();
    let mut ages = Vec::new();
    for (letter, value) in &parsed.given {
        let at = match letter {
            b'n' => 3,
            b'x' => 4,
            b'w' => 5,
            b'i' => 6,
            _ => continue,
        };
        let value = show(value);
        if value.parse::<i64>().is_err() {
            let text = format!("passwd: invalid numeric argument '{value}'\n{USAGE}");
            sh.write(2, text.as_bytes())?;
            return Ok(2);
        }
        ages.push((at, if value == "-1" { String::new() } else { value }));
    }
    for (at, value) in &ages {
        edit(sh, SHADOW, &name, |f| set(f, *at, value));
    }
    let flag = parsed.given.iter().map(|(letter, _)| *letter).find(|l| b"Slude".contains(l));
    match flag {
        Some(b'S') => {
            let word = if secret.starts_with('!') || secret.starts_with('*') {
                "L"
            } else if secret.is_empty() {
                "NP"
            } else {
                "P"
            };
            let number = |n: usize| entry.get(n).and_then(|d| d.parse::<i64>().ok());
            let day = number(2).unwrap_or(0).clamp(0, 1 << 20);
            let date = strftime(phantom_core::from_micros(day * 86_400_000_000), "%F");
            let rest: Vec<String> = (3..7).map(|n| number(n).unwrap_or(-1).to_string()).collect();
            sh.write(1, format!("{name} {word} {date} {}\n", rest.join(" ")).as_bytes())?;
            Ok(0)
        }
        None if !ages.is_empty() => {
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some(b'l') => {
            edit(sh, SHADOW, &name, |f| set(f, 1, &format!("!{}", secret.trim_start_matches('!'))));
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some(b'u') => {
            if secret.trim_start_matches('!').is_empty() {
                sh.write(2, b"passwd: unlocking the password would result in a passwordless account.\nYou should set a password with usermod -p to unlock the password of this account.\n")?;
                return Ok(3);
            }
            edit(sh, SHADOW, &name, |f| set(f, 1, secret.trim_start_matches('!')));
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some(b'd') => {
            edit(sh, SHADOW, &name, |f| set(f, 1, ""));
            sh.live().learn(&name, b"");
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some(b'e') => {
            edit(sh, SHADOW, &name, |f| set(f, 2, "0"));
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        _ => {
            if !root {
                sh.write(2, format!("Changing password for {name}.\n").as_bytes())?;
                let old = ask(sh, "Current password: ").await?;
                if !sh.live().knows(&name, &old) {
                    sh.write(
                        2,
                        b"passwd: Authentication token manipulation error\npasswd: password unchanged\n",
                    )?;
                    return Ok(10);
                }
            }
            new_secret(sh, &name).await
        }
    }
}
