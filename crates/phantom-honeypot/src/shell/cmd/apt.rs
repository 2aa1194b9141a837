//! apt and its kin, as on a host that reaches no archive.

use super::dpkg::{STATUS, all, files, fits};
use super::registry::{Row, Waits, bin, waits};
use super::{Ctx, Need, show};
use crate::machine::packages::{AVAILABLE, Package, stanza};
use crate::shell::Shell;
use crate::shell::io::Stop;

pub(super) const PROGRAMS: &[Row] = &[
    waits("apt", "apt", 18_752, (|sh, name, args| Box::pin(apt(sh, name, args))) as Waits),
    bin("apt-cache", "apt", 88_456, apt_cache),
    waits("apt-get", "apt", 51_592, (|sh, name, args| Box::pin(apt(sh, name, args))) as Waits),
    bin("apt-mark", "apt", 51_584, apt_mark),
];

fn apt_mark(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    match words.first().map(String::as_str) {
        Some("showmanual") => {
            for name in ["at", "curl", "nginx", "openssh-server", "sudo", "vsftpd", "wget"] {
                ctx.print(&format!("{name}\n"));
            }
        }
        Some("showauto") => {
            let text: String = all(ctx.sh)
                .iter()
                .filter(|p| p.name.starts_with("lib"))
                .map(|p| format!("{}\n", p.name))
                .collect();
            ctx.print(&text);
        }
        Some("hold") => {
            for name in words.iter().skip(1) {
                ctx.print(&format!("{name} set on hold.\n"));
            }
        }
        Some("unhold") => {
            for name in words.iter().skip(1) {
                ctx.print(&format!("Canceled hold on {name}.\n"));
            }
        }
        Some("showhold") => {}
        Some(other) => {
            ctx.err.extend_from_slice(format!("E: Invalid operation {other}\n").as_bytes());
            return Ok(100);
        }
        None => ctx.print("apt 2.6.1 (amd64)\nUsage: apt-mark [options] {auto|manual} pkg1 [pkg2 ...]\n"),
    }
    Ok(0)
}

fn apt_cache(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).filter(|a| !a.starts_with('-')).collect();
    let Some((verb, names)) = words.split_first() else {
        ctx.print("apt 2.6.1 (amd64)\nUsage: apt-cache [options] command\n       apt-cache [options] show pkg1 [pkg2 ...]\n");
        return Ok(0);
    };
    let known = all(ctx.sh);
    let mut status = 0;
    match verb.as_str() {
        "policy" => {
            for name in names {
                let own = known.iter().find(|p| p.name == *name).map(|p| p.version.clone());
                let other = AVAILABLE.iter().find(|row| row.0 == name).map(|row| row.1.to_owned());
                let Some(version) = own.clone().or(other) else { continue };
                let mark = if own.is_some() { "***" } else { "   " };
                ctx.print(&format!("{name}:\n  Installed: {}\n  Candidate: {version}\n  Version table:\n {mark} {version} 500\n        500 http://deb.debian.org/debian bookworm/main amd64 Packages\n{}", own.clone().unwrap_or_else(|| "(none)".to_owned()), if own.is_some() { "        100 /var/lib/dpkg/status\n" } else { "" }));
            }
        }
        "search" => {
            let mut found: Vec<(String, String)> =
                known.iter().map(|p| (p.name.clone(), p.about.clone())).collect();
            found.extend(AVAILABLE.iter().map(|row| (row.0.to_owned(), row.5.to_owned())));
            found.sort();
            for (name, about) in found {
                if names.iter().all(|w| name.contains(w) || about.to_lowercase().contains(&w.to_lowercase()))
                {
                    ctx.print(&format!("{name} - {about}\n"));
                }
            }
        }
        "show" => {
            for name in names {
                match known.iter().find(|p| p.name == *name) {
                    Some(p) => ctx.print(&format!("{}\n", stanza(p))),
                    None => match AVAILABLE.iter().find(|row| row.0 == name) {
                        Some((name, version, size, kib, file, about)) => ctx.print(&format!("Package: {name}\nVersion: {version}\nInstalled-Size: {kib}\nArchitecture: amd64\nDescription: {about}\nFilename: {file}\nSize: {size}\n\n")),
                        None => {
                            ctx.err.extend_from_slice(b"E: No packages found\n");
                            status = 100;
                        }
                    },
                }
            }
        }
        "stats" | "depends" | "rdepends" | "madison" | "pkgnames" => {
            for p in known.iter().filter(|_| verb == "pkgnames") {
                ctx.print(&format!("{}\n", p.name));
            }
        }
        other => {
            ctx.err.extend_from_slice(format!("E: Invalid operation {other}\n").as_bytes());
            status = 100;
        }
    }
    Ok(status)
}

