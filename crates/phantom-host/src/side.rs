//! The side connection of a session (FTP data).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

/// At most one, in one of these states.
#[derive(Default)]
pub(crate) enum Side {
    /// There is none.
    #[default]
    None,
    /// The peer may connect to this.
    Listening(TcpListener),
    /// On its way to the peer, until the time is up.
    Connecting(TcpStream, Pin<Box<Sleep>>),
    /// It stands.
    Open(TcpStream),
    /// The peer has ended its half; ours still stands.
    Ended(TcpStream),
}

/// vsftpd 3.0.3 gives an active data connection so long (`connect_timeout`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Something that happened; the bytes of [`Happening::Bytes`] are in the buffer given to [`Side::poll`].
pub(crate) enum Happening {
    Connected,
    Bytes(usize),
    Ended,
    Failed,
}

impl Side {
    /// From the supervisor's listener.
    pub(crate) fn listening(fd: OwnedFd) -> io::Result<Self> {
        let listener = std::net::TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        Ok(Self::Listening(TcpListener::from_std(listener)?))
    }

    /// From the supervisor's connection in progress.
    pub(crate) fn connecting(fd: OwnedFd) -> io::Result<Self> {
        let stream = std::net::TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        Ok(Self::Connecting(TcpStream::from_std(stream)?, Box::pin(tokio::time::sleep(CONNECT_TIMEOUT))))
    }

    /// The next thing that happens, accepted from `peer` alone.
    pub(crate) fn poll(&mut self, peer: IpAddr, buffer: &mut [u8], cx: &mut Context<'_>) -> Poll<Happening> {
        loop {
            match self {
                Self::None | Self::Ended(_) => return Poll::Pending,
                Self::Listening(listener) => match ready!(listener.poll_accept(cx)) {
                    Ok((stream, from)) if canonical(from) == peer => {
                        *self = Self::Open(stream);
                        return Poll::Ready(Happening::Connected);
                    }
                    // Somebody else's connection is closed, and an error of accept is that of one connection.
                    Ok(_) | Err(_) => {}
                },
                Self::Connecting(stream, timeout) => {
                    if timeout.as_mut().poll(cx).is_ready() {
                        return self.fail();
                    }
                    let ready = ready!(stream.poll_write_ready(cx));
                    return match ready.and_then(|()| stream.take_error()) {
                        Ok(None) => self.stand(),
                        _ => self.fail(),
                    };
                }
                Self::Open(stream) => {
                    if ready!(stream.poll_read_ready(cx)).is_err() {
                        return self.fail();
                    }
                    match stream.try_read(buffer) {
                        Ok(0) => return self.end(),
                        Ok(length) => return Poll::Ready(Happening::Bytes(length)),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return self.fail(),
                    }
                }
            }
        }
    }

    /// Gives it up; what happened meanwhile is told as a failure.
    pub(crate) fn fail(&mut self) -> Poll<Happening> {
        *self = Self::None;
        Poll::Ready(Happening::Failed)
    }

    fn stand(&mut self) -> Poll<Happening> {
        if let Self::Connecting(stream, _) = std::mem::take(self) {
            *self = Self::Open(stream);
        }
        Poll::Ready(Happening::Connected)
    }

    fn end(&mut self) -> Poll<Happening> {
        if let Self::Open(stream) = std::mem::take(self) {
            *self = Self::Ended(stream);
        }
        Poll::Ready(Happening::Ended)
    }
}

/// An address without the clothes of IPv4 in IPv6.
pub(crate) fn canonical(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
