//! Functions that AWK has.

use std::sync::Arc;

use super::code::{Target, special};
use super::value::Value;
use super::vm::{LONGEST, Machine, Stopped};
use crate::shell::cmd::float::{self, Conversion};
use crate::shell::facts::strftime;

type Step<T> = Result<T, Stopped>;

impl Machine {
    pub(super) fn builtin(&mut self, name: &str, args: Vec<Value>) -> Step<()> {
        let format = self.convfmt();
        let text =
            |n: usize| args.get(n).map(|v| v.bytes(&format)).unwrap_or_else(|| Arc::from([].as_slice()));
        let number = |n: usize| args.get(n).map_or(0.0, Value::number);
        let result = match name {
            "length" if args.is_empty() => self.line().len() as f64,
            "length" => text(0).len() as f64,
            "substr" => return self.substr(&text(0), number(1), args.get(2).map(Value::number)),
            "index" => find(&text(0), &text(1)) as f64,
            "match" => {
                let regex = self.regex(&text(1))?;
                let found = regex.find_at(&text(0), 0, &mut self.fuel);
                let (start, length) = found.map_or((0.0, -1.0), |(a, b)| ((a + 1) as f64, (b - a) as f64));
                self.put_global(special::RSTART, Value::Number(start));
                self.put_global(special::RLENGTH, Value::Number(length));
                start
            }
            "sprintf" => {
                let made = self.sprintf("sprintf", &args)?;
                return self.text_result(made);
            }
            "tolower" => return self.text_result(text(0).to_ascii_lowercase()),
            "toupper" => return self.text_result(text(0).to_ascii_uppercase()),
            "sin" => number(0).sin(),
            "cos" => number(0).cos(),
            "atan2" => number(0).atan2(number(1)),
            "exp" => number(0).exp(),
            // Of a negative number glibc's is a NaN with its sign set.
            "log" if number(0) < 0.0 => -f64::NAN,
            "log" => number(0).ln(),
            "sqrt" if number(0) < 0.0 => -f64::NAN,
            "sqrt" => number(0).sqrt(),
            "int" => number(0).trunc(),
            "rand" => {
                self.seed =
                    self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (self.seed >> 11) as f64 / (1u64 << 53) as f64
            }
            "srand" => {
                let new = args.first().map_or(self.now as f64, Value::number);
                self.seed = new.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                std::mem::replace(&mut self.seeded, new)
            }
            "system" => {
                let command = text(0);
                let answer = self.command(&command);
                if answer.is_err() {
                    // Done again when the status is known: the argument has to lie there then.
                    self.result(Value::Text(command))?;
                    self.again();
                }
                return answer;
            }
            "close" => return self.close(&text(0)),
            "fflush" => 0.0,
            "systime" => self.now as f64,
            "strftime" => {
                let at = args.get(1).map_or(self.now as f64, Value::number) as i64;
                let pattern = if args.is_empty() {
                    "%c".to_owned()
                } else {
                    String::from_utf8_lossy(&text(0)).into_owned()
                };
                let pattern = pattern.replace("%c", "%a %b %e %H:%M:%S %Y");
                let at = phantom_core::from_micros(at.clamp(-1 << 40, 1 << 40) * 1_000_000);
                return self.text_result(strftime(at, &pattern).into_bytes());
            }
            _ => -1.0,
        };
        self.result(Value::Number(result))
    }

    fn substr(&mut self, text: &[u8], start: f64, length: Option<f64>) -> Step<()> {
        // mawk 1.3.4 cuts both to whole numbers, and a start before the text to its first byte.
        let whole = |n: f64| if n.is_nan() { 0.0 } else { n.trunc().clamp(0.0, LONGEST as f64) };
        let from = (whole(start) as usize).clamp(1, text.len() + 1);
        let to = (from + length.map_or(text.len(), |l| whole(l) as usize)).min(text.len() + 1);
        let part = text.get(from - 1..to - 1).unwrap_or(&[]).to_vec();
        self.text_result(part)
    }

