//! The way of every request: who asks, for what, where, with which parameters.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri, header};
use axum::routing::{any, get};
use serde_json::{Map, Value};

use super::auth::{Credential, authenticate};
use super::contract::{Perm, Run, TABLES, not_in};
use super::reply::{Answer, Failure, write};
use super::state::{Down, State};
use crate::contract::viewer::{Entry, script};
use crate::contract::{self, Found, Kind, Param, PathArgs, Problem, Trouble, find, noted, pairs};
use crate::shared::Shared;

const BASE: &str = "/api2/json";

/// Where the description of all calls is; it is there for everybody.
const DESCRIPTION: &str = "/pve-docs/api-viewer/apidoc.js";

/// Largest body it reads.
const MAX_BODY: usize = 512 * 1024;

/// One call, checked.
pub(super) struct Call {
    /// User or token.
    pub(super) who: String,
    /// The node that was asked.
    pub(super) at: String,
    /// The route's pattern.
    pub(super) pattern: &'static str,
    pub(super) path: PathArgs,
    pub(super) args: Map<String, Value>,
}

impl Call {
    pub(super) fn node(&self) -> &str {
        self.path.get("node")
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.args.get(name).and_then(Value::as_i64)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.args.get(name).and_then(Value::as_bool)
    }

    /// Whether a switch is on that is off unless set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.flag(name).unwrap_or(false)
    }
}

/// One node's door to the cluster.
#[derive(Clone)]
struct Door {
    state: Shared<State>,
    node: String,
}

pub(super) fn router(state: Shared<State>, node: &str) -> Router {
    let node = node.to_owned();
    Router::new()
        .route(DESCRIPTION, get(description))
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(Door { state, node })
}

