//! Blocks, ladders, expiry, caps, hands, and the ways a block is refused.

use std::time::Duration;

use phantom_core::event::Severity;
use phantom_respond::{Ledger, Mode, Policy, Protected, Refusal, What};

use super::{action, alert, at, enforcing, ledger, score};

#[test]
fn a_high_alert_blocks_for_an_hour_and_expires() {
    let mut ledger = ledger(enforcing());
    let decisions = ledger.decide(&alert("198.51.100.7", 0, Severity::High), at(0));
    let [block] = &decisions[..] else { panic!("{decisions:?}") };
    assert_eq!((block.what, block.enforce, block.ttl), (What::Block, true, Some(Duration::from_secs(3600))));
    assert_eq!(block.target.to_string(), "198.51.100.7/32");
    let told = action(&block.event);
    assert_eq!((told.what.as_str(), told.outcome.as_str(), told.ttl), ("block", "enforced", Some(3600)));
    assert_eq!(told.reason, "ssh_bruteforce: Password guessing");
    assert!(
        ledger.decide(&score("198.51.100.7", 5, 80.0, Severity::High), at(5)).is_empty(),
        "blocked already"
    );
    assert_eq!(ledger.next_expiry(), Some(at(3600)));
    assert!(ledger.expire(at(3599)).is_empty());
    let over = ledger.expire(at(3600));
    assert_eq!((over[0].what, over[0].enforce), (What::Unblock, true));
    assert_eq!(action(&over[0].event).outcome, "expired");
    assert_eq!((ledger.blocks().count(), ledger.next_expiry()), (0, None));
}

#[test]
fn lesser_verdicts_and_nobodies_block_nobody() {
    let mut ledger = ledger(enforcing());
    assert!(ledger.decide(&alert("198.51.100.7", 0, Severity::Medium), at(0)).is_empty());
    assert!(ledger.decide(&score("198.51.100.7", 0, 59.9, Severity::Medium), at(0)).is_empty());
    let mut nobody = alert("198.51.100.7", 0, Severity::Critical);
    nobody.src = None;
    assert!(ledger.decide(&nobody, at(0)).is_empty());
    let mut silent = self::ledger(Policy { alert_severity: None, score_level: None, ..enforcing() });
    assert!(silent.decide(&alert("198.51.100.7", 0, Severity::Critical), at(0)).is_empty());
    assert!(silent.decide(&score("198.51.100.7", 0, 99.0, Severity::Critical), at(0)).is_empty());
}

#[test]
fn a_dry_run_is_the_same_but_for_the_doing() {
    let (mut dry, mut wet) = (ledger(Policy { mode: Mode::DryRun, ..enforcing() }), ledger(enforcing()));
    for second in [0, 10, 4000, 9000, 30_000] {
        let verdict = alert("198.51.100.7", second, Severity::High);
        let (a, b) = (dry.decide(&verdict, at(second)), wet.decide(&verdict, at(second)));
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(&b) {
            assert_eq!((a.what, a.target, a.ttl, &a.reason), (b.what, b.target, b.ttl, &b.reason));
            assert!(!a.enforce);
            assert!(["dry_run", "expired"].contains(&action(&a.event).outcome.as_str()));
        }
    }
    let mut off = ledger(Policy { mode: Mode::Off, ..enforcing() });
    assert!(off.decide(&alert("198.51.100.7", 0, Severity::High), at(0)).is_empty());
    let hand = off.block_by_hand("198.51.100.7/32".parse().unwrap(), None, "", at(0));
    assert_eq!(hand.unwrap_err(), Refusal::Off);
}

#[test]
fn repeaters_climb_and_are_forgiven() {
    let mut ledger = ledger(enforcing());
    let mut now = 0;
    for hours in [1, 4, 24, 168, 168] {
        let decisions = ledger.decide(&alert("198.51.100.7", now, Severity::High), at(now));
        let block = decisions.iter().find(|d| d.what == What::Block).unwrap();
        assert_eq!(block.ttl, Some(Duration::from_secs(hours * 3600)));
        now += i64::try_from(hours * 3600).unwrap() + 1;
    }
    now += 31 * 86_400;
    let decisions = ledger.decide(&alert("198.51.100.7", now, Severity::High), at(now));
    assert_eq!(decisions.last().unwrap().ttl, Some(Duration::from_secs(3600)));
}

