//! Programs that tell about disks and mounts.

use super::registry::{Row, bin, sbin, suid};
use super::{Ctx, Need, files, has_flag, show};
use crate::machine::{Mounted, SWAP_KIB, disk_blocks, pages};
use crate::shell::facts;

pub(super) const PROGRAMS: &[Row] = &[
    sbin("blkid", "util-linux", 125_280, blkid),
    bin("df", "coreutils", 102_200, df),
    bin("findmnt", "util-linux", 85_600, findmnt),
    bin("lsblk", "util-linux", 207_168, lsblk),
    suid("mount", "mount", 59_704, mount),
    sbin("swapoff", "mount", 22_840, swapoff),
    sbin("swapon", "mount", 51_512, swapon),
    suid("umount", "mount", 35_128, umount),
];

fn df(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"txB");
    let flag = |letter| has_flag(&flags, letter);
    let value = |letter: u8| flags.iter().find(|(l, _)| *l == letter).map(|(_, v)| show(v));
    let (only, except) = (value(b't'), value(b'x'));
    let p = &ctx.sh.machine.persona().clone();
    let total = ctx.args.iter().any(|a| a == b"--total");
    let mounts = ctx.sh.look(|view| view.mounts());
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
                let on = mounts
                    .iter()
                    .filter(|m| m.on == "/" || at == m.on || at.starts_with(&format!("{}/", m.on)))
                    .max_by_key(|m| m.on.len())
                    .map_or("/", |m| m.on.as_str());
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
    for m in &mounts {
        let Some((size, used)) = m.size else { continue };
        let shown = if paths.is_empty() { !is_bind(m) } else { wanted.contains(&m.on.as_str()) };
        if shown && only.as_deref().is_none_or(|t| t == m.kind) && except.as_deref() != Some(&m.kind) {
            rows.push((m.source.clone(), m.kind.clone(), size, used, m.on.clone()));
        }
    }
    if paths.is_empty() && only.as_deref().is_none_or(|t| t == "tmpfs") && except.as_deref() != Some("tmpfs")
    {
        rows.push(("tmpfs".to_owned(), "tmpfs".to_owned(), pages(p.memory_kib / 10), 0, runtime));
    }
    if rows.is_empty() {
        return Ok(ctx.fail("no file systems processed"));
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
        let used = facts::disk(p).1;
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

/// File systems that a visit may mount.
const MAX: usize = 64;
/// Kinds that this kernel has without a device.
const KINDS: &[&str] = &[
    "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "ramfs", "mqueue", "cgroup2", "debugfs", "tracefs", "bpf",
];
const DMESG: &str = "\n       dmesg(1) may have more information after failed mount system call.";

/// A directory that is seen at a second place.
fn is_bind(m: &Mounted) -> bool {
    m.kind == "ext4" && m.on != "/"
}

fn mount(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"to");
    let longs: Vec<String> = rest.iter().filter(|r| r.starts_with(b"--")).map(|r| show(r)).collect();
    let words: Vec<String> = rest.iter().filter(|r| !r.starts_with(b"--")).map(|r| show(r)).collect();
    let kind = flags.iter().find(|(l, _)| *l == b't').map(|(_, v)| show(v));
    if has_flag(&flags, b'V') || longs.iter().any(|long| long == "--version") {
        ctx.print("mount from util-linux 2.38.1 (libmount 2.38.1: selinux, smack, btrfs, verity, namespaces, assert, debug)\n");
        return Ok(0);
    }
    if has_flag(&flags, b'a') || longs.iter().any(|long| long.starts_with("--make-")) {
        return Ok(0);
    }
    let options: Vec<String> = flags
        .iter()
        .filter(|(l, _)| *l == b'o')
        .flat_map(|(_, v)| show(v).split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let bind = longs.iter().any(|long| long == "--bind" || long == "--rbind")
        || options.iter().any(|option| option == "bind" || option == "rbind");
    let (source, on) = match words.as_slice() {
        [] if options.is_empty() => {
            let text: String = ctx
                .sh
                .look(|view| view.mounts())
                .iter()
                .filter(|m| kind.as_deref().is_none_or(|k| k == m.kind))
                .map(|m| format!("{} on {} type {} ({})\n", m.source, m.on, m.kind, m.options))
                .collect();
            ctx.print(&text);
            return Ok(0);
        }
        [] => return Ok(ctx.fail("bad usage\nTry 'mount --help' for more information.")),
        [on] if options.iter().any(|option| option == "remount") => (on.clone(), on.clone()),
        [one] => return Ok(ctx.fail(&format!("{one}: can't find in /etc/fstab."))),
        [source, on, ..] => (source.clone(), on.clone()),
    };
    let why = if ctx.sh.account.cred.uid != 0 {
        Some(format!("must be superuser to use mount.{DMESG}"))
    } else if options.iter().any(|option| option == "remount") {
        return Ok(0);
    } else {
        attach(ctx, (&source, &on), kind.as_deref(), &options, bind).err()
    };
    Ok(match why {
        Some(why) => {
            ctx.fail(&format!("{on}: {why}"));
            32
        }
        None => 0,
    })
}

/// Mounts it; what was in the directory stays in sight, for the visit has one tree only.
fn attach(
    ctx: &Ctx<'_>,
    (source, on): (&str, &str),
    kind: Option<&str>,
    options: &[String],
    bind: bool,
) -> Result<(), String> {
    let path = ctx.path(on.as_bytes());
    let whole = |path: &[u8]| ctx.sh.vfs().canonical(&ctx.sh.account.cred, path);
    let Ok(path) = whole(&path) else { return Err("mount point does not exist.".to_owned()) };
    let from = ctx.path(source.as_bytes());
    let made = |source: &str, kind: &str, options: String, size| Mounted {
        source: source.to_owned(),
        on: show(&path),
        kind: kind.to_owned(),
        options,
        size,
    };
    let new = if bind {
        if whole(&from).is_err() {
            return Err(format!("special device {source} does not exist.{DMESG}"));
        }
        let root = ctx.sh.look(|view| view.mounts()).into_iter().find(|m| m.on == "/");
        root.map(|root| made(&root.source, &root.kind, root.options, root.size))
    } else {
        match kind {
            Some(kind) if KINDS.contains(&kind) => {
                let flags = ["nosuid", "nodev", "noexec"].map(|name| {
                    if options.iter().any(|option| option == name) {
                        format!(",{name}")
                    } else {
                        String::new()
                    }
                });
                let size = options.iter().find_map(|option| super::text::size(option.strip_prefix("size=")?));
                let shown = size.map_or(String::new(), |bytes| format!(",size={}k", bytes / 1024));
                let half = ctx.sh.machine.persona().memory_kib / 8 * 4;
                let room = (kind == "tmpfs").then(|| (size.map_or(half, |bytes| bytes / 1024), 0));
                Some(made(source, kind, format!("rw{},relatime{shown}", flags.concat()), room))
            }
            Some(kind) if !["ext2", "ext3", "ext4", "auto"].contains(&kind) => {
                return Err(format!("unknown filesystem type '{kind}'.{DMESG}"));
            }
            _ if source.starts_with('/') && whole(&from).is_err() => {
                return Err(format!("special device {source} does not exist.{DMESG}"));
            }
            // The machine's one disk is in use, and nothing else is one.
            _ if source.starts_with("/dev/sda") => {
                return Err(format!("{source} already mounted or mount point busy.{DMESG}"));
            }
            _ => return Err(format!("{source} is not a block device.{DMESG}")),
        }
    };
    let mut live = ctx.sh.live();
    if live.mounts.len() < MAX {
        live.mounts.extend(new);
    }
    Ok(())
}

fn umount(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (_, rest) = ctx.options(b"tO");
    let Some(on) = rest.iter().find(|r| !r.starts_with(b"--")).map(|r| show(r)) else {
        return Ok(ctx.fail("bad usage\nTry 'umount --help' for more information."));
    };
    let path = ctx.path(on.as_bytes());
    let place = show(&ctx.sh.vfs().canonical(&ctx.sh.account.cred, &path).unwrap_or_else(|_| path.clone()));
    let is = |m: &Mounted| m.on == place || m.source == on;
    let found = ctx.sh.look(|view| view.mounts()).iter().any(is);
    let text = if found && ctx.sh.account.cred.uid != 0 {
        format!("{on}: must be superuser to unmount.")
    } else if found {
        let mut live = ctx.sh.live();
        if let Some(at) = live.mounts.iter().rposition(is) {
            live.mounts.remove(at);
            return Ok(0);
        }
        drop(live);
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
    let (flags, rest) = ctx.options(b"to");
    let wanted = rest.iter().find(|r| !r.starts_with(b"-")).map(|r| show(r));
    let kind = flags.iter().find(|(l, _)| *l == b't').map(|(_, v)| show(v));
    let flat = wanted.is_some() || kind.is_some() || has_flag(&flags, b'l');
    let rows: Vec<(String, String, String, String)> = ctx
        .sh
        .look(|view| view.mounts())
        .into_iter()
        .filter(|m| wanted.as_deref().is_none_or(|w| w == m.on || w == m.source))
        .filter(|m| kind.as_deref().is_none_or(|kind| kind == m.kind))
        .map(|m| {
            let name = if m.on == "/" || flat { m.on } else { format!("├─{}", m.on) };
            (name, m.source, m.kind, m.options)
        })
        .collect();
    if rows.is_empty() {
        return Ok(1);
    }
    if let Some((_, list)) = flags.iter().find(|(l, _)| *l == b'o') {
        let list = show(list).to_uppercase();
        let columns: Vec<&str> = list.split(',').collect();
        let cell = |row: &(String, String, String, String), name: &str| match name {
            "TARGET" => row.0.clone(),
            "SOURCE" => row.1.clone(),
            "FSTYPE" => row.2.clone(),
            _ => row.3.clone(),
        };
        let mut table: Vec<Vec<String>> = Vec::new();
        if !has_flag(&flags, b'n') {
            table.push(columns.iter().map(|name| (*name).to_owned()).collect());
        }
        table.extend(rows.iter().map(|row| columns.iter().map(|name| cell(row, name)).collect()));
        let text = laid(&table);
        ctx.print(&text);
        return Ok(0);
    }
    let mut rows = rows;
    rows.sort_by_key(|r| r.0 != "/");
    let mut table: Vec<Vec<String>> = Vec::new();
    if !has_flag(&flags, b'n') {
        table.push(["TARGET", "SOURCE", "FSTYPE", "OPTIONS"].map(str::to_owned).to_vec());
    }
    table.extend(rows.into_iter().map(|(on, source, kind, options)| vec![on, source, kind, options]));
    let text = laid(&table);
    ctx.print(&text);
    Ok(0)
}

/// Columns as wide as their widest cell; the last as it is.
fn laid(table: &[Vec<String>]) -> String {
    let width = |n: usize| {
        table.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(n, cell)| format!("{cell:<0$}", width(n))).collect();
        cells.join(" ").trim_end().to_owned() + "\n"
    };
    table.iter().map(line).collect()
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
                Ok(stat) => {
                    if stat.mode & 0o7077 != 0 {
                        ctx.fail(&format!("{file}: insecure permissions {:04o}, 0600 suggested.", stat.mode));
                    }
                    format!("{file}: read swap header failed")
                }
            };
            ctx.fail(&text);
            Ok(255)
        }
    }
}

fn swapoff(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let Some(file) = rest.first().map(|r| show(r)) else {
        if has_flag(&flags, b'a') {
            return Ok(0);
        }
        ctx.fail("bad usage\nTry 'swapoff --help' for more information.");
        return Ok(16);
    };
    if ctx.sh.account.cred.uid != 0 {
        ctx.fail("Not superuser.");
        return Ok(1);
    }
    let path = ctx.path(file.as_bytes());
    let found = ctx.sh.vfs().stat(&ctx.sh.account.cred, &path);
    let why = match found {
        // The partition stays: memory is told with it.
        Ok(_) if file == "/dev/sda5" => return Ok(0),
        Ok(_) => "Invalid argument".to_owned(),
        Err(errno) => errno.to_string(),
    };
    ctx.fail(&format!("{file}: swapoff failed: {why}"));
    Ok(4)
}
