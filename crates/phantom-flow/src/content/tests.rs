use super::*;
use proptest::prelude::*;

/// Plays a conversation (`true` is from the initiator) in pieces of `size` and says what came of it.
fn play(talk: &[(bool, &[u8])], size: usize) -> (Option<App>, Counts) {
    let mut content = Content::new();
    let (mut app, mut counts) = (None, Counts::default());
    for (from_initiator, bytes) in talk {
        for piece in bytes.chunks(size) {
            let (found, more) = content.feed(*from_initiator, false, piece);
            app = app.or(found);
            counts.add(more);
        }
    }
    (app, counts)
}

fn check(talk: &[(bool, &[u8])], app: Option<App>, http_requests: u32, login_failures: u32) {
    let expected = (app, Counts { http_requests, login_failures });
    for size in (1..=8).chain([20, usize::MAX]) {
        assert_eq!(play(talk, size), expected, "pieces of {size}");
    }
}

#[test]
fn applications_are_told_by_content() {
    check(&[(false, b"SSH-2.0-OpenSSH_9.2p1\r\n")], Some(App::Ssh), 0, 0);
    check(&[(true, b"SSH-1.99-x\r\n")], Some(App::Ssh), 0, 0);
    check(&[(true, b"SSH-3.0-x\r\n")], None, 0, 0);
    check(&[(true, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc])], Some(App::Tls), 0, 0);
    check(&[(true, &[0x16, 3, 1, 0xff, 0, 1, 0, 1, 0xfc])], None, 0, 0);
    check(&[(false, &[0xff, 0xfd, 0x18, 0xff, 0xfd, 0x20])], Some(App::Telnet), 0, 0);
    check(&[(false, b"220 mail ESMTP Postfix\r\n")], Some(App::Smtp), 0, 0);
    check(&[(false, b"220 hello\r\n"), (true, b"EHLO me\r\n")], Some(App::Smtp), 0, 0);
    check(&[(false, b"220 hello\r\n"), (true, b"USER me\r\n")], Some(App::Ftp), 0, 0);
    check(&[(false, b"220 (vsFTPd 3.0.3)\r\n")], Some(App::Ftp), 0, 0);
    check(&[(true, b"OPTIONS sip:nm SIP/2.0\r\n")], None, 0, 0);
    check(&[(true, b"GET http://a/ HTTP/1.0\r\n\r\n")], Some(App::Http), 1, 0);
    check(&[(true, b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n")], Some(App::Http), 1, 0);
    check(&[(true, &[b'x'; 100]), (false, &[b'y'; 100]), (false, b"SSH-2.0-late")], None, 0, 0);
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
    assert_eq!(datagram(query), Some(App::Dns));
    assert_eq!(datagram(&query[..query.len() - 3]), None);
    assert_eq!(datagram(&[0; 40]), None);
    check(&[(true, &[&[0, 29], &query[..]].concat())], Some(App::Dns), 0, 0);
}

#[test]
fn requests_count_and_bodies_do_not() {
    let get = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    check(&[(true, &get.repeat(3))], Some(App::Http), 3, 0);
    let posted =
        b"POST /a HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n";
    check(&[(true, posted)], Some(App::Http), 2, 0);
    let chunked = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n12;x=y\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    check(&[(true, chunked)], Some(App::Http), 2, 0);
    let long = [b"GET /", &[b'a'; 9000][..], b" HTTP/1.1\r\n\r\n"].concat();
    check(&[(true, &long)], Some(App::Http), 1, 0);
    check(&[(true, b"GET / HTTP/1.1\r\n\r\n\r\n\r\nHEAD / HTTP/1.1\r\n\r\n")], Some(App::Http), 2, 0);
    check(&[(true, b"GET /only-begun")], Some(App::Http), 0, 0);
    check(&[(true, b"GET / nonsense\r\n")], Some(App::Http), 0, 0);
}

#[test]
fn a_refused_login_is_no_challenge() {
    let refused: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\n";
    let plain: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    let basic: &[u8] = b"GET / HTTP/1.1\r\nauthorization: Basic YTpi\r\n\r\n";
    let form: &[u8] = b"POST /login HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b";
    check(&[(true, plain), (false, refused)], Some(App::Http), 1, 0);
    check(&[(true, basic), (false, refused)], Some(App::Http), 1, 1);
    check(&[(true, form), (false, refused)], Some(App::Http), 1, 1);
    check(&[(true, &[plain, basic, plain].concat()), (false, &refused.repeat(3))], Some(App::Http), 3, 1);
    // Only the answers were captured.
    check(&[(false, &refused.repeat(2))], Some(App::Http), 0, 2);
    let interim: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    check(&[(true, form), (false, interim)], Some(App::Http), 1, 1);
    let head: &[u8] = b"HEAD / HTTP/1.1\r\n\r\n";
    let bodiless: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    let unchanged: &[u8] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n";
    check(
        &[(true, &[head, plain, basic].concat()), (false, &[bodiless, unchanged, refused].concat())],
        Some(App::Http),
        3,
        1,
    );
    let quoting = b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\nx HTTP/1.1 401 Unauthorized";
    check(&[(true, basic), (false, quoting)], Some(App::Http), 1, 0);
}

#[test]
fn http_is_picked_up_after_a_hole() {
    let mut content = Content::new();
    let mut feed = |from, hole, bytes: &[u8]| content.feed(from, hole, bytes).1;
    let count = |http_requests, login_failures| Counts { http_requests, login_failures };
    let get: &[u8] = b"GET / HTTP/1.1\r\nAuthorization: x\r\n\r\n";
    assert_eq!(feed(true, false, get), count(1, 0));
    assert_eq!(feed(true, true, b"rest of something\r\n\r\n"), count(0, 0));
    assert_eq!(feed(true, false, get), count(1, 0));
    assert_eq!(feed(false, true, b"HTTP/1.1 401 No\r\n\r\nuntil close"), count(0, 1));
    assert_eq!(feed(false, false, b"still the body HTTP/1.1 401 No\r\n\r\n"), count(0, 0));
    assert_eq!(feed(false, false, b"HTTP/1.1 101 Switching\r\n\r\n\x81\x05hello"), count(0, 0));
}

#[test]
fn ftp_refusals_answer_passwords() {
    let greeting: (bool, &[u8]) = (false, b"220 (vsFTPd 3.0.3)\r\n");
    let turn = |command: &'static [u8], reply: &'static [u8]| [(true, command), (false, reply)];
    let asked = turn(b"USER root\r\n", b"331 Please specify the password.\r\n");
    let refused = turn(b"PASS x\r\n", b"530 Login incorrect.\r\n");
    let talk = |turns: &[[(bool, &'static [u8]); 2]]| [&[greeting], turns.concat().as_slice()].concat();
    check(&talk(&[asked, refused, asked, refused]), Some(App::Ftp), 0, 2);
    // Nobody is logged in, and nobody tried.
    check(&talk(&[turn(b"SYST\r\n", b"530 Please login with USER and PASS.\r\n")]), Some(App::Ftp), 0, 0);
    check(
        &talk(&[turn(b"USER root\r\n", b"530 This FTP server is anonymous only.\r\n")]),
        Some(App::Ftp),
        0,
        1,
    );
    check(&talk(&[asked, turn(b"PASS x\r\n", b"530-Sorry,\r\n530 no.\r\n")]), Some(App::Ftp), 0, 1);
    check(&talk(&[asked, turn(b"PASS x\r\n", b"230 Login successful.\r\n")]), Some(App::Ftp), 0, 0);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_cut_matters(start in 0..6usize, out: Vec<u8>, back: Vec<u8>, size in 1..9usize) {
        let start: (&[u8], &[u8]) = [
            (&b""[..], &b""[..]),
            (b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"),
            (b"USER x\r\nPASS y\r\n", b"220 x\r\n"),
            (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 401 x\r\nContent-Length: 5\r\n\r\n"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 401 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (b"\0\x20", b"\xff\xfd"),
        ][start];
        let (out, back) = ([start.0, &out].concat(), [start.1, &back].concat());
        let talk = [(true, &out[..]), (false, &back[..])];
        prop_assert_eq!(play(&talk, size), play(&talk, usize::MAX));
    }
}
