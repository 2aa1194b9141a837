//! ip, and ifconfig, route and arp of net-tools 2.10.

mod change;
mod ip;
mod show;

use std::net::{IpAddr, Ipv4Addr};

use super::registry::{Row, bin, sbin};
use super::{Ctx, Need, show as text_of};
use crate::machine::links::{LOOPBACK, MAX, OUTSIDE, mask, masked};
use crate::machine::{Route, View, counters, gateway_mac};

pub(super) const PROGRAMS: &[Row] = &[
    sbin("arp", "net-tools", 67_720, arp),
    sbin("ifconfig", "net-tools", 83_976, ifconfig),
    bin("ip", "iproute2", 691_016, ip::ip),
    bin("ip", "iproute2", 0, ip::ip).linked("/bin/ip").in_sbin(),
    sbin("route", "net-tools", 70_832, route),
];

const VERSION: &str = "net-tools 2.10\n";

fn words(ctx: &Ctx<'_>) -> Vec<String> {
    ctx.args.iter().map(|a| text_of(a)).collect()
}

/// Bytes as ifconfig adds them in parentheses.
fn bytes(n: u64) -> String {
    let value = n as f64;
    match n {
        1_073_741_824.. => format!("{n} ({:.1} GiB)", value / 1_073_741_824.0),
        1_048_576.. => format!("{n} ({:.1} MiB)", value / 1_048_576.0),
        1024.. => format!("{n} ({:.1} KiB)", value / 1024.0),
        _ => format!("{n} ({value:.1} B)"),
    }
}

fn ifconfig(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let all = words(ctx);
    let mut short = false;
    for option in all.iter().take_while(|word| word.starts_with('-')) {
        match option.as_str() {
            "-a" | "-v" => {}
            "-s" => short = true,
            "-V" | "--version" => {
                ctx.print(VERSION);
                return Ok(0);
            }
            other => {
                let text = format!(
                    "ifconfig: option `{other}' not recognised.\nifconfig: `--help' gives usage information.\n"
                );
                ctx.err.extend(text.bytes());
                return Ok(1);
            }
        }
    }
    let rest: Vec<&str> = all.iter().map(String::as_str).skip_while(|word| word.starts_with('-')).collect();
    let wanted = rest.first().copied();
    let found = ctx.sh.look(|view| {
        wanted.map(|name| [OUTSIDE, LOOPBACK].into_iter().find(|link| view.link_name(*link) == name))
    });
    if rest.len() > 1 {
        let text = if found == Some(None) {
            format!("{}: ERROR while getting interface flags: No such device\n", wanted.unwrap_or(""))
        } else if ctx.sh.account.cred.uid != 0 {
            "SIOCSIFFLAGS: Operation not permitted\n".to_owned()
        } else {
            return Ok(0);
        };
        ctx.err.extend(text.bytes());
        return Ok(255);
    }
    if found == Some(None) {
        let name = wanted.unwrap_or("");
        let text = format!("{name}: error fetching interface information: Device not found\n");
        ctx.err.extend(text.bytes());
        return Ok(1);
    }
    let links = found.flatten().map_or(vec![OUTSIDE, LOOPBACK], |link| vec![link]);
    let text = ctx.sh.look(|view| {
        if short {
            return format!("Iface      MTU    {INTERFACES}")
                + &links.iter().map(|l| interface(&view, *l)).collect::<String>();
        }
        links.iter().map(|link| long(&view, *link)).collect()
    });
    ctx.print(&text);
    Ok(0)
}

fn long(view: &View<'_>, link: u32) -> String {
    let p = view.persona();
    let mut text = if link == LOOPBACK {
        "lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n".to_owned()
    } else {
        format!("{}: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n", p.interface)
    };
    let mut of_four = false;
    for address in view.addresses().iter().filter(|address| address.link == link) {
        match address.ip {
            // The ioctl that it asks by tells one address only.
            IpAddr::V4(ip) if !of_four => {
                of_four = true;
                let netmask = mask(address.prefix);
                text += &format!("        inet {ip}  netmask {netmask}");
                if link == OUTSIDE {
                    let broadcast = if address.dynamic {
                        Ipv4Addr::from(u32::from(ip) | !u32::from(netmask))
                    } else {
                        Ipv4Addr::UNSPECIFIED
                    };
                    text += &format!("  broadcast {broadcast}");
                }
                text.push('\n');
            }
            IpAddr::V4(_) => {}
            IpAddr::V6(ip) => {
                let scope = if link == LOOPBACK { "0x10<host>" } else { "0x20<link>" };
                text += &format!("        inet6 {ip}  prefixlen {}  scopeid {scope}\n", address.prefix);
            }
        }
    }
    text += &if link == LOOPBACK {
        "        loop  txqueuelen 1000  (Local Loopback)\n".to_owned()
    } else {
        format!("        ether {}  txqueuelen 1000  (Ethernet)\n", p.mac)
    };
    let [rx, rx_packets, tx, tx_packets] = counters(view, link);
    text + &format!(
        "        RX packets {rx_packets}  bytes {}\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets {tx_packets}  bytes {}\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
        bytes(rx),
        bytes(tx)
    )
}

