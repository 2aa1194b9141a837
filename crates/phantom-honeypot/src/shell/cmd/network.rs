//! ip, ifconfig, route and arp.

use std::net::Ipv4Addr;

use super::registry::{Row, bin, sbin};
use super::{Ctx, Need, show};
use crate::Persona;
use crate::machine::{gateway_mac, link_local, traffic};

pub(super) const PROGRAMS: &[Row] = &[
    sbin("arp", "net-tools", 67_720, arp),
    sbin("ifconfig", "net-tools", 83_976, ifconfig),
    bin("ip", "iproute2", 691_016, ip),
    bin("ip", "iproute2", 0, ip).linked("/bin/ip").in_sbin(),
    sbin("route", "net-tools", 70_832, route),
];

fn broadcast(p: &Persona) -> Ipv4Addr {
    (u32::from(p.ip) | 255).into()
}

fn network(p: &Persona) -> Ipv4Addr {
    (u32::from(p.ip) & !255).into()
}

/// Seconds the DHCP lease still lasts: a day's lease, renewed at half.
fn lease(ctx: &Ctx<'_>) -> i64 {
    let p = ctx.sh.machine.persona();
    let up = (ctx.sh.io.now().as_second() - p.boot.as_second()).max(0);
    86_400 - up % 43_200
}

