//! Frames between the processes of a node, over `SOCK_SEQPACKET` socket pairs: one frame a message.
//!
//! Both processes and the supervisor hold the same open file description of an end, so `O_NONBLOCK`, which
//! belongs to the description, is never set: each call says itself whether it waits.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use phantom_core::frame::MAX_FRAME;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

/// Why a frame could not be sent or received.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The other end is gone.
    #[error("channel: the other end is closed")]
    Closed,
    /// A frame is between 1 and [`MAX_FRAME`] bytes long.
    #[error("channel: a frame of {0} bytes is empty or over the cap of {MAX_FRAME}")]
    Length(usize),
    /// The message was longer than the buffer; what arrived of it is lost.
    #[error("channel: message longer than the buffer of {0} bytes")]
    Truncated(usize),
    /// The kernel's limit on socket buffers is too small for a frame.
    #[error(
        "channel: socket buffer of {got} bytes cannot hold a frame of {MAX_FRAME}; raise net.core.wmem_max"
    )]
    Buffer {
        /// What the kernel granted, in bytes.
        got: usize,
    },
    /// Not a socket pair of this kind.
    #[error("channel: descriptor is not a SOCK_SEQPACKET socket")]
    NotAChannel,
    /// The call failed.
    #[error("channel: {0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for ChannelError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Self::Closed,
            other => Self::Io(other.into()),
        }
    }
}

/// One end of a channel.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// Asked of the kernel, which doubles it and caps it by `net.core.wmem_max` unless the caller is privileged:
/// room for about ten of the largest frames, so that a burst of evidence does not wait for each wake-up.
const BUFFER: usize = 2 * 1024 * 1024;

/// `unix_dgram_sendmsg` refuses a message longer than the send buffer minus 32 bytes.
const BUFFER_SLACK: usize = 32;

/// Two connected ends; close-on-exec, blocking, and able to carry [`MAX_FRAME`] either way.
///
/// # Errors
/// [`ChannelError::Buffer`] where the kernel does not grant the buffers; [`ChannelError::Io`] otherwise.
pub fn pair() -> Result<(Channel, Channel), ChannelError> {
    let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    for end in [&a, &b] {
        if sockopt::set_socket_send_buffer_size_force(end, BUFFER).is_err() {
            sockopt::set_socket_send_buffer_size(end, BUFFER)?;
        }
        if sockopt::set_socket_recv_buffer_size_force(end, BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(end, BUFFER)?;
        }
        let got = sockopt::socket_send_buffer_size(end)?;
        if got < MAX_FRAME + BUFFER_SLACK {
            return Err(ChannelError::Buffer { got });
        }
    }
    Ok((Channel(a), Channel(b)))
}

