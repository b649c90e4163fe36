//! Who may: the look at role and patterns that hides a tool, the kill switch, and the decision.

use homelab_core::call::{Principal, Transport};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decision, role_default};
use homelab_core::store::{KILL_SWITCH, Settings};
use homelab_core::tool::{Effect, ToolSpec};

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
    match decision {
        Decision::Allow => Ok(()),
        Decision::Confirm | Decision::Approve if transport == Transport::Cli => Ok(()),
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
