//! Programs that change users and groups: the files of /etc are what they change.

use super::accounts::{Group, User, groups, system_file, users};
use super::getopt::{Spec, parse};
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
const GSHADOW: &str = "/etc/gshadow";
/// Ranges of numbers that a user may give away in namespaces.
const SUBIDS: [&str; 2] = ["/etc/subuid", "/etc/subgid"];
/// How many of them each user gets, and where the first begins.
const SUBID_COUNT: u64 = 65_536;
const SUBID_MIN: u64 = 100_000;

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

/// Enters a group.
pub(super) fn add_group(sh: &Shell, name: &str, gid: u32) {
    append(sh, GROUP, &format!("{name}:x:{gid}:"));
    append(sh, GSHADOW, &format!("{name}:!::"));
}

/// Forgets a group.
pub(super) fn drop_group(sh: &Shell, name: &str) {
    edit(sh, GROUP, name, |_| None);
    edit(sh, GSHADOW, name, |_| None);
}

/// Renames a group.
pub(super) fn rename_group(sh: &Shell, name: &str, new: &str) {
    edit(sh, GROUP, name, |f| set(f, 0, new));
    edit(sh, GSHADOW, name, |f| set(f, 0, new));
}

/// Who administers a group, and who is in it.
pub(super) fn set_members(sh: &Shell, group: &str, administrators: Option<&str>, members: Option<&str>) {
    if let Some(members) = members {
        edit(sh, GROUP, group, |f| set(f, 3, members));
        edit(sh, GSHADOW, group, |f| set(f, 3, members));
    }
    if let Some(administrators) = administrators {
        edit(sh, GSHADOW, group, |f| set(f, 2, administrators));
    }
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
    /// Mode of the home; useradd's own is 0755 (HOME_MODE is not set), adduser's 0700.
    pub(super) home_mode: u32,
    /// Days since 1970 after which the account is none, and days after the password's end.
    pub(super) expires: String,
    pub(super) inactive: String,
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
        add_group(sh, &wish.name, gid);
        gid
    });
    let home = wish.home.clone().unwrap_or_else(|| format!("/home/{}", wish.name));
    let shell = wish.shell.as_deref().unwrap_or("/bin/sh");
    append(sh, PASSWD, &format!("{}:x:{uid}:{gid}:{}:{home}:{shell}", wish.name, wish.comment));
    let (secret, day) = (wish.hash.as_deref().unwrap_or("!"), today(sh));
    append(
        sh,
        SHADOW,
        &format!("{}:{secret}:{day}:0:99999:7:{}:{}:", wish.name, wish.inactive, wish.expires),
    );
    if !wish.system {
        for file in SUBIDS {
            let next = system_file(sh, file)
                .lines()
                .filter_map(|line| {
                    let mut fields = line.split(':').skip(1).filter_map(|f| f.parse::<u64>().ok());
                    Some(fields.next()?.saturating_add(fields.next()?))
                })
                .max()
                .unwrap_or(SUBID_MIN);
            append(sh, file, &format!("{}:{next}:{SUBID_COUNT}", wish.name));
        }
    }
    for group in &wish.groups {
        join(sh, &wish.name, group);
    }
    if wish.make_home {
        let root = Cred::root();
        let own = SetAttr { uid: Some(uid), gid: Some(gid), ..SetAttr::default() };
        let mut vfs = sh.vfs();
        if vfs.mkdir(&root, home.as_bytes(), wish.home_mode).is_ok() {
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
    let all = group_of(sh, group).map(|g| g.members.join(",")).unwrap_or_default();
    edit(sh, GSHADOW, group, |fields| set(fields, 3, &all));
}

pub(super) fn leave(sh: &Shell, user: &str, group: &str) {
    edit(sh, GROUP, group, |fields| {
        let members = fields.get(3).cloned().unwrap_or_default();
        let left: Vec<&str> = members.split(',').filter(|m| *m != user && !m.is_empty()).collect();
        set(fields, 3, &left.join(","))
    });
    let all = group_of(sh, group).map(|g| g.members.join(",")).unwrap_or_default();
    edit(sh, GSHADOW, group, |fields| set(fields, 3, &all));
}

pub(super) fn group_of(sh: &Shell, text: &str) -> Option<Group> {
    groups(sh).into_iter().find(|g| g.name == text || g.gid.to_string() == text)
}

pub(super) fn user_of(sh: &Shell, name: &str) -> Option<User> {
    users(sh).into_iter().find(|u| u.name == name)
}

/// A date as `-e` takes it, in days since 1970; none where it is empty or -1.
pub(super) fn day(sh: &Shell, text: &str) -> Option<String> {
    if matches!(text, "" | "-1") {
        return Some(String::new());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    let at = super::modes::date(text, sh.io.now())?;
    Some(at.as_second().div_euclid(86_400).to_string())
}

const NO_SELINUX: &str = "-Z requires SELinux enabled kernel";

fn useradd(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "b:c:d:De:f:Fg:G:hk:K:lmMNop:rR:P:s:u:UZ:",
        longs: &[
            ("badname", 200),
            ("base-dir=", b'b'),
            ("btrfs-subvolume-home", 201),
            ("comment=", b'c'),
            ("home-dir=", b'd'),
            ("defaults", b'D'),
            ("expiredate=", b'e'),
            ("inactive=", b'f'),
            ("gid=", b'g'),
            ("groups=", b'G'),
            ("skel=", b'k'),
            ("key=", b'K'),
            ("no-log-init", b'l'),
            ("create-home", b'm'),
            ("no-create-home", b'M'),
            ("no-user-group", b'N'),
            ("non-unique", b'o'),
            ("password=", b'p'),
            ("system", b'r'),
            ("root=", b'R'),
            ("prefix=", b'P'),
            ("shell=", b's'),
            ("uid=", b'u'),
            ("user-group", b'U'),
            ("selinux-user=", b'Z'),
        ],
    };
    const USAGE: &[u8] = b"Usage: useradd [options] LOGIN\n       useradd -D\n       useradd -D [options]\n";
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            ctx.fail(&why);
            ctx.err.extend_from_slice(USAGE);
            return Ok(2);
        }
    };
    let text = |letter: u8| parsed.value(letter).map(show);
    let refuse = |ctx: &mut Ctx<'_>, what: String, status: i32| {
        ctx.fail(&what);
        Ok(status)
    };
    let mut wish = Wish {
        comment: text(b'c').unwrap_or_default(),
        home: text(b'd'),
        shell: text(b's'),
        hash: text(b'p'),
        make_home: parsed.has(b'm') && !parsed.has(b'M'),
        system: parsed.has(b'r'),
        no_group: parsed.has(b'N'),
        home_mode: 0o755,
        inactive: text(b'f').filter(|days| days != "-1").unwrap_or_default(),
        ..Wish::default()
    };
    if let Some(home) = wish.home.as_ref().filter(|home| !home.starts_with('/')) {
        return refuse(ctx, format!("invalid home directory '{home}'"), 3);
    }
    if let Some(date) = text(b'e') {
        match day(ctx.sh, &date) {
            Some(days) => wish.expires = days,
            None => return refuse(ctx, format!("invalid date '{date}'"), 3),
        }
    }
    if let Some(group) = text(b'g') {
        match group_of(ctx.sh, &group) {
            Some(group) => wish.gid = Some(group.gid),
            None => return refuse(ctx, format!("group '{group}' does not exist"), 6),
        }
    }
    for group in text(b'G').unwrap_or_default().split(',').filter(|g| !g.is_empty()) {
        if group_of(ctx.sh, group).is_none() {
            return refuse(ctx, format!("group '{group}' does not exist"), 6);
        }
        wish.groups.push(group.to_owned());
    }
    if let Some(shell) = wish.shell.as_ref().filter(|s| !s.is_empty() && !s.starts_with('/')) {
        return refuse(ctx, format!("invalid shell '{shell}'"), 3);
    }
    if let Some(uid) = text(b'u') {
        match uid.parse() {
            Ok(uid) => wish.uid = Some(uid),
            Err(_) => return refuse(ctx, format!("invalid user ID '{uid}'"), 3),
        }
    }
    if parsed.has(b'Z') {
        return refuse(ctx, NO_SELINUX.to_owned(), 14);
    }
    if parsed.has(b'D') {
        ctx.print("GROUP=100\nHOME=/home\nINACTIVE=-1\nEXPIRE=\nSHELL=/bin/sh\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=no\nLOG_INIT=yes\n");
        return Ok(0);
    }
    let [name] = parsed.rest.as_slice() else {
        ctx.err.extend_from_slice(USAGE);
        return Ok(2);
    };
    let name = show(name);
    if !valid(&name) {
        return refuse(ctx, format!("invalid user name '{name}': use --badname to ignore"), 3);
    }
    if user_of(ctx.sh, &name).is_some() {
        return refuse(ctx, format!("user '{name}' already exists"), 9);
    }
    if let Some(status) = root_only(ctx, PASSWD) {
        return Ok(status);
    }
    if let Some(uid) = wish.uid {
        if !parsed.has(b'o') && users(ctx.sh).iter().any(|u| u.uid == uid) {
            return refuse(ctx, format!("UID {uid} is not unique"), 4);
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
    if words.iter().any(|w| w == "-Z") {
        ctx.fail(NO_SELINUX);
        return Ok(14);
    }
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
    for file in SUBIDS {
        edit(sh, file, name, |_| None);
    }
    for group in groups(sh) {
        if group.name == *name && group.gid == user.gid && group.members.iter().all(|m| m == name) {
            drop_group(sh, name);
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
    const SPEC: Spec = Spec {
        shorts: "abc:d:e:f:g:G:hl:LmoP:p:rR:s:u:Uv:V:w:W:Z:",
        longs: &[
            ("append", b'a'),
            ("badname", b'b'),
            ("comment=", b'c'),
            ("home=", b'd'),
            ("expiredate=", b'e'),
            ("inactive=", b'f'),
            ("gid=", b'g'),
            ("groups=", b'G'),
            ("login=", b'l'),
            ("lock", b'L'),
            ("move-home", b'm'),
            ("non-unique", b'o'),
            ("password=", b'p'),
            ("prefix=", b'P'),
            ("remove", b'r'),
            ("root=", b'R'),
            ("shell=", b's'),
            ("uid=", b'u'),
            ("unlock", b'U'),
            ("selinux-user=", b'Z'),
        ],
    };
    let usage = |ctx: &mut Ctx<'_>, what: Option<&str>| {
        if let Some(what) = what {
            ctx.fail(what);
        }
        ctx.err.extend_from_slice(b"Usage: usermod [options] LOGIN\n");
        Ok(2)
    };
    let parsed = match parse(&ctx.args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return usage(ctx, Some(&why)),
    };
    if parsed.has(b'Z') {
        ctx.fail(NO_SELINUX);
        return Ok(14);
    }
    let [name] = parsed.rest.as_slice() else { return usage(ctx, None) };
    let name = show(name);
    let Some(user) = user_of(ctx.sh, &name) else {
        ctx.fail(&format!("user '{name}' does not exist"));
        return Ok(6);
    };
    let has = |letter: u8| parsed.has(letter);
    if parsed.given.is_empty() {
        return usage(ctx, Some("no options"));
    }
    if has(b'a') && !has(b'G') {
        return usage(ctx, Some("-a flag is only allowed with the -G flag"));
    }
    if let Some(status) = root_only(ctx, PASSWD) {
        return Ok(status);
    }
    let secret = system_file(ctx.sh, SHADOW)
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")).map(|rest| rest.to_owned()))
        .and_then(|rest| rest.split(':').next().map(str::to_owned))
        .unwrap_or_default();
    for (key, value) in &parsed.given {
        let value = show(value);
        let sh = &*ctx.sh;
        match key {
            b's' => edit(sh, PASSWD, &name, |f| set(f, 6, &value)),
            b'd' => {
                edit(sh, PASSWD, &name, |f| set(f, 5, &value));
                if has(b'm') {
                    let root = Cred::root();
                    let _ = sh.vfs().rename(&root, user.home.as_bytes(), value.as_bytes());
                }
            }
            b'c' => edit(sh, PASSWD, &name, |f| set(f, 4, &value)),
            b'u' => {
                if !has(b'o') && users(sh).iter().any(|u| u.uid.to_string() == value && u.name != name) {
                    ctx.fail(&format!("UID '{value}' already exists"));
                    return Ok(4);
                }
                if value.parse::<u32>().is_err() {
                    ctx.fail(&format!("invalid user ID '{value}'"));
                    return Ok(3);
                }
                edit(sh, PASSWD, &name, |f| set(f, 2, &value));
            }
            b'p' => edit(sh, SHADOW, &name, |f| set(f, 1, &value)),
            b'e' => match day(sh, &value) {
                Some(days) => edit(sh, SHADOW, &name, |f| set(f, 7, &days)),
                None => {
                    ctx.fail(&format!("invalid date '{value}'"));
                    return Ok(3);
                }
            },
            b'f' => edit(sh, SHADOW, &name, |f| set(f, 6, if value == "-1" { "" } else { &value })),
            b'L' => edit(sh, SHADOW, &name, |f| set(f, 1, &format!("!{}", secret.trim_start_matches('!')))),
            b'U' if secret.trim_start_matches('!').is_empty() => {
                ctx.fail("unlocking the user's password would result in a passwordless account.\nYou should set a password with usermod -p to unlock this user's password.");
            }
            b'U' => edit(sh, SHADOW, &name, |f| set(f, 1, secret.trim_start_matches('!'))),
            b'g' => match group_of(sh, &value) {
                Some(group) => edit(sh, PASSWD, &name, |f| set(f, 3, &group.gid.to_string())),
                None => {
                    ctx.fail(&format!("group '{value}' does not exist"));
                    return Ok(6);
                }
            },
            b'G' => {
                let wanted: Vec<&str> = value.split(',').filter(|g| !g.is_empty()).collect();
                if let Some(bad) = wanted.iter().find(|g| group_of(sh, g).is_none()).map(|g| (*g).to_owned())
                {
                    ctx.fail(&format!("group '{bad}' does not exist"));
                    return Ok(6);
                }
                if !has(b'a') && !has(b'r') {
                    for group in groups(sh).iter().filter(|g| g.members.contains(&name)) {
                        leave(sh, &name, &group.name);
                    }
                }
                for group in wanted.iter().filter_map(|g| group_of(sh, g)) {
                    if has(b'r') { leave(sh, &name, &group.name) } else { join(sh, &name, &group.name) }
                }
            }
            _ => {}
        }
    }
    if let Some(new) = parsed.value(b'l').map(show) {
        let sh = &*ctx.sh;
        edit(sh, PASSWD, &name, |f| set(f, 0, &new));
        edit(sh, SHADOW, &name, |f| set(f, 0, &new));
        for file in SUBIDS {
            edit(sh, file, &name, |f| set(f, 0, &new));
        }
        for group in groups(sh).iter().filter(|g| g.members.contains(&name)) {
            leave(sh, &name, &group.name);
            join(sh, &new, &group.name);
        }
    }
    Ok(0)
}
