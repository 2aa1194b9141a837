//! Drives honeypot dialogues and capture inside the jail: accept, limits, timeouts, evidence before reply.
