//! Storing records: names resolved to ids, then one statement per thousand rows.

use std::collections::{BTreeSet, HashMap};

use homelab_core::inventory::{Device, Host, Network, VirtualMachine};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use super::plan::{Keyed, plan};
use super::read;
use crate::db::{Arg, Batch, Conn, Lock, Values};
use crate::shared::Shared;
use crate::table::{Stored, Target};
use crate::text::{fold, holds_nul};

/// Rows of one `INSERT`.
const ROWS: usize = 1_000;
/// Keys of one look-up.
const KEYS: usize = 5_000;
/// Longest natural key, in characters: an index of PostgreSQL holds 2,704 bytes.
const LONGEST_KEY: usize = 255;

/// What became of the given records.
pub(super) struct Saved {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Id of each record, in the order given.
    pub(super) ids: Vec<String>,
}

/// Inserts or replaces one record.
pub(super) async fn put<R: Stored>(shared: &Shared, record: R) -> StoreResult<R> {
    let mut tx = shared.db.write(Lock::Inventory).await?;
    let mut conn = tx.conn();
    let saved = save(&mut conn, shared, vec![record]).await?;
    let id = saved.ids.first().map(String::as_str).unwrap_or_default();
    let stored = read::get(&mut conn, id)
        .await?
        .ok_or_else(|| StoreError::Internal(format!("a row of {} vanished", R::ENTITY)))?;
    tx.commit().await?;
    Ok(stored)
}

/// Removes a record; what refers to it keeps standing without it.
pub(super) async fn delete<R: Stored>(shared: &Shared, id: &str) -> StoreResult<bool> {
    if id.contains('\0') {
        return Ok(false);
    }
    let mut tx = shared.db.write(Lock::Inventory).await?;
    let removed = tx.conn().run(R::SQL.delete, &[id.into()]).await?;
    tx.commit().await?;
    Ok(removed > 0)
}

/// Inserts or replaces records of one kind within a transaction that holds [`Lock::Inventory`].
pub(super) async fn save<R: Stored>(
    conn: &mut Conn<'_>,
    shared: &Shared,
    mut records: Vec<R>,
) -> StoreResult<Saved> {
    let known = resolve(conn, &mut records).await?;
    let keyed = records
        .into_iter()
        .map(|record| keyed(record, &known))
        .collect::<StoreResult<Vec<_>>>()?;
    let existing = existing(conn, &keyed).await?;
    let plan = plan(keyed, existing, &|| shared.id())?;

    for parked in plan.parked.chunks(KEYS) {
        let rows: Vec<_> = parked.iter().map(|id| one("id", id)).collect();
        conn.run(R::SQL.park, &[Arg::Rows(&Batch::of(&rows)?)])
            .await?;
    }
    let now = shared.now().0;
    let written = plan.write.len() as u64;
    let mut given = plan.write.into_iter();
    loop {
        let rows = given
            .by_ref()
            .take(ROWS)
            .map(|record| row(record, now))
            .collect::<StoreResult<Vec<_>>>()?;
        if rows.is_empty() {
            break;
        }
        conn.run(R::SQL.upsert, &[Arg::Rows(&Batch::of(&rows)?)])
            .await?;
    }
    Ok(Saved {
        created: plan.created,
        updated: written - plan.created,
        unchanged: plan.unchanged,
        ids: plan.ids,
    })
}

/// Id and name as stored, by kind and sort key.
type Known = HashMap<(Target, String), (String, String)>;

/// Looks up all records that are referred to, each name once.
async fn resolve<R: Stored>(conn: &mut Conn<'_>, records: &mut [R]) -> StoreResult<Known> {
    let mut wanted: HashMap<Target, BTreeSet<String>> = HashMap::new();
    for record in records {
        for reference in record.references() {
            let names = wanted.entry(reference.target).or_default();
            names.extend(reference.name.as_deref().map(fold));
        }
    }
    let mut known = Known::new();
    for (target, names) in wanted {
        let names: Vec<_> = names
            .iter()
            .filter(|name| !name.contains('\0'))
            .map(|name| one("sort_key", name))
            .collect();
        for keys in names.chunks(KEYS) {
            let found = conn
                .all(
                    target.entity(),
                    target.resolve(),
                    &[Arg::Rows(&Batch::of(keys)?)],
                    |row| Ok((row.text("sort_key")?, row.text("id")?, row.text("name")?)),
                )
                .await?;
            known.extend(
                found
                    .into_iter()
                    .map(|(key, id, name)| ((target, key), (id, name))),
            );
        }
    }
    Ok(known)
}

