//! Programs that tell the machine's name and time, and downloads.

use super::getopt::Spec;
use super::registry::{Row, alternative, bin};
use super::{Ctx, Need, has_flag, show};
use crate::shell::io::Stop;
use crate::shell::{Shell, facts};

pub(super) const PROGRAMS: &[Row] = &[
    bin("arch", "coreutils", 43_888, arch),
    bin("clear", "ncurses-bin", 14_584, clear),
    bin("date", "coreutils", 121_904, date),
    bin("hostid", "coreutils", 39_760, hostid),
    bin("hostname", "hostname", 22_680, hostname),
    bin("uname", "coreutils", 43_888, uname),
    alternative("which", "debianutils", "/usr/bin/which.debianutils", which),
    bin("which.debianutils", "debianutils", 946, which),
];

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

const HOSTNAME: Spec = Spec {
    shorts: "aAbdfF:hiIsyV",
    longs: &[
        ("alias", b'a'),
        ("all-fqdns", b'A'),
        ("all-ip-addresses", b'I'),
        ("domain", b'd'),
        ("file=", b'F'),
        ("fqdn", b'f'),
        ("long", b'f'),
        ("ip-address", b'i'),
        ("nis", b'y'),
        ("short", b's'),
        ("yp", b'y'),
    ],
};

/// hostname 3.23.
fn hostname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&HOSTNAME, 255) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let given = match parsed.value(b'F') {
        Some(file) => match ctx.content(file)? {
            Ok(text) => {
                show(&text).lines().find(|line| !line.starts_with('#')).map(|line| line.trim().to_owned())
            }
            Err(errno) => return Ok(ctx.fail(&errno.to_string())),
        },
        None => parsed.rest.first().map(|name| show(name)),
    };
    if let Some(name) = given {
        return Ok(rename(ctx, &name));
    }
    let persona = ctx.sh.machine.persona();
    let text = if parsed.has(b'I') {
        let all = ctx.sh.look(|view| view.addresses());
        all.iter().filter(|a| a.scope() == "global").map(|a| format!("{} ", a.ip)).collect()
    } else if parsed.has(b'i') {
        // What /etc/hosts says of the name.
        "127.0.1.1".to_owned()
    } else if parsed.has(b'A') || parsed.has(b'a') {
        String::new()
    } else if parsed.has(b'f') {
        persona.fqdn()
    } else if parsed.has(b'd') {
        persona.domain.clone()
    } else if parsed.has(b'y') {
        return Ok(ctx.fail("Local domain name not set"));
    } else if parsed.has(b'V') {
        "hostname 3.23".to_owned()
    } else {
        ctx.sh.hostname()
    };
    ctx.print(&format!("{text}\n"));
    Ok(0)
}

/// Gives the machine another name, if it may have it.
fn rename(ctx: &mut Ctx<'_>, name: &str) -> i32 {
    if ctx.sh.account.cred.uid != 0 {
        return ctx.fail("you must be root to change the host name");
    }
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    if name.len() > 64 || name.is_empty() || !name.bytes().all(valid) || name.starts_with('-') {
        return ctx.fail("the specified hostname is invalid");
    }
    ctx.sh.live().hostname = Some(name.to_owned());
    0
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

fn arch(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    ctx.print("x86_64\n");
    Ok(0)
}

/// gethostid(3) of glibc: the address of the host's name, its halves exchanged.
fn hostid(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    // /etc/hosts gives the name 127.0.1.1.
    let address = u32::from_le_bytes([127, 0, 1, 1]);
    ctx.print(&format!("{:08x}\n", address.rotate_left(16)));
    Ok(0)
}
