//! Packets from the kernel without a copy: an `AF_PACKET` socket with a `TPACKET_V3` receive ring
//! (Documentation/networking/packet_mmap.rst).
//!
//! The supervisor, which has `CAP_NET_RAW`, calls [`open`]; the jailed child calls [`Ring::from_fd`].

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use thiserror::Error;

/// Why there are no packets.
#[derive(Debug, Error)]
pub enum RingError {
    /// No such interface, or it is down or gone.
    #[error("capture on {interface}: {source}")]
    Interface {
        /// Its name.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
    /// The socket or its ring could not be set up.
    #[error("capture: {step}: {source}")]
    Setup {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The interface went down or away, or the socket failed.
    #[error("capture: {0}")]
    Broken(io::Error),
    /// The descriptor has no ring of the shape [`open`] makes.
    #[error("capture: descriptor is not a packet ring")]
    NotARing,
}

/// Bytes of a block: the unit in which the kernel hands packets over. A packet longer than a block is cut.
const BLOCK: usize = 1 << 18;
/// Blocks of the ring: 16 MiB, a tenth of a second of a full gigabit link.
const BLOCKS: usize = 64;
/// The kernel hands a block over at the latest after so many milliseconds, full or not.
const RETIRE_MS: u32 = 20;
/// Only a hint of version 3 of the ring, but it must divide a block (packet_mmap.rst).
const FRAME: usize = 2048;

/// Opens a ring on an interface: neither promiscuous nor able to see another interface. Needs `CAP_NET_RAW`.
/// [`crate::net::capture_interface`] finds the interface meant by `auto`.
///
/// # Errors
/// [`RingError`] names the interface or the step.
pub fn open(interface: &str) -> Result<OwnedFd, RingError> {
    let fail = |source| RingError::Interface { interface: interface.into(), source };
    let name = std::ffi::CString::new(interface).map_err(|_| fail(io::ErrorKind::InvalidInput.into()))?;
    // SAFETY: a NUL-terminated string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(fail(io::Error::last_os_error()));
    }
    // Protocol 0: nothing is received before the bind below, so that no packet of another interface gets in.
    // SAFETY: creating a socket touches no memory.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(RingError::Setup { step: "packet socket", source: io::Error::last_os_error() });
    }
    // SAFETY: just opened and owned by nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    let option = |step, name, value: &[u8]| {
        set_option(&fd, name, value).map_err(|source| RingError::Setup { step, source })
    };
    option("ring version", libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as i32).to_ne_bytes())?;
    let words = [BLOCK, BLOCKS, FRAME, BLOCK / FRAME * BLOCKS]
        .map(|word| u32::try_from(word).unwrap_or(0))
        .into_iter()
        .chain([RETIRE_MS, 0, 0]);
    let request: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
    option("ring", libc::PACKET_RX_RING, &request)?;

    // SAFETY: all fields of this plain structure may be zero.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index.cast_signed();
    // SAFETY: pointer and length are those of a structure that lives through the call.
    let bound = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if bound < 0 {
        return Err(fail(io::Error::last_os_error()));
    }
    Ok(fd)
}

