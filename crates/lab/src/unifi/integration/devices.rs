//! Devices: adopted ones of a site, and those that wait.

use serde_json::{Value, json};

use crate::calendar::rfc3339;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, empty, page, plain};
use crate::unifi::seed::DeviceKind;
use crate::unifi::state::{Device, State, uuid};

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let adopted = site.devices.values().filter(|device| device.adopted());
    let rows = adopted.map(overview).collect();
    site.look();
    page(rows)
}

pub(in crate::unifi) fn pending(state: &mut State, _: &Call) -> Answer {
    let all = state.sites.values().flat_map(|site| {
        let devices = site.devices.values();
        devices.map(|device| (uuid("site", &site.name), device))
    });
    let rows = all.filter(|(_, device)| !device.adopted());
    let rows = rows.map(|(site, device)| {
        let mut row = overview(device);
        if let Some(fields) = row.as_object_mut() {
            // They have none of these until they are adopted.
            for own in ["id", "name", "interfaces"] {
                fields.remove(own);
            }
        }
        row["adoptionTargetSiteIds"] = json!([site]);
        row
    });
    page(rows.collect())
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let row = detail(found(state, call)?, call.now);
    call.site(state)?.look();
    plain(row)
}

pub(in crate::unifi) fn statistics(state: &mut State, call: &Call) -> Answer {
    let device = found(state, call)?;
    if device.state != "ONLINE" {
        return plain(json!({ "interfaces": {} }));
    }
    let mut row = json!({
        "uptimeSec": call.now - device.started,
        "lastHeartbeatAt": rfc3339(call.now),
        "nextHeartbeatAt": rfc3339(call.now + 10),
        "loadAverage1Min": 0.42,
        "loadAverage5Min": 0.38,
        "loadAverage15Min": 0.31,
        "cpuUtilizationPct": 7.5,
        "memoryUtilizationPct": 41.2,
        "uplink": { "txRateBps": 1_250_000, "rxRateBps": 8_400_000 },
        "interfaces": {},
    });
    if device.kind == DeviceKind::AccessPoint {
        row["interfaces"]["radios"] = json!([
            { "frequencyGHz": 2.4, "txRetriesPct": 6.1 },
            { "frequencyGHz": 5, "txRetriesPct": 1.9 },
        ]);
    }
    plain(row)
}

pub(in crate::unifi) fn act(state: &mut State, call: &Call) -> Answer {
    let mac = found(state, call)?.mac.clone();
    call.site(state)?.restart(&mac, "soft", call.now)?;
    empty()
}

pub(in crate::unifi) fn act_on_port(state: &mut State, call: &Call) -> Answer {
    let mac = found(state, call)?.mac.clone();
    let text = call.path.get("port");
    let port = text.parse().map_err(|_| {
        Failure::new(400, "api.request.invalid", format!("port '{text}'")).outside_the_contract()
    })?;
    let cycled = call.site(state)?.power_cycle(&mac, port);
    cycled.map_err(|_| {
        Failure::new(
            400,
            "api.device.port.poe-unsupported",
            "the port gives no power",
        )
    })?;
    empty()
}

pub(in crate::unifi) fn adopt(state: &mut State, call: &Call) -> Answer {
    let mac = call.text("macAddress");
    let site = call.site(state)?;
    let waiting = site.devices.get_mut(mac).filter(|device| !device.adopted());
    let device = waiting.ok_or_else(|| Failure::missing("device", mac))?;
    "ADOPTING".clone_into(&mut device.state);
    device.busy = 2;
    plain(detail(device, call.now))
}

pub(in crate::unifi) fn remove(state: &mut State, call: &Call) -> Answer {
    let mac = found(state, call)?.mac.clone();
    call.site(state)?.devices.remove(&mac);
    empty()
}

fn found<'a>(state: &'a mut State, call: &Call) -> Result<&'a Device, Failure> {
    let id = call.id();
    let devices = &call.site(state)?.devices;
    let found = devices
        .values()
        .find(|device| device.adopted() && device.uuid() == id);
    found.ok_or_else(|| Failure::missing("device", id))
}

fn overview(device: &Device) -> Value {
    let (features, interfaces) = match device.kind {
        DeviceKind::Gateway => (json!(["gateway", "switching"]), json!(["ports"])),
        DeviceKind::Switch => (json!(["switching"]), json!(["ports"])),
        DeviceKind::AccessPoint => (json!(["accessPoint"]), json!(["radios"])),
    };
    json!({
        "id": device.uuid(),
        "macAddress": device.mac,
        "ipAddress": device.ip,
        "name": device.name,
        "model": device.model,
        "state": device.state,
        "supported": true,
        "firmwareVersion": device.version,
        "firmwareUpdatable": device.upgradable,
        "features": features,
        "interfaces": interfaces,
    })
}

fn detail(device: &Device, now: i64) -> Value {
    let mut row = overview(device);
    row["adoptedAt"] = json!(rfc3339(now - 300 * 86_400));
    row["provisionedAt"] = json!(rfc3339(device.started));
    row["configurationId"] = json!("7596498d2f367dc2");
    if let Some(above) = &device.uplink {
        row["uplink"] = json!({ "deviceId": uuid("device", above) });
    }
    row["features"] = match device.kind {
        DeviceKind::Gateway | DeviceKind::Switch => json!({ "switching": {} }),
        DeviceKind::AccessPoint => json!({ "accessPoint": {} }),
    };
    let port = |idx: i64| {
        let up = device.state == "ONLINE" && idx <= 4;
        let mut port = json!({
            "idx": idx,
            "state": if up { "UP" } else { "DOWN" },
            "connector": "RJ45",
            "maxSpeedMbps": 1000,
        });
        if up {
            port["speedMbps"] = json!(1000);
        }
        if device.poe {
            port["poe"] = json!({
                "standard": "802.3at", "type": 2, "enabled": true,
                "state": if up { "UP" } else { "DOWN" },
            });
        }
        port
    };
    let ports: Vec<Value> = (1..=device.ports).map(port).collect();
    row["interfaces"] = json!({ "ports": ports });
    if device.kind == DeviceKind::AccessPoint {
        row["interfaces"]["radios"] = json!([
            { "wlanStandard": "802.11ax", "frequencyGHz": 2.4, "channelWidthMHz": 20, "channel": 6 },
            { "wlanStandard": "802.11be", "frequencyGHz": 5, "channelWidthMHz": 80, "channel": 36 },
        ]);
    }
    row
}
