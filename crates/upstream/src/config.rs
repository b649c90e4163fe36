//! What a client is made from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_core::observe::{Observer, Silent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Whom to trust behind an `https` address; the same shape for every server: `tls = { … }`.
///
/// Without any of these the certificate must come from an authority that this machine trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with certificates to trust besides those of the machine: a private authority, or
    /// the server's own certificate.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 fingerprint of the server's certificate. Only this certificate is accepted then,
    /// whoever issued it, whatever its name and even if it has expired. Several (one per cluster
    /// node) are separated by commas.
    pub fingerprint: Option<String>,
    /// Accept any certificate. Whoever sits in between can read and change everything; prefer
    /// `fingerprint`.
    pub insecure: bool,
}

/// How to reach one service. Start from [`ClientConfig::new`] and change what differs.
#[derive(Clone)]
pub struct ClientConfig {
    /// Name of the instance, in errors, spans and metrics.
    pub service: String,
    /// Configuration section that errors refer to; default `servers.<service>`.
    pub settings: String,
    /// What the paths of requests are appended to; its own path is kept. Without one, requests
    /// must have an absolute address.
    pub base_url: Option<Url>,
    /// Limit of a whole request: attempts, redirects and body. Default 30 s.
    pub timeout: Duration,
    /// Limit of name lookup, connection and TLS handshake. Default 5 s.
    pub connect_timeout: Duration,
    /// Most bytes of a body. Default 8 MiB.
    pub max_body: usize,
    /// Most repetitions of an idempotent request. Default 2.
    pub retries: u32,
    /// Wait before the first repetition, doubled for each further one, plus jitter. Default 200 ms.
    pub retry_delay: Duration,
    /// A `Retry-After` longer than this is reported instead of waited for. Default 5 s.
    pub longest_wait: Duration,
    /// Most redirects that a `GET` or `HEAD` follows. Default 5.
    pub redirects: u32,
    /// Whom to trust.
    pub tls: TlsConfig,
    /// Who counts the requests. Default nobody.
    pub observer: Arc<dyn Observer>,
}

impl ClientConfig {
    /// The defaults for this instance, without an address.
    pub fn new(service: impl Into<String>) -> Self {
        let service = service.into();
        Self {
            settings: format!("servers.{service}"),
            service,
            base_url: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_body: 8 * 1024 * 1024,
            retries: 2,
            retry_delay: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
            redirects: 5,
            tls: TlsConfig::default(),
            observer: Arc::new(Silent),
        }
    }

    /// An error about one of the settings, named by its full path.
    pub(crate) fn wrong(&self, key: &str, message: impl Into<String>) -> ToolError {
        ToolError::new(Code::NotConfigured, message)
            .field(format!("{}.{key}", self.settings))
            .instance(self.service.clone())
    }

    /// The base address, checked: `http` or `https`, nothing behind the path, no user in it.
    pub(crate) fn checked_base_url(&self) -> Result<Option<Url>, ToolError> {
        let Some(url) = &self.base_url else {
            return Ok(None);
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.wrong(
                "url",
                format!("`{}` is neither http nor https", url.scheme()),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self
                .wrong("url", "the address holds a user or password")
                .hint("put them into their own settings, where they are kept secret"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(self.wrong("url", "the address has a `?` or `#` part"));
        }
        Ok(Some(url.clone()))
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address is left out: until it is checked it may hold a password.
        formatter
            .debug_struct("ClientConfig")
            .field("service", &self.service)
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
