//! Debian's friendlier programs for users, and those for groups.

use super::accounts::{groups, users};
use super::getopt::{Spec, parse};
use super::registry::{Row, Waits, bin, sbin, waits};
use super::secrets::new_secret;
use super::users::{
    GROUP, PASSWD, Wish, add_group, drop_group, edit, enter, forget, free_id, group_of, join, leave,
    remove_tree, rename_group, root_only, set, set_members, user_of, valid,
};
use super::{Ctx, Need, show};
use crate::shell::Shell;
use crate::shell::io::Stop;
use crate::vfs::Cred;

pub(super) const PROGRAMS: &[Row] = &[
    sbin("addgroup", "adduser", 0, addgroup).linked("adduser"),
    waits("adduser", "adduser", 48_382, (|sh, name, args| Box::pin(adduser(sh, name, args))) as Waits)
        .in_sbin(),
    bin("chsh", "passwd", 52_880, chsh).mode(0o4755),
    sbin("delgroup", "adduser", 0, deluser).linked("deluser"),
    sbin("deluser", "adduser", 16_727, deluser),
    bin("gpasswd", "passwd", 88_496, gpasswd).mode(0o4755),
    sbin("groupadd", "passwd", 101_416, groupadd),
    sbin("groupdel", "passwd", 88_936, groupdel),
    sbin("groupmod", "passwd", 105_608, groupmod),
];

fn usage(ctx: &mut Ctx<'_>, what: Option<&str>) -> Result<i32, Need> {
    if let Some(what) = what {
        ctx.fail(what);
    }
    let operand = if ctx.name == "gpasswd" { "[option]" } else { "[options]" };
    ctx.err.extend_from_slice(format!("Usage: {} {operand} GROUP\n", ctx.name).as_bytes());
    Ok(2)
}

fn groupadd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "fg:hK:op:rR:P:U:",
        longs: &[
            ("force", b'f'),
            ("gid=", b'g'),
            ("key=", b'K'),
            ("non-unique", b'o'),
            ("password=", b'p'),
            ("system", b'r'),
            ("root=", b'R'),
            ("prefix=", b'P'),
            ("users=", b'U'),
        ],
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return usage(ctx, Some(&why)),
    };
    let gid = parsed.value(b'g').map(show);
    if let Some(gid) = gid.as_ref().filter(|gid| gid.parse::<u32>().is_err()) {
        ctx.fail(&format!("invalid group ID '{gid}'"));
        return Ok(3);
    }
    let [name] = parsed.rest.as_slice() else { return usage(ctx, None) };
    let name = show(name);
    if !valid(&name) {
        ctx.fail(&format!("'{name}' is not a valid group name"));
        return Ok(3);
    }
    if groups(ctx.sh).iter().any(|g| g.name == name) {
        if parsed.has(b'f') {
            return Ok(0);
        }
        ctx.fail(&format!("group '{name}' already exists"));
        return Ok(9);
    }
    if let Some(status) = root_only(ctx, GROUP) {
        return Ok(status);
    }
    let gids: Vec<u32> = groups(ctx.sh).iter().map(|g| g.gid).collect();
    let wanted = gid.and_then(|gid| gid.parse().ok());
    if let Some(gid) = wanted.filter(|gid| gids.contains(gid) && !parsed.has(b'o')) {
        ctx.fail(&format!("GID '{gid}' already exists"));
        return Ok(4);
    }
    add_group(ctx.sh, &name, wanted.unwrap_or_else(|| free_id(&gids, parsed.has(b'r'))));
    for user in parsed.value(b'U').map(show).unwrap_or_default().split(',').filter(|u| !u.is_empty()) {
        join(ctx.sh, user, &name);
    }
    Ok(0)
}

