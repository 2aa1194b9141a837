//! Output, getline, and commands.

use super::code::{Redirect, Source, Target, special};
use super::value::{Value, number_text};
use super::vm::{HELD, MADE, Machine, OPEN, Stopped};

type Step<T> = Result<T, Stopped>;

impl Machine {
    pub(super) fn print(&mut self, count: usize, redirect: Redirect, formatted: bool) -> Step<()> {
        let name = if redirect == Redirect::None { None } else { Some(self.pop_bytes()) };
        let at = self.stack.len().saturating_sub(count);
        let args: Vec<Value> = self.stack.drain(at..).collect();
        let text = if formatted {
            self.sprintf("printf", &args)?
        } else if count == 0 {
            [&self.line()[..], &self.text_of(special::ORS)[..]].concat()
        } else {
            let (ofs, ors, ofmt) =
                (self.text_of(special::OFS), self.text_of(special::ORS), self.text_of(special::OFMT));
            let parts: Vec<Vec<u8>> =
                args.iter()
                    .map(|v| {
                        if let Value::Number(n) = v {
                            number_text(*n, &ofmt)
                        } else {
                            v.bytes(&ofmt).to_vec()
                        }
                    })
                    .collect();
            [&parts.join(&ofs[..])[..], &ors[..]].concat()
        };
        self.made += text.len();
        if self.made > MADE {
            return Err(Stopped::Killed);
        }
        let Some(name) = name else {
            self.out.extend(text);
            return if self.out.len() > HELD { Err(Stopped::Flush) } else { Ok(()) };
        };
        match (redirect, &name[..]) {
            (Redirect::Command, _) => match self.pipes.iter().position(|(command, _)| command == &name[..]) {
                Some(at) => {
                    let Some((_, held)) = self.pipes.get_mut(at) else { return Ok(()) };
                    held.extend(text);
                    if held.len() > 4 << 20 { Err(Stopped::Killed) } else { Ok(()) }
                }
                None if self.pipes.len() < OPEN => {
                    self.pipes.push((name.to_vec(), text));
                    Ok(())
                }
                None => Err(Stopped::Killed),
            },
            (_, b"/dev/stdout" | b"-") => {
                self.out.extend(text);
                Ok(())
            }
            (kind, _) => {
                let known = self.outputs.iter().any(|o| o == &name[..]);
                if !known && self.outputs.len() < OPEN {
                    self.outputs.push(name.to_vec());
                }
                Err(Stopped::Write {
                    name: name.to_vec(),
                    bytes: text,
                    append: known || kind == Redirect::Append,
                })
            }
        }
    }

    pub(super) fn getline(&mut self, source: Source, target: Option<Target>) -> Step<()> {
        let result = match source {
            Source::Main => self.read_line_main()?,
            _ => {
                let name = self.stack.last().cloned().unwrap_or(Value::Unset).bytes(b"%.6g");
                let key = if source == Source::Command { [b"|", &name[..]].concat() } else { name.to_vec() };
                if self.missing.contains(&key) {
                    self.pop();
                    self.missing.retain(|m| *m != key);
                    Err(())
                } else if !self.files.contains_key(&key) {
                    if self.files.len() >= OPEN {
                        return Err(Stopped::Killed);
                    }
                    return Err(if source == Source::Command {
                        Stopped::Run { command: name.to_vec(), input: Vec::new(), capture: true }
                    } else {
                        Stopped::File(key)
                    });
                } else {
                    self.pop();
                    Ok(self.read_from(&key)?)
                }
            }
        };
        let line = match result {
            Err(()) => {
                if target.is_some_and(Target::keyed) {
                    self.pop();
                }
                self.push(Value::Number(-1.0));
                return Ok(());
            }
            Ok(None) => {
                if target.is_some_and(Target::keyed) {
                    self.pop();
                }
                self.push(Value::Number(0.0));
                return Ok(());
            }
            Ok(Some(line)) => line,
        };
        if source != Source::File {
            self.count_record(source == Source::Main);
        }
        match target {
            Some(target) => self.store(target, Value::input(&line))?,
            None => self.set_line(line),
        }
        self.push(Value::Number(1.0));
        Ok(())
    }

    /// Starts or ends a command; what system() and close() do.
    pub(super) fn command(&mut self, command: &[u8]) -> Step<()> {
        match self.results.pop() {
            Some(status) => {
                self.push(Value::Number(status));
                Ok(())
            }
            None => {
                self.waiting = true;
                Err(Stopped::Run { command: command.to_vec(), input: Vec::new(), capture: false })
            }
        }
    }

    pub(super) fn close(&mut self, name: &[u8]) -> Step<()> {
        if let Some(at) = self.pipes.iter().position(|(command, _)| command == name) {
            let (command, input) = self.pipes.remove(at);
            self.push(Value::Number(0.0));
            return Err(Stopped::Run { command, input, capture: false });
        }
        self.outputs.retain(|o| o != name);
        let piped = [b"|", name].concat();
        let known = self.files.remove(name).is_some() | self.files.remove(&piped).is_some();
        self.push(Value::Number(if known { 0.0 } else { -1.0 }));
        Ok(())
    }
}
