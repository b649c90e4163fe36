//! The network as it sees it, and the leases that it gave.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, deleted, json_of};
use super::state::State;

/// `GET /network/devices`.
pub(super) fn devices(state: &mut State, call: &Call) -> Answer {
    let most = |name: &str, usual: i64| {
        usize::try_from(call.number(name).unwrap_or(usual)).unwrap_or_default()
    };
    let now = state.now();
    let rows: Vec<Value> = state
        .devices
        .iter()
        .take(most("max_devices", 10))
        .map(|device| {
            let addresses = device.addresses.iter().take(most("max_addresses", 3));
            let addresses: Vec<Value> = addresses
                .map(|(ip, name)| {
                    json!({ "ip": ip, "name": name, "lastSeen": now - 30, "nameUpdated": now - 3600 })
                })
                .collect();
            let own = |client: &str| device.addresses.iter().any(|(ip, _)| ip == client);
            let queries = state.queries.iter();
            let queries = queries.filter(|query| own(&query.client)).count();
            json!({
                "id": device.id,
                "hwaddr": device.mac,
                "interface": "eth0",
                "firstSeen": now - 30_000_000,
                "lastQuery": now - 60,
                "numQueries": queries,
                "macVendor": device.vendor,
                "ips": addresses,
            })
        })
        .collect();
    json_of(json!({ "devices": rows }))
}

/// `DELETE /network/devices/{device_id}`.
pub(super) fn forget_device(state: &mut State, call: &Call) -> Answer {
    let id = call.path.get("device_id").parse::<u64>();
    let id = id.map_err(|_| Failure::bad("Missing or invalid device ID"))?;
    let before = state.devices.len();
    state.devices.retain(|device| device.id != id);
    deleted(state.devices.len() < before)
}

/// `GET /network/gateway`.
pub(super) fn gateway(_: &mut State, _: &Call) -> Answer {
    let gateway = json!({
        "family": "inet",
        "interface": "eth0",
        "address": "192.0.2.65",
        "local": ["192.0.2.66"],
    });
    json_of(json!({ "gateway": [gateway] }))
}

/// `GET /network/interfaces`.
pub(super) fn interfaces(_: &mut State, _: &Call) -> Answer {
    let bytes = |value: f64| json!({ "value": value, "unit": "G" });
    let interface = json!({
        "name": "eth0",
        "speed": 1000,
        "carrier": true,
        "type": "ether",
        "flags": ["up", "broadcast", "running", "multicast"],
        "state": "up",
        "proto_down": false,
        "address": "00:00:5e:00:53:05",
        "broadcast": "ff:ff:ff:ff:ff:ff",
        "stats": { "rx_bytes": bytes(3.2), "tx_bytes": bytes(2.9) },
        "addresses": [{
            "address": "192.0.2.66",
            "address_type": "global",
            "family": "inet",
            "prefixlen": 26,
            "scope": "universe",
        }],
    });
    json_of(json!({ "interfaces": [interface] }))
}

/// `GET /dhcp/leases`.
pub(super) fn leases(state: &mut State, _: &Call) -> Answer {
    let rows: Vec<Value> = state
        .leases
        .iter()
        .map(|lease| {
            json!({
                "expires": lease.expires,
                "name": lease.name,
                "hwaddr": lease.mac,
                "ip": lease.ip,
                "clientid": format!("01:{}", lease.mac),
            })
        })
        .collect();
    json_of(json!({ "leases": rows }))
}

/// `DELETE /dhcp/leases/{ip}`.
pub(super) fn end_lease(state: &mut State, call: &Call) -> Answer {
    let ip = call.path.get("ip");
    if ip.parse::<IpAddr>().is_err() {
        return Err(Failure::bad("The provided IP address is invalid").hint(ip));
    }
    let before = state.leases.len();
    state.leases.retain(|lease| lease.ip != ip);
    deleted(state.leases.len() < before)
}
