//! Debian's client against the dialogue, carried by a few lines that do what a host does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command as Process;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Protocol, Visit};
use phantom_core::event::Direction;
use phantom_core::{Body, SessionId, Timestamp, from_micros, micros};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{SshProtocol, SshTimes};
use crate::{LoginPolicy, LoginRules, Options, Persona};

const START: i64 = 1_763_900_000_000_000;

static PERSONA: LazyLock<Arc<Persona>> = LazyLock::new(|| {
    let mut persona = Persona::generate([7; 32], from_micros(START));
    persona.host_keys = phantom_ssh::HostKeys::generate_elliptic([7; 32]).to_pem();
    Arc::new(persona)
});

fn protocol(times: SshTimes) -> SshProtocol {
    let rules = LoginRules { accept: vec!["root:right".into()], ..LoginRules::default() };
    let mut options = Options::new(&PERSONA);
    options.login = Arc::new(LoginPolicy::for_persona(rules, &PERSONA));
    SshProtocol::with_times(&PERSONA, &options, times).unwrap()
}

fn quick() -> SshTimes {
    let refusal = Duration::from_millis(20);
    SshTimes { refusal, refusal_spread: refusal, success: Duration::ZERO, ..SshTimes::default() }
}

fn visit() -> Visit {
    Visit {
        session: SessionId::new(from_micros(START), [0; 10]),
        peer: "192.0.2.7:40000".parse().unwrap(),
        local: "192.0.2.1:22".parse().unwrap(),
        at: from_micros(START),
        seed: [9; 32],
    }
}

/// Carries one conversation and returns all actions it asked for, joined.
fn carry(mut stream: TcpStream, protocol: &SshProtocol) -> Vec<Action> {
    let mut dialogue = protocol.open(visit());
    let (mut all, mut out, mut now) = (Vec::new(), Actions::new(), START);
    dialogue.start(from_micros(now), &mut out);
    let mut buffer = [0; 8192];
    loop {
        for action in out.take() {
            match &action {
                Action::Send(bytes) => _ = stream.write_all(bytes),
                Action::Pause(span) => std::thread::sleep(*span),
                Action::Close => {
                    all.push(action);
                    return all;
                }
                _ => {}
            }
            all.push(action);
        }
        now += 1000;
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => dialogue.end_of_input(from_micros(now), &mut out),
            Ok(n) => dialogue.input(from_micros(now), &buffer[..n], &mut out),
        }
    }
}

/// What every client is told: to trust anybody and to ask once.
const EASY: &[&str] = &[
    "-F",
    "none",
    "-oStrictHostKeyChecking=no",
    "-oUserKnownHostsFile=/dev/null",
    "-oLogLevel=ERROR",
    // Stands before what -b of sftp adds.
    "-oBatchMode=no",
    "-oNumberOfPasswordPrompts=1",
    "-oPubkeyAuthentication=no",
];

/// The actions that a client leads to which copies files, and what it printed; `PORT` is the server's port.
fn copy(program: &str, arguments: &[&str], script: &str) -> (Vec<Action>, std::process::Output) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let carrier = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        carry(stream, &protocol(quick()))
    });
    let mut child = Process::new("timeout")
        .args(["60", "sshpass", "-p", "right", program])
        .args(EASY)
        .args(["-P", &port])
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (carrier.join().unwrap(), output)
}

/// Direction, name, size and hash of the files that came and went.
fn transfers(actions: &[Action]) -> Vec<(Direction, String, u64, Option<String>)> {
    let told = |action: &Action| match action {
        Action::Record(Body::Transfer(t)) => Some((
            t.direction,
            String::from_utf8_lossy(t.name.as_bytes()).into_owned(),
            t.bytes,
            t.sha256.clone(),
        )),
        _ => None,
    };
    actions.iter().filter_map(told).collect()
}

fn sum(bytes: &[u8]) -> Option<String> {
    Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Three megabytes: more than a window, a message and what may wait for a slow reader.
fn large() -> Vec<u8> {
    (0..786_432u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// The actions that one run of `ssh` leads to, and what it printed.
fn ssh(password: &str, options: &[&str], command: &[&str]) -> (Vec<Action>, std::process::Output) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let actions = Arc::new(Mutex::new(Vec::new()));
    let carried = Arc::clone(&actions);
    let carrier = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        *carried.lock().unwrap() = carry(stream, &protocol(quick()));
    });
    let output = Process::new("timeout")
        .args(["30", "sshpass", "-p", password, "ssh", "-F", "none", "-p", &port])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ])
        .args(["-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no"])
        .args(options)
        .arg("root@127.0.0.1")
        .args(command)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("failed to run command"), "needed tool is missing: {log}");
    carrier.join().unwrap();
    let actions = std::mem::take(&mut *actions.lock().unwrap());
    (actions, output)
}

fn place(actions: &[Action], what: impl Fn(&Action) -> bool) -> usize {
    actions.iter().position(what).expect("the action was asked for")
}

