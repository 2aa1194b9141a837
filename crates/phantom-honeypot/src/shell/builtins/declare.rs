//! declare, export, readonly, local, unset.

use super::quoting::double;
use super::{bad_option, dash_ends, fail, is_option, text_of};
use crate::shell::io::Stop;
use crate::shell::vars::{Array, Var, is_name};
use crate::shell::{Shell, parse, show};

const USAGE: [(&str, &str); 5] = [
    ("declare", "declare [-aAfFgiIlnrtux] [name[=value] ...] or declare -p [-aAfFilnrtux] [name ...]"),
    ("typeset", "typeset [-aAfFgiIlnrtux] name[=value] ... or typeset -p [-aAfFilnrtux] [name ...]"),
    ("local", "local [option] name[=value] ..."),
    ("export", "export [-fn] [name[=value] ...] or export -p"),
    ("readonly", "readonly [-aAf] [name[=value] ...] or readonly -p"),
];

impl Shell {
    /// The letters of a variable's attributes.
    pub(in crate::shell) fn attributes(&self, name: &[u8]) -> String {
        let Some(var) = self.vars.get(name) else { return String::new() };
        let mut text = String::new();
        let mut put = |on: bool, letter| text.extend(on.then_some(letter));
        put(matches!(var.array, Some(Array::Indexed(_))), 'a');
        put(matches!(var.array, Some(Array::Keyed(_))), 'A');
        put(var.integer, 'i');
        put(var.case == b'l', 'l');
        put(var.reference, 'n');
        put(var.readonly, 'r');
        put(var.case == b'u', 'u');
        put(var.exported, 'x');
        text
    }

    /// `declare -- name="value"`.
    pub(in crate::shell) fn declaration(&self, name: &[u8]) -> Option<Vec<u8>> {
        let var = self.vars.get(name)?;
        let mut letters = self.attributes(name);
        if letters.is_empty() {
            letters.push('-');
        }
        let mut out = [format!("declare -{letters} ").as_bytes(), name].concat();
        if var.unset {
            return Some(out);
        }
        out.push(b'=');
        match &var.array {
            None => out.extend(double(&var.value)),
            Some(array) => {
                out.push(b'(');
                let keyed = matches!(array, Array::Keyed(_));
                for (n, (key, value)) in array.keys().iter().zip(array.values()).enumerate() {
                    if n > 0 && !keyed {
                        out.push(b' ');
                    }
                    let bare = key.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
                    let key = if bare { key.clone() } else { double(key) };
                    out.extend([b"[", key.as_slice(), b"]=", &double(&value)].concat());
                    if keyed {
                        out.push(b' ');
                    }
                }
                out.push(b')');
            }
        }
        Some(out)
    }
}

