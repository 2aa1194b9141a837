//! Who may do what, and who may not.

use phantom_core::Timestamp;
use phantom_store::{AuditRow, NewToken, Paging, Role};
use serde_json::{Value, json};

use crate::schema::hold;
use crate::seed::PASSWORD;
use crate::world::{Answer, World};

const LOGIN: &str = "/api/v1/auth/login";
const CSRF: (&str, &str) = ("x-phantomnet-csrf", "1");

fn login(world: &World, user: &str, password: &str) -> Answer {
    world.send("POST", LOGIN, &[], Some(json!({"username": user, "password": password})))
}

fn trail(world: &World) -> Vec<AuditRow> {
    world.store.audit(&Paging::default()).unwrap().items
}

#[test]
fn every_path_but_the_open_ones_wants_a_login() {
    let world = World::new();
    let document = phantom_api::openapi();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            let asked = path.replace("{id}", "1").replace("{ip}", "192.0.2.1").replace("{name}", "x");
            let answer =
                world.send(&method.to_uppercase(), &asked, &[], (method != "get").then(|| json!({})));
            if open {
                assert_ne!(answer.status, 401, "{method} {path}");
            } else {
                answer.problem(401, "unauthorised");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }
}

#[test]
fn viewers_cannot_change_what_others_see() {
    let world = World::new();
    let viewer = world.token(Role::Viewer);
    let analyst = world.token(Role::Analyst);
    let nil = "00000000-0000-7000-8000-000000000000";
    let for_analysts = [
        ("PATCH", format!("/api/v1/alerts/{nil}"), json!({"status": "open"})),
        ("POST", "/api/v1/blocks".to_owned(), json!({"ip": "192.0.2.1", "why": "x"})),
        ("DELETE", "/api/v1/blocks/192.0.2.1".to_owned(), Value::Null),
    ];
    for (method, path, body) in for_analysts {
        world.change(&viewer, method, &path, Some(body)).problem(403, "forbidden");
    }
    assert!(world.node.blocked.lock().unwrap().is_empty());
    let user = json!({"name": "eve", "password": PASSWORD, "role": "admin"});
    for token in [&viewer, &analyst] {
        world.get(token, "/api/v1/users").problem(403, "forbidden");
        world.get(token, "/api/v1/audit").problem(403, "forbidden");
        world.change(token, "POST", "/api/v1/users", Some(user.clone())).problem(403, "forbidden");
        world.change(token, "DELETE", "/api/v1/users/viewer", None).problem(403, "forbidden");
        let body = json!({"password": "another password"});
        world.change(token, "PUT", "/api/v1/users/admin/password", Some(body)).problem(403, "forbidden");
        let body = json!({"name": "x", "role": "admin"});
        world.change(token, "POST", "/api/v1/tokens", Some(body)).problem(403, "forbidden");
    }
    assert!(world.store.user("eve").unwrap().is_none());
}

#[test]
fn wrong_tokens_are_refused() {
    let world = World::new();
    let me = "/api/v1/auth/me";
    world.get("pnt_wrong", me).problem(401, "unauthorised");
    world.send("GET", me, &[("authorization", "Basic eDp5")], None).problem(401, "unauthorised");
    let token = world.token(Role::Viewer);
    // Neither kind of secret works in the other's place.
    world
        .send("GET", me, &[("cookie", &format!("phantomnet_session={token}"))], None)
        .problem(401, "unauthorised");
    let cookie = world.cookie("viewer");
    world.get(cookie.split_once('=').unwrap().1, me).problem(401, "unauthorised");
    let (secret, hash) = phantom_api::new_token().unwrap();
    let now = Timestamp::now();
    let expired = NewToken {
        hash,
        name: "old".to_owned(),
        user: None,
        role: Role::Admin,
        created: now.checked_sub(std::time::Duration::from_secs(9)).unwrap(),
        expires: now.checked_sub(std::time::Duration::from_secs(1)).ok(),
        browser: false,
    };
    world.store.add_token(&expired).unwrap();
    world.get(&secret, me).problem(401, "unauthorised");
}

#[test]
fn a_browser_logs_in_and_out() {
    let world = World::new();
    let answer = login(&world, "analyst", PASSWORD);
    hold(&phantom_api::openapi(), "post", LOGIN, 200, &answer.json());
    let set = answer.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"), "{set}");
    assert!(!set.contains("Secure"));
    let cookie = set.split(';').next().unwrap();
    let me = world.send("GET", "/api/v1/auth/me", &[("cookie", cookie)], None).json();
    assert_eq!(me, json!({"name": "analyst", "role": "analyst", "browser": true}));
    let out = world.send("POST", "/api/v1/auth/logout", &[("cookie", cookie), CSRF], None);
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    world.send("GET", "/api/v1/auth/me", &[("cookie", cookie)], None).problem(401, "unauthorised");
    let actions: Vec<String> = trail(&world).into_iter().map(|row| row.action).collect();
    assert_eq!(actions, ["POST /api/v1/auth/logout", "login"]);
}

#[test]
fn the_cookie_is_secure_over_tls() {
    let world = World::with(phantom_api::ApiSettings { tls: true, ..Default::default() });
    assert!(login(&world, "viewer", PASSWORD).header("set-cookie").ends_with("; Secure"));
}

