//! `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE, FORWARDED};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Rest;
use crate::metrics::{CLASSIC, OPENMETRICS, wants_openmetrics};
use crate::transport::PeerAddress;
use crate::transport::edge::{self, Credential, Edge};

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever has a key.
    Key,
    /// The same, and without a key who comes from this machine itself and not through a proxy.
    #[default]
    KeyOrLocal,
    /// Anybody.
    Open,
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

#[derive(Clone)]
struct Door {
    edge: Arc<Edge>,
    access: MetricsAccess,
}

/// The route.
pub(crate) fn routes(rest: Arc<Rest>, edge: Arc<Edge>, access: MetricsAccess) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route_layer(from_fn_with_state(Door { edge, access }, admit))
        .with_state(rest)
}

async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let open = match door.access {
        MetricsAccess::Open => true,
        MetricsAccess::KeyOrLocal => is_local(&request),
        MetricsAccess::Key => false,
    };
    if !open {
        let credential = Credential::of(&request);
        if let Err(refusal) = edge::identify(&door.edge, credential).await {
            return refusal;
        }
    }
    next.run(request).await
}

/// A proxy on this machine makes every peer look local, but says that it is one.
fn is_local(request: &Request) -> bool {
    let headers = request.headers();
    let forwarded = headers.contains_key(FORWARDED)
        || headers.contains_key(&X_FORWARDED_FOR)
        || headers.contains_key(&X_REAL_IP);
    let peer = request.extensions().get::<PeerAddress>();
    !forwarded && peer.is_some_and(|peer| peer.ip().is_loopback())
}

async fn metrics(State(rest): State<Arc<Rest>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let openmetrics = wants_openmetrics(accept);
    let kind = if openmetrics { OPENMETRICS } else { CLASSIC };
    let text = rest.parts.metrics.encode(openmetrics);
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
