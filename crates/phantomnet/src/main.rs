//! The PhantomNet node: settings, roles, supervisor, replay and the command line.
#![allow(clippy::print_stderr, reason = "the command line's own errors")]

mod access;
mod cli;
mod control;
mod core;
mod plan;
mod play;
mod rebuild;
mod replay;
mod roles;
mod settings;
mod supervisor;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use phantom_store::Store;

use cli::{Cli, Command, LogFormat, Where};
use plan::Plan;
use settings::Settings;

fn main() -> ExitCode {
    match phantom_sys::spawn::inherited(std::env::args_os()) {
        Ok(None) => command(),
        Ok(Some(inherited)) => {
            diagnostics(std::env::var("PHANTOMNET_LOG_FORMAT").is_ok_and(|format| format == "json"));
            let role = inherited.role.clone();
            match roles::child(inherited) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    // The core's failures are told to the supervisor, which prints them.
                    tracing::debug!(%role, "{error:#}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => finish(Err(error.into())),
    }
}

fn command() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.log_format == LogFormat::Json;
    diagnostics(json);
    finish(dispatch(cli.command, if json { "json" } else { "text" }))
}

fn dispatch(command: Command, log: &str) -> Result<()> {
    match command {
        Command::Run { place, one_process } => supervisor::run(plan_of(&place)?, one_process, log),
        Command::Replay(replay) => replay::run(&replay),
        Command::Play(play) => {
            let plan = plan_of(&play.place)?;
            become_owner(&plan)?;
            play::run(&play, &plan)
        }
        Command::Check { place } => plan_of(&place).map(drop),
        Command::Rebuild { place } => {
            let plan = plan_of(&place)?;
            become_owner(&plan)?;
            rebuild::run(&plan)
        }
        Command::User { what } => {
            let place = match &what {
                cli::User::Add { place, .. }
                | cli::User::List { place }
                | cli::User::Remove { place, .. }
                | cli::User::Passwd { place, .. } => place,
            };
            access::users(&what, &open_store(&plan_of(place)?)?)
        }
        Command::Token { what } => {
            let place = match &what {
                cli::Token::Create { place, .. }
                | cli::Token::List { place }
                | cli::Token::Revoke { place, .. } => place,
            };
            access::tokens(&what, &open_store(&plan_of(place)?)?)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "phantomnet", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn plan_of(place: &Where) -> Result<Plan> {
    let mut settings = Settings::load(place.config.as_deref(), std::env::vars())?;
    if let Some(dir) = &place.data_dir {
        settings.data_dir.clone_from(dir);
    }
    let hostname = rustix::system::uname();
    Plan::new(settings, &hostname.nodename().to_string_lossy())
}

/// The database of a node that may be running.
pub(crate) fn open_store(plan: &Plan) -> Result<Store> {
    become_owner(plan)?;
    Store::open(&plan.settings.store.url, &plan.data_dir).context("store.url")
}

/// Root's commands work as the data's owner, so that they leave no file behind that the core cannot use.
fn become_owner(plan: &Plan) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = std::fs::metadata(&plan.data_dir) else { return Ok(()) };
    if !rustix::process::geteuid().is_root() || meta.uid() == 0 || meta.gid() == 0 {
        return Ok(());
    }
    let owner = phantom_sys::jail::Identity { uid: meta.uid(), gid: meta.gid() };
    phantom_sys::jail::leave_root(owner).with_context(|| format!("cannot become uid {}", owner.uid))
}

/// One line on standard error, never a backtrace for a user's mistake.
fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{error:#}");
            eprintln!("phantomnet: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::FAILURE
        }
    }
}

/// How we are doing goes to standard error; what happened goes to the journal.
fn diagnostics(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json { builder.json().init() } else { builder.with_target(false).init() }
}
