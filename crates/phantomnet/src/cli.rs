//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use phantom_core::SessionId;

/// Bait, wire, verdict and response in one binary.
#[derive(Debug, Parser)]
#[command(name = "phantomnet", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// How diagnostics are written to standard error (RUST_LOG chooses which).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where the settings are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Where {
    /// Settings file [default: phantomnet.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Overrides `data_dir`.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole node: honeypots, capture, engine, store, API, dashboard, response
    Run {
        #[command(flatten)]
        place: Where,
        /// Join the roles in one process, without jails, for debugging
        #[arg(long)]
        one_process: bool,
    },
    /// Read captures (pcap, pcapng, .gz, - for standard input) or a journal through the same engine as live
    Replay(Replay),
    /// Play what a visitor typed and was shown, in this terminal
    Play(Play),
    /// Validate the settings; binds nothing
    Check {
        #[command(flatten)]
        place: Where,
    },
    /// Make the database again from the journal, while the node is stopped
    Rebuild {
        #[command(flatten)]
        place: Where,
    },
    /// People who may log in to the dashboard
    User {
        #[command(subcommand)]
        what: User,
    },
    /// Tokens for programs
    Token {
        #[command(subcommand)]
        what: Token,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// Captures or journals, read in the order given
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Emit::Summary)]
    pub(crate) emit: Emit,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Networks that are ours
    #[arg(long, value_name = "CIDR")]
    pub(crate) home_net: Vec<String>,
    /// Settings file, for the detectors' thresholds
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Play {
    /// The session's id
    pub(crate) session: SessionId,
    /// So many times as fast as it was
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// No pause is longer, before --speed
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = span)]
    pub(crate) idle_limit: Duration,
    /// Only one of the visit's programs, by its channel
    #[arg(long, value_name = "N")]
    pub(crate) channel: Option<u32>,
    /// Exactly what was recorded; it may attack this terminal. Otherwise only text, colours and cursor moves are shown
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print the recording as asciicast v2 instead
    #[arg(long, conflicts_with_all = ["speed", "idle_limit"])]
    pub(crate) asciicast: bool,
    #[command(flatten)]
    pub(crate) place: Where,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "a number is wanted".to_owned())?;
    if (0.01..=1_000_000.0).contains(&speed) { Ok(speed) } else { Err("from 0.01 to 1000000".to_owned()) }
}

fn span(text: &str) -> Result<Duration, String> {
    phantom_core::duration::parse(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    Summary,
    Alerts,
    Sources,
    Flows,
    Packets,
    Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Jsonl,
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a user; the password is read from standard input
    Add {
        name: String,
        #[arg(long, default_value = "viewer")]
        role: String,
        #[command(flatten)]
        place: Where,
    },
    /// List users
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Remove a user and their tokens
    Remove {
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Set a password, read from standard input; ends the user's sessions
    Passwd {
        name: String,
        #[command(flatten)]
        place: Where,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; only the token is printed on standard output
    Create {
        #[arg(long, default_value = "viewer")]
        role: String,
        #[arg(long, default_value = "token")]
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// List tokens
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Revoke a token by its id
    Revoke {
        id: i64,
        #[command(flatten)]
        place: Where,
    },
}
