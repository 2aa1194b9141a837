//! systemctl, service, journalctl and the programs of systemd beside them.

use super::journal::{journal, power};
use super::registry::{Row, bin, sbin};
use super::units::{State, UNITS, WANTS, full, names, own_file, state};
use super::{Ctx, Need, show};
use crate::shell::Shell;
use crate::shell::facts::strftime;
use crate::vfs::{Cred, Errno};

pub(super) const PROGRAMS: &[Row] = &[
    sbin("invoke-rc.d", "init-system-helpers", 16_517, service),
    sbin("runlevel", "systemd-sysv", 0, systemctl).linked("/bin/systemctl"),
    sbin("service", "init-system-helpers", 9_107, service),
    bin("systemctl", "systemd", 1_353_368, systemctl),
    sbin("update-rc.d", "init-system-helpers", 17_742, update_rc),
];

fn systemctl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.name == "runlevel" {
        ctx.print("N 5\n");
        return Ok(0);
    }
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let flags: Vec<&String> = words.iter().filter(|w| w.starts_with('-')).collect();
    let mut rest: Vec<String> = Vec::new();
    let mut skip = false;
    for word in &words {
        match word.as_str() {
            _ if skip => skip = false,
            "-t" | "-n" | "-p" | "-o" | "-H" => skip = true,
            w if w.starts_with('-') => {}
            w => rest.push(w.to_owned()),
        }
    }
    let now = flags.iter().any(|f| *f == "--now");
    let quiet = flags.iter().any(|f| *f == "-q" || *f == "--quiet");
    if flags.iter().any(|f| *f == "--version") {
        ctx.print("systemd 252 (252.38-1~deb12u1)\n+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT -GNUTLS +OPENSSL +ACL +BLKID +CURL +ELFUTILS +FIDO2 +IDN2 -IDN +IPTC +KMOD +LIBCRYPTSETUP +LIBFDISK +PCRE2 -PWQUALITY +P11KIT +QRENCODE +TPM2 +BZIP2 +LZ4 +XZ +ZLIB +ZSTD -BPF_FRAMEWORK -XKBCOMMON +UTMP +SYSVINIT default-hierarchy=unified\n");
        return Ok(0);
    }
    let verb = rest.first().cloned().unwrap_or_else(|| "list-units".to_owned());
    let units: Vec<String> = rest.iter().skip(1).map(|u| full(u)).collect();
    match verb.as_str() {
        "list-units" => Ok(list_units(ctx, &words)),
        "list-unit-files" => Ok(list_files(ctx, &units)),
        "status" => Ok(statuses(ctx, &units)),
        "show" | "cat" => Ok(describe(ctx, &verb, &units)),
        "is-active" | "is-enabled" | "is-failed" => {
            let mut good = false;
            for unit in &units {
                let found = state(ctx.sh, unit);
                let word = match (verb.as_str(), &found) {
                    ("is-enabled", Some(s)) => s.enabled.clone(),
                    ("is-enabled", None) => {
                        ctx.err.extend_from_slice(
                            format!("Failed to get unit file state for {unit}: No such file or directory\n")
                                .as_bytes(),
                        );
                        return Ok(1);
                    }
                    (_, Some(s)) if s.active => "active".to_owned(),
                    (_, Some(s)) if s.failed => "failed".to_owned(),
                    _ => "inactive".to_owned(),
                };
                good |= match verb.as_str() {
                    "is-active" => word == "active",
                    "is-failed" => word == "failed",
                    _ => matches!(word.as_str(), "enabled" | "static" | "enabled-runtime"),
                };
                if !quiet {
                    ctx.print(&format!("{word}\n"));
                }
            }
            Ok(if good {
                0
            } else if verb == "is-active" {
                3
            } else {
                1
            })
        }
        "is-system-running" => {
            ctx.print("running\n");
            Ok(0)
        }
        "get-default" => {
            ctx.print("graphical.target\n");
            Ok(0)
        }
        "list-timers" => Ok(timers(ctx)),
        "list-sockets" | "list-jobs" | "list-dependencies" | "list-machines" => {
            ctx.print(if verb == "list-jobs" { "No jobs running.\n" } else { "\n0 units listed.\n" });
            Ok(0)
        }
        "daemon-reload" | "daemon-reexec" | "reset-failed" | "set-default" => {
            Ok(if ctx.sh.account.cred.uid == 0 { 0 } else { denied(ctx, "reload daemon") })
        }
        "start" | "stop" | "restart" | "reload" | "try-restart" | "kill" | "condrestart" | "force-reload"
        | "reload-or-restart" => Ok(change(ctx, &verb, &units)),
        "enable" | "disable" | "mask" | "unmask" | "reenable" => Ok(enable(ctx, &verb, &units, now)),
        "reboot" | "poweroff" | "halt" => power(ctx),
        other => {
            ctx.err.extend_from_slice(format!("Unknown command verb {other}.\n").as_bytes());
            Ok(1)
        }
    }
}

