//! Who asks: API tokens, OAuth clients and their access tokens.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Flavor;
use super::entry::Call;
use super::reply::{Answer, Failure, json_of};
use super::state::State;
use crate::hash;

/// An access token that was given out.
pub(super) struct Token {
    /// The client it was given to.
    client: String,
    scopes: Vec<String>,
    until: i64,
}

/// Who asks, and what for.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// The key it came with, or whose token it is.
    pub(super) key: String,
    /// The user of an API token, who may do everything; nobody for a client's token.
    pub(super) user: Option<String>,
    scopes: Vec<String>,
    /// The tags that a client may give.
    pub(super) tags: Vec<String>,
}

impl Caller {
    /// Whether it may do this: by the scope, the one that includes it, or by all.
    pub(super) fn may(&self, scope: &str) -> bool {
        let has = |wanted: &str| self.scopes.iter().any(|own| own == wanted);
        let read = scope.strip_suffix(":read");
        self.user.is_some()
            || has(scope)
            || has("all")
            || read.is_some_and(|whole| has(whole) || has("all:read"))
    }

    pub(super) fn actor(&self) -> Value {
        match &self.user {
            Some(login) => json!({ "id": self.key, "type": "USER", "loginName": login }),
            None => json!({ "id": self.key, "type": "OAUTH_CLIENT", "tags": self.tags }),
        }
    }
}

pub(super) fn authenticate(state: &State, headers: &HeaderMap) -> Result<Caller, Failure> {
    let refused = || Failure::new(401, "API token invalid");
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|given| given.to_str().ok())
        .and_then(credential)
        .ok_or_else(refused)?;
    if let Some(token) = state.tokens.get(&given) {
        let client = state.keys.get(&token.client).ok_or_else(refused)?;
        if token.until <= state.now() || !client.is_valid(&state.time_in(0)) {
            return Err(refused());
        }
        return Ok(Caller {
            key: token.client.clone(),
            user: None,
            scopes: token.scopes.clone(),
            tags: client.texts("tags"),
        });
    }
    let now = state.time_in(0);
    let key = state
        .keys
        .iter()
        .find(|(_, key)| key.secret == given && key.is("api") && key.is_valid(&now));
    let (id, key) = key.ok_or_else(refused)?;
    let user = key.fields.get("userId").and_then(Value::as_str);
    Ok(Caller {
        key: id.clone(),
        user: Some(user.unwrap_or_default().to_owned()),
        ..Caller::default()
    })
}

/// A token as bearer, or as a user without a password.
fn credential(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    text.strip_suffix(':').map(str::to_owned)
}

/// `POST /oauth/token`: an access token for a client, with its scopes or some of them.
pub(super) fn token(state: &mut State, call: &Call) -> Answer {
    let headscale = state.flavor == Flavor::Headscale;
    let refused = |status, code, message: &str| {
        let failure = Failure::new(status, message);
        let oauth = headscale.then_some(code);
        Failure { oauth, ..failure }
    };
    let (id, secret) = (call.text("client_id"), call.text("client_secret"));
    let now = state.time_in(0);
    let known = state
        .keys
        .get(id)
        .filter(|key| key.is("client") && key.secret == secret && key.is_valid(&now));
    let Some(client) = known else {
        return Err(refused(401, "invalid_client", "API token invalid"));
    };
    let owned = Caller {
        scopes: client.texts("scopes"),
        ..Caller::default()
    };
    let wanted: Vec<String> = call
        .text("scope")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if let Some(more) = wanted.iter().find(|scope| !owned.may(scope)) {
        let message = format!("requested scope {more} is not granted to this client");
        return Err(refused(400, "invalid_scope", &message));
    }
    let scopes = if wanted.is_empty() {
        owned.scopes
    } else {
        wanted
    };
    let serial = state.next_serial();
    let prefix = if headscale {
        "hskey-oauthtok"
    } else {
        "tskey-api"
    };
    let text = format!("{prefix}-{}", hash::short_hex(&serial.to_be_bytes(), 32));
    let token = Token {
        client: id.to_owned(),
        scopes: scopes.clone(),
        until: state.now() + state.token_lifetime_s,
    };
    state.tokens.insert(text.clone(), token);
    state.tokens_issued += 1;
    json_of(json!({
        "access_token": text,
        "token_type": "Bearer",
        "expires_in": state.token_lifetime_s,
        "scope": scopes.join(" "),
    }))
}
