//! Programs that change users and groups: the files of /etc are what they change.

use super::accounts::{Group, User, groups, system_file, users};
use super::registry::{Row, sbin};
use super::{Ctx, Need, show};
use crate::shell::Shell;
use crate::vfs::{Cred, SetAttr};

pub(super) const PROGRAMS: &[Row] = &[
    sbin("useradd", "passwd", 159_536, useradd),
    sbin("userdel", "passwd", 113_608, userdel),
    sbin("usermod", "passwd", 147_056, usermod),
];

pub(super) const PASSWD: &str = "/etc/passwd";
pub(super) const SHADOW: &str = "/etc/shadow";
pub(super) const GROUP: &str = "/etc/group";

/// Writes a file of /etc as root; the kinds of failure (a full file system) leave it as it was.
fn put(sh: &Shell, path: &str, text: &str) {
    let root = Cred::root();
    let mut vfs = sh.vfs();
    if let Ok(ino) = vfs.create(&root, path.as_bytes(), 0o644, true) {
        let _ = vfs.write(ino, Some(0), text.as_bytes());
    }
}

/// Changes the line of a file whose first field is `name`; `None` removes it.
pub(super) fn edit(sh: &Shell, path: &str, name: &str, change: impl Fn(Vec<String>) -> Option<Vec<String>>) {
    let mut out = String::new();
    for line in system_file(sh, path).lines() {
        let fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        if fields.first().is_some_and(|first| first == name) {
            if let Some(fields) = change(fields) {
                out += &fields.join(":");
                out.push('\n');
            }
        } else {
            out += line;
            out.push('\n');
        }
    }
    put(sh, path, &out);
}

pub(super) fn set(mut fields: Vec<String>, at: usize, value: &str) -> Option<Vec<String>> {
    if let Some(field) = fields.get_mut(at) {
        value.clone_into(field);
    }
    Some(fields)
}

pub(super) fn append(sh: &Shell, path: &str, line: &str) {
    put(sh, path, &format!("{}{line}\n", system_file(sh, path)));
}

/// Days since 1970, as /etc/shadow counts.
pub(super) fn today(sh: &Shell) -> i64 {
    sh.io.now().as_second() / 86_400
}

pub(super) fn root_only(ctx: &mut Ctx<'_>, file: &str) -> Option<i32> {
    if ctx.sh.account.cred.uid == 0 {
        return None;
    }
    let name = ctx.name.clone();
    ctx.fail(&format!("Permission denied.\n{name}: cannot lock {file}; try again later."));
    Some(1)
}

pub(super) fn valid(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 32
        && name.trim_end_matches('$').chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

pub(super) fn free_id(taken: &[u32], system: bool) -> u32 {
    if system {
        (100..1000).rev().find(|id| !taken.contains(id)).unwrap_or(999)
    } else {
        taken.iter().filter(|id| (1000..60_000).contains(*id)).max().map_or(1000, |id| id + 1)
    }
}

/// What a new user is to be.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) name: String,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) comment: String,
    pub(super) home: Option<String>,
    pub(super) shell: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) hash: Option<String>,
    pub(super) make_home: bool,
    pub(super) system: bool,
    pub(super) no_group: bool,
}

/// Enters a user in all files and makes the home.
pub(super) fn enter(sh: &Shell, wish: &Wish) -> (u32, u32) {
    let uids: Vec<u32> = users(sh).iter().map(|u| u.uid).collect();
    let gids: Vec<u32> = groups(sh).iter().map(|g| g.gid).collect();
    let uid = wish.uid.unwrap_or_else(|| free_id(&uids, wish.system));
    let gid = wish.gid.unwrap_or_else(|| {
        if wish.no_group {
            return 100;
        }
        let gid = if gids.contains(&uid) { free_id(&gids, wish.system) } else { uid };
        append(sh, GROUP, &format!("{}:x:{gid}:", wish.name));
        gid
    });
    let home = wish.home.clone().unwrap_or_else(|| format!("/home/{}", wish.name));
    let shell = wish.shell.as_deref().unwrap_or("/bin/sh");
    append(sh, PASSWD, &format!("{}:x:{uid}:{gid}:{}:{home}:{shell}", wish.name, wish.comment));
    let (secret, day) = (wish.hash.as_deref().unwrap_or("!"), today(sh));
    append(sh, SHADOW, &format!("{}:{secret}:{day}:0:99999:7:::", wish.name));
    for group in &wish.groups {
        join(sh, &wish.name, group);
    }
    if wish.make_home {
        let root = Cred::root();
        let own = SetAttr { uid: Some(uid), gid: Some(gid), ..SetAttr::default() };
        let mut vfs = sh.vfs();
        if vfs.mkdir(&root, home.as_bytes(), 0o700).is_ok() {
            let _ = vfs.set_attr(&root, home.as_bytes(), own);
            for name in [".bash_logout", ".bashrc", ".profile"] {
                let text =
                    vfs.read(&root, format!("/etc/skel/{name}").as_bytes(), 0, 65_536).unwrap_or_default();
                let path = format!("{home}/{name}");
                // A full file system leaves the rest of the home out, as cp would.
                let _ = vfs
                    .create(&root, path.as_bytes(), 0o644, true)
                    .and_then(|ino| vfs.write(ino, Some(0), &text))
                    .and_then(|()| vfs.set_attr(&root, path.as_bytes(), own));
            }
        }
    }
    (uid, gid)
}

