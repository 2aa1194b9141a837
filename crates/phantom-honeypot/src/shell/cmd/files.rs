//! Programs that make and remove files, directories and links: coreutils 9.1.

use super::attrs::inside;
use super::ctx::version;
use super::getopt::{Parsed, Spec, parse};
use super::registry::{Row, bin, waits};
use super::wrappers::refuse;
use super::{Ctx, Need, modes, show};
use crate::shell::Shell;
use crate::shell::io::{Desc, Stop};
use crate::vfs::{Errno, Kind, SetAttr, Stat, join, split};

pub(super) const PROGRAMS: &[Row] = &[
    bin("mkdir", "coreutils", 97_552, mkdir),
    bin("rmdir", "coreutils", 56_240, rmdir),
    waits("rm", "coreutils", 72_752, |sh, name, args| Box::pin(rm(sh, name, args))),
    waits("ln", "coreutils", 72_824, |sh, name, args| Box::pin(ln(sh, name, args))),
    waits("tee", "coreutils", 43_984, |sh, name, args| Box::pin(tee(sh, name, args))),
    bin("readlink", "coreutils", 52_112, readlink),
];

/// Name of a user or group number, as /etc/passwd has it.
pub(super) fn owner(ctx: &Ctx<'_>, uid: u32, group: bool) -> String {
    if group { super::accounts::group_name(ctx.sh, uid) } else { super::accounts::user_name(ctx.sh, uid) }
}

/// The same for those that have the shell alone.
pub(super) fn owner_of(sh: &crate::shell::Shell, id: u32, group: bool) -> String {
    if group { super::accounts::group_name(sh, id) } else { super::accounts::user_name(sh, id) }
}

/// A user's or group's number, by the session's own /etc/passwd or /etc/group.
pub(super) fn number_of(sh: &crate::shell::Shell, name: &str, group: bool) -> Option<u32> {
    let file: &[u8] = if group { b"/etc/group" } else { b"/etc/passwd" };
    let text = sh.vfs().read(&crate::Cred::root(), file, 0, 1 << 20).unwrap_or_default();
    let found = super::text::lines(&text).into_iter().find_map(|line| {
        let line = show(line);
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1).and_then(|n| n.parse().ok())).flatten()
    });
    found.or_else(|| name.parse().ok())
}

pub(super) fn human(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["", "K", "M", "G"] {
        if value < 1024.0 {
            return if unit.is_empty() {
                format!("{size}")
            } else if value < 10.0 {
                format!("{:.1}{unit}", (value * 10.0).ceil() / 10.0)
            } else {
                format!("{:.0}{unit}", value.ceil())
            };
        }
        value /= 1024.0;
    }
    format!("{value:.0}T")
}

/// A name as programs show it in what they say.
pub(super) fn quoted(name: &[u8]) -> String {
    show(&super::ls::quoted(name))
}

/// Asks on standard error, and takes a line from the input.
pub(super) async fn confirmed(sh: &mut Shell, question: &str) -> Result<bool, Stop> {
    sh.write(2, question.as_bytes())?;
    let line = sh.read_line().await?.unwrap_or_default();
    Ok(line.first().is_some_and(|b| b"yY".contains(b)))
}

/// What goes where, or the status after it was said what is wrong.
pub(super) enum Targets {
    Pairs(Vec<(Vec<u8>, Vec<u8>)>),
    Refused(i32),
}

