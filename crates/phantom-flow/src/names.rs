//! The closed sets of names a flow record may carry.

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// As it stands in `phantom_core::event::Flow`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// From that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

names!(
    /// An application protocol recognised by content.
    App {
        /// Secure shell: an identification string, RFC 4253 section 4.2.
        Ssh = "ssh",
        /// Hypertext transfer, version 1: RFC 9112.
        Http = "http",
        /// File transfer, control connection: RFC 959.
        Ftp = "ftp",
        /// A TLS handshake record: RFC 8446 section 5.1.
        Tls = "tls",
        /// Mail transfer: RFC 5321.
        Smtp = "smtp",
        /// Telnet option negotiation: RFC 854.
        Telnet = "telnet",
        /// Domain names: RFC 1035.
        Dns = "dns",
    }
);

names!(
    /// How a conversation went, in Zeek's names (`conn_state` of its `conn.log`).
    State {
        /// Attempt without an answer.
        S0 = "S0",
        /// Established, not ended.
        S1 = "S1",
        /// Established and ended in order; for UDP and ICMP: both sides spoke.
        Sf = "SF",
        /// Attempt refused.
        Rej = "REJ",
        /// Established; only the initiator has ended it.
        S2 = "S2",
        /// Established; only the responder has ended it.
        S3 = "S3",
        /// Reset by the initiator after an answer.
        Rsto = "RSTO",
        /// Reset by the responder.
        Rstr = "RSTR",
        /// SYN, then RST from the initiator, and no answer.
        Rstos0 = "RSTOS0",
        /// SYN-ACK, then RST from the responder, and no SYN seen.
        Rstrh = "RSTRH",
        /// SYN, then FIN from the initiator, and no answer.
        Sh = "SH",
        /// SYN-ACK, then FIN from the responder, and no SYN seen.
        Shr = "SHR",
        /// None of these: begun before the capture, or no connection at all.
        Oth = "OTH",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for app in [App::Ssh, App::Http, App::Ftp, App::Tls, App::Smtp, App::Telnet, App::Dns] {
            assert_eq!(App::parse(app.as_str()), Some(app));
        }
        for name in "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH".split(' ') {
            assert_eq!(State::parse(name).map(State::as_str), Some(name));
        }
        assert_eq!((App::parse("gopher"), State::parse("")), (None, None));
    }
}
