//! Evaluation: what a parsed line does.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use phantom_core::{Body, Untrusted, event};

use super::ast::{Node, Redir, RedirOp, Simple, Word};
use super::io::{BUFFER, Desc, Hints, Mode, Stop};
use super::parse::{Wrong, parse};
use super::{DEPTH, NEST, Shell, VAR_BYTES, Var, builtins, cmd, facts, glob};
use crate::vfs::{Errno, join};

pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<i32, Stop>> + Send + 'a>>;

/// Exit status of what a signal ended: 128 + SIGINT, 128 + SIGKILL.
const INTERRUPTED: i32 = 130;
const KILLED: i32 = 137;

impl Shell {
    /// A login on a terminal.
    pub(super) async fn login(mut self) -> i32 {
        let persona = self.machine.persona().clone();
        let motd = self.vfs().read(&self.account.cred, b"/etc/motd", 0, 65_536).unwrap_or_default();
        let text = format!(
            "Linux {} {} {} x86_64\n",
            persona.hostname, persona.kernel_release, persona.kernel_version
        );
        let _ = self.io.print(false, &[text.as_bytes(), &motd].concat());
        self.interactive = true;
        self.live().set_terminal(self.pid);
        match self.prompting().await {
            Ok(status) | Err(Stop::Exit(status)) => status,
            Err(_) => KILLED,
        }
    }

