//! HTTP+SSE, the transport of the 2024-11-05 revision, for clients that know nothing newer.
//!
//! `GET …/sse` opens the stream of everything that goes to the client. Its first event names the
//! path where the client posts its own messages, with a session id that nobody can guess and that
//! only works with the credential that opened the stream.
//! Source: specification 2024-11-05, "Transports", "HTTP with SSE".

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use homelab_core::call::Transport;
use homelab_core::error::{Code, ToolError};
use homelab_core::policy::Tightening;
use homelab_core::server::Endpoint;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage, serve_server_with_ct};
use rmcp::{ServerHandler, transport};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::edge::Identity;
use super::endpoint::unreadable;
use super::{body, ids, reply};
use crate::mcp::HandlerParts;
use crate::metrics::Counted;

/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Messages that may wait in each direction.
const QUEUE: usize = 64;
/// How long a client's message waits for a place in the queue.
const ACCEPT: Duration = Duration::from_secs(10);

static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The streams that are open.
#[derive(Clone)]
pub(super) struct SseDoor(Arc<Door>);

struct Door {
    parts: Arc<HandlerParts>,
    base_path: String,
    /// Most streams of one credential at one endpoint.
    most: usize,
    max_body: usize,
    open: Mutex<HashMap<String, Arc<Session>>>,
}

struct Session {
    endpoint: Endpoint,
    credential: String,
    /// What the stream was opened with; messages may tighten it further for themselves.
    bounds: Option<Arc<Tightening>>,
    inbound: mpsc::Sender<ClientJsonRpcMessage>,
    unanswered: watch::Sender<usize>,
}

impl SseDoor {
    pub(super) fn new(
        parts: Arc<HandlerParts>,
        base_path: String,
        most: usize,
        max_body: usize,
    ) -> Self {
        Self(Arc::new(Door {
            parts,
            base_path,
            most: most.max(1),
            max_body,
            open: Mutex::default(),
        }))
    }

    /// Takes one message; its answer goes out on the stream.
    pub(super) async fn accept(&self, endpoint: &Endpoint, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let found = parts.extensions.get::<Identity>().and_then(|identity| {
            let id = session_id(parts.uri.query()?)?;
            let session = self.lock().get(id)?.clone();
            let own = session.endpoint == *endpoint
                && session.credential == identity.principal.credential;
            own.then_some((id.to_owned(), session))
        });
        let Some((id, session)) = found else {
            return reply::no_such_session();
        };
        if let Some(identity) = Identity::of(&parts.extensions) {
            let bounded = identity.bounded(session.bounds.clone());
            parts.extensions.insert(bounded);
        }
        let body = match body::read(body, self.0.max_body).await {
            Ok(body) => body,
            Err(unread) => return unread.response(),
        };
        let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
            return unreadable(&body);
        };
        // Where the handler looks for it, as with the newer transport.
        if let Ok(id) = HeaderValue::from_str(&id) {
            parts.headers.insert(SESSION_ID.clone(), id);
        }
        match &mut message {
            JsonRpcMessage::Request(request) => {
                session.unanswered.send_modify(|count| *count += 1);
                request.request.extensions_mut().insert(parts);
            }
            JsonRpcMessage::Notification(notification) => {
                notification.notification.extensions_mut().insert(parts);
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        match timeout(ACCEPT, session.inbound.send(message)).await {
            Ok(Ok(())) => (StatusCode::ACCEPTED, "Accepted").into_response(),
            // The stream closed meanwhile.
            Ok(Err(_)) => reply::no_such_session(),
            Err(_) => {
                let error = ToolError::new(Code::RateLimited, "too many messages are waiting")
                    .retry_after_s(1);
                reply::refusal(StatusCode::TOO_MANY_REQUESTS, &error)
            }
        }
    }

    fn enter(&self, id: &str, session: Session) -> Result<Registered, ToolError> {
        let mut open = self.lock();
        let own = open
            .values()
            .filter(|other| {
                other.credential == session.credential && other.endpoint == session.endpoint
            })
            .count();
        if own >= self.0.most {
            let message = format!("this credential has {own} event streams open already");
            return Err(ToolError::new(Code::RateLimited, message)
                .hint("close one, or use `/mcp`, which needs no stream"));
        }
        open.insert(id.to_owned(), Arc::new(session));
        Ok(Registered {
            door: self.clone(),
            id: id.to_owned(),
            _open: self.0.parts.metrics.session(Transport::Sse),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn session_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| {
        pair.strip_prefix("session_id=")
            .or_else(|| pair.strip_prefix("sessionId="))
    })
}

/// Takes the session off the list when its stream is dropped.
struct Registered {
    door: SseDoor,
    id: String,
    _open: Counted,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.door.lock().remove(&self.id);
    }
}

/// Opens a stream and serves `handler` on it until either side ends it.
pub(super) fn open<H: ServerHandler>(
    door: &SseDoor,
    endpoint: Endpoint,
    handler: H,
    request: &Request,
) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    let (inbound, from_client) = mpsc::channel(QUEUE);
    let (outbound, to_client) = mpsc::channel(QUEUE);
    let id = ids::session_id(door.0.parts.entropy.as_ref());
    let path = messages_path(&door.0.base_path, &endpoint, &id);
    let unanswered = watch::Sender::new(0);
    let session = Session {
        endpoint,
        credential: identity.principal.credential.clone(),
        bounds: identity.principal.tightening.clone(),
        inbound,
        unanswered: unanswered.clone(),
    };
    let registered = match door.enter(&id, session) {
        Ok(registered) => registered,
        Err(error) => return reply::refusal(StatusCode::TOO_MANY_REQUESTS, &error),
    };

    let ended = CancellationToken::new();
    let pair = Pair {
        from_client,
        to_client: outbound,
    };
    tokio::spawn(serve(handler, pair, ended.clone()));
    let first = Event::default().event("endpoint").data(path);
    let events = stream::iter([Ok::<_, Infallible>(first)])
        .chain(Outbound(to_client).map({
            let unanswered = unanswered.clone();
            move |message| {
                if matches!(
                    message,
                    JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)
                ) {
                    unanswered.send_modify(|count| *count = count.saturating_sub(1));
                }
                Ok(event(&message))
            }
        }))
        .take_until(last_answer(door.0.parts.shutdown.clone(), unanswered));
    let events = WithGuards {
        events: Box::pin(events),
        _registered: registered,
        _ended: ended.drop_guard(),
    };
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING.clone(), HeaderValue::from_static("no"));
    response
}

