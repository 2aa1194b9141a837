//! The only unsafe code: packet ring, jail, descriptor passing, nftables.
