//! An answer that is read while it arrives: long bodies made of lines, such as the progress of a
//! download or the words of a model.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tracing::field::Empty;

use crate::client::Client;
use crate::error::{Asked, Fault, UpstreamError};
use crate::observe::Measure;
use crate::request::Request;

/// A successful answer whose body is still arriving. Dropping it closes the connection, which is
/// how an upstream learns that nobody waits any longer.
pub struct Stream {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    asked: Arc<Asked>,
    idle: Duration,
    most: usize,
    received: usize,
}

impl Stream {
    /// The next piece of the body, of whatever size the network made it; `None` at its end.
    ///
    /// # Errors
    /// [`Fault::Timeout`] when nothing came for the idle limit, [`Fault::Cut`] when the connection
    /// broke, [`Fault::TooLarge`] beyond the cap of the request.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let fault = match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(chunk))) => {
                self.received = self.received.saturating_add(chunk.len());
                if self.received <= self.most {
                    return Ok(Some(chunk));
                }
                Fault::TooLarge { limit: self.most }
            }
            Ok(Err(_)) => Fault::Cut {
                received: self.received,
            },
            Err(_) => Fault::Timeout {
                limit: self.idle,
                received: Some(self.received),
            },
        };
        Err(UpstreamError::new(fault, Arc::clone(&self.asked)))
    }

    /// An error about this answer, for what only the caller can see to be wrong; `what` must not
    /// repeat the upstream's text.
    pub fn rejected(&self, what: impl Into<String>) -> UpstreamError {
        UpstreamError::new(Fault::Unexpected(what.into()), Arc::clone(&self.asked))
    }

    /// A text of the upstream as it may be shown: one line, without secrets, not long.
    pub fn clean(&self, text: &str) -> String {
        self.asked.clean(text)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("operation", &self.asked.operation)
            .field("status", &self.status)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Sends a request once and hands its successful answer over while it arrives.
    ///
    /// The request's limit holds until the answer begins; from there on `idle` is the longest
    /// silence, and the request's `max_body` the most bytes. The caller bounds the whole. Redirects
    /// are not followed and nothing is repeated.
    ///
    /// # Errors
    /// As [`Client::send`]; a status that is no success is [`Fault::Status`] with what the upstream
    /// says.
    pub async fn stream(&self, request: Request, idle: Duration) -> Result<Stream, UpstreamError> {
        let inner = self.inner();
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
        let mut origin = String::new();
        let begun = match inner.address(&request) {
            Ok(url) => {
                origin = url.origin().ascii_serialization();
                let limit = request.timeout.unwrap_or(inner.config.timeout);
                let begun = inner.begin(&request, url, request.headers.clone());
                let timed = tokio::time::timeout(limit, begun).await;
                timed.unwrap_or(Err(Fault::Timeout {
                    limit,
                    received: None,
                }))
            }
            Err(fault) => Err(fault),
        };
        measure.end(begun.as_ref().map(|response| response.status().as_u16()), 0);
        let most = request.max_body.unwrap_or(inner.config.max_body);
        let asked = Arc::new(Asked {
            context: Arc::clone(&inner.context),
            operation,
            redirected: false,
            origin,
            idempotent: request.idempotent,
            secrets: request.secrets.clone(),
        });
        let mut response = match begun {
            Ok(response) => response,
            Err(fault) => return Err(UpstreamError::new(fault, asked)),
        };
        if !response.status().is_success() {
            return Err(inner.refusal(&request, response, asked).await);
        }
        Ok(Stream {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            response,
            asked,
            idle,
            most,
            received: 0,
        })
    }
}
