//! The texts of /proc and /sys (proc(5), sysfs(5)), laid out as Linux 6.1 lays them out.

use std::fmt::Write as _;

use phantom_core::micros;

use super::net::links::{self, LOOPBACK, OUTSIDE, Route};
use super::net::{self, Transport};
use super::storage::SWAP_KIB;
use super::{Process, View, modules};
use crate::Persona;
use crate::persona::Draw;
use crate::shell::facts;

/// Makes the text of a file.
type Make = fn(&View<'_>) -> String;

/// Files of the machine: path, permission bits, text.
pub(super) const FILES: &[(&str, u32, Make)] = &[
    ("/proc/buddyinfo", 0o400, |_| {
        "Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      2 \n".to_owned()
    }),
    ("/proc/cmdline", 0o444, |v| {
        format!(
            "BOOT_IMAGE=/boot/vmlinuz-{} root=UUID={} ro quiet\n",
            v.persona().kernel_release,
            facts::root_uuid(v.persona())
        )
    }),
    ("/proc/consoles", 0o444, |_| "tty0                 -WU (EC p  )    4:1\n".to_owned()),
    ("/proc/cpuinfo", 0o444, |v| facts::cpuinfo(v.persona())),
    ("/proc/devices", 0o444, |_| DEVICES.to_owned()),
    ("/proc/diskstats", 0o444, disk_stats),
    ("/proc/filesystems", 0o444, |_| FILESYSTEMS.to_owned()),
    ("/proc/loadavg", 0o444, |v| {
        let all = v.processes();
        let running = all.iter().filter(|p| p.state == 'R').count().max(1);
        let threads: u32 = all.iter().map(|p| p.threads).sum();
        let newest = all.iter().map(|p| p.pid).max().unwrap_or(1).max(facts::pid(v.persona(), v.now));
        format!("{} {running}/{threads} {newest}\n", facts::load(v.persona(), v.now))
    }),
    ("/proc/kmsg", 0o400, |_| String::new()),
    ("/proc/kcore", 0o400, |_| String::new()),
    ("/proc/meminfo", 0o444, meminfo),
    ("/proc/modules", 0o444, |_| modules::table()),
    ("/proc/partitions", 0o444, partitions),
    ("/proc/stat", 0o444, stat),
    ("/proc/swaps", 0o444, |_| {
        format!(
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda5                               partition\t{SWAP_KIB}\t\t0\t\t-2\n"
        )
    }),
    ("/proc/sys/kernel/hostname", 0o644, |v| format!("{}\n", v.hostname())),
    ("/proc/sys/kernel/random/uuid", 0o444, |v| {
        let hex = facts::hex(v.persona(), &format!("uuid{}", micros(v.now)), 32);
        let part = |a, b| hex.get(a..b).unwrap_or("").to_owned();
        format!("{}-{}-4{}-a{}-{}\n", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }),
    ("/proc/sysrq-trigger", 0o200, |_| String::new()),
    ("/proc/uptime", 0o444, |v| {
        let up = (micros(v.now) - micros(v.persona().boot)).max(0) / 10_000;
        let idle = up * i64::from(v.persona().cpus) * 97 / 100;
        format!("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100)
    }),
    ("/proc/version", 0o444, |v| {
        let p = v.persona();
        format!(
            "Linux version {} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) {}\n",
            p.kernel_release, p.kernel_version
        )
    }),
    ("/proc/vmstat", 0o444, |v| {
        let m = v.memory();
        format!(
            "nr_free_pages {}\nnr_zone_inactive_anon {}\nnr_file_pages {}\npgpgin {}\npgpgout {}\npswpin 0\npswpout 0\n",
            m.free / 4,
            m.used() / 9,
            (m.cached + m.buffers) / 4,
            v.uptime() * 2 + 400_000,
            v.uptime() * 9
        )
    }),
    ("/sys/class/net/lo/address", 0o444, |_| "00:00:00:00:00:00\n".to_owned()),
    ("/sys/class/net/lo/operstate", 0o444, |_| "unknown\n".to_owned()),
    ("/sys/kernel/mm/transparent_hugepage/enabled", 0o644, |_| "[always] madvise never\n".to_owned()),
    ("/sys/module/tcp_bbr/version", 0o444, |_| String::new()),
];

const DEVICES: &str = "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n  7 vcs\n 10 misc\n 13 input\n128 ptm\n136 pts\n\nBlock devices:\n  8 sd\n 11 sr\n253 device-mapper\n254 mdp\n259 blkext\n";
const FILESYSTEMS: &str = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tbdev\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\nnodev\tcpuset\nnodev\tdevtmpfs\nnodev\tdebugfs\nnodev\ttracefs\nnodev\tsecurityfs\nnodev\tsockfs\nnodev\tbpf\nnodev\tpipefs\nnodev\tramfs\nnodev\thugetlbfs\nnodev\tdevpts\nnodev\tmqueue\nnodev\tpstore\nnodev\tautofs\nnodev\tconfigfs\n\text3\n\text2\n\text4\n\tfuseblk\nnodev\tfuse\nnodev\tfusectl\nnodev\tbinfmt_misc\n";

/// Files whose text never changes: settings of the kernel, identity of the hardware.
pub(super) fn fixed(p: &Persona) -> Vec<(String, u32, String)> {
    let uuid = {
        let h = facts::hex(p, "dmi", 32);
        let part = |a, b| h.get(a..b).unwrap_or("").to_owned();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    };
    let mut all: Vec<(String, u32, String)> = [
        ("fs/file-max", 0o644, "9223372036854775807"),
        ("fs/nr_open", 0o644, "1048576"),
        ("fs/protected_symlinks", 0o600, "1"),
        ("fs/suid_dumpable", 0o644, "0"),
        ("kernel/core_pattern", 0o644, "core"),
        ("kernel/dmesg_restrict", 0o644, "1"),
        ("kernel/kptr_restrict", 0o644, "0"),
        ("kernel/modules_disabled", 0o644, "0"),
        ("kernel/nmi_watchdog", 0o644, "0"),
        ("kernel/osrelease", 0o444, &p.kernel_release),
        ("kernel/ostype", 0o444, "Linux"),
        ("kernel/panic", 0o644, "0"),
        ("kernel/perf_event_paranoid", 0o644, "3"),
        ("kernel/pid_max", 0o644, "4194304"),
        ("kernel/randomize_va_space", 0o644, "2"),
        ("kernel/unprivileged_bpf_disabled", 0o644, "2"),
        ("kernel/unprivileged_userns_clone", 0o644, "1"),
        ("kernel/version", 0o444, &p.kernel_version),
        ("kernel/yama/ptrace_scope", 0o644, "0"),
        ("net/core/rmem_max", 0o644, "212992"),
        ("net/core/somaxconn", 0o644, "4096"),
        ("net/core/wmem_max", 0o644, "212992"),
        ("net/ipv4/conf/all/rp_filter", 0o644, "0"),
        ("net/ipv4/icmp_echo_ignore_all", 0o644, "0"),
        ("net/ipv4/ip_forward", 0o644, "0"),
        ("net/ipv4/ip_local_port_range", 0o644, "32768\t60999"),
        ("net/ipv4/tcp_congestion_control", 0o644, "cubic"),
        ("net/ipv4/tcp_fin_timeout", 0o644, "60"),
        ("net/ipv4/tcp_syncookies", 0o644, "1"),
        ("net/ipv4/tcp_tw_reuse", 0o644, "2"),
        ("net/ipv6/conf/all/disable_ipv6", 0o644, "0"),
        ("net/ipv6/conf/all/forwarding", 0o644, "0"),
        ("vm/drop_caches", 0o200, ""),
        ("vm/max_map_count", 0o644, "65530"),
        ("vm/nr_hugepages", 0o644, "0"),
        ("vm/overcommit_memory", 0o644, "0"),
        ("vm/swappiness", 0o644, "60"),
    ]
    .iter()
    .map(|(path, mode, value)| (format!("/proc/sys/{path}"), *mode, format!("{value}\n")))
    .collect();
    let boot_id = facts::hex(p, &format!("boot{}", micros(p.boot)), 32);
    all.push((
        "/proc/sys/kernel/random/boot_id".to_owned(),
        0o444,
        format!(
            "{}-{}-4{}-b{}-{}\n",
            boot_id.get(0..8).unwrap_or(""),
            boot_id.get(8..12).unwrap_or(""),
            boot_id.get(13..16).unwrap_or(""),
            boot_id.get(17..20).unwrap_or(""),
            boot_id.get(20..32).unwrap_or("")
        ),
    ));
    for (name, mode, value) in [
        ("bios_date", 0o444, "04/01/2014"),
        ("bios_vendor", 0o444, "SeaBIOS"),
        ("bios_version", 0o444, "rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org"),
        ("chassis_vendor", 0o444, "QEMU"),
        ("product_name", 0o444, "Standard PC (i440FX + PIIX, 1996)"),
        ("product_uuid", 0o400, &uuid),
        ("product_version", 0o444, "pc-i440fx-9.0"),
        ("sys_vendor", 0o444, "QEMU"),
    ] {
        all.push((format!("/sys/class/dmi/id/{name}"), mode, format!("{value}\n")));
    }
    for (name, value) in
        [("address", p.mac.as_str()), ("mtu", "1500"), ("operstate", "up"), ("carrier", "1"), ("type", "1")]
    {
        all.push((format!("/sys/class/net/{}/{name}", p.interface), 0o444, format!("{value}\n")));
    }
    for cpu in 0..p.cpus {
        all.push((format!("/sys/devices/system/cpu/cpu{cpu}/topology/core_id"), 0o444, "0\n".to_owned()));
    }
    let range = if p.cpus == 1 { "0\n".to_owned() } else { format!("0-{}\n", p.cpus - 1) };
    for name in ["online", "present", "possible"] {
        all.push((format!("/sys/devices/system/cpu/{name}"), 0o444, range.clone()));
    }
    all.push(("/sys/block/sda/size".to_owned(), 0o444, format!("{}\n", disk_blocks(p) * 2)));
    all.push(("/sys/block/sda/queue/rotational".to_owned(), 0o444, "1\n".to_owned()));
    all
}

/// Size of the disk in KiB: the root partition, the swap and what the partition table takes.
pub(crate) fn disk_blocks(p: &Persona) -> u64 {
    (p.disk_kib + SWAP_KIB + 900_000).div_ceil(1_048_576) * 1_048_576
}

fn partitions(v: &View<'_>) -> String {
    let disk = disk_blocks(v.persona());
    format!(
        "major minor  #blocks  name\n\n   8        0 {disk:>10} sda\n   8        1 {:>10} sda1\n   8        2          1 sda2\n   8        5 {:>10} sda5\n  11        0    1048575 sr0\n",
        disk - SWAP_KIB - 2052,
        SWAP_KIB + 4
    )
}

fn disk_stats(v: &View<'_>) -> String {
    let (up, reads) = (v.uptime(), 14_000);
    let writes = up / 3;
    format!(
        "   8       0 sda {reads} 4210 890412 5120 {writes} {} {} {} 0 {} {} 0 0 0 0 0 0\n   8       1 sda1 {} 4205 884120 5090 {writes} {} {} {} 0 {} {} 0 0 0 0 0 0\n",
        writes / 2,
        writes * 14,
        writes / 2,
        up / 4,
        up / 2,
        reads - 120,
        writes / 2,
        writes * 14,
        writes / 2,
        up / 4,
        up / 2
    )
}

fn meminfo(v: &View<'_>) -> String {
    let m = v.memory();
    let anon = m.used() / 2;
    let file = m.cached + m.buffers - m.shared;
    let active = file * 2 / 5 / 4 * 4;
    [
        ("MemTotal", m.total),
        ("MemFree", m.free),
        ("MemAvailable", m.available),
        ("Buffers", m.buffers),
        ("Cached", m.cached),
        ("SwapCached", 0),
        ("Active", active + 1_208),
        ("Inactive", file - active + anon),
        ("Active(anon)", 1_208),
        ("Inactive(anon)", anon),
        ("Active(file)", active),
        ("Inactive(file)", file - active),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", m.swap),
        ("SwapFree", m.swap),
        ("Zswap", 0),
        ("Zswapped", 0),
        ("Dirty", 84),
        ("Writeback", 0),
        ("AnonPages", anon),
        ("Mapped", m.cached / 6 / 4 * 4),
        ("Shmem", m.shared),
        ("KReclaimable", m.reclaimable),
        ("Slab", m.reclaimable + 32_840),
        ("SReclaimable", m.reclaimable),
        ("SUnreclaim", 32_840),
        ("KernelStack", 2_192),
        ("PageTables", 2_480),
        ("SecPageTables", 0),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", m.total / 2 + m.swap),
        ("Committed_AS", anon * 3),
        ("VmallocTotal", 34_359_738_367),
        ("VmallocUsed", 15_876),
        ("VmallocChunk", 0),
        ("Percpu", 1_140),
        ("HardwareCorrupted", 0),
        ("AnonHugePages", 0),
        ("ShmemHugePages", 0),
        ("ShmemPmdMapped", 0),
        ("FileHugePages", 0),
        ("FilePmdMapped", 0),
        ("HugePages_Total", u64::MAX),
        ("HugePages_Free", u64::MAX),
        ("HugePages_Rsvd", u64::MAX),
        ("HugePages_Surp", u64::MAX),
        ("Hugepagesize", 2048),
        ("Hugetlb", 0),
        ("DirectMap4k", 96_120),
        ("DirectMap2M", m.total / 2048 * 2048),
    ]
    .iter()
    .map(|(name, kib)| match *kib {
        // These count pages and have no unit.
        u64::MAX => format!("{:<15} {:>8}\n", format!("{name}:"), 0),
        kib => format!("{:<15} {kib:>8} kB\n", format!("{name}:")),
    })
    .collect()
}

/// Ticks of all processors together: user, nice, system, idle, iowait, irq, softirq, steal.
pub(crate) fn cpu_ticks(v: &View<'_>) -> [u64; 8] {
    let whole = v.uptime() * 100 * u64::from(v.persona().cpus);
    let (user, system, wait, soft, steal) =
        (whole / 180, whole / 240, whole / 2600, whole / 8000, whole / 4000);
    let nice = whole / 30_000;
    [user, nice, system, whole - user - nice - system - wait - soft - steal, wait, 0, soft, steal]
}

fn stat(v: &View<'_>) -> String {
    let all = cpu_ticks(v);
    let cpus = u64::from(v.persona().cpus).max(1);
    let mut text = String::new();
    let line = |ticks: [u64; 8]| ticks.map(|t| t.to_string()).join(" ") + " 0 0\n";
    let _ = write!(text, "cpu  {}", line(all));
    for cpu in 0..cpus {
        let _ = write!(text, "cpu{cpu} {}", line(all.map(|t| t / cpus + u64::from(cpu < t % cpus))));
    }
    let up = v.uptime();
    let newest = v.processes().iter().map(|p| p.pid).max().unwrap_or(1);
    let _ = write!(
        text,
        "intr {} 0 9 0 0 0 0 0 0 0 0 0 0 144 0 0 0\nctxt {}\nbtime {}\nprocesses {newest}\nprocs_running 1\nprocs_blocked 0\nsoftirq {} 0 {} 12 {} {} 0 41 {} 0 {}\n",
        up * 61,
        up * 118,
        v.persona().boot.as_second(),
        up * 42,
        up * 11,
        up * 3,
        up / 9,
        up * 15,
        up * 12
    );
    text
}

pub(super) fn mounts(v: &View<'_>) -> String {
    v.mounts().iter().map(|m| format!("{} {} {} {} 0 0\n", m.source, m.on, m.kind, m.options)).collect()
}

pub(super) fn mount_info(v: &View<'_>) -> String {
    let mut text = String::new();
    for (n, m) in v.mounts().iter().enumerate() {
        let parent = if m.on == "/" { 1 } else { 28 };
        let device = if m.on == "/" { "8:1".to_owned() } else { format!("0:{}", n + 19) };
        let of_mount = |o: &&str| matches!(*o, "nosuid" | "nodev" | "noexec" | "relatime");
        let own: Vec<&str> = m.options.split(',').filter(|o| *o == "rw" || of_mount(o)).collect();
        let rest: Vec<&str> = m.options.split(',').filter(|o| !of_mount(o)).collect();
        let _ = writeln!(
            text,
            "{} {parent} {device} / {} {} shared:{} - {} {} {}",
            n + 23,
            m.on,
            own.join(","),
            n + 1,
            m.kind,
            m.source,
            rest.join(",")
        );
    }
    text
}

pub(super) fn cgroup(p: &Process) -> Vec<u8> {
    let path = match p.unit.as_str() {
        "" => "/".to_owned(),
        "init.scope" => "/init.scope".to_owned(),
        unit if unit.starts_with("session-") => format!("/user.slice/user-{}.slice/{unit}", p.uid),
        unit if unit.starts_with("user@") => format!("/user.slice/user-{}.slice/{unit}/init.scope", p.uid),
        unit if unit.starts_with("getty@") => format!("/system.slice/system-getty.slice/{unit}"),
        unit if unit.starts_with("ifup@") => "/system.slice/networking.service".to_owned(),
        unit => format!("/system.slice/{unit}"),
    };
    format!("0::{path}\n").into_bytes()
}

pub(super) fn login_uid(p: &Process) -> String {
    if p.unit.starts_with("session-") || p.unit.starts_with("user@") {
        p.uid.to_string()
    } else {
        u32::MAX.to_string()
    }
}

pub(super) fn limits(v: &View<'_>) -> String {
    // The kernel allows a thread for each 128 KiB of memory, and a user half of them.
    let processes = (v.persona().memory_kib / 256).to_string();
    let locked = (v.persona().memory_kib * 128).to_string();
    let none = "unlimited";
    let mut text = format!("{:<26}{:<21}{:<21}{:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (name, soft, hard, unit) in [
        ("Max cpu time", none, none, "seconds"),
        ("Max file size", none, none, "bytes"),
        ("Max data size", none, none, "bytes"),
        ("Max stack size", "8388608", none, "bytes"),
        ("Max core file size", "0", none, "bytes"),
        ("Max resident set", none, none, "bytes"),
        ("Max processes", &processes, &processes, "processes"),
        ("Max open files", "1024", "1048576", "files"),
        ("Max locked memory", &locked, &locked, "bytes"),
        ("Max address space", none, none, "bytes"),
        ("Max file locks", none, none, "locks"),
        ("Max pending signals", &processes, &processes, "signals"),
        ("Max msgqueue size", "819200", "819200", "bytes"),
        ("Max nice priority", "0", "0", ""),
        ("Max realtime priority", "0", "0", ""),
        ("Max realtime timeout", none, none, "us"),
    ] {
        let _ = writeln!(text, "{name:<26}{soft:<21}{hard:<21}{unit:<10}");
    }
    text
}

pub(super) fn maps(p: &Process) -> String {
    if p.is_kernel() {
        return String::new();
    }
    let mut draw = Draw::new(&[0; 32], &format!("maps{}{}", p.pid, p.exe));
    let at = 0x5500_0000_0000 + draw.unsigned(0, 0xff_ffff) * 0x1000;
    let heap = at + 0x2_0000 + draw.unsigned(0, 0xffff) * 0x1000;
    let libc = 0x7f00_0000_0000 + draw.unsigned(0, 0xff_ffff) * 0x1000;
    let stack = 0x7ffc_0000_0000 + draw.unsigned(0, 0xf_ffff) * 0x1000;
    let inode = draw.unsigned(130_000, 400_000);
    let row = |from: u64, to: u64, mode: &str, offset: u64, inode: u64, name: &str| {
        let head = format!(
            "{from:x}-{to:x} {mode} {offset:08x} {} {inode} ",
            if inode == 0 { "00:00" } else { "08:01" }
        );
        if name.is_empty() { format!("{head}\n") } else { format!("{head:<73}{name}\n") }
    };
    let c = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    [
        row(at, at + 0x2000, "r--p", 0, inode, &p.exe),
        row(at + 0x2000, at + 0x8000, "r-xp", 0x2000, inode, &p.exe),
        row(at + 0x8000, at + 0xb000, "r--p", 0x8000, inode, &p.exe),
        row(at + 0xb000, at + 0xc000, "r--p", 0xa000, inode, &p.exe),
        row(at + 0xc000, at + 0xd000, "rw-p", 0xb000, inode, &p.exe),
        row(heap, heap + 0x21000, "rw-p", 0, 0, "[heap]"),
        row(libc, libc + 0x26000, "r--p", 0, inode + 4211, c),
        row(libc + 0x26000, libc + 0x17b000, "r-xp", 0x26000, inode + 4211, c),
        row(libc + 0x17b000, libc + 0x1ce000, "r--p", 0x17b000, inode + 4211, c),
        row(libc + 0x1ce000, libc + 0x1d2000, "r--p", 0x1ce000, inode + 4211, c),
        row(libc + 0x1d2000, libc + 0x1d4000, "rw-p", 0x1d2000, inode + 4211, c),
        row(libc + 0x1d4000, libc + 0x1e1000, "rw-p", 0, 0, ""),
        row(stack, stack + 0x21000, "rw-p", 0, 0, "[stack]"),
        row(stack + 0x9e000, stack + 0xa2000, "r--p", 0, 0, "[vvar]"),
        row(stack + 0xa2000, stack + 0xa4000, "r-xp", 0, 0, "[vdso]"),
    ]
    .concat()
}

pub(super) fn stat_of(v: &View<'_>, p: &Process) -> String {
    let ticks = p.ticks(v.now);
    let start = (micros(p.start) - micros(v.persona().boot)).max(0) / 10_000;
    let (group, session, tty) = if p.is_kernel() { (0, 0, 0) } else { (p.pid, p.sid, p.tty.number()) };
    let leader = if tty == 0 { -1 } else { i64::from(p.pid) };
    let flags = if p.is_kernel() { 69_238_880 } else { 4_194_560 };
    format!(
        "{} ({}) {} {} {group} {session} {tty} {leader} {flags} {} 0 0 0 {} {} 0 0 {} {} {} 0 {start} {} {} 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        p.pid,
        p.comm,
        p.state,
        p.ppid,
        p.rss_kib / 3,
        ticks / 2,
        ticks - ticks / 2,
        20 + i32::from(p.nice),
        p.nice,
        p.threads,
        p.vsz_kib * 1024,
        p.rss_kib / 4
    )
}

pub(super) fn statm(p: &Process) -> String {
    let (size, rss) = (p.vsz_kib / 4, p.rss_kib / 4);
    format!("{size} {rss} {} {} 0 {} 0\n", rss * 3 / 4, rss / 6, size / 8)
}

pub(super) fn status(v: &View<'_>, p: &Process) -> String {
    let state = match p.state {
        'R' => "R (running)",
        'I' => "I (idle)",
        _ => "S (sleeping)",
    };
    let caps = if p.uid == 0 { "000001ffffffffff" } else { "0000000000000000" };
    let mut text = format!(
        "Name:\t{}\nUmask:\t{}\nState:\t{state}\nTgid:\t{2}\nNgid:\t0\nPid:\t{2}\nPPid:\t{3}\nTracerPid:\t0\nUid:\t{4}\t{4}\t{4}\t{4}\nGid:\t{5}\t{5}\t{5}\t{5}\nFDSize:\t{6}\nGroups:\t{7} \nNStgid:\t{2}\nNSpid:\t{2}\nNSpgid:\t{2}\nNSsid:\t{8}\n",
        p.comm,
        if p.pid == 1 { "0000" } else { "0022" },
        p.pid,
        p.ppid,
        p.uid,
        p.gid,
        if p.is_kernel() { 64 } else { 256 },
        if p.uid == 0 && p.unit.starts_with("session") { "0" } else { "" },
        p.sid
    );
    if !p.is_kernel() {
        let (size, rss) = (p.vsz_kib, p.rss_kib);
        for (name, kib) in [
            ("VmPeak", size + 64),
            ("VmSize", size),
            ("VmLck", 0),
            ("VmPin", 0),
            ("VmHWM", rss),
            ("VmRSS", rss),
            ("RssAnon", rss / 4),
            ("RssFile", rss - rss / 4),
            ("RssShmem", 0),
            ("VmData", size / 8),
            ("VmStk", 132),
            ("VmExe", 216),
            ("VmLib", 1_764),
            ("VmPTE", 52),
            ("VmSwap", 0),
            ("HugetlbPages", 0),
        ] {
            let _ = writeln!(text, "{name}:\t{kib:>8} kB");
        }
        text += "CoreDumping:\t0\nTHP_enabled:\t1\n";
    }
    let cpus = v.persona().cpus;
    let _ = write!(
        text,
        "Threads:\t{}\nSigQ:\t0/{}\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\nCapInh:\t0000000000000000\nCapPrm:\t{caps}\nCapEff:\t{caps}\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\tconditional enabled\nCpus_allowed:\t{:x}\nCpus_allowed_list:\t{}\nMems_allowed:\t00000000,00000001\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
        p.threads,
        v.persona().memory_kib / 256,
        (1u64 << cpus.min(63)) - 1,
        if cpus == 1 { "0".to_owned() } else { format!("0-{}", cpus - 1) },
        p.ticks(v.now) * 3 + 21,
        p.ticks(v.now) / 5 + 2
    );
    text
}

pub(super) fn arp(v: &View<'_>) -> String {
    let p = v.persona();
    format!(
        "IP address       HW type     Flags       HW address            Mask     Device\n{:<17}0x1         0x2         {}     *        {}\n",
        p.gateway.to_string(),
        net::gateway_mac(p),
        p.interface
    )
}

pub(super) fn net_dev(v: &View<'_>) -> String {
    let row = |link: u32| {
        let [rx, rxp, tx, txp] = net::counters(v, link);
        format!(
            "{:>6}: {rx:>7} {rxp:>7}    0    0    0     0          0         0 {tx:>8} {txp:>7}    0    0    0     0       0          0\n",
            v.link_name(link)
        )
    };
    format!(
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n{}{}",
        row(LOOPBACK),
        row(OUTSIDE)
    )
}

pub(super) fn if_inet6(p: &Persona) -> String {
    let own: String = net::link_local(p).octets().iter().map(|b| format!("{b:02x}")).collect();
    format!("00000000000000000000000000000001 01 80 10 80       lo\n{own} 02 40 20 80 {:>8}\n", p.interface)
}

pub(super) fn route(v: &View<'_>) -> String {
    let hex =
        |ip: std::net::Ipv4Addr| -> String { ip.octets().iter().rev().map(|b| format!("{b:02X}")).collect() };
    let none = std::net::Ipv4Addr::UNSPECIFIED;
    let row = |route: &Route| {
        // Up, by a gateway, one host only, refused (route(8)).
        let flags = u32::from(route.link.is_some())
            | u32::from(route.via.is_some()) << 1
            | u32::from(route.to.1 == 32) << 2
            | u32::from(route.link.is_none()) << 9;
        let line = format!(
            "{}\t{}\t{}\t{flags:04X}\t0\t0\t0\t{}\t0\t0\t0",
            route.link.map_or("*", |link| v.link_name(link)),
            hex(route.to.0),
            hex(route.via.unwrap_or(none)),
            hex(links::mask(route.to.1))
        );
        format!("{line:<127}\n")
    };
    let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
    format!("{head:<127}\n") + &v.routes().iter().map(row).collect::<String>()
}

pub(super) fn table(v: &View<'_>, name: &str) -> String {
    let transport = if name.starts_with("udp") { Transport::Udp } else { Transport::Tcp };
    net::table(v, transport, name.ends_with('6'))
}
