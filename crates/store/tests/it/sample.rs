//! Records with every field set, so that a column that is forgotten somewhere is missed.

use homelab_core::inventory::{
    Address, Device, Equipment, FirewallRule, Host, Network, Service, Snapshot, VirtualMachine,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) fn record<R: DeserializeOwned>(fields: Value) -> R {
    serde_json::from_value(fields).unwrap()
}

pub(crate) fn host(name: &str) -> Host {
    record(json!({
        "node_name": name, "ip_address": "192.0.2.2", "cluster": "Lab", "status": "online",
        "notes": "first line\nsecond \"line\" with 100% ünïcode _ \\ '"
    }))
}

pub(crate) fn guest(name: &str) -> VirtualMachine {
    record(json!({
        "vm_id": 101, "name": name, "type": "qemu", "ip": "192.0.2.20",
        "mac": "52:54:00:12:34:56", "status": "running", "cores": 4, "memory_mib": 8192,
        "tags": ["Prod", "ci runner"], "notes": "builds things"
    }))
}

pub(crate) fn device(name: &str) -> Device {
    record(json!({
        "name": name, "category": "Storage", "type": "NAS", "status": "maintenance",
        "hostname": "nas.example", "ip": "2001:db8::10", "mac": "00-1B-44-11-3A-B7",
        "manufacturer": "Acme", "model": "Box 9", "serial": "S/N 1", "os": "BoxOS 7",
        "location": "rack 1", "tags": ["backup", "Größe"], "notes": "two disks",
        "metadata": { "bays": "4", "warranty": "2027" }
    }))
}

pub(crate) fn equipment(name: &str) -> Equipment {
    record(json!({
        "name": name, "type": "oscilloscope", "status": "online", "manufacturer": "Acme",
        "model": "Scope 2000", "serial": "X1", "firmware": "1.2", "host": "192.0.2.50",
        "port": 5025, "protocol": "hislip", "sub_address": "hislip0", "terminator": "\r\n",
        "idn": "ACME,SCOPE 2000,X1,1.2", "allowed_queries": ["MEAS:VOLT:DC?", "*IDN?"],
        "location": "bench", "calibration_due": "2027-01-31", "notes": "four channels"
    }))
}

pub(crate) fn service(name: &str) -> Service {
    record(json!({
        "service_name": name, "type": "Web", "url": "https://192.0.2.20:8443/ui", "port": 8443,
        "protocol": "https", "health_endpoint": "/health", "status": "online",
        "tags": ["public"], "notes": "behind a proxy"
    }))
}

pub(crate) fn network(name: &str) -> Network {
    record(json!({
        "name": name, "vlan_id": 20, "cidr": "192.0.2.0/24", "gateway": "192.0.2.1",
        "dns": ["192.0.2.53", "2001:db8::53"], "dhcp_start": "192.0.2.3",
        "dhcp_end": "192.0.2.9", "purpose": "servers", "notes": "untagged on port 1"
    }))
}

pub(crate) fn address(ip: &str) -> Address {
    record(json!({
        "ip_address": ip, "hostname": "printer.example", "allocated_to": "printer",
        "type": "static", "mac": "00:00:5e:00:53:01", "notes": "by the door"
    }))
}

pub(crate) fn rule(name: &str) -> FirewallRule {
    record(json!({
        "name": name, "action": "allow", "direction": "in", "source": "192.0.2.0/24",
        "destination": "any", "protocol": "tcp", "port": "8000-8100", "position": 10,
        "enabled": false, "notes": "for tests"
    }))
}

/// One record of each kind and some more, referring to each other, in an order that has every
/// reference before what it refers to.
pub(crate) fn snapshot() -> Snapshot {
    record(json!({
        "services": [
            { "service_name": "wiki", "vm": "WEB", "tags": ["docs"] },
            { "service_name": "share", "device": "nas", "type": "files" }
        ],
        "virtual_machines": [
            { "name": "web", "vm_id": 100, "host": "pve2", "status": "online" },
            { "name": "db", "vm_id": 101, "host": "pve1" }
        ],
        "network_config": [
            { "ip_address": "192.0.2.100", "network": "lan" },
            { "ip_address": "192.0.2.20", "network": "lan" },
            { "ip_address": "2001:db8::5" }
        ],
        "devices": [
            { "name": "nas", "category": "storage", "status": "online", "ip": "192.0.2.30" },
            { "name": "Switch", "category": "network", "metadata": { "ports": "24" } }
        ],
        "proxmox_hosts": [{ "node_name": "pve2" }, { "node_name": "pve1" }],
        "networks": [{ "name": "lan", "cidr": "192.0.2.0/24" }],
        "test_equipment": [{ "name": "scope", "host": "scope.example" }],
        "firewall_rules": [{ "name": "web in", "action": "allow" }]
    }))
}