/// Sources and targets of cp, mv and ln.
pub(super) async fn targets(
    sh: &mut Shell,
    name: &str,
    parsed: &Parsed,
    what: &str,
) -> Result<Targets, Stop> {
    let kind = |sh: &Shell, name: &[u8]| {
        if name.is_empty() {
            return Err(Errno::ENOENT);
        }
        let path = join(&sh.cwd, name);
        sh.vfs().stat(&sh.account.cred, &path).map(|s| s.kind)
    };
    let strip = |from: &[u8]| -> Vec<u8> {
        let end = from.iter().rposition(|b| *b != b'/').map_or(from.len().min(1), |at| at + 1);
        from.get(..end).unwrap_or(from).to_vec()
    };
    let into = |dir: &[u8], from: &Vec<u8>| {
        let bare = strip(from);
        let base = bare.rsplit(|b| *b == b'/').next().unwrap_or(&bare).to_vec();
        (from.clone(), inside(dir, &base))
    };
    let mut rest = parsed.rest.clone();
    if parsed.has(209) {
        rest = rest.iter().map(|from| strip(from)).collect();
    }
    if rest.is_empty() {
        return refuse(sh, name, &format!("missing {what}"), 1).await.map(Targets::Refused);
    }
    if let Some(dir) = parsed.value(b't').map(<[u8]>::to_vec) {
        if parsed.has(b'T') {
            let text = "cannot combine --target-directory (-t) and --no-target-directory (-T)";
            sh.write(2, format!("{name}: {text}\n").as_bytes())?;
            return Ok(Targets::Refused(1));
        }
        let why = match kind(sh, &dir) {
            Ok(Kind::Dir) => return Ok(Targets::Pairs(rest.iter().map(|from| into(&dir, from)).collect())),
            Ok(_) => Errno::ENOTDIR,
            Err(errno) => errno,
        };
        sh.write(2, format!("{name}: target directory {}: {why}\n", quoted(&dir)).as_bytes())?;
        return Ok(Targets::Refused(1));
    }
    if let [from] = rest.as_slice() {
        if name == "ln" {
            return Ok(Targets::Pairs(vec![into(b".", from)]));
        }
        let text = format!("missing destination file operand after {}", quoted(from));
        return refuse(sh, name, &text, 1).await.map(Targets::Refused);
    }
    if parsed.has(b'T') {
        if let [_, _, extra, ..] = rest.as_slice() {
            let text = format!("extra operand {}", quoted(extra));
            return refuse(sh, name, &text, 1).await.map(Targets::Refused);
        }
        let to = rest.pop().unwrap_or_default();
        return Ok(Targets::Pairs(rest.into_iter().map(|from| (from, to.clone())).collect()));
    }
    let to = rest.pop().unwrap_or_default();
    let looked = kind(sh, &to);
    // With -n a link to a directory is a file like others.
    let link = name == "ln" && parsed.has(b'n') && {
        let path = join(&sh.cwd, &to);
        let found = sh.vfs().lstat(&sh.account.cred, &path);
        found.is_ok_and(|s| s.kind == Kind::Link)
    };
    if looked == Ok(Kind::Dir) && !link {
        return Ok(Targets::Pairs(rest.iter().map(|from| into(&to, from)).collect()));
    }
    if rest.len() > 1 {
        let why = looked.err().unwrap_or(Errno::ENOTDIR);
        sh.write(2, format!("{name}: target {}: {why}\n", quoted(&to)).as_bytes())?;
        return Ok(Targets::Refused(1));
    }
    if parsed.has(204) {
        let text = "with --parents, the destination must be a directory";
        return refuse(sh, name, text, 1).await.map(Targets::Refused);
    }
    Ok(Targets::Pairs(rest.into_iter().map(|from| (from, to.clone())).collect()))
}

