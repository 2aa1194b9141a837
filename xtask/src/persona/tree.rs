//! From packages to a tree, and to dpkg's own records of them.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context, Result, bail};
use md5::{Digest as _, Md5};
use phantom_image::{Builder, Meta};
use tar::{Archive, EntryType};

use super::apt::{Deb, archive};

/// Directories that a merged /usr has made links of.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Fields of /var/lib/dpkg/status in the order in which dpkg writes them (lib/dpkg/parse.c); others follow.
const FIELDS: [&str; 25] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Conffiles",
    "Description",
];

/// The tree so far.
pub(super) struct Tree {
    pub(super) builder: Builder,
    status: String,
    certificates: BTreeMap<String, Vec<u8>>,
    /// Files that the list copies from, kept until then.
    sources: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let mut builder = Builder::new(meta(0o755, 0, 0, 0));
        for name in MERGED {
            // Nothing is there yet that could be in the way.
            let _ = builder.dir(format!("/usr/{name}").as_bytes(), meta(0o755, 0, 0, 0));
            let _ = builder.link(
                format!("/{name}").as_bytes(),
                meta(0o777, 0, 0, 0),
                format!("usr/{name}").as_bytes(),
            );
        }
        Self { builder, status: String::new(), certificates: BTreeMap::new(), sources: BTreeMap::new() }
    }

    /// Adds a package's files and its records.
    pub(super) fn unpack(&mut self, deb: &Deb) -> Result<()> {
        let control = control(deb)?;
        let conffiles: Vec<String> = control
            .get("conffiles")
            .map(|text| String::from_utf8_lossy(text).lines().map(str::to_owned).collect())
            .unwrap_or_default();
        let mut sums = String::new();
        let mut list = String::new();
        let files = archive(deb, "--fsys-tarfile")?;
        for entry in Archive::new(files.as_slice()).entries()? {
            let mut entry = entry?;
            let path = entry.path_bytes().into_owned();
            let shown = shown(&path);
            list.push_str(&shown);
            list.push('\n');
            let place = merged(&shown);
            let header = entry.header();
            let number = |value: u64| u32::try_from(value).context("a number is too large");
            let about = meta(
                header.mode()? & 0o7777,
                number(header.uid()?)?,
                number(header.gid()?)?,
                number(header.mtime()?)?,
            );
            let kind = header.entry_type();
            match kind {
                // A directory's time is that of the installation, not the package's.
                EntryType::Directory if shown == "/." => {}
                EntryType::Directory => match place.strip_prefix('/') {
                    Some(name) if MERGED.contains(&name) => {}
                    _ => self.builder.dir(place.as_bytes(), Meta { mtime: 0, ..about })?,
                },
                EntryType::Regular | EntryType::Continuous => {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    self.builder.file(place.as_bytes(), about, &content)?;
                    if conffiles.contains(&shown) {
                        sums.push_str(&format!("\n {shown} {}", hex(&Md5::digest(&content))));
                    }
                    self.remember(&place, content);
                }
                EntryType::Symlink => {
                    let target = entry.link_name_bytes().context("a link without a target")?.into_owned();
                    self.builder.link(place.as_bytes(), about, &target)?;
                }
                EntryType::Link => {
                    let of = entry.link_name_bytes().context("a link without a target")?.into_owned();
                    self.builder.hard(place.as_bytes(), merged(&self::shown(&of)).as_bytes())?;
                }
                other => bail!("{place}: cannot keep a {other:?}"),
            }
        }
        self.record(deb, &control, &list, &sums)
    }

    fn remember(&mut self, place: &str, content: Vec<u8>) {
        if let Some(name) = place.strip_prefix("/usr/share/ca-certificates/") {
            self.certificates.insert(name.to_owned(), content);
        } else if content.len() < 1 << 20 && place.starts_with("/usr/share/") && !place.contains("/man/") {
            self.sources.insert(place.to_owned(), content);
        }
    }

    /// What dpkg keeps: a paragraph of its status, the list of files, and the rest of the package's control files.
    fn record(
        &mut self,
        deb: &Deb,
        control: &BTreeMap<String, Vec<u8>>,
        list: &str,
        sums: &str,
    ) -> Result<()> {
        let text = String::from_utf8_lossy(control.get("control").context("no control file")?).into_owned();
        let fields = paragraph(&text);
        let name = if fields.get("Multi-Arch").is_some_and(|value| value.trim() == "same") {
            format!("{}:{}", deb.name, fields.get("Architecture").map_or("", |value| value.trim()))
        } else {
            deb.name.clone()
        };
        self.status.push_str(&status(&fields, sums));
        let about = |mode| meta(mode, 0, 0, 0);
        let info = |kind: &str| format!("/var/lib/dpkg/info/{name}.{kind}").into_bytes();
        self.builder.file(&info("list"), about(0o644), list.as_bytes())?;
        for (kind, content) in control.iter().filter(|(kind, _)| *kind != "control") {
            let script = matches!(kind.as_str(), "preinst" | "postinst" | "prerm" | "postrm" | "config");
            self.builder.file(&info(kind), about(if script { 0o755 } else { 0o644 }), content)?;
        }
        Ok(())
    }

    /// Adds what no package holds and every installation has.
    pub(super) fn finish(&mut self, installed: &str) -> Result<()> {
        let about = meta(0o644, 0, 0, 0);
        self.builder.file(b"/var/lib/dpkg/status", about, self.status.as_bytes())?;
        self.builder.file(b"/var/lib/dpkg/info/format", about, b"1\n")?;
        let mut bundle = Vec::new();
        let mut names = String::new();
        for (name, content) in &self.certificates {
            let last = name.rsplit('/').next().unwrap_or(name);
            let link = format!("/etc/ssl/certs/{}.pem", last.trim_end_matches(".crt"));
            let target = format!("/usr/share/ca-certificates/{name}");
            self.builder.link(link.as_bytes(), meta(0o777, 0, 0, 0), target.as_bytes())?;
            bundle.extend_from_slice(content);
            names.push_str(&format!("{name}\n"));
        }
        self.builder.file(b"/etc/ssl/certs/ca-certificates.crt", about, &bundle)?;
        self.builder.file(b"/etc/ca-certificates.conf", about, names.as_bytes())?;
        for line in installed.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            self.line(line).with_context(|| format!("installed.txt: {line}"))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let about = |mode: &str, uid: &str, gid: &str| -> Result<Meta> {
            Ok(meta(u32::from_str_radix(mode, 8)?, uid.parse()?, gid.parse()?, 0))
        };
        match words[..] {
            ["dir", path, mode, uid, gid] => self.builder.dir(path.as_bytes(), about(mode, uid, gid)?)?,
            ["empty", path, mode, uid, gid] => {
                self.builder.file(path.as_bytes(), about(mode, uid, gid)?, b"")?;
            }
            ["copy", path, from, mode, uid, gid] => {
                if let Some(content) = self.sources.get(from) {
                    self.builder.file(path.as_bytes(), about(mode, uid, gid)?, content)?;
                }
            }
            ["link", path, target] => {
                let there = if target.starts_with('/') {
                    merged(target)
                } else {
                    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
                    normal(&format!("{dir}/{target}"))
                };
                if self.builder.has(there.as_bytes()) || target.starts_with("/etc/alternatives/") {
                    self.builder.link(path.as_bytes(), meta(0o777, 0, 0, 0), target.as_bytes())?;
                }
            }
            ["mode", path, mode, uid, gid] => {
                if self.builder.has(path.as_bytes()) {
                    let Meta { mode, uid, gid, .. } = about(mode, uid, gid)?;
                    self.builder.own(path.as_bytes(), mode, uid, gid)?;
                }
            }
            _ => bail!("not a line of this list"),
        }
        Ok(())
    }
}

