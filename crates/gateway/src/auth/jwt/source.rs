//! An issuer's keys in memory, as fresh as they need to be.
//!
//! However many tokens come in, an issuer is asked by one task at a time and at most once in
//! [`PAUSE`]: a token that names an unknown key costs its sender nothing to make up.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use homelab_upstream::Client;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::discovery::{self, Place};
use super::keys::KeySet;
use crate::transport::detach;

/// How long keys are used without asking again.
const FRESH: Duration = Duration::from_mins(5);
/// How long they are used at most while the issuer does not answer.
const TRUSTED: Duration = Duration::from_hours(1);
/// How long a caller waits for fresher keys while older ones can still be used.
const PATIENCE: Duration = Duration::from_secs(1);
/// Least time between two attempts to read them.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// The keys could not be read, and those from before are too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// Reads and keeps an issuer's keys; clones share them.
#[derive(Clone)]
pub(super) struct KeySource(Arc<Inner>);

struct Inner {
    client: Client,
    place: Place,
    known: ArcSwapOption<Known>,
    /// Held by whoever asks; when it was last done.
    last_attempt: Mutex<Option<Instant>>,
}

/// Keys, and when they were read.
pub(super) struct Known {
    pub(super) keys: KeySet,
    read: Instant,
}

impl KeySource {
    /// Asks nobody yet.
    pub(super) fn new(client: Client, place: Place) -> Self {
        Self(Arc::new(Inner {
            client,
            place,
            known: ArcSwapOption::empty(),
            last_attempt: Mutex::default(),
        }))
    }

    /// The keys. Those that are no longer fresh are read again; while that takes long or fails, they
    /// are used on, up to a limit.
    pub(super) async fn current(&self) -> Result<Arc<Known>, Unavailable> {
        let Some(known) = self.0.known.load_full() else {
            return self.newer_than(None).await;
        };
        if known.read.elapsed() < FRESH {
            return Ok(known);
        }
        let newer = self.newer_than(Some(Arc::clone(&known)));
        if known.read.elapsed() >= TRUSTED {
            return newer.await;
        }
        match timeout(PATIENCE, newer).await {
            Ok(newer) => newer,
            Err(_) => Ok(known),
        }
    }

    /// The keys after another look: a token names one that `seen` does not have. The same ones, if
    /// the last look was only just now.
    pub(super) async fn once_more(&self, seen: &Arc<Known>) -> Result<Arc<Known>, Unavailable> {
        self.newer_than(Some(Arc::clone(seen))).await
    }

    /// Reads the keys and keeps nothing; what went wrong.
    pub(super) async fn look(&self) -> Result<(), String> {
        let read = discovery::fetch(&self.0.client, &self.0.place).await;
        read.map(drop).map_err(|error| error.to_string())
    }

    /// Runs to its end although its caller may go away: otherwise one that always does would keep
    /// the keys from being read.
    async fn newer_than(&self, seen: Option<Arc<Known>>) -> Result<Arc<Known>, Unavailable> {
        let this = self.clone();
        detach(async move { this.0.read(seen).await }).await
    }
}

impl Inner {
    async fn read(&self, seen: Option<Arc<Known>>) -> Result<Arc<Known>, Unavailable> {
        let mut last_attempt = self.last_attempt.lock().await;
        let known = self.known.load_full();
        // Somebody else read them while this one waited for its turn.
        if let Some(known) = &known
            && seen.is_none_or(|seen| known.read > seen.read)
        {
            return Ok(Arc::clone(known));
        }
        let usable = known.filter(|known| known.read.elapsed() < TRUSTED);
        if last_attempt.is_some_and(|at| at.elapsed() < PAUSE) {
            return usable.ok_or(Unavailable);
        }
        let now = Instant::now();
        *last_attempt = Some(now);
        match discovery::fetch(&self.client, &self.place).await {
            Ok(keys) => {
                let fresh = Arc::new(Known { keys, read: now });
                self.known.store(Some(Arc::clone(&fresh)));
                Ok(fresh)
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    auth.issuer = self.place.issuer,
                    "the keys of an issuer cannot be read"
                );
                usable.ok_or(Unavailable)
            }
        }
    }
}
