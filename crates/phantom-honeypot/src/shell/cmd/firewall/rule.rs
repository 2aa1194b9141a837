//! One rule of iptables: what it matches, and what it does, in the words of `iptables -S`.

use std::net::IpAddr;

/// Something that may be asked for or excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Is<T> {
    pub(super) not: bool,
    pub(super) what: T,
}

/// A range of ports; of one port twice the same.
pub(super) type Ports = (u16, u16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// `-m tcp` or `-m udp`.
    Transport {
        name: &'static str,
        source: Option<Is<Ports>>,
        destination: Option<Is<Ports>>,
        /// Flags that are looked at, and those of them that are set.
        flags: Option<Is<(u8, u8)>>,
    },
    /// `-m icmp`: the type, 255 for any.
    Icmp(u8),
    /// `-m state` or `-m conntrack`: which, and the states.
    State(&'static str, Is<Vec<&'static str>>),
    /// `-m multiport`: `dports`, `sports` or `ports`.
    Multiport(&'static str, Is<Vec<Ports>>),
    Comment(String),
    /// A rate as it is shown, and the burst.
    Limit(String, u32),
    Mac(Is<String>),
    /// A module that nothing more is known of, and its words.
    Other(&'static str, Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// ACCEPT, DROP, RETURN, or a chain.
    Jump(String),
    Goto(String),
    Reject(String),
    /// Prefix and level.
    Log(String, u8),
    Redirect(String),
    /// SNAT or DNAT, and to where.
    Nat(&'static str, String),
    Masquerade,
    /// What takes no part here, with its options as they were given.
    Other(&'static str, Vec<String>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) source: Option<Is<(IpAddr, u8)>>,
    pub(super) destination: Option<Is<(IpAddr, u8)>>,
    pub(super) input: Option<Is<String>>,
    pub(super) output: Option<Is<String>>,
    pub(super) protocol: Option<Is<u8>>,
    pub(super) matches: Vec<Match>,
    pub(super) target: Option<Target>,
}

/// Protocols by number, as iptables names them.
pub(super) const PROTOCOLS: &[(u8, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (132, "sctp"),
    (136, "udplite"),
];

pub(super) fn protocol_name(number: u8) -> String {
    let known = PROTOCOLS.iter().find(|(n, _)| *n == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// Flags of TCP from the lowest bit.
pub(super) const FLAGS: [&str; 6] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

/// The names of flags, joined.
pub(super) fn flag_names(flags: u8) -> String {
    let set: Vec<&str> =
        FLAGS.iter().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "NONE".to_owned() } else { set.join(",") }
}

/// Levels of log messages, as they are listed.
pub(super) const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

pub(super) fn range((low, high): Ports) -> String {
    if low == high { low.to_string() } else { format!("{low}:{high}") }
}

pub(super) fn ranges(list: &[Ports]) -> String {
    list.iter().map(|ports| range(*ports)).collect::<Vec<_>>().join(",")
}

/// A word as it is typed again: in quotes where it must be.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:/+@%=*#".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn bang(not: bool) -> &'static str {
    if not { "! " } else { "" }
}

impl Rule {
    pub(super) fn leads_to(&self, chain: &str) -> bool {
        matches!(&self.target, Some(Target::Jump(name) | Target::Goto(name)) if name == chain)
    }

    /// The words behind `-A CHAIN`, each with a blank before it.
    pub(super) fn spec(&self) -> String {
        let mut text = String::new();
        for (letter, net) in [("-s", &self.source), ("-d", &self.destination)] {
            if let Some(Is { not, what: (ip, prefix) }) = net {
                text += &format!(" {}{letter} {ip}/{prefix}", bang(*not));
            }
        }
        for (letter, name) in [("-i", &self.input), ("-o", &self.output)] {
            if let Some(Is { not, what }) = name {
                text += &format!(" {}{letter} {what}", bang(*not));
            }
        }
        if let Some(Is { not, what }) = self.protocol {
            text += &format!(" {}-p {}", bang(not), protocol_name(what));
        }
        for part in &self.matches {
            text += &part.spec();
        }
        text + &self.target.as_ref().map_or(String::new(), Target::spec)
    }
}

impl Match {
    fn spec(&self) -> String {
        match self {
            Self::Transport { name, source, destination, flags } => {
                let mut text = format!(" -m {name}");
                for (word, ports) in [("--sport", source), ("--dport", destination)] {
                    if let Some(Is { not, what }) = ports {
                        text += &format!(" {}{word} {}", bang(*not), range(*what));
                    }
                }
                if let Some(Is { not, what: (mask, set) }) = flags {
                    text += &format!(" {}--tcp-flags {} {}", bang(*not), flag_names(*mask), flag_names(*set));
                }
                text
            }
            Self::Icmp(255) => " -m icmp --icmp-type any".to_owned(),
            Self::Icmp(kind) => format!(" -m icmp --icmp-type {kind}"),
            Self::State(module, Is { not, what }) => {
                let option = if *module == "state" { "--state" } else { "--ctstate" };
                format!(" -m {module} {}{option} {}", bang(*not), what.join(","))
            }
            Self::Multiport(which, Is { not, what }) => {
                format!(" -m multiport {}--{which} {}", bang(*not), ranges(what))
            }
            Self::Comment(text) => format!(" -m comment --comment {}", quoted(text)),
            Self::Limit(rate, 5) => format!(" -m limit --limit {rate}"),
            Self::Limit(rate, burst) => format!(" -m limit --limit {rate} --limit-burst {burst}"),
            Self::Mac(Is { not, what }) => format!(" -m mac {}--mac-source {what}", bang(*not)),
            Self::Other("string", words) => {
                let after = |name: &str| {
                    words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned()
                };
                let (text, kind) = (after("--string"), after("--algo"));
                format!(
                    " -m string --string \"{}\" --algo {}",
                    text.unwrap_or_default(),
                    kind.unwrap_or_default()
                )
            }
            Self::Other(module, words) => format!(" -m {module}{}", joined(words)),
        }
    }
}

fn joined(words: &[String]) -> String {
    words
        .iter()
        .map(|word| if word == "!" { " !".to_owned() } else { format!(" {}", quoted(word)) })
        .collect()
}

impl Target {
    /// Its name in a list.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Jump(name) | Self::Goto(name) => name,
            Self::Reject(_) => "REJECT",
            Self::Log(..) => "LOG",
            Self::Redirect(_) => "REDIRECT",
            Self::Masquerade => "MASQUERADE",
            Self::Nat(name, _) | Self::Other(name, _) => name,
        }
    }

    fn spec(&self) -> String {
        let rest = match self {
            Self::Goto(name) => return format!(" -g {name}"),
            Self::Reject(with) => format!(" --reject-with {with}"),
            Self::Log(prefix, level) => {
                let prefix = if prefix.is_empty() {
                    String::new()
                } else {
                    format!(" --log-prefix {}", quoted(prefix))
                };
                let level = if *level == 4 { String::new() } else { format!(" --log-level {level}") };
                prefix + &level
            }
            Self::Redirect(ports) if !ports.is_empty() => format!(" --to-ports {ports}"),
            Self::Nat("SNAT", to) => format!(" --to-source {to}"),
            Self::Nat(_, to) => format!(" --to-destination {to}"),
            Self::Other(_, words) => joined(words),
            Self::Jump(_) | Self::Redirect(_) | Self::Masquerade => String::new(),
        };
        format!(" -j {}{rest}", self.name())
    }
}
