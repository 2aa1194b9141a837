//! The supervisor's side of the response: its own never-block list, and the table it owns.

use std::time::Duration;

use ipnet::IpNet;
use phantom_respond::{Firewall, FirewallError, Guard, Mode, Policy};
use phantom_sys::nft::{Change, Nft};

use crate::plan::Plan;

/// What keeps blocked sources out.
pub(crate) struct Wall {
    guard: Guard,
    firewall: Option<Box<dyn Firewall>>,
    missing: Option<String>,
}

impl Wall {
    /// Opens the table where the settings ask for enforcement; where that fails, says so in a remark.
    pub(super) fn open(
        plan: &Plan,
        never_block: Vec<IpNet>,
        home_net: Vec<IpNet>,
        remarks: &mut Vec<String>,
    ) -> Self {
        let policy = Policy { never_block, home_net, ..plan.settings.response.policy.clone() };
        let mut wall = Self { guard: Guard::new(&policy), firewall: None, missing: None };
        if policy.mode != Mode::Enforce {
            return wall;
        }
        let open_ports = if policy.block_honeypots { Vec::new() } else { plan.honeypot_ports() };
        match Nft::find().and_then(|nft| nft.install(&open_ports).map(|()| nft)) {
            Ok(nft) => wall.firewall = Some(Box::new(Table(nft))),
            Err(error) => {
                remarks.push(format!("blocks are not enforced, only written down: {error}"));
                wall.missing = Some(error.to_string());
            }
        }
        wall
    }

    /// Why nothing can be enforced, if that was asked for.
    pub(super) fn missing(&self) -> Option<String> {
        self.missing.clone()
    }

    /// Keeps a network out; the core's word is not enough.
    pub(super) fn block(&mut self, target: IpNet, ttl: Duration) -> Result<(), String> {
        self.guard.allows(&target).map_err(|protected| format!("{target} is {}", protected.as_str()))?;
        let firewall = self.firewall.as_mut().ok_or("enforcement is not on")?;
        firewall.block(target, ttl).map_err(|error| error.to_string())
    }

    pub(super) fn unblock(&mut self, target: IpNet) -> Result<(), String> {
        let firewall = self.firewall.as_mut().ok_or("enforcement is not on")?;
        firewall.unblock(target).map_err(|error| error.to_string())
    }

    /// Lets everyone in again: a node that does not run blocks nobody.
    pub(super) fn close(&mut self) {
        if let Some(firewall) = &mut self.firewall
            && let Err(error) = firewall.close()
        {
            tracing::error!(%error, "the firewall table is still there");
        }
    }
}

/// The node's own nftables table.
struct Table(Nft);

impl Table {
    fn change(&self, change: Change) -> Result<(), FirewallError> {
        self.0.apply(&[change]).map_err(|error| FirewallError(error.to_string()))
    }
}

impl Firewall for Table {
    fn block(&mut self, target: IpNet, ttl: Duration) -> Result<(), FirewallError> {
        self.change(Change::Block(target, Some(ttl)))
    }

    fn unblock(&mut self, target: IpNet) -> Result<(), FirewallError> {
        self.change(Change::Unblock(target))
    }

    fn close(&mut self) -> Result<(), FirewallError> {
        self.0.remove().map_err(|error| FirewallError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_core_cannot_lock_the_operator_out() {
        let policy = Policy { never_block: vec!["10.0.0.0/8".parse().unwrap()], ..Policy::default() };
        let mut wall = Wall { guard: Guard::new(&policy), firewall: None, missing: None };
        for target in ["10.1.2.3/32", "10.0.0.0/8", "0.0.0.0/0", "8.0.0.0/5"] {
            let refused = wall.block(target.parse().unwrap(), Duration::from_secs(1)).unwrap_err();
            assert!(refused.starts_with(target), "{refused}");
        }
        let allowed = wall.block("192.0.2.1/32".parse().unwrap(), Duration::from_secs(1)).unwrap_err();
        assert_eq!(allowed, "enforcement is not on");
    }
}
