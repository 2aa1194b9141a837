//! Words to fields: parameters, commands, arithmetic, splitting, file names.

mod braces;
mod params;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::Shell;
use super::ast::{Node, Piece, Word};
use super::glob;
use super::io::{BUFFER, Desc, Stop};
use crate::vfs::{Kind, join};

/// A byte of a field, and whether it is still open to matching.
type Live = Vec<(u8, bool)>;

/// Fields one command may be expanded to.
const FIELDS: usize = 100_000;

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// What a piece stands for.
enum Part {
    Text(Vec<u8>),
    /// `$@` and arrays: each a field of its own.
    List(Vec<Vec<u8>>),
    /// Like a list, but joined where it is quoted: `$*`.
    Joined(Vec<Vec<u8>>),
    /// Already put where it belongs.
    Put,
}

/// Fields in the making.
struct Sink {
    done: Vec<Live>,
    current: Option<Live>,
    /// The last field was ended by white space: a delimiter that follows belongs to that.
    blank: bool,
    ifs: Vec<u8>,
    split: bool,
    bytes: usize,
}

impl Sink {
    fn now(&mut self) -> &mut Live {
        self.current.get_or_insert_with(Live::new)
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.blank = false;
        self.now().extend(bytes.iter().map(|b| (*b, false)));
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.blank = false;
        self.now().extend(bytes.iter().map(|b| (*b, true)));
    }

    /// Text of an expansion that was not quoted.
    fn expanded(&mut self, bytes: &[u8]) {
        if !self.split {
            if !bytes.is_empty() {
                self.plain(bytes);
            }
            return;
        }
        for byte in bytes {
            if !self.ifs.contains(byte) {
                self.plain(&[*byte]);
            } else if b" \t\n".contains(byte) {
                if let Some(field) = self.current.take() {
                    self.done.push(field);
                    self.blank = true;
                }
            } else {
                match self.current.take() {
                    Some(field) => self.done.push(field),
                    None if self.blank => {}
                    None => self.done.push(Live::new()),
                }
                self.blank = false;
            }
        }
    }

    /// Begins another field.
    fn cut(&mut self) {
        self.done.extend(self.current.take());
        self.blank = false;
    }
}

impl Shell {
    pub(super) async fn fields(&mut self, words: &[Word]) -> Result<Vec<Vec<u8>>, Stop> {
        let mut all = Vec::new();
        for word in words {
            self.word_fields(word, &mut all).await?;
        }
        Ok(all)
    }

    /// The fields of one word, put behind those there are.
    pub(super) async fn word_fields(&mut self, word: &Word, all: &mut Vec<Vec<u8>>) -> Result<(), Stop> {
        if let [Piece::Plain(text)] = word.pieces.as_slice()
            && !text.iter().any(|b| b"~{*?[".contains(b))
        {
            all.push(text.clone());
            return Ok(());
        }
        let words =
            if self.bash && self.braceexpand { self.braces(word)? } else { vec![word.pieces.clone()] };
        for pieces in words {
            let mut sink = self.sink(true);
            Box::pin(self.pieces(&pieces, &mut sink, false, false)).await?;
            sink.cut();
            for field in sink.done {
                self.io.step(1)?;
                all.extend(self.names(&field)?);
                if all.len() > FIELDS {
                    return Err(Stop::Limit);
                }
            }
        }
        Ok(())
    }

    fn sink(&self, split: bool) -> Sink {
        let ifs = self.get(b"IFS").unwrap_or_else(|| b" \t\n".to_vec());
        Sink { done: Vec::new(), current: None, blank: false, ifs, split, bytes: 0 }
    }

    /// One string, neither split nor matched: redirections, `case`.
    pub(super) async fn single(&mut self, word: &Word) -> Result<Vec<u8>, Stop> {
        Ok(self.pattern(word).await?.into_iter().map(|c| c.0).collect())
    }

    /// The value of an assignment: `~` also counts behind a colon.
    pub(super) async fn value(&mut self, word: &Word) -> Result<Vec<u8>, Stop> {
        let mut sink = self.sink(false);
        Box::pin(self.pieces(&word.pieces, &mut sink, false, true)).await?;
        Ok(sink.current.unwrap_or_default().into_iter().map(|c| c.0).collect())
    }

    /// One string with what of it may match.
    pub(super) async fn pattern(&mut self, word: &Word) -> Result<Live, Stop> {
        let mut sink = self.sink(false);
        Box::pin(self.pieces(&word.pieces, &mut sink, false, false)).await?;
        Ok(sink.current.unwrap_or_default())
    }