fn ip(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let mut take = |names: &[&str]| {
        let before = words.len();
        words.retain(|w| !names.contains(&w.as_str()));
        words.len() != before
    };
    let brief = take(&["-br", "-brief", "--brief"]);
    let four = take(&["-4"]);
    let six = take(&["-6"]);
    let one_line = take(&["-o", "-oneline"]);
    let _ = take(&["-c", "-color", "-s", "-stats", "-d", "-details", "-h", "-N", "-n"]);
    let json = take(&["-j", "-json", "-p", "-pretty"]);
    if words.iter().any(|w| w == "-V" || w == "-Version") {
        ctx.print("ip utility, iproute2-6.1.0, libbpf 1.1.2\n");
        return Ok(0);
    }
    let p = ctx.sh.machine.persona().clone();
    let object = words.first().cloned().unwrap_or_default();
    let verb = words.get(1).cloned().unwrap_or_default();
    let changes = ["add", "del", "delete", "set", "flush", "replace", "change", "append"]
        .iter()
        .any(|v| *v == verb || (verb.len() > 1 && v.starts_with(&verb) && verb != "d"));
    let root = ctx.sh.account.cred.uid == 0;
    let is = |whole: &str| !object.is_empty() && whole.starts_with(&object);
    if changes && !object.is_empty() && object != "help" {
        if !root {
            ctx.err.extend_from_slice(b"RTNETLINK answers: Operation not permitted\n");
            return Ok(2);
        }
        return Ok(0);
    }
    let device = words.iter().position(|w| w == "dev").map_or_else(
        || {
            words
                .iter()
                .skip(1)
                .find(|w| !matches!(w.as_str(), "show" | "list" | "s" | "sh" | "ls" | "get"))
                .cloned()
        },
        |at| words.get(at + 1).cloned(),
    );
    if let Some(device) = device.as_ref().filter(|d| {
        (is("address") || is("link"))
            && **d != "lo"
            && **d != p.interface
            && !matches!(d.as_str(), "up" | "scope" | "global" | "help" | "type")
    }) {
        ctx.err.extend_from_slice(format!("Device \"{device}\" does not exist.\n").as_bytes());
        return Ok(1);
    }
    let wants = |name: &str| device.as_deref().is_none_or(|d| d == name || !(d == "lo" || d == p.interface));
    let text = if object.is_empty() || object == "help" {
        let usage = "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n       ip [ -force ] -batch filename\nwhere  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |\n                   link | macsec | maddress | monitor | mptcp | mroute | mrule |\n                   neighbor | neighbour | netconf | netns | nexthop | ntable |\n                   ntbl | route | rule | sr | tap | tcpmetrics |\n                   token | tunnel | tuntap | vrf | xfrm }\n       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |\n                    -h[uman-readable] | -iec | -j[son] | -p[retty] |\n                    -f[amily] { inet | inet6 | mpls | bridge | link } |\n                    -4 | -6 | -M | -B | -0 |\n                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |\n                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |\n                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |\n                    -c[olor]}\n";
        ctx.err.extend_from_slice(usage.as_bytes());
        return Ok(255);
    } else if json {
        format!(
            "[{{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"LOOPBACK\",\"UP\",\"LOWER_UP\"],\"mtu\":65536,\"qdisc\":\"noqueue\",\"operstate\":\"UNKNOWN\",\"group\":\"default\",\"txqlen\":1000,\"link_type\":\"loopback\",\"address\":\"00:00:00:00:00:00\",\"broadcast\":\"00:00:00:00:00:00\",\"addr_info\":[{{\"family\":\"inet\",\"local\":\"127.0.0.1\",\"prefixlen\":8,\"scope\":\"host\",\"label\":\"lo\",\"valid_life_time\":4294967295,\"preferred_life_time\":4294967295}}]}},{{\"ifindex\":2,\"ifname\":\"{0}\",\"flags\":[\"BROADCAST\",\"MULTICAST\",\"UP\",\"LOWER_UP\"],\"mtu\":1500,\"qdisc\":\"fq_codel\",\"operstate\":\"UP\",\"group\":\"default\",\"txqlen\":1000,\"link_type\":\"ether\",\"address\":\"{1}\",\"broadcast\":\"ff:ff:ff:ff:ff:ff\",\"addr_info\":[{{\"family\":\"inet\",\"local\":\"{2}\",\"prefixlen\":24,\"broadcast\":\"{3}\",\"scope\":\"global\",\"dynamic\":true,\"label\":\"{0}\",\"valid_life_time\":{4},\"preferred_life_time\":{4}}}]}}]\n",
            p.interface,
            p.mac,
            p.ip,
            broadcast(&p),
            lease(ctx)
        )
    } else if is("address") {
        addresses(&p, lease(ctx), (brief, one_line), (four, six), &wants)
    } else if is("link") {
        if brief {
            format!(
                "{:<16} {:<14} 00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n{:<16} {:<14} {} <BROADCAST,MULTICAST,UP,LOWER_UP> \n",
                "lo", "UNKNOWN", p.interface, "UP", p.mac
            )
        } else {
            let mut text = String::new();
            if wants("lo") {
                text += "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n";
            }
            if wants(&p.interface) {
                text += &format!(
                    "2: {}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000\n    link/ether {} brd ff:ff:ff:ff:ff:ff\n{}",
                    p.interface,
                    p.mac,
                    altname(&p)
                );
            }
            text
        }
    } else if is("route") {
        if verb == "get" {
            let to = words.get(2).cloned().unwrap_or_default();
            match to.parse::<Ipv4Addr>() {
                Ok(to) if to.is_loopback() || to == p.ip => format!(
                    "local {to} dev lo src {to} uid {} \n    cache <local> \n",
                    ctx.sh.account.cred.uid
                ),
                Ok(to) if u32::from(to) & !255 == u32::from(network(&p)) => format!(
                    "{to} dev {} src {} uid {} \n    cache \n",
                    p.interface, p.ip, ctx.sh.account.cred.uid
                ),
                Ok(to) => format!(
                    "{to} via {} dev {} src {} uid {} \n    cache \n",
                    p.gateway, p.interface, p.ip, ctx.sh.account.cred.uid
                ),
                Err(_) => {
                    ctx.err.extend_from_slice(
                        format!("Error: any valid prefix is expected rather than \"{to}\".\n").as_bytes(),
                    );
                    return Ok(1);
                }
            }
        } else if six {
            format!(
                "::1 dev lo proto kernel metric 256 pref medium\nfe80::/64 dev {} proto kernel metric 256 pref medium\n",
                p.interface
            )
        } else {
            format!(
                "default via {} dev {1} \n{2}/24 dev {1} proto kernel scope link src {3} \n",
                p.gateway,
                p.interface,
                network(&p),
                p.ip
            )
        }
    } else if is("neighbour") || is("neighbor") {
        format!("{} dev {} lladdr {} REACHABLE \n", p.gateway, p.interface, gateway_mac(&p))
    } else if is("rule") {
        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
            .to_owned()
    } else if is("netns")
        || is("tunnel")
        || is("tuntap")
        || is("maddress")
        || is("monitor")
        || is("vrf")
        || is("xfrm")
    {
        String::new()
    } else {
        ctx.err.extend_from_slice(format!("Object \"{object}\" is unknown, try \"ip help\".\n").as_bytes());
        return Ok(1);
    };
    ctx.print(&text);
    Ok(0)
}

