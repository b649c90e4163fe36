//! Keys, accounts and sessions.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::Flavour;
use super::reply::{Dialect, Failure, refuse};
use super::state::State;
use crate::contract::{Kind, Param, check, noted, optional, required};
use crate::hash::short_hex;

/// Wrong logins until the next are refused unread.
const LIMIT: u32 = 5;

/// Seconds of that, counted from the last try.
const LOCKED_S: i64 = 60;

/// Seconds a session holds without a request.
const SESSION_S: i64 = 7200;

/// How far a key of the integration API reaches into the old API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyReach {
    /// Not at all.
    Nothing,
    /// To what only reads.
    Reads,
    /// To everything.
    Everything,
}

#[derive(Default)]
pub(super) struct Access {
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) sessions: Vec<Session>,
    pub(super) reach: Option<KeyReach>,
    failed: u32,
    locked_until: i64,
    serial: u64,
    pub(super) logins: usize,
}

pub(super) struct Key {
    pub(super) read_only: bool,
}

pub(super) struct Account {
    pub(super) password: String,
    pub(super) read_only: bool,
    /// A second factor; whether the account is the cloud's.
    pub(super) second: Option<(String, bool)>,
}

pub(super) struct Session {
    cookie: String,
    user: String,
    csrf: String,
    /// The token that replaces it with the next answer.
    next_csrf: Option<String>,
    seen: i64,
    /// Requests until it ends.
    pub(super) left: Option<usize>,
}

/// Who asks.
pub(super) struct Who {
    pub(super) read_only: bool,
    pub(super) by_key: bool,
    /// A new token against forgery, which the answer carries.
    pub(super) fresh_csrf: Option<String>,
}

const OS_LOGIN: &[Param] = &[
    required("username", Kind::Text),
    required("password", Kind::Text),
    optional("rememberMe", Kind::Boolean),
    optional("token", Kind::Text),
    optional("ubic_2fa_token", Kind::Text),
];
const CLASSIC_LOGIN: &[Param] = &[
    required("username", Kind::Text),
    required("password", Kind::Text),
    optional("remember", Kind::Boolean),
    optional("rememberMe", Kind::Boolean),
    optional("ubic_2fa_token", Kind::Text),
];

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get(header::COOKIE)?.to_str().ok()?;
    all.split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

fn cookie_name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::UnifiOs => "TOKEN",
        Flavour::Classic => "unifises",
    }
}

impl Access {
    fn token(&mut self, what: &str) -> String {
        self.serial += 1;
        short_hex(format!("{what}/{}", self.serial).as_bytes(), 32)
    }

    /// Gives every session a new token, which its next answer carries.
    pub(super) fn rotate(&mut self) {
        for index in 0..self.sessions.len() {
            let token = self.token("csrf");
            if let Some(session) = self.sessions.get_mut(index) {
                session.next_csrf = Some(token);
            }
        }
    }
}

impl State {
    /// Who asks, by key or session.
    pub(super) fn who(
        &mut self,
        dialect: Dialect,
        reads: bool,
        headers: &HeaderMap,
    ) -> Result<Who, (Dialect, Failure)> {
        let by_console = (
            Dialect::Console,
            Failure::new(401, "unauthorized", "Unauthorized"),
        );
        if let Some(given) = headers.get("x-api-key") {
            let key = self.access.keys.get(given.to_str().unwrap_or_default());
            let Some(key) = key.filter(|_| self.flavour == Flavour::UnifiOs) else {
                return Err(by_console);
            };
            let allowed = match self.access.reach.unwrap_or(KeyReach::Reads) {
                _ if dialect == Dialect::Integration => true,
                KeyReach::Nothing => false,
                KeyReach::Reads => reads,
                KeyReach::Everything => true,
            };
            if !allowed {
                let failure = Failure::new(
                    if reads { 401 } else { 403 },
                    "api.err.NoPermission",
                    "not with a key",
                );
                return Err((dialect, failure));
            }
            return Ok(Who {
                read_only: key.read_only,
                by_key: true,
                fresh_csrf: None,
            });
        }
        if dialect == Dialect::Integration {
            let code = "api.authentication.missing-credentials";
            return Err((dialect, Failure::new(401, code, "Missing credentials")));
        }
        self.by_session(reads, headers).ok_or(match self.flavour {
            Flavour::UnifiOs => by_console,
            Flavour::Classic => (
                Dialect::Legacy,
                Failure::new(401, "api.err.LoginRequired", "login required"),
            ),
        })?
    }

