//! The dashboard's build.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{cargo, check, command, root, which};

/// Installs the locked packages where they are not yet, and builds `web/dist`.
pub(crate) fn build() -> Result<()> {
    install()?;
    check(npm().args(["run", "build"]))
}

/// Type check and unit tests.
pub(crate) fn test() -> Result<()> {
    install()?;
    check(npm().args(["run", "check"]))?;
    check(npm().args(["run", "test"]))
}

/// Makes the OpenAPI document and the TypeScript types from the code again.
pub(crate) fn codegen() -> Result<()> {
    check(cargo().env("PHANTOMNET_CODEGEN", "1").args([
        "test",
        "-q",
        "-p",
        "phantom-api",
        "openapi_document",
    ]))?;
    install()?;
    check(npm().args(["run", "codegen"]))
}

/// npm 11's own `npm ci` fails on optional packages of other platforms, npm 10's does not.
fn install() -> Result<()> {
    let web = root().join("web");
    let done = web.join("node_modules/.package-lock.json");
    if newer(&done, &web.join("package-lock.json")) {
        return Ok(());
    }
    if which("npx").is_none() {
        bail!("npm is missing: install Node.js 20 or newer");
    }
    check(command("npx").current_dir(&web).args(["--yes", "npm@10", "ci", "--no-audit", "--no-fund"]))
}

fn npm() -> Command {
    let mut npm = command("npm");
    npm.current_dir(root().join("web"));
    npm
}

fn newer(this: &Path, that: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    matches!((time(this), time(that)), (Some(this), Some(that)) if this >= that)
}
