//! `cargo xtask coverage`: line coverage by crate.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::postgres::Cluster;
use crate::shell::{cargo, check, command, output, root};
use crate::{packages, web};

/// Crates that read no clock, file or socket: held to [`PURE_FLOOR`].
const PURE: [&str; 6] =
    ["phantom-core", "phantom-flow", "phantom-honeypot", "phantom-ssh", "phantom-detect", "phantom-respond"];
const PURE_FLOOR: f64 = 90.0;
const FLOOR: f64 = 85.0;

/// Runs every test instrumented, prints a table, and fails below the floors.
pub(crate) fn coverage(install: bool) -> Result<()> {
    packages::ensure(packages::TEST, install)?;
    web::build()?;
    if output(cargo().args(["llvm-cov", "--version"])).is_err() {
        if !install {
            bail!("cargo-llvm-cov is missing: cargo install cargo-llvm-cov --locked");
        }
        println!("installing cargo-llvm-cov");
        check(cargo().args(["install", "cargo-llvm-cov", "--locked"]))?;
    }
    check(command("rustup").args(["component", "add", "llvm-tools"]))?;
    let cluster = Cluster::start()?;
    let report = root().join("target/coverage.json");
    std::fs::create_dir_all(root().join("target"))?;
    open_to_all(&profiles()?)?;
    // The crash tests kill processes in the middle of writing their profile: one torn file must not cost the rest.
    check(
        cargo()
            .args(["llvm-cov", "test", "--failure-mode", "all"])
            .args(["--workspace", "--exclude", "xtask", "--exclude", "phantom-testkit"])
            .args(["--locked", "--json", "--summary-only", "--output-path"])
            .arg(&report)
            .env("PHANTOMNET_TEST_POSTGRES", cluster.url()),
    )?;
    let crates = by_crate(&std::fs::read(&report)?)?;
    let mut below = Vec::new();
    println!("{:<18} {:>7} {:>7} {:>7}", "crate", "lines", "covered", "%");
    let mut all = (0, 0);
    for (name, (lines, covered)) in &crates {
        all = (all.0 + lines, all.1 + covered);
        let share = percent(*lines, *covered);
        println!("{name:<18} {lines:>7} {covered:>7} {share:>7.1}");
        if PURE.contains(&name.as_str()) && share < PURE_FLOOR {
            below.push(format!("{name} {share:.1} < {PURE_FLOOR}"));
        }
    }
    let share = percent(all.0, all.1);
    println!("{:<18} {:>7} {:>7} {share:>7.1}", "all", all.0, all.1);
    if share < FLOOR {
        below.push(format!("all {share:.1} < {FLOOR}"));
    }
    if below.is_empty() { Ok(()) } else { bail!("below the floor: {}", below.join(", ")) }
}

/// Where cargo-llvm-cov has the profiles written.
fn profiles() -> Result<PathBuf> {
    let metadata = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(Path::new(target).join("llvm-cov-target"))
}

/// A node started as root runs its core as another user, which writes its profile too.
fn open_to_all(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

fn by_crate(report: &[u8]) -> Result<BTreeMap<String, (u64, u64)>> {
    let report: Value = serde_json::from_slice(report)?;
    let files = report["data"][0]["files"].as_array().context("llvm-cov's report lists no files")?;
    let mut crates = BTreeMap::new();
    for file in files {
        let path = file["filename"].as_str().unwrap_or_default();
        let Some((_, rest)) = path.split_once("/crates/") else { continue };
        let Some((name, inner)) = rest.split_once('/') else { continue };
        if !inner.starts_with("src/") {
            continue;
        }
        let lines = &file["summary"]["lines"];
        let entry: &mut (u64, u64) = crates.entry(name.to_owned()).or_default();
        entry.0 += lines["count"].as_u64().unwrap_or(0);
        entry.1 += lines["covered"].as_u64().unwrap_or(0);
    }
    Ok(crates)
}

fn percent(lines: u64, covered: u64) -> f64 {
    if lines == 0 { 100.0 } else { covered as f64 * 100.0 / lines as f64 }
}
