//! iptables and nft over a kernel without rules: what is added is kept and listed.

use super::registry::{Row, alternative, sbin};
use super::{Ctx, Need, show};

pub(super) const PROGRAMS: &[Row] = &[
    alternative("iptables", "iptables", "/usr/sbin/iptables-nft", iptables).in_sbin(),
    alternative("iptables-restore", "iptables", "/usr/sbin/iptables-nft-restore", restore).in_sbin(),
    alternative("iptables-save", "iptables", "/usr/sbin/iptables-nft-save", save).in_sbin(),
    alternative("ip6tables", "iptables", "/usr/sbin/ip6tables-nft", iptables).in_sbin(),
    sbin("iptables-nft", "iptables", 0, iptables).linked("xtables-nft-multi"),
    sbin("iptables-nft-restore", "iptables", 0, restore).linked("xtables-nft-multi"),
    sbin("iptables-nft-save", "iptables", 0, save).linked("xtables-nft-multi"),
    sbin("ip6tables-nft", "iptables", 0, iptables).linked("xtables-nft-multi"),
    sbin("nft", "nftables", 26_776, nft),
    sbin("xtables-nft-multi", "iptables", 228_512, iptables),
];

/// Rules that are kept of a visit.
const MAX: usize = 256;

/// The chains of a table.
fn chains(table: &str) -> Option<&'static [&'static str]> {
    Some(match table {
        "filter" => &["INPUT", "FORWARD", "OUTPUT"],
        "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        "raw" => &["PREROUTING", "OUTPUT"],
        _ => return None,
    })
}

/// A rule: its family and table, its chain, the words that say what it matches and does.
pub(crate) type Rule = (String, String, String);

fn iptables(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let name = if ctx.name.starts_with("ip6") { "ip6tables" } else { "iptables" };
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if words.iter().any(|w| w == "-V" || w == "--version") {
        ctx.print(&format!("{name} v1.8.9 (nf_tables)\n"));
        return Ok(0);
    }
    if ctx.sh.account.cred.uid != 0 {
        let text = format!(
            "{name} v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n"
        );
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(4);
    }
    let mut table = "filter".to_owned();
    let mut rest = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" | "--table" => table = words.next().unwrap_or_default(),
            "-w" | "--wait" => {
                if words.peek().is_some_and(|w| w.parse::<u32>().is_ok()) {
                    words.next();
                }
            }
            _ => rest.push(word),
        }
    }
    let Some(own) = chains(&table) else {
        let text = format!(
            "{name} v1.8.9 (nf_tables): table '{table}' does not exist\nPerhaps {name} or your kernel needs to be upgraded.\n"
        );
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(3);
    };
    let key = format!("{name} {table}");
    let at = rest.iter().position(|w| {
        matches!(
            w.as_str(),
            "-A" | "-I" | "-D" | "-F" | "-L" | "-S" | "-P" | "-N" | "-X" | "-Z" | "-C" | "-E" | "-R"
        ) || w.starts_with("-L")
            || matches!(
                w.as_str(),
                "--append"
                    | "--insert"
                    | "--delete"
                    | "--flush"
                    | "--list"
                    | "--list-rules"
                    | "--policy"
                    | "--new-chain"
                    | "--delete-chain"
                    | "--zero"
                    | "--check"
            )
            || (w.starts_with('-') && !w.starts_with("--") && w.contains('L'))
    });
    let Some(at) = at else {
        let text = format!(
            "{name} v1.8.9 (nf_tables): no command specified\nTry `{name} -h' or '{name} --help' for more information.\n"
        );
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(2);
    };
    let verb = rest.remove(at);
    let listing = verb.contains('L') && !verb.starts_with("--") || verb == "--list";
    let has_chain = rest.get(at).is_some_and(|w| !w.starts_with('-'));
    let chain = if has_chain { rest.remove(at) } else { String::new() };
    let mine = |rule: &Rule| rule.0 == key && (chain.is_empty() || rule.1 == chain);
    let mut live = ctx.sh.live();
    let made: Vec<String> =
        live.rules.iter().filter(|r| r.0 == key && r.2 == "-N").map(|r| r.1.clone()).collect();
    let known = chain.is_empty() || own.contains(&chain.as_str()) || made.contains(&chain);
    if !known && !matches!(verb.as_str(), "-N" | "--new-chain") {
        drop(live);
        let text = format!("{name}: No chain/target/match by that name.\n");
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(1);
    }
    let body = rest.join(" ");
    let rule: Rule = (key.clone(), chain.clone(), body.chars().take(512).collect());
    match verb.as_str() {
        _ if listing => {
            let rules = live.rules.clone();
            drop(live);
            let numbered = verb.contains("line") || rest.iter().any(|w| w == "--line-numbers");
            let verbose = verb.contains('v')
                || rest.iter().any(|w| w.starts_with('-') && !w.starts_with("--") && w.contains('v'));
            let shown =
                own.iter().map(|c| (*c).to_owned()).chain(made).filter(|c| chain.is_empty() || *c == chain);
            let text: Vec<String> =
                shown.map(|c| list(&rules, &key, &c, own.contains(&c.as_str()), numbered, verbose)).collect();
            ctx.print(&text.join("\n"));
            return Ok(0);
        }
        "-S" | "--list-rules" => {
            let rules = live.rules.clone();
            drop(live);
            for c in own.iter().filter(|c| chain.is_empty() || **c == chain) {
                ctx.print(&format!("-P {c} {}\n", policy(&rules, &key, c)));
            }
            for rule in rules.iter().filter(|r| mine(r) && !r.2.starts_with("-P ")) {
                ctx.print(&if rule.2 == "-N" {
                    format!("-N {}\n", rule.1)
                } else {
                    format!("-A {} {}\n", rule.1, rule.2)
                });
            }
            return Ok(0);
        }
        "-A" | "--append" if live.rules.len() < MAX => live.rules.push(rule),
        "-I" | "--insert" if live.rules.len() < MAX => {
            let body = rest
                .iter()
                .skip(usize::from(rest.first().is_some_and(|w| w.parse::<u32>().is_ok())))
                .cloned()
                .collect::<Vec<_>>()
                .join(" ");
            live.rules.insert(0, (key, chain, body.chars().take(512).collect()));
        }
        "-D" | "--delete" | "-C" | "--check" => {
            let number = body.parse::<usize>().ok();
            let mut seen = 0;
            let found = live.rules.iter().position(|r| {
                let here = r.0 == key && r.1 == chain && r.2 != "-N" && !r.2.starts_with("-P ");
                seen += usize::from(here);
                here && number.map_or(r.2 == rule.2, |n| n == seen)
            });
            match found {
                Some(at) if verb.contains('D') || verb == "--delete" => {
                    live.rules.remove(at);
                }
                Some(_) => {}
                None => {
                    drop(live);
                    let text = format!("{name}: Bad rule (does a matching rule exist in that chain?).\n");
                    ctx.err.extend_from_slice(text.as_bytes());
                    return Ok(1);
                }
            }
        }
        "-F" | "--flush" => live.rules.retain(|r| !mine(r) || r.2 == "-N" || r.2.starts_with("-P ")),
        "-X" | "--delete-chain" => live.rules.retain(|r| !(mine(r) && r.2 == "-N")),
        "-N" | "--new-chain" => {
            if known && !chain.is_empty() {
                drop(live);
                ctx.err.extend_from_slice(format!("{name}: Chain already exists.\n").as_bytes());
                return Ok(1);
            }
            if live.rules.len() < MAX {
                live.rules.push((key, chain, "-N".to_owned()));
            }
        }
        "-P" | "--policy" => {
            live.rules.retain(|r| !(r.0 == key && r.1 == chain && r.2.starts_with("-P ")));
            live.rules.push((key, chain, format!("-P {body}")));
        }
        _ => {}
    }
    Ok(0)
}