#[test]
fn another_sites_requests_are_refused() {
    let world = World::new();
    let cookie = world.cookie("admin");
    let own = format!("http://{}", world.address);
    let block = |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers);
        world.send("POST", "/api/v1/blocks", &all, Some(json!({"ip": "192.0.2.1", "why": "x"})))
    };
    block(&[]).problem(403, "csrf");
    block(&[("origin", &own)]).problem(403, "csrf");
    block(&[CSRF, ("origin", "http://evil.example")]).problem(403, "csrf");
    block(&[CSRF, ("origin", "null")]).problem(403, "csrf");
    assert!(world.node.blocked.lock().unwrap().is_empty());
    assert_eq!(block(&[CSRF, ("origin", &own)]).status, 201);
    let body = json!({"username": "admin", "password": PASSWORD});
    world.send("POST", LOGIN, &[("origin", "http://evil.example")], Some(body)).problem(403, "csrf");
}

#[test]
fn a_rebound_name_is_refused() {
    let world = World::new();
    let ask = |host: &str| world.send("GET", "/api/health", &[("host", host)], None);
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "pot.example.evil"]
    {
        ask(host).problem(421, "unknown-host");
    }
    for host in ["localhost:8000", "127.0.0.1", "[::1]:8000", "POT.example:8000", "192.0.2.1"] {
        assert_eq!(ask(host).status, 200, "{host}");
    }
}

#[test]
fn guessing_is_slowed_and_recorded() {
    let world = World::new();
    for _ in 0..3 {
        login(&world, "admin", "not the password").problem(401, "unauthorised");
    }
    login(&world, "nobody\u{1b}[2J", "not the password").problem(401, "unauthorised");
    assert_eq!(login(&world, "admin", PASSWORD).status, 200);
    login(&world, "admin", "not the password").problem(401, "unauthorised");
    let refused = login(&world, "admin", PASSWORD);
    refused.problem(429, "throttled");
    assert!((1..=11).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    let rows = trail(&world);
    let failed: Vec<&AuditRow> = rows.iter().filter(|row| row.action == "login_failed").collect();
    assert_eq!(failed.len(), 5);
    assert!(failed.iter().all(|row| row.detail == "from 127.0.0.1"));
    assert!(failed.iter().any(|row| row.actor == "nobody\\x1b[2J"), "{failed:?}");
}

#[test]
fn users_come_and_go() {
    let world = World::new();
    let document = phantom_api::openapi();
    let admin = world.token(Role::Admin);
    let new = |name: &str, password: &str| {
        let body = json!({"name": name, "password": password, "role": "viewer"});
        world.change(&admin, "POST", "/api/v1/users", Some(body))
    };
    let made = new("eve", "eve's own password");
    assert_eq!(made.status, 201, "{}", made.text);
    hold(&document, "post", "/api/v1/users", 201, &made.json());
    assert!(!made.text.contains("argon2"));
    new("eve", "eve's own password").problem(409, "refused");
    new("Eve Il", "eve's own password").problem(400, "invalid-request");
    new("mallory", "short").problem(400, "invalid-request");
    let cookie = {
        let answer = login(&world, "eve", "eve's own password");
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    };
    let set =
        |body| world.send("PUT", "/api/v1/users/eve/password", &[("cookie", &cookie), CSRF], Some(body));
    set(json!({"password": "eve's new password"})).problem(400, "invalid-request");
    set(json!({"password": "eve's new password", "current": "wrong password"})).problem(403, "forbidden");
    assert_eq!(set(json!({"password": "eve's new password", "current": "eve's own password"})).status, 204);
    world.send("GET", "/api/v1/auth/me", &[("cookie", &cookie)], None).problem(401, "unauthorised");
    login(&world, "eve", "eve's own password").problem(401, "unauthorised");
    assert_eq!(login(&world, "eve", "eve's new password").status, 200);
    assert_eq!(world.change(&admin, "DELETE", "/api/v1/users/eve", None).status, 204);
    world.change(&admin, "DELETE", "/api/v1/users/eve", None).problem(404, "not-found");
    world.change(&admin, "DELETE", "/api/v1/users/admin", None).problem(409, "refused");
    assert!(trail(&world).iter().any(|row| row.action == "DELETE /api/v1/users/{name}"
        && row.target == "/api/v1/users/eve"
        && row.actor == "token:t-admin"
        && row.detail == "from 127.0.0.1, status 204"));
}

#[test]
fn tokens_are_made_listed_and_revoked_by_their_owner() {
    let world = World::new();
    let document = phantom_api::openapi();
    let (own, other) = (world.cookie("analyst"), world.cookie("viewer"));
    let send = |cookie: &str, method: &str, path: &str, body| {
        world.send(method, path, &[("cookie", cookie), CSRF], body)
    };
    let body = json!({"name": "ci", "role": "viewer", "lasts": "90d"});
    let made = send(&own, "POST", "/api/v1/tokens", Some(body));
    hold(&document, "post", "/api/v1/tokens", 201, &made.json());
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        world.get(&secret, "/api/v1/auth/me").json(),
        json!({"name": "token:ci", "role": "viewer", "browser": false})
    );
    let listed = |cookie: &str| send(cookie, "GET", "/api/v1/tokens", None).text;
    assert!(listed(&own).contains("\"ci\"") && !listed(&own).contains(&secret));
    assert!(!listed(&other).contains("\"ci\""));
    let path = format!("/api/v1/tokens/{}", made.json()["id"]);
    send(&other, "DELETE", &path, None).problem(404, "not-found");
    assert_eq!(send(&own, "DELETE", &path, None).status, 204);
    world.get(&secret, "/api/v1/auth/me").problem(401, "unauthorised");
    for body in
        [json!({"name": "", "role": "viewer"}), json!({"name": "x", "role": "viewer", "lasts": "ever"})]
    {
        send(&own, "POST", "/api/v1/tokens", Some(body)).problem(400, "invalid-request");
    }
}
