//! What files are like, and making it otherwise: touch, chmod, stat and du of coreutils 9.1.

use super::ctx::{Ctx, Need, show};
use super::files::{human, owner};
use super::getopt::Spec;
use super::modes;
use super::registry::{Row, bin};
use super::text::size;
use crate::shell::facts::strftime;
use crate::vfs::{Errno, Kind, SetAttr, Stat};

pub(super) const PROGRAMS: &[Row] = &[
    bin("chmod", "coreutils", 64_496, chmod),
    bin("du", "coreutils", 175_440, du),
    bin("stat", "coreutils", 97_488, stat),
    bin("touch", "coreutils", 109_616, touch),
];

/// Nodes that one run changes or counts.
const NODES: usize = 50_000;

pub(super) fn missing(ctx: &mut Ctx<'_>, what: &str) -> i32 {
    let name = ctx.name.clone();
    ctx.fail(&format!("missing {what}\nTry '{name} --help' for more information."))
}

fn lstat(ctx: &Ctx<'_>, name: &[u8]) -> Result<Stat, Errno> {
    ctx.sh.vfs().lstat(&ctx.sh.account.cred, &ctx.path(name))
}

pub(super) fn follow(ctx: &Ctx<'_>, name: &[u8]) -> Result<Stat, Errno> {
    ctx.sh.vfs().stat(&ctx.sh.account.cred, &ctx.path(name))
}

const TOUCH: Spec = Spec {
    shorts: "acd:fhmr:t:",
    longs: &[
        ("no-create", b'c'),
        ("date=", b'd'),
        ("no-dereference", b'h'),
        ("reference=", b'r'),
        ("time=", 200),
    ],
};

fn touch(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&TOUCH, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, "file operand"));
    }
    let now = ctx.sh.io.now();
    let (mut mtime, mut atime) = (now, now);
    if let Some(name) = parsed.value(b'r') {
        match follow(ctx, name) {
            Ok(stat) => (mtime, atime) = (stat.mtime, stat.atime),
            Err(errno) => {
                return Ok(ctx.fail(&format!("failed to get attributes of '{}': {errno}", show(name))));
            }
        }
    }
    for (code, read) in [(b'd', modes::date as fn(&str, _) -> _), (b't', modes::stamp)] {
        if let Some(text) = parsed.value(code).map(show) {
            match read(&text, now) {
                Some(at) => (mtime, atime) = (at, at),
                None => return Ok(ctx.fail(&format!("invalid date format ‘{text}’"))),
            }
        }
    }
    let which = parsed.value(200).map(show);
    let only_a = (parsed.has(b'a') || matches!(which.as_deref(), Some("access" | "atime" | "use")))
        && !parsed.has(b'm');
    let only_m =
        (parsed.has(b'm') || matches!(which.as_deref(), Some("modify" | "mtime"))) && !parsed.has(b'a');
    let set = SetAttr {
        mtime: (!only_a).then_some(mtime),
        atime: (!only_m).then_some(atime),
        ..SetAttr::default()
    };
    let mut status = 0;
    for name in &parsed.rest {
        let path = ctx.path(name);
        let who = ctx.sh.account.cred.clone();
        let mode = 0o666 & !ctx.sh.umask;
        let mut vfs = ctx.sh.vfs();
        let there = vfs.stat(&who, &path);
        let done = match there {
            Ok(_) => vfs.set_attr(&who, &path, set),
            Err(Errno::ENOENT) if parsed.has(b'c') => Ok(()),
            Err(Errno::ENOENT) => {
                vfs.create(&who, &path, mode, false).and_then(|_| vfs.set_attr(&who, &path, set))
            }
            Err(errno) => Err(errno),
        };
        drop(vfs);
        if let Err(errno) = done {
            let verb =
                if there.is_ok() && errno == Errno::EPERM { "setting times of" } else { "cannot touch" };
            status = ctx.fail(&format!("{verb} '{}': {errno}", show(name)));
        }
    }
    Ok(status)
}

