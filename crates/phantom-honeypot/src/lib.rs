//! What the attacker talks to: one dialogue machine a protocol, the shell and the file system behind it.
