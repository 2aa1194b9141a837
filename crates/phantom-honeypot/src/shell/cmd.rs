//! Builtins and programs.

mod accounts;
mod adduser;
mod apt;
mod attributes;
mod attrs;
mod awk;
mod become_user;
mod columns;
mod compare;
mod copy;
mod cron;
mod ctx;
mod digest;
mod disks;
mod dpkg;
mod dump;
mod files;
mod find;
pub(crate) mod firewall;
mod float;
mod getconf;
mod getopt;
mod grep;
mod gzip;
mod hardware;
mod heads;
mod journal;
mod kernel;
mod lists;
mod logins;
mod ls;
mod modes;
mod more;
mod network;
mod numbers;
mod procs;
mod ps;
mod regex;
mod registry;
mod resolve;
mod runners;
mod scratch;
mod secrets;
mod sed;
mod services;
mod sockets;
mod sort;
mod system;
mod tar;
mod text;
mod units;
mod users;
mod wrappers;

pub(crate) use registry::{Form, rows};

use super::Shell;
pub(super) use super::builtins::{BUILTINS, unescape};
use super::builtins::{builtin, twin};
use super::io::Stop;
use crate::machine::{Live, Process, Ticket, Tty};
use crate::vfs::{Errno, Kind, join};
pub(super) use ctx::show;
use ctx::{Ctx, Need, has_flag};
use registry::{Plain, Run, program};

/// Whether we have this command.
pub(super) fn has(name: &[u8]) -> bool {
    let name = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    BUILTINS.iter().any(|builtin| builtin.as_bytes() == name) || program(name).is_some()
}

/// Runs a builtin, or a program found on $PATH or at a path.
pub(super) async fn run(sh: &mut Shell, name: &[u8], args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    if !name.contains(&b'/')
        && let Some(status) = Box::pin(builtin(sh, &show(name), &args)).await?
    {
        return Ok(status);
    }
    run_program(sh, name, args).await
}

/// Runs a program found on $PATH or at a path.
pub(super) async fn run_program(sh: &mut Shell, name: &[u8], args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    if name.contains(&b'/') {
        return Box::pin(by_path(sh, name, name, args)).await;
    }
    let hashed = sh.hashed.get(name).map(|(path, _)| path.clone()).filter(|_| sh.bash);
    match hashed.or_else(|| find(sh, name)) {
        Some(path) => {
            sh.remember_path(name, &path);
            Box::pin(by_path(sh, name, path.as_bytes(), args)).await
        }
        None if name.is_empty() && !sh.bash => {
            sh.complain(": Permission denied")?;
            Ok(127)
        }
        None => {
            sh.complain_plain(&format!("{}: command not found", show(name)))?;
            Ok(127)
        }
    }
}

/// Where a program lies on $PATH.
pub(super) fn find(sh: &Shell, name: &[u8]) -> Option<String> {
    find_on(sh, &sh.get(b"PATH")?, name)
}

/// Where execvp(3) of glibc finds a program: without $PATH in two directories.
fn find_to_execute(sh: &Shell, name: &[u8]) -> Option<String> {
    let path = sh.get(b"PATH").unwrap_or_else(|| b"/bin:/usr/bin".to_vec());
    find_on(sh, &path, name)
}

fn find_on(sh: &Shell, path: &[u8], name: &[u8]) -> Option<String> {
    let vfs = sh.vfs();
    let who = &sh.account.cred;
    path.split(|b| *b == b':')
        .take(32)
        .map(|dir| if dir.is_empty() { b".".as_slice() } else { dir })
        .find(|dir| {
            let path = join(&join(&sh.cwd, dir), name);
            vfs.access(who, &path, 1).is_ok() && vfs.stat(who, &path).is_ok_and(|s| s.kind != Kind::Dir)
        })
        .map(|dir| show(&[dir, if dir.ends_with(b"/") { b"" } else { b"/" }, name].concat()))
}

async fn plain(sh: &mut Shell, name: String, args: Vec<Vec<u8>>, f: Plain) -> Result<i32, Stop> {
    let mut input = None;
    loop {
        let mut ctx = Ctx {
            sh,
            name: name.clone(),
            args: args.clone(),
            input: input.take(),
            out: Vec::new(),
            err: Vec::new(),
            marks: Vec::new(),
        };
        let result = f(&mut ctx);
        let (out, err, marks) = (ctx.out, ctx.err, ctx.marks);
        match result {
            Ok(status) => {
                // Complaints come where they were made: error(3) flushes the output before it speaks.
                let (mut from_out, mut from_err) = (0, 0);
                for (to_out, to_err) in marks.into_iter().chain([(out.len(), err.len())]) {
                    sh.write(2, err.get(from_err..to_err).unwrap_or(&[]))?;
                    sh.write(1, out.get(from_out..to_out).unwrap_or(&[]))?;
                    (from_out, from_err) = (to_out, to_err);
                }
                return Ok(status);
            }
            Err(Need) => input = Some(sh.read_all().await?),
        }
    }
}

