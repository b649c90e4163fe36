//! `/api/v1/kill-switch`: stops every change at once, for owners.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use homelab_core::call::{CredentialKind, Principal};
use homelab_core::error::{Code, ToolError, ToolResult};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Rest;
use super::approvals::service;
use crate::transport::{Identity, body, reply};

/// The routes; authentication is in front of them.
pub(crate) fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/api/v1/kill-switch", get(show).post(turn))
        .with_state(rest)
}

/// `{"state": "on" | "off", "reason"?}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    state: Wanted,
    reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    On,
    Off,
}

async fn show(State(rest): State<Arc<Rest>>) -> Response {
    answer(async { service(&rest)?.kill_switch().await }.await)
}

async fn turn(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    let body = match body::read(request.into_body(), rest.max_body).await {
        Ok(body) => body,
        Err(unread) => return unread.response(),
    };
    answer(turned(&rest, &identity.principal, &body).await)
}

async fn turned(rest: &Rest, caller: &Principal, body: &[u8]) -> ToolResult<bool> {
    if caller.kind != CredentialKind::Owner {
        return Err(ToolError::new(
            Code::PermissionDenied,
            "only an owner key turns the kill switch",
        )
        .reason("not_an_owner"));
    }
    let turn: Turn = serde_json::from_slice(body).map_err(|error| {
        ToolError::invalid("body", error.to_string())
            .hint("send {\"state\": \"on\" or \"off\", \"reason\": \"…\"}")
    })?;
    let service = service(rest)?;
    let on = turn.state == Wanted::On;
    service
        .turn_kill_switch(on, caller, turn.reason.as_deref())
        .await?;
    service.kill_switch().await
}

fn answer(on: ToolResult<bool>) -> Response {
    match on {
        Ok(on) => {
            let state = if on { "on" } else { "off" };
            reply::json(StatusCode::OK, &json!({ "kill_switch": state }))
        }
        Err(error) => reply::refusal(reply::status_of(error.code()), &error),
    }
}
