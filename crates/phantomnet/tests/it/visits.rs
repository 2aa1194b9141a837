//! Real clients complete a visit of each honeypot, and everything they did is evidence.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use phantom_testkit::netns::output;
use serde_json::Value;

use crate::node::{Node, Options};

const LOGIN: &str = "[honeypot.login]\naccept = [\"*:opensesame\"]\n";

pub(crate) fn node(dir: &std::path::Path) -> Node {
    let mut options = Options::in_dir(dir);
    options.more.push_str(LOGIN);
    Node::start(options)
}

pub(crate) fn ssh(address: SocketAddr, extra: &[&str], remote: &[&str]) -> Command {
    let mut command = Command::new("sshpass");
    command
        .args(["-p", "opensesame", "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "PubkeyAuthentication=no"])
        .args(extra)
        .args(["-p", &address.port().to_string(), &format!("root@{}", address.ip())])
        .args(remote)
        .stdin(Stdio::null());
    command
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

#[test]
fn openssh_logs_in_runs_a_command_and_sits_at_a_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    assert!(output(&mut ssh(node.options.ssh, &[], &["id"])).starts_with("uid=0(root)"));
    let status = ssh(node.options.ssh, &[], &["exit 7"]).status().unwrap();
    assert_eq!(status.code(), Some(7), "the exit status crosses");

    let mut shell =
        ssh(node.options.ssh, &["-tt"], &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(b"echo hello > /tmp/x\ncat /tmp/x\nexit\n").unwrap();
    let shown = String::from_utf8_lossy(&shell.wait_with_output().unwrap().stdout).into_owned();
    assert!(shown.contains("root@") && shown.contains("\r\nhello\r\n"), "{shown:?}");

    node.until("/api/v1/events?kinds=closed", "three ends", |page| {
        page["items"].as_array().unwrap().len() == 3
    });
    let events = node.all("/api/v1/events");
    let lines: Vec<&str> =
        of_kind(&events, "command").iter().rev().map(|e| e["command"]["line"].as_str().unwrap()).collect();
    assert_eq!(lines, ["id", "exit 7", "echo hello > /tmp/x", "cat /tmp/x", "exit"]);
    let logins = of_kind(&events, "login");
    assert!(
        logins.iter().any(|e| e["login"]["accepted"] == true && e["login"]["secret"] == "opensesame"),
        "{logins:?}"
    );
    let sessions = node.all("/api/v1/sessions");
    assert_eq!(sessions.len(), 3);
    assert!(sessions.iter().all(|s| s["service"] == "ssh" && s["username"] == "root"), "{sessions:?}");
    node.stop();
}

/// A client that copies files: sftp or scp.
fn copying(program: &str, address: SocketAddr) -> Command {
    let mut command = Command::new("sshpass");
    command
        .args(["-p", "opensesame", program, "-F", "none", "-oStrictHostKeyChecking=no"])
        .args(["-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR", "-oPubkeyAuthentication=no"])
        .args(["-oBatchMode=no", "-P", &address.port().to_string()]);
    command
}

#[test]
fn files_that_sftp_and_scp_clients_bring_are_kept_once_with_their_hash() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let address = node.options.ssh;
    let file = dir.path().join("sample.bin");
    let content: Vec<u8> =
        (0..300_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(&file, &content).unwrap();
    let batch = dir.path().join("batch");
    std::fs::write(
        &batch,
        format!("put {} /tmp/by-sftp\nchmod 755 /tmp/by-sftp\nls -l /tmp\n", file.display()),
    )
    .unwrap();
    let host = format!("root@{}", address.ip());
    let shown = output(copying("sftp", address).arg("-b").args([batch.as_os_str(), host.as_ref()]));
    assert!(shown.contains("-rwxr-xr-x    ? root     root      1200000"), "{shown}");
    output(copying("scp", address).arg(&file).arg(format!("{host}:/tmp/by-scp")));
    output(copying("scp", address).arg("-O").arg(&file).arg(format!("{host}:/tmp/by-old-scp")));
    let program = "ssh -a -x -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                   -o PubkeyAuthentication=no";
    let back = dir.path().join("back.bin");
    output(Command::new("lftp").env("HOME", dir.path()).arg("-c").arg(format!(
        "set cmd:fail-exit yes; set net:timeout 10; set sftp:connect-program \"{program}\"; \
             open -u root,opensesame sftp://{address}; put {} -o /tmp/by-lftp; get /tmp/by-lftp -o {}",
        file.display(),
        back.display()
    )));
    assert!(std::fs::read(&back).unwrap() == content, "what comes back is what went");

    node.until("/api/v1/events?kinds=closed", "four ends", |page| {
        page["items"].as_array().unwrap().len() == 4
    });
    let sum = output(Command::new("sha256sum").arg(&file));
    let sum = sum.split(' ').next().unwrap();
    let events = node.all("/api/v1/events?kinds=transfer");
    let told = |direction: &str| {
        let of = |e: &&Value| e["transfer"]["direction"] == direction;
        let mut names: Vec<String> = events
            .iter()
            .filter(of)
            .map(|e| {
                assert_eq!(
                    (&e["transfer"]["sha256"], &e["transfer"]["bytes"]),
                    (&sum.into(), &1_200_000.into())
                );
                e["transfer"]["name"].as_str().unwrap().to_owned()
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(told("upload"), ["/tmp/by-lftp", "/tmp/by-old-scp", "/tmp/by-scp", "/tmp/by-sftp"]);
    assert_eq!(told("download").len(), 1);
    let kept = dir.path().join("data/artifacts").join(&sum[..2]);
    assert!(std::fs::read(kept.join(sum)).unwrap() == content, "the artifact is the exact bytes");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1, "and is kept once");
    node.stop();
}

#[test]
fn the_login_policy_is_what_was_set_and_a_honeytoken_alerts_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::in_dir(dir.path());
    options.more.push_str(
        "[honeypot.login]\naccept = [\"root:open*\", \"root:other\"]\nrefuse = [\"root:openbar\"]\n\
         [detect.honeytoken_used]\npairs = [\"svc_backup:Tr0ub4dor\"]\n",
    );
    let node = Node::start(options);
    let enter = |user: &str, password: &str| {
        let status = Command::new("sshpass")
            .args(["-p", password, "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no"])
            .args([
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
                "-o",
                "PubkeyAuthentication=no",
            ])
            .args(["-o", "NumberOfPasswordPrompts=1", "-p", &node.options.ssh.port().to_string()])
            .args([&format!("{user}@{}", node.options.ssh.ip()), "true"])
            .stdin(Stdio::null())
            .status();
        status.unwrap().success()
    };
    assert!(!enter("root", "openbar"), "refused by name");
    assert!(enter("root", "opensesame") && enter("root", "opensesame"), "a pair that worked works again");
    assert!(!enter("root", "other") && !enter("root", "openwide"), "and others do not");
    assert!(!enter("svc_backup", "Tr0ub4dor"));
    let page = node.until("/api/v1/alerts?rule=honeytoken_used", "the alert", |page| {
        page["items"].as_array().unwrap().len() == 1
    });
    let alert = &page["items"][0];
    assert_eq!((&alert["severity"], &alert["src"]), (&"critical".into(), &"127.0.0.1".into()), "{alert}");
    assert!(!alert.to_string().contains("Tr0ub4dor"), "{alert}");
    node.stop();
}

#[test]
fn curl_and_wget_browse() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let site = format!("http://{}", node.options.http);
    let page = output(Command::new("curl").args(["-s", "-i", &format!("{site}/")]));
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nServer: nginx"), "{page}");
    output(Command::new("wget").args(["-q", "-O", "/dev/null", &format!("{site}/robots.txt")]));
    output(Command::new("curl").args([
        "-s",
        "-d",
        "username=admin&password=letmein",
        &format!("{site}/login"),
    ]));
    node.until("/api/v1/events?kinds=request", "three requests", |page| {
        page["items"].as_array().unwrap().len() == 3
    });
    let events = node.all("/api/v1/events");
    let form = of_kind(&events, "login");
    assert_eq!(
        (&form[0]["login"]["username"], &form[0]["login"]["method"]),
        (&"admin".into(), &"form".into())
    );
    assert!(events.iter().any(|e| e["request"]["method"] == "POST"
        && e["request"]["body_head"].as_str().unwrap().contains("letmein")));
    node.stop();
}

#[test]
fn ftp_clients_list_fetch_and_store() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path());
    let address = node.options.ftp;
    let file = dir.path().join("upload.bin");
    std::fs::write(&file, b"what the attacker brings\n".repeat(1_000)).unwrap();
    let persona: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("data/persona.json")).unwrap()).unwrap();
    // vsftpd, as Debian ships it, lets no root in.
    let user = persona["users"][0]["name"].as_str().unwrap();
    let script = format!(
        "open -u {user},opensesame ftp://{address}; cd /tmp; put {}; ls; cat upload.bin; bye",
        file.display()
    );
    let shown = output(
        Command::new("lftp")
            .env("HOME", dir.path())
            .args(["-e", &format!("set cmd:fail-exit yes; set net:timeout 10; {script}")]),
    );
    assert!(
        shown.contains("upload.bin") && shown.matches("what the attacker brings").count() == 1_000,
        "{}",
        shown.len()
    );
    let mut ftp = Command::new("ftp")
        .args(["-n", "-p", &address.ip().to_string(), &address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    ftp.stdin
        .take()
        .unwrap()
        .write_all(format!("user {user} opensesame\npwd\nls /\nbye\n").as_bytes())
        .unwrap();
    let shown = String::from_utf8_lossy(&ftp.wait_with_output().unwrap().stdout).into_owned();
    assert!(shown.contains("etc"), "{shown}");

    node.until("/api/v1/events?kinds=closed", "two ends", |page| {
        page["items"].as_array().unwrap().len() == 2
    });
    let events = node.all("/api/v1/events");
    let upload = of_kind(&events, "transfer")
        .into_iter()
        .find(|e| e["transfer"]["direction"] == "upload")
        .unwrap()
        .clone();
    assert_eq!(upload["transfer"]["bytes"], 25_000);
    let sha = upload["transfer"]["sha256"].as_str().unwrap();
    let kept = dir.path().join("data/artifacts").join(&sha[..2]).join(sha);
    assert_eq!(
        std::fs::read(kept).unwrap(),
        std::fs::read(&file).unwrap(),
        "the artifact is the exact bytes"
    );
    node.stop();
}
