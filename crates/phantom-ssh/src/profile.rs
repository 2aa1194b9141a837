//! What a particular server version says about itself, as data.

/// The face of one server version: its greeting, its KEXINIT lists in order and the contents of EXT_INFO.
/// Everything listed must be implemented: what is offered has to complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The identification string without its line end.
    pub banner: String,
    /// Key exchange methods.
    pub kex: Vec<&'static str>,
    /// Host key signature algorithms; those without a key are left out when offered.
    pub host_keys: Vec<&'static str>,
    /// Ciphers, both ways.
    pub ciphers: Vec<&'static str>,
    /// MACs, both ways.
    pub macs: Vec<&'static str>,
    /// Compression, both ways.
    pub compression: Vec<&'static str>,
    /// Name and value of each extension announced after the first key exchange (RFC 8308).
    pub extensions: Vec<(&'static str, &'static str)>,
}

impl Profile {
    /// OpenSSH 9.2p1 as Debian 12 ships it (measured on 1:9.2p1-2+deb12u10); its hasshServer is
    /// `425d29fe50d8e4f5e37efb6e24bcf660`.
    pub fn openssh_9_2_debian_12() -> Self {
        Self {
            banner: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10".into(),
            kex: vec![
                "sntrup761x25519-sha512",
                "sntrup761x25519-sha512@openssh.com",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
                "diffie-hellman-group-exchange-sha256",
                "diffie-hellman-group16-sha512",
                "diffie-hellman-group18-sha512",
                "diffie-hellman-group14-sha256",
                "kex-strict-s-v00@openssh.com",
            ],
            host_keys: vec!["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
            ciphers: vec![
                "chacha20-poly1305@openssh.com",
                "aes128-ctr",
                "aes192-ctr",
                "aes256-ctr",
                "aes128-gcm@openssh.com",
                "aes256-gcm@openssh.com",
            ],
            macs: vec![
                "umac-64-etm@openssh.com",
                "umac-128-etm@openssh.com",
                "hmac-sha2-256-etm@openssh.com",
                "hmac-sha2-512-etm@openssh.com",
                "hmac-sha1-etm@openssh.com",
                "umac-64@openssh.com",
                "umac-128@openssh.com",
                "hmac-sha2-256",
                "hmac-sha2-512",
                "hmac-sha1",
            ],
            compression: vec!["none", "zlib@openssh.com"],
            extensions: vec![
                (
                    "server-sig-algs",
                    "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,\
                     ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,\
                     webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,ssh-rsa,rsa-sha2-256,rsa-sha2-512",
                ),
                ("publickey-hostbound@openssh.com", "0"),
            ],
        }
    }
}
