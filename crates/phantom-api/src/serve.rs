//! The listener: connection caps, header and write time limits, an orderly end.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tower::Service as _;

use crate::ApiState;
use crate::state::{Counts, Peer};

/// A client has this long for the head of a request, and this long between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// A client that takes nothing for this long is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a request's head.
const HEAD: usize = 16 * 1024;
/// Most header fields of a request.
const FIELDS: usize = 64;
/// Open requests have this long once the node stops.
const GRACE: Duration = Duration::from_secs(5);

/// Answers on `listener` until `shutdown` is done, then lets open requests finish for five seconds. The
/// listener may already be bound by a process with more rights.
///
/// # Errors
/// When the listener cannot be used; failures of single connections are logged and survived.
pub async fn serve(
    listener: std::net::TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let router = crate::routes::router(state.clone());
    let places = Places::new(state.settings().connections);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, or a peer that left before it was accepted.
                    tracing::warn!(%error, "the API cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        match places.take(peer.ip().to_canonical()) {
            Some(place) => {
                connections.spawn(connection(stream, peer, router.clone(), state.clone(), place));
            }
            None => Counts::add(&state.counts().turned_away, 1),
        }
    }
    drop(listener);
    state.closing().send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        connections.abort_all();
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: axum::Router,
    state: ApiState,
    place: Place,
) {
    let _place = place;
    let _ = stream.set_nodelay(true);
    let from = Peer(peer.ip().to_canonical());
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(from);
        router.clone().call(request)
    });
    let http = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .serve_connection(TokioIo::new(Stalling::new(stream)), service);
    let mut http = std::pin::pin!(http);
    let mut closing = state.closing().subscribe();
    let result = tokio::select! {
        result = &mut http => result,
        () = async { drop(closing.wait_for(|closing| *closing).await) } => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "an API connection ended badly");
    }
}

/// Connections held, by address.
#[derive(Clone)]
struct Places {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    cap: usize,
}

struct Place {
    places: Places,
    from: IpAddr,
}

impl Places {
    fn new(cap: usize) -> Self {
        Self { held: Arc::default(), cap: cap.max(2) }
    }

    fn take(&self, from: IpAddr) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all: usize = held.values().sum();
        let own = held.get(&from).copied().unwrap_or(0);
        let most = if from.is_loopback() { self.cap } else { self.cap / 2 };
        if all >= self.cap || own >= most {
            return None;
        }
        held.insert(from, own + 1);
        Some(Place { places: self.clone(), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match held.get_mut(&self.from) {
            Some(n) if *n > 1 => *n -= 1,
            _ => {
                held.remove(&self.from);
            }
        }
    }
}

/// A stream that fails once a write has waited for [`WRITE_TIMEOUT`]: hyper itself waits for ever.
struct Stalling<T> {
    inner: T,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<T> Stalling<T> {
    fn new(inner: T) -> Self {
        Self { inner, stall: None }
    }

    fn watch<R>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if result.is_ready() {
            self.stall = None;
            return result;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_TIMEOUT)));
        match stall.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[test]
    fn one_address_cannot_take_every_place() {
        let places = Places::new(4);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let held = [places.take(one), places.take(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(one).is_none());
        assert!(places.take("192.0.2.2".parse().unwrap()).is_some());
        drop(held);
        assert!(places.take(one).is_some());
        assert!(places.held.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stalls_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let mut stream = Stalling::new(ours);
        stream.write_all(b"12345678").await.unwrap();
        let before = Instant::now();
        assert_eq!(stream.write_all(b"9").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(before.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    }
}
