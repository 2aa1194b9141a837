//! The same bytes to Debian's sshd and to us: what comes back must be alike, but for what is random.
//!
//! The real server is the one that is installed, started on loopback in namespaces of its own, where `/etc/passwd` and
//! `/etc/shadow` are replaced by two of which root has the password `right`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use phantom_testkit::netns;

use crate::driver::{KEYS, config, serve};
use crate::raw::{self, LISTS, Raw, auth, global, open, password, request, string};

/// How far the conversation is when the probe begins.
#[derive(Clone, Copy)]
enum Stage {
    Connect,
    /// Versions and KEXINIT of both sides are exchanged.
    Greeted,
    /// The server's version and KEXINIT are read, only our version is sent.
    Version,
    Keyed,
    Service,
    Login,
    Session,
}

enum Say {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A payload, in a packet of the state.
    Payload(Vec<u8>),
    /// Nothing, until it has been quiet: for answers that must not cross the next message.
    Wait,
}

struct Probe {
    name: &'static str,
    from: Stage,
    say: Vec<Say>,
}

/// Differences that are meant: the probe's name and why. `docs/fidelity.md` has the same rows.
const MEANT: &[(&str, &str)] = &[];

/// Silence after which an answer counts as complete. Failed logins take sshd two seconds and more.
const QUIET: Duration = Duration::from_millis(1500);
const LOGIN_QUIET: Duration = Duration::from_millis(6000);

fn probe(name: &'static str, from: Stage, payloads: &[&[u8]]) -> Probe {
    Probe { name, from, say: payloads.iter().map(|p| Say::Payload(p.to_vec())).collect() }
}

fn bytes(name: &'static str, from: Stage, bytes: &[u8]) -> Probe {
    Probe { name, from, say: vec![Say::Bytes(bytes.to_vec())] }
}

/// Messages with silence between them.
fn turns(name: &'static str, from: Stage, payloads: &[&[u8]]) -> Probe {
    let say = payloads.iter().flat_map(|p| [Say::Payload(p.to_vec()), Say::Wait]).collect();
    Probe { name, from, say }
}

