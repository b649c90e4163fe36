//! Answers in Proxmox VE's dialect.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value, json};

use super::Release;

/// A right answer: what stands under `data`, and what beside it.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) data: Value,
    pub(super) total: Option<usize>,
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) text: String,
    /// By parameter.
    pub(super) errors: Map<String, Value>,
    /// A client that gets it sent something outside the contract.
    pub(super) unexpected: bool,
}

pub(super) type Answer = Result<Reply, Failure>;

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self { data, total: None }
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Value::from(text).into()
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
            errors: Map::new(),
            unexpected: false,
        }
    }

    /// 500, which it answers for most things.
    pub(super) fn died(text: impl Into<String>) -> Self {
        Self::new(500, text)
    }

    /// 403, with what is missing where.
    pub(super) fn forbidden(path: &str, privileges: &[&str]) -> Self {
        let privileges = privileges.join("|");
        Self::new(
            403,
            format!("Permission check failed ({path}, {privileges})"),
        )
    }

    /// 400, with one wrong parameter.
    pub(super) fn parameter(name: &str, text: impl Into<String>) -> Self {
        Self::parameters(Map::from_iter([(
            name.to_owned(),
            Value::from(text.into()),
        )]))
    }

    pub(super) fn parameters(errors: Map<String, Value>) -> Self {
        Self {
            errors,
            ..Self::new(400, "Parameter verification failed.")
        }
    }

    pub(super) fn outside_the_contract(self) -> Self {
        Self {
            unexpected: true,
            ..self
        }
    }
}

/// The answer as it goes over the wire.
pub(super) fn write(answer: Answer, release: Release, numbers_as_text: bool) -> Response<Body> {
    match answer {
        Ok(mut reply) => {
            if numbers_as_text {
                as_text(&mut reply.data);
            }
            let mut body = json!({ "data": reply.data });
            if let Some(total) = reply.total {
                body["total"] = json!(total);
            }
            respond(200, &body, None)
        }
        Err(failure) => {
            let mut body = json!({ "data": null });
            // The text stands in the reason phrase alone before 8.4.
            if release >= Release::V8_4 {
                body["message"] = json!(format!("{}\n", failure.text));
            }
            if !failure.errors.is_empty() {
                body["errors"] = Value::Object(failure.errors);
            }
            respond(failure.status, &body, Some(&failure.text))
        }
    }
}

fn respond(status: u16, body: &Value, reason: Option<&str>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
    let mut answer = (status, kind, body.to_string()).into_response();
    let first_line = reason.and_then(|text| text.lines().next());
    let reason = first_line.and_then(|line| ReasonPhrase::try_from(line.as_bytes()).ok());
    if let Some(reason) = reason {
        answer.extensions_mut().insert(reason);
    }
    answer
}

/// Numbers of some names become text, as older releases send them.
fn as_text(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(as_text),
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                let sometimes = matches!(name.as_str(), "vmid" | "pid" | "mem" | "maxmem");
                if sometimes && value.is_number() {
                    *value = Value::String(value.to_string());
                } else {
                    as_text(value);
                }
            }
        }
        _ => {}
    }
}