fn policy(rules: &[Rule], key: &str, chain: &str) -> String {
    let set = rules.iter().find(|r| r.0 == key && r.1 == chain && r.2.starts_with("-P "));
    set.map_or("ACCEPT".to_owned(), |r| r.2.trim_start_matches("-P ").to_owned())
}

fn list(rules: &[Rule], key: &str, chain: &str, own: bool, numbered: bool, verbose: bool) -> String {
    let head = match (own, verbose) {
        (true, true) => format!("(policy {} 0 packets, 0 bytes)", policy(rules, key, chain)),
        (true, false) => format!("(policy {})", policy(rules, key, chain)),
        _ => "(0 references)".to_owned(),
    };
    let number = if numbered { "num  " } else { "" };
    let mut text = format!("Chain {chain} {head}\n");
    text += &if verbose {
        format!(
            "{number} pkts bytes target     prot opt in     out     source               destination         \n"
        )
    } else {
        format!("{number}target     prot opt source               destination         \n")
    };
    let any = if key.starts_with("ip6") { "::/0" } else { "anywhere" };
    let mine = rules.iter().filter(|r| r.0 == key && r.1 == chain && r.2 != "-N" && !r.2.starts_with("-P "));
    for (index, rule) in mine.enumerate() {
        let words: Vec<&str> = rule.2.split(' ').collect();
        let value = |names: &[&str]| {
            words.iter().position(|w| names.contains(w)).and_then(|n| words.get(n + 1)).copied()
        };
        let target = value(&["-j", "--jump"]).unwrap_or("");
        let proto = value(&["-p", "--protocol"]).unwrap_or("all");
        let source = value(&["-s", "--source"]).unwrap_or(any);
        let to = value(&["-d", "--destination"]).unwrap_or(any);
        let mut extra = String::new();
        if let Some(port) = value(&["--dport"]) {
            extra += &format!(" {proto} dpt:{port}");
        }
        if let Some(port) = value(&["--sport"]) {
            extra += &format!(" {proto} spt:{port}");
        }
        if let Some(states) = value(&["--state", "--ctstate"]) {
            extra += &format!(" state {states}");
        }
        if target == "REJECT" {
            extra += " reject-with icmp-port-unreachable";
        }
        let number = if numbered { format!("{:<5}", index + 1) } else { String::new() };
        text += &if verbose {
            format!(
                "{number}    0     0 {target:<10} {proto:<4} --  any    any     {source:<20} {to:<20}{extra}\n"
            )
        } else {
            format!("{number}{target:<10} {proto:<4} --  {source:<20} {to:<20}{extra}\n")
        };
    }
    text
}

