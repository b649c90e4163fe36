//! Who is there.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{AgentCreate, AgentFilter, AgentKind, AgentStatus, Metadata};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page;
use crate::team::Team;
use crate::types::{AgentRow, Rows, Told};

/// Which agents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAgents {
    /// Only those that stand like this.
    status: Option<AgentStatus>,
    /// Only those of this type.
    #[serde(rename = "type")]
    kind: Option<AgentKind>,
    /// Rows at most; default 20.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 512))]
    cursor: Option<String>,
}

/// List the agents that can be written to and given tasks, with type, status and when they were last seen.
#[tool(
    read,
    permission = "ccpm:agent:read",
    title = "List agents",
    untrusted("items.description", "items.capabilities")
)]
pub(crate) async fn ccpm_list_agents(
    team: &Team,
    args: ListAgents,
    ctx: &CallContext,
) -> ToolResult<Told<Rows<AgentRow>>> {
    let asked = team.asked(ctx).await?;
    let filter = AgentFilter {
        status: args.status,
        kind: args.kind,
        name: None,
    };
    let page = page(args.limit, args.cursor);
    let agents = asked
        .service()
        .list_agents(&asked.call, &filter, &page)
        .await;
    asked
        .tell(agents.map(|agents| Rows::of(agents, AgentRow::from)))
        .await
}

/// A new agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterAgent {
    /// Its name: letters, digits, `.`, `_`, `-`; unique without case. The name of your key makes it yours.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: AgentKind,
    /// A short mark of its own.
    #[schemars(length(max = 32))]
    tag: Option<String>,
    /// What it does.
    #[schemars(length(max = 500))]
    description: Option<String>,
    /// What it can do.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 64)))]
    capabilities: Vec<String>,
}

/// A registered agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Registered {
    agent: AgentRow,
    /// Whether it is new; false if there was one of this name and type.
    created: bool,
}

/// Register an agent by name; one that is there already is returned as it is.
#[tool(
    write,
    idempotent,
    permission = "ccpm:agent:register",
    title = "Register an agent"
)]
pub(crate) async fn ccpm_register_agent(
    team: &Team,
    args: RegisterAgent,
    ctx: &CallContext,
) -> ToolResult<Told<Registered>> {
    let asked = team.asked(ctx).await?;
    let new = AgentCreate {
        id: None,
        name: args.name,
        tag: args.tag,
        kind: args.kind,
        description: args.description,
        capabilities: args.capabilities,
        metadata: Metadata::new(),
    };
    let done = asked.service().register_agent(&asked.call, new).await;
    // It may be the caller's own from now on.
    let asked = team.asked(ctx).await?;
    asked
        .tell(done.map(|done| Registered {
            agent: done.value.into(),
            created: done.created,
        }))
        .await
}
