//! Programs that tell about disks and mounts.

use super::registry::{Row, bin, sbin, suid};
use super::{Ctx, Need, files, has_flag, show};
use crate::machine::{MOUNTS, SWAP_KIB, disk_blocks};
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
