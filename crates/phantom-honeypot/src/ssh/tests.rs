//! Debian's client against the dialogue, carried by a few lines that do what a host does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command as Process;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Protocol, Visit};
use phantom_core::{Body, SessionId, Timestamp, from_micros, micros};
use proptest::prelude::*;

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
fn sftp_and_forwards_are_refused_and_noted() {
    let (actions, output) = ssh("right", &["-s"], &["sftp"]);
    assert!(!output.status.success());
    assert_eq!(notes(&actions, "subsystem"), [b"sftp"]);
    let (actions, output) = ssh("right", &["-W", "example.org:80"], &[]);
    assert!(!output.status.success());
    assert_eq!(notes(&actions, "direct_tcpip"), [b"example.org:80"]);
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
