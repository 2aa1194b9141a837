//! Units of systemd: those of the machine and those that a visitor wrote.

use phantom_core::Timestamp;

use super::show;
use crate::machine::Process;
use crate::shell::Shell;
use crate::vfs::Cred;

/// A unit that the packages of the machine brought.
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) enabled: &'static str,
    pub(super) docs: &'static [&'static str],
}

const fn unit(
    name: &'static str,
    about: &'static str,
    enabled: &'static str,
    docs: &'static [&'static str],
) -> Unit {
    Unit { name, about, enabled, docs }
}

pub(super) const UNITS: &[Unit] = &[
    unit("cron.service", "Regular background program processing daemon", "enabled", &["man:cron(8)"]),
    unit("dbus.service", "D-Bus System Message Bus", "static", &["man:dbus-daemon(1)"]),
    unit(
        "getty@tty1.service",
        "Getty on tty1",
        "enabled",
        &[
            "man:agetty(8)",
            "man:systemd-getty-generator(8)",
            "http://0pointer.de/blog/projects/serial-console.html",
        ],
    ),
    unit(
        "nginx.service",
        "A high performance web server and a reverse proxy server",
        "enabled",
        &["man:nginx(8)"],
    ),
    unit(
        "rsyslog.service",
        "System Logging Service",
        "enabled",
        &["man:rsyslogd(8)", "man:rsyslog.conf(5)", "https://www.rsyslog.com/doc/"],
    ),
    unit("ssh.service", "OpenBSD Secure Shell server", "enabled", &["man:sshd(8)", "man:sshd_config(5)"]),
    unit(
        "systemd-journald.service",
        "Journal Service",
        "static",
        &["man:systemd-journald.service(8)", "man:journald.conf(5)"],
    ),
    unit(
        "systemd-logind.service",
        "User Login Management",
        "static",
        &[
            "man:sd-login(3)",
            "man:systemd-logind.service(8)",
            "man:logind.conf(5)",
            "man:org.freedesktop.login1(5)",
        ],
    ),
    unit(
        "systemd-timesyncd.service",
        "Network Time Synchronization",
        "enabled",
        &["man:systemd-timesyncd.service(8)"],
    ),
    unit(
        "systemd-udevd.service",
        "Rule-based Manager for Device Events and Files",
        "static",
        &["man:systemd-udevd.service(8)", "man:udev(7)"],
    ),
    unit("vsftpd.service", "vsftpd FTP server", "enabled", &[]),
];

/// Units that did their work at boot and left no process.
pub(super) const DONE: &[(&str, &str, &str)] = &[
    ("console-setup.service", "Set console font and keymap", "enabled"),
    ("ifup@IFACE.service", "ifup for IFACE", "static"),
    ("keyboard-setup.service", "Set the console keyboard layout", "enabled"),
    ("kmod-static-nodes.service", "Create List of Static Device Nodes", "static"),
    ("networking.service", "Raise network interfaces", "enabled"),
    ("systemd-modules-load.service", "Load Kernel Modules", "static"),
    ("systemd-random-seed.service", "Load/Save Random Seed", "static"),
    ("systemd-remount-fs.service", "Remount Root and Kernel File Systems", "enabled-runtime"),
    ("systemd-sysctl.service", "Apply Kernel Variables", "static"),
    ("systemd-sysusers.service", "Create System Users", "static"),
    ("systemd-tmpfiles-setup.service", "Create Volatile Files and Directories", "static"),
    ("systemd-update-utmp.service", "Record System Boot/Shutdown in UTMP", "static"),
    ("systemd-user-sessions.service", "Permit User Sessions", "static"),
];

/// The directories where unit files lie, in the order systemd looks.
const DIRS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

pub(super) const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

/// What is known of a unit.
pub(super) struct State {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) file: String,
    pub(super) enabled: String,
    pub(super) active: bool,
    pub(super) exited: bool,
    pub(super) failed: bool,
    pub(super) since: Timestamp,
    pub(super) docs: Vec<String>,
    pub(super) processes: Vec<Process>,
}

