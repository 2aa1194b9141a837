//! cp(1) and mv(1) of coreutils 9.1.

use super::attrs::inside;
use super::ctx::{show, version};
use super::files::{Targets, confirmed, quoted, targets};
use super::getopt::{Parsed, Spec, parse};
use super::registry::{Row, waits};
use super::wrappers::refuse;
use crate::shell::Shell;
use crate::shell::io::{BUFFER, Stop};
use crate::vfs::{Errno, Kind, SetAttr, Stat, join};

pub(super) const PROGRAMS: &[Row] = &[
    waits("cp", "coreutils", 151_152, |sh, name, args| Box::pin(program(sh, name, args))),
    waits("mv", "coreutils", 142_968, |sh, name, args| Box::pin(program(sh, name, args))),
];

/// Files and directories that one call copies.
const NODES: u32 = 50_000;
/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// Directories below one another.
const DEPTH: u32 = 64;

const CP: Spec = Spec {
    shorts: "abdfHilLnprst:uvxPRS:TZ",
    longs: &[
        ("archive", b'a'),
        ("attributes-only", 200),
        ("backup?", 201),
        ("copy-contents", 202),
        ("dereference", b'L'),
        ("force", b'f'),
        ("interactive", b'i'),
        ("link", b'l'),
        ("no-clobber", b'n'),
        ("no-dereference", b'P'),
        ("no-preserve=", 203),
        ("no-target-directory", b'T'),
        ("one-file-system", b'x'),
        ("parents", 204),
        ("preserve?", 205),
        ("recursive", b'r'),
        ("reflink?", 206),
        ("remove-destination", 207),
        ("sparse=", 208),
        ("strip-trailing-slashes", 209),
        ("suffix=", b'S'),
        ("symbolic-link", b's'),
        ("target-directory=", b't'),
        ("update", b'u'),
        ("verbose", b'v'),
        ("version", 210),
    ],
};

const MV: Spec = Spec {
    shorts: "bfint:uvS:TZ",
    longs: &[
        ("backup?", 201),
        ("force", b'f'),
        ("interactive", b'i'),
        ("no-clobber", b'n'),
        ("no-target-directory", b'T'),
        ("strip-trailing-slashes", 209),
        ("suffix=", b'S'),
        ("target-directory=", b't'),
        ("update", b'u'),
        ("verbose", b'v'),
        ("version", 210),
    ],
};

async fn program(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let moves = name == "mv";
    let parsed = match parse(&args, if moves { &MV } else { &CP }) {
        Ok(parsed) => parsed,
        Err(why) => return refuse(sh, name, &why, 1).await,
    };
    if parsed.has(210) {
        let by = if moves {
            "Mike Parker, David MacKenzie, and Jim Meyering"
        } else {
            "Torbjorn Granlund, David MacKenzie, and Jim Meyering"
        };
        sh.write(1, version(name, "GNU coreutils", "9.1", by).as_bytes())?;
        return Ok(0);
    }
    let plan = match targets(sh, name, &parsed, "file operand").await? {
        Targets::Pairs(pairs) => pairs,
        Targets::Refused(status) => return Ok(status),
    };
    let mut work = Work {
        sh,
        name,
        how: How::read(&parsed, moves),
        status: 0,
        left: NODES,
        made: Vec::new(),
        top: (Vec::new(), Vec::new()),
    };
    for (from, to) in plan {
        let to = if parsed.has(204) { work.parents(&parsed, &from)? } else { to };
        if moves {
            work.rename(&from, &to).await?;
        } else {
            work.top = (from.clone(), to.clone());
            work.copy(&from, &to, true, 0).await?;
        }
    }
    Ok(work.status)
}

/// What is done to each file.
struct How {
    deep: bool,
    /// Links: followed always, followed where they are named, or copied.
    follow: bool,
    follow_named: bool,
    times: bool,
    owner: bool,
    mode: bool,
    link: bool,
    symlink: bool,
    keep: bool,
    ask: bool,
    newer: bool,
    force: bool,
    remove: bool,
    verbose: bool,
    backup: Option<Vec<u8>>,
    numbered: bool,
}

