//! The API: everything is read.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::contract::{TABLE, What};
use super::reply::{error, one, page};
use super::state::{Protocol, Release, State};
use crate::contract::{Found, PathArgs, check, find, from_text, noted, pairs};
use crate::shared::Shared;

/// Rows of a page where nobody asks for another count.
const PER_PAGE: usize = 100;

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

async fn entry(
    Extract(shared): Extract<Shared<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut state = shared.lock();
    state.files.look();
    if let Some((user, password)) = &state.login {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let given = headers.get(header::AUTHORIZATION);
        if given.is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
            let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"traefik\"")];
            return (StatusCode::UNAUTHORIZED, realm, "401 Unauthorized\n").into_response();
        }
    }
    let (route, path) = match find(&[TABLE], method.as_str(), uri.path()) {
        Found::Route(route, path) if state.release >= route.run.since => (route, path),
        Found::OtherMethod => return noted(StatusCode::METHOD_NOT_ALLOWED.into_response()),
        _ => return noted((StatusCode::NOT_FOUND, "404 page not found\n").into_response()),
    };
    let Some(query) = pairs(uri.query().unwrap_or_default()) else {
        return noted(error(400, "invalid query"));
    };
    let args = from_text(route.params, &query);
    let answer = (route.run.handler)(&state, &args, &path);
    if check(route.params, &args).is_empty() && body.is_empty() {
        answer
    } else {
        noted(answer)
    }
}

pub(super) fn ping(_: &State, _: &Map<String, Value>, _: &PathArgs) -> Response<Body> {
    // Without saying what it is.
    Response::new(Body::from("OK"))
}

pub(super) fn version(state: &State, _: &Map<String, Value>, _: &PathArgs) -> Response<Body> {
    let (version, codename) = match state.release {
        Release::V2_11 => ("2.11.30", "mimolette"),
        Release::V3_3 => ("3.3.7", "saintnectaire"),
        Release::V3_7 => ("3.7.15", "langres"),
    };
    let kind = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    let body = json!({
        "Version": version,
        "Codename": codename,
        "startDate": "2026-11-20T03:35:17.541065449Z",
    });
    (kind, body.to_string()).into_response()
}

pub(super) fn overview(state: &State, _: &Map<String, Value>, _: &PathArgs) -> Response<Body> {
    let count = |rows: &[Value]| {
        let of = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
        json!({ "total": rows.len(), "warnings": of("warning"), "errors": of("disabled") })
    };
    let mut body = json!({});
    for protocol in Protocol::ALL {
        let told = state.told(protocol);
        let mut part = json!({
            "routers": count(&told.routers),
            "services": count(&told.services),
        });
        if protocol != Protocol::Udp {
            part["middlewares"] = count(&told.middlewares);
        }
        body[protocol.name()] = part;
    }
    if state.release >= Release::V3_7 {
        body["certificates"] = count(&state.certificates);
    }
    body["features"] = json!({ "tracing": "", "metrics": "", "accessLog": false });
    body["providers"] = json!(["File", "Docker"]);
    one(&body)
}

pub(super) fn raw(state: &State, _: &Map<String, Value>, _: &PathArgs) -> Response<Body> {
    let by_name = |rows: Vec<Value>| {
        let rows = rows.into_iter().map(|mut row| {
            let name = row["name"].as_str().unwrap_or_default().to_owned();
            if let Some(fields) = row.as_object_mut() {
                for told_in_lists_alone in ["name", "provider", "type", "priorityStr"] {
                    fields.remove(told_in_lists_alone);
                }
            }
            (name, row)
        });
        rows.collect::<Map<String, Value>>()
    };
    let mut body = json!({});
    let parts = [
        (Protocol::Http, ["routers", "services", "middlewares"]),
        (
            Protocol::Tcp,
            ["tcpRouters", "tcpServices", "tcpMiddlewares"],
        ),
        (
            Protocol::Udp,
            ["udpRouters", "udpServices", "udpMiddlewares"],
        ),
    ];
    for (protocol, names) in parts {
        let told = state.told(protocol);
        let all = [told.routers, told.services, told.middlewares];
        for (name, rows) in names.into_iter().zip(all) {
            if !rows.is_empty() {
                body[name] = Value::Object(by_name(rows));
            }
        }
    }
    one(&body)
}

pub(super) fn entry_points(_: &State, args: &Map<String, Value>, _: &PathArgs) -> Response<Body> {
    paged(&State::entry_points(), args)
}

