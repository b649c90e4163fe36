//! Rows of lists: the few fields that tell one record from another. `…_get_…` tools give the rest.

use homelab_core::clock::Micros;
use homelab_core::inventory::{
    Device, Equipment, FirewallRule, Network, ScpiProtocol, Service, Status, VirtualMachine,
};
use homelab_core::net::{Cidr, Ip};
use homelab_core::store::Sighting;
use schemars::JsonSchema;
use serde::Serialize;

use crate::health::address::without_login;

/// A device in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceRow {
    name: String,
    category: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Status,
    ip: Option<Ip>,
    model: Option<String>,
    location: Option<String>,
}

impl From<Device> for DeviceRow {
    fn from(device: Device) -> Self {
        Self {
            name: device.name,
            category: device.category,
            kind: device.kind,
            status: device.status,
            ip: device.ip,
            model: device.model,
            location: device.location,
        }
    }
}

/// When a server told of a record's thing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Provenance {
    /// The instance.
    source: String,
    #[schemars(with = "String")]
    last_seen: Micros,
    /// When the instance no longer told of it.
    #[schemars(with = "Option<String>")]
    vanished_at: Option<Micros>,
}

impl From<Sighting> for Provenance {
    fn from(sighting: Sighting) -> Self {
        Self {
            source: sighting.source,
            last_seen: sighting.last_seen,
            vanished_at: sighting.vanished_at,
        }
    }
}

/// A guest in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuestRow {
    name: String,
    vm_id: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Status,
    host: Option<String>,
    ip: Option<Ip>,
    cores: Option<i64>,
    memory_mib: Option<i64>,
    /// Which server told of it last; absent for what was entered by hand.
    pub(crate) seen: Option<Provenance>,
}

impl From<VirtualMachine> for GuestRow {
    fn from(guest: VirtualMachine) -> Self {
        Self {
            name: guest.name,
            vm_id: guest.vm_id,
            kind: guest.kind,
            status: guest.status,
            host: guest.host,
            ip: guest.ip,
            cores: guest.cores,
            memory_mib: guest.memory_mib,
            seen: None,
        }
    }
}

/// An instrument in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EquipmentRow {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Status,
    manufacturer: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    firmware: Option<String>,
    /// Host and port.
    address: String,
    protocols: Vec<ScpiProtocol>,
}

impl From<Equipment> for EquipmentRow {
    fn from(equipment: Equipment) -> Self {
        let port = crate::scpi::visa::port(&equipment, equipment.protocol);
        Self {
            address: crate::scpi::visa::authority(&equipment.host, port),
            id: equipment.id,
            name: equipment.name,
            kind: equipment.kind,
            status: equipment.status,
            manufacturer: equipment.manufacturer,
            model: equipment.model,
            serial: equipment.serial,
            firmware: equipment.firmware,
            protocols: vec![equipment.protocol],
        }
    }
}

/// A service in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceRow {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Status,
    url: Option<String>,
    protocol: Option<String>,
    port: Option<u16>,
    health_endpoint: Option<String>,
    vm: Option<String>,
    device: Option<String>,
    /// Which server told of it last; absent for what was entered by hand.
    pub(crate) seen: Option<Provenance>,
}

impl From<Service> for ServiceRow {
    fn from(service: Service) -> Self {
        Self {
            name: service.service_name,
            kind: service.kind,
            status: service.status,
            url: service.url.map(without_login),
            protocol: service.protocol,
            port: service.port,
            health_endpoint: service.health_endpoint,
            vm: service.vm,
            device: service.device,
            seen: None,
        }
    }
}

/// A network in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NetworkRow {
    pub(crate) name: String,
    vlan_id: Option<i64>,
    cidr: Option<Cidr>,
    gateway: Option<Ip>,
    dns: Vec<Ip>,
    dhcp_start: Option<Ip>,
    dhcp_end: Option<Ip>,
    purpose: Option<String>,
    /// How many of its addresses are allocated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocated: Option<u64>,
}

impl From<Network> for NetworkRow {
    fn from(network: Network) -> Self {
        Self {
            name: network.name,
            vlan_id: network.vlan_id,
            cidr: network.cidr,
            gateway: network.gateway,
            dns: network.dns,
            dhcp_start: network.dhcp_start,
            dhcp_end: network.dhcp_end,
            purpose: network.purpose,
            allocated: None,
        }
    }
}

/// A firewall rule in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuleRow {
    name: String,
    /// Evaluation order, lowest first.
    position: Option<i64>,
    enabled: bool,
    action: String,
    direction: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    protocol: Option<String>,
    port: Option<String>,
}

impl From<FirewallRule> for RuleRow {
    fn from(rule: FirewallRule) -> Self {
        Self {
            name: rule.name,
            position: rule.position,
            enabled: rule.enabled,
            action: rule.action,
            direction: rule.direction,
            source: rule.source,
            destination: rule.destination,
            protocol: rule.protocol,
            port: rule.port,
        }
    }
}