impl Channel {
    /// Takes over a descriptor inherited from the process that made the pair.
    ///
    /// # Errors
    /// [`ChannelError::NotAChannel`] when it is something else.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, ChannelError> {
        match sockopt::socket_type(&fd) {
            Ok(SocketType::SEQPACKET) => Ok(Self(fd)),
            _ => Err(ChannelError::NotAChannel),
        }
    }

    /// Another descriptor of the same end, close-on-exec.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn try_clone(&self) -> Result<Self, ChannelError> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Sends one frame, waiting for room.
    ///
    /// # Errors
    /// [`ChannelError`]; the frame was not sent then.
    pub fn send(&self, frame: &[u8]) -> Result<(), ChannelError> {
        self.send_message(frame, None, SendFlags::empty())
    }

    /// Sends one frame with a descriptor attached, waiting for room.
    ///
    /// # Errors
    /// [`ChannelError`]; neither was sent then.
    pub fn send_with_fd(&self, frame: &[u8], fd: BorrowedFd<'_>) -> Result<(), ChannelError> {
        self.send_message(frame, Some(fd), SendFlags::empty())
    }

    /// Sends one frame if there is room now; whether it did.
    ///
    /// # Errors
    /// [`ChannelError`], but not for want of room.
    pub fn try_send(&self, frame: &[u8]) -> Result<bool, ChannelError> {
        would_block(self.send_message(frame, None, SendFlags::DONTWAIT)).map(|sent| sent.is_some())
    }

    /// Sends one frame with a descriptor attached if there is room now; whether it did.
    ///
    /// # Errors
    /// [`ChannelError`], but not for want of room.
    pub fn try_send_with_fd(&self, frame: &[u8], fd: BorrowedFd<'_>) -> Result<bool, ChannelError> {
        would_block(self.send_message(frame, Some(fd), SendFlags::DONTWAIT)).map(|sent| sent.is_some())
    }

    /// Receives one frame into `buffer`, waiting for one, and returns its length. Descriptors attached to it
    /// are closed.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] at the end, [`ChannelError::Truncated`] for a message that did not fit.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        self.recv_message(buffer, RecvFlags::empty()).map(|(length, _)| length)
    }

    /// Receives one frame and the descriptor attached to it, if any, waiting for one. More than one attached
    /// descriptor are closed but for the first. What is received is close-on-exec.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn recv_with_fd(&self, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), ChannelError> {
        self.recv_message(buffer, RecvFlags::empty())
    }

    /// As [`Channel::recv`], but `None` when no frame is there now.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<Option<usize>, ChannelError> {
        would_block(self.recv_message(buffer, RecvFlags::DONTWAIT))
            .map(|received| received.map(|(length, _)| length))
    }

    /// As [`Channel::recv_with_fd`], but `None` when no frame is there now.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn try_recv_with_fd(
        &self,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, Option<OwnedFd>)>, ChannelError> {
        would_block(self.recv_message(buffer, RecvFlags::DONTWAIT))
    }

    /// Waits until a frame (or the end) is there; `false` when the time is up first.
    ///
    /// # Errors
    /// When `poll` fails.
    pub fn wait_readable(&self, timeout: Duration) -> Result<bool, ChannelError> {
        wait(self.0.as_fd(), PollFlags::IN, timeout).map_err(ChannelError::Io)
    }

    /// Registers the channel with the present tokio runtime: wait with the readiness of the result, then use
    /// the `try_` calls.
    ///
    /// # Errors
    /// When it cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime with its I/O enabled.
    pub fn into_async(self) -> io::Result<AsyncFd<Self>> {
        // SAFETY: the channel owns its descriptor, keeps it open for its whole life, hands out no `&mut` by
        // which it could be replaced, and always names the same one.
        unsafe { AsyncFd::register(self) }.map_err(io::Error::from)
    }

    fn send_message(
        &self,
        frame: &[u8],
        fd: Option<BorrowedFd<'_>>,
        flags: SendFlags,
    ) -> Result<(), ChannelError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(ChannelError::Length(frame.len()));
        }
        let attached = fd.map(|fd| [fd]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(fds) = &attached {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let sent =
            retry(|| sendmsg(&self.0, &[IoSlice::new(frame)], &mut control, flags | SendFlags::NOSIGNAL))?;
        // SOCK_SEQPACKET sends a message whole or not at all.
        if sent == frame.len() { Ok(()) } else { Err(ChannelError::Truncated(sent)) }
    }

    fn recv_message(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
    ) -> Result<(usize, Option<OwnedFd>), ChannelError> {
        let room = buffer.len();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut receive = || {
            retry(|| {
                recvmsg(
                    &self.0,
                    &mut [IoSliceMut::new(buffer)],
                    &mut control,
                    flags | RecvFlags::CMSG_CLOEXEC,
                )
            })
        };
        // A peer that ended with something unread is reported once, in front of what it sent before (unix(7)).
        let message = match receive() {
            Err(Errno::CONNRESET) => receive(),
            other => other,
        }?;
        let mut first = None;
        for attached in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = attached {
                // Those that are not kept close themselves when dropped.
                fds.for_each(|fd| first = first.take().or(Some(fd)));
            }
        }
        if message.flags.contains(ReturnFlags::TRUNC) {
            return Err(ChannelError::Truncated(room));
        }
        // Empty frames are never sent, so that no bytes can only mean the end.
        if message.bytes == 0 { Err(ChannelError::Closed) } else { Ok((message.bytes, first)) }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

/// Polls one descriptor; `false` when the time is up.
pub(crate) fn wait(fd: BorrowedFd<'_>, events: PollFlags, timeout: Duration) -> io::Result<bool> {
    let until = std::time::Instant::now().checked_add(timeout);
    loop {
        let left = match until {
            Some(until) => until.saturating_duration_since(std::time::Instant::now()),
            None => timeout,
        };
        let spec = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i32::MAX.into()),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&spec)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

fn would_block<T>(result: Result<T, ChannelError>) -> Result<Option<T>, ChannelError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn the_largest_frame_passes_and_larger_or_empty_ones_do_not() {
        let (a, b) = pair().unwrap();
        let frame: Vec<u8> = (0..MAX_FRAME).map(|i| u8::try_from(i % 251).unwrap()).collect();
        a.send(&frame).unwrap();
        let mut buffer = vec![0; MAX_FRAME];
        assert_eq!(b.recv(&mut buffer).unwrap(), MAX_FRAME);
        assert!(buffer == frame);
        assert!(matches!(a.send(&[]), Err(ChannelError::Length(0))));
        assert!(matches!(a.send(&vec![0; MAX_FRAME + 1]), Err(ChannelError::Length(_))));
    }

    #[test]
    fn a_full_channel_says_so_and_an_empty_one_too() {
        let (a, b) = pair().unwrap();
        let mut buffer = vec![0; MAX_FRAME];
        assert!(b.try_recv(&mut buffer).unwrap().is_none());
        assert!(!b.wait_readable(Duration::from_millis(1)).unwrap());
        let mut sent = 0;
        while a.try_send(&buffer).unwrap() {
            sent += 1;
        }
        assert!(sent >= 1);
        assert!(b.wait_readable(Duration::ZERO).unwrap());
        for _ in 0..sent {
            assert_eq!(b.try_recv(&mut buffer).unwrap(), Some(MAX_FRAME));
        }
        assert!(a.try_send(b"again").unwrap());
    }

    #[test]
    fn truncation_and_the_end_are_errors() {
        let (a, b) = pair().unwrap();
        a.send(b"too long").unwrap();
        a.send(b"fits").unwrap();
        let mut small = [0; 4];
        assert!(matches!(b.recv(&mut small), Err(ChannelError::Truncated(4))));
        assert_eq!(b.recv(&mut small).unwrap(), 4);
        drop(a);
        assert!(matches!(b.recv(&mut small), Err(ChannelError::Closed)));
        assert!(matches!(b.send(b"x"), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_descriptor_travels_with_its_frame() {
        let (a, b) = pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        a.send_with_fd(b"here", writer.as_fd()).unwrap();
        drop(writer);
        let mut buffer = [0; 16];
        let (length, fd) = b.recv_with_fd(&mut buffer).unwrap();
        assert_eq!(length, 4);
        let mut writer = io::PipeWriter::from(fd.unwrap());
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "through");
    }

    #[test]
    fn unwanted_descriptors_are_closed() {
        let (a, b) = pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let fds = [writer.as_fd(), writer.as_fd(), writer.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&a, &[IoSlice::new(b"three")], &mut control, SendFlags::empty()).unwrap();
        a.send_with_fd(b"one", writer.as_fd()).unwrap();
        drop(writer);
        let mut buffer = [0; 16];
        let (_, first) = b.recv_with_fd(&mut buffer).unwrap();
        assert!(first.is_some());
        b.recv(&mut buffer).unwrap();
        drop(first);
        // The pipe ends only when no copy of its writer is left.
        assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn only_a_channel_is_taken_for_one() {
        let (a, _b) = pair().unwrap();
        assert!(Channel::from_fd(a.try_clone().unwrap().into()).is_ok());
        let (reader, _writer) = io::pipe().unwrap();
        assert!(matches!(Channel::from_fd(reader.into()), Err(ChannelError::NotAChannel)));
    }
}