pub(super) fn join(sh: &Shell, user: &str, group: &str) {
    edit(sh, GROUP, group, |fields| {
        let members = fields.get(3).cloned().unwrap_or_default();
        if members.split(',').any(|m| m == user) {
            return Some(fields);
        }
        let all = if members.is_empty() { user.to_owned() } else { format!("{members},{user}") };
        set(fields, 3, &all)
    });
}

pub(super) fn leave(sh: &Shell, user: &str, group: &str) {
    edit(sh, GROUP, group, |fields| {
        let members = fields.get(3).cloned().unwrap_or_default();
        let left: Vec<&str> = members.split(',').filter(|m| *m != user && !m.is_empty()).collect();
        set(fields, 3, &left.join(","))
    });
}

pub(super) fn group_of(sh: &Shell, text: &str) -> Option<Group> {
    groups(sh).into_iter().find(|g| g.name == text || g.gid.to_string() == text)
}

pub(super) fn user_of(sh: &Shell, name: &str) -> Option<User> {
    users(sh).into_iter().find(|u| u.name == name)
}

fn useradd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut wish = Wish::default();
    let mut free = false;
    let mut args = ctx.args.clone().into_iter().map(|a| show(&a));
    let mut named = None;
    while let Some(arg) = args.next() {
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (arg.clone(), None),
        };
        let mut value = || inline.clone().or_else(|| args.next()).unwrap_or_default();
        match flag.as_str() {
            "-u" | "--uid" => match value().parse() {
                Ok(uid) => wish.uid = Some(uid),
                Err(_) => {
                    ctx.fail("invalid user ID");
                    return Ok(3);
                }
            },
            "-g" | "--gid" => {
                let group = value();
                match group_of(ctx.sh, &group) {
                    Some(group) => wish.gid = Some(group.gid),
                    None => {
                        ctx.fail(&format!("group '{group}' does not exist"));
                        return Ok(6);
                    }
                }
            }
            "-G" | "--groups" => {
                for group in value().split(',') {
                    if group_of(ctx.sh, group).is_none() {
                        ctx.fail(&format!("group '{group}' does not exist"));
                        return Ok(6);
                    }
                    wish.groups.push(group.to_owned());
                }
            }
            "-d" | "--home-dir" | "--home" => wish.home = Some(value()),
            "-b" | "--base-dir" | "-k" | "--skel" | "-K" | "--key" | "-e" | "--expiredate" | "-f"
            | "--inactive" => {
                value();
            }
            "-s" | "--shell" => wish.shell = Some(value()),
            "-c" | "--comment" => wish.comment = value(),
            "-p" | "--password" => wish.hash = Some(value()),
            "-m" | "--create-home" => wish.make_home = true,
            "-M" | "--no-create-home" => wish.make_home = false,
            "-r" | "--system" => wish.system = true,
            "-N" | "--no-user-group" => wish.no_group = true,
            "-o" | "--non-unique" => free = true,
            "-D" | "--defaults" => {
                ctx.print("GROUP=100\nHOME=/home\nINACTIVE=-1\nEXPIRE=\nSHELL=/bin/sh\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=no\nLOG_INIT=yes\n");
                return Ok(0);
            }
            "-U" | "--user-group" | "-l" | "--no-log-init" | "--badname" => {}
            // Letters may stand together: -mr, -ou 0.
            letters if letters.starts_with('-') && !letters.starts_with("--") && letters.len() > 2 => {
                for letter in letters.chars().skip(1) {
                    match letter {
                        'm' => wish.make_home = true,
                        'r' => wish.system = true,
                        'o' => free = true,
                        'N' => wish.no_group = true,
                        'u' => wish.uid = args.next().and_then(|v| v.parse().ok()),
                        's' => wish.shell = args.next(),
                        'g' => wish.gid = args.next().and_then(|v| group_of(ctx.sh, &v)).map(|g| g.gid),
                        _ => {}
                    }
                }
            }
            other if other.starts_with('-') => {
                ctx.fail(&format!("unrecognized option '{other}'"));
                return Ok(2);
            }
            _ => named = Some(arg),
        }
    }
    let Some(name) = named else {
        ctx.err.extend_from_slice(
            b"Usage: useradd [options] LOGIN\n       useradd -D\n       useradd -D [options]\n",
        );
        return Ok(2);
    };
    if !valid(&name) {
        ctx.fail(&format!("invalid user name '{name}': use --badname to ignore"));
        return Ok(3);
    }
    if user_of(ctx.sh, &name).is_some() {
        ctx.fail(&format!("user '{name}' already exists"));
        return Ok(9);
    }
    if let Some(status) = root_only(ctx, PASSWD) {
        return Ok(status);
    }
    if let Some(uid) = wish.uid {
        if !free && users(ctx.sh).iter().any(|u| u.uid == uid) {
            ctx.fail(&format!("UID {uid} is not unique"));
            return Ok(4);
        }
        if uid < 1000 && !wish.system {
            ctx.err.extend_from_slice(format!("useradd warning: {name}'s uid {uid} outside of the UID_MIN 1000 and UID_MAX 60000 range.\n").as_bytes());
        }
    }
    wish.name = name;
    enter(ctx.sh, &wish);
    Ok(0)
}

