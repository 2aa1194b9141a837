//! The API as a client meets it: a real store, a real listener, a real HTTP client.

mod access;
mod document;
mod limits;
mod live;
mod paths;
mod schema;
#[path = "../../examples/seed/mod.rs"]
mod seed;
mod world;
