//! Tests that need processes of their own: this binary re-executes itself as the child.

mod bait;
mod capture;
mod honeypot;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(inherited) = phantom_sys::spawn::inherited(args).expect("inherited") {
        world::child(inherited);
        return;
    }
    let mut tests: Vec<Trial> = honeypot::tests();
    tests.extend(capture::tests());
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}
