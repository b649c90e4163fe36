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
use homelab_core::policy::{Scope, Tightening};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::allow::{AllowList, Refused};
use super::listen::PeerCertificate;
use super::reply;
use crate::auth::{
    AuthError, Authenticator, Challenge, Credentials, Proxied, WELL_KNOWN, read_bounds,
};
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

    /// The same sender, bounded by these as well.
    pub(crate) fn bounded(mut self, bounds: Option<Arc<Tightening>>) -> Self {
        if bounds.is_some() {
            let mut principal = Principal::clone(&self.principal);
            principal.tightening = Tightening::both(principal.tightening.take(), bounds);
            self.principal = Arc::new(principal);
        }
        self
    }
}

/// Where a request came from before it passed trusted proxies; for limits and the audit.
#[derive(Debug, Clone, Copy)]
struct ClientAddress(IpAddr);

/// In the extensions of an answer that refuses a call because its token lacks a scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeyondScope {
    /// What it needs.
    pub(crate) needed: Scope,
    /// Whether the pipeline has recorded it.
    pub(crate) recorded: bool,
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What pages may send, beyond what browsers always let them.
const CORS_REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, idempotency-key, if-match, last-event-id, mcp-method, \
     mcp-name, mcp-protocol-version, mcp-session-id, x-agent-id, x-mcp-exclude-tools, \
     x-mcp-readonly, x-mcp-tools, x-mcp-toolsets",
);
/// What pages may read, beyond what browsers always let them.
const CORS_RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, idempotency-replayed, mcp-session-id, www-authenticate, x-request-id",
);

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
            let response = match behind_proxy(&edge.authenticator, &mut request) {
                Ok(()) => next.run(request).await,
                Err((fault, peer)) => {
                    let refused = edge.authenticator.reject_proxied(fault, peer);
                    refused.await.into_response()
                }
            };
            (origin, response)
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

/// Reads what a trusted proxy says and leaves nothing of it in the headers, whoever sent it.
fn behind_proxy(
    authenticator: &Authenticator,
    request: &mut Request,
) -> Result<(), (crate::auth::Fault, Option<IpAddr>)> {
    let peer = request
        .extensions()
        .get::<PeerAddress>()
        .map(|peer| peer.ip());
    let client = authenticator.client_address(peer, request.headers());
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddress(client));
    }
    let proxied = authenticator
        .take_proxied(peer, request.headers_mut())
        .map_err(|fault| (fault, client))?;
    if proxied != Proxied::default() {
        request.extensions_mut().insert(proxied);
    }
    Ok(())
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
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
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
    let path = credential.path.clone();
    let peer = credential.peer;
    let bounds = read_bounds(request.headers());
    let identity = match (identify(&edge, credential).await, bounds) {
        (Err(refusal), _) => return refusal,
        (Ok(_), Err(error)) => return reply::refusal(StatusCode::BAD_REQUEST, &error),
        (Ok(identity), Ok(bounds)) => identity.bounded(bounds),
    };
    let principal = Arc::clone(&identity.principal);
    request.extensions_mut().insert(identity);
    let mut response = next.run(request).await;
    if let Some(beyond) = response.extensions().get::<BeyondScope>().copied() {
        if !beyond.recorded {
            edge.authenticator.beyond_scope(&principal, peer).await;
        }
        challenge(
            &edge,
            &path,
            &Challenge::Scope(beyond.needed),
            &mut response,
        );
    }
    response
}

/// What a request says about its sender. Taken out of it, because a request cannot be looked at by
/// two threads and so not be waited with.
pub(crate) struct Credential {
    authorization: Vec<HeaderValue>,
    peer: Option<IpAddr>,
    certificate: Option<PeerCertificate>,
    proxied: Option<Proxied>,
    path: String,
    request_id: Option<RequestId>,
}

impl Credential {
    pub(crate) fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        let client = extensions.get::<ClientAddress>().map(|client| client.0);
        let headers = request.headers().get_all(AUTHORIZATION);
        Self {
            authorization: headers.iter().cloned().collect(),
            peer: client.or_else(|| extensions.get::<PeerAddress>().map(|peer| peer.ip())),
            certificate: extensions.get::<PeerCertificate>().cloned(),
            proxied: extensions.get::<Proxied>().cloned(),
            path: request.uri().path().to_owned(),
            request_id: extensions.get::<RequestId>().cloned(),
        }
    }
}

/// The sender, or the refusal to answer with.
pub(crate) async fn identify(edge: &Edge, credential: Credential) -> Result<Identity, Response> {
    // A header that is no text, or is there twice, is a wrong key, not an absent one.
    let authorization = match credential.authorization.as_slice() {
        [] => None,
        [only] => Some(only.to_str().unwrap_or("unreadable")),
        _ => Some("ambiguous"),
    };
    let sent = Credentials {
        authorization,
        peer: credential.peer,
        certificate: credential.certificate.as_ref().map(|one| &**one.0),
        path: Some(&credential.path),
    };
    let proxied = credential.proxied.as_ref();
    match edge.authenticator.sign_in_behind(&sent, proxied).await {
        Ok(principal) => Ok(Identity {
            principal,
            request_id: credential
                .request_id
                .unwrap_or_else(|| edge.parts.request_id()),
            peer: credential.peer.map(|peer| peer.to_string().into()),
        }),
        Err(error) => {
            let mut response = error.into_response();
            let why = match error {
                AuthError::Missing => Some(Challenge::Missing),
                AuthError::Invalid => Some(Challenge::Invalid(
                    "the key or token is not valid here, or no longer",
                )),
                AuthError::NoScope => Some(Challenge::Scope(Scope::Read)),
                _ => None,
            };
            if let Some(why) = why {
                challenge(edge, &credential.path, &why, &mut response);
            }
            Err(response)
        }
    }
}

/// Says how to sign in, where there are issuers to sign in at.
fn challenge(edge: &Edge, path: &str, why: &Challenge<'_>, response: &mut Response) {
    let resource = edge.authenticator.resource();
    if let Some(value) = resource.and_then(|resource| resource.challenge(path, why)) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
}

/// `/.well-known/oauth-protected-resource` with the path of an endpoint behind it, below the base
/// path or around it (RFC 9728 §3.1); asks for no credential, and is nowhere where there are no
/// issuers.
pub(crate) async fn protected_resource(State(edge): State<Arc<Edge>>, uri: Uri) -> Response {
    let document = edge.authenticator.resource().and_then(|resource| {
        let behind = uri.path().strip_prefix(WELL_KNOWN)?;
        let behind = behind.strip_prefix(resource.base_path()).unwrap_or(behind);
        resource.metadata(behind)
    });
    match document {
        Some(document) => reply::json(StatusCode::OK, &document),
        None => reply::no_such_path(),
    }
}
