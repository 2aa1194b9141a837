//! Programs that tell about the machine.

use super::files::{self, owner};
use super::registry::{self, Row, alternative, bin, sbin, suid};
use super::{Ctx, Need, has_flag, show};
use crate::shell::io::Stop;
use crate::shell::{Shell, facts};

pub(super) const PROGRAMS: &[Row] = &[
    bin("id", "coreutils", 48_144, id),
    bin("whoami", "coreutils", 39_792, whoami),
    bin("uname", "coreutils", 43_888, uname),
    bin("hostname", "hostname", 22_680, hostname),
    bin("uptime", "procps", 14_648, uptime),
    bin("ps", "procps", 146_360, ps),
    bin("free", "procps", 26_936, free),
    bin("df", "coreutils", 102_200, df),
    bin("nproc", "coreutils", 43_920, nproc),
    bin("date", "coreutils", 121_904, date),
    bin("clear", "ncurses-bin", 14_584, clear),
    bin("w", "procps", 22_840, w),
    bin("who", "coreutils", 60_432, w),
    alternative("which", "debianutils", "/usr/bin/which.debianutils", which),
    bin("which.debianutils", "debianutils", 946, which),
    suid("mount", "mount", 59_704, mount),
    bin("ip", "iproute2", 691_016, ip),
    bin("ip", "iproute2", 0, ip).linked("/bin/ip").in_sbin(),
    sbin("ifconfig", "net-tools", 83_976, ifconfig),
    bin("dpkg", "dpkg", 318_096, dpkg),
    bin("crontab", "cron", 43_648, crontab).mode(0o2755),
    bin("lscpu", "util-linux", 129_344, lscpu),
];

fn id(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"");
    let account = match rest.first() {
        Some(name) => match ctx.sh.machine.account(name) {
            Some(account) => account,
            None => return Ok(ctx.fail(&format!("‘{}’: no such user", show(name)))),
        },
        None => ctx.sh.account.clone(),
    };
    let cred = &account.cred;
    let (user, group) = (account.name.clone(), owner(ctx, cred.gid, true));
    let group = if cred.uid >= 1000 { user.clone() } else { group };
    let text = if has_flag(&flags, b'u') {
        if has_flag(&flags, b'n') { user } else { cred.uid.to_string() }
    } else if has_flag(&flags, b'g') {
        if has_flag(&flags, b'n') { group } else { cred.gid.to_string() }
    } else {
        let more: String = cred.groups.iter().map(|g| format!(",{g}({})", owner(ctx, *g, true))).collect();
        format!("uid={0}({user}) gid={1}({group}) groups={1}({group}){more}", cred.uid, cred.gid)
    };
    ctx.print(&format!("{text}\n"));
    Ok(0)
}

fn whoami(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let text = format!("{}\n", ctx.sh.account.name);
    ctx.print(&text);
    Ok(0)
}

fn uname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"");
    let long = |name: &[u8]| ctx.args.iter().any(|a| a == name);
    let all = has_flag(&flags, b'a') || long(b"--all");
    let (persona, node) = (ctx.sh.machine.persona(), ctx.sh.hostname());
    let parts = [
        (b's', "Linux"),
        (b'n', node.as_str()),
        (b'r', &persona.kernel_release),
        (b'v', &persona.kernel_version),
        (b'm', "x86_64"),
        (b'p', "unknown"),
        (b'i', "unknown"),
        (b'o', "GNU/Linux"),
    ];
    let chosen: Vec<&str> = parts
        .iter()
        .filter(|(l, _)| {
            if all { !b"pi".contains(l) } else { has_flag(&flags, *l) || (flags.is_empty() && *l == b's') }
        })
        .map(|(_, t)| *t)
        .collect();
    let text = format!("{}\n", chosen.join(" "));
    ctx.print(&text);
    Ok(0)
}

fn hostname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let persona = ctx.sh.machine.persona();
    let text = match ctx.args.first().map(Vec::as_slice) {
        None | Some(b"-s") => ctx.sh.hostname(),
        Some(b"-f") => persona.fqdn(),
        Some(b"-d") => persona.domain.clone(),
        Some(b"-I" | b"-i") => format!("{} ", persona.ip),
        Some(_) if ctx.sh.account.cred.uid != 0 => {
            return Ok(ctx.fail("you must be root to change the host name"));
        }
        Some(name) => {
            let valid = |b: &u8| b.is_ascii_alphanumeric() || b"-.".contains(b);
            if name.len() > 64 || name.is_empty() || !name.iter().all(valid) || name.starts_with(b"-") {
                return Ok(ctx.fail("the specified hostname is invalid"));
            }
            let name = show(name);
            ctx.sh.state().hostname = Some(name);
            return Ok(0);
        }
    };
    ctx.print(&format!("{text}\n"));
    Ok(0)
}

