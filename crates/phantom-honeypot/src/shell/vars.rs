//! Variables: scalars, arrays, attributes, scopes.

use std::collections::BTreeMap;

use phantom_core::Timestamp;

use super::io::Stop;
use super::{Shell, VAR_BYTES};

/// Elements an array may have.
const ELEMENTS: usize = 65_536;

/// A variable. Its attributes hold even while it has no value.
#[derive(Debug, Clone, Default)]
pub(super) struct Var {
    pub(super) value: Vec<u8>,
    pub(super) exported: bool,
    pub(super) readonly: bool,
    /// Declared, but without a value.
    pub(super) unset: bool,
    pub(super) integer: bool,
    /// `l`, `u`, or 0.
    pub(super) case: u8,
    /// `declare -n`: the value is the name of another.
    pub(super) reference: bool,
    pub(super) array: Option<Array>,
}

#[derive(Debug, Clone)]
pub(super) enum Array {
    Indexed(BTreeMap<i64, Vec<u8>>),
    /// By bucket of bash's hash table, which is the order it lists them in.
    Keyed(BTreeMap<(u32, Vec<u8>), Vec<u8>>),
}

/// FNV-1 over the key, in 1024 buckets: bash 5.2 `hashlib.c`, `assoc.h`.
fn bucket(key: &[u8]) -> u32 {
    let hash = key.iter().fold(2_166_136_261u32, |sum, b| sum.wrapping_mul(16_777_619) ^ u32::from(*b));
    hash & 1023
}

impl Array {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        match self {
            Self::Indexed(map) => map.get(&super::arith::number(key)?),
            Self::Keyed(map) => map.get(&(bucket(key), key.to_vec())),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Indexed(map) => map.len(),
            Self::Keyed(map) => map.len(),
        }
    }

    pub(super) fn values(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Indexed(map) => map.values().cloned().collect(),
            Self::Keyed(map) => map.values().cloned().collect(),
        }
    }

    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Indexed(map) => map.keys().map(|n| n.to_string().into_bytes()).collect(),
            Self::Keyed(map) => map.keys().map(|(_, key)| key.clone()).collect(),
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        match self {
            Self::Indexed(map) => super::arith::number(key).and_then(|n| map.remove(&n)),
            Self::Keyed(map) => map.remove(&(bucket(key), key.to_vec())),
        };
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Indexed(map) => map.values().map(|v| v.len() + 64).sum(),
            Self::Keyed(map) => map.iter().map(|(k, v)| k.1.len() + v.len() + 80).sum(),
        }
    }
}

impl Var {
    fn bytes(&self) -> usize {
        self.value.len() + self.array.as_ref().map_or(0, Array::bytes)
    }

    /// The value of the name alone: of an array, its element 0.
    pub(super) fn scalar(&self) -> Option<&Vec<u8>> {
        match &self.array {
            Some(array) => array.get(b"0"),
            None => (!self.unset).then_some(&self.value),
        }
    }
}

