//! `cargo xtask bench`.

use anyhow::Result;

use crate::packages;
use crate::shell::{cargo, check, command};

/// Runs the side-by-side benches; the peers come from PyPI and Debian.
pub(crate) fn bench(install: bool, name: Option<&str>) -> Result<()> {
    packages::ensure(packages::TEST, install)?;
    packages::ensure(packages::BENCH, install)?;
    check(cargo().args(["build", "--release", "-p", "phantomnet"]))?;
    check(command("python3").arg("bench/run.py").args(name))
}
