//! The real-attack test: real tools attack a node in a network of the test's own, real visitors use real
//! servers on the same wire, and the API and the page say exactly what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use phantom_testkit::netns::{Guard, Host, Switch, isolated, output, run};
use serde_json::Value;

use crate::node::{Node, Options};

const SENSOR: &str = "10.77.0.1";
const SCANNER: &str = "10.77.0.11";
const SSH_GUESSER: &str = "10.77.0.12";
const FTP_GUESSER: &str = "10.77.0.13";
const FLOODER: &str = "10.77.0.14";
const VISITOR: &str = "10.77.0.20";
const PASSER_BY: &str = "10.77.0.21";

/// Passwords each guesser tries: over the threshold of 8, none of them accepted.
const GUESSES: usize = 12;
const REQUESTS: usize = 240;

#[test]
fn a_real_attack_travels_from_the_wire_to_the_screen() {
    if !isolated("attack::a_real_attack_travels_from_the_wire_to_the_screen") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let switch = Switch::new("br0", SENSOR, 24);
    let servers = Servers::start(dir.path());
    let on = |port: u16| SocketAddr::new(SENSOR.parse().unwrap(), port);
    let node = Node::start(Options {
        ssh: on(2222),
        http: on(8080),
        ftp: on(2121),
        more:
            "[honeypot.login]\naccept = []\n[capture]\ninterface = \"br0\"\nhome_net = [\"10.77.0.1/32\"]\n"
                .into(),
        ..Options::in_dir(dir.path())
    });

    visit_real_servers(&switch.host("visitor", VISITOR), dir.path());
    scan(&switch.host("scanner", SCANNER));
    guess(&switch.host("guesser1", SSH_GUESSER), "ssh", 2222, dir.path());
    guess(&switch.host("guesser2", FTP_GUESSER), "ftp", 2121, dir.path());
    flood(&switch.host("flooder", FLOODER));
    output(switch.host("passer", PASSER_BY).command("curl").args(["-s", &format!("http://{SENSOR}:8080/")]));

    let expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([
        (SCANNER, BTreeSet::from(["port_scan"])),
        (SSH_GUESSER, BTreeSet::from(["honeypot_touch", "ssh_bruteforce"])),
        (FTP_GUESSER, BTreeSet::from(["honeypot_touch", "ftp_bruteforce"])),
        (FLOODER, BTreeSet::from(["honeypot_touch", "http_flood"])),
        (PASSER_BY, BTreeSet::from(["honeypot_touch"])),
    ]);
    node.until("/api/v1/alerts?limit=1000", "every expected alert", |page| {
        expected.iter().all(|(ip, rules)| rules.iter().all(|rule| rules_of(page, ip).contains(*rule)))
    });
    // Time for what must not come.
    std::thread::sleep(Duration::from_secs(3));
    let alerts = node.get("/api/v1/alerts?limit=1000");
    for (ip, rules) in &expected {
        assert_eq!(rules_of(&alerts, ip), rules.iter().map(|r| (*r).to_owned()).collect(), "alerts of {ip}");
    }
    assert_eq!(
        alerts["items"].as_array().unwrap().len(),
        expected.values().map(BTreeSet::len).sum::<usize>(),
        "one alert a rule and source: {alerts}"
    );

    let sources = node.all("/api/v1/sources");
    let seen: BTreeSet<&str> = sources.iter().map(|row| row["ip"].as_str().unwrap()).collect();
    assert_eq!(seen, expected.keys().copied().collect(), "exactly the attacking sources");
    let source = |ip: &str| sources.iter().find(|row| row["ip"] == ip).unwrap();
    let passer = source(PASSER_BY);
    assert!(passer["score"].as_f64().unwrap() > 0.0, "{passer}");
    assert!(passer["reasons"].to_string().contains("http honeypot"), "{passer}");
    for guesser in [SSH_GUESSER, FTP_GUESSER] {
        assert!(
            source(guesser)["score"].as_f64() > passer["score"].as_f64(),
            "guessing weighs more than a touch"
        );
    }

    let logins = node.all("/api/v1/events?kinds=login");
    for (ip, service) in [(SSH_GUESSER, "ssh"), (FTP_GUESSER, "ftp")] {
        let secrets: BTreeSet<&str> = logins
            .iter()
            .filter(|event| event["src"]["ip"] == ip && event["service"] == service)
            .map(|event| event["login"]["secret"].as_str().unwrap())
            .collect();
        let tried: BTreeSet<String> = (0..GUESSES).map(|n| format!("guess{n}")).collect();
        assert_eq!(secrets, tried.iter().map(String::as_str).collect(), "every password that {ip} tried");
    }
    let requests = node.all("/api/v1/events?kinds=request");
    assert_eq!(requests.iter().filter(|event| event["src"]["ip"] == FLOODER).count(), REQUESTS);
    assert_eq!(requests.iter().filter(|event| event["src"]["ip"] == PASSER_BY).count(), 1);
    for session in node.all("/api/v1/sessions") {
        assert!(expected.contains_key(session["src"]["ip"].as_str().unwrap()), "{session}");
    }

    let packets = node.get("/api/v1/packets?limit=1000");
    assert!(!packets["items"].as_array().unwrap().is_empty(), "packets to the honeypots are kept");

    see_it_on_the_page(&node, &expected);
    node.stop();
    drop(servers);
}