/// Ends after we were told to stop and everything was answered. A call that its client cancelled
/// gets no answer; then the accept loop's own limit ends the stream.
async fn last_answer(shutdown: CancellationToken, unanswered: watch::Sender<usize>) {
    shutdown.cancelled().await;
    // Never an error: the sender is here.
    unanswered
        .subscribe()
        .wait_for(|count| *count == 0)
        .await
        .ok();
}

async fn serve<H: ServerHandler>(handler: H, pair: Pair, ended: CancellationToken) {
    match serve_server_with_ct(handler, pair, ended).await {
        Ok(service) => {
            // Its only error is a panic in the loop, which has been logged.
            service.waiting().await.ok();
        }
        Err(error) => tracing::debug!(%error, "an event stream ended before its handshake"),
    }
}

/// Beside the path of the stream.
fn messages_path(base_path: &str, endpoint: &Endpoint, id: &str) -> String {
    match endpoint {
        Endpoint::All => format!("{base_path}/messages?session_id={id}"),
        Endpoint::Server(name) => format!("{base_path}/servers/{name}/messages?session_id={id}"),
    }
}

fn event(message: &ServerJsonRpcMessage) -> Event {
    // JSON text has no line breaks, which would need escaping here.
    let data = serde_json::to_string(message).unwrap_or_default();
    Event::default().event("message").data(data)
}

/// The two queues as the SDK's transport.
struct Pair {
    from_client: mpsc::Receiver<ClientJsonRpcMessage>,
    to_client: mpsc::Sender<ServerJsonRpcMessage>,
}

impl transport::Transport<RoleServer> for Pair {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let to_client = self.to_client.clone();
        async move {
            to_client
                .send(item)
                .await
                .map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.from_client.recv().await
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.from_client.close();
        Ok(())
    }
}

struct Outbound(mpsc::Receiver<ServerJsonRpcMessage>);

impl Stream for Outbound {
    type Item = ServerJsonRpcMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Ends the session when the client stops reading.
struct WithGuards<S> {
    events: Pin<Box<S>>,
    _registered: Registered,
    _ended: DropGuard,
}

impl<S: Stream> Stream for WithGuards<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(context)
    }
}
