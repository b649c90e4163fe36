//! Sessions of a local administrator: one login however many wait for it, kept until it is refused.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::Secret;
use homelab_upstream::{HeaderMap, HeaderName, Request, Response, header};
use serde_json::{Value, json};

use crate::api::{Api, Flavour};
use crate::config::Login;
use crate::explain::{By, LOCKED_S, Said};

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const UPDATED_CSRF: HeaderName = HeaderName::from_static("x-updated-csrf-token");

/// Cookies that are the session: of a console, of an application by itself, and its token.
const COOKIES: [&str; 3] = ["TOKEN", "unifises", "csrf_token"];

/// The session that is in use, if there is one, or the refusal that is remembered: each further
/// wrong login makes a lock longer.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Option<Arc<Session>>,
    refused: Option<(Micros, ToolError)>,
}

/// A session.
pub(crate) struct Session {
    cookie: Secret,
    csrf: Mutex<Option<Secret>>,
}

impl Session {
    /// The request with the session's cookie, and its token if it changes something.
    pub(crate) fn sign(&self, request: Request, reads: bool) -> Request {
        let request = request.secret_header(header::COOKIE, &self.cookie);
        let csrf = self.csrf.lock().unwrap_or_else(PoisonError::into_inner);
        match csrf.as_ref().filter(|_| !reads) {
            Some(csrf) => request.secret_header(CSRF, csrf),
            None => request,
        }
    }

    /// Takes over the token that an answer carries.
    pub(crate) fn follow(&self, headers: &HeaderMap, api: &Api) {
        let fresh = [UPDATED_CSRF, CSRF]
            .into_iter()
            .find_map(|name| headers.get(name)?.to_str().ok().map(Secret::new));
        if let Some(fresh) = fresh {
            api.env.redactor.learn(&fresh);
            *self.csrf.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        }
    }
}

impl Sessions {
    /// The open session; logs in if there is none.
    pub(crate) async fn current(
        &mut self,
        api: &Api,
        login: &Login,
        flavour: Flavour,
    ) -> ToolResult<Arc<Session>> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(open));
        }
        let now = api.env.clock.now();
        let pause = i64::try_from(LOCKED_S).unwrap_or(i64::MAX);
        if let Some((when, error)) = &self.refused
            && now < when.plus_seconds(pause)
        {
            return Err(error.clone());
        }
        match log_in(api, login, flavour).await {
            Ok(session) => {
                let session = Arc::new(session);
                self.refused = None;
                self.open = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                // What went wrong on the way says nothing about the password.
                if error.envelope().reason.as_deref().is_some_and(is_final) {
                    self.refused = Some((now, error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Drops a session that was refused, unless another has taken its place already.
    pub(crate) fn forget(&mut self, used: &Arc<Session>) {
        if self
            .open
            .as_ref()
            .is_some_and(|open| Arc::ptr_eq(open, used))
        {
            self.open = None;
        }
    }
}

fn is_final(reason: &str) -> bool {
    matches!(reason, "login_refused" | "login_locked" | "second_factor")
}

/// `POST /api/auth/login` of a console, `POST /api/login` of an application by itself.
async fn log_in(api: &Api, login: &Login, flavour: Flavour) -> ToolResult<Session> {
    let password = api.env.secret(&login.password).await?;
    let path = match flavour {
        Flavour::UnifiOs => "/api/auth/login",
        Flavour::Classic => "/api/login",
    };
    let body = json!({
        "username": login.user,
        "password": password.expose(),
        "rememberMe": true,
    });
    let request = Request::post("login", path, &[])
        .json(&body)
        .hide(&password)
        .redirects(0);
    let response = api.root.send(request).await?;
    let said = Said::read(&response.body, &api.env.redactor);
    let status = response.status.as_u16();
    if status == 499 || said.needs_second_factor() {
        return Err(api.who.second_factor());
    }
    if status == 429 || said.is_locked() {
        return Err(api.who.locked());
    }
    // The old application refuses with status 400, or even 200.
    if matches!(status, 400 | 401 | 403) || said.code.starts_with("api.err.") {
        let error = api.who.not_accepted(&said, By::Session);
        return Err(error
            .upstream_status(status)
            .instance(api.who.instance.clone()));
    }
    let response = response.checked()?;
    session_of(&response, api).ok_or_else(|| {
        ToolError::from(response.rejected("it accepted the login, but gave no session"))
    })
}

fn session_of(response: &Response, api: &Api) -> Option<Session> {
    let set = response.headers.get_all(header::SET_COOKIE).iter();
    let pairs: Vec<(String, String)> = set
        .filter_map(|line| line.to_str().ok()?.split(';').next()?.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, value)| COOKIES.contains(&name.as_str()) && !value.is_empty())
        .collect();
    let (_, token) = pairs.iter().find(|(name, _)| name != "csrf_token")?;
    let told = response.headers.get(CSRF);
    let csrf = told
        .and_then(|value| value.to_str().ok().map(str::to_owned))
        .or_else(|| {
            let of_cookie = pairs.iter().find(|(name, _)| name == "csrf_token");
            of_cookie.map(|(_, value)| value.clone())
        })
        .or_else(|| csrf_of(token))
        .map(Secret::new);
    let cookies: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let cookie = Secret::new(cookies.join("; "));
    let parts: Vec<Secret> = pairs.iter().map(|(_, value)| Secret::new(value)).collect();
    api.env.redactor.learn_all(parts.iter().chain(&csrf));
    Some(Session {
        cookie,
        csrf: Mutex::new(csrf),
    })
}

/// The token against forged requests inside a console's cookie, which is a JSON web token.
fn csrf_of(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload.get("csrfToken")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_read_from_the_cookie_too() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"userId":"1","csrfToken":"abc-1"}"#);

        assert_eq!(csrf_of(&format!("h.{payload}.s")).as_deref(), Some("abc-1"));
        assert_eq!(csrf_of("no token"), None);
    }
}
