//! What malformed input gets, measured on OpenSSH 9.2p1 as Debian 12 ships it.

use std::sync::Arc;

use md5::Digest;
use phantom_ssh::{Config, Event, HostKeys, Profile, Server, fuzz};
use proptest::prelude::*;

fn config() -> Arc<Config> {
    Arc::new(Config::debian_12(HostKeys::generate_elliptic([1; 32])))
}

const BANNER: &str = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n";

/// Everything sent after the greeting, whether the connection is over, and the names of oddities.
fn answer(input: &[u8], chunk: usize) -> (Vec<u8>, bool, Vec<Event>) {
    let mut server = Server::new(config(), [5; 32]);
    server.start();
    assert_eq!(server.take_output(), BANNER.as_bytes());
    let mut events = Vec::new();
    for piece in input.chunks(chunk.max(1)) {
        server.input(piece);
        while let Some(event) = server.next_event() {
            events.push(event);
        }
    }
    (server.take_output(), server.closed(), events)
}

#[test]
fn identification_strings() {
    let invalid = b"Invalid SSH identification string.\r\n".to_vec();
    let major = b"Protocol major versions differ.\r\n".to_vec();
    for (input, want) in [
        (&b"GET / HTTP/1.1\r\n"[..], &invalid),
        (b"\r\n", &invalid),
        (b"SSH-1337-x\r\n", &invalid),
        (b"SSH-2.0-a\0b\r\n", &invalid),
        (b"SSH-2.0-a\rb", &invalid),
        (&[b'A'; 70_000], &invalid),
        (b"SSH-1.5-x\r\n", &major),
        (b"SSH-3.0-x\r\n", &major),
    ] {
        assert_eq!(answer(input, 4096), (want.clone(), true, answer(input, 7).2));
    }
    for input in ["SSH-2.2-foo\r\n", "SSH-2.0-x\n", "SSH-1.99-x\r\n"] {
        let (sent, closed, _) = answer(input.as_bytes(), 1);
        assert!(!closed && sent[5] == 20, "KEXINIT follows {input}");
    }
}

#[test]
fn the_proposal_is_debians_byte_for_byte_in_length_and_padding() {
    let config = Arc::new(Config::debian_12(HostKeys::from_pem(&crate::driver::KEYS).unwrap()));
    let mut server = Server::new(config, [5; 32]);
    server.input(b"SSH-2.0-x\r\n");
    while server.next_event().is_some() {}
    let sent = server.take_output();
    assert_eq!((sent.len(), sent[4]), (1136, 11));
    assert!(sent.ends_with(&[0; 11]));
    // hasshServer, as the detectors compute it, and as measured on the real server.
    let mut body = phantom_ssh::Reader::new(&sent[5 + 17..]);
    let lists: Vec<&[u8]> = (0..8).map(|_| body.string().unwrap()).collect();
    let joined = [lists[0], lists[3], lists[5], lists[7]].join(&b';');
    let hassh: String = md5::Md5::digest(&joined).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hassh, "425d29fe50d8e4f5e37efb6e24bcf660");
}

/// A packet in the clear.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (5 + payload.len()) % 8 + 8;
    let mut out = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
    out.push(padding as u8);
    out.extend(payload);
    out.extend(vec![0; padding]);
    out
}

/// What follows the KEXINIT of the answer.
fn after_kexinit(packets: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut input = b"SSH-2.0-x\r\n".to_vec();
    packets.iter().for_each(|p| input.extend_from_slice(p));
    let (sent, closed, _) = answer(&input, 4096);
    let length = u32::from_be_bytes(sent[..4].try_into().unwrap()) as usize;
    (sent[4 + length..].to_vec(), closed)
}

