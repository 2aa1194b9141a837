//! dpkg, dpkg-query and apt, as on a host that reaches no archive.

use super::registry::{Row, bin, rows};
use super::{Ctx, Need, show};
use crate::machine::packages::{Package, installed, stanza};
use crate::shell::Shell;

pub(super) const PROGRAMS: &[Row] =
    &[bin("dpkg", "dpkg", 318_096, dpkg), bin("dpkg-query", "dpkg", 162_384, dpkg)];

pub(super) const STATUS: &str = "/var/lib/dpkg/status";

/// The installed packages that the status file still has.
pub(super) fn all(sh: &Shell) -> Vec<Package> {
    let status = super::accounts::system_file(sh, STATUS);
    let names: std::collections::HashSet<&str> =
        status.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    installed(sh.machine.persona()).into_iter().filter(|p| names.contains(p.name.as_str())).collect()
}

/// A shell pattern against a name; a name alone is itself.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<(u8, bool)> = pattern.bytes().map(|b| (b, true)).collect();
    crate::shell::glob::matches(&pattern, name.as_bytes())
}

/// Files of a package that are on this machine.
pub(super) fn files(package: &str) -> Vec<String> {
    let mut all: Vec<String> =
        rows().filter(|row| row.package == package).map(|row| format!("{}/{}", row.dir, row.name)).collect();
    all.sort();
    all
}

/// What follows an error in how dpkg was called.
const HELP: &str = "\nType dpkg --help for help about installing and deinstalling packages [*];\nUse 'apt' or 'aptitude' for user-friendly package management;\nType dpkg -Dhelp for a list of dpkg debug flag values;\nType dpkg --force-help for a list of forcing options;\nType dpkg-deb --help for help about manipulating *.deb files;\n\nOptions marked [*] produce a lot of output - pipe it through 'less' or 'more' !\n";

/// The order of two versions: epoch, upstream version, revision (Debian Policy 5.6.12).
fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    let parts = |text: &str| {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse::<u32>().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| part_order(&a.1, &b.1)).then_with(|| part_order(&a.2, &b.2))
}

/// Turns of characters that are no digits and of numbers; a tilde comes before the end.
fn part_order(a: &str, b: &str) -> std::cmp::Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        Some(c) if c.is_ascii_digit() => 0,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        while a.first().is_some_and(|c| !c.is_ascii_digit()) || b.first().is_some_and(|c| !c.is_ascii_digit())
        {
            let order = weight(a.first()).cmp(&weight(b.first()));
            if order.is_ne() {
                return order;
            }
            (a, b) = (a.get(1..).unwrap_or(&[]), b.get(1..).unwrap_or(&[]));
        }
        let number = |text: &mut &[u8]| {
            let digits = text.iter().take_while(|c| c.is_ascii_digit()).count();
            let (head, tail) = text.split_at_checked(digits).unwrap_or((text, b""));
            *text = tail;
            let zeros = head.iter().take_while(|c| **c == b'0').count();
            head.get(zeros..).unwrap_or(&[]).to_vec()
        };
        let (x, y) = (number(&mut a), number(&mut b));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(&y));
        if order.is_ne() {
            return order;
        }
    }
    std::cmp::Ordering::Equal
}

