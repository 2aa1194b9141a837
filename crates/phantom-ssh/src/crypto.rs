//! The algorithms of a connection, each behind its SSH name.

pub(crate) mod cipher;
pub(crate) mod hash;
pub(crate) mod kex;
pub(crate) mod mac;
mod sntrup;
mod umac;
