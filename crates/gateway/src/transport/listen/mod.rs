//! The accept loop: several listeners, limits on connections and their time, TLS, graceful end.

mod files;
mod paced;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub use files::raise_open_files;
pub use tls::{TlsError, TlsFiles};

use super::edge::PeerAddress;
use paced::{HeadClock, Paced};

/// Limits of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most connections at once, over all listeners; more wait in the system's queue.
    pub max_connections: usize,
    /// Longest time from a request's first byte to the end of its headers.
    pub head: Duration,
    /// Longest time that a connection may lie idle, before its first request or between two.
    pub idle: Duration,
    /// Longest time that a client may leave a full send buffer unread.
    pub stall: Duration,
    /// Longest TLS handshake.
    pub handshake: Duration,
    /// How long requests in progress may go on after the end was asked for.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 8192,
            head: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            stall: Duration::from_mins(1),
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// The certificate that the client of a TLS connection identified itself with; in the extensions of
/// its requests, where client certificates are asked for.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub Arc<CertificateDer<'static>>);

/// After an error in `accept`, such as too many open files, before the next attempt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest request head, bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// Serves `router` on all listeners until `shutdown` is cancelled and the last request has ended,
/// or [`Limits::drain`] is over.
///
/// TCP_NODELAY is set on every connection: small events would otherwise wait for the client's
/// delayed acknowledgement, some 40 ms each.
///
/// # Errors
/// None of a connection's errors end the loop; an error means that a listener could not be read.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let server = Arc::new(Server {
        router,
        tls: tls.map(TlsAcceptor::from),
        limits,
        slots: Arc::new(Semaphore::new(limits.max_connections)),
        shutdown,
    });
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(server.clone(), listener));
    }
    while let Some(ended) = loops.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    server.drained().await;
    Ok(())
}

struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    /// One for each connection that may be open.
    slots: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Server {
    /// Waits for the last connection; each has its own limit.
    async fn drained(&self) {
        let all = u32::try_from(self.limits.max_connections).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.slots.acquire_many(all).await);
    }
}

async fn accept(server: Arc<Server>, listener: TcpListener) {
    let mut full = false;
    loop {
        let slot = tokio::select! {
            () = server.shutdown.cancelled() => return,
            slot = server.slots.clone().acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        if server.slots.available_permits() == 0 && !full {
            tracing::warn!(
                connections = server.limits.max_connections,
                "no more connections are accepted until one closes"
            );
        }
        full = server.slots.available_permits() == 0;
        let accepted = tokio::select! {
            () = server.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(connection(server.clone(), stream, peer, slot));
            }
            Err(error) if is_of_peer(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The peer went away before it was accepted; that is no reason to pause.
fn is_of_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn connection(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection closed as it was accepted");
        return;
    }
    let peer = PeerAddress(peer);
    let Some(acceptor) = &server.tls else {
        return requests(&server, stream, peer, None).await;
    };
    let handshake = acceptor.accept(stream);
    match timeout(server.limits.handshake, handshake).await {
        Ok(Ok(stream)) => {
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|first| PeerCertificate(Arc::new(first.clone().into_owned())));
            requests(&server, stream, peer, certificate).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn requests(
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: PeerAddress,
    certificate: Option<PeerCertificate>,
) {
    let clock = Arc::new(HeadClock::default());
    let io = TokioIo::new(Paced::new(stream, clock.clone(), &server.limits));
    let router = server.router.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        clock.request();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let answer = router.clone().oneshot(request);
        let clock = clock.clone();
        async move {
            let answer = answer.await;
            clock.answered();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Paced has both of its parts.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = server.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(server.limits.drain, connection).await else {
                tracing::warn!("a request was still in progress at the end");
                return;
            };
            ended
        }
    };
    // The client's doing, and its loss: a reset, a time-out, bytes that are no HTTP.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
