//! find(1) of GNU findutils 4.9.

mod parse;
mod print;

use super::ctx::show;
use super::files::owner_of;
use super::regex::Regex;
use super::registry::{Row, waits};
use super::run;
use crate::shell::io::Stop;
use crate::shell::{Shell, glob};
use crate::vfs::{Errno, Kind, Stat, join};

pub(super) const PROGRAMS: &[Row] =
    &[waits("find", "findutils", 224_848, |sh, name, args| Box::pin(find(sh, name, args)))];

/// Nodes one run looks at: more than the whole tree has.
const NODES: u64 = 300_000;
/// Bytes held before they are written.
const HELD: usize = 64 << 10;
/// Arguments that `-exec ... +` gathers for one command.
const GATHERED: usize = 5000;

enum Test {
    True,
    False,
    Name(Vec<u8>, bool),
    Path(Vec<u8>, bool),
    LinkName(Vec<u8>, bool),
    Regex(Box<Regex>),
    Type(Vec<u8>),
    Size(Compare, u64),
    Perm(char, u32),
    Uid(Compare),
    Gid(Compare),
    NoOwner(bool),
    /// Age in units of so many seconds, of the content (`m`), the last reading (`a`) or the status (`c`).
    Age(u8, Compare, i64),
    Newer(i64),
    Empty,
    Links(Compare),
    Inum(Compare),
    Access(u8),
    SameFile(u64),
    Print(u8),
    Printf(Vec<u8>),
    List,
    Exec {
        words: Vec<Vec<u8>>,
        gather: Option<usize>,
        in_dir: bool,
        ask: bool,
    },
    Delete,
    Prune,
    Quit,
}

#[derive(Clone, Copy)]
struct Compare {
    sign: char,
    value: u64,
}

impl Compare {
    fn holds(self, value: u64) -> bool {
        match self.sign {
            '+' => value > self.value,
            '-' => value < self.value,
            _ => value == self.value,
        }
    }
}

enum Node {
    Test(usize),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Comma(Box<Node>, Box<Node>),
}

struct Plan {
    roots: Vec<Vec<u8>>,
    tests: Vec<Test>,
    node: Node,
    most: usize,
    least: usize,
    depth_first: bool,
    /// `P` never, `H` for operands, `L` always.
    follow: u8,
    /// How many `-exec ... +` there are.
    gatherers: usize,
}

struct Here<'a> {
    shown: &'a [u8],
    path: Vec<u8>,
    stat: Stat,
    level: usize,
    root: &'a [u8],
}

struct Walk<'p> {
    plan: &'p Plan,
    out: Vec<u8>,
    gathered: Vec<Vec<Vec<u8>>>,
    status: i32,
    prune: bool,
    quit: bool,
}

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = Result<bool, Stop>> + Send + 'a>>;

async fn find(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    if args.iter().any(|a| a == b"--version" || a == b"-version") {
        let text = super::ctx::version(
            "find",
            "GNU findutils",
            "4.9.0",
            "Eric B. Decker, James Youngman, and Kevin Dalley",
        );
        let features =
            "Features enabled: D_TYPE O_NOFOLLOW(enabled) LEAF_OPTIMISATION FTS(FTS_CWDFD) CBO(level=2) \n";
        sh.write(1, format!("{text}{features}").as_bytes())?;
        return Ok(0);
    }
    let plan = match parse::plan(sh, &args) {
        Ok(plan) => plan,
        Err(why) => {
            sh.write(2, format!("find: {why}\n").as_bytes())?;
            return Ok(1);
        }
    };
    let mut walk = Walk {
        plan: &plan,
        out: Vec::new(),
        gathered: vec![Vec::new(); plan.gatherers],
        status: 0,
        prune: false,
        quit: false,
    };
    let mut left = NODES;
    for root in &plan.roots {
        Box::pin(walk.tree(sh, root, &mut left)).await?;
        if walk.quit {
            break;
        }
    }
    for at in 0..plan.tests.len() {
        Box::pin(walk.gathered_command(sh, at)).await?;
    }
    walk.flush(sh)?;
    Ok(walk.status)
}

