//! Tests in a network of their own: the test runs itself again in fresh network, mount and process
//! namespaces, so whatever it starts or attacks cannot leave them and ends with them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const INSIDE: &str = "PHANTOM_ISOLATED";

/// Runs the named test (as `module::test` within its binary) again in namespaces of its own and says whether
/// this is that inner run: `if !isolated("attack::real") { return; }`.
///
/// Inside, the process is root of its namespaces, `/run` is an empty tmpfs and only `lo` exists, and is up.
///
/// # Panics
/// When the inner run fails, or no namespaces can be made (then it names what is missing).
pub fn isolated(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        prepare();
        return true;
    }
    let me = std::env::current_exe().expect("the test binary's own path");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let status = command
        .arg("--")
        .arg(me)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare (package util-linux) starts");
    assert!(status.success(), "{test} failed in its namespaces: {status}");
    false
}

fn prepare() {
    run("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
    run("ip", ["link", "set", "lo", "up"]);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Runs a program to its end.
///
/// # Panics
/// When it cannot be started or fails; the message holds what it printed.
pub fn run<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> String {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    output(&mut command)
}

/// Runs a prepared command to its end and returns what it printed.
///
/// # Panics
/// As [`run`].
pub fn output(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let printed = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{command:?}: {}\n{printed}{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    printed
}

/// A switch in the current namespace, with an address of its own, to which hosts are plugged.
#[derive(Debug)]
pub struct Switch {
    name: &'static str,
    prefix: u8,
}

impl Switch {
    /// A bridge `name` with this address.
    pub fn new(name: &'static str, address: &str, prefix: u8) -> Self {
        run("ip", ["link", "add", name, "type", "bridge"]);
        run("ip", ["addr", "add", &format!("{address}/{prefix}"), "dev", name]);
        run("ip", ["link", "set", name, "up"]);
        Self { name, prefix }
    }

    /// A host of its own network namespace, plugged into the switch.
    pub fn host(&self, name: &str, address: &str) -> Host {
        let (outer, inner) = (format!("v-{name}"), "eth0");
        run("ip", ["netns", "add", name]);
        run("ip", ["link", "add", &outer, "type", "veth", "peer", "name", inner, "netns", name]);
        run("ip", ["link", "set", &outer, "master", self.name]);
        run("ip", ["link", "set", &outer, "up"]);
        let host = Host { name: name.to_owned() };
        for args in [
            vec!["addr", "add", &format!("{address}/{}", self.prefix), "dev", inner],
            vec!["link", "set", inner, "up"],
            vec!["link", "set", "lo", "up"],
        ] {
            output(host.command("ip").args(args));
        }
        host
    }
}

/// A host of its own network namespace.
#[derive(Debug)]
pub struct Host {
    name: String,
}

impl Host {
    /// A command that will run on this host.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program.as_ref()).stdin(Stdio::null());
        command
    }
}

/// A child that is killed, by its own id, when dropped.
#[derive(Debug)]
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