/// Seconds until the resolver gives a name up: twice five a server (resolv.conf(5)).
const RESOLVE: i64 = 10;

async fn wait(sh: &Shell, seconds: i64) -> Result<(), Stop> {
    if sh.get(b"!skip-sleep").is_some() {
        return Ok(());
    }
    let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()) + seconds * 1_000_000);
    sh.io.sleep_until(until).await
}

async fn apt(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words: Vec<String> = args.iter().map(|a| show(a)).collect();
    let flags: Vec<&String> = words.iter().filter(|w| w.starts_with('-')).collect();
    let mut rest: Vec<String> = Vec::new();
    let mut skip = false;
    for word in &words {
        match word.as_str() {
            _ if skip => skip = false,
            "-o" | "-c" | "-t" => skip = true,
            word if word.starts_with('-') => {}
            word => rest.push(word.to_owned()),
        }
    }
    let quiet = flags.iter().filter(|f| f.starts_with("-q")).map(|f| f.len() - 1).sum::<usize>();
    let yes = flags.iter().any(|f| {
        (f.starts_with('-') && !f.starts_with("--") && f.contains('y'))
            || matches!(f.as_str(), "--yes" | "--assume-yes")
    });
    let terminal = sh.io.lock().pty;
    if name == "apt" && !terminal && rest.first().is_some_and(|v| v != "help") {
        sh.write(
            2,
            b"\nWARNING: apt does not have a stable CLI interface. Use with caution in scripts.\n\n",
        )?;
    }
    if flags.iter().any(|f| *f == "--version" || *f == "-v") {
        sh.write(1, b"apt 2.6.1 (amd64)\n")?;
        return Ok(0);
    }
    let Some((verb, names)) = rest.split_first() else {
        let text = format!("apt 2.6.1 (amd64)\nUsage: {name} [options] command\n\n");
        sh.write(1, text.as_bytes())?;
        return Ok(0);
    };
    let root = sh.account.cred.uid == 0;
    match verb.as_str() {
        "list" | "show" | "search" | "policy" if name == "apt" => listing(sh, verb, &words, names),
        "update" | "install" | "upgrade" | "dist-upgrade" | "full-upgrade" | "remove" | "purge"
        | "autoremove" | "clean" | "autoclean" | "reinstall" | "--fix-broken"
            if !root =>
        {
            let text = if matches!(verb.as_str(), "update" | "clean" | "autoclean") {
                if verb == "update" {
                    "Reading package lists... Done\nE: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)\nE: Unable to lock directory /var/lib/apt/lists/\nW: Problem unlinking the file /var/cache/apt/pkgcache.bin - RemoveCaches (13: Permission denied)\nW: Problem unlinking the file /var/cache/apt/srcpkgcache.bin - RemoveCaches (13: Permission denied)\n"
                } else {
                    "E: Could not open lock file /var/cache/apt/archives/lock - open (13: Permission denied)\nE: Unable to lock the download directory\n"
                }
            } else {
                "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n"
            };
            sh.write(2, text.as_bytes())?;
            Ok(100)
        }
        "update" => update(sh, quiet).await,
        "clean" | "autoclean" | "check" => Ok(0),
        "install" | "reinstall" | "upgrade" | "dist-upgrade" | "full-upgrade" | "autoremove" => {
            install(sh, names, (quiet, yes)).await
        }
        "remove" | "purge" => remove(sh, names, (quiet, yes)),
        other => {
            sh.write(2, format!("E: Invalid operation {other}\n").as_bytes())?;
            Ok(100)
        }
    }
}