/// Runs the file at `path`; `name` is what was typed, and what the program takes for its own name.
async fn by_path(sh: &mut Shell, name: &[u8], path: &[u8], args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let path = join(&sh.cwd, path);
    let found = sh.vfs().stat(&sh.account.cred, &path);
    let why = match found {
        Err(Errno::ENOENT) if !sh.bash => Some(("not found".to_owned(), 127)),
        Err(errno) => Some((errno.to_string(), if errno == Errno::ENOENT { 127 } else { 126 })),
        Ok(stat) if stat.kind == Kind::Dir && !sh.bash => Some(("Permission denied".to_owned(), 126)),
        Ok(stat) if stat.kind == Kind::Dir => Some(("Is a directory".to_owned(), 126)),
        Ok(_) => sh.vfs().access(&sh.account.cred, &path, 1).err().map(|errno| (errno.to_string(), 126)),
    };
    if let Some((why, status)) = why {
        sh.complain(&format!("{}: {why}", show(name)))?;
        return Ok(status);
    }
    let own = sh.vfs().program_at(&sh.account.cred, &path);
    let base = |path: &[u8]| path.rsplit(|b| *b == b'/').next().unwrap_or(path).to_vec();
    if let Some(own) = own {
        // A file of several names does what the name says; renamed or copied it stays what it was.
        let (real, typed) = (program(&base(&own)), program(&base(name)));
        let row = typed.filter(|typed| real.is_none_or(|real| real.file() == typed.file())).or(real);
        if let Some(row) = row {
            let _ticket = (!matches!(row.run, Run::Builtin)).then(|| sh.started(name, &own, &args));
            return match row.run {
                Run::Plain(f) => Box::pin(plain(sh, row.name.to_owned(), args, f)).await,
                Run::Waits(f) => f(sh, row.name, args).await,
                Run::Builtin => Box::pin(twin(sh, row.name, &args)).await,
            };
        }
    }
    let head = sh.vfs().read(&sh.account.cred, &path, 0, 1 << 20).unwrap_or_default();
    if head.starts_with(b"\x7fELF") || head.contains(&0) {
        // What was brought along is not run: it fails as a program of another architecture does.
        sh.complain(&format!("{}: cannot execute binary file: Exec format error", show(name)))?;
        return Ok(126);
    }
    let mut words = vec![name.to_vec()];
    words.extend(args.iter().cloned());
    let ticket = sh.started(b"/bin/sh", b"/usr/bin/dash", &words);
    let mut child = sh.fork()?;
    child.listed = ticket.pid;
    child.run_file(name, &head, args).await
}

impl Shell {
    /// Keeps where a program was found, as `hash` lists it.
    fn remember_path(&mut self, name: &[u8], path: &str) {
        if self.hashed.len() < 256 {
            self.hashed.entry(name.to_vec()).or_insert_with(|| (path.to_owned(), 0)).1 += 1;
        }
    }

    /// Puts a program in the list of processes for as long as the ticket is held.
    fn started(&mut self, name: &[u8], exe: &[u8], args: &[Vec<u8>]) -> Ticket {
        let pid = self.next_pid();
        let base = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
        let mut cmdline = name.to_vec();
        cmdline.push(0);
        for arg in args {
            cmdline.extend_from_slice(arg.get(..arg.len().min(1024)).unwrap_or(arg));
            cmdline.push(0);
        }
        let size = 5_000 + exe.iter().map(|b| u64::from(*b)).sum::<u64>() % 6_000;
        let process = Process {
            pid,
            ppid: self.listed,
            sid: self.ticket.pid,
            uid: self.account.cred.uid,
            gid: self.account.cred.gid,
            comm: show(base).chars().take(15).collect(),
            cmdline,
            exe: show(exe),
            cwd: self.cwd.clone(),
            tty: Tty::None,
            start: self.io.now(),
            state: 'R',
            nice: 0,
            threads: 1,
            vsz_kib: size / 4 * 4,
            rss_kib: size * 2 / 5 / 4 * 4,
            load_ppm: 0,
            unit: String::new(),
        };
        if self.io.lock().pty {
            self.live().set_terminal(self.ticket.pid);
        }
        Live::start(&self.live, self.ticket.pid, process)
    }

    /// `-bash: what` in a login, `bash: line 1: what` elsewhere: how an unknown command is answered.
    fn complain_plain(&mut self, what: &str) -> Result<(), Stop> {
        if !self.bash {
            let what = what.replace(": command not found", ": not found");
            return self.complain(&what);
        }
        self.complain(what)
    }
}

#[cfg(test)]
mod tests;