pub(super) fn entry_point(_: &State, _: &Map<String, Value>, path: &PathArgs) -> Response<Body> {
    let name = path.get("name");
    let found = State::entry_points()
        .into_iter()
        .find(|row| row["name"] == name);
    found.map_or_else(
        || error(404, &format!("entry point not found: {name}")),
        |row| one(&row),
    )
}

fn rows_of(state: &State, protocol: Protocol, what: What) -> Vec<Value> {
    let told = state.told(protocol);
    match what {
        What::Routers => told.routers,
        What::Services => told.services,
        What::Middlewares => told.middlewares,
    }
}

pub(super) fn list(
    state: &State,
    args: &Map<String, Value>,
    protocol: Protocol,
    what: What,
) -> Response<Body> {
    let text = |name: &str| args.get(name).and_then(Value::as_str);
    let contains = |value: &Value, part: &str| {
        let text = value.as_str().unwrap_or_default().to_lowercase();
        text.contains(&part.to_lowercase())
    };
    let lists = |row: &Value, name: &str| {
        row["middlewares"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| *one == name))
    };
    let mut rows = rows_of(state, protocol, what);
    rows.retain(|row| {
        text("status").is_none_or(|status| row["status"] == status)
            && text("search").is_none_or(|part| {
                ["name", "rule"]
                    .iter()
                    .any(|field| contains(&row[*field], part))
            })
            && text("serviceName").is_none_or(|name| {
                let service = row["service"].as_str().unwrap_or_default();
                let by = row["provider"].as_str().unwrap_or_default();
                service == name || format!("{service}@{by}") == name
            })
            && text("middlewareName").is_none_or(|name| lists(row, name))
    });
    if let Some(field) = text("sortBy") {
        rows.sort_by_cached_key(|row| {
            match row[field].as_number().and_then(serde_json::Number::as_i128) {
                Some(number) => (number, String::new()),
                None => (0, row[field].to_string()),
            }
        });
    }
    if text("direction") == Some("desc") {
        rows.reverse();
    }
    paged(&rows, args)
}

fn paged(rows: &[Value], args: &Map<String, Value>) -> Response<Body> {
    let number = |name: &str| {
        args.get(name)
            .map(|value| (value, value.as_u64().filter(|n| *n > 0)))
    };
    let (mut at, mut size) = (1, PER_PAGE);
    for (name, into) in [("page", &mut at), ("per_page", &mut size)] {
        match number(name) {
            None => {}
            Some((_, Some(n))) => *into = usize::try_from(n).unwrap_or(usize::MAX),
            Some((given, None)) => {
                let number = given.as_i64().unwrap_or_default();
                return error(400, &format!("invalid request: {name}: {number}"));
            }
        }
    }
    let start = (at - 1).saturating_mul(size);
    if start >= rows.len() && at > 1 {
        return error(
            400,
            &format!("invalid request: page: {at}, per_page: {size}"),
        );
    }
    let end = start.saturating_add(size).min(rows.len());
    let next = if end < rows.len() { at + 1 } else { 1 };
    page(rows.get(start..end).unwrap_or_default(), next)
}

pub(super) fn object(
    state: &State,
    path: &PathArgs,
    protocol: Protocol,
    what: What,
) -> Response<Body> {
    let name = path.get("name");
    let found = rows_of(state, protocol, what)
        .into_iter()
        .find(|row| row["name"] == name);
    let noun = match what {
        What::Routers => "router",
        What::Services => "service",
        What::Middlewares => "middleware",
    };
    found.map_or_else(
        || error(404, &format!("{noun} not found: {name}")),
        |row| one(&row),
    )
}

pub(super) fn certificates(
    state: &State,
    args: &Map<String, Value>,
    _: &PathArgs,
) -> Response<Body> {
    let text = |name: &str| args.get(name).and_then(Value::as_str);
    let mut rows = state.certificates.clone();
    rows.retain(|row| {
        text("status").is_none_or(|status| row["status"] == status)
            && text("search").is_none_or(|part| row["sans"].to_string().contains(part))
    });
    paged(&rows, args)
}

pub(super) fn certificate(
    state: &State,
    _: &Map<String, Value>,
    path: &PathArgs,
) -> Response<Body> {
    let name = path.get("name");
    let found = state.certificates.iter().find(|row| row["name"] == name);
    found.map_or_else(
        || error(404, &format!("certificate not found: {name}")),
        one,
    )
}
