//! Answers in Tailscale's dialect.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::Nothing;

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    Json(Value),
    /// Done, with nothing to say.
    Nothing,
    /// A policy: its tag, its type, its text.
    Policy {
        etag: String,
        kind: &'static str,
        text: String,
    },
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) message: String,
    /// What is wrong with a policy.
    pub(super) data: Option<Value>,
    /// The code of RFC 6749 in Headscale's answers about tokens.
    pub(super) oauth: Option<&'static str>,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            data: None,
            oauth: None,
            unexpected: false,
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "not found")
    }

    /// It says nothing of what is missing, as the product does not.
    pub(super) fn forbidden() -> Self {
        let text = "calling actor does not have enough permissions to perform this function";
        Self::new(403, text)
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn json_of(value: Value) -> Answer {
    Ok(Reply::Json(value))
}

/// The answer as it goes over the wire.
pub(super) fn write(answer: Answer, nothing: Nothing) -> Response<Body> {
    match answer {
        Ok(Reply::Json(value)) => axum::Json(value).into_response(),
        Ok(Reply::Nothing) => match nothing {
            Nothing::Empty => StatusCode::OK.into_response(),
            Nothing::Null => axum::Json(Value::Null).into_response(),
            Nothing::Object => axum::Json(json!({})).into_response(),
        },
        Ok(Reply::Policy { etag, kind, text }) => {
            let headers = [
                (header::ETAG, etag),
                (header::CONTENT_TYPE, kind.to_owned()),
            ];
            (headers, text).into_response()
        }
        Err(failure) => {
            let status =
                StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = match (failure.oauth, failure.data) {
                (Some(code), _) => json!({ "error": code, "error_description": failure.message }),
                (None, Some(data)) => json!({ "message": failure.message, "data": data }),
                (None, None) => json!({ "message": failure.message }),
            };
            (status, axum::Json(body)).into_response()
        }
    }
}
