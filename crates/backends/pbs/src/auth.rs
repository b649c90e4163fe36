//! Credentials on requests: an API token, or a ticket that is fetched once and renewed in time.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{HeaderName, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::api::Api;
use crate::call::Call;
use crate::config::Login;
use crate::types::Answer;

/// A ticket lives two hours; after this it is renewed before it is used.
const RENEW_AFTER: Duration = Duration::from_mins(90);
/// A refused login is not repeated for so long: those who waited for it get its answer, and no
/// account is locked by our haste.
const REFUSED_FOR: Duration = Duration::from_secs(5);

const CSRF: HeaderName = HeaderName::from_static("csrfpreventiontoken");

/// The server decodes per cent signs in a token's secret and in a cookie.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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
                let encoded = encoded(secret.expose().trim());
                if encoded != secret.expose() {
                    api.env.redactor.learn(&Secret::new(encoded.clone()));
                }
                Ok(Proof::Token(Secret::new(token_header(id, &encoded))))
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

/// A colon stands before the secret, where Proxmox VE wants an equals sign.
fn token_header(id: &str, encoded_secret: &str) -> String {
    format!("PBSAPIToken={id}:{encoded_secret}")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
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

/// `POST /access/ticket`. Without `http-only`, which only release 4 knows, the answer holds the
/// ticket in every release.
fn ticket_call(user: &str, password: &Secret) -> Call {
    Call::post("login", "/access/ticket", &[])
        .with("username", user)
        .secret("password", password)
        .idempotent()
}

async fn login(api: &Api, user: &str, password: &Secret) -> ToolResult<Ticket> {
    let call = ticket_call(user, password);
    let response = api.ask(&call, &Proof::None).await?;
    let response = api.accepted(response, &call)?;
    let granted: Answer<Granted> = response.json().map_err(ToolError::from)?;
    match granted.data {
        Granted {
            ticket: Some(text), ..
        } if text.expose().contains("!tfa!") => {
            let message = format!("`{user}` needs a second factor, which nobody can give here");
            Err(ToolError::new(Code::NotConfigured, message)
                .reason("second_factor")
                .field(format!("{}.username", api.who.section))
                .hint(
                    "make an API token for this user and set `token_id` and `token_secret` instead",
                ))
        }
        Granted {
            ticket: Some(text),
            csrf: Some(csrf),
        } => {
            let cookie = Secret::new(encoded(text.expose()));
            api.env.redactor.learn_all([&text, &csrf, &cookie]);
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
                // Release 4 has a name of its own, and reads this one too.
                let cookie = format!("PBSAuthCookie={}", encoded(ticket.text.expose()));
                let request = request
                    .hide(&ticket.text)
                    .secret_header(header::COOKIE, &Secret::new(cookie));
                if *method == Method::GET {
                    request
                } else {
                    request.secret_header(CSRF, &ticket.csrf)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_stands_before_the_secret() {
        assert_eq!(
            token_header(
                "ops@pbs!lab",
                &encoded("66666666-7777-8888-9999-000000000000")
            ),
            "PBSAPIToken=ops@pbs!lab:66666666-7777-8888-9999-000000000000"
        );
    }

    #[test]
    fn what_the_server_would_decode_is_encoded() {
        assert_eq!(encoded("a%b+c/d=:"), "a%25b%2Bc%2Fd%3D%3A");
    }

    #[test]
    fn a_login_asks_for_nothing_that_an_older_release_refuses() {
        let call = ticket_call("root@pam", &Secret::new("x"));

        assert_eq!(
            call.line(),
            "POST /access/ticket?username=root@pam&password=x"
        );
    }
}
