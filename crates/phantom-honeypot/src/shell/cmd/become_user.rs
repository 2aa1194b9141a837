//! su and sudo.

use super::accounts::{account, system_file};
use super::find::command as command_of;
use super::getopt::{Spec, parse};
use super::registry::{Row, Waits, bin, waits};
use super::runners::subshell;
use super::secrets::ask;
use super::{Ctx, Need, run, show};
use crate::shell::io::Stop;
use crate::shell::{Account, Shell};

pub(super) const PROGRAMS: &[Row] = &[
    waits("runuser", "util-linux", 72_000, (|sh, name, args| Box::pin(su(sh, name, args))) as Waits)
        .in_sbin(),
    waits("su", "util-linux", 72_000, (|sh, name, args| Box::pin(su(sh, name, args))) as Waits).mode(0o4755),
    waits("sudo", "sudo", 281_624, (|sh, name, args| Box::pin(sudo(sh, name, args))) as Waits).mode(0o4755),
    bin("visudo", "sudo", 262_784, visudo).in_sbin(),
];

/// Seconds that a password given to sudo stays good: sudoers(5), timestamp_timeout.
const FRESH: i64 = 15 * 60;

/// The shell of a user, from /etc/passwd.
fn shell_of(sh: &Shell, name: &str) -> String {
    let text = system_file(sh, "/etc/passwd");
    let line = text.lines().find(|line| line.split(':').next() == Some(name)).unwrap_or("");
    line.split(':').nth(6).filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh").to_owned()
}

/// Makes `child` the other user; a login begins at home with a clean environment.
fn turn_into(child: &mut Shell, other: &Account, login: bool, shell: &str) {
    child.account = other.clone();
    let mut values = vec![("HOME", other.home.clone()), ("SHELL", shell.to_owned())];
    if login || other.cred.uid != 0 {
        values.push(("USER", other.name.clone()));
        values.push(("LOGNAME", other.name.clone()));
    }
    if login {
        let path = if other.cred.uid == 0 {
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        } else {
            "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
        };
        values.push(("PATH", path.to_owned()));
        child.cwd = other.home.clone().into_bytes();
        if child.vfs().stat(&child.account.cred, &child.cwd).is_err() {
            child.cwd = b"/".to_vec();
        }
    }
    for (name, value) in values {
        child.set_exported(name.as_bytes(), value.as_bytes());
    }
}

