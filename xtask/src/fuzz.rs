//! `cargo xtask fuzz`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::packages::{self, FUZZ};
use crate::shell::{cargo, check, command, output, root};

/// Fuzzes one target for a while; without a target, names them. Replaying the committed seeds is an ordinary
/// test of `fuzz/targets`.
pub(crate) fn fuzz(mut args: Vec<String>) -> Result<()> {
    let seconds = match args.iter().position(|arg| arg == "--seconds") {
        Some(at) => {
            let value = args.get(at + 1).context("--seconds needs a number")?.parse()?;
            args.drain(at..at + 2);
            value
        }
        None => 600,
    };
    match args.first() {
        Some(target) => one(target, seconds),
        None => {
            println!("{}", targets()?.join("\n"));
            Ok(())
        }
    }
}

/// Every target in turn, so many seconds each.
pub(crate) fn all(seconds: u64) -> Result<()> {
    targets()?.iter().try_for_each(|target| one(target, seconds))
}

fn one(target: &str, seconds: u64) -> Result<()> {
    if !targets()?.iter().any(|known| known == target) {
        bail!("no such fuzz target: {target}; there are {}", targets()?.join(", "));
    }
    packages::ensure(FUZZ, true)?;
    if output(cargo().args(["fuzz", "--version"])).is_err() {
        check(cargo().args(["install", "cargo-fuzz", "--locked"]))?;
    }
    let corpus = root().join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&corpus)?;
    println!("fuzzing {target} for {seconds} s");
    // The sanitizers are behind nightly flags; RUSTC_BOOTSTRAP lets the pinned toolchain take them.
    check(
        command("cargo")
            .env("RUSTC_BOOTSTRAP", "1")
            // What the sanitizer keeps of freed memory would count against the limit, which is for what is held.
            .env("ASAN_OPTIONS", "quarantine_size_mb=16")
            .args(["fuzz", "run", "--fuzz-dir", "fuzz", target])
            .arg(&corpus)
            .arg(root().join("fuzz/seeds").join(target))
            .args(["--", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}")),
    )
}

fn targets() -> Result<Vec<String>> {
    let dir: PathBuf = root().join("fuzz/fuzz_targets");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .with_context(|| format!("no fuzz targets in {}", dir.display()))?
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