fn chmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    // `-x` and the like are modes, no options.
    let is_mode = |a: &[u8]| {
        a.len() > 1 && a.starts_with(b"-") && a.iter().skip(1).all(|b| b"rwxXstugoa,+-=01234567".contains(b))
    };
    let at = ctx.args.iter().position(|a| is_mode(a));
    let given = at.map(|at| ctx.args.remove(at));
    const SPEC: Spec = Spec {
        shorts: "Rcfv",
        longs: &[
            ("recursive", b'R'),
            ("changes", b'c'),
            ("quiet", b'f'),
            ("silent", b'f'),
            ("verbose", b'v'),
            ("reference=", 200),
            ("preserve-root", 201),
            ("no-preserve-root", 202),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let mut rest = parsed.rest.clone();
    let reference = match parsed.value(200) {
        Some(name) => match follow(ctx, name) {
            Ok(stat) => Some(format!("{:o}", stat.mode)),
            Err(errno) => {
                return Ok(ctx.fail(&format!("failed to get attributes of '{}': {errno}", show(name))));
            }
        },
        None => None,
    };
    let spec = match given.map(|g| show(&g)).or(reference) {
        Some(spec) => spec,
        None if rest.is_empty() => return Ok(missing(ctx, "operand")),
        None => show(&rest.remove(0)),
    };
    if rest.is_empty() {
        return Ok(missing(ctx, &format!("operand after ‘{spec}’")));
    }
    if modes::parse(&spec, 0, false, 0).is_none() {
        return Ok(ctx.fail(&format!("invalid mode: ‘{spec}’\nTry 'chmod --help' for more information.")));
    }
    let umask = ctx.sh.umask;
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    let mut stack: Vec<(Vec<u8>, bool)> = rest.into_iter().rev().map(|n| (n, true)).collect();
    for _ in 0..NODES {
        let Some((name, operand)) = stack.pop() else { break };
        let path = ctx.path(&name);
        let shown = show(&name);
        let stat = match lstat(ctx, &name) {
            Ok(stat) if stat.kind == Kind::Link && !operand => continue,
            Ok(stat) if stat.kind == Kind::Link => match follow(ctx, &name) {
                Ok(stat) => stat,
                Err(_) => {
                    status = ctx.fail(&format!("cannot operate on dangling symlink '{shown}'"));
                    continue;
                }
            },
            Ok(stat) => stat,
            Err(errno) => {
                status = 1;
                if !parsed.has(b'f') {
                    ctx.fail(&format!("cannot access '{shown}': {errno}"));
                }
                continue;
            }
        };
        let is_dir = stat.kind == Kind::Dir;
        let mode = modes::parse(&spec, stat.mode, is_dir, umask).unwrap_or(stat.mode);
        let done = ctx.sh.vfs().set_attr(&who, &path, SetAttr { mode: Some(mode), ..SetAttr::default() });
        let describe = |mode: u32| {
            let text = Stat { mode, ..stat }.mode_string();
            format!("{mode:04o} ({})", text.get(1..).unwrap_or(""))
        };
        match done {
            Err(errno) => {
                status = 1;
                if !parsed.has(b'f') {
                    ctx.fail(&format!("changing permissions of '{shown}': {errno}"));
                }
            }
            Ok(()) if mode != stat.mode && (parsed.has(b'v') || parsed.has(b'c')) => {
                ctx.print(&format!(
                    "mode of '{shown}' changed from {} to {}\n",
                    describe(stat.mode),
                    describe(mode)
                ));
            }
            Ok(()) if parsed.has(b'v') => {
                ctx.print(&format!("mode of '{shown}' retained as {}\n", describe(mode)));
            }
            Ok(()) => {}
        }
        if is_dir && parsed.has(b'R') {
            let entries = ctx.sh.vfs().readdir(&who, &path).unwrap_or_default();
            stack.extend(entries.into_iter().rev().map(|(entry, _)| (inside(&name, &entry), false)));
        }
    }
    Ok(status)
}

pub(super) fn inside(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let sep: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, sep, name].concat()
}

const STAT: Spec = Spec {
    shorts: "Lc:ft",
    longs: &[
        ("dereference", b'L'),
        ("format=", b'c'),
        ("printf=", 200),
        ("file-system", b'f'),
        ("terse", b't'),
        ("cached=", 201),
    ],
};

fn stat(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&STAT, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return Ok(missing(ctx, "operand"));
    }
    let mut status = 0;
    for name in &parsed.rest {
        let found = if parsed.has(b'L') { follow(ctx, name) } else { lstat(ctx, name) };
        let stat = match found {
            Ok(stat) => stat,
            Err(errno) => {
                let verb =
                    if parsed.has(b'f') { "cannot read file system information for" } else { "cannot statx" };
                status = ctx.fail(&format!("{verb} '{}': {errno}", show(name)));
                continue;
            }
        };
        let text = match (parsed.value(b'c'), parsed.value(200)) {
            _ if parsed.has(b'f') => file_system(ctx, name),
            (Some(format), _) => [formatted(ctx, format, name, &stat), b"\n".to_vec()].concat(),
            (_, Some(format)) => {
                let format = crate::shell::cmd::unescape(format).0;
                formatted(ctx, &format, name, &stat)
            }
            _ if parsed.has(b't') => {
                let line = b"%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o";
                [formatted(ctx, line, name, &stat), b"\n".to_vec()].concat()
            }
            _ => {
                let device = if stat.kind == Kind::Device { " Device type: %t,%T" } else { "" };
                let line = format!(
                    "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Hd,%Ld\tInode: %-11i Links: %-5h{device}\nAccess: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w\n"
                );
                let line = if device.is_empty() { line.replace("%-5h", "%h") } else { line };
                let text = formatted(ctx, line.as_bytes(), name, &stat);
                // The default shows a name bare, and a link with where it leads.
                let shown = [b"  File: '".as_slice(), name, b"'"].concat();
                let bare = [b"  File: ".as_slice(), name].concat();
                match text.strip_prefix(shown.as_slice()) {
                    Some(rest) => {
                        let rest = show(rest);
                        let rest = match rest.strip_prefix(" -> '") {
                            Some(tail) => format!(" -> {}", tail.replacen("'\n", "\n", 1)),
                            None => rest,
                        };
                        [bare, rest.into_bytes()].concat()
                    }
                    None => text,
                }
            }
        };
        ctx.out.extend(text);
    }
    Ok(status)
}

