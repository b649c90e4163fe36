//! Signed tokens (JWT) of configured issuers.
//!
//! A token is read, never kept: it is not logged, not written to the audit and not passed on. Which
//! issuer's keys are tried is decided by the `iss` that it names, compared to the letter with what
//! is configured, so a stranger's token causes no request to anybody.
//!
//! Source: RFC 7519, RFC 8725 (best practice), RFC 9068.

mod algorithm;
mod claims;
mod discovery;
mod keys;
mod source;
mod token;

use std::time::Duration;

use homelab_core::call::{CredentialKind, Principal};
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_upstream::{Client, ClientConfig, TlsConfig};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use url::Url;

use super::fault::Fault;
use super::resource::{ProtectedResource, ScopeNames};
use super::roles::RoleMap;
use discovery::Place;
use source::{KeySource, Unavailable};
use token::Unverified;

pub use algorithm::Algorithm;
pub use claims::ClaimNames;
pub(super) use token::looks_like_one;

/// Longest time that an issuer may take to answer one request.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Largest document of an issuer, bytes.
const LARGEST: usize = 256 * 1024;
/// Least bytes of a shared secret: those of the digest (RFC 7518 §3.2).
pub const LEAST_SECRET: usize = 32;

/// How an issuer's signatures are verified.
#[derive(Debug, Clone)]
pub enum Trust {
    /// With the public keys that it publishes.
    Published {
        /// Where, if it need not be asked.
        keys: Option<Url>,
        /// Whom to trust behind its `https` addresses.
        tls: TlsConfig,
    },
    /// With a secret that it shares with us; it could sign for us and we for it.
    Shared(Secret),
}

/// One issuer whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// What its users' names start with: `<name>:<user>`.
    pub name: String,
    /// The issuer, exactly as its tokens name it. Absent only with a shared secret: then tokens name
    /// none.
    pub url: Option<String>,
    /// How signatures are verified.
    pub trust: Trust,
    /// Whom its tokens must be meant for; the endpoint that is called if absent. Empty only with a
    /// shared secret: then tokens name nobody.
    pub audiences: Option<Vec<String>>,
    /// Algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock may be off.
    pub leeway: Duration,
    /// Which claims say what.
    pub claims: ClaimNames,
    /// Roles of its groups.
    pub roles: RoleMap,
    /// Whether a token needs one of our scopes. Scopes that it has bound it either way.
    pub needs_scopes: bool,
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// This is wrong with it.
    Fault(Fault),
    /// It cannot be checked now.
    Unavailable,
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unavailable> for Denied {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

/// All issuers.
pub struct Issuers {
    issuers: Vec<Issuer>,
    scopes: ScopeNames,
}

struct Issuer {
    options: IssuerOptions,
    keys: Keys,
}

enum Keys {
    Published(KeySource),
    Shared(Box<DecodingKey>),
}

impl Issuers {
    /// Checks what would be unsafe, and asks no issuer yet.
    ///
    /// # Errors
    /// `not_configured` naming the issuer and what is wrong with it.
    pub fn new(
        options: Vec<IssuerOptions>,
        scopes: ScopeNames,
        redactor: &Redactor,
    ) -> Result<Self, ToolError> {
        let issuers = options
            .into_iter()
            .map(|options| Issuer::new(options, redactor))
            .collect::<Result<_, _>>()?;
        Ok(Self { issuers, scopes })
    }

    /// Asks each issuer for its keys, for a diagnosis: its name, and what went wrong.
    pub async fn check(&self) -> Vec<(&str, Result<(), String>)> {
        let mut found = Vec::new();
        for issuer in &self.issuers {
            let looked = match &issuer.keys {
                Keys::Shared(_) => Ok(()),
                Keys::Published(source) => source.look().await,
            };
            found.push((issuer.options.name.as_str(), looked));
        }
        found
    }

    /// Whom a token stands for at the endpoint with this path.
    pub(super) async fn verify(
        &self,
        text: &str,
        at: Option<(&ProtectedResource, &str)>,
        now: Micros,
    ) -> Result<Principal, Denied> {
        let token = Unverified::read(text)?;
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| issuer.options.url == token.issuer)
            .ok_or(Fault::WrongIssuer)?;
        if !issuer.options.algorithms.contains(&token.algorithm) {
            return Err(Fault::WrongAlgorithm.into());
        }
        let claims = issuer.verified(&token).await?;
        Ok(issuer.principal(&claims, &self.scopes, at, now)?)
    }
}

