//! The seam every detector fills, and the words they share.

use std::net::IpAddr;

use phantom_core::event::{Endpoint, Evidence, Login, Service, Severity, Transport};
use phantom_core::{Event, duration};
use phantom_flow::FlowNotice;

use crate::given::Given;
use crate::window::Hit;

/// One observation.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// A peer did something at a honeypot.
    Deed {
        /// Microseconds since the epoch.
        at: i64,
        source: IpAddr,
        service: &'a Service,
        event: &'a Event,
    },
    /// The wire showed something.
    Wire(&'a FlowNotice),
}

/// Whom a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The one who did it.
    Source(IpAddr),
    /// The one it was done to, where the sources are forged.
    Target(Endpoint),
}

/// What a detector found; the engine decides whether it is a new alert or growth of a given one.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    pub(crate) service: Option<Service>,
    pub(crate) transport: Option<Transport>,
    pub(crate) dst: Option<Endpoint>,
    pub(crate) severity: Severity,
    /// One line without attacker bytes: it is also the score's reason.
    pub(crate) title: String,
    pub(crate) technique: Vec<&'static str>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) hit: Hit,
}

/// A rule. It holds bounded memory whatever arrives, and reads no time but that of observations.
pub(crate) trait Detector: Send {
    /// Stable snake_case name.
    fn rule(&self) -> &'static str;
    /// At most one alert a subject in this time, in microseconds.
    fn cooldown(&self) -> i64;
    /// Takes one observation. Before describing a finding, which costs, it asks [`Given::is_due`].
    fn observe(&mut self, seen: Seen<'_>, given: &Given, out: &mut Vec<Finding>);
}

/// Whether a login is a guess at a password. Clients offer keys and `none` of themselves before they ask anyone for
/// a password (RFC 4252 sections 5.2 and 7), so those are none.
pub(crate) fn is_guess(login: &Login) -> bool {
    !login.accepted && login.method != "publickey" && login.method != "none"
}

/// A span of microseconds in words: to the second, or to the millisecond below one.
pub(crate) fn words(span: i64) -> String {
    let micros = u64::try_from(span).unwrap_or(0);
    let unit = if micros < 1_000_000 { 1_000 } else { 1_000_000 };
    duration::format(std::time::Duration::from_micros(micros / unit * unit))
}

/// Evidence that names no event.
pub(crate) fn plain(text: String) -> Evidence {
    Evidence { text, event: None, session: None }
}