fn denied(ctx: &mut Ctx<'_>, what: &str) -> i32 {
    let text = format!(
        "Failed to {what}: Interactive authentication required.\nSee system logs and 'systemctl status' for details.\n"
    );
    ctx.err.extend_from_slice(text.as_bytes());
    1
}

fn list_units(ctx: &mut Ctx<'_>, words: &[String]) -> i32 {
    let has = |flag: &str| words.iter().any(|w| w == flag);
    let plain = has("--no-legend");
    let only_failed = has("--failed") || has("--state=failed");
    let mut rows: Vec<State> = names(ctx.sh).iter().filter_map(|n| state(ctx.sh, n)).collect();
    let all = has("--all") || has("-a");
    rows.retain(|s| {
        if only_failed {
            s.failed
        } else {
            (s.active || s.failed || all) && (!has("--state=running") || !s.exited)
        }
    });
    let width = rows.iter().map(|s| s.name.len()).max().unwrap_or(4).max(4);
    let mut text = String::new();
    if !plain {
        text += &format!("  {:<width$} LOAD   ACTIVE SUB     DESCRIPTION\n", "UNIT");
    }
    for s in &rows {
        let (active, sub) = match (s.active, s.failed, s.exited) {
            (true, _, true) => ("active", "exited"),
            (true, _, _) => ("active", "running"),
            (_, true, _) => ("failed", "failed"),
            _ => ("inactive", "dead"),
        };
        let mark = if s.failed && !s.active { "●" } else { " " };
        text += &format!("{mark} {:<width$} loaded {active:<6} {sub:<7} {}\n", s.name, s.about);
    }
    if !plain {
        text += &format!(
            "\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit activation state, i.e. generalization of SUB.\nSUB    = The low-level unit activation state, values depend on unit type.\n{} loaded units listed.{}\n",
            rows.len(),
            if all {
                ""
            } else {
                " Pass --all to see loaded but inactive units, too.\nTo show all installed unit files use 'systemctl list-unit-files'."
            }
        );
    }
    ctx.print(&text);
    0
}

fn list_files(ctx: &mut Ctx<'_>, wanted: &[String]) -> i32 {
    let rows: Vec<State> = names(ctx.sh)
        .iter()
        .filter(|n| wanted.is_empty() || wanted.contains(n))
        .filter_map(|n| state(ctx.sh, n))
        .collect();
    let width = rows.iter().map(|s| s.name.len()).max().unwrap_or(9).max(9);
    let mut text = format!("{:<width$} {:<15} PRESET\n", "UNIT FILE", "STATE");
    for s in &rows {
        let preset = if s.enabled == "static" { "-" } else { "enabled" };
        text += &format!("{:<width$} {:<15} {preset}\n", s.name, s.enabled);
    }
    text += &format!("\n{} unit files listed.\n", rows.len());
    ctx.print(&text);
    0
}

/// How long ago, as systemd words it.
fn ago(seconds: i64) -> String {
    let s = seconds.max(0);
    let plural = |n: i64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match s {
        ..60 => format!("{s}s ago"),
        60..3600 => format!("{}min {}s ago", s / 60, s % 60),
        3600..86_400 => format!("{}h {}min ago", s / 3600, s / 60 % 60),
        86_400..604_800 => format!("{} {}h ago", plural(s / 86_400, "day"), s / 3600 % 24),
        604_800..2_592_000 => {
            format!("{} {} ago", plural(s / 604_800, "week"), plural(s / 86_400 % 7, "day"))
        }
        _ => format!("{} {} ago", plural(s / 2_592_000, "month"), plural(s % 2_592_000 / 86_400, "day")),
    }
}

