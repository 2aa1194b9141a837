//! `iptables -L`: a rule a line.

use std::net::IpAddr;

use super::parse::icmp_name;
use super::rule::{Is, LEVELS, Match, Ports, Rule, Target, flag_names, protocol_name};
use super::state::{Table, built_in};

/// How it is to be listed.
pub(super) struct Look<'a> {
    pub(super) six: bool,
    pub(super) numeric: bool,
    pub(super) verbose: bool,
    pub(super) exact: bool,
    pub(super) numbered: bool,
    /// Text of /etc/services.
    pub(super) services: &'a str,
}

/// The names of a table's chains as they are listed: its own in their order, others by name.
pub(super) fn order(table: &str, made: Option<&Table>) -> Vec<String> {
    let own = built_in(table).unwrap_or(&[]);
    let mut others: Vec<String> = made
        .iter()
        .flat_map(|table| &table.chains)
        .filter(|chain| chain.policy.is_none())
        .map(|chain| chain.name.clone())
        .collect();
    others.sort();
    own.iter().map(|name| (*name).to_owned()).chain(others).collect()
}

impl Look<'_> {
    /// A chain; of a number, that rule alone.
    pub(super) fn chain(&self, table: Option<&Table>, name: &str, number: Option<usize>) -> String {
        let chain = table.and_then(|table| table.chain(name));
        let rules: Vec<&Rule> = chain.iter().flat_map(|chain| chain.rules()).collect();
        if let Some(number) = number {
            let found = number.checked_sub(1).and_then(|at| rules.get(at));
            return found.map_or(String::new(), |rule| self.rule(rule, number));
        }
        let ours = chain.is_some_and(|chain| chain.policy.is_none());
        let head = if ours {
            format!("({} references)", table.map_or(0, |table| table.references(name)))
        } else {
            let policy = chain.and_then(|chain| chain.policy.as_deref()).unwrap_or("ACCEPT");
            let counts = if self.verbose { " 0 packets, 0 bytes" } else { "" };
            format!("(policy {policy}{counts})")
        };
        let mut text = format!("Chain {name} {head}\n");
        if self.numbered {
            text += "num  ";
        }
        text += match (self.verbose, self.exact) {
            (true, true) => {
                "    pkts      bytes target     prot opt in     out     source               destination         \n"
            }
            (true, false) => {
                " pkts bytes target     prot opt in     out     source               destination         \n"
            }
            _ => "target     prot opt source               destination         \n",
        };
        for (at, rule) in rules.iter().enumerate() {
            text += &self.rule(rule, at + 1);
        }
        text
    }

    fn rule(&self, rule: &Rule, number: usize) -> String {
        let mut text = if self.numbered { format!("{number:<4} ") } else { String::new() };
        if self.verbose {
            text += if self.exact { "       0        0 " } else { "    0     0 " };
        }
        let target = rule.target.as_ref().map_or("", Target::name);
        let (not, protocol) = match &rule.protocol {
            Some(Is { not, what }) if self.numeric => (*not, what.to_string()),
            Some(Is { not, what }) => (*not, protocol_name(*what)),
            None if self.numeric => (false, "0".to_owned()),
            None => (false, "all".to_owned()),
        };
        text += &format!("{target:<9} {}{protocol:<4} -- ", if not { '!' } else { ' ' });
        if self.verbose {
            let any = if self.numeric { "*" } else { "any" };
            let side = |side: &Option<Is<String>>| {
                let name = side.as_ref().map_or(any.to_owned(), |is| format!("{}{}", bang(is.not), is.what));
                format!("{name:<6} ")
            };
            text += &format!(" {}{}", side(&rule.input), side(&rule.output));
        }
        text += &self.net(&rule.source);
        text += &self.net(&rule.destination);
        if matches!(rule.target, Some(Target::Goto(_))) {
            text += "[goto] ";
        }
        let extras: Vec<String> =
            rule.matches.iter().map(|part| self.extra(part)).filter(|e| !e.is_empty()).collect();
        for extra in extras.iter().chain(&rule.target.as_ref().and_then(|target| self.told(target))) {
            text += &format!(" {extra}");
        }
        text + "\n"
    }

    /// A column of addresses, `!` in the blank before it.
    fn net(&self, net: &Option<Is<(IpAddr, u8)>>) -> String {
        let (not, text) = match net {
            None if !self.numeric => (false, "anywhere".to_owned()),
            None if self.six => (false, "::/0".to_owned()),
            None => (false, "0.0.0.0/0".to_owned()),
            Some(Is { not, what: (ip, prefix) }) => {
                let whole = if self.six { 128 } else { 32 };
                (*not, if *prefix == whole { ip.to_string() } else { format!("{ip}/{prefix}") })
            }
        };
        format!("{}{text:<20}", if not { '!' } else { ' ' })
    }

    fn port(&self, port: u16, transport: &str) -> String {
        let named = || {
            self.services.lines().find_map(|line| {
                let mut parts = line.split_whitespace();
                let name = parts.next()?;
                (parts.next()? == format!("{port}/{transport}")).then(|| name.to_owned())
            })
        };
        if self.numeric { None } else { named() }.unwrap_or_else(|| port.to_string())
    }

    fn ports(&self, what: &str, ports: &Option<Is<Ports>>, transport: &str) -> String {
        let Some(Is { not, what: (low, high) }) = ports else { return String::new() };
        let not = bang(*not);
        if low == high {
            format!(" {what}:{not}{}", self.port(*low, transport))
        } else {
            format!(" {what}s:{not}{}:{}", self.port(*low, transport), self.port(*high, transport))
        }
    }

    fn extra(&self, part: &Match) -> String {
        match part {
            Match::Transport { name, source, destination, flags } => {
                let mut text = (*name).to_owned();
                text += &self.ports("spt", source, name);
                text += &self.ports("dpt", destination, name);
                if let Some(Is { not, what: (mask, set) }) = flags {
                    text += &if self.numeric {
                        format!(" flags:{}{mask:#04X}/{set:#04X}", bang(*not)).replace("0X", "0x")
                    } else {
                        format!(" flags:{}{}/{}", bang(*not), flag_names(*mask), flag_names(*set))
                    };
                }
                text
            }
            Match::Icmp(kind) if self.numeric => format!("icmptype {kind}"),
            Match::Icmp(kind) => match icmp_name(*kind) {
                Some(name) => format!("icmp {name}"),
                None => format!("icmp type {kind}"),
            },
            Match::State(module, Is { not, what }) => {
                let word = if *module == "state" { "state" } else { "ctstate" };
                format!("{}{word} {}", if *not { "! " } else { "" }, what.join(","))
            }
            Match::Multiport(which, Is { not, what }) => {
                let all: Vec<String> = what
                    .iter()
                    .map(
                        |(low, high)| {
                            if low == high { self.port(*low, "tcp") } else { format!("{low}:{high}") }
                        },
                    )
                    .collect();
                format!("multiport {which} {}{}", if *not { " !" } else { "" }, all.join(","))
            }
            Match::Comment(text) => format!("/* {text} */"),
            Match::Limit(rate, burst) => format!("limit: avg {rate} burst {burst}"),
            Match::Mac(Is { not, what }) => {
                format!("MAC {}{}", if *not { "! " } else { "" }, what.to_uppercase())
            }
            Match::Other("string", words) => {
                let after =
                    |name: &str| words.iter().position(|w| w == name).and_then(|at| words.get(at + 1));
                let (pattern, kind) = (after("--string"), after("--algo"));
                let empty = String::new();
                format!(
                    "STRING match  \"{}\" ALGO name {}",
                    pattern.unwrap_or(&empty),
                    kind.unwrap_or(&empty)
                )
            }
            Match::Other("owner", words) => match words.as_slice() {
                [_, uid] => format!("owner UID match {uid}"),
                _ => String::new(),
            },
            Match::Other("iprange", words) => match words.as_slice() {
                [option, range] if option == "--src-range" => format!("source IP range {range}"),
                [_, range] => format!("destination IP range {range}"),
                _ => String::new(),
            },
            Match::Other(..) => String::new(),
        }
    }

    fn told(&self, target: &Target) -> Option<String> {
        Some(match target {
            Target::Reject(with) => format!("reject-with {with}"),
            Target::Log(prefix, level) => {
                let prefix = if prefix.is_empty() { String::new() } else { format!(" prefix \"{prefix}\"") };
                if self.numeric {
                    format!("LOG flags 0 level {level}{prefix}")
                } else {
                    format!("LOG level {}{prefix}", LEVELS.get(usize::from(*level)).unwrap_or(&"warn"))
                }
            }
            Target::Redirect(ports) if !ports.is_empty() => format!("redir ports {ports}"),
            Target::Nat(_, to) => format!("to:{to}"),
            Target::Other("TCPMSS", _) => "TCPMSS clamp to PMTU".to_owned(),
            _ => return None,
        })
    }
}

fn bang(not: bool) -> &'static str {
    if not { "!" } else { "" }
}