pub(super) async fn declare(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    if name == "local" && sh.calls.is_empty() {
        if !sh.bash {
            sh.complain("local: not in a function")?;
            return dash_ends(sh);
        }
        return fail(sh, "local", "can only be used in a function");
    }
    let (mut on, mut off) = (Vec::new(), Vec::new());
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        if first == b"--" {
            rest = tail;
            break;
        }
        let plus = first.len() > 1 && first.starts_with(b"+") && sh.bash;
        if !is_option(first) && !plus {
            break;
        }
        let known: &[u8] = match name {
            "export" => b"fnp",
            "readonly" => b"aAfp",
            _ => b"aAcfFgiIlnrtuxp",
        };
        for letter in first.iter().skip(1) {
            if !known.contains(letter) {
                let option = format!("-{}", char::from(*letter));
                let usage = USAGE.iter().find(|u| u.0 == name).map_or("", |u| u.1);
                return bad_option(sh, name, &option, usage);
            }
            if plus { off.push(*letter) } else { on.push(*letter) }
        }
        rest = tail;
    }
    let has = |letter: u8| on.contains(&letter);
    if has(b'f') && name == "export" && !rest.is_empty() {
        let mut status = 0;
        for one in rest {
            if !sh.functions.contains_key(one) {
                sh.complain(&format!("export: {}: not a function", text_of(one)))?;
                status = 1;
            } else if has(b'n') {
                sh.exported.remove(one);
            } else {
                sh.exported.insert(one.clone());
            }
        }
        return Ok(status);
    }
    if has(b'f') || has(b'F') {
        return functions(sh, rest, has(b'F'));
    }
    if rest.is_empty() || has(b'p') {
        return list(sh, name, rest, &on);
    }
    let mut status = 0;
    for arg in rest {
        let plain = arg.iter().position(|b| *b == b'=');
        let add = plain.is_some_and(|at| at > 0 && arg.get(at - 1) == Some(&b'+'));
        let end = plain.map_or(arg.len(), |at| at - usize::from(add));
        let target = arg.get(..end).unwrap_or(arg);
        let value = plain.and_then(|at| arg.get(at + 1..));
        let open = target.iter().position(|b| *b == b'[').filter(|_| sh.bash);
        let key = open.and_then(|at| target.get(at + 1..target.len().saturating_sub(1)));
        let key = key.map(<[u8]>::to_vec);
        let var = target.get(..open.unwrap_or(target.len())).unwrap_or(target).to_vec();
        if !is_name(&var) {
            if !sh.bash {
                sh.complain(&format!("{name}: {}: bad variable name", text_of(&var)))?;
                return dash_ends(sh);
            }
            sh.complain(&format!("{name}: `{}': not a valid identifier", text_of(arg)))?;
            status = 1;
            continue;
        }
        if has(b'n') && name != "export" && value == Some(var.as_slice()) {
            let var = text_of(&var);
            sh.complain(&format!("{name}: {var}: nameref variable self references not allowed"))?;
            status = 1;
            continue;
        }
        let scoped = name == "local" || (matches!(name, "declare" | "typeset") && !has(b'g'));
        if scoped && !sh.scopes.is_empty() {
            sh.make_local(&var);
        }
        if sh.is_readonly(&var) && (value.is_some() || off.contains(&b'r')) {
            sh.complain(&format!("{}: readonly variable", text_of(&var)))?;
            status = 1;
            continue;
        }
        if sh.vars.len() < 2048 {
            let entry = sh.vars.entry(var.clone()).or_insert_with(|| Var { unset: true, ..Var::default() });
            entry.integer = (entry.integer || has(b'i')) && !off.contains(&b'i');
            if has(b'l') || has(b'u') {
                entry.case = if has(b'l') { b'l' } else { b'u' };
            }
            entry.reference |= has(b'n') && name != "export";
        }
        let bare = sh.vars.get(&var).is_some_and(|v| v.array.is_none());
        if (has(b'a') || has(b'A')) && bare {
            let old = sh.vars.get(&var).filter(|v| !v.unset).map(|v| v.value.clone());
            let fresh = old.is_none() && value.is_none();
            sh.clear_array(&var, has(b'A'));
            if let Some(old) = old.filter(|_| value.is_none()) {
                sh.set_item(&var, b"0", &old, has(b'A'));
            }
            if let Some(v) = sh.vars.get_mut(&var) {
                v.unset = fresh;
            }
        }
        if let Some(value) = value {
            let compound = sh.bash && value.starts_with(b"(") && value.ends_with(b")") && key.is_none();
            if compound && let Ok(list) = parse::elements(value) {
                Box::pin(sh.fill(&var, &list, add)).await?;
            } else if has(b'n') {
                if let Some(v) = sh.vars.get_mut(&var) {
                    v.value = value.to_vec();
                    v.unset = false;
                }
            } else {
                let mut value = value.to_vec();
                if add {
                    let old = sh.get(&var).unwrap_or_default();
                    value = if sh.vars.get(&var).is_some_and(|v| v.integer) {
                        (sh.compute(&old)?.wrapping_add(sh.compute(&value)?)).to_string().into_bytes()
                    } else {
                        [old, value].concat()
                    };
                }
                match key {
                    Some(key) => {
                        let value = sh.shaped(&var, &value)?;
                        let keyed = sh.is_keyed(&var);
                        sh.set_item(&var, &key, &value, keyed);
                    }
                    None => sh.assign(&var, &value)?,
                }
            }
        }
        if let Some(entry) = sh.vars.get_mut(&var) {
            let export = (name == "export" && !has(b'n')) || has(b'x');
            entry.exported =
                (entry.exported || export) && !off.contains(&b'x') && !(name == "export" && has(b'n'));
            entry.readonly |= name == "readonly" || has(b'r');
        }
    }
    Ok(status)
}

fn functions(sh: &mut Shell, names: &[Vec<u8>], only_names: bool) -> Result<i32, Stop> {
    let mut status = 0;
    let mut wanted: Vec<Vec<u8>> =
        if names.is_empty() { sh.functions.keys().cloned().collect() } else { names.to_vec() };
    if names.is_empty() {
        wanted.sort();
    }
    for name in wanted {
        let Some(body) = sh.functions.get(&name).cloned() else {
            status = 1;
            continue;
        };
        let text = match (only_names, names.is_empty()) {
            (true, true) => [b"declare -f ", name.as_slice(), b"\n"].concat(),
            (true, false) => [name.as_slice(), b"\n"].concat(),
            _ => show::function(&name, &body),
        };
        sh.write(1, &text)?;
    }
    Ok(status)
}

