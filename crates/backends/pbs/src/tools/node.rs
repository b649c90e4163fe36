//! The machine that the server runs on.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Pbs;
use crate::types::{Service, Space};
use crate::units::percent;

/// The machine and its services.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NodeStatus {
    /// Release of the server.
    version: String,
    kernel: Option<String>,
    uptime_s: Option<i64>,
    cpu_percent: Option<f64>,
    /// Time that the processors wait for disks.
    io_wait_percent: Option<f64>,
    load: Option<Vec<f64>>,
    memory_percent: Option<f64>,
    memory_bytes: Option<u64>,
    root_disk_percent: Option<f64>,
    root_disk_bytes: Option<u64>,
    /// Of its certificate, for `tls.fingerprint` and the storages of Proxmox VE.
    fingerprint: Option<String>,
    /// Services that do not run.
    stopped_services: Option<Vec<String>>,
    /// What could not be read.
    problems: Vec<String>,
}

/// Get release, load, memory and system disk of the backup server, its certificate's fingerprint, and which of its services do not run.
#[tool(
    read,
    open_world,
    permission = "pbs:node:read",
    title = "Get the server's status",
    timeout = 90
)]
pub(crate) async fn get_node_status(pbs: &Pbs) -> ToolResult<NodeStatus> {
    let (version, node, services) = tokio::join!(pbs.fresh_version(), pbs.node(), pbs.services());
    let (version, node) = (version?, node?);
    let mut problems = Vec::new();
    let stopped_services = match services {
        Ok(services) => Some(stopped(services)),
        Err(error) => {
            problems.push(format!("services: {}", error.envelope().message));
            None
        }
    };
    let share = |load: Option<f64>| load.map(|load| (load * 1000.0).round() / 10.0);
    let used = |space: Option<Space>| space.and_then(|space| percent(space.used, space.total));
    Ok(NodeStatus {
        version: version.full(),
        kernel: node.kversion,
        uptime_s: node.uptime,
        cpu_percent: share(node.cpu),
        io_wait_percent: share(node.wait),
        load: node.loadavg,
        memory_percent: used(node.memory),
        memory_bytes: node.memory.and_then(|space| space.total),
        root_disk_percent: used(node.root),
        root_disk_bytes: node.root.and_then(|space| space.total),
        fingerprint: node.info.and_then(|info| info.fingerprint),
        stopped_services,
        problems,
    })
}

fn stopped(services: Vec<Service>) -> Vec<String> {
    services
        .into_iter()
        .filter(|service| {
            service
                .state
                .as_deref()
                .is_some_and(|state| state != "running")
        })
        .map(|service| service.service)
        .collect()
}