fn kexinit(lists: [&str; 4]) -> Vec<u8> {
    let mut payload = vec![20; 17];
    let [kex, key, cipher, mac] = lists;
    for list in [kex, key, cipher, cipher, mac, mac, "none", "none", "", ""] {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    packet(&payload)
}

#[test]
fn packets_before_keys() {
    let silent = (vec![], true);
    assert_eq!(after_kexinit(&[&[0; 16]]), silent, "length 0");
    assert_eq!(after_kexinit(&[&[0, 4, 0, 1, 0, 0, 0, 0]]), silent, "length 262145");
    assert_eq!(after_kexinit(&[&[0, 0, 0, 13, 4, 0, 0, 0]]), silent, "not a block multiple");
    let (sent, closed) = after_kexinit(&[&packet(&[255])]);
    assert!(closed && sent[5] == 1);
    assert!(String::from_utf8_lossy(&sent).contains("Invalid ssh2 packet type: 255"));
    let (sent, closed) = after_kexinit(&[&packet(b"\x05\0\0\0\x0cssh-userauth")]);
    assert_eq!((sent[5], &sent[6..10], closed), (3, &[0, 0, 0, 0][..], false), "UNIMPLEMENTED");
    assert_eq!(after_kexinit(&[&packet(&[80, 0, 0])]), silent, "GLOBAL_REQUEST before keys");
    assert_eq!(after_kexinit(&[&kexinit(["none", "ssh-ed25519", "aes128-ctr", "hmac-sha1"])]), silent);
    let good = kexinit(["curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha1"]);
    let (sent, closed) = after_kexinit(&[&good, &good]);
    assert_eq!((sent[5], &sent[6..10], closed), (3, &[0, 0, 0, 1][..], false), "second KEXINIT");
    assert_eq!(after_kexinit(&[&good, &packet(&[30, 0, 0, 0, 1, 9])]), silent, "bad public value");
    assert_eq!(after_kexinit(&[&packet(&[2, 0, 0, 0, 0]), &good]), (vec![], false), "IGNORE is fine");
    let strict =
        kexinit(["curve25519-sha256,kex-strict-c-v00@openssh.com", "ssh-ed25519", "aes128-ctr", "hmac-sha1"]);
    let (sent, closed) = after_kexinit(&[&packet(&[2, 0, 0, 0, 0]), &strict]);
    assert!(closed && String::from_utf8_lossy(&sent).contains("KEXINIT was not the first packet"));
    let (sent, closed) = after_kexinit(&[&strict, &packet(&[2, 0, 0, 0, 0])]);
    assert!(closed && String::from_utf8_lossy(&sent).contains("unexpected packet type 2 (seqnr 1)"));
}

#[test]
fn gex_requests_out_of_bounds_end_silently() {
    let good = kexinit(["diffie-hellman-group-exchange-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha1"]);
    let request = |min: u32, wanted: u32, max: u32| {
        let mut payload = vec![34];
        [min, wanted, max].iter().for_each(|n| payload.extend(n.to_be_bytes()));
        after_kexinit(&[&good, &packet(&payload)])
    };
    assert_eq!(request(4096, 2048, 8192), (vec![], true));
    assert_eq!(request(1024, 1024, 1024), (vec![], true));
    let (sent, closed) = request(2048, 2048, 8192);
    assert_eq!((sent[5], closed), (31, false));
}

#[test]
fn a_wrong_guess_is_skipped_once() {
    let mut guessed = vec![20; 17];
    for list in [
        "curve25519-sha256",
        "ssh-ed25519",
        "aes128-ctr",
        "aes128-ctr",
        "hmac-sha1",
        "hmac-sha1",
        "none",
        "none",
        "",
        "",
    ] {
        guessed.extend((list.len() as u32).to_be_bytes());
        guessed.extend(list.as_bytes());
    }
    guessed.extend([1, 0, 0, 0, 0]);
    let guessed = packet(&guessed);
    let mut point = vec![30, 0, 0, 0, 32];
    point.extend([9; 32]);
    assert_eq!(after_kexinit(&[&guessed, &packet(&point)]), (vec![], false), "the guess is ignored");
    let (sent, closed) = after_kexinit(&[&guessed, &packet(&point), &packet(&point)]);
    assert_eq!((sent[5], closed), (31, false), "the second is answered");
}

/// Payloads for [`fuzz::payloads`]: each with its length in two bytes.
fn script(payloads: &[&[u8]]) -> Vec<u8> {
    payloads.iter().flat_map(|p| [&(p.len() as u16).to_be_bytes()[..], p].concat()).collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn request(user: &str, method: &str, rest: &[u8]) -> Vec<u8> {
    [&[50][..], &string(user.as_bytes()), &string(b"ssh-connection"), &string(method.as_bytes()), rest]
        .concat()
}

fn service() -> Vec<u8> {
    [&[5][..], &string(b"ssh-userauth")].concat()
}

fn count(events: &[Event], what: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|e| what(e)).count()
}

#[test]
fn six_failures_are_enough_and_the_user_must_not_change() {
    let none = request("a", "none", &[]);
    let password = request("a", "password", &[&[0][..], &string(b"x")].concat());
    let mut all = vec![&service()[..], &none].into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
    all.extend(vec![password.clone(); 10]);
    let all: Vec<&[u8]> = all.iter().map(|p| &p[..]).collect();
    let events = fuzz::payloads(config(), false, &script(&all));
    assert_eq!(count(&events, |e| matches!(e, Event::Auth(_))), 7, "none is free once, then six");
    let other = request("b", "password", &[&[0][..], &string(b"x")].concat());
    let events = fuzz::payloads(config(), false, &script(&[&service(), &password, &other, &password]));
    assert_eq!(count(&events, |e| matches!(e, Event::Auth(_))), 1);
    assert!(events.contains(&Event::Oddity { name: "changed_user", value: b"b".to_vec() }));
    let changed = request("a", "password", &[&[1][..], &string(b"x"), &string(b"y")].concat());
    let gss = request("a", "gssapi-with-mic", b"whatever");
    let events = fuzz::payloads(config(), true, &script(&[&service(), &changed, &gss, &password]));
    assert_eq!(count(&events, |e| matches!(e, Event::Auth(_))), 1, "neither a change nor an unknown method");
}

#[test]
fn sessions_are_bounded_and_bad_channels_end_the_connection() {
    let password = request("a", "password", &[&[0][..], &string(b"x")].concat());
    let open =
        |kind: &str| [&[90][..], &string(kind.as_bytes()), &[0, 0, 0, 7, 0, 32, 0, 0, 0, 0, 128, 0]].concat();
    let (service, session) = (service(), open("session"));
    let mut all = vec![service.clone(), password.clone()];
    all.extend(vec![session.clone(); 14]);
    let run = |all: &[Vec<u8>]| {
        let all: Vec<&[u8]> = all.iter().map(|p| &p[..]).collect();
        fuzz::payloads(config(), true, &script(&all))
    };
    let events = run(&all);
    assert_eq!(count(&events, |e| matches!(e, Event::Opened { .. })), 10);
    assert_eq!(count(&events, |e| matches!(e, Event::Oddity { name: "too_many_sessions", .. })), 4);
    let on = |kind: u8, rest: &[u8]| [&[kind, 0, 0, 0, 0][..], rest].concat();
    let exec = on(98, &[&string(b"exec")[..], &[1], &string(b"id")].concat());
    let data = on(94, &string(b"input"));
    let events = run(&[
        service.clone(),
        password.clone(),
        open("x11"),
        session.clone(),
        exec,
        on(93, &[0, 0, 1, 0]),
        on(98, &[&string(b"signal")[..], &[0], &string(b"INT")].concat()),
        on(98, &[&string(b"window-change")[..], &[0], &[0; 16]].concat()),
        data.clone(),
        data.clone(),
        on(96, &[]),
        on(97, &[]),
        data,
    ]);
    let seen: Vec<&Event> = events.iter().filter(|e| !matches!(e, Event::Auth(_))).collect();
    assert!(matches!(seen[0], Event::Oddity { name: "channel_type", .. }));
    assert_eq!(count(&events, |e| matches!(e, Event::Data { .. })), 1, "the program ended at the first");
    assert_eq!(count(&events, |e| matches!(e, Event::Signal { name, .. } if name == b"INT")), 1);
    assert_eq!(count(&events, |e| matches!(e, Event::Closed { channel: 0 })), 1);
    assert!(matches!(seen.last(), Some(Event::Oddity { name: "unknown_channel", .. })));
    let more = [&[80][..], &string(b"no-more-sessions@openssh.com"), &[0]].concat();
    let listen = [&[80][..], &string(b"tcpip-forward"), &[1], &string(b""), &[0; 4]].concat();
    let events = run(&[service, password, listen, more, session.clone(), session]);
    assert_eq!(count(&events, |e| matches!(e, Event::Listen { port, .. } if *port >= 32_768)), 1);
    assert_eq!(count(&events, |e| matches!(e, Event::Opened { .. })), 0);
}

#[test]
fn a_window_overrun_beyond_a_tenth_ends_the_connection() {
    let password = request("a", "password", &[&[0][..], &string(b"x")].concat());
    let open = [&[90][..], &string(b"session"), &[0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 128, 0]].concat();
    let shell = [&[98, 0, 0, 0, 0][..], &string(b"shell"), &[0]].concat();
    let mut server = Vec::from([service(), password, open, shell]);
    // The first piece ends the program and so the refilling of the window; 2 MiB and a tenth are 77 more.
    server.extend(vec![[&[94, 0, 0, 0, 0][..], &string(&[b'x'; 30_000])].concat(); 90]);
    let all: Vec<&[u8]> = server.iter().map(|p| &p[..]).collect();
    let events = fuzz::payloads(config(), true, &script(&all));
    assert_eq!(count(&events, |e| matches!(e, Event::Data { .. })), 1);
    assert_eq!(count(&events, |e| matches!(e, Event::Closed { .. })), 1, "gone with the connection");
}

#[test]
fn stored_keys_are_judged() {
    use phantom_ssh::KeyError;
    let pem = HostKeys::generate_elliptic([3; 32]).to_pem();
    assert!(HostKeys::from_pem(&pem).is_ok());
    assert_eq!(HostKeys::from_pem("").err(), Some(KeyError::Missing));
    assert_eq!(HostKeys::from_pem(&pem[..200]).err(), Some(KeyError::Malformed(1)));
    assert_eq!(
        HostKeys::from_pem(&pem.replace("b3BlbnNzaC1rZXk", "AAAAbnNzaC1rZXk")).err(),
        Some(KeyError::Malformed(1))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chunking_changes_nothing(tail: Vec<u8>, chunk in 1usize..9, version: bool) {
        let mut input = if version { b"SSH-2.0-x\r\n".to_vec() } else { vec![] };
        input.extend(kexinit(["curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha1"]));
        input.extend(tail);
        prop_assert_eq!(answer(&input, input.len()), answer(&input, chunk));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, accept: bool) {
        fuzz::connection(config(), &bytes);
        fuzz::parsers(&bytes);
        fuzz::payloads(config(), accept, &bytes);
        let password = request("a", "password", &[&[0][..], &string(b"x")].concat());
        let open = [&[90][..], &string(b"session"), &[0, 0, 0, 7, 0, 32, 0, 0, 0, 0, 128, 0]].concat();
        let mut all = script(&[&service(), &password, &open]);
        for piece in bytes.chunks(9) {
            let kind = 80 + piece[0] % 21;
            all.extend(script(&[&[&[kind][..], &[0; 4], &piece[1..]].concat()]));
        }
        fuzz::payloads(config(), true, &all);
    }

    #[test]
    fn what_a_user_key_is_not_is_no_key(bytes: Vec<u8>) {
        prop_assert!(phantom_ssh::UserKey::parse(&bytes).is_none());
    }
}

#[test]
fn every_name_in_the_profile_is_unique() {
    let profile = Profile::openssh_9_2_debian_12();
    for list in [profile.kex, profile.host_keys, profile.ciphers, profile.macs, profile.compression] {
        let mut seen = std::collections::HashSet::new();
        assert!(list.iter().all(|name| seen.insert(*name)));
    }
}
