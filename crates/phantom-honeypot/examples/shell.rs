//! The honeypot's shell without a network: commands from standard input, what they print to standard output and error,
//! as root of a persona that is the same at each run.
//!
//! `shell --facts` prints what another machine must be given to be told apart by nothing but its programs: the full host
//! name, then one line `name uid` for each user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use phantom_core::{Timestamp, from_micros};
use phantom_honeypot::shell::Visitor;
use phantom_honeypot::{Console, Emit, Machine, Persona, Shell};

fn main() -> ExitCode {
    let now = now();
    let persona = Arc::new(Persona::generate([1; 32], now));
    if std::env::args().any(|arg| arg == "--facts") {
        println!("{}", persona.fqdn());
        for user in &persona.users {
            println!("{} {}", user.name, user.uid);
        }
        return ExitCode::SUCCESS;
    }
    let mut script = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut script) {
        eprintln!("cannot read commands: {error}");
        return ExitCode::FAILURE;
    }
    let machine = Machine::new(persona);
    let (vfs, account) = machine.login(b"root", now);
    let visitor = Visitor {
        peer: ([198, 51, 100, 7], 40_000).into(),
        local: ([192, 0, 2, 1], 22).into(),
        at: now,
        seed: [9; 32],
    };
    let mut console = Console::script(Shell::new(machine, vfs, account, visitor));
    let mut out = Vec::new();
    console.start(now, &mut out);
    // A line at a time, as a network hands them over.
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        if let Some(status) = show(&mut console, &mut out) {
            return status;
        }
        console.input(self::now(), line, &mut out);
    }
    if let Some(status) = show(&mut console, &mut out) {
        return status;
    }
    console.end_of_input(self::now(), &mut out);
    show(&mut console, &mut out).unwrap_or(ExitCode::FAILURE)
}

/// Prints what the console wants printed and sits out what it waits for; its status once it ends.
fn show(console: &mut Console, out: &mut Vec<Emit>) -> Option<ExitCode> {
    loop {
        let mut wake = None;
        for emit in std::mem::take(out) {
            match emit {
                Emit::Stdout(bytes) => drop(std::io::stdout().write_all(&bytes)),
                Emit::Stderr(bytes) => drop(std::io::stderr().write_all(&bytes)),
                Emit::Exit(status) => return Some(ExitCode::from(u8::try_from(status & 255).unwrap_or(1))),
                Emit::Wake(when) => wake = when,
                Emit::Record(_) | Emit::Wrote(_) => {}
            }
        }
        // Sleeps are not slept: the clock is an argument.
        let when = wake?;
        console.wake(when, out);
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    from_micros(i64::try_from(since.as_micros()).unwrap_or(0))
}
