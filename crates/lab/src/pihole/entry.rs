//! The way of every request: who asks, for what, with which parameters.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::routing::any;
use serde_json::{Map, Value};

use super::auth::{Who, named};
use super::contract::{BodyKind, NULLABLE, Run, TABLES};
use super::reply::{Answer, Failure, Reply, write};
use super::state::State;
use super::{Release, gravity, legacy};
use crate::contract::{self, Found, Param, PathArgs, Route, find, noted, pairs};
use crate::listen::Wire;
use crate::shared::Shared;

/// One call.
pub(super) struct Call {
    /// Who asks, or why nobody is known.
    pub(super) who: Result<Who, &'static str>,
    /// The route's pattern.
    pub(super) pattern: &'static str,
    pub(super) put: bool,
    pub(super) path: PathArgs,
    pub(super) query: Map<String, Value>,
    /// The body as it came, and what it is as JSON.
    pub(super) raw: Bytes,
    pub(super) content_type: String,
    pub(super) agent: Option<String>,
    body: Result<Value, String>,
}

impl Call {
    /// The body, which must be JSON.
    pub(super) fn json(&self) -> Result<&Value, Failure> {
        let none = || Failure::bad("No request body data");
        match &self.body {
            Ok(Value::Null) => Err(none()),
            Ok(body) => Ok(body),
            Err(at) => {
                let text = "Invalid request body data (no valid JSON), error at hint";
                Err(Failure::bad(text).hint(at.clone()).outside_the_contract())
            }
        }
    }

    /// A text of the query.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }

    /// A number of the query; what is none counts as not given.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.query.get(name).and_then(Value::as_i64)
    }

    /// A number of the query with parts.
    pub(super) fn float(&self, name: &str) -> Option<f64> {
        self.query.get(name).and_then(Value::as_f64)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.query.get(name).and_then(Value::as_bool)
    }
}

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

async fn entry(
    Extract(shared): Extract<Shared<State>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (answer, unexpected, cookie, delay) = {
        let mut state = shared.lock();
        if state.drops > 0 {
            state.drops -= 1;
            wire.cut();
            let mut nothing = Response::new(Body::empty());
            *nothing.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return nothing;
        }
        if state.release == Release::V5 {
            return legacy::answer(&mut state, &method, &uri);
        }
        state.settle();
        let signs_in = method == Method::POST && uri.path() == "/api/auth";
        let delay = if signs_in {
            state.login_delay
        } else {
            Duration::ZERO
        };
        let (answer, unexpected, cookie) = respond(&mut state, &method, &uri, &headers, body);
        if std::mem::take(&mut state.restarting) {
            state.restart();
        }
        (answer, unexpected, cookie, delay)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let unexpected = unexpected || matches!(&answer, Err(failure) if failure.unexpected);
    let mut answer = match answer {
        Ok(Reply::Gravity(color)) => gravity::stream(&shared, &wire, color),
        other => write(other),
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    if unexpected { noted(answer) } else { answer }
}

/// The answer, whether the request is to be noted, and the cookie that goes with it.
fn respond(
    state: &mut State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    raw: Bytes,
) -> (Answer, bool, Option<String>) {
    let path = uri.path();
    let armed = |(of, _): &(String, Failure)| path.starts_with(of.as_str());
    if let Some(index) = state.refusals.iter().position(armed) {
        return (Err(state.refusals.remove(index).1), false, None);
    }
    // A wrong method counts as a wrong path.
    let Found::Route(route, path_args) = find(TABLES, method.as_str(), path) else {
        // One that asks which release it is goes unnoted.
        let asks = path == "/admin/api.php";
        let missing = Failure::new(404, "not_found", "Not found").hint(path);
        return (Err(missing), !asks, None);
    };
    let text = |name: header::HeaderName| {
        let value = headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let Some(pairs) = pairs(uri.query().unwrap_or_default()) else {
        return (Err(Failure::bad("Invalid query")), true, None);
    };
    let mut query = contract::from_text(route.params, &pairs);
    let body = match route.run.body {
        BodyKind::Form => Ok(Value::Null),
        _ if raw.is_empty() => Ok(Value::Null),
        _ => serde_json::from_slice(&raw).map_err(|wrong| wrong.to_string()),
    };
    let by_query = Value::Object(query.clone());
    let nothing = Value::Null;
    let (sid, csrf) = named(headers, &by_query, body.as_ref().unwrap_or(&nothing));
    let who = state.authenticate(sid, csrf);
    query.remove("sid");
    let fits = matches(route, &query, body.as_ref().ok(), &raw, &content_type);
    if !route.run.open && who.is_err() {
        let refused = Failure::new(401, "unauthorized", "Unauthorized");
        return (Err(refused), !fits, None);
    }
    let call = Call {
        who,
        pattern: route.path,
        put: *method == Method::PUT,
        path: path_args,
        query,
        raw,
        content_type,
        agent: text(header::USER_AGENT),
        body,
    };
    let answer = (route.run.handler)(state, &call);
    let seat = call.who.ok().and_then(|who| who.seat);
    let cookie = match route.path {
        "/api/auth" => cookie_of_login(state, &answer),
        _ => seat.and_then(|seat| state.cookie(seat)),
    };
    (answer, !fits, cookie)
}

/// The cookie that an answer of `/auth` brings: that of the session, or the end of it.
fn cookie_of_login(state: &State, answer: &Answer) -> Option<String> {
    let gone =
        "sid=deleted; SameSite=Lax; Path=/; Max-Age=-1; Expires=Thu, 01 Jan 1970 00:00:00 GMT;";
    match answer {
        Ok(Reply::Json(200, body)) => {
            let sid = body["session"]["sid"].as_str()?;
            let mut cookies = (0..state.seats.len()).filter_map(|seat| state.cookie(seat));
            let prefix = format!("sid={sid};");
            cookies.find(|one| one.starts_with(&prefix))
        }
        Ok(_) => Some(gone.to_owned()),
        Err(_) => None,
    }
}

/// Whether a request keeps to the table, which is stricter than the product.
fn matches(
    route: &Route<Run>,
    query: &Map<String, Value>,
    body: Option<&Value>,
    raw: &Bytes,
    content_type: &str,
) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let body_fits = match (route.run.body, body) {
        (BodyKind::None, _) => raw.is_empty(),
        (BodyKind::Form, _) => kind == "multipart/form-data",
        (BodyKind::Json, Some(Value::Object(fields))) => {
            kind == "application/json" && fields_fit(route.run.fields, fields)
        }
        (BodyKind::Items, Some(Value::Array(rows))) => {
            let row_fits = |row: &Value| {
                row.as_object()
                    .is_some_and(|row| fields_fit(route.run.fields, row))
            };
            kind == "application/json" && rows.iter().all(row_fits)
        }
        _ => false,
    };
    body_fits && contract::check(route.params, query).is_empty()
}

fn fields_fit(fields: &[Param], given: &Map<String, Value>) -> bool {
    let counts = |(name, value): &(&String, &Value)| {
        *name != "sid" && !(value.is_null() && NULLABLE.contains(&name.as_str()))
    };
    let given = given.iter().filter(counts);
    let given = given.map(|(name, value)| (name.clone(), value.clone()));
    contract::check(fields, &given.collect()).is_empty()
}