/// Name and version of the source package.
pub(super) fn source(deb: &Deb) -> Result<String> {
    let control = control(deb)?;
    let text = String::from_utf8_lossy(control.get("control").context("no control file")?).into_owned();
    let source = paragraph(&text).remove("Source").map(|value| value.trim().to_owned());
    Ok(source.unwrap_or_else(|| deb.name.clone()))
}

fn meta(mode: u32, uid: u32, gid: u32, mtime: u32) -> Meta {
    Meta { mode, uid, gid, mtime }
}

fn control(deb: &Deb) -> Result<BTreeMap<String, Vec<u8>>> {
    let bytes = archive(deb, "--ctrl-tarfile")?;
    let mut files = BTreeMap::new();
    for entry in Archive::new(bytes.as_slice()).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        if entry.header().entry_type() == EntryType::Regular {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(name, content);
        }
    }
    Ok(files)
}

/// As dpkg lists it: `./bin/` is `/bin`, `./` is `/.`.
fn shown(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    match path.trim_start_matches('.').trim_end_matches('/') {
        "" => "/.".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    }
}

/// Where a path leads on a machine with a merged /usr.
fn merged(path: &str) -> String {
    match path.trim_start_matches('/').split_once('/') {
        Some((first, _)) if MERGED.contains(&first) => format!("/usr{path}"),
        _ => path.to_owned(),
    }
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1)),
            part => parts.push(part),
        }
    }
    merged(&format!("/{}", parts.join("/")))
}

