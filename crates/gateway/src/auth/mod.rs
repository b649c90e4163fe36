//! Who is calling: API keys, tokens of issuers, client certificates and users of trusted proxies
//! over HTTP, the local user elsewhere.
//!
//! Agent keys live in client configurations and call tools. Owner keys manage keys, policy and the
//! kill switch; they are accepted on every endpoint too, with the role they have, but never belong
//! into a client's configuration. Everybody who comes in any other way is an agent. A key or token
//! is read from the `Authorization` header alone: in a URL it ends in logs and histories.
//!
//! What is sent decides, in this order: `Authorization`, the user that a trusted proxy names, the
//! client certificate. A wrong one is refused, whatever else the request brings.
//!
//! # Adding a way to sign in
//! One file that turns what was sent into a [`Principal`] or a `Fault`, a place in
//! [`Authenticator::sign_in`], rows in the tests' matrix.

mod bounds;
mod cache;
mod certificate;
mod error;
mod fault;
mod jwt;
pub mod keys;
mod local;
mod names;
mod proxy;
mod resource;
mod roles;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{Principal, Transport};
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::policy::Role;
use homelab_core::store::{AuditSink, Keys};
use http::HeaderMap;

use crate::limits::{Buckets, Rate, peer_key};
use crate::metrics::Metrics;
use crate::refusals::{RefusalKey, Refusals};
use crate::trail::{Durability, Trail};

use cache::{KeyCache, Snapshot};
use certificate::Certificates;
pub use certificate::{CertificateMatch, CertificateOwner};
pub use error::AuthError;
use jwt::Denied;
pub use jwt::{Algorithm, ClaimNames, IssuerOptions, Issuers, LEAST_SECRET, Trust};
pub use local::local;
pub use proxy::ProxyOptions;
use proxy::{EndUser, Proxy};
pub use resource::{ResourceOptions, ScopeNames};
pub use roles::RoleMap;

pub(crate) use bounds::read as read_bounds;
pub(crate) use fault::Fault;
pub(crate) use proxy::Proxied;
pub(crate) use resource::{Challenge, ProtectedResource, WELL_KNOWN};

/// Wrong credentials that one address may send: ten at once, then one each two seconds. Right ones
/// are never held up, so that clients behind one address do not lock each other out.
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

/// The ways to sign in besides keys; none of them by default.
#[derive(Default)]
pub struct Methods {
    /// Issuers of tokens.
    pub issuers: Option<Issuers>,
    /// What clients are told about signing in at those.
    pub resource: Option<ResourceOptions>,
    /// Whom client certificates stand for; the first that matches counts.
    pub certificates: Vec<CertificateOwner>,
    /// Proxies that are trusted.
    pub proxy: Option<ProxyOptions>,
    /// Names of principals whose changes need no approval after they read text by outsiders.
    pub taint_off: HashSet<String>,
}

/// What a request says about its sender.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// Where it came from, for limits and audit.
    pub peer: Option<IpAddr>,
    /// The client certificate of its connection, DER.
    pub certificate: Option<&'a [u8]>,
    /// Path of the endpoint below the base path.
    pub path: Option<&'a str>,
}

/// Turns what a request brings into a [`Principal`].
pub struct Authenticator {
    cache: KeyCache,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    refusals: Refusals,
    trail: Trail,
    wrong_keys: Buckets<IpAddr>,
    anonymous: Option<Arc<Principal>>,
    issuers: Option<Issuers>,
    resource: Option<ProtectedResource>,
    certificates: Certificates,
    proxy: Option<Proxy>,
    taint_off: HashSet<String>,
}

impl Authenticator {
    /// With keys alone. Reads nothing yet, so an unreachable database does not delay the start.
    pub fn new(parts: AuthParts) -> Arc<Self> {
        Self::with(parts, Methods::default())
    }

