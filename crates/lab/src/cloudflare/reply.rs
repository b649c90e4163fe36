//! Answers in the API's envelope.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// A right answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// A result.
    Result(Value),
    /// A result with remarks.
    Remarked(Value, Vec<Value>),
    /// A page, with `result_info`.
    Page(Value, Value),
    /// Text that is no JSON.
    Text(String),
    /// JSON without the envelope.
    Bare(Value),
    /// 204.
    Nothing,
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) errors: Vec<Value>,
    pub(super) retry_after: Option<i64>,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![json!({ "code": code, "message": message.into() })],
            retry_after: None,
            unexpected: false,
        }
    }

    /// A record that is not valid.
    pub(super) fn record(code: i64, message: impl Into<String>) -> Self {
        let mut failure = Self::new(400, 1004, "DNS Validation Error");
        failure.errors[0]["error_chain"] = json!([{ "code": code, "message": message.into() }]);
        failure
    }

    /// With the place in the body that is wrong, as a JSON pointer.
    pub(super) fn at(mut self, pointer: &str) -> Self {
        if let Some(first) = self.errors.first_mut() {
            first["source"] = json!({ "pointer": pointer });
        }
        self
    }

    pub(super) fn after(self, seconds: i64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }

    /// Code and message of the first error, for seeds.
    pub(super) fn text(&self) -> String {
        let first = self.errors.first().cloned().unwrap_or_default();
        format!("{}: {}", first["code"], first["message"])
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn result(value: Value) -> Answer {
    Ok(Reply::Result(value))
}

/// The answer as it goes over the wire.
pub(super) fn write(answer: Answer) -> Response<Body> {
    let envelope = |result: Value, messages: Vec<Value>, info: Option<Value>| {
        let mut body = json!({
            "success": true,
            "errors": [],
            "messages": messages,
            "result": result,
        });
        if let Some(info) = info {
            body["result_info"] = info;
        }
        axum::Json(body).into_response()
    };
    match answer {
        Ok(Reply::Remarked(value, messages)) => envelope(value, messages, None),
        Ok(Reply::Result(value) | Reply::Page(value, Value::Null)) => {
            envelope(value, Vec::new(), None)
        }
        Ok(Reply::Page(value, info)) => envelope(value, Vec::new(), Some(info)),
        Ok(Reply::Text(text)) => text.into_response(),
        Ok(Reply::Bare(value)) => axum::Json(value).into_response(),
        Ok(Reply::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => {
            let body = json!({
                "success": false,
                "errors": failure.errors,
                "messages": [],
                "result": null,
            });
            let status = StatusCode::from_u16(failure.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = (status, axum::Json(body)).into_response();
            if let Some(seconds) = failure.retry_after {
                let seconds = HeaderValue::from(seconds);
                answer.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            answer
        }
    }
}
