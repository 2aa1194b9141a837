//! Packet bytes to headers to flows, and reading of capture files.