fn userdel(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let remove = words
        .iter()
        .any(|w| w.starts_with('-') && (w.contains('r') && !w.starts_with("--") || w == "--remove"));
    let Some(name) = words.iter().find(|w| !w.starts_with('-')).cloned() else {
        ctx.err.extend_from_slice(b"Usage: userdel [options] LOGIN\n");
        return Ok(2);
    };
    let Some(user) = user_of(ctx.sh, &name) else {
        ctx.fail(&format!("user '{name}' does not exist"));
        return Ok(6);
    };
    if let Some(status) = root_only(ctx, PASSWD) {
        return Ok(status);
    }
    let busy = ctx
        .sh
        .look(|view| view.processes().iter().find(|p| p.uid == user.uid && user.uid != 0).map(|p| p.pid));
    if let Some(pid) =
        busy.filter(|_| !words.iter().any(|w| w == "-f" || w == "-rf" || w == "-fr" || w == "--force"))
    {
        ctx.fail(&format!("user {name} is currently used by process {pid}"));
        return Ok(8);
    }
    forget(ctx.sh, &user);
    if remove {
        if ctx.sh.vfs().stat(&Cred::root(), format!("/var/mail/{name}").as_bytes()).is_err() {
            ctx.fail(&format!("{name} mail spool (/var/mail/{name}) not found"));
        }
        remove_tree(ctx.sh, &user.home, 0);
    }
    Ok(0)
}

pub(super) fn forget(sh: &Shell, user: &User) {
    let name = &user.name;
    edit(sh, PASSWD, name, |_| None);
    edit(sh, SHADOW, name, |_| None);
    for group in groups(sh) {
        if group.name == *name && group.gid == user.gid && group.members.iter().all(|m| m == name) {
            edit(sh, GROUP, name, |_| None);
        } else if group.members.contains(name) {
            leave(sh, name, &group.name);
        }
    }
}

/// Removes a home with what is in it; at most 32 directories below one another.
pub(super) fn remove_tree(sh: &Shell, path: &str, depth: u32) {
    let root = Cred::root();
    let entries = sh.vfs().readdir(&root, path.as_bytes()).unwrap_or_default();
    for (name, _) in entries {
        let below = format!("{path}/{}", show(&name));
        if sh.vfs().unlink(&root, below.as_bytes()).is_err() && depth < 32 {
            remove_tree(sh, &below, depth + 1);
        }
    }
    let _ = sh.vfs().rmdir(&root, path.as_bytes());
}

