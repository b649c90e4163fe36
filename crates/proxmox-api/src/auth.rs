//! Credentials on requests: an API token, or a ticket that is fetched once and renewed in time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homelab_backend::Env;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{HeaderName, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::credentials::Login;

/// A ticket lives two hours; after this it is renewed before it is used.
const RENEW_AFTER: Duration = Duration::from_mins(90);
/// A refused login is not repeated for so long: those who waited for it get its answer, and no
/// account is locked by our haste.
const REFUSED_FOR: Duration = Duration::from_secs(5);

const CSRF: HeaderName = HeaderName::from_static("csrfpreventiontoken");

/// What stands as it is in a secret that is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a product wants its requests signed.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The scheme of the `Authorization` header.
    pub token: &'static str,
    /// What stands between a token's id and its secret.
    pub joint: char,
    /// The cookie that holds a ticket.
    pub cookie: &'static str,
    /// Whether the server decodes per cent signs in a token's secret and in a cookie.
    pub encoded: bool,
}

impl Style {
    fn written(self, secret: &str) -> String {
        if self.encoded {
            utf8_percent_encode(secret, ENCODED).to_string()
        } else {
            secret.to_owned()
        }
    }
}

/// What the client of a product does for the credentials.
pub trait Door: Sync {
    /// Its environment.
    fn env(&self) -> &Env;

    /// Its section of the configuration, `servers.<instance>`.
    fn section(&self) -> &str;

    /// `POST /access/ticket` without credentials: what it grants.
    fn ticket(
        &self,
        user: &str,
        password: &Secret,
    ) -> impl Future<Output = ToolResult<Granted>> + Send;

    /// The error of a login that was not accepted.
    fn not_accepted(&self, detail: &str) -> ToolError;
}

/// What a login grants.
#[derive(Deserialize)]
pub struct Granted {
    ticket: Option<Secret>,
    #[serde(rename = "CSRFPreventionToken")]
    csrf: Option<Secret>,
    #[serde(rename = "NeedTFA", default)]
    second_factor: Option<Value>,
}

impl Granted {
    /// Proxmox VE says it in a field, Proxmox Backup Server in the ticket.
    fn needs_second_factor(&self) -> bool {
        let said = match &self.second_factor {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            Some(_) => true,
        };
        let half = |ticket: &Secret| ticket.expose().contains("!tfa!");
        said || self.ticket.as_ref().is_some_and(half)
    }
}

/// How requests are signed.
pub struct Auth {
    style: Style,
    login: Kept,
}

enum Kept {
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
struct Session {
    ticket: Option<Arc<Ticket>>,
    refused: Option<(Micros, ToolError)>,
}

/// A ticket and the token against forged requests that belongs to it.
pub struct Ticket {
    text: Secret,
    /// `NAME=TICKET` as it is sent.
    cookie: Secret,
    csrf: Secret,
    obtained: Micros,
}

/// What one request is signed with.
pub enum Proof {
    /// The value of the `Authorization` header.
    Token(Secret),
    /// A ticket.
    Ticket(Arc<Ticket>),
    /// The login itself.
    None,
}

impl Auth {
    /// Credentials that were not used yet.
    pub fn new(style: Style, login: Login) -> Self {
        let login = match login {
            Login::Token { id, secret } => Kept::Token { id, secret },
            Login::Password { user, password } => Kept::Ticket {
                user,
                password,
                session: Mutex::default(),
            },
        };
        Self { style, login }
    }

