//! Which record a thing is. Pure.

use homelab_core::facts::{Entity, EntityKind, Reference, Relation};
use homelab_core::net::Mac;
use serde_json::{Map, Value, json};

use super::plan::{LONGEST_NAME, Planner};
use super::working::{Place, Table, fold};

impl Planner<'_> {
    /// The record that a thing is; a new one where the inventory has a place for it and no record.
    pub(super) fn place(&mut self, entity: &Entity) -> Option<Place> {
        let known = self.known_place(entity.kind.as_str(), &entity.id);
        let place = match entity.kind {
            EntityKind::Host => known.or_else(|| self.named(Table::Hosts, entity)),
            EntityKind::Guest => known.or_else(|| self.named(Table::Guests, entity)),
            EntityKind::Container => self.container(known, entity),
            EntityKind::NetworkDevice => known.or_else(|| {
                self.recognised(entity)
                    .filter(|(table, _)| *table == Table::Devices)
                    .or_else(|| self.named(Table::Devices, entity))
            }),
            EntityKind::Device
            | EntityKind::Engine
            | EntityKind::TailnetDevice
            | EntityKind::Registration => known
                .or_else(|| self.recognised(entity))
                .or_else(|| self.named(Table::Devices, entity)),
            // Every telephone would be a device otherwise.
            EntityKind::NetworkClient => known.or_else(|| self.recognised(entity)),
            EntityKind::Stack
            | EntityKind::DnsRecord
            | EntityKind::Route
            | EntityKind::Service
            | EntityKind::Allocation
            | EntityKind::Network
            | EntityKind::Backup => None,
        }?;
        let key = self.key(entity.kind.as_str(), &entity.id);
        self.claimed.entry(place.clone()).or_default().push(key);
        Some(place)
    }

    /// A container: its engine and what manages the engine tell of the same one.
    fn container(&mut self, known: Option<Place>, entity: &Entity) -> Option<Place> {
        let machine = self.runs_on(entity);
        let key = machine.map(|machine| (fold(entity.name.trim()), machine));
        let twin = || {
            key.as_ref()
                .and_then(|key| self.containers.get(key).cloned())
        };
        let place = known
            .or_else(twin)
            .or_else(|| self.named(Table::Services, entity))?;
        if let Some(key) = key {
            self.containers.insert(key, place.clone());
        }
        Some(place)
    }

    /// A machine that is there already, by MAC, address or name, in this order.
    fn recognised(&self, entity: &Entity) -> Option<Place> {
        let by_mac = entity.macs.iter().find_map(|mac| self.working.by_mac(*mac));
        // Another interface at the same address is another machine.
        let is_other = |place: &Place| {
            let row = self.working.get(place);
            let mac = row.and_then(|row| row.get("mac")?.as_str()?.parse::<Mac>().ok());
            mac.is_some_and(|mac| !entity.macs.is_empty() && !entity.macs.contains(&mac))
        };
        let by_ip = || {
            let places = entity.addresses.iter();
            let mut places = places.filter_map(|ip| self.working.by_ip(*ip));
            places.find(|place| !is_other(place))
        };
        let by_link = || {
            let hosts = entity
                .links
                .iter()
                .filter(|link| link.relation == Relation::RunsOn);
            hosts
                .filter_map(|link| link.to.address)
                .find_map(|ip| self.working.by_ip(ip))
        };
        let by_name = || {
            let tables = [Table::Guests, Table::Hosts, Table::Devices];
            entity.names().find_map(|name| {
                tables
                    .iter()
                    .find_map(|table| self.working.by_name(*table, name))
            })
        };
        by_mac.or_else(by_ip).or_else(by_link).or_else(by_name)
    }

    /// The record of the thing's name, if it can be this thing; else a new one.
    fn named(&mut self, table: Table, entity: &Entity) -> Option<Place> {
        let name: String = entity.name.trim().chars().take(LONGEST_NAME).collect();
        if name.is_empty() {
            return None;
        }
        if let Some(place) = self.working.by_name(table, &name)
            && self.fits(&place, entity)
        {
            return Some(place);
        }
        let more = match entity.kind {
            EntityKind::Guest => entity
                .attributes
                .get("vmid")
                .map(|vmid| format!("{name}-{vmid}")),
            EntityKind::Container => entity
                .attributes
                .get("host")
                .map(|host| format!("{name}@{host}")),
            _ => None,
        };
        let source = format!("{name} ({})", self.source);
        let numbered = (2..100).map(|number| format!("{name} ({} {number})", self.source));
        let mut names = [Some(name.clone()), more, Some(source)]
            .into_iter()
            .flatten()
            .chain(numbered);
        let free = names.find(|name| self.working.by_name(table, name).is_none())?;
        Some(self.make(table, &free))
    }

    /// A new record of this name.
    pub(super) fn make(&mut self, table: Table, name: &str) -> Place {
        let id = (self.new_id)();
        let row = Map::from_iter([
            ("id".to_owned(), json!(id)),
            (table.key().to_owned(), json!(name)),
        ]);
        let place = (table, id);
        self.working.put(&place, row);
        self.fresh.insert(place.clone());
        place
    }

    /// Whether a record of the thing's name can be the thing.
    fn fits(&self, place: &Place, entity: &Entity) -> bool {
        let Some(row) = self.working.get(place) else {
            return false;
        };
        // Another thing of the kind is that record already. A container may be told of by its engine
        // and by what manages the engine.
        let kind = entity.kind.as_str();
        let shared = entity.kind == EntityKind::Container;
        let claims = self
            .claimed
            .get(place)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_taken = claims.iter().any(|(source, of_kind, id)| {
            let is_same = *source == self.source && *id == entity.id;
            of_kind == kind && !is_same && (!shared || *source == self.source)
        });
        if is_taken {
            return false;
        }
        match entity.kind {
            EntityKind::Guest => {
                let vmid = entity
                    .attributes
                    .get("vmid")
                    .and_then(|id| id.parse::<i64>().ok());
                row.get("vm_id")
                    .and_then(Value::as_i64)
                    .is_none_or(|has| Some(has) == vmid)
            }
            EntityKind::Container => {
                let on = ["vm", "device"]
                    .iter()
                    .find_map(|field| row.get(*field)?.as_str());
                let place = self.runs_on(entity).map(|place| self.working.name(&place));
                match (on, place) {
                    (Some(on), Some(place)) => fold(on) == fold(place),
                    _ => true,
                }
            }
            _ => true,
        }
    }

    /// The record of what the thing runs on.
    pub(super) fn runs_on(&self, entity: &Entity) -> Option<Place> {
        let mut links = entity
            .links
            .iter()
            .filter(|link| link.relation == Relation::RunsOn);
        links.find_map(|link| match &link.to {
            Reference {
                kind: Some(kind),
                id: Some(id),
                ..
            } => self.places.get(&self.key(kind.as_str(), id)).cloned(),
            _ => None,
        })
    }
}
