//! The only unsafe code: packet ring, jail, descriptor passing, nftables.
//!
//! - [`channel`]: frames between the processes of a node, with descriptors attached.
//! - [`spawn`]: the binary re-executes itself as a child with given descriptors.
//! - [`jail`]: the child gives up everything it does not need before it sees a hostile byte.
//! - [`ring`]: packets from the kernel without a copy.
//! - [`nft`]: the firewall table the node owns.
//! - [`net`]: what the host's network looks like, and side connections for FTP.
//!
//! Every `unsafe` block says why it is sound; everything public is safe to call.

pub mod channel;
pub mod jail;
pub mod net;
pub mod nft;
pub mod ring;
pub mod spawn;
