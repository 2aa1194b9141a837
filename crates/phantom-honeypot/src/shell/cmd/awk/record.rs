//! Input: records and their fields.

use std::sync::Arc;

use super::code::special;
use super::value::Value;
use super::vm::{LONGEST, Machine, Stopped};

/// Fields a record may have.
const FIELDS: usize = 100_000;

/// Bytes being read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    at: usize,
    /// There is something to read from.
    pub(super) open: bool,
}

impl Reader {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0, open: true }
    }
}

/// $0 and its fields.
#[derive(Debug, Default)]
pub(super) struct Record {
    line: Arc<[u8]>,
    fields: Vec<Value>,
    split: bool,
    /// A field or NF was set: $0 is to be made anew.
    stale: bool,
    /// Which argument is read next; `None` before the first.
    argument: usize,
    used_file: bool,
    over: bool,
}

type Step<T> = Result<T, Stopped>;

impl Machine {
    /// The next record of the main input into $0.
    pub(super) fn read_main(&mut self) -> Step<bool> {
        match self.read_line_main()? {
            Ok(Some(line)) => {
                self.count_record(true);
                self.set_line(line);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn count_record(&mut self, main: bool) {
        let nr = self.global(special::NR).number() + 1.0;
        self.put_global(special::NR, Value::Number(nr));
        if main {
            let fnr = self.global(special::FNR).number() + 1.0;
            self.put_global(special::FNR, Value::Number(fnr));
        }
    }

    pub(super) fn read_line_main(&mut self) -> Step<Result<Option<Vec<u8>>, ()>> {
        loop {
            if self.reader.open {
                let mut reader = std::mem::take(&mut self.reader);
                let line = self.next_record(&mut reader);
                self.reader = reader;
                match line? {
                    Some(line) => return Ok(Ok(Some(line))),
                    None => self.reader.open = false,
                }
            }
            if self.record.over || !self.next_argument()? {
                self.record.over = true;
                return Ok(Ok(None));
            }
        }
    }

    /// Opens the next file of ARGV, making assignments on the way.
    fn next_argument(&mut self) -> Step<bool> {
        loop {
            let count = self.global(special::ARGC).number() as usize;
            if self.record.argument + 1 >= count {
                if self.record.used_file {
                    return Ok(false);
                }
                return self.open_input(b"-");
            }
            self.record.argument += 1;
            let key = super::array::Key::Number(self.record.argument as i64);
            let value = self.global_array(special::ARGV).and_then(|a| a.get(&key));
            let name = value.unwrap_or(Value::Unset).bytes(b"%.6g").to_vec();
            if name.is_empty() {
                continue;
            }
            if self.assign(&name) {
                continue;
            }
            let opened = self.open_input(&name);
            if matches!(opened, Err(Stopped::File(_) | Stopped::Input)) {
                self.record.argument -= 1;
            }
            return opened;
        }
    }

    fn open_input(&mut self, name: &[u8]) -> Step<bool> {
        if self.missing.iter().any(|m| m == name) {
            return Err(Stopped::Fault(format!(
                "cannot open {} (No such file or directory)",
                String::from_utf8_lossy(name)
            )));
        }
        match self.files.remove(name) {
            Some(reader) => {
                self.reader = reader;
                self.record.used_file = true;
                if name != b"-" {
                    self.put_global(special::FILENAME, Value::text(name));
                }
                self.put_global(special::FNR, Value::Number(0.0));
                Ok(true)
            }
            None if name == b"-" => Err(Stopped::Input),
            None => Err(Stopped::File(name.to_vec())),
        }
    }

    /// `name=value` among the operands; whether it was one.
    pub(super) fn assign(&mut self, argument: &[u8]) -> bool {
        let Some(at) = argument.iter().position(|b| *b == b'=') else { return false };
        let (name, value) = argument.split_at_checked(at).unwrap_or((argument, b""));
        let is_name = name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if !is_name {
            return false;
        }
        if let Some(place) = self.code.by_name.get(name).copied() {
            let value = super::lex::unescape(value.get(1..).unwrap_or(&[]));
            self.put_global(place, Value::input(&value));
        }
        true
    }

    pub(super) fn read_from(&mut self, key: &[u8]) -> Step<Option<Vec<u8>>> {
        let Some(mut reader) = self.files.remove(key) else { return Ok(None) };
        let line = self.next_record(&mut reader);
        self.files.insert(key.to_vec(), reader);
        line
    }

    fn next_record(&mut self, reader: &mut Reader) -> Step<Option<Vec<u8>>> {
        let separator = self.text_of(special::RS);
        if separator.is_empty() {
            while reader.bytes.get(reader.at) == Some(&b'\n') {
                reader.at += 1;
            }
        }
        let rest = reader.bytes.get(reader.at..).unwrap_or(&[]);
        if rest.is_empty() {
            return Ok(None);
        }
        let (end, skip) = match &separator[..] {
            [one] if *one != b' ' || separator.len() == 1 => {
                let at = rest.iter().position(|b| b == one);
                (at.unwrap_or(rest.len()), usize::from(at.is_some()))
            }
            [] => {
                let at = rest.windows(2).position(|w| w == b"\n\n");
                match at {
                    Some(at) => {
                        let newlines = rest.iter().skip(at).take_while(|b| **b == b'\n').count();
                        (at, newlines)
                    }
                    None => {
                        let last = usize::from(rest.last() == Some(&b'\n'));
                        (rest.len() - last, last)
                    }
                }
            }
            _ => {
                let rest = rest.to_vec();
                let regex = self.regex(&separator)?;
                match regex.find_at(&rest, 0, &mut self.fuel) {
                    Some((from, to)) if to > from => (from, to - from),
                    _ => {
                        let last = usize::from(rest.last() == Some(&b'\n') && separator.len() > 1);
                        let _ = last;
                        (rest.len(), 0)
                    }
                }
            }
        };
        let line = reader.bytes.get(reader.at..reader.at + end).unwrap_or(&[]).to_vec();
        reader.at += end + skip;
        if line.len() > 4 * LONGEST {
            return Err(Stopped::Killed);
        }
        Ok(Some(line))
    }

    pub(super) fn set_line(&mut self, line: Vec<u8>) {
        self.record.line = Arc::from(line);
        self.record.split = false;
        self.record.stale = false;
    }

    /// $0.
    pub(super) fn line(&mut self) -> Arc<[u8]> {
        if std::mem::take(&mut self.record.stale) {
            let (ofs, format) = (self.text_of(special::OFS), self.convfmt());
            let parts: Vec<Arc<[u8]>> = self.record.fields.iter().map(|f| f.bytes(&format)).collect();
            self.record.line = Arc::from(parts.join(&ofs[..]));
        }
        Arc::clone(&self.record.line)
    }

    pub(super) fn split_record(&mut self) {
        if self.record.split {
            return;
        }
        self.record.split = true;
        let separator = self.text_of(special::FS);
        let line = Arc::clone(&self.record.line);
        let mut parts = self.fields_of(&line, &separator).unwrap_or_default();
        // Paragraphs: a newline separates fields too.
        if self.text_of(special::RS).is_empty() && &separator[..] != b" " {
            parts = parts
                .iter()
                .flat_map(|p| p.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
                .collect();
        }
        self.record.fields = parts.iter().map(|p| Value::input(p)).collect();
        let count = self.record.fields.len() as f64;
        self.put_global(special::NF, Value::Number(count));
    }

    /// Pieces of a text by a separator as FS has it.
    pub(super) fn fields_of(&mut self, text: &[u8], separator: &Arc<[u8]>) -> Step<Vec<Vec<u8>>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let parts: Vec<Vec<u8>> = match &separator[..] {
            b" " => text
                .split(|b| matches!(b, b' ' | b'\t' | b'\n'))
                .filter(|p| !p.is_empty())
                .map(<[u8]>::to_vec)
                .collect(),
            [] => text.iter().map(|b| vec![*b]).collect(),
            [one] if *one != b'\\' => text.split(|b| b == one).map(<[u8]>::to_vec).collect(),
            _ => {
                let regex = self.regex(separator)?;
                let mut parts = Vec::new();
                let (mut from, mut at) = (0, 0);
                while let Some((start, end)) = regex.find_at(text, at, &mut self.fuel) {
                    if end > start {
                        parts.push(text.get(from..start).unwrap_or(&[]).to_vec());
                        from = end;
                        at = end;
                    } else {
                        at = end + 1;
                    }
                    if at > text.len() || parts.len() > FIELDS {
                        break;
                    }
                }
                parts.push(text.get(from..).unwrap_or(&[]).to_vec());
                parts
            }
        };
        if parts.len() > FIELDS { Err(Stopped::Killed) } else { Ok(parts) }
    }

    pub(super) fn field(&mut self, n: f64) -> Step<Value> {
        if n < 0.0 || n > FIELDS as f64 {
            return Err(Stopped::Fault(format!(
                "run time error: field index {} is out of range{}",
                n as i64,
                self.whereabouts()
            )));
        }
        if n as usize == 0 {
            return Ok(Value::input(&self.line()));
        }
        self.split_record();
        Ok(self.record.fields.get(n as usize - 1).cloned().unwrap_or(Value::Unset))
    }

    pub(super) fn set_field(&mut self, n: f64, value: Value) -> Step<()> {
        if n < 0.0 || n > FIELDS as f64 {
            return self.field(n).map(|_| ());
        }
        if n as usize == 0 {
            let format = self.convfmt();
            self.set_line(value.bytes(&format).to_vec());
            return Ok(());
        }
        self.split_record();
        if self.record.fields.len() < n as usize {
            self.record.fields.resize(n as usize, Value::text(b""));
            self.put_global(special::NF, Value::Number(n.trunc()));
        }
        if let Some(field) = self.record.fields.get_mut(n as usize - 1) {
            *field = value;
        }
        self.record.stale = true;
        Ok(())
    }

    pub(super) fn field_count_set(&mut self) {
        let wanted = self.global(special::NF).number().clamp(0.0, FIELDS as f64) as usize;
        if !self.record.split {
            let value = self.global(special::NF);
            self.split_record();
            self.put_global(special::NF, value);
        }
        self.record.fields.resize(wanted, Value::text(b""));
        self.record.stale = true;
    }

    /// Where a fault happened, as mawk adds it.
    pub(super) fn whereabouts(&self) -> String {
        format!(
            "\n\tFILENAME=\"{}\" FNR={} NR={}",
            String::from_utf8_lossy(&self.text_of(special::FILENAME)),
            self.global(special::FNR).number(),
            self.global(special::NR).number()
        )
    }
}