fn groupmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "ag:hn:op:R:P:U:",
        longs: &[
            ("append", b'a'),
            ("gid=", b'g'),
            ("new-name=", b'n'),
            ("non-unique", b'o'),
            ("users=", b'U'),
        ],
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return usage(ctx, Some(&why)),
    };
    let [name] = parsed.rest.as_slice() else { return usage(ctx, None) };
    let name = show(name);
    let all = groups(ctx.sh);
    if !all.iter().any(|g| g.name == name) {
        ctx.fail(&format!("group '{name}' does not exist"));
        return Ok(6);
    }
    if let Some(status) = root_only(ctx, GROUP) {
        return Ok(status);
    }
    if let Some(gid) = parsed.value(b'g').map(show) {
        if gid.parse::<u32>().is_err() {
            ctx.fail(&format!("invalid group ID '{gid}'"));
            return Ok(3);
        }
        if all.iter().any(|g| g.gid.to_string() == gid && g.name != name) && !parsed.has(b'o') {
            ctx.fail(&format!("GID '{gid}' already exists"));
            return Ok(4);
        }
        edit(ctx.sh, GROUP, &name, |f| set(f, 2, &gid));
    }
    if let Some(new) = parsed.value(b'n').map(show) {
        if all.iter().any(|g| g.name == new) {
            ctx.fail(&format!("group '{new}' already exists"));
            return Ok(9);
        }
        rename_group(ctx.sh, &name, &new);
    }
    Ok(0)
}

fn groupdel(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"RP");
    let Some(name) = rest.first().map(|n| show(n)) else { return usage(ctx, None) };
    let Some(group) = groups(ctx.sh).into_iter().find(|g| g.name == name) else {
        ctx.fail(&format!("group '{name}' does not exist"));
        return Ok(6);
    };
    if let Some(status) = root_only(ctx, GROUP) {
        return Ok(status);
    }
    if let Some(user) = users(ctx.sh).into_iter().find(|u| u.gid == group.gid) {
        ctx.fail(&format!("cannot remove the primary group of user '{}'", user.name));
        return Ok(8);
    }
    drop_group(ctx.sh, &name);
    Ok(0)
}

/// addgroup(8) of adduser 3.134, which unlike earlier ones takes one name alone.
fn addgroup(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (mut names, mut wanted, mut system) = (Vec::new(), None, false);
    let mut words = ctx.args.clone().into_iter().map(|a| show(&a));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--gid" => wanted = words.next().and_then(|gid| gid.parse().ok()),
            "--system" => system = true,
            word if word.starts_with('-') => {}
            _ => names.push(word),
        }
    }
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Only root may add a user or group to the system."));
    }
    let name = match names.as_slice() {
        [name] => name,
        [_, _] => return Ok(ctx.fail("addgroup with two arguments is an unspecified operation.")),
        _ => return Ok(ctx.fail("Only one or two names allowed.")),
    };
    if groups(ctx.sh).iter().any(|g| g.name == *name) {
        return Ok(ctx.fail(&format!("The group `{name}' already exists.")));
    }
    let gids: Vec<u32> = groups(ctx.sh).iter().map(|g| g.gid).collect();
    let gid = wanted.unwrap_or_else(|| if system { lowest_id(&gids) } else { free_id(&gids, false) });
    add_group(ctx.sh, name, gid);
    ctx.print(&format!("Adding group `{name}' (GID {gid}) ...\nDone.\n"));
    Ok(0)
}

/// adduser takes numbers of the system from below, where useradd takes them from above.
fn lowest_id(taken: &[u32]) -> u32 {
    (100..1000).find(|id| !taken.contains(id)).unwrap_or(999)
}

fn add_to_group(sh: &Shell, user: &str, group: &str) -> Result<String, String> {
    let Some(found) = groups(sh).into_iter().find(|g| g.name == group) else {
        return Err(format!("The group `{group}' does not exist."));
    };
    if user_of(sh, user).is_none() {
        return Err(format!("The user `{user}' does not exist."));
    }
    if found.members.iter().any(|m| m == user) {
        return Ok(format!("adduser: The user `{user}' is already a member of `{group}'.\n"));
    }
    join(sh, user, group);
    Ok(format!("Adding user `{user}' to group `{group}' ...\nDone.\n"))
}

