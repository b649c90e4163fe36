//! The CCPM contract over REST: agents, messages, tasks, sprints and session reports for programs
//! that speak no MCP, and for other servers of ours in remote mode.
//!
//! [`operations`] is the one table of what is served; the router, the checks and the published
//! document follow from it.

mod agents;
mod answer;
mod document;
mod input;
mod messages;
mod operations;
mod sessions;
mod sprints;
mod tasks;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use homelab_ccpm::{Actor, Call, Ccpm, Identities};
use homelab_core::call::{CallContext, Principal, Progress, Transport};
use homelab_core::ccpm::{Agent, CcpmCode, CcpmError, CcpmResult};
use homelab_core::error::{Code, ToolError};
use homelab_core::id::RequestId;
use tokio_util::sync::CancellationToken;

use crate::mcp::call_context;
use crate::pipeline::{Deed, Gate};
use crate::transport::edge::{self, Edge};
use crate::transport::{Identity, detach};
use answer::Reply;
use input::Input;
use operations::Operation;

/// What the routes need.
#[derive(Clone)]
pub struct CcpmDoor {
    /// The service.
    pub service: Arc<dyn Ccpm>,
    /// Which agent each caller is; may be replaced at any time.
    pub identities: Arc<ArcSwap<Identities>>,
    /// Decides and records.
    pub gate: Gate,
    /// Name of the instance, in rules and records.
    pub instance: Arc<str>,
}

/// One request that may be served.
struct Asked {
    service: Arc<dyn Ccpm>,
    call: Call,
    input: Input,
}

/// The routes, with authentication in front of them; all their errors have the contract's form.
pub(crate) fn routes(door: Arc<CcpmDoor>, edge: Arc<Edge>) -> Router {
    let mut router: Router<Arc<CcpmDoor>> = Router::new();
    let mut paths: Vec<&'static str> = operations::all().map(|one| one.path).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let mut methods = MethodRouter::new();
        for operation in operations::all().filter(|one| one.path == path) {
            methods = methods.on(
                operation.method.filter(),
                move |state, parameters, request| serve(operation, state, parameters, request),
            );
        }
        router = router.route(path, methods.fallback(answer::wrong_method));
    }
    router
        .route(document::PATH, get(document::serve))
        .with_state(door)
        .route_layer(from_fn_with_state(edge, edge::authenticate))
        .route_layer(from_fn(answer::in_the_contracts_form))
}

async fn serve(
    operation: &'static Operation,
    State(door): State<Arc<CcpmDoor>>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let Some(identity) = Identity::of(request.extensions()) else {
        let error = ToolError::internal("the request has no caller");
        return answer::refused(&error, &RequestId::new(""));
    };
    let id = identity.request_id.clone();
    let input = match Input::read(operation, parameters, request).await {
        Ok(input) => input,
        Err(error) => return answer::failed(&error, &id),
    };
    let cancel = CancellationToken::new();
    let context = call_context(identity, Transport::Rest, None, cancel, Progress::default());
    // A change that has begun ends and is recorded, also when its client goes away.
    let passed = detach(async move { pass(&door, operation, &context, input).await }).await;
    match passed {
        Ok(Ok(reply)) => reply.response(operation),
        Ok(Err(error)) => answer::failed(&error, &id),
        Err(error) => answer::refused(&error, &id),
    }
}

async fn pass(
    door: &CcpmDoor,
    operation: &'static Operation,
    context: &CallContext,
    input: Input,
) -> Result<CcpmResult<Reply>, ToolError> {
    let deed = Deed {
        spec: &operation.spec,
        kind: homelab_ccpm::KIND,
        instance: &door.instance,
        context,
        arguments: input.arguments(operation),
    };
    let work = async {
        let result = async {
            let actor = door
                .actor(&context.principal, input.agent.as_deref())
                .await?;
            let call = Call {
                actor,
                idempotency_key: input.idempotency_key.clone(),
            };
            let asked = Asked {
                service: Arc::clone(&door.service),
                call,
                input,
            };
            (operation.run)(asked).await
        }
        .await;
        let failed = result.as_ref().err().cloned().map(ToolError::from);
        (result, failed)
    };
    door.gate.pass(&deed, work).await
}

impl CcpmDoor {
    /// The caller as its own agent, or as the one that the request names.
    async fn actor(&self, principal: &Principal, wanted: Option<&str>) -> CcpmResult<Actor> {
        let identities = self.identities.load_full();
        let own = self.find(identities.agent_of(principal)).await?;
        let Some(wanted) = wanted else {
            return Ok(identities.actor(principal, own.as_ref()));
        };
        match self.find(wanted).await? {
            Some(agent) => identities.acting_as(principal, own.as_ref(), &agent),
            None => Err(CcpmError::new(
                CcpmCode::Forbidden,
                "`X-Agent-Id` names no agent that this token may act for",
            )
            .hint("register the agent, or leave the header out")),
        }
    }

    async fn find(&self, name: &str) -> CcpmResult<Option<Agent>> {
        let looking = Call::by(Actor {
            principal: "homelab-mcp".to_owned(),
            ..Actor::default()
        });
        match self.service.agent(&looking, name).await {
            Ok(agent) => Ok(Some(agent)),
            Err(error) if error.status() < 500 => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The contract's code for an error of ours.
fn code_of(code: Code) -> CcpmCode {
    match code {
        Code::InvalidArgument => CcpmCode::ValidationFailed,
        Code::NotFound => CcpmCode::NotFound,
        Code::PermissionDenied | Code::ApprovalRequired | Code::ApprovalDenied => {
            CcpmCode::Forbidden
        }
        Code::Conflict => CcpmCode::Conflict,
        Code::RateLimited => CcpmCode::RateLimited,
        Code::UpstreamUnreachable | Code::Timeout | Code::NotConfigured => CcpmCode::Unavailable,
        Code::UpstreamUnauthorized | Code::UpstreamRejected | Code::Internal => CcpmCode::Internal,
    }
}
