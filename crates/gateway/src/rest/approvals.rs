//! Held calls over plain HTTP, for the web page, chat bots and scripts.
//!
//! Every key sees the calls it made; owner keys see all and decide.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use homelab_core::approval::{Approval, Channel, State as Standing};
use homelab_core::call::CredentialKind;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::PageRequest;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Rest;
use crate::approval::{ApprovalService, Ballot};
use crate::transport::{Identity, body, reply};

/// The routes; authentication is in front of them.
pub(crate) fn routes(rest: Arc<Rest>) -> Router {
    Router::new()
        .route("/api/v1/approvals", get(list))
        .route("/api/v1/approvals/{id}", get(show))
        .route("/api/v1/approvals/{id}/decision", post(decide))
        .with_state(rest)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    state: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `{"decision": "approve" | "deny", "comment"?, "digest"}`: the digest is that of the approval as it
/// was shown, so that what was read is what is decided on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ruling {
    #[serde(rename = "decision")]
    word: Word,
    comment: Option<String>,
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Approve,
    Deny,
}

/// An approval with its plan in words.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    approval: Approval,
    plan: String,
}

impl From<Approval> for Shown {
    fn from(approval: Approval) -> Self {
        let plan = approval.plan();
        Self { approval, plan }
    }
}

async fn list(
    State(rest): State<Arc<Rest>>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    let found = async {
        let state = wanted.state.as_deref().map(standing).transpose()?;
        let page = PageRequest::from_args(wanted.limit, wanted.cursor.as_deref())?;
        let caller = &identity.principal;
        service(&rest)?.list(state, caller, &page).await
    };
    answer(found.await.map(|page| page.map(Shown::from)))
}

async fn show(State(rest): State<Arc<Rest>>, Path(id): Path<String>, request: Request) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    let found = async { service(&rest)?.get(&id, &identity.principal).await };
    answer(found.await.map(Shown::from))
}

async fn decide(
    State(rest): State<Arc<Rest>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        return reply::no_caller();
    };
    if identity.principal.kind != CredentialKind::Owner {
        let error = ToolError::new(
            Code::PermissionDenied,
            "only an owner key decides approvals",
        )
        .reason("not_an_owner");
        return reply::refusal(StatusCode::FORBIDDEN, &error);
    }
    let body = match body::read(request.into_body(), rest.max_body).await {
        Ok(body) => body,
        Err(unread) => return unread.response(),
    };
    let decided = async {
        let ruling: Ruling = serde_json::from_slice(&body).map_err(|error| {
            ToolError::invalid("body", error.to_string())
                .hint("send {\"decision\": \"approve\" or \"deny\", \"digest\": \"…\"}")
        })?;
        let ballot = Ballot {
            voter: &identity.principal,
            channel: Channel::Rest,
            approve: matches!(ruling.word, Word::Approve),
            comment: ruling.comment,
            digest: &ruling.digest,
        };
        Ok(service(&rest)?.vote(&id, ballot).await?)
    };
    answer(decided.await.map(Shown::from))
}

/// What moves held calls on, where they are held.
pub(super) fn service(rest: &Rest) -> ToolResult<&ApprovalService> {
    rest.approvals
        .as_deref()
        .ok_or_else(|| ToolError::not_found("this server holds no calls"))
}

fn standing(text: &str) -> ToolResult<Standing> {
    Standing::parse(text).ok_or_else(|| {
        let known: Vec<_> = Standing::ALL.iter().map(|state| state.as_str()).collect();
        ToolError::invalid("state", format!("unknown state `{text}`"))
            .hint(format!("use one of {}", known.join(", ")))
    })
}

fn answer(result: ToolResult<impl Serialize>) -> Response {
    match result {
        Ok(found) => reply::json(StatusCode::OK, &json!(found)),
        Err(error) => reply::refusal(reply::status_of(error.code()), &error),
    }
}
