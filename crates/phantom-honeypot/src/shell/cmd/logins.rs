//! Who is and was logged in, and since when the machine runs.

use phantom_core::{Timestamp, from_micros, micros};

use super::accounts::users;
use super::registry::{Row, bin};
use super::{Ctx, Need, has_flag, show};
use crate::persona::Draw;
use crate::shell::Shell;
use crate::shell::facts::{load, strftime};

pub(super) const PROGRAMS: &[Row] = &[
    bin("last", "util-linux", 51_520, last),
    bin("lastb", "util-linux", 0, last).linked("last"),
    bin("lastlog", "login", 32_512, lastlog),
    bin("mesg", "util-linux", 18_744, mesg),
    bin("tty", "coreutils", 35_696, tty),
    bin("uptime", "procps", 14_648, uptime),
    bin("users", "coreutils", 39_824, users_now),
    bin("w", "procps", 22_840, w),
    bin("who", "coreutils", 60_432, who),
];

/// A login as utmp keeps it.
struct Login {
    user: String,
    line: String,
    from: String,
    at: Timestamp,
    shell: u32,
}

/// Logins with a terminal now.
fn logins(sh: &Shell) -> Vec<Login> {
    let live = sh.live();
    live.visits()
        .iter()
        .filter_map(|visit| {
            Some(Login {
                user: visit.user.clone(),
                line: format!("pts/{}", visit.tty?),
                from: visit.peer.ip().to_canonical().to_string(),
                at: visit.at,
                shell: visit.shell,
            })
        })
        .collect()
}

/// The first line of uptime, w and top, without what stands before the clock.
pub(super) fn uptime_line(sh: &Shell) -> String {
    let persona = sh.machine.persona();
    let now = sh.io.now();
    let up = (now.as_second() - persona.boot.as_second()).max(0);
    let (days, hours, minutes) = (up / 86_400, up / 3600 % 24, up / 60 % 60);
    let since = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        _ => format!("{days} days, "),
    };
    let clock = if hours > 0 { format!("{hours:2}:{minutes:02}") } else { format!("{minutes} min") };
    let count = logins(sh).len();
    let users = if count == 1 { "user" } else { "users" };
    let load = load(persona, now).replace(' ', ", ");
    format!(" {} up {since}{clock}, {count:2} {users},  load average: {load}\n", strftime(now, "%T"))
}

fn uptime(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let persona = ctx.sh.machine.persona();
    let now = ctx.sh.io.now();
    let (boot, up) = (persona.boot, (now.as_second() - persona.boot.as_second()).max(0));
    let first = ctx.args.first().map(|a| show(a)).unwrap_or_default();
    let text = match first.as_str() {
        "-s" | "--since" => strftime(boot, "%F %T\n"),
        "-p" | "--pretty" => {
            let parts = [
                (up / 604_800, "week"),
                (up / 86_400 % 7, "day"),
                (up / 3600 % 24, "hour"),
                (up / 60 % 60, "minute"),
            ];
            let words: Vec<String> = parts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
                .collect();
            format!("up {}\n", words.join(", "))
        }
        _ => uptime_line(ctx.sh),
    };
    ctx.print(&text);
    Ok(0)
}

fn w(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let wanted = rest.first().map(|u| show(u));
    let mut text = String::new();
    if !has_flag(&flags, b'h') {
        text += &uptime_line(ctx.sh);
        text += "USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n";
    }
    let me = ctx.sh.ticket.pid;
    let now = ctx.sh.io.now();
    for login in logins(ctx.sh).iter().filter(|l| wanted.as_ref().is_none_or(|w| *w == l.user)) {
        let idle = now.as_second() - login.at.as_second();
        let idle = match (login.shell == me, idle) {
            (true, _) => "0.00s".to_owned(),
            (_, ..60) => format!("{idle}.00s"),
            (_, ..3600) => format!("{}:{:02} ", idle / 60, idle % 60),
            _ => format!("{}:{:02}m", idle / 3600, idle / 60 % 60),
        };
        let what = if login.shell == me { "w" } else { "-bash" };
        let user: String = login.user.chars().take(8).collect();
        let from: String = login.from.chars().take(16).collect();
        text += &format!(
            "{user:<8} {:<8} {from:<16} {} {idle:>7}  0.01s  0.00s {what}\n",
            login.line,
            strftime(login.at, "%R")
        );
    }
    ctx.print(&text);
    Ok(0)
}