fn dpkg(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let (action, operands): (Vec<&String>, Vec<&String>) = words.iter().partition(|w| w.starts_with('-'));
    let is = |names: &[&str]| action.iter().any(|a| names.contains(&a.as_str()));
    if is(&["--version"]) {
        ctx.print("Debian 'dpkg' package management program version 1.21.22 (amd64).\nThis is free software; see the GNU General Public License version 2 or\nlater for copying conditions. There is NO warranty.\n");
        return Ok(0);
    }
    if is(&["--print-architecture"]) {
        ctx.print("amd64\n");
        return Ok(0);
    }
    if is(&["--print-foreign-architectures", "--configure", "--audit", "-C", "--clear-avail"]) {
        return Ok(0);
    }
    if is(&["-l", "--list"]) {
        return Ok(list(ctx, &operands));
    }
    if is(&["-S", "--search"]) {
        return Ok(search(ctx, &operands));
    }
    let known = all(ctx.sh);
    let find = |name: &str| known.iter().find(|p| p.name == name.split(':').next().unwrap_or(name));
    if is(&["--get-selections"]) {
        for pattern in operands.iter().filter(|w| !known.iter().any(|p| fits(w, &p.name))) {
            ctx.err.extend_from_slice(format!("dpkg: no packages found matching {pattern}\n").as_bytes());
        }
        for p in known.iter().filter(|p| operands.is_empty() || operands.iter().any(|w| fits(w, &p.name))) {
            let name = p.full_name();
            let tabs = "\t".repeat(6usize.saturating_sub(name.len() / 8).max(1));
            ctx.print(&format!("{name}{tabs}install\n"));
        }
        return Ok(0);
    }
    if is(&["-W", "--show"]) || action.iter().any(|a| a.starts_with("-f") || a.starts_with("--showformat")) {
        return Ok(query(ctx, &words));
    }
    if is(&["-s", "--status", "-p", "--print-avail"]) {
        let mut status = 0;
        for name in &operands {
            match find(name) {
                Some(p) => ctx.print(&format!("{}\n", stanza(p)).replace("\n\n", "\n")),
                None => {
                    let text = format!(
                        "dpkg-query: package '{name}' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.\n"
                    );
                    ctx.err.extend_from_slice(text.as_bytes());
                    status = 1;
                }
            }
        }
        return Ok(status);
    }
    if is(&["-L", "--listfiles"]) {
        let mut status = 0;
        for name in &operands {
            match find(name) {
                Some(p) => {
                    let mut text = String::from("/.\n");
                    let mut dirs: Vec<String> = Vec::new();
                    for file in files(&p.name) {
                        for (at, _) in file.match_indices('/').skip(1) {
                            let dir = file.get(..at).unwrap_or("").to_owned();
                            if !dirs.contains(&dir) {
                                text += &format!("{dir}\n");
                                dirs.push(dir);
                            }
                        }
                        text += &format!("{file}\n");
                    }
                    text += &format!("/usr/share\n/usr/share/doc\n/usr/share/doc/{}\n", p.name);
                    ctx.print(&text);
                }
                None => {
                    let text = format!(
                        "dpkg-query: package '{name}' is not installed\nUse dpkg --contents (= dpkg-deb --contents) to list archive files contents.\n"
                    );
                    ctx.err.extend_from_slice(text.as_bytes());
                    status = 1;
                }
            }
        }
        return Ok(status);
    }
    if is(&["-i", "--install", "-r", "--remove", "-P", "--purge", "--unpack"]) {
        return Ok(change(ctx, is(&["-i", "--install", "--unpack"]), &operands));
    }
    if is(&["--compare-versions"]) {
        let [a, relation, b] = operands.as_slice() else {
            ctx.err.extend_from_slice(format!("dpkg: error: --compare-versions takes three arguments: <version> <relation> <version>\n{HELP}").as_bytes());
            return Ok(2);
        };
        let order = compare(a, b);
        let holds = match relation.as_str() {
            "lt" | "lt-nl" | "<<" => order.is_lt(),
            "le" | "le-nl" | "<" | "<=" => order.is_le(),
            "eq" | "=" => order.is_eq(),
            "ne" => order.is_ne(),
            "ge" | "ge-nl" | ">" | ">=" => order.is_ge(),
            "gt" | "gt-nl" | ">>" => order.is_gt(),
            _ => {
                ctx.err.extend_from_slice(
                    format!("dpkg: error: --compare-versions bad relation\n{HELP}").as_bytes(),
                );
                return Ok(2);
            }
        };
        return Ok(i32::from(!holds));
    }
    if let Some(option) = action.first() {
        ctx.err.extend_from_slice(format!("dpkg: error: unknown option {option}\n{HELP}").as_bytes());
        return Ok(2);
    }
    ctx.err.extend_from_slice(format!("dpkg: error: need an action option\n{HELP}").as_bytes());
    Ok(2)
}

fn list(ctx: &mut Ctx<'_>, patterns: &[&String]) -> i32 {
    let known = all(ctx.sh);
    let chosen: Vec<&Package> = known
        .iter()
        .filter(|p| patterns.is_empty() || patterns.iter().any(|w| fits(w, &p.name) || **w == p.full_name()))
        .collect();
    let mut status = 0;
    for pattern in patterns {
        if !known.iter().any(|p| fits(pattern, &p.name) || **pattern == p.full_name()) {
            ctx.err
                .extend_from_slice(format!("dpkg-query: no packages found matching {pattern}\n").as_bytes());
            status = 1;
        }
    }
    if chosen.is_empty() {
        return status;
    }
    let width =
        |f: fn(&Package) -> usize, least: usize| chosen.iter().map(|p| f(p)).max().unwrap_or(0).max(least);
    let terminal = ctx.sh.io.lock().pty;
    let columns = if terminal { usize::try_from(ctx.sh.io.lock().size.0).unwrap_or(80) } else { 80 };
    let (name, version) = (width(|p| p.full_name().len(), 14), width(|p| p.version.len(), 12));
    let about = if terminal {
        columns.saturating_sub(name + version + 12 + 7).max(33)
    } else {
        width(|p| p.about.len(), 33)
    };
    let mut text = format!(
        "Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n||/ {:<name$} {:<version$} {:<12} Description\n+++-{}-{}-{}-{}\n",
        "Name",
        "Version",
        "Architecture",
        "=".repeat(name),
        "=".repeat(version),
        "=".repeat(12),
        "=".repeat(about)
    );
    for p in chosen {
        let short: String = p.about.chars().take(about).collect();
        text += &format!("ii  {:<name$} {:<version$} {:<12} {short}\n", p.full_name(), p.version, p.arch);
    }
    ctx.print(&text);
    status
}

