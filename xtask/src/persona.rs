//! `cargo xtask persona`: the tree of a Debian server as one file, from Debian's own packages.
//!
//! Packages are fetched and checked by apt, with a state of its own below `target/persona`, so that the machine's own
//! is neither read nor changed; they are unpacked and never run. What their maintainer scripts would have left behind
//! is a list in `xtask/persona`.

mod apt;
mod tree;

use std::fs::{self, DirBuilder, File};
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::packages::{PERSONA, ensure};
use crate::shell::root;

/// Where the node looks for it: the default data directory and `honeypot.machine.image`.
const OUT: &str = "phantomnet-data/debian-12.tree";

/// Makes the file.
pub(crate) fn persona(install: bool, args: &[String]) -> Result<()> {
    let out = match args {
        [] => root().join(OUT),
        [flag, file] if flag == "--out" => PathBuf::from(file),
        _ => bail!("usage: cargo xtask persona [--out FILE]"),
    };
    ensure(PERSONA, install)?;
    let start = Instant::now();
    let lists = root().join("xtask/persona/debian-12");
    let debs = apt::Apt::new(root().join("target/persona"))?.fetch(&words(&lists.join("packages.txt"))?)?;
    let mut tree = tree::Tree::new();
    let bar = Bar::new(debs.len());
    for (done, deb) in debs.iter().enumerate() {
        bar.show(done, &deb.name);
        tree.unpack(deb).with_context(|| format!("package {}", deb.name))?;
    }
    bar.end();
    tree.finish(&fs::read_to_string(lists.join("installed.txt"))?)?;
    let base = debs.iter().find(|deb| deb.name == "base-files").map_or("?", |deb| &deb.version);
    let label = format!("Debian 12, {} packages, base-files {base}", debs.len());
    if let Some(dir) = out.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    // Moved into place when it is whole: a running node keeps the one it has mapped.
    let beside = out.with_extension("new");
    let mut file = BufWriter::new(File::create(&beside)?);
    let nodes = tree.builder.len();
    tree.builder.write(&label, &mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&beside, &out)?;
    sources(&out, &debs)?;
    let size = fs::metadata(&out)?.len();
    println!(
        "{}: {label}, {nodes} nodes, {:.1} MB, {:.0} s",
        out.display(),
        size as f64 / 1e6,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// What is in it, beside it: whoever passes the file on owes its receivers the sources of these.
fn sources(out: &Path, debs: &[apt::Deb]) -> Result<()> {
    let mut text = String::from(
        "# Debian packages in the tree beside this file: name, version, source. Their licences are in the tree,\n\
         # /usr/share/doc/*/copyright; `apt-get source SOURCE=VERSION` and snapshot.debian.org have their sources.\n",
    );
    for deb in debs {
        text.push_str(&format!("{} {} {}\n", deb.name, deb.version, tree::source(deb)?));
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".packages");
    File::create(PathBuf::from(name))?.write_all(text.as_bytes())?;
    Ok(())
}

/// The lines of a list without its remarks.
fn words(list: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(list).with_context(|| list.display().to_string())?;
    Ok(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// How far it is, on one line of a terminal.
struct Bar {
    all: usize,
    shown: bool,
}

impl Bar {
    fn new(all: usize) -> Self {
        Self { all, shown: std::io::stdout().is_terminal() }
    }

    fn show(&self, done: usize, name: &str) {
        if self.shown {
            let filled = done * 30 / self.all.max(1);
            print!("\r[{:-<30}] {done}/{} {name:<40.40}", "#".repeat(filled), self.all);
            let _ = std::io::stdout().flush();
        }
    }

    fn end(&self) {
        if self.shown {
            print!("\r{:<90}\r", "");
        }
    }
}
