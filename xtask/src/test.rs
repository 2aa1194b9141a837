//! `cargo xtask test` and `cargo xtask judge`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::postgres::Cluster;
use crate::shell::{cargo, check, output, stage, which};
use crate::{bench, coverage, debian, fuzz, packages, web};

/// Everything that must hold before a change lands; `filter` narrows the Rust tests.
pub(crate) fn test(install: bool, filter: &[String]) -> Result<()> {
    stage("system packages", || packages::ensure(packages::TEST, install))?;
    stage("format", || check(cargo().args(["fmt", "--all", "--check"])))?;
    stage("dashboard: types and tests", web::test)?;
    stage("dashboard: build", web::build)?;
    stage("lint", || {
        check(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    })?;
    stage("build tests", || check(&mut runner(&["--no-run"])))?;
    let cluster = stage("database", Cluster::start)?;
    stage("tests", || {
        check(runner(&["--no-fail-fast"]).args(filter).env("PHANTOMNET_TEST_POSTGRES", cluster.url()))
    })
}

/// The long suites, whole.
pub(crate) fn judge(install: bool, name: Option<&str>) -> Result<()> {
    match name {
        None => {
            test(install, &[])?;
            shell(install)?;
            fuzz::all(600)?;
            coverage::coverage(install)?;
            bench::bench(install, None)
        }
        Some("shell") => shell(install),
        Some("fuzz") => fuzz::all(600),
        Some("coverage") => coverage::coverage(install),
        Some("bench") => bench::bench(install, None),
        Some(other) => bail!("no such suite: {other}; there are shell, fuzz, coverage and bench"),
    }
}

/// The honeypot's shell beside a real Debian 12.
fn shell(install: bool) -> Result<()> {
    packages::ensure(packages::DEBIAN, install)?;
    debian::judge()
}

/// nextest where the machine has it (it takes minutes to build), `cargo test` elsewhere.
fn runner(extra: &[&str]) -> Command {
    let mut command = cargo();
    if which("cargo-nextest").is_some() || output(cargo().args(["nextest", "--version"])).is_ok() {
        command.args(["nextest", "run", "--workspace", "--locked"]);
    } else {
        command.args(["test", "--workspace", "--locked"]);
    }
    command.args(extra);
    command
}
