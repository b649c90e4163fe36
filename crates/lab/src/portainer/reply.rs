//! Answers in Portainer's dialect.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    Json(Value),
    /// A page of so many in all.
    Page(Value, usize),
    /// This status with nothing.
    Empty(u16),
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) details: String,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: u16, message: &str, details: impl Into<String>) -> Self {
        Self {
            status,
            message: message.to_owned(),
            details: details.into(),
            unexpected: false,
        }
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
pub(super) fn write(answer: Answer) -> Response<Body> {
    let status =
        |code: u16| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match answer {
        Ok(Reply::Json(value)) => axum::Json(value).into_response(),
        Ok(Reply::Page(value, total)) => {
            let total = total.to_string();
            let headers = [
                ("X-Total-Count", total.clone()),
                ("X-Total-Available", total),
            ];
            (headers, axum::Json(value)).into_response()
        }
        Ok(Reply::Empty(code)) => status(code).into_response(),
        Err(failure) => {
            let body = json!({ "message": failure.message, "details": failure.details });
            (status(failure.status), axum::Json(body)).into_response()
        }
    }
}
