//! The tables, and how a memory becomes a row and a row a memory.

use homelab_core::clock::Micros;
use homelab_core::memory::{About, Memory, NewMemory, Scope, Unembedded};
use homelab_core::store::{StoreError, StoreResult};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{ENTITY, filter::folded};
use crate::row::Row;
use crate::table::{Table, table};
use crate::text::{fold, holds_nul, refuse_as_key};

pub(crate) const OWNERS: &Table = &table!(
    "memory_owners", order "number",
    text "owner", int "number", int "last", int "changes", int "erasures",
);

pub(crate) const REVISIONS: &Table = &table!(
    "memory_revisions", order "number",
    int "number", text "id", int "version", flag "newest", text "owner", text "user_id",
    text "agent_id", text "run_id", text "content", text "hash", text "category", text "metadata",
    text "source", int "importance", text "about", text "folded", int "seen_count",
    int "created_at", int "updated_at", int "valid_from", int "valid_to", text "superseded_by",
    int "expires_at", int "deleted_at",
);

pub(crate) const HISTORY: &Table = &table!(
    "memory_history", order "id, number",
    text "id", int "number", text "event", int "version", text "old_content", text "new_content",
    text "old_metadata", text "new_metadata", text "actor", text "request_id", text "reason",
    int "at",
);

pub(crate) const TOKENS: &Table = &table!(
    "memory_tokens", order "number, token",
    int "number", text "token",
);

pub(crate) const ABOUT: &Table = &table!(
    "memory_about", order "number, kind, name",
    int "number", text "kind", text "name",
);

pub(crate) const VECTORS: &Table = &table!(
    "memory_vectors", order "number, model",
    int "number", text "model", int "dimensions", text "vector", int "change",
);

/// The columns of [`read`].
pub(super) const COLUMNS: &str = "r.id, r.version, r.owner, r.user_id, r.agent_id, r.run_id, \
     r.content, r.category, r.metadata, r.source, r.importance, r.about, r.seen_count, \
     r.created_at, r.updated_at, r.valid_from, r.valid_to, r.superseded_by, r.expires_at, \
     r.deleted_at";

/// Importance is kept in millionths.
const MILLION: f64 = 1_000_000.0;

/// A revision with what only the store knows of it.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    /// Its number.
    pub(super) number: i64,
    /// Hash of its text.
    pub(super) hash: String,
    /// What others see.
    pub(super) memory: Memory,
}

pub(super) fn revision(row: Row<'_>) -> StoreResult<Revision> {
    Ok(Revision {
        number: row.int("number")?,
        hash: row.text("hash")?,
        memory: read(row)?,
    })
}

pub(super) fn read(row: Row<'_>) -> StoreResult<Memory> {
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    let importance = row.int("importance")? as f64 / MILLION;
    Ok(Memory {
        id: row.text("id")?,
        scope: Scope {
            owner: row.text("owner")?,
            user_id: row.text("user_id")?,
            agent_id: row.maybe_text("agent_id")?,
            run_id: row.maybe_text("run_id")?,
        },
        content: row.text("content")?,
        category: row.text("category")?,
        metadata: row.json("metadata")?,
        source: row.maybe_text("source")?,
        importance,
        about: row.json("about")?,
        version: number(row, "version")?,
        seen_count: number(row, "seen_count")?,
        created_at: Micros(row.int("created_at")?),
        updated_at: Micros(row.int("updated_at")?),
        valid_from: Micros(row.int("valid_from")?),
        valid_to: row.time("valid_to")?,
        superseded_by: row.maybe_text("superseded_by")?,
        expires_at: row.time("expires_at")?,
        deleted_at: row.time("deleted_at")?,
    })
}

pub(super) fn unembedded(row: Row<'_>) -> StoreResult<Unembedded> {
    Ok(Unembedded {
        id: row.text("id")?,
        version: number(row, "version")?,
        content: row.text("content")?,
    })
}

/// A small number of a row.
pub(super) fn number(row: Row<'_>, column: &str) -> StoreResult<u32> {
    u32::try_from(row.int(column)?).map_err(|error| StoreError::Corrupt {
        entity: ENTITY,
        detail: format!("column `{column}`: {error}"),
    })
}

/// What a new memory looks like.
pub(super) fn fresh(new: &NewMemory) -> Memory {
    Memory {
        id: new.id.clone(),
        scope: new.scope.clone(),
        content: new.content.clone(),
        category: new.category.clone(),
        metadata: new.metadata.clone(),
        source: new.source.clone(),
        importance: rounded(new.importance),
        about: new.about.clone(),
        version: 1,
        seen_count: 1,
        created_at: new.created_at,
        updated_at: new.created_at,
        valid_from: new.valid_from,
        valid_to: None,
        superseded_by: None,
        expires_at: new.expires_at,
        deleted_at: None,
    }
}

