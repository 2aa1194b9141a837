//! What peers do at honeypots.

use phantom_core::event::{Body, Direction, Login, Service, Severity, Transfer};
use phantom_detect::{Engine, Input, Settings};

use super::{SECOND, alerts, command, deed, engine, login, opened, request, rules};

const IP: &str = "198.51.100.7";

fn guesses(service: Service, n: i64, apart: i64) -> Vec<Input> {
    (0..n)
        .map(|i| login(service.clone(), IP, i * apart, ["root", "admin"][(i % 2) as usize], false))
        .collect()
}

#[test]
fn one_touch_raises_the_score_and_nothing_more() {
    let out = engine().step(&[opened(IP, 0)]);
    let found = alerts(&out);
    assert_eq!(found.len(), 1);
    let (event, alert) = found[0];
    assert_eq!((alert.rule.as_str(), alert.severity, alert.count), ("honeypot_touch", Severity::Low, 1));
    assert_eq!((event.source().unwrap().to_string().as_str(), event.src.unwrap().port), (IP, 0));
    assert_eq!(alert.score, 22.1);
    assert!(alert.evidence[0].event.is_some());
    let Body::Score(score) = &out[1].body else { panic!("{:?}", out[1]) };
    assert_eq!((score.value, score.level), (22.1, Severity::Low));
    assert_eq!(score.reasons[0].text, "touched the ssh honeypot");
}

#[test]
fn a_touch_is_told_once_a_day() {
    let mut engine = engine();
    let day = 86_400 * SECOND;
    let visits: Vec<Input> = [0, 1, day - 1, day, day + 1].map(|at| opened(IP, at)).to_vec();
    assert_eq!(alerts(&engine.step(&visits)).len(), 2);
}

#[test]
fn a_honeytoken_alerts_at_its_first_use_and_nothing_near_it_does() {
    let with = |pairs: &[&str]| {
        let mut settings = Settings::default();
        settings.honeytoken_used.pairs = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        Engine::new(settings, "s1".into())
    };
    // The password of every login here is `x`.
    for accepted in [true, false] {
        for service in [Service::SSH, Service::FTP, Service::HTTP] {
            let logins =
                [0, 1, 3599, 3600].map(|at| login(service.clone(), IP, at * SECOND, "svc_backup", accepted));
            let out = with(&["nobody:y", "svc_*:x"]).step(&logins);
            assert_eq!(rules(&out), ["honeytoken_used"; 2], "once an hour");
            let (event, alert) = alerts(&out).into_iter().find(|(_, a)| a.rule == "honeytoken_used").unwrap();
            assert_eq!(
                (alert.severity, alert.count, &alert.technique[..]),
                (Severity::Critical, 1, &["T1078".to_owned()][..])
            );
            assert_eq!(event.source().unwrap().to_string(), IP);
            let answer = if accepted { "let in" } else { "refused" };
            assert_eq!(alert.evidence[0].text, format!("the pair laid out for \"svc_backup\", {answer}"));
            assert!(alert.evidence[0].event.is_some());
        }
    }
    let near = [login(Service::SSH, IP, 0, "svc", true), login(Service::SSH, IP, 1, "backup", true)];
    assert!(rules(&with(&["svc_*:x", "backup:y"]).step(&near)).is_empty());
    assert!(rules(&engine().step(&near)).is_empty(), "none unless there are some");
}

#[test]
fn eight_failed_logins_in_a_minute_alert_once() {
    for (service, rule) in [
        (Service::SSH, "ssh_bruteforce"),
        (Service::FTP, "ftp_bruteforce"),
        (Service::HTTP, "http_bruteforce"),
    ] {
        let out = engine().step(&guesses(service.clone(), 200, SECOND));
        assert_eq!(rules(&out), [rule]);
        let (_, alert) = alerts(&out).into_iter().find(|(_, a)| a.rule == rule).unwrap();
        assert_eq!(
            (alert.severity, alert.count, &alert.technique[..]),
            (Severity::High, 8, &["T1110.001".to_owned()][..])
        );
        assert_eq!(
            alert.title,
            format!("Password guessing over {service}: 8 failed logins in 7s, 2 user names")
        );
        let texts: Vec<&str> = alert.evidence.iter().map(|e| e.text.as_str()).collect();
        assert!(texts[0].contains("fewer than 8 in 1m"), "{texts:?}");
        assert_eq!(texts[1], "user names tried most: \"admin\" (4), \"root\" (4)");
        assert_eq!(alert.evidence.iter().filter(|e| e.event.is_some()).count(), 4);
    }
}

#[test]
fn seven_do_not() {
    for service in [Service::SSH, Service::FTP, Service::HTTP] {
        assert!(rules(&engine().step(&guesses(service.clone(), 7, SECOND))).is_empty());
        assert!(
            rules(&engine().step(&guesses(service, 9, 10 * SECOND))).is_empty(),
            "nor nine in ninety seconds"
        );
    }
}

