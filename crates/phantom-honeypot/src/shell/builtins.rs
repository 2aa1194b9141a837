//! Commands that the shell itself carries out.

mod control;
mod declare;
mod dirs;
mod jobs;
mod lookup;
mod options;
mod print;
mod quoting;
mod read;
mod test;

pub(super) use jobs::{Job, SIGNALS, signal};
pub(super) use print::{ansi, unescape};
pub(super) use quoting::{quote_trace, quote_value};
pub(super) use test::{binary, compare, unary};

use super::Shell;
use super::cmd::show;
use super::eval::Running;
use super::io::Stop;

/// What they are called.
pub(super) const BUILTINS: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Those that dash has not.
const BASH_ONLY: &[&str] = &[
    "bind",
    "builtin",
    "caller",
    "compgen",
    "complete",
    "compopt",
    "declare",
    "dirs",
    "disown",
    "enable",
    "help",
    "history",
    "let",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "source",
    "suspend",
    "typeset",
];

/// Whether this shell has such a builtin, be it disabled.
fn is_named(sh: &Shell, name: &str) -> bool {
    BUILTINS.contains(&name) && (sh.bash || !BASH_ONLY.contains(&name))
}

/// Whether this shell has the builtin.
pub(super) fn is_builtin(sh: &Shell, name: &str) -> bool {
    is_named(sh, name) && !sh.disabled.contains(name)
}

/// Runs a program that is a file of its own beside the builtin of its name.
pub(super) async fn twin(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<i32, Stop> {
    dispatch(sh, name, args).await
}

/// Runs the builtin of this name; `None`: there is none.
pub(super) async fn builtin(sh: &mut Shell, name: &str, args: &[Vec<u8>]) -> Result<Option<i32>, Stop> {
    if !is_builtin(sh, name) {
        return Ok(None);
    }
    let result = dispatch(sh, name, args).await;
    // POSIX 2.8.1: an error of a special builtin ends the shell, one of another does not.
    let lives = !sh.bash && !lookup::special(name) && name != "local";
    match result {
        Err(Stop::Exit(2) | Stop::Discard(2)) if lives => Ok(Some(2)),
        other => other.map(Some),
    }
}

fn dispatch<'a>(sh: &'a mut Shell, name: &'a str, args: &'a [Vec<u8>]) -> Running<'a> {
    Box::pin(async move {
        match name {
            ":" | "true" => Ok(0),
            "false" => Ok(1),
            "enable" => lookup::enable(sh, args),
            "bind" | "complete" | "compopt" | "help" | "caller" | "fc" => options::quiet(sh, name, args),
            "jobs" => jobs::jobs(sh, args),
            "bg" | "fg" => jobs::bg(sh, name, args).await,
            "wait" => jobs::wait(sh, args).await,
            "disown" => jobs::disown(sh, args),
            "ulimit" => jobs::ulimit(sh, args),
            "kill" => jobs::kill(sh, args).await,
            "suspend" => fail(sh, "suspend", "cannot suspend: no job control"),
            "exit" | "logout" | "return" | "break" | "continue" => control::leave(sh, name, args),
            "shift" => control::shift(sh, args),
            "eval" => {
                if args.is_empty() {
                    return Ok(0);
                }
                sh.run_text(&args.join(&b' ')).await
            }
            "exec" => control::exec(sh, args).await,
            "." | "source" => control::source(sh, name, args).await,
            "command" | "builtin" => lookup::command(sh, name, args).await,
            "type" => lookup::kind(sh, args),
            "hash" => lookup::hash(sh, args),
            "alias" => lookup::alias(sh, args),
            "unalias" => lookup::unalias(sh, args),
            "compgen" => lookup::compgen(sh, args),
            "cd" => dirs::cd(sh, args),
            "pwd" => {
                let text = [sh.cwd.as_slice(), b"\n"].concat();
                sh.write(1, &text)?;
                Ok(0)
            }
            "pushd" | "popd" | "dirs" => dirs::stack(sh, name, args),
            "echo" => {
                let text = print::echo(args, !sh.bash);
                sh.write(1, &text)?;
                Ok(0)
            }
            "printf" => print::printf(sh, args),
            "test" | "[" => test::command(sh, name, args),
            "declare" | "typeset" | "local" | "export" | "readonly" => declare::declare(sh, name, args).await,
            "unset" => declare::unset(sh, args).await,
            "set" => options::set(sh, args),
            "shopt" => options::shopt(sh, args),
            "trap" => options::trap(sh, args),
            "getopts" => options::getopts(sh, args),
            "umask" => options::umask(sh, args),
            "times" if sh.bash && args.first().is_some_and(|a| is_option(a)) => {
                let option = args.first().and_then(|a| a.get(..2)).map(text_of).unwrap_or_default();
                bad_option(sh, "times", &option, "times")
            }
            "times" => {
                let text: &[u8] = if sh.bash {
                    b"0m0.002s 0m0.001s\n0m0.000s 0m0.000s\n"
                } else {
                    b"0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n"
                };
                sh.write(1, text)?;
                Ok(0)
            }
            "history" => options::history(sh, args),
            "let" => {
                let mut value = 0;
                if args.is_empty() {
                    return fail(sh, "let", "expression expected");
                }
                for arg in args {
                    value = match sh.compute_for(arg, Some("let")) {
                        Ok(value) => value,
                        Err(Stop::Discard(_)) => return Ok(1),
                        Err(stop) => return Err(stop),
                    };
                }
                Ok(i32::from(value == 0))
            }
            "read" => read::read(sh, args).await,
            _ => read::mapfile(sh, args).await,
        }
    })
}

/// `name: what`, status 1; dash ends there with 2 where it is no terminal.
fn fail(sh: &mut Shell, name: &str, what: &str) -> Result<i32, Stop> {
    sh.complain(&format!("{name}: {what}"))?;
    Ok(1)
}

/// An option that is none, and the usage.
fn bad_option(sh: &mut Shell, name: &str, option: &str, usage: &str) -> Result<i32, Stop> {
    if !sh.bash {
        sh.complain(&format!("{name}: Illegal option {option}"))?;
        return dash_ends(sh);
    }
    sh.complain(&format!("{name}: {option}: invalid option"))?;
    sh.write(2, format!("{name}: usage: {usage}\n").as_bytes())?;
    Ok(2)
}

/// dash leaves a script at an error of a builtin.
fn dash_ends(sh: &Shell) -> Result<i32, Stop> {
    Err(if sh.interactive { Stop::Discard(2) } else { Stop::Exit(2) })
}

fn is_option(arg: &[u8]) -> bool {
    arg.len() > 1 && arg.starts_with(b"-")
}

fn text_of(arg: &[u8]) -> String {
    show(arg)
}