    /// With keys and other ways to sign in. Neither asks anybody yet.
    pub fn with(parts: AuthParts, methods: Methods) -> Arc<Self> {
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
            issuers: methods.issuers,
            resource: methods.resource.map(ProtectedResource::new),
            certificates: Certificates(methods.certificates),
            proxy: methods.proxy.map(Proxy::new),
            taint_off: methods.taint_off,
        })
    }

    /// Whom the request comes from. `authorization` is the header as it was sent.
    ///
    /// # Errors
    /// As [`Authenticator::sign_in`].
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthError> {
        let credentials = Credentials {
            authorization,
            peer,
            ..Credentials::default()
        };
        self.sign_in(&credentials).await
    }

    /// Whom the request comes from. A credential that is sent is always checked, even where none is
    /// asked for.
    ///
    /// # Errors
    /// [`AuthError`], which knows its HTTP status.
    pub async fn sign_in(&self, sent: &Credentials<'_>) -> Result<Arc<Principal>, AuthError> {
        self.sign_in_behind(sent, None).await
    }

    /// The same, with what a trusted proxy said.
    pub(crate) async fn sign_in_behind(
        &self,
        sent: &Credentials<'_>,
        proxied: Option<&Proxied>,
    ) -> Result<Arc<Principal>, AuthError> {
        let principal = if let Some(header) = sent.authorization {
            match bearer(header) {
                Some(token) if keys::parse(token).is_some() => {
                    let end_user = proxied.and_then(|proxied| proxied.end_user.as_ref());
                    self.by_key(token, sent, end_user).await?
                }
                Some(token) if self.issuers.is_some() && jwt::looks_like_one(token) => {
                    self.by_token(token, sent).await?
                }
                _ => return Err(self.fail(Fault::Malformed, None, sent.peer).await),
            }
        } else if let (Some(proxy), Some(user)) = (
            &self.proxy,
            proxied.and_then(|proxied| proxied.user.as_ref()),
        ) {
            match proxy.principal(user) {
                Ok(principal) => Arc::new(principal),
                Err(fault) => return Err(self.fail(fault, None, sent.peer).await),
            }
        } else {
            self.by_connection(sent).await?
        };
        Ok(self.taintable(principal))
    }

    /// By the connection's certificate, or as nobody where that is allowed.
    async fn by_connection(&self, sent: &Credentials<'_>) -> Result<Arc<Principal>, AuthError> {
        let certificate = sent
            .certificate
            .filter(|_| !self.certificates.0.is_empty())
            .map(|der| self.certificates.principal(der, self.clock.now()));
        let fault = match certificate {
            Some(Ok(principal)) => return Ok(Arc::new(principal)),
            Some(Err(fault)) => fault,
            None => Fault::Missing,
        };
        if let Some(anonymous) = &self.anonymous {
            return Ok(Arc::clone(anonymous));
        }
        self.refuse(fault, None, sent.peer).await;
        Err(AuthError::Missing)
    }

    async fn by_token(
        &self,
        token: &str,
        sent: &Credentials<'_>,
    ) -> Result<Arc<Principal>, AuthError> {
        let Some(issuers) = &self.issuers else {
            return Err(self.fail(Fault::Malformed, None, sent.peer).await);
        };
        let at = self.resource.as_ref().zip(sent.path);
        match issuers.verify(token, at, self.clock.now()).await {
            Ok(principal) => Ok(Arc::new(principal)),
            Err(Denied::Fault(fault)) => Err(self.fail(fault, None, sent.peer).await),
            Err(Denied::Unavailable) => {
                self.metrics.auth_failure("issuer_unavailable");
                Err(AuthError::IssuerUnavailable)
            }
        }
    }

    async fn by_key(
        &self,
        text: &str,
        sent: &Credentials<'_>,
        end_user: Option<&EndUser>,
    ) -> Result<Arc<Principal>, AuthError> {
        let Some(presented) = keys::parse(text) else {
            return Err(self.fail(Fault::Malformed, None, sent.peer).await);
        };
        let known = self
            .cache
            .current()
            .await
            .ok_or_else(|| self.unavailable())?;
        let mut checked = self.check(&presented, &known);
        if checked.is_err() {
            self.limit(sent.peer)?;
        }
        if matches!(checked, Err(Fault::Unknown)) {
            let fresh = self.cache.once_more(&known).await;
            let fresh = fresh.ok_or_else(|| self.unavailable())?;
            checked = self.check(&presented, &fresh);
        }
        let named = checked.and_then(|key| match end_user {
            None => Ok(key),
            Some(user) => Ok(user.behind(&key)?.map_or(key, Arc::new)),
        });
        match named {
            Ok(principal) => Ok(principal),
            Err(fault) => {
                self.refuse(fault, Some(presented.id()), sent.peer).await;
                Err(refused_for(fault))
            }
        }
    }

    fn taintable(&self, principal: Arc<Principal>) -> Arc<Principal> {
        if !self.taint_off.contains(&principal.name) {
            return principal;
        }
        Arc::new(Principal {
            taintable: false,
            ..Principal::clone(&principal)
        })
    }

    /// Takes everything out of the headers that says who is calling and that only a trusted proxy
    /// may say, and returns it if it may be believed.
    ///
    /// # Errors
    /// What is wrong with the headers of a trusted proxy; [`Authenticator::reject_proxied`] records it.
    pub(crate) fn take_proxied(
        &self,
        peer: Option<IpAddr>,
        headers: &mut HeaderMap,
    ) -> Result<Proxied, Fault> {
        match &self.proxy {
            Some(proxy) => proxy.take(peer, headers),
            None => Ok(Proxied::default()),
        }
    }

    /// Where a request came from before it passed the trusted proxies.
    pub(crate) fn client_address(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        match &self.proxy {
            Some(proxy) => proxy.client(peer, headers),
            None => peer,
        }
    }

    /// Records that a trusted proxy's headers were refused, within the limit of the address.
    pub(crate) async fn reject_proxied(&self, fault: Fault, peer: Option<IpAddr>) -> AuthError {
        match self.fail(fault, None, peer).await {
            AuthError::Invalid if fault == Fault::Malformed => AuthError::Smuggled,
            refused => refused,
        }
    }

    /// Records a call that its token's scopes forbid, where the pipeline does not get to see it.
    pub(crate) async fn beyond_scope(&self, principal: &Principal, peer: Option<IpAddr>) {
        let credential = principal.credential.as_str();
        self.refuse(Fault::InsufficientScope, Some(credential), peer)
            .await;
    }

    /// This server as a protected resource, if there are issuers.
    pub(crate) fn resource(&self) -> Option<&ProtectedResource> {
        self.resource.as_ref()
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

    /// Refuses within the limit of the address.
    async fn fail(&self, fault: Fault, key: Option<&str>, peer: Option<IpAddr>) -> AuthError {
        if let Err(limited) = self.limit(peer) {
            return limited;
        }
        self.refuse(fault, key, peer).await;
        refused_for(fault)
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
                "refused a request at the door: its credential is refused as {}",
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

/// What the caller hears of a fault: as little as helps.
fn refused_for(fault: Fault) -> AuthError {
    match fault {
        Fault::Missing => AuthError::Missing,
        Fault::NoRole => AuthError::NoRole,
        Fault::InsufficientScope => AuthError::NoScope,
        Fault::Smuggled => AuthError::Smuggled,
        _ => AuthError::Invalid,
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}
