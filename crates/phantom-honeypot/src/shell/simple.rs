//! Simple commands: assignments, redirections, and what is run.

use std::sync::{Arc, Mutex, PoisonError};

use super::ast::{Assign, Simple, Value, Word};
use super::builtins::{quote_trace, quote_value};
use super::io::{Desc, Stop};
use super::vars::Var;
use super::{Shell, cmd};

/// Builtins whose failing redirection, or whose assignments, last: POSIX's special ones.
const SPECIAL: &[&[u8]] = &[
    b":",
    b".",
    b"break",
    b"continue",
    b"eval",
    b"exec",
    b"exit",
    b"export",
    b"readonly",
    b"return",
    b"set",
    b"shift",
    b"times",
    b"trap",
    b"unset",
];

/// An assignment whose right side is expanded.
enum Ready {
    Scalar(Vec<u8>, Option<Vec<u8>>, Vec<u8>),
    Array,
}

impl Shell {
    pub(super) async fn simple(&mut self, simple: &Simple) -> Result<i32, Stop> {
        self.line = simple.line;
        if !self.traps.is_empty() && self.trapping == 0 {
            self.command = Some(super::show::simple_command(simple));
        }
        if self.traps.contains_key(b"DEBUG".as_slice()) && (self.calls.is_empty() || self.functrace) {
            self.run_trap(b"DEBUG").await?;
        }
        self.substituted = false;
        let held = self.after.len();
        let process = simple.words.iter().any(|w| w.raw.contains(&b'('))
            || simple.redirs.iter().any(|r| r.word.raw.contains(&b'('));
        let saved_fds = process.then(|| self.fds.clone());
        let result = self.simple_inner(simple).await;
        if self.after.len() > held {
            Box::pin(self.run_after(held)).await?;
        }
        if let Some(fds) = saved_fds.filter(|_| !self.keep_fds) {
            self.fds = fds;
        }
        self.keep_fds = false;
        result
    }

    /// Feeds `>(...)` what was written there.
    async fn run_after(&mut self, held: usize) -> Result<(), Stop> {
        for (buffer, body) in self.after.split_off(held) {
            let bytes = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
            let mut child = self.fork()?;
            child.fds.insert(0, Desc::Input(Arc::new(Mutex::new(bytes.into()))));
            child.run_child(&body).await?;
        }
        Ok(())
    }

    async fn simple_inner(&mut self, simple: &Simple) -> Result<i32, Stop> {
        let mut words = Box::pin(self.arguments(&simple.words)).await?;
        let mut ready = Vec::new();
        for assign in &simple.assigns {
            ready.push(Box::pin(self.ready(assign, words.is_empty())).await?);
        }
        if self.xtrace && self.bash {
            for assign in &simple.assigns {
                if matches!(assign.value, Value::Array(_)) {
                    let text = super::show::assignment(assign);
                    self.trace_line(&text)?;
                }
            }
        }
        let used = self.substituted;
        if words.is_empty() {
            if self.xtrace {
                self.trace(&ready, &[])?;
            }
            let saved_fds = self.fds.clone();
            let opened = Box::pin(self.redirect(&simple.redirs)).await?;
            self.fds = saved_fds;
            for one in ready {
                if let Ready::Scalar(name, key, value) = one {
                    self.store(&name, key.as_deref(), &value)?;
                }
            }
            if !opened {
                return self.redirection_failed(b"");
            }
            return Ok(if used { self.status } else { 0 });
        }
        if self.xtrace {
            self.trace(&ready, &words)?;
        }
        let name = words.remove(0);
        let saved_fds = self.fds.clone();
        if !Box::pin(self.redirect(&simple.redirs)).await? {
            self.fds = saved_fds;
            return self.redirection_failed(&name);
        }
        if name == b"exec" && words.is_empty() {
            self.keep_fds = true;
            return Ok(0);
        }
        let lasting = !self.bash && SPECIAL.contains(&name.as_slice());
        let mut saved: Vec<(Vec<u8>, Option<Var>)> = Vec::new();
        for one in ready {
            if let Ready::Scalar(key, None, value) = one {
                if self.is_readonly(&key) {
                    let stop = self.refuse_readonly(&key)?;
                    if self.bash {
                        continue;
                    }
                    self.fds = saved_fds;
                    return Err(stop);
                }
                saved.push((key.clone(), self.vars.get(&key).cloned()));
                let value = self.shaped(&key, &value)?;
                if saved.iter().filter(|(n, _)| *n == key).count() == 1 && !lasting {
                    self.vars.remove(&key);
                }
                self.set_exported(&key, &value);
            }
        }
        if let Some(last) = words.last().or(Some(&name)).filter(|_| self.bash) {
            let last = last.clone();
            self.underscore = last;
        }
        let result = self.invoke(&name, words).await;
        if !lasting {
            for (name, old) in saved.into_iter().rev() {
                match old {
                    Some(var) => self.vars.insert(name, var),
                    None => self.vars.remove(&name),
                };
            }
        }
        let last = std::mem::take(&mut self.underscore);
        if self.bash {
            self.vars.entry(b"_".to_vec()).or_default().value = last;
        }
        if !self.keep_fds {
            self.fds = saved_fds;
        }
        result
    }

