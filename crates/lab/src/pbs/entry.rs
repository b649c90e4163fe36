//! The way of every request: who asks, for what, with which parameters.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri, header};
use axum::routing::{any, get};
use serde_json::{Map, Value};

use super::auth::authenticate;
use super::contract::{TABLES, param_not_in};
use super::reply::{Answer, Failure, write};
use super::state::State;
use crate::contract::viewer::{Entry, script};
use crate::contract::{self, Found, Kind, Param, PathArgs, Problem, Trouble, find, noted, pairs};
use crate::shared::Shared;

const BASE: &str = "/api2/json";

/// Where the description of all calls is; it is there for everybody.
const DESCRIPTION: &str = "/docs/api-viewer/apidoc.js";

/// Longest path with query.
const MAX_TARGET: usize = 3072;

/// Largest body it reads.
const MAX_BODY: usize = 512 * 1024;

/// One call, checked.
pub(super) struct Call {
    /// User or token.
    pub(super) who: String,
    /// The route's pattern.
    pub(super) pattern: &'static str,
    pub(super) path: PathArgs,
    pub(super) args: Map<String, Value>,
}

impl Call {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.args.get(name).and_then(Value::as_i64)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.args.get(name).and_then(Value::as_bool)
    }

    /// The namespace; the root is empty.
    pub(super) fn ns(&self) -> &str {
        self.text("ns").unwrap_or_default()
    }

    pub(super) fn store(&self) -> &str {
        self.path.get("store")
    }
}

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route(DESCRIPTION, get(description))
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

/// The data of the API viewer: the calls of this release.
async fn description(Extract(shared): Extract<Shared<State>>) -> Response<Body> {
    let release = shared.lock().release;
    let routes = TABLES.iter().flat_map(|table| table.iter());
    let entries: Vec<Entry<'_>> = routes
        .filter(|route| release >= route.run.since)
        .map(|route| Entry {
            method: route.method,
            path: route.path,
            params: (route.params.iter().chain(route.run.more))
                .filter(|param| !param_not_in(release, param.name))
                .collect(),
        })
        .collect();
    let mut answer = Response::new(script(&entries).into());
    let kind = HeaderValue::from_static("text/javascript");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

async fn entry(
    Extract(shared): Extract<Shared<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (answer, delay) = {
        let mut state = shared.lock();
        state.settle();
        let answer = answer(&mut state, &method, &uri, &headers, &body);
        let refused = matches!(&answer, Err(failure) if failure.status == 401);
        let delay = if refused {
            state.refusal_delay
        } else {
            Duration::ZERO
        };
        (answer, delay)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let unexpected = matches!(&answer, Err(failure) if failure.unexpected);
    let answer = write(answer);
    if unexpected { noted(answer) } else { answer }
}

fn answer(
    state: &mut State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Answer {
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    if target > MAX_TARGET {
        return Err(Failure::new(414, "").outside_the_contract());
    }
    let missing = || {
        let text = format!("Path '{}' not found.", uri.path());
        Failure::new(404, text).outside_the_contract()
    };
    let Some(path) = uri.path().strip_prefix(BASE) else {
        return Err(missing());
    };
    let armed = |(of, _): &(String, Failure)| path.starts_with(of.as_str());
    if let Some(index) = state.refusals.iter().position(armed) {
        return Err(state.refusals.remove(index).1);
    }
    let (route, path_args) = match find(TABLES, method.as_str(), path) {
        Found::Route(route, args) if state.release >= route.run.since => (route, args),
        _ => {
            authenticate(state, method, headers)?;
            return Err(missing());
        }
    };
    let who = if route.run.open {
        String::new()
    } else {
        authenticate(state, method, headers)?
    };
    if !matches!(path_args.get("node"), "" | "localhost") {
        return Err(Failure::bad("no such node").outside_the_contract());
    }
    let params = route.params.iter().chain(route.run.more).copied();
    let params: Vec<Param> = params
        .filter(|param| !param_not_in(state.release, param.name))
        .collect();
    let args = arguments(&params, method, uri, headers, body)?;
    let problems = contract::check(&params, &args);
    if !problems.is_empty() {
        return Err(Failure::bad(text_of(&problems)).outside_the_contract());
    }
    let call = Call {
        who,
        pattern: route.path,
        path: path_args,
        args,
    };
    (route.run.handler)(state, &call)
}

fn arguments(
    params: &[Param],
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Map<String, Value>, Failure> {
    let broken = |text: &str| Failure::bad(text).outside_the_contract();
    if body.len() > MAX_BODY {
        return Err(broken("request body too large"));
    }
    if !body.is_empty() && !matches!(*method, Method::POST | Method::PUT) {
        return Err(broken("this method has no body"));
    }
    let mut args = Map::new();
    if !body.is_empty() {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let text = std::str::from_utf8(body).map_err(|_| broken("body is not UTF-8"))?;
        args = match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => match serde_json::from_str(text) {
                Ok(Value::Object(args)) => args,
                _ => return Err(broken("unable to parse json")),
            },
            "application/x-www-form-urlencoded" => {
                let pairs = pairs(text).ok_or_else(|| broken("unable to parse form"))?;
                contract::from_text(params, &pairs)
            }
            other => return Err(broken(&format!("unsupported content type {other:?}"))),
        };
    }
    if let Some(query) = uri.query() {
        let query = pairs(query).ok_or_else(|| broken("unable to parse query"))?;
        args.extend(contract::from_text(params, &query));
    }
    Ok(args)
}

fn text_of(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let text = match &problem.trouble {
            Trouble::Unknown => "schema does not allow additional properties.".to_owned(),
            Trouble::Missing => "parameter is missing and it is not optional.".to_owned(),
            Trouble::Mistyped(kind, value) => wrong_type(*kind, value),
        };
        format!("'{}': {text}", problem.name)
    };
    match problems {
        [only] => format!("parameter verification failed - {}", one(only)),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|one_of| format!("- {}\n", one(one_of)))
                .collect();
            format!("parameter verification failed:\n{}", lines.concat())
        }
    }
}

fn wrong_type(kind: Kind, value: &Value) -> String {
    match kind {
        Kind::Integer(least, most) => match value.as_i64() {
            Some(number) if number < least => {
                format!("value must have a minimum value of {least} (got {number})")
            }
            Some(number) => format!("value must have a maximum value of {most} (got {number})"),
            None => "Expected integer value.".to_owned(),
        },
        Kind::Boolean => "Expected boolean value.".to_owned(),
        Kind::Texts | Kind::List => "Expected array - got scalar value.".to_owned(),
        Kind::OneOf(_) => format!(
            "value '{}' is not defined in the enumeration.",
            value.as_str().unwrap_or_default()
        ),
        Kind::Form(_) => "value does not match the regex pattern".to_owned(),
        _ => "Expected string value.".to_owned(),
    }
}
