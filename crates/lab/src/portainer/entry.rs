//! The way of every request: who asks, for what, with which parameters.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, Response, header};
use axum::routing::any;
use serde_json::{Map, Value};

use super::contract::{BodyKind, TABLE};
use super::multipart;
use super::reply::{Answer, Failure, Reply, write};
use super::state::State;
use crate::contract::{self, Found, PathArgs, Trouble, find, noted, pairs};
use crate::docker;
use crate::shared::Shared;

const BASE: &str = "/api";

/// Largest body.
const MAX_BODY: usize = 4 << 20;

/// One call, checked.
pub(super) struct Call {
    /// Number of the user; 0 is nobody.
    pub(super) user: u64,
    pub(super) pattern: &'static str,
    pub(super) path: PathArgs,
    pub(super) query: Map<String, Value>,
    pub(super) body: Map<String, Value>,
}

impl Call {
    pub(super) fn id(&self) -> Result<u64, Failure> {
        let text = self.path.get("id");
        text.parse().map_err(|_| {
            let details = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
            Failure::new(400, "Invalid identifier route variable", details).outside_the_contract()
        })
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.body
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        let found = self.body.get(name).or_else(|| self.query.get(name));
        found.and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let found = self.query.get(name).or_else(|| self.body.get(name));
        found.and_then(Value::as_u64)
    }
}

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

async fn entry(Extract(state): Extract<Shared<State>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if let Some((id, rest)) = proxied(&path) {
        let engine = {
            let state = state.lock();
            engine_of(&state, request.headers(), id)
        };
        return match engine {
            Ok(engine) => docker::serve(&engine, &rest, request).await,
            Err(failure) => write(Err(failure)),
        };
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let answer = {
        let mut state = state.lock();
        let query = parts.uri.query().unwrap_or_default();
        answer(
            &mut state,
            parts.method.as_str(),
            &path,
            query,
            &parts.headers,
            &body,
        )
    };
    let unexpected =
        matches!(&answer, Err(failure) if failure.unexpected) || matches!(&answer, Ok((_, true)));
    let answer = write(answer.map(|(reply, _)| reply));
    if unexpected { noted(answer) } else { answer }
}

/// Environment and path of a call that goes on to its engine.
fn proxied(path: &str) -> Option<(u64, String)> {
    let rest = path.strip_prefix("/api/endpoints/")?;
    let (id, rest) = rest.split_once("/docker/")?;
    Some((id.parse().ok()?, format!("/{rest}")))
}

fn engine_of(
    state: &State,
    headers: &HeaderMap,
    id: u64,
) -> Result<Shared<docker::Engine>, Failure> {
    let user = authenticate(state, headers)?;
    let environment = state.environment(user, id)?;
    match &environment.engine {
        Some(engine) if environment.up => Ok(engine.clone()),
        _ => {
            let details = format!(
                "Cannot connect to the Docker daemon at {}. Is the docker daemon running?",
                environment.url
            );
            Err(Failure::new(
                500,
                "Unable to proxy the request via the Docker socket",
                details,
            ))
        }
    }
}

/// The user that a key or session is of.
fn authenticate(state: &State, headers: &HeaderMap) -> Result<u64, Failure> {
    let refused = |message: &str| Failure::new(401, message, "unauthorized");
    if let Some(key) = headers.get("x-api-key") {
        let key = key.to_str().unwrap_or_default();
        let user = state.keys.get(key).copied();
        return user.ok_or_else(|| refused("Invalid API key"));
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|given| given.to_str().ok());
    let Some(session) = given.and_then(|given| given.strip_prefix("Bearer ")) else {
        return Err(refused("A valid authorization token is missing"));
    };
    match state.sessions.get(session) {
        Some((user, until)) if *until > state.now() => Ok(*user),
        _ => Err(refused("Invalid JWT token")),
    }
}

/// The reply, and whether it is to be noted although it is right.
fn answer(
    state: &mut State,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Reply, bool), Failure> {
    let outside = |status: u16, message: &str, details: String| {
        Failure::new(status, message, details).outside_the_contract()
    };
    let found = path
        .strip_prefix(BASE)
        .map(|path| find(&[TABLE], method, path));
    let (route, path) = match found {
        Some(Found::Route(route, path)) if state.release >= route.run.since => (route, path),
        Some(Found::OtherMethod) => return Err(outside(405, "Method not allowed", String::new())),
        _ => return Err(outside(404, "Not found", String::new())),
    };
    let user = if route.run.open {
        0
    } else {
        authenticate(state, headers)?
    };
    let pairs = pairs(query).ok_or_else(|| outside(400, "Invalid query", String::new()))?;
    // Lists come as `tagIds[]=1` too.
    let pairs: Vec<(String, String)> = pairs
        .into_iter()
        .map(|(name, value)| (name.trim_end_matches("[]").to_owned(), value))
        .collect();
    let query = contract::from_text(route.params, &pairs);
    let mut problems = contract::check(route.params, &query);
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let invalid = |details: String| outside(400, "Invalid request payload", details);
    let body: Map<String, Value> = match route.run.body {
        BodyKind::None if body.is_empty() => Map::new(),
        BodyKind::None => return Err(invalid("this call has no body".to_owned())),
        BodyKind::Json => match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(invalid("not an object".to_owned())),
            Err(wrong) => return Err(invalid(wrong.to_string())),
        },
        BodyKind::Form => {
            let parts = multipart::read(kind.unwrap_or_default(), body);
            let parts = parts.ok_or_else(|| {
                invalid("request Content-Type isn't multipart/form-data".to_owned())
            })?;
            contract::from_text(route.run.fields, &parts)
        }
    };
    problems.extend(contract::check(route.run.fields, &body));
    let wrong = problems
        .iter()
        .find(|problem| !matches!(problem.trouble, Trouble::Unknown));
    if let Some(wrong) = wrong {
        return Err(invalid(format!("Invalid {}", wrong.name)));
    }
    let call = Call {
        user,
        pattern: route.path,
        path,
        query,
        body,
    };
    let reply: Answer = (route.run.handler)(state, &call);
    // It puts up with names that it does not know.
    reply.map(|reply| (reply, !problems.is_empty()))
}