    fn redirection_failed(&mut self, name: &[u8]) -> Result<i32, Stop> {
        let special = SPECIAL.contains(&name) || name.is_empty();
        match (self.bash, self.interactive) {
            (true, _) => Ok(1),
            (false, false) if special && !name.is_empty() => Err(Stop::Exit(2)),
            (false, _) => Ok(2),
        }
    }

    /// A command's words; assignments that `declare` and its kin are given are not split.
    async fn arguments(&mut self, words: &[Word]) -> Result<Vec<Vec<u8>>, Stop> {
        let mut all = Vec::new();
        for word in words {
            match &word.assign {
                Some(assign) => {
                    let text = Box::pin(self.assignment_text(assign)).await?;
                    all.push(text);
                }
                None => self.word_fields(word, &mut all).await?,
            }
        }
        Ok(all)
    }

    /// An assignment with its right side expanded, as the builtin takes it apart again.
    async fn assignment_text(&mut self, assign: &Assign) -> Result<Vec<u8>, Stop> {
        let mut text = assign.name.clone();
        if let Some(index) = &assign.index {
            text.push(b'[');
            text.extend(self.single(index).await?);
            text.push(b']');
        }
        text.extend_from_slice(if assign.add { b"+=" } else { b"=" });
        match &assign.value {
            Value::Scalar(word) => text.extend(self.value(word).await?),
            Value::Array(list) => {
                text.push(b'(');
                for (key, _, word) in list {
                    match key {
                        Some(key) => {
                            let key = self.single(key).await?;
                            let value = self.value(word).await?;
                            text.extend(
                                [b"[", quote_value(&key).as_slice(), b"]=", &quote_value(&value), b" "]
                                    .concat(),
                            );
                        }
                        None => {
                            let mut fields = Vec::new();
                            self.word_fields(word, &mut fields).await?;
                            for field in fields {
                                text.extend([quote_value(&field).as_slice(), b" "].concat());
                            }
                        }
                    }
                }
                text.push(b')');
            }
        }
        Ok(text)
    }

    async fn ready(&mut self, assign: &Assign, alone: bool) -> Result<Ready, Stop> {
        let name = self.resolve(&assign.name);
        match &assign.value {
            Value::Array(list) => {
                if alone {
                    self.fill(&name, list, assign.add).await?;
                }
                Ok(Ready::Array)
            }
            Value::Scalar(word) => {
                let mut value = self.value(word).await?;
                let key = match &assign.index {
                    Some(index) => Some(self.subscript(&name, index).await?),
                    None => None,
                };
                if assign.add {
                    let old = match &key {
                        Some(key) => self.item(&name, key),
                        None => self.get(&name),
                    }
                    .unwrap_or_default();
                    value = if self.vars.get(&name).is_some_and(|v| v.integer) {
                        let sum = self.compute(&old)?.wrapping_add(self.compute(&value)?);
                        sum.to_string().into_bytes()
                    } else {
                        [old, value].concat()
                    };
                }
                if alone && self.io.lock().steps < u64::MAX && !self.xtrace {
                    // Left to right, so that what comes later sees it.
                    self.store(&name, key.as_deref(), &value)?;
                    return Ok(Ready::Array);
                }
                Ok(Ready::Scalar(name, key, value))
            }
        }
    }

