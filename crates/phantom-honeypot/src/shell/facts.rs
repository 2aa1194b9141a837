//! What the machine tells about itself, computed from the persona and the clock so that all tellers agree.

use phantom_core::{Timestamp, micros};

use crate::Persona;
use crate::persona::Draw;

/// Packages that dpkg lists: name, version in Debian 12, description.
pub(crate) const PACKAGES: &[(&str, &str, &str)] = &[
    ("adduser", "3.134", "add and remove users and groups"),
    ("apt", "2.6.1", "commandline package manager"),
    ("base-files", "12.4+deb12u11", "Debian base system miscellaneous files"),
    ("bash", "5.2.15-2+b8", "GNU Bourne Again SHell"),
    ("coreutils", "9.1-1", "GNU core utilities"),
    ("cron", "3.0pl1-162", "process scheduling daemon"),
    ("curl", "7.88.1-10+deb12u12", "command line tool for transferring data with URL syntax"),
    ("dash", "0.5.12-2", "POSIX-compliant shell"),
    ("dpkg", "1.21.22", "Debian package management system"),
    ("grep", "3.8-5", "GNU grep, egrep and fgrep"),
    ("gzip", "1.12-1", "GNU compression utilities"),
    ("iproute2", "6.1.0-3", "networking and traffic control tools"),
    ("libc6", "2.36-9+deb12u10", "GNU C Library: Shared libraries"),
    ("mawk", "1.3.4.20200120-3.1", "Pattern scanning and text processing language"),
    ("nginx", "1.22.1-9+deb12u2", "small, powerful, scalable web/proxy server"),
    (
        "openssh-client",
        "1:9.2p1-2+deb12u10",
        "secure shell (SSH) client, for secure access to remote machines",
    ),
    (
        "openssh-server",
        "1:9.2p1-2+deb12u10",
        "secure shell (SSH) server, for secure access from remote machines",
    ),
    (
        "openssh-sftp-server",
        "1:9.2p1-2+deb12u10",
        "secure shell (SSH) sftp server module, for SFTP access from remote machines",
    ),
    ("openssl", "3.0.17-1~deb12u2", "Secure Sockets Layer toolkit - cryptographic utility"),
    ("perl", "5.36.0-7+deb12u2", "Larry Wall's Practical Extraction and Report Language"),
    ("python3", "3.11.2-1+b1", "interactive high-level object-oriented language"),
    ("sudo", "1.9.13p3-1+deb12u1", "Provide limited super user privileges to specific users"),
    ("systemd", "252.38-1~deb12u1", "system and service manager"),
    ("vsftpd", "3.0.3-13+b2", "lightweight, efficient FTP server written for security"),
    ("wget", "1.21.3-1+deb12u1", "retrieves files from the web"),
    ("debianutils", "5.7-0.5~deb12u1", "Miscellaneous utilities specific to Debian"),
    ("findutils", "4.9.0-4", "utilities for finding files--find, xargs"),
    ("hostname", "3.23+nmu1", "utility to set/show the host name or domain name"),
    ("mount", "2.38.1-5+deb12u3", "tools for mounting and manipulating filesystems"),
    ("ncurses-bin", "6.4-4", "terminal-related programs and man pages"),
    ("net-tools", "2.10-0.1+deb12u2", "NET-3 networking toolkit"),
    ("passwd", "1:4.13+dfsg1-1+deb12u1", "change and administer password and group data"),
    ("procps", "2:4.0.2-3", "/proc file system utilities"),
    ("util-linux", "2.38.1-5+deb12u3", "miscellaneous system utilities"),
];

pub(crate) fn hex(p: &Persona, label: &str, digits: usize) -> String {
    let mut text = Draw::new(&p.seed, label).hex(digits.div_ceil(2));
    text.truncate(digits);
    text
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Size and use of the root file system, in KiB.
pub(crate) fn disk(persona: &Persona) -> (u64, u64) {
    (persona.disk_kib, 1_900_000 + persona.disk_kib / 20)
}

/// `strftime` in UTC, of the conversions that Debian's tools use; unknown ones stay as they are.
pub(crate) fn strftime(at: Timestamp, format: &str) -> String {
    let seconds = at.as_second();
    let days = seconds.div_euclid(86_400);
    let (year, month, day) = civil(days);
    let of_day = seconds.rem_euclid(86_400);
    let (h, m, s) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let weekday = (days + 4).rem_euclid(7);
    let month_name = MONTHS.get(usize::try_from(month - 1).unwrap_or(0)).copied().unwrap_or("Jan");
    let day_name = DAYS.get(usize::try_from(weekday).unwrap_or(0)).copied().unwrap_or("Sun");
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out += &year.to_string(),
            Some('y') => out += &format!("{:02}", year.rem_euclid(100)),
            Some('m') => out += &format!("{month:02}"),
            Some('d') => out += &format!("{day:02}"),
            Some('e') => out += &format!("{day:2}"),
            Some('H') => out += &format!("{h:02}"),
            Some('I') => out += &format!("{:02}", (h + 11) % 12 + 1),
            Some('p') => out += if h < 12 { "AM" } else { "PM" },
            Some('M') => out += &format!("{m:02}"),
            Some('S') => out += &format!("{s:02}"),
            Some('b' | 'h') => out += month_name,
            Some('a') => out += day_name,
            Some('F') => out += &format!("{year}-{month:02}-{day:02}"),
            Some('T') => out += &format!("{h:02}:{m:02}:{s:02}"),
            Some('R') => out += &format!("{h:02}:{m:02}"),
            Some('D') => out += &format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100)),
            Some('s') => out += &seconds.to_string(),
            Some('N') => out += &format!("{:09}", micros(at).rem_euclid(1_000_000) * 1000),
            Some('j') => out += &format!("{:03}", days - days_of(year, 1, 1) + 1),
            Some('u') => out += &(if weekday == 0 { 7 } else { weekday }).to_string(),
            Some('w') => out += &weekday.to_string(),
            Some('Z') => out += "UTC",
            Some('z') => out += "+0000",
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('%') | None => out.push('%'),
            Some(other) => {
                out.push('%');
                out.push(other);
            }
        }
    }
    out
}