    pub(super) fn substitute(&mut self, global: bool, target: Target) -> Step<()> {
        // On the stack: the expression, the replacement, and the key of the target.
        let key = target.keyed().then(|| self.take());
        let format = self.convfmt();
        let with = self.take().bytes(&format);
        let pattern = self.take().bytes(&format);
        let regex = self.regex(&pattern)?;
        if let Some(key) = &key {
            self.result(key.clone())?;
        }
        let text = self.load_for(target)?.bytes(&format);
        let mut out = Vec::new();
        let (mut at, mut count, mut touching) = (0, 0u32, None);
        while at <= text.len() {
            let Some((from, to)) = regex.find_at(&text, at, &mut self.fuel) else { break };
            out.extend_from_slice(text.get(at..from).unwrap_or(&[]));
            if from == to && touching == Some(from) {
                // Nothing right behind a match is none.
            } else {
                count += 1;
                replace(&with, text.get(from..to).unwrap_or(&[]), &mut out);
            }
            at = to;
            touching = Some(to);
            if !global && count > 0 {
                break;
            }
            if from == to {
                out.extend(text.get(to));
                at = to + 1;
                touching = None;
            }
            if out.len() > LONGEST {
                return Err(Stopped::Killed);
            }
        }
        out.extend_from_slice(text.get(at..).unwrap_or(&[]));
        if count > 0 {
            if let Some(key) = key {
                self.result(key)?;
            }
            self.store(target, Value::Text(Arc::from(out)))?;
        }
        self.result(Value::Number(f64::from(count)))
    }

    pub(super) fn sprintf(&mut self, name: &str, args: &[Value]) -> Step<Vec<u8>> {
        let convfmt = self.convfmt();
        let format = args.first().map(|v| v.bytes(&convfmt)).unwrap_or_else(|| Arc::from([].as_slice()));
        let mut values = args.iter().skip(1);
        let mut out = Vec::new();
        let mut at = 0;
        let lacking = |machine: &mut Self, made: &[u8]| {
            // What was made so far is out already.
            if name == "printf" {
                machine.out.extend_from_slice(made);
            }
            Stopped::Fault(format!(
                "run time error: not enough arguments passed to {name}(\"{}\"){}",
                String::from_utf8_lossy(&format),
                machine.whereabouts()
            ))
        };
        while let Some(byte) = format.get(at) {
            at += 1;
            if *byte != b'%' {
                out.push(*byte);
                continue;
            }
            if format.get(at) == Some(&b'%') {
                out.push(b'%');
                at += 1;
                continue;
            }
            let mut spec = Vec::new();
            while let Some(byte) = format.get(at).filter(|b| b"-+ #0123456789.*hlL".contains(*b)) {
                at += 1;
                match byte {
                    b'*' => {
                        let value = values.next().ok_or_else(|| lacking(self, &out))?;
                        spec.extend((value.number() as i64).to_string().bytes());
                    }
                    b'h' | b'l' | b'L' => {}
                    other => spec.push(*other),
                }
            }
            let kind = format.get(at).copied().unwrap_or(b'%');
            at += 1;
            let Some(conversion) = Conversion::parse(&spec) else {
                out.extend_from_slice(&[b"%", spec.as_slice(), &[kind]].concat());
                continue;
            };
            if !b"diouxXcseEfFgG".contains(&kind) {
                return Err(Stopped::Fault(format!(
                    "run time error: bad conversion character to {name}(\"{}\"){}",
                    String::from_utf8_lossy(&format),
                    self.whereabouts()
                )));
            }
            let value = values.next().ok_or_else(|| lacking(self, &out))?;
            out.extend(match kind {
                b'd' | b'i' => conversion.integer(value.number() as i64 as i128),
                b'o' | b'u' | b'x' | b'X' => {
                    let n = value.number();
                    conversion.unsigned(kind, if n < 0.0 { n as i64 as u64 } else { n as u64 })
                }
                b'c' => match value {
                    Value::Number(n) | Value::Numeric(_, n) if !matches!(value, Value::Numeric(..)) => {
                        conversion.text(&[*n as i64 as u8])
                    }
                    other => conversion.text(other.bytes(&convfmt).get(..1).unwrap_or(&[0])),
                },
                b's' => conversion.text(&value.bytes(&convfmt)),
                _ => float::format(&conversion, kind, value.number()),
            });
            if out.len() > LONGEST {
                return Err(Stopped::Killed);
            }
        }
        Ok(out)
    }
}

/// Where the needle begins, from 1; 0 where it is not.
fn find(text: &[u8], needle: &[u8]) -> usize {
    if needle.is_empty() {
        return 0;
    }
    text.windows(needle.len()).position(|w| w == needle).map_or(0, |n| n + 1)
}

fn replace(with: &[u8], matched: &[u8], out: &mut Vec<u8>) {
    let mut bytes = with.iter().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(b'&' | b'\\')) => out.extend(bytes.next()),
            (b'&', _) => out.extend_from_slice(matched),
            _ => out.push(*byte),
        }
    }
}
