//! A throw-away PostgreSQL cluster for the tests, stopped and deleted when dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{check, command, is_root, output, which};

/// A running cluster on a free loopback port.
pub(crate) struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts one. PostgreSQL refuses to run as root, so root hands it to the package's own user.
    pub(crate) fn start() -> Result<Self> {
        let bin = newest_bin().context("PostgreSQL's initdb is nowhere to be found")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = std::env::temp_dir().join(format!("phantomnet-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        if is_root() {
            check(command("chown").arg("postgres").arg(&dir))?;
        }
        let cluster = Self { bin, dir, port };
        output(
            cluster
                .tool("initdb")
                .args(["-A", "trust", "-U", "phantom", "-E", "UTF8", "--locale=C", "-N"])
                .arg("-D")
                .arg(cluster.data()),
        )?;
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200",
            cluster.dir.display()
        );
        check(
            cluster
                .tool("pg_ctl")
                .arg("-D")
                .arg(cluster.data())
                .args(["-w", "-s", "-o", &options, "-l"])
                .arg(cluster.dir.join("log"))
                .arg("start")
                .stdout(std::process::Stdio::null()),
        )?;
        Ok(cluster)
    }

    /// Where tests connect; each makes its own database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://phantom@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn tool(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = command("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            command(program)
        };
        command.current_dir(&self.dir);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let stopped = check(self.tool("pg_ctl").arg("-D").arg(&data).args(["-s", "-m", "immediate", "stop"]));
        if let Err(error) = stopped {
            eprintln!("PostgreSQL in {} was not stopped: {error:#}", self.dir.display());
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn newest_bin() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin): &(u32, PathBuf)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin).or_else(|| which("initdb")?.parent().map(Path::to_path_buf))
}
