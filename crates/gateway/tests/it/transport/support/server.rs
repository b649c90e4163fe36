//! The server under test, on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use homelab_core::audit::AuditEntry;
use homelab_core::call::{Caller, CredentialKind};
use homelab_core::clock::{Clock, Entropy, Micros, SeededEntropy, SystemClock};
use homelab_core::policy::{Grants, Role};
use homelab_core::server::Registry;
use homelab_core::store::{ApiKey, AuditSink, Keys, StoreResult};
use homelab_gateway::auth::keys::{NewKey, generate};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::rest::Readiness;
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lab::{Lab, Listed};

/// Everything about a server that a test may set.
pub(crate) struct Setup {
    pub(crate) options: HttpOptions,
    pub(crate) limits: Limits,
    /// Whether requests need a key.
    pub(crate) keys: bool,
    pub(crate) ready: Result<(), String>,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            options: HttpOptions::default(),
            limits: Limits::default(),
            keys: false,
            ready: Ok(()),
            tls: None,
        }
    }
}

/// A running server; it ends with this value.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) lab: Arc<Lab>,
    pub(crate) changes: ToolListChanges,
    pub(crate) shutdown: CancellationToken,
    /// `Authorization` of two different keys.
    pub(crate) alice: String,
    pub(crate) bob: String,
    running: Option<JoinHandle<()>>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl TestServer {
    /// With defaults and no keys.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// With this set-up.
    pub(crate) async fn with(setup: Setup) -> Self {
        Self::serving(setup, router).await
    }

    /// With routes that the test makes.
    pub(crate) async fn serving(setup: Setup, routes: impl FnOnce(HttpParts) -> Router) -> Self {
        let lab = Lab::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (alice, bob, parts) = http_parts(&setup, lab.clone(), shutdown.clone());
        let changes = parts.handler.changes.clone();
        let routes = routes(parts);
        let stop = shutdown.clone();
        let running = tokio::spawn(async move {
            listen::serve(vec![listener], routes, setup.tls, setup.limits, stop)
                .await
                .unwrap();
        });
        Self {
            address,
            lab,
            changes,
            shutdown,
            alice,
            bob,
            running: Some(running),
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stopped(&mut self) {
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap();
    }
}

/// What the HTTP door needs, and the `Authorization` of two keys.
pub(crate) fn http_parts(
    setup: &Setup,
    lab: Arc<Lab>,
    shutdown: CancellationToken,
) -> (String, String, HttpParts) {
    let handler = handler_parts(lab, shutdown);
    let (alice, bob, authenticator) = authenticator(&handler, setup.keys);
    let mut registry = Registry::default();
    registry.insert(Arc::new(Listed));
    let parts = HttpParts {
        handler,
        authenticator,
        registry: Arc::new(ArcSwap::from_pointee(registry)),
        approvals: None,
        ccpm: None,
        ready: Arc::new(Ready(setup.ready.clone())),
        options: setup.options.clone(),
    };
    (alice, bob, parts)
}

/// What all transports share, over this caller.
pub(crate) fn handler_parts(
    caller: Arc<dyn Caller>,
    shutdown: CancellationToken,
) -> Arc<HandlerParts> {
    let build = Build {
        version: "0",
        commit: "",
        rustc: "",
    };
    Arc::new(HandlerParts {
        caller,
        metrics: Metrics::new(build),
        changes: ToolListChanges::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(7)),
        shutdown,
        sealer: Sealer::new([7; 32]),
        output_schemas_in_aggregate: false,
    })
}

fn authenticator(parts: &HandlerParts, keys: bool) -> (String, String, Arc<Authenticator>) {
    let clock: Arc<dyn Clock> = parts.clock.clone();
    let entropy: Arc<dyn Entropy> = parts.entropy.clone();
    let key = |name: &str| {
        let new = NewKey {
            name: name.to_owned(),
            kind: CredentialKind::Agent,
            role: Role::Operator,
            grants: Grants::default(),
            expires_at: None,
        };
        let (row, secret) = generate(new, clock.as_ref(), entropy.as_ref());
        (row, format!("Bearer {}", secret.expose()))
    };
    let (alice, alice_header) = key("alice");
    let (bob, bob_header) = key("bob");
    let authenticator = Authenticator::new(AuthParts {
        keys: Arc::new(Fixed(vec![alice, bob])),
        audit: Arc::new(Nowhere),
        clock,
        entropy,
        metrics: parts.metrics.clone(),
        without_key: if keys {
            WithoutKey::Refused
        } else {
            WithoutKey::Is(Role::Operator)
        },
    });
    (alice_header, bob_header, authenticator)
}

struct Ready(Result<(), String>);

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        self.0.clone()
    }
}

struct Fixed(Vec<ApiKey>);

#[async_trait]
impl Keys for Fixed {
    async fn get(&self, id: &str) -> StoreResult<Option<ApiKey>> {
        Ok(self.0.iter().find(|key| key.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<ApiKey>> {
        Ok(self.0.clone())
    }

    async fn insert(&self, _: ApiKey) -> StoreResult<()> {
        Ok(())
    }

    async fn revoke(&self, _: &str, _: Micros) -> StoreResult<bool> {
        Ok(false)
    }

    async fn insert_first(&self, _: Vec<ApiKey>) -> StoreResult<bool> {
        Ok(false)
    }

    async fn revision(&self) -> StoreResult<i64> {
        Ok(1)
    }
}

struct Nowhere;

#[async_trait]
impl AuditSink for Nowhere {
    async fn durable(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn queued(&self, _: AuditEntry) -> StoreResult<()> {
        Ok(())
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }
}
