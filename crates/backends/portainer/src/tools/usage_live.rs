//! What containers use right now, asked of their engine through Portainer.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::ToolResult;
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Portainer;
use crate::types::{Container, Stats};

/// Containers that are asked at a time; each answer takes an engine a second.
const AT_A_TIME: usize = 8;
/// Containers that are asked of one engine.
const MOST: usize = 40;
/// Containers that are named.
const NAMED: usize = 10;

/// What an engine has and uses right now.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct LiveRow {
    pub(super) containers_running: u64,
    pub(super) containers_stopped: u64,
    pub(super) containers_unhealthy: u64,
    pub(super) images: u64,
    /// Bytes of all images.
    pub(super) images_bytes: u64,
    pub(super) volumes: u64,
    pub(super) networks: u64,
    pub(super) stacks: u64,
    pub(super) services: u64,
    /// CPU of all measured containers in per cent; 100 is one CPU.
    pub(super) cpu_percent: f64,
    /// Bytes of memory of all measured containers.
    pub(super) memory_bytes: u64,
    /// How many containers were measured, at most 40.
    pub(super) measured: usize,
    /// Those that use the most memory, at most 10.
    pub(super) top: Vec<ContainerUsage>,
}

/// What a container uses.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ContainerUsage {
    name: String,
    /// 100 is one CPU.
    cpu_percent: f64,
    /// Bytes, without what can be given back at any time.
    memory_bytes: u64,
}

impl Portainer {
    /// Counts and measures; `None` for an engine's own statistics that Portainer does not give.
    pub(super) async fn live(&self, endpoint: u64) -> ToolResult<LiveRow> {
        let dashboard = self.dashboard(endpoint).await?;
        let running = self.containers(endpoint, false).await?;
        let asked = running.into_iter().take(MOST);
        let measured: Vec<Option<ContainerUsage>> = stream::iter(asked)
            .map(|container| async move {
                // One that ended meanwhile is not there any more.
                let stats = self.stats(endpoint, &container.id).await.ok().flatten()?;
                Some(usage(&container, &stats))
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        let mut top: Vec<ContainerUsage> = measured.into_iter().flatten().collect();
        let mut row = LiveRow {
            containers_running: dashboard.containers.running,
            containers_stopped: dashboard.containers.stopped,
            containers_unhealthy: dashboard.containers.unhealthy,
            images: dashboard.images.total,
            images_bytes: dashboard.images.size,
            volumes: dashboard.volumes,
            networks: dashboard.networks,
            stacks: dashboard.stacks,
            services: dashboard.services,
            measured: top.len(),
            cpu_percent: rounded(top.iter().map(|one| one.cpu_percent).sum()),
            memory_bytes: top.iter().map(|one| one.memory_bytes).sum(),
            top: Vec::new(),
        };
        top.sort_by(|one, other| {
            (other.memory_bytes, &one.name).cmp(&(one.memory_bytes, &other.name))
        });
        top.truncate(NAMED);
        row.top = top;
        Ok(row)
    }
}

/// As `docker stats` counts it.
fn usage(container: &Container, stats: &Stats) -> ContainerUsage {
    let name = container.names.first().map(String::as_str);
    let name = name.map_or(container.id.as_str(), |name| name.trim_start_matches('/'));
    let (now, before) = (&stats.cpu_stats, &stats.precpu_stats);
    let used = now
        .cpu_usage
        .total_usage
        .saturating_sub(before.cpu_usage.total_usage);
    let passed = now.system_cpu_usage.saturating_sub(before.system_cpu_usage);
    let cpus = match now.online_cpus {
        0 => now.cpu_usage.percpu_usage.len() as u64,
        cpus => cpus,
    };
    let cpu_percent = if passed == 0 || before.system_cpu_usage == 0 {
        0.0
    } else {
        float(used) / float(passed) * float(cpus) * 100.0
    };
    // What the kernel keeps of files can go at any time: by the newer name, then by the older.
    let cache = ["inactive_file", "total_inactive_file"]
        .iter()
        .find_map(|name| stats.memory_stats.stats.get(*name))
        .copied()
        .unwrap_or(0);
    ContainerUsage {
        name: name.to_owned(),
        cpu_percent: rounded(cpu_percent),
        memory_bytes: stats.memory_stats.usage.saturating_sub(cache),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "a share in per cent")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_is_counted_as_docker_does() {
        let container: Container =
            serde_json::from_value(json!({ "Id": "abc", "Names": ["/web"] })).unwrap();
        let stats: Stats = serde_json::from_value(json!({
            "cpu_stats": { "cpu_usage": { "total_usage": 300 }, "system_cpu_usage": 2000, "online_cpus": 4 },
            "precpu_stats": { "cpu_usage": { "total_usage": 100 }, "system_cpu_usage": 1000 },
            "memory_stats": { "usage": 1000, "stats": { "inactive_file": 400 } },
        }))
        .unwrap();

        let found = usage(&container, &stats);

        assert_eq!(
            found,
            ContainerUsage {
                name: "web".into(),
                cpu_percent: 80.0,
                memory_bytes: 600
            }
        );
    }

    #[test]
    fn a_first_look_has_no_share() {
        let stats: Stats = serde_json::from_value(json!({
            "cpu_stats": { "cpu_usage": { "total_usage": 300 }, "system_cpu_usage": 2000 }, "precpu_stats": {},
        }))
        .unwrap();

        assert!(usage(&Container::default(), &stats).cpu_percent.abs() < f64::EPSILON);
    }
}
