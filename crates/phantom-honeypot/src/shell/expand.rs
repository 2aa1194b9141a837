//! Words to fields: parameters, commands, arithmetic, splitting, file names.

use std::sync::{Arc, Mutex, PoisonError};

use super::ast::{Node, Param, ParamOp, Piece, Word};
use super::io::{BUFFER, Desc, Stop};
use super::{Shell, arith, glob};
use crate::vfs::{Kind, join};

/// A byte of a field, and whether it is still open to splitting and matching.
type Live = Vec<(u8, bool)>;

/// Fields one command may be expanded to.
const FIELDS: usize = 8192;

impl Shell {
    pub(super) async fn fields(&mut self, words: &[Word]) -> Result<Vec<Vec<u8>>, Stop> {
        let mut all = Vec::new();
        for word in words {
            for word in braces(word) {
                for field in self.split_word(&word).await? {
                    self.io.step(1)?;
                    all.extend(self.names(&field)?);
                    if all.len() > FIELDS {
                        return Err(Stop::Limit);
                    }
                }
            }
        }
        Ok(all)
    }

    /// One string, neither split nor matched: assignments, redirections, `case`.
    pub(super) async fn single(&mut self, word: &Word) -> Result<Vec<u8>, Stop> {
        Ok(self.pattern(word).await?.into_iter().map(|c| c.0).collect())
    }

    /// One string with what of it may match.
    pub(super) async fn pattern(&mut self, word: &Word) -> Result<Live, Stop> {
        let mut out = Live::new();
        for (index, piece) in word.iter().enumerate() {
            for (part, _) in self.piece(piece, index == 0, word.len() == 1).await? {
                if !out.is_empty()
                    && matches!(piece, Piece::Param { param, .. } if param.name == b"@")
                    && index == 0
                {
                    out.push((b' ', false));
                }
                out.extend(part);
            }
            self.io.step(out.len() as u64 / 64)?;
            if out.len() > BUFFER {
                return Err(Stop::Limit);
            }
        }
        Ok(out)
    }

    async fn split_word(&mut self, word: &Word) -> Result<Vec<Live>, Stop> {
        let ifs = self.get(b"IFS").unwrap_or_else(|| b" \t\n".to_vec());
        let mut fields: Vec<Live> = Vec::new();
        let mut current: Option<Live> = None;
        for (index, piece) in word.iter().enumerate() {
            let parts = self.piece(piece, index == 0, word.len() == 1).await?;
            let expands = !matches!(piece, Piece::Plain(_) | Piece::Quoted(_));
            for (n, (part, quoted)) in parts.into_iter().enumerate() {
                if n > 0 {
                    fields.extend(current.take());
                }
                if quoted && !matches!(piece, Piece::Param { param, .. } if param.name == b"@") || !expands {
                    current.get_or_insert_with(Live::new);
                }
                if n > 0 && quoted {
                    current.get_or_insert_with(Live::new);
                }
                for (byte, live) in part {
                    if live && expands && ifs.contains(&byte) {
                        fields.extend(current.take());
                    } else {
                        current.get_or_insert_with(Live::new).push((byte, live));
                    }
                }
                if fields.len() > FIELDS {
                    return Err(Stop::Limit);
                }
            }
        }
        fields.extend(current);
        Ok(fields)
    }

    /// What a piece stands for; more than one part only for `$@`. The flag says whether it was quoted.
    async fn piece(&mut self, piece: &Piece, first: bool, alone: bool) -> Result<Vec<(Live, bool)>, Stop> {
        let (bytes, quoted) = match piece {
            Piece::Quoted(text) => (text.clone(), true),
            Piece::Plain(text) => {
                let text =
                    if first && text.first() == Some(&b'~') { self.tilde(text, alone) } else { text.clone() };
                (text, false)
            }
            Piece::Param { param, quoted } => {
                if matches!(param.name.as_slice(), b"@" | b"*") && param.op == ParamOp::Value {
                    if param.name == b"*" && *quoted {
                        (self.args.join(&b' '), true)
                    } else {
                        let args = self.args.clone().into_iter();
                        return Ok(args
                            .map(|arg| (arg.into_iter().map(|b| (b, !quoted)).collect(), *quoted))
                            .collect());
                    }
                } else {
                    (self.param(param).await?, *quoted)
                }
            }
            Piece::Command { body, quoted } => (self.substitute(body).await?, *quoted),
            Piece::Arith { text, quoted } => {
                let text = Box::pin(self.single(text)).await?;
                (self.compute(&text)?.to_string().into_bytes(), *quoted)
            }
        };
        Ok(vec![(bytes.into_iter().map(|b| (b, !quoted)).collect(), quoted)])
    }

