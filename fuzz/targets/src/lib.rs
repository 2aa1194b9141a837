//! What each fuzz target does with its bytes, and the replay of the committed seeds.
//!
//! A target's function takes any bytes and panics where something that must hold does not. `docs/fuzzing.md` says where
//! the seeds come from. The length of an input picks how it is cut where a target also checks that cutting changes
//! nothing, so that seeds stay plain.

mod evidence;
mod honeypot;
mod shell;
mod ssh;
mod transfer;
mod verdict;
mod wire;

/// One target: its name (also its folder of seeds) and what it does with hostile bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, one line each; `fuzz/fuzz_targets/NAME.rs` hands each to libFuzzer.
pub const TARGETS: &[Target] = &[
    ("batch", wire::batch),
    ("capture", wire::capture),
    ("engine", verdict::engine),
    ("event", evidence::event),
    ("frame", evidence::frame),
    ("ftp", honeypot::ftp),
    ("http", honeypot::http),
    ("journal", evidence::journal),
    ("packet", wire::packet),
    ("recording", evidence::recording),
    ("scp", transfer::scp),
    ("sftp", transfer::sftp),
    ("shell", shell::shell),
    ("ssh_connection", ssh::connection),
    ("ssh_parsers", ssh::parsers),
    ("ssh_payloads", ssh::payloads),
    ("table", wire::table),
];

/// Runs one target.
///
/// # Panics
/// When there is none of this name, or when the target finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run);
    target.unwrap_or_else(|| panic!("no target named {name}"))(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_seed_of_every_target_runs() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (name, run) in TARGETS {
            let seeds: Vec<_> = std::fs::read_dir(fuzz.join("seeds").join(name))
                .unwrap_or_else(|error| panic!("no seeds for {name}: {error}"))
                .map(|entry| entry.unwrap().path())
                .collect();
            assert!(!seeds.is_empty(), "no seeds for {name}");
            seeds.iter().for_each(|seed| run(&std::fs::read(seed).unwrap()));
        }
    }

    #[test]
    fn wrappers_manifest_and_registry_name_the_same_targets() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let wrappers: BTreeSet<String> = std::fs::read_dir(fuzz.join("fuzz_targets"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(wrappers, known);
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for name in &known {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name} is not in Cargo.toml"
            );
        }
    }
}
