//! The HTTP API, live stream, authentication and the embedded dashboard.
