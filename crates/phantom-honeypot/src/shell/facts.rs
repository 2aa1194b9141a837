//! What the machine tells about itself, computed from the persona and the clock so that all tellers agree.

use phantom_core::{Timestamp, micros};

use crate::Persona;
use crate::persona::Draw;

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
pub(crate) fn drift(p: &Persona, label: &str, now: Timestamp, period: i64, span: u64) -> u64 {
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

/// Family, model and stepping of the processors that personas have.
pub(crate) fn cpu_kind(p: &Persona) -> (u32, u32, u32) {
    match p.cpu_model.as_str() {
        name if name.contains("EPYC 75") => (25, 1, 1),
        name if name.starts_with("AMD") => (23, 49, 0),
        name if name.contains(" v4") => (6, 79, 1),
        name if name.contains(" v3") => (6, 63, 2),
        _ => (6, 85, 7),
    }
}

pub(crate) fn cpuinfo(p: &Persona) -> String {
    let vendor = if p.cpu_model.starts_with("AMD") { "AuthenticAMD" } else { "GenuineIntel" };
    let (family, model, stepping) = cpu_kind(p);
    (0..p.cpus)
        .map(|n| {
            format!(
                "processor\t: {n}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {}\nstepping\t: {stepping}\ncpu MHz\t\t: {}.{:03}\ncache size\t: 16384 KB\nphysical id\t: {n}\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: {n}\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc rep_good nopl cpuid pni pclmulqdq ssse3 cx16 sse4_1 sse4_2 x2apic popcnt aes xsave avx hypervisor lahf_lm\nbogomips\t: {}.{:02}\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n",
                p.cpu_model, p.cpu_khz / 1000, p.cpu_khz % 1000, p.cpu_khz / 500, p.cpu_khz / 5 % 100
            )
        })
        .collect()
}

/// Name of the root file system, as /etc/fstab, /proc/cmdline and blkid have it.
pub(crate) fn root_uuid(p: &Persona) -> String {
    let part = |label, digits| hex(p, label, digits);
    format!(
        "{}-{}-4{}-a{}-{}",
        part("fs", 8),
        part("fs1", 4),
        part("fs2", 3),
        part("fs3", 3),
        part("fs4", 12)
    )
}
