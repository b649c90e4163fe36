//! Everything that is told, as single things of single sources.

use std::collections::HashMap;

use homelab_core::clock::Micros;
use homelab_core::error::Code;
use homelab_core::facts::{Entity, EntityKind, Port, Reference, Relation, SourceFacts};
use homelab_core::inventory::{
    Address, Device, Equipment, Host, Service, Snapshot, VirtualMachine,
};
use homelab_core::store::{Known, Sighting};
use schemars::JsonSchema;
use serde::Serialize;

/// What our own records are called beside the instances.
pub(crate) const INVENTORY: &str = "inventory";

/// How a source knows of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// It was just asked.
    Live,
    /// It does not answer now; this is what it told when the inventory was last brought up to date.
    LastKnown,
    /// It is written in the inventory.
    Recorded,
}

/// One thing as one source sees it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The instance, or `inventory`.
    pub(crate) source: String,
    pub(crate) basis: Basis,
    pub(crate) seen_at: Option<Micros>,
    /// The inventory record that it is, by table and id.
    pub(crate) record: Option<(String, String)>,
    pub(crate) entity: Entity,
}

/// The nodes of all sources. One that does not answer is stood in for by what it told last; one that
/// the caller may not read is not.
pub(super) fn nodes(known: &Known, told: &[SourceFacts]) -> Vec<Node> {
    let mut nodes = recorded(&known.records);
    let seen: HashMap<_, &Sighting> = known.sightings.iter().map(|one| (one.key(), one)).collect();
    for source in told {
        match &source.facts {
            Ok(facts) => nodes.extend(facts.entities.iter().map(|entity| {
                let key = (&*source.instance, entity.kind.as_str(), &*entity.id);
                Node {
                    source: source.instance.clone(),
                    basis: Basis::Live,
                    seen_at: Some(source.seen_at),
                    record: seen.get(&key).and_then(|one| record_of(one)),
                    entity: entity.clone(),
                }
            })),
            Err(error) if error.code() == Code::PermissionDenied => {}
            Err(_) => nodes.extend(
                known
                    .sightings
                    .iter()
                    .filter(|one| one.source == source.instance && one.vanished_at.is_none())
                    .filter(|one| one.kind == one.entity.kind.as_str())
                    .map(|one| Node {
                        source: one.source.clone(),
                        basis: Basis::LastKnown,
                        seen_at: Some(one.last_seen),
                        record: record_of(one),
                        entity: one.entity.clone(),
                    }),
            ),
        }
    }
    nodes
}

fn record_of(sighting: &Sighting) -> Option<(String, String)> {
    sighting.table.clone().zip(sighting.record.clone())
}

fn recorded(records: &Snapshot) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(records.len());
    let mut add = |table: &str, id: &str, mut entity: Entity| {
        // Of several tables: their ids are only unique together.
        entity.id = format!("{table}/{id}");
        nodes.push(Node {
            source: INVENTORY.to_owned(),
            basis: Basis::Recorded,
            seen_at: None,
            record: Some((table.to_owned(), id.to_owned())),
            entity,
        });
    };
    for row in &records.proxmox_hosts {
        add("proxmox_hosts", &row.id, host(row));
    }
    for row in &records.virtual_machines {
        add("virtual_machines", &row.id, guest(row));
    }
    for row in &records.devices {
        add("devices", &row.id, device(row));
    }
    for row in &records.test_equipment {
        add("test_equipment", &row.id, equipment(row));
    }
    for row in &records.services {
        add("services", &row.id, service(row));
    }
    for row in &records.network_config {
        add("network_config", &row.id, address(row));
    }
    nodes
}

fn host(row: &Host) -> Entity {
    let mut entity = Entity::new(EntityKind::Host, "", &row.node_name)
        .attribute("cluster", row.cluster.as_ref())
        .attribute("notes", row.notes.as_ref());
    entity.addresses.extend(row.ip_address);
    entity.status = row.status;
    entity
}

fn guest(row: &VirtualMachine) -> Entity {
    let mut entity = Entity::new(EntityKind::Guest, "", &row.name)
        .attribute("vmid", row.vm_id)
        .attribute("type", row.kind.as_ref())
        .attribute("tags", joined(&row.tags))
        .attribute("notes", row.notes.as_ref());
    if let Some(host) = &row.host {
        let host = Reference::name(Some(EntityKind::Host), host);
        entity = entity.link(Relation::RunsOn, host);
    }
    entity.addresses.extend(row.ip);
    entity.macs.extend(row.mac);
    entity.status = row.status;
    entity
}

fn device(row: &Device) -> Entity {
    let mut entity = Entity::new(EntityKind::Device, "", &row.name)
        .attribute("category", row.category.as_ref())
        .attribute("type", row.kind.as_ref())
        .attribute("model", row.model.as_ref())
        .attribute("location", row.location.as_ref())
        .attribute("tags", joined(&row.tags))
        .attribute("notes", row.notes.as_ref());
    entity.aliases.extend(row.hostname.clone());
    entity.addresses.extend(row.ip);
    entity.macs.extend(row.mac);
    entity.status = row.status;
    entity
}

fn equipment(row: &Equipment) -> Entity {
    let mut entity = Entity::new(EntityKind::Device, "", &row.name)
        .attribute("category", Some("test_equipment"))
        .attribute("type", row.kind.as_ref())
        .attribute("model", row.model.as_ref());
    match row.host.parse() {
        Ok(ip) => entity.addresses.push(ip),
        Err(_) => entity.aliases.push(row.host.clone()),
    }
    entity.status = row.status;
    entity
}

fn service(row: &Service) -> Entity {
    let mut entity = Entity::new(EntityKind::Service, "", &row.service_name)
        .attribute("type", row.kind.as_ref())
        .attribute("tags", joined(&row.tags))
        .attribute("notes", row.notes.as_ref());
    if let Some(vm) = &row.vm {
        entity = entity.link(
            Relation::RunsOn,
            Reference::name(Some(EntityKind::Guest), vm),
        );
    } else if let Some(device) = &row.device {
        let device = Reference::name(Some(EntityKind::Device), device);
        entity = entity.link(Relation::RunsOn, device);
    }
    entity.ports.extend(row.port.map(|port| Port {
        port,
        protocol: row.protocol.clone().unwrap_or_else(|| "tcp".to_owned()),
        address: None,
        inside: None,
    }));
    entity.status = row.status;
    entity
}

fn address(row: &Address) -> Entity {
    let text = row.ip_address.to_string();
    let owner = row.allocated_to.as_ref().or(row.hostname.as_ref());
    let mut entity = Entity::new(EntityKind::Registration, "", owner.unwrap_or(&text))
        .attribute("type", row.kind.as_ref())
        .attribute("network", row.network.as_ref())
        .attribute("notes", row.notes.as_ref());
    entity.aliases.extend(row.hostname.clone());
    entity.addresses.push(row.ip_address);
    entity.macs.extend(row.mac);
    entity
}

fn joined(tags: &[String]) -> Option<String> {
    (!tags.is_empty()).then(|| tags.join(","))
}
