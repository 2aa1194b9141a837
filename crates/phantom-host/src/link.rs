//! The two channels of a honeypot host.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use phantom_core::frame::{
    FromCore, FromSupervisor, HostStatus, MAX_FRAME, ToCore, ToSupervisor, decode, encode,
};
use phantom_sys::channel::Channel;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};

use crate::{Host, HostError, system};

/// Sends evidence as fast as the core takes it.
pub(crate) async fn send(host: Rc<Host>, core: Rc<AsyncFd<Channel>>) -> Result<(), HostError> {
    poll_fn(|cx| {
        loop {
            match host.outbox.send(core.get_ref(), cx.waker()) {
                Ok(true) => return Poll::Pending,
                Ok(false) => {
                    let mut guard = ready!(core.poll_write_ready(cx)).map_err(system("core channel"))?;
                    guard.clear_ready();
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    })
    .await
}

/// Takes acknowledgements.
pub(crate) async fn receive(host: Rc<Host>, core: Rc<AsyncFd<Channel>>) -> Result<(), HostError> {
    let mut buffer = vec![0; MAX_FRAME];
    loop {
        let length = recv(&core, &mut buffer).await?.0;
        match decode(buffer.get(..length).unwrap_or_default())? {
            FromCore::Hello => host.outbox.restart(),
            FromCore::Ack { process, through } => host.outbox.acknowledge(process, through),
            FromCore::Hold(hold) => host.outbox.hold(hold),
        }
    }
}

/// Says once a second how the host is doing; skipped while the core is behind.
pub(crate) async fn status(host: Rc<Host>, core: Rc<AsyncFd<Channel>>) -> Result<(), HostError> {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = HostStatus {
            open: host.census.open(),
            sessions: host.census.sessions(),
            refused: host.census.refused(),
            ..HostStatus::default()
        };
        if host.outbox.introduced() {
            core.get_ref().try_send(&encode(&ToCore::Status(status))?)?;
        }
    }
}

/// A wish for the supervisor, the control connection it concerns, and where the answer goes.
type Question = (ToSupervisor, OwnedFd, oneshot::Sender<Answer>);

/// The supervisor's answer with what came attached.
type Answer = (FromSupervisor, Option<OwnedFd>);

/// What came of a wish.
pub(crate) enum Granted {
    /// A listener.
    Listener(SocketAddr, OwnedFd),
    /// A connection in progress.
    Connection(OwnedFd),
}

/// Where sessions put their wishes.
pub(crate) struct Asker(mpsc::Sender<Question>);

/// The two ends of the way to [`ask`]. Sessions wait for a place when 64 wishes are pending.
pub(crate) fn asker() -> (Asker, mpsc::Receiver<Question>) {
    let (sender, receiver) = mpsc::channel(64);
    (Asker(sender), receiver)
}

impl Asker {
    /// Asks and waits; `None` is a refusal.
    pub(crate) async fn ask(&self, wish: ToSupervisor, control: OwnedFd) -> Option<Granted> {
        let (answer, answered) = oneshot::channel();
        self.0.send((wish, control, answer)).await.ok()?;
        match answered.await.ok()? {
            (FromSupervisor::Listening(address), Some(fd)) => Some(Granted::Listener(address, fd)),
            (FromSupervisor::Connecting, Some(fd)) => Some(Granted::Connection(fd)),
            _ => None,
        }
    }
}

/// Carries wishes to the supervisor one after another. A session that has given up waiting does not disturb
/// the order of answers: its answer is still taken, and the descriptor closed.
pub(crate) async fn ask(
    supervisor: Channel,
    mut questions: mpsc::Receiver<Question>,
) -> Result<(), HostError> {
    let supervisor = supervisor.into_async().map_err(system("register supervisor channel"))?;
    let mut buffer = vec![0; MAX_FRAME];
    while let Some((wish, control, answer)) = questions.recv().await {
        let wish = encode(&wish)?;
        while !supervisor.get_ref().try_send_with_fd(&wish, control.as_fd())? {
            supervisor.writable().await.map_err(system("supervisor channel"))?.clear_ready();
        }
        drop(control);
        let (length, fd) = recv(&supervisor, &mut buffer).await?;
        let _ = answer.send((decode(buffer.get(..length).unwrap_or_default())?, fd));
    }
    Ok(())
}

async fn recv(channel: &AsyncFd<Channel>, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), HostError> {
    loop {
        let mut guard = channel.readable().await.map_err(system("channel"))?;
        match channel.get_ref().try_recv_with_fd(buffer)? {
            Some(received) => return Ok(received),
            None => guard.clear_ready(),
        }
    }
}