fn mkdir(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "m:pvZ",
        longs: &[("mode=", b'm'), ("parents", b'p'), ("verbose", b'v'), ("context?", 200), ("version", 201)],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(201) {
        ctx.print(&version("mkdir", "GNU coreutils", "9.1", "David MacKenzie"));
        return Ok(0);
    }
    if parsed.rest.is_empty() {
        return Ok(super::attrs::missing(ctx, "operand"));
    }
    let umask = ctx.sh.umask;
    let mode = match parsed.value(b'm').map(show) {
        Some(text) => match modes::parse(&text, 0o777, true, umask) {
            Some(mode) => Some(mode),
            None => return Ok(ctx.fail(&format!("invalid mode ‘{text}’"))),
        },
        None => None,
    };
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    for name in &parsed.rest {
        let cuts: Vec<usize> = if parsed.has(b'p') {
            let ends = name.iter().enumerate().filter(|(at, b)| **b == b'/' && *at > 0).map(|(at, _)| at);
            ends.filter(|at| name.get(at - 1) != Some(&b'/')).chain([name.len()]).collect()
        } else {
            vec![name.len()]
        };
        for end in cuts {
            let part = name.get(..end).unwrap_or(name);
            let path = ctx.path(part);
            let last = end == name.len() || name.get(end..).unwrap_or(&[]).iter().all(|b| *b == b'/');
            let made = if part.is_empty() {
                Err(Errno::ENOENT)
            } else {
                ctx.sh.vfs().mkdir(&who, &path, 0o777 & !umask)
            };
            match made {
                Ok(_) => {
                    if let Some(mode) = mode.filter(|_| last) {
                        let set = SetAttr { mode: Some(mode), ..SetAttr::default() };
                        let _ = ctx.sh.vfs().set_attr(&who, &path, set);
                    }
                    if parsed.has(b'v') {
                        ctx.print(&format!("mkdir: created directory {}\n", quoted(part)));
                    }
                }
                Err(Errno::EEXIST) if parsed.has(b'p') => {
                    let found = ctx.sh.vfs().stat(&who, &path).map(|s| s.kind);
                    if found != Ok(Kind::Dir) {
                        // In the middle of a path it is no directory, at its end it is there.
                        let why = if last { Errno::EEXIST } else { Errno::ENOTDIR };
                        status = ctx.fail(&format!("cannot create directory {}: {why}", curly(part)));
                        break;
                    }
                }
                Err(errno) => {
                    status = ctx.fail(&format!("cannot create directory {}: {errno}", curly(part)));
                    break;
                }
            }
        }
    }
    Ok(status)
}

/// A name between quotes as the locale has them.
fn curly(name: &[u8]) -> String {
    format!("‘{}’", show(name))
}

fn rmdir(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "pv",
        longs: &[("ignore-fail-on-non-empty", 200), ("parents", b'p'), ("verbose", b'v'), ("version", 201)],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(201) {
        ctx.print(&version("rmdir", "GNU coreutils", "9.1", "David MacKenzie"));
        return Ok(0);
    }
    if parsed.rest.is_empty() {
        return Ok(super::attrs::missing(ctx, "operand"));
    }
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    for name in &parsed.rest {
        let mut name = name.clone();
        let mut first = true;
        loop {
            let path = ctx.path(&name);
            if parsed.has(b'v') {
                ctx.print(&format!("rmdir: removing directory, {}\n", quoted(&name)));
            }
            let gone = ctx.sh.vfs().rmdir(&who, &path);
            match gone {
                Ok(()) => {}
                Err(Errno::ENOTEMPTY) if parsed.has(200) => break,
                Err(errno) => {
                    let what = if first { "failed to remove" } else { "failed to remove directory" };
                    status = ctx.fail(&format!("{what} {}: {errno}", quoted(&name)));
                    break;
                }
            }
            first = false;
            while name.last() == Some(&b'/') {
                name.pop();
            }
            let Some(at) = name.iter().rposition(|b| *b == b'/').filter(|at| parsed.has(b'p') && *at > 0)
            else {
                break;
            };
            name.truncate(at);
        }
    }
    Ok(status)
}

/// How rm goes about it.
struct Removal<'a> {
    sh: &'a mut Shell,
    deep: bool,
    empty: bool,
    force: bool,
    ask: bool,
    verbose: bool,
    status: i32,
}

