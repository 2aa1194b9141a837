//! The dialogues that attackers hold with the honeypots.

use std::sync::{Arc, LazyLock};

use phantom_core::dialogue::{Action, Actions, Protocol, Visit};
use phantom_core::{SessionId, Timestamp};
use phantom_honeypot::ftp::{Ftp, FtpOptions, fuzz_ftp};
use phantom_honeypot::http::{Http, fuzz_http};
use phantom_honeypot::{LoginPolicy, LoginRules, Machine, Persona};

/// An HTTP conversation; cutting it changes nothing that is recorded or sent.
pub(crate) fn http(bytes: &[u8]) {
    static HTTP: LazyLock<Http> = LazyLock::new(Http::default);
    fuzz_http(bytes);
    cut(&*HTTP, bytes);
}

/// An FTP conversation, once with data connections granted and once without; the account `u` with the password `p`
/// is let in. Cutting the control connection changes nothing that is recorded or sent.
pub(crate) fn ftp(bytes: &[u8]) {
    static FTP: LazyLock<Ftp> = LazyLock::new(|| {
        let persona = Arc::new(Persona::generate([3; 32], Timestamp::UNIX_EPOCH));
        let rules = LoginRules { accept: vec!["u:p".into()], ..LoginRules::default() };
        let login = Arc::new(LoginPolicy::for_persona(rules, &persona));
        Ftp::new(FtpOptions::default(), login, Machine::new(persona))
    });
    fuzz_ftp(&FTP, bytes);
    cut(&*FTP, bytes);
}

fn cut(protocol: &dyn Protocol, bytes: &[u8]) {
    let size = 1 + bytes.len() % 8;
    assert_eq!(play(protocol, bytes, bytes.len().max(1)), play(protocol, bytes, size), "in pieces of {size}");
}

/// All actions of a conversation, sends joined where nothing stands between them. Deadlines are left out: a dialogue
/// may ask for the same one at every piece.
fn play(protocol: &dyn Protocol, bytes: &[u8], size: usize) -> Vec<Action> {
    let at = Timestamp::UNIX_EPOCH;
    let mut dialogue = protocol.open(Visit {
        session: SessionId::new(at, [0; 10]),
        peer: ([192, 0, 2, 1], 40_000).into(),
        local: ([192, 0, 2, 2], 80).into(),
        at,
        seed: [0; 32],
    });
    let mut out = Actions::new();
    dialogue.start(at, &mut out);
    bytes.chunks(size).for_each(|piece| dialogue.input(at, piece, &mut out));
    dialogue.end_of_input(at, &mut out);
    let mut joined = Actions::new();
    for action in out.take() {
        match action {
            Action::Send(bytes) => joined.send(bytes),
            Action::Wake(_) => {}
            other => joined.push(other),
        }
    }
    joined.take()
}
