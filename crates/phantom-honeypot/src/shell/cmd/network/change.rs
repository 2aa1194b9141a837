//! The changes that ip makes: addresses and routes are kept for the visit, links stay as they are, for the
//! visitor came over one of them.

use std::net::{IpAddr, Ipv4Addr};

use crate::machine::links::{self, MAX, masked};
use crate::machine::{Address, Route};
use crate::shell::cmd::Ctx;

/// What the kernel or ip itself answers.
type Refusal = (String, i32);

fn refused<T>(text: &str, status: i32) -> Result<T, Refusal> {
    Err((format!("{text}\n"), status))
}

/// Makes the change, or prints why not; the status.
pub(super) fn apply(ctx: &mut Ctx<'_>, object: &str, verb: &str, words: &[&str]) -> i32 {
    let result = match object {
        "address" => address(ctx, verb, words),
        "route" => route(ctx, verb, words),
        "link" => link(ctx, verb, words),
        _ => neighbour(ctx, verb, words),
    };
    match result {
        Ok(()) => 0,
        Err((text, status)) => {
            ctx.err.extend(text.bytes());
            status
        }
    }
}

fn find(ctx: &Ctx<'_>, name: &str) -> Result<u32, Refusal> {
    let found = ctx.sh.look(|view| (1..=2).find(|link| view.link_name(*link) == name));
    found.ok_or_else(|| (format!("Cannot find device \"{name}\"\n"), 1))
}

fn allowed(ctx: &Ctx<'_>) -> Result<(), Refusal> {
    if ctx.sh.account.cred.uid == 0 {
        Ok(())
    } else {
        refused("RTNETLINK answers: Operation not permitted", 2)
    }
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied()
}

/// `1.2.3.4` or `1.2.3.4/24`.
fn prefix(word: &str) -> Option<(Ipv4Addr, u8)> {
    let (ip, length) = word.split_once('/').unwrap_or((word, "32"));
    Some((ip.parse().ok()?, length.parse().ok().filter(|n| *n <= 32)?))
}

fn address(ctx: &mut Ctx<'_>, verb: &str, words: &[&str]) -> Result<(), Refusal> {
    let device = after(words, "dev");
    if verb == "flush" {
        let Some(device) = device.or(words.first().copied()) else {
            return refused("Flush requires arguments.", 1);
        };
        find(ctx, device)?;
        // Its own address gone, the visit would be over.
        return allowed(ctx);
    }
    let known = ["dev", "brd", "broadcast", "label", "scope", "local", "peer"];
    let own = words.iter().enumerate().find(|(at, word)| {
        !known.contains(word)
            && at
                .checked_sub(1)
                .and_then(|at| words.get(at))
                .is_none_or(|before| *before == "local" || !known.contains(before))
    });
    let target = match own {
        Some((_, word)) => match prefix(word) {
            Some(found) => Some(found),
            None => {
                return refused(&format!("Error: any valid prefix is expected rather than \"{word}\"."), 1);
            }
        },
        None => None,
    };
    let Some(device) = device else {
        return refused("Not enough information: \"dev\" argument is required.", 1);
    };
    let link = find(ctx, device)?;
    allowed(ctx)?;
    let Some((ip, length)) = target else { return refused("RTNETLINK answers: Operation not supported", 2) };
    let mut all = ctx.sh.look(|view| view.addresses());
    let found = all.iter().position(|a| a.link == link && a.ip == IpAddr::V4(ip));
    match (verb, found) {
        ("delete", None) => return refused("Error: ipv4: Address not found.", 2),
        ("delete", Some(at)) => {
            all.remove(at);
        }
        ("add", Some(_)) => return refused("Error: ipv4: Address already assigned.", 2),
        (_, None) if all.len() < MAX => {
            // In front of those of version 6.
            let at =
                all.iter().rposition(|a| a.link == link && a.ip.is_ipv4()).map_or(all.len(), |at| at + 1);
            all.insert(at, Address { link, ip: ip.into(), prefix: length, dynamic: false });
        }
        _ => {}
    }
    ctx.sh.live().addresses = Some(all);
    Ok(())
}

