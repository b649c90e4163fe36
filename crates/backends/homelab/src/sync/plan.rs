//! What is to be stored after the servers told what they know. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, SourceFacts};
use homelab_core::net::Ip;
use homelab_core::store::{Known, Observed, Sighting};
use homelab_core::tool::Change;
use serde_json::{Value, json};

use super::fields;
use super::merge::{Merged, Seen, merge, plain};
use super::report::{KeptRow, Outcome, RecordRow, VanishedRow};
use super::working::{Place, Table, Working};

/// Kind of the sightings of single addresses.
const ADDRESS: &str = "address";
/// Longest name that is taken over: the store takes a few letters more.
pub(super) const LONGEST_NAME: usize = 200;

/// Source, kind and id of a thing.
pub(super) type Key = (String, String, String);

/// Works out what changes, and what the report says of it.
///
/// # Errors
/// `internal` where the inventory cannot be taken apart.
pub(crate) fn plan(
    known: &Known,
    sources: &[SourceFacts],
    now: Micros,
    new_id: &dyn Fn() -> String,
) -> ToolResult<(Observed, Outcome)> {
    let mut planner = Planner::new(known, new_id)?;
    // What others run on goes first, whoever tells of it: an engine is the guest of another source.
    let mut told: Vec<(&SourceFacts, &Entity)> = sources
        .iter()
        .filter_map(|source| Some((source, source.facts.as_ref().ok()?)))
        .flat_map(|(source, facts)| facts.entities.iter().map(move |entity| (source, entity)))
        .collect();
    told.sort_by_key(|(_, entity)| rank(entity.kind));
    for (source, entity) in told {
        planner.source.clone_from(&source.instance);
        planner.seen_at = source.seen_at;
        planner.take(entity);
    }
    for source in sources {
        if let Ok(facts) = &source.facts
            && !facts.incomplete
        {
            planner.miss(&source.instance, facts, now);
        }
    }
    let observed = Observed {
        records: planner.working.changed()?,
        sightings: planner.sightings,
    };
    Ok((observed, planner.outcome))
}

pub(super) struct Planner<'a> {
    pub(super) working: Working,
    before: HashMap<(&'a str, &'a str, &'a str), &'a Sighting>,
    /// Sightings of a record by others than the source at hand; to say whose value stands.
    of_record: HashMap<&'a str, Vec<&'a Sighting>>,
    pub(super) new_id: &'a dyn Fn() -> String,
    pub(super) source: String,
    seen_at: Micros,
    /// Which things of which source a record is, so that no two things of one kind share it.
    pub(super) claimed: HashMap<Place, Vec<Key>>,
    /// The records of this run's things.
    pub(super) places: HashMap<Key, Place>,
    /// Containers by name and by the record of the machine that they run on.
    pub(super) containers: HashMap<(String, Place), Place>,
    /// Records that were made for a thing and hold nothing yet.
    pub(super) fresh: HashSet<Place>,
    seen: HashSet<Key>,
    sightings: Vec<Sighting>,
    outcome: Outcome,
}

impl<'a> Planner<'a> {
    fn new(known: &'a Known, new_id: &'a dyn Fn() -> String) -> ToolResult<Self> {
        let mut of_record: HashMap<&str, Vec<&Sighting>> = HashMap::new();
        let mut claimed: HashMap<Place, Vec<Key>> = HashMap::new();
        for sighting in &known.sightings {
            let Some(record) = &sighting.record else {
                continue;
            };
            of_record.entry(record).or_default().push(sighting);
            let table = sighting.table.as_deref().and_then(Table::of);
            if let Some(table) = table.filter(|_| sighting.vanished_at.is_none()) {
                let claims = claimed.entry((table, record.clone())).or_default();
                claims.push(owned(sighting.key()));
            }
        }
        Ok(Self {
            working: Working::new(&known.records)?,
            before: known.sightings.iter().map(|one| (one.key(), one)).collect(),
            of_record,
            new_id,
            source: String::new(),
            seen_at: Micros(0),
            claimed,
            places: HashMap::new(),
            containers: HashMap::new(),
            fresh: HashSet::new(),
            seen: HashSet::new(),
            sightings: Vec::new(),
            outcome: Outcome::default(),
        })
    }

    /// One thing that the source at hand tells of.
    fn take(&mut self, entity: &Entity) {
        self.outcome.seen += 1;
        let key = self.key(entity.kind.as_str(), &entity.id);
        if !self.seen.insert(key.clone()) {
            return;
        }
        let record = self.place(entity).map(|place| {
            self.places.insert(key, place.clone());
            let written = self.write(entity, &place);
            (place, written)
        });
        self.sight(entity.kind.as_str(), &entity.id, entity, record);
        let template = entity.attributes.contains_key("template");
        // An address that is set aside for nobody has nothing to be written down.
        let nameless = entity.name.parse::<Ip>().is_ok();
        if has_addresses(entity.kind) && !template && !nameless {
            for ip in &entity.addresses {
                self.take_address(entity, *ip);
            }
        }
    }

