//! The standard `process_*` metrics, read from `/proc` on each scrape.
//!
//! Source: proc_pid_stat(5), proc_pid_status(5), proc_stat(5). Where there is no `/proc`, there are
//! no such metrics.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks in a second as user space sees them; Linux fixes it at 100 on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads a handful of small files; about 50 µs for each scrape.
#[derive(Debug)]
pub(super) struct Process {
    start_time_seconds: Option<f64>,
}

impl Process {
    pub(super) fn new() -> Self {
        let boot_seconds = fs::read_to_string("/proc/stat").ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
            line.trim().parse::<f64>().ok()
        });
        let started = Stat::read().map(|stat| stat.start_ticks / TICKS_PER_SECOND);
        Self {
            start_time_seconds: boot_seconds.zip(started).map(|(boot, since)| boot + since),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        if let Some(seconds) = self.start_time_seconds {
            let help = "Start time of the process since the Unix epoch in seconds.";
            gauge(&mut encoder, "process_start_time_seconds", help, seconds)?;
        }
        if let Some(stat) = Stat::read() {
            let seconds = ConstCounter::new(stat.cpu_ticks / TICKS_PER_SECOND);
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "Total user and system CPU time in seconds.",
                None,
                MetricType::Counter,
            )?;
            seconds.encode(metric)?;
            let help = "Number of threads.";
            gauge(&mut encoder, "process_threads", help, stat.threads)?;
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            for (field, name, help) in [
                (
                    "VmRSS:",
                    "process_resident_memory_bytes",
                    "Resident memory in bytes.",
                ),
                (
                    "VmSize:",
                    "process_virtual_memory_bytes",
                    "Virtual memory in bytes.",
                ),
            ] {
                if let Some(kibibytes) = kibibytes(&status, field) {
                    gauge(&mut encoder, name, help, kibibytes * 1024.0)?;
                }
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory that is being read.
            let open = u32::try_from(open.count().saturating_sub(1)).unwrap_or(u32::MAX);
            let help = "Number of open file descriptors.";
            gauge(&mut encoder, "process_open_fds", help, f64::from(open))?;
        }
        if let Some(most) = most_descriptors() {
            let help = "Maximum number of open file descriptors.";
            gauge(&mut encoder, "process_max_fds", help, most)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

struct Stat {
    cpu_ticks: f64,
    threads: f64,
    start_ticks: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// The second field is the program's name in brackets and may hold anything, brackets too.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // The manual counts from 1 and the first field after the name is number 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
        })
    }
}

fn kibibytes(status: &str, field: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(field))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn most_descriptors() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let rest = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let text = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 9000 1 2";

        let stat = Stat::parse(text).unwrap();

        assert!((stat.cpu_ticks - 200.0).abs() < f64::EPSILON);
        assert!((stat.threads - 7.0).abs() < f64::EPSILON);
        assert!((stat.start_ticks - 9000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn memory_is_read_by_its_field() {
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t    12 kB\n";

        assert_eq!(kibibytes(status, "VmRSS:"), Some(12.0));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }
}