impl How {
    fn read(parsed: &Parsed, moves: bool) -> Self {
        let has = |letter: u8| parsed.has(letter);
        let all = has(b'a');
        let deep = all || has(b'r') || has(b'R');
        let kept = |what: &str| {
            all || has(b'p')
                || parsed.given.iter().any(|(code, value)| {
                    let value = show(value);
                    *code == 205
                        && (value.split(',').any(|word| word == what || word == "all")
                            || (value.is_empty() && what != "links"))
                })
        };
        // The last of -i, -n and -f holds; of links, the last of -d, -P, -L and -H.
        let last = |letters: &[u8]| parsed.given.iter().map(|g| g.0).rfind(|letter| letters.contains(letter));
        let over = last(b"inf");
        let links = last(b"daPLH");
        let suffix = parsed.value(b'S').map(<[u8]>::to_vec);
        let kind = parsed.value(201).map(show).unwrap_or_default();
        let backs = has(b'b') || has(201) || suffix.is_some();
        Self {
            deep: deep || moves,
            follow: match links {
                Some(b'L') => true,
                Some(_) => false,
                None => !deep,
            },
            follow_named: links == Some(b'H'),
            times: kept("timestamps") || moves,
            owner: kept("ownership") || moves,
            mode: kept("mode") || moves,
            link: has(b'l'),
            symlink: has(b's') && !moves,
            keep: over == Some(b'n'),
            ask: over == Some(b'i'),
            newer: has(b'u'),
            force: has(b'f'),
            remove: has(207),
            verbose: has(b'v'),
            numbered: matches!(kind.as_str(), "numbered" | "t"),
            backup: backs
                .then(|| suffix.unwrap_or_else(|| b"~".to_vec()))
                .filter(|_| !matches!(kind.as_str(), "none" | "off")),
        }
    }
}

struct Work<'a> {
    sh: &'a mut Shell,
    name: &'a str,
    how: How,
    status: i32,
    left: u32,
    /// Directories made by this call: what lies in them was not there to be copied.
    made: Vec<u64>,
    /// The source and the target that were named.
    top: (Vec<u8>, Vec<u8>),
}

