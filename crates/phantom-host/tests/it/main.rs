//! Tests that need processes of their own: this binary re-executes itself as the child.

use libtest_mimic::Arguments;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), Vec::new()).exit();
}
