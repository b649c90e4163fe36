//! The calls about models, and what all calls have in common.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use serde_json::{Map, Value, json};

use super::contract::{MESSAGE, RUN_OPTIONS, Run, TABLE};
use super::names::full;
use super::pull::{self, Ending};
use super::state::State;
use crate::contract::{self, Found, Kind, Problem, Route, Trouble, find, noted};
use crate::shared::Shared;

/// The version that it says it is.
const VERSION: &str = "0.13.0";

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

/// Every request comes through here.
async fn entry(
    Extract(state): Extract<Shared<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if !authorized(&state, &headers) {
        return error(401, "unauthorized");
    }
    let route = match find(&[TABLE], method.as_str(), uri.path()) {
        Found::Route(route, _) => route,
        Found::OtherMethod => return noted(plain(405, "405 method not allowed")),
        Found::Nothing => return noted(plain(404, "404 page not found")),
    };
    let known = uri.query().is_none_or(str::is_empty);
    let answer = run(&state, route, &headers, &body);
    if known { answer } else { noted(answer) }
}

fn authorized(state: &Shared<State>, headers: &HeaderMap) -> bool {
    let Some(token) = state.lock().token.clone() else {
        return true;
    };
    let given = headers.get(header::AUTHORIZATION);
    given.is_some_and(|given| given.as_bytes() == format!("Bearer {token}").as_bytes())
}

fn run(
    state: &Shared<State>,
    route: &Route<Run>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    if route.method == "GET" || route.method == "HEAD" {
        let answer = (route.run)(state, &Map::new());
        return if body.is_empty() {
            answer
        } else {
            noted(answer)
        };
    }
    if body.is_empty() {
        return noted(error(400, "missing request body"));
    }
    let mut args = match serde_json::from_slice(body) {
        Ok(Value::Object(args)) => args,
        Ok(_) => return noted(error(400, "json: cannot unmarshal into Go value")),
        Err(wrong) => return noted(error(400, &wrong.to_string())),
    };
    let problems = problems(route, &args);
    if let Some(mistyped) = problems.iter().find_map(go_error) {
        return noted(error(400, &mistyped));
    }
    // It reads `model` as empty where it is missing, and takes the old `name` for it.
    if !args.contains_key("model")
        && let Some(old) = args.remove("name")
    {
        args.insert("model".to_owned(), old);
    }
    let answer = (route.run)(state, &args);
    let json_body = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if problems.is_empty() && json_body {
        answer
    } else {
        noted(answer)
    }
}

fn problems(route: &Route<Run>, args: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = contract::check(route.params, args);
    if let Some(Value::Object(options)) = args.get("options") {
        problems.extend(contract::check(RUN_OPTIONS, options));
    }
    if let Some(Value::Array(messages)) = args.get("messages") {
        for message in messages.iter().filter_map(Value::as_object) {
            problems.extend(contract::check(MESSAGE, message));
        }
    }
    problems
}

/// What it says of a value of the wrong type; the rest it puts up with.
fn go_error(problem: &Problem) -> Option<String> {
    let Trouble::Mistyped(kind, value) = &problem.trouble else {
        return None;
    };
    let given = match value {
        Value::Null => return None,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let wanted = match kind {
        Kind::Boolean => "bool",
        Kind::Integer(..) => "int",
        Kind::Number => "float64",
        Kind::Texts | Kind::List => "[]string",
        Kind::Object => "map[string]interface {}",
        _ => "string",
    };
    let name = &problem.name;
    Some(format!(
        "json: cannot unmarshal {given} into Go struct field .{name} of type {wanted}"
    ))
}

pub(super) fn error(status: u16, text: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(json!({ "error": text }))).into_response()
}

pub(super) fn not_found(model: &str) -> Response<Body> {
    error(404, &format!("model '{model}' not found"))
}

pub(super) fn answer(value: &Value) -> Response<Body> {
    axum::Json(value).into_response()
}

fn plain(status: u16, text: &'static str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
    (status, text).into_response()
}

pub(super) fn text<'a>(args: &'a Map<String, Value>, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn flag(args: &Map<String, Value>, name: &str) -> Option<bool> {
    args.get(name).and_then(Value::as_bool)
}

pub(super) fn running(_: &Shared<State>, _: &Map<String, Value>) -> Response<Body> {
    "Ollama is running".into_response()
}

pub(super) fn version(_: &Shared<State>, _: &Map<String, Value>) -> Response<Body> {
    answer(&json!({ "version": VERSION }))
}

pub(super) fn tags(state: &Shared<State>, _: &Map<String, Value>) -> Response<Body> {
    answer(&json!({ "models": state.lock().rows() }))
}

pub(super) fn ps(state: &Shared<State>, _: &Map<String, Value>) -> Response<Body> {
    answer(&json!({ "models": state.lock().memory_rows() }))
}

pub(super) fn show(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let name = text(args, "model");
    if name.is_empty() {
        return error(400, "model is required");
    }
    let verbose = flag(args, "verbose").unwrap_or(false);
    let sheet = state.lock().sheet(name, verbose);
    sheet.map_or_else(|| not_found(name), |sheet| answer(&sheet))
}

pub(super) fn delete(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let name = text(args, "model");
    if full(name).is_none() {
        return error(400, &format!("name {name:?} is invalid"));
    }
    if state.lock().remove(name) {
        StatusCode::OK.into_response()
    } else {
        not_found(name)
    }
}

pub(super) fn copy(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let (source, destination) = (text(args, "source"), text(args, "destination"));
    for (role, name) in [("source", source), ("destination", destination)] {
        if full(name).is_none() {
            return error(400, &format!("{role} {name:?} is invalid"));
        }
    }
    if state.lock().copy(source, destination) {
        StatusCode::OK.into_response()
    } else {
        error(404, &format!("model {source:?} not found"))
    }
}

pub(super) fn pull(state: &Shared<State>, args: &Map<String, Value>) -> Response<Body> {
    let name = text(args, "model");
    if full(name).is_none() {
        return error(400, "invalid model name");
    }
    let (model, plan) = {
        let state = state.lock();
        let known = state.published(name).or_else(|| state.get(name).cloned());
        (known, state.plan.clone())
    };
    if let Ending::Refused(status, text) = &plan.ending {
        return error(*status, text);
    }
    let Some(model) = model else {
        return error(500, "pull model manifest: file does not exist");
    };
    if flag(args, "stream") == Some(false) {
        return match pull::at_once(state, model, &plan) {
            Ok(()) => answer(&json!({ "status": "success" })),
            Err(text) => error(500, &text),
        };
    }
    pull::answer(state, model, &plan)
}
