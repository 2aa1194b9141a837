//! The command line of iptables 1.8.9, and why it is refused.

use std::net::IpAddr;

use super::rule::{Is, Match, PROTOCOLS, Ports, Rule};
use super::words::{flags, shown_rate, states};

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// `A`, `D` and so on; none was given if empty.
    pub(super) verb: String,
    pub(super) table: String,
    pub(super) chain: Option<String>,
    /// The other name of `-E`, the policy of `-P`.
    pub(super) second: Option<String>,
    pub(super) number: Option<usize>,
    /// One rule for each pair of addresses.
    pub(super) rules: Vec<Rule>,
    pub(super) numeric: bool,
    pub(super) verbose: bool,
    pub(super) exact: bool,
    pub(super) numbered: bool,
}

/// Why a line is refused: text behind `iptables v1.8.9 (nf_tables): `, or whole if it is no usage error.
pub(super) type Refusal = String;

/// Long options, the letter they stand for, or the module's option of another name.
const LONGS: &[(&str, &str)] = &[
    ("append", "A"),
    ("check", "C"),
    ("delete", "D"),
    ("delete-chain", "X"),
    ("destination", "d"),
    ("destination-port", "dport"),
    ("destination-ports", "dports"),
    ("dst", "d"),
    ("exact", "x"),
    ("flush", "F"),
    ("goto", "g"),
    ("in-interface", "i"),
    ("insert", "I"),
    ("jump", "j"),
    ("line-numbers", "0"),
    ("list", "L"),
    ("list-rules", "S"),
    ("match", "m"),
    ("new-chain", "N"),
    ("numeric", "n"),
    ("out-interface", "o"),
    ("policy", "P"),
    ("proto", "p"),
    ("protocol", "p"),
    ("rename-chain", "E"),
    ("replace", "R"),
    ("source", "s"),
    ("source-port", "sport"),
    ("source-ports", "sports"),
    ("src", "s"),
    ("table", "t"),
    ("verbose", "v"),
    ("wait", "w"),
    ("zero", "Z"),
];

const VERBS: &str = "ACDEFILNPRSXZ";
/// Letters whose value is needed.
const VALUED: &str = "ACDEINPRdgijmopst";

/// Modules beyond those that are understood, with the beginnings of their options' names.
const OTHERS: &[(&str, &[&str])] = &[
    ("addrtype", &["src-type", "dst-type", "limit-iface"]),
    ("connlimit", &["connlimit-"]),
    ("hashlimit", &["hashlimit-"]),
    ("iprange", &["src-range", "dst-range"]),
    ("length", &["length"]),
    ("mark", &["mark"]),
    ("owner", &["uid-owner", "gid-owner", "socket-exists"]),
    ("pkttype", &["pkt-type"]),
    (
        "recent",
        &["set", "rcheck", "update", "remove", "seconds", "hitcount", "rttl", "name", "rsource", "rdest"],
    ),
    ("set", &["match-set"]),
    ("string", &["string", "hex-string", "algo", "from", "to", "icase"]),
    ("time", &["timestart", "timestop", "weekdays", "datestart", "datestop"]),
    ("ttl", &["ttl-"]),
];

/// Flags of options that take no value.
const BARE: &[&str] = &[
    "set",
    "rcheck",
    "update",
    "remove",
    "rttl",
    "rsource",
    "rdest",
    "icase",
    "save-mark",
    "restore-mark",
    "clamp-mss-to-pmtu",
    "notrack",
    "socket-exists",
    "connlimit-saddr",
    "connlimit-daddr",
    "limit-iface-in",
];

/// Types of ICMP messages that have names.
const ICMP: &[(&str, u8)] = &[
    ("any", 255),
    ("echo-reply", 0),
    ("pong", 0),
    ("destination-unreachable", 3),
    ("redirect", 5),
    ("echo-request", 8),
    ("ping", 8),
    ("time-exceeded", 11),
    ("ttl-exceeded", 11),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
];

/// The name of a type, if it has one.
pub(super) fn icmp_name(kind: u8) -> Option<&'static str> {
    ICMP.iter().find(|(_, n)| *n == kind).map(|(name, _)| *name)
}

