//! What holds whatever the verdicts are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use phantom_core::event::Severity;
use phantom_respond::{Decision, Guard, Ledger, Mode, Policy, What};
use proptest::prelude::*;

use super::{alert, at, ledger, score};

/// Few enough addresses that lists, networks and sources meet.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u8..4, 0u8..8).prop_map(|(net, host)| IpAddr::from([203, 0, net, host])),
        (0u16..3, 0u16..4).prop_map(|(net, host)| Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host).into()),
        (0u8..4, 0u8..8).prop_map(|(net, host)| Ipv4Addr::new(203, 0, net, host).to_ipv6_mapped().into()),
        any::<IpAddr>(),
    ]
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), 0u8..=16).prop_map(|(ip, less)| {
        let ip = ip.to_canonical();
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        IpNet::new(ip, whole - less).unwrap()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let nets = || prop::collection::vec(network(), 0..4);
    (nets(), nets(), any::<bool>(), 64u8..=128, 1u32..20, 1u32..20, prop::bool::ANY).prop_map(
        |(never_block, home_net, block_internal, ipv6_prefix, max_blocks, max_per_minute, dry)| Policy {
            mode: if dry { Mode::DryRun } else { Mode::Enforce },
            never_block,
            home_net,
            block_internal,
            ipv6_prefix,
            max_blocks,
            max_per_minute,
            ..Policy::default()
        },
    )
}

fn run(ledger: &mut Ledger, verdicts: &[(IpAddr, i64, bool)]) -> Vec<Decision> {
    let mut out = Vec::new();
    let mut now = 0;
    for (ip, later, by_score) in verdicts {
        now += later;
        let ip = ip.to_string();
        let verdict = if *by_score {
            score(&ip, now, 90.0, Severity::Critical)
        } else {
            alert(&ip, now, Severity::High)
        };
        out.extend(ledger.decide(&verdict, at(now)));
    }
    out
}

fn verdicts() -> impl Strategy<Value = Vec<(IpAddr, i64, bool)>> {
    prop::collection::vec((address(), 0i64..8_000, any::<bool>()), 0..60)
}

proptest! {
    #[test]
    fn nobody_protected_is_ever_blocked(policy in policy(), verdicts in verdicts(), hands in prop::collection::vec(network(), 0..6)) {
        let mut ledger = ledger(policy.clone());
        let mut decisions = run(&mut ledger, &verdicts);
        decisions.extend(hands.into_iter().filter_map(|net| ledger.block_by_hand(net, None, "x", at(1_000_000)).ok()));
        let guard = Guard::new(&policy);
        for block in decisions.iter().filter(|d| d.what == What::Block) {
            prop_assert!(guard.allows(&block.target).is_ok());
            let own = if policy.block_internal { &[][..] } else { &policy.home_net };
            for net in policy.never_block.iter().chain(own) {
                prop_assert!(!net.contains(&block.target) && !block.target.contains(&net.trunc()), "{} in {net}", block.target);
            }
        }
        prop_assert!(ledger.blocks().count() <= policy.max_blocks as usize);
        let enforce = policy.mode == Mode::Enforce;
        prop_assert!(decisions.iter().all(|d| enforce || !d.enforce));
    }

    #[test]
    fn blocks_end_when_their_time_is_over(policy in policy(), verdicts in verdicts()) {
        let mut ledger = ledger(policy);
        let decisions = run(&mut ledger, &verdicts);
        let longest = i64::try_from(ledger.policy().ladder.iter().max().unwrap().as_secs()).unwrap();
        let end = verdicts.iter().map(|v| v.1).sum::<i64>() + longest;
        let open = ledger.blocks().count();
        prop_assert_eq!(ledger.expire(at(end)).len(), open);
        prop_assert_eq!(ledger.blocks().count(), 0);
        for block in decisions.iter().filter(|d| d.what == What::Block) {
            prop_assert!(block.ttl.is_some());
        }
    }

    #[test]
    fn a_restart_restores_the_same_ledger(policy in policy(), before in verdicts(), after in verdicts()) {
        let mut first = ledger(policy.clone());
        let journal = run(&mut first, &before);
        let mut second = ledger(policy);
        journal.iter().for_each(|decision| second.restore(&decision.event));
        prop_assert_eq!(first.blocks().collect::<Vec<_>>(), second.blocks().collect::<Vec<_>>());
        let later = before.iter().map(|v| v.1).sum::<i64>();
        let mut moved = after.clone();
        moved.insert(0, (IpAddr::from([198, 51, 100, 1]), later, false));
        prop_assert_eq!(run(&mut first, &moved), run(&mut second, &moved));
    }

    #[test]
    fn the_same_verdicts_give_the_same_events(policy in policy(), verdicts in verdicts()) {
        let (mut a, mut b) = (ledger(policy.clone()), ledger(policy));
        let (a, b) = (run(&mut a, &verdicts), run(&mut b, &verdicts));
        let ids: std::collections::BTreeSet<_> = a.iter().map(|d| d.event.id).collect();
        prop_assert_eq!(ids.len(), a.len(), "and no id twice");
        prop_assert_eq!(a, b);
    }
}