fn statuses(ctx: &mut Ctx<'_>, units: &[String]) -> i32 {
    if units.is_empty() {
        let host = ctx.sh.hostname();
        let boot = ctx.sh.machine.persona().boot;
        let age = ago(ctx.sh.io.now().as_second() - boot.as_second());
        let text = format!(
            "● {host}\n    State: running\n    Units: 261 loaded (incl. loaded aliases)\n     Jobs: 0 queued\n   Failed: 0 units\n    Since: {}; {age}\n  systemd: 252.38-1~deb12u1\n   CGroup: /\n",
            strftime(boot, "%a %F %T %Z")
        );
        ctx.print(&text);
        return 0;
    }
    let mut status = 0;
    for name in units {
        let Some(s) = state(ctx.sh, name) else {
            ctx.err.extend_from_slice(format!("Unit {name} could not be found.\n").as_bytes());
            status = 4;
            continue;
        };
        let text = status_text(ctx.sh, &s);
        ctx.print(&text);
        if !s.active {
            status = 3;
        }
    }
    status
}

fn status_text(sh: &Shell, s: &State) -> String {
    let now = sh.io.now();
    let mark = if s.active {
        "●"
    } else if s.failed {
        "×"
    } else {
        "○"
    };
    let mut text = format!("{mark} {} - {}\n", s.name, s.about);
    let preset =
        if s.enabled == "static" { String::new() } else { format!("{}; preset: enabled", s.enabled) };
    text += &format!(
        "     Loaded: loaded ({}; {})\n",
        s.file,
        if preset.is_empty() { "static" } else { &preset }
    );
    let when =
        format!("{}; {}", strftime(s.since, "%a %F %T %Z"), ago(now.as_second() - s.since.as_second()));
    text += &match (s.active, s.exited, s.failed) {
        (true, false, _) => format!("     Active: active (running) since {when}\n"),
        (true, true, _) => format!("     Active: active (exited) since {when}\n"),
        (_, _, true) => format!("     Active: failed (Result: signal) since {when}\n"),
        _ => "     Active: inactive (dead)\n".to_owned(),
    };
    for (index, doc) in s.docs.iter().enumerate() {
        text += &format!("{}{doc}\n", if index == 0 { "       Docs: " } else { "             " });
    }
    if let Some(main) = s.processes.first().filter(|_| s.active) {
        let tasks: u32 = s.processes.iter().map(|p| p.threads).sum();
        let rss: u64 = s.processes.iter().map(|p| p.rss_kib / 2).sum();
        let ticks: u64 = s.processes.iter().map(|p| p.ticks(now)).sum();
        let cpu = if ticks < 100 {
            format!("{}ms", ticks * 10 + 14)
        } else if ticks < 6000 {
            format!("{}.{:03}s", ticks / 100, ticks % 100 * 10)
        } else {
            format!("{}min {}.{:03}s", ticks / 6000, ticks / 100 % 60, ticks % 100 * 10)
        };
        text += &format!(
            "   Main PID: {} ({})\n      Tasks: {tasks} (limit: {})\n     Memory: {:.1}M\n        CPU: {cpu}\n     CGroup: /system.slice/{}\n",
            main.pid,
            main.comm,
            sh.machine.persona().memory_kib / 870,
            rss as f64 / 1024.0,
            s.name
        );
        for (index, p) in s.processes.iter().enumerate() {
            let branch = if index + 1 == s.processes.len() { "└─" } else { "├─" };
            let line = p.command();
            let line =
                if line.contains(": ") && !line.starts_with('/') { format!("\"{line}\"") } else { line };
            text += &format!("             {branch}{} {line}\n", p.pid);
        }
    }
    let root = sh.account.cred.uid == 0;
    let log: Vec<String> = journal(sh).into_iter().filter(|e| e.unit == s.name).map(|e| e.line).collect();
    if root && !log.is_empty() {
        text.push('\n');
        for line in log.iter().rev().take(10).rev() {
            text += &format!("{line}\n");
        }
    } else if !root {
        text += "\nWarning: some journal files were not opened due to insufficient permissions.\n";
    }
    text
}

