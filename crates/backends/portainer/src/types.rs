//! What Portainer answers; unknown members are ignored, and any member may be missing: editions and
//! versions differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The oldest version whose addresses of stacks we know.
const OLDEST: (u32, u32) = (2, 19);

/// `GET /system/status`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Status {
    pub(crate) version: String,
}

impl Status {
    /// Major and minor number.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        let mut parts = self.version.trim_start_matches('v').split('.');
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        (next(), next())
    }

    /// Whether its addresses of stacks are those that we know.
    pub(crate) fn is_recent(&self) -> bool {
        self.numbers() >= OLDEST || self.numbers() == (0, 0)
    }
}

/// `GET /users/me`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Me {
    pub(crate) username: String,
    /// 1 is an administrator.
    pub(crate) role: u64,
}

/// A stack.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Stack {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// 1 swarm, 2 compose, 3 Kubernetes.
    #[serde(rename = "Type")]
    pub(crate) kind: u64,
    pub(crate) endpoint_id: u64,
    /// 1 active, 2 inactive, 3 deploying, 4 error.
    pub(crate) status: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) deployment_status: Vec<DeploymentStatus>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) env: Vec<Pair>,
    #[serde(rename = "GitConfig")]
    pub(crate) git: Option<Git>,
    pub(crate) auto_update: Option<Value>,
    pub(crate) creation_date: Option<i64>,
    pub(crate) update_date: Option<i64>,
    pub(crate) created_by: Option<String>,
    pub(crate) updated_by: Option<String>,
    pub(crate) namespace: Option<String>,
}

/// A step of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeploymentStatus {
    pub(crate) status: u64,
    pub(crate) message: Option<String>,
}

/// A variable of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Where a stack's file comes from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Git {
    #[serde(rename = "URL")]
    pub(crate) url: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) reference_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) config_file_path: String,
    pub(crate) config_hash: Option<String>,
}

/// `GET /stacks/{id}/file`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StackFile {
    #[serde(deserialize_with = "or_default")]
    pub(crate) stack_file_content: String,
}

/// An environment, which the API calls endpoint.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Endpoint {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(rename = "Type")]
    pub(crate) kind: u64,
    #[serde(rename = "URL", deserialize_with = "or_default")]
    pub(crate) url: String,
    #[serde(rename = "PublicURL", deserialize_with = "or_default")]
    pub(crate) public_url: String,
    pub(crate) group_id: Option<u64>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tag_ids: Vec<u64>,
    /// 1 up, 2 down, 3 provisioning, 4 error.
    pub(crate) status: u64,
    pub(crate) heartbeat: Option<bool>,
    pub(crate) last_check_in_date: Option<i64>,
    pub(crate) container_engine: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) agent: Agent,
    #[serde(deserialize_with = "or_default")]
    pub(crate) snapshots: Vec<DockerSnapshot>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) kubernetes: Kubernetes,
}

/// The agent of an environment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Agent {
    pub(crate) version: Option<String>,
}

/// What Portainer keeps of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Kubernetes {
    #[serde(deserialize_with = "or_default")]
    pub(crate) snapshots: Vec<KubernetesSnapshot>,
}

/// What Portainer saw of a Docker engine; the raw listing beside it is left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DockerSnapshot {
    pub(crate) time: i64,
    pub(crate) docker_version: String,
    pub(crate) swarm: bool,
    #[serde(rename = "TotalCPU")]
    pub(crate) total_cpu: u64,
    pub(crate) total_memory: u64,
    pub(crate) running_container_count: u64,
    pub(crate) stopped_container_count: u64,
    pub(crate) healthy_container_count: u64,
    pub(crate) unhealthy_container_count: u64,
    pub(crate) image_count: u64,
    pub(crate) volume_count: u64,
    pub(crate) stack_count: u64,
    pub(crate) service_count: u64,
    pub(crate) node_count: u64,
    pub(crate) performance_metrics: Option<Performance>,
}

