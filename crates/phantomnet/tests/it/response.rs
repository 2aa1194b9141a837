//! Blocks for real: an attacker of the honeypots is kept from everything else, and nobody else is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use phantom_testkit::netns::{Host, Switch, isolated, output};

use crate::node::{Node, Options};

const SENSOR: &str = "10.78.0.1";
const ATTACKER: &str = "10.78.0.11";
const FRIEND: &str = "10.78.0.12";

/// A service that is no bait, and answers whoever reaches it.
fn real_service() -> SocketAddr {
    let listener = TcpListener::bind((SENSOR, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(1_000) {
            let mut stream = stream.unwrap();
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = stream.read(&mut [0; 1024]);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nreal");
        }
    });
    address
}

fn reaches(host: &Host, address: SocketAddr) -> bool {
    let done = host.command("curl").args(["-s", "-m", "2", &format!("http://{address}/")]).output().unwrap();
    done.status.success()
}

/// Enough requests at the honeypot for `http_flood`.
fn flood(host: &Host, address: SocketAddr) {
    output(host.command("curl").args(["-s", "-o", "/dev/null", &format!("http://{address}/?[1-150]")]));
}

fn start(dir: &std::path::Path, response: &str) -> Node {
    let on = |port| SocketAddr::new(SENSOR.parse().unwrap(), port);
    Node::start(Options {
        ssh: on(2222),
        http: on(8080),
        ftp: on(2121),
        more: format!("[capture]\nenabled = false\nhome_net = []\n[response]\n{response}\n"),
        ..Options::in_dir(dir)
    })
}

#[test]
fn an_attacker_is_kept_out_of_everything_but_the_bait() {
    if !isolated("response::an_attacker_is_kept_out_of_everything_but_the_bait") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let switch = Switch::new("br0", SENSOR, 24);
    let (attacker, friend) = (switch.host("attacker", ATTACKER), switch.host("friend", FRIEND));
    let real = real_service();
    let node = start(dir.path(), &format!("mode = \"enforce\"\nnever_block = [\"{FRIEND}\"]"));
    assert!(reaches(&attacker, real) && reaches(&friend, real), "everybody gets in at first");

    flood(&attacker, node.options.http);
    flood(&friend, node.options.http);
    node.until("/api/v1/blocks", "the block", |page| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|block| block["target"].as_str().unwrap().starts_with(ATTACKER))
    });
    assert!(!reaches(&attacker, real), "a blocked source reaches nothing else");
    assert!(reaches(&attacker, node.options.http), "the bait stays reachable, so that evidence goes on");
    assert!(reaches(&friend, real), "whoever is never blocked is not, whatever it does");
    node.until("/api/v1/actions", "the refusal is told", |page| {
        let rows = page["items"].as_array().unwrap();
        rows.iter().any(|row| row["action"]["outcome"].as_str().unwrap_or_default().starts_with("refused"))
            || rows.iter().any(|row| row["outcome"].as_str().unwrap_or_default().starts_with("refused"))
    });

    // A node that is killed and comes back still knows, and enforces again.
    let node = node.kill_and_restart();
    node.until("/api/health", "the node is back", |health| health["ok"] == true);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!reaches(&attacker, real), "the block outlives a restart");

    assert_eq!(node.delete(&format!("/api/v1/blocks/{ATTACKER}")), 200);
    assert!(reaches(&attacker, real), "a block that is lifted is lifted at once");
    node.stop();
    assert!(
        !output(std::process::Command::new("nft").args(["list", "tables"])).contains("phantomnet"),
        "a stopped node leaves no table"
    );
}

#[test]
fn a_dry_run_decides_and_drops_nothing() {
    if !isolated("response::a_dry_run_decides_and_drops_nothing") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let switch = Switch::new("br0", SENSOR, 24);
    let attacker = switch.host("attacker", ATTACKER);
    let real = real_service();
    let node = start(dir.path(), "mode = \"dry-run\"");
    flood(&attacker, node.options.http);
    let actions =
        node.until("/api/v1/actions", "the decision", |page| !page["items"].as_array().unwrap().is_empty());
    assert!(actions.to_string().contains("dry_run"), "{actions}");
    assert!(reaches(&attacker, real), "a dry run keeps nobody out");
    node.stop();
}
