//! ip of iproute2 6.1.0: what it shows of links, addresses, routes and neighbours, and the changes it makes.

use std::net::{IpAddr, Ipv4Addr};

use super::change;
use super::show::{Style, addresses, links, neighbours, routes};
use crate::shell::cmd::{Ctx, Need, show};

const USAGE: &str = "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n       ip [ -force ] -batch filename\nwhere  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |\n                   link | macsec | maddress | monitor | mptcp | mroute | mrule |\n                   neighbor | neighbour | netconf | netns | nexthop | ntable |\n                   ntbl | route | rule | sr | tap | tcpmetrics |\n                   token | tunnel | tuntap | vrf | xfrm }\n       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |\n                    -h[uman-readable] | -iec | -j[son] | -p[retty] |\n                    -f[amily] { inet | inet6 | mpls | bridge | link } |\n                    -4 | -6 | -M | -B | -0 |\n                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |\n                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |\n                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |\n                    -c[olor]}\n";

/// Objects in the order in which their beginnings are tried.
const OBJECTS: &[&str] = &[
    "address",
    "addrlabel",
    "maddress",
    "route",
    "rule",
    "neighbor",
    "neighbour",
    "ntable",
    "ntbl",
    "link",
    "l2tp",
    "fou",
    "ila",
    "macsec",
    "tunnel",
    "tunl",
    "tuntap",
    "tap",
    "token",
    "tcpmetrics",
    "tcp_metrics",
    "monitor",
    "xfrm",
    "mroute",
    "mrule",
    "netns",
    "netconf",
    "vrf",
    "sr",
    "nexthop",
    "mptcp",
    "ioam",
    "amt",
    "help",
    "stats",
];

/// Options in the order in which their beginnings are tried; those of `VALUED` take a value.
const OPTIONS: &[&str] = &[
    "loops",
    "family",
    "4",
    "6",
    "0",
    "M",
    "B",
    "human-readable",
    "iec",
    "statistics",
    "details",
    "resolve",
    "oneline",
    "timestamp",
    "tshort",
    "Version",
    "force",
    "batch",
    "brief",
    "json",
    "rcvbuf",
    "help",
    "netns",
    "Numeric",
    "all",
    "color",
    "pretty",
    "echo",
];
const VALUED: &[&str] = &["loops", "family", "batch", "rcvbuf", "netns"];

/// What can be done with an object, in the order in which beginnings are tried.
fn commands(object: &str) -> &'static [&'static str] {
    match object {
        "address" => &[
            "add", "change", "chg", "replace", "delete", "show", "list", "lst", "flush", "save", "showdump",
            "restore", "help",
        ],
        "link" => &["add", "set", "change", "replace", "delete", "show", "lst", "list", "help"],
        "route" => &[
            "list", "show", "lst", "get", "add", "append", "prepend", "change", "chg", "replace", "delete",
            "test", "flush", "save", "restore", "help",
        ],
        "neigh" => {
            &["add", "replace", "change", "chg", "delete", "get", "show", "list", "lst", "flush", "help"]
        }
        _ => &["add", "delete", "flush", "save", "restore", "show", "list", "lst", "help"],
    }
}

pub(super) fn ip(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut style = Style::default();
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-') && word.len() > 1) {
        let plain = word.trim_start_matches('-');
        let Some(option) = OPTIONS.iter().find(|option| option.starts_with(plain) && !plain.is_empty())
        else {
            ctx.err.extend(format!("Option \"{word}\" is unknown, try \"ip -help\".\n").bytes());
            return Ok(255);
        };
        let value = if VALUED.contains(option) { words.next().unwrap_or_default() } else { "" };
        match *option {
            "4" => style.family = Some(4),
            "6" => style.family = Some(6),
            "family" => style.family = if value == "inet6" { Some(6) } else { Some(4) },
            "brief" => style.brief = true,
            "oneline" => style.one_line = true,
            "json" => style.json = true,
            "statistics" => style.statistics = true,
            "Version" => {
                ctx.print("ip utility, iproute2-6.1.0, libbpf 1.1.2\n");
                return Ok(0);
            }
            "help" => return Ok(usage(ctx)),
            _ => {}
        }
    }
    let Some(word) = words.next() else { return Ok(usage(ctx)) };
    let Some(object) = OBJECTS.iter().find(|object| object.starts_with(word)) else {
        ctx.err.extend(format!("Object \"{word}\" is unknown, try \"ip help\".\n").bytes());
        return Ok(1);
    };
    let object = match *object {
        "neighbor" | "neighbour" => "neigh",
        other => other,
    };
    let rest: Vec<&str> = words.collect();
    act(ctx, object, &rest, style)
}

fn usage(ctx: &mut Ctx<'_>) -> i32 {
    ctx.err.extend(USAGE.bytes());
    255
}

