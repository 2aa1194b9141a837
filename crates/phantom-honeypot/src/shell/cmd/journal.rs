//! The journal, and the programs of systemd that tell of host, time, logins and power.

use phantom_core::Timestamp;

use super::accounts::system_file;
use super::registry::{Row, bin, sbin};
use super::units::{UNITS, full};
use super::{Ctx, Need, has_flag, show};
use crate::machine::Process;
use crate::shell::Shell;
use crate::shell::facts::strftime;
use crate::vfs::Cred;

pub(super) const PROGRAMS: &[Row] = &[
    bin("hostnamectl", "systemd", 31_104, hostnamectl),
    sbin("init", "systemd-sysv", 0, init).linked("/lib/systemd/systemd"),
    bin("journalctl", "systemd", 76_432, journalctl),
    bin("loginctl", "systemd", 59_888, loginctl),
    sbin("halt", "systemd-sysv", 0, power).linked("/bin/systemctl"),
    sbin("poweroff", "systemd-sysv", 0, power).linked("/bin/systemctl"),
    sbin("reboot", "systemd-sysv", 0, power).linked("/bin/systemctl"),
    sbin("shutdown", "systemd-sysv", 0, power).linked("/bin/systemctl"),
    bin("timedatectl", "systemd", 43_384, timedatectl),
];

/// One line of the journal.
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) unit: String,
    pub(super) line: String,
}

/// What the machine logged: the kernel's start, the units', and this visit.
pub(super) fn journal(sh: &Shell) -> Vec<Entry> {
    let p = sh.machine.persona();
    let host = p.hostname.clone();
    let stamp = |at: Timestamp| strftime(at, "%b %d %T");
    let mut all: Vec<Entry> = super::kernel::kernel_log(p)
        .into_iter()
        .map(|(after, text)| {
            let at = phantom_core::from_micros(phantom_core::micros(p.boot) + after);
            Entry { at, unit: "kernel".to_owned(), line: format!("{} {host} kernel: {text}", stamp(at)) }
        })
        .collect();
    let processes: Vec<Process> = sh.look(|view| view.host.processes.clone());
    for unit in UNITS {
        let Some(main) = processes.iter().find(|p| p.unit == unit.name) else { continue };
        let line = |who: &str, text: &str| format!("{} {host} {who}: {text}", stamp(main.start));
        let mut push = |line: String| all.push(Entry { at: main.start, unit: unit.name.to_owned(), line });
        push(line("systemd[1]", &format!("Starting {} - {}...", unit.name, unit.about)));
        if unit.name == "ssh.service" {
            push(line(&format!("sshd[{}]", main.pid), "Server listening on 0.0.0.0 port 22."));
            push(line(&format!("sshd[{}]", main.pid), "Server listening on :: port 22."));
        }
        push(line("systemd[1]", &format!("Started {} - {}.", unit.name, unit.about)));
    }
    let visits: Vec<(String, std::net::SocketAddr, Timestamp, u32)> =
        sh.live().visits().iter().map(|v| (v.user.clone(), v.peer, v.at, v.sshd)).collect();
    for (user, peer, at, sshd) in visits {
        let from = peer.ip().to_canonical();
        let mut push = |text: String| {
            all.push(Entry {
                at,
                unit: "ssh.service".to_owned(),
                line: format!("{} {host} sshd[{sshd}]: {text}", stamp(at)),
            });
        };
        push(format!("Accepted password for {user} from {from} port {} ssh2", peer.port()));
        push(format!("pam_unix(sshd:session): session opened for user {user} by (uid=0)"));
    }
    all.sort_by_key(|e| e.at);
    all
}

