//! Answers in Traefik's dialect.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

/// A page of a list. The next page is 1 when there is none.
pub(super) fn page(rows: &[Value], next: usize) -> Response<Body> {
    let next = [("X-Next-Page", next.to_string())];
    (next, axum::Json(rows)).into_response()
}

pub(super) fn one(value: &Value) -> Response<Body> {
    axum::Json(value).into_response()
}

/// JSON that says it is text.
pub(super) fn error(status: u16, message: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let body = format!("{}\n", json!({ "message": message }));
    (status, kind, body).into_response()
}
