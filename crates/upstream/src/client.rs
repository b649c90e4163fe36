//! Sends requests: the one place with a socket.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;
use tracing::Instrument as _;
use tracing::field::Empty;
use url::Url;

use crate::config::ClientConfig;
use crate::error::{Asked, Context, Fault, UpstreamError};
use crate::observe::Measure;
use crate::redirect;
use crate::request::{Overflow, Request, Target};
use crate::response::{Answer, Response};
use crate::retry::{self, Retries};
use crate::tls::{self, TlsInfo};
use crate::transport_error::classify;

/// Talks to one service. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    http: reqwest::Client,
    pub(crate) config: ClientConfig,
    base: Option<Url>,
    pub(crate) context: Arc<Context>,
}

/// How far a request has come, for the error when its time is up.
#[derive(Default)]
struct Progress {
    /// Origin of the address that is being asked, if a redirect led away from the first.
    origin: Option<String>,
    redirects: u32,
    retries: u32,
    /// Bytes of the body, once it has begun.
    received: Option<usize>,
}

impl Client {
    /// Makes a client; reads the CA file, if there is one, but opens no connection.
    ///
    /// # Errors
    /// `not_configured` naming the setting that is wrong.
    pub fn new(config: &ClientConfig, redactor: Redactor) -> Result<Self, ToolError> {
        let base = config.checked_base_url()?;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("homelab-mcp/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::client_config(config)?)
            .tls_info(true)
            .connect_timeout(config.connect_timeout)
            // Followed by hand: the library's own policy keeps headers that it does not know to
            // be secret.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // The services of a lab are its neighbours; a proxy is configured as their address.
            .no_proxy();
        #[expect(clippy::disallowed_methods, reason = "the home of outbound clients")]
        let http = builder.build().map_err(|_| {
            ToolError::new(Code::Internal, "the HTTP client cannot be set up")
                .instance(config.service.clone())
        })?;
        Ok(Self(Arc::new(Inner {
            http,
            base,
            context: Arc::new(Context {
                service: config.service.clone(),
                settings: config.settings.clone(),
                redactor,
            }),
            config: config.clone(),
        })))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Sends a request and reads the answer, whatever its status; see the crate's front page for
    /// what holds for all of them.
    ///
    /// Dropping the future ends the request. Whether it had its effect by then is not known.
    pub async fn send(&self, request: Request) -> Result<Response, UpstreamError> {
        let inner = &*self.0;
        let service = inner.context.service.as_str();
        let operation = request.operation;
        let span = tracing::info_span!(
            "upstream.request",
            service,
            operation,
            status = Empty,
            outcome = Empty,
            duration_ms = Empty,
        );
        let measure = Measure::start(&*inner.config.observer, service, operation, &span);
        let mut progress = Progress::default();
        let address = inner.address(&request);
        let mut origin = String::new();
        let result = match address {
            Ok(url) => {
                origin = url.origin().ascii_serialization();
                let limit = request.timeout.unwrap_or(inner.config.timeout);
                let attempts = inner.attempts(&request, url, limit, &mut progress);
                let timed = tokio::time::timeout(limit, attempts.instrument(span.clone()));
                timed.await.unwrap_or(Err(Fault::Timeout {
                    limit,
                    received: None,
                }))
            }
            Err(fault) => Err(fault),
        };
        let result = result.map_err(|fault| match fault {
            Fault::Timeout { limit, .. } => Fault::Timeout {
                limit,
                received: progress.received,
            },
            other => other,
        });
        let status = result.as_ref().map(|answer| answer.status.as_u16());
        measure.end(status, progress.retries);
        let asked = Arc::new(Asked {
            context: Arc::clone(&inner.context),
            operation,
            redirected: progress.origin.is_some(),
            origin: progress.origin.unwrap_or(origin),
            idempotent: request.idempotent,
            secrets: request.secrets,
        });
        match result {
            Ok(answer) => Ok(Response::new(answer, asked)),
            Err(fault) => Err(UpstreamError::new(fault, asked)),
        }
    }
}

impl Inner {
    pub(crate) fn address(&self, request: &Request) -> Result<Url, Fault> {
        if let Some(fault) = &request.fault {
            return Err(fault.clone());
        }
        let mut url = match (&request.target, &self.base) {
            (Target::Absolute(url), _) => url.clone(),
            (Target::Path(path), Some(base)) => {
                let mut url = base.clone();
                let prefix = base.path().trim_end_matches('/');
                url.set_path(&format!("{prefix}{path}"));
                url
            }
            (Target::Path(_), None) => {
                return Err(Fault::NotConfigured("its address is not set".to_owned()));
            }
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Fault::Invalid(format!(
                "`{}` is neither http nor https",
                url.scheme()
            )));
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    async fn attempts(
        &self,
        request: &Request,
        url: Url,
        limit: Duration,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let config = &self.config;
        let started = Instant::now();
        let most = match request.retries.unwrap_or(config.retries) {
            most if request.idempotent => most,
            _ => 0,
        };
        let mut retries = Retries::new(most, config.retry_delay, config.longest_wait);
        loop {
            let result = self.attempt(request, url.clone(), progress).await;
            let retry_after = match &result {
                Ok(answer) if retry::is_transient(answer.status) => {
                    retry::retry_after(&answer.headers)
                }
                Err(fault) if retry::may_pass(fault) => None,
                _ => return result,
            };
            let left = limit.saturating_sub(started.elapsed());
            let Some(wait) = retries.wait(retry_after, left) else {
                return result;
            };
            progress.retries += 1;
            progress.received = None;
            tracing::debug!(
                retry = progress.retries,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "repeating the request"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt: the request and the redirects it leads to.
    async fn attempt(
        &self,
        request: &Request,
        mut url: Url,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let started = Instant::now();
        let limit = request.redirects.unwrap_or(self.config.redirects);
        let mut headers = request.headers.clone();
        progress.redirects = 0;
        progress.origin = None;
        loop {
            let mut answer = self
                .exchange(request, url.clone(), headers.clone(), progress)
                .await?;
            answer.elapsed = started.elapsed();
            answer.redirects = progress.redirects;
            let Some(next) = redirect::target(answer.status, &answer.headers, &url) else {
                return Ok(answer);
            };
            if limit == 0 || !redirect::may_follow(&request.method) {
                return Ok(answer);
            }
            if progress.redirects == limit {
                return Err(Fault::RedirectLoop { limit });
            }
            progress.redirects += 1;
            if next.origin() != url.origin() {
                redirect::strip_secrets(&mut headers);
                progress.origin = Some(next.origin().ascii_serialization());
            }
            url = next;
        }
    }

    /// One message there and one back.
    async fn exchange(
        &self,
        request: &Request,
        url: Url,
        headers: HeaderMap,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let response = self.begin(request, url.clone(), headers).await?;
        self.answer(request, url, response, progress).await
    }

    /// Sends one message and reads the head of the answer.
    pub(crate) async fn begin(
        &self,
        request: &Request,
        url: Url,
        headers: HeaderMap,
    ) -> Result<reqwest::Response, Fault> {
        let mut message = reqwest::Request::new(request.method.clone(), url);
        *message.headers_mut() = headers;
        *message.body_mut() = request.body.clone().map(reqwest::Body::from);
        let sent = self.http.execute(message).await;
        sent.map_err(|error| classify(&error, self.config.connect_timeout))
    }

    /// What is wrong with an answer that is no success, read from the beginning of its body.
    pub(crate) async fn refusal(
        &self,
        request: &Request,
        response: reqwest::Response,
        asked: Arc<Asked>,
    ) -> UpstreamError {
        let url = response.url().clone();
        let mut progress = Progress::default();
        let read = self.answer(request, url, response, &mut progress);
        let limit = self.config.timeout;
        let answer = tokio::time::timeout(limit, read).await;
        match answer.unwrap_or(Err(Fault::Timeout {
            limit,
            received: progress.received,
        })) {
            Ok(answer) => match Response::new(answer, Arc::clone(&asked)).checked() {
                Err(error) => error,
                // Only an answer without success gets here.
                Ok(response) => response.rejected("its status is not the one it began with"),
            },
            Err(fault) => UpstreamError::new(fault, asked),
        }
    }

    /// Reads the rest of an answer whose head has come.
    async fn answer(
        &self,
        request: &Request,
        url: Url,
        mut response: reqwest::Response,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let extensions = response.extensions();
        let tls = extensions
            .get::<reqwest::tls::TlsInfo>()
            .and_then(reqwest::tls::TlsInfo::peer_certificate)
            .and_then(TlsInfo::read);
        let phrase = extensions
            .get::<ReasonPhrase>()
            .map(|phrase| String::from_utf8_lossy(phrase.as_bytes()).into_owned())
            .filter(|phrase| !phrase.trim().is_empty());
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let (body, truncated) = self.read(request, status, response, progress).await?;
        Ok(Answer {
            status,
            headers,
            body,
            truncated,
            elapsed: Duration::ZERO,
            redirects: 0,
            tls,
            url,
            phrase,
        })
    }

    /// Reads a body up to its limit; whether there was more.
    async fn read(
        &self,
        request: &Request,
        status: StatusCode,
        mut response: reqwest::Response,
        progress: &mut Progress,
    ) -> Result<(Bytes, bool), Fault> {
        let limit = request.max_body.unwrap_or(self.config.max_body);
        // Of an answer that says what was wrong the beginning is enough.
        let cut = request.overflow == Overflow::Cut || !status.is_success();
        let too_long = |length: u64| length > limit as u64;
        if !cut && response.content_length().is_some_and(too_long) {
            return Err(Fault::TooLarge { limit });
        }
        let mut body = Vec::new();
        progress.received = Some(0);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                    if !cut {
                        return Err(Fault::TooLarge { limit });
                    }
                    body.extend(chunk.iter().take(limit - body.len()));
                    return Ok((body.into(), true));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok((body.into(), false)),
                Err(_) => {
                    return Err(Fault::Cut {
                        received: body.len(),
                    });
                }
            }
            progress.received = Some(body.len());
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("service", &self.0.context.service)
            .finish_non_exhaustive()
    }
}
