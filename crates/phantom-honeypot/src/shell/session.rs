//! How a shell gets its commands: typed, as `-c`, from a script, from its input.

mod history;
mod interpreter;

use phantom_core::{Body, Untrusted, event};

use super::Shell;
use super::ast::{Node, Piece};
use super::eval::{INTERRUPTED, KILLED, Running};
use super::io::{Hints, Mode, Stop};
use super::parse::{Parser, Wrong, parse, quoted_word};
use crate::vfs::join;

/// Bytes of a script that are read.
const SCRIPT: usize = 1 << 20;

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
        self.live().set_terminal(self.pid);
        self.interactive = true;
        self.login = true;
        self.set(b"PS1", b"${debian_chroot:+($debian_chroot)}\\u@\\h:\\w\\$ ");
        let file = [self.account.home.as_bytes(), b"/.bash_history"].concat();
        self.set(b"HISTFILE", &file);
        self.set(b"HISTSIZE", b"500");
        self.set(b"HISTFILESIZE", b"500");
        self.load_history(&file);
        let result = self.prompting().await;
        match self.end_process(result).await {
            Ok(status) => status,
            Err(Stop::Exit(status)) => status,
            Err(_) => KILLED,
        }
    }

    /// Prompt, line, run, until `exit` or ^D.
    pub(super) fn prompting(&mut self) -> Running<'_> {
        Box::pin(async move {
            let mut text = Vec::new();
            loop {
                self.report_jobs()?;
                let first = text.is_empty();
                let name: &[u8] = if first { b"PS1" } else { b"PS2" };
                let prompt = self.prompt(name).await?;
                {
                    let mut io = self.io.lock();
                    io.steps = 0;
                    io.total = 0;
                    io.graces = 0;
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
                    Ok(None) if first => {
                        let word: &[u8] = if self.login { b"logout\n" } else { b"exit\n" };
                        self.io.print(false, word)?;
                        self.save_history();
                        return Ok(self.status);
                    }
                    Ok(None) => {
                        text.clear();
                        self.complain("syntax error: unexpected end of file")?;
                        self.status = 2;
                        continue;
                    }
                    Err(Stop::Interrupt) => {
                        text.clear();
                        self.status = INTERRUPTED;
                        continue;
                    }
                    Err(stop) => return Err(stop),
                };
                let line = match self.history_expand(&line) {
                    Ok(Some(new)) => {
                        self.write(2, &[new.as_slice(), b"\n"].concat())?;
                        new
                    }
                    Ok(None) => line,
                    Err(event) => {
                        self.complain(&format!("{event}: event not found"))?;
                        continue;
                    }
                };
                text.extend_from_slice(&line);
                text.push(b'\n');
                let parsed = parse(&text);
                if parsed.as_ref().is_err_and(Wrong::is_incomplete) && text.len() < event::Command::CAP {
                    continue;
                }
                let whole = std::mem::take(&mut text);
                self.remember(&whole);
                if whole.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                self.record(&whole, parsed.as_ref().ok());
                match self.program(&whole, None, true).await {
                    Ok(status) => self.status = status,
                    Err(Stop::Exit(status)) => {
                        self.save_history();
                        return Ok(status);
                    }
                    Err(Stop::Interrupt) => {
                        self.io.lock().interrupted = false;
                        self.io.lock().printed = 0;
                        self.io.print(true, b"\n")?;
                        self.status = INTERRUPTED;
                    }
                    Err(Stop::Limit) => {
                        {
                            let mut io = self.io.lock();
                            io.printed = 0;
                            io.steps = 0;
                            io.total = 0;
                        }
                        self.io.print(true, b"Killed\n")?;
                        self.status = KILLED;
                    }
                    Err(Stop::Discard(status) | Stop::Return(status)) => self.status = status,
                    Err(_) => {}
                }
                (self.nest, self.loops, self.trapping) = (0, 0, 0);
                self.calls.clear();
                while !self.scopes.is_empty() {
                    self.leave_scope();
                }
            }
        })
    }

    async fn prompt(&mut self, name: &[u8]) -> Result<Vec<u8>, Stop> {
        let Some(text) = self.get(name) else {
            let root = self.account.cred.uid == 0;
            return Ok(match (name, self.bash) {
                (b"PS2", _) => b"> ".to_vec(),
                (_, false) if root => b"# ".to_vec(),
                (_, false) => b"$ ".to_vec(),
                (_, true) => self.prompt_text(b"\\s-\\v\\$ "),
            });
        };
        let text = if self.bash { self.prompt_text(&text) } else { text };
        if !text.iter().any(|b| b"$`".contains(b)) {
            return Ok(text);
        }
        let Ok(word) = quoted_word(&text) else { return Ok(text) };
        let status = self.status;
        let result = Box::pin(self.single(&word)).await;
        self.status = status;
        match result {
            Err(Stop::Discard(_)) => Ok(text),
            other => other,
        }
    }

    fn record(&self, text: &[u8], parsed: Option<&Node>) {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let accepted = parsed.is_some_and(|node| self.knows(node));
        let line = Untrusted::capped(line, event::Command::CAP);
        self.io.record(Body::Command(event::Command { line, accepted }));
    }

    /// Whether every command that is named outright is one we have.
    fn knows(&self, node: &Node) -> bool {
        match node {
            Node::Simple(simple) => match simple.words.first().map(|w| w.pieces.as_slice()) {
                Some([Piece::Plain(name)]) => {
                    self.is_command(name)
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

    /// Says what is wrong with a text: bash quotes the line beneath.
    fn syntax_error(
        &mut self,
        wrong: &Wrong,
        line_text: &[u8],
        context: Option<&str>,
        base: u32,
    ) -> Result<(), Stop> {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !self.bash {
            let expecting =
                |wanted: &Option<&str>| wanted.map(|w| format!(" (expecting \"{w}\")")).unwrap_or_default();
            let (line, what) = match wrong {
                Wrong::End { open: Some(b'"' | b'\''), line, .. } => {
                    (*line, "Unterminated quoted string".to_owned())
                }
                Wrong::End { open: Some(b'`'), line, .. } => {
                    (*line, "EOF in backquote substitution".to_owned())
                }
                Wrong::End { open: Some(b'}'), line, .. } => (*line, "Missing '}'".to_owned()),
                Wrong::End { line, wanted, .. } => {
                    (line - 1, format!("end of file unexpected{}", expecting(wanted)))
                }
                Wrong::Near { token, line, wanted } => {
                    let known = token.iter().all(|b| b"&|;()".contains(b))
                        || matches!(
                            token.as_slice(),
                            b"fi" | b"done" | b"do" | b"then" | b"else" | b"elif" | b"esac" | b"}"
                        );
                    let token = match token.as_slice() {
                        b"newline" => "newline".to_owned(),
                        t if t.first().is_some_and(|b| b"<>".contains(b)) => "redirection".to_owned(),
                        t if known => format!("\"{}\"", shown(t)),
                        _ => "word".to_owned(),
                    };
                    (*line, format!("{token} unexpected{}", expecting(wanted)))
                }
                Wrong::Said { text, line, .. } => (*line, text.clone()),
            };
            self.line = line.max(1);
            let context = context.filter(|c| *c == "eval").map(|c| format!("{c}: ")).unwrap_or_default();
            return self.complain(&format!("{context}Syntax error: {what}"));
        }
        let (line, what, quotes) = match wrong {
            Wrong::End { open: Some(open), line, .. } => {
                (*line, format!("unexpected EOF while looking for matching `{}'", char::from(*open)), false)
            }
            Wrong::End { line, .. } => (*line, "syntax error: unexpected end of file".to_owned(), false),
            Wrong::Near { token, line, .. } => {
                (*line, format!("syntax error near unexpected token `{}'", shown(token)), true)
            }
            Wrong::Said { text, line, .. } => (*line, text.clone(), false),
        };
        if self.interactive {
            return self.complain(&what);
        }
        let name = shown(&self.files.last().cloned().unwrap_or_else(|| self.zero()));
        let line = if context == Some("eval") { line + 1 - base } else { line };
        let place = match context {
            Some(context) => format!("{name}: {context}: line {line}:"),
            None => format!("{name}: line {line}:"),
        };
        let mut text: String = what.lines().map(|what| format!("{place} {what}\n")).collect();
        if quotes {
            text += &format!("{place} `{}'\n", shown(line_text));
        }
        self.write(2, text.as_bytes())
    }

    /// Runs a text command by command: those before a syntax error have run when it is found. `discards`:
    /// an error that ends a line ends only that.
    pub(super) fn program<'a>(
        &'a mut self,
        text: &'a [u8],
        context: Option<&'a str>,
        discards: bool,
    ) -> Running<'a> {
        Box::pin(async move {
            self.enter()?;
            let result = self.program_lines(text, context, discards).await;
            self.depth -= 1;
            result
        })
    }

    async fn program_lines(
        &mut self,
        text: &[u8],
        context: Option<&str>,
        discards: bool,
    ) -> Result<i32, Stop> {
        let base = if matches!(context, Some("eval")) { self.line.max(1) } else { 1 };
        let mut parser = Parser::new(text, base, self.bash);
        let mut status = 0;
        loop {
            let aliased = !self.bash || self.interactive || self.shopt(b"expand_aliases");
            if aliased {
                parser.set_aliases(self.aliases.clone());
            }
            self.io.step(1)?;
            let parsed = parser.next_line();
            for (line, text) in std::mem::take(&mut parser.warnings) {
                let before = std::mem::replace(&mut self.line, line);
                self.complain(&text)?;
                self.line = before;
            }
            let node = match parsed {
                Ok(Some(node)) => node,
                Ok(None) => return Ok(status),
                Err(wrong) => {
                    let line = parser.line_text();
                    self.syntax_error(&wrong, &line, context, base)?;
                    self.status = if let Wrong::Said { status, .. } = wrong { status } else { 2 };
                    return if self.bash || self.interactive { Ok(self.status) } else { Err(Stop::Exit(2)) };
                }
            };
            if self.noexec && !self.interactive {
                continue;
            }
            match self.eval(&node).await {
                Ok(done) => status = done,
                Err(Stop::Discard(done)) if discards => {
                    status = done;
                    self.nest = 0;
                }
                Err(stop) => return Err(stop),
            }
            self.status = status;
        }
    }

    /// `bash -c line`, as an `exec` request runs it.
    pub(super) async fn exec_line(mut self, line: Vec<u8>) -> i32 {
        self.set(b"SHLVL", b"0");
        self.given = true;
        let parsed = parse(&line);
        self.record(&line, parsed.as_ref().ok());
        let single = match &parsed {
            Ok(Node::List(all)) => match all.as_slice() {
                [(node, false)] => matches!(node.as_ref(), Node::Simple(_)),
                _ => false,
            },
            _ => false,
        };
        let cmdline = [b"bash\0-c\0", line.as_slice(), b"\0"].concat();
        self.live().set_line(self.pid, &cmdline, single);
        let result = self.program(&line, Some("-c"), true).await;
        let result = self.end_process(result).await;
        self.ended(result)
    }

    fn ended(&self, result: Result<i32, Stop>) -> i32 {
        match result {
            Ok(status) => status,
            Err(Stop::Exit(status) | Stop::Return(status) | Stop::Discard(status)) => status,
            Err(Stop::Interrupt) => INTERRUPTED,
            Err(_) => KILLED,
        }
    }

    /// Commands from the input, as a shell without terminal reads them.
    pub(super) async fn script(mut self) -> i32 {
        // sshd starts it as a login shell, with or without a terminal.
        self.login = true;
        self.from_input = true;
        let result = self.commands_of_input().await;
        let result = self.end_process(result).await;
        self.ended(result)
    }

    /// Reads and runs commands from standard input to its end.
    pub(super) fn commands_of_input(&mut self) -> Running<'_> {
        Box::pin(async move {
            let mut text = Vec::new();
            let mut lines = 0;
            loop {
                let line = self.read_line().await?;
                let ended = line.is_none();
                text.extend_from_slice(&line.unwrap_or_default());
                let parsed = parse(&text);
                let incomplete = parsed.as_ref().is_err_and(Wrong::is_incomplete);
                if incomplete && !ended && text.len() < event::Command::CAP {
                    continue;
                }
                let whole = std::mem::take(&mut text);
                if !whole.iter().all(u8::is_ascii_whitespace) {
                    self.record(&whole, parsed.as_ref().ok());
                    // Lines are counted through the whole input.
                    let padded = [b"\n".repeat(lines).as_slice(), &whole].concat();
                    let result = self.program(&padded, None, true).await;
                    self.status = result?;
                }
                lines = (lines + whole.iter().filter(|b| **b == b'\n').count()).min(65_536);
                if ended {
                    return Ok(self.status);
                }
            }
        })
    }

    /// Runs a text within this shell: traps and what other programs hand over.
    pub(super) fn run_text<'a>(&'a mut self, text: &'a [u8]) -> Running<'a> {
        Box::pin(async move {
            self.indirect += 1;
            let result = self.program(text, Some("eval"), false).await;
            self.indirect -= 1;
            result
        })
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
