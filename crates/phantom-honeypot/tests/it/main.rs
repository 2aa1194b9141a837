//! Visits of real clients, over loopback.

mod driver;
mod ftp;
mod http;
mod machine;
mod tools;

use std::process::{Command, Output};

/// Runs a client to its end, at most 20 s; a tool that is not installed fails the test with its name.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new("timeout")
        .args(["20", program])
        .args(arguments)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
