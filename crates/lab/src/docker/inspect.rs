//! One container in full.

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::reply::{Answer, json_of};
use super::state::{ApiVersion, Container, Engine, Phase};
use crate::calendar::rfc3339;

/// A container's networks, by name.
pub(super) fn networks_of(engine: &Engine, container: &Container) -> Value {
    let mut all = Map::new();
    for (name, address) in &container.networks {
        let Ok(network) = engine.network(name) else {
            continue;
        };
        let up = container.phase.is_up();
        let base = network.subnet.split('/').next().unwrap_or_default();
        let gateway = base.rsplit_once('.').map(|(front, last)| {
            format!("{front}.{}", last.parse::<u32>().unwrap_or_default() + 1)
        });
        all.insert(
            name.clone(),
            json!({
                "IPAMConfig": null,
                "Links": null,
                "Aliases": [container.name],
                "NetworkID": network.id,
                "EndpointID": if up { container.id.as_str() } else { "" },
                "Gateway": gateway.filter(|_| up).unwrap_or_default(),
                "IPAddress": if up { address.as_str() } else { "" },
                "IPPrefixLen": if up { 28 } else { 0 },
                "MacAddress": if up { "02:42:c6:33:64:02" } else { "" },
            }),
        );
    }
    Value::Object(all)
}

/// `GET /containers/{id}/json`.
pub(super) fn inspect(engine: &mut Engine, call: &Call) -> Answer {
    let one = engine.container(call.id())?;
    let time = |seconds: i64| match seconds {
        0 => "0001-01-01T00:00:00Z".to_owned(),
        seconds => rfc3339(seconds),
    };
    let networks = networks_of(engine, one);
    let mut settings = json!({ "Networks": networks });
    if engine.version < ApiVersion::V1_52 {
        // Of the first bridge alone, for old clients.
        settings["IPAddress"] = networks["bridge"]["IPAddress"].clone();
        settings["Gateway"] = networks["bridge"]["Gateway"].clone();
    }
    settings["Ports"] = one
        .host
        .get("PortBindings")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut state = json!({
        "Status": one.phase.name(),
        "Running": one.phase.is_up(),
        "Paused": one.phase == Phase::Paused,
        "Restarting": false,
        "OOMKilled": false,
        "Dead": false,
        "Pid": if one.phase.is_up() { 4242 } else { 0 },
        "ExitCode": one.exit_code,
        "Error": "",
        "StartedAt": time(one.started),
        "FinishedAt": time(one.finished),
    });
    if let Some(health) = &one.health {
        state["Health"] = json!({ "Status": health, "FailingStreak": 0, "Log": [] });
    }
    let command = super::create::texts(one.config.get("Cmd"));
    json_of(json!({
        "Id": one.id,
        "Created": rfc3339(one.created),
        "Path": command.first(),
        "Args": command.get(1..).unwrap_or_default(),
        "State": state,
        "Image": one.image_id,
        "Name": format!("/{}", one.name),
        "RestartCount": one.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "Config": one.config,
        "HostConfig": one.host,
        "Mounts": one.mount_rows(),
        "NetworkSettings": settings,
    }))
}

/// `GET /containers/{id}/changes`.
pub(super) fn changes(engine: &mut Engine, call: &Call) -> Answer {
    engine.container(call.id())?;
    json_of(json!([{ "Path": "/tmp", "Kind": 0 }, { "Path": "/tmp/new", "Kind": 1 }]))
}
