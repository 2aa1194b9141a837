//! What each instruction does.

use std::sync::Arc;

use super::array::{Array, Key};
use super::code::{Op, Place, special};
use super::value::Value;
use super::vm::{CALLS, Frame, Machine, Phase, Slot, Stopped};

type Step<T> = Result<T, Stopped>;

impl Machine {
    pub(super) fn execute(&mut self, op: &Op) -> Step<()> {
        match op {
            Op::Push(value) => self.push(value.clone()),
            Op::MatchLine(regex) => {
                let line = self.line();
                let yes = regex.is_match(&line, &mut self.fuel);
                self.push(Value::Number(f64::from(u8::from(yes))));
            }
            Op::Pattern(regex, text) => {
                if self.regexes.len() < 256 {
                    self.regexes.insert(Arc::clone(text), Arc::clone(regex));
                }
                self.push(Value::Text(Arc::clone(text)));
            }
            Op::Load(target) => {
                let value = self.load(*target)?;
                self.push(value);
            }
            Op::Store(target) => {
                let value = self.pop();
                // An array cannot be copied.
                let value = if matches!(value, Value::Array(_)) { Value::Unset } else { value };
                self.store(*target, value.clone())?;
                self.push(value);
            }
            Op::DupKey => {
                let value = self.stack.last().cloned().unwrap_or(Value::Unset);
                self.push(value);
            }
            Op::Step { target, by, after } => {
                if target.keyed() {
                    let key = self.stack.last().cloned().unwrap_or(Value::Unset);
                    self.push(key);
                }
                let old = self.load(*target)?.number();
                let new = old + by;
                self.store(*target, Value::Number(new))?;
                self.push(Value::Number(if *after { old } else { new }));
            }
            Op::Binary(kind) => {
                let (b, a) = (self.pop().number(), self.pop().number());
                self.push(Value::Number(match kind {
                    b'+' => a + b,
                    b'-' => a - b,
                    b'*' => a * b,
                    b'/' => a / b,
                    b'%' => a % b,
                    _ => a.powf(b),
                }));
            }
            Op::Compare(kind) => {
                let format = self.convfmt();
                let (b, a) = (self.pop(), self.pop());
                let order = a.compare(&b, &format);
                let yes = match *kind {
                    "<" => order.is_some_and(|o| o.is_lt()),
                    "<=" => order.is_some_and(|o| o.is_le()),
                    ">" => order.is_some_and(|o| o.is_gt()),
                    ">=" => order.is_some_and(|o| o.is_ge()),
                    "==" => order.is_some_and(|o| o.is_eq()),
                    _ => !order.is_some_and(|o| o.is_eq()),
                };
                self.push(Value::Number(f64::from(u8::from(yes))));
            }
            Op::Match { not } => {
                let pattern = self.pop_bytes();
                let text = self.pop_bytes();
                let yes = self.regex(&pattern)?.is_match(&text, &mut self.fuel) != *not;
                self.push(Value::Number(f64::from(u8::from(yes))));
            }
            Op::Not => {
                let yes = self.pop().truth();
                self.push(Value::Number(f64::from(u8::from(!yes))));
            }
            Op::Truth => {
                let yes = self.pop().truth();
                self.push(Value::Number(f64::from(u8::from(yes))));
            }
            Op::Negate => {
                let n = self.pop().number();
                // There is no negative zero among whole numbers.
                self.push(Value::Number(if n == 0.0 { 0.0 } else { -n }));
            }
            Op::Number => {
                let n = self.pop().number();
                self.push(Value::Number(n));
            }
            Op::Concat => {
                let (b, a) = (self.pop_bytes(), self.pop_bytes());
                self.push_text([&a[..], &b[..]].concat())?;
            }
            Op::Subscript(count) => {
                let separator = self.text_of(special::SUBSEP);
                let format = self.convfmt();
                let at = self.stack.len().saturating_sub(*count);
                let parts: Vec<Arc<[u8]>> = self.stack.drain(at..).map(|v| v.bytes(&format)).collect();
                self.push_text(parts.join(&separator[..]))?;
            }
            Op::In(place) => {
                let format = self.convfmt();
                let key = Key::of(&self.pop(), &format);
                let array = self.array(*place)?;
                let yes = self.arrays.get_mut(array).is_some_and(|a| a.has(&key));
                self.push(Value::Number(f64::from(u8::from(yes))));
            }
            Op::Delete(place) => {
                let format = self.convfmt();
                let key = Key::of(&self.pop(), &format);
                let array = self.array(*place)?;
                if let Some(table) = self.arrays.get_mut(array) {
                    table.remove(&key);
                }
            }
            Op::DeleteAll(place) => {
                let array = self.array(*place)?;
                if let Some(table) = self.arrays.get_mut(array) {
                    table.clear();
                }
            }
            Op::Jump(to) => self.pc = *to,
            Op::JumpIf(to) => {
                if self.pop().truth() {
                    self.pc = *to;
                }
            }
            Op::JumpUnless(to) => {
                if !self.pop().truth() {
                    self.pc = *to;
                }
            }
            Op::Pop => {
                self.pop();
            }
            Op::Argument(place, function, index) => self.argument(*place, *function, *index)?,
            Op::Call(function, count) => self.call(*function, *count)?,
            Op::Return => self.give_back(),
            Op::Builtin(name, count) => {
                let at = self.stack.len().saturating_sub(*count);
                let args: Vec<Value> = self.stack.drain(at..).collect();
                return self.builtin(name, args);
            }
            Op::Length(place) => {
                let value = match self.slot(*place) {
                    Some(Slot::Array(n) | Slot::Value(Value::Array(n))) => {
                        let n = *n;
                        self.arrays.get(n).map_or(0, Array::len)
                    }
                    Some(Slot::Value(value)) => value.clone().bytes(b"%.6g").len(),
                    None => 0,
                };
                self.push(Value::Number(value as f64));
            }
            Op::Split(place, separated) => {
                let separator = if *separated { self.pop_bytes() } else { self.text_of(special::FS) };
                let text = self.pop_bytes();
                let parts = self.fields_of(&text, &separator)?;
                let array = self.array(*place)?;
                let count = parts.len();
                let values = parts.iter().map(|p| Value::input(p)).collect();
                if let Some(table) = self.arrays.get_mut(array) {
                    table.fill(values);
                }
                self.room()?;
                self.push(Value::Number(count as f64));
            }
            Op::Substitute { global, target } => self.substitute(*global, *target)?,
            Op::Print(count, redirect) => self.print(*count, *redirect, false)?,
            Op::Printf(count, redirect) => self.print(*count, *redirect, true)?,
            Op::Getline(source, target) => self.getline(*source, *target)?,
            Op::ForStart(place) => {
                let array = self.array(*place)?;
                let keys = self.arrays.get_mut(array).map(Array::keys).unwrap_or_default();
                self.steps = self.steps.saturating_sub(keys.len() as u64).max(1);
                self.iterators.push(keys.into_iter());
            }
            Op::ForNext(target, end) => match self.iterators.last_mut().and_then(Iterator::next) {
                Some(key) => self.store(*target, Value::Text(key))?,
                None => self.pc = *end,
            },
            Op::ForEnd => {
                self.iterators.pop();
            }
            Op::Range(range, to, 0) => {
                if self.active.get(*range).copied().unwrap_or(false) {
                    self.pc = *to;
                }
            }
            Op::Range(range, ..) => {
                let over = self.pop().truth();
                if let Some(active) = self.active.get_mut(*range) {
                    *active = !over;
                }
            }
            Op::Next => {
                self.leave();
                if matches!(self.phase, Phase::Rules(_)) {
                    self.phase = Phase::Records;
                }
            }
            Op::Exit(valued) => {
                if *valued {
                    self.status = self.pop().number() as i64 as i32 & 255;
                }
                self.leave();
                self.phase = match self.phase {
                    Phase::End(_) | Phase::Closing => Phase::Closing,
                    _ => Phase::End(0),
                };
            }
            Op::Done => {
                self.leave();
            }
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.pc = usize::MAX;
        self.stack.clear();
        self.frames.clear();
        self.iterators.clear();
    }

    fn argument(&mut self, place: Place, function: usize, index: usize) -> Step<()> {
        let code = Arc::clone(&self.code);
        let wanted = code.functions.get(function).and_then(|f| f.arrays.get(index)).copied().unwrap_or(false);
        let value = match self.slot(place) {
            Some(Slot::Array(n)) => Value::Array(*n),
            Some(Slot::Value(Value::Unset)) if wanted => Value::Array(self.array(place)?),
            Some(Slot::Value(value)) => value.clone(),
            None => Value::Unset,
        };
        self.push(value);
        Ok(())
    }

    fn call(&mut self, function: usize, count: usize) -> Step<()> {
        let code = Arc::clone(&self.code);
        let Some(callee) = code.functions.get(function) else { return Ok(()) };
        if self.frames.len() >= CALLS {
            return Err(Stopped::Killed);
        }
        let at = self.stack.len().saturating_sub(count);
        let mut slots: Vec<Slot> = self
            .stack
            .drain(at..)
            .map(|value| if let Value::Array(n) = value { Slot::Array(n) } else { Slot::Value(value) })
            .collect();
        slots.truncate(callee.params);
        slots.resize_with(callee.params, || Slot::Value(Value::Unset));
        self.frames.push(Frame { back: self.pc, slots, iterators: self.iterators.len() });
        self.pc = callee.start;
        Ok(())
    }

    fn give_back(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.iterators.truncate(frame.iterators);
            self.pc = frame.back;
        }
    }
}
