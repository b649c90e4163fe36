//! What the server sends. Unknown members are ignored; what releases differ in is optional.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Every successful answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) data: T,
    /// Rows or lines in all, where the answer is a part of them.
    #[serde(default)]
    pub(crate) total: Option<u64>,
}

/// `GET /version`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Version {
    /// Such as `4.1`.
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) release: String,
}

impl Version {
    /// Major and minor number; zeros for what cannot be read.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        let mut parts = self
            .version
            .split(['.', '-'])
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Whether it can copy backups to a remote by itself.
    pub(crate) fn pushes(&self) -> bool {
        self.numbers() >= (3, 3)
    }

    /// As people write it: `4.1.1`.
    pub(crate) fn full(&self) -> String {
        if self.release.is_empty() {
            return self.version.clone();
        }
        format!("{}.{}", self.version, self.release)
    }
}

/// `GET /access/permissions`: privileges by path.
pub(crate) type Permissions = BTreeMap<String, BTreeMap<String, Value>>;

/// A row of `GET /admin/datastore`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StoreRow {
    pub(crate) store: String,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) maintenance: Option<Value>,
}

impl StoreRow {
    /// The maintenance mode, if it is in one.
    pub(crate) fn maintenance(&self) -> Option<String> {
        match self.maintenance.as_ref()? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// A row of `GET /status/datastore-usage`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct UsageRow {
    pub(crate) store: String,
    #[serde(default)]
    pub(crate) total: Option<u64>,
    #[serde(default)]
    pub(crate) used: Option<u64>,
    #[serde(default)]
    pub(crate) avail: Option<u64>,
    #[serde(default)]
    pub(crate) estimated_full_date: Option<i64>,
    #[serde(default)]
    pub(crate) mount_status: Option<String>,
    #[serde(default)]
    pub(crate) backend_type: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) history: Option<Vec<Option<f64>>>,
    #[serde(default)]
    pub(crate) history_delta: Option<u64>,
}

/// `GET /admin/datastore/{store}/status`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StoreStatus {
    #[serde(default)]
    pub(crate) counts: Option<BTreeMap<String, Option<Counts>>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Counts {
    #[serde(default)]
    pub(crate) groups: u64,
    #[serde(default)]
    pub(crate) snapshots: u64,
}

/// `GET /admin/datastore/{store}/gc`, and a row of `GET /admin/gc`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Gc {
    pub(crate) store: String,
    #[serde(default)]
    pub(crate) schedule: Option<String>,
    #[serde(default)]
    pub(crate) next_run: Option<i64>,
    #[serde(default)]
    pub(crate) last_run_state: Option<String>,
    #[serde(default)]
    pub(crate) last_run_endtime: Option<i64>,
    #[serde(default)]
    pub(crate) duration: Option<i64>,
    #[serde(default)]
    pub(crate) upid: Option<String>,
    #[serde(default)]
    pub(crate) disk_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) index_data_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) index_file_count: Option<u64>,
    #[serde(default)]
    pub(crate) pending_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) removed_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) removed_bad: Option<u64>,
    #[serde(default)]
    pub(crate) still_bad: Option<u64>,
}

/// A row of `GET /admin/datastore/{store}/namespace`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NamespaceRow {
    pub(crate) ns: String,
}

/// A row of `GET /admin/datastore/{store}/groups`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct GroupRow {
    pub(crate) backup_type: String,
    pub(crate) backup_id: String,
    #[serde(default)]
    pub(crate) backup_count: u64,
    #[serde(default)]
    pub(crate) last_backup: i64,
    #[serde(default)]
    pub(crate) owner: Option<String>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
}

/// A row of `GET /admin/datastore/{store}/snapshots`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SnapshotRow {
    pub(crate) backup_type: String,
    pub(crate) backup_id: String,
    pub(crate) backup_time: i64,
    #[serde(default)]
    pub(crate) size: Option<u64>,
    #[serde(default)]
    pub(crate) owner: Option<String>,
    #[serde(default)]
    pub(crate) protected: bool,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    /// Of the key it is encrypted with.
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
    #[serde(default)]
    pub(crate) files: Vec<Value>,
    #[serde(default)]
    pub(crate) verification: Option<Verification>,
}

