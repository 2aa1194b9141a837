//! Programs that tell about processors, memory, disks and modules.

use super::registry::{Row, bin, sbin, suid};
use super::{Ctx, Need, files, has_flag, show};
use crate::Persona;
use crate::machine::{MODULES, MOUNTS, SWAP_KIB, cpu_ticks, disk_blocks};
use crate::shell::facts;

pub(super) const PROGRAMS: &[Row] = &[
    sbin("blkid", "util-linux", 125_280, blkid),
    bin("df", "coreutils", 102_200, df),
    bin("dmesg", "util-linux", 88_656, dmesg),
    sbin("dmidecode", "dmidecode", 130_216, dmidecode),
    bin("findmnt", "util-linux", 85_600, findmnt),
    bin("free", "procps", 26_936, free),
    bin("kmod", "kmod", 174_424, kmod),
    bin("lsblk", "util-linux", 207_168, lsblk),
    bin("lscpu", "util-linux", 129_344, lscpu),
    bin("lsmod", "kmod", 0, lsmod).linked("kmod"),
    bin("lspci", "pciutils", 106_536, lspci),
    suid("mount", "mount", 59_704, mount),
    bin("nproc", "coreutils", 43_920, nproc),
    sbin("swapoff", "mount", 22_840, swapoff),
    sbin("swapon", "mount", 51_512, swapon),
    sbin("sysctl", "procps", 31_040, sysctl),
    bin("systemd-detect-virt", "systemd", 18_808, detect_virt),
    suid("umount", "mount", 35_128, umount),
    bin("vmstat", "procps", 35_552, vmstat),
    sbin("modprobe", "kmod", 0, modprobe).linked("/bin/kmod"),
    sbin("insmod", "kmod", 0, modprobe).linked("/bin/kmod"),
    sbin("rmmod", "kmod", 0, modprobe).linked("/bin/kmod"),
];

fn free(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"sc");
    let long = |name: &[u8]| ctx.args.iter().any(|a| a == name);
    let flag = |letter| has_flag(&flags, letter);
    let memory = ctx.sh.look(|view| view.memory());
    let cell = |kib: u64| {
        if flag(b'h') || long(b"--human") {
            scaled(kib)
        } else if flag(b'b') || long(b"--bytes") {
            (kib * 1024).to_string()
        } else if flag(b'm') || long(b"--mebi") {
            (kib / 1024).to_string()
        } else if flag(b'g') || long(b"--gibi") {
            (kib / 1_048_576).to_string()
        } else {
            kib.to_string()
        }
    };
    let row = |name: &str, cells: &[u64]| {
        format!(
            "{name:<8}{}\n",
            cells.iter().map(|c| format!("{:>12}", cell(*c))).collect::<Vec<_>>().concat()
        )
    };
    let m = memory;
    let mut text = if flag(b'w') {
        format!(
            "{:<8}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n",
            "", "total", "used", "free", "shared", "buffers", "cache", "available"
        ) + &row(
            "Mem:",
            &[m.total, m.used(), m.free, m.shared, m.buffers, m.cached + m.reclaimable, m.available],
        )
    } else {
        format!(
            "{:<8}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n",
            "", "total", "used", "free", "shared", "buff/cache", "available"
        ) + &row("Mem:", &[m.total, m.used(), m.free, m.shared, m.buff_cache(), m.available])
    };
    text += &row("Swap:", &[m.swap, 0, m.swap]);
    if flag(b't') {
        text += &row("Total:", &[m.total + m.swap, m.used(), m.free + m.swap]);
    }
    ctx.print(&text);
    Ok(0)
}

/// As free -h scales: three digits and the binary unit.
fn scaled(kib: u64) -> String {
    if kib == 0 {
        return "0B".to_owned();
    }
    let mut value = kib as f64;
    for unit in ["Ki", "Mi", "Gi", "Ti"] {
        if value < 1000.0 || unit == "Ti" {
            return if value < 9.95 && unit != "Ki" {
                format!("{value:.1}{unit}")
            } else {
                format!("{value:.0}{unit}")
            };
        }
        value /= 1024.0;
    }
    String::new()
}

fn vmstat(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let m = ctx.sh.look(|view| view.memory());
    let ticks = ctx.sh.look(|view| cpu_ticks(&view));
    let all = ticks.iter().sum::<u64>().max(1);
    let percent = |n: usize| ticks.get(n).map_or(0, |t| (t * 100 + all / 2) / all);
    let idle = 100 - percent(0) - percent(1) - percent(2) - percent(4) - percent(7);
    let text = format!(
        "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n 1  0      0 {:>6} {:>6} {:>6}    0    0     2     9   61  118 {:>2} {:>2} {idle:>2} {:>2} {:>2}\n",
        m.free,
        m.buffers,
        m.cached + m.reclaimable,
        percent(0) + percent(1),
        percent(2),
        percent(4),
        percent(7)
    );
    ctx.print(&text);
    Ok(0)
}