async fn rm(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "dfirvIR",
        longs: &[
            ("force", b'f'),
            ("interactive?", 200),
            ("one-file-system", 201),
            ("no-preserve-root", 202),
            ("preserve-root?", 203),
            ("recursive", b'r'),
            ("dir", b'd'),
            ("verbose", b'v'),
            ("version", 204),
        ],
    };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 1).await,
    };
    if parsed.has(204) {
        let by = "Paul Rubin, David MacKenzie, Richard M. Stallman,\nand Jim Meyering";
        sh.write(1, version("rm", "GNU coreutils", "9.1", by).as_bytes())?;
        return Ok(0);
    }
    // The last of these holds.
    let last = parsed.given.iter().rev().find(|(code, _)| b"fiI".contains(code) || *code == 200);
    let when = match last {
        Some((b'f', _)) => "never",
        Some((b'i', _)) => "always",
        Some((b'I', _)) => "once",
        Some((_, value)) => match value.as_slice() {
            b"never" | b"no" | b"none" => "never",
            b"once" => "once",
            _ => "always",
        },
        None => "",
    };
    let deep = parsed.has(b'r') || parsed.has(b'R');
    let force = parsed.has(b'f') && when == "never";
    if parsed.rest.is_empty() {
        if force {
            return Ok(0);
        }
        return refuse(sh, name, "missing operand", 1).await;
    }
    if when == "once" && (deep || parsed.rest.len() > 3) {
        let count = parsed.rest.len();
        let what = if count == 1 { "argument" } else { "arguments" };
        let how = if deep { " recursively" } else { "" };
        if !confirmed(sh, &format!("rm: remove {count} {what}{how}? ")).await? {
            return Ok(0);
        }
    }
    let mut removal = Removal {
        sh,
        deep,
        empty: parsed.has(b'd'),
        force,
        ask: when == "always",
        verbose: parsed.has(b'v'),
        status: 0,
    };
    for operand in &parsed.rest {
        let base = operand.split(|b| *b == b'/').rfind(|part| !part.is_empty()).unwrap_or(b"");
        let path = join(&removal.sh.cwd, operand);
        let there = removal.sh.vfs().lstat(&removal.sh.account.cred, &path).is_ok();
        let up = operand.strip_suffix(b"/..").is_none_or(|dir| {
            let dir = join(&removal.sh.cwd, dir);
            removal.sh.vfs().stat(&removal.sh.account.cred, &dir).is_ok()
        });
        if deep && matches!(base, b"." | b"..") && there && up {
            removal
                .fail(&format!("refusing to remove '.' or '..' directory: skipping {}", quoted(operand)))?;
            continue;
        }
        let root = join(&removal.sh.cwd, operand) == b"/";
        if deep && root && !parsed.has(202) {
            removal.fail(&format!("it is dangerous to operate recursively on {}", quoted(operand)))?;
            removal.fail("use --no-preserve-root to override this failsafe")?;
            continue;
        }
        removal.remove(operand, true).await?;
    }
    Ok(removal.status)
}