fn list(sh: &mut Shell, name: &str, names: &[Vec<u8>], on: &[u8]) -> Result<i32, Stop> {
    let mut status = 0;
    if !names.is_empty() {
        for one in names {
            match sh.declaration(one) {
                Some(line) => sh.write(1, &[line.as_slice(), b"\n"].concat())?,
                None => {
                    let one = text_of(one);
                    sh.complain(&format!("{name}: {one}: not found"))?;
                    status = 1;
                }
            }
        }
        return Ok(status);
    }
    let mut all: Vec<Vec<u8>> = sh
        .vars
        .iter()
        .filter(|(n, v)| {
            !n.starts_with(b"!")
                && match name {
                    "export" => v.exported,
                    "readonly" => v.readonly,
                    "local" => sh.scopes.last().is_some_and(|s| s.iter().any(|(l, _)| l == *n)),
                    _ => {
                        (!on.contains(&b'x') || v.exported)
                            && (!on.contains(&b'r') || v.readonly)
                            && !on.contains(&b'c')
                            && (!on.contains(&b'i') || v.integer)
                            && (!on.contains(&b'a') || matches!(v.array, Some(Array::Indexed(_))))
                            && (!on.contains(&b'A') || matches!(v.array, Some(Array::Keyed(_))))
                    }
                }
        })
        .map(|(n, _)| n.clone())
        .collect();
    all.sort();
    let mut text = Vec::new();
    for one in all {
        if sh.bash {
            text.extend(sh.declaration(&one).unwrap_or_default());
        } else {
            text.extend([name.as_bytes(), b" ", &one].concat());
            if let Some(value) = sh.get(&one) {
                text.extend([b"=", super::quote_value(&value).as_slice()].concat());
            }
        }
        text.push(b'\n');
    }
    sh.write(1, &text)?;
    Ok(0)
}

pub(super) async fn unset(sh: &mut Shell, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let letters: Vec<u8> = args.iter().take_while(|a| is_option(a)).flatten().copied().collect();
    if let Some(bad) = letters.iter().find(|l| !b"-fvn".contains(l)) {
        let option = format!("-{}", char::from(*bad));
        return bad_option(sh, "unset", &option, "unset [-f] [-v] [-n] [name ...]");
    }
    let mut status = 0;
    for arg in args.iter().skip_while(|a| is_option(a)) {
        if letters.contains(&b'f') {
            sh.functions.remove(arg);
            continue;
        }
        let open = arg.iter().position(|b| *b == b'[').filter(|at| *at > 0 && arg.ends_with(b"]") && sh.bash);
        let name = arg.get(..open.unwrap_or(arg.len())).unwrap_or(arg).to_vec();
        if sh.is_readonly(&name) {
            let name = text_of(&name);
            if !sh.bash {
                sh.complain(&format!("unset: {name}: is read only"))?;
                return dash_ends(sh);
            }
            sh.complain(&format!("unset: {name}: cannot unset: readonly variable"))?;
            status = 1;
            continue;
        }
        if let Some(open) = open {
            let text = arg.get(open + 1..arg.len() - 1).unwrap_or(&[]);
            if matches!(text, b"@" | b"*") {
                sh.unset(&name);
                continue;
            }
            let word = parse::loose_word(text).unwrap_or_default();
            let key = Box::pin(sh.subscript(&name, &word)).await?;
            if let Some(Var { array: Some(array), .. }) = sh.vars.get_mut(&name) {
                array.remove(&key);
            }
            continue;
        }
        if !is_name(&name) && !sh.functions.contains_key(&name) && !sh.bash {
            sh.complain(&format!("unset: {}: bad variable name", text_of(&name)))?;
            return dash_ends(sh);
        }
        let there = sh.vars.contains_key(&name);
        if letters.contains(&b'n') {
            sh.vars.remove(&name);
        } else if there {
            sh.unset(&name);
        }
        if sh.bash && sh.dynamic(&name).is_some() {
            // It loses its meaning for good.
            sh.vars.insert(name.clone(), Var { unset: true, ..Var::default() });
        }
        if !there && !letters.contains(&b'v') {
            sh.functions.remove(&name);
        }
    }
    Ok(status)
}