fn listing(sh: &mut Shell, verb: &str, words: &[String], names: &[String]) -> Result<i32, Stop> {
    let known = all(sh);
    let mut text = String::new();
    if verb == "list" {
        text += "Listing...\n";
        let only = words.iter().any(|w| w == "--installed");
        if !words.iter().any(|w| w == "--upgradable") {
            for p in known.iter().filter(|p| names.is_empty() || names.iter().any(|w| fits(w, &p.name))) {
                text += &format!("{}/now {} {} [installed,local]\n", p.name, p.version, p.arch);
            }
            for row in AVAILABLE.iter().filter(|row| !only && names.iter().any(|w| fits(w, row.0))) {
                text += &format!("{}/oldstable {} amd64\n", row.0, row.1);
            }
        }
    } else if verb == "search" {
        text += "Sorting...\nFull Text Search...\n";
        for p in &known {
            if names.iter().all(|w| p.name.contains(w) || p.about.contains(w.as_str())) {
                text +=
                    &format!("{}/now {} {} [installed,local]\n  {}\n\n", p.name, p.version, p.arch, p.about);
            }
        }
        for row in AVAILABLE {
            if names.iter().all(|w| row.0.contains(w) || row.5.contains(w.as_str())) {
                text += &format!("{}/oldstable {} amd64\n  {}\n\n", row.0, row.1, row.5);
            }
        }
    } else {
        for name in names {
            match known.iter().find(|p| p.name == *name) {
                Some(p) => text += &format!("{}\n", stanza(p)),
                None => {
                    sh.write(2, b"N: Unable to locate package ")?;
                    sh.write(2, format!("{name}\nE: No packages found\n").as_bytes())?;
                    return Ok(100);
                }
            }
        }
    }
    sh.write(1, text.as_bytes())?;
    Ok(0)
}

async fn update(sh: &mut Shell, quiet: usize) -> Result<i32, Stop> {
    let sources = [
        ("http://deb.debian.org/debian", "bookworm", "deb.debian.org"),
        ("http://security.debian.org/debian-security", "bookworm-security", "security.debian.org"),
        ("http://deb.debian.org/debian", "bookworm-updates", "deb.debian.org"),
    ];
    for (number, (url, suite, host)) in sources.iter().enumerate() {
        if number < 2 {
            wait(sh, RESOLVE).await?;
        }
        if quiet < 2 {
            let text = format!(
                "Err:{} {url} {suite} InRelease\n  Temporary failure resolving '{host}'\n",
                number + 1
            );
            sh.write(1, text.as_bytes())?;
        }
    }
    if quiet < 2 {
        sh.write(1, b"Reading package lists...\n")?;
    }
    let mut text = String::new();
    for (url, suite, host) in sources {
        text += &format!(
            "W: Failed to fetch {url}/dists/{suite}/InRelease  Temporary failure resolving '{host}'\n"
        );
    }
    text += "W: Some index files failed to download. They have been ignored, or old ones used instead.\n";
    sh.write(2, text.as_bytes())?;
    Ok(0)
}

/// What apt says before it begins; on a terminal each line ends as it is done.
fn reading(sh: &Shell) -> String {
    let end = if sh.io.lock().pty { " Done" } else { "" };
    format!(
        "Reading package lists...{end}\nBuilding dependency tree...{end}\nReading state information...{end}\n"
    )
}