fn who(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let long = |name: &[u8]| ctx.args.iter().any(|a| a == name);
    let boot = ctx.sh.machine.persona().boot;
    let boot_line = format!("{:<8}   {:<12} {}\n", "", "system boot", strftime(boot, "%F %R"));
    let me = ctx.sh.ticket.pid;
    let mut text = String::new();
    if has_flag(&flags, b'b') || long(b"--boot") {
        text += &format!("         {}", boot_line.trim_start());
    } else if has_flag(&flags, b'r') || long(b"--runlevel") {
        text += &format!("         run-level 5  {}\n", strftime(boot, "%F %R"));
    } else if has_flag(&flags, b'q') || long(b"--count") {
        let names: Vec<String> = logins(ctx.sh).into_iter().map(|l| l.user).collect();
        text += &format!("{}\n# users={}\n", names.join(" "), names.len());
    } else {
        if has_flag(&flags, b'H') {
            text += "NAME     LINE         TIME             COMMENT\n";
        }
        if has_flag(&flags, b'a') {
            text += &format!("           system boot  {}\n", strftime(boot, "%F %R"));
            text += &format!(
                "LOGIN      tty1         {}               {} id=tty1\n",
                strftime(boot, "%F %R"),
                600
            );
            text += &format!("           run-level 5  {}\n", strftime(boot, "%F %R"));
        }
        let own = has_flag(&flags, b'm') || rest.len() == 2;
        for login in logins(ctx.sh).iter().filter(|l| !own || l.shell == me) {
            let mark = if has_flag(&flags, b'T') || has_flag(&flags, b'w') || has_flag(&flags, b'a') {
                " + "
            } else {
                " "
            };
            let idle = if has_flag(&flags, b'u') || has_flag(&flags, b'a') {
                format!("   .    {:>10}", login.shell)
            } else {
                String::new()
            };
            text += &format!(
                "{:<8}{mark}{:<12} {}{idle} ({})\n",
                login.user,
                login.line,
                strftime(login.at, "%F %R"),
                login.from
            );
        }
    }
    ctx.print(&text);
    Ok(0)
}

fn users_now(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut names: Vec<String> = logins(ctx.sh).into_iter().map(|l| l.user).collect();
    names.sort();
    if !names.is_empty() {
        ctx.print(&format!("{}\n", names.join(" ")));
    }
    Ok(0)
}

/// Logins of the last days: the users' own from a workstation, newest first.
fn history(sh: &Shell) -> Vec<(String, String, Timestamp, i64)> {
    let p = sh.machine.persona();
    let mut draw = Draw::new(&p.seed, "logins");
    let net = u32::from(p.ip) & !255;
    let desk = std::net::Ipv4Addr::from(net + u32::from(draw.host()));
    let people: Vec<&str> =
        p.users.iter().filter(|u| !u.full_name.is_empty()).map(|u| u.name.as_str()).collect();
    let first = people.first().copied().unwrap_or("root").to_owned();
    let mut all = Vec::new();
    let mut at = micros(p.boot) + draw.range(300, 9000) * 1_000_000;
    let end = micros(sh.visitor.at) - 7_200_000_000;
    while at < end && all.len() < 40 {
        let name = if draw.range(0, 4) == 0 { "root".to_owned() } else { first.clone() };
        let length = draw.range(40, 5400);
        // Beyond the start of this month wtmp was rotated away.
        if end - at < 30 * 86_400_000_000 {
            all.push((name, desk.to_string(), from_micros(at), length));
        }
        at += draw.range(1, 9) * 86_400_000_000 + draw.range(-20_000, 20_000) * 1_000_000;
    }
    all.reverse();
    all
}