async fn su(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const LONGS: &[(&str, u8)] = &[
        ("command=", b'c'),
        ("session-command=", b'C'),
        ("fast", b'f'),
        ("group=", b'g'),
        ("supp-group=", b'G'),
        ("login", b'l'),
        ("preserve-environment", b'm'),
        ("pty", b'P'),
        ("shell=", b's'),
        ("user=", b'u'),
        ("version", b'V'),
        ("whitelist-environment=", b'w'),
    ];
    const SU: Spec = Spec { shorts: "c:C:fg:G:lmpPs:T:Vw:", longs: LONGS };
    // With -u what follows is a command with options of its own.
    const RUNUSER: Spec = Spec { shorts: "+c:C:fg:G:lmpPs:T:u:Vw:", longs: LONGS };
    let direct =
        name == "runuser" && args.iter().take(8).any(|a| a.starts_with(b"-u") || a.starts_with(b"--user"));
    let parsed = match parse(&args, if direct { &RUNUSER } else { &SU }) {
        Ok(parsed) => parsed,
        Err(why) => return super::wrappers::refuse(sh, name, &why, 1).await,
    };
    if parsed.has(b'V') {
        sh.write(1, format!("{name} from util-linux 2.38.1\n").as_bytes())?;
        return Ok(0);
    }
    let keeps = parsed.has(b'm') || parsed.has(b'p');
    let mut rest = parsed.rest.clone();
    let mut login = parsed.has(b'l');
    if rest.first().is_some_and(|a| a == b"-") {
        login = true;
        rest.remove(0);
    }
    let user = match parsed.value(b'u') {
        Some(user) => Some(user.to_vec()),
        None if rest.is_empty() => None,
        None => Some(rest.remove(0)),
    };
    if direct && rest.is_empty() {
        sh.write(2, b"runuser: no command was specified\n")?;
        return Ok(1);
    }
    let shell = parsed.value(b's').map(show);
    let command = parsed.value(b'c').or(parsed.value(b'C')).map(show);
    let user = user.map_or_else(|| "root".to_owned(), |user| show(&user));
    let Some(mut other) = account(sh, &user) else {
        sh.write(2, format!("{name}: user {user} does not exist or the user entry does not contain all the required fields\n").as_bytes())?;
        return Ok(1);
    };
    if let Some(group) = parsed.value(b'g').map(show) {
        match super::users::group_of(sh, &group) {
            Some(found) => other.cred.gid = found.gid,
            None => {
                sh.write(2, format!("{name}: group {group} does not exist\n").as_bytes())?;
                return Ok(1);
            }
        }
    }
    if sh.account.cred.uid != 0 {
        if name == "runuser" {
            sh.write(2, b"runuser: may not be used by non-root users\n")?;
            return Ok(1);
        }
        let secret = ask(sh, "Password: ").await?;
        if !sh.live().knows(&user, &secret) {
            wait(sh).await?;
            sh.write(2, b"su: Authentication failure\n")?;
            return Ok(1);
        }
    }
    let own = shell_of(sh, &user);
    let shell = shell.filter(|_| sh.account.cred.uid == 0 || !own.ends_with("nologin")).unwrap_or(own);
    let mut child = sh.fork()?;
    child.pid = sh.live().current();
    child.listed = child.pid;
    if keeps && !login {
        child.account = other.clone();
    } else {
        turn_into(&mut child, &other, login, &shell);
    }
    if direct {
        return Box::pin(command_of(&mut child, rest, "runuser: failed to execute")).await;
    }
    if shell.ends_with("/nologin") {
        child.write(1, b"This account is currently not available.\n")?;
        return Ok(1);
    }
    if shell.ends_with("/false") {
        return Ok(1);
    }
    let there = child.vfs().access(&child.account.cred, shell.as_bytes(), 1);
    if let Err(errno) = there {
        child.write(2, format!("{name}: failed to execute {shell}: {errno}\n").as_bytes())?;
        return Ok(if errno == crate::vfs::Errno::ENOENT { 127 } else { 126 });
    }
    let kind = if shell.ends_with("bash") { "bash" } else { "sh" };
    let mut inner = Vec::new();
    if let Some(command) = command {
        inner.push(b"-c".to_vec());
        inner.push(command.into_bytes());
    }
    inner.extend(rest);
    Box::pin(subshell(&mut child, kind, inner)).await
}

/// What PAM takes to refuse: two seconds and some.
async fn wait(sh: &mut Shell) -> Result<(), Stop> {
    if sh.get(b"!skip-sleep").is_some() {
        return Ok(());
    }
    let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()) + 2_300_000);
    sh.io.sleep_until(until).await
}

/// Whether sudoers of the visit let this user run anything: by name or by group; and without password.
fn rule(sh: &Shell, user: &Account) -> Option<bool> {
    if user.cred.uid == 0 {
        return Some(true);
    }
    let mut text = system_file(sh, "/etc/sudoers");
    let more = sh.vfs().readdir(&crate::vfs::Cred::root(), b"/etc/sudoers.d").unwrap_or_default();
    for (name, _) in more.iter().filter(|(name, _)| !name.contains(&b'.') && !name.ends_with(b"~")).take(32) {
        text += &system_file(sh, &format!("/etc/sudoers.d/{}", show(name)));
        text.push('\n');
    }
    let groups: Vec<String> = std::iter::once(user.cred.gid)
        .chain(user.cred.groups.iter().copied())
        .map(|gid| format!("%{}", super::accounts::group_name(sh, gid)))
        .collect();
    text.lines()
        .filter(|line| {
            let who = line.split_whitespace().next().unwrap_or("");
            who == user.name || who == "ALL" || groups.iter().any(|g| g == who)
        })
        .filter(|line| line.contains('='))
        .map(|line| line.contains("NOPASSWD"))
        .next_back()
}

/// What sudo 1.9.13 prints where it is not told what to do, broken at 80 columns.
const USAGE: &str = "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]\nusage: sudo -l [-ABkNnS] [-g group] [-h host] [-p prompt] [-U user] [-u user]\n            [command [arg ...]]\nusage: sudo [-ABbEHkNnPS] [-r role] [-t type] [-C num] [-D directory] [-g\n            group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user]\n            [VAR=value] [-i | -s] [command [arg ...]]\nusage: sudo -e [-ABkNnS] [-r role] [-t type] [-C num] [-D directory] [-g group]\n            [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] file ...\n";

