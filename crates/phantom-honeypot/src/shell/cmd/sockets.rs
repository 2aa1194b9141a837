//! ss, netstat, lsof and fuser: sockets and who holds them.

use std::net::SocketAddr;

use super::accounts::user_name;
use super::registry::{Row, bin};
use super::{Ctx, Need, has_flag, show};
use crate::machine::{Process, Socket, Transport, sockets};

pub(super) const PROGRAMS: &[Row] = &[
    bin("fuser", "psmisc", 40_784, fuser),
    bin("lsof", "lsof", 179_824, lsof),
    bin("netstat", "net-tools", 155_304, netstat),
    bin("ss", "iproute2", 193_680, ss),
];

/// Names that services print for the ports there are.
fn service(port: u16) -> Option<&'static str> {
    Some(match port {
        21 => "ftp",
        22 => "ssh",
        68 => "bootpc",
        80 => "http",
        _ => return None,
    })
}

fn port(port: u16, numeric: bool) -> String {
    match service(port).filter(|_| !numeric) {
        Some(name) => name.to_owned(),
        None => port.to_string(),
    }
}

/// Whether root or the owner looks: only then processes are told.
fn may_see(ctx: &Ctx<'_>, pid: u32) -> bool {
    let uid = ctx.sh.account.cred.uid;
    uid == 0 || ctx.sh.look(|view| view.process(pid).is_some_and(|p| p.uid == uid))
}

/// Options as letters, the long ones of ss and netstat among them.
fn letters(ctx: &Ctx<'_>) -> (Vec<u8>, Vec<String>) {
    let mut flags = Vec::new();
    let mut rest = Vec::new();
    for arg in ctx.args.iter().map(|a| show(a)) {
        match arg.strip_prefix("--") {
            Some("listening") => flags.push(b'l'),
            Some("tcp") => flags.push(b't'),
            Some("udp") => flags.push(b'u'),
            Some("unix") => flags.push(b'x'),
            Some("numeric") => flags.push(b'n'),
            Some("processes" | "programs" | "program") => flags.push(b'p'),
            Some("all") => flags.push(b'a'),
            Some("route") => flags.push(b'r'),
            Some("no-header") => flags.push(b'H'),
            Some("interfaces") => flags.push(b'i'),
            Some("statistics" | "summary") => flags.push(b's'),
            Some("ipv4") => flags.push(b'4'),
            Some("ipv6") => flags.push(b'6'),
            Some("extended" | "extend") => flags.push(b'e'),
            Some(_) => {}
            None if arg.starts_with('-') => flags.extend(arg.bytes().skip(1)),
            None => rest.push(arg),
        }
    }
    (flags, rest)
}