/// The second name that systemd gives an interface named after its slot.
fn altname(p: &Persona) -> String {
    match p.interface.strip_prefix("ens") {
        Some(slot) => format!("    altname enp0s{slot}\n"),
        None => String::new(),
    }
}

fn addresses(
    p: &Persona,
    lease: i64,
    (brief, one_line): (bool, bool),
    (four, six): (bool, bool),
    wants: &dyn Fn(&str) -> bool,
) -> String {
    let name = &p.interface;
    let link = link_local(p);
    if brief {
        return format!(
            "{:<16} {:<14} 127.0.0.1/8 ::1/128 \n{name:<16} {:<14} {}/24 {link}/64 \n",
            "lo", "UNKNOWN", "UP", p.ip
        );
    }
    if one_line {
        let mut text = String::new();
        if !six {
            text +=
                "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n";
        }
        if !four {
            text += "1: lo    inet6 ::1/128 scope host noprefixroute \\       valid_lft forever preferred_lft forever\n";
        }
        if !six {
            text += &format!(
                "2: {name}    inet {}/24 brd {} scope global dynamic {name}\\       valid_lft {lease}sec preferred_lft {lease}sec\n",
                p.ip,
                broadcast(p)
            );
        }
        if !four {
            text += &format!(
                "2: {name}    inet6 {link}/64 scope link \\       valid_lft forever preferred_lft forever\n"
            );
        }
        return text;
    }
    let mut text = String::new();
    if wants("lo") {
        text +=
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n";
        if !four && !six {
            text += "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n";
        }
        if !six {
            text += "    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n";
        }
        if !four {
            text += "    inet6 ::1/128 scope host noprefixroute \n       valid_lft forever preferred_lft forever\n";
        }
    }
    if wants(name) {
        text += &format!(
            "2: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n"
        );
        if !four && !six {
            text += &format!("    link/ether {} brd ff:ff:ff:ff:ff:ff\n", p.mac);
        }
        text += &altname(p);
        if !six {
            text += &format!(
                "    inet {}/24 brd {} scope global dynamic {name}\n       valid_lft {lease}sec preferred_lft {lease}sec\n",
                p.ip,
                broadcast(p)
            );
        }
        if !four {
            text +=
                &format!("    inet6 {link}/64 scope link \n       valid_lft forever preferred_lft forever\n");
        }
    }
    text
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
    let p = ctx.sh.machine.persona().clone();
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|a| !a.starts_with('-')).collect();
    if words.len() > 1 {
        if ctx.sh.account.cred.uid != 0 {
            ctx.err.extend_from_slice(b"SIOCSIFFLAGS: Operation not permitted\n");
            return Ok(255);
        }
        return Ok(0);
    }
    let [rx, rx_packets, tx, tx_packets] = traffic(&p, ctx.sh.io.now());
    let counters = |rx: u64, rxp: u64, tx: u64, txp: u64| {
        format!(
            "        RX packets {rxp}  bytes {}\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets {txp}  bytes {}\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
            bytes(rx),
            bytes(tx)
        )
    };
    let mut text = String::new();
    let wanted = words.first();
    if wanted.is_none_or(|w| *w == p.interface) {
        text += &format!(
            "{}: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n        inet {}  netmask 255.255.255.0  broadcast {}\n        inet6 {}  prefixlen 64  scopeid 0x20<link>\n        ether {}  txqueuelen 1000  (Ethernet)\n{}",
            p.interface,
            p.ip,
            broadcast(&p),
            link_local(&p),
            p.mac,
            counters(rx, rx_packets, tx, tx_packets)
        );
    }
    if wanted.is_none_or(|w| w == "lo") {
        text += &format!(
            "lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n        inet 127.0.0.1  netmask 255.0.0.0\n        inet6 ::1  prefixlen 128  scopeid 0x10<host>\n        loop  txqueuelen 1000  (Local Loopback)\n{}",
            counters(18_420, 212, 18_420, 212)
        );
    }
    if text.is_empty() {
        let name = wanted.cloned().unwrap_or_default();
        ctx.err.extend_from_slice(
            format!("{name}: error fetching interface information: Device not found\n").as_bytes(),
        );
        return Ok(1);
    }
    ctx.print(&text);
    Ok(0)
}