pub(super) struct Parser<'a> {
    pub(super) six: bool,
    /// Text of /etc/services.
    pub(super) services: &'a str,
    /// Text of /etc/passwd.
    pub(super) users: &'a str,
}

/// A line as it is read.
#[derive(Default)]
struct Line {
    request: Request,
    rule: Rule,
    sources: Vec<Is<(IpAddr, u8)>>,
    destinations: Vec<Is<(IpAddr, u8)>>,
    modules: Vec<String>,
    target: Option<(String, bool)>,
    /// Options of the target, and a word each whether it was one of them.
    words: Vec<(String, Vec<String>)>,
    not: bool,
}

impl Parser<'_> {
    pub(super) fn parse(&self, words: &[String]) -> Result<Request, Refusal> {
        let mut line =
            Line { request: Request { table: "filter".to_owned(), ..Request::default() }, ..Line::default() };
        let mut at = 0;
        while let Some(word) = words.get(at) {
            at += 1;
            if word == "!" {
                line.not = true;
                continue;
            }
            if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
                let (name, inline) =
                    long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
                let exact = LONGS.iter().find(|(full, _)| *full == name);
                let short =
                    exact.or_else(|| LONGS.iter().find(|(full, _)| full.starts_with(name) && name.len() > 2));
                match short {
                    Some((_, letter)) if letter.len() == 1 => {
                        self.letter(&mut line, letter, inline, word, words, &mut at)?;
                    }
                    _ => {
                        let name = short.map_or(name, |(_, other)| *other);
                        self.option(&mut line, name, word, words, &mut at)?;
                    }
                }
            } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                let mut rest = cluster;
                while let Some(letter) = rest.get(..1) {
                    rest = rest.get(1..).unwrap_or("");
                    let takes = VALUED.contains(letter) || (VERBS.contains(letter) && !rest.is_empty());
                    let inline =
                        (takes && !rest.is_empty() && VALUED.contains(letter)).then(|| rest.to_owned());
                    if inline.is_some() {
                        rest = "";
                    }
                    self.letter(&mut line, letter, inline, &format!("-{letter}"), words, &mut at)?;
                }
            } else {
                return Err(format!("Bad argument `{word}'\n"));
            }
        }
        self.finish(line)
    }

    /// An option of iptables itself.
    fn letter(
        &self,
        line: &mut Line,
        letter: &str,
        inline: Option<String>,
        word: &str,
        words: &[String],
        at: &mut usize,
    ) -> Result<(), Refusal> {
        let plain = |at: usize| words.get(at).filter(|word| !word.starts_with('-') && *word != "!").cloned();
        let mut value = String::new();
        if VALUED.contains(letter) {
            value = match inline {
                Some(value) => value,
                None => {
                    let value = words.get(*at).cloned();
                    *at += 1;
                    value.ok_or_else(|| format!("option \"{word}\" requires an argument"))?
                }
            };
        }
        let not = std::mem::take(&mut line.not);
        let once =
            |seen: bool| if seen { Err(format!("multiple -{letter} flags not allowed")) } else { Ok(()) };
        if VERBS.contains(letter) {
            let request = &mut line.request;
            if !request.verb.is_empty() {
                return Err(format!("Cannot use -{letter} with -{}", request.verb));
            }
            letter.clone_into(&mut request.verb);
            let mut take = || plain(*at).inspect(|_| *at += 1);
            request.chain = if VALUED.contains(letter) { Some(value) } else { take() };
            match letter {
                "E" | "P" => {
                    request.second = take();
                    if request.second.is_none() {
                        return Err(if letter == "P" {
                            "-P requires a chain and a policy".to_owned()
                        } else {
                            "-E requires old-chain-name and new-chain-name".to_owned()
                        });
                    }
                }
                "D" | "I" | "R" | "L" | "S" | "Z" if request.chain.is_some() => {
                    if let Some(number) = take() {
                        let parsed = number.parse().ok().filter(|n| *n > 0);
                        request.number =
                            Some(parsed.ok_or_else(|| format!("Invalid rule number `{number}'"))?);
                    }
                }
                _ => {}
            }
            return Ok(());
        }
        match letter {
            "t" => line.request.table = value,
            "n" => line.request.numeric = true,
            "v" => line.request.verbose = true,
            "x" => line.request.exact = true,
            "0" => line.request.numbered = true,
            "4" | "6" | "f" => {}
            "w" => {
                if plain(*at).is_some_and(|word| word.parse::<u32>().is_ok()) {
                    *at += 1;
                }
            }
            "c" => return Err("option \"-c\" requires an argument".to_owned()),
            "p" => {
                once(line.rule.protocol.is_some())?;
                let number = self.protocol(&value)?;
                line.rule.protocol = number.map(|what| Is { not, what });
            }
            "s" => {
                once(!line.sources.is_empty())?;
                line.sources = self.nets(&value, not)?;
            }
            "d" => {
                once(!line.destinations.is_empty())?;
                line.destinations = self.nets(&value, not)?;
            }
            "i" => line.rule.input = Some(Is { not, what: value }),
            "o" => line.rule.output = Some(Is { not, what: value }),
            "j" | "g" => {
                once(line.target.is_some())?;
                line.target = Some((value, letter == "g"));
            }
            "m" => self.module(line, &value)?,
            _ => return Err(format!("unknown option \"{word}\"")),
        }
        Ok(())
    }

    fn protocol(&self, word: &str) -> Result<Option<u8>, Refusal> {
        let name = word.to_lowercase();
        let name = if name == "icmpv6" || name == "icmp6" { "ipv6-icmp" } else { &name };
        if name == "all" || name == "0" {
            return Ok(None);
        }
        let known = PROTOCOLS.iter().find(|(_, known)| *known == name).map(|(n, _)| *n);
        let number = known.or_else(|| name.parse().ok());
        number.map(Some).ok_or_else(|| format!("unknown protocol \"{name}\" specified"))
    }

    fn nets(&self, list: &str, not: bool) -> Result<Vec<Is<(IpAddr, u8)>>, Refusal> {
        list.split(',').take(16).map(|word| Ok(Is { not, what: self.net(word)? })).collect()
    }

    fn net(&self, word: &str) -> Result<(IpAddr, u8), Refusal> {
        let (host, mask) = word.split_once('/').map_or((word, None), |(host, mask)| (host, Some(mask)));
        // `0/0` and the like leave bytes out.
        let filled = if !self.six
            && host.split('.').count() < 4
            && host.split('.').all(|part| part.parse::<u8>().is_ok())
        {
            let missing = 4 - host.split('.').count();
            format!("{host}{}", ".0".repeat(missing))
        } else {
            host.to_owned()
        };
        let ip = filled.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv6() == self.six);
        let ip = ip.ok_or_else(|| format!("host/network `{host}' not found"))?;
        let most = if self.six { 128 } else { 32 };
        let prefix = match mask {
            None => most,
            Some(mask) => {
                let dotted =
                    mask.parse::<std::net::Ipv4Addr>().ok().map(|mask| u32::from(mask).leading_ones());
                let length = dotted.or_else(|| mask.parse().ok()).filter(|n| *n <= most);
                length.ok_or_else(|| format!("invalid mask `{mask}' specified"))?
            }
        };
        let cut = match ip {
            IpAddr::V4(ip) => {
                IpAddr::V4((u32::from(ip) & u32::MAX.checked_shl(32 - prefix).unwrap_or(0)).into())
            }
            IpAddr::V6(ip) => {
                IpAddr::V6((u128::from(ip) & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)).into())
            }
        };
        Ok((cut, u8::try_from(prefix).unwrap_or(0)))
    }

    fn port(&self, word: &str) -> Result<u16, Refusal> {
        let named = || {
            self.services.lines().find_map(|line| {
                let mut parts = line.split_whitespace();
                let name = parts.next()?;
                let port = parts.next()?.split('/').next()?.parse().ok()?;
                (name == word || parts.take_while(|p| !p.starts_with('#')).any(|alias| alias == word))
                    .then_some(port)
            })
        };
        word.parse().ok().or_else(named).ok_or_else(|| format!("invalid port/service `{word}' specified"))
    }

    /// A user's number, given by name or number.
    fn uid(&self, word: &str) -> String {
        let named = self.users.lines().find_map(|line| {
            let mut parts = line.split(':');
            (parts.next()? == word).then(|| parts.nth(1)).flatten().map(str::to_owned)
        });
        named.unwrap_or_else(|| word.to_owned())
    }

    fn ports(&self, word: &str) -> Result<Ports, Refusal> {
        let Some((low, high)) = word.split_once(':') else { return self.port(word).map(|port| (port, port)) };
        let low = if low.is_empty() { 0 } else { self.port(low)? };
        let high = if high.is_empty() { u16::MAX } else { self.port(high)? };
        if low > high { Err("invalid portrange (min > max)".to_owned()) } else { Ok((low, high)) }
    }

    /// `-m NAME`.
    fn module(&self, line: &mut Line, name: &str) -> Result<(), Refusal> {
        let known = [
            "tcp",
            "udp",
            "icmp",
            "icmp6",
            "icmpv6",
            "state",
            "conntrack",
            "multiport",
            "comment",
            "limit",
            "mac",
        ];
        if !known.contains(&name) && !OTHERS.iter().any(|(other, _)| *other == name) {
            return Err(format!("Couldn't load match `{name}':No such file or directory\n"));
        }
        if name == "multiport"
            && !line.rule.protocol.as_ref().is_some_and(|p| [6, 17, 132, 136].contains(&p.what))
        {
            return Err("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'".to_owned());
        }
        line.modules.push(name.to_owned());
        match name {
            "tcp" | "udp" => {
                let name = if name == "tcp" { "tcp" } else { "udp" };
                let empty = Match::Transport { name, source: None, destination: None, flags: None };
                line.rule.matches.push(empty);
            }
            "limit" => line.rule.matches.push(Match::Limit("3/hour".to_owned(), 5)),
            other => {
                if let Some((name, _)) = OTHERS.iter().find(|(name, _)| *name == other) {
                    line.rule.matches.push(Match::Other(name, Vec::new()));
                }
            }
        }
        Ok(())
    }

    /// An option of a module or of the target.
    fn option(
        &self,
        line: &mut Line,
        name: &str,
        word: &str,
        words: &[String],
        at: &mut usize,
    ) -> Result<(), Refusal> {
        let unknown = || format!("unknown option \"{word}\"");
        let mut value = || {
            let value = words.get(*at).cloned();
            *at += 1;
            value.ok_or_else(|| format!("option \"{word}\" requires an argument"))
        };
        let not = std::mem::take(&mut line.not);
        let has = |line: &Line, name: &str| line.modules.iter().any(|module| module == name);
        match name {
            "sport" | "dport" | "tcp-flags" | "syn" => {
                let proto = line.rule.protocol.as_ref().filter(|p| !p.not).map(|p| p.what);
                let transport = match proto {
                    Some(6) => "tcp",
                    Some(17) => "udp",
                    _ => return Err(unknown()),
                };
                if !has(line, transport) {
                    self.module(line, transport)?;
                }
                let flag = match name {
                    "syn" => Some((0b01_0111, 0b00_0010)),
                    "tcp-flags" => {
                        let (mask, set) = (value()?, value()?);
                        Some((flags(&mask)?, flags(&set)?))
                    }
                    _ => None,
                };
                let ports = if flag.is_none() { Some(self.ports(&value()?)?) } else { None };
                let found = line.rule.matches.iter_mut().find_map(|part| match part {
                    Match::Transport { name, source, destination, flags } if *name == transport => {
                        Some((source, destination, flags))
                    }
                    _ => None,
                });
                let Some((source, destination, flags)) = found else { return Err(unknown()) };
                match (name, ports, flag) {
                    ("sport", Some(what), _) => *source = Some(Is { not, what }),
                    (_, Some(what), _) => *destination = Some(Is { not, what }),
                    (_, _, Some(what)) => *flags = Some(Is { not, what }),
                    _ => {}
                }
            }
            "icmp-type" | "icmpv6-type" => {
                if !line.rule.protocol.as_ref().is_some_and(|p| p.what == 1 || p.what == 58) {
                    return Err(unknown());
                }
                let text = value()?;
                let number = ICMP.iter().find(|(name, _)| *name == text).map(|(_, n)| *n);
                let number = number.or_else(|| text.split('/').next()?.parse().ok());
                let number = number.ok_or_else(|| format!("Unknown ICMP type `{text}'"))?;
                line.rule.matches.push(Match::Icmp(number));
            }
            "state" | "ctstate" => {
                let module = if name == "state" { "state" } else { "conntrack" };
                if !has(line, module) {
                    return Err(unknown());
                }
                line.rule.matches.push(Match::State(module, Is { not, what: states(&value()?)? }));
            }
            "dports" | "sports" | "ports" if has(line, "multiport") => {
                let which =
                    ["dports", "sports", "ports"].into_iter().find(|which| *which == name).unwrap_or("ports");
                let what =
                    value()?.split(',').take(15).map(|word| self.ports(word)).collect::<Result<_, _>>()?;
                line.rule.matches.push(Match::Multiport(which, Is { not, what }));
            }
            "comment" if has(line, "comment") => line.rule.matches.push(Match::Comment(value()?)),
            "mac-source" if has(line, "mac") => {
                line.rule.matches.push(Match::Mac(Is { not, what: value()?.to_lowercase() }));
            }
            "limit" | "limit-burst" if has(line, "limit") => {
                let text = value()?;
                if let Some(Match::Limit(rate, burst)) =
                    line.rule.matches.iter_mut().rev().find(|part| matches!(part, Match::Limit(..)))
                {
                    if name == "limit" {
                        *rate = shown_rate(&text).ok_or_else(|| format!("bad rate \"{text}\"'"))?;
                    } else {
                        *burst = text.parse().unwrap_or(5);
                    }
                }
            }
            _ => {
                let mut given = vec![word.to_owned()];
                if not {
                    given.insert(0, "!".to_owned());
                }
                let fits = |options: &[&str]| options.iter().any(|option| name.starts_with(option));
                let module = line.rule.matches.iter_mut().rev().find_map(|part| match part {
                    Match::Other(module, words) => OTHERS
                        .iter()
                        .any(|(other, options)| other == module && fits(options))
                        .then_some(words),
                    _ => None,
                });
                let of_module = module.is_some();
                if !of_module && line.target.is_none() {
                    return Err(unknown());
                }
                if !BARE.contains(&name) {
                    let text = value()?;
                    given.push(if name == "uid-owner" { self.uid(&text) } else { text });
                }
                match module {
                    Some(words) => words.extend(given),
                    None => line.words.push((name.to_owned(), given)),
                }
            }
        }
        Ok(())
    }

    fn finish(&self, mut line: Line) -> Result<Request, Refusal> {
        for module in &line.modules {
            let used = |name: &str| {
                line.rule.matches.iter().any(|part| matches!(part, Match::State(m, _) if *m == name))
            };
            if module == "state" && !used("state") {
                return Err("state: option \"--state\" must be specified\n".to_owned());
            }
        }
        let request = &mut line.request;
        for (chain, letter, side) in [("OUTPUT", 'i', &line.rule.input), ("INPUT", 'o', &line.rule.output)] {
            if request.chain.as_deref() == Some(chain) && side.is_some() {
                return Err(format!("Can't use -{letter} with {chain}\n"));
            }
        }
        if let Some((name, goto)) = line.target.take() {
            line.rule.target = Some(self.target(&name, goto, &line.words)?);
        }
        let none = |list: Vec<Is<(IpAddr, u8)>>| -> Vec<Option<Is<(IpAddr, u8)>>> {
            let all: Vec<_> = list.into_iter().map(|net| Some(net).filter(|net| net.what.1 > 0)).collect();
            if all.is_empty() { vec![None] } else { all }
        };
        let (sources, destinations) = (none(line.sources), none(line.destinations));
        for source in &sources {
            for destination in &destinations {
                let (source, destination) = (source.clone(), destination.clone());
                request.rules.push(Rule { source, destination, ..line.rule.clone() });
            }
        }
        Ok(line.request)
    }
}
