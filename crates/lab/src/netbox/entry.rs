//! The way of every request: who asks, for what, with which body.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use serde_json::{Map, Value, json};

use super::allocate::{self, What};
use super::auth::{self, Act, Actor};
use super::model::Model;
use super::read::missing;
use super::reply::{Answer, Reply, json_of, refused, write as to_wire};
use super::state::State;
use super::{Release, bulk, cables, changes, models, read, schema};
use crate::contract::{decode_segment, noted, pairs};
use crate::shared::Shared;

/// Largest body.
const MAX_BODY: usize = 4 << 20;

/// Parameters of lists that are no filters.
const RESERVED: &[&str] = &[
    "limit", "offset", "start", "ordering", "brief", "fields", "omit", "format",
];

/// One request.
pub(super) struct Call {
    pub(super) actor: Actor,
    /// The query, in its order.
    pub(super) pairs: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    /// The state that the client wants to change.
    pub(super) if_match: Option<String>,
    /// Whether the request is outside the contract although the product puts up with it.
    pub(super) strange: bool,
}

impl Call {
    /// The last value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters that are filters, each with its values.
    pub(super) fn filters(&self) -> Vec<(String, Vec<String>)> {
        let mut filters: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &self.pairs {
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            match filters.iter_mut().find(|(own, _)| own == name) {
                Some((_, values)) => values.push(value.clone()),
                None => filters.push((name.clone(), vec![value.clone()])),
            }
        }
        filters
    }

    /// Notes parameters that such a request does not take.
    pub(super) fn only_takes(&mut self, known: &[&str]) {
        self.strange |= self
            .pairs
            .iter()
            .any(|(name, _)| !known.contains(&name.as_str()));
    }

    /// The objects of a body: one, or a list.
    pub(super) fn objects(&self) -> Result<Vec<Map<String, Value>>, Reply> {
        let of = |value: &Value| {
            value.as_object().cloned().ok_or_else(|| {
                let text = format!("Invalid data. Expected a dictionary, but got {value}.");
                Reply::of(400, json!({ "non_field_errors": [text] })).strange()
            })
        };
        match &self.body {
            Some(Value::Array(list)) => list.iter().map(of).collect(),
            Some(body) => of(body).map(|one| vec![one]),
            None => Ok(vec![Map::new()]),
        }
    }
}

pub(super) fn router(state: Shared<State>) -> Router {
    Router::new()
        .route("/", any(entry))
        .route("/{*path}", any(entry))
        .with_state(state)
}

async fn entry(Extract(state): Extract<Shared<State>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let mut state = state.lock();
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = state
        .host
        .clone()
        .or_else(|| host.map(str::to_owned))
        .unwrap_or_default();
    state.base = format!("http://{host}");
    let request = state.next_request();
    let path = parts.uri.path();
    if parts.method == "GET" && path.starts_with("/api/") && !path.ends_with('/') {
        // A client that needs this asks twice for everything.
        let place = [(header::LOCATION, format!("{path}/"))];
        return noted((StatusCode::MOVED_PERMANENTLY, place).into_response());
    }
    let asked = Asked {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        request: &request,
    };
    let reply = answer(&mut state, &asked).unwrap_or_else(|refusal| refusal);
    let strange = reply.strange;
    let answer = to_wire(reply, state.release.api_version(), &request);
    if strange { noted(answer) } else { answer }
}

struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
    request: &'a str,
}

fn not_found() -> Reply {
    refused(404, "Not found.").strange()
}

fn answer(state: &mut State, asked: &Asked<'_>) -> Answer {
    let rest = asked
        .path
        .strip_prefix("/api/")
        .and_then(|rest| rest.strip_suffix('/'));
    let rest = rest.ok_or_else(not_found)?;
    let writes = asked.method != "GET";
    if writes && state.maintenance {
        let detail = "NetBox is currently operating in maintenance mode and is unable to perform write operations.";
        return Err(refused(503, detail));
    }
    let body = read_body(asked)?;
    if rest == "users/tokens/provision" {
        return match asked.method {
            "POST" => auth::provision(state, body.as_ref()),
            method => Err(not_allowed(method)),
        };
    }
    let user = state.authenticate(asked.headers, writes)?;
    let if_match = asked.headers.get(header::IF_MATCH);
    let mut call = Call {
        actor: Actor {
            user,
            request: asked.request.to_owned(),
        },
        pairs: pairs(asked.query).ok_or_else(|| Reply::of(400, json!({})).strange())?,
        body,
        if_match: if_match
            .and_then(|mark| mark.to_str().ok())
            .map(str::to_owned),
        strange: false,
    };
    if writes {
        call.only_takes(&[]);
    }
    let reply = route(state, &mut call, asked.method, rest);
    let strange = call.strange;
    match reply {
        Ok(reply) if strange => Ok(reply.strange()),
        Err(reply) if strange => Err(reply.strange()),
        reply => reply,
    }
}

/// JSON, or nothing.
fn read_body(asked: &Asked<'_>) -> Result<Option<Value>, Reply> {
    if asked.body.is_empty() {
        return Ok(None);
    }
    let kind = asked.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let detail = format!("Unsupported media type \"{kind}\" in request.");
        return Err(refused(415, &detail).strange());
    }
    serde_json::from_slice(asked.body)
        .map(Some)
        .map_err(|wrong| refused(400, &format!("JSON parse error - {wrong}")).strange())
}

