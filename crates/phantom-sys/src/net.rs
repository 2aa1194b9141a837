//! What the host's network looks like, and the side connections that only the supervisor may open.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{BorrowedFd, OwnedFd};

use ipnet::IpNet;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with, sockopt};

/// Addresses of the default gateways, from the kernel's routing tables. Empty where there are none or the
/// tables cannot be read.
pub fn gateways() -> BTreeSet<IpAddr> {
    let v4 = read("/proc/net/route");
    let v6 = read("/proc/net/ipv6_route");
    routes4(&v4).filter_map(|route| route.gateway).map(IpAddr::V4).chain(gateways6(&v6)).collect()
}

/// Addresses of the name servers in `/etc/resolv.conf`.
pub fn name_servers() -> BTreeSet<IpAddr> {
    name_servers_in(&read("/etc/resolv.conf")).collect()
}

/// The networks that this host's interfaces are in, each with the host's own address in it; loopback
/// included.
///
/// # Errors
/// When the kernel does not say.
pub fn networks() -> io::Result<Vec<IpNet>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the kernel's answer is stored through a valid pointer.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut at = list;
    while !at.is_null() {
        // SAFETY: a node of the list that getifaddrs made, freed only below.
        let node = unsafe { &*at };
        // SAFETY: address and mask of the node are null or valid for its family.
        let both = unsafe { (address(node.ifa_addr), address(node.ifa_netmask)) };
        if let (Some(own), Some(mask)) = both
            && let Ok(prefix) = ipnet::ip_mask_to_prefix(mask)
            && let Ok(net) = IpNet::new(own, prefix)
        {
            found.push(net);
        }
        at = node.ifa_next;
    }
    // SAFETY: the list that getifaddrs made, to which no reference is left.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// # Safety
/// `at` is null or points to a socket address of the size its family has.
unsafe fn address(at: *const libc::sockaddr) -> Option<IpAddr> {
    if at.is_null() {
        return None;
    }
    // SAFETY: not null, and every socket address begins with its family.
    match i32::from(unsafe { (*at).sa_family }) {
        libc::AF_INET => {
            // SAFETY: of this family, so of this type.
            let v4 = unsafe { at.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: of this family, so of this type.
            let v6 = unsafe { at.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The interface meant by `auto`: that of the default route of least metric, else `lo`.
pub fn capture_interface() -> String {
    let table = read("/proc/net/route");
    routes4(&table)
        .min_by_key(|route| route.metric)
        .map(|route| route.interface.to_owned())
        .or_else(|| interface6(&read("/proc/net/ipv6_route")))
        .unwrap_or_else(|| "lo".into())
}

/// A listener for one side connection, on the local address of `control` and a port of the kernel's choice.
///
/// # Errors
/// When `control` is no connected TCP socket or the listener cannot be made.
pub fn side_listener(control: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let (mut local, _) = ends(control)?;
    local.set_port(0);
    let fd = stream_socket(local)?;
    bind(&fd, &local)?;
    // One connection is expected; more wait unaccepted and are never served.
    listen(&fd, 1)?;
    let listener = TcpListener::from(fd);
    let address = listener.local_addr()?;
    Ok((listener.into(), address))
}

/// A connection in progress (non-blocking) from the local address of `control` to this port of its peer.
///
/// # Errors
/// When `control` is no connected TCP socket, the port is below 1024 (a bounce to a service), or the kernel
/// refuses at once.
pub fn side_connection(control: BorrowedFd<'_>, port: u16) -> io::Result<OwnedFd> {
    if port < 1024 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (mut local, mut peer) = ends(control)?;
    local.set_port(0);
    peer.set_port(port);
    let fd = stream_socket(local)?;
    bind(&fd, &local)?;
    match connect(&fd, &peer) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(fd),
        Err(errno) => Err(errno.into()),
    }
}

fn stream_socket(like: SocketAddr) -> io::Result<OwnedFd> {
    let family = if like.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}

/// Both addresses of a connected TCP socket; whatever else a captured child may send is refused.
fn ends(control: BorrowedFd<'_>) -> io::Result<(SocketAddr, SocketAddr)> {
    let domain = sockopt::socket_domain(control)?;
    let tcp = sockopt::socket_protocol(control)? == Some(rustix::net::ipproto::TCP);
    if !tcp || !matches!(domain, AddressFamily::INET | AddressFamily::INET6) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let stream = TcpStream::from(control.try_clone_to_owned()?);
    Ok((stream.local_addr()?, stream.peer_addr()?))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

struct Route<'a> {
    interface: &'a str,
    gateway: Option<Ipv4Addr>,
    metric: u32,
}

/// Default routes in `/proc/net/route`: interface, destination, gateway, flags, two counters, metric, mask;
/// addresses as hexadecimal words in the machine's byte order.
fn routes4(table: &str) -> impl Iterator<Item = Route<'_>> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let word = |at: usize| fields.get(at).and_then(|text| u32::from_str_radix(text, 16).ok());
        let default = word(1)? == 0 && word(7)? == 0 && word(3)? & u32::from(libc::RTF_UP) != 0;
        let gateway = Some(word(2)?).filter(|word| *word != 0);
        default.then_some(Route {
            interface: fields.first()?,
            gateway: gateway.map(|word| Ipv4Addr::from(word.to_ne_bytes())),
            metric: fields.get(6)?.parse().ok()?,
        })
    })
}

/// Fields of the default routes in `/proc/net/ipv6_route`: destination and its prefix length come first, the
/// next hop fifth, the interface last. The kernel's own reject route on `lo` is no way out.
fn routes6(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|fields| {
        fields.len() == 10
            && fields.first().is_some_and(|to| to.bytes().all(|byte| byte == b'0'))
            && fields.get(1) == Some(&"00")
            && fields.last() != Some(&"lo")
    })
}

