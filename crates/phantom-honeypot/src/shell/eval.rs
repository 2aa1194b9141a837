//! Evaluation: what a parsed line does.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::ast::{Arm, Node, Word};
use super::io::{Desc, Stop};
use super::{DEPTH, NEST, Shell, facts};

pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<i32, Stop>> + Send + 'a>>;

/// Exit status of what a signal ended: 128 + SIGINT, 128 + SIGKILL, 128 + SIGPIPE.
pub(super) const INTERRUPTED: i32 = 130;
pub(super) const KILLED: i32 = 137;
const PIPED: i32 = 141;

impl Shell {
    pub(super) fn enter(&mut self) -> Result<(), Stop> {
        self.io.step(1)?;
        if self.depth >= DEPTH {
            self.too_deep()?;
        }
        self.depth += 1;
        Ok(())
    }

    /// A process of its own with all that this one has, traps and jobs left out.
    pub(super) fn fork(&mut self) -> Result<Self, Stop> {
        self.io.step(5)?;
        let mut child = self.clone();
        child.enter()?;
        child.pid = self.next_pid();
        child.traps.retain(|_, action| action.is_empty());
        child.jobs.clear();
        child.subshells += 1;
        Ok(child)
    }

    pub(super) fn next_pid(&mut self) -> u32 {
        let newest = facts::pid(self.machine.persona(), self.io.now());
        self.live().next_pid(newest)
    }

    /// Runs a node as a process of its own: exits and returns end it alone.
    pub(super) fn run_child<'a>(&'a mut self, node: &'a Node) -> Running<'a> {
        Box::pin(async move {
            let result = self.eval(node).await;
            self.end_process(result).await
        })
    }

