//! What all environments have and use.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::usage_live::LiveRow;
use crate::client::Portainer;
use crate::types::{DockerSnapshot, Endpoint, KubernetesSnapshot, Performance};
use crate::words::{EndpointStatus, EndpointType};

/// Environments that are asked at a time: a snapshot comes with megabytes.
const AT_A_TIME: usize = 4;
/// Environments that are shown.
const MOST: usize = 100;

/// Which environments, and how fresh.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetResourceUsage {
    /// Only this environment: its name or id.
    #[schemars(length(min = 1, max = 100))]
    endpoint: Option<String>,
    /// Also ask the Docker engines what their containers use right now; otherwise what Portainer
    /// saw last is shown.
    live: bool,
}

/// What an environment has and uses.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct UsageRow {
    endpoint: String,
    id: u64,
    #[serde(rename = "type")]
    kind: EndpointType,
    status: EndpointStatus,
    /// Version of Docker or Kubernetes.
    version: Option<String>,
    /// Whether the engine manages a swarm.
    swarm: Option<bool>,
    /// Seconds since Portainer looked last; what follows is as of then.
    snapshot_age_s: Option<i64>,
    nodes: Option<u64>,
    cpus: Option<u64>,
    memory_bytes: Option<u64>,
    containers_running: Option<u64>,
    containers_stopped: Option<u64>,
    containers_unhealthy: Option<u64>,
    images: Option<u64>,
    volumes: Option<u64>,
    stacks: Option<u64>,
    services: Option<u64>,
    /// CPU in per cent, where this edition measures it.
    cpu_percent: Option<f64>,
    /// Memory in per cent, where this edition measures it.
    memory_percent: Option<f64>,
    /// What its engine says right now.
    live: Option<LiveRow>,
    /// Why something is missing.
    problem: Option<String>,
}

/// All environments together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Totals {
    /// Environments.
    endpoints: usize,
    /// Those that can be reached.
    up: usize,
    nodes: u64,
    cpus: u64,
    memory_bytes: u64,
    containers_running: u64,
    containers_stopped: u64,
    containers_unhealthy: u64,
}

/// What is there and used.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResourceUsage {
    totals: Totals,
    /// Each environment, at most 100.
    endpoints: Vec<UsageRow>,
    /// What to know.
    notes: Vec<String>,
}

/// Show what all environments together and each of them have and use: CPUs, memory, nodes, containers and their health. With `live`, what the containers of Docker engines use right now.
#[tool(
    read,
    open_world,
    permission = "portainer:usage:read",
    title = "Show resource usage",
    timeout = 180
)]
pub(crate) async fn get_resource_usage(
    portainer: &Portainer,
    args: GetResourceUsage,
) -> ToolResult<ResourceUsage> {
    let mut endpoints = match &args.endpoint {
        Some(name) => vec![portainer.find_endpoint(Some(name)).await?],
        None => portainer.endpoints().await?,
    };
    let mut notes = Vec::new();
    if endpoints.len() > MOST {
        notes.push(format!(
            "only the first {MOST} of {} environments are shown",
            endpoints.len()
        ));
        endpoints.truncate(MOST);
    }
    let rows: Vec<UsageRow> = stream::iter(endpoints)
        .map(|endpoint| one(portainer, endpoint, args.live))
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let old = rows
        .iter()
        .filter(|row| row.snapshot_age_s.is_some_and(|age| age > 3600))
        .count();
    if old > 0 {
        notes.push(format!(
            "{old} environments were last looked at more than an hour ago: `manage_endpoints` with `snapshot` looks anew"
        ));
    }
    Ok(ResourceUsage {
        totals: totals(&rows),
        endpoints: rows,
        notes,
    })
}

async fn one(portainer: &Portainer, listed: Endpoint, live: bool) -> UsageRow {
    let (id, kind) = (listed.id, EndpointType::of(&listed));
    let (endpoint, mut problem) = match portainer.snapshot(id).await {
        Ok(Some(found)) => (found, None),
        Ok(None) => (listed, Some("it was removed meanwhile".to_owned())),
        Err(error) => (listed, Some(error.envelope().message.clone())),
    };
    let status = EndpointStatus::of(&endpoint);
    let mut row = UsageRow {
        endpoint: endpoint.name,
        id,
        kind,
        status,
        version: None,
        swarm: None,
        snapshot_age_s: None,
        nodes: None,
        cpus: None,
        memory_bytes: None,
        containers_running: None,
        containers_stopped: None,
        containers_unhealthy: None,
        images: None,
        volumes: None,
        stacks: None,
        services: None,
        cpu_percent: None,
        memory_percent: None,
        live: None,
        problem: None,
    };
    let now = portainer.now().0 / 1_000_000;
    if let Some(seen) = endpoint.snapshots.first() {
        row.docker(seen, now);
    } else if let Some(seen) = endpoint.kubernetes.snapshots.first() {
        row.kubernetes(seen, now);
    } else if problem.is_none() {
        problem = Some("Portainer has not looked at it yet".to_owned());
    }
    if live && kind.is_docker() && status == EndpointStatus::Up {
        match portainer.live(id).await {
            Ok(found) => row.live = Some(found),
            Err(error) => problem = Some(error.envelope().message.clone()),
        }
    }
    row.problem = problem;
    row
}

impl UsageRow {
    fn docker(&mut self, seen: &DockerSnapshot, now: i64) {
        self.version = Some(seen.docker_version.clone());
        self.swarm = Some(seen.swarm);
        // A single engine says 0.
        self.nodes = Some(seen.node_count.max(1));
        self.containers_running = Some(seen.running_container_count);
        self.containers_stopped = Some(seen.stopped_container_count);
        self.containers_unhealthy = Some(seen.unhealthy_container_count);
        self.images = Some(seen.image_count);
        self.volumes = Some(seen.volume_count);
        self.stacks = Some(seen.stack_count);
        self.services = Some(seen.service_count);
        self.seen(seen.time, seen.total_cpu, seen.total_memory, now);
        self.load(seen.performance_metrics.as_ref());
    }

    fn kubernetes(&mut self, seen: &KubernetesSnapshot, now: i64) {
        self.version = Some(seen.kubernetes_version.clone());
        self.nodes = Some(seen.node_count);
        self.seen(seen.time, seen.total_cpu, seen.total_memory, now);
        self.load(seen.performance_metrics.as_ref());
    }

    fn seen(&mut self, time: i64, cpus: u64, memory: u64, now: i64) {
        self.snapshot_age_s = (time > 0).then(|| (now - time).max(0));
        self.cpus = Some(cpus);
        self.memory_bytes = Some(memory);
    }

    fn load(&mut self, measured: Option<&Performance>) {
        self.cpu_percent = measured.and_then(|load| load.cpu);
        self.memory_percent = measured.and_then(|load| load.memory);
    }
}

fn totals(rows: &[UsageRow]) -> Totals {
    let sum = |of: fn(&UsageRow) -> Option<u64>| rows.iter().filter_map(of).sum();
    Totals {
        endpoints: rows.len(),
        up: rows
            .iter()
            .filter(|row| row.status == EndpointStatus::Up)
            .count(),
        nodes: sum(|row| row.nodes),
        cpus: sum(|row| row.cpus),
        memory_bytes: sum(|row| row.memory_bytes),
        containers_running: sum(|row| row.containers_running),
        containers_stopped: sum(|row| row.containers_stopped),
        containers_unhealthy: sum(|row| row.containers_unhealthy),
    }
}