pub(super) fn full(name: &str) -> String {
    if name.rsplit_once('.').is_some_and(|(_, kind)| {
        matches!(kind, "service" | "timer" | "socket" | "target" | "mount" | "slice" | "path" | "scope")
    }) {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// A unit file that the visitor wrote.
pub(super) fn own_file(sh: &Shell, name: &str) -> Option<(String, String)> {
    let name = name.rsplit('/').next().unwrap_or(name);
    DIRS.iter().map(|dir| format!("{dir}/{name}")).find_map(|path| {
        let bytes = sh.vfs().read(&Cred::root(), path.as_bytes(), 0, 65_536).ok()?;
        Some((path, String::from_utf8_lossy(&bytes).into_owned()))
    })
}

fn is_wanted(sh: &Shell, name: &str) -> bool {
    sh.vfs().lstat(&Cred::root(), format!("{WANTS}/{name}").as_bytes()).is_ok()
}

pub(super) fn state(sh: &Shell, name: &str) -> Option<State> {
    let alias = match name {
        "sshd.service" => "ssh.service",
        "syslog.service" => "rsyslog.service",
        "dbus-org.freedesktop.timesync1.service" => "systemd-timesyncd.service",
        other => other,
    };
    let boot = sh.machine.persona().boot;
    let changed = sh.live().units.get(alias).copied();
    let interface = sh.machine.persona().interface.clone();
    if let Some(unit) = UNITS.iter().find(|u| u.name == alias) {
        let processes: Vec<Process> =
            sh.look(|view| view.processes().into_iter().filter(|p| p.unit == alias).cloned().collect());
        let (active, since) = match changed {
            Some((active, since)) => (active, since),
            None => (!processes.is_empty(), processes.first().map_or(sh.visitor.at, |p| p.start)),
        };
        let override_enabled = sh.live().enabled.get(alias).copied();
        let enabled = match override_enabled {
            Some(true) => "enabled",
            Some(false) => "disabled",
            None => unit.enabled,
        };
        return Some(State {
            name: alias.to_owned(),
            about: unit.about.to_owned(),
            file: format!("/lib/systemd/system/{}", alias.replace("tty1", "")),
            enabled: enabled.to_owned(),
            active,
            exited: false,
            failed: changed.is_none() && processes.is_empty(),
            since,
            docs: unit.docs.iter().map(|d| (*d).to_owned()).collect(),
            processes,
        });
    }
    if let Some((_, about, enabled)) =
        DONE.iter().find(|(unit, _, _)| unit.replace("IFACE", &interface) == alias)
    {
        return Some(State {
            name: alias.to_owned(),
            about: about.replace("IFACE", &interface),
            file: format!("/lib/systemd/system/{alias}"),
            enabled: (*enabled).to_owned(),
            active: true,
            exited: true,
            failed: false,
            since: boot,
            docs: Vec::new(),
            processes: Vec::new(),
        });
    }
    let (path, text) = own_file(sh, alias)?;
    let value = |key: &str| {
        text.lines().find_map(|line| {
            line.trim().strip_prefix(key)?.trim_start().strip_prefix('=').map(|v| v.trim().to_owned())
        })
    };
    let (active, since) = changed.unwrap_or((false, sh.visitor.at));
    let enabled = if is_wanted(sh, alias) {
        "enabled"
    } else if text.contains("[Install]") {
        "disabled"
    } else {
        "static"
    };
    Some(State {
        name: alias.to_owned(),
        about: value("Description").unwrap_or_else(|| alias.to_owned()),
        file: path,
        enabled: enabled.to_owned(),
        active,
        exited: false,
        failed: false,
        since,
        docs: Vec::new(),
        processes: Vec::new(),
    })
}

pub(super) fn names(sh: &Shell) -> Vec<String> {
    let interface = sh.machine.persona().interface.clone();
    let mut all: Vec<String> = UNITS.iter().map(|u| u.name.to_owned()).collect();
    all.extend(DONE.iter().map(|(name, _, _)| name.replace("IFACE", &interface)));
    let own = sh.vfs().readdir(&Cred::root(), b"/etc/systemd/system").unwrap_or_default();
    all.extend(
        own.iter()
            .map(|(name, _)| show(name))
            .filter(|n| n.ends_with(".service") || n.ends_with(".timer"))
            .take(64),
    );
    all.sort();
    all.dedup();
    all
}
