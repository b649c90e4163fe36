//! The cluster as a whole.

use std::collections::BTreeSet;

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Proxmox;
use crate::ids::Vmid;
use crate::page::page;
use crate::types::Resource;
use crate::units::{load_percent, percent};

/// Which resources.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetClusterResources {
    /// Only these.
    #[serde(rename = "type")]
    kind: Option<ResourceKind>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// What `GET /cluster/resources` can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResourceKind {
    /// Guests of both types.
    Vm,
    Storage,
    Node,
    Sdn,
}

impl ResourceKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Storage => "storage",
            Self::Node => "node",
            Self::Sdn => "sdn",
        }
    }
}

/// The cluster: totals, and a page of what it is made of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClusterResources {
    /// Absent for a single node.
    cluster: Option<String>,
    /// Whether enough nodes are up for changes to be possible.
    quorate: Option<bool>,
    totals: Totals,
    #[serde(flatten)]
    page: Page<ResourceRow>,
}

/// Sums over all rows, not just this page.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Totals {
    nodes: u64,
    nodes_online: u64,
    guests: u64,
    guests_running: u64,
    templates: u64,
    memory_bytes: u64,
    memory_used_bytes: u64,
    memory_percent: Option<f64>,
    /// Shared storages count once.
    storage_bytes: u64,
    storage_used_bytes: u64,
    storage_percent: Option<f64>,
}

/// One resource.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResourceRow {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    node: Option<String>,
    status: Option<String>,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    disk_percent: Option<f64>,
    memory_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    uptime_s: Option<u64>,
    ha_state: Option<String>,
}

impl From<Resource> for ResourceRow {
    fn from(row: Resource) -> Self {
        let is_guest = matches!(row.kind.as_str(), "qemu" | "lxc");
        Self {
            cpu_percent: load_percent(row.cpu),
            memory_percent: percent(row.mem, row.maxmem),
            // Of guests the host does not know what is used.
            disk_percent: percent(row.disk, row.maxdisk).filter(|_| !is_guest),
            memory_bytes: row.maxmem,
            disk_bytes: row.maxdisk,
            uptime_s: row.uptime,
            ha_state: row.hastate,
            name: row.name.or(row.storage).or(row.pool),
            node: row.node,
            status: row.status,
            id: row.id,
            kind: row.kind,
        }
    }
}

/// Get the cluster's state and totals (nodes, guests, memory, storage) and a list of its nodes, guests, storages and networks.
#[tool(
    read,
    open_world,
    permission = "proxmox:cluster:read",
    title = "Get cluster resources",
    timeout = 70,
    untrusted("items.*.name")
)]
pub(crate) async fn get_cluster_resources(
    proxmox: &Proxmox,
    args: GetClusterResources,
) -> ToolResult<ClusterResources> {
    let rows = proxmox
        .resources(args.kind.map(ResourceKind::as_str))
        .await?;
    let members = proxmox.cluster_status().await?.unwrap_or_default();
    let cluster = members.iter().find(|member| member.kind == "cluster");
    let totals = totals(&rows);
    let rows: Vec<ResourceRow> = rows.into_iter().map(ResourceRow::from).collect();
    Ok(ClusterResources {
        cluster: cluster.map(|cluster| cluster.name.clone()),
        quorate: cluster.and_then(|cluster| cluster.quorate),
        totals,
        page: page(rows, args.limit, args.cursor.as_deref(), |row| {
            row.id.clone()
        })?,
    })
}

fn totals(rows: &[Resource]) -> Totals {
    let mut totals = Totals::default();
    let mut shared = BTreeSet::new();
    for row in rows {
        match row.kind.as_str() {
            "node" => {
                totals.nodes += 1;
                totals.nodes_online += u64::from(row.status.as_deref() == Some("online"));
                totals.memory_bytes += row.maxmem.unwrap_or(0);
                totals.memory_used_bytes += row.mem.unwrap_or(0);
            }
            "qemu" | "lxc" if row.template => totals.templates += 1,
            "qemu" | "lxc" => {
                totals.guests += 1;
                totals.guests_running += u64::from(row.status.as_deref() == Some("running"));
            }
            "storage" if !row.shared || shared.insert(row.storage.clone()) => {
                totals.storage_bytes += row.maxdisk.unwrap_or(0);
                totals.storage_used_bytes += row.disk.unwrap_or(0);
            }
            _ => {}
        }
    }
    totals.memory_percent = percent(Some(totals.memory_used_bytes), Some(totals.memory_bytes));
    totals.storage_percent = percent(Some(totals.storage_used_bytes), Some(totals.storage_bytes));
    totals
}

/// A free number.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NextVmid {
    vmid: Vmid,
}

/// Get the lowest VMID that no guest has. It is not reserved: tools that make guests choose one themselves.
#[tool(
    read,
    open_world,
    permission = "proxmox:cluster:read",
    title = "Get the next free VMID",
    timeout = 70
)]
pub(crate) async fn get_next_vmid(proxmox: &Proxmox, _args: NoArgs) -> ToolResult<NextVmid> {
    Ok(NextVmid {
        vmid: proxmox.next_vmid().await?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shared_storages_count_once_and_templates_are_no_guests() {
        let rows: Vec<Resource> = serde_json::from_value(json!([
            { "type": "node", "id": "node/a", "status": "online", "mem": 1, "maxmem": 4 },
            { "type": "node", "id": "node/b", "status": "offline" },
            { "type": "qemu", "id": "qemu/100", "status": "running" },
            { "type": "lxc", "id": "lxc/200", "status": "stopped" },
            { "type": "qemu", "id": "qemu/900", "status": "stopped", "template": 1 },
            { "type": "storage", "id": "storage/a/nas", "storage": "nas", "shared": 1, "disk": 5, "maxdisk": 10 },
            { "type": "storage", "id": "storage/b/nas", "storage": "nas", "shared": 1, "disk": 5, "maxdisk": 10 },
            { "type": "storage", "id": "storage/a/local", "storage": "local", "disk": 1, "maxdisk": 10 },
            { "type": "storage", "id": "storage/b/local", "storage": "local", "disk": 1, "maxdisk": 10 }
        ]))
        .unwrap();

        let totals = totals(&rows);

        assert_eq!((totals.nodes, totals.nodes_online), (2, 1));
        assert_eq!(
            (totals.guests, totals.guests_running, totals.templates),
            (2, 1, 1)
        );
        assert_eq!((totals.storage_used_bytes, totals.storage_bytes), (7, 30));
        assert_eq!(totals.memory_percent, Some(25.0));
    }
}
