//! Answers in the three dialects: the integration API's, the old API's, and that of its `v2` part.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use crate::calendar::rfc3339;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/integration/v1/…`.
    Integration,
    /// `/api/…`.
    Legacy,
    /// `/v2/api/…`.
    V2,
    /// The console before the application.
    Console,
}

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// `data` of the old API.
    Rows(Vec<Value>),
    /// All rows of the integration API, before they are filtered and cut into pages.
    Page(Vec<Value>),
    /// This status and body.
    Plain(u16, Value),
    /// This status with nothing.
    Empty(u16),
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            unexpected: false,
        }
    }

    /// Status 400 and one of the old API's codes.
    pub(super) fn api(code: &str) -> Self {
        Self::new(400, code, code)
    }

    /// The integration API does not have the object.
    pub(super) fn missing(what: &str, id: &str) -> Self {
        let code = format!("api.{what}.not-found");
        Self::new(404, &code, format!("{what} '{id}' not found"))
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn rows(rows: Vec<Value>) -> Answer {
    Ok(Reply::Rows(rows))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn page(rows: Vec<Value>) -> Answer {
    Ok(Reply::Page(rows))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn plain(value: Value) -> Answer {
    Ok(Reply::Plain(200, value))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn created(value: Value) -> Answer {
    Ok(Reply::Plain(201, value))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn empty() -> Answer {
    Ok(Reply::Empty(200))
}

pub(super) fn status(code: u16) -> StatusCode {
    // 499 is the cloud account's, and not registered.
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) fn write(reply: Reply) -> Response<Body> {
    match reply {
        Reply::Rows(rows) => {
            axum::Json(json!({ "meta": { "rc": "ok" }, "data": rows })).into_response()
        }
        Reply::Page(rows) => axum::Json(Value::Array(rows)).into_response(),
        Reply::Plain(code, value) => (status(code), axum::Json(value)).into_response(),
        Reply::Empty(code) => status(code).into_response(),
    }
}

/// A refusal as the dialect writes it.
pub(super) fn refuse(dialect: Dialect, path: &str, now: i64, failure: &Failure) -> Response<Body> {
    let reason = status(failure.status);
    let body = match dialect {
        Dialect::Legacy => json!({
            "meta": { "rc": "error", "msg": failure.code },
            "data": [],
        }),
        Dialect::V2 => json!({
            "errorCode": failure.status,
            "message": failure.message,
            "code": failure.code,
        }),
        Dialect::Console => json!({
            "error": { "code": failure.status, "message": failure.message },
        }),
        Dialect::Integration => {
            let name = reason.canonical_reason().unwrap_or("UNKNOWN");
            json!({
                "statusCode": failure.status,
                "statusName": name.to_uppercase().replace(' ', "_"),
                "code": failure.code,
                "message": failure.message,
                "timestamp": rfc3339(now),
                "requestPath": path.trim_start_matches("/proxy/network"),
                "requestId": super::state::uuid("request", path),
            })
        }
    };
    (reason, axum::Json(body)).into_response()
}