async fn install(sh: &mut Shell, names: &[String], (quiet, yes): (usize, bool)) -> Result<i32, Stop> {
    if quiet < 2 {
        sh.write(1, reading(sh).as_bytes())?;
    }
    let known = all(sh);
    let mut wanted = Vec::new();
    let mut text = String::new();
    let mut bad = false;
    for name in names.iter().map(|n| n.trim_end_matches('+')) {
        if let Some(own) = known.iter().find(|p| p.name == name) {
            text += &format!("{name} is already the newest version ({}).\n", own.version);
        } else if let Some(row) = AVAILABLE.iter().find(|row| row.0 == name) {
            wanted.push(row);
        } else if name.starts_with("./") || name.starts_with('/') {
            sh.write(2, format!("E: Unsupported file {name} given on commandline\n").as_bytes())?;
            bad = true;
        } else {
            sh.write(2, format!("E: Unable to locate package {name}\n").as_bytes())?;
            bad = true;
        }
    }
    if bad {
        return Ok(100);
    }
    wanted.sort_by_key(|row| row.0);
    wanted.dedup_by_key(|row| row.0);
    if !wanted.is_empty() {
        let list: Vec<&str> = wanted.iter().map(|row| row.0).collect();
        text += &format!("The following NEW packages will be installed:\n  {}\n", list.join(" "));
    }
    text += &format!("0 upgraded, {} newly installed, 0 to remove and 0 not upgraded.\n", wanted.len());
    let bytes: u64 = wanted.iter().map(|row| row.2).sum();
    let kib: u64 = wanted.iter().map(|row| row.3).sum();
    if !wanted.is_empty() {
        text += &format!(
            "Need to get {}B of archives.\nAfter this operation, {}B of additional disk space will be used.\n",
            decimal(bytes),
            decimal(kib * 1024)
        );
    }
    if quiet < 2 {
        sh.write(1, text.as_bytes())?;
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    if !yes && names.len() < wanted.len() {
        sh.write(1, b"Do you want to continue? [Y/n] ")?;
        let answer = sh.read_line().await?.unwrap_or_default();
        if !matches!(answer.first(), Some(b'y' | b'Y' | b'\n')) {
            sh.write(1, b"Abort.\n")?;
            return Ok(1);
        }
    }
    wait(sh, RESOLVE).await?;
    let mut errors = String::new();
    for (number, (name, version, _, _, file, _)) in wanted.iter().enumerate() {
        let line = format!(
            "Err:{} http://deb.debian.org/debian bookworm/main amd64 {name} amd64 {version}\n  Temporary failure resolving 'deb.debian.org'\n",
            number + 1
        );
        sh.write(1, line.as_bytes())?;
        errors += &format!(
            "E: Failed to fetch http://deb.debian.org/debian/{file}  Temporary failure resolving 'deb.debian.org'\n"
        );
    }
    errors += "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n";
    sh.write(2, errors.as_bytes())?;
    Ok(100)
}

/// apt's decimal units: at most four digits, one after the point below ten of a unit past the first.
fn decimal(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "k", "M", "G"] {
        if value < 10_000.0 && unit.is_empty() {
            return format!("{value:.0} ");
        }
        if value < 100.0 && !unit.is_empty() {
            return format!("{value:.1} {unit}");
        }
        if value < 10_000.0 && !unit.is_empty() {
            return format!("{value:.0} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} T")
}

/// Packages without which Debian does not run.
const ESSENTIAL: &[&str] = &[
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "login",
    "ncurses-base",
    "ncurses-bin",
    "perl-base",
    "sed",
    "sysvinit-utils",
    "tar",
    "util-linux",
];

fn remove(sh: &mut Shell, names: &[String], (quiet, yes): (usize, bool)) -> Result<i32, Stop> {
    if quiet < 2 {
        sh.write(1, reading(sh).as_bytes())?;
    }
    let known = all(sh);
    let mut gone: Vec<&Package> = Vec::new();
    for name in names {
        match known.iter().find(|p| p.name == *name) {
            Some(p) => gone.push(p),
            None if AVAILABLE.iter().any(|row| row.0 == name) => {
                sh.write(1, format!("Package '{name}' is not installed, so not removed\n").as_bytes())?;
            }
            None => {
                sh.write(2, format!("E: Unable to locate package {name}\n").as_bytes())?;
                return Ok(100);
            }
        }
    }
    if gone.iter().any(|p| ESSENTIAL.contains(&p.name.as_str()) || p.name == "libc6") {
        let text = if yes {
            "E: Essential packages were removed and -y was used without --allow-remove-essential.\n"
        } else {
            "E: Removing essential system-critical packages is not permitted. This might break the system.\n"
        };
        sh.write(2, text.as_bytes())?;
        return Ok(100);
    }
    let mut text = String::new();
    if !gone.is_empty() {
        let list: Vec<&str> = gone.iter().map(|p| p.name.as_str()).collect();
        text += &format!("The following packages will be REMOVED:\n  {}\n", list.join(" "));
    }
    text += &format!("0 upgraded, 0 newly installed, {} to remove and 0 not upgraded.\n", gone.len());
    if !gone.is_empty() {
        let kib: u64 = gone.iter().map(|p| p.size).sum();
        text += &format!("After this operation, {}B disk space will be freed.\n", decimal(kib * 1024));
        text += "(Reading database ... 34212 files and directories currently installed.)\n";
    }
    for package in &gone {
        text += &format!("Removing {} ({}) ...\n", package.full_name(), package.version);
        uninstall(sh, package);
    }
    sh.write(1, text.as_bytes())?;
    Ok(0)
}

/// Its programs and its paragraph of the status file go.
fn uninstall(sh: &mut Shell, package: &Package) {
    let root = crate::vfs::Cred::root();
    let text = super::accounts::system_file(sh, STATUS);
    let mark = format!("Package: {}\n", package.name);
    let kept: String =
        text.split_inclusive("\n\n").filter(|paragraph| !paragraph.starts_with(&mark)).collect();
    let mut vfs = sh.vfs();
    for file in files(&package.name) {
        // What the visitor removed before is gone already.
        let _ = vfs.unlink(&root, file.as_bytes());
    }
    if let Ok(ino) = vfs.create(&root, STATUS.as_bytes(), 0o644, true) {
        let _ = vfs.write(ino, Some(0), kept.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn sizes_are_written_as_apt_writes_them() {
        assert_eq!(decimal(1_491_000), "1491 k");
        assert_eq!(decimal(0), "0 ");
        assert_eq!(decimal(53_700_000), "53.7 M");
    }
}
