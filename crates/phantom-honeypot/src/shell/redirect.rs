//! Redirections, and what descriptors give and take.

use std::sync::{Arc, Mutex, PoisonError};

use super::Shell;
use super::ast::{Redir, RedirOp};
use super::io::{BUFFER, Desc, Stop};
use crate::vfs::{Errno, Kind, join};

impl Shell {
    /// Opens what the redirections name, in order; `false`: one failed, and it was said why.
    pub(super) async fn redirect(&mut self, redirs: &[Redir]) -> Result<bool, Stop> {
        for redir in redirs {
            let target = match &redir.op {
                RedirOp::Here { .. } | RedirOp::Line => self.single(&redir.word).await?,
                _ if !self.bash => self.single(&redir.word).await?,
                _ => {
                    let mut fields = Vec::new();
                    self.word_fields(&redir.word, &mut fields).await?;
                    if fields.len() != 1 && self.bash {
                        let raw = String::from_utf8_lossy(&redir.word.raw).into_owned();
                        self.complain(&format!("{raw}: ambiguous redirect"))?;
                        return Ok(false);
                    }
                    fields.into_iter().next().unwrap_or_default()
                }
            };
            let shown = String::from_utf8_lossy(&target).into_owned();
            let fd = redir.fd.unwrap_or_else(|| (10..).find(|fd| !self.fds.contains_key(fd)).unwrap_or(10));
            let network = [b"/dev/tcp/".as_slice(), b"/dev/udp/"]
                .iter()
                .any(|dev| target.strip_prefix(*dev).is_some_and(|rest| rest.contains(&b'/')));
            if network && self.bash && !matches!(redir.op, RedirOp::Here { .. } | RedirOp::Line) {
                return self.network(&target).await;
            }
            let result = match &redir.op {
                RedirOp::Here { .. } => Ok(Desc::Input(Arc::new(Mutex::new(target.into())))),
                RedirOp::Line => {
                    let bytes = [target.as_slice(), b"\n"].concat();
                    Ok(Desc::Input(Arc::new(Mutex::new(bytes.into()))))
                }
                RedirOp::In => self.open_read(&target),
                RedirOp::Out if self.noclobber && self.is_plain_file(&target) => {
                    let said = if self.bash {
                        format!("{shown}: cannot overwrite existing file")
                    } else {
                        format!("cannot create {shown}: File exists")
                    };
                    self.complain(&said)?;
                    return Ok(false);
                }
                RedirOp::Out | RedirOp::Clobber => self.open_write(&target, false),
                RedirOp::Append => self.open_write(&target, true),
                RedirOp::ReadWrite => self.open_write(&target, true),
                RedirOp::Both { append } => self.open_write(&target, *append).inspect(|desc| {
                    self.fds.insert(2, desc.clone());
                }),
                RedirOp::Dup if target == b"-" => {
                    self.fds.remove(&fd);
                    continue;
                }
                RedirOp::Dup => {
                    let moved = shown.strip_suffix('-').filter(|s| !s.is_empty());
                    let number = moved.unwrap_or(&shown).parse::<u32>().ok();
                    let found = number.and_then(|fd| self.fds.get(&fd).cloned());
                    let Some(desc) = found else {
                        let what =
                            if number.is_some() { "Bad file descriptor" } else { "ambiguous redirect" };
                        self.complain(&format!("{shown}: {what}"))?;
                        return Ok(false);
                    };
                    if let (Some(number), true) = (number, moved.is_some()) {
                        self.fds.remove(&number);
                    }
                    Ok(desc)
                }
            };
            match result {
                Ok(desc) if fd < 256 => {
                    self.fds.insert(fd, desc);
                    if let Some(name) = &redir.name {
                        self.keep_fds = true;
                        self.set(name, fd.to_string().as_bytes());
                    }
                }
                Ok(_) => {
                    self.complain(&format!("{fd}: Bad file descriptor"))?;
                    return Ok(false);
                }
                Err(errno) => {
                    let said = match (self.bash, errno, &redir.op) {
                        (true, ..) => format!("{shown}: {errno}"),
                        (_, Errno::ENOENT, RedirOp::In) => format!("cannot open {shown}: No such file"),
                        (_, _, RedirOp::In) => format!("cannot open {shown}: {errno}"),
                        (_, Errno::ENOENT, _) => format!("cannot create {shown}: Directory nonexistent"),
                        _ => format!("cannot create {shown}: {errno}"),
                    };
                    self.complain(&said)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// `/dev/tcp/host/port`: what a host behind a firewall is told. Nothing is sent.
    async fn network(&mut self, target: &[u8]) -> Result<bool, Stop> {
        let path = String::from_utf8_lossy(target).into_owned();
        let mut parts = path.split('/').skip(3);
        let (host, port) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let own = host == "localhost" || host.starts_with("127.") || host == "::1";
        let numeric = host.parse::<std::net::IpAddr>().is_ok();
        let (wait, why) = match (own, numeric, port) {
            (true, ..) => (0, "Connection refused"),
            (_, true, _) => (130_000_000, "Connection timed out"),
            _ => (10_010_000, ""),
        };
        let until = phantom_core::from_micros(phantom_core::micros(self.io.now()).saturating_add(wait));
        self.io.sleep_until(until).await?;
        if why.is_empty() {
            self.complain(&format!("{host}: Temporary failure in name resolution"))?;
            self.complain(&format!("{path}: Invalid argument"))?;
        } else {
            let name = String::from_utf8_lossy(&self.zero()).into_owned();
            self.write(2, format!("{name}: connect: {why}\n").as_bytes())?;
            self.complain(&format!("{path}: {why}"))?;
        }
        Ok(false)
    }

    fn is_plain_file(&self, path: &[u8]) -> bool {
        let path = join(&self.cwd, path);
        self.vfs().stat(&self.account.cred, &path).is_ok_and(|s| s.kind == Kind::File)
    }

    /// The descriptor a path in /dev/fd or /dev/std* means.
    pub(super) fn descriptor(&self, path: &[u8]) -> Option<u32> {
        match path {
            b"/dev/stdin" | b"/proc/self/fd/0" => Some(0),
            b"/dev/stdout" | b"/proc/self/fd/1" => Some(1),
            b"/dev/stderr" | b"/proc/self/fd/2" => Some(2),
            _ => {
                let n = path.strip_prefix(b"/dev/fd/")?;
                super::arith::decimal(n).and_then(|n| u32::try_from(n).ok())
            }
        }
    }

    fn open_read(&self, path: &[u8]) -> Result<Desc, Errno> {
        if let Some(fd) = self.descriptor(path) {
            return self.fds.get(&fd).cloned().ok_or(Errno::ENOENT);
        }
        if path == b"/dev/tty" {
            return Ok(Desc::Console(0));
        }
        let vfs = self.vfs();
        let path = join(&self.cwd, path);
        let bytes = match vfs.stat(&self.account.cred, &path)?.kind {
            // bash opens a directory and fails at its first read.
            Kind::Dir => Vec::new(),
            _ => vfs.read(&self.account.cred, &path, 0, BUFFER)?,
        };
        Ok(Desc::Input(Arc::new(Mutex::new(bytes.into()))))
    }

    pub(super) fn open_write(&self, path: &[u8], append: bool) -> Result<Desc, Errno> {
        if let Some(fd) = self.descriptor(path) {
            return self.fds.get(&fd).cloned().ok_or(Errno::ENOENT);
        }
        match path {
            b"/dev/tty" => return Ok(Desc::Console(1)),
            b"/dev/null" => return Ok(Desc::Null),
            b"" => return Err(Errno::ENOENT),
            _ => {}
        }
        let path = join(&self.cwd, path);
        let ino = self.vfs().create(&self.account.cred, &path, 0o666 & !self.umask, !append)?;
        Ok(Desc::File(ino, Arc::new(Mutex::new(if append { None } else { Some(0) }))))
    }

    /// Writes to a descriptor.
    pub(super) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<(), Stop> {
        self.io.step(bytes.len() as u64 / 256)?;
        match self.fds.get(&fd) {
            Some(Desc::Console(n)) => self.io.print(*n == 2, bytes),
            Some(Desc::Pipe(buffer)) => {
                let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                let room = BUFFER.saturating_sub(buffer.len());
                buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if bytes.len() > room { Err(Stop::Limit) } else { Ok(()) }
            }
            Some(Desc::File(ino, place)) => {
                let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
                let result = self.vfs().write(*ino, *place, bytes);
                if let Some(place) = place.as_mut() {
                    *place += bytes.len() as u64;
                }
                drop(place);
                match result {
                    Err(errno) if fd != 2 => self.complain(&format!("write error: {errno}")),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// `bash: line 1: what` to standard error.
    pub(super) fn complain(&mut self, what: &str) -> Result<(), Stop> {
        let name = match self.files.last() {
            Some(file) => file.clone(),
            None => self.zero(),
        };
        let name = String::from_utf8_lossy(&name).into_owned();
        let place = match (self.bash, self.interactive) {
            (true, true) => String::new(),
            (true, false) => format!(" line {}:", self.line),
            (false, _) => format!(" {}:", self.line),
        };
        self.write(2, format!("{name}:{place} {what}\n").as_bytes())
    }

    /// A line of standard input.
    pub(super) async fn read_line(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        self.read_until(0, b'\n').await
    }

    /// What a descriptor gives up to a delimiter, that included.
    pub(super) async fn read_until(&mut self, fd: u32, end: u8) -> Result<Option<Vec<u8>>, Stop> {
        match self.fds.get(&fd).cloned() {
            Some(Desc::Console(_)) if !self.background => self.io.read_line().await,
            Some(Desc::Input(bytes)) => {
                let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                let end = bytes.iter().position(|b| *b == end).map_or(bytes.len(), |n| n + 1);
                let line: Vec<u8> = bytes.drain(..end).collect();
                Ok((!line.is_empty()).then_some(line))
            }
            _ => Ok(None),
        }
    }

    /// All of standard input, bounded.
    pub(super) async fn read_all(&mut self) -> Result<Vec<u8>, Stop> {
        match self.fds.get(&0).cloned() {
            Some(Desc::Console(_)) if !self.background => {
                let mut all = Vec::new();
                while let Some(some) = self.io.read_some().await? {
                    let room = BUFFER.saturating_sub(all.len());
                    all.extend(some.into_iter().take(room));
                }
                Ok(all)
            }
            Some(Desc::Input(bytes)) => {
                Ok(bytes.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a path names an open descriptor.
    pub(super) fn is_descriptor(&self, path: &[u8]) -> bool {
        self.descriptor(path).is_some_and(|fd| self.fds.contains_key(&fd))
    }

    /// What can be read under a name in /dev/fd.
    pub(super) fn descriptor_content(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.fds.get(&self.descriptor(path)?)? {
            Desc::Input(bytes) => {
                Some(bytes.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect())
            }
            _ => None,
        }
    }
}
