//! Makes a build notice a new dashboard. While there is none, the crate is built anew each time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../web/dist");
}
