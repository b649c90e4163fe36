//! What the pipeline counts with, looked up once instead of on each call.

use std::sync::Arc;
use std::sync::atomic::{AtomicI8, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{Metrics, Outcome};

/// The counters of one tool of one instance.
#[derive(Debug, Clone)]
pub(crate) struct ToolMetrics {
    calls: [Counter; Outcome::ALL.len()],
}

impl ToolMetrics {
    /// One counter for each outcome, in their order.
    pub(super) fn new(calls: [Counter; Outcome::ALL.len()]) -> Self {
        Self { calls }
    }

    /// Counts a call.
    pub(crate) fn count(&self, outcome: Outcome) {
        self.calls[outcome as usize].inc();
    }
}

/// What is measured for a whole instance.
pub(crate) struct ServerMetrics {
    inflight: Gauge,
    result_bytes: Histogram,
    /// -1 until the first answer; kept here so that the common case takes no lock.
    up: AtomicI8,
    server: Arc<str>,
    metrics: Arc<Metrics>,
}

impl ServerMetrics {
    pub(super) fn new(
        metrics: Arc<Metrics>,
        server: Arc<str>,
        inflight: Gauge,
        result_bytes: Histogram,
    ) -> Self {
        Self {
            inflight,
            result_bytes,
            up: AtomicI8::new(-1),
            server,
            metrics,
        }
    }

    /// Counts a call as running until the guard is dropped.
    pub(crate) fn running(&self) -> Counted {
        Counted::new(self.inflight.clone())
    }

    /// Records the size of an answer, bytes.
    pub(crate) fn answered(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.result_bytes.observe(f64::from(bytes));
    }

    /// Notes from a call's outcome whether the upstream answers.
    pub(crate) fn note_up(&self, up: bool) {
        if self.up.swap(i8::from(up), Ordering::Relaxed) != i8::from(up) {
            self.metrics.backend_up(&self.server, up);
        }
    }
}

/// Counts down when it is dropped.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    pub(super) fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