fn ss(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = letters(ctx);
    let flag = |letter: u8| flags.contains(&letter);
    if let Some(bad) = flags.iter().find(|l| !b"hVnrlaoiempbEsNZzKHOQtuSdwx0460fDAFMBT".contains(l)) {
        ctx.err.extend_from_slice(format!("ss: invalid option -- '{}'\n", char::from(*bad)).as_bytes());
        return Ok(255);
    }
    let all = ctx.sh.look(|view| sockets(&view));
    if flag(b's') {
        let tcp = all.iter().filter(|s| s.transport == Transport::Tcp).count();
        let udp = all.len() - tcp;
        let established = all.iter().filter(|s| s.peer.is_some()).count();
        let six = all.iter().filter(|s| s.local.is_ipv6()).count();
        let text = format!(
            "Total: {}\nTCP:   {tcp} (estab {established}, closed 0, orphaned 0, timewait 0)\n\nTransport Total     IP        IPv6\nRAW\t  0         0         0        \nUDP\t  {udp:<9} {udp:<9} 0        \nTCP\t  {tcp:<9} {:<9} {six:<9}\nINET\t  {:<9} {:<9} {six:<9}\nFRAG\t  0         0         0        \n\n",
            all.len() + 102,
            tcp - six,
            tcp + udp,
            tcp + udp - six,
        );
        ctx.print(&text);
        return Ok(0);
    }
    let (tcp, udp) = (flag(b't'), flag(b'u'));
    let both = !tcp && !udp && !flag(b'x') && !flag(b'w');
    let state = rest.iter().position(|w| w == "state").and_then(|at| rest.get(at + 1)).cloned();
    let mut rows: Vec<&Socket> = all
        .iter()
        .filter(|s| both || (tcp && s.transport == Transport::Tcp) || (udp && s.transport == Transport::Udp))
        .filter(|s| match (flag(b'a'), flag(b'l'), &state) {
            (_, _, Some(state)) => match state.as_str() {
                "established" | "connected" => s.peer.is_some(),
                "listening" => s.peer.is_none() && s.transport == Transport::Tcp,
                _ => false,
            },
            (true, _, _) => true,
            (_, true, _) => s.peer.is_none(),
            _ => s.peer.is_some(),
        })
        .filter(|s| (!flag(b'4') || s.local.is_ipv4()) && (!flag(b'6') || s.local.is_ipv6()))
        .collect();
    // UDP comes before TCP.
    rows.sort_by_key(|s| (s.transport == Transport::Tcp, s.local.is_ipv6()));
    let with_netid = both || (tcp && udp);
    let show_state = state.is_none();
    let mut table: Vec<Vec<String>> = Vec::new();
    let mut head = Vec::new();
    if with_netid {
        head.push("Netid".to_owned());
    }
    if show_state {
        head.push("State".to_owned());
    }
    for name in ["Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port", "Process"] {
        head.push(name.to_owned());
    }
    if !flag(b'H') {
        table.push(head);
    }
    let numeric = flag(b'n');
    for s in rows {
        let mut row = Vec::new();
        if with_netid {
            row.push(if s.transport == Transport::Tcp { "tcp" } else { "udp" }.to_owned());
        }
        if show_state {
            let state = match (s.peer, s.transport) {
                (Some(_), _) => "ESTAB",
                (None, Transport::Tcp) => "LISTEN",
                (None, Transport::Udp) => "UNCONN",
            };
            row.push(state.to_owned());
        }
        let host = |a: SocketAddr| if s.dual { "*".to_owned() } else { host(a) };
        row.push("0".to_owned());
        row.push(s.backlog.to_string());
        row.push(host(s.local));
        row.push(port(s.local.port(), numeric));
        row.push(s.peer.map_or_else(
            || {
                if s.dual {
                    "*".to_owned()
                } else if s.local.is_ipv6() {
                    "[::]".to_owned()
                } else {
                    "0.0.0.0".to_owned()
                }
            },
            host,
        ));
        row.push(s.peer.map_or("*".to_owned(), |p| port(p.port(), numeric)));
        let holders: Vec<String> = s
            .holders
            .iter()
            .filter(|(pid, _)| flag(b'p') && may_see(ctx, *pid))
            .filter_map(|(pid, fd)| {
                let comm = ctx.sh.look(|view| view.process(*pid).map(|p| p.comm.clone()))?;
                Some(format!("(\"{comm}\",pid={pid},fd={fd})"))
            })
            .rev()
            .collect();
        row.push(if holders.is_empty() { String::new() } else { format!("users:({})", holders.join(",")) });
        table.push(row);
    }
    let text = laid_out(&table, with_netid, show_state);
    ctx.print(&text);
    Ok(0)
}

/// Columns as ss lays them out when its output is no terminal: as wide as their widest cell, addresses to the
/// right of their column and ports to the left of theirs.
fn laid_out(table: &[Vec<String>], netid: bool, state: bool) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| table.iter().filter_map(|row| row.get(n)).map(String::len).max().unwrap_or(0);
    let first = usize::from(netid) + usize::from(state);
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (n, cell) in row.iter().enumerate() {
            let w = width(n);
            let place = n.checked_sub(first);
            line += &match place {
                Some(2 | 4) => format!("{cell:>w$}:"),
                Some(3) => format!("{cell:<w$} "),
                Some(5) => format!("{cell:<w$}"),
                Some(6) => cell.clone(),
                _ => format!("{cell:<w$} "),
            };
        }
        let whole: usize = (0..columns).map(width).sum::<usize>() + columns;
        text += &format!("{line:<whole$}");
        text.push('\n');
    }
    text
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(a) => a.ip().to_string(),
        SocketAddr::V6(a) => format!("[{}]", a.ip()),
    }
}

