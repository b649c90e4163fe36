//! Containers, and what they do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Texts, nullable};

/// A container in a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Summary {
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) names: Vec<String>,
    pub(crate) image: String,
    #[serde(rename = "ImageID")]
    pub(crate) image_id: String,
    pub(crate) created: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) ports: Vec<Port>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Texts,
    pub(crate) state: String,
    pub(crate) status: String,
    pub(crate) size_rw: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) network_settings: Networks,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mounts: Vec<Mount>,
}

impl Summary {
    /// Its own name: links of other containers have a second slash.
    pub(crate) fn name(&self) -> &str {
        let own = |name: &&String| !name.trim_start_matches('/').contains('/');
        let name = self.names.iter().find(own).or(self.names.first());
        name.map_or(&self.id, |name| name).trim_start_matches('/')
    }

    /// Whether its processes run, paused or not.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }
}

/// A port of a container.
#[expect(clippy::struct_field_names, reason = "so engines call them")]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Port {
    pub(crate) private_port: u16,
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    pub(crate) public_port: Option<u16>,
    #[serde(rename = "IP")]
    pub(crate) ip: String,
}

/// The networks that a container is attached to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Networks {
    #[serde(deserialize_with = "nullable")]
    pub(crate) networks: BTreeMap<String, Attached>,
    /// `80/tcp` to where it is published; only when inspected.
    #[serde(deserialize_with = "nullable")]
    pub(crate) ports: BTreeMap<String, Option<Vec<Binding>>>,
}

/// How a container is attached to a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Attached {
    #[serde(rename = "NetworkID")]
    pub(crate) network_id: String,
    #[serde(rename = "IPAddress")]
    pub(crate) ip_address: String,
    #[serde(rename = "GlobalIPv6Address")]
    pub(crate) ipv6_address: String,
    pub(crate) mac_address: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) aliases: Vec<String>,
    #[serde(rename = "IPAMConfig")]
    pub(crate) ipam_config: Option<Value>,
}

/// Where a port is published.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Binding {
    pub(crate) host_ip: String,
    pub(crate) host_port: String,
}

/// What is mounted into a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Mount {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) source: String,
    pub(crate) destination: String,
    #[serde(rename = "RW")]
    pub(crate) rw: bool,
}

/// A file or directory that a container changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct FileChange {
    pub(crate) path: String,
    /// 0 modified, 1 added, 2 deleted.
    pub(crate) kind: i64,
}

/// A container in full.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Inspect {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: String,
    pub(crate) image: String,
    pub(crate) restart_count: i64,
    pub(crate) platform: String,
    pub(crate) size_rw: Option<i64>,
    pub(crate) state: State,
    pub(crate) config: Config,
    pub(crate) host_config: HostConfig,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mounts: Vec<Mount>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) network_settings: Networks,
}

/// How a container is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) status: String,
    pub(crate) running: bool,
    pub(crate) paused: bool,
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    pub(crate) exit_code: i64,
    pub(crate) error: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: String,
    pub(crate) health: Option<Health>,
}

/// What a health check found.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Health {
    pub(crate) status: String,
    pub(crate) failing_streak: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) log: Vec<Probe>,
}

/// One run of a health check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Probe {
    pub(crate) exit_code: i64,
    pub(crate) output: String,
}

/// What a container was made with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Config {
    pub(crate) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) env: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cmd: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) entrypoint: Vec<String>,
    pub(crate) user: String,
    pub(crate) working_dir: String,
    pub(crate) tty: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Texts,
}

/// What of the host a container may use.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    pub(crate) network_mode: String,
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) auto_remove: bool,
    pub(crate) privileged: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cap_add: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) pid_mode: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) devices: Vec<Value>,
    pub(crate) memory: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) memory_reservation: i64,
    pub(crate) memory_swap: i64,
    pub(crate) nano_cpus: i64,
    pub(crate) cpu_shares: i64,
    pub(crate) pids_limit: Option<i64>,
    pub(crate) log_config: LogConfig,
}

/// Where a container's output goes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct LogConfig {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
}

/// When a container is started again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct RestartPolicy {
    pub(crate) name: String,
    pub(crate) maximum_retry_count: i64,
}

/// A container was made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Created {
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}

/// Limits were changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Changed {
    #[serde(deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}

/// A command was prepared.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ExecCreated {
    pub(crate) id: String,
}

/// How a command is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ExecState {
    pub(crate) running: bool,
    pub(crate) exit_code: Option<i64>,
    pub(crate) pid: i64,
}

/// Processes of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Top {
    #[serde(deserialize_with = "nullable")]
    pub(crate) titles: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) processes: Vec<Vec<String>>,
}

/// One sample of what a container uses.
#[expect(clippy::struct_field_names, reason = "so engines call them")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stats {
    pub(crate) read: String,
    pub(crate) preread: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cpu_stats: Cpu,
    #[serde(deserialize_with = "nullable")]
    pub(crate) precpu_stats: Cpu,
    #[serde(deserialize_with = "nullable")]
    pub(crate) memory_stats: Memory,
    #[serde(deserialize_with = "nullable")]
    pub(crate) networks: BTreeMap<String, Traffic>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) blkio_stats: Blocks,
    #[serde(deserialize_with = "nullable")]
    pub(crate) pids_stats: Pids,
}

/// Time on processors, in nanoseconds.
#[expect(clippy::struct_field_names, reason = "so engines call them")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cpu {
    #[serde(deserialize_with = "nullable")]
    pub(crate) cpu_usage: CpuUsage,
    #[serde(deserialize_with = "nullable")]
    pub(crate) system_cpu_usage: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) online_cpus: u64,
}

/// Time on processors, in nanoseconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuUsage {
    pub(crate) total_usage: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) percpu_usage: Vec<u64>,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    #[serde(deserialize_with = "nullable")]
    pub(crate) usage: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) limit: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) stats: BTreeMap<String, Value>,
}

/// Bytes over one network interface.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Traffic {
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
}

/// Bytes to and from disks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Blocks {
    #[serde(deserialize_with = "nullable")]
    pub(crate) io_service_bytes_recursive: Vec<Block>,
}

/// Bytes to or from one disk.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block {
    pub(crate) op: String,
    pub(crate) value: u64,
}

/// Number of processes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pids {
    #[serde(deserialize_with = "nullable")]
    pub(crate) current: u64,
}