async fn adduser(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|a| show(a)).collect();
    let mut wish =
        Wish { make_home: true, home_mode: 0o700, shell: Some("/bin/bash".to_owned()), ..Wish::default() };
    let (mut own_group, mut shell) = (false, None);
    let mut names = Vec::new();
    let (mut disabled, mut asked) = (false, true);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (flag, inline) =
            word.split_once('=').map_or((word.as_str(), None), |(f, v)| (f, Some(v.to_owned())));
        let mut value = || inline.clone().or_else(|| words.next()).unwrap_or_default();
        match flag {
            "--gecos" | "--comment" => {
                let fields: Vec<String> = value().split(',').map(str::to_owned).collect();
                // Room and telephones stand behind the name, and stay empty.
                wish.comment = fields
                    .into_iter()
                    .chain(["", "", ""].map(str::to_owned))
                    .take(4)
                    .collect::<Vec<_>>()
                    .join(",");
                asked = false;
            }
            "--home" => wish.home = Some(value()),
            "--shell" => shell = Some(value()),
            "--group" => own_group = true,
            "--uid" => wish.uid = value().parse().ok(),
            "--gid" => wish.gid = value().parse().ok(),
            "--ingroup" => {
                let group = value();
                wish.gid = group_of(sh, &group).map(|g| g.gid);
            }
            "--disabled-password" | "--disabled-login" => disabled = true,
            "--no-create-home" => wish.make_home = false,
            "--system" => {
                wish.system = true;
                disabled = true;
                asked = false;
                wish.shell = Some("/usr/sbin/nologin".to_owned());
            }
            flag if flag.starts_with('-') => {}
            _ => names.push(word),
        }
    }
    if sh.account.cred.uid != 0 {
        sh.write(2, b"adduser: Only root may add a user or group to the system.\n")?;
        return Ok(1);
    }
    match names.as_slice() {
        [user, group] => {
            return match add_to_group(sh, user, group) {
                Ok(text) => sh.write(1, text.as_bytes()).map(|()| 0),
                Err(text) => sh.write(2, format!("adduser: {text}\n").as_bytes()).map(|()| 1),
            };
        }
        [name] => wish.name.clone_from(name),
        _ => {
            sh.write(2, b"adduser: Only one or two names allowed.\n")?;
            return Ok(1);
        }
    }
    let name = wish.name.clone();
    if user_of(sh, &name).is_some() {
        sh.write(2, format!("adduser: The user `{name}' already exists.\n").as_bytes())?;
        return Ok(1);
    }
    if !valid(&name) || name.chars().any(|c| c.is_ascii_uppercase()) {
        sh.write(2, if valid(&name) { BAD_NAME } else { WRONG_NAME }.as_bytes())?;
        return Ok(1);
    }
    wish.shell = shell.or(wish.shell);
    if wish.system {
        return add_system(sh, wish, own_group);
    }
    let uids: Vec<u32> = users(sh).iter().map(|u| u.uid).collect();
    let uid = wish.uid.unwrap_or_else(|| free_id(&uids, false));
    let home = wish.home.clone().unwrap_or_else(|| format!("/home/{name}"));
    wish.groups = vec!["users".to_owned()];
    let joined = wish.gid.and_then(|gid| group_of(sh, &gid.to_string()));
    let made = wish.make_home;
    let (_, gid) = enter(sh, &Wish { uid: Some(uid), ..Wish { name: name.clone(), ..wish } });
    let (group, new) = match joined {
        Some(group) => (group.name, String::new()),
        None => (name.clone(), format!("Adding new group `{name}' ({gid}) ...\n")),
    };
    let place = if made {
        format!("Creating home directory `{home}' ...\nCopying files from `/etc/skel' ...\n")
    } else {
        format!("Not creating home directory `{home}'.\n")
    };
    sh.write(1, format!("Adding user `{name}' ...\n{new}Adding new user `{name}' ({uid}) with group `{group} ({gid})' ...\n{place}").as_bytes())?;
    if !disabled {
        let status = new_secret(sh, &name).await?;
        if status != 0 {
            sh.write(2, b"passwd: password unchanged\nTry again? [y/N] ")?;
            sh.read_line().await?;
        }
    }
    if asked {
        sh.write(1, format!("Changing the user information for {name}\nEnter the new value, or press ENTER for the default\n").as_bytes())?;
        let mut fields = Vec::new();
        for prompt in ["Full Name", "Room Number", "Work Phone", "Home Phone", "Other"] {
            sh.write(1, format!("\t{prompt} []: ").as_bytes())?;
            let line = sh.read_line().await?.unwrap_or_default();
            fields.push(show(&line).trim().replace(':', ""));
        }
        sh.write(1, b"Is the information correct? [Y/n] ")?;
        sh.read_line().await?;
        let comment = fields.join(",");
        edit(sh, PASSWD, &name, |f| set(f, 4, comment.trim_end_matches(',')));
    }
    sh.write(1, format!("Adding new user `{name}' to supplemental / extra groups `users' ...\nAdding user `{name}' to group `users' ...\n").as_bytes())?;
    Ok(0)
}

