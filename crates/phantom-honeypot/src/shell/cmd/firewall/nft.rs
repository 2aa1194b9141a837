//! nft 1.0.6: the same rules in its own words, and what it changes itself.

use super::parse::icmp_name;
use super::rule::{Is, LEVELS, Match, Ports, Rule, Target, flag_names, protocol_name};
use super::state::{Chain, Entry, Filter, Table};
use crate::shell::cmd::{Ctx, Need, show};

pub(super) fn nft(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let has = |short: char, long: &str| {
        words.iter().any(|w| w == long || (w.starts_with('-') && !w.starts_with("--") && w.contains(short)))
    };
    if has('v', "--version") {
        ctx.print("nftables v1.0.6 (Lester Gooch #5)\n");
        return Ok(0);
    }
    let text = if has('f', "--file") {
        let name = plain.first().copied().unwrap_or("");
        match ctx.content(name.as_bytes())? {
            Ok(text) => show(&text),
            Err(errno) => {
                let text = format!("internal:0:0-0: Error: Could not open file \"{name}\": {errno}\n\n\n");
                ctx.err.extend(text.bytes());
                return Ok(1);
            }
        }
    } else if plain.is_empty() {
        ctx.err.extend(b"nft: no command specified\n");
        return Ok(1);
    } else {
        plain.join(" ")
    };
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend(b"Operation not permitted (you must be root)\n");
        ctx.err.extend(b"netlink: Error: cache initialization failed: Operation not permitted\n");
        return Ok(1);
    }
    let mut said = String::new();
    let result =
        commands(&text).iter().take(512).try_for_each(|line| run(&mut ctx.sh.live().filter, line, &mut said));
    ctx.print(&said);
    match result {
        Ok(()) => Ok(0),
        Err(text) => {
            ctx.err.extend(text.bytes());
            Ok(1)
        }
    }
}

/// The commands of a text: blocks are opened to `add` each, comments left out.
fn commands(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    // The table and the chain that are open.
    let mut open: Vec<String> = Vec::new();
    for line in text.lines().flat_map(statements) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_suffix('{').map(str::trim), open.as_slice()) {
            (Some(head), []) => {
                let table = head.trim_start_matches("add ").trim_start_matches("table ").to_owned();
                all.push(format!("add table {table}"));
                open.push(table);
            }
            (Some(head), [table]) => {
                let chain = head.trim_start_matches("chain ").to_owned();
                all.push(format!("add chain {table} {chain}"));
                open.push(chain);
            }
            _ if line == "}" => {
                open.pop();
            }
            (None, [table, chain]) if line.starts_with("type ") => {
                all.push(format!("add chain {table} {chain} {{ {line} ; }}"));
            }
            (None, [table, chain]) => all.push(format!("add rule {table} {chain} {line}")),
            (None, []) => all.push(line.to_owned()),
            _ => {}
        }
    }
    all
}

