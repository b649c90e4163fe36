//! Vectors that are made after their texts were stored.

use std::collections::{BTreeMap, HashMap};

use homelab_core::memory::Vector;
use homelab_core::store::StoreResult;
use serde_json::{Value, json};

use super::code::coded;
use super::space::Space;
use crate::db::{Arg, Batch, Conn};
use crate::memories::insert::numbers;
use crate::memories::{ENTITY, rows};

/// Stores vectors of revisions that are there, each with the owner's next change.
pub(in crate::memories) async fn put_vectors(
    conn: &mut Conn<'_>,
    space: &Space,
    vectors: &[(String, u32, Vector)],
) -> StoreResult<()> {
    let wanted: Vec<Value> = vectors
        .iter()
        .filter(|(id, ..)| !id.contains('\0'))
        .map(|(id, version, _)| json!({ "id": id, "version": version }))
        .collect();
    let found = conn
        .all(ENTITY, PLACES, &[Arg::Rows(&Batch::of(&wanted)?)], |row| {
            let key = (row.text("id")?, rows::number(row, "version")?);
            Ok((key, (row.int("number")?, row.text("owner")?)))
        })
        .await?;
    let found: HashMap<_, _> = found.into_iter().collect();
    let mut changes = BTreeMap::new();
    for (_, owner) in found.values() {
        if !changes.contains_key(owner) {
            let change = numbers(conn, owner, 0).await?.change;
            changes.insert(owner.clone(), change);
        }
    }
    let mut rows = Vec::new();
    for (id, version, vector) in vectors {
        let Some((number, owner)) = found.get(&(id.clone(), *version)) else {
            continue;
        };
        let change = changes.get(owner).copied().unwrap_or_default();
        rows.push(coded(*number, vector, change)?);
    }
    for some in rows.chunks(500) {
        space.put(conn, some).await?;
    }
    Ok(())
}

const PLACES: &str = "SELECT r.id, r.version, r.number, r.owner FROM memory_revisions r \
     WHERE (r.id, r.version) IN (SELECT value->>'id', CAST(value->>'version' AS BIGINT) \
     FROM jsonb_each($1))";
