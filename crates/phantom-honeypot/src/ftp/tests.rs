//! Transcripts: `>` a line sent, `<` what is answered, `!` what is recorded, `~` what is asked of the host.

use std::sync::Arc;
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, Protocol, SideEvent, Visit};
use phantom_core::{Body, SessionId, from_micros};
use proptest::prelude::*;

use super::{Ftp, FtpOptions, fuzz_ftp};
use crate::{LoginPolicy, LoginRules, Machine, Persona};

const AT: i64 = 1_760_000_000_000_000;

fn server() -> Ftp {
    let persona = Arc::new(Persona::generate([3; 32], from_micros(AT)));
    let rules = LoginRules { accept: vec!["u:p".into()], ..LoginRules::default() };
    Ftp::new(
        FtpOptions::default(),
        Arc::new(LoginPolicy::for_persona(rules, &persona)),
        Machine::new(persona),
    )
}

fn open(ftp: &Ftp) -> Box<dyn Dialogue> {
    let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], 21).into());
    let at = from_micros(AT);
    ftp.open(Visit { session: SessionId::new(at, [0; 10]), peer, local, at, seed: [0; 32] })
}

fn show(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::Send(bytes) => {
            format!("< {}\n", String::from_utf8_lossy(bytes).trim_end().replace("\r\n", "|"))
        }
        Action::Record(Body::Command(c)) => format!("! {} {}\n", c.line, c.accepted),
        Action::Record(Body::Login(l)) => format!("! login {}:{} {}\n", l.username, l.secret, l.accepted),
        Action::Record(Body::Transfer(t)) => format!("! {:?} {} {}\n", t.direction, t.name, t.bytes),
        Action::Record(Body::Note(n)) => format!("! note {}\n", n.name),
        Action::Artifact(bytes) => format!("! artifact {}\n", bytes.len()),
        Action::SideSend(bytes) => format!("~ {}\n", String::from_utf8_lossy(bytes).trim_end()),
        Action::Pause(span) => format!("~ pause {}\n", span.as_millis()),
        Action::Listen => "~ listen\n".to_owned(),
        Action::Connect(port) => format!("~ connect {port}\n"),
        Action::SideClose => "~ close\n".to_owned(),
        Action::Close => "X\n".to_owned(),
        _ => String::new(),
    };
    actions.iter().map(line).collect()
}

/// Plays lines starting with `>` (a line sent) or `~>` (a side event: `listening`, `connected`, `ended`, `failed`,
/// anything else bytes) and compares everything between them.
fn check(transcript: &str) {
    for size in [usize::MAX, 1, 2, 3, 4, 5, 6, 7, 8] {
        assert_eq!(play(transcript, size), transcript.trim_start(), "in pieces of {size}");
    }
}

fn play(transcript: &str, size: usize) -> String {
    let (ftp, at) = (server(), from_micros(AT));
    let (mut dialogue, mut out) = (open(&ftp), Actions::new());
    dialogue.start(at, &mut out);
    out.take();
    let mut shown = String::new();
    for line in transcript.lines() {
        if let Some(sent) = line.strip_prefix("> ") {
            format!("{sent}\r\n")
                .as_bytes()
                .chunks(size)
                .for_each(|piece| dialogue.input(at, piece, &mut out));
        } else if let Some(event) = line.strip_prefix("~> ") {
            let event = match event {
                "listening" => SideEvent::Listening(([192, 0, 2, 2], 50_000).into()),
                "connected" => SideEvent::Connected,
                "drained" => SideEvent::Drained,
                "ended" => SideEvent::Ended,
                "failed" => SideEvent::Failed,
                bytes => SideEvent::Bytes(bytes.as_bytes()),
            };
            dialogue.side(at, event, &mut out);
        } else {
            continue;
        }
        shown.push_str(&format!("{line}\n{}", show(&out.take())));
    }
    shown
}

const LOGIN: &str = "
> USER u
! USER u true
< 331 Please specify the password.
> PASS p
! login u:p true
< 230 Login successful.
";

#[test]
fn three_failures_end_it() {
    check(
        "
> LIST
! LIST true
< 530 Please login with USER and PASS.
> PASS x
! login :x false
< 503 Login with USER first.
> USER root
! USER root true
< 331 Please specify the password.
> PASS a
! login root:a false
~ pause 2700
< 530 Login incorrect.
> USER u
! USER u true
< 331 Please specify the password.
> PASS b
! login u:b false
~ pause 2700
< 530 Login incorrect.
> USER u
! USER u true
< 331 Please specify the password.
> PASS c
! login u:c false
~ pause 2700
< 530 Login incorrect.
X
> USER u
",
    );
}

