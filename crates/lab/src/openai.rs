//! A server that speaks OpenAI's `/v1/embeddings` and `/v1/chat/completions`, as many do.
//!
//! Contract: OpenAI's API reference (embeddings, chat completions, models, errors).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use crate::Faults;
use crate::contract::{Kind, Param, check, noted, optional, required};
use crate::log::RequestLog;
use crate::model::{Saying, Vectors, vector};
use crate::shared::Shared;
use crate::upstream::Upstream;

/// Its model of vectors, whose dimensions can be chosen.
pub const EMBEDDING_MODEL: &str = "text-embedding-lab";
/// Its language model.
pub const CHAT_MODEL: &str = "chat-lab";
/// Numbers of a vector where nobody asks for another count.
const DIMENSIONS: usize = 1536;
/// Most texts of one request.
const MOST_INPUTS: usize = 2048;

const EMBEDDINGS: &[Param] = &[
    required("model", Kind::Text),
    required("input", Kind::Either(&[Kind::Text, Kind::Texts])),
    optional("dimensions", Kind::Integer(1, i64::MAX)),
    optional("encoding_format", Kind::OneOf(&["float", "base64"])),
    optional("user", Kind::Text),
];

const CHAT: &[Param] = &[
    required("model", Kind::Text),
    required("messages", Kind::List),
    optional("max_tokens", Kind::Integer(1, i64::MAX)),
    optional("max_completion_tokens", Kind::Integer(1, i64::MAX)),
    optional("temperature", Kind::Number),
    optional("response_format", Kind::Object),
    optional("stream", Kind::Boolean),
];

#[derive(Default)]
struct State {
    token: Option<String>,
    vectors: Vectors,
    sayings: VecDeque<Saying>,
}

/// A server with one model of each kind; it ends when this is dropped.
pub struct OpenAi {
    upstream: Upstream,
    state: Shared<State>,
}

impl OpenAi {
    /// Starts it.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        let state = Shared::new(State::default());
        let routes = Router::new()
            .route("/v1/embeddings", post(embeddings))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .with_state(state.clone());
        let upstream = Upstream::serve(routes).await?;
        Ok(Self { upstream, state })
    }

    /// Answers 401 without this key.
    pub fn require_key(&self, key: &str) {
        self.state.lock().token = Some(key.to_owned());
    }

    /// What the next chat answers; several are answered in their order, and `{}` after them.
    pub fn say(&self, saying: Saying) {
        self.state.lock().sayings.push_back(saying);
    }

    /// How vectors are answered from now on.
    pub fn set_vectors(&self, vectors: Vectors) {
        self.state.lock().vectors = vectors;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its base URL with `/v1` at the end.
    pub fn url(&self) -> String {
        format!("{}/v1", self.upstream.url())
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
    let error = json!({ "message": message, "type": kind, "param": null, "code": null });
    (status, axum::Json(json!({ "error": error }))).into_response()
}

/// The arguments of a request that may be made, or the refusal.
fn arguments(
    state: &Shared<State>,
    headers: &HeaderMap,
    body: &Bytes,
    params: &[Param],
) -> Result<Map<String, Value>, Box<Response<Body>>> {
    if let Some(token) = &state.lock().token {
        let wanted = format!("Bearer {token}");
        let given = headers.get(header::AUTHORIZATION);
        if given.is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
            let message = "Incorrect API key provided.";
            let kind = "invalid_request_error";
            return Err(failure(StatusCode::UNAUTHORIZED, kind, message).into());
        }
    }
    let refused = |message: &str| {
        let kind = "invalid_request_error";
        Box::new(noted(failure(StatusCode::BAD_REQUEST, kind, message)))
    };
    let Ok(args) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Err(refused("We could not parse the JSON body of your request."));
    };
    match check(params, &args).first() {
        Some(problem) => Err(refused(&format!("Invalid parameter: {}", problem.name))),
        None => Ok(args),
    }
}

fn unknown_model(name: &str) -> Response<Body> {
    let message = format!("The model `{name}` does not exist");
    failure(StatusCode::NOT_FOUND, "invalid_request_error", &message)
}

fn text<'a>(args: &'a Map<String, Value>, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn embeddings(
    Extract(state): Extract<Shared<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let args = match arguments(&state, &headers, &body, EMBEDDINGS) {
        Ok(args) => args,
        Err(refusal) => return *refusal,
    };
    let model = text(&args, "model");
    if model != EMBEDDING_MODEL {
        return unknown_model(model);
    }
    let inputs: Vec<&str> = match args.get("input") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    };
    if inputs.is_empty() || inputs.len() > MOST_INPUTS {
        let message = "'$.input' is invalid.";
        return failure(StatusCode::BAD_REQUEST, "invalid_request_error", message);
    }
    let shape = state.lock().vectors;
    let asked = args.get("dimensions").and_then(Value::as_u64);
    let dimensions = shape.dimensions().or_else(|| usize::try_from(asked?).ok());
    let dimensions = dimensions.unwrap_or(DIMENSIONS);
    let mut rows: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let embedding = vector(text, dimensions);
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    match shape {
        Vectors::Reversed => rows.reverse(),
        Vectors::OneMissing => drop(rows.pop()),
        Vectors::Right | Vectors::Dimensions(_) => {}
    }
    axum::Json(json!({
        "object": "list",
        "data": rows,
        "model": model,
        "usage": { "prompt_tokens": inputs.len(), "total_tokens": inputs.len() },
    }))
    .into_response()
}

async fn chat(
    Extract(state): Extract<Shared<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let args = match arguments(&state, &headers, &body, CHAT) {
        Ok(args) => args,
        Err(refusal) => return *refusal,
    };
    let model = text(&args, "model");
    if model != CHAT_MODEL {
        return unknown_model(model);
    }
    let saying = state.lock().sayings.pop_front();
    let saying = saying.unwrap_or_else(|| Saying::Json(json!({})));
    let (content, refusal) = match &saying {
        Saying::Refused => (Value::Null, json!(saying.text())),
        _ => (json!(saying.text()), Value::Null),
    };
    let finish = if saying == Saying::Cut {
        "length"
    } else {
        "stop"
    };
    axum::Json(json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content, "refusal": refusal },
            "finish_reason": finish,
        }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 },
    }))
    .into_response()
}

async fn models() -> Response<Body> {
    let row = |id: &str| json!({ "id": id, "object": "model", "owned_by": "lab" });
    let rows = [row(EMBEDDING_MODEL), row(CHAT_MODEL)];
    axum::Json(json!({ "object": "list", "data": rows })).into_response()
}
