//! Arrays, iterated in mawk's order: its hash table of lists, with the entry found last in front, and its second
//! table for whole numbers, is what decides in which order `for (k in a)` sees the keys.

use std::sync::Arc;

use super::value::Value;

/// Lists of an empty table, and entries a list may have on average before the table is doubled (mawk's array.c).
const LISTS: usize = 64;
const AVERAGE: usize = 12;
/// Entries of all arrays of a program; what needs more ends as out of memory.
pub(super) const ENTRIES: usize = 200_000;

#[derive(Debug)]
struct Entry {
    key: Arc<[u8]>,
    value: Value,
    /// In a string list already.
    named: bool,
    number: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Array {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    named: Vec<Vec<usize>>,
    numbered: Vec<Vec<usize>>,
    size: usize,
    all_named: bool,
    /// A string has been looked for, or the keys have been asked for.
    strings: bool,
}

impl Default for Array {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            named: vec![Vec::new(); LISTS],
            numbered: vec![Vec::new(); LISTS],
            size: 0,
            all_named: true,
            strings: false,
        }
    }
}

/// A subscript: whole numbers go by themselves.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Number(i64),
    Name(Arc<[u8]>),
}

impl Key {
    pub(super) fn of(value: &Value, format: &[u8]) -> Self {
        match value {
            Value::Number(n) if *n == n.trunc() && n.abs() < 2_147_483_648.0 => Self::Number(*n as i64),
            other => Self::Name(other.bytes(format)),
        }
    }

    fn bytes(&self) -> Arc<[u8]> {
        match self {
            Self::Number(n) => Arc::from(n.to_string().into_bytes()),
            Self::Name(name) => Arc::clone(name),
        }
    }
}

/// FNV-1a.
fn hash(key: &[u8]) -> usize {
    key.iter().fold(2_166_136_261u32, |sum, b| (sum ^ u32::from(*b)).wrapping_mul(16_777_619)) as usize
}

fn whole(key: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(key).ok()?;
    let n: i64 = text.parse().ok()?;
    (n.to_string() == text && n.abs() < 2_147_483_648).then_some(n)
}

impl Array {
    pub(super) fn len(&self) -> usize {
        self.size
    }

    fn mask(&self) -> usize {
        self.named.len() - 1
    }

    fn front(list: &mut [usize], at: usize) -> Option<usize> {
        let found = list.get(at).copied()?;
        list.copy_within(..at, 1);
        if let Some(first) = list.first_mut() {
            *first = found;
        }
        Some(found)
    }

    fn find(&mut self, key: &Key) -> Option<usize> {
        let mask = self.mask();
        let entries = &self.entries;
        if let Key::Number(n) = key {
            let list = self.numbered.get_mut(*n as usize & mask)?;
            let at =
                list.iter().position(|e| matches!(entries.get(*e), Some(Some(e)) if e.number == Some(*n)));
            if let Some(at) = at {
                return Self::front(list, at);
            }
            if !self.strings {
                return None;
            }
        } else {
            self.name_all();
        }
        let name = key.bytes();
        let entries = &self.entries;
        let list = self.named.get_mut(hash(&name) & mask)?;
        let at = list.iter().position(|e| matches!(entries.get(*e), Some(Some(e)) if e.key == name))?;
        let found = Self::front(list, at)?;
        if let Key::Number(n) = key
            && let Some(Some(entry)) = self.entries.get_mut(found)
            && entry.number.is_none()
        {
            entry.number = Some(*n);
            if let Some(list) = self.numbered.get_mut(*n as usize & mask) {
                list.insert(0, found);
            }
        }
        Some(found)
    }

    /// Gives entries known by number alone their place among the strings.
    fn name_all(&mut self) {
        self.strings = true;
        if std::mem::replace(&mut self.all_named, true) {
            return;
        }
        let mask = self.mask();
        for list in &self.numbered {
            for at in list {
                if let Some(Some(entry)) = self.entries.get_mut(*at)
                    && !entry.named
                {
                    entry.named = true;
                    if let Some(list) = self.named.get_mut(hash(&entry.key) & mask) {
                        list.insert(0, *at);
                    }
                }
            }
        }
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Value> {
        let at = self.find(key)?;
        self.entries.get(at)?.as_ref().map(|e| e.value.clone())
    }

    pub(super) fn set(&mut self, key: &Key, value: Value) {
        if let Some(at) = self.find(key) {
            if let Some(Some(entry)) = self.entries.get_mut(at) {
                entry.value = value;
            }
            return;
        }
        let number = if let Key::Number(n) = key { Some(*n) } else { None };
        let entry = Entry { key: key.bytes(), value, named: number.is_none(), number };
        let mask = self.mask();
        let bucket = hash(&entry.key) & mask;
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        if let Some(place) = self.entries.get_mut(at) {
            *place = Some(entry);
        }
        match number {
            Some(n) => {
                self.all_named = false;
                if let Some(list) = self.numbered.get_mut(n as usize & mask) {
                    list.insert(0, at);
                }
            }
            None => {
                if let Some(list) = self.named.get_mut(bucket) {
                    list.insert(0, at);
                }
            }
        }
        self.size += 1;
        if self.size > self.named.len() * AVERAGE {
            self.double();
        }
    }

    fn double(&mut self) {
        let lists = self.named.len();
        let entries = &self.entries;
        let entry = |at: usize| entries.get(at).and_then(Option::as_ref);
        for (tables, number) in [(&mut self.named, false), (&mut self.numbered, true)] {
            for index in 0..lists {
                let Some(list) = tables.get_mut(index) else { continue };
                let place = |at: usize| {
                    entry(at)
                        .map_or(0, |e| if number { e.number.unwrap_or(0) as usize } else { hash(&e.key) })
                };
                let (stay, go) = list.iter().partition::<Vec<usize>, _>(|at| place(**at) & lists == 0);
                *list = stay;
                tables.push(go);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        let Some(at) = self.find(key) else { return };
        let mask = self.mask();
        let Some(entry) = self.entries.get_mut(at).and_then(Option::take) else { return };
        if let Some(list) = self.named.get_mut(hash(&entry.key) & mask) {
            list.retain(|other| *other != at);
        }
        if let Some(list) = entry.number.and_then(|n| self.numbered.get_mut(n as usize & mask)) {
            list.retain(|other| *other != at);
        }
        self.free.push(at);
        self.size -= 1;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What split() leaves: 1 to n.
    pub(super) fn fill(&mut self, values: Vec<Value>) {
        self.clear();
        for (index, value) in values.into_iter().enumerate() {
            self.set(&Key::Number(index as i64 + 1), value);
        }
    }

    /// All keys, in mawk's order.
    pub(super) fn keys(&mut self) -> Vec<Arc<[u8]>> {
        self.name_all();
        let all = self.named.iter().flatten();
        all.filter_map(|at| self.entries.get(*at)?.as_ref().map(|e| Arc::clone(&e.key))).collect()
    }

    pub(super) fn has(&mut self, key: &Key) -> bool {
        // `in` goes by the number too where the string is one.
        let found = self.find(key).is_some();
        found
            || matches!(key, Key::Name(name) if whole(name).is_some_and(|n| self.find(&Key::Number(n)).is_some()))
    }
}