fn df(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"txB");
    let flag = |letter| has_flag(&flags, letter);
    let value = |letter: u8| flags.iter().find(|(l, _)| *l == letter).map(|(_, v)| show(v));
    let (only, except) = (value(b't'), value(b'x'));
    let p = &ctx.sh.machine.persona().clone();
    let total = ctx.args.iter().any(|a| a == b"--total");
    let mut wanted: Vec<&str> = Vec::new();
    let mut status = 0;
    let paths: Vec<String> = rest.iter().filter(|a| !a.starts_with(b"--")).map(|a| show(a)).collect();
    let mut failures = Vec::new();
    for path in &paths {
        let whole = crate::vfs::join(&ctx.sh.cwd, path.as_bytes());
        let at = ctx.sh.vfs().canonical(&ctx.sh.account.cred, &whole);
        match at {
            Ok(at) => {
                let at = show(&at);
                let on = MOUNTS
                    .iter()
                    .filter(|m| m.on == "/" || at == m.on || at.starts_with(&format!("{}/", m.on)))
                    .max_by_key(|m| m.on.len())
                    .map_or("/", |m| m.on);
                wanted.push(on);
            }
            Err(errno) => failures.push(format!("{path}: {errno}")),
        }
    }
    for failure in failures {
        status = ctx.fail(&failure);
    }
    if wanted.is_empty() && !paths.is_empty() {
        return Ok(status);
    }
    let uid = ctx.sh.account.cred.uid;
    let runtime = format!("/run/user/{uid}");
    let mut rows: Vec<(String, String, u64, u64, String)> = Vec::new();
    for m in MOUNTS {
        let Some((size, used)) = m.size(p) else { continue };
        let shown = wanted.contains(&m.on) || paths.is_empty();
        if shown && only.as_deref().is_none_or(|t| t == m.kind) && except.as_deref() != Some(m.kind) {
            rows.push((m.source.to_owned(), m.kind.to_owned(), size, used, m.on.to_owned()));
        }
    }
    if paths.is_empty() && only.as_deref().is_none_or(|t| t == "tmpfs") && except.as_deref() != Some("tmpfs")
    {
        rows.push(("tmpfs".to_owned(), "tmpfs".to_owned(), p.memory_kib / 10, 0, runtime));
    }
    let human = flag(b'h') || flag(b'H');
    let unit = |kib: u64| {
        if human {
            files::human(kib * 1024)
        } else if flag(b'm') {
            kib.div_ceil(1024).to_string()
        } else {
            kib.to_string()
        }
    };
    let head = if flag(b'i') {
        ["Inodes", "IUsed", "IFree", "IUse%"]
    } else if human {
        ["Size", "Used", "Avail", "Use%"]
    } else if flag(b'm') {
        ["1M-blocks", "Used", "Available", "Use%"]
    } else if flag(b'P') {
        ["1024-blocks", "Used", "Available", "Capacity"]
    } else {
        ["1K-blocks", "Used", "Available", "Use%"]
    };
    let mut table: Vec<[String; 7]> = vec![[
        "Filesystem".to_owned(),
        "Type".to_owned(),
        head[0].to_owned(),
        head[1].to_owned(),
        head[2].to_owned(),
        head[3].to_owned(),
        "Mounted on".to_owned(),
    ]];
    let mut sums = (0, 0, 0);
    for (source, kind, size, used, on) in rows {
        let (a, b, c) = if flag(b'i') {
            // ext4 makes an inode for each 16 KiB, a tmpfs one for each page.
            let inodes = if kind == "ext4" { size / 16 } else { size / 4 };
            let taken = if kind == "ext4" { 31_000 + size / 2600 } else { 2 };
            (inodes, taken, inodes - taken)
        } else {
            // Five in a hundred of an ext4 file system are kept for root.
            (size, used, size.saturating_sub(used + if on == "/" { size / 20 } else { 0 }))
        };
        sums = (sums.0 + a, sums.1 + b, sums.2 + c);
        let percent = (b * 100).div_ceil((b + c).max(1));
        let cell = |n: u64| {
            if flag(b'i') && !human {
                n.to_string()
            } else if flag(b'i') {
                files::human(n)
            } else {
                unit(n)
            }
        };
        table.push([source, kind, cell(a), cell(b), cell(c), format!("{percent}%"), on]);
    }
    if total {
        let percent = (sums.1 * 100).div_ceil((sums.1 + sums.2).max(1));
        table.push([
            "total".to_owned(),
            "-".to_owned(),
            unit(sums.0),
            unit(sums.1),
            unit(sums.2),
            format!("{percent}%"),
            "-".to_owned(),
        ]);
    }
    let with_type = flag(b'T');
    let minimum = [14, 4, 5, 5, 5, 4, 0];
    let width: Vec<usize> = (0..7)
        .map(|n| {
            let most =
                table.iter().filter_map(|row| row.get(n)).map(|c| c.chars().count()).max().unwrap_or(0);
            most.max(minimum.get(n).copied().unwrap_or(0))
        })
        .collect();
    let w = |n: usize| width.get(n).copied().unwrap_or(0);
    let mut text = String::new();
    for row in &table {
        let [source, kind, a, b, c, percent, on] = row;
        text += &format!("{source:<0$} ", w(0));
        if with_type {
            text += &format!("{kind:<0$} ", w(1));
        }
        text += &format!("{a:>0$} {b:>1$} {c:>2$} {percent:>3$} {on}\n", w(2), w(3), w(4), w(5));
    }
    ctx.print(&text);
    Ok(status)
}

