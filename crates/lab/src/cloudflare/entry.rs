//! The way of every request: who asks, how often, for what, with which parameters.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use serde_json::{Map, Value};

use super::auth::{TokenSeed, authenticate};
use super::contract::{BodyKind, Run, Scope, TABLES};
use super::reply::{Answer, Failure, write};
use super::state::State;
use crate::contract::openapi::{Body as Carries, Entry, document};
use crate::contract::{self, Found, PathArgs, Problem, Route, Trouble, find, noted, pairs};
use crate::shared::Shared;

pub(super) const BASE: &str = "/client/v4";

/// Where the description of the API is. The vendor has it at another place.
pub(super) const DESCRIPTION: &str = "/openapi.json";

/// One call, checked.
pub(super) struct Call {
    pub(super) token: TokenSeed,
    pub(super) path: PathArgs,
    pub(super) query: Map<String, Value>,
    pub(super) body: Map<String, Value>,
}

impl Call {
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    pub(super) fn zone(&self) -> &str {
        self.path.get("zone_id")
    }

    pub(super) fn account(&self) -> &str {
        self.path.get("account_id")
    }
}

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route(DESCRIPTION, get(description))
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

/// All calls but that of the analytics, which the vendor does not describe either.
async fn description() -> Response<Body> {
    let routes = TABLES.iter().flat_map(|table| table.iter());
    let entries = routes
        .filter(|route| route.path != "/graphql")
        .map(|route| Entry {
            method: route.method,
            path: route.path,
            query: route.params,
            body: match route.run.body {
                BodyKind::None => Carries::None,
                BodyKind::Json(fields) => Carries::Fields(fields),
            },
        });
    axum::Json(document("Cloudflare API", entries)).into_response()
}

async fn entry(
    Extract(state): Extract<Shared<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut state = state.lock();
    let answer = answer(&mut state, &method, &uri, &headers, &body);
    let unexpected = matches!(&answer, Err(failure) if failure.unexpected);
    let mut answer = write(answer);
    // The analytics do not say how much is left.
    if uri.path() != format!("{BASE}/graphql") {
        say_the_rate(&state, &headers, answer.headers_mut());
    }
    if unexpected { noted(answer) } else { answer }
}

/// `Ratelimit` and `Ratelimit-Policy`, which every answer to a known token has.
fn say_the_rate(state: &State, asked: &HeaderMap, answer: &mut HeaderMap) {
    let Ok(token) = authenticate(state, asked) else {
        return;
    };
    let (calls, seconds) = state.rate;
    let (used, since) = state
        .windows
        .get(&token.secret)
        .copied()
        .unwrap_or((0, state.now()));
    let left = calls.saturating_sub(used);
    let ends = (since + seconds - state.now()).max(0);
    for (name, text) in [
        ("ratelimit", format!("\"default\";r={left};t={ends}")),
        (
            "ratelimit-policy",
            format!("\"default\";q={calls};w={seconds}"),
        ),
    ] {
        if let Ok(text) = HeaderValue::from_str(&text) {
            answer.insert(name, text);
        }
    }
}

/// Counts a call of a token.
fn count(state: &mut State, token: &TokenSeed) -> Result<(), Failure> {
    let ((calls, seconds), now) = (state.rate, state.now());
    let window = state
        .windows
        .entry(token.secret.clone())
        .or_insert((0, now));
    if now >= window.1 + seconds {
        *window = (0, now);
    }
    if window.0 >= calls {
        let message = "Please wait and consider throttling your request speed";
        return Err(Failure::new(429, 971, message).after((window.1 + seconds - now).max(1)));
    }
    window.0 += 1;
    Ok(())
}

fn answer(
    state: &mut State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let (route, call) = call(state, method, uri, headers, body)?;
    let below = uri.path().strip_prefix(BASE).unwrap_or_default();
    let mut queued = state.refusals.iter();
    let queued = queued.position(|(path, _)| below.starts_with(path.as_str()));
    if let Some(index) = queued {
        return Err(state.refusals.remove(index).1);
    }
    may(state, route, &call)?;
    (route.run.handler)(state, &call)
}