/// Parts of a line that `;` ends, braces not cut.
fn statements(line: &str) -> Vec<String> {
    let (mut parts, mut depth, mut part) = (Vec::new(), 0u32, String::new());
    for c in line.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ';' && depth == 0 && !part.trim_start().starts_with("type ") {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    parts.push(part);
    parts
}

/// `Error: …`, the line, and marks below the word that is wrong.
fn error(text: &str, line: &str, at: usize, length: usize) -> String {
    format!("Error: {text}\n{line}\n{}{}\n", " ".repeat(at), "^".repeat(length.max(1)))
}

fn missing(text: &str, line: &str, word: &str) -> String {
    error(
        &format!("{text}No such file or directory"),
        line,
        line.find(&format!(" {word}")).map_or(0, |n| n + 1),
        word.len(),
    )
}

const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

fn run(filter: &mut Filter, line: &str, said: &mut String) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (verb, object) = (words.first().copied().unwrap_or(""), words.get(1).copied());
    if !["list", "flush", "add", "create", "insert", "delete", "reset", "replace"].contains(&verb) {
        return Err(error("syntax error, unexpected newline, expecting string", line, line.len(), 1));
    }
    let Some(object) = object else {
        return Err(error("syntax error, unexpected newline", line, line.len(), 1));
    };
    let rest = words.get(2..).unwrap_or(&[]);
    // The family may be left out: ip.
    let (family, rest) = match rest.split_first() {
        Some((family, rest)) if FAMILIES.contains(family) => (*family, rest),
        _ => ("ip", rest),
    };
    let only = words.get(2).copied().filter(|word| FAMILIES.contains(word));
    match (verb, object, rest) {
        ("list", "ruleset" | "tables" | "chains" | "sets", _) => {
            for table in filter.tables.iter().filter(|table| only.is_none_or(|family| family == table.family))
            {
                *said += &match object {
                    "ruleset" => whole(table, None),
                    "tables" => format!("table {} {}\n", table.family, table.name),
                    "sets" => format!("table {} {} {{\n}}\n", table.family, table.name),
                    _ => chains(table),
                };
            }
            Ok(())
        }
        (_, "ruleset", _) => {
            filter.tables.clear();
            Ok(())
        }
        (_, "table", []) | (_, "chain" | "rule", [] | [_]) => {
            Err(error("syntax error, unexpected newline, expecting string", line, line.len(), 1))
        }
        ("add" | "create" | "insert", "table", [name, ..]) => {
            filter.make_table(family, name);
            Ok(())
        }
        (verb, _, [name, rest @ ..]) => {
            let before = if verb == "list" || object == "rule" { "" } else { "Could not process rule: " };
            let (family, name) = (family.to_owned(), (*name).to_owned());
            let room = filter.has_room();
            let Some(table) = filter.table_mut(&family, &name) else {
                return Err(missing(before, line, &name));
            };
            match (verb, object, rest) {
                ("list", "table", _) => *said += &whole(table, None),
                ("flush", "table", _) => table.chains.iter_mut().for_each(|chain| chain.rules.clear()),
                ("delete", "table", _) => filter.tables.retain(|t| t.family != family || t.name != name),
                ("add" | "create", "chain", [chain, body @ ..]) => {
                    let hook = body.join(" ").replace(['{', '}'], "");
                    let mut parts = hook.split(';').map(str::trim).filter(|part| !part.is_empty());
                    let hook = parts.next().unwrap_or("").replace("priority 0", "priority filter");
                    let policy = parts.find_map(|part| part.strip_prefix("policy ")).unwrap_or("accept");
                    let policy = (!hook.is_empty()).then(|| policy.to_uppercase());
                    match table.chains.iter_mut().find(|c| c.name == *chain) {
                        Some(found) if policy.is_some() => (found.hook, found.policy) = (hook, policy),
                        None if room => {
                            let name = (*chain).to_owned();
                            table.chains.push(Chain { name, policy, hook, rules: Vec::new() });
                        }
                        _ => {}
                    }
                }
                (_, _, [chain, body @ ..]) => {
                    let Some(at) = table.chains.iter().position(|c| c.name == *chain) else {
                        return Err(missing(before, line, chain));
                    };
                    match (verb, object) {
                        ("list", _) => *said += &whole(table, Some(*chain)),
                        ("delete", "chain") => {
                            table.chains.remove(at);
                        }
                        ("flush", _) => {
                            table.chains.get_mut(at).into_iter().for_each(|chain| chain.rules.clear());
                        }
                        ("add" | "insert", "rule") if room => {
                            let text: String = body
                                .join(" ")
                                .replace("counter", "counter packets 0 bytes 0")
                                .chars()
                                .take(512)
                                .collect();
                            let Some(chain) = table.chains.get_mut(at) else { return Ok(()) };
                            let place = if verb == "insert" { 0 } else { chain.rules.len() };
                            chain.rules.insert(place, Entry::Nft(text));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A table, or one chain of it.
fn whole(table: &Table, only: Option<&str>) -> String {
    let shown: Vec<String> = table
        .chains
        .iter()
        .filter(|chain| only.is_none_or(|only| only == chain.name))
        .map(|chain| {
            let rules: String = chain
                .rules
                .iter()
                .map(|entry| format!("\t\t{}\n", entry_text(entry, &table.family)))
                .collect();
            format!("\tchain {} {{\n{}{rules}\t}}\n", chain.name, hook(chain))
        })
        .collect();
    let mut of_iptables = table.chains.iter().flat_map(Chain::rules);
    let warning = if only.is_none() && of_iptables.any(by_xtables) {
        format!(
            "# Warning: table {} {} is managed by iptables-nft, do not touch!\n",
            table.family, table.name
        )
    } else {
        String::new()
    };
    format!("{warning}table {} {} {{\n{}}}\n", table.family, table.name, shown.join("\n"))
}

/// Whether a rule of iptables has parts that the kernel knows as extensions of iptables only.
fn by_xtables(rule: &Rule) -> bool {
    let native = |part: &Match| match part {
        Match::Transport { source, destination, flags, .. } => {
            source.is_some() || destination.is_some() || flags.is_some()
        }
        part => matches!(part, Match::Limit(..)),
    };
    !rule.matches.iter().all(native) || !matches!(rule.target, None | Some(Target::Jump(_) | Target::Goto(_)))
}

fn hook(chain: &Chain) -> String {
    let Some(policy) = &chain.policy else { return String::new() };
    format!("\t\t{}; policy {};\n", chain.hook, policy.to_lowercase())
}

fn chains(table: &Table) -> String {
    let all: String = table
        .chains
        .iter()
        .map(|chain| format!("\tchain {} {{\n{}\t}}\n", chain.name, hook(chain)))
        .collect();
    format!("table {} {} {{\n{all}}}\n", table.family, table.name)
}

fn entry_text(entry: &Entry, family: &str) -> String {
    match entry {
        Entry::Nft(text) => text.clone(),
        Entry::Iptables(rule) => rule_text(rule, family),
    }
}

fn ne(not: bool) -> &'static str {
    if not { "!= " } else { "" }
}

fn range((low, high): Ports) -> String {
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

/// A rule of iptables as nft translates it back.
fn rule_text(rule: &Rule, family: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (word, side) in [("iifname", &rule.input), ("oifname", &rule.output)] {
        if let Some(Is { not, what }) = side {
            parts.push(format!("{word} {}\"{}\"", ne(*not), what.replace('+', "*")));
        }
    }
    // A port says its protocol itself.
    let by_port = rule.matches.iter().any(|part| {
        matches!(part, Match::Transport { source, destination, flags, .. } if source.is_some() || destination.is_some() || flags.is_some())
    });
    if let Some(Is { not, what }) = rule.protocol.as_ref().filter(|_| !by_port) {
        parts.push(format!("meta l4proto {}{}", ne(*not), protocol_name(*what)));
    }
    for (word, net) in [("saddr", &rule.source), ("daddr", &rule.destination)] {
        if let Some(Is { not, what: (ip, prefix) }) = net {
            let whole = if ip.is_ipv4() { 32 } else { 128 };
            let net = if *prefix == whole { ip.to_string() } else { format!("{ip}/{prefix}") };
            parts.push(format!("{family} {word} {}{net}", ne(*not)));
        }
    }
    let transport = rule.protocol.as_ref().map_or("tcp".to_owned(), |protocol| protocol_name(protocol.what));
    parts.extend(rule.matches.iter().map(|part| match_text(part, &transport)));
    parts.push("counter packets 0 bytes 0".to_owned());
    parts.extend(rule.target.as_ref().map(target_text));
    parts.join(" ")
}

fn match_text(part: &Match, transport: &str) -> String {
    match part {
        Match::Transport { name, source, destination, flags } => {
            let mut parts = Vec::new();
            for (word, ports) in [("sport", source), ("dport", destination)] {
                if let Some(Is { not, what }) = ports {
                    parts.push(format!("{name} {word} {}{}", ne(*not), range(*what)));
                }
            }
            if let Some(Is { not, what: (mask, set) }) = flags {
                let names = |flags| flag_names(flags).to_lowercase();
                parts.push(match (set, not) {
                    (0, false) => format!("{name} flags ! {}", names(*mask)),
                    _ => format!("{name} flags {}{} / {}", ne(*not), names(*set), names(*mask)),
                });
            }
            parts.join(" ")
        }
        Match::Icmp(255) => "ip protocol icmp".to_owned(),
        Match::Icmp(kind) => {
            let name = icmp_name(*kind).map_or_else(|| kind.to_string(), str::to_owned);
            format!("icmp type {name}")
        }
        Match::State(_, Is { not, what }) => {
            format!("ct state {}{}", if *not { "! " } else { "" }, what.join(",").to_lowercase())
        }
        Match::Multiport(which, Is { not, what }) => {
            let word = if *which == "sports" { "sport" } else { "dport" };
            let all: Vec<String> = what.iter().map(|ports| range(*ports)).collect();
            format!("{transport} {word} {}{{ {} }}", ne(*not), all.join(", "))
        }
        Match::Comment(_) => String::new(),
        Match::Limit(rate, burst) => {
            let rate = rate.replace("/sec", "/second").replace("/min", "/minute");
            if *burst == 5 {
                format!("limit rate {rate}")
            } else {
                format!("limit rate {rate} burst {burst} packets")
            }
        }
        Match::Mac(Is { not, what }) => format!("ether saddr {}{what}", ne(*not)),
        Match::Other("owner", words) => match words.as_slice() {
            [_, uid] => format!("skuid {uid}"),
            _ => "xt match owner".to_owned(),
        },
        Match::Other(name, _) => format!("xt match {name}"),
    }
}

fn target_text(target: &Target) -> String {
    match target {
        Target::Jump(name) if ["ACCEPT", "DROP", "RETURN"].contains(&name.as_str()) => name.to_lowercase(),
        Target::Jump(name) => format!("jump {name}"),
        Target::Goto(name) => format!("goto {name}"),
        Target::Reject(with) => match with.as_str() {
            "icmp-port-unreachable" | "icmp6-port-unreachable" => "reject".to_owned(),
            "tcp-reset" => "reject with tcp reset".to_owned(),
            other => format!("reject with icmp type {}", other.trim_start_matches("icmp-")),
        },
        Target::Log(prefix, level) => {
            let mut text = "log".to_owned();
            if !prefix.is_empty() {
                text += &format!(" prefix \"{prefix}\"");
            }
            if *level != 4 {
                text += &format!(" level {}", LEVELS.get(usize::from(*level)).unwrap_or(&"warn"));
            }
            text
        }
        Target::Redirect(ports) if ports.is_empty() => "redirect".to_owned(),
        Target::Redirect(ports) => format!("redirect to :{ports}"),
        Target::Nat("SNAT", to) => format!("snat to {to}"),
        Target::Nat(_, to) => format!("dnat to {to}"),
        Target::Masquerade => "masquerade".to_owned(),
        Target::Other("NOTRACK", _) => "notrack".to_owned(),
        Target::Other("TCPMSS", _) => "tcp option maxseg size set rt mtu".to_owned(),
        Target::Other(name, _) => format!("xt target \"{name}\""),
    }
}
