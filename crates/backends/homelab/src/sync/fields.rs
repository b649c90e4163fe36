//! What a thing says of each field of the record that it is. Pure.

use homelab_core::facts::{Entity, EntityKind};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use serde_json::{Value, json};

use super::merge::Seen;
use super::working::Table;

/// A hypervisor host, from its node.
pub(super) fn host(entity: &Entity) -> Seen {
    vec![
        ("ip_address", json!(main_ip(entity))),
        ("cluster", attribute(entity, "cluster")),
        ("status", status(entity)),
    ]
}

/// A guest; `host` is the name of its host's record.
pub(super) fn guest(entity: &Entity, host: Option<&str>) -> Seen {
    let tags: Vec<&str> = entity
        .attributes
        .get("tags")
        .map(|tags| tags.split(',').filter(|tag| !tag.is_empty()).collect())
        .unwrap_or_default();
    vec![
        ("vm_id", number(entity, "vmid")),
        ("type", attribute(entity, "type")),
        ("ip", json!(main_ip(entity))),
        ("mac", json!(entity.macs.first())),
        ("status", status(entity)),
        ("host", json!(host)),
        ("cores", number(entity, "cores")),
        ("memory_mib", number(entity, "memory_mib")),
        ("tags", json!(tags)),
    ]
}

/// A device.
pub(super) fn device(entity: &Entity) -> Seen {
    let (category, kind) = match entity.kind {
        EntityKind::NetworkDevice => (Some("network"), None),
        EntityKind::Engine => (Some("compute"), Some("server")),
        EntityKind::TailnetDevice => (Some("compute"), None),
        _ => (None, None),
    };
    let or = |name: &str, usual: Option<&str>| match attribute(entity, name) {
        Value::Null => json!(usual),
        stated => stated,
    };
    vec![
        ("category", or("category", category)),
        ("type", or("type", kind)),
        ("status", status(entity)),
        ("hostname", attribute(entity, "hostname")),
        ("ip", json!(main_ip(entity))),
        ("mac", json!(entity.macs.first())),
        ("manufacturer", attribute(entity, "manufacturer")),
        ("model", attribute(entity, "model")),
        ("serial", attribute(entity, "serial")),
        ("os", attribute(entity, "os")),
        ("location", attribute(entity, "location")),
    ]
}

/// A service, from a container; `on` is the record of the machine that it runs on.
pub(super) fn service(entity: &Entity, on: Option<(Table, &str)>) -> Seen {
    let port = entity.ports.first();
    let place = match on {
        Some((Table::Guests, name)) => Some(("vm", json!(name))),
        Some((Table::Devices, name)) => Some(("device", json!(name))),
        // A service's record can name no hypervisor.
        _ => None,
    };
    let mut seen = vec![
        ("type", json!("container")),
        ("port", json!(port.map(|port| port.port))),
        ("protocol", json!(port.map(|port| &port.protocol))),
        ("status", status(entity)),
    ];
    seen.extend(place);
    seen
}

/// An allocated address.
pub(super) fn address(entity: &Entity, network: Option<&str>) -> Seen {
    let mac = match entity.macs.as_slice() {
        [only] => Some(only),
        // Which of several has the address is not known.
        _ => None,
    };
    vec![
        ("hostname", json!(entity.name)),
        ("allocated_to", json!(entity.name)),
        ("network", json!(network)),
        ("mac", json!(mac)),
    ]
}

/// The address that people would use: IPv4 of the lab before IPv6, the tailnet's last.
pub(super) fn main_ip(entity: &Entity) -> Option<Ip> {
    let rank = |ip: &&Ip| (is_tailnet(**ip), ip.0.is_ipv6());
    entity.addresses.iter().min_by_key(rank).copied()
}

/// Addresses that Tailscale gives out: 100.64.0.0/10 and fd7a:115c:a1e0::/48.
pub(crate) fn is_tailnet(ip: Ip) -> bool {
    match ip.0 {
        std::net::IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            first == 100 && second & 0b1100_0000 == 64
        }
        std::net::IpAddr::V6(v6) => v6.segments().starts_with(&[0xfd7a, 0x115c, 0xa1e0]),
    }
}

fn status(entity: &Entity) -> Value {
    match entity.status {
        Status::Unknown => Value::Null,
        known => json!(known),
    }
}

fn attribute(entity: &Entity, name: &str) -> Value {
    json!(entity.attributes.get(name))
}

fn number(entity: &Entity, name: &str) -> Value {
    let text = entity.attributes.get(name);
    json!(text.and_then(|text| text.parse::<i64>().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_address_is_the_labs_own() {
        let mut entity = Entity::new(EntityKind::Guest, "qemu/1", "web");
        let ips = ["100.64.0.7", "2001:db8::7", "192.0.2.7"];
        entity.addresses = ips.iter().map(|ip| ip.parse().unwrap()).collect();

        assert_eq!(main_ip(&entity), "192.0.2.7".parse().ok());
        entity.addresses.pop();
        assert_eq!(main_ip(&entity), "2001:db8::7".parse().ok());
        assert!(is_tailnet("fd7a:115c:a1e0::1".parse().unwrap()));
        assert!(!is_tailnet("100.128.0.1".parse().unwrap()));
    }
}