    fn store(&mut self, name: &[u8], key: Option<&[u8]>, value: &[u8]) -> Result<(), Stop> {
        let Some(key) = key else { return self.assign(name, value) };
        if self.is_readonly(name) {
            return Err(self.refuse_readonly(name)?);
        }
        let value = self.shaped(name, value)?;
        let keyed = self.is_keyed(name);
        self.set_item(name, key, &value, keyed);
        Ok(())
    }

    /// `name=(...)`.
    pub(super) async fn fill(
        &mut self,
        name: &[u8],
        list: &[(Option<Word>, bool, Word)],
        add: bool,
    ) -> Result<(), Stop> {
        if self.is_readonly(name) {
            return Err(self.refuse_readonly(name)?);
        }
        let keyed = self.is_keyed(name);
        let mut items: Vec<(Option<Vec<u8>>, Vec<u8>)> = Vec::new();
        for (key, more, word) in list {
            match key {
                Some(key) => {
                    let key = Box::pin(self.subscript(name, key)).await?;
                    let mut value = self.value(word).await?;
                    if *more {
                        value = [self.item(name, &key).unwrap_or_default(), value].concat();
                    }
                    items.push((Some(key), value));
                }
                None => {
                    let mut fields = Vec::new();
                    self.word_fields(word, &mut fields).await?;
                    items.extend(fields.into_iter().map(|field| (None, field)));
                }
            }
        }
        if !add {
            self.clear_array(name, keyed);
        }
        let last = self.keys(name).last().and_then(|key| super::arith::number(key));
        let mut next = last.filter(|_| add).map_or(0, |n| n + 1);
        let mut pending: Option<Vec<u8>> = None;
        for (key, value) in items {
            let value = self.shaped(name, &value)?;
            match key {
                Some(key) => {
                    next = super::arith::number(&key).unwrap_or(next).wrapping_add(1);
                    self.set_item(name, &key, &value, keyed);
                }
                // `declare -A a=(key value key value)`.
                None if keyed => match pending.take() {
                    Some(key) => self.set_item(name, &key, &value, true),
                    None => pending = Some(value),
                },
                None => {
                    self.set_item(name, next.to_string().as_bytes(), &value, false);
                    next = next.wrapping_add(1);
                }
            }
            self.io.step(1)?;
        }
        Ok(())
    }

    fn trace(&mut self, ready: &[Ready], words: &[Vec<u8>]) -> Result<(), Stop> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let assigned: Vec<Vec<u8>> = ready
            .iter()
            .filter_map(|one| match one {
                Ready::Scalar(name, key, value) => {
                    let key = key.as_ref().map(|k| [b"[", k.as_slice(), b"]"].concat()).unwrap_or_default();
                    Some([name.as_slice(), &key, b"=", &quote_trace(value)].concat())
                }
                Ready::Array => None,
            })
            .collect();
        if self.bash {
            lines.extend(assigned);
            if !words.is_empty() {
                lines.push(words.iter().map(|w| quote_trace(w)).collect::<Vec<_>>().join(&b' '));
            }
        } else {
            let mut all = assigned;
            all.extend(words.iter().cloned());
            lines.push(all.join(&b' '));
        }
        lines.into_iter().filter(|line| !line.is_empty()).try_for_each(|line| self.trace_line(&line))
    }

    /// A line of `set -x`.
    pub(super) fn trace_line(&mut self, line: &[u8]) -> Result<(), Stop> {
        let prefix = self.get(b"PS4").unwrap_or_else(|| b"+ ".to_vec());
        let prefix = if self.bash && prefix.contains(&b'$') {
            let line = self.line.to_string();
            String::from_utf8_lossy(&prefix)
                .replace("$LINENO", &line)
                .replace("${LINENO}", &line)
                .into_bytes()
        } else {
            prefix
        };
        // What runs within substitutions repeats the first letter.
        let first = prefix.first().copied().filter(|_| self.bash);
        let deep: Vec<u8> = first.into_iter().cycle().take(self.indirect.min(16) as usize).collect();
        self.write(2, &[deep.as_slice(), &prefix, line, b"\n"].concat())
    }

    /// Whether something of this name would be found when it is run.
    pub(super) fn is_command(&self, name: &[u8]) -> bool {
        self.functions.contains_key(name) || self.aliases.contains_key(name) || cmd::has(name)
    }
}
