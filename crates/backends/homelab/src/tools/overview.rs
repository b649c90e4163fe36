//! The whole lab at a glance, and finding anything in it.

use homelab_core::error::ToolResult;
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::page::PageRequest;
use homelab_core::store::{DeviceFilter, Found, InventoryCounts};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, stored};

/// Most names of a list in the summary.
const NAMED: u32 = 20;

/// The lab at a glance.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// How many records there are, by table, status, category and type.
    counts: InventoryCounts,
    /// Hypervisor nodes.
    hosts: Vec<HostRow>,
    /// Devices that were offline when last heard of, at most 20.
    offline_devices: Vec<String>,
}

/// A hypervisor node in the summary.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostRow {
    node: String,
    status: Status,
    ip: Option<Ip>,
    cluster: Option<String>,
}

/// Summarise the whole lab: how many hosts, devices, virtual machines, services, networks and instruments there are, and which devices are offline. A good first call.
#[tool(
    read,
    permission = "homelab:summary:read",
    title = "Infrastructure summary"
)]
pub(crate) async fn homelab_infrastructure_summary(lab: &Homelab) -> ToolResult<Summary> {
    let inventory = lab.inventory();
    let first = PageRequest::first(NAMED);
    let offline = DeviceFilter {
        status: Some(Status::Offline),
        ..DeviceFilter::default()
    };
    let hosts = inventory.hosts(&first).await.map_err(stored)?.items;
    let devices = inventory.devices(&offline, &first).await.map_err(stored)?;
    Ok(Summary {
        counts: inventory.counts().await.map_err(stored)?,
        hosts: hosts
            .into_iter()
            .map(|host| HostRow {
                node: host.node_name,
                status: host.status,
                ip: host.ip_address,
                cluster: host.cluster,
            })
            .collect(),
        offline_devices: devices
            .items
            .into_iter()
            .map(|device| device.name)
            .collect(),
    })
}

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Part of a name, host name, IP, MAC, tag or note.
    #[schemars(length(min = 1, max = 255))]
    query: String,
    /// Results at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SearchResult {
    /// Exact matches first.
    items: Vec<Found>,
    /// Whether there may be more: raise `limit`, or search for more letters.
    more: bool,
}

/// Search the whole inventory by part of a name, host name, IP address, MAC address, tag or note.
#[tool(
    read,
    permission = "homelab:inventory:search",
    title = "Search the inventory"
)]
pub(crate) async fn homelab_search(lab: &Homelab, args: Search) -> ToolResult<SearchResult> {
    let limit = args.limit.unwrap_or(homelab_core::page::DEFAULT_LIMIT);
    let query = args.query.trim();
    if query.is_empty() {
        return Err(homelab_core::error::ToolError::invalid(
            "query",
            "there is nothing to search for",
        ));
    }
    // One more than asked for tells whether there are more.
    let mut items = lab.search(query, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(SearchResult { items, more })
}