/// Checks a record and replaces the names it refers to by their stored spelling.
fn keyed<R: Stored>(mut record: R, known: &Known) -> StoreResult<Keyed<R>> {
    let mut references = Vec::new();
    for reference in record.references() {
        let Some(name) = reference.name else {
            continue;
        };
        let key = (reference.target, fold(name));
        let Some((id, stored)) = known.get(&key) else {
            return Err(StoreError::UnknownReference {
                entity: reference.target.entity(),
                field: reference.field,
                value: name.clone(),
            });
        };
        name.clone_from(stored);
        references.push((reference.column, id.clone()));
    }
    let key = record.key();
    let invalid = |field, detail: &str| StoreError::Invalid {
        entity: R::ENTITY,
        field,
        detail: detail.into(),
    };
    if key.trim().is_empty() {
        return Err(invalid(R::KEY, "it is empty"));
    }
    if key.chars().count() > LONGEST_KEY {
        return Err(invalid(R::KEY, "it is longer than 255 characters"));
    }
    if record.id().chars().count() > LONGEST_KEY {
        return Err(invalid("id", "it is longer than 255 characters"));
    }
    let sort_key = R::sort_key(&key).ok_or_else(|| invalid(R::KEY, "it is no key"))?;
    Ok(Keyed {
        record,
        sort_key,
        references,
    })
}

async fn existing<R: Stored>(conn: &mut Conn<'_>, given: &[Keyed<R>]) -> StoreResult<Vec<R>> {
    let mut found = Vec::new();
    for some in given.chunks(KEYS) {
        let keys: Vec<_> = some
            .iter()
            .filter(|given| !given.record.id().contains('\0') && !given.sort_key.contains('\0'))
            .map(|given| {
                let mut row = one("sort_key", &given.sort_key);
                row.insert("id".into(), given.record.id().into());
                row
            })
            .collect();
        let rows = conn
            .all(
                R::ENTITY,
                R::SQL.existing,
                &[Arg::Rows(&Batch::of(&keys)?)],
                R::read,
            )
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// The record as a row: its fields go by the names they have in files, which are the columns'.
fn row<R: Stored>(given: Keyed<R>, now: i64) -> StoreResult<Values> {
    let Ok(Value::Object(mut row)) = serde_json::to_value(&given.record) else {
        return Err(StoreError::Internal(format!(
            "a record of {} is no object",
            R::ENTITY
        )));
    };
    if let Some((name, _)) = row.iter().find(|(_, value)| holds_nul(value)) {
        return Err(StoreError::Invalid {
            entity: R::ENTITY,
            field: R::TABLE
                .columns
                .iter()
                .find(|(column, _)| column == name)
                .map_or(R::KEY, |(column, _)| column),
            detail: "it holds a NUL character".into(),
        });
    }
    given.record.derive(&mut row);
    row.insert("sort_key".into(), given.sort_key.into());
    row.insert("updated_at".into(), now.into());
    for (column, id) in given.references {
        row.insert(column.into(), id.into());
    }
    Ok(row)
}

fn one(column: &str, value: &str) -> Values {
    Values::from_iter([(column.to_owned(), Value::from(value))])
}

impl Target {
    const fn entity(self) -> &'static str {
        match self {
            Self::Host => Host::TABLE.name,
            Self::Guest => VirtualMachine::TABLE.name,
            Self::Device => Device::TABLE.name,
            Self::Network => Network::TABLE.name,
        }
    }

    const fn resolve(self) -> &'static str {
        match self {
            Self::Host => Host::SQL.resolve,
            Self::Guest => VirtualMachine::SQL.resolve,
            Self::Device => Device::SQL.resolve,
            Self::Network => Network::SQL.resolve,
        }
    }
}