fn describe(ctx: &mut Ctx<'_>, verb: &str, units: &[String]) -> i32 {
    let mut status = 0;
    for name in units {
        let Some(s) = state(ctx.sh, name) else {
            if verb == "cat" {
                ctx.err.extend_from_slice(format!("No files found for {name}.\n").as_bytes());
                status = 1;
            } else {
                ctx.print("LoadState=not-found\nActiveState=inactive\nSubState=dead\n");
            }
            continue;
        };
        if verb == "cat" {
            let text = own_file(ctx.sh, &s.name).map_or_else(
                || {
                    let exe =
                        s.processes.first().map_or_else(String::new, |p| format!("ExecStart={}\n", p.exe));
                    format!(
                        "[Unit]\nDescription={}\n\n[Service]\n{exe}\n[Install]\nWantedBy=multi-user.target\n",
                        s.about
                    )
                },
                |(_, text)| text,
            );
            ctx.print(&format!("# {}\n{text}", s.file));
            continue;
        }
        let main = s.processes.first().map_or(0, |p| p.pid);
        let sub = if !s.active {
            "dead"
        } else if s.exited {
            "exited"
        } else {
            "running"
        };
        ctx.print(&format!("Type=simple\nRestart=no\nMainPID={main}\nId={0}\nNames={0}\nDescription={1}\nLoadState=loaded\nActiveState={2}\nSubState={sub}\nFragmentPath={3}\nUnitFileState={4}\n", s.name, s.about, if s.active { "active" } else { "inactive" }, s.file, s.enabled));
    }
    status
}

fn timers(ctx: &mut Ctx<'_>) -> i32 {
    let now = ctx.sh.io.now();
    let day = 86_400;
    let midnight = (now.as_second().div_euclid(day) + 1) * day;
    let rows = [
        (midnight, "dpkg-db-backup.timer"),
        (midnight, "logrotate.timer"),
        (midnight + 22_410, "apt-daily-upgrade.timer"),
        (midnight + 40_130, "apt-daily.timer"),
        (midnight + 51_812, "systemd-tmpfiles-clean.timer"),
    ];
    let mut text =
        format!("{:<27} {:<11} {:<27} {:<11} {:<28} ACTIVATES\n", "NEXT", "LEFT", "LAST", "PASSED", "UNIT");
    for (next, name) in rows {
        let at = |s: i64| strftime(phantom_core::from_micros(s * 1_000_000), "%a %F %T %Z");
        let left = format!("{}h left", (next - now.as_second()) / 3600);
        let passed = format!("{}h ago", (now.as_second() - next + day) / 3600);
        text += &format!(
            "{:<27} {left:<11} {:<27} {passed:<11} {name:<28} {}\n",
            at(next),
            at(next - day),
            name.replace(".timer", ".service")
        );
    }
    text += "\n5 timers listed.\nPass --all to see loaded but inactive timers, too.\n";
    ctx.print(&text);
    0
}

/// Starts, stops and restarts. What a visitor's unit would run is not run; it counts as started.
fn change(ctx: &mut Ctx<'_>, verb: &str, units: &[String]) -> i32 {
    if units.is_empty() {
        ctx.err.extend_from_slice(b"Too few arguments.\n");
        return 1;
    }
    let mut status = 0;
    for name in units {
        let Some(s) = state(ctx.sh, name) else {
            ctx.err.extend_from_slice(
                format!(
                    "Failed to {verb} {name}: Unit {name} not {}.\n",
                    if verb == "stop" || verb == "kill" { "loaded" } else { "found" }
                )
                .as_bytes(),
            );
            status = 5;
            continue;
        };
        if ctx.sh.account.cred.uid != 0 {
            status = denied(ctx, &format!("{verb} {name}"));
            continue;
        }
        let now = ctx.sh.io.now();
        let stop = matches!(verb, "stop" | "kill");
        let pids: Vec<u32> = ctx
            .sh
            .look(|view| view.host.processes.iter().filter(|p| p.unit == s.name).map(|p| p.pid).collect());
        let mut live = ctx.sh.live();
        if live.units.len() < 128 || live.units.contains_key(&s.name) {
            if stop {
                live.killed.extend(pids.iter().copied());
                live.units.insert(s.name.clone(), (false, now));
            } else if !(verb == "start" && s.active) && verb != "reload" {
                for pid in &pids {
                    live.killed.remove(pid);
                }
                live.units.insert(s.name.clone(), (true, now));
            }
        }
    }
    status
}

