//! The way of every request: its version, its route, its parameters.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt as _;

use super::contract::TABLES;
use super::reply::{Answer, Failure, Reply, write};
use super::state::Engine;
use crate::contract::{self, Found, PathArgs, find, noted, pairs};
use crate::shared::Shared;

/// Largest body.
const MAX_BODY: usize = 4 << 20;

/// One call, checked.
pub(super) struct Call {
    pub(super) path: PathArgs,
    /// Of the query.
    pub(super) query: Map<String, Value>,
    /// Of the body.
    pub(super) body: Map<String, Value>,
    pub(super) headers: HeaderMap,
}

impl Call {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.query.get(name).and_then(Value::as_i64)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.query
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// Texts under a name of the query's filters.
    pub(super) fn filter(&self, name: &str) -> Option<Vec<String>> {
        let filters: Value = serde_json::from_str(self.text("filters")?).ok()?;
        match filters.get(name)? {
            // The old form: an object whose values are true.
            Value::Object(map) => Some(map.keys().cloned().collect()),
            Value::Array(list) => Some(
                list.iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => None,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.path.get("id")
    }
}

pub(super) fn router(engine: Shared<Engine>) -> Router {
    let handler = |Extract(engine): Extract<Shared<Engine>>, request: Request| async move {
        let path = request.uri().path().to_owned();
        serve(&engine, &path, request).await
    };
    Router::new()
        .route("/", any(handler))
        .route("/{*path}", any(handler))
        .with_state(engine)
}

/// Answers a request whose path is below something else: what a proxy does.
pub(crate) async fn serve(
    engine: &Shared<Engine>,
    path: &str,
    mut request: Request,
) -> Response<Body> {
    let upgrade = request
        .headers()
        .contains_key(header::UPGRADE)
        .then(|| request.extensions_mut().remove::<OnUpgrade>())
        .flatten();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let (answer, version) = {
        let mut engine = engine.lock();
        let answer = answer(
            &mut engine,
            path,
            &parts.method,
            &parts.uri,
            parts.headers,
            &body,
        );
        (answer, engine.version)
    };
    let unexpected =
        matches!(&answer, Err(failure) if failure.unexpected) || matches!(&answer, Ok((_, true)));
    let answer = answer.map(|(reply, _)| reply);
    let mut response = match (answer, upgrade) {
        (Ok(Reply::Raw(kind, bytes)), Some(upgrade)) => hijacked(kind, bytes, upgrade),
        (answer, _) => write(answer),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("api-version", format!("1.{}", version.minor())),
        ("docker-experimental", "false".to_owned()),
        ("ostype", "linux".to_owned()),
        ("server", format!("Docker/{} (linux)", version.engine())),
    ] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    if unexpected {
        noted(response)
    } else {
        response
    }
}

/// 101, and the bytes on the connection itself.
fn hijacked(kind: &'static str, bytes: Vec<u8>, upgrade: OnUpgrade) -> Response<Body> {
    tokio::spawn(async move {
        if let Ok(connection) = upgrade.await {
            let mut connection = TokioIo::new(connection);
            // A client that has left needs nothing more.
            if connection.write_all(&bytes).await.is_ok() {
                drop(connection.shutdown().await);
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "tcp"),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// The reply, and whether it is to be noted although it is right.
fn answer(
    engine: &mut Engine,
    path: &str,
    method: &Method,
    uri: &Uri,
    headers: HeaderMap,
    body: &Bytes,
) -> Result<(Reply, bool), Failure> {
    let outside = |status: u16, text: String| Failure::new(status, text).outside_the_contract();
    let path = unversioned(engine, path)?;
    let path = one_segment_names(path);
    let (route, path) = match find(TABLES, method.as_str(), &path) {
        Found::Route(route, args) => (route, args),
        Found::OtherMethod => return Err(outside(405, "method not allowed".to_owned())),
        Found::Nothing => return Err(outside(404, "page not found".to_owned())),
    };
    let query = pairs(uri.query().unwrap_or_default())
        .ok_or_else(|| outside(400, "invalid query".to_owned()))?;
    let query = contract::from_text(route.params, &query);
    let mut problems = contract::check(route.params, &query);
    let mut fields = Map::new();
    if !body.is_empty() && !route.run.raw_body {
        let kind = headers.get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json")) {
            let text = "unsupported Content-Type header: must be 'application/json'";
            return Err(outside(400, text.to_owned()));
        }
        fields = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(outside(400, "invalid JSON: not an object".to_owned())),
            Err(wrong) => return Err(outside(400, format!("invalid JSON: {wrong}"))),
        };
    }
    // It reads `null` as absent.
    fields.retain(|_, value| !value.is_null());
    problems.extend(contract::check(route.run.body, &fields));
    if let Some(text) = query.get("filters").and_then(Value::as_str)
        && !matches!(serde_json::from_str(text), Ok(Value::Object(_)))
    {
        return Err(outside(400, "invalid filter".to_owned()));
    }
    let wrong = problems
        .iter()
        .find(|problem| !matches!(problem.trouble, contract::Trouble::Unknown));
    if let Some(wrong) = wrong {
        return Err(outside(400, format!("invalid value of `{}`", wrong.name)));
    }
    let call = Call {
        path,
        query,
        body: fields,
        headers,
    };
    let reply: Answer = (route.run.handler)(engine, &call);
    // It puts up with names that it does not know.
    reply.map(|reply| (reply, !problems.is_empty()))
}

/// The path without its version, which must be one that the engine speaks.
fn unversioned<'a>(engine: &Engine, path: &'a str) -> Result<&'a str, Failure> {
    let version = path
        .strip_prefix("/v1.")
        .and_then(|rest| rest.split('/').next())
        .and_then(|minor| minor.parse::<u32>().ok());
    let Some(minor) = version else {
        return Ok(path);
    };
    let (least, most) = (engine.version.least(), engine.version.minor());
    if minor > most {
        let text = format!(
            "client version 1.{minor} is too new. Maximum supported API version is 1.{most}"
        );
        return Err(Failure::new(400, text));
    }
    if minor < least {
        let text = format!(
            "client version 1.{minor} is too old. Minimum supported API version is 1.{least}, please upgrade your client to a newer version"
        );
        return Err(Failure::new(400, text));
    }
    let rest = path
        .strip_prefix("/v1.")
        .and_then(|rest| rest.split_once('/'));
    let length = rest.map_or(0, |(_, rest)| rest.len() + 1);
    Ok(path.get(path.len() - length..).unwrap_or("/"))
}

/// Names of images may have slashes; the table wants one segment.
fn one_segment_names(path: &str) -> String {
    for before in ["/images/", "/distribution/"] {
        let Some(rest) = path.strip_prefix(before) else {
            continue;
        };
        if matches!(
            rest,
            "json" | "create" | "prune" | "search" | "load" | "get"
        ) {
            break;
        }
        let ends = ["/json", "/history", "/push", "/tag", "/get"];
        let end = ends
            .into_iter()
            .find(|end| rest.ends_with(end))
            .unwrap_or_default();
        let name = rest.strip_suffix(end).unwrap_or(rest);
        return format!("{before}{}{end}", name.replace('/', "%2F"));
    }
    path.to_owned()
}