fn netstat(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = letters(ctx);
    let flag = |letter: u8| flags.contains(&letter);
    if let Some(bad) = flags.iter().find(|l| !b"MCFhVrigsnNeopctuUwxlaW64vT".contains(l)) {
        let text = format!(
            "netstat: invalid option -- '{}'\nusage: netstat [-vWeenNcCF] [<Af>] -r         netstat {{-V|--version|-h|--help}}\n       netstat [-vWnNcaeol] [<Socket> ...]\n       netstat {{ [-vWeenNac] -i | [-cnNe] -M | -s [-6tuw] }}\n",
            char::from(*bad)
        );
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(4);
    }
    if flag(b'r') {
        return super::network::routes(ctx, true, flag(b'n'));
    }
    if flag(b'i') {
        return super::network::interface_table(ctx);
    }
    let all = ctx.sh.look(|view| sockets(&view));
    let (tcp, udp) = (flag(b't'), flag(b'u'));
    let inet = tcp || udp || !flag(b'x');
    let title = if flag(b'l') {
        "only servers"
    } else if flag(b'a') {
        "servers and established"
    } else {
        "w/o servers"
    };
    let numeric = flag(b'n');
    let mut text = String::new();
    if inet {
        text += &format!(
            "Active Internet connections ({title})\nProto Recv-Q Send-Q Local Address           Foreign Address         State      "
        );
        if flag(b'e') {
            text += " User       Inode     ";
        }
        if flag(b'p') {
            text += " PID/Program name    ";
        }
        text.push('\n');
        let refused = flag(b'p') && ctx.sh.account.cred.uid != 0;
        if refused {
            ctx.err.extend_from_slice(b"(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n");
        }
        for s in &all {
            let wanted = (tcp && s.transport == Transport::Tcp)
                || (udp && s.transport == Transport::Udp)
                || (!tcp && !udp);
            let state_wanted = flag(b'a') || (s.peer.is_none() == flag(b'l'));
            if !wanted
                || !state_wanted
                || (flag(b'4') && s.local.is_ipv6())
                || (flag(b'6') && s.local.is_ipv4())
            {
                continue;
            }
            let name = match (s.transport, s.local.is_ipv6()) {
                (Transport::Tcp, false) => "tcp",
                (Transport::Tcp, true) => "tcp6",
                (Transport::Udp, false) => "udp",
                (Transport::Udp, true) => "udp6",
            };
            let cell = |a: SocketAddr| {
                let ip =
                    if a.ip().is_unspecified() && !numeric { "[::]".to_owned() } else { a.ip().to_string() };
                let ip = if a.is_ipv4() { a.ip().to_string() } else { ip };
                format!("{ip}:{}", if a.port() == 0 { "*".to_owned() } else { port(a.port(), numeric) })
            };
            let any = SocketAddr::new(
                if s.local.is_ipv6() {
                    std::net::Ipv6Addr::UNSPECIFIED.into()
                } else {
                    std::net::Ipv4Addr::UNSPECIFIED.into()
                },
                0,
            );
            let state = match (s.peer, s.transport) {
                (Some(_), _) => "ESTABLISHED",
                (None, Transport::Tcp) => "LISTEN",
                (None, Transport::Udp) => "",
            };
            text += &format!(
                "{name:<5} {:>6} {:>6} {:<23} {:<23} {state:<11}",
                0,
                0,
                cell(s.local),
                cell(s.peer.unwrap_or(any))
            );
            if flag(b'e') {
                text += &format!(" {:<10} {:<10}", s.uid, s.inode);
            }
            if flag(b'p') {
                let holder = s.holders.first().filter(|(pid, _)| may_see(ctx, *pid));
                let label = holder.and_then(|(pid, _)| {
                    let title = ctx.sh.look(|view| view.process(*pid).map(Process::command))?;
                    // The name is cut from the title: `sshd: root@pts`, `nginx: master`.
                    let name = if title.contains(": ") {
                        title.clone()
                    } else {
                        title.split(' ').next()?.rsplit('/').next()?.to_owned()
                    };
                    Some(format!("{pid}/{name}").chars().take(19).collect::<String>())
                });
                text += &format!(" {:<20}", label.unwrap_or_else(|| "-".to_owned()));
            }
            text.push('\n');
        }
    }
    ctx.print(&text);
    Ok(0)
}

