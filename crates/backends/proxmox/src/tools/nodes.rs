//! The nodes of the cluster.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::NodeName;
use crate::page::page;
use crate::types::{Node, NodeStatus, Usage};
use crate::units::{load_percent, percent};

/// Nodes that are asked at a time.
const AT_A_TIME: usize = 4;

/// Which page of the nodes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListNodes {
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A node in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NodeRow {
    node: String,
    /// `online`, `offline` or `unknown`.
    status: Option<String>,
    ip: Option<String>,
    cpus: Option<f64>,
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    memory_percent: Option<f64>,
    uptime_s: Option<u64>,
    /// SHA-256 of its certificate, for `tls.fingerprint`.
    fingerprint: Option<String>,
}

/// The nodes, and whether they are a majority.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NodeList {
    /// The cluster's name; absent for a single node.
    cluster: Option<String>,
    /// Whether enough nodes are up for changes to be possible.
    quorate: Option<bool>,
    #[serde(flatten)]
    page: Page<NodeRow>,
}

/// List the nodes of the cluster with state, CPU and memory use, and whether the cluster has quorum.
#[tool(
    read,
    open_world,
    permission = "proxmox:node:read",
    title = "List nodes",
    timeout = 70
)]
pub(crate) async fn list_nodes(proxmox: &Proxmox, args: ListNodes) -> ToolResult<NodeList> {
    let nodes = proxmox.nodes().await?;
    let members = proxmox.cluster_status().await?.unwrap_or_default();
    let cluster = members.iter().find(|member| member.kind == "cluster");
    let addresses: BTreeMap<&str, &str> = members
        .iter()
        .filter(|member| member.kind == "node")
        .filter_map(|member| Some((member.name.as_str(), member.ip.as_deref()?)))
        .collect();
    let rows: Vec<NodeRow> = nodes
        .into_iter()
        .map(|node| row(&addresses, node))
        .collect();
    Ok(NodeList {
        cluster: cluster.map(|cluster| cluster.name.clone()),
        quorate: cluster.and_then(|cluster| cluster.quorate),
        page: page(rows, args.limit, args.cursor.as_deref(), |row| {
            row.node.clone()
        })?,
    })
}

fn row(addresses: &BTreeMap<&str, &str>, node: Node) -> NodeRow {
    NodeRow {
        ip: addresses.get(node.name.as_str()).map(|ip| (*ip).to_owned()),
        status: node.status,
        cpus: node.maxcpu,
        cpu_percent: load_percent(node.cpu),
        memory_bytes: node.maxmem,
        memory_used_bytes: node.mem,
        memory_percent: percent(node.mem, node.maxmem),
        uptime_s: node.uptime,
        fingerprint: node.ssl_fingerprint,
        node: node.name,
    }
}

/// Which node.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetNodeStatus {
    /// The node; all of them without.
    node: Option<NodeName>,
}

/// Nodes in detail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NodeStatuses {
    nodes: Vec<NodeDetail>,
}

/// A node at this moment.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct NodeDetail {
    node: String,
    status: String,
    /// Why there are no details.
    problem: Option<String>,
    uptime_s: Option<u64>,
    version: Option<String>,
    kernel: Option<String>,
    cpu_model: Option<String>,
    cpu_sockets: Option<u64>,
    cpu_cores: Option<u64>,
    cpu_threads: Option<u64>,
    cpu_percent: Option<f64>,
    io_wait_percent: Option<f64>,
    /// Over 1, 5 and 15 minutes.
    load_average: Vec<f64>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    memory_percent: Option<f64>,
    swap_bytes: Option<u64>,
    swap_used_bytes: Option<u64>,
    root_disk_bytes: Option<u64>,
    root_disk_used_bytes: Option<u64>,
    root_disk_percent: Option<f64>,
}

/// Get CPU, memory, swap, root disk, load, uptime and version of one node or of all.
#[tool(
    read,
    open_world,
    permission = "proxmox:node:read",
    title = "Get node status",
    timeout = 120
)]
pub(crate) async fn get_node_status(
    proxmox: &Proxmox,
    args: GetNodeStatus,
) -> ToolResult<NodeStatuses> {
    if let Some(node) = args.node {
        let status = status(proxmox, &node)
            .await
            .map_err(|error| unknown(error, &node))?;
        return Ok(NodeStatuses {
            nodes: vec![detail(&node, status)],
        });
    }
    let nodes = proxmox.nodes().await?;
    let nodes = stream::iter(nodes)
        .map(|node| one_of_all(proxmox, node))
        .buffered(AT_A_TIME)
        .collect()
        .await;
    Ok(NodeStatuses { nodes })
}

/// A node that is down, or not for us to see, must not hide the others.
async fn one_of_all(proxmox: &Proxmox, node: Node) -> NodeDetail {
    let state = node.status.clone().unwrap_or_else(|| "unknown".to_owned());
    let problem = |problem: String| NodeDetail {
        node: node.name.clone(),
        status: state.clone(),
        problem: Some(problem),
        ..NodeDetail::default()
    };
    let Ok(name) = node.name.parse::<NodeName>() else {
        return problem("its name cannot be read".to_owned());
    };
    if state == "offline" {
        return problem("it is offline".to_owned());
    }
    match status(proxmox, &name).await {
        Ok(status) => detail(&name, status),
        Err(error) => problem(error.envelope().message.clone()),
    }
}

async fn status(proxmox: &Proxmox, node: &NodeName) -> ToolResult<NodeStatus> {
    let call = Call::get("node_status", "/nodes/{}/status", &[node]);
    proxmox.api.data(&call).await
}

fn unknown(error: ToolError, node: &NodeName) -> ToolError {
    if error.envelope().reason.as_deref() != Some("node_not_found") {
        return error;
    }
    let mut envelope = error.envelope().clone();
    envelope.message = format!("no node `{node}` in this cluster");
    envelope.field = Some("node".to_owned());
    envelope.into()
}

fn detail(node: &NodeName, status: NodeStatus) -> NodeDetail {
    let share = |usage: &Usage| percent(usage.used, usage.total);
    NodeDetail {
        node: node.to_string(),
        status: "online".to_owned(),
        problem: None,
        uptime_s: status.uptime,
        version: status.pveversion,
        kernel: status.kversion,
        cpu_model: status.cpuinfo.model,
        cpu_sockets: status.cpuinfo.sockets,
        cpu_cores: status.cpuinfo.cores,
        cpu_threads: status.cpuinfo.cpus,
        cpu_percent: load_percent(status.cpu),
        io_wait_percent: load_percent(status.wait),
        load_average: status.loadavg.iter().filter_map(number).collect(),
        memory_percent: share(&status.memory),
        memory_bytes: status.memory.total,
        memory_used_bytes: status.memory.used,
        swap_bytes: status.swap.total,
        swap_used_bytes: status.swap.used,
        root_disk_percent: share(&status.rootfs),
        root_disk_bytes: status.rootfs.total,
        root_disk_used_bytes: status.rootfs.used,
    }
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}
