//! What the wire shows.

use phantom_core::event::Severity;
use phantom_detect::Input;
use phantom_flow::FlowNotice;

use super::{SECOND, START, alerts, attempt, closed, engine, key, rules, talk};

const IP: &str = "198.51.100.7";

fn scan(ports: u16, apart: i64, state: &str) -> Vec<Input> {
    (1..=ports).map(|port| closed(attempt(IP, port, i64::from(port) * apart, state))).collect()
}

#[test]
fn fifteen_refused_or_silent_ports_are_a_scan() {
    for state in ["S0", "REJ", "RSTO", "RSTOS0"] {
        let out = engine().step(&scan(1000, SECOND / 100, state));
        assert_eq!(rules(&out), ["port_scan"], "{state}");
        let (event, alert) = alerts(&out)[0];
        assert_eq!(
            (alert.count, alert.severity, alert.technique[0].as_str()),
            (15, Severity::Medium, "T1046")
        );
        assert_eq!(event.dst.unwrap().ip.to_string(), "192.0.2.1");
        assert!(alert.evidence[1].text.ends_with("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"));
        assert!(rules(&engine().step(&scan(14, SECOND / 100, state))).is_empty(), "fourteen are not");
    }
}

#[test]
fn a_scan_grows_in_the_score_and_stays_below_high() {
    let mut engine = engine();
    engine.step(&scan(2000, SECOND / 100, "REJ"));
    let source = engine.sources().pop().unwrap();
    assert_eq!(source.level, Severity::Medium);
    assert!(source.reasons[0].text.starts_with("Port scan: 1920 ports of 192.0.2.1"), "{:?}", source.reasons);
}

#[test]
fn a_patient_scan_is_seen_over_a_day() {
    let out = engine().step(&scan(40, 300 * SECOND, "S0"));
    assert_eq!(rules(&out), ["port_scan"]);
    let (_, alert) = alerts(&out)[0];
    assert!(alert.evidence[0].text.contains("fewer than 30 in 1d"));
    assert!(rules(&engine().step(&scan(29, 300 * SECOND, "S0"))).is_empty());
}

#[test]
fn answers_and_completed_connections_accuse_nobody() {
    for state in ["OTH", "SHR", "RSTRH", "SF", "S1"] {
        assert!(rules(&engine().step(&scan(500, SECOND / 100, state))).is_empty(), "{state}");
    }
    let passive_ftp: Vec<Input> =
        (0..200).map(|i| closed(talk(IP, 30_000 + i, i64::from(i) * SECOND / 10, "ftp", 9000))).collect();
    assert!(rules(&engine().step(&passive_ftp)).is_empty());
    let same_port: Vec<Input> = (0..100).map(|i| closed(attempt(IP, 8443, i * SECOND / 10, "REJ"))).collect();
    assert!(rules(&engine().step(&same_port)).is_empty(), "a client that retries a dead service");
}

#[test]
fn one_source_that_floods_is_accused() {
    let flood = |n: i64| (0..n).map(|i| closed(attempt(IP, 80, i * SECOND / 1000, "S0"))).collect::<Vec<_>>();
    let out = engine().step(&flood(5000));
    assert_eq!(rules(&out), ["syn_flood"]);
    let (event, alert) = alerts(&out)[0];
    assert_eq!((event.source().unwrap().to_string().as_str(), alert.count), (IP, 200));
    assert_eq!(alert.severity, Severity::Medium, "a SYN can be forged");
    assert!(rules(&engine().step(&flood(199))).is_empty());
}

#[test]
fn forged_sources_give_one_alert_that_accuses_nobody() {
    let flood: Vec<Input> = (0..5000u32)
        .map(|i| {
            let ip = std::net::Ipv4Addr::from(0x0b00_0000 + i * 7).to_string();
            closed(attempt(&ip, 80, i64::from(i) * SECOND / 1000, "S0"))
        })
        .collect();
    let mut engine = engine();
    let out = engine.step(&flood);
    assert_eq!(rules(&out), ["syn_flood"]);
    let (event, alert) = alerts(&out)[0];
    assert_eq!((event.src, event.dst.unwrap().port, alert.severity), (None, 80, Severity::High));
    assert!(engine.sources().is_empty(), "and scores nobody");
    assert_eq!(out.len(), 1);
}

