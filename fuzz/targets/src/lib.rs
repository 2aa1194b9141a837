//! What each fuzz target does with its bytes, and the replay of the committed seeds.

/// One target: its name (also its folder of seeds) and what it does with hostile bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, one line each; `fuzz/fuzz_targets/NAME.rs` hands each to libFuzzer.
pub const TARGETS: &[Target] = &[("event", event), ("frame", frame)];

/// A journal line, and the line made of what was read.
pub fn event(bytes: &[u8]) {
    if let Ok(event) = phantom_core::Event::from_json(bytes) {
        let again = phantom_core::Event::from_json(event.to_json().as_bytes());
        assert_eq!(again.ok(), Some(event), "an event that was read survives being written");
    }
}

/// A frame of any of the channels between processes.
pub fn frame(bytes: &[u8]) {
    use phantom_core::frame::{FromCore, FromSupervisor, ToCore, ToSupervisor, decode};
    let _ = decode::<ToCore>(bytes);
    let _ = decode::<FromCore>(bytes);
    let _ = decode::<ToSupervisor>(bytes);
    let _ = decode::<FromSupervisor>(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_seed_of_every_target_runs() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (name, run) in TARGETS {
            let wrapper = fuzz.join("fuzz_targets").join(format!("{name}.rs"));
            assert!(wrapper.is_file(), "no {}", wrapper.display());
            let seeds: Vec<_> = std::fs::read_dir(fuzz.join("seeds").join(name))
                .unwrap_or_else(|error| panic!("no seeds for {name}: {error}"))
                .map(|entry| entry.unwrap().path())
                .collect();
            assert!(!seeds.is_empty(), "no seeds for {name}");
            seeds.iter().for_each(|seed| run(&std::fs::read(seed).unwrap()));
        }
    }
}
