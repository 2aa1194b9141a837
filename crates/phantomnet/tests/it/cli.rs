//! The command line: one clear line for each mistake, and answers that programs can read.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use phantom_testkit::packet::{PacketBuilder, TcpConversation, ethernet, pcap};
use serde_json::Value;

use crate::node::{Node, Options, command, free};

/// The link type of Ethernet in capture files, and the SYN flag.
const ETHERNET: u32 = 1;
const SYN: u8 = 0x02;

fn phantomnet(dir: &Path, args: &[&str]) -> Output {
    command().current_dir(dir).args(args).output().unwrap()
}

/// The one line on standard error, of a run that failed.
fn mistake(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let text = String::from_utf8(out.stderr.clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("phantomnet: ")).collect();
    assert_eq!(lines.len(), 1, "one line, not: {text}");
    assert!(!text.contains("RUST_BACKTRACE"), "{text}");
    lines[0].to_owned()
}

#[test]
fn check_names_the_key_and_binds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(phantomnet(dir.path(), &["check"]).status.success());
    assert!(!dir.path().join("phantomnet-data").exists(), "check makes nothing");
    std::fs::write(dir.path().join("phantomnet.toml"), "[api]\nport = 1\n").unwrap();
    let said = mistake(&phantomnet(dir.path(), &["check"]));
    assert!(said.contains("phantomnet.toml:2: unknown field `port`"), "{said}");
    let said = mistake(&phantomnet(dir.path(), &["check", "--config", "absent.toml"]));
    assert!(said.contains("cannot read settings from absent.toml"), "{said}");
}

#[test]
fn usage_mistakes_exit_with_two() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(phantomnet(dir.path(), &["fly"]).status.code(), Some(2));
    assert_eq!(phantomnet(dir.path(), &["replay"]).status.code(), Some(2));
    assert!(phantomnet(dir.path(), &["--version"]).status.success());
    let script = phantomnet(dir.path(), &["completions", "bash"]);
    assert!(String::from_utf8(script.stdout).unwrap().contains("_phantomnet"));
}

#[test]
fn an_occupied_port_an_unreachable_database_and_a_bad_data_dir_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let run = |text: String| {
        std::fs::write(dir.path().join("phantomnet.toml"), text).unwrap();
        mistake(&phantomnet(dir.path(), &["run"]))
    };
    let others = format!(
        "[honeypot.http]\nlisten = [\"{}\"]\n[honeypot.ftp]\nlisten = [\"{}\"]\n[capture]\nenabled = false\n",
        free(),
        free()
    );
    let said = run(format!("[honeypot.ssh]\nlisten = [\"{address}\"]\n{others}"));
    assert!(said.contains(&format!("honeypot.ssh.listen: cannot bind {address}")), "{said}");
    let said =
        run(format!("[api]\nlisten = \"{address}\"\n[honeypot.ssh]\nlisten = [\"{}\"]\n{others}", free()));
    assert!(said.contains(&format!("api.listen: cannot bind {address}")), "{said}");
    let said = run(format!(
        "[api]\nlisten = \"{}\"\n[store]\nurl = \"postgres://me:secret@127.0.0.1:1/none\"\n[honeypot.ssh]\nlisten = [\"{}\"]\n{others}",
        free(),
        free()
    ));
    assert!(said.contains("store.url") && said.contains("127.0.0.1"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let said = run(format!("data_dir = \"file\"\n[honeypot.ssh]\nlisten = [\"{}\"]\n{others}", free()));
    assert!(said.contains("data_dir: cannot make"), "{said}");
}

#[test]
fn the_node_needs_no_root() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    // Somewhere that everybody can reach, since the build may be in root's home.
    let program = dir.path().join("phantomnet");
    std::fs::copy(env!("CARGO_BIN_EXE_phantomnet"), &program).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut options = Options::in_dir(dir.path());
    // With root there is somebody to give it up for; without, it is not there anyway.
    options.more = "[capture]\ninterface = \"lo\"\n".into();
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        let drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
        options.wrapper = drop.map(str::to_owned).to_vec();
    }
    options.program = program;
    let node = Node::start(options);
    assert!(node.said.iter().any(|line| line.starts_with("note: no capture")), "{:?}", node.said);
    ureq::get(&format!("http://{}/", node.options.http)).call().unwrap();
    node.until("/api/v1/events?kinds=request", "the request", |page| {
        page["items"].as_array().unwrap().len() == 1
    });
    let health = node.get("/api/health");
    println!("{health:#}");
    node.stop();
}

#[test]
fn one_process_does_the_same_for_debugging() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Options { args: vec!["--one-process".into()], ..Options::in_dir(dir.path()) });
    assert!(node.children().is_empty(), "all roles are threads");
    ureq::get(&format!("http://{}/", node.options.http)).call().unwrap();
    node.until("/api/v1/events?kinds=request", "the request", |page| {
        page["items"].as_array().unwrap().len() == 1
    });
    node.stop();
}

