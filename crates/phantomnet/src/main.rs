//! The PhantomNet node.
fn main() {}