fn u32s(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// A channel message: its number, the channel, and what follows.
fn channel(message: u8, channel: u32, rest: &[u8]) -> Vec<u8> {
    [&[message][..], &channel.to_be_bytes(), rest].concat()
}

fn pty(modes: &[u8]) -> Vec<u8> {
    [string(b"xterm"), u32s(&[80, 24, 0, 0]), string(modes)].concat()
}

fn probes() -> Vec<Probe> {
    use Stage::{Connect, Greeted, Keyed, Login, Service, Session, Version};
    let hello = |rest: &[u8]| [raw::VERSION, b"\r\n", rest].concat();
    let packet = |payload: &[u8]| raw::packet(payload, 8);
    let point = [&[30][..], &string(&[9; 32])].concat();
    let strict =
        raw::kexinit(["curve25519-sha256,kex-strict-c-v00@openssh.com", LISTS[1], LISTS[2], LISTS[3]]);
    let ext = raw::kexinit(["curve25519-sha256,ext-info-c", LISTS[1], LISTS[2], LISTS[3]]);
    let mut guess = raw::kexinit(["ecdh-sha2-nistp256,curve25519-sha256", LISTS[1], LISTS[2], LISTS[3]]);
    let at = guess.len() - 5;
    guess[at] = 1;
    let ignore = [&[2][..], &string(b"x")].concat();
    let service = |name: &[u8]| [&[5][..], &string(name)].concat();
    let connection = b"ssh-connection";
    let none = auth(b"root", connection, b"none", b"");
    let key = [string(b"ssh-ed25519"), string(&[4; 32])].concat();
    let ask = |algorithm: &[u8], blob: &[u8]| {
        auth(b"root", connection, b"publickey", &[&[0][..], &string(algorithm), &string(blob)].concat())
    };
    let direct = |host: &[u8], port: u32| {
        [open(b"direct-tcpip", 3), string(host), u32s(&[port]), string(b"127.0.0.1"), u32s(&[5])].concat()
    };
    let exec = |line: &[u8]| request(0, b"exec", true, &string(line));
    let mut all = vec![
        // Identification, RFC 4253 section 4.2.
        bytes("version without carriage return", Connect, b"SSH-2.0-probe\n"),
        bytes("version 1.99", Connect, b"SSH-1.99-probe\r\n"),
        bytes("version 1.5", Connect, b"SSH-1.5-probe\r\n"),
        bytes("version 2.1", Connect, b"SSH-2.1-probe\r\n"),
        bytes("version 3.0", Connect, b"SSH-3.0-probe\r\n"),
        bytes("version without software", Connect, b"SSH-2.0-\r\n"),
        bytes("version cut short", Connect, b"SSH-2.0\r\n"),
        bytes("version in small letters", Connect, b"ssh-2.0-probe\r\n"),
        bytes("an HTTP request", Connect, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        bytes("an empty line first", Connect, b"\r\nSSH-2.0-probe\r\n"),
        bytes("lines before the version", Connect, b"hello\r\nSSH-2.0-probe\r\n"),
        bytes("bytes of TLS", Connect, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"),
        bytes("bytes of RDP", Connect, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0\n"),
        bytes("a line of 300 bytes", Connect, &[&[b'a'; 300][..], b"\r\n"].concat()),
        bytes("a line of 9000 bytes", Connect, &[&[b'a'; 9000][..], b"\r\n"].concat()),
        bytes("a version of 254 bytes", Connect, &[b"SSH-2.0-".as_slice(), &[b'a'; 244], b"\r\n"].concat()),
        bytes("a version of 400 bytes", Connect, &[b"SSH-2.0-".as_slice(), &[b'a'; 390], b"\r\n"].concat()),
        bytes("a version with a zero", Connect, b"SSH-2.0-a\0b\r\n"),
        bytes("a version with a comment", Connect, b"SSH-2.0-probe some words\r\n"),
        bytes("a version with spaces alone", Connect, b"SSH-2.0-   \r\n"),
        bytes("silence", Connect, b""),
        bytes("half a version", Connect, b"SSH-2.0"),
        bytes("two carriage returns", Connect, b"SSH-2.0-probe\r\r\n"),
        bytes("a client known for faults", Connect, b"SSH-2.0-OpenSSH_3.0\r\n"),
        bytes("PuTTY", Connect, b"SSH-2.0-PuTTY_Release_0.78\r\n"),
        bytes("a scanner", Connect, b"SSH-2.0-OpenSSH_scanner\r\n"),
        bytes("the probe of old scanners", Connect, b"SSH-1.99-SSH_Version_Mapper\r\n"),
        bytes("KEXINIT in the same segment", Connect, &hello(&packet(&raw::kexinit(LISTS)))),
        // Packets before keys.
        bytes("length 0", Version, &[0; 16]),
        bytes("length 1", Version, &[0, 0, 0, 1, 0, 0, 0, 0]),
        bytes("length 4", Version, &[0, 0, 0, 4, 0, 0, 0, 0]),
        bytes("length 262145", Version, &[0, 4, 0, 1, 0, 0, 0, 0]),
        bytes("length 4294967295", Version, &[255, 255, 255, 255, 0, 0, 0, 0]),
        bytes("length of no whole block", Version, &[0, 0, 0, 13, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        bytes("padding of 3", Version, &[0, 0, 0, 12, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        bytes("padding beyond the packet", Version, &[0, 0, 0, 12, 200, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        bytes("an empty payload", Version, &[0, 0, 0, 12, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        probe("message 0", Version, &[&[0]]),
        probe("message 255", Version, &[&[255]]),
        probe(
            "disconnect first",
            Version,
            &[&[&[1, 0, 0, 0, 11][..], &string(b"bye"), &string(b"")].concat()],
        ),
        probe("ignore first", Version, &[&ignore, &raw::kexinit(LISTS)]),
        probe(
            "debug first",
            Version,
            &[&[&[4, 1][..], &string(b"x"), &string(b"")].concat(), &raw::kexinit(LISTS)],
        ),
        probe("unimplemented first", Version, &[&[3, 0, 0, 0, 0]]),
        probe("service request first", Version, &[&service(b"ssh-userauth")]),
        probe("authentication first", Version, &[&none]),
        probe("global request first", Version, &[&global(b"x", true, b"")]),
        probe("channel first", Version, &[&open(b"session", 0)]),
        probe("NEWKEYS first", Version, &[&[21]]),
        probe("key exchange first", Version, &[&point]),
        probe("KEXINIT cut short", Version, &[&raw::kexinit(LISTS)[..30]]),
        probe("KEXINIT of the number alone", Version, &[&[20]]),
        probe("KEXINIT with more behind it", Version, &[&[&raw::kexinit(LISTS)[..], b"more"].concat()]),
        probe("no kex in common", Version, &[&raw::kexinit(["none", LISTS[1], LISTS[2], LISTS[3]])]),
        probe("no host key in common", Version, &[&raw::kexinit([LISTS[0], "ssh-dss", LISTS[2], LISTS[3]])]),
        probe("no cipher in common", Version, &[&raw::kexinit([LISTS[0], LISTS[1], "3des-cbc", LISTS[3]])]),
        probe("no MAC in common", Version, &[&raw::kexinit([LISTS[0], LISTS[1], LISTS[2], "hmac-md5"])]),
        probe("empty lists", Version, &[&raw::kexinit(["", "", "", ""])]),
        probe("strict, ignore before", Version, &[&ignore, &strict]),
        probe("strict, ignore after", Version, &[&strict, &ignore]),
        probe("strict, debug after", Version, &[&strict, &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]]),
        probe("a guess that is wrong", Version, &[&guess, &[30, 0, 0, 0, 1, 4], &point]),
        probe("KEXINIT twice", Greeted, &[&raw::kexinit(LISTS)]),
        probe("ignore in the exchange", Greeted, &[&ignore]),
        probe("message 255 in the exchange", Greeted, &[&[255]]),
        probe("message 29 in the exchange", Greeted, &[&[29]]),
        probe("message 50 in the exchange", Greeted, &[&none]),
        probe("a public value of one byte", Greeted, &[&[30, 0, 0, 0, 1, 9]]),
        probe("a public value of zeros", Greeted, &[&[&[30][..], &string(&[0; 32])].concat()]),
        probe("a public value with more behind it", Greeted, &[&[&point[..], b"more"].concat()]),
        probe("a public value without length", Greeted, &[&[30]]),
        probe("the answer's number", Greeted, &[&[&[31][..], &string(&[9; 32])].concat()]),
        probe("a public value twice", Greeted, &[&point, &point]),
        probe("NEWKEYS before the exchange", Greeted, &[&[21]]),
        probe("service request instead of NEWKEYS", Greeted, &[&point, &service(b"ssh-userauth")]),
        // Behind the keys, before a service.
        probe("ext-info-c", Version, &[&ext, &point]),
        probe("the service of connections", Keyed, &[&service(b"ssh-connection")]),
        probe("a service of no name", Keyed, &[&service(b"")]),
        probe("a service with a zero", Keyed, &[&service(b"ssh-user\0auth")]),
        probe("a service cut short", Keyed, &[&[5, 0, 0, 0, 9, b'x']]),
        probe("authentication without the service", Keyed, &[&none]),
        probe("a channel without a login", Keyed, &[&open(b"session", 0)]),
        probe("a global request without a login", Keyed, &[&global(b"keepalive@openssh.com", true, b"")]),
        // A ping without its string ends it, and stands last: what sshd left unread would reset the connection, and
        // with it what it said.
        probe("unknown messages", Keyed, &[&[100], &[255], &[192]]),
        probe("message 7", Keyed, &[&[7, 0, 0, 0, 0]]),
        probe("ping", Keyed, &[&[&[192][..], &string(b"data")].concat()]),
        probe("ignore and debug", Keyed, &[&ignore, &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]]),
        probe("disconnect", Keyed, &[&[&[1, 0, 0, 0, 11][..], &string(b"bye"), &string(b"")].concat()]),
        probe("a service twice", Keyed, &[&service(b"ssh-userauth"), &service(b"ssh-userauth")]),
        probe("new keys before a login", Keyed, &[&raw::kexinit(LISTS)]),
        bytes("bytes under the wrong key", Keyed, &[0x55; 64]),
        // Authentication, RFC 4252.
        probe("none", Service, &[&none]),
        probe("none for a stranger", Service, &[&auth(b"nobody-here", connection, b"none", b"")]),
        probe("none for no name", Service, &[&auth(b"", connection, b"none", b"")]),
        probe("an unknown method", Service, &[&auth(b"root", connection, b"magic", b"")]),
        probe("hostbased", Service, &[&auth(b"root", connection, b"hostbased", b"")]),
        probe("gssapi-with-mic", Service, &[&auth(b"root", connection, b"gssapi-with-mic", &[0, 0, 0, 0])]),
        probe(
            "keyboard-interactive",
            Service,
            &[&auth(b"root", connection, b"keyboard-interactive", &[string(b""), string(b"")].concat())],
        ),
        probe("a service unknown", Service, &[&auth(b"root", b"ssh-magic", b"none", b"")]),
        turns("another user", Service, &[&none, &auth(b"admin", connection, b"none", b"")]),
        turns("another service", Service, &[&none, &auth(b"root", b"ssh-magic", b"none", b"")]),
        probe("a wrong password", Service, &[&password(b"root", b"wrong")]),
        probe("a wrong password of a stranger", Service, &[&password(b"nobody-here", b"wrong")]),
        probe("an empty password", Service, &[&password(b"root", b"")]),
        probe("a password with a zero", Service, &[&password(b"root", b"wr\0ng")]),
        probe("a password of 2000 bytes", Service, &[&password(b"root", &[b'a'; 2000])]),
        probe(
            "a password to be changed",
            Service,
            &[&auth(
                b"root",
                connection,
                b"password",
                &[&[1][..], &string(b"wrong"), &string(b"new")].concat(),
            )],
        ),
        probe("a password cut short", Service, &[&auth(b"root", connection, b"password", &[0, 0, 0, 0, 9])]),
        probe(
            "a password with more behind it",
            Service,
            &[&[&password(b"root", b"wrong")[..], b"more"].concat()],
        ),
        probe("the right password", Service, &[&password(b"root", b"right")]),
        probe("an authentication cut short", Service, &[&[50, 0, 0, 0, 4, b'r']]),
        probe("six nones", Service, &[&none[..]; 6]),
        turns("seven unknown methods", Service, &[&auth(b"root", connection, b"magic", b"")[..]; 7]),
        probe("a key that is not known", Service, &[&ask(b"ssh-ed25519", &key)]),
        probe("a key of an unknown kind", Service, &[&ask(b"ssh-magic", &key)]),
        probe("a key of another kind than said", Service, &[&ask(b"ssh-rsa", &key)]),
        probe("a key that is none", Service, &[&ask(b"ssh-ed25519", b"junk")]),
        probe("a DSA key", Service, &[&ask(b"ssh-dss", &key)]),
        turns("keys until it is enough", Service, &[&ask(b"ssh-ed25519", &key)[..]; 7]),
        probe("an answer that nobody asked for", Service, &[&[61, 0, 0, 0, 0]]),
        probe("a channel before the login", Service, &[&open(b"session", 0)]),
        probe("a global request before the login", Service, &[&global(b"x", true, b"")]),
        probe("unknown messages before the login", Service, &[&[53], &[100], &[255]]),
        // Logged in, RFC 4254.
        probe("authentication after the login", Login, &[&none]),
        probe("a service after the login", Login, &[&service(b"ssh-userauth")]),
        probe(
            "an unknown global request",
            Login,
            &[&global(b"magic@x", true, b""), &global(b"magic@x", false, b"")],
        ),
        probe("keepalive", Login, &[&global(b"keepalive@openssh.com", true, b"")]),
        probe(
            "tcpip-forward",
            Login,
            &[&global(b"tcpip-forward", true, &[string(b"127.0.0.1"), u32s(&[0])].concat())],
        ),
        probe(
            "cancel of a forward that is none",
            Login,
            &[&global(b"cancel-tcpip-forward", true, &[string(b"127.0.0.1"), u32s(&[4999])].concat())],
        ),
        probe(
            "a socket to be forwarded",
            Login,
            &[&global(b"streamlocal-forward@openssh.com", true, &string(b"/nonexistent/x"))],
        ),
        probe(
            "no more sessions",
            Login,
            &[&global(b"no-more-sessions@openssh.com", false, b""), &open(b"session", 0)],
        ),
        probe(
            "proof of a key that is not ours",
            Login,
            &[&global(b"hostkeys-prove-00@openssh.com", true, &string(&key))],
        ),
        probe("proof of nothing", Login, &[&global(b"hostkeys-prove-00@openssh.com", true, b"")]),
        probe("a channel of an unknown kind", Login, &[&open(b"magic", 4)]),
        probe("a channel x11", Login, &[&[open(b"x11", 4), string(b"127.0.0.1"), u32s(&[1])].concat()]),
        probe("a channel auth-agent", Login, &[&open(b"auth-agent@openssh.com", 4)]),
        probe("a channel tun", Login, &[&[open(b"tun@openssh.com", 4), u32s(&[1, 0])].concat()]),
        probe("a channel forwarded-tcpip", Login, &[&open(b"forwarded-tcpip", 4)]),
        probe("a channel open cut short", Login, &[&[90, 0, 0, 0, 7, b's']]),
        probe("direct-tcpip to a closed port", Login, &[&direct(b"127.0.0.1", 1)]),
        probe("a session", Login, &[&open(b"session", 5)]),
        probe("ten sessions and one", Login, &[&open(b"session", 9)[..]; 11]),
        probe("data to no channel", Login, &[&channel(94, 7, &string(b"x"))]),
        probe("a window for no channel", Login, &[&channel(93, 7, &u32s(&[1]))]),
        probe("the end of no channel", Login, &[&channel(96, 7, b"")]),
        probe("close of no channel", Login, &[&channel(97, 7, b"")]),
        probe("a request to no channel", Login, &[&request(7, b"shell", true, b"")]),
        probe("an answer to no request", Login, &[&channel(99, 0, b"")]),
        probe("an answer to no global request", Login, &[&[81]]),
        probe("unknown messages after the login", Login, &[&[83], &[101], &[200]]),
        probe("ping after the login", Login, &[&[&[192][..], &string(b"data")].concat()]),
        probe("message 7 after the login", Login, &[&[7, 0, 0, 0, 0]]),
        probe("an unknown request", Session, &[&request(0, b"magic", true, b"")]),
        probe("an unknown request that wants no answer", Session, &[&request(0, b"magic", false, b"")]),
        probe(
            "env that is allowed",
            Session,
            &[&request(0, b"env", true, &[string(b"LANG"), string(b"C")].concat())],
        ),
        probe(
            "env that is not",
            Session,
            &[&request(0, b"env", true, &[string(b"PATH"), string(b"/")].concat())],
        ),
        probe("a terminal", Session, &[&request(0, b"pty-req", true, &pty(&[0]))]),
        probe("a terminal with modes", Session, &[&request(0, b"pty-req", true, &pty(&[53, 0, 0, 0, 0, 0]))]),
        probe(
            "a terminal twice",
            Session,
            &[&request(0, b"pty-req", true, &pty(&[0])), &request(0, b"pty-req", true, &pty(&[0]))],
        ),
        probe("a terminal cut short", Session, &[&request(0, b"pty-req", true, &string(b"xterm"))]),
        probe(
            "a new size without a terminal",
            Session,
            &[&request(0, b"window-change", true, &u32s(&[1, 2, 3, 4]))],
        ),
        probe("a signal before a program", Session, &[&request(0, b"signal", true, &string(b"TERM"))]),
        probe("break before a program", Session, &[&request(0, b"break", true, &u32s(&[100]))]),
        probe("an agent", Session, &[&request(0, b"auth-agent-req@openssh.com", true, b"")]),
        probe("an unknown subsystem", Session, &[&request(0, b"subsystem", true, &string(b"magic"))]),
        probe("exec that exits with 3", Session, &[&exec(b"exit 3")]),
        probe("exec without an answer", Session, &[&request(0, b"exec", false, &string(b"exit 0"))]),
        probe("exec cut short", Session, &[&request(0, b"exec", true, &[0, 0, 0, 9])]),
        turns(
            "cat until the end",
            Session,
            &[&exec(b"cat"), &channel(94, 0, &string(b"hello\n")), &channel(96, 0, b"")],
        ),
        turns(
            "two programs on a channel",
            Session,
            &[&exec(b"cat"), &exec(b"cat"), &request(0, b"shell", true, b"")],
        ),
        turns("close while a program runs", Session, &[&exec(b"cat"), &channel(97, 0, b"")]),
        turns("the end twice", Session, &[&exec(b"cat"), &channel(96, 0, b""), &channel(96, 0, b"")]),
        turns(
            "data after the end",
            Session,
            &[&exec(b"cat"), &channel(96, 0, b""), &channel(94, 0, &string(b"x"))],
        ),
        turns(
            "a signal to a program",
            Session,
            &[&exec(b"cat"), &request(0, b"signal", true, &string(b"KILL"))],
        ),
        turns(
            "an unknown signal",
            Session,
            &[&exec(b"cat"), &request(0, b"signal", true, &string(b"MAGIC"))],
        ),
        turns(
            "errors written to us",
            Session,
            &[&exec(b"cat"), &channel(95, 0, &[u32s(&[1]), string(b"x")].concat())],
        ),
        turns(
            "a packet larger than agreed",
            Session,
            &[&exec(b"cat"), &channel(94, 0, &string(&[b'a'; 33_000]))],
        ),
        turns("an empty packet", Session, &[&exec(b"cat"), &channel(94, 0, &string(b""))]),
        turns("end without a program", Session, &[&channel(96, 0, b"")]),
        turns("close without a program", Session, &[&channel(97, 0, b"")]),
        turns("data without a program", Session, &[&channel(94, 0, &string(b"x"))]),
        turns("a window too large", Session, &[&channel(93, 0, &u32s(&[u32::MAX])), &exec(b"exit 0")]),
        turns("keepalive on a channel", Session, &[&request(0, b"keepalive@openssh.com", true, b"")]),
        turns("eow on a channel", Session, &[&request(0, b"eow@openssh.com", true, b"")]),
        turns("an exit status from us", Session, &[&request(0, b"exit-status", true, &u32s(&[0]))]),
        turns("new keys after the login", Session, &[&raw::kexinit(LISTS)]),
    ];
    // Each algorithm of sshd's lists, agreed on alone.
    for kex in ["sntrup761x25519-sha512@openssh.com", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"] {
        all.push(probe(kex, Version, &[&raw::kexinit([kex, LISTS[1], LISTS[2], LISTS[3]]), &point]));
    }
    all
}

/// Says it and writes down what comes back.
fn transcript(address: SocketAddr, probe: &Probe) -> String {
    let mut raw = Raw::connect(address);
    let mut told = String::new();
    let ten = Duration::from_secs(10);
    let quiet = if matches!(probe.from, Stage::Service) { LOGIN_QUIET } else { QUIET };
    match probe.from {
        Stage::Connect => {}
        Stage::Version => {
            raw.bytes(&[raw::VERSION, b"\r\n"].concat());
            raw.line(ten);
            raw.payload(ten);
        }
        Stage::Greeted => drop(raw.greet(LISTS)),
        Stage::Keyed => raw.keyed(),
        Stage::Service => raw.service(),
        Stage::Login => raw.login(),
        Stage::Session => raw.session(),
    }
    if matches!(probe.from, Stage::Connect) {
        raw.line(ten);
    }
    for say in &probe.say {
        match say {
            Say::Bytes(bytes) => raw.bytes(bytes),
            Say::Payload(payload) => raw.send(payload),
            Say::Wait => hear(&mut raw, &mut told, quiet),
        }
    }
    if matches!(probe.from, Stage::Connect) && !probe.say.is_empty() {
        // Before the versions agree there may be plain text instead of packets.
        raw.plain(&mut told, quiet);
    }
    hear(&mut raw, &mut told, quiet);
    told.push_str(if raw.closed { "closed\n" } else { "open\n" });
    told
}

fn hear(raw: &mut Raw, told: &mut String, quiet: Duration) {
    while let Some(payload) = raw.payload(quiet) {
        let _ = writeln!(told, "{}", describe(&payload));
    }
}

/// The lines with the end of a program's output before its exit status wherever the two stand beside each other:
/// sshd's own order depends on which it notices first, that the output ended or that the program did.
fn in_order(told: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = told.lines().collect();
    for at in 1..lines.len() {
        if lines[at - 1].starts_with("98 ")
            && lines[at].starts_with("96 ")
            && lines[at - 1].contains("e x i t")
        {
            lines.swap(at - 1, at);
        }
    }
    lines
}

/// A payload with what is random made alike.
fn describe(payload: &[u8]) -> String {
    let number = payload.first().copied().unwrap_or(0);
    match number {
        20 => format!("20 KEXINIT {}", payload[17..].escape_ascii()),
        31 => {
            let mut fields = phantom_ssh::Reader::new(&payload[1..]);
            let mut sizes = Vec::new();
            while let Some(field) = fields.string() {
                // A number modulo the 2048 bit prime: a zero byte before a high bit, leading zeros left out.
                sizes.push(if (240..=257).contains(&field.len()) { 256 } else { field.len() });
            }
            format!("31 {sizes:?}")
        }
        // The port that was free.
        81 if payload.len() == 5 => "81 port".into(),
        _ => payload[1..].iter().fold(number.to_string(), |mut text, byte| {
            let _ = write!(text, " {}", byte.escape_ascii());
            text
        }),
    }
}

/// Asks all probes of one server, some at a time.
fn ask(address: SocketAddr, probes: &[Probe]) -> BTreeMap<&'static str, String> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while let Some(probe) = probes.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let told = std::panic::catch_unwind(|| transcript(address, probe))
                        .unwrap_or_else(|_| "never came so far\n".into());
                    answers.lock().unwrap().insert(probe.name, told);
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

/// sshd with Debian's settings, our host keys, and root's password `right`.
struct Sshd(Child, SocketAddr);

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nsshd:x:105:65534::/run/sshd:/usr/sbin/nologin\n";
const SHADOW: &str = "root:$6$phantomnet$.kY4A90kDNAzt2QqN52FvaqJueoTNJ5BLce0kEVZYIOUf2B07N0O.\
    w9QAPTpHuhVF6NyASqGotprVn2PDYjrP.:20000:0:99999:7:::\nsshd:!:20000::::::\n";

fn sshd(place: &Path) -> Sshd {
    let write = |name: &str, text: &str| {
        let path = place.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    for (name, text) in [("passwd", PASSWD), ("shadow", SHADOW)] {
        let ours = write(name, text);
        netns::run("mount", ["--bind".as_ref(), ours.as_os_str(), Path::new("/etc").join(name).as_os_str()]);
    }
    std::fs::create_dir_all("/run/sshd").unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
    for (number, block) in KEYS.split_inclusive("-----END OPENSSH PRIVATE KEY-----\n").enumerate() {
        command.arg("-h").arg(write(&format!("key{number}"), block));
    }
    for option in [
        "ListenAddress=127.0.0.1",
        "UsePAM=yes",
        "KbdInteractiveAuthentication=no",
        "X11Forwarding=yes",
        "PrintMotd=no",
        "AcceptEnv=LANG LC_*",
        "Subsystem=sftp /usr/lib/openssh/sftp-server",
        "PermitRootLogin=yes",
        // So many at once are the test's own doing.
        "MaxStartups=1000",
    ] {
        command.args(["-o", option]);
    }
    let log = std::fs::File::create(place.join("log")).unwrap();
    let child =
        command.stderr(log).stdin(Stdio::null()).spawn().expect("sshd (package openssh-server) starts");
    let sshd = Sshd(child, (Ipv4Addr::LOCALHOST, port).into());
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(sshd.1).is_err() {
        let log = std::fs::read_to_string(place.join("log")).unwrap();
        assert!(Instant::now() < until, "sshd does not listen: {log}");
        std::thread::sleep(Duration::from_millis(50));
    }
    sshd
}

#[test]
fn nothing_tells_us_from_sshd() {
    if !netns::isolated("differential::nothing_tells_us_from_sshd") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let real = sshd(place.path());
    let ours = serve(config());
    let probes = probes();
    let (want, got) = (ask(real.1, &probes), ask(ours.address, &probes));
    let (mut alike, mut wrong) = (0, String::new());
    for probe in &probes {
        let (want, got) = (&want[probe.name], &got[probe.name]);
        let alike_now = in_order(want) == in_order(got);
        match (alike_now, MEANT.iter().find(|(name, _)| *name == probe.name)) {
            (true, None) => alike += 1,
            (false, Some(_)) => {}
            (true, Some((_, why))) => {
                _ = writeln!(wrong, "--- {}: alike now, though meant: {why}", probe.name)
            }
            (false, None) => _ = writeln!(wrong, "--- {}\nsshd:\n{want}ours:\n{got}", probe.name),
        }
    }
    let log = if wrong.contains("never came so far") {
        std::fs::read_to_string(place.path().join("log")).unwrap_or_default()
    } else {
        String::new()
    };
    assert!(wrong.is_empty(), "{alike} of {} probes alike\n{wrong}{log}", probes.len());
}