fn journalctl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if ctx.sh.account.cred.uid != 0 && !ctx.sh.account.cred.in_group(4) {
        ctx.err.extend_from_slice(b"Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.\nNo journal files were opened due to insufficient permissions.\n");
        return Ok(1);
    }
    let after = |flag: &str, long: &str| {
        words.iter().enumerate().find_map(|(n, w)| {
            if w == flag {
                words.get(n + 1).cloned()
            } else {
                w.strip_prefix(long).map(str::to_owned).or_else(|| {
                    w.strip_prefix(flag).filter(|r| !r.is_empty() && !w.starts_with("--")).map(str::to_owned)
                })
            }
        })
    };
    let unit = after("-u", "--unit=")
        .map(|u| full(&u))
        .map(|u| if u == "sshd.service" { "ssh.service".to_owned() } else { u });
    let count = after("-n", "--lines=").and_then(|n| n.parse::<usize>().ok());
    let has = |flag: &str| words.iter().any(|w| w == flag);
    if has("--disk-usage") {
        ctx.print("Archived and active journals take up 24.0M in the file system.\n");
        return Ok(0);
    }
    if words.iter().any(|w| w.starts_with("--vacuum") || w == "--rotate" || w == "--flush" || w == "--sync") {
        if words.iter().any(|w| w.starts_with("--vacuum")) {
            let id = ctx.sh.machine.persona().machine_id.clone();
            ctx.err.extend_from_slice(format!("Vacuuming done, freed 0B of archived journals from /var/log/journal/{id}.\nVacuuming done, freed 0B of archived journals from /var/log/journal.\nVacuuming done, freed 0B of archived journals from /run/log/journal.\n").as_bytes());
        }
        return Ok(0);
    }
    let kernel = has("-k") || has("--dmesg");
    let mut lines: Vec<String> = journal(ctx.sh)
        .into_iter()
        .filter(|e| unit.as_ref().is_none_or(|u| *u == e.unit) && (!kernel || e.unit == "kernel"))
        .map(|e| e.line)
        .collect();
    let count = count
        .or_else(|| has("-e").then_some(1000))
        .or_else(|| (has("-f") || has("-n") || has("-xe")).then_some(if has("-xe") { 1000 } else { 10 }));
    if let Some(count) = count {
        lines.drain(..lines.len().saturating_sub(count));
    }
    if has("-r") || has("--reverse") {
        lines.reverse();
    }
    if lines.is_empty() {
        ctx.print("-- No entries --\n");
        return Ok(0);
    }
    ctx.print(&(lines.join("\n") + "\n"));
    Ok(0)
}

fn hostnamectl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona().clone();
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|w| !w.starts_with('-')).collect();
    match words.first().map(String::as_str) {
        Some("set-hostname" | "hostname") if words.len() > 1 => {
            if ctx.sh.account.cred.uid != 0 {
                ctx.err.extend_from_slice(
                    b"Could not set static hostname: Interactive authentication required.\n",
                );
                return Ok(1);
            }
            let name: String = words.get(1).map(|n| n.chars().take(64).collect()).unwrap_or_default();
            ctx.sh.live().hostname = Some(name.clone());
            let mut vfs = ctx.sh.vfs();
            // Like the daemon: the file is written where it can be.
            let _ = vfs
                .create(&Cred::root(), b"/etc/hostname", 0o644, true)
                .and_then(|ino| vfs.write(ino, Some(0), format!("{name}\n").as_bytes()));
            Ok(0)
        }
        Some("hostname") => {
            let name = ctx.sh.hostname();
            ctx.print(&format!("{name}\n"));
            Ok(0)
        }
        None | Some("status") => {
            let boot = system_file(ctx.sh, "/proc/sys/kernel/random/boot_id").replace(['-', '\n'], "");
            let name = ctx.sh.hostname();
            let text = format!(
                " Static hostname: {name}\n       Icon name: computer-vm\n         Chassis: vm 🖴\n      Machine ID: {}\n         Boot ID: {boot}\n  Virtualization: kvm\nOperating System: Debian GNU/Linux 12 (bookworm)  \n          Kernel: Linux {}\n    Architecture: x86-64\n Hardware Vendor: QEMU\n  Hardware Model: Standard PC _i440FX + PIIX, 1996_\nFirmware Version: rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org\n",
                p.machine_id, p.kernel_release
            );
            ctx.print(&text);
            Ok(0)
        }
        Some(other) => {
            ctx.err.extend_from_slice(format!("Unknown command verb {other}.\n").as_bytes());
            Ok(1)
        }
    }
}

