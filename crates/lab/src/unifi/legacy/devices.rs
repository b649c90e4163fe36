//! Devices: all of their settings, secrets among them.

use serde_json::{Value, json};

use super::{needed, only};
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, rows};
use crate::unifi::seed::DeviceKind;
use crate::unifi::state::{Device, State};

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let all = site.devices.values().map(|device| row(device, call.now));
    let all = all.collect();
    site.look();
    rows(all)
}

pub(in crate::unifi) fn list_basic(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let basic = |device: &Device| {
        json!({
            "mac": device.mac,
            "name": device.name,
            "model": device.model,
            "type": kind(device),
            "state": code(&device.state),
            "adopted": device.adopted(),
            "disabled": false,
        })
    };
    rows(site.devices.values().map(basic).collect())
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let found = row(site.device(call.path.get("mac"))?, call.now);
    site.look();
    rows(vec![found])
}

pub(in crate::unifi) fn command(state: &mut State, call: &Call) -> Answer {
    let now = call.now;
    let site = call.site(state)?;
    match call.text("cmd") {
        "speedtest" | "speedtest-status" => {
            only(call, &["mac"])?;
            return rows(vec![json!({
                "status_summary": 2,
                "xput_download": 912.4,
                "xput_upload": 48.7,
                "latency": 9,
                "rundate": now,
            })]);
        }
        "restart" => {
            only(call, &["mac", "reboot_type"])?;
            let how = match call.text("reboot_type") {
                "" => "soft",
                how => how,
            };
            site.restart(needed(call, "mac")?, how, now)?;
        }
        "power-cycle" => {
            only(call, &["mac", "port_idx"])?;
            let port = call
                .number("port_idx")
                .ok_or_else(|| Failure::api("api.err.InvalidPayload").outside_the_contract())?;
            site.power_cycle(needed(call, "mac")?, port)?;
        }
        cmd => {
            only(call, &["mac"])?;
            let device = site.device(needed(call, "mac")?)?;
            match cmd {
                "set-locate" => device.locating = true,
                "unset-locate" => device.locating = false,
                "adopt" if !device.adopted() => {
                    "ADOPTING".clone_into(&mut device.state);
                    device.busy = 2;
                }
                "upgrade" if device.upgradable => {
                    "UPDATING".clone_into(&mut device.state);
                    device.upgradable = false;
                    device.version.push_str(".1");
                    device.busy = 2;
                }
                "force-provision" => {}
                _ => return Err(Failure::api("api.err.Invalid")),
            }
            device.done.push(cmd.to_owned());
        }
    }
    rows(Vec::new())
}

fn kind(device: &Device) -> &'static str {
    match device.kind {
        DeviceKind::Gateway => "udm",
        DeviceKind::Switch => "usw",
        DeviceKind::AccessPoint => "uap",
    }
}

/// The old API's number of a state.
fn code(state: &str) -> i64 {
    match state {
        "ONLINE" => 1,
        "PENDING_ADOPTION" => 2,
        "UPDATING" => 4,
        "GETTING_READY" => 5,
        "CONNECTION_INTERRUPTED" => 6,
        "ADOPTING" => 7,
        "DELETING" => 8,
        "ISOLATED" => 11,
        _ => 0,
    }
}

fn row(device: &Device, now: i64) -> Value {
    let ports: Vec<Value> = (1..=device.ports)
        .map(|idx| {
            let up = device.state == "ONLINE" && idx <= 4;
            json!({
                "port_idx": idx,
                "name": format!("Port {idx}"),
                "up": up,
                "enable": true,
                "speed": if up { 1000 } else { 0 },
                "full_duplex": up,
                "port_poe": device.poe,
                "poe_enable": device.poe && up,
                "poe_power": if device.poe && up { "4.21" } else { "0.00" },
                "rx_bytes": 1_000_000 * idx,
                "tx_bytes": 2_000_000 * idx,
            })
        })
        .collect();
    let mut row = json!({
        "_id": device.id(),
        "mac": device.mac,
        "name": device.name,
        "model": device.model,
        "type": kind(device),
        "ip": device.ip,
        "state": code(&device.state),
        "adopted": device.adopted(),
        "version": device.version,
        "upgradable": device.upgradable,
        "locating": device.locating,
        "last_seen": now,
        "num_sta": 0,
        "port_table": ports,
        "x_authkey": "demo-only-heron",
        "x_ssh_hostkey_fingerprint": "demo-only-curlew",
    });
    if device.state == "ONLINE" {
        row["uptime"] = json!(now - device.started);
        row["system-stats"] = json!({ "cpu": "7.5", "mem": "41.2" });
        row["uplink"] = json!({ "tx_bytes-r": 156_250, "rx_bytes-r": 1_050_000 });
    }
    row
}
