//! Tokens, tickets, and the token that guards against requests of other sites.

use axum::http::{HeaderMap, Method, header};
use serde_json::json;

use super::entry::Call;
use super::reply::{Answer, Failure, data};
use super::state::State;
use crate::contract::decode_segment;
use crate::hash::hex;

/// How long a ticket holds.
const TICKET_S: i64 = 7200;

/// Whether a call asks who you are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    Required,
    None,
}

/// A ticket that was given out.
pub(super) struct Ticket {
    text: String,
    csrf: String,
    user: String,
    until: i64,
}

/// Who asks. The cookie wins over the header.
pub(super) fn authenticate(
    state: &State,
    method: &Method,
    headers: &HeaderMap,
    credential: Credential,
) -> Result<String, Failure> {
    if credential == Credential::None {
        return Ok(String::new());
    }
    if let Some(ticket) = cookie(headers) {
        return by_ticket(state, method, headers, &ticket);
    }
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Err(Failure::new(401, "No ticket"));
    };
    let given = given.to_str().unwrap_or_default();
    let token = given
        .strip_prefix("PVEAPIToken=")
        .and_then(|token| token.split_once('='));
    let Some((id, secret)) = token else {
        return Err(Failure::new(401, "No ticket").outside_the_contract());
    };
    match state.access.tokens.get(id) {
        Some(token) if token.secret == secret => Ok(id.to_owned()),
        Some(_) => Err(Failure::new(401, "invalid token value!")),
        None => Err(Failure::new(401, format!("no such token '{id}'"))),
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter();
    let mut cookies = all
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    // Its value may come percent-encoded.
    let ticket = cookies.find_map(|cookie| cookie.trim().strip_prefix("PVEAuthCookie="))?;
    decode_segment(ticket)
}

fn by_ticket(
    state: &State,
    method: &Method,
    headers: &HeaderMap,
    given: &str,
) -> Result<String, Failure> {
    let now = state.now();
    let valid = |ticket: &&Ticket| ticket.text == given && ticket.until > now;
    let Some(ticket) = state.tickets.iter().find(valid) else {
        return Err(Failure::new(401, "permission denied - invalid PVE ticket"));
    };
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let csrf = headers.get("CSRFPreventionToken");
    if !reads && csrf.is_none_or(|csrf| csrf.as_bytes() != ticket.csrf.as_bytes()) {
        return Err(Failure::new(401, "Permission denied - invalid csrf token"));
    }
    Ok(ticket.user.clone())
}

/// `POST /access/ticket`: with the password, or with a ticket that still holds.
pub(super) fn create_ticket(state: &mut State, call: &Call) -> Answer {
    let name = call.text("username").unwrap_or_default();
    let user = match call.text("realm") {
        Some(realm) if !name.contains('@') => format!("{name}@{realm}"),
        _ => name.to_owned(),
    };
    let password = call.text("password").unwrap_or_default();
    let now = state.now();
    let renews =
        |ticket: &Ticket| ticket.text == password && ticket.user == user && ticket.until > now;
    let known = state
        .access
        .users
        .get(&user)
        .is_some_and(|known| known == password);
    if !known && !state.tickets.iter().any(renews) {
        return Err(Failure::new(401, "authentication failure"));
    }
    let serial = state.tickets.len();
    let seal = hex(format!("{user}/{now}/{serial}").as_bytes());
    let ticket = Ticket {
        text: format!("PVE:{user}:{now:08X}::{seal}"),
        csrf: format!("{now:08X}:{}", hex(seal.as_bytes())),
        user: user.clone(),
        until: now + TICKET_S,
    };
    let answer = json!({
        "username": user,
        "ticket": ticket.text,
        "CSRFPreventionToken": ticket.csrf,
        "clustername": state.cluster,
        "cap": { "vms": {}, "nodes": {}, "storage": {}, "access": {}, "dc": {} },
    });
    state.tickets.push(ticket);
    data(answer)
}

/// `GET /access/permissions`: one's own, or those of one's tokens.
pub(super) fn permissions(state: &mut State, call: &Call) -> Answer {
    let asked = call.text("userid").unwrap_or(&call.who);
    let own = asked == call.who || asked.starts_with(&format!("{}!", call.who));
    if !own && !state.access.has(&call.who, "/access", "Sys.Audit") {
        return Err(Failure::forbidden("/access", &["Sys.Audit"]));
    }
    let table = state.access.table(asked, call.text("path"), state.release);
    data(table)
}
