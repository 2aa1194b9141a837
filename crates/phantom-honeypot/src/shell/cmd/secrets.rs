//! Programs that change passwords and how long they last.

use super::accounts::system_file;
use super::registry::{Row, Waits, bin, sbin, waits};
use super::users::{SHADOW, edit, set, today, user_of};
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

/// A yescrypt entry for a new password: drawn, as only its look is seen.
fn hash(sh: &Shell, secret: &[u8]) -> String {
    const SET: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let label: String = secret.iter().map(|b| format!("{b:02x}")).collect();
    let mut draw = crate::persona::Draw::new(&sh.visitor.seed, &label);
    let mut take = |n: usize| -> String { (0..n).map(|_| char::from(draw.pick(SET))).collect() };
    format!("$y$j9T${}${}", take(22), take(43))
}

/// Gives a user a password, which su and sudo then take.
fn set_secret(sh: &Shell, name: &str, secret: &[u8]) {
    let (hash, day) = (hash(sh, secret), today(sh).to_string());
    edit(sh, SHADOW, name, |fields| set(set(fields, 1, &hash)?, 2, &day));
    sh.live().learn(name, secret);
}

fn chage(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"dEIMmWR");
    let Some(name) = rest.first().map(|n| show(n)) else {
        ctx.err.extend_from_slice(b"Usage: chage [options] LOGIN\n");
        return Ok(2);
    };
    if user_of(ctx.sh, &name).is_none() {
        ctx.fail(&format!("user '{name}' does not exist in /etc/passwd"));
        return Ok(1);
    }
    let own = ctx.sh.account.name == name;
    if ctx.sh.account.cred.uid != 0 && !(own && flags.iter().all(|(l, _)| *l == b'l')) {
        return Ok(ctx.fail("Permission denied."));
    }
    let line = system_file(ctx.sh, SHADOW);
    let fields: Vec<String> = line
        .lines()
        .find(|l| l.split(':').next() == Some(&name))
        .map(|l| l.split(':').map(str::to_owned).collect())
        .unwrap_or_default();
    let field = |n: usize| fields.get(n).and_then(|f| f.parse::<i64>().ok());
    if flags.iter().any(|(l, _)| *l == b'l') {
        let date = |days: i64| strftime(phantom_core::from_micros(days * 86_400_000_000), "%b %d, %Y");
        let last = field(2).map_or("never".to_owned(), |d| {
            if d == 0 { "password must be changed".to_owned() } else { date(d) }
        });
        let expires = match (field(2), field(4)) {
            (Some(last), Some(most)) if most < 10_000 => date(last + most),
            _ => "never".to_owned(),
        };
        let account = field(7).map_or("never".to_owned(), date);
        let text = format!(
            "Last password change\t\t\t\t\t: {last}\nPassword expires\t\t\t\t\t: {expires}\nPassword inactive\t\t\t\t\t: never\nAccount expires\t\t\t\t\t\t: {account}\nMinimum number of days between password change\t\t: {}\nMaximum number of days between password change\t\t: {}\nNumber of days of warning before password expires\t: {}\n",
            field(3).unwrap_or(0),
            field(4).unwrap_or(99_999),
            field(5).unwrap_or(7)
        );
        ctx.print(&text);
        return Ok(0);
    }
    for (letter, value) in &flags {
        let at = match letter {
            b'd' => 2,
            b'm' => 3,
            b'M' => 4,
            b'W' => 5,
            b'I' => 6,
            b'E' => 7,
            _ => continue,
        };
        let value = show(value);
        let value = if value == "-1" { String::new() } else { value };
        if value.parse::<i64>().is_ok() || value.is_empty() {
            edit(ctx.sh, SHADOW, &name, |f| set(f, at, &value));
        }
    }
    Ok(0)
}

fn chpasswd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let encrypted = ctx.args.iter().any(|a| a == b"-e" || a == b"--encrypted");
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
            set_secret(ctx.sh, name, secret.as_bytes());
        }
    }
    Ok(status)
}

