//! Who may: the look at role and patterns that hides a tool, the kill switch, and the decision.

use async_trait::async_trait;
use homelab_core::call::{Principal, Transport};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decision, role_default, without_approvals};
use homelab_core::store::{KILL_SWITCH, Settings};
use homelab_core::tool::{Effect, Target, ToolSpec};
use serde_json::Value;

use super::catalogue::{Entry, Place};

/// Whether the caller may know of this tool at this instance.
pub(super) fn may_see(principal: &Principal, entry: &Entry, place: &Place) -> bool {
    if role_default(principal.role, entry.spec()) == Decision::Deny {
        return false;
    }
    let grants = &principal.grants;
    if grants.allow.is_empty() && grants.deny.is_empty() {
        return true;
    }
    grants.permit(&[
        entry.spec().name,
        &entry.aggregated,
        entry.spec().permission,
        &entry.of_kind,
        &place.qualified,
    ])
}

/// What is asked of [`Decide`].
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// Through which door.
    pub transport: Transport,
    /// For which tool.
    pub spec: &'a ToolSpec,
    /// Of which kind.
    pub kind: &'a str,
    /// At which instance.
    pub instance: &'a str,
    /// With which arguments, normalised.
    pub arguments: &'a Value,
    /// The objects it will touch; empty for reads.
    pub targets: &'a [Target],
}

/// Decides on calls that the caller's role and patterns allow in principle.
#[async_trait]
pub trait Decide: Send + Sync {
    /// The decision on one call.
    ///
    /// # Errors
    /// When it cannot be decided; the call does not run then.
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Decision>;
}

/// The role's default, without any rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoleDefaults;

#[async_trait]
impl Decide for RoleDefaults {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Decision> {
        Ok(role_default(question.principal.role, question.spec))
    }
}

/// Refuses while the kill switch is on.
///
/// Read on each change and kept nowhere, because other processes turn it. Anything but a clear "off"
/// stops the change.
pub(super) async fn kill_switch(settings: &dyn Settings) -> ToolResult<()> {
    let value = settings.get(KILL_SWITCH).await.map_err(|error| {
        tracing::error!(%error, "the kill switch cannot be read");
        ToolError::new(
            Code::UpstreamUnreachable,
            "the kill switch cannot be read, so nothing is changed",
        )
        .reason("database_unavailable")
        .hint("run `homelab-mcp doctor` to see what is wrong with the database")
    })?;
    match value.as_deref() {
        None | Some("off") => Ok(()),
        Some(_) => Err(ToolError::new(
            Code::PermissionDenied,
            "the kill switch is on: nothing may be changed",
        )
        .reason("kill_switch")
        .hint("the owner ends this with `homelab-mcp kill-switch off`; reads still work")),
    }
}

/// What the decision means for the call now.
pub(super) fn enforce(
    decision: Decision,
    transport: Transport,
    spec: &ToolSpec,
    listed_name: &str,
) -> ToolResult<()> {
    match without_approvals(decision, transport) {
        Decision::Allow => Ok(()),
        Decision::Deny => Err(ToolError::new(
            Code::PermissionDenied,
            format!("you may not call `{listed_name}` like this"),
        )
        .reason("denied")),
        // Code `approval_required` is kept for calls that wait for somebody; this one does not.
        held @ (Decision::Confirm | Decision::Approve) => Err(ToolError::new(
            Code::PermissionDenied,
            format!(
                "`{listed_name}` is {} and {}, which only the command line can do yet",
                spec.effect.as_str(),
                if held == Decision::Confirm {
                    "has to be confirmed by a person"
                } else {
                    "has to be approved by the owner"
                },
            ),
        )
        .reason("approval_not_available")
        .hint(format!(
            "ask the user to run `homelab-mcp tools call {listed_name} --args '…'` in a terminal"
        ))),
    }
}

/// Whether a call changes anything.
pub(super) fn changes(spec: &ToolSpec) -> bool {
    spec.effect != Effect::Read
}