    /// What to sign the next request with; logs in if need be.
    ///
    /// # Errors
    /// Those of the login; a refused one is answered without asking again for some seconds.
    pub async fn proof(&self, door: &impl Door) -> ToolResult<Proof> {
        let style = self.style;
        match &self.login {
            Kept::Token { id, secret } => {
                let secret = door.env().secret(secret).await?;
                let written = style.written(secret.expose().trim());
                if written != secret.expose() {
                    door.env().redactor.learn(&Secret::new(written.clone()));
                }
                let header = format!("{}={id}{}{written}", style.token, style.joint);
                Ok(Proof::Token(Secret::new(header)))
            }
            Kept::Ticket {
                user,
                password,
                session,
            } => {
                let mut session = session.lock().await;
                let ticket = session.current(door, style, user, password).await?;
                Ok(Proof::Ticket(ticket))
            }
        }
    }

    /// Drops a ticket that was refused, unless another has taken its place already. False where
    /// there is nothing to renew: a token that is refused stays refused.
    pub async fn forget(&self, used: &Proof) -> bool {
        let (Kept::Ticket { session, .. }, Proof::Ticket(used)) = (&self.login, used) else {
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
        door: &impl Door,
        style: Style,
        user: &str,
        password: &SecretRef,
    ) -> ToolResult<Arc<Ticket>> {
        let now = door.env().clock.now();
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
            Some(ticket) => login(door, style, user, &ticket).await.ok(),
            None => None,
        };
        let ticket = if let Some(ticket) = renewed {
            ticket
        } else {
            let password = door.env().secret(password).await?;
            match login(door, style, user, &password).await {
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

async fn login(
    door: &impl Door,
    style: Style,
    user: &str,
    password: &Secret,
) -> ToolResult<Ticket> {
    let granted = door.ticket(user, password).await?;
    if granted.needs_second_factor() {
        let message = format!("`{user}` needs a second factor, which nobody can give here");
        return Err(ToolError::new(Code::NotConfigured, message)
            .reason("second_factor")
            .field(format!("{}.username", door.section()))
            .hint(
                "make an API token for this user and set `token_id` and `token_secret` instead",
            ));
    }
    let (Some(text), Some(csrf)) = (granted.ticket, granted.csrf) else {
        return Err(door.not_accepted("it answered without a ticket"));
    };
    let written = Secret::new(style.written(text.expose()));
    let redactor = &door.env().redactor;
    redactor.learn_all([&text, &csrf, &written]);
    Ok(Ticket {
        cookie: Secret::new(format!("{}={}", style.cookie, written.expose())),
        text,
        csrf,
        obtained: door.env().clock.now(),
    })
}

impl Proof {
    /// The request with the credentials.
    pub fn sign(&self, request: Request, method: &Method) -> Request {
        match self {
            Self::None => request,
            Self::Token(value) => request.secret_header(header::AUTHORIZATION, value),
            Self::Ticket(ticket) => {
                let request = request
                    .hide(&ticket.text)
                    .secret_header(header::COOKIE, &ticket.cookie);
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
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_would_decode_is_encoded() {
        let style = |encoded| Style {
            token: "PBSAPIToken",
            joint: ':',
            cookie: "PBSAuthCookie",
            encoded,
        };

        assert_eq!(style(true).written("a%b+c/d=:"), "a%25b%2Bc%2Fd%3D%3A");
        assert_eq!(style(false).written("a%b+c/d=:"), "a%b+c/d=:");
    }

    #[rstest]
    #[case(json!({ "ticket": "PVE:root@pam:1", "CSRFPreventionToken": "x" }), false)]
    #[case(json!({ "ticket": "PVE:root@pam:1", "NeedTFA": 0 }), false)]
    #[case(json!({ "ticket": "PVE:root@pam:1", "NeedTFA": false }), false)]
    #[case(json!({ "ticket": "PVE:root@pam:1", "NeedTFA": 1 }), true)]
    #[case(json!({ "ticket": "PBS:!tfa!%7B%7D:1" }), true)]
    #[case(json!({}), false)]
    fn a_second_factor_is_told_in_two_ways(#[case] answer: Value, #[case] needed: bool) {
        let granted: Granted = serde_json::from_value(answer).unwrap();

        assert_eq!(granted.needs_second_factor(), needed);
    }
}
