//! What a peer did, in the order it did it.

/// Something the peer did. [`Event::Auth`] and [`Event::Start`] stop all processing until they are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The client's identification string, without its line end.
    ClientVersion(Vec<u8>),
    /// The client's algorithm proposal.
    ClientKexInit {
        /// HASSH: lower-case hexadecimal MD5 of `algorithms`.
        hassh: String,
        /// Key exchange, encryption, MAC and compression lists towards the server, joined by `;`.
        algorithms: Vec<u8>,
    },
    /// Credentials, to be answered by [`crate::Server::auth_reply`].
    Auth(AuthAttempt),
    /// A session channel was opened.
    Opened {
        /// Our number of the channel, as in all that follows.
        channel: u32,
    },
    /// An environment variable; it was accepted if OpenSSH with Debian's `AcceptEnv LANG LC_*` would.
    Env {
        /// The channel.
        channel: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
        /// What the peer was told.
        accepted: bool,
    },
    /// A terminal was asked for and granted.
    Pty {
        /// The channel.
        channel: u32,
        /// `TERM`.
        term: Vec<u8>,
        /// Its size.
        size: Size,
    },
    /// The terminal's size changed.
    Resize {
        /// The channel.
        channel: u32,
        /// Its new size.
        size: Size,
    },
    /// A program was asked for, to be answered by [`crate::Server::start_reply`].
    Start {
        /// The channel.
        channel: u32,
        /// Which.
        program: Program,
    },
    /// Input for the program.
    Data {
        /// The channel.
        channel: u32,
        /// At least one byte.
        bytes: Vec<u8>,
    },
    /// The program's input has ended.
    Eof {
        /// The channel.
        channel: u32,
    },
    /// A signal for the program, without `SIG`.
    Signal {
        /// The channel.
        channel: u32,
        /// `TERM`, `INT`, ...
        name: Vec<u8>,
    },
    /// The channel is gone, closed by both sides or with the connection.
    Closed {
        /// The channel.
        channel: u32,
    },
    /// A connection through us was asked for (`direct-tcpip`); it was answered as OpenSSH answers when the
    /// target does not: `Connect failed`.
    Forward {
        /// Where to.
        host: Vec<u8>,
        /// Where to.
        port: u32,
    },
    /// A listener here was asked for (`tcpip-forward`) and granted, as OpenSSH does; nothing ever comes in.
    Listen {
        /// The address to listen on.
        address: Vec<u8>,
        /// The port granted.
        port: u32,
    },
    /// Something a well-behaved client does not do.
    Oddity {
        /// Stable snake_case name.
        name: &'static str,
        /// What it was about, at most 1 KiB.
        value: Vec<u8>,
    },
    /// The peer said good-bye.
    Disconnected {
        /// RFC 4253 section 11.1; 11 is `by application`.
        reason: u32,
        /// In its words.
        text: Vec<u8>,
    },
}

/// Size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub columns: u32,
    /// Height.
    pub rows: u32,
}

/// What runs in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The login shell.
    Shell,
    /// A command line.
    Exec(Vec<u8>),
    /// A subsystem such as `sftp`.
    Subsystem(Vec<u8>),
}

/// One try to prove who the peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthAttempt {
    /// The user.
    pub user: Vec<u8>,
    /// How.
    pub credential: Credential,
}

/// What was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `none`: clients ask this way what is allowed.
    None,
    /// `password`.
    Password(Vec<u8>),
    /// The answer to `keyboard-interactive`'s `Password: `.
    KeyboardInteractive(Vec<u8>),
    /// A public key that the peer claims to have. Accepting means: prove it.
    KeyOffered {
        /// As named in the request.
        algorithm: Vec<u8>,
        /// `SHA256:...`.
        fingerprint: String,
    },
    /// A public key with a signature that was verified.
    KeyProved {
        /// As named in the request.
        algorithm: Vec<u8>,
        /// `SHA256:...`.
        fingerprint: String,
    },
}
