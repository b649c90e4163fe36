//! The server itself.

use serde_json::json;

use super::Release;
use super::entry::Call;
use super::reply::{Answer, Failure, data};
use super::state::State;

/// `GET /ping`.
pub(super) fn ping(_: &mut State, _: &Call) -> Answer {
    data(json!({ "pong": true }))
}

/// `GET /version`.
pub(super) fn version(state: &mut State, _: &Call) -> Answer {
    let (version, release) = match state.release {
        Release::V3_2 => ("3.2", "9"),
        Release::V3_4 => ("3.4", "4"),
        Release::V4_1 => ("4.1", "1"),
    };
    data(json!({ "version": version, "release": release, "repoid": "0123456789abcdef" }))
}

/// `GET /nodes/localhost/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    if !state.rights.has(&call.who, "/system/status", "Sys.Audit") {
        return Err(Failure::forbidden());
    }
    data(json!({
        "cpu": 0.034,
        "wait": 0.012,
        "uptime": 2_345_678,
        "loadavg": [0.21, 0.33, 0.29],
        "cpuinfo": { "model": "Intel(R) N100", "cpus": 4, "sockets": 1 },
        "memory": { "total": 16_606_191_616_u64, "used": 4_151_547_904_u64, "free": 12_454_643_712_u64 },
        "swap": { "total": 8_589_930_496_u64, "used": 0, "free": 8_589_930_496_u64 },
        "root": { "total": 67_239_776_256_u64, "used": 9_663_676_416_u64, "avail": 54_129_078_272_u64 },
        "kversion": "Linux 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC",
        "current-kernel": {
            "sysname": "Linux",
            "release": "6.17.2-1-pve",
            "version": "#1 SMP PREEMPT_DYNAMIC",
            "machine": "x86_64",
        },
        "boot-info": { "mode": "efi", "secureboot": false },
        "info": { "fingerprint": state.fingerprint.to_lowercase() },
    }))
}

/// `GET /nodes/localhost/services`.
pub(super) fn services(_: &mut State, _: &Call) -> Answer {
    let row =
        |name: &&str| json!({ "service": name, "name": name, "desc": name, "state": "running" });
    let names = ["proxmox-backup", "proxmox-backup-proxy", "chrony", "sshd"];
    data(names.iter().map(row).collect())
}