const INTERFACES: &str = "RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";

fn interface(view: &View<'_>, link: u32) -> String {
    let [_, rx, _, tx] = counters(view, link);
    let (mtu, flags) = if link == LOOPBACK { (65_536, "LRU") } else { (1500, "BMRU") };
    format!(
        "{:<16}{mtu:>5} {rx:>8} {:>6} {:>6} {:<6} {tx:>8} {:>6} {:>6} {:>6} {flags}\n",
        view.link_name(link),
        0,
        0,
        0,
        0,
        0,
        0
    )
}

/// `netstat -i`.
pub(super) fn interface_table(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let text = ctx.sh.look(|view| {
        format!(
            "Kernel Interface table\nIface             MTU    {INTERFACES}{}{}",
            interface(&view, OUTSIDE),
            interface(&view, LOOPBACK)
        )
    });
    ctx.print(&text);
    Ok(0)
}

/// The table of `route` and of `netstat -r`.
pub(super) fn routes(ctx: &mut Ctx<'_>, netstat: bool, numeric: bool) -> Result<i32, Need> {
    let head = if netstat { "Flags   MSS Window  irtt Iface" } else { "Flags Metric Ref    Use Iface" };
    let text = ctx.sh.look(|view| {
        let rows = view.routes().iter().map(|route| row(&view, route, netstat, numeric)).collect::<String>();
        format!("Kernel IP routing table\nDestination     Gateway         Genmask         {head}\n{rows}")
    });
    ctx.print(&text);
    Ok(0)
}

fn row(view: &View<'_>, route: &Route, netstat: bool, numeric: bool) -> String {
    let (ip, prefix) = route.to;
    let to = if prefix == 0 && !numeric { "default".to_owned() } else { ip.to_string() };
    let mut flags = if route.link.is_some() { "U" } else { "!" }.to_owned();
    if route.via.is_some() {
        flags.push('G');
    }
    if prefix == 32 {
        flags.push('H');
    }
    let (via, rest) = match route.link {
        None if netstat => ("-".to_owned(), format!("{flags:<7}   - -          -")),
        None => ("-".to_owned(), format!("{flags:<5} 0      -        0")),
        Some(_) => {
            let via = route.via.unwrap_or(Ipv4Addr::UNSPECIFIED).to_string();
            (
                via,
                if netstat {
                    format!("{flags:<7}   0 0          0")
                } else {
                    format!("{flags:<5} 0      0        0")
                },
            )
        }
    };
    let device = route.link.map_or("-", |link| view.link_name(link));
    format!("{to:<15} {via:<15} {:<15} {rest} {device}\n", mask(prefix).to_string())
}

const ROUTE_USAGE: &str = "Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]\n       inet_route [-vF] add {-host|-net} Target[/prefix] [gw Gw] [metric M]\n                              [netmask N] [mss Mss] [window W] [irtt I]\n                              [mod] [dyn] [reinstate] [[dev] If]\n       inet_route [-vF] add {-host|-net} Target[/prefix] [metric M] reject\n       inet_route [-FC] flush      NOT supported\n";

fn route(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let all = words(ctx);
    let verb = all.iter().position(|word| word == "add" || word == "del" || word == "delete");
    let letters: String =
        all.iter().take(verb.unwrap_or(all.len())).filter(|w| w.starts_with('-')).cloned().collect();
    if letters.contains('V') {
        ctx.print(VERSION);
        return Ok(0);
    }
    match verb.and_then(|at| all.split_at_checked(at)).and_then(|(_, rest)| rest.split_first()) {
        None => routes(ctx, letters.contains('e'), letters.contains('n')),
        Some((verb, rest)) => Ok(change_route(ctx, verb == "add", rest)),
    }
}

