//! The kinds of record by name.

use std::path::Path;

use clap::ValueEnum;
use homelab_core::inventory::Snapshot;

/// A kind of record, named as people say it, with the table's name as an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Entity {
    /// Hypervisor hosts.
    #[value(alias = "host", alias = "proxmox_hosts")]
    Hosts,
    /// Guests.
    #[value(alias = "vm", alias = "guests", alias = "virtual_machines")]
    Vms,
    /// Devices.
    #[value(alias = "device")]
    Devices,
    /// Instruments that speak SCPI.
    #[value(alias = "test_equipment", alias = "instruments")]
    Equipment,
    /// Services.
    #[value(alias = "service")]
    Services,
    /// Networks and VLANs.
    #[value(alias = "network")]
    Networks,
    /// Allocated addresses.
    #[value(alias = "address", alias = "network_config")]
    Addresses,
    /// Firewall rules.
    #[value(alias = "rule", alias = "firewall_rules")]
    Rules,
}

/// Calls a generic function with the record type and the list of a snapshot that an entity means.
macro_rules! with_records {
    ($entity:expr, $snapshot:expr, $records:ident => $body:expr) => {
        match $entity {
            $crate::transfer::Entity::Hosts => {
                let $records = $snapshot.proxmox_hosts;
                $body
            }
            $crate::transfer::Entity::Vms => {
                let $records = $snapshot.virtual_machines;
                $body
            }
            $crate::transfer::Entity::Devices => {
                let $records = $snapshot.devices;
                $body
            }
            $crate::transfer::Entity::Equipment => {
                let $records = $snapshot.test_equipment;
                $body
            }
            $crate::transfer::Entity::Services => {
                let $records = $snapshot.services;
                $body
            }
            $crate::transfer::Entity::Networks => {
                let $records = $snapshot.networks;
                $body
            }
            $crate::transfer::Entity::Addresses => {
                let $records = $snapshot.network_config;
                $body
            }
            $crate::transfer::Entity::Rules => {
                let $records = $snapshot.firewall_rules;
                $body
            }
        }
    };
}
pub(crate) use with_records;

impl Entity {
    /// All names, for messages.
    pub(crate) fn names() -> String {
        let names: Vec<String> = Self::value_variants()
            .iter()
            .filter_map(Self::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        names.join(", ")
    }

    /// What a file named `devices.csv` holds.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        Self::from_str(path.file_stem()?.to_str()?, true).ok()
    }

    /// The snapshot's records of this kind alone.
    pub(crate) fn only(self, snapshot: Snapshot) -> Snapshot {
        with_records!(self, snapshot, records => Alone::alone(records))
    }

    /// Adds another snapshot's records of this kind.
    #[cfg(test)]
    pub(crate) fn join(self, into: &mut Snapshot, from: Snapshot) {
        match self {
            Self::Hosts => into.proxmox_hosts.extend(from.proxmox_hosts),
            Self::Vms => into.virtual_machines.extend(from.virtual_machines),
            Self::Devices => into.devices.extend(from.devices),
            Self::Equipment => into.test_equipment.extend(from.test_equipment),
            Self::Services => into.services.extend(from.services),
            Self::Networks => into.networks.extend(from.networks),
            Self::Addresses => into.network_config.extend(from.network_config),
            Self::Rules => into.firewall_rules.extend(from.firewall_rules),
        }
    }
}

/// A snapshot that holds one list alone.
pub(crate) trait Alone: Sized {
    /// Puts the records where they belong.
    fn alone(records: Vec<Self>) -> Snapshot;
}

macro_rules! alone {
    ($($record:ident: $list:ident),* $(,)?) => { $(
        impl Alone for homelab_core::inventory::$record {
            fn alone(records: Vec<Self>) -> Snapshot {
                Snapshot { $list: records, ..Snapshot::default() }
            }
        }
    )* };
}

alone! {
    Host: proxmox_hosts,
    VirtualMachine: virtual_machines,
    Device: devices,
    Equipment: test_equipment,
    Service: services,
    Network: networks,
    Address: network_config,
    FirewallRule: firewall_rules,
}