fn enable(ctx: &mut Ctx<'_>, verb: &str, units: &[String], now: bool) -> i32 {
    if units.is_empty() {
        ctx.err.extend_from_slice(b"Too few arguments.\n");
        return 1;
    }
    let mut status = 0;
    for name in units {
        if name.contains('/') && own_file(ctx.sh, name).is_none() {
            ctx.err.extend_from_slice(
                format!("Failed to {verb} unit: File {name}: No such file or directory\n").as_bytes(),
            );
            status = 1;
            continue;
        }
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        let Some(s) = state(ctx.sh, &name) else {
            ctx.err.extend_from_slice(
                format!("Failed to {verb} unit: Unit file {name} does not exist.\n").as_bytes(),
            );
            status = 1;
            continue;
        };
        if ctx.sh.account.cred.uid != 0 {
            status = denied(ctx, &format!("{verb} unit"));
            continue;
        }
        let builtin = UNITS.iter().any(|u| u.name == s.name);
        let link = format!("{WANTS}/{}", s.name);
        let root = Cred::root();
        match verb {
            "enable" | "reenable" => {
                if builtin {
                    ctx.sh.live().enabled.insert(s.name.clone(), true);
                    if ["cron.service", "nginx.service", "ssh.service", "vsftpd.service"]
                        .contains(&s.name.as_str())
                    {
                        let short = s.name.trim_end_matches(".service");
                        ctx.err.extend_from_slice(format!("Synchronizing state of {0} with SysV service script with /lib/systemd/systemd-sysv-install.\nExecuting: /lib/systemd/systemd-sysv-install {verb} {short}\n", s.name).as_bytes());
                    }
                } else {
                    let text = own_file(ctx.sh, &s.name).map(|f| f.1).unwrap_or_default();
                    if !text.contains("[Install]") {
                        ctx.err.extend_from_slice(b"The unit files have no installation config (WantedBy=, RequiredBy=, Also=,\nAlias= settings in the [Install] section, and DefaultInstance= for template\nunits). This means they are not meant to be enabled using systemctl.\n \nPossible reasons for having this kind of units are:\n\xe2\x80\xa2 A unit may be statically enabled by being symlinked from another unit's\n  .wants/ or .requires/ directory.\n\xe2\x80\xa2 A unit's purpose may be to act as a helper for some other unit which has\n  a requirement dependency on it.\n\xe2\x80\xa2 A unit may be started when needed via activation (socket, path, timer,\n  D-Bus, udev, scripted systemctl call, ...).\n\xe2\x80\xa2 In case of template units, the unit is meant to be enabled with some\n  instance name specified.\n");
                        continue;
                    }
                    let made = {
                        let mut vfs = ctx.sh.vfs();
                        // The directory may be there already.
                        let _ = vfs.mkdir(&root, WANTS.as_bytes(), 0o755);
                        vfs.symlink(&root, s.file.as_bytes(), link.as_bytes())
                    };
                    match made {
                        Ok(_) => ctx
                            .err
                            .extend_from_slice(format!("Created symlink {link} → {}.\n", s.file).as_bytes()),
                        Err(Errno::EEXIST) => {}
                        Err(errno) => {
                            ctx.err.extend_from_slice(format!("Failed to enable unit: {errno}\n").as_bytes());
                            status = 1;
                        }
                    }
                }
            }
            "disable" => {
                if builtin {
                    ctx.sh.live().enabled.insert(s.name.clone(), false);
                    ctx.err.extend_from_slice(format!("Removed \"{link}\".\n").as_bytes());
                } else if ctx.sh.vfs().unlink(&root, link.as_bytes()).is_ok() {
                    ctx.err.extend_from_slice(format!("Removed \"{link}\".\n").as_bytes());
                }
            }
            "mask" => {
                ctx.sh.live().enabled.insert(s.name.clone(), false);
                ctx.err.extend_from_slice(
                    format!("Created symlink /etc/systemd/system/{} → /dev/null.\n", s.name).as_bytes(),
                );
            }
            _ => {
                ctx.sh.live().enabled.insert(s.name.clone(), true);
            }
        }
        if now {
            status = status.max(change(ctx, if verb == "enable" { "start" } else { "stop" }, &[s.name]));
        }
    }
    status
}