#[test]
fn a_second_node_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Options::in_dir(dir.path()));
    let second = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(dir.path().join("phantomnet.toml")).unwrap();
    let mut moved = text;
    for address in [node.options.api, node.options.ssh, node.options.http, node.options.ftp] {
        moved = moved.replace(&address.to_string(), &free().to_string());
    }
    std::fs::write(second.path().join("phantomnet.toml"), moved).unwrap();
    let said = mistake(&phantomnet(second.path(), &["run"]));
    assert!(said.contains("is in use by"), "{said}");
    node.stop();
}

#[test]
fn users_tokens_and_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Options::in_dir(dir.path()));
    ureq::get(&format!("http://{}/evidence", node.options.http)).call().unwrap_err();
    node.until("/api/v1/events?kinds=request", "the request", |page| {
        page["items"].as_array().unwrap().len() == 1
    });
    let before = node.all("/api/v1/events");
    assert_eq!(node.get("/api/v1/auth/me")["role"], "admin");
    let config = dir.path().join("phantomnet.toml");
    let config = config.to_str().unwrap();
    let said = mistake(&phantomnet(dir.path(), &["rebuild", "--config", config]));
    assert!(said.contains("is in use by"), "a running node's journal is not touched: {said}");
    let options = Options { more: node.options.more.clone(), ..Options::in_dir(dir.path()) };
    node.stop();
    let rebuilt = phantomnet(dir.path(), &["rebuild", "--config", config]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let node = Node::start(options);
    let after: Vec<Value> = node.all("/api/v1/events");
    for event in &before {
        assert!(after.contains(event), "lost by rebuilding: {event}");
    }
    let users = phantomnet(dir.path(), &["user", "list", "--config", config]);
    assert_eq!(String::from_utf8(users.stdout).unwrap(), "admin\tadmin\n");
    let said = mistake(&phantomnet(dir.path(), &["user", "remove", "nobody", "--config", config]));
    assert!(said.contains("there is no nobody"), "{said}");
    node.stop();
}

/// An ordinary conversation.
fn talk() -> TcpConversation {
    let mut talk =
        TcpConversation::new(("192.0.2.10", 50_000), ("198.51.100.1", 80), 1_700_000_001_000_000, 1_000);
    talk.open().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close();
    talk
}

/// A scan of forty ports and one ordinary conversation.
fn scan() -> Vec<u8> {
    let scanner = PacketBuilder::new("192.0.2.66", "198.51.100.1");
    let mut packets: Vec<(i64, Vec<u8>)> = (1..=40_u16)
        .map(|port| {
            (1_700_000_000_000_000 + i64::from(port) * 10_000, scanner.tcp((40_000, port), SYN, 7, 0, b""))
        })
        .collect();
    packets.extend_from_slice(talk().packets());
    let frames: Vec<(i64, Vec<u8>)> = packets.iter().map(|(at, ip)| (*at, ethernet(ip, &[]))).collect();
    pcap(ETHERNET, frames.iter().map(|(at, frame)| (*at, frame.as_slice())))
}

#[test]
fn replay_answers_on_standard_output_alone() {
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("scan.pcap");
    std::fs::write(&capture, scan()).unwrap();
    let lines = |emit: &str, format: &str| {
        let out = phantomnet(dir.path(), &["replay", "scan.pcap", "--emit", emit, "--format", format]);
        assert!(out.status.success(), "{out:?}");
        assert!(out.stderr.is_empty(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let alerts = lines("alerts", "jsonl");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert: Value = serde_json::from_str(&alerts[0]).unwrap();
    assert_eq!((&alert["alert"]["rule"], &alert["src"]["ip"]), (&"port_scan".into(), &"192.0.2.66".into()));
    let sources = lines("sources", "csv");
    assert!(sources[0].starts_with("ip,score,level"), "{sources:?}");
    assert!(sources[1].starts_with("192.0.2.66,"), "{sources:?}");
    assert_eq!(sources.len(), 2, "the visitor is no source of anything: {sources:?}");
    assert_eq!(lines("flows", "jsonl").len(), 41);
    assert_eq!(lines("packets", "csv").len(), 1 + 40 + talk().packets().len());
    let summary = lines("summary", "table").join("\n");
    assert!(summary.contains("http") && summary.contains("port_scan"), "{summary}");
}

#[test]
fn a_capture_that_is_cut_short_yields_what_came_before_and_names_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let whole = scan();
    std::fs::write(dir.path().join("cut.pcap"), &whole[..whole.len() - 7]).unwrap();
    let out = phantomnet(dir.path(), &["replay", "cut.pcap", "--emit", "alerts", "--format", "jsonl"]);
    assert_eq!(String::from_utf8(out.stdout.clone()).unwrap().lines().count(), 1);
    let said = mistake(&out);
    assert!(said.contains("cut.pcap") && said.contains("byte"), "{said}");
    std::fs::write(dir.path().join("junk"), "certainly not a capture, but long enough to look at").unwrap();
    let said = mistake(&phantomnet(dir.path(), &["replay", "junk"]));
    assert!(said.contains("junk"), "{said}");
    let said = mistake(&phantomnet(dir.path(), &["replay", "absent.pcap"]));
    assert!(said.contains("cannot open absent.pcap"), "{said}");
}
