//! Bringing the inventory up to date from the servers.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Effect, tool};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::Homelab;
use crate::sync::SyncReport;

/// What to take over.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyncInventory {
    /// Only from these servers, by instance name; all that you may read otherwise.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 64)))]
    servers: Option<Vec<String>>,
    /// Only show what would change.
    dry_run: bool,
}

/// Bring the inventory up to date from what the servers know: hosts, guests, containers, ports, addresses. Fields entered by hand stay; what is gone is marked, not deleted. `dry_run` shows the difference.
///
/// Repeating it changes nothing more. Source: `Backend::facts` of each server.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "homelab:inventory:sync",
    title = "Sync the inventory",
    timeout = 150,
    effect = sync_effect,
    untrusted(
        "created.*.name",
        "created.*.changes.*.to",
        "updated.*.name",
        "updated.*.changes.*.to",
        "kept.*.seen",
        "vanished.*.name",
        "sources.*.gaps"
    )
)]
pub(crate) async fn homelab_sync_inventory(
    lab: &Homelab,
    args: SyncInventory,
    ctx: &CallContext,
) -> ToolResult<SyncReport> {
    lab.sync(ctx, args.servers, args.dry_run).await
}

fn sync_effect(_lab: &Homelab, args: &SyncInventory) -> Effect {
    if args.dry_run {
        Effect::Read
    } else {
        Effect::Write
    }
}
