//! The fifth release, whose API was one PHP page. It is there to be recognized and refused: what
//! changes something is done, and noted.

use axum::body::Body;
use axum::http::{Method, Response, Uri};
use serde_json::{Value, json};

use super::reply::page;
use super::state::State;
use crate::contract::{noted, pairs};
use crate::hash::hex;

const MISSING: &str = "<!doctype html><title>404 Not Found</title><h1>404 Not Found</h1>";

pub(super) fn answer(state: &mut State, method: &Method, uri: &Uri) -> Response<Body> {
    if uri.path() != "/admin/api.php" {
        let missing = page(404, "text/html", MISSING.to_owned());
        // Whoever asks for the new API may do so.
        let asks = uri.path().starts_with("/api");
        return if asks { missing } else { noted(missing) };
    }
    let given = pairs(uri.query().unwrap_or_default()).unwrap_or_default();
    let value = |name: &str| given.iter().find(|(known, _)| known == name);
    let once = |text: &str| hex(text.as_bytes());
    let token = state.secrets.password.as_deref();
    let token = token.map(|password| once(&once(password)));
    let known = token.is_none_or(|token| value("auth").is_some_and(|(_, given)| *given == token));
    let (body, changes) = if value("version").is_some() {
        (json!({ "version": 3 }), false)
    } else if !known {
        (json!([]), false)
    } else if value("summaryRaw").is_some() || value("status").is_some() {
        (summary(state), false)
    } else if value("enable").is_some() || value("disable").is_some() {
        let on = value("enable").is_some();
        state.settings.set("dns.blocking.active", Value::Bool(on));
        (json!({ "status": status(state) }), true)
    } else {
        (json!([]), true)
    };
    let answer = page(200, "application/json", body.to_string());
    if changes || *method != Method::GET {
        noted(answer)
    } else {
        answer
    }
}

fn status(state: &State) -> &'static str {
    if state.blocking() {
        "enabled"
    } else {
        "disabled"
    }
}

fn summary(state: &State) -> Value {
    let blocked = state.queries.iter().filter(|query| query.blocked());
    json!({
        "domains_being_blocked": state.gravity_size(),
        "dns_queries_today": state.queries.len(),
        "ads_blocked_today": blocked.count(),
        "status": status(state),
    })
}
