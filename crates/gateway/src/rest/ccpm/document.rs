//! The published description of the routes. It is data in this folder, and a test asserts that it says
//! what the table of operations and the types say; `cargo test -p homelab-gateway
//! write_the_document -- --ignored` writes it anew.

use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// Where it is served.
pub(super) const PATH: &str = "/api/openapi.json";

const DOCUMENT: &str = include_str!("openapi.json");

/// The description of the routes, OpenAPI 3.1.
pub(super) async fn serve() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests;
