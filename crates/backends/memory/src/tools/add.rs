//! Keeping something new.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::memory::About;
use homelab_core::tool::tool;
use homelab_memory::{AddAnswer, NewEntry, OnSimilar};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::moment;
use crate::client::Memory;
use crate::types::{Message, Thing};

/// What to keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddMemory {
    /// The text, understandable on its own; or `messages`.
    #[schemars(length(min = 1, max = 16384))]
    content: Option<String>,
    /// A conversation instead of `content`.
    #[serde(default)]
    #[schemars(length(max = 50))]
    messages: Vec<Message>,
    /// Whom it is about or for; default you.
    #[schemars(length(min = 1, max = 128))]
    user_id: Option<String>,
    /// Agent that learned it.
    #[schemars(length(min = 1, max = 128))]
    agent_id: Option<String>,
    /// Run in which it was learned.
    #[schemars(length(min = 1, max = 128))]
    run_id: Option<String>,
    /// Anything else to keep with it; `category` and `source` count here too.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64))]
    metadata: Map<String, Value>,
    /// `fact` (default), `preference`, `state` (told for 7 days), `runbook`, `incident`, or a word of your own.
    #[schemars(length(min = 1, max = 128))]
    category: Option<String>,
    /// 0 to 1; default 0.5.
    #[schemars(range(min = 0, max = 1))]
    importance: Option<f64>,
    /// Things of the lab that it is about.
    #[serde(default)]
    #[schemars(length(max = 16))]
    about: Vec<Thing>,
    /// Let the server's language model take the single facts out of it.
    #[serde(default)]
    infer: bool,
    /// Days until it is no longer told; 0 is never.
    #[schemars(range(min = 0, max = 36500))]
    ttl_days: Option<u32>,
    /// From when it holds, if not now.
    #[schemars(length(max = 40))]
    valid_from: Option<String>,
    /// Id of the memory whose place it takes.
    #[schemars(length(min = 1, max = 64))]
    supersedes: Option<String>,
    /// What to do where another memory says the same in other words; default `store`.
    on_similar: Option<Similar>,
}

/// See [`OnSimilar`].
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Similar {
    Store,
    Skip,
    Update,
}

/// Remember something for later sessions: a fact, preference, measured state, runbook or incident. A changed value is a new memory: name the old one in `supersedes`.
#[tool(
    write,
    permission = "memory:memory:write",
    title = "Remember",
    timeout = 180,
    sensitive_args("content", "messages", "metadata"),
    untrusted(
        "results.content",
        "results.similar.content",
        "results.change_of.content"
    )
)]
pub(crate) async fn add_memory(
    memory: &Memory,
    args: AddMemory,
    ctx: &CallContext,
) -> ToolResult<AddAnswer> {
    let entry = NewEntry {
        messages: args.messages.into_iter().map(Into::into).collect(),
        about: args.about.into_iter().map(About::from).collect(),
        valid_from: moment("valid_from", args.valid_from.as_deref())?,
        on_similar: match args.on_similar.unwrap_or(Similar::Store) {
            Similar::Store => OnSimilar::Store,
            Similar::Skip => OnSimilar::Skip,
            Similar::Update => OnSimilar::Update,
        },
        content: args.content,
        user_id: args.user_id,
        agent_id: args.agent_id,
        run_id: args.run_id,
        metadata: args.metadata,
        category: args.category,
        importance: args.importance,
        ttl_days: args.ttl_days,
        infer: args.infer,
        supersedes: args.supersedes,
        ..NewEntry::default()
    };
    memory.service().add(&memory.caller(ctx), entry).await
}