fn usermod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut changes: Vec<(String, String)> = Vec::new();
    let mut named = None;
    let mut args = ctx.args.clone().into_iter().map(|a| show(&a));
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-L" | "--lock" => changes.push(("L".to_owned(), String::new())),
            "-U" | "--unlock" => changes.push(("U".to_owned(), String::new())),
            "-a" | "--append" | "-m" | "--move-home" | "-o" | "--non-unique" => {
                changes.push((arg.trim_start_matches('-').chars().take(1).collect(), String::new()));
            }
            "--shell" | "--groups" | "--gid" | "--uid" | "--home" | "--login" | "--comment"
            | "--password" => {
                let key = match arg.as_str() {
                    "--groups" => "G",
                    "--gid" => "g",
                    "--uid" => "u",
                    "--home" => "d",
                    "--login" => "l",
                    "--comment" => "c",
                    "--password" => "p",
                    _ => "s",
                };
                changes.push((key.to_owned(), args.next().unwrap_or_default()));
            }
            flags if flags.starts_with('-') && !flags.starts_with("--") => {
                for letter in flags.chars().skip(1) {
                    let value = if "sGgudlcpef".contains(letter) {
                        args.next().unwrap_or_default()
                    } else {
                        String::new()
                    };
                    changes.push((letter.to_string(), value));
                }
            }
            _ => named = Some(arg),
        }
    }
    let Some(name) = named else {
        ctx.err.extend_from_slice(b"Usage: usermod [options] LOGIN\n");
        return Ok(2);
    };
    let Some(user) = user_of(ctx.sh, &name) else {
        ctx.fail(&format!("user '{name}' does not exist"));
        return Ok(6);
    };
    if changes.is_empty() {
        ctx.err.extend_from_slice(b"usermod: no changes\n");
        return Ok(0);
    }
    if let Some(status) = root_only(ctx, PASSWD) {
        return Ok(status);
    }
    let appends = changes.iter().any(|(key, _)| key == "a");
    for (key, value) in &changes {
        let sh = &*ctx.sh;
        match key.as_str() {
            "s" => edit(sh, PASSWD, &name, |f| set(f, 6, value)),
            "d" => edit(sh, PASSWD, &name, |f| set(f, 5, value)),
            "c" => edit(sh, PASSWD, &name, |f| set(f, 4, value)),
            "u" => edit(sh, PASSWD, &name, |f| set(f, 2, value)),
            "p" => edit(sh, SHADOW, &name, |f| set(f, 1, value)),
            "L" => edit(sh, SHADOW, &name, |f| {
                let old = f.get(1).cloned().unwrap_or_default();
                set(f, 1, &format!("!{}", old.trim_start_matches('!')))
            }),
            "U" => edit(sh, SHADOW, &name, |f| {
                let old = f.get(1).cloned().unwrap_or_default();
                set(f, 1, old.trim_start_matches('!'))
            }),
            "g" => match group_of(sh, value) {
                Some(group) => edit(sh, PASSWD, &name, |f| set(f, 3, &group.gid.to_string())),
                None => {
                    ctx.fail(&format!("group '{value}' does not exist"));
                    return Ok(6);
                }
            },
            "G" => {
                let wanted: Vec<&str> = value.split(',').filter(|g| !g.is_empty()).collect();
                if let Some(bad) = wanted.iter().find(|g| group_of(sh, g).is_none()).map(|g| (*g).to_owned())
                {
                    ctx.fail(&format!("group '{bad}' does not exist"));
                    return Ok(6);
                }
                if !appends {
                    for group in groups(sh).iter().filter(|g| g.members.contains(&name)) {
                        leave(sh, &name, &group.name);
                    }
                }
                for group in wanted.iter().filter_map(|g| group_of(sh, g)) {
                    join(sh, &name, &group.name);
                }
            }
            "l" => {
                edit(sh, PASSWD, &name, |f| set(f, 0, value));
                edit(sh, SHADOW, &name, |f| set(f, 0, value));
                for group in groups(sh).iter().filter(|g| g.members.contains(&user.name)) {
                    leave(sh, &user.name, &group.name);
                    join(sh, value, &group.name);
                }
            }
            _ => {}
        }
    }
    Ok(0)
}