fn rules_of(page: &Value, ip: &str) -> BTreeSet<String> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["src"] == ip)
        .map(|alert| alert["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// nmap's half-open scan of the thousand lowest ports, where only the real servers listen.
fn scan(host: &Host) {
    output(host.command("nmap").args([
        "-n",
        "-Pn",
        "-sS",
        "-T4",
        "-p",
        "1-1000",
        "--exclude-ports",
        "21,22,80",
        SENSOR,
    ]));
}

fn guess(host: &Host, service: &str, port: u16, dir: &Path) {
    let list = dir.join(format!("{service}-passwords"));
    let words: Vec<String> = (0..GUESSES).map(|n| format!("guess{n}")).collect();
    std::fs::write(&list, words.join("\n") + "\n").unwrap();
    // hydra's exit code is that of "nothing found" too; what it tried is read from the evidence.
    let done = host
        .command("hydra")
        .args(["-I", "-l", "root", "-t", "4", "-s", &port.to_string(), "-P"])
        .arg(&list)
        .arg(format!("{service}://{SENSOR}"))
        .current_dir(dir)
        .output()
        .expect("hydra starts");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("0 valid password"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

fn flood(host: &Host) {
    let urls = format!("http://{SENSOR}:8080/?q=[1-{REQUESTS}]");
    output(host.command("curl").args(["-s", "-o", "/dev/null", "--parallel", "--parallel-max", "20", &urls]));
}

/// What an ordinary day holds: pages, a mistyped password, a login that works.
fn visit_real_servers(host: &Host, dir: &Path) {
    for path in ["/", "/", "/missing", "/"] {
        let code = output(host.command("curl").args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &format!("http://{SENSOR}{path}"),
        ]));
        assert_eq!(code, if path == "/missing" { "404" } else { "200" });
    }
    let ssh = |extra: &[&str]| {
        let mut command = host.command("ssh");
        command
            .args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"])
            .args(extra)
            .arg(format!("root@{SENSOR}"))
            .args(["echo", "welcome"]);
        command
    };
    let refused = ssh(&["-o", "IdentityFile=/nonexistent"]).output().unwrap();
    assert!(!refused.status.success(), "a login without a key is refused");
    let key = dir.join("visitor-key");
    assert_eq!(output(&mut ssh(&["-i", key.to_str().unwrap()])).trim(), "welcome");
}

/// Real nginx and sshd beside the honeypots.
struct Servers {
    _nginx: Guard,
    _sshd: Guard,
}

impl Servers {
    fn start(dir: &Path) -> Self {
        let web = dir.join("nginx");
        std::fs::create_dir_all(web.join("html")).unwrap();
        std::fs::write(web.join("html/index.html"), "<p>the real one</p>\n").unwrap();
        let config = web.join("nginx.conf");
        std::fs::write(
            &config,
            format!(
                "daemon off; user root; pid {0}/pid; error_log {0}/error.log; events {{}}\n\
                 http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; \
                 fastcgi_temp_path {0}/fastcgi; uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi; \
                 server {{ listen {SENSOR}:80; root {0}/html; }} }}\n",
                web.display()
            ),
        )
        .unwrap();
        let nginx = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(&web)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();

        let keys = dir.join("sshd");
        std::fs::create_dir_all(&keys).unwrap();
        std::fs::create_dir_all("/run/sshd").unwrap();
        let host_key = keys.join("host");
        let visitor = dir.join("visitor-key");
        for key in [&host_key, &visitor] {
            run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
        }
        std::fs::copy(visitor.with_extension("pub"), keys.join("authorized")).unwrap();
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/dev/null", "-p", "22", "-h"])
            .arg(&host_key)
            .args(["-o", &format!("ListenAddress={SENSOR}"), "-o", "StrictModes=no", "-o", "UsePAM=no"])
            .args(["-o", "PermitRootLogin=yes", "-o", "PidFile=none"])
            .arg("-o")
            .arg(format!("AuthorizedKeysFile={}", keys.join("authorized").display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { _nginx: Guard(nginx), _sshd: Guard(sshd) }
    }
}

/// A browser logs in and finds on the page what the API reported; the picture is kept for the README.
fn see_it_on_the_page(node: &Node, expected: &BTreeMap<&str, BTreeSet<&str>>) {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.png");
    let shown = output(
        Command::new("node")
            .current_dir(&web)
            .arg("e2e/dashboard.mjs")
            .arg(format!("http://{}", node.options.api))
            .arg(node.password())
            .arg(&picture)
            .args(expected.keys()),
    );
    println!("{shown}");
    assert!(picture.metadata().unwrap().len() > 10_000, "the picture is empty");
}
