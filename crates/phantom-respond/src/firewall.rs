//! The seam to whatever drops packets.

use std::time::Duration;

use ipnet::IpNet;
use thiserror::Error;

/// Why a firewall did not do as told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("firewall: {0}")]
pub struct FirewallError(
    /// What was tried and what came back.
    pub String,
);

/// A firewall's own table: it neither reads nor touches rules of others.
pub trait Firewall: Send {
    /// Drops what comes from `target` for `ttl`; a second time renews it. The firewall lets go by itself when the
    /// time is over, so that a dead node blocks nobody for ever.
    ///
    /// # Errors
    /// [`FirewallError`] when it is not in force.
    fn block(&mut self, target: IpNet, ttl: Duration) -> Result<(), FirewallError>;

    /// Stops dropping; not an error where nothing was dropped.
    ///
    /// # Errors
    /// [`FirewallError`] when it may still be in force.
    fn unblock(&mut self, target: IpNet) -> Result<(), FirewallError>;

    /// Stops dropping altogether and takes the table away.
    ///
    /// # Errors
    /// [`FirewallError`] when it may still be in force.
    fn close(&mut self) -> Result<(), FirewallError>;
}
