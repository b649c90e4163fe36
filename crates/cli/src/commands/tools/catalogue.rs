//! A tool as the command line shows it.

use homelab_core::policy::{Role, role_default};
use homelab_core::schema::Schema;
use homelab_core::server::{ListedTool, aggregated_name};
use homelab_core::tool::{Annotations, ToolInfo};
use homelab_gateway::approval::{Control, KIND as CONTROL};
use serde::Serialize;

use crate::servers;

/// One tool of one kind of server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Kind of server.
    pub(crate) server: &'static str,
    /// Name at `/servers/<server>/mcp`.
    pub(crate) name: &'static str,
    /// Name at `/mcp`.
    pub(crate) aggregated_name: String,
    /// Short title.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) description: &'static str,
    /// JSON Schema of its arguments.
    pub(crate) input_schema: Schema,
    /// JSON Schema of its result.
    pub(crate) output_schema: Schema,
    /// MCP hints.
    pub(crate) annotations: Annotations,
    /// What a role or key has to permit.
    pub(crate) permission: &'static str,
    /// What happens with a call of it unless a rule says otherwise: `allow`, `confirm`, `approve`.
    pub(crate) approval: &'static str,
    /// Whether its result holds secrets, which only `admin` may read.
    #[serde(skip)]
    pub(crate) secret: bool,
    /// `read`, `write`, `destructive` or `critical`.
    #[serde(skip)]
    pub(crate) effect: &'static str,
}

impl Entry {
    /// A tool as its kind states it.
    pub(crate) fn of(kind: &'static str, info: &ToolInfo) -> Self {
        let spec = &info.spec;
        Self {
            server: kind,
            name: spec.name,
            aggregated_name: aggregated_name(kind, spec),
            title: spec.title,
            description: spec.description,
            input_schema: info.input_schema.clone(),
            output_schema: info.output_schema.clone(),
            annotations: spec.annotations(),
            permission: spec.permission,
            approval: role_default(Role::Admin, spec).as_str(),
            secret: spec.secret,
            effect: spec.effect.as_str(),
        }
    }

    /// A tool as an endpoint lists it.
    pub(crate) fn listed(tool: &ListedTool) -> Self {
        Self {
            input_schema: tool.input_schema.clone(),
            ..Self::of(tool.kind, &tool.info)
        }
    }
}

/// Every tool that is compiled in, configured or not, in a fixed order.
pub(crate) fn everything() -> Vec<Entry> {
    let mut entries = Vec::new();
    for kind in servers::kinds() {
        let tools = kind.catalogue();
        entries.extend(tools.iter().map(|info| Entry::of(kind.name, info)));
    }
    // What every endpoint has besides.
    let tools = Control::catalogue();
    entries.extend(tools.iter().map(|info| Entry::of(CONTROL, info)));
    entries
}
