//! The way of every request: which part of the console it is for, who asks, with which parameters.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use serde_json::{Map, Value, json};

use super::access::Who;
use super::contract::{BodyKind, INTEGRATION, LEGACY, Run, V2, document};
use super::filter;
use super::reply::{Answer, Dialect, Failure, Reply, refuse, write};
use super::state::{Site, State};
use super::{Flavour, Release};
use crate::contract::{self, Found, PathArgs, Route, find, noted, pairs};
use crate::shared::Shared;

const PREFIX: &str = "/proxy/network";

/// Below the prefix, where the description of the integration API is.
const DESCRIPTION: &str = "/api-docs/integration.json";

/// Rows of a page of the integration API where nobody asks for another count.
const PAGE: usize = 25;

/// One call, checked.
pub(super) struct Call {
    pub(super) path: PathArgs,
    pub(super) query: Map<String, Value>,
    pub(super) body: Map<String, Value>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl Call {
    pub(super) fn id(&self) -> &str {
        self.path.get("id")
    }

    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.body.get(name).or_else(|| self.query.get(name));
        found.and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let found = self.body.get(name).or_else(|| self.query.get(name));
        found.and_then(Value::as_i64)
    }

    pub(super) fn site<'a>(&self, state: &'a mut State) -> Result<&'a mut Site, Failure> {
        state.site(self.path.get("site"))
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
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut state = shared.lock();
    let asked = Asked {
        method: &method,
        uri: &uri,
        headers: &headers,
        body: &body,
    };
    asked.answer(&mut state)
}