async fn sudo(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "+AbBC:D:Eeg:Hh::iKklNnPp:R:r:SsT:t:U:u:Vv",
        longs: &[
            ("askpass", b'A'),
            ("background", b'b'),
            ("bell", b'B'),
            ("close-from=", b'C'),
            ("chdir=", b'D'),
            ("preserve-env?", b'E'),
            ("edit", b'e'),
            ("group=", b'g'),
            ("set-home", b'H'),
            ("help", 200),
            ("host=", 201),
            ("login", b'i'),
            ("remove-timestamp", b'K'),
            ("reset-timestamp", b'k'),
            ("list", b'l'),
            ("no-update", b'N'),
            ("non-interactive", b'n'),
            ("preserve-groups", b'P'),
            ("prompt=", b'p'),
            ("stdin", b'S'),
            ("shell", b's'),
            ("other-user=", b'U'),
            ("user=", b'u'),
            ("version", b'V'),
            ("validate", b'v'),
        ],
    };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => {
            sh.write(2, format!("sudo: {why}\n{USAGE}").as_bytes())?;
            return Ok(1);
        }
    };
    if parsed.has(b'V') {
        sh.write(1, b"Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\nSudoers file grammar version 50\nSudoers I/O plugin version 1.9.13p3\nSudoers audit plugin version 1.9.13p3\n")?;
        return Ok(0);
    }
    let has = |letter: u8| parsed.has(letter);
    let (login, shell, list, quiet, stdin, validate) =
        (has(b'i'), has(b's'), has(b'l'), has(b'n'), has(b'S'), has(b'v'));
    let user = parsed.value(b'u').map_or_else(|| "root".to_owned(), show);
    let mut command = parsed.rest.clone();
    let mut given: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some(at) = command.first().and_then(|w| w.iter().position(|b| *b == b'=')) {
        let word = command.remove(0);
        given.push((word.get(..at).unwrap_or(&[]).to_vec(), word.get(at + 1..).unwrap_or(&[]).to_vec()));
    }
    if has(b'k') || has(b'K') {
        sh.live().sudo = None;
        if command.is_empty() && !login && !shell && !list && !validate {
            return Ok(0);
        }
    }
    let aimless = command.is_empty() && !login && !shell && !list && !validate;
    if aimless || (list && command.is_empty() && has(b'u')) {
        sh.write(2, USAGE.as_bytes())?;
        return Ok(1);
    }
    let own = sh.account.clone();
    // Groups may have been given since the login; sudo reads them anew.
    let own = account(sh, &own.name).unwrap_or(own);
    let found = rule(sh, &own);
    let now = sh.io.now().as_second();
    let fresh = sh.live().sudo.is_some_and(|at| now - at < FRESH);
    if found != Some(true) && !fresh {
        if quiet {
            sh.write(2, b"sudo: a password is required\n")?;
            return Ok(1);
        }
        if !stdin && !sh.io.lock().pty {
            sh.write(2, b"sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n")?;
            return Ok(1);
        }
        let prompt = format!("[sudo] password for {}: ", own.name);
        let mut given = false;
        for turn in 0..3 {
            let secret = ask(sh, &prompt).await?;
            if sh.live().knows(&own.name, &secret) {
                given = true;
                break;
            }
            wait(sh).await?;
            if secret.is_empty() && !sh.io.lock().pty {
                sh.write(2, b"\nsudo: no password was provided\nsudo: a password is required\n")?;
                return Ok(1);
            }
            if turn < 2 {
                sh.write(2, b"Sorry, try again.\n")?;
            }
        }
        if !given {
            sh.write(2, b"sudo: 3 incorrect password attempts\n")?;
            return Ok(1);
        }
    }
    let host = sh.hostname();
    if found.is_none() {
        let text = if list {
            format!("Sorry, user {} may not run sudo on {host}.\n", own.name)
        } else {
            format!("{} is not in the sudoers file.\n", own.name)
        };
        sh.write(2, text.as_bytes())?;
        return Ok(1);
    }
    if own.cred.uid != 0 {
        sh.live().sudo = Some(now);
    }
    if list {
        let rights =
            if found == Some(true) && own.cred.uid != 0 { "(ALL) NOPASSWD: ALL" } else { "(ALL : ALL) ALL" };
        sh.write(1, format!("Matching Defaults entries for {0} on {host}:\n    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin, use_pty\n\nUser {0} may run the following commands on {host}:\n    {rights}\n", own.name).as_bytes())?;
        return Ok(0);
    }
    if validate {
        return Ok(0);
    }
    let asked = user.clone();
    let by_number = user
        .strip_prefix('#')
        .and_then(|n| n.parse::<u32>().ok())
        .map(|uid| super::accounts::user_name(sh, uid));
    let user = by_number.unwrap_or(user);
    let Some(mut other) = account(sh, &user) else {
        let more =
            if asked.starts_with('#') { "" } else { "sudo: error initializing audit plugin sudoers_audit\n" };
        sh.write(2, format!("sudo: unknown user {asked}\n{more}").as_bytes())?;
        return Ok(1);
    };
    if let Some(group) = parsed.value(b'g').map(show) {
        match super::users::group_of(sh, group.trim_start_matches('#')) {
            Some(found) => other.cred.gid = found.gid,
            None => {
                sh.write(
                    2,
                    format!(
                        "sudo: unknown group {group}\nsudo: error initializing audit plugin sudoers_audit\n"
                    )
                    .as_bytes(),
                )?;
                return Ok(1);
            }
        }
    }
    let mut child = sh.fork()?;
    child.pid = sh.live().current();
    child.listed = child.pid;
    let own_shell = shell_of(sh, &user);
    turn_into(&mut child, &other, login, &own_shell);
    child.set_exported(b"USER", user.as_bytes());
    child.set_exported(b"LOGNAME", user.as_bytes());
    for (name, value) in [
        ("SUDO_USER", own.name.clone()),
        ("SUDO_UID", own.cred.uid.to_string()),
        ("SUDO_GID", own.cred.gid.to_string()),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
    ] {
        child.set_exported(name.as_bytes(), value.as_bytes());
    }
    for (name, value) in given {
        child.set_exported(&name, &value);
    }
    if let Some(dir) = parsed.value(b'D') {
        let path = crate::vfs::join(&sh.cwd, dir);
        let there = sh.vfs().readdir(&other.cred, &path);
        if let Err(errno) = there {
            sh.write(2, format!("sudo: unable to change directory to {}: {errno}\n", show(dir)).as_bytes())?;
            return Ok(1);
        }
        child.cwd = path;
    }
    if has(b'e') {
        let Some(file) = command.first() else { return Ok(1) };
        let path = crate::vfs::join(&sh.cwd, file);
        let dir = crate::vfs::split(&path).0.to_vec();
        let there = sh.vfs().stat(&other.cred, &dir);
        if let Err(errno) = there {
            sh.write(2, format!("sudo: {}: {errno}\n", show(file)).as_bytes())?;
            return Ok(1);
        }
        let editor = sh.get(b"SUDO_EDITOR").or_else(|| sh.get(b"EDITOR"));
        command.insert(0, editor.unwrap_or_else(|| b"/usr/bin/editor".to_vec()));
    }
    let whole = command.first().map(|program| {
        let path = super::find(&child, program).map_or_else(|| program.clone(), String::into_bytes);
        let words: Vec<&[u8]> =
            std::iter::once(path.as_slice()).chain(command.iter().skip(1).map(Vec::as_slice)).collect();
        words.join(&b' ')
    });
    child.set_exported(b"SUDO_COMMAND", &whole.unwrap_or_else(|| own_shell.clone().into_bytes()));
    let Some(program) = command.first().cloned() else {
        let kind = if own_shell.ends_with("bash") { "bash" } else { "sh" };
        return Box::pin(subshell(&mut child, kind, Vec::new())).await;
    };
    if login || shell {
        let line = command.join(&b' ');
        return Box::pin(subshell(&mut child, "bash", vec![b"-c".to_vec(), line])).await;
    }
    let missing = if program.contains(&b'/') {
        child.vfs().stat(&child.account.cred, &crate::vfs::join(&child.cwd, &program)).is_err()
    } else {
        super::find(&child, &program).is_none()
    };
    if missing {
        child.write(2, format!("sudo: {}: command not found\n", show(&program)).as_bytes())?;
        return Ok(1);
    }
    Box::pin(run(&mut child, &program, command.get(1..).unwrap_or(&[]).to_vec())).await
}

fn visudo(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("/etc/sudoers: Permission denied"));
    }
    if ctx.args.iter().any(|a| a.starts_with(b"-c")) {
        ctx.print("/etc/sudoers: parsed OK\n");
    }
    Ok(0)
}
