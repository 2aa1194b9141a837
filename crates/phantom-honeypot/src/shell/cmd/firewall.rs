//! iptables 1.8.9 and nft over a kernel without rules: what is added is kept for the visit, and told alike by
//! both.

mod list;
mod nft;
mod parse;
mod rule;
mod state;
mod words;

pub(crate) use state::Filter;

use super::registry::{Row, alternative, sbin};
use super::{Ctx, Need, show};
use list::{Look, order};
use parse::{Parser, Request};
use rule::{Rule, Target};
use state::{Entry, built_in};

pub(super) const PROGRAMS: &[Row] = &[
    alternative("iptables", "iptables", "/usr/sbin/iptables-nft", iptables).in_sbin(),
    alternative("iptables-restore", "iptables", "/usr/sbin/iptables-nft-restore", restore).in_sbin(),
    alternative("iptables-save", "iptables", "/usr/sbin/iptables-nft-save", save).in_sbin(),
    alternative("ip6tables", "iptables", "/usr/sbin/ip6tables-nft", iptables).in_sbin(),
    alternative("ip6tables-restore", "iptables", "/usr/sbin/ip6tables-nft-restore", restore).in_sbin(),
    alternative("ip6tables-save", "iptables", "/usr/sbin/ip6tables-nft-save", save).in_sbin(),
    sbin("iptables-nft", "iptables", 0, iptables).linked("xtables-nft-multi"),
    sbin("iptables-nft-restore", "iptables", 0, restore).linked("xtables-nft-multi"),
    sbin("iptables-nft-save", "iptables", 0, save).linked("xtables-nft-multi"),
    sbin("ip6tables-nft", "iptables", 0, iptables).linked("xtables-nft-multi"),
    sbin("ip6tables-nft-restore", "iptables", 0, restore).linked("xtables-nft-multi"),
    sbin("ip6tables-nft-save", "iptables", 0, save).linked("xtables-nft-multi"),
    sbin("nft", "nftables", 26_776, nft::nft),
    sbin("xtables-nft-multi", "iptables", 228_512, iptables),
];

const NOT_ROOT: &str = "Could not fetch rule set generation id: Permission denied (you must be root)";

/// Why something fails: its text behind the program's name, and the status.
type Refused = (String, i32);

/// A refusal of the kernel, as libiptc words it.
fn kernel(text: &str) -> Refused {
    (format!(": {text}\n"), 1)
}

/// A refusal that begins with the version.
fn versioned(text: &str, status: i32) -> Refused {
    (format!(" v1.8.9 (nf_tables): {text}\n"), status)
}

fn usage(name: &str, text: &str) -> Refused {
    let hint = format!("Try `{name} -h' or '{name} --help' for more information.\n");
    if text.starts_with("Bad argument") {
        // Told without the program's name.
        return (format!("\0{text}{hint}"), 2);
    }
    (format!(" v1.8.9 (nf_tables): {text}\n{hint}"), 2)
}

/// `ip` or `ip6`, and how the program calls itself.
fn family(ctx: &Ctx<'_>) -> (&'static str, &'static str) {
    if ctx.name.starts_with("ip6") { ("ip6", "ip6tables") } else { ("ip", "iptables") }
}

fn refuse(ctx: &mut Ctx<'_>, name: &str, (text, status): Refused) -> i32 {
    let text = match text.strip_prefix('\0') {
        Some(bare) => bare.to_owned(),
        None => format!("{name}{text}"),
    };
    ctx.err.extend(text.bytes());
    status
}

