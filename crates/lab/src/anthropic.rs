//! A stand-in for Anthropic's Messages API, for answers by tool use.
//!
//! Contract: Anthropic's API reference (create a message, tool use, errors).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::post;
use serde_json::{Map, Value, json};

use crate::Faults;
use crate::contract::{Kind, Param, check, noted, optional, required};
use crate::log::RequestLog;
use crate::model::Saying;
use crate::shared::Shared;
use crate::upstream::Upstream;

/// Its language model.
pub const MODEL: &str = "claude-lab";

const MESSAGE: &[Param] = &[
    required("model", Kind::Text),
    required("max_tokens", Kind::Integer(1, i64::MAX)),
    required("messages", Kind::List),
    optional("system", Kind::Text),
    optional("temperature", Kind::Number),
    optional("tools", Kind::List),
    optional("tool_choice", Kind::Object),
];

struct State {
    key: String,
    sayings: VecDeque<Saying>,
}

/// The API with one model; it ends when this is dropped.
pub struct Anthropic {
    upstream: Upstream,
    state: Shared<State>,
}

impl Anthropic {
    /// Starts it; it wants this key.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(key: &str) -> io::Result<Self> {
        let state = Shared::new(State {
            key: key.to_owned(),
            sayings: VecDeque::new(),
        });
        let routes = Router::new()
            .route("/v1/messages", post(messages))
            .with_state(state.clone());
        let upstream = Upstream::serve(routes).await?;
        Ok(Self { upstream, state })
    }

    /// What the next message answers; several are answered in their order, and `{}` after them.
    pub fn say(&self, saying: Saying) {
        self.state.lock().sayings.push_back(saying);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}

fn failure(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let error = json!({ "type": kind, "message": message });
    let body = json!({ "type": "error", "error": error, "request_id": "req_1" });
    (status, axum::Json(body)).into_response()
}

fn invalid(message: &str) -> Response<Body> {
    let kind = "invalid_request_error";
    noted(failure(StatusCode::BAD_REQUEST, kind, message))
}

async fn messages(
    Extract(state): Extract<Shared<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("x-api-key") != Some(state.lock().key.as_str()) {
        let kind = "authentication_error";
        return failure(StatusCode::UNAUTHORIZED, kind, "invalid x-api-key");
    }
    if header("anthropic-version").is_none() {
        return invalid("anthropic-version: header is required");
    }
    let Ok(args) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return invalid("The request body is not valid JSON.");
    };
    if let Some(problem) = check(MESSAGE, &args).first() {
        return invalid(&format!("{}: field is wrong", problem.name));
    }
    let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default();
    let model = text("model");
    if model != MODEL {
        let message = format!("model: {model}");
        return failure(StatusCode::NOT_FOUND, "not_found_error", &message);
    }
    let tool = args
        .get("tool_choice")
        .and_then(|choice| choice.get("name"));
    let tools = args.get("tools").and_then(Value::as_array);
    let forced = tool.filter(|name| {
        let mut tools = tools.into_iter().flatten();
        tools.any(|one| one.get("name") == Some(*name) && one["input_schema"]["type"] == "object")
    });
    if tool.is_some() && forced.is_none() {
        return invalid("tool_choice: no tool of this name takes an object");
    }
    let saying = state.lock().sayings.pop_front();
    let saying = saying.unwrap_or_else(|| Saying::Json(json!({})));
    let block = match (&saying, forced) {
        (Saying::Json(value), Some(name)) => {
            json!({ "type": "tool_use", "id": "toolu_1", "name": name, "input": value })
        }
        _ => json!({ "type": "text", "text": saying.text() }),
    };
    let reason = match (&saying, forced) {
        (Saying::Cut, _) => "max_tokens",
        (Saying::Refused, _) => "refusal",
        (Saying::Json(_), Some(_)) => "tool_use",
        _ => "end_turn",
    };
    axum::Json(json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": null,
        "usage": { "input_tokens": 10, "output_tokens": 10 },
    }))
    .into_response()
}