fn gateways6(table: &str) -> impl Iterator<Item = IpAddr> {
    routes6(table).filter_map(|fields| {
        let hop = Ipv6Addr::from(u128::from_str_radix(fields.get(4)?, 16).ok()?);
        (!hop.is_unspecified()).then_some(IpAddr::V6(hop))
    })
}

fn interface6(table: &str) -> Option<String> {
    routes6(table).next()?.last().map(|name| (*name).to_owned())
}

fn name_servers_in(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        // A link-local address may name its interface behind a percent sign.
        address.split('%').next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\nbroken\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn default_routes_are_read() {
        let found: Vec<_> =
            routes4(ROUTES).map(|route| (route.interface, route.gateway.unwrap(), route.metric)).collect();
        assert_eq!(found, [("wlan0", [192, 168, 1, 1].into(), 600), ("eth0", [10, 0, 0, 1].into(), 100)]);
        let six = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
            fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n\
            00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
            00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
        assert_eq!(gateways6(six).collect::<Vec<_>>(), ["fe80::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(interface6(six).as_deref(), Some("eth0"));
        assert!(routes4("").next().is_none() && interface6("x").is_none());
    }

    #[test]
    fn name_servers_are_read() {
        let text = "# nameserver 9.9.9.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver x\n";
        let found: Vec<_> = name_servers_in(text).map(|ip| ip.to_string()).collect();
        assert_eq!(found, ["192.0.2.53", "fe80::1"]);
        let _ = (gateways(), name_servers(), capture_interface());
    }

    #[test]
    fn side_connections_go_to_the_peer_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (control, _) = listener.accept().unwrap();

        let (_side, address) = side_listener(control.as_fd()).unwrap();
        assert_eq!(address.ip(), control.local_addr().unwrap().ip());
        TcpStream::connect(address).unwrap();

        let waiting = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = waiting.local_addr().unwrap().port();
        let _out = side_connection(control.as_fd(), port).unwrap();
        assert_eq!(waiting.accept().unwrap().1.ip(), peer.local_addr().unwrap().ip());
        assert_eq!(side_connection(control.as_fd(), 22).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        let (unix, _) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(side_listener(unix.as_fd()).is_err() && side_connection(listener.as_fd(), 5000).is_err());
    }

    #[test]
    fn loopback_is_among_the_networks() {
        assert!(networks().unwrap().contains(&"127.0.0.1/8".parse().unwrap()));
    }
}
