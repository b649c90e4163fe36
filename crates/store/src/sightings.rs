//! What servers told of the lab's things.

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::facts::Entity;
use homelab_core::store::{
    ImportReport, Known, Observed, Sighting, Sightings, StoreError, StoreResult,
};
use serde_json::{Value, json};

use crate::db::{Arg, Batch, Conn, Lock, Values};
use crate::inventory::{read_all, take_all};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, insert, table};

const ENTITY: &str = "sightings";
/// Rows of one `INSERT`.
const ROWS: usize = 1_000;
/// Longest part of a key, characters: an index of PostgreSQL holds 2,704 bytes.
const LONGEST_KEY: usize = 600;

pub(crate) const TABLE: &Table = &table!(
    "sightings", order "source, kind, id",
    text "source", text "kind", text "id", text "record_table", text "record_id",
    text "entity", text "written", int "first_seen", int "last_seen", int "vanished_at",
);

const UPSERT: &str = concat!(
    insert!(
        "sightings", text "source", text "kind", text "id", text "record_table", text "record_id",
        text "entity", text "written", int "first_seen", int "last_seen", int "vanished_at"
    ),
    " ON CONFLICT (source, kind, id) DO UPDATE SET record_table = excluded.record_table, \
     record_id = excluded.record_id, entity = excluded.entity, written = excluded.written, \
     first_seen = excluded.first_seen, last_seen = excluded.last_seen, \
     vanished_at = excluded.vanished_at"
);

const OF_RECORDS: &str = "SELECT s.* FROM sightings s WHERE s.record_id IN \
     (SELECT value->>'id' FROM jsonb_each($1)) ORDER BY s.source, s.kind, s.id";

/// [`Sightings`] on either engine.
pub(crate) struct SightingStore(pub(crate) Shared);

#[async_trait]
impl Sightings for SightingStore {
    async fn known(&self) -> StoreResult<Known> {
        let mut tx = self.0.db.snapshot().await?;
        let known = known(&mut tx.conn()).await?;
        tx.commit().await?;
        Ok(known)
    }

    async fn observe(
        &self,
        plan: &(dyn for<'a> Fn(&'a Known) -> Observed + Send + Sync),
    ) -> StoreResult<ImportReport> {
        let mut tx = self.0.db.write(Lock::Inventory).await?;
        let mut conn = tx.conn();
        let observed = plan(&known(&mut conn).await?);
        let report = take_all(&mut conn, &self.0, observed.records).await?;
        for some in observed.sightings.chunks(ROWS) {
            let rows = some.iter().map(row).collect::<StoreResult<Vec<_>>>()?;
            conn.run(UPSERT, &[Arg::Rows(&Batch::of(&rows)?)]).await?;
        }
        tx.commit().await?;
        Ok(report)
    }

    async fn of_records(&self, records: &[String]) -> StoreResult<Vec<Sighting>> {
        let rows: Vec<Value> = records
            .iter()
            .filter(|id| !id.contains('\0'))
            .map(|id| json!({ "id": id }))
            .collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Batch::of(&rows)?;
        let mut session = self.0.db.read().await?;
        session
            .conn()
            .all(ENTITY, OF_RECORDS, &[Arg::Rows(&rows)], read)
            .await
    }
}

async fn known(conn: &mut Conn<'_>) -> StoreResult<Known> {
    Ok(Known {
        records: read_all(conn).await?,
        sightings: conn.all(ENTITY, TABLE.select_all, &[], read).await?,
    })
}

fn read(row: Row<'_>) -> StoreResult<Sighting> {
    let entity = row.text("entity")?;
    let entity: Entity = serde_json::from_str(&entity).map_err(|error| StoreError::Corrupt {
        entity: ENTITY,
        detail: format!("column `entity`: {error}"),
    })?;
    Ok(Sighting {
        source: row.text("source")?,
        kind: row.text("kind")?,
        id: row.text("id")?,
        table: row.maybe_text("record_table")?,
        record: row.maybe_text("record_id")?,
        entity,
        written: row.json("written")?,
        first_seen: Micros(row.int("first_seen")?),
        last_seen: Micros(row.int("last_seen")?),
        vanished_at: row.time("vanished_at")?,
    })
}

fn row(sighting: &Sighting) -> StoreResult<Values> {
    let text = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| StoreError::Internal(format!("a sighting is no JSON: {error}")))
    };
    let row = json!({
        "source": sighting.source,
        "kind": sighting.kind,
        "id": sighting.id,
        "record_table": sighting.table,
        "record_id": sighting.record,
        "entity": text(serde_json::to_string(&sighting.entity))?,
        "written": text(serde_json::to_string(&sighting.written))?,
        "first_seen": sighting.first_seen.0,
        "last_seen": sighting.last_seen.0,
        "vanished_at": sighting.vanished_at.map(|at| at.0),
    });
    let Value::Object(row) = row else {
        return Err(StoreError::Internal("a sighting is no object".into()));
    };
    for field in ["source", "kind", "id"] {
        let key = row.get(field).and_then(Value::as_str).unwrap_or_default();
        if key.is_empty() || key.chars().count() > LONGEST_KEY || key.contains('\0') {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field,
                detail: "it is empty, longer than 600 characters, or holds a NUL".into(),
            });
        }
    }
    Ok(row)
}