/// What is still to be looked at: a node, or a directory whose turn comes behind its content.
struct Todo {
    shown: Vec<u8>,
    level: usize,
    behind: bool,
}

impl Walk<'_> {
    fn flush(&mut self, sh: &mut Shell) -> Result<(), Stop> {
        sh.write(1, &std::mem::take(&mut self.out))
    }

    fn fail(&mut self, sh: &mut Shell, what: &str) -> Result<(), Stop> {
        self.flush(sh)?;
        self.status = 1;
        sh.write(2, format!("find: {what}\n").as_bytes())
    }

    async fn tree(&mut self, sh: &mut Shell, root: &[u8], left: &mut u64) -> Result<(), Stop> {
        let mut stack = vec![Todo { shown: root.to_vec(), level: 0, behind: false }];
        while let Some(todo) = stack.pop() {
            *left = left.saturating_sub(1);
            if *left == 0 || self.quit {
                break;
            }
            if left.is_multiple_of(64) {
                sh.io.step(1)?;
            }
            let path = join(&sh.cwd, &todo.shown);
            let follow = self.plan.follow == b'L' || (self.plan.follow == b'H' && todo.level == 0);
            let found = {
                let vfs = sh.vfs();
                let who = &sh.account.cred;
                // A link that leads nowhere is looked at itself.
                if follow {
                    vfs.stat(who, &path).or_else(|_| vfs.lstat(who, &path))
                } else {
                    vfs.lstat(who, &path)
                }
            };
            let stat = match found {
                Ok(stat) => stat,
                Err(errno) => {
                    self.fail(sh, &format!("‘{}’: {errno}", show(&todo.shown)))?;
                    continue;
                }
            };
            let here = Here { shown: &todo.shown, path, stat, level: todo.level, root };
            let is_dir = stat.kind == Kind::Dir;
            self.prune = false;
            if todo.behind || !(is_dir && self.plan.depth_first) {
                if todo.level >= self.plan.least {
                    self.node(sh, &self.plan.node, &here).await?;
                }
                if self.out.len() > HELD {
                    self.flush(sh)?;
                }
            }
            if !is_dir || todo.behind || (self.prune && !self.plan.depth_first) {
                continue;
            }
            if self.plan.depth_first {
                stack.push(Todo { shown: todo.shown.clone(), level: todo.level, behind: true });
            }
            if todo.level >= self.plan.most {
                continue;
            }
            let entries = sh.vfs().readdir(&sh.account.cred, &here.path);
            match entries {
                Ok(entries) => {
                    for (entry, _) in entries.into_iter().rev() {
                        let sep: &[u8] = if todo.shown.ends_with(b"/") { b"" } else { b"/" };
                        let shown = [todo.shown.as_slice(), sep, &entry].concat();
                        stack.push(Todo { shown, level: todo.level + 1, behind: false });
                    }
                }
                Err(errno) => self.fail(sh, &format!("‘{}’: {errno}", show(&todo.shown)))?,
            }
        }
        Ok(())
    }

    fn node<'a>(&'a mut self, sh: &'a mut Shell, node: &'a Node, here: &'a Here<'_>) -> Running<'a> {
        Box::pin(async move {
            Ok(match node {
                Node::Test(at) => self.test(sh, *at, here).await?,
                Node::Not(inner) => !self.node(sh, inner, here).await?,
                Node::And(a, b) => {
                    self.node(sh, a, here).await? && !self.quit && self.node(sh, b, here).await?
                }
                Node::Or(a, b) => {
                    self.node(sh, a, here).await? || (!self.quit && self.node(sh, b, here).await?)
                }
                Node::Comma(a, b) => {
                    self.node(sh, a, here).await?;
                    self.node(sh, b, here).await?
                }
            })
        })
    }

    async fn test(&mut self, sh: &mut Shell, at: usize, here: &Here<'_>) -> Result<bool, Stop> {
        let plan = self.plan;
        let Some(test) = plan.tests.get(at) else { return Ok(false) };
        let stat = &here.stat;
        let now = sh.io.now();
        let base = || {
            let trimmed = here.shown.iter().rposition(|b| *b != b'/').map_or(0, |n| n + 1);
            let shown = here.shown.get(..trimmed.max(1)).unwrap_or(here.shown);
            if shown == b"/" { shown } else { shown.rsplit(|b| *b == b'/').next().unwrap_or(shown) }
        };
        let matches = |glob: &[u8], text: &[u8], fold: bool| {
            let lower = |t: &[u8]| if fold { t.to_ascii_lowercase() } else { t.to_vec() };
            glob::matches(&pattern(&lower(glob)), &lower(text))
        };
        Ok(match test {
            Test::True => true,
            Test::False => false,
            Test::Name(glob, fold) => matches(glob, base(), *fold),
            Test::Path(glob, fold) => matches(glob, here.shown, *fold),
            Test::LinkName(glob, fold) => {
                let target = sh.vfs().readlink(&sh.account.cred, &here.path);
                target.is_ok_and(|target| matches(glob, &target, *fold))
            }
            Test::Regex(regex) => regex.find_at(here.shown, 0, &mut 100_000) == Some((0, here.shown.len())),
            Test::Type(letters) => letters.contains(&letter(stat.kind)),
            Test::Size(compare, unit) => compare.holds(stat.size.div_ceil(*unit)),
            Test::Perm('-', mode) => stat.mode & mode == *mode,
            Test::Perm('/', mode) => *mode == 0 || stat.mode & mode != 0,
            Test::Perm(_, mode) => stat.mode == *mode,
            Test::Uid(compare) => compare.holds(u64::from(stat.uid)),
            Test::Gid(compare) => compare.holds(u64::from(stat.gid)),
            Test::NoOwner(group) => {
                let id = if *group { stat.gid } else { stat.uid };
                owner_of(sh, id, *group) == id.to_string()
            }
            Test::Age(which, compare, unit) => {
                let at = if *which == b'a' { stat.atime } else { stat.mtime };
                let age = (now.as_second() - at.as_second()).max(0);
                // Minutes are rounded up, days down.
                let age = if *unit == 60 { (age + 59) / 60 } else { age / unit };
                compare.holds(age.unsigned_abs())
            }
            Test::Newer(than) => phantom_core::micros(stat.mtime) > *than,
            Test::Empty => match stat.kind {
                Kind::File => stat.size == 0,
                Kind::Dir => sh.vfs().readdir(&sh.account.cred, &here.path).is_ok_and(|e| e.is_empty()),
                _ => false,
            },
            Test::Links(compare) => compare.holds(u64::from(stat.nlink)),
            Test::Inum(compare) => compare.holds(stat.ino),
            Test::Access(want) => sh.vfs().access(&sh.account.cred, &here.path, *want).is_ok(),
            Test::SameFile(ino) => stat.ino == *ino,
            Test::Print(end) => {
                self.out.extend_from_slice(here.shown);
                self.out.push(*end);
                true
            }
            Test::Printf(format) => {
                let text = print::formatted(sh, format, here);
                self.out.extend(text);
                true
            }
            Test::List => {
                let text = print::listed(sh, here);
                self.out.extend(text);
                true
            }
            Test::Prune => {
                self.prune = true;
                true
            }
            Test::Quit => {
                self.quit = true;
                true
            }
            Test::Delete => {
                if here.shown == b"." {
                    return Ok(true);
                }
                let who = sh.account.cred.clone();
                let gone = if stat.kind == Kind::Dir {
                    sh.vfs().rmdir(&who, &here.path)
                } else {
                    sh.vfs().unlink(&who, &here.path)
                };
                match gone {
                    Ok(()) => true,
                    Err(errno) => {
                        self.fail(sh, &format!("cannot delete ‘{}’: {errno}", show(here.shown)))?;
                        false
                    }
                }
            }
            Test::Exec { gather: Some(slot), .. } => {
                let full = match self.gathered.get_mut(*slot) {
                    Some(list) => {
                        list.push(here.shown.to_vec());
                        list.len() >= GATHERED
                    }
                    None => false,
                };
                if full {
                    Box::pin(self.gathered_command(sh, at)).await?;
                }
                true
            }
            Test::Exec { words, in_dir, ask, .. } => {
                self.flush(sh)?;
                if *ask {
                    let program = words.first().map(|w| show(w)).unwrap_or_default();
                    sh.write(2, format!("< {program} ... {} > ? ", show(here.shown)).as_bytes())?;
                    let answer = sh.read_line().await?.unwrap_or_default();
                    if !matches!(answer.first(), Some(b'y' | b'Y')) {
                        return Ok(false);
                    }
                }
                let shown = if *in_dir { [b"./", base()].concat() } else { here.shown.to_vec() };
                let words: Vec<Vec<u8>> = words.iter().map(|w| replace(w, &shown)).collect();
                let mut child = sh.fork()?;
                if *in_dir {
                    child.cwd = crate::vfs::split(&here.path).0.to_vec();
                }
                Box::pin(command(&mut child, words, "find")).await? == 0
            }
        })
    }

    /// Runs what `-exec ... +` has gathered.
    async fn gathered_command(&mut self, sh: &mut Shell, at: usize) -> Result<(), Stop> {
        let Some(Test::Exec { words, gather: Some(slot), .. }) = self.plan.tests.get(at) else {
            return Ok(());
        };
        let list = self.gathered.get_mut(*slot).map(std::mem::take).unwrap_or_default();
        if list.is_empty() {
            return Ok(());
        }
        self.flush(sh)?;
        let mut words = words.clone();
        words.pop();
        words.extend(list);
        let mut child = sh.fork()?;
        if Box::pin(command(&mut child, words, "find")).await? != 0 {
            self.status = 1;
        }
        Ok(())
    }
}