    /// Prompt, line, run, until `exit` or ^D.
    pub(super) fn prompting(&mut self) -> Running<'_> {
        Box::pin(async move {
            let mut text = Vec::new();
            loop {
                let prompt = if text.is_empty() { self.prompt() } else { b"> ".to_vec() };
                {
                    let mut io = self.io.lock();
                    io.steps = 0;
                    io.printed = 0;
                    io.history = self.history.clone();
                    io.hints = Some(Hints {
                        vfs: self.vfs.clone(),
                        cred: self.account.cred.clone(),
                        cwd: self.cwd.clone(),
                        home: self.get(b"HOME").unwrap_or_default(),
                    });
                }
                let line = match self.io.edit_line(prompt).await {
                    Ok(Some(line)) => line,
                    Ok(None) if text.is_empty() => {
                        let word = if self.visitor_shell() { "logout\n" } else { "exit\n" };
                        self.io.print(false, word.as_bytes())?;
                        return Ok(self.status);
                    }
                    Ok(None) => {
                        text.clear();
                        self.complain("syntax error: unexpected end of file")?;
                        continue;
                    }
                    Err(Stop::Interrupt) => {
                        text.clear();
                        self.status = INTERRUPTED;
                        continue;
                    }
                    Err(stop) => return Err(stop),
                };
                text.extend_from_slice(&line);
                text.push(b'\n');
                let parsed = parse(&text);
                if parsed == Err(Wrong::Incomplete) && text.len() < event::Command::CAP {
                    continue;
                }
                let whole = std::mem::take(&mut text);
                self.remember(&whole);
                if whole.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                self.record(&whole, &parsed);
                match self.run_parsed(parsed).await {
                    Ok(()) => {}
                    Err(Stop::Exit(status)) => {
                        let _ = self.io.print(false, b"");
                        return Ok(status);
                    }
                    Err(Stop::Interrupt) => {
                        self.io.lock().interrupted = false;
                        self.io.lock().printed = 0;
                        self.status = INTERRUPTED;
                    }
                    Err(Stop::Limit) => {
                        {
                            let mut io = self.io.lock();
                            io.printed = 0;
                            io.steps = 0;
                        }
                        self.io.print(true, b"Killed\n")?;
                        self.status = KILLED;
                    }
                    Err(_) => {}
                }
            }
        })
    }

    fn visitor_shell(&self) -> bool {
        self.get(b"SHLVL").as_deref() == Some(b"1")
    }

    fn prompt(&self) -> Vec<u8> {
        let home = self.get(b"HOME").unwrap_or_default();
        let cwd = match self.cwd.strip_prefix(home.as_slice()) {
            Some(rest) if !home.is_empty() && (rest.is_empty() || rest.starts_with(b"/")) => {
                [b"~", rest].concat()
            }
            _ => self.cwd.clone(),
        };
        let sign = if self.account.cred.uid == 0 { '#' } else { '$' };
        if self.name == b"sh" {
            return format!("{sign} ").into_bytes();
        }
        let head = format!("{}@{}:", self.account.name, self.hostname());
        [head.as_bytes(), &cwd, format!("{sign} ").as_bytes()].concat()
    }

    fn remember(&mut self, text: &[u8]) {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        if !line.is_empty() && !line.starts_with(b" ") && self.history.last().map(Vec::as_slice) != Some(line)
        {
            self.history.push(line.to_vec());
            if self.history.len() > 500 {
                self.history.remove(0);
            }
        }
    }

    fn record(&self, text: &[u8], parsed: &Result<Node, Wrong>) {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let accepted = parsed.as_ref().is_ok_and(|node| self.knows(node));
        let line = Untrusted::capped(line, event::Command::CAP);
        self.io.record(Body::Command(event::Command { line, accepted }));
    }

    /// Whether every command that is named outright is one we have.
    fn knows(&self, node: &Node) -> bool {
        match node {
            Node::Simple(simple) => match simple.words.first().map(Vec::as_slice) {
                Some([super::ast::Piece::Plain(name)]) => {
                    self.functions.contains_key(name)
                        || self.aliases.contains_key(name)
                        || cmd::has(name)
                        || (name.contains(&b'/')
                            && self.vfs().stat(&self.account.cred, &join(&self.cwd, name)).is_ok())
                }
                _ => true,
            },
            Node::Pipe(all) => all.iter().all(|node| self.knows(node)),
            Node::List(all) => all.iter().all(|(node, _)| self.knows(node)),
            Node::And(a, b) | Node::Or(a, b) => self.knows(a) && self.knows(b),
            Node::Not(node) | Node::Group(node) | Node::Subshell(node) | Node::Redirected(node, _) => {
                self.knows(node)
            }
            _ => true,
        }
    }

    async fn run_parsed(&mut self, parsed: Result<Node, Wrong>) -> Result<(), Stop> {
        match parsed {
            Ok(node) => match self.eval(&node).await {
                Err(Stop::Return(status)) => self.status = status,
                Err(Stop::Break(_) | Stop::Continue(_)) => {}
                other => return other.map(|status| self.status = status),
            },
            Err(wrong) => {
                self.status = 2;
                self.complain(&match wrong {
                    Wrong::Incomplete => "syntax error: unexpected end of file".to_owned(),
                    Wrong::Near(token) => {
                        format!("syntax error near unexpected token `{}'", String::from_utf8_lossy(&token))
                    }
                })?;
            }
        }
        Ok(())
    }

    /// `bash -c line`.
    pub(super) async fn exec_line(mut self, line: Vec<u8>) -> i32 {
        self.set(b"SHLVL", b"0");
        let parsed = parse(&line);
        self.record(&line, &parsed);
        let single = match &parsed {
            Ok(Node::List(all)) => matches!(all.as_slice(), [(Node::Simple(_), false)]),
            parsed => matches!(parsed, Ok(Node::Simple(_))),
        };
        let cmdline = [b"bash\0-c\0", line.as_slice(), b"\0"].concat();
        self.live().set_line(self.pid, &cmdline, single);
        let result = self.run_parsed(parsed).await;
        self.ended(result)
    }

    fn ended(&self, result: Result<(), Stop>) -> i32 {
        match result {
            Ok(()) => self.status,
            Err(Stop::Exit(status) | Stop::Return(status)) => status,
            Err(Stop::Interrupt) => INTERRUPTED,
            Err(_) => KILLED,
        }
    }

    /// Commands from the input, as a shell without terminal reads them.
    pub(super) async fn script(mut self) -> i32 {
        let result = self.commands_of_input().await;
        self.ended(result.map(|_| ()))
    }

    /// Reads and runs commands from standard input to its end.
    pub(super) fn commands_of_input(&mut self) -> Running<'_> {
        Box::pin(async move {
            let mut text = Vec::new();
            loop {
                let Some(line) = self.read_line().await? else {
                    if !text.is_empty() {
                        let parsed = parse(&text);
                        self.record(&text, &parsed);
                        self.run_parsed(parsed).await?;
                    }
                    return Ok(self.status);
                };
                text.extend_from_slice(&line);
                let parsed = parse(&text);
                if parsed == Err(Wrong::Incomplete) && text.len() < event::Command::CAP {
                    continue;
                }
                let whole = std::mem::take(&mut text);
                if !whole.iter().all(u8::is_ascii_whitespace) {
                    self.record(&whole, &parsed);
                    self.run_parsed(parsed).await?;
                }
                self.line += 1;
            }
        })
    }

    /// Runs a text within this shell: `eval`, `source`, `sh -c`, `sh file`.
    pub(super) fn run_text<'a>(&'a mut self, text: &'a [u8]) -> Running<'a> {
        Box::pin(async move {
            self.enter()?;
            let result = match parse(text) {
                Ok(node) => self.eval(&node).await,
                Err(wrong) => self.run_parsed(Err(wrong)).await.map(|()| 2),
            };
            self.depth -= 1;
            result
        })
    }

    fn enter(&mut self) -> Result<(), Stop> {
        self.io.step(1)?;
        if self.depth >= DEPTH {
            self.too_deep()?;
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn fork(&mut self) -> Result<Self, Stop> {
        self.io.step(5)?;
        let mut child = self.clone();
        child.enter()?;
        child.pid = self.next_pid();
        Ok(child)
    }

    pub(super) fn next_pid(&mut self) -> u32 {
        let newest = facts::pid(self.machine.persona(), self.io.now());
        self.live().next_pid(newest)
    }

    /// Runs a node as a process of its own: exits and returns end it alone.
    pub(super) fn run_child<'a>(&'a mut self, node: &'a Node) -> Running<'a> {
        Box::pin(async move {
            match self.eval(node).await {
                Err(Stop::Exit(status) | Stop::Return(status)) => Ok(status),
                Err(Stop::Break(_) | Stop::Continue(_)) => Ok(0),
                other => other,
            }
        })
    }

    pub(super) fn eval<'a>(&'a mut self, node: &'a Node) -> Running<'a> {
        Box::pin(async move {
            self.io.step(1)?;
            self.nest += 1;
            let result = if self.nest > NEST { self.too_deep() } else { self.eval_node(node).await };
            self.nest -= 1;
            result
        })
    }

    fn too_deep(&mut self) -> Result<i32, Stop> {
        self.complain("fork: retry: Resource temporarily unavailable")?;
        Err(Stop::Limit)
    }

    fn eval_node<'a>(&'a mut self, node: &'a Node) -> Running<'a> {
        Box::pin(async move {
            let status = match node {
                Node::Simple(simple) => {
                    let status = Box::pin(self.simple(simple)).await?;
                    if status != 0 && self.errexit && !self.in_condition {
                        return Err(Stop::Exit(status));
                    }
                    status
                }
                Node::Pipe(all) => Box::pin(self.pipe(all)).await?,
                Node::Not(node) => i32::from(Box::pin(self.condition(node)).await? == 0),
                Node::And(a, b) => match Box::pin(self.condition(a)).await? {
                    0 => self.eval(b).await?,
                    status => status,
                },
                Node::Or(a, b) => match Box::pin(self.condition(a)).await? {
                    0 => 0,
                    _ => self.eval(b).await?,
                },
                Node::List(all) => {
                    let mut status = self.status;
                    for (node, background) in all {
                        status = if *background {
                            Box::pin(self.background(node)).await?
                        } else {
                            self.eval(node).await?
                        };
                    }
                    status
                }
                Node::If { arms, otherwise } => {
                    for (condition, body) in arms {
                        if Box::pin(self.condition(condition)).await? == 0 {
                            return self.eval(body).await;
                        }
                    }
                    match otherwise {
                        Some(body) => self.eval(body).await?,
                        None => 0,
                    }
                }
                Node::Loop { until, condition, body } => {
                    let mut status = 0;
                    while (Box::pin(self.condition(condition)).await? == 0) != *until {
                        match turn(self.eval(body).await)? {
                            Some(value) => status = value,
                            None => break,
                        }
                    }
                    status
                }
                Node::For { name, words, body } => {
                    let values = match words {
                        Some(words) => Box::pin(self.fields(words)).await?,
                        None => self.args.clone(),
                    };
                    let mut status = 0;
                    for value in values {
                        self.set(name, &value);
                        match turn(self.eval(body).await)? {
                            Some(value) => status = value,
                            None => break,
                        }
                    }
                    status
                }
                Node::Count { parts: [first, test, step], body } => {
                    self.arith(first).await?;
                    loop {
                        self.io.step(1)?;
                        if !test.is_empty() && self.arith(test).await? == 0 {
                            break;
                        }
                        if turn(self.eval(body).await)?.is_none() {
                            break;
                        }
                        self.arith(step).await?;
                    }
                    0
                }
                Node::Case { word, arms } => {
                    let value = self.single(word).await?;
                    for (patterns, body) in arms {
                        for pattern in patterns {
                            let pattern = self.pattern(pattern).await?;
                            if glob::matches(&pattern, &value) {
                                self.status = 0;
                                return self.eval(body).await;
                            }
                        }
                    }
                    0
                }
                Node::Function { name, body } => {
                    if self.functions.len() < 256 {
                        self.functions.insert(name.clone(), Arc::clone(body));
                    }
                    0
                }
                Node::Group(node) => self.eval(node).await?,
                Node::Subshell(node) => {
                    let mut child = self.fork()?;
                    child.run_child(node).await?
                }
                Node::Arith(word) => i32::from(self.arith(word).await? == 0),
                Node::Test(words) => Box::pin(self.double_test(words)).await?,
                Node::Redirected(node, redirs) => {
                    let saved = self.fds.clone();
                    let result = match Box::pin(self.redirect(redirs)).await? {
                        true => self.eval(node).await,
                        false => Ok(1),
                    };
                    self.fds = saved;
                    result?
                }
            };
            self.status = status;
            Ok(status)
        })
    }

    async fn condition(&mut self, node: &Node) -> Result<i32, Stop> {
        let before = std::mem::replace(&mut self.in_condition, true);
        let result = self.eval(node).await;
        self.in_condition = before;
        result
    }

    async fn arith(&mut self, word: &Word) -> Result<i64, Stop> {
        let text = self.single(word).await?;
        self.compute(&text)
    }

    async fn double_test(&mut self, words: &[Word]) -> Result<i32, Stop> {
        let mut texts = Vec::new();
        let mut pattern = None;
        for (index, word) in words.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|n| texts.get(n)).map(|t: &Vec<u8>| t.as_slice());
            if matches!(before, Some(b"==" | b"=" | b"!=")) {
                pattern = Some(self.pattern(word).await?);
            }
            texts.push(self.single(word).await?);
        }
        if let ([left, op, _], Some(pattern)) = (texts.as_slice(), pattern) {
            return Ok(i32::from(glob::matches(&pattern, left) == (op == b"!=")));
        }
        for text in &mut texts {
            match text.as_slice() {
                b"&&" => *text = b"-a".to_vec(),
                b"||" => *text = b"-o".to_vec(),
                _ => {}
            }
        }
        Ok(builtins::test(self, &texts).unwrap_or(2))
    }

    /// One after the other: each writes a bounded buffer that the next reads.
    async fn pipe(&mut self, all: &[Node]) -> Result<i32, Stop> {
        let mut input: Option<VecDeque<u8>> = None;
        let mut status = 0;
        for (index, node) in all.iter().enumerate() {
            let mut child = self.fork()?;
            if let Some(bytes) = input.take() {
                child.fds.insert(0, Desc::Input(Arc::new(Mutex::new(bytes))));
            }
            let buffer = Arc::new(Mutex::new(Vec::new()));
            let last = index + 1 == all.len();
            if !last {
                child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
            }
            status = child.run_child(node).await?;
            input = Some(std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner)).into());
        }
        Ok(status)
    }

    /// Runs at once and to its end, but without the console's input.
    async fn background(&mut self, node: &Node) -> Result<i32, Stop> {
        let mut child = self.fork()?;
        child.fds.insert(0, Desc::Null);
        self.last_background = child.pid;
        if self.interactive && self.depth == 0 {
            self.io.print(true, format!("[1] {}\n", child.pid).as_bytes())?;
        }
        // What sleeps in the background would hold up the prompt: its waiting is left out.
        child.set(b"!skip-sleep", b"1");
        child.run_child(node).await?;
        Ok(0)
    }

    async fn simple(&mut self, simple: &Simple) -> Result<i32, Stop> {
        let substituted = self.status;
        let mut words = Box::pin(self.fields(&simple.words)).await?;
        if let Some(alias) = words.first().and_then(|name| self.aliases.get(name)).cloned()
            && self.interactive
            && self.depth < 4
        {
            let mut text = alias;
            for word in words.iter().skip(1) {
                text.push(b' ');
                text.extend(builtins::quote(word));
            }
            let name = words.first().cloned().unwrap_or_default();
            let held = self.aliases.remove_entry(&name);
            let result = self.run_text(&text).await;
            self.aliases.extend(held);
            return result;
        }
        let mut assigns = Vec::new();
        for (name, add, word) in &simple.assigns {
            let mut value = if *add { self.get(name).unwrap_or_default() } else { Vec::new() };
            value.extend(self.single(word).await?);
            assigns.push((name.clone(), value));
        }
        let saved_fds = self.fds.clone();
        if !Box::pin(self.redirect(&simple.redirs)).await? {
            self.fds = saved_fds;
            return Ok(1);
        }
        if words.is_empty() {
            self.fds = saved_fds;
            for (name, value) in assigns {
                self.set(&name, &value);
            }
            let unchanged = simple.assigns.is_empty() || self.status == substituted;
            return Ok(if unchanged { 0 } else { self.status });
        }
        let name = words.remove(0);
        if name == b"exec" && words.is_empty() {
            return Ok(0);
        }
        let saved: Vec<(Vec<u8>, Option<Var>)> =
            assigns.iter().map(|(name, _)| (name.clone(), self.vars.get(name).cloned())).collect();
        for (name, value) in &assigns {
            self.set_exported(name, value);
        }
        let result = self.invoke(&name, words).await;
        for (name, old) in saved {
            match old {
                Some(var) => self.vars.insert(name, var),
                None => self.vars.remove(&name),
            };
        }
        self.fds = saved_fds;
        result
    }

    /// A function, builtin or program by name.
    pub(super) fn invoke<'a>(&'a mut self, name: &'a [u8], args: Vec<Vec<u8>>) -> Running<'a> {
        Box::pin(async move {
            self.io.step(3)?;
            if let Some(body) = self.functions.get(name).cloned() {
                self.enter()?;
                let outer = std::mem::replace(&mut self.args, args);
                let result = self.eval(&body).await;
                self.args = outer;
                self.depth -= 1;
                return match result {
                    Err(Stop::Return(status)) => Ok(status),
                    other => other,
                };
            }
            Box::pin(cmd::run(self, name, args)).await
        })
    }

    async fn redirect(&mut self, redirs: &[Redir]) -> Result<bool, Stop> {
        for redir in redirs {
            let target = self.single(&redir.word).await?;
            let shown = String::from_utf8_lossy(&target).into_owned();
            let result = match &redir.op {
                RedirOp::Here => Ok(Desc::Input(Arc::new(Mutex::new(target.into())))),
                RedirOp::In => self.open_read(&target).map(|bytes| match bytes {
                    Some(bytes) => Desc::Input(Arc::new(Mutex::new(bytes.into()))),
                    None => Desc::Console(0),
                }),
                RedirOp::Out => self.open_write(&target, false),
                RedirOp::Append => self.open_write(&target, true),
                RedirOp::ReadWrite => self.open_write(&target, true),
                RedirOp::Both { append } => self.open_write(&target, *append).inspect(|desc| {
                    self.fds.insert(2, desc.clone());
                }),
                RedirOp::Dup if target == b"-" => {
                    self.fds.remove(&redir.fd);
                    continue;
                }
                RedirOp::Dup => {
                    let from = shown.parse::<u32>().ok().and_then(|fd| self.fds.get(&fd).cloned());
                    let Some(desc) = from else {
                        self.complain(&format!("{shown}: Bad file descriptor"))?;
                        return Ok(false);
                    };
                    Ok(desc)
                }
            };
            match result {
                Ok(desc) if redir.fd < 256 => {
                    self.fds.insert(redir.fd, desc);
                }
                Ok(_) => {}
                Err(errno) => {
                    self.complain(&format!("{shown}: {errno}"))?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn open_read(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        match path {
            b"/dev/stdin" | b"/dev/tty" => return Ok(None),
            _ if path.starts_with(b"/dev/tcp/") || path.starts_with(b"/dev/udp/") => {
                return Err(Errno::ENOENT);
            }
            _ => {}
        }
        let vfs = self.vfs();
        vfs.read(&self.account.cred, &join(&self.cwd, path), 0, BUFFER).map(Some)
    }

    fn open_write(&self, path: &[u8], append: bool) -> Result<Desc, Errno> {
        match path {
            b"/dev/stdout" | b"/dev/tty" => return Ok(Desc::Console(1)),
            b"/dev/stderr" => return Ok(Desc::Console(2)),
            b"/dev/null" => return Ok(Desc::Null),
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
        let name = String::from_utf8_lossy(&self.name).into_owned();
        let place = if self.interactive {
            String::new()
        } else if self.name == b"sh" {
            format!(" {}:", self.line)
        } else {
            format!(" line {}:", self.line)
        };
        let dash = if self.interactive && self.visitor_shell() && self.name == b"bash" { "-" } else { "" };
        self.write(2, format!("{dash}{name}:{place} {what}\n").as_bytes())
    }

    /// A line of standard input.
    pub(super) async fn read_line(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        match self.fds.get(&0).cloned() {
            Some(Desc::Console(_)) => self.io.read_line().await,
            Some(Desc::Input(bytes)) => {
                let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| n + 1);
                let line: Vec<u8> = bytes.drain(..end).collect();
                Ok((!line.is_empty()).then_some(line))
            }
            _ => Ok(None),
        }
    }

    /// All of standard input, bounded.
    pub(super) async fn read_all(&mut self) -> Result<Vec<u8>, Stop> {
        match self.fds.get(&0).cloned() {
            Some(Desc::Console(_)) => {
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

    pub(super) fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(match name {
            b"?" => self.status.to_string().into_bytes(),
            b"$" | b"BASHPID" => self.pid.to_string().into_bytes(),
            b"!" => {
                if self.last_background == 0 {
                    return None;
                } else {
                    self.last_background.to_string().into_bytes()
                }
            }
            b"#" => self.args.len().to_string().into_bytes(),
            b"@" | b"*" => self.args.join(&b' '),
            b"-" => {
                if self.interactive {
                    b"himBHs".to_vec()
                } else {
                    b"hBc".to_vec()
                }
            }
            b"0" => {
                if self.interactive && self.visitor_shell() {
                    b"-bash".to_vec()
                } else {
                    self.name.clone()
                }
            }
            b"RANDOM" => (self.draw.clone().unsigned(0, 1 << 40) ^ self.io.lock().steps)
                .wrapping_mul(0x9e37_79b9)
                .to_be_bytes()
                .iter()
                .fold(0u64, |sum, b| (sum * 31 + u64::from(*b)) % 32_768)
                .to_string()
                .into_bytes(),
            b"UID" | b"EUID" => self.account.cred.uid.to_string().into_bytes(),
            b"HOSTNAME" => self.machine.persona().hostname.clone().into_bytes(),
            b"SECONDS" => (self.io.now().as_second() - self.visitor.at.as_second()).to_string().into_bytes(),
            b"LINENO" => self.line.to_string().into_bytes(),
            b"PPID" => (self.pid - 1).to_string().into_bytes(),
            _ => match std::str::from_utf8(name).ok().and_then(|s| s.parse::<usize>().ok()) {
                Some(n) => return n.checked_sub(1).and_then(|n| self.args.get(n)).cloned(),
                None => return self.vars.get(name).map(|var| var.value.clone()),
            },
        })
    }

    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let held: usize = self.vars.iter().map(|(n, v)| n.len() + v.value.len()).sum();
        if held + name.len() + value.len() > VAR_BYTES || self.vars.len() > 1024 {
            return;
        }
        // Copying is work: what is next counted finds it on the bill.
        let _ = self.io.step(1 + value.len() as u64 / 64);
        let var = self.vars.entry(name.to_vec()).or_default();
        if !var.readonly {
            var.value = value.to_vec();
        }
    }

    pub(super) fn set_exported(&mut self, name: &[u8], value: &[u8]) {
        self.set(name, value);
        if let Some(var) = self.vars.get_mut(name) {
            var.exported = true;
        }
    }

    /// A line typed without being shown.
    pub(super) async fn secret(&mut self, prompt: &str) -> Result<Vec<u8>, Stop> {
        self.io.print(true, prompt.as_bytes())?;
        let before = std::mem::replace(&mut self.io.lock().mode, Mode::Cooked { echo: false });
        let line = self.read_line().await;
        self.io.lock().mode = before;
        self.io.print(true, b"\n")?;
        Ok(line?.unwrap_or_default())
    }
}

/// A loop's turn: the body's status, or `None` where the loop ends.
fn turn(result: Result<i32, Stop>) -> Result<Option<i32>, Stop> {
    match result {
        Ok(status) => Ok(Some(status)),
        Err(Stop::Break(1)) => Ok(None),
        Err(Stop::Break(n)) => Err(Stop::Break(n - 1)),
        Err(Stop::Continue(1)) => Ok(Some(0)),
        Err(Stop::Continue(n)) => Err(Stop::Continue(n - 1)),
        Err(stop) => Err(stop),
    }
}