    /// Expands pieces into fields. `inner`: these are the word of an unquoted `${x:-word}`, so plain text is
    /// split as well.
    fn pieces<'a>(
        &'a mut self,
        pieces: &'a [Piece],
        sink: &'a mut Sink,
        inner: bool,
        assign: bool,
    ) -> Done<'a> {
        Box::pin(async move {
            for (index, piece) in pieces.iter().enumerate() {
                self.io.step(1)?;
                match piece {
                    Piece::Quoted(text) => sink.quoted(text),
                    Piece::Plain(text) => {
                        let text = self.tildes(text, index == 0, assign);
                        if inner { sink.expanded(&text) } else { sink.plain(&text) }
                    }
                    Piece::Param { param, quoted } => {
                        let part = Box::pin(self.param(param, *quoted, sink)).await?;
                        self.put(part, *quoted, sink);
                    }
                    Piece::Command { body, quoted } => {
                        let text = self.substitute(body).await?;
                        self.put(Part::Text(text), *quoted, sink);
                    }
                    Piece::Arith { text, quoted } => {
                        let text = Box::pin(self.single(text)).await?;
                        let value = self.compute(&text)?.to_string().into_bytes();
                        self.put(Part::Text(value), *quoted, sink);
                    }
                    Piece::Process { body, out } => {
                        let path = Box::pin(self.process(body, *out)).await?;
                        sink.quoted(&path);
                    }
                }
                self.io.step(sink.bytes as u64 / 4096)?;
                if sink.bytes > BUFFER || sink.done.len() > FIELDS {
                    return Err(Stop::Limit);
                }
            }
            Ok(())
        })
    }

    fn put(&self, part: Part, quoted: bool, sink: &mut Sink) {
        let joint = sink.ifs.first().copied();
        match part {
            Part::Text(text) if quoted => sink.quoted(&text),
            Part::Text(text) => sink.expanded(&text),
            Part::Joined(list) if quoted || !sink.split => {
                let joint: Vec<u8> = joint.into_iter().collect();
                let text = list.join(joint.as_slice());
                if quoted { sink.quoted(&text) } else { sink.expanded(&text) }
            }
            Part::List(list) if !sink.split => {
                let text = list.join(&b' ');
                if quoted { sink.quoted(&text) } else { sink.expanded(&text) }
            }
            Part::List(list) | Part::Joined(list) => {
                for (n, item) in list.iter().enumerate() {
                    if n > 0 {
                        sink.cut();
                    }
                    if quoted { sink.quoted(item) } else { sink.expanded(item) }
                }
            }
            Part::Put => {}
        }
    }

    fn tildes(&self, text: &[u8], first: bool, assign: bool) -> Vec<u8> {
        if !text.contains(&b'~') {
            return text.to_vec();
        }
        if first
            && !assign
            && self.bash
            && let Some(at) = text.iter().position(|b| *b == b'=')
            && super::vars::is_name(text.get(..at).unwrap_or(&[]))
        {
            // bash takes any word of this form for an assignment.
            let (name, value) = text.split_at_checked(at + 1).unwrap_or((text, b""));
            return [name, &self.tildes(value, true, true)].concat();
        }
        let mut out = Vec::new();
        for (n, part) in text.split(|b| *b == b':' && assign).enumerate() {
            if n > 0 {
                out.push(b':');
            }
            if part.first() == Some(&b'~') && (first || n > 0) {
                out.extend(self.tilde(part));
            } else {
                out.extend_from_slice(part);
            }
        }
        out
    }

    fn tilde(&self, text: &[u8]) -> Vec<u8> {
        let end = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, b""));
        let home = match name.get(1..) {
            Some(b"") => self.get(b"HOME").or_else(|| Some(self.account.home.clone().into_bytes())),
            Some(b"+") if self.bash => Some(self.cwd.clone()),
            Some(b"-") if self.bash => self.get(b"OLDPWD"),
            Some(name) => self.machine.account(name).map(|a| a.home.into_bytes()),
            None => None,
        };
        home.map_or_else(|| text.to_vec(), |home| [&home, rest].concat())
    }

    async fn substitute(&mut self, body: &Arc<Node>) -> Result<Vec<u8>, Stop> {
        if let Some(bytes) = self.whole_file(body).await? {
            return Ok(trimmed(bytes));
        }
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let mut child = self.fork()?;
        child.indirect += 1;
        child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
        self.status = child.run_child(body).await?;
        self.substituted = true;
        let bytes = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(trimmed(bytes))
    }

    /// `$(< file)`.
    async fn whole_file(&mut self, body: &Arc<Node>) -> Result<Option<Vec<u8>>, Stop> {
        let Node::List(all) = body.as_ref() else { return Ok(None) };
        let [(node, false)] = all.as_slice() else { return Ok(None) };
        let Node::Simple(simple) = node.as_ref() else { return Ok(None) };
        let [redir] = simple.redirs.as_slice() else { return Ok(None) };
        let alone = simple.words.is_empty() && simple.assigns.is_empty();
        if !alone || redir.op != super::ast::RedirOp::In || !self.bash {
            return Ok(None);
        }
        let mut child = self.fork()?;
        if !Box::pin(child.redirect(&simple.redirs)).await? {
            self.status = 1;
            return Ok(Some(Vec::new()));
        }
        self.status = 0;
        child.read_all().await.map(Some)
    }

    /// `<(...)`: what the command prints can be read under a name in /dev/fd.
    async fn process(&mut self, body: &Arc<Node>, out: bool) -> Result<Vec<u8>, Stop> {
        let fd = (0..=63).rev().find(|fd| !self.fds.contains_key(fd)).unwrap_or(63);
        if out {
            // What is written there is read when the command that writes is done.
            let buffer = Arc::new(Mutex::new(Vec::new()));
            self.fds.insert(fd, Desc::Pipe(Arc::clone(&buffer)));
            self.after.push((buffer, Arc::clone(body)));
        } else {
            let buffer = Arc::new(Mutex::new(Vec::new()));
            let mut child = self.fork()?;
            child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
            child.run_child(body).await?;
            let bytes = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
            self.fds.insert(fd, Desc::Input(Arc::new(Mutex::new(bytes.into()))));
        }
        Ok(format!("/dev/fd/{fd}").into_bytes())
    }

    /// File names that a field stands for; itself where it has no live pattern or nothing matches.
    fn names(&mut self, field: &Live) -> Result<Vec<Vec<u8>>, Stop> {
        let plain: Vec<u8> = field.iter().map(|c| c.0).collect();
        if self.noglob {
            return Ok(vec![plain]);
        }
        if !field.iter().any(|(b, live)| *live && b"*?[".contains(b)) {
            return Ok(vec![plain]);
        }
        let mut found: Vec<Vec<u8>> = vec![if plain.starts_with(b"/") { b"/".to_vec() } else { Vec::new() }];
        for part in field.split(|c| c.0 == b'/').filter(|part| !part.is_empty()) {
            let wild = part.iter().any(|(b, live)| *live && b"*?[".contains(b));
            let mut next = Vec::new();
            for stem in found {
                let put = |name: &[u8]| {
                    let mut path = stem.clone();
                    if !path.is_empty() && !path.ends_with(b"/") {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                    path
                };
                if !wild {
                    next.push(put(&part.iter().map(|c| c.0).collect::<Vec<u8>>()));
                    continue;
                }
                let dir = join(&self.cwd, &stem);
                let part = part.to_vec();
                let part = part.as_slice();
                let entries = self.vfs().readdir(&self.account.cred, &dir).unwrap_or_default();
                self.io.step(1 + entries.len() as u64 / 16)?;
                for (name, _) in entries {
                    let hidden = name.starts_with(b".")
                        && !self.shopt(b"dotglob")
                        && part.first().is_none_or(|c| c.0 != b'.');
                    let fits = if self.shopt(b"nocaseglob") {
                        let lower: Live = part.iter().map(|c| (c.0.to_ascii_lowercase(), c.1)).collect();
                        glob::matches(&lower, &name.to_ascii_lowercase())
                    } else {
                        glob::matches(part, &name)
                    };
                    if !hidden && fits {
                        next.push(put(&name));
                    }
                }
                if next.len() > FIELDS {
                    return Err(Stop::Limit);
                }
            }
            found = next;
        }
        let dir_only = plain.ends_with(b"/");
        let vfs = self.vfs();
        found.retain(|path| {
            vfs.lstat(&self.account.cred, &join(&self.cwd, path))
                .is_ok_and(|s| !dir_only || s.kind == Kind::Dir)
        });
        drop(vfs);
        if !found.is_empty() || self.shopt(b"nullglob") {
            return Ok(found);
        }
        if self.shopt(b"failglob") {
            self.complain(&format!("no match: {}", String::from_utf8_lossy(&plain)))?;
            return Err(Stop::Discard(1));
        }
        Ok(vec![plain])
    }
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|b| *b != 0);
    while bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    bytes
}
