//! What carries files over SSH: the SFTP server and the far side of scp.

use std::sync::{Arc, LazyLock};

use phantom_core::from_micros;
use phantom_honeypot::shell::Emit;
use phantom_honeypot::ssh::calls::Calls;
use phantom_honeypot::ssh::scp::Scp;
use phantom_honeypot::ssh::sftp::{Disk, Sftp, Step};
use phantom_honeypot::{Cred, Machine, Persona};

const START: i64 = 1_700_000_000_000_000;

/// More than a visit's files, names and deleted files may take together.
const HELD: usize = 33 << 20;

static MACHINE: LazyLock<Arc<Machine>> =
    LazyLock::new(|| Machine::new(Arc::new(Persona::generate([3; 32], from_micros(START)))));

/// A process in /tmp; by the first byte of root or of nobody.
fn calls(who: u8) -> Calls {
    let (vfs, _) = MACHINE.login(b"root", from_micros(START));
    let id = if who.is_multiple_of(2) { 0 } else { 65_534 };
    let who = Cred { uid: id, gid: id, groups: Vec::new() };
    Calls { vfs, who, cwd: b"/tmp".to_vec(), umask: 0o22, order: 7 }
}

fn held(calls: &Calls) {
    let (bytes, _) = calls.vfs.lock().map(|vfs| vfs.held()).unwrap_or_default();
    assert!(bytes <= HELD, "{bytes} bytes held");
}

/// An SFTP visit after its greeting: cutting changes no reply and no evidence, and the session's files stay bounded.
pub(crate) fn sftp(bytes: &[u8]) {
    let Some((who, input)) = bytes.split_first() else { return };
    let play = |size: usize| {
        let calls = calls(*who);
        let disk = Disk { size: 40 << 20, used: 4 << 20, id: 9 };
        let mut server = Sftp::new(calls.clone(), b"/root".to_vec(), disk);
        let mut out = Vec::new();
        let greeting: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
        let mut last = Step::Idle;
        for piece in std::iter::once(greeting).chain(input.chunks(size)) {
            if matches!(last, Step::Exit(_)) {
                break;
            }
            server.input(piece);
            loop {
                last = server.step(from_micros(START), &mut out);
                if last != Step::Went {
                    break;
                }
            }
        }
        server.end(&mut out);
        held(&calls);
        (joined(out), last)
    };
    let size = 1 + bytes.len() % 8;
    assert_eq!(play(bytes.len()), play(size), "in pieces of {size}");
}

/// `scp` with the arguments of the first line and the rest as its input: cutting changes nothing.
pub(crate) fn scp(bytes: &[u8]) {
    let Some((who, rest)) = bytes.split_first() else { return };
    let mut parts = rest.splitn(2, |b| *b == b'\n');
    let line = parts.next().unwrap_or_default();
    let input = parts.next().unwrap_or_default();
    let arguments: Vec<Vec<u8>> = line.split(|b| *b == b' ').map(<[u8]>::to_vec).collect();
    let play = |size: usize| {
        let calls = calls(*who);
        let mut server = Scp::new(calls.clone(), &arguments)?;
        let mut pieces = input.chunks(size);
        let mut out = Vec::new();
        // A whole tree takes many answers: what is sent for a few thousand steps says enough.
        for _ in 0..4096 {
            match server.step(from_micros(START), &mut out) {
                Step::Exit(status) => {
                    held(&calls);
                    return Some((joined(out), Some(status)));
                }
                Step::Went => {}
                Step::Idle => match pieces.next() {
                    Some(piece) => server.input(piece),
                    None => server.end_of_input(),
                },
            }
        }
        server.close();
        None
    };
    let size = 1 + bytes.len() % 8;
    let (whole, cut) = (play(bytes.len()), play(size));
    if let (Some(whole), Some(cut)) = (whole, cut) {
        assert_eq!(whole, cut, "in pieces of {size}");
    }
}

/// Output joined where nothing stands between.
fn joined(out: Vec<Emit>) -> Vec<Emit> {
    let mut joined: Vec<Emit> = Vec::new();
    for emit in out {
        match (emit, joined.last_mut()) {
            (Emit::Stdout(more), Some(Emit::Stdout(before))) => before.extend(more),
            (Emit::Stderr(more), Some(Emit::Stderr(before))) => before.extend(more),
            (emit, _) => joined.push(emit),
        }
    }
    joined
}
