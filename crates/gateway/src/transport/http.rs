//! Every HTTP route of this server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use homelab_core::call::Transport;
use homelab_core::server::{Endpoint, Registry};
use rmcp::ServerHandler;

use super::allow::{AllowList, AllowedHost, AllowedOrigin};
use super::edge::{self, Edge};
use super::endpoint::{EndpointOptions, McpEndpoint};
use super::sessions::Sessions;
use super::sse::SseDoor;
use super::step_up::StepUp;
use super::{reply, sse};
use crate::approval::ApprovalService;
use crate::auth::{Authenticator, WELL_KNOWN};
use crate::mcp::{DirectCalls, Handler, HandlerParts};
use crate::rest::{self, CcpmDoor, MetricsAccess, Readiness, Rest};

/// How the HTTP door is set up.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Path that all routes are under, such as `/homelab` behind a proxy that does not strip it;
    /// empty for none.
    pub base_path: String,
    /// Names that clients may use for this server, beyond addresses and `localhost`.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Origins whose pages may call this server, beyond its own and local ones.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Whether the HTTP+SSE pair of the 2024-11-05 revision is served.
    pub sse: bool,
    /// Largest request body, bytes.
    pub max_body: usize,
    /// Most sessions, and most event streams, of one credential at one endpoint.
    pub max_sessions: usize,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// Whether plain tool calls of the 2026-07-28 revision bypass the SDK's message loop. They are
    /// answered alike either way; off is there to compare.
    pub direct_calls: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            base_path: String::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            sse: true,
            max_body: 4 * 1024 * 1024,
            max_sessions: 256,
            metrics: MetricsAccess::default(),
            direct_calls: true,
        }
    }
}

/// What the HTTP door stands in front of.
pub struct HttpParts {
    /// The tools, and what all transports share.
    pub handler: Arc<HandlerParts>,
    /// Finds out who is calling.
    pub authenticator: Arc<Authenticator>,
    /// Which servers there are.
    pub registry: Arc<ArcSwap<Registry>>,
    /// Moves held calls on; absent where none are held.
    pub approvals: Option<Arc<ApprovalService>>,
    /// Agents, messages and tasks over REST; absent where another service has them.
    pub ccpm: Option<CcpmDoor>,
    /// Whether this process can serve.
    pub ready: Arc<dyn Readiness>,
    /// Settings.
    pub options: HttpOptions,
}

/// All routes: `/mcp`, `/servers/<name>/mcp`, the SSE pair of both, `/api/v1`, `/healthz`,
/// `/readyz`, `/metrics`. Everything else is a 404 in JSON.
pub fn router(parts: HttpParts) -> Router {
    let shared = parts.handler.clone();
    let handlers = shared.clone();
    let direct = parts.options.direct_calls;
    build(
        parts,
        move |endpoint, transport| Handler::new(handlers.clone(), endpoint, transport),
        move |endpoint| direct.then(|| DirectCalls::new(shared.clone(), endpoint)),
    )
}

/// The same doors in front of another MCP server; `make` gives its handler for each session, or
/// each request where there are no sessions.
pub fn router_for<H: ServerHandler>(
    parts: HttpParts,
    make: impl Fn(Endpoint, Transport) -> H + Send + Sync + 'static,
) -> Router {
    build(parts, make, |_| None)
}

fn build<H: ServerHandler>(
    parts: HttpParts,
    make: impl Fn(Endpoint, Transport) -> H + Send + Sync + 'static,
    direct: impl Fn(Endpoint) -> Option<DirectCalls> + Send + Sync + 'static,
) -> Router {
    let options = parts.options;
    let edge = Arc::new(Edge {
        allow: AllowList {
            hosts: options.allowed_hosts,
            origins: options.allowed_origins,
        },
        parts: parts.handler.clone(),
        authenticator: parts.authenticator,
    });
    let base_path = options.base_path.trim_end_matches('/').to_owned();
    let make: Arc<MakeHandler<H>> = Arc::new(make);
    let app = Arc::new(App {
        registry: parts.registry.clone(),
        endpoints: RwLock::default(),
        sse: SseDoor::new(
            parts.handler.clone(),
            base_path.clone(),
            options.max_sessions,
            options.max_body,
        ),
        options: EndpointOptions {
            max_body: options.max_body,
            shutdown: parts.handler.shutdown.clone(),
        },
        max_sessions: options.max_sessions,
        parts: parts.handler.clone(),
        make,
        direct: Box::new(direct),
    });
    let rest = Arc::new(Rest {
        parts: parts.handler,
        registry: parts.registry,
        approvals: parts.approvals,
        ready: rest::Ready::new(parts.ready),
        max_body: options.max_body,
    });

    let ccpm = match parts.ccpm {
        Some(door) => rest::ccpm(Arc::new(door), edge.clone()),
        None => Router::new(),
    };
    let mut mcp = Router::new()
        .route("/mcp", get(aggregate).post(aggregate).delete(aggregate))
        .route(
            "/servers/{name}/mcp",
            get(server).post(server).delete(server),
        );
    if options.sse {
        mcp = mcp
            .route("/sse", get(aggregate_sse))
            .route("/messages", post(aggregate_message))
            .route("/servers/{name}/sse", get(server_sse))
            .route("/servers/{name}/messages", post(server_message));
    }
    let guarded = mcp
        .with_state(app)
        .merge(rest::tools(rest.clone()))
        .merge(rest::approvals(rest.clone()))
        .merge(rest::kill_switch(rest.clone()))
        .route_layer(from_fn_with_state(edge.clone(), edge::authenticate))
        .merge(ccpm)
        .merge(rest::metrics(rest.clone(), edge.clone(), options.metrics))
        .merge(protected_resource(edge.clone()))
        .fallback(async || reply::no_such_path())
        .method_not_allowed_fallback(async || reply::method_not_allowed())
        .layer(from_fn_with_state(edge.clone(), edge::guard));
    // Probes name a container by whatever address they found.
    let routes = guarded.merge(rest::health(rest));
    if base_path.is_empty() {
        routes
    } else {
        // Clients look for it before the base path (RFC 9728 §3.1).
        let around = protected_resource(edge.clone()).layer(from_fn_with_state(edge, edge::guard));
        Router::new()
            .nest(&base_path, routes)
            .merge(around)
            .fallback(async || reply::no_such_path())
    }
}