/// Fields of a control paragraph with their values, continuation lines included.
fn paragraph(text: &str) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = fields.get_mut(&last) {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            name.clone_into(&mut last);
            fields.insert(last.clone(), value.to_owned());
        }
    }
    fields
}

fn status(fields: &BTreeMap<String, String>, conffiles: &str) -> String {
    let mut fields = fields.clone();
    fields.insert("Status".into(), " install ok installed".into());
    if !conffiles.is_empty() {
        fields.insert("Conffiles".into(), conffiles.to_owned());
    }
    let mut text = String::new();
    for name in FIELDS {
        if let Some(value) = fields.remove(name) {
            text.push_str(&format!("{name}:{value}\n"));
        }
    }
    for (name, value) in fields {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push('\n');
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_paragraph_is_as_dpkg_writes_it() {
        let text = "Package: cron\nVersion: 3.0pl1-162\nArchitecture: amd64\nMaintainer: A <a@b>\nDescription: cron\n more\nHomepage: https://c\n";
        assert_eq!(
            status(&paragraph(text), "\n /etc/crontab 00"),
            "Package: cron\nStatus: install ok installed\nMaintainer: A <a@b>\nArchitecture: amd64\n\
             Version: 3.0pl1-162\nConffiles:\n /etc/crontab 00\nDescription: cron\n more\nHomepage: https://c\n\n"
        );
    }

    #[test]
    fn paths_lead_where_a_merged_usr_has_them() {
        assert_eq!(shown(b"./bin/"), "/bin");
        assert_eq!(shown(b"./"), "/.");
        assert_eq!(merged("/bin/ls"), "/usr/bin/ls");
        assert_eq!(merged("/library/x"), "/library/x");
        assert_eq!(merged("/bin"), "/bin");
        assert_eq!(normal("/var/log/../../usr/share/x"), "/usr/share/x");
    }

    #[test]
    fn the_list_of_what_is_installed_is_understood() {
        let text =
            std::fs::read_to_string(crate::shell::root().join("xtask/persona/debian-12/installed.txt"))
                .unwrap();
        let mut tree = Tree::new();
        tree.builder.file(b"/usr/bin/mawk", meta(0o755, 0, 0, 5), b"x").unwrap();
        tree.builder.file(b"/usr/bin/crontab", meta(0o755, 0, 0, 5), b"x").unwrap();
        tree.finish(&text).unwrap();
        assert!(tree.builder.has(b"/etc/alternatives/awk") && tree.builder.has(b"/usr/bin/awk"));
        assert!(!tree.builder.has(b"/etc/profile"), "made of nothing");
    }
}
