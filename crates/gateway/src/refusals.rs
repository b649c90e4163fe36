//! Refusals on their way to the audit: the first of a kind at once, its repeats as one row with a
//! count, so that a caller in a loop cannot fill the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab_core::audit::AuditEntry;
use homelab_core::clock::Micros;

use crate::trail::{Durability, Trail};

/// How long repeats of a refusal are gathered.
const WINDOW: Duration = Duration::from_mins(1);
/// Different refusals that are gathered at once; beyond that they are told apart by action and
/// outcome alone.
const MOST_OPEN: usize = 1024;

/// What makes two refusals the same: everything but time, arguments and request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RefusalKey {
    credential: String,
    address: Option<String>,
    action: String,
    target: String,
    outcome: Option<String>,
    detail: String,
}

impl RefusalKey {
    /// `detail` tells apart what has the same outcome, such as the argument at fault.
    pub(crate) fn of(entry: &AuditEntry, detail: &str) -> Self {
        Self {
            credential: entry.credential.clone(),
            address: entry.ip_address.clone(),
            action: entry.action.clone(),
            target: entry.target_id.clone(),
            outcome: entry.outcome.clone(),
            detail: detail.to_owned(),
        }
    }

    /// The key under which it is gathered together with those of other callers.
    fn without_caller(&self) -> Self {
        Self {
            credential: String::new(),
            address: None,
            detail: "others".into(),
            ..self.clone()
        }
    }
}

/// Gathers repeats; clones share what is gathered.
#[derive(Clone)]
pub(crate) struct Refusals {
    trail: Trail,
    open: Arc<Mutex<HashMap<RefusalKey, Gathered>>>,
}

struct Gathered {
    repeats: u64,
    since: Micros,
    latest: AuditEntry,
}

impl Refusals {
    pub(crate) fn new(trail: Trail) -> Self {
        Self {
            trail,
            open: Arc::default(),
        }
    }

    /// Records a refusal. Whether it could be kept changes nothing for the caller, who is refused
    /// either way; the trail has counted and logged a failure.
    pub(crate) async fn record(&self, key: RefusalKey, entry: AuditEntry, durability: Durability) {
        if let Some(opened) = self.open(key, &entry) {
            self.close_later(opened);
            drop(self.trail.write(entry, durability).await);
        }
    }

    /// Writes what is gathered, at the end of the process.
    pub(crate) async fn flush(&self) {
        let open = std::mem::take(&mut *self.lock());
        for gathered in open.into_values() {
            self.write_repeats(gathered).await;
        }
    }

    /// Counts a repeat, or opens a window and returns its key.
    fn open(&self, key: RefusalKey, entry: &AuditEntry) -> Option<RefusalKey> {
        let mut open = self.lock();
        let key = if open.len() < MOST_OPEN || open.contains_key(&key) {
            key
        } else {
            key.without_caller()
        };
        if let Some(gathered) = open.get_mut(&key) {
            gathered.repeats += 1;
            gathered.latest = entry.clone();
            return None;
        }
        let gathered = Gathered {
            repeats: 0,
            since: self.trail.now(),
            latest: entry.clone(),
        };
        open.insert(key.clone(), gathered);
        Some(key)
    }

    fn close_later(&self, key: RefusalKey) {
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(WINDOW).await;
            let gathered = this.lock().remove(&key);
            if let Some(gathered) = gathered {
                this.write_repeats(gathered).await;
            }
        });
    }

    async fn write_repeats(&self, gathered: Gathered) {
        if gathered.repeats == 0 {
            return;
        }
        let details = serde_json::json!({
            "repeated": gathered.repeats,
            "since": gathered.since,
            "like": gathered.latest.details,
        });
        let entry = AuditEntry {
            details: Some(details.to_string()),
            ..gathered.latest
        };
        drop(self.trail.write(entry, Durability::Queued).await);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RefusalKey, Gathered>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
