//! Who is calling: API keys over HTTP, the local user elsewhere.
//!
//! Agent keys live in client configurations and call tools. Owner keys manage keys, policy and the
//! kill switch; they are accepted on every endpoint too, with the role they have, but never belong
//! into a client's configuration. Nothing but the `Authorization` header is looked at: a key in a
//! URL ends in logs and histories.

mod cache;
mod error;
pub mod keys;
mod local;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{Principal, Transport};
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::policy::Role;
use homelab_core::store::{AuditSink, Keys};

use crate::limits::{Buckets, Rate, peer_key};
use crate::metrics::Metrics;
use crate::refusals::{RefusalKey, Refusals};
use crate::trail::{Durability, Trail};

use cache::{KeyCache, Snapshot};
pub use error::AuthError;
pub use local::local;

/// Wrong keys that one address may send: ten at once, then one each two seconds. Right keys are
/// never held up, so that clients behind one address do not lock each other out.
const WRONG_KEYS: Rate = Rate {
    burst: 10,
    every: Duration::from_secs(2),
};

/// What a request without a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutKey {
    /// Refused.
    Refused,
    /// A caller named `anonymous` with this role (`[auth] enabled = false`).
    Is(Role),
}

/// What an [`Authenticator`] is made of.
pub struct AuthParts {
    /// The stored keys.
    pub keys: Arc<dyn Keys>,
    /// Where refusals are recorded.
    pub audit: Arc<dyn AuditSink>,
    /// Decides about expiry.
    pub clock: Arc<dyn Clock>,
    /// For the ids of audit rows.
    pub entropy: Arc<dyn Entropy>,
    /// Where refusals are counted.
    pub metrics: Arc<Metrics>,
    /// What a request without a key is.
    pub without_key: WithoutKey,
}

/// Turns the `Authorization` header into a [`Principal`].
pub struct Authenticator {
    cache: KeyCache,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    refusals: Refusals,
    trail: Trail,
    wrong_keys: Buckets<IpAddr>,
    anonymous: Option<Arc<Principal>>,
}

/// What is wrong with a credential; for audit and metrics, not for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Malformed,
    Unknown,
    WrongSecret,
    Expired,
    Revoked,
}

impl Fault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong_secret",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Authenticator {
    /// Reads nothing yet, so an unreachable database does not delay the start.
    pub fn new(parts: AuthParts) -> Arc<Self> {
        let trail = Trail::new(
            parts.audit,
            Arc::clone(&parts.clock),
            parts.entropy,
            Arc::clone(&parts.metrics),
        );
        Arc::new(Self {
            cache: KeyCache::new(parts.keys),
            clock: parts.clock,
            metrics: parts.metrics,
            refusals: Refusals::new(trail.clone()),
            trail,
            wrong_keys: Buckets::new(WRONG_KEYS),
            anonymous: match parts.without_key {
                WithoutKey::Refused => None,
                WithoutKey::Is(role) => Some(local::anonymous(role)),
            },
        })
    }

    /// Whom the request comes from. `authorization` is the header as it was sent. A key that is sent
    /// is always checked, even where none is asked for.
    ///
    /// # Errors
    /// [`AuthError`], which knows its HTTP status and headers.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthError> {
        let Some(header) = authorization else {
            if let Some(anonymous) = &self.anonymous {
                return Ok(Arc::clone(anonymous));
            }
            self.refuse(Fault::Missing, None, peer).await;
            return Err(AuthError::Missing);
        };
        let Some(presented) = bearer(header).and_then(keys::parse) else {
            self.limit(peer)?;
            self.refuse(Fault::Malformed, None, peer).await;
            return Err(AuthError::Invalid);
        };

        let known = self
            .cache
            .current()
            .await
            .ok_or_else(|| self.unavailable())?;
        let mut checked = self.check(&presented, &known);
        if checked.is_err() {
            self.limit(peer)?;
        }
        if matches!(checked, Err(Fault::Unknown)) {
            let fresh = self.cache.once_more(&known).await;
            let fresh = fresh.ok_or_else(|| self.unavailable())?;
            checked = self.check(&presented, &fresh);
        }
        match checked {
            Ok(principal) => Ok(principal),
            Err(fault) => {
                self.refuse(fault, Some(presented.id()), peer).await;
                Err(AuthError::Invalid)
            }
        }
    }

    /// Writes the refusals gathered so far, at the end of the process.
    pub async fn flush(&self) {
        self.refusals.flush().await;
    }

    fn check(
        &self,
        presented: &keys::Presented<'_>,
        known: &Snapshot,
    ) -> Result<Arc<Principal>, Fault> {
        let Some(key) = known.get(presented.id()) else {
            // As much work as for a known id, so that the time tells nothing.
            presented.verify("");
            return Err(Fault::Unknown);
        };
        if !presented.verify(&key.hash) {
            return Err(Fault::WrongSecret);
        }
        if key.revoked {
            return Err(Fault::Revoked);
        }
        if key.expires_at.is_some_and(|at| self.clock.now() >= at) {
            return Err(Fault::Expired);
        }
        Ok(Arc::clone(&key.principal))
    }

    fn limit(&self, peer: Option<IpAddr>) -> Result<(), AuthError> {
        self.wrong_keys.take(peer_key(peer)).map_err(|retry_after| {
            self.metrics.auth_failure("rate_limited");
            AuthError::Limited { retry_after }
        })
    }

    fn unavailable(&self) -> AuthError {
        self.metrics.auth_failure("unavailable");
        AuthError::Unavailable
    }

    async fn refuse(&self, fault: Fault, key: Option<&str>, peer: Option<IpAddr>) {
        self.metrics.auth_failure(fault.as_str());
        let peer = peer.map(|address| address.to_canonical().to_string());
        // A request without a key is every scanner's and every client's first one: not worth a line.
        if fault != Fault::Missing {
            tracing::info!(
                auth.reason = fault.as_str(),
                key.id = key,
                client.address = peer,
                "refused a request at the door: its key is {}",
                fault.as_str(),
            );
        }
        // Filled in by the trail.
        let (id, timestamp) = (String::new(), Micros::default());
        let entry = AuditEntry {
            id,
            timestamp,
            kind: EntryKind::Event,
            user: "unknown".into(),
            credential: key.unwrap_or_default().to_owned(),
            transport: Transport::Http.as_str().into(),
            ip_address: peer,
            action: "sign_in_refused".into(),
            target_type: "endpoint".into(),
            target_id: "http".into(),
            effect: None,
            arguments: None,
            arguments_digest: None,
            outcome: Some(fault.as_str().into()),
            duration_us: None,
            request_id: self.trail.new_id(),
            details: None,
        };
        let key = RefusalKey::of(&entry, "");
        self.refusals.record(key, entry, Durability::Queued).await;
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}
