//! Accepting peers within the limits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::ready;
use std::time::Duration;

use phantom_core::dialogue::Protocol;
use tokio::net::{TcpListener, TcpStream};

use crate::{Host, HostError, Limits, session, system};

/// Who is here and who was.
#[derive(Default)]
pub(crate) struct Census {
    /// By source; as many entries as sessions at most, since an entry goes with its last session.
    open: RefCell<HashMap<IpAddr, usize>>,
    total: Cell<usize>,
    sessions: Cell<u64>,
    refused: Cell<u64>,
}

impl Census {
    /// A place for one more session of this source, or `None`, counted, at a limit.
    fn admit(host: &Rc<Host>, peer: IpAddr) -> Option<Permit> {
        let census = &host.census;
        let source = source(peer);
        let mut open = census.open.borrow_mut();
        let here = open.get(&source).copied().unwrap_or(0);
        let Limits { sessions, sessions_per_source, .. } = host.limits;
        if census.total.get() >= sessions || here >= sessions_per_source {
            census.refused.set(census.refused.get() + 1);
            return None;
        }
        open.insert(source, here + 1);
        census.total.set(census.total.get() + 1);
        census.sessions.set(census.sessions.get() + 1);
        Some(Permit { host: host.clone(), source })
    }

    /// Sessions open now.
    pub(crate) fn open(&self) -> u32 {
        u32::try_from(self.total.get()).unwrap_or(u32::MAX)
    }

    /// Sessions since the start.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions.get()
    }

    /// Peers turned away.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }
}

/// A place, held by the task of the session that has it.
pub(crate) struct Permit {
    host: Rc<Host>,
    source: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let census = &self.host.census;
        census.total.set(census.total.get() - 1);
        let mut open = census.open.borrow_mut();
        match open.get_mut(&self.source) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                open.remove(&self.source);
            }
        }
    }
}

/// What counts as one source: one subscriber commonly has a whole IPv6 /64.
fn source(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// Takes over an inherited listener.
pub(crate) fn listener(fd: OwnedFd) -> Result<TcpListener, HostError> {
    let listener = std::net::TcpListener::from(fd);
    listener.set_nonblocking(true).map_err(system("listener"))?;
    TcpListener::from_std(listener).map_err(system("register listener"))
}

/// Accepts for ever. While evidence cannot be taken in, peers wait in the kernel's backlog.
pub(crate) async fn accept(host: Rc<Host>, protocol: Arc<dyn Protocol>, listener: TcpListener) {
    let token = host.token();
    loop {
        let accepted = poll_fn(|cx| {
            ready!(host.outbox.poll_accept(token, cx));
            listener.poll_accept(cx)
        })
        .await;
        match accepted {
            Ok((stream, peer)) => take(&host, &protocol, stream, peer),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: both come back as sessions end.
                tracing::warn!(service = %protocol.service(), %error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn take(host: &Rc<Host>, protocol: &Arc<dyn Protocol>, stream: TcpStream, peer: SocketAddr) {
    // Without a place the stream is dropped, which closes it.
    if let Some(permit) = Census::admit(host, peer.ip()) {
        let (host, protocol) = (host.clone(), protocol.clone());
        tokio::task::spawn_local(async move {
            session::run(&host, protocol.as_ref(), stream, peer).await;
            drop(permit);
        });
    }
}

/// Errors of a connection that ended before it was accepted (accept(2)).
fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscribers_prefix_is_one_source() {
        let same = |a: &str, b: &str| source(a.parse().unwrap()) == source(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.2", "192.0.2.1"));
    }
}
