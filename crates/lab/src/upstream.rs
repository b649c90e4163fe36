//! The frame of every HTTP upstream: a loopback server with request log, faults and a contract.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use futures_util::{StreamExt as _, stream};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use crate::fault::{Fault, Faults};
use crate::listen::{self, Listening, Open, Wire};
use crate::log::{Recorded, RequestLog};
use crate::tls::Identity;

/// Largest request body that is kept.
const MAX_BODY: usize = 1 << 20;

/// A loopback HTTP server around a router; it ends when this is dropped.
///
/// Requests that the router has no route for are answered 404 (405 for a known path) and noted as
/// unexpected.
pub struct Upstream {
    address: SocketAddr,
    scheme: &'static str,
    serving: Serving,
}

/// What ends with an upstream: its task and, with it, its connections.
pub(crate) struct Serving {
    frame: Frame,
    open: Open,
    accepting: EndsWithOwner,
    _task: EndsWithOwner,
}

/// Log and faults; servers on several sockets can share them.
#[derive(Clone, Default)]
pub(crate) struct Frame {
    log: RequestLog,
    faults: Faults,
}

/// Marks an answer to a request that the contract does not know.
#[derive(Clone, Copy)]
pub(crate) struct Unexpected;

impl Upstream {
    /// Serves the routes on a free loopback port.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn serve(routes: Router) -> io::Result<Self> {
        Self::start(routes, None, Frame::default()).await
    }

    /// Serves the routes over TLS on a free loopback port.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not used.
    pub async fn serve_tls(routes: Router, identity: &Identity) -> io::Result<Self> {
        Self::start(routes, Some(identity), Frame::default()).await
    }

    pub(crate) async fn start(
        routes: Router,
        identity: Option<&Identity>,
        frame: Frame,
    ) -> io::Result<Self> {
        let acceptor = identity.map(Identity::acceptor).transpose()?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let (address, listening) = listen::tcp(acceptor).await?;
        Ok(Self {
            address,
            scheme,
            serving: Serving::start(routes, listening, frame),
        })
    }

    /// Ends it; once this is over, its port refuses connections.
    pub async fn stop(self) {
        self.serving.stop().await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        &self.serving.frame.log
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        &self.serving.frame.faults
    }
}

impl Serving {
    /// Serves the routes on a Unix socket.
    pub(crate) fn on_unix_socket(routes: Router, path: &Path, frame: Frame) -> io::Result<Self> {
        Ok(Self::start(routes, listen::unix(path)?, frame))
    }

    fn start(routes: Router, listening: Listening, frame: Frame) -> Self {
        let app = routes
            .fallback(|| async { unexpected(StatusCode::NOT_FOUND) })
            .method_not_allowed_fallback(|| async { unexpected(StatusCode::METHOD_NOT_ALLOWED) })
            .layer(from_fn_with_state(frame.clone(), pass));
        let Listening {
            incoming,
            open,
            accepting,
        } = listening;
        let task = tokio::spawn(async move {
            // It ends by being aborted.
            let app = app.into_make_service_with_connect_info::<Wire>();
            drop(axum::serve(incoming, app).await);
        });
        Self {
            frame,
            open,
            accepting,
            _task: EndsWithOwner(task),
        }
    }
}

impl Serving {
    /// Ends it; once this is over, connections are refused.
    pub(crate) async fn stop(mut self) {
        self.open.close();
        self.accepting.0.abort();
        // It ends by being aborted, which is an error.
        drop((&mut self.accepting.0).await);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.open.close();
    }
}

impl Frame {
    pub(crate) fn log(&self) -> &RequestLog {
        &self.log
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// The answer to a request outside the contract.
pub(crate) fn unexpected(status: StatusCode) -> Response<Body> {
    let mut answer = (status, "not in the contract of this upstream").into_response();
    answer.extensions_mut().insert(Unexpected);
    answer
}

async fn pass(State(frame): State<Frame>, request: Request, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let mut recorded = Recorded {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers.clone(),
        body: body.to_vec(),
        status: 0,
        expected: true,
    };
    let _in_flight = frame.log.begin();
    let fault = frame.faults.take(&recorded.path);
    let right = next.run(Request::from_parts(parts, Body::from(body)));
    let answer = match fault {
        None => right.await,
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            right.await
        }
        Some(Fault::CutBody) => cut(right.await).await,
        Some(Fault::Status(status)) => (
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            [(header::CONTENT_TYPE, "application/json")],
            r#"{"error":"fault injected"}"#,
        )
            .into_response(),
        Some(Fault::RateLimited { retry_after_s }) => (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, retry_after_s.to_string())],
        )
            .into_response(),
        Some(Fault::Redirect(place)) => {
            (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
        }
        Some(Fault::NotJson) => (
            [(header::CONTENT_TYPE, "text/html")],
            "<html><body>Sign in</body></html>",
        )
            .into_response(),
        Some(Fault::Oversized(bytes)) => vec![b' '; bytes].into_response(),
    };
    recorded.status = answer.status().as_u16();
    recorded.expected = answer.extensions().get::<Unexpected>().is_none();
    frame.log.push(recorded);
    answer
}

/// Promises the whole body, sends half of it, breaks the connection.
async fn cut(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    // An empty body has no half: promise more than there is.
    let promised = body.len().max(2);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, promised.into());
    let half = body.slice(..body.len() / 2);
    let broken = stream::iter([Ok(half)]).chain(stream::once(async {
        // The server flushes what it has only while the body makes it wait.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut on purpose"))
    }));
    Response::from_parts(parts, Body::from_stream(broken))
}

/// Ends a task when its owner goes.
pub(crate) struct EndsWithOwner(pub(crate) JoinHandle<()>);

impl Drop for EndsWithOwner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A bound port that nobody listens on: connections are refused, and nobody else gets the port.
pub(crate) struct ClosedPort {
    _socket: TcpSocket,
    port: u16,
}

impl ClosedPort {
    pub(crate) fn reserve() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let port = socket.local_addr()?.port();
        Ok(Self {
            _socket: socket,
            port,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}
