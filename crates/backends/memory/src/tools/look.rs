//! One memory, its history, and lists.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::memory::Order;
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::tool;
use homelab_memory::{History, ListRequest, Told};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::search::some;
use crate::client::Memory;

/// Which memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetMemory {
    /// Its id.
    #[schemars(length(min = 1, max = 64))]
    memory_id: String,
}

/// Read one memory whole, by its id; a deleted one too.
#[tool(
    read,
    permission = "memory:memory:read",
    title = "Read a memory",
    untrusted("content", "metadata")
)]
pub(crate) async fn get_memory(
    memory: &Memory,
    args: GetMemory,
    ctx: &CallContext,
) -> ToolResult<Told> {
    let caller = memory.caller(ctx);
    memory.service().get(&caller, &args.memory_id).await
}

/// Which memories.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListMemories {
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    user_id: Option<String>,
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    agent_id: Option<String>,
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    run_id: Option<String>,
    /// Conditions, as in `search_memories`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32))]
    filters: Map<String, Value>,
    /// Memories at most; default 50.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
    /// Default `newest`.
    order: Option<Order>,
}

/// List memories without a question, newest first; long texts are cut.
#[tool(
    read,
    permission = "memory:memory:read",
    title = "List memories",
    aggregated = "list_memories",
    untrusted("items.content", "items.metadata")
)]
pub(crate) async fn list_memories(
    memory: &Memory,
    args: ListMemories,
    ctx: &CallContext,
) -> ToolResult<Page<Told>> {
    let request = ListRequest {
        user_id: args.user_id,
        agent_id: args.agent_id,
        run_id: args.run_id,
        filters: some(args.filters),
        order: args.order.unwrap_or_default(),
        limit: Some(args.limit.unwrap_or(50)),
        cursor: args.cursor,
        ..ListRequest::default()
    };
    memory.service().list(&memory.caller(ctx), &request).await
}

/// Whose history.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetMemoryHistory {
    /// The memory's id.
    #[schemars(length(min = 1, max = 64))]
    memory_id: String,
    /// Lines at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// Read what happened to a memory: who changed it, when, why, and what it said before.
#[tool(
    read,
    permission = "memory:memory:read",
    title = "History of a memory",
    untrusted(
        "items.old_content",
        "items.new_content",
        "items.old_metadata",
        "items.new_metadata",
        "items.reason"
    )
)]
pub(crate) async fn get_memory_history(
    memory: &Memory,
    args: GetMemoryHistory,
    ctx: &CallContext,
) -> ToolResult<History> {
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let caller = memory.caller(ctx);
    memory
        .service()
        .history(&caller, &args.memory_id, &page)
        .await
}
