//! Reports each request to whoever counts: an [`Observer`].

use std::time::Instant;

use homelab_core::observe::{Observation, Observer, Outcome};
use tracing::Span;

use crate::error::Fault;

fn outcome(result: Result<u16, &Fault>) -> Outcome {
    match result {
        Ok(..300) => Outcome::Success,
        Ok(..400) => Outcome::Redirect,
        Ok(..500) => Outcome::ClientError,
        Ok(_) => Outcome::ServerError,
        Err(Fault::Timeout { .. }) => Outcome::Timeout,
        Err(Fault::Invalid(_) | Fault::NotConfigured(_)) => Outcome::Invalid,
        Err(
            Fault::NotHttp
            | Fault::Cut { .. }
            | Fault::TooLarge { .. }
            | Fault::RedirectLoop { .. }
            | Fault::Status(_)
            | Fault::Unexpected(_),
        ) => Outcome::Unusable,
        Err(_) => Outcome::Unreachable,
    }
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
        self.outcome = outcome(result);
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
