//! Programs that tell the machine's name and time, and downloads.

use super::attrs::follow;
use super::getopt::Spec;
use super::modes;
use super::registry::{Row, alternative, bin};
use super::{Ctx, Need, show};
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

const UNAME: Spec = Spec {
    shorts: "asnrvmpio",
    longs: &[
        ("all", b'a'),
        ("kernel-name", b's'),
        ("nodename", b'n'),
        ("kernel-release", b'r'),
        ("kernel-version", b'v'),
        ("machine", b'm'),
        ("processor", b'p'),
        ("hardware-platform", b'i'),
        ("operating-system", b'o'),
    ],
};

fn uname(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&UNAME, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(word) = parsed.rest.first() {
        return Ok(extra_operand(ctx, &show(word)));
    }
    let all = parsed.has(b'a');
    let none = !UNAME.shorts.bytes().any(|letter| parsed.has(letter));
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
        .filter(|(l, _)| if all { !b"pi".contains(l) } else { parsed.has(*l) || (none && *l == b's') })
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

const DATE: Spec = Spec {
    shorts: "d:f:I::r:Rs:u",
    longs: &[
        ("date=", b'd'),
        ("file=", b'f'),
        ("iso-8601?", b'I'),
        ("reference=", b'r'),
        ("rfc-email", b'R'),
        ("rfc-2822", b'R'),
        ("rfc-3339=", 200),
        ("set=", b's'),
        ("universal", b'u'),
        ("utc", b'u'),
    ],
};

/// date of coreutils 9.1, on a machine whose clock is in UTC.
fn date(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&DATE, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let operand = parsed.rest.first().map(|word| show(word));
    let given = parsed.value(b'd').or(parsed.value(b's')).map(show);
    let reference = parsed.value(b'r').map(show);
    if let Some(extra) = parsed.rest.get(1) {
        return Ok(extra_operand(ctx, &show(extra)));
    }
    let now = ctx.sh.io.now();
    let at = match (&given, &reference) {
        (Some(text), _) => match modes::date(text, now) {
            Some(at) => at,
            None => return Ok(ctx.fail(&format!("invalid date ‘{text}’"))),
        },
        (None, Some(name)) => match follow(ctx, name.as_bytes()) {
            Ok(stat) => stat.mtime,
            Err(errno) => return Ok(ctx.fail(&format!("{name}: {errno}"))),
        },
        (None, None) => now,
    };
    let format = match (&operand, parsed.value(b'I'), parsed.value(200)) {
        (Some(word), _, _) => match word.strip_prefix('+') {
            Some(format) => format.to_owned(),
            None if given.is_some() || reference.is_some() => {
                return Ok(ctx.fail(&format!("the argument ‘{word}’ lacks a leading '+';\nwhen using an option to specify date(s), any non-option\nargument must be a format string beginning with '+'\nTry 'date --help' for more information.")));
            }
            // MMDDhhmm sets the clock.
            None => match modes::stamp(&year_first(word), now) {
                Some(at) => return Ok(set_clock(ctx, at)),
                None => return Ok(ctx.fail(&format!("invalid date ‘{word}’"))),
            },
        },
        (None, _, Some(part)) => match show(part).as_str() {
            "date" => "%F".to_owned(),
            "ns" => "%F %T.%N%:z".to_owned(),
            _ => "%F %T%:z".to_owned(),
        },
        (None, Some(part), None) => match show(part).as_str() {
            "" | "date" => "%F".to_owned(),
            "hours" => "%FT%H%:z".to_owned(),
            "minutes" => "%FT%H:%M%:z".to_owned(),
            "ns" => "%FT%T,%N%:z".to_owned(),
            _ => "%FT%T%:z".to_owned(),
        },
        (None, None, None) if parsed.has(b'R') => "%a, %d %b %Y %T %z".to_owned(),
        (None, None, None) => "%a %b %e %T %Z %Y".to_owned(),
    };
    if parsed.has(b's') {
        return Ok(set_clock(ctx, at));
    }
    let text = facts::strftime(at, &spelled(at, &format));
    ctx.print(&format!("{text}\n"));
    Ok(0)
}

/// MMDDhhmm[[CC]YY] as touch(1) has it: the year first.
fn year_first(word: &str) -> String {
    match (word.get(..8), word.get(8..)) {
        (Some(rest), Some(year)) if !year.starts_with('.') => format!("{year}{rest}"),
        _ => word.to_owned(),
    }
}

/// The clock is the visit's own, and goes on: what it would be set to is told, as date tells it.
fn set_clock(ctx: &mut Ctx<'_>, at: phantom_core::Timestamp) -> i32 {
    let mut status = 0;
    if ctx.sh.account.cred.uid != 0 {
        status = ctx.fail("cannot set date: Operation not permitted");
    }
    ctx.print(&format!("{}\n", facts::strftime(at, "%a %b %e %T %Z %Y")));
    status
}

/// The conversions that are made of simpler ones, and those of weeks and full names.
fn spelled(at: phantom_core::Timestamp, format: &str) -> String {
    let number = |f: &str| facts::strftime(at, f).parse::<i64>().unwrap_or(0);
    let name = |list: &[&str], f: &str| {
        let short = facts::strftime(at, f);
        list.iter().find(|full| full.starts_with(&short)).map_or(short, |full| (*full).to_owned())
    };
    let mut text = String::new();
    let mut letters = format.chars().peekable();
    while let Some(c) = letters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let plain = letters.next_if(|c| *c == '-').is_some();
        let colon = letters.next_if(|c| *c == ':').is_some();
        let Some(letter) = letters.next() else {
            text.push('%');
            break;
        };
        text += &match letter {
            'z' if colon => "+00:00".to_owned(),
            'A' => name(&DAYS, "%a"),
            'B' => name(&MONTHS, "%b"),
            'C' => (number("%Y") / 100).to_string(),
            'c' => "%a %b %e %T %Y".to_owned(),
            'x' => "%D".to_owned(),
            'X' => "%T".to_owned(),
            'r' => "%I:%M:%S %p".to_owned(),
            'k' => format!("{:2}", number("%H")),
            'l' => format!("{:2}", number("%I")),
            'P' => facts::strftime(at, "%p").to_lowercase(),
            'q' => ((number("%m") + 2) / 3).to_string(),
            'U' => format!("{:02}", (number("%j") + 6 - number("%w")) / 7),
            'W' => format!("{:02}", (number("%j") + 6 - (number("%w") + 6) % 7) / 7),
            // Without the zeros that it is filled with.
            other if plain => number(&format!("%{other}")).to_string(),
            other => format!("%{other}"),
        };
    }
    text
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn extra_operand(ctx: &mut Ctx<'_>, word: &str) -> i32 {
    let name = ctx.name.clone();
    ctx.fail(&format!("extra operand ‘{word}’\nTry '{name} --help' for more information."))
}

/// The first operand of a program that takes none is refused.
fn no_operands(ctx: &mut Ctx<'_>) -> Result<(), i32> {
    let parsed = ctx.getopt(&Spec { shorts: "", longs: &[] }, 1)?;
    match parsed.rest.first() {
        Some(word) => Err(extra_operand(ctx, &show(word))),
        None => Ok(()),
    }
}

fn clear(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    ctx.print("\x1b[H\x1b[2J\x1b[3J");
    Ok(0)
}

/// which of debianutils 5.7, a script of dash.
fn which(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (mut all, mut status) = (false, 0);
    let mut names = ctx.args.clone();
    while let Some(option) = names.first().filter(|name| name.starts_with(b"-")).cloned() {
        names.remove(0);
        match option.as_slice() {
            b"-a" => all = true,
            b"--" => break,
            other => {
                let letter = other.get(1).copied().map_or('?', char::from);
                let text = format!("Illegal option -{letter}\nUsage: /usr/bin/which [-a] args\n");
                ctx.err.extend(text.bytes());
                return Ok(2);
            }
        }
    }
    if names.is_empty() {
        return Ok(1);
    }
    let path = ctx.sh.get(b"PATH").unwrap_or_default();
    for name in names {
        let dirs: Vec<&[u8]> =
            if name.contains(&b'/') { vec![b"".as_slice()] } else { path.split(|b| *b == b':').collect() };
        let mut found = false;
        for dir in dirs.into_iter().take(32) {
            let file = if dir.is_empty() { name.clone() } else { [dir, b"/", &name].concat() };
            let whole = ctx.path(&file);
            let runs = {
                let (vfs, who) = (ctx.sh.vfs(), &ctx.sh.account.cred);
                vfs.access(who, &whole, 1).is_ok()
                    && vfs.stat(who, &whole).is_ok_and(|stat| stat.kind == crate::vfs::Kind::File)
            };
            if runs {
                found = true;
                ctx.print(&format!("{}\n", show(&file)));
                if !all {
                    break;
                }
            }
        }
        status |= i32::from(!found);
    }
    Ok(status)
}

const WGET_USAGE: &str = "Usage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n";
const CURL_HINT: &str = "curl: try 'curl --help' or 'curl --manual' for more information\n";
/// `wget --version` of Debian's wget 1.21.3-1+deb12u1.
const WGET_VERSION: &str = "GNU Wget 1.21.3 built on linux-gnu.\n\n-cares +digest -gpgme +https +ipv6 +iri +large-file -metalink +nls \n+ntlm +opie +psl +ssl/gnutls \n\nWgetrc: \n    /etc/wgetrc (system)\nLocale: \n    /usr/share/locale \nCompile: \n    gcc -DHAVE_CONFIG_H -DSYSTEM_WGETRC=\"/etc/wgetrc\" \n    -DLOCALEDIR=\"/usr/share/locale\" -I. -I../../src -I../lib \n    -I../../lib -Wdate-time -D_FORTIFY_SOURCE=2 \n    -I/usr/include/p11-kit-1 -DHAVE_LIBGNUTLS -DNDEBUG -g -O2 \n    -ffile-prefix-map=/build/reproducible-path/wget-1.21.3=. \n    -fstack-protector-strong -Wformat -Werror=format-security \n    -DNO_SSLv2 -D_FILE_OFFSET_BITS=64 -g -Wall \nLink: \n    gcc -I/usr/include/p11-kit-1 -DHAVE_LIBGNUTLS -DNDEBUG -g -O2 \n    -ffile-prefix-map=/build/reproducible-path/wget-1.21.3=. \n    -fstack-protector-strong -Wformat -Werror=format-security \n    -DNO_SSLv2 -D_FILE_OFFSET_BITS=64 -g -Wall -Wl,-z,relro -Wl,-z,now \n    -lpcre2-8 -luuid -lidn2 -lnettle -lgnutls -lz -lpsl ../lib/libgnu.a \n\nCopyright (C) 2015 Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later\n<http://www.gnu.org/licenses/gpl.html>.\nThis is free software: you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n\nOriginally written by Hrvoje Niksic <hniksic@xemacs.org>.\nPlease send bug reports and questions to <bug-wget@gnu.org>.\n";
/// `curl --version` of Debian's curl 7.88.1-10+deb12u15.
const CURL_VERSION: &str = "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.20 zlib/1.2.13 brotli/1.0.9 zstd/1.5.4 libidn2/2.3.3 libpsl/0.21.2 (+libidn2/2.3.3) libssh2/1.10.0 nghttp2/1.52.0 librtmp/2.3 OpenLDAP/2.5.13\nRelease-Date: 2023-02-20, security patched: 7.88.1-10+deb12u15\nProtocols: dict file ftp ftps gopher gophers http https imap imaps ldap ldaps mqtt pop3 pop3s rtmp rtsp scp sftp smb smbs smtp smtps telnet tftp\nFeatures: alt-svc AsynchDNS brotli GSS-API HSTS HTTP2 HTTPS-proxy IDN IPv6 Kerberos Largefile libz NTLM NTLM_WB PSL SPNEGO SSL threadsafe TLS-SRP UnixSockets zstd\n";

/// What is said without fetching anything: the version, or that an option lacks its value; the text, where it
/// goes, and the status.
fn told(name: &str, args: &[Vec<u8>]) -> Option<(String, u32, i32)> {
    if args.iter().any(|a| a == b"-V" || a == b"--version") {
        return Some((if name == "wget" { WGET_VERSION } else { CURL_VERSION }.to_owned(), 1, 0));
    }
    // The last word asks for one more.
    let last = args.last().map(|a| show(a)).filter(|a| a.len() == 2 && a.starts_with('-'))?;
    let letter = last.get(1..)?;
    match name {
        "wget" if "aeioBtOTwQPUAlRDIX".contains(letter) => {
            Some((format!("wget: option requires an argument -- '{letter}'\n{WGET_USAGE}"), 2, 2))
        }
        "curl" if "AbcCdDeEFhHKmoPQrtTuUwxXyYz".contains(letter) => {
            Some((format!("curl: option {last}: requires parameter\n{CURL_HINT}"), 2, 2))
        }
        _ => None,
    }
}

/// wget and curl on a host whose resolver does not answer: glibc gives up on a name after twice five seconds a
/// server, and a blocked address is not reached. The URL stands in the recorded command and in a note.
pub(super) async fn download(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    if let Some((text, fd, status)) = told(name, &args) {
        sh.write(fd, text.as_bytes())?;
        return Ok(status);
    }
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
    let (scheme, rest) = whole.split_once("://").unwrap_or(("", ""));
    let schemes = CURL_VERSION.lines().find_map(|line| line.strip_prefix("Protocols: ")).unwrap_or("");
    if name == "curl" && !schemes.split(' ').any(|known| known == scheme.to_lowercase()) {
        let text = format!("curl: (1) Protocol \"{scheme}\" not supported or disabled in libcurl\n");
        sh.write(2, text.as_bytes())?;
        return Ok(1);
    }
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
    if let Err(status) = no_operands(ctx) {
        return Ok(status);
    }
    ctx.print("x86_64\n");
    Ok(0)
}

/// gethostid(3) of glibc: the address of the host's name, its halves exchanged.
fn hostid(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if let Err(status) = no_operands(ctx) {
        return Ok(status);
    }
    // /etc/hosts gives the name 127.0.1.1.
    let address = u32::from_le_bytes([127, 0, 1, 1]);
    ctx.print(&format!("{:08x}\n", address.rotate_left(16)));
    Ok(0)
}
