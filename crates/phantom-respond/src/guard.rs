//! Whom no block may touch. The supervisor keeps a guard of its own and asks it again before it obeys, so that a
//! captured core cannot lock the operator out.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::Policy;

/// Why an address or network may not be blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protected {
    /// On, or overlapping, the never-block list.
    NeverBlock,
    /// Within, or overlapping, the home networks.
    Internal,
    /// Unspecified, loopback, link-local, multicast or broadcast: never a stranger.
    Special,
}

impl Protected {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverBlock => "on the never-block list",
            Self::Internal => "within the home network",
            Self::Special => "not the address of a stranger",
        }
    }
}

/// The protected networks of a policy.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    never: Vec<IpNet>,
    internal: Vec<IpNet>,
    ipv6_prefix: u8,
}

impl Guard {
    /// Of this policy.
    pub fn new(policy: &Policy) -> Self {
        let internal = if policy.block_internal { &[][..] } else { &policy.home_net };
        Self {
            never: policy.never_block.iter().map(canonical).collect(),
            internal: internal.iter().map(canonical).collect(),
            ipv6_prefix: policy.ipv6_prefix.clamp(64, 128),
        }
    }

    /// Whether a block of `target` would touch anyone protected; overlapping is enough.
    ///
    /// # Errors
    /// [`Protected`] says why it must not be blocked.
    pub fn allows(&self, target: &IpNet) -> Result<(), Protected> {
        let target = canonical(target);
        if is_special(&target) {
            return Err(Protected::Special);
        }
        let overlaps = |net: &IpNet| net.contains(&target) || target.contains(net);
        if self.never.iter().any(overlaps) {
            return Err(Protected::NeverBlock);
        }
        if self.internal.iter().any(overlaps) { Err(Protected::Internal) } else { Ok(()) }
    }

    /// What to block for this source: its address, or the IPv6 prefix around it where nobody protected is in that.
    ///
    /// # Errors
    /// [`Protected`] when not even the address alone may be blocked.
    pub fn target(&self, ip: IpAddr) -> Result<IpNet, Protected> {
        let ip = ip.to_canonical();
        let alone = IpNet::from(ip);
        self.allows(&alone)?;
        if ip.is_ipv4() {
            return Ok(alone);
        }
        let wide = IpNet::new(ip, self.ipv6_prefix).map_or(alone, |net| net.trunc());
        Ok(if self.allows(&wide).is_ok() { wide } else { alone })
    }
}

/// Host bits cleared, and IPv4-mapped IPv6 networks made IPv4.
fn canonical(net: &IpNet) -> IpNet {
    let net = net.trunc();
    match net.addr().to_canonical() {
        v4 @ IpAddr::V4(_) if net.addr().is_ipv6() && net.prefix_len() >= 96 => {
            IpNet::new(v4, net.prefix_len() - 96).unwrap_or(net)
        }
        _ => net,
    }
}

fn is_special(net: &IpNet) -> bool {
    let (first, last) = (net.network(), net.broadcast());
    [first, last].into_iter().any(|ip| match ip {
        IpAddr::V4(ip) => {
            ip.octets().first() == Some(&0)
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.octets().first().is_some_and(|first| *first >= 240)
        }
        IpAddr::V6(ip) => {
            ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(never: &[&str], home: &[&str]) -> Guard {
        let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect();
        Guard::new(&Policy { never_block: nets(never), home_net: nets(home), ..Policy::default() })
    }

    fn target(guard: &Guard, ip: &str) -> Result<String, Protected> {
        guard.target(ip.parse().unwrap()).map(|net| net.to_string())
    }

    #[test]
    fn an_address_or_its_prefix() {
        let guard = guard(&["2001:db8:0:1::53/128"], &["192.0.2.0/24"]);
        assert_eq!(target(&guard, "198.51.100.7"), Ok("198.51.100.7/32".into()));
        assert_eq!(target(&guard, "::ffff:198.51.100.7"), Ok("198.51.100.7/32".into()));
        assert_eq!(target(&guard, "2001:db8:0:2::7"), Ok("2001:db8:0:2::/64".into()));
        assert_eq!(
            target(&guard, "2001:db8:0:1::7"),
            Ok("2001:db8:0:1::7/128".into()),
            "the resolver stays out"
        );
        assert_eq!(target(&guard, "2001:db8:0:1::53"), Err(Protected::NeverBlock));
        assert_eq!(target(&guard, "::ffff:192.0.2.9"), Err(Protected::Internal));
    }

    #[test]
    fn strangers_have_ordinary_addresses() {
        let guard = guard(&[], &[]);
        for ip in [
            "0.0.0.0",
            "127.0.0.1",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert_eq!(target(&guard, ip), Err(Protected::Special), "{ip}");
        }
        assert_eq!(guard.allows(&"0.0.0.0/0".parse().unwrap()), Err(Protected::Special));
        assert_eq!(guard.allows(&"::/0".parse().unwrap()), Err(Protected::Special));
    }

    #[test]
    fn a_network_that_holds_someone_protected_is_protected() {
        let guard = guard(&["203.0.113.9/32", "::ffff:203.0.113.128/121"], &[]);
        assert_eq!(guard.allows(&"203.0.113.0/24".parse().unwrap()), Err(Protected::NeverBlock));
        assert_eq!(guard.allows(&"203.0.113.200/32".parse().unwrap()), Err(Protected::NeverBlock));
        assert_eq!(guard.allows(&"203.0.113.10/32".parse().unwrap()), Ok(()));
    }
}
