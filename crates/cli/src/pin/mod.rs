//! Pins the audit's head off the box: every checkpoint goes to the places of `[audit.pin]`.
//!
//! A checkpoint stands for all before it, so each place gets the newest one that it lacks; one that
//! cannot be reached is tried again, and neither calls nor the other places wait for it.

mod sinks;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use homelab_core::audit::Checkpoint;
use homelab_core::clock::{Clock, Micros};
use homelab_core::redact::Redactor;
use homelab_core::store::Settings;
use homelab_gateway::metrics::Metrics;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::sections::Pin;
use sinks::Sink;
pub(crate) use sinks::names;

/// First and longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));
/// How long a process that ends waits for its last checkpoint to be pinned.
const PARTING: Duration = Duration::from_secs(2);

/// How pinning to one place stands, as all processes see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Newest checkpoint that was pinned there.
    pub(crate) number: Option<i64>,
    /// When.
    pub(crate) at: Option<Micros>,
    /// Why the last attempt failed; absent if it did not.
    pub(crate) error: Option<String>,
}

impl Standing {
    /// Reads it.
    pub(crate) async fn of(settings: &dyn Settings, place: &str) -> Result<Option<Self>> {
        let text = settings.get(&setting(place)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn setting(place: &str) -> String {
    format!("audit_pin.{place}")
}

/// The places and their tasks.
pub(crate) struct Pins {
    tasks: JoinSet<()>,
}

impl Pins {
    /// Starts one task for each place; `made` tells of checkpoints.
    ///
    /// # Errors
    /// If a place is configured and makes no sense.
    pub(crate) fn start(
        config: &Pin,
        made: &watch::Receiver<Option<Checkpoint>>,
        settings: &Arc<dyn Settings>,
        metrics: &Arc<Metrics>,
        clock: &Arc<dyn Clock>,
        redactor: &Redactor,
    ) -> Result<Self> {
        let mut tasks = JoinSet::new();
        for sink in sinks::configured(config, redactor)? {
            let task = Task {
                sink,
                made: made.clone(),
                settings: settings.clone(),
                metrics: metrics.clone(),
                clock: clock.clone(),
                standing: Standing::default(),
            };
            tasks.spawn(task.run());
        }
        Ok(Self { tasks })
    }

    /// Ends, once the sender of checkpoints is gone; what is not pinned by then is pinned with a
    /// later checkpoint.
    pub(crate) async fn close(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(PARTING, all).await.is_err() {
            self.tasks.abort_all();
        }
    }
}

struct Task {
    sink: Sink,
    made: watch::Receiver<Option<Checkpoint>>,
    settings: Arc<dyn Settings>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    standing: Standing,
}

impl Task {
    async fn run(mut self) {
        let mut pause = PAUSES.0;
        // Ends when no more checkpoints come and the last one was tried.
        loop {
            let newest = self.made.borrow_and_update().clone();
            let pinned = match newest {
                Some(one) if self.standing.number != Some(one.number) => self.pin(&one).await,
                _ => true,
            };
            if pinned {
                pause = PAUSES.0;
                if self.made.changed().await.is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
                changed = self.made.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whether it is pinned.
    async fn pin(&mut self, one: &Checkpoint) -> bool {
        let name = self.sink.name();
        let sent = self.sink.send(one).await;
        self.metrics.audit_pin(name, sent.is_ok());
        let failed_before = self.standing.error.is_some();
        match sent {
            Ok(()) => {
                if failed_before {
                    tracing::info!(place = name, "the audit's head is pinned again");
                }
                self.standing = Standing {
                    number: Some(one.number),
                    at: Some(self.clock.now()),
                    error: None,
                };
            }
            Err(error) => {
                // Once for each failure that lasts, not once for each attempt.
                if !failed_before {
                    tracing::warn!(
                        place = name,
                        error,
                        "the audit's head was not pinned; it will be tried again"
                    );
                }
                self.standing.error = Some(error);
            }
        }
        self.remember().await;
        self.standing.error.is_none()
    }

    async fn remember(&self) {
        let text = serde_json::to_string(&self.standing).unwrap_or_default();
        if let Err(error) = self.settings.set(&setting(self.sink.name()), &text).await {
            tracing::debug!(%error, "how pinning stands was not kept");
        }
    }
}