/// service NAME ACTION, and invoke-rc.d.
fn service(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if words.first().is_some_and(|w| w == "--status-all") {
        for (name, unit) in [
            ("cron", "cron"),
            ("dbus", "dbus"),
            ("kmod", "kmod-static-nodes"),
            ("networking", "networking"),
            ("nginx", "nginx"),
            ("procps", "systemd-sysctl"),
            ("ssh", "ssh"),
            ("sudo", ""),
            ("udev", "systemd-udevd"),
            ("vsftpd", "vsftpd"),
        ] {
            let active = state(ctx.sh, &format!("{unit}.service")).is_some_and(|s| s.active);
            ctx.print(&format!(" [ {} ]  {name}\n", if active { '+' } else { '-' }));
        }
        return Ok(0);
    }
    let [name, action, ..] = words.as_slice() else {
        let name = words.first().cloned();
        match name {
            Some(name) if name != "--help" => {
                let known = state(ctx.sh, &full(&name)).is_some();
                ctx.err.extend_from_slice(if known { format!("Usage: /etc/init.d/{name} {{start|stop|reload|force-reload|restart|try-restart|status}}\n") } else { format!("{name}: unrecognized service\n") }.as_bytes());
            }
            _ => ctx.err.extend_from_slice(
                b"Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]\n",
            ),
        }
        return Ok(1);
    };
    let unit = full(name);
    if state(ctx.sh, &unit).is_none() {
        let text = if action == "status" || action == "stop" {
            format!("Failed to {action} {unit}: Unit {unit} not loaded.\n")
        } else {
            format!("Failed to {action} {unit}: Unit {unit} not found.\n")
        };
        let text = if action == "status" { format!("Unit {unit} could not be found.\n") } else { text };
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(if action == "status" { 4 } else { 5 });
    }
    Ok(match action.as_str() {
        "status" => statuses(ctx, &[unit]),
        "start" | "stop" | "restart" | "reload" | "force-reload" => change(ctx, action, &[unit]),
        _ => {
            ctx.err.extend_from_slice(format!("Usage: /etc/init.d/{name} {{start|stop|reload|force-reload|restart|try-restart|status}}\n").as_bytes());
            1
        }
    })
}

fn update_rc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|w| !w.starts_with('-')).collect();
    let [name, action, ..] = words.as_slice() else {
        ctx.err.extend_from_slice(b"update-rc.d: error: not enough arguments\nusage: update-rc.d [-f] <basename> remove\n       update-rc.d [-f] <basename> defaults\n       update-rc.d [-f] <basename> defaults-disabled\n       update-rc.d <basename> disable|enable [S|2|3|4|5]\n\t\t-f: force\n\nThe disable|enable API is not stable and might change in the future.\n");
        return Ok(1);
    };
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"update-rc.d: error: Permission denied\n");
        return Ok(1);
    }
    let script = format!("/etc/init.d/{name}");
    if ctx.sh.vfs().stat(&Cred::root(), script.as_bytes()).is_err() {
        if action == "remove" {
            return Ok(0);
        }
        ctx.err.extend_from_slice(format!("update-rc.d: error: unable to read {script}\n").as_bytes());
        return Ok(1);
    }
    let root = Cred::root();
    for level in [2, 3, 4, 5] {
        let dir = format!("/etc/rc{level}.d");
        let link = format!("{dir}/S01{name}");
        let mut vfs = ctx.sh.vfs();
        let _ = vfs.mkdir(&root, dir.as_bytes(), 0o755);
        // A link that is there, or is not there to be removed, is as wanted.
        let _ = match action.as_str() {
            "remove" | "disable" => vfs.unlink(&root, link.as_bytes()),
            _ => vfs.symlink(&root, format!("../init.d/{name}").as_bytes(), link.as_bytes()).map(|_| ()),
        };
    }
    Ok(0)
}