fn set_option(fd: &OwnedFd, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: pointer and length are those of `value`; the kernel copies them.
    let set =
        unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, name, value.as_ptr().cast(), length) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn get_option<const WORDS: usize>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<[u32; WORDS]> {
    let mut value = [0u32; WORDS];
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`, which any bytes make valid.
    let got =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length) };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

/// A packet, valid until the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Nanoseconds since the Unix epoch, by the kernel's clock.
    pub at: i64,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// From the link-layer header on, with the VLAN tag where it stood on the wire.
    pub bytes: &'a [u8],
    /// Sent by this host rather than received.
    pub outgoing: bool,
}

/// Packets lost and seen since the last time asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingCounters {
    /// Put into the ring or dropped.
    pub packets: u32,
    /// Dropped since the ring was full.
    pub drops: u32,
}

/// The receiving side of a ring.
#[derive(Debug)]
pub struct Ring {
    fd: OwnedFd,
    map: NonNull<u8>,
    block: usize,
    /// Within the present block: where the next packet header is and how many are left.
    next: usize,
    left: u32,
    holding: bool,
    hardware: u16,
    /// A packet whose VLAN tag had to be put back.
    tagged: Vec<u8>,
}

// SAFETY: the mapping belongs to this value alone and is only reached through `&mut self`.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of a descriptor from [`open`].
    ///
    /// # Errors
    /// [`RingError::NotARing`] when it is none, [`RingError::Setup`] when it cannot be mapped.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, RingError> {
        match get_option::<1>(fd.as_fd(), libc::SOL_PACKET, libc::PACKET_VERSION) {
            Ok([version]) if version == libc::tpacket_versions::TPACKET_V3 as u32 => {}
            _ => return Err(RingError::NotARing),
        }
        // SAFETY: a new mapping at a place of the kernel's choice.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BLOCK * BLOCKS,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if map == libc::MAP_FAILED {
            // `EINVAL` here means a ring of another size.
            return Err(RingError::Setup { step: "map ring", source: io::Error::last_os_error() });
        }
        let map = NonNull::new(map.cast()).ok_or(RingError::NotARing)?;
        let hardware = hardware(&fd)
            .map_err(|source| RingError::Setup { step: "ask for the interface's type", source })?;
        Ok(Self { fd, map, block: 0, next: 0, left: 0, holding: false, hardware, tagged: Vec::new() })
    }

    /// The next packet, waiting at most so long; `None` when the time is up.
    ///
    /// # Errors
    /// [`RingError::Broken`] when the interface went down or away.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Frame<'_>>, RingError> {
        let mut waited = false;
        loop {
            if self.left == 0 && !self.take_block() {
                if waited {
                    return Ok(None);
                }
                waited = true;
                let ready = crate::channel::wait(self.fd.as_fd(), PollFlags::IN | PollFlags::ERR, timeout)
                    .map_err(RingError::Broken)?;
                if ready {
                    self.check()?;
                }
                continue;
            }
            let Some(header) = self.take_header() else {
                // A block that does not fit together is given back whole.
                self.left = 0;
                continue;
            };
            // The kernel shows each packet of the loopback interface twice, as sent and as received.
            if self.hardware == libc::ARPHRD_LOOPBACK && header.outgoing {
                continue;
            }
            return Ok(Some(self.frame(header)));
        }
    }

    /// Whether frames begin with an Ethernet header, as on loopback too; else with the IP header (tunnels).
    pub fn is_ethernet(&self) -> bool {
        matches!(self.hardware, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
    }

    /// Counters since the last call, which resets them (`PACKET_STATISTICS`).
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn counters(&self) -> Result<RingCounters, RingError> {
        let [packets, drops, _freezes] =
            get_option(self.fd.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)
                .map_err(RingError::Broken)?;
        Ok(RingCounters { packets, drops })
    }

    /// The socket's pending error: `ENETDOWN` once the interface has gone down.
    fn check(&self) -> Result<(), RingError> {
        match get_option(self.fd.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR).map_err(RingError::Broken)? {
            [0] => Ok(()),
            [error] => Err(RingError::Broken(io::Error::from_raw_os_error(error.cast_signed()))),
        }
    }

    /// Gives the present block back and takes the next one if the kernel has filled it.
    fn take_block(&mut self) -> bool {
        if self.holding {
            self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.holding = false;
            self.block = (self.block + 1) % BLOCKS;
        }
        if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return false;
        }
        self.holding = true;
        self.left = self.word(NUM_PKTS);
        self.next = self.word(OFFSET_TO_FIRST_PKT) as usize;
        true
    }

    /// The status word of the present block, by which it changes hands.
    fn status(&self) -> &AtomicU32 {
        // SAFETY: within the mapping, aligned to four since blocks are aligned to pages; the kernel writes it
        // with atomic stores and so do we.
        unsafe { AtomicU32::from_ptr(self.map.as_ptr().add(self.block * BLOCK + BLOCK_STATUS).cast()) }
    }

    /// The present block, which the kernel does not touch while it is ours.
    fn bytes(&self) -> &[u8] {
        // SAFETY: `block < BLOCKS`, so the range is within the mapping; the kernel has handed the block over
        // (`take_block` saw its status with acquire ordering) and writes it again only after it was given
        // back, for which `&mut self` is needed while this borrow lives.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.block * BLOCK), BLOCK) }
    }

    fn word(&self, at: usize) -> u32 {
        word(self.bytes(), at).unwrap_or(0)
    }

    fn take_header(&mut self) -> Option<Header> {
        let header = Header::read(self.bytes(), self.next)?;
        self.left -= 1;
        self.next += header.to_next;
        Some(header)
    }

    fn frame(&mut self, header: Header) -> Frame<'_> {
        let Header { at, wire_len, start, length, vlan, outgoing, .. } = header;
        let Some((tci, tpid)) = vlan else {
            let bytes = self.bytes().get(start..start + length).unwrap_or_default();
            return Frame { at, wire_len, bytes, outgoing };
        };
        let mut tagged = std::mem::take(&mut self.tagged);
        tagged.clear();
        let bytes = self.bytes().get(start..start + length).unwrap_or_default();
        // The tag stands after the two addresses of Ethernet, six bytes each.
        let (addresses, rest) = bytes.split_at(bytes.len().min(12));
        tagged.extend_from_slice(addresses);
        tagged.extend_from_slice(&tpid.to_be_bytes());
        tagged.extend_from_slice(&tci.to_be_bytes());
        tagged.extend_from_slice(rest);
        self.tagged = tagged;
        Frame { at, wire_len: wire_len.saturating_add(4), bytes: &self.tagged, outgoing }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `from_fd`, to which no reference is left.
        unsafe { libc::munmap(self.map.as_ptr().cast(), BLOCK * BLOCKS) };
    }
}

/// Hardware type of the socket's interface (linux/if_arp.h).
fn hardware(fd: &OwnedFd) -> io::Result<u16> {
    // SAFETY: all fields of this plain structure may be zero.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length are those of a structure that any bytes make valid.
    let got = unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
    if got == 0 { Ok(address.sll_hatype) } else { Err(io::Error::last_os_error()) }
}

/// Offsets in `struct tpacket_block_desc` (linux/if_packet.h): version, offset_to_priv, then
/// `struct tpacket_hdr_v1`: block_status, num_pkts, offset_to_first_pkt.
const BLOCK_STATUS: usize = 8;
const NUM_PKTS: usize = 12;
const OFFSET_TO_FIRST_PKT: usize = 16;

/// What `struct tpacket3_hdr` and the `sockaddr_ll` behind it say of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    to_next: usize,
    at: i64,
    wire_len: u32,
    start: usize,
    length: usize,
    /// Tag control information and protocol id of the tag that the interface took off.
    vlan: Option<(u16, u16)>,
    outgoing: bool,
}

/// `TPACKET_ALIGN(sizeof(struct tpacket3_hdr))`, where the `sockaddr_ll` stands.
const ADDRESS_AT: usize = 48;

impl Header {
    /// `None` when anything lies outside of the block.
    fn read(block: &[u8], at: usize) -> Option<Self> {
        let header = block.get(at..)?;
        let to_next = word(header, 0)? as usize;
        let seconds = i64::from(word(header, 4)?);
        let nanos = i64::from(word(header, 8)?);
        let snapped = word(header, 12)? as usize;
        let wire_len = word(header, 16)?;
        let status = word(header, 20)?;
        let mac = half(header, 24)? as usize;
        let vlan = if status & libc::TP_STATUS_VLAN_VALID == 0 {
            None
        } else {
            let tci = u16::try_from(word(header, 32)? & 0xffff).ok()?;
            let valid = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            // 0x8100: IEEE 802.1Q, the only tag of kernels that do not say which.
            Some((tci, if valid { half(header, 36)? } else { 0x8100 }))
        };
        // `sll_pkttype` is the eleventh byte of `sockaddr_ll`.
        let outgoing = *header.get(ADDRESS_AT + 10)? == libc::PACKET_OUTGOING;
        header.get(mac..mac.checked_add(snapped)?)?;
        Some(Self {
            to_next,
            at: seconds * 1_000_000_000 + nanos,
            wire_len,
            start: at + mac,
            length: snapped,
            vlan,
            outgoing,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_ring_is_taken_for_one() {
        let (reader, _writer) = io::pipe().unwrap();
        assert!(matches!(Ring::from_fd(reader.into()), Err(RingError::NotARing)));
        let missing = open("no-such-if0").unwrap_err().to_string();
        assert!(missing.starts_with("capture on no-such-if0: No such device"), "{missing}");
    }

    proptest! {
        #[test]
        fn headers_stay_within_their_block(bytes: Vec<u8>, at in 0usize..200) {
            if let Some(header) = Header::read(&bytes, at) {
                prop_assert!(bytes.get(header.start..header.start + header.length).is_some());
            }
        }
    }
}
