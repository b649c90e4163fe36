//! Tokens and tickets.

use axum::http::{HeaderMap, Method, header};
use serde_json::{Map, Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, data};
use super::state::State;
use crate::contract::decode_segment;
use crate::hash::hex;

/// How long a ticket holds.
const TICKET_S: i64 = 7200;

/// The cookie's names: that of 4, and the one that all know.
const COOKIES: [&str; 2] = ["__Host-PBSAuthCookie=", "PBSAuthCookie="];

const PRIVILEGES: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.Audit",
    "Datastore.Backup",
    "Datastore.Modify",
    "Datastore.Prune",
    "Datastore.Read",
    "Datastore.Verify",
    "Permissions.Modify",
    "Remote.Audit",
    "Remote.DatastoreBackup",
    "Remote.DatastorePrune",
    "Remote.Modify",
    "Remote.Prune",
    "Remote.Read",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Modify",
    "Sys.PowerManagement",
];

/// A ticket that was given out.
pub(super) struct Ticket {
    text: String,
    csrf: String,
    user: String,
    until: i64,
}

/// Who asks.
pub(super) fn authenticate(
    state: &State,
    method: &Method,
    headers: &HeaderMap,
) -> Result<String, Failure> {
    let refused = |why: &str| Failure::new(401, format!("authentication failed - {why}"));
    if let Some(given) = cookie(headers) {
        let now = state.now();
        let valid = |ticket: &&Ticket| ticket.text == given && ticket.until > now;
        let Some(ticket) = state.tickets.iter().find(valid) else {
            return Err(refused("invalid ticket"));
        };
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let csrf = headers.get("CSRFPreventionToken");
        if !reads && csrf.is_none_or(|csrf| csrf.as_bytes() != ticket.csrf.as_bytes()) {
            return Err(refused("missing or wrong CSRF prevention token"));
        }
        return Ok(ticket.user.clone());
    }
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Err(refused("no authentication credentials provided."));
    };
    let given = given.to_str().unwrap_or_default();
    let token = given
        .strip_prefix("PBSAPIToken=")
        .or_else(|| given.strip_prefix("PBSAPIToken "));
    // A colon, unlike in the other product.
    let Some((id, secret)) = token.and_then(|token| token.split_once(':')) else {
        return Err(refused("failed to parse API token").outside_the_contract());
    };
    let secret = decode_segment(secret).unwrap_or_default();
    match state.rights.tokens.get(id) {
        Some(token) if token.secret == secret => Ok(id.to_owned()),
        _ => Err(refused("invalid API token")),
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let cookies = || lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    let found = COOKIES
        .iter()
        .find_map(|name| cookies().find_map(|one| one.strip_prefix(name)));
    decode_segment(found?)
}

/// `POST /access/ticket`: with the password, or with a ticket that still holds.
pub(super) fn create_ticket(state: &mut State, call: &Call) -> Answer {
    let user = call.text("username").unwrap_or_default().to_owned();
    let password = call.text("password").unwrap_or_default();
    let now = state.now();
    let renews =
        |ticket: &Ticket| ticket.text == password && ticket.user == user && ticket.until > now;
    let known = state
        .rights
        .users
        .get(&user)
        .is_some_and(|known| known == password);
    if !known && !state.tickets.iter().any(renews) {
        return Err(Failure::new(401, "permission check failed."));
    }
    let seal = hex(format!("{user}/{now}/{}", state.tickets.len()).as_bytes());
    let ticket = Ticket {
        text: format!("PBS:{user}:{now:08X}::{seal}"),
        csrf: format!("{now:08X}:{}", hex(seal.as_bytes())),
        user: user.clone(),
        until: now + TICKET_S,
    };
    let answer = json!({
        "username": user,
        "ticket": ticket.text,
        "CSRFPreventionToken": ticket.csrf,
    });
    state.tickets.push(ticket);
    data(answer)
}

/// `GET /access/permissions`.
pub(super) fn permissions(state: &mut State, call: &Call) -> Answer {
    let asked = call.text("auth-id").unwrap_or(&call.who);
    let own = asked == call.who || asked.starts_with(&format!("{}!", call.who));
    if !own && !state.rights.has(&call.who, "/access", "Sys.Audit") {
        return Err(Failure::forbidden());
    }
    let mut paths: Vec<&str> = vec![
        "/",
        "/access",
        "/datastore",
        "/remote",
        "/system",
        "/system/tasks",
    ];
    paths.extend(state.rights.paths());
    if let Some(only) = call.text("path") {
        paths = vec![only];
    }
    let mut table = Map::new();
    for path in paths {
        let held: Map<String, Value> = PRIVILEGES
            .iter()
            .filter(|privilege| state.rights.has(asked, path, privilege))
            .map(|privilege| ((*privilege).to_owned(), json!(true)))
            .collect();
        table.insert(path.to_owned(), Value::Object(held));
    }
    data(Value::Object(table))
}
