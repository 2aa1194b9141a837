//! `curl`, `lftp`, `ftp` and `wget` visit the file server.

use std::sync::Arc;
use std::time::Duration;

use phantom_core::Body;
use phantom_core::event::{Direction, Transfer};
use phantom_core::from_micros;
use phantom_honeypot::ftp::{Ftp, FtpOptions};
use phantom_honeypot::{LoginPolicy, LoginRules, Machine, Persona};

use crate::driver::Server;
use crate::{run, text};

fn server() -> (Server, String) {
    let persona = Arc::new(Persona::generate([3; 32], from_micros(1_760_000_000_000_000)));
    let user = persona.users[0].name.clone();
    let rules = LoginRules { accept: vec![format!("{user}:secret")], ..LoginRules::default() };
    let login = Arc::new(LoginPolicy::for_persona(rules, &persona));
    let options = FtpOptions { failure_delay: Some(Duration::from_millis(1)), ..FtpOptions::default() };
    (Server::start(Arc::new(Ftp::new(options, login, Machine::new(persona)))), user)
}

fn transfers(server: &Server) -> Vec<Transfer> {
    let bodies = server.seen().bodies.into_iter();
    bodies
        .filter_map(|body| if let Body::Transfer(transfer) = body { Some(transfer) } else { None })
        .collect()
}

fn sample(directory: &std::path::Path) -> (String, Vec<u8>, String) {
    let content: Vec<u8> = (0..300_000u32).map(|n| (n * 13 % 253) as u8).collect();
    let file = directory.join("up.bin");
    std::fs::write(&file, &content).unwrap();
    let hash = text(&run("sha256sum", &[file.to_str().unwrap()]).stdout);
    (file.to_str().unwrap().to_owned(), content, hash.split(' ').next().unwrap().to_owned())
}

#[test]
fn lftp_lists_puts_and_gets() {
    let (server, user) = server();
    let directory = tempfile::tempdir().unwrap();
    let (file, content, hash) = sample(directory.path());
    let back = directory.path().join("back.bin");
    let script = format!(
        "set net:max-retries 1; open -u {user},secret -p {} 127.0.0.1; put {file}; ls; get up.bin -o {}; \
         set ftp:passive-mode off; ls; mkdir d; cd d; pwd; cd ..; mv up.bin d/x; cls d; chmod 600 d/x; rm d/x; rmdir d; bye",
        server.address.port(),
        back.display()
    );
    let done = run("lftp", &["-c", &script]);
    assert!(done.status.success(), "{} {:?}", text(&done.stderr), server.seen().bodies);
    assert!(text(&done.stdout).contains("300000"), "{}", text(&done.stdout));
    assert_eq!(std::fs::read(back).unwrap(), content);
    assert_eq!(server.seen().artifacts, [content]);
    let seen: Vec<(Direction, u64, Option<String>)> =
        transfers(&server).into_iter().map(|t| (t.direction, t.bytes, t.sha256)).collect();
    let expected = Some(hash);
    assert_eq!(
        seen,
        [(Direction::Upload, 300_000, expected.clone()), (Direction::Download, 300_000, expected)]
    );
}

#[test]
fn curl_puts_resumes_and_gets_passive_and_active() {
    let (server, user) = server();
    let directory = tempfile::tempdir().unwrap();
    let (file, content, _) = sample(directory.path());
    let account = format!("{user}:secret");
    let url = format!("ftp://{}/up.bin", server.address);
    assert!(run("curl", &["-sS", "-u", &account, "-T", &file, &url]).status.success());
    // The next session finds the machine fresh, so what it gets is what the machine has.
    let passwd = format!("ftp://{}//etc/passwd", server.address);
    for mode in [
        &["--ftp-pasv"][..],
        &["--disable-epsv"],
        &["-P", "127.0.0.1"],
        &["-P", "127.0.0.1", "--disable-eprt"],
    ] {
        let got = run("curl", &[&["-sS", "-u", &account], mode, &[&passwd]].concat());
        assert!(text(&got.stdout).starts_with("root:x:0:0:"), "{mode:?} {}", text(&got.stderr));
    }
    assert_eq!(server.seen().artifacts, [content]);
    let wrong = run("curl", &["-sS", "-u", "root:toor", &url]);
    assert_eq!(wrong.status.code(), Some(67), "{}", text(&wrong.stderr));
}

#[test]
fn ftp_and_wget_come_as_anybody() {
    let (server, user) = server();
    let script = format!(
        "printf 'user {user} secret\\npwd\\nls\\nsize .bashrc\\nget /etc/passwd /dev/null\\nbye\\n' | ftp -n 127.0.0.1 {}",
        server.address.port()
    );
    let done = text(&run("sh", &["-c", &script]).stdout);
    assert!(done.contains(&format!("Remote directory: /home/{user}")), "{done}");
    let url = format!("ftp://127.0.0.1:{}/etc/passwd", server.address.port());
    let got = run("wget", &["-q", "-O", "-", "--user", &user, "--password", "wrong", &url]);
    assert!(!got.status.success());
    let commands = server.seen().bodies.iter().filter(|body| matches!(body, Body::Command(_))).count();
    assert!(commands >= 6, "{:?}", server.seen().bodies);
    assert_eq!(transfers(&server).len(), 1);
}