fn nproc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let cpus = ctx.sh.machine.persona().cpus;
    let ignore =
        ctx.args.iter().find_map(|a| show(a).strip_prefix("--ignore=").and_then(|n| n.parse::<u32>().ok()));
    ctx.print(&format!("{}\n", cpus.saturating_sub(ignore.unwrap_or(0)).max(1)));
    Ok(0)
}

fn lscpu(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona();
    let intel = !p.cpu_model.starts_with("AMD");
    let (family, model, stepping) = facts::cpu_kind(p);
    let n = p.cpus;
    let instances = |kib: u32| {
        let kib = kib * n;
        let size = if kib >= 1024 && kib.is_multiple_of(1024) {
            format!("{} MiB", kib / 1024)
        } else {
            format!("{kib} KiB")
        };
        format!("{size} ({n} instance{})", if n == 1 { "" } else { "s" })
    };
    let list = if n == 1 { "0".to_owned() } else { format!("0-{}", n - 1) };
    let info = facts::cpuinfo(p);
    let flags = info.lines().find_map(|l| l.strip_prefix("flags\t\t: ")).unwrap_or("");
    let rows: Vec<(&str, String)> = vec![
        ("Architecture:", "x86_64".to_owned()),
        ("  CPU op-mode(s):", "32-bit, 64-bit".to_owned()),
        ("  Address sizes:", "40 bits physical, 48 bits virtual".to_owned()),
        ("  Byte Order:", "Little Endian".to_owned()),
        ("CPU(s):", n.to_string()),
        ("  On-line CPU(s) list:", list.clone()),
        ("Vendor ID:", if intel { "GenuineIntel" } else { "AuthenticAMD" }.to_owned()),
        ("  BIOS Vendor ID:", "QEMU".to_owned()),
        ("  Model name:", p.cpu_model.clone()),
        ("    BIOS Model name:", "pc-i440fx-9.0  CPU @ 2.0GHz".to_owned()),
        ("    BIOS CPU family:", "1".to_owned()),
        ("    CPU family:", family.to_string()),
        ("    Model:", model.to_string()),
        ("    Thread(s) per core:", "1".to_owned()),
        ("    Core(s) per socket:", "1".to_owned()),
        ("    Socket(s):", n.to_string()),
        ("    Stepping:", stepping.to_string()),
        ("    BogoMIPS:", format!("{}.{:02}", p.cpu_khz / 500, p.cpu_khz / 5 % 100)),
        ("    Flags:", flags.to_owned()),
        ("Virtualization features:", String::new()),
        ("  Hypervisor vendor:", "KVM".to_owned()),
        ("  Virtualization type:", "full".to_owned()),
        ("Caches (sum of all):", String::new()),
        ("  L1d:", instances(32)),
        ("  L1i:", instances(32)),
        ("  L2:", instances(4096)),
        ("  L3:", instances(16_384)),
        ("NUMA:", String::new()),
        ("  NUMA node(s):", "1".to_owned()),
        ("  NUMA node0 CPU(s):", list),
    ];
    // Without a terminal lscpu indents nothing.
    let plain = !ctx.sh.io.lock().pty;
    let headings = ["Virtualization features:", "Caches (sum of all):", "NUMA:"];
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .filter(|(name, _)| !plain || !headings.contains(name))
        .map(|(name, value)| {
            let name = if plain { name.trim_start() } else { name };
            let name = match name {
                "L1d:" | "L1i:" | "L2:" | "L3:" if plain => format!("{} cache:", name.trim_end_matches(':')),
                _ => name.to_owned(),
            };
            (name, value)
        })
        .collect();
    let width = if plain { 41 } else { rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2 };
    let text: String = rows
        .iter()
        .map(|(name, value)| format!("{:<width$}{value}", name).trim_end().to_owned() + "\n")
        .collect();
    ctx.print(&text);
    Ok(0)
}

/// A size as lsblk prints it: one digit after the point unless it is zero.
fn block(kib: u64) -> String {
    let mut value = kib as f64;
    for unit in ["K", "M", "G"] {
        if value < 1024.0 || unit == "G" {
            let text = format!("{value:.1}");
            return format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text));
        }
        value /= 1024.0;
    }
    String::new()
}