/// `route add` and `route del`.
fn change_route(ctx: &mut Ctx<'_>, add: bool, words: &[String]) -> i32 {
    let mut target = None;
    let (mut via, mut length, mut reject, mut device) = (None, None, false, None);
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        match word {
            "-net" | "-host" => {}
            "gw" => via = rest.next(),
            "netmask" => {
                let netmask = rest.next().and_then(|mask| mask.parse::<Ipv4Addr>().ok());
                length = netmask.and_then(|mask| u8::try_from(u32::from(mask).leading_ones()).ok());
            }
            "metric" | "mss" | "window" | "irtt" => {
                rest.next();
            }
            "reject" => reject = true,
            "dev" => device = rest.next(),
            _ if target.is_none() => target = Some(word),
            other => device = Some(other),
        }
    }
    let Some(word) = target else {
        ctx.err.extend(ROUTE_USAGE.bytes());
        return 4;
    };
    let (ip, given) = word.split_once('/').unwrap_or((word, ""));
    let (ip, length) = match ip.parse::<Ipv4Addr>() {
        Ok(ip) => (ip, given.parse().ok().or(length).unwrap_or(32u8).min(32)),
        Err(_) if ip == "default" => (Ipv4Addr::UNSPECIFIED, 0),
        Err(_) => {
            ctx.err.extend(format!("{ip}: Host name lookup failure\n").bytes());
            return 6;
        }
    };
    let (to, via) = ((masked(ip, length), length), via.and_then(|via| via.parse::<Ipv4Addr>().ok()));
    let call = if add { "SIOCADDRT" } else { "SIOCDELRT" };
    let why = if ctx.sh.account.cred.uid != 0 {
        Some("Operation not permitted")
    } else {
        edit(ctx, add, to, via, (reject, device)).err()
    };
    match why {
        Some(why) => {
            ctx.err.extend(format!("{call}: {why}\n").bytes());
            7
        }
        None => 0,
    }
}

fn edit(
    ctx: &mut Ctx<'_>,
    add: bool,
    to: (Ipv4Addr, u8),
    via: Option<Ipv4Addr>,
    (reject, device): (bool, Option<&str>),
) -> Result<(), &'static str> {
    let (table, link) = ctx
        .sh
        .look(|view| (view.routes(), device.map(|name| (1..=2).find(|link| view.link_name(*link) == name))));
    if link == Some(None) {
        return Err("No such device");
    }
    let mut own: Vec<Route> = table.iter().copied().filter(|route| route.source.is_none()).collect();
    if add {
        let near = |ip| table.iter().any(|r| r.source.is_some() && masked(ip, r.to.1) == r.to.0);
        if via.is_some_and(|via| !near(via)) {
            return Err("Network is unreachable");
        }
        if via.is_none() && link.is_none() && !reject {
            return Err("No such device");
        }
        let link = if reject { None } else { link.flatten().or(Some(OUTSIDE)) };
        let kind = if reject { "unreachable" } else { "" };
        let made = Route { to, via, link, kind, source: None, by_ioctl: true };
        if own.iter().any(|route| (route.to, route.via) == (to, via)) {
            return Err("File exists");
        }
        if own.len() < MAX {
            own.push(made);
        }
    } else {
        let same = |route: &Route| route.to == to && via.is_none_or(|via| route.via == Some(via));
        match own.iter().position(same) {
            Some(at) => {
                own.remove(at);
            }
            // Of the own network: the visit would be over.
            None if table.iter().any(same) => return Ok(()),
            None => return Err("No such process"),
        }
    }
    ctx.sh.live().routes = Some(own);
    Ok(())
}

fn arp(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona().clone();
    let all = words(ctx);
    let letters: String =
        all.iter().filter(|w| w.starts_with('-')).map(|w| w.trim_start_matches('-')).collect();
    if letters.contains('V') {
        ctx.print(VERSION);
        return Ok(0);
    }
    let host = all.iter().find(|w| !w.starts_with('-'));
    if letters.contains(['d', 's']) {
        if ctx.sh.account.cred.uid != 0 {
            let call = if letters.contains('d') { "SIOCDARP(dontpub)" } else { "SIOCSARP" };
            ctx.err.extend(format!("{call}: Operation not permitted\n").bytes());
            return Ok(255);
        }
        let near = host
            .and_then(|h| h.parse::<Ipv4Addr>().ok())
            .is_some_and(|ip| masked(ip, 24) == masked(p.ip, 24));
        if !near {
            let call = if letters.contains('d') { "SIOCDARP(dontpub)" } else { "SIOCSARP" };
            ctx.err.extend(format!("{call}: Network is unreachable\n").bytes());
            return Ok(255);
        }
        return Ok(0);
    }
    let mac = gateway_mac(&p);
    let bsd = letters.contains('a');
    if let Some(host) = host.filter(|host| **host != p.gateway.to_string()) {
        ctx.print(&if bsd {
            "arp: in 1 entries no match found.\n".to_owned()
        } else {
            format!("{host} ({host}) -- no entry\n")
        });
        return Ok(i32::from(!bsd));
    }
    let text = if bsd {
        format!("? ({}) at {mac} [ether] on {}\n", p.gateway, p.interface)
    } else {
        format!(
            "Address                  HWtype  HWaddress           Flags Mask            Iface\n{:<24} ether   {mac}   C                     {}\n",
            p.gateway.to_string(),
            p.interface
        )
    };
    ctx.print(&text);
    Ok(0)
}