fn lsof(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"ipuc");
    let value = |letter: u8| flags.iter().find(|(l, _)| *l == letter).map(|(_, v)| show(v));
    let mut inet = value(b'i');
    // -i may stand alone before another option, as in `lsof -i -P -n`.
    if inet.as_deref().is_some_and(|v| v.starts_with('-')) {
        inet = Some(String::new());
    }
    let numeric = ctx.args.iter().any(|a| a.starts_with(b"-") && a.contains(&b'P'));
    let terse = ctx.args.iter().any(|a| a.starts_with(b"-") && !a.starts_with(b"-i") && a.contains(&b't'));
    let pid = value(b'p').and_then(|v| v.parse::<u32>().ok());
    let comm = value(b'c');
    let all: Vec<Process> = ctx.sh.look(|view| view.processes().into_iter().cloned().collect());
    let inodes = ctx.sh.look(|view| sockets(&view));
    let mut lines: Vec<[String; 8]> = Vec::new();
    for p in all
        .iter()
        .filter(|p| pid.is_none_or(|pid| pid == p.pid) && comm.as_ref().is_none_or(|c| p.comm.starts_with(c)))
    {
        let user = user_name(ctx.sh, p.uid);
        let name: String = p.comm.chars().take(9).collect();
        let mut push = |fd: &str, kind: &str, device: &str, size: &str, node: &str, what: &str| {
            lines.push([
                name.clone(),
                p.pid.to_string(),
                user.clone(),
                fd.to_owned(),
                kind.to_owned(),
                device.to_owned(),
                format!("{size} {node}"),
                what.to_owned(),
            ]);
        };
        if inet.is_none() && may_see(ctx, p.pid) {
            push("cwd", "DIR", "8,1", "4096", "2", &show(&p.cwd));
            push("rtd", "DIR", "8,1", "4096", "2", "/");
            if !p.exe.is_empty() {
                let size = ctx.sh.vfs().stat(&crate::Cred::root(), p.exe.as_bytes()).map_or(0, |s| s.size);
                push("txt", "REG", "8,1", &size.to_string(), "131204", &p.exe);
            }
            for (fd, to) in ctx.sh.look(|view| view.descriptors(p.pid)) {
                if to.starts_with("/dev") {
                    push(
                        &format!("{fd}u"),
                        "CHR",
                        if to.contains("pts") { "136,0" } else { "1,3" },
                        "0t0",
                        "5",
                        &to,
                    );
                }
            }
        }
        for s in inodes.iter().filter(|s| s.holders.iter().any(|(holder, _)| *holder == p.pid)) {
            let filter = inet.as_deref().unwrap_or("").to_lowercase();
            let wanted = filter
                .rsplit(':')
                .next()
                .filter(|_| filter.contains(':'))
                .and_then(|n| n.parse::<u16>().ok());
            let kind = filter.split([':', '@']).next().unwrap_or("").to_owned();
            let transport = if s.transport == Transport::Tcp { "TCP" } else { "UDP" };
            if !may_see(ctx, p.pid)
                || wanted.is_some_and(|n| n != s.local.port() && s.peer.is_none_or(|peer| peer.port() != n))
                || (kind.contains("tcp") && transport != "TCP")
                || (kind.contains("udp") && transport != "UDP")
                || (kind.starts_with('4') && s.local.is_ipv6())
                || (kind.starts_with('6') && s.local.is_ipv4())
            {
                continue;
            }
            let fd = s.holders.iter().find(|(holder, _)| *holder == p.pid).map_or(3, |(_, fd)| *fd);
            let end = |a: SocketAddr| {
                let ip = if a.ip().is_unspecified() { "*".to_owned() } else { host(a) };
                format!("{ip}:{}", port(a.port(), numeric))
            };
            let what = match (s.peer, s.transport) {
                (Some(peer), _) => format!("{}->{} (ESTABLISHED)", end(s.local), end(peer)),
                (None, Transport::Tcp) => format!("{} (LISTEN)", end(s.local)),
                (None, Transport::Udp) => end(s.local),
            };
            push(
                &format!("{fd}u"),
                if s.local.is_ipv6() { "IPv6" } else { "IPv4" },
                &s.inode.to_string(),
                "0t0",
                transport,
                &what,
            );
        }
    }
    if let Some(path) = rest.iter().find(|r| r.starts_with(b"/")).map(|r| show(r)) {
        lines.retain(|line| line[7].starts_with(&path));
    }
    if lines.is_empty() {
        return Ok(1);
    }
    if terse {
        let mut pids: Vec<String> = lines.iter().map(|l| l[1].clone()).collect();
        pids.dedup();
        ctx.print(&(pids.join("\n") + "\n"));
        return Ok(0);
    }
    let heads =
        ["COMMAND", "PID", "USER", "FD", "TYPE", "DEVICE", "SIZE/OFF NODE", "NAME"].map(str::to_owned);
    let widths: Vec<usize> = (0..8)
        .map(|n| lines.iter().chain([&heads]).filter_map(|l| l.get(n)).map(String::len).max().unwrap_or(0))
        .collect();
    let w = |n: usize| widths.get(n).copied().unwrap_or(0);
    let mut text = String::new();
    for [comm, pid, user, fd, kind, device, size, name] in std::iter::once(&heads).chain(&lines) {
        // The number, how it is open, and whether it is locked have columns of their own.
        let (fd, mode) = fd.strip_suffix('u').map_or((fd.as_str(), ' '), |fd| (fd, 'u'));
        text += &format!(
            "{comm:<0$} {pid:>1$} {user:>2$} {fd:>4}{mode}  {kind:>3$} {device:>4$} {size:>5$} {name}\n",
            w(0),
            w(1),
            w(2),
            w(4),
            w(5),
            w(6)
        );
    }
    ctx.print(&text);
    Ok(0)
}

