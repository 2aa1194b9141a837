//! How ip lays out links, addresses, routes and neighbours: in lines, in brief, on one line each, as JSON.

use std::net::IpAddr;

use super::ip::Filter;
use crate::machine::links::{LOOPBACK, OUTSIDE};
use crate::machine::{Address, Route, View, counters, gateway_mac};

/// How it is to be shown.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Style {
    /// 4 or 6, if only one is asked for.
    pub(super) family: Option<u8>,
    pub(super) brief: bool,
    pub(super) one_line: bool,
    pub(super) json: bool,
    pub(super) statistics: bool,
}

impl Style {
    /// Ends of lines, or what stands for them.
    fn lay(self, text: &str) -> String {
        let text = text.trim_end_matches('\n');
        (if self.one_line { text.replace('\n', "\\") } else { text.to_owned() }) + "\n"
    }
}

/// The properties of an interface.
struct Link<'a> {
    number: u32,
    name: &'a str,
    flags: &'static [&'static str],
    mtu: u32,
    queue: &'static str,
    state: &'static str,
    kind: &'static str,
    mac: &'a str,
    broadcast: &'static str,
    /// The second name that systemd gives an interface named after its slot.
    other_name: Option<String>,
}

fn link<'a>(view: &'a View<'_>, number: u32) -> Link<'a> {
    let p = view.persona();
    if number == LOOPBACK {
        return Link {
            number,
            name: "lo",
            flags: &["LOOPBACK", "UP", "LOWER_UP"],
            mtu: 65_536,
            queue: "noqueue",
            state: "UNKNOWN",
            kind: "loopback",
            mac: "00:00:00:00:00:00",
            broadcast: "00:00:00:00:00:00",
            other_name: None,
        };
    }
    Link {
        number,
        name: &p.interface,
        flags: &["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        mtu: 1500,
        queue: "fq_codel",
        state: "UP",
        kind: "ether",
        mac: &p.mac,
        broadcast: "ff:ff:ff:ff:ff:ff",
        other_name: p.interface.strip_prefix("ens").map(|slot| format!("enp0s{slot}")),
    }
}

fn chosen(view: &View<'_>, filter: &Filter<'_>) -> impl Iterator<Item = u32> {
    let device = filter.device.map(|name| if name == view.link_name(LOOPBACK) { LOOPBACK } else { OUTSIDE });
    let none = filter.kind.is_some();
    [LOOPBACK, OUTSIDE].into_iter().filter(move |link| !none && device.is_none_or(|device| device == *link))
}

pub(super) fn links(view: &View<'_>, filter: &Filter<'_>, style: Style) -> String {
    let rows = chosen(view, filter).map(|number| {
        let link = link(view, number);
        if style.json {
            return link_json(&link, "\"linkmode\":\"DEFAULT\",") + &names_json(&link) + "}";
        }
        if style.brief {
            return format!(
                "{:<16} {:<14} {} <{}> \n",
                link.name,
                link.state,
                link.mac,
                link.flags.join(",")
            );
        }
        let mut text = head(&link, " mode DEFAULT", false) + &hardware(&link);
        if style.statistics {
            text += &statistics(counters(view, number));
        }
        style.lay(&(text + &names(&link)))
    });
    joined(rows, style)
}

fn joined(rows: impl Iterator<Item = String>, style: Style) -> String {
    if style.json { format!("[{}]\n", rows.collect::<Vec<_>>().join(",")) } else { rows.collect() }
}

/// The first line. Of version 6 alone the kernel tells less.
fn head(link: &Link<'_>, mode: &str, six: bool) -> String {
    let (queue, group) =
        if six { (String::new(), "") } else { (format!(" qdisc {}", link.queue), " group default") };
    format!(
        "{}: {}: <{}> mtu {}{queue} state {}{mode}{group} qlen 1000\n",
        link.number,
        link.name,
        link.flags.join(","),
        link.mtu,
        link.state
    )
}

fn hardware(link: &Link<'_>) -> String {
    format!("    link/{} {} brd {}\n", link.kind, link.mac, link.broadcast)
}

fn names(link: &Link<'_>) -> String {
    link.other_name.as_ref().map_or(String::new(), |name| format!("    altname {name}\n"))
}

fn names_json(link: &Link<'_>) -> String {
    link.other_name.as_ref().map_or(String::new(), |name| format!(",\"altnames\":[\"{name}\"]"))
}

fn link_json(link: &Link<'_>, mode: &str) -> String {
    format!(
        "{{\"ifindex\":{},\"ifname\":\"{}\",\"flags\":[{}],\"mtu\":{},\"qdisc\":\"{}\",\"operstate\":\"{}\",{mode}\"group\":\"default\",\"txqlen\":1000,\"link_type\":\"{}\",\"address\":\"{}\",\"broadcast\":\"{}\"",
        link.number,
        link.name,
        link.flags.iter().map(|flag| format!("\"{flag}\"")).collect::<Vec<_>>().join(","),
        link.mtu,
        link.queue,
        link.state,
        link.kind,
        link.mac,
        link.broadcast
    )
}

/// `-s`: columns as wide as the widest number of theirs.
fn statistics([rx, rx_packets, tx, tx_packets]: [u64; 4]) -> String {
    let digits = |a: u64, b: u64| a.max(b).to_string().len();
    let (bytes, packets) = (digits(rx, tx).max(10), digits(rx_packets, tx_packets).max(7));
    let side = |name: &str, last: [&str; 2], n: u64, count: u64| {
        let label = bytes - 4;
        format!(
            "    {name}: {:>label$} {:>packets$} errors dropped {:>7} {:>7} {:>10}\n    {n:>bytes$} {count:>packets$} {:>6} {:>7} {:>7} {:>7} \n",
            "bytes", "packets", last[0], last[1], "", 0, 0, 0, 0
        )
    };
    side("RX", ["missed", "mcast"], rx, rx_packets) + &side("TX", ["carrier", "collsns"], tx, tx_packets)
}

pub(super) fn addresses(view: &View<'_>, filter: &Filter<'_>, style: Style, lease: u64) -> String {
    let all = view.addresses();
    let rows = chosen(view, filter).filter_map(|number| {
        let link = link(view, number);
        let own: Vec<&Address> = all
            .iter()
            .filter(|a| a.link == number)
            .filter(|a| style.family.is_none_or(|family| (family == 4) == a.ip.is_ipv4()))
            .filter(|a| filter.scope.is_none_or(|scope| scope == a.scope()))
            .filter(|a| !filter.dynamic || a.dynamic)
            .collect();
        if own.is_empty() && (filter.scope.is_some() || filter.dynamic || style.family.is_some()) {
            return None;
        }
        if style.json {
            let cells: Vec<String> =
                own.iter().map(|a| address_json(a, &link, a.is_secondary(&all), lease)).collect();
            let head = link_json(&link, "") + &names_json(&link);
            return Some(format!("{head},\"addr_info\":[{}]}}", cells.join(",")));
        }
        if style.brief {
            let cells: String = own.iter().map(|a| format!("{}/{} ", a.ip, a.prefix)).collect();
            return Some(format!("{:<16} {:<14} {cells}\n", link.name, link.state));
        }
        let mut text = String::new();
        if !style.one_line {
            text += &head(&link, "", style.family == Some(6));
            if style.family.is_none() {
                text += &hardware(&link);
            }
            if style.family != Some(6) {
                text += &names(&link);
            }
        }
        for address in own {
            text += &row(address, &link, address.is_secondary(&all), lease, style);
        }
        Some(text)
    });
    joined(rows, style)
}

fn row(address: &Address, link: &Link<'_>, secondary: bool, lease: u64, style: Style) -> String {
    let family = if address.ip.is_ipv4() { "inet" } else { "inet6" };
    let broadcast = match address.ip {
        IpAddr::V4(ip) if address.dynamic => {
            format!("brd {} ", std::net::Ipv4Addr::from(u32::from(ip) | 255))
        }
        _ => String::new(),
    };
    let mut flags = String::new();
    if secondary {
        flags += "secondary ";
    }
    if address.dynamic {
        flags += "dynamic ";
    }
    if address.ip.is_ipv6() && address.ip.is_loopback() {
        flags += "noprefixroute ";
    }
    if address.ip.is_ipv4() {
        flags += link.name;
    }
    let life = if address.dynamic { format!("{lease}sec") } else { "forever".to_owned() };
    let place = if style.one_line { format!("{}: {}", link.number, link.name) } else { String::new() };
    let text = format!(
        "{place}    {family} {}/{} {broadcast}scope {} {flags}\n       valid_lft {life} preferred_lft {life}\n",
        address.ip,
        address.prefix,
        address.scope()
    );
    style.lay(&text)
}

fn address_json(address: &Address, link: &Link<'_>, secondary: bool, lease: u64) -> String {
    let six = address.ip.is_ipv6();
    let mut text = format!(
        "{{\"family\":\"{}\",\"local\":\"{}\",\"prefixlen\":{},",
        if six { "inet6" } else { "inet" },
        address.ip,
        address.prefix
    );
    if let (IpAddr::V4(ip), true) = (address.ip, address.dynamic) {
        text += &format!("\"broadcast\":\"{}\",", std::net::Ipv4Addr::from(u32::from(ip) | 255));
    }
    text += &format!("\"scope\":\"{}\",", address.scope());
    if secondary {
        text += "\"secondary\":true,";
    }
    if address.dynamic {
        text += "\"dynamic\":true,";
    }
    if six && address.ip.is_loopback() {
        text += "\"noprefixroute\":true,";
    }
    if !six {
        text += &format!("\"label\":\"{}\",", link.name);
    }
    let life = if address.dynamic { lease } else { u64::from(u32::MAX) };
    text + &format!("\"valid_life_time\":{life},\"preferred_life_time\":{life}}}")
}

fn target(route: &Route) -> String {
    match route.to {
        (_, 0) => "default".to_owned(),
        (ip, 32) => ip.to_string(),
        (ip, prefix) => format!("{ip}/{prefix}"),
    }
}

pub(super) fn routes(view: &View<'_>, filter: &Filter<'_>, style: Style) -> String {
    if style.family == Some(6) {
        let name = view.link_name(OUTSIDE);
        return if filter.device.is_some_and(|device| device != name) {
            String::new()
        } else if style.json {
            format!(
                "[{{\"dst\":\"fe80::/64\",\"dev\":\"{name}\",\"protocol\":\"kernel\",\"metric\":256,\"flags\":[],\"pref\":\"medium\"}}]\n"
            )
        } else {
            format!("fe80::/64 dev {name} proto kernel metric 256 pref medium\n")
        };
    }
    let all = view.routes();
    let rows = all
        .iter()
        .filter(|route| {
            filter.device.is_none_or(|device| route.link.is_some_and(|l| view.link_name(l) == device))
        })
        .filter(|route| filter.to.is_none_or(|to| to == target(route)))
        .filter(|route| filter.scope.is_none_or(|scope| (scope == "link") == route.source.is_some()))
        .map(|route| if style.json { route_json(view, route) } else { route_line(view, route) });
    joined(rows, style)
}

fn route_line(view: &View<'_>, route: &Route) -> String {
    let kind = if route.kind.is_empty() { String::new() } else { format!("{} ", route.kind) };
    let via = route.via.map_or(String::new(), |via| format!("via {via} "));
    let device = route.link.map_or(String::new(), |link| format!("dev {} ", view.link_name(link)));
    let tail = match route.source {
        Some(source) => format!("proto kernel scope link src {source} "),
        None if route.link.is_some() && route.via.is_none() => "scope link ".to_owned(),
        None if route.by_ioctl => "scope host ".to_owned(),
        None => String::new(),
    };
    format!("{kind}{} {via}{device}{tail}\n", target(route))
}

fn route_json(view: &View<'_>, route: &Route) -> String {
    let mut text = "{".to_owned();
    if !route.kind.is_empty() {
        text += &format!("\"type\":\"{}\",", route.kind);
    }
    text += &format!("\"dst\":\"{}\",", target(route));
    if let Some(via) = route.via {
        text += &format!("\"gateway\":\"{via}\",");
    }
    if let Some(link) = route.link {
        text += &format!("\"dev\":\"{}\",", view.link_name(link));
    }
    match route.source {
        Some(source) => {
            text += &format!("\"protocol\":\"kernel\",\"scope\":\"link\",\"prefsrc\":\"{source}\",")
        }
        None if route.link.is_some() && route.via.is_none() => text += "\"scope\":\"link\",",
        None => {}
    }
    text + "\"flags\":[]}"
}

pub(super) fn neighbours(view: &View<'_>, filter: &Filter<'_>, style: Style) -> String {
    let (p, name) = (view.persona(), view.link_name(OUTSIDE));
    let shown = style.family != Some(6) && filter.device.is_none_or(|device| device == name);
    let mac = gateway_mac(p);
    let rows = shown.then(|| {
        if style.json {
            format!(
                "{{\"dst\":\"{}\",\"dev\":\"{name}\",\"lladdr\":\"{mac}\",\"state\":[\"REACHABLE\"]}}",
                p.gateway
            )
        } else if style.brief {
            format!("{:<39} {name:<16} {mac}\n", p.gateway.to_string())
        } else {
            format!("{} dev {name} lladdr {mac} REACHABLE \n", p.gateway)
        }
    });
    joined(rows.into_iter(), style)
}

/// `ip maddress`: the groups that every host is in, and that of its own address.
pub(super) fn multicast(view: &View<'_>) -> String {
    let mac: Vec<&str> = view.persona().mac.split(':').skip(3).collect();
    let (dashed, [a, b, c]) = (mac.join(":"), [0, 1, 2].map(|n| mac.get(n).copied().unwrap_or("00")));
    let last = u32::from_str_radix(&format!("{b}{c}"), 16).unwrap_or(0);
    format!(
        "1:\tlo\n\tinet  224.0.0.1\n\tinet6 ff02::1\n\tinet6 ff01::1\n2:\t{}\n\tlink  33:33:00:00:00:01\n\tlink  01:00:5e:00:00:01\n\tlink  33:33:ff:{dashed}\n\tinet  224.0.0.1\n\tinet6 ff02::1:ff{a}:{last:x}\n\tinet6 ff02::1\n\tinet6 ff01::1\n",
        view.link_name(OUTSIDE)
    )
}