fn file_system(ctx: &Ctx<'_>, name: &[u8]) -> Vec<u8> {
    let disk = ctx.sh.machine.persona().disk_kib / 4;
    let free = disk * 7 / 10;
    format!(
        "  File: \"{}\"\n    ID: {:016x} Namelen: 255     Type: ext2/ext3\nBlock size: 4096       Fundamental block size: 4096\nBlocks: Total: {disk:<10} Free: {free:<10} Available: {}\nInodes: Total: {:<10} Free: {}\n",
        show(name),
        u64::from_str_radix(&crate::shell::facts::hex(ctx.sh.machine.persona(), "fsid", 16), 16).unwrap_or(1),
        free - disk / 20,
        disk / 4,
        disk / 4 - 31_000,
    )
    .into_bytes()
}

fn kind_name(stat: &Stat) -> &'static str {
    match stat.kind {
        Kind::File if stat.size == 0 => "regular empty file",
        Kind::File => "regular file",
        Kind::Dir => "directory",
        Kind::Link => "symbolic link",
        Kind::Device => "character special file",
    }
}

fn formatted(ctx: &Ctx<'_>, format: &[u8], name: &[u8], stat: &Stat) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    let bits = match stat.kind {
        Kind::File => 0o100_000,
        Kind::Dir => 0o40_000,
        Kind::Link => 0o120_000,
        Kind::Device => 0o20_000,
    };
    let blocks =
        if stat.kind == Kind::Link || stat.kind == Kind::Device { 0 } else { stat.size.div_ceil(4096) * 8 };
    let time = |at| format!("{} +0000", strftime(at, "%F %T.%N"));
    while let Some(byte) = format.get(at) {
        at += 1;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let spec: Vec<u8> =
            format.iter().skip(at).take_while(|b| b"-0123456789.+ #'".contains(b)).copied().collect();
        at += spec.len();
        let high =
            matches!(format.get(at), Some(b'H' | b'L')) && matches!(format.get(at + 1), Some(b'd' | b'r'));
        let part = format.get(at).copied();
        at += usize::from(high);
        let letter = format.get(at).copied().unwrap_or(b'%');
        at += 1;
        let conversion = super::float::Conversion::parse(&spec).unwrap_or_default();
        let text = match letter {
            b'%' => "%".to_owned(),
            b'n' => show(name),
            b'N' => match stat.kind {
                Kind::Link => {
                    let target =
                        ctx.sh.vfs().readlink(&ctx.sh.account.cred, &ctx.path(name)).unwrap_or_default();
                    format!("'{}' -> '{}'", show(name), show(&target))
                }
                _ => format!("'{}'", show(name)),
            },
            b's' => stat.size.to_string(),
            b'a' => format!("{:o}", stat.mode),
            b'A' => stat.mode_string(),
            b'f' => format!("{:x}", bits | stat.mode),
            b'u' => stat.uid.to_string(),
            b'U' => owner(ctx, stat.uid, false),
            b'g' => stat.gid.to_string(),
            b'G' => owner(ctx, stat.gid, true),
            b'h' => stat.nlink.to_string(),
            b'i' => stat.ino.to_string(),
            b'F' => kind_name(stat).to_owned(),
            b'b' => blocks.to_string(),
            b'B' => "512".to_owned(),
            b'o' => "4096".to_owned(),
            b'd' if high => if part == Some(b'H') { "8" } else { "1" }.to_owned(),
            b'd' => "2049".to_owned(),
            b'D' => "801".to_owned(),
            b't' | b'T' | b'r' | b'R' => "0".to_owned(),
            b'm' => "/".to_owned(),
            b'x' => time(stat.atime),
            b'y' | b'z' | b'w' => time(stat.mtime),
            b'X' => stat.atime.as_second().to_string(),
            b'Y' | b'Z' | b'W' => stat.mtime.as_second().to_string(),
            b'C' => "?".to_owned(),
            _ => "?".to_owned(),
        };
        if conversion.zero {
            let fill = conversion.width.saturating_sub(text.len());
            out.extend(std::iter::repeat_n(b'0', fill));
            out.extend(text.bytes());
        } else {
            out.extend(conversion.text(text.as_bytes()));
        }
    }
    out
}