fn uptime(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let text = uptime_text(ctx.sh);
    ctx.print(&text);
    Ok(0)
}

fn w(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (user, at) = (ctx.sh.account.name.clone(), ctx.sh.visitor.at);
    let from = ctx.sh.visitor.peer.ip().to_canonical();
    let text = if ctx.name == "who" {
        format!("{user:<8} pts/0        {} ({from})\n", facts::strftime(at, "%F %R"))
    } else {
        let head = uptime_text(ctx.sh);
        format!(
            "{head}USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n{user:<8} pts/0    {from:<16} {}    0.00s  0.01s  0.00s w\n",
            facts::strftime(at, "%R")
        )
    };
    ctx.print(&text);
    Ok(0)
}

fn ps(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let flags: Vec<u8> = ctx.args.concat();
    let (pid, user) = (ctx.sh.pid, ctx.sh.account.name.clone());
    let own = ctx.sh.next_pid();
    let boot = facts::strftime(ctx.sh.machine.persona().boot, "%b%d");
    let now = facts::strftime(ctx.sh.io.now(), "%R");
    if !flags.iter().any(|b| b"aexA".contains(b)) {
        ctx.print(&format!(
            "    PID TTY          TIME CMD\n{pid:>7} pts/0    00:00:00 bash\n{own:>7} pts/0    00:00:00 ps\n"
        ));
        return Ok(0);
    }
    let mut rows: Vec<(u32, u32, &str, &str)> = vec![
        (1, 0, "root", "/sbin/init"),
        (2, 0, "root", "[kthreadd]"),
        (3, 2, "root", "[rcu_gp]"),
        (10, 2, "root", "[mm_percpu_wq]"),
        (14, 2, "root", "[ksoftirqd/0]"),
        (15, 2, "root", "[rcu_preempt]"),
        (38, 2, "root", "[kswapd0]"),
        (221, 1, "root", "/lib/systemd/systemd-journald"),
        (247, 1, "root", "/lib/systemd/systemd-udevd"),
        (402, 1, "systemd-timesync", "/lib/systemd/systemd-timesyncd"),
        (461, 1, "root", "/usr/sbin/cron -f"),
        (
            463,
            1,
            "messagebus",
            "/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only",
        ),
        (469, 1, "root", "/lib/systemd/systemd-logind"),
        (601, 1, "root", "/usr/sbin/vsftpd /etc/vsftpd.conf"),
        (612, 1, "root", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
        (640, 1, "root", "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"),
        (641, 640, "www-data", "nginx: worker process"),
    ];
    let (session, line) = (format!("sshd: {user}@pts/0"), format!("ps {}", show(&ctx.args.join(&b' '))));
    rows.extend([
        (pid - 1, 612, "root", session.as_str()),
        (pid, pid - 1, user.as_str(), "-bash"),
        (own, pid, user.as_str(), line.as_str()),
    ]);
    let full = flags.contains(&b'f') && flags.contains(&b'e');
    ctx.print(if full {
        "UID          PID    PPID  C STIME TTY          TIME CMD\n"
    } else {
        "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
    });
    let killed = ctx.sh.state().killed.clone();
    for (pid, parent, user, command) in rows {
        if killed.contains(&i64::from(pid)) {
            continue;
        }
        let ours = pid >= ctx.sh.pid;
        let (tty, start) = (
            if ours { "pts/0" } else { "?" },
            if pid >= ctx.sh.pid - 1 { now.as_str() } else { boot.as_str() },
        );
        let user =
            if user.len() > 8 { format!("{}+", user.get(..7).unwrap_or(user)) } else { user.to_owned() };
        let kernel = command.starts_with('[');
        let (size, held) = if kernel { (0, 0) } else { (6000 + pid * 37 % 90_000, 3000 + pid * 13 % 9000) };
        let share = f64::from(held) * 100.0 / ctx.sh.machine.persona().memory_kib as f64;
        let text = if full {
            format!("{user:<8} {pid:>7} {parent:>7}  0 {start:<5} {tty:<8} 00:00:00 {command}\n")
        } else {
            format!(
                "{user:<8} {pid:>7}  0.0 {share:>4.1} {size:>6} {held:>5} {tty:<8} {:<4} {start:<5}   0:00 {command}\n",
                if kernel {
                    "I<"
                } else if ours {
                    "R+"
                } else {
                    "Ss"
                }
            )
        };
        ctx.print(&text);
    }
    Ok(0)
}

fn free(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"");
    let (total, left, available, buffers, cached) = facts::memory(ctx.sh.machine.persona(), ctx.sh.io.now());
    let f = |kib: u64| {
        if has_flag(&flags, b'h') {
            let text = files::human(kib * 1024);
            text + "i"
        } else if has_flag(&flags, b'm') {
            (kib / 1024).to_string()
        } else if has_flag(&flags, b'g') {
            (kib / 1_048_576).to_string()
        } else {
            kib.to_string()
        }
    };
    let used = total.saturating_sub(available);
    let cells = [total, used, left, 1024, buffers + cached, available].map(f);
    let row = |cells: &[String]| cells.iter().map(|c| format!("{c:>12}")).collect::<String>();
    let swap = [998_396, 0, 998_396].map(f);
    let head = ["total", "used", "free", "shared", "buff/cache", "available"].map(str::to_owned);
    let text = format!(
        "{:7}{}\nMem:   {} \nSwap:  {}\n",
        "",
        row(&head).replacen("       total", "        total", 1),
        row(&cells),
        row(&swap)
    )
    .replace(" \n", "\n");
    ctx.print(&text);
    Ok(0)
}