/// An importance as it is kept.
pub(super) fn rounded(importance: f64) -> f64 {
    (importance.clamp(0.0, 1.0) * MILLION).round() / MILLION
}

#[expect(clippy::cast_possible_truncation, reason = "between 0 and a million")]
fn millionths(importance: f64) -> i64 {
    (importance.clamp(0.0, 1.0) * MILLION).round() as i64
}

/// The row of a revision that is the newest.
pub(super) fn row(number: i64, hash: &str, memory: &Memory) -> StoreResult<Value> {
    let Scope {
        owner,
        user_id,
        agent_id,
        run_id,
    } = &memory.scope;
    Ok(json!({
        "number": number,
        "id": memory.id,
        "version": memory.version,
        "newest": true,
        "owner": owner,
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "content": memory.content,
        "hash": hash,
        "category": memory.category,
        "metadata": text(&memory.metadata)?,
        "source": memory.source,
        "importance": millionths(memory.importance),
        "about": text(&memory.about)?,
        "folded": text(&folded_fields(memory))?,
        "seen_count": memory.seen_count,
        "created_at": memory.created_at.0,
        "updated_at": memory.updated_at.0,
        "valid_from": memory.valid_from.0,
        "valid_to": memory.valid_to.map(|at| at.0),
        "superseded_by": memory.superseded_by,
        "expires_at": memory.expires_at.map(|at| at.0),
        "deleted_at": memory.deleted_at.map(|at| at.0),
    }))
}

/// What a condition without case looks at.
fn folded_fields(memory: &Memory) -> Value {
    let about: Vec<String> = memory
        .about
        .iter()
        .flat_map(|thing| [thing.name.clone(), format!("{}/{}", thing.kind, thing.name)])
        .collect();
    let mut fields = Map::new();
    for (name, value) in [
        ("category", Some(&memory.category)),
        ("source", memory.source.as_ref()),
        ("user_id", Some(&memory.scope.user_id)),
        ("agent_id", memory.scope.agent_id.as_ref()),
        ("run_id", memory.scope.run_id.as_ref()),
    ] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), fold(value).into());
        }
    }
    fields.insert("about".into(), folded(&json!(about)));
    let metadata = Value::Object(memory.metadata.clone());
    fields.insert("metadata".into(), folded(&metadata));
    Value::Object(fields)
}

pub(super) fn tokens(number: i64, exact: &[String]) -> Vec<Value> {
    let mut exact: Vec<_> = exact.iter().map(|token| fold(token)).collect();
    exact.sort_unstable();
    exact.dedup();
    exact.retain(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN);
    let row = |token| json!({ "number": number, "token": token });
    exact.into_iter().map(row).collect()
}

/// Bytes of a token; an index of PostgreSQL holds 2,704. Longer ones are found by their words alone.
pub(super) const LONGEST_TOKEN: usize = 1_000;

pub(super) fn about(number: i64, things: &[About]) -> Vec<Value> {
    let mut things: Vec<_> = things
        .iter()
        .map(|thing| (thing.kind.clone(), fold(&thing.name)))
        .collect();
    things.sort_unstable();
    things.dedup();
    let row = |(kind, name)| json!({ "number": number, "kind": kind, "name": name });
    things.into_iter().map(row).collect()
}

/// JSON as it is stored.
pub(super) fn text<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Internal(format!("a memory is no JSON: {error}")))
}

/// Refuses what a table of either engine cannot hold.
pub(super) fn check(memory: &Memory) -> StoreResult<()> {
    let scope = &memory.scope;
    refuse_as_key(ENTITY, "id", &memory.id)?;
    refuse_as_key(ENTITY, "owner", &scope.owner)?;
    refuse_as_key(ENTITY, "user_id", &scope.user_id)?;
    for (field, label) in [("agent_id", &scope.agent_id), ("run_id", &scope.run_id)] {
        if let Some(label) = label {
            refuse_as_key(ENTITY, field, label)?;
        }
    }
    for thing in &memory.about {
        refuse_as_key(ENTITY, "about", &thing.kind)?;
        refuse_as_key(ENTITY, "about", &thing.name)?;
    }
    let texts = [
        Some(&memory.content),
        Some(&memory.category),
        memory.source.as_ref(),
    ];
    if texts.into_iter().flatten().any(|text| text.contains('\0')) {
        return Err(nul("content"));
    }
    if holds_nul(&Value::Object(memory.metadata.clone())) {
        return Err(nul("metadata"));
    }
    Ok(())
}

fn nul(field: &'static str) -> StoreError {
    StoreError::Invalid {
        entity: ENTITY,
        field,
        detail: "it holds a NUL character".into(),
    }
}