impl Work<'_> {
    fn fail(&mut self, what: &str) -> Result<(), Stop> {
        self.status = 1;
        self.sh.write(2, format!("{}: {what}\n", self.name).as_bytes())
    }

    fn path(&self, name: &[u8]) -> Vec<u8> {
        join(&self.sh.cwd, name)
    }

    fn lstat(&self, name: &[u8]) -> Result<Stat, Errno> {
        if name.is_empty() {
            return Err(Errno::ENOENT);
        }
        if self.sh.is_descriptor(name) {
            return self.sh.vfs().stat(&self.sh.account.cred, b"/dev/null").map(|s| Stat {
                kind: Kind::File,
                ino: 0,
                ..s
            });
        }
        self.sh.vfs().lstat(&self.sh.account.cred, &self.path(name))
    }

    fn stat(&self, name: &[u8]) -> Result<Stat, Errno> {
        if name.is_empty() || self.sh.is_descriptor(name) {
            return self.lstat(name);
        }
        self.sh.vfs().stat(&self.sh.account.cred, &self.path(name))
    }

    /// `--parents`: makes the directories of a source below the target, and says where it goes.
    fn parents(&mut self, parsed: &Parsed, from: &[u8]) -> Result<Vec<u8>, Stop> {
        let dir = parsed
            .value(b't')
            .map(<[u8]>::to_vec)
            .or_else(|| parsed.rest.last().cloned())
            .unwrap_or_default();
        let mut at = dir.clone();
        let mut source = Vec::new();
        let parts: Vec<&[u8]> = from.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            at = inside(&at, part);
            source = if source.is_empty() { part.to_vec() } else { inside(&source, part) };
            let (who, path) = (self.sh.account.cred.clone(), self.path(&at));
            let made = self.sh.vfs().mkdir(&who, &path, 0o755);
            if made.is_ok() && self.how.verbose {
                let text = format!("{} -> {}\n", show(&source), show(&at));
                self.sh.write(1, text.as_bytes())?;
            }
        }
        Ok(match parts.last() {
            Some(last) => inside(&at, last),
            None => at,
        })
    }

    /// Whether something may take the place of what stands at the target; a backup of it is made.
    async fn clears(&mut self, from: &Stat, to: &[u8]) -> Result<Option<String>, Stop> {
        let Ok(there) = self.lstat(to) else { return Ok(Some(String::new())) };
        if self.how.keep || (self.how.newer && there.mtime >= from.mtime) {
            return Ok(None);
        }
        if self.how.ask && !confirmed(self.sh, &format!("{}: overwrite {}? ", self.name, quoted(to))).await? {
            return Ok(None);
        }
        let Some(suffix) = self.how.backup.clone() else { return Ok(Some(String::new())) };
        let other = if self.how.numbered {
            (1..1000)
                .map(|n| [to, format!(".~{n}~").as_bytes()].concat())
                .find(|name| self.lstat(name).is_err())
                .unwrap_or_else(|| to.to_vec())
        } else {
            [to, &suffix].concat()
        };
        let (who, old, new) = (self.sh.account.cred.clone(), self.path(to), self.path(&other));
        let _ = self.sh.vfs().rename(&who, &old, &new);
        Ok(Some(format!(" (backup: {})", quoted(&other))))
    }

    async fn copy(&mut self, from: &[u8], to: &[u8], named: bool, depth: u32) -> Result<(), Stop> {
        self.sh.io.step(4)?;
        self.sh.io.pace().await?;
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let follows = self.how.follow || (named && self.how.follow_named);
        let found = if follows { self.stat(from) } else { self.lstat(from) };
        let stat = match found {
            Ok(stat) if stat.kind != Kind::Dir && from.ends_with(b"/") => {
                let errno = Errno::ENOTDIR;
                return self.fail(&format!("cannot stat {}: {errno}", quoted(from)));
            }
            Ok(stat) => stat,
            Err(errno) => return self.fail(&format!("cannot stat {}: {errno}", quoted(from))),
        };
        if stat.kind == Kind::Dir {
            return Box::pin(self.copy_dir(from, to, stat, depth)).await;
        }
        let there = match self.stat(to).or_else(|_| self.lstat(to)) {
            Err(errno) if !matches!(errno, Errno::ENOENT) => {
                return self.fail(&format!("cannot stat {}: {errno}", quoted(to)));
            }
            there => there.ok(),
        };
        if let Some(there) = there {
            let own_link = self.how.symlink && self.lstat(to).is_ok_and(|s| s.kind == Kind::Link);
            if there.ino == stat.ino && !self.how.remove && !own_link {
                if self.how.link {
                    return Ok(());
                }
                return self.fail(&format!("{} and {} are the same file", quoted(from), quoted(to)));
            }
            if there.kind == Kind::Dir {
                return self.fail(&format!("cannot overwrite directory {} with non-directory", quoted(to)));
            }
        }
        let Some(backup) = self.clears(&stat, to).await? else { return Ok(()) };
        if self.how.verbose {
            let text = format!("{} -> {}{backup}\n", quoted(from), quoted(to));
            self.sh.write(1, text.as_bytes())?;
        }
        self.place(from, to, &stat)
    }

    /// Makes the new file, link or hard link.
    fn place(&mut self, from: &[u8], to: &[u8], stat: &Stat) -> Result<(), Stop> {
        let who = self.sh.account.cred.clone();
        let (source, target) = (self.path(from), self.path(to));
        if self.how.symlink && !from.starts_with(b"/") && to.contains(&b'/') {
            return self
                .fail(&format!("{}: can make relative symbolic links only in current directory", show(to)));
        }
        if self.how.remove
            || ((self.how.link || self.how.symlink || stat.kind == Kind::Link) && self.how.force)
            || stat.kind == Kind::Link
        {
            let _ = self.sh.vfs().unlink(&who, &target);
        }
        if self.how.link || self.how.symlink {
            let result = if self.how.link {
                self.sh.vfs().link(&who, &source, &target)
            } else {
                self.sh.vfs().symlink(&who, from, &target).map(|_| ())
            };
            return match result {
                Ok(()) => Ok(()),
                Err(errno) if self.how.link => {
                    self.fail(&format!("cannot create hard link {} to {}: {errno}", quoted(to), quoted(from)))
                }
                Err(errno) => self.fail(&format!(
                    "cannot create symbolic link {} to {}: {errno}",
                    quoted(to),
                    quoted(from)
                )),
            };
        }
        if stat.kind == Kind::Link {
            let leads = self.sh.vfs().readlink(&who, &source).unwrap_or_default();
            let made = self.sh.vfs().symlink(&who, &leads, &target);
            return match made {
                Ok(_) => Ok(()),
                Err(errno) => self.fail(&format!("cannot create symbolic link {}: {errno}", quoted(to))),
            };
        }
        let readable = self.sh.vfs().access(&who, &source, 4);
        if let Err(errno) = readable
            && !self.sh.is_descriptor(from)
        {
            return self.fail(&format!("cannot open {} for reading: {errno}", quoted(from)));
        }
        if to.ends_with(b"/") || to.is_empty() {
            let errno = if to.is_empty() { Errno::ENOENT } else { Errno::ENOTDIR };
            return self.fail(&format!("cannot create regular file {}: {errno}", quoted(to)));
        }
        if self.sh.is_descriptor(to) {
            return self.copy_to_descriptor(from, to);
        }
        let created = self.sh.vfs().create(&who, &target, stat.mode & 0o777 & !self.sh.umask, true);
        let ino = match created {
            Ok(ino) => ino,
            Err(Errno::EACCES) if self.how.force => {
                let _ = self.sh.vfs().unlink(&who, &target);
                let again = self.sh.vfs().create(&who, &target, stat.mode & 0o777 & !self.sh.umask, true);
                match again {
                    Ok(ino) => ino,
                    Err(errno) => {
                        return self.fail(&format!("cannot create regular file {}: {errno}", quoted(to)));
                    }
                }
            }
            Err(errno) => return self.fail(&format!("cannot create regular file {}: {errno}", quoted(to))),
        };
        let mut at = 0;
        loop {
            self.sh.io.step(1 + (CHUNK / 65_536) as u64)?;
            let bytes = match self.sh.descriptor_content(from) {
                Some(bytes) if at == 0 => Ok(bytes),
                Some(_) => Ok(Vec::new()),
                None => self.sh.vfs().read(&who, &source, at, CHUNK),
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(errno) => return self.fail(&format!("error reading {}: {errno}", quoted(from))),
            };
            if bytes.is_empty() {
                break;
            }
            let written = self.sh.vfs().write(ino, Some(at), &bytes);
            if let Err(errno) = written {
                return self.fail(&format!("error writing {}: {errno}", quoted(to)));
            }
            at += bytes.len() as u64;
        }
        self.attributes(&target, stat);
        Ok(())
    }

    /// Copies into what /dev/stdout or `>(...)` is open on.
    fn copy_to_descriptor(&mut self, from: &[u8], to: &[u8]) -> Result<(), Stop> {
        let content = match self.sh.descriptor_content(from) {
            Some(bytes) => Ok(bytes),
            None => self.sh.vfs().read(&self.sh.account.cred, &self.path(from), 0, BUFFER),
        };
        match (content, self.sh.open_write(to, false)) {
            (Err(errno), _) => self.fail(&format!("error reading {}: {errno}", quoted(from))),
            (_, Err(errno)) => self.fail(&format!("cannot create regular file {}: {errno}", quoted(to))),
            (Ok(bytes), Ok(_)) => match self.sh.descriptor(to) {
                Some(fd) => self.sh.write(fd, &bytes),
                None => Ok(()),
            },
        }
    }

    fn attributes(&mut self, target: &[u8], stat: &Stat) {
        let who = self.sh.account.cred.clone();
        let how = &self.how;
        let own = how.owner && who.uid == 0;
        let set = SetAttr {
            mode: how.mode.then_some(stat.mode),
            uid: own.then_some(stat.uid),
            gid: own.then_some(stat.gid),
            mtime: how.times.then_some(stat.mtime),
            atime: how.times.then_some(stat.atime),
        };
        // What may not be kept is left as it is, as `cp -p` by a user leaves the owner.
        let _ = self.sh.vfs().set_attr(&who, target, set);
    }

    async fn copy_dir(&mut self, from: &[u8], to: &[u8], stat: Stat, depth: u32) -> Result<(), Stop> {
        if !self.how.deep {
            return self.fail(&format!("-r not specified; omitting directory {}", quoted(from)));
        }
        if self.made.contains(&stat.ino) {
            let (from, to) = (quoted(&self.top.0), quoted(&self.top.1));
            return self.fail(&format!("cannot copy a directory, {from}, into itself, {to}"));
        }
        if depth > DEPTH {
            return Ok(());
        }
        let who = self.sh.account.cred.clone();
        let (source, target) = (self.path(from), self.path(to));
        // What is within the target by now was there before.
        let entries = self.sh.vfs().readdir(&who, &source);
        let entries = match entries {
            Ok(entries) => entries,
            Err(errno) => return self.fail(&format!("cannot access {}: {errno}", quoted(from))),
        };
        let mut fresh = false;
        match self.stat(to) {
            Ok(there) if there.kind == Kind::Dir && there.ino == stat.ino => {
                return self.fail(&format!("{} and {} are the same file", quoted(from), quoted(to)));
            }
            Ok(there) if there.kind == Kind::Dir => {
                if depth == 0 {
                    self.made.push(there.ino);
                }
            }
            Ok(_) => {
                return self.fail(&format!(
                    "cannot overwrite non-directory {} with directory {}",
                    quoted(to),
                    quoted(from)
                ));
            }
            Err(_) => {
                fresh = true;
                let mode = stat.mode & 0o777 & !self.sh.umask;
                let made = self.sh.vfs().mkdir(&who, &target, mode | 0o700);
                match made {
                    Ok(ino) if self.made.len() < 4096 => self.made.push(ino),
                    Ok(_) => {}
                    Err(errno) => {
                        return self.fail(&format!("cannot create directory {}: {errno}", quoted(to)));
                    }
                }
                if self.how.verbose {
                    let text = format!("{} -> {}\n", quoted(from), quoted(to));
                    self.sh.write(1, text.as_bytes())?;
                }
            }
        }
        // Where the target lies within its own source it is met there.
        let again = self.sh.vfs().readdir(&who, &source);
        for (name, _) in again.unwrap_or(entries) {
            let (a, b) = (inside(from, &name), inside(to, &name));
            Box::pin(self.copy(&a, &b, false, depth + 1)).await?;
        }
        if fresh && !self.how.mode {
            // It could be written to while it was filled.
            let mode = Some(stat.mode & 0o777 & !self.sh.umask);
            let _ = self.sh.vfs().set_attr(&who, &target, SetAttr { mode, ..SetAttr::default() });
        }
        self.attributes(&target, &stat);
        Ok(())
    }

    async fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), Stop> {
        self.sh.io.step(4)?;
        let stat = match self.lstat(from) {
            Ok(stat) if stat.kind != Kind::Dir && from.ends_with(b"/") => {
                return self.fail(&format!("cannot stat {}: {}", quoted(from), Errno::ENOTDIR));
            }
            Ok(stat) => stat,
            Err(errno) => return self.fail(&format!("cannot stat {}: {errno}", quoted(from))),
        };
        if let Ok(there) = self.lstat(to) {
            if there.ino == stat.ino {
                return self.fail(&format!("{} and {} are the same file", quoted(from), quoted(to)));
            }
            match (stat.kind == Kind::Dir, there.kind == Kind::Dir) {
                (true, false) => {
                    return self.fail(&format!(
                        "cannot overwrite non-directory {} with directory {}",
                        quoted(to),
                        quoted(from)
                    ));
                }
                (false, true) => {
                    return self
                        .fail(&format!("cannot overwrite directory {} with non-directory", quoted(to)));
                }
                _ => {}
            }
        }
        let (source, target) = (self.path(from), self.path(to));
        if stat.kind == Kind::Dir
            && target.strip_prefix(source.as_slice()).is_some_and(|rest| rest.starts_with(b"/"))
        {
            return self.fail(&format!(
                "cannot move {} to a subdirectory of itself, {}",
                quoted(from),
                quoted(to)
            ));
        }
        if to.ends_with(b"/") && stat.kind != Kind::Dir {
            return self.fail(&format!("cannot move {} to {}: {}", quoted(from), quoted(to), Errno::ENOTDIR));
        }
        let Some(backup) = self.clears(&stat, to).await? else { return Ok(()) };
        let who = self.sh.account.cred.clone();
        let moved = self.sh.vfs().rename(&who, &source, &target);
        match moved {
            Ok(()) if self.how.verbose => {
                let text = format!("renamed {} -> {}{backup}\n", quoted(from), quoted(to));
                self.sh.write(1, text.as_bytes())
            }
            Ok(()) => Ok(()),
            Err(errno) => self.fail(&format!("cannot move {} to {}: {errno}", quoted(from), quoted(to))),
        }
    }
}