fn route(ctx: &mut Ctx<'_>, verb: &str, words: &[&str]) -> Result<(), Refusal> {
    let kinds = ["blackhole", "unreachable", "prohibit"];
    let kind = words.iter().find_map(|word| kinds.iter().find(|kind| *kind == word)).copied().unwrap_or("");
    let plain = |word: &&&str| !kinds.contains(*word) && !["to", "unicast"].contains(*word);
    let Some(word) = words.iter().find(plain) else {
        return match verb {
            "flush" => refused("\"ip route flush\" requires arguments.", 255),
            _ => {
                allowed(ctx)?;
                refused("RTNETLINK answers: Invalid argument", 2)
            }
        };
    };
    if verb == "flush" {
        return allowed(ctx);
    }
    let to = match prefix(word) {
        Some((ip, length)) => (masked(ip, length), length),
        None if *word == "default" => (Ipv4Addr::UNSPECIFIED, 0),
        None => return refused(&format!("Error: any valid prefix is expected rather than \"{word}\"."), 1),
    };
    let link = after(words, "dev").map(|device| find(ctx, device)).transpose()?;
    let via = match after(words, "via") {
        Some(via) => match via.parse::<Ipv4Addr>() {
            Ok(ip) => Some(ip),
            Err(_) => {
                return refused(&format!("Error: inet address is expected rather than \"{via}\"."), 1);
            }
        },
        None => None,
    };
    allowed(ctx)?;
    let table = ctx.sh.look(|view| view.routes());
    let mut own: Vec<Route> = table.iter().copied().filter(|route| route.source.is_none()).collect();
    if verb == "delete" {
        let same = |route: &Route| route.to == to && via.is_none_or(|via| route.via == Some(via));
        let Some(at) = own.iter().position(same) else {
            return match table.iter().any(same) {
                // Of the own network: the visit would be over.
                true => Ok(()),
                false => refused("RTNETLINK answers: No such process", 2),
            };
        };
        own.remove(at);
    } else {
        let near = |ip: Ipv4Addr| {
            table.iter().any(|route| route.source.is_some() && masked(ip, route.to.1) == route.to.0)
        };
        if via.is_some_and(|via| !near(via)) {
            return refused("Error: Nexthop has invalid gateway.", 2);
        }
        if kind.is_empty() && via.is_none() && link.is_none() {
            return refused("RTNETLINK answers: No such device", 2);
        }
        if verb == "add" && own.iter().any(|route| route.to == to) {
            return refused("RTNETLINK answers: File exists", 2);
        }
        own.retain(|route| route.to != to);
        if own.len() < MAX {
            let link = if kind.is_empty() { link.or(Some(links::OUTSIDE)) } else { None };
            own.push(Route { to, via, link, kind, source: None, by_ioctl: false });
        }
    }
    ctx.sh.live().routes = Some(own);
    Ok(())
}

fn link(ctx: &mut Ctx<'_>, verb: &str, words: &[&str]) -> Result<(), Refusal> {
    if verb == "add" {
        if after(words, "type").is_none() {
            return refused("Not enough information: \"type\" argument is required", 1);
        }
        allowed(ctx)?;
        // No module of another kind of link is to be had.
        return refused("Error: Unknown device type.", 2);
    }
    let Some(device) = after(words, "dev").or(words.first().copied()) else {
        return refused("Not enough information: \"dev\" argument is required.", 255);
    };
    find(ctx, device)?;
    allowed(ctx)?;
    if verb == "delete" { refused("RTNETLINK answers: Operation not supported", 2) } else { Ok(()) }
}

fn neighbour(ctx: &mut Ctx<'_>, verb: &str, words: &[&str]) -> Result<(), Refusal> {
    match after(words, "dev") {
        Some(device) => {
            find(ctx, device)?;
        }
        None if verb == "flush" && words.is_empty() => return refused("Flush requires arguments.", 1),
        None if verb != "flush" => return refused("Device and destination are required arguments.", 255),
        None => {}
    }
    allowed(ctx)
}
