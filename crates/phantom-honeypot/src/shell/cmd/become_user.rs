//! su and sudo.

use super::accounts::{account, system_file};
use super::registry::{Row, Waits, bin, waits};
use super::runners::{start, subshell};
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
    let mut login = false;
    let mut shell = None;
    let mut command = None;
    let mut rest = Vec::new();
    let mut user = None;
    let mut words = args.iter().map(|a| show(a));
    while let Some(word) = words.next() {
        match word.as_str() {
            "-" | "-l" | "--login" => login = true,
            "-s" | "--shell" => shell = words.next(),
            "-c" | "--command" => command = words.next(),
            "-u" if name == "runuser" => user = words.next(),
            "-m" | "-p" | "--preserve-environment" | "-f" | "-P" | "--" => {}
            other if other.starts_with("--command=") => {
                command = Some(other.trim_start_matches("--command=").to_owned())
            }
            other if other.starts_with("--shell=") => {
                shell = Some(other.trim_start_matches("--shell=").to_owned())
            }
            "-lc" => {
                login = true;
                command = words.next();
            }
            other if other.starts_with('-') => {
                let letter = other.trim_start_matches('-').chars().next().unwrap_or('-');
                sh.write(
                    2,
                    format!(
                        "{name}: invalid option -- '{letter}'\nTry '{name} --help' for more information.\n"
                    )
                    .as_bytes(),
                )?;
                return Ok(1);
            }
            _ if user.is_none() => user = Some(word),
            _ => rest.push(word.into_bytes()),
        }
    }
    let direct = name == "runuser" && args.iter().any(|a| a == b"-u");
    let user = user.unwrap_or_else(|| "root".to_owned());
    let Some(other) = account(sh, &user) else {
        sh.write(2, format!("{name}: user {user} does not exist or the user entry does not contain all the required fields\n").as_bytes())?;
        return Ok(1);
    };
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
    turn_into(&mut child, &other, login, &shell);
    if direct {
        return Box::pin(start(&mut child, name, &rest)).await;
    }
    if shell.ends_with("/nologin") {
        child.write(1, b"This account is currently not available.\n")?;
        return Ok(1);
    }
    if shell.ends_with("/false") {
        return Ok(1);
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

async fn sudo(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let mut words = args.iter().map(|a| show(a)).collect::<Vec<_>>().into_iter().peekable();
    let (mut login, mut shell, mut list, mut quiet, mut stdin, mut validate) =
        (false, false, false, false, false, false);
    let mut user = "root".to_owned();
    let mut command: Vec<Vec<u8>> = Vec::new();
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            if word.contains('=') && command.is_empty() {
                continue;
            }
            command.push(word.into_bytes());
            command.extend(words.map(String::into_bytes));
            break;
        }
        match word.as_str() {
            "-u" | "--user" => user = words.next().unwrap_or_default(),
            "-g" | "-p" | "-C" | "-h" | "-U" | "-r" | "-t" | "-T" | "-D" => {
                words.next();
            }
            "-V" | "--version" => {
                sh.write(1, b"Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\nSudoers file grammar version 50\nSudoers I/O plugin version 1.9.13p3\nSudoers audit plugin version 1.9.13p3\n")?;
                return Ok(0);
            }
            "--" => {}
            "-k" | "-K" => {
                sh.live().sudo = None;
            }
            flags => {
                for letter in flags.chars().skip(1) {
                    match letter {
                        'i' => login = true,
                        's' => shell = true,
                        'l' => list = true,
                        'n' => quiet = true,
                        'S' => stdin = true,
                        'v' => validate = true,
                        'u' => user = words.next().unwrap_or_default(),
                        'E' | 'H' | 'b' | 'A' | 'P' => {}
                        _ => {}
                    }
                }
            }
        }
    }
    if command.is_empty() && !login && !shell && !list && !validate {
        sh.write(2, b"usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]\nusage: sudo -l [-ABkNnS] [-g group] [-h host] [-p prompt] [-U user] [-u user] [command [arg ...]]\nusage: sudo [-ABbEHkNnPS] [-r role] [-t type] [-C num] [-D directory] [-g group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] [VAR=value] [-i | -s] [command [arg ...]]\nusage: sudo -e [-ABkNnS] [-r role] [-t type] [-C num] [-D directory] [-g group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] file ...\n")?;
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
    let by_number = user
        .strip_prefix('#')
        .and_then(|n| n.parse::<u32>().ok())
        .map(|uid| super::accounts::user_name(sh, uid));
    let user = by_number.unwrap_or(user);
    let Some(other) = account(sh, &user) else {
        sh.write(
            2,
            format!("sudo: unknown user {user}\nsudo: error initializing audit plugin sudoers_audit\n")
                .as_bytes(),
        )?;
        return Ok(1);
    };
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
    let Some(program) = command.first().cloned() else {
        let kind = if own_shell.ends_with("bash") { "bash" } else { "sh" };
        return Box::pin(subshell(&mut child, kind, Vec::new())).await;
    };
    if login || shell {
        let line = command.join(&b' ');
        return Box::pin(subshell(&mut child, "bash", vec![b"-c".to_vec(), line])).await;
    }
    if !program.contains(&b'/') && super::find(&child, &program).is_none() {
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