fn lsblk(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"oe");
    let p = ctx.sh.machine.persona();
    let disk = disk_blocks(p);
    let root = disk - SWAP_KIB - 2052;
    if has_flag(&flags, b'f') {
        let swap = facts::hex(p, "swap uuid", 32);
        let part = |a, b| swap.get(a..b).unwrap_or("");
        let used =
            crate::machine::MOUNTS.iter().find(|m| m.on == "/").and_then(|m| m.size(p)).map_or(0, |s| s.1);
        let text = format!(
            "NAME   FSTYPE FSVER LABEL UUID                                 FSAVAIL FSUSE% MOUNTPOINTS\nsda                                                                           \n├─sda1 ext4   1.0         {} {:>7} {:>5}% /\n├─sda2                                                                        \n└─sda5 swap   1           {}-{}-{}-{}-{}                [SWAP]\nsr0                                                                           \n",
            facts::root_uuid(p),
            block(p.disk_kib - used - p.disk_kib / 20),
            used * 100 / p.disk_kib,
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        );
        ctx.print(&text);
        return Ok(0);
    }
    let rows = [
        ("sda", "8:0", 0, disk, "disk", ""),
        ("├─sda1", "8:1", 0, root, "part", "/"),
        ("├─sda2", "8:2", 0, 1, "part", ""),
        ("└─sda5", "8:5", 0, SWAP_KIB + 4, "part", "[SWAP]"),
        ("sr0", "11:0", 1, 1_048_575, "rom", ""),
    ];
    let mut text = if has_flag(&flags, b'n') {
        String::new()
    } else {
        "NAME   MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\n".to_owned()
    };
    for (name, number, removable, kib, kind, on) in rows {
        if has_flag(&flags, b'd') && kind == "part" {
            continue;
        }
        let size = if has_flag(&flags, b'b') { (kib * 1024).to_string() } else { block(kib) };
        text += &format!("{name:<6} {number:>7}  {removable} {size:>5}  0 {kind:<4} {on}\n");
    }
    ctx.print(&text);
    Ok(0)
}

fn blkid(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona();
    let swap = facts::hex(p, "swap uuid", 32);
    let id = facts::hex(p, "disk id", 8);
    let part = |a, b| swap.get(a..b).unwrap_or("");
    let text = format!(
        "/dev/sda1: UUID=\"{}\" BLOCK_SIZE=\"4096\" TYPE=\"ext4\" PARTUUID=\"{id}-01\"\n/dev/sda5: UUID=\"{}-{}-{}-{}-{}\" TYPE=\"swap\" PARTUUID=\"{id}-05\"\n",
        facts::root_uuid(p),
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    );
    ctx.print(&text);
    Ok(0)
}

fn mount(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"to");
    let p = ctx.sh.machine.persona();
    let kind = flags.iter().find(|(l, _)| *l == b't').map(|(_, v)| show(v));
    if rest.is_empty() && !has_flag(&flags, b'a') && !has_flag(&flags, b'o') {
        let text: String = MOUNTS
            .iter()
            .filter(|m| kind.as_deref().is_none_or(|k| k == m.kind))
            .map(|m| format!("{} on {} type {} ({})\n", m.source, m.on, m.kind, m.options_of(p)))
            .collect();
        ctx.print(&text);
        return Ok(0);
    }
    if has_flag(&flags, b'a') {
        return Ok(0);
    }
    if ctx.sh.account.cred.uid != 0 {
        let on = rest.last().map(|r| show(r)).unwrap_or_default();
        return Ok(ctx.fail(&format!("{on}: must be superuser to use mount.")));
    }
    let words: Vec<String> = rest.iter().map(|r| show(r)).collect();
    if flags.iter().any(|(l, v)| *l == b'o' && show(v).contains("remount")) {
        return Ok(0);
    }
    let text = match words.as_slice() {
        [one] => format!("{one}: can't find in /etc/fstab."),
        [source, on, ..] => {
            let path = ctx.path(on.as_bytes());
            if ctx.sh.vfs().stat(&ctx.sh.account.cred, &path).is_err() {
                format!("{on}: mount point does not exist.")
            } else if source.starts_with('/')
                && ctx.sh.vfs().stat(&ctx.sh.account.cred, source.as_bytes()).is_err()
            {
                format!(
                    "{on}: special device {source} does not exist.\n       dmesg(1) may have more information after failed mount system call."
                )
            } else {
                // The host's kernel is a guest's without rights over its devices.
                format!(
                    "{on}: permission denied.\n       dmesg(1) may have more information after failed mount system call."
                )
            }
        }
        [] => "bad usage\nTry 'mount --help' for more information.".to_owned(),
    };
    ctx.fail(&text);
    Ok(32)
}