const BAD_NAME: &str = "adduser: Please enter a username matching the regular expression\n            configured via the NAME_REGEX configuration variable.  Use the `--allow-bad-names'\n            option to relax this check or reconfigure NAME_REGEX in configuration.\n";
const WRONG_NAME: &str = "adduser: To avoid problems, the username should consist only of\n            letters, digits, underscores, periods, at signs and dashes, and\n            not start with a dash (as defined by IEEE Std 1003.1-2001). For\n            compatibility with Samba machine accounts, $ is also supported\n            at the end of the username.  (Use the `--allow-all-names' option\n            to bypass this restriction.)\n";

/// `adduser --system`.
fn add_system(sh: &mut Shell, mut wish: Wish, own_group: bool) -> Result<i32, Stop> {
    let name = wish.name.clone();
    let home = wish.home.clone();
    let there = home.as_ref().is_some_and(|home| sh.vfs().stat(&Cred::root(), home.as_bytes()).is_ok());
    if let Some(home) = home.as_ref().filter(|_| !there) {
        let text = format!(
            "adduser: Warning: The home dir {home} you specified can't be accessed: No such file or directory\n"
        );
        sh.write(2, text.as_bytes())?;
    }
    let uids: Vec<u32> = users(sh).iter().map(|u| u.uid).collect();
    let uid = wish.uid.unwrap_or_else(|| lowest_id(&uids));
    let mut text = format!("Adding system user `{name}' (UID {uid}) ...\n");
    let group = match wish.gid.and_then(|gid| group_of(sh, &gid.to_string())) {
        Some(group) => group.name,
        None if own_group => {
            let gids: Vec<u32> = groups(sh).iter().map(|g| g.gid).collect();
            let gid = lowest_id(&gids);
            add_group(sh, &name, gid);
            wish.gid = Some(gid);
            text += &format!("Adding new group `{name}' (GID {gid}) ...\n");
            name.clone()
        }
        None => {
            wish.gid = Some(65_534);
            "nogroup".to_owned()
        }
    };
    text += &format!("Adding new user `{name}' (UID {uid}) with group `{group}' ...\n");
    text += &match (&home, wish.make_home) {
        (None, _) => "Not creating `/nonexistent'.\n".to_owned(),
        (Some(home), false) => format!("Not creating home directory `{home}'.\n"),
        (Some(home), true) => format!("Creating home directory `{home}' ...\n"),
    };
    wish.make_home &= home.is_some();
    wish.home = Some(home.unwrap_or_else(|| "/nonexistent".to_owned()));
    enter(sh, &Wish { uid: Some(uid), ..wish });
    sh.write(1, text.as_bytes())?;
    Ok(0)
}