    pub(super) fn key(&self, kind: &str, id: &str) -> Key {
        (self.source.clone(), kind.to_owned(), id.to_owned())
    }

    fn before(&self, kind: &str, id: &str) -> Option<&'a Sighting> {
        self.before.get(&(self.source.as_str(), kind, id)).copied()
    }

    /// The record that the thing was the last time, if it is still there.
    pub(super) fn known_place(&self, kind: &str, id: &str) -> Option<Place> {
        let sighting = self.before(kind, id)?;
        let table = Table::of(sighting.table.as_deref()?)?;
        let place = (table, sighting.record.clone()?);
        self.working.has(&place).then_some(place)
    }

    /// Writes what the thing says into its record; what the source has written there now.
    fn write(&mut self, entity: &Entity, place: &Place) -> BTreeMap<String, Value> {
        let on = self.runs_on(entity);
        let on_name = on.as_ref().map(|on| (on.0, self.working.name(on)));
        let mut seen = match (place.0, entity.kind) {
            (Table::Hosts, EntityKind::Host) => fields::host(entity),
            (Table::Guests, EntityKind::Guest) => {
                fields::guest(entity, on_name.map(|(_, name)| name))
            }
            (Table::Services, EntityKind::Container) => {
                let mut seen = fields::service(entity, on_name);
                let row = self.working.get(place);
                let entered = |field: &str| row.is_some_and(|row| row.contains_key(field));
                // It runs at one place: who entered a device does not get a guest beside it.
                let (vm, device) = (entered("vm"), entered("device"));
                seen.retain(|(field, _)| !(*field == "vm" && device || *field == "device" && vm));
                seen
            }
            (Table::Devices, _) => fields::device(entity),
            // A guest or host that some other system sees too: its hypervisor knows best.
            _ => return BTreeMap::new(),
        };
        let before = self.before(entity.kind.as_str(), &entity.id);
        let mut written = before.map(|one| one.written.clone()).unwrap_or_default();
        seen.extend(self.new_name(entity, place, &written));
        self.put(place, seen, &mut written);
        written
    }

    /// A thing that was renamed: its record follows, if the name is free and came from here.
    fn new_name(
        &self,
        entity: &Entity,
        place: &Place,
        written: &BTreeMap<String, Value>,
    ) -> Option<(&'static str, Value)> {
        let (table, name) = (place.0, entity.name.trim());
        let before = self.before(entity.kind.as_str(), &entity.id)?;
        let is_ours = written.get(table.key())?.as_str() == Some(self.working.name(place));
        let is_free = self.working.by_name(table, name).is_none() && !name.is_empty();
        let is_short = name.chars().count() <= LONGEST_NAME;
        let renamed = before.entity.name != entity.name && is_ours && is_free && is_short;
        renamed.then(|| (table.key(), json!(name)))
    }

    fn put(&mut self, place: &Place, seen: Seen, written: &mut BTreeMap<String, Value>) {
        let Some(mut row) = self.working.get(place).cloned() else {
            return;
        };
        let name = self.working.name(place).to_owned();
        if self.fresh.remove(place) {
            written.insert(place.0.key().to_owned(), json!(name));
            let Merged { changes, .. } = merge(&mut row, seen, written);
            self.working.put(place, row);
            let created = self.record_row(place, name, changes);
            self.outcome.created.push(created);
            return;
        }
        let Merged { changes, kept } = merge(&mut row, seen, written);
        for (field, stands, value) in kept {
            self.outcome.kept.push(KeptRow {
                entity: place.0.name(),
                name: name.clone(),
                field: field.to_owned(),
                entered_by: self.author(place, field, &stands),
                value: plain(&stands),
                seen: plain(&value),
                source: self.source.clone(),
            });
        }
        if changes.is_empty() {
            self.outcome.unchanged += 1;
            return;
        }
        self.working.put(place, row);
        let updated = self.record_row(place, name, changes);
        self.outcome.updated.push(updated);
    }

    fn record_row(&self, place: &Place, name: String, changes: Vec<Change>) -> RecordRow {
        RecordRow {
            entity: place.0.name(),
            name,
            source: self.source.clone(),
            changes,
        }
    }

    /// Whose value stands in a field.
    fn author(&self, place: &Place, field: &str, stands: &Value) -> String {
        let earlier = self
            .of_record
            .get(place.1.as_str())
            .into_iter()
            .flatten()
            .copied();
        let now = self
            .sightings
            .iter()
            .filter(|one| one.record.as_ref() == Some(&place.1));
        let mut others = earlier.chain(now).filter(|one| one.source != self.source);
        let author = others.find(|one| one.written.get(field) == Some(stands));
        author.map_or_else(|| "hand".to_owned(), |one| one.source.clone())
    }

    /// One address of a machine, as an allocation.
    fn take_address(&mut self, entity: &Entity, ip: Ip) {
        let network = self.working.network_of(ip).map(str::to_owned);
        // Addresses of IPv6 come and go; only those of a network that somebody wrote down are kept.
        // Those of the tailnet belong to it.
        if fields::is_tailnet(ip) || ip.0.is_ipv6() && network.is_none() {
            return;
        }
        let id = format!("{}/{}#{ip}", entity.kind.as_str(), entity.id);
        let key = self.key(ADDRESS, &id);
        if !self.seen.insert(key.clone()) {
            return;
        }
        let text = ip.to_string();
        let place = match self.working.by_name(Table::Addresses, &text) {
            Some(place) => place,
            None => self.make(Table::Addresses, &text),
        };
        let before = self.before(ADDRESS, &id);
        let mut written = before.map(|one| one.written.clone()).unwrap_or_default();
        let seen = fields::address(entity, network.as_deref());
        self.put(&place, seen, &mut written);
        let mut address = Entity::new(EntityKind::Registration, &id, &entity.name);
        address.addresses.push(ip);
        self.sight(ADDRESS, &id, &address, Some((place, written)));
    }

    fn sight(
        &mut self,
        kind: &str,
        id: &str,
        entity: &Entity,
        record: Option<(Place, BTreeMap<String, Value>)>,
    ) {
        let before = self.before(kind, id);
        let (place, written) = match record {
            Some((place, written)) => (Some(place), written),
            None => (None, BTreeMap::new()),
        };
        let sighting = Sighting {
            source: self.source.clone(),
            kind: kind.to_owned(),
            id: id.to_owned(),
            table: place.as_ref().map(|(table, _)| table.name().to_owned()),
            record: place.map(|(_, id)| id),
            entity: entity.clone(),
            written,
            first_seen: before.map_or(self.seen_at, |one| one.first_seen),
            last_seen: self.seen_at,
            vanished_at: None,
        };
        self.sightings.push(sighting);
    }

    /// Marks what the source told of before and no longer does.
    fn miss(&mut self, source: &str, facts: &Facts, now: Micros) {
        let gone: Vec<&Sighting> = self
            .before
            .values()
            .copied()
            .filter(|one| one.source == source && one.vanished_at.is_none())
            // Where addresses could not be read, their absence proves nothing.
            .filter(|one| one.kind != ADDRESS || facts.gaps.is_empty())
            .filter(|one| !self.seen.contains(&owned(one.key())))
            .collect();
        for sighting in gone {
            let mut marked = sighting.clone();
            marked.vanished_at = Some(now);
            self.forget_status(&mut marked);
            self.outcome.vanished.push(VanishedRow {
                source: marked.source.clone(),
                kind: marked.kind.clone(),
                name: marked.entity.name.clone(),
                entity: marked.table.clone(),
                last_seen: marked.last_seen,
            });
            self.sightings.push(marked);
        }
        let by_name = |row: &VanishedRow| (row.source.clone(), row.kind.clone(), row.name.clone());
        self.outcome.vanished.sort_by_key(by_name);
    }

    /// Nobody knows any more whether the record's thing is up, unless somebody else said so.
    fn forget_status(&mut self, sighting: &mut Sighting) {
        let table = sighting.table.as_deref().and_then(Table::of);
        let Some((table, id)) = table.zip(sighting.record.clone()) else {
            return;
        };
        let place = (table, id);
        let Some(mut row) = self.working.get(&place).cloned() else {
            return;
        };
        let status = row.get("status");
        if status.is_some() && status == sighting.written.get("status") {
            row.insert("status".to_owned(), json!("unknown"));
            sighting
                .written
                .insert("status".to_owned(), json!("unknown"));
            self.working.put(&place, row);
        }
    }
}

/// Machines whose addresses are allocations of the lab's networks.
const fn has_addresses(kind: EntityKind) -> bool {
    matches!(
        kind,
        EntityKind::Host
            | EntityKind::Guest
            | EntityKind::Device
            | EntityKind::NetworkDevice
            | EntityKind::Container
            | EntityKind::Allocation
    )
}

/// What others run on goes first.
const fn rank(kind: EntityKind) -> u8 {
    match kind {
        EntityKind::Host | EntityKind::NetworkDevice => 0,
        EntityKind::Guest | EntityKind::Device => 1,
        EntityKind::Engine => 2,
        EntityKind::Container => 3,
        _ => 4,
    }
}

fn owned((source, kind, id): (&str, &str, &str)) -> Key {
    (source.to_owned(), kind.to_owned(), id.to_owned())
}