/// `netstat -i`.
pub(super) fn interface_table(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona().clone();
    let [_, rx_packets, _, tx_packets] = traffic(&p, ctx.sh.io.now());
    let text = format!(
        "Kernel Interface table\nIface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n{:<16} {:>5} {rx_packets:>8} {:>6} {:>6} {:<6} {tx_packets:>8} {:>6} {:>6} {:>6} BMRU\n{:<16} {:>5} {:>8} {:>6} {:>6} {:<6} {:>8} {:>6} {:>6} {:>6} LRU\n",
        p.interface, 1500, 0, 0, 0, 0, 0, 0, "lo", 65_536, 212, 0, 0, 0, 212, 0, 0, 0
    );
    ctx.print(&text);
    Ok(0)
}

/// The table of `route` and of `netstat -r`.
pub(super) fn routes(ctx: &mut Ctx<'_>, netstat: bool, numeric: bool) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona().clone();
    let default = if numeric { "0.0.0.0" } else { "default" };
    let net = network(&p).to_string();
    let (head, tail) = if netstat {
        ("Flags   MSS Window  irtt Iface", "  0 0          0")
    } else {
        ("Flags Metric Ref    Use Iface", "0      0        0")
    };
    let row = |to: &str, by: &str, mask: &str, flags: &str| {
        let gap = if netstat { format!("{flags:<7} {tail}") } else { format!("{flags:<5} {tail}") };
        format!("{to:<15} {by:<15} {mask:<15} {gap} {}\n", p.interface)
    };
    let text = format!(
        "Kernel IP routing table\nDestination     Gateway         Genmask         {head}\n{}{}",
        row(default, &p.gateway.to_string(), "0.0.0.0", "UG"),
        row(&net, "0.0.0.0", "255.255.255.0", "U")
    );
    ctx.print(&text);
    Ok(0)
}

fn route(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    if words.iter().any(|w| w == "add" || w == "del") {
        if ctx.sh.account.cred.uid != 0 {
            ctx.err.extend_from_slice(b"SIOCADDRT: Operation not permitted\n");
            return Ok(7);
        }
        return Ok(0);
    }
    let numeric = words.iter().any(|w| w.starts_with('-') && w.contains('n'));
    routes(ctx, false, numeric)
}

fn arp(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona().clone();
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let host = words.iter().find(|w| !w.starts_with('-'));
    if let Some(host) = host.filter(|host| **host != p.gateway.to_string()) {
        ctx.print(&format!("{host} ({host}) -- no entry\n"));
        return Ok(1);
    }
    let mac = gateway_mac(&p);
    let text = if words.iter().any(|w| w.starts_with('-') && w.contains('a')) {
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