/// fuser: who holds a port of TCP or UDP, or has a file as its program or directory.
fn fuser(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"n");
    if rest.is_empty() {
        ctx.err.extend_from_slice(b"No process specification given\n");
        return Ok(1);
    }
    let space = flags.iter().find(|(l, _)| *l == b'n').map(|(_, v)| show(v));
    let mut status = 1;
    for target in rest.iter().map(|r| show(r)) {
        let (number, proto) =
            target.split_once('/').map_or((target.as_str(), space.as_deref()), |(n, p)| (n, Some(p)));
        let pids: Vec<u32> = match (number.parse::<u16>(), proto) {
            (Ok(number), Some(proto)) => {
                let transport = if proto == "udp" { Transport::Udp } else { Transport::Tcp };
                let all = ctx.sh.look(|view| sockets(&view));
                let held = all.iter().filter(|s| s.local.port() == number && s.transport == transport);
                held.flat_map(|s| s.holders.iter().map(|(pid, _)| *pid)).collect()
            }
            _ => {
                let path = show(&ctx.path(target.as_bytes()));
                if ctx.sh.vfs().stat(&ctx.sh.account.cred, path.as_bytes()).is_err() {
                    ctx.err.extend_from_slice(
                        format!("Specified filename {target} does not exist.\n").as_bytes(),
                    );
                    continue;
                }
                ctx.sh.look(|view| {
                    let all = view.processes().into_iter();
                    all.filter(|p| p.exe == path || p.cwd == path.as_bytes()).map(|p| p.pid).collect()
                })
            }
        };
        let mut pids: Vec<u32> = pids.into_iter().filter(|pid| may_see(ctx, *pid)).collect();
        pids.sort_unstable();
        pids.dedup();
        if pids.is_empty() {
            continue;
        }
        status = 0;
        ctx.err.extend_from_slice(format!("{:<20}", format!("{target}:")).as_bytes());
        ctx.print(&pids.iter().map(|pid| format!(" {pid:>5}")).collect::<String>());
        if has_flag(&flags, b'k') {
            for pid in pids {
                let _ = ctx.sh.signal(pid.into(), 9);
            }
        }
        ctx.err.push(b'\n');
    }
    Ok(status)
}
