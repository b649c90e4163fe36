//! Answers in Proxmox Backup Server's dialect.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// A right answer: what stands under `data`, and what beside it.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) data: Value,
    pub(super) total: Option<usize>,
    /// Whether a task still runs, where that was asked for.
    pub(super) active: Option<bool>,
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) text: String,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }
}

/// Nothing under `data`.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn nothing() -> Answer {
    Ok(Reply::default())
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn data(value: Value) -> Answer {
    Ok(value.into())
}

impl Failure {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            unexpected: false,
        }
    }

    /// 400, which it answers for most things.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(400, text)
    }

    pub(super) fn forbidden() -> Self {
        Self::new(403, "permission check failed.")
    }

    pub(super) fn parameter(name: &str, text: &str) -> Self {
        Self::bad(format!("parameter verification failed - '{name}': {text}"))
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }
}

/// The answer as it goes over the wire. An error is plain text, whatever its type says.
pub(super) fn write(answer: Answer) -> Response<Body> {
    let (status, body) = match answer {
        Ok(reply) => {
            let mut body = json!({ "data": reply.data });
            if let Some(total) = reply.total {
                body["total"] = json!(total);
            }
            if let Some(active) = reply.active {
                body["active"] = json!(active);
            }
            (200, body.to_string())
        }
        Err(failure) => (failure.status, failure.text),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, kind, body).into_response()
}
