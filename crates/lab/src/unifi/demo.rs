//! The demo lab's network gear: its switches and access points, and every device and running guest with
//! an address as a client. The gateway is another maker's. One access point is down, and somebody gave
//! a new sensor the address of another one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::seed::{ClientKind, ClientSeed, DeviceKind, DeviceSeed};
use super::state::{Event, Policy, Record, Records, State, object_id, uuid};
use homelab_core::inventory::{Device, Status, VirtualMachine};

const SITE: &str = "default";

pub(super) fn fill(state: &mut State) {
    let lab = crate::demo::inventory();
    for network in &lab.networks {
        let (Some(vlan), Some(cidr)) = (network.vlan_id, network.cidr) else {
            continue;
        };
        if !network.name.ends_with("-v6") {
            state.add_network(SITE, &network.name, vlan, &cidr.to_string());
        }
    }
    state.add_wlan(SITE, "homelab", "trusted", "demo-only-kestrel");
    state.add_wlan(SITE, "homelab-iot", "iot", "demo-only-plover");
    state.add_wlan(SITE, "homelab-guests", "guests", "");
    let gear = |device: &&Device| device.manufacturer.as_deref() == Some("Ubiquiti");
    for device in lab.devices.iter().filter(gear) {
        // The switch in the rack hangs on the core, which is another maker's.
        let uplink = (device.name != "sw-rack").then(|| mac_of(&lab.devices, "sw-rack"));
        add_device(state, device, uplink);
    }
    let switch = mac_of(&lab.devices, "sw-rack");
    let hall = mac_of(&lab.devices, "ap-hall");
    let mut ports: BTreeMap<String, i64> = BTreeMap::new();
    for (device, port) in lab.devices.iter().filter(|device| !gear(device)).zip(1..) {
        let (Some(mac), Some(ip)) = (device.mac, device.ip) else {
            continue;
        };
        let of_network = |one: &&homelab_core::inventory::Network| {
            one.cidr.is_some_and(|range| range.contains(ip))
        };
        let network = lab.networks.iter().find(of_network);
        let network = network.map_or("management", |network| network.name.as_str());
        let wireless = network == "iot" || device.kind.as_deref() == Some("laptop");
        ports.insert(device.name.clone(), 1 + port % 24);
        state.add_client(
            SITE,
            ClientSeed {
                mac: mac.to_string(),
                name: Some(device.name.clone()),
                hostname: device.name.clone(),
                ip: Some(ip.to_string()),
                kind: if wireless {
                    ClientKind::Wireless
                } else {
                    ClientKind::Wired
                },
                network: network.to_owned(),
                uplink: if wireless {
                    hall.clone()
                } else {
                    switch.clone()
                },
                port: 1 + port % 24,
                essid: match (wireless, network) {
                    (false, _) => "",
                    (_, "iot") => "homelab-iot",
                    _ => "homelab",
                }
                .to_owned(),
                guest: false,
                online: device.status == Status::Online,
            },
        );
    }
    // Guests are behind the ports of their hosts.
    let running = |guest: &&VirtualMachine| guest.status == Status::Online;
    for guest in lab.virtual_machines.iter().filter(running) {
        let (Some(mac), Some(ip)) = (guest.mac, guest.ip) else {
            continue;
        };
        let host = guest.host.as_ref().and_then(|host| ports.get(host));
        state.add_client(
            SITE,
            ClientSeed {
                ip: Some(ip.to_string()),
                network: "servers".to_owned(),
                uplink: switch.clone(),
                port: host.copied().unwrap_or(1),
                ..ClientSeed::wired(&mac.to_string(), &guest.name)
            },
        );
    }
    add_guest(state, &hall);
    add_intruder(state, &hall);
    add_firewall(state);
    let now = state.now();
    if let Ok(site) = state.site(SITE) {
        site.events.push(Event {
            time: now - 5400,
            category: "UNIFI_DEVICES",
            key: "DEVICE_DISCONNECTED".to_owned(),
            severity: "HIGH",
            message: "ap-garage disconnected.".to_owned(),
            alarm: true,
        });
        site.note(
            now - 1800,
            "CLIENT_DEVICES",
            "CLIENT_CONNECTED_WIRELESS",
            "visitor connected to homelab-guests on ap-hall.".to_owned(),
        );
    }
}

