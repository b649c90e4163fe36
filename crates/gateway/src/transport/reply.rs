//! Answers that are made here and not by a tool: refusals, always as JSON.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use homelab_core::error::{Code, ToolError};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use rmcp::ErrorData;
use rmcp::model::{JsonRpcError, RequestId};
use serde::Serialize;

/// A value as JSON with this status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(status, body),
        // Nothing that is sent has keys other than strings.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The error envelope with this status.
pub(crate) fn refusal(status: StatusCode, error: &ToolError) -> Response {
    let mut response = json(status, error);
    if let Some(seconds) = error.envelope().retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The status that says what a tool's error says.
pub(crate) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::PermissionDenied | Code::ApprovalRequired | Code::ApprovalDenied => {
            StatusCode::FORBIDDEN
        }
        Code::Conflict => StatusCode::CONFLICT,
        Code::UpstreamUnreachable | Code::UpstreamUnauthorized | Code::UpstreamRejected => {
            StatusCode::BAD_GATEWAY
        }
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::NotConfigured => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Nothing is served under this path.
pub(crate) fn no_such_path() -> Response {
    let error = ToolError::not_found("nothing is served under this path")
        .hint("MCP is at `/mcp` and `/servers/<name>/mcp`");
    refusal(StatusCode::NOT_FOUND, &error)
}

/// The path is served, but not with this method; the header `Allow` says with which.
pub(crate) fn method_not_allowed() -> Response {
    let error = ToolError::new(
        Code::InvalidArgument,
        "this path does not take this HTTP method",
    );
    refusal(StatusCode::METHOD_NOT_ALLOWED, &error)
}

/// A session that does not exist, or is somebody else's: the client opens a new one.
pub(crate) fn no_such_session() -> Response {
    let error = ToolError::not_found("there is no such session").hint("open a new one");
    refusal(StatusCode::NOT_FOUND, &error)
}

/// A JSON-RPC error that answers what could not be read as a request.
pub(crate) fn rpc_error(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Response {
    json(status, &JsonRpcError::new(id, error))
}

/// The configuration has no server of that name.
pub(crate) fn no_such_server(name: &str) -> Response {
    let error = ToolError::not_found(format!("there is no server `{name}`"))
        .hint("`/mcp` has the tools of all servers");
    refusal(StatusCode::NOT_FOUND, &error)
}

/// The route is not behind authentication: a fault of ours.
pub(crate) fn no_caller() -> Response {
    let error = ToolError::internal("the request has no caller");
    refusal(StatusCode::INTERNAL_SERVER_ERROR, &error)
}
