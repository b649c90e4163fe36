//! Connections of an upstream: over TCP, with or without TLS, or a Unix socket. They end with it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::upstream::EndsWithOwner;

/// Connections that wait to be served.
const BACKLOG: usize = 64;

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Whether the upstream is still there; its connections break as soon as it is not.
#[derive(Clone)]
pub(crate) struct Open(Arc<AtomicBool>);

impl Open {
    pub(crate) fn close(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// The connections that were made, for [`axum::serve`].
pub(crate) struct Incoming {
    connections: mpsc::Receiver<Box<dyn Duplex>>,
    open: Open,
}

/// A listener of TCP on a free loopback port.
pub(crate) async fn tcp(tls: Option<TlsAcceptor>) -> io::Result<(SocketAddr, Listening)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (sender, connections) = mpsc::channel::<Box<dyn Duplex>>(BACKLOG);
    let accepting = tokio::spawn(async move {
        // An error of `accept` shows in the test that gets no answer.
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream.set_nodelay(true));
            let (tls, sender) = (tls.clone(), sender.clone());
            tokio::spawn(async move {
                let stream: Box<dyn Duplex> = match tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        // A client that does not trust us says so and leaves.
                        Err(_) => return,
                    },
                };
                drop(sender.send(stream).await);
            });
        }
    });
    Ok((address, Listening::new(connections, accepting)))
}

/// A listener on a Unix socket, which must not exist yet.
pub(crate) fn unix(path: &Path) -> io::Result<Listening> {
    let listener = UnixListener::bind(path)?;
    let (sender, connections) = mpsc::channel::<Box<dyn Duplex>>(BACKLOG);
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(sender.send(Box::new(stream)).await);
        }
    });
    Ok(Listening::new(connections, accepting))
}

/// A listener, and what it accepts.
pub(crate) struct Listening {
    pub(crate) incoming: Incoming,
    pub(crate) open: Open,
    pub(crate) accepting: EndsWithOwner,
}

impl Listening {
    fn new(connections: mpsc::Receiver<Box<dyn Duplex>>, accepting: JoinHandle<()>) -> Self {
        let open = Open(Arc::new(AtomicBool::new(true)));
        Self {
            incoming: Incoming {
                connections,
                open: open.clone(),
            },
            open,
            accepting: EndsWithOwner(accepting),
        }
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(stream) => {
                let connection = Connection {
                    stream,
                    open: self.open.clone(),
                    wire: Wire::default(),
                    tail: None,
                };
                (connection, ())
            }
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(())
    }
}

/// What the routes can do to the connection that a request came over, which HTTP has no words for;
/// they find it as [`axum::extract::ConnectInfo`].
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Bare>);

#[derive(Default)]
struct Bare {
    broken: AtomicBool,
    tail: Mutex<Option<Vec<u8>>>,
}

impl Wire {
    /// Breaks it: the request gets no answer.
    pub(crate) fn cut(&self) {
        self.0.broken.store(true, Ordering::SeqCst);
    }

    /// Sends these bytes after the end of the answer, then ends the connection.
    pub(crate) fn append(&self, bytes: Vec<u8>) {
        *self.0.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.broken.load(Ordering::SeqCst) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }

    fn take(&self) -> Option<Vec<u8>> {
        let mut tail = self.0.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.take()
    }
}

impl Connected<IncomingStream<'_, Incoming>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        stream.io().wire.clone()
    }
}

/// A connection that breaks when its upstream goes.
pub(crate) struct Connection {
    stream: Box<dyn Duplex>,
    open: Open,
    wire: Wire,
    /// What is still to be sent after the answer.
    tail: Option<Vec<u8>>,
}

impl Connection {
    /// Sends what is to follow the answer, if anything is, and ends the connection.
    fn poll_tail(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tail) = self.wire.take() {
            self.tail = Some(tail);
        }
        let Some(tail) = &mut self.tail else {
            return Poll::Ready(Ok(()));
        };
        while !tail.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, tail))?;
            tail.drain(..sent);
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        self.tail = None;
        self.wire.cut();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        match self.open.check() {
            Ok(()) => read,
            Err(closed) => Poll::Ready(Err(closed)),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open.check()?;
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.poll_tail(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