fn save(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n");
        return Ok(4);
    }
    let rules = ctx.sh.live().rules.clone();
    let now = crate::shell::facts::strftime(ctx.sh.io.now(), "%a %b %e %T %Y");
    for table in ["mangle", "raw", "filter", "nat"] {
        let key = format!("iptables {table}");
        let mine: Vec<&Rule> = rules.iter().filter(|r| r.0 == key).collect();
        if mine.is_empty() {
            continue;
        }
        let mut text = format!("# Generated by iptables-save v1.8.9 (nf_tables) on {now}\n*{table}\n");
        for chain in chains(table).unwrap_or(&[]) {
            text += &format!(":{chain} {} [0:0]\n", policy(&rules, &key, chain));
        }
        for rule in mine.iter().filter(|r| !r.2.starts_with("-P ")) {
            text += &if rule.2 == "-N" {
                format!(":{} - [0:0]\n", rule.1)
            } else {
                format!("-A {} {}\n", rule.1, rule.2)
            };
        }
        text += &format!("COMMIT\n# Completed on {now}\n");
        ctx.print(&text);
    }
    Ok(0)
}

fn restore(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"iptables-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n");
        return Ok(4);
    }
    let file = ctx.args.iter().find(|a| !a.starts_with(b"-")).cloned();
    let text = match file {
        Some(file) => match ctx.content(&file)? {
            Ok(text) => text,
            Err(_) => {
                ctx.err.extend_from_slice(
                    format!("Can't open {}: No such file or directory\n", show(&file)).as_bytes(),
                );
                return Ok(1);
            }
        },
        None => ctx.input()?,
    };
    let mut table = "filter".to_owned();
    let mut live = ctx.sh.live();
    for line in show(&text).lines().take(1000) {
        let key = format!("iptables {table}");
        if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
            live.rules.retain(|r| r.0 != format!("iptables {table}"));
        } else if let Some((chain, body)) = line.strip_prefix("-A ").and_then(|rest| rest.split_once(' ')) {
            if live.rules.len() < MAX {
                live.rules.push((key, chain.to_owned(), body.chars().take(512).collect()));
            }
        } else if let Some((chain, rest)) = line.strip_prefix(':').and_then(|rest| rest.split_once(' ')) {
            let word = rest.split(' ').next().unwrap_or("");
            if word != "ACCEPT" && live.rules.len() < MAX {
                let body = if word == "-" { "-N".to_owned() } else { format!("-P {word}") };
                live.rules.push((key, chain.to_owned(), body));
            }
        }
    }
    Ok(0)
}

fn nft(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if words.iter().any(|w| w == "-v" || w == "--version") {
        ctx.print("nftables v1.0.6 (Lester Gooch #5)\n");
        return Ok(0);
    }
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"Operation not permitted (you must be root)\n");
        return Ok(1);
    }
    let rules = ctx.sh.live().rules.clone();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|w| !w.starts_with('-')).collect();
    match words.as_slice() {
        ["list", "ruleset" | "tables", ..] => {
            for table in ["filter", "nat", "mangle", "raw"] {
                let key = format!("iptables {table}");
                if !rules.iter().any(|r| r.0 == key) {
                    continue;
                }
                if words.get(1) == Some(&"tables") {
                    ctx.print(&format!("table ip {table}\n"));
                    continue;
                }
                let mut text = format!(
                    "# Warning: table ip {table} is managed by iptables-nft, do not touch!\ntable ip {table} {{\n"
                );
                for chain in chains(table).unwrap_or(&[]) {
                    let count = rules
                        .iter()
                        .filter(|r| r.0 == key && r.1 == *chain && !r.2.starts_with("-P "))
                        .count();
                    text += &format!(
                        "\tchain {chain} {{\n\t\ttype filter hook {} priority filter; policy {};\n",
                        chain.to_lowercase(),
                        policy(&rules, &key, chain).to_lowercase()
                    );
                    for _ in 0..count {
                        text += "\t\tcounter packets 0 bytes 0\n";
                    }
                    text += "\t}\n";
                }
                text += "}\n";
                ctx.print(&text);
            }
            Ok(0)
        }
        ["flush", "ruleset"] => {
            ctx.sh.live().rules.clear();
            Ok(0)
        }
        ["add" | "insert" | "create" | "delete" | "flush", ..] => Ok(0),
        ["list", kind, ..] => {
            let text =
                format!("Error: No such file or directory\nlist {kind}\n     {}\n", "^".repeat(kind.len()));
            ctx.err.extend_from_slice(text.as_bytes());
            Ok(1)
        }
        _ => {
            ctx.err.extend_from_slice(b"nft: no command specified\n");
            Ok(1)
        }
    }
}