fn umount(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"tO");
    let Some(on) = rest.first().map(|r| show(r)) else {
        ctx.err.extend_from_slice(b"umount: bad usage\nTry 'umount --help' for more information.\n");
        return Ok(1);
    };
    let found = MOUNTS.iter().any(|m| m.on == on || m.source == on);
    let path = ctx.path(on.as_bytes());
    let text = if found && ctx.sh.account.cred.uid != 0 {
        format!("{on}: must be superuser to unmount.")
    } else if found {
        format!("{on}: target is busy.")
    } else if ctx.sh.vfs().stat(&ctx.sh.account.cred, &path).is_err() {
        format!("{on}: no mount point specified.")
    } else {
        format!("{on}: not mounted.")
    };
    ctx.fail(&text);
    Ok(32)
}

fn findmnt(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"tno");
    let p = ctx.sh.machine.persona();
    let wanted = rest.first().map(|r| show(r));
    let rows: Vec<(String, &str, &str, String)> = MOUNTS
        .iter()
        .filter(|m| wanted.as_deref().is_none_or(|w| w == m.on || w == m.source))
        .map(|m| {
            let name =
                if m.on == "/" || wanted.is_some() { m.on.to_owned() } else { format!("├─{}", m.on) };
            (name, m.source, m.kind, m.options_of(p))
        })
        .collect();
    if rows.is_empty() {
        return Ok(1);
    }
    let width = rows.iter().map(|r| r.0.chars().count()).max().unwrap_or(6).max(6);
    let mut text = format!("{:<width$} {:<10} {:<10} OPTIONS\n", "TARGET", "SOURCE", "FSTYPE");
    let mut rows = rows;
    rows.sort_by_key(|r| r.0 != "/");
    for (name, source, kind, options) in rows {
        text += &format!("{name:<width$} {source:<10} {kind:<10} {options}\n");
    }
    ctx.print(&text);
    Ok(0)
}

fn swapon(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    match words.first().map(String::as_str) {
        None | Some("--show") => {
            ctx.print(&format!(
                "NAME      TYPE      SIZE USED PRIO\n/dev/sda5 partition {} 0B   -2\n",
                block(SWAP_KIB)
            ));
            Ok(0)
        }
        Some("-s" | "--summary") => {
            ctx.print(&format!("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda5                               partition\t{SWAP_KIB}\t\t0\t\t-2\n"));
            Ok(0)
        }
        Some("-a") => Ok(0),
        Some(file) => {
            if ctx.sh.account.cred.uid != 0 {
                return Ok(ctx.fail("Not superuser."));
            }
            let path = ctx.path(file.as_bytes());
            let found = ctx.sh.vfs().stat(&ctx.sh.account.cred, &path);
            let text = match found {
                Err(errno) => format!("cannot open {file}: {errno}"),
                Ok(_) => format!("{file}: read swap header failed"),
            };
            ctx.fail(&text);
            Ok(255)
        }
    }
}

fn swapoff(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("Not superuser."));
    }
    Ok(0)
}

fn lsmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut text = "Module                  Size  Used by\n".to_owned();
    for (name, size, users) in MODULES {
        text += &format!("{name:<22} {size:>6}  {users}\n");
    }
    ctx.print(&text);
    Ok(0)
}

fn kmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    match ctx.args.first().map(Vec::as_slice) {
        Some(b"list") => lsmod(ctx),
        Some(b"--version" | b"-V") => {
            ctx.print("kmod version 30\n+ZSTD +XZ -ZLIB +LIBCRYPTO -EXPERIMENTAL\n");
            Ok(0)
        }
        _ => {
            ctx.err.extend_from_slice(b"missing command\nkmod - Manage kernel modules: list, load, unload, etc\nUsage:\n\tkmod [options] command [command_options]\n\nOptions:\n\t-V, --version     show version\n\t-h, --help        show this help\n\nCommands:\n  help         Show help message\n  list         list currently loaded modules\n  static-nodes outputs the static-node information installed with the currently running kernel\n\nkmod also handles gracefully if called from following symlinks:\n  lsmod        compat lsmod command\n  rmmod        compat rmmod command\n  insmod       compat insmod command\n  modinfo      compat modinfo command\n  modprobe     compat modprobe command\n  depmod       compat depmod command\n");
            Ok(1)
        }
    }
}