#[test]
fn a_file_goes_up_and_comes_back() {
    let rest = "> EPSV
! EPSV true
~ listen
~> listening
< 229 Entering Extended Passive Mode (|||50000|)
> STOR f
! STOR f true
> NOOP
~> connected
< 150 Ok to send data.
~> hello
~> ended
! artifact 5
! Upload f 5
~ close
< 226 Transfer complete.
! NOOP true
< 200 NOOP ok.
> REST 2
! REST 2 true
< 350 Restart position accepted (2).
> PORT 192,0,2,1,200,80
! PORT 192,0,2,1,200,80 true
< 200 PORT command successful. Consider using PASV.
> RETR f
! RETR f true
~ connect 51280
~> connected
! Download f 3
< 150 Opening BINARY mode data connection for f (5 bytes).
~ llo
~ close
< 226 Transfer complete.
> PASV
! PASV true
~ listen
~> listening
< 227 Entering Passive Mode (192,0,2,2,195,80).
~> connected
> LIST f
! LIST f true
< 150 Here comes the directory listing.
~ -rw-r--r--    1 1003     1003            5 Oct 09 08:53 f
~ close
< 226 Directory send OK.
> LIST
! LIST true
< 425 Use PORT or PASV first.
";
    let transcript = format!("{LOGIN}{rest}");
    let owner = play(&transcript, usize::MAX);
    // The number of the made-up account depends on the persona; everything else is exact.
    let uid = owner.split("    1 ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    check(&transcript.replace("1003     1003", &format!("{uid}     {uid}")));
}

#[test]
fn nobody_else_is_reached() {
    let rest = "> PORT 192,0,2,9,200,80
! PORT 192,0,2,9,200,80 true
! note ftp_bounce
< 500 Illegal PORT command.
> PORT 192,0,2,1,0,22
! PORT 192,0,2,1,0,22 true
! note ftp_bounce
< 500 Illegal PORT command.
> PORT 1,2
! PORT 1,2 true
< 500 Illegal PORT command.
> EPRT |1|10.0.0.1|50001|
! EPRT |1|10.0.0.1|50001| true
! note ftp_bounce
< 500 Illegal EPRT command.
> EPRT |2|::1|50001|
! EPRT |2|::1|50001| true
< 500 Bad EPRT protocol.
> RETR /etc/passwd
! RETR /etc/passwd true
< 425 Use PORT or PASV first.
> EPRT |1|192.0.2.1|50001|
! EPRT |1|192.0.2.1|50001| true
< 200 EPRT command successful. Consider using EPSV.
> RETR /etc/passwd
! RETR /etc/passwd true
~ connect 50001
~> failed
< 425 Failed to establish connection.
> FOO
! FOO false
< 500 Unknown command.
";
    check(&format!("{LOGIN}{rest}"));
}

#[test]
fn an_anonymous_visitor_is_kept_in() {
    check(
        "
> USER anonymous
! USER anonymous true
< 331 Please specify the password.
> PASS a@
! login anonymous:a@ true
< 230 Login successful.
> CWD ../../etc
! CWD ../../etc true
< 550 Failed to change directory.
> CDUP
! CDUP true
< 250 Directory successfully changed.
> PWD
! PWD true
< 257 \"/\" is the current directory
> SIZE ../../etc/passwd
! SIZE ../../etc/passwd true
< 550 Could not get file size.
> DELE x
! DELE x true
< 550 Permission denied.
",
    );
}

#[test]
fn lines_have_vsftpds_length() {
    for (length, fine) in [(4094, true), (4095, false), (64 << 20, false)] {
        let (ftp, at) = (server(), from_micros(AT));
        let (mut dialogue, mut out) = (open(&ftp), Actions::new());
        let line = [vec![b'A'; length], b"\r\n".to_vec()].concat();
        line.chunks(1 << 20).for_each(|piece| dialogue.input(at, piece, &mut out));
        let shown = show(out.as_slice());
        if fine {
            assert!(shown.ends_with("false\n< 530 Please login with USER and PASS.\n"), "{shown}");
        } else {
            assert_eq!(shown, "! note oversized_line\n< 500 Input line too long.\nX\n");
        }
    }
}

#[test]
fn silence_ends_it_after_300_seconds() {
    let (ftp, at) = (server(), from_micros(AT));
    let (mut dialogue, mut out) = (open(&ftp), Actions::new());
    dialogue.start(at, &mut out);
    dialogue.input(at, b"half a line", &mut out);
    out.take();
    dialogue.wake(at.checked_add(Duration::from_secs(299)).unwrap(), &mut out);
    assert_eq!(show(&out.take()), "");
    dialogue.wake(at.checked_add(Duration::from_secs(300)).unwrap(), &mut out);
    assert_eq!(show(&out.take()), "< 421 Timeout.\nX\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        fuzz_ftp(&server(), &bytes);
    }

    #[test]
    fn any_commands(lines in proptest::collection::vec("(USER u|PASS p|PASV|EPSV|LIST|STOR [a-c]|RETR [a-c]|APPE a|CWD [a-z./]{0,6}|MKD [a-c]|REST [0-9]|RNFR a|RNTO b|SITE CHMOD 600 a|MDTM a|STOU|ABOR|[A-Z ]{0,6})", 0..30)) {
        let script = format!("USER u\r\nPASS p\r\n{}\r\n", lines.join("\r\n"));
        prop_assert!(fuzz_ftp(&server(), script.as_bytes()) > 4);
    }
}