#[test]
fn caps_refuse_and_say_so_once() {
    let mut full = ledger(Policy { max_blocks: 1, ..enforcing() });
    full.decide(&alert("198.51.100.1", 0, Severity::High), at(0));
    let refused = full.decide(&alert("198.51.100.2", 1, Severity::High), at(1));
    assert_eq!((refused[0].what, refused[0].enforce), (What::Refuse, false));
    assert_eq!(action(&refused[0].event).outcome, "refused: 1 blocks are in force, which is the cap");
    assert!(full.decide(&alert("198.51.100.2", 2, Severity::High), at(2)).is_empty(), "told once an hour");
    assert_eq!(full.decide(&alert("198.51.100.2", 3602, Severity::High), at(3602)).len(), 2, "room again");

    let mut storm = ledger(Policy { max_per_minute: 2, ..enforcing() });
    for host in 1..=5 {
        storm.decide(&alert(&format!("198.51.100.{host}"), host, Severity::High), at(host));
    }
    assert_eq!(storm.blocks().count(), 2);
    storm.decide(&alert("198.51.100.9", 61, Severity::High), at(61));
    assert_eq!(storm.blocks().count(), 3, "a minute later there is room");
}

#[test]
fn hands_block_networks_but_nobody_protected() {
    let mut ledger = ledger(enforcing());
    let by_hand =
        |ledger: &mut Ledger, net: &str, ttl| ledger.block_by_hand(net.parse().unwrap(), ttl, "seen", at(0));
    let block = by_hand(&mut ledger, "203.0.113.0/24", Some(Duration::from_secs(60))).unwrap();
    assert_eq!((block.reason.as_str(), block.ttl), ("by hand: seen", Some(Duration::from_secs(60))));
    assert!(
        ledger.decide(&alert("203.0.113.7", 1, Severity::High), at(1)).is_empty(),
        "covered by the network"
    );
    assert_eq!(by_hand(&mut ledger, "10.1.2.3/32", None), Err(Refusal::Protected(Protected::Internal)));
    assert_eq!(by_hand(&mut ledger, "0.0.0.0/0", None), Err(Refusal::Protected(Protected::Special)));
    assert_eq!(by_hand(&mut ledger, "203.0.113.0/24", Some(Duration::ZERO)), Err(Refusal::NoTime));
    let renewed = by_hand(&mut ledger, "203.0.113.0/24", Some(Duration::from_secs(600))).unwrap();
    assert_eq!((renewed.what, ledger.next_expiry()), (What::Block, Some(at(600))));
    let lifted = ledger.unblock("203.0.113.0/24".parse().unwrap(), "mistake", at(2)).unwrap();
    assert_eq!((lifted.what, lifted.enforce), (What::Unblock, true));
    assert_eq!(ledger.unblock("203.0.113.0/24".parse().unwrap(), "again", at(2)), None);
}

#[test]
fn a_firewall_that_fails_leaves_no_block() {
    let mut ledger = ledger(enforcing());
    let decisions = ledger.decide(&alert("198.51.100.7", 0, Severity::High), at(0));
    let event = ledger.failed(&decisions[0], "table is gone", at(1));
    assert_eq!(action(&event).outcome, "failed: table is gone");
    assert_eq!(ledger.blocks().count(), 0);
}

#[test]
fn a_new_policy_lifts_what_it_does_not_allow() {
    let mut ledger = ledger(enforcing());
    ledger.decide(&alert("198.51.100.7", 0, Severity::High), at(0));
    ledger.decide(&alert("198.51.100.8", 0, Severity::High), at(0));
    let policy = Policy { never_block: vec!["198.51.100.7/32".parse().unwrap()], ..enforcing() };
    let lifted = ledger.set_policy(policy, at(5)).unwrap();
    assert_eq!(lifted.iter().map(|d| d.target.to_string()).collect::<Vec<_>>(), ["198.51.100.7/32"]);
    let lifted = ledger.set_policy(Policy { mode: Mode::Off, ..enforcing() }, at(6)).unwrap();
    assert!(lifted[0].enforce, "the firewall must let go even when turned off");
    assert!(ledger.set_policy(Policy { ladder: vec![], ..enforcing() }, at(7)).is_err());
    assert_eq!(ledger.policy().mode, Mode::Off);
}