fn deluser(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let names: Vec<String> = words.iter().filter(|a| !a.starts_with('-')).cloned().collect();
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Only root may remove a user or group from the system."));
    }
    if ctx.name == "delgroup" || words.iter().any(|w| w == "--group") {
        let name = names.first().cloned().unwrap_or_default();
        if !groups(ctx.sh).iter().any(|g| g.name == name) {
            ctx.fail(&format!("The group `{name}' does not exist."));
            return Ok(3);
        }
        drop_group(ctx.sh, &name);
        ctx.print(&format!("Removing group `{name}' ...\nDone.\n"));
        return Ok(0);
    }
    let Some(name) = names.first() else { return Ok(ctx.fail("Only one or two names allowed.")) };
    let Some(user) = user_of(ctx.sh, name) else {
        ctx.fail(&format!("The user `{name}' does not exist."));
        return Ok(2);
    };
    if let Some(group) = names.get(1) {
        if !groups(ctx.sh).iter().any(|g| g.name == *group && g.members.contains(name)) {
            ctx.fail(&format!("The user `{name}' is not a member of group `{group}'."));
            return Ok(6);
        }
        leave(ctx.sh, name, group);
        ctx.print(&format!("Removing user `{name}' from group `{group}' ...\nDone.\n"));
        return Ok(0);
    }
    if user.uid == 0 {
        ctx.fail("WARNING: You are just about to delete the root account (uid 0)");
        return Ok(4);
    }
    forget(ctx.sh, &user);
    if words.iter().any(|w| w == "--remove-home" || w == "--remove-all-files") {
        ctx.print("Looking for files to backup/remove ...\nRemoving files ...\n");
        remove_tree(ctx.sh, &user.home, 0);
    }
    ctx.print(&format!("Removing crontab ...\nRemoving user `{name}' ...\nDone.\n"));
    Ok(0)
}

fn gpasswd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "a:A:d:hM:Q:rR",
        longs: &[
            ("add=", b'a'),
            ("administrators=", b'A'),
            ("delete=", b'd'),
            ("members=", b'M'),
            ("remove-password", b'r'),
            ("restrict", b'R'),
        ],
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return usage(ctx, Some(&why)),
    };
    for list in parsed.given.iter().filter(|(_, v)| !v.is_empty()).map(|(_, v)| show(v)) {
        if let Some(user) = list.split(',').find(|user| user_of(ctx.sh, user).is_none()) {
            ctx.fail(&format!("user '{user}' does not exist"));
            return Ok(3);
        }
    }
    let [group] = parsed.rest.as_slice() else { return usage(ctx, None) };
    let group = show(group);
    let Some(found) = groups(ctx.sh).into_iter().find(|g| g.name == group) else {
        ctx.fail(&format!("group '{group}' does not exist in /etc/group"));
        return Ok(3);
    };
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Permission denied."));
    }
    for (letter, user) in parsed.given.iter().map(|(l, v)| (*l, show(v))) {
        match letter {
            b'a' => {
                join(ctx.sh, &user, &group);
                ctx.print(&format!("Adding user {user} to group {group}\n"));
            }
            b'd' => {
                ctx.print(&format!("Removing user {user} from group {group}\n"));
                if !found.members.contains(&user) {
                    ctx.fail(&format!("user '{user}' is not a member of '{group}'"));
                    return Ok(3);
                }
                leave(ctx.sh, &user, &group);
            }
            b'M' => set_members(ctx.sh, &group, None, Some(&user)),
            b'A' => set_members(ctx.sh, &group, Some(&user), None),
            _ => {}
        }
    }
    Ok(0)
}

fn chsh(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"s");
    let name = rest.first().map_or_else(|| ctx.sh.account.name.clone(), |n| show(n));
    if user_of(ctx.sh, &name).is_none() {
        return Ok(ctx.fail(&format!("user '{name}' does not exist")));
    }
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("PAM: Authentication failure"));
    }
    let Some(shell) = flags.iter().find(|(l, _)| *l == b's').map(|(_, v)| show(v)) else {
        return Ok(ctx.fail("PAM: Authentication failure"));
    };
    if ctx.sh.vfs().stat(&Cred::root(), shell.as_bytes()).is_err() {
        ctx.fail(&format!("Warning: {shell} does not exist"));
    }
    edit(ctx.sh, PASSWD, &name, |f| set(f, 6, &shell));
    Ok(0)
}
