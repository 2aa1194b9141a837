//! Users and groups, always as /etc/passwd and /etc/group of the visit have them.

use super::ctx::version;
use super::getopt::{Spec, parse};
use super::registry::{Row, bin};
use super::{Ctx, Need, show};
use crate::shell::{Account, Shell};
use crate::vfs::Cred;

pub(super) const PROGRAMS: &[Row] = &[
    bin("getent", "libc-bin", 36_320, getent),
    bin("groups", "coreutils", 43_920, groups_of),
    bin("id", "coreutils", 48_144, id),
    bin("logname", "coreutils", 39_760, logname),
    bin("whoami", "coreutils", 39_792, whoami),
];

/// A line of /etc/passwd.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

/// A line of /etc/group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// A file of the machine as root reads it, at most 1 MiB.
pub(super) fn system_file(sh: &Shell, path: &str) -> String {
    let bytes = sh.vfs().read(&Cred::root(), path.as_bytes(), 0, 1 << 20).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn users(sh: &Shell) -> Vec<User> {
    system_file(sh, "/etc/passwd").lines().filter_map(user_of).collect()
}

fn user_of(line: &str) -> Option<User> {
    let mut fields = line.split(':').map(str::to_owned);
    let name = fields.next()?;
    fields.next()?;
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(User { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
}

pub(super) fn groups(sh: &Shell) -> Vec<Group> {
    system_file(sh, "/etc/group")
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let gid = fields.nth(1)?.parse().ok()?;
            let members = fields.next().unwrap_or("");
            let members = members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
            Some(Group { name, gid, members })
        })
        .collect()
}

/// The user's name, or the number of one that has none.
pub(super) fn user_name(sh: &Shell, uid: u32) -> String {
    users(sh).into_iter().find(|u| u.uid == uid).map_or_else(|| uid.to_string(), |u| u.name)
}

/// The group's name, or the number of one that has none.
pub(super) fn group_name(sh: &Shell, gid: u32) -> String {
    groups(sh).into_iter().find(|g| g.gid == gid).map_or_else(|| gid.to_string(), |g| g.name)
}

/// Who somebody of this name becomes by logging in now.
pub(super) fn account(sh: &Shell, name: &str) -> Option<Account> {
    let user = users(sh).into_iter().find(|u| u.name == name)?;
    let more = groups(sh).into_iter().filter(|g| g.gid != user.gid && g.members.contains(&user.name));
    let cred = Cred { uid: user.uid, gid: user.gid, groups: more.map(|g| g.gid).take(64).collect() };
    Some(Account { name: user.name, home: user.home, cred })
}

fn id(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "agnruzGZ",
        longs: &[
            ("context", b'Z'),
            ("group", b'g'),
            ("groups", b'G'),
            ("name", b'n'),
            ("real", b'r'),
            ("user", b'u'),
            ("zero", b'z'),
            ("version", 200),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(200) {
        ctx.print(&version("id", "GNU coreutils", "9.1", "Arnold Robbins and David MacKenzie"));
        return Ok(0);
    }
    let flag = |letter| parsed.has(letter);
    let rest = parsed.rest.clone();
    let kinds = b"ugG".iter().filter(|letter| flag(**letter)).count();
    let wrong = if flag(b'Z') {
        Some("--context (-Z) works only on an SELinux-enabled kernel")
    } else if kinds > 1 {
        Some("cannot print \"only\" of more than one choice")
    } else if kinds == 0 && (flag(b'n') || flag(b'r')) {
        Some("cannot print only names or real IDs in default format")
    } else if kinds == 0 && flag(b'z') {
        Some("option --zero not permitted in default format")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Ok(ctx.fail(wrong));
    }
    let (join, end) = match (flag(b'z'), rest.len() > 1 && flag(b'G')) {
        (true, true) => ("\0", "\0\0"),
        (true, false) => ("\0", "\0"),
        _ => (" ", "\n"),
    };
    let mut status = 0;
    let names: Vec<Option<String>> =
        if rest.is_empty() { vec![None] } else { rest.iter().map(|name| Some(show(name))).collect() };
    for name in names {
        let found = match &name {
            None => Some(ctx.sh.account.clone()),
            Some(name) => account(ctx.sh, name).or_else(|| {
                let uid = name.parse::<u32>().ok()?;
                account(ctx.sh, &user_name(ctx.sh, uid))
            }),
        };
        let Some(found) = found else {
            status = ctx.fail(&format!("‘{}’: no such user", name.unwrap_or_default()));
            continue;
        };
        let cred = &found.cred;
        let group = |gid: u32| group_name(ctx.sh, gid);
        let all: Vec<u32> =
            std::iter::once(cred.gid).chain(cred.groups.iter().copied().filter(|g| *g != cred.gid)).collect();
        let text = if flag(b'u') {
            if flag(b'n') { user_name(ctx.sh, cred.uid) } else { cred.uid.to_string() }
        } else if flag(b'g') {
            if flag(b'n') { group(cred.gid) } else { cred.gid.to_string() }
        } else if flag(b'G') {
            let cell = |gid: &u32| if flag(b'n') { group(*gid) } else { gid.to_string() };
            all.iter().map(cell).collect::<Vec<_>>().join(join)
        } else {
            let list: Vec<String> = all.iter().map(|gid| format!("{gid}({})", group(*gid))).collect();
            let user = user_name(ctx.sh, cred.uid);
            format!(
                "uid={}({user}) gid={}({}) groups={}",
                cred.uid,
                cred.gid,
                group(cred.gid),
                list.join(",")
            )
        };
        ctx.print(&format!("{text}{end}"));
    }
    Ok(status)
}

fn groups_of(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut status = 0;
    let line = |sh: &Shell, cred: &Cred| {
        let all = std::iter::once(cred.gid).chain(cred.groups.iter().copied().filter(|g| *g != cred.gid));
        all.map(|gid| group_name(sh, gid)).collect::<Vec<_>>().join(" ")
    };
    if ctx.args.is_empty() {
        let text = line(ctx.sh, &ctx.sh.account.cred);
        ctx.print(&format!("{text}\n"));
    }
    for name in ctx.args.clone().iter().map(|name| show(name)) {
        match account(ctx.sh, &name) {
            Some(found) => {
                let text = line(ctx.sh, &found.cred);
                ctx.print(&format!("{name} : {text}\n"));
            }
            None => status = ctx.fail(&format!("‘{name}’: no such user")),
        }
    }
    Ok(status)
}

fn whoami(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.first().is_some_and(|a| a == b"--version") {
        ctx.print(&version("whoami", "GNU coreutils", "9.1", "Richard Mlynarik"));
        return Ok(0);
    }
    if let Some(extra) = ctx.args.first() {
        let text = format!("extra operand ‘{}’\nTry 'whoami --help' for more information.", show(extra));
        return Ok(ctx.fail(&text));
    }
    let uid = ctx.sh.account.cred.uid;
    match users(ctx.sh).into_iter().find(|u| u.uid == uid) {
        Some(user) => {
            ctx.print(&format!("{}\n", user.name));
            Ok(0)
        }
        None => Ok(ctx.fail(&format!("cannot find name for user ID {uid}"))),
    }
}

fn logname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let shell = ctx.sh.ticket.pid;
    let login = ctx.sh.live().visits().iter().find(|v| v.shell == shell).map(|v| v.user.clone());
    match login {
        Some(name) => {
            ctx.print(&format!("{name}\n"));
            Ok(0)
        }
        None => Ok(ctx.fail("no login name")),
    }
}

fn getent(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec =
        Spec { shorts: "s:iAV", longs: &[("service=", b's'), ("no-idn", b'i'), ("no-addrconfig", b'A')] };
    const TRY: &str = "Try `getent --help' or `getent --usage' for more information.";
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&format!("{why}\n{TRY}"));
            return Ok(64);
        }
    };
    let args: Vec<String> = parsed.rest.iter().map(|a| show(a)).collect();
    let Some((database, keys)) = args.split_first() else {
        ctx.fail(&format!("wrong number of arguments\n{TRY}"));
        return Ok(1);
    };
    let file = match database.as_str() {
        "passwd" => "/etc/passwd",
        "group" => "/etc/group",
        "initgroups" => {
            for name in keys {
                let cred = account(ctx.sh, name).map(|found| found.cred);
                let gids = cred.iter().flat_map(|cred| cred.groups.iter().filter(|gid| **gid != cred.gid));
                let list: Vec<String> = gids.map(u32::to_string).collect();
                ctx.print(&format!("{name:<21} {}\n", list.join(" ")).replace("  \n", " \n"));
            }
            return Ok(0);
        }
        "shadow" if ctx.sh.account.cred.uid == 0 => "/etc/shadow",
        "gshadow" if ctx.sh.account.cred.uid == 0 => "/etc/gshadow",
        "shadow" | "gshadow" => return Ok(2),
        "hosts" | "ahosts" | "ahostsv4" | "ahostsv6" => return Ok(hosts(ctx, database, keys)),
        "services" => "/etc/services",
        "protocols" => "/etc/protocols",
        "networks" => "/etc/networks",
        "rpc" | "ethers" | "aliases" | "netgroup" => return Ok(2),
        other => {
            let text = format!(
                "Unknown database: {other}\nTry `getent --help' or `getent --usage' for more information.\n"
            );
            ctx.err.extend_from_slice(text.as_bytes());
            return Ok(1);
        }
    };
    let text = system_file(ctx.sh, file);
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    if keys.is_empty() {
        for line in lines {
            ctx.print(&format!("{line}\n"));
        }
        return Ok(0);
    }
    let mut status = 0;
    for key in keys {
        let numeric = key.parse::<u32>().is_ok();
        let found = lines.iter().find(|line| {
            let mut fields = line.split([':', ' ', '\t']);
            fields.next() == Some(key) || (numeric && fields.nth(1) == Some(key))
        });
        match found {
            Some(line) => ctx.print(&format!("{line}\n")),
            None => status = 2,
        }
    }
    Ok(status)
}

