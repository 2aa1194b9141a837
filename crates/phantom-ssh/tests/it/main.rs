//! Real clients against the server on loopback.

mod differential;
mod driver;
mod hostile;
mod raw;

use driver::{config, good, serve, ssh, tool};
use phantom_ssh::{Credential, Event, Profile, Program};

fn each(option: &str, names: &[&str], more: &[&str]) {
    let running = serve(config());
    for name in names {
        let set = format!("{option}={name}");
        let mut options = vec!["-o", &set];
        options.extend(more);
        let output = ssh(running.address, &options, &["echo", name], b"");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(good(output, &set), name.as_bytes());
        if option == "KexAlgorithms" {
            assert!(log.contains(&format!("kex: algorithm: {name}")), "{log}");
        }
    }
}

#[test]
fn every_key_exchange_completes() {
    let profile = Profile::openssh_9_2_debian_12();
    let names: Vec<&str> = profile.kex.into_iter().filter(|name| !name.starts_with("kex-strict")).collect();
    each("KexAlgorithms", &names, &[]);
}

#[test]
fn every_host_key_completes() {
    each("HostKeyAlgorithms", &Profile::openssh_9_2_debian_12().host_keys, &[]);
}

#[test]
fn every_cipher_completes() {
    each("Ciphers", &Profile::openssh_9_2_debian_12().ciphers, &[]);
    each("Ciphers", &Profile::openssh_9_2_debian_12().ciphers, &["-o", "Compression=yes"]);
}

#[test]
fn every_mac_completes() {
    each("MACs", &Profile::openssh_9_2_debian_12().macs, &["-c", "aes128-ctr"]);
}

#[test]
fn transfers_survive_new_keys_started_by_the_client() {
    let running = serve(config());
    let sent: Vec<u8> = (0..2_000_000u32).map(|i| (i / 7) as u8).collect();
    for options in [
        &["-o", "RekeyLimit=64K"][..],
        &["-o", "RekeyLimit=256K", "-c", "aes128-ctr", "-m", "umac-64@openssh.com", "-C"],
    ] {
        let output = ssh(running.address, options, &["cat"], &sent);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(log.matches("SSH2_MSG_NEWKEYS received").count() > 5, "no rekeying\n{log}");
        assert!(good(output, "cat") == sent, "bytes differ");
    }
}

#[test]
fn transfers_survive_new_keys_started_by_the_server() {
    let mut config = config();
    config.rekey_bytes = 100_000;
    let running = serve(config);
    let sent: Vec<u8> = (0..2_000_000u32).map(|i| (i / 11) as u8).collect();
    let output = ssh(running.address, &[], &["cat"], &sent);
    // The client may fill its whole window of 2 MiB before it sees our proposal.
    let rounds = |log: &[u8]| String::from_utf8_lossy(log).matches("SSH2_MSG_NEWKEYS received").count();
    assert!(rounds(&output.stderr) > 1, "no rekeying");
    assert!(good(output, "cat") == sent, "bytes differ");
    let output = ssh(running.address, &[], &["big", "20000000"], b"");
    assert!(rounds(&output.stderr) > 4, "no rekeying: {}", rounds(&output.stderr));
    assert_eq!(good(output, "big").len(), 20_000_000);
}

#[test]
fn a_wrong_password_is_refused_and_recorded_before_the_right_one() {
    let running = serve(config());
    let port = running.address.port().to_string();
    let common =
        ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
    let mut args = vec!["-p", "wrong"];
    args.extend(common);
    args.extend([
        "-o",
        "NumberOfPasswordPrompts=1",
        "-o",
        "PubkeyAuthentication=no",
        "-p",
        &port,
        "bob@127.0.0.1",
        "true",
    ]);
    let output = tool("sshpass", &args, b"");
    assert!(!output.status.success());
    let events = running.events.lock().unwrap();
    let attempts: Vec<&Credential> = events
        .iter()
        .filter_map(|e| if let Event::Auth(a) = e { Some(&a.credential) } else { None })
        .collect();
    assert_eq!(attempts, [&Credential::None, &Credential::Password(b"wrong".to_vec())]);
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::ClientVersion(v) if v.starts_with(b"SSH-2.0-OpenSSH_9.2p1")))
    );
    let hassh = events
        .iter()
        .find_map(|e| if let Event::ClientKexInit { hassh, .. } = e { Some(hassh) } else { None });
    assert_eq!(hassh.map(String::len), Some(32));
}

#[test]
fn statuses_errors_terminals_and_environment_arrive() {
    let running = serve(config());
    let output = ssh(running.address, &[], &["exit", "3"], b"");
    assert_eq!(output.status.code(), Some(3));
    let output = ssh(running.address, &["-q"], &["err", "oops"], b"");
    assert!(output.stderr.ends_with(b"oops") || String::from_utf8_lossy(&output.stderr).contains("oops"));
    assert!(output.stdout.is_empty());
    let output = ssh(running.address, &["-tt", "-o", "SetEnv=LC_TEST=1"], &[], b"hello\nexit\n");
    assert_eq!(output.status.code(), Some(7));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("$ HELLO"), "{output:?}");
    let events = running.events.lock().unwrap();
    assert!(events.iter().any(|e| matches!(e, Event::Pty { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Start { program: Program::Shell, .. })));
    assert!(events.iter().any(
        |e| matches!(e, Event::Env { name, value, accepted: true, .. } if name == b"LC_TEST" && value == b"1")
    ));
}