impl SnapshotRow {
    /// A backup that was interrupted, is being made, or lost its manifest has no size or no files.
    pub(crate) fn is_complete(&self) -> bool {
        self.size.is_some() && !self.files.is_empty()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Verification {
    /// `ok` or `failed`.
    pub(crate) state: String,
}

/// A row of a prune's answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PruneRow {
    pub(crate) backup_type: String,
    pub(crate) backup_id: String,
    pub(crate) backup_time: i64,
    pub(crate) keep: bool,
    #[serde(default)]
    pub(crate) protected: bool,
}

/// A row of `GET /admin/{verify,prune,sync}`; those of the other kinds are absent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) store: String,
    #[serde(default)]
    pub(crate) ns: Option<String>,
    #[serde(default)]
    pub(crate) schedule: Option<String>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) disable: bool,
    #[serde(default)]
    pub(crate) next_run: Option<i64>,
    #[serde(default)]
    pub(crate) last_run_state: Option<String>,
    #[serde(default)]
    pub(crate) last_run_endtime: Option<i64>,
    #[serde(default)]
    pub(crate) last_run_upid: Option<String>,
    #[serde(default)]
    pub(crate) max_depth: Option<u8>,
    #[serde(default)]
    pub(crate) remote: Option<String>,
    #[serde(default)]
    pub(crate) remote_store: Option<String>,
    #[serde(default)]
    pub(crate) remote_ns: Option<String>,
    #[serde(default)]
    pub(crate) sync_direction: Option<String>,
    #[serde(default)]
    pub(crate) remove_vanished: Option<bool>,
    /// `keep-last` and the like.
    #[serde(flatten)]
    pub(crate) other: BTreeMap<String, Value>,
}

/// A row of `GET /config/remote`; its password is not in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Remote {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) auth_id: Option<String>,
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
}

/// A row of `GET /nodes/localhost/tasks`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TaskRow {
    pub(crate) upid: String,
    #[serde(default)]
    pub(crate) starttime: i64,
    #[serde(default)]
    pub(crate) endtime: Option<i64>,
    /// The exit text; absent while it runs.
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) worker_type: String,
    #[serde(default)]
    pub(crate) worker_id: Option<String>,
}

/// `GET /nodes/localhost/tasks/{upid}/status`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TaskStatus {
    /// `running` or `stopped`.
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) exitstatus: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// A line of a task's log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    #[serde(default)]
    pub(crate) t: Option<String>,
}

/// `GET /nodes/localhost/status`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Node {
    #[serde(default)]
    pub(crate) cpu: Option<f64>,
    #[serde(default)]
    pub(crate) wait: Option<f64>,
    #[serde(default)]
    pub(crate) uptime: Option<i64>,
    #[serde(default)]
    pub(crate) loadavg: Option<Vec<f64>>,
    #[serde(default)]
    pub(crate) memory: Option<Space>,
    #[serde(default)]
    pub(crate) root: Option<Space>,
    #[serde(default)]
    pub(crate) kversion: Option<String>,
    #[serde(default)]
    pub(crate) info: Option<NodeInfo>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Space {
    #[serde(default)]
    pub(crate) total: Option<u64>,
    #[serde(default)]
    pub(crate) used: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NodeInfo {
    #[serde(default)]
    pub(crate) fingerprint: Option<String>,
}

/// A row of `GET /nodes/localhost/services`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) state: Option<String>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("3.2", (3, 2))]
    #[case("4.1.2-1", (4, 1))]
    #[case("next", (0, 0))]
    fn a_version_has_numbers(#[case] version: &str, #[case] numbers: (u32, u32)) {
        let version: Version = serde_json::from_value(json!({ "version": version })).unwrap();

        assert_eq!(version.numbers(), numbers);
    }

    #[test]
    fn a_backup_without_size_or_files_is_not_complete() {
        let row = |size: Option<u64>, files: &[&str]| {
            let row = json!({ "backup-type": "vm", "backup-id": "1", "backup-time": 1, "size": size, "files": files });
            serde_json::from_value::<SnapshotRow>(row)
                .unwrap()
                .is_complete()
        };

        assert!(row(Some(1), &["index.json.blob"]));
        assert!(!row(None, &["index.json.blob"]));
        assert!(!row(Some(1), &[]));
    }
}