/// modprobe, insmod and rmmod: modules of the machine are there, others cannot be loaded.
fn modprobe(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"C");
    let uid = ctx.sh.account.cred.uid;
    let Some(name) = rest.first().map(|r| show(r)) else {
        return Ok(ctx.fail(if ctx.name == "modprobe" {
            "ERROR: missing parameters. See -h."
        } else {
            "ERROR: missing module name."
        }));
    };
    let loaded = MODULES.iter().find(|(n, _, _)| *n == name.replace('-', "_"));
    let release = ctx.sh.machine.persona().kernel_release.clone();
    let text = match (ctx.name.as_str(), loaded) {
        ("insmod", _) => {
            let path = ctx.path(name.as_bytes());
            let bytes = ctx.sh.vfs().read(&ctx.sh.account.cred, &path, 0, 4);
            match bytes {
                Err(_) => format!("ERROR: could not load module {name}: No such file or directory"),
                Ok(_) if uid != 0 => {
                    format!("ERROR: could not insert module {name}: Operation not permitted")
                }
                Ok(bytes) if bytes == b"\x7fELF" => {
                    format!("ERROR: could not insert module {name}: Key was rejected by service")
                }
                Ok(_) => format!("ERROR: could not insert module {name}: Invalid module format"),
            }
        }
        ("rmmod", None) => format!("ERROR: Module {name} is not currently loaded"),
        ("rmmod", Some(_)) if uid != 0 => format!(
            "ERROR: ../libkmod/libkmod-module.c:799 kmod_module_remove_module() could not remove '{name}': Operation not permitted\nrmmod: ERROR: could not remove module {name}: Operation not permitted"
        ),
        ("rmmod", Some((_, _, users))) if *users != "0" => match users.split_once(' ') {
            Some((_, by)) => format!("ERROR: Module {name} is in use by: {}", by.replace(',', " ")),
            None => format!("ERROR: Module {name} is in use"),
        },
        (_, Some(_)) => return Ok(0),
        _ if has_flag(&flags, b'r') => format!("FATAL: Module {name} not found."),
        _ => format!("FATAL: Module {name} not found in directory /lib/modules/{release}"),
    };
    Ok(ctx.fail(&text))
}

/// The devices of QEMU's i440FX machine as Proxmox sets it up.
fn lspci(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let text = "00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)\n00:01.0 ISA bridge: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II]\n00:01.1 IDE interface: Intel Corporation 82371SB PIIX3 IDE [Natoma/Triton II]\n00:01.2 USB controller: Intel Corporation 82371SB PIIX3 USB [Natoma/Triton II] (rev 01)\n00:01.3 Bridge: Intel Corporation 82371AB/EB/MB PIIX4 ACPI (rev 03)\n00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)\n00:03.0 Unclassified device [00ff]: Red Hat, Inc. Virtio memory balloon\n00:05.0 SCSI storage controller: Red Hat, Inc. Virtio SCSI\n00:12.0 Ethernet controller: Red Hat, Inc. Virtio network device\n";
    let numbers = [
        "0600: 8086:1237 (rev 02)",
        "0601: 8086:7000",
        "0101: 8086:7010",
        "0c03: 8086:7020 (rev 01)",
        "0680: 8086:7113 (rev 03)",
        "0300: 1234:1111 (rev 02)",
        "00ff: 1af4:1002",
        "0100: 1af4:1004",
        "0200: 1af4:1000",
    ];
    let (flags, _) = ctx.options(b"sd");
    let text: String = if has_flag(&flags, b'n') {
        text.lines()
            .zip(numbers)
            .map(|(line, n)| format!("{} {n}\n", line.split(' ').next().unwrap_or("")))
            .collect()
    } else {
        text.to_owned()
    };
    ctx.print(&text);
    Ok(0)
}

fn dmi(ctx: &Ctx<'_>, name: &str) -> String {
    let path = format!("/sys/class/dmi/id/{name}");
    super::accounts::system_file(ctx.sh, &path).trim_end().to_owned()
}

fn dmidecode(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        ctx.print("# dmidecode 3.4\n");
        ctx.err.extend_from_slice(b"/sys/firmware/dmi/tables/smbios_entry_point: Permission denied\nScanning /dev/mem for entry point.\n/dev/mem: Permission denied\n");
        return Ok(1);
    }
    let (flags, _) = ctx.options(b"st");
    if let Some((_, key)) = flags.iter().find(|(l, _)| *l == b's') {
        let value = match show(key).as_str() {
            "system-manufacturer" => dmi(ctx, "sys_vendor"),
            "system-product-name" => dmi(ctx, "product_name"),
            "system-version" => dmi(ctx, "product_version"),
            "system-uuid" => dmi(ctx, "product_uuid"),
            "bios-vendor" => dmi(ctx, "bios_vendor"),
            "bios-version" => dmi(ctx, "bios_version"),
            "bios-release-date" => dmi(ctx, "bios_date"),
            "chassis-manufacturer" => dmi(ctx, "chassis_vendor"),
            "system-serial-number" | "chassis-serial-number" => "Not Specified".to_owned(),
            other => {
                ctx.err.extend_from_slice(format!("Invalid string keyword: {other}\n").as_bytes());
                return Ok(2);
            }
        };
        ctx.print(&format!("{value}\n"));
        return Ok(0);
    }
    let text = format!(
        "# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 2.8 present.\n10 structures occupying 474 bytes.\nTable at 0x000F59A0.\n\nHandle 0x0000, DMI type 0, 24 bytes\nBIOS Information\n\tVendor: {}\n\tVersion: {}\n\tRelease Date: {}\n\tAddress: 0xE8000\n\tRuntime Size: 96 kB\n\tROM Size: 64 kB\n\tCharacteristics:\n\t\tBIOS characteristics not supported\n\t\tTargeted content distribution is supported\n\tBIOS Revision: 0.0\n\nHandle 0x0100, DMI type 1, 27 bytes\nSystem Information\n\tManufacturer: {}\n\tProduct Name: {}\n\tVersion: {}\n\tSerial Number: Not Specified\n\tUUID: {}\n\tWake-up Type: Power Switch\n\tSKU Number: Not Specified\n\tFamily: Not Specified\n\n",
        dmi(ctx, "bios_vendor"),
        dmi(ctx, "bios_version"),
        dmi(ctx, "bios_date"),
        dmi(ctx, "sys_vendor"),
        dmi(ctx, "product_name"),
        dmi(ctx, "product_version"),
        dmi(ctx, "product_uuid")
    );
    ctx.print(&text);
    Ok(0)
}

