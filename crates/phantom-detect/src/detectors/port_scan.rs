//! Many ports of one host, refused or silent. Only the initiator of a flow that began with a SYN is ever accused, so
//! the answers of a victim of forged packets (SYN-ACK, RST) never count against the victim.

use std::net::IpAddr;

use phantom_core::BoundedMap;
use phantom_core::event::{Endpoint, Severity, Transport};
use phantom_flow::{FlowNotice, FlowRecord};

use crate::detector::{Detector, Finding, Seen, Subject, plain, words};
use crate::given::Given;
use crate::settings::{Settings, attempts, span};
use crate::window::{Hit, Ports};

pub(super) const RULE: &str = "port_scan";
/// Pairs of source and destination; when full, the one silent for longest is forgotten. About 1 KiB each at the
/// defaults, and 16 KiB more while a scan runs.
const PAIRS: usize = 4_096;
/// Ports named in an alert.
const SHOWN_PORTS: usize = 20;

pub(super) fn make(settings: &Settings) -> Box<dyn Detector> {
    let s = &settings.port_scan;
    Box::new(PortScan {
        fast: (attempts(s.ports), span(s.window)),
        slow: (attempts(s.slow_ports), span(s.slow_window)),
        cooldown: span(s.cooldown),
        pairs: BoundedMap::new(PAIRS),
    })
}

struct PortScan {
    fast: (usize, i64),
    slow: (usize, i64),
    cooldown: i64,
    pairs: BoundedMap<(IpAddr, IpAddr), Pair>,
}

struct Pair {
    fast: Ports,
    slow: Ports,
}

/// An attempt that was refused, ignored or dropped before a byte of payload flowed. Completed connections are left
/// out: passive FTP opens a new port for every file.
fn is_probe(record: &FlowRecord) -> bool {
    let flow = &record.flow;
    record.key.transport == Transport::Tcp
        && flow.payload_out == 0
        && flow.payload_in == 0
        && matches!(flow.state.as_str(), "S0" | "REJ" | "RSTO" | "RSTR" | "RSTOS0" | "SH")
}

impl PortScan {
    fn finding(&self, pair: &Pair, dst: IpAddr, subject: Subject, hit: Hit, rate: (usize, i64)) -> Finding {
        let took = words(hit.last.saturating_sub(hit.first));
        let mut ports: Vec<String> = pair.fast.recent().iter().map(u16::to_string).collect();
        ports.truncate(SHOWN_PORTS);
        Finding {
            subject,
            service: None,
            transport: Some(Transport::Tcp),
            dst: Some(Endpoint::new(dst, 0)),
            severity: Severity::Medium,
            title: format!("Port scan: {} ports of {dst} touched in {took}", hit.count),
            technique: vec!["T1046"],
            evidence: vec![
                plain(format!(
                    "{} ports of {dst} refused, silent or dropped unused in {took}; the rule allows fewer than {} in {}",
                    hit.count,
                    rate.0,
                    words(rate.1)
                )),
                plain(format!("ports touched lately: {}", ports.join(", "))),
            ],
            hit,
        }
    }
}

impl Detector for PortScan {
    fn rule(&self) -> &'static str {
        RULE
    }

    fn cooldown(&self) -> i64 {
        self.cooldown
    }

    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>) {
        let Seen::Wire(FlowNotice::Closed(record)) = seen else { return };
        if !is_probe(record) {
            return;
        }
        let (source, dst) = (record.key.src.ip, record.key.dst);
        let (fast, slow) = (self.fast, self.slow);
        let make = || Pair { fast: Ports::new(fast.0, fast.1), slow: Ports::new(slow.0, slow.1) };
        let (pair, _) = self.pairs.touch((source, dst.ip), make);
        let in_fast = pair.fast.add(dst.port, record.last).map(|hit| (hit, fast));
        let in_slow = pair.slow.add(dst.port, record.last).map(|hit| (hit, slow));
        let subject = Subject::Source(source);
        // A scan that pauses starts a new short burst: the larger of the two tells more.
        let Some((hit, rate)) = in_fast.into_iter().chain(in_slow).max_by_key(|(hit, _)| hit.count) else {
            return;
        };
        if given.is_due(RULE, subject, hit)
            && let Some(pair) = self.pairs.get(&(source, dst.ip))
        {
            out.push(self.finding(pair, dst.ip, subject, hit, rate));
        }
    }
}
