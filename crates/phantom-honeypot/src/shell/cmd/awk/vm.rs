//! The machine that runs a program. It stops where a command has to be run or input is missing, and goes on when
//! it is handed the result.

use std::collections::HashMap;
use std::sync::Arc;

use super::array::{Array, ENTRIES, Key};
use super::code::{Code, Place, Target, special};
use super::record::Reader;
use super::value::Value;
use crate::shell::cmd::regex::Regex;

/// Instructions of one run: an endless program ends as if killed.
const STEPS: u64 = 6_000_000;
/// Steps of matching of one run.
const FUEL: u64 = 60_000_000;
/// Bytes of strings made in one run, and the longest.
pub(super) const MADE: usize = 256 << 20;
pub(super) const LONGEST: usize = 1 << 20;
/// Calls within calls.
pub(super) const CALLS: usize = 1000;
/// Output held before it is written.
pub(super) const HELD: usize = 256 << 10;
/// Files and commands open at a time.
pub(super) const OPEN: usize = 64;

/// Why the machine stopped.
pub(super) enum Stopped {
    /// Standard input is wanted: [`Machine::feed`].
    Input,
    /// A file is wanted: [`Machine::file`].
    File(Vec<u8>),
    /// Output is to be written, and the run goes on.
    Flush,
    /// A command is to be run with this input; its output is taken if `capture`: [`Machine::ran`].
    Run {
        command: Vec<u8>,
        input: Vec<u8>,
        capture: bool,
    },
    /// Bytes for a file.
    Write {
        name: Vec<u8>,
        bytes: Vec<u8>,
        append: bool,
    },
    /// The end, with its status.
    Done(i32),
    /// A fault of the program: the lines behind `awk: `.
    Fault(String),
    Killed,
}

#[derive(Debug)]
pub(super) enum Slot {
    Value(Value),
    Array(usize),
}

pub(super) struct Frame {
    pub(super) back: usize,
    pub(super) slots: Vec<Slot>,
    pub(super) iterators: usize,
}

#[derive(Debug, PartialEq, Clone, Copy)]
pub(super) enum Phase {
    Begin(usize),
    Records,
    Rules(usize),
    End(usize),
    Closing,
}

pub(super) struct Machine {
    pub(super) code: Arc<Code>,
    pub(super) out: Vec<u8>,
    pub(super) stack: Vec<Value>,
    pub(super) frames: Vec<Frame>,
    globals: Vec<Slot>,
    pub(super) arrays: Vec<Array>,
    free_arrays: Vec<usize>,
    pub(super) iterators: Vec<std::vec::IntoIter<Arc<[u8]>>>,
    pub(super) active: Vec<bool>,
    pub(super) pc: usize,
    pub(super) phase: Phase,
    pub(super) status: i32,
    pub(super) reader: Reader,
    pub(super) files: HashMap<Vec<u8>, Reader>,
    pub(super) missing: Vec<Vec<u8>>,
    /// Output for commands that are still open, in their order.
    pub(super) pipes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) outputs: Vec<Vec<u8>>,
    pub(super) results: Vec<f64>,
    /// A system() wants its status.
    pub(super) waiting: bool,
    pub(super) regexes: HashMap<Arc<[u8]>, Arc<Regex>>,
    pub(super) fuel: u64,
    pub(super) steps: u64,
    pub(super) made: usize,
    pub(super) record: super::record::Record,
    pub(super) seed: u64,
    pub(super) seeded: f64,
    pub(super) now: i64,
}

type Step<T> = Result<T, Stopped>;

impl Machine {
    pub(super) fn new(code: Code, now: i64, seed: u64) -> Self {
        let mut machine = Self {
            globals: Vec::new(),
            active: vec![false; code.ranges],
            code: Arc::new(code),
            out: Vec::new(),
            stack: Vec::new(),
            frames: Vec::new(),
            arrays: Vec::new(),
            free_arrays: Vec::new(),
            iterators: Vec::new(),
            pc: usize::MAX,
            phase: Phase::Begin(0),
            status: 0,
            reader: Reader::default(),
            files: HashMap::new(),
            missing: Vec::new(),
            pipes: Vec::new(),
            outputs: Vec::new(),
            results: Vec::new(),
            waiting: false,
            regexes: HashMap::new(),
            fuel: FUEL,
            steps: STEPS,
            made: 0,
            record: super::record::Record::default(),
            seed,
            seeded: now as f64,
            now,
        };
        for is_array in machine.code.arrays.clone() {
            let slot = if is_array { Slot::Array(machine.new_array()) } else { Slot::Value(Value::Unset) };
            machine.globals.push(slot);
        }
        for (at, text) in [
            (special::FS, " "),
            (special::OFS, " "),
            (special::ORS, "\n"),
            (special::RS, "\n"),
            (special::SUBSEP, "\x1c"),
            (special::CONVFMT, "%.6g"),
            (special::OFMT, "%.6g"),
            (special::FILENAME, ""),
        ] {
            machine.put_global(at, Value::text(text.as_bytes()));
        }
        for at in [special::NR, special::FNR, special::RSTART] {
            machine.put_global(at, Value::Number(0.0));
        }
        machine.put_global(special::RLENGTH, Value::Number(-1.0));
        machine
    }

