//! Transcripts: `>` bytes sent, `<` bytes that must stand in the answer, `!` what is recorded, `X` closed.

use phantom_core::dialogue::{Action, Actions, Dialogue, Protocol, Visit};
use phantom_core::{Body, SessionId, from_micros};
use proptest::prelude::*;

use super::{Http, HttpOptions, fuzz_http};

const AT: i64 = 1_760_000_000_000_000;

fn open() -> Box<dyn Dialogue> {
    let at = from_micros(AT);
    let (peer, local) = (([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], 80).into());
    Http::new(HttpOptions { max_body: 100_000, ..HttpOptions::default() }).open(Visit {
        session: SessionId::new(at, [0; 10]),
        peer,
        local,
        at,
        seed: [0; 32],
    })
}

/// All actions, sends joined where nothing stands between them.
fn play(input: &[u8], chunk: usize) -> Vec<Action> {
    let (mut dialogue, mut out, at) = (open(), Actions::new(), from_micros(AT));
    dialogue.start(at, &mut out);
    input.chunks(chunk).for_each(|piece| dialogue.input(at, piece, &mut out));
    let mut joined = Actions::new();
    for action in out.take() {
        match action {
            Action::Send(bytes) => joined.send(bytes),
            other => joined.push(other),
        }
    }
    joined.take()
}

fn show(actions: &[Action]) -> String {
    let line = |action: &Action| match action {
        Action::Send(bytes) => {
            format!("< {}\n", String::from_utf8_lossy(bytes).replace("\r\n", "|").replace('\n', "|"))
        }
        Action::Record(Body::Request(r)) => {
            format!("! {} {} {} {}\n", r.method, r.target, r.status, r.body_sha256.as_deref().unwrap_or("-"))
        }
        Action::Record(Body::Login(l)) => format!("! {} {}:{}\n", l.method, l.username, l.secret),
        Action::Record(Body::Note(n)) => format!("! note {}\n", n.name),
        Action::Artifact(bytes) => format!("! artifact {}\n", bytes.len()),
        Action::Close => "X\n".to_owned(),
        _ => String::new(),
    };
    actions.iter().map(line).collect()
}

/// Each expected line must begin a line of what happened, in order and none left over; and chunking changes nothing.
fn check(input: impl AsRef<[u8]>, expected: &[&str]) {
    let whole = play(input.as_ref(), usize::MAX);
    let shown = show(&whole);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{shown}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nshould begin\n{expected}");
    }
    for size in 1..=8 {
        assert_eq!(play(input.as_ref(), size), whole, "in pieces of {size}");
    }
}

const OK: &str = "< HTTP/1.1 200 OK|Server: nginx/1.22.1|Date: Thu, 09 Oct 2025 08:53:20 GMT|";
const HI: &str = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

#[test]
fn visits() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["! GET / 200 -", OK]);
    check("GET /\r\n", &["! GET / 200 -", "< <!DOCTYPE html>", "X"]);
    check("GET / HTTP/1.0\r\n\r\n", &["! GET / 200 -", OK, "X"]);
    check("HEAD /n HTTP/1.1\r\nHost: a\r\n\r\n", &["! HEAD /n 404 -", "< HTTP/1.1 404 Not Found|"]);
    check(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nrest",
        &["! GET / 200 -", OK, "! GET /n 404 -", "< HTTP/1.1 404 Not Found|", "X"],
    );
    check("GET /admin HTTP/1.0\r\n\r\n", &["! GET /admin 301 -", "< HTTP/1.1 301 Moved Permanently|", "X"]);
    let not_modified = "GET /robots.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n";
    check(not_modified, &["! GET /robots.txt 304 -", "< HTTP/1.1 304 Not Modified|"]);
}

#[test]
fn credentials_and_bodies() {
    check(
        "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\nuser=a&pass=b%20",
        &["! form a:b ", "! POST /login 200 ", OK],
    );
    let basic = "GET /admin/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dTpw\r\n\r\n";
    check(basic, &["! basic u:p", "! GET /admin/ 401 -", "< HTTP/1.1 401 Unauthorized|"]);
    let put = "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    check(put, &["! artifact 2", &format!("! PUT /x 404 {HI}"), "< HTTP/1.1 404 Not Found|"]);
    let expect = "POST /login HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    check(expect, &["< HTTP/1.1 100 Continue||", &format!("! POST /login 200 {HI}"), OK]);
    let refused = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check(refused, &["! POST / 405 -", "< HTTP/1.1 405 Not Allowed|", "! GET / 200 -", OK]);
    let broken = "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz";
    check(broken, &["! POST /login 400 -", "< HTTP/1.1 400 Bad Request|", "X"]);
    let large = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\nhi";
    check(large, &["! POST /login 413 -", "< HTTP/1.1 413 Request Entity Too Large|"]);
    let mut chunks =
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n".to_vec();
    chunks.extend_from_slice(&[b'x'; 100_001]);
    check(
        chunks,
        &["! note oversized_body", "! POST /login 413 ", "< HTTP/1.1 413 Request Entity Too Large|"],
    );
}