/// A secret asked for as PAM asks: unseen on a terminal, from the input elsewhere.
pub(super) async fn ask(sh: &mut Shell, prompt: &str) -> Result<Vec<u8>, Stop> {
    let terminal = sh.io.lock().pty && matches!(sh.fds.get(&0), Some(Desc::Console(_)));
    let mut line = if terminal {
        sh.secret(prompt).await?
    } else {
        sh.write(2, prompt.as_bytes())?;
        sh.read_line().await?.unwrap_or_default()
    };
    while line.last().is_some_and(|b| *b == b'\n' || *b == b'\r') {
        line.pop();
    }
    Ok(line)
}

pub(super) async fn new_secret(sh: &mut Shell, name: &str) -> Result<i32, Stop> {
    let first = ask(sh, "New password: ").await?;
    if first.is_empty() {
        sh.write(2, b"No password has been supplied.\npasswd: Authentication token manipulation error\npasswd: password unchanged\n")?;
        return Ok(10);
    }
    let second = ask(sh, "Retype new password: ").await?;
    if first != second {
        sh.write(2, b"Sorry, passwords do not match.\npasswd: Authentication token manipulation error\npasswd: password unchanged\n")?;
        return Ok(10);
    }
    set_secret(sh, name, &first);
    sh.write(2, b"passwd: password updated successfully\n")?;
    Ok(0)
}

async fn passwd(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|a| show(a)).collect();
    let flag = words.iter().find(|w| w.starts_with('-')).cloned();
    let own = sh.account.name.clone();
    let name = words.iter().find(|w| !w.starts_with('-')).cloned().unwrap_or_else(|| own.clone());
    let root = sh.account.cred.uid == 0;
    if user_of(sh, &name).is_none() {
        sh.write(2, format!("passwd: user '{name}' does not exist\n").as_bytes())?;
        return Ok(1);
    }
    if !root && (name != own || flag.as_deref().is_some_and(|f| f != "-S" && f != "--status")) {
        let text = if name == own {
            "passwd: Permission denied.\n".to_owned()
        } else {
            format!("passwd: You may not view or modify password information for {name}.\n")
        };
        sh.write(2, text.as_bytes())?;
        return Ok(1);
    }
    let entry = system_file(sh, SHADOW);
    let fields: Vec<&str> =
        entry.lines().find(|l| l.split(':').next() == Some(&name)).unwrap_or("").split(':').collect();
    let secret = fields.get(1).copied().unwrap_or("").to_owned();
    match flag.as_deref() {
        Some("-S" | "--status") => {
            let word = if secret.starts_with('!') || secret.starts_with('*') {
                "L"
            } else if secret.is_empty() {
                "NP"
            } else {
                "P"
            };
            let day = fields.get(2).and_then(|d| d.parse::<i64>().ok()).unwrap_or(0);
            let date = strftime(phantom_core::from_micros(day * 86_400_000_000), "%F");
            sh.write(1, format!("{name} {word} {date} 0 99999 7 -1\n").as_bytes())?;
            Ok(0)
        }
        Some("-l" | "--lock") => {
            edit(sh, SHADOW, &name, |f| set(f, 1, &format!("!{}", secret.trim_start_matches('!'))));
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some("-u" | "--unlock") => {
            if secret.trim_start_matches('!').is_empty() {
                sh.write(2, b"passwd: unlocking the password would result in a passwordless account.\nYou should set a password with usermod -p to unlock the password of this account.\n")?;
                return Ok(3);
            }
            edit(sh, SHADOW, &name, |f| set(f, 1, secret.trim_start_matches('!')));
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some("-d" | "--delete") => {
            edit(sh, SHADOW, &name, |f| set(f, 1, ""));
            sh.live().learn(&name, b"");
            sh.write(1, b"passwd: password changed.\n")?;
            Ok(0)
        }
        Some("-e" | "--expire") => {
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
