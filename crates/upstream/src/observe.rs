//! The seam for metrics: whoever counts implements [`Observer`].

use std::time::{Duration, Instant};

use tracing::Span;

use crate::error::Fault;

/// How a request ended, as a label of few values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A status of 100 to 299.
    Success,
    /// A status of 300 to 399.
    Redirect,
    /// A status of 400 to 499.
    ClientError,
    /// A status of 500 or more.
    ServerError,
    /// No connection, or it was lost.
    Unreachable,
    /// Took longer than its limit.
    Timeout,
    /// An answer that cannot be used: cut, too long, not HTTP, redirects without end.
    Unusable,
    /// The request could not be made from what the caller gave or what is configured.
    Invalid,
    /// The caller went away.
    Cancelled,
}

impl Outcome {
    /// The outcome as a metric's label `status_class`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unusable => "unusable",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
        }
    }

    fn of(result: Result<u16, &Fault>) -> Self {
        match result {
            Ok(..300) => Self::Success,
            Ok(..400) => Self::Redirect,
            Ok(..500) => Self::ClientError,
            Ok(_) => Self::ServerError,
            Err(Fault::Timeout { .. }) => Self::Timeout,
            Err(Fault::Invalid(_) | Fault::NotConfigured(_)) => Self::Invalid,
            Err(
                Fault::NotHttp
                | Fault::Cut { .. }
                | Fault::TooLarge { .. }
                | Fault::RedirectLoop { .. }
                | Fault::Status(_)
                | Fault::Unexpected(_),
            ) => Self::Unusable,
            Err(_) => Self::Unreachable,
        }
    }
}

/// One finished request, all attempts and redirects together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation<'a> {
    /// Name of the instance.
    pub service: &'a str,
    /// The request's operation: one of a fixed set in the code.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, waits included.
    pub duration: Duration,
    /// How often it was repeated.
    pub retries: u32,
}

/// Counts requests; called once for each, also when its caller went away. Must not block.
pub trait Observer: Send + Sync {
    /// A request ended.
    fn observe(&self, observation: &Observation<'_>);
}

/// Counts nothing.
pub(crate) struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Observation<'_>) {}
}

/// Measures one request, and reports it when dropped.
pub(crate) struct Measure<'a> {
    observer: &'a dyn Observer,
    service: &'a str,
    operation: &'static str,
    span: &'a Span,
    started: Instant,
    outcome: Outcome,
    retries: u32,
}

impl<'a> Measure<'a> {
    pub(crate) fn start(
        observer: &'a dyn Observer,
        service: &'a str,
        operation: &'static str,
        span: &'a Span,
    ) -> Self {
        Self {
            observer,
            service,
            operation,
            span,
            started: Instant::now(),
            outcome: Outcome::Cancelled,
            retries: 0,
        }
    }

    pub(crate) fn end(mut self, result: Result<u16, &Fault>, retries: u32) {
        if let Ok(status) = result {
            self.span.record("status", status);
        }
        self.outcome = Outcome::of(result);
        self.retries = retries;
    }
}

impl Drop for Measure<'_> {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.span.record("outcome", self.outcome.as_str());
        self.span.record("duration_ms", millis);
        self.observer.observe(&Observation {
            service: self.service,
            operation: self.operation,
            outcome: self.outcome,
            duration,
            retries: self.retries,
        });
    }
}
