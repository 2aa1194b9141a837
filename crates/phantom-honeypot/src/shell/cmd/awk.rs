//! awk(1): mawk 1.3.4, which is Debian's.

mod array;
mod builtin;
mod code;
mod execute;
mod expr;
mod io;
mod lex;
mod parse;
mod print;
mod record;
mod value;
mod vm;

use std::sync::{Arc, Mutex, PoisonError};

use super::ctx::show;
use super::registry::{Row, Waits, waits};
use crate::shell::Shell;
use crate::shell::io::{BUFFER, Desc, Stop};
use crate::vfs::join;
pub(super) use value::{decimal, number_prefix};
use vm::{Machine, Stopped};

pub(super) const PROGRAMS: &[Row] = &[
    waits("awk", "mawk", 0, |sh, name, args| Box::pin(awk(sh, name, args))).alternative_of("/usr/bin/mawk"),
    waits("mawk", "mawk", 158_376, (|sh, name, args| Box::pin(awk(sh, name, args))) as Waits),
    waits("nawk", "mawk", 0, |sh, name, args| Box::pin(awk(sh, name, args))).alternative_of("/usr/bin/mawk"),
];

/// Commands that one program may run.
const COMMANDS: u32 = 200;

const USAGE: &str = "Usage: mawk [Options] [Program] [file ...]

Program:
    The -f option value is the name of a file containing program text.
    If no -f option is given, a \"--\" ends option processing; the following
    parameters are the program text.

Options:
    -f program-file  Program  text is read from file instead of from the
                     command-line.  Multiple -f options are accepted.
    -F value         sets the field separator, FS, to value.
    -v var=value     assigns value to program variable var.
    --               unambiguous end of options.

    Implementation-specific options are prefixed with \"-W\".  They can be
    abbreviated:

    -W version       show version information and exit.
    -W dump          show assembler-like listing of program and exit.
    -W help          show this message and exit.
    -W interactive   set unbuffered output, line-buffered input.
    -W exec file     use file as program as well as last option.
    -W random=number set initial random seed.
    -W sprintf=number adjust size of sprintf buffer.
    -W posix_space   do not consider \"\\n\" a space.
    -W usage         show this message and exit.
";

struct Invocation {
    program: Vec<u8>,
    separator: Option<Vec<u8>>,
    variables: Vec<Vec<u8>>,
    operands: Vec<Vec<u8>>,
}

/// Reads the arguments; the error is what is printed on standard error, and the status.
fn arguments(sh: &Shell, args: Vec<Vec<u8>>) -> Result<Invocation, (String, i32)> {
    let mut made =
        Invocation { program: Vec::new(), separator: None, variables: Vec::new(), operands: Vec::new() };
    let mut from_file = false;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (Some(b'-'), Some(letter)) = (arg.first(), arg.get(1)) else {
            made.operands.push(arg);
            break;
        };
        if arg == b"--" {
            break;
        }
        let value = |args: &mut std::vec::IntoIter<Vec<u8>>| match arg.get(2..) {
            Some(tail) if !tail.is_empty() => Ok(tail.to_vec()),
            _ => args.next().ok_or((format!("awk: option {} lacks argument\n", show(&arg)), 2)),
        };
        match letter {
            b'F' => made.separator = Some(lex::unescape(&value(&mut args)?)),
            b'v' => made.variables.push(value(&mut args)?),
            b'f' => {
                let name = value(&mut args)?;
                let read = sh.vfs().read(&sh.account.cred, &join(&sh.cwd, &name), 0, BUFFER);
                let text =
                    read.map_err(|errno| (format!("awk: cannot open {} ({errno})\n", show(&name)), 2))?;
                made.program.extend(text);
                made.program.push(b'\n');
                from_file = true;
            }
            b'W' => {
                let what = value(&mut args)?;
                return Err(match what.first() {
                    Some(b'v') => ("\u{1}version".to_owned(), 0),
                    Some(b'h' | b'u') => (USAGE.to_owned(), 0),
                    _ => (format!("awk: vacuous option: -W {}\n", show(&what)), 2),
                });
            }
            _ => return Err((format!("awk: not an option: {}\n", show(&arg)), 2)),
        }
    }
    made.operands.extend(args);
    if !from_file {
        if made.operands.is_empty() {
            return Err((USAGE.to_owned(), 0));
        }
        made.program = made.operands.remove(0);
    }
    Ok(made)
}

async fn awk(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let invocation = match arguments(sh, args) {
        Ok(invocation) => invocation,
        Err((text, status)) if text.starts_with('\u{1}') => {
            sh.write(1, VERSION.as_bytes())?;
            return Ok(status);
        }
        Err((text, status)) => {
            sh.write(2, text.as_bytes())?;
            return Ok(status);
        }
    };
    let code = match parse::compile(&invocation.program) {
        Ok(code) => code,
        Err(why) => {
            sh.write(2, format!("awk: {why}\n").as_bytes())?;
            return Ok(2);
        }
    };
    let now = sh.io.now().as_second();
    let seed = sh.draw.unsigned(0, u64::MAX >> 1);
    let mut machine = Machine::new(code, now, seed);
    prepare(sh, &mut machine, invocation);
    Box::pin(drive(sh, machine)).await
}