#[test]
fn refusals() {
    let bad = "< HTTP/1.1 400 Bad Request|";
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2x\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET / HTTP/9", 505),
    ] {
        let shown = show(&play(head.as_bytes(), usize::MAX));
        assert!(
            shown.contains(&format!(" {status} -\n< HTTP/1.1 {status} ")) && shown.ends_with("X\n"),
            "{shown}"
        );
        (1..=8).for_each(|size| assert_eq!(show(&play(head.as_bytes(), size)), shown));
    }
    check(b"\x16\x03\x01\x02\x00", &["! note garbage", "!   400 -", bad, "X"]);
    let long = [b"GET /".as_slice(), &[b'a'; 9000]].concat();
    check(long, &["! note oversized_line", "! GET /aaa", "< HTTP/1.1 414 Request-URI Too Large|", "X"]);
    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 9000]].concat();
    check(long, &["! note oversized_line", "! GET / 400 -", bad, "X"]);
    let many =
        [b"GET / HTTP/1.1\r\n".as_slice(), &b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1500)].concat();
    check(many, &["! note oversized_line", "! GET / 400 -", bad, "X"]);
}

#[test]
fn a_line_without_end_costs_nothing() {
    let (mut dialogue, mut out, at) = (open(), Actions::new(), from_micros(AT));
    let piece = vec![b'A'; 1 << 20];
    for _ in 0..64 {
        dialogue.input(at, &piece, &mut out);
    }
    let kinds = show(out.as_slice());
    assert!(kinds.starts_with("! note oversized_line\n") && kinds.ends_with("X\n"), "{kinds}");
}

/// What is recorded and sent when the alarm asked for rings again and again.
fn wait(input: &str) -> (String, i64) {
    let (mut dialogue, mut out, mut at) = (open(), Actions::new(), from_micros(AT));
    dialogue.start(at, &mut out);
    dialogue.input(at, input.as_bytes(), &mut out);
    let mut shown = String::new();
    for _ in 0..10 {
        let actions = out.take();
        shown.push_str(&show(&actions));
        let next = actions.iter().rev().find_map(|a| if let Action::Wake(at) = a { Some(*at) } else { None });
        let Some(Some(next)) = next else { break };
        at = next;
        dialogue.wake(at, &mut out);
    }
    (shown, (at.as_microsecond() - AT) / 1000)
}

#[test]
fn timeouts_are_those_of_nginx() {
    assert_eq!(wait("\r\n"), ("X\n".to_owned(), 60_000));
    assert_eq!(wait("GET / HTTP/1.1\r\nHost: a\r\n"), ("! GET / 408 -\nX\n".to_owned(), 60_000));
    let body = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhi";
    assert_eq!(wait(body), (format!("! POST /login 408 {HI}\nX\n"), 60_000));
    let (shown, after) = wait("GET /.. HTTP/1.1\r\n");
    assert!(shown.starts_with("! GET /.. 400 -\n< HTTP/1.1 400 "), "{shown}");
    assert_eq!(after, 200);
    let (shown, after) = wait("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(shown.ends_with("X\n"), "{shown}");
    assert_eq!(after, 75_000);
    let (_, after) = wait("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n");
    assert_eq!(after, 5_000);
}

#[test]
fn half_a_request_is_evidence() {
    for (input, expected) in [
        ("", "X\n"),
        ("GET / HT", "! GET / 400 -\nX\n"),
        ("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhi", "! POST /login 400 "),
    ] {
        let (mut dialogue, mut out, at) = (open(), Actions::new(), from_micros(AT));
        if !input.is_empty() {
            dialogue.input(at, input.as_bytes(), &mut out);
        }
        dialogue.end_of_input(at, &mut out);
        let shown = show(out.as_slice());
        assert!(shown.starts_with(expected) && shown.ends_with("X\n"), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>, size in 1usize..9) {
        fuzz_http(&bytes);
        prop_assert_eq!(play(&bytes, size), play(&bytes, usize::MAX));
    }

    #[test]
    fn bytes_behind_a_good_start(bytes: Vec<u8>, size in 1usize..9) {
        let input = [b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(), &bytes].concat();
        prop_assert_eq!(play(&input, size), play(&input, usize::MAX));
    }
}
