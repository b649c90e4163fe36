//! The engine itself.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Reply, json_of, lines};
use super::state::{Container, Engine, Phase};

/// `GET /_ping`.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn ping(_: &mut Engine, _: &Call) -> Answer {
    Ok(Reply::Raw("text/plain; charset=utf-8", b"OK".to_vec()))
}

/// `GET /version`.
pub(super) fn version(engine: &mut Engine, _: &Call) -> Answer {
    let version = engine.version;
    json_of(json!({
        "Platform": { "Name": "Docker Engine - Community" },
        "Components": [],
        "Version": version.engine(),
        "ApiVersion": format!("1.{}", version.minor()),
        "MinAPIVersion": format!("1.{}", version.least()),
        "GitCommit": "0000000",
        "GoVersion": "go1.25.3",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "6.12.48+deb13-amd64",
        "BuildTime": "2026-10-01T00:00:00.000000000+00:00",
    }))
}

/// `GET /info`.
pub(super) fn info(engine: &mut Engine, _: &Call) -> Answer {
    let count = |wanted: fn(&Container) -> bool| {
        engine.containers.values().filter(|one| wanted(one)).count()
    };
    json_of(json!({
        "ID": "00000000-1111-2222-3333-444444444444",
        "Containers": engine.containers.len(),
        "ContainersRunning": count(|one| one.phase == Phase::Running),
        "ContainersPaused": count(|one| one.phase == Phase::Paused),
        "ContainersStopped": count(|one| !one.phase.is_up()),
        "Images": engine.images.len(),
        "Driver": "overlay2",
        "LoggingDriver": "json-file",
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
        "KernelVersion": "6.12.48+deb13-amd64",
        "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
        "OSType": "linux",
        "Architecture": "x86_64",
        "NCPU": 4,
        "MemTotal": 16_606_191_616_u64,
        "DockerRootDir": "/var/lib/docker",
        "Name": engine.name,
        "ServerVersion": engine.version.engine(),
        "Swarm": { "NodeID": "", "LocalNodeState": "inactive" },
        "LiveRestoreEnabled": false,
        "Warnings": null,
    }))
}

/// `GET /events`: those that there were; the stream ends with them.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn events(engine: &mut Engine, call: &Call) -> Answer {
    let time = |name: &str| {
        call.text(name)
            .and_then(|text| text.split('.').next()?.parse::<i64>().ok())
    };
    let (since, until) = (time("since"), time("until"));
    let wanted = |event: &&Value| {
        let at = event["time"].as_i64().unwrap_or_default();
        since.is_none_or(|since| at >= since)
            && until.is_none_or(|until| at <= until)
            && call
                .filter("type")
                .is_none_or(|kinds| kinds.iter().any(|kind| event["Type"] == kind.as_str()))
            && call
                .filter("event")
                .is_none_or(|names| names.iter().any(|name| event["Action"] == name.as_str()))
            && call.filter("container").is_none_or(|names| {
                names.iter().any(|name| {
                    event["Actor"]["ID"] == name.as_str()
                        || event["Actor"]["Attributes"]["name"] == name.as_str()
                })
            })
    };
    let found: Vec<Value> = engine.events.iter().filter(wanted).cloned().collect();
    Ok(lines(&found))
}

/// `POST /build/prune`.
pub(super) fn prune_build_cache(engine: &mut Engine, _: &Call) -> Answer {
    let freed = std::mem::take(&mut engine.build_cache);
    let gone = if freed > 0 {
        json!(["cache0"])
    } else {
        Value::Null
    };
    json_of(json!({ "CachesDeleted": gone, "SpaceReclaimed": freed }))
}
