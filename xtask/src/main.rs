//! The task runner: `cargo xtask COMMAND`. It prints what it does, because people watch it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod coverage;
mod debian;
mod fuzz;
mod packages;
mod persona;
mod postgres;
mod run;
mod shell;
mod test;
mod transcripts;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run [--no-install] [-- ARGS]   install what is missing, build everything, start the node
  test [--no-install] [FILTER]   install what the tests need, then format, lint, tidy and every test
  judge [NAME]                   the long suites whole (shell, fuzz, coverage, bench)
  coverage                       line coverage by crate, as a table
  bench [NAME]                   side by side with peers in one run, as ratios
  fuzz [TARGET] [--seconds N]    fuzz one target; without one, name them
  persona [--out FILE]           make the SSH honeypot's file tree from Debian's own packages
  transcripts                    write again what Debian's own programs say, for the tests
  web                            build the dashboard
  codegen                        make the generated files again";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let command = if args.is_empty() { String::new() } else { args.remove(0) };
    match dispatch(&command, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, mut args: Vec<String>) -> Result<()> {
    let install = !take_flag(&mut args, "--no-install");
    match command {
        "run" => run::run(install, args),
        "test" => test::test(install, &args),
        "judge" => test::judge(install, args.first().map(String::as_str)),
        "coverage" => coverage::coverage(install),
        "bench" => bench::bench(install, args.first().map(String::as_str)),
        "fuzz" => fuzz::fuzz(args),
        "persona" => persona::persona(install, &args),
        "transcripts" => transcripts::write(),
        "web" => web::build(),
        "codegen" => web::codegen(),
        "" | "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("no such command: {other}\n{USAGE}"),
    }
}

/// Removes `flag` from the arguments before any `--` and says whether it stood there.
fn take_flag(args: &mut Vec<String>, flag: &str) -> bool {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    match args.iter().take(end).position(|arg| arg == flag) {
        Some(at) => {
            args.remove(at);
            true
        }
        None => false,
    }
}