fn call(
    state: &mut State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(&'static Route<Run>, Call), Failure> {
    let found = uri
        .path()
        .strip_prefix(BASE)
        .map(|path| find(TABLES, method.as_str(), path));
    let (route, path) = match found {
        Some(Found::Route(route, path)) => (route, path),
        Some(Found::OtherMethod) => {
            let message = "Method not allowed for this URI";
            return Err(Failure::new(405, 10_405, message).outside_the_contract());
        }
        _ => return Err(no_route(uri.path())),
    };
    let token = authenticate(state, headers)?;
    let verifies = matches!(route.run.scope, Scope::Verify);
    if token.status != "active" && !verifies {
        return Err(Failure::new(403, 9109, "Invalid access token"));
    }
    count(state, &token)?;
    for (name, valid) in IDENTIFIERS {
        let given = path.get(name);
        if !given.is_empty() && !valid(given) {
            return Err(no_route(uri.path()));
        }
    }
    let bad = |text: &str| Failure::new(400, 6003, text).outside_the_contract();
    let pairs = pairs(uri.query().unwrap_or_default()).ok_or_else(|| bad("Invalid query"))?;
    let query = contract::from_text(route.params, &pairs);
    let mut problems = contract::check(route.params, &query);
    let body = match route.run.body {
        BodyKind::None => {
            // Clients that always send one put an empty object there.
            if !body.is_empty() && body != b"{}" {
                return Err(bad("This call has no body"));
            }
            Map::new()
        }
        BodyKind::Json(fields) => {
            let kind = headers.get(header::CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if kind.split(';').next().map(str::trim) != Some("application/json") {
                return Err(bad("Content-Type must be one of: application/json"));
            }
            let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
                return Err(
                    Failure::new(400, 9207, "Request body is invalid").outside_the_contract()
                );
            };
            problems.extend(contract::check(fields, &body));
            body
        }
    };
    if let Some(problem) = problems.first() {
        return Err(Failure::new(400, 9207, words(problem))
            .at(&format!("/{}", problem.name))
            .outside_the_contract());
    }
    let call = Call {
        token,
        path,
        query,
        body,
    };
    Ok((route, call))
}

/// What a problem of the contract is called.
pub(super) fn words(problem: &Problem) -> String {
    match &problem.trouble {
        Trouble::Unknown => format!("unknown field \"{}\"", problem.name),
        Trouble::Missing => format!("missing field \"{}\"", problem.name),
        Trouble::Mistyped(kind, value) => {
            format!("field \"{}\": {kind:?} expected, not {value}", problem.name)
        }
    }
}

fn no_route(path: &str) -> Failure {
    let path = path.strip_prefix(BASE).unwrap_or(path);
    let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
    let mut failure = Failure::new(404, 7003, message).outside_the_contract();
    failure
        .errors
        .push(serde_json::json!({ "code": 7000, "message": "No route for that URI" }));
    failure
}

type Form = fn(&str) -> bool;

/// Forms of the variable parts of paths.
const IDENTIFIERS: [(&str, Form); 8] = [
    ("zone_id", hex_32),
    ("account_id", hex_32),
    ("dns_record_id", hex_32),
    ("ruleset_id", hex_32),
    ("rule_id", hex_32),
    ("tunnel_id", uuid),
    ("route_id", uuid),
    ("setting_id", word),
];

pub(super) fn hex_32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|c| c == b'-' || c.is_ascii_hexdigit())
}

fn word(text: &str) -> bool {
    text.bytes()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}

/// Whether the token may do this here.
fn may(state: &State, route: &Route<Run>, call: &Call) -> Result<(), Failure> {
    let lacking = || Failure::new(403, 10_000, "Authentication error");
    match route.run.scope {
        Scope::Verify | Scope::Open => Ok(()),
        Scope::Any(permission) if call.token.has(permission) => Ok(()),
        Scope::Account(permission) => {
            let known = state.accounts.iter().any(|one| one.id == call.account());
            if known && call.token.has(permission) {
                Ok(())
            } else {
                Err(lacking())
            }
        }
        Scope::Zone(permission) => {
            if !call.token.covers(call.zone()) {
                let message = "Unauthorized to access requested resource";
                return Err(Failure::new(403, 9109, message));
            }
            if !state.zones.iter().any(|zone| zone.id == call.zone()) {
                return Err(Failure::new(404, 1001, "Invalid zone identifier"));
            }
            if call.token.has(permission) {
                Ok(())
            } else {
                Err(lacking())
            }
        }
        Scope::Any(_) => Err(lacking()),
    }
}