fn df(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"");
    let human = has_flag(&flags, b'h');
    let persona = ctx.sh.machine.persona();
    let ((disk, used), memory) = (facts::disk(persona), persona.memory_kib);
    let f = |kib: u64| if human { files::human(kib * 1024) } else { kib.to_string() };
    let rows = [
        ("udev", memory / 2 - 20_000, 0, "/dev"),
        ("tmpfs", memory / 10, 620, "/run"),
        ("/dev/sda1", disk, used, "/"),
        ("tmpfs", memory / 2, 0, "/dev/shm"),
        ("tmpfs", 5120, 0, "/run/lock"),
    ];
    let mut text = if human {
        "Filesystem      Size  Used Avail Use% Mounted on\n".to_owned()
    } else {
        "Filesystem     1K-blocks    Used Available Use% Mounted on\n".to_owned()
    };
    for (name, size, used, on) in rows {
        // Five in a hundred of an ext4 file system are kept for root.
        let left = size.saturating_sub(used + if on == "/" { size / 20 } else { 0 });
        let percent = (used * 100).div_ceil((used + left).max(1));
        text += &if human {
            format!("{name:<14} {:>5} {:>5} {:>5} {percent:>3}% {on}\n", f(size), f(used), f(left))
        } else {
            format!("{name:<14} {size:>9} {used:>7} {left:>9} {percent:>3}% {on}\n")
        };
    }
    ctx.print(&text);
    Ok(0)
}

fn nproc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let text = format!("{}\n", ctx.sh.machine.persona().cpus);
    ctx.print(&text);
    Ok(0)
}

fn lscpu(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona();
    let vendor = if p.cpu_model.starts_with("AMD") { "AuthenticAMD" } else { "GenuineIntel" };
    let text = format!(
        "Architecture:            x86_64\n  CPU op-mode(s):        32-bit, 64-bit\n  Address sizes:         40 bits physical, 48 bits virtual\n  Byte Order:            Little Endian\nCPU(s):                  {0}\n  On-line CPU(s) list:   {1}\nVendor ID:               {vendor}\n  Model name:            {2}\n",
        p.cpus,
        if p.cpus == 1 { "0".to_owned() } else { format!("0-{}", p.cpus - 1) },
        p.cpu_model
    );
    ctx.print(&text);
    Ok(0)
}

fn date(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let format =
        ctx.args.iter().find_map(|a| a.strip_prefix(b"+")).map_or("%a %b %e %T %Z %Y".to_owned(), show);
    let text = facts::strftime(ctx.sh.io.now(), &format);
    ctx.print(&format!("{text}\n"));
    Ok(0)
}

