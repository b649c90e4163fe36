//! Credentials on requests: an API token, or a ticket that is fetched once and renewed in time.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{HeaderName, Method, Request, header};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::api::Api;
use crate::call::Call;
use crate::config::Login;

/// A ticket lives two hours; after this it is renewed before it is used.
const RENEW_AFTER: Duration = Duration::from_mins(90);
/// A refused login is not repeated for so long: those who waited for it get its answer, and no
/// account is locked by our haste.
const REFUSED_FOR: Duration = Duration::from_secs(5);

const CSRF: HeaderName = HeaderName::from_static("csrfpreventiontoken");

/// How requests are signed.
pub(crate) enum Auth {
    Token {
        id: String,
        secret: SecretRef,
    },
    Ticket {
        user: String,
        password: SecretRef,
        /// Held while logging in, so that there is one login however many wait for it.
        session: Mutex<Session>,
    },
}

/// The ticket that is in use, if there is one.
#[derive(Default)]
pub(crate) struct Session {
    ticket: Option<Arc<Ticket>>,
    refused: Option<(Micros, ToolError)>,
}

/// A ticket and the token against forged requests that belongs to it.
pub(crate) struct Ticket {
    text: Secret,
    csrf: Secret,
    obtained: Micros,
}

/// What one request is signed with.
pub(crate) enum Proof {
    /// The value of the `Authorization` header.
    Token(Secret),
    Ticket(Arc<Ticket>),
    /// The login itself.
    None,
}

#[derive(Deserialize)]
struct Granted {
    ticket: Option<Secret>,
    #[serde(rename = "CSRFPreventionToken")]
    csrf: Option<Secret>,
    #[serde(rename = "NeedTFA", default)]
    second_factor: Option<serde_json::Value>,
}

impl Auth {
    pub(crate) fn new(login: Login) -> Self {
        match login {
            Login::Token { id, secret } => Self::Token { id, secret },
            Login::Password { user, password } => Self::Ticket {
                user,
                password,
                session: Mutex::default(),
            },
        }
    }

    /// What to sign the next request with; logs in if need be.
    pub(crate) async fn proof(&self, api: &Api) -> ToolResult<Proof> {
        match self {
            Self::Token { id, secret } => {
                let secret = api.env.secret(secret).await?;
                let header = format!("PVEAPIToken={id}={}", secret.expose().trim());
                Ok(Proof::Token(Secret::new(header)))
            }
            Self::Ticket {
                user,
                password,
                session,
            } => {
                let mut session = session.lock().await;
                let ticket = session.current(api, user, password).await?;
                Ok(Proof::Ticket(ticket))
            }
        }
    }

    /// Drops a ticket that was refused, unless another has taken its place already. False where
    /// there is nothing to renew: a token that is refused stays refused.
    pub(crate) async fn forget(&self, used: &Proof) -> bool {
        let (Self::Ticket { session, .. }, Proof::Ticket(used)) = (self, used) else {
            return false;
        };
        let mut session = session.lock().await;
        if session
            .ticket
            .as_ref()
            .is_some_and(|ticket| Arc::ptr_eq(ticket, used))
        {
            session.ticket = None;
        }
        true
    }
}

impl Session {
    async fn current(
        &mut self,
        api: &Api,
        user: &str,
        password: &SecretRef,
    ) -> ToolResult<Arc<Ticket>> {
        let now = api.env.clock.now();
        let mut old = None;
        if let Some(ticket) = &self.ticket {
            if now < ticket.obtained.later(RENEW_AFTER) && now >= ticket.obtained {
                return Ok(Arc::clone(ticket));
            }
            old = Some(ticket.text.clone());
        }
        if let Some((when, error)) = &self.refused
            && now < when.later(REFUSED_FOR)
        {
            return Err(error.clone());
        }
        // A ticket is renewed by giving it as the password.
        let renewed = match old {
            Some(ticket) => login(api, user, &ticket).await.ok(),
            None => None,
        };
        let ticket = if let Some(ticket) = renewed {
            ticket
        } else {
            let password = api.env.secret(password).await?;
            match login(api, user, &password).await {
                Ok(ticket) => ticket,
                Err(error) => {
                    if error.code() == Code::UpstreamUnauthorized {
                        self.refused = Some((now, error.clone()));
                    }
                    self.ticket = None;
                    return Err(error);
                }
            }
        };
        let ticket = Arc::new(ticket);
        self.refused = None;
        self.ticket = Some(Arc::clone(&ticket));
        Ok(ticket)
    }
}

/// `POST /access/ticket`.
pub(crate) fn ticket_call(user: &str, password: &Secret) -> Call {
    Call::post("login", "/access/ticket", &[])
        .with("username", user)
        .secret("password", password)
        .idempotent()
}

async fn login(api: &Api, user: &str, password: &Secret) -> ToolResult<Ticket> {
    let call = ticket_call(user, password);
    let response = api.ask(&call, &Proof::None).await?;
    let response = api.who.accepted(response, &call)?;
    let granted: crate::types::Answer<Granted> =
        response.json().map_err(|error| api.who.unanswered(error))?;
    let section = &api.who.section;
    let needs_factor = |granted: &Granted| match &granted.second_factor {
        None | Some(serde_json::Value::Null) => false,
        Some(value) => value != &serde_json::json!(0) && value != &serde_json::json!(false),
    };
    match granted.data {
        granted if needs_factor(&granted) => {
            let message = format!("`{user}` needs a second factor, which nobody can give here");
            Err(ToolError::new(Code::NotConfigured, message)
                .reason("second_factor")
                .field(format!("{section}.username"))
                .hint(
                    "make an API token for this user and set `token_id` and `token_secret` instead",
                ))
        }
        Granted {
            ticket: Some(text),
            csrf: Some(csrf),
            ..
        } => {
            api.env.redactor.learn_all([&text, &csrf]);
            Ok(Ticket {
                text,
                csrf,
                obtained: api.env.clock.now(),
            })
        }
        _ => Err(api.who.not_accepted("it answered without a ticket")),
    }
}

impl Proof {
    /// The request with the credentials.
    pub(crate) fn sign(&self, request: Request, method: &Method) -> Request {
        match self {
            Self::None => request,
            Self::Token(value) => request.secret_header(header::AUTHORIZATION, value),
            Self::Ticket(ticket) => {
                let cookie = Secret::new(format!("PVEAuthCookie={}", ticket.text.expose()));
                let request = request
                    .hide(&ticket.text)
                    .secret_header(header::COOKIE, &cookie);
                if *method == Method::GET {
                    request
                } else {
                    request.secret_header(CSRF, &ticket.csrf)
                }
            }
        }
    }
}