impl Removal<'_> {
    fn fail(&mut self, what: &str) -> Result<(), Stop> {
        self.status = 1;
        self.sh.write(2, format!("rm: {what}\n").as_bytes())
    }

    /// Whether it may go.
    async fn may(&mut self, what: &str, name: &[u8], stat: &Stat) -> Result<bool, Stop> {
        let who = self.sh.account.cred.clone();
        let path = join(&self.sh.cwd, name);
        let guarded = stat.kind != Kind::Link && self.sh.vfs().access(&who, &path, 2).is_err();
        let terminal = self.sh.io.lock().pty && matches!(self.sh.fds.get(&0), Some(Desc::Console(_)));
        if !self.ask && (self.force || !guarded || !terminal) {
            return Ok(true);
        }
        let kind = match stat.kind {
            Kind::Dir => "directory",
            Kind::Link => "symbolic link",
            Kind::Device => "character special file",
            Kind::File if stat.size == 0 => "regular empty file",
            Kind::File => "regular file",
        };
        let guard = if guarded { "write-protected " } else { "" };
        confirmed(self.sh, &format!("rm: {what} {guard}{kind} {}? ", quoted(name))).await
    }

    async fn remove(&mut self, name: &[u8], named: bool) -> Result<(), Stop> {
        self.sh.io.step(2)?;
        self.sh.io.pace().await?;
        let who = self.sh.account.cred.clone();
        let path = join(&self.sh.cwd, name);
        let found = self.sh.vfs().lstat(&who, &path);
        let stat = match found {
            Err(Errno::ENOENT | Errno::ENOTDIR) if self.force => return Ok(()),
            _ if name.is_empty() && self.force => return Ok(()),
            _ if name.ends_with(b"/..") => {
                return self.fail(&format!("cannot remove {}: {}", quoted(name), Errno::ENOENT));
            }
            _ if name.is_empty() => return self.fail(&format!("cannot remove '': {}", Errno::ENOENT)),
            Err(errno) => return self.fail(&format!("cannot remove {}: {errno}", quoted(name))),
            Ok(stat) if stat.kind != Kind::Dir && name.ends_with(b"/") => {
                return self.fail(&format!("cannot remove {}: {}", quoted(name), Errno::ENOTDIR));
            }
            Ok(stat) => stat,
        };
        if stat.kind != Kind::Dir {
            if !self.may("remove", name, &stat).await? {
                return Ok(());
            }
            let gone = self.sh.vfs().unlink(&who, &path);
            return self.told(gone, "removed", name);
        }
        if !self.deep && !self.empty {
            return self.fail(&format!("cannot remove {}: {}", quoted(name), Errno::EISDIR));
        }
        if self.deep {
            let entries = self.sh.vfs().readdir(&who, &path);
            let entries = match entries {
                Ok(entries) => entries,
                Err(errno) => return self.fail(&format!("cannot remove {}: {errno}", quoted(name))),
            };
            if self.ask && !entries.is_empty() && !self.may("descend into", name, &stat).await? {
                return Ok(());
            }
            let before = self.status;
            for (entry, _) in entries {
                Box::pin(self.remove(&inside(name, &entry), false)).await?;
            }
            // One that still holds what could not go is not spoken of again.
            let left = self.sh.vfs().readdir(&who, &path).is_ok_and(|entries| !entries.is_empty());
            if left && (self.status != before || !named) {
                return Ok(());
            }
        }
        if !self.may("remove", name, &stat).await? {
            return Ok(());
        }
        let gone = self.sh.vfs().rmdir(&who, &path);
        self.told(gone, "removed directory", name)
    }

    fn told(&mut self, gone: Result<(), Errno>, what: &str, name: &[u8]) -> Result<(), Stop> {
        match gone {
            Ok(()) if self.verbose => self.sh.write(1, format!("{what} {}\n", quoted(name)).as_bytes()),
            Ok(()) => Ok(()),
            Err(errno) => self.fail(&format!("cannot remove {}: {errno}", quoted(name))),
        }
    }
}

