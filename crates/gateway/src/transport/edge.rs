//! What happens to every HTTP request before a route sees it: host and origin check, request id,
//! CORS; and for most routes: who is calling.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use homelab_core::call::Principal;
use homelab_core::error::{Code, ToolError};
use homelab_core::id::RequestId;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::allow::{AllowList, Refused};
use super::reply;
use crate::auth::Authenticator;
use crate::mcp::HandlerParts;

/// The peer of the connection that a request came over; the accept loop puts it into the request's
/// extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

impl PeerAddress {
    /// The address without the port, in its canonical form.
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

/// Who sent a request, as authentication found out; in the extensions of every request that needs
/// a credential.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) principal: Arc<Principal>,
    pub(crate) request_id: RequestId,
    pub(crate) peer: Option<Arc<str>>,
}

impl Identity {
    /// Who sent the request with these extensions.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What pages may send, beyond what browsers always let them.
const CORS_REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, \
     mcp-protocol-version, mcp-session-id",
);
/// What pages may read, beyond what browsers always let them.
const CORS_RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("mcp-session-id, www-authenticate, x-request-id");

/// What the layers here need.
pub(crate) struct Edge {
    pub(crate) allow: AllowList,
    pub(crate) parts: Arc<HandlerParts>,
    pub(crate) authenticator: Arc<Authenticator>,
}

/// Lets in, or refuses, and marks the answer.
pub(crate) async fn guard(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = edge.parts.request_id();
    let id_header = HeaderValue::from_str(id.as_str()).ok();
    let (origin, mut response) = match admit(&edge.allow, &request) {
        Err(refused) => (None, refuse(&refused, &id)),
        Ok(Some(origin)) if is_preflight(&request) => (Some(origin), preflight()),
        Ok(origin) => {
            request.extensions_mut().insert(id);
            (origin, next.run(request).await)
        }
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, CORS_RESPONSE_HEADERS);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(id) = id_header {
        headers.insert(REQUEST_ID.clone(), id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admit(allow: &AllowList, request: &Request) -> Result<Option<HeaderValue>, Refused> {
    let host = allow.check_host(request.uri(), request.headers())?;
    allow.check_origin(&host, request.headers())
}

fn refuse(refused: &Refused, id: &RequestId) -> Response {
    let setting = match refused {
        Refused::NoHost => None,
        Refused::Host(_) => Some("allowed_hosts"),
        Refused::Origin(_) => Some("allowed_origins"),
    };
    tracing::warn!(request.id = id.as_str(), "{refused}");
    let Some(setting) = setting else {
        let error = ToolError::new(Code::InvalidArgument, refused.to_string());
        return reply::refusal(StatusCode::BAD_REQUEST, &error);
    };
    let error = ToolError::new(Code::PermissionDenied, refused.to_string())
        .hint(format!("add it to `{setting}` in section `[server]`"))
        .request_id(id.as_str());
    reply::refusal(StatusCode::FORBIDDEN, &error)
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// No credentials mode: keys travel in a header that the page's own script sets.
fn preflight() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, DELETE"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, CORS_REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Finds out who is calling, and answers 401 where that fails; the protocol's code never sees such
/// a request.
pub(crate) async fn authenticate(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let credential = Credential::of(&request);
    match identify(&edge, credential).await {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(refusal) => refusal,
    }
}

/// What a request says about its sender. Taken out of it, because a request cannot be looked at by
/// two threads and so not be waited with.
pub(crate) struct Credential {
    authorization: Option<HeaderValue>,
    peer: Option<IpAddr>,
    request_id: Option<RequestId>,
}

impl Credential {
    pub(crate) fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            authorization: request.headers().get(AUTHORIZATION).cloned(),
            peer: extensions.get::<PeerAddress>().map(|peer| peer.ip()),
            request_id: extensions.get::<RequestId>().cloned(),
        }
    }
}

/// The sender, or the refusal to answer with.
pub(crate) async fn identify(edge: &Edge, credential: Credential) -> Result<Identity, Response> {
    // A header that is no text is a wrong key, not an absent one.
    let authorization = credential
        .authorization
        .as_ref()
        .map(|value| value.to_str().unwrap_or("unreadable"));
    let authenticated = edge
        .authenticator
        .authenticate(authorization, credential.peer)
        .await;
    match authenticated {
        Ok(principal) => Ok(Identity {
            principal,
            request_id: credential
                .request_id
                .unwrap_or_else(|| edge.parts.request_id()),
            peer: credential.peer.map(|peer| peer.to_string().into()),
        }),
        Err(error) => Err(error.into_response()),
    }
}
