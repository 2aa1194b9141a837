//! read and mapfile.

use super::{bad_option, dash_ends, text_of};
use crate::shell::io::Stop;
use crate::shell::vars::is_name;
use crate::shell::{Shell, arith};

const USAGE: &str = "read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]";

pub(super) async fn read(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let (mut raw, mut array, mut delimiter, mut count, mut prompt, mut fd) =
        (false, None, b'\n', None, None, 0u32);
    let mut timeout = None;
    let mut rest = args.iter();
    let mut names: Vec<Vec<u8>> = Vec::new();
    'args: while let Some(arg) = rest.next() {
        if arg == b"--" || !arg.starts_with(b"-") || arg.len() < 2 {
            names.extend((arg != b"--").then(|| arg.clone()));
            names.extend(rest.cloned());
            break;
        }
        for (at, letter) in arg.iter().enumerate().skip(1) {
            match letter {
                b'r' => raw = true,
                b's' | b'e' => {}
                b'a' | b'd' | b'n' | b'N' | b'p' | b't' | b'u' | b'i' if sh.bash || *letter == b'p' => {
                    let tail = arg.get(at + 1..).unwrap_or(&[]).to_vec();
                    let value = if tail.is_empty() { rest.next().cloned().unwrap_or_default() } else { tail };
                    let number = arith::decimal(&value);
                    match letter {
                        b'a' => array = Some(value),
                        b'd' => delimiter = value.first().copied().unwrap_or(0),
                        b'n' | b'N' => {
                            count = number.map(|n| (usize::try_from(n).unwrap_or(0), *letter == b'N'))
                        }
                        b'p' => prompt = Some(value),
                        b'u' => fd = number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                        b't' => timeout = text_of(&value).parse::<f64>().ok(),
                        _ => {}
                    }
                    continue 'args;
                }
                letter => {
                    let option = format!("-{}", char::from(*letter));
                    return bad_option(sh, "read", &option, USAGE);
                }
            }
        }
    }
    if let Some(bad) = names.iter().find(|n| !is_name(n.split(|b| *b == b'[').next().unwrap_or(n))) {
        let bad = text_of(bad);
        if !sh.bash {
            sh.complain(&format!("read: {bad}: bad variable name"))?;
            return dash_ends(sh);
        }
        sh.complain(&format!("read: `{bad}': not a valid identifier"))?;
        return Ok(1);
    }
    if names.is_empty() && !sh.bash {
        sh.complain("read: arg count")?;
        return dash_ends(sh);
    }
    if !sh.fds.contains_key(&fd) {
        sh.complain(&format!("read: {fd}: invalid file descriptor: Bad file descriptor"))?;
        return Ok(1);
    }
    let _ = timeout;
    if let Some(prompt) = prompt.filter(|_| sh.io.lock().pty) {
        sh.write(2, &prompt)?;
    }
    let mut line: Vec<(u8, bool)> = Vec::new();
    let mut status = 1;
    if let Some((count, exact)) = count {
        let end = if exact { None } else { Some(delimiter) };
        let mut taken = Vec::new();
        if let Some(all) = sh.read_until(fd, end.unwrap_or(b'\n')).await? {
            let (head, tail) = all.split_at_checked(count).unwrap_or((&all, b""));
            taken = head.to_vec();
            sh.unread(fd, tail);
        }
        if taken.last() == end.as_ref() && end.is_some() {
            taken.pop();
            status = 0;
        }
        if taken.len() >= count {
            status = 0;
        }
        line.extend(taken.iter().map(|b| (*b, true)));
    } else {
        // A backslash before the delimiter joins lines.
        while let Some(mut part) = sh.read_until(fd, delimiter).await? {
            status = i32::from(part.last() != Some(&delimiter));
            if status == 0 {
                part.pop();
            }
            let mut joined = false;
            let mut at = 0;
            while let Some(byte) = part.get(at) {
                at += 1;
                if *byte != b'\\' || raw {
                    line.extend((*byte != 0).then_some((*byte, true)));
                } else if let Some(next) = part.get(at) {
                    line.push((*next, false));
                    at += 1;
                } else {
                    joined = status == 0;
                }
            }
            if !joined {
                break;
            }
        }
    }
    let ifs = sh.get(b"IFS").unwrap_or_else(|| b" \t\n".to_vec());
    if let Some(array) = array {
        let words = split(&line, &ifs, usize::MAX);
        sh.clear_array(&array, false);
        for (n, word) in words.into_iter().enumerate().take(65_536) {
            sh.set_item(&array, n.to_string().as_bytes(), &word, false);
        }
        return Ok(status);
    }
    if names.is_empty() {
        let all: Vec<u8> = line.iter().map(|c| c.0).collect();
        sh.set(b"REPLY", &all);
        return Ok(status);
    }
    if count.is_some_and(|c| c.1) {
        let all: Vec<u8> = line.iter().map(|c| c.0).collect();
        if let Some(name) = names.first() {
            sh.assign(name, &all)?;
        }
        return Ok(status);
    }
    let words = split(&line, &ifs, names.len());
    for (n, name) in names.iter().enumerate() {
        let word = words.get(n).cloned().unwrap_or_default();
        match name.iter().position(|b| *b == b'[') {
            Some(at) => {
                let (base, key) = name.split_at_checked(at).unwrap_or((name, b""));
                let key = key.get(1..key.len().saturating_sub(1)).unwrap_or(&[]).to_vec();
                let keyed = sh.is_keyed(base);
                sh.set_item(base, &key, &word, keyed);
            }
            None => sh.assign(name, &word)?,
        }
    }
    Ok(status)
}