fn mac_of(devices: &[Device], name: &str) -> String {
    let found = devices.iter().find(|device| device.name == name);
    found
        .and_then(|device| device.mac)
        .map(|mac| mac.to_string())
        .unwrap_or_default()
}

fn add_device(state: &mut State, device: &Device, uplink: Option<String>) {
    let (Some(mac), Some(ip)) = (device.mac, device.ip) else {
        return;
    };
    let model = device.model.clone().unwrap_or_default();
    let kind = match device.kind.as_deref() {
        Some("switch") => DeviceKind::Switch,
        _ => DeviceKind::AccessPoint,
    };
    let seed = DeviceSeed {
        ip: ip.to_string(),
        state: match device.status {
            Status::Offline => "OFFLINE",
            _ => "ONLINE",
        }
        .to_owned(),
        upgradable: device.name == "ap-office",
        ports: match kind {
            DeviceKind::Switch if model.contains("24") => 24,
            DeviceKind::Switch => 8,
            _ => 1,
        },
        poe: model.contains("PoE"),
        model,
        uplink,
        ..DeviceSeed::new(&mac.to_string(), &device.name, kind)
    };
    state.add_device(SITE, seed);
}

/// A visitor who waits to be let in.
fn add_guest(state: &mut State, uplink: &str) {
    let seed = ClientSeed {
        ip: Some("198.51.100.141".to_owned()),
        network: "guests".to_owned(),
        uplink: uplink.to_owned(),
        guest: true,
        ..ClientSeed::wireless("00:00:5e:00:53:f0", "visitor", "homelab-guests")
    };
    state.add_client(SITE, seed);
}

/// A sensor that was set up by hand with an address that the one in the cellar has.
fn add_intruder(state: &mut State, uplink: &str) {
    let seed = ClientSeed {
        ip: Some("198.51.100.17".to_owned()),
        network: "iot".to_owned(),
        uplink: uplink.to_owned(),
        ..ClientSeed::wireless("00:00:5e:00:53:f1", "esp-greenhouse", "homelab-iot")
    };
    state.add_client(SITE, seed);
}

fn add_firewall(state: &mut State) {
    let zone = |name: &str| json!({ "zoneId": uuid("zone", name) });
    let policies = [
        (
            "guests-to-lab",
            "USER_DEFINED",
            10_000,
            "BLOCK",
            "Hotspot",
            "Internal",
        ),
        (
            "internet-to-proxy",
            "USER_DEFINED",
            10_001,
            "ALLOW",
            "External",
            "Internal",
        ),
        (
            "Block All Traffic",
            "SYSTEM_DEFINED",
            30_000,
            "BLOCK",
            "External",
            "Internal",
        ),
    ];
    let mut made = Vec::new();
    for (name, origin, index, action, from, to) in policies {
        let mut body = json!({
            "name": name,
            "enabled": name != "internet-to-proxy",
            "action": { "type": action },
            "source": zone(from),
            "destination": zone(to),
            "ipProtocolScope": { "ipVersion": "IPV4_AND_IPV6" },
            "loggingEnabled": false,
        });
        if action == "ALLOW" {
            body["action"]["allowReturnTraffic"] = json!(true);
        }
        made.push(Policy {
            key: name.to_owned(),
            origin,
            index,
            body: fields(body),
            more: Map::new(),
        });
    }
    let forward = json!({
        "name": "proxy",
        "enabled": true,
        "pfwd_interface": "wan",
        "src": "any",
        "dst_port": "443",
        "fwd": "192.0.2.80",
        "fwd_port": "443",
        "proto": "tcp",
        "log": false,
    });
    if let Ok(site) = state.site(SITE) {
        site.policies = made;
        site.records(Records::PortForwards).push(Record {
            id: object_id("record", "proxy"),
            uuid: uuid("record", "proxy"),
            fields: fields(forward),
        });
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