#[test]
fn the_slow_are_seen_over_a_day() {
    let hour = 3600 * SECOND;
    let out = engine().step(&guesses(Service::SSH, 10, 2 * hour));
    assert_eq!(rules(&out), ["ssh_bruteforce"]);
    let (_, alert) = alerts(&out).pop().unwrap();
    assert!(alert.evidence[0].text.contains("fewer than 10 in 1d"), "{}", alert.evidence[0].text);
    assert!(
        rules(&engine().step(&guesses(Service::SSH, 20, 3 * hour))).is_empty(),
        "eight a day are too few"
    );
}

#[test]
fn a_person_who_mistypes_thrice_is_no_attacker() {
    let mut batch = guesses(Service::SSH, 3, 4 * SECOND);
    batch.push(login(Service::SSH, IP, 20 * SECOND, "root", true));
    assert!(rules(&engine().step(&batch)).is_empty());
}

#[test]
fn keys_that_a_client_offers_of_itself_are_no_guesses() {
    let offer = |i: i64| {
        let body = Login { method: "publickey".into(), username: "me".into(), ..Login::default() };
        deed(Service::SSH, IP, i * SECOND, Body::Login(body))
    };
    assert!(rules(&engine().step(&(0..30).map(offer).collect::<Vec<_>>())).is_empty());
}

#[test]
fn many_names_are_spraying_and_shown_escaped() {
    let batch: Vec<Input> =
        (0..40).map(|i| login(Service::SSH, IP, i * SECOND / 10, &format!("\x1b[2Ju{i}"), false)).collect();
    let out = engine().step(&batch);
    let (_, alert) = alerts(&out).into_iter().find(|(_, a)| a.rule == "ssh_bruteforce").unwrap();
    assert_eq!(alert.technique, ["T1110.003"]);
    assert!(alert.evidence[1].text.contains("\\x1b[2Ju0"), "{}", alert.evidence[1].text);
    assert!(!alert.title.contains('\x1b'));
}

#[test]
fn an_attack_that_goes_on_alerts_again_after_the_cooldown_and_raises_the_score_meanwhile() {
    let out = engine().step(&guesses(Service::SSH, 3700, SECOND));
    assert_eq!(rules(&out), ["ssh_bruteforce", "ssh_bruteforce"]);
    let last = out.iter().rev().find_map(|e| match &e.body {
        Body::Score(score) => Some(score.clone()),
        _ => None,
    });
    let last = last.unwrap();
    assert!(last.level >= Severity::High, "{last:?}");
    let reason = last.reasons.iter().find(|r| r.name == "ssh_bruteforce").unwrap();
    assert!(!reason.text.contains(" 8 failed"), "growth is told: {}", reason.text);
}

#[test]
fn a_hundred_requests_in_ten_seconds_are_a_flood() {
    let burst = |n: i64, apart: i64| (0..n).map(|i| request(IP, i * apart)).collect::<Vec<_>>();
    let out = engine().step(&burst(1000, SECOND / 100));
    assert_eq!(rules(&out), ["http_flood"]);
    let (_, alert) = alerts(&out).pop().unwrap();
    assert_eq!((alert.count, alert.severity), (100, Severity::High));
    assert!(rules(&engine().step(&burst(99, SECOND / 100))).is_empty());
    assert!(rules(&engine().step(&burst(1000, SECOND / 5))).is_empty(), "fifty in ten seconds");
}

#[test]
fn getting_in_weighs_more_than_knocking() {
    let mut engine = engine();
    engine.step(&[opened(IP, 0), login(Service::SSH, IP, 1, "root", false)]);
    let knocked = engine.sources().pop().unwrap();
    let upload =
        Transfer { direction: Direction::Upload, name: "x".into(), url: None, bytes: 1, sha256: None };
    engine.step(&[login(Service::SSH, IP, 2, "root", true), command(IP, 3)]);
    let inside = engine.sources().pop().unwrap();
    engine.step(&[deed(Service::SSH, IP, 4, Body::Transfer(upload))]);
    let left = engine.sources().pop().unwrap();
    assert!(knocked.value + 20.0 < inside.value && inside.value + 10.0 < left.value);
    assert_eq!((knocked.level, left.level), (Severity::Low, Severity::High));
    assert_eq!(left.reasons[0].name, "uploads");
}

#[test]
fn the_trusted_are_left_alone_and_the_home_network_is_named() {
    let settings = Settings {
        trusted: vec!["198.51.100.0/24".parse().unwrap()],
        home_net: vec!["203.0.113.0/24".parse().unwrap()],
        ..Settings::default()
    };
    let mut engine = Engine::new(settings, "s1".into());
    assert!(engine.step(&guesses(Service::SSH, 50, SECOND)).is_empty());
    let out = engine.step(&[opened("203.0.113.5", 0)]);
    let (_, alert) = alerts(&out).pop().unwrap();
    assert_eq!(alert.evidence.last().unwrap().text, "the source is within the home network");
}
