//! `$name` and `${name op word}`.

use super::{Live, Part, Sink};
use crate::shell::ast::{Index, Param, ParamOp, Word};
use crate::shell::builtins::quote_value;
use crate::shell::io::Stop;
use crate::shell::vars::is_name;
use crate::shell::{Shell, arith, glob};

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Shell {
    /// What ends a shell that is not typed into.
    fn fatal(&self, status: i32) -> Stop {
        match (self.interactive, self.bash) {
            (true, _) => Stop::Discard(1),
            (false, true) => Stop::Exit(status),
            (false, false) => Stop::Exit(2),
        }
    }

    /// The subscript of an element, computed or taken as it is.
    pub(in crate::shell) async fn subscript(&mut self, name: &[u8], word: &Word) -> Result<Vec<u8>, Stop> {
        let text = Box::pin(self.single(word)).await?;
        if self.is_keyed(name) {
            return Ok(text);
        }
        let mut n = self.compute(&text)?;
        if n < 0 {
            let last = self.keys(name).last().and_then(|key| arith::number(key)).unwrap_or(-1);
            n += last + 1;
            if n < 0 {
                self.complain(&format!("{}[{}]: bad array subscript", shown(name), shown(&word.raw)))?;
                return Err(Stop::Discard(1));
            }
        }
        Ok(n.to_string().into_bytes())
    }

    pub(super) async fn param(&mut self, param: &Param, quoted: bool, sink: &mut Sink) -> Result<Part, Stop> {
        self.io.step(1)?;
        if let ParamOp::Bad(text) = &param.op {
            let text = shown(text);
            let said = if self.bash {
                format!("${{{text}}}: bad substitution")
            } else {
                "Bad substitution".to_owned()
            };
            self.complain(&said)?;
            return Err(if self.bash { Stop::Discard(1) } else { self.fatal(2) });
        }
        let mut name = param.name.clone();
        let mut index = param.index.clone();
        if let ParamOp::Names { joined } = &param.op {
            let mut all: Vec<Vec<u8>> = self.vars.keys().filter(|n| n.starts_with(&name)).cloned().collect();
            all.sort();
            return Ok(if *joined { Part::Joined(all) } else { Part::List(all) });
        }
        if let ParamOp::Keys { joined } = &param.op {
            let all = self.keys(&name);
            return Ok(if *joined { Part::Joined(all) } else { Part::List(all) });
        }
        if param.indirect {
            let Some(target) = self.get(&name) else {
                self.complain(&format!("{}: invalid indirect expansion", shown(&name)))?;
                return Err(Stop::Discard(1));
            };
            let end = target.iter().position(|b| *b == b'[').unwrap_or(target.len());
            let special = target.len() == 1 && target.first().is_some_and(|b| b"@*#?-$!".contains(b));
            let digits = !target.is_empty() && target.iter().all(u8::is_ascii_digit);
            let base = target.get(..end).unwrap_or(&[]).to_vec();
            if !is_name(&base) && !special && !digits {
                self.complain(&format!("{}: invalid variable name", shown(&target)))?;
                return Err(Stop::Discard(1));
            }
            index = match target.get(end + 1..target.len().saturating_sub(1)) {
                Some(b"@") => Some(Index::All),
                Some(b"*") => Some(Index::Joined),
                Some(text) if !text.is_empty() => super::super::parse::loose_word(text).ok().map(Index::At),
                _ => None,
            };
            name = base;
        }
        let all = match (name.as_slice(), &index) {
            (b"@", _) | (_, Some(Index::All)) => Some(false),
            (b"*", _) | (_, Some(Index::Joined)) => Some(true),
            _ => None,
        };
        if let Some(joined) = all {
            let list = if index.is_none() { self.args.clone() } else { self.elements(&name) };
            return self.list_op(param, list, joined, index.is_none(), quoted, sink).await;
        }
        let (value, key) = match &index {
            Some(Index::At(word)) => {
                let key = self.subscript(&name, word).await?;
                (self.item(&name, &key), Some(key))
            }
            _ => (self.get(&name), None),
        };
        if value.is_none() && self.nounset && !matches!(param.op, ParamOp::Test { .. }) {
            let special = name.len() == 1 && name.first().is_some_and(|b| b"@*#?-$!".contains(b));
            if !special || (name == b"!" && self.bash) {
                let digits = name.iter().all(u8::is_ascii_digit);
                let name = match &param.index {
                    Some(Index::At(word)) => format!("{}[{}]", shown(&name), shown(&word.raw)),
                    _ if digits && self.bash => format!("${}", shown(&name)),
                    _ => shown(&name),
                };
                let what = if self.bash { "unbound variable" } else { "parameter not set" };
                self.complain(&format!("{name}: {what}"))?;
                return Err(self.fatal(127));
            }
        }
        Ok(Part::Text(match &param.op {
            ParamOp::Length => {
                let value = value.unwrap_or_default();
                let chars = std::str::from_utf8(&value).map_or(value.len(), |s| s.chars().count());
                chars.to_string().into_bytes()
            }
            ParamOp::Test { op, colon, word } => {
                let there = value.as_ref().is_some_and(|v| !colon || !v.is_empty());
                match (op, there) {
                    (b'+', false) => Vec::new(),
                    (b'-' | b'=' | b'?', true) => value.unwrap_or_default(),
                    (b'=', false) => {
                        let new = Box::pin(self.single(word)).await?;
                        match &key {
                            Some(key) => {
                                let keyed = self.is_keyed(&name);
                                self.set_item(&name, key, &new, keyed);
                            }
                            None if is_name(&name) => self.assign(&name, &new)?,
                            None => {
                                self.complain(&format!("${}: cannot assign in this way", shown(&name)))?;
                                return Err(Stop::Discard(1));
                            }
                        }
                        new
                    }
                    (b'?', false) => {
                        let text = Box::pin(self.single(word)).await?;
                        let text = match (text.is_empty(), self.bash, colon) {
                            (false, ..) => shown(&text),
                            (_, true, true) => "parameter null or not set".to_owned(),
                            (_, true, false) => "parameter not set".to_owned(),
                            (_, false, true) => "parameter not set or null".to_owned(),
                            (_, false, false) => "parameter not set".to_owned(),
                        };
                        let at = match &param.index {
                            Some(Index::At(word)) => format!("[{}]", shown(&word.raw)),
                            _ => String::new(),
                        };
                        self.complain(&format!("{}{at}: {text}", shown(&name)))?;
                        return Err(self.fatal(127));
                    }
                    _ => {
                        self.word_in_place(word, quoted, sink).await?;
                        return Ok(Part::Put);
                    }
                }
            }
            ParamOp::Slice { offset, length } => {
                let value = value.unwrap_or_default();
                let size = i64::try_from(value.len()).unwrap_or(0);
                let Some((from, to)) = self.bounds(size, 0, offset, length.as_ref()).await? else {
                    return Ok(Part::Text(Vec::new()));
                };
                value.get(from..to).unwrap_or(&[]).to_vec()
            }
            ParamOp::Transform(letter) => self.transform(*letter, &name, value),
            op => {
                let value = value.unwrap_or_default();
                self.change(op, value).await?
            }
        }))
    }

    /// The word of `:-` and its kin, expanded where it stands.
    async fn word_in_place(&mut self, word: &Word, quoted: bool, sink: &mut Sink) -> Result<(), Stop> {
        if quoted {
            let text = Box::pin(self.single(word)).await?;
            sink.quoted(&text);
            return Ok(());
        }
        Box::pin(self.pieces(&word.pieces, sink, true, false)).await
    }

    async fn list_op(
        &mut self,
        param: &Param,
        list: Vec<Vec<u8>>,
        joined: bool,
        positional: bool,
        quoted: bool,
        sink: &mut Sink,
    ) -> Result<Part, Stop> {
        let list = match &param.op {
            ParamOp::Value => list,
            ParamOp::Length => return Ok(Part::Text(list.len().to_string().into_bytes())),
            ParamOp::Test { op, colon, word } => {
                let empty = list.is_empty() || (*colon && list.iter().all(Vec::is_empty));
                let there = !empty;
                match (op, there) {
                    (b'+', false) => return Ok(Part::Text(Vec::new())),
                    (b'+', true) | (_, false) => {
                        self.word_in_place(word, quoted, sink).await?;
                        return Ok(Part::Put);
                    }
                    _ => list,
                }
            }
            ParamOp::Slice { offset, length } => {
                let mut list = list;
                if positional {
                    list.insert(0, self.zero());
                }
                let size = i64::try_from(list.len()).unwrap_or(0);
                match self.bounds(size, 1, offset, length.as_ref()).await? {
                    Some((from, to)) => list.get(from..to).unwrap_or(&[]).to_vec(),
                    None => Vec::new(),
                }
            }
            ParamOp::Transform(letter) => {
                let letter = *letter;
                if matches!(letter, b'A' | b'K' | b'k') && !positional {
                    let name = param.name.clone();
                    return Ok(Part::Text(self.transform(letter, &name, None)));
                }
                list.into_iter().map(|v| self.transform(letter, b"", Some(v))).collect()
            }
            op => {
                let mut all = Vec::new();
                for value in list {
                    all.push(self.change(op, value).await?);
                }
                all
            }
        };
        Ok(if joined { Part::Joined(list) } else { Part::List(list) })
    }

    /// First and last place of `:offset:length`; a negative length is an end, but not of lists.
    async fn bounds(
        &mut self,
        size: i64,
        list: i64,
        offset: &Word,
        length: Option<&Word>,
    ) -> Result<Option<(usize, usize)>, Stop> {
        let text = Box::pin(self.single(offset)).await?;
        let from = self.compute(&text)?;
        let from = if from < 0 { size + from } else { from };
        if from < 0 || from > size {
            return Ok(None);
        }
        let to = match length {
            Some(word) => {
                let text = Box::pin(self.single(word)).await?;
                let length = self.compute(&text)?;
                let to = if length < 0 { size + length } else { from.saturating_add(length) };
                if length < 0 && (to < from || list == 1) {
                    let text = shown(&word.raw);
                    self.complain(&format!("{text}: substring expression < 0"))?;
                    return Err(Stop::Discard(1));
                }
                to
            }
            None => size,
        };
        let place = |n: i64| usize::try_from(n.clamp(0, size)).unwrap_or(0);
        Ok(Some((place(from), place(to.max(from)))))
    }

    async fn change(&mut self, op: &ParamOp, value: Vec<u8>) -> Result<Vec<u8>, Stop> {
        self.io.step(value.len() as u64 / 16)?;
        Ok(match op {
            ParamOp::Strip { prefix, longest, word } => {
                let pattern = Box::pin(self.pattern(word)).await?;
                strip(&pattern, &value, *prefix, *longest)
            }
            ParamOp::Replace { how, pattern, text } => {
                let pattern = Box::pin(self.pattern(pattern)).await?;
                let text = Box::pin(self.pattern(text)).await?;
                self.replace(*how, &pattern, &text, &value)?
            }
            ParamOp::Case { how, all, pattern } => {
                let pattern = match pattern {
                    Some(word) => Some(Box::pin(self.pattern(word)).await?),
                    None => None,
                };
                let mut out = value;
                let count = if *all { out.len() } else { 1 };
                for byte in out.iter_mut().take(count) {
                    if pattern.as_ref().is_none_or(|p| glob::matches(p, &[*byte])) {
                        *byte = match how {
                            b'^' => byte.to_ascii_uppercase(),
                            b',' => byte.to_ascii_lowercase(),
                            _ if byte.is_ascii_alphabetic() => *byte ^ 32,
                            _ => *byte,
                        };
                    }
                }
                out
            }
            _ => value,
        })
    }

    fn replace(&mut self, how: u8, pattern: &Live, text: &Live, value: &[u8]) -> Result<Vec<u8>, Stop> {
        let mut out = Vec::new();
        let put = |out: &mut Vec<u8>, found: &[u8]| {
            // An `&` that is not quoted stands for what was found (patsub_replacement, on in bash 5.2).
            for (byte, live) in text {
                if *live && *byte == b'&' { out.extend_from_slice(found) } else { out.push(*byte) }
            }
        };
        if pattern.is_empty() && how != b'#' && how != b'%' {
            return Ok(value.to_vec());
        }
        if how == b'%' {
            let cut = (0..=value.len()).find(|at| glob::matches(pattern, value.get(*at..).unwrap_or(&[])));
            let cut = cut.unwrap_or(usize::MAX);
            match value.split_at_checked(cut) {
                Some((head, tail)) => {
                    out.extend_from_slice(head);
                    put(&mut out, tail);
                }
                None => out.extend_from_slice(value),
            }
            return Ok(out);
        }
        let mut at = 0;
        while at <= value.len() {
            self.io.step(1 + (value.len() - at) as u64 / 32)?;
            let found = (at..=value.len())
                .rev()
                .find(|end| glob::matches(pattern, value.get(at..*end).unwrap_or(&[])))
                .filter(|end| *end > at || how == b'#');
            match found {
                Some(end) => {
                    put(&mut out, value.get(at..end).unwrap_or(&[]));
                    at = end;
                    if how != b'/' {
                        break;
                    }
                }
                None => {
                    if how == b'#' || at == value.len() {
                        break;
                    }
                    out.extend(value.get(at));
                    at += 1;
                }
            }
            if out.len() > crate::shell::io::BUFFER {
                return Err(Stop::Limit);
            }
        }
        out.extend_from_slice(value.get(at..).unwrap_or(&[]));
        Ok(out)
    }

    fn transform(&mut self, letter: u8, name: &[u8], value: Option<Vec<u8>>) -> Vec<u8> {
        match (letter, value) {
            (b'a', _) => self.attributes(name).into_bytes(),
            (b'A', value) => match self.vars.get(name) {
                Some(var) if var.array.is_some() => self.declaration(name).unwrap_or_default(),
                _ => {
                    let attributes = self.attributes(name);
                    let head =
                        if attributes.is_empty() { String::new() } else { format!("declare -{attributes} ") };
                    value
                        .map(|v| [head.as_bytes(), name, b"=", &quote_value(&v)].concat())
                        .unwrap_or_default()
                }
            },
            (b'K' | b'k', None) => {
                let pairs = self.keys(name).into_iter().zip(self.elements(name));
                let double = |value: &[u8]| [b"\"", value, b"\""].concat();
                pairs.map(|(key, value)| [key, double(&value)].join(&b' ')).collect::<Vec<_>>().join(&b' ')
            }
            (_, None) => Vec::new(),
            (b'Q' | b'K' | b'k', Some(value)) => quote_value(&value),
            (b'U', Some(value)) => value.to_ascii_uppercase(),
            (b'L', Some(value)) => value.to_ascii_lowercase(),
            (b'u', Some(mut value)) => {
                if let Some(first) = value.first_mut() {
                    *first = first.to_ascii_uppercase();
                }
                value
            }
            (b'E', Some(value)) => crate::shell::builtins::ansi(&value),
            (b'P', Some(value)) => self.prompt_text(&value),
            (_, Some(value)) => value,
        }
    }
}

fn strip(pattern: &Live, value: &[u8], prefix: bool, longest: bool) -> Vec<u8> {
    let mut cuts: Vec<usize> = (0..=value.len()).collect();
    // A prefix grows with the cut, a suffix shrinks with it.
    if prefix == longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (head, tail) = value.split_at_checked(cut).unwrap_or((value, b""));
        if glob::matches(pattern, if prefix { head } else { tail }) {
            return if prefix { tail } else { head }.to_vec();
        }
    }
    value.to_vec()
}
