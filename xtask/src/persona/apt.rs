//! Asking apt for packages without touching the machine's own state.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{command, output};

/// The persona's processor architecture, whatever this machine's is.
const ARCHITECTURE: &str = "amd64";

/// Where Debian 12 comes from when this machine is something else.
const SOURCES: &str = "\
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-updates main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main
";

/// A package that was fetched.
pub(super) struct Deb {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) file: PathBuf,
}

/// apt with a state of its own, in which nothing is installed.
pub(super) struct Apt {
    dir: PathBuf,
    config: PathBuf,
}

impl Apt {
    pub(super) fn new(dir: PathBuf) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial", "etc"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let status = dir.join("status");
        fs::write(&status, "")?;
        let mut text = format!(
            "Dir::State \"{0}/state\";\nDir::State::status \"{0}/status\";\nDir::Cache \"{0}/cache\";\n\
             APT::Architecture \"{ARCHITECTURE}\";\nAPT::Architectures {{ \"{ARCHITECTURE}\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n",
            dir.display()
        );
        if !is_debian_12() {
            fs::write(dir.join("etc/sources.list"), SOURCES)?;
            text.push_str(&format!(
                "Dir::Etc::sourcelist \"{0}/etc/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n",
                dir.display()
            ));
        }
        let config = dir.join("apt.conf");
        fs::write(&config, text)?;
        Ok(Self { dir, config })
    }

    /// Fetches the packages of the base system, `more`, and what they depend on; by name.
    pub(super) fn fetch(&self, more: &[String]) -> Result<Vec<Deb>> {
        println!("asking apt for its lists");
        output(self.apt("apt-get").args(["update", "-qq"]))?;
        let mut wanted = base(&output(self.apt("apt-cache").arg("dumpavail"))?);
        if wanted.is_empty() {
            bail!("apt knows no packages: are there sources in /etc/apt?");
        }
        wanted.extend(more.iter().cloned());
        let plan = output(self.install(&wanted).arg("-s"))?;
        let debs = planned(&plan, &self.dir.join("cache/archives"));
        println!("fetching {} packages", debs.len());
        output(self.install(&wanted).args(["-y", "-qq", "--download-only"]))?;
        if let Some(absent) = debs.iter().find(|deb| !deb.file.is_file()) {
            bail!("apt fetched everything but {}", absent.file.display());
        }
        Ok(debs)
    }

    fn install(&self, wanted: &BTreeSet<String>) -> Command {
        let mut install = self.apt("apt-get");
        install.args(["install", "--no-install-recommends"]).args(wanted);
        install
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = command(program);
        apt.env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        apt
    }
}

fn is_debian_12() -> bool {
    let about = fs::read_to_string("/etc/os-release").unwrap_or_default();
    about.lines().any(|line| line == "ID=debian") && about.lines().any(|line| line == "VERSION_ID=\"12\"")
}

/// Names of the packages that the Debian installer takes of itself.
fn base(available: &str) -> BTreeSet<String> {
    let field = |paragraph: &str, name: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    available
        .split("\n\n")
        .filter(|one| {
            matches!(field(one, "Priority:").as_deref(), Some("required" | "important" | "standard"))
        })
        .filter_map(|one| field(one, "Package:"))
        .collect()
}

/// The packages of a simulated installation: `Inst NAME (VERSION ORIGIN [ARCHITECTURE])`.
fn planned(plan: &str, archives: &Path) -> Vec<Deb> {
    let mut debs: Vec<Deb> = plan
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
            let version = rest.split(' ').next()?.to_owned();
            let architecture = rest.split(')').next()?.rsplit_once('[')?.1.trim_end_matches(']');
            let file = format!("{name}_{}_{architecture}.deb", version.replace(':', "%3a"));
            Some(Deb { name: name.to_owned(), version, file: archives.join(file) })
        })
        .collect();
    debs.sort_by(|a, b| a.name.cmp(&b.name));
    debs
}

/// A part of a package as a tar archive.
pub(super) fn archive(deb: &Deb, part: &str) -> Result<Vec<u8>> {
    let done = Command::new("dpkg-deb").arg(part).arg(&deb.file).output().context("dpkg-deb")?;
    if !done.status.success() {
        bail!("dpkg-deb {part}: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(done.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_system_goes_by_priority() {
        let text = "Package: dpkg\nPriority: required\n\nPackage: games\nPriority: optional\n\nPackage: nano\nVersion: 7\nPriority: important\n";
        assert_eq!(base(text).into_iter().collect::<Vec<_>>(), ["dpkg", "nano"]);
    }

    #[test]
    fn a_plan_names_its_files() {
        let plan = "Reading...\nInst login (1:4.13+dfsg1-1+b1 Debian:12.15/oldstable, Debian-Security:12 [amd64])\nInst adduser (3.134 Debian:12.15/oldstable [all]) []\nConf login (1:4.13)\n";
        let names: Vec<_> =
            planned(plan, Path::new("/a")).into_iter().map(|deb| deb.file.display().to_string()).collect();
        assert_eq!(names, ["/a/adduser_3.134_all.deb", "/a/login_1%3a4.13+dfsg1-1+b1_amd64.deb"]);
    }
}