/// Whether it may be the name of a variable.
pub(super) fn is_name(name: &[u8]) -> bool {
    name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

impl Shell {
    /// The value of a variable or special parameter.
    pub(super) fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(match name {
            b"?" => self.status.to_string().into_bytes(),
            b"$" => self.main_pid.to_string().into_bytes(),
            b"!" => (self.last_background != 0).then(|| self.last_background.to_string().into_bytes())?,
            b"#" => self.args.len().to_string().into_bytes(),
            b"@" | b"*" => self.args.join(&b' '),
            b"-" => self.flags(),
            b"0" => self.zero(),
            _ => {
                if let Some(n) = std::str::from_utf8(name).ok().and_then(|s| s.parse::<usize>().ok()) {
                    return n.checked_sub(1).and_then(|n| self.args.get(n)).cloned();
                }
                if (self.bash || name == b"PPID")
                    && !self.vars.contains_key(name)
                    && let Some(value) = self.dynamic(name)
                {
                    return Some(value);
                }
                let var = self.vars.get(name)?;
                if var.reference && var.value != name {
                    return self.element(&var.value.clone());
                }
                return var.scalar().cloned();
            }
        })
    }

    /// `name` or `name[key]` of a reference.
    fn element(&self, target: &[u8]) -> Option<Vec<u8>> {
        match target.iter().position(|b| *b == b'[') {
            Some(at) if target.ends_with(b"]") => {
                let key = target.get(at + 1..target.len() - 1)?;
                self.vars.get(target.get(..at)?)?.array.as_ref()?.get(key).cloned()
            }
            _ => self.vars.get(target).and_then(|var| var.scalar().cloned()),
        }
    }

    /// Values that are computed when asked for.
    pub(super) fn dynamic(&self, name: &[u8]) -> Option<Vec<u8>> {
        let elapsed = |since: Timestamp| self.io.now().as_second() - since.as_second();
        if self.vars.get(name).is_some_and(|var| var.unset) {
            return None;
        }
        Some(match name {
            b"BASHPID" => self.pid.to_string().into_bytes(),
            b"RANDOM" => (self.draw.clone().unsigned(0, 1 << 40) ^ self.io.lock().total)
                .wrapping_mul(0x9e37_79b9)
                .to_be_bytes()
                .iter()
                .fold(0u64, |sum, b| (sum * 31 + u64::from(*b)) % 32_768)
                .to_string()
                .into_bytes(),
            b"SRANDOM" => (self.draw.clone().unsigned(0, 1 << 40) ^ self.io.lock().total)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_shr(32)
                .to_string()
                .into_bytes(),
            b"UID" | b"EUID" => self.account.cred.uid.to_string().into_bytes(),
            b"SECONDS" => elapsed(self.born).to_string().into_bytes(),
            b"EPOCHSECONDS" => self.io.now().as_second().to_string().into_bytes(),
            b"EPOCHREALTIME" => {
                let micros = phantom_core::micros(self.io.now());
                format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000).into_bytes()
            }
            b"LINENO" if self.bash => self.line.to_string().into_bytes(),
            b"PPID" => self.parent_pid().to_string().into_bytes(),
            b"FUNCNAME" => self.calls.last()?.clone(),
            b"BASH_COMMAND" => self.command.clone()?,
            b"SHELLOPTS" => self.shell_options(),
            b"BASHOPTS" => self.shopt_list(),
            b"BASH_SUBSHELL" => self.subshells.to_string().into_bytes(),
            b"HISTCMD" if !self.interactive => b"0".to_vec(),
            b"HISTCMD" => (self.history.len() + 1).to_string().into_bytes(),
            b"COLUMNS" if self.interactive => self.io.lock().size.0.to_string().into_bytes(),
            b"LINES" if self.interactive => self.io.lock().size.1.to_string().into_bytes(),
            _ => return None,
        })
    }

    /// All elements of an array (of a scalar, its value), with the arrays bash computes.
    pub(super) fn elements(&self, name: &[u8]) -> Vec<Vec<u8>> {
        match name {
            b"FUNCNAME" if !self.calls.is_empty() => return self.calls.iter().rev().cloned().collect(),
            b"PIPESTATUS" => return self.pipe_status.iter().map(|n| n.to_string().into_bytes()).collect(),
            b"GROUPS" => return vec![self.account.cred.gid.to_string().into_bytes()],
            b"DIRSTACK" => {
                let mut all = vec![self.cwd.clone()];
                all.extend(self.dirs.iter().cloned());
                return all;
            }
            b"BASH_VERSINFO" => {
                return ["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"]
                    .iter()
                    .map(|s| s.as_bytes().to_vec())
                    .collect();
            }
            _ => {}
        }
        let name = self.resolve(name);
        match self.vars.get(&name) {
            Some(Var { array: Some(array), .. }) => array.values(),
            _ => self.get(&name).into_iter().collect(),
        }
    }

    /// The subscripts of an array that are in use.
    pub(super) fn keys(&self, name: &[u8]) -> Vec<Vec<u8>> {
        match self.vars.get(&self.resolve(name)) {
            Some(Var { array: Some(array), .. }) => array.keys(),
            _ => (0..self.elements(name).len()).map(|n| n.to_string().into_bytes()).collect(),
        }
    }

    /// One element, its subscript already computed.
    pub(super) fn item(&self, name: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        let name = self.resolve(name);
        match self.vars.get(&name) {
            Some(Var { array: Some(array), .. }) => array.get(key).cloned(),
            _ => {
                let n = super::arith::number(key).and_then(|n| usize::try_from(n).ok())?;
                self.elements(&name).get(n).cloned()
            }
        }
    }

    pub(super) fn is_keyed(&self, name: &[u8]) -> bool {
        matches!(self.vars.get(&self.resolve(name)), Some(Var { array: Some(Array::Keyed(_)), .. }))
    }

    /// The name a reference leads to.
    pub(super) fn resolve(&self, name: &[u8]) -> Vec<u8> {
        let mut name = name.to_vec();
        for _ in 0..8 {
            match self.vars.get(&name) {
                Some(var) if var.reference && is_name(&var.value) => name.clone_from(&var.value),
                _ => break,
            }
        }
        name
    }

    /// Whether so many more bytes may be held; counts the copying as work.
    fn room(&mut self, name: &[u8], bytes: usize) -> bool {
        let held: usize = self.vars.iter().map(|(n, v)| n.len() + v.bytes()).sum();
        let _ = self.io.step(1 + bytes as u64 / 64);
        held + name.len() + bytes <= VAR_BYTES && self.vars.len() < 2048
    }

    /// Sets a variable that nobody has made read-only.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let name = self.resolve(name);
        if !self.room(&name, value.len()) {
            return;
        }
        let var = self.vars.entry(name).or_default();
        if !var.readonly {
            var.unset = false;
            match &mut var.array {
                Some(Array::Indexed(map)) => {
                    map.insert(0, value.to_vec());
                }
                Some(Array::Keyed(map)) => {
                    map.insert((bucket(b"0"), b"0".to_vec()), value.to_vec());
                }
                None => var.value = value.to_vec(),
            }
        }
    }

    pub(super) fn set_exported(&mut self, name: &[u8], value: &[u8]) {
        self.set(name, value);
        if let Some(var) = self.vars.get_mut(name) {
            var.exported = true;
        }
    }

    /// Sets one element; without `keyed` arrays are indexed.
    pub(super) fn set_item(&mut self, name: &[u8], key: &[u8], value: &[u8], keyed: bool) {
        let name = self.resolve(name);
        if !self.room(&name, value.len() + key.len() + 80) {
            return;
        }
        let var = self.vars.entry(name).or_insert_with(|| Var { unset: true, ..Var::default() });
        if var.readonly {
            return;
        }
        let first = (!var.unset && var.array.is_none()).then(|| std::mem::take(&mut var.value));
        var.unset = false;
        let array = var.array.get_or_insert_with(|| {
            if keyed {
                Array::Keyed(BTreeMap::new())
            } else {
                Array::Indexed(first.into_iter().map(|v| (0, v)).collect())
            }
        });
        if array.len() >= ELEMENTS {
            return;
        }
        match array {
            Array::Indexed(map) => {
                if let Some(n) = super::arith::number(key) {
                    map.insert(n, value.to_vec());
                }
            }
            Array::Keyed(map) => {
                map.insert((bucket(key), key.to_vec()), value.to_vec());
            }
        }
    }

    /// Makes a variable an array with nothing in it.
    pub(super) fn clear_array(&mut self, name: &[u8], keyed: bool) {
        let name = self.resolve(name);
        if !self.room(&name, 64) {
            return;
        }
        let var = self.vars.entry(name).or_default();
        if var.readonly {
            return;
        }
        let keyed = keyed || matches!(var.array, Some(Array::Keyed(_)));
        var.value.clear();
        var.unset = false;
        var.array = Some(if keyed { Array::Keyed(BTreeMap::new()) } else { Array::Indexed(BTreeMap::new()) });
    }

    /// An assignment of a script: attributes are heeded, read-only variables complained of.
    pub(super) fn assign(&mut self, name: &[u8], value: &[u8]) -> Result<(), Stop> {
        let name = self.resolve(name);
        if self.is_readonly(&name) {
            return Err(self.refuse_readonly(&name)?);
        }
        let value = self.shaped(&name, value)?;
        match name.as_slice() {
            b"RANDOM" => return Ok(()),
            b"SECONDS" => {
                let seconds = super::arith::number(&value).unwrap_or(0).clamp(0, 1 << 40);
                let micros =
                    phantom_core::micros(self.io.now()).saturating_sub(seconds.saturating_mul(1_000_000));
                self.born = phantom_core::from_micros(micros);
                return Ok(());
            }
            b"OPTIND" => self.getopts_at = 0,
            b"PATH" => self.hashed.clear(),
            _ => {}
        }
        self.set(&name, &value);
        if self.allexport
            && let Some(var) = self.vars.get_mut(&name)
        {
            var.exported = true;
        }
        Ok(())
    }

    /// What a variable's attributes make of a value.
    pub(super) fn shaped(&mut self, name: &[u8], value: &[u8]) -> Result<Vec<u8>, Stop> {
        let Some(var) = self.vars.get(name) else { return Ok(value.to_vec()) };
        let (integer, case) = (var.integer, var.case);
        Ok(match case {
            _ if integer => self.compute(value)?.to_string().into_bytes(),
            b'l' => value.to_ascii_lowercase(),
            b'u' => value.to_ascii_uppercase(),
            _ => value.to_vec(),
        })
    }

    pub(super) fn is_readonly(&self, name: &[u8]) -> bool {
        let fixed = self.bash && matches!(name, b"UID" | b"EUID" | b"PPID" | b"SHELLOPTS" | b"BASHOPTS");
        fixed || self.vars.get(name).is_some_and(|var| var.readonly)
    }

    pub(super) fn refuse_readonly(&mut self, name: &[u8]) -> Result<Stop, Stop> {
        let name = String::from_utf8_lossy(name).into_owned();
        if !self.bash {
            self.complain(&format!("{name}: is read only"))?;
            return Ok(if self.interactive { Stop::Discard(2) } else { Stop::Exit(2) });
        }
        self.complain(&format!("{name}: readonly variable"))?;
        Ok(Stop::Discard(1))
    }

    /// Keeps the value a variable has outside the function that runs, to be put back when it ends.
    pub(super) fn make_local(&mut self, name: &[u8]) {
        let old = self.vars.get(name).cloned();
        if let Some(scope) = self.scopes.last_mut()
            && !scope.iter().any(|(n, _)| n == name)
            && scope.len() < 256
        {
            scope.push((name.to_vec(), old));
            // dash's local variables keep their value; bash's have none.
            if self.bash {
                let exported = self.vars.get(name).is_some_and(|v| v.exported);
                self.vars.insert(name.to_vec(), Var { unset: true, exported, ..Var::default() });
            }
        }
    }

    /// Ends a function's scope.
    pub(super) fn leave_scope(&mut self) {
        for (name, old) in self.scopes.pop().unwrap_or_default().into_iter().rev() {
            match old {
                Some(var) => self.vars.insert(name, var),
                None => self.vars.remove(&name),
            };
        }
    }

    /// Removes a variable.
    pub(super) fn unset(&mut self, name: &[u8]) {
        let name = self.resolve(name);
        let local = self.scopes.last().is_some_and(|scope| scope.iter().any(|(n, _)| *n == name));
        if local {
            self.vars.insert(name, Var { unset: true, ..Var::default() });
        } else {
            self.vars.remove(&name);
        }
    }
}
