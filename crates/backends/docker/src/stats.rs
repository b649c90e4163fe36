//! Works out what a container uses from two samples, as `docker stats` shows it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::types::Stats;

/// Limits above this are none: kernels write the largest number of pages for "no limit".
const NO_LIMIT: u64 = 1 << 60;

/// What a container uses.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Usage {
    /// Processor time in percent; 100 is one core.
    pub(crate) cpu_percent: f64,
    /// Memory in bytes, without what the kernel could drop at once.
    pub(crate) memory_bytes: u64,
    /// Bytes that it may use: its limit, or the host's memory. Absent where the engine does not say.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Memory in percent of that.
    pub(crate) memory_percent: Option<f64>,
    /// Bytes received over all networks since it was started.
    pub(crate) network_rx_bytes: u64,
    /// Bytes sent.
    pub(crate) network_tx_bytes: u64,
    /// Bytes read from disks.
    pub(crate) block_read_bytes: u64,
    /// Bytes written to disks.
    pub(crate) block_write_bytes: u64,
    /// Processes and threads.
    pub(crate) pids: u64,
}

impl Stats {
    /// Whether the engine put a second sample in to compare with.
    pub(crate) fn is_comparable(&self) -> bool {
        self.precpu_stats.cpu_usage.total_usage > 0
            && (self.precpu_stats.system_cpu_usage > 0 || !self.preread.starts_with("0001-"))
    }

    /// As if the engine had put this earlier sample in.
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        self.precpu_stats = earlier.cpu_stats.clone();
        self.preread.clone_from(&earlier.read);
        self
    }

    /// What the container uses.
    pub(crate) fn usage(&self) -> Usage {
        let used = self.memory_used();
        let limit = Some(self.memory_stats.limit).filter(|limit| (1..NO_LIMIT).contains(limit));
        let traffic = self.networks.values();
        let blocks = |operation: &str| {
            let entries = self.blkio_stats.io_service_bytes_recursive.iter();
            entries
                .filter(|entry| entry.op.eq_ignore_ascii_case(operation))
                .map(|entry| entry.value)
                .sum()
        };
        Usage {
            cpu_percent: round(self.cpu_percent()),
            memory_bytes: used,
            memory_limit_bytes: limit,
            memory_percent: limit.map(|limit| round(ratio(used, limit) * 100.0)),
            network_rx_bytes: traffic.clone().map(|one| one.rx_bytes).sum(),
            network_tx_bytes: traffic.map(|one| one.tx_bytes).sum(),
            block_read_bytes: blocks("read"),
            block_write_bytes: blocks("write"),
            pids: self.pids_stats.current,
        }
    }

    fn cpu_percent(&self) -> f64 {
        let (now, before) = (&self.cpu_stats, &self.precpu_stats);
        let used = now
            .cpu_usage
            .total_usage
            .saturating_sub(before.cpu_usage.total_usage);
        let system = now.system_cpu_usage.saturating_sub(before.system_cpu_usage);
        if before.system_cpu_usage > 0 && system > 0 {
            let counted = now.cpu_usage.percpu_usage.len() as u64;
            let cores = if now.online_cpus > 0 {
                now.online_cpus
            } else {
                counted.max(1)
            };
            return ratio(used, system) * ratio(cores, 1) * 100.0;
        }
        // Engines that do not say how long all cores ran: by the time between the samples.
        ratio(used, self.nanoseconds_between()) * 100.0
    }

    fn nanoseconds_between(&self) -> u64 {
        use homelab_core::clock::Micros;
        let (Some(now), Some(before)) = (
            Micros::from_rfc3339(&self.read),
            Micros::from_rfc3339(&self.preread),
        ) else {
            return 0;
        };
        u64::try_from(now.0.saturating_sub(before.0))
            .unwrap_or(0)
            .saturating_mul(1000)
    }

    /// Version 2 of control groups counts files that are not in use as `inactive_file`, version 1 has a
    /// total over the groups below too.
    fn memory_used(&self) -> u64 {
        let stat = |name: &str| {
            self.memory_stats
                .stats
                .get(name)
                .and_then(serde_json::Value::as_u64)
        };
        let droppable = stat("total_inactive_file")
            .or_else(|| stat("inactive_file"))
            .unwrap_or(0);
        let usage = self.memory_stats.usage;
        // More than all of it would be a misreading.
        if droppable < usage {
            usage - droppable
        } else {
            usage
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "percentages need no 53 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn round(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// source: recorded (dockerd 20.10.24, control groups version 1), trimmed.
    fn recorded() -> Stats {
        let file = include_str!("../fixtures/stats_v1.json");
        let file: Value = serde_json::from_str(file).unwrap();
        serde_json::from_value(file["response"].clone()).unwrap()
    }

    #[test]
    fn a_recorded_sample_of_a_busy_container_is_reckoned_as_docker_stats_does() {
        let usage = recorded().usage();

        assert!((usage.cpu_percent - 53.49).abs() < 1e-9, "{usage:?}");
        assert_eq!(usage.memory_bytes, 585_728 - 4096);
        assert_eq!(usage.memory_limit_bytes, Some(25_276_059_648));
        assert_eq!((usage.network_rx_bytes, usage.network_tx_bytes), (516, 0));
        assert_eq!(usage.pids, 1);
    }

    /// source: hand, after the engine's specification of version 2 of control groups.
    #[test]
    fn files_not_in_use_are_no_memory_in_version_two_of_control_groups_either() {
        let stats: Stats = serde_json::from_value(json!({
            "memory_stats": { "usage": 1000, "limit": 4000, "stats": { "inactive_file": 400, "anon": 600 } },
        }))
        .unwrap();

        let usage = stats.usage();

        assert_eq!(
            (usage.memory_bytes, usage.memory_percent),
            (600, Some(15.0))
        );
    }

    #[test]
    fn a_container_that_does_not_run_uses_nothing() {
        let stats: Stats = serde_json::from_value(json!({
            "read": "0001-01-01T00:00:00Z", "preread": "0001-01-01T00:00:00Z", "networks": null,
            "blkio_stats": { "io_service_bytes_recursive": null }, "cpu_stats": {}, "memory_stats": {},
        }))
        .unwrap();

        let usage = stats.usage();

        assert!(!stats.is_comparable());
        assert_eq!(
            (usage.cpu_percent, usage.memory_bytes, usage.memory_percent),
            (0.0, 0, None)
        );
    }

    #[test]
    fn without_the_time_of_all_cores_the_time_between_samples_counts() {
        let sample = |read: &str, total: u64| -> Stats {
            serde_json::from_value(json!({
                "read": read, "cpu_stats": { "cpu_usage": { "total_usage": total } },
            }))
            .unwrap()
        };
        let first = sample("2026-01-01T00:00:00Z", 1_000_000_000);
        let second = sample("2026-01-01T00:00:02Z", 2_000_000_000);

        let percent = second.after(&first).usage().cpu_percent;
        assert!((percent - 50.0).abs() < 1e-9, "{percent}");
    }

    #[test]
    fn an_absurd_limit_is_none() {
        let stats: Stats = serde_json::from_value(json!({
            "memory_stats": { "usage": 10, "limit": 9_223_372_036_854_771_712_u64, "stats": {} },
        }))
        .unwrap();

        assert_eq!(stats.usage().memory_limit_bytes, None);
    }
}
