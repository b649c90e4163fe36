//! The inventory while a plan is made: records as their members, found by name, address and MAC.

use std::collections::{BTreeSet, HashMap};

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::inventory::Snapshot;
use homelab_core::net::{Cidr, Ip, Mac};
use serde_json::{Map, Value};

/// Tables that sources write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    Hosts,
    Guests,
    Devices,
    Services,
    Addresses,
}

impl Table {
    const ALL: [Self; 5] = [
        Self::Hosts,
        Self::Guests,
        Self::Devices,
        Self::Services,
        Self::Addresses,
    ];

    /// Its name, also in snapshots.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hosts => "proxmox_hosts",
            Self::Guests => "virtual_machines",
            Self::Devices => "devices",
            Self::Services => "services",
            Self::Addresses => "network_config",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The field that names a record.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Hosts => "node_name",
            Self::Guests | Self::Devices => "name",
            Self::Services => "service_name",
            Self::Addresses => "ip_address",
        }
    }

    /// The field with a record's address, for machines.
    const fn ip(self) -> Option<&'static str> {
        match self {
            Self::Hosts => Some("ip_address"),
            Self::Guests | Self::Devices => Some("ip"),
            Self::Services | Self::Addresses => None,
        }
    }
}

/// A record: its table and id.
pub(super) type Place = (Table, String);

/// All records.
#[derive(Default)]
pub(super) struct Working {
    rows: HashMap<Place, Map<String, Value>>,
    by_key: HashMap<(Table, String), String>,
    by_ip: HashMap<Ip, Place>,
    by_mac: HashMap<Mac, Place>,
    networks: Vec<(Cidr, String)>,
    changed: BTreeSet<Place>,
}

impl Working {
    pub(super) fn new(records: &Snapshot) -> ToolResult<Self> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(records) else {
            return Err(unreadable());
        };
        let mut working = Self::default();
        for table in Table::ALL {
            let Some(Value::Array(rows)) = all.remove(table.name()) else {
                continue;
            };
            for row in rows {
                if let Value::Object(row) = row {
                    let id = text(&row, "id").to_owned();
                    working.index(&(table, id.clone()), &row);
                    working.rows.insert((table, id), row);
                }
            }
        }
        working.networks = records
            .networks
            .iter()
            .filter_map(|network| Some((network.cidr?, network.name.clone())))
            .collect();
        // The smallest network that holds an address comes first.
        working
            .networks
            .sort_by_key(|(cidr, _)| std::cmp::Reverse(cidr.0.prefix_len()));
        Ok(working)
    }

    fn index(&mut self, place: &Place, row: &Map<String, Value>) {
        let (table, id) = place;
        let key = fold(text(row, table.key()));
        self.by_key.insert((*table, key), id.clone());
        if let Some(field) = table.ip()
            && let Ok(ip) = text(row, field).parse()
        {
            self.by_ip.entry(ip).or_insert_with(|| place.clone());
        }
        if matches!(table, Table::Guests | Table::Devices)
            && let Ok(mac) = text(row, "mac").parse()
        {
            self.by_mac.entry(mac).or_insert_with(|| place.clone());
        }
    }

    pub(super) fn get(&self, place: &Place) -> Option<&Map<String, Value>> {
        self.rows.get(place)
    }

    pub(super) fn has(&self, place: &Place) -> bool {
        self.rows.contains_key(place)
    }

    /// The name of a record.
    pub(super) fn name(&self, place: &Place) -> &str {
        self.rows
            .get(place)
            .map_or("", |row| text(row, place.0.key()))
    }

    pub(super) fn by_name(&self, table: Table, name: &str) -> Option<Place> {
        let id = self.by_key.get(&(table, fold(name)))?;
        Some((table, id.clone()))
    }

    pub(super) fn by_ip(&self, ip: Ip) -> Option<Place> {
        self.by_ip.get(&ip).cloned()
    }

    pub(super) fn by_mac(&self, mac: Mac) -> Option<Place> {
        self.by_mac.get(&mac).cloned()
    }

    /// The smallest network that holds the address.
    pub(super) fn network_of(&self, ip: Ip) -> Option<&str> {
        let mut networks = self.networks.iter();
        networks
            .find(|(cidr, _)| cidr.contains(ip))
            .map(|(_, name)| name.as_str())
    }

    /// Puts a record in place of what stands there.
    pub(super) fn put(&mut self, place: &Place, row: Map<String, Value>) {
        if let Some(before) = self.rows.get(place) {
            let key = fold(text(before, place.0.key()));
            self.by_key.remove(&(place.0, key));
        }
        self.index(place, &row);
        self.rows.insert(place.clone(), row);
        self.changed.insert(place.clone());
    }

    /// The records that were put, as they are stored.
    pub(super) fn changed(&mut self) -> ToolResult<Snapshot> {
        let mut all: Map<String, Value> = Map::new();
        for place in std::mem::take(&mut self.changed) {
            let Some(row) = self.rows.get(&place) else {
                continue;
            };
            let list = all
                .entry(place.0.name())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(Value::Object(row.clone()));
            }
        }
        serde_json::from_value(Value::Object(all)).map_err(|_| unreadable())
    }
}

fn unreadable() -> ToolError {
    ToolError::internal("the inventory cannot be taken apart")
}

/// A member that is a text; empty if there is none.
pub(super) fn text<'a>(row: &'a Map<String, Value>, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A name as names are compared.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}
