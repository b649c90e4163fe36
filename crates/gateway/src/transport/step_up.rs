//! Calls that need a scope which the caller's token lacks: HTTP 403 with a challenge that names it,
//! so that a client can ask its user for more (MCP, "Authorization", "Scope Challenge Handling").
//!
//! The pipeline refuses them too. This only says it in the way that clients act upon, where the
//! request is a call of its own and not a message of a session.

use std::sync::Arc;

use axum::response::Response;
use homelab_core::call::INSUFFICIENT_SCOPE;
use homelab_core::error::{Code, ToolError};
use homelab_core::policy::Scope;
use homelab_core::server::{Endpoint, aggregated_name};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::edge::{BeyondScope, Identity};
use super::endpoint::{PROTOCOL_VERSION, SESSIONLESS};
use super::reply;
use crate::mcp::HandlerParts;

/// Looks at the calls of one endpoint.
pub(crate) struct StepUp {
    parts: Arc<HandlerParts>,
    endpoint: Endpoint,
}

#[derive(Deserialize)]
struct Message {
    method: String,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    name: Option<String>,
}

impl StepUp {
    pub(crate) fn new(parts: Arc<HandlerParts>, endpoint: Endpoint) -> Self {
        Self { parts, endpoint }
    }

    /// The refusal of a call that the token's scopes do not cover; none for everything else. Costs
    /// nothing where the token may do all that its owner's role allows.
    pub(crate) fn needed(
        &self,
        identity: &Identity,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Response> {
        let scope = identity
            .principal
            .scope
            .filter(|scope| *scope < Scope::Admin)?;
        let version = headers.get(&PROTOCOL_VERSION)?.to_str().ok()?;
        if version < SESSIONLESS {
            return None;
        }
        let message: Message = serde_json::from_slice(body).ok()?;
        let name = message
            .params
            .filter(|_| message.method == "tools/call")?
            .name?;
        let listed = self
            .parts
            .caller
            .list(&self.endpoint, &identity.principal)
            .ok()?;
        let tool = listed.iter().find(|tool| {
            let spec = &tool.info.spec;
            tool.name == name || spec.name == name || aggregated_name(tool.kind, spec) == name
        })?;
        let needed = Scope::needed(&tool.info.spec);
        (scope < needed).then(|| refusal(&name, needed, identity))
    }
}

fn refusal(tool: &str, needed: Scope, identity: &Identity) -> Response {
    let error = ToolError::new(
        Code::PermissionDenied,
        format!(
            "the token's scopes do not cover `{tool}`: it needs the {} scope",
            needed.as_str()
        ),
    )
    .reason(INSUFFICIENT_SCOPE)
    .hint("sign in again and grant the scope")
    .request_id(identity.request_id.as_str());
    let mut response = reply::refusal(StatusCode::FORBIDDEN, &error);
    response.extensions_mut().insert(BeyondScope {
        needed,
        recorded: false,
    });
    response
}
