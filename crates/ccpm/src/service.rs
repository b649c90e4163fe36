//! The service: its parts, its settings, and how its transactions begin.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::ccpm::rules::Review;
use homelab_core::ccpm::{CcpmError, CcpmResult};
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::id::uuid_v7;
use homelab_core::store::{self, AuditLog, CcpmRows, Signals};
use tokio::sync::broadcast;

use crate::bus::Change;

/// Changes that a slow listener may be behind before it misses some.
const BEHIND: usize = 1_024;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What keys of tasks begin with: 1 to 10 capital letters and digits.
    pub key_prefix: String,
    /// Whether work has to be reviewed before it is done.
    pub require_review: bool,
    /// How long an active agent may be silent before it is offline.
    pub offline_after: Duration,
    /// How long a session may be silent before it is abandoned.
    pub abandoned_after: Duration,
    /// How long answers are kept for repeated requests.
    pub answers_kept: Duration,
    /// How long messages that were dealt with are kept; forever if absent.
    pub messages_kept: Option<Duration>,
    /// How long context items of sessions are kept; forever if absent.
    pub contexts_kept: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_prefix: "TASK".to_owned(),
            require_review: true,
            offline_after: Duration::from_mins(10),
            abandoned_after: Duration::from_secs(DAY),
            answers_kept: Duration::from_secs(DAY),
            messages_kept: None,
            contexts_kept: None,
        }
    }
}

impl Settings {
    /// Whether the settings can be used.
    ///
    /// # Errors
    /// `validation_failed` on the setting.
    pub fn check(&self) -> CcpmResult<()> {
        let prefix = self.key_prefix.as_bytes();
        let is_key = prefix.first().is_some_and(u8::is_ascii_uppercase)
            && prefix.len() <= 10
            && prefix
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_key {
            return Err(CcpmError::invalid(
                "key_prefix",
                "`key_prefix` has 1 to 10 capital letters and digits, beginning with a letter",
            ));
        }
        Ok(())
    }
}

/// What a service is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn store::Ccpm>,
    /// News of other processes on the same database.
    pub signals: Arc<dyn Signals>,
    /// For counting calls of tools; without it they are not counted.
    pub audit: Option<Arc<dyn AuditLog>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What can be set.
    pub settings: Settings,
    /// Version of the program, for [`Health`](crate::Health).
    pub version: String,
}

/// The embedded service.
pub struct Service {
    pub(crate) parts: Parts,
    changes: broadcast::Sender<Change>,
}

impl Service {
    /// Puts a service together; nothing is read yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            changes: broadcast::Sender::new(BEHIND),
        }
    }

    /// Changes from now on that this process makes. A listener that is too slow misses the oldest
    /// ones and is told how many.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Tells of changes that are durable.
    pub(crate) fn tell(&self, news: Vec<Change>) {
        for change in news {
            // Nobody may be listening.
            drop(self.changes.send(change));
        }
    }

    pub(crate) fn now(&self) -> Micros {
        self.parts.clock.now()
    }

    /// A new id.
    pub(crate) fn id(&self) -> String {
        uuid_v7(&*self.parts.clock, &*self.parts.entropy)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    pub(crate) fn review(&self) -> Review {
        if self.parts.settings.require_review {
            Review::Required
        } else {
            Review::Optional
        }
    }

    /// A transaction that reads.
    pub(crate) async fn reading(&self) -> CcpmResult<Box<dyn CcpmRows>> {
        Ok(self.parts.store.read().await?)
    }
}
