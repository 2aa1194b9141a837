//! Tests that need processes of their own: this binary re-executes itself as the child.

mod jail;
mod wire;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(inherited) = phantom_sys::spawn::inherited(args).expect("inherited") {
        jail::child(inherited);
        return;
    }
    let mut tests: Vec<Trial> = jail::tests();
    tests.extend(wire::tests());
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}
