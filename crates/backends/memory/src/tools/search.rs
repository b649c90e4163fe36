//! Finding memories.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use homelab_memory::{SearchAnswer, SearchRequest};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::moment;
use crate::client::Memory;

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchMemories {
    /// A question or words; addresses, host names, paths and error codes are found exactly. Empty: the newest.
    #[schemars(length(max = 2000))]
    query: String,
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    user_id: Option<String>,
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    agent_id: Option<String>,
    /// Only with this label.
    #[schemars(length(min = 1, max = 128))]
    run_id: Option<String>,
    /// Conditions as mem0 writes them: `{"category": "fact"}`, `{"created_at": {"gte": "2026-01-01"}}`, `AND`, `OR`, `NOT`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32))]
    filters: Map<String, Value>,
    /// Memories at most; default 10.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Least relevance, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// What held at this moment or day, instead of now.
    #[schemars(length(max = 40))]
    as_of: Option<String>,
    /// Expired ones too.
    #[serde(default)]
    include_expired: bool,
    /// Say why each was found.
    #[serde(default)]
    explain: bool,
}

/// Recall what was learned, by meaning and by exact words, best first. A low `relevance` of all results means that nothing is known.
#[tool(
    read,
    permission = "memory:memory:read",
    title = "Recall",
    aggregated = "search_memories",
    untrusted("results.content", "results.metadata")
)]
pub(crate) async fn search_memories(
    memory: &Memory,
    args: SearchMemories,
    ctx: &CallContext,
) -> ToolResult<SearchAnswer> {
    let request = SearchRequest {
        query: args.query,
        user_id: args.user_id,
        agent_id: args.agent_id,
        run_id: args.run_id,
        filters: some(args.filters),
        limit: args.limit,
        threshold: args.threshold,
        as_of: moment("as_of", args.as_of.as_deref())?,
        include_expired: args.include_expired,
        explain: args.explain,
        ..SearchRequest::default()
    };
    memory.service().search(&memory.caller(ctx), &request).await
}

/// Conditions, if there are any.
pub(super) fn some(filters: Map<String, Value>) -> Option<Value> {
    (!filters.is_empty()).then(|| Value::Object(filters))
}
