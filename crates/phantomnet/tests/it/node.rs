//! A node of the test's own: started as a user would, asked through its API, stopped by its id.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a test wants its node; every address is loopback with a free port unless set.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) ssh: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) ftp: SocketAddr,
    pub(crate) api: SocketAddr,
    /// More settings, as TOML.
    pub(crate) more: String,
    pub(crate) args: Vec<String>,
    /// What the node is started through, such as a change of user.
    pub(crate) wrapper: Vec<String>,
    pub(crate) program: PathBuf,
}

impl Options {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            ssh: free(),
            http: free(),
            ftp: free(),
            api: free(),
            more: "[capture]\nenabled = false\n".into(),
            args: Vec::new(),
            wrapper: Vec::new(),
            program: env!("CARGO_BIN_EXE_phantomnet").into(),
        }
    }
}

/// A loopback address with a free port that nobody else comes upon: below the range that the system gives to
/// connections, and spread by process, since tests run side by side.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (std::process::id().wrapping_mul(16).wrapping_add(n)) % 22_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port as u16)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// A running node.
pub(crate) struct Node {
    pub(crate) options: Options,
    child: Child,
    /// What it printed until it was ready.
    pub(crate) said: Vec<String>,
    password: Option<String>,
    token: String,
}

impl Node {
    /// Starts a node and waits until its API answers.
    pub(crate) fn start(options: Options) -> Self {
        let mut node = Self::launch(options);
        node.login();
        node
    }

    fn launch(options: Options) -> Self {
        let file = options.dir.join("phantomnet.toml");
        let settings = format!(
            "sensor = \"test\"\ndata_dir = \"{}\"\n[api]\nlisten = \"{}\"\n[honeypot.ssh]\nlisten = [\"{}\"]\n\
             [honeypot.http]\nlisten = [\"{}\"]\n[honeypot.ftp]\nlisten = [\"{}\"]\n{}\n",
            options.dir.join("data").display(),
            options.api,
            options.ssh,
            options.http,
            options.ftp,
            options.more
        );
        std::fs::write(&file, settings).unwrap();
        let program = options.program.clone().into_os_string();
        let mut words = options.wrapper.iter().map(Into::into).chain([program]);
        let mut child = through(words.next().unwrap())
            .args(words)
            .args(["run", "--config"])
            .arg(&file)
            .args(&options.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, printed) = std::sync::mpsc::sync_channel(64);
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                println!("node: {line}");
                let _ = send.try_send(line);
            }
        });
        let (mut said, mut password) = (Vec::new(), None);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = printed.recv_timeout(left).expect("the node says that it is ready");
            if let Some((_, word)) = line.split_once("one-time password: ") {
                password = Some(word.trim().to_owned());
            }
            let ready = line == "ready";
            said.push(line);
            if ready {
                break;
            }
        }
        Self { options, child, said, password, token: String::new() }
    }

    /// Kills the whole node as a power cut would end it, and starts it again on the same data.
    pub(crate) fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let options = self.options.clone();
        let (password, token) = (self.password.take(), std::mem::take(&mut self.token));
        let mut next = Self::launch_when_free(options);
        next.password = password;
        next.token = token;
        next
    }

    /// The children of a killed node die a moment after it, and hold its ports until then.
    fn launch_when_free(options: Options) -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        for address in [options.api, options.ssh, options.http, options.ftp] {
            while TcpListener::bind(address).is_err() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Self::launch(options)
    }

    fn login(&mut self) {
        let out = command()
            .args(["token", "create", "--role", "admin", "--name", "test", "--config"])
            .arg(self.options.dir.join("phantomnet.toml"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        self.token = String::from_utf8(out.stdout).unwrap().trim().to_owned();
    }

    /// The password printed at the first start.
    pub(crate) fn password(&self) -> &str {
        self.password.as_deref().expect("a first start prints the password")
    }

    /// Process ids of the node's children by role, as `ps` would show them.
    pub(crate) fn children(&self) -> Vec<(String, u32)> {
        children_of(self.child.id())
    }

    /// Asks the API.
    pub(crate) fn get(&self, path: &str) -> Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("GET {path}: {error}: {text}"))
    }

    /// Asks the API for what is no JSON.
    pub(crate) fn text(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.options.api);
        let mut response = ureq::get(&url)
            .config()
            .http_status_as_error(false)
            .build()
            .header("Authorization", format!("Bearer {}", self.token))
            .call()
            .unwrap_or_else(|error| panic!("GET {path}: {error}"));
        let text = response.body_mut().read_to_string().unwrap();
        // An unhealthy node says so with 503 and the same document.
        assert!(
            [200, 503].contains(&response.status().as_u16()),
            "GET {path}: {}: {text}",
            response.status()
        );
        text
    }

    /// Deletes through the API; the status.
    pub(crate) fn delete(&self, path: &str) -> u16 {
        let url = format!("http://{}{path}", self.options.api);
        let asked = ureq::delete(&url).header("Authorization", format!("Bearer {}", self.token)).call();
        asked.unwrap_or_else(|error| panic!("DELETE {path}: {error}")).status().as_u16()
    }

    /// All rows of a list, page by page.
    pub(crate) fn all(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{join}limit=1000{cursor}"));
            rows.extend(page["items"].as_array().unwrap_or_else(|| panic!("{path}: {page}")).iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Waits until `done` holds of what the API says at `path`.
    pub(crate) fn until(&self, path: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let value = self.get(path);
            if done(&value) {
                return value;
            }
            assert!(Instant::now() < deadline, "not within 30 s: {what}; {path} says {value}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks the node to end and waits for it.
    pub(crate) fn stop(mut self) {
        phantom_testkit::netns::run("kill", ["-TERM", &self.child.id().to_string()]);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the node ended with {status}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Asked first: a process that is killed leaves no profile of what it covered.
        if let Ok(None) = self.child.try_wait() {
            phantom_testkit::netns::run("kill", ["-TERM", &self.child.id().to_string()]);
        }
        let until = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test.
pub(crate) fn command() -> Command {
    through(env!("CARGO_BIN_EXE_phantomnet").into())
}

fn through(program: std::ffi::OsString) -> Command {
    let mut command = Command::new(program);
    command.env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into()));
    command
}

fn children_of(parent: u32) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let ppid = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if ppid != Some(parent) {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let role = line.split(|b| *b == 0).nth(2).map(|word| String::from_utf8_lossy(word).into_owned());
        found.push((role.unwrap_or_default(), pid));
    }
    found
}
