//! Debian's friendlier programs for users, and those for groups.

use super::accounts::{groups, users};
use super::registry::{Row, Waits, bin, sbin, waits};
use super::secrets::new_secret;
use super::users::{
    GROUP, PASSWD, Wish, append, edit, enter, forget, free_id, group_of, join, leave, remove_tree, root_only,
    set, user_of, valid,
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
];

fn groupadd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"gKpRP");
    let Some(name) = rest.first().map(|n| show(n)) else {
        ctx.err.extend_from_slice(b"Usage: groupadd [options] GROUP\n");
        return Ok(2);
    };
    if !valid(&name) {
        ctx.fail(&format!("'{name}' is not a valid group name"));
        return Ok(3);
    }
    if groups(ctx.sh).iter().any(|g| g.name == name) {
        if super::has_flag(&flags, b'f') {
            return Ok(0);
        }
        ctx.fail(&format!("group '{name}' already exists"));
        return Ok(9);
    }
    if let Some(status) = root_only(ctx, GROUP) {
        return Ok(status);
    }
    let gids: Vec<u32> = groups(ctx.sh).iter().map(|g| g.gid).collect();
    let wanted = flags.iter().find(|(l, _)| *l == b'g').and_then(|(_, v)| show(v).parse().ok());
    if let Some(gid) = wanted.filter(|gid| gids.contains(gid)) {
        ctx.fail(&format!("GID '{gid}' already exists"));
        return Ok(4);
    }
    let gid = wanted.unwrap_or_else(|| free_id(&gids, super::has_flag(&flags, b'r')));
    append(ctx.sh, GROUP, &format!("{name}:x:{gid}:"));
    Ok(0)
}

fn groupdel(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"RP");
    let Some(name) = rest.first().map(|n| show(n)) else {
        ctx.err.extend_from_slice(b"Usage: groupdel [options] GROUP\n");
        return Ok(2);
    };
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
    edit(ctx.sh, GROUP, &name, |_| None);
    Ok(0)
}

fn addgroup(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let names: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|a| !a.starts_with('-')).collect();
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Only root may add a user or group to the system."));
    }
    match names.as_slice() {
        [name] if groups(ctx.sh).iter().any(|g| g.name == *name) => {
            Ok(ctx.fail(&format!("The group `{name}' already exists.")))
        }
        [name] => {
            let gids: Vec<u32> = groups(ctx.sh).iter().map(|g| g.gid).collect();
            let gid = free_id(&gids, false);
            append(ctx.sh, GROUP, &format!("{name}:x:{gid}:"));
            ctx.print(&format!("Adding group `{name}' (GID {gid}) ...\nDone.\n"));
            Ok(0)
        }
        [user, group] => Ok(match add_to_group(ctx.sh, user, group) {
            Ok(text) => {
                ctx.print(&text);
                0
            }
            Err(text) => ctx.fail(&text),
        }),
        _ => Ok(ctx.fail("Only one or two names allowed.")),
    }
}

fn add_to_group(sh: &Shell, user: &str, group: &str) -> Result<String, String> {
    let Some(found) = groups(sh).into_iter().find(|g| g.name == group) else {
        return Err(format!("The group `{group}' does not exist."));
    };
    if user_of(sh, user).is_none() {
        return Err(format!("The user `{user}' does not exist."));
    }
    if found.members.iter().any(|m| m == user) {
        return Ok(format!("The user `{user}' is already a member of `{group}'.\n"));
    }
    join(sh, user, group);
    Ok(format!("Adding user `{user}' to group `{group}' ...\nDone.\n"))
}

async fn adduser(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|a| show(a)).collect();
    let mut wish = Wish { make_home: true, shell: Some("/bin/bash".to_owned()), ..Wish::default() };
    let mut names = Vec::new();
    let (mut disabled, mut asked) = (false, true);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (flag, inline) =
            word.split_once('=').map_or((word.as_str(), None), |(f, v)| (f, Some(v.to_owned())));
        let mut value = || inline.clone().or_else(|| words.next()).unwrap_or_default();
        match flag {
            "--gecos" | "--comment" => {
                wish.comment = value();
                asked = false;
            }
            "--home" => wish.home = Some(value()),
            "--shell" => wish.shell = Some(value()),
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
        sh.write(2, b"adduser: Please enter a username matching the regular expression\n            configured via the NAME_REGEX configuration variable.  Use the `--allow-bad-names'\n            option to relax this check or reconfigure NAME_REGEX in configuration.\n")?;
        return Ok(1);
    }
    let uids: Vec<u32> = users(sh).iter().map(|u| u.uid).collect();
    let uid = wish.uid.unwrap_or_else(|| free_id(&uids, wish.system));
    let home = wish.home.clone().unwrap_or_else(|| format!("/home/{name}"));
    wish.groups = if wish.system { Vec::new() } else { vec!["users".to_owned()] };
    let (_, gid) = enter(sh, &Wish { uid: Some(uid), ..Wish { name: name.clone(), ..wish } });
    sh.write(1, format!("Adding user `{name}' ...\nAdding new group `{name}' ({gid}) ...\nAdding new user `{name}' ({uid}) with group `{name} ({gid})' ...\nCreating home directory `{home}' ...\nCopying files from `/etc/skel' ...\n").as_bytes())?;
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
        edit(ctx.sh, GROUP, &name, |_| None);
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
    let (flags, rest) = ctx.options(b"adMA");
    let group = rest.first().map(|g| show(g)).unwrap_or_default();
    if !groups(ctx.sh).iter().any(|g| g.name == group) {
        ctx.fail(&format!("group '{group}' does not exist in /etc/group"));
        return Ok(3);
    }
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Permission denied."));
    }
    for (letter, user) in flags.iter().map(|(l, v)| (*l, show(v))) {
        if user_of(ctx.sh, &user).is_none() {
            ctx.fail(&format!("user '{user}' does not exist"));
            return Ok(3);
        }
        if letter == b'a' {
            join(ctx.sh, &user, &group);
            ctx.print(&format!("Adding user {user} to group {group}\n"));
        } else if letter == b'd' {
            leave(ctx.sh, &user, &group);
            ctx.print(&format!("Removing user {user} from group {group}\n"));
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
