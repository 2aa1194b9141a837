//! Addresses and routes: the persona's, and what a visit makes of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link_local;
use crate::Persona;
use crate::machine::View;

/// Number of the loopback interface.
pub(crate) const LOOPBACK: u32 = 1;
/// Number of the one interface to the network.
pub(crate) const OUTSIDE: u32 = 2;
/// Addresses and routes that a visit may have.
pub(crate) const MAX: usize = 64;

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) link: u32,
    pub(crate) ip: IpAddr,
    pub(crate) prefix: u8,
    /// Of a lease, with a broadcast address.
    pub(crate) dynamic: bool,
}

impl Address {
    pub(crate) fn scope(&self) -> &'static str {
        match self.ip {
            ip if ip.is_loopback() => "host",
            IpAddr::V6(_) => "link",
            IpAddr::V4(_) => "global",
        }
    }

    /// The network it is of, and its length.
    fn network(&self) -> Option<(Ipv4Addr, u8)> {
        match self.ip {
            IpAddr::V4(ip) if self.link == OUTSIDE && self.prefix < 32 => {
                Some((masked(ip, self.prefix), self.prefix))
            }
            _ => None,
        }
    }

    /// Whether an address before it is of the same network.
    pub(crate) fn is_secondary(&self, all: &[Self]) -> bool {
        self.network().is_some_and(|own| {
            all.iter().take_while(|other| *other != self).any(|other| other.network() == Some(own))
        })
    }
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) to: (Ipv4Addr, u8),
    pub(crate) via: Option<Ipv4Addr>,
    /// `None` for one that leads nowhere.
    pub(crate) link: Option<u32>,
    /// `blackhole`, `unreachable`, `prohibit`; empty for one that leads somewhere.
    pub(crate) kind: &'static str,
    /// Of an address, made by the kernel: that address.
    pub(crate) source: Option<Ipv4Addr>,
    /// Made by route(8), whose call gives what leads nowhere another scope.
    pub(crate) by_ioctl: bool,
}

/// An address with nothing but its first bits.
pub(crate) fn masked(ip: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(ip) & u32::from(mask(prefix)))
}

/// The mask of a length.
pub(crate) fn mask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

/// What the persona's interfaces have after a boot.
pub(crate) fn addresses(p: &Persona) -> Vec<Address> {
    let row = |link, ip, prefix, dynamic| Address { link, ip, prefix, dynamic };
    vec![
        row(LOOPBACK, Ipv4Addr::LOCALHOST.into(), 8, false),
        row(LOOPBACK, Ipv6Addr::LOCALHOST.into(), 128, false),
        row(OUTSIDE, p.ip.into(), 24, true),
        row(OUTSIDE, link_local(p).into(), 64, false),
    ]
}

/// The routes of the persona that are of no address.
pub(crate) fn routes(p: &Persona) -> Vec<Route> {
    let to = (Ipv4Addr::UNSPECIFIED, 0);
    vec![Route { to, via: Some(p.gateway), link: Some(OUTSIDE), kind: "", source: None, by_ioctl: false }]
}

impl View<'_> {
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.live.addresses.clone().unwrap_or_else(|| addresses(self.persona()))
    }

    /// The main table in its order.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let mut all = self.live.routes.clone().unwrap_or_else(|| routes(self.persona()));
        let own = self.addresses();
        all.extend(own.iter().filter(|address| !address.is_secondary(&own)).filter_map(|address| {
            let IpAddr::V4(ip) = address.ip else { return None };
            let to = address.network()?;
            Some(Route { to, via: None, link: Some(OUTSIDE), kind: "", source: Some(ip), by_ioctl: false })
        }));
        all.sort_by_key(|route| route.to);
        all
    }

    /// The name of an interface.
    pub(crate) fn link_name(&self, link: u32) -> &str {
        if link == LOOPBACK { "lo" } else { &self.persona().interface }
    }
}
