//! What Proxmox sends: only what we read of it, tolerant of versions and of what is left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::lenient;

/// Every answer: the data, and beside it what lists count.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) data: T,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) total: Option<u64>,
}

/// A row of `GET /cluster/resources`: a guest, node, storage, pool or network.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Resource {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) vmid: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) node: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub(crate) template: bool,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) lock: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) tags: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) pool: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) hastate: Option<String>,
    /// Load, 0 to 1.
    #[serde(default, deserialize_with = "lenient::float")]
    pub(crate) cpu: Option<f64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) mem: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) maxmem: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) disk: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) maxdisk: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) uptime: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) storage: Option<String>,
    /// Comma-separated kinds of volumes that the storage takes.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) content: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) plugintype: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub(crate) shared: bool,
}

/// A row of `GET /cluster/status`: the cluster, or a node.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ClusterMember {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) ip: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag_opt")]
    pub(crate) quorate: Option<bool>,
}

/// A row of `GET /nodes`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Node {
    #[serde(rename = "node")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "lenient::float")]
    pub(crate) cpu: Option<f64>,
    #[serde(default, deserialize_with = "lenient::float")]
    pub(crate) maxcpu: Option<f64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) mem: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) maxmem: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) uptime: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) ssl_fingerprint: Option<String>,
}

/// How much of something is used.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) used: Option<u64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) total: Option<u64>,
}

/// `GET /nodes/{node}/status`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    #[serde(deserialize_with = "lenient::float")]
    pub(crate) cpu: Option<f64>,
    #[serde(deserialize_with = "lenient::float")]
    pub(crate) wait: Option<f64>,
    pub(crate) cpuinfo: CpuInfo,
    pub(crate) memory: Usage,
    pub(crate) swap: Usage,
    pub(crate) rootfs: Usage,
    /// Numbers as texts.
    pub(crate) loadavg: Vec<Value>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) uptime: Option<u64>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) pveversion: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) kversion: Option<String>,
}

/// The processor of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuInfo {
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) model: Option<String>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) cores: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) cpus: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) sockets: Option<u64>,
}

/// `GET …/status/current` of a guest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Current {
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) qmpstatus: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) lock: Option<String>,
    #[serde(deserialize_with = "lenient::float")]
    pub(crate) cpu: Option<f64>,
    #[serde(deserialize_with = "lenient::float")]
    pub(crate) cpus: Option<f64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) mem: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) maxmem: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) disk: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) maxdisk: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) uptime: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) netin: Option<u64>,
    #[serde(deserialize_with = "lenient::int")]
    pub(crate) netout: Option<u64>,
    #[serde(deserialize_with = "lenient::flag_opt")]
    pub(crate) agent: Option<bool>,
    pub(crate) ha: Option<Ha>,
}

/// How the high-availability manager sees a guest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ha {
    #[serde(deserialize_with = "lenient::flag")]
    pub(crate) managed: bool,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) state: Option<String>,
}

/// A guest's configuration: property to value.
pub(crate) type GuestConfig = BTreeMap<String, Value>;

/// A row of `GET …/snapshot`; the one named `current` is the guest itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) description: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) parent: Option<String>,
    #[serde(default, deserialize_with = "lenient::signed")]
    pub(crate) snaptime: Option<i64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub(crate) vmstate: bool,
}

/// A row of `GET /nodes/{node}/storage/{storage}/content`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Volume {
    pub(crate) volid: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) content: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) format: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) subtype: Option<String>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) size: Option<u64>,
    #[serde(default, deserialize_with = "lenient::signed")]
    pub(crate) ctime: Option<i64>,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) vmid: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) notes: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub(crate) protected: bool,
    #[serde(default)]
    pub(crate) verification: Option<Verification>,
    /// A fingerprint, or 1.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) encrypted: Option<String>,
}

/// What a backup server found when it read a backup again.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Verification {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) state: Option<String>,
}

/// `GET /nodes/{node}/tasks/{upid}/status`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TaskStatus {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) exitstatus: Option<String>,
}

/// A line of a task's log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) n: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) t: Option<String>,
}

/// A row of a list of tasks. `status` is the exit status; running tasks have none.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TaskRow {
    pub(crate) upid: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "lenient::signed")]
    pub(crate) endtime: Option<i64>,
}

/// `GET …/migrate`: what stands in the way.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MigrateCheck {
    #[serde(deserialize_with = "lenient::flag")]
    pub(crate) running: bool,
    pub(crate) allowed_nodes: Option<Vec<String>>,
    pub(crate) local_disks: Option<Vec<LocalDisk>>,
    pub(crate) local_resources: Option<Vec<Value>>,
    pub(crate) not_allowed_nodes: Option<BTreeMap<String, Value>>,
}

/// A disk that only the guest's own node has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LocalDisk {
    #[serde(default)]
    pub(crate) volid: String,
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) size: Option<u64>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub(crate) cdrom: bool,
}

/// `GET …/agent/exec-status`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct ExecStatus {
    #[serde(deserialize_with = "lenient::flag")]
    pub(crate) exited: bool,
    #[serde(deserialize_with = "lenient::signed")]
    pub(crate) exitcode: Option<i64>,
    #[serde(deserialize_with = "lenient::signed")]
    pub(crate) signal: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) out_data: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) err_data: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    pub(crate) out_truncated: bool,
    #[serde(deserialize_with = "lenient::flag")]
    pub(crate) err_truncated: bool,
}

/// `POST …/agent/exec`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExecStarted {
    #[serde(default, deserialize_with = "lenient::int")]
    pub(crate) pid: Option<u64>,
}

/// A row of `GET /cluster/backup`; kept whole, because running a job repeats what it says.
pub(crate) type BackupJob = BTreeMap<String, Value>;

/// `GET /version`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Version {
    #[serde(default)]
    pub(crate) version: String,
}

impl Version {
    /// 8 for `8.4.1`.
    pub(crate) fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }
}

/// `GET /access/permissions`: path to privilege to whether it is inherited.
pub(crate) type Permissions = BTreeMap<String, BTreeMap<String, Value>>;

/// A row of `GET /nodes/{node}/aplinfo`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Appliance {
    #[serde(default)]
    pub(crate) template: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) section: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) os: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) version: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) headline: Option<String>,
}

/// Addresses of a container's interface, `GET …/interfaces`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerInterface {
    pub(crate) name: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) hwaddr: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) inet: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) inet6: Option<String>,
}

/// What the guest agent says of network interfaces; some versions wrap it in `result`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum AgentInterfaces {
    Wrapped { result: Vec<AgentInterface> },
    Bare(Vec<AgentInterface>),
}

impl AgentInterfaces {
    pub(crate) fn rows(self) -> Vec<AgentInterface> {
        match self {
            Self::Wrapped { result } => result,
            Self::Bare(rows) => rows,
        }
    }
}

/// One network interface of a virtual machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct AgentInterface {
    pub(crate) name: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) hardware_address: Option<String>,
    pub(crate) ip_addresses: Option<Vec<AgentAddress>>,
}

/// One address of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct AgentAddress {
    pub(crate) ip_address: String,
}