/// Names and addresses of /etc/hosts; others are not resolved, as the resolver does not answer.
fn hosts(ctx: &mut Ctx<'_>, database: &str, keys: &[String]) -> i32 {
    let rows: Vec<(String, Vec<String>)> = system_file(ctx.sh, "/etc/hosts")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.collect()))
        })
        .collect();
    let print = |ctx: &mut Ctx<'_>, (address, names): &(String, Vec<String>)| {
        ctx.print(&format!("{address:<15} {}\n", names.join(" ")));
    };
    if keys.is_empty() {
        for row in &rows {
            print(ctx, row);
        }
        return 0;
    }
    let mut status = 0;
    for key in keys {
        let mut rows: Vec<_> =
            rows.iter().filter(|(address, names)| address == key || names.contains(key)).collect();
        // `hosts` asks for the longer kind of address first.
        rows.sort_by_key(|(address, _)| !(database == "hosts" && address.contains(':')));
        let found = rows.first().copied();
        match (found, key.parse::<std::net::IpAddr>()) {
            (Some((address, names)), _) if database.starts_with("ahosts") => {
                let name = names.first().cloned().unwrap_or_default();
                // What was asked for stands there again where it is an address.
                let name = if address == key { key.clone() } else { name };
                for (kind, label) in [("STREAM", name.as_str()), ("DGRAM", ""), ("RAW", "")] {
                    ctx.print(&format!("{address:<15} {kind:<6} {label}\n"));
                }
            }
            (Some(row), _) => print(ctx, row),
            (None, Ok(ip)) if database.starts_with("ahosts") => {
                for (kind, label) in [("STREAM", key.as_str()), ("DGRAM", ""), ("RAW", "")] {
                    ctx.print(&format!("{ip:<15} {kind:<6} {label}\n"));
                }
            }
            _ => status = 2,
        }
    }
    status
}
