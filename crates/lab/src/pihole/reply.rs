//! Answers in FTL's dialect.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// This status with this object, to which `took` is added.
    Json(u16, Value),
    /// This status with nothing.
    Nothing(u16),
    /// Something that is no JSON.
    Raw(Box<Response<Body>>),
    /// What the update of the lists says, as it goes on; in colour or not.
    Gravity(bool),
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

/// Any right answer.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn reply_of(reply: Reply) -> Answer {
    Ok(reply)
}

/// 200 with this object.
pub(super) fn json_of(value: Value) -> Answer {
    reply_of(Reply::Json(200, value))
}

/// 204 where something was deleted; else 404, with nothing but `took`.
pub(super) fn deleted(any: bool) -> Answer {
    reply_of(if any {
        Reply::Nothing(204)
    } else {
        Reply::Json(404, json!({}))
    })
}

impl Failure {
    pub(super) fn new(status: u16, key: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            key: key.to_owned(),
            message: message.into(),
            hint: None,
            unexpected: false,
        }
    }

    /// 400 `bad_request`.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    /// 403 `forbidden`.
    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(403, "forbidden", message)
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }
}

/// The answer as it goes over the wire. What streams is made elsewhere.
pub(super) fn write(answer: Answer) -> Response<Body> {
    let (status, mut body) = match answer {
        Ok(Reply::Json(status, body)) => (status, body),
        Ok(Reply::Nothing(status)) => return code(status).into_response(),
        Ok(Reply::Raw(answer)) => return *answer,
        Ok(Reply::Gravity(_)) => return Response::new(Body::empty()),
        Err(failure) => {
            let error = json!({
                "key": failure.key,
                "message": failure.message,
                "hint": failure.hint,
            });
            (failure.status, json!({ "error": error }))
        }
    };
    body["took"] = json!(0.000_412);
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (code(status), kind, body.to_string()).into_response()
}

/// A page that is no answer of the API.
pub(super) fn page(status: u16, kind: &'static str, text: String) -> Response<Body> {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
    (code(status), kind, text).into_response()
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