/// Splits a line at $IFS into at most so many words; the last takes the rest.
fn split(line: &[(u8, bool)], ifs: &[u8], most: usize) -> Vec<Vec<u8>> {
    let blank = |c: &(u8, bool)| c.1 && ifs.contains(&c.0) && b" \t\n".contains(&c.0);
    let cut = |c: &(u8, bool)| c.1 && ifs.contains(&c.0) && !b" \t\n".contains(&c.0);
    let mut words = Vec::new();
    let mut at = line.iter().take_while(|c| blank(c)).count();
    while at < line.len() {
        let rest = line.get(at..).unwrap_or(&[]);
        if words.len() + 1 == most {
            let end = rest.iter().rposition(|c| !blank(c)).map_or(0, |n| n + 1);
            let mut last = rest.get(..end).unwrap_or(&[]);
            // A single delimiter at the end is no part of the word.
            if let Some((tail, head)) = last.split_last()
                && cut(tail)
                && !head.iter().any(|c| cut(c) || blank(c))
            {
                last = head;
            }
            words.push(last.iter().map(|c| c.0).collect());
            return words;
        }
        let length = rest.iter().take_while(|c| !blank(c) && !cut(c)).count();
        words.push(rest.iter().take(length).map(|c| c.0).collect());
        at += length;
        at += line.iter().skip(at).take_while(|c| blank(c)).count();
        if line.get(at).is_some_and(cut) {
            at += 1;
            at += line.iter().skip(at).take_while(|c| blank(c)).count();
        }
    }
    words
}

pub(super) async fn mapfile(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    const USAGE: &str = "mapfile [-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [-C callback] [-c quantum] [array]";
    let mut given: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first().filter(|(first, _)| super::is_option(first)) {
        rest = tail;
        if first == b"--" {
            break;
        }
        for (at, letter) in first.iter().enumerate().skip(1) {
            match letter {
                b't' => given.push((b't', Vec::new())),
                b'd' | b'n' | b'O' | b's' | b'u' | b'C' | b'c' => {
                    let attached = first.get(at + 1..).unwrap_or(&[]).to_vec();
                    let value = if attached.is_empty() {
                        let Some((value, tail)) = rest.split_first() else {
                            let letter = char::from(*letter);
                            sh.complain(&format!("mapfile: -{letter}: option requires an argument"))?;
                            sh.write(2, format!("mapfile: usage: {USAGE}\n").as_bytes())?;
                            return Ok(2);
                        };
                        rest = tail;
                        value.clone()
                    } else {
                        attached
                    };
                    given.push((*letter, value));
                    break;
                }
                _ => return bad_option(sh, "mapfile", &format!("-{}", char::from(*letter)), USAGE),
            }
        }
    }
    let value = |letter: u8| given.iter().rev().find(|(l, _)| *l == letter).map(|(_, v)| v.clone());
    let number =
        |letter: u8| value(letter).and_then(|v| arith::decimal(&v)).and_then(|n| usize::try_from(n).ok());
    let name = rest.first().cloned().unwrap_or_else(|| b"MAPFILE".to_vec());
    if !crate::shell::vars::is_name(&name) {
        let name = text_of(&name);
        return super::fail(sh, "mapfile", &format!("`{name}': not a valid identifier"));
    }
    let fd = number(b'u').and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    if !sh.fds.contains_key(&fd) {
        return super::fail(sh, "mapfile", &format!("{fd}: invalid file descriptor: Bad file descriptor"));
    }
    let delimiter = value(b'd').map_or(b'\n', |v| v.first().copied().unwrap_or(0));
    let most = number(b'n').filter(|n| *n > 0).unwrap_or(usize::MAX);
    let origin = number(b'O');
    let (mut skip, quantum) = (number(b's').unwrap_or(0), number(b'c').unwrap_or(5000).max(1));
    if origin.is_none() {
        sh.clear_array(&name, false);
    }
    let mut n = 0;
    while n < most.min(65_536) {
        let Some(mut line) = sh.read_until(fd, delimiter).await? else { break };
        sh.io.step(1)?;
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if given.iter().any(|(letter, _)| *letter == b't') && line.last() == Some(&delimiter) {
            line.pop();
        }
        let index = (origin.unwrap_or(0) + n).to_string();
        if let Some(callback) = value(b'C').filter(|_| (n + 1) % quantum == 0) {
            let quoted = super::quote_value(&line);
            sh.run_text(&[callback.as_slice(), b" ", index.as_bytes(), b" ", &quoted].concat()).await?;
        }
        sh.set_item(&name, index.as_bytes(), &line, false);
        n += 1;
    }
    Ok(0)
}

impl Shell {
    /// Puts back what was read too far.
    fn unread(&mut self, fd: u32, bytes: &[u8]) {
        use crate::shell::io::Desc;
        match self.fds.get(&fd) {
            Some(Desc::Input(queue)) => {
                let mut queue = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                bytes.iter().rev().for_each(|b| queue.push_front(*b));
            }
            Some(Desc::Console(_)) => {
                let mut io = self.io.lock();
                bytes.iter().rev().for_each(|b| io.input.push_front(*b));
            }
            _ => {}
        }
    }
}
