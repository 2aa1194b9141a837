//! `cargo xtask run`.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::shell::{cargo, check, command, root, stage};
use crate::{packages, web};

/// Installs, builds, and becomes the node.
pub(crate) fn run(install: bool, args: Vec<String>) -> Result<()> {
    stage("system packages", || packages::ensure(packages::RUN, install))?;
    stage("dashboard", web::build)?;
    stage("release binary", || check(cargo().args(["build", "--release", "-p", "phantomnet"])))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let binary = target.join("release/phantomnet");
    let error = command(&binary).arg("run").args(args.iter().filter(|arg| *arg != "--")).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}