    fn new_array(&mut self) -> usize {
        if let Some(at) = self.free_arrays.pop() {
            return at;
        }
        self.arrays.push(Array::default());
        self.arrays.len() - 1
    }

    pub(super) fn put_global(&mut self, at: usize, value: Value) {
        if let Some(slot) = self.globals.get_mut(at) {
            *slot = Slot::Value(value);
        }
    }

    pub(super) fn global(&self, at: usize) -> Value {
        match self.globals.get(at) {
            Some(Slot::Value(value)) => value.clone(),
            Some(Slot::Array(n)) => Value::Array(*n),
            None => Value::Unset,
        }
    }

    /// The array that is a global.
    pub(super) fn global_array(&mut self, at: usize) -> Option<&mut Array> {
        match self.globals.get(at) {
            Some(Slot::Array(n)) => self.arrays.get_mut(*n),
            _ => None,
        }
    }

    pub(super) fn text_of(&self, at: usize) -> Arc<[u8]> {
        self.global(at).bytes(b"%.6g")
    }

    pub(super) fn convfmt(&self) -> Arc<[u8]> {
        self.text_of(special::CONVFMT)
    }

    /// A command's result: its status, and its output if that was asked for.
    pub(super) fn ran(&mut self, command: &[u8], status: i32, output: Option<Vec<u8>>) {
        match output {
            Some(bytes) => {
                self.files.insert([b"|", command].concat(), Reader::of(bytes));
            }
            None if std::mem::take(&mut self.waiting) => self.results.push(f64::from(status)),
            None => {}
        }
    }

    pub(super) fn file(&mut self, name: &[u8], bytes: Option<Vec<u8>>) {
        match bytes {
            Some(bytes) => {
                self.files.insert(name.to_vec(), Reader::of(bytes));
            }
            None => self.missing.push(name.to_vec()),
        }
    }

    /// Runs until something is wanted.
    pub(super) fn run(&mut self) -> Stopped {
        loop {
            if self.pc == usize::MAX
                && let Err(stopped) = self.next_rule()
            {
                return stopped;
            }
            if let Err(stopped) = self.step() {
                return stopped;
            }
        }
    }

    /// Chooses what to run when a rule has ended.
    fn next_rule(&mut self) -> Step<()> {
        loop {
            match self.phase {
                Phase::Begin(n) => match self.code.begin.get(n) {
                    Some(start) => {
                        self.pc = *start;
                        self.phase = Phase::Begin(n + 1);
                        return Ok(());
                    }
                    None if self.code.rules.is_empty() && self.code.end.is_empty() => {
                        self.phase = Phase::Closing
                    }
                    None => self.phase = Phase::Records,
                },
                Phase::Records => {
                    if self.out.len() > HELD {
                        return Err(Stopped::Flush);
                    }
                    if self.code.rules.is_empty() && self.code.end.is_empty() {
                        self.phase = Phase::End(0);
                    } else if self.read_main()? {
                        self.phase = Phase::Rules(0);
                    } else {
                        self.phase = Phase::End(0);
                    }
                }
                Phase::Rules(n) => match self.code.rules.get(n) {
                    Some(start) => {
                        self.pc = *start;
                        self.phase = Phase::Rules(n + 1);
                        return Ok(());
                    }
                    None => self.phase = Phase::Records,
                },
                Phase::End(n) => match self.code.end.get(n) {
                    Some(start) => {
                        self.pc = *start;
                        self.phase = Phase::End(n + 1);
                        return Ok(());
                    }
                    None => self.phase = Phase::Closing,
                },
                Phase::Closing => {
                    if !self.pipes.is_empty() {
                        let (command, input) = self.pipes.remove(0);
                        return Err(Stopped::Run { command, input, capture: false });
                    }
                    return Err(Stopped::Done(self.status));
                }
            }
        }
    }

