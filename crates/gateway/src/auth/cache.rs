//! All keys in memory, as fresh as the store's revision.
//!
//! A request costs no query. At most once in [`CHECK_EVERY`] one request asks the store for its
//! revision and, if that moved, reads all keys again; so a key revoked by another process stops
//! working within about a second. If the store cannot be asked, what is known stays valid for
//! [`TRUSTED_FOR`] and then nothing is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use homelab_core::call::Principal;
use homelab_core::clock::Micros;
use homelab_core::store::{ApiKey, Keys, StoreError, StoreResult};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a revision is believed.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long the keys last read are believed while the store does not answer.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// How long the store may take to name its revision.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A stored key and whom it stands for.
pub(super) struct Known {
    pub(super) hash: String,
    pub(super) expires_at: Option<Micros>,
    pub(super) revoked: bool,
    pub(super) principal: Arc<Principal>,
}

impl From<ApiKey> for Known {
    fn from(key: ApiKey) -> Self {
        Self {
            hash: key.hash,
            expires_at: key.expires_at,
            revoked: key.revoked_at.is_some(),
            principal: Arc::new(Principal {
                grants: key.grants,
                ..Principal::new(key.name, key.id, key.kind, key.role)
            }),
        }
    }
}

/// The keys as they were at one revision.
pub(super) struct Snapshot {
    revision: i64,
    by_id: HashMap<String, Known>,
}

impl Snapshot {
    pub(super) fn get(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id)
    }
}

pub(super) struct KeyCache {
    keys: Arc<dyn Keys>,
    snapshot: ArcSwapOption<Snapshot>,
    /// The start of time for the two below.
    epoch: Instant,
    /// When the revision was last asked for, microseconds after `epoch`.
    asked_at: AtomicU64,
    /// When it was last answered.
    answered_at: AtomicU64,
    reading: Mutex<()>,
}

impl KeyCache {
    pub(super) fn new(keys: Arc<dyn Keys>) -> Self {
        Self {
            keys,
            snapshot: ArcSwapOption::empty(),
            epoch: Instant::now(),
            asked_at: AtomicU64::new(0),
            answered_at: AtomicU64::new(0),
            reading: Mutex::new(()),
        }
    }

    /// The keys, checked within the last second; `None` if the store has not answered for too long.
    pub(super) async fn current(&self) -> Option<Arc<Snapshot>> {
        let Some(snapshot) = self.snapshot.load_full() else {
            return self.first().await;
        };
        if self.is_due() || self.silent() >= micros(TRUSTED_FOR) {
            self.check(&snapshot).await
        } else {
            Some(snapshot)
        }
    }

    /// The keys after a look at the store now: a key that `seen` does not have may have been made
    /// by another process a moment ago.
    pub(super) async fn once_more(&self, seen: &Arc<Snapshot>) -> Option<Arc<Snapshot>> {
        self.check(seen).await
    }

    /// Whether a look at the store is due, and if so, makes this caller the one to take it.
    fn is_due(&self) -> bool {
        let now = self.now();
        let asked = self.asked_at.load(Ordering::Relaxed);
        now.saturating_sub(asked) >= micros(CHECK_EVERY)
            && self
                .asked_at
                .compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Microseconds since the store last answered.
    fn silent(&self) -> u64 {
        self.now()
            .saturating_sub(self.answered_at.load(Ordering::Relaxed))
    }

    async fn check(&self, snapshot: &Arc<Snapshot>) -> Option<Arc<Snapshot>> {
        let fresh = async {
            if self.keys.revision().await? == snapshot.revision {
                return Ok(Arc::clone(snapshot));
            }
            let _one_at_a_time = self.reading.lock().await;
            self.read().await
        };
        let fresh = tokio::time::timeout(ANSWER_WITHIN, fresh)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("it does not answer".into())));
        match fresh {
            Ok(fresh) => {
                self.answered_at.store(self.now(), Ordering::Relaxed);
                Some(fresh)
            }
            Err(error) => {
                let silent = self.silent();
                tracing::warn!(%error, silent_ms = silent / 1000, "API keys cannot be checked");
                (silent < micros(TRUSTED_FOR)).then(|| Arc::clone(snapshot))
            }
        }
    }

    async fn first(&self) -> Option<Arc<Snapshot>> {
        let _one_at_a_time = self.reading.lock().await;
        if let Some(snapshot) = self.snapshot.load_full() {
            return Some(snapshot);
        }
        match self.read().await {
            Ok(snapshot) => {
                let now = self.now();
                self.asked_at.store(now, Ordering::Relaxed);
                self.answered_at.store(now, Ordering::Relaxed);
                Some(snapshot)
            }
            Err(error) => {
                tracing::warn!(%error, "API keys cannot be read");
                None
            }
        }
    }

    /// The revision is read first: keys that change in between are read too new, and once more.
    async fn read(&self) -> StoreResult<Arc<Snapshot>> {
        let revision = self.keys.revision().await?;
        let keys = self.keys.list().await?;
        let snapshot = Arc::new(Snapshot {
            revision,
            by_id: keys
                .into_iter()
                .map(|key| (key.id.clone(), Known::from(key)))
                .collect(),
        });
        self.snapshot.store(Some(Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    fn now(&self) -> u64 {
        micros(self.epoch.elapsed())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