/// The data of the API viewer: the calls of this release.
async fn description(Extract(door): Extract<Door>) -> Response<Body> {
    let script = {
        let state = door.state.lock();
        let entries: Vec<Entry<'_>> = TABLES
            .iter()
            .flat_map(|table| table.iter())
            .filter(|route| !not_in(state.release, route))
            .map(|route| Entry {
                method: route.method,
                path: route.path,
                params: known(&state, route).collect(),
            })
            .collect();
        script(&entries)
    };
    let mut answer = Response::new(script.into());
    let kind = HeaderValue::from_static("application/javascript");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

async fn entry(
    Extract(door): Extract<Door>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (answer, release, as_text, delay) = {
        let mut state = door.state.lock();
        state.settle();
        let answer = answer(&mut state, &door.node, &method, &uri, &headers, &body);
        let refused = matches!(&answer, Err(failure) if failure.status == 401);
        let delay = if refused {
            state.refusal_delay
        } else {
            Duration::ZERO
        };
        (answer, state.release, state.numbers_as_text, delay)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let unexpected = matches!(&answer, Err(failure) if failure.unexpected);
    let answer = write(answer, release, as_text);
    if unexpected { noted(answer) } else { answer }
}

fn answer(
    state: &mut State,
    at: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Answer {
    let outside = |failure: Failure| failure.outside_the_contract();
    let Some(path) = uri.path().strip_prefix(BASE) else {
        return Err(outside(Failure::new(404, "no such file")));
    };
    let armed = |(of, _): &(String, Failure)| path.starts_with(of.as_str());
    if let Some(index) = state.refusals.iter().position(armed) {
        return Err(state.refusals.remove(index).1);
    }
    if body.len() > MAX_BODY {
        return Err(outside(Failure::new(501, "for data too large")));
    }
    let (route, path_args) = match find(TABLES, method.as_str(), path) {
        Found::Route(route, args) if !not_in(state.release, route) => (route, args),
        _ => {
            // It asks who you are first.
            authenticate(state, method, headers, Credential::Required)?;
            let text = format!("Method '{method} {path}' not implemented");
            return Err(outside(Failure::new(501, text)));
        }
    };
    let credential = match route.run.perm {
        Perm::World => Credential::None,
        _ => Credential::Required,
    };
    let who = authenticate(state, method, headers, credential)?;
    let params = params_of(state, route);
    let args = arguments(&params, method, uri, headers, body)?;
    permitted(state, &who, &route.run.perm, &path_args, &args)?;
    reachable(state, at, path_args.get("node"))?;
    let problems = contract::check(&params, &args);
    if !problems.is_empty() {
        return Err(outside(Failure::parameters(texts(&problems))));
    }
    let call = Call {
        who,
        at: at.to_owned(),
        pattern: route.path,
        path: path_args,
        args,
    };
    (route.run.handler)(state, &call)
}

fn params_of(state: &State, route: &'static contract::Route<Run>) -> Vec<Param> {
    known(state, route).copied().collect()
}

/// The parameters that a call has in this release.
fn known(
    state: &State,
    route: &'static contract::Route<Run>,
) -> impl Iterator<Item = &'static Param> {
    let release = state.release;
    let all = route.params.iter().chain(route.run.more);
    all.filter(move |param| !super::contract::param_not_in(release, param.name))
}

/// Query and body together; the query wins.
fn arguments(
    params: &[Param],
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Map<String, Value>, Failure> {
    let broken = || Failure::new(400, "bad parameters").outside_the_contract();
    let has_body = !body.is_empty();
    if has_body && !matches!(*method, Method::POST | Method::PUT) {
        // It does not read it; what stands in it would be lost.
        return Err(broken());
    }
    let mut args = Map::new();
    if has_body {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let text = std::str::from_utf8(body).map_err(|_| broken())?;
        args = match kind {
            "application/x-www-form-urlencoded" => {
                contract::from_text(params, &pairs(text).ok_or_else(broken)?)
            }
            "application/json" => match serde_json::from_str(text) {
                Ok(Value::Object(args)) => typed(params, args),
                _ => return Err(broken()),
            },
            other => {
                let text = format!("Unexpected content for method: {other}");
                return Err(Failure::new(501, text).outside_the_contract());
            }
        };
    }
    if let Some(query) = uri.query() {
        let query = pairs(query).ok_or_else(broken)?;
        args.extend(contract::from_text(params, &query));
    }
    Ok(args)
}

/// JSON may say numbers and booleans as it says them in forms.
fn typed(params: &[Param], args: Map<String, Value>) -> Map<String, Value> {
    args.into_iter()
        .map(|(name, value)| {
            let text = match &value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return (name, value),
            };
            let pair = [(name.clone(), text)];
            let read = contract::from_text(params, &pair).remove(&name);
            (name, read.unwrap_or(value))
        })
        .collect()
}

fn permitted(
    state: &State,
    who: &str,
    perm: &Perm,
    path: &PathArgs,
    args: &Map<String, Value>,
) -> Result<(), Failure> {
    let (pattern, privileges) = match *perm {
        Perm::World | Perm::User => return Ok(()),
        Perm::Any(pattern, privileges) => (pattern, privileges),
        Perm::Agent(of_9) => {
            let privileges = if state.release >= super::Release::V9_1 {
                of_9
            } else {
                &["VM.Monitor"]
            };
            ("/vms/{vmid}", privileges)
        }
    };
    let on = filled(pattern, path, args);
    state.access.need_any(who, &on, privileges)
}

/// A path of objects with its variables filled in.
fn filled(pattern: &str, path: &PathArgs, args: &Map<String, Value>) -> String {
    let part = |part: &str| {
        let Some(name) = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        else {
            return part.to_owned();
        };
        match args.get(name) {
            _ if !path.get(name).is_empty() => path.get(name).to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    };
    let parts: Vec<String> = pattern.split('/').map(part).collect();
    parts.join("/")
}

/// Every node answers for every other one, as long as it reaches it.
fn reachable(state: &State, at: &str, node: &str) -> Result<(), Failure> {
    if node.is_empty() || node == "localhost" || node == at {
        return Ok(());
    }
    match state.nodes.get(node).map(|node| node.down) {
        None => {
            let text = format!(
                "hostname lookup '{node}' failed - failed to get address info for: {node}: Name or service not known"
            );
            Err(Failure::died(text))
        }
        Some(None) => Ok(()),
        Some(Some(Down::Refused)) => Err(Failure::new(595, "Connection refused")),
        Some(Some(Down::NoRoute)) => Err(Failure::new(595, "No route to host")),
        Some(Some(Down::TimedOut)) => Err(Failure::new(596, "Connection timed out")),
    }
}

fn texts(problems: &[Problem]) -> Map<String, Value> {
    let text = |problem: &Problem| match &problem.trouble {
        Trouble::Unknown => {
            "property is not defined in schema and the schema does not allow additional properties"
                .to_owned()
        }
        Trouble::Missing => "property is missing and it is not optional".to_owned(),
        Trouble::Mistyped(kind, value) => {
            wrong_form(&problem.name, value).unwrap_or_else(|| wrong_type(*kind, value))
        }
    };
    let texts = problems
        .iter()
        .map(|problem| (problem.name.clone(), Value::from(text(problem))));
    texts.collect()
}

/// What it says of names and numbers that have a form of their own.
fn wrong_form(name: &str, value: &Value) -> Option<String> {
    let text = match name {
        "vmid" | "newid" => "value does not look like a valid VM ID".to_owned(),
        "name" | "hostname" => "value does not look like a valid DNS name".to_owned(),
        "snapname" | "snapshot" => {
            format!(
                "invalid configuration ID '{}'",
                value.as_str().unwrap_or_default()
            )
        }
        _ => return None,
    };
    Some(format!("invalid format - {text}\n"))
}

fn wrong_type(kind: Kind, value: &Value) -> String {
    let given = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) => "ARRAY".to_owned(),
        value => value.to_string(),
    };
    let of_type = |name: &str| format!("type check ('{name}') failed - got '{given}'");
    match kind {
        Kind::Integer(least, most) => match value.as_i64() {
            Some(number) if number < least => {
                format!("value must have a minimum value of {least}")
            }
            Some(_) => format!("value must have a maximum value of {most}"),
            None => of_type("integer"),
        },
        Kind::Number => of_type("number"),
        Kind::Boolean => of_type("boolean"),
        Kind::Texts | Kind::List => of_type("array"),
        Kind::OneOf(known) => format!(
            "value '{given}' does not have a value in the enumeration '{}'",
            known.join(", ")
        ),
        Kind::Form(_) => "invalid format - value does not match the regex pattern".to_owned(),
        Kind::Text | Kind::Object | Kind::Either(_) => of_type("string"),
    }
}
