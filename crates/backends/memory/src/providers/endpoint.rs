//! One endpoint: its client, its key, its model.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{Client, ClientConfig, Request, Response, TlsConfig, Url};
use serde::Serialize;

use crate::config::LlmConfig;

/// Longest answer: 2,048 vectors of 384 numbers, or 500 of 1,536.
const MOST_BYTES: usize = 24 * 1024 * 1024;

/// What an endpoint is made from.
pub(super) struct Place<'a> {
    /// The server's name in errors and metrics.
    pub(super) instance: &'a str,
    /// The table: `embedding` or `llm`.
    pub(super) table: &'a str,
    pub(super) url: Url,
    pub(super) key: Option<&'a SecretRef>,
    pub(super) timeout_s: u64,
    pub(super) tls: &'a TlsConfig,
}

impl<'a> Place<'a> {
    /// That of the language model.
    pub(super) fn llm(instance: &'a str, config: &'a LlmConfig, url: Url) -> Self {
        Self {
            instance,
            table: "llm",
            url,
            key: config.api_key.as_ref(),
            timeout_s: config.timeout_s,
            tls: &config.tls,
        }
    }
}

/// A client of one endpoint.
pub(super) struct Endpoint {
    client: Client,
    key: Option<SecretRef>,
    env: Env,
}

impl Endpoint {
    pub(super) fn new(place: Place<'_>, env: &Env) -> ToolResult<Self> {
        let client = env.client(ClientConfig {
            base_url: Some(place.url),
            settings: format!("servers.{}.{}", place.instance, place.table),
            timeout: Duration::from_secs(place.timeout_s),
            max_body: MOST_BYTES,
            retries: 1,
            tls: place.tls.clone(),
            ..ClientConfig::new(place.instance)
        })?;
        Ok(Self {
            client,
            key: place.key.cloned(),
            env: env.clone(),
        })
    }

    /// The key, read anew so that a rotated one needs no restart.
    pub(super) async fn key(&self) -> ToolResult<Option<Secret>> {
        match &self.key {
            Some(reference) => self.env.secret(reference).await.map(Some),
            None => Ok(None),
        }
    }

    /// Posts with the key as a bearer token. A redirect is not followed: what is sent is private.
    pub(super) async fn post(
        &self,
        operation: &'static str,
        path: &'static str,
        body: &impl Serialize,
    ) -> ToolResult<Response> {
        let mut request = request(operation, path, body);
        if let Some(key) = self.key().await? {
            request = request.bearer(&key);
        }
        self.send(request).await
    }

    /// Sends a request that was made elsewhere.
    pub(super) async fn send(&self, request: Request) -> ToolResult<Response> {
        Ok(self.client.send(request).await?.checked()?)
    }
}

/// A request that changes nothing.
pub(super) fn request(
    operation: &'static str,
    path: &'static str,
    body: &impl Serialize,
) -> Request {
    Request::post(operation, path, &[]).json(body).idempotent()
}

/// An answer that is well-formed and no use; `what` repeats nothing of it.
pub(super) fn unusable(reason: &'static str, what: impl Into<String>) -> ToolError {
    ToolError::new(Code::UpstreamRejected, what).reason(reason)
}