/// What clients read about signing in.
fn protected_resource(edge: Arc<Edge>) -> Router {
    Router::new()
        .route(WELL_KNOWN, get(edge::protected_resource))
        .route(
            &format!("{WELL_KNOWN}/{{*path}}"),
            get(edge::protected_resource),
        )
        .with_state(edge)
}

type MakeHandler<H> = dyn Fn(Endpoint, Transport) -> H + Send + Sync;

/// The MCP endpoints, each made when it is first asked for and kept with its sessions, so that a
/// changed configuration ends none of them.
pub(super) struct App<H> {
    registry: Arc<ArcSwap<Registry>>,
    endpoints: RwLock<HashMap<Endpoint, Arc<McpEndpoint<H>>>>,
    sse: SseDoor,
    options: EndpointOptions,
    max_sessions: usize,
    parts: Arc<HandlerParts>,
    make: Arc<MakeHandler<H>>,
    direct: Box<dyn Fn(Endpoint) -> Option<DirectCalls> + Send + Sync>,
}

impl<H: ServerHandler> App<H> {
    fn endpoint(&self, endpoint: &Endpoint) -> Arc<McpEndpoint<H>> {
        let known = self
            .endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(endpoint)
            .cloned();
        known.unwrap_or_else(|| {
            self.endpoints
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(endpoint.clone())
                .or_insert_with(|| Arc::new(self.open(endpoint.clone())))
                .clone()
        })
    }

    fn open(&self, endpoint: Endpoint) -> McpEndpoint<H> {
        let make = self.make.clone();
        let sessions = Sessions::new(self.parts.metrics.clone(), self.max_sessions);
        let direct = (self.direct)(endpoint.clone());
        let step_up = StepUp::new(self.parts.clone(), endpoint.clone());
        McpEndpoint::new(
            move || make(endpoint.clone(), Transport::Http),
            Arc::new(sessions),
            direct,
            step_up,
            self.options.clone(),
        )
    }

    /// The endpoint of an instance, or of a kind; none if the configuration has neither.
    fn named(&self, name: &str) -> Option<Endpoint> {
        named(&self.registry.load(), name)
    }
}

/// The endpoint of an instance, or of a kind.
pub(crate) fn named(registry: &Registry, name: &str) -> Option<Endpoint> {
    let exists = registry.instance(name).is_some() || registry.of_kind(name).next().is_some();
    exists.then(|| Endpoint::Server(name.into()))
}

async fn aggregate<H: ServerHandler>(State(app): State<Arc<App<H>>>, request: Request) -> Response {
    app.endpoint(&Endpoint::All).handle(request).await
}

async fn server<H: ServerHandler>(
    State(app): State<Arc<App<H>>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match app.named(&name) {
        Some(endpoint) => app.endpoint(&endpoint).handle(request).await,
        None => reply::no_such_server(&name),
    }
}

async fn aggregate_sse<H: ServerHandler>(
    State(app): State<Arc<App<H>>>,
    request: Request,
) -> Response {
    open_stream(&app, Endpoint::All, &request)
}

async fn server_sse<H: ServerHandler>(
    State(app): State<Arc<App<H>>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match app.named(&name) {
        Some(endpoint) => open_stream(&app, endpoint, &request),
        None => reply::no_such_server(&name),
    }
}

fn open_stream<H: ServerHandler>(app: &App<H>, endpoint: Endpoint, request: &Request) -> Response {
    let handler = (app.make)(endpoint.clone(), Transport::Sse);
    sse::open(&app.sse, endpoint, handler, request)
}

async fn aggregate_message<H: ServerHandler>(
    State(app): State<Arc<App<H>>>,
    request: Request,
) -> Response {
    app.sse.accept(&Endpoint::All, request).await
}

async fn server_message<H: ServerHandler>(
    State(app): State<Arc<App<H>>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    app.sse
        .accept(&Endpoint::Server(name.as_str().into()), request)
        .await
}
