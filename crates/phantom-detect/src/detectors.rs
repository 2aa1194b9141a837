//! The registry: one file and one line a detector.

mod brute_force;
mod ftp_bruteforce;
mod honeypot_touch;
mod honeytoken_used;
mod http_bruteforce;
mod http_flood;
mod port_scan;
mod ssh_bruteforce;
mod syn_flood;

use crate::detector::Detector;
use crate::settings::Settings;

type Make = fn(&Settings) -> Box<dyn Detector>;

/// In the order in which their verdicts on one observation come out.
const REGISTRY: &[(&str, Make)] = &[
    (honeypot_touch::RULE, honeypot_touch::make),
    (honeytoken_used::RULE, honeytoken_used::make),
    (ssh_bruteforce::RULE, ssh_bruteforce::make),
    (ftp_bruteforce::RULE, ftp_bruteforce::make),
    (http_bruteforce::RULE, http_bruteforce::make),
    (http_flood::RULE, http_flood::make),
    (port_scan::RULE, port_scan::make),
    (syn_flood::RULE, syn_flood::make),
];

/// The names of all rules.
pub fn rules() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|(rule, _)| *rule)
}

/// One of each.
pub(crate) fn all(settings: &Settings) -> Vec<Box<dyn Detector>> {
    REGISTRY.iter().map(|(_, make)| make(settings)).collect()
}
