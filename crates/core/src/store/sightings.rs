//! What servers told of the lab's things, and which inventory record each thing is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::{ImportReport, StoreResult};
use crate::clock::Micros;
use crate::facts::Entity;
use crate::inventory::Snapshot;

/// One thing as one source last told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// The instance that told of it.
    pub source: String,
    /// Its kind there: [`EntityKind`](crate::facts::EntityKind) as written, or `address`.
    pub kind: String,
    /// Its id there.
    pub id: String,
    /// The table of the inventory record that it is; absent where the inventory has no place for it.
    pub table: Option<String>,
    /// That record's id.
    pub record: Option<String>,
    /// The thing itself.
    pub entity: Entity,
    /// Fields of the record that came from this source, with the value it wrote last. A field that
    /// holds something else was changed by hand.
    pub written: BTreeMap<String, Value>,
    /// When it was seen for the first time.
    pub first_seen: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// When its source no longer told of it.
    pub vanished_at: Option<Micros>,
}

impl Sighting {
    /// Source, kind and id: what is unique.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.source, &self.kind, &self.id)
    }
}

/// All that is stored, as of one moment.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The inventory.
    pub records: Snapshot,
    /// What was seen, by source, kind and id.
    pub sightings: Vec<Sighting>,
}

/// What is to be stored: new and changed rows alone.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Records.
    pub records: Snapshot,
    /// Sightings.
    pub sightings: Vec<Sighting>,
}

/// What servers told, beside the inventory.
#[async_trait]
pub trait Sightings: Send + Sync {
    /// Everything as of one moment.
    async fn known(&self) -> StoreResult<Known>;
    /// Stores what `plan` makes of everything, in one transaction in which nobody else changes the
    /// inventory: a value entered by hand meanwhile is seen, not lost.
    async fn observe(
        &self,
        plan: &(dyn for<'a> Fn(&'a Known) -> Observed + Send + Sync),
    ) -> StoreResult<ImportReport>;
    /// Those of these records, by source, kind and id.
    async fn of_records(&self, records: &[String]) -> StoreResult<Vec<Sighting>>;
}
