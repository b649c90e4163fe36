//! One thing that a system knows of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::Status;
use crate::net::{Ip, Mac};

/// What kind of thing it is.
// Add a kind rather than stretching one that is there: readers go by it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A machine that runs guests, such as a Proxmox VE node.
    Host,
    /// A virtual machine or system container.
    Guest,
    /// A Docker engine, Portainer environment or the like: it runs on a host or guest.
    Engine,
    /// An application container.
    Container,
    /// A compose project, swarm stack or the like.
    Stack,
    /// A machine or appliance of no other kind.
    Device,
    /// A router, switch, access point or console.
    NetworkDevice,
    /// Something that a switch port or access point sees.
    NetworkClient,
    /// A machine in a tailnet.
    TailnetDevice,
    /// A DNS record.
    DnsRecord,
    /// A rule of a proxy or tunnel that leads requests to a service.
    Route,
    /// What answers requests: a service of a proxy, a resolver, a model server.
    Service,
    /// An entry of another system of record, such as NetBox: what ought to be.
    Registration,
    /// An address that is set aside, as an address plan or a DHCP server writes it down: for a thing
    /// that it may name, or for nobody yet.
    Allocation,
    /// A network, prefix or VLAN.
    Network,
    /// The backups of one thing.
    Backup,
}

impl EntityKind {
    /// The kind as it is stored and written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Engine => "engine",
            Self::Container => "container",
            Self::Stack => "stack",
            Self::Device => "device",
            Self::NetworkDevice => "network_device",
            Self::NetworkClient => "network_client",
            Self::TailnetDevice => "tailnet_device",
            Self::DnsRecord => "dns_record",
            Self::Route => "route",
            Self::Service => "service",
            Self::Registration => "registration",
            Self::Allocation => "allocation",
            Self::Network => "network",
            Self::Backup => "backup",
        }
    }

    /// Whether it is a machine: two systems that see one address at machines of different names
    /// disagree, and machines have one address of a kind.
    pub const fn is_machine(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::Guest
                | Self::Device
                | Self::NetworkDevice
                | Self::NetworkClient
                | Self::TailnetDevice
                | Self::Registration
                | Self::Allocation
        )
    }
}

/// One thing that a system knows of.
///
/// Only what the system says itself belongs in here: who reads it joins it with what others say. Make
/// one with [`Entity::new`] and hand it to [`Facts::add`](super::Facts::add), which bounds its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// What kind of thing it is.
    pub kind: EntityKind,
    /// Its id in that system, unique among things of its kind there and stable as long as people take
    /// it for the same thing, such as `qemu/100`: what is known of it before is found by it.
    pub id: String,
    /// Its name, as that system's own pages show it.
    pub name: String,
    /// Other names it goes by: host name, name in DNS, name in the tailnet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Addresses by which the lab reaches it; for a DNS record, the addresses it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Ip>,
    /// Addresses that mean something inside its host alone, such as those of a Docker bridge. They
    /// are found, but nothing is recognised by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inner_addresses: Vec<Ip>,
    /// MAC addresses of its interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macs: Vec<Mac>,
    /// Ports on which it, or its host for it, accepts connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Whether it is up.
    #[serde(default)]
    pub status: Status,
    /// The state in that system's own words, such as `running` or `Up 3 hours (healthy)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether it is well, where the system checks that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Wellness>,
    /// How it hangs together with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What else is worth knowing, in the system's own terms (`vmid`, `image`, `vlan`, …): short, and
    /// never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Entity {
    /// A thing of which nothing more is known.
    pub fn new(kind: EntityKind, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            name: name.into(),
            aliases: Vec::new(),
            addresses: Vec::new(),
            inner_addresses: Vec::new(),
            macs: Vec::new(),
            ports: Vec::new(),
            status: Status::Unknown,
            state: None,
            health: None,
            links: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, relation: Relation, to: Reference) -> Self {
        self.links.push(Link { relation, to });
        self
    }

    /// Adds an attribute, if there is a value.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.attributes.insert(name.to_owned(), value.to_string());
        }
        self
    }

    /// Name and aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name)
            .chain(&self.aliases)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }
}

/// A port that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    /// Port number.
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Address it is bound to; absent for all of the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ip>,
    /// Port inside, where it is published from within something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<u16>,
}

/// Whether a thing is well, as its system's own check found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Wellness {
    /// The check passes.
    Ok,
    /// Part of it fails, or it is still starting.
    Degraded,
    /// The check fails.
    Failed,
}

/// How one thing hangs together with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// In which way.
    pub relation: Relation,
    /// With what.
    pub to: Reference,
}

/// In which way a thing hangs together with another; read from the thing that has the link.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// It stops when the other stops: guest on host, container on engine, engine on guest.
    RunsOn,
    /// It is one of the other's parts: container of a stack. The stack is whole only with it.
    PartOf,
    /// It does not work without the other: a service and its database, a device and the switch it
    /// hangs on.
    DependsOn,
    /// It leads to the other: DNS record to address, route to service, service to container.
    PointsTo,
    /// It describes the other: registration, backup.
    Describes,
}

impl Relation {
    /// The relation as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunsOn => "runs_on",
            Self::PartOf => "part_of",
            Self::DependsOn => "depends_on",
            Self::PointsTo => "points_to",
            Self::Describes => "describes",
        }
    }
}

/// What a link leads to. What is stated must fit; nothing stated fits nothing.
///
/// With an `id`, the thing is looked for in the same instance, then in the others. With a name, address
/// or MAC address it is looked for everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// Its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EntityKind>,
    /// Its id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name or one of its aliases, compared without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One of its addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ip>,
    /// One of its MAC addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// A port that it has, besides the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Reference {
    /// The thing of this kind and id.
    pub fn id(kind: EntityKind, id: impl Into<String>) -> Self {
        Self {
            kind: Some(kind),
            id: Some(id.into()),
            ..Self::default()
        }
    }

    /// A thing of this name, of a kind if that is known.
    pub fn name(kind: Option<EntityKind>, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Whatever has this address.
    pub fn address(address: Ip) -> Self {
        Self {
            address: Some(address),
            ..Self::default()
        }
    }

    /// Whatever has this MAC address.
    pub fn mac(mac: Mac) -> Self {
        Self {
            mac: Some(mac),
            ..Self::default()
        }
    }

    /// The same, and it has this port.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }
}