fn search(ctx: &mut Ctx<'_>, wanted: &[&String]) -> i32 {
    let mut status = 0;
    let (mut out, mut err) = (String::new(), String::new());
    for wanted in wanted {
        let before = out.len();
        for row in rows() {
            let path = format!("{}/{}", row.dir, row.name);
            let short = path.trim_start_matches("/usr");
            let same = if wanted.starts_with('/') {
                path == **wanted || short == **wanted
            } else {
                path.contains(wanted.as_str())
            };
            if same {
                out += &format!("{}: {}\n", row.package, if short == **wanted { short } else { &path });
            }
        }
        if out.len() == before {
            err += &format!("dpkg-query: no path found matching pattern {wanted}\n");
            status = 1;
        }
    }
    ctx.print(&out);
    ctx.err.extend_from_slice(err.as_bytes());
    status
}

/// dpkg-query -W with -f.
fn query(ctx: &mut Ctx<'_>, words: &[String]) -> i32 {
    let mut format = "${binary:Package}\\t${Version}\\n".to_owned();
    let mut patterns = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(value) = word.strip_prefix("-f=").or_else(|| word.strip_prefix("--showformat=")) {
            value.clone_into(&mut format);
        } else if word == "-f" {
            format = words.next().cloned().unwrap_or_default();
        } else if let Some(value) = word.strip_prefix("-Wf").or_else(|| word.strip_prefix("-f")) {
            value.trim_start_matches('=').clone_into(&mut format);
        } else if !word.starts_with('-') {
            patterns.push(word.clone());
        }
    }
    let format = String::from_utf8_lossy(&super::unescape(format.as_bytes()).0).into_owned();
    let known = all(ctx.sh);
    let mut status = 0;
    for pattern in &patterns {
        if !known.iter().any(|p| fits(pattern, &p.name)) {
            ctx.err
                .extend_from_slice(format!("dpkg-query: no packages found matching {pattern}\n").as_bytes());
            status = 1;
        }
    }
    let mut text = String::new();
    for p in known.iter().filter(|p| patterns.is_empty() || patterns.iter().any(|w| fits(w, &p.name))) {
        let mut rest = format.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            text += before;
            let (field, tail) = after.split_once('}').unwrap_or((after, ""));
            let (field, width) =
                field.split_once(';').map_or((field, 0i64), |(f, w)| (f, w.parse().unwrap_or(0)));
            let value = match field.to_ascii_lowercase().as_str() {
                "package" => p.name.clone(),
                "binary:package" => p.full_name(),
                "version" => p.version.clone(),
                "architecture" => p.arch.to_owned(),
                "status" => "install ok installed".to_owned(),
                "db:status-abbrev" => "ii ".to_owned(),
                "installed-size" => p.size.to_string(),
                "section" => p.section.to_owned(),
                "description" | "binary:summary" => p.about.clone(),
                _ => String::new(),
            };
            let cells = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(200);
            text += &if width < 0 { format!("{value:<cells$}") } else { format!("{value:>cells$}") };
            rest = tail;
        }
        text += rest;
        if text.len() > 1 << 20 {
            break;
        }
    }
    ctx.print(&text);
    status
}

fn change(ctx: &mut Ctx<'_>, install: bool, operands: &[&String]) -> i32 {
    if ctx.sh.account.cred.uid != 0 {
        ctx.err.extend_from_slice(b"dpkg: error: requested operation requires superuser privilege\n");
        return 2;
    }
    let Some(name) = operands.first() else {
        ctx.err.extend_from_slice(
            format!("dpkg: error: --install needs at least one package archive file argument\n{HELP}")
                .as_bytes(),
        );
        return 2;
    };
    if !install {
        let known = all(ctx.sh).iter().any(|p| p.name == **name);
        let text = if known {
            format!(
                "dpkg: error processing package {name} (--remove):\n this is a protected package; it should not be removed\nErrors were encountered while processing:\n {name}\n"
            )
        } else {
            format!("dpkg: warning: ignoring request to remove {name} which isn't installed\n")
        };
        ctx.err.extend_from_slice(text.as_bytes());
        return i32::from(known);
    }
    let path = ctx.path(name.as_bytes());
    let head = ctx.sh.vfs().read(&ctx.sh.account.cred, &path, 0, 8);
    let text = match head {
        Err(errno) => format!("dpkg: error: cannot access archive '{name}': {errno}\n"),
        Ok(head) if head == b"!<arch>\n" => format!(
            "dpkg: dependency problems prevent configuration of {name}:\ndpkg: error processing archive {name} (--install):\n package architecture (arm64) does not match system (amd64)\nErrors were encountered while processing:\n {name}\n"
        ),
        Ok(_) => format!(
            "dpkg-deb: error: '{name}' is not a Debian format archive\ndpkg: error processing archive {name} (--install):\n dpkg-deb --control subprocess returned error exit status 2\nErrors were encountered while processing:\n {name}\n"
        ),
    };
    let status = if text.contains("cannot access") { 2 } else { 1 };
    ctx.err.extend_from_slice(text.as_bytes());
    status
}