const DU: Spec = Spec {
    shorts: "0abB:cd:DhHklLmPsSt:xX:",
    longs: &[
        ("all", b'a'),
        ("apparent-size", 200),
        ("bytes", b'b'),
        ("total", b'c'),
        ("max-depth=", b'd'),
        ("human-readable", b'h'),
        ("summarize", b's'),
        ("one-file-system", b'x'),
        ("block-size=", b'B'),
        ("exclude=", 201),
        ("si", 202),
    ],
};

fn du(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&DU, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let depth = if parsed.has(b's') {
        0
    } else {
        match parsed.value(b'd').map(show) {
            None => usize::MAX,
            Some(text) => match text.parse() {
                Ok(n) => n,
                Err(_) => {
                    return Ok(ctx.fail(&format!(
                        "invalid maximum depth ‘{text}’\nTry 'du --help' for more information."
                    )));
                }
            },
        }
    };
    let apparent = parsed.has(b'b') || parsed.has(200);
    let unit = if parsed.has(b'b') {
        1
    } else if parsed.has(b'm') {
        1 << 20
    } else {
        parsed.value(b'B').and_then(|v| size(&show(v)).or(size(&format!("1{}", show(v))))).unwrap_or(1024)
    };
    let tell = |bytes: u64| {
        if parsed.has(b'h') {
            return human(bytes);
        }
        // `-BM`, without a number, is told with its unit.
        let suffix =
            parsed.value(b'B').map(show).filter(|v| v.starts_with(|c: char| c.is_ascii_alphabetic()));
        format!("{}{}", bytes.div_ceil(unit.max(1)), suffix.unwrap_or_default())
    };
    let roots = if parsed.rest.is_empty() { vec![b".".to_vec()] } else { parsed.rest.clone() };
    let (mut status, mut total, mut left) = (0, 0, NODES);
    let mut seen = std::collections::HashSet::new();
    for root in &roots {
        // Directories are told behind what is in them: a stack of what is open, with its sum so far.
        let mut open: Vec<(Vec<u8>, u64, std::vec::IntoIter<Vec<u8>>)> = Vec::new();
        let mut next = Some(root.clone());
        loop {
            if let Some(name) = next.take() {
                left = left.saturating_sub(1);
                if left == 0 {
                    break;
                }
                let path = ctx.path(&name);
                let level = open.len();
                match lstat(ctx, &name) {
                    Err(errno) => status = ctx.fail(&format!("cannot access '{}': {errno}", show(&name))),
                    Ok(stat) => {
                        let counted = stat.kind == Kind::Dir || stat.nlink < 2 || seen.insert(stat.ino);
                        let own = match (apparent, stat.kind) {
                            _ if !counted => 0,
                            (true, _) => stat.size,
                            (_, Kind::Link | Kind::Device) => 0,
                            _ => stat.size.div_ceil(4096) * 4096,
                        };
                        if stat.kind == Kind::Dir {
                            let entries = ctx.sh.vfs().readdir(&ctx.sh.account.cred, &path);
                            if let Err(errno) = &entries {
                                status =
                                    ctx.fail(&format!("cannot read directory '{}': {errno}", show(&name)));
                            }
                            let names: Vec<Vec<u8>> = entries
                                .unwrap_or_default()
                                .into_iter()
                                .map(|(n, _)| inside(&name, &n))
                                .collect();
                            open.push((name, own, names.into_iter()));
                        } else {
                            if (level == 0 || parsed.has(b'a')) && level <= depth {
                                ctx.print(&format!("{}\t{}\n", tell(own), show(&name)));
                            }
                            match open.last_mut() {
                                Some(parent) => parent.1 += own,
                                None => total += own,
                            }
                        }
                    }
                }
            }
            let Some(top) = open.last_mut() else { break };
            next = top.2.next();
            if next.is_none()
                && let Some((name, sum, _)) = open.pop()
            {
                if open.len() <= depth {
                    ctx.print(&format!("{}\t{}\n", tell(sum), show(&name)));
                }
                match open.last_mut() {
                    Some(parent) => parent.1 += sum,
                    None => total += sum,
                }
            }
        }
    }
    if parsed.has(b'c') {
        ctx.print(&format!("{}\ttotal\n", tell(total)));
    }
    Ok(status)
}