async fn ln(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "bdfinrst:vFLPS:T",
        longs: &[
            ("backup?", 201),
            ("directory", b'd'),
            ("no-dereference", b'n'),
            ("no-target-directory", b'T'),
            ("force", b'f'),
            ("interactive", b'i'),
            ("suffix=", b'S'),
            ("target-directory=", b't'),
            ("logical", b'L'),
            ("physical", b'P'),
            ("relative", b'r'),
            ("symbolic", b's'),
            ("verbose", b'v'),
            ("version", 202),
        ],
    };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 1).await,
    };
    if parsed.has(202) {
        let text = version("ln", "GNU coreutils", "9.1", "Mike Parker and David MacKenzie");
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    }
    if parsed.has(b'r') && !parsed.has(b's') {
        sh.write(2, b"ln: cannot do --relative without --symbolic\n")?;
        return Ok(1);
    }
    let pairs = match targets(sh, name, &parsed, "file operand").await? {
        Targets::Pairs(pairs) => pairs,
        Targets::Refused(status) => return Ok(status),
    };
    let soft = parsed.has(b's');
    let who = sh.account.cred.clone();
    let mut status = 0;
    for (from, to) in pairs {
        let raw = to.clone();
        let to = to.strip_prefix(b"./").map_or_else(|| to.clone(), <[u8]>::to_vec);
        let (source, target) = (join(&sh.cwd, &from), join(&sh.cwd, &to));
        let mut say = |sh: &mut Shell, what: String| {
            status = 1;
            sh.write(2, format!("ln: {what}\n").as_bytes())
        };
        if !soft {
            let found = sh.vfs().lstat(&who, &source);
            match found {
                Err(errno) => {
                    say(sh, format!("failed to access {}: {errno}", quoted(&from)))?;
                    continue;
                }
                Ok(stat) if stat.kind == Kind::Dir => {
                    say(sh, format!("{}: hard link not allowed for directory", show(&from)))?;
                    continue;
                }
                Ok(_) => {}
            }
        }
        let there = sh.vfs().lstat(&who, &target).ok();
        let mut backup = String::new();
        if let Some(there) = there {
            let same = sh.vfs().stat(&who, &source).is_ok_and(|s| s.ino == there.ino);
            if parsed.has(b'i') && !confirmed(sh, &format!("ln: replace {}? ", quoted(&to))).await? {
                continue;
            }
            if parsed.has(b'b') || parsed.has(201) || parsed.has(b'S') {
                let suffix = parsed.value(b'S').unwrap_or(b"~").to_vec();
                let other = [to.as_slice(), &suffix].concat();
                let _ = sh.vfs().rename(&who, &target, &join(&sh.cwd, &other));
                backup = format!("{} ~ ", quoted(&other));
            } else if parsed.has(b'f') || parsed.has(b'i') {
                if same && !soft {
                    say(sh, format!("{} and {} are the same file", quoted(&from), quoted(&to)))?;
                    continue;
                }
                if there.kind == Kind::Dir {
                    say(sh, format!("{}: cannot overwrite directory", show(&to)))?;
                    continue;
                }
                let _ = sh.vfs().unlink(&who, &target);
            }
        }
        let text = if parsed.has(b'r') { relative(split(&target).0, &source) } else { from.clone() };
        let made = if soft {
            sh.vfs().symlink(&who, &text, &target).map(|_| ())
        } else {
            sh.vfs().link(&who, &source, &target)
        };
        match made {
            Ok(()) if parsed.has(b'v') => {
                let arrow = if soft { "->" } else { "=>" };
                sh.write(1, format!("{backup}{} {arrow} {}\n", quoted(&to), quoted(&text)).as_bytes())?;
            }
            Ok(()) => {}
            Err(errno) if soft => {
                say(sh, format!("failed to create symbolic link {}: {errno}", quoted(&raw)))?
            }
            Err(Errno::EEXIST) => {
                say(sh, format!("failed to create hard link {}: {}", quoted(&raw), Errno::EEXIST))?;
            }
            Err(errno) => {
                say(sh, format!("failed to create hard link {} => {}: {errno}", quoted(&to), quoted(&from)))?;
            }
        }
    }
    Ok(status)
}

/// The way from a directory to a path, both absolute.
fn relative(dir: &[u8], path: &[u8]) -> Vec<u8> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|b| *b == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (dir, path) = (parts(dir), parts(path));
    let same = dir.iter().zip(&path).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(b"..".to_vec(), dir.len() - same);
    let all: Vec<Vec<u8>> = up.chain(path.into_iter().skip(same)).collect();
    if all.is_empty() { b".".to_vec() } else { all.join(&b'/') }
}

