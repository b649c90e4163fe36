//! The way of every request: what for, who asks, with which parameters.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use serde_json::{Map, Value};

use super::access::{Caller, authenticate};
use super::contract::{BodyKind, Run, TABLE};
use super::reply::{Failure, Reply, write};
use super::state::State;
use super::{BASE, Flavor, Nothing, TAILNET, hujson};
use crate::contract::openapi::{Body as Carries, Entry, document};
use crate::contract::{self, Found, PathArgs, Problem, Route, Trouble, find, noted, pairs};
use crate::shared::Shared;

/// What is asked of the base address for the description of the API; it is there for everybody.
const DESCRIPTION: &str = "outputOpenapiSchema=true";

const HUJSON: &str = "application/hujson";
const JSON: &str = "application/json";

/// One call, checked.
#[derive(Default)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) path: PathArgs,
    pub(super) query: Map<String, Value>,
    /// The body where it is JSON or a form.
    pub(super) body: Value,
    /// The body as it came.
    pub(super) text: String,
    pub(super) accept: Option<String>,
    pub(super) if_match: Option<String>,
}

impl Call {
    /// A text of the body; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// A list of text of the body.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.body[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn wants_json(&self) -> bool {
        self.accept.as_deref() == Some(JSON)
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
    let path = uri.path().strip_prefix(BASE).unwrap_or_default();
    let query = uri.query().unwrap_or_default();
    let planned = state
        .refusals
        .iter()
        .position(|(begin, _)| path.starts_with(begin.as_str()));
    if let Some(index) = planned {
        let (_, failure) = state.refusals.remove(index);
        return write(Err(failure), Nothing::Empty);
    }
    let asks_for_it = path.is_empty() && query == DESCRIPTION && method == Method::GET;
    if asks_for_it && state.flavor == Flavor::Tailscale {
        return description();
    }
    let mut problems = Vec::new();
    let answer = prepare(&state, method.as_str(), path, query, &headers, &body).and_then(
        |(route, call, found)| {
            problems = found;
            let nothing = state.nothing.unwrap_or(route.run.nothing);
            Ok(((route.run.handler)(&mut state, &call)?, nothing))
        },
    );
    let unexpected = !problems.is_empty() || matches!(&answer, Err(failure) if failure.unexpected);
    let answer = match answer {
        Ok((reply, nothing)) => write(Ok(reply), nothing),
        Err(failure) => write(Err::<Reply, _>(failure), Nothing::Empty),
    };
    if unexpected { noted(answer) } else { answer }
}

/// The calls as YAML.
fn description() -> Response<Body> {
    let public = TABLE
        .iter()
        .filter(|route| route.run.body != BodyKind::Form);
    let entries = public.map(|route| Entry {
        method: route.method,
        path: route.path,
        query: route.params,
        body: match route.run.body {
            BodyKind::None | BodyKind::Form => Carries::None,
            BodyKind::Fields => Carries::Fields(route.run.fields),
            BodyKind::Json | BodyKind::Policy => Carries::Any,
        },
    });
    let text = serde_saphyr::to_string(&document("Tailscale API", entries));
    let kind = [(header::CONTENT_TYPE, "application/yaml")];
    (kind, text.unwrap_or_default()).into_response()
}

type Prepared = (&'static Route<Run>, Call, Vec<Problem>);

/// The checked call, and what is wrong with it that the product puts up with.
fn prepare(
    state: &State,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Prepared, Failure> {
    let outside = |status: u16, text: &str| Failure::new(status, text).outside_the_contract();
    let headscale = state.flavor == Flavor::Headscale;
    let (route, path) = match find(&[TABLE], method, path) {
        Found::Route(route, path) if !headscale || route.run.headscale => (route, path),
        Found::OtherMethod => return Err(outside(405, "method not allowed")),
        _ => return Err(outside(404, "not found")),
    };
    let caller = if route.run.body == BodyKind::Form {
        Caller::default()
    } else {
        authenticate(state, headers)?
    };
    let tailnet = path.get("tailnet");
    let known = tailnet == "-" || (tailnet == TAILNET && !headscale);
    if !tailnet.is_empty() && !known {
        return Err(Failure::new(404, "tailnet not found"));
    }
    let scopes = route.run.scopes;
    if !scopes.is_empty() && !scopes.iter().any(|scope| caller.may(scope)) {
        return Err(Failure::forbidden());
    }
    let query = pairs(query).ok_or_else(|| outside(400, "invalid query"))?;
    let query = contract::from_text(route.params, &query);
    let mut problems = contract::check(route.params, &query);
    let (body_value, mut found) = read_body(&route.run, headers, body)?;
    problems.append(&mut found);
    let wrong = problems
        .iter()
        .find(|problem| !matches!(problem.trouble, Trouble::Unknown));
    if let Some(wrong) = wrong {
        let how = match &wrong.trouble {
            Trouble::Missing => "is required",
            _ => "is invalid",
        };
        return Err(outside(400, &format!("{} {how}", wrong.name)));
    }
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let call = Call {
        caller,
        path,
        query,
        body: body_value,
        text: String::from_utf8_lossy(body).into_owned(),
        accept: header(header::ACCEPT).filter(|accept| accept != "*/*"),
        if_match: header(header::IF_MATCH),
    };
    Ok((route, call, problems))
}

/// The body as a value, and what is wrong with its fields.
fn read_body(
    run: &Run,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Value, Vec<Problem>), Failure> {
    let outside = |text: String| Failure::new(400, text).outside_the_contract();
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let must_be = |wanted: &[&str]| {
        if wanted.contains(&kind) {
            Ok(())
        } else {
            Err(outside(format!("unsupported content type: {kind:?}")))
        }
    };
    let json = || {
        serde_json::from_slice::<Value>(body)
            .map_err(|wrong| outside(format!("invalid JSON: {wrong}")))
    };
    match run.body {
        BodyKind::None if body.is_empty() => Ok((Value::Null, Vec::new())),
        BodyKind::None => Err(outside("this call has no body".to_owned())),
        BodyKind::Fields => {
            must_be(&[JSON])?;
            let Value::Object(fields) = json()? else {
                return Err(outside("invalid JSON: not an object".to_owned()));
            };
            let problems = contract::check(run.fields, &fields);
            Ok((Value::Object(fields), problems))
        }
        BodyKind::Json => {
            must_be(&[JSON])?;
            Ok((json()?, Vec::new()))
        }
        BodyKind::Policy => {
            must_be(&[JSON, HUJSON])?;
            let text = String::from_utf8_lossy(body);
            let value = hujson::parse(&text).map_err(|wrong| Failure::new(400, wrong))?;
            Ok((value, Vec::new()))
        }
        BodyKind::Form => {
            must_be(&["application/x-www-form-urlencoded"])?;
            let text = String::from_utf8_lossy(body);
            let pairs = pairs(&text).ok_or_else(|| outside("invalid form".to_owned()))?;
            let fields = contract::from_text(run.fields, &pairs);
            let problems = contract::check(run.fields, &fields);
            Ok((Value::Object(fields), problems))
        }
    }
}
