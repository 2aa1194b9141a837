//! `cargo xtask transcripts`: what Debian's own programs say, written again into the tests that hold ours to it.
//!
//! A transcript is lines of `$ COMMAND`, each with what both streams say behind it and `= STATUS` if it is not 0;
//! `- COMMAND` is run and not looked at, `! NAME` begins another visit in a root as it was. To add to one, write the
//! commands alone and run this.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::debian::{self, Step};
use crate::shell::{is_root, root};

const FILES: [&str; 2] = [
    "crates/phantom-honeypot/tests/it/machine/accounts.txt",
    "crates/phantom-honeypot/tests/it/machine/daily.txt",
];

/// Name and users of the machine, as many as the persona of the tests has.
const FACTS: &str = "vm.example.net\none 1000\ntwo 1001";

struct Visit<'a> {
    name: &'a str,
    /// Whether a command is looked at, and the command.
    steps: Vec<(bool, &'a str)>,
}

pub(crate) fn write() -> Result<()> {
    if !is_root() {
        bail!("the programs run in a root of Debian 12 that is mounted and entered: run it as root");
    }
    let place = debian::bootstrap()?;
    for file in FILES {
        let path = root().join(file);
        let old = fs::read_to_string(&path)?;
        let (head, visits) = parse(&old).with_context(|| format!("{file}: not a transcript"))?;
        let mut new = format!("{head}\n");
        for visit in visits {
            let steps: Vec<Step<'_>> = visit.steps.iter().map(|(_, text)| Step::exact(text)).collect();
            let input = debian::program(&steps);
            let said = debian::results(&debian::run_real(&place, FACTS, &input)?);
            _ = writeln!(new, "! {}", visit.name);
            for (number, (looked_at, text)) in visit.steps.iter().enumerate() {
                let (output, status) =
                    said.get(&number).with_context(|| format!("{file}: no end of: {text}"))?;
                _ = writeln!(new, "{} {text}", if *looked_at { '$' } else { '-' });
                let output = output.trim_end_matches('\n');
                if *looked_at && !output.is_empty() {
                    _ = writeln!(new, "{output}");
                }
                if *looked_at && status != "0" {
                    _ = writeln!(new, "= {status}");
                }
            }
        }
        let changed = new.lines().filter(|line| !old.lines().any(|known| known == *line)).count();
        println!("{file}: {changed} lines are new");
        fs::write(&path, new)?;
    }
    Ok(())
}

fn parse(text: &str) -> Option<(&str, Vec<Visit<'_>>)> {
    let (head, rest) = text.split_once('\n')?;
    let mut visits: Vec<Visit<'_>> = Vec::new();
    for line in rest.lines() {
        if let Some(name) = line.strip_prefix("! ") {
            visits.push(Visit { name, steps: Vec::new() });
        } else if let Some(command) = line.strip_prefix("$ ") {
            visits.last_mut()?.steps.push((true, command));
        } else if let Some(command) = line.strip_prefix("- ") {
            visits.last_mut()?.steps.push((false, command));
        }
    }
    Some((head, visits))
}
