//! Summing up.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Effect, tool};
use homelab_memory::{SummaryAnswer, SummaryRequest};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::moment;
use super::search::some;
use crate::client::Memory;

/// What to sum up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SummarizeMemories {
    /// What it is to be about; default everything.
    #[schemars(length(max = 1000))]
    query: Option<String>,
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
    /// Only what was learned from this moment or day on.
    #[schemars(length(max = 40))]
    since: Option<String>,
    /// Only what was learned before it.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// Longest summary; default 500.
    #[schemars(range(min = 50, max = 4000))]
    max_tokens: Option<u32>,
    /// Keep it as a memory of the category `summary`; what it is made of stays.
    #[serde(default)]
    store: bool,
}

/// Sum up what is known, altogether or about something. Every line names the memories it comes from.
#[tool(
    write,
    permission = "memory:memory:read",
    title = "Sum up memories",
    aggregated = "summarize_memories",
    timeout = 300,
    effect = how_grave,
    untrusted("lines.text")
)]
pub(crate) async fn summarize_memories(
    memory: &Memory,
    args: SummarizeMemories,
    ctx: &CallContext,
) -> ToolResult<SummaryAnswer> {
    let request = SummaryRequest {
        query: args.query,
        user_id: args.user_id,
        agent_id: args.agent_id,
        run_id: args.run_id,
        filters: some(args.filters),
        since: moment("since", args.since.as_deref())?,
        until: moment("until", args.until.as_deref())?,
        max_tokens: args.max_tokens,
        store: args.store,
    };
    memory
        .service()
        .summarize(&memory.caller(ctx), &request)
        .await
}

fn how_grave(_: &Memory, args: &SummarizeMemories) -> Effect {
    if args.store {
        Effect::Write
    } else {
        Effect::Read
    }
}
