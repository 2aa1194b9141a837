//! The SSH server side as OpenSSH speaks it: bytes in, bytes out, randomness passed in.
