//! Debian packages that a task needs: named, installed when allowed, and checked.

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell::{check, command, is_root, which};

/// A program and the Debian package that brings it.
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
}

const fn tool(program: &'static str, package: &'static str) -> Tool {
    Tool { program, package }
}

/// What building and starting the node needs beyond Rust, the C linker that Rust itself asks for, and Node.
pub(crate) const RUN: &[Tool] = &[tool("nft", "nftables")];

/// What the tests need besides: real clients, real servers, real attack tools, a database and a browser.
pub(crate) const TEST: &[Tool] = &[
    tool("nft", "nftables"),
    tool("ip", "iproute2"),
    tool("unshare", "util-linux"),
    tool("ping", "iputils-ping"),
    tool("mawk", "mawk"),
    tool("column", "bsdextrautils"),
    tool("ssh", "openssh-client"),
    tool("sshd", "openssh-server"),
    tool("sshpass", "sshpass"),
    tool("curl", "curl"),
    tool("wget", "wget"),
    tool("lftp", "lftp"),
    tool("ftp", "ftp"),
    tool("nginx", "nginx-light"),
    tool("vsftpd", "vsftpd"),
    tool("nmap", "nmap"),
    tool("hydra", "hydra"),
    tool("tcpdump", "tcpdump"),
    tool("chromium", "chromium"),
    tool("pg_createcluster", "postgresql"),
];

/// What the benches need besides.
pub(crate) const BENCH: &[Tool] = &[tool("tshark", "tshark"), tool("virtualenv", "virtualenv")];

/// What a real Debian beside the honeypot needs.
pub(crate) const DEBIAN: &[Tool] =
    &[tool("debootstrap", "debootstrap"), tool("unshare", "util-linux"), tool("ip", "iproute2")];

/// What making the persona's tree needs: apt and dpkg themselves, and the keys that Debian signs with.
pub(crate) const PERSONA: &[Tool] = &[tool("apt-get", "apt"), tool("dpkg-deb", "dpkg"), tool("gpgv", "gpgv")];

/// What fuzzing needs besides: libFuzzer is C++, built with every target.
pub(crate) const FUZZ: &[Tool] = &[tool("c++", "g++")];

/// Makes sure that every tool is there: installs what is missing through apt, as root or with sudo, saying
/// what; with `install` false, or where there is no apt, only names it.
pub(crate) fn ensure(tools: &[Tool], install: bool) -> Result<()> {
    let absent = missing(tools.iter());
    if absent.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = absent.iter().map(|tool| tool.package).collect();
    let list = names.join(" ");
    if !install {
        bail!("missing system packages: {list} (run without --no-install to install them)");
    }
    if which("apt-get").is_none() {
        bail!("missing programs, and no apt-get here to install them: Debian calls their packages {list}");
    }
    println!("installing system packages: {list}");
    let services = NoServices::hold();
    let refreshed = apt(&["update", "-qq"]);
    let installed = apt(&[&["install", "-y", "-qq", "--no-install-recommends"], names.as_slice()].concat());
    drop(services);
    refreshed?;
    installed?;
    let still: Vec<&str> = missing(absent.iter().copied()).into_iter().map(|tool| tool.program).collect();
    if !still.is_empty() {
        bail!("installed {list}, and still there is no {}", still.join(", "));
    }
    Ok(())
}

fn missing<'a>(tools: impl Iterator<Item = &'a Tool>) -> Vec<&'a Tool> {
    tools.filter(|tool| which(tool.program).is_none()).collect()
}

fn apt(args: &[&str]) -> Result<()> {
    as_root(&[&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat())
}

fn as_root(args: &[&str]) -> Result<()> {
    let (program, rest) = if is_root() { (args[0], &args[1..]) } else { ("sudo", args) };
    if program == "sudo" && which("sudo").is_none() {
        bail!("not root, and no sudo here; as root: {}", args.join(" "));
    }
    check(command(program).args(rest))
}

/// While it lives, Debian's packages do not start the daemons they bring (`policy-rc.d` says 101, "action
/// forbidden"): the tests start their own, and nothing may be left running.
struct NoServices(bool);

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn hold() -> Self {
        if Path::new(POLICY).exists() {
            return Self(false);
        }
        let script = format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}");
        Self(as_root(&["sh", "-c", &script]).is_ok())
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.0 && as_root(&["rm", "-f", POLICY]).is_err() {
            eprintln!("could not remove {POLICY}; remove it by hand");
        }
    }
}
