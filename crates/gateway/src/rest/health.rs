//! `/healthz` and `/readyz`, for probes: without a key, and under any host name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Rest;
use crate::transport::reply;

/// Whether this process can serve: its database answers and is migrated, its listeners are up. An
/// upstream that is down does not make it unready.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Looks now; more than 2 s count as no.
    ///
    /// # Errors
    /// One line that says what is missing. It is shown to anybody, so it names no address and no
    /// path.
    async fn check(&self) -> Result<(), String>;
}

/// How long an answer is kept: the probe needs no key, and must not be a way to load the database.
const KEPT: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(2);

/// A [`Readiness`] that is asked at most once a second.
pub(crate) struct Ready {
    inner: Arc<dyn Readiness>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Ready {
    pub(crate) fn new(inner: Arc<dyn Readiness>) -> Self {
        Self {
            inner,
            last: Mutex::default(),
        }
    }

    async fn check(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < KEPT
        {
            return result.clone();
        }
        let result = timeout(LONGEST, self.inner.check())
            .await
            .unwrap_or_else(|_| Err("the check took too long".to_owned()));
        if let Err(missing) = &result {
            tracing::warn!("not ready: {missing}");
        }
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

/// The routes.
pub(crate) fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .with_state(rest)
}

async fn healthy() -> Response {
    reply::json(StatusCode::OK, &json!({ "status": "ok" }))
}

async fn ready(State(rest): State<Arc<Rest>>) -> Response {
    match rest.ready.check().await {
        Ok(()) => reply::json(StatusCode::OK, &json!({ "status": "ready" })),
        Err(missing) => reply::json(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "status": "not_ready", "missing": missing }),
        ),
    }
}
