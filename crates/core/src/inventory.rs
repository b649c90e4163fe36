//! The inventory's records: hosts, guests, devices, equipment, services, networks, addresses,
//! firewall rules. One struct each serves the store, the tools and import/export.
//!
//! Records refer to each other by name, so that a file from elsewhere can be imported; the store
//! keeps ids. Names are unique within their kind, compared without regard to case.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Micros;
use crate::net::{Cidr, Ip, Mac};

/// Whether a thing was up when last heard of.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Up, running, reachable.
    #[serde(alias = "running", alias = "active", alias = "up")]
    Online,
    /// Down, stopped, unreachable.
    #[serde(alias = "stopped", alias = "inactive", alias = "down")]
    Offline,
    /// Deliberately out of service.
    Maintenance,
    /// Not known.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Status {
    /// The status as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a status, common synonyms included; anything else is unknown.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "online" | "running" | "active" | "up" => Self::Online,
            "offline" | "stopped" | "inactive" | "down" => Self::Offline,
            "maintenance" => Self::Maintenance,
            _ => Self::Unknown,
        }
    }
}

macro_rules! record {
    ($(#[$meta:meta])* $name:ident ($entity:literal, $key:ident) { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Our id; made when the record is stored for the first time.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            pub id: String,
            $($(#[$field_meta])* pub $field: $type,)*
            /// When it was last changed here.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub updated_at: Option<Micros>,
        }

        impl Record for $name {
            const ENTITY: &'static str = $entity;
            const KEY: &'static str = stringify!($key);

            fn id(&self) -> &str {
                &self.id
            }

            fn set_id(&mut self, id: String) {
                self.id = id;
            }

            fn key(&self) -> String {
                self.$key.to_string()
            }

            fn set_updated_at(&mut self, at: Option<Micros>) {
                self.updated_at = at;
            }
        }
    };
}

/// What all records have.
pub trait Record {
    /// Name of the table, and of the list in import files.
    const ENTITY: &'static str;
    /// Name of the field that holds the natural key.
    const KEY: &'static str;
    /// Our id; empty until stored.
    fn id(&self) -> &str;
    /// Gives it an id.
    fn set_id(&mut self, id: String);
    /// The natural key that import and upsert go by.
    fn key(&self) -> String;
    /// Sets or clears the time of the last change.
    fn set_updated_at(&mut self, at: Option<Micros>);
}

record! {
    /// A hypervisor host.
    Host("proxmox_hosts", node_name) {
        /// Node name in the cluster.
        node_name: String,
        /// Management address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip_address: Option<Ip>,
        /// Cluster name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<String>,
        /// Last known status.
        #[serde(default)]
        status: Status,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

record! {
    /// A virtual machine or container.
    VirtualMachine("virtual_machines", name) {
        /// VMID in the cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vm_id: Option<i64>,
        /// Guest name.
        name: String,
        /// `qemu` or `lxc`.
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Main address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<Ip>,
        /// Main MAC address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<Mac>,
        /// Last known status.
        #[serde(default)]
        status: Status,
        /// Node name of its host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Virtual CPUs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cores: Option<i64>,
        /// Memory in MiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_mib: Option<i64>,
        /// Labels.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

record! {
    /// A physical or logical device.
    Device("devices", name) {
        /// Unique name.
        name: String,
        /// `compute`, `network`, `storage`, `iot`, `power`, `test_equipment`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<String>,
        /// `server`, `switch`, `router`, `access_point`, `nas`, `ups`, `printer`, …
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Last known status.
        #[serde(default)]
        status: Status,
        /// DNS name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hostname: Option<String>,
        /// Main address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ip: Option<Ip>,
        /// Main MAC address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<Mac>,
        /// Maker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Serial number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Operating system or firmware.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        os: Option<String>,
        /// Room, rack, shelf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Labels.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
        /// Anything else, name to text.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
    }
}

record! {
    /// An instrument that speaks SCPI.
    Equipment("test_equipment", name) {
        /// Unique name.
        name: String,
        /// `oscilloscope`, `multimeter`, `power_supply`, `function_generator`, …
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Last known status.
        #[serde(default)]
        status: Status,
        /// Maker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manufacturer: Option<String>,
        /// Model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Serial number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Firmware version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        firmware: Option<String>,
        /// Name or address to connect to.
        host: String,
        /// TCP port; the protocol's default if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// How to talk to it.
        #[serde(default)]
        protocol: ScpiProtocol,
        /// `inst0`, `hislip0`, or the GPIB address behind a gateway.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sub_address: Option<String>,
        /// What ends a message: `\n` unless stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terminator: Option<String>,
        /// Last answer to `*IDN?`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idn: Option<String>,
        /// Query headers that may be sent to it, such as `MEAS:VOLT:DC?`; empty allows all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allowed_queries: Vec<String>,
        /// Room, rack, shelf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// Date (YYYY-MM-DD) of the next calibration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calibration_due: Option<String>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

/// How to talk to an instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScpiProtocol {
    /// A raw socket, port 5025 unless stated.
    #[default]
    Raw,
    /// VXI-11 over ONC RPC.
    Vxi11,
    /// HiSLIP, port 4880 unless stated.
    Hislip,
}

impl ScpiProtocol {
    /// The protocol as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Vxi11 => "vxi11",
            Self::Hislip => "hislip",
        }
    }

    /// The protocol of that name; a raw socket for anything else.
    pub fn parse(text: &str) -> Self {
        match text {
            "vxi11" => Self::Vxi11,
            "hislip" => Self::Hislip,
            _ => Self::Raw,
        }
    }
}

record! {
    /// A service that runs on a device or guest.
    Service("services", service_name) {
        /// Unique name.
        service_name: String,
        /// `web`, `dns`, `database`, `media`, …
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Base URL, such as `https://grafana.example`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// TCP or UDP port.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// `http`, `https`, `tcp`, `udp`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<String>,
        /// Path or URL that answers 2xx when the service is well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        health_endpoint: Option<String>,
        /// Name of the guest it runs on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vm: Option<String>,
        /// Name of the device it runs on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// Last known status.
        #[serde(default)]
        status: Status,
        /// Labels.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

record! {
    /// A network or VLAN.
    Network("networks", name) {
        /// Unique name.
        name: String,
        /// VLAN id, 1 to 4094.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 4094))]
        vlan_id: Option<i64>,
        /// Its addresses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cidr: Option<Cidr>,
        /// Router.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<Ip>,
        /// Resolvers handed out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dns: Vec<Ip>,
        /// First address of the DHCP pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dhcp_start: Option<Ip>,
        /// Last address of the DHCP pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dhcp_end: Option<Ip>,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

record! {
    /// An allocated address.
    Address("network_config", ip_address) {
        /// The address; unique.
        ip_address: Ip,
        /// DNS name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hostname: Option<String>,
        /// Who has it: name of a device, guest or service, or free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allocated_to: Option<String>,
        /// `static`, `dhcp`, `reserved`, `gateway`, …
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Name of its network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<String>,
        /// MAC address it is bound to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<Mac>,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

record! {
    /// A firewall rule as documented here; the firewall itself has the truth.
    FirewallRule("firewall_rules", name) {
        /// Unique name.
        name: String,
        /// `allow`, `deny`, `reject`.
        action: String,
        /// `in`, `out`, `forward`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<String>,
        /// Source network, address, zone or `any`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// Destination network, address, zone or `any`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
        /// `tcp`, `udp`, `icmp`, `any`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<String>,
        /// Port, range or list, such as `443` or `8000-8100`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<String>,
        /// Evaluation order, lowest first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<i64>,
        /// Whether it is in force.
        #[serde(default = "yes")]
        enabled: bool,
        /// Free text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    }
}

const fn yes() -> bool {
    true
}

/// The whole inventory, as it is imported and exported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// Hypervisor hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxmox_hosts: Vec<Host>,
    /// Guests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_machines: Vec<VirtualMachine>,
    /// Devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Instruments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_equipment: Vec<Equipment>,
    /// Services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Allocated addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_config: Vec<Address>,
    /// Firewall rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub firewall_rules: Vec<FirewallRule>,
}

impl Snapshot {
    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.proxmox_hosts.len()
            + self.virtual_machines.len()
            + self.devices.len()
            + self.test_equipment.len()
            + self.services.len()
            + self.networks.len()
            + self.network_config.len()
            + self.firewall_rules.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
