//! What a visitor typed and was shown can be played again, also after a crash, and attacks nobody.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use phantom_testkit::netns::output;
use serde_json::Value;

use crate::node::{Node, command};
use crate::visits::{node, ssh};

/// A shell at which somebody types.
struct Typist {
    child: Child,
    shown: String,
}

impl Typist {
    fn sit_down(node: &Node) -> Self {
        let mut command = ssh(node.options.ssh, &["-tt"], &[]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { child, shown: String::new() }
    }

    fn type_in(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn until(&mut self, wanted: &str) {
        let mut buffer = [0; 4096];
        while !self.shown.contains(wanted) {
            let n = self.child.stdout.as_mut().unwrap().read(&mut buffer).unwrap();
            assert!(n > 0, "the shell ended at {:?}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }
}

fn play(dir: &Path, session: &str, arguments: &[&str]) -> String {
    let mut command = command();
    command.args(["play", session, "--config"]).arg(dir.join("phantomnet.toml")).args(arguments);
    output(&mut command)
}

fn sessions(node: &Node, count: usize) -> Vec<String> {
    node.until(&format!("/api/v1/events?kinds=closed&limit={count}"), "ends", |page| {
        page["items"].as_array().unwrap().len() == count
    });
    let rows = node.all("/api/v1/sessions");
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_visit_is_played_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let mut typist = Typist::sit_down(&node);
    typist.until("# ");
    std::thread::sleep(Duration::from_millis(300));
    typist.type_in("printf '\\033]0;owned\\007\\033[31mred\\n'\r");
    typist.until("red\r\n");
    typist.type_in("exit 3\r");
    typist.until("logout");
    assert_eq!(typist.child.wait().unwrap().code(), Some(3));
    let id = sessions(&node, 1).remove(0);

    let cast = node.text(&format!("/api/v1/sessions/{id}/recording"));
    let lines: Vec<Value> = cast.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["version"], 2);
    let events: Vec<(f64, &str, &str)> = lines[1..]
        .iter()
        .map(|line| (line[0].as_f64().unwrap(), line[1].as_str().unwrap(), line[2].as_str().unwrap()))
        .collect();
    assert!(events.is_sorted_by_key(|event| event.0), "{events:?}");
    let of = |code: &str| events.iter().filter(|e| e.1 == code).map(|e| e.2).collect::<String>();
    assert!(of("i").contains("033]0;owned") && of("i").ends_with("exit 3\r"), "{cast}");
    assert!(of("m").starts_with("shell") && of("m").ends_with("exit 3"), "{cast}");
    let prompt = events.iter().find(|e| e.1 == "o" && e.2.contains("# ")).unwrap();
    let typed = events.iter().find(|e| e.1 == "i").unwrap();
    assert!(typed.0 - prompt.0 > 0.25, "the pause is in the recording: {cast}");

    let played = play(dir.path(), &id, &["--speed", "1000000"]);
    assert!(played.contains("\u{1b}[31mred") && !played.contains("\u{1b}]0;"), "{played:?}");
    let raw = play(dir.path(), &id, &["--speed", "1000000", "--raw"]);
    assert_eq!(raw, typist.shown, "raw is what the client got");
    assert_eq!(play(dir.path(), &id, &["--asciicast"]), cast);
    let begun = Instant::now();
    play(dir.path(), &id, &["--idle-limit", "100ms"]);
    assert!(begun.elapsed() > Duration::from_millis(100), "it plays with the pauses there were");
    node.stop();
}

#[test]
fn commands_without_a_terminal_are_recorded_too() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    output(&mut ssh(node.options.ssh, &[], &["id; echo oops >&2"]));
    let id = sessions(&node, 1).remove(0);
    let played = play(dir.path(), &id, &["--speed", "1000000"]);
    assert!(played.starts_with("uid=0(root)") && played.ends_with("oops\r\n"), "{played:?}");
    assert!(play(dir.path(), &id, &["--asciicast"]).contains("exec: id; echo oops >&2"));
    let closed = node.all("/api/v1/events?kinds=closed").remove(0);
    let kept = dir.path().join("data/recordings").join(&id[id.len() - 2..]).join(format!("{id}.jsonl"));
    assert_eq!(closed["closed"]["recording"], std::fs::metadata(kept).unwrap().len());
    let nobody = command()
        .args(["play", "019ab0a2-0700-7707-8707-070707070707", "--config"])
        .arg(dir.path().join("phantomnet.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(!nobody.status.success() && said.contains("there is no recording of session 019ab0a2"), "{said}");
    node.stop();
}

#[test]
fn nothing_shown_is_lost_by_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = node(dir.path());
    let mut typists: Vec<Typist> = (0..4).map(|_| Typist::sit_down(&node)).collect();
    for (n, typist) in typists.iter_mut().enumerate() {
        typist.until("# ");
        typist.type_in(&format!("echo visitor-{n}-$((40+2))\r"));
        typist.until(&format!("visitor-{n}-42\r\n"));
    }
    let core = node.children().into_iter().find(|(name, _)| name == "core").unwrap().1;
    phantom_testkit::netns::run("kill", ["-9", &core.to_string()]);
    for (n, typist) in typists.iter_mut().enumerate() {
        typist.type_in(&format!("echo again-{n}-$((40+3))\r"));
        typist.until(&format!("again-{n}-43\r\n"));
    }
    node = node.kill_and_restart();
    let ids = sessions(&node, 4);
    for end in node.all("/api/v1/events?kinds=closed") {
        assert_eq!(end["closed"]["why"], "node_stopped");
        let session = end["session"].as_str().unwrap();
        let kept = dir.path().join("data/recordings").join(&session[session.len() - 2..]);
        let length = std::fs::metadata(kept.join(format!("{session}.jsonl"))).unwrap().len();
        assert_eq!(end["closed"]["recording"], length, "the end that the core tells names the recording");
    }
    let played: Vec<String> =
        ids.iter().map(|id| play(dir.path(), id, &["--speed", "1000000", "--raw"])).collect();
    for typist in &mut typists {
        let _ = typist.child.stdout.as_mut().unwrap().read_to_string(&mut typist.shown);
        let _ = typist.child.wait();
        let holds = |text: &&String| text.starts_with(typist.shown.trim_end());
        assert_eq!(played.iter().filter(holds).count(), 1, "{:?} is not in {played:?}", typist.shown);
    }
    node.stop();
}