fn last(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"nfspt");
    let bad = ctx.name == "lastb";
    if bad && ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"lastb: cannot open /var/log/btmp: Permission denied\n");
        return Ok(1);
    }
    let number =
        ctx.args.iter().find_map(|a| show(a).strip_prefix('-').and_then(|n| n.parse::<usize>().ok()));
    let count = flags.iter().find(|(l, _)| *l == b'n').and_then(|(_, v)| show(v).parse::<usize>().ok());
    let count = number.or(count).unwrap_or(usize::MAX);
    let day = |at: Timestamp| strftime(at, "%a %b %e %R");
    let mut rows: Vec<String> = Vec::new();
    let address = |from: &str| format!("{:<16}", from.chars().take(16).collect::<String>());
    if !bad {
        for login in logins(ctx.sh).iter().rev() {
            rows.push(format!(
                "{:<8} {:<12} {} {}   still logged in",
                login.user,
                login.line,
                address(&login.from),
                day(login.at)
            ));
        }
        for (user, from, at, length) in history(ctx.sh) {
            let end = from_micros(micros(at) + length * 1_000_000);
            rows.push(format!(
                "{user:<8} {:<12} {} {} - {}  ({:02}:{:02})",
                "pts/0",
                address(&from),
                day(at),
                strftime(end, "%R"),
                length / 3600,
                length / 60 % 60
            ));
        }
        let p = ctx.sh.machine.persona();
        let kernel: String = p.kernel_release.chars().take(16).collect();
        rows.push(format!(
            "{:<8} {:<12} {kernel:<16} {}   still running",
            "reboot",
            "system boot",
            day(p.boot)
        ));
    }
    let keep = |row: &&String| {
        rest.is_empty() || rest.iter().any(|w| row.split_whitespace().take(2).any(|f| f == show(w)))
    };
    let mut text: String = rows.iter().filter(keep).take(count).map(|row| format!("{row}\n")).collect();
    let first = if bad { ctx.sh.machine.persona().boot } else { oldest(ctx.sh) };
    text +=
        &format!("\n{} begins {}\n", if bad { "btmp" } else { "wtmp" }, strftime(first, "%a %b %e %T %Y"));
    ctx.print(&text);
    Ok(0)
}

fn oldest(sh: &Shell) -> Timestamp {
    let boot = sh.machine.persona().boot;
    history(sh).last().map_or(boot, |row| row.2).min(boot)
}

fn lastlog(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"utb");
    let wanted = flags.iter().find(|(l, _)| *l == b'u').map(|(_, v)| show(v));
    let now = logins(ctx.sh);
    let past = history(ctx.sh);
    let mut text = "Username         Port     From             Latest\n".to_owned();
    for user in users(ctx.sh).iter().filter(|u| wanted.as_ref().is_none_or(|w| *w == u.name)) {
        let latest = now
            .iter()
            .rev()
            .find(|l| l.user == user.name)
            .map(|l| (l.line.clone(), l.from.clone(), l.at))
            .or_else(|| {
                past.iter().find(|l| l.0 == user.name).map(|l| ("pts/0".to_owned(), l.1.clone(), l.2))
            });
        text += &match latest {
            Some((line, from, at)) => {
                format!("{:<16} {line:<8} {from:<16} {}\n", user.name, strftime(at, "%a %b %e %T %z %Y"))
            }
            None => format!("{:<16} {:<8} {:<16} **Never logged in**\n", user.name, "", ""),
        };
    }
    ctx.print(&text);
    Ok(0)
}

fn tty(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let shell = ctx.sh.ticket.pid;
    let line = ctx.sh.live().visits().iter().find(|v| v.shell == shell).and_then(|v| v.tty);
    let console = matches!(ctx.sh.fds.get(&0), Some(crate::shell::io::Desc::Console(_)));
    match line.filter(|_| console) {
        Some(n) => {
            ctx.print(&format!("/dev/pts/{n}\n"));
            Ok(0)
        }
        None => {
            ctx.print("not a tty\n");
            Ok(1)
        }
    }
}

fn mesg(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if !ctx.sh.io.lock().pty {
        ctx.err.extend_from_slice(b"mesg: ttyname failed: Inappropriate ioctl for device\n");
        return Ok(2);
    }
    if ctx.args.is_empty() {
        ctx.print(if ctx.sh.account.cred.uid == 0 { "is n\n" } else { "is y\n" });
    }
    Ok(0)
}
