//! Tools over plain HTTP, for scripts and workflow engines that speak no MCP.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use homelab_core::call::{
    Format, INSUFFICIENT_SCOPE, Principal, Progress, ToolCall, ToolReply, Transport,
};
use homelab_core::error::ToolError;
use homelab_core::policy::Scope;
use homelab_core::server::{Endpoint, ListedTool};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Rest;
use crate::mcp::call_context;
use crate::transport::http::named;
use crate::transport::{BeyondScope, Identity, body, detach, reply};

/// The routes; authentication is in front of them.
pub(crate) fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/api/v1/tools", get(all))
        .route("/api/v1/tools/{server}", get(of_server))
        .route("/api/v1/tools/{server}/{tool}", post(call))
        .with_state(rest)
}

/// Every tool this caller may see, under its name at `/mcp`.
async fn all(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    list(&rest, &Endpoint::All, &request)
}

/// The tools of one server, with the names that the call route takes.
async fn of_server(
    State(rest): State<Arc<Rest>>,
    Path(server): Path<String>,
    request: Request,
) -> Response {
    match named(&rest.registry.load(), &server) {
        Some(endpoint) => list(&rest, &endpoint, &request),
        None => reply::no_such_server(&server),
    }
}

fn list(rest: &Rest, endpoint: &Endpoint, request: &Request) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    match rest.parts.caller.list(endpoint, &identity.principal) {
        Ok(tools) => {
            let tools: Vec<_> = tools.iter().map(describe).collect();
            reply::json(StatusCode::OK, &json!({ "tools": tools }))
        }
        Err(error) => failure(&error),
    }
}

fn describe(tool: &ListedTool) -> Value {
    let spec = &tool.info.spec;
    json!({
        "server": tool.kind,
        "name": tool.name,
        "title": spec.title,
        "description": spec.description,
        "effect": spec.effect.as_str(),
        "permission": spec.permission,
        "annotations": spec.annotations(),
        "input_schema": &*tool.input_schema,
        "output_schema": &*tool.info.output_schema,
    })
}

/// Calls a tool: the body is its arguments as a JSON object (empty for none), the answer its
/// structured result, or text if `format` says so. A failure is the error envelope, with a fitting
/// status.
async fn call(
    State(rest): State<Arc<Rest>>,
    Path((server, tool)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    let Some(endpoint) = named(&rest.registry.load(), &server) else {
        return reply::no_such_server(&server);
    };
    let body = match body::read(request.into_body(), rest.max_body).await {
        Ok(body) => body,
        Err(unread) => return unread.response(),
    };
    let arguments = match arguments(&body) {
        Ok(arguments) => arguments,
        Err(error) => return failure(&error),
    };
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone().drop_guard();
    let principal = identity.principal.clone();
    let place = endpoint.clone();
    let context = call_context(identity, Transport::Rest, None, cancel, Progress::default());
    let tool_call = ToolCall {
        endpoint,
        name: tool,
        arguments,
        format: Format::default(),
        context,
    };
    let caller = rest.parts.caller.clone();
    let named = tool_call.name.clone();
    let outcome = detach(async move { caller.call(tool_call).await }).await;
    cancelled.disarm();
    match outcome {
        Ok(reply) => success(reply),
        Err(error) if error.envelope().reason.as_deref() == Some(INSUFFICIENT_SCOPE) => {
            let mut response = failure(&error);
            if let Some(needed) = needed_scope(&rest, &place, &principal, &named) {
                response.extensions_mut().insert(BeyondScope {
                    needed,
                    recorded: true,
                });
            }
            response
        }
        Err(error) => failure(&error),
    }
}

/// The scope that a tool needs, for the challenge.
fn needed_scope(rest: &Rest, at: &Endpoint, caller: &Principal, tool: &str) -> Option<Scope> {
    let listed = rest.parts.caller.list(at, caller).ok()?;
    let found = listed
        .iter()
        .find(|listed| listed.name == tool || listed.info.spec.name == tool)?;
    Some(Scope::needed(&found.info.spec))
}

fn arguments(body: &[u8]) -> Result<Map<String, Value>, ToolError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(ToolError::invalid("body", "the body is not a JSON object")),
        Err(error) => Err(ToolError::invalid(
            "body",
            format!("the body is not JSON: {error}"),
        )),
    }
    .map_err(|error: ToolError| error.hint("send the tool's arguments as one JSON object"))
}

fn success(reply: ToolReply) -> Response {
    match reply.format {
        Format::Json => reply::json(StatusCode::OK, &reply.structured),
        Format::Text => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(CONTENT_TYPE, kind)], reply.text).into_response()
        }
    }
}

fn failure(error: &ToolError) -> Response {
    reply::refusal(reply::status_of(error.code()), error)
}