    /// The status a process ends with, its EXIT trap run.
    pub(super) fn end_process(&mut self, result: Result<i32, Stop>) -> Running<'_> {
        Box::pin(async move {
            let status = match result {
                Ok(status) => status,
                Err(Stop::Exit(status) | Stop::Return(status) | Stop::Discard(status)) => status,
                Err(Stop::Break(_) | Stop::Continue(_)) => 0,
                other => return other,
            };
            let Some(action) = self.traps.remove(b"EXIT".as_slice()) else { return Ok(status) };
            self.status = status;
            match self.run_text(&action).await {
                Err(Stop::Exit(status)) => Ok(status),
                Err(stop @ (Stop::Limit | Stop::Interrupt)) => Err(stop),
                _ => Ok(status),
            }
        })
    }

    pub(super) fn eval<'a>(&'a mut self, node: &'a Node) -> Running<'a> {
        Box::pin(async move {
            self.io.step(1)?;
            self.io.pace().await?;
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
        match node {
            Node::Simple(_) if self.noexec && !self.interactive => Box::pin(async move { Ok(self.status) }),
            Node::Simple(simple) => Box::pin(async move {
                let result = self.simple(simple).await;
                let status = self.caught(result).await?;
                self.judged(status).await
            }),
            Node::Pipe(all) => Box::pin(async move {
                let status = self.pipe(all).await?;
                self.judged(status).await
            }),
            Node::Subshell(node) => Box::pin(async move {
                let mut child = self.fork()?;
                let status = child.run_child(node).await?;
                self.judged(status).await
            }),
            Node::Arith(word, line) => Box::pin(async move {
                self.line = *line;
                let text = self.single(word).await?;
                if self.xtrace {
                    self.trace_line(&[b"(( ", text.trim_ascii(), b" ))"].concat())?;
                }
                let status = match self.compute_for(&text, Some("((")) {
                    Ok(value) => i32::from(value == 0),
                    Err(Stop::Discard(_)) => 1,
                    Err(stop) => return Err(stop),
                };
                self.judged(status).await
            }),
            Node::Test(cond, line) => Box::pin(async move {
                self.line = *line;
                let status = match self.cond(cond).await {
                    Ok(yes) => i32::from(!yes),
                    Err(Stop::Discard(status)) => status,
                    Err(stop) => return Err(stop),
                };
                self.judged(status).await
            }),
            Node::List(all) => Box::pin(async move {
                let mut status = if all.is_empty() { 0 } else { self.status };
                for (node, background) in all {
                    status = if *background { self.background(node)? } else { self.eval(node).await? };
                    self.status = status;
                }
                Ok(status)
            }),
            Node::Group(node) => self.eval(node),
            node => Box::pin(async move {
                let status = self.compound(node).await?;
                self.status = status;
                Ok(status)
            }),
        }
    }

    /// What a failed command leads to: the ERR trap, and the end under `set -e`.
    async fn judged(&mut self, status: i32) -> Result<i32, Stop> {
        self.status = status;
        if status == 0 || self.in_condition {
            return Ok(status);
        }
        if self.traps.contains_key(b"ERR".as_slice()) && (self.calls.is_empty() || self.errtrace) {
            self.run_trap(b"ERR").await?;
            self.status = status;
        }
        if self.errexit { Err(Stop::Exit(status)) } else { Ok(status) }
    }

    /// ^C where it is trapped.
    async fn caught(&mut self, result: Result<i32, Stop>) -> Result<i32, Stop> {
        if !matches!(result, Err(Stop::Interrupt)) || !self.traps.contains_key(b"INT".as_slice()) {
            return result;
        }
        self.io.lock().interrupted = false;
        self.run_trap(b"INT").await?;
        Ok(INTERRUPTED)
    }

    /// Runs the action of a trap; the status before it stands again after it.
    pub(super) async fn run_trap(&mut self, name: &[u8]) -> Result<(), Stop> {
        let Some(action) = self.traps.get(name).cloned().filter(|a| !a.is_empty()) else { return Ok(()) };
        if self.trapping > 0 {
            return Ok(());
        }
        let (status, line) = (self.status, self.line);
        self.trapping += 1;
        let result = self.run_text(&action).await;
        self.trapping -= 1;
        self.status = status;
        self.line = line;
        result.map(|_| ())
    }

    async fn compound(&mut self, node: &Node) -> Result<i32, Stop> {
        Ok(match node {
            Node::Not(node) => i32::from(Box::pin(self.condition(node)).await? == 0),
            Node::And(a, b) => match Box::pin(self.condition(a)).await? {
                0 => self.eval(b).await?,
                status => status,
            },
            Node::Or(a, b) => match Box::pin(self.condition(a)).await? {
                0 => 0,
                _ => self.eval(b).await?,
            },
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
                self.loops += 1;
                let result = Box::pin(self.while_loop(*until, condition, body)).await;
                self.loops -= 1;
                result?
            }
            Node::For { name, words, body, select, line } => {
                self.line = *line;
                if !super::vars::is_name(name) {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.complain(&format!("`{name}': not a valid identifier"))?;
                    return Ok(1);
                }
                let values = match words {
                    Some(words) => Box::pin(self.fields(words)).await?,
                    None => self.args.clone(),
                };
                let shown = words.as_ref().map_or_else(|| b"\"$@\"".to_vec(), |w| super::show::typed(w));
                let head: &[u8] = if *select { b"select " } else { b"for " };
                let traced = [head, name, b" in ", &shown].concat();
                self.loops += 1;
                let result = if *select {
                    Box::pin(self.select(name, &values, body)).await
                } else {
                    Box::pin(self.for_loop(name, &values, body, &traced)).await
                };
                self.loops -= 1;
                result?
            }
            Node::Count { parts, body } => {
                self.loops += 1;
                let result = Box::pin(self.count_loop(parts, body)).await;
                self.loops -= 1;
                result?
            }
            Node::Case { word, arms } => Box::pin(self.case(word, arms)).await?,
            Node::Function { name, body } => {
                if self.functions.len() < 256 {
                    self.functions.insert(name.clone(), Arc::clone(body));
                }
                0
            }
            Node::Time(node, posix) => {
                let start = phantom_core::micros(self.io.now());
                let status = match node {
                    Some(node) => self.eval(node).await?,
                    None => 0,
                };
                let real = phantom_core::micros(self.io.now()).saturating_sub(start) + 1_000;
                let shown = |micros: i64| {
                    let (seconds, millis) = (micros / 1_000_000, micros / 1_000 % 1_000);
                    if *posix {
                        format!("{seconds}.{:02}", millis / 10)
                    } else {
                        format!("{}m{}.{millis:03}s", seconds / 60, seconds % 60)
                    }
                };
                let text = if *posix {
                    format!("real {}\nuser {}\nsys {}\n", shown(real), shown(0), shown(0))
                } else {
                    format!("\nreal\t{}\nuser\t{}\nsys\t{}\n", shown(real), shown(0), shown(0))
                };
                self.write(2, text.as_bytes())?;
                status
            }
            Node::Redirected(node, redirs) => {
                let saved = self.fds.clone();
                let result = match Box::pin(self.redirect(redirs)).await? {
                    true => self.eval(node).await,
                    false => Ok(1),
                };
                self.fds = saved;
                result?
            }
            other => self.eval(other).await?,
        })
    }

    async fn condition(&mut self, node: &Node) -> Result<i32, Stop> {
        let before = std::mem::replace(&mut self.in_condition, true);
        let result = self.eval(node).await;
        self.in_condition = before;
        result
    }

    async fn while_loop(&mut self, until: bool, condition: &Node, body: &Node) -> Result<i32, Stop> {
        let mut status = 0;
        loop {
            match turn(self.condition(condition).await)? {
                Some(value) if (value == 0) != until => {}
                _ => return Ok(status),
            }
            match turn(self.eval(body).await)? {
                Some(value) => status = value,
                None => return Ok(0),
            }
        }
    }

    async fn for_loop(
        &mut self,
        name: &[u8],
        values: &[Vec<u8>],
        body: &Node,
        traced: &[u8],
    ) -> Result<i32, Stop> {
        let mut status = 0;
        for value in values {
            if self.xtrace && self.bash {
                self.trace_line(traced)?;
            }
            self.assign(name, value)?;
            match turn(self.eval(body).await)? {
                Some(value) => status = value,
                None => return Ok(0),
            }
        }
        Ok(status)
    }

    async fn select(&mut self, name: &[u8], values: &[Vec<u8>], body: &Node) -> Result<i32, Stop> {
        if values.is_empty() {
            return Ok(0);
        }
        let mut status = 0;
        let mut show = true;
        loop {
            let mut text = String::new();
            if show {
                let width = values.len().to_string().len();
                for (n, value) in values.iter().enumerate() {
                    text += &format!("{:width$}) {}\n", n + 1, String::from_utf8_lossy(value));
                }
            }
            text += &String::from_utf8_lossy(&self.get(b"PS3").unwrap_or_else(|| b"#? ".to_vec()));
            self.write(2, text.as_bytes())?;
            let Some(line) = self.read_line().await? else {
                self.write(1, b"\n")?;
                return Ok(1);
            };
            let line = line.strip_suffix(b"\n").unwrap_or(&line).to_vec();
            self.set(b"REPLY", &line);
            show = line.is_empty();
            if show {
                continue;
            }
            let chosen = super::arith::decimal(&line).and_then(|n| usize::try_from(n - 1).ok());
            let value = chosen.and_then(|n| values.get(n)).cloned().unwrap_or_default();
            self.assign(name, &value)?;
            match turn(self.eval(body).await)? {
                Some(value) => status = value,
                None => return Ok(status),
            }
        }
    }

    async fn count_loop(&mut self, parts: &[Word; 3], body: &Node) -> Result<i32, Stop> {
        let [first, test, step] = parts;
        let mut status = 0;
        self.part(first).await?;
        loop {
            self.io.step(1)?;
            if !test.raw.trim_ascii().is_empty() && self.part(test).await? == 0 {
                return Ok(status);
            }
            match turn(self.eval(body).await)? {
                Some(value) => status = value,
                None => return Ok(0),
            }
            self.part(step).await?;
        }
    }

    async fn part(&mut self, word: &Word) -> Result<i64, Stop> {
        let text = self.single(word).await?;
        self.compute_for(&text, Some("(("))
    }

    async fn case(&mut self, word: &Word, arms: &[Arm]) -> Result<i32, Stop> {
        let value = self.single(word).await?;
        if self.xtrace && self.bash {
            self.trace_line(&[b"case ", word.raw.as_slice(), b" in"].concat())?;
        }
        let mut status = 0;
        let mut fall = false;
        for arm in arms {
            let mut found = fall;
            for pattern in &arm.patterns {
                if found {
                    break;
                }
                let pattern = self.pattern(pattern).await?;
                self.io.step(1 + value.len() as u64 / 64)?;
                found = self.fits(&pattern, &value);
            }
            if !found {
                continue;
            }
            self.status = 0;
            status = self.eval(&arm.body).await?;
            match arm.end {
                b'&' => fall = true,
                b't' => fall = false,
                _ => return Ok(status),
            }
        }
        Ok(status)
    }

    /// One after the other: each writes a bounded buffer that the next reads.
    async fn pipe(&mut self, all: &[Node]) -> Result<i32, Stop> {
        let mut input: Option<VecDeque<u8>> = None;
        let mut statuses = Vec::new();
        for (index, node) in all.iter().enumerate() {
            let last = index + 1 == all.len();
            let buffer = Arc::new(Mutex::new(Vec::new()));
            let mut child = self.fork()?;
            if let Some(bytes) = input.take() {
                child.fds.insert(0, Desc::Input(Arc::new(Mutex::new(bytes))));
            }
            if !last {
                child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
            }
            let status = match child.run_child(node).await {
                // One that would write or compute for ever is ended when its reader has gone.
                Err(Stop::Limit) if !last && self.io.grace() => PIPED,
                other => other?,
            };
            statuses.push(status);
            input = Some(std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner)).into());
        }
        let last = statuses.last().copied().unwrap_or(0);
        let worst = statuses.iter().rev().copied().find(|s| *s != 0).unwrap_or(0);
        self.pipe_status = statuses;
        Ok(if self.pipefail { worst } else { last })
    }

    /// Starts a process that runs beside this one.
    fn background(&mut self, node: &Arc<Node>) -> Result<i32, Stop> {
        let mut child = self.fork()?;
        if !self.interactive {
            child.fds.insert(0, Desc::Null);
        }
        child.interactive = false;
        child.background = true;
        self.last_background = child.pid;
        let text = super::show::command(node);
        let job = self.add_job(child.pid, text)?;
        let done = Arc::clone(&job);
        if self.interactive && self.subshells == 0 {
            let id = self.jobs.last().map_or(1, |job| job.id);
            self.write(2, format!("[{id}] {}\n", child.pid).as_bytes())?;
        }
        let node = Arc::clone(node);
        let task = Box::pin(async move {
            match child.run_child(&node).await {
                Ok(status) => status,
                Err(Stop::Interrupt) => INTERRUPTED,
                Err(_) => KILLED,
            }
        });
        let mut io = self.io.lock();
        io.spawned.push(super::io::Spawned { task, done });
        io.unsettled = true;
        Ok(0)
    }

    /// A function, builtin or program by name.
    pub(super) fn invoke<'a>(&'a mut self, name: &'a [u8], args: Vec<Vec<u8>>) -> Running<'a> {
        Box::pin(async move {
            self.io.step(3)?;
            if let Some(body) = self.functions.get(name).cloned() {
                return self.call(name, &body, args).await;
            }
            Box::pin(super::cmd::run(self, name, args)).await
        })
    }

    async fn call(&mut self, name: &[u8], body: &Node, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
        self.enter()?;
        let outer = std::mem::replace(&mut self.args, args);
        let loops = std::mem::take(&mut self.loops);
        self.calls.push(name.to_vec());
        self.scopes.push(Vec::new());
        let result = self.eval(body).await;
        self.leave_scope();
        self.calls.pop();
        self.loops = loops;
        self.args = outer;
        self.depth -= 1;
        match result {
            Err(Stop::Return(status)) => {
                self.status = status;
                Ok(status)
            }
            other => other,
        }
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