fn not_allowed(method: &str) -> Reply {
    refused(405, &format!("Method \"{method}\" not allowed.")).strange()
}

fn only_get(method: &str) -> Result<(), Reply> {
    match method {
        "GET" => Ok(()),
        method => Err(not_allowed(method)),
    }
}

fn route(state: &mut State, call: &mut Call, method: &str, rest: &str) -> Answer {
    match rest {
        "status" => {
            only_get(method)?;
            return json_of(status(state));
        }
        "schema" => {
            only_get(method)?;
            call.only_takes(&["format"]);
            return json_of(schema::document(state));
        }
        "authentication-check" if state.release >= Release::V4_5 => {
            only_get(method)?;
            let user = state.get("users.user", call.actor.user);
            return json_of(user.map_or(Value::Null, |user| state.full(user)));
        }
        _ => {}
    }
    let parts: Vec<String> = rest
        .split('/')
        .map(|part| decode_segment(part).unwrap_or_default())
        .collect();
    let [app, kind, ..] = parts.as_slice() else {
        return Err(not_found());
    };
    let path = format!("{app}/{kind}");
    let id = parts
        .get(2)
        .map(|id| id.parse::<u64>().map_err(|_| not_found()))
        .transpose()?;
    if path == "core/object-changes" {
        only_get(method)?;
        state.permit(call.actor.user, Act::View, "core.objectchange")?;
        return match (id, parts.len()) {
            (None, _) => changes::list(state, call),
            (Some(id), 3) => changes::one(state, id),
            _ => Err(not_found()),
        };
    }
    let model = models::at(&path).ok_or_else(not_found)?;
    match (id, parts.get(3).map(String::as_str), parts.len()) {
        (None, _, _) => collection(state, call, method, model),
        (Some(id), None, _) => object(state, call, method, model, id),
        (Some(id), Some(action), 4) => extra(state, call, method, model, id, action),
        _ => Err(not_found()),
    }
}

fn status(state: &State) -> Value {
    let version = state.release.version();
    json!({
        "django-version": "6.1.2",
        "hostname": "netbox",
        "installed_apps": { "rest_framework": "3.18.0", "django_filters": "26.2" },
        "netbox-version": version,
        "netbox-full-version": version,
        "plugins": {},
        "python-version": "3.12.1",
        "rq-workers-running": 1,
    })
}

fn collection(state: &mut State, call: &mut Call, method: &str, model: &'static Model) -> Answer {
    let user = call.actor.user;
    if method != "GET" && model.read_only {
        return Err(not_allowed(method));
    }
    match method {
        "GET" => {
            state.permit(user, Act::View, model.kind)?;
            read::list(state, call, model)
        }
        "POST" => {
            state.permit(user, Act::Add, model.kind)?;
            bulk::create(state, call, model)
        }
        "PATCH" | "PUT" => {
            state.permit(user, Act::Change, model.kind)?;
            bulk::update(state, call, model, method == "PUT")
        }
        "DELETE" => {
            state.permit(user, Act::Delete, model.kind)?;
            bulk::delete(state, call, model)
        }
        method => Err(not_allowed(method)),
    }
}

fn object(
    state: &mut State,
    call: &mut Call,
    method: &str,
    model: &'static Model,
    id: u64,
) -> Answer {
    let user = call.actor.user;
    if method != "GET" && model.read_only {
        return Err(not_allowed(method));
    }
    match method {
        "GET" => {
            state.permit(user, Act::View, model.kind)?;
            read::one(state, call, model, id)
        }
        "PATCH" | "PUT" => {
            state.permit(user, Act::Change, model.kind)?;
            bulk::update_one(state, call, model, id, method == "PUT")
        }
        "DELETE" => {
            state.permit(user, Act::Delete, model.kind)?;
            bulk::delete_one(state, call, model, id)
        }
        method => Err(not_allowed(method)),
    }
}

/// What lies below one object.
fn extra(
    state: &mut State,
    call: &mut Call,
    method: &str,
    model: &'static Model,
    id: u64,
    action: &str,
) -> Answer {
    let what = match (model.kind, action) {
        ("ipam.prefix" | "ipam.iprange", "available-ips") => What::Addresses,
        ("ipam.prefix", "available-prefixes") => What::Prefixes,
        ("ipam.vlangroup", "available-vlans") => What::Vlans,
        (kind, "trace") if kind.starts_with("dcim.") && model.has("mark_connected") => {
            only_get(method)?;
            state.permit(call.actor.user, Act::View, model.kind)?;
            call.only_takes(&["format"]);
            let port = state.get(model.kind, id).ok_or_else(|| missing(model))?;
            return json_of(cables::trace(state, port));
        }
        _ => return Err(not_found()),
    };
    state.permit(call.actor.user, Act::View, model.kind)?;
    match method {
        "GET" => allocate::list(state, call, model.kind, id, what),
        "POST" => allocate::take(state, call, model.kind, id, what),
        method => Err(not_allowed(method)),
    }
}
