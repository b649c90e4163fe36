//! What all handlers and doors share.

use std::sync::Arc;

use homelab_core::call::{
    CallContext, Caller, Confirmer, CredentialKind, Principal, Progress, Transport,
};
use homelab_core::clock::{Clock, Entropy};
use homelab_core::id::{RequestId, uuid_v7};
use homelab_core::policy::Role;
use homelab_core::server::Endpoint;
use rmcp::model::ErrorCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::changes::ToolListChanges;
use super::elicit::Sealer;
use crate::metrics::{Metrics, Operation};
use crate::transport::Identity;

/// Name of this server in handshakes and results.
pub(super) const SERVER_NAME: &str = "homelab-mcp";
/// Its title.
pub(super) const SERVER_TITLE: &str = "Home lab";
/// Its version.
pub(super) const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where results of the newer revisions say which server made them.
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What every handler shares.
#[derive(Clone)]
pub struct HandlerParts {
    /// Runs and lists the tools.
    pub caller: Arc<dyn Caller>,
    /// Counts and measures.
    pub metrics: Arc<Metrics>,
    /// Announces that the list of tools changed.
    pub changes: ToolListChanges,
    /// Time of the ids made here.
    pub clock: Arc<dyn Clock>,
    /// Randomness of the ids made here.
    pub entropy: Arc<dyn Entropy>,
    /// Ends streams that would otherwise last for ever.
    pub shutdown: CancellationToken,
    /// Seals what clients carry between the rounds of a question.
    pub sealer: Sealer,
    /// Whether `/mcp` lists output schemas too; they double the size of the list.
    pub output_schemas_in_aggregate: bool,
}

impl HandlerParts {
    /// A new request id.
    pub(crate) fn request_id(&self) -> RequestId {
        RequestId::new(uuid_v7(self.clock.as_ref(), self.entropy.as_ref()))
    }

    /// Counts one message that was served.
    pub(super) fn served(&self, message: &Served<'_>) {
        let operation = Operation {
            method: message.method,
            tool: message.tool,
            error_type: message.error,
            transport: message.transport,
            revision: message.revision,
        };
        self.metrics.operation(operation, message.since.elapsed());
    }

    /// Whether this endpoint's listing states output schemas.
    pub(super) fn lists_output_schemas(&self, endpoint: &Endpoint) -> bool {
        *endpoint != Endpoint::All || self.output_schemas_in_aggregate
    }
}

/// A message that was served, as it is counted.
pub(super) struct Served<'a> {
    pub(super) method: &'static str,
    pub(super) tool: Option<&'a str>,
    pub(super) revision: &'a str,
    pub(super) transport: Transport,
    pub(super) error: Option<&'static str>,
    pub(super) since: Instant,
}

/// The label of a result that says `isError`.
pub(super) const TOOL_ERROR: &str = "tool_error";
/// The label of a refusal of wrong parameters, an unknown tool's among them.
pub(super) const INVALID_PARAMS: &str = "-32602";

/// The label of a protocol error.
pub(super) fn label(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::INVALID_PARAMS => INVALID_PARAMS,
        ErrorCode::METHOD_NOT_FOUND => "-32601",
        _ => "-32603",
    }
}

/// A call's context; the pipeline sets the deadline from the tool's own limit.
pub(crate) fn call_context(
    identity: Identity,
    transport: Transport,
    session: Option<Arc<str>>,
    cancel: CancellationToken,
    progress: Progress,
) -> CallContext {
    CallContext {
        principal: identity.principal,
        request_id: identity.request_id,
        transport,
        session,
        peer: identity.peer,
        deadline: None,
        cancel,
        progress,
        confirm: Confirmer::default(),
    }
}

/// Sees every tool, to read schemas for header checks; it never calls one.
pub(super) fn surveyor() -> Principal {
    Principal::new("gateway", "gateway", CredentialKind::Local, Role::Admin)
}
