//! Programs that change users and groups: the files of /etc are what they change.

use super::accounts::{Group, User, groups, system_file, users};
use super::registry::{Row, Waits, bin, sbin, waits};
use super::{Ctx, Need, show};
use crate::shell::Shell;
use crate::shell::facts::strftime;
use crate::shell::io::{Desc, Stop};
use crate::vfs::{Cred, SetAttr};

pub(super) const PROGRAMS: &[Row] = &[
    sbin("addgroup", "adduser", 0, addgroup).linked("adduser"),
    waits("adduser", "adduser", 48_382, (|sh, name, args| Box::pin(adduser(sh, name, args))) as Waits)
        .in_sbin(),
    bin("chage", "passwd", 80_376, chage).mode(0o2755),
    sbin("chpasswd", "passwd", 63_856, chpasswd),
    bin("chsh", "passwd", 52_880, chsh).mode(0o4755),
    sbin("delgroup", "adduser", 0, deluser).linked("deluser"),
    sbin("deluser", "adduser", 16_727, deluser),
    bin("gpasswd", "passwd", 88_496, gpasswd).mode(0o4755),
    sbin("groupadd", "passwd", 101_416, groupadd),
    sbin("groupdel", "passwd", 88_936, groupdel),
    waits("passwd", "passwd", 68_248, (|sh, name, args| Box::pin(passwd(sh, name, args))) as Waits)
        .mode(0o4755),
    sbin("useradd", "passwd", 159_536, useradd),
    sbin("userdel", "passwd", 113_608, userdel),
    sbin("usermod", "passwd", 147_056, usermod),
];

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const GROUP: &str = "/etc/group";

/// Writes a file of /etc as root; the kinds of failure (a full file system) leave it as it was.
fn put(sh: &Shell, path: &str, text: &str) {
    let root = Cred::root();
    let mut vfs = sh.vfs();
    if let Ok(ino) = vfs.create(&root, path.as_bytes(), 0o644, true) {
        let _ = vfs.write(ino, Some(0), text.as_bytes());
    }
}

/// Changes the line of a file whose first field is `name`; `None` removes it.
fn edit(sh: &Shell, path: &str, name: &str, change: impl Fn(Vec<String>) -> Option<Vec<String>>) {
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

fn set(mut fields: Vec<String>, at: usize, value: &str) -> Option<Vec<String>> {
    if let Some(field) = fields.get_mut(at) {
        value.clone_into(field);
    }
    Some(fields)
}

fn append(sh: &Shell, path: &str, line: &str) {
    put(sh, path, &format!("{}{line}\n", system_file(sh, path)));
}

/// Days since 1970, as /etc/shadow counts.
fn today(sh: &Shell) -> i64 {
    sh.io.now().as_second() / 86_400
}

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

fn root_only(ctx: &mut Ctx<'_>, file: &str) -> Option<i32> {
    if ctx.sh.account.cred.uid == 0 {
        return None;
    }
    let name = ctx.name.clone();
    ctx.fail(&format!("Permission denied.\n{name}: cannot lock {file}; try again later."));
    Some(1)
}

fn valid(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 32
        && name.trim_end_matches('$').chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

fn free_id(taken: &[u32], system: bool) -> u32 {
    if system {
        (100..1000).rev().find(|id| !taken.contains(id)).unwrap_or(999)
    } else {
        taken.iter().filter(|id| (1000..60_000).contains(*id)).max().map_or(1000, |id| id + 1)
    }
}

/// What a new user is to be.
#[derive(Default)]
struct Wish {
    name: String,
    uid: Option<u32>,
    gid: Option<u32>,
    comment: String,
    home: Option<String>,
    shell: Option<String>,
    groups: Vec<String>,
    hash: Option<String>,
    make_home: bool,
    system: bool,
    no_group: bool,
}

/// Enters a user in all files and makes the home.
fn enter(sh: &Shell, wish: &Wish) -> (u32, u32) {
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

fn join(sh: &Shell, user: &str, group: &str) {
    edit(sh, GROUP, group, |fields| {
        let members = fields.get(3).cloned().unwrap_or_default();
        if members.split(',').any(|m| m == user) {
            return Some(fields);
        }
        let all = if members.is_empty() { user.to_owned() } else { format!("{members},{user}") };
        set(fields, 3, &all)
    });
}

fn leave(sh: &Shell, user: &str, group: &str) {
    edit(sh, GROUP, group, |fields| {
        let members = fields.get(3).cloned().unwrap_or_default();
        let left: Vec<&str> = members.split(',').filter(|m| *m != user && !m.is_empty()).collect();
        set(fields, 3, &left.join(","))
    });
}

fn group_of(sh: &Shell, text: &str) -> Option<Group> {
    groups(sh).into_iter().find(|g| g.name == text || g.gid.to_string() == text)
}

fn user_of(sh: &Shell, name: &str) -> Option<User> {
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

fn forget(sh: &Shell, user: &User) {
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
fn remove_tree(sh: &Shell, path: &str, depth: u32) {
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

async fn new_secret(sh: &mut Shell, name: &str) -> Result<i32, Stop> {
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