async fn tee(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "aip",
        longs: &[("append", b'a'), ("ignore-interrupts", b'i'), ("output-error?", 200), ("version", 201)],
    };
    let parsed = match parse(&args, &SPEC) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 1).await,
    };
    if parsed.has(201) {
        let by = "Mike Parker, Richard M. Stallman, and David MacKenzie";
        sh.write(1, version("tee", "GNU coreutils", "9.1", by).as_bytes())?;
        return Ok(0);
    }
    let mut status = 0;
    let mut outputs = vec![sh.fds.get(&1).cloned()];
    for file in &parsed.rest {
        match sh.open_write(file, parsed.has(b'a')) {
            Ok(desc) => outputs.push(Some(desc)),
            Err(errno) => {
                sh.write(2, format!("tee: {}: {errno}\n", show(file)).as_bytes())?;
                status = 1;
            }
        }
    }
    let own = sh.fds.get(&1).cloned();
    let result = hand_on(sh, &outputs).await;
    match own {
        Some(own) => sh.fds.insert(1, own),
        None => sh.fds.remove(&1),
    };
    result.map(|()| status)
}

/// Writes the input to all of them; what is typed is handed on line by line.
async fn hand_on(sh: &mut Shell, outputs: &[Option<Desc>]) -> Result<(), Stop> {
    let console = matches!(sh.fds.get(&0), Some(Desc::Console(_)));
    loop {
        let some = if console { sh.io.read_some().await? } else { Some(sh.read_all().await?) };
        let Some(some) = some.filter(|some| !some.is_empty()) else { return Ok(()) };
        for output in outputs.iter().flatten() {
            sh.fds.insert(1, output.clone());
            sh.write(1, &some)?;
        }
        if !console {
            return Ok(());
        }
    }
}

fn readlink(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "efmnqsvz",
        longs: &[
            ("canonicalize", b'f'),
            ("canonicalize-existing", b'e'),
            ("canonicalize-missing", b'm'),
            ("no-newline", b'n'),
            ("quiet", b'q'),
            ("silent", b's'),
            ("verbose", b'v'),
            ("zero", b'z'),
            ("version", 200),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(200) {
        ctx.print(&version("readlink", "GNU coreutils", "9.1", "Dmitry V. Levin"));
        return Ok(0);
    }
    if parsed.rest.is_empty() {
        return Ok(super::attrs::missing(ctx, "operand"));
    }
    let many = parsed.rest.len() > 1;
    if parsed.has(b'n') && many {
        ctx.fail("ignoring --no-newline with multiple arguments");
    }
    let end: &[u8] = match (parsed.has(b'z'), parsed.has(b'n') && !many) {
        (_, true) => b"",
        (true, _) => b"\0",
        _ => b"\n",
    };
    let who = ctx.sh.account.cred.clone();
    let mut status = 0;
    for name in &parsed.rest {
        let path = ctx.path(name);
        let vfs = ctx.sh.vfs();
        let found = if name.is_empty() {
            Err(Errno::ENOENT)
        } else if parsed.has(b'e') {
            vfs.canonical(&who, &path).and_then(|whole| vfs.stat(&who, &whole).map(|_| whole))
        } else if parsed.has(b'f') {
            // The last part need not be there, be it where a link leads to.
            let mut path = path.clone();
            for _ in 0..40 {
                match vfs.readlink(&who, &path) {
                    Ok(target) if vfs.canonical(&who, &path).is_err() => {
                        path = join(split(&path).0, &target);
                    }
                    _ => break,
                }
            }
            let (dir, base) = split(&path);
            vfs.canonical(&who, &path).or_else(|_| vfs.canonical(&who, dir).map(|dir| join(&dir, base)))
        } else if parsed.has(b'm') {
            // As far as it is there.
            let mut head = path.clone();
            let mut tail: Vec<Vec<u8>> = Vec::new();
            loop {
                if let Ok(whole) = vfs.canonical(&who, &head) {
                    break Ok(tail.iter().rev().fold(whole, |path, part| join(&path, part)));
                }
                let (dir, base) = split(&head);
                tail.push(base.to_vec());
                head = dir.to_vec();
            }
        } else {
            vfs.readlink(&who, &path)
        };
        drop(vfs);
        match found {
            Ok(text) => ctx.out.extend([text.as_slice(), end].concat()),
            Err(errno) => {
                status = 1;
                if parsed.has(b'v') {
                    ctx.fail(&format!("{}: {errno}", show(name)));
                }
            }
        }
    }
    Ok(status)
}
