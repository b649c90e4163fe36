//! Which requests there are.

use axum::body::Body;
use axum::http::Response;
use serde_json::{Map, Value};

use super::routes;
use super::state::State;
use crate::contract::{Kind, Param, Route, optional, required};
use crate::shared::Shared;

/// A request that the table knows.
pub(super) type Run = fn(&Shared<State>, &Map<String, Value>) -> Response<Body>;

const ANY_INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);
const COUNT: Kind = Kind::Integer(0, i64::MAX);

const MODEL: Param = required("model", Kind::Text);
const STREAM: Param = optional("stream", Kind::Boolean);
const KEEP_ALIVE: Param = optional("keep_alive", Kind::Either(&[Kind::Text, Kind::Number]));
const OPTIONS: Param = optional("options", Kind::Object);
const FORMAT: Param = optional("format", Kind::Either(&[Kind::Text, Kind::Object]));
const THINK: Param = optional(
    "think",
    Kind::Either(&[
        Kind::Boolean,
        Kind::OneOf(&["high", "medium", "low", "max"]),
    ]),
);
const LOGPROBS: Param = optional("logprobs", Kind::Boolean);
const TOP_LOGPROBS: Param = optional("top_logprobs", COUNT);

/// Options of a run, whose names are checked too.
pub(super) const RUN_OPTIONS: &[Param] = &[
    optional("seed", ANY_INTEGER),
    optional("temperature", Kind::Number),
    optional("top_k", ANY_INTEGER),
    optional("top_p", Kind::Number),
    optional("min_p", Kind::Number),
    optional("stop", Kind::Either(&[Kind::Text, Kind::Texts])),
    optional("num_ctx", ANY_INTEGER),
    optional("num_predict", ANY_INTEGER),
];

/// A message of a chat.
pub(super) const MESSAGE: &[Param] = &[
    required(
        "role",
        Kind::OneOf(&["system", "user", "assistant", "tool"]),
    ),
    required("content", Kind::Text),
    optional("thinking", Kind::Text),
    optional("images", Kind::Texts),
    optional("tool_calls", Kind::List),
    optional("tool_name", Kind::Text),
];

const fn get(path: &'static str, run: Run) -> Route<Run> {
    Route {
        method: "GET",
        path,
        params: &[],
        run,
    }
}

const fn post(path: &'static str, params: &'static [Param], run: Run) -> Route<Run> {
    Route {
        method: "POST",
        path,
        params,
        run,
    }
}

pub(super) static TABLE: &[Route<Run>] = &[
    get("/", routes::running),
    Route {
        method: "HEAD",
        path: "/",
        params: &[],
        run: routes::running,
    },
    get("/api/version", routes::version),
    get("/api/tags", routes::tags),
    get("/api/ps", routes::ps),
    post(
        "/api/show",
        &[MODEL, optional("verbose", Kind::Boolean)],
        routes::show,
    ),
    post(
        "/api/pull",
        &[MODEL, optional("insecure", Kind::Boolean), STREAM],
        routes::pull,
    ),
    Route {
        method: "DELETE",
        path: "/api/delete",
        params: &[MODEL],
        run: routes::delete,
    },
    post(
        "/api/copy",
        &[
            required("source", Kind::Text),
            required("destination", Kind::Text),
        ],
        routes::copy,
    ),
    post(
        "/api/generate",
        &[
            MODEL,
            optional("prompt", Kind::Text),
            optional("suffix", Kind::Text),
            optional("images", Kind::Texts),
            FORMAT,
            optional("system", Kind::Text),
            optional("template", Kind::Text),
            STREAM,
            THINK,
            optional("raw", Kind::Boolean),
            KEEP_ALIVE,
            OPTIONS,
            LOGPROBS,
            TOP_LOGPROBS,
        ],
        super::generate::generate,
    ),
    post(
        "/api/chat",
        &[
            MODEL,
            required("messages", Kind::List),
            optional("tools", Kind::List),
            FORMAT,
            OPTIONS,
            STREAM,
            THINK,
            KEEP_ALIVE,
            LOGPROBS,
            TOP_LOGPROBS,
        ],
        super::generate::chat,
    ),
    post(
        "/api/embed",
        &[
            MODEL,
            required("input", Kind::Either(&[Kind::Text, Kind::Texts])),
            optional("truncate", Kind::Boolean),
            optional("dimensions", Kind::Integer(1, i64::MAX)),
            KEEP_ALIVE,
            OPTIONS,
        ],
        super::generate::embed,
    ),
];