#[test]
fn keys_of_every_kind_are_offered_proved_and_recorded() {
    let running = serve(config());
    let port = running.address.port().to_string();
    let dir = tempfile::tempdir().unwrap();
    for (kind, bits) in
        [("ed25519", "0"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")]
    {
        let file = dir.path().join(format!("{kind}{bits}"));
        let file = file.to_str().unwrap();
        let mut make = vec!["-q", "-t", kind, "-N", "", "-f", file];
        if bits != "0" {
            make.extend(["-b", bits]);
        }
        good(tool("ssh-keygen", &make, b""), "ssh-keygen");
        let shown = good(tool("ssh-keygen", &["-l", "-f", file], b""), "ssh-keygen -l");
        let shown = String::from_utf8(shown).unwrap().split(' ').nth(1).unwrap().to_owned();
        let mut args =
            vec!["-F", "none", "-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", &port];
        args.extend([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "keyed@127.0.0.1",
            "echo in",
        ]);
        assert_eq!(good(tool("ssh", &args, b""), kind), b"in");
        let events = running.events.lock().unwrap();
        for proved in [false, true] {
            assert!(events.iter().any(|e| match e {
                Event::Auth(a) => match &a.credential {
                    Credential::KeyOffered { fingerprint, .. } if !proved => *fingerprint == shown,
                    Credential::KeyProved { fingerprint, .. } if proved => *fingerprint == shown,
                    _ => false,
                },
                _ => false,
            }));
        }
    }
}

#[test]
fn keyboard_interactive_asks_and_believes() {
    let mut config = config();
    config.auth_methods = vec!["publickey", "keyboard-interactive"];
    let running = serve(config);
    assert_eq!(good(ssh(running.address, &[], &["echo", "in"], b""), "keyboard-interactive"), b"in");
}

#[test]
fn forwarding_and_sftp_are_refused_as_openssh_does() {
    let running = serve(config());
    let output = ssh(running.address, &["-W", "127.0.0.1:9"], &[], b"");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("open failed: connect failed: Connection refused"), "{log}");
    let output = ssh(running.address, &["-s"], &["sftp"], b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("subsystem request failed"));
    let events = running.events.lock().unwrap();
    assert!(events.contains(&Event::Forward { host: b"127.0.0.1".to_vec(), port: 9 }));
}

#[test]
fn new_host_keys_are_proved_to_a_client_that_knows_one() {
    let running = serve(config());
    let dir = tempfile::tempdir().unwrap();
    let known = dir.path().join("known");
    let known_option = format!("UserKnownHostsFile={}", known.display());
    let port = running.address.port().to_string();
    // The client takes part only with the algorithms it allows, and only when it knew a key beforehand.
    for algorithms in ["HostKeyAlgorithms=ssh-ed25519", "HostKeyAlgorithms=+ssh-ed25519"] {
        let mut args =
            vec!["-p", "right", "ssh", "-F", "none", "-p", &port, "-o", "StrictHostKeyChecking=no"];
        args.extend(["-o", &known_option, "-o", "UpdateHostKeys=yes", "-o", algorithms]);
        args.extend(["-o", "PubkeyAuthentication=no", "root@127.0.0.1", "cat"]);
        good(tool("sshpass", &args, b"x"), "ssh");
    }
    let text = std::fs::read_to_string(&known).unwrap();
    assert_eq!(text.lines().count(), 3, "ed25519 and what was learnt: {text}");
}

#[test]
fn nmap_counts_what_is_offered() {
    let running = serve(config());
    let port = running.address.port().to_string();
    let args = ["-Pn", "-p", &port, "--script", "+ssh2-enum-algos", "127.0.0.1"];
    let report = String::from_utf8(good(tool("nmap", &args, b""), "nmap")).unwrap();
    for want in [
        "kex_algorithms: (12)",
        "server_host_key_algorithms: (4)",
        "encryption_algorithms: (6)",
        "mac_algorithms: (10)",
        "compression_algorithms: (2)",
    ] {
        assert!(report.contains(want), "{want} not in {report}");
    }
}

#[test]
fn host_keys_are_what_ssh_keygen_reads_and_writes() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut joined = String::new();
    for (index, pem) in driver::KEYS.split_inclusive("-----END OPENSSH PRIVATE KEY-----\n").enumerate() {
        let file = dir.path().join(index.to_string());
        std::fs::write(&file, pem).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let shown = good(tool("ssh-keygen", &["-l", "-f", file.to_str().unwrap()], b""), "ssh-keygen -l");
        let blob = &config().keys.public_blobs()[index];
        assert!(String::from_utf8(shown).unwrap().contains(&phantom_ssh::fingerprint(blob)));
        // ssh-keygen writes it anew when it changes the comment.
        let args = ["-q", "-c", "-C", "a comment", "-f", file.to_str().unwrap()];
        good(tool("ssh-keygen", &args, b""), "ssh-keygen -c");
        joined += &std::fs::read_to_string(&file).unwrap();
    }
    let read = phantom_ssh::HostKeys::from_pem(&joined).unwrap();
    assert_eq!(read.public_blobs(), config().keys.public_blobs());
}

#[test]
fn hydra_finds_the_one_password_that_works() {
    let running = serve(config());
    let port = running.address.port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("passwords");
    std::fs::write(&list, "123456\nroot\nadmin\nright\n").unwrap();
    let args = ["-I", "-l", "root", "-P", list.to_str().unwrap(), "-t", "1", "-s", &port, "ssh://127.0.0.1"];
    // One worker: of two, hydra cuts one off when the other has found the password, and ends with 255.
    let report = String::from_utf8(good(tool("hydra", &args, b""), "hydra")).unwrap();
    assert!(report.contains("login: root   password: right"), "{report}");
    let events = running.events.lock().unwrap();
    for password in ["123456", "root", "admin", "right"] {
        let tried =
            |e: &Event| matches!(e, Event::Auth(a) if a.credential == Credential::Password(password.into()));
        assert!(events.iter().any(tried), "{password} was not seen");
    }
}
