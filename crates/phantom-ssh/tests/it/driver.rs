//! A blocking server on loopback around the state machine, and the clients that judge it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use phantom_ssh::{Config, Credential, Event, HostKeys, Program, Server};

/// Host keys of all three kinds, made once: RSA takes seconds without optimisation.
pub(crate) static KEYS: LazyLock<String> = LazyLock::new(|| HostKeys::generate([42; 32]).unwrap().to_pem());

pub(crate) fn config() -> Config {
    Config::debian_12(HostKeys::from_pem(&KEYS).unwrap())
}

/// A running server; its events are collected. Threads end with the test process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

pub(crate) fn serve(config: Config) -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let (config, all) = (Arc::new(config), Arc::clone(&events));
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().flatten().enumerate() {
            let (config, all) = (Arc::clone(&config), Arc::clone(&all));
            std::thread::spawn(move || converse(stream, config, count as u8, &all));
        }
    });
    Running { address, events }
}

/// Programs: `echo WORDS`, `err WORDS`, `cat`, `big BYTES`, `exit STATUS`; the shell echoes lines until `exit`.
fn converse(mut stream: TcpStream, config: Arc<Config>, seed: u8, all: &Mutex<Vec<Event>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut server = Server::new(config, [seed; 32]);
    server.start();
    let mut buffer = [0; 20_000];
    let mut cat = None;
    let mut shell = None;
    let mut big: Option<(u32, usize)> = None;
    loop {
        while let Some(event) = server.next_event() {
            match &event {
                Event::Auth(attempt) => server.auth_reply(match &attempt.credential {
                    Credential::None => false,
                    Credential::Password(p) | Credential::KeyboardInteractive(p) => p == b"right",
                    Credential::KeyOffered { .. } | Credential::KeyProved { .. } => attempt.user == b"keyed",
                }),
                Event::Start { channel, program } => {
                    server.start_reply(!matches!(program, Program::Subsystem(_)));
                    match program {
                        Program::Shell => {
                            shell = Some(*channel);
                            server.write(*channel, b"$ ");
                        }
                        Program::Exec(line) => {
                            let line = String::from_utf8_lossy(line);
                            let (name, rest) = line.split_once(' ').unwrap_or((&line, ""));
                            match name {
                                "cat" => cat = Some(*channel),
                                "big" => big = Some((*channel, rest.parse().unwrap())),
                                "err" => _ = server.write_stderr(*channel, rest.as_bytes()),
                                "echo" => _ = server.write(*channel, rest.as_bytes()),
                                _ => {}
                            }
                            if !matches!(name, "cat" | "big") {
                                server.exit(*channel, if name == "exit" { rest.parse().unwrap() } else { 0 });
                            }
                        }
                        Program::Subsystem(_) => {}
                    }
                }
                Event::Data { channel, bytes } if cat == Some(*channel) => {
                    let mut rest = &bytes[..];
                    // A blocking driver may let the buffer overflow only if the peer does not read at all.
                    rest = &rest[server.write(*channel, rest)..];
                    assert!(rest.is_empty());
                }
                Event::Eof { channel } if cat == Some(*channel) => server.exit(*channel, 0),
                Event::Data { channel, bytes } if shell == Some(*channel) => {
                    server.write(*channel, &bytes.to_ascii_uppercase());
                    if bytes.windows(4).any(|w| w == b"exit") {
                        server.exit(*channel, 7);
                    }
                }
                _ => {}
            }
            all.lock().unwrap().push(event);
        }
        while let Some((channel, left)) = big {
            let wrote = server.write(channel, &vec![b'x'; left.min(50_000)]);
            big = Some((channel, left - wrote));
            if left == wrote {
                server.exit(channel, 0);
                big = None;
            } else if wrote == 0 {
                break;
            }
        }
        if stream.write_all(&server.take_output()).is_err() || server.closed() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            return;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => server.input(&buffer[..n]),
        }
    }
}

/// Runs a tool; a missing one fails the test by name.
pub(crate) fn tool(name: &str, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .arg("60")
        .arg(name)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run timeout(1): {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(![126, 127].contains(&output.status.code().unwrap_or(0)), "needed tool is missing: {name}");
    output
}

/// OpenSSH's client with a password.
pub(crate) fn ssh(address: SocketAddr, options: &[&str], command: &[&str], input: &[u8]) -> Output {
    let port = address.port().to_string();
    let mut args = vec!["-p", "right", "ssh", "-F", "none", "-p", &port, "-v"];
    args.extend(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    args.extend(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]);
    args.extend(options);
    args.push("root@127.0.0.1");
    args.extend(command);
    tool("sshpass", &args, input)
}

/// Asserts success and returns standard output.
pub(crate) fn good(output: Output, what: &str) -> Vec<u8> {
    let log = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}: {}\n{said}{log}", output.status);
    output.stdout
}