    fn tilde(&self, text: &[u8], _alone: bool) -> Vec<u8> {
        let end = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, b""));
        let home = match name.get(1..) {
            Some(b"") => self.get(b"HOME"),
            Some(name) => self.machine.account(name).map(|a| a.home.into_bytes()),
            None => None,
        };
        home.map_or_else(|| text.to_vec(), |home| [&home, rest].concat())
    }

    pub(super) fn compute(&mut self, text: &[u8]) -> Result<i64, Stop> {
        let mut sets: Vec<(Vec<u8>, i64)> = Vec::new();
        let sets_cell = Mutex::new(&mut sets);
        let result = {
            let get = |name: &[u8]| {
                let sets = sets_cell.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((_, value)) = sets.iter().rev().find(|(n, _)| n == name) {
                    return *value;
                }
                arith::number(&self.get(name).unwrap_or_default()).unwrap_or(0)
            };
            let mut set = |name: &[u8], value: i64| {
                sets_cell.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_vec(), value));
            };
            arith::compute(text, &get, &mut set)
        };
        for (name, value) in sets {
            self.set(&name, value.to_string().as_bytes());
        }
        match result {
            Ok(value) => Ok(value),
            Err(why) => {
                let shown = String::from_utf8_lossy(text).trim().to_owned();
                self.complain(&format!("{shown}: {why} (error token is \"{shown}\")"))?;
                Err(Stop::Return(1))
            }
        }
    }

    async fn substitute(&mut self, body: &Arc<Node>) -> Result<Vec<u8>, Stop> {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let mut child = self.fork()?;
        child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
        self.status = child.run_child(body).await?;
        let mut bytes = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
        bytes.retain(|b| *b != 0);
        while bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(bytes)
    }

    async fn param(&mut self, param: &Param) -> Result<Vec<u8>, Stop> {
        self.io.step(1)?;
        let value = self.get(&param.name);
        Ok(match &param.op {
            ParamOp::Value => value.unwrap_or_default(),
            ParamOp::Length if param.name == b"@" => self.args.len().to_string().into_bytes(),
            ParamOp::Length => value.unwrap_or_default().len().to_string().into_bytes(),
            ParamOp::Test { op, colon, word } => {
                let there = value.as_ref().is_some_and(|v| !colon || !v.is_empty());
                match (op, there) {
                    (b'+', true) => Box::pin(self.single(word)).await?,
                    (b'+', false) => Vec::new(),
                    (_, true) => value.unwrap_or_default(),
                    (b'=', false) => {
                        let new = Box::pin(self.single(word)).await?;
                        self.set(&param.name, &new);
                        new
                    }
                    (b'?', false) => {
                        let text = Box::pin(self.single(word)).await?;
                        let name = String::from_utf8_lossy(&param.name).into_owned();
                        let text = if text.is_empty() {
                            "parameter null or not set".into()
                        } else {
                            String::from_utf8_lossy(&text).into_owned()
                        };
                        self.complain(&format!("{name}: {text}"))?;
                        return Err(if self.interactive { Stop::Return(1) } else { Stop::Exit(127) });
                    }
                    _ => Box::pin(self.single(word)).await?,
                }
            }
            ParamOp::Strip { prefix, longest, word } => {
                let pattern = Box::pin(self.pattern(word)).await?;
                let value = value.unwrap_or_default();
                self.io.step(value.len() as u64 / 16)?;
                let mut cuts: Vec<usize> = (0..=value.len()).collect();
                if *prefix == *longest {
                    cuts.reverse();
                }
                // A prefix grows with the cut, a suffix shrinks with it.
                for cut in cuts {
                    let (head, tail) = value.split_at_checked(cut).unwrap_or((&value, b""));
                    if glob::matches(&pattern, if *prefix { head } else { tail }) {
                        return Ok(if *prefix { tail } else { head }.to_vec());
                    }
                }
                value
            }
            ParamOp::Replace { all, pattern, text } => {
                let pattern = Box::pin(self.pattern(pattern)).await?;
                let text = Box::pin(self.single(text)).await?;
                let value = value.unwrap_or_default();
                let mut out = Vec::new();
                let mut at = 0;
                while at < value.len() {
                    self.io.step(1)?;
                    let found = (at + 1..=value.len())
                        .rev()
                        .find(|end| glob::matches(&pattern, value.get(at..*end).unwrap_or(&[])));
                    match found {
                        Some(end) if *all || out.len() == at => {
                            out.extend_from_slice(&text);
                            at = end;
                            if !all {
                                break;
                            }
                        }
                        _ => {
                            out.extend(value.get(at));
                            at += 1;
                        }
                    }
                }
                out.extend_from_slice(value.get(at..).unwrap_or(&[]));
                out
            }
            ParamOp::Slice { offset, length } => {
                let value = value.unwrap_or_default();
                let size = i64::try_from(value.len()).unwrap_or(0);
                let text = Box::pin(self.single(offset)).await?;
                let from = self.compute(&text)?;
                let from = if from < 0 { size + from } else { from }.clamp(0, size);
                let to = match length {
                    Some(word) => {
                        let text = Box::pin(self.single(word)).await?;
                        let length = self.compute(&text)?;
                        if length < 0 { size + length } else { from.saturating_add(length) }
                    }
                    None => size,
                };
                let (from, to) =
                    (usize::try_from(from).unwrap_or(0), usize::try_from(to.clamp(from, size)).unwrap_or(0));
                value.get(from..to).unwrap_or(&[]).to_vec()
            }
        })
    }

    /// File names that a field stands for; itself where it has no live pattern or nothing matches.
    fn names(&mut self, field: &Live) -> Result<Vec<Vec<u8>>, Stop> {
        let plain: Vec<u8> = field.iter().map(|c| c.0).collect();
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
                let entries = self.vfs().readdir(&self.account.cred, &dir).unwrap_or_default();
                self.io.step(1 + entries.len() as u64 / 16)?;
                for (name, _) in entries {
                    let hidden = name.starts_with(b".") && part.first().is_none_or(|c| c.0 != b'.');
                    if !hidden && glob::matches(part, &name) {
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
        Ok(if found.is_empty() { vec![plain] } else { found })
    }
}

/// `{a,b}` and `{1..9}` in plain text; at most 1024 words.
fn braces(word: &Word) -> Vec<Word> {
    for (index, piece) in word.iter().enumerate() {
        let Piece::Plain(text) = piece else { continue };
        let Some(open) = text.iter().position(|b| *b == b'{') else { continue };
        let mut depth = 0;
        let close = text.iter().enumerate().skip(open).find(|(_, b)| {
            depth += i32::from(**b == b'{') - i32::from(**b == b'}');
            depth == 0
        });
        let Some((close, _)) = close else { continue };
        let inner = text.get(open + 1..close).unwrap_or(&[]);
        let Some(choices) = choices(inner) else { continue };
        let mut all = Vec::new();
        for choice in choices {
            let mut new = word.get(..index).unwrap_or(&[]).to_vec();
            let head = text.get(..open).unwrap_or(&[]);
            let tail = text.get(close + 1..).unwrap_or(&[]);
            new.push(Piece::Plain([head, &choice, tail].concat()));
            new.extend_from_slice(word.get(index + 1..).unwrap_or(&[]));
            if text.len() < 256 && all.len() < 1024 {
                all.extend(braces(&new));
            }
        }
        all.truncate(1024);
        return all;
    }
    vec![word.clone()]
}

fn choices(inner: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut depth = 0;
    let parts: Vec<Vec<u8>> = inner
        .split(|b| {
            depth += i32::from(*b == b'{') - i32::from(*b == b'}');
            *b == b',' && depth == 0
        })
        .map(<[u8]>::to_vec)
        .collect();
    if parts.len() > 1 {
        return Some(parts);
    }
    let (low, high) = std::str::from_utf8(inner).ok()?.split_once("..")?;
    if let (Ok(low), Ok(high)) = (low.parse::<i64>(), high.parse::<i64>()) {
        let count = low.abs_diff(high).min(1023);
        let step = if low <= high { 1 } else { -1 };
        return Some((0..=count).map(|n| (low + step * n as i64).to_string().into_bytes()).collect());
    }
    let (low, high) = (low.as_bytes(), high.as_bytes());
    match (low, high) {
        ([a], [b]) if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && a <= b => {
            Some((*a..=*b).map(|c| vec![c]).collect())
        }
        _ => None,
    }
}
