//! The way to the audit: stamps rows, counts them, and reports what could not be kept.

use std::sync::Arc;

use homelab_core::audit::AuditEntry;
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::id;
use homelab_core::store::{AuditSink, StoreResult};

use crate::metrics::Metrics;

/// Whether an answer waits until its row is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It waits.
    Durable,
    /// It waits for a place in the queue only.
    Queued,
}

#[derive(Clone)]
pub(crate) struct Trail {
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
}

impl Trail {
    pub(crate) fn new(
        sink: Arc<dyn AuditSink>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            sink,
            clock,
            entropy,
            metrics,
        }
    }

    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    pub(crate) fn new_id(&self) -> String {
        id::uuid_v7(&*self.clock, &*self.entropy)
    }

    /// Gives the row its time, and its id unless it has one, and hands it over. A failure is counted and logged here; the
    /// caller decides what it means for the call.
    pub(crate) async fn write(
        &self,
        mut entry: AuditEntry,
        durability: Durability,
    ) -> StoreResult<()> {
        if entry.id.is_empty() {
            entry.id = self.new_id();
        }
        entry.timestamp = self.now();
        let kind = entry.kind;
        let written = match durability {
            Durability::Durable => self.sink.durable(entry).await,
            Durability::Queued => self.sink.queued(entry).await,
        };
        match &written {
            Ok(()) => self.metrics.audit_event(kind),
            Err(error) => {
                self.metrics.audit_write_failure();
                tracing::error!(audit.kind = kind.as_str(), %error, "the audit row was not kept");
            }
        }
        written
    }
}