fn detect_virt(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let container = ctx.args.iter().any(|a| a == b"-c" || a == b"--container");
    ctx.print(if container { "none\n" } else { "kvm\n" });
    Ok(i32::from(container))
}

fn dmesg(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("read kernel buffer failed: Operation not permitted"));
    }
    let human = ctx.args.iter().any(|a| a == b"-T" || a == b"--ctime");
    let p = ctx.sh.machine.persona();
    let mut text = String::new();
    for (micros, line) in kernel_log(p) {
        let stamp = if human {
            facts::strftime(
                phantom_core::from_micros(phantom_core::micros(p.boot) + micros),
                "%a %b %e %T %Y",
            )
        } else {
            format!("{:>5}.{:06}", micros / 1_000_000, micros % 1_000_000)
        };
        text += &format!("[{stamp}] {line}\n");
    }
    ctx.print(&text);
    Ok(0)
}

/// What the kernel says on such a machine, with the microseconds since boot.
pub(super) fn kernel_log(p: &Persona) -> Vec<(i64, String)> {
    let disk = disk_blocks(p) * 2;
    let mhz = p.cpu_khz / 1000;
    let lines = [
        (0, format!("Linux version {} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) {}", p.kernel_release, p.kernel_version)),
        (0, format!("Command line: BOOT_IMAGE=/boot/vmlinuz-{} root=UUID={} ro quiet", p.kernel_release, facts::root_uuid(p))),
        (0, "BIOS-provided physical RAM map:".to_owned()),
        (0, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable".to_owned()),
        (0, "NX (Execute Disable) protection: active".to_owned()),
        (0, "SMBIOS 2.8 present.".to_owned()),
        (0, "DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org 04/01/2014".to_owned()),
        (0, "Hypervisor detected: KVM".to_owned()),
        (0, "kvm-clock: Using msrs 4b564d01 and 4b564d00".to_owned()),
        (4, format!("tsc: Detected {mhz}.{:03} MHz processor", p.cpu_khz % 1000)),
        (9_162, format!("Memory: {}K/{}K available (14342K kernel code, 2342K rwdata, 9060K rodata, 2796K init, 17416K bss, 0K cma-reserved)", p.memory_kib - 60_000, p.memory_kib + 40_000)),
        (151_320, format!("smpboot: CPU0: {} (family: {:#x}, model: {:#x}, stepping: {:#x})", p.cpu_model, facts::cpu_kind(p).0, facts::cpu_kind(p).1, facts::cpu_kind(p).2)),
        (164_008, format!("smp: Brought up 1 node, {} CPU{}", p.cpus, if p.cpus == 1 { "" } else { "s" })),
        (286_201, "pci 0000:00:00.0: [8086:1237] type 00 class 0x060000".to_owned()),
        (404_992, "clocksource: Switched to clocksource kvm-clock".to_owned()),
        (531_711, "Freeing initrd memory: 38004K".to_owned()),
        (602_334, "Run /init as init process".to_owned()),
        (811_840, "scsi host2: Virtio SCSI HBA".to_owned()),
        (833_119, "scsi 2:0:0:0: Direct-Access     QEMU     QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5".to_owned()),
        (846_274, format!("sd 2:0:0:0: [sda] {disk} 512-byte logical blocks: ({:.1} GB/{:.1} GiB)", disk as f64 * 512.0 / 1e9, disk as f64 / 2_097_152.0)),
        (849_008, " sda: sda1 sda2 < sda5 >".to_owned()),
        (851_460, "sd 2:0:0:0: [sda] Attached SCSI disk".to_owned()),
        (902_181, format!("virtio_net virtio2 {}: renamed from eth0", p.interface)),
        (1_604_113, "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.".to_owned()),
        (1_912_640, "systemd[1]: Inserted module 'autofs4'".to_owned()),
        (1_960_331, "systemd[1]: systemd 252.38-1~deb12u1 running in system mode (+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT -GNUTLS +OPENSSL +ACL +BLKID +CURL +ELFUTILS +FIDO2 +IDN2 -IDN +IPTC +KMOD +LIBCRYPTSETUP +LIBFDISK +PCRE2 -PWQUALITY +P11KIT +QRENCODE +TPM2 +BZIP2 +LZ4 +XZ +ZLIB +ZSTD -BPF_FRAMEWORK -XKBCOMMON +UTMP +SYSVINIT default-hierarchy=unified)".to_owned()),
        (1_960_502, "systemd[1]: Detected virtualization kvm.".to_owned()),
        (1_960_511, "systemd[1]: Detected architecture x86-64.".to_owned()),
        (1_962_030, format!("systemd[1]: Hostname set to <{}>.", p.hostname)),
        (2_401_770, format!("Adding {SWAP_KIB}k swap on /dev/sda5.  Priority:-2 extents:1 across:{SWAP_KIB}k FS")),
        (2_440_961, "EXT4-fs (sda1): re-mounted. Quota mode: none.".to_owned()),
        (2_910_204, "input: PC Speaker as /devices/platform/pcspkr/input/input5".to_owned()),
        (3_611_872, "audit: type=1400 audit(0.000:2): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"lsb_release\" pid=420 comm=\"apparmor_parser\"".to_owned()),
    ];
    lines.into_iter().collect()
}

fn sysctl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let (flags, _) = ctx.options(b"");
    let all = has_flag(&flags, b'a') || words.iter().any(|w| w == "--all");
    let value_only = has_flag(&flags, b'n');
    let mut names: Vec<String> = words.iter().filter(|w| !w.starts_with('-')).cloned().collect();
    if all {
        names = paths(ctx, "/proc/sys", 0)
            .iter()
            .map(|p| p.trim_start_matches("/proc/sys/").replace('/', "."))
            .collect();
    }
    if has_flag(&flags, b'p') || words.iter().any(|w| w == "--system") {
        return Ok(0);
    }
    if names.is_empty() {
        ctx.err.extend_from_slice(b"\nUsage:\n sysctl [options] [variable[=value] ...]\n\nOptions:\n  -a, --all            display all variables\n  -A                   alias of -a\n  -X                   alias of -a\n      --deprecated     include deprecated parameters to listing\n      --dry-run        Print the key and values but do not write\n  -b, --binary         print value without new line\n  -e, --ignore         ignore unknown variables errors\n  -N, --names          print variable names without values\n  -n, --values         print only values of the given variable(s)\n  -p, --load[=<file>]  read values from file\n  -f                   alias of -p\n      --system         read values from all system directories\n  -r, --pattern <expression>\n                       select setting that match expression\n  -q, --quiet          do not echo variable set\n  -w, --write          enable writing a value to variable\n  -o                   does nothing\n  -x                   does nothing\n  -d                   alias of -h\n\n -h, --help     display this help and exit\n -V, --version  output version information and exit\n\nFor more details see sysctl(8).\n");
        return Ok(1);
    }
    let mut status = 0;
    for name in names {
        let (key, value) = name
            .split_once('=')
            .map_or((name.as_str(), None), |(k, v)| (k.trim(), Some(v.trim().to_owned())));
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let who = ctx.sh.account.cred.clone();
        if ctx.sh.vfs().stat(&who, path.as_bytes()).is_err() {
            status = ctx.fail(&format!("cannot stat {path}: No such file or directory"));
            continue;
        }
        let dotted = key.replace('/', ".");
        if let Some(value) = value {
            let result = {
                let mut vfs = ctx.sh.vfs();
                vfs.create(&who, path.as_bytes(), 0o644, false)
                    .and_then(|ino| vfs.write(ino, Some(0), value.as_bytes()))
            };
            match result {
                Ok(()) if has_flag(&flags, b'q') => {}
                Ok(()) => ctx.print(&format!("{dotted} = {value}\n")),
                Err(errno) => {
                    status = ctx.fail(&format!("permission denied on key \"{dotted}\"").replace(
                        "denied",
                        if errno == crate::vfs::Errno::EACCES { "denied" } else { "error" },
                    ))
                }
            }
            continue;
        }
        let read = ctx.sh.vfs().read(&who, path.as_bytes(), 0, 4096);
        match read {
            Ok(text) if value_only => ctx.print(&show(&text)),
            Ok(text) => ctx.print(&format!("{dotted} = {}\n", show(&text).trim_end())),
            Err(_) => status = ctx.fail(&format!("permission denied on key '{dotted}'")),
        }
    }
    Ok(status)
}

fn paths(ctx: &Ctx<'_>, dir: &str, depth: u32) -> Vec<String> {
    let who = ctx.sh.account.cred.clone();
    let entries = ctx.sh.vfs().readdir(&who, dir.as_bytes()).unwrap_or_default();
    let mut all = Vec::new();
    for (name, ino) in entries {
        let path = format!("{dir}/{}", show(&name));
        let stat = ctx.sh.vfs().stat_ino(ino);
        match stat {
            Ok(stat) if stat.kind == crate::vfs::Kind::Dir && depth < 8 => {
                all.extend(paths(ctx, &path, depth + 1))
            }
            Ok(stat) if stat.mode & 0o444 != 0 => all.push(path),
            _ => {}
        }
    }
    all
}