fn notes<'a>(actions: &'a [Action], name: &str) -> Vec<&'a [u8]> {
    let value = |action: &'a Action| match action {
        Action::Record(Body::Note(note)) if note.name == name => Some(note.value.as_bytes()),
        _ => None,
    };
    actions.iter().filter_map(value).collect()
}

#[test]
fn a_refused_password_is_recorded_then_delayed_then_answered() {
    let (actions, output) = ssh("wrong", &[], &["id"]);
    assert!(!output.status.success());
    let at = place(&actions, |a| matches!(a, Action::Record(Body::Login(_))));
    let Action::Record(Body::Login(login)) = &actions[at] else { unreachable!() };
    assert_eq!((login.username.as_bytes(), login.secret.as_bytes()), (&b"root"[..], &b"wrong"[..]));
    assert_eq!((login.method.as_str(), login.accepted), ("password", false));
    let Action::Pause(delay) = actions[at + 1] else { panic!("no delay: {:?}", &actions[at + 1]) };
    assert!((20..=40).contains(&delay.as_millis()));
    assert!(matches!(actions[at + 2], Action::Send(_)));
    assert!(notes(&actions, "client_version")[0].starts_with(b"SSH-2.0-OpenSSH_9"));
    assert_eq!(notes(&actions, "hassh")[0].len(), 32);
    assert_eq!(notes(&actions, "auth_none"), [b"root"]);
    assert_eq!(actions.last(), Some(&Action::Close));
}

#[test]
fn a_command_is_recorded_once_before_its_output() {
    let (actions, _) = ssh("right", &[], &["uname", "-a"]);
    let login = place(&actions, |a| matches!(a, Action::Record(Body::Login(l)) if l.accepted));
    let is_command =
        |a: &Action| matches!(a, Action::Record(Body::Command(c)) if c.line.as_bytes() == b"uname -a");
    let command = place(&actions, is_command);
    assert!(login < command);
    assert_eq!(actions.iter().filter(|a| is_command(a)).count(), 1);
    assert!(actions[command..].iter().any(|a| matches!(a, Action::Send(_))));
}

#[test]
fn forwards_and_unknown_subsystems_are_refused_and_noted() {
    let (actions, output) = ssh("right", &["-s"], &["netconf"]);
    assert!(!output.status.success());
    assert_eq!(notes(&actions, "subsystem"), [b"netconf"]);
    let (actions, output) = ssh("right", &["-W", "example.org:80"], &[]);
    assert!(!output.status.success());
    assert_eq!(notes(&actions, "direct_tcpip"), [b"example.org:80"]);
}

#[test]
fn sftp_brings_and_takes_files_whose_hashes_are_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let (local, back) = (dir.path().join("large.bin"), dir.path().join("back.bin"));
    std::fs::write(&local, large()).unwrap();
    let script = format!(
        "put {0} /tmp/a.bin\nls -l /tmp/a.bin\nrename /tmp/a.bin /tmp/b.bin\nget /tmp/b.bin {1}\n\
         mkdir /tmp/dir\ncd /tmp/dir\nput -p {0} .\nchmod 755 large.bin\nls -la\nln -s /etc/passwd l\n\
         df -h\nrm large.bin\npwd\n",
        local.display(),
        back.display()
    );
    let (actions, output) = copy("sftp", &["-b", "-", "root@127.0.0.1"], &script);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown} {}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("-rwxr-xr-x    ? root     root      3145728"), "{shown}");
    assert!(shown.contains("Remote working directory: /tmp/dir"), "{shown}");
    assert!(std::fs::read(&back).unwrap() == large(), "it comes back as it went");
    let up = |name: &str| (Direction::Upload, name.to_owned(), 3_145_728, sum(&large()));
    let down = (Direction::Download, "/tmp/b.bin".to_owned(), 3_145_728, sum(&large()));
    let seen = transfers(&actions);
    assert_eq!(seen[..3], [up("/tmp/a.bin"), down, up("/tmp/dir/large.bin")]);
    // Stored before the event that names it, and the event before the answer to CLOSE.
    let artifact = Action::Artifact(large());
    let stored = place(&actions, |a| *a == artifact);
    assert!(matches!(&actions[stored + 1], Action::Record(Body::Transfer(_))));
    assert!(matches!(&actions[stored + 2], Action::Send(_)));
    let told = notes(&actions, "sftp");
    assert!(told.contains(&&b"posix-rename old \"/tmp/a.bin\" new \"/tmp/b.bin\""[..]), "{told:?}");
}

