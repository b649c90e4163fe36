//! Credentials on requests: an API access token, or a token that an OAuth client is given for an
//! hour, fetched once however many wait for it, and renewed in time.

use std::sync::Arc;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::Request;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::api::Api;
use crate::config::{Login, refuse_kind};

/// Seconds before its end at which a token is renewed; a tenth of its life where that is less.
const EARLY_S: i64 = 300;
/// How long a token lives that does not say so.
const LIFE_S: i64 = 3600;
/// A refused client is not tried again for so many seconds: those who waited get its answer.
const REFUSED_S: i64 = 5;

/// How requests are signed.
pub(crate) enum Auth {
    ApiKey(SecretRef),
    Client {
        id: String,
        secret: SecretRef,
        scopes: String,
        /// Held while a token is fetched, so that there is one request however many wait for it.
        session: Mutex<Session>,
    },
}

/// The token that is in use, if there is one.
#[derive(Default)]
pub(crate) struct Session {
    token: Option<Arc<Token>>,
    refused: Option<(Micros, ToolError)>,
}

/// A token that an OAuth client was given.
pub(crate) struct Token {
    text: Secret,
    renew_at: Micros,
}

/// What one request is signed with.
pub(crate) enum Proof {
    ApiKey(Secret),
    Token(Arc<Token>),
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    #[serde(default)]
    expires_in: Option<i64>,
}

impl Auth {
    pub(crate) fn new(login: Login, scopes: &[String]) -> Self {
        match login {
            Login::ApiKey(key) => Self::ApiKey(key),
            Login::Client { id, secret } => Self::Client {
                id,
                secret,
                scopes: scopes.join(" "),
                session: Mutex::default(),
            },
        }
    }

    /// What to sign the next request with; fetches a token if need be.
    pub(crate) async fn proof(&self, api: &Api) -> ToolResult<Proof> {
        match self {
            Self::ApiKey(key) => {
                let key = trimmed(&api.env.secret(key).await?);
                let setting = format!("{}.api_key", api.who.section);
                refuse_kind(key.expose(), &setting).map_err(|error| {
                    let mut envelope = error.envelope().clone();
                    envelope.code = Code::NotConfigured;
                    ToolError::from(envelope)
                })?;
                Ok(Proof::ApiKey(key))
            }
            Self::Client {
                id,
                secret,
                scopes,
                session,
            } => {
                let mut session = session.lock().await;
                let now = api.env.clock.now();
                if let Some(token) = session.token.as_ref().filter(|token| now < token.renew_at) {
                    return Ok(Proof::Token(Arc::clone(token)));
                }
                if let Some((when, error)) = &session.refused
                    && now < when.plus_seconds(REFUSED_S)
                {
                    return Err(error.clone());
                }
                session.token = None;
                let secret = trimmed(&api.env.secret(secret).await?);
                match fetch(api, id, &secret, scopes).await {
                    Ok(token) => {
                        let token = Arc::new(token);
                        session.refused = None;
                        session.token = Some(Arc::clone(&token));
                        Ok(Proof::Token(token))
                    }
                    Err(error) => {
                        if error.code() == Code::UpstreamUnauthorized {
                            session.refused = Some((now, error.clone()));
                        }
                        Err(error)
                    }
                }
            }
        }
    }

    /// Drops a token that was refused, unless another has taken its place already. False where
    /// there is nothing to renew: an API access token that is refused stays refused.
    pub(crate) async fn forget(&self, used: &Proof) -> bool {
        let (Self::Client { session, .. }, Proof::Token(used)) = (self, used) else {
            return false;
        };
        let mut session = session.lock().await;
        if session
            .token
            .as_ref()
            .is_some_and(|token| Arc::ptr_eq(token, used))
        {
            session.token = None;
        }
        true
    }
}

/// A file or variable often ends with a line break.
fn trimmed(secret: &Secret) -> Secret {
    Secret::new(secret.expose().trim())
}

/// `POST /oauth/token`.
async fn fetch(api: &Api, id: &str, secret: &Secret, scopes: &str) -> ToolResult<Token> {
    let mut pairs = vec![
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret.expose()),
    ];
    if !scopes.is_empty() {
        pairs.push(("scope", scopes));
    }
    let request = Request::post("token", "/oauth/token", &[])
        .form(&pairs)
        .hide(secret)
        .redirects(0)
        // Another token does no harm.
        .idempotent();
    let response = api.send_once(request).await?;
    if matches!(response.status.as_u16(), 400 | 401 | 403) {
        return Err(api.who.client_refused(id, &response, &api.env.redactor));
    }
    let granted: Granted = response.json().map_err(ToolError::from)?;
    api.env.redactor.learn(&granted.access_token);
    let life = granted
        .expires_in
        .filter(|life| *life > 0)
        .unwrap_or(LIFE_S);
    let left = life - EARLY_S.min(life / 10);
    Ok(Token {
        text: granted.access_token,
        renew_at: api.env.clock.now().plus_seconds(left),
    })
}

impl Proof {
    /// The request with the credentials.
    pub(crate) fn sign(&self, request: Request) -> Request {
        match self {
            Self::ApiKey(key) => request.bearer(key),
            Self::Token(token) => request.bearer(&token.text),
        }
    }
}