struct Asked<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Asked<'_> {
    fn answer(&self, state: &mut State) -> Response<Body> {
        let path = self.uri.path();
        let post = *self.method == Method::POST;
        match (state.flavour, path) {
            (Flavour::UnifiOs, "/") => {
                let kind = [(header::CONTENT_TYPE, "text/html")];
                (kind, "<!doctype html><title>UniFi OS</title>").into_response()
            }
            (Flavour::Classic, "/") => {
                let place = [(header::LOCATION, "/manage")];
                (super::reply::status(302), place).into_response()
            }
            (Flavour::UnifiOs, "/api/auth/login") | (Flavour::Classic, "/api/login") if post => {
                state.login(self.headers, self.body)
            }
            (Flavour::UnifiOs, "/api/auth/logout") if post => {
                match state.who(Dialect::Legacy, false, self.headers) {
                    Ok(_) => state.logout(self.headers),
                    Err((dialect, failure)) => self.refuse(state, dialect, &failure),
                }
            }
            (Flavour::Classic, "/logout" | "/api/logout") if post => state.logout(self.headers),
            (Flavour::UnifiOs, _) => match path.strip_prefix(PREFIX) {
                Some(inner) => self.application(state, inner),
                None => self.nowhere(state, known_elsewhere(path)),
            },
            (Flavour::Classic, _) if is_api(path) => self.application(state, path),
            (Flavour::Classic, _) => self.nowhere(state, known_elsewhere(path)),
        }
    }

    /// A path that this console does not have; one of the other flavour is asked for to find out
    /// which this is, and not noted.
    fn nowhere(&self, state: &State, probe: bool) -> Response<Body> {
        let failure = Failure::new(404, "api.err.NotFound", "Not Found");
        let answer = refuse(Dialect::Console, self.uri.path(), state.now(), &failure);
        if probe { answer } else { noted(answer) }
    }

    fn refuse(&self, state: &State, dialect: Dialect, failure: &Failure) -> Response<Body> {
        let answer = refuse(dialect, self.uri.path(), state.now(), failure);
        if failure.unexpected {
            noted(answer)
        } else {
            answer
        }
    }

    /// The description of the integration API, for keys as the API itself.
    fn description(&self, state: &mut State) -> Response<Body> {
        if let Err((dialect, failure)) = state.who(Dialect::Integration, true, self.headers) {
            return self.refuse(state, dialect, &failure);
        }
        match state.release {
            release if release < Release::V9_0 => self.nowhere(state, true),
            release => write(Reply::Plain(200, document(release))),
        }
    }

    fn application(&self, state: &mut State, path: &str) -> Response<Body> {
        if path == DESCRIPTION && *self.method == Method::GET {
            return self.description(state);
        }
        let (dialect, table, inner) = if let Some(inner) = path.strip_prefix("/integration") {
            (Dialect::Integration, INTEGRATION, inner)
        } else if path.starts_with("/v2/") {
            (Dialect::V2, V2, path)
        } else {
            (Dialect::Legacy, LEGACY, path)
        };
        let found = find(&[table], self.method.as_str(), inner);
        let (route, args) = match found {
            Found::Route(route, args) => (route, args),
            Found::OtherMethod => {
                let failure = Failure::new(405, "api.err.MethodNotAllowed", "Method Not Allowed");
                return self.refuse(state, dialect, &failure.outside_the_contract());
            }
            Found::Nothing => return self.nowhere(state, false),
        };
        let reads = *self.method == Method::GET || route.run.body == BodyKind::Query;
        let who = match state.who(dialect, reads, self.headers) {
            Ok(who) => who,
            Err((dialect, failure)) => return self.refuse(state, dialect, &failure),
        };
        if !available(&route.run, state.release) {
            return self.nowhere(state, true);
        }
        let fresh = who.fresh_csrf.clone();
        let answer = self.run(state, (dialect, inner), route, args, (&who, reads));
        let mut answer = match answer {
            Ok(reply) => write(reply),
            Err(failure) => self.refuse(state, dialect, &failure),
        };
        if let Some(token) = fresh.and_then(|token| token.parse().ok()) {
            answer.headers_mut().insert("x-updated-csrf-token", token);
        }
        answer
    }

    fn run(
        &self,
        state: &mut State,
        (dialect, inner): (Dialect, &str),
        route: &'static Route<Run>,
        path: PathArgs,
        (who, reads): (&Who, bool),
    ) -> Answer {
        if let Some(at) = state
            .refusals
            .iter()
            .position(|(start, _)| inner.starts_with(start.as_str()))
        {
            let (_, code) = state.refusals.remove(at);
            let status = if dialect == Dialect::Legacy { 200 } else { 400 };
            return Err(Failure::new(status, &code, "refused on purpose"));
        }
        if who.read_only && !reads {
            let code = match dialect {
                Dialect::Integration => "api.authorization.forbidden",
                _ => "api.err.NoPermission",
            };
            return Err(Failure::new(403, code, "no permission"));
        }
        let call = self.read(state, dialect, route, path)?;
        if dialect == Dialect::Integration && !call.path.get("site").is_empty() {
            let id = call.path.get("site").to_owned();
            // It knows sites by UUID alone.
            if !id.contains('-') || state.site(&id).is_err() {
                return Err(Failure::missing("site", &id));
            }
        }
        let before = state
            .swallow
            .iter()
            .position(|start| !reads && inner.starts_with(start.as_str()))
            .map(|at| (state.swallow.remove(at), state.sites.clone()));
        let answer = (route.run.handler)(state, &call);
        if let Some((_, sites)) = before {
            state.sites = sites;
        }
        match answer? {
            Reply::Page(rows) => paged(rows, route, &call.query, who.by_key),
            reply => Ok(reply),
        }
    }

    /// Query and body as the table has them.
    fn read(
        &self,
        state: &State,
        dialect: Dialect,
        route: &'static Route<Run>,
        path: PathArgs,
    ) -> Result<Call, Failure> {
        let invalid = |what: String| {
            let code = match dialect {
                Dialect::Integration => "api.request.invalid",
                _ => "api.err.InvalidPayload",
            };
            Failure::new(400, code, what).outside_the_contract()
        };
        let query = pairs(self.uri.query().unwrap_or_default())
            .ok_or_else(|| invalid("query".to_owned()))?;
        let query = contract::from_text(route.params, &query);
        let mut problems = contract::check(route.params, &query);
        let body: Map<String, Value> = if route.run.body == BodyKind::None {
            if !self.body.is_empty() {
                return Err(invalid("this call has no body".to_owned()));
            }
            Map::new()
        } else {
            let kind = self.headers.get(header::CONTENT_TYPE);
            if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
                let failure = Failure::new(415, "api.err.Unsupported", "not JSON by its type");
                return Err(failure.outside_the_contract());
            }
            serde_json::from_slice(self.body).map_err(|wrong| invalid(wrong.to_string()))?
        };
        problems.extend(contract::check(route.run.fields, &body));
        if let Some(first) = problems.first() {
            return Err(invalid(format!("{}: {:?}", first.name, first.trouble)));
        }
        Ok(Call {
            path,
            query,
            body,
            now: state.now(),
        })
    }
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/s/")
        || path == "/api/self/sites"
        || path == "/api/self"
        || path.starts_with("/v2/api/")
}

/// Whether the other flavour has the path.
fn known_elsewhere(path: &str) -> bool {
    path.starts_with(PREFIX)
        || path.starts_with("/integration")
        || path.starts_with("/api/auth/")
        || path == "/api/login"
        || is_api(path)
}

fn available(run: &Run, release: Release) -> bool {
    release >= run.since && run.until.is_none_or(|last| release <= last)
}

fn paged(
    rows: Vec<Value>,
    route: &'static Route<Run>,
    query: &Map<String, Value>,
    by_key: bool,
) -> Answer {
    debug_assert!(by_key, "the integration API is for keys");
    let rows = match query.get("filter").and_then(Value::as_str) {
        None => rows,
        Some(text) => filter::apply(text, route.run.filter, rows).map_err(|wrong| {
            Failure::new(400, "api.request.filter-invalid", wrong).outside_the_contract()
        })?,
    };
    let number = |name: &str, usual: usize| {
        query
            .get(name)
            .and_then(Value::as_u64)
            .map_or(usual, |n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let usual = if route.path.ends_with("/vouchers") {
        100
    } else {
        PAGE
    };
    let (offset, limit) = (number("offset", 0), number("limit", usual));
    let data: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
    Ok(Reply::Plain(
        200,
        json!({
            "offset": offset,
            "limit": limit,
            "count": data.len(),
            "totalCount": rows.len(),
            "data": data,
        }),
    ))
}