fn prepare(sh: &Shell, machine: &mut Machine, invocation: Invocation) {
    use array::Key;
    use code::special;
    use value::Value;
    for (at, operand) in [b"awk".to_vec()].iter().chain(&invocation.operands).enumerate() {
        if let Some(argv) = machine.global_array(special::ARGV) {
            argv.set(&Key::Number(at as i64), Value::input(operand));
        }
    }
    machine.put_global(special::ARGC, Value::Number(invocation.operands.len() as f64 + 1.0));
    let mut exported: Vec<(Vec<u8>, Vec<u8>)> =
        sh.vars.iter().filter(|(_, v)| v.exported).map(|(n, v)| (n.clone(), v.value.clone())).collect();
    exported.sort();
    if let Some(environ) = machine.global_array(special::ENVIRON) {
        for (name, value) in exported {
            environ.set(&Key::Name(Arc::from(name)), Value::input(&value));
        }
    }
    if let Some(separator) = invocation.separator {
        machine.put_global(special::FS, Value::text(&separator));
    }
    for variable in &invocation.variables {
        machine.assign(variable);
    }
}

/// Does what the machine asks for until it is done.
async fn drive(sh: &mut Shell, mut machine: Machine) -> Result<i32, Stop> {
    let mut commands = 0;
    loop {
        let stopped = machine.run();
        sh.io.step(20)?;
        let waits = matches!(stopped, Stopped::Input | Stopped::File(_) | Stopped::Write { .. });
        if !waits {
            let out = std::mem::take(&mut machine.out);
            if sh.write(1, &out).is_err() {
                // Nobody reads any more.
                return if matches!(sh.fds.get(&1), Some(Desc::Pipe(_))) {
                    Ok(141)
                } else {
                    Err(Stop::Limit)
                };
            }
        }
        match stopped {
            Stopped::Flush => {}
            Stopped::Input => {
                let bytes = sh.read_all().await?;
                machine.file(b"-", Some(bytes));
            }
            Stopped::File(name) => {
                if name == b"-" || name == b"/dev/stdin" {
                    let bytes = sh.read_all().await?;
                    machine.file(&name, Some(bytes));
                    continue;
                }
                let read = sh.vfs().read(&sh.account.cred, &join(&sh.cwd, &name), 0, BUFFER);
                machine.file(&name, read.ok());
            }
            Stopped::Write { name, bytes, append } => match name.as_slice() {
                b"/dev/stderr" => sh.write(2, &bytes)?,
                b"/dev/null" => {}
                _ => {
                    let path = join(&sh.cwd, &name);
                    let mode = 0o666 & !sh.umask;
                    let written = {
                        let mut vfs = sh.vfs();
                        vfs.create(&sh.account.cred, &path, mode, !append)
                            .and_then(|ino| vfs.write(ino, None, &bytes))
                    };
                    if let Err(errno) = written {
                        let text = format!("awk: cannot open \"{}\" ({errno})\n", show(&name));
                        sh.write(2, text.as_bytes())?;
                        return Ok(2);
                    }
                }
            },
            Stopped::Run { command, input, capture } => {
                commands += 1;
                if commands > COMMANDS {
                    return Err(Stop::Limit);
                }
                let (status, output) = Box::pin(run_command(sh, &command, input, capture)).await?;
                machine.ran(&command, status, output);
            }
            Stopped::Done(status) => return Ok(status),
            Stopped::Fault(why) => {
                sh.write(2, format!("awk: {why}\n").as_bytes())?;
                return Ok(2);
            }
            Stopped::Killed => return Ok(137),
        }
    }
}

/// `sh -c command`.
async fn run_command(
    sh: &mut Shell,
    command: &[u8],
    input: Vec<u8>,
    capture: bool,
) -> Result<(i32, Option<Vec<u8>>), Stop> {
    let mut child = sh.fork()?;
    child.name = b"sh".to_vec();
    child.interactive = false;
    let buffer = Arc::new(Mutex::new(Vec::new()));
    if capture {
        child.fds.insert(1, Desc::Pipe(Arc::clone(&buffer)));
    } else if !input.is_empty() {
        child.fds.insert(0, Desc::Input(Arc::new(Mutex::new(input.into()))));
    }
    let status = match child.run_text(command).await {
        Err(Stop::Exit(status) | Stop::Return(status)) => status,
        other => other?,
    };
    let output = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((status, capture.then_some(output)))
}

const VERSION: &str = "mawk 1.3.4 20200120
Copyright 2008-2019,2020, Thomas E. Dickey
Copyright 1991-1996,2014, Michael D. Brennan

random-funcs:       srandom/random
regex-funcs:        internal
compiled limits:
sprintf buffer      8192
maximum-integer     2147483647
";
