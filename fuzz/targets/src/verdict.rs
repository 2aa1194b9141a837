//! From evidence to blocks: a journal or a wire batch written by an enemy.

use std::sync::Arc;

use ipnet::IpNet;
use phantom_core::Event;
use phantom_detect::{Engine, Input, Settings};
use phantom_flow::wire;
use phantom_respond::{Ledger, Mode, Policy};

/// An encoded wire batch, or else journal lines, through all detectors: how the observations are batched changes no
/// verdict, a restart in between does not panic, and no verdict of any origin blocks a protected address.
pub(crate) fn engine(bytes: &[u8]) {
    let inputs: Vec<Input> = match wire::decode(bytes) {
        Ok(batch) => batch.notices.into_iter().map(Input::Wire).collect(),
        Err(_) => bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| Event::from_json(line).ok())
            .map(|event| Input::Event(Arc::new(event)))
            .collect(),
    };
    let new = || Engine::new(Settings::default(), "fuzz".into());
    let mut whole = new();
    let verdicts = whole.step(&inputs);
    let mut single = new();
    let one_by_one: Vec<Event> =
        inputs.iter().flat_map(|input| single.step(std::slice::from_ref(input))).collect();
    assert_eq!(verdicts, one_by_one, "batching changes no verdict");
    assert_eq!(whole.sources(), single.sources());
    for source in whole.sources() {
        assert!((0.0..=100.0).contains(&source.value), "{source:?}");
    }
    let mut restored = new();
    restored.restore(&inputs);
    restored.restored();
    ledger(&inputs, &verdicts);
}

fn ledger(inputs: &[Input], verdicts: &[Event]) {
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let protected = policy.never_block.clone();
    let mut ledger = Ledger::new(policy.clone(), "fuzz".into()).expect("the default policy");
    let mut after_restart = Ledger::new(policy, "fuzz".into()).expect("the default policy");
    let given = inputs.iter().filter_map(|input| match input {
        Input::Event(event) => Some(&**event),
        Input::Wire(_) => None,
    });
    for event in given.chain(verdicts) {
        for decision in ledger.decide(event, event.at) {
            after_restart.restore(&decision.event);
        }
        after_restart.restore(event);
    }
    for block in ledger.blocks().chain(after_restart.blocks()) {
        let overlap = |net: &IpNet| block.target.contains(net) || net.contains(&block.target);
        assert!(!protected.iter().any(overlap), "{} is protected", block.target);
    }
}