fn iptables(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (family, name) = family(ctx);
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if words.iter().any(|w| w == "-V" || w == "--version") {
        ctx.print(&format!("{name} v1.8.9 (nf_tables)\n"));
        return Ok(0);
    }
    let services = super::accounts::system_file(ctx.sh, "/etc/services");
    let users = super::accounts::system_file(ctx.sh, "/etc/passwd");
    let parser = Parser { six: family == "ip6", services: &services, users: &users };
    let request = match parser.parse(&words) {
        Ok(request) if request.verb.is_empty() => {
            return Ok(refuse(ctx, name, usage(name, "no command specified")));
        }
        Ok(request) => request,
        Err(text) => return Ok(refuse(ctx, name, usage(name, &text))),
    };
    if ctx.sh.account.cred.uid != 0 {
        return Ok(refuse(ctx, name, versioned(NOT_ROOT, 4)));
    }
    if built_in(&request.table).is_none() {
        let text = format!(
            "table '{}' does not exist\nPerhaps {name} or your kernel needs to be upgraded.",
            request.table
        );
        return Ok(refuse(ctx, name, versioned(&text, 3)));
    }
    let result = if request.verb == "L" || request.verb == "S" {
        look(ctx, family, &request, &services)
    } else {
        change(&mut ctx.sh.live().filter, (family, name), &request).map(|()| String::new())
    };
    Ok(match result {
        Ok(text) => {
            ctx.print(&text);
            0
        }
        Err(refused) => refuse(ctx, name, refused),
    })
}

/// `-L` and `-S`.
fn look(ctx: &Ctx<'_>, family: &str, request: &Request, services: &str) -> Result<String, Refused> {
    let live = ctx.sh.live();
    let table = live.filter.table(family, &request.table);
    let mut chains = order(&request.table, table);
    if let Some(only) = &request.chain {
        chains.retain(|chain| chain == only);
        if chains.is_empty() {
            let text =
                format!("chain `{only}' in table `{}' is incompatible, use 'nft' tool.", request.table);
            return Err(versioned(&text, 1));
        }
    }
    if request.verb == "L" {
        let look = Look {
            six: family == "ip6",
            numeric: request.numeric,
            verbose: request.verbose,
            exact: request.exact,
            numbered: request.numbered,
            services,
        };
        let all: Vec<String> = chains.iter().map(|chain| look.chain(table, chain, request.number)).collect();
        return Ok(all.join("\n"));
    }
    let counts = if request.verbose { " -c 0 0" } else { "" };
    let mut text = String::new();
    for name in chains.iter().filter(|_| request.number.is_none()) {
        let chain = table.and_then(|table| table.chain(name));
        text += &match chain {
            Some(chain) if chain.policy.is_none() => format!("-N {name}\n"),
            found => {
                let policy = found.and_then(|chain| chain.policy.as_deref()).unwrap_or("ACCEPT");
                format!("-P {name} {policy}{counts}\n")
            }
        };
    }
    for chain in chains.iter().filter_map(|name| table?.chain(name)) {
        for (at, rule) in chain.rules().enumerate() {
            if request.number.is_none_or(|number| number == at + 1) {
                let (spec, name) = (rule.spec(), &chain.name);
                text += &match spec.find(" -j ").or(spec.find(" -g ")).filter(|_| request.verbose) {
                    Some(at) => {
                        format!(
                            "-A {name}{}{counts}{}\n",
                            spec.get(..at).unwrap_or(""),
                            spec.get(at..).unwrap_or("")
                        )
                    }
                    None => format!("-A {name}{spec}\n"),
                };
            }
        }
    }
    Ok(text)
}

/// What may not be done with packets there.
fn misplaced(table: &str, chain: &str, rule: &Rule) -> bool {
    let source = chain == "POSTROUTING" || (table == "nat" && chain == "INPUT");
    let owner = rule.matches.iter().any(|part| matches!(part, rule::Match::Other("owner", _)));
    let own = built_in(table).is_some_and(|own| own.contains(&chain));
    own && match &rule.target {
        Some(Target::Masquerade) => table != "nat" || chain != "POSTROUTING",
        Some(Target::Redirect(_) | Target::Nat("DNAT", _)) => table != "nat" || source,
        Some(Target::Nat(..)) => table != "nat" || !source,
        _ => owner && !["OUTPUT", "POSTROUTING"].contains(&chain),
    }
}

const NO_CHAIN: &str = "No chain/target/match by that name.";