impl Issuer {
    fn new(options: IssuerOptions, redactor: &Redactor) -> Result<Self, ToolError> {
        let wrong = |what: &str| {
            ToolError::new(
                Code::NotConfigured,
                format!("the issuer `{}` {what}", options.name),
            )
            .field("auth.issuers")
        };
        let symmetric = options.algorithms.iter().filter(|one| one.is_symmetric());
        let keys = match &options.trust {
            Trust::Shared(secret) => {
                if symmetric.count() != options.algorithms.len() {
                    return Err(wrong("has a secret, so all its algorithms must be HS…"));
                }
                if secret.expose().len() < LEAST_SECRET {
                    return Err(wrong("has a secret that is shorter than 32 characters"));
                }
                let key = DecodingKey::from_secret(secret.expose().as_bytes());
                Keys::Shared(Box::new(key))
            }
            Trust::Published { keys, tls } => {
                if symmetric.count() > 0 {
                    return Err(wrong("has no secret, so none of its algorithms may be HS…"));
                }
                if options.audiences.as_ref().is_some_and(Vec::is_empty) {
                    return Err(wrong("has an empty list of audiences"));
                }
                let issuer = options.url.clone().ok_or_else(|| wrong("has no URL"))?;
                let url: Url = issuer
                    .parse()
                    .map_err(|_| wrong("has a URL that is none"))?;
                for url in [Some(&url), keys.as_ref()].into_iter().flatten() {
                    if !discovery::is_safe(url) {
                        return Err(wrong("is not reached over https"));
                    }
                }
                let config = ClientConfig {
                    settings: "auth.issuers".to_owned(),
                    timeout: ANSWER_WITHIN,
                    connect_timeout: ANSWER_WITHIN,
                    max_body: LARGEST,
                    retries: 1,
                    redirects: 0,
                    tls: tls.clone(),
                    ..ClientConfig::new(options.name.clone())
                };
                let client = Client::new(&config, redactor.clone())?;
                let keys = keys.clone();
                Keys::Published(KeySource::new(client, Place { issuer, url, keys }))
            }
        };
        Ok(Self { options, keys })
    }

    async fn verified(&self, token: &Unverified<'_>) -> Result<Map<String, Value>, Denied> {
        let source = match &self.keys {
            Keys::Shared(key) => return Ok(token.verify(key)?),
            Keys::Published(source) => source,
        };
        let mut known = source.current().await?;
        let has = |known: &source::Known| {
            let found = known
                .keys
                .candidates(token.key_id.as_deref(), token.algorithm);
            found.map(|_| ())
        };
        if has(&known) == Err(Fault::UnknownKey) {
            known = source.once_more(&known).await?;
        }
        let candidates = known
            .keys
            .candidates(token.key_id.as_deref(), token.algorithm)?;
        let mut fault = Fault::UnknownKey;
        for key in candidates {
            match token.verify(key) {
                Ok(claims) => return Ok(claims),
                Err(found) => fault = found,
            }
        }
        Err(fault.into())
    }

    fn principal(
        &self,
        claims: &Map<String, Value>,
        scopes: &ScopeNames,
        at: Option<(&ProtectedResource, &str)>,
        now: Micros,
    ) -> Result<Principal, Fault> {
        let options = &self.options;
        // Read before it was verified, and perhaps another member of the same name then.
        if claims.get("iss").and_then(Value::as_str) != options.url.as_deref() {
            return Err(Fault::WrongIssuer);
        }
        let audiences = match (&options.audiences, at) {
            (Some(audiences), _) => audiences.clone(),
            (None, Some((resource, path))) => resource.audiences(path),
            (None, None) => return Err(Fault::WrongAudience),
        };
        claims::check(claims, &audiences, now, options.leeway)?;
        let (name, subject) = claims::user(claims, &options.claims)?;
        let role = claims::role(claims, &options.claims, &options.roles).ok_or(Fault::NoRole)?;
        let scope = claims::scope(claims, scopes);
        if scope.is_none() && options.needs_scopes {
            return Err(Fault::InsufficientScope);
        }
        Ok(Principal {
            scope,
            ..Principal::new(
                format!("{}:{name}", options.name),
                format!("{}:{subject}", options.name),
                CredentialKind::Agent,
                role,
            )
        })
    }
}
