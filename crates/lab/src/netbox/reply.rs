//! Answers in NetBox's dialect.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// The state of the one object that this is about.
    pub(super) etag: Option<String>,
    /// Whether the request is outside the contract.
    pub(super) strange: bool,
}

/// Right answers, and refusals.
pub(super) type Answer = Result<Reply, Reply>;

impl Reply {
    pub(super) fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            etag: None,
            strange: false,
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            etag: None,
            strange: false,
        }
    }

    pub(super) fn strange(self) -> Self {
        Self {
            strange: true,
            ..self
        }
    }

    pub(super) fn with_etag(self, etag: Option<String>) -> Self {
        Self { etag, ..self }
    }
}

/// A refusal with its reason under `detail`.
pub(super) fn refused(status: u16, detail: &str) -> Reply {
    Reply::of(status, json!({ "detail": detail }))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn json_of(body: Value) -> Answer {
    Ok(Reply::of(200, body))
}

/// The answer as it goes over the wire.
pub(super) fn write(reply: Reply, version: &str, request: &str) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match reply.body {
        Some(body) => (status, axum::Json(body)).into_response(),
        None => status.into_response(),
    };
    let headers = [
        ("API-Version", Some(version)),
        ("X-Request-ID", Some(request)),
        ("ETag", reply.etag.as_deref()),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