/// Runs a command as execvp(3) does: no builtin without a file, no function.
pub(super) async fn command(sh: &mut Shell, mut words: Vec<Vec<u8>>, who: &str) -> Result<i32, Stop> {
    if words.is_empty() {
        return Ok(0);
    }
    let mut program = words.remove(0);
    let found = super::find_to_execute(sh, &program);
    if !program.contains(&b'/') && found.is_none() {
        let quoted = if matches!(who, "find" | "timeout" | "chroot" | "nice" | "stdbuf" | "env") {
            let what =
                if matches!(who, "timeout" | "chroot" | "stdbuf") { "failed to run command " } else { "" };
            format!("{who}: {what}‘{}’: No such file or directory\n", show(&program))
        } else if who == "nohup" {
            format!("nohup: failed to run command '{}': No such file or directory\n", show(&program))
        } else {
            format!(
                "{who}{} {}: No such file or directory\n",
                if who.contains(' ') { "" } else { ":" },
                show(&program)
            )
        };
        sh.write(2, quoted.as_bytes())?;
        return Ok(127);
    }
    if let Some(found) = found.filter(|_| sh.get(b"PATH").is_none()) {
        program = found.into_bytes();
    }
    match Box::pin(run(sh, &program, words)).await {
        Err(Stop::Exit(status) | Stop::Return(status)) => Ok(status),
        other => other,
    }
}

fn pattern(glob: &[u8]) -> Vec<(u8, bool)> {
    let mut out = Vec::new();
    let mut bytes = glob.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next().map(|b| (*b, false))),
            other => out.push((*other, true)),
        }
    }
    out
}

fn letter(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'f',
        Kind::Dir => b'd',
        Kind::Link => b'l',
        Kind::Device => b'c',
    }
}

fn replace(word: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.windows(2).position(|w| w == b"{}") {
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        out.extend_from_slice(with);
        rest = rest.get(at + 2..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
    out
}

/// A file's stat for the tests that compare with one.
fn reference(sh: &Shell, name: &[u8]) -> Result<Stat, Errno> {
    sh.vfs().stat(&sh.account.cred, &join(&sh.cwd, name))
}