/// What Portainer saw of a Kubernetes cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct KubernetesSnapshot {
    pub(crate) time: i64,
    pub(crate) kubernetes_version: String,
    pub(crate) node_count: u64,
    #[serde(rename = "TotalCPU")]
    pub(crate) total_cpu: u64,
    pub(crate) total_memory: u64,
    pub(crate) performance_metrics: Option<Performance>,
}

/// Load in per cent, where the edition measures it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Performance {
    #[serde(rename = "CPUUsage")]
    pub(crate) cpu: Option<f64>,
    #[serde(rename = "MemoryUsage")]
    pub(crate) memory: Option<f64>,
}

/// `GET /docker/{id}/dashboard`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dashboard {
    pub(crate) containers: Containers,
    pub(crate) images: Images,
    pub(crate) volumes: u64,
    pub(crate) networks: u64,
    pub(crate) stacks: u64,
    pub(crate) services: u64,
}

/// Containers of an engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Containers {
    pub(crate) total: u64,
    pub(crate) running: u64,
    pub(crate) stopped: u64,
    pub(crate) healthy: u64,
    pub(crate) unhealthy: u64,
}

/// Images of an engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Images {
    pub(crate) total: u64,
    pub(crate) size: u64,
}

/// A container as an engine lists it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Container {
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) names: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) image: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) state: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) ports: Vec<Port>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) network_settings: Networks,
}

impl Container {
    /// Its own name: links of other containers have a second slash.
    pub(crate) fn name(&self) -> &str {
        let own = |name: &&String| !name.trim_start_matches('/').contains('/');
        let name = self.names.iter().find(own).or(self.names.first());
        name.map_or(&*self.id, |name| name.trim_start_matches('/'))
    }
}

/// A port of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Port {
    #[serde(rename = "PrivatePort")]
    pub(crate) private: u16,
    #[serde(rename = "PublicPort")]
    pub(crate) public: Option<u16>,
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    #[serde(rename = "IP", deserialize_with = "or_default")]
    pub(crate) ip: String,
}

/// The networks that a container is attached to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Networks {
    #[serde(deserialize_with = "or_default")]
    pub(crate) networks: BTreeMap<String, Attached>,
}

/// How a container is attached to a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Attached {
    #[serde(rename = "IPAddress", deserialize_with = "or_default")]
    pub(crate) ipv4: String,
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "or_default")]
    pub(crate) ipv6: String,
    #[serde(rename = "MacAddress", deserialize_with = "or_default")]
    pub(crate) mac: String,
}

/// A network of an engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Network {
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) driver: String,
}

/// What an engine says of its machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EngineInfo {
    /// Host name.
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) operating_system: String,
}

/// What a container uses, as an engine measures it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stats {
    #[serde(rename = "cpu_stats")]
    pub(crate) cpu: CpuStats,
    /// A moment before.
    #[serde(rename = "precpu_stats")]
    pub(crate) cpu_before: CpuStats,
    #[serde(rename = "memory_stats")]
    pub(crate) memory: MemoryStats,
}

/// CPU time until a moment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuStats {
    pub(crate) cpu_usage: CpuUsage,
    pub(crate) system_cpu_usage: u64,
    pub(crate) online_cpus: u64,
}

/// CPU time of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuUsage {
    pub(crate) total_usage: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) percpu_usage: Vec<u64>,
}

/// Memory of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MemoryStats {
    pub(crate) usage: u64,
    pub(crate) limit: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) stats: BTreeMap<String, u64>,
}

/// `null` as well as nothing is the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("2.44.0", (2, 44))]
    #[case("2.19.4-ee", (2, 19))]
    #[case("", (0, 0))]
    fn a_version_is_its_first_two_numbers(#[case] text: &str, #[case] numbers: (u32, u32)) {
        let status: Status = serde_json::from_value(json!({ "Version": text })).unwrap();

        assert_eq!(status.numbers(), numbers);
    }

    #[test]
    fn null_members_are_nothing() {
        let stack: Stack =
            serde_json::from_value(json!({ "Id": 3, "Env": null, "GitConfig": null })).unwrap();

        assert_eq!((stack.id, stack.env.len(), stack.git), (3, 0, None));
    }
}