fn timedatectl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|w| !w.starts_with('-')).collect();
    let now = ctx.sh.io.now();
    match words.first().map(String::as_str) {
        None | Some("status") => {
            let at = strftime(now, "%a %F %T");
            ctx.print(&format!("               Local time: {at} UTC\n           Universal time: {at} UTC\n                 RTC time: {at}\n                Time zone: Etc/UTC (UTC, +0000)\nSystem clock synchronized: yes\n              NTP service: active\n          RTC in local TZ: no\n"));
            Ok(0)
        }
        Some("show") => {
            ctx.print(&format!("Timezone=Etc/UTC\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=yes\nTimeUSec={}\nRTCTimeUSec={}\n", strftime(now, "%a %F %T UTC"), strftime(now, "%a %F %T UTC")));
            Ok(0)
        }
        Some("set-timezone" | "set-time" | "set-ntp" | "set-local-rtc") => {
            if ctx.sh.account.cred.uid != 0 {
                ctx.err.extend_from_slice(b"Failed to set time zone: Interactive authentication required.\n");
                return Ok(1);
            }
            Ok(0)
        }
        Some(other) => {
            ctx.err.extend_from_slice(format!("Unknown command verb {other}.\n").as_bytes());
            Ok(1)
        }
    }
}

fn loginctl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let rows: Vec<(u32, String, Option<u8>)> =
        ctx.sh.live().visits().iter().map(|v| (v.sshd % 900 + 3, v.user.clone(), v.tty)).collect();
    let mut text = "SESSION  UID USER SEAT TTY  \n".to_owned();
    for (session, user, tty) in &rows {
        let uid = super::accounts::account(ctx.sh, user).map_or(0, |a| a.cred.uid);
        text += &format!(
            "{session:>7} {uid:>4} {user}      {}\n",
            tty.map_or_else(String::new, |n| format!("pts/{n}"))
        );
    }
    text += &format!("\n{} sessions listed.\n", rows.len());
    ctx.print(&text);
    Ok(0)
}

/// reboot, poweroff, halt and shutdown: root's connection ends with the machine.
pub(super) fn power(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        let what = if ctx.name == "systemctl" { "reboot" } else { ctx.name.as_str() };
        let what = if what == "shutdown" { "poweroff" } else { what }.to_owned();
        ctx.err.extend_from_slice(format!("Failed to set wall message, ignoring: Interactive authentication required.\nFailed to {what} system via logind: Interactive authentication required.\nFailed to start {what}.target: Interactive authentication required.\nSee system logs and 'systemctl status {what}.target' for details.\n").as_bytes());
        return Ok(1);
    }
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if ctx.name == "shutdown" {
        let (flags, rest) = ctx.options(b"");
        if has_flag(&flags, b'c') {
            return Ok(0);
        }
        let when = rest.first().map(|w| show(w)).unwrap_or_else(|| "+1".to_owned());
        if when != "now" && when != "+0" {
            let minutes = when.trim_start_matches('+').parse::<i64>().unwrap_or(1).clamp(0, 100_000);
            let at = phantom_core::from_micros(phantom_core::micros(ctx.sh.io.now()) + minutes * 60_000_000);
            let what = if words.iter().any(|w| w == "-r") { "Reboot" } else { "Shutdown" };
            ctx.err.extend_from_slice(
                format!(
                    "{what} scheduled for {}, use 'shutdown -c' to cancel.\n",
                    strftime(at, "%a %F %T %Z")
                )
                .as_bytes(),
            );
            return Ok(0);
        }
    }
    ctx.sh.io.lock().hungup = true;
    Ok(0)
}

fn init(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    match ctx.args.first().map(|a| show(a)).as_deref() {
        Some("0" | "6") => power(ctx),
        Some("1" | "2" | "3" | "4" | "5" | "q" | "u") if ctx.sh.account.cred.uid == 0 => Ok(0),
        _ => {
            ctx.err.extend_from_slice(b"Couldn't find an alternative telinit implementation to spawn.\n");
            Ok(1)
        }
    }
}