    fn by_session(
        &mut self,
        reads: bool,
        headers: &HeaderMap,
    ) -> Option<Result<Who, (Dialect, Failure)>> {
        let now = self.now();
        let flavour = self.flavour;
        self.access
            .sessions
            .retain(|session| session.seen + SESSION_S > now && session.left != Some(0));
        let given = cookie(headers, cookie_name(flavour))?;
        let sessions = &mut self.access.sessions;
        let session = sessions.iter_mut().find(|known| known.cookie == given)?;
        session.seen = now;
        if let Some(left) = &mut session.left {
            *left -= 1;
        }
        if flavour == Flavour::UnifiOs && !reads {
            let token = headers.get("x-csrf-token").map(HeaderValue::as_bytes);
            if token != Some(session.csrf.as_bytes()) {
                let failure = Failure::new(403, "forbidden", "Invalid CSRF Token");
                // An old token is nobody's mistake; none at all is.
                let failure = match token {
                    None => failure.outside_the_contract(),
                    Some(_) => failure,
                };
                return Some(Err((Dialect::Console, failure)));
            }
        }
        let fresh_csrf = session.next_csrf.take();
        if let Some(fresh) = &fresh_csrf {
            session.csrf.clone_from(fresh);
        }
        let account = self.access.accounts.get(&session.user)?;
        Some(Ok(Who {
            read_only: account.read_only,
            by_key: false,
            fresh_csrf,
        }))
    }

    /// A login. The answer of a right one carries the cookie.
    pub(super) fn login(&mut self, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        self.access.logins += 1;
        let now = self.now();
        let os = self.flavour == Flavour::UnifiOs;
        let dialect = if os { Dialect::V2 } else { Dialect::Legacy };
        let answer = |failure: Failure| refuse(dialect, "", now, &failure);
        if now < self.access.locked_until {
            self.access.locked_until = now + LOCKED_S;
            let code = "AUTHENTICATION_FAILED_LIMIT_REACHED";
            return answer(Failure::new(429, code, "login attempt limit reached"));
        }
        let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let json = kind.is_some_and(|kind| kind.starts_with(b"application/json"));
        let fields: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
        let table = if os { OS_LOGIN } else { CLASSIC_LOGIN };
        let Some(fields) = fields.filter(|fields| json && check(table, fields).is_empty()) else {
            return noted(answer(Failure::api("api.err.Invalid")));
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let account = self.access.accounts.get(text("username"));
        let Some(account) = account.filter(|known| known.password == text("password")) else {
            self.access.failed += 1;
            if self.access.failed >= LIMIT {
                self.access.locked_until = now + LOCKED_S;
            }
            return answer(if os {
                let code = "AUTHENTICATION_FAILED_INVALID_CREDENTIALS";
                Failure::new(403, code, "Invalid username or password")
            } else {
                Failure::api("api.err.Invalid")
            });
        };
        if let Some((factor, cloud)) = &account.second {
            let given = text(if *cloud { "token" } else { "ubic_2fa_token" });
            let remembered = !cloud || cookie(headers, "UBIC_2FA").is_some();
            if given != factor || !remembered {
                return if *cloud {
                    let body = json!({
                        "code": "MFA_AUTH_REQUIRED",
                        "message": "2FA required",
                        "data": { "mfaCookie": "UBIC_2FA=lab" },
                    });
                    (super::reply::status(499), axum::Json(body)).into_response()
                } else {
                    answer(Failure::api("api.err.Ubic2faTokenRequired"))
                };
            }
        }
        self.access.failed = 0;
        self.open_session(text("username"), now)
    }

    fn open_session(&mut self, user: &str, now: i64) -> Response<Body> {
        let csrf = self.access.token("csrf");
        let cookie = match self.flavour {
            Flavour::UnifiOs => {
                let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
                let payload = part(json!({ "userId": user, "csrfToken": csrf }));
                format!("{head}.{payload}.{}", self.access.token("signature"))
            }
            Flavour::Classic => self.access.token("session"),
        };
        let set = format!(
            "{}={cookie}; path=/; secure; httponly",
            cookie_name(self.flavour)
        );
        self.access.sessions.push(Session {
            cookie,
            user: user.to_owned(),
            csrf: csrf.clone(),
            next_csrf: None,
            seen: now,
            left: None,
        });
        match self.flavour {
            Flavour::UnifiOs => {
                let body = json!({ "username": user, "isOwner": false, "isSuperAdmin": false });
                let headers = [("set-cookie", set), ("x-csrf-token", csrf)];
                (headers, axum::Json(body)).into_response()
            }
            Flavour::Classic => {
                let body = json!({ "meta": { "rc": "ok" }, "data": [] });
                ([("set-cookie", set)], axum::Json(body)).into_response()
            }
        }
    }

    /// Ends the session of the cookie.
    pub(super) fn logout(&mut self, headers: &HeaderMap) -> Response<Body> {
        let given = cookie(headers, cookie_name(self.flavour)).unwrap_or_default();
        self.access.sessions.retain(|known| known.cookie != given);
        let body = match self.flavour {
            Flavour::UnifiOs => json!({ "success": true }),
            Flavour::Classic => json!({ "meta": { "rc": "ok" }, "data": [] }),
        };
        axum::Json(body).into_response()
    }
}
