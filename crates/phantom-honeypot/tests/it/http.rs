//! `curl` and `wget` visit the web server.

use std::sync::Arc;

use phantom_core::Body;
use phantom_core::event::{Login, Request};
use phantom_honeypot::http::Http;

use crate::driver::Server;
use crate::{run, text};

fn requests(server: &Server) -> Vec<Request> {
    let bodies = server.seen().bodies.into_iter();
    bodies.filter_map(|body| if let Body::Request(request) = body { Some(request) } else { None }).collect()
}

fn logins(server: &Server) -> Vec<Login> {
    let bodies = server.seen().bodies.into_iter();
    bodies.filter_map(|body| if let Body::Login(login) = body { Some(login) } else { None }).collect()
}

#[test]
fn curl_gets_heads_and_posts() {
    let server = Server::start(Arc::new(Http::default()));
    let url = format!("http://{}", server.address);
    let page = run("curl", &["-sS", "-i", &url, &format!("{url}/robots.txt")]);
    let page = text(&page.stdout);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: "), "{page}");
    assert!(page.contains("Facility desk") && page.contains("Disallow: /admin/"), "{page}");
    let head = text(&run("curl", &["-sS", "-I", &url]).stdout);
    assert!(head.contains("Accept-Ranges: bytes\r\n"), "{head}");
    let login = format!("{url}/login");
    run("curl", &["-sS", "-d", "username=admin&password=p%40ss", &login]);
    run("curl", &["-sS", "-u", "root:toor", &format!("{url}/admin/")]);
    let statuses: Vec<u16> = requests(&server).iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 401]);
    let seen: Vec<(String, String, String)> = logins(&server)
        .iter()
        .map(|l| (l.method.clone(), text(l.username.as_bytes()), text(l.secret.as_bytes())))
        .collect();
    let expected = [("form", "admin", "p@ss"), ("basic", "root", "toor")];
    assert_eq!(seen, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[test]
fn curl_uploads_with_a_hash() {
    let server = Server::start(Arc::new(Http::default()));
    let content: Vec<u8> = (0..2_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("up.bin");
    std::fs::write(&file, &content).unwrap();
    let data = format!("@{}", file.display());
    let url = format!("http://{}/login", server.address);
    // Longer than 1 MiB: curl asks with "Expect: 100-continue" first.
    run("curl", &["-sS", "--data-binary", &data, &url]);
    run("curl", &["-sS", "-H", "Transfer-Encoding: chunked", "--data-binary", &data, &url]);
    let expected = text(&run("sha256sum", &[file.to_str().unwrap()]).stdout);
    let expected = expected.split(' ').next().map(str::to_owned);
    let requests = requests(&server);
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!((request.status, &request.body_sha256), (200, &expected));
    }
    assert!(server.seen().artifacts.iter().all(|artifact| *artifact == content));
    assert_eq!(server.seen().artifacts.len(), 2);
}

#[test]
fn wget_mirrors_the_site() {
    let server = Server::start(Arc::new(Http::default()));
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().to_str().unwrap();
    let got = run("wget", &["-q", "-r", "-nH", "-P", target, &format!("http://{}/", server.address)]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    for name in ["index.html", "hours.html", "assets/desk.css", "robots.txt"] {
        assert!(directory.path().join(name).exists(), "{name}");
    }
}