    pub(super) fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Unset)
    }

    pub(super) fn pop_bytes(&mut self) -> Arc<[u8]> {
        let format = self.convfmt();
        self.pop().bytes(&format)
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// A string made by the program.
    pub(super) fn push_text(&mut self, bytes: Vec<u8>) -> Step<()> {
        self.made += bytes.len();
        if bytes.len() > LONGEST || self.made > MADE {
            return Err(Stopped::Killed);
        }
        self.push(Value::Text(Arc::from(bytes)));
        Ok(())
    }

    pub(super) fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        match place {
            Place::Global(n) => self.globals.get_mut(n),
            Place::Local(n) => self.frames.last_mut().and_then(|f| f.slots.get_mut(n)),
        }
    }

    /// The array at a place, made if nothing is there yet.
    pub(super) fn array(&mut self, place: Place) -> Step<usize> {
        match self.slot(place) {
            Some(Slot::Array(n) | Slot::Value(Value::Array(n))) => Ok(*n),
            Some(Slot::Value(Value::Unset)) => {
                let made = self.new_array();
                if let Some(slot) = self.slot(place) {
                    *slot = Slot::Array(made);
                }
                Ok(made)
            }
            _ => Err(Stopped::Fault("line 1: type error in arg(1) in call".to_owned())),
        }
    }

    pub(super) fn room(&self) -> Step<()> {
        let held: usize = self.arrays.iter().map(Array::len).sum();
        if held > ENTRIES { Err(Stopped::Killed) } else { Ok(()) }
    }

    pub(super) fn load(&mut self, target: Target) -> Step<Value> {
        match target {
            Target::Variable(place) => {
                if place == Place::Global(special::NF) {
                    self.split_record();
                }
                Ok(match self.slot(place) {
                    Some(Slot::Value(value)) => value.clone(),
                    Some(Slot::Array(n)) => Value::Array(*n),
                    None => Value::Unset,
                })
            }
            Target::Field => {
                let n = self.pop().number();
                self.field(n)
            }
            Target::Element(place) => {
                let format = self.convfmt();
                let key = Key::of(&self.pop(), &format);
                let array = self.array(place)?;
                let Some(table) = self.arrays.get_mut(array) else { return Ok(Value::Unset) };
                if let Some(value) = table.get(&key) {
                    return Ok(value);
                }
                // Reading makes an element.
                table.set(&key, Value::Unset);
                if table.len().is_multiple_of(64) {
                    self.room()?;
                }
                Ok(Value::Unset)
            }
        }
    }

    pub(super) fn store(&mut self, target: Target, value: Value) -> Step<()> {
        match target {
            Target::Variable(place) => {
                if let Some(slot) = self.slot(place) {
                    *slot = Slot::Value(value);
                }
                if place == Place::Global(special::NF) {
                    self.field_count_set();
                }
                Ok(())
            }
            Target::Field => {
                let n = self.pop().number();
                self.set_field(n, value)
            }
            Target::Element(place) => {
                let format = self.convfmt();
                let key = Key::of(&self.pop(), &format);
                let array = self.array(place)?;
                if let Some(table) = self.arrays.get_mut(array) {
                    table.set(&key, value);
                    if table.len().is_multiple_of(64) {
                        self.room()?;
                    }
                }
                Ok(())
            }
        }
    }

    fn step(&mut self) -> Step<()> {
        let code = Arc::clone(&self.code);
        while self.pc != usize::MAX {
            self.steps -= 1;
            if self.steps == 0 || self.fuel == 0 {
                return Err(Stopped::Killed);
            }
            let Some(op) = code.ops.get(self.pc) else {
                self.pc = usize::MAX;
                return Ok(());
            };
            let here = self.pc;
            self.pc += 1;
            if let Err(stopped) = self.execute(op) {
                // What waits for a result is done again when it has come.
                if matches!(stopped, Stopped::Input | Stopped::File(_))
                    || matches!(stopped, Stopped::Run { capture: true, .. })
                {
                    self.pc = here;
                }
                return Err(stopped);
            }
        }
        Ok(())
    }

    pub(super) fn regex(&mut self, pattern: &Arc<[u8]>) -> Step<Arc<Regex>> {
        if let Some(regex) = self.regexes.get(pattern) {
            return Ok(Arc::clone(regex));
        }
        match super::expr::compile_regex(pattern) {
            Ok(regex) => {
                let regex = Arc::new(regex);
                if self.regexes.len() < 256 {
                    self.regexes.insert(Arc::clone(pattern), Arc::clone(&regex));
                }
                Ok(regex)
            }
            Err(why) => Err(Stopped::Fault(why)),
        }
    }

    pub(super) fn result(&mut self, value: Value) -> Step<()> {
        self.push(value);
        Ok(())
    }

    pub(super) fn text_result(&mut self, bytes: Vec<u8>) -> Step<()> {
        self.push_text(bytes)
    }

    /// The value of a target whose key, if it has one, lies on top.
    pub(super) fn load_for(&mut self, target: Target) -> Step<Value> {
        self.load(target)
    }

    /// Lets the instruction that is being done be done once more.
    pub(super) fn again(&mut self) {
        self.pc = self.pc.saturating_sub(1);
    }

    pub(super) fn take(&mut self) -> Value {
        self.pop()
    }
}