fn act(ctx: &mut Ctx<'_>, object: &str, words: &[&str], style: Style) -> Result<i32, Need> {
    let (verb, rest) = match words.split_first() {
        None => ("show", words),
        Some((word, rest)) => match commands(object).iter().find(|verb| verb.starts_with(word)) {
            Some(verb) => (*verb, rest),
            None => {
                ctx.err.extend(format!("Command \"{word}\" is unknown, try \"ip {object} help\".\n").bytes());
                return Ok(255);
            }
        },
    };
    match (object, verb) {
        ("help", _) => Ok(usage(ctx)),
        ("address" | "link" | "route" | "neigh", "show" | "list" | "lst") => {
            let text = match look(ctx, object, rest, style) {
                Ok(text) => text,
                Err((text, status)) => {
                    ctx.err.extend(text.bytes());
                    return Ok(status);
                }
            };
            ctx.print(&text);
            Ok(0)
        }
        ("route", "get") => Ok(get(ctx, rest)),
        ("address" | "link" | "route" | "neigh", verb) if verb != "help" => {
            Ok(change::apply(ctx, object, verb, rest))
        }
        ("rule", "show" | "list") => {
            let last = if style.family == Some(6) { "" } else { "32767:\tfrom all lookup default\n" };
            ctx.print(&format!("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n{last}"));
            Ok(0)
        }
        ("maddress", "show" | "list") => {
            let text = ctx.sh.look(|view| super::show::multicast(&view));
            ctx.print(&text);
            Ok(0)
        }
        _ => Ok(0),
    }
}

/// What is filtered by: the words behind `show`.
#[derive(Default)]
pub(super) struct Filter<'a> {
    pub(super) device: Option<&'a str>,
    pub(super) scope: Option<&'a str>,
    pub(super) dynamic: bool,
    /// The destination of a route.
    pub(super) to: Option<&'a str>,
    /// The kind of a link: none is of any but the kinds that have no name.
    pub(super) kind: Option<&'a str>,
}

fn look(ctx: &Ctx<'_>, object: &str, words: &[&str], style: Style) -> Result<String, (String, i32)> {
    let mut filter = Filter::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "default" if object == "route" => filter.to = Some(word),
            "up" | "primary" | "permanent" | "all" | "cache" | "root" | "match" | "exact" => {}
            "scope" => filter.scope = words.next(),
            "dynamic" => filter.dynamic = true,
            "to" if object == "route" => filter.to = words.next(),
            "type" => filter.kind = words.next(),
            "to" | "label" | "table" | "proto" | "master" | "group" | "vrf" | "nud" => {
                words.next();
            }
            "dev" => filter.device = words.next(),
            device => filter.device = Some(device),
        }
    }
    let uptime_lease = lease(ctx);
    ctx.sh.look(|view| {
        if let Some(device) = filter.device.filter(|d| (1..=2).all(|link| view.link_name(link) != *d)) {
            return Err(match object {
                "route" => (format!("Cannot find device \"{device}\"\n"), 1),
                "neigh" => (format!("Cannot find device \"{device}\"\n"), 1),
                _ => (format!("Device \"{device}\" does not exist.\n"), 1),
            });
        }
        Ok(match object {
            "address" => addresses(&view, &filter, style, uptime_lease),
            "link" => links(&view, &filter, style),
            "route" => routes(&view, &filter, style),
            _ => neighbours(&view, &filter, style),
        })
    })
}

/// Seconds the DHCP lease still lasts: a day's lease, renewed at half.
fn lease(ctx: &Ctx<'_>) -> u64 {
    86_400 - ctx.sh.look(|view| view.uptime()) % 43_200
}

fn get(ctx: &mut Ctx<'_>, words: &[&str]) -> i32 {
    let Some(word) = words.iter().find(|word| **word != "to") else {
        ctx.err.extend(b"need at least a destination address\n");
        return 1;
    };
    let Ok(to) = word.split('/').next().unwrap_or("").parse::<Ipv4Addr>() else {
        ctx.err.extend(format!("Error: any valid prefix is expected rather than \"{word}\".\n").bytes());
        return 1;
    };
    let uid = ctx.sh.account.cred.uid;
    let answer = ctx.sh.look(|view| {
        if to.is_loopback() || view.addresses().iter().any(|a| a.ip == IpAddr::V4(to)) {
            return Ok(format!("local {to} dev lo src {to} uid {uid} \n    cache <local> \n"));
        }
        let table = view.routes();
        let longest = table.iter().filter(|r| crate::machine::links::masked(to, r.to.1) == r.to.0);
        let Some(route) = longest.max_by_key(|r| r.to.1) else {
            return Err("RTNETLINK answers: Network is unreachable\n");
        };
        let Some(link) = route.link else {
            return Err(match route.kind {
                "blackhole" => "RTNETLINK answers: Invalid argument\n",
                "prohibit" => "RTNETLINK answers: Permission denied\n",
                _ => "RTNETLINK answers: No route to host\n",
            });
        };
        let via = route.via.map_or(String::new(), |via| format!("via {via} "));
        let source = route.source.unwrap_or(view.persona().ip);
        Ok(format!("{to} {via}dev {} src {source} uid {uid} \n    cache \n", view.link_name(link)))
    });
    match answer {
        Ok(text) => {
            ctx.print(&text);
            0
        }
        Err(text) => {
            ctx.err.extend(text.bytes());
            2
        }
    }
}