#[test]
fn scp_copies_by_either_protocol() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, back) = (dir.path().join("tree"), dir.path().join("back"));
    std::fs::create_dir_all(tree.join("sub")).unwrap();
    std::fs::write(tree.join("large"), large()).unwrap();
    std::fs::write(tree.join("sub/small"), b"small").unwrap();
    for old in [&["-O", "-rp"][..], &["-rp"]] {
        let source = tree.to_str().unwrap();
        let (actions, output) = copy("scp", &[old, &[source, "root@127.0.0.1:/tmp/"]].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut seen = transfers(&actions);
        seen.sort_by(|a, b| a.1.cmp(&b.1));
        let up =
            |name: &str, bytes: &[u8]| (Direction::Upload, name.to_owned(), bytes.len() as u64, sum(bytes));
        assert_eq!(seen, [up("/tmp/tree/large", &large()), up("/tmp/tree/sub/small", b"small")]);
        let commands = actions.iter().filter(|a| matches!(a, Action::Record(Body::Command(_)))).count();
        assert_eq!(commands, old.len() - 1, "the old protocol is a command line");
    }
    for old in [&["-O"][..], &[]] {
        let target = back.to_str().unwrap();
        let (actions, output) = copy("scp", &[old, &["root@127.0.0.1:/etc/passwd", target]].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let taken = std::fs::read(&back).unwrap();
        assert!(taken.starts_with(b"root:x:0:0:"));
        let down = (Direction::Download, "/etc/passwd".to_owned(), taken.len() as u64, sum(&taken));
        assert_eq!(transfers(&actions), [down]);
    }
    let (_, output) = copy("scp", &["-O", "root@127.0.0.1:/nope", "/tmp/"], "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "scp: /nope: No such file or directory\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn droppers_of_every_kind_leave_the_exact_bytes() {
    let lines = [
        r"echo -ne '\x7f\x45\x4c\x46' > /tmp/f; echo -ne '\x00\x01\xff' >> /tmp/f",
        "printf '\\177ELF\\0\\001\\377' > /tmp/f",
        "cat > /tmp/f << 'E'\nhere\nE",
    ];
    let contents: [&[u8]; 3] = [b"\x7fELF\x00\x01\xff", b"\x7fELF\x00\x01\xff", b"here\n"];
    for (line, content) in lines.iter().zip(contents) {
        let (actions, _) = ssh("right", &[], &[line]);
        let up = (Direction::Upload, "/tmp/f".to_owned(), content.len() as u64, sum(content));
        assert_eq!(transfers(&actions), [up], "{line}");
        assert!(actions.contains(&Action::Artifact(content.to_vec())));
    }
}

#[test]
fn rsync_is_not_there_and_sftp_server_is() {
    let (_, output) = ssh("right", &[], &["rsync --server -e.LsfxC . /tmp/"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "bash: line 1: rsync: command not found\n");
    assert_eq!(output.status.code(), Some(127));
    let (actions, output) =
        copy("sftp", &["-s", "/usr/lib/openssh/sftp-server", "-b", "-", "root@127.0.0.1"], "pwd\n");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("Remote working directory: /root"), "{shown} {output:?}");
    assert!(actions.iter().any(|a| matches!(a, Action::Record(Body::Command(_)))));
}

#[test]
fn a_terminal_starts_a_shell_that_ends_with_its_input() {
    let (actions, _) = ssh("right", &["-tt"], &[]);
    assert_eq!(notes(&actions, "terminal").len(), 1);
    assert_eq!(actions.last(), Some(&Action::Close));
}

#[test]
fn patience_ends_after_the_grace_time() {
    let mut dialogue = protocol(SshTimes::default()).open(visit());
    let mut out = Actions::new();
    dialogue.start(from_micros(START), &mut out);
    let actions = out.take();
    assert_eq!(actions[0], Action::Send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n".to_vec()));
    let Action::Wake(Some(at)) = actions[1] else { panic!("no wake") };
    assert_eq!(micros(at) - START, 120_000_000);
    dialogue.wake(at, &mut out);
    let actions = out.take();
    assert_eq!(notes(&actions, "login_grace_timeout").len(), 1);
    assert_eq!(actions.last(), Some(&Action::Close));
}

#[test]
fn delays_are_stable_for_a_name_and_differ_between_names() {
    let shared = protocol(SshTimes::default()).shared;
    assert_eq!(shared.refusal(b"root"), shared.refusal(b"root"));
    assert_ne!(shared.refusal(b"root"), shared.refusal(b"admin"));
    for user in [&b"root"[..], b"admin", b"", b"\xff"] {
        let millis = shared.refusal(user).as_millis();
        assert!((1600..3400).contains(&millis));
    }
}

/// What the bytes lead to, whatever pieces they come in.
fn actions(bytes: &[u8], chunk: usize) -> Vec<Action> {
    let mut dialogue = protocol(quick()).open(visit());
    let mut out = Actions::new();
    let now: Timestamp = from_micros(START);
    dialogue.start(now, &mut out);
    for piece in bytes.chunks(chunk.max(1)) {
        if out.as_slice().last() != Some(&Action::Close) {
            dialogue.input(now, piece, &mut out);
        }
    }
    // Pieces may part what is sent in one or two actions.
    let mut joined = Actions::new();
    for action in out.take() {
        match action {
            Action::Send(bytes) => joined.send(bytes),
            other => joined.push(other),
        }
    }
    joined.take()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunking_changes_nothing(tail: Vec<u8>, version: bool, chunk in 1usize..9) {
        let mut bytes = if version { b"SSH-2.0-x\r\n".to_vec() } else { Vec::new() };
        bytes.extend(tail);
        prop_assert_eq!(actions(&bytes, bytes.len()), actions(&bytes, chunk));
    }
}