/// Year, month and day of a day number since 1970 (the proleptic Gregorian calendar).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let yoe = year.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

pub(crate) fn syslog_date(at: Timestamp) -> String {
    strftime(at, "%Y-%m-%dT%H:%M:%S.%N").chars().take(26).chain("+00:00".chars()).collect()
}

/// A number that changes smoothly with time and differs by installation and label.
fn drift(p: &Persona, label: &str, now: Timestamp, period: i64, span: u64) -> u64 {
    let slot = now.as_second().div_euclid(period);
    let part = now.as_second().rem_euclid(period).unsigned_abs();
    let at = |slot: i64| Draw::new(&p.seed, &format!("{label}{slot}")).unsigned(0, span.max(1));
    (at(slot) * (period.unsigned_abs() - part) + at(slot + 1) * part) / period.unsigned_abs().max(1)
}

/// The three load averages: small, as of a server with little to do, longer ones smoother.
pub(crate) fn load(p: &Persona, now: Timestamp) -> String {
    let of = |label, period, span| drift(p, label, now, period, span);
    let (a, b, c) = (of("load1", 60, 30), of("load5", 300, 22), of("load15", 900, 16));
    format!("0.{a:02} 0.{b:02} 0.{c:02}")
}

/// The latest process number: processes have come and gone since boot.
pub(crate) fn pid(p: &Persona, now: Timestamp) -> u32 {
    let up = (now.as_second() - p.boot.as_second()).max(0);
    1200 + u32::try_from(up / 7 % 4_000_000).unwrap_or(0)
}

/// Memory in KiB: total, free, available, buffers, cached.
pub(crate) fn memory(p: &Persona, now: Timestamp) -> (u64, u64, u64, u64, u64) {
    let total = p.memory_kib;
    let buffers = total / 60 + drift(p, "buffers", now, 3600, total / 400);
    let cached = total / 3 + drift(p, "cached", now, 1800, total / 40);
    let used = total / 9 + drift(p, "used", now, 120, total / 150);
    let free = total.saturating_sub(buffers + cached + used);
    (total, free, free + cached * 9 / 10, buffers, cached)
}

pub(crate) fn meminfo(p: &Persona, now: Timestamp) -> String {
    let (total, free, available, buffers, cached) = memory(p, now);
    [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", available),
        ("Buffers", buffers),
        ("Cached", cached),
        ("SwapCached", 0),
        ("Active", cached * 2 / 5 + buffers),
        ("Inactive", cached * 3 / 5),
        ("SwapTotal", 998_396),
        ("SwapFree", 998_396),
        ("Dirty", 84),
        ("Writeback", 0),
    ]
    .iter()
    .map(|(name, kib)| format!("{:<15} {kib:>8} kB\n", format!("{name}:")))
    .collect()
}

pub(crate) fn cpuinfo(p: &Persona) -> String {
    let vendor = if p.cpu_model.starts_with("AMD") { "AuthenticAMD" } else { "GenuineIntel" };
    let family = if vendor == "AuthenticAMD" { 23 } else { 6 };
    (0..p.cpus)
        .map(|n| {
            format!(
                "processor\t: {n}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 79\nmodel name\t: {}\nstepping\t: 1\ncpu MHz\t\t: {}.{:03}\ncache size\t: 16384 KB\nphysical id\t: {n}\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: {n}\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc rep_good nopl cpuid pni pclmulqdq ssse3 cx16 sse4_1 sse4_2 x2apic popcnt aes xsave avx hypervisor lahf_lm\nbogomips\t: {}.{:02}\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n",
                p.cpu_model, p.cpu_khz / 1000, p.cpu_khz % 1000, p.cpu_khz / 500, p.cpu_khz / 5 % 100
            )
        })
        .collect()
}

pub(crate) fn mounts() -> String {
    "sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\nudev /dev devtmpfs rw,nosuid,relatime,mode=755,inode64 0 0\ndevpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=000 0 0\ntmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,mode=755,inode64 0 0\n/dev/sda1 / ext4 rw,relatime,errors=remount-ro 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev,inode64 0 0\ntmpfs /run/lock tmpfs rw,nosuid,nodev,noexec,relatime,size=5120k,inode64 0 0\n".to_owned()
}

/// Bytes and packets received and sent since boot.
pub(crate) fn traffic(p: &Persona, now: Timestamp) -> (u64, u64, u64, u64) {
    let up = u64::try_from(now.as_second() - p.boot.as_second()).unwrap_or(0);
    let rate = Draw::new(&p.seed, "traffic").unsigned(300, 4000);
    let (rx, tx) = (up * rate, up * rate / 3);
    (rx, rx / 410, tx, tx / 380)
}

pub(crate) fn net_dev(p: &Persona, now: Timestamp) -> String {
    let (rx, rx_packets, tx, tx_packets) = traffic(p, now);
    format!(
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo:   18420     212    0    0    0     0          0         0    18420     212    0    0    0     0       0          0\n{:>6}: {rx} {rx_packets}    0    0    0     0          0         0 {tx} {tx_packets}    0    0    0     0       0          0\n",
        p.interface
    )
}
