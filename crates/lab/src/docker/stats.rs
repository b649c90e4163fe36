//! What a container uses.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of, lines};
use super::state::{Container, Engine};
use crate::calendar::rfc3339;

const SECOND_NS: u64 = 1_000_000_000;

/// `GET /containers/{id}/stats`.
pub(super) fn stats(engine: &mut Engine, call: &Call) -> Answer {
    let streams = call
        .query
        .get("stream")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let now = engine.now();
    let one = engine.container(call.id())?;
    let sample = sample(one, now, call.is_set("one-shot"));
    if !streams {
        return json_of(sample);
    }
    // A stream ends here after two samples.
    let Reply::Pieces(kind, pieces) = lines(&[sample.clone(), sample]) else {
        return Err(Failure::new(500, "no stream"));
    };
    Ok(Reply::Pieces(kind, pieces))
}

/// A quarter of one of four processors, and 64 MiB of which 16 are cache.
fn sample(one: &Container, now: i64, one_shot: bool) -> Value {
    if !one.phase.is_up() {
        return json!({
            "id": one.id,
            "name": format!("/{}", one.name),
            "read": "0001-01-01T00:00:00Z",
            "preread": "0001-01-01T00:00:00Z",
            "pids_stats": {},
            "blkio_stats": { "io_service_bytes_recursive": null },
            "num_procs": 0,
            "cpu_stats": { "cpu_usage": { "total_usage": 0 }, "throttling_data": {} },
            "precpu_stats": { "cpu_usage": { "total_usage": 0 }, "throttling_data": {} },
            "memory_stats": {},
        });
    }
    let seconds = u64::try_from(now - one.started).unwrap_or_default() + 10;
    let cpu = |seconds: u64| {
        json!({
            "cpu_usage": {
                "total_usage": seconds * SECOND_NS / 4,
                "usage_in_kernelmode": seconds * SECOND_NS / 16,
                "usage_in_usermode": seconds * SECOND_NS * 3 / 16,
            },
            "system_cpu_usage": seconds * SECOND_NS * 4,
            "online_cpus": 4,
            "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
        })
    };
    let before = if one_shot {
        json!({
            "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
            "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
        })
    } else {
        cpu(seconds - 1)
    };
    let limit = one
        .host
        .get("Memory")
        .and_then(Value::as_u64)
        .filter(|limit| *limit > 0);
    json!({
        "id": one.id,
        "name": format!("/{}", one.name),
        "read": rfc3339(now),
        "preread": if one_shot { "0001-01-01T00:00:00Z".to_owned() } else { rfc3339(now - 1) },
        "pids_stats": { "current": 7, "limit": 18_446_744_073_709_551_615_u64 },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": cpu(seconds),
        "precpu_stats": before,
        "memory_stats": {
            "usage": 67_108_864,
            "stats": { "inactive_file": 16_777_216, "active_file": 1_048_576, "anon": 41_943_040 },
            "limit": limit.unwrap_or(16_606_191_616),
        },
        "blkio_stats": {
            "io_service_bytes_recursive": [
                { "major": 259, "minor": 0, "op": "read", "value": 8_388_608 },
                { "major": 259, "minor": 0, "op": "write", "value": 4_194_304 },
            ],
        },
        "networks": {
            "eth0": { "rx_bytes": 1_048_576, "tx_bytes": 524_288, "rx_packets": 900, "tx_packets": 700 },
        },
    })
}

/// `GET /containers/{id}/top`.
pub(super) fn top(engine: &mut Engine, call: &Call) -> Answer {
    let one = engine.container(call.id())?;
    if !one.phase.is_up() {
        return Err(engine.not_running(call)?);
    }
    let command = super::create::texts(one.config.get("Cmd")).join(" ");
    json_of(json!({
        "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
        "Processes": [["root", "4242", "4221", "0", "08:00", "?", "00:00:01", command]],
    }))
}
