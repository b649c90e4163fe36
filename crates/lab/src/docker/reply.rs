//! Answers in the engine's dialect.

use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use futures_util::stream;
use serde_json::{Value, json};

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// This status with JSON.
    Json(u16, Value),
    /// This status with nothing.
    Empty(u16),
    /// 200 with this type and these pieces, one after the other.
    Pieces(&'static str, Vec<Vec<u8>>),
    /// What a command printed, on the connection itself where that was asked for.
    Raw(&'static str, Vec<u8>),
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) message: String,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
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
    Ok(Reply::Json(200, value))
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn empty(status: u16) -> Answer {
    Ok(Reply::Empty(status))
}

/// A stream of JSON objects, one a line.
pub(super) fn lines(all: &[Value]) -> Reply {
    let line = |value: &Value| format!("{value}\r\n").into_bytes();
    Reply::Pieces("application/json", all.iter().map(line).collect())
}

pub(super) fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer as it goes over the wire.
pub(super) fn write(answer: Answer) -> Response<Body> {
    match answer {
        Ok(Reply::Json(status, value)) => (status_of(status), axum::Json(value)).into_response(),
        Ok(Reply::Empty(status)) => status_of(status).into_response(),
        Ok(Reply::Pieces(kind, pieces)) => {
            let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async move {
                let piece = pieces.next()?;
                // The server flushes what it has only while the body makes it wait.
                tokio::task::yield_now().await;
                Some((Ok::<_, std::io::Error>(Bytes::from(piece)), pieces))
            });
            ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
        }
        Ok(Reply::Raw(kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(failure) => {
            let body = axum::Json(json!({ "message": failure.message }));
            (status_of(failure.status), body).into_response()
        }
    }
}