fn clear(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    ctx.print("\x1b[H\x1b[2J\x1b[3J");
    Ok(0)
}

fn which(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut status = 0;
    for arg in ctx.args.clone() {
        match super::find(ctx.sh, &arg) {
            Some(path) => ctx.print(&format!("{path}\n")),
            None => status = 1,
        }
    }
    Ok(status)
}

fn mount(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    for line in facts::mounts().lines() {
        let mut parts = line.split(' ');
        let mut next = || parts.next().unwrap_or("");
        let (device, on, kind, options) = (next(), next(), next(), next());
        ctx.print(&format!("{device} on {on} type {kind} ({options})\n"));
    }
    Ok(0)
}

fn ip(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona();
    let text = match ctx.args.first().map(Vec::as_slice) {
        Some([b'a', ..]) => format!(
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n2: {0}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n    link/ether {1} brd ff:ff:ff:ff:ff:ff\n    inet {2}/24 brd {3} scope global dynamic {0}\n       valid_lft 61204sec preferred_lft 61204sec\n",
            p.interface,
            p.mac,
            p.ip,
            broadcast(p)
        ),
        Some([b'r', ..]) => format!(
            "default via {0} dev {1} \n{2}/24 dev {1} proto kernel scope link src {3} \n",
            p.gateway,
            p.interface,
            network(p),
            p.ip
        ),
        _ => {
            ctx.err.extend_from_slice(b"Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n");
            return Ok(255);
        }
    };
    ctx.print(&text);
    Ok(0)
}

fn broadcast(p: &crate::Persona) -> std::net::Ipv4Addr {
    (u32::from(p.ip) | 255).into()
}

fn network(p: &crate::Persona) -> std::net::Ipv4Addr {
    (u32::from(p.ip) & !255).into()
}

fn ifconfig(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let p = ctx.sh.machine.persona();
    let (rx, rxp, tx, txp) = facts::traffic(p, ctx.sh.io.now());
    let text = format!(
        "{}: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n        inet {}  netmask 255.255.255.0  broadcast {}\n        ether {}  txqueuelen 1000  (Ethernet)\n        RX packets {rxp}  bytes {rx}\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets {txp}  bytes {tx}\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\nlo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n        inet 127.0.0.1  netmask 255.0.0.0\n        loop  txqueuelen 1000  (Local Loopback)\n\n",
        p.interface,
        p.ip,
        broadcast(p),
        p.mac
    );
    ctx.print(&text);
    Ok(0)
}

fn dpkg(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if let [b"-S" | b"--search", wanted @ ..] =
        ctx.args.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice()
    {
        let mut status = 0;
        let (mut out, mut err) = (String::new(), String::new());
        for wanted in wanted.iter().map(|w| show(w)) {
            let lies = |row: &registry::Row| format!("{}/{}", row.dir, row.name).contains(&wanted);
            let before = out.len();
            for row in registry::rows().filter(|row| lies(row)) {
                out += &format!("{}: {}/{}\n", row.package, row.dir, row.name);
            }
            if out.len() == before {
                err += &format!("dpkg-query: no path found matching pattern {wanted}\n");
                status = 1;
            }
        }
        ctx.print(&out);
        ctx.err.extend_from_slice(err.as_bytes());
        return Ok(status);
    }
    if !ctx.args.iter().any(|a| a == b"-l") {
        ctx.err.extend_from_slice(b"dpkg: error: need an action option\n\nType dpkg --help for help about installing and deinstalling packages [*];\n");
        return Ok(2);
    }
    ctx.print("Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n||/ Name           Version                    Architecture Description\n+++-==============-==========================-============-==================================\n");
    for (name, version, about) in facts::PACKAGES {
        ctx.print(&format!("ii  {name:<14} {version:<26} amd64        {about}\n"));
    }
    Ok(0)
}

