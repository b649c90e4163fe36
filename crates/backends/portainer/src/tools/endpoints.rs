//! Environments: the engines and clusters behind Portainer.

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stack::without_login;
use crate::client::Portainer;
use crate::types::Endpoint;
use crate::words::{EndpointStatus, EndpointType, time};
use homelab_backend::page::page;

/// Which environments.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListEndpoints {
    /// Only those with this text in their name.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    /// Only those that cannot be reached.
    only_down: bool,
    /// Most rows; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// An environment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EndpointRow {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: EndpointType,
    /// Of edge environments: whether they reported in time.
    pub(super) status: EndpointStatus,
    /// Where Portainer reaches it.
    pub(super) url: String,
    /// Where its published ports are reached, if that is set.
    pub(super) public_url: Option<String>,
    /// `docker` or `podman`.
    pub(super) engine: Option<String>,
    pub(super) agent_version: Option<String>,
    pub(super) group_id: Option<u64>,
    pub(super) tag_ids: Vec<u64>,
    /// When an edge environment reported last.
    pub(super) last_check_in: Option<Micros>,
}

/// List the environments (Docker engines, swarms, Kubernetes clusters) that Portainer manages, and which are down.
#[tool(
    read,
    open_world,
    permission = "portainer:endpoint:read",
    title = "List environments",
    timeout = 60
)]
pub(crate) async fn list_endpoints(
    portainer: &Portainer,
    args: ListEndpoints,
) -> ToolResult<Page<EndpointRow>> {
    let mut rows: Vec<EndpointRow> = portainer.endpoints().await?.into_iter().map(row).collect();
    if let Some(search) = &args.search {
        let search = search.to_lowercase();
        rows.retain(|row| row.name.to_lowercase().contains(&search));
    }
    if args.only_down {
        rows.retain(|row| row.status != EndpointStatus::Up);
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        format!("{:010}", row.id)
    })
}

pub(super) fn row(endpoint: Endpoint) -> EndpointRow {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    EndpointRow {
        kind: EndpointType::of(&endpoint),
        status: EndpointStatus::of(&endpoint),
        url: without_login(&endpoint.url),
        public_url: some(endpoint.public_url),
        engine: endpoint.container_engine.and_then(some),
        agent_version: endpoint.agent.version.and_then(some),
        group_id: endpoint.group_id,
        tag_ids: endpoint.tag_ids,
        last_check_in: time(endpoint.last_check_in_date),
        id: endpoint.id,
        name: endpoint.name,
    }
}
