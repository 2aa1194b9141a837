//! The shell, its commands and its terminal.

use std::sync::{Arc, LazyLock};

use phantom_core::from_micros;
use phantom_honeypot::shell::Visitor;
use phantom_honeypot::{Console, Emit, Machine, Persona, Shell};

const START: i64 = 1_700_000_000_000_000;

/// The first byte picks how the rest is run: as the line of an `exec` request, as a script on standard input, or typed
/// on a terminal. It ends, and how it is typed changes nothing.
pub(crate) fn shell(bytes: &[u8]) {
    static MACHINE: LazyLock<Arc<Machine>> =
        LazyLock::new(|| Machine::new(Arc::new(Persona::generate([3; 32], from_micros(START)))));
    let Some((how, input)) = bytes.split_first() else { return };
    let at = from_micros(START);
    let open = || {
        let (vfs, account) = MACHINE.login(b"root", at);
        let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], 22).into());
        let shell =
            Shell::new(Arc::clone(&MACHINE), vfs, account, Visitor { peer, local, at, seed: [0; 32] });
        match how % 4 {
            0 => (Console::exec(shell, input, false), &b""[..]),
            1 => (Console::exec(shell, input, true), &b"y\r"[..]),
            2 => (Console::script(shell), input),
            _ => (Console::interactive(shell, b"xterm", 80, 24), input),
        }
    };
    let size = 1 + bytes.len() % 8;
    let (whole, typed) = open();
    let whole = play(whole, typed.chunks(typed.len().max(1)));
    let (pieces, typed) = open();
    assert_eq!(whole, play(pieces, typed.chunks(size)), "in pieces of {size}");
}

/// Everything emitted, output joined where nothing stands between, wishes to be woken left out.
fn play<'a>(mut console: Console, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Emit> {
    let mut out = Vec::new();
    let mut now = START;
    console.start(from_micros(now), &mut out);
    pieces.for_each(|piece| console.input(from_micros(now), piece, &mut out));
    console.end_of_input(from_micros(now), &mut out);
    // Whatever sleeps is woken some times, an hour apart each.
    for _ in 0..8 {
        if console.is_done() {
            break;
        }
        now += 3_600_000_000;
        console.wake(from_micros(now), &mut out);
    }
    console.interrupt(from_micros(now), &mut out);
    console.dropped_files();
    let mut joined: Vec<Emit> = Vec::new();
    for emit in out {
        match (emit, joined.last_mut()) {
            (Emit::Wake(_), _) => {}
            (Emit::Stdout(more), Some(Emit::Stdout(before))) => before.extend(more),
            (Emit::Stderr(more), Some(Emit::Stderr(before))) => before.extend(more),
            (emit, _) => joined.push(emit),
        }
    }
    joined
}