fn crontab(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let user = ctx.sh.account.name.clone();
    let path = format!("/var/spool/cron/crontabs/{user}").into_bytes();
    let root = crate::Cred::root();
    match ctx.args.first().map(Vec::as_slice) {
        Some(b"-l") => match ctx.sh.vfs().read(&root, &path, 0, 65_536) {
            Ok(text) => ctx.out = text,
            Err(_) => {
                ctx.err = format!("no crontab for {user}\n").into_bytes();
                return Ok(1);
            }
        },
        Some(b"-r") => {
            if ctx.sh.vfs().unlink(&root, &path).is_err() {
                ctx.err = format!("no crontab for {user}\n").into_bytes();
                return Ok(1);
            }
        }
        Some(file) if file == b"-" || !file.starts_with(b"-") => {
            let file = file.to_vec();
            let Ok(text) = ctx.content(&file)? else {
                return Ok(ctx.fail(&format!("{}: No such file or directory", show(&file))));
            };
            let mut vfs = ctx.sh.vfs();
            let _ = vfs.create(&root, &path, 0o600, true).and_then(|ino| vfs.write(ino, Some(0), &text));
        }
        _ => {
            ctx.err = b"no changes made to crontab\n".to_vec();
            return Ok(1);
        }
    }
    Ok(0)
}

/// wget and curl on a host whose resolver does not answer: glibc gives up on a name after twice five seconds a
/// server, and a blocked address is not reached. The URL stands in the recorded command and in a note.
pub(super) async fn download(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let url = args.iter().find(|a| {
        a.starts_with(b"http")
            || a.starts_with(b"ftp")
            || (!a.starts_with(b"-") && a.contains(&b'.') && a.contains(&b'/'))
    });
    let url = url.or_else(|| args.iter().find(|a| !a.starts_with(b"-")));
    let Some(url) = url.map(|u| show(u)) else {
        let text = if name == "wget" {
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n"
        } else {
            "curl: try 'curl --help' or 'curl --manual' for more information\n"
        };
        sh.write(2, text.as_bytes())?;
        return Ok(if name == "wget" { 1 } else { 2 });
    };
    sh.io.record(phantom_core::Body::Note(phantom_core::event::Note {
        name: "url".into(),
        value: phantom_core::Untrusted::capped(url.as_bytes(), 4096),
    }));
    let whole = if url.contains("://") { url.clone() } else { format!("http://{url}") };
    let rest = whole.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) =
        host.rsplit_once(':').unwrap_or((host, if whole.starts_with("https") { "443" } else { "80" }));
    let numeric = host.parse::<std::net::Ipv4Addr>().is_ok();
    let letters: Vec<u8> =
        args.iter().filter(|a| a.starts_with(b"-") && !a.starts_with(b"--")).flatten().copied().collect();
    let quiet = letters.contains(&if name == "wget" { b'q' } else { b's' });
    let stamp = facts::strftime(sh.io.now(), "%F %T");
    if name == "wget" && !quiet {
        let head = if numeric {
            format!("--{stamp}--  {whole}\nConnecting to {host}:{port}... ")
        } else {
            format!("--{stamp}--  {whole}\nResolving {host} ({host})... ")
        };
        sh.write(2, head.as_bytes())?;
    }
    if sh.get(b"!skip-sleep").is_none() {
        let wait = if numeric { 3_060_000 } else { 10_010_000 };
        let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()).saturating_add(wait));
        sh.io.sleep_until(until).await?;
    }
    let (text, status) = match (name, numeric) {
        ("wget", false) => (
            format!(
                "failed: Temporary failure in name resolution.\nwget: unable to resolve host address ‘{host}’\n"
            ),
            4,
        ),
        ("wget", true) => ("failed: No route to host.\n".to_owned(), 4),
        (_, false) => (format!("curl: (6) Could not resolve host: {host}\n"), 6),
        (_, true) => (
            format!(
                "curl: (7) Failed to connect to {host} port {port} after 3060 ms: Couldn't connect to server\n"
            ),
            7,
        ),
    };
    if !quiet {
        sh.write(2, text.as_bytes())?;
    }
    Ok(status)
}

fn uptime_text(sh: &Shell) -> String {
    let persona = sh.machine.persona();
    let now = sh.io.now();
    let up = (now.as_second() - persona.boot.as_second()).max(0);
    let (days, hours, minutes) = (up / 86_400, up / 3600 % 24, up / 60 % 60);
    let clock = if hours > 0 { format!("{hours:2}:{minutes:02}") } else { format!("{minutes} min") };
    let load = facts::load(persona, now).replace(' ', ", ");
    format!(" {} up {days} days, {clock},  1 user,  load average: {load}\n", facts::strftime(now, "%T"))
}