/// Everything that changes rules, and `-C`.
fn change(filter: &mut Filter, (family, name): (&str, &str), request: &Request) -> Result<(), Refused> {
    let table = request.table.as_str();
    let own = built_in(table).unwrap_or(&[]);
    let chain = request.chain.as_deref().unwrap_or("");
    let there = own.contains(&chain) || filter.chain(family, table, chain).is_some();
    for rule in &request.rules {
        let Some(Target::Jump(to) | Target::Goto(to)) = &rule.target else { continue };
        if to == "QUEUE" {
            let text = format!(" RULE_APPEND failed (No such file or directory): rule in chain {chain}");
            return Err(versioned(&text, 4));
        }
        if !["ACCEPT", "DROP", "RETURN"].contains(&to.as_str()) && filter.chain(family, table, to).is_none() {
            return Err(usage(name, &format!("Chain '{to}' does not exist")));
        }
    }
    let length = filter.chain(family, table, chain).map_or(0, |chain| chain.rules.len());
    match request.verb.as_str() {
        "A" | "I" | "R" if !there => return Err(kernel(NO_CHAIN)),
        "A" | "I" => {
            let place = if request.verb == "A" { length } else { request.number.unwrap_or(1) - 1 };
            if place > length {
                return Err(kernel("Index of insertion too big."));
            }
            for (at, rule) in request.rules.iter().enumerate() {
                if misplaced(table, chain, rule) {
                    let text = format!(
                        " RULE_{} failed (Invalid argument): rule in chain {chain}",
                        if request.verb == "A" { "APPEND" } else { "INSERT" }
                    );
                    return Err(versioned(&text, 4));
                }
                if !filter.has_room() {
                    break;
                }
                if let Some(chain) = filter.make_chain(family, table, chain, false) {
                    chain.rules.insert((place + at).min(chain.rules.len()), Entry::Iptables(rule.clone()));
                }
            }
        }
        "R" => {
            let number = request.number.unwrap_or(0);
            let found =
                filter.chain_mut(family, table, chain).and_then(|c| c.rules.get_mut(number.wrapping_sub(1)));
            match (found, request.rules.first()) {
                (Some(entry), Some(rule)) => *entry = Entry::Iptables(rule.clone()),
                _ => return Err(kernel("Index of replacement too big.")),
            }
        }
        "D" | "C" => return remove(filter, (family, table, chain), there, request),
        "F" | "Z" => {
            if !chain.is_empty() && filter.chain(family, table, chain).is_none() {
                // A chain of the table that nothing made is empty already.
                let flush = own.contains(&chain) && request.verb == "F";
                return if flush { Ok(()) } else { Err(kernel(NO_CHAIN)) };
            }
            let all = filter.table_mut(family, table).into_iter().flat_map(|table| &mut table.chains);
            if request.verb == "F" {
                all.filter(|c| chain.is_empty() || c.name == chain).for_each(|chain| chain.rules.clear());
            }
        }
        "X" => return remove_chains(filter, (family, table, chain)),
        "N" => {
            if there {
                return Err(kernel("Chain already exists."));
            }
            if ["ACCEPT", "DROP", "RETURN", "QUEUE", "REJECT", "LOG", "DNAT", "SNAT", "MASQUERADE"]
                .contains(&chain)
            {
                return Err(usage(name, "chain name may not clash with target name"));
            }
            if chain.len() > 28 {
                return Err(usage(name, &format!("chain name `{chain}' too long (must be under 29 chars)")));
            }
            filter.make_chain(family, table, chain, true);
        }
        "E" => {
            let new = request.second.as_deref().unwrap_or("");
            if own.contains(&new) || filter.chain(family, table, new).is_some() {
                return Err(kernel("File exists."));
            }
            let Some(found) = filter.chain_mut(family, table, chain) else { return Err(kernel(NO_CHAIN)) };
            new.clone_into(&mut found.name);
            let all = filter.table_mut(family, table).into_iter().flat_map(|table| &mut table.chains);
            for entry in all.flat_map(|chain| &mut chain.rules) {
                if let Entry::Iptables(rule) = entry
                    && rule.leads_to(chain)
                    && let Some(Target::Jump(to) | Target::Goto(to)) = &mut rule.target
                {
                    new.clone_into(to);
                }
            }
        }
        "P" => {
            let policy = request.second.as_deref().unwrap_or("");
            if !own.contains(&chain) {
                return Err(kernel("Bad built-in chain name."));
            }
            if policy != "ACCEPT" && policy != "DROP" {
                return Err(kernel("Bad policy name. Run `dmesg' for more information."));
            }
            if table == "nat" && policy == "DROP" {
                let text = "\nThe \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n";
                return Err(usage(name, text));
            }
            if let Some(chain) = filter.make_chain(family, table, chain, false) {
                chain.policy = Some(policy.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// `-D` and `-C`.
fn remove(
    filter: &mut Filter,
    (family, table, chain): (&str, &str, &str),
    there: bool,
    request: &Request,
) -> Result<(), Refused> {
    let found = filter.chain_mut(family, table, chain);
    if let Some(number) = request.number {
        return match found {
            _ if !there => Err(kernel(NO_CHAIN)),
            Some(chain) if number <= chain.rules.len() => {
                chain.rules.remove(number - 1);
                Ok(())
            }
            _ => Err(kernel("Index of deletion too big.")),
        };
    }
    let bad = || kernel("Bad rule (does a matching rule exist in that chain?).");
    let chain = found.ok_or_else(bad)?;
    for rule in &request.rules {
        let same = |entry: &Entry| matches!(entry, Entry::Iptables(other) if other == rule);
        let at = chain.rules.iter().position(same).ok_or_else(bad)?;
        if request.verb == "D" {
            chain.rules.remove(at);
        }
    }
    Ok(())
}

/// `-X`.
fn remove_chains(filter: &mut Filter, (family, name, chain): (&str, &str, &str)) -> Result<(), Refused> {
    let Some(table) = filter.table_mut(family, name) else {
        return if chain.is_empty() { Ok(()) } else { Err(kernel(NO_CHAIN)) };
    };
    let ours = |c: &state::Chain| c.policy.is_none() && (chain.is_empty() || c.name == chain);
    if !chain.is_empty() && !table.chains.iter().any(ours) {
        return Err(kernel(NO_CHAIN));
    }
    let mut sorted: Vec<&state::Chain> = table.chains.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let busy = sorted
        .iter()
        .find(|c| ours(c) && (table.references(&c.name) > 0 || (!chain.is_empty() && !c.rules.is_empty())));
    if let Some(busy) = busy {
        let text = format!(" CHAIN_DEL failed (Device or resource busy): chain {}", busy.name);
        return Err(versioned(&text, 4));
    }
    // Without a name, those of the table itself go too where nothing is in them.
    table.chains.retain(|c| {
        let unused = chain.is_empty() && c.rules.is_empty() && c.policy.as_deref() == Some("ACCEPT");
        !(ours(c) || unused)
    });
    Ok(())
}

fn save(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (family, name) = family(ctx);
    let (flags, rest) = ctx.options(b"tMf");
    if !rest.is_empty() {
        ctx.err.extend(b"Unknown arguments found on commandline\n");
        return Ok(1);
    }
    if ctx.sh.account.cred.uid != 0 {
        return Ok(refuse(ctx, &format!("{name}-save"), versioned(NOT_ROOT, 4)));
    }
    let only = flags.iter().find(|(letter, _)| *letter == b't').map(|(_, table)| show(table));
    if let Some(table) = only.as_deref().filter(|table| built_in(table).is_none()) {
        ctx.err.extend(format!("Table `{table}' does not exist\n").bytes());
        return Ok(1);
    }
    let counts = if super::has_flag(&flags, b'c') { "[0:0] " } else { "" };
    let now = crate::shell::facts::strftime(ctx.sh.io.now(), "%a %b %e %T %Y");
    let mut text = String::new();
    {
        let live = ctx.sh.live();
        for table in ["mangle", "raw", "filter", "nat"] {
            let made = live.filter.table(family, table);
            if made.is_none() || only.as_deref().is_some_and(|only| only != table) {
                continue;
            }
            text += &format!("# Generated by {name}-save v1.8.9 (nf_tables) on {now}\n*{table}\n");
            let chains = order(table, made);
            let found = |name: &String| made.and_then(|table| table.chain(name));
            for name in &chains {
                let policy = match found(name) {
                    Some(chain) => chain.policy.as_deref().unwrap_or("-"),
                    None => "ACCEPT",
                };
                text += &format!(":{name} {policy} [0:0]\n");
            }
            for chain in chains.iter().filter_map(found) {
                text.extend(chain.rules().map(|rule| format!("{counts}-A {}{}\n", chain.name, rule.spec())));
            }
            text += &format!("COMMIT\n# Completed on {now}\n");
        }
    }
    ctx.print(&text);
    Ok(0)
}

fn restore(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (family, name) = family(ctx);
    let program = format!("{name}-restore");
    if let Some(bad) = ctx.args.iter().map(|a| show(a)).find(|word| {
        let known = ["counters", "noflush", "test", "verbose", "wait", "table", "modprobe"];
        word.strip_prefix("--").is_some_and(|long| !known.iter().any(|k| long.starts_with(k)))
    }) {
        let text =
            format!("{program}: unrecognized option '{bad}'\nTry `{program} -h' for more information.\n");
        ctx.err.extend(text.bytes());
        return Ok(1);
    }
    let (flags, rest) = ctx.options(b"TM");
    let file = rest.iter().find(|word| !word.starts_with(b"--")).cloned();
    let text = match file {
        Some(file) => match ctx.content(&file)? {
            Ok(text) => text,
            Err(errno) => {
                ctx.err.extend(format!("Can't open {}: {errno}\n", show(&file)).bytes());
                return Ok(1);
            }
        },
        None => ctx.input()?,
    };
    let text = show(&text);
    if ctx.sh.account.cred.uid != 0 && !text.trim().is_empty() {
        return Ok(refuse(ctx, &program, versioned(NOT_ROOT, 4)));
    }
    let keep = super::has_flag(&flags, b'n') || ctx.args.iter().any(|a| a == b"--noflush");
    let services = super::accounts::system_file(ctx.sh, "/etc/services");
    let users = super::accounts::system_file(ctx.sh, "/etc/passwd");
    let parser = Parser { six: family == "ip6", services: &services, users: &users };
    let result = load(&mut ctx.sh.live().filter, &parser, (family, name), &text, keep);
    Ok(match result {
        Ok(()) => 0,
        Err(refused) => refuse(ctx, &program, refused),
    })
}

/// Takes over a text of iptables-save, line by line.
fn load(
    filter: &mut Filter,
    parser: &Parser<'_>,
    (family, name): (&str, &str),
    text: &str,
    keep: bool,
) -> Result<(), Refused> {
    let mut table: Option<String> = None;
    let mut number = 0;
    for line in text.lines().take(2000) {
        number += 1;
        let failed = |why: &str| kernel(&format!("line {number} failed{why}"));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(new) = line.strip_prefix('*') {
            if built_in(new).is_none() {
                let text = format!(
                    "{name}-restore: line {number} table name '{new}' invalid\nError occurred at line: {number}\nTry `{name}-restore -h' or '{name}-restore --help' for more information."
                );
                return Err(versioned(&text, 2));
            }
            if !keep {
                filter.tables.retain(|t| t.family != family || t.name != new);
            }
            filter.make_table(family, new);
            table = Some(new.to_owned());
            continue;
        }
        let Some(current) = table.clone() else { return Err(failed("")) };
        if line == "COMMIT" {
            table = None;
        } else if let Some(rest) = line.strip_prefix(':') {
            let mut words = rest.split(' ');
            let (chain, policy) = (words.next().unwrap_or(""), words.next().unwrap_or("-"));
            if !["-", "ACCEPT", "DROP"].contains(&policy) {
                return Err(failed(": Bad policy name."));
            }
            if let Some(chain) = filter.make_chain(family, &current, chain, true)
                && chain.policy.is_some()
            {
                chain.policy = Some(policy.replace('-', "ACCEPT"));
            }
        } else {
            // Counters may stand before a rule.
            let line = if line.starts_with('[') {
                line.split_once(' ').map_or(line, |(_, rest)| rest)
            } else {
                line
            };
            let mut request = parser.parse(&words(line)).map_err(|_| failed(""))?;
            request.table = current;
            change(filter, (family, name), &request).map_err(|(why, _)| failed(why.trim_end()))?;
        }
    }
    if table.is_some() { Err(kernel(&format!("COMMIT expected at line {}", number + 1))) } else { Ok(()) }
}

/// The words of a line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            '\\' if quoted => word.extend(letters.next()),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        all.push(word);
    }
    all
}