#[test]
fn a_busy_server_is_not_flooded() {
    let mut batch = Vec::new();
    for i in 0..3000 {
        let state = if i % 5 == 0 { "S0" } else { "SF" };
        let ip = format!("198.51.{}.{}", i / 250 % 250, i % 250);
        let mut record = attempt(&ip, 80, i * SECOND / 500, state);
        record.flow.payload_in = u64::from(state == "SF") * 500;
        batch.push(closed(record));
    }
    assert!(rules(&engine().step(&batch)).is_empty());
}

fn requests(n: u32, times: i64) -> Vec<Input> {
    let notice = |i| FlowNotice::Activity {
        at: START + i * SECOND,
        key: key(IP, 40_000, 80),
        http_requests: n,
        login_failures: 0,
    };
    (0..times).map(|i| Input::Wire(notice(i))).collect()
}

#[test]
fn a_flood_of_requests_on_the_wire() {
    let out = engine().step(&requests(250, 10));
    assert_eq!(rules(&out), ["http_flood"]);
    assert_eq!(alerts(&out)[0].1.severity, Severity::Medium);
    assert!(rules(&engine().step(&requests(499, 1))).is_empty());
    assert!(rules(&engine().step(&requests(40, 60))).is_empty(), "a person who browses heavily");
}

#[test]
fn a_browser_with_thirty_connections_is_no_attacker() {
    let mut batch = requests(6, 30);
    for i in 0..30 {
        let mut record = talk(IP, 80, i * SECOND / 10, "http", 5000);
        record.key.src.port = 40_000 + i as u16;
        record.login_failures = 1;
        batch.push(closed(record));
    }
    assert!(engine().step(&batch).is_empty());
}

#[test]
fn short_ssh_connections_stand_for_failed_logins() {
    let tries = |n: i64, payload| {
        (0..n).map(|i| closed(talk(IP, 22, i * SECOND, "ssh", payload))).collect::<Vec<_>>()
    };
    let out = engine().step(&tries(100, 2500));
    assert_eq!(rules(&out), ["ssh_bruteforce"]);
    let (_, alert) = alerts(&out)[0];
    assert_eq!((alert.count, alert.severity), (20, Severity::Medium));
    assert!(rules(&engine().step(&tries(19, 2500))).is_empty());
    assert!(rules(&engine().step(&tries(100, 50_000))).is_empty(), "work was done");
    assert!(rules(&engine().step(&tries(100, 0))).is_empty(), "nobody spoke");
    let probe: Vec<Input> = (0..60).map(|i| closed(talk(IP, 22, i * 60 * SECOND, "ssh", 50))).collect();
    assert!(rules(&engine().step(&probe)).is_empty(), "a monitoring probe once a minute");
}

#[test]
fn refused_logins_in_clear_are_counted_over_their_flow() {
    let flow = |app: &str, n: u32, seconds: i64| {
        let mut record = talk(IP, 21, seconds * SECOND, app, 900);
        (record.first, record.login_failures) = (START, n);
        vec![closed(record)]
    };
    let out = engine().step(&flow("ftp", 10, 30));
    assert_eq!(rules(&out), ["ftp_bruteforce"]);
    assert_eq!(alerts(&out)[0].1.severity, Severity::High);
    assert!(rules(&engine().step(&flow("ftp", 9, 30))).is_empty());
    assert!(rules(&engine().step(&flow("ftp", 10, 119))).is_empty(), "ten over two minutes");
    assert_eq!(rules(&engine().step(&flow("http", 40, 20))), ["http_bruteforce"]);
    assert!(rules(&engine().step(&flow("http", 39, 20))).is_empty());
    assert_eq!(
        rules(&engine().step(&flow("ftp", u32::MAX, 30))),
        ["ftp_bruteforce"],
        "absurd counts cost little"
    );
}
