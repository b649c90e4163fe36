//! Correcting, deleting, restoring and erasing.

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{About, Visible};
use homelab_core::tool::{Effect, Inverse, Preview, Target, tool};
use homelab_memory::{Deleted, Edit, Updated};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::Memory;
use crate::types::Thing;

/// What to change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMemory {
    /// Its id.
    #[schemars(length(min = 1, max = 64))]
    memory_id: String,
    /// New text; the old one stays in the history.
    #[schemars(length(min = 1, max = 16384))]
    content: Option<String>,
    /// New metadata, instead of all that was there; `category` counts here too.
    #[schemars(extend("maxProperties" = 64))]
    metadata: Option<Map<String, Value>>,
    /// New category.
    #[schemars(length(min = 1, max = 128))]
    category: Option<String>,
    /// New importance, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    importance: Option<f64>,
    /// New things of the lab that it is about, instead of all that were there.
    #[schemars(length(max = 16))]
    about: Option<Vec<Thing>>,
    /// Days from now until it is no longer told; 0 is never.
    #[schemars(range(min = 0, max = 36500))]
    ttl_days: Option<u32>,
    /// Why; kept in the history.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// Only if it is still at this version.
    #[schemars(range(min = 1, max = 1_000_000))]
    expected_version: Option<u32>,
    /// Bring back what it said at this version, instead of giving new values.
    #[schemars(range(min = 1, max = 1_000_000))]
    revert_to: Option<u32>,
    /// Take its deletion back, instead of giving new values.
    #[serde(default)]
    restore: bool,
}

impl UpdateMemory {
    /// Whether it gives new values.
    fn has_values(&self) -> bool {
        self.content.is_some()
            || self.metadata.is_some()
            || self.category.is_some()
            || self.importance.is_some()
            || self.about.is_some()
            || self.ttl_days.is_some()
    }

    /// # Errors
    /// `invalid_argument` for a call that means two things at once.
    fn check(&self) -> ToolResult<()> {
        let refused = |field: &str| {
            Err(
                ToolError::invalid(field, format!("`{field}` goes with no other change"))
                    .hint("make two calls of it"),
            )
        };
        if self.restore && (self.has_values() || self.revert_to.is_some()) {
            return refused("restore");
        }
        if self.revert_to.is_some() && self.has_values() {
            return refused("revert_to");
        }
        Ok(())
    }
}

/// Correct a memory, or bring back what it said before. Its history keeps every version.
#[tool(
    write,
    permission = "memory:memory:write",
    title = "Correct a memory",
    timeout = 60,
    sensitive_args("content", "metadata", "reason"),
    untrusted("memory.content", "memory.metadata"),
    targets = updated,
    inverse = undo_update
)]
pub(crate) async fn update_memory(
    memory: &Memory,
    args: UpdateMemory,
    ctx: &CallContext,
) -> ToolResult<Updated> {
    args.check()?;
    let caller = memory.caller(ctx);
    let service = memory.service();
    let (id, reason) = (args.memory_id, args.reason);
    if args.restore {
        let restored = service.restore(&caller, &id, reason.as_deref()).await?;
        return Ok(Updated {
            memory: restored.memory,
            embedding: None,
            masked: Vec::new(),
        });
    }
    let edit = match args.revert_to {
        Some(version) => memory.earlier(&caller, &id, version).await?,
        None => Edit {
            content: args.content,
            metadata: args.metadata,
            category: args.category,
            importance: args.importance,
            about: args
                .about
                .map(|all| all.into_iter().map(About::from).collect()),
            ttl_days: args.ttl_days,
            ..Edit::default()
        },
    };
    let edit = Edit {
        expected_version: args.expected_version,
        reason,
        ..edit
    };
    service.update(&caller, &id, edit).await
}

async fn updated(_: &Memory, args: &UpdateMemory) -> ToolResult<Vec<Target>> {
    Ok(vec![target(&args.memory_id)])
}

/// By number, so that no text stays in the record of calls when the memory is purged.
async fn undo_update(memory: &Memory, args: &UpdateMemory) -> ToolResult<Option<Inverse>> {
    if args.restore {
        return Ok(Some(Inverse {
            tool: "delete_memory".to_owned(),
            arguments: json!({ "memory_id": args.memory_id }),
        }));
    }
    let store = memory.service().store();
    // Hooks know no caller. What is found here is a number, and it is kept only where the call worked.
    let now = store.get(&Visible::Everything, &args.memory_id).await?;
    Ok(now.map(|now| Inverse {
        tool: "update_memory".to_owned(),
        arguments: json!({ "memory_id": args.memory_id, "revert_to": now.version }),
    }))
}

/// Which memory to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteMemory {
    /// Its id.
    #[schemars(length(min = 1, max = 64))]
    memory_id: String,
    /// Why; kept in the history.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// Erase it with its history, vectors and old versions, for good: for secrets stored by mistake.
    #[serde(default)]
    purge: bool,
}

/// Forget a memory. It can be restored with `update_memory`, unless `purge` erases every trace of it.
#[tool(
    destructive,
    permission = "memory:memory:delete",
    title = "Forget a memory",
    sensitive_args("reason"),
    effect = how_grave,
    preview = preview_delete,
    targets = deleted,
    inverse = undo_delete
)]
pub(crate) async fn delete_memory(
    memory: &Memory,
    args: DeleteMemory,
    ctx: &CallContext,
) -> ToolResult<Deleted> {
    let caller = memory.caller(ctx);
    let reason = args.reason.as_deref();
    memory
        .service()
        .delete(&caller, &args.memory_id, reason, args.purge)
        .await
}

fn how_grave(_: &Memory, args: &DeleteMemory) -> Effect {
    if args.purge {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

/// From the arguments alone: hooks know no caller, and whether there is such a memory is for its owner to know.
async fn preview_delete(_: &Memory, args: &DeleteMemory) -> ToolResult<Preview> {
    let id = &args.memory_id;
    Ok(if args.purge {
        Preview {
            summary: format!("erase the memory `{id}` for good"),
            changes: Vec::new(),
            impact: vec!["its history, its old versions and its vectors go too".to_owned()],
        }
    } else {
        Preview {
            summary: format!("forget the memory `{id}`; it can be restored"),
            changes: Vec::new(),
            impact: Vec::new(),
        }
    })
}

async fn deleted(_: &Memory, args: &DeleteMemory) -> ToolResult<Vec<Target>> {
    Ok(vec![target(&args.memory_id)])
}

async fn undo_delete(_: &Memory, args: &DeleteMemory) -> ToolResult<Option<Inverse>> {
    Ok((!args.purge).then(|| Inverse {
        tool: "update_memory".to_owned(),
        arguments: json!({ "memory_id": args.memory_id, "restore": true }),
    }))
}

fn target(id: &str) -> Target {
    Target {
        kind: "memory".to_owned(),
        id: id.to_owned(),
        name: None,
        tags: Vec::new(),
    }
}
